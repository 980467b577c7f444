//! From the queue through Graph: our own rate limit holds mail back, and is no fault of anybody; nor is Graph, or a token
//! for it, that cannot be had for a while.

use std::time::Duration;

use gatepost::{
    base::Protocol,
    sandbox::{GraphMishap, Mishap, MishapKind},
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

use super::{
    ahead, ahead_until, arrived, go_by_the_minute, outages::waits_for, queue, queued, rows, sign_in_for_graph,
    until_empty,
};
use crate::world::{ANN, BOB, PASSWORD, Plan, Talk, World, cheap_hash, journal, own_place, plain, stage, until};

async fn world(account: &str) -> World {
    let plan = Plan { app: "graph-url = \"{graph}\"".into(), signed_in: Vec::new(), ..queued(account) };
    let world = World::with(plan).await;
    sign_in_for_graph(&world).await;
    world
}

async fn goes_ten_a_minute_in_order(account: &str, rehearsal: Option<&str>) {
    let world = world(&format!("{account}\nlimits = {{ connections = 1, messages-per-minute = 10 }}")).await;
    if let Some(rehearsal) = rehearsal {
        world.sandbox.faults().set(|faults| faults.apply(rehearsal));
    }
    let mut smtp = world.smtp_as_ann().await;
    let subjects: Vec<_> = (10..35).map(|n| format!("alert {n}")).collect();
    for subject in &subjects {
        queue(&mut smtp, subject).await;
    }
    let nothing_was_tried = async || {
        for row in rows(world.dir.path()).await.iter().filter(|row| !row.is_under_way) {
            assert!(
                row.attempts == 0 && row.recipients[0].reply.is_none(),
                "waiting for a turn is no attempt: {row:?}"
            );
        }
    };
    go_by_the_minute(&world, subjects.len(), 10, nothing_was_tried).await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox), subjects);
}

/// Several wait at a time, each for longer than a session would.
#[tokio::test]
async fn messages_that_wait_for_their_minute_keep_their_places_among_those_that_wait_as_well() {
    let world = world("outbound = \"graph\"\nlimits = { connections = 3, messages-per-minute = 1 }").await;
    let mut smtp = world.smtp_as_ann().await;
    let subjects: Vec<_> = (1..=6).map(|n| format!("alert {n}")).collect();
    for subject in &subjects {
        queue(&mut smtp, subject).await;
    }
    go_by_the_minute(&world, subjects.len(), 1, async || {}).await;
    until_empty(world.dir.path(), 20).await;
    assert_eq!(arrived(&world.sandbox), subjects);
}

#[tokio::test]
async fn a_queue_over_its_rate_through_graph_waits_for_its_turn_and_shuts_no_way() {
    goes_ten_a_minute_in_order("outbound = \"graph\"", None).await;
}

#[tokio::test]
async fn a_queue_over_its_rate_through_graph_behind_smtp_waits_for_its_turn_and_shuts_no_way() {
    goes_ten_a_minute_in_order("outbound = \"smtp-then-graph\"", Some("smtp-auth-disabled-tenant")).await;
}

/// The pause is the mailbox's: whoever heard of it was not tried, and nobody asks before it is over.
#[tokio::test]
async fn a_pause_that_graph_asks_for_is_no_attempt_of_any_message_and_all_go_in_order_behind_it() {
    let world = world("outbound = \"graph\"\nlimits = { connections = 1, messages-per-minute = 1000 }").await;
    let (sandbox, dir) = (&world.sandbox, world.dir.path());
    let busy = GraphMishap::new(429, "ApplicationThrottled").retry_after(70).times(1);
    sandbox.faults().set(|faults| faults.graph.mishap = Some(busy));
    let asked = || sandbox.transcript().dialogue("graph").iter().filter(|line| line.starts_with("C: ")).count();
    let mut smtp = world.smtp_as_ann().await;
    let alerts: Vec<_> = (10..22).map(|n| format!("alert {n}")).collect();
    for subject in &alerts {
        queue(&mut smtp, subject).await;
    }
    ahead_until(Duration::ZERO, "Graph asks for a pause", || asked() == 1).await;
    for _ in 0..3 {
        ahead(Duration::from_secs(20)).await;
        let rows = rows(dir).await;
        assert!(rows.len() == alerts.len() && rows.iter().all(|row| row.attempts == 0), "{rows:?}");
        assert!(!rows.iter().any(|row| row.is_under_way || row.recipients[0].is_doubtful()), "{rows:?}");
        assert_eq!(asked(), 1, "nobody else has to hear it");
    }
    ahead_until(Duration::from_secs(20), "all of them", || sandbox.submissions().len() == alerts.len()).await;
    until_empty(dir, 20).await;
    assert_eq!(arrived(sandbox), alerts);
}

