use std::sync::atomic::Ordering;

use super::*;
use crate::{
    base::Kind,
    catalog::own::STORE_UNAVAILABLE,
    queue::{
        courier::{Courier, Next, Seat},
        hold,
    },
    store::QueueFilter,
};

async fn order(stage: &Stage, id: &str, order: Order) -> Done {
    stage.queue.order(id, order).await.unwrap()
}

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
    assert_eq!(stage.kept.files(), 1);
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
async fn a_message_whose_row_is_held_is_not_sent_although_the_schedule_does_not_know_yet() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    let sequence = stage.sequence(&id).await;
    // As far as `hold` gets before it asks the schedule.
    assert!(stage.queue.store.hold_queued(sequence, Some(hold::BY_HAND)).await.unwrap());
    stage.pass(minutes(2)).await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    assert_eq!(order(&stage, &id, Order::Release).await, Done::Done);
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_waits_for_room_is_called_back_by_whoever_holds_or_drops_its_message() {
    let mut stage = Stage::new().await;
    stage.kept.room.send_replace(false);
    let id = stage.send("x").await;
    stage.rests(1).await;
    let shown = stage.list().await.remove(0);
    assert_eq!((shown.state, shown.attempts), ("waiting", 0), "nothing was sent");
    assert_eq!(order(&stage, &id, Order::Hold).await, Done::Done);
    stage.rests(0).await;
    assert_eq!(stage.list().await[0].state, "held");
    assert_eq!(order(&stage, &id, Order::Release).await, Done::Done);
    stage.rests(1).await;
    assert_eq!(order(&stage, &id, Order::Retry).await, Done::Done, "it is on its way already");
    stage.rests(1).await;
    assert_eq!(order(&stage, &id, Order::Drop).await, Done::Done);
    stage.is_empty().await;
    stage.kept.room.send_replace(true);
    stage.rests(0).await;
    stage.assert_no_delivery();
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_held_and_released_while_it_waits_goes_once() {
    let mut stage = Stage::new().await;
    stage.kept.room.send_replace(false);
    let id = stage.send("x").await;
    stage.rests(1).await;
    for wanted in [Order::Hold, Order::Release, Order::Hold, Order::Release] {
        assert_eq!(order(&stage, &id, wanted).await, Done::Done);
    }
    stage.kept.room.send_replace(true);
    stage.next().await.all(delivered());
    stage.is_empty().await;
    stage.assert_no_delivery();
}

fn subject(call: &super::stage::Call) -> &str {
    call.body.lines().nth(1).unwrap()
}

/// Four wait, the first of them in line for room; `wanted` is what a person does to the last but one.
async fn goes_next(wanted: &[Order]) {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.kept.room.send_replace(false);
    let mut ids = Vec::new();
    for subject in ["one", "two", "three", "four"] {
        ids.push(stage.send(subject).await);
    }
    stage.rests(1).await;
    for wish in wanted {
        assert_eq!(order(&stage, &ids[2], *wish).await, Done::Done);
    }
    stage.rests(1).await;
    stage.kept.room.send_replace(true);
    for expected in ["three", "one", "two", "four"] {
        let call = stage.next().await;
        assert_eq!(subject(&call), format!("Subject: {expected}"), "{wanted:?}");
        call.all(delivered());
    }
    stage.is_empty().await;
    stage.assert_no_delivery();
}

#[tokio::test(start_paused = true)]
async fn what_a_person_retries_or_releases_goes_before_what_stands_in_line() {
    goes_next(&[Order::Retry]).await;
    goes_next(&[Order::Retry, Order::Retry]).await;
    goes_next(&[Order::Hold, Order::Release]).await;
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_behind_a_retry_goes_as_soon_as_that_has_begun() {
    let mut stage = Stage::new().await;
    stage.kept.room.send_replace(false);
    let mut ids = Vec::new();
    for subject in ["one", "two", "three", "four"] {
        ids.push(stage.send(subject).await);
    }
    stage.rests(3).await;
    assert_eq!(order(&stage, &ids[3], Order::Retry).await, Done::Done);
    stage.rests(1).await;
    stage.kept.room.send_replace(true);
    let wanted = stage.next().await;
    assert_eq!(subject(&wanted), "Subject: four");
    // It has not ended.
    let mut others = [stage.next().await, stage.next().await].map(|call| {
        let subject = subject(&call).to_owned();
        call.all(delivered());
        subject
    });
    others.sort();
    assert_eq!(others, ["Subject: one", "Subject: two"]);
    stage.next().await.all(delivered());
    wanted.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_uploaded_lets_others_pass_and_is_called_back_for_nobody_else() {
    let mut stage = Stage::new().await;
    stage.kept.room.send_replace(false);
    stage.kept.uploads.store(true, Ordering::Relaxed);
    let large = stage.send("large").await;
    stage.rests(1).await;
    let sequence = stage.sequence(&large).await;
    let is_at_work = || stage.queue.schedule().entry(sequence).is_some_and(|entry| entry.is_at_work);
    while !is_at_work() {
        tokio::task::yield_now().await;
    }
    stage.kept.uploads.store(false, Ordering::Relaxed);
    let upload = stage.queue.schedule().entry(sequence).unwrap().recall.clone();
    assert_eq!(order(&stage, &large, Order::Retry).await, Done::Done);
    let second = stage.send("second").await;
    // It does not wait for the retry.
    stage.rests(2).await;
    assert_eq!(order(&stage, &second, Order::Retry).await, Done::Done);
    stage.queue.schedule().call_back_all(stage.queue.clock.awake());
    assert!(!upload.is_cancelled());
    assert_eq!(order(&stage, &large, Order::Hold).await, Done::Done);
    assert!(upload.is_cancelled());
    stage.kept.room.send_replace(true);
    let call = stage.next().await;
    assert_eq!(subject(&call), "Subject: second");
    call.all(delivered());
    stage.rests(0).await;
    stage.assert_no_delivery();
    assert_eq!(stage.list().await[0].state, "held");
}

/// The next one may begin before the one that landed is gone.
#[tokio::test(start_paused = true)]
async fn a_courier_that_has_landed_takes_nothing_from_the_next_one() {
    let stage = Kept::default().open().await;
    stage.send("x").await;
    let queue = &stage.queue;
    let (now, awake) = (queue.clock.tick(), queue.clock.awake());
    let (sequence, recall) = queue.schedule().next(now, awake).unwrap();
    let courier = Courier { queue: queue.clone(), sequence, recall, cut_off: stage.cut_off.clone() };
    let seat = Seat(&courier);
    courier.land(Next::At(Place::Wanted)).await;
    let (_, next) = queue.schedule().next(now, awake).unwrap();
    drop(seat);
    assert!(!next.is_cancelled());
    assert_eq!(queue.schedule().entry(sequence).unwrap().place, Place::InLine);
}

fn unanswered() -> Verdict {
    Verdict { is_doubtful: true, ..deferred("4.4.2 No answer") }
}

/// The delivery of a message that nobody answered twice.
async fn third_attempt(stage: &mut Stage) -> super::stage::Call {
    for _ in 0..2 {
        stage.next().await.all(unanswered());
        stage.settle().await;
        stage.pass(minutes(5)).await;
    }
    stage.next().await
}

#[tokio::test(start_paused = true)]
async fn an_order_before_a_hold_in_doubt_is_on_disk_is_the_last_word_in_row_and_schedule() {
    for (wanted, hold) in
        [(Order::Hold, Some(hold::BY_HAND)), (Order::Retry, Some(hold::DOUBTFUL)), (Order::Drop, None)]
    {
        let mut stage = Stage::new().await;
        let id = stage.send("x").await;
        let third = third_attempt(&mut stage).await;
        let other = stage.database().await;
        let no_end = "CREATE TRIGGER no_end BEFORE UPDATE ON queued WHEN OLD.is_under_way > NEW.is_under_way
                      BEGIN SELECT RAISE(ABORT, 'disk full'); END";
        sqlx::query(no_end).execute(&other).await.unwrap();
        third.all(unanswered());
        while stage.queue.standstill().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(order(&stage, &id, wanted).await, Done::WhenItEnds);
        sqlx::query("DROP TRIGGER no_end").execute(&other).await.unwrap();
        // A jump of the clock may end a wait for the disk; what is to be dropped is tried again then.
        let is_open = |shown: &MessageView| shown.state == "under-way" || shown.hold.as_deref() == Some(hold::DROPPED);
        while stage.list().await.iter().any(is_open) {
            stage.pass(minutes(1)).await;
        }
        stage.rests(0).await;
        let shown = stage.list().await;
        assert_eq!(shown.first().and_then(|shown| shown.hold.as_deref()), hold, "{wanted:?}");
        let told = stage.queue.failures().iter().any(|note| note.hold == Some(hold::DOUBTFUL));
        assert_eq!(told, hold == Some(hold::DOUBTFUL), "{wanted:?}: nobody is told of another hold than the row has");
        stage.assert_no_delivery();
    }
}

#[tokio::test(start_paused = true)]
async fn a_hold_in_doubt_waits_for_the_order_that_is_carried_out_and_every_later_one_finds_it() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    let third = third_attempt(&mut stage).await;
    let turn = stage.queue.by_hand.lock().await;
    third.all(unanswered());
    for _ in 0..20 {
        assert_eq!(stage.list().await[0].state, "under-way");
    }
    assert_eq!(stage.queue.carry_out(&id, Order::Retry).await.unwrap(), Done::WhenItEnds);
    drop(turn);
    stage.rests(0).await;
    assert_eq!(stage.list().await[0].hold.as_deref(), Some(hold::DOUBTFUL));
    assert_eq!(order(&stage, &id, Order::Retry).await, Done::Held);
    stage.assert_no_delivery();
    assert_eq!(order(&stage, &id, Order::Release).await, Done::Done);
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_drop_of_what_is_under_way_stays_one_though_its_body_turns_out_to_be_damaged() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    let unreadable = || Err(STORE_UNAVAILABLE.fault().detail("Input/output error (os error 5)"));
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
