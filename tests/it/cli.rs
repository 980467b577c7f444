//! The commands as a person or a script meets them: output, exit codes, and what they say when something is wrong.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Command, Output, Stdio},
    thread::{self, JoinHandle},
};

use argon2::{Argon2, PasswordHash, PasswordVerifier};

const APP: &str = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"id\"\n";

fn gatepost(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(arguments).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    told(gatepost(arguments).output().unwrap())
}

fn run_with_stdin(arguments: &[&str], stdin: &str) -> (i32, String, String) {
    let mut child = gatepost(arguments).stdin(Stdio::piped()).spawn().unwrap();
    // A command that fails early does not read it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    told(child.wait_with_output().unwrap())
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn file(folder: &Path, text: &str) -> String {
    let path = folder.join("gatepost.toml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn help_shows_every_command_and_an_example() {
    let (code, help, _) = run(&["--help"]);
    assert_eq!(code, 0);
    for command in ["run", "demo", "login", "logout", "status", "send", "password", "config", "explain", "import"] {
        assert!(help.contains(&format!("\n  {command} ")), "{help}");
        let (code, help, _) = run(&[command, "--help"]);
        assert_eq!(code, 0);
        assert!(help.contains("Example"), "{command}: {help}");
        assert!(help.contains("--lang <LANG>"), "{command}: {help}");
        // How a daemon is reloaded depends on what runs it.
        assert!(!help.contains("systemctl"), "{command}: {help}");
    }
}

#[test]
fn wrong_usage_is_2_and_a_refused_configuration_78() {
    assert_eq!(run(&["nonsense"]).0, 2);
    assert_eq!(run(&["send", "--from", "ann"]).0, 2);
    assert_eq!(run(&["run", "--config", "/nonexistent/gatepost.toml"]).0, 78);
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "[[listener]]\nprotocol = \"smpt\"\n");
    for command in [&["run"][..], &["status"], &["config", "check"], &["config", "show"]] {
        let (code, _, errors) = run(&[command, &["--config", &config]].concat());
        assert_eq!(code, 78, "{command:?}: {errors}");
        assert!(errors.contains(&format!("error: {config}:2:1:")), "{errors}");
        assert!(errors.contains("hint: did you mean \"smtp\"?"), "{errors}");
    }
}

#[test]
fn unsafe_exposure_is_refused_with_the_line_to_add() {
    let folder = tempfile::tempdir().unwrap();
    let listener = "[[listener]]\nprotocol = \"smtp\"\nlisten = [\"0.0.0.0:0\"]\n";
    let config = file(folder.path(), &format!("{listener}{APP}[[account]]\naddress = \"ann@contoso.com\"\n"));
    let (code, _, errors) = run(&["run", "--config", &config]);
    assert_eq!(code, 78, "{errors}");
    assert!(errors.contains("hint: add to this [[account]]: password = \"$argon2id$...\""), "{errors}");
}

#[test]
fn a_check_for_scripts_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "[store]\nurll = \"x\"\n");
    let (code, json, _) = run(&["config", "check", "--json", "--config", &config]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(code, 78);
    assert_eq!(json["ok"], false);
    assert_eq!(json["problems"][0]["line"], 2);
    assert_eq!(json["problems"][0]["key"], "store.urll");
    let config = file(folder.path(), APP);
    let (code, text, _) = run(&["config", "check", "--config", &config]);
    assert_eq!((code, text), (0, format!("{config}: no errors\n")));
    let config = file(folder.path(), &format!("{APP}[[account]]\naddress = \"ann@contoso.com\"\n"));
    let (code, text, _) = run(&["config", "check", "--config", &config]);
    assert_eq!((code, text), (0, format!("{config}: fine\n")));
}

#[test]
fn the_configuration_is_found_by_the_environment_too() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), APP);
    let output = gatepost(&["config", "check"]).env("GATEPOST_CONFIG", &config).output().unwrap();
    assert_eq!(told(output).0, 0);
    let output = gatepost(&["config", "show", "--json"]).current_dir(folder.path()).output().unwrap();
    let (code, json, _) = told(output);
    assert_eq!(code, 0);
    assert!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["app"]["contoso"]["token-url"].is_string());
}

