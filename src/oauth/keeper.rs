//! The keeper of one sign-in: the only one who refreshes and writes its tokens.
//!
//! One task, one flight at a time, however many ask. It refreshes ahead of the end with nobody asking, saves a
//! rotated refresh token before anybody sees what came with it, lets a valid token outlive a failed refresh, and asks
//! a provider that said no again only where that can help. It deletes nothing.
//!
//! One refresh token serves several resources, each with an access token and a fault of its own: an app that may not
//! use Graph goes on with mail. What says that the sign-in itself has ended counts for all.

mod side;
mod stored;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use self::side::Side;
use super::{
    App, Resource, Rotation, SignIn,
    clock::Clock,
    counter::{Counter, Desk, Wishes},
    endpoints::{Endpoints, TokenSet},
    grants::unattended,
    patience,
    state::{Phase, timestamp},
    trouble::Trouble,
    verdict::{Retry, Verdict, is_ended_by_consent},
};
use crate::{
    base::{Fault, Secret},
    catalog::token::{
        ACCOUNT_PASSWORD_REFUSED, FRESH_TOKEN_REFUSED, GRAPH_URL_MISSING, SIGN_IN_MISSING, STORE_FAILING,
    },
    meter::{Meter, Outcome},
    net::HttpClient,
    store::{AccessToken, Failure, Store, TokenRow},
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
    /// A failure that is remembered keeps nobody from asking once more.
    pub asks_afresh: bool,
}

pub(super) struct Keeper {
    sign_in: Arc<SignIn>,
    means: Means,
    mail: Side,
    graph: Side,
    /// How to sign in, for texts.
    how: String,
    fingerprint: String,
    /// Of the enterprise application of an app that acts by itself, as its last token says.
    object_id: Option<String>,
    /// Of the row that was last read or written; `None`: the store was not read yet.
    version: Option<u64>,
    row: Option<TokenRow>,
    /// A rotated token that the store did not take yet: saved before anything else is tried.
    unsaved: Option<TokenRow>,
    /// When the files that prove the app were written, before the last flight.
    proof: Vec<Option<SystemTime>>,
    /// The last look failed, although something may have changed: no token is handed out before one succeeds.
    unread: Option<Trouble>,
    /// Before this nothing is fetched that nobody waits for: not all sign-ins at once, at a start.
    quiet_until: Instant,
    stop: CancellationToken,
}

impl Keeper {
    /// `counters`: where sessions ask for mail and for Graph, each with its desk; they share one bell.
    pub fn new(
        sign_in: Arc<SignIn>,
        means: Means,
        counters: [(Arc<Counter>, watch::Sender<Desk>); 2],
        how: String,
        quiet: Duration,
        stop: CancellationToken,
    ) -> Self {
        let fingerprint = sign_in.fingerprint();
        let [mail, graph] = counters.map(|(counter, desk)| Side::new(counter, desk));
        Self {
            sign_in,
            means,
            mail,
            graph,
            how,
            fingerprint,
            object_id: None,
            version: None,
            row: None,
            unsaved: None,
            proof: Vec::new(),
            unread: None,
            quiet_until: Instant::now() + quiet,
            stop,
        }
    }

    fn side(&self, resource: Resource) -> &Side {
        match resource {
            Resource::Mail => &self.mail,
            Resource::Graph => &self.graph,
        }
    }

    fn side_mut(&mut self, resource: Resource) -> &mut Side {
        match resource {
            Resource::Mail => &mut self.mail,
            Resource::Graph => &mut self.graph,
        }
    }

    /// A turn is never cut short: between a provider's answer and the disk lies the sign-in.
    pub async fn run(mut self) {
        while !self.stop.is_cancelled() {
            self.turn().await;
            tokio::select! {
                biased;
                () = self.stop.cancelled() => {}
                () = self.mail.counter.rung() => {}
                () = tokio::time::sleep(self.until_next()) => {}
            }
        }
        // A rotated token that the store did not take yet is the only copy there is.
        if let Some(row) = self.unsaved.take()
            && let Err(verdict) = self.save(Resource::Mail, row, true).await
            && self.unsaved.is_some()
        {
            let (fault, detail) = (verdict.entry.fault(), verdict.detail);
            tracing::error!(sign_in = %self.sign_in.key(), %fault, detail, "the new refresh token is lost");
        }
    }

