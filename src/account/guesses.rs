//! Slows guessing: at most one failed answer every two seconds per source, over any number of connections.
//!
//! A source is an IPv4 address or an IPv6 /64. Its attempts take turns, one at a time, before the password is looked
//! at, so that parallel connections gain nothing. A right password passes the turn on at once, so that many honest
//! logins after a restart cost a hash each and no pause; a wrong one, or one that was given up, keeps it for two
//! seconds. A password that was right before never comes here. Nobody is locked out: another address has its own
//! turns, and a full queue empties within 20 seconds. Loopback waits like everybody, but is never turned away: a right
//! password is let in when the wait is over, with or without its turn.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Turns, OwnedMutexGuard},
    time::{Instant, sleep_until, timeout},
};

use crate::net::client_network;

/// Distance between two failed answers to one source.
pub const SPACING: Duration = Duration::from_secs(2);
/// The longest wait for a turn; never more than half of the time there is, as the sign-on comes behind it.
const QUEUE: Duration = Duration::from_secs(20);
/// Attempts of one source that wait at most.
const QUEUE_CAP: usize = 200;
/// Sources remembered at most; those that owe nothing are dropped first.
const SOURCES_CAP: usize = 50_000;

/// When the next attempt of a source may be looked at; held by the attempt whose turn it is.
type Lane = Arc<Turns<Instant>>;

#[derive(Debug, Default)]
pub struct Guesses {
    lanes: Mutex<HashMap<IpAddr, Lane>>,
}

/// A turn of a source. Dropped without [`Turn::right`], it costs the pause: the guess was wrong or given up.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub struct Turn {
    /// Absent where loopback waited long enough.
    next: Option<OwnedMutexGuard<Instant>>,
    right: bool,
}

impl Guesses {
    /// Waits for the next turn of this source; `None` if it does not come in time, or if too many wait already (for
    /// loopback an overdue turn instead). Cancel safe: an attempt that is dropped while it waits costs nothing.
    pub async fn turn(&self, peer: IpAddr, deadline: Instant) -> Option<Turn> {
        let patience = QUEUE.min(deadline.saturating_duration_since(Instant::now()) / 2);
        let source = client_network(peer);
        let lane = self.lane(source);
        // The map has one, this attempt another.
        if Arc::strong_count(&lane) > QUEUE_CAP + 2 && !source.is_loopback() {
            return None;
        }
        let wait = async {
            let next = lane.lock_owned().await;
            sleep_until(*next).await;
            next
        };
        match timeout(patience, wait).await {
            Ok(next) => Some(Turn { next: Some(next), right: false }),
            Err(_) => source.is_loopback().then_some(Turn { next: None, right: false }),
        }
    }

    fn lane(&self, source: IpAddr) -> Lane {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= SOURCES_CAP {
            let now = Instant::now();
            lanes.retain(|_, lane| lane.try_lock().map_or(true, |next| *next > now));
        }
        lanes.entry(source).or_insert_with(|| Arc::new(Turns::new(Instant::now()))).clone()
    }
}

impl Turn {
    /// It never came: a right password may still be let in, but a wrong one is not answered as such.
    pub const fn is_overdue(&self) -> bool {
        self.next.is_none()
    }

    /// The password was right: the turn costs nothing.
    pub fn right(mut self) {
        self.right = true;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(next) = &mut self.next {
            **next = Instant::now() + if self.right { Duration::ZERO } else { SPACING };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    /// A deadline that is far away.
    fn late() -> Instant {
        Instant::now() + Duration::from_secs(300)
    }

    async fn waited(guesses: &Guesses, peer: IpAddr) -> (u64, Option<Turn>) {
        let start = Instant::now();
        let turn = guesses.turn(peer, late()).await;
        (start.elapsed().as_secs(), turn)
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_one_source_are_answered_two_seconds_apart_over_any_number_of_connections() {
        let guesses = Arc::new(Guesses::default());
        let parallel: Vec<_> = (0..4)
            .map(|_| {
                let guesses = guesses.clone();
                tokio::spawn(async move { waited(&guesses, peer(1)).await.0 })
            })
            .collect();
        let mut waits = Vec::new();
        for one in parallel {
            waits.push(one.await.unwrap());
        }
        waits.sort();
        assert_eq!(waits, [0, 2, 4, 6]);
        assert_eq!(waited(&guesses, peer(2)).await.0, 0, "another address waits for nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn right_passwords_pass_the_turn_on_at_once() {
        let guesses = Guesses::default();
        for _ in 0..100 {
            let (wait, turn) = waited(&guesses, peer(1)).await;
            assert_eq!(wait, 0);
            turn.unwrap().right();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_waited_for_twenty_seconds_and_on_loopback_it_is_then_overdue() {
        let guesses = Guesses::default();
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let held = (guesses.turn(peer(1), late()).await, guesses.turn(loopback, late()).await);
        assert!(matches!(waited(&guesses, peer(1)).await, (20, None)));
        assert!(matches!(waited(&guesses, loopback).await, (20, Some(turn)) if turn.is_overdue()));
        drop(held);
        assert!(
            matches!(waited(&guesses, peer(1)).await, (2, Some(turn)) if !turn.is_overdue()),
            "it empties by itself"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_for_a_turn_leaves_half_of_the_time_for_the_sign_on() {
        let guesses = Guesses::default();
        let _held = guesses.turn(peer(1), late()).await;
        let start = Instant::now();
        assert!(guesses.turn(peer(1), start + Duration::from_secs(12)).await.is_none());
        assert_eq!(start.elapsed().as_secs(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_cannot_fill_the_memory_with_waiting_attempts() {
        let guesses = Arc::new(Guesses::default());
        let _held = guesses.turn(peer(1), late()).await;
        for _ in 0..QUEUE_CAP {
            let guesses = guesses.clone();
            tokio::spawn(async move { guesses.turn(peer(1), late()).await });
        }
        for _ in 0..QUEUE_CAP {
            tokio::task::yield_now().await;
        }
        assert!(matches!(waited(&guesses, peer(1)).await, (0, None)));
    }

    #[tokio::test(start_paused = true)]
    async fn no_queue_is_too_long_for_loopback_and_its_guesses_stay_two_seconds_apart() {
        let guesses = Arc::new(Guesses::default());
        let attempts: Vec<_> = (0..2 * QUEUE_CAP)
            .map(|_| {
                let guesses = guesses.clone();
                tokio::spawn(async move {
                    let (wait, turn) = waited(&guesses, IpAddr::from([127, 0, 0, 1])).await;
                    (wait, turn.is_some_and(|turn| !turn.is_overdue()))
                })
            })
            .collect();
        let mut answered = 0;
        for attempt in attempts {
            let (wait, came) = attempt.await.unwrap();
            answered += u32::from(came);
            assert!(came || wait == 20, "turned away after {wait} s");
        }
        assert!((10..=11).contains(&answered), "at most one in two seconds: {answered} in 20 s");
    }

    #[test]
    fn an_ipv6_source_is_its_network() {
        let source = |text: &str| client_network(text.parse().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