#[test]
fn help_names_the_man_page_and_the_completions_and_both_are_in_its_language() {
    for (lang, part, english) in [("en", "Prints the man page", false), ("ja", "マニュアルページを出力します", true)]
    {
        let told = |command: &[&str]| run(&[command, &["--lang", lang]].concat()).1;
        assert!(told(&["help"]).contains(part) || told(&["--help"]).contains(part), "{}", told(&["--help"]));
        let (page, script) = (told(&["man"]), told(&["completions", "zsh"]));
        assert!(page.contains(part) && script.contains(part), "{page}");
        assert_eq!(!page.contains("OPTIONS") && !page.contains("Print help"), english, "{page}");
        assert_eq!(!page.contains("possible values") && !page.contains("default:"), english, "{page}");
    }
}

#[test]
fn the_schema_the_man_page_and_the_completions_are_there() {
    let (_, schema, _) = run(&["config", "schema"]);
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    assert!(schema["properties"]["listener"].is_object());
    let (_, man, _) = run(&["man"]);
    assert!(man.contains(".TH gatepost 1") && man.contains(".SH \"gatepost config check\""), "{man}");
    assert!(!man.contains("run(1)"), "there is no other page to look at");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert!(run(&["completions", shell]).1.contains("gatepost"), "{shell}");
    }
}

#[test]
fn a_password_becomes_a_hash_that_fits_it() {
    let (code, hash, _) = run_with_stdin(&["password", "--stdin"], "correct horse\r\n");
    assert_eq!(code, 0);
    assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
    let hash = PasswordHash::new(hash.trim_end()).unwrap();
    assert!(Argon2::default().verify_password(b"correct horse", &hash).is_ok());
    assert_eq!(run_with_stdin(&["password", "--stdin"], "\n").0, 1);
    let (code, _, errors) = run(&["password"]);
    assert_eq!(code, 2);
    assert!(errors.contains("hint: give the password on stdin"), "{errors}");
}

#[test]
fn a_password_that_is_reset_is_learned_anew_or_made() {
    let folder = tempfile::tempdir().unwrap();
    let account = "[[account]]\naddress = \"ann@contoso.com\"\n";
    let store = format!("[store]\nurl = \"sqlite://{}/state/gatepost.db\"\n", folder.path().display());
    let config = file(folder.path(), &format!("{store}{APP}{account}password = \"first-use\"\n"));
    let (code, text, notes) = run(&["password", "--reset", "Ann@contoso.com", "--config", &config]);
    assert_eq!(code, 0, "{notes}");
    assert!(text.contains("Within 10 minutes, log in to ann@contoso.com from this machine"), "{text}");
    let (code, _, errors) = run(&["password", "--reset", "bob@contoso.com", "--config", &config]);
    assert_eq!(code, 1);
    assert!(errors.contains("hint: configured: ann@contoso.com"), "{errors}");
}

#[test]
fn a_configuration_without_an_account_is_not_called_fine_and_every_hint_names_the_file_that_was_named() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "");
    let setup = format!("`gatepost --config {config} setup`");
    for (lang, lacks) in [("en", "there is no [[account]]"), ("ja", "[[account]] がないため")] {
        let (code, said, warned) = run(&["config", "check", "--config", &config, "--lang", lang]);
        assert_eq!(code, 0, "{warned}");
        assert!(warned.contains(lacks) && warned.contains(&setup) && !said.contains(": fine"), "{said}{warned}");
        let (_, looked, errors) = run(&["doctor", "--offline", "--config", &config, "--lang", lang]);
        assert!(looked.contains(lacks) && !looked.contains("0:0"), "{looked}{errors}");
        let nowhere = format!("{config}.none");
        let (code, _, refused) = run(&["config", "check", "--config", &nowhere, "--lang", lang]);
        assert!(code == 78 && refused.contains(&format!("`gatepost --config {nowhere} setup`")), "{refused}");
    }
    std::fs::write(&config, "oops\n").unwrap();
    let (code, _, refused) = run(&["status", "--config", &config]);
    assert!(code == 78 && refused.contains("hint: in TOML a line is `key = \"text\"`"), "{refused}");
}

