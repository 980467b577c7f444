//! All keepers of a configuration: one task per sign-in, found by its key.

mod asleep;
pub(super) mod on_demand;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use self::asleep::Asleep;
use super::{
    DomainSignIns, Resource, SignIn,
    app::login_for,
    clock::{Clock, Off},
    counter::{Counter, NoBearer, Want},
    keeper::{Keeper, Means},
    patience,
    state::{Phase, SignInState},
};
use crate::{
    base::{Bearer, Fault, invocation::gatepost},
    catalog::{doctor::SOMEBODY_ELSE_SIGNED_IN, token::TOKEN_FETCH_UNFINISHED},
    meter::Meter,
    net::HttpClient,
    store::{Stamp, Store},
};

/// For keepers to read their rows; one that waits for its provider is not waited for.
const CATCH_UP: Duration = Duration::from_millis(500);
/// A person who says so time and again is heard this often.
const BY_HAND: Duration = Duration::from_secs(5);
/// No command takes as long.
const COMMAND: Duration = Duration::from_secs(24 * 3600);

pub struct Keepers {
    means: Means,
    pages: Option<String>,
    /// Over this long the first refreshes of new keepers are spread.
    spread: Duration,
    /// They work for one command, see [`Keepers::of_a_command`].
    is_asked_alone: bool,
    running: Mutex<HashMap<String, Running>>,
    /// The daemon ends: that a keeper is gone says nothing about the configuration.
    is_stopping: AtomicBool,
    /// Keepers that were told to stop and may still have a request under way, by the key of their sign-in.
    leaving: Mutex<HashMap<String, JoinHandle<()>>>,
    /// Whose mailboxes get a keeper when somebody asks for one.
    domains: Mutex<Vec<DomainSignIns>>,
    asleep: Mutex<Asleep>,
    /// The store may know of other mailboxes than `asleep` does.
    survey_wanted: AtomicBool,
    /// The store as it was when it was last looked at.
    looked_at: Mutex<LookedAt>,
}

#[derive(Default)]
struct LookedAt {
    stamp: Option<Stamp>,
    change: Option<i64>,
}

pub(super) struct Running {
    counter: Arc<Counter>,
    graph: Arc<Counter>,
    fingerprint: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
    /// Of a mailbox that nobody listed.
    on_demand: bool,
    /// When somebody last wanted a token; for those on demand.
    pub(super) asked_at: Instant,
    /// When a person last said that something was mended, for this sign-in alone.
    afresh_at: Option<Instant>,
}

impl Running {
    fn counter_of(&self, resource: Resource) -> &Arc<Counter> {
        match resource {
            Resource::Mail => &self.counter,
            Resource::Graph => &self.graph,
        }
    }

    /// Another process may have changed the store.
    fn look_at_store(&self) {
        self.counter.look_at_store();
        self.graph.look_at_store();
    }

    fn ask_afresh(&self) {
        self.counter.ask_afresh();
        self.graph.ask_afresh();
    }

    /// Tells the keeper to stop; the task ends once what it sent is answered and saved.
    fn leave(self) -> JoinHandle<()> {
        self.stop.cancel();
        self.task
    }
}

impl Keepers {
    /// `pages`: the address of the console, if people can sign in there.
    pub fn new(store: Arc<Store>, http: HttpClient, meter: Meter, pages: Option<String>) -> Self {
        let changes = Arc::new(watch::Sender::new(0));
        Self {
            means: Means { store, http, clock: Clock::default(), meter, changes, asks_afresh: false },
            pages,
            spread: patience::FIRST_SPREAD,
            is_asked_alone: false,
            running: Mutex::default(),
            is_stopping: AtomicBool::new(false),
            leaving: Mutex::default(),
            domains: Mutex::default(),
            asleep: Mutex::default(),
            survey_wanted: AtomicBool::new(true),
            looked_at: Mutex::default(),
        }
    }

    /// For a person who wants to know how things are now: nothing is fetched that was not asked for, and what a provider
    /// said once is no reason not to ask again. What is fetched is saved, as ever.
    pub fn of_a_command(store: Arc<Store>, http: HttpClient, meter: Meter) -> Self {
        let mut keepers = Self::new(store, http, meter, None);
        keepers.is_asked_alone = true;
        keepers.means.asks_afresh = true;
        keepers
    }

    /// With a clock that a test moves, and the first refreshes at once or far away.
    #[cfg(test)]
    pub(super) fn on_stage(store: Arc<Store>, http: HttpClient, clock: Clock, spread: Duration) -> Self {
        let mut keepers = Self::new(store, http, Meter::new(), None);
        (keepers.means.clock, keepers.spread) = (clock, spread);
        keepers
    }

