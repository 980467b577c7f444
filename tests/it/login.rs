//! `gatepost login` and `logout` as a script or a person over ssh meets them, against a small provider.

mod refused;
mod standing;
mod whose;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use gatepost::store::{Settings, Store};
use serde_json::Value;
use url::{Url, form_urlencoded};

/// Remembers the path and the form of every request.
struct Provider {
    base: String,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Provider {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (path, form) = answer(stream.unwrap());
                seen.lock().unwrap().push((path, form));
            }
        });
        Self { base, asked }
    }

    fn config(&self, folder: &Path, grant: &str, accounts: &str) -> String {
        let base = &self.base;
        let text = format!(
            "[store]\nurl = \"sqlite://{folder}/state/gatepost.db\"\nkey-file = \"{folder}/state/key\"\n\
             [console]\nlisten = \"off\"\n\
             [app.test]\nprovider = \"custom\"\nclient-id = \"id\"\ngrant = \"{grant}\"\nscopes = [\"mail\"]\n\
             authorize-url = \"{base}/authorize\"\ntoken-url = \"{base}/token\"\ndevice-url = \"{base}/device\"\n\
             smtp = \"127.0.0.1:1\"\nimap = \"127.0.0.1:1\"\npop3 = \"127.0.0.1:1\"\n{accounts}",
            folder = folder.display(),
        );
        let path = folder.join("gatepost.toml");
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn forms(&self, wanted: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|(path, _)| path == wanted).map(|(_, form)| form.clone()).collect()
    }
}

