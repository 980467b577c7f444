//! Slows guessing: at most one failed answer every two seconds per source, over any number of connections.
//!
//! A source is an IPv4 address or an IPv6 /64. Attempts queue for a slot before the password is looked at, so that
//! parallel connections gain nothing; a right password gives its slot back. A password that was right before never
//! comes here. Nobody is locked out: another address has its own queue, and a full queue empties within 30 seconds.
//! Loopback waits, but is never turned away.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Distance between two failed answers to one source.
pub const SPACING: Duration = Duration::from_secs(2);
/// The longest queue of one source.
const QUEUE: Duration = Duration::from_secs(30);
/// Sources remembered at most; those whose debt has passed are dropped first.
const SOURCES_CAP: usize = 50_000;

#[derive(Debug, Default)]
pub struct Guesses {
    /// When the next attempt of this source may be looked at.
    next: Mutex<HashMap<IpAddr, Instant>>,
}

/// A turn in the queue of a source. Dropped without [`Slot::refund`], it stays paid: the guess was wrong or given up.
#[derive(Debug)]
#[must_use = "wait for `at` before looking at the password"]
pub struct Slot {
    pub at: Instant,
    source: IpAddr,
}

fn source(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let prefix = u128::from(v6) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        other => other,
    }
}

impl Guesses {
    /// Takes the next free turn, or `None` if the queue of this source is full.
    pub fn queue(&self, peer: IpAddr, now: Instant) -> Option<Slot> {
        let source = source(peer);
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if next.len() >= SOURCES_CAP {
            next.retain(|_, at| *at > now);
        }
        let at = next.get(&source).copied().unwrap_or(now).max(now);
        let wait = at.saturating_duration_since(now);
        if wait > QUEUE {
            if !source.is_loopback() {
                return None;
            }
            return Some(Slot { at: now + QUEUE, source });
        }
        next.insert(source, at + SPACING);
        Some(Slot { at, source })
    }

    /// The password was right: the turn costs nothing.
    pub fn refund(&self, slot: Slot) {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = next.get_mut(&slot.source) {
            match at.checked_sub(SPACING) {
                Some(earlier) => *at = earlier,
                None => _ = next.remove(&slot.source),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[tokio::test(start_paused = true)]
    async fn failures_of_one_source_are_answered_two_seconds_apart_over_any_number_of_connections() {
        let guesses = Guesses::default();
        let now = Instant::now();
        let waits: Vec<_> = (0..4).map(|_| guesses.queue(peer(1), now).unwrap().at - now).collect();
        assert_eq!(waits, [0, 2, 4, 6].map(Duration::from_secs));
        assert_eq!(guesses.queue(peer(2), now).unwrap().at, now, "another address waits for nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_right_password_gives_its_turn_back() {
        let guesses = Guesses::default();
        let now = Instant::now();
        for _ in 0..100 {
            let slot = guesses.queue(peer(1), now).unwrap();
            assert_eq!(slot.at, now);
            guesses.refund(slot);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_turns_away_a_stranger_but_never_loopback_and_empties_by_itself() {
        let guesses = Guesses::default();
        let now = Instant::now();
        let taken = std::iter::from_fn(|| guesses.queue(peer(1), now)).take(100).count();
        assert_eq!(taken, 16);
        assert!(guesses.queue(peer(1), now + Duration::from_secs(33)).is_some());
        for _ in 0..100 {
            assert!(guesses.queue(IpAddr::from([127, 0, 0, 1]), now).unwrap().at <= now + QUEUE);
        }
    }

    #[test]
    fn an_ipv6_source_is_its_network() {
        assert_eq!(source("2001:db8::1".parse().unwrap()), source("2001:db8::ffff:1".parse().unwrap()));
        assert_ne!(source("2001:db8::1".parse().unwrap()), source("2001:db8:0:1::1".parse().unwrap()));
    }
}
