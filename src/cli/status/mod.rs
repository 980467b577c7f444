//! `gatepost status`: what the running daemon says at /api/status; without one, what the store knows.

mod asleep;
mod table;

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use serde_json::Value;

use super::{
    args::StatusArgs,
    config,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::{config::Config, console::token_file};

/// The daemon answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 4 * 1024 * 1024;

pub fn run(named: Option<&Path>, args: &StatusArgs) -> Outcome {
    let (config, _) = config::load(named)?;
    let status = match config.console.listen {
        None => Err("the console is switched off (listen = \"off\")".to_owned()),
        Some(address) => ask(reachable(address), token(&config)),
    };
    let (status, asleep) = match status {
        Ok(status) => (status, None),
        Err(cause) => (asleep::status(&config), Some(cause)),
    };
    let text = match args.json {
        true => format!("{:#}\n", status),
        false => table::draw(&status),
    };
    terminal::print(&text).map_err(|e| Failure::new(format!("stdout: {e}"), "write to another place"))?;
    match asleep {
        None => Ok(()),
        Some(cause) => Err(Failure::new(
            format!("the daemon did not answer: {cause}"),
            "start it with `gatepost run`; what is shown above comes from configuration and store",
        )),
    }
}

/// The console lets the owner of the state directory in by a token that it keeps there.
fn token(config: &Config) -> Option<String> {
    std::fs::read_to_string(token_file(&config.store.key_file)).ok().map(|token| token.trim().to_owned())
}

/// A console that listens everywhere is asked on this machine.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip().is_unspecified() {
        true if address.is_ipv4() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        true => (Ipv6Addr::LOCALHOST, address.port()).into(),
        false => address,
    }
}

fn ask(address: SocketAddr, token: Option<String>) -> Result<Value, String> {
    let runtime = super::runtime().map_err(|failure| failure.to_string())?;
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
