//! The register of accounts and clients: a claim or an address in, an admission or a fault out.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tokio::time::{Instant, timeout_at};

use super::{Account, Client, Guesses, LocalPassword, Passwords, first_use};
use crate::{
    base::{Claim, Fault, Kind, Owner, Secret},
    store::{Store, StoreError},
};

/// Who was let in, and by which rule.
#[derive(Debug, Clone)]
pub struct Admitted {
    pub account: Arc<Account>,
    /// The `[[client]]` rule, if one admitted.
    pub client: Option<Arc<Client>>,
}

impl Admitted {
    /// What the log calls the client: its rule's name, else `login`.
    pub fn client_name(&self) -> &str {
        self.client.as_ref().map_or("login", |client| client.name.as_str())
    }
}

/// One configuration's accounts and clients. Built anew on reload.
#[derive(Debug, Default)]
pub struct Register {
    logins: HashMap<String, Arc<Account>>,
    clients: HashMap<String, Arc<Client>>,
    unnamed: Vec<Arc<Client>>,
    accounts: Vec<Arc<Account>>,
}

impl Register {
    pub fn new(accounts: &[Arc<Account>], clients: &[Arc<Client>]) -> Self {
        let (named, unnamed): (Vec<_>, Vec<_>) = clients.iter().cloned().partition(|client| client.login.is_some());
        Self {
            logins: accounts.iter().map(|account| (account.address.to_lowercase(), account.clone())).collect(),
            clients: named.into_iter().filter_map(|c| Some((c.login.clone()?.to_lowercase(), c))).collect(),
            unnamed,
            accounts: accounts.to_vec(),
        }
    }

    pub fn accounts(&self) -> &[Arc<Account>] {
        &self.accounts
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
        let account = self.logins.get(login)?;
        Some((Admitted { account: account.clone(), client: None }, account.password.clone()))
    }

    /// Checks a claim, and has an answer by `deadline`. Wrong users and wrong passwords get the same answer after the
    /// same work; guessing waits its turn (see [`Guesses`]). An authzid of somebody else is refused like a wrong
    /// password.
    pub async fn admit(
        &self,
        claim: &Claim,
        peer: SocketAddr,
        deadline: Instant,
        passwords: &Passwords,
        guesses: &Guesses,
        store: &Store,
    ) -> Result<Admitted, Fault> {
        let check = self.check(claim, peer, deadline, passwords, guesses, store);
        timeout_at(deadline, check).await.unwrap_or_else(|_| Err(too_busy()))
    }

    async fn check(
        &self,
        claim: &Claim,
        peer: SocketAddr,
        deadline: Instant,
        passwords: &Passwords,
        guesses: &Guesses,
        store: &Store,
    ) -> Result<Admitted, Fault> {
        let login = claim.login.to_lowercase();
        let found = self.look_up(&login, peer.ip()).filter(|_| claim.authzid.is_none());
        let remembered = |hash: &Option<Secret>| {
            hash.as_ref().is_some_and(|hash| passwords.is_remembered(&login, hash, &claim.password))
        };
        let hash = hash_of(&found, store).await?;
        if let Some((admitted, _)) = &found
            && remembered(&hash)
        {
            return Ok(admitted.clone());
        }
        let turn = guesses.turn(peer.ip(), deadline).await.ok_or_else(too_many_guesses)?;
        // Of two first logins at once, the one that waited finds here what the other one taught.
        let hash = hash_of(&found, store).await?;
        if let Some((admitted, _)) = &found
            && remembered(&hash)
        {
            turn.right();
            return Ok(admitted.clone());
        }
        let hash = match (&found, hash) {
            (Some((admitted, LocalPassword::FirstUse)), None) => {
                first_use::learn(store, &admitted.account.address, &claim.password, peer).await.map_err(unreadable)?;
                // This one, or that of another source that was faster.
                hash_of(&found, store).await?
            }
            (_, hash) => hash,
        };
        if passwords.check(&login, hash.as_ref(), &claim.password).await
            && let Some((admitted, _)) = found
        {
            turn.right();
            return Ok(admitted);
        }
        if turn.is_overdue() {
            return Err(too_many_guesses());
        }
        Err(wrong())
    }
}

/// What a login's password is held against, if there is anything.
async fn hash_of(found: &Option<(Admitted, LocalPassword)>, store: &Store) -> Result<Option<Secret>, Fault> {
    match found {
        Some((_, LocalPassword::Hash(hash))) => Ok(Some(hash.clone())),
        Some((admitted, LocalPassword::FirstUse | LocalPassword::Issued)) => {
            store.learned_password(&admitted.account.address).await.map_err(unreadable)
        }
        _ => Ok(None),
    }
}

fn too_many_guesses() -> Fault {
    Fault::new(
        Kind::TooBusy,
        Owner::Client,
        "too-many-guesses",
        "Too many wrong passwords from this address, try again in a minute",
    )
}

fn too_busy() -> Fault {
    Fault::new(
        Kind::TooBusy,
        Owner::Client,
        "password-check-busy",
        "Gatepost is busy checking other passwords, try again in a minute",
    )
}

fn wrong() -> Fault {
    Fault::new(
        Kind::BadCredentials,
        Owner::Client,
        "bad-credentials",
        "Wrong user name or password; use the password from Gatepost's configuration",
    )
}

fn unreadable(error: StoreError) -> Fault {
    Fault::new(Kind::Bug, Owner::Admin, "store-unavailable", "Gatepost cannot read its own store; see its log")
        .detail(error.to_string())
}

#[cfg(test)]
mod tests;
