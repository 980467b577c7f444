//! Access tokens to look with: the one that is stored while it is good for some minutes and nothing speaks against it,
//! else one that is fetched.
//!
//! What speaks against it: a failure that is remembered, what it says itself, and a mail server that does not want it;
//! then a fresh one shows how things are now. It is saved by version, as `gatepost login` does, so a daemon beside it
//! takes it over. Where refresh tokens are good once, the daemon that runs is the only one who may present one; then its
//! own token is looked at, or what it says of why there is none. Grants that need nobody are asked in the daemon's way
//! and nothing of them is kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use tokio::{
    sync::OwnedMutexGuard,
    time::{Instant, timeout},
};

use super::{
    account::who_of,
    claims,
    daemon::Running,
    files::Kept,
    look::Look,
    next::Who,
    report::{Check, Layer},
    scope::Scope,
    words::{Name, Said},
};
use crate::{
    account::Account,
    base::{Bearer, Fault, invocation},
    catalog::{
        self,
        own::TOKEN_TIMEOUT,
        token::{GRAPH_URL_MISSING, SIGN_IN_MISSING, TOKEN_FETCH_UNFINISHED},
    },
    config::Config,
    meter::Meter,
    net::{ClientTls, HttpClient, Network, Proxy},
    oauth::{
        App, Keepers, Resource, Rotation, SignIn,
        clock::Clock,
        endpoints::Endpoints,
        grants::unattended,
        login_for,
        sign_in::{refusal_beside, refusal_of},
        verdict::Verdict,
    },
    outbound::Seen,
    store::{Store, StoreError, TokenRow},
};

/// For one token; a flight of a keeper with its tries takes less.
const WITHIN: Duration = Duration::from_secs(45);
/// A token with less left is of no use for a look.
const GRACE: Duration = Duration::from_secs(30);
/// One with less left is about to be replaced anyway.
const LASTS: Duration = Duration::from_secs(5 * 60);

/// What everything is looked at with.
pub(super) struct Means {
    pub tls: ClientTls,
    pub http: HttpClient,
    pub mail_proxy: Option<Proxy>,
    pub meter: Meter,
    /// What clients are shown before their login; not added to.
    pub known: Seen,
    pub has_extra_roots: bool,
    /// Those of the system alone, once somebody asked.
    system_roots: OnceLock<Option<ClientTls>>,
    pub store: Option<Arc<Store>>,
    /// It is there, and cannot be read.
    store_fails: bool,
    is_elsewhere: bool,
    /// Fetches for people's sign-ins.
    pub keepers: Option<Arc<Keepers>>,
    running: Running,
    /// See [`Scope::anew`].
    anew: bool,
    clock: Clock,
    fetched: Mutex<HashMap<String, Result<Got, Fault>>>,
    mailboxes: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A token, and what is known of it.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub bearer: Bearer,
    pub is_fresh: bool,
    pub until: Option<SystemTime>,
}

impl Got {
    fn minutes(&self) -> Option<u64> {
        let left = self.until?.duration_since(SystemTime::now()).unwrap_or_default();
        Some(left.as_secs() / 60)
    }
}

impl Means {
    /// `Err`: without roots or with a wrong proxy there is no way to anybody.
    pub async fn new(config: &Config, scope: &Scope, kept: Kept, running: &Running) -> Result<Self, Check> {
        let refused = |fault: crate::net::SetupFault| {
            let fault = fault.entry().fault().detail(fault.to_string());
            Look::at(scope.lang, Layer::Tls, Name::Roots).fault(&fault, &Who::default())
        };
        let tls = ClientTls::new(&config.network).map_err(refused)?;
        let http = HttpClient::new(&config.network, &tls).map_err(refused)?;
        let meter = Meter::new();
        let (store, store_fails) = (kept.store().cloned(), matches!(kept, Kept::Failing | Kept::Elsewhere));
        let is_elsewhere = matches!(kept, Kept::Elsewhere);
        let keepers = store.clone().map(|store| {
            let keepers = Keepers::of_a_command(store, http.clone(), meter.clone());
            let sign_ins = scope.accounts(config).into_iter().map(|account| account.sign_in.clone());
            let of_people: Vec<_> = sign_ins.filter(|one| !one.app.grant.is_unattended()).collect();
            keepers.apply(&of_people, &[]);
            Arc::new(keepers)
        });
        let known = match &store {
            Some(store) => Seen::recalled(store.clone()).await,
            None => Seen::default(),
        };
        Ok(Self {
            tls,
            http,
            mail_proxy: config.network.mail_proxy.clone(),
            meter,
            known,
            has_extra_roots: config.network.ca_file.is_some(),
            system_roots: OnceLock::new(),
            store,
            store_fails,
            is_elsewhere,
            keepers,
            running: running.clone(),
            anew: scope.anew,
            clock: Clock::default(),
            fetched: Mutex::default(),
            mailboxes: Mutex::default(),
        })
    }

