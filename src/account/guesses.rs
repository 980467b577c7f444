//! Slows guessing: at most one failed answer every two seconds per source, over any number of connections.
//!
//! A source is an IPv4 address or an IPv6 /64. Its attempts take turns, one at a time, before the password is looked
//! at, so that parallel connections gain nothing. A right password passes the turn on at once, so that many honest
//! logins after a restart cost a hash each and no pause; a wrong one, or one that was given up, keeps it for two
//! seconds. A password that was right before never waits. Nobody is locked out: another address has its own turns, a
//! full queue empties within 20 seconds, and who waited in vain and comes back with the same password, as a mail program
//! does and a guesser does not, passes by those who are new.
//!
//! This machine itself is slowed and not refused: an attempt whose turn does not come is *overdue*. Overdue ones are
//! checked one behind another, so that they leave the other places for hashing alone; a right password is let in, and
//! a wrong one is not told as such. All that waits is bounded, also from loopback: beyond the bound, or where the
//! check is not done by the deadline, the answer is [`Refusal::Busy`].

mod places;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Mutex as Turns, MutexGuard, Semaphore},
    time::{Instant, sleep_until, timeout, timeout_at},
};

use self::places::{Place, Places};
use crate::net::{Peer, client_network};

/// Distance between two failed answers to one source.
const SPACING: Duration = Duration::from_secs(2);
/// The longest wait for a turn; never more than half of the time there is, as the sign-on comes behind it.
const QUEUE: Duration = Duration::from_secs(20);
/// Attempts of one source that wait at most.
const QUEUE_CAP: usize = 200;
/// Attempts of this machine that wait or are overdue at most, over all its addresses.
const LOCAL_CAP: usize = 4000;
/// Sources remembered at most; those that owe nothing are dropped first.
const SOURCES_CAP: usize = 50_000;

/// A login and password, as [`super::Passwords::tried`] blinds it.
pub type Tried = [u8; 32];

/// The turns of one source.
#[derive(Debug)]
struct Lane {
    /// When the next attempt may be looked at; held by the attempt whose turn it is. One that is new waits here too, and
    /// those that came back.
    turn: Turns<Instant>,
    /// Where the others that are new wait.
    behind: Turns<()>,
}

impl Lane {
    fn new(next: Instant) -> Self {
        Self { turn: Turns::new(next), behind: Turns::default() }
    }

    async fn next(&self, comes_back: bool) -> MutexGuard<'_, Instant> {
        let _behind = if comes_back { None } else { Some(self.behind.lock().await) };
        let next = self.turn.lock().await;
        // A timer that is due comes with the next tick only.
        if *next > Instant::now() {
            sleep_until(*next).await;
        }
        next
    }
}

#[derive(Debug)]
pub struct Guesses {
    lanes: Mutex<HashMap<IpAddr, Arc<Lane>>>,
    /// Places for attempts of this machine.
    local: Semaphore,
    /// Held by the overdue attempt that is checked.
    overdue: Turns<()>,
    in_vain: Places,
}

/// Why nobody was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    Wrong,
    /// The turn did not come; whether the password was right stays open.
    TooManyGuesses,
    /// No place to wait, or no time to check: nobody looked at the password.
    Busy,
}

impl Default for Guesses {
    fn default() -> Self {
        Self {
            lanes: Mutex::default(),
            local: Semaphore::new(LOCAL_CAP),
            overdue: Turns::default(),
            in_vain: Places::default(),
        }
    }
}

