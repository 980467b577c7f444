//! The configuration as people meet it: every problem at once and in its place, nothing secret in a text, no relay for
//! strangers, and a file that documents every key.

mod clients;
mod domains;
mod exposure;
mod grants;
mod limits;
mod notify;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use gatepost::{
    account::{Delivery, Limits, LocalPassword, Sender},
    base::Lang,
    config::{self, Config, Problems, Severity, Surroundings},
    net::UpstreamTls,
    oauth::{AppCredential, Rotation},
};
use proptest::prelude::*;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$CgJshPeKJVsbYqMnYzmbtQ$3bVpCWY20hlZmgQhiJL2iSW7pAwRS7sCM5jYDOqXWik";

const APP: &str = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"id\"\n";

const ANN: &str = "[[account]]\naddress = \"ann@contoso.com\"\n";

const WIDE: &str = "[[listener]]\nprotocol = \"smtp\"\nlisten = [\"0.0.0.0:1587\"]\n";

const COPIER: &str = "[[client]]\nname = \"copier\"\naccount = \"ann@contoso.com\"\n";

fn person() -> Surroundings {
    let variables = [
        ("HOME", "/home/ann"),
        ("SECRET", "from-the-environment"),
        ("PROXY", "socks5://10.0.0.1"),
        ("GATEPOST_CLIENT_SECRET", "s3cret"),
    ];
    let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
    Surroundings { variables, ordinary_user: true, base: PathBuf::from("/etc/gatepost"), ..Surroundings::default() }
}

fn service() -> Surroundings {
    let variables = BTreeMap::from([("STATE_DIRECTORY".to_owned(), "/var/lib/gatepost".into())]);
    Surroundings { variables, ordinary_user: false, base: PathBuf::from("/etc/gatepost"), ..Surroundings::default() }
}

fn check(text: &str) -> Result<(Config, Problems), Problems> {
    config::check_text(text, "gatepost.toml", &person())
}

fn fine(text: &str) -> Config {
    match check(text) {
        Ok((config, _)) => config,
        Err(problems) => panic!("{problems}\nin:\n{text}"),
    }
}

/// The problems of a text that must be refused.
fn refused(text: &str) -> String {
    match check(text) {
        Ok((_, warnings)) => panic!("accepted with {warnings:?}:\n{text}"),
        Err(problems) => problems.to_string(),
    }
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_shipped_configuration_loads_without_a_warning() {
    // Whoever copies an example keeps what lies beside it to himself.
    let copy = tempfile::tempdir().unwrap();
    let mut files = vec![repository().join("config/gatepost.toml")];
    for from in fs::read_dir(repository().join("config/examples")).unwrap().map(|entry| entry.unwrap().path()) {
        let to = copy.path().join(from.file_name().unwrap());
        fs::copy(&from, &to).unwrap();
        domains::private(&to);
        files.extend(to.extension().is_some_and(|kind| kind == "toml").then_some(to));
    }
    assert!(files.len() >= 7, "{files:?}");
    let around = Surroundings { base: copy.path().to_owned(), ..person() };
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        match config::check_text(&text, &file.display().to_string(), &around) {
            Ok((_, warnings)) => assert!(warnings.problems.is_empty(), "{warnings}"),
            Err(problems) => panic!("{problems}"),
        }
    }
}

/// Table and key, for every key of the schema.
fn keys_of_the_schema() -> Vec<(String, String)> {
    fn walk(at: &str, schema: &serde_json::Value, found: &mut Vec<(String, String)>) {
        let choices = schema["anyOf"].as_array();
        let schema = choices.and_then(|c| c.iter().find(|s| s["type"] != "null")).unwrap_or(schema);
        let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
        let open = &schema["additionalProperties"];
        if open["type"] == "object" {
            return walk(at, open, found);
        }
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
            let before = found.len();
            walk(&path, inner, found);
            if found.len() == before && !at.is_empty() {
                found.push((at.to_owned(), name.clone()));
            }
        }
    }
    let mut found = Vec::new();
    walk("", &config::schema(), &mut found);
    found
}

