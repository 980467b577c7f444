//! A mailbox whose recipients of the day are used up: queued mail was not tried and keeps its order, and whoever sends
//! directly hears it in the same words, whatever the way out. No restart gives it another day.

use std::time::Duration;

use gatepost::store::Store;

use super::{
    ahead, ahead_until, arrived, as_ann, jump, outages::waits_for, queue, queued, rows, sign_in_for_graph, until_empty,
};
use crate::{
    process::Program,
    world::{ANN, BOB, HEAD, Plan, Talk, World, settings, stage, until},
};

const DAY: Duration = Duration::from_secs(24 * 3600 + 60);

async fn world(keys: &str) -> World {
    let account = format!("{keys}\nlimits = {{ connections = 1, messages-per-minute = 1000, recipients-per-day = 2 }}");
    let mut plan = Plan { app: "graph-url = \"{graph}\"".into(), signed_in: Vec::new(), ..queued(&account) };
    if keys.contains("direct") {
        plan.account = account;
    }
    let world = World::with(plan).await;
    sign_in_for_graph(&world).await;
    world
}

#[tokio::test]
async fn mail_behind_a_day_that_is_used_up_was_not_tried_and_goes_in_order_two_a_day() {
    for outbound in ["smtp", "graph"] {
        let world = world(&format!("outbound = \"{outbound}\"")).await;
        let (sandbox, dir) = (&world.sandbox, world.dir.path());
        let mut smtp = world.smtp_as_ann().await;
        let alerts: Vec<_> = (1..=6).map(|n| format!("alert {n}")).collect();
        for subject in &alerts {
            queue(&mut smtp, subject).await;
        }
        waits_for(dir, "[recipients-used-up]").await;
        for sent in [2, 4] {
            for _ in 0..4 {
                ahead(Duration::from_secs(400)).await;
            }
            assert_eq!(arrived(sandbox), alerts[..sent], "{outbound}");
            let rows = rows(dir).await;
            let untried = |one: &gatepost::store::QueuedMessage| one.attempts == 0 && one.recipients[0].attempts == 0;
            assert!(rows.len() == alerts.len() - sent && rows.iter().all(untried), "{outbound}: {rows:?}");
            ahead_until(DAY, "the next two", || sandbox.submissions().len() == sent + 2).await;
        }
        until_empty(dir, 20).await;
        assert_eq!(arrived(sandbox), alerts, "{outbound}");
    }
}

#[tokio::test]
async fn a_program_whose_mailbox_has_used_up_its_day_hears_452_4_5_3_through_graph_as_through_smtp() {
    let world = world("outbound = \"graph\"\ndelivery = \"direct\"").await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("one").await.starts_with("250 "));
    // More than are left: Graph takes a message for all of its recipients or for none.
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for _ in 0..2 {
        smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    }
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{HEAD}to two\r\n.\r\n").as_bytes()).await;
    let said = smtp.expect("452 4.5.3 ").await;
    assert!(said.ends_with("[gatepost recipients-used-up]"), "{said}");
    assert!(smtp.message("two").await.starts_with("250 "));
    let said = smtp.message("three").await;
    assert!(said.starts_with("452 4.5.3 ") && said.ends_with("[gatepost recipients-used-up]"), "{said}");
    assert_eq!(world.sandbox.submissions().len(), 2);
}

/// Two recipients a day, directly.
fn two_a_day() -> Plan {
    Plan { account: "limits = { recipients-per-day = 2 }".into(), ..Plan::default() }
}

async fn hears_that_the_day_is_used_up(mut smtp: Talk) {
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    let said = smtp.exchange(&format!("RCPT TO:<{BOB}>"), "452 4.5.3 ").await;
    assert!(said.ends_with("[gatepost recipients-used-up]"), "{said}");
}

#[tokio::test]
async fn a_day_that_is_used_up_stays_so_behind_a_restart_until_it_is_over() {
    let world = World::with(two_a_day()).await;
    let mut smtp = world.smtp_as_ann().await;
    for subject in ["one", "two"] {
        assert!(smtp.message(subject).await.starts_with("250 "));
    }
    drop(smtp);
    let world = world.restarted().await.restarted().await;
    hears_that_the_day_is_used_up(world.smtp_as_ann().await).await;
    jump(DAY).await;
    assert!(world.smtp_as_ann().await.message("three").await.starts_with("250 "));
}

#[tokio::test]
async fn a_kill_forgets_nothing_of_the_day_but_its_last_seconds() {
    let (_sandbox, dir, file) = stage(&two_a_day()).await;
    let program = Program::start(&file).await;
    let mut smtp = as_ann(&program).await;
    for subject in ["one", "two"] {
        assert!(smtp.message(subject).await.starts_with("250 "));
    }
    let store = Store::open(&settings(dir.path())).await.unwrap();
    until("it is written", Duration::from_secs(20), async || {
        let all = store.sent().await.unwrap();
        let count: u32 = all.iter().flat_map(|(_, sent)| sent).map(|sent| sent.recipients).sum();
        if count == 2 { Ok(()) } else { Err(all) }
    })
    .await;
    program.killed().await;
    let program = Program::start(&file).await;
    hears_that_the_day_is_used_up(as_ann(&program).await).await;
}
