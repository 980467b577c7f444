//! Rows of the queue on a disk that is full, or damaged.

use super::*;

/// A message of some size.
fn message(n: usize) -> NewMessage {
    NewMessage {
        id: format!("message{n:05}"),
        account: "ann@contoso.example".into(),
        client: "login".into(),
        session: 1,
        accepted_at: SystemTime::now(),
        octets: 1,
        mail: format!("MAIL FROM:<{}@contoso.example>", "a".repeat(1000)),
        recipients: vec!["RCPT TO:<bob@contoso.example>".into()],
        hold: None,
        bounce: 0,
    }
}

/// SQLite itself ends the transaction that found no room.
#[tokio::test]
async fn with_room_again_behind_a_full_disk_messages_are_taken_over_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&store.pool).await.unwrap();
    sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"))).execute(&store.pool).await.unwrap();
    let mut taken = 0;
    let full = loop {
        match store.enqueue(&message(taken)).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100, "it is never full");
    };
    assert!(full.is_full(), "{full}");
    sqlx::query("PRAGMA max_page_count = 1000000").execute(&store.pool).await.unwrap();
    store.enqueue(&message(taken)).await.unwrap();
    assert_eq!(store.queue_outlines().await.unwrap().0.len(), taken + 1, "nothing of the one that found no room");
}

/// SQLite leaves out the write of a row that gets what it holds: that would prove nothing.
#[tokio::test]
async fn the_proof_that_rows_can_be_written_writes_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let store = Store::open(&settings).await.unwrap();
    store.enqueue(&message(0)).await.unwrap();
    let log = std::path::PathBuf::from(format!("{}-wal", store.path().display()));
    let octets = || std::fs::metadata(&log).unwrap().len();
    let attempts =
        async || sqlx::query_scalar::<_, i64>("SELECT attempts FROM queued").fetch_one(&store.pool).await.unwrap();
    let (before, tried) = (octets(), attempts().await);
    store.prove_queue().await.unwrap();
    assert!(octets() >= before + 4096, "{before} octets, then {}", octets());
    assert_eq!(attempts().await, tried);
}

#[tokio::test]
async fn an_attempt_that_ends_with_a_hold_takes_back_no_other_and_adds_to_the_doubts() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    let recipient = EndedRecipient {
        position: 0,
        state: RecipientState::Waiting,
        reply: "451 4.4.2 No answer".into(),
        fault: None,
        is_doubtful: true,
    };
    let ended = Ended { recipients: vec![recipient], hold: Some("doubtful"), ..Ended::default() };
    for (n, before) in [None, Some("dropped")].into_iter().enumerate() {
        let sequence = store.enqueue(&message(n)).await.unwrap();
        assert!(store.hold_queued(sequence, before).await.unwrap());
        for doubts in 1..=2 {
            store.end_attempt(sequence, &ended).await.unwrap();
            let row = store.queued(sequence).await.unwrap().unwrap();
            assert_eq!((row.hold.as_deref(), row.recipients[0].doubts), (before.or(Some("doubtful")), doubts));
        }
    }
}

#[tokio::test]
async fn a_damaged_row_of_the_queue_keeps_no_other_from_being_read() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    for n in 0..2 {
        store.enqueue(&message(n)).await.unwrap();
    }
    let damage = "UPDATE queued SET account = CAST(x'ff' AS TEXT) WHERE sequence = 1";
    sqlx::query(damage).execute(&store.pool).await.unwrap();
    let (read, damaged) = store.queue_outlines().await.unwrap();
    assert_eq!((read.len(), read[0].sequence), (1, 2));
    assert_eq!(damaged, [message(0).id]);
}
