//! The recipients that a mailbox writes to within a day.

use std::time::Duration;

use tokio::time::Instant;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// Recipients of one span are counted as one.
const SPAN: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub(super) struct Day {
    /// Of messages under way.
    reserved: u32,
    /// Of those that were sent, by span: until when they count, the last one last.
    spans: Vec<(Instant, u32)>,
    /// Not all of the spans are on disk as they are here.
    is_unsaved: bool,
}

impl Day {
    pub(super) fn has_room(&self, allowed: u32) -> bool {
        let sent = self.spans.iter().fold(0, |sent: u32, (_, count)| sent.saturating_add(*count));
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
        match self.spans.last_mut().filter(|(until, _)| *until + SPAN > now + DAY) {
            Some((_, count)) => *count = count.saturating_add(recipients),
            None => self.spans.push((now + DAY, recipients)),
        }
        self.is_unsaved = true;
    }

    /// What an earlier process counted, and for how long it counts yet: for a day at most, whatever the clocks did meanwhile.
    /// It is saved anew, by the clock of now: one that was put back must not prolong it with each start.
    pub(super) fn recall(&mut self, sent: impl Iterator<Item = (Duration, u32)>, now: Instant) {
        self.spans.extend(sent.map(|(left, recipients)| (now + left.min(DAY), recipients)));
        self.spans.sort_by_key(|(until, _)| *until);
        self.is_unsaved = true;
    }

    /// All that counts and for how long, where that is not on disk; whoever is told writes it there.
    pub(super) fn take_unsaved(&mut self, now: Instant) -> Option<Vec<(Duration, u32)>> {
        self.forget(now);
        let left = |(until, recipients): &(Instant, u32)| (*until - now, *recipients);
        std::mem::take(&mut self.is_unsaved).then(|| self.spans.iter().map(left).collect())
    }

    /// It could not be written.
    pub(super) const fn note_unsaved(&mut self) {
        self.is_unsaved = true;
    }

    pub(super) fn forget(&mut self, now: Instant) {
        self.spans.retain(|(until, _)| *until > now);
    }

    pub(super) const fn is_blank(&self) -> bool {
        self.reserved == 0 && self.spans.is_empty()
    }
}
