//! The queue: whether messages can be kept, and whether what waits goes.

use std::time::{Duration, SystemTime};

use gatepost::{
    sandbox::{AfterDot, Answer, CONFIDENTIAL_CLIENT, object_id},
    store::{Ended, EndedRecipient, RecipientState, Store},
};

use super::{
    clients::{beside_a_daemon, daemon_of},
    open::sent,
    service_principal,
    stage::{First, Staged, check, outcome},
};
use crate::{
    process::{Program, run},
    queue::queued_as,
    world::{ANN, BOB, Plan, account, settings, until, until_so},
};

fn queued(more: &str) -> Plan {
    Plan { account: "delivery = \"queue\"".into(), more: more.into(), ..Plan::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_stands_still_fails_with_its_step_and_one_that_moves_passes() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    let told = check(&staged.is_well().await, "daemon", "queue");
    assert_eq!((&told["outcome"], &told["detail"]), (&"pass".into(), &"nothing waits".into()), "{told}");
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    let status = || run(&["status"], &staged.file).1;
    let stands = || status().contains("stands still");
    until_so("it stands still", std::time::Duration::from_secs(20), async || stands()).await;
    assert!(status().contains("\nqueue\n  waiting  held"), "{}", status());
    let japanese = run(&["status", "--lang", "ja"], &staged.file).1;
    assert!(japanese.contains("\nキュー\n  待機中") && japanese.contains("停止中"), "{japanese}");
    // Nobody knew that it goes by itself, when, and what has it go at once.
    let flat = status().split_whitespace().collect::<Vec<_>>().join(" ");
    let [retry, list] = ["queue retry <id>", "queue list"].map(|rest| format!("`{}`", staged.gatepost(rest)));
    for part in ["tried again at", "is tried again by itself at the time shown", &retry, &list] {
        assert!(flat.contains(part), "{part}: {flat}");
    }
    assert!(japanese.contains("表示の時刻に自動的に再試行"), "{japanese}");
    let list = run(&["queue", "list"], &staged.file).1;
    let id = list.split_whitespace().next().unwrap();
    let retry = format!("`{}`", staged.gatepost(&format!("queue retry {id}")));
    assert!(list.contains("    next at ") && list.contains(&retry), "{list}");
    // It said that each goes by itself, where an administrator has to act first.
    assert!(list.contains("goes once its cause is over or mended") && !list.contains("Each goes by itself"), "{list}");
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    let told = check(&report, "daemon", "queue");
    assert_eq!((&told["outcome"], &told["account"]), (&"fail".into(), &ANN.into()), "{told}");
    assert_eq!(told["fault"]["id"], "smtp-auth-disabled-tenant", "{told}");
    assert!(told["detail"].as_str().unwrap().starts_with("stands still, 1 wait: "), "{told}");
}

/// The doctor called all well, and the status said nothing of a queue.
#[tokio::test(flavor = "multi_thread")]
async fn mail_that_waits_for_a_daemon_that_does_not_run_fails_the_look_and_stands_in_the_status() {
    let staged = Staged::new(queued("")).await;
    queued_as(staged.dir.path(), "held", |message| message.hold = Some("by-hand".into())).await;
    let told = staged.doctor(&[ANN, "--json"]).await;
    let held = check(&told.json(), "daemon", "queue");
    assert_eq!((told.code, &held["outcome"]), (0, &"skipped".into()), "what is held waits for a person: {held}");
    assert!(!run(&["status"], &staged.file).1.contains("once the daemon runs"));

    queued_as(staged.dir.path(), "left", |_| ()).await;
    staged.fails_first(First { layer: "daemon", name: "queue", id: "mail-awaits-daemon", command: "" }).await;
    for arguments in [&["--offline"][..], &[ANN, "--offline"]] {
        let told = staged.doctor(arguments).await;
        let start = staged.gatepost("run");
        assert!(
            told.code == 1 && told.out.contains("[mail-awaits-daemon]") && told.out.contains(&start),
            "{}",
            told.out
        );
    }
    let (code, said, errors) = run(&["status"], &staged.file);
    assert!(said.contains("\nqueue\n  waiting  held  oldest, seconds  bytes\n  1        1 "), "{said}");
    assert!(code == 1 && said.contains("  1 message waits, and goes once the daemon runs\n"), "{said}{errors}");
    let japanese = run(&["status", "--lang", "ja"], &staged.file).1;
    assert!(japanese.contains("  1通のメールが待機中です。デーモンを起動すると配信されます\n"), "{japanese}");
    let json: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &staged.file).1).unwrap();
    assert_eq!((&json["queue"]["waiting"], &json["queue"]["held"]), (&1.into(), &1.into()), "{json}");
    assert!(json["queue"].get("returned").is_none(), "the daemon alone knows: {json}");
}

