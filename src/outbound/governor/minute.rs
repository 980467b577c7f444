//! The messages that a mailbox may send within a minute, and who has how many of them.
//!
//! A backlog takes all there is as soon as it falls due, and whoever comes in between would wait for the next minute. So the
//! queue leaves the last tenth to clients that send at once, where the mailbox has any: it takes that only to have as many as
//! they have.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::line::Party;

/// Microsoft's minute, and a second for clocks that differ.
const MINUTE: Duration = Duration::from_secs(61);
/// For how long whoever asked once is expected to ask again.
const EXPECTED: Duration = Duration::from_secs(24 * 3600);
/// What is left to clients: one of so many, rounded up.
const LEFT_OF: u32 = 10;

#[derive(Default)]
pub(super) struct Minute {
    /// Of the queue and of clients: messages under way, and those that ended less than a minute ago.
    queues: u32,
    clients: u32,
    /// When those ended, and which are the queue's.
    ended: VecDeque<(Instant, bool)>,
    /// When a client last asked for room.
    asked: Option<Instant>,
}

impl Minute {
    pub(super) fn note_asked(&mut self, by: &Party, now: Instant) {
        if !by.is_queue() {
            self.asked = Some(now);
        }
    }

    pub(super) fn begin(&mut self, of: &Party) {
        *self.count(of.is_queue()) += 1;
    }

    /// It is under way no more.
    pub(super) fn end(&mut self, of: &Party) {
        let count = self.count(of.is_queue());
        *count = count.saturating_sub(1);
    }

    /// It counts for a minute from now on.
    pub(super) fn note_sent(&mut self, of: &Party, now: Instant) {
        self.ended.push_back((now, of.is_queue()));
        *self.count(of.is_queue()) += 1;
    }

    pub(super) fn forget(&mut self, now: Instant) {
        self.asked = self.asked.filter(|at| *at + EXPECTED > now);
        while let Some((_, of_queue)) = self.ended.pop_front_if(|(at, _)| *at + MINUTE <= now) {
            let count = self.count(of_queue);
            *count = count.saturating_sub(1);
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        (self.queues, self.clients, self.asked) == (0, 0, None)
    }

    /// Whether one more may begin where so many are allowed.
    pub(super) fn has_room(&self, of_queue: bool, allowed: u32) -> bool {
        let used = self.queues.saturating_add(self.clients);
        let for_queue = allowed.saturating_sub(self.left_to_clients(allowed));
        used < allowed && (!of_queue || used < for_queue || self.queues < self.clients)
    }

    /// When the next of those that ended no longer counts.
    pub(super) fn next_room(&self) -> Option<Instant> {
        self.ended.front().map(|(at, _)| *at + MINUTE)
    }

    fn left_to_clients(&self, allowed: u32) -> u32 {
        match self.asked {
            Some(_) => allowed.div_ceil(LEFT_OF).min(allowed.saturating_sub(1)),
            None => 0,
        }
    }

    const fn count(&mut self, of_queue: bool) -> &mut u32 {
        if of_queue { &mut self.queues } else { &mut self.clients }
    }
}
