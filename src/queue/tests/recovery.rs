use super::*;
use crate::{base::Kind, queue::hold};

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_delivered_by_the_next_process_whole_and_in_order() {
    let stage = Kept::one_at_a_time().start().await;
    let ann = stage.kept.accounts[0].clone();
    let mail = "MAIL FROM:<ann@contoso.example> BODY=8BITMIME RET=HDRS ENVID=x+2By";
    let rcpt = "RCPT TO:<bob@fabrikam.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@fabrikam.example";
    stage.send_as(&ann, "one", mail, &[rcpt]).await;
    stage.send("two").await;
    let mut stage = stage.kill().await.start().await;
    let one = stage.next().await;
    assert_eq!(super::super::envelope::mail_line(&one.envelope.mail), mail);
    assert_eq!(super::super::envelope::recipient_line(&one.envelope.recipients[0]), rcpt);
    assert!(one.body.ends_with("\r\n\r\nhello\r\n"));
    one.all(delivered());
    let two = stage.next().await;
    assert!(two.body.contains("Subject: two"));
    two.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_before_the_old_mail_has_its_place_comes_behind_it_once() {
    let stage = Kept::one_at_a_time().start().await;
    stage.send("old").await;
    let mut stage = stage.kill().await.open().await;
    stage.send("new").await;
    let mut body = stage.queue.spool().draft().await.unwrap();
    body.write(b"in the middle").await.unwrap();
    stage.run();
    stage.queue.taken_up().await;
    assert_eq!(stage.kept.files(), 3, "what is begun is no orphan");
    let mut went = Vec::new();
    for _ in 0..2 {
        let call = stage.next().await;
        went.push(call.body.lines().nth(1).unwrap().to_owned());
        call.all(delivered());
    }
    assert_eq!(went, ["Subject: old", "Subject: new"]);
    drop(body);
    stage.is_empty().await;
    stage.assert_no_delivery();
}

#[tokio::test(start_paused = true)]
async fn an_order_before_the_old_mail_has_its_place_is_refused_and_never_carried_out() {
    let stage = Kept::one_at_a_time().start().await;
    let old = stage.send("old").await;
    let mut stage = stage.kill().await.open().await;
    let refused = stage.queue.order(&old, Order::Drop).await.unwrap_err();
    assert!(refused.to_string().contains("not read yet"), "{refused}");
    stage.run();
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn an_old_queue_that_cannot_be_read_is_said_until_it_can() {
    let stage = Kept::one_at_a_time().start().await;
    stage.send("old").await;
    let mut stage = stage.kill().await.open().await;
    let (there, away) = (stage.kept.dir.path().join("queue"), stage.kept.dir.path().join("away"));
    std::fs::rename(&there, &away).unwrap();
    stage.run();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while stage.queue.standstill().is_none() {
        assert!(std::time::Instant::now() < deadline, "it is never said");
        tokio::task::yield_now().await;
    }
    let said = stage.queue.standstill().unwrap().to_string();
    let head = "Gatepost cannot read or write its state; ask its administrator [store-failing]: ";
    let particular = said.strip_prefix(head).unwrap_or_else(|| panic!("{said}"));
    assert!(particular.starts_with("nothing is sent from the queue: "), "{said}");
    std::fs::rename(&away, &there).unwrap();
    stage.pass(minutes(2)).await;
    stage.queue.taken_up().await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
    assert!(stage.queue.standstill().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_upstream_has_taken_is_never_sent_again_after_a_restart() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
    let mut stage = stage.kill().await.start().await;
    stage.rests(0).await;
    stage.assert_no_delivery();

    // One of two was taken: the other one alone is tried.
    let ann = stage.kept.accounts[0].clone();
    let to = ["RCPT TO:<a@x.example>", "RCPT TO:<b@x.example>"];
    stage.send_as(&ann, "y", "MAIL FROM:<ann@contoso.example>", &to).await;
    let verdicts = vec![delivered(), deferred("4.2.0 later")];
    stage.next().await.answer(Ok(Report { verdicts, retry_after: None }));
    stage.rests(0).await;
    let mut stage = stage.kill().await.start().await;
    stage.pass(minutes(2)).await;
    let rest = stage.next().await;
    assert_eq!(
        (&rest.recipients[..], &rest.done[..]),
        (&["b@x.example".to_owned()][..], &["a@x.example".to_owned()][..])
    );
}

#[tokio::test(start_paused = true)]
async fn a_kill_while_a_delivery_waits_for_room_is_no_doubt_and_no_attempt() {
    let stage = Stage::new().await;
    stage.kept.room.send_replace(false);
    stage.send("x").await;
    stage.rests(1).await;
    let kept = stage.kill().await;
    kept.room.send_replace(true);
    let mut stage = kept.start().await;
    let again = stage.next().await;
    let shown = &stage.list().await[0];
    assert!(!shown.recipients[0].is_doubtful && shown.attempts == 1, "{shown:?}");
    again.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_does_not_wait_for_deliveries_that_wait_themselves() {
    let mut stage = Stage::new().await;
    let under_way = {
        stage.send("under way").await;
        stage.next().await
    };
    stage.kept.room.send_replace(false);
    stage.send("waits").await;
    stage.rests(2).await;
    stage.closing.cancel();
    under_way.all(delivered());
    // Nobody cuts anything off.
    (&mut stage.running).await.unwrap();
    stage.assert_no_delivery();
    let shown = stage.list().await;
    assert!(shown.len() == 1 && !shown[0].recipients[0].is_doubtful, "{shown:?}");
}

#[tokio::test(start_paused = true)]
async fn files_without_a_row_go_and_a_row_without_a_file_is_held_until_the_file_is_back() {
    let kept = Kept::default().start().await.kill().await;
    // Ended between the body and its row.
    let spool = kept.spool();
    let mut draft = spool.draft().await.unwrap();
    draft.write(b"x\r\n").await.unwrap();
    let mut orphan = draft.finish().await.unwrap();
    orphan.keep();
    drop(orphan);
    assert_eq!(kept.files(), 1);
    let stage = kept.start().await;
    stage.rests(0).await;
    assert_eq!(stage.kept.files(), 0);

    stage.send("x").await;
    let id = stage.ids().await.into_iter().next().unwrap();
    let kept = stage.kill().await;
    let file = kept.dir.path().join("queue").join(format!("{id}.msg"));
    let aside = kept.dir.path().join("aside");
    std::fs::rename(&file, &aside).unwrap();
    let mut stage = kept.start().await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    let shown = stage.list().await.remove(0);
    assert_eq!((shown.hold.as_deref(), shown.fault), (Some(hold::BODY_MISSING), Some("message-body-unreadable")));
    assert!(shown.recipients[0].reply.as_ref().unwrap().contains("[message-body-unreadable]"), "{shown:?}");
    assert!(stage.queue.meter.recent.list().iter().any(|one| one.id == "message-body-unreadable"));
    assert_eq!(stage.queue.order(&id, Order::Retry).await.unwrap(), Done::BodyMissing);

    let kept = stage.kill().await;
    std::fs::rename(&aside, &file).unwrap();
    let mut stage = kept.start().await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_kill_between_a_failure_and_its_notice_costs_neither_notice_nor_a_second_one() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    let message = stage.next().await;
    // As if it ended behind the outcome: the row says that it failed, and nobody was told.
    let row = stage.list().await.remove(0);
    let kept = stage.kill().await;
    drop(message);
    let store = kept.store().await;
    let sequence = store.queued_by_id(&row.id).await.unwrap().unwrap().sequence;
    let outcome = crate::store::EndedRecipient {
        position: 0,
        state: crate::store::RecipientState::Failed,
        reply: "550 5.1.1 unknown".into(),
        fault: None,
        is_doubtful: false,
    };
    let ended = crate::store::Ended { recipients: vec![outcome], ..Default::default() };
    store.end_attempt(sequence, &ended).await.unwrap();
    drop(store);
    let mut stage = kept.start().await;
    let notice = stage.next().await;
    assert_eq!((notice.sender.as_str(), &notice.recipients[..]), ("", &[ANN.to_owned()][..]));
    let mut stage = stage.kill().await.start().await;
    let again = stage.next().await;
    assert_eq!(again.body, notice.body, "the same one");
    again.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_max_bytes_the_client_is_told_452_and_nothing_stays() {
    let kept = Kept { max_bytes: 200, ..Kept::default() };
    let mut stage = kept.start().await;
    stage.send("x").await;
    let mut draft = stage.queue.spool().draft().await.unwrap();
    let full = draft.write(&[b'x'; 200]).await.unwrap_err();
    assert!(NotQueued::from(full).reply().text().starts_with("452 4.3.1 "));
    drop(draft);
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn beyond_so_many_messages_the_client_is_told_452_and_nothing_stays() {
    let kept = Kept { max_messages: 1, ..Kept::default() };
    let mut stage = kept.start().await;
    stage.send("x").await;
    let (envelope, body) = (Envelope { mail: Default::default(), recipients: vec![] }, stage.body("y").await);
    let ann = stage.kept.accounts[0].clone();
    let refused = stage.queue.accept(&ann, "c", 1, &envelope, body, None).await.unwrap_err();
    assert!(refused.reply().text().starts_with("452 4.3.1 "), "{refused}");
    stage.next().await.all(failed("5.1.1 User unknown"));
    let notice = stage.next().await;
    assert!(notice.sender.is_empty(), "a notice of ours is never refused");
    notice.all(delivered());
    stage.is_empty().await;
    stage.send("z").await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_leaves_a_queue_that_is_full() {
    let kept = Kept { max_bytes: 200, ..Kept::default() };
    let mut stage = kept.start().await;
    stage.send("x").await;
    let mut rest = stage.queue.spool().draft().await.unwrap();
    while rest.write(b"x").await.is_ok() {}
    stage.next().await.all(failed("5.1.1 User unknown"));
    let notice = stage.next().await;
    assert!(notice.sender.is_empty() && notice.body.len() > 200, "{}", notice.body);
    rest.write(b"x").await.unwrap_err();
    notice.all(delivered());
    drop(rest);
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn where_the_row_cannot_be_written_nothing_is_queued_and_nothing_is_sent() {
    let mut stage = Stage::new().await;
    let other = stage.database().await;
    for (name, event) in [("a", "INSERT ON queued"), ("b", "UPDATE ON queued")] {
        let trigger = format!("CREATE TRIGGER full_{name} BEFORE {event} BEGIN SELECT RAISE(ABORT, 'disk full'); END");
        sqlx::query(sqlx::AssertSqlSafe(trigger)).execute(&other).await.unwrap();
    }
    let envelope = Envelope { mail: Default::default(), recipients: vec![] };
    let body = stage.body("x").await;
    let ann = stage.kept.accounts[0].clone();
    let refused = stage.queue.accept(&ann, "c", 1, &envelope, body, None).await.unwrap_err();
    assert!(refused.reply().text().starts_with("451 4.3.0 "), "{refused}");
    stage.is_empty().await;

    sqlx::query("DROP TRIGGER full_a").execute(&other).await.unwrap();
    stage.send("y").await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    sqlx::query("DROP TRIGGER full_b").execute(&other).await.unwrap();
    stage.pass(minutes(2)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn an_outcome_that_cannot_be_written_is_written_later_and_the_message_is_not_sent_again() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    let call = stage.next().await;
    let other = stage.database().await;
    let trigger = "CREATE TRIGGER full BEFORE DELETE ON queued BEGIN SELECT RAISE(ABORT, 'disk full'); END";
    sqlx::query(trigger).execute(&other).await.unwrap();
    call.all(delivered());
    for _ in 0..5 {
        stage.rests(1).await;
        stage.pass(minutes(1)).await;
    }
    stage.assert_no_delivery();
    sqlx::query("DROP TRIGGER full").execute(&other).await.unwrap();
    // It may have been at the disk as time passed, and wait from then on.
    while !stage.list().await.is_empty() {
        stage.pass(minutes(1)).await;
    }
    stage.is_empty().await;
    stage.assert_no_delivery();
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_a_delivery_end_and_begins_none() {
    let mut stage = Stage::new().await;
    stage.send("one").await;
    let under_way = stage.next().await;
    stage.closing.cancel();
    stage.send("two").await;
    under_way.all(delivered());
    (&mut stage.running).await.unwrap();
    stage.assert_no_delivery();
    assert_eq!(stage.list().await.len(), 1);
    let mut stage = stage.kept.start().await;
    let two = stage.next().await;
    assert!(two.body.contains("Subject: two"));
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_is_cut_off_at_the_end_of_a_drain_goes_on_after_the_next_start() {
    let mut stage = Stage::new().await;
    stage.send("one").await;
    let under_way = stage.next().await;
    stage.closing.cancel();
    stage.cut_off.cancel();
    (&mut stage.running).await.unwrap();
    drop(under_way);
    let mut stage = stage.kept.start().await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_whose_account_is_gone_waits_until_it_is_there_again() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    stage.next().await.answer(Err(fault(Kind::Unavailable)));
    stage.rests(0).await;
    stage.reload(|kept| kept.accounts.clear());
    stage.pass(minutes(200 * 60)).await;
    stage.rests(0).await;
    stage.assert_no_delivery();
    let (trouble, _) = stage.queue.lanes()[0].trouble.clone().unwrap();
    assert_eq!(trouble.id, "account-gone", "whatever was in the way before");
    let shown = stage.list().await.remove(0);
    assert_eq!((shown.state, shown.hold, shown.fault), ("waiting", None, Some("account-gone")), "nor is it given up");
    assert_eq!(shown.next_attempt, None, "it is no matter of time");
    for is_held in [true, false] {
        let filter = crate::store::QueueFilter { is_held: Some(is_held), most: 10, ..Default::default() };
        assert_eq!(stage.queue.search(&filter).await.unwrap().messages.len(), usize::from(!is_held), "held: {is_held}");
    }
    stage.reload(|kept| kept.accounts.push(account(ANN)));
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn mail_of_an_account_that_was_gone_is_no_older_after_a_restart() {
    let mut stage = Stage::new().await;
    let id = stage.send("x").await;
    stage.next().await.all(deferred("4.2.0 later"));
    stage.rests(0).await;
    stage.reload(|kept| kept.accounts.clear());
    for _ in 0..130 {
        stage.pass(minutes(61)).await;
        stage.rests(0).await;
    }
    let waited = stage.queue.store.queued_by_id(&id).await.unwrap().unwrap().waited;
    assert!(waited < minutes(1), "{waited:?}");
    let mut kept = stage.kill().await;
    kept.accounts.push(account(ANN));
    let mut stage = kept.start().await;
    stage.pass(minutes(2)).await;
    let tried = stage.next().await;
    assert_eq!(tried.sender, ANN, "the message, and no notice that it is given up");
    tried.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_message_is_as_old_after_a_restart_as_it_was_tried_before() {
    let mut stage = Stage::new().await;
    let old = stage.send("old").await;
    let _old = stage.next().await;
    stage.pass(minutes(59)).await;
    let young = stage.send("young").await;
    let _young = stage.next().await;
    stage.pass(minutes(2)).await;
    stage.rests(2).await;
    for (id, tried) in [(old, 61), (young, 2)] {
        let waited = stage.queue.store.queued_by_id(&id).await.unwrap().unwrap().waited;
        assert_eq!(waited.as_secs() / 60, tried, "minutes");
    }
}
