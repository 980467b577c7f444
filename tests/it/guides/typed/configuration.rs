//! The configuration of a page on the machine of a test: the sandbox is Microsoft, listeners are at an address of its own, and files
//! that only a reader has are made. Nothing that the page decides is changed.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use gatepost::sandbox::Registration;
use toml::{Table, Value};

use super::{super::configurations::HASH, machine::Machine};

/// Names of the pages and what stands for them, `{here}` being the address of the machine. In this order.
const NAMES: &[(&str, &str)] = &[
    ("gatepost.contoso.com:", "{here}:"),
    ("mail.contoso.com:587", "{here}:1587"),
    ("127.0.0.1:", "{here}:"),
    // Devices, as whom the test connects.
    ("192.168.10.21", "127.0.0.1"),
    // The one tenant of the sandbox.
    ("contoso.com", "contoso.example"),
    ("$argon2id$...", HASH),
    // The day on which the page's copy was made.
    ("gatepost-2027-01-31.db", "gatepost-$(date +%F).db"),
];
/// Folders of the pages, which are below that of the machine.
const PLACES: &[&str] = &["/etc/", "/safe/", "/usr/bin/gatepost", "/usr/local/", "/usr/share/", "/var/"];
/// What is there without any `[[listener]]`.
const LISTENERS: &[(&str, u16)] = &[("smtp", 1587), ("imap", 1993), ("pop3", 1995)];

pub fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// With names and places of this machine.
pub fn here(text: &str, machine: &Machine) -> String {
    let address = machine.address.to_string();
    let named = |text: String, (name, stands): &(&str, &str)| text.replace(name, &stands.replace("{here}", &address));
    let named = NAMES.iter().fold(text.to_owned(), named);
    let folder = machine.folder.path().display().to_string();
    PLACES.iter().fold(named, |text, place| {
        let mut moved = String::new();
        for (at, part) in text.split(place).enumerate() {
            if at > 0 {
                let begins = moved.ends_with([' ', '"', '\'', '=', ':', '\n']) || moved.is_empty();
                moved.push_str(if begins { &folder } else { "" });
                moved.push_str(place);
            }
            moved.push_str(part);
        }
        moved
    })
}

/// None where it is no TOML, as where a page shows another one behind it.
pub fn fitted(text: &str, machine: &Machine) -> Option<String> {
    let mut whole: Table = here(text, machine).parse().ok()?;
    listeners(&mut whole, machine);
    apps(&mut whole, machine);
    accounts(&mut whole, machine);
    section(&mut whole, "console").insert("listen".to_owned(), format!("{}:8425", machine.address).into());
    let ca = machine.path("ca.pem").display().to_string();
    section(&mut whole, "network").insert("ca-file".to_owned(), ca.into());
    toml::to_string(&whole).ok()
}

fn section<'a>(whole: &'a mut Table, name: &str) -> &'a mut Table {
    whole.entry(name).or_insert_with(|| Table::new().into()).as_table_mut().unwrap()
}

fn tables<'a>(whole: &'a mut Table, name: &str) -> Vec<&'a mut Table> {
    let all = whole.get_mut(name).and_then(Value::as_array_mut);
    all.into_iter().flatten().filter_map(Value::as_table_mut).collect()
}

fn string(table: &Table, key: &str) -> Option<String> {
    table.get(key)?.as_str().map(str::to_owned)
}

fn listeners(whole: &mut Table, machine: &Machine) {
    if !whole.contains_key("listener") {
        let usual = |(protocol, port): &(&str, u16)| {
            let mut listener = Table::new();
            listener.insert("protocol".to_owned(), (*protocol).into());
            listener.insert("listen".to_owned(), vec![Value::from(format!("{}:{port}", machine.address))].into());
            Value::from(listener)
        };
        whole.insert("listener".to_owned(), LISTENERS.iter().map(usual).collect::<Vec<_>>().into());
    }
    for listener in tables(whole, "listener") {
        let places = listener.get("listen").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut ports: Vec<u16> =
            places.iter().filter_map(|place| place.as_str()?.rsplit(':').next()?.parse().ok()).collect();
        ports.dedup();
        // Those below 1024 are not everybody's.
        let place =
            |port: u16| Value::from(format!("{}:{}", machine.address, if port < 1024 { port + 1000 } else { port }));
        listener.insert("listen".to_owned(), ports.into_iter().map(place).collect::<Vec<_>>().into());
        if let (Some(certificate), Some(key)) = (string(listener, "certificate"), string(listener, "key")) {
            certificate_at(Path::new(&certificate), Path::new(&key), false);
        }
    }
}

