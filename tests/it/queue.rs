//! Mail that waits: what the real daemon makes of it, and what a person sees and does.

use std::{path::Path, time::SystemTime};

use gatepost::{
    spool::{Spool, Spooled},
    store::{Ended, NewMessage, QueueFilter, Store},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    process::run,
    world::{ANN, BOB, Plan, World, settings, stage, until_so},
};

/// As a daemon leaves it that took a message over and was stopped then. Its id.
pub async fn queued(dir: &Path, subject: &str, hold: Option<&str>) -> String {
    queued_as(dir, subject, |message| message.hold = hold.map(str::to_owned)).await
}

/// The same, with something different from the usual.
pub async fn queued_as(dir: &Path, subject: &str, change: impl FnOnce(&mut NewMessage)) -> String {
    let store = Store::open(&settings(dir)).await.unwrap();
    let spool = Spool::open_beside(store.path()).unwrap();
    let mut draft = spool.draft().await.unwrap();
    let text = format!("From: <{ANN}>\r\nTo: <{BOB}>\r\nSubject: {subject}\r\nMessage-ID: <1@x>\r\n\r\n..hello\r\n");
    draft.write(text.as_bytes()).await.unwrap();
    let mut body = draft.finish().await.unwrap();
    let mut message = new_message(&body);
    change(&mut message);
    store.enqueue(&message).await.unwrap();
    body.keep();
    message.id
}

/// From ann to bob, taken over now.
pub fn new_message(body: &Spooled) -> NewMessage {
    NewMessage {
        id: body.name().to_owned(),
        account: ANN.into(),
        client: "3F copier".into(),
        session: 7,
        accepted_at: SystemTime::now(),
        octets: body.octets(),
        mail: format!("MAIL FROM:<{ANN}>"),
        recipients: vec![format!("RCPT TO:<{BOB}>")],
        hold: None,
        bounce: 0,
    }
}

async fn is_empty(dir: &Path) -> bool {
    let store = Store::open(&settings(dir)).await.unwrap();
    let files = std::fs::read_dir(dir.join("gatepost.queue")).unwrap().flatten();
    let bodies = files.filter(|file| file.path().extension().is_some_and(|end| end == "msg")).count();
    let found = store.search_queue(&QueueFilter { most: 10, ..QueueFilter::default() }).await.unwrap();
    found.messages.is_empty() && bodies == 0
}

/// The console's answer to the holder of its token: status and JSON. Behind a start an order waits until the queue is read, as
/// its answer says.
pub async fn api(world: &World, method: &str, path: &str) -> (u16, Value) {
    let mut answer = (503, Value::Null);
    until_so("the queue is read", std::time::Duration::from_secs(20), async || {
        answer = answered(world, method, path).await;
        answer.0 != 503
    })
    .await;
    answer
}

async fn answered(world: &World, method: &str, path: &str) -> (u16, Value) {
    let token = std::fs::read_to_string(world.dir.path().join("gatepost.db.token")).unwrap();
    let mut tcp = TcpStream::connect(world.daemon.console_at().unwrap()).await.unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\
         Authorization: Bearer {token}\r\n\r\n"
    );
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut said = String::new();
    tcp.read_to_string(&mut said).await.unwrap();
    let (head, body) = said.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn a_daemon_delivers_what_the_one_before_it_took_over() {
    let (sandbox, dir, file) = stage(&Plan::default()).await;
    queued(dir.path(), "left behind", None).await;
    let world = World::on(sandbox, dir, &file).await;
    world.until("the delivery", |world| !world.sandbox.submissions().is_empty()).await;
    let message = world.only_message();
    assert_eq!((message.from.as_str(), &message.recipients[..]), (ANN, &[BOB.to_owned()][..]));
    let text = String::from_utf8(message.bytes.to_vec()).unwrap();
    assert!(text.contains("Subject: left behind\r\n") && text.ends_with("\r\n.hello\r\n"), "{text}");
    let counted = "gatepost_queue_deliveries_total{outcome=\"delivered\",reason=\"answered\"} 1";
    world.until("the outcome", |world| world.counts(counted)).await;
    world.metrics_with("gatepost_queue_messages{state=\"waiting\"} 0\n").await;
    let World { daemon, dir, .. } = world;
    daemon.drain().await;
    assert!(is_empty(dir.path()).await, "neither row nor file stays");
}