fn answer(mut stream: TcpStream) -> (String, String) {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let (mut first, mut length) = (String::new(), 0);
    lines.read_line(&mut first).unwrap();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut form = vec![0; length];
    lines.read_exact(&mut form).unwrap();
    let path = first.split(' ').nth(1).unwrap().to_owned();
    let form = String::from_utf8(form).unwrap();
    // Nobody consented to Graph before the second code.
    let lacks_graph = form.contains("graph.microsoft.com") && form.contains("refresh-token-1");
    let declines = form.contains("client_id=declines") && form.contains("device_code=g");
    let is_refused = form.contains("refused-code");
    let is_of_nobody = path.starts_with("/nobody/");
    let is_locked = form.contains("username=locked");
    let status =
        if lacks_graph || declines || is_refused || is_of_nobody || is_locked { "400 Bad Request" } else { "200 OK" };
    let body = match path.as_str() {
        _ if is_of_nobody => {
            r#"{"error":"invalid_tenant","error_codes":[90002],"error_description":"AADSTS90002: Tenant 'nobody' not found."}"#
        }
        "/token" if is_locked => {
            r#"{"error":"invalid_grant","error_codes":[50053],"error_description":"AADSTS50053: locked"}"#
        }
        "/token" if is_refused => {
            r#"{"error":"invalid_grant","error_codes":[50105],"error_description":"AADSTS50105: not assigned"}"#
        }
        "/token" if lacks_graph => {
            r#"{"error":"invalid_grant","error_codes":[65001],"error_description":"AADSTS65001: no consent"}"#
        }
        "/device" if form.contains("graph.microsoft.com") => {
            r#"{"device_code":"g","user_code":"EFGH-5678","verification_uri":"https://example.com/go","expires_in":900,"interval":1}"#
        }
        "/token" if declines => r#"{"error":"access_denied"}"#,
        // One code is approved by ann, the other by bob.
        "/token" if form.contains("client_id=two-people") && form.contains("device_code=g") => {
            r#"{"access_token":"access-token-2","refresh_token":"refresh-token-2","expires_in":3600,"id_token":"h.eyJwcmVmZXJyZWRfdXNlcm5hbWUiOiJib2JAYi5jIn0.s"}"#
        }
        "/token" if form.contains("device_code=g") => {
            r#"{"access_token":"access-token-2","refresh_token":"refresh-token-2","expires_in":3600,"id_token":"h.eyJwcmVmZXJyZWRfdXNlcm5hbWUiOiJhbm5AYi5jIn0.s"}"#
        }
        // Their ID tokens name ann.
        "/token" if form.contains("device_code=d") || form.contains("named-anns-code") => {
            r#"{"access_token":"access-token-1","refresh_token":"refresh-token-1","expires_in":3600,"id_token":"h.eyJwcmVmZXJyZWRfdXNlcm5hbWUiOiJhbm5AYi5jIn0.s"}"#
        }
        // Its ID token names bob.
        "/token" if form.contains("bobs-code") => {
            r#"{"access_token":"access-token-1","refresh_token":"refresh-token-1","expires_in":3600,"id_token":"h.eyJwcmVmZXJyZWRfdXNlcm5hbWUiOiJib2JAYi5jIn0.s"}"#
        }
        // That of ann, by another name.
        "/token" if form.contains("smiths-code") => {
            r#"{"access_token":"access-token-1","refresh_token":"refresh-token-1","expires_in":3600,"id_token":"h.eyJwcmVmZXJyZWRfdXNlcm5hbWUiOiJhbm4uc21pdGhAYi5jIn0.s"}"#
        }
        "/device" => {
            r#"{"device_code":"d","user_code":"ABCD-1234","verification_uri":"https://example.com/go","expires_in":900,"interval":1}"#
        }
        _ => r#"{"access_token":"access-token-1","refresh_token":"refresh-token-1","expires_in":3600}"#,
    };
    let ahead = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
    let date = match form.contains("username=late") {
        true => ahead.strftime("Date: %a, %d %b %Y %H:%M:%S GMT\r\n").to_string(),
        false => String::new(),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\n{date}Content-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
    (path, form)
}

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$SbqvXrfAiTMaYRXTLyBvY5Hlvw9JjBN2uxnXSnhxVdA";

/// One for each protocol, without TLS.
fn plain_listeners() -> String {
    let one = |name| format!("[[listener]]\nprotocol = \"{name}\"\nlisten = [\"127.0.0.1:0\"]\ntls = \"off\"\n");
    ["smtp", "imap", "pop3"].map(one).concat()
}

fn account(address: &str, rest: &str) -> String {
    format!("[[account]]\naddress = \"{address}\"\napp = \"test\"\n{rest}\n")
}

fn with_hash(address: &str) -> String {
    account(address, &format!("password = \"{HASH}\""))
}

fn gatepost(arguments: &[&str], config: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(arguments).args(["--config", config]).env_clear().env("HOME", "/nonexistent");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], config: &str) -> (i32, String, String) {
    let output = gatepost(arguments, config).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// All that it says, as a terminal shows it.
fn in_one(program: Command) -> String {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(program.get_program()).args(program.get_args()).env_clear();
    shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
    String::from_utf8(shell.output().unwrap().stdout).unwrap()
}

/// Starts a sign-in with `--json` and reads what has to be opened.
fn begin(arguments: &[&str], config: &str) -> (Child, BufReader<ChildStdout>, Value) {
    let mut child = gatepost(arguments, config).stdin(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let open = event(&mut out);
    (child, out, open)
}

fn event(out: &mut impl BufRead) -> Value {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap_or_else(|_| panic!("no event in {line:?}"))
}

fn redirected(open: &Value) -> Url {
    let url = Url::parse(open["url"].as_str().unwrap()).unwrap();
    let field = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
    let mut back = Url::parse(&field("redirect_uri")).unwrap();
    back.query_pairs_mut().append_pair("code", "the-code").append_pair("state", &field("state"));
    back
}

fn nothing_readable(folder: &Path) {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = std::fs::read(&path).unwrap();
                assert!(!content.windows(15).any(|part| part == b"refresh-token-1"), "plain in {path:?}");
            }
        }
    }
}

