//! Beside a daemon that runs: its listeners, its configuration, and what clients met lately.

use gatepost::{
    base::Protocol,
    catalog,
    sandbox::{CONFIDENTIAL_CLIENT, Mishap, MishapKind, PUBLIC_CLIENT},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt;

use super::stage::{First, Staged, check, outcome};
use crate::{
    process::{Program, run},
    world::{ANN, Plan, cheap_hash, consent_to, own_address, own_place, plain, sign_in_with},
};

pub async fn beside_a_daemon(plan: Plan) -> (Staged, Program) {
    let staged = Staged::new(plan).await;
    let program = daemon_of(&staged).await;
    (staged, program)
}

/// It can be asked: its console is where the file says.
pub async fn daemon_of(staged: &Staged) -> Program {
    staged.edit("[console]\nlisten = \"127.0.0.1:0\"", &format!("[console]\nlisten = \"{}\"", own_place()));
    Program::start(&staged.file).await
}

/// It is shown and explained, and fails nothing: a client's mistake is none of the set-up. But all is not well then.
async fn is_noted(staged: &Staged, name: &str, id: &str) -> serde_json::Value {
    let report = staged.fails_nothing().await;
    let noted = check(&report, "clients", name);
    assert_eq!((&noted["outcome"], &noted["fault"]["id"]), (&"skipped".into(), &id.into()), "{noted}");
    let told = staged.doctor(&[ANN, "--lang", "ja"]).await;
    assert!(told.code == 0 && told.out.ends_with(&format!(" [{id}]\n")), "{}", told.out);
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    let end = told.out.lines().last().unwrap();
    assert!(end.contains("a client met trouble of its own") && end.ends_with(&format!(" [{id}]")), "{}", told.out);
    assert!(told.code == 0 && !told.out.contains("All is well"), "{}", told.out);
    let cause = noted["fault"]["cause"].as_str().unwrap();
    let start: String = cause.split(' ').take(4).collect::<Vec<_>>().join(" ");
    assert!(told.out.contains(&start), "{start}: {}", told.out);
    noted
}

#[tokio::test]
async fn beside_a_daemon_everything_is_looked_at_and_nothing_is_disturbed() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    let report = staged.is_well().await;
    assert!(check(&report, "daemon", "daemon")["detail"].as_str().unwrap().contains(&program.id().to_string()));
    assert_eq!(outcome(&report, "daemon", "listener"), "pass");
    assert_eq!(outcome(&report, "daemon", "loaded-configuration"), "pass");
    assert_eq!(check(&report, "clients", "clients")["detail"], "no trouble in the last day");
    assert!(program.login(Protocol::Pop3).await.starts_with("+OK"), "its token is the one that the look fetched");
}

#[tokio::test]
async fn a_refresh_token_that_is_good_once_is_never_presented_beside_a_daemon() {
    let mut plan = Plan { signed_in: Vec::new(), app: "rotation = \"one-time\"".into(), ..Plan::default() };
    plan.sandbox.faults.identity.rotation = gatepost::sandbox::Rotation::OneTime;
    let staged = Staged::new(plan).await;
    sign_in_with(&staged.sandbox, staged.dir.path(), ANN, None).await;
    let program = daemon_of(&staged).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    let asked = staged.sandbox.counts().token_requests_total();
    let report = staged.is_well().await;
    let token = check(&report, "token", "mail-token");
    assert!(token["detail"].as_str().unwrap().starts_with("the stored one"), "{token}");
    assert_eq!(staged.sandbox.counts().token_requests_total(), asked);
}

pub async fn is_let_in(program: &Program) {
    let said = program.login(Protocol::Imap).await;
    assert!(said.starts_with("a OK"), "{said}");
}

/// A look in which nothing fails any more.
pub async fn fails_no_more(staged: &Staged, arguments: &[&str]) -> super::stage::Told {
    let told = staged.doctor(arguments).await;
    assert_eq!(told.code, 0, "{}", told.out);
    told
}