/// A session heard of it. What is answered from memory is no further failure: no pause of our own outlasts that of Graph.
#[tokio::test]
async fn a_queue_whose_mailbox_graph_asked_for_a_pause_before_asks_at_its_end_and_not_in_between() {
    let password = cheap_hash("pw");
    let more = format!(
        "[[client]]\nname = \"program\"\naccount = \"{ANN}\"\nlogin = \"program\"\npassword = \"{password}\"\n\
         delivery = \"direct\"\n"
    );
    let app = "graph-url = \"{graph}\"".into();
    let world = World::with(Plan { app, more, signed_in: Vec::new(), ..queued("outbound = \"graph\"") }).await;
    sign_in_for_graph(&world).await;
    let (sandbox, dir) = (&world.sandbox, world.dir.path());
    let busy = GraphMishap::new(429, "ApplicationThrottled").retry_after(600).times(1);
    sandbox.faults().set(|faults| faults.graph.mishap = Some(busy));
    let asked = || sandbox.transcript().dialogue("graph").iter().filter(|line| line.starts_with("C: ")).count();
    let mut program = world.greeted(Protocol::Smtp).await;
    assert!(program.login(Protocol::Smtp, "program", "pw").await.starts_with("235 "));
    let said = program.message("of the program").await;
    assert!(said.starts_with('4') && said.ends_with("[gatepost graph-throttled]"), "{said}");
    program.exchange("QUIT", "221 ").await;
    queue(&mut world.smtp_as_ann().await, "alert").await;
    waits_for(dir, "[graph-throttled]").await;
    // More than a minute before its end: what is left then is waited for in any case.
    for _ in 0..5 {
        ahead(Duration::from_secs(107)).await;
        assert_eq!(asked(), 1, "nobody asks before it is over");
    }
    ahead_until(Duration::from_secs(67), "it goes", || arrived(sandbox) == ["alert"]).await;
    until_empty(dir, 20).await;
}

async fn was_not_tried_and_goes_in_order(world: &World, fault: &str, comes_back: impl AsyncFnOnce()) {
    let (sandbox, dir) = (&world.sandbox, world.dir.path());
    let mut smtp = world.smtp_as_ann().await;
    let alerts: Vec<_> = (10..18).map(|n| format!("alert {n}")).collect();
    for subject in &alerts {
        queue(&mut smtp, subject).await;
    }
    waits_for(dir, fault).await;
    for _ in 0..6 {
        ahead(Duration::from_secs(30)).await;
        let rows = rows(dir).await;
        assert!(rows.len() == alerts.len() && rows.iter().all(|row| row.attempts == 0), "{rows:?}");
        assert!(!rows.iter().any(|row| row.recipients[0].is_doubtful()), "{rows:?}");
    }
    assert!(sandbox.submissions().is_empty());
    comes_back().await;
    ahead_until(Duration::from_secs(400), "all of them", || sandbox.submissions().len() == alerts.len()).await;
    until_empty(dir, 20).await;
    assert_eq!(arrived(sandbox), alerts);
}

/// Nobody listens where Graph should be; then somebody passes on what comes.
#[tokio::test]
async fn mail_taken_in_while_graph_cannot_be_reached_was_not_tried_and_arrives_in_order() {
    let door = own_place();
    let account = "outbound = \"graph\"\nlimits = { connections = 1, messages-per-minute = 1000 }";
    let app = format!("graph-url = \"http://{door}/v1.0\"");
    let world = World::with(Plan { app, signed_in: Vec::new(), ..queued(account) }).await;
    sign_in_for_graph(&world).await;
    let graph = world.sandbox.graph_url();
    let graph = graph.trim_start_matches("http://").trim_end_matches("/v1.0").to_owned();
    was_not_tried_and_goes_in_order(&world, "[graph-unreachable]", async || {
        let door = TcpListener::bind(door).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = door.accept().await {
                let mut far = TcpStream::connect(&graph).await.unwrap();
                tokio::spawn(async move { copy_bidirectional(&mut near, &mut far).await });
            }
        });
    })
    .await;
}

