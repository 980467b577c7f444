//! The keeper of one sign-in: the only one who refreshes and writes its tokens.
//!
//! One task, one flight at a time, however many ask. It refreshes ahead of the end with nobody asking, saves a
//! rotated refresh token before anybody sees what came with it, lets a valid token outlive a failed refresh, and asks
//! a provider that said no again only where that can help. It deletes nothing.

mod stored;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Rotation, SignIn,
    clock::Clock,
    counter::{Counter, Desk, Held, Wishes},
    endpoints::{Endpoints, TokenSet},
    grants::unattended,
    patience,
    state::{FaultSeen, Phase, timestamp},
    trouble::Trouble,
    verdict::{Retry, Verdict},
};
use crate::{
    base::{Fault, Secret},
    catalog::token::{FRESH_TOKEN_REFUSED, SIGN_IN_MISSING, STORE_FAILING},
    meter::{Meter, Outcome},
    net::HttpClient,
    store::{AccessToken, MAIL, Store, TokenRow},
};

/// A flight tries again while this lasts, since clients wait for it.
const FLIGHT: Duration = Duration::from_secs(6);
/// After a refetch that a refusal caused there is no second one for this long.
const REFETCH_PAUSE: Duration = Duration::from_secs(300);

/// What all keepers work with.
#[derive(Clone)]
pub(super) struct Means {
    pub store: Arc<Store>,
    pub http: HttpClient,
    pub clock: Clock,
    pub meter: Meter,
    /// Counts whenever a sign-in changes how it stands, for who tells people.
    pub changes: Arc<watch::Sender<u64>>,
}

pub(super) struct Keeper {
    sign_in: Arc<SignIn>,
    means: Means,
    counter: Arc<Counter>,
    desk: watch::Sender<Desk>,
    /// How to sign in, for texts.
    how: String,
    fingerprint: String,
    /// Of the row that was last read or written; `None`: the store was not read yet.
    version: Option<u64>,
    row: Option<TokenRow>,
    /// A rotated token that the store did not take yet: saved before anything else is tried.
    unsaved: Option<TokenRow>,
    held: Option<Held>,
    generation: u64,
    trouble: Option<Trouble>,
    /// When the files that prove the app were written, before the last flight.
    proof: Vec<Option<SystemTime>>,
    /// The number of the last look at the store that was taken.
    looks: u64,
    /// The last look failed, although something may have changed: no token is handed out before one succeeds.
    unread: Option<Trouble>,
    /// Before this nothing is fetched that nobody waits for: not all sign-ins at once, at a start.
    quiet_until: Instant,
    /// The last fetch that a refusal caused.
    refetched: Option<Instant>,
    stop: CancellationToken,
}

impl Keeper {
    pub fn new(
        sign_in: Arc<SignIn>,
        means: Means,
        (counter, desk): (Arc<Counter>, watch::Sender<Desk>),
        how: String,
        quiet: Duration,
        stop: CancellationToken,
    ) -> Self {
        let fingerprint = sign_in.fingerprint();
        Self {
            sign_in,
            means,
            counter,
            desk,
            how,
            fingerprint,
            version: None,
            row: None,
            unsaved: None,
            held: None,
            generation: 0,
            trouble: None,
            proof: Vec::new(),
            looks: 0,
            unread: None,
            quiet_until: Instant::now() + quiet,
            refetched: None,
            stop,
        }
    }

