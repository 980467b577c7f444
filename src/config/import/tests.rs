//! Old files on one side, what is written of them on the other.

mod others;

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::base::Secret;

const SERVERS: &str = "\
[IMAP-1993]
server_address = outlook.office365.com
server_port = 993
local_address = 127.0.0.1

[SMTP-1587]
server_address = smtp.office365.com
server_port = 587
server_starttls = True
local_address = 127.0.0.1
";

const ANN: &str = "\
[ann@contoso.com]
permission_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize
token_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token
oauth2_scope = https://outlook.office.com/IMAP.AccessAsUser.All offline_access
client_id = the-id
";

// Sealed by Python's `cryptography` with 1000 turns.
const SALT: &str = "token_salt = AAECAwQFBgcICQoLDA0ODw==\ntoken_iterations = 1000\n";
const TOKEN: &str =
    "gAAAAABlU_EAEBESExQVFhcYGRobHB0eH5yUY5QK9J_PJK7BW9Q_M7Dfe3XXr2u5-I6-iMonCTIiTlQD0szj6iun8ruBxccOxA==";
const SECRET: &str =
    "gAAAAABlU_EAEBESExQVFhcYGRobHB0eH7eJEEAXi8WYJM7QAyuxKBE8vzxzd9tdvLiBBg006Q_4BICK-lZW_JVeu5Ce_s7MgQ==";
const PASSWORD: &str = "old pässword";

fn found(text: &str) -> Found {
    emailproxy::read(text, "old", None).unwrap_or_else(|Unreadable(problems)| panic!("{problems}"))
}

/// Text and report of a file that nobody gave a password for.
fn shown(text: &str) -> (String, String) {
    of(found(text), Vec::new())
}

fn of(found: Found, answers: Vec<Answer>) -> (String, String) {
    let draft = found.assemble(answers);
    (draft.toml(Path::new("/etc/gatepost")), draft.report.to_string())
}

/// Each account gets this password, and keeps what it opens.
fn with_password(found: Found, password: &str) -> Draft {
    let typed = Secret::new(password);
    let answer = |account: &FoundAccount| Answer {
        opened: account.open(&typed).unwrap_or_else(|WrongPassword| account.unsealed()),
        password: DraftPassword::Hash(Secret::new("$argon2id$hash")),
        typed: Some(typed.clone()),
    };
    let answers = found.accounts.iter().map(answer).collect();
    found.assemble(answers)
}

fn has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|own| own == *line), "{line} is not in:\n{text}");
    }
}

fn reports(report: &str, parts: &[&str]) {
    for part in parts {
        assert!(report.contains(part), "{part} is not in:\n{report}");
    }
}

/// An account of a flow without a person, on Microsoft's servers.
fn unattended(keys: &str) -> String {
    format!(
        "{SERVERS}[ann@contoso.com]\ntoken_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token\n{keys}"
    )
}

#[test]
fn listeners_keep_their_ports_and_addresses_and_only_loopback_is_taken_for_granted() {
    let text = "\
[IMAP-1993]
server_address = outlook.office365.com
server_port = 993
local_address = ::
[POP-1995]
server_address = outlook.office365.com
server_port = 995
[SMTP-25]
server_address = smtp.office365.com
server_port = 587
starttls = yes
local_address = 192.168.10.2
[SMTP-2]
server_address = smtp.office365.com
server_port = 587
local_address = mail.example.org
[SMTP-70000]
[IMAP-3]
";
    let (toml, report) = shown(text);
    has(
        &toml,
        &[
            "listen = [\"0.0.0.0:1993\", \"[::]:1993\"]",
            "listen = [\"127.0.0.1:1995\", \"[::1]:1995\"]",
            "listen = [\"192.168.10.2:25\"]",
            "listen = [\"127.0.0.1:2\", \"[::1]:2\"]",
        ],
    );
    reports(
        &report,
        &[
            "old:5: [POP-1995] local_address: without it the old program may listen on every address",
            "old:16: [SMTP-2] local_address: names are not looked up",
            "old:17: [SMTP-70000]: its port is out of range",
            "old:18: [IMAP-3] server_address: is missing",
        ],
    );
}

