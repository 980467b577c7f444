//! Who stands in line, and who is served next.

use std::sync::Mutex;

use tokio::task::JoinSet;

use super::*;

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
