//! A restart that is pending: it is told where it goes well, and what comes first where it would end the daemon, or leave its
//! store behind.

use std::{net::TcpListener, time::Duration};

use gatepost::base::Protocol;

use super::{
    clients::beside_a_daemon,
    stage::{Staged, check},
};
use crate::{
    process::{Program, run},
    queue::queued_as,
    world::{ANN, Plan},
};

const WAITS: [(&str, &str); 2] = [("en", "needs-restart: "), ("ja", "再起動するまで有効にならない変更: ")];

fn status(staged: &Staged, lang: &str) -> (i32, String, String) {
    run(&["status", "--lang", lang], &staged.file)
}

/// The line that tells what takes a restart, with its commands.
fn pending(staged: &Staged, lang: &str, head: &str) -> String {
    let told = status(staged, lang).1;
    told.lines().find(|line| line.starts_with(head)).unwrap_or_else(|| panic!("{told}")).to_owned()
}

/// With this listener besides, and loaded.
async fn with_listener(staged: &Staged, program: &Program, listen: &str) {
    let more = format!("\n[[listener]]\nprotocol = \"smtp\"\nlisten = [\"{listen}\"]\ntls = \"off\"\n");
    let text = std::fs::read_to_string(&staged.file).unwrap();
    std::fs::write(&staged.file, text + &more).unwrap();
    program.reload().await;
}

/// All that fails, as `target id`.
async fn failing(staged: &Staged) -> Vec<String> {
    let report = staged.doctor(&["--json"]).await.json();
    let all = report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == "fail");
    all.map(|check| format!("{} {}", check["target"].as_str().unwrap(), check["fault"]["id"].as_str().unwrap()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_to_restart_a_daemon_that_could_not_start_again_for_a_port_is_taken() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap();
    with_listener(&staged, &program, &at.to_string()).await;
    let (restart, doctor) = (format!("kill {}", program.id()), staged.gatepost("doctor"));
    let warned = program.logs("until a restart").await;
    assert!(warned.contains("[port-taken]") && warned.contains(&doctor) && !warned.contains(&restart), "{warned}");
    for (lang, head) in WAITS {
        let line = pending(&staged, lang, head);
        assert!(line.contains(&format!("listeners +smtp {at} (")) && line.contains("[port-taken]"), "{line}");
        assert!(line.contains(&format!("`{doctor}`")) && !line.contains(&restart), "{line}");
    }
    assert_eq!(failing(&staged).await, [format!("smtp {at} port-taken")]);
    let report = staged.doctor(&["--json"]).await.json();
    let taken = report["checks"].as_array().unwrap().iter().find(|check| check["outcome"] == "fail").unwrap();
    let commands: Vec<&str> =
        taken["fault"]["commands"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
    let run_again = staged.gatepost("run");
    assert!(commands.ends_with(&[restart.as_str(), run_again.as_str()]), "behind what is in the way: {commands:?}");

    drop(other);
    assert_eq!(failing(&staged).await, [format!("{} restart-pending", staged.file.display())]);
    program.reload().await;
    for (lang, head) in WAITS {
        let line = pending(&staged, lang, head);
        assert!(line.contains(&restart) && !line.contains("port-taken"), "{line}");
    }
    program.stopped().await;
    Program::start(&staged.file).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_nobody_handed_over_is_told_as_that_and_not_as_one_that_opens_at_the_restart() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    with_listener(&staged, &program, "systemd:nosuch").await;
    let warned = program.logs("until a restart").await;
    assert!(warned.contains("[socket-not-handed-over]") && !warned.contains("`kill "), "{warned}");
    assert_eq!(failing(&staged).await, ["smtp systemd:nosuch socket-not-handed-over"]);
    // The daemon that starts on it says so.
    program.stopped().await;
    let (code, _, errors) = run(&["run"], &staged.file);
    assert!(code == 1 && errors.contains("systemd handed over no TCP socket"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_a_restart_leaves_behind_is_told_with_what_is_in_it_and_the_next_daemon_begins_behind_the_end_of_this()
 {
    let mut plan = Plan::default();
    plan.sandbox.faults.apply("smtp-auth-disabled-tenant");
    let staged = Staged::new(plan).await;
    for subject in ["one", "two", "three"] {
        queued_as(staged.dir.path(), subject, |_| {}).await;
    }
    let program = super::clients::daemon_of(&staged).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    staged.edit("/gatepost.db", "/other/gatepost.db");
    program.reload().await;
    let told = program.logs("a restart leaves").await;
    let [database, queue] = ["gatepost.db", "gatepost.queue"].map(|name| staged.dir.path().join(name));
    let before = format!("behind in the store {} (messages: 3)", database.display());
    let step = format!("move {} (with its -wal, where it is there) and {}, ", database.display(), queue.display());
    assert!(told.contains("WARN") && told.contains(&before) && told.contains(&step), "{told}");
    let warned = program.logs("until a restart").await;
    let (id, again) = (program.id(), staged.gatepost("run"));
    let wait = format!("while kill -0 {id} 2>/dev/null; do sleep 1; done");
    assert!(warned.contains(&format!("`kill {id}`, `{wait}`, `{again}`")), "{warned}");

    for (lang, none, stranger, other) in [
        ("en", "running: none on this store", "started on another [store]", "started on another [store]"),
        ("ja", "このストアで動作中のデーモンはありません", "別の [store] で起動されています", "別の [store]"),
    ] {
        let (code, out, errors) = status(&staged, lang);
        assert!(code == 1 && out.contains(none) && errors.contains(stranger), "{out}{errors}");
        assert!(!out.contains(&again), "it would not start: {out}");
        let told = staged.doctor(&["--lang", lang]).await.out;
        assert!(told.contains(other) && !told.contains("not running") && !told.contains("動いていません"), "{told}");
    }

    let waited = tokio::task::spawn_blocking(move || {
        std::process::Command::new("sh").args(["-c", &wait]).status().unwrap().success()
    });
    program.stopped().await;
    assert!(tokio::time::timeout(Duration::from_secs(20), waited).await.expect("it sees the end").unwrap());
    let program = Program::start(&staged.file).await;
    let loaded = check(&staged.doctor(&[ANN, "--json"]).await.json(), "daemon", "loaded-configuration");
    assert_eq!(loaded["outcome"], "pass", "{loaded}");
    program.stopped().await;

    // As that step says.
    let other = staged.dir.path().join("other");
    std::fs::remove_dir_all(&other).unwrap();
    std::fs::create_dir(&other).unwrap();
    for from in [&database, &queue] {
        std::fs::rename(from, other.join(from.file_name().unwrap())).unwrap();
    }
    let program = Program::start(&staged.file).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"), "nobody signs in again");
    let (_, list, _) = run(&["queue", "list", "--json"], &staged.file);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["messages"].as_array().unwrap().len(), 3, "{list}");
}
