//! A Microsoft Graph that sends mail: `sendMail` with MIME or JSON, and drafts with attachments and upload sessions.
//!
//! Behaviour and limits follow Microsoft's Graph documentation and what relays published about it; the comments name
//! them. It checks the token's audience and permission, takes recipients from headers alone, and delivers into the
//! mailboxes of the sandbox. It reads no message back; the profile of a mailbox is the only GET.

mod drafts;
pub(super) mod faults;
mod problem;
mod send_mail;
mod written;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use bytes::Bytes;
use serde_json::json;
use tokio::time::Instant;

use super::{
    exchange::{
        Submission, World,
        mailbox::{Flags, INBOX, Mailbox, SENT},
    },
    faults::AfterDot,
    tally::Open,
    tenant::{Access, Holder, is_graph},
    transcript::Speaker,
};
use drafts::Drafts;
use problem::Problem;

/// Of a request; larger ones get 413.
const BODY: usize = 4 * 1024 * 1024;
const WINDOW: Duration = Duration::from_secs(600);
const UPLOAD_WINDOW: Duration = Duration::from_secs(300);

pub(super) struct Graph {
    world: Arc<World>,
    /// Where the URLs of upload sessions begin.
    origin: String,
    drafts: Mutex<Drafts>,
    /// When each mailbox was asked for, within the last ten minutes.
    asked: Mutex<HashMap<String, VecDeque<Instant>>>,
    /// And how many octets it was sent when, within the last five.
    uploaded: Mutex<HashMap<String, VecDeque<(Instant, u64)>>>,
}

/// `user` and `message`, as far as the path has them.
type Named = HashMap<String, String>;

/// A request that was let in. It counts as open until dropped.
struct Visit {
    mailbox: Arc<Mailbox>,
    holder: Holder,
    _open: Open,
}

impl Graph {
    pub fn new(world: Arc<World>, origin: String) -> Self {
        Self { world, origin, drafts: Mutex::default(), asked: Mutex::default(), uploaded: Mutex::default() }
    }