#[test]
fn certificates_make_tls_implicit_or_starttls() {
    let tls = "local_certificate_path = /c.pem\nlocal_key_path = /k.pem\n";
    let (toml, _) = shown(&format!("{SERVERS}{tls}local_starttls = True\n"));
    has(&toml, &["tls = \"starttls\"", "certificate = \"/c.pem\"", "key = \"/k.pem\""]);
    let (toml, _) = shown(&format!("{SERVERS}{tls}"));
    has(&toml, &["tls = \"implicit\""]);
    let (toml, report) = shown(&format!("{SERVERS}local_certificate_path = /c.pem\nlocal_starttls = True\n"));
    assert!(!toml.contains("tls ="), "{toml}");
    reports(&report, &["certificate and key belong together", "it needs a certificate"]);
}

#[test]
fn an_account_of_microsoft_needs_no_urls_and_no_servers() {
    let (toml, report) = shown(&format!("{SERVERS}{ANN}redirect_uri = http://localhost\n"));
    let app = toml.split("[app.contoso]\n").nth(1).unwrap();
    assert_eq!(
        app,
        "provider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"the-id\"\n\
         # as the old file has them: a sign-in that was taken over asks for no more\n\
         scopes = [\"https://outlook.office.com/IMAP.AccessAsUser.All\", \"offline_access\"]\n\n\
         # from [ann@contoso.com]\n[[account]]\naddress = \"ann@contoso.com\"\npassword = \"first-use\"\n"
    );
    assert_eq!(report, "");
}

#[test]
fn a_provider_of_nobodys_gets_every_url_and_server() {
    let text = "\
[IMAP-1993]
server_address = mail.example.org
server_port = 10993
[SMTP-1587]
server_address = mail.example.org
server_port = 587
server_starttls = 1
[a@example.org]
permission_url = https://login.example.org/authorize
token_url = https://login.example.org/token
oauth2_scope = mail
client_id = id
use_pkce = True
redirect_uri = http://127.0.0.1:8080/back
";
    let (toml, _) = shown(text);
    has(
        &toml,
        &[
            "provider = \"custom\"",
            "authorize-url = \"https://login.example.org/authorize\"",
            "token-url = \"https://login.example.org/token\"",
            "scopes = [\"mail\"]",
            "redirect-uri = \"http://127.0.0.1:8080/back\"",
            "imap = \"mail.example.org:10993\"",
            "smtp = \"mail.example.org:587\"",
            "pop3 = \"mail.example.org:995\"",
        ],
    );
}

#[test]
fn accounts_with_the_same_registration_share_an_app() {
    let bob = ANN.replace("ann@", "bob@");
    let eve = ANN.replace("ann@", "eve@").replace("the-id", "another-id");
    let (toml, report) = shown(&format!("{SERVERS}{ANN}{bob}redirect_uri = http://localhost:1\n{eve}"));
    assert_eq!(toml.matches("[app.").count(), 2, "{toml}");
    has(&toml, &["[app.contoso]", "[app.contoso-2]"]);
    assert_eq!(toml.matches("app = \"contoso\"").count(), 2, "{toml}");
    assert_eq!(report, "");
}

#[test]
fn each_app_has_a_name_of_its_own_however_its_domain_is_called() {
    let account = |n: usize, domain: &str| {
        ANN.replace("ann@contoso.com", &format!("a{n}@{domain}")).replace("the-id", &format!("id-{n}"))
    };
    let domains = ["contoso.com", "contoso-2.com", "contoso.com", "contoso.de", "contoso-2.com", "-.com"];
    let accounts: String = domains.iter().enumerate().map(|(n, domain)| account(n, domain)).collect();
    let (toml, _) = shown(&format!("{SERVERS}{accounts}"));
    let apps = toml.parse::<toml::Table>().unwrap()["app"].as_table().unwrap().len();
    assert_eq!(apps, domains.len(), "{toml}");
}