#[test]
fn an_address_that_takes_no_connection_is_named_once() {
    let place = crate::world::own_place();
    let server = place.to_string();
    let (code, _, errors) =
        run(&["send", "--server", &server, "--from", "a@b.example", "--to", "a@b.example", "--no-auth"]);
    assert_eq!((code, errors.matches(&server).count()), (1, 1), "{errors}");
}

#[test]
fn a_status_without_a_daemon_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let console = crate::world::own_place();
    let text = format!("[console]\nlisten = \"{console}\"\n{APP}[[account]]\naddress = \"ann@contoso.com\"\n");
    let config = file(folder.path(), &text);
    let (code, table, errors) = run(&["status", "--config", &config]);
    assert_eq!(code, 1);
    assert!(table.contains("ann@contoso.com") && !table.contains("{how}"), "{table}");
    for told in [&table, &errors] {
        assert!(!told.contains(".lock") && !told.contains("systemctl reload"), "{told}");
        assert!(told.contains(&format!("gatepost --config {config} run")), "what starts it: {told}");
    }
    for unknown in ["listeners", "sessions", "faults"] {
        assert!(!table.contains(unknown), "only a daemon knows of {unknown}: {table}");
    }
    let (_, table, errors) = run(&["status", "--config", &config, "--lang", "ja"]);
    assert!(table.contains("動作中: いいえ。") && errors.contains("デーモンは動いていません"), "{table}{errors}");
    let (code, json, _) = run(&["status", "--json", "--config", &config]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &json["running"], &json["listeners"]), (1, &false.into(), &serde_json::json!([])), "{json}");
}

#[test]
fn where_an_app_acts_by_itself_nobody_is_signed_in_and_the_app_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let app = format!("{APP}grant = \"client-credentials\"\nclient-secret = \"x\"\n");
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$lNTCgLIwXNcRuNuoPuCNsQ";
    let account = format!("[[account]]\naddress = \"ann@contoso.com\"\napp = \"contoso\"\npassword = \"{hash}\"\n");
    let config = file(folder.path(), &format!("[console]\nlisten = \"off\"\n{app}{account}"));
    for (lang, who) in [("en", "nobody: app-only, contoso ("), ("ja", "なし（アプリ専用のグラント: contoso (")]
    {
        let (_, table, errors) = run(&["status", "--config", &config, "--lang", lang]);
        assert_eq!(table.matches("ann@contoso.com").count(), 1, "{table}{errors}");
        assert!(table.contains(who), "{table}");
    }
    let (_, json, _) = run(&["status", "--json", "--config", &config]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let account = &json["accounts"][0];
    assert_eq!(account["signed-in-as"], serde_json::Value::Null);
    assert!(account["app-only"].as_str().unwrap().starts_with("contoso ("), "{json}");
}

/// What a shell, a service manager or a closed terminal sends.
#[test]
fn a_demo_that_runs_once_shows_a_dialogue_of_each_protocol_ends_with_success_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let demo = gatepost(&["demo", "--once"]).env("TMPDIR", folder.path()).output().unwrap();
    let said = String::from_utf8(demo.stdout).unwrap();
    assert_eq!(demo.status.code(), Some(0), "{said}");
    for words in ["AUTH PLAIN", "AUTH XOAUTH2", "250 2.0.0 OK <", "LOGIN", "AUTHENTICATE XOAUTH2", "+OK"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn a_demo_that_is_ended_by_any_signal_leaves_nothing_behind() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = gatepost(&["demo"]).env("TMPDIR", folder.path()).spawn().unwrap();
        let mut said = BufReader::new(demo.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("Ctrl-C ends the demo") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "the demo ended by itself");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let pid = demo.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        assert!(demo.wait().unwrap().success(), "{signal}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{signal}");
    }
}