    /// Takes over the sign-ins of a configuration: unchanged ones go on, new ones start, others stop; those of
    /// mailboxes of `domains` go on while the domain does. Nothing is deleted. Needs a tokio runtime.
    pub fn apply(&self, sign_ins: &[Arc<SignIn>], domains: &[DomainSignIns]) {
        let mut running = self.running();
        *self.domains() = domains.to_vec();
        // What was said to another app registration counts no more.
        *self.asleep() = Asleep::default();
        self.survey_wanted.store(true, Ordering::SeqCst);
        let mut before = std::mem::take(&mut *running);
        for sign_in in sign_ins {
            let key = sign_in.key();
            if running.contains_key(&key) {
                continue;
            }
            let fingerprint = sign_in.fingerprint();
            let next = match before.remove(&key) {
                Some(same) if same.fingerprint == fingerprint => Running { on_demand: false, ..same },
                old => {
                    let old = old.map(Running::leave).or_else(|| self.leaving().remove(&key));
                    self.start(sign_in, fingerprint, self.first_quiet(), old)
                }
            };
            running.insert(key, next);
        }
        let stays = |key: &String, one: &Running| {
            let of_domain = domains.iter().find_map(|domain| domain.by_key(key));
            one.on_demand && of_domain.is_some_and(|sign_in| sign_in.fingerprint() == one.fingerprint)
        };
        running.extend(before.extract_if(|key, one| stays(key, one)));
        self.means.changes.send_modify(|changes| *changes += 1);
        let mut leaving = self.leaving();
        leaving.retain(|_, task| !task.is_finished());
        leaving.extend(before.into_iter().map(|(key, gone)| (key, gone.leave())));
    }

    /// The token of this sign-in, fetched if need be. Drop the future to stop waiting; the caller keeps the deadline.
    pub async fn bearer(&self, sign_in: &SignIn) -> Result<Bearer, Fault> {
        self.bearer_for(sign_in, Resource::Mail).await
    }

    /// The same for one of the resources that the sign-in serves; each has a token, and a fault, of its own.
    pub async fn bearer_for(&self, sign_in: &SignIn, resource: Resource) -> Result<Bearer, Fault> {
        self.ask(sign_in, resource, Want::AnyToken).await
    }

    /// An upstream refused this generation in words that blame the token: a newer one, or why there is none.
    pub async fn refused(&self, sign_in: &SignIn, generation: u64) -> Result<Bearer, Fault> {
        self.refused_for(sign_in, Resource::Mail, generation).await
    }

    pub async fn refused_for(&self, sign_in: &SignIn, resource: Resource, generation: u64) -> Result<Bearer, Fault> {
        self.ask(sign_in, resource, Want::NewerThan(generation)).await
    }

    async fn ask(&self, sign_in: &SignIn, resource: Resource, want: Want) -> Result<Bearer, Fault> {
        let looked = self.look_for_changes().await;
        let mut counter = self.called(sign_in, resource)?;
        if !looked {
            // Something changed, and what cannot be told: nobody goes on with what was read before.
            counter.look_at_store();
        }
        loop {
            match counter.bearer(want).await {
                Ok(bearer) => return Ok(bearer),
                Err(NoBearer::Fault(fault)) => return Err(self.told_to(sign_in, fault)),
                Err(NoBearer::KeeperGone) => {}
            }
            // Another configuration has another keeper for the same sign-in.
            let next = self.called(sign_in, resource)?;
            if Arc::ptr_eq(&next, &counter) {
                return Err(TOKEN_FETCH_UNFINISHED.fault().detail(format!("the keeper of {} is gone", sign_in.key())));
            }
            counter = next;
        }
    }

    /// Each account of a sign-in is told to sign in by its own address.
    fn told_to(&self, sign_in: &SignIn, mut fault: Fault) -> Fault {
        if let Some(state) = self.state(sign_in) {
            fault.text = state.said_of(&sign_in.account, &fault.text);
        }
        fault
    }

