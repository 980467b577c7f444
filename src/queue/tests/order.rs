use std::time::Duration;

use super::*;
use crate::{
    base::Kind,
    queue::{Standing, courier::Courier},
};

#[tokio::test(start_paused = true)]
async fn first_attempts_go_in_the_order_of_acceptance_and_a_deferred_message_holds_back_none() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.send("one").await;
    let first = stage.next().await;
    for subject in ["two", "three", "four"] {
        stage.send(subject).await;
    }
    first.all(deferred("4.2.0 later"));
    let mut went = Vec::new();
    for _ in 0..3 {
        let call = stage.next().await;
        went.push(call.body.lines().nth(1).unwrap().to_owned());
        call.all(delivered());
    }
    assert_eq!(went, ["Subject: two", "Subject: three", "Subject: four"]);
    stage.rests(0).await;
    stage.assert_no_delivery();
    stage.pass(minutes(2)).await;
    let again = stage.next().await;
    assert!(again.body.contains("Subject: one"));
    again.all(delivered());
    stage.is_empty().await;
}

/// The second account has a way of its own.
async fn carols_goes_meanwhile(stage: &mut Stage) {
    let carol = stage.kept.accounts[1].clone();
    stage.send_as(&carol, "c", "MAIL FROM:<carol@contoso.example>", &["RCPT TO:<bob@fabrikam.example>"]).await;
    let other = stage.next().await;
    assert_eq!(other.account, "carol@contoso.example");
    other.all(delivered());
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_has_no_more_deliveries_at_once_than_its_connections_and_holds_back_no_other() {
    let mut kept = Kept::default();
    kept.accounts.push(account("carol@contoso.example"));
    let mut stage = kept.start().await;
    for n in 0..5 {
        stage.send(&n.to_string()).await;
    }
    let mut out = vec![stage.next().await, stage.next().await, stage.next().await];
    stage.rests(3).await;
    stage.assert_no_delivery();
    carols_goes_meanwhile(&mut stage).await;
    stage.rests(3).await;
    stage.assert_no_delivery();
    for _ in 0..2 {
        out.pop().unwrap().all(delivered());
        out.push(stage.next().await);
    }
    out.into_iter().for_each(|call| call.all(delivered()));
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_with_many_connections_whose_upstream_is_silent_leaves_couriers_for_others() {
    let mut kept = Kept::default();
    Arc::make_mut(&mut kept.accounts[0]).sending.limits.connections = 300;
    kept.accounts.push(account("carol@contoso.example"));
    let mut stage = kept.start().await;
    for n in 0..70 {
        stage.send(&n.to_string()).await;
    }
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(stage.next().await);
    }
    stage.rests(64).await;
    stage.assert_no_delivery();
    carols_goes_meanwhile(&mut stage).await;
    stage.rests(64).await;
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_from_a_minute_to_an_hour_and_a_server_that_asks_for_more_gets_it() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    for at_most in [66, 132, 264, 528, 1056, 2112, 3960, 3960] {
        stage.next().await.all(deferred("4.2.0 later"));
        stage.rests(0).await;
        // Not in half of it; at the latest then.
        stage.pass(Duration::from_secs(at_most / 2)).await;
        stage.rests(0).await;
        stage.assert_no_delivery();
        stage.pass(Duration::from_secs(at_most)).await;
    }
    let call = stage.next().await;
    let asked = Some(Duration::from_secs(3 * 3600));
    call.answer(Ok(Report { verdicts: vec![deferred("4.7.0 slow down")], retry_after: asked }));
    stage.rests(0).await;
    stage.pass(minutes(175)).await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    stage.pass(minutes(6)).await;
    let call = stage.next().await;
    let message = stage.queue.message(&id).await.unwrap().unwrap();
    assert_eq!((message.attempts, message.recipients[0].attempts), (10, 9));
    call.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn each_recipient_has_an_end_of_its_own() {
    let mut stage = Stage::new().await;
    let ann = stage.kept.accounts[0].clone();
    let to = ["RCPT TO:<a@x.example>", "RCPT TO:<b@x.example>", "RCPT TO:<c@x.example> NOTIFY=NEVER"];
    stage.send_as(&ann, "x", "MAIL FROM:<ann@contoso.example>", &to).await;
    let call = stage.next().await;
    let verdicts = vec![delivered(), deferred("4.2.0 later"), failed("5.1.1 unknown")];
    call.answer(Ok(Report { verdicts, retry_after: None }));
    stage.rests(0).await;
    let states: Vec<_> = stage.list().await[0].recipients.iter().map(|one| one.state).collect();
    assert_eq!(states, ["delivered", "waiting", "failed"]);
    stage.pass(minutes(2)).await;
    let again = stage.next().await;
    assert_eq!(again.recipients, ["b@x.example"], "nobody else is tried again");
    again.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn behind_a_way_out_that_is_shut_one_message_looks_and_all_follow_in_order_once_it_is_open() {
    let mut stage = Stage::new().await;
    for subject in ["one", "two", "three"] {
        stage.send(subject).await;
    }
    for _ in 0..3 {
        stage.next().await.answer(Err(fault(Kind::Unavailable)));
    }
    stage.send("four").await;
    stage.send("five").await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    assert!(stage.queue.lanes()[0].trouble.is_some());
    stage.pass(Duration::from_secs(17)).await;
    let probe = stage.next().await;
    stage.rests(1).await;
    stage.assert_no_delivery();
    let mut went = vec![probe.body.lines().nth(1).unwrap().replace("Subject: ", "")];
    probe.all(delivered());
    for _ in 0..4 {
        let call = stage.next().await;
        went.push(call.body.lines().nth(1).unwrap().replace("Subject: ", ""));
        call.all(delivered());
    }
    went.sort();
    assert_eq!(went, ["five", "four", "one", "three", "two"], "as soon as it is open");
    stage.is_empty().await;
    assert!(stage.queue.lanes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_breaks_the_connection_each_time_holds_up_no_other() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.send("poison").await;
    stage.next().await.answer(Err(fault(Kind::Unavailable)));
    stage.rests(0).await;
    stage.send("good").await;
    stage.pass(Duration::from_secs(17)).await;
    let good = stage.next().await;
    assert!(good.body.contains("Subject: good"));
    good.all(delivered());
    // The way is open, and it shuts it again: from now on its own pauses count.
    for pause in [132, 264, 528] {
        let poison = stage.next().await;
        assert!(poison.body.contains("Subject: poison"));
        poison.answer(Err(fault(Kind::Unavailable)));
        stage.rests(0).await;
        stage.send("good").await;
        stage.pass(Duration::from_secs(17)).await;
        for _ in 0..2 {
            let good = stage.next().await;
            assert!(good.body.contains("Subject: good"));
            good.all(delivered());
            stage.rests(0).await;
            stage.send("good").await;
        }
        stage.next().await.all(delivered());
        stage.rests(0).await;
        stage.pass(Duration::from_secs(pause)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_sign_in_goes_at_once_when_somebody_signed_in() {
    let mut stage = Stage::new().await;
    stage.send("one").await;
    stage.next().await.answer(Err(fault(Kind::SignInNeeded)));
    stage.rests(0).await;
    // Five times it looked by itself; the pause is a quarter of an hour now.
    for _ in 0..5 {
        stage.pass(minutes(17)).await;
        stage.next().await.answer(Err(fault(Kind::SignInNeeded)));
        stage.rests(0).await;
    }
    stage.queue.notice_sign_ins(|_, _| Standing::AsBefore);
    stage.rests(0).await;
    stage.assert_no_delivery();
    stage.queue.notice_sign_ins(|account, fault| match account.address == ANN && fault.kind == Kind::SignInNeeded {
        true => Standing::Serves,
        false => Standing::AsBefore,
    });
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

/// It stayed "nobody has signed in", which leads to the login that was refused just now; and a message that was not tried
/// since had no reason at all.
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_sign_in_tells_what_that_was_refused_for_last() {
    let mut stage = Stage::new().await;
    stage.send("one").await;
    stage.next().await.answer(Err(fault(Kind::SignInNeeded)));
    stage.rests(0).await;
    stage.send("two").await;
    stage.rests(0).await;
    let consent = || crate::catalog::token::CONSENT_MISSING.fault();
    stage.queue.notice_sign_ins(|_, _| Standing::RefusedFor(consent()));
    stage.rests(0).await;
    stage.assert_no_delivery();
    assert_eq!(stage.queue.lanes()[0].trouble.as_ref().map(|(fault, _)| fault.id), Some("consent-missing"));
    let ids = stage.ids().await;
    assert_eq!(ids.len(), 2);
    for id in ids {
        let message = stage.queue.message(&id).await.unwrap().unwrap();
        let reply = stage.queue.view(&message).recipients[0].reply.clone().unwrap();
        assert!(reply.ends_with("[consent-missing]"), "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reload_has_one_message_look_whether_a_person_mended_what_was_in_the_way() {
    let mut stage = Stage::new().await;
    let subjects = ["one", "two"];
    for kind in [Kind::IdentityRefused, Kind::Unavailable] {
        stage.kept.shut.send_replace(Some(kind));
        for subject in subjects {
            stage.send(subject).await;
        }
        stage.rests(0).await;
        let asked = stage.kept.asked();
        for _ in 0..3 {
            stage.reload(|_| {});
            stage.rests(0).await;
        }
        assert_eq!(stage.kept.asked() - asked, 0, "it was asked just now");
        stage.pass(Duration::from_secs(6)).await;
        stage.rests(0).await;
        // A proxy that was mended, say: what passes by itself may be over as well.
        assert_eq!(stage.kept.asked() - asked, 1, "{kind:?}");
        stage.kept.shut.send_replace(None);
        // The second pause in a row is two minutes, give or take a tenth.
        stage.pass(minutes(3)).await;
        for subject in subjects {
            let call = stage.next().await;
            assert!(call.body.contains(&format!("Subject: {subject}\r\n")), "{}", call.body);
            call.all(delivered());
        }
        stage.is_empty().await;
    }
}

/// The rest behind a refusal is ours, and no pause of the mail server.
#[tokio::test(start_paused = true)]
async fn a_reload_looks_again_behind_a_refusal_that_somebody_mended_however_long_that_rests() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    stage.next().await.rests_for(minutes(15));
    stage.rests(0).await;
    stage.pass(Duration::from_secs(6)).await;
    stage.reload(|_| {});
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_breaks_no_pause_that_the_mail_server_asked_for() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    stage.next().await.throttled(minutes(30));
    stage.rests(0).await;
    stage.reload(|_| {});
    for _ in 0..4 {
        stage.pass(minutes(7)).await;
        stage.reload(|_| {});
        stage.rests(0).await;
        stage.assert_no_delivery();
    }
    stage.pass(minutes(3)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_reload_breaks_no_pause_that_one_message_has_of_its_own() {
    let mut stage = Stage::new().await;
    stage.send("later").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    stage.send("shut").await;
    stage.next().await.answer(Err(fault(Kind::Unavailable)));
    stage.rests(0).await;
    stage.pass(Duration::from_secs(6)).await;
    stage.reload(|_| {});
    let call = stage.next().await;
    assert!(call.body.contains("Subject: shut\r\n"), "{}", call.body);
    call.all(delivered());
    stage.rests(0).await;
    stage.assert_no_delivery();
}

/// It may be the way that is changed.
#[tokio::test(start_paused = true)]
async fn behind_a_reload_what_waits_in_line_waits_for_the_new_way_out() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.kept.room.send_replace(false);
    for subject in ["one", "two"] {
        stage.send(subject).await;
    }
    stage.rests(1).await;
    let old = std::mem::replace(&mut stage.kept.room, watch::Sender::new(true));
    stage.reload(|_| {});
    for subject in ["one", "two"] {
        let call = stage.next().await;
        assert!(call.body.contains(&format!("Subject: {subject}\r\n")), "{}", call.body);
        call.all(delivered());
    }
    stage.is_empty().await;
    drop(old);
}

#[tokio::test(start_paused = true)]
async fn new_messages_that_never_end_do_not_starve_one_that_is_tried_again() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.send("old").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    for n in 0..8 {
        stage.send(&n.to_string()).await;
    }
    let first = stage.next().await;
    stage.pass(minutes(2)).await;
    first.all(delivered());
    let mut turns = 0;
    loop {
        let call = stage.next().await;
        turns += 1;
        let is_old = call.body.contains("Subject: old");
        call.all(delivered());
        if is_old {
            break;
        }
    }
    assert!(turns <= 4, "{turns}");
}

#[tokio::test(start_paused = true)]
async fn a_courier_that_a_reload_took_the_account_from_looks_again_later_and_not_at_once() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    let sequence = stage.sequence(&id).await;
    // The account goes behind the schedule's back: a courier is sent out that finds it no more.
    let without = Orders { accounts: Vec::new(), ..Orders::clone(&stage.queue.orders()) };
    *stage.queue.orders.write().unwrap() = Arc::new(without);
    stage.pass(minutes(2)).await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    let now = stage.queue.clock.tick();
    let place = stage.queue.schedule().entry(sequence).unwrap().place;
    assert!(matches!(place, Place::Later(due) if due > now), "{place:?}");
    stage.reload(|_| ());
    stage.pass(minutes(1)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn no_jump_of_the_wall_clock_fails_a_message_or_makes_it_stick() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    stage.pass(minutes(2)).await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    // Ten days forward: it is tried before its pause of two minutes is over, and is not too old.
    stage.jump(10 * 24 * 3600);
    stage.pass(Duration::from_secs(61)).await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    assert_eq!(stage.list().await[0].recipients[0].state, "waiting");
    // Eleven days back: it is tried when its pause is over.
    stage.jump(-11 * 24 * 3600);
    stage.pass(minutes(5)).await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    assert_eq!(stage.ids().await.len(), 1);
    // And back before a restart: the pause that was meant counts, not the date.
    stage.jump(-20_000);
    let mut stage = stage.kill().await.start().await;
    stage.pass(minutes(9)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
    assert!(stage.queue.message(&id).await.unwrap().is_none());
}

/// Whoever is sent out first may be the last to have read its row and its body.
#[tokio::test(start_paused = true)]
async fn a_message_whose_row_takes_longer_to_read_is_not_overtaken_where_it_stands_in_line() {
    let mut stage = Kept::default().open().await;
    let (queue, cut_off) = (stage.queue.clone(), stage.cut_off.clone());
    let mut out = Vec::new();
    for subject in ["one", "two", "three"] {
        stage.send(subject).await;
        let (sequence, recall, errand) = queue.hand_out().unwrap();
        out.push((Courier { queue: queue.clone(), sequence, recall, cut_off: cut_off.clone() }, errand));
    }
    while let Some((courier, errand)) = out.pop() {
        stage.assert_no_delivery();
        tokio::spawn(courier.run(errand));
        for _ in 0..20 {
            // Each a look at the disk.
            stage.list().await;
        }
    }
    for subject in ["one", "two", "three"] {
        let call = stage.next().await;
        assert!(call.body.contains(&format!("Subject: {subject}\r\n")), "{}", call.body);
        call.all(delivered());
    }
}
