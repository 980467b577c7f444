//! What is known of the sign-ons at one mailbox, for those who wait behind them: one that hangs, and how the last one failed.
//!
//! It tells that to others of the same sign-in alone: what failed may be theirs.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::time::Instant;

use crate::base::{Fault, Stage, StageCell};

/// A dial that takes longer does not just take its time.
const HANGS: Duration = Duration::from_secs(10);

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
}

#[derive(Default)]
pub(super) struct Dials {
    under_way: Vec<Weak<Dialling>>,
    /// The last one that ended, where it failed: of which sign-in, when, and how.
    failed: Option<(String, Instant, Fault)>,
}

impl Dials {
    pub(super) fn begin(&mut self, sign_in: &str) -> Arc<Dialling> {
        self.under_way.retain(|dial| dial.strong_count() > 0);
        let stage = StageCell::default();
        let dial = Arc::new(Dialling { stage, sign_in: sign_in.to_owned(), since: Instant::now() });
        self.under_way.push(Arc::downgrade(&dial));
        dial
    }

    pub(super) fn came_up(&mut self) {
        self.failed = None;
    }

    pub(super) fn failed(&mut self, dial: &Dialling, fault: &Fault) {
        self.failed = Some((dial.sign_in.clone(), Instant::now(), fault.clone()));
    }

    /// What who has asked since then waited behind.
    /// `is_slow`: the mailbox was asked to slow down, and has been left alone since.
    pub(super) fn obstacle(&self, sign_in: &str, asked: Instant, is_slow: bool) -> Option<Obstacle> {
        let failed = self.failed.as_ref().filter(|(whose, at, _)| whose == sign_in && (*at >= asked || is_slow));
        if let Some((.., fault)) = failed {
            return Some(Obstacle::Failed(fault.clone()));
        }
        let under_way = self.under_way.iter().filter_map(Weak::upgrade).filter(|dial| dial.sign_in == sign_in);
        let oldest = under_way.min_by_key(|dial| dial.since)?;
        let hangs = oldest.since.elapsed();
        (hangs >= HANGS).then(|| Obstacle::Hangs(oldest.stage.now(), hangs))
    }
}
