//! Asks the running daemon on this machine, as the owner of its state directory: `gatepost status`, `queue` and `console`.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::{Client, Method, StatusCode, redirect::Policy};
use serde_json::Value;

use crate::{config::Config, console::token_file};

/// The daemon answers from memory.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The JSON at `path`, or why there is none.
pub(super) fn ask(config: &Config, method: Method, path: &str) -> Result<Value, String> {
    ask_for(config, method, path)?.ok_or_else(|| format!("there is no {path}"))
}

/// The same; `None`: the daemon answered that there is no such thing.
pub(super) fn ask_for(config: &Config, method: Method, path: &str) -> Result<Option<Value>, String> {
    let address = address(config).ok_or("the console is switched off (listen = \"off\")")?;
    let runtime = super::runtime().map_err(|failure| failure.to_string())?;
    runtime.block_on(async {
        let answer = tokio::time::timeout(PATIENCE, fetch(address, method, path, token(config))).await;
        answer.unwrap_or_else(|_| Err(format!("no answer from {address} within {} s", PATIENCE.as_secs())))
    })
}

/// Where it is reached from this machine; one that listens everywhere is asked on loopback. `None`: switched off.
pub(super) fn address(config: &Config) -> Option<SocketAddr> {
    let address = config.console.listen?;
    Some(match address.ip().is_unspecified() {
        true if address.is_ipv4() => (Ipv4Addr::LOCALHOST, address.port()).into(),
        true => (Ipv6Addr::LOCALHOST, address.port()).into(),
        false => address,
    })
}

/// The console lets the owner of the state directory in by a token that it keeps there.
fn token(config: &Config) -> Option<String> {
    std::fs::read_to_string(token_file(&config.store.key_file)).ok().map(|token| token.trim().to_owned())
}

async fn fetch(
    address: SocketAddr,
    method: Method,
    path: &str,
    token: Option<String>,
) -> Result<Option<Value>, String> {
    // The console is on this machine, and speaks plain HTTP: no proxy and no TLS.
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().map_err(|e| e.to_string())?;
    let mut request = client.request(method, format!("http://{address}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let mut reply = request.send().await.map_err(|e| format!("{address}: {}", root_cause(&e)))?;
    if reply.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
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
    serde_json::from_slice(&body).map(Some).map_err(|e| format!("{address} answered something else than JSON: {e}"))
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}
