use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::{
    base::is_mailbox,
    cli::setup::discover::Server,
    config::{PRESETS, Surroundings},
};

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$SbqvXrfAiTMaYRXTLyBvY5Hlvw9JjBN2uxnXSnhxVdA";
const ID: &str = "10000000-0000-4000-8000-000000000001";

fn around() -> Surroundings {
    let variables = [("HOME".to_owned(), "/home/ann".into())].into_iter().collect();
    Surroundings { variables, ordinary_user: true, base: PathBuf::from("/home/ann"), ..Surroundings::default() }
}

fn app(name: &str, provider: &str) -> NewApp {
    NewApp {
        name: name.into(),
        preset: PRESETS.iter().find(|preset| preset.name == provider).unwrap(),
        tenant: provider.starts_with("microsoft365").then(|| ID.to_owned()),
        tenant_name: Some("contoso.com".into()),
        client_id: ID.into(),
        grant: Grant::AuthorizationCode,
        proof: Proof::None,
        servers: None,
    }
}

fn account(address: &str, app: &str) -> NewAccount {
    let password = NewPassword::Hash(Secret::new(HASH));
    NewAccount { address: address.into(), app: app.into(), sign_in_as: None, password, outbound: "smtp" }
}

fn composed(existing: &str, blocks: &Blocks) -> Result<Composed, Problems> {
    compose(existing, &blocks.text(Lang::En, existing, "2026-11-28"), "gatepost.toml", &around())
}

fn both(address: &str) -> Blocks {
    Blocks {
        app: Some(app("contoso", "microsoft365")),
        accounts: vec![account(address, "contoso")],
        ..Blocks::default()
    }
}

#[test]
fn a_new_file_says_what_differs_from_the_defaults_and_why() {
    let mut blocks = both("ann@contoso.com");
    let shared = NewAccount { sign_in_as: Some("ann@contoso.com".into()), ..account("info@contoso.com", "contoso") };
    blocks.accounts.push(shared);
    let text = composed("", &blocks).unwrap().text;
    assert_eq!(
        text,
        format!(
            "# Added by `gatepost setup` on 2026-11-28.\n\
             # Every key, with its default: config/gatepost.toml of Gatepost, or `gatepost config schema`.\n\
             # No [[listener]] is written here: smtp 1587, imap 1993 and pop3 1995 listen, on this machine alone.\n\n\
             # The app registration at microsoft365: a public client needs no secret.\n\
             [app.contoso]\nprovider = \"microsoft365\"\n# the tenant of contoso.com\ntenant = \"{ID}\"\nclient-id = \"{ID}\"\n\n\
             [[account]]\naddress = \"ann@contoso.com\"\napp = \"contoso\"\n\
             # The hash of what mail programs type here. Another one: gatepost password\npassword = \"{HASH}\"\n\n\
             # A shared mailbox: ann@contoso.com signs in, IMAP and POP3 open this one, SMTP sends as this one.\n\
             [[account]]\naddress = \"info@contoso.com\"\napp = \"contoso\"\nsign-in-as = \"ann@contoso.com\"\n\
             # The hash of what mail programs type here. Another one: gatepost password\npassword = \"{HASH}\"\n"
        )
    );
}

#[test]
fn what_is_there_stays_byte_for_byte_and_new_blocks_come_behind_it() {
    let existing = format!(
        "# mine\n[console]   # a remark\nlisten = \"off\"\n\n[app.old]\nprovider = \"google\"\nclient-id = \"x\"\n\
         [[account]]\naddress = \"bob@contoso.com\"\napp = 'old'\npassword = \"{HASH}\""
    );
    let new = composed(&existing, &both("ann@contoso.com")).unwrap();
    assert!(new.text.starts_with(&existing), "{}", new.text);
    assert_eq!(new.config.accounts.len(), 2);
    assert!(!new.text.contains("Every key"), "said once, in a new file");
}