#[test]
fn every_flow_becomes_a_grant() {
    let device = ANN.replace("/authorize", "/devicecode");
    let (toml, _) = shown(&format!("{SERVERS}{device}oauth2_flow = device\n"));
    has(&toml, &["grant = \"device-code\""]);
    assert!(!toml.contains("-url"), "{toml}");

    let app_only = unattended(
        "oauth2_scope = https://outlook.office365.com/.default\noauth2_flow = client_credentials\nclient_id = id\n",
    );
    let (toml, _) = shown(&format!("{app_only}jwt_certificate_path = /c.pem\njwt_key_path = /k.pem\n"));
    has(&toml, &["grant = \"client-credentials\"", "certificate = \"/c.pem\"", "certificate-key = \"/k.pem\""]);
    assert!(!toml.contains("scopes") && !toml.contains("first-use"), "{toml}");

    let switch = "[emailproxy]\nuse_login_password_as_client_credentials_secret = True\n";
    let draft = with_password(found(&format!("{app_only}{switch}")), "the app's secret");
    assert_eq!(draft.files(Path::new("/d")).len(), 1);
    has(&draft.toml(Path::new("/d")), &["client-secret-file = \"/d/contoso.secret\"", "password = \"$argon2id$hash\""]);

    let password = unattended("oauth2_scope = mail offline_access\noauth2_flow = password\nclient_id = id\n");
    let toml = with_password(found(&password), "at the provider").toml(Path::new("/d"));
    has(
        &toml,
        &["grant = \"password\"", "scopes = [\"mail\"]", "sign-in-password-file = \"/d/ann@contoso.com.sign-in\""],
    );

    let china = "\
[a@contoso.cn]
token_url = https://login.partner.microsoftonline.cn/contoso.cn/oauth2/token
oauth2_resource = https://partner.outlook.cn
oauth2_flow = password
client_id = id
";
    let (toml, _) = shown(china);
    has(&toml, &["provider = \"microsoft365-china\"", "tenant = \"contoso.cn\"", "grant = \"password\""]);
    assert!(!toml.contains("-url") && !toml.contains("resource") && !toml.contains("scopes"), "{toml}");
}

#[test]
fn service_accounts_bring_their_key_or_the_path_of_it() {
    let google = |keys: &str| {
        format!(
            "[a@example.org]\ntoken_url = https://oauth2.googleapis.com/token\noauth2_scope = https://mail.google.com/\n\
             oauth2_flow = service_account\n{keys}"
        )
    };
    let (toml, _) = shown(&google("client_id = file\nclient_secret = /etc/key.json\n"));
    has(
        &toml,
        &["provider = \"google\"", "grant = \"service-account\"", "service-account-key-file = \"/etc/key.json\""],
    );
    assert!(!toml.contains("client-id") && !toml.contains("scopes"), "{toml}");

    let draft = found(&google("client_id = key\nclient_secret = {\n  \"type\": \"service_account\",\n  \"x\": 1 }\n"));
    let draft = draft.assemble(Vec::new());
    has(&draft.toml(Path::new("/d")), &["service-account-key-file = \"/d/example.json\""]);
    let files = draft.files(Path::new("/d"));
    assert_eq!(files[0].content.expose(), "{\n\"type\": \"service_account\",\n\"x\": 1 }");

    let (_, report) = shown(&google("client_id = neither\nclient_secret = x\n"));
    reports(&report, &["its client_id is neither `file` nor `key`"]);
}

#[test]
fn the_mail_password_opens_tokens_and_secrets_and_a_wrong_one_leaves_the_account() {
    let text = format!("{SERVERS}{ANN}{SALT}refresh_token = {TOKEN}\nclient_secret_encrypted = {SECRET}\n");
    let right = with_password(found(&text), PASSWORD);
    assert_eq!(right.accounts[0].refresh.as_ref().unwrap().expose(), "refresh-token-1");
    let files = right.files(Path::new("/d"));
    assert_eq!((files.len(), files[0].content.expose()), (1, "client secret ~"));

    let wrong = with_password(found(&text), "wrong");
    assert!(wrong.accounts[0].refresh.is_none() && wrong.files(Path::new("/d")).is_empty());
    reports(&wrong.report.to_string(), &["[app.contoso]: its client secret is sealed in the old file"]);
    has(&wrong.toml(Path::new("/d")), &["address = \"ann@contoso.com\""]);
}

#[test]
fn a_plain_secret_wins_over_a_sealed_one_as_in_the_old_program() {
    let text = format!("{SERVERS}{ANN}{SALT}client_secret_encrypted = {SECRET}\nclient_secret = plain\n");
    let draft = found(&text).assemble(Vec::new());
    assert_eq!(draft.files(Path::new("/d"))[0].content.expose(), "plain");
}

