//! Who gets room, and when. The clock is paused: minutes cost nothing.

use std::{sync::Mutex, time::Duration};

use bytes::BytesMut;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, timeout_at},
};

use super::*;
use crate::{
    base::Fault,
    catalog::sign_on::UPSTREAM_THROTTLED,
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

#[tokio::test(start_paused = true)]
async fn the_fourth_connection_waits_for_one_of_three_and_no_longer_than_it_was_told_to() {
    let ledger = mailbox(limits(3, 30, 100));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(seat(&ledger, "copier", within(SECOND)).await.unwrap());
    }
    let start = Instant::now();
    assert!(seat(&ledger, "copier", within(20 * SECOND)).await.is_none());
    assert_eq!(start.elapsed(), 20 * SECOND);
    let waits = tokio::spawn({
        let ledger = ledger.clone();
        async move { seat(&ledger, "copier", within(20 * SECOND)).await.is_some() }
    });
    tokio::time::sleep(5 * SECOND).await;
    held.pop();
    assert!(waits.await.unwrap());
    assert_eq!(start.elapsed(), 25 * SECOND, "room is taken as soon as it is there");
}

#[tokio::test(start_paused = true)]
async fn the_thirty_first_message_waits_until_the_first_is_a_minute_old() {
    let ledger = mailbox(limits(3, 30, 100));
    let start = Instant::now();
    for _ in 0..30 {
        turn(&ledger, "monitor", within(SECOND)).await.unwrap().sent();
    }
    assert!(turn(&ledger, "monitor", within(20 * SECOND)).await.is_none());
    turn(&ledger, "monitor", within(60 * SECOND)).await.unwrap().sent();
    assert_eq!(start.elapsed(), 61 * SECOND);
}

/// How many of the party go at once, of so many.
async fn go_at_once(ledger: &Arc<Ledger>, party: &str, of: u32) -> u32 {
    for went in 0..of {
        let Some(turn) = turn(ledger, party, within(SECOND)).await else { return went };
        turn.sent();
    }
    of
}

#[tokio::test(start_paused = true)]
async fn the_queue_leaves_the_last_tenth_of_a_minute_to_clients_where_one_asked_within_a_day() {
    for (allowed, left) in [(30, 3), (11, 2), (2, 1), (1, 0)] {
        let ledger = mailbox(limits(3, allowed, 100_000));
        assert_eq!(go_at_once(&ledger, "queue", 100).await, allowed, "no client is known");
        assert_eq!(go_at_once(&ledger, "copier", 1).await, 0);
        tokio::time::sleep(62 * SECOND).await;
        assert_eq!(go_at_once(&ledger, "queue", 100).await, allowed - left);
        let mut waits = ledger.ticket(party("queue"), SIGN_IN);
        assert!(timeout_at(within(SECOND), waits.turn()).await.is_err());
        assert_eq!(go_at_once(&ledger, "copier", 100).await, left, "past a queue that waits");
        let start = Instant::now();
        drop(waits.turn().await);
        assert!(start.elapsed() < 61 * SECOND, "as soon as its first is a minute old");
        drop(waits);
        tokio::time::sleep(24 * 3600 * SECOND).await;
        assert_eq!(go_at_once(&ledger, "queue", 100).await, allowed, "it did not come again");
    }
}

/// What is left to clients is no right to all there is.
#[tokio::test(start_paused = true)]
async fn a_queue_beside_a_client_that_sends_all_it_may_has_half_of_each_minute() {
    let ledger = mailbox(limits(3, 10, 100_000));
    let sent = Arc::new(Mutex::new(Vec::new()));
    let sends_on_and_on = |name: &'static str| {
        let (ledger, sent) = (ledger.clone(), sent.clone());
        tokio::spawn(async move {
            loop {
                turn(&ledger, name, within(1000 * SECOND)).await.unwrap().sent();
                sent.lock().unwrap().push(name);
                tokio::time::sleep(SECOND).await;
            }
        })
    };
    let both = [sends_on_and_on("program"), sends_on_and_on("queue")];
    tokio::time::sleep(610 * SECOND).await;
    both.iter().for_each(|one| one.abort());
    let sent = sent.lock().unwrap();
    let of_queue = sent.iter().filter(|name| **name == "queue").count();
    assert!(sent.len() >= 100 && of_queue.abs_diff(sent.len() / 2) <= 5, "{of_queue} of {}", sent.len());
}