impl Guesses {
    /// One attempt, answered by `deadline`. `remembered` is cheap and asked first, and again when the turn is there:
    /// of two first logins at once, the one that waited finds what the other one taught. `check` is the real work.
    /// Cancel safe: an attempt that is dropped while it waits costs nothing, and one that is dropped later a pause.
    pub async fn attempt<T, E, R, C>(
        &self,
        peer: Peer,
        tried: Tried,
        deadline: Instant,
        remembered: impl Fn() -> R,
        check: impl FnOnce() -> C,
    ) -> Result<T, E>
    where
        E: From<Refusal>,
        R: Future<Output = Result<Option<T>, E>>,
        C: Future<Output = Result<Option<T>, E>>,
    {
        let attempt = async {
            if let Some(found) = remembered().await? {
                return Ok(found);
            }
            let _place =
                if peer.is_local() { Some(self.local.try_acquire().map_err(|_| Refusal::Busy)?) } else { None };
            let lane = self.lane(peer);
            let mut turn = self.turn(lane.as_ref(), peer, tried, deadline).await?;
            let found = match remembered().await? {
                None => check().await?,
                found => found,
            };
            turn.right = found.is_some();
            if !turn.right {
                self.in_vain.answered_wrong((client_network(peer.address.ip()), tried));
            }
            let wrong = if turn.next.is_some() { Refusal::Wrong } else { Refusal::TooManyGuesses };
            found.ok_or(wrong.into())
        };
        timeout_at(deadline, attempt).await.unwrap_or_else(|_| Err(Refusal::Busy.into()))
    }

    /// The next turn of this lane; for this machine an overdue one where it does not come in time.
    async fn turn<'a>(
        &'a self,
        lane: Option<&'a Arc<Lane>>,
        peer: Peer,
        tried: Tried,
        deadline: Instant,
    ) -> Result<Turn<'a>, Refusal> {
        let patience = QUEUE.min(deadline.saturating_duration_since(Instant::now()) / 2);
        let local = peer.is_local();
        if let Some(lane) = lane {
            let place = (client_network(peer.address.ip()), tried);
            let comes_back = self.in_vain.take(&place);
            // The map has one, this attempt another.
            if !local && !comes_back && Arc::strong_count(lane) > QUEUE_CAP + 2 {
                return Err(Refusal::TooManyGuesses);
            }
            let mut wait = Wait { in_vain: &self.in_vain, place, turn_came: false };
            if let Ok(next) = timeout(patience, lane.next(comes_back)).await {
                wait.turn_came = true;
                return Ok(Turn { next: Some(next), right: false, _overdue: None });
            }
        }
        match lane {
            _ if local => Ok(Turn { next: None, right: false, _overdue: Some(self.overdue.lock().await) }),
            None => Err(Refusal::Busy),
            Some(_) => Err(Refusal::TooManyGuesses),
        }
    }

    /// `None` where too many sources are remembered and none of them can be dropped.
    fn lane(&self, peer: Peer) -> Option<Arc<Lane>> {
        let source = client_network(peer.address.ip());
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.len() >= SOURCES_CAP && !lanes.contains_key(&source) {
            let now = Instant::now();
            lanes.retain(|_, lane| Arc::strong_count(lane) > 1 || lane.turn.try_lock().is_ok_and(|next| *next > now));
            if lanes.len() >= SOURCES_CAP {
                return None;
            }
        }
        Some(lanes.entry(source).or_insert_with(|| Arc::new(Lane::new(Instant::now()))).clone())
    }
}

/// An attempt that waits for its turn. Dropped before the turn came, because the time was over, the client gave up or its
/// connection had to make room, it may come back.
struct Wait<'a> {
    in_vain: &'a Places,
    place: Place,
    turn_came: bool,
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if !self.turn_came {
            self.in_vain.keep(self.place);
        }
    }
}

/// A turn of a source. Dropped without a right password, it costs the pause: the guess was wrong or given up.
struct Turn<'a> {
    /// Absent where it is overdue.
    next: Option<MutexGuard<'a, Instant>>,
    right: bool,
    _overdue: Option<MutexGuard<'a, ()>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(next) = &mut self.next {
            **next = Instant::now() + if self.right { Duration::ZERO } else { SPACING };
        }
    }
}

#[cfg(test)]
mod tests;