fn state_of_ann(staged: &Staged) -> String {
    let (_, status, errors) = crate::process::run(&["status", "--json"], &staged.file);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap_or_else(|_| panic!("{errors}"));
    status["accounts"][0]["sign-in"]["phase"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_daemon_refuses_from_memory_after_it_was_mended_is_told_and_ended_by_a_reload() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    staged.sandbox.faults().set(|faults| faults.apply("tokens-refused"));
    assert!(program.login(Protocol::Imap).await.contains("fresh-token-refused"));
    assert_eq!(state_of_ann(&staged), "refused", "a token is there, and of no use");
    let (_, table, _) = crate::process::run(&["status"], &staged.file);
    for words in
        ["  refused (imap)\n", "refused at", "asked again from", &format!("\nreload: kill -HUP {}\n", program.id())]
    {
        assert!(table.contains(words), "{words}: {table}");
    }
    staged.mended();
    let command = &format!("kill -HUP {}", program.id());
    let wanted = First { layer: "daemon", name: "remembered-refusal", id: "refusal-remembered", command };
    let check = staged.fails_first(wanted).await;
    assert_eq!(check["target"], "imap");
    let detail = check["detail"].as_str().unwrap();
    assert!(detail.contains("still answers fresh-token-refused until "), "{detail}");
    assert!(program.login(Protocol::Imap).await.contains("fresh-token-refused"), "as was told");
    program.reload().await;
    is_let_in(&program).await;
    assert_eq!(state_of_ann(&staged), "ready");
    assert_eq!(outcome(&staged.is_well().await, "daemon", "remembered-refusal"), "pass");
}

/// The token in hand was good all along.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_was_mended_is_past_for_the_status_as_soon_as_mail_flows_behind_a_reload() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let goes = async || assert!(super::open::sent(&program, ANN, ANN).await.starts_with("250 "));
    goes().await;
    staged.sandbox.faults().set(|faults| {
        faults.apply("sign-in-blocked");
        faults.imap.refuse_tokens = 1;
    });
    assert!(program.login(Protocol::Imap).await.contains("conditional-access"));
    goes().await;
    assert_eq!(state_of_ann(&staged), "refused", "nobody said that it was mended");
    staged.mended();
    program.reload().await;
    goes().await;
    while state_of_ann(&staged) != "ready" {
        tokio::task::yield_now().await;
    }
    is_let_in(&program).await;
    staged.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_given_to_an_app_without_people_is_asked_for_again_by_a_reload() {
    let staged = super::app_only::staged("no-consent").await;
    let program = daemon_of(&staged).await;
    assert!(program.login(Protocol::Imap).await.contains("consent-missing"));
    assert_eq!(state_of_ann(&staged), "refused", "nobody can sign in");
    let (_, table, _) = crate::process::run(&["status"], &staged.file);
    let reload = format!("Then\n        kill -HUP {}\n", program.id());
    assert!(table.contains(&reload) && !table.contains("systemctl"), "{table}");
    // To another app, and then to this one.
    consent_to(&staged.sandbox, PUBLIC_CLIENT).await;
    let asked = staged.doctor(&[ANN, "--json"]).await;
    assert_eq!(check(&asked.json(), "token", "mail-token")["fault"]["id"], "consent-missing");
    consent_to(&staged.sandbox, CONFIDENTIAL_CLIENT).await;
    let command = &format!("kill -HUP {}", program.id());
    let wanted = First { layer: "daemon", name: "remembered-refusal", id: "refusal-remembered", command };
    assert_eq!(staged.fails_first(wanted).await["target"], "token");
    program.reload().await;
    is_let_in(&program).await;
    for (protocol, well) in [(Protocol::Smtp, "235 "), (Protocol::Pop3, "+OK ")] {
        assert!(program.login(protocol).await.starts_with(well), "{protocol}");
    }
    staged.is_well().await;
}

/// What passes by itself passes later than it was mended.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_answers_again_while_the_daemon_waits_to_ask_it_is_asked_at_once_by_a_reload() {
    let staged = super::app_only::staged("no-such").await;
    let program = daemon_of(&staged).await;
    let pause = MishapKind::Status { status: 429, retry_after: Some(300) };
    staged.sandbox.faults().set(|faults| faults.identity.mishap = Some(Mishap::new(pause)));
    assert!(program.login(Protocol::Imap).await.contains("token-endpoint-throttled"));
    staged.mended();
    let command = &format!("kill -HUP {}", program.id());
    let wanted = First { layer: "daemon", name: "remembered-refusal", id: "refusal-remembered", command };
    let check = staged.fails_first(wanted).await;
    assert!(check["detail"].as_str().unwrap().contains("still answers token-endpoint-throttled until "), "{check}");
    assert!(program.login(Protocol::Imap).await.contains("token-endpoint-throttled"), "as was told");
    program.reload().await;
    is_let_in(&program).await;
    staged.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signed_in_just_now_is_signed_in_for_the_status() {
    let staged = Staged::new(Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    let _program = daemon_of(&staged).await;
    for _ in 0..3 {
        assert_eq!(state_of_ann(&staged), "sign-in-needed");
        sign_in_with(&staged.sandbox, staged.dir.path(), ANN, None).await;
        assert_eq!(state_of_ann(&staged), "ready");
        let store = gatepost::store::Store::open(&crate::world::settings(staged.dir.path())).await.unwrap();
        store.delete_tokens(&format!("contoso/{ANN}")).await.unwrap();
    }
}

#[tokio::test]
async fn a_changed_file_is_told_until_it_is_loaded() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let other = cheap_hash("another");
    staged.edit("[daemon]\n", "[daemon]\nsign-on-seconds = 44\n");
    let command = &format!("kill -HUP {}", program.id());
    staged
        .fails_first(First { layer: "daemon", name: "loaded-configuration", id: "configuration-not-loaded", command })
        .await;
    drop((other, program));
}

#[tokio::test]
async fn a_changed_file_that_the_configuration_names_is_told_until_it_is_loaded() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let roots = staged.dir.path().join("ca.pem");
    let text = std::fs::read_to_string(&roots).unwrap();
    std::fs::write(&roots, format!("# renewed\n{text}")).unwrap();
    let command = &format!("kill -HUP {}", program.id());
    staged
        .fails_first(First { layer: "daemon", name: "loaded-configuration", id: "configuration-not-loaded", command })
        .await;
    program.reload().await;
    assert!(fails_no_more(&staged, &[ANN]).await.out.ends_with("\nAll is well.\n"));
}