#[cfg(unix)]
#[test]
fn a_demo_reads_its_configuration_again_at_sighup_keeps_a_log_of_its_own_and_names_its_file_in_what_it_tells() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mut demo = gatepost(&["demo", "--port-base", "0"]).env("TMPDIR", folder.path()).spawn().unwrap();
    let mut said = BufReader::new(demo.stdout.take().unwrap());
    let (mut line, mut log, mut imap) = (String::new(), None, None);
    while !line.contains("Ctrl-C ends the demo") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the demo ended by itself");
        let behind = |name: &str| line.trim().strip_prefix(name).map(|told| told.trim().to_owned());
        (log, imap) = (behind("log ").or(log), behind("imap ").or(imap));
    }
    let log = log.expect("it says where its log is");
    assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    let pid = demo.id().to_string();
    let kill = |signal: &str| assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    let mut reloads = || {
        kill("HUP");
        let mut line = String::new();
        while !line.contains("The configuration was read again") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended");
        }
    };
    reloads();
    assert!(std::fs::read_to_string(&log).unwrap().contains("configuration read again, nothing changed"));

    let file = Path::new(&log).with_file_name("gatepost.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (_, account) = text.split_once("[[account]]").unwrap();
    let bob = format!("{text}[[account]]{}", account.replace("ann@", "bob@"));
    std::fs::write(&file, bob).unwrap();
    reloads();
    let mut imap = BufReader::new(TcpStream::connect(imap.unwrap()).unwrap());
    imap.get_mut().write_all(b"a LOGIN bob@contoso.example demo\r\n").unwrap();
    let told = imap.lines().map_while(Result::ok).find(|line| line.starts_with("a ")).unwrap();
    let command = format!("run: gatepost --config {} login bob@contoso.example", file.display());
    assert!(told.contains(&command), "{told}");

    // Whoever ends it has nothing left to start a daemon on.
    let status = gatepost(&["status", "--config", file.to_str().unwrap()]).output().unwrap();
    let told = String::from_utf8(status.stderr).unwrap();
    assert!(told.contains(&format!("takes a restart: `kill {pid}`, `gatepost demo`; ")), "{told}");
    kill("TERM");
    assert!(demo.wait().unwrap().success());
}

/// The page refused the code, which the sandbox had approved by itself, as ann, before anybody opened it.
#[tokio::test]
async fn whoever_follows_the_words_of_a_login_at_the_demo_opens_the_page_types_the_code_and_says_who_signs_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = gatepost(&["demo", "--port-base", "0"]).env("TMPDIR", folder.path()).spawn().unwrap();
    let mut said = BufReader::new(demo.stdout.take().unwrap()).lines().map_while(Result::ok);
    let sign_in = said.find_map(|line| Some(line.trim().strip_prefix("sign in ")?.trim().to_owned()));
    let sign_in = sign_in.expect("it says how to sign in");
    let typed: Vec<&str> = sign_in.split("  ").next().unwrap().split(' ').skip(1).collect();
    let mut login = gatepost(&[&typed[..], &["--flow", "device", "--json"]].concat()).spawn().unwrap();
    let mut told = BufReader::new(login.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut event = || serde_json::from_str::<serde_json::Value>(&told.next().expect("an event")).unwrap();
    let code = event();
    let (page, code) = (code["url"].as_str().unwrap(), code["code"].as_str().unwrap());

    let browser = reqwest::Client::builder().no_proxy().build().unwrap();
    let issuer = page.strip_suffix("/devicelogin").unwrap();
    let post = async |place: &str, fields: &[(&str, &str)]| {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        browser.post(format!("{issuer}{place}")).body(body).send().await.unwrap().text().await.unwrap()
    };
    let asked = post("/devicelogin", &[("code", code)]).await;
    let flow = asked.split_once("name=flow value=\"").unwrap().1.split('"').next().unwrap();
    let bob = [("flow", flow), ("username", "bob@contoso.example"), ("password", "demo")];
    assert!(post("/sign-in", &bob).await.contains("bob@contoso.example"));
    let done = post("/consent", &[("flow", flow), ("answer", "accept")]).await;
    assert!(done.contains("You have signed in"), "{done}");
    let last = event();
    // Ann's good sign-in stays.
    let refused = "[somebody-else-signed-in]: bob@contoso.example signed in";
    assert!(last["event"] == "failed" && last["error"].as_str().unwrap().contains(refused), "{last}");
    assert_eq!(login.wait().unwrap().code(), Some(1));
    demo.kill().unwrap();
    demo.wait().unwrap();
}

