//! Access tokens to look with: fetched anew where that disturbs nobody, else the one that is stored.
//!
//! A fresh one shows that the sign-in works now, and not only an hour ago. It is saved by version, as `gatepost login`
//! does, so a daemon beside it takes it over. Where refresh tokens are good once, the daemon that runs is the only one
//! who may present one; then its own token is looked at, or what it says of why there is none. Grants that need nobody
//! are asked in the daemon's way and nothing of them is kept.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, timeout};

use super::{
    account::who_of,
    claims,
    daemon::Running,
    look::Look,
    next::Who,
    report::{Check, Layer},
    scope::Scope,
    words::{Name, Said},
};
use crate::{
    account::Account,
    base::{Bearer, Fault},
    catalog::{
        self,
        own::{STORE_UNAVAILABLE, TOKEN_TIMEOUT},
        token::{FETCH_UNFINISHED, NOT_HTTPS_TRUSTED, RESOURCE_UNKNOWN, SIGN_IN_MISSING},
    },
    config::Config,
    meter::Meter,
    net::{ClientTls, HttpClient, Proxy},
    oauth::{
        App, Keepers, Resource, Rotation, SignIn, clock::Clock, endpoints::Endpoints, grants::unattended,
        verdict::Verdict,
    },
    outbound::Seen,
    store::{Store, TokenRow},
};

/// For one token; a flight of a keeper with its tries takes less.
const WITHIN: Duration = Duration::from_secs(45);
/// A token with less left is of no use for a look.
const GRACE: Duration = Duration::from_secs(30);

