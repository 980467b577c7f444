//! The queue holds a message by itself: in doubt, or for want of a body.
//!
//! Row and schedule hear of it in one step. An order by hand comes before it or behind it, and never between: so its answer is
//! true, and the last word is the same in both. What somebody holds or drops already is not held once more. So it is where a
//! courier finds a row that is held already, of which the schedule does not know.

use tokio::sync::MutexGuard;

use super::{
    Queue,
    courier::{Courier, Next},
    hold,
    schedule::{Place, Schedule, Wish},
};
use crate::base::{Protocol, Stage};

/// A hold that is to be written down; until then no order is carried out.
pub(super) struct Holding<'a> {
    courier: &'a Courier,
    /// Why it is held; `None`: it is not, or somebody has other plans with it.
    pub reason: Option<&'static str>,
    _turn: Option<MutexGuard<'a, ()>>,
}

impl Courier {
    pub(super) async fn holding(&self, reason: Option<&'static str>) -> Holding<'_> {
        let Some(reason) = reason else { return Holding { courier: self, reason: None, _turn: None } };
        let turn = self.queue.by_hand.lock().await;
        let reason = Some(reason).filter(|_| self.may_hold());
        Holding { courier: self, reason, _turn: Some(turn) }
    }

    /// The row was held when it was read. Whoever released it since then found nobody who waits: it goes next.
    pub(super) async fn is_held_meanwhile(&self, id: &str) -> Next {
        let _turn = self.queue.by_hand.lock().await;
        let message = match self.queue.store.queued(self.sequence).await {
            Ok(Some(message)) => message,
            Ok(None) => return Next::Gone,
            Err(error) => return self.row_fails(Some(id), "its row cannot be read", &error),
        };
        if message.hold.is_some_and(|reason| reason != hold::DROPPED) {
            self.wishes_to_hold();
        }
        Next::At(Place::Wanted)
    }

    /// It is held once this courier lands, unless somebody releases it before.
    fn wishes_to_hold(&self) {
        if self.may_hold()
            && let Some(entry) = self.queue.schedule().entry_mut(self.sequence)
        {
            entry.wish = Wish::Hold;
        }
    }

    fn may_hold(&self) -> bool {
        let schedule = self.queue.schedule();
        let wish = schedule.entry(self.sequence).map(|entry| entry.wish);
        !self.recall.is_cancelled() && wish.is_some_and(|wish| !matches!(wish, Wish::Hold | Wish::Drop))
    }
}

impl Holding<'_> {
    /// Its row says so now, and it is held once its courier lands, unless somebody releases it before. Whether it is.
    pub(super) fn written(self) -> bool {
        if self.reason.is_some() {
            self.courier.wishes_to_hold();
        }
        self.reason.is_some()
    }
}

impl Queue {
    /// Counts and notes the fault that a message is held for, if it is for one: it stands until that message is gone.
    pub(super) fn note_kept(&self, sequence: i64, account: &str, reason: &str) {
        let Some(entry) = hold::fault(reason) else { return };
        match self.schedule().entry_mut(sequence) {
            Some(one) => one.held_for = Some(entry.id),
            // Dropped by now.
            None => return,
        }
        let fault = entry.fault().at(Stage::Relaying);
        self.meter.fault(Protocol::Smtp, account, &fault);
        self.meter.recent.keeps_a_message(account, &fault);
    }

    /// The message is gone, and with the last one of its mailbox what they were held for.
    pub(super) fn forget(&self, sequence: i64) {
        self.forget_from(&mut self.schedule(), sequence);
    }

    pub(super) fn forget_from(&self, schedule: &mut Schedule, sequence: i64) {
        let Some(gone) = schedule.remove(sequence) else { return };
        if let Some(id) = gone.held_for
            && !schedule.keeps_for(&gone.account, id)
        {
            self.meter.recent.keeps_none(&gone.account, id);
        }
    }
}
