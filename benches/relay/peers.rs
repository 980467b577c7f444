//! The others: each set up as its documentation recommends for many connections, with the same certificate check.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use crate::{
    client::{Route, user},
    figures::{self, Memory},
    part::Part,
    place::{NAME, Place, client_tls},
    stub::TOKEN,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Gatepost,
    Direct,
    Copy,
    Haproxy,
    Stunnel,
    Dovecot,
    EmailProxy,
}

impl Kind {
    pub const ALL: [Kind; 7] =
        [Kind::Gatepost, Kind::Direct, Kind::Copy, Kind::Haproxy, Kind::Stunnel, Kind::Dovecot, Kind::EmailProxy];

    pub const fn name(self) -> &'static str {
        match self {
            Kind::Gatepost => "Gatepost",
            Kind::Direct => "direct",
            Kind::Copy => "tokio copy",
            Kind::Haproxy => "HAProxy",
            Kind::Stunnel => "stunnel",
            Kind::Dovecot => "Dovecot",
            Kind::EmailProxy => "email-oauth2-proxy",
        }
    }
}

/// Where the stub is, or a delay line in front of it.
#[derive(Clone, Copy, Debug)]
pub struct Upstream {
    pub imap: SocketAddr,
    pub smtp: SocketAddr,
    /// The token endpoint, for who asks one.
    pub token: SocketAddr,
}

/// One way from a client to the stub.
pub struct Way {
    pub kind: Kind,
    pub imap: Route,
    pub smtp: Route,
    /// Nobody is in between when it is direct.
    pub(super) part: Option<Part>,
}

impl Way {
    pub fn new(kind: Kind, imap: SocketAddr, smtp: SocketAddr, part: Part) -> Self {
        let route = |address| Route { address, tls: None };
        Self { kind, imap: route(imap), smtp: route(smtp), part: Some(part) }
    }

    /// CPU seconds of the proxy so far.
    pub fn cpu(&self) -> Option<f64> {
        self.part.as_ref().map(|part| figures::cpu(part.pid()).as_secs_f64())
    }

    pub fn memory(&self) -> Memory {
        figures::memory(self.pid())
    }

    pub fn pid(&self) -> u32 {
        self.part.as_ref().unwrap().pid()
    }
}

/// `None`: it is not installed. Gatepost has its own file.
pub fn start(kind: Kind, place: &Place, to: Upstream) -> Option<Way> {
    let (imap, smtp) = (place.port(), place.port());
    let room = place.room(kind.name().split(' ').next_back().unwrap());
    let part = match kind {
        Kind::Gatepost => panic!("gatepost.rs starts it"),
        Kind::Direct => {
            let route = |address| Route { address, tls: Some(client_tls(&place.ca())) };
            return Some(Way { kind, imap: route(to.imap), smtp: route(to.smtp), part: None });
        }
        Kind::Copy => {
            let hops = [imap, to.imap, smtp, to.smtp].map(|address| address.to_string());
            let ca = place.ca();
            let mut words = vec!["plain-relay", ca.to_str().unwrap()];
            words.extend(hops.iter().map(String::as_str));
            Part::ourselves(&room, "copy", &words)
        }
        Kind::Haproxy => configured(&room, "haproxy", "haproxy", &["-db", "-f"], &haproxy(place, imap, smtp, to))?,
        Kind::Stunnel => configured(&room, "stunnel", "stunnel", &[], &stunnel(place, &room, imap, smtp, to))?,
        Kind::Dovecot => configured(&room, "dovecot", "dovecot", &["-F", "-c"], &dovecot(&room, imap, to))?,
        Kind::EmailProxy => email_proxy(place, &room, imap, to)?,
    };
    let part = part.accepts(&room, imap);
    let imap_only = matches!(kind, Kind::Dovecot | Kind::EmailProxy);
    let part = if imap_only { part } else { part.accepts(&room, smtp) };
    Some(Way::new(kind, imap, smtp, part))
}

fn configured(room: &Path, name: &str, program: &str, words: &[&str], text: &str) -> Option<Part> {
    let program = installed(program)?;
    let file = room.join(format!("{name}.conf"));
    fs::write(&file, text).unwrap();
    let mut words = words.to_vec();
    words.push(file.to_str().unwrap());
    Some(Part::start(room, name, Path::new(&program), &words))
}

fn installed(program: &str) -> Option<String> {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .map(|folder| format!("{folder}/{program}"))
        .find(|path| Path::new(path).exists());
    if found.is_none() {
        eprintln!("bench: {program} is not installed and is left out (benches/install.sh installs it)");
    }
    found
}

