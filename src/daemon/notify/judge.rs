//! Decides what is to be told now, from how things stand and what was told before. Pure: the clock is a number.
//!
//! Each step of the ladder is told once, also over restarts. A sign-in that is needed is told at once, again after a
//! restart, and once a day while it stands, however many sessions fail meanwhile. What concerns many accounts of one
//! app in the same way is one event.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;

use super::{
    event::{Event, Kind},
    ladder::rung,
    mail::{self, Mail},
    words,
};
use crate::{
    catalog::{self, token},
    expiry::{Ending, What, days_left},
    oauth::{DomainSignIns, Phase, SignInState},
    store::Telling,
};

/// While a sign-in is needed it is told again this often.
const REMIND: i64 = 24 * 3600;
/// After a restart what still stands is told again, unless it was told this lately: it may restart all the time.
const AGAIN: i64 = 3600;

/// How things stand.
pub struct Facts<'a> {
    pub now: Timestamp,
    /// When this process began.
    pub started: Timestamp,
    pub states: &'a [SignInState],
    /// Addresses of the accounts that live on a sign-in, by its key.
    pub addresses: &'a HashMap<String, Vec<String>>,
    /// Whose mailboxes nobody listed.
    pub domains: &'a [DomainSignIns],
    pub endings: &'a [Ending],
    /// What waits in the queue, and what failed.
    pub mail: &'a Mail,
    pub told: &'a HashMap<String, Telling>,
    /// Whether a topic waits for an answer or a later try.
    pub is_busy: &'a dyn Fn(&str) -> bool,
    pub host: &'a str,
    /// The address of the console.
    pub pages: Option<&'a str>,
}

/// An event, and what is remembered once somebody heard it.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub event: Event,
    pub topics: Vec<Topic>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    /// `None`: it is over and forgotten.
    pub words: Option<String>,
}

/// Sign-ins that are told in one event.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub states: Vec<&'a SignInState>,
    topics: Vec<Topic>,
}

/// What kind of event, of which fault, of which app, on which rung.
type Alike<'a> = (Kind, Option<&'static str>, &'a str, Option<Duration>);

/// Everything that is to be told now.
pub fn judge(facts: &Facts<'_>) -> Vec<Notice> {
    let mut groups: BTreeMap<Alike<'_>, Group<'_>> = BTreeMap::new();
    for state in facts.states {
        for (alike, topic) in [standing(facts, state), ending(facts, state)].into_iter().flatten() {
            let group = groups.entry(alike).or_default();
            group.states.push(state);
            group.topics.push(topic);
        }
    }
    let sign_ins = groups.into_iter().filter_map(|((kind, fault, app, _), group)| {
        let event = words::of_sign_ins(facts, kind, fault.and_then(catalog::find), app, &group)?;
        Some(Notice { event, topics: group.topics })
    });
    let endings = facts.endings.iter().filter_map(|one| expiring(facts, one));
    sign_ins.chain(endings).chain(mail::judge(facts)).collect()
}

/// Topics of things that are no longer there. A mailbox of a domain may be asleep, or not found yet after a start: what
/// was told of it stands while its domain is configured.
pub fn outdated(facts: &Facts<'_>) -> Vec<String> {
    let mut known: HashSet<String> = facts.endings.iter().map(topic_of_ending).collect();
    known.extend(mail::topics(facts));
    known.extend(facts.states.iter().flat_map(|state| [topic_of(state), topic_of_end(state)]));
    let of_domain = |topic: &str| {
        let key = topic.split_once(' ').map(|(_, key)| key).unwrap_or_default();
        facts.domains.iter().any(|domain| domain.by_key(key).is_some())
    };
    facts.told.keys().filter(|topic| !known.contains(*topic) && !of_domain(topic)).cloned().collect()
}

fn topic_of(state: &SignInState) -> String {
    format!("sign-in {}", state.key)
}

fn topic_of_end(state: &SignInState) -> String {
    format!("end-of-sign-in {}", state.key)
}

fn topic_of_ending(ending: &Ending) -> String {
    format!("{} {}", ending.what.as_str(), ending.name)
}

