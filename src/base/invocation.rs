//! How this program is called by whoever types what it prints: with `--config`, where its own caller named a file; and how
//! the daemon is told to read its configuration again, or to start anew.
//!
//! Facts of the process, as its arguments are, and set by `cli` and a daemon that starts before anything is said. Replies on the wire have
//! it too: who reads one over the phone types it on this machine.

use std::sync::{
    Mutex, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering},
};

static CALL: OnceLock<String> = OnceLock::new();
static THIS: OnceLock<Daemon> = OnceLock::new();
static DAEMON: OnceLock<Daemon> = OnceLock::new();
static OTHER: OnceLock<Daemon> = OnceLock::new();
static INSTEAD: OnceLock<String> = OnceLock::new();
static SERVICE: OnceLock<bool> = OnceLock::new();
/// A daemon that never started is not told to be restarted, or to load anything.
static FAILED: AtomicBool = AtomicBool::new(false);
static NEXT_START: Mutex<NextStart> = Mutex::new(NextStart::SeesTheEnd);

/// How the daemon on this configuration was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// By the unit of the packages.
    Unit,
    /// By a person, or by something that nobody here knows.
    Process(u32),
    /// In a demonstration, which ends with it, and leaves nothing that another one could run on.
    Demo(u32),
}

/// What becomes of a restart, as far as the daemon in this process knows since it read its configuration again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStart {
    /// Who starts behind it has the same store, and waits there until it has ended.
    SeesTheEnd,
    /// Who starts behind it has another store, and knows nothing of it.
    OnAnotherStore,
    /// It would end the daemon, and none could start: what is in the way comes first.
    Fails,
}

impl Daemon {
    pub fn reload(self) -> String {
        match self {
            Daemon::Unit => unit("reload"),
            Daemon::Process(process) | Daemon::Demo(process) => format!("kill -HUP {process}"),
        }
    }

    pub fn stop(self) -> String {
        match self {
            Daemon::Unit => unit("stop"),
            Daemon::Process(process) | Daemon::Demo(process) => format!("kill {process}"),
        }
    }

    /// For what stands between backticks.
    pub fn restart(self) -> String {
        match self {
            Daemon::Unit => unit("restart"),
            // Each is a command of its own: it ends when its sessions do.
            Daemon::Process(_) => format!("{}`, `gatepost run", self.stop()),
            Daemon::Demo(_) => format!("{}`, `gatepost demo", self.stop()),
        }
    }

    /// The same where whoever starts behind it does not wait for its end. systemd does.
    fn restart_behind_its_end(self) -> String {
        match self {
            Daemon::Unit | Daemon::Demo(_) => self.restart(),
            Daemon::Process(process) => {
                let wait = format!("while kill -0 {process} 2>/dev/null; do sleep 1; done");
                format!("{}`, `{wait}`, `gatepost run", self.stop())
            }
        }
    }

    /// The same for one that may not hear what it is told. systemd sees to that by itself.
    fn restart_by_force(self) -> String {
        match self {
            Daemon::Unit => self.restart(),
            Daemon::Process(process) => format!("kill -KILL {process}`, `gatepost run"),
            Daemon::Demo(process) => format!("kill -KILL {process}`, `gatepost demo"),
        }
    }
}

/// `call`: for example `gatepost --config x.toml`, quoted for a shell. The first one counts.
pub fn call_it(call: String) {
    let _ = CALL.set(call);
}

/// This process is the daemon, whichever it found at work when it began.
pub fn is_this(daemon: Daemon) {
    let _ = THIS.set(daemon);
}

fn daemon() -> Option<&'static Daemon> {
    THIS.get().or_else(|| DAEMON.get())
}

/// Another process is the daemon that runs on this configuration. The first one counts.
pub fn runs_as(daemon: Daemon) {
    let _ = DAEMON.set(daemon);
}

/// One runs that reads another configuration: no signal to it changes anything here, and all it can be told is to stop.
pub fn another_runs(daemon: Daemon) {
    let _ = OTHER.set(daemon);
}

/// `command`: what shows that something was mended, for a command that asks by itself and knows of no daemon. The first
/// one counts.
pub fn without_daemon(command: String) {
    let _ = INSTEAD.set(command);
}

/// From now on: the daemon in this process read its configuration again.
pub fn restarts(next: NextStart) {
    *NEXT_START.lock().unwrap_or_else(PoisonError::into_inner) = next;
}

/// Whether systemd starts the daemon on this configuration. The first word counts.
pub fn is_a_service(is_one: bool) {
    let _ = SERVICE.set(is_one);
}

/// What is told of the unit is typed with sudo, as in the guides: who reads it may be anybody, and root loses nothing by it.
fn unit(verb: &str) -> String {
    format!("sudo systemctl {verb} gatepost")
}

/// What starts the daemon.
pub fn start() -> String {
    match SERVICE.get() {
        Some(true) => unit("start"),
        _ => format!("{} run", gatepost()),
    }
}

/// What has it start on what the configuration says now: again, where another process is the daemon that runs.
pub fn start_anew() -> String {
    match daemon() {
        Some(Daemon::Process(process) | Daemon::Demo(process)) if *process == std::process::id() => start(),
        None => start(),
        Some(_) => restart(),
    }
}

