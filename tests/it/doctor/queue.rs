//! The queue: whether messages can be kept, and whether what waits goes.

use super::{
    clients::beside_a_daemon,
    open::sent,
    stage::{First, check, outcome},
};
use crate::{
    process::run,
    world::{ANN, BOB, Plan, account, until_so},
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
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    let told = check(&report, "daemon", "queue");
    assert_eq!((&told["outcome"], &told["account"]), (&"fail".into(), &ANN.into()), "{told}");
    assert_eq!(told["fault"]["id"], "smtp-auth-disabled-tenant", "{told}");
    assert!(told["detail"].as_str().unwrap().starts_with("stands still, 1 wait: "), "{told}");
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