#[tokio::test]
async fn mail_for_graph_taken_in_while_there_is_no_token_was_not_tried_and_arrives_in_order() {
    let world = world("outbound = \"graph\"\nlimits = { connections = 1, messages-per-minute = 1000 }").await;
    let unavailable = Mishap::new(MishapKind::Status { status: 503, retry_after: None });
    world.sandbox.faults().set(|faults| faults.identity.mishap = Some(unavailable));
    was_not_tried_and_goes_in_order(&world, "[token-endpoint", async || {
        world.sandbox.faults().set(|faults| faults.identity.mishap = None);
    })
    .await;
}

/// Graph takes all recipients or none, so no day would ever have room for it.
#[tokio::test]
async fn a_message_with_more_recipients_than_a_day_allows_comes_back_at_once() {
    let world = world("outbound = \"graph\"\nlimits = { recipients-per-day = 2 }").await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    for recipient in [BOB, ANN, "shared@contoso.example"] {
        smtp.exchange(&format!("RCPT TO:<{recipient}>"), "250 ").await;
    }
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("From: <{ANN}>\r\nTo: <{BOB}>\r\nSubject: all\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    assert!(smtp.line().await.starts_with("250 2.0.0 Queued as "));
    world.until("the sender is told", |world| !world.sandbox.submissions().is_empty()).await;
    until_empty(world.dir.path(), 20).await;
    let notice = world.only_message();
    assert_eq!(notice.recipients, [ANN]);
    let text = String::from_utf8_lossy(&notice.bytes).into_owned();
    assert!(text.contains("5.5.3") && text.contains("recipients-per-day"), "{text}");
}

/// Graph took its draft, so the way is open: the pause is kept, then the others go first.
async fn holds_up_nobody_behind_it(mishap: GraphMishap) {
    let plan = Plan { app: "graph-url = \"{graph}\"".into(), signed_in: Vec::new(), ..queued("outbound = \"graph\"") };
    let (sandbox, dir, file) = stage(&plan).await;
    let graph = "https://graph.microsoft.com/Mail";
    let scopes = format!("scopes = [\"{graph}.Send\", \"{graph}.ReadWrite\", ");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace("scopes = [", &scopes)).unwrap();
    let world = World::on(sandbox, dir, &file).await;
    sign_in_for_graph(&world).await;
    world.sandbox.faults().set(|faults| faults.graph.mishap = Some(mishap.retry_after(90).on("upload")));
    let uploads = || {
        let lines = world.sandbox.transcript().dialogue("graph");
        lines.iter().filter(|line| line.starts_with("C: /upload ")).count()
    };
    let mut smtp = world.smtp_as_ann().await;
    smtp.open_message().await;
    let head = format!("From: <{ANN}>\r\nTo: <{BOB}>\r\nSubject: large\r\n");
    let file = format!("{}\r\n", "A".repeat(70)).repeat(60_000);
    smtp.send(format!("{head}Content-Type: application/pdf; name=x.pdf\r\n\r\n{file}.\r\n").as_bytes()).await;
    assert!(smtp.line().await.starts_with("250 2.0.0 Queued as "));
    ahead_until(Duration::ZERO, "it is uploaded", || uploads() == 1).await;
    let alerts = ["one", "two", "three"];
    for alert in alerts {
        queue(&mut smtp, alert).await;
    }
    ahead_until(Duration::from_secs(100), "the others", || world.sandbox.submissions().len() == alerts.len()).await;
    // Several at a time: in what order they arrive is another test's.
    let mut all = arrived(&world.sandbox);
    all.sort();
    assert_eq!(all, ["one", "three", "two"]);
    // The last of them has arrived, and may still be written down.
    let row = until("the large one is left", Duration::from_secs(20), async || {
        let mut rows = rows(world.dir.path()).await;
        if rows.len() == 1 { Ok(rows.remove(0)) } else { Err(rows) }
    })
    .await;
    assert!(row.attempts > 0 && !row.recipients[0].is_doubtful(), "{row:?}");
}

#[tokio::test]
async fn a_large_message_whose_upload_never_ends_holds_up_nobody_behind_it() {
    holds_up_nobody_behind_it(GraphMishap::new(429, "ApplicationThrottled")).await;
}

#[tokio::test]
async fn a_large_message_whose_upload_a_gateway_gives_up_on_holds_up_nobody_behind_it() {
    holds_up_nobody_behind_it(GraphMishap::new(504, "")).await;
}

