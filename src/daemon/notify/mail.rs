//! Mail that stands still in the queue, and mail that failed: what of it is to be told.
//!
//! A mailbox is stuck when its oldest message waits for an hour, or, where nothing is in the way, was tried for so long: what
//! waited for the daemon alone goes once one runs. That is told at once, again when the cause changes, and
//! once a day while it stands. Failures are told too, since a device reads no notices: at most once an hour for a
//! mailbox, with what failed last.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use jiff::Timestamp;

use super::{
    event::{Event, Kind, Severity},
    judge::{Facts, Notice, Topic, is_worth_repeating},
    said::{Said, joined},
    words::{bare, known, whole},
};
use crate::{
    base::{Fault, Lang, invocation::as_called},
    catalog::{
        self, Known,
        own::{MAIL_DEFERRED, MAIL_LEFT_BEHIND},
    },
    oauth::SignInState,
    queue::{FailureNote, LaneView, Queue, STUCK, Standstill, hold, last_words},
    spool::LeftBodies,
    store::LeftBehind,
};

/// Failures of one mailbox are told no more often.
const GATHER: i64 = 3600;

/// The topic of a queue that stands still as a whole.
const STANDSTILL: &str = "queue-stuck";

/// How the queue stands.
#[derive(Debug, Default)]
pub struct Mail {
    pub lanes: Vec<LaneView>,
    /// Oldest first.
    pub failures: Vec<FailureNote>,
    /// Why nothing is delivered from the queue at all.
    pub standstill: Option<Standstill>,
    /// What waits where nobody delivers it.
    pub left_behind: Option<LeftBehind>,
    /// What lies in the folder of the queue without a row.
    pub left_bodies: Option<LeftBodies>,
}

impl Mail {
    pub fn of(queue: &Queue) -> Self {
        let (lanes, failures, left_bodies) = (queue.lanes(), queue.failures(), queue.left_bodies());
        Self { lanes, failures, standstill: queue.standstill(), left_behind: None, left_bodies }
    }

    fn last_failure(&self, account: &str) -> Option<&FailureNote> {
        self.failures.iter().rev().find(|note| note.account == account)
    }

    /// Mailboxes with a failure, each once.
    fn failing(&self) -> Vec<&FailureNote> {
        let is_last = |note: &&FailureNote| self.last_failure(&note.account) == Some(*note);
        self.failures.iter().filter(is_last).collect()
    }
}

pub(super) fn judge(facts: &Facts<'_>) -> Vec<Notice> {
    let stuck = facts.mail.lanes.iter().filter_map(|lane| stuck(facts, lane));
    let failed = facts.mail.failing().into_iter().filter_map(|note| failed(facts, note));
    let whole = [standstill(facts), left_behind(facts), left_bodies(facts)].into_iter().flatten();
    whole.chain(stuck).chain(failed).collect()
}

/// Topics that are not over.
pub(super) fn topics(facts: &Facts<'_>) -> impl Iterator<Item = String> {
    let stuck = facts.mail.lanes.iter().filter(|lane| is_stuck(facts, lane)).map(topic_of_lane);
    let standstill = facts.mail.standstill.iter().map(|_| STANDSTILL.to_owned());
    let left_behind = facts.mail.left_behind.iter().map(|left| topic_of(&left.database));
    let left_bodies = facts.mail.left_bodies.iter().map(|left| topic_of(&left.folder));
    standstill
        .chain(left_behind)
        .chain(left_bodies)
        .chain(stuck)
        .chain(facts.mail.failing().into_iter().map(topic_of_failure))
}

/// The whole queue stands still. Told at once, and once a day while it stands.
fn standstill(facts: &Facts<'_>) -> Option<Notice> {
    let Standstill { fault } = facts.mail.standstill.as_ref()?;
    let topic = Topic { name: STANDSTILL.to_owned(), words: Some(String::new()) };
    let is_told = facts.told.get(STANDSTILL).is_some_and(|told| !is_worth_repeating(facts, told));
    if is_told || (facts.is_busy)(&topic) {
        return None;
    }
    let lang = facts.lang;
    let why = words_of(fault, &Known::default(), lang);
    let event = Event {
        severity: Severity::Critical,
        fault: Some(fault.id),
        cause: Said::WithDetail { cause: &why.cause, detail: &fault.detail }.text(lang),
        next_step: joined(lang, &[&why.next, &Said::TriedAgain.text(lang)]),
        avoid: why.avoid,
        ..bare(facts, Kind::QueueStuck)
    };
    let event = whole(facts, event, &Said::Standstill.text(lang), "");
    Some(Notice { event, topics: vec![topic], alike: None })
}

