//! What came of one attempt, for each recipient that waited: pure, but for the line in the log.

use std::time::{Duration, SystemTime};

use tracing::warn;

use super::{
    deliver::{Fate, Report, Verdict},
    doubt::GOES_AGAIN,
    last_words::LAST,
    refusals::{Advice, Refusal},
};
use crate::{
    base::{Fault, printable, redacted, with_id},
    catalog::{
        Entry,
        own::{ENVELOPE_DAMAGED, MESSAGE_EXPIRED, UPSTREAM_PROTOCOL},
        replies::{coded, refusal},
        upstream::message_refusal,
    },
    meter::{Meter, at_level},
    store::{Ended, EndedRecipient, QueuedMessage, QueuedRecipient, RecipientState},
    wire::smtp::{Enhanced, Reply},
};

/// Of a server's words; what it says at length is in its own log.
pub(super) const REPLY_CAP: usize = 1000;

pub(super) struct Outcome {
    /// One for each that waited; the last one stands for all that are missing.
    verdicts: Vec<Said>,
    /// What the server asked for.
    pub retry_after: Option<Duration>,
    /// Instead of the message's own.
    pub pause: Option<Duration>,
}

#[derive(Clone)]
struct Said {
    fate: Fate,
    text: String,
    is_doubtful: bool,
    /// For log and metrics: one of a few words, or the id of a fault.
    reason: &'static str,
    /// What stands in the way of this recipient, or of the whole message.
    refusal: Option<Refusal>,
    /// The id of that, or of what is in the way of the mailbox.
    fault: Option<&'static str>,
    /// What only the log is told.
    detail: Option<String>,
}

/// A [`Said::reason`], and what stands in the place of what a server says that nobody knows: the class of its enhanced code
/// (RFC 3463), so that their number is bounded.
const TIME_IS_OVER: &str = "expired";
const CLASSES: [&str; 16] = [
    "4.0.x", "4.1.x", "4.2.x", "4.3.x", "4.4.x", "4.5.x", "4.6.x", "4.7.x", //
    "5.0.x", "5.1.x", "5.2.x", "5.3.x", "5.4.x", "5.5.x", "5.6.x", "5.7.x",
];

/// What a recipient hears whose time is over (RFC 3463 X.4.7).
const EXPIRED: (u16, &str) = coded::EXPIRED.code;

/// Whether a recipient failed because its time was over.
pub(super) fn is_expiry(reply: &str) -> bool {
    let (code, enhanced) = EXPIRED;
    reply.starts_with(&format!("{code} {enhanced} "))
}

/// What a recipient's line shows where the way out is shut.
pub(super) fn in_the_way(fault: &Fault) -> String {
    printable(&with_id(&fault.text, fault.id), REPLY_CAP)
}

/// Positions of the recipients that wait.
pub(super) fn waiting(message: &QueuedMessage) -> Vec<usize> {
    let all = message.recipients.iter().enumerate();
    all.filter(|(_, one)| one.state == RecipientState::Waiting).map(|(at, _)| at).collect()
}

fn words(reply: &Reply) -> String {
    // A server that takes the message names it, often at length; one that does not may quote us.
    let text = if reply.is_positive() { reply.text() } else { redacted(&reply.text(), &[]) };
    printable(&text, REPLY_CAP)
}

fn reason(verdict: &Verdict) -> &'static str {
    let reply = &verdict.reply;
    // As the line of a message that is relayed has it.
    let said = || message_refusal(&reply.text()).filter(|_| !reply.is_transient()).map(|entry| entry.id);
    let known = || reply.fault().map(|fault| fault.id).or_else(said);
    match verdict {
        _ if verdict.is_doubtful => "doubtful",
        _ if reply.is_positive() => "answered",
        _ => known().unwrap_or_else(|| class(reply)),
    }
}

fn class(reply: &Reply) -> &'static str {
    let said = reply.enhanced().map(|Enhanced(class, subject, _)| format!("{class}.{subject}.x")).unwrap_or_default();
    let otherwise = if reply.is_transient() { "4xx" } else { "5xx" };
    CLASSES.iter().find(|class| **class == said).copied().unwrap_or(otherwise)
}

impl Said {
    const fn of(fate: Fate, reason: &'static str) -> Self {
        Self { fate, text: String::new(), is_doubtful: false, reason, refusal: None, fault: None, detail: None }
    }

    /// What is said of a recipient here, and by no server: `reply` is of `entry`.
    fn here(reason: &'static str, entry: &Entry, reply: &Reply) -> Self {
        Self { text: words(reply), fault: Some(entry.id), ..Self::of(Fate::Failed, reason) }
    }
}

