//! The daemon on this machine, if one runs: what it listens on, which configuration it has.

use std::{net::SocketAddr, time::Duration};

use http::Method;
use serde_json::Value;
use tokio::{net::TcpStream, time::timeout};

use super::{
    look::Look,
    next::Who,
    report::{Check, Layer},
    scope::Scope,
    words::{Name, Said},
};
use crate::{
    catalog::doctor::{CONFIGURATION_NOT_LOADED, LISTENER_NOT_OPEN},
    config::Config,
    console::client,
    net::{Bind, Listener},
    store,
};

/// For a connection on this machine.
const CONNECT: Duration = Duration::from_secs(2);

/// What is known of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Running {
    /// Somebody holds the store.
    holder: Option<store::Holder>,
    /// As `/api/status` has it.
    pub status: Option<Value>,
    /// Why it could not be asked.
    why_not: Option<String>,
}

impl Running {
    pub async fn ask(config: &Config) -> Self {
        let holder = store::holder(&config.store);
        let (status, why_not) = match config.console.reached_at() {
            None => (None, Some("[console] listen = \"off\"".to_owned())),
            Some(at) => match client::ask(at, Method::GET, "/api/status", config.console_token().as_ref()).await {
                Ok(body) => (body.and_then(|body| serde_json::from_slice(&body).ok()), None),
                Err(why) => (None, Some(why)),
            },
        };
        Self { holder, status, why_not }
    }

    pub fn is_running(&self) -> bool {
        self.holder.is_some()
    }

    /// Id and text of what is wrong with the sign-in of this account.
    pub fn fault_of(&self, address: &str) -> Option<(String, String)> {
        let accounts = self.status.as_ref()?.get("accounts")?.as_array()?;
        let own = accounts.iter().find(|one| one.get("address").and_then(Value::as_str) == Some(address))?;
        let fault = own.pointer("/sign-in/fault")?;
        let text = |name: &str| fault.get(name).and_then(Value::as_str).map(str::to_owned);
        Some((text("id")?, text("text").unwrap_or_default()))
    }
}

pub(super) async fn look(scope: &Scope, config: &Config, running: &Running) -> Vec<Check> {
    let at = |name| Look::at(scope.lang, Layer::Daemon, name);
    let look = at(Name::Daemon);
    let Some(holder) = running.holder else { return vec![look.skip(Said::NotRunning)] };
    let mut checks = vec![look.pass(Said::Runs { process: holder.process })];
    let Some(status) = &running.status else {
        let why = running.why_not.clone().unwrap_or_default();
        checks.push(at(Name::Listeners).skip(Said::CannotBeAsked { why: why.clone() }));
        checks.push(at(Name::LoadedConfiguration).skip(Said::CannotBeAsked { why }));
        return checks;
    };
    let bound = bound(status);
    for listener in &config.listeners {
        for bind in &listener.listen {
            checks.push(listening(scope, listener, bind, &bound).await);
        }
    }
    checks.push(configuration(at(Name::LoadedConfiguration), config, status, scope));
    checks
}

/// Protocol and address of each listener, as really bound.
fn bound(status: &Value) -> Vec<(String, SocketAddr)> {
    let listeners = status.get("listeners").and_then(Value::as_array);
    let one = |listener: &Value| {
        let protocol = listener.get("protocol")?.as_str()?.to_owned();
        Some((protocol, listener.get("address")?.as_str()?.parse().ok()?))
    };
    listeners.into_iter().flatten().filter_map(one).collect()
}

async fn listening(scope: &Scope, listener: &Listener, bind: &Bind, bound: &[(String, SocketAddr)]) -> Check {
    let protocol = listener.protocol.as_str();
    let look = Look::at(scope.lang, Layer::Daemon, Name::Listeners);
    let address = match bind {
        Bind::Systemd(name) => {
            let look = look.target(format!("{protocol} systemd:{name}"));
            return match bound.iter().any(|(known, _)| known == protocol) {
                true => look.pass(Said::HandedOver),
                false => look.fail(Said::NotOpen, &LISTENER_NOT_OPEN.fault(), &Who::default()),
            };
        }
        Bind::Address(address) => *address,
    };
    let fits = |(known, at): &&(String, SocketAddr)| {
        known == protocol && at.ip() == address.ip() && (at.port() == address.port() || address.port() == 0)
    };
    let found = bound.iter().find(fits).map(|(_, at)| *at);
    let look = look.target(format!("{protocol} {}", found.unwrap_or(address)));
    let who = Who { port: Some(address.port()), ..Who::default() };
    let Some(at) = found else { return look.fail(Said::NotOpen, &LISTENER_NOT_OPEN.fault(), &who) };
    let reached = match at.ip().is_unspecified() {
        true if at.is_ipv4() => SocketAddr::from(([127, 0, 0, 1], at.port())),
        true => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], at.port())),
        false => at,
    };
    match timeout(CONNECT, TcpStream::connect(reached)).await {
        Ok(Ok(_)) => look.pass(Said::Listens { tls: listener.tls }),
        Ok(Err(error)) => look.fault(&LISTENER_NOT_OPEN.fault().detail(format!("{reached}: {error}")), &who),
        Err(_) => look.fault(&LISTENER_NOT_OPEN.fault().detail(format!("{reached}: no answer")), &who),
    }
}

fn configuration(look: Look, config: &Config, status: &Value, scope: &Scope) -> Check {
    let look = look.target(scope.file.display().to_string());
    match status.get("configuration").and_then(Value::as_str) {
        None => look.skip(Said::CannotBeAsked { why: "the daemon is of an older version".to_owned() }),
        Some(loaded) if loaded == config.fingerprint() => look.pass(Said::SameConfiguration),
        Some(_) => look.fail(Said::OtherConfiguration, &CONFIGURATION_NOT_LOADED.fault(), &Who::default()),
    }
}