/// Whoever looked at one account was told to see to the mail of another.
#[tokio::test(flavor = "multi_thread")]
async fn mail_of_an_account_that_nobody_looks_at_fails_no_look_while_the_daemon_is_down() {
    let staged = Staged::new(Plan { more: account(BOB, ""), ..queued("") }).await;
    queued_as(staged.dir.path(), "left", |_| ()).await;
    let told = staged.doctor(&[BOB, "--offline"]).await;
    assert!(!told.out.contains("mail-awaits-daemon"), "{}", told.out);
    for arguments in [&["--offline"][..], &[ANN, "--offline"]] {
        let told = staged.doctor(arguments).await;
        assert!(told.out.contains("[mail-awaits-daemon]"), "{}", told.out);
    }
}

/// It named the identity provider, under a key that nobody had written.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_stands_still_at_the_proxy_of_mail_is_told_with_that_proxy_and_the_mail_server() {
    let proxy = super::way::answering(["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]).await;
    let network = format!("mail-proxy = \"http://{proxy}\"");
    let (staged, program) = beside_a_daemon(Plan { upstream: Some("mail.invalid"), network, ..queued("") }).await;
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    let queue = async || check(&staged.doctor(&[ANN, "--json"]).await.json(), "daemon", "queue");
    until_so("it stands still", std::time::Duration::from_secs(20), async || {
        queue().await["fault"]["id"] == "proxy-forbids"
    })
    .await;
    let told = queue().await["fault"]["next-step"].to_string();
    assert!(told.contains("mail.invalid") && !told.contains("http-proxy"), "{told}");
    assert!(told.contains(&proxy.to_string()) && !told.contains("<proxy>"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_rests_behind_a_cause_that_is_mended_is_told_with_the_command_that_tries_at_once() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    let queue = async || check(&staged.doctor(&[ANN, "--json"]).await.json(), "daemon", "queue");
    until_so("it stands still", std::time::Duration::from_secs(20), async || {
        queue().await["fault"]["id"] == "smtp-auth-disabled-tenant"
    })
    .await;
    staged.mended();
    let told = queue().await;
    assert_eq!((&told["outcome"], &told["fault"]["id"]), (&"skipped".into(), &"refusal-remembered".into()), "{told}");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("1 wait") && detail.contains("smtp-auth-disabled-tenant"), "{told}");
    let command = format!("kill -HUP {}", program.id());
    assert!(told["fault"]["commands"].as_array().unwrap().contains(&command.into()), "{told}");
    let told = staged.doctor(&[ANN, "--lang", "en"]).await.out;
    assert!(!told.contains("SmtpClientAuthenticationDisabled"), "it is mended: {told}");
    program.reload().await;
    until_so("it goes", std::time::Duration::from_secs(20), async || queue().await["outcome"] == "pass").await;
    staged.is_well().await;
}

/// What was not looked at is not called well.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_stands_still_for_another_account_is_no_pass_for_the_one_that_is_looked_at() {
    let (staged, program) = beside_a_daemon(queued(&account(BOB, ""))).await;
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    until_so("it stands still", std::time::Duration::from_secs(20), async || {
        run(&["status"], &staged.file).1.contains("stands still")
    })
    .await;
    let told = check(&staged.doctor(&[BOB, "--json"]).await.json(), "daemon", "queue");
    assert_eq!((&told["outcome"], &told["fault"]), (&"skipped".into(), &serde_json::Value::Null), "{told}");
    assert!(!told.to_string().contains(ANN), "{told}");
}

/// In a container the number of the process is the same each time.
#[tokio::test]
async fn what_a_look_that_was_killed_left_in_the_queues_directory_fails_no_other() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    let directory = staged.dir.path().join("gatepost.queue");
    let look = crate::process::command(&["doctor", ANN, "--json"], &staged.file);
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", ": > \"$0/doctor-$$\"; exec \"$@\""]).arg(&directory).arg(look.get_program());
    shell.args(look.get_args()).env_clear().env("HOME", "/nonexistent");
    let told = tokio::task::spawn_blocking(move || super::stage::Told::of(shell)).await.unwrap();
    assert_eq!(outcome(&told.json(), "files", "queue-directory"), "pass", "{}", told.out);
    let files = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name());
    assert!(files.into_iter().all(|name| !name.to_string_lossy().ends_with(".msg")), "nothing stays");
    drop(program);
}