#[test]
fn what_is_damaged_is_told_and_the_account_comes_without_it() {
    let sealed = |keys: &str| shown(&format!("{SERVERS}{ANN}{keys}"));
    let (toml, report) = sealed(&format!("{SALT}refresh_token = not sealed\n"));
    has(&toml, &["password = \"first-use\""]);
    reports(&report, &["refresh_token: is damaged"]);
    let (_, report) = sealed(&format!("refresh_token = {TOKEN}\n"));
    reports(&report, &["token_salt: is missing"]);
    let (_, report) = sealed(&format!("token_salt = ?\nrefresh_token = {TOKEN}\n"));
    reports(&report, &["token_salt is not base64"]);
    let (_, report) = sealed(&format!("token_salt = AAAA\ntoken_iterations = 99999999999\nrefresh_token = {TOKEN}\n"));
    reports(&report, &["token_iterations is not a number from 1 to 10000000"]);
}

#[test]
fn a_delegate_is_known_by_the_token_or_by_the_old_way_of_writing_one() {
    let mut account = found(&format!("{SERVERS}{ANN}"));
    // Header, {"upn":"delegate@contoso.com"}, signature.
    let claims = "eyJ1cG4iOiJkZWxlZ2F0ZUBjb250b3NvLmNvbSJ9";
    account.accounts[0].access = Some(found::Held::Plain(Secret::new(format!("e30.{claims}.x"))));
    let (toml, report) = of(account, Vec::new());
    has(&toml, &["sign-in-as = \"delegate@contoso.com\""]);
    reports(&report, &["delegate@contoso.com consented"]);

    let (toml, report) = shown(&format!("{SERVERS}{}", ANN.replace("[ann@contoso.com]", "[ann@contoso.com\\Office]")));
    has(&toml, &["address = \"office@contoso.com\"", "sign-in-as = \"ann@contoso.com\""]);
    reports(&report, &["mail programs log in as office@contoso.com from now on"]);
}

#[test]
fn a_catch_all_stands_for_its_domain_and_gives_its_accounts_what_they_lack() {
    let domain = ANN.replace("[ann@", "[@");
    let text = format!("{SERVERS}{domain}[bob@contoso.com]\n{SALT}refresh_token = {TOKEN}\n");
    let on = format!("{text}[emailproxy]\nallow_catch_all_accounts = True\n");
    let draft = with_password(found(&on), PASSWORD);
    let toml = draft.toml(Path::new("/d"));
    has(&toml, &["address = \"*@contoso.com\"", "address = \"bob@contoso.com\""]);
    assert_eq!(toml.matches("[app.").count(), 1, "{toml}");
    assert!(draft.accounts[1].refresh.is_some());

    let (toml, report) = shown(&text);
    assert!(!toml.contains("[[account]]"), "{toml}");
    reports(&report, &["[@contoso.com]: allow_catch_all_accounts is not True", "[bob@contoso.com]: it has neither"]);

    let app_only =
        unattended("oauth2_scope = x/.default\noauth2_flow = client_credentials\nclient_id = id\nclient_secret = s\n");
    let app_only = app_only.replace("[ann@", "[@");
    let (toml, _) = shown(&format!("{app_only}[emailproxy]\nallow_catch_all_accounts = on\n"));
    has(&toml, &["passwords-file = \"/etc/gatepost/contoso.com.passwords\""]);
}

#[test]
fn a_cache_store_is_read_whether_it_is_a_file_or_a_secret_of_aws() {
    let ini =
        format!("[ann@contoso.com]\n{SALT}refresh_token = {TOKEN}\nclient_id = not-from-here\n[eve@contoso.com]\n");
    let json = format!(
        "{{\"ann@contoso.com\": {{\"token_salt\": \"AAECAwQFBgcICQoLDA0ODw==\", \"token_iterations\": 1000, \
         \"refresh_token\": \"{TOKEN}\"}}}}"
    );
    for cache in [ini, json] {
        let text = format!("{SERVERS}{ANN}");
        let found = emailproxy::read(&text, "old", Some((&cache, "cache"))).unwrap();
        assert_eq!(found.accounts.len(), 1);
        let draft = with_password(found, PASSWORD);
        assert!(draft.accounts[0].refresh.is_some());
        has(&draft.toml(Path::new("/d")), &["client-id = \"the-id\""]);
    }
    assert!(emailproxy::read(SERVERS, "old", Some(("{", "cache"))).is_err());
}

