//! The queue holds a message by itself: in doubt, or for want of a body.
//!
//! Row and schedule hear of it in one step. An order by hand comes before it or behind it, and never between: so its answer is
//! true, and the last word is the same in both. What somebody holds or drops already is not held once more.

use tokio::sync::MutexGuard;

use super::{courier::Courier, schedule::Wish};

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

    fn may_hold(&self) -> bool {
        let schedule = self.queue.schedule();
        let wish = schedule.entry(self.sequence).map(|entry| entry.wish);
        !self.recall.is_cancelled() && wish.is_some_and(|wish| !matches!(wish, Wish::Hold | Wish::Drop))
    }
}

impl Holding<'_> {
    /// Its row says so now, and it is held once its courier lands, unless somebody releases it before. Whether it is.
    pub(super) fn written(self) -> bool {
        let Courier { queue, sequence, .. } = self.courier;
        if self.reason.is_some()
            && let Some(entry) = queue.schedule().entry_mut(*sequence)
        {
            entry.wish = Wish::Hold;
        }
        self.reason.is_some()
    }
}