#[cfg(unix)]
#[tokio::test]
async fn a_queue_into_which_others_may_write_is_told_with_the_command_that_shuts_it() {
    use std::os::unix::fs::PermissionsExt;
    let (staged, program) = beside_a_daemon(queued("")).await;
    let directory = staged.dir.path().join("gatepost.queue");
    std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o777)).unwrap();
    let found = check(&staged.doctor(&[ANN, "--json"]).await.json(), "files", "queue-directory");
    let shuts = format!("chmod 700 {}", directory.display());
    assert_eq!((&found["outcome"], &found["fault"]["id"]), (&"fail".into(), &"queue-failing".into()), "{found}");
    assert!(found.to_string().contains(&shuts), "{found}");
    drop(program);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_cannot_be_written_is_seen_and_no_test_message_proves_it_mended() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    let (directory, away) = (staged.dir.path().join("gatepost.queue"), staged.dir.path().join("away"));
    std::fs::rename(&directory, &away).unwrap();
    std::fs::write(&directory, "").unwrap();
    let said = sent(&program, ANN, ANN).await;
    assert!(said.starts_with("451 ") && said.ends_with("[gatepost queue-failing]"), "{said}");
    staged.fails_first(First { layer: "files", name: "queue-directory", id: "queue-failing", command: "" }).await;

    std::fs::remove_file(&directory).unwrap();
    std::fs::rename(&away, &directory).unwrap();
    let report = staged.doctor(&[ANN, "--send", ANN, "--json"]).await.json();
    assert_eq!(outcome(&report, "files", "queue-directory"), "pass");
    let met = check(&report, "clients", "last-fault");
    assert_eq!((&met["outcome"], &met["fault"]["id"]), (&"skipped".into(), &"queue-failing".into()), "{met}");
    assert!(!met["fault"]["next-step"].as_str().unwrap().contains("--send"), "{met}");
    let files = std::fs::read_dir(&directory).unwrap().map(|file| file.unwrap().file_name());
    assert!(files.into_iter().all(|name| !name.to_string_lossy().contains("doctor")), "nothing stays");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_was_too_full_for_a_message_stands_open_with_its_step_and_every_trouble_is_named_at_the_end() {
    let (staged, program) = beside_a_daemon(queued("[queue]\nmax-bytes = 40\n")).await;
    let said = sent(&program, ANN, ANN).await;
    assert!(said.starts_with("452 ") && said.ends_with("[gatepost queue-full]"), "{said}");
    let mut wrong = program.greeted(gatepost::base::Protocol::Smtp).await;
    assert!(wrong.login(gatepost::base::Protocol::Smtp, ANN, "wrong").await.starts_with("535 "));
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    assert!(told.code == 0 && told.out.contains("[queue-full]") && told.out.contains(" queue list"), "{}", told.out);
    let end = told.out.lines().last().unwrap();
    assert!(end.contains("queue-full") && end.contains("bad-credentials"), "{}", told.out);
}

