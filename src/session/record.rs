//! What is written down of a client: the one log line of each message, and how the client fares.
//!
//! The line has the id of the session and, where the queue took the message over, its id there: the lines of the queue
//! have the same two, so that a message is one search from its reception to its end.

use super::{
    destination::Destination,
    opened::Envelope,
    relay::Relay,
    rights::{Denied, unlisted},
    transaction::Passage,
};
use crate::{
    account::Admitted,
    base::{Protocol, Stage, printable, redacted},
    catalog::{
        replies::{AHEAD_OF_THE_QUEUE, OF_THE_QUEUE},
        upstream::is_trouble,
    },
    message::Headers,
    meter::{self, MessageView, Named, Outcome, Proof, Who, at_level},
    wire::smtp::Reply,
};

/// Of a reply.
pub(super) const REPLY_CAP: usize = 600;

/// Whose figures are meant.
pub(super) fn who(admitted: &Admitted) -> Who {
    match &admitted.client {
        Some(client) => Who::Rule(client.name.clone()),
        None => Who::Login(admitted.account.address.clone()),
    }
}

/// Whether a command was refused; what is out of sequence is the client's mistake.
pub(super) const fn is_refusal(reply: &Reply) -> bool {
    reply.code >= 400 && reply.code != 503
}

/// MAIL, RCPT or DATA was refused: a line for each, since the message may never have one of its own.
pub(super) fn refusal(relay: &Relay<'_>, sender: &str, recipient: Option<&str>, reply: &Reply) {
    if !is_refusal(reply) {
        return;
    }
    let text = printable(&redacted(&reply.text(), &[]), REPLY_CAP);
    let advice = Advice::of(relay, reply, Some(sender));
    at_level!(
        advice.is_trouble(),
        session = relay.entry.id(),
        account = relay.admitted.account.address,
        client = relay.admitted.client_name(),
        sender = printable(sender, 320),
        recipient = recipient.map(|recipient| printable(recipient, 320)),
        reply = text,
        id = advice.id,
        owner = advice.owner,
        next = advice.next,
        stage = advice.stage,
        detail = advice.detail,
        "{} refused",
        relay.verb
    );
    relay.gate.meter.clients.was_refused(&who(&relay.admitted), text, None);
}

/// What of a refusal stands beside its words, which may be long.
#[derive(Default)]
struct Advice {
    id: Option<&'static str>,
    owner: Option<&'static str>,
    stage: Option<&'static str>,
    /// What only the log is told.
    detail: Option<String>,
    next: Option<String>,
}

impl Advice {
    fn of(relay: &Relay<'_>, reply: &Reply, sender: Option<&str>) -> Self {
        let Some(fault) = reply.fault() else { return Self::default() };
        let next = relay.next_step(fault.id, fault.stage, fault.sender().or(sender));
        let detail = Some(fault.detail.clone()).filter(|detail| !detail.is_empty());
        let (id, owner, stage) = (Some(fault.id), Some(fault.owner.as_str()), fault.stage.map(Stage::as_str));
        Self { id, owner, stage, detail, next }
    }

    /// A recipient that was mistyped is none.
    fn is_trouble(&self) -> bool {
        self.id.is_none_or(is_trouble)
    }
}

/// A message that never came to its DATA, by what stood in its way; `None`: its client left.
pub(super) fn without_data(relay: &Relay<'_>, refusal: Option<&Reply>) {
    let meter = &relay.gate.meter;
    meter.message_without_data(outcome_of(refusal));
    meter.clients.came_to_nothing(&who(&relay.admitted));
}

fn outcome_of(reply: Option<&Reply>) -> Outcome {
    match reply {
        None => Outcome::Lost,
        Some(reply) if reply.is_positive() => Outcome::Accepted,
        Some(reply) if reply.is_transient() => Outcome::RefusedForNow,
        Some(_) => Outcome::Refused,
    }
}