fn apps(whole: &mut Table, machine: &Machine) {
    let sandbox = &machine.sandbox;
    for app in whole
        .get_mut("app")
        .and_then(Value::as_table_mut)
        .into_iter()
        .flatten()
        .filter_map(|(_, app)| app.as_table_mut())
    {
        for (key, value) in [
            ("authorize-url", sandbox.authorize_url()),
            ("token-url", sandbox.token_url()),
            ("device-url", sandbox.device_url()),
            ("graph-url", sandbox.graph_url()),
            ("smtp", sandbox.smtp().to_string()),
            ("imap", sandbox.imap().to_string()),
            ("pop3", sandbox.pop3().to_string()),
        ] {
            app.insert(key.to_owned(), value.into());
        }
        let id = string(app, "client-id").unwrap_or_default();
        match (string(app, "certificate"), string(app, "certificate-key")) {
            (Some(certificate), Some(key)) => {
                certificate_at(Path::new(&certificate), Path::new(&key), true);
                sandbox.register(Registration::with_certificate(id, text(Path::new(&certificate))));
            }
            _ if string(app, "grant").as_deref() == Some("client-credentials") => {
                sandbox.register(Registration::confidential(id, "secret"));
            }
            _ => sandbox.register(Registration::public(id)),
        }
    }
}

fn accounts(whole: &mut Table, machine: &Machine) {
    let used: Vec<_> = tables(whole, "client").iter().filter_map(|client| string(client, "account")).collect();
    for account in tables(whole, "account") {
        // `login` prints a password for such a one.
        let is_reached = ["password", "passwords-file"].iter().any(|key| account.contains_key(*key))
            || string(account, "address").is_some_and(|address| used.contains(&address));
        if !is_reached {
            account.insert("password".to_owned(), HASH.into());
        }
        if let Some(users) = string(account, "passwords-file") {
            let users = machine.path("etc/gatepost").join(users);
            if !users.exists() {
                fs::write(&users, format!("bob:{HASH}\n")).unwrap();
                fs::set_permissions(&users, PermissionsExt::from_mode(0o600)).unwrap();
            }
        }
    }
}

/// Addresses of accounts that somebody signs in to.
pub fn people(file: &Path) -> Vec<String> {
    let mut whole: Table = text(file).parse().unwrap_or_default();
    let accounts = tables(&mut whole, "account");
    let alone = accounts.into_iter().filter(|account| !account.contains_key("sign-in-as"));
    alone.filter_map(|account| string(account, "address")).filter(|address| !address.starts_with('*')).collect()
}

/// Of an app (which Entra takes with RSA alone) or of a listener.
pub fn certificate_at(certificate: &Path, key: &Path, of_app: bool) {
    if certificate.exists() {
        return;
    }
    let pair = match of_app {
        true => rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048),
        false => rcgen::KeyPair::generate(),
    };
    let pair = pair.unwrap();
    let made =
        rcgen::CertificateParams::new(vec!["mail.contoso.example".to_owned()]).unwrap().self_signed(&pair).unwrap();
    fs::write(certificate, made.pem()).unwrap();
    fs::write(key, pair.serialize_pem()).unwrap();
    fs::set_permissions(key, PermissionsExt::from_mode(0o600)).unwrap();
}

/// The configuration as the pages have it so far, and as it was put on the disk.
#[derive(Default)]
pub struct Written {
    of_page: String,
    on_disk: String,
}

impl Written {
    pub fn begun(text: &str) -> Self {
        Self { of_page: text.to_owned(), on_disk: String::new() }
    }

    /// With this behind it.
    pub fn with(&self, more: &str) -> String {
        format!("{}\n{more}", self.of_page)
    }

    /// This instead of what is there.
    pub fn instead(text: String, file: &Path) -> Self {
        Self { of_page: text, on_disk: self::text(file) }
    }

    /// Takes over what a command changed, and puts all of it where the program reads it.
    pub fn put(&mut self, file: &Path, machine: &Machine) -> Option<()> {
        let found = text(file);
        if found != self.on_disk {
            match found.strip_prefix(&self.on_disk) {
                Some(more) => self.of_page.push_str(more),
                None => self.of_page = found,
            }
        }
        if self.of_page.is_empty() {
            return Some(());
        }
        self.on_disk = fitted(&self.of_page, machine)?;
        fs::write(file, &self.on_disk).unwrap();
        Some(())
    }
}