/// Nobody can send it, nor give it up with a notice: it must not wait without a word.
#[tokio::test(flavor = "multi_thread")]
async fn mail_whose_account_is_in_the_configuration_no_more_is_told_by_log_status_and_doctor_until_it_is_back() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    let address = format!("address = \"{ANN}\"");
    staged.edit(&address, "address = \"other@contoso.example\"");
    program.reload().await;
    let step = staged.gatepost(&format!("queue list --account {ANN}"));
    for (lang, cause) in [("en", "no `[[account]]` of that address"), ("ja", "設定からなくなっています")] {
        let status = run(&["status", "--lang", lang], &staged.file).1;
        let status = status.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(status.contains("account-gone") && status.contains(cause) && status.contains(&step), "{status}");
    }
    let list = |more: &[&str]| run(&[&["queue", "list"], more].concat(), &staged.file).1;
    assert!(list(&[]).contains("  waiting ") && list(&[]).contains("[account-gone]"), "{}", list(&[]));
    for (state, number) in [("waiting", 1), ("held", 0)] {
        let found: serde_json::Value = serde_json::from_str(&list(&["--json", "--state", state])).unwrap();
        let found = found["messages"].as_array().unwrap();
        assert_eq!(found.len(), number, "{state}");
        assert!(found.iter().all(|one| (&one["state"], &one["fault"]) == (&state.into(), &"account-gone".into())));
    }
    let report = staged.doctor(&["--json"]).await.json();
    let told = check(&report, "daemon", "queue");
    assert_eq!((&told["outcome"], &told["fault"]["id"]), (&"fail".into(), &"account-gone".into()), "{told}");
    assert!(told["fault"]["commands"].as_array().unwrap().contains(&step.as_str().into()), "{told}");
    staged.edit("address = \"other@contoso.example\"", &address);
    staged.mended();
    program.reload().await;
    let moves = async || !run(&["status"], &staged.file).1.contains("stands still");
    until_so("it goes", std::time::Duration::from_secs(20), moves).await;
}

/// The queue has room for this message and little more.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_fills_up_is_told_before_anybody_is_refused_and_is_past_once_something_was_dropped() {
    let (staged, program) = beside_a_daemon(queued("[queue]\nmax-bytes = 1000000\n")).await;
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    let list: serde_json::Value = serde_json::from_str(&run(&["queue", "list", "--json"], &staged.file).1).unwrap();
    let message = &list["messages"][0];
    let room = async || check(&staged.doctor(&[ANN, "--json"]).await.json(), "files", "queue-directory");
    assert_eq!(room().await["outcome"], "pass");
    staged.edit("max-bytes = 1000000", &format!("max-bytes = {}", message["bytes"].as_u64().unwrap() * 10 / 9));
    program.reload().await;
    let told = room().await;
    assert_eq!((&told["outcome"], &told["fault"]["id"]), (&"skipped".into(), &"queue-fills-up".into()), "{told}");
    let commands = told["fault"]["commands"].as_array().unwrap();
    for command in [staged.gatepost("queue list"), format!("kill -HUP {}", program.id())] {
        assert!(commands.contains(&command.as_str().into()), "{command}: {told}");
    }
    for (lang, cause) in [("en", "The queue is nine tenths full"), ("ja", "9割が使われています")] {
        let told = staged.doctor(&[ANN, "--lang", lang]).await.out;
        assert!(told.contains("queue-fills-up") && told.contains(cause) && told.contains("max-bytes"), "{told}");
    }
    let said = sent(&program, ANN, ANN).await;
    assert!(said.starts_with("452 ") && said.ends_with("[gatepost queue-full]"), "there is no room for two: {said}");

    let (code, _, errors) = run(&["queue", "drop", message["id"].as_str().unwrap()], &staged.file);
    assert_eq!(code, 0, "{errors}");
    let told = room().await;
    assert_eq!((&told["outcome"], &told["fault"]), (&"pass".into(), &serde_json::Value::Null), "{told}");
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
}

/// Taken over so long ago that people are told; its id.
async fn since_two_hours(staged: &Staged) -> String {
    let at = SystemTime::now() - TWO_HOURS;
    queued_as(staged.dir.path(), "patient", |message| message.accepted_at = at).await
}

const TWO_HOURS: Duration = Duration::from_secs(2 * 3600);

/// The same, as a daemon leaves it that has tried it ever since.
async fn put_off_for_two_hours(staged: &Staged, reply: &str) -> String {
    let (id, store) = (since_two_hours(staged).await, Store::open(&settings(staged.dir.path())).await.unwrap());
    let (state, reply) = (RecipientState::Waiting, reply.to_owned());
    let recipients = vec![EndedRecipient { position: 0, state, reply, fault: None, is_doubtful: false }];
    let sequence = store.queued_by_id(&id).await.unwrap().unwrap().sequence;
    let ended =
        Ended { attempts: 7, recipients, waited: TWO_HOURS, next_at: Some(SystemTime::now()), ..Ended::default() };
    store.end_attempt(sequence, &ended).await.unwrap();
    id
}

