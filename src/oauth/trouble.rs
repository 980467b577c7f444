//! A fetch that failed: the fault that is answered from memory, and when asking again makes sense.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    App, SignIn, patience,
    state::{FaultSeen, timestamp},
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
    /// A person said that it was mended, and nobody looked since.
    is_lifted: bool,
}

impl Trouble {
    /// `how`: to sign in, for texts. `before`: what the failure before this one came to; the same fault again has stood
    /// since then.
    pub fn new(verdict: &Verdict, sign_in: &SignIn, how: &str, before: Option<&Self>, now: SystemTime) -> Self {
        let id = verdict.entry.id;
        let failures = before.map_or(0, |before| before.failures).saturating_add(1);
        let since = before.filter(|before| before.fault.id == id).map_or(now, |before| before.since);
        let retry = match verdict.retry() {
            // No sign-in ends it where nobody signs in: somebody mends it elsewhere.
            Retry::NewSignIn if sign_in.is_mended_elsewhere() => Retry::Rarely,
            retry => retry,
        };
        let pause = match retry {
            Retry::Later => Some(patience::back_off(failures, verdict.retry_after)),
            Retry::Rarely => Some(RARELY + patience::jitter(RARELY / 10)),
            Retry::NewSignIn => None,
        };
        let asks_again = pause.filter(|_| retry == Retry::Rarely).and_then(|pause| asks_again(now, pause));
        let how = asks_again.as_deref().filter(|_| sign_in.is_mended_elsewhere()).unwrap_or(how);
        let fault = verdict.fault_of(&sign_in.app, how, asks_again.as_deref());
        let is_signed_out = means_dead_refresh_token(id) || id == SIGN_IN_MISSING.id;
        let until = pause.map(|pause| Instant::now() + pause);
        Self { fault, retry, since, failures, is_signed_out, until, is_lifted: false }
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

    /// As it may be told.
    pub fn seen(&self, now: SystemTime) -> FaultSeen {
        FaultSeen { asks_again_at: self.ends_at(now), ..FaultSeen::new(&self.fault, self.since) }
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// As if its time were over.
    pub fn lift(&mut self) {
        self.until = Some(Instant::now());
        self.is_lifted = true;
    }

    pub fn is_lifted(&self) -> bool {
        self.is_lifted
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

fn asks_again(now: SystemTime, pause: Duration) -> Option<String> {
    timestamp(now.checked_add(pause)?).map(catalog::asked_again)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::{
            Entry,
            token::{
                CONDITIONAL_ACCESS, CONSENT_MISSING, GRAPH_CONSENT_MISSING, PROVIDER_REFUSES, SIGN_IN_EXPIRED,
                TOKEN_ENDPOINT_FAILING,
            },
        },
        oauth::{
            Grant,
            tests::endpoint::{Endpoint, app},
        },
    };

    const HOW: &str = "run: gatepost login ann@contoso.example";

    async fn sign_in(grant: Grant) -> SignIn {
        let app = app(&Endpoint::start(vec![]).await, grant);
        SignIn::of("ann@contoso.example", app)
    }

    fn of(sign_in: &SignIn, entry: &'static Entry, before: Option<&Trouble>) -> Trouble {
        Trouble::new(&Verdict::new(entry, ""), sign_in, HOW, before, SystemTime::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_tested_again_after_half_an_hour_and_a_lost_sign_in_never() {
        let ann = sign_in(Grant::AuthorizationCode).await;
        let refused = of(&ann, PROVIDER_REFUSES, None);
        assert!((1800..=1980).contains(&refused.left().as_secs()) && !refused.is_over());
        let lost = of(&ann, SIGN_IN_EXPIRED, None);
        tokio::time::advance(Duration::from_secs(1981)).await;
        assert!(refused.is_over() && refused.left() == Duration::ZERO);
        assert!(!lost.is_over() && lost.left() == Duration::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn where_nobody_signs_in_a_missing_consent_is_tested_again_after_half_an_hour() {
        let missing = of(&sign_in(Grant::AuthorizationCode).await, CONSENT_MISSING, None);
        assert_eq!((missing.retry, missing.left()), (Retry::NewSignIn, Duration::MAX));
        let robot = sign_in(Grant::ClientCredentials).await;
        let missing = of(&robot, CONSENT_MISSING, None);
        let text = &missing.fault.text;
        let (consent, again) = text.split_once("; Gatepost asks again at ").unwrap();
        assert!(consent.contains(": an administrator consents for all at http"), "it changes nothing before: {text}");
        assert!(again.contains("at once after: ") && !text.contains("gatepost login"), "{text}");
        assert_eq!(missing.retry, Retry::Rarely);
        assert!((1800..=1980).contains(&missing.left().as_secs()));
        let failing = of(&robot, TOKEN_ENDPOINT_FAILING, None);
        assert_eq!(failing.retry, Retry::Later, "it passes by itself as before");
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_asked_about_again_says_when_and_what_makes_it_sooner_and_nothing_else_does() {
        for grant in [Grant::AuthorizationCode, Grant::ClientCredentials] {
            let (sign_in, now) = (sign_in(grant).await, SystemTime::now());
            for entry in [GRAPH_CONSENT_MISSING, CONDITIONAL_ACCESS, PROVIDER_REFUSES] {
                let trouble = of(&sign_in, entry, None);
                let at = catalog::hour(trouble.seen(now).asks_again_at.unwrap());
                let told = format!("Gatepost asks again at {at}, or at once after: sudo systemctl reload gatepost");
                assert_eq!(trouble.fault.text.matches(&told).count(), 1, "{}", trouble.fault.text);
            }
            let failing = of(&sign_in, TOKEN_ENDPOINT_FAILING, None).fault.text;
            assert!(!failing.contains("asks again at"), "it is tried all the time: {failing}");
        }
        let lost = of(&sign_in(Grant::AuthorizationCode).await, SIGN_IN_EXPIRED, None).fault.text;
        assert!(lost.ends_with(HOW), "{lost}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_that_is_lifted_is_over_at_once_and_its_end_can_be_told_before() {
        let (ann, now) = (sign_in(Grant::AuthorizationCode).await, SystemTime::now());
        let mut lost = of(&ann, SIGN_IN_EXPIRED, None);
        assert_eq!(lost.ends_at(now), None, "nobody knows when");
        let mut refused = of(&ann, PROVIDER_REFUSES, None);
        let end = refused.ends_at(now).unwrap().as_second();
        let from = timestamp(now).unwrap().as_second();
        assert!((from + 1800..=from + 1981).contains(&end), "{from} {end}");
        lost.lift();
        refused.lift();
        assert!(lost.is_over() && refused.is_over());
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_fault_again_has_stood_since_the_first_and_waits_longer() {
        let ann = sign_in(Grant::AuthorizationCode).await;
        let first = of(&ann, TOKEN_ENDPOINT_FAILING, None);
        let mut last = of(&ann, TOKEN_ENDPOINT_FAILING, Some(&first));
        assert_eq!((first.failures(), last.failures(), last.since), (1, 2, first.since));
        for _ in 0..8 {
            last = of(&ann, TOKEN_ENDPOINT_FAILING, Some(&last));
        }
        assert!(last.left() >= Duration::from_secs(30) && first.left() <= Duration::from_secs(2));
    }
}
