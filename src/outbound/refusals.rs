//! Remembers where the upstream refused even a fresh token, so that a poller does not hammer it.
//!
//! The memory is of one account and protocol: others on the same sign-in are not concerned. It ends after a minute (or
//! when the upstream said that it may be asked again), with a new sign-in, and with a reload: whoever mended the cause
//! elsewhere waits no longer. Nor does a message that a person tries again, unless the upstream itself asked for the pause.
//! One attempt a minute is no hammering, and costs no token: a keeper fetches anew for a refusal once in five minutes.

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
    base::{Fault, Kind, Owner, Protocol, Stage},
    catalog::{
        asked_again,
        graph::{GRAPH_ACCESS_DENIED, GRAPH_MAILBOX_NOT_ENABLED, GRAPH_MAILBOX_UNKNOWN, GRAPH_TOKEN_REFUSED},
        own::{PROXY_FORBIDS, PROXY_LOGIN_REFUSED, PROXY_PORTAL, PROXY_SCHEME_UNKNOWN},
        token::FRESH_TOKEN_REFUSED,
    },
    meter::FaultView,
    oauth::{FaultSeen, SignInState},
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
    /// The upstream itself wants to be left alone until then.
    is_asked_for: bool,
    /// The sign-in that was refused.
    signed_in_at: Option<Timestamp>,
}

/// A refusal that still stands, and answers in place of the upstream.
#[derive(Debug)]
pub struct Recalled {
    pub fault: Fault,
    /// When the upstream said so.
    pub asked_at: Instant,
    /// For how long it is answered so.
    pub left: Duration,
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

const GRAPH: &str = "Microsoft Graph";
/// As a way is called that is no protocol of mail.
pub const GRAPH_WAY: &str = "graph";
/// That Graph says of the access, whichever message it is about.
const GRAPH_REFUSES: [&str; 4] =
    [GRAPH_ACCESS_DENIED.id, GRAPH_MAILBOX_NOT_ENABLED.id, GRAPH_MAILBOX_UNKNOWN.id, GRAPH_TOKEN_REFUSED.id];

const PROXY: &str = "proxy";
/// That a proxy says of all mail, until somebody mends it.
const PROXY_REFUSES: [&str; 4] = [PROXY_LOGIN_REFUSED.id, PROXY_SCHEME_UNKNOWN.id, PROXY_FORBIDS.id, PROXY_PORTAL.id];

/// Who said no to the access, whichever message or mailbox it was about.
fn refuser(seen: &FaultView) -> Option<&'static str> {
    let is_of_the_mailbox = seen.kind == Kind::IdentityRefused.as_str();
    match seen.id {
        id if PROXY_REFUSES.contains(&id) => Some(PROXY),
        id if GRAPH_REFUSES.contains(&id) => is_of_the_mailbox.then_some(GRAPH),
        _ => (is_of_the_mailbox && seen.stage == Some(Stage::SigningOn)).then_some(said_by(seen.stage)),
    }
}

/// Nobody reads more of a time.
fn whole_second() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default()
}

/// What somebody mends elsewhere is not seen to be mended before then.
fn with_end(mut fault: Fault, at: Timestamp, pause: Duration) -> Fault {
    let end = at.checked_add(pause).ok().filter(|_| fault.id == FRESH_TOKEN_REFUSED.id);
    if let Some(end) = end {
        fault.text = format!("{}; {}", fault.text, asked_again(end));
    }
    fault
}

impl Standing {
    /// What the last client met at a mail server, at Graph or at the proxy before them, though nobody is told it from memory:
    /// `None` where that is something else, was over since, or befell another sign-in.
    pub fn met(seen: &FaultView, signed_in_at: Option<Timestamp>) -> Option<Self> {
        let at = Timestamp::from_second(seen.at.try_into().ok()?).ok()?;
        let by = refuser(seen)?;
        // A proxy does not care who signed in.
        let is_of_this = by == PROXY || signed_in_at.is_none_or(|since| since.as_second() <= at.as_second());
        let stands = is_of_this && seen.worked_again_at.is_none();
        stands.then(|| Self {
            protocol: seen.protocol,
            id: seen.id,
            owner: seen.owner.as_str(),
            text: seen.text.clone(),
            by,
            at,
            until: None,
        })
    }

    /// Whether what was met later on the same way shows that this is over: a proxy that says something else, or is not there,
    /// refuses that no more.
    pub fn is_ended_by(&self, later: &FaultView) -> bool {
        // The queue notes no other stage than that of the message.
        let is_ours = !matches!(later.owner, Owner::NetworkAdmin | Owner::Provider);
        let is_on_its_way = match later.stage {
            Some(Stage::Connecting | Stage::SigningOn) => true,
            Some(Stage::Relaying) => !is_ours && later.kind == Kind::Unavailable.as_str(),
            _ => false,
        };
        self.by == PROXY && is_on_its_way && later.protocol == self.protocol && later.worked_again_at.is_none()
    }