/// Answers each line of a dialogue; gives back what the other side said.
fn server(script: Vec<(&'static str, &'static str)>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let said = thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        serve(stream, &script)
    });
    (address, said)
}

fn serve(mut stream: TcpStream, script: &[(&str, &str)]) -> Vec<String> {
    let mut lines = BufReader::new(stream.try_clone().unwrap());
    let mut said = Vec::new();
    let mut in_data = false;
    for (wanted, answer) in script {
        while !wanted.is_empty() {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or_default() == 0 {
                return said;
            }
            let line = line.trim_end().to_owned();
            let done = if in_data { line == *wanted } else { line.starts_with(wanted) };
            assert!(done || in_data, "expected {wanted}, got {line}");
            said.push(line);
            if done {
                break;
            }
        }
        stream.write_all(answer.as_bytes()).unwrap();
        in_data = answer.starts_with("354");
    }
    let _ = lines.read_to_string(&mut String::new());
    said
}

#[test]
fn a_test_message_goes_the_way_of_a_device() {
    let (address, said) = server(vec![
        ("", "220 gatepost ready\r\n"),
        ("EHLO", "250-gatepost\r\n250-SIZE 1000000\r\n250 AUTH PLAIN LOGIN\r\n"),
        ("AUTH PLAIN ", "235 2.7.0 ok\r\n"),
        ("MAIL FROM:<ann@contoso.com>", "250 ok\r\n"),
        ("RCPT TO:<bob@contoso.com>", "250 ok\r\n"),
        ("DATA", "354 go\r\n"),
        (".", "250 2.0.0 queued as 7\r\n"),
        ("QUIT", "221 bye\r\n"),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("body.txt");
    std::fs::write(&body, "hello\n.hidden dot\n").unwrap();
    let arguments = ["send", "--from", "ann@contoso.com", "--to", "bob@contoso.com", "--subject", "Grüße"];
    let rest = ["--password-stdin", "--server", &address, body.to_str().unwrap()];
    let (code, steps, errors) = run_with_stdin(&[&arguments[..], &rest[..]].concat(), "hunter2\n");
    assert_eq!(code, 0, "{errors}");
    assert!(steps.contains("> AUTH PLAIN [hidden]") && steps.contains("< 250 2.0.0 queued as 7"), "{steps}");
    let said = said.join().unwrap();
    assert!(said.contains(&"AUTH PLAIN AGFubkBjb250b3NvLmNvbQBodW50ZXIy".to_owned()), "{said:?}");
    assert!(!steps.contains("AGFubkBjb250b3NvLmNvbQBodW50ZXIy"), "{steps}");
    for line in
        ["From: <ann@contoso.com>", "To: <bob@contoso.com>", "Subject: =?utf-8?B?R3LDvMOfZQ==?=", "..hidden dot"]
    {
        assert!(said.contains(&line.to_owned()), "{line} in {said:?}");
    }
}

#[test]
fn a_refusal_is_shown_in_the_servers_words() {
    let (address, _) = server(vec![
        ("", "220 gatepost ready\r\n"),
        ("EHLO", "250-gatepost\r\n250 AUTH LOGIN\r\n"),
        ("AUTH LOGIN", "334 VXNlcm5hbWU6\r\n"),
        ("YUBiLmM=", "334 UGFzc3dvcmQ6\r\n"),
        ("eA==", "535 5.7.8 wrong password [gatepost bad-credentials]\r\n"),
    ]);
    let arguments = ["send", "--json", "--from", "a@b.c", "--to", "d@e.f", "--password-stdin", "--server", &address];
    let (code, json, _) = run_with_stdin(&arguments, "x\n");
    assert_eq!(code, 1);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["ok"], false);
    let error = json["error"].as_str().unwrap();
    assert!(error.contains("535 5.7.8 wrong password [gatepost bad-credentials]"), "{error}");
}

#[test]
fn a_test_message_that_is_refused_names_the_command_that_explains_it() {
    let refused = || {
        server(vec![
            ("", "220 gatepost ready\r\n"),
            ("EHLO", "250-gatepost\r\n250 AUTH PLAIN\r\n"),
            (
                "AUTH PLAIN ",
                "535 5.7.0 SMTP AUTH is disabled for your organization [gatepost smtp-auth-disabled-tenant]\r\n",
            ),
        ])
    };
    for (lang, told) in [
        ("en", "hint: `gatepost explain smtp-auth-disabled-tenant` tells more\n"),
        ("ja", "次の手順: 詳しくは `gatepost explain smtp-auth-disabled-tenant` で確認できます\n"),
    ] {
        let (address, _) = refused();
        let arguments =
            ["send", "--from", "a@b.c", "--to", "d@e.f", "--password-stdin", "--server", &address, "--lang", lang];
        let (code, _, errors) = run_with_stdin(&arguments, "x\n");
        assert_eq!(code, 1);
        assert!(errors.ends_with(told), "{errors}");
    }
}

/// Whatever the files of the state are called: nobody else reads them.
#[cfg(unix)]
#[test]
fn everything_in_the_state_directory_is_the_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let text = format!(
        "[store]\nurl = \"sqlite://{dir}/gatepost.db\"\nkey-file = \"{dir}/key\"\n[console]\nlisten = \"127.0.0.1:0\"\n\
         [[listener]]\nprotocol = \"imap\"\nlisten = [\"127.0.0.1:0\"]\ntls = \"starttls\"\n{APP}",
        dir = state.display()
    );
    let config = file(folder.path(), &text);
    let mut daemon = gatepost(&["run", "--config", &config]).spawn().unwrap();
    let mut log = BufReader::new(daemon.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("metrics on http://") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "the daemon ended by itself");
    }
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let files: Vec<_> = std::fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() >= 4, "{files:?}");
    for path in files {
        let public = path.extension().is_some_and(|end| end == "pem") && !path.to_string_lossy().contains("key");
        let own = if path.is_dir() { 0o700 } else { 0o600 };
        assert!(public || mode(&path) == own, "{}: {:o}", path.display(), mode(&path));
    }
    assert_eq!(mode(&state), 0o700);
    assert!(Command::new("kill").arg(daemon.id().to_string()).status().unwrap().success());
    assert!(daemon.wait().unwrap().success());
}

