//! A fetch that failed: the fault that is answered from memory, and when asking again makes sense.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::{
    patience,
    verdict::{Retry, Verdict},
};
use crate::base::Fault;

/// A refusal that somebody has to lift elsewhere is tested again no sooner: providers count failing requests.
const RARELY: Duration = Duration::from_secs(30 * 60);

#[derive(Debug)]
pub(super) struct Trouble {
    pub fault: Fault,
    pub retry: Retry,
    pub since: SystemTime,
    failures: u32,
    /// `None`: only a new sign-in ends it.
    until: Option<Instant>,
}

impl Trouble {
    /// `before`: what the failure before this one came to. The same fault again has stood since then.
    pub fn new(verdict: &Verdict, fault: Fault, before: Option<&Self>, now: SystemTime) -> Self {
        let failures = before.map_or(0, |before| before.failures).saturating_add(1);
        let since = before.filter(|before| before.fault.id == fault.id).map_or(now, |before| before.since);
        let retry = verdict.retry();
        let pause = match retry {
            Retry::Later => Some(patience::back_off(failures, verdict.retry_after)),
            Retry::Rarely => Some(RARELY + patience::jitter(RARELY / 10)),
            Retry::NewSignIn => None,
        };
        Self { fault, retry, since, failures, until: pause.map(|pause| Instant::now() + pause) }
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }

    pub fn is_over(&self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }

    pub fn left(&self) -> Duration {
        self.until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()))
    }
}
