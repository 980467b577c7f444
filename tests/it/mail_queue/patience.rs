//! The queue and sessions share what the provider allows: each waits its turn, and waiting is no failure.

use std::time::{Duration, Instant};

use gatepost::base::Protocol;

use super::{arrived, rows, until_empty};
use crate::world::{ANN, HEAD, Plan, World, cheap_hash};

/// A direct session has the one connection for longer than a session would wait.
#[tokio::test]
async fn a_queue_that_waits_for_a_connection_goes_on_at_once_and_calls_no_way_shut() {
    let hash = cheap_hash("alerts");
    let client = format!(
        "[[client]]\nname = \"alerts\"\naccount = \"{ANN}\"\nlogin = \"alerts\"\npassword = \"{hash}\"\n\
         delivery = \"queue\"\n"
    );
    let plan = Plan { account: "limits = { connections = 1 }".into(), more: client, ..Plan::default() };
    let world = World::with(plan).await;
    let mut busy = world.smtp_in_data().await;

    let mut alerts = world.greeted(Protocol::Smtp).await;
    assert!(alerts.login(Protocol::Smtp, "alerts", "alerts").await.starts_with("235 "));
    let asked = Instant::now();
    let said = super::send(&mut alerts, "alert").await;
    assert!(said.starts_with("250 2.0.0 Queued as ") && asked.elapsed().as_secs() < 5, "{said}");
    let waits = async || {
        let [row] = &rows(world.dir.path()).await[..] else { panic!("it waits") };
        assert_eq!(row.recipients[0].reply, None);
        row.is_under_way
    };
    while !waits().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // For the daemon and the sandbox alike: they share this test's clock.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(25)).await;
    tokio::time::resume();
    // What it made of that is on disk within a moment.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(waits().await, "it waits on");

    busy.send(format!("{HEAD}at last\r\n.\r\n").as_bytes()).await;
    busy.expect("250 ").await;
    until_empty(world.dir.path(), 10).await;
    assert_eq!(arrived(&world.sandbox), ["test", "alert"]);
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 1);
}
