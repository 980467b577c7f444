//! What waits for its way, and what a person does to it meanwhile.

use std::sync::atomic::Ordering;

use super::*;
use crate::queue::{
    courier::{Courier, Next, Seat},
    hold,
};

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

/// In between somebody releases it, whose order finds nobody who waits.
#[tokio::test(start_paused = true)]
async fn a_message_that_is_released_while_a_courier_has_it_that_read_its_hold_goes_next() {
    for (wanted, place) in [(None, Place::Held), (Some(Order::Release), Place::Wanted)] {
        let stage = Kept::default().open().await;
        let id = stage.send("x").await;
        let (queue, number) = (&stage.queue, stage.sequence(&id).await);
        let (sequence, recall, errand) = queue.hand_out().unwrap();
        // As far as `hold` gets whose answer is lost.
        assert!(queue.store.hold_queued(number, Some(hold::BY_HAND)).await.unwrap());
        let courier = Courier { queue: queue.clone(), sequence, recall, cut_off: stage.cut_off.clone() };
        let next = courier.go(errand).await;
        if let Some(order) = wanted {
            queue.carry_out(&id, order).await.unwrap();
        }
        courier.land(next).await;
        assert_eq!(queue.schedule().entry(sequence).unwrap().place, place, "{wanted:?}");
    }
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

/// Waits until the disk brought so many.
async fn bodies(stage: &Stage, brought: usize) {
    while stage.queue.spool().brought() < brought {
        tokio::task::yield_now().await;
    }
}

/// The only connection of the mailbox is not taken by one whose file hangs, nor is what a person says of it.
#[tokio::test(start_paused = true)]
async fn a_message_whose_body_the_disk_does_not_bring_lets_the_others_go_and_is_held_or_dropped() {
    let mut stage = Kept::one_at_a_time().open().await;
    let mut ids = Vec::new();
    for subject in ["one", "two", "three"] {
        ids.push(stage.send(subject).await);
    }
    let spool = stage.queue.spool().clone();
    ids[..2].iter().for_each(|id| spool.falls_silent(id, true));
    stage.run();
    stage.queue.taken_up().await;
    stage.rests(1).await;
    stage.assert_no_delivery();
    for _ in 0..2 {
        stage.pass(Duration::from_secs(6)).await;
        stage.list().await;
    }
    let call = stage.next().await;
    assert_eq!(subject(&call), "Subject: three");
    assert_eq!(order(&stage, &ids[0], Order::Hold).await, Done::Done);
    assert_eq!(order(&stage, &ids[1], Order::Drop).await, Done::Done);
    call.all(delivered());
    stage.rests(0).await;
    assert_eq!(stage.list().await[0].state, "held");
    ids[..2].iter().for_each(|id| spool.falls_silent(id, false));
    assert_eq!(order(&stage, &ids[0], Order::Release).await, Done::Done);
    let call = stage.next().await;
    assert_eq!(subject(&call), "Subject: one");
    call.all(delivered());
    stage.pass(Duration::from_secs(2)).await;
    stage.is_empty().await;
}

/// One a minute. Who was late stands before all that were accepted behind it, and takes nothing from who went meanwhile.
#[tokio::test(start_paused = true)]
async fn a_message_whose_body_comes_late_stands_in_line_by_its_number_again() {
    let mut kept = Kept::default();
    Arc::make_mut(&mut kept.accounts[0]).sending.limits.messages_per_minute = 1;
    let mut stage = kept.open().await;
    let late = stage.send("late").await;
    for subject in ["two", "three", "four"] {
        stage.send(subject).await;
    }
    let spool = stage.queue.spool().clone();
    spool.falls_silent(&late, true);
    stage.run();
    stage.queue.taken_up().await;
    stage.rests(3).await;
    stage.assert_no_delivery();
    bodies(&stage, 2).await;
    stage.pass(Duration::from_secs(6)).await;
    let call = stage.next().await;
    assert_eq!(subject(&call), "Subject: two");
    // "three" and "four" have their rows and bodies, and wait for the next minute.
    stage.rests(4).await;
    bodies(&stage, 3).await;
    spool.falls_silent(&late, false);
    stage.pass(Duration::from_secs(2)).await;
    let number = stage.sequence(&late).await;
    while stage.queue.schedule().entry(number).is_some_and(|entry| entry.is_aside) {
        tokio::task::yield_now().await;
    }
    call.all(delivered());
    for expected in ["late", "three", "four"] {
        stage.pass(Duration::from_secs(61)).await;
        let call = stage.next().await;
        assert_eq!(subject(&call), format!("Subject: {expected}"));
        call.all(delivered());
    }
    stage.is_empty().await;
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