#[test]
fn a_pasted_address_signs_in_without_a_browser_and_a_logout_ends_it() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let shared = account("shared@b.c", &format!("sign-in-as = \"ann@b.c\"\npassword = \"{HASH}\""));
    let config = provider.config(folder.path(), "authorization-code", &format!("{}{shared}", with_hash("ann@b.c")));
    let (mut child, mut out, open) = begin(&["login", "Ann@B.c", "--flow", "paste", "--json"], &config);
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "\nwhat is this?\n{}", redirected(&open)).unwrap();
    let done = event(&mut out);
    assert_eq!((done["event"].as_str(), done["account"].as_str()), (Some("signed-in"), Some("ann@b.c")));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let form: Vec<_> = form_urlencoded::parse(provider.forms("/token")[0].as_bytes()).into_owned().collect();
    assert!(form.contains(&("code".to_owned(), "the-code".to_owned())), "{form:?}");
    assert!(form.iter().any(|(name, value)| name == "code_verifier" && value.len() >= 43));
    nothing_readable(folder.path());

    let (code, _, errors) = run(&["logout", "ann@b.c"], &config);
    assert_eq!(code, 2, "nobody is there to confirm: {errors}");
    let (code, text, errors) = run(&["logout", "ann@b.c", "--yes"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("every copy") && text.contains("shared@b.c"), "{text}");
    let (code, text, _) = run(&["logout", "ann@b.c", "--yes", "--json"], &config);
    let told: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, told["account"].as_str(), told["had-tokens"].as_bool()), (0, Some("ann@b.c"), Some(false)));
    let (_, text, _) = run(&["logout", "shared@b.c", "--yes"], &config);
    assert!(text.contains("was not signed in"), "{text}");
}

#[test]
fn a_grant_that_needs_nobody_shows_at_a_login_that_it_works() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let account = account("ann@b.c", &format!("password = \"{HASH}\"\nsign-in-password = \"at-the-provider\""));
    let config = provider.config(folder.path(), "password", &account);
    let (code, text, errors) = run(&["login", "ann@b.c", "--json"], &config);
    assert_eq!(code, 0, "{errors}");
    let told: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((told["event"].as_str(), told["grant"].as_str()), (Some("signed-in"), Some("password")));
    assert_eq!(told["app-only"].as_bool(), Some(false));
    let form = &provider.forms("/token")[0];
    assert!(form.contains("grant_type=password&username=ann%40b.c&password=at-the-provider&scope=mail"), "{form}");
    nothing_readable(folder.path());
    let (_, status, _) = run(&["status", "--json"], &config);
    let told: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(told["accounts"][0]["sign-in"]["phase"], "ready", "{status}");
    let (code, text, _) = run(&["logout", "ann@b.c", "--yes"], &config);
    assert!(code == 0 && text.contains("still lets Gatepost fetch new ones"), "{text}");
}

#[test]
fn a_clock_that_is_off_is_told_behind_the_sign_in_and_nobody_who_signed_in_is_told_not_to() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let keys = format!("password = \"{HASH}\"\nsign-in-password = \"at-the-provider\"");
    let accounts = account("late@b.c", &keys) + &account("ann@b.c", &keys);
    let config = provider.config(folder.path(), "password", &accounts);
    for (lang, off, step, not) in [
        ("en", "s behind the identity provider", "Set the clock of the machine", "Do not sign in again"),
        ("ja", "ID プロバイダーより", "時計を合わせてください", "サインインし直さないで"),
    ] {
        let (code, _, said) = run(&["login", "late@b.c", "--lang", lang], &config);
        assert_eq!(code, 0, "{said}");
        for part in [off, step, "[clock-skewed]"] {
            assert!(said.contains(part), "{part}: {said}");
        }
        assert!(!said.contains(not), "{said}");
    }
    let (code, _, said) = run(&["login", "ann@b.c"], &config);
    assert!(code == 0 && !said.contains("clock"), "{said}");
}