#[tokio::test]
async fn a_bounce_that_its_sender_cannot_get_reaches_the_postmaster_through_graph() {
    const ADMIN: &str = "shared@contoso.example";
    let mut plan =
        Plan { app: "graph-url = \"{graph}\"".into(), signed_in: Vec::new(), ..queued("outbound = \"graph\"") };
    plan.more = format!("[queue]\npostmaster = \"{ADMIN}\"\n");
    let world = World::with(plan).await;
    sign_in_for_graph(&world).await;
    let refuse = |world: &World| {
        let unknown = GraphMishap::new(400, "ErrorInvalidRecipients").times(3);
        world.sandbox.faults().set(|faults| faults.graph.mishap = Some(unknown));
    };
    // The message itself, its notice with the null sender, and that of the mailbox.
    refuse(&world);
    let mut smtp = world.smtp_as_ann().await;
    let id = queue(&mut smtp, "scan").await;
    world.until("the postmaster is told", |world| world.sandbox.submissions().len() == 1).await;
    until_empty(world.dir.path(), 20).await;
    let told = world.only_message();
    assert_eq!(told.recipients, [ADMIN]);
    let text = String::from_utf8_lossy(&told.bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains(&format!("To: <{ADMIN}>\r\n")) && !head.contains(&format!("To: <{ANN}>")), "{head}");
    assert!(body.contains(&format!("<{ANN}> sent a message that could not be delivered")), "{body}");
    assert!(body.contains("Content-Type: multipart/report") && body.contains(&id), "the notice itself: {body}");
}

/// What EHLO shows before the login and behind it.
async fn ehlo(world: &World) -> (Vec<String>, Vec<String>, Talk) {
    async fn shown(smtp: &mut Talk) -> Vec<String> {
        smtp.send(b"EHLO copier\r\n").await;
        let mut lines = vec![smtp.line().await];
        while lines.last().is_some_and(|line| line.starts_with("250-")) {
            lines.push(smtp.line().await);
        }
        lines.iter().map(|line| line[4..].to_owned()).collect()
    }
    let mut smtp = world.smtp().await;
    smtp.expect("220 ").await;
    let before = shown(&mut smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "235 ").await;
    let behind = shown(&mut smtp).await;
    (before, behind, smtp)
}

/// Nobody would look for it: a program that saw DSN would wait for notices that never come.
#[tokio::test]
async fn who_sends_through_graph_is_shown_no_dsn_and_the_log_says_what_was_asked_in_vain() {
    let journal = journal();
    let app = "graph-url = \"{graph}\"\nsmtp-capabilities = [\"8BITMIME\", \"DSN\"]";
    let plan = |outbound: &str| Plan { app: app.into(), ..queued(&format!("outbound = \"{outbound}\"")) };
    for (outbound, shows) in [("smtp-then-graph", true), ("graph", false)] {
        let (before, behind, _) = ehlo(&World::with(plan(outbound)).await).await;
        for lines in [before, behind] {
            assert!(lines.iter().any(|line| line == "8BITMIME"), "{outbound}: {lines:?}");
            assert_eq!(lines.iter().any(|line| line == "DSN"), shows, "{outbound}: {lines:?}");
        }
    }
    let world = world("outbound = \"graph\"").await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}> RET=HDRS"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}> NOTIFY=SUCCESS"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("From: <{ANN}>\r\nTo: <{BOB}>\r\nSubject: dsn\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    let said = smtp.line().await;
    let id = said.strip_prefix("250 2.0.0 Queued as ").unwrap_or_else(|| panic!("{said}"));
    until_empty(world.dir.path(), 20).await;
    let lines = journal.lines(&["DSN parameters dropped", "Microsoft Graph", id]);
    assert!(lines.len() == 1 && lines[0].contains("session="), "{lines:?}");
}

#[tokio::test]
async fn what_graph_says_to_a_queued_message_stands_in_the_log_with_its_id() {
    let journal = journal();
    let world = world("outbound = \"graph\"").await;
    let busy = GraphMishap::new(429, "ApplicationThrottled").retry_after(90).times(1);
    world.sandbox.faults().set(|faults| faults.graph.mishap = Some(busy));
    let mut smtp = world.smtp_as_ann().await;
    let id = queue(&mut smtp, "first busy, then refused").await;
    let told = |words: &str| journal.lines(&[words, &id]);
    world.until("it waits", |_| !told("its mailbox waits").is_empty()).await;
    assert!(told("its mailbox waits")[0].contains("[graph-throttled]"));
    world
        .sandbox
        .faults()
        .set(|faults| faults.graph.mishap = Some(GraphMishap::new(400, "ErrorInvalidRecipients").times(1)));
    let refused = || journal.lines(&["WARN", &id, "ErrorInvalidRecipients"]);
    ahead_until(Duration::from_secs(100), "it is refused", || !refused().is_empty()).await;
    assert!(refused().len() == 1 && refused()[0].contains("session="), "{:?}", refused());
}