#[tokio::test]
async fn tls_bytes_on_a_plain_port_are_told_from_the_recent_sessions() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let mut tcp = tokio::net::TcpStream::connect(program.address(Protocol::Smtp)).await.unwrap();
    tcp.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    let mut said = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut said).await.unwrap();
    assert!(String::from_utf8_lossy(&said).contains("plain text, not in TLS"));
    let found = is_noted(&staged, "tls-on-plain-port", "client-tls-on-plain-port").await;
    assert!(found["detail"].as_str().unwrap().contains("; from 127."), "{found}");
    assert_eq!(found["target"], "smtp");
}

#[tokio::test]
async fn plain_bytes_on_a_tls_port_and_a_login_that_was_never_offered_are_told() {
    let (staged, program) = beside_a_daemon(Plan { tls: "implicit", ..Plan::default() }).await;
    let mut tcp = tokio::net::TcpStream::connect(program.address(Protocol::Pop3)).await.unwrap();
    tcp.write_all(b"USER ann\r\n").await.unwrap();
    let mut said = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut said).await;
    is_noted(&staged, "plain-on-tls-port", "client-plain-on-tls-port").await;
    drop(program);

    let (staged, program) = beside_a_daemon(Plan { tls: "starttls-required", ..Plan::default() }).await;
    let mut smtp = program.greeted(Protocol::Smtp).await;
    smtp.exchange("QUIT", "221 ").await;
    smtp.expect_end().await;
    is_noted(&staged, "starttls-unused", "client-without-starttls").await;
}

