//! Who is next: pure, without a clock, a task or a disk.
//!
//! Each mailbox has a lane. In a lane, messages that were never tried go in the order of acceptance, and those that are
//! tried again when their pause is over; every fourth turn is theirs, so that neither waits for the other for ever. A
//! lane whose way out is shut as a whole rests, then lets one message look whether it is open again. Lanes take turns.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio_util::sync::CancellationToken;

use super::clock::Tick;
use crate::base::Fault;

/// Of so many turns one is a retry's, where both kinds wait.
const RETRY_TURN: u32 = 4;

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Never tried.
    Fresh,
    /// Tried again then.
    Later(Tick),
    /// A courier has it and waits for the way: it can be called back, and nothing was sent.
    InLine,
    /// A courier has it, and nobody else may touch it before that one lands.
    UnderWay,
    Held,
}

/// What somebody wants of a message whose delivery is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wish {
    #[default]
    None,
    Hold,
    Drop,
    Retry,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub account: Arc<str>,
    pub place: Place,
    pub wish: Wish,
    pub accepted_at: SystemTime,
    /// How long its delivery was tried before `counted_from`.
    pub waited: Duration,
    /// By [`super::clock::QueueClock::awake`]; `None` while it is held.
    pub counted_from: Option<Duration>,
    /// Calls its courier back. Each courier has one of its own, so that one that was called back is known from the next.
    pub recall: CancellationToken,
}

impl Entry {
    pub fn age(&self, awake: Duration) -> Duration {
        self.waited + self.counted_from.map_or(Duration::ZERO, |from| awake.saturating_sub(from))
    }

    fn place(&mut self, place: Place, awake: Duration) {
        if self.place == Place::InLine && !matches!(place, Place::InLine | Place::UnderWay) {
            self.recall.cancel();
        }
        self.waited = self.age(awake);
        self.counted_from = (place != Place::Held).then_some(awake);
        self.place = place;
    }
}

/// Why a lane rests.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub fault: Fault,
    /// How often in a row.
    pub times: u32,
    pub until: Tick,
    pub since: SystemTime,
}

#[derive(Debug, Default)]
pub struct Lane {
    fresh: BTreeSet<i64>,
    later: BTreeSet<(Tick, i64)>,
    under_way: usize,
    held: usize,
    turns: u32,
    pub trouble: Option<Trouble>,
    /// How many deliveries at once; 0: its account is not in the configuration.
    pub seats: usize,
}

impl Lane {
    fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.later.is_empty() && self.under_way == 0 && self.held == 0
    }

    pub fn waiting(&self) -> usize {
        self.fresh.len() + self.later.len() + self.under_way
    }

    pub const fn held(&self) -> usize {
        self.held
    }

    /// No seat is free; while the lane is in trouble there is one, for who goes and looks.
    fn is_full(&self) -> bool {
        let seats = if self.trouble.is_some() { self.seats.min(1) } else { self.seats };
        self.under_way >= seats
    }

    /// The next message, if one may go now.
    fn next(&self, now: Tick) -> Option<i64> {
        if self.is_full() || self.trouble.as_ref().is_some_and(|trouble| trouble.until > now) {
            return None;
        }
        let retry = self.later.first().copied().filter(|(due, _)| *due <= now);
        let fresh = self.fresh.first().copied();
        let is_retrys_turn = (self.turns + 1).is_multiple_of(RETRY_TURN);
        match (fresh, retry) {
            (Some(_), Some((_, sequence))) if is_retrys_turn => Some(sequence),
            (Some(sequence), _) | (None, Some((_, sequence))) => Some(sequence),
            (None, None) => None,
        }
    }

    /// When something may go that may not yet.
    fn due(&self) -> Option<Tick> {
        if self.is_full() {
            return None;
        }
        let first = match self.fresh.is_empty() {
            false => Some(Tick::default()),
            true => self.later.first().map(|(due, _)| *due),
        };
        first.map(|due| self.trouble.as_ref().map_or(due, |trouble| due.max(trouble.until)))
    }
}

