//! `gatepost run`: the daemon with signals, readiness and the drain around it.

use std::{path::Path, time::Duration};

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::{
    Daemon, StartFault, endings, memory, pending,
    supervisor::{self, Asked, Signals},
};
use crate::{
    account::{BY_LOGIN, account_of},
    base::{
        Lang,
        invocation::{self, NextStart},
    },
    catalog::{
        Advice, Entry,
        doctor::{CONFIGURATION_GONE, RESTART_PENDING},
        message::SENDER_NOT_ALLOWED,
        own::{AUTHENTICATION_REQUIRED, TOO_FEW_OPEN_FILES},
    },
    config::{self, Config, Problems, Severity},
    console::{Problem, Refused},
    store::{self, StoreError},
};

/// What a daemon needs to end, beyond the time that its sessions have.
const STOPPED_WITHIN: Duration = Duration::from_secs(5);
/// A daemon that was told to stop says that it does.
const SAID_WITHIN: Duration = Duration::from_millis(500);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Runs until SIGTERM or SIGINT; a second one does not wait for what is open. `file` is read again at SIGHUP.
pub async fn run(config: Config, file: &Path) -> Result<(), StartFault> {
    memory::map_large_blocks();
    invocation::is_this(store::daemon_at(std::process::id()));
    let mut signals = Signals::new().map_err(|cause| StartFault::Io {
        entry: TOO_FEW_OPEN_FILES,
        what: "cannot listen for signals",
        cause,
    })?;
    let mut daemon = tokio::select! {
        started = start(&config, file) => started.inspect_err(|_| invocation::starts_not())?,
        // A store that another program holds may keep it waiting.
        () = signals.stop() => {
            info!("stopped before it had started");
            return Ok(());
        }
    };
    daemon.note_configuration(file);
    pending::recall(&daemon, file).await;
    endings::warn_of(&daemon.calendar);
    let trimming = tokio::spawn(memory::trim_after_bursts(daemon.open_sessions()));
    for bound in daemon.bound() {
        info!(protocol = %bound.protocol, address = %bound.address, tls = bound.tls_word(), "listening");
    }
    if let Some(at) = daemon.console_at() {
        info!("console, status and metrics on http://{at}");
    }
    supervisor::ready(&summary(&daemon, &config)).await;
    // Also through the drain: it ends with the runtime.
    let health = daemon.health();
    tokio::spawn(supervisor::feed_watchdog(move || {
        let health = health.clone();
        async move { health.is_fine().await }
    }));
    let mut running = config;
    loop {
        match signals.next().await {
            Asked::Stop => break,
            Asked::Reload => {
                supervisor::reloading().await;
                running = reload(&daemon, running, file).await;
                supervisor::ready(&summary(&daemon, &running)).await;
            }
        }
    }
    info!("stopping");
    supervisor::stopping().await;
    trimming.abort();
    pending::announced_at_the_end(&daemon, file).await;
    tokio::select! {
        () = daemon.drain() => {}
        () = signals.stop() => warn!("told to stop a second time: what is still open is cut off"),
    }
    Ok(())
}