/// Whether mail of this sign-in stands still, or passes again.
fn standing<'a>(facts: &Facts<'_>, state: &'a SignInState) -> Option<(Alike<'a>, Topic)> {
    let name = topic_of(state);
    let told = facts.told.get(&name);
    let kind = match state.phase {
        Phase::SignInNeeded => Kind::SignInNeeded,
        Phase::Refused => Kind::SignInRefused,
        Phase::Ready if told.is_some_and(|told| has_new_token(state, told)) => Kind::SignInAgainOk,
        Phase::Starting | Phase::Waiting | Phase::Ready => return None,
    };
    if (facts.is_busy)(&name) {
        return None;
    }
    let fault = state.fault.as_ref().map(|fault| fault.id).filter(|_| kind != Kind::SignInAgainOk);
    let words = (kind != Kind::SignInAgainOk).then(|| format!("{} {}", kind.as_str(), fault.unwrap_or_default()));
    if let (Some(words), Some(told)) = (&words, told)
        && *words == told.words
        && !is_worth_repeating(facts, told)
    {
        return None;
    }
    Some(((kind, fault, &state.app, None), Topic { name, words }))
}

/// A grant that needs nobody is ready before it ever asked: only a token proves that it works again.
fn has_new_token(state: &SignInState, told: &Telling) -> bool {
    let told_at = timestamp(told.at).map(Timestamp::as_second);
    let since = state.last_refresh.max(state.signed_in_at);
    since.is_some_and(|at| told_at.is_none_or(|told_at| at.as_second() >= told_at))
}

pub(super) fn is_worth_repeating(facts: &Facts<'_>, told: &Telling) -> bool {
    let Some(at) = timestamp(told.at) else { return true };
    let age = facts.now.as_second() - at.as_second();
    // A clock that was put back must not silence anybody.
    !(0..REMIND).contains(&age) || (at.as_second() < facts.started.as_second() && age >= AGAIN)
}

/// Whether a sign-in that works will end soon.
fn ending<'a>(facts: &Facts<'_>, state: &'a SignInState) -> Option<(Alike<'a>, Topic)> {
    if !matches!(state.phase, Phase::Ready | Phase::Waiting) {
        return None;
    }
    let due = state.next_sign_in()?;
    let (fault, life) = match state.policy_ends_at == Some(due) {
        true => (token::SIGN_IN_FREQUENCY.id, state.policy_period.map(Duration::from_secs)),
        false => (token::SIGN_IN_EXPIRED.id, Some(idle_life(state))),
    };
    let rung = rung(due.as_second() - facts.now.as_second(), life)?;
    let topic = news(facts, topic_of_end(state), due, rung)?;
    Some(((Kind::SignInEnding, Some(fault), &state.app, Some(rung)), topic))
}

/// How long a refresh token lives unused.
fn idle_life(state: &SignInState) -> Duration {
    let seconds = state.idle_until.zip(state.last_refresh).map(|(end, since)| end.as_second() - since.as_second());
    Duration::from_secs(u64::try_from(seconds.unwrap_or_default()).unwrap_or_default())
}

fn expiring(facts: &Facts<'_>, ending: &Ending) -> Option<Notice> {
    let due = ending.ends_at?;
    let rung = rung(due.as_second() - facts.now.as_second(), None)?;
    let topic = news(facts, topic_of_ending(ending), due, rung)?;
    let concerned =
        facts.states.iter().filter(|state| ending.what != What::ListenerCertificate && state.app == ending.name);
    let concerned: Vec<&SignInState> = concerned.collect();
    let event = words::of_ending(facts, ending, due, days_left(facts.now, due), &concerned);
    Some(Notice { event, topics: vec![topic] })
}

/// `None`: this rung, or a lower one, of the same end was told.
fn news(facts: &Facts<'_>, name: String, due: Timestamp, rung: Duration) -> Option<Topic> {
    let told = facts.told.get(&name).and_then(|told| {
        let (due, rung) = told.words.split_once(' ')?;
        Some((due.parse::<i64>().ok()?, rung.parse::<u64>().ok()?))
    });
    let is_told = told.is_some_and(|(told_due, told_rung)| told_due == due.as_second() && told_rung <= rung.as_secs());
    let words = Some(format!("{} {}", due.as_second(), rung.as_secs()));
    (!is_told && !(facts.is_busy)(&name)).then_some(Topic { name, words })
}

fn timestamp(at: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(at).ok()
}