#[derive(Debug, Default)]
pub struct Schedule {
    entries: BTreeMap<i64, Entry>,
    lanes: BTreeMap<Arc<str>, Lane>,
    /// The lane that went last.
    last: Option<Arc<str>>,
}

impl Schedule {
    pub fn add(&mut self, sequence: i64, entry: Entry, seats: usize) {
        let lane = self.lanes.entry(entry.account.clone()).or_default();
        lane.seats = seats;
        put(lane, sequence, entry.place);
        self.entries.insert(sequence, entry);
    }

    /// The next message of the next lane that may go now. It is in line from then on, until it is called back.
    pub fn next(&mut self, now: Tick, awake: Duration) -> Option<(i64, CancellationToken)> {
        let names: Vec<Arc<str>> = match &self.last {
            Some(last) => {
                let behind = self.lanes.keys().filter(|name| *name > last);
                behind.chain(self.lanes.keys().filter(|name| *name <= last)).cloned().collect()
            }
            None => self.lanes.keys().cloned().collect(),
        };
        for name in names {
            let Some(lane) = self.lanes.get_mut(&name) else { continue };
            let Some(sequence) = lane.next(now) else { continue };
            lane.turns = lane.turns.wrapping_add(1);
            self.last = Some(name);
            return Some((sequence, self.hand_out(sequence, Place::InLine, awake)));
        }
        None
    }

    fn hand_out(&mut self, sequence: i64, place: Place, awake: Duration) -> CancellationToken {
        let recall = CancellationToken::new();
        self.move_to(sequence, place, awake);
        if let Some(entry) = self.entries.get_mut(&sequence) {
            entry.recall = recall.clone();
        }
        recall
    }

    /// Nobody may call this message back any more. `false`: somebody did.
    pub fn take_in_hand(&mut self, sequence: i64, recall: &CancellationToken, awake: Duration) -> bool {
        if recall.is_cancelled() {
            return false;
        }
        if self.entries.get(&sequence).is_some_and(|entry| entry.place == Place::InLine) {
            self.move_to(sequence, Place::UnderWay, awake);
        }
        true
    }

    /// Everything that is in line is called back; it is not handed out again by this process.
    pub fn recall_all(&mut self) {
        self.entries.values().filter(|entry| entry.place == Place::InLine).for_each(|entry| entry.recall.cancel());
    }

    /// When [`Schedule::next`] may say something else than now, if nothing happens before.
    pub fn due(&self) -> Option<Tick> {
        self.lanes.values().filter_map(Lane::due).min()
    }

    /// `false`: there is no such message.
    pub fn move_to(&mut self, sequence: i64, place: Place, awake: Duration) -> bool {
        let Some(entry) = self.entries.get_mut(&sequence) else { return false };
        let lane = self.lanes.entry(entry.account.clone()).or_default();
        take(lane, sequence, entry.place);
        put(lane, sequence, place);
        entry.place(place, awake);
        true
    }

    pub fn remove(&mut self, sequence: i64) -> Option<Entry> {
        let entry = self.entries.remove(&sequence)?;
        if let Some(lane) = self.lanes.get_mut(&entry.account) {
            take(lane, sequence, entry.place);
            if lane.is_empty() {
                self.lanes.remove(&entry.account);
            }
        }
        Some(entry)
    }

    pub fn entry(&self, sequence: i64) -> Option<&Entry> {
        self.entries.get(&sequence)
    }

    pub fn entry_mut(&mut self, sequence: i64) -> Option<&mut Entry> {
        self.entries.get_mut(&sequence)
    }

    pub fn lane_mut(&mut self, account: &str) -> Option<&mut Lane> {
        self.lanes.get_mut(account)
    }