#[test]
fn a_login_that_was_refused_says_what_not_to_do_as_the_status_does() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let keys = format!("password = \"{HASH}\"\nsign-in-password = \"at-the-provider\"");
    let config = provider.config(folder.path(), "password", &account("locked@b.c", &keys));
    for (lang, not) in
        [("en", "\n  What not to do: Do not try again and again"), ("ja", "\n  してはならないこと：何度も")]
    {
        let (code, _, said) = run(&["login", "locked@b.c", "--lang", lang], &config);
        assert!(code == 1 && said.contains(not), "{said}");
    }
}

#[test]
fn a_browser_that_comes_back_to_the_loopback_port_signs_in() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    let (mut child, mut out, open) = begin(&["login", "ann@b.c", "--json"], &config);
    let back = redirected(&open);
    let mut browser = TcpStream::connect(("127.0.0.1", back.port().unwrap())).unwrap();
    write!(browser, "GET /?{} HTTP/1.1\r\nHost: localhost\r\n\r\n", back.query().unwrap()).unwrap();
    let mut page = String::new();
    browser.read_to_string(&mut page).unwrap();
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    assert_eq!(event(&mut out)["event"], "signed-in");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_script_hears_how_a_sign_in_ended_also_where_it_failed_or_somebody_else_consented() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    let ended = |answer: &[(&str, &str)]| {
        let (mut child, mut out, open) = begin(&["login", "ann@b.c", "--flow", "paste", "--json"], &config);
        let mut back = redirected(&open);
        let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        back.query_pairs_mut().clear().extend_pairs(answer).append_pair("state", &state);
        // As a chat hands it on.
        writeln!(child.stdin.take().unwrap(), "<{back}>").unwrap();
        let last = event(&mut out);
        (child.wait().unwrap().code(), last)
    };
    let (code, refused) = ended(&[("error", "access_denied"), ("error_description", "AADSTS65004: no")]);
    assert_eq!((code, refused["event"].as_str()), (Some(1), Some("failed")));
    assert!(refused["error"].as_str().is_some_and(|text| !text.is_empty()) && refused["hint"].is_string(), "{refused}");
    let (code, bobs) = ended(&[("code", "bobs-code")]);
    assert_eq!((code, bobs["as"].as_str(), bobs["somebody-else"].as_bool()), (Some(0), Some("bob@b.c"), Some(true)));
    let (_, anns) = ended(&[("code", "anns-code")]);
    assert_eq!((anns["as"].as_str(), anns["somebody-else"].as_bool()), (Some("ann@b.c"), Some(false)));
    // Ann's is good: bob's takes it from nobody.
    let (code, bobs) = ended(&[("code", "bobs-code")]);
    assert_eq!((code, bobs["event"].as_str()), (Some(1), Some("failed")), "{bobs}");
    let named = "Somebody else is signed in than whose account it is [somebody-else-signed-in]: bob@b.c signed in";
    assert!(bobs["error"].as_str().unwrap().starts_with(named), "{bobs}");
    let hint = bobs["hint"].as_str().unwrap();
    let again = format!("`gatepost --config {config} login ann@b.c`");
    assert!(hint.contains(&again) && hint.contains("`sign-in-as = \"bob@b.c\"`"), "{hint}");
    let (_, status, _) = run(&["status", "--lang", "en"], &config);
    assert!(status.contains("ready") && !status.contains("signed in as  bob@b.c"), "{status}");
}

