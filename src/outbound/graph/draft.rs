//! A message that is too large for one request: a draft put together from its parts, attachments added, then sent.
//!
//! Text, recipients and every attachment arrive as they were; the rest of the header (References, Received and their like)
//! and the way the parts were nested do not, since Graph writes the message anew. So what is signed or encrypted is
//! refused, and so is a message that cannot be taken apart for sure. Until it is sent nothing has happened, and a draft
//! that is not sent is thrown away.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use url::Url;

use super::{
    addressing::{Addressed, Person, likely_people, name_of, people},
    answer::Trouble,
    asking::{Asking, Load, unreadable},
    decode::Decoder,
    letter::Letter,
    parts::{self, Leaf, Refusal},
};
use crate::{
    catalog::{
        graph::{GRAPH_ACCESS_DENIED, GRAPH_UNREACHABLE, GRAPH_UNREADABLE},
        replies::{Coded, coded},
    },
    message::{fields, with_encoded_words},
    net::HttpReply,
};

/// What is shown as the text; it goes in one request with the draft.
const TEXT_CAP: u64 = 1_500_000;
/// Larger attachments go in pieces, each a multiple of 320 KiB.
const SMALL: u64 = 2_900_000;
const PIECE: usize = 10 * 320 * 1024;
const ATTACHMENT_CAP: u64 = 150 * 1024 * 1024;
/// For tokens and pauses before each request: what was uploaded is worth a wait.
const PAUSES: Duration = Duration::from_secs(60);

pub async fn send(asking: &mut Asking<'_>, letter: &Letter, addressed: &Addressed) -> Result<HttpReply, Trouble> {
    if fields(&letter.head).any(|field| name_of(field) == "dkim-signature") {
        return Err(sealed("DKIM-Signature"));
    }
    let mut leaves = parts::find(letter).await.map_err(refused)?;
    let text = take_text(&mut leaves);
    let draft = written(letter, addressed, text.as_ref()).await?;
    let made = asking.ask(Method::POST, &["messages"], Load::Json(draft)).await;
    let made = made.map_err(undone).map_err(|trouble| match trouble {
        Trouble::Access(fault) if fault.id == GRAPH_ACCESS_DENIED.id => message(coded::GRAPH_DRAFT, fault.detail),
        other => other,
    })?;
    let id = field_of(&made, "id")?;
    asking.took_draft();
    let sent = fill_and_send(asking, letter, &leaves, &id).await;
    if let Err(trouble) = &sent
        && !matches!(trouble, Trouble::Unclear { .. })
    {
        asking.extend(PAUSES);
        // What is left of it is a draft in the mailbox, which harms nobody.
        asking.discard(&id).await;
    }
    sent
}

async fn fill_and_send(
    asking: &mut Asking<'_>,
    letter: &Letter,
    leaves: &[Leaf],
    id: &str,
) -> Result<HttpReply, Trouble> {
    for (n, leaf) in leaves.iter().enumerate() {
        asking.extend(PAUSES);
        attach(asking, letter, leaf, n, id).await.map_err(undone)?;
    }
    asking.extend(PAUSES);
    asking.ask_to_send(&["messages", id, "send"], Load::Nothing).await
}

/// Before the draft is sent, what nobody knows of did no harm.
fn undone(trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Unclear { detail, .. } => Trouble::Access(GRAPH_UNREACHABLE.fault().detail(detail)),
        Trouble::TooLarge => message(coded::GRAPH_SIZE, "a request for a draft was too large"),
        other => other,
    }
}

fn message(of: Coded, detail: impl Into<String>) -> Trouble {
    Trouble::Message { of, detail: detail.into() }
}

fn sealed(what: &str) -> Trouble {
    message(coded::GRAPH_SEALED, what)
}

fn refused(refusal: Refusal) -> Trouble {
    match refusal {
        Refusal::Io(error) => unreadable(&error),
        Refusal::Sealed => sealed("a part is signed or encrypted"),
        Refusal::Broken(why) => message(coded::GRAPH_UNREADABLE, why),
    }
}

