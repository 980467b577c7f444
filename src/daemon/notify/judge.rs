//! Decides what is to be told now, from how things stand and what was told before. Pure: the clock is a number.
//!
//! Each step of the ladder is told once, also over restarts. A sign-in that is needed is told at once, again after a
//! restart, and once a day while it stands, however many sessions fail meanwhile. What concerns many accounts of one
//! app in the same way is one event; what befalls more of them soon after the first is told together, some minutes
//! later.

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
    base::Lang,
    catalog::{self, Known, token},
    expiry::{Ending, What, days_left},
    oauth::{DomainSignIns, Phase, SignInState},
    store::Telling,
};

const DAY: u64 = 86_400;
/// While a sign-in is needed it is told again this often; what is half as old comes along.
const REMIND: i64 = 24 * 3600;
/// After a restart what still stands is told again, unless it was told this lately: it may restart all the time.
const AGAIN: i64 = 3600;
/// Behind an event, further ones of its kind are held this long: a thousand users who are revoked are noticed one by
/// one, each at a refresh of its own.
const HOLD: i64 = 300;
/// The same for what is days ahead.
const HOLD_AHEAD: i64 = 3600;

/// Stands among what was told while nobody but the log is: no topic.
pub const LOG_ALONE: &str = "log-alone";

/// How things stand.
pub struct Facts<'a> {
    pub now: Timestamp,
    /// When this process began.
    pub started: Timestamp,
    pub states: &'a [SignInState],
    /// Addresses of the accounts that live on a sign-in, by its key.
    pub addresses: &'a HashMap<String, Vec<String>>,
    /// What is known of an account, by its address.
    pub known: &'a HashMap<String, Known>,
    /// Whose mailboxes nobody listed.
    pub domains: &'a [DomainSignIns],
    pub endings: &'a [Ending],
    /// What waits in the queue, and what failed.
    pub mail: &'a Mail,
    pub told: &'a HashMap<String, Telling>,
    /// When an event of a kind was last made.
    pub spoken: &'a HashMap<Alike, Timestamp>,
    /// Whether these words of a topic wait for an answer or a later try.
    pub is_busy: &'a dyn Fn(&Topic) -> bool,
    pub host: &'a str,
    /// Of the words.
    pub lang: Lang,
    /// The address of the console.
    pub pages: Option<&'a str>,
}

/// An event, and what is remembered once somebody heard it.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub event: Event,
    pub topics: Vec<Topic>,
    /// What others are held with that follow.
    pub alike: Option<Alike>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic {
    pub name: String,
    /// `None`: it is over and forgotten.
    pub words: Option<String>,
}

/// What kind of event, of which fault, of which app, how many days ahead at most.
pub type Alike = (Kind, Option<&'static str>, String, u64);

/// Sign-ins that are told in one event.
#[derive(Default)]
pub(super) struct Group<'a> {
    pub states: Vec<&'a SignInState>,
    topics: Vec<Topic>,
    /// One of them is to be told; the others come along.
    is_due: bool,
}

struct Found {
    alike: Alike,
    topic: Topic,
    /// Else it comes along with one that is.
    is_due: bool,
}

/// Everything that is to be told now.
pub fn judge(facts: &Facts<'_>) -> Vec<Notice> {
    let mut groups: BTreeMap<Alike, Group<'_>> = BTreeMap::new();
    for state in facts.states {
        for found in [standing(facts, state), ending(facts, state)].into_iter().flatten() {
            let group = groups.entry(found.alike).or_default();
            group.states.push(state);
            group.topics.push(found.topic);
            group.is_due |= found.is_due;
        }
    }
    groups.retain(|alike, group| group.is_due && !is_held(facts, alike));
    let sign_ins = groups.into_iter().filter_map(|(alike, group)| {
        let (kind, fault, app, _) = &alike;
        let event = words::of_sign_ins(facts, *kind, fault.and_then(catalog::find), app, &group)?;
        Some(Notice { event, topics: group.topics, alike: Some(alike) })
    });
    let endings = facts.endings.iter().filter_map(|one| expiring(facts, one));
    sign_ins.chain(endings).chain(mail::judge(facts)).collect()
}