#[test]
fn a_refusal_is_told_in_the_language_of_the_locale_with_the_command_for_this_account() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "authorization-code", &with_hash("ann@b.c"));
    let called = format!("gatepost --config {config}");
    for (locale, cause, next) in [
        (
            "en_US.UTF-8",
            "The consent was declined [consent-declined]: access_denied: AADSTS65004: no. The person at the consent page pressed",
            format!("Sign in again and accept: `{called} login ann@b.c`."),
        ),
        (
            "ja_JP.UTF-8",
            "同意の画面でキャンセルされました（access_denied: AADSTS65004: no）。クライアントへの応答：\"The consent was declined\" [consent-declined]",
            format!("再度サインインして同意してください：`{called} login ann@b.c`。"),
        ),
    ] {
        let mut command = gatepost(&["login", "ann@b.c", "--flow", "paste", "--json"], &config);
        let mut child = command.env("LANG", locale).stdin(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut back = redirected(&event(&mut out));
        let state = back.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
        let answer = [("error", "access_denied"), ("error_description", "AADSTS65004: no"), ("state", &state)];
        back.query_pairs_mut().clear().extend_pairs(answer);
        writeln!(child.stdin.take().unwrap(), "{back}").unwrap();
        let refused = event(&mut out);
        assert_eq!((child.wait().unwrap().code(), refused["hint"].as_str()), (Some(1), Some(next.as_str())));
        assert!(refused["error"].as_str().unwrap().contains(cause), "{refused}");
    }
}

#[test]
fn a_device_sign_in_prints_address_and_code_and_a_picture_where_wanted() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &with_hash("ann@b.c"));
    let (code, text, errors) = run(&["login", "ann@b.c", "--qr"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("https://example.com/go") && text.contains("ABCD-1234") && text.contains('█'), "{text}");
    assert!(text.contains("ann@b.c is signed in"), "{text}");
    assert_eq!(provider.forms("/device").len(), 1);
    let (_, text, _) = run(&["login", "ann@b.c"], &config);
    assert!(!text.contains('█'), "no picture where nobody looks");
}

#[test]
fn a_sign_in_of_somebody_else_ends_with_the_command_to_do_it_again_and_the_line_for_whoever_meant_it() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &with_hash("bob@b.c"));
    for (lang, window) in [("en", "private window of the browser"), ("ja", "プライベートウィンドウ")] {
        let (code, _, errors) = run(&["login", "bob@b.c", "--lang", lang], &config);
        assert_eq!(code, 0, "{errors}");
        let command = format!("    gatepost --config {config} login bob@b.c\n");
        let right = "    Add-MailboxPermission -Identity bob@b.c -User ann@b.c -AccessRights FullAccess\n";
        for part in [window, "ann@b.c", "[[account]]", "    sign-in-as = \"ann@b.c\"\n", right, &command] {
            assert!(errors.contains(part), "{part}: {errors}");
        }
        assert!(!errors.contains("sign-in-as = \"bob@b.c\""), "no line of the file: {errors}");
        assert_eq!(
            errors.matches(command.trim()).count(),
            2,
            "once for each way, no daemon is to be told of it: {errors}"
        );
        // What is said before it reads as if all were well.
        let both = in_one(gatepost(&["login", "bob@b.c", "--lang", lang], &config));
        let warned = if lang == "en" { "\nwarning: ann@b.c signed in" } else { "\n警告: ann@b.c がサインイン" };
        let (before, behind) = both.split_once(warned).unwrap_or_else(|| panic!("{both}"));
        assert!(before.contains("bob@b.c") && behind.contains("sign-in-as = \"ann@b.c\""), "{both}");
    }
}

#[test]
fn a_device_sign_in_of_an_account_that_sends_through_graph_asks_for_both_by_a_code_for_each() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let graph = "graph-url = \"https://graph.example/v1.0\"\n";
    let sends = |outbound: &str| account("ann@b.c", &format!("password = \"{HASH}\"\noutbound = \"{outbound}\""));
    let config = provider.config(folder.path(), "device-code", &format!("{graph}{}", sends("graph")));
    let (code, text, errors) = run(&["login", "ann@b.c"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("ABCD-1234") && text.contains("EFGH-5678"), "{text}");
    assert!(errors.contains("Microsoft Graph") && text.contains("ann@b.c is signed in"), "{errors}{text}");
    let asked = provider.forms("/device");
    assert!(
        !asked[0].contains("graph.microsoft.com") && asked[1].contains("graph.microsoft.com%2FMail.Send"),
        "{asked:?}"
    );
    assert_eq!(stored_refresh(folder.path()), "refresh-token-2", "it serves both");
    let config = provider.config(folder.path(), "device-code", &format!("{graph}{}", sends("smtp")));
    let (_, text, _) = run(&["login", "ann@b.c"], &config);
    assert!(text.contains("ABCD-1234") && !text.contains("EFGH-5678"), "nobody sends through it: {text}");
}

