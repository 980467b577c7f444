//! What the mail server refuses of the queue's mail, noted where people look, as a session notes it of what it relays: the
//! metrics, the status until such a message goes, and the line in the log with whose turn it is and what to do.
//!
//! Of one recipient nothing stands: whoever mistyped the address is told by a notice. Nor of a notice: the message that it
//! tells of was noted before, and that a notice goes proves nothing of messages.

use std::time::Instant;

use super::{
    Queue, bounce,
    deliver::{Fate, Unsent, Verdict},
    envelope::read_mail,
    outcome::Outcome,
};
use crate::{
    account::{Account, Denied, Occasion, told},
    base::{Fault, Lang, Protocol, Stage},
    catalog::{
        Entry, find,
        message::{MESSAGE_REFUSED, SEND_AS_DENIED},
        replies::AHEAD_OF_THE_QUEUE,
        upstream::{message_refusal, refusal_meaning},
    },
    message::Headers,
    meter::Proof,
    store::{QueuedMessage, QueuedRecipient},
};

/// What a refusal means.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal {
    pub(super) entry: &'static Entry,
}

impl PartialEq for Refusal {
    fn eq(&self, other: &Self) -> bool {
        self.entry.id == other.entry.id
    }
}

impl Refusal {
    pub fn of(verdict: &Verdict) -> Option<Self> {
        if verdict.fate == Fate::Delivered {
            return None;
        }
        let entry = refusal_meaning(&verdict.reply, verdict.is_recipients);
        Some(Self::from(entry))
    }

    /// What stands beside a recipient: its id, or, where a version before wrote none, what the mail server's words mean.
    pub fn beside(recipient: &QueuedRecipient) -> Option<Self> {
        let known = recipient.fault.as_deref().and_then(find);
        let said = || recipient.reply.as_deref().map(|reply| message_refusal(reply).unwrap_or(MESSAGE_REFUSED));
        known.or_else(said).map(Self::from)
    }

    pub const fn id(self) -> &'static str {
        self.entry.id
    }
}

impl From<&'static Entry> for Refusal {
    fn from(entry: &'static Entry) -> Self {
        Self { entry }
    }
}

/// What of it stands in the log, beside the words of the server.
#[derive(Debug, Default)]
pub(super) struct Advice {
    pub id: Option<&'static str>,
    /// Its short text.
    pub text: Option<&'static str>,
    pub owner: Option<&'static str>,
    pub next: Option<String>,
    /// Somebody has to see it, whatever becomes of the message.
    pub is_trouble: bool,
}

impl Queue {
    pub(super) fn advice(&self, address: &str, fault: &Fault) -> Advice {
        let orders = self.orders();
        let account = orders.account(address);
        let sign_in = account.as_ref().and_then(|account| orders.way_out.sign_in(account));
        let (protocol, sender) = (Some(Protocol::Smtp), fault.sender());
        let address = Some(address).filter(|address| !address.is_empty());
        let sign_in = sign_in.as_ref();
        let occasion = Occasion { protocol, stage: fault.stage, address, sender, sign_in, ..Occasion::default() };
        let next = told(fault.id, Lang::En, account.as_deref(), &occasion).map(|words| words.whole_step());
        let text = find(fault.id).map(Entry::short);
        Advice { id: Some(fault.id), text, owner: Some(fault.owner.as_str()), next, is_trouble: true }
    }

    /// The same of what stands beside a recipient.
    pub(super) async fn advice_of(&self, message: &QueuedMessage, failed: Option<&QueuedRecipient>) -> Advice {
        let entry = failed.and_then(Refusal::beside).map_or(MESSAGE_REFUSED, |refusal| refusal.entry);
        self.advice(&message.account, &self.explained(message, entry).await.at(Stage::Relaying))
    }

    /// Notes what came of an attempt, and says what matters most of it.
    pub(super) async fn note_refusals(&self, message: &QueuedMessage, outcome: &Outcome) -> Advice {
        let mut worst = Advice::default();
        for refusal in outcome.refusals() {
            let fault = self.explained(message, refusal.entry).await.at(Stage::Relaying).unheard();
            let stands = refusal.entry.is_trouble && message.bounce == 0;
            match stands {
                true => self.meter.fault(Protocol::Smtp, &message.account, &fault),
                false => self.meter.passing_fault(Protocol::Smtp, &fault),
            }
            if worst.id.is_none() || (stands && !worst.is_trouble) {
                worst = Advice { is_trouble: stands, ..self.advice(&message.account, &fault) };
            }
        }
        worst
    }

    /// Of a refused sender also which right is missing.
    pub(super) async fn explained(&self, message: &QueuedMessage, entry: &'static Entry) -> Fault {
        let orders = self.orders();
        let account = orders.account(&message.account).filter(|_| entry.id == SEND_AS_DENIED.id);
        let Some(account) = account else { return entry.fault() };
        let (envelope, headers) = (envelope_sender(message), self.headers(message).await);
        let of_envelope = Denied::in_envelope(&envelope, &account).filter(|denied| !denied.is_own());
        let denied = of_envelope.or_else(|| Denied::in_headers(&headers, &account));
        let object_id = orders.way_out.sign_in(&account).and_then(|state| state.object_id);
        denied.map_or_else(|| entry.fault(), |denied| denied.explained(&account, object_id.as_deref()))
    }

    async fn headers(&self, message: &QueuedMessage) -> Headers {
        let Ok(body) = self.spool.kept(&message.id).await else { return Headers::default() };
        Headers::read(&bounce::read_head(&body).await.unwrap_or_default())
    }

    /// Whom the message is from, as far as somebody wants to know: whose sender was refused.
    pub(super) async fn senders(&self, message: &QueuedMessage) -> Vec<String> {
        let mut senders = vec![envelope_sender(message)];
        if self.meter.recent.waits_for_a_sender(&message.account) {
            let headers = self.headers(message).await;
            senders.extend(headers.from.into_iter().chain(headers.sender));
        }
        senders
    }

    /// A message of these senders went. What befell it since its delivery `began` stands.
    pub(super) fn note_sent(&self, message: &QueuedMessage, senders: &[String], began: Instant) {
        let senders: Vec<&str> = senders.iter().map(String::as_str).collect();
        let senders = (message.bounce == 0).then_some(&senders[..]);
        let proof = Proof::Delivered { senders, ahead: &AHEAD_OF_THE_QUEUE };
        self.meter.recent.worked(Protocol::Smtp, &message.account, began, proof);
    }

    /// Something was answered for this mailbox.
    pub(super) fn note_way(&self, account: &Account) {
        self.way_is_open(&account.address);
        let proof = Proof::Delivered { senders: None, ahead: &AHEAD_OF_THE_QUEUE };
        self.meter.recent.worked(Protocol::Smtp, &account.address, Instant::now(), proof);
    }

    /// Nothing can be sent from this mailbox. What is answered from memory was noted when it was asked.
    pub(super) fn note_shut(&self, account: &str, unsent: &Unsent, was_open: bool) {
        if was_open || !unsent.is_remembered {
            self.meter.fault(Protocol::Smtp, account, &unsent.fault.clone().at(Stage::Relaying).unheard());
        }
    }
}

fn envelope_sender(message: &QueuedMessage) -> String {
    read_mail(&message.mail).unwrap_or_default().address
}