/// Mail in a store that the configuration does not name any more. Told at once, and once a day while it waits there; sign-ins
/// that were left are told by the accounts that miss them.
fn left_behind(facts: &Facts<'_>) -> Option<Notice> {
    let left = facts.mail.left_behind.as_ref().filter(|left| left.messages > 0)?;
    let store = left.database.display().to_string();
    let what = Said::LeftBehind { store: &store, messages: left.messages }.text(facts.lang);
    let known = Known { left_store: Some(store), ..Known::default() };
    left_to_itself(facts, topic_of(&left.database), &what, &known)
}

/// The same of messages for which the database has no row.
fn left_bodies(facts: &Facts<'_>) -> Option<Notice> {
    let left = facts.mail.left_bodies.as_ref()?;
    let folder = left.folder.display().to_string();
    let what = Said::LeftBodies { folder: &folder, messages: left.messages }.text(facts.lang);
    left_to_itself(facts, topic_of(&left.folder), &what, &Known { left_folder: Some(folder), ..Known::default() })
}

fn left_to_itself(facts: &Facts<'_>, name: String, what: &str, known: &Known) -> Option<Notice> {
    let topic = Topic { name, words: Some(String::new()) };
    let is_told = facts.told.get(&topic.name).is_some_and(|told| !is_worth_repeating(facts, told));
    if is_told || (facts.is_busy)(&topic) {
        return None;
    }
    let why = words_of(&MAIL_LEFT_BEHIND.fault(), known, facts.lang);
    let event = Event {
        severity: Severity::Critical,
        fault: Some(MAIL_LEFT_BEHIND.id),
        cause: why.cause,
        next_step: why.next,
        avoid: why.avoid,
        ..bare(facts, Kind::QueueStuck)
    };
    Some(Notice { event: whole(facts, event, what, ""), topics: vec![topic], alike: None })
}

fn topic_of(place: &Path) -> String {
    format!("queue-stuck {}", place.display())
}

fn topic_of_lane(lane: &LaneView) -> String {
    format!("queue-stuck {}", lane.account)
}

fn topic_of_failure(note: &FailureNote) -> String {
    format!("message-failed {}", note.account)
}

fn age(facts: &Facts<'_>, lane: &LaneView) -> Duration {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(facts.now.as_second().max(0).unsigned_abs());
    lane.oldest.and_then(|oldest| now.duration_since(oldest).ok()).unwrap_or_default()
}

fn is_stuck(facts: &Facts<'_>, lane: &LaneView) -> bool {
    let waits = if lane.trouble.is_some() { age(facts, lane) } else { lane.tried };
    waits >= STUCK
}

fn stuck(facts: &Facts<'_>, lane: &LaneView) -> Option<Notice> {
    let deferred = MAIL_DEFERRED.fault();
    let fault = lane.trouble.as_ref().map_or(&deferred, |(fault, _)| fault);
    let words = fault.id.to_owned();
    let told = facts.told.get(&topic_of_lane(lane));
    let is_told = told.is_some_and(|told| told.words == words && !is_worth_repeating(facts, told));
    let topic = Topic { name: topic_of_lane(lane), words: Some(words) };
    // Where nothing is sent at all, that is told, and no mailbox has a cause of its own.
    if !is_stuck(facts, lane) || is_told || facts.mail.standstill.is_some() || (facts.is_busy)(&topic) {
        return None;
    }
    let why = why(facts, lane, fault);
    let (account, waiting, hours) = (lane.account.as_str(), lane.waiting, age(facts, lane).as_secs() / 3600);
    let event = Event {
        severity: Severity::Critical,
        accounts: vec![account.to_owned()],
        fault: Some(fault.id),
        cause: why.cause,
        next_step: why.next,
        avoid: why.avoid,
        ..bare(facts, Kind::QueueStuck)
    };
    let event = whole(facts, event, &Said::Stuck { account, waiting, hours }.text(facts.lang), "");
    Some(Notice { event, topics: vec![topic], alike: None })
}

/// What is said of it.
struct Why {
    cause: String,
    next: String,
    avoid: Option<String>,
}

