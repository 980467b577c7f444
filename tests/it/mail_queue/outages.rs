//! Upstream, identity provider and sign-in all gone: clients notice nothing, and everything arrives when they are back.

use std::time::{Duration, Instant, SystemTime};

use gatepost::{
    base::Protocol,
    sandbox::{Answer, Faults, Mishap, MishapKind},
    store::{AccessToken, QueuedMessage, Store},
};

use super::{arrived, by_steps, jump, queue, queued, rows, sign_in_for_graph, until_empty};
use crate::world::{ANN, BOB, FOR_GOOD, PASSWORD, World, settings, sign_in_with, stage, until};

const DOWN: &str = "421 4.3.2 Service not available";

fn all_is_down(faults: &mut Faults) {
    faults.smtp.answers = vec![Answer::new("CONNECT", DOWN).close()];
    let unavailable = MishapKind::Status { status: 503, retry_after: None };
    faults.identity.mishap = Some(Mishap::new(unavailable));
}

fn all_is_back(faults: &mut Faults) {
    faults.smtp.answers.clear();
    faults.identity.mishap = None;
}

/// Until a message was tried and is said to wait for this.
pub async fn waits_for(dir: &std::path::Path, fault: &str) {
    // One that leaves while it is read has none.
    let reply = |row: &QueuedMessage| row.recipients.first().and_then(|one| one.reply.clone());
    let is_said = |row: &QueuedMessage| reply(row).is_some_and(|said| said.contains(fault));
    until(fault, Duration::from_secs(20), async || {
        let rows = rows(dir).await;
        if rows.iter().any(is_said) { Ok(()) } else { Err(rows) }
    })
    .await;
}

/// With one connection, so that the order of arrival is the order of the attempts.
#[tokio::test]
async fn mail_taken_in_while_upstream_identity_provider_and_sign_in_are_gone_arrives_whole_and_in_order() {
    let mut plan = queued("limits = { connections = 1, messages-per-minute = 100000 }");
    all_is_down(&mut plan.sandbox.faults);
    let world = World::with(plan).await;
    let (sandbox, dir) = (&world.sandbox, &world.dir);
    let mut smtp = world.smtp_as_ann().await;
    let names = |what: &str, n: usize| (0..n).map(|n| format!("{what} {n}")).collect::<Vec<_>>();
    let both = names("both down", 12);
    for subject in &both {
        queue(&mut smtp, subject).await;
    }
    waits_for(dir.path(), "[").await;
    assert!(sandbox.submissions().is_empty());
    sandbox.faults().set(all_is_back);
    let all = || sandbox.submissions().len() == both.len();
    by_steps(Duration::from_secs(20), 10, "all of them go", all).await;
    until_empty(dir.path(), 20).await;
    assert_eq!(arrived(sandbox), both, "who goes ahead to look keeps its place");

    let store = Store::open(&settings(dir.path())).await.unwrap();
    assert!(store.delete_tokens(&format!("contoso/{ANN}")).await.unwrap().had_tokens);
    // Whoever asks for a token hears of it, and so does the queue from then on.
    let said = world.login(Protocol::Pop3, ANN, PASSWORD).await;
    assert!(said.starts_with(FOR_GOOD.of(Protocol::Pop3)), "{said}");
    let signed_out = names("signed out", 5);
    for subject in &signed_out {
        queue(&mut smtp, subject).await;
    }
    waits_for(dir.path(), "[sign-in-missing]").await;
    assert_eq!(arrived(sandbox).len(), both.len(), "nothing went meanwhile");
    sign_in_with(sandbox, dir.path(), ANN, None).await;
    let signed_in = Instant::now();
    until_empty(dir.path(), 30).await;
    assert!(signed_in.elapsed() < Duration::from_secs(14), "at once, and not when a pause is over");
    assert_eq!(arrived(sandbox).split_off(both.len()), signed_out);
}

