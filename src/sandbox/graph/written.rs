//! A draft as the message that Exchange makes of it: all of it new, whatever it was read from.

use axum::response::Response;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{Graph, Problem, Visit, drafts::Attachment};
use crate::sandbox::tenant::random_text;

pub fn send(graph: &Graph, visit: &Visit, message: &Value, attached: &[Attachment]) -> Result<Response, Problem> {
    let listed = |name: &str| people(message.get(name));
    let (to, cc, bcc) = (listed("toRecipients"), listed("ccRecipients"), listed("bccRecipients"));
    let mut recipients: Vec<String> =
        to.iter().chain(&cc).chain(&bcc).map(|(_, address)| address.to_ascii_lowercase()).collect();
    if recipients.is_empty() || recipients.iter().any(|address| !address.contains('@')) {
        return Err(Problem::no_recipients());
    }
    recipients.sort_unstable();
    recipients.dedup();
    let own = || (String::new(), visit.mailbox.address.clone());
    let from = message.get("from").and_then(person).unwrap_or_else(own);
    graph.may_send_as(visit, &from.1)?;
    let bytes = mime(message, &from, &to, &cc, attached);
    Ok(graph.deliver(visit, from.1, recipients, bytes.into_bytes().into()))
}

type Person = (String, String);

fn person(value: &Value) -> Option<Person> {
    let address = value.get("emailAddress")?;
    let text = |name: &str| address.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some((text("name"), text("address")))
}

fn people(list: Option<&Value>) -> Vec<Person> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(person).collect()
}

fn mime(message: &Value, from: &Person, to: &[Person], cc: &[Person], attached: &[Attachment]) -> String {
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let boundary = format!("_000_{}_", random_text(24));
    let mut out = format!("From: {}\r\n", named(std::slice::from_ref(from)));
    for (field, people) in [("To", to), ("Cc", cc), ("Reply-To", &people(message.get("replyTo")))] {
        if !people.is_empty() {
            out.push_str(&format!("{field}: {}\r\n", named(people)));
        }
    }
    let id = match text("internetMessageId") {
        "" => format!("<{}@sandbox>", random_text(20)),
        id => id.to_owned(),
    };
    let body = message.get("body");
    let part = |name: &str| body.and_then(|body| body.get(name)).and_then(Value::as_str).unwrap_or_default();
    let kind = if part("contentType").eq_ignore_ascii_case("html") { "html" } else { "plain" };
    out.push_str(&format!(
        "Subject: {}\r\nMessage-ID: {id}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n\
         --{boundary}\r\nContent-Type: text/{kind}; charset=\"utf-8\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
        word(text("subject")),
        in_lines(part("content").as_bytes()),
    ));
    for one in attached {
        let id = one.content_id.as_ref().map(|id| format!("Content-ID: <{id}>\r\n")).unwrap_or_default();
        let disposition = if one.is_inline { "inline" } else { "attachment" };
        out.push_str(&format!(
            "--{boundary}\r\nContent-Type: {}; name=\"{name}\"\r\n{id}\
             Content-Disposition: {disposition}; filename=\"{name}\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{}",
            one.content_type,
            in_lines(&one.bytes),
            name = word(&one.name.replace('"', "'")),
        ));
    }
    out.push_str(&format!("--{boundary}--\r\n"));
    out
}

fn named(people: &[Person]) -> String {
    let one = |(name, address): &Person| match name.is_empty() {
        true => format!("<{address}>"),
        false if name.is_ascii() => format!("\"{}\" <{address}>", name.replace('"', "'")),
        false => format!("{} <{address}>", word(name)),
    };
    people.iter().map(one).collect::<Vec<_>>().join(",\r\n ")
}

/// RFC 2047.
fn word(text: &str) -> String {
    match text.is_ascii() {
        true => text.to_owned(),
        false => format!("=?utf-8?B?{}?=", STANDARD.encode(text)),
    }
}

fn in_lines(bytes: &[u8]) -> String {
    bytes.chunks(57).map(|line| STANDARD.encode(line) + "\r\n").collect()
}