fn is_held(facts: &Facts<'_>, alike: &Alike) -> bool {
    let (.., days_ahead) = alike;
    let hold = if *days_ahead > 0 { HOLD_AHEAD } else { HOLD };
    let since = facts.spoken.get(alike).map(|at| facts.now.as_second() - at.as_second());
    since.is_some_and(|since| (0..hold).contains(&since))
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
    let is_over = |topic: &&String| !known.contains(*topic) && !of_domain(topic) && *topic != LOG_ALONE;
    facts.told.keys().filter(is_over).cloned().collect()
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
fn standing(facts: &Facts<'_>, state: &SignInState) -> Option<Found> {
    let name = topic_of(state);
    let told = facts.told.get(&name);
    let kind = match state.phase {
        Phase::SignInNeeded => Kind::SignInNeeded,
        Phase::Refused => Kind::SignInRefused,
        Phase::Ready if told.is_some_and(|told| has_new_token(state, told)) => Kind::SignInAgainOk,
        Phase::Starting | Phase::Waiting | Phase::Ready => return None,
    };
    let fault = state.fault.as_ref().map(|fault| fault.id).filter(|_| kind != Kind::SignInAgainOk);
    let words = (kind != Kind::SignInAgainOk).then(|| format!("{} {}", kind.as_str(), fault.unwrap_or_default()));
    let repeated = told.filter(|told| words.as_ref() == Some(&told.words));
    let is_due = repeated.is_none_or(|told| is_worth_repeating(facts, told) || broke_again(state, told));
    if !is_due && repeated.is_some_and(|told| age(facts, told).is_some_and(|age| age < REMIND / 2)) {
        return None;
    }
    let topic = Topic { name, words };
    (!(facts.is_busy)(&topic)).then(|| Found { alike: (kind, fault, state.app.clone(), 0), topic, is_due })
}

/// A grant that needs nobody is ready before it ever asked: only a token proves that it works again.
fn has_new_token(state: &SignInState, told: &Telling) -> bool {
    let told_at = timestamp(told.at).map(Timestamp::as_second);
    last_token(state).is_some_and(|at| told_at.is_none_or(|told_at| at.as_second() >= told_at))
}

/// It worked since it was told, whether or not anybody heard of that.
fn broke_again(state: &SignInState, told: &Telling) -> bool {
    last_token(state).zip(timestamp(told.at)).is_some_and(|(at, told_at)| at.as_second() > told_at.as_second())
}

fn last_token(state: &SignInState) -> Option<Timestamp> {
    state.last_refresh.max(state.signed_in_at)
}

/// In seconds. `None`: no clock says it, and one that was put back must not silence anybody.
fn age(facts: &Facts<'_>, told: &Telling) -> Option<i64> {
    let age = facts.now.as_second() - timestamp(told.at)?.as_second();
    (age >= 0).then_some(age)
}

pub(super) fn is_worth_repeating(facts: &Facts<'_>, told: &Telling) -> bool {
    let Some(age) = age(facts, told) else { return true };
    let is_of_another_run = facts.now.as_second() - age < facts.started.as_second();
    age >= REMIND || (is_of_another_run && age >= AGAIN)
}

/// Whether a sign-in that works will end soon. One that ended has an event of its own.
fn ending(facts: &Facts<'_>, state: &SignInState) -> Option<Found> {
    if !matches!(state.phase, Phase::Ready | Phase::Waiting) {
        return None;
    }
    let due = state.next_sign_in()?;
    let (fault, life) = match state.policy_ends_at == Some(due) {
        true => (token::SIGN_IN_FREQUENCY.id, Duration::from_secs(state.policy_period.unwrap_or(u64::MAX))),
        false => (token::SIGN_IN_EXPIRED.id, idle_life(state)),
    };
    let rung = rung(due.as_second() - facts.now.as_second(), Some(life))?;
    let topic = news(facts, topic_of_end(state), due, rung)?;
    let alike = (Kind::SignInEnding, Some(fault), state.app.clone(), rung.as_secs() / DAY);
    Some(Found { alike, topic, is_due: true })
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
    Some(Notice { event, topics: vec![topic], alike: None })
}

/// `None`: this rung, or a lower one, of the same end was told.
fn news(facts: &Facts<'_>, name: String, due: Timestamp, rung: Duration) -> Option<Topic> {
    let told = facts.told.get(&name).and_then(|told| {
        let (due, rung) = told.words.split_once(' ')?;
        Some((due.parse::<i64>().ok()?, rung.parse::<u64>().ok()?))
    });
    let is_told = told.is_some_and(|(told_due, told_rung)| told_due == due.as_second() && told_rung <= rung.as_secs());
    let words = Some(format!("{} {}", due.as_second(), rung.as_secs()));
    Some(Topic { name, words }).filter(|topic| !is_told && !(facts.is_busy)(topic))
}

fn timestamp(at: SystemTime) -> Option<Timestamp> {
    Timestamp::try_from(at).ok()
}
