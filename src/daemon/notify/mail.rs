//! Mail that stands still in the queue, and mail that failed: what of it is to be told.
//!
//! A mailbox is stuck when its oldest message waits for an hour. That is told at once, again when the cause changes, and
//! once a day while it stands. Failures are told too, since a device reads no notices: at most once an hour for a
//! mailbox, with what failed last.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::{
    event::{Event, Kind, Severity},
    judge::{Facts, Notice, Topic, is_worth_repeating},
    words::bare,
};
use crate::{
    base::{Fault, Lang},
    catalog::{self, Known},
    queue::{FailureNote, LaneView, Queue, Standstill, hold},
};

/// A message that waits for so long stands still.
const STUCK: Duration = Duration::from_secs(3600);
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
}

impl Mail {
    pub fn of(queue: &Queue) -> Self {
        Self { lanes: queue.lanes(), failures: queue.failures(), standstill: queue.standstill() }
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
    standstill(facts).into_iter().chain(stuck).chain(failed).collect()
}

/// Topics that are not over.
pub(super) fn topics(facts: &Facts<'_>) -> impl Iterator<Item = String> {
    let stuck = facts.mail.lanes.iter().filter(|lane| age(facts, lane) >= STUCK).map(topic_of_lane);
    let standstill = facts.mail.standstill.iter().map(|_| STANDSTILL.to_owned());
    standstill.chain(stuck).chain(facts.mail.failing().into_iter().map(topic_of_failure))
}

/// The whole queue stands still. Told at once, and once a day while it stands.
fn standstill(facts: &Facts<'_>) -> Option<Notice> {
    let Standstill { fault } = facts.mail.standstill.as_ref()?;
    let topic = Topic { name: STANDSTILL.to_owned(), words: Some(String::new()) };
    let is_told = facts.told.get(STANDSTILL).is_some_and(|told| !is_worth_repeating(facts, told));
    if is_told || (facts.is_busy)(&topic) {
        return None;
    }
    let (why, next_step) = words_of(fault, &Known::default());
    let cause = format!("{why} ({})", fault.detail);
    let next_step = format!("{next_step} It is tried again by itself.");
    let text = format!("Gatepost on {}: nothing is sent from the queue. {cause} {next_step}", facts.host);
    let (severity, fault) = (Severity::Critical, Some(fault.id));
    let event = Event { severity, text, fault, cause, next_step, ..bare(facts, Kind::QueueStuck) };
    Some(Notice { event, topics: vec![topic], alike: None })
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

fn stuck(facts: &Facts<'_>, lane: &LaneView) -> Option<Notice> {
    let age = age(facts, lane);
    let fault = lane.trouble.as_ref().map(|(fault, _)| fault);
    let words = fault.map_or_else(|| lane.is_known.to_string(), |fault| fault.id.to_owned());
    let told = facts.told.get(&topic_of_lane(lane));
    let is_told = told.is_some_and(|told| told.words == words && !is_worth_repeating(facts, told));
    let topic = Topic { name: topic_of_lane(lane), words: Some(words) };
    // Where nothing is sent at all, that is told, and no mailbox has a cause of its own.
    if age < STUCK || is_told || facts.mail.standstill.is_some() || (facts.is_busy)(&topic) {
        return None;
    }
    let (cause, next_step) = why(facts, lane, fault);
    let (account, waiting) = (&lane.account, lane.waiting);
    let counted = if waiting == 1 { "1 message waits".to_owned() } else { format!("{waiting} messages wait") };
    let hours = age.as_secs() / 3600;
    let text = format!(
        "Gatepost on {}: {counted} in the queue of {account}, the oldest for {hours} h. {cause} {next_step}",
        facts.host
    );
    let event = Event {
        severity: Severity::Critical,
        text,
        accounts: vec![account.clone()],
        fault: fault.map(|fault| fault.id),
        cause,
        next_step,
        ..bare(facts, Kind::QueueStuck)
    };
    Some(Notice { event, topics: vec![topic], alike: None })
}

fn why(facts: &Facts<'_>, lane: &LaneView, fault: Option<&Fault>) -> (String, String) {
    match fault {
        Some(fault) => words_of(fault, &facts.known.get(&lane.account).cloned().unwrap_or_default()),
        None if !lane.is_known => (
            "The account is not in the configuration any more.".to_owned(),
            "Put it back and reload, or drop the messages: `gatepost queue list`.".to_owned(),
        ),
        None => (
            "The mail server answers \"try later\", or more comes in than the mailbox may send.".to_owned(),
            "`gatepost queue list` shows the last replies.".to_owned(),
        ),
    }
}

fn words_of(fault: &Fault, known: &Known) -> (String, String) {
    match catalog::find(fault.id) {
        Some(entry) => {
            let words = entry.told(Lang::En, known);
            (words.cause, words.next)
        }
        None => (format!("{}.", fault.text), format!("See `gatepost explain {}`.", fault.id)),
    }
}

fn failed(facts: &Facts<'_>, note: &FailureNote) -> Option<Notice> {
    let name = topic_of_failure(note);
    let told = facts.told.get(&name);
    let is_told = told.is_some_and(|told| {
        let since = Timestamp::try_from(told.at).map_or(i64::MAX, |at| facts.now.as_second() - at.as_second());
        told.words == note.queue_id || (0..GATHER).contains(&since)
    });
    let topic = Topic { name, words: Some(note.queue_id.clone()) };
    if is_told || (facts.is_busy)(&topic) {
        return None;
    }
    let who = if note.sender.is_empty() { "A notice of Gatepost" } else { "A message" };
    let cause = format!("{who} could not be delivered to {}: {}.", note.recipients.join(", "), note.reply);
    let next_step = match (note.is_told, note.hold) {
        (_, Some(hold::DOUBTFUL)) => format!(
            "Ask whoever it is for whether it arrived; then `gatepost queue drop {0}`, or `gatepost queue release {0}` \
             for one more attempt.",
            note.queue_id
        ),
        (_, Some(_)) => {
            format!("Look at its disk; then `gatepost queue release {0}`, or `gatepost queue drop {0}`.", note.queue_id)
        }
        (true, _) => format!("The sender {} gets a notice with the next step.", note.sender),
        (false, _) => "Nobody is told by mail; the log has the message by its queue id.".to_owned(),
    };
    let text = format!(
        "Gatepost on {}: mail of {} {}. {cause} {next_step} Queue id {}.",
        facts.host,
        note.account,
        if note.hold.is_some() { "is held" } else { "failed" },
        note.queue_id
    );
    let severity = if note.is_told { Severity::Warning } else { Severity::Critical };
    let accounts = vec![note.account.clone()];
    let event = Event { severity, text, accounts, cause, next_step, ..bare(facts, Kind::MessageFailed) };
    Some(Notice { event, topics: vec![topic], alike: None })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::{
        base::{Kind as FaultKind, Owner},
        store::Telling,
    };

    const START: i64 = 1_800_000_000;

    fn wall(second: i64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs((START + second).unsigned_abs())
    }

    /// Events at so many seconds; what was told is remembered.
    fn told_at(now: i64, mail: &Mail, told: &mut HashMap<String, Telling>) -> Vec<Event> {
        let at = Timestamp::from_second(START + now).unwrap();
        let notices = judge(&Facts {
            now: at,
            started: Timestamp::from_second(START).unwrap(),
            states: &[],
            addresses: &HashMap::new(),
            known: &HashMap::new(),
            domains: &[],
            endings: &[],
            mail,
            told,
            spoken: &HashMap::new(),
            is_busy: &|_| false,
            host: "mailhost",
            pages: None,
        });
        for topic in notices.iter().flat_map(|notice| &notice.topics) {
            told.insert(topic.name.clone(), Telling { words: topic.words.clone().unwrap(), at: wall(now) });
        }
        notices.into_iter().map(|notice| notice.event).collect()
    }

    fn lane() -> LaneView {
        LaneView {
            account: "ann@contoso.com".into(),
            waiting: 3,
            held: 0,
            oldest: Some(wall(0)),
            is_known: true,
            trouble: None,
        }
    }

    #[test]
    fn a_queue_that_is_stuck_for_an_hour_is_told_once_a_day_and_again_when_its_cause_changes() {
        let mut told = HashMap::new();
        let mut mail = Mail { lanes: vec![lane()], ..Mail::default() };
        assert!(told_at(3599, &mail, &mut told).is_empty());
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
        mail.lanes[0].trouble = None;
        mail.lanes[0].is_known = false;
        let event = told_at(28 * 3600, &mail, &mut told).remove(0);
        assert!(event.next_step.contains("Put it back"), "{}", event.text);
    }

    #[test]
    fn a_queue_that_stands_still_is_told_at_once_and_once_a_day() {
        let mut told = HashMap::new();
        let fault = catalog::token::STORE_FAILING.fault().detail("the disk does not answer");
        let standstill = Some(Standstill { fault });
        // An hour old too: that has no cause of its own.
        let mail = Mail { standstill, lanes: vec![lane()], ..Mail::default() };
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
    fn a_message_that_is_held_is_told_with_what_to_do() {
        let note = |hold| FailureNote {
            at: SystemTime::UNIX_EPOCH,
            queue_id: "bcdf23456789".into(),
            account: "ann@contoso.com".into(),
            sender: "ann@contoso.com".into(),
            recipients: vec!["bob@fabrikam.com".into()],
            reply: "held, its body cannot be read: I/O error [store-unavailable]".into(),
            is_told: false,
            hold: Some(hold),
        };
        for (hold, first) in [(hold::BODY_DAMAGED, "Look at its disk"), (hold::DOUBTFUL, "Ask whoever it is for")] {
            let mail = Mail { failures: vec![note(hold)], ..Mail::default() };
            let event = told_at(0, &mail, &mut HashMap::new()).remove(0);
            assert!(event.text.contains("mail of ann@contoso.com is held"), "{}", event.text);
            let next = event.next_step;
            assert!(next.starts_with(first) && next.contains("gatepost queue release bcdf23456789"), "{next}");
        }
    }

    #[test]
    fn a_failed_message_is_told_and_many_of_an_hour_are_one_event() {
        let note = |id: &str, is_told| FailureNote {
            at: std::time::SystemTime::UNIX_EPOCH,
            queue_id: id.into(),
            account: "ann@contoso.com".into(),
            sender: "ann@contoso.com".into(),
            recipients: vec!["bob@fabrikam.com".into()],
            reply: "550 5.1.1 no".into(),
            is_told,
            hold: None,
        };
        let mut told = HashMap::new();
        let mut mail = Mail { failures: vec![note("one", true)], ..Mail::default() };
        let event = told_at(0, &mail, &mut told).remove(0);
        assert_eq!((event.event, event.severity), (Kind::MessageFailed, Severity::Warning));
        assert!(event.text.contains("bob@fabrikam.com: 550 5.1.1 no."), "{}", event.text);
        for n in 0..50 {
            mail.failures.push(note(&n.to_string(), false));
            assert!(told_at(60 + n, &mail, &mut told).is_empty());
        }
        let event = told_at(3700, &mail, &mut told).remove(0);
        assert_eq!(event.severity, Severity::Critical, "nobody hears of it by mail");
        assert!(told_at(9000, &mail, &mut told).is_empty(), "the same one");
    }
}