    /// Asks all keepers to look if another process wrote since the last time: a logout counts from the moment it
    /// returned. The stamp of the file costs a microsecond; only if that moved is the store itself asked.
    /// `false`: the store does not say.
    pub(super) async fn look_for_changes(&self) -> bool {
        let stamp = self.means.store.stamp();
        if stamp.is_some() && self.looked_at().stamp == stamp {
            return true;
        }
        // A task of its own: who asks may have something else to do before it goes on, a dial beside a connection that came
        // another way, and must not hold the store's one connection meanwhile.
        let store = self.means.store.clone();
        let Ok(Ok(change)) = tokio::spawn(async move { store.change_counter().await }).await else { return false };
        let mut looked_at = self.looked_at();
        looked_at.stamp = stamp;
        if looked_at.change.replace(change) != Some(change) {
            // Still under the lock: who sees the new stamp finds the looks asked for, and waits for them.
            self.notice_store_change();
        }
        true
    }

    /// An upstream took the token of this generation: a later refusal of it is news, and worth a fetch.
    pub fn accepted(&self, sign_in: &SignIn, generation: u64) {
        if let Some(running) = self.running().get(&sign_in.key()) {
            running.counter.accepted(generation);
        }
    }

    /// And it opened the mailbox of the one who was meant: what other mailboxes somebody may open says nothing of that.
    pub fn let_in(&self, sign_in: &SignIn, generation: u64) {
        if let Some(running) = self.running().get(&sign_in.key()) {
            running.counter.let_in(sign_in, generation);
        }
    }

    /// Graph took it, which takes a token whosever mailbox it is asked for: that says nothing of whom it belongs to.
    pub fn accepted_by_graph(&self, sign_in: &SignIn, generation: u64) {
        if let Some(running) = self.running().get(&sign_in.key()) {
            running.graph.accepted(generation);
        }
    }

    /// A mail server serves this sign-in on a connection from before: what was refused since may be past.
    pub fn goes_on(&self, sign_in: &SignIn) {
        if let Some(counter) = self.counter(sign_in) {
            counter.goes_on();
        }
    }

    /// Ends with its keeper: what began under the grant of then is of another app, or of nobody, from there on. `None`: nobody
    /// is awake for it.
    pub fn life(&self, sign_in: &SignIn) -> Option<CancellationToken> {
        self.running().get(&sign_in.key()).map(|running| running.stop.clone())
    }

    /// When a person last signed in; changes with every new sign-in.
    pub fn signed_in_at(&self, sign_in: &SignIn) -> Option<jiff::Timestamp> {
        self.counter(sign_in)?.signed_in_at()
    }

    /// How far the clock of this machine is off, where the last answer of a provider showed that it is too far.
    pub fn clock_off(&self) -> Option<Off> {
        self.means.clock.off()
    }

    /// Why a mail server takes no token of this sign-in, where somebody else gave it than was meant, whom none let in so far.
    pub fn somebody_else(&self, sign_in: &SignIn) -> Option<Fault> {
        let state = self.state(sign_in)?;
        let name = state.in_doubt(sign_in)?;
        let fault = SOMEBODY_ELSE_SIGNED_IN.fault_with(&self.way_to_sign_in(sign_in));
        Some(fault.detail(format!("{name} signed in")))
    }

    /// Whether what began under the sign-in of then may go on: a logout counts from the moment it returned, as for a token.
    /// Where that cannot be told in a moment it may not. Of a grant that needs nobody there is nothing to end.
    pub async fn may_go_on(&self, sign_in: &SignIn, signed_in_at: Option<jiff::Timestamp>) -> bool {
        if sign_in.app.grant.is_unattended() {
            return signed_in_at.is_none();
        }
        let is_known = self.look_for_changes().await;
        let Some(counter) = self.counter(sign_in).filter(|_| is_known) else { return false };
        if timeout(CATCH_UP, counter.caught_up()).await.is_err() {
            return false;
        }
        let state = counter.state();
        // Whoever came from another program was never seen signing in, and signs out all the same.
        state.signed_in_at == signed_in_at && (signed_in_at.is_some() || state.phase != Phase::SignInNeeded)
    }

    /// How it stands, as far as somebody is awake for it.
    pub fn state(&self, sign_in: &SignIn) -> Option<SignInState> {
        Some(self.counter(sign_in)?.state())
    }

    /// In the order of their keys; of mailboxes that nobody listed, those that are signed in or were asked for.
    pub fn states(&self) -> Vec<SignInState> {
        let mut states: Vec<_> = self.running().values().map(|running| running.counter.state()).collect();
        states.extend(self.asleep().states());
        states.sort_by(|a, b| a.key.cmp(&b.key));
        states
    }

