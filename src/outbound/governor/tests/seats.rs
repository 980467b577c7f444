//! Who has room for a connection, and who dials.

use super::*;

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
async fn no_room_is_left_for_a_sign_in_that_has_not_asked_for_an_hour() {
    let ledger = mailbox(limits(3, 30, 100));
    drop(ledger.ticket(party("login"), "y"));
    let dials = async |after: Duration| {
        tokio::time::advance(after).await;
        let mut all = Vec::new();
        for _ in 0..3 {
            let mut ticket = ledger.ticket(party("login"), "x");
            all.push((now(&mut ticket).await.is_some(), ticket));
        }
        all.iter().filter(|(has_room, _)| *has_room).count()
    };
    assert_eq!(dials(3599 * SECOND).await, 2);
    assert_eq!(dials(SECOND).await, 3);
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