fn why(facts: &Facts<'_>, lane: &LaneView, fault: &Fault) -> Why {
    let is_of_it = |of: &&SignInState| facts.addresses.get(&of.key).is_some_and(|all| all.contains(&lane.account));
    let states: Vec<_> = facts.states.iter().filter(is_of_it).collect();
    words_of(fault, &known(facts, std::slice::from_ref(&lane.account), &states), facts.lang)
}

fn words_of(fault: &Fault, known: &Known, lang: Lang) -> Why {
    match catalog::find(fault.id) {
        Some(entry) => {
            let words = entry.told(lang, known);
            Why { next: words.whole_step(), cause: words.cause, avoid: words.avoid }
        }
        None => {
            let next = as_called(&Said::Explain { id: fault.id }.text(lang));
            Why { cause: format!("{}.", fault.text), next, avoid: None }
        }
    }
}

fn failed(facts: &Facts<'_>, note: &FailureNote) -> Option<Notice> {
    let name = topic_of_failure(note);
    let told = facts.told.get(&name);
    // That its notice is given up is news of the same message.
    let words = if note.is_lost() { format!("{}, untold", note.queue_id) } else { note.queue_id.clone() };
    let is_told = told.is_some_and(|told| {
        let since = Timestamp::try_from(told.at).map_or(i64::MAX, |at| facts.now.as_second() - at.as_second());
        // What failed before was told with it, though what was told last is off the list since then.
        told.words == words || (0..GATHER).contains(&since) || (since >= 0 && note.at < told.at)
    });
    let topic = Topic { name, words: Some(words) };
    if is_told || (facts.is_busy)(&topic) {
        return None;
    }
    let (lang, id, account) = (facts.lang, note.queue_id.as_str(), note.account.as_str());
    let recipients = match (note.recipients.join(", "), note.more_recipients) {
        // Of what message it was is not known any more.
        (none, _) if none.is_empty() => note.sender.clone(),
        (all, 0) => all,
        (some, more) => format!("{some} (+ {more})"),
    };
    let (is_notice, reply) = (note.recipients.is_empty(), &*last_words(&note.reply, lang));
    let cause = Said::Undelivered { is_notice, recipients: &recipients, reply };
    let next = match (note.is_told, note.hold) {
        (_, Some(hold::DOUBTFUL)) => Said::AskWhetherItArrived { id },
        (_, Some(_)) => Said::LookAtDisk { id },
        (true, _) => Said::SenderIsTold { sender: &note.sender },
        (false, _) => Said::NobodyIsTold { lost: note.is_lost().then_some(id) },
    };
    let event = Event {
        severity: if note.is_told { Severity::Warning } else { Severity::Critical },
        accounts: vec![account.to_owned()],
        fault: note.fault,
        cause: cause.text(lang),
        next_step: as_called(&next.text(lang)),
        ..bare(facts, Kind::MessageFailed)
    };
    let what = Said::Message { account, is_held: note.hold.is_some() }.text(lang);
    let event = whole(facts, event, &what, &Said::QueueId { id }.text(lang));
    Some(Notice { event, topics: vec![topic], alike: None })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        base::{Kind as FaultKind, Owner},
        oauth::FaultSeen,
        store::Telling,
    };

    const START: i64 = 1_800_000_000;

    fn wall(second: i64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs((START + second).unsigned_abs())
    }

    /// Events at so many seconds; what was told is remembered.
    fn told_at(now: i64, mail: &Mail, told: &mut HashMap<String, Telling>) -> Vec<Event> {
        told_of(&[], now, mail, told)
    }

    /// The same where these are the sign-ins of ann.
    fn told_of(states: &[SignInState], now: i64, mail: &Mail, told: &mut HashMap<String, Telling>) -> Vec<Event> {
        let of_ann = |state: &SignInState| (state.key.clone(), vec!["ann@contoso.com".to_owned()]);
        let at = Timestamp::from_second(START + now).unwrap();
        let notices = judge(&Facts {
            now: at,
            started: Timestamp::from_second(START).unwrap(),
            states,
            addresses: &states.iter().map(of_ann).collect(),
            known: &HashMap::new(),
            domains: &[],
            endings: &[],
            mail,
            told,
            spoken: &HashMap::new(),
            is_busy: &|_| false,
            host: "mailhost",
            lang: Lang::En,
            pages: None,
        });
        for topic in notices.iter().flat_map(|notice| &notice.topics) {
            told.insert(topic.name.clone(), Telling { words: topic.words.clone().unwrap(), at: wall(now) });
        }
        notices.into_iter().map(|notice| notice.event).collect()
    }

    /// Tried for so many seconds.
    fn lane(tried: u64) -> LaneView {
        let (account, tried) = ("ann@contoso.com".into(), Duration::from_secs(tried));
        LaneView { account, waiting: 3, held: 0, oldest: Some(wall(0)), tried, trouble: None }
    }

    /// The machine may have been off: the mail server is not to blame for that.
    #[test]
    fn what_waited_for_a_daemon_to_run_is_not_told_before_it_was_tried_for_an_hour_unless_its_way_is_shut() {
        let mut told = HashMap::new();
        let mut mail = Mail { lanes: vec![lane(30)], ..Mail::default() };
        assert!(told_at(10 * 3600, &mail, &mut told).is_empty());
        let fault = Fault::new(FaultKind::SignInNeeded, Owner::User, "sign-in-missing", "x");
        mail.lanes[0].trouble = Some((fault, wall(0)));
        assert_eq!(told_at(10 * 3600, &mail, &mut told).remove(0).fault, Some("sign-in-missing"));
    }

    #[test]
    fn a_queue_that_is_stuck_for_an_hour_is_told_once_a_day_and_again_when_its_cause_changes() {
        let mut told = HashMap::new();
        let mut mail = Mail { lanes: vec![lane(3599)], ..Mail::default() };
        assert!(told_at(3599, &mail, &mut told).is_empty());
        mail.lanes = vec![lane(3600)];
        let event = told_at(3600, &mail, &mut told).remove(0);
        assert_eq!(event.event, Kind::QueueStuck);
        assert!(
            event.text.contains("3 messages wait in the queue of ann@contoso.com, the oldest for 1 h"),
            "{}",
            event.text
        );
        assert!(told_at(20 * 3600, &mail, &mut told).is_empty());
        assert_eq!(told_at(26 * 3600, &mail, &mut told).len(), 1);
        let fault = Fault::new(FaultKind::SignInNeeded, Owner::User, "sign-in-missing", "x");
        mail.lanes[0].trouble = Some((fault, SystemTime::UNIX_EPOCH));
        let event = told_at(27 * 3600, &mail, &mut told).remove(0);
        assert_eq!(event.fault, Some("sign-in-missing"));
        mail.lanes[0].trouble = Some((catalog::own::ACCOUNT_GONE.fault(), SystemTime::UNIX_EPOCH));
        let event = told_at(28 * 3600, &mail, &mut told).remove(0);
        assert!(event.next_step.contains("gatepost queue list --account ann@contoso.com"), "{}", event.text);
    }

    #[test]
    fn mail_that_waits_for_a_consent_is_told_with_the_time_at_which_it_counts() {
        let fault = catalog::token::GRAPH_CONSENT_MISSING.fault();
        let asks_again_at = Some("2027-01-15T09:35:00Z".parse().unwrap());
        let graph_fault = Some(FaultSeen { asks_again_at, ..FaultSeen::new(&fault, wall(0)) });
        let states = [SignInState { key: "contoso/ann".into(), graph_fault, ..SignInState::default() }];
        let lanes = vec![LaneView { trouble: Some((fault, wall(0))), ..lane(3600) }];
        let event = told_of(&states, 3600, &Mail { lanes, ..Mail::default() }, &mut HashMap::new()).remove(0);
        assert!(event.next_step.contains("asks again by itself at 09:35 UTC."), "{}", event.text);
    }

    #[test]
    fn a_queue_that_stands_still_is_told_at_once_and_once_a_day() {
        let mut told = HashMap::new();
        let fault = catalog::token::STORE_FAILING.fault().detail("the disk does not answer");
        let standstill = Some(Standstill { fault });
        // An hour old too: that has no cause of its own.
        let mail = Mail { standstill, lanes: vec![lane(3600)], ..Mail::default() };
        let event = told_at(0, &mail, &mut told).remove(0);
        assert_eq!((event.event, event.severity), (Kind::QueueStuck, Severity::Critical));
        assert_eq!(event.fault, Some("store-failing"));
        assert!(
            event.text.contains("nothing is sent from the queue") && event.cause.contains("the disk does not answer"),
            "{}",
            event.text
        );
        assert!(told_at(20 * 3600, &mail, &mut told).is_empty());
        assert_eq!(told_at(26 * 3600, &mail, &mut told).len(), 1);
        assert!(told_at(27 * 3600, &Mail::default(), &mut told).is_empty());
    }

    #[test]
    fn mail_that_waits_in_the_store_before_is_told_at_once_and_once_a_day_and_sign_ins_alone_are_not() {
        let mut told = HashMap::new();
        let left = |messages| {
            let left = LeftBehind { database: "/old/gatepost.db".into(), messages, sign_ins: 1 };
            Mail { left_behind: Some(left), ..Mail::default() }
        };
        assert!(told_at(0, &left(0), &mut told).is_empty());
        let event = told_at(0, &left(3), &mut told).remove(0);
        assert_eq!((event.event, event.severity), (Kind::QueueStuck, Severity::Critical));
        assert_eq!(event.fault, Some("mail-left-behind"));
        assert!(
            event.text.contains("3 messages wait in a store that no daemon works on: /old/gatepost.db."),
            "{}",
            event.text
        );
        assert!(told_at(20 * 3600, &left(3), &mut told).is_empty());
        assert_eq!(told_at(26 * 3600, &left(3), &mut told).len(), 1);
    }

    #[test]
    fn a_message_that_is_held_is_told_with_what_to_do() {
        let damaged = catalog::own::MESSAGE_BODY_UNREADABLE.said("its body cannot be read: I/O error");
        let note = |hold| FailureNote {
            at: SystemTime::UNIX_EPOCH,
            queue_id: "bcdf23456789".into(),
            account: "ann@contoso.com".into(),
            sender: "ann@contoso.com".into(),
            recipients: vec!["bob@fabrikam.com".into()],
            more_recipients: 0,
            reply: damaged.clone(),
            fault: hold::fault(hold).map(|entry| entry.id),
            is_told: false,
            notice: None,
            is_notice_wanted: true,
            hold: Some(hold),
        };
        for (hold, first) in [(hold::BODY_DAMAGED, "Look at its disk"), (hold::DOUBTFUL, "Ask whoever it is for")] {
            let mail = Mail { failures: vec![note(hold)], ..Mail::default() };
            let event = told_at(0, &mail, &mut HashMap::new()).remove(0);
            assert!(event.text.contains("mail of ann@contoso.com is held"), "{}", event.text);
            assert!(event.text.contains(&format!(": {damaged}.")), "{}", event.text);
            let entry = hold::fault(hold).unwrap();
            assert_eq!((event.fault, event.fault_text), (Some(entry.id), Some(entry.short())));
            let said = event.text.matches(&format!("[{}]", entry.id)).count();
            assert_eq!(said, 1, "what the cause says already is not said again: {}", event.text);
            let next = event.next_step;
            assert!(next.starts_with(first) && next.contains("gatepost queue release bcdf23456789"), "{next}");
        }
    }

    #[test]
    fn a_failed_message_is_told_and_many_of_an_hour_are_one_event() {
        let note = |id: &str, is_told, at| FailureNote {
            at: wall(at),
            queue_id: id.into(),
            account: "ann@contoso.com".into(),
            sender: "ann@contoso.com".into(),
            recipients: vec!["bob@fabrikam.com".into()],
            more_recipients: 0,
            reply: "550 5.1.1 no".into(),
            fault: None,
            is_told,
            notice: None,
            is_notice_wanted: true,
            hold: None,
        };
        let mut told = HashMap::new();
        let mut mail = Mail { failures: vec![note("one", true, 0)], ..Mail::default() };
        let event = told_at(0, &mail, &mut told).remove(0);
        assert_eq!((event.event, event.severity), (Kind::MessageFailed, Severity::Warning));
        assert!(event.text.contains("bob@fabrikam.com: 550 5.1.1 no."), "{}", event.text);
        for n in 0..50 {
            mail.failures.push(note(&n.to_string(), false, 60 + n));
            assert!(told_at(60 + n, &mail, &mut told).is_empty());
        }
        let event = told_at(3700, &mail, &mut told).remove(0);
        assert_eq!(event.severity, Severity::Critical, "nobody hears of it by mail");
        assert!(told_at(9000, &mail, &mut told).is_empty(), "the same one");
        mail.failures.pop();
        assert!(told_at(9100, &mail, &mut told).is_empty(), "a person took it off the list");
        mail.failures.push(note("later", false, 9200));
        assert_eq!(told_at(9200, &mail, &mut told).len(), 1);
    }
}
