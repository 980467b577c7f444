use super::*;
use crate::{base::Kind, meter::Who};

async fn fail_all(stage: &mut Stage, text: &str) {
    stage.next().await.all(failed(text));
    stage.rests(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_told_to_the_sender_through_the_same_mailbox_with_the_null_sender() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    stage.next().await.all(failed("5.1.1 User unknown"));
    let notice = stage.next().await;
    assert_eq!((notice.account.as_str(), notice.sender.as_str()), (ANN, ""));
    assert_eq!(notice.recipients, [ANN]);
    assert!(notice.body.contains("Final-Recipient: rfc822; bob@fabrikam.example\r\n"));
    notice.all(delivered());
    stage.is_empty().await;
    assert!(stage.queue.failures()[0].is_told);
}

/// "Its sender was told" was said of a notice that stood still, and stayed when somebody had dropped that.
#[tokio::test(start_paused = true)]
async fn a_message_went_back_once_its_notice_was_taken_and_is_lost_where_somebody_drops_that() {
    let mut stage = Stage::new().await;
    for is_dropped in [false, true] {
        stage.send("x").await;
        stage.next().await.all(failed("5.1.1 User unknown"));
        let notice = stage.next().await;
        assert_eq!(stage.queue.returned(9).0, usize::from(is_dropped), "the notice is under way");
        match is_dropped {
            false => notice.all(delivered()),
            true => {
                notice.all(deferred("4.3.2 busy"));
                stage.rests(1).await;
                let id = stage.ids().await.into_iter().next().unwrap();
                assert_eq!(order(&stage, &id, Order::Drop).await, Done::Done);
            }
        }
        stage.is_empty().await;
        assert_eq!((stage.queue.returned(9).0, stage.queue.lost().len()), (1, usize::from(is_dropped)));
    }
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_the_replies_apart_by_what_is_known_of_them_and_else_by_the_class_of_their_code() {
    let mut stage = Stage::new().await;
    for (verdict, counted) in [
        (deferred("4.2.1 mailbox busy"), r#"outcome="deferred",reason="4.2.x"} 1"#),
        (deferred("greylisted, come again"), r#"outcome="deferred",reason="4xx"} 1"#),
        (deferred("4.99.1 nobody's class"), r#"outcome="deferred",reason="4xx"} 2"#),
        (failed("5.1.1 User unknown"), r#"outcome="failed",reason="recipient-unknown"} 1"#),
        (failed("5.2.2 no room"), r#"outcome="failed",reason="mailbox-full"} 1"#),
        (failed("5.1.3 Bad address"), r#"outcome="failed",reason="5.1.x"} 1"#),
        (failed("no thanks"), r#"outcome="failed",reason="5xx"} 1"#),
    ] {
        // Nobody is told of it.
        stage.send_as(&account(ANN), "x", "MAIL FROM:<>", &["RCPT TO:<bob@fabrikam.example>"]).await;
        stage.next().await.all(verdict);
        stage.rests(0).await;
        let text = stage.queue.meter.text();
        assert!(text.contains(&format!("gatepost_queue_deliveries_total{{{counted}\n")), "{counted}: {text}");
        for id in stage.ids().await {
            assert_eq!(order(&stage, &id, Order::Drop).await, Done::Done);
        }
        stage.is_empty().await;
    }
}

/// A message failed, and the null sender of its notice was refused; the notice comes as the mailbox's own.
async fn notice_refused() -> (Stage, stage::Call) {
    let kept = Kept { postmaster: Some("admin@contoso.example".into()), ..Kept::default() };
    let mut stage = kept.start().await;
    stage.send("x").await;
    stage.next().await.all(failed("5.1.1 User unknown"));
    stage.next().await.all(failed("5.7.60 not allowed to send as this sender"));
    let second = stage.next().await;
    (stage, second)
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_is_refused_goes_as_the_mailbox_then_to_the_postmaster_and_is_never_told_of_itself() {
    let (mut stage, second) = notice_refused().await;
    assert_eq!((second.sender.as_str(), &second.recipients[..]), (ANN, &[ANN.to_owned()][..]));
    second.all(failed("5.2.1 mailbox disabled"));
    let third = stage.next().await;
    assert_eq!((third.sender.as_str(), &third.recipients[..]), (ANN, &["admin@contoso.example".to_owned()][..]));
    let (head, _) = third.body.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("To: <admin@contoso.example>\r\n") && !head.contains(&format!("To: <{ANN}>")), "{head}");
    assert!(third.body.contains("Final-Recipient: rfc822; bob@fabrikam.example\r\n"), "{}", third.body);
    third.all(failed("5.2.1 mailbox disabled"));
    stage.is_empty().await;
    stage.assert_no_delivery();
    assert!(!stage.queue.failures().last().unwrap().is_told);
}

/// The message had "notice to the sender: yes", and the notices were two more failures.
#[tokio::test(start_paused = true)]
async fn a_message_whose_notices_fail_too_is_one_failure_that_says_so_until_a_person_takes_it_off_the_list() {
    for postmaster in [None, Some("admin@contoso.example".to_owned())] {
        let ways = if postmaster.is_some() { 3 } else { 2 };
        let mut stage = Kept { postmaster, ..Kept::default() }.start().await;
        stage.send("x").await;
        let id = stage.ids().await.into_iter().next().unwrap();
        stage.next().await.all(failed("5.7.60 not allowed to send as this sender"));
        for _ in 0..ways {
            stage.next().await.all(failed("5.7.60 not allowed to send as this sender"));
        }
        stage.is_empty().await;
        let [note] = &stage.queue.failures()[..] else { panic!("{:?}", stage.queue.failures()) };
        assert!(!note.is_told && note.is_lost() && note.queue_id == id && note.sender == ANN, "{note:?}");
        // Its own address: no right is missing, and none that somebody gives would help.
        assert_eq!(note.fault, Some("own-address-denied"), "{note:?}");
        assert_eq!(stage.queue.lost(), std::slice::from_ref(note));
        assert_eq!(stage.queue.failure(&id).as_ref(), Some(note));
        let failed: u64 = stage.queue.meter.delivered_by_hour.hours().iter().map(|hour| hour.failed).sum();
        assert_eq!(failed, 1, "of one message");
        stage.send("again").await;
        stage.next().await.all(delivered());
        stage.is_empty().await;
        assert_eq!(stage.queue.lost().len(), 1, "another message is not that one");
        assert_eq!(order(&stage, &id, Order::Retry).await, Done::NotThere);
        assert_eq!(order(&stage, &id, Order::Drop).await, Done::OffTheList);
        assert!(stage.queue.failures().is_empty() && stage.queue.failure(&id).is_none());
        assert_eq!(order(&stage, &id, Order::Drop).await, Done::NotThere);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_which_nobody_wants_to_hear_is_no_message_whose_sender_was_not_told() {
    let mut stage = Stage::new().await;
    for (mail, rcpt) in [
        ("MAIL FROM:<>", "RCPT TO:<bob@fabrikam.example>"),
        ("MAIL FROM:<ann@contoso.example>", "RCPT TO:<bob@fabrikam.example> NOTIFY=NEVER"),
    ] {
        stage.send_as(&account(ANN), "x", mail, &[rcpt]).await;
        fail_all(&mut stage, "5.1.1 User unknown").await;
        stage.is_empty().await;
    }
    assert_eq!(stage.queue.failures().len(), 2);
    assert!(stage.queue.lost().is_empty());
}

/// A burst of failures put those out of which nobody knew, and the notice that failed later was a message without a sender.
#[tokio::test(start_paused = true)]
async fn failures_whose_senders_know_put_none_out_whose_senders_do_not() {
    let (mut stage, second) = notice_refused().await;
    let shape = stage.queue.failures().pop().unwrap();
    for n in 0..200 {
        let id = format!("{n}");
        stage.queue.failures.push(FailureNote { queue_id: id, notice: None, ..shape.clone() });
    }
    assert_eq!(stage.queue.failures().len(), 101, "it waits for its notice, beside the last hundred");
    second.all(failed("5.2.1 mailbox disabled"));
    stage.next().await.all(failed("5.2.1 mailbox disabled"));
    stage.is_empty().await;
    assert_eq!(stage.queue.lost().pop().unwrap().queue_id, shape.queue_id);
}

/// As behind a restart.
#[tokio::test(start_paused = true)]
async fn a_notice_of_a_message_that_is_not_known_any_more_is_told_with_who_was_to_get_it() {
    let (stage, second) = notice_refused().await;
    let kept = stage.kill().await;
    drop(second);
    let mut stage = Kept { postmaster: None, ..kept }.start().await;
    stage.next().await.all(failed("5.2.1 mailbox disabled"));
    stage.is_empty().await;
    let [note] = &stage.queue.lost()[..] else { panic!("{:?}", stage.queue.lost()) };
    assert!(note.sender == ANN && note.recipients.is_empty(), "{note:?}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_lost_messages_with_many_recipients_fit_an_answer_of_the_console() {
    let (stage, _second) = notice_refused().await;
    let lost = FailureNote { is_told: false, notice: None, ..stage.queue.failures().pop().unwrap() };
    let address = |n: usize| format!("{n:03}{}@{}", "ü".repeat(30), "x".repeat(250));
    for n in 0..1200 {
        let (queue_id, recipients) = (n.to_string(), (0..500).map(address).collect());
        let reply = "界".repeat(5000);
        stage.queue.failures.push(FailureNote { queue_id, recipients, reply, ..lost.clone() });
    }
    let kept = stage.queue.lost();
    assert_eq!((kept.len(), kept[0].queue_id.as_str(), kept[999].queue_id.as_str()), (1000, "200", "1199"));
    assert_eq!(kept[0].recipients.len() + kept[0].more_recipients, 500);
    let octets: usize = kept.iter().map(|one| serde_json::to_vec(&FailureView::new(one)).unwrap().len()).sum();
    assert!(octets < 3 * 1024 * 1024, "{octets}");
}

#[tokio::test(start_paused = true)]
async fn a_notice_that_goes_another_way_has_all_its_time_again() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    stage.next().await.all(failed("5.1.1 User unknown"));
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    stage.pass(minutes(119 * 60)).await;
    stage.next().await.all(failed("5.7.60 not allowed to send as this sender"));
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    for _ in 0..3 {
        stage.pass(minutes(60)).await;
        let again = stage.next().await;
        assert_eq!(again.sender, ANN, "two hours later it is not given up");
        again.all(deferred("4.2.0 later"));
        stage.rests(0).await;
    }
    stage.pass(minutes(60)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_without_a_sender_is_never_bounced() {
    let mut stage = Stage::new().await;
    let ann = stage.kept.accounts[0].clone();
    stage.send_as(&ann, "x", "MAIL FROM:<>", &["RCPT TO:<bob@fabrikam.example>"]).await;
    fail_all(&mut stage, "5.1.1 User unknown").await;
    stage.is_empty().await;
    stage.assert_no_delivery();
}

#[tokio::test(start_paused = true)]
async fn a_notice_is_sent_for_those_recipients_alone_that_want_one() {
    let mut stage = Stage::new().await;
    let ann = stage.kept.accounts[0].clone();
    let to = [
        "RCPT TO:<never@x.example> NOTIFY=NEVER",
        "RCPT TO:<success@x.example> NOTIFY=SUCCESS",
        "RCPT TO:<failure@x.example> NOTIFY=SUCCESS,FAILURE",
        "RCPT TO:<nothing@x.example>",
    ];
    stage.send_as(&ann, "x", "MAIL FROM:<ann@contoso.example>", &to).await;
    stage.next().await.all(failed("5.1.1 User unknown"));
    let notice = stage.next().await;
    for (address, wanted) in [("never", false), ("success", false), ("failure", true), ("nothing", true)] {
        assert_eq!(notice.body.contains(&format!("{address}@x.example")), wanted, "{address}");
    }
    notice.all(delivered());
    stage.is_empty().await;

    stage.send_as(&ann, "x", "MAIL FROM:<ann@contoso.example>", &to[..1]).await;
    fail_all(&mut stage, "5.1.1 User unknown").await;
    stage.is_empty().await;
    stage.assert_no_delivery();
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_for_five_days_fails_behind_a_last_attempt_and_the_sender_hears_what_was_in_the_way() {
    let mut stage = Stage::new().await;
    let begun = tokio::time::Instant::now();
    stage.send("x").await;
    stage.next().await.all(deferred("4.7.500 server busy"));
    while begun.elapsed() < minutes(120 * 60) {
        stage.rests(0).await;
        stage.pass(minutes(66)).await;
        let call = stage.next().await;
        assert_eq!(call.sender, ANN, "tried once more, at the end too");
        call.all(deferred("4.7.500 server busy"));
    }
    let notice = stage.next().await;
    assert_eq!(notice.sender, "", "and no longer");
    assert!(notice.body.contains("554 5.4.7 The message could not be delivered in time: after 120 hours [gatepost message-expired]; last: 451 4.7.500 server busy"));
    assert!(notice.body.contains("Status: 5.4.7\r\n"));
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_nobody_signs_in_fails_its_messages_too_and_none_before_its_time() {
    let mut stage = Stage::new().await;
    stage.send("one").await;
    stage.next().await.answer(Err(fault(Kind::SignInNeeded)));
    stage.rests(0).await;
    stage.send("two").await;
    for _ in 0..119 {
        stage.pass(minutes(60)).await;
        stage.next().await.answer(Err(fault(Kind::SignInNeeded)));
        stage.rests(0).await;
    }
    assert_eq!(stage.queue.failures().len(), 0);
    stage.pass(minutes(70)).await;
    stage.next().await.answer(Err(fault(Kind::SignInNeeded)));
    while stage.queue.failures().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(stage.queue.failures().iter().all(|note| note.reply.contains("5.4.7")));
}

/// Its own 250 it always gets: what its page says is what became of the mail.
#[tokio::test(start_paused = true)]
async fn a_client_is_told_by_what_became_of_its_mail_and_notices_are_nobodys() {
    let mut stage = Stage::new().await;
    let copier = Who::Rule("3F copier".into());
    let undelivered =
        |stage: &Stage| stage.queue.meter.clients.list().remove(&copier).and_then(|view| view.undelivered);
    let id = stage.send("x").await;
    stage.next().await.all(failed("5.1.1 User unknown"));
    stage.next().await.all(delivered());
    stage.is_empty().await;
    let incident = undelivered(&stage).expect("the notice that arrived is no mail of the copier");
    assert_eq!(incident.reply, "550 5.1.1 User unknown");
    assert_eq!(incident.message.unwrap().queue_id, Some(id));
    stage.send("y").await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
    assert!(undelivered(&stage).is_none(), "something arrived again");
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_whose_way_out_is_shut_is_named_until_it_is_open() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    stage.next().await.answer(Err(fault(Kind::SignInNeeded)));
    stage.rests(0).await;
    let shut = stage.queue.shut_ways();
    assert_eq!(shut.get(ANN).unwrap().reply, "the way out is shut [gatepost scripted]");
    stage.pass(minutes(16)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
    assert!(stage.queue.shut_ways().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_notice_whose_text_is_gone_is_given_up_and_not_tried_for_ever() {
    let (mut stage, second) = notice_refused().await;
    for file in std::fs::read_dir(stage.kept.dir.path().join("queue")).unwrap() {
        std::fs::remove_file(file.unwrap().path()).unwrap();
    }
    second.all(failed("5.2.1 mailbox disabled"));
    stage.is_empty().await;
    stage.assert_no_delivery();
    assert!(!stage.queue.failures().last().unwrap().is_told);
}
