//! The same for sasl-xoauth2 and pizauth.

use std::path::Path;

use super::{has, of, reports};
use crate::config::import::{Found, Unreadable, pizauth, sasl_xoauth2};

fn sasl(files: &[(&str, &str)]) -> Found {
    let given: Vec<_> = files.iter().map(|(file, text)| sasl_xoauth2::Given { file, text }).collect();
    sasl_xoauth2::read(&given).unwrap_or_else(|Unreadable(problems)| panic!("{problems}"))
}

#[test]
fn sasl_xoauth2_brings_its_tokens_in_the_clear_and_each_account_its_own_provider() {
    let shared = r#"{"client_id": "g", "client_secret": "gs", "proxy": "proxy:3128", "ca_bundle_file": "/ca.pem",
        "log_to_syslog_on_failure": "no", "refresh_window": "600", "ca_certs_dir": "/ca", "colour": "red"}"#;
    let ann = r#"{"access_token": "a", "expiry": "0", "refresh_token": "ann-refresh"}"#;
    let bob = r#"{"client_id": "m", "client_secret": "", "refresh_token": "bob-refresh", "user": "bob@contoso.com",
        "token_endpoint": "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"}"#;
    let app_only = r#"{"client_id": "c", "client_secret": "cs", "use_client_credentials": "true", "user": "c@contoso.com",
        "scope": "https://outlook.office365.com/.default",
        "token_endpoint": "https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token"}"#;
    let draft = sasl(&[("/etc/tokens/ann@example.org", ann), ("sasl.conf", shared), ("x", bob), ("y", app_only)]);
    let draft = draft.assemble(Vec::new());
    let toml = draft.toml(Path::new("/d"));
    has(
        &toml,
        &[
            "http-proxy-file = \"/d/http-proxy\"",
            "ca-file = \"/ca.pem\"",
            "protocol = \"smtp\"",
            "provider = \"google\"",
            "scopes = [\"https://mail.google.com/\"]",
            "provider = \"microsoft365\"",
            "scopes = [\"https://outlook.office.com/SMTP.Send\", \"offline_access\"]",
            "grant = \"client-credentials\"",
            "address = \"ann@example.org\"",
            "address = \"bob@contoso.com\"",
            "address = \"c@contoso.com\"",
        ],
    );
    let refresh: Vec<_> =
        draft.accounts.iter().map(|account| account.refresh.as_ref().map(|secret| secret.expose())).collect();
    assert_eq!(refresh, [Some("ann-refresh"), Some("bob-refresh"), None]);
    for secret in ["gs", "cs", "ann-refresh", "proxy:3128"] {
        assert!(!toml.contains(&format!("\"{secret}\"")) && !toml.contains("://proxy"), "{toml}");
    }
    let report = draft.report.to_string();
    reports(&report, &["log_to_syslog_on_failure", "refresh_window", "ca_certs_dir", "colour: this key is not known"]);
    assert!(draft.next.iter().any(|step| step.contains("relayhost = [127.0.0.1]:1587")));
}