/// What everything is looked at with.
pub(super) struct Means {
    pub tls: ClientTls,
    pub http: HttpClient,
    pub mail_proxy: Option<Proxy>,
    pub meter: Meter,
    /// What clients are shown before their login; not added to.
    pub known: Seen,
    pub has_extra_roots: bool,
    pub store: Option<Arc<Store>>,
    /// Fetches for people's sign-ins.
    keepers: Option<Arc<Keepers>>,
    running: Running,
    clock: Clock,
    fetched: Mutex<HashMap<String, Result<Got, Fault>>>,
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
    pub async fn new(
        config: &Config,
        scope: &Scope,
        store: Option<Arc<Store>>,
        running: &Running,
    ) -> Result<Self, Check> {
        let refused = |fault: crate::net::SetupFault| {
            let fault = NOT_HTTPS_TRUSTED.fault().detail(fault.to_string());
            Look::at(scope.lang, Layer::Tls, Name::Roots).fault(&fault, &Who::default())
        };
        let tls = ClientTls::new(&config.network).map_err(refused)?;
        let http = HttpClient::new(&config.network, &tls).map_err(refused)?;
        let meter = Meter::new();
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
            store,
            keepers,
            running: running.clone(),
            clock: Clock::default(),
            fetched: Mutex::default(),
        })
    }

    /// Ends the keepers; what they sent is answered and saved before.
    pub async fn stop(&self) {
        if let Some(keepers) = &self.keepers {
            keepers.stop().await;
        }
    }

    /// Several accounts may live on one sign-in; its provider is asked once.
    pub async fn token(&self, account: &Account, resource: Resource) -> Result<Got, Fault> {
        let key = format!("{} {}", account.sign_in.key(), resource.as_str());
        let known = self.fetched.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(known) = known {
            return known;
        }
        let got = timeout(WITHIN, self.ask(account, resource)).await;
        let got = got.unwrap_or_else(|_| Err(TOKEN_TIMEOUT.fault()));
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).insert(key, got.clone());
        got
    }

    async fn ask(&self, account: &Account, resource: Resource) -> Result<Got, Fault> {
        let sign_in = &account.sign_in;
        if sign_in.app.grant.is_unattended() {
            return self.fetch(sign_in, resource).await;
        }
        let how = way_to_sign_in(account);
        let missing = || SIGN_IN_MISSING.fault_with(&how);
        let (Some(store), Some(keepers)) = (&self.store, &self.keepers) else { return Err(missing()) };
        let row = store.token(&sign_in.key()).await;
        let row = row.map_err(|error| STORE_UNAVAILABLE.fault().detail(error.to_string()))?.row;
        let Some(row) = row.filter(|row| row.refresh.is_some()) else { return Err(missing()) };
        if sign_in.app.rotation == Rotation::OneTime && self.running.is_running() {
            return stored_in(&row, resource).ok_or_else(|| self.why_none(account));
        }
        let before = row.access.get(resource.as_str()).map_or(0, |access| access.generation);
        let asked = Instant::now();
        let mut bearer = keepers.bearer_for(sign_in, resource).await?;
        if bearer.generation <= before {
            // It was at hand; whether another one comes is the question.
            bearer = keepers.refused_for(sign_in, resource, bearer.generation).await?;
        }
        tracing::debug!(took = ?asked.elapsed(), "token for a look");
        let until = store.token(&sign_in.key()).await.ok().and_then(|found| found.row);
        let until = until.and_then(|row| row.access.get(resource.as_str())?.expires_at);
        Ok(Got { bearer, is_fresh: true, until })
    }

    async fn fetch(&self, sign_in: &SignIn, resource: Resource) -> Result<Got, Fault> {
        let graph;
        let app: &App = match resource {
            Resource::Mail => &sign_in.app,
            Resource::Graph => {
                graph = sign_in.app.for_graph().ok_or_else(|| RESOURCE_UNKNOWN.fault())?;
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
        let told = self.running.fault_of(&account.address);
        match told.and_then(|(id, text)| Some((catalog::find(&id)?, text))) {
            Some((entry, text)) => entry.fault_with(&way_to_sign_in(account)).detail(text),
            None => FETCH_UNFINISHED.fault().detail("the daemon is about to fetch a token"),
        }
    }
}

pub(super) fn way_to_sign_in(account: &Account) -> String {
    format!("run: gatepost login {}", account.sign_in.identity)
}

fn stored_in(row: &TokenRow, resource: Resource) -> Option<Got> {
    let access = row.access.get(resource.as_str())?;
    let until = access.expires_at.filter(|end| end.duration_since(SystemTime::now()).is_ok_and(|left| left > GRACE))?;
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
pub(super) async fn stored(scope: &Scope, config: &Config, store: Option<&Arc<Store>>) -> Vec<Check> {
    let mut checks = Vec::new();
    for account in scope.accounts(config) {
        let look = Look::at(scope.lang, Layer::Token, Name::MailToken).account(&account.address);
        let who = who_of(&account);
        if account.sign_in.app.grant.is_unattended() {
            checks.push(look.skip(Said::Offline));
            continue;
        }
        let row = match store {
            Some(store) => store.token(&account.sign_in.key()).await.map(|found| found.row),
            None => Ok(None),
        };
        let row = match row {
            Ok(row) => row.filter(|row| row.refresh.is_some()),
            Err(error) => {
                checks.push(look.fault(&STORE_UNAVAILABLE.fault().detail(error.to_string()), &who));
                continue;
            }
        };
        let Some(row) = row else {
            checks.push(look.fault(&SIGN_IN_MISSING.fault_with(&way_to_sign_in(&account)), &who));
            continue;
        };
        let failure = row.failure.as_ref().filter(|failure| failure.app == account.sign_in.fingerprint());
        if let Some((entry, failure)) = failure.and_then(|one| Some((catalog::find(&one.id)?, one))) {
            let fault = entry.fault_with(&way_to_sign_in(&account)).detail(&failure.detail);
            checks.push(look.fault(&fault, &who));
            continue;
        }
        match stored_in(&row, Resource::Mail) {
            Some(got) => {
                checks.push(look.pass(Said::Token { is_fresh: false, minutes: got.minutes() }));
                checks.extend(claims::look(scope, config, &account, &got, Resource::Mail, None, &mut who.clone()));
            }
            None => checks.push(look.pass(Said::SignedIn)),
        }
    }
    checks
}
