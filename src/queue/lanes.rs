//! How each mailbox stands: whether its way out is shut, since when and why, and how much waits behind it.

use std::time::{Duration, SystemTime};

use tracing::{info, warn};

use super::{
    Queue,
    clock::Tick,
    deliver::Unsent,
    failures::Failures,
    lane::{Lane, Trouble},
    pauses,
    refusals::Advice,
};
use crate::{
    account::Account,
    base::{Fault, Kind},
    catalog::own::ACCOUNT_GONE,
};

/// However often the configuration is loaded anew, a mailbox is asked for no more often.
const LOOKS_APART: Duration = Duration::from_secs(5);

/// One mailbox that something waits for.
#[derive(Debug, Clone)]
pub struct LaneView {
    pub account: String,
    pub waiting: usize,
    pub held: usize,
    /// When the oldest that is not held was accepted.
    pub oldest: Option<SystemTime>,
    /// For how long its delivery was tried: no daemon may have run meanwhile.
    pub tried: Duration,
    /// Why nothing can be sent now, and since when.
    pub trouble: Option<(Fault, SystemTime)>,
}

/// How the sign-in of a mailbox stands whose way out is shut.
#[derive(Debug, Clone)]
pub enum Standing {
    Serves,
    /// By what it was refused for last.
    RefusedFor(Fault),
    /// Nothing is known that was not when it was tried.
    AsBefore,
}

/// All mailboxes together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub waiting: usize,
    pub held: usize,
    /// How long ago the oldest that is not held was accepted.
    pub oldest: Duration,
    /// Of all bodies.
    pub octets: u64,
}

impl Queue {
    /// Every mailbox that something waits for.
    pub fn lanes(&self) -> Vec<LaneView> {
        let (schedule, awake) = (self.schedule(), self.clock.awake());
        let lanes = schedule.lanes().map(|(account, lane, oldest)| LaneView {
            account: account.to_string(),
            waiting: lane.waiting(),
            held: lane.held(),
            oldest: oldest.map(|entry| entry.accepted_at),
            tried: oldest.map_or(Duration::ZERO, |entry| entry.age(awake)),
            trouble: trouble_of(lane),
        });
        lanes.collect()
    }

    /// The last messages that failed, oldest first.
    pub fn failures(&self) -> Vec<super::FailureNote> {
        Failures::list(&self.failures)
    }

    /// Of those, the ones that are gone for good although no sender knows.
    pub fn lost(&self) -> Vec<super::FailureNote> {
        self.failures.lost(self.clock.wall())
    }

    /// How many failed for good in the last day, with their senders told, and the last `most` of them, the newest first.
    pub fn returned(&self, most: usize) -> (usize, Vec<super::FailureNote>) {
        self.failures.returned(self.clock.wall(), most)
    }

    /// How this message failed, if it did so lately.
    pub fn failure(&self, queue_id: &str) -> Option<super::FailureNote> {
        self.failures.of(queue_id)
    }

    pub fn figures(&self) -> Figures {
        let lanes = self.lanes();
        let oldest = lanes.iter().filter_map(|lane| lane.oldest).min();
        Figures {
            waiting: lanes.iter().map(|lane| lane.waiting).sum(),
            held: lanes.iter().map(|lane| lane.held).sum(),
            oldest: oldest.and_then(|at| self.clock.wall().duration_since(at).ok()).unwrap_or_default(),
            octets: self.spool.octets(),
        }
    }

    /// Brings the gauges up to date.
    pub fn measure(&self) {
        let Figures { waiting, held, oldest, octets } = self.figures();
        self.meter.queue(waiting, held, oldest, octets, self.standstill().is_some());
    }

    /// Mailboxes whose mail nobody can send, or give up with a notice, until their account is back.
    pub(super) fn without_account(&self) -> Vec<LaneView> {
        let is_gone = |lane: &LaneView| lane.trouble.as_ref().is_some_and(|(fault, _)| fault.id == ACCOUNT_GONE.id);
        self.lanes().into_iter().filter(|lane| lane.waiting > 0 && is_gone(lane)).collect()
    }

    pub(super) fn warn_of_gone(&self, lanes: &[LaneView]) {
        let fault = ACCOUNT_GONE.fault();
        for LaneView { account, waiting, .. } in lanes {
            let Advice { id, owner, next, .. } = self.advice(account, &fault);
            warn!(account, waiting, id, owner, next, "nothing can be sent from the queue: {fault}");
        }
    }

    /// Somebody may have signed in, or consented, or was refused that: mailboxes that wait for a person are tried at once where
    /// their sign-in serves, and else wait for what it is refused for now.
    pub fn notice_sign_ins(&self, stands: impl Fn(&Account, &Fault) -> Standing) {
        let orders = self.orders();
        let woken = self.wake(|name, trouble| {
            let Some(one) = trouble.as_mut().filter(|one| waits_for_a_person(one.fault.kind)) else { return false };
            match orders.account(name).map(|account| stands(&account, &one.fault)) {
                Some(Standing::Serves) => trouble.take().is_some(),
                Some(Standing::RefusedFor(fault)) => {
                    one.fault = fault;
                    false
                }
                Some(Standing::AsBefore) | None => false,
            }
        });
        for account in woken {
            info!(account, "its sign-in serves again; its queue is tried");
        }
    }