/// Where no configuration is known, it may be started by the unit as well.
pub fn is_start_known() -> bool {
    SERVICE.get().is_some()
}

/// Whether one is known to run on this configuration.
pub fn is_daemon_known() -> bool {
    daemon().is_some()
}

/// What makes the daemon read its configuration again. Where none is known to run, what asks in its place; else as the
/// packages have it.
pub fn reload() -> String {
    known_or_instead(Daemon::reload)
}

/// The command that asks by itself, with which whoever runs it goes on.
pub fn again() -> &'static str {
    INSTEAD.get().map_or_else(gatepost, String::as_str)
}

/// What ends the daemon that reads another configuration: never the one on this.
pub fn stop_the_other() -> String {
    OTHER.get().map_or_else(|| "kill <pid>".to_owned(), |other| other.stop())
}

/// What ends the daemon and starts it again, or likewise what asks in its place, for what stands between backticks. Where that
/// would fail, what tells why, and what to do first.
pub fn restart() -> String {
    match *NEXT_START.lock().unwrap_or_else(PoisonError::into_inner) {
        NextStart::SeesTheEnd => known_or_instead(Daemon::restart),
        NextStart::OnAnotherStore => known_or_instead(Daemon::restart_behind_its_end),
        NextStart::Fails => "gatepost doctor".to_owned(),
    }
}

/// The same for one behind which another store is used.
pub fn restart_elsewhere() -> String {
    match *NEXT_START.lock().unwrap_or_else(PoisonError::into_inner) {
        NextStart::SeesTheEnd | NextStart::OnAnotherStore => known_or_instead(Daemon::restart_behind_its_end),
        NextStart::Fails => "gatepost doctor".to_owned(),
    }
}

/// The same as it is told: each command between backticks, and ours as it is called.
pub fn restart_told() -> String {
    as_called(&format!("`{}`", restart()))
}

/// The same for one that hangs.
pub fn restart_by_force() -> String {
    known_or_instead(Daemon::restart_by_force)
}

/// From now on: the daemon that was to be this process does not start.
pub fn starts_not() {
    FAILED.store(true, Ordering::Relaxed);
}

/// Whether it is so.
pub fn is_start_refused() -> bool {
    FAILED.load(Ordering::Relaxed)
}

fn known_or_instead(says: fn(Daemon) -> String) -> String {
    if is_start_refused() {
        return start();
    }
    match (daemon(), INSTEAD.get()) {
        (None, Some(command)) => command.clone(),
        // No unit reads this file, and nothing that runs does.
        (None, None) if SERVICE.get() == Some(&false) => start(),
        (daemon, _) => says(daemon.copied().unwrap_or(Daemon::Unit)),
    }
}

/// What begins every command of ours that a person is told to type.
pub fn gatepost() -> &'static str {
    CALL.get().map_or("gatepost", String::as_str)
}

/// The text with our commands in backticks as they are called here. Twice changes nothing more.
pub fn as_called(text: &str) -> String {
    with(text, gatepost())
}

fn with(text: &str, call: &str) -> String {
    let (bare, called) = ("`gatepost ", format!("`{call} "));
    let plain = text.replace(&called, bare);
    let mut parts = plain.split(bare);
    let first = parts.next().unwrap_or_default().to_owned();
    // A command that names a configuration means that one, and the demonstration has its own.
    let has_its_own = |part: &str| part.starts_with("--config ") || part.starts_with("demo");
    parts.fold(first, |text, part| text + if has_its_own(part) { bare } else { &called } + part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_that_no_unit_runs_is_reloaded_and_restarted_by_its_number() {
        assert_eq!(Daemon::Unit.reload(), "sudo systemctl reload gatepost");
        assert_eq!(Daemon::Unit.restart(), "sudo systemctl restart gatepost");
        assert_eq!(Daemon::Process(7).reload(), "kill -HUP 7");
        assert_eq!(Daemon::Process(7).restart(), "kill 7`, `gatepost run");
        let waited_for = "kill 7`, `while kill -0 7 2>/dev/null; do sleep 1; done`, `gatepost run";
        assert_eq!(Daemon::Process(7).restart_behind_its_end(), waited_for);
        assert_eq!(Daemon::Unit.restart_behind_its_end(), Daemon::Unit.restart());
        assert_eq!(Daemon::Process(7).restart_by_force(), "kill -KILL 7`, `gatepost run");
        assert_eq!(Daemon::Demo(7).restart(), "kill 7`, `gatepost demo");
    }

    #[test]
    fn commands_of_ours_name_the_file_once_and_nothing_else_changes() {
        let text = "`gatepost login ann@x` or `curl x`; gatepost runs, and so does `gatepost`.";
        let called = "`gatepost --config 'a b' login ann@x` or `curl x`; gatepost runs, and so does `gatepost`.";
        assert_eq!(with(text, "gatepost --config 'a b'"), called);
        assert_eq!(with(called, "gatepost --config 'a b'"), called);
        assert_eq!(with(text, "gatepost"), text);
        let other = "`gatepost --config /other.toml doctor`";
        for other in [other, "`gatepost demo --help`"] {
            assert_eq!(with(other, "gatepost --config 'a b'"), other);
        }
    }
}