/// What the upstream says to whoever comes, at the sign-on and behind it.
#[tokio::test]
async fn mail_that_met_a_mailbox_in_trouble_was_not_tried_and_arrives_in_order() {
    for answers in [
        vec![Answer::new("AUTH", "454 4.7.0 Temporary authentication failure").times(2)],
        vec![Answer::new("MAIL", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded").times(3)],
        vec![Answer::new("MAIL", "421 4.3.2 Service not available").times(2).close()],
        vec![Answer::new("MAIL", "454 4.7.0 Temporary authentication failure").times(2)],
        // No reply at all.
        vec![Answer::new("MAIL", "").times(2).close()],
        vec![Answer::new("RCPT", "").times(1).close()],
        vec![Answer::new("DATA", "").times(1).close()],
        vec![Answer::new("RCPT", "432 4.3.2 Concurrent connections limit exceeded").times(1)],
        vec![Answer::new("DATA", "432 4.3.2 Concurrent connections limit exceeded").times(1)],
        vec![Answer::new(".", "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded").times(2)],
    ] {
        let mut plan = queued("limits = { connections = 1, messages-per-minute = 100000 }");
        plan.sandbox.faults.smtp.answers = answers.clone();
        let world = World::with(plan).await;
        let (sandbox, dir) = (&world.sandbox, world.dir.path());
        let mut smtp = world.smtp_as_ann().await;
        let alerts: Vec<_> = (10..16).map(|n| format!("alert {n}")).collect();
        for subject in &alerts {
            queue(&mut smtp, subject).await;
        }
        waits_for(dir, "[upstream-").await;
        for row in rows(dir).await.iter().filter(|row| !row.is_under_way) {
            assert!(row.attempts == 0 && row.recipients[0].attempts == 0, "{answers:?}: {row:?}");
        }
        let all = || sandbox.submissions().len() == alerts.len();
        by_steps(Duration::from_secs(20), 20, "all of them go", all).await;
        until_empty(dir, 20).await;
        assert_eq!(arrived(sandbox), alerts, "{answers:?}");
    }
}

/// The mail server says nothing to the first that comes, so the connection for the second message is up before it.
#[tokio::test]
async fn a_message_whose_sign_on_hangs_goes_first_on_whatever_connection_comes_up_first() {
    let mut plan = queued("limits = { connections = 2, messages-per-minute = 100000 }");
    plan.sandbox.faults.smtp.line.silent = true;
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    queue(&mut smtp, "the first").await;
    let open = |world: &World| world.sandbox.counts().connections(Protocol::Smtp).open;
    world.until("the first hangs", |world| open(world) == 1).await;
    world.sandbox.faults().set(|faults| faults.smtp.line.silent = false);
    for later in ["the second", "the third"] {
        queue(&mut smtp, later).await;
    }
    world.until("all arrived", |world| world.sandbox.submissions().len() == 3).await;
    assert_eq!(arrived(&world.sandbox), ["the first", "the second", "the third"]);
    let counts = world.sandbox.counts();
    assert_eq!((counts.sign_ons, counts.connections(Protocol::Smtp).most), (1, 2));
}

/// The clock of everything in this process is put ahead, so ten minutes pass in a few seconds. For the first half of
/// them there is a token, and the upstream is what fails; then the identity provider is.
#[tokio::test]
async fn ten_minutes_without_upstream_and_identity_provider_lose_nothing_and_hold_up_no_client() {
    let mut plan = queued("limits = { messages-per-minute = 100000 }");
    all_is_down(&mut plan.sandbox.faults);
    plan.signed_in = Vec::new();
    let (sandbox, dir, file) = stage(&plan).await;
    let (life, now) = (Duration::from_secs(5 * 60), SystemTime::now());
    let (obtained_at, expires_at) = (Some(now), Some(now + life));
    let access = AccessToken { token: sandbox.issue_token(ANN, life), obtained_at, expires_at, generation: 1 };
    sign_in_with(&sandbox, dir.path(), ANN, Some(access)).await;
    let world = World::on(sandbox, dir, &file).await;
    let dialled = || world.sandbox.counts().connections(Protocol::Smtp).total;
    let (mut taken, mut dialled_by_half) = (Vec::new(), 0);
    for minute in 0..10 {
        if minute == 5 {
            dialled_by_half = dialled();
        }
        let subject = format!("minute {minute}");
        let asked = Instant::now();
        queue(&mut world.smtp_as_ann().await, &subject).await;
        // Who waited for the upstream would wait for the whole of a sign-on.
        assert!(asked.elapsed() < Duration::from_secs(10), "{subject}");
        taken.push(subject);
        for _ in 0..4 {
            jump(Duration::from_secs(15)).await;
            // As long as a look at the disk takes; one of the daemon's that is not over by now is so at the next.
            rows(world.dir.path()).await;
        }
    }
    let rows = rows(world.dir.path()).await;
    // Nothing got as far as the message, so none was tried.
    assert!(rows.len() == 10 && rows.iter().all(|row| row.attempts == 0), "{rows:?}");
    assert!(world.sandbox.submissions().is_empty());
    assert!(
        rows.iter().any(|row| row.recipients[0].reply.as_ref().is_some_and(|said| said.contains("[token-endpoint")))
    );
    // Each of the two was met, and is looked at with longer and longer pauses.
    assert!((2..=20).contains(&dialled_by_half) && dialled() <= 25, "dialled {dialled_by_half}, {} times", dialled());
    assert!((2..=40).contains(&world.token_requests()), "asked for a token {} times", world.token_requests());

    world.sandbox.faults().set(all_is_back);
    let all = || world.sandbox.submissions().len() == taken.len();
    by_steps(Duration::from_secs(60), 20, "all of them go", all).await;
    until_empty(world.dir.path(), 20).await;
    let mut all = arrived(&world.sandbox);
    all.sort();
    assert_eq!(all, taken, "each once");
}

/// Graph would send it again to all that To names; so the one who did not get it fails, by name, and nobody gets it twice.
#[tokio::test]
async fn the_rest_of_a_message_whose_others_have_it_over_smtp_goes_to_nobody_twice_when_that_is_switched_off() {
    const SHARED: &str = "shared@contoso.example";
    let mut plan = queued("outbound = \"smtp-then-graph\"");
    plan.app = "graph-url = \"{graph}\"".into();
    plan.signed_in = Vec::new();
    plan.sandbox.faults.smtp.answers = vec![Answer::new("RCPT", "450 4.2.0 Mailbox is busy").times(1)];
    let world = World::with(plan).await;
    sign_in_for_graph(&world).await;

    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for recipient in [BOB, SHARED] {
        smtp.exchange(&format!("RCPT TO:<{recipient}>"), "250 ").await;
    }
    smtp.exchange("DATA", "354 ").await;
    let head = format!("From: <{ANN}>\r\nTo: <{BOB}>, <{SHARED}>\r\nSubject: scan\r\n\r\n");
    smtp.send(format!("{head}x\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 2.0.0 Queued as ").await;
    waits_for(world.dir.path(), "450 4.2.0").await;
    world.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    jump(Duration::from_secs(120)).await;
    until_empty(world.dir.path(), 20).await;

    let sent = world.sandbox.submissions();
    let recipients: Vec<_> = sent.iter().map(|message| message.recipients.clone()).collect();
    assert_eq!(recipients, [[SHARED], [ANN]], "the message once, and a notice to who sent it");
    let notice = String::from_utf8_lossy(&sent[1].bytes).into_owned();
    assert!(notice.contains(BOB) && !notice.contains(&format!("Final-Recipient: rfc822; {SHARED}")), "{notice}");
    assert!(notice.contains("[gatepost graph-others-served]"), "{notice}");
}

/// A mail server that refuses each sign-on for a while: the queue says so, and nothing is overtaken behind it.
#[tokio::test]
async fn a_queue_whose_sign_ons_are_throttled_says_so_and_none_is_overtaken() {
    let mut plan = queued("limits = { connections = 3, messages-per-minute = 100000 }");
    let words = "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending";
    plan.sandbox.faults.smtp.answers = vec![Answer::new("AUTH", words)];
    let world = World::with(plan).await;
    let mut smtp = world.smtp_as_ann().await;
    let subjects: Vec<_> = (0..6).map(|n| format!("alert {n}")).collect();
    for subject in &subjects {
        queue(&mut smtp, subject).await;
    }
    waits_for(world.dir.path(), "upstream-connections-exceeded").await;
    world.sandbox.faults().set(|faults| faults.smtp.answers.clear());
    let all = || world.sandbox.submissions().len() == subjects.len();
    by_steps(Duration::from_secs(20), 20, "all of them go", all).await;
    until_empty(world.dir.path(), 20).await;
    let went = arrived(&world.sandbox);
    assert_eq!(went.len(), subjects.len());
    for (at, subject) in subjects.iter().enumerate() {
        let came = went.iter().position(|one| one == subject).unwrap();
        assert!(came.abs_diff(at) < 3, "three go side by side: {went:?}");
    }
}
