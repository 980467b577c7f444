//! What is known of the sign-ons at one mailbox, for those who wait behind them: one that hangs, and how the last one failed.
//!
//! It tells that to others of the same sign-in alone: what failed may be theirs. Others hear that they are held up. Of several
//! sign-ins that use the mailbox none dials on all the room there is: one that hangs would keep out the others.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::Instant;

use crate::base::{Fault, Stage, StageCell};

/// A dial that takes longer does not just take its time.
const HANGS: Duration = Duration::from_secs(10);
/// For how long room is left for a sign-in that asked once. Whoever comes later waits for a dial that hangs, at most.
const EXPECTED: Duration = Duration::from_secs(3600);
/// More sign-ins than any mailbox has; of more the one that asked longest ago is forgotten.
const KNOWN: usize = 16;

/// A dial under way, for as long as somebody has it.
#[derive(Debug)]
pub struct Dialling {
    pub stage: StageCell,
    sign_in: String,
    since: Instant,
}

/// What stands in the way of a connection.
#[derive(Debug)]
pub enum Obstacle {
    /// A dial that has not got on for so long.
    Hangs(Stage, Duration),
    Failed(Fault),
    /// Dials of other sign-ins, on all the room there is, that have not got on for so long.
    OthersHang(Duration),
}

#[derive(Default)]
pub(super) struct Dials {
    under_way: Vec<Weak<Dialling>>,
    /// Who asked last stands last.
    known: VecDeque<SignIn>,
}

/// A sign-in that asked for a connection.
struct SignIn {
    key: String,
    asked: Instant,
    /// The last of its dials that ended, where that failed: when, and how.
    failed: Option<(Instant, Fault)>,
}

impl Dials {
    pub(super) fn note_asked(&mut self, sign_in: &str, now: Instant) {
        let known = self.known.iter().position(|one| one.key == sign_in).and_then(|at| self.known.remove(at));
        self.known.retain(|one| one.asked + EXPECTED > now);
        if self.known.len() >= KNOWN {
            self.known.pop_front();
        }
        let failed = known.and_then(|known| known.failed);
        self.known.push_back(SignIn { key: sign_in.to_owned(), asked: now, failed });
    }

    /// On how many of so many connections one sign-in may dial at a time: each other one has room left.
    pub(super) fn most_of_one(&self, connections: u32) -> usize {
        let connections = usize::try_from(connections).unwrap_or(usize::MAX);
        connections.saturating_sub(self.known.len().saturating_sub(1)).max(1)
    }

    pub(super) fn begin(&mut self, sign_in: &str) -> Arc<Dialling> {
        self.under_way.retain(|dial| dial.strong_count() > 0);
        let stage = StageCell::default();
        let dial = Arc::new(Dialling { stage, sign_in: sign_in.to_owned(), since: Instant::now() });
        self.under_way.push(Arc::downgrade(&dial));
        dial
    }

    /// `failed`: how it did.
    pub(super) fn ended(&mut self, dial: &Dialling, failed: Option<&Fault>) {
        let known = self.known.iter_mut().find(|known| known.key == dial.sign_in);
        known.into_iter().for_each(|known| known.failed = failed.map(|fault| (Instant::now(), fault.clone())));
    }

    /// What who has asked since then waited behind.
    /// `is_slow`: the mailbox was asked to slow down, and has been left alone since. `connections`: the room there is.
    pub(super) fn obstacle(&self, sign_in: &str, asked: Instant, is_slow: bool, connections: u32) -> Option<Obstacle> {
        let known = self.known.iter().find(|known| known.key == sign_in);
        let failed = known.and_then(|known| known.failed.as_ref());
        if let Some((_, fault)) = failed.filter(|(at, _)| *at >= asked || is_slow) {
            return Some(Obstacle::Failed(fault.clone()));
        }
        // One that was under way for all of the wait is what was waited for.
        let hangs = HANGS.min(asked.elapsed());
        let hang = self.under_way.iter().filter_map(Weak::upgrade).filter(|dial| dial.since.elapsed() >= hangs);
        let (own, others): (Vec<_>, Vec<_>) = hang.partition(|dial| dial.sign_in == sign_in);
        if let Some(oldest) = own.iter().min_by_key(|dial| dial.since) {
            return Some(Obstacle::Hangs(oldest.stage.now(), oldest.since.elapsed()));
        }
        // Where there is other room, it is that which has not come free.
        let last = others.iter().map(|dial| dial.since).max()?;
        let holds_all = u32::try_from(others.len()).is_ok_and(|others| others >= connections);
        holds_all.then(|| Obstacle::OthersHang(last.elapsed()))
    }
}