    async fn turn(&mut self) {
        let wishes = Resource::ALL.map(|resource| (resource, self.side(resource).counter.take_wishes()));
        let asked_to_look = wishes.iter().any(|(resource, wishes)| wishes.look > self.side(*resource).looks);
        // Before anybody is told to sign in: did somebody, in another process?
        let to_be_told = wishes.iter().any(|(resource, wishes)| wishes.wanted && self.is_blocked(*resource));
        if self.version.is_none() || asked_to_look || self.unread.is_some() || to_be_told {
            self.read_store().await;
        }
        for (resource, wishes) in &wishes {
            if wishes.afresh > self.side(*resource).afresh {
                self.lift_refusal(*resource);
            }
        }
        for (resource, wishes) in &wishes {
            self.serve(*resource, wishes).await;
        }
        self.note_let_in().await;
    }

    /// What was refused may be asked for again, as soon as somebody wants it and else within seconds. A refresh token that
    /// is dead stays so, and so does a wrong password.
    fn lift_refusal(&mut self, resource: Resource) {
        let side = self.side_mut(resource);
        side.refetched = None;
        let lasts = |trouble: &Trouble| trouble.is_signed_out() || trouble.fault.id == ACCOUNT_PASSWORD_REFUSED.id;
        if let Some(trouble) = side.trouble.as_mut().filter(|trouble| !lasts(trouble)) {
            trouble.lift();
            self.quiet_until = Instant::now() + patience::jitter(patience::LIFTED_SPREAD);
        }
    }

    async fn serve(&mut self, resource: Resource, wishes: &Wishes) {
        let side = self.side_mut(resource);
        (side.looks, side.afresh) = (wishes.look, wishes.afresh);
        if wishes.wanted && self.is_blocked(resource) && self.has_other_proof(resource) {
            self.side_mut(resource).trouble = None;
        }
        let mut refusal = None;
        if wishes.refused > 0 && wishes.refused >= self.side(resource).generation && self.has_usable(resource) {
            refusal = self.replace_refused(resource).await;
        }
        let wanted = wishes.wanted || wishes.refused > 0;
        let is_proved = wishes.goes_on && self.may_be_past(resource);
        if !self.is_blocked(resource) && (is_proved || (wanted && !self.has_usable(resource)) || self.is_due(resource))
        {
            self.fly(resource).await;
        }
        self.show(resource, wishes, refusal);
    }

    /// An upstream blamed the token. The held one stays for others: it may be one mailbox that is not allowed, which
    /// is the answer where a replacement was refused as well.
    async fn replace_refused(&mut self, resource: Resource) -> Option<Fault> {
        let side = self.side(resource);
        let lately = side.refetched.is_some_and(|at| at.elapsed() < REFETCH_PAUSE);
        if lately && !side.counter.was_accepted(side.generation) {
            return Some(FRESH_TOKEN_REFUSED.fault());
        }
        if self.is_blocked(resource) {
            return None;
        }
        let before = self.side(resource).generation;
        self.fly(resource).await;
        let side = self.side_mut(resource);
        if side.generation > before {
            side.refetched = Some(Instant::now());
        }
        None
    }

