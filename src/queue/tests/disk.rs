//! A disk that takes no writes, and one that lost a part of what was written.

use super::*;
use crate::{
    base::Kind,
    catalog::own::MESSAGE_BODY_UNREADABLE,
    queue::{courier::Courier, hold},
};

async fn execute(stage: &Stage, statement: &str) {
    let other = stage.database().await;
    sqlx::query(sqlx::AssertSqlSafe(statement.to_owned())).execute(&other).await.unwrap();
}

const FULL: &str = "CREATE TRIGGER full BEFORE UPDATE ON queued BEGIN SELECT RAISE(ABORT, 'disk full'); END";

fn subjects(calls: &[String]) -> Vec<&str> {
    calls.iter().map(|body| body.lines().nth(1).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn while_the_disk_takes_no_writes_no_mail_server_is_bothered_and_all_goes_in_order_behind_it() {
    let mut stage = Kept::one_at_a_time().open().await;
    let names: Vec<String> = (10..30).map(|n| n.to_string()).collect();
    for name in &names {
        stage.send(name).await;
    }
    execute(&stage, FULL).await;
    stage.run();
    while stage.queue.standstill().is_none() {
        tokio::task::yield_now().await;
    }
    for _ in 0..30 {
        stage.pass(minutes(1)).await;
        stage.rests(0).await;
    }
    assert_eq!(stage.kept.asked(), 1, "one found out, and no other has tried since");
    let halt = stage.queue.standstill().unwrap();
    assert_eq!(halt.fault.id, "store-failing");
    assert!(halt.to_string().contains("disk full"), "{halt}");
    assert!(stage.queue.lanes().iter().all(|lane| lane.trouble.is_none()), "no mailbox is to blame");
    stage.queue.measure();
    assert!(stage.queue.meter.text().contains("gatepost_queue_standstill 1\n"));

    execute(&stage, "DROP TRIGGER full").await;
    stage.pass(minutes(2)).await;
    let mut went = Vec::new();
    for _ in &names {
        let call = stage.next().await;
        went.push(call.body.clone());
        call.all(delivered());
    }
    stage.is_empty().await;
    assert!(stage.queue.standstill().is_none());
    let wanted: Vec<String> = names.iter().map(|name| format!("Subject: {name}")).collect();
    assert_eq!(subjects(&went), wanted);
    stage.queue.measure();
    assert!(stage.queue.meter.text().contains("gatepost_queue_standstill 0\n"));
}

/// As where one page of the database is broken: a look at another one says that all is well.
#[tokio::test(start_paused = true)]
async fn one_row_that_can_never_be_written_holds_up_the_others_for_seconds() {
    let mut stage = Kept::one_at_a_time().start().await;
    execute(
        &stage,
        "CREATE TRIGGER broken BEFORE UPDATE ON queued WHEN old.sequence = 1 BEGIN SELECT RAISE(ABORT, 'broken'); END",
    )
    .await;
    for name in ["broken", "two", "three"] {
        stage.send(name).await;
    }
    let mut went = 0;
    for _ in 0..12 {
        stage.pass(Duration::from_secs(6)).await;
        stage.settle().await;
        while let Some(call) = stage.begun().await {
            assert!(!call.body.contains("Subject: broken"));
            call.all(delivered());
            went += 1;
            stage.settle().await;
        }
    }
    assert_eq!(went, 2);
}

/// As where the disk is busy for longer than a read waits for it; one that meets that again may have a broken page of its own.
#[tokio::test(start_paused = true)]
async fn a_message_whose_row_cannot_be_read_for_now_keeps_its_place_and_lets_others_go_the_second_time() {
    let stage = Kept::one_at_a_time().open().await;
    for name in ["one", "two"] {
        stage.send(name).await;
    }
    execute(&stage, "ALTER TABLE queued RENAME TO away").await;
    let (queue, cut_off) = (stage.queue.clone(), stage.cut_off.clone());
    let mut handed_out = Vec::new();
    while handed_out.len() < 3 {
        let (sequence, recall, errand) = queue.hand_out().unwrap();
        handed_out.push(sequence);
        Courier { queue: queue.clone(), sequence, recall, cut_off: cut_off.clone() }.run(errand).await;
        assert!(queue.standstill().is_some_and(|halt| halt.to_string().contains("no such table")));
    }
    assert_eq!(handed_out, [1, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn while_an_outcome_cannot_be_written_nothing_else_begins() {
    let mut stage = Kept::one_at_a_time().start().await;
    stage.send("one").await;
    let call = stage.next().await;
    stage.send("two").await;
    execute(&stage, FULL).await;
    execute(&stage, "CREATE TRIGGER gone BEFORE DELETE ON queued BEGIN SELECT RAISE(ABORT, 'disk full'); END").await;
    call.all(delivered());
    while stage.queue.standstill().is_none() {
        tokio::task::yield_now().await;
    }
    for _ in 0..5 {
        stage.pass(minutes(1)).await;
        stage.rests(1).await;
    }
    assert_eq!(stage.kept.asked(), 1);
    for trigger in ["full", "gone"] {
        execute(&stage, &format!("DROP TRIGGER {trigger}")).await;
    }
    stage.pass(minutes(2)).await;
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_body_that_cannot_be_read_is_held_in_the_end_and_holds_up_no_other() {
    let mut stage = Kept::one_at_a_time().start().await;
    let id = stage.send("unreadable").await;
    let mut times = 0;
    for n in 0..8 {
        stage.send(&format!("good {n}")).await;
        stage.settle().await;
        while let Some(call) = stage.begun().await {
            if call.body.contains("Subject: unreadable") {
                times += 1;
                call.answer(Err(MESSAGE_BODY_UNREADABLE.fault().detail("Input/output error (os error 5)")));
            } else {
                call.all(delivered());
            }
            stage.settle().await;
        }
        assert!(stage.queue.lanes().iter().all(|lane| lane.trouble.is_none()), "the way out is open");
        assert!(stage.list().await.len() <= 1, "the others went: {:#?}", stage.list().await);
        stage.pass(minutes(10)).await;
    }
    assert_eq!(times, 3);
    let shown = stage.list().await.remove(0);
    assert_eq!((shown.state, shown.hold.as_deref()), ("held", Some(hold::BODY_DAMAGED)));
    let reply = shown.recipients[0].reply.as_ref().unwrap();
    assert!(reply.contains(&crate::catalog::own::MESSAGE_BODY_UNREADABLE.named()), "{shown:?}");
    let told = stage.queue.failures().pop().unwrap();
    assert!(
        told.hold == Some(hold::BODY_DAMAGED)
            && !told.is_told
            && told.queue_id == id
            && told.reply.contains("os error 5"),
        "{told:?}"
    );

    assert_eq!(stage.queue.order(&id, Order::Release).await.unwrap(), Done::Done);
    stage.next().await.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn half_a_body_is_never_sent_and_goes_when_the_whole_one_is_back() {
    let mut stage = Kept::one_at_a_time().open().await;
    let id = stage.send("torn").await;
    stage.send("whole").await;
    let file = stage.kept.dir.path().join("queue").join(format!("{id}.msg"));
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    stage.run();
    let call = stage.next().await;
    assert!(call.body.contains("Subject: whole"));
    call.all(delivered());
    stage.rests(0).await;
    assert_eq!(stage.list().await[0].hold.as_deref(), Some(hold::BODY_DAMAGED));
    assert!(stage.queue.failures()[0].hold.is_some());

    let kept = stage.kill().await;
    std::fs::write(&file, whole).unwrap();
    let mut stage = kept.start().await;
    let call = stage.next().await;
    assert!(call.body.ends_with("\r\n\r\nhello\r\n"));
    call.all(delivered());
    stage.is_empty().await;
}

/// Its list said `body-damaged` beside an older reply, and neither metrics nor status knew of it.
#[tokio::test(start_paused = true)]
async fn what_is_held_for_want_of_a_body_stands_among_the_faults_until_it_is_gone() {
    let mut stage = Kept::one_at_a_time().open().await;
    let ids = [stage.send("torn").await, stage.send("missing").await];
    let file = |id: &str| stage.kept.dir.path().join("queue").join(format!("{id}.msg"));
    std::fs::write(file(&ids[0]), "x").unwrap();
    std::fs::remove_file(file(&ids[1])).unwrap();
    stage.run();
    stage.rests(0).await;
    let entry = crate::catalog::own::MESSAGE_BODY_UNREADABLE;
    for shown in stage.list().await {
        assert_eq!((shown.state, shown.fault, shown.fault_text), ("held", Some(entry.id), Some(entry.short())));
        let reply = shown.recipients[0].reply.as_deref().unwrap();
        assert!(reply.starts_with(&entry.said("its body cannot be read: ")), "{reply}");
    }
    assert!(stage.queue.failures().iter().all(|note| note.fault == Some(entry.id)));
    let counted =
        r#"gatepost_faults_total{protocol="smtp",kind="bug",id="message-body-unreadable",stage="relaying"} 2"#;
    assert!(stage.queue.meter.text().contains(counted), "{}", stage.queue.meter.text());
    let stands = |stage: &Stage| {
        let faults = stage.queue.meter.recent.list();
        let fault = faults.iter().find(|one| one.id == entry.id).unwrap();
        fault.worked_again_at.is_none()
    };

    stage.send("good").await;
    stage.next().await.all(delivered());
    stage.rests(0).await;
    assert!(stands(&stage), "that another message goes proves nothing of these");
    assert_eq!(stage.queue.order(&ids[0], Order::Drop).await.unwrap(), Done::Done);
    assert!(stands(&stage), "one is held still");
    assert_eq!(stage.queue.order(&ids[1], Order::Drop).await.unwrap(), Done::Done);
    assert!(!stands(&stage));
}

#[tokio::test(start_paused = true)]
async fn a_damaged_row_is_named_beside_the_others_and_can_be_dropped() {
    let mut stage = Kept::one_at_a_time().open().await;
    let [damaged, good] = [stage.send("damaged").await, stage.send("good").await];
    execute(&stage, "UPDATE queued SET client = CAST(x'ff' AS TEXT) WHERE sequence = 1").await;
    let filter = crate::store::QueueFilter { most: 10, ..Default::default() };
    let found = stage.queue.search(&filter).await.unwrap();
    let ids: Vec<&str> = found.messages.iter().map(|one| one.id.as_str()).collect();
    assert_eq!((&ids[..], &found.damaged[..]), (&[good.as_str()][..], std::slice::from_ref(&damaged)));
    stage.run();
    stage.queue.taken_up().await;
    stage.next().await.all(delivered());
    stage.rests(0).await;
    stage.queue.order(&damaged, Order::Hold).await.unwrap_err();
    execute(&stage, "CREATE TRIGGER full BEFORE DELETE ON queued BEGIN SELECT RAISE(ABORT, 'disk full'); END").await;
    stage.queue.order(&damaged, Order::Drop).await.unwrap_err();
    execute(&stage, "DROP TRIGGER full").await;
    assert_eq!(stage.queue.order(&damaged, Order::Drop).await.unwrap(), Done::Done);
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn a_courier_that_breaks_down_in_the_middle_leaves_a_doubt() {
    let mut stage = Stage::new().await;
    stage.send("x").await;
    stage.next().await.answer(Err(fault(Kind::Bug).detail(stage::BREAKS_DOWN)));
    stage.rests(0).await;
    stage.pass(minutes(2)).await;
    let again = stage.next().await;
    let shown = &stage.list().await[0].recipients[0];
    assert!(shown.is_doubtful, "{shown:?}");
    again.all(delivered());
    stage.is_empty().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_last_process_left_counts_before_anybody_looked_at_it() {
    let stage = Stage::new().await;
    stage.send("old").await;
    let mut kept = stage.kill().await;
    kept.max_messages = 1;
    let stage = kept.open().await;
    let refused = async |stage: &Stage| {
        let (envelope, body) = (Envelope { mail: Default::default(), recipients: vec![] }, stage.body("new").await);
        let ann = stage.kept.accounts[0].clone();
        stage.queue.accept(&ann, "c", 1, &envelope, body, None).await.unwrap_err().reply().text()
    };
    let octets = stage.queue.spool().octets();
    let said = refused(&stage).await;
    assert!(said.starts_with("452 4.3.1 "), "{said}");
    while stage.kept.files() > 1 {
        tokio::task::yield_now().await;
    }
    let mut kept = stage.kill().await;
    kept.max_messages = 1000;
    kept.max_bytes = octets + 20;
    let mut stage = kept.open().await;
    assert_eq!(stage.queue.spool().octets(), octets, "its body counts");
    let mut draft = stage.queue.spool().draft().await.unwrap();
    draft.write(&[b'x'; 40]).await.unwrap_err();
    drop(draft);
    stage.run();
    stage.queue.taken_up().await;
    assert_eq!(stage.queue.spool().octets(), octets, "and once");
    stage.next().await.all(delivered());
    stage.is_empty().await;
    while stage.queue.spool().octets() > 0 {
        tokio::task::yield_now().await;
    }
}
