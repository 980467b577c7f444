//! A mailbox that is left alone for a while, and what those hear who wait meanwhile.

use super::*;
use crate::{base::Fault, catalog::sign_on::UPSTREAM_THROTTLED};

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

/// Whoever has little patience leaves long before a dial counts as one that hangs.
#[tokio::test(start_paused = true)]
async fn a_dial_that_was_under_way_for_all_of_a_wait_is_what_was_waited_for() {
    let ledger = mailbox(limits(1, 30, 100));
    let waits = ledger.ticket(party("b"), "contoso/ann");
    let room = seat(&ledger, "a", within(SECOND)).await.unwrap();
    let early = Instant::now();
    tokio::time::advance(2 * SECOND).await;
    let _dial = room.dials("contoso/ann");
    tokio::time::advance(SECOND).await;
    let late = Instant::now();
    tokio::time::advance(2 * SECOND).await;
    assert!(matches!(waits.obstacle(late), Some(Obstacle::Hangs(_, since)) if since == 3 * SECOND));
    assert!(waits.obstacle(early).is_none(), "before it others had the room");
}