/// No way is shut: the mail server has no time for this message.
#[tokio::test(flavor = "multi_thread")]
async fn mail_that_is_put_off_for_hours_is_told_by_log_doctor_and_explain_with_the_command_that_shows_why() {
    let staged = Staged::new(queued("")).await;
    let words = "451 4.3.0 Come again another day";
    staged.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(".", words)]);
    let id = put_off_for_two_hours(&staged, words).await;
    let program = daemon_of(&staged).await;
    let line = told_in_the_log(&program, "\"fault\":\"mail-deferred\"").await;
    let event: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["event"], &event["level"]), (&"queue-stuck".into(), &"WARN".into()), "{line}");
    let list = staged.gatepost("queue list");
    assert!(event["message"].as_str().unwrap().contains(&list), "{line}");
    let shown = run(&["queue", "list"], &staged.file).1;
    assert!(shown.contains(&id) && shown.contains(words), "as it promises: {shown}");
    let told = check(&staged.doctor(&[ANN, "--json"]).await.json(), "daemon", "queue");
    assert_eq!((&told["outcome"], &told["fault"]["id"]), (&"skipped".into(), &"mail-deferred".into()), "{told}");
    assert!(told["fault"]["commands"].as_array().unwrap().contains(&list.as_str().into()), "{told}");
    for (lang, cause, waits) in [
        ("en", "although its mailbox can send", "waiting  held"),
        ("ja", "1時間以上待っているメールがあります", "待機中"),
    ] {
        let status = run(&["status", "--lang", lang], &staged.file).1;
        let row = status.lines().skip_while(|line| !line.contains(waits)).nth(1).unwrap_or_default().to_owned();
        assert!(row.trim_start().starts_with("1 "), "{status}");
        let doctor = staged.doctor(&[ANN, "--lang", lang]).await.out;
        let (code, page, _) = run(&["explain", &line, "--lang", lang], &staged.file);
        assert!(code == 0 && page.starts_with("mail-deferred"), "{page}");
        for text in [doctor, page] {
            let joined = text.split_whitespace().collect::<String>();
            assert!(joined.contains(&cause.replace(' ', "")) && text.contains("mail-deferred"), "{text}");
            assert!(text.lines().any(|one| one.trim() == list), "{text}");
        }
    }
    staged.mended();
    assert_eq!(run(&["queue", "retry", &id], &staged.file).0, 0);
    until_so("it goes", Duration::from_secs(20), async || {
        check(&staged.doctor(&[ANN, "--json"]).await.json(), "daemon", "queue")["outcome"] == "pass"
    })
    .await;
}

/// Looks by itself once a minute, and behind each reload.
async fn told_in_the_log(program: &Program, word: &str) -> String {
    until(word, Duration::from_secs(20), async || {
        program.reload().await;
        program.logged(word).ok_or("not told")
    })
    .await
}

/// Nobody has to look it up: the token that the daemon has names it.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_waits_behind_a_wrong_service_principal_is_told_with_the_object_id_wherever_it_is_told() {
    let staged = service_principal::staged().await;
    staged.edit(&format!("address = \"{ANN}\""), &format!("address = \"{ANN}\"\ndelivery = \"queue\""));
    let id = since_two_hours(&staged).await;
    let program = daemon_of(&staged).await;
    let object = object_id(CONFIDENTIAL_CLIENT);
    let command = format!("New-ServicePrincipal -AppId {CONFIDENTIAL_CLIENT} -ObjectId {object}");
    let right = format!("Add-MailboxPermission -Identity {ANN} -User {object} -AccessRights FullAccess");
    let names_it = |told: &str| told.contains(&command) && told.contains(&right) && !told.contains("<object-id>");
    // By SMTP Exchange says no more than that it refuses; doctor asks by IMAP, too.
    let (by_smtp, known) = ("fresh-token-refused", "service-principal-missing");
    for word in [&format!("\"id\":\"{by_smtp}\""), "\"event\":\"queue-stuck\""] {
        let line = told_in_the_log(&program, word).await;
        assert!(names_it(&line) && line.contains(by_smtp), "{line}");
    }
    let shown = run(&["queue", "show", &id], &staged.file).1;
    assert!(shown.contains(by_smtp), "{shown}");
    for lang in ["en", "ja"] {
        let status = run(&["status", "--lang", lang], &staged.file).1;
        assert!(names_it(&status) && status.contains(by_smtp), "{status}");
        let doctor = staged.doctor(&["--lang", lang]).await.out;
        assert!(names_it(&doctor) && doctor.contains(known), "{doctor}");
    }
    let told = check(&staged.doctor(&["--json"]).await.json(), "daemon", "queue");
    assert!(told["fault"]["commands"].as_array().unwrap().contains(&command.as_str().into()), "{told}");
    staged.mended();
    program.reload().await;
    until_so("it goes", Duration::from_secs(20), async || !run(&["queue", "list"], &staged.file).1.contains(&id)).await;
}