    /// Ends the keepers; what they sent is answered and saved before.
    pub async fn stop(&self) {
        if let Some(keepers) = &self.keepers {
            keepers.stop().await;
        }
    }

    /// What is trusted here without `ca-file`; `None`: nothing.
    pub fn system_roots(&self) -> Option<&ClientTls> {
        self.system_roots.get_or_init(|| ClientTls::new(&Network::default()).ok()).as_ref()
    }

    pub fn daemon(&self) -> &Running {
        &self.running
    }

    pub fn has_daemon(&self) -> bool {
        self.running.is_running()
    }

    /// Whether nobody can say what is stored for this account.
    pub fn lacks_store(&self, account: &Account) -> bool {
        self.store_fails && !account.sign_in.app.grant.is_unattended()
    }

    /// Why not.
    pub const fn unread(&self) -> Said {
        if self.is_elsewhere { Said::StoreBeforeCounts } else { Said::StoreFails }
    }

    /// Whether the daemon alone may present the refresh token of this account.
    pub fn must_not_fetch(&self, account: &Account) -> bool {
        let app = &account.sign_in.app;
        app.rotation == Rotation::OneTime && self.running.is_running() && !app.grant.is_unattended()
    }

    /// Held by who is connected to this mailbox; others of this look wait.
    pub async fn alone_at(&self, mailbox: &str) -> OwnedMutexGuard<()> {
        let door = {
            let mut all = self.mailboxes.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(mailbox.to_ascii_lowercase()).or_default().clone()
        };
        door.lock_owned().await
    }

    /// Several accounts may live on one sign-in; its provider is asked once.
    pub async fn token(&self, account: &Account, resource: Resource) -> Result<Got, Fault> {
        let key = key_of(account, resource);
        if let Some(known) = self.known(&key) {
            return known;
        }
        let got = self.within(self.ask(account, resource)).await;
        self.learn(key, &got);
        got
    }

    /// One that was fetched now, in the place of a stored one that is in doubt. `None`: nobody here may fetch it.
    pub async fn fresh(&self, account: &Account, resource: Resource) -> Option<Result<Got, Fault>> {
        if self.must_not_fetch(account) {
            return None;
        }
        let key = key_of(account, resource);
        if let Some(known) = self.known(&key).filter(|known| known.as_ref().map_or(true, |got| got.is_fresh)) {
            return Some(known);
        }
        let got = self.within(self.renewed(account, resource)).await;
        self.learn(key, &got);
        Some(got)
    }

    async fn within(&self, asked: impl Future<Output = Result<Got, Fault>>) -> Result<Got, Fault> {
        timeout(WITHIN, asked).await.unwrap_or_else(|_| Err(TOKEN_TIMEOUT.fault()))
    }

    fn known(&self, key: &str) -> Option<Result<Got, Fault>> {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    fn learn(&self, key: String, got: &Result<Got, Fault>) {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).insert(key, got.clone());
    }

    async fn ask(&self, account: &Account, resource: Resource) -> Result<Got, Fault> {
        let sign_in = &account.sign_in;
        if sign_in.app.grant.is_unattended() {
            return self.fetch(sign_in, resource).await;
        }
        let row = self.row(account).await?;
        if self.must_not_fetch(account) {
            return stored_in(&row, resource, GRACE).ok_or_else(|| self.why_none(account));
        }
        let in_doubt = self.anew
            || row.failure.as_ref().is_some_and(|failure| failure.app == sign_in.fingerprint())
            || self.running.fault_of(&account.address, resource).is_some();
        match stored_in(&row, resource, LASTS).filter(|_| !in_doubt) {
            Some(got) => Ok(got),
            None => self.renewed(account, resource).await,
        }
    }