/// The refresh token that the store has for ann.
fn stored_refresh(folder: &Path) -> String {
    let state = folder.join("state");
    let url = format!("sqlite://{}/gatepost.db", state.display());
    let settings = Settings { url, key_file: state.join("key"), key: None };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let store = Store::open(&settings).await.unwrap();
        store.token("test/ann@b.c").await.unwrap().row.unwrap().refresh.unwrap().expose().to_owned()
    })
}

fn sends_by_graph(provider: &Provider, folder: &Path, client_id: &str) -> String {
    let sends = account("ann@b.c", &format!("password = \"{HASH}\"\noutbound = \"graph\""));
    let accounts = format!("graph-url = \"https://graph.example/v1.0\"\n{sends}");
    let config = provider.config(folder, "device-code", &accounts);
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("client-id = \"id\"", &format!("client-id = \"{client_id}\""))).unwrap();
    config
}

#[test]
fn a_second_code_that_somebody_else_approves_puts_no_token_of_theirs_under_the_first_name() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = sends_by_graph(&provider, folder.path(), "two-people");
    let (code, text, errors) = run(&["login", "ann@b.c"], &config);
    assert_eq!(code, 0, "the sign-in for mail is kept: {errors}");
    assert!(text.contains("ann@b.c is signed in"), "{text}");
    assert!(errors.contains("approved by bob@b.c, the first by ann@b.c"), "{errors}");
    assert_eq!(stored_refresh(folder.path()), "refresh-token-1");
}

#[test]
fn a_second_code_that_is_declined_takes_no_mail_sign_in_away() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = sends_by_graph(&provider, folder.path(), "declines");
    let (code, text, errors) = run(&["login", "ann@b.c"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("ann@b.c is signed in"), "{text}");
    assert!(errors.contains("Graph was not granted") && errors.contains("sign-in for mail is kept"), "{errors}");
    assert_eq!(stored_refresh(folder.path()), "refresh-token-1");
}

#[test]
fn a_first_sign_in_arms_the_first_use_of_a_password() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &account("ann@b.c", "password = \"first-use\""));
    let (code, text, errors) = run(&["login", "ann@b.c"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("Within 10 minutes") || text.contains("Password for mail programs"), "{text}");
    let (code, text, errors) = run(&["password", "--reset", "ann@b.c"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("Within 10 minutes") || text.contains("Password for mail programs"), "{text}");
}

#[test]
fn an_unknown_account_is_answered_with_the_known_ones() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &with_hash("ann@b.c"));
    let (code, _, errors) = run(&["login", "bob@b.c"], &config);
    assert_eq!(code, 1);
    assert!(errors.contains("bob@b.c") && errors.contains("configured: ann@b.c"), "{errors}");
}

#[test]
fn a_wrong_key_is_named_and_nothing_is_overwritten() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &with_hash("ann@b.c"));
    assert_eq!(run(&["login", "ann@b.c"], &config).0, 0);
    let key = folder.path().join("state/key");
    let right = std::fs::read(&key).unwrap();
    std::fs::write(&key, [7; 32]).unwrap();
    let (code, _, errors) = run(&["login", "ann@b.c"], &config);
    assert_eq!(code, 1);
    assert!(errors.contains("state/key") && errors.contains("put the right key back"), "{errors}");
    std::fs::write(&key, right).unwrap();
    assert!(run(&["logout", "ann@b.c", "--yes"], &config).1.contains("every copy"));
}

/// A folder's file of passwords with a line for ann alone, and the account of a whole domain that names it.
fn whole_domain(folder: &Path) -> String {
    std::fs::write(folder.join("users"), format!("ann:{HASH}\n")).unwrap();
    account("*@b.c", "passwords-file = \"users\"")
}