fn haproxy(place: &Place, imap: SocketAddr, smtp: SocketAddr, to: Upstream) -> String {
    let hop = |name: &str, from, to| {
        format!(
            "listen {name}\n  bind {from}\n  server stub {to} ssl verify required verifyhost {NAME} ca-file {} \
             ssl-min-ver TLSv1.3\n",
            place.ca().display()
        )
    };
    format!(
        "global\n  maxconn 9000\n\
         defaults\n  mode tcp\n  timeout connect 30s\n  timeout client 1h\n  timeout server 1h\n{}{}",
        hop("imap", imap, to.imap),
        hop("smtp", smtp, to.smtp)
    )
}

fn stunnel(place: &Place, room: &Path, imap: SocketAddr, smtp: SocketAddr, to: Upstream) -> String {
    let service =
        |name: &str, from, to| format!("[{name}]\nclient = yes\naccept = {from}\nconnect = {to}\ncheckHost = {NAME}\n");
    format!(
        "foreground = yes\nsyslog = no\ndebug = err\npid = {}\nCAfile = {}\nverifyChain = yes\n\
         sslVersionMin = TLSv1.3\nsocket = l:TCP_NODELAY=1\nsocket = r:TCP_NODELAY=1\n{}{}",
        room.join("pid").display(),
        place.ca().display(),
        service("imap", imap, to.imap),
        service("smtp", smtp, to.smtp)
    )
}

/// Its documentation's high-performance mode: login processes that serve many connections.
/// The one that does not check the certificate: it finds no issuer in `ssl_client_ca_file` (2.3.19).
fn dovecot(room: &Path, imap: SocketAddr, to: Upstream) -> String {
    format!(
        "protocols = imap\nlisten = {address}\nbase_dir = {room}/run\nstate_dir = {room}/state\n\
         log_path = {room}/messages\ninstance_name = gatepost-bench\ndisable_plaintext_auth = no\n\
         ssl = no\nauth_mechanisms = plain login\n\
         passdb {{\n  driver = static\n  args = proxy=y host={host} port={port} ssl=any-cert nopassword=y\n}}\n\
         service imap-login {{\n  service_count = 0\n  process_min_avail = 2\n  process_limit = 2\n\
         \x20 client_limit = 20000\n  vsz_limit = 4G\n\
         \x20 inet_listener imap {{\n    port = {imap_port}\n  }}\n  inet_listener imaps {{\n    port = 0\n  }}\n}}\n\
         service auth {{\n  client_limit = 30000\n}}\nservice anvil {{\n  client_limit = 30000\n}}\n",
        address = imap.ip(),
        imap_port = imap.port(),
        room = room.display(),
        host = to.imap.ip(),
        port = to.imap.port(),
    )
}

/// Where `benches/install.sh` puts it, with what it needs.
const EMAIL_PROXY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/email-oauth2-proxy");

/// With an app-only grant, which needs no browser; each login derives its key anew all the same.
fn email_proxy(place: &Place, room: &Path, imap: SocketAddr, to: Upstream) -> Option<Part> {
    if !Path::new(EMAIL_PROXY).is_dir() {
        eprintln!("bench: email-oauth2-proxy is not installed and is left out (benches/install.sh installs it)");
        return None;
    }
    let file = room.join("emailproxy.config");
    let text = format!(
        "[IMAP-{port}]\nlocal_address = {}\nserver_address = {}\nserver_port = {}\n\n\
         [{}]\ntoken_url = http://{}{TOKEN}\noauth2_scope = mail\noauth2_flow = client_credentials\n\
         client_id = bench\nclient_secret = bench\n",
        imap.ip(),
        to.imap.ip(),
        to.imap.port(),
        user(0),
        to.token,
        port = imap.port(),
    );
    fs::write(&file, text).unwrap();
    let (path, roots) = (format!("PYTHONPATH={EMAIL_PROXY}"), format!("SSL_CERT_FILE={}", place.ca().display()));
    let words = [&path, &roots, "python3", "-m", "emailproxy", "--no-gui", "--config-file", file.to_str().unwrap()];
    Some(Part::start(room, "email-oauth2-proxy", Path::new("/usr/bin/env"), &words))
}

/// Name and version of everybody, as they say it themselves.
pub fn versions() -> String {
    let asked =
        [("haproxy", "-v", "HAProxy version "), ("stunnel", "-version", "stunnel "), ("dovecot", "--version", "")];
    let told = asked.iter().filter_map(|(program, word, before)| {
        let output = Command::new(installed(program)?).arg(word).output().ok()?;
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let version = said.lines().find_map(|line| line.strip_prefix(before))?.split(' ').next()?.to_owned();
        Some(format!("{program} {version}"))
    });
    told.chain(email_proxy_version()).collect::<Vec<_>>().join(", ")
}

fn email_proxy_version() -> Option<String> {
    let names = fs::read_dir(EMAIL_PROXY).ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let version =
        names.filter_map(|name| Some(name.strip_prefix("emailproxy-")?.strip_suffix(".dist-info")?.to_owned()));
    version.map(|version| format!("email-oauth2-proxy {version}")).next()
}