#[test]
fn accounts_that_took_the_only_app_for_granted_are_told_which_it_was() {
    let existing = format!(
        "[app.old]\nprovider = \"google\"\nclient-id = \"x\"\n\n[[account]]   # bob\naddress = \"bob@contoso.com\"\n\
         password = \"{HASH}\"\n\n[[account]]\naddress = \"eve@contoso.com\"\npassword = \"{HASH}\"\n"
    );
    let new = composed(&existing, &both("ann@contoso.com")).unwrap();
    assert_eq!(new.text.matches("\napp = \"old\"\n").count(), 2, "{}", new.text);
    let without: String = new.text.replace("app = \"old\"\n", "");
    assert!(without.starts_with(existing.trim_end()), "{without}");
}

#[test]
fn what_the_check_refuses_does_not_come_out() {
    // A table that TOML closes: nothing can come behind it.
    for existing in ["app = { x = { provider = \"google\", client-id = \"y\" } }\n", "account = []\n"] {
        let problems = composed(existing, &both("ann@contoso.com")).err().expect(existing);
        assert!(problems.refused());
    }
}

#[test]
fn what_is_there_already_is_not_added_again() {
    let existing: Table =
        "[console]\nlisten = \"off\"\n[[listener]]\nprotocol = \"smtp\"\nlisten = [\"127.0.0.1:1587\"]\n"
            .parse()
            .unwrap();
    let told = |lines: &[Line]| lines.iter().map(|line| format!("{} {}", line.block, line.text)).collect::<Vec<_>>();
    let settings = |written: &str| {
        let mut lines = Vec::new();
        let new = settings_to_add(&existing, &[Setting::parse(written).unwrap()], &mut lines);
        (new.len(), told(&lines))
    };
    assert_eq!(settings("console.listen=off"), (0, vec![]));
    assert_eq!(settings("network.ca-file=/x"), (1, vec![]));
    assert_eq!(settings("console.listen=127.0.0.1:1").1, ["[console] listen = \"127.0.0.1:1\""]);
    let listeners = |written: &[&str]| {
        let wanted: Vec<Listen> = written.iter().map(|one| Listen::parse(one).unwrap()).collect();
        let mut lines = Vec::new();
        let new = listeners_to_add(&existing, &wanted, &mut lines);
        (new.len(), told(&lines))
    };
    assert_eq!(listeners(&["smtp=127.0.0.1:1587", "imap=127.0.0.1:1587"]), (1, vec![]));
    let both = ["smtp=127.0.0.1:1587", "smtp=[::1]:1587"];
    assert_eq!(
        listeners(&both),
        (0, vec!["[[listener]] smtp listen = [\"127.0.0.1:1587\", \"[::1]:1587\"]".to_owned()])
    );
}

#[test]
fn a_listener_for_other_machines_takes_tls_and_plain_and_one_for_this_machine_is_plain() {
    let listeners = ["smtp=192.168.10.2:1587", "imap=127.0.0.1:1993"].map(|one| Listen::parse(one).unwrap());
    let blocks = Blocks { listeners: listeners.to_vec(), ..both("ann@contoso.com") };
    let text = composed("", &blocks).unwrap().text;
    assert!(text.contains("listen = [\"192.168.10.2:1587\"]\ntls = \"auto\"\n"), "{text}");
    assert!(text.contains("listen = [\"127.0.0.1:1993\"]\n\n"), "{text}");
    assert!(!text.contains("1995"), "pop3 does not listen: {text}");
}

#[test]
fn an_app_is_called_after_its_domain_and_never_as_another_one() {
    assert_eq!(app_name("ann@contoso.com", |_| false, "google"), "contoso");
    assert_eq!(app_name("ann@contoso.com", |name| name == "contoso", "google"), "contoso-2");
    assert_eq!(app_name("ann@\u{4f8b}.jp", |_| false, "google"), "google");
}

fn address() -> impl Strategy<Value = String> {
    "[!-~\u{e9}\u{4f8b}]{1,12}@[a-z0-9\u{4f8b}]([a-z0-9-]{0,10}[a-z0-9])?(\\.[a-z]{2,5}){1,2}"
        .prop_filter("an address", |text| is_mailbox(text))
        .prop_map(|text| text.to_lowercase())
}

