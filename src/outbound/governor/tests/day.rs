//! The recipients of a day, over all messages and over restarts.

use std::time::SystemTime;

use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::*;
use crate::store::{Sent, Settings, Store};

#[tokio::test(start_paused = true)]
async fn the_days_recipients_are_counted_over_all_messages_and_come_back_a_day_later() {
    let ledger = mailbox(limits(3, 30, 3));
    let mut one = turn(&ledger, "a", within(SECOND)).await.unwrap();
    let mut other = turn(&ledger, "b", within(SECOND)).await.unwrap();
    one.note_recipient();
    one.note_recipient();
    other.note_recipient();
    assert!(!one.has_room() && !other.has_room());
    drop(other);
    assert!(one.has_room(), "what was not sent does not count");
    one.note_recipient();
    one.sent();
    let next = turn(&ledger, "a", within(SECOND)).await.unwrap();
    assert!(!next.has_room());
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert!(next.has_room());
}

const HOUR: Duration = Duration::from_secs(3600);

/// Whether the day of this mailbox, which allows three, has room for one more.
async fn has_room(governor: &Governor) -> bool {
    let ledger = governor.mailbox("ann".into(), limits(3, 30, 3), Instant::now());
    turn(&ledger, "a", within(SECOND)).await.unwrap().has_room()
}

async fn send(governor: &Governor, recipients: u32) {
    let ledger = governor.mailbox("ann".into(), limits(3, 30, 3), Instant::now());
    let mut turn = turn(&ledger, "a", within(SECOND)).await.unwrap();
    (0..recipients).for_each(|_| turn.note_recipient());
    turn.sent();
}

/// A process that finds this in its store.
fn starts(known: Vec<(String, Vec<Sent>)>, wall: SystemTime) -> Governor {
    let governor = Governor::default();
    governor.recall(known, wall);
    governor
}

#[tokio::test(start_paused = true)]
async fn a_day_that_was_used_up_stays_used_up_behind_a_restart_and_no_longer_than_without_one() {
    let (before, wall) = (Governor::default(), SystemTime::now());
    send(&before, 2).await;
    tokio::time::advance(2 * HOUR).await;
    send(&before, 1).await;
    let written = before.take_unsaved(wall + 2 * HOUR);
    assert!(before.take_unsaved(wall + 2 * HOUR).is_empty(), "it is written once");
    tokio::time::advance(HOUR).await;
    let behind = starts(written, wall + 3 * HOUR);
    assert!(!has_room(&behind).await);
    tokio::time::advance(21 * HOUR - SECOND).await;
    assert!(!has_room(&behind).await);
    tokio::time::advance(2 * SECOND).await;
    assert!(has_room(&behind).await);
    send(&behind, 2).await;
    assert!(!has_room(&behind).await, "that of the third counts for two hours more");
    tokio::time::advance(2 * HOUR).await;
    assert!(has_room(&behind).await);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_put_back_shuts_no_mailbox_for_longer_than_a_day_however_often_it_is_read() {
    let mut wall = SystemTime::now();
    let ahead = Sent { until: wall + 24 * 365 * HOUR, recipients: 3 };
    let mut written = vec![("ann".to_owned(), vec![ahead])];
    for _ in 0..3 {
        let governor = starts(written, wall);
        assert!(!has_room(&governor).await);
        written = governor.take_unsaved(wall);
        tokio::time::advance(8 * HOUR).await;
        wall += 8 * HOUR;
    }
    let governor = starts(written, wall);
    assert!(has_room(&governor).await);
    assert_eq!(governor.take_unsaved(wall), [("ann".to_owned(), Vec::new())], "and nothing is left of it");
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_more_than_a_day_ago_by_the_clock_counts_no_more_behind_a_restart() {
    let (before, wall) = (Governor::default(), SystemTime::now());
    send(&before, 3).await;
    assert!(has_room(&starts(before.take_unsaved(wall), wall + 24 * HOUR)).await);
}

#[tokio::test]
async fn what_the_store_did_not_take_is_written_once_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/gatepost.db", dir.path().display());
    let store = Store::open(&Settings { url, key_file: dir.path().join("key"), key: None }).await.unwrap();
    let mut other = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(store.path())).await.unwrap();
    let governor = Governor::default();
    send(&governor, 2).await;
    sqlx::raw_sql("ALTER TABLE sent RENAME TO away").execute(&mut other).await.unwrap();
    assert!(governor.save(&store).await.is_err());
    sqlx::raw_sql("ALTER TABLE away RENAME TO sent").execute(&mut other).await.unwrap();
    for (more, count) in [(0, 2), (1, 3)] {
        if more > 0 {
            send(&governor, more).await;
        }
        governor.save(&store).await.unwrap();
        let found = store.sent().await.unwrap();
        let [(mailbox, sent)] = &found[..] else { panic!("{found:?}") };
        assert_eq!((mailbox.as_str(), sent.iter().map(|one| one.recipients).sum()), ("ann", count));
    }
    let behind = Governor::recalled(&store).await;
    assert!(!has_room(&behind).await);
    store.remember_sent(&[("ann".to_owned(), Vec::new())]).await.unwrap();
    assert!(store.sent().await.unwrap().is_empty());
}
