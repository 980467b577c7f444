//! The last failures, for who tells people. Small and bounded; what is older is in the log.
//!
//! A message that failed is one failure, however many notices of it went: what becomes of those is noted beside it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::FailureNote;
use crate::base::printable;

/// Of those of which nobody has to hear any more.
const CAP: usize = 100;

/// Of those that are lost, or will be if their notice fails.
const OPEN_CAP: usize = 1000;

/// Of one message so many are named, in so many octets.
const RECIPIENTS: usize = 30;
const RECIPIENT_OCTETS: usize = 1024;
/// What we say ourselves has its id at its end, and is shorter.
const REPLY: usize = 500;

/// Who was to send a message again did so by then, or does not want to.
const LOST_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Who was told of it knows it by then.
const RETURNED_FOR: Duration = Duration::from_secs(24 * 3600);

/// Newest last, and how many there were in all.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<VecDeque<FailureNote>>);

impl Failures {
    pub fn push(&self, note: FailureNote) {
        let mut notes = self.notes();
        notes.push_back(cut(note));
        let is_open = |one: &FailureNote| one.is_lost() || one.notice.is_some();
        let open = notes.iter().filter(|one| is_open(one)).count();
        let first = |is_it: &dyn Fn(&FailureNote) -> bool| notes.iter().position(is_it);
        let too_many = match () {
            // Those whose senders are told first.
            () if open > OPEN_CAP => first(&|one| one.notice.is_some()).or_else(|| first(&is_open)),
            () if notes.len() - open > CAP => first(&|one| !is_open(one)),
            () => None,
        };
        too_many.and_then(|at| notes.remove(at));
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
    pub fn is_untold(&self, notice: &str, now: SystemTime) -> bool {
        let mut notes = self.notes();
        let Some(at) = notes.iter().position(|one| one.notice.as_deref() == Some(notice)) else { return false };
        if let Some(note) = notes.remove(at) {
            // That is the news of its mailbox now.
            notes.push_back(FailureNote { at: now, is_told: false, notice: None, ..note });
        }
        true
    }

    /// This notice was taken: nothing becomes of it any more.
    pub fn is_settled(&self, notice: &str) {
        let mut notes = self.notes();
        notes.iter_mut().filter(|one| one.notice.as_deref() == Some(notice)).for_each(|one| one.notice = None);
    }

    /// A person has seen to what nobody was told of. `false`: there is no such one.
    pub fn take_off(&self, queue_id: &str) -> bool {
        let mut notes = self.notes();
        let before = notes.len();
        notes.retain(|one| one.queue_id != queue_id || one.is_told || one.hold.is_some());
        notes.len() < before
    }

    /// Gone for good, and nobody was told by a notice.
    pub fn lost(&self, now: SystemTime) -> Vec<FailureNote> {
        let is_young = |one: &FailureNote| now.duration_since(one.at).is_ok_and(|age| age < LOST_FOR);
        self.notes().iter().filter(|one| one.is_lost() && is_young(one)).cloned().collect()
    }

    /// Gone for good within a day, with its sender told, whose mail server took the notice: who mended the cause has it sent again. How many, and the last
    /// `most` of them, the newest first.
    pub fn returned(&self, now: SystemTime, most: usize) -> (usize, Vec<FailureNote>) {
        let is_young = |one: &FailureNote| now.duration_since(one.at).is_ok_and(|age| age < RETURNED_FOR);
        let notes = self.notes();
        let returned = || notes.iter().rev().filter(|one| one.is_returned() && is_young(one));
        (returned().count(), returned().take(most).cloned().collect())
    }

    /// The last one of this message.
    pub fn of(&self, queue_id: &str) -> Option<FailureNote> {
        self.notes().iter().rev().find(|one| one.queue_id == queue_id && one.hold.is_none()).cloned()
    }

    fn notes(&self) -> MutexGuard<'_, VecDeque<FailureNote>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As much of it as a list of all has room for.
fn cut(mut note: FailureNote) -> FailureNote {
    let mut octets = 0;
    let fits = note.recipients.iter().take(RECIPIENTS).take_while(|one| {
        octets += one.len();
        octets <= RECIPIENT_OCTETS
    });
    let named = fits.count();
    note.more_recipients = note.recipients.len() - named;
    note.recipients.truncate(named);
    note.reply = printable(&note.reply, REPLY);
    note
}