/// The text that is shown: HTML where there is some. The same text as plain beside it goes; all others are attachments.
fn take_text(leaves: &mut Vec<Leaf>) -> Option<Leaf> {
    let is_text = |leaf: &Leaf, mime: &str| leaf.mime == mime && !leaf.is_attachment && leaf.name.is_none();
    let html = leaves.iter().position(|leaf| is_text(leaf, "text/html"));
    let at = html.or_else(|| leaves.iter().position(|leaf| is_text(leaf, "text/plain")))?;
    let text = leaves.remove(at);
    leaves.retain(|leaf| {
        let is_the_same = leaf.alternative.is_some() && leaf.alternative == text.alternative;
        !(is_the_same && is_text(leaf, "text/plain"))
    });
    Some(text)
}

/// The draft as JSON.
async fn written(letter: &Letter, addressed: &Addressed, text: Option<&Leaf>) -> Result<Bytes, Trouble> {
    let mut draft = json!({
        "toRecipients": recipients(&addressed.to),
        "ccRecipients": recipients(&addressed.cc),
        "bccRecipients": addressed.bcc.iter().map(|address| recipient("", address)).collect::<Vec<_>>(),
    });
    for field in fields(&letter.head) {
        let readable = with_encoded_words(field.trim_ascii_start());
        let Ok((header, _)) = mailparse::parse_header(&readable) else { continue };
        match name_of(field).as_str() {
            "subject" => put(&mut draft, "subject", json!(header.get_value().trim())),
            "message-id" => put(&mut draft, "internetMessageId", json!(header.get_value().trim())),
            "importance" => put(&mut draft, "importance", json!(importance(&header.get_value()))),
            "reply-to" => put(&mut draft, "replyTo", json!(recipients(&likely_people(field)))),
            name @ ("from" | "sender") => {
                let first = people(field).and_then(|people| people.into_iter().next());
                if let Some(first) = first {
                    put(&mut draft, name, recipient(&first.name, &first.address));
                }
            }
            _ => {}
        }
    }
    let body = match text {
        Some(leaf) => {
            let kind = if leaf.mime == "text/html" { "html" } else { "text" };
            json!({ "contentType": kind, "content": text_of(letter, leaf).await? })
        }
        None => json!({ "contentType": "text", "content": "" }),
    };
    put(&mut draft, "body", body);
    Ok(draft.to_string().into())
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

fn recipients(people: &[Person]) -> Vec<Value> {
    people.iter().map(|person| recipient(&person.name, &person.address)).collect()
}

fn recipient(name: &str, address: &str) -> Value {
    match name.is_empty() {
        true => json!({ "emailAddress": { "address": address } }),
        false => json!({ "emailAddress": { "name": name, "address": address } }),
    }
}

fn importance(written: &str) -> &'static str {
    match written.trim().to_ascii_lowercase().as_str() {
        "high" => "high",
        "low" => "low",
        _ => "normal",
    }
}

/// With its encoding and its character set taken away.
async fn text_of(letter: &Letter, leaf: &Leaf) -> Result<String, Trouble> {
    if leaf.span.end - leaf.span.start > TEXT_CAP {
        return Err(message(coded::GRAPH_SIZE, format!("the text alone has over {TEXT_CAP} octets")));
    }
    let mut part = leaf.head.clone();
    if !part.ends_with(b"\r\n\r\n") {
        part.extend_from_slice(b"\r\n");
    }
    let mut span = letter.span(leaf.span.clone()).await.map_err(|error| unreadable(&error))?;
    let mut piece = Vec::new();
    while span.next(&mut piece).await.map_err(|error| unreadable(&error))? {
        part.extend_from_slice(&piece);
    }
    let parsed = mailparse::parse_mail(&part).and_then(|part| part.get_body());
    parsed.map_err(|error| message(coded::GRAPH_UNREADABLE, error.to_string()))
}