    /// A person may have mended what others cannot see: one message of each mailbox whose way out is shut goes and looks,
    /// in its own time where the mail server asked for that, and some seconds behind who did so before.
    pub(super) fn look_again(&self) {
        let now = self.clock.tick();
        let mut sooner = Vec::new();
        let mut schedule = self.schedule();
        for (name, lane) in schedule.lanes_mut() {
            let Some(trouble) = lane.trouble.as_mut() else { continue };
            let before = trouble.until;
            trouble.looks_by_hand(now, LOOKS_APART);
            if trouble.until < before {
                sooner.push((name.to_string(), before, trouble.until));
            }
        }
        for (account, before, until) in sooner {
            // Those that met the shut door last; whoever pauses for a reason of its own goes on.
            schedule.hasten(&account, &(before..before.after(LOOKS_APART)), until, self.clock.awake());
        }
        drop(schedule);
        self.bell.notify_one();
    }

    /// Why nothing is sent from this mailbox now.
    pub(super) fn in_its_way(&self, account: &str) -> Option<Fault> {
        let mut schedule = self.schedule();
        Some(trouble_of(schedule.lane_mut(account)?)?.0)
    }

    /// When a message of this mailbox, whose way out is shut, goes and looks again, with nobody doing anything.
    pub fn looks_again(&self, account: &str) -> Option<SystemTime> {
        let (now, wall) = (self.clock.tick(), self.clock.wall());
        let mut schedule = self.schedule();
        let lane = schedule.lane_mut(account).filter(|lane| lane.trouble.is_some() && lane.gone_since().is_none())?;
        wall.checked_add(now.until(lane.due()?))
    }

    /// Mailboxes whose way out is shut, and whose trouble `mend` mends.
    fn wake(&self, mend: impl Fn(&str, &mut Option<Trouble>) -> bool) -> Vec<String> {
        let mut woken = Vec::new();
        let mut schedule = self.schedule();
        for (name, lane) in schedule.lanes_mut() {
            if lane.trouble.is_some() && mend(name, &mut lane.trouble) {
                woken.push(name.to_string());
            }
        }
        for account in &woken {
            let now = self.clock.tick();
            schedule.hasten(account, &(now..), now, self.clock.awake());
        }
        drop(schedule);
        if !woken.is_empty() {
            self.bell.notify_one();
        }
        woken
    }

    /// Something was answered for this mailbox.
    pub(super) fn way_is_open(&self, account: &str) {
        let ended = self.schedule().lane_mut(account).and_then(|lane| lane.trouble.take());
        if let Some(trouble) = ended {
            info!(account, fault = %trouble.fault, "the way out is open again");
            self.bell.notify_one();
        }
    }

    /// Nothing could be sent from this mailbox. When it is looked at again, and whether it was open just before. What is
    /// answered from memory was asked by somebody before: it is no further failure, and stands as long as it says. Nor is
    /// what a person had somebody ask beside the mailbox's own times.
    pub(super) fn way_is_shut(&self, account: &str, unsent: &Unsent) -> (Tick, bool) {
        let Unsent { fault, retry_after, is_remembered, .. } = unsent;
        let (now, wall) = (self.clock.tick(), self.clock.wall());
        let mut schedule = self.schedule();
        let Some(lane) = schedule.lane_mut(account) else { return (now, true) };
        let wanted = retry_after.map_or(now, |asked| now.after(asked.min(pauses::ASKED_FOR_CAP)));
        // What waits for a person rests by our own rule alone.
        let asked = if *is_remembered || waits_for_a_person(fault.kind) { now } else { wanted };
        if let Some(trouble) = lane.trouble.as_mut().filter(|trouble| trouble.until > now) {
            // Several couriers met the same shut door.
            trouble.until = trouble.until.max(wanted);
            (trouble.asked, trouble.last) = (trouble.asked.max(asked), now);
            return (trouble.until, false);
        }
        let before = lane.trouble.take();
        let was_open = before.is_none();
        let (before, since, is_by_hand) =
            before.map_or((0, wall, false), |trouble| (trouble.times, trouble.since, trouble.is_by_hand));
        let times = before.saturating_add(u32::from(!is_remembered && !is_by_hand));
        let own = if *is_remembered { now } else { now.after(pauses::of_mailbox(fault.kind, times)) };
        let until = own.max(wanted);
        lane.trouble = Some(Trouble { fault: fault.clone(), times, until, asked, last: now, since, is_by_hand: false });
        drop(schedule);
        self.note_shut(account, unsent, was_open);
        if was_open {
            let Advice { id, owner, next, .. } = self.advice(account, fault);
            warn!(account, kind = fault.kind.as_str(), id, owner, next, "nothing can be sent from the queue: {fault}");
        }
        (until, was_open)
    }
}

/// Without its account nothing else is in the way any more.
fn trouble_of(lane: &Lane) -> Option<(Fault, SystemTime)> {
    let gone = lane.gone_since().map(|since| (ACCOUNT_GONE.fault(), since));
    gone.or_else(|| lane.trouble.as_ref().map(|trouble| (trouble.fault.clone(), trouble.since)))
}

const fn waits_for_a_person(kind: Kind) -> bool {
    matches!(kind, Kind::SignInNeeded | Kind::IdentityRefused | Kind::BadCredentials)
}
