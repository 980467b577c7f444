//! Microsoft Graph as the way out: a message that is on disk, sent with `sendMail`, or as a draft where it is too large.
//!
//! It is worth having where SMTP AUTH is switched off and stays so. Graph takes no envelope, rewrites what is too large,
//! and says "accepted" where SMTP says "delivered to the next server"; each of these is told and none is glossed over. It
//! refuses what it could only send to the wrong people, or only with its signature broken.

mod addressing;
mod answer;
mod asking;
mod decode;
mod draft;
mod letter;
mod parts;
mod seats;

use bytes::Bytes;
use http::StatusCode;
use tokio::fs::File;
use tracing::{debug, info};

use self::{
    addressing::{Addressed, Objection},
    answer::Trouble,
    asking::{Asking, Load},
    letter::{Letter, Unreadable},
};
use super::{Deadline, Envelope, Outset, Report, Trail, Unsent, Verdict};
use crate::{
    account::Account,
    base::Protocol,
    catalog::{
        graph::{GRAPH_DRAFT_GONE, GRAPH_THROTTLED, GRAPH_UNCLEAR},
        own::MESSAGE_BODY_UNREADABLE,
        replies::{Coded, coded},
        token::GRAPH_URL_MISSING,
    },
    meter::{Direction, Meter},
    net::{HttpClient, HttpFault, HttpReply},
    oauth::Keepers,
    wire::smtp::Reply,
};

pub use asking::mailbox as url_of_mailbox;
pub use seats::Seats;

/// Of MIME in one request. Graph's limit is "4 MB" of base64, which is this much by the smaller reading.
const MIME_CAP: u64 = 3_000_000;

/// What it takes to reach Graph.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    pub keepers: &'a Keepers,
    pub http: &'a HttpClient,
    pub meter: &'a Meter,
    /// One over all reloads.
    pub seats: &'a Seats,
    /// Hears of a message before Graph is asked to send it.
    pub outset: &'a dyn Outset,
    pub trail: Trail<'a>,
}

impl Way<'_> {
    /// Of a message, where the request can have arrived.
    fn count(&self, octets: u64, reply: &Result<HttpReply, HttpFault>) {
        if !reply.as_ref().is_err_and(HttpFault::is_ahead_of_the_request) {
            self.meter.octets(Protocol::Smtp, Direction::ToUpstream).inc_by(octets);
        }
    }
}

/// `done`: recipients of the same message that need it no more. `message` is in the form of the wire: CRLF lines,
/// dot-stuffed, without the final dot. `deadline` is for what comes before a request; an answer has five minutes. `Err`:
/// nothing was sent for anybody. Cancel safe until the outset: then a message may have been sent.
pub async fn send(
    way: Way<'_>,
    account: &Account,
    envelope: &Envelope,
    done: &[String],
    message: File,
    deadline: Deadline,
) -> Result<Report, Unsent> {
    let access = account.sign_in.app.graph.as_ref();
    let access = access.ok_or_else(|| Unsent::on_the_way(GRAPH_URL_MISSING.fault()))?;
    let letter = match Letter::read(message).await {
        Ok(letter) => letter,
        Err(Unreadable::Io(error)) => return Err(MESSAGE_BODY_UNREADABLE.fault().detail(error.to_string()).into()),
        Err(Unreadable::HeadTooLarge) => {
            let detail = "the header block is larger than 256 KiB".to_owned();
            return Ok(objected(way.trail, envelope, Objection { of: coded::GRAPH_UNREADABLE, detail }));
        }
    };
    let recipients: Vec<&str> = envelope.recipients.iter().map(|rcpt| rcpt.address.as_str()).collect();
    let addressed = match Addressed::new(&letter.head, &recipients, done) {
        Ok(addressed) => addressed,
        Err(objection) => return Ok(objected(way.trail, envelope, objection)),
    };
    let mut asking = Asking::begin(way, account, access, deadline).await.map_err(Unsent::on_the_way)?;
    if letter.octets_with(&addressed.head) <= MIME_CAP {
        let load = Load::Mime(&letter, Bytes::copy_from_slice(&addressed.head));
        match asking.ask_to_send(&["sendMail"], load).await {
            Err(Trouble::TooLarge) => {}
            outcome => return report(&asking, envelope, outcome),
        }
    }
    let outcome = draft::send(&mut asking, &letter, &addressed).await;
    report(&asking, envelope, outcome)
}

