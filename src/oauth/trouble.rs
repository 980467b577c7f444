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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::token::{PROVIDER_REFUSES, SIGN_IN_EXPIRED, TOKEN_ENDPOINT_FAILING};

    fn trouble(verdict: &Verdict, before: Option<&Trouble>) -> Trouble {
        Trouble::new(verdict, verdict.fault(""), before, SystemTime::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_tested_again_after_half_an_hour_and_a_lost_sign_in_never() {
        let refused = trouble(&Verdict::new(PROVIDER_REFUSES, ""), None);
        assert!((1800..=1980).contains(&refused.left().as_secs()) && !refused.is_over());
        let lost = trouble(&Verdict::new(SIGN_IN_EXPIRED, ""), None);
        tokio::time::advance(Duration::from_secs(1981)).await;
        assert!(refused.is_over() && refused.left() == Duration::ZERO);
        assert!(!lost.is_over() && lost.left() == Duration::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_fault_again_has_stood_since_the_first_and_waits_longer() {
        let verdict = Verdict::new(TOKEN_ENDPOINT_FAILING, "");
        let first = trouble(&verdict, None);
        let mut last = trouble(&verdict, Some(&first));
        assert_eq!((first.failures(), last.failures(), last.since), (1, 2, first.since));
        for _ in 0..8 {
            last = trouble(&verdict, Some(&last));
        }
        assert!(last.left() >= Duration::from_secs(30) && first.left() <= Duration::from_secs(2));
    }
}
