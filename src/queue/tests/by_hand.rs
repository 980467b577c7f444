use std::sync::atomic::Ordering;

use super::*;
use crate::{base::Kind, catalog::own::MESSAGE_BODY_UNREADABLE, queue::hold, store::QueueFilter};

#[tokio::test(start_paused = true)]
async fn what_is_held_stays_over_a_restart_until_it_is_released() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    assert_eq!(order(&stage, &id, Order::Release).await, Done::NotHeld);
    assert_eq!(order(&stage, &id, Order::Hold).await, Done::Done);
    assert_eq!(order(&stage, &id, Order::Retry).await, Done::Held);
    let mut stage = stage.kill().await.start().await;
    stage.pass(minutes(200 * 60)).await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    let shown = &stage.list().await[0];
    assert_eq!((shown.state, shown.hold.as_deref()), ("held", Some(hold::BY_HAND)), "nor does it grow too old");
    assert_eq!(order(&stage, &id, Order::Release).await, Done::Done);
    stage.next().await.all(delivered());
    stage.is_empty().await;
    assert_eq!(order(&stage, &id, Order::Hold).await, Done::NotThere);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_captured_waits_for_who_looks_at_it() {
    let mut stage = Stage::new().await;
    let body = stage.body("x").await;
    let ann = stage.kept.accounts[0].clone();
    let envelope = Envelope {
        mail: crate::queue::envelope::read_mail("MAIL FROM:<ann@contoso.example>").unwrap(),
        recipients: vec![crate::queue::envelope::read_recipient("RCPT TO:<bob@fabrikam.example>").unwrap()],
    };
    let id = stage.queue.accept(&ann, "new", 1, &envelope, body, Some(hold::CAPTURE)).await.unwrap();
    stage.rests(0).await;
    stage.assert_no_delivery();
    assert_eq!(stage.list().await[0].hold.as_deref(), Some(hold::CAPTURE));
    assert_eq!(order(&stage, &id, Order::Drop).await, Done::Done);
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn retry_goes_at_once() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    assert_eq!(order(&stage, &id, Order::Retry).await, Done::Done);
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_says_that_what_was_in_the_way_is_mended_and_no_other_order_does() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.answer(Err(fault(Kind::IdentityRefused)));
    stage.rests(0).await;
    let afresh = |stage: &Stage| stage.kept.afresh.load(Ordering::Relaxed);
    for (wanted, done) in [(Order::Hold, Done::Done), (Order::Retry, Done::Held), (Order::Release, Done::Done)] {
        assert_eq!(order(&stage, &id, wanted).await, done);
    }
    assert_eq!(afresh(&stage), 0);
    stage.assert_no_delivery();
    assert_eq!(order(&stage, &id, Order::Retry).await, Done::Done);
    assert_eq!(afresh(&stage), 1);
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn an_order_behind_a_delivery_that_is_under_way_is_carried_out_when_that_ends() {
    let mut stage = Stage::new().await;
    // Delivered all the same: there is nothing to hold or to drop.
    for wish in [Order::Hold, Order::Drop] {
        let id = stage.send("x").await;
        let call = stage.next().await;
        assert_eq!(order(&stage, &id, wish).await, Done::WhenItEnds);
        call.all(delivered());
        stage.is_empty().await;
    }
    let id = stage.send("x").await;
    let call = stage.next().await;
    assert_eq!(order(&stage, &id, Order::Drop).await, Done::WhenItEnds);
    call.all(deferred("4.2.0 later"));
    stage.is_empty().await;

    let id = stage.send("x").await;
    let call = stage.next().await;
    assert_eq!(order(&stage, &id, Order::Hold).await, Done::WhenItEnds);
    call.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    stage.pass(minutes(90)).await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    assert_eq!(stage.list().await[0].state, "held");

    let id = stage.send("y").await;
    let call = stage.next().await;
    assert_eq!(order(&stage, &id, Order::Retry).await, Done::WhenItEnds);
    call.all(deferred("4.2.0 later"));
    stage.next().await.all(delivered());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_of_the_failure_of_what_was_dropped_while_it_was_under_way() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    let call = stage.next().await;
    assert_eq!(order(&stage, &id, Order::Drop).await, Done::WhenItEnds);
    call.all(failed("5.1.1 User unknown"));
    stage.settle().await;
    stage.assert_no_delivery();
    assert!(stage.queue.failures().is_empty());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_drop_of_what_is_under_way_is_kept_by_the_next_process() {
    let mut stage = Stage::new().await;
    let [dropped, held] = [stage.send("dropped").await, stage.send("held").await];
    let under_way = [stage.next().await, stage.next().await];
    assert_eq!(order(&stage, &dropped, Order::Drop).await, Done::WhenItEnds);
    assert_eq!(order(&stage, &held, Order::Hold).await, Done::WhenItEnds);
    let kept = stage.kill().await;
    drop(under_way);
    let mut stage = kept.start().await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    let shown = stage.list().await;
    assert!(shown.len() == 1 && shown[0].id == held && shown[0].state == "held", "{shown:#?}");
    while stage.kept.files() > 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(order(&stage, &held, Order::Drop).await, Done::Done);
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn nobody_takes_back_a_drop_that_waits_for_the_end_of_a_delivery() {
    for later in [Order::Hold, Order::Retry, Order::Release] {
        let mut stage = Stage::new().await;
        let id = stage.send("x").await;
        let under_way = stage.next().await;
        assert_eq!(order(&stage, &id, Order::Drop).await, Done::WhenItEnds);
        assert_eq!(order(&stage, &id, later).await, Done::NotThere, "{later:?}");
        assert_eq!(order(&stage, &id, Order::Drop).await, Done::WhenItEnds);
        under_way.all(deferred("4.2.0 later"));
        stage.is_empty().await;
        stage.assert_no_delivery();
    }
}

/// The delivery goes on as if nobody had said anything, and whoever did hears that it was not done.
#[tokio::test(start_paused = true)]
async fn a_drop_that_cannot_be_written_down_is_none() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    let under_way = stage.next().await;
    let other = stage.database().await;
    let trigger = "CREATE TRIGGER full BEFORE UPDATE ON queued BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    sqlx::query(trigger).execute(&other).await.unwrap();
    stage.queue.order(&id, Order::Drop).await.unwrap_err();
    sqlx::query("DROP TRIGGER full").execute(&other).await.unwrap();
    under_way.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    assert_eq!(stage.list().await[0].state, "waiting");
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_for_is_found_by_each_of_its_properties() {
    let stage = Stage::new().await;
    let ann = stage.kept.accounts[0].clone();
    let id = stage
        .send_as(&ann, "x", "MAIL FROM:<alerts@contoso.example>", &["RCPT TO:<ops@fabrikam.example> NOTIFY=NEVER"])
        .await;
    let found = async |filter: QueueFilter| {
        let found = stage.queue.search(&QueueFilter { most: 10, ..filter }).await.unwrap();
        found.messages.iter().map(|message| message.id.clone()).collect::<Vec<_>>()
    };
    let some = |text: &str| Some(text.to_owned());
    for filter in [
        QueueFilter { account: some("ANN@contoso.example"), ..Default::default() },
        QueueFilter { sender: some("alerts@"), ..Default::default() },
        QueueFilter { recipient: some("OPS@fabrikam"), ..Default::default() },
        QueueFilter { recipient: some("<ops@fabrikam.example>"), ..Default::default() },
        QueueFilter { client: some("copier"), ..Default::default() },
        QueueFilter { is_held: Some(false), ..Default::default() },
    ] {
        assert_eq!(found(filter.clone()).await, std::slice::from_ref(&id), "{filter:?}");
    }
    for filter in [
        QueueFilter { account: some("bob"), ..Default::default() },
        QueueFilter { sender: some("ops"), ..Default::default() },
        // Words of the protocol are in no address.
        QueueFilter { sender: some("from"), ..Default::default() },
        QueueFilter { sender: some("<>"), ..Default::default() },
        QueueFilter { recipient: some("to"), ..Default::default() },
        QueueFilter { recipient: some("never"), ..Default::default() },
        QueueFilter { is_held: Some(true), ..Default::default() },
    ] {
        assert!(found(filter.clone()).await.is_empty(), "{filter:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drop_whose_caller_goes_away_is_carried_out_all_the_same() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    let sequence = stage.sequence(&id).await;
    // Somebody else writes: the order gets as far as the schedule and waits there for the store.
    let mut writer = stage.database().await.begin_with("BEGIN IMMEDIATE").await.unwrap();
    sqlx::query("UPDATE queued SET octets = octets").execute(&mut *writer).await.unwrap();
    {
        let mut asked = std::pin::pin!(stage.queue.order(&id, Order::Drop));
        while stage.queue.schedule().entry(sequence).unwrap().place != Place::UnderWay {
            tokio::select! {
                biased;
                done = &mut asked => panic!("nobody could write: {done:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    writer.rollback().await.unwrap();
    // Whoever comes next waits for its turn, and hears how it went.
    assert_eq!(order(&stage, &id, Order::Drop).await, Done::NotThere);
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_drop_that_fails_leaves_the_message_as_it_was() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    let other = stage.database().await;
    let trigger = "CREATE TRIGGER full BEFORE DELETE ON queued BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    sqlx::query(trigger).execute(&other).await.unwrap();
    stage.queue.order(&id, Order::Drop).await.unwrap_err();
    sqlx::query("DROP TRIGGER full").execute(&other).await.unwrap();
    stage.pass(minutes(2)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_drop_of_what_is_under_way_stays_one_though_its_body_turns_out_to_be_damaged() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    let unreadable = || Err(MESSAGE_BODY_UNREADABLE.fault().detail("Input/output error (os error 5)"));
    for _ in 0..2 {
        stage.next().await.answer(unreadable());
        stage.settle().await;
        stage.pass(minutes(10)).await;
    }
    let third = stage.next().await;
    assert_eq!(order(&stage, &id, Order::Drop).await, Done::WhenItEnds);
    let other = stage.database().await;
    let trigger = "CREATE TRIGGER full BEFORE DELETE ON queued BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    sqlx::query(trigger).execute(&other).await.unwrap();
    third.answer(unreadable());
    stage.rests(0).await;
    sqlx::query("DROP TRIGGER full").execute(&other).await.unwrap();
    let stage = stage.kill().await.start().await;
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_message_whose_body_hangs_keeps_nobody_from_the_next_order() {
    let stage = Kept::default().start().await;
    stage.kept.room.send_replace(false);
    let (hangs, other) = (stage.send("hangs").await, stage.send("other").await);
    stage.queue.spool().falls_silent(&hangs, true);
    let asked = tokio::time::Instant::now();
    assert_eq!(order(&stage, &hangs, Order::Drop).await, Done::Done);
    assert_eq!(order(&stage, &other, Order::Hold).await, Done::Done);
    assert_eq!(asked.elapsed(), Duration::ZERO);
}