impl Outcome {
    /// A report that is too short is read as "not yet" for the rest: once more is better than never.
    pub fn of_report(report: Report, asked_for: usize) -> Self {
        let Report { verdicts, retry_after } = report;
        let said = |one: &Verdict| {
            let (refusal, is_doubtful) = (Refusal::of(one), one.is_doubtful);
            let fault = refusal.map(|refusal| refusal.id());
            let detail = one.reply.fault().map(|fault| fault.detail.clone()).filter(|detail| !detail.is_empty());
            Said { fate: one.fate, text: words(&one.reply), is_doubtful, reason: reason(one), refusal, fault, detail }
        };
        let mut verdicts: Vec<_> = verdicts.iter().map(said).collect();
        verdicts.truncate(asked_for);
        let unsaid = refusal(coded::UNSAID, "nothing was said of this recipient");
        verdicts.resize(asked_for, Said { fate: Fate::Deferred, ..Said::here("4.3.x", UPSTREAM_PROTOCOL, &unsaid) });
        Self { verdicts, retry_after, pause: None }
    }

    /// The mailbox's way out is shut; the message is as good as before.
    pub fn nothing_sent(fault: &Fault, pause: Duration) -> Self {
        let said = Said { text: in_the_way(fault), fault: Some(fault.id), ..Said::of(Fate::Deferred, fault.id) };
        Self { verdicts: vec![said], retry_after: None, pause: Some(pause) }
    }