fn report(asking: &Asking<'_>, envelope: &Envelope, outcome: Result<HttpReply, Trouble>) -> Result<Report, Unsent> {
    let trail = asking.trail();
    let (session, queue_id) = (trail.session, trail.queue_id);
    Ok(match outcome {
        // Graph says 202 to a message. Another yes is that of somebody in between, a page of a proxy for example.
        Ok(reply) if reply.status != StatusCode::ACCEPTED => {
            let detail = format!("HTTP {} where Graph says 202", reply.status.as_u16());
            return report(asking, envelope, Err(Trouble::Unclear { after: None, detail }));
        }
        Ok(reply) => {
            let id = reply.headers.get("request-id").and_then(|id| id.to_str().ok()).unwrap_or("none");
            debug!(session, queue_id, request_id = id, "accepted by Microsoft Graph");
            if envelope.asks_for_notices() {
                info!(session, queue_id, "DSN parameters dropped: Microsoft Graph has no place for them");
            }
            let reply = Reply::new(250, "2.0.0 Accepted by Microsoft Graph, which is not delivery");
            all(envelope, &Verdict::of(reply))
        }
        Err(Trouble::Access(fault)) => {
            let may_be_the_message = asking.has_asked || asking.has_draft;
            return Err(Unsent { may_be_the_message, ..Unsent::on_the_way(fault) });
        }
        Err(Trouble::Throttled { after, detail, may_be_the_message }) => {
            let fault = GRAPH_THROTTLED.fault().detail(detail);
            return Err(Unsent { retry_after: after, may_be_the_message, ..Unsent::on_the_way(fault) });
        }
        Err(Trouble::Quiet(left)) => {
            let fault = GRAPH_THROTTLED.fault().detail("Graph asked for a pause that is not over");
            return Err(Unsent::remembered(fault, left));
        }
        Err(Trouble::Unclear { after, detail }) => {
            let fault = GRAPH_UNCLEAR.fault().detail(detail);
            debug!(session, queue_id, %fault, "it is not known whether the message was sent");
            let reply = Reply::of(coded::GRAPH_UNSURE.code, &fault);
            Report { retry_after: after, ..all(envelope, &Verdict::unknown(reply)) }
        }
        // Made anew with the next attempt, which the same message may meet again.
        Err(Trouble::Gone { detail }) if asking.has_draft => {
            return Err(GRAPH_DRAFT_GONE.fault().detail(detail).into());
        }
        Err(Trouble::Gone { detail }) => refused(trail, envelope, coded::GRAPH_REFUSED, &detail),
        Err(Trouble::TooLarge) => refused(trail, envelope, coded::GRAPH_SIZE, "413"),
        Err(Trouble::Message { of, detail }) => refused(trail, envelope, of, &detail),
    })
}

fn objected(trail: Trail<'_>, envelope: &Envelope, objection: Objection) -> Report {
    refused(trail, envelope, objection.of, &objection.detail)
}

fn refused(trail: Trail<'_>, envelope: &Envelope, of: Coded, detail: &str) -> Report {
    let (code, fault) = (of.code, of.entry.fault().detail(detail));
    let (session, queue_id) = (trail.session, trail.queue_id);
    // Whoever sends it says so, with what helps.
    debug!(session, queue_id, %fault, code = code.0, "Microsoft Graph is no way for this message");
    all(envelope, &Verdict::of(Reply::of(code, &fault)))
}

/// The same for each recipient: Graph takes a message for all of them or for nobody.
fn all(envelope: &Envelope, verdict: &Verdict) -> Report {
    Report { verdicts: vec![verdict.clone(); envelope.recipients.len()], retry_after: None }
}
