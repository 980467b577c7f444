//! What is in the way of every message of a mailbox is no attempt of any, and costs none its place in the order.

use std::time::Duration;

use super::*;
use crate::{base::Kind, catalog::own::UPSTREAM_LOST};

fn subject(call: &stage::Call) -> String {
    call.body.lines().nth(1).unwrap().replace("Subject: ", "")
}

/// Takes deliveries as they come, until the queue is empty.
async fn all_go(stage: &mut Stage, how_many: usize) -> Vec<String> {
    let mut went = Vec::new();
    for _ in 0..how_many {
        let call = stage.next().await;
        went.push(subject(&call));
        call.all(delivered());
    }
    stage.is_empty().await;
    went
}

async fn assert_untried(stage: &Stage) {
    for shown in stage.list().await {
        let recipient = &shown.recipients[0];
        assert!(shown.attempts == 0 && recipient.attempts == 0 && !recipient.is_doubtful, "{shown:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn mail_that_waits_for_a_mailbox_which_is_shut_for_hours_goes_in_the_order_of_acceptance() {
    let stage = Kept::one_at_a_time().start().await;
    stage.kept.shut.send_replace(Some(Kind::Unavailable));
    for subject in ["one", "two", "three"] {
        stage.send(subject).await;
        stage.rests(0).await;
    }
    for _ in 0..30 {
        stage.pass(minutes(6)).await;
        stage.rests(0).await;
    }
    assert!(stage.kept.asked() > 20, "one goes and looks: {}", stage.kept.asked());
    assert_untried(&stage).await;
    assert!(
        stage.list().await[0].recipients[0].reply.as_deref().unwrap().ends_with("[scripted]"),
        "and says what it met"
    );
    // Nor does a restart change anything.
    let mut stage = stage.kill().await.start().await;
    stage.send("four").await;
    stage.rests(0).await;
    stage.kept.shut.send_replace(None);
    stage.pass(minutes(6)).await;
    assert_eq!(all_go(&mut stage, 4).await, ["one", "two", "three", "four"]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_a_server_asks_the_mailbox_for_is_kept_by_all_of_it_and_none_was_tried() {
    let mut stage = Stage::new().await;
    for subject in ["one", "two", "three", "four"] {
        stage.send(subject).await;
    }
    // Three were on their way at once; the longest pause counts.
    let on_their_way = [stage.next().await, stage.next().await, stage.next().await];
    for (call, asked) in on_their_way.into_iter().zip([10, 70, 30]) {
        call.throttled(minutes(asked));
    }
    stage.rests(0).await;
    assert_untried(&stage).await;
    stage.pass(minutes(69)).await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    stage.reload(|kept| Arc::make_mut(&mut kept.accounts[0]).sending.limits.connections = 1);
    stage.pass(minutes(2)).await;
    assert_eq!(all_go(&mut stage, 4).await, ["one", "two", "three", "four"]);
}

/// Somebody else asks all the time, and is refused.
#[tokio::test(start_paused = true)]
async fn an_answer_from_memory_is_no_further_failure_and_the_mailbox_rests_until_its_end() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.send("one").await;
    for _ in 0..6 {
        stage.next().await.remembered(Duration::from_secs(30));
        stage.rests(0).await;
        stage.pass(Duration::from_secs(29)).await;
        stage.rests(0).await;
        stage.assert_no_delivery();
        stage.pass(Duration::from_secs(1)).await;
    }
    stage.next().await.throttled(Duration::ZERO);
    stage.rests(0).await;
    stage.pass(Duration::from_secs(17)).await;
    stage.settle().await;
    stage.begun().await.expect("behind the first of all pauses").all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_that_had_its_own_refusal_before_keeps_its_pause_and_its_attempts() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.send("refused").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    stage.kept.shut.send_replace(Some(Kind::Unavailable));
    stage.pass(minutes(2)).await;
    stage.rests(0).await;
    stage.send("fresh").await;
    stage.rests(0).await;
    stage.kept.shut.send_replace(None);
    assert_eq!(stage.list().await[0].attempts, 1);
    stage.pass(minutes(1)).await;
    let went = all_go(&mut stage, 2).await;
    assert_eq!(went, ["fresh", "refused"], "what was never tried goes first, as ever");
}

#[tokio::test(start_paused = true)]
async fn who_is_given_up_without_having_been_tried_is_told_what_was_in_the_way_of_all() {
    let stage = Stage::new().await;
    stage.kept.shut.send_replace(Some(Kind::SignInNeeded));
    for subject in ["one", "two"] {
        stage.send(subject).await;
        stage.rests(0).await;
    }
    stage.pass(minutes(121 * 60)).await;
    while stage.queue.failures().len() < 2 {
        tokio::task::yield_now().await;
    }
    for note in stage.queue.failures() {
        assert!(
            note.reply.contains("5.4.7") && note.reply.ends_with("last: the way out is shut [scripted]"),
            "{note:?}"
        );
    }
}

/// With one seat while somebody looks, the wish of a person decides whose it is.
#[tokio::test(start_paused = true)]
async fn a_retry_by_hand_tries_that_message_and_no_other() {
    let mut stage = Stage::new().await;
    stage.kept.shut.send_replace(Some(Kind::Unavailable));
    let mut ids = Vec::new();
    for subject in ["one", "two", "three"] {
        ids.push(stage.send(subject).await);
        stage.rests(0).await;
    }
    stage.kept.shut.send_replace(None);
    stage.queue.order(&ids[2], Order::Retry).await.unwrap();
    let wanted = stage.next().await;
    assert_eq!(subject(&wanted), "three");
    wanted.all(delivered());
    stage.rests(2).await;
    let mut others = [stage.next().await, stage.next().await].map(|call| {
        let subject = subject(&call);
        call.all(delivered());
        subject
    });
    others.sort();
    assert_eq!(others, ["one", "two"]);
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_by_hand_that_meets_a_shut_door_again_puts_its_message_back_in_its_place() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.kept.shut.send_replace(Some(Kind::Unavailable));
    stage.send("one").await;
    let two = stage.send("two").await;
    stage.rests(0).await;
    let asked = stage.kept.asked();
    stage.queue.order(&two, Order::Retry).await.unwrap();
    stage.rests(0).await;
    assert_eq!(stage.kept.asked(), asked + 1);
    stage.kept.shut.send_replace(None);
    stage.pass(Duration::from_secs(90)).await;
    assert_eq!(all_go(&mut stage, 2).await, ["one", "two"]);
}

/// Nor do twenty of them, whoever is impatient.
#[tokio::test(start_paused = true)]
async fn a_retry_by_hand_that_meets_a_shut_door_makes_the_pause_of_the_mailbox_no_longer() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.kept.shut.send_replace(Some(Kind::Unavailable));
    let one = stage.send("one").await;
    stage.rests(0).await;
    for _ in 0..20 {
        stage.queue.order(&one, Order::Retry).await.unwrap();
        stage.rests(0).await;
    }
    stage.kept.shut.send_replace(None);
    // The first of all pauses.
    stage.pass(Duration::from_secs(17)).await;
    stage.settle().await;
    stage.begun().await.expect("the mailbox looks by itself").all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_doubt_is_shown_for_those_alone_whose_answer_never_came() {
    let mut stage = Stage::new().await;
    let ann = stage.kept.accounts[0].clone();
    let to = ["RCPT TO:<a@x.example> NOTIFY=NEVER", "RCPT TO:<b@x.example>", "RCPT TO:<c@x.example>"];
    stage.send_as(&ann, "x", "MAIL FROM:<ann@contoso.example>", &to).await;
    let lost = Verdict { is_doubtful: true, ..deferred("4.4.2 no answer") };
    let verdicts = vec![failed("5.1.1 unknown"), deferred("4.2.0 later"), lost];
    stage.next().await.answer(Ok(Report { verdicts, retry_after: None }));
    stage.rests(0).await;
    let doubts: Vec<_> = stage.list().await[0].recipients.iter().map(|one| one.is_doubtful).collect();
    assert_eq!(doubts, [false, false, true]);
}

/// Behind MAIL, nothing of it handed over: the way is to blame, so far as anybody can tell.
#[tokio::test(start_paused = true)]
async fn a_message_whose_connection_is_lost_keeps_its_place() {
    let mut stage = Kept::one_at_a_time().start().await;
    for subject in ["one", "two", "three"] {
        stage.send(subject).await;
    }
    stage.next().await.answer(Err(UPSTREAM_LOST.fault()));
    stage.rests(0).await;
    assert_untried(&stage).await;
    stage.pass(Duration::from_secs(20)).await;
    assert_eq!(all_go(&mut stage, 3).await, ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_connection_is_lost_each_time_steps_aside() {
    let mut stage = Kept::one_at_a_time().start().await;
    for subject in ["poison", "two", "three"] {
        stage.send(subject).await;
    }
    for rest in [20, 40] {
        let poison = stage.next().await;
        assert_eq!(subject(&poison), "poison");
        poison.answer(Err(UPSTREAM_LOST.fault()));
        stage.rests(0).await;
        stage.pass(Duration::from_secs(rest)).await;
    }
    let two = stage.next().await;
    assert_eq!(subject(&two), "two");
    two.all(delivered());
    let mut others = all_go(&mut stage, 2).await;
    others.sort();
    assert_eq!(others, ["poison", "three"]);
}

/// Its first failure rests the mailbox alone, as anybody's would.
#[tokio::test(start_paused = true)]
async fn a_message_that_shuts_the_door_again_although_others_got_through_rests_for_its_own_time() {
    let mut stage = Kept::one_at_a_time().start().await;
    for subject in ["poison", "two", "three", "four"] {
        stage.send(subject).await;
    }
    // Every fourth turn is a retry's.
    for expected in ["poison", "two", "three", "poison", "four"] {
        let call = stage.next().await;
        assert_eq!(subject(&call), expected);
        if expected == "poison" {
            call.answer(Err(fault(Kind::Unavailable)));
            stage.rests(0).await;
            stage.pass(Duration::from_secs(20)).await;
        } else {
            call.all(delivered());
        }
    }
    stage.rests(0).await;
    stage.pass(minutes(1)).await;
    stage.settle().await;
    stage.assert_no_delivery();
    stage.pass(minutes(1)).await;
    assert_eq!(all_go(&mut stage, 1).await, ["poison"]);
}
