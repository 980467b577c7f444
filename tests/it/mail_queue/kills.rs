//! `kill -9` at any moment: nothing that got its 250 is lost, and what arrives twice was on its way just then.

use std::{collections::BTreeMap, time::Duration};

use gatepost::sandbox::AfterDot;
use tokio::sync::watch;

use super::{arrived, as_ann, copies, plan, queue, rows, until_empty};
use crate::{
    process::Program,
    world::{ANN, Plan, sign_in_with, stage, until_so},
};

/// Sends one message after the other until it is dropped; what got its 250 is noted at once, by the queue's id, and `told`.
async fn sends_on(program: &Program, taken: &mut Vec<(String, String)>, most: usize, told: &watch::Sender<usize>) {
    let mut smtp = as_ann(program).await;
    // A number is used once, also where the answer to it is lost: what arrives twice is never this client's doing.
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    while taken.len() < most {
        let subject = format!("alert {}", NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        let id = queue(&mut smtp, &subject).await;
        taken.push((id, subject));
        told.send_replace(taken.len());
    }
}

fn by_chance(least: usize, most: usize) -> usize {
    let mut byte = [0u8];
    aws_lc_rs::rand::fill(&mut byte).unwrap();
    least + (most - least) * usize::from(byte[0]) / 255
}

#[tokio::test]
async fn forty_messages_over_four_kills_all_arrive_and_only_what_was_on_its_way_at_a_kill_arrives_twice() {
    let mut plan = plan();
    // So that something is on its way at each kill.
    plan.sandbox.faults.smtp.dot_delay_ms = 40;
    let (sandbox, dir, file) = stage(&plan).await;
    let mut program = Program::start(&file).await;
    let mut taken = Vec::new();
    let mut on_their_way = BTreeMap::<String, usize>::new();
    let (told, mut noted) = watch::channel(0);
    let mut interrupted = Vec::new();
    for kill in 1..=4 {
        // So many are taken, it takes a reload, another process reads the store until what the last kill interrupted has gone
        // (else it were held behind the third one), more are taken, and it is somewhere in the next one.
        let (some, more) = (taken.len() + by_chance(1, 10), by_chance(1, 10));
        let meanwhile = async {
            drop(noted.wait_for(|taken| *taken >= some).await);
            program.reload().await;
            let is_gone = async || !rows(dir.path()).await.iter().any(|row| interrupted.contains(&row.id));
            until_so("what was interrupted goes", Duration::from_secs(60), is_gone).await;
            drop(noted.wait_for(|taken| *taken >= some + more).await);
        };
        tokio::select! {
            () = sends_on(&program, &mut taken, usize::MAX, &told) => {}
            () = meanwhile => {}
        }
        program.killed().await;
        let under_way = rows(dir.path()).await.into_iter().filter(|row| row.is_under_way);
        interrupted = under_way.map(|row| row.id).collect();
        for id in &interrupted {
            *on_their_way.entry(id.clone()).or_default() += 1;
        }
        assert!(on_their_way.values().sum::<usize>() <= 3 * kill, "no more than there are connections");
        program = Program::start(&file).await;
    }
    sends_on(&program, &mut taken, 40, &told).await;
    sandbox.faults().set(|faults| faults.smtp.dot_delay_ms = 0);
    until_empty(dir.path(), 60).await;

    assert!(taken.len() >= 40 && !on_their_way.is_empty());
    let copies = copies(&sandbox);
    for (id, subject) in &taken {
        let came = copies.get(subject).copied().unwrap_or_default();
        let excused = on_their_way.get(id).copied().unwrap_or_default();
        assert!((1..=1 + excused).contains(&came), "{subject}: {came} times, on its way at {excused} kills");
    }
}

#[tokio::test]
async fn what_was_delivered_and_written_down_is_not_sent_again_by_a_kill_and_a_restart() {
    let (sandbox, dir, file) = stage(&plan()).await;
    let program = Program::start(&file).await;
    let mut smtp = as_ann(&program).await;
    for n in 0..5 {
        queue(&mut smtp, &format!("before {n}")).await;
    }
    until_empty(dir.path(), 20).await;
    program.killed().await;

    let program = Program::start(&file).await;
    queue(&mut as_ann(&program).await, "behind").await;
    until_empty(dir.path(), 20).await;
    let copies = copies(&sandbox);
    assert!(copies.len() == 6 && copies.values().all(|came| *came == 1), "{copies:?}");
}

/// SQLite's locks are those of the process, and one file of the database that the daemon itself closed would end them all: who
/// reads the store then would take himself for the last one, and remove the log into which the daemon writes on.
#[tokio::test]
async fn what_is_taken_behind_a_reload_and_a_look_of_another_process_into_the_store_survives_a_kill() {
    let (sandbox, dir, file) = stage(&Plan { signed_in: Vec::new(), ..plan() }).await;
    let program = Program::start(&file).await;
    let log = dir.path().join("gatepost.db-wal");
    for subject in ["before", "behind", "at last"] {
        let id = queue(&mut as_ann(&program).await, subject).await;
        program.reload().await;
        assert_eq!(rows(dir.path()).await.last().map(|row| row.id.clone()), Some(id));
        assert!(log.exists(), "{subject}: the daemon writes into a file that has no name any more");
    }
    program.killed().await;
    assert_eq!(rows(dir.path()).await.len(), 3);
    let _program = Program::start(&file).await;
    sign_in_with(&sandbox, dir.path(), ANN, None).await;
    until_empty(dir.path(), 30).await;
    assert_eq!(copies(&sandbox).into_keys().collect::<Vec<_>>(), ["at last", "before", "behind"]);
}

/// One file can be copied by any means.
#[tokio::test]
async fn what_a_daemon_leaves_that_ended_in_order_is_one_whole_file() {
    let (_sandbox, dir, file) = stage(&Plan { signed_in: Vec::new(), ..plan() }).await;
    let program = Program::start(&file).await;
    queue(&mut as_ann(&program).await, "waits").await;
    program.stopped().await;
    assert!(!dir.path().join("gatepost.db-wal").exists());
    assert_eq!(rows(dir.path()).await.len(), 1);
}

/// The one window for a second copy: the upstream has the message, and its answer is not on our disk.
#[tokio::test]
async fn a_kill_between_the_upstreams_yes_and_our_disk_sends_a_second_copy_and_the_row_says_that_it_may() {
    let mut plan = plan();
    plan.sandbox.faults.smtp.after_dot = AfterDot::SilentDelivered;
    let (sandbox, dir, file) = stage(&plan).await;
    let program = Program::start(&file).await;
    let id = queue(&mut as_ann(&program).await, "twice").await;
    until_so("it arrives", Duration::from_secs(20), async || !sandbox.submissions().is_empty()).await;
    program.killed().await;
    let [row] = &rows(dir.path()).await[..] else { panic!("one message") };
    assert!(row.id == id && row.is_under_way && !row.recipients[0].is_doubtful(), "{row:?}");

    // The second delivery gets no further than its connection, so that the row can be looked at.
    sandbox.faults().set(|faults| (faults.smtp.after_dot, faults.smtp.line.silent) = (AfterDot::Answer, true));
    let program = Program::start(&file).await;
    let [row] = &rows(dir.path()).await[..] else { panic!("it waits") };
    assert!(row.recipients[0].is_doubtful(), "{row:?}");
    program.killed().await;
    sandbox.faults().set(|faults| faults.smtp.line.silent = false);
    let _program = Program::start(&file).await;
    until_empty(dir.path(), 30).await;
    assert_eq!(arrived(&sandbox), ["twice", "twice"]);
}