#[tokio::test]
async fn mail_that_waits_for_a_sign_in_goes_when_somebody_signs_in() {
    let (sandbox, dir, file) = stage(&Plan { signed_in: vec![], ..Plan::default() }).await;
    let id = queued(dir.path(), "patient", None).await;
    let world = World::on(sandbox, dir, &file).await;
    // Of a message that waits, its row alone tells.
    until_so("it was tried", std::time::Duration::from_secs(20), async || {
        let (_, found) = api(&world, "GET", &format!("/api/queue/{id}")).await;
        found["message"]["recipients"][0]["reply"].as_str().unwrap_or_default().contains("sign-in-missing")
    })
    .await;
    assert!(world.sandbox.submissions().is_empty());
    world.sign_in(ANN).await;
    world.until("the delivery", |world| world.sandbox.submissions().len() == 1).await;
}

#[tokio::test]
async fn a_message_on_hold_is_looked_at_and_released_over_http() {
    let (sandbox, dir, file) = stage(&Plan::default()).await;
    let id = queued(dir.path(), "captured", Some("capture")).await;
    let world = World::on(sandbox, dir, &file).await;
    let (status, found) = api(&world, "GET", "/api/queue?recipient=bob&state=held").await;
    assert_eq!((status, found["messages"][0]["id"].as_str()), (200, Some(id.as_str())), "{found}");
    assert_eq!(api(&world, "GET", "/api/queue?client=other").await.1["messages"].as_array().unwrap().len(), 0);
    assert_eq!(api(&world, "GET", "/api/queue?state=lost").await.0, 400);
    let (_, shown) = api(&world, "GET", &format!("/api/queue/{id}")).await;
    assert!(shown["header"].as_str().unwrap().contains("Subject: captured\r\n"), "{shown}");
    assert_eq!(api(&world, "GET", "/api/queue/nothing").await.0, 404);
    assert_eq!(api(&world, "POST", &format!("/api/queue/{id}/retry")).await.1["done"], "held");
    assert!(world.sandbox.submissions().is_empty());
    assert_eq!(api(&world, "POST", &format!("/api/queue/{id}/release")).await.1["done"], "done");
    world.until("the delivery", |world| world.sandbox.submissions().len() == 1).await;
}

#[tokio::test]
async fn without_a_daemon_the_command_works_on_the_store() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let id = queued(dir.path(), "alone", None).await;
    let (code, text, errors) = run(&["queue", "list", "--recipient", "BOB"], &file);
    assert_eq!(code, 0, "{errors}");
    assert!(text.starts_with(&format!("{id}  waiting ")) && text.contains(&format!("{ANN} -> {BOB}")), "{text}");
    assert_eq!(run(&["queue", "list", "--sender", "nobody"], &file).1, "nothing is queued that fits\n");
    let (_, text, _) = run(&["queue", "show", &id], &file);
    assert!(text.contains("taken in by session 7\n") && text.contains("  Subject: alone\n"), "{text}");

    assert_eq!(run(&["queue", "hold", &id], &file).1, format!("{id}: held: nothing is sent until it is released\n"));
    let (code, _, errors) = run(&["queue", "retry", &id], &file);
    assert_eq!(code, 1);
    assert!(errors.contains("is held") && errors.contains(&format!(" queue release {id}")), "{errors}");
    let (_, json, _) = run(&["queue", "list", "--state", "held", "--json"], &file);
    assert_eq!(serde_json::from_str::<Value>(&json).unwrap()["messages"][0]["hold"], "by-hand");
    let (code, released, _) = run(&["queue", "release", &id], &file);
    assert!(code == 0 && released.starts_with(&format!("{id}: released")), "{released}");
    assert_eq!(run(&["queue", "drop", &id], &file).1, format!("{id}: dropped\n"));
    assert!(is_empty(dir.path()).await);
    let (code, _, errors) = run(&["queue", "show", &id], &file);
    assert_eq!(code, 1);
    assert!(errors.contains(&format!("no message {id} in the queue")), "{errors}");
}

