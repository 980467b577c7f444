//! Remembers where the upstream refused even a fresh token, so that a poller does not hammer it.
//!
//! The memory is of one account and protocol: others on the same sign-in are not concerned. It ends after a minute (or
//! when the upstream said that it may be asked again), with a new sign-in, and with a reload: whoever mended the cause
//! elsewhere waits no longer; nor does a message that a person tries again. One attempt a minute is no hammering, and costs no token: a keeper fetches anew for a
//! refusal once in five minutes.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    account::Occasion,
    base::{Fault, Kind, Protocol, Stage},
    meter::FaultView,
    oauth::SignInState,
};

const MEMORY: Duration = Duration::from_secs(60);
/// What an upstream asks for beyond this is not waited for.
const ASKED_CAP: Duration = Duration::from_secs(5 * 60);
/// What was asked just now is not asked again because a person says so once more.
const BY_HAND: Duration = Duration::from_secs(5);
/// From here on what is over is looked for.
const MANY: usize = 1000;

#[derive(Debug)]
struct Remembered {
    fault: Fault,
    at: Timestamp,
    asked_at: Instant,
    until: Instant,
    /// The sign-in that was refused.
    signed_in_at: Option<Timestamp>,
}

/// A refusal that stands, as it may be told.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Standing {
    pub protocol: &'static str,
    pub id: &'static str,
    pub owner: &'static str,
    pub text: String,
    /// Who said no.
    pub by: &'static str,
    /// When it was asked.
    pub at: Timestamp,
    /// Until then it is answered from memory, and the next client asks the upstream again.
    pub until: Option<Timestamp>,
}

/// As the status spells it.
const fn said_by(stage: Option<Stage>) -> &'static str {
    match stage {
        Some(Stage::FetchingToken) => "identity provider",
        _ => "mail server",
    }
}

/// Nobody reads more of a time.
fn whole_second() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default()
}

impl Standing {
    /// What the last client met at a mail server, though nobody is told it from memory: `None` where that is something
    /// else, was over since, or befell another sign-in.
    pub fn met(seen: &FaultView, signed_in_at: Option<Timestamp>) -> Option<Self> {
        let at = Timestamp::from_second(seen.at.try_into().ok()?).ok()?;
        let stands = seen.stage == Some(Stage::SigningOn)
            && seen.kind == Kind::IdentityRefused.as_str()
            && seen.worked_again_at.is_none()
            && signed_in_at.is_none_or(|since| since.as_second() <= at.as_second());
        stands.then(|| Self {
            protocol: seen.protocol,
            id: seen.id,
            owner: seen.owner.as_str(),
            text: seen.text.clone(),
            by: said_by(seen.stage),
            at,
            until: None,
        })
    }

    pub fn occasion<'a>(&self, sign_in: Option<&'a SignInState>) -> Occasion<'a> {
        let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == self.protocol);
        let stage = self.is_by_provider().then_some(Stage::FetchingToken);
        Occasion { protocol, stage, sign_in, ..Occasion::default() }
    }

    pub fn is_by_provider(&self) -> bool {
        self.by == said_by(Some(Stage::FetchingToken))
    }
}

/// Grows with the number of accounts and of mailboxes that somebody used.
#[derive(Debug, Default)]
pub struct Refusals {
    remembered: Mutex<HashMap<(String, Protocol), Remembered>>,
}

impl Refusals {
    pub fn note(&self, account: &str, protocol: Protocol, signed_in_at: Option<Timestamp>, fault: &Fault) {
        self.note_for(MEMORY, account, protocol, signed_in_at, fault);
    }

    /// For as long as the upstream asks for, five minutes at most.
    pub fn note_for(
        &self,
        time: Duration,
        account: &str,
        protocol: Protocol,
        signed_in_at: Option<Timestamp>,
        fault: &Fault,
    ) {
        let (fault, at, asked_at) = (fault.clone(), whole_second(), Instant::now());
        let remembered = Remembered { fault, at, asked_at, until: asked_at + time.min(ASKED_CAP), signed_in_at };
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANY {
            all.retain(|_, remembered| remembered.until > Instant::now());
        }
        all.insert((account.to_owned(), protocol), remembered);
    }

