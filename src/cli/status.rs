//! `gatepost status`: what the running daemon says at /api/status; without one, that it does not run.

use std::{net::SocketAddr, path::Path, time::Duration};

use serde_json::{Value, json};

use super::{
    args::StatusArgs,
    config,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::{base::printable, config::Config};

/// The daemon answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 4 * 1024 * 1024;

pub fn run(named: Option<&Path>, args: &StatusArgs) -> Outcome {
    let (config, _) = config::load(named)?;
    let status = match config.console.listen {
        None => Err("the console is switched off (listen = \"off\")".to_owned()),
        Some(address) => ask(address, token(&config)),
    };
    let (status, asleep) = match status {
        Ok(status) => (status, None),
        Err(cause) => (from_configuration(&config), Some(cause)),
    };
    let text = match args.json {
        true => format!("{:#}\n", status),
        false => table(&status),
    };
    terminal::print(&text).map_err(|e| Failure::new(format!("stdout: {e}"), "write to another place"))?;
    match asleep {
        None => Ok(()),
        Some(cause) => Err(Failure::new(
            format!("the daemon did not answer: {cause}"),
            "start it with `gatepost run`; what is shown above comes from the configuration alone",
        )),
    }
}

/// The console lets the owner of the state directory in by a token that it keeps there.
fn token(config: &Config) -> Option<String> {
    let file = config.store.key_file.parent()?.join("console-token");
    std::fs::read_to_string(file).ok().map(|token| token.trim().to_owned())
}

fn ask(address: SocketAddr, token: Option<String>) -> Result<Value, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    runtime.block_on(async {
        let answer = tokio::time::timeout(PATIENCE, fetch(address, token)).await;
        answer.unwrap_or_else(|_| Err(format!("no answer from {address} within {} s", PATIENCE.as_secs())))
    })
}

async fn fetch(address: SocketAddr, token: Option<String>) -> Result<Value, String> {
    // The console is on this machine, and speaks plain HTTP: no proxy and no TLS.
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
    let mut request = client.map_err(|e| e.to_string())?.get(format!("http://{address}/api/status"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let mut reply = request.send().await.map_err(|e| format!("{address}: {}", root_cause(&e)))?;
    if !reply.status().is_success() {
        return Err(format!("{address} answered {}", reply.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(|e| e.to_string())? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(format!("{address} answered more than {MOST_BYTES} bytes"));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(|e| format!("{address} answered something else than JSON: {e}"))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

/// What can be said without the daemon, in the shape of /api/status.
fn from_configuration(config: &Config) -> Value {
    let accounts: Vec<Value> = config
        .accounts
        .iter()
        .map(|account| {
            json!({
                "address": account.address,
                "app": account.sign_in.app.name,
                "sign-in-as": account.sign_in.identity,
                "state": "unknown",
                "secret-expires": config.secret_expiry.get(&account.sign_in.app.name).map(ToString::to_string),
            })
        })
        .collect();
    json!({ "running": false, "version": env!("CARGO_PKG_VERSION"), "accounts": accounts })
}

/// Every list of objects becomes a table; whatever the daemon reports is shown, also what this version does not know.
fn table(status: &Value) -> String {
    let mut text = String::new();
    let Some(sections) = status.as_object() else { return format!("{status}\n") };
    for (name, section) in sections.iter().filter(|(_, section)| !section.is_array() && !section.is_object()) {
        text.push_str(&format!("{name}: {}\n", cell(section)));
    }
    for (name, section) in sections {
        match section {
            Value::Array(rows) => text.push_str(&format!("\n{name}\n{}", rows_of(rows))),
            Value::Object(_) => text.push_str(&format!("\n{name}\n{}", rows_of(std::slice::from_ref(section)))),
            _ => {}
        }
    }
    text
}

fn rows_of(rows: &[Value]) -> String {
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
    let head: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let body = rows.iter().map(|row| columns.iter().map(|name| cell(row.get(*name).unwrap_or(&Value::Null))).collect());
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(body).collect();
    let width = |n: usize| lines.iter().filter_map(|line| line.get(n)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |cells: &Vec<String>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("  {}\n", padded.join("  ").trim_end())
    };
    lines.iter().map(line).collect()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => printable(text, 80),
        Value::Array(list) => list.iter().map(cell).collect::<Vec<_>>().join(", "),
        other => printable(&other.to_string(), 80),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_as_tables() {
        let text = table(
            &json!({ "running": true, "accounts": [{ "address": "a@b.c", "state": "signed-in" }], "faults": [] }),
        );
        assert!(text.contains("running: yes"), "{text}");
        assert!(text.contains("  a@b.c    signed-in"), "{text}");
        assert!(text.contains("faults\n  none"), "{text}");
    }
}
