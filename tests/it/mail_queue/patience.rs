//! The queue and sessions share what the provider allows: each waits its turn, and waiting is no failure.

use std::{cell::RefCell, collections::HashMap, time::Duration};

use gatepost::{base::Protocol, sandbox::Answer};

use super::{
    ahead, ahead_until, arrived, by_steps, delivered, jump, outages::waits_for, queue, queued, rows, send, until_empty,
};
use crate::{
    queue::api,
    world::{ANN, FOR_GOOD, HEAD, PASSWORD, Plan, Talk, World, at_once, cheap_hash, together},
};

/// Ann's mail goes at once, and that of her alerts by the queue.
fn with_alerts() -> Plan {
    let hash = cheap_hash("alerts");
    let more = format!(
        "[[client]]\nname = \"alerts\"\naccount = \"{ANN}\"\nlogin = \"alerts\"\npassword = \"{hash}\"\n\
         delivery = \"queue\"\n"
    );
    Plan { more, ..Plan::default() }
}

async fn alerts(world: &World) -> Talk {
    let mut alerts = world.greeted(Protocol::Smtp).await;
    assert!(alerts.login(Protocol::Smtp, "alerts", "alerts").await.starts_with("235 "));
    alerts
}

/// A direct session has the one connection for longer than a session would wait.
#[tokio::test]
async fn a_queue_that_waits_for_a_connection_goes_on_at_once_and_calls_no_way_shut() {
    let world = World::with(Plan { account: "limits = { connections = 1 }".into(), ..with_alerts() }).await;
    let mut busy = world.smtp_in_data().await;

    let mut alerts = alerts(&world).await;
    let said = at_once(send(&mut alerts, "alert")).await;
    assert!(said.starts_with("250 2.0.0 Queued as "), "{said}");
    ahead(Duration::from_secs(25)).await;
    let [row] = &rows(world.dir.path()).await[..] else { panic!("it waits") };
    assert!(row.recipients[0].reply.is_none() && !row.is_under_way && row.attempts == 0, "{row:?}");

    busy.send(format!("{HEAD}at last\r\n.\r\n").as_bytes()).await;
    busy.expect("250 ").await;
    until_empty(world.dir.path(), 10).await;
    assert_eq!(arrived(&world.sandbox), ["test", "alert"]);
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 1);
}

/// The first pause of a mailbox is about as long as a refusal is remembered.
#[tokio::test]
async fn a_queue_that_is_answered_from_memory_asks_at_its_end_and_its_pauses_are_those_of_real_refusals() {
    let world = World::with(with_alerts()).await;
    world.sandbox.faults().set(|faults| faults.smtp.refuse_tokens = u32::MAX);
    let said = world.ann_hears(Protocol::Smtp, FOR_GOOD).await;
    assert!(said.ends_with("[gatepost fresh-token-refused]"), "{said}");
    let asked = || world.sandbox.counts().sign_on_refusals;
    let of_ann = asked();
    let looked = |times: u64| {
        let line = "gatepost_queue_deliveries_total{outcome=\"deferred\",reason=\"fresh-token-refused\"}";
        let line = format!("{line} {times}");
        let world = &world;
        async move { world.until("the mailbox rests", |world| world.counts(&line)).await }
    };
    queue(&mut alerts(&world).await, "alert").await;
    looked(1).await;
    assert_eq!(asked(), of_ann, "from memory");
    ahead(Duration::from_secs(45)).await;
    assert_eq!(asked(), of_ann, "it is not over");
    for times in 2..=3 {
        let before = asked();
        ahead_until(Duration::from_secs(67), "it asks", || asked() > before).await;
        looked(times).await;
    }
    world.sandbox.faults().set(|faults| faults.smtp.refuse_tokens = 0);
    ahead_until(Duration::from_secs(133), "it arrives", || arrived(&world.sandbox) == ["alert"]).await;
}

