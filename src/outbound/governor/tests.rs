//! Who gets room, and when. The clock is paused: minutes cost nothing.

mod day;
mod line;
mod minute;
mod seats;
mod trouble;

use std::time::Duration;

use bytes::BytesMut;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    net::{Carried, Stream},
    outbound::Channel,
};

const SECOND: Duration = Duration::from_secs(1);
const SIGN_IN: &str = "contoso/ann";

fn mailbox(limits: Limits) -> Arc<Ledger> {
    Governor::default().mailbox("ann".into(), limits, Instant::now())
}

fn limits(connections: u32, messages_per_minute: u32, recipients_per_day: u32) -> Limits {
    Limits { connections, messages_per_minute, recipients_per_day }
}

/// By its name.
fn party(name: &str) -> Party {
    match name {
        "queue" => Party::Queue,
        name => Party::Client(name.to_owned()),
    }
}

fn within(time: Duration) -> Instant {
    Instant::now() + time
}

async fn turn(ledger: &Arc<Ledger>, client: &str, until: Instant) -> Option<Turn> {
    timeout_at(until, ledger.ticket(party(client), SIGN_IN).turn()).await.ok()
}

/// Room to dial a connection, for who dials it at once.
async fn seat(ledger: &Arc<Ledger>, client: &str, until: Instant) -> Option<Seat> {
    let mut ticket = ledger.ticket(party(client), SIGN_IN);
    let (seat, _) = by(until, &mut ticket).await?;
    ticket.served(None);
    Some(seat)
}

/// It stands in line, and does not wait yet.
fn lined_up(ledger: &Arc<Ledger>, client: &str, wanted: Wanted) -> Ticket {
    let mut ticket = ledger.ticket(party(client), SIGN_IN);
    ticket.stands_for(wanted);
    ticket
}

async fn now(ticket: &mut Ticket) -> Option<(Seat, Option<Idle>)> {
    by(Instant::now(), ticket).await
}

/// What there is for it by then.
async fn by(until: Instant, ticket: &mut Ticket) -> Option<(Seat, Option<Idle>)> {
    timeout_at(until, ticket.seat()).await.ok()
}

/// How many of the party go at once, of so many.
async fn go_at_once(ledger: &Arc<Ledger>, party: &str, of: u32) -> u32 {
    for went in 0..of {
        let Some(turn) = turn(ledger, party, within(SECOND)).await else { return went };
        turn.sent();
    }
    of
}

async fn idle(sign_in: &str) -> Idle {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let channel = Channel::new(Stream::new(stream).unwrap(), BytesMut::new(), &[], Carried::default());
    Idle {
        channel,
        keywords: Vec::new(),
        sign_in: sign_in.into(),
        signed_in_at: None,
        life: Some(CancellationToken::new()),
        came_up: None,
    }
}

#[tokio::test(start_paused = true)]
async fn mailboxes_that_nobody_uses_are_forgotten_and_no_other() {
    let governor = Governor::default();
    let sent = governor.mailbox("sent".into(), limits(3, 30, 100), Instant::now());
    turn(&sent, "a", within(SECOND)).await.unwrap().sent();
    drop(sent);
    governor.mailbox("slow".into(), limits(3, 30, 100), Instant::now()).slow_down();
    for n in 0..2 * MANY {
        governor.mailbox(n.to_string(), limits(3, 30, 100), Instant::now());
    }
    let all = governor.mailboxes.lock().unwrap();
    assert!(all.len() <= MANY + 2);
    assert!(all.contains_key("sent"));
    assert!(all.contains_key("slow"), "it asked to be left alone");
}

/// A session that was there before the reload may send its next message at any time.
#[tokio::test(start_paused = true)]
async fn the_limits_of_the_latest_configuration_hold_whoever_asks_last() {
    let governor = Governor::default();
    let before = Instant::now();
    let of = |connections, since| governor.mailbox("ann".into(), limits(connections, 30, 100), since);
    let ledger = of(1, before);
    let _held = seat(&ledger, "old", within(SECOND)).await.unwrap();
    tokio::time::advance(SECOND).await;
    let reloaded = Instant::now();
    of(2, reloaded);
    of(1, before);
    let _also = seat(&ledger, "new", within(SECOND)).await.expect("two are allowed by now");
    assert!(seat(&ledger, "new", within(SECOND)).await.is_none());
}

/// As where a mailbox of a whole domain is one of an account too.
#[tokio::test(start_paused = true)]
async fn of_several_limits_in_one_configuration_the_smallest_hold_whoever_asks_last() {
    let governor = Governor::default();
    let (written, later) = (Instant::now(), Instant::now() + SECOND);
    let of = |limits, since| governor.mailbox("ann".into(), limits, since);
    for both in [limits(3, 5, 100), limits(1, 30, 100), limits(3, 5, 100)] {
        of(both, written);
    }
    let ledger = of(limits(3, 30, 100), written);
    let _held = seat(&ledger, "a", within(SECOND)).await.unwrap();
    assert!(seat(&ledger, "a", within(SECOND)).await.is_none());
    assert_eq!(go_at_once(&ledger, "a", 30).await, 5);
    of(limits(3, 30, 100), later);
    assert!(seat(&ledger, "a", within(SECOND)).await.is_some());
    assert_eq!(go_at_once(&ledger, "a", 30).await, 25);
}