    /// What was in the way stays beside it, and is what these failed of.
    pub fn expired<'a>(hours: u64, waiting: impl Iterator<Item = &'a QueuedRecipient>) -> Self {
        let reply = refusal(coded::EXPIRED, format_args!("after {hours} hours"));
        let expired = Said::here(TIME_IS_OVER, MESSAGE_EXPIRED, &reply);
        let said = |one: &QueuedRecipient| Said { refusal: Refusal::beside(one), ..expired.clone() };
        Self { verdicts: waiting.map(said).collect(), retry_after: None, pause: None }
    }

    /// The envelope cannot be read.
    pub fn damaged() -> Self {
        let reply = coded::DAMAGED.reply();
        let refusal = Some(Refusal::from(ENVELOPE_DAMAGED));
        let said = Said { refusal, ..Said::here("damaged", ENVELOPE_DAMAGED, &reply) };
        Self { verdicts: vec![said], retry_after: None, pause: None }
    }

    fn said(&self, n: usize) -> Option<&Said> {
        self.verdicts.get(n).or(self.verdicts.last())
    }

    fn is_doubtful_for(&self, n: usize) -> bool {
        self.said(n).is_some_and(|said| said.is_doubtful)
    }

    /// Somebody may have it although nobody said so.
    pub fn is_doubtful(&self) -> bool {
        self.verdicts.iter().any(|said| said.is_doubtful)
    }

    fn fate(&self, n: usize) -> Fate {
        self.said(n).map_or(Fate::Deferred, |said| said.fate)
    }

    /// `message` as the store will have it.
    pub fn apply(&self, message: &mut QueuedMessage, waiting: &[usize]) {
        for (n, at) in waiting.iter().enumerate() {
            let Some(one) = message.recipients.get_mut(*at) else { continue };
            let Some(Said { fate, text, is_doubtful, reason, fault, .. }) = self.said(n) else { continue };
            // An expiry alone says nothing of what was in the way.
            let before = one.reply.take().filter(|_| *reason == TIME_IS_OVER);
            if before.is_none() {
                one.fault = fault.map(str::to_owned);
            }
            one.reply = Some(before.map_or_else(|| text.clone(), |before| format!("{text}{LAST}{before}")));
            one.doubts += u32::from(*is_doubtful);
            one.attempts += 1;
            one.state = match *fate {
                Fate::Delivered => RecipientState::Delivered,
                Fate::Deferred => RecipientState::Waiting,
                Fate::Failed => RecipientState::Failed,
            };
        }
    }

    pub fn ended(
        &self,
        message: &QueuedMessage,
        waiting: &[usize],
        waited: Duration,
        next_at: SystemTime,
        pause: Duration,
    ) -> Ended {
        let one = |(n, at): (usize, &usize)| {
            let one = message.recipients.get(*at)?;
            let (reply, fault) = (one.reply.clone().unwrap_or_default(), one.fault.clone());
            let is_doubtful = self.is_doubtful_for(n);
            Some(EndedRecipient { position: *at, state: one.state, reply, fault, is_doubtful })
        };
        let recipients = waiting.iter().enumerate().filter_map(one).collect();
        Ended { attempts: message.attempts, recipients, waited, next_at: Some(next_at), pause, hold: None }
    }

    /// Somebody got it.
    pub fn delivers(&self) -> bool {
        self.verdicts.iter().any(|said| said.fate == Fate::Delivered)
    }

    /// What stands in the way, once each.
    pub fn refusals(&self) -> Vec<Refusal> {
        let mut all: Vec<Refusal> = Vec::new();
        for refusal in self.verdicts.iter().filter_map(|said| said.refusal) {
            if !all.contains(&refusal) {
                all.push(refusal);
            }
        }
        all
    }

    /// What matters most: of one that failed, else of one that waits.
    fn worst(&self, waiting: usize) -> Option<&Said> {
        (0..waiting).filter_map(|n| self.said(n)).max_by_key(|said| match said.fate {
            Fate::Delivered => 0,
            Fate::Deferred => 1,
            Fate::Failed => 2,
        })
    }

    fn tally(&self, waiting: usize) -> [usize; 3] {
        let count = |wanted| (0..waiting).filter(|n| self.fate(*n) == wanted).count();
        [count(Fate::Delivered), count(Fate::Deferred), count(Fate::Failed)]
    }

    /// One line an attempt: a warning where mail is lost, or waits for more than its recipients.
    pub fn log(&self, message: &QueuedMessage, waiting: usize, took: Duration, pause: Duration, advice: &Advice) {
        let [delivered, deferred, failed] = self.tally(waiting);
        let worst = self.worst(waiting);
        at_level!(
            failed > 0 || advice.is_trouble,
            queue_id = message.id,
            session = message.session,
            account = message.account,
            client = message.client,
            attempt = message.attempts,
            delivered,
            deferred,
            failed,
            reason = worst.map(|said| said.reason),
            reply = worst.map(|said| &said.text),
            id = advice.id,
            text = advice.text,
            owner = advice.owner,
            next = advice.next,
            detail = worst.and_then(|said| said.detail.as_deref()),
            ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            retry_in_seconds = (deferred > 0).then_some(pause.as_secs()),
            "delivery from the queue"
        );
    }

    /// It waits, and is not held for it.
    pub fn log_doubt(&self, message: &QueuedMessage) {
        if self.is_doubtful() {
            warn!(
                queue_id = message.id,
                session = message.session,
                hint = GOES_AGAIN,
                "the mail server did not answer behind the end of this message: it may have taken it; it is sent again and may arrive twice"
            );
        }
    }

    /// `is_notice`: it is nobody's mail, and one that fails is no second failure of what it is about.
    pub fn count(&self, meter: &Meter, waiting: usize, is_notice: bool) {
        for said in (0..waiting).filter_map(|n| self.said(n)) {
            let outcome = match said.fate {
                Fate::Delivered => "delivered",
                Fate::Deferred => "deferred",
                Fate::Failed => "failed",
            };
            meter.queue_deliveries(outcome, said.reason, 1);
            if !is_notice && outcome != "deferred" {
                meter.delivered_by_hour.count(outcome == "delivered");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_here_of_a_recipient_has_the_text_and_the_id_of_its_fault() {
        let waits = QueuedRecipient {
            line: String::new(),
            state: RecipientState::Waiting,
            attempts: 0,
            reply: None,
            fault: None,
            doubts: 0,
            is_reported: false,
        };
        let unsaid = Outcome::of_report(Report { verdicts: Vec::new(), retry_after: None }, 1);
        for (outcome, entry, said) in [
            (unsaid, UPSTREAM_PROTOCOL, "450 4.3.0 {}: nothing was said of this recipient [gatepost "),
            (Outcome::expired(120, [waits].iter()), MESSAGE_EXPIRED, "554 5.4.7 {}: after 120 hours [gatepost "),
            (Outcome::damaged(), ENVELOPE_DAMAGED, "554 5.3.0 {} [gatepost "),
        ] {
            let one = outcome.said(0).unwrap();
            assert_eq!(one.text, format!("{}{}]", said.replace("{}", entry.text), entry.id));
            assert_eq!(one.fault, Some(entry.id));
            assert!(is_expiry(&one.text) == (entry.id == MESSAGE_EXPIRED.id), "{}", one.text);
        }
    }

    #[test]
    fn a_recipient_whose_time_is_over_failed_of_what_was_in_its_way() {
        let recipient = |fault: Option<&str>, reply: Option<&str>| QueuedRecipient {
            line: String::new(),
            state: RecipientState::Waiting,
            attempts: 0,
            reply: reply.map(str::to_owned),
            fault: fault.map(str::to_owned),
            doubts: 0,
            is_reported: false,
        };
        let known = recipient(Some("sign-in-missing"), Some("x"));
        let said = recipient(None, Some("451 4.7.500 Server busy. Please try again later"));
        let outcome = Outcome::expired(120, [&known, &said, &recipient(None, None)].into_iter());
        let ids: Vec<_> = outcome.refusals().into_iter().map(Refusal::id).collect();
        assert_eq!(ids, ["sign-in-missing", "sending-deferred"]);
    }
}