/// With the one connection there is. The session waits and dials again, and the queue rests.
#[tokio::test]
async fn a_queue_and_a_session_whose_sign_ons_are_throttled_both_get_through_and_nothing_was_tried_in_vain() {
    let world = World::with(Plan { account: "limits = { connections = 1 }".into(), ..with_alerts() }).await;
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("AUTH", words).times(2).close()]);
    queue(&mut alerts(&world).await, "alert").await;
    waits_for(world.dir.path(), "[upstream-connections-exceeded]").await;
    let [row] = &rows(world.dir.path()).await[..] else { panic!("it waits") };
    assert!(row.attempts == 0 && row.recipients[0].doubts == 0 && !row.is_under_way, "{row:?}");
    let said = world.smtp_as_ann().await.message("of the session").await;
    assert!(said.starts_with("250 "), "{said}");
    ahead_until(Duration::from_secs(17), "both arrive", || arrived(&world.sandbox) == ["test", "alert"]).await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 1);
}

/// By any protocol.
#[tokio::test]
async fn a_pause_that_a_server_asked_for_and_what_reading_was_refused_outlive_a_retry_by_hand() {
    let world = World::with(with_alerts()).await;
    world.sandbox.faults().set(|faults| {
        let words = "{tag} BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds";
        faults.imap.answers = vec![Answer::new("NAMESPACE", words).times(1)];
        (faults.smtp.refuse_tokens, faults.pop3.refuse_tokens) = (u32::MAX, 2);
    });
    let is_refused = async || {
        for (protocol, id) in [(Protocol::Imap, "upstream-throttled"), (Protocol::Pop3, "fresh-token-refused")] {
            let said = world.login(protocol, ANN, PASSWORD).await;
            assert!(said.ends_with(&format!("[gatepost {id}]")), "{said}");
        }
    };
    is_refused().await;
    let id = queue(&mut alerts(&world).await, "alert").await;
    waits_for(world.dir.path(), "[fresh-token-refused]").await;
    world.sandbox.faults().set(|faults| faults.smtp.refuse_tokens = 0);
    jump(Duration::from_secs(6)).await;
    let (_, said) = api(&world, "POST", &format!("/api/queue/{id}/retry")).await;
    assert_eq!(said["done"], "done", "{said}");
    until_empty(world.dir.path(), 20).await;
    is_refused().await;
}

/// Microsoft's limits on both sides: three connections, thirty messages a minute.
#[tokio::test]
async fn two_hundred_alerts_at_once_are_taken_and_go_in_order_thirty_a_minute_over_three_connections() {
    const DELAY: Duration = Duration::from_secs(10);
    let mut plan = Plan { account: "delivery = \"queue\"".into(), ..Plan::default() };
    // Nothing gets as far as its delivery before all are taken.
    plan.sandbox.faults.smtp.line.delay_ms = DELAY.as_millis().try_into().unwrap();
    let world = &World::with(plan).await;
    let taken = RefCell::new(HashMap::new());
    together((0..200).map(|n| {
        let taken = &taken;
        async move {
            let subject = format!("alert {n}");
            let id = queue(&mut world.smtp_as_ann().await, &subject).await;
            taken.borrow_mut().insert(id, subject);
        }
    }))
    .await;
    let accepted = rows(world.dir.path()).await.iter().map(|row| taken.borrow()[&row.id].clone()).collect::<Vec<_>>();
    assert_eq!(accepted.len(), 200);
    assert!(world.sandbox.submissions().is_empty(), "no 250 waited for the mail server, nor for a minute");
    world.sandbox.faults().set(|faults| faults.smtp.line.delay_ms = 0);
    jump(DELAY).await;
    // So nothing is in the middle of anything where the clock is put ahead.
    for sent in (30..200).step_by(30) {
        stand_in_line(world, sent, sent + 3).await;
        jump(Duration::from_secs(62)).await;
    }
    until_empty(world.dir.path(), 20).await;
    let arrived = arrived(&world.sandbox);
    assert_eq!(arrived.len(), 200);
    for (at, subject) in accepted.iter().enumerate() {
        let arrived_at = arrived.iter().position(|arrived| arrived == subject).unwrap();
        // Three go side by side.
        assert!(at.abs_diff(arrived_at) <= 3, "{subject}, accepted as number {at}, went as number {arrived_at}");
    }
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).most, 3);
    let lines = world.sandbox.transcript().lines();
    let throttled: Vec<_> = lines.iter().map(|line| line.exposed()).filter(|said| said.starts_with("432 ")).collect();
    assert!(throttled.is_empty(), "{throttled:?}");
}

