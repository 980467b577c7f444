//! Graph's limits: four at a time, pauses that it asks for, and what is told where there is no time for them.

use std::time::{Duration, Instant};

use gatepost::sandbox::GraphMishap;

use super::stage::Stage;
use crate::world::{ANN, BOB, at_once, together};

const MINUTE: Duration = Duration::from_secs(60);

fn message(n: usize) -> String {
    format!("From: {ANN}\r\nTo: {BOB}\r\nSubject: {n}\r\n\r\nx\r\n")
}

#[tokio::test]
async fn twenty_messages_at_once_are_never_more_than_four_at_graph() {
    let stage = Stage::faulty(|faults| faults.graph.delay_ms = 20).await;
    together((0..20).map(|n| {
        let stage = &stage;
        async move { assert!(stage.reply(&message(n), &[BOB]).await.starts_with("250 ")) }
    }))
    .await;
    let load = stage.sandbox.counts().mailboxes[&format!("graph {ANN}")];
    assert_eq!((load.most, load.total, stage.sandbox.submissions().len()), (4, 20, 20));
}

#[tokio::test]
async fn a_pause_that_graph_asks_for_is_kept_and_the_message_sent_once() {
    for status in [429, 503] {
        let busy = GraphMishap::new(status, "ApplicationThrottled").retry_after(1).times(1);
        let stage = Stage::faulty(|faults| faults.graph.mishap = Some(busy)).await;
        let begun = Instant::now();
        assert!(stage.reply(&message(0), &[BOB]).await.starts_with("250 "));
        assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
        assert_eq!((stage.asked().len(), stage.sandbox.submissions().len()), (2, 1));
    }
}

#[tokio::test]
async fn a_pause_that_is_longer_than_there_is_time_is_told_at_once_with_its_length() {
    let busy = GraphMishap::new(429, "ApplicationThrottled").retry_after(300);
    let stage = Stage::faulty(|faults| faults.graph.mishap = Some(busy)).await;
    assert_eq!(at_once(stage.pause(MINUTE, &message(0))).await, Duration::from_secs(300));
    // Whoever comes next for this mailbox does not even ask.
    stage.sandbox.faults().clear();
    assert!(stage.pause(MINUTE, &message(1)).await > Duration::from_secs(290));
    assert_eq!((stage.asked().len(), stage.sandbox.submissions().len()), (1, 0));
}

/// A queue has an hour for a delivery: the message must not count as under way for all of it.
#[tokio::test]
async fn a_long_pause_that_another_delivery_heard_of_is_not_waited_for_by_who_has_an_hour() {
    let busy = GraphMishap::new(429, "ApplicationThrottled").retry_after(300);
    let stage = Stage::faulty(|faults| faults.graph.mishap = Some(busy)).await;
    let hour = Duration::from_secs(3600);
    assert_eq!(stage.pause(hour, &message(0)).await, Duration::from_secs(300));
    let next = tokio::time::timeout(Duration::from_secs(20), stage.pause(hour, &message(1))).await;
    assert!(next.expect("an answer at once") > Duration::from_secs(270));
    assert_eq!((stage.asked().len(), stage.sandbox.submissions().len()), (1, 0));
}

#[tokio::test]
async fn the_sandbox_lets_no_fifth_request_and_none_over_the_count_in() {
    let stage = Stage::faulty(|faults| faults.graph.requests = Some(2)).await;
    for n in 0..2 {
        assert!(stage.reply(&message(n), &[BOB]).await.starts_with("250 "));
    }
    stage.sandbox.faults().set(|faults| faults.graph.retry_after = 100);
    assert_eq!(stage.pause(MINUTE, &message(3)).await, Duration::from_secs(100));
    stage.sandbox.faults().set(|faults| (faults.graph.requests, faults.graph.concurrency) = (None, Some(0)));
    let other = Stage::faulty(|faults| (faults.graph.concurrency, faults.graph.retry_after) = (Some(0), 100)).await;
    assert_eq!(other.pause(MINUTE, &message(4)).await, Duration::from_secs(100));
}

#[tokio::test]
async fn the_sandbox_takes_so_many_octets_in_five_minutes_and_says_when_there_is_room_again() {
    let stage = Stage::faulty(|faults| faults.graph.uploaded = Some(1500)).await;
    let large = format!("{}{}", message(1), "text\r\n".repeat(120));
    assert!(stage.reply(&large, &[BOB]).await.starts_with("250 "));
    assert!(stage.pause(MINUTE, &large).await > Duration::from_secs(270));
    assert_eq!(stage.sandbox.submissions().len(), 1);
}

/// The queue waits for a day where a server asks for it.
#[tokio::test]
async fn a_pause_of_hours_is_told_as_long_as_it_is() {
    let busy = GraphMishap::new(429, "ApplicationThrottled").retry_after(5 * 3600);
    let stage = Stage::faulty(|faults| faults.graph.mishap = Some(busy)).await;
    assert_eq!(stage.pause(MINUTE, &message(0)).await, Duration::from_secs(5 * 3600));
}
