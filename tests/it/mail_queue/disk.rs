//! A full disk: the client hears that there is no room, nothing of its message stays, and what was taken before arrives.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use gatepost::{
    sandbox::{Answer, Sandbox, Speaker},
    store::QueuedMessage,
};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{arrived, as_ann, bodies, plan, queue, queued, rows, send};
use crate::{
    disk::{is_root, on_a_small_disk},
    packaging::not_checked,
    process::Program,
    world::{HEAD, asked, stage, until, until_so},
};

/// The folder as the program has it, on its small disk.
fn seen_by(program: &Program, dir: &Path) -> PathBuf {
    PathBuf::from(format!("/proc/{}/root{}", program.id(), dir.display()))
}

/// The store as it stands there, copied: SQLite takes `/proc` for a link, and would open our own.
async fn rows_there(disk: &Path) -> Vec<QueuedMessage> {
    let copy = tempfile::tempdir().unwrap();
    for name in ["gatepost.db", "gatepost.db-wal", "key"] {
        std::fs::copy(disk.join(name), copy.path().join(name)).unwrap();
    }
    rows(copy.path()).await
}

async fn until_bodies(disk: &Path, count: usize) {
    until("so many bodies", Duration::from_secs(90), async || {
        let bodies = bodies(disk);
        if bodies.len() == count { Ok(()) } else { Err(bodies) }
    })
    .await;
}

async fn until_gone(disk: &Path) {
    until_bodies(disk, 0).await;
    assert!(rows_there(disk).await.is_empty());
}

/// Leaves so little that not even a page of the store fits.
fn fill(disk: &Path) -> PathBuf {
    let filling = disk.join("filling");
    let full = std::fs::write(&filling, vec![b'x'; 5 << 20]).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    filling
}

/// How many the mail server heard of.
fn mails(sandbox: &Sandbox) -> usize {
    let lines = sandbox.transcript().lines();
    lines.iter().filter(|line| line.speaker == Speaker::Client && line.exposed().starts_with("MAIL FROM:")).count()
}

async fn stands_still(console: SocketAddr) -> bool {
    asked(console, "/metrics").await.contains("gatepost_queue_standstill 1\n")
}

#[tokio::test]
async fn on_a_full_disk_a_message_is_452_and_leaves_nothing_and_what_was_taken_before_arrives() {
    if !is_root("a full disk") {
        return;
    }
    let mut plan = plan();
    // Nothing gets as far as its delivery before the disk has room again.
    plan.sandbox.faults.smtp.line.delay_ms = 4000;
    let (sandbox, dir, file) = stage(&plan).await;
    let program = Program::from(on_a_small_disk(&file)).await;
    let (disk, console) = (seen_by(&program, dir.path()), program.console().await);
    let mut smtp = as_ann(&program).await;
    let mut taken: Vec<String> = (10..22).map(|n| format!("before {n}")).collect();
    for subject in &taken {
        queue(&mut smtp, subject).await;
    }
    let filling = fill(&disk);
    smtp.open_message().await;
    let line = format!("{}\r\n", "x".repeat(70));
    smtp.send(format!("{HEAD}{}.\r\n", line.repeat(300_000 / 70)).as_bytes()).await;
    let said = smtp.line().await;
    assert!(said.starts_with("452 4.3.1 "), "{said}");
    // SQLite's log may have a page to use again: then there is room for a little, and its 250 is no lie.
    let said = send(&mut smtp, "a little").await;
    if said.starts_with("250 ") {
        taken.push("a little".into());
    } else {
        assert!(said.starts_with("452 4.3.1 "), "{said}");
    }
    until_bodies(&disk, taken.len()).await;
    assert_eq!(rows_there(&disk).await.len(), taken.len(), "no row of what was refused");

    // What waits reaches its mail server, and the first of it finds that nothing can be written down.
    sandbox.faults().set(|faults| faults.smtp.line.delay_ms = 0);
    let ends = async || stands_still(console).await || arrived(&sandbox).len() == taken.len();
    until_so("somebody found out", Duration::from_secs(30), ends).await;
    let (mails, sent) = (mails(&sandbox), arrived(&sandbox).len());
    assert!(mails <= sent + 3, "no more than there are connections: {mails} begun, {sent} sent");

    std::fs::remove_file(&filling).unwrap();
    queue(&mut smtp, "with room again").await;
    taken.push("with room again".into());
    until_gone(&disk).await;
    let mut all = arrived(&sandbox);
    all.sort();
    taken.sort_unstable();
    assert_eq!(all, taken);
}

