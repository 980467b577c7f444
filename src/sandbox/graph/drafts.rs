//! Drafts: made as JSON, attachments added in one request or in pieces, then sent or thrown away.
//!
//! An upload session takes its pieces in order, each but the last a multiple of 320 KiB and none over 4 MiB; its URL is
//! the right to it, so a token there is refused (Graph documentation, outlook-large-attachments).

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{BODY, Graph, Named, Problem, written};
use crate::sandbox::tenant::random_text;

const PIECE: u64 = 320 * 1024;
/// An attachment at most.
const LARGEST: u64 = 150 * 1024 * 1024;

#[derive(Default)]
pub struct Drafts {
    drafts: HashMap<String, Draft>,
    sessions: HashMap<String, Session>,
}

struct Draft {
    mailbox: String,
    message: Value,
    attachments: Vec<Attachment>,
}

#[derive(Clone, Debug, Default)]
pub struct Attachment {
    pub name: String,
    pub content_type: String,
    pub content_id: Option<String>,
    pub is_inline: bool,
    pub bytes: Vec<u8>,
}

struct Session {
    draft: String,
    attachment: Attachment,
    size: u64,
}

/// Everything that a request brings.
type Asked = (State<Arc<Graph>>, Uri, Path<Named>, HeaderMap, Bytes);

pub async fn create((State(graph), uri, Path(named), headers, body): Asked) -> Response {
    let answer = async {
        let visit = graph.admit(uri.path(), &named, &headers, "Mail.ReadWrite").await?;
        let message = read(&body)?;
        let id = format!("AAMk{}", random_text(60));
        let reply = json!({ "id": id, "isDraft": true, "subject": message.get("subject") });
        let draft = Draft { mailbox: visit.mailbox.address.clone(), message, attachments: Vec::new() };
        graph.drafts(|drafts| drafts.drafts.insert(id, draft));
        Ok((StatusCode::CREATED, Json(reply)).into_response())
    };
    let answer = answer.await;
    graph.answer(answer)
}

