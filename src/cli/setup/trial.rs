//! The trial: mailboxes are opened and a message is sent the way a mail program and a device would, through the listeners
//! of the daemon. One that runs is used, and told to read its configuration again; else the daemon's own parts are
//! started in this process for as long as it takes.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

use super::{imap, words::Trouble};
use crate::{
    base::{Lang, Protocol, Secret, invocation},
    cli::{
        args::{SendArgs, SendTls},
        console_api,
        outcome::{Failure, Outcome},
        runtime,
        send::{self, Way},
    },
    config::Config,
    console::client::Unanswered,
    daemon::{Daemon, StartFault},
    net::{Bind, Listener, ListenerTls},
    store::{StoreError, holder},
};

/// A daemon that reads its configuration again takes no longer than this to know a new account.
const RELOAD: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(250);

/// Listeners that can be reached now.
pub struct Trial {
    ways: Vec<(Protocol, Way)>,
    runtime: Runtime,
    own: Option<Daemon>,
    /// The daemon that runs already.
    pub running: Option<u32>,
    /// What is configured cannot be opened here, and other ports of this machine stand in.
    pub stands_in: bool,
}

impl Trial {
    /// Not cancel safe: what was started runs until [`Self::end`].
    pub fn begin(config: &Config, lang: Lang) -> Result<Self, Failure> {
        let runtime = runtime()?;
        // Neither its pages nor its notices: nobody is to be told of a trial.
        let mut quiet = config.clone();
        quiet.console.listen = None;
        quiet.notify = crate::config::model::Notify::default();
        let mut stands_in = false;
        let mut started = runtime.block_on(Daemon::start(&quiet));
        if let Err(StartFault::Setup(_)) = &started {
            quiet.listeners = quiet.listeners.iter().map(on_any_port).collect();
            stands_in = true;
            started = runtime.block_on(Daemon::start(&quiet));
        }
        match started {
            Ok(daemon) => {
                let ways = daemon.bound().iter().map(|at| (at.protocol, way(at.address, at.tls_word())));
                Ok(Self { ways: ways.collect(), runtime, own: Some(daemon), running: None, stands_in })
            }
            Err(StartFault::Store(StoreError::InUse { process, .. })) => {
                let ways = listening(config);
                Ok(Self { ways, runtime, own: None, running: Some(process.unwrap_or_default()), stands_in: false })
            }
            Err(fault) => {
                let next = fault.hint().unwrap_or_else(|| fault.words(lang).whole_step());
                Err(Trouble::NoTrial { why: fault.to_string(), next }.failure(lang))
            }
        }
    }

    pub fn way(&self, protocol: Protocol) -> Option<&Way> {
        self.ways.iter().find(|(of, _)| *of == protocol).map(|(_, way)| way)
    }

    /// Whether a mail program can open this mailbox. `None`: there is no IMAP listener.
    pub fn opens(&self, address: &str, password: &Secret) -> Option<Outcome> {
        self.way(Protocol::Imap).map(|way| imap::opens(way, address, password))
    }

    /// Sends a message; what the upstream said to it.
    pub fn sends(&self, from: &str, to: &str, password: &Secret, lang: Lang) -> Result<String, Failure> {
        let way = self.way(Protocol::Smtp).ok_or_else(|| Trouble::NoSmtpListener.failure(lang))?;
        let args = SendArgs {
            from: from.to_owned(),
            to: vec![to.to_owned()],
            subject: None,
            file: None,
            user: None,
            password_stdin: false,
            no_auth: false,
            server: None,
            tls: None,
            json: true,
        };
        send::one(way, &args, password)
    }

    pub fn end(self) {
        if let Some(daemon) = self.own {
            self.runtime.block_on(daemon.drain());
        }
    }
}

