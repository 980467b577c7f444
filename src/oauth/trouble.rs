//! A fetch that failed: the fault that is answered from memory, and when asking again makes sense.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    App, patience,
    state::timestamp,
    verdict::{Retry, Verdict, means_dead_refresh_token},
};
use crate::{
    base::Fault,
    catalog::{self, token::SIGN_IN_MISSING},
};

/// A refusal that somebody has to lift elsewhere is tested again no sooner: providers count failing requests.
const RARELY: Duration = Duration::from_secs(30 * 60);

#[derive(Debug)]
pub(super) struct Trouble {
    pub fault: Fault,
    pub retry: Retry,
    pub since: SystemTime,
    failures: u32,
    /// There is nothing to ask the provider with any more.
    is_signed_out: bool,
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
        let id = verdict.entry.id;
        let is_signed_out = means_dead_refresh_token(id) || id == SIGN_IN_MISSING.id;
        Self { fault, retry, since, failures, is_signed_out, until: pause.map(|pause| Instant::now() + pause) }
    }

    /// Whatever is asked for needs a new sign-in.
    pub fn is_signed_out(&self) -> bool {
        self.is_signed_out
    }

    /// Where a sign-in is needed, and the one that somebody tried was refused: that is what stands in the way.
    pub fn with_refused_sign_in(self, refusal: &Verdict, at: SystemTime, app: &App, how: &str) -> Self {
        if self.retry != Retry::NewSignIn {
            return self;
        }
        Self { fault: refusal.fault_of_sign_in(app, how), since: at, ..self }
    }

    /// Where nobody signs in, no sign-in ends it: somebody mends it elsewhere.
    pub fn with_nobody_to_sign_in(mut self, verdict: &Verdict, app: &App, now: SystemTime) -> Self {
        if self.retry == Retry::Later {
            return self;
        }
        if self.retry == Retry::NewSignIn {
            self.retry = Retry::Rarely;
            self.until = Some(Instant::now() + RARELY + patience::jitter(RARELY / 10));
        }
        // Where another would be told how to sign in.
        let at = self.ends_at(now).map_or_else(|| "by itself".to_owned(), |at| format!("at {}", catalog::hour(at)));
        self.fault = verdict.fault_of(app, &format!("Gatepost asks again {at}, or at once after a reload"));
        self
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// As if its time were over.
    pub fn lift(&mut self) {
        self.until = Some(Instant::now());
    }

    /// By the wall clock; `None`: only a new sign-in ends it, or it is over.
    pub fn ends_at(&self, now: SystemTime) -> Option<Timestamp> {
        let left = self.until?.checked_duration_since(Instant::now())?;
        timestamp(now.checked_add(left)?)
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
    use crate::{
        catalog::token::{CONSENT_MISSING, PROVIDER_REFUSES, SIGN_IN_EXPIRED, TOKEN_ENDPOINT_FAILING},
        oauth::{
            Grant,
            tests::endpoint::{Endpoint, app},
        },
    };

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
    async fn where_nobody_signs_in_a_missing_consent_is_tested_again_after_half_an_hour() {
        let (verdict, now) = (Verdict::new(CONSENT_MISSING, ""), SystemTime::now());
        let app = app(&Endpoint::start(vec![]).await, Grant::ClientCredentials);
        let missing = trouble(&verdict, None);
        assert_eq!((missing.retry, missing.left()), (Retry::NewSignIn, Duration::MAX));
        let missing = missing.with_nobody_to_sign_in(&verdict, &app, now);
        let at = missing.ends_at(now).unwrap().strftime("%H:%M UTC").to_string();
        let text = &missing.fault.text;
        let told =
            format!(": Gatepost asks again at {at}, or at once after a reload; an administrator consents for all at ");
        assert!(text.contains(&told), "{text}");
        assert_eq!(missing.retry, Retry::Rarely);
        assert!((1800..=1980).contains(&missing.left().as_secs()));
        let verdict = Verdict::new(TOKEN_ENDPOINT_FAILING, "");
        let failing = trouble(&verdict, None).with_nobody_to_sign_in(&verdict, &app, now);
        assert_eq!(failing.retry, Retry::Later, "it passes by itself as before");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_is_lifted_is_over_at_once_and_its_end_can_be_told_before() {
        let now = SystemTime::now();
        let mut lost = trouble(&Verdict::new(SIGN_IN_EXPIRED, ""), None);
        assert_eq!(lost.ends_at(now), None, "nobody knows when");
        let mut refused = trouble(&Verdict::new(PROVIDER_REFUSES, ""), None);
        let end = refused.ends_at(now).unwrap().as_second();
        let from = timestamp(now).unwrap().as_second();
        assert!((from + 1800..=from + 1981).contains(&end), "{from} {end}");
        lost.lift();
        refused.lift();
        assert!(lost.is_over() && refused.is_over());
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
