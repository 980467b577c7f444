//! A status as tables for people. Whatever the daemon reports is shown, also what this version does not know.

use serde_json::{Map, Value};

use crate::base::printable;

/// Of what to do about a fault.
const STEP_CAP: usize = 1000;

/// What is told of an account: heading, and where it stands in the JSON.
const ACCOUNT: &[(&str, &str)] = &[
    ("address", "/address"),
    ("app", "/app"),
    ("state", "/sign-in/phase"),
    ("signed in as", "/signed-in-as"),
    ("warning", "/warning"),
    ("same sign-in", "/same-sign-in"),
    ("since", "/sign-in/signed-in-at"),
    ("token until", "/sign-in/token-expires-at"),
    ("lost if unused until", "/sign-in/idle-until"),
    ("ended by policy at", "/sign-in/policy-ends-at"),
    ("trouble", "/sign-in/fault/text"),
    ("mail server says no", "/refusals/0/text"),
    ("asks again", "/refusals/0/until"),
    ("trouble with Graph", "/sign-in/graph-fault/text"),
];

/// What is told of a fault; what to do stands below.
const FAULT: &[(&str, &str)] = &[
    ("at", "/at"),
    ("times", "/times"),
    ("protocol", "/protocol"),
    ("account", "/account"),
    ("id", "/id"),
    ("stage", "/stage"),
    ("whose turn", "/owner"),
];

/// What is told of something that ends.
const ENDING: &[(&str, &str)] =
    &[("what", "/what"), ("name", "/name"), ("ends", "/ends-at"), ("days left", "/days-left"), ("trouble", "/trouble")];

pub fn draw(status: &Value) -> String {
    let Some(sections) = status.as_object() else { return format!("{status}\n") };
    let plain = sections.iter().filter(|(_, value)| !value.is_array() && !value.is_object() && !value.is_null());
    let mut text: String = plain.map(|(name, value)| format!("{name}: {}\n", named(name, value))).collect();
    for (name, section) in sections {
        let rows = match section {
            Value::Array(rows) if name == "accounts" => grid(&picked(rows, ACCOUNT), ACCOUNT),
            Value::Array(rows) if name == "endings" => grid(&picked(rows, ENDING), ENDING),
            Value::Array(rows) if name == "faults" => grid(&picked(rows, FAULT), FAULT) + &steps(rows),
            Value::Array(rows) => grid(rows, &[]),
            Value::Object(_) => grid(std::slice::from_ref(section), &[]),
            _ => continue,
        };
        text.push_str(&format!("\n{name}\n{rows}"));
    }
    text
}

/// What to do about each fault, once.
fn steps(faults: &[Value]) -> String {
    let mut steps: Vec<String> = Vec::new();
    for fault in faults {
        let text = |name: &str| fault.get(name).and_then(Value::as_str).map(|text| printable(text, STEP_CAP));
        let (Some(id), Some(cause), Some(next)) = (text("id"), text("cause"), text("next-step")) else { continue };
        let step = format!("  {id}: {cause}\n    {next}\n");
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps.concat()
}

/// The columns that matter, those left out that are empty for all.
fn picked(rows: &[Value], known: &[(&str, &str)]) -> Vec<Value> {
    let told = |(_, at): &&(&str, &str)| rows.iter().any(|row| row.pointer(at).is_some_and(|value| !value.is_null()));
    let columns: Vec<_> = known.iter().filter(told).collect();
    let row = |row: &Value| -> Map<String, Value> {
        let cells = columns.iter().map(|(name, at)| ((*name).to_owned(), row.pointer(at).cloned().unwrap_or_default()));
        cells.collect()
    };
    rows.iter().map(|one| Value::Object(row(one))).collect()
}

fn grid(rows: &[Value], known: &[(&str, &str)]) -> String {
    if rows.is_empty() {
        return "  none\n".to_owned();
    }
    let mut columns: Vec<&str> = Vec::new();
    for name in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    if columns.is_empty() {
        return rows.iter().map(|row| format!("  {}\n", cell(row))).collect();
    }
    // JSON objects here come sorted; known columns have an order of their own.
    columns.sort_by_key(|name| known.iter().position(|(column, _)| column == name).unwrap_or(usize::MAX));
    let head: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let body =
        rows.iter().map(|row| columns.iter().map(|name| named(name, row.get(*name).unwrap_or(&Value::Null))).collect());
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(body).collect();
    let width = |n: usize| lines.iter().filter_map(|line| line.get(n)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("  {}\n", padded.join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

/// `at` is a time in seconds since 1970.
fn named(name: &str, value: &Value) -> String {
    let time = value.as_i64().filter(|_| name == "at").and_then(|at| jiff::Timestamp::from_second(at).ok());
    time.map_or_else(|| cell(value), |time| time.to_string())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => printable(text, 200),
        Value::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => printable(&other.to_string(), 80),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_status_reads_as_tables() {
        let account = json!({ "address": "a@b.c", "app": "x", "sign-in": { "phase": "ready", "fault": null } });
        let ending = json!({ "what": "client-secret", "name": "x", "days-left": 4, "trouble": null });
        let text = draw(&json!({ "running": true, "accounts": [account], "faults": [], "endings": [ending] }));
        assert!(text.contains("  what           name  days left\n  client-secret  x     4\n"), "{text}");
        assert!(text.contains("running: yes"), "{text}");
        assert!(text.contains("  address  app  state\n  a@b.c    x    ready\n"), "{text}");
        assert!(text.contains("faults\n  none"), "{text}");
    }

    #[test]
    fn whoever_else_consented_is_warned_of() {
        let account = json!({ "address": "bob@b.c", "signed-in-as": "ann@b.c", "warning": "ann@b.c consented" });
        let text = draw(&json!({ "accounts": [account] }));
        assert!(text.contains("signed in as  warning\n  bob@b.c  ann@b.c       ann@b.c consented\n"), "{text}");
    }
}