/// In steps that are shorter than any wait of a sign-on.
async fn next_goes(world: &World, sent: usize) {
    let went = || world.sandbox.submissions().len() == sent;
    by_steps(Duration::from_secs(10), 20, &format!("{sent} of them go"), went).await;
}

/// One a minute: all connections are held by those that stand in line for their minute.
#[tokio::test]
async fn what_a_person_retries_or_releases_goes_in_the_next_minute_before_all_that_stand_in_line() {
    let world = World::with(queued("limits = { connections = 3, messages-per-minute = 1 }")).await;
    let mut smtp = world.smtp_as_ann().await;
    let mut ids = Vec::new();
    for n in 0..7 {
        ids.push(queue(&mut smtp, &n.to_string()).await);
    }
    let order = async |n: usize, order: &str| {
        let (_, said) = api(&world, "POST", &format!("/api/queue/{}/{order}", ids[n])).await;
        assert_eq!(said["done"], "done", "{said}");
    };
    sent_and_open(&world, 1, 3).await;
    order(5, "retry").await;
    next_goes(&world, 2).await;
    sent_and_open(&world, 2, 3).await;
    order(4, "hold").await;
    order(4, "release").await;
    for sent in 3..=7 {
        next_goes(&world, sent).await;
    }
    assert_eq!(arrived(&world.sandbox), ["0", "5", "4", "1", "2", "3", "6"], "who waits keeps its place");
    until_empty(world.dir.path(), 20).await;
}

/// One that sends at once through the mailbox whose mail is queued.
fn program() -> String {
    let password = cheap_hash("pw");
    format!(
        "[[client]]\nname = \"program\"\naccount = \"{ANN}\"\nlogin = \"program\"\npassword = \"{password}\"\n\
         delivery = \"direct\"\n"
    )
}

/// One a minute, with a program beside the queue.
async fn one_a_minute(connections: u32) -> World {
    let limits = format!("limits = {{ connections = {connections}, messages-per-minute = 1 }}");
    World::with(Plan { more: program(), ..queued(&limits) }).await
}

async fn sent_and_open(world: &World, sent: usize, connections: u64) {
    let open = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open;
    world.until("so many wait", |world| world.sandbox.submissions().len() == sent && open(world) == connections).await;
}

/// So many were sent, and so many had a connection so far: the last of them waits for its minute.
async fn stand_in_line(world: &World, sent: usize, connections: usize) {
    let found = "gatepost_governor_wait_seconds_count{room=\"connection\",outcome=\"found\"}";
    let found = format!("{found} {connections}");
    let stand_in_line = |world: &World| world.sandbox.submissions().len() == sent && world.counts(&found);
    world.until("they stand in line", stand_in_line).await;
}

#[tokio::test]
async fn a_program_that_logs_in_while_the_queue_waits_for_its_minute_is_lent_the_connection() {
    let world = one_a_minute(1).await;
    let mut smtp = world.smtp_as_ann().await;
    for subject in ["0", "1", "2"] {
        queue(&mut smtp, subject).await;
    }
    stand_in_line(&world, 1, 2).await;
    let mut program = world.greeted(Protocol::Smtp).await;
    assert!(program.login(Protocol::Smtp, "program", "pw").await.starts_with("235 "));
    program.exchange("QUIT", "221 ").await;
    for sent in 2..=3 {
        next_goes(&world, sent).await;
    }
    assert_eq!(arrived(&world.sandbox), ["0", "1", "2"]);
}

