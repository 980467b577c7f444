//! The last failures, for who tells people. Small and bounded; what is older is in the log.
//!
//! A message that failed is one failure, however many notices of it went: what becomes of those is noted beside it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::FailureNote;

const CAP: usize = 100;

/// Who was to send a message again did so by then, or does not want to.
const LOST_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Newest last, and how many there were in all.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<VecDeque<FailureNote>>);

impl Failures {
    pub fn push(&self, note: FailureNote) {
        let mut notes = self.notes();
        if notes.len() == CAP {
            notes.pop_front();
        }
        notes.push_back(note);
    }

    pub fn list(&self) -> Vec<FailureNote> {
        self.notes().iter().cloned().collect()
    }

    /// The notice `before` goes on as another one.
    pub fn goes_on(&self, before: &str, notice: &str) {
        let mut notes = self.notes();
        let of_it = notes.iter_mut().filter(|one| one.notice.as_deref() == Some(before));
        of_it.for_each(|one| one.notice = Some(notice.to_owned()));
    }

    /// This notice is given up: who was to get it was not told. `false`: of what it was is not known any more.
    pub fn is_untold(&self, notice: &str) -> bool {
        let mut notes = self.notes();
        let Some(at) = notes.iter().position(|one| one.notice.as_deref() == Some(notice)) else { return false };
        if let Some(note) = notes.remove(at) {
            // That is the news of its mailbox now.
            notes.push_back(FailureNote { is_told: false, notice: None, ..note });
        }
        true
    }

    /// A message of this sender reached all of these: what failed for one of them before was sent again.
    pub fn arrived(&self, account: &str, sender: &str, recipients: &[String]) {
        let is_among = |one: &String| recipients.iter().any(|reached| reached.eq_ignore_ascii_case(one));
        let is_it = |one: &FailureNote| {
            one.is_lost() && one.account == account && one.sender == sender && one.recipients.iter().all(is_among)
        };
        let mut notes = self.notes();
        notes.iter_mut().filter(|one| is_it(one)).for_each(|one| one.is_sent_again = true);
    }

    /// Gone for good, and nobody was told by a notice.
    pub fn lost(&self, now: SystemTime) -> Vec<FailureNote> {
        let is_young = |one: &FailureNote| now.duration_since(one.at).is_ok_and(|age| age < LOST_FOR);
        self.notes().iter().filter(|one| one.is_lost() && is_young(one)).cloned().collect()
    }

    /// The last one of this message.
    pub fn of(&self, queue_id: &str) -> Option<FailureNote> {
        self.notes().iter().rev().find(|one| one.queue_id == queue_id && one.hold.is_none()).cloned()
    }

    fn notes(&self) -> MutexGuard<'_, VecDeque<FailureNote>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