    /// A turn is never cut short: between a provider's answer and the disk lies the sign-in.
    pub async fn run(mut self) {
        while !self.stop.is_cancelled() {
            self.turn().await;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                () = self.counter.rung() => {}
                () = tokio::time::sleep(self.until_next()) => {}
            }
        }
        // A rotated token that the store did not take yet is the only copy there is.
        if let Some(row) = self.unsaved.take()
            && let Err(verdict) = self.save(row, true).await
            && self.unsaved.is_some()
        {
            tracing::error!(sign_in = %self.sign_in.key(), detail = verdict.detail, "the new refresh token is lost");
        }
    }

    async fn turn(&mut self) {
        let wishes = self.counter.take_wishes();
        let blocked = self.is_blocked();
        let asked_to_look = wishes.look > self.looks || self.unread.is_some();
        // Before anybody is told to sign in: did somebody, in another process?
        if self.version.is_none() || asked_to_look || (blocked && wishes.wanted) {
            self.read_store().await;
        }
        self.looks = wishes.look;
        if blocked && wishes.wanted && self.has_other_proof() {
            self.trouble = None;
        }
        let mut refusal = None;
        if wishes.refused > 0 && wishes.refused >= self.generation && self.has_usable() {
            refusal = self.replace_refused().await;
        }
        let wanted = wishes.wanted || wishes.refused > 0;
        if !self.is_blocked() && ((wanted && !self.has_usable()) || self.is_due()) {
            self.fly().await;
        }
        self.show(&wishes, refusal);
    }

    /// An upstream blamed the token. The held one stays for others: it may be one mailbox that is not allowed, which
    /// is the answer where a replacement was refused as well.
    async fn replace_refused(&mut self) -> Option<Fault> {
        let lately = self.refetched.is_some_and(|at| at.elapsed() < REFETCH_PAUSE);
        if lately && !self.counter.was_accepted(self.generation) {
            return Some(FRESH_TOKEN_REFUSED.fault());
        }
        if self.is_blocked() {
            return None;
        }
        let before = self.generation;
        self.fly().await;
        if self.generation > before {
            self.refetched = Some(Instant::now());
        }
        None
    }

    /// One flight: a few quick tries at what passes by itself, then an answer for all who wait. A keeper that is to
    /// stop waits for what it sent, and sends nothing more.
    async fn fly(&mut self) {
        self.proof = self.sign_in.app.credential.written_at();
        let start = Instant::now();
        let mut tries = 0;
        let verdict = loop {
            let Err(verdict) = self.attempt().await else {
                self.trouble = None;
                return;
            };
            let pause = patience::within_flight(tries, verdict.retry_after);
            if verdict.retry() != Retry::Later || start.elapsed().saturating_add(pause) > FLIGHT {
                break verdict;
            }
            tries += 1;
            if self.stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                break verdict;
            }
        };
        let fault = verdict.fault(&self.how);
        let trouble = Trouble::new(&verdict, fault, self.trouble.as_ref(), self.means.clock.wall());
        let failures = trouble.failures();
        tracing::warn!(sign_in = %self.sign_in.key(), fault = %trouble.fault, failures, "no token");
        if verdict.retry() == Retry::NewSignIn && verdict.entry.id != SIGN_IN_MISSING.id {
            self.remember_failure(&verdict).await;
        }
        self.trouble = Some(trouble);
    }

    async fn attempt(&mut self) -> Result<(), Verdict> {
        if let Some(row) = self.unsaved.take() {
            return self.save(row, true).await;
        }
        if !self.sign_in.app.grant.is_unattended() {
            return self.refresh().await;
        }
        let set = self.measured(unattended::fetch(self.endpoints(), &self.sign_in)).await?;
        self.adopt(set).await
    }

    /// Counts a request and its time.
    async fn measured(&self, request: impl Future<Output = Result<TokenSet, Verdict>>) -> Result<TokenSet, Verdict> {
        let asked = Instant::now();
        let answer = request.await;
        let outcome = match &answer {
            Ok(_) => Outcome::Accepted,
            Err(verdict) if verdict.retry() == Retry::Later => Outcome::RefusedForNow,
            Err(_) => Outcome::Refused,
        };
        self.means.meter.token_request(outcome, asked.elapsed());
        answer
    }

    /// A refused refresh token is given up only after the store was read again and, where the provider leaves old
    /// ones valid, the predecessor was tried.
    async fn refresh(&mut self) -> Result<(), Verdict> {
        let mut candidate = self.row.as_ref().and_then(|row| row.refresh.clone());
        let mut predecessor_tried = self.sign_in.app.rotation == Rotation::OneTime;
        for _ in 0..4 {
            let Some(token) = candidate.take() else { break };
            let verdict = match self.measured(self.endpoints().refresh(&token)).await {
                Ok(set) => return self.adopt(set).await,
                Err(verdict) if verdict.blames_refresh_token() => verdict,
                Err(verdict) => return Err(verdict),
            };
            if self.load().await.map_err(|error| Verdict::new(STORE_FAILING, error.to_string()))? {
                if self.has_usable() {
                    return Ok(());
                }
                candidate = self.row.as_ref().and_then(|row| row.refresh.clone());
            } else if !predecessor_tried {
                predecessor_tried = true;
                candidate = self.row.as_ref().and_then(|row| row.predecessor.clone());
                let predecessor = candidate.is_some();
                tracing::info!(sign_in = %self.sign_in.key(), predecessor, "refresh token refused");
            }
            if candidate.is_none() && self.row.is_some() {
                return Err(verdict);
            }
        }
        Err(Verdict::new(SIGN_IN_MISSING, format!("nothing is stored for {}", self.sign_in.key())))
    }

    async fn adopt(&mut self, set: TokenSet) -> Result<(), Verdict> {
        let now = self.means.clock.wall();
        let mut row = self.row.clone().unwrap_or_default();
        let rotated = set.refresh.filter(|new| row.refresh.as_ref().is_none_or(|old| !old.matches(new)));
        let must_save = rotated.is_some();
        if let Some(new) = rotated {
            let old = row.refresh.replace(new);
            row.predecessor = old.filter(|_| self.sign_in.app.rotation == Rotation::OldStaysValid);
        }
        self.generation = self.generation.max(self.stored()) + 1;
        let access = AccessToken {
            token: set.access,
            obtained_at: Some(now),
            expires_at: Some(now + set.life),
            generation: self.generation,
        };
        row.access.insert(MAIL.to_owned(), access);
        row.scope = set.scope.or(row.scope);
        row.last_refresh = Some(now);
        row.failure = None;
        self.save(row, must_save).await
    }

    fn is_blocked(&self) -> bool {
        self.unread.is_some() || self.trouble.as_ref().is_some_and(|trouble| !trouble.is_over())
    }

    /// A renewed certificate, key or federated token is presented at once, whatever was said to the one before it.
    fn has_other_proof(&self) -> bool {
        let refused = self.trouble.as_ref().is_some_and(|trouble| trouble.retry == Retry::Rarely);
        refused && self.proof != self.sign_in.app.credential.written_at()
    }

    fn has_usable(&self) -> bool {
        self.held.as_ref().is_some_and(|held| self.means.clock.left(held.expiry) > held.grace)
    }

    /// Time to fetch with nobody asking.
    fn is_due(&self) -> bool {
        if self.unsaved.is_some() {
            return true;
        }
        if Instant::now() < self.quiet_until {
            return false;
        }
        let old = self.held.as_ref().is_none_or(|held| self.means.clock.left(held.expiry) <= held.ahead);
        match self.sign_in.app.grant.is_unattended() {
            // What is idle asks again when somebody wants something.
            true => old && self.held.is_some() && self.counter.was_used(),
            false => self.refresh_token().is_some() && (old || self.is_untouched()),
        }
    }

    /// Refresh tokens die of disuse; long-lived access tokens must not let them.
    fn is_untouched(&self) -> bool {
        let most = patience::touch(self.sign_in.app.refresh_idle_life);
        let last = self.row.as_ref().and_then(|row| row.last_refresh);
        last.is_some_and(|last| self.means.clock.since(last) > most)
    }

    fn refresh_token(&self) -> Option<&Secret> {
        self.row.as_ref()?.refresh.as_ref()
    }

    fn until_next(&self) -> Duration {
        let due = self.held.as_ref().map(|held| self.means.clock.left(held.expiry).saturating_sub(held.ahead));
        let wait = match self.unread.as_ref().or(self.trouble.as_ref()) {
            Some(trouble) if !trouble.is_over() => trouble.left(),
            _ => due.unwrap_or_default().max(self.quiet_until.saturating_duration_since(Instant::now())),
        };
        // Not at once again, where a turn changed nothing.
        wait.clamp(Duration::from_secs(1), patience::look())
    }

    fn endpoints(&self) -> Endpoints<'_> {
        Endpoints { http: &self.means.http, app: &self.sign_in.app, clock: &self.means.clock }
    }

    fn show(&self, answered: &Wishes, refusal: Option<Fault>) {
        let trouble = self.unread.as_ref().or(self.trouble.as_ref());
        self.desk.send_modify(|desk| {
            desk.held = self.held.clone().filter(|_| self.unread.is_none());
            desk.fault = trouble.map(|trouble| trouble.fault.clone());
            desk.answers += u64::from(answered.wanted);
            if answered.refused > 0 {
                desk.replacements += 1;
                desk.refusal = refusal;
            }
            desk.looks = self.looks;
            let state = &mut desk.state;
            let before = state.standing();
            state.phase = self.phase();
            state.generation = self.generation;
            state.read(self.row.as_ref(), &self.sign_in.app);
            state.token_expires_at = self.held.as_ref().and_then(|held| timestamp(held.expiry.wall));
            state.fault = trouble.map(|trouble| FaultSeen::new(&trouble.fault, trouble.since));
            if state.standing() != before {
                self.means.changes.send_modify(|changes| *changes += 1);
            }
        });
    }

    fn phase(&self) -> Phase {
        match self.trouble.as_ref().map(|trouble| trouble.retry) {
            _ if self.unread.is_some() => Phase::Waiting,
            Some(Retry::NewSignIn) => Phase::SignInNeeded,
            Some(Retry::Rarely) => Phase::Refused,
            Some(Retry::Later) if !self.has_usable() => Phase::Waiting,
            _ => Phase::Ready,
        }
    }
}

#[cfg(test)]
mod tests;