/// The one line per message.
pub(super) fn record(relay: &Relay<'_>, envelope: &Envelope, passage: &Passage, reply: Option<&Reply>) {
    let outcome = outcome_of(reply);
    let meter = &relay.gate.meter;
    meter.message(outcome, envelope.elapsed());
    let text = reply.map_or_else(|| "client left in mid-message, nothing was delivered".to_owned(), Reply::text);
    let text = if outcome == Outcome::Accepted { text } else { redacted(&text, &[]) };
    passage.repairs.iter().for_each(|repair| meter.repaired(repair.as_str()));
    let message = MessageView {
        at: meter::now(),
        account: relay.admitted.account.address.clone(),
        client: relay.admitted.client_name().to_owned(),
        sender: printable(envelope.sender(), 320),
        queue_id: passage.queue_id.clone(),
        recipients: envelope.recipients(),
        bytes: passage.octets,
        outcome: outcome.as_str(),
        reply: printable(&text, REPLY_CAP),
        repaired: passage.repairs.to_string(),
        ms: envelope.elapsed().as_millis() as u64,
    };
    let sender = || {
        let refused = unlisted(&passage.headers, &relay.admitted).map(|(sender, _)| sender);
        refused.or_else(|| Denied::in_headers(&passage.headers, &relay.admitted.account).map(Denied::address))
    };
    let advice = reply.map(|reply| Advice::of(relay, reply, sender())).unwrap_or_default();
    at_level!(
        matches!(outcome, Outcome::Refused | Outcome::RefusedForNow),
        session = relay.entry.id(),
        queue_id = message.queue_id,
        account = message.account,
        client = message.client,
        sender = message.sender,
        recipients = message.recipients,
        bytes = message.bytes,
        message_id = passage.headers.message_id,
        reply = message.reply,
        id = advice.id,
        owner = advice.owner,
        next = advice.next,
        stage = advice.stage,
        detail = advice.detail,
        ms = message.ms,
        repaired = message.repaired,
        normalised_line_feeds = passage.body.normalised(),
        "message {}",
        message.outcome
    );
    fares(relay, passage, &message, outcome);
    if outcome == Outcome::Accepted {
        proved(relay, envelope, &passage.headers);
    }
    meter.last_messages.push(message);
}

fn fares(relay: &Relay<'_>, passage: &Passage, message: &MessageView, outcome: Outcome) {
    let named = Named {
        sender: message.sender.clone(),
        message_id: passage.headers.message_id.clone(),
        queue_id: message.queue_id.clone(),
    };
    let (clients, who, reply) = (&relay.gate.meter.clients, who(&relay.admitted), message.reply.clone());
    match outcome {
        Outcome::Accepted => clients.went_well(&who, reply, Some(named)),
        _ => clients.was_refused(&who, reply, Some(named)),
    }
}

/// What stood in the way of messages like this one does no more. What the queue takes was not sent yet; that nothing here is
/// in its way shows there as well. What befell this one itself stands.
fn proved(relay: &Relay<'_>, envelope: &Envelope, headers: &Headers) {
    let senders = headers.from.iter().chain(&headers.sender).map(String::as_str);
    let senders: Vec<&str> = std::iter::once(envelope.sender()).chain(senders).collect();
    let (meter, account) = (&relay.gate.meter, &relay.admitted.account.address);
    let since = meter.clients.goes_since(&who(&relay.admitted), &senders);
    let (began, client) = (envelope.started(), relay.admitted.client_name());
    meter.recent.corrected(account, client, since.min(began));
    if relay.destination == Destination::Upstream {
        relay.gate.outbound.keepers.goes_on(&relay.admitted.account.sign_in);
    }
    let proof = match relay.destination {
        Destination::Upstream | Destination::Graph => Proof::Sent { senders: &senders, client, beside: &OF_THE_QUEUE },
        Destination::Queue | Destination::Hold => {
            Proof::Taken { senders: &senders, client, refusals: &AHEAD_OF_THE_QUEUE }
        }
    };
    meter.recent.worked(Protocol::Smtp, account, began, proof);
}