    async fn renewed(&self, account: &Account, resource: Resource) -> Result<Got, Fault> {
        let sign_in = &account.sign_in;
        if sign_in.app.grant.is_unattended() {
            return self.fetch(sign_in, resource).await;
        }
        let row = self.row(account).await?;
        let Some(keepers) = &self.keepers else { return Err(missing(account)) };
        let before = row.access.get(resource.as_str()).map_or(0, |access| access.generation);
        let asked = Instant::now();
        let mut bearer = keepers.bearer_for(sign_in, resource).await?;
        if bearer.generation <= before {
            // It was at hand; whether another one comes is the question.
            bearer = keepers.refused_for(sign_in, resource, bearer.generation).await?;
        }
        tracing::debug!(took = ?asked.elapsed(), "token for a look");
        let until = self.row(account).await.ok();
        let until = until.and_then(|row| row.access.get(resource.as_str())?.expires_at);
        Ok(Got { bearer, is_fresh: true, until })
    }

    /// See [`Who::refused_sign_in`].
    pub async fn refused_sign_in(&self, account: &Account) -> Option<(&'static str, Timestamp)> {
        refused_sign_in(self.store.as_ref()?, account).await
    }

    /// See [`refused_beside`].
    pub async fn refused_beside(&self, scope: &Scope, account: &Account, who: &Who) -> Option<Check> {
        refused_beside(scope, account, self.store.as_ref()?, who).await
    }

    /// What is stored of a sign-in of somebody.
    async fn row(&self, account: &Account) -> Result<TokenRow, Fault> {
        let Some(store) = &self.store else { return Err(missing(account)) };
        row_in(store, account).await
    }

    async fn fetch(&self, sign_in: &SignIn, resource: Resource) -> Result<Got, Fault> {
        let graph;
        let app: &App = match resource {
            Resource::Mail => &sign_in.app,
            Resource::Graph => {
                graph = sign_in.app.for_graph().ok_or_else(|| GRAPH_URL_MISSING.fault())?;
                &graph
            }
        };
        let endpoints = Endpoints { http: &self.http, app, clock: &self.clock };
        let told = |verdict: Verdict| verdict.about(resource).fault("");
        let set = unattended::fetch(endpoints, sign_in).await.map_err(told)?;
        let until = self.clock.wall().checked_add(set.life);
        Ok(Got { bearer: Bearer { token: set.access, generation: 0 }, is_fresh: true, until })
    }

    /// In the words of the daemon, which alone may ask.
    fn why_none(&self, account: &Account) -> Fault {
        let told = self.running.fault_of(&account.address, Resource::Mail);
        match told.and_then(|(id, text)| Some((catalog::find(&id)?, text))) {
            Some((entry, text)) => entry.fault_with(&way_to_sign_in(account)).detail(text),
            None => TOKEN_FETCH_UNFINISHED.fault().detail("the daemon is about to fetch a token"),
        }
    }
}

pub(super) fn way_to_sign_in(account: &Account) -> String {
    format!("run: {} {}", invocation::gatepost(), login_for(&account.address, &account.sign_in.identity))
}

fn key_of(account: &Account, resource: Resource) -> String {
    format!("{} {}", account.sign_in.key(), resource.as_str())
}

fn missing(account: &Account) -> Fault {
    SIGN_IN_MISSING.fault_with(&way_to_sign_in(account))
}

/// Somebody may have tried.
fn never_signed_in(account: &Account, row: &TokenRow) -> Fault {
    match refusal_of(row, &account.sign_in.fingerprint()) {
        Some(refusal) => refusal.fault_of_sign_in(&account.sign_in.app, &way_to_sign_in(account)),
        None => missing(account),
    }
}

async fn refused_sign_in(store: &Store, account: &Account) -> Option<(&'static str, Timestamp)> {
    let row = store.token(&account.sign_in.key()).await.ok()?.row?;
    let id = refusal_of(&row, &account.sign_in.fingerprint())?.entry.id;
    Some((id, Timestamp::try_from(row.refused_sign_in?.at?).ok()?))
}

