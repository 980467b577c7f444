//! The register of accounts and clients: a claim or an address in, an admission or a fault out.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use tokio::time::Instant;

use super::{
    Account, Client, Delivery, Domain, Guesses, LocalPassword, Passwords, Route, Sending, first_use, guesses::Refusal,
};
use crate::{
    base::{Claim, Fault, Secret},
    catalog::own::{BAD_CREDENTIALS, PASSWORD_CHECK_BUSY, STORE_UNAVAILABLE, TOO_MANY_GUESSES},
    net::Peer,
    oauth::App,
    store::{Store, StoreError},
};

/// What logs and figures call whoever logged in as an account itself; no client may be named so.
pub const BY_LOGIN: &str = "login";

/// Who was let in, and by which rule.
#[derive(Debug, Clone)]
pub struct Admitted {
    pub account: Arc<Account>,
    /// The `[[client]]` rule, if one admitted.
    pub client: Option<Arc<Client>>,
}

impl Admitted {
    /// What the log calls the client: its rule's name, else [`BY_LOGIN`].
    pub fn client_name(&self) -> &str {
        self.rule().unwrap_or(BY_LOGIN)
    }

    /// The name of that rule.
    pub fn rule(&self) -> Option<&str> {
        self.client.as_ref().map(|client| client.name.as_str())
    }

    /// It came with a login, not by its address alone.
    pub fn has_logged_in(&self) -> bool {
        self.client.as_ref().is_none_or(|client| client.login.is_some())
    }

    /// The client's own, else the account's.
    pub fn delivery(&self) -> Delivery {
        let own = self.client.as_ref().and_then(|client| client.rules.delivery);
        own.unwrap_or(self.account.sending.delivery)
    }

    /// Commissioning: its messages stay here.
    pub fn is_captured(&self) -> bool {
        self.client.as_ref().is_some_and(|client| client.rules.capture)
    }
}

/// One configuration's accounts and clients. Built anew on reload.
#[derive(Debug, Default)]
pub struct Register {
    logins: HashMap<String, Arc<Account>>,
    clients: HashMap<String, Arc<Client>>,
    unnamed: Vec<Arc<Client>>,
    domains: Vec<Arc<Domain>>,
    /// Of all accounts and domains, each once.
    apps: Vec<Arc<App>>,
    sends_by_graph: bool,
}

impl Register {
    pub fn new(accounts: &[Arc<Account>], domains: &[Arc<Domain>], clients: &[Arc<Client>]) -> Self {
        let (named, unnamed): (Vec<_>, Vec<_>) = clients.iter().cloned().partition(|client| client.login.is_some());
        Self {
            logins: accounts.iter().map(|account| (account.address.to_lowercase(), account.clone())).collect(),
            clients: named.into_iter().filter_map(|c| Some((c.login.clone()?.to_lowercase(), c))).collect(),
            unnamed,
            domains: domains.to_vec(),
            apps: apps(accounts, domains),
            sends_by_graph: sending(accounts, domains).any(|sending| sending.route == Route::Graph),
        }
    }

    /// Whose mailboxes can be reached.
    pub fn apps(&self) -> &[Arc<App>] {
        &self.apps
    }

    /// Some mailbox never sends over SMTP.
    pub const fn sends_by_graph(&self) -> bool {
        self.sends_by_graph
    }

    /// Takes over files of passwords that changed.
    pub async fn refresh_passwords(&self) {
        for domain in &self.domains {
            if let LocalPassword::File(file) = &domain.password {
                file.refresh().await;
            }
        }
    }

    /// Who a connection is by its address alone (SMTP without AUTH). The first rule that matches counts.
    pub fn by_address(&self, peer: IpAddr) -> Option<Admitted> {
        let client = self.unnamed.iter().find(|client| client.from.iter().any(|net| net.contains(peer)))?;
        Some(Admitted { account: client.account.clone(), client: Some(client.clone()) })
    }

    /// The rule and hash for a login, as far as it may be used from `peer`.
    fn look_up(&self, login: &str, peer: IpAddr) -> Option<(Admitted, LocalPassword)> {
        if let Some(client) = self.clients.get(login) {
            if !client.from.is_empty() && !client.from.iter().any(|net| net.contains(peer)) {
                return None;
            }
            let hash = client.password.clone()?;
            let admitted = Admitted { account: client.account.clone(), client: Some(client.clone()) };
            return Some((admitted, LocalPassword::Hash(hash)));
        }
        let listed = self.logins.get(login).cloned();
        let account = listed.or_else(|| self.domains.iter().find_map(|domain| domain.mailbox(login)).map(Arc::new))?;
        let password = account.password.clone();
        Some((Admitted { account, client: None }, password))
    }