/// The queue was called empty and the message "delivered or dropped"; status and doctor gave the cmdlet alone, and behind it
/// all was well.
#[tokio::test(flavor = "multi_thread")]
async fn mail_that_failed_for_good_and_whose_notice_failed_too_is_told_as_gone_until_a_person_takes_it_off_the_list() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    let denied = "550 5.7.60 SMTP; Client does not have permissions to send as this sender";
    staged.sandbox.faults().set(|faults| faults.smtp.answers.push(Answer::new("MAIL", denied)));
    let said = sent(&program, ANN, ANN).await;
    let id = said.rsplit(' ').next().unwrap().to_owned();
    let told = |words: &[&str]| {
        let (code, out, errors) = run(words, &staged.file);
        (code, out.split_whitespace().chain(errors.split_whitespace()).collect::<Vec<_>>().join(" "))
    };
    let is_told = async || told(&["status"]).1.contains("sender-not-told: ");
    until_so("it is given up", Duration::from_secs(20), is_told).await;
    for (lang, gone, again) in [
        ("en", "its sender was not told", "have it sent again"),
        ("ja", "差出人に通知できませんでした", "再送を依頼してください"),
    ] {
        let list = told(&["queue", "list", "--lang", lang]).1;
        assert!(list.contains(&id) && list.contains("5.7.60") && list.contains(&format!("{ANN} -> {BOB}")), "{list}");
        assert!(list.contains(&format!("`{}`", staged.gatepost("queue drop <id>"))), "{list}");
        for words in [&["queue", "show", &id, "--lang", lang][..], &["queue", "retry", &id, "--lang", lang]] {
            let (code, shown) = told(words);
            assert!(code == 1 && shown.contains(gone) && shown.contains(again) && shown.contains("5.7.60"), "{shown}");
        }
        let status = told(&["status", "--lang", lang]).1;
        assert!(status.contains(if lang == "en" { gone } else { "1通のメールの配信に失敗し" }), "{status}");
        // It was refused behind our 250.
        let heard = if lang == "en" { "What a client hears" } else { "クライアントへの応答" };
        assert!(!status.contains(heard), "{status}");
    }
    let (_, json) = told(&["queue", "show", &id, "--json"]);
    assert!(json.contains("\"is-sender-told\": false"), "{json}");
    staged.mended();
    let told_by_doctor = || async { check(&staged.doctor(&[ANN, "--json"]).await.json(), "daemon", "queue") };
    assert_eq!(told_by_doctor().await["fault"]["id"], "sender-not-told");
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    until_so("it arrives", Duration::from_secs(20), async || staged.sandbox.submissions().len() == 1).await;
    assert_eq!(told_by_doctor().await["fault"]["id"], "sender-not-told", "another message is not that one");
    assert_eq!(told(&["queue", "drop", &id]), (0, format!("{id}: off the list of messages that failed")));
    assert_eq!(told_by_doctor().await["outcome"], "pass");
    assert!(!is_told().await);
    assert!(told(&["queue", "drop", &id]).1.contains(&format!("no message {id} in the queue")));
    assert_eq!(told(&["queue", "list"]).1, "the queue is empty");
}