/// The disk is looked at behind five seconds, and again behind ten.
#[tokio::test]
async fn a_disk_that_stays_full_bothers_no_mail_server_and_with_room_again_all_goes_in_order() {
    if !is_root("a full disk") {
        return;
    }
    let mut plan = queued("limits = { connections = 1, messages-per-minute = 100000 }");
    // Nothing gets as far as its delivery before the disk is full.
    plan.sandbox.faults.smtp.line.delay_ms = 4000;
    let (sandbox, dir, file) = stage(&plan).await;
    let program = Program::from(on_a_small_disk(&file)).await;
    let (disk, console) = (seen_by(&program, dir.path()), program.console().await);
    let mut smtp = as_ann(&program).await;
    let taken: Vec<String> = (10..22).map(|n| format!("before {n}")).collect();
    for subject in &taken {
        queue(&mut smtp, subject).await;
    }
    let filling = fill(&disk);
    sandbox.faults().set(|faults| faults.smtp.line.delay_ms = 0);
    until_so("somebody found out", Duration::from_secs(30), async || stands_still(console).await).await;
    let (full, begun) = (Instant::now(), mails(&sandbox));
    while full.elapsed() < Duration::from_secs(12) {
        let ready = asked(console, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 503 "), "{ready}");
        assert!(stands_still(console).await);
        assert_eq!(mails(&sandbox), begun, "who only found that nothing can be written down");
        // What must not happen is watched for as long as two looks take, in a process whose clock nobody puts ahead; this pause
        // keeps the watcher from being a load of its own, and nothing rests on its length.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(begun <= 1 && arrived(&sandbox).is_empty(), "{begun}");

    std::fs::remove_file(&filling).unwrap();
    until_gone(&disk).await;
    assert_eq!(arrived(&sandbox), taken);
    assert!(!stands_still(console).await && asked(console, "/readyz").await.starts_with("HTTP/1.1 200 "));
}

/// The disk is full before the body is whole: it is read to its end all the same, and the session goes on.
#[tokio::test]
async fn a_message_larger_than_the_room_that_is_left_is_452_and_the_session_goes_on() {
    if !is_root("a full disk") {
        return;
    }
    let (sandbox, dir, file) = stage(&plan()).await;
    let program = Program::from(on_a_small_disk(&file)).await;
    let disk = seen_by(&program, dir.path());
    let mut smtp = as_ann(&program).await;
    let large = "x".repeat(6 << 20);
    let lines: Vec<_> = large.as_bytes().chunks(900).map(|line| str::from_utf8(line).unwrap()).collect();
    let said = smtp.message(&lines.join("\r\n")).await;
    assert!(said.starts_with("452 4.3.1 "), "{said}");
    until_gone(&disk).await;
    assert!(send(&mut smtp, "small").await.starts_with("250 "));
    until_gone(&disk).await;
    assert_eq!(arrived(&sandbox), ["small"]);
}

/// What survives a power failure: when the client hears its 250, the body, its entry in the folder and the row were
/// flushed, in this order.
#[tokio::test]
async fn a_250_comes_behind_the_flush_of_the_body_of_its_folder_and_of_the_row() {
    if !is_root("the order of flushes") {
        return;
    }
    let mut plan = plan();
    plan.sandbox.faults.smtp.answers = vec![Answer::new("CONNECT", "421 4.3.2 Service not available").close()];
    let (_sandbox, _dir, file) = stage(&plan).await;
    let program = Program::start(&file).await;
    let mut smtp = as_ann(&program).await;
    let id = program.id().to_string();
    let words = ["-f", "-y", "-s", "80", "-p", &id, "-e", "trace=fsync,fdatasync,write,writev,sendto,sendmsg"];
    let strace = tokio::process::Command::new("strace").args(words).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let mut strace = match strace {
        Err(error) if std::env::var_os("GATEPOST_TEST_TOOLS").is_none() => {
            return not_checked("the order of flushes", &format!("strace is not there: {error}"));
        }
        strace => strace.unwrap(),
    };
    let mut seen = BufReader::new(strace.stderr.take().unwrap()).lines();
    while !seen.next_line().await.unwrap().unwrap().contains("attached") {}
    let name = queue(&mut smtp, "kept").await;
    let mut calls = Vec::new();
    while let Ok(Some(line)) = tokio::time::timeout(Duration::from_secs(20), seen.next_line()).await.unwrap() {
        let is_answer = line.contains("250 2.0.0 Queued as");
        calls.push(line);
        if is_answer {
            break;
        }
    }
    strace.kill().await.unwrap();
    let flush_behind = |what: &str, from: usize| {
        let is_it = |call: &String| (call.contains("fsync(") || call.contains("fdatasync(")) && call.contains(what);
        let found = calls.iter().skip(from).position(is_it);
        from + found.unwrap_or_else(|| panic!("{what} is not flushed: {calls:#?}")) + 1
    };
    let body = flush_behind(&format!("{name}.msg>"), 0);
    let folder = flush_behind("gatepost.queue>", body);
    let row = flush_behind("gatepost.db-wal>", folder);
    assert!(row < calls.len(), "{calls:#?}");
}