#[test]
fn nothing_is_dropped_without_a_word() {
    let text = format!(
        "{SERVERS}plugins = {{'X': {{}}}}\ncolour = red\n{ANN}colour = red\nredirect_listen_address = http://10.0.0.1\n\
         [Advanced proxy configuration]\nallow_catch_all_accounts = True\n[emailproxy]\ncolour = red\n\
         delete_account_token_on_password_error = False\nencrypt_client_secret_on_first_use = maybe\n\
         allow_catch_all_accounts = maybe\n[eve]\n[*@contoso.com]\n"
    );
    let (_, report) = shown(&text);
    reports(
        &report,
        &[
            "[SMTP-1587] plugins: there are no plugins here",
            "[SMTP-1587] colour: this key is not known",
            "[ann@contoso.com] colour: this key is not known",
            "redirect_listen_address: a sign-in listens on loopback alone",
            "[Advanced proxy configuration] allow_catch_all_accounts: email-oauth2-proxy itself ignores",
            "[emailproxy] colour: this key is not known",
            "delete_account_token_on_password_error: a wrong password never costs a sign-in here",
            "encrypt_client_secret_on_first_use: tokens are always sealed",
            "[emailproxy] allow_catch_all_accounts: neither True nor False",
            "[*@contoso.com]: its name is not a mail address",
        ],
    );
}

/// Whatever stands in an old file: a report, or a text that is TOML.
fn is_sound(found: Result<Found, Unreadable>) {
    if let Ok(found) = found {
        let (toml, _) = of(found, Vec::new());
        toml.parse::<toml::Table>().unwrap_or_else(|error| panic!("{error}\n{toml}"));
    }
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("https://login.microsoftonline.com/common/oauth2/v2.0/token".to_owned()),
        Just("https://[::1]:1/\u{7f}\"'".to_owned()),
        Just(TOKEN.to_owned()),
        Just("client_credentials".to_owned()),
        Just("password".to_owned()),
        Just("service_account".to_owned()),
        Just("file".to_owned()),
        Just("True".to_owned()),
        Just("993".to_owned()),
        "[ -~é\u{1b}\t]{0,20}",
    ]
}

fn any_line() -> impl Strategy<Value = String> {
    let keys = [
        "permission_url",
        "token_url",
        "oauth2_scope",
        "oauth2_flow",
        "oauth2_resource",
        "client_id",
        "client_secret",
        "client_secret_encrypted",
        "token_salt",
        "token_iterations",
        "refresh_token",
        "access_token",
        "redirect_uri",
        "jwt_certificate_path",
        "jwt_key_path",
        "server_address",
        "server_port",
        "server_starttls",
        "local_address",
        "local_certificate_path",
        "local_key_path",
        "local_starttls",
        "allow_catch_all_accounts",
        "use_login_password_as_client_credentials_secret",
        "x",
    ];
    let sections = [
        "a@b.c",
        "@b.c",
        "@",
        "a\\b@c",
        "A@B.C/d",
        "IMAP-1",
        "SMTP-65535",
        "POP-99999",
        "emailproxy",
        "DEFAULT",
        "é@\"\"\u{1b}",
    ];
    prop_oneof![
        1 => prop::sample::select(sections.to_vec()).prop_map(|name| format!("[{name}]")),
        6 => (prop::sample::select(keys.to_vec()), any_value()).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => any_value().prop_map(|value| format!("  {value}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn no_old_file_makes_it_stumble(lines in prop::collection::vec(any_line(), 0..60)) {
        is_sound(emailproxy::read(&lines.join("\n"), "old", None));
    }

    #[test]
    fn no_text_at_all_makes_it_stumble(text in ".{0,200}", tokens in "[a-z_ \"\\\\{}\\[\\]=;:,/\n0-9]{0,200}") {
        is_sound(emailproxy::read(&text, "old", Some((&tokens, "cache"))));
        is_sound(emailproxy::read("[emailproxy]\nallow_catch_all_accounts = 1", "old", Some((&text, "cache"))));
        is_sound(pizauth::read(&text, "old"));
        is_sound(pizauth::read(&tokens, "old"));
        is_sound(sasl_xoauth2::read(&[sasl_xoauth2::Given { file: "a@b.c", text: &text }]));
    }
}