/// Whoever mended the cause was told nowhere that the message does not go by itself any more.
#[tokio::test(flavor = "multi_thread")]
async fn mail_that_failed_for_good_and_went_back_to_its_sender_is_to_be_sent_again_wherever_the_queue_is_told() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    let denied = "550 5.7.60 SMTP; Client does not have permissions to send as this sender";
    staged.sandbox.faults().set(|faults| faults.smtp.answers.push(Answer::new("MAIL", denied).times(1)));
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    until_so("the notice arrives", Duration::from_secs(20), async || staged.sandbox.submissions().len() == 1).await;
    for (lang, again) in
        [("en", "once the cause is mended, send it again"), ("ja", "原因を直してから、送り直してください")]
    {
        for words in [&["status", "--lang", lang][..], &["queue", "list", "--lang", lang]] {
            let told = run(words, &staged.file).1;
            assert_eq!(told.matches(again).count(), 1, "{told}");
        }
        let told = staged.doctor(&[ANN, "--lang", lang]).await.out;
        assert_eq!(told.matches(again).count(), 1, "{told}");
    }
}

/// All was well, and a test message was to prove it mended: it proves nothing of one that is held.
#[tokio::test(flavor = "multi_thread")]
async fn mail_that_is_held_for_a_fault_is_told_in_the_line_of_the_queue_and_not_called_well() {
    let staged = Staged::new(queued("")).await;
    staged.sandbox.faults().set(|faults| faults.smtp.after_dot = AfterDot::DropUndelivered);
    let id = queued_as(staged.dir.path(), "doubtful", |_| ()).await;
    let store = Store::open(&settings(staged.dir.path())).await.unwrap();
    let sequence = store.queued_by_id(&id).await.unwrap().unwrap().sequence;
    for _ in 0..2 {
        let (state, reply) = (RecipientState::Waiting, "450 4.4.2 lost".to_owned());
        let recipients = vec![EndedRecipient { position: 0, state, reply, fault: None, is_doubtful: true }];
        let next_at = Some(SystemTime::now());
        store.end_attempt(sequence, &Ended { attempts: 2, recipients, next_at, ..Ended::default() }).await.unwrap();
    }
    let _program = daemon_of(&staged).await;
    until_so("it is held", Duration::from_secs(20), async || {
        run(&["status"], &staged.file).1.contains("delivery-doubtful")
    })
    .await;
    staged.mended();
    for arguments in [&[ANN, "--lang", "en"][..], &[ANN, "--send", ANN, "--lang", "en"]] {
        let told = staged.doctor(arguments).await;
        assert!(told.code == 0 && !told.out.contains("All is well"), "{}", told.out);
        assert!(!told.out.contains("--send"), "{}", told.out);
        let mut met = told.out.lines().filter(|line| line.contains("delivery-doubtful: once"));
        assert!(met.all(|line| !line.contains("went")), "{}", told.out);
        for command in ["queue drop <id>", "queue release <id>", "queue list"] {
            assert!(told.out.contains(&staged.gatepost(command)), "{command}: {}", told.out);
        }
        assert!(told.out.lines().last().unwrap().contains("(delivery-doubtful)"), "{}", told.out);
    }
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    let told = check(&report, "daemon", "queue");
    assert_eq!((&told["outcome"], &told["fault"]["id"]), (&"skipped".into(), &"delivery-doubtful".into()), "{told}");
}

/// It gave no cause and no step, and proposed a test message from a mailbox that may send none.
#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_waits_for_a_day_to_pass_is_told_with_that_and_when_and_no_test_message_is_proposed() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    staged.sandbox.faults().set(|faults| faults.apply("daily-quota"));
    assert!(sent(&program, ANN, ANN).await.starts_with("250 "));
    until_so("it stands still", Duration::from_secs(20), async || {
        run(&["status"], &staged.file).1.contains("stands still")
    })
    .await;
    for (lang, short, by_itself) in [
        ("en", "This mailbox has sent as much as the mail server allows in a day", "go on by themselves, next at "),
        ("ja", "This mailbox has sent as much as the mail server allows in a day", "自動的に再開、次回 "),
    ] {
        let told = staged.doctor(&[ANN, "--lang", lang]).await.out;
        let line = told.lines().find(|line| line.contains(by_itself)).unwrap_or_else(|| panic!("{told}"));
        assert!(line.contains(short) && line.ends_with("[day-limit-reached]"), "{line}");
        assert!(told.contains("limits.recipients-per-day"), "{told}");
        assert!(!told.contains("--send"), "{told}");
        assert!(told.lines().last().unwrap().contains("day-limit-reached"), "{told}");
    }
}

