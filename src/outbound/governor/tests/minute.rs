//! The messages of a minute.

use std::sync::Mutex;

use super::*;

#[tokio::test(start_paused = true)]
async fn the_thirty_first_message_waits_until_the_first_is_a_minute_old() {
    let ledger = mailbox(limits(3, 30, 100));
    let start = Instant::now();
    for _ in 0..30 {
        turn(&ledger, "monitor", within(SECOND)).await.unwrap().sent();
    }
    assert!(turn(&ledger, "monitor", within(20 * SECOND)).await.is_none());
    turn(&ledger, "monitor", within(60 * SECOND)).await.unwrap().sent();
    assert_eq!(start.elapsed(), 61 * SECOND);
}

/// How many of the party go at once, of so many.
async fn go_at_once(ledger: &Arc<Ledger>, party: &str, of: u32) -> u32 {
    for went in 0..of {
        let Some(turn) = turn(ledger, party, within(SECOND)).await else { return went };
        turn.sent();
    }
    of
}

#[tokio::test(start_paused = true)]
async fn the_queue_leaves_the_last_tenth_of_a_minute_to_clients_where_one_asked_within_a_day() {
    for (allowed, left) in [(30, 3), (11, 2), (2, 1), (1, 0)] {
        let ledger = mailbox(limits(3, allowed, 100_000));
        assert_eq!(go_at_once(&ledger, "queue", 100).await, allowed, "no client is known");
        assert_eq!(go_at_once(&ledger, "copier", 1).await, 0);
        tokio::time::sleep(62 * SECOND).await;
        assert_eq!(go_at_once(&ledger, "queue", 100).await, allowed - left);
        let mut waits = ledger.ticket(party("queue"), SIGN_IN);
        assert!(timeout_at(within(SECOND), waits.turn()).await.is_err());
        assert_eq!(go_at_once(&ledger, "copier", 100).await, left, "past a queue that waits");
        let start = Instant::now();
        drop(waits.turn().await);
        assert!(start.elapsed() < 61 * SECOND, "as soon as its first is a minute old");
        drop(waits);
        tokio::time::sleep(24 * 3600 * SECOND).await;
        assert_eq!(go_at_once(&ledger, "queue", 100).await, allowed, "it did not come again");
    }
}

/// What is left to clients is no right to all there is.
#[tokio::test(start_paused = true)]
async fn a_queue_beside_a_client_that_sends_all_it_may_has_half_of_each_minute() {
    let ledger = mailbox(limits(3, 10, 100_000));
    let sent = Arc::new(Mutex::new(Vec::new()));
    let sends_on_and_on = |name: &'static str| {
        let (ledger, sent) = (ledger.clone(), sent.clone());
        tokio::spawn(async move {
            loop {
                turn(&ledger, name, within(1000 * SECOND)).await.unwrap().sent();
                sent.lock().unwrap().push(name);
                tokio::time::sleep(SECOND).await;
            }
        })
    };
    let both = [sends_on_and_on("program"), sends_on_and_on("queue")];
    tokio::time::sleep(610 * SECOND).await;
    both.iter().for_each(|one| one.abort());
    let sent = sent.lock().unwrap();
    let of_queue = sent.iter().filter(|name| **name == "queue").count();
    assert!(sent.len() >= 100 && of_queue.abs_diff(sent.len() / 2) <= 5, "{of_queue} of {}", sent.len());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_takes_long_counts_from_its_end_and_one_that_was_not_sent_does_not_count() {
    let ledger = mailbox(limits(3, 1, 100));
    let long = turn(&ledger, "scanner", within(SECOND)).await.unwrap();
    assert!(turn(&ledger, "scanner", within(300 * SECOND)).await.is_none(), "it is still under way");
    long.sent();
    let start = Instant::now();
    let unsent = turn(&ledger, "scanner", within(300 * SECOND)).await.unwrap();
    assert_eq!(start.elapsed(), 61 * SECOND);
    drop(unsent);
    turn(&ledger, "scanner", within(SECOND)).await.unwrap();
    assert_eq!(start.elapsed(), 61 * SECOND);
}
