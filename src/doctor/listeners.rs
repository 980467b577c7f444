//! What the daemon listens on beside what the configuration says: open, handed over by systemd, or still to be opened by a
//! restart. Of that it is looked first whether it could be, for a restart that fails ends the daemon.

use std::{net::SocketAddr, time::Duration};

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
    base::{Fault, Protocol},
    catalog::{
        Place,
        doctor::{LISTENER_NOT_OPEN, PORT_NOT_PERMITTED, SOCKET_NOT_HANDED_OVER},
    },
    config::Config,
    net::{self, Bind, Listener},
};

/// For a connection on this machine.
const CONNECT: Duration = Duration::from_secs(2);

/// As the status of the daemon has them.
#[derive(Default)]
pub(super) struct Listeners {
    /// Protocol and address of each, as really bound.
    bound: Vec<(String, SocketAddr)>,
    /// Of those, what no address of the configuration stands for. By which name systemd handed it over the daemon does not say.
    handed_over: Vec<(String, SocketAddr)>,
    console: Option<SocketAddr>,
    /// What of the configuration takes a restart, where that has listeners in it.
    pending: Option<String>,
}

impl Listeners {
    pub fn of(status: &Value, pending: Option<&str>, config: &Config) -> Self {
        let bound = bound(status);
        let by_address: Vec<(Protocol, SocketAddr)> = config.listeners.iter().flat_map(addresses).collect();
        let handed_over =
            bound.iter().filter(|one| !by_address.iter().any(|(protocol, at)| is_at(one, *protocol, *at)));
        Self {
            handed_over: handed_over.cloned().collect(),
            bound,
            console: config.console.listen,
            pending: pending.filter(|what| what.contains("listeners")).map(str::to_owned),
        }
    }

    pub async fn look(&self, scope: &Scope, listener: &Listener, bind: &Bind) -> Check {
        let look = Look::at(scope.lang, Layer::Daemon, Name::Listeners);
        let address = match bind {
            Bind::Systemd(name) => return self.socket(look, listener.protocol, name),
            Bind::Address(address) => *address,
        };
        let found = self.bound.iter().find(|one| is_at(one, listener.protocol, address)).map(|(_, at)| *at);
        let look = look.target(format!("{} {}", listener.protocol, found.unwrap_or(address)));
        let place = Place::of_listener(address);
        let who = Who { place: Some(place), ..Who::default() };
        let Some(at) = found else {
            if self.pending.is_none() {
                return look.fail(Said::NotOpen, &LISTENER_NOT_OPEN.fault(), &who);
            }
            let given_back: Vec<SocketAddr> = self.bound.iter().map(|(_, at)| *at).chain(self.console).collect();
            return refused(look.clone(), place, &given_back).unwrap_or_else(|| look.skip(Said::OpensAtRestart));
        };
        let reached = match at.ip().is_unspecified() {
            true if at.is_ipv4() => SocketAddr::from(([127, 0, 0, 1], at.port())),
            true => SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], at.port())),
            false => at,
        };
        match not_open(reached).await {
            None => look.pass(Said::Listens { tls: listener.tls }),
            Some(fault) => look.fault(&fault, &who),
        }
    }

    fn socket(&self, look: Look, protocol: Protocol, name: &str) -> Check {
        let look = look.target(format!("{protocol} systemd:{name}"));
        let fits = |at: &SocketAddr| name.parse().map_or(true, |port: u16| at.port() == port);
        let is_there = self.handed_over.iter().any(|(known, at)| known == protocol.as_str() && fits(at));
        // Whether a restart has it the daemon knows.
        let is_new = self.pending.as_ref().is_some_and(|what| {
            let words: Vec<&str> = what.split(' ').collect();
            words.windows(2).any(|pair| pair == [format!("+{protocol}"), format!("systemd:{name}")])
        });
        if is_there && !is_new {
            return look.pass(Said::HandedOver);
        }
        if is_new && !self.pending.as_ref().is_some_and(|what| what.contains(SOCKET_NOT_HANDED_OVER.id)) {
            return look.skip(Said::OpensAtRestart);
        }
        let who = Who { socket: Some(name.to_owned()), ..Who::default() };
        look.fail(Said::NotOpen, &SOCKET_NOT_HANDED_OVER.fault(), &who)
    }
}

/// `None`: a daemon that starts could listen there.
pub(super) fn refused(look: Look, place: Place, given_back: &[SocketAddr]) -> Option<Check> {
    let refused = net::refuses(place, given_back)?;
    let entry = refused.entry();
    // Whoever asks may be permitted less than the daemon.
    if entry.id == PORT_NOT_PERMITTED.id {
        return Some(look.skip(Said::CannotBeAsked { why: refused.to_string() }));
    }
    let who = Who { place: Some(place), ..Who::default() };
    Some(look.fault(&entry.fault().detail(refused.to_string()), &who))
}