/// Nothing said which message it was; and the notice blamed the domain, since 5.1.10 elsewhere is one that takes no mail.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_went_back_to_its_sender_is_named_with_what_it_failed_of_and_its_notice_has_the_same_cause() {
    let (staged, program) = beside_a_daemon(queued("")).await;
    let unknown = "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup";
    staged.sandbox.faults().set(|faults| faults.smtp.answers.push(Answer::new("RCPT", unknown).times(1)));
    let said = sent(&program, ANN, ANN).await;
    let id = said.rsplit(' ').next().unwrap().to_owned();
    until_so("the notice arrives", Duration::from_secs(20), async || staged.sandbox.submissions().len() == 1).await;
    let notice = String::from_utf8_lossy(&staged.sandbox.submissions()[0].bytes).into_owned();
    assert!(notice.contains("Meaning: There is no mailbox of this address."), "{notice}");
    let told = |words: &[&str]| {
        let (_, out, errors) = run(words, &staged.file);
        out.split_whitespace().chain(errors.split_whitespace()).collect::<Vec<_>>().join(" ")
    };
    let names = format!("`{}`", staged.gatepost("queue list"));
    let step = format!("`{}`", staged.gatepost(&format!("explain recipient-unknown --account {ANN}")));
    for lang in ["en", "ja"] {
        let list = told(&["queue", "list", "--lang", lang]);
        for part in [&id, &format!("{ANN} -> {BOB}"), "[recipient-unknown]", "RecipientNotFound"] {
            assert!(list.contains(part), "{part}: {list}");
        }
        assert!(!list.contains(&names), "it is what names it: {list}");
        let doctor = staged.doctor(&[ANN, "--lang", lang]).await.out;
        for told in [told(&["status", "--lang", lang]), doctor.split_whitespace().collect::<Vec<_>>().join(" ")] {
            assert!(told.contains(&names), "{told}");
        }
        let shown = told(&["queue", "show", &id, "--lang", lang]);
        assert!(shown.contains("[recipient-unknown]") && shown.contains(&step), "{shown}");
    }
}

/// It was said to be empty, and an empty file was made a database, whose messages nobody missed.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_file_is_no_store_and_what_lies_beside_it_is_told() {
    let staged = Staged::new(Plan::default()).await;
    let id = crate::queue::queued_as(staged.dir.path(), "one", |_| {}).await;
    let database = staged.dir.path().join("gatepost.db");
    // Whoever put the message there may have it open still.
    std::fs::rename(&database, staged.dir.path().join("aside")).unwrap();
    std::fs::write(&database, "").unwrap();
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(staged.dir.path().join(format!("gatepost.db{ending}")));
    }
    for (lang, missing) in [("en", "no store is at"), ("ja", "ストアがありません")] {
        let (_, out, errors) = run(&["queue", "list", "--lang", lang], &staged.file);
        assert!(out.contains(missing) && out.contains(&database.display().to_string()), "{out}");
        assert!(errors.contains("[mail-left-behind]"), "{errors}");
    }
    run(&["status"], &staged.file);
    for words in [["queue", "show", &id], ["queue", "drop", &id]] {
        let (code, _, errors) = run(&words, &staged.file);
        assert!(code == 1 && errors.contains("[mail-left-behind]") && !errors.contains("it was delivered"), "{errors}");
    }
    let copy = staged.dir.path().join("copy.db");
    let (code, _, errors) = run(&["backup", copy.to_str().unwrap()], &staged.file);
    assert!(code == 1 && errors.contains("nothing is stored there") && !copy.exists(), "{errors}");
    let report = staged.doctor(&["--offline", "--json"]).await.json();
    let told = check(&report, "files", "queue-directory");
    assert_eq!(told["fault"]["id"], "mail-left-behind", "{told}");
    assert_eq!(std::fs::read(&database).unwrap(), b"", "nobody made one of it");
}
