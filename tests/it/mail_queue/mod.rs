//! Mail of the queue, as its clients and its upstream see it: what got its 250 arrives, once, whatever happens between.
//!
//! What the queue makes of its own disk and clock is tested beside its code; here the daemon is the real one, mostly as
//! a process of its own that can be killed.

mod capture;
mod consent;
mod day;
mod devices;
mod disk;
mod graph;
mod kills;
mod noted;
mod outages;
mod patience;
mod refusals;
mod standstill;

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use gatepost::{
    base::Protocol,
    sandbox::{Sandbox, Submission},
    store::{QueueFilter, QueuedMessage, Store, TokenRow},
};

use crate::{
    process::Program,
    world::{ANN, BOB, PASSWORD, Plan, Talk, World, settings, until, until_so},
};

/// Some dials to the sandbox, with all that comes of them.
const A_WHILE: Duration = Duration::from_millis(300);

/// ann's mail is queued, and neither side counts it by the minute.
fn plan() -> Plan {
    queued("limits = { messages-per-minute = 100000 }")
}

fn queued(account: &str) -> Plan {
    let mut plan = Plan { account: format!("delivery = \"queue\"\n{account}"), ..Plan::default() };
    plan.sandbox.faults.smtp.messages_per_minute = None;
    plan
}

/// All that waits, in the order of acceptance.
async fn rows(dir: &Path) -> Vec<QueuedMessage> {
    let store = Store::open(&settings(dir)).await.unwrap();
    store.search_queue(&QueueFilter { most: 10_000, ..QueueFilter::default() }).await.unwrap().messages
}

/// Every file beside the store that holds a body, or a part of one.
fn bodies(dir: &Path) -> Vec<String> {
    let files = std::fs::read_dir(dir.join("gatepost.queue")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".msg")).collect()
}

async fn is_empty(dir: &Path) -> bool {
    rows(dir).await.is_empty() && bodies(dir).is_empty()
}

/// Until neither a row nor a file is left.
async fn until_empty(dir: &Path, seconds: u64) {
    until("the queue is empty", Duration::from_secs(seconds), async || match is_empty(dir).await {
        true => Ok(()),
        false => Err((rows(dir).await, bodies(dir))),
    })
    .await;
}

/// A client that is signed on as ann.
async fn as_ann(program: &Program) -> Talk {
    let mut smtp = program.greeted(Protocol::Smtp).await;
    let said = smtp.login(Protocol::Smtp, ANN, PASSWORD).await;
    assert!(said.starts_with("235 "), "{said}");
    smtp
}

/// Sends a message with this subject; the reply to its end.
async fn send(smtp: &mut Talk, subject: &str) -> String {
    smtp.open_message().await;
    let head = format!("From: <{ANN}>\r\nTo: <{BOB}>\r\nSubject: {subject}\r\n\r\n");
    smtp.send(format!("{head}text of {subject}\r\n.\r\n").as_bytes()).await;
    smtp.line().await
}

/// The same where it is taken over; its id.
async fn queue(smtp: &mut Talk, subject: &str) -> String {
    let said = send(smtp, subject).await;
    said.strip_prefix("250 2.0.0 Queued as ").unwrap_or_else(|| panic!("{subject}: {said}")).to_owned()
}

pub(super) fn subject(message: &Submission) -> String {
    let text = String::from_utf8_lossy(&message.bytes).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("Subject: "));
    line.unwrap_or_else(|| panic!("no subject: {text}")).to_owned()
}

/// The subjects of what arrived upstream, in the order of arrival.
fn arrived(sandbox: &Sandbox) -> Vec<String> {
    sandbox.submissions().iter().map(subject).collect()
}

/// How often each arrived.
fn copies(sandbox: &Sandbox) -> BTreeMap<String, usize> {
    let mut copies = BTreeMap::new();
    for subject in arrived(sandbox) {
        *copies.entry(subject).or_default() += 1;
    }
    copies
}

/// Puts the clock of everything in this process ahead, the daemon's and the sandbox's, and gives a while to what is due. For
/// steps on the way and for what must not happen: nothing tells the end of either. A while that is too short hides a fault then,
/// and never makes one up. What is to happen is waited for, see [`ahead_until`].
pub(super) async fn ahead(by: Duration) {
    jump(by).await;
    tokio::time::sleep(A_WHILE).await;
}

/// The same where it is known what is to happen: waits for that, and no longer.
async fn ahead_until(by: Duration, what: &str, happened: impl Fn() -> bool) {
    jump(by).await;
    until_so(what, Duration::from_secs(20), async || happened()).await;
}

/// So many steps at most until it happened: what is under way at a jump may begin to wait behind it.
async fn by_steps(step: Duration, most: usize, what: &str, happened: impl Fn() -> bool) {
    for _ in 0..most {
        if happened() {
            return;
        }
        ahead(step).await;
    }
    until_so(what, Duration::from_secs(20), async || happened()).await;
}

/// How many the queue has delivered, and knows of it: the minute of what was sent counts from there.
fn delivered(world: &World) -> usize {
    const LINE: &str = "gatepost_queue_deliveries_total{outcome=\"delivered\",reason=\"answered\"} ";
    let text = world.daemon.meter().text();
    text.lines().find_map(|line| line.strip_prefix(LINE)).map_or(0, |count| count.parse().unwrap())
}

/// Puts the clock ahead in steps until all of them went: so many at once, as many again with each minute, and never more.
async fn go_by_the_minute(world: &World, all: usize, a_minute: usize, look: impl AsyncFn()) {
    // This clock is the one that is put ahead, and time that really passes counts as well.
    let start = tokio::time::Instant::now();
    let sent = || world.sandbox.submissions().len();
    let allowed = || a_minute + a_minute * usize::try_from(start.elapsed().as_secs() / 60).unwrap();
    // With the second for clocks that differ: what is due now is on its way, and the next minute waits until it has gone.
    let due = || a_minute + a_minute * usize::try_from(start.elapsed().as_secs() / 62).unwrap();
    let most = Duration::from_secs(60) * u32::try_from(all.div_ceil(a_minute) + 5).unwrap();
    while sent() < all {
        let seen = Instant::now();
        while sent() < due().min(all) && seen.elapsed() < Duration::from_secs(20) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        look().await;
        // In this order: what is allowed only grows.
        let (sent, allowed) = (sent(), allowed());
        assert!(sent <= allowed, "{sent} of them went in {:?}", start.elapsed());
        assert!(start.elapsed() < most, "{sent} of them went in {:?}", start.elapsed());
        jump(Duration::from_secs(10)).await;
    }
}

pub(super) async fn jump(by: Duration) {
    tokio::time::pause();
    tokio::time::advance(by).await;
    tokio::time::resume();
}

/// ann consented to SMTP and to Graph.
async fn sign_in_for_graph(world: &World) {
    let graph = ["https://graph.microsoft.com/Mail.Send", "https://graph.microsoft.com/Mail.ReadWrite"];
    let scopes = [&["https://outlook.office.com/SMTP.Send", "offline_access"][..], &graph].concat();
    let refresh = Some(world.sandbox.issue_refresh_token_for(ANN, &scopes));
    let row = TokenRow { refresh, signed_in_at: Some(SystemTime::now()), ..TokenRow::default() };
    let (store, key) = (Store::open(&world.store_settings()).await.unwrap(), format!("contoso/{ANN}"));
    assert!(store.save_token(&key, store.version(&key).await.unwrap(), &row).await.unwrap());
}