fn any_listener() -> impl Strategy<Value = Listen> {
    let protocol = prop_oneof![Just("smtp"), Just("imap"), Just("pop3")];
    (protocol, any::<std::net::SocketAddr>()).prop_map(|(protocol, address)| {
        // A scope or flow of IPv6 is nothing that one listens on.
        let address = std::net::SocketAddr::new(address.ip(), address.port());
        Listen { protocol, address }
    })
}

proptest! {
    #[test]
    fn whatever_is_answered_the_check_takes_it(
        first in address(),
        second in address(),
        provider in 0..PRESETS.len(),
        client_id in "[!-~]{1,40}",
        tenant in prop_oneof!["[A-Za-z0-9-]{1,20}(\\.[A-Za-z0-9-]{1,9}){1,2}", Just("common".to_owned()), Just(ID.to_owned())],
        grant in prop_oneof![Just(Grant::AuthorizationCode), Just(Grant::DeviceCode), Just(Grant::ClientCredentials)],
        outbound in prop_oneof![Just("smtp"), Just("graph"), Just("smtp-then-graph")],
        first_use in any::<bool>(),
        listeners in proptest::collection::vec(any_listener(), 0..3),
        lang in prop_oneof![Just(Lang::En), Just(Lang::Ja)],
    ) {
        let preset = PRESETS[provider];
        let device = grant == Grant::DeviceCode && preset.device_url.is_some();
        // As the interview has it.
        let grant = if device || preset.grants.contains(&grant) { grant } else { Grant::AuthorizationCode };
        let outbound = if preset.graph_url.is_some() { outbound } else { "smtp" };
        let is_entra = preset.name.starts_with("microsoft365");
        prop_assume!(!(grant.is_app_only() && ["common", "organizations", "consumers"].contains(&tenant.as_str())));
        let is_wide = listeners.iter().any(Listen::is_wide);
        let password = || match first_use && !grant.is_unattended() && !is_wide {
            true => NewPassword::FirstUse,
            false => NewPassword::Hash(Secret::new(HASH)),
        };
        let is_custom = preset.name == "custom";
        let server = |port| Some(Server { host: "mail.example.com".into(), port, is_implicit: true });
        let name = app_name(&first, |_| false, preset.name);
        let of = |address: &str, sign_in_as: Option<String>| {
            NewAccount { address: address.into(), app: name.clone(), sign_in_as, password: password(), outbound }
        };
        let mut accounts = vec![of(&first, None)];
        if second != first {
            accounts.push(of(&second, (!grant.is_app_only()).then(|| first.clone())));
        }
        let proof = match grant.is_app_only() {
            // A file that is there: the check opens it.
            true => Proof::Secret(a_secret()),
            false => Proof::None,
        };
        let settings = ["app.authorize-url=https://a.example/", "app.token-url=https://a.example/t", "app.scopes=[\"mail\"]"];
        let blocks = Blocks {
            settings: settings.iter().filter(|_| is_custom).map(|one| Setting::parse(one).unwrap_or_else(|_| panic!())).collect(),
            listeners: listeners_to_add(&Table::new(), &dedup(listeners), &mut Vec::new()),
            app: Some(NewApp {
                name: name.clone(),
                preset,
                tenant: is_entra.then_some(tenant),
                tenant_name: first.rsplit('@').next().map(str::to_owned),
                client_id,
                grant,
                proof,
                servers: is_custom.then(|| Servers { imap: server(993), pop3: server(995), smtp: server(465), has_oauth: true }),
            }),
            accounts,
        };
        let text = blocks.text(lang, "", "2026-11-28");
        if let Err(problems) = compose("", &text, "gatepost.toml", &around()) {
            return Err(TestCaseError::fail(format!("{problems}\n{text}")));
        }
    }
}

/// A file with a secret, one for all cases; it is gone with the process.
fn a_secret() -> String {
    static FILE: std::sync::OnceLock<tempfile::NamedTempFile> = std::sync::OnceLock::new();
    let file = FILE.get_or_init(|| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, b"the secret\n").unwrap();
        file
    });
    file.path().display().to_string()
}

fn dedup(mut listeners: Vec<Listen>) -> Vec<Listen> {
    let mut seen = std::collections::HashSet::new();
    listeners.retain(|listen| seen.insert(listen.address));
    listeners
}