#[tokio::test]
async fn a_wrong_password_is_named_with_its_account_in_place_of_all_is_well_until_the_right_one_comes() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let mut smtp = crate::world::Talk::connect(own_address(), program.address(Protocol::Smtp)).await;
    smtp.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, "wrong")), "535 5.7.8 ").await;
    let noted = is_noted(&staged, "wrong-password", "bad-credentials").await;
    let reset = staged.gatepost(&format!("password --reset {ANN}"));
    assert_eq!(noted["fault"]["commands"][0], reset.as_str(), "{noted}");
    assert!(program.login(Protocol::Smtp).await.starts_with("235 "));
    staged.is_well().await;
}

/// No `password --reset` makes it another one: that is for an account.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_of_a_client_is_told_with_the_hash_that_its_rule_wants_and_no_account() {
    let rule = format!(
        "[[client]]\nname = \"3F copier\"\naccount = \"{ANN}\"\nlogin = \"copier\"\npassword = \"{}\"\n",
        cheap_hash("right")
    );
    let (staged, program) = beside_a_daemon(Plan { more: rule, ..Plan::default() }).await;
    let mut smtp = crate::world::Talk::connect(own_address(), program.address(Protocol::Smtp)).await;
    smtp.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain("copier", "wrong")), "535 5.7.8 ").await;
    let noted = is_noted(&staged, "wrong-password", "bad-credentials").await;
    assert_eq!(noted["fault"]["commands"][0], staged.gatepost("password").as_str(), "{noted}");
    for lang in ["en", "ja"] {
        let status = crate::process::run(&["status", "--lang", lang], &staged.file).1;
        let doctor = staged.doctor(&[ANN, "--lang", lang]).await.out;
        for said in [status, doctor] {
            assert!(said.contains(r#"`[[client]] name = "3F copier"`"#) && !said.contains("--reset"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_wrong_password_by_two_protocols_is_advised_on_once() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    for protocol in [Protocol::Imap, Protocol::Pop3] {
        program.greeted(protocol).await.login(protocol, ANN, "wrong").await;
    }
    let told = staged.doctor(&[ANN]).await;
    assert_eq!(told.out.matches("bad-credentials: ").count(), 2, "{}", told.out);
    let noted = check(&staged.fails_nothing().await, "clients", "wrong-password");
    let cause = noted["fault"]["cause"].as_str().unwrap();
    let start: String = cause.split(' ').take(4).collect::<Vec<_>>().join(" ");
    assert_eq!(told.out.matches(&start).count(), 1, "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_console_the_file_has_moved_is_to_be_restarted_and_not_all_is_well() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let text = std::fs::read_to_string(&staged.file).unwrap();
    let console = text.split_once("[console]\nlisten = \"").unwrap().1.split('"').next().unwrap().to_owned();
    let moved = own_place().to_string();
    staged.edit(&console, &moved);
    let command = &format!("kill {}", program.id());
    let wanted = First { layer: "daemon", name: "listener", id: "listener-not-open", command };
    let check = staged.fails_first(wanted).await;
    assert_eq!(check["target"], format!("console {moved}"), "{check}");
    staged.edit(&moved, &console);
    staged.is_well().await;
    staged.edit(&format!("listen = \"{console}\""), "listen = \"off\"");
    for (lang, end) in [("en", "could not be asked; its line, above, says why.\n"), ("ja", "（理由は上の行）。\n")]
    {
        let told = staged.doctor(&[ANN, "--lang", lang]).await;
        assert!(told.code == 0 && told.out.ends_with(end), "{}", told.out);
    }
}

/// It was called a daemon that hangs, and was to be killed while mail flowed.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_console_the_file_has_moved_to_where_another_program_is_silent_is_not_called_hanging() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let text = std::fs::read_to_string(&staged.file).unwrap();
    let console = text.split_once("[console]\nlisten = \"").unwrap().1.split('"').next().unwrap().to_owned();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    staged.edit(&console, &silent.local_addr().unwrap().to_string());
    let smtp = program.address(Protocol::Smtp).to_string();
    let text = std::fs::read_to_string(&staged.file).unwrap();
    std::fs::write(&staged.file, text.replacen("127.0.0.1:0", &smtp, 1)).unwrap();
    let command = &format!("kill {}", program.id());
    staged.fails_first(First { layer: "daemon", name: "listener", id: "port-taken", command }).await;
    let (code, _, errors) = run(&["status"], &staged.file);
    assert!(code == 1 && errors.contains("[port-taken]") && !errors.contains("kill -KILL"), "{errors}");
    program.stopped().await;
}

/// The system takes connections in its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_answers_nobody_fails_the_look_and_is_not_taken_for_one_whose_console_was_moved() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    // Behind this it writes nothing: whoever is stopped in the middle of that holds the store as well.
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    staged.is_well().await;
    let process = Pid::from_raw(program.id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    let command = &format!("kill -KILL {}", program.id());
    let wanted = First { layer: "daemon", name: "listener", id: "daemon-hangs", command };
    let check = staged.fails_first(wanted).await;
    assert!(check["target"].as_str().unwrap().starts_with("console 127."), "{check}");
    for (lang, running) in [("en", "; it answers nobody"), ("ja", "。応答がありません")] {
        let (code, status, errors) = run(&["status", "--lang", lang], &staged.file);
        assert!(code == 1 && errors.contains("[daemon-hangs]") && errors.contains(command), "{errors}");
        assert!(status.contains(&format!("{}{running}", program.id())) || status.contains(running), "{status}");
        assert!(!errors.contains("moved") && !errors.contains("has no console"), "{errors}");
    }
    kill_process(process, Signal::CONT).unwrap();
    staged.is_well().await;
}

/// Nobody can ask it but for a greeting.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_without_a_console_that_greets_nobody_fails_the_look() {
    let staged = Staged::new(Plan::default()).await;
    staged.edit("[console]\nlisten = \"127.0.0.1:0\"", "[console]\nlisten = \"off\"");
    let place = own_place();
    let smtp = |at: &str| format!("protocol = \"smtp\"\nlisten = [\"{at}\"]");
    staged.edit(&smtp("127.0.0.1:0"), &smtp(&place.to_string()));
    let program = Program::start(&staged.file).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    let listener = check(&staged.fails_nothing().await, "daemon", "listener");
    assert_eq!(listener["outcome"], "skipped", "{listener}");
    let process = Pid::from_raw(program.id().try_into().unwrap()).unwrap();
    kill_process(process, Signal::STOP).unwrap();
    let command = &format!("kill -KILL {}", program.id());
    let check = staged.fails_first(First { layer: "daemon", name: "listener", id: "daemon-hangs", command }).await;
    assert_eq!(check["target"], format!("smtp {place}"), "{check}");
    kill_process(process, Signal::CONT).unwrap();
    staged.fails_nothing().await;
}

/// A copy of the file that the daemon reads: no signal to that daemon changes anything for it.
#[tokio::test(flavor = "multi_thread")]
async fn beside_a_daemon_that_reads_another_file_nobody_is_told_to_reload_that() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    let copy = staged.file.with_file_name("copy.toml");
    std::fs::copy(&staged.file, &copy).unwrap();
    let told = super::stage::doctor(&copy, &[ANN, "--lang", "en"]).await;
    let again = format!("gatepost --config {} doctor", copy.display());
    assert!(told.code == 1 && told.out.contains(&format!("\n          {again}\n")), "{}", told.out);
    assert!(!told.out.contains(&format!("kill -HUP {}", program.id())), "{}", told.out);
    let line =
        format!("\n          # {}, under [[account]] of {ANN}\n          outbound = \"graph\"\n", copy.display());
    assert!(told.out.contains(&line), "{}", told.out);
    let (code, explained, errors) = run(&["explain", "configuration-of-another-daemon", "--account", ANN], &copy);
    let go_on = format!("gatepost --config {} doctor", staged.file.display());
    assert!(code == 0 && explained.lines().any(|line| line.trim() == go_on), "{explained}{errors}");
    let told = super::stage::doctor(&copy, &[ANN, "--json"]).await;
    let report = told.json();
    let other = check(&report, "daemon", "loaded-configuration");
    let stop = format!("kill {}", program.id());
    assert!(other["fault"]["commands"].as_array().unwrap().contains(&stop.into()), "{other}");
}