pub async fn discard((State(graph), uri, Path(named), headers, _body): Asked) -> Response {
    let answer = async {
        let visit = graph.admit(uri.path(), &named, &headers, "Mail.ReadWrite").await?;
        let id = graph.draft(&named, &visit.mailbox.address)?;
        graph.drafts(|drafts| drafts.drafts.remove(&id));
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    let answer = answer.await;
    graph.answer(answer)
}

pub async fn attach((State(graph), uri, Path(named), headers, body): Asked) -> Response {
    let answer = async {
        let visit = graph.admit(uri.path(), &named, &headers, "Mail.ReadWrite").await?;
        let id = graph.draft(&named, &visit.mailbox.address)?;
        let written = read(&body)?;
        if written.get("@odata.type").and_then(Value::as_str) != Some("#microsoft.graph.fileAttachment") {
            return Err(Problem::malformed("The property '@odata.type' is missing."));
        }
        let content = written.get("contentBytes").and_then(Value::as_str).unwrap_or_default();
        let bytes = STANDARD.decode(content).map_err(|_| Problem::malformed("contentBytes is no base64."))?;
        let attachment = Attachment { bytes, ..described(&written) };
        graph.drafts(|drafts| drafts.attach(&id, attachment));
        Ok((StatusCode::CREATED, Json(json!({ "id": random_text(20) }))).into_response())
    };
    let answer = answer.await;
    graph.answer(answer)
}

pub async fn open_session((State(graph), uri, Path(named), headers, body): Asked) -> Response {
    let answer = async {
        let visit = graph.admit(uri.path(), &named, &headers, "Mail.ReadWrite").await?;
        let id = graph.draft(&named, &visit.mailbox.address)?;
        let written = read(&body)?;
        let item = written.get("AttachmentItem").ok_or_else(|| Problem::malformed("AttachmentItem is missing."))?;
        let size = item.get("size").and_then(Value::as_u64).unwrap_or_default();
        if size == 0 || size > LARGEST {
            return Err(Problem::new(400, "ErrorAttachmentSizeLimitExceeded", "The size is not allowed."));
        }
        let name = random_text(40);
        let session = Session { draft: id, attachment: described(item), size };
        let reply = json!({
            "uploadUrl": format!("{}/upload/{name}?authtoken={}", graph.origin, random_text(100)),
            "expirationDateTime": "2099-01-01T00:00:00Z", "nextExpectedRanges": ["0-"],
        });
        graph.drafts(|drafts| drafts.sessions.insert(name, session));
        Ok((StatusCode::CREATED, Json(reply)).into_response())
    };
    let answer = answer.await;
    graph.answer(answer)
}

pub async fn upload((State(graph), uri, Path(named), headers, body): Asked) -> Response {
    let range = headers.get("content-range").and_then(|range| range.to_str().ok()).unwrap_or("none");
    let path = uri.path().split('/').take(2).collect::<Vec<_>>().join("/");
    graph.note(super::Speaker::Client, &format!("{path} {range}"));
    let answer = match graph.world.faults.graph_mishap("upload") {
        Some(mishap) => Err(Problem::new(mishap.status, &mishap.code, "Switched on.").after(mishap.retry_after)),
        None if headers.contains_key("authorization") => Err(Problem::bad_token("Invalid audience.")),
        None => graph.piece(named.get("session"), range, &headers, &body),
    };
    graph.answer(answer)
}

pub async fn send((State(graph), uri, Path(named), headers, _body): Asked) -> Response {
    let answer = async {
        let visit = graph.admit(uri.path(), &named, &headers, "Mail.Send").await?;
        let id = graph.draft(&named, &visit.mailbox.address)?;
        let Some(draft) = graph.drafts(|drafts| drafts.drafts.remove(&id)) else { return Err(gone()) };
        written::send(&graph, &visit, &draft.message, &draft.attachments)
    };
    let answer = answer.await;
    graph.answer(answer)
}

impl Graph {
    fn drafts<T>(&self, look: impl FnOnce(&mut Drafts) -> T) -> T {
        look(&mut self.drafts.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn piece(
        &self,
        session: Option<&String>,
        range: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Response, Problem> {
        let mailbox = self.drafts(|drafts| drafts.mailbox(session)).ok_or_else(gone)?;
        self.take_in(&mailbox, headers)?;
        self.drafts(|drafts| drafts.piece(session, range, body))
    }

    /// How many drafts lie about that nobody sent.
    pub fn drafts_left(&self) -> usize {
        self.drafts(|drafts| drafts.drafts.len())
    }

    /// The id of a draft of this mailbox.
    fn draft(&self, named: &Named, mailbox: &str) -> Result<String, Problem> {
        let id = named.get("message").cloned().unwrap_or_default();
        let is_own = self.drafts(|drafts| drafts.drafts.get(&id).is_some_and(|draft| draft.mailbox == mailbox));
        is_own.then_some(id).ok_or_else(gone)
    }
}

impl Drafts {
    fn attach(&mut self, draft: &str, attachment: Attachment) {
        if let Some(draft) = self.drafts.get_mut(draft) {
            draft.attachments.push(attachment);
        }
    }

    /// Whose draft it is that an upload is for.
    fn mailbox(&self, session: Option<&String>) -> Option<String> {
        let session = self.sessions.get(session?)?;
        Some(self.drafts.get(&session.draft)?.mailbox.clone())
    }

    fn piece(&mut self, session: Option<&String>, range: &str, body: &[u8]) -> Result<Response, Problem> {
        let name = session.ok_or_else(gone)?;
        let session = self.sessions.get_mut(name).ok_or_else(gone)?;
        let (from, to, total) = parsed(range).ok_or_else(|| Problem::malformed("Content-Range is missing."))?;
        let held = session.attachment.bytes.len() as u64;
        let is_last = to + 1 == total;
        if from != held || total != session.size || to < from || to - from + 1 != body.len() as u64 {
            return Err(Problem::new(416, "InvalidRange", "The range is not the one that is expected."));
        }
        if body.len() > BODY {
            return Err(Problem::too_large());
        }
        if !is_last && !(body.len() as u64).is_multiple_of(PIECE) {
            return Err(Problem::malformed("A piece that is not the last has to be a multiple of 320 KiB."));
        }
        session.attachment.bytes.extend_from_slice(body);
        if !is_last {
            let reply = json!({ "nextExpectedRanges": [(to + 1).to_string()] });
            return Ok((StatusCode::OK, Json(reply)).into_response());
        }
        if let Some(done) = self.sessions.remove(name) {
            self.attach(&done.draft, done.attachment);
        }
        Ok(StatusCode::CREATED.into_response())
    }
}

/// `bytes 0-99/300`
fn parsed(range: &str) -> Option<(u64, u64, u64)> {
    let (span, total) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (from, to) = span.split_once('-')?;
    Some((from.parse().ok()?, to.parse().ok()?, total.parse().ok()?))
}

fn read(body: &[u8]) -> Result<Value, Problem> {
    if body.len() > BODY {
        return Err(Problem::too_large());
    }
    serde_json::from_slice(body).map_err(|error| Problem::malformed(error.to_string()))
}

fn described(item: &Value) -> Attachment {
    let text = |name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
    Attachment {
        name: text("name").unwrap_or_default(),
        content_type: text("contentType").unwrap_or_else(|| "application/octet-stream".into()),
        content_id: text("contentId"),
        is_inline: item.get("isInline").and_then(Value::as_bool).unwrap_or_default(),
        bytes: Vec::new(),
    }
}

fn gone() -> Problem {
    Problem::new(404, "ErrorItemNotFound", "The specified object was not found in the store.")
}
