//! A message of the queue as `gatepost queue`, the console and its API show it.

use std::time::SystemTime;

use serde::Serialize;

use super::{
    envelope::{read_mail, read_recipient},
    hold,
};
use crate::{
    catalog::{Entry, own::ACCOUNT_GONE},
    store::{Found, QueuedMessage, QueuedRecipient},
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
}

impl QueueView {
    pub fn new(found: &Found, view: impl Fn(&QueuedMessage) -> MessageView) -> Self {
        let messages = found.messages.iter().map(view).collect();
        Self { messages, damaged: found.damaged.clone(), is_cut: found.next.is_some() }
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

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RecipientView {
    pub address: String,
    /// waiting | delivered | failed
    pub state: &'static str,
    pub attempts: u32,
    /// What the mail server said last.
    pub reply: Option<String>,
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

fn recipient(recipient: &QueuedRecipient) -> RecipientView {
    RecipientView {
        address: read_recipient(&recipient.line).unwrap_or_default().address,
        state: recipient.state.as_str(),
        attempts: recipient.attempts,
        reply: recipient.reply.clone(),
        is_doubtful: recipient.is_doubtful(),
    }
}

fn seconds(at: SystemTime) -> Option<u64> {
    at.duration_since(SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}