/// It got the password and the message, and was thanked for it.
#[test]
fn a_test_message_and_its_password_are_for_no_other_program_at_the_port_of_the_listener() {
    let folder = tempfile::tempdir().unwrap();
    let ours = |address: &str| {
        let store = format!("[store]\nurl = \"sqlite://{}/gatepost.db\"\n", folder.path().display());
        let listener = format!("[[listener]]\nprotocol = \"smtp\"\nlisten = [\"{address}\"]\ntls = \"off\"\n");
        file(
            folder.path(),
            &format!("{store}[console]\nlisten = \"off\"\n{listener}{APP}[[account]]\naddress = \"ann@contoso.com\"\n"),
        )
    };
    let settings = gatepost::store::Settings {
        url: format!("sqlite://{}/gatepost.db", folder.path().display()),
        key_file: folder.path().join("key"),
        key: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for runs in [false, true] {
        // As a daemon of this configuration holds it, whose port another one took.
        let lock = runs.then(|| runtime.block_on(gatepost::store::Lock::take(&settings)).unwrap());
        for (lang, why) in [("en", "answers at"), ("ja", "で応答して")] {
            let (address, said) =
                server(vec![("", "220 mail.example ESMTP Postfix\r\n"), ("EHLO", "250 AUTH PLAIN\r\n")]);
            let config = ours(&address);
            let words =
                ["send", "--from", "ann@contoso.com", "--to", "b@c.de", "--password-stdin", "--config", &config];
            let (code, steps, errors) = run_with_stdin(&[&words[..], &["--lang", lang]].concat(), "hunter2\n");
            assert!(code == 1 && errors.contains("[port-taken]") && errors.contains(why), "{steps}{errors}");
            assert!(!steps.contains("> "), "{steps}");
            assert_eq!(said.join().unwrap(), [""; 0], "nothing is said to it");
        }
        drop(lock);
    }
}
