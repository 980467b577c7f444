//! Messages whose delivery nobody answered: each attempt may have been one more copy.

use super::*;
use crate::queue::hold;

#[tokio::test(start_paused = true)]
async fn a_kill_in_the_middle_of_a_delivery_is_a_doubt_that_the_queue_shows() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    let under_way = stage.next().await;
    assert_eq!(stage.list().await[0].state, "under-way");
    let kept = stage.kill().await;
    drop(under_way);
    let mut stage = kept.start().await;
    let again = stage.next().await;
    let shown = &stage.list().await[0];
    assert!(shown.recipients[0].is_doubtful, "{shown:?}");
    again.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_behind_the_dot_is_sent_again_and_says_so() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    let lost = Verdict { is_doubtful: true, ..deferred("4.4.2 the mail server closed the connection") };
    stage.next().await.answer(Ok(Report { verdicts: vec![lost], retry_after: None }));
    stage.rests(0).await;
    let shown = &stage.list().await[0].recipients[0];
    assert!(shown.is_doubtful && shown.state == "waiting", "{shown:?}");
    stage.pass(minutes(2)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

/// Each attempt may have been one more copy.
#[tokio::test(start_paused = true)]
async fn a_message_that_nobody_ever_answers_is_held_behind_its_third_attempt_and_somebody_is_told() {
    let mut stage = Stage::new().await;
    let ann = stage.kept.accounts[0].clone();
    let to = ["RCPT TO:<bob@fabrikam.example>", "RCPT TO:<eve@fabrikam.example>"];
    let id = stage.send_as(&ann, "x", "MAIL FROM:<ann@contoso.example>", &to).await;
    let lost = Verdict { is_doubtful: true, ..deferred("4.4.2 No answer") };
    for eve in [&lost, &lost, &failed("5.1.1 User unknown")] {
        let verdicts = vec![lost.clone(), eve.clone()];
        stage.next().await.answer(Ok(Report { verdicts, retry_after: None }));
        stage.settle().await;
        stage.pass(minutes(5)).await;
    }
    let notice = stage.next().await;
    assert!(notice.sender.is_empty() && notice.body.contains("eve@fabrikam.example"), "{}", notice.body);
    notice.all(delivered());
    stage.settle().await;
    stage.assert_no_delivery();
    let shown = stage.list().await.remove(0);
    assert_eq!((shown.state, shown.hold.as_deref()), ("held", Some(hold::DOUBTFUL)));
    let told = stage.queue.failures();
    let held = told.iter().find(|note| note.hold == Some(hold::DOUBTFUL)).unwrap();
    assert!(
        held.queue_id == id && held.recipients == [super::stage::BOB] && held.reply.ends_with("451 4.4.2 No answer"),
        "{held:?}"
    );

    let entry = crate::catalog::own::DELIVERY_DOUBTFUL;
    assert_eq!((shown.fault, shown.fault_text, held.fault), (Some(entry.id), Some(entry.short()), Some(entry.id)));
    let worked_again = |stage: &Stage| {
        let faults = stage.queue.meter.recent.list();
        faults.iter().find(|one| one.id == entry.id).map(|one| one.worked_again_at.is_some())
    };
    assert_eq!(worked_again(&stage), Some(false), "it stands among the faults");

    // Whoever asked Bob decides about each further copy.
    assert_eq!(stage.queue.order(&id, Order::Release).await.unwrap(), Done::Done);
    stage.next().await.all(lost);
    stage.rests(0).await;
    assert_eq!(stage.list().await[0].state, "held");
    assert_eq!(stage.queue.order(&id, Order::Release).await.unwrap(), Done::Done);
    stage.next().await.all(delivered());
    stage.is_empty().await;
    assert_eq!(worked_again(&stage), Some(true));
}

/// Nor does a restart forget the copies that a kill may have left.
#[tokio::test(start_paused = true)]
async fn attempts_that_nobody_answered_count_over_restarts() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    let lost = Verdict { is_doubtful: true, ..deferred("4.4.2 No answer") };
    stage.next().await.all(lost.clone());
    stage.rests(0).await;
    let mut stage = stage.kill().await.start().await;
    let cut_off = stage.next_in_time().await;
    let mut stage = stage.kill().await.start().await;
    drop(cut_off);
    stage.next_in_time().await.all(lost);
    stage.rests(0).await;
    let kept = stage.kill().await;
    let mut stage = kept.start().await;
    stage.pass(minutes(60)).await;
    stage.assert_no_delivery();
    assert_eq!(stage.list().await[0].hold.as_deref(), Some(hold::DOUBTFUL));
    assert_eq!(stage.queue.order(&id, Order::Release).await.unwrap(), Done::Done);
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

/// A daemon that dies of each attempt, or is killed in each, must not send copies without end.
#[tokio::test(start_paused = true)]
async fn a_message_that_a_kill_cuts_off_three_times_is_held_and_goes_once_more_for_whoever_releases_it() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    for _ in 0..3 {
        let cut_off = stage.next_in_time().await;
        while stage.list().await[0].state != "under-way" {
            tokio::task::yield_now().await;
        }
        stage = stage.kill().await.start().await;
        drop(cut_off);
    }
    stage.pass(minutes(60)).await;
    stage.settle().await;
    stage.assert_no_delivery();
    assert_eq!(stage.list().await[0].hold.as_deref(), Some(hold::DOUBTFUL));
    assert_eq!(stage.queue.order(&id, Order::Release).await.unwrap(), Done::Done);
    stage.next_in_time().await.all(delivered());
    stage.is_empty().await;
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