#[test]
fn sasl_xoauth2_files_that_cannot_be_used_say_why() {
    let left = |name: &str, token: &str| of(sasl(&[(name, token)]), Vec::new()).1;
    let token = r#"{"client_id": "g", "refresh_token": "r"}"#;
    reports(&left("tokens/ann", token), &["neither `user` in it nor its name is a mail address"]);
    reports(&left("a@b.c", r#"{"refresh_token": "r"}"#), &["it has no client_id"]);
    let external = r#"{"client_id": "g", "access_token": "r", "manage_token_externally": "yes"}"#;
    reports(&left("a@b.c", external), &["its token is renewed by another program"]);
    let custom = r#"{"client_id": "g", "refresh_token": "r", "token_endpoint": "https://login.example.org/t"}"#;
    reports(&left("a@b.c", custom), &["no provider is known for its token_endpoint"]);
    reports(&of(sasl(&[("c", r#"{"client_id": "g"}"#)]), Vec::new()).1, &["name the token file of each account too"]);
    let broken = sasl_xoauth2::read(&[sasl_xoauth2::Given { file: "f", text: "{\n\"a\": }" }]);
    assert!(broken.err().unwrap().0.to_string().starts_with("error: f:2:1: is not a JSON object"));
}

const PIZAUTH: &str = r#"// who has to sign in
auth_notify_cmd = "notify-send \"$PIZAUTH_ACCOUNT\"";
http_listen = "127.0.0.1:14204";
refresh_at_least = 90m; startup_cmd = "x";

account "officesmtp" {
    auth_uri = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize";
    token_uri = "https://login.microsoftonline.com/common/oauth2/v2.0/token"; // not v1
    client_id = "the id"; client_secret = "a \"secret\" \\";
    scopes = [
      "https://outlook.office365.com/SMTP.Send",
      "offline_access"
    ];
    auth_uri_fields = { "login_hint": "ann@contoso.com", "prompt": "consent" };
    refresh_retry = 40s;
}
account "officeimap" {
    auth_uri = "https://login.microsoftonline.com/common/oauth2/v2.0/authorize";
    token_uri = "https://login.microsoftonline.com/common/oauth2/v2.0/token";
    client_id = "the id"; client_secret = "a \"secret\" \\";
    scopes = [ "https://outlook.office365.com/IMAP.AccessAsUser.All", "offline_access", ];
    login_hint = "ann@contoso.com";
}
account "nobody" { token_uri = "https://oauth2.googleapis.com/token"; client_id = "g"; }
"#;

#[test]
fn pizauth_accounts_become_mailboxes_that_sign_in_once() {
    let found = pizauth::read(PIZAUTH, "pizauth.conf").unwrap();
    let draft = found.assemble(Vec::new());
    let toml = draft.toml(Path::new("/d"));
    has(
        &toml,
        &[
            "provider = \"microsoft365\"",
            "tenant = \"common\"",
            "client-id = \"the id\"",
            "client-secret-file = \"/d/contoso.secret\"",
            "redirect-uri = \"http://localhost:14204/\"",
            "scopes = [\"https://outlook.office365.com/SMTP.Send\", \"offline_access\", \
             \"https://outlook.office365.com/IMAP.AccessAsUser.All\"]",
            "authorize-extra = { prompt = \"consent\" }",
            "address = \"ann@contoso.com\"",
        ],
    );
    assert_eq!(toml.matches("[[account]]").count(), 1, "{toml}");
    assert_eq!(draft.files(Path::new("/d"))[0].content.expose(), "a \"secret\" \\");
    reports(
        &draft.report.to_string(),
        &[
            "pizauth.conf:2: auth_notify_cmd: there it gets variables",
            "pizauth.conf:4: refresh_at_least: tokens are refreshed",
            "pizauth.conf:4: startup_cmd",
            "pizauth.conf:15: account \"officesmtp\" refresh_retry",
            "pizauth.conf:17: account \"officeimap\": is the mailbox of account \"officesmtp\" too",
            "pizauth.conf:24: account \"nobody\": no mail address is in it",
        ],
    );
}

#[test]
fn what_pizauth_would_not_read_is_refused_with_its_line() {
    let said = |text: &str| pizauth::read(text, "p").err().map(|Unreadable(problems)| problems.to_string());
    for (text, line, what) in [
        ("account \"a\" {\n", 1, "expected a `}`"),
        ("http_listen = \"x\"\n\naccount", 3, "expected `;`"),
        ("\n\"", 2, "a string that does not end"),
        ("\n\n%", 3, "% has no meaning here"),
        ("account {", 1, "expected a \"string\""),
        ("x = [ \"a\" \"b\" ];", 1, "expected `,`"),
    ] {
        let said = said(text).unwrap();
        assert!(said.starts_with(&format!("error: p:{line}:1: {what}")), "{text}: {said}");
    }
    assert_eq!(said(""), None);
}