    /// Who asks, whether they may, and whether there is room.
    async fn admit(&self, path: &str, named: &Named, headers: &HeaderMap, right: &str) -> Result<Visit, Problem> {
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("nothing");
        let of = named.get("user").map_or_else(|| "me".to_owned(), |user| format!("users/{user}"));
        self.note(Speaker::Client, &format!("/v1.0/{of}{path} with {kind}"));
        if let Some(mishap) = self.world.faults.graph_mishap(path) {
            return Err(Problem::new(mishap.status, &mishap.code, "Switched on.").after(mishap.retry_after));
        }
        let access = self.access(headers)?;
        let mailbox = self.mailbox(named, &access, right)?;
        let (limits, tally) = (self.world.faults.read(|faults| faults.graph.clone()), &self.world.tally);
        let open = tally.visiting(&mailbox.address);
        if limits.concurrency.is_some_and(|most| open.now() > most as u64) {
            let text = "Application is over its MailboxConcurrency limit.";
            return Err(Problem::throttled(text, limits.retry_after));
        }
        if limits.requests.is_some_and(|most| !self.has_room(&mailbox.address, most)) {
            return Err(Problem::throttled("Application is over its request limit.", limits.retry_after));
        }
        self.take_in(&mailbox.address, headers)?;
        if limits.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(limits.delay_ms)).await;
        }
        Ok(Visit { mailbox, holder: access.holder, _open: open })
    }

    fn access(&self, headers: &HeaderMap) -> Result<Access, Problem> {
        let header = headers.get("authorization").and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer "));
        let token = token.ok_or_else(|| Problem::bad_token("Access token is empty."))?;
        let access = self.world.tenant.look(token);
        let access = access.ok_or_else(|| Problem::bad_token("Lifetime validation failed, the token is expired."))?;
        match is_graph(&access.audience) {
            true => Ok(access),
            false => Err(Problem::bad_token("Access token validation failure. Invalid audience.")),
        }
    }

    fn mailbox(&self, named: &Named, access: &Access, right: &str) -> Result<Arc<Mailbox>, Problem> {
        let user = match (named.get("user"), &access.holder) {
            (Some(user), _) => user.clone(),
            (None, Holder::Person(address)) => address.clone(),
            (None, Holder::App(_)) => {
                return Err(Problem::malformed("/me request is only valid with delegated authentication flow."));
            }
        };
        let has = |name: &str| access.scopes.iter().any(|scope| scope.ends_with(name) || scope.ends_with("/.default"));
        let is_own = access.holder == Holder::Person(user.to_ascii_lowercase());
        let is_app = matches!(access.holder, Holder::App(_));
        let may = match is_own || is_app {
            true => has(&format!("/{right}")),
            false => has(&format!("/{right}.Shared")) && self.world.tenant.may_use(&access.holder, &user),
        };
        if !may {
            return Err(Problem::denied());
        }
        let unknown = || Problem::new(404, "ErrorInvalidUser", format!("The requested user '{user}' is invalid."));
        self.world.mailbox(&user).ok_or_else(unknown)
    }

    fn has_room(&self, mailbox: &str, most: usize) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(mailbox.to_owned()).or_default();
        let now = Instant::now();
        while times.front().is_some_and(|oldest| now.duration_since(*oldest) >= WINDOW) {
            times.pop_front();
        }
        let has_room = times.len() < most;
        if has_room {
            times.push_back(now);
        }
        has_room
    }

    /// What a request brings counts where it is let in; Content-Length says how much that is.
    fn take_in(&self, mailbox: &str, headers: &HeaderMap) -> Result<(), Problem> {
        let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok()).unwrap_or(0);
        let most = self.world.faults.read(|faults| faults.graph.uploaded);
        let mut uploaded = self.uploaded.lock().unwrap_or_else(PoisonError::into_inner);
        let pieces = uploaded.entry(mailbox.to_owned()).or_default();
        let now = Instant::now();
        pieces.retain(|(at, _)| now.duration_since(*at) < UPLOAD_WINDOW);
        let octets = pieces.iter().map(|(_, octets)| octets).sum::<u64>() + length;
        if most.is_some_and(|most| octets > most) {
            let oldest = pieces.front().map_or(now, |(at, _)| *at);
            let left = UPLOAD_WINDOW.saturating_sub(now.duration_since(oldest)).as_secs() + 1;
            return Err(Problem::throttled("Application is over its upload limit.", left));
        }
        pieces.push_back((now, length));
        Ok(())
    }

    /// Into the mailboxes of the sandbox, and a copy into Sent Items; nothing leaves. 202 says no more than that.
    fn deliver(&self, visit: &Visit, from: String, recipients: Vec<String>, bytes: Bytes) -> Response {
        let after = self.world.faults.read(|faults| faults.graph.after_send);
        if after != AfterDot::DropUndelivered {
            for mailbox in recipients.iter().filter_map(|recipient| self.world.mailbox(recipient)) {
                let _ = mailbox.add(INBOX, Flags::default(), bytes.clone());
            }
            let _ = visit.mailbox.add(SENT, Flags::SEEN, bytes.clone());
            let mailbox = visit.mailbox.address.clone();
            self.world.record(Submission { mailbox, from, recipients, bytes });
        }
        match after {
            AfterDot::Answer => StatusCode::ACCEPTED.into_response(),
            AfterDot::SilentDelivered => {
                Body::from_stream(futures_util::stream::pending::<std::io::Result<&str>>()).into_response()
            }
            // An answer that breaks off: the server gives the connection up.
            AfterDot::DropDelivered | AfterDot::DropUndelivered => {
                let pieces = [Ok("{"), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
                Body::from_stream(futures_util::stream::iter(pieces)).into_response()
            }
        }
    }

    /// Whether the mailbox may write in the name of `from`.
    fn may_send_as(&self, visit: &Visit, from: &str) -> Result<(), Problem> {
        let own = &visit.mailbox.address;
        if self.world.tenant.may_send_as(&visit.holder, own, from) {
            return Ok(());
        }
        let text = "The user account which was used to submit this request does not have the right to send mail on \
                    behalf of the specified sending account.";
        Err(Problem::new(403, "ErrorSendAsDenied", text))
    }

    fn note(&self, speaker: Speaker, said: &str) {
        self.world.transcript.note(0, "graph", speaker, false, said.as_bytes());
    }

    /// As it goes to the client, noted.
    fn answer(&self, answer: Result<Response, Problem>) -> Response {
        let response = answer.unwrap_or_else(IntoResponse::into_response);
        self.note(Speaker::Server, &format!("HTTP {}", response.status().as_u16()));
        response
    }
}

/// Of the directory, which the right to send does not open.
async fn profile(State(graph): State<Arc<Graph>>, Path(named): Path<Named>, headers: HeaderMap) -> Response {
    let visit = graph.admit("", &named, &headers, "User.Read").await;
    // What befalls some requests alone is none of these.
    let befalls_all = graph.world.faults.now().graph.mishap.is_some_and(|mishap| mishap.on.is_none());
    let hidden = |problem: Problem| match problem.is_denied() && !befalls_all {
        true => Problem::new(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
        false => problem,
    };
    let shown = |visit: Visit| Json(json!({ "mail": visit.mailbox.address })).into_response();
    graph.answer(visit.map(shown).map_err(hidden))
}

pub(super) fn routes(graph: Arc<Graph>) -> Router {
    let of_mailbox = || {
        Router::new()
            .route("/", get(profile))
            .route("/sendMail", post(send_mail::send_mail))
            .route("/messages", post(drafts::create))
            .route("/messages/{message}", delete(drafts::discard))
            .route("/messages/{message}/attachments", post(drafts::attach))
            .route("/messages/{message}/attachments/createUploadSession", post(drafts::open_session))
            .route("/messages/{message}/send", post(drafts::send))
    };
    Router::new()
        .nest("/v1.0/me", of_mailbox())
        .nest("/v1.0/users/{user}", of_mailbox())
        .route("/upload/{session}", put(drafts::upload))
        // Read to the end, so that the answer is heard.
        .layer(DefaultBodyLimit::max(16 * 1024 * 1024))
        .with_state(graph)
}