/// Who types `kill N` and this behind it meets a daemon that ends its sessions: it is waited for, as long as it may take.
async fn start(config: &Config, file: &Path) -> Result<Daemon, StartFault> {
    let began = Instant::now();
    let patience = config.daemon.drain + STOPPED_WITHIN;
    let mut is_said = false;
    loop {
        let (is_stopping, fault) = match Daemon::start(config).await {
            Err(StartFault::Store(fault @ StoreError::InUse { is_stopping, .. })) => (is_stopping, fault),
            started => return started,
        };
        // One that was told to stop a moment ago may not have said so yet.
        let waits = if is_stopping { patience } else { SAID_WITHIN };
        if began.elapsed() >= waits {
            return Err(in_the_way(fault, file));
        }
        if is_stopping && !std::mem::replace(&mut is_said, true) {
            info!("{fault}; it is stopping, and waited for up to {} s", patience.as_secs());
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// One that runs on this very file is what was asked for.
fn in_the_way(fault: StoreError, file: &Path) -> StartFault {
    match fault {
        StoreError::InUse { process: Some(process), daemon: Some(daemon), reads: Some(reads), .. }
            if store::is_same_file(&reads, file) =>
        {
            StartFault::RunsAlready { process, daemon }
        }
        fault => fault.into(),
    }
}

/// For `systemctl status`.
fn summary(daemon: &Daemon, config: &Config) -> String {
    let (listeners, accounts, domains) = (daemon.bound().len(), config.accounts.len(), config.domains.len());
    match domains {
        0 => format!("{listeners} listeners, {accounts} accounts"),
        _ => format!("{listeners} listeners, {accounts} accounts, {domains} whole domains"),
    }
}

/// What somebody should know of a configuration that is taken over.
pub fn note_warnings(warnings: &Problems) {
    for problem in &warnings.problems {
        let (place, (text, hint)) = (warnings.place(problem), problem.told(Lang::En));
        warn!(hint, "configuration: {place}: {text}");
    }
}

fn told(problems: &Problems, problem: &config::Problem, lang: Lang) -> Problem {
    let (text, hint) = problem.told(lang);
    // Of one that was there before, the step is another one.
    let hint = hint.filter(|_| !problems.is_missing);
    Problem { what: format!("{}: {text}", problems.place(problem)), hint }
}

/// What is wrong with a configuration, in both languages: the log has all of it, and status and console the first.
fn refuse(daemon: &Daemon, entry: &'static Entry, mut problems: impl Iterator<Item = [Problem; 2]>) {
    let Advice { id, text, owner, next } = entry.advice();
    let say = |Problem { what, hint }: &Problem| {
        error!(id, text, owner, next, hint, "the configuration was not taken over, nothing changed: {what}");
    };
    // None could start on that file.
    invocation::restarts(NextStart::Fails);
    let Some([en, ja]) = problems.next() else { return };
    say(&en);
    problems.for_each(|[en, _]| say(&en));
    if let Some(loaded) = daemon.loaded() {
        loaded.note_refused(Refused { at: Timestamp::now(), entry, en, ja });
    }
}

/// A bad file changes nothing. The configuration that runs now.
pub async fn reload(daemon: &Daemon, running: Config, file: &Path) -> Config {
    let new = match config::load(file) {
        Ok((new, warnings)) => {
            note_warnings(&warnings);
            new
        }
        Err(problems) => {
            let errors = problems.problems.iter().filter(|one| one.severity == Severity::Error);
            let entry = if problems.is_missing { CONFIGURATION_GONE } else { problems.entry() };
            refuse(daemon, entry, errors.map(|one| Lang::ALL.map(|lang| told(&problems, one, lang))));
            return running;
        }
    };
    let next_store = pending::announced(daemon, &new).await;
    if let Err(fault) = daemon.reload(&new) {
        let what = fault.to_string();
        let told = Lang::ALL.map(|lang| Problem { what: config::said(&what, lang), hint: None });
        refuse(daemon, fault.entry(), [told].into_iter());
        pending::withdrawn(daemon);
        return running;
    }
    let gate = daemon.current();
    // Who was refused as that sender is so no more; whether the mail server lets it pass is seen when a message goes.
    gate.meter.recent.allowed(SENDER_NOT_ALLOWED.id, |account, sender| {
        account_of(account, &new.accounts, &new.domains).is_some_and(|one| one.may_send_as(sender))
    });
    // Of whom it no longer has nothing more is heard that could end what befell them.
    gate.meter.recent.configured(
        |client| client == BY_LOGIN || new.clients.iter().any(|one| one.name == client),
        |account| account_of(account, &new.accounts, &new.domains).is_some(),
    );
    let sign_in = |config: &Config, account: &str| {
        account_of(account, &config.accounts, &config.domains).map(|one| one.sign_in.key())
    };
    gate.meter.recent.signs_in_otherwise(|account| {
        let before = sign_in(&running, account);
        before.is_some() && before != sign_in(&new, account)
    });
    gate.meter.recent.admitted(AUTHENTICATION_REQUIRED.id, |peer| gate.register.by_address(peer).is_some());
    let change = config::diff(&running, &new);
    if change.is_empty() {
        info!("configuration read again, nothing changed");
    } else {
        info!("configuration taken over: {change}");
    }
    endings::warn_of(&daemon.calendar);
    let needs_restart = pending::left_to_a_restart(daemon, &running, &new, &change, &next_store);
    if let Some(what) = &needs_restart {
        let Advice { id, text, owner, next } = RESTART_PENDING.advice_of(&pending::known(daemon, &next_store));
        warn!(id, text, owner, next, "until a restart the daemon runs on without what is new of {what}");
    }
    daemon.loaded().into_iter().for_each(|loaded| loaded.note_needs_restart(needs_restart.clone()));
    // What takes a restart runs on as it was, and is named again by the next reload.
    let Config { store, listeners, .. } = running;
    let console = config::model::Console { listen: running.console.listen, ..new.console };
    Config { store, listeners, console, ..new }
}