/// Makes a running daemon read its configuration again if that `has_changed`, and waits until it knows these accounts.
pub fn reload_running(config: &Config, accounts: &[String], has_changed: bool, lang: Lang) -> Outcome {
    let Some(daemon) = holder(&config.store) else { return Ok(()) };
    let process = daemon.process.unwrap_or_default();
    let has_console = config.console.listen.is_some();
    let reload_it = || {
        let command = daemon.daemon().map_or_else(invocation::reload, invocation::Daemon::reload);
        Trouble::ReloadIt { process, command }.failure(lang)
    };
    let knows_all = || match console_api::ask(config, reqwest::Method::GET, "/api/status") {
        Ok(status) => {
            let known = status.get("accounts").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
            let knows = |address: &String| {
                known.iter().any(|one| one.get("address").and_then(|found| found.as_str()) == Some(address))
            };
            accounts.iter().all(knows)
        }
        Err(_) => false,
    };
    if !has_changed && (!has_console || knows_all()) {
        return Ok(());
    }
    // Its console is where the configuration had it when it started, and no reload moves that.
    if let Some((at, cause)) = config.console.reached_at().zip(console_api::is_alive(config, false).err()) {
        if let Unanswered::Silent(_) = cause {
            return Err(console_api::hanging(lang));
        }
        let command = daemon.daemon().map_or_else(invocation::restart, invocation::Daemon::restart);
        return Err(Trouble::RestartIt { process, at, command }.failure(lang));
    }
    // In another namespace, as in a container, the same number is somebody else.
    if !daemon.is_within_reach || !hang_up(process) {
        return Err(reload_it());
    }
    let runtime = runtime()?;
    // Without a console nobody says when it is done; it is a matter of milliseconds.
    let until = Instant::now() + if has_console { RELOAD } else { PAUSE * 4 };
    while Instant::now() < until {
        runtime.block_on(async { tokio::time::sleep(PAUSE).await });
        if has_console && knows_all() {
            return Ok(());
        }
    }
    match has_console {
        true => Err(reload_it()),
        false => Ok(()),
    }
}

fn way(address: SocketAddr, tls: &str) -> Way {
    let tls = match tls {
        "implicit" => SendTls::Implicit,
        "starttls-required" => SendTls::Starttls,
        // It may do without: this goes from the machine to itself, where no certificate could prove anything.
        _ => SendTls::Off,
    };
    Way { server: send::reachable(address).to_string(), tls }
}

/// As the running daemon says, else as it is configured.
fn listening(config: &Config) -> Vec<(Protocol, Way)> {
    let said = console_api::ask(config, reqwest::Method::GET, "/api/status").ok();
    let listeners = said.as_ref().and_then(|status| status.get("listeners")?.as_array());
    let told = listeners.into_iter().flatten().filter_map(|one| {
        let text = |name: &str| one.get(name).and_then(serde_json::Value::as_str);
        let protocol = Protocol::ALL.into_iter().find(|protocol| Some(protocol.as_str()) == text("protocol"))?;
        Some((protocol, way(text("address")?.parse().ok()?, text("tls")?)))
    });
    let told: Vec<_> = told.collect();
    if !told.is_empty() {
        return told;
    }
    let configured = config.listeners.iter().filter_map(|listener| {
        let (address, _) = send::place_of(listener)?;
        Some((listener.protocol, way(address, tls_word(listener.tls))))
    });
    configured.collect()
}

const fn tls_word(tls: ListenerTls) -> &'static str {
    match tls {
        ListenerTls::Implicit => "implicit",
        ListenerTls::StartTlsRequired => "starttls-required",
        _ => "off",
    }
}

/// The same listener on this machine alone.
fn on_any_port(listener: &Listener) -> Listener {
    let loopback = SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, 0));
    Listener {
        listen: vec![Bind::Address(loopback)],
        tls: ListenerTls::Off,
        certificate: None,
        proxy_protocol_from: Vec::new(),
        ..listener.clone()
    }
}

/// SIGHUP: the daemon reads its configuration again.
#[cfg(unix)]
fn hang_up(process: u32) -> bool {
    use rustix::process::{Pid, Signal, kill_process};
    let id = i32::try_from(process).ok().and_then(Pid::from_raw);
    id.is_some_and(|id| kill_process(id, Signal::HUP).is_ok())
}

#[cfg(not(unix))]
fn hang_up(_: u32) -> bool {
    false
}