#[tokio::test]
async fn a_message_whose_connection_died_while_it_waited_for_its_minute_keeps_that() {
    let world = World::with(queued("limits = { connections = 2, messages-per-minute = 1 }")).await;
    let mut smtp = world.smtp_as_ann().await;
    for subject in ["0", "1", "2"] {
        queue(&mut smtp, subject).await;
    }
    stand_in_line(&world, 1, 3).await;
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("MAIL", "").times(1).close()]);
    for sent in 2..=3 {
        next_goes(&world, sent).await;
    }
    assert_eq!(arrived(&world.sandbox), ["0", "1", "2"]);
}

/// One a minute, and each has a connection meanwhile: the last one waits for longer than an hour.
#[tokio::test]
async fn what_waits_for_its_minute_for_longer_than_an_hour_goes_in_its_place_and_no_way_is_called_shut() {
    const ALL: usize = 64;
    let mut plan = queued(&format!("limits = {{ connections = {ALL}, messages-per-minute = 1 }}"));
    plan.sandbox.faults.smtp.connections = None;
    let world = &World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    let subjects: Vec<_> = (0..ALL).map(|n| n.to_string()).collect();
    for subject in &subjects {
        queue(&mut smtp, subject).await;
    }
    smtp.exchange("QUIT", "221 ").await;
    stand_in_line(world, 1, ALL).await;
    world.until("it is known that the first one went", |world| delivered(world) == 1).await;
    for sent in 2..=ALL {
        ahead_until(Duration::from_secs(62), "the next one goes", || delivered(world) == sent).await;
    }
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox), subjects);
    let metrics = world.metrics().await;
    let deferred = |line: &&str| line.contains("outcome=\"deferred\"") && !line.ends_with(" 0");
    assert_eq!(metrics.lines().find(deferred), None);
}

/// Microsoft's limits on both sides. The minute's messages of a backlog go in a wave, and whoever came behind it would wait
/// for the next.
#[tokio::test]
async fn beside_a_backlog_of_a_hundred_a_program_is_heard_at_once_at_any_moment_of_the_minute() {
    let plan = Plan { account: "delivery = \"queue\"".into(), more: program(), ..Plan::default() };
    let world = &World::with(plan).await;
    let sends = async |subject: &str| {
        let mut program = world.greeted(Protocol::Smtp).await;
        assert!(program.login(Protocol::Smtp, "program", "pw").await.starts_with("235 "), "{subject}");
        assert!(send(&mut program, subject).await.starts_with("250 "), "{subject}");
        program.exchange("QUIT", "221 ").await;
    };
    sends("here I am").await;
    let mut alerts = world.smtp_as_ann().await;
    for n in 0..100 {
        queue(&mut alerts, &n.to_string()).await;
    }
    let of_queue = || arrived(&world.sandbox).into_iter().filter(|subject| subject.parse::<u32>().is_ok());
    let start = tokio::time::Instant::now();
    let mut asked = 0;
    for (wave, sent) in [26, 50, 74].into_iter().enumerate() {
        world.until("the wave is over", |world| delivered(world) >= sent).await;
        let wave = Duration::from_secs(62 * u64::try_from(wave).unwrap());
        for second in [1, 23, 59] {
            let moment = start + wave + Duration::from_secs(second);
            jump(moment.saturating_duration_since(tokio::time::Instant::now())).await;
            asked += 1;
            sends(&format!("at second {second} of {wave:?}")).await;
        }
        assert!(of_queue().count() < 100, "there is a backlog");
        jump(Duration::from_secs(3)).await;
    }
    ahead_until(Duration::from_secs(62), "all of it went", || of_queue().count() == 100).await;
    let order = of_queue().map(|subject| subject.parse::<usize>().unwrap()).collect::<Vec<_>>();
    assert!(order.iter().enumerate().all(|(at, n)| at.abs_diff(*n) <= 3), "three go side by side: {order:?}");
    assert_eq!(world.sandbox.submissions().len(), 100 + 1 + asked);
    let lines = world.sandbox.transcript().lines();
    assert!(!lines.iter().any(|line| line.exposed().starts_with("432 ")), "Exchange never had to say no");
}
