//! A store that another program holds locked, while the daemon runs and at its start: told as that, and as nothing else.

use gatepost::base::Protocol;
use sqlx::SqlitePool;

use super::{
    clients::beside_a_daemon,
    stage::{Staged, check},
};
use crate::{
    process::{Program, run},
    world::{ANN, Plan},
};

async fn beside(staged: &Staged) -> SqlitePool {
    SqlitePool::connect(&format!("sqlite://{}", staged.dir.path().join("gatepost.db").display())).await.unwrap()
}

/// Status waited for its store longer than whoever had asked for it, who was told that another program has the console's port.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_held_locked_under_a_daemon_that_idles_is_told_as_that_and_no_port_as_taken() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let other = beside(&staged).await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    for lang in ["en", "ja"] {
        let (code, out, errors) = run(&["status", "--lang", lang], &staged.file);
        let told = out + &errors;
        // Where something was to be stored just then, the daemon knows no more than that it waits.
        assert!(["[store-locked]", "[store-failing]"].iter().any(|id| told.contains(id)), "{told}");
        assert!(code == 0 && told.contains(ANN) && told.contains("imap"), "from memory: {told}");
        assert!(!told.contains("port-taken"), "{told}");
    }
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    assert_eq!(check(&report, "files", "store")["fault"]["id"], "store-locked");
    assert!(!report.to_string().contains("port-taken"), "{report}");
    // An order that waits for the store says so; one for which nothing is written is answered.
    let (code, out, errors) = run(&["queue", "retry", "bcdf23456789"], &staged.file);
    let is_answered = errors.contains("[store-locked]") || errors.contains("no message bcdf23456789");
    assert!(code == 1 && is_answered && !errors.contains("[console] listen"), "{out}{errors}");
    assert!(!errors.contains("port-taken"), "{out}{errors}");
    lock.rollback().await.unwrap();
    other.close().await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
}

/// It was told that the daemon goes on by itself then, and there is none.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_could_not_start_on_a_locked_store_is_told_to_be_started_again() {
    let staged = Staged::new(Plan::default()).await;
    let other = beside(&staged).await;
    // Only to read it is refused, too.
    let mut other_one = other.acquire().await.unwrap();
    sqlx::raw_sql("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").execute(&mut *other_one).await.unwrap();
    let (code, out, errors) = run(&["run"], &staged.file);
    let told = out + &errors;
    assert!(code == 1 && told.contains("[store-locked]") && told.contains(&staged.gatepost("run")), "{told}");
    assert!(!told.contains("goes on by itself"), "{told}");
    drop(other_one);
    other.close().await;
    Program::start(&staged.file).await;
}

/// A daemon that waits for its store at its start has the console's port, and says nothing; then it ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_is_gone_while_its_store_is_locked_is_no_port_that_another_program_has() {
    let staged = Staged::new(Plan::default()).await;
    let console = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = console.local_addr().unwrap();
    staged.edit("[console]\nlisten = \"127.0.0.1:0\"", &format!("[console]\nlisten = \"{at}\""));
    let other = beside(&staged).await;
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let ended = tokio::spawn(async move {
        let asked = console.accept().await.unwrap();
        drop(console);
        drop(asked);
    });
    let file = staged.file.clone();
    let (code, out, errors) = tokio::task::spawn_blocking(move || run(&["status"], &file)).await.unwrap();
    assert!(code == 1 && errors.contains("[store-locked]") && !errors.contains("port-taken"), "{out}{errors}");
    ended.await.unwrap();
    lock.rollback().await.unwrap();
    other.close().await;
}
