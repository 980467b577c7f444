//! `sendMail`: a MIME message in base64, or JSON.
//!
//! With MIME, recipients come from the headers alone and Bcc is taken away (SMTP2Graph, smtp-oauth-relay #82); a To
//! that names nobody is refused (SMTP2Graph #30); parts in quoted-printable with bare LF come out with broken soft line
//! breaks (smtp-oauth-relay PR #94).

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, Uri},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use mailparse::MailAddr;
use serde_json::Value;

use super::{BODY, Graph, Named, Problem, Visit, written};

pub async fn send_mail(
    State(graph): State<Arc<Graph>>,
    uri: Uri,
    Path(named): Path<Named>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = async {
        let visit = graph.admit(uri.path(), &named, &headers, "Mail.Send").await?;
        if body.len() > BODY {
            return Err(Problem::too_large());
        }
        let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next().unwrap_or_default().trim() {
            "text/plain" => mime(&graph, &visit, &body),
            "application/json" => json(&graph, &visit, &body),
            other => Err(Problem::new(415, "RequestBodyRead", format!("The content type '{other}' is not known."))),
        }
    };
    let answer = answer.await;
    graph.answer(answer)
}

fn mime(graph: &Graph, visit: &Visit, body: &[u8]) -> Result<Response, Problem> {
    let text: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let message = STANDARD.decode(text).map_err(|_| {
        Problem::new(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.")
    })?;
    let message = broken_soft_breaks(message);
    let head = memchr::memmem::find(&message, b"\r\n\r\n").map_or(message.len(), |end| end + 2);
    let unreadable = || Problem::new(400, "ErrorMimeContentInvalid", "The MIME content is invalid.");
    let (fields, _) = mailparse::parse_headers(message.get(..head).unwrap_or_default()).map_err(|_| unreadable())?;
    let mut recipients = Vec::new();
    let mut from = None;
    for field in &fields {
        match field.get_key_ref().to_ascii_lowercase().as_str() {
            "to" | "cc" | "bcc" => recipients.extend(addresses(field).ok_or_else(Problem::no_recipients)?),
            "from" => from = addresses(field).and_then(|all| all.into_iter().next()),
            _ => {}
        }
    }
    if recipients.is_empty() {
        return Err(Problem::no_recipients());
    }
    recipients.sort_unstable();
    recipients.dedup();
    let from = from.unwrap_or_else(|| visit.mailbox.address.clone());
    graph.may_send_as(visit, &from)?;
    Ok(graph.deliver(visit, from, recipients, without_bcc(&message, head).into()))
}

fn json(graph: &Graph, visit: &Visit, body: &[u8]) -> Result<Response, Problem> {
    let body: Value = serde_json::from_slice(body).map_err(|error| Problem::malformed(error.to_string()))?;
    let message = body.get("message").ok_or_else(|| Problem::malformed("The parameter 'message' is missing."))?;
    written::send(graph, visit, message, &[])
}

/// In lower case; `None` where one is no address.
fn addresses(field: &mailparse::MailHeader<'_>) -> Option<Vec<String>> {
    let list = mailparse::addrparse_header(field).ok()?;
    let mut found = Vec::new();
    for one in list.iter() {
        match one {
            MailAddr::Single(single) => found.push(single.addr.to_ascii_lowercase()),
            MailAddr::Group(group) => found.extend(group.addrs.iter().map(|one| one.addr.to_ascii_lowercase())),
        }
    }
    // `undisclosed-recipients:;` is a group of nobody, and not understood.
    (!found.is_empty() && found.iter().all(|address| address.contains('@'))).then_some(found)
}

fn without_bcc(message: &[u8], head: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len());
    let mut is_bcc = false;
    for line in message.get(..head).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
        if !line.starts_with(b" ") && !line.starts_with(b"\t") {
            is_bcc = line.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"bcc:"));
        }
        if !is_bcc {
            out.extend_from_slice(line);
        }
    }
    out.extend_from_slice(message.get(head..).unwrap_or_default());
    out
}

/// A message without CRLF is read all the same, and what its soft line breaks join stays apart.
fn broken_soft_breaks(message: Vec<u8>) -> Vec<u8> {
    let has_bare = message
        .iter()
        .enumerate()
        .any(|(at, byte)| *byte == b'\n' && at.checked_sub(1).and_then(|before| message.get(before)) != Some(&b'\r'));
    if !has_bare {
        return message;
    }
    let text = String::from_utf8_lossy(&message).replace("\r\n", "\n").replace("=\n", "=3D\n");
    text.replace('\n', "\r\n").into_bytes()
}
