//! A message that is here to its end: handed over to whoever brings it on, and one answer for the client.

use tokio::time::Instant;

use super::{
    destination::Destination,
    relay::{Relay, lost_reply},
    sink::not_spooled,
};
use crate::{
    base::Fault,
    outbound::{self, Deadline, Delivery, Lost, Report, Trail, Verdict},
    queue::{QueueId, hold},
    spool::{Draft, Spooled},
    wire::smtp::{Mail, Rcpt, Reply},
};

/// The reply to the end of data, and the message's name where the queue has it now. `Err`: what was in the way of it.
pub(super) async fn hand_over(
    relay: &Relay<'_>,
    mail: &Mail,
    recipients: &[Rcpt],
    draft: Draft,
) -> Result<(Reply, Option<QueueId>), Fault> {
    let message = match draft.finish().await {
        Ok(message) => message,
        Err(fault) => return Ok((not_spooled(&fault), None)),
    };
    let envelope = outbound::Envelope { mail: mail.clone(), recipients: recipients.to_vec() };
    Ok(match relay.destination {
        Destination::Graph => (post(relay, &envelope, &message).await?, None),
        Destination::Queue => queue(relay, &envelope, message, None).await,
        Destination::Hold => queue(relay, &envelope, message, Some(hold::CAPTURE)).await,
        // Nothing is spooled then.
        Destination::Upstream => (lost_reply(&Lost::Closed), None),
    })
}

/// `why`: it waits until somebody lets it go.
async fn queue(
    relay: &Relay<'_>,
    envelope: &outbound::Envelope,
    message: Spooled,
    why: Option<&str>,
) -> (Reply, Option<QueueId>) {
    let Relay { gate, entry, admitted, .. } = relay;
    let client = admitted.client_name();
    match gate.queue.accept(&admitted.account, client, entry.id(), envelope, message, why).await {
        Ok(id) => {
            let text = match why {
                Some(_) => format!("2.0.0 Kept on hold as {id}, nothing is sent"),
                None => format!("2.0.0 Queued as {id}"),
            };
            (Reply::new(250, text), Some(id))
        }
        Err(refusal) => (refusal.reply(), None),
    }
}

/// The client waits until Graph has answered.
async fn post(relay: &Relay<'_>, envelope: &outbound::Envelope, message: &Spooled) -> Result<Reply, Fault> {
    let account = &relay.admitted.account;
    let deadline = Deadline::At(Instant::now() + relay.gate.sign_on);
    let client = relay.admitted.client_name();
    // The client waits and keeps the message: there are no books to keep of it.
    let trail = Trail { session: Some(relay.entry.id()), queue_id: None };
    let delivery = Delivery { account, envelope, done: &[], message, client, deadline, outset: &(), trail };
    let report = relay.gate.outbound.post(&delivery).await;
    report.map(one_answer).map_err(|unsent| unsent.fault)
}

/// The worst of all: a message that did not reach everybody must not look as if it had.
fn one_answer(report: Report) -> Reply {
    let rank = |verdict: &Verdict| verdict.reply.code;
    let worst = report.verdicts.into_iter().max_by_key(rank);
    worst.map_or_else(|| lost_reply(&Lost::Closed), |verdict| verdict.reply)
}