#[test]
fn every_key_of_the_schema_is_documented_in_the_shipped_file() {
    let text = fs::read_to_string(repository().join("config/gatepost.toml")).unwrap();
    let mut section = String::new();
    let mut documented = Vec::new();
    for line in text.lines() {
        let line = line.trim_start_matches('#').trim_start();
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.split(']').next()) {
            section = header.trim_matches('[').replace("app.contoso", "app");
        } else if let Some((name, _)) = line.split_once(" = ") {
            documented.push((section.clone(), name.to_owned()));
        }
    }
    let keys = keys_of_the_schema();
    assert!(keys.len() > 80, "{keys:?}");
    let missing: Vec<_> = keys.iter().filter(|key| !documented.contains(key)).collect();
    assert!(missing.is_empty(), "not in config/gatepost.toml: {missing:?}");
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let text = refused(
        r#"
[consol]
listen = "x"
[daemon]
drain-secnds = 5
sign-on-seconds = "60"
[[listener]]
protocol = "smpt"
listen = ["127.0.0.1:25", "printer:25"]
[app.contoso]
provider = "microsoft365"
grant = "service-acount"
[[account]]
adress = "a@b.c"
[[account]]
address = "ann@contoso.com"
app = "contso"
delivery = "queue"
password = "hunter2"
"#,
    );
    for expected in [
        "gatepost.toml:2:2: `consol` is not a known key\nhint: did you mean `console`?",
        "gatepost.toml:5:1: `daemon.drain-secnds` is not a known key\nhint: did you mean `drain-seconds`?",
        "gatepost.toml:6:1: `daemon.sign-on-seconds` needs a whole number, this is a string",
        "gatepost.toml:8:1: `listener[0].protocol`: \"smpt\" is not a choice here\nhint: did you mean \"smtp\"?",
        "gatepost.toml:9:27: `listener[0].listen[1]`: \"printer:25\" is not an address with a port",
        "gatepost.toml:10:6: `app.contoso` needs `client-id`",
        "gatepost.toml:12:1: `app.contoso.grant`: \"service-acount\" is not a choice here\nhint: did you mean",
        "gatepost.toml:14:1: `account[0].adress` is not a known key\nhint: did you mean `address`?",
        "gatepost.toml:17:1: `account[1].app`: there is no [app.contso]\nhint: did you mean \"contoso\"?",
        "gatepost.toml:19:1: `account[1].password` is not a password hash",
    ] {
        assert!(text.contains(expected), "missing: {expected}\nin:\n{text}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn broken_toml_is_named_with_its_lines() {
    let text = refused("[store]\nurl = \n[queue]\nmax-bytes = = 3\n");
    assert!(text.contains("gatepost.toml:2:"), "{text}");
    assert!(text.contains("gatepost.toml:4:"), "{text}");
}

#[test]
fn defaults_are_those_of_the_interface() {
    let config = fine("");
    assert_eq!(config.store.url, "sqlite:///home/ann/.local/state/gatepost/gatepost.db");
    assert_eq!(config.store.key_file, Path::new("/home/ann/.local/state/gatepost/key"));
    assert_eq!(config.console.listen.unwrap().to_string(), "127.0.0.1:8425");
    assert_eq!((config.daemon.drain.as_secs(), config.daemon.sign_on.as_secs()), (10, 55));
    assert_eq!((config.queue.max_age.as_secs() / 3600, config.queue.max_bytes), (120, 10_000_000_000));
    let shown = config::show(&config);
    for port in [1587, 1993, 1995] {
        assert!(shown.contains(&format!("listen = [\"127.0.0.1:{port}\", \"[::1]:{port}\"]")), "{shown}");
    }
    let (config, _) = config::check_text("", "gatepost.toml", &service()).unwrap();
    assert_eq!(config.store.url, "sqlite:///var/lib/gatepost/gatepost.db");
}

#[test]
fn an_account_takes_its_names_from_its_address() {
    let text = format!("{APP}[[account]]\naddress = \"Info@Contoso.com\"\nsign-in-as = \"ann@contoso.com\"\n");
    let config = fine(&text);
    let account = &config.accounts[0];
    assert_eq!(account.address, "info@contoso.com");
    assert_eq!(account.imap_user, "info@contoso.com");
    assert_eq!(account.smtp_user, "ann@contoso.com");
    assert_eq!(account.send_as, ["info@contoso.com"]);
    assert_eq!(account.sign_in.key(), "contoso/ann@contoso.com");
}

#[test]
fn accounts_with_one_consent_share_one_sign_in() {
    let shared = "[[account]]\naddress = \"info@contoso.com\"\nsign-in-as = \"Ann@contoso.com\"\n";
    let config = fine(&format!("{APP}{ANN}{shared}"));
    let [ann, info] = [0, 1].map(|n| &config.accounts[n].sign_in);
    assert_eq!((ann.key(), &ann.app.client_id), (info.key(), &info.app.client_id));
    assert_eq!([&ann.account, &info.account], ["ann@contoso.com", "info@contoso.com"], "each is told its own address");
}

#[test]
fn secrets_come_from_the_file_a_file_or_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "from-a-file\r\n").unwrap();
    let secret = |line: &str| match &fine(&format!("{APP}{line}\n")).apps["contoso"].credential {
        AppCredential::Secret(secret) => secret.expose().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(secret("client-secret = \"typed\""), "typed");
    assert_eq!(secret("client-secret-env = \"SECRET\""), "from-the-environment");
    assert_eq!(secret(&format!("client-secret-file = \"{}\"", file.display())), "from-a-file");
    let twice = refused(&format!("{APP}client-secret = \"a\"\nclient-secret-env = \"SECRET\"\n"));
    assert!(twice.contains("given more than once"), "{twice}");
    let absent = refused(&format!("{APP}client-secret-env = \"NOT_SET\"\n"));
    assert!(absent.contains("the environment variable NOT_SET is not set"), "{absent}");
    let lost = refused(&format!("{APP}client-secret-file = \"lost\"\n"));
    assert!(lost.contains("cannot read /etc/gatepost/lost"), "{lost}");
}