#[tokio::test(start_paused = true)]
async fn a_message_that_takes_long_counts_from_its_end_and_one_that_was_not_sent_does_not_count() {
    let ledger = mailbox(limits(3, 1, 100));
    let long = turn(&ledger, "scanner", within(SECOND)).await.unwrap();
    assert!(turn(&ledger, "scanner", within(300 * SECOND)).await.is_none(), "it is still under way");
    long.sent();
    let start = Instant::now();
    let unsent = turn(&ledger, "scanner", within(300 * SECOND)).await.unwrap();
    assert_eq!(start.elapsed(), 61 * SECOND);
    drop(unsent);
    turn(&ledger, "scanner", within(SECOND)).await.unwrap();
    assert_eq!(start.elapsed(), 61 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_hundred_sessions_does_not_hold_up_one_with_a_single_one() {
    let ledger = mailbox(limits(1, 1000, 1000));
    let first = seat(&ledger, "monitor", within(SECOND)).await.unwrap();
    let served = Arc::new(Mutex::new(Vec::new()));
    let mut sessions = JoinSet::new();
    for client in std::iter::repeat_n("monitor", 100).chain(["copier", "scanner", "copier"]) {
        let (ledger, served) = (ledger.clone(), served.clone());
        sessions.spawn(async move {
            let seat = seat(&ledger, client, within(1000 * SECOND)).await.unwrap();
            served.lock().unwrap().push(client);
            tokio::time::sleep(SECOND).await;
            drop(seat);
        });
        // Each is in line before the next comes.
        tokio::task::yield_now().await;
    }
    drop(first);
    sessions.join_all().await;
    let served = served.lock().unwrap();
    assert_eq!(served[..5], ["monitor", "copier", "scanner", "monitor", "copier"]);
    assert_eq!(served.len(), 103);
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_leaves_no_hole_in_the_line() {
    let ledger = mailbox(limits(1, 30, 100));
    let held = seat(&ledger, "a", within(SECOND)).await.unwrap();
    let wait = |client: &'static str, seconds: u32| {
        let ledger = ledger.clone();
        tokio::spawn(async move { seat(&ledger, client, within(seconds * SECOND)).await.is_some() })
    };
    let (first, second, third) = (wait("a", 100), wait("a", 1), wait("b", 100));
    tokio::task::yield_now().await;
    first.abort();
    assert!(!second.await.unwrap());
    drop(held);
    assert!(third.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_mailbox_that_was_asked_to_slow_down_is_left_alone_for_longer_each_time() {
    let ledger = mailbox(limits(3, 30, 100));
    let mut pauses = Vec::new();
    for _ in 0..7 {
        ledger.slow_down();
        let start = Instant::now();
        seat(&ledger, "a", within(300 * SECOND)).await.unwrap();
        pauses.push(start.elapsed().as_secs());
    }
    assert_eq!(pauses, [2, 4, 8, 16, 32, 60, 60]);
}

/// Several dials go out together.
#[tokio::test(start_paused = true)]
async fn refusals_of_one_wave_slow_the_mailbox_down_once() {
    let ledger = mailbox(limits(3, 30, 100));
    let mut pauses = Vec::new();
    for _ in 0..3 {
        (0..3).for_each(|_| ledger.slow_down());
        let start = Instant::now();
        seat(&ledger, "a", within(300 * SECOND)).await.unwrap();
        pauses.push(start.elapsed().as_secs());
    }
    assert_eq!(pauses, [2, 4, 8]);
}

/// Nobody dials then, so whoever asks waits behind the refusal that came before.
#[tokio::test(start_paused = true)]
async fn who_waits_while_the_mailbox_is_left_alone_hears_why_and_who_asks_later_does_not() {
    let ledger = mailbox(limits(3, 30, 100));
    let room = seat(&ledger, "a", within(SECOND)).await.unwrap();
    let dial = room.dials("contoso/ann");
    room.slow_down();
    room.has_dialled(&dial, Some(&UPSTREAM_THROTTLED.fault()));
    drop(room);
    tokio::time::advance(SECOND).await;
    let known = |sign_in| match ledger.ticket(party("a"), sign_in).obstacle(Instant::now())? {
        Obstacle::Failed(fault) => Some(fault.id),
        Obstacle::Hangs(..) | Obstacle::OthersHang(_) => None,
    };
    assert_eq!(known("contoso/ann"), Some(UPSTREAM_THROTTLED.id));
    assert_eq!(known("contoso/bob"), None, "it may be theirs alone");
    tokio::time::advance(2 * SECOND).await;
    assert_eq!(known("contoso/ann"), None, "the mailbox may be dialled again");
}

/// While its client dials elsewhere the room is another client's to take; once that is over it is the first one's again,
/// whom the room that came free did not wake.
#[tokio::test(start_paused = true)]
async fn who_is_next_to_dial_because_another_of_its_client_dials_no_more_hears_of_it() {
    let ledger = mailbox(limits(3, 30, 100));
    let tickets = ["other", "copier", "copier", "scanner"].map(|client| ledger.ticket(party(client), SIGN_IN));
    let [mut other, mut first, mut second, mut last] = tickets;
    let _others = now(&mut other).await.unwrap();
    let of_first = now(&mut first).await.unwrap();
    let of_second = now(&mut second).await.unwrap();
    first.has_dialled();
    drop(of_first);
    let _used = seat(&ledger, "scanner", within(SECOND)).await.unwrap();
    let first = tokio::spawn(async move { first.seat().await });
    let last = tokio::spawn(async move { last.seat().await });
    tokio::task::yield_now().await;
    drop(of_second);
    second.has_dialled();
    assert!(tokio::time::timeout(SECOND, first).await.is_ok(), "there is room, and it is its turn");
    last.abort();
}

#[tokio::test(start_paused = true)]
async fn the_days_recipients_are_counted_over_all_messages_and_come_back_a_day_later() {
    let ledger = mailbox(limits(3, 30, 3));
    let mut one = turn(&ledger, "a", within(SECOND)).await.unwrap();
    let mut other = turn(&ledger, "b", within(SECOND)).await.unwrap();
    one.note_recipient();
    one.note_recipient();
    other.note_recipient();
    assert!(!one.has_room() && !other.has_room());
    drop(other);
    assert!(one.has_room(), "what was not sent does not count");
    one.note_recipient();
    one.sent();
    let next = turn(&ledger, "a", within(SECOND)).await.unwrap();
    assert!(!next.has_room());
    tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    assert!(next.has_room());
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

#[tokio::test(start_paused = true)]
async fn room_to_dial_goes_to_each_client_in_turn_and_who_has_it_stands_in_line_as_before() {
    let ledger = mailbox(limits(3, 30, 100));
    let mut tickets = ["monitor", "monitor", "monitor", "copier"].map(|client| ledger.ticket(party(client), SIGN_IN));
    let mut full = Vec::new();
    for _ in 0..3 {
        full.push(seat(&ledger, "scanner", within(SECOND)).await.unwrap());
    }
    for ticket in &mut tickets {
        assert!(now(ticket).await.is_none(), "there is no room");
    }
    let [first, second, third, other] = &mut tickets;
    full.pop();
    let (held, _) = now(first).await.unwrap();
    full.pop();
    assert!(now(second).await.is_none(), "the other client dials before it");
    let _dialled = now(other).await.unwrap();
    full.pop();
    let failed = now(second).await.unwrap();
    assert!(now(third).await.is_none() && held.is_wanted(), "three are open");
    second.has_dialled();
    drop(failed);
    assert!(now(third).await.is_none(), "who stands before it dials again");
    assert!(now(second).await.is_some());
    drop(tickets);
    let mut ticket = ledger.ticket(party("monitor"), SIGN_IN);
    let _dials = now(&mut ticket).await.unwrap();
    assert!(!held.is_wanted(), "who dials takes what is left over, and wants nobody to leave it");
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

async fn idle(sign_in: &str) -> Idle {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let channel = Channel::new(Stream::new(stream).unwrap(), BytesMut::new(), &[], Carried::default());
    Idle { channel, keywords: Vec::new(), sign_in: sign_in.into(), signed_in_at: None, came_up: None }
}

/// Two apps for one mailbox: what is of no use to the first is no reason for its owner to dial again and again.
#[tokio::test(start_paused = true)]
async fn what_is_left_over_goes_to_the_first_of_its_own_sign_in_and_another_takes_its_room_alone() {
    let ledger = mailbox(limits(2, 30, 100));
    let [mut hangs, mut dials] = ["x", "y"].map(|sign_in| ledger.ticket(party(sign_in), sign_in));
    let (_hangs, none) = now(&mut hangs).await.unwrap();
    assert!(none.is_none());
    let (seat, _) = now(&mut dials).await.unwrap();
    dials.has_dialled();
    seat.park(idle("y").await);
    assert!(now(&mut hangs).await.is_none(), "it is of no use to who asked first");
    let (seat, left_over) = now(&mut dials).await.unwrap();
    assert_eq!(left_over.map(|idle| idle.sign_in).as_deref(), Some("y"));
    dials.served(None);
    seat.park(idle("y").await);
    let mut other = ledger.ticket(party("z"), "z");
    let (_room, of_another) = now(&mut other).await.unwrap();
    assert_eq!(of_another.map(|idle| idle.sign_in).as_deref(), Some("y"), "there is no other room");
}

/// One that hangs does so for as long as a sign-on may take.
#[tokio::test(start_paused = true)]
async fn a_sign_in_whose_dials_hang_leaves_room_for_every_other_that_uses_the_mailbox() {
    let dials = |sign_ins: Vec<&'static str>, connections| async move {
        let ledger = mailbox(limits(connections, 30, 100));
        // Some day before.
        sign_ins.iter().for_each(|sign_in| drop(ledger.ticket(party("login"), sign_in)));
        let mut hang = Vec::new();
        for sign_in in sign_ins.iter().flat_map(|sign_in| [sign_in; 4]) {
            let mut ticket = ledger.ticket(party("login"), sign_in);
            let room = now(&mut ticket).await;
            hang.push((*sign_in, ticket, room));
        }
        hang.iter().filter_map(|(sign_in, _, room)| room.as_ref().map(|_| *sign_in)).collect::<Vec<_>>()
    };
    assert_eq!(dials(vec!["x"], 3).await, ["x", "x", "x"]);
    assert_eq!(dials(vec!["x", "y"], 3).await, ["x", "x", "y"]);
    assert_eq!(dials(vec!["x", "y", "z"], 3).await, ["x", "y", "z"]);
    assert_eq!(dials(vec!["x", "y"], 1).await, ["x"]);
}

#[tokio::test(start_paused = true)]
async fn room_goes_first_to_a_sign_in_that_nobody_dials_for() {
    let ledger = mailbox(limits(3, 30, 100));
    let mut tickets = [("a", "x"), ("b", "x"), ("c", "y")].map(|(client, of)| ledger.ticket(party(client), of));
    let full = [(); 3].map(|()| ledger.ticket(party("scanner"), "x"));
    let mut held = Vec::new();
    for mut ticket in full {
        held.push(now(&mut ticket).await.unwrap());
        ticket.served(None);
    }
    for ticket in &mut tickets {
        assert!(now(ticket).await.is_none(), "there is no room");
    }
    let [first, second, other] = &mut tickets;
    held.pop();
    let _hangs = now(first).await.unwrap();
    held.pop();
    assert!(now(second).await.is_none());
    let _dials = now(other).await.unwrap();
}

/// Somebody else's sign-on that works says nothing of it.
#[tokio::test(start_paused = true)]
async fn how_a_sign_on_failed_is_known_until_one_of_the_same_sign_in_works() {
    let ledger = mailbox(limits(3, 30, 100));
    let [ann, bob] = ["contoso/ann", "contoso/bob"];
    let (waits, asked) = (ledger.ticket(party("a"), ann), Instant::now());
    let ends = async |sign_in: &str, failed: Option<&Fault>| {
        let mut ticket = ledger.ticket(party("b"), sign_in);
        let (seat, _) = now(&mut ticket).await.unwrap();
        seat.has_dialled(&seat.dials(sign_in), failed);
    };
    let is_told = || matches!(waits.obstacle(asked), Some(Obstacle::Failed(_)));
    ends(ann, Some(&UPSTREAM_THROTTLED.fault())).await;
    ends(bob, None).await;
    assert!(is_told());
    ends(ann, None).await;
    assert!(!is_told());
}

/// As couriers of the queue do: who has read its row first is not who was sent out first.
#[tokio::test(start_paused = true)]
async fn who_lined_up_first_is_not_overtaken_though_it_begins_to_wait_later_and_holds_up_no_other_client() {
    for wanted in [Wanted::Seat, Wanted::Turn] {
        let ledger = mailbox(limits(1, 30, 100));
        let served = Arc::new(Mutex::new(Vec::new()));
        let waits = |name: &'static str, mut ticket: Ticket| {
            let served = served.clone();
            tokio::spawn(async move {
                match wanted {
                    Wanted::Seat => {
                        let (seat, _) = ticket.seat().await;
                        served.lock().unwrap().push(name);
                        ticket.served(None);
                        drop(seat);
                    }
                    Wanted::Turn => {
                        let turn = ticket.turn().await;
                        served.lock().unwrap().push(name);
                        drop(turn);
                    }
                }
            })
        };
        let [first, gone, second] = [(); 3].map(|()| lined_up(&ledger, "queue", wanted));
        let second = waits("second", second);
        tokio::time::sleep(SECOND).await;
        assert!(served.lock().unwrap().is_empty(), "{wanted:?}: nobody is in the way but who does not look yet");
        waits("another client", ledger.ticket(party("copier"), SIGN_IN)).await.unwrap();
        waits("first", first).await.unwrap();
        tokio::time::sleep(SECOND).await;
        drop(gone);
        second.await.unwrap();
        assert_eq!(*served.lock().unwrap(), ["another client", "first", "second"], "{wanted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_to_a_line_stands_in_it_by_its_number() {
    let ledger = mailbox(limits(1, 30, 100));
    let mut first = ledger.ticket(party("queue"), SIGN_IN);
    let (seat, _) = now(&mut first).await.unwrap();
    first.served(Some(Wanted::Turn));
    let mut second = ledger.ticket(party("queue"), SIGN_IN);
    assert!(now(&mut second).await.is_none(), "there is no room");
    let turn = first.turn().await;
    // Its connection was dead.
    first.stands_for(Wanted::Seat);
    drop((seat, turn));
    assert!(now(&mut second).await.is_none());
    assert!(now(&mut first).await.is_some());
}

/// Each holds a connection: whoever stands behind one that lent its own would go before it.
#[tokio::test(start_paused = true)]
async fn of_those_who_wait_for_a_turn_the_last_lends_its_connection_at_once_where_another_client_has_none() {
    let ledger = mailbox(limits(2, 1, 100));
    turn(&ledger, "queue", within(SECOND)).await.unwrap().sent();
    let [mut first, mut last] = ["queue"; 2].map(|client| ledger.ticket(party(client), SIGN_IN));
    let mut held = Vec::new();
    for ticket in [&mut first, &mut last] {
        held.push(now(ticket).await.unwrap());
        ticket.served(Some(Wanted::Turn));
    }
    let mut own = ledger.ticket(party("queue"), SIGN_IN);
    assert!(now(&mut own).await.is_none());
    let lends = |(mut ticket, seat, spare): (Ticket, Seat, Idle)| {
        tokio::spawn(async move {
            let lends = ticket.turn_or_lend().await.is_none();
            if lends {
                seat.park(spare);
            }
            (lends, ticket)
        })
    };
    let (of_last, of_first) = (held.pop().unwrap().0, held.pop().unwrap().0);
    let first = lends((first, of_first, idle(SIGN_IN).await));
    let last = lends((last, of_last, idle(SIGN_IN).await));
    tokio::time::sleep(SECOND).await;
    assert!(!first.is_finished() && !last.is_finished(), "nobody but their own lacks one");
    let start = Instant::now();
    let mut program = ledger.ticket(party("program"), SIGN_IN);
    let waits = tokio::spawn(async move { program.seat().await });
    let (has_lent, last) = last.await.unwrap();
    assert!(has_lent && start.elapsed() == Duration::ZERO && !first.is_finished());
    assert!(now(&mut own).await.is_none(), "whoever lent stands before it");
    assert!(waits.await.unwrap().1.is_some());
    let (has_lent, _first) = first.await.unwrap();
    assert!(!has_lent && start.elapsed() == 60 * SECOND, "it had its turn");
    drop(last);
}