/// It said that each goes by itself, and a release kept the pause of before it was held.
#[tokio::test]
async fn without_a_daemon_nothing_is_told_to_go_by_itself_and_what_is_released_goes_next() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let id = queued(dir.path(), "later", None).await;
    let start = format!("`gatepost --config {} run`", file.display());
    let store = Store::open(&settings(dir.path())).await.unwrap();
    let stored = async || store.queued_by_id(&id).await.unwrap().unwrap();
    let later = Ended {
        next_at: Some(SystemTime::now() + std::time::Duration::from_secs(3000)),
        pause: std::time::Duration::from_secs(3000),
        ..Ended::default()
    };
    store.end_attempt(stored().await.sequence, &later).await.unwrap();
    for (lang, waits) in
        [("en", "Nothing goes until the daemon runs"), ("ja", "デーモンを起動するまで、配信されません")]
    {
        let list = run(&["queue", "list", "--lang", lang], &file).1;
        let end = list.lines().last().unwrap();
        assert!(end.starts_with(&format!("{waits} [mail-awaits-daemon]")) && end.contains(&start), "{list}");
        assert!(!list.contains("by itself") && !list.contains("queue retry"), "{list}");
    }
    let goes = format!("goes once the daemon runs; to start it: {start}\n");
    assert_eq!(run(&["queue", "hold", &id], &file).0, 0);
    assert_eq!(run(&["queue", "list"], &file).1.matches("[mail-awaits-daemon]").count(), 0, "it waits for a person");
    assert_eq!(run(&["queue", "release", &id], &file).1, format!("{id}: released, and {goes}"));
    assert_eq!(stored().await.next_at, SystemTime::UNIX_EPOCH);
    assert_eq!(run(&["queue", "retry", &id], &file).1, format!("{id}: {goes}"));
    let japanese = run(&["queue", "retry", &id, "--lang", "ja"], &file).1;
    assert!(japanese.contains("デーモンを起動すると配信されます") && japanese.contains(&start), "{japanese}");
}

/// The daemon has it in its memory: beside it the store is not touched.
#[tokio::test]
async fn a_daemon_that_cannot_be_asked_is_not_gone_behind() {
    let (sandbox, dir, file) = stage(&Plan::default()).await;
    let id = queued(dir.path(), "x", Some("capture")).await;
    let world = World::on(sandbox, dir, &file).await;
    let (code, _, errors) = run(&["queue", "drop", &id], &file);
    assert_eq!(code, 1);
    assert!(errors.contains("a daemon runs on this store"), "{errors}");
    drop(world);
}

/// It ended with 78 although the daemon goes on delivering.
#[tokio::test(flavor = "multi_thread")]
async fn while_its_file_is_refused_the_queue_of_the_daemon_that_runs_on_is_told() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let console = crate::world::own_place();
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replacen("[console]\nlisten = \"127.0.0.1:0\"", &format!("[console]\nlisten = \"{console}\""), 1);
    std::fs::write(&file, &text).unwrap();
    let id = queued(dir.path(), "x", Some("capture")).await;
    let program = crate::process::Program::start(&file).await;
    std::fs::write(&file, text.replacen("[daemon]\n", "[daemon]\nsign-on-second = 4\n", 1)).unwrap();
    let (code, list, errors) = run(&["queue", "list"], &file);
    assert!(code == 0 && list.starts_with(&format!("{id}  held")), "{list}{errors}");
    assert_eq!(run(&["queue", "show", &id], &file).0, 0);
    assert_eq!(run(&["queue", "drop", &id], &file).1, format!("{id}: dropped\n"));
    drop(program);
    let (code, _, errors) = run(&["queue", "list"], &file);
    assert!(code == 78 && errors.contains("sign-on-second"), "nobody runs on with what it read: {errors}");
}