/// Whoever reads the status believes the file, and clients that were set to the new port hear nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_a_reload_does_not_move_is_warned_of_and_told_ahead_in_the_status_until_it_is_put_back() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let status = |lang: &str| run(&["status", "--lang", lang], &staged.file).1;
    let (before, behind) = ("127.0.0.1:0", own_place().to_string());
    let listener = |at: &str| format!("protocol = \"smtp\"\nlisten = [\"{at}\"]");
    staged.edit(&listener(before), &listener(&behind));
    program.reload().await;
    let what = format!("listeners +smtp {behind} -smtp {before}");
    let warned = program.logs("until a restart").await;
    assert!(warned.contains("WARN") && warned.contains(&what), "{warned}");
    let entry = catalog::find("restart-pending").unwrap();
    assert!(warned.contains("\"id\":\"restart-pending\"") && warned.contains(entry.short()), "{warned}");
    let run_again = format!("gatepost --config {} run", staged.file.display());
    let restart = format!("`kill {}`, `{run_again}`", program.id());
    assert!(warned.contains(&restart), "{warned}");
    let report = super::stage::doctor(&staged.file, &["--json"]).await.json();
    let pending = check(&report, "daemon", "loaded-configuration");
    assert_eq!(pending["fault"]["id"].as_str(), Some("restart-pending"), "{pending}");
    assert_eq!(pending["fault"]["commands"], serde_json::json!([format!("kill {}", program.id()), run_again]));
    let failing = report["checks"].as_array().unwrap().iter().filter(|one| one["outcome"] == "fail");
    assert_eq!(failing.count(), 1, "that alone: {report}");
    for (lang, head) in [("en", "needs-restart"), ("ja", "再起動するまで有効にならない変更")] {
        let told = status(lang);
        let pending = told.lines().find(|line| line.starts_with(&format!("{head}: "))).unwrap_or_default();
        assert!(pending.contains(&what) && pending.contains(&restart) && !told.contains("kill -HUP"), "{told}");
        assert!(pending.contains(entry.short()) && pending.contains("[restart-pending]"), "{told}");
        let (code, explained, _) = run(&["explain", pending], &staged.file);
        assert!(code == 0 && explained.starts_with("restart-pending"), "{explained}");
        assert!(told.contains(&program.address(Protocol::Smtp).to_string()), "where it listens now: {told}");
    }
    staged.edit(&listener(&behind), &listener(before));
    program.reload().await;
    assert!(!status("en").contains("needs-restart"), "{}", status("en"));
}

/// A second one is not let in, and the unit of the packages may be of nobody here.
#[tokio::test(flavor = "multi_thread")]
async fn explain_starts_no_second_daemon_and_reloads_the_one_that_runs_though_its_file_is_refused() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let told = |id: &str| run(&["explain", id, "--lang", "en"], &staged.file).1;
    let reached = told("daemon-not-running");
    let reached = reached.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(reached.contains("The daemon of this configuration runs") && !reached.contains("Start it"), "{reached}");
    staged.edit("[network]\n", "[network]\nno-such-key = 1\n");
    let refused = told("proxy-login-refused");
    assert!(refused.contains(&format!("kill -HUP {}", program.id())) && !refused.contains("systemctl"), "{refused}");
}
