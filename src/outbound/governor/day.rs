//! The recipients that a mailbox writes to within a day.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Recipients of one span are counted as one.
const SPAN: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub(super) struct Day {
    /// Of messages under way.
    reserved: u32,
    /// Of those that were sent, by span.
    spans: VecDeque<(Instant, u32)>,
}

impl Day {
    pub(super) fn has_room(&self, allowed: u32) -> bool {
        let sent: u32 = self.spans.iter().map(|(_, count)| *count).sum();
        sent.saturating_add(self.reserved) < allowed
    }

    /// For one more of a message under way.
    pub(super) const fn reserve(&mut self) {
        self.reserved = self.reserved.saturating_add(1);
    }

    /// Their message is under way no more.
    pub(super) const fn release(&mut self, recipients: u32) {
        self.reserved = self.reserved.saturating_sub(recipients);
    }

    /// They count for a day from now on.
    pub(super) fn note_sent(&mut self, recipients: u32, now: Instant) {
        match self.spans.back_mut().filter(|(at, _)| *at + SPAN > now) {
            Some((_, count)) => *count = count.saturating_add(recipients),
            None => self.spans.push_back((now, recipients)),
        }
    }

    pub(super) fn forget(&mut self, now: Instant) {
        while self.spans.pop_front_if(|(at, _)| *at + DAY <= now).is_some() {}
    }

    pub(super) fn is_blank(&self) -> bool {
        self.reserved == 0 && self.spans.is_empty()
    }
}