#[test]
fn a_secret_may_be_a_credential_of_systemd() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("client-secret"), "s").unwrap();
    let mut around = service();
    around.variables.insert("CREDENTIALS_DIRECTORY".to_owned(), folder.path().into());
    let text = format!("{APP}client-secret-file = \"$CREDENTIALS_DIRECTORY/client-secret\"\n");
    assert!(config::check_text(&text, "gatepost.toml", &around).is_ok());
}

/// Whoever is not the service reads the same line and has none of it.
#[test]
fn what_systemd_lends_to_the_service_alone_is_refused_elsewhere_with_the_file_that_it_comes_from() {
    let text = format!("{APP}client-secret-file = \"$CREDENTIALS_DIRECTORY/client-secret\"\n");
    for (unit, by) in [
        (
            Some("[Service]\nLoadCredential=client-secret:/etc/gatepost/client-secret\n"),
            "LoadCredential=client-secret:/etc/gatepost/client-secret",
        ),
        (
            Some("[Service]\nLoadCredentialEncrypted=client-secret:/etc/gatepost/secret.cred\n"),
            "LoadCredentialEncrypted=client-secret:/etc/gatepost/secret.cred",
        ),
        (None, "LoadCredential=client-secret:<file>"),
    ] {
        let around = Surroundings { unit: unit.map(config::Unit::of), ..person() };
        let problems = config::check_text(&text, "gatepost.toml", &around).unwrap_err();
        for (lang, what) in [
            (Lang::En, "systemd lends client-secret to the service alone"),
            (Lang::Ja, "client-secret は、systemd がサービスだけに渡します"),
        ] {
            let told = problems.told(lang);
            for part in [what, by, "`sudo systemctl restart gatepost`"] {
                assert!(told.contains(part), "{part}: {told}");
            }
            assert_eq!(told.contains("`systemd-creds encrypt`"), by.contains("Encrypted"), "{told}");
            assert!(!told.contains("gatepost setup"), "{told}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_secret_that_everybody_can_read_is_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("secret");
    fs::write(&file, "s3cret\n").unwrap();
    let google = "[app.a]\nprovider = \"google\"\ngrant = \"service-account\"\n";
    for (app, key) in [(APP, "client-secret-file"), (google, "service-account-key-file")] {
        let text = format!("{app}{key} = \"{}\"\n", file.display());
        let warnings = |mode| {
            fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            check(&text).unwrap().1.to_string()
        };
        assert!(warnings(0o644).contains("can be read by every user"), "{key}");
        assert!(!warnings(0o600).contains("can be read"), "{key}");
    }
}

#[cfg(unix)]
#[test]
fn a_secret_in_a_configuration_that_everybody_can_read_is_warned_about_and_a_hash_or_a_bare_proxy_is_not() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gatepost.toml");
    let warnings = |text: &str, mode| {
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        config::load(&file).unwrap().1.told(gatepost::base::Lang::En)
    };
    let store = format!("[store]\nurl = \"sqlite://{}/x.db\"\n", folder.path().display());
    let proxy = |login: &str| format!("{store}[network]\nhttp-proxy = \"http://{login}proxy.example:3128\"\n");
    let told = warnings(&proxy("ann:s3cret@"), 0o644);
    for part in [
        "`network.http-proxy` is a secret, and every user of this machine can read ",
        "http-proxy-file = \"FILE\"",
        "chmod 600 ",
    ] {
        assert!(told.contains(part) && !told.contains("s3cret"), "{part}: {told}");
    }
    let secret = format!("{store}{APP}client-secret = \"s3cret\"\n");
    assert!(warnings(&secret, 0o644).contains("`app.contoso.client-secret` is a secret"));
    for (text, mode) in [(proxy("ann:s3cret@"), 0o600), (proxy(""), 0o644), (secret, 0o640)] {
        assert!(!warnings(&text, mode).contains("is a secret"), "{text}");
    }
}

/// Entra refuses it at the first sign-in (AADSTS900023), and `config check` called it fine.
#[test]
fn a_name_that_is_no_domain_and_no_guid_is_no_tenant_of_microsoft() {
    let of = |provider: &str, keys: &str| format!("[app.a]\nprovider = \"{provider}\"\nclient-id = \"x\"\n{keys}\n");
    for tenant in ["contoso", "contoso.", "1b9d6bcd-bbfd-4b2d-9b5d", ""] {
        let text = refused(&of("microsoft365", &format!("tenant = \"{tenant}\"")));
        assert!(text.contains("is neither the id of a tenant (a GUID) nor a domain"), "{tenant}: {text}");
        assert!(text.contains("Entra > Overview shows both"), "{tenant}: {text}");
    }
    for tenant in ["contoso.com", "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "common", "organizations", "consumers"] {
        fine(&of("microsoft365", &format!("tenant = \"{tenant}\"")));
    }
    fine(&of("microsoft365", "tenant = \"contoso\"\ntoken-url = \"https://id.example/token\""));
    let urls = "token-url = \"https://id.example/{tenant}/t\"\nauthorize-url = \"https://id.example/a\"\nscopes = [\"x\"]\n\
                smtp = \"a.example:587\"\nimap = \"a.example:993\"\npop3 = \"a.example:995\"";
    fine(&of("custom", &format!("tenant = \"contoso\"\n{urls}")));
}

#[test]
fn app_only_access_needs_a_tenant_and_a_credential() {
    let text = refused("[app.a]\nprovider = \"microsoft365\"\nclient-id = \"x\"\ngrant = \"client-credentials\"\n");
    assert!(text.contains("app-only access needs the tenant"), "{text}");
    assert!(text.contains("app-only access needs a secret or a certificate"), "{text}");
}

#[test]
fn plain_http_is_for_loopback_addresses_only() {
    for url in ["https://id.example/t", "http://127.0.0.1:9/t", "http://[::1]:9/t", "http://localhost:9/t"] {
        fine(&format!("{APP}token-url = \"{url}\"\n"));
    }
    for url in [
        "http://id.example/t",
        "http://localhost.evil.example/t",
        "http://127.0.0.1.evil.example/t",
        "ftp://127.0.0.1/t",
        "nonsense",
        "",
    ] {
        let text = refused(&format!("{APP}token-url = \"{url}\"\n"));
        assert!(text.contains("`app.contoso.token-url`"), "{text}");
    }
}

#[test]
fn presets_know_clouds_and_providers() {
    for (provider, token, smtp) in [
        ("microsoft365", "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token", "smtp.office365.com"),
        (
            "microsoft365-gcc-high",
            "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token",
            "smtp.office365.us",
        ),
        (
            "microsoft365-dod",
            "https://login.microsoftonline.us/contoso.com/oauth2/v2.0/token",
            "outlook-dod.office365.us",
        ),
        (
            "microsoft365-china",
            "https://login.partner.microsoftonline.cn/contoso.com/oauth2/v2.0/token",
            "partner.outlook.cn",
        ),
        ("google", "https://oauth2.googleapis.com/token", "smtp.gmail.com"),
        ("fastmail", "https://api.fastmail.com/oauth/refresh", "smtp.fastmail.com"),
        ("yahoo", "https://api.login.yahoo.com/oauth2/get_token", "smtp.mail.yahoo.com"),
        ("aol", "https://api.login.aol.com/oauth2/get_token", "smtp.aol.com"),
    ] {
        let config = fine(&APP.replace("microsoft365", provider));
        let app = &config.apps["contoso"];
        assert_eq!(app.token_url.as_str(), token);
        assert_eq!(app.smtp.host, smtp);
    }
    let outlook = fine("[app.me]\nprovider = \"outlook\"\nclient-id = \"x\"\n");
    assert!(outlook.apps["me"].token_url.path().starts_with("/consumers/"));
    assert!(fine(&APP.replace("microsoft365", "google")).apps["contoso"].device_url.is_none());
    assert_eq!(fine(&APP.replace("microsoft365", "fastmail")).apps["contoso"].rotation, Rotation::OneTime);
    let text = refused(&format!("{}grant = \"device-code\"\n", APP.replace("microsoft365", "google")));
    assert!(text.contains("google has no device sign-in for mail"), "{text}");
}

#[test]
fn every_field_of_a_provider_can_be_overridden() {
    let servers = "smtp = \"mail.example:465\"\nimap = \"mail.example:143\"\npop3 = \"[::1]:995\"\n";
    let rest = "scopes = [\"a\", \"b\"]\npkce = false\nsasl = \"oauthbearer\"\nsmtp-capabilities = [\"8bitmime\"]\n";
    let config = fine(&format!("{APP}{servers}{rest}"));
    let app = &config.apps["contoso"];
    assert_eq!((app.smtp.port, app.smtp.tls), (465, UpstreamTls::Implicit));
    assert_eq!((app.imap.port, app.imap.tls), (143, UpstreamTls::StartTls));
    assert_eq!(app.pop3.host, "::1");
    assert_eq!((app.scopes.len(), app.pkce), (2, false));
    assert_eq!(app.smtp_capabilities, ["8BITMIME"]);
}

#[test]
fn custom_names_everything_it_needs() {
    let text = refused("[app.own]\nprovider = \"custom\"\nclient-id = \"x\"\n");
    for key in ["`authorize-url`", "`token-url`", "`smtp`", "`imap`", "`pop3`", "scopes"] {
        assert!(text.contains(key), "{key} in {text}");
    }
}

#[test]
fn limits_hold_where_they_are_sound_and_are_exchanges_own_where_they_are_not_given() {
    let account = format!("{APP}{ANN}password = \"{HASH}\"\n");
    let limits = |keys: &str| fine(&format!("{account}limits = {{ {keys} }}\n")).accounts[0].sending.limits;
    let of = |limits: Limits| (limits.connections, limits.messages_per_minute, limits.recipients_per_day);
    assert_eq!(of(limits("")), (3, 30, 10_000));
    assert_eq!(of(limits("connections = 2, recipients-per-day = 500")), (2, 30, 500));
    for (wrong, name) in [("connections = 0", "connections"), ("messages-per-minute = 2000000", "messages-per-minute")]
    {
        let text = refused(&format!("{account}limits = {{ {wrong} }}\n"));
        assert!(text.contains(&format!("account[0].limits.{name}")) && text.contains("goes from 1 to"), "{text}");
    }
}

#[test]
fn recipients_are_addresses_and_domains_and_never_nobody() {
    let client = format!("{APP}{ANN}password = \"{HASH}\"\n{COPIER}from = [\"10.0.0.1\"]\n");
    let config = fine(&format!("{client}recipients = [\"*@contoso.com\", \"Boss@partner.example\"]\n"));
    let rules = &config.clients[0].rules;
    assert!(rules.may_write_to("bob@CONTOSO.com") && rules.may_write_to("boss@partner.example"));
    assert!(!rules.may_write_to("eve@partner.example") && !rules.may_write_to("postmaster"));
    assert!(fine(&client).clients[0].rules.may_write_to("anybody@anywhere.example"));
    for (wrong, told) in [
        ("[\"contoso.com\"]", "`client[0].recipients[0]`: \"contoso.com\" is not a mail address"),
        ("[\"*\"]", "is not a mail address"),
        ("[]", "`client[0].recipients` is empty: nobody could be written to"),
    ] {
        let text = refused(&format!("{client}recipients = {wrong}\n"));
        assert!(text.contains(told), "{wrong}: {text}");
    }
}

#[test]
fn the_largest_message_of_a_client_is_never_none_at_all() {
    let client = format!("{APP}{ANN}password = \"{HASH}\"\n{COPIER}from = [\"10.0.0.1\"]\n");
    assert_eq!(fine(&client).clients[0].rules.max_bytes, None);
    assert_eq!(fine(&format!("{client}max-bytes = 20_000_000\n")).clients[0].rules.max_bytes, Some(20_000_000));
    let text = refused(&format!("{client}max-bytes = 0\n"));
    assert!(text.contains("`client[0].max-bytes` is 0: nothing could be sent"), "{text}");
}

#[test]
fn what_comes_later_is_refused_never_ignored() {
    for text in [
        format!(
            "{APP}{ANN}password = \"{HASH}\"\n[[listener]]\nprotocol = \"smtp\"\nlisten = [\"127.0.0.1:0\"]\npass-through = true\n"
        ),
        "[store]\nurl = \"postgres://db/gatepost\"\n".to_owned(),
    ] {
        assert!(refused(&text).contains("not available in this version"), "{text}");
    }
}

#[test]
fn how_messages_leave_is_the_accounts_to_say_and_the_clients_where_it_has_a_word_of_its_own() {
    let account = format!("{APP}{ANN}password = \"{HASH}\"\n");
    let config = fine(&format!(
        "[queue]\nmax-age-hours = 24\npostmaster = \"admin@contoso.com\"\n{account}delivery = \"queue\"\n\
         {COPIER}from = [\"10.0.0.1\"]\ndelivery = \"direct\"\ncapture = true\nsender = \"force\"\n"
    ));
    assert_eq!(config.accounts[0].sending.delivery, Delivery::Queue);
    let rules = &config.clients[0].rules;
    assert_eq!((rules.delivery, rules.capture, rules.sender), (Some(Delivery::Direct), true, Sender::Force));
    assert!(rules.repair, "a client without a login is repaired");
    assert_eq!(config.queue.max_age.as_secs(), 24 * 3600);
}

#[test]
fn a_proxy_is_named_by_a_url_that_says_all_of_it() {
    let config = fine("[network]\nhttp-proxy = \"http://proxy.corp:3128\"\nmail-proxy-env = \"PROXY\"\n");
    assert_eq!(config.network.http_proxy.unwrap().to_string(), "http://proxy.corp:3128");
    assert_eq!(config.network.mail_proxy.unwrap().to_string(), "socks5://10.0.0.1:1080");
    for (url, expected) in [
        (
            "https://proxy:3128",
            "`network.mail-proxy` wants TLS to the proxy itself (https://), which Gatepost does not speak: write http://",
        ),
        ("proxy:3128", "`network.mail-proxy` is neither http:// nor socks5://"),
        ("http://ann:hun#ter2@proxy:3128", "is not a URL; in user and password write"),
        ("http://hunter2@proxy:3128", "a user without a password"),
    ] {
        let text = refused(&format!("[network]\nmail-proxy = \"{url}\"\n"));
        assert!(text.contains(expected) && text.contains("hint: for example \"http://proxy:3128\""), "{text}");
        assert!(!text.contains("ter2"), "{text}");
    }
}

/// It stands there by mistake: what is refused is shown in many places.
#[test]
fn a_url_with_a_login_in_the_place_of_a_file_or_variable_is_told_and_never_shown() {
    let url = "http://svc:p%40ss@proxy.corp:3128";
    for (key, wants) in [
        ("network.mail-proxy-file", "the path of a file"),
        ("network.http-proxy-env", "the name of a variable"),
        ("network.ca-file", "the path of a file"),
    ] {
        let name = key.trim_start_matches("network.");
        let text = refused(&format!("[network]\n{name} = \"{url}\"\n"));
        assert!(text.contains(&format!("`{key}` wants {wants}, and holds a URL with a login")), "{text}");
        assert!(text.contains("hint: write the URL into ") && !text.contains("p%40ss"), "{text}");
    }
}

#[test]
fn the_sealing_key_comes_from_one_place_and_is_a_key() {
    let key = "oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=";
    let config = fine(&format!("[store]\nkey = \"{key}\"\n"));
    let shown = config::show(&config);
    assert!(shown.contains("key = \"[hidden]\"") && !shown.contains("oKGi"), "{shown}");
    assert!(fine("[store]\nkey-file = \"/none/yet\"\n").store.key.is_none(), "the first run makes it");
    for (keys, expected) in [
        (format!("key = \"{key}\"\nkey-file = \"key\""), "`store.key` is given more than once"),
        (format!("key = \"{key}\"\nkey-env = \"SECRET\""), "`store.key` is given more than once"),
        ("key-env = \"SECRET\"".to_owned(), "`store.key-env` holds 20 bytes that are no base64"),
        ("key-env = \"NOT_SET\"".to_owned(), "the environment variable NOT_SET is not set"),
        ("key = \"c2hvcnQ=\"".to_owned(), "`store.key` holds the base64 of 5 bytes; a key is the base64 of 32 bytes"),
    ] {
        let text = refused(&format!("[store]\n{keys}\n"));
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let other = fine("[store]\nkey = \"AAGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\"\n");
    assert_eq!(config::diff(&config, &other).to_string(), "restart needed for store");
}

#[test]
fn names_that_clash_or_lead_nowhere_are_told() {
    let account = format!("{APP}{ANN}password = \"{HASH}\"\n");
    for (more, expected) in [
        ("[[account]]\naddress = \"ANN@contoso.com\"\n".to_owned(), "is there twice"),
        (COPIER.replace("ann@", "anne@") + "from = [\"10.0.0.1\"]\n", "did you mean \"ann@contoso.com\"?"),
        (format!("{COPIER}login = \"Ann@contoso.com\"\npassword = \"{HASH}\"\n"), "is taken by another"),
        (COPIER.to_owned(), "neither `login` nor `from`"),
        (format!("{COPIER}login = \"copier\"\n"), "`client[0]` needs `password`"),
        (format!("{COPIER}from = [\"192.168.10.5/28\"]\n"), "the block is 192.168.10.0/28"),
    ] {
        let text = refused(&format!("{account}{more}"));
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let text = refused(&format!("{WIDE}{}", WIDE.replace("smtp", "imap")));
    assert!(text.contains("0.0.0.0:1587 is listened on twice"), "{text}");
}

#[test]
fn control_bytes_cannot_reach_a_sasl_message() {
    for name in ["imap-user", "smtp-user", "sign-in-as"] {
        let text = refused(&format!("{APP}{ANN}{name} = \"ann\\u0001auth=x\"\n"));
        assert!(text.contains("control characters"), "{text}");
    }
}

#[test]
fn what_is_shown_has_no_secrets_and_reads_back() {
    let console = format!("[console]\npassword = \"{HASH}\"\n");
    let notify = "[notify]\nwebhook = \"https://chat.example/s3cret\"\ncommand = [\"tell\", \"--token=s3cret\"]\n";
    let app = format!("{APP}client-secret = \"s3cret\"\nsecret-expires = 2027-05-01\n");
    let network =
        "[network]\nhttp-proxy = \"http://ann:s3cret@proxy:3128\"\nmail-proxy = \"socks5://ann:s3cret@proxy\"\n";
    let config = fine(&format!("{console}{network}{notify}{app}{ANN}password = \"{HASH}\"\n"));
    let shown = config::show(&config);
    assert!(shown.contains("secret-expires = 2027-05-01"), "{shown}");
    for secret in ["s3cret", "argon2id"] {
        assert!(!shown.contains(secret), "{shown}");
        assert!(!format!("{:?} {:?} {:?}", config.apps, config.accounts, config.network).contains(secret));
    }
    assert!(shown.contains("http-proxy = \"http://ann:[hidden]@proxy:3128\""), "{shown}");
    assert!(shown.contains("mail-proxy = \"socks5://ann:[hidden]@proxy:1080\""), "{shown}");
    shown.parse::<toml::Table>().unwrap();
}

#[test]
fn a_reload_names_what_changed_and_nothing_else() {
    let bob = ANN.replace("ann", "bob");
    let old = format!("{APP}{ANN}{bob}");
    let same = config::diff(&fine(&old), &fine(&old));
    assert!(same.is_empty(), "{same}");
    assert_eq!(same.to_string(), "nothing changed");

    let password = format!("password = \"{HASH}\"\n");
    let eve = ANN.replace("ann", "eve");
    let new = format!("[daemon]\ndrain-seconds = 3\n{WIDE}{APP}{ANN}{password}{eve}{password}");
    let change = config::diff(&fine(&old), &fine(&new));
    assert_eq!(change.accounts.added, ["eve@contoso.com"]);
    assert_eq!(change.accounts.removed, ["bob@contoso.com"]);
    assert_eq!(change.accounts.changed, ["ann@contoso.com"]);
    assert_eq!(change.listeners.added, ["smtp 0.0.0.0:1587"]);
    assert_eq!(change.listeners.removed.len(), 6);
    assert!(change.to_string().contains("restart needed for listeners +smtp 0.0.0.0:1587 -"), "{change}");
    assert_eq!(change.sections, ["daemon"]);
    assert!(change.apps.is_empty());

    let proxy = |password: &str| fine(&format!("[network]\nmail-proxy = \"http://ann:{password}@proxy:3128\"\n"));
    assert_eq!(config::diff(&proxy("a"), &proxy("b")).to_string(), "changed network");
    assert!(config::diff(&proxy("a"), &proxy("a")).is_empty());

    let secret = |value: &str| fine(&format!("{APP}client-secret = \"{value}\"\n"));
    assert_eq!(config::diff(&secret("a"), &secret("b")).apps.changed, ["contoso"]);
}

#[test]
fn only_argon2id_within_bounds_is_a_password() {
    let account = |hash: &str| format!("{APP}{ANN}password = \"{hash}\"\n");
    fine(&account(HASH));
    for wrong in [
        "secret".to_owned(),
        HASH.replace("argon2id", "argon2i"),
        HASH.replace("m=19456", "m=99999999"),
        HASH.rsplit_once('$').unwrap().0.to_owned(),
        "$2y$10$abcdefghijklmnopqrstuuGZ0J0J0J0J0J0J0J0J0J0J0J0J0J0J0".to_owned(),
    ] {
        let text = refused(&account(&wrong));
        assert!(text.contains("account[0].password") && text.contains("gatepost password"), "{text}");
        assert!(!text.contains(&wrong), "{text}");
    }
}

#[test]
fn the_places_of_the_file_are_tried_in_order() {
    let expected = ["gatepost.toml", "/home/ann/.config/gatepost/gatepost.toml", "/etc/gatepost/gatepost.toml"];
    assert_eq!(config::places(&person()), expected.map(PathBuf::from));
    let named = config::locate(Some(Path::new("/nowhere/x.toml")), &person()).unwrap();
    assert_eq!(named, Path::new("/nowhere/x.toml"));
    let lost = config::load(&named).unwrap_err();
    assert!(lost.refused() && lost.problems[0].severity == Severity::Error);
}

proptest! {
    /// Whatever is written, the answer is a configuration or a list of problems.
    #[test]
    fn no_text_stops_the_check(text in "\\PC{0,200}") {
        let _ = check(&text);
    }

    /// A shipped file with a piece cut out, or doubled, never stops the check either.
    #[test]
    fn no_mutilated_file_stops_the_check(from in 0usize..2000, len in 0usize..80, doubled in any::<bool>()) {
        let text: Vec<char> =
            fs::read_to_string(repository().join("config/examples/printer.toml")).unwrap().chars().collect();
        let from = from.min(text.len());
        let to = (from + len).min(text.len());
        let (head, tail) = if doubled { (to, from) } else { (from, to) };
        let mutilated: String = text[..head].iter().chain(&text[tail..]).collect();
        let _ = check(&mutilated);
    }
}

#[test]
fn a_key_that_is_there_twice_is_named() {
    let text =
        "[[account]]\naddress = \"ann@contoso.com\"\nsend-as = [\"a@contoso.com\"]\nsend-as = [\"b@contoso.com\"]\n";
    let problems = check(text).unwrap_err();
    assert!(problems.told(Lang::En).contains("4:1: not valid TOML: the key `send-as` is there twice"), "{problems}");
    let told = problems.told(Lang::Ja);
    assert!(told.contains("キー `send-as` が重複しています") && told.contains("どちらか一方を削除"), "{told}");
}