fn bound(status: &Value) -> Vec<(String, SocketAddr)> {
    let listeners = status.get("listeners").and_then(Value::as_array);
    let one = |listener: &Value| {
        let protocol = listener.get("protocol")?.as_str()?.to_owned();
        Some((protocol, listener.get("address")?.as_str()?.parse().ok()?))
    };
    listeners.into_iter().flatten().filter_map(one).collect()
}

fn addresses(listener: &Listener) -> impl Iterator<Item = (Protocol, SocketAddr)> {
    listener.listen.iter().filter_map(|bind| match bind {
        Bind::Address(address) => Some((listener.protocol, *address)),
        Bind::Systemd(_) => None,
    })
}

fn is_at((known, at): &(String, SocketAddr), protocol: Protocol, address: SocketAddr) -> bool {
    known == protocol.as_str() && at.ip() == address.ip() && (at.port() == address.port() || address.port() == 0)
}

/// `None`: something takes connections there.
async fn not_open(at: SocketAddr) -> Option<Fault> {
    let why = match timeout(CONNECT, TcpStream::connect(at)).await {
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    Some(LISTENER_NOT_OPEN.fault().detail(format!("{at}: {why}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{base::Lang, config::Surroundings};

    fn config(listen: &str) -> Config {
        let text = format!(
            "[store]\nurl = \"sqlite:///none/none.db\"\n[[listener]]\nprotocol = \"smtp\"\nlisten = [{listen}]\ntls = \
             \"off\"\n"
        );
        crate::config::check_text(&text, "gatepost.toml", &Surroundings::default()).unwrap().0
    }

    async fn looked(config: &Config, bound: &[&str], pending: Option<&str>, lang: Lang) -> Vec<Check> {
        let bound: Vec<Value> = bound.iter().map(|at| json!({ "protocol": "smtp", "address": at })).collect();
        let listeners = Listeners::of(&json!({ "listeners": bound }), pending, config);
        let (scope, listener) = (Scope::all("gatepost.toml", lang), &config.listeners[0]);
        let mut checks = Vec::new();
        for bind in &listener.listen {
            checks.push(listeners.look(&scope, listener, bind).await);
        }
        checks
    }

    fn id(check: &Check) -> Option<&str> {
        check.fault.as_ref().map(|fault| fault.id)
    }

    /// It was told to look who has the port `<port>`.
    #[tokio::test]
    async fn a_socket_that_was_not_handed_over_is_named_as_the_socket_unit_has_it() {
        for (socket, line) in [("587", "ListenStream=587"), ("mail", "FileDescriptorName=mail")] {
            let bound: &[&str] = if socket == "587" { &["127.0.0.1:2525"] } else { &[] };
            for lang in Lang::ALL {
                let checks = looked(&config(&format!("\"systemd:{socket}\"")), bound, None, lang).await;
                let fault = checks[0].fault.as_ref().unwrap();
                assert!(
                    fault.id == "socket-not-handed-over" && fault.next.contains(&format!("`{line}`")),
                    "{}",
                    fault.next
                );
                assert!(!fault.next.contains('<'), "{}", fault.next);
            }
        }
    }

    #[tokio::test]
    async fn a_socket_is_not_called_handed_over_for_one_that_is_bound_by_address_or_before_the_restart_that_takes_it() {
        let both = config("\"127.0.0.1:0\", \"systemd:mail\"");
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap().to_string();
        let checks = looked(&both, &[&at], None, Lang::En).await;
        assert_eq!((id(&checks[0]), id(&checks[1])), (None, Some("socket-not-handed-over")));
        let checks = looked(&both, &[&at, "[::]:587"], None, Lang::En).await;
        assert_eq!(id(&checks[1]), None, "{}", checks[1].detail);

        let port = at.rsplit_once(':').unwrap().1;
        let what = |name: &str, id| format!("console, listeners +smtp systemd:{name} -smtp {at} (text [{id}])");
        let missing = SOCKET_NOT_HANDED_OVER.id;
        let by_port = config(&format!("\"systemd:{port}\""));
        for (pending, is_fault) in [
            (what(port, missing), true),
            (what(port, "port-taken"), false),
            (what(&format!("{port}0"), missing), false),
        ] {
            let checks = looked(&by_port, &[&at], Some(&pending), Lang::En).await;
            assert_eq!(id(&checks[0]).is_some(), is_fault, "{pending}: {}", checks[0].detail);
        }
    }

    #[tokio::test]
    async fn what_the_daemon_has_itself_is_not_called_taken_where_a_restart_moves_it() {
        let ours = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let _bound = std::net::TcpListener::bind(ours).unwrap();
        let wide = format!("0.0.0.0:{}", ours.port());
        let pending = format!("listeners +smtp {wide} -smtp {ours}");
        let checks = looked(&config(&format!("\"{wide}\"")), &[&ours.to_string()], Some(&pending), Lang::En).await;
        assert_eq!((id(&checks[0]), checks[0].outcome), (None, crate::doctor::report::Outcome::Skipped));
        let checks = looked(&config(&format!("\"{wide}\"")), &[], Some(&pending), Lang::En).await;
        assert_eq!(id(&checks[0]), Some("port-taken"), "by another program");
    }
}