    /// Changes whenever a sign-in changes how it stands; [`Keepers::states`] says how.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.means.changes.subscribe()
    }

    /// The wall clock by which tokens, sign-ins and warnings are judged.
    pub fn clock(&self) -> Clock {
        self.means.clock.clone()
    }

    /// Another process may have signed somebody in or out: all keepers look.
    pub fn notice_store_change(&self) {
        self.survey_wanted.store(true, Ordering::SeqCst);
        self.running().values().for_each(Running::look_at_store);
    }

    /// What providers refused is asked for again, at once where somebody wants it: a person says that it was mended.
    pub fn ask_afresh(&self) {
        self.means.clock.forget();
        self.running().values().for_each(Running::ask_afresh);
    }

    /// The same for one sign-in, but not again within seconds: no loop of orders hammers the provider.
    pub fn ask_afresh_for(&self, sign_in: &SignIn) {
        // A keeper that sleeps would read in the store what was refused. Where there is to be none, who asks hears why.
        let _ = self.called(sign_in, Resource::Mail);
        let mut running = self.running();
        let Some(one) = running.get_mut(&sign_in.key()) else { return };
        if one.afresh_at.is_none_or(|at| at.elapsed() >= BY_HAND) {
            one.afresh_at = Some(Instant::now());
            one.ask_afresh();
        }
    }

    /// Waits, for a moment at most, until what other processes wrote is seen: who signed in just now is signed in.
    pub async fn catch_up(&self) {
        self.look_for_changes().await;
        let counters: Vec<_> = self.running().values().map(|running| running.counter.clone()).collect();
        let _ = timeout(CATCH_UP, join_all(counters.iter().map(|counter| counter.caught_up()))).await;
    }

    /// Watches the store for other processes, once a `period`; runs until dropped.
    pub async fn follow_store(&self, period: Duration) {
        loop {
            tokio::time::sleep(period).await;
            if !self.look_for_changes().await {
                self.notice_store_change();
            }
        }
    }

    /// Ends all keepers; each finishes what it sent, so that no rotated token is lost.
    pub async fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        let all = std::mem::take(&mut *self.running());
        let mut tasks: Vec<_> = all.into_values().map(Running::leave).collect();
        tasks.extend(std::mem::take(&mut *self.leaving()).into_values());
        for task in tasks {
            // A keeper that panicked has nothing left to finish.
            let _ = task.await;
        }
    }

    fn first_quiet(&self) -> Duration {
        if self.is_asked_alone { COMMAND } else { patience::jitter(self.spread) }
    }

    /// `quiet`: for so long nothing is fetched that nobody waits for. `old`: whom it follows.
    fn start(
        &self,
        sign_in: &Arc<SignIn>,
        fingerprint: String,
        quiet: Duration,
        old: Option<JoinHandle<()>>,
    ) -> Running {
        let (counter, desk) = Counter::new(SignInState::new(sign_in), self.means.clock.clone());
        let (graph, graph_desk) = counter.beside();
        let (counter, graph) = (Arc::new(counter), Arc::new(graph));
        let stop = CancellationToken::new();
        let keeper = Keeper::new(
            sign_in.clone(),
            self.means.clone(),
            [(counter.clone(), desk), (graph.clone(), graph_desk)],
            self.way_to_sign_in(sign_in),
            quiet,
            stop.clone(),
        );
        let task = tokio::spawn(async move {
            // Two writers at a time could both present a one-time token.
            if let Some(old) = old {
                let _ = old.await;
            }
            keeper.run().await;
        });
        let asked_at = Instant::now();
        Running { counter, graph, fingerprint, stop, task, on_demand: false, asked_at, afresh_at: None }
    }

    /// In a reply on the wire, where a person may read it.
    fn way_to_sign_in(&self, sign_in: &SignIn) -> String {
        let run = format!("run: {} {}", gatepost(), login_for(&sign_in.account, &sign_in.identity));
        match &self.pages {
            // Nobody signs in.
            _ if sign_in.is_mended_elsewhere() => "Gatepost asks again by itself".to_owned(),
            Some(pages) => format!("open {pages} or {run}"),
            None => run,
        }
    }

    /// `None`: nobody is awake for it.
    fn counter(&self, sign_in: &SignIn) -> Option<Arc<Counter>> {
        self.running().get(&sign_in.key()).map(|running| running.counter.clone())
    }

    fn looked_at(&self) -> MutexGuard<'_, LookedAt> {
        self.looked_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leaving(&self) -> MutexGuard<'_, HashMap<String, JoinHandle<()>>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn running(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Keepers {
    fn drop(&mut self) {
        self.running().values().for_each(|running| running.stop.cancel());
    }
}
