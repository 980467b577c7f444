//! A message of the queue as `gatepost queue`, the console and its API show it.

use std::time::SystemTime;

use serde::Serialize;

use super::{
    FailureNote,
    envelope::{read_mail, read_recipient},
    hold,
    outcome::in_the_way,
};
use crate::{
    base::Fault,
    catalog::{Entry, find, own::ACCOUNT_GONE},
    store::{Found, QueuedMessage, QueuedRecipient, RecipientState},
};

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct QueueView {
    pub messages: Vec<MessageView>,
    /// Ids of those whose rows in the database cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
    /// There are more than these.
    pub is_cut: bool,
    /// Not in the queue any more: they failed for good, and their senders were not told. The newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailureView>,
    /// How many failed so in the last day, with their senders told.
    pub returned: usize,
    /// The last of those. The newest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub last_returned: Vec<FailureView>,
}

impl QueueView {
    pub fn new(found: &Found, view: impl Fn(&QueuedMessage) -> MessageView) -> Self {
        let messages = found.messages.iter().map(view).collect();
        Self {
            messages,
            damaged: found.damaged.clone(),
            is_cut: found.next.is_some(),
            failed: Vec::new(),
            returned: 0,
            last_returned: Vec::new(),
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MessageView {
    pub id: String,
    pub account: String,
    pub client: String,
    /// The session that took it in, as in the log.
    pub session: u64,
    pub sender: String,
    /// waiting | under-way | held
    pub state: &'static str,
    /// Why it is held.
    pub hold: Option<String>,
    /// What it is held or waits for, by the id of the catalogue, where that is no matter of time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// Its short text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault_text: Option<&'static str>,
    /// A notice of ours about another message.
    pub is_notice: bool,
    /// Seconds since 1970.
    pub accepted_at: u64,
    pub bytes: u64,
    pub attempts: u32,
    /// Seconds since 1970; `None`: at the next occasion, or not before it is released.
    pub next_attempt: Option<u64>,
    pub recipients: Vec<RecipientView>,
}

/// A message that failed for good.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FailureView {
    pub id: String,
    pub account: String,
    pub sender: String,
    pub recipients: Vec<String>,
    /// Beside these.
    pub more_recipients: usize,
    /// Seconds since 1970.
    pub failed_at: u64,
    /// What the mail server said last.
    pub reply: String,
    /// What it failed of, by the id of the catalogue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    pub is_sender_told: bool,
    /// It has a sender, who did not ask for no notice.
    pub is_notice_wanted: bool,
}

impl FailureView {
    pub fn new(note: &FailureNote) -> Self {
        let note = note.clone();
        Self {
            id: note.queue_id,
            account: note.account,
            sender: note.sender,
            recipients: note.recipients,
            more_recipients: note.more_recipients,
            failed_at: seconds(note.at).unwrap_or_default(),
            reply: note.reply,
            fault: note.fault,
            is_sender_told: note.is_told,
            is_notice_wanted: note.is_notice_wanted,
        }
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecipientView {
    pub address: String,
    /// waiting | delivered | failed
    pub state: &'static str,
    pub attempts: u32,
    /// What the mail server said last.
    pub reply: Option<String>,
    /// What that means, by the id of the catalogue, while it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
    /// The mail server may have taken it without saying so; it may arrive twice.
    pub is_doubtful: bool,
}

/// `is_known`: its account is in the configuration.
pub fn view(message: &QueuedMessage, is_known: bool) -> MessageView {
    let fault = (!is_known).then_some(ACCOUNT_GONE).or(message.hold.as_deref().and_then(hold::fault));
    let state = match (message.is_under_way, &message.hold) {
        (true, _) => "under-way",
        (false, Some(_)) => "held",
        (false, None) => "waiting",
    };
    let next = seconds(message.next_at).filter(|at| *at > 0 && state == "waiting" && is_known);
    MessageView {
        id: message.id.clone(),
        account: message.account.clone(),
        client: message.client.clone(),
        session: message.session,
        sender: read_mail(&message.mail).unwrap_or_default().address,
        state,
        hold: message.hold.clone(),
        fault: fault.map(|entry| entry.id),
        fault_text: fault.map(Entry::short),
        is_notice: message.bounce > 0,
        accepted_at: seconds(message.accepted_at).unwrap_or_default(),
        bytes: message.octets,
        attempts: message.attempts,
        next_attempt: next,
        recipients: message.recipients.iter().map(recipient).collect(),
    }
}

impl MessageView {
    /// Its mailbox rests until then.
    pub(super) fn not_before(mut self, at: Option<SystemTime>) -> Self {
        if self.state == "waiting" && self.fault.is_none() {
            self.next_attempt = self.next_attempt.max(at.and_then(seconds));
        }
        self
    }

    /// What is in the way of its mailbox now, in the place of what was when it was tried itself.
    pub(super) fn with_what_is_in_the_way(mut self, fault: &Fault) -> Self {
        if self.state == "waiting" && self.fault.is_none() {
            let waiting = self.recipients.iter_mut().filter(|one| one.state == RecipientState::Waiting.as_str());
            waiting.for_each(|one| (one.reply, one.fault) = (Some(in_the_way(fault)), Some(fault.id)));
        }
        self
    }
}

fn recipient(recipient: &QueuedRecipient) -> RecipientView {
    // Why one failed, its message knows (see `Queue::explained`).
    let waits = recipient.state == RecipientState::Waiting;
    let fault = recipient.fault.as_deref().filter(|_| waits).and_then(find);
    RecipientView {
        address: read_recipient(&recipient.line).unwrap_or_default().address,
        state: recipient.state.as_str(),
        attempts: recipient.attempts,
        reply: recipient.reply.clone(),
        fault: fault.map(|entry| entry.id),
        is_doubtful: recipient.is_doubtful(),
    }
}

fn seconds(at: SystemTime) -> Option<u64> {
    at.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}