/// That a later sign-in was refused, of which the one that is stored knows nothing: whoever tried it meant something by it.
pub(super) async fn refused_beside(scope: &Scope, account: &Account, store: &Store, who: &Who) -> Option<Check> {
    let row = store.token(&account.sign_in.key()).await.ok()?.row?;
    let (refusal, at) = refusal_beside(&row, &account.sign_in)?;
    let at = Timestamp::try_from(at).ok()?;
    let look = Look::at(scope.lang, Layer::Token, Name::LaterSignIn).account(&account.address);
    let (signed_in_as, whose_stays) = (refusal.signed_in_as.clone(), refusal.whose_stays.clone());
    let who = Who { refused_sign_in: Some((refusal.entry.id, at)), signed_in_as, whose_stays, ..who.clone() };
    let fault = refusal.fault_of_sign_in(&account.sign_in.app, &way_to_sign_in(account));
    Some(look.note(Said::RefusedBeside { id: refusal.entry.id, at }, &fault, &who))
}

/// A row that does not open is none, as for the daemon: a new sign-in replaces it.
async fn row_in(store: &Store, account: &Account) -> Result<TokenRow, Fault> {
    match store.token(&account.sign_in.key()).await {
        Ok(found) => {
            let row = found.row.unwrap_or_default();
            if row.refresh.is_some() { Ok(row) } else { Err(never_signed_in(account, &row)) }
        }
        Err(error @ StoreError::Row { .. }) => Err(missing(account).detail(error.to_string())),
        Err(error) => Err(error.fault()),
    }
}

/// With more than `least` of its life left.
fn stored_in(row: &TokenRow, resource: Resource, least: Duration) -> Option<Got> {
    let access = row.access.get(resource.as_str())?;
    let until = access.expires_at.filter(|end| end.duration_since(SystemTime::now()).is_ok_and(|left| left > least))?;
    let bearer = Bearer { token: access.token.clone(), generation: access.generation };
    Some(Got { bearer, is_fresh: false, until: Some(until) })
}

/// The check of one token.
pub(super) fn check(look: Look, got: &Result<Got, Fault>, who: &Who) -> Check {
    match got {
        Ok(got) => look.pass(Said::Token { is_fresh: got.is_fresh, minutes: got.minutes() }),
        Err(fault) => look.fault(fault, who),
    }
}

/// Without the network: what is stored, and what it says.
pub(super) async fn stored(scope: &Scope, config: &Config, kept: &Kept) -> Vec<Check> {
    let mut checks = Vec::new();
    for account in scope.accounts(config) {
        let look = Look::at(scope.lang, Layer::Token, Name::MailToken).account(&account.address);
        let mut who = who_of(&account);
        if account.sign_in.app.grant.is_unattended() {
            checks.push(look.skip(Said::Offline));
            continue;
        }
        let row = match kept {
            Kept::Open(store) => row_in(store, &account).await,
            Kept::NotMade => Err(missing(&account)),
            Kept::Failing | Kept::Elsewhere => {
                checks.push(look.skip(kept.unread()));
                continue;
            }
        };
        let failure = |row: &TokenRow| {
            let failure = row.failure.as_ref().filter(|failure| failure.app == account.sign_in.fingerprint())?;
            let fault = catalog::find(&failure.id)?.fault_with(&way_to_sign_in(&account)).detail(&failure.detail);
            let refusal = refusal_of(row, &account.sign_in.fingerprint());
            Some(
                refusal
                    .map_or(fault, |refusal| refusal.fault_of_sign_in(&account.sign_in.app, &way_to_sign_in(&account))),
            )
        };
        match row.and_then(|row| failure(&row).map_or(Ok(row), Err)) {
            Err(fault) => {
                if let Some(store) = kept.store() {
                    who.refused_sign_in = refused_sign_in(store, &account).await;
                }
                checks.push(look.fault(&fault, &who));
            }
            Ok(row) => match stored_in(&row, Resource::Mail, GRACE) {
                Some(got) => {
                    checks.push(look.pass(Said::Token { is_fresh: false, minutes: got.minutes() }));
                    checks.extend(claims::look(scope, config, &account, &got, Resource::Mail, None, &mut who));
                }
                None => checks.push(look.pass(Said::SignedIn)),
            },
        }
        if let Some(store) = kept.store() {
            checks.extend(refused_beside(scope, &account, store, &who).await);
        }
    }
    checks
}