async fn attach(asking: &mut Asking<'_>, letter: &Letter, leaf: &Leaf, n: usize, draft: &str) -> Result<(), Trouble> {
    let size = Decoded::of(letter, leaf).await?.size().await?;
    if size > ATTACHMENT_CAP {
        return Err(message(coded::GRAPH_SIZE, format!("an attachment has {size} octets")));
    }
    let mut item = described(leaf, n);
    let mut content = Decoded::of(letter, leaf).await?;
    if size <= SMALL {
        let whole = content.next(PIECE).await?;
        put(&mut item, "@odata.type", json!("#microsoft.graph.fileAttachment"));
        put(&mut item, "contentBytes", json!(STANDARD.encode(&whole)));
        let load = Load::Json(item.to_string().into());
        return asking.ask(Method::POST, &["messages", draft, "attachments"], load).await.map(drop);
    }
    put(&mut item, "attachmentType", json!("file"));
    put(&mut item, "size", json!(size));
    let load = Load::Json(json!({ "AttachmentItem": item }).to_string().into());
    let path = ["messages", draft, "attachments", "createUploadSession"];
    let session = asking.ask(Method::POST, &path, load).await?;
    let url = field_of(&session, "uploadUrl")?;
    let url = Url::parse(&url).ok().filter(is_safe).ok_or_else(|| unexpected("uploadUrl is none"))?;
    let mut at = 0;
    while at < size {
        let piece = content.next(PIECE).await?;
        if piece.is_empty() {
            return Err(unreadable(&std::io::ErrorKind::UnexpectedEof.into()));
        }
        let end = at + piece.len() as u64;
        asking.extend(PAUSES);
        asking.put(&url, &format!("bytes {at}-{}/{size}", end - 1), piece.into()).await?;
        at = end;
    }
    Ok(())
}

fn described(leaf: &Leaf, n: usize) -> Value {
    let numbered = || match leaf.mime.as_str() {
        "message/rfc822" => format!("message-{}.eml", n + 1),
        "text/plain" => format!("text-{}.txt", n + 1),
        _ => format!("attachment-{}", n + 1),
    };
    let name = leaf.name.clone().filter(|name| !name.trim().is_empty()).unwrap_or_else(numbered);
    let is_inline = leaf.content_id.is_some() && !leaf.is_attachment;
    let mut item = json!({ "name": name, "contentType": leaf.mime, "isInline": is_inline });
    if let Some(id) = &leaf.content_id {
        put(&mut item, "contentId", json!(id));
    }
    item
}

/// Content goes there: https, or a test on this machine.
fn is_safe(url: &Url) -> bool {
    let is_local = url.host_str().is_some_and(|host| host == "127.0.0.1" || host == "localhost");
    url.scheme() == "https" || (url.scheme() == "http" && is_local)
}

fn field_of(reply: &HttpReply, name: &str) -> Result<String, Trouble> {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned).ok_or_else(|| unexpected(&format!("no {name} in Graph's answer")))
}

fn unexpected(why: &str) -> Trouble {
    Trouble::Access(GRAPH_UNREADABLE.fault().detail(why))
}

/// The content of a part, in pieces.
struct Decoded {
    span: super::letter::Span,
    decoder: Option<Decoder>,
    ready: Vec<u8>,
}

impl Decoded {
    async fn of(letter: &Letter, leaf: &Leaf) -> Result<Self, Trouble> {
        let span = letter.span(leaf.span.clone()).await.map_err(|error| unreadable(&error))?;
        Ok(Self { span, decoder: Some(Decoder::new(&leaf.encoding)), ready: Vec::new() })
    }

    /// So many octets, or what is left.
    async fn next(&mut self, octets: usize) -> Result<Vec<u8>, Trouble> {
        while self.ready.len() < octets && self.more().await? {}
        let rest = self.ready.split_off(octets.min(self.ready.len()));
        Ok(std::mem::replace(&mut self.ready, rest))
    }

    async fn size(mut self) -> Result<u64, Trouble> {
        let mut size = 0;
        while self.more().await? {
            size += self.ready.len() as u64;
            self.ready.clear();
        }
        Ok(size + self.ready.len() as u64)
    }

    /// Reads on; `false` once all is there.
    async fn more(&mut self) -> Result<bool, Trouble> {
        let Some(decoder) = &mut self.decoder else { return Ok(false) };
        let mut piece = Vec::new();
        match self.span.next(&mut piece).await.map_err(|error| unreadable(&error))? {
            true => decoder.pass(&piece, &mut self.ready),
            false => {
                if let Some(decoder) = self.decoder.take() {
                    decoder.end(&mut self.ready);
                }
                return Ok(false);
            }
        }
        Ok(true)
    }
}