    /// One flight: a few quick tries at what passes by itself, then an answer for all who wait. A keeper that is to
    /// stop waits for what it sent, and sends nothing more.
    async fn fly(&mut self, resource: Resource) {
        self.proof = self.sign_in.app.credential.written_at();
        let start = Instant::now();
        let mut tries = 0;
        let verdict = loop {
            let Err(verdict) = self.attempt(resource).await else {
                let side = self.side_mut(resource);
                side.trouble = None;
                side.counter.forget_use();
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
        let verdict = verdict.about(resource);
        let trouble = self.trouble_of(&verdict, self.side(resource).trouble.as_ref(), self.means.clock.wall());
        let trouble = self.with_refused_sign_in(trouble);
        let failures = trouble.failures();
        let (sign_in, resource_name) = (self.sign_in.key(), resource.as_str());
        tracing::warn!(sign_in, resource = resource_name, fault = %trouble.fault, failures, "no token");
        let is_to_be_remembered = trouble.retry == Retry::NewSignIn && verdict.entry.id != SIGN_IN_MISSING.id;
        if resource == Resource::Mail && is_to_be_remembered {
            self.remember_failure(&verdict).await;
        }
        self.side_mut(resource).trouble = Some(trouble);
    }

    /// `before`: what the failure before this one came to.
    fn trouble_of(&self, verdict: &Verdict, before: Option<&Trouble>, now: SystemTime) -> Trouble {
        Trouble::new(verdict, &self.sign_in, &self.how, before, now)
    }

    async fn attempt(&mut self, resource: Resource) -> Result<(), Verdict> {
        if let Some(row) = self.unsaved.take() {
            self.save(resource, row, true).await?;
            if self.has_usable(resource) {
                return Ok(());
            }
        }
        let app = self.app_for(resource)?;
        if !app.grant.is_unattended() {
            return self.refresh(resource, &app).await;
        }
        let set = self.measured(unattended::fetch(self.endpoints(&app), &self.sign_in)).await?;
        self.adopt(resource, set).await
    }

    /// The app as it asks for this resource.
    fn app_for(&self, resource: Resource) -> Result<Arc<App>, Verdict> {
        let app = match resource {
            Resource::Mail => Some(self.sign_in.app.clone()),
            Resource::Graph => self.sign_in.app.for_graph().map(Arc::new),
        };
        app.ok_or_else(|| Verdict::new(GRAPH_URL_MISSING, format!("app.{} has no graph-url", self.sign_in.app.name)))
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
    async fn refresh(&mut self, resource: Resource, app: &App) -> Result<(), Verdict> {
        let mut candidate = self.row.as_ref().and_then(|row| row.refresh.clone());
        let mut predecessor_tried = self.sign_in.app.rotation == Rotation::OneTime;
        for _ in 0..4 {
            let Some(token) = candidate.take() else { break };
            let verdict = match self.measured(self.endpoints(app).refresh(&token)).await {
                Ok(set) => return self.adopt(resource, set).await,
                Err(verdict) if verdict.blames_refresh_token() => verdict,
                Err(verdict) => return Err(verdict),
            };
            if self.load().await.map_err(|error| Verdict::new(STORE_FAILING, error.to_string()))? {
                if self.has_usable(resource) {
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

    async fn adopt(&mut self, resource: Resource, set: TokenSet) -> Result<(), Verdict> {
        let now = self.means.clock.wall();
        let mut row = self.row.clone().unwrap_or_default();
        let rotated = set.refresh.filter(|new| row.refresh.as_ref().is_none_or(|old| !old.matches(new)));
        let must_save = rotated.is_some();
        if let Some(new) = rotated {
            let old = row.refresh.replace(new);
            row.predecessor = old.filter(|_| self.sign_in.app.rotation == Rotation::OldStaysValid);
        }
        let stored = self.stored();
        let side = self.side_mut(resource);
        side.generation = side.generation.max(stored) + 1;
        let access = AccessToken {
            token: set.access,
            obtained_at: Some(now),
            expires_at: Some(now + set.life),
            generation: side.generation,
        };
        row.access.insert(resource.as_str().to_owned(), access);
        row.last_refresh = Some(now);
        if resource == Resource::Mail {
            row.scope = set.scope.or(row.scope);
            (row.failure, row.refused_sign_in) = (None, None);
        }
        if resource == self.sign_in.app.last_consented() {
            // One that asked for other scopes than this keeper, whose configuration is older, may be refused as before.
            let app = self.sign_in.fingerprint();
            let is_over = |refusal: &Failure| refusal.app == app && is_ended_by_consent(&refusal.id);
            row.refused_beside = row.refused_beside.filter(|refusal| !is_over(refusal));
        }
        self.save(resource, row, must_save).await
    }

    fn is_blocked(&self, resource: Resource) -> bool {
        self.trouble(resource).is_some_and(|trouble| !trouble.is_over())
    }

    /// What stands in the way of this resource: the store, its own trouble, or that there is no sign-in any more.
    fn trouble(&self, resource: Resource) -> Option<&Trouble> {
        let ended = self.mail.trouble.as_ref().filter(|trouble| trouble.is_signed_out());
        self.unread.as_ref().or(self.side(resource).trouble.as_ref()).or(ended)
    }

    /// A renewed certificate, key or federated token is presented at once, whatever was said to the one before it.
    fn has_other_proof(&self, resource: Resource) -> bool {
        let refused = self.side(resource).trouble.as_ref().is_some_and(|trouble| trouble.retry == Retry::Rarely);
        refused && self.proof != self.sign_in.app.credential.written_at()
    }

    fn has_usable(&self, resource: Resource) -> bool {
        let held = self.side(resource).held.as_ref();
        held.is_some_and(|held| self.means.clock.left(held.expiry) > held.grace)
    }

    /// Time to fetch with nobody asking.
    fn is_due(&self, resource: Resource) -> bool {
        if self.unsaved.is_some() {
            return true;
        }
        if Instant::now() < self.quiet_until {
            return false;
        }
        let side = self.side(resource);
        let old = side.held.as_ref().is_none_or(|held| self.means.clock.left(held.expiry) <= held.ahead);
        let is_refused = self.waits_for_a_verdict(resource);
        match self.asks_in_use_alone(resource) {
            true => is_refused || old && side.held.is_some() && side.counter.was_used(),
            false => self.refresh_token().is_some() && (is_refused || old || self.is_untouched()),
        }
    }

    /// What is idle asks again when somebody wants something. Who wanted it and was refused was told when.
    fn asks_in_use_alone(&self, resource: Resource) -> bool {
        self.sign_in.app.grant.is_unattended() || resource == Resource::Graph
    }

    /// Whoever mended the cause of a refusal wants to see that it is, also where a token is held that is good still, and where
    /// nobody wants one.
    fn waits_for_a_verdict(&self, resource: Resource) -> bool {
        let side = self.side(resource);
        let is_lifted = side.trouble.as_ref().is_some_and(Trouble::is_lifted);
        let is_idle = self.asks_in_use_alone(resource) && !side.counter.was_used();
        self.may_be_past(resource) && (is_lifted || !is_idle)
    }

    /// What was refused, and the time of that is over or was lifted. With a wrong password nobody asks twice.
    fn may_be_past(&self, resource: Resource) -> bool {
        let trouble = self.side(resource).trouble.as_ref();
        let passes_or_stays =
            |trouble: &Trouble| trouble.retry == Retry::Later || trouble.fault.id == ACCOUNT_PASSWORD_REFUSED.id;
        trouble.is_some_and(|trouble| trouble.is_over() && !passes_or_stays(trouble))
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
        let due = self.mail.held.as_ref().map(|held| self.means.clock.left(held.expiry).saturating_sub(held.ahead));
        let quiet = self.quiet_until.saturating_duration_since(Instant::now());
        let wait = match self.unread.as_ref().or(self.mail.trouble.as_ref()) {
            Some(trouble) if !trouble.is_over() => trouble.left(),
            _ if self.waits_for_a_verdict(Resource::Mail) => quiet,
            _ => due.unwrap_or_default().max(quiet),
        };
        let graph = match self.graph.trouble.as_ref() {
            Some(trouble) if !trouble.is_over() => Some(trouble.left()),
            _ => self.waits_for_a_verdict(Resource::Graph).then_some(quiet),
        };
        // Not at once again, where a turn changed nothing.
        wait.min(graph.unwrap_or(wait)).clamp(Duration::from_secs(1), patience::look())
    }

    fn endpoints<'a>(&'a self, app: &'a App) -> Endpoints<'a> {
        Endpoints { http: &self.means.http, app, clock: &self.means.clock }
    }

    fn show(&self, resource: Resource, answered: &Wishes, refusal: Option<Fault>) {
        let side = self.side(resource);
        let fault = self.trouble(resource).map(|trouble| trouble.fault.clone());
        // Whoever is answered finds it there.
        self.show_state();
        side.show(self.unread.is_none(), fault, answered, refusal);
    }

    /// What may be told of the sign-in: that of mail, and what stands in the way of Graph alone.
    fn show_state(&self) {
        let trouble = self.trouble(Resource::Mail);
        self.mail.desk.send_modify(|desk| {
            let state = &mut desk.state;
            let before = state.standing();
            state.phase = self.phase();
            state.generation = self.mail.generation;
            state.read(self.row.as_ref(), &self.sign_in.app);
            state.token_expires_at = self.mail.held.as_ref().and_then(|held| timestamp(held.expiry.wall));
            let seen = |trouble: &Trouble| trouble.seen(self.means.clock.wall());
            state.fault = trouble.map(seen);
            state.note_refused_sign_in(self.row.as_ref());
            state.note_refused_beside(self.row.as_ref(), &self.sign_in);
            state.object_id.clone_from(&self.object_id);
            state.graph_fault = self.graph.trouble.as_ref().map(seen);
            if state.standing() != before {
                self.means.changes.send_modify(|changes| *changes += 1);
            }
        });
    }

    fn phase(&self) -> Phase {
        match self.mail.trouble.as_ref().map(|trouble| trouble.retry) {
            _ if self.unread.is_some() => Phase::Waiting,
            Some(Retry::NewSignIn) => Phase::SignInNeeded,
            Some(Retry::Rarely) => Phase::Refused,
            Some(Retry::Later) if !self.has_usable(Resource::Mail) => Phase::Waiting,
            _ => Phase::Ready,
        }
    }
}

#[cfg(test)]
mod tests;
