//! The queue as text for people. Whatever clients and servers wrote is shown cleaned.

use jiff::Timestamp;
use serde_json::Value;

use crate::base::printable;

/// Of one field.
const CAP: usize = 300;

pub(super) fn list(found: &Value) -> String {
    let messages = found.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let damaged = found.get("damaged").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if messages.is_empty() && damaged.is_empty() {
        return "nothing is queued that fits\n".to_owned();
    }
    let mut text: String = messages.iter().map(line).collect();
    for id in damaged.iter().filter_map(Value::as_str) {
        let id = printable(id, CAP);
        text.push_str(&format!(
            "{id}  damaged    its row in the database cannot be read, and it is not delivered: `gatepost queue drop {id}`\n"
        ));
    }
    if found.get("is-cut").and_then(Value::as_bool) == Some(true) {
        text.push_str("... and more: search more narrowly, or raise --limit\n");
    }
    text
}

/// Two lines: the message, and why it is still here.
fn line(message: &Value) -> String {
    let recipients = array(message, "recipients");
    let waiting: Vec<&Value> = recipients.iter().filter(|one| word(one, "state") == "waiting").collect();
    let to = match waiting.as_slice() {
        [] => "nobody any more".to_owned(),
        [only] => word(only, "address"),
        [first, rest @ ..] => format!("{} and {} more", word(first, "address"), rest.len()),
    };
    let sender = Some(word(message, "sender")).filter(|sender| !sender.is_empty()).unwrap_or_else(|| "<>".to_owned());
    let reply = waiting.iter().map(|one| word(one, "reply")).find(|reply| !reply.is_empty());
    let mut out = format!(
        "{}  {:<9}  {}  {:>9} B  {sender} -> {to}  ({}, {})\n",
        word(message, "id"),
        word(message, "state"),
        at(message, "accepted-at"),
        number(message, "bytes"),
        word(message, "client"),
        word(message, "account"),
    );
    let tried = number(message, "attempts");
    let next = message.get("next-attempt").and_then(Value::as_u64).map(|_| at(message, "next-attempt"));
    let hold = Some(word(message, "hold")).filter(|hold| !hold.is_empty());
    let mut why = Vec::new();
    why.extend(hold.map(|hold| format!("held: {hold}")));
    why.extend((tried > 0).then(|| format!("tried {tried} times")));
    why.extend(next.map(|next| format!("next at {next}")));
    why.extend(reply);
    if !why.is_empty() {
        out.push_str(&format!("    {}\n", why.join("; ")));
    }
    out
}

pub(super) fn show(found: &Value) -> String {
    let message = found.get("message").unwrap_or(&Value::Null);
    let mut out = line(message);
    out.push_str(&format!("    taken in by session {}\n", number(message, "session")));
    for one in array(message, "recipients") {
        let doubt = match one.get("is-doubtful").and_then(Value::as_bool) {
            Some(true) => "  (may have been taken already: it may arrive twice)",
            _ => "",
        };
        out.push_str(&format!("\n  {}  {}{doubt}\n", word(one, "address"), word(one, "state")));
        let reply = word(one, "reply");
        if !reply.is_empty() {
            out.push_str(&format!("    {reply}\n"));
        }
    }
    match found.get("header").and_then(Value::as_str) {
        Some(head) => {
            let lines = head.lines().map(|line| format!("  {}\n", printable(line, CAP)));
            out.push_str(&format!("\n{}", lines.collect::<String>()));
        }
        None => out.push_str("\n  its body is not on disk\n"),
    }
    out
}

fn array<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn word(of: &Value, name: &str) -> String {
    printable(of.get(name).and_then(Value::as_str).unwrap_or_default(), CAP)
}

fn number(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn at(of: &Value, name: &str) -> String {
    let seconds = i64::try_from(number(of, name)).unwrap_or_default();
    Timestamp::from_second(seconds).unwrap_or_default().strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