    /// Whoever asks the provider again is answered by the keeper of the sign-in, as long as that does not ask: one time for both.
    pub fn asks_not_before(&mut self, of_sign_in: Option<&FaultSeen>) {
        let later =
            of_sign_in.filter(|seen| seen.id == self.id && self.is_by_provider()).and_then(|seen| seen.asks_again_at);
        if let (Some(until), Some(later)) = (self.until.as_mut(), later) {
            *until = later.max(*until);
        }
    }

    pub fn occasion<'a>(&self, sign_in: Option<&'a SignInState>) -> Occasion<'a> {
        let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.as_str() == self.protocol);
        let stage = self.is_by_provider().then_some(Stage::FetchingToken);
        Occasion { protocol, stage, sign_in, ..Occasion::default() }
    }

    /// What is refused: a protocol of mail, or Graph.
    pub fn way(&self) -> &'static str {
        if self.by == GRAPH { GRAPH_WAY } else { self.protocol }
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
    /// `asked`: how long the upstream itself wants to be left alone, of which five minutes are. The fault as it is answered
    /// until then.
    pub fn note(
        &self,
        account: &str,
        protocol: Protocol,
        signed_in_at: Option<Timestamp>,
        fault: &Fault,
        asked: Option<Duration>,
    ) -> Fault {
        let (at, asked_at) = (whole_second(), Instant::now());
        let pause = asked.map_or(MEMORY, |asked| asked.min(ASKED_CAP));
        let (fault, until) = (with_end(fault.clone(), at, pause), asked_at + pause);
        let told = fault.clone();
        let remembered = Remembered { fault, at, asked_at, until, is_asked_for: asked.is_some(), signed_in_at };
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANY {
            all.retain(|_, remembered| remembered.until > asked_at);
        }
        all.insert((account.to_owned(), protocol), remembered);
        told
    }

    /// The refusal that still stands.
    pub fn recall(&self, account: &str, protocol: Protocol, signed_in_at: Option<Timestamp>) -> Option<Recalled> {
        let key = (account.to_owned(), protocol);
        let now = Instant::now();
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let Entry::Occupied(one) = all.entry(key) else { return None };
        let Remembered { fault, asked_at, until, signed_in_at: of, .. } = one.get();
        if *until > now && *of == signed_in_at {
            return Some(Recalled { fault: fault.clone(), asked_at: *asked_at, left: *until - now });
        }
        one.remove();
        None
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

    /// Whoever asks next for this account asks the upstream by this protocol, unless somebody did just now, or it wants to be
    /// left alone.
    pub fn forget_of(&self, account: &str, protocol: Protocol) {
        let mut all = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(one) = all.entry((account.to_owned(), protocol))
            && !one.get().is_asked_for
            && one.get().asked_at.elapsed() >= BY_HAND
        {
            one.remove();
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
    use crate::catalog::own::PROXY_UNREACHABLE;

    fn refused() -> Fault {
        Fault::new(Kind::IdentityRefused, Owner::TenantAdmin, "fresh-token-refused", "no")
    }

    #[test]
    fn what_graph_refuses_is_no_refusal_of_smtp() {
        let recent = crate::meter::Recent::default();
        recent.push(Protocol::Smtp, "ann@x", None, &GRAPH_ACCESS_DENIED.fault().at(Stage::Relaying));
        recent.push(Protocol::Imap, "ann@x", None, &refused().at(Stage::SigningOn));
        let ways: Vec<_> = recent.list().iter().filter_map(|seen| Some(Standing::met(seen, None)?.way())).collect();
        assert_eq!(ways, [GRAPH_WAY, "imap"]);
    }

    /// It was told as the reason while the log and every client said that the proxy is not there.
    #[test]
    fn a_proxy_that_is_not_there_refuses_nothing_any_more_and_one_that_refuses_otherwise_neither() {
        let recent = crate::meter::Recent::default();
        let meet = |protocol, entry: &'static crate::catalog::Entry| {
            recent.push(protocol, "ann@x", None, &entry.fault().at(Stage::Connecting));
        };
        meet(Protocol::Smtp, PROXY_FORBIDS);
        meet(Protocol::Imap, PROXY_UNREACHABLE);
        let stands = || {
            let met = recent.list();
            let forbids = met.iter().find_map(|seen| Standing::met(seen, None)).unwrap();
            !met.iter().any(|later| later.id != forbids.id && forbids.is_ended_by(later))
        };
        assert!(stands(), "by another way");
        recent.push(
            Protocol::Smtp,
            "ann@x",
            None,
            &crate::catalog::message::SENDER_NOT_ALLOWED.fault().at(Stage::Relaying),
        );
        assert!(stands(), "it says nothing of the proxy");
        meet(Protocol::Smtp, PROXY_UNREACHABLE);
        assert!(!stands());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_stands_for_a_minute_for_one_account_and_protocol_or_until_a_new_sign_in() {
        let refusals = Refusals::default();
        let before = Some(Timestamp::UNIX_EPOCH);
        refusals.note("ann@x", Protocol::Imap, before, &refused(), None);
        assert!(refusals.recall("ann@x", Protocol::Imap, before).is_some());
        assert!(refusals.recall("ann@x", Protocol::Smtp, before).is_none());
        assert!(refusals.recall("bob@x", Protocol::Imap, before).is_none());
        tokio::time::advance(MEMORY).await;
        assert!(refusals.recall("ann@x", Protocol::Imap, before).is_none());
        refusals.note("ann@x", Protocol::Imap, before, &refused(), None);
        assert!(refusals.recall("ann@x", Protocol::Imap, Some(Timestamp::MAX)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_stands_can_be_told_with_its_end_and_is_forgotten_at_once() {
        let refusals = Refusals::default();
        let hour = Duration::from_secs(3600);
        refusals.note("ann@x", Protocol::Imap, None, &refused(), Some(hour));
        refusals.note("ann@x", Protocol::Smtp, None, &refused(), None);
        let told = refusals.standing("ann@x", None);
        let left = |one: &Standing| one.until.unwrap().as_second() - Timestamp::now().as_second();
        let told: Vec<_> = told.iter().map(|one| (one.protocol, one.id, (left(one) + 30) / 60)).collect();
        let id = refused().id;
        assert_eq!(told, [("smtp", id, 1), ("imap", id, 5)], "an hour is more than is waited for");
        assert!(refusals.standing("ann@x", Some(Timestamp::MAX)).is_empty(), "of another sign-in");
        refusals.forget();
        assert!(refusals.standing("ann@x", None).is_empty());
        assert!(refusals.recall("ann@x", Protocol::Imap, None).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_that_one_way_is_mended_is_believed_of_that_way_and_not_against_a_pause_that_its_server_asked_for()
    {
        let refusals = Refusals::default();
        let stands = |account, protocol| refusals.recall(account, protocol, None).is_some();
        for protocol in Protocol::ALL {
            refusals.note("ann@x", protocol, None, &refused(), None);
        }
        refusals.note("bob@x", Protocol::Smtp, None, &refused(), None);
        refusals.note("eve@x", Protocol::Smtp, None, &refused(), Some(ASKED_CAP));
        refusals.forget_of("ann@x", Protocol::Smtp);
        assert!(stands("ann@x", Protocol::Smtp), "it was asked just now");
        tokio::time::advance(BY_HAND).await;
        refusals.forget_of("ann@x", Protocol::Smtp);
        assert!(!stands("ann@x", Protocol::Smtp));
        assert!(stands("ann@x", Protocol::Imap) && stands("ann@x", Protocol::Pop3), "nobody spoke of reading");
        assert!(stands("bob@x", Protocol::Smtp));
        refusals.forget_of("eve@x", Protocol::Smtp);
        assert!(stands("eve@x", Protocol::Smtp), "the server asked for it");
    }

    /// The account had one time for the provider, and another one for each protocol.
    #[test]
    fn a_protocol_that_the_provider_refuses_is_not_asked_again_before_the_provider_is() {
        let refusals = Refusals::default();
        let fault = refused().at(Stage::FetchingToken);
        refusals.note("ann@x", Protocol::Smtp, None, &fault, None);
        let mut standing = refusals.standing("ann@x", None);
        let later = Timestamp::now() + jiff::SignedDuration::from_mins(30);
        let seen =
            |fault: &Fault, asks_again_at| FaultSeen { asks_again_at, ..FaultSeen::new(fault, std::time::UNIX_EPOCH) };
        let before = standing[0].until;
        let other = Fault::new(Kind::IdentityRefused, Owner::User, "sign-in-ended", "no");
        for of_sign_in in [None, Some(seen(&fault, None)), Some(seen(&other, Some(later)))] {
            standing[0].asks_not_before(of_sign_in.as_ref());
            assert_eq!(standing[0].until, before);
        }
        standing[0].asks_not_before(Some(&seen(&fault, Some(later))));
        assert_eq!(standing[0].until, Some(later));
    }
}