#[test]
fn each_mailbox_of_a_domain_signs_in_and_out_by_itself() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let shared = account("info@b.c", &format!("sign-in-as = \"ann@b.c\"\npassword = \"{HASH}\""));
    let accounts = format!("{}{shared}", whole_domain(folder.path()));
    let config = provider.config(folder.path(), "device-code", &accounts);
    let (code, text, errors) = run(&["login", "Ann@B.C"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(
        text.contains("ann@b.c is signed in") && text.contains("The same sign-in also carries info@b.c."),
        "{text}"
    );
    assert!(!text.contains("no password"), "ann has a line: {text}");
    let (code, text, errors) = run(&["login", "bob@b.c"], &config);
    assert_eq!(code, 0, "{errors}");
    let add = format!("gatepost password --user bob@b.c >> {}", folder.path().join("users").display());
    assert!(text.contains(&add), "{text}");
    let (_, status, _) = run(&["status", "--json"], &config);
    let told: Value = serde_json::from_str(&status).unwrap();
    let phases: Vec<_> =
        told["accounts"].as_array().unwrap().iter().map(|one| (&one["address"], &one["sign-in"]["phase"])).collect();
    assert_eq!(format!("{phases:?}").matches("\"ready\"").count(), 3, "info, ann, bob: {phases:?}");
    assert_eq!(told["domains"][0]["mailboxes"], 2, "{told}");
    assert_eq!(told["accounts"][0]["same-sign-in"], Value::Null, "{told}");
    assert_eq!(told["accounts"][1]["same-sign-in"][0], "info@b.c", "{told}");
    let (code, text, errors) = run(&["logout", "ann@b.c", "--yes"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("every copy") && text.contains("info@b.c") && !text.contains("bob@b.c"), "{text}");
    let (_, status, _) = run(&["status"], &config);
    assert!(status.contains("\n  bob@b.c\n") && !status.contains("\n  ann@b.c\n"), "{status}");
    let (code, _, errors) = run(&["login", "*@b.c"], &config);
    assert!(code == 1 && errors.contains("name one of them: ann@b.c"), "{errors}");
    let (code, _, errors) = run(&["login", "eve@elsewhere.c"], &config);
    assert!(code == 1 && errors.contains("configured: info@b.c, *@b.c"), "{errors}");
}

#[test]
fn a_sign_in_arms_the_first_use_of_its_own_mailbox_of_a_domain() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &account("*@b.c", "password = \"first-use\""));
    let (code, text, errors) = run(&["login", "bob@b.c"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("log in to bob@b.c from this machine with a password of your choice"), "{text}");
    let (code, text, errors) = run(&["password", "--reset", "bob@b.c"], &config);
    assert!(code == 0 && text.contains("log in to bob@b.c"), "{text}{errors}");
}

#[test]
fn password_prints_a_line_for_a_file_and_takes_no_user_that_would_break_it() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &whole_domain(folder.path()));
    let line = |user: &str| {
        let mut child =
            gatepost(&["password", "--stdin", "--user", user], &config).stdin(Stdio::piped()).spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(b"secret\n");
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = line("bob@b.c");
    assert!(code == Some(0) && text.starts_with("bob@b.c:$argon2id$") && text.ends_with('\n'), "{text}");
    let users = folder.path().join("users");
    std::fs::write(&users, std::fs::read_to_string(&users).unwrap() + &text).unwrap();
    assert_eq!(run(&["config", "check"], &config).0, 0);
    for odd in ["", "a:b", "a b", "#a", "a\nb"] {
        assert_eq!(line(odd).0, Some(2), "{odd:?}");
    }
    let (_, _, errors) = run(&["password", "--reset", "ann@b.c"], &config);
    assert!(errors.contains("stands in") && errors.contains("gatepost password --user ann@b.c"), "{errors}");
}