    /// Whose login this is among those that the configuration names, right or wrong: for the books alone.
    pub fn whose(&self, login: &str) -> Option<Admitted> {
        let login = login.to_lowercase();
        if let Some(client) = self.clients.get(&login) {
            return Some(Admitted { account: client.account.clone(), client: Some(client.clone()) });
        }
        self.logins.get(&login).map(|account| Admitted { account: account.clone(), client: None })
    }

    /// Checks a claim, and has an answer by `deadline`. Wrong users and wrong passwords get the same answer after the
    /// same work; guessing waits its turn (see [`Guesses`]). An authzid of somebody else is refused like a wrong
    /// password.
    pub async fn admit(
        &self,
        claim: &Claim,
        peer: Peer,
        deadline: Instant,
        passwords: &Passwords,
        guesses: &Guesses,
        store: &Store,
    ) -> Result<Admitted, Fault> {
        let login = claim.login.to_lowercase();
        let found = self.look_up(&login, peer.address.ip()).filter(|_| claim.authzid.is_none());
        let found = found.as_ref();
        let admitted = |right: bool| found.filter(|_| right).map(|(admitted, _)| admitted.clone());
        let remembered = || async {
            let hash = hash_of(found, store).await?;
            Ok(admitted(hash.is_some_and(|hash| passwords.is_remembered(&login, &hash, &claim.password))))
        };
        // For the log: what the client hears is the same for all.
        let unlearned = OnceLock::new();
        let check = || async {
            let mut hash = hash_of(found, store).await?;
            if let (Some((admitted, LocalPassword::FirstUse)), None) = (found, &hash) {
                let address = &admitted.account.address;
                let why = first_use::learn(store, address, &claim.password, peer).await.map_err(unreadable)?;
                if let Some(why) = why {
                    let _ = unlearned.set(why);
                }
                // This one, or that of another source that was faster.
                hash = hash_of(found, store).await?;
            }
            Ok(admitted(passwords.check(&login, hash.as_ref(), &claim.password).await))
        };
        let tried = passwords.tried(&login, &claim.password);
        let answer: Result<_, Fault> = guesses.attempt(peer, tried, deadline, remembered, check).await;
        answer.map_err(|fault| match unlearned.get() {
            Some(why) if fault.id == BAD_CREDENTIALS.id => fault.detail(why),
            _ => fault,
        })
    }
}

/// What a login's password is held against, if there is anything.
async fn hash_of(found: Option<&(Admitted, LocalPassword)>, store: &Store) -> Result<Option<Secret>, Fault> {
    match found {
        Some((_, LocalPassword::Hash(hash))) => Ok(Some(hash.clone())),
        Some((admitted, LocalPassword::File(file))) => Ok(file.hash(&admitted.account.address).await),
        Some((admitted, LocalPassword::FirstUse | LocalPassword::Issued)) => {
            store.learned_password(&admitted.account.address).await.map_err(unreadable)
        }
        _ => Ok(None),
    }
}

/// Thousands of accounts have a handful of apps.
fn sending<'a>(accounts: &'a [Arc<Account>], domains: &'a [Arc<Domain>]) -> impl Iterator<Item = &'a Sending> {
    accounts.iter().map(|one| &one.sending).chain(domains.iter().map(|one| &one.sending))
}

fn apps(accounts: &[Arc<Account>], domains: &[Arc<Domain>]) -> Vec<Arc<App>> {
    let mut apps: Vec<Arc<App>> = Vec::new();
    let all = accounts.iter().map(|one| &one.sign_in.app).chain(domains.iter().map(|one| &one.sign_ins.app));
    for app in all {
        if !apps.iter().any(|known| Arc::ptr_eq(known, app)) {
            apps.push(app.clone());
        }
    }
    apps
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wrong => BAD_CREDENTIALS.fault(),
            Refusal::TooManyGuesses => TOO_MANY_GUESSES.fault(),
            Refusal::Busy => PASSWORD_CHECK_BUSY.fault(),
        }
    }
}

fn unreadable(error: StoreError) -> Fault {
    STORE_UNAVAILABLE.fault().detail(error.to_string())
}

#[cfg(test)]
mod tests;
