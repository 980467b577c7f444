//! The queue stands still as a whole: what waited at the start cannot be read, or a row cannot be read or written.
//!
//! Nothing is sent whose outcome could not be written down, and nothing goes before what could not be read in time. So while
//! the disk fails no delivery begins and no mail server is bothered: one write in each pause looks whether it is well again,
//! and then everything goes on by itself. It is said once when it begins, and once when it ends.

use std::sync::{MutexGuard, PoisonError};

use tracing::{error, info};

use super::{
    Queue,
    clock::Tick,
    courier::{Courier, Next},
    pauses,
    refusals::Advice,
    schedule::Place,
};
use crate::{
    base::{Fault, printable},
    catalog::token::STORE_FAILING,
    store::StoreError,
};

/// Why nothing is sent for any mailbox. `Display` is for the log and for who administers it: it names paths.
#[derive(Debug, Clone)]
pub struct Standstill {
    pub fault: Fault,
}

impl std::fmt::Display for Standstill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let stands = format!("nothing is sent from the queue: {}", self.fault.detail);
        self.fault.clone().detail(stands).fmt(f)
    }
}

#[derive(Debug, Default)]
pub(super) struct Halt {
    /// What the last process left cannot be read.
    unread: Option<Standstill>,
    /// What the disk does not do, and when that is looked at again.
    failing: Option<(Standstill, Tick)>,
    /// How often in a row, without a delivery that began in between.
    times: u32,
}

impl Queue {
    /// Why nothing is sent for any mailbox, once something was tried in vain.
    pub fn standstill(&self) -> Option<Standstill> {
        let halt = self.halt();
        let failing = halt.failing.as_ref().map(|(standstill, _)| standstill);
        halt.unread.as_ref().or(failing).cloned()
    }

    pub(super) fn note_unread(&self, why: Option<String>) {
        let standstill = |why: String| Standstill { fault: STORE_FAILING.fault().detail(why) };
        self.halt().unread = why.map(standstill);
    }

    /// A row could not be read or written: nothing begins before the disk was tried again with success. What only waits for
    /// its way is called back.
    pub(super) fn disk_fails(&self, cause: &StoreError) {
        let now = self.clock.tick();
        let mut halt = self.halt();
        if halt.failing.is_some() {
            return;
        }
        let fault = STORE_FAILING.fault().detail(cause.to_string());
        let cause = printable(&fault.detail, 500);
        let Advice { id, text, owner, next, .. } = self.advice("", &fault);
        error!(
            id,
            text,
            owner,
            next,
            cause,
            "the queue waits for its disk: nothing is sent whose outcome could not be written down; it goes on by itself"
        );
        halt.times = halt.times.saturating_add(1);
        halt.failing = Some((Standstill { fault }, now.after(pauses::of_disk(halt.times))));
        drop(halt);
        self.schedule().call_back_all(self.clock.awake());
        self.bell.notify_one();
    }

    /// A row was written.
    pub(super) fn disk_works(&self) {
        self.halt().times = 0;
    }

    /// When the disk is tried again; `None`: nothing is wrong with it.
    pub(super) fn halted_until(&self) -> Option<Tick> {
        self.halt().failing.as_ref().map(|(_, until)| *until)
    }

    /// Tries the disk once the pause is over.
    pub(super) async fn look_at_disk(&self) {
        let now = self.clock.tick();
        if self.halted_until().is_none_or(|until| until > now) {
            return;
        }
        let outcome = self.store.prove_queue().await;
        let mut halt = self.halt();
        match outcome {
            Ok(()) => {
                halt.failing = None;
                info!("the queue's disk answers again; it goes on");
            }
            Err(_) => {
                halt.times = halt.times.saturating_add(1);
                let later = self.clock.tick().after(pauses::of_disk(halt.times));
                if let Some((_, until)) = &mut halt.failing {
                    *until = later;
                }
            }
        }
    }

    fn halt(&self) -> MutexGuard<'_, Halt> {
        self.halt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Courier {
    /// Its row could not be read or written. The first time that is the disk's fault, and the message keeps its place in the
    /// order. What is damaged, or meets that again where others get through, is that message alone: it does not stand in
    /// front of them.
    pub(super) fn row_fails(&self, queue_id: Option<&str>, what: &str, error: &StoreError) -> Next {
        if error.is_damage() || self.note_stuck(true) {
            return self.disk(queue_id, what, error);
        }
        self.queue.disk_fails(error);
        Next::At(Place::Fresh)
    }

    /// What was noted before.
    pub(super) fn note_stuck(&self, is_stuck: bool) -> bool {
        let mut schedule = self.queue.schedule();
        schedule.entry_mut(self.sequence).is_some_and(|entry| std::mem::replace(&mut entry.is_stuck, is_stuck))
    }
}
