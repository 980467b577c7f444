//! The messages of one mailbox, each where the next question finds it without a search.
//!
//! Those that were never tried go in the order of acceptance, and those that are tried again when their pause is over;
//! every fourth turn is theirs, so that neither waits for the other for ever. What a person wants tried goes before all of
//! them. A lane whose way out is shut as a whole rests, then lets one message look whether it is open again.

use std::{
    collections::BTreeSet,
    ops::RangeBounds,
    time::{Duration, SystemTime},
};

use super::{
    clock::Tick,
    schedule::{Entry, Place},
};
use crate::base::Fault;

/// Of so many turns one is a retry's, where both kinds wait.
const RETRY_TURN: u32 = 4;

/// So many at most stand aside for a disk that does not answer them: where it answers none, no more are sent to it.
const ASIDE: usize = 16;

/// Why a lane rests.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub fault: Fault,
    /// How often in a row somebody asked in vain.
    pub times: u32,
    pub until: Tick,
    /// Not before then, whoever wants it: the mail server said so.
    pub asked: Tick,
    /// When somebody asked in vain.
    pub last: Tick,
    pub since: SystemTime,
    /// A person wants somebody to look now. Whatever that one meets, it is no further time.
    pub is_by_hand: bool,
}

impl Trouble {
    /// `apart`: so long behind who asked last.
    pub fn looks_by_hand(&mut self, now: Tick, apart: Duration) {
        self.until = self.until.min(now.max(self.asked).max(self.last.after(apart)));
        self.is_by_hand = true;
    }
}

#[derive(Debug, Default)]
pub struct Lane {
    wanted: BTreeSet<i64>,
    fresh: BTreeSet<i64>,
    later: BTreeSet<(Tick, i64)>,
    /// Those of them whose pause is over: in the order of acceptance, whosever ended first.
    due: BTreeSet<i64>,
    /// All of these, by how long they were tried.
    by_age: BTreeSet<(Duration, i64)>,
    /// All of them and what is out.
    tried: BTreeSet<i64>,
    held: BTreeSet<i64>,
    /// With a courier.
    out: BTreeSet<i64>,
    /// Those of them that wait for a disk, and take no seat.
    aside: BTreeSet<i64>,
    /// Those of them that a person wants and that wait for their way: until they begin, nobody else goes.
    ahead: BTreeSet<i64>,
    turns: u32,
    pub trouble: Option<Trouble>,
    /// How many deliveries at once; 0: its account is not in the configuration.
    seats: usize,
    /// Since when there are none, at the latest.
    gone_since: Option<SystemTime>,
}

impl Lane {
    /// How many deliveries at once from now on. `when`: since then at the latest, where there are none. How many before.
    pub fn seat(&mut self, seats: usize, when: SystemTime) -> usize {
        self.gone_since = (seats == 0).then(|| self.gone_since.unwrap_or(when));
        std::mem::replace(&mut self.seats, seats)
    }

    /// Since when its account is not in the configuration.
    pub const fn gone_since(&self) -> Option<SystemTime> {
        self.gone_since
    }

    pub fn put(&mut self, sequence: i64, entry: &Entry) {
        match entry.place {
            Place::Held => {
                self.held.insert(sequence);
                return;
            }
            Place::InLine | Place::UnderWay => {
                self.out.insert(sequence);
                if entry.is_aside {
                    self.aside.insert(sequence);
                }
                if entry.is_ahead() {
                    self.ahead.insert(sequence);
                }
            }
            Place::Wanted => drop(self.wanted.insert(sequence)),
            Place::Fresh => drop(self.fresh.insert(sequence)),
            Place::Later(due) => drop(self.later.insert((due, sequence))),
        }
        self.tried.insert(sequence);
        if matches!(entry.place, Place::Wanted | Place::Fresh | Place::Later(_)) {
            self.by_age.insert((entry.tried_since(), sequence));
        }
    }

    /// `entry` is as it was when it was put there.
    pub fn take(&mut self, sequence: i64, entry: &Entry) {
        match entry.place {
            Place::Held => drop(self.held.remove(&sequence)),
            Place::InLine | Place::UnderWay => {
                self.out.remove(&sequence);
                self.aside.remove(&sequence);
                self.ahead.remove(&sequence);
            }
            Place::Wanted => drop(self.wanted.remove(&sequence)),
            Place::Fresh => drop(self.fresh.remove(&sequence)),
            Place::Later(due) => {
                if !self.later.remove(&(due, sequence)) {
                    self.due.remove(&sequence);
                }
            }
        }
        self.tried.remove(&sequence);
        self.by_age.remove(&(entry.tried_since(), sequence));
    }

    pub fn is_empty(&self) -> bool {
        self.tried.is_empty() && self.held.is_empty()
    }

    /// Those that couriers have.
    pub fn out(&self) -> impl Iterator<Item = i64> {
        self.out.iter().copied()
    }

    /// In no order.
    pub fn all(&self) -> Vec<i64> {
        self.tried.iter().chain(&self.held).copied().collect()
    }

    /// Those that are not held.
    pub fn waiting(&self) -> usize {
        self.tried.len()
    }

    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// The first that was accepted of those that are not held.
    pub fn oldest(&self) -> Option<i64> {
        self.tried.first().copied()
    }

    /// Those whose pause is over within these.
    pub fn pausing(&self, ends: &impl RangeBounds<Tick>) -> Vec<i64> {
        self.later.iter().filter(|(due, _)| ends.contains(due)).map(|(_, sequence)| *sequence).collect()
    }

    /// One that was tried since then or before, where the way out is shut and the account is there.
    pub fn shut_since(&self, since: Duration) -> Option<i64> {
        let is_shut = self.trouble.is_some() && self.seats > 0;
        let (tried_since, sequence) = self.by_age.first().filter(|_| is_shut)?;
        (*tried_since <= since).then_some(*sequence)
    }

    /// No seat is free; while the lane is in trouble there is one, for who goes and looks.
    fn is_full(&self) -> bool {
        let seats = if self.trouble.is_some() { self.seats.min(1) } else { self.seats };
        self.out.len() - self.aside.len().min(ASIDE) >= seats
    }

    /// The next message, if one may go now.
    pub fn next(&mut self, now: Tick) -> Option<i64> {
        if self.is_full() || self.trouble.as_ref().is_some_and(|trouble| trouble.until > now) {
            return None;
        }
        if let Some(wanted) = self.wanted.first() {
            return Some(*wanted);
        }
        if !self.ahead.is_empty() {
            return None;
        }
        while let Some((_, sequence)) = self.later.first().copied().filter(|(due, _)| *due <= now) {
            self.later.pop_first();
            self.due.insert(sequence);
        }
        let (fresh, retry) = (self.fresh.first().copied(), self.due.first().copied());
        let is_retrys_turn = (self.turns + 1).is_multiple_of(RETRY_TURN);
        if is_retrys_turn { retry.or(fresh) } else { fresh.or(retry) }
    }

    /// It had a turn.
    pub fn turned(&mut self) {
        self.turns = (self.turns + 1) % RETRY_TURN;
    }

    /// When something may go that may not yet.
    pub fn due(&self) -> Option<Tick> {
        if self.is_full() || (self.wanted.is_empty() && !self.ahead.is_empty()) {
            return None;
        }
        let may_go = [&self.wanted, &self.fresh, &self.due].into_iter().any(|kind| !kind.is_empty());
        let first = match may_go {
            true => Some(Tick::default()),
            false => self.later.first().map(|(due, _)| *due),
        };
        first.map(|due| self.trouble.as_ref().map_or(due, |trouble| due.max(trouble.until)))
    }
}