    /// The refusal that still stands.
    pub fn recall(&self, account: &str, protocol: Protocol, signed_in_at: Option<Timestamp>) -> Option<Fault> {
        let key = (account.to_owned(), protocol);
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let stands = |r: &Remembered| r.until > Instant::now() && r.signed_in_at == signed_in_at;
        match all.get(&key) {
            Some(remembered) if stands(remembered) => Some(remembered.fault.clone()),
            Some(_) => {
                all.remove(&key);
                None
            }
            None => None,
        }
    }

    /// What is remembered of this account, in the order of the protocols.
    pub fn standing(&self, account: &str, signed_in_at: Option<Timestamp>) -> Vec<Standing> {
        let (now, wall) = (Instant::now(), Timestamp::now());
        let all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let one = |protocol: Protocol| {
            let known = all.get(&(account.to_owned(), protocol))?;
            let stands = known.until > now && known.signed_in_at == signed_in_at;
            let left = known.until.saturating_duration_since(now).as_secs();
            let until = Timestamp::from_second(wall.as_second().saturating_add(left.try_into().ok()?)).ok();
            let Fault { id, owner, text, stage, .. } = &known.fault;
            let (text, by, owner, protocol) = (text.clone(), said_by(*stage), owner.as_str(), protocol.as_str());
            stands.then_some(Standing { protocol, id, owner, text, by, at: known.at, until })
        };
        Protocol::ALL.into_iter().filter_map(one).collect()
    }

    /// Whoever asks next for this account asks the upstream, unless somebody did just now.
    pub fn forget_of(&self, account: &str) {
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        for protocol in Protocol::ALL {
            if let Entry::Occupied(one) = all.entry((account.to_owned(), protocol))
                && one.get().asked_at.elapsed() >= BY_HAND
            {
                one.remove();
            }
        }
    }

    /// Whoever asks next asks the upstream.
    pub fn forget(&self) {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Kind, Owner};

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_for_a_minute_for_one_account_and_protocol_or_until_a_new_sign_in() {
        let refusals = Refusals::default();
        let fault = Fault::new(Kind::IdentityRefused, Owner::Admin, "fresh-token-refused", "no");
        let before = Some(Timestamp::UNIX_EPOCH);
        refusals.note("ann@x", Protocol::Imap, before, &fault);
        assert!(refusals.recall("ann@x", Protocol::Imap, before).is_some());
        assert!(refusals.recall("ann@x", Protocol::Smtp, before).is_none());
        assert!(refusals.recall("bob@x", Protocol::Imap, before).is_none());
        tokio::time::advance(MEMORY).await;
        assert!(refusals.recall("ann@x", Protocol::Imap, before).is_none());
        refusals.note("ann@x", Protocol::Imap, before, &fault);
        assert!(refusals.recall("ann@x", Protocol::Imap, Some(Timestamp::MAX)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_stands_can_be_told_with_its_end_and_is_forgotten_at_once() {
        let refusals = Refusals::default();
        let fault = Fault::new(Kind::IdentityRefused, Owner::Admin, "fresh-token-refused", "no");
        let hour = Duration::from_secs(3600);
        refusals.note_for(hour, "ann@x", Protocol::Imap, None, &fault);
        refusals.note("ann@x", Protocol::Smtp, None, &fault);
        let told = refusals.standing("ann@x", None);
        let left = |one: &Standing| one.until.unwrap().as_second() - Timestamp::now().as_second();
        let told: Vec<_> = told.iter().map(|one| (one.protocol, one.id, (left(one) + 30) / 60)).collect();
        assert_eq!(told, [("smtp", fault.id, 1), ("imap", fault.id, 5)], "an hour is more than is waited for");
        assert!(refusals.standing("ann@x", Some(Timestamp::MAX)).is_empty(), "of another sign-in");
        refusals.forget_of("ann@x");
        assert_eq!(refusals.standing("ann@x", None).len(), 2, "it was asked just now");
        tokio::time::advance(BY_HAND).await;
        refusals.note("bob@x", Protocol::Imap, None, &fault);
        refusals.forget_of("ann@x");
        assert!(refusals.standing("ann@x", None).is_empty());
        assert_eq!(refusals.standing("bob@x", None).len(), 1);
        refusals.note_for(hour, "ann@x", Protocol::Imap, None, &fault);
        refusals.forget();
        assert!(refusals.standing("ann@x", None).is_empty());
        assert!(refusals.recall("ann@x", Protocol::Imap, None).is_none());
    }
}