    pub fn lanes(&self) -> impl Iterator<Item = (&Arc<str>, &Lane)> {
        self.lanes.iter()
    }

    pub fn lanes_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Lane)> {
        self.lanes.iter_mut()
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many deliveries of each mailbox at once. One whose account was gone and is back begins anew: nobody tried
    /// meanwhile.
    pub fn seat(&mut self, seats: impl Fn(&str) -> usize, awake: Duration) {
        let mut back = Vec::new();
        for (account, lane) in &mut self.lanes {
            let before = std::mem::replace(&mut lane.seats, seats(account));
            if before == 0 && lane.seats > 0 {
                back.push(account.clone());
            }
        }
        for entry in self.entries.values_mut().filter(|entry| back.contains(&entry.account)) {
            entry.waited = Duration::ZERO;
            entry.counted_from = entry.counted_from.map(|_| awake);
        }
    }

    /// All that pause in this lane may go now.
    pub fn hasten(&mut self, account: &str, now: Tick, awake: Duration) {
        let Some(lane) = self.lanes.get(account) else { return };
        let pausing: Vec<i64> =
            lane.later.iter().filter(|(due, _)| *due > now).map(|(_, sequence)| *sequence).collect();
        for sequence in pausing {
            self.move_to(sequence, Place::Later(now), awake);
        }
    }

    /// The oldest that waits, of each lane: when it was accepted.
    pub fn oldest(&self) -> HashMap<Arc<str>, SystemTime> {
        let mut oldest = HashMap::new();
        for entry in self.entries.values().filter(|entry| entry.place != Place::Held) {
            oldest.entry(entry.account.clone()).or_insert(entry.accepted_at);
        }
        oldest
    }

    /// Takes one out that was tried for longer than `most`, and that no attempt is due for: what waits for a seat has
    /// its last one first. Held ones, those under way and those whose account is gone aside. It is under way then.
    pub fn next_expired(&mut self, most: Duration, now: Tick, awake: Duration) -> Option<(i64, CancellationToken)> {
        let may_end = |entry: &Entry| {
            let Some(lane) = self.lanes.get(&entry.account).filter(|lane| lane.seats > 0) else { return false };
            match entry.place {
                Place::Fresh => lane.trouble.is_some(),
                Place::Later(due) => due > now || lane.trouble.is_some(),
                Place::InLine | Place::UnderWay | Place::Held => false,
            }
        };
        let (sequence, _) = self.entries.iter().find(|(_, entry)| entry.age(awake) >= most && may_end(entry))?;
        let sequence = *sequence;
        Some((sequence, self.hand_out(sequence, Place::UnderWay, awake)))
    }

    /// How long each message was tried that somebody tries at all: what is held, and what has no account, is none.
    pub fn ages(&self, awake: Duration) -> Vec<(i64, Duration)> {
        let is_tried = |entry: &Entry| {
            entry.place != Place::Held && self.lanes.get(&entry.account).is_some_and(|lane| lane.seats > 0)
        };
        let tried = self.entries.iter().filter(|(_, entry)| is_tried(entry));
        tried.map(|(sequence, entry)| (*sequence, entry.age(awake))).collect()
    }
}

fn put(lane: &mut Lane, sequence: i64, place: Place) {
    match place {
        Place::Fresh => drop(lane.fresh.insert(sequence)),
        Place::Later(due) => drop(lane.later.insert((due, sequence))),
        Place::InLine | Place::UnderWay => lane.under_way += 1,
        Place::Held => lane.held += 1,
    }
}

fn take(lane: &mut Lane, sequence: i64, place: Place) {
    match place {
        Place::Fresh => drop(lane.fresh.remove(&sequence)),
        Place::Later(due) => drop(lane.later.remove(&(due, sequence))),
        Place::InLine | Place::UnderWay => lane.under_way = lane.under_way.saturating_sub(1),
        Place::Held => lane.held = lane.held.saturating_sub(1),
    }
}
