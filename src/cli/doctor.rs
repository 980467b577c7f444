//! `gatepost doctor`: looks at every layer, tells what fails first and what to do; makes the support bundle.

use std::{
    io::{self, IsTerminal, Write, stderr},
    path::Path,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use super::{
    args::DoctorArgs,
    config::{note_daemon, note_start},
    elsewhere, language,
    outcome::{CONFIG_REFUSED, Failure, Outcome},
    send,
    state::{account_in, block_on},
    status, terminal,
};
use crate::{
    base::{Lang, printable_json},
    config::{self, Config, Problems, Surroundings},
    doctor::{self, Check, Marks, Report, Scope, SendTo, bundle},
};

/// On a terminal, how long it has been silent.
const TICK: Duration = Duration::from_secs(1);

pub fn run(named: Option<&Path>, args: &DoctorArgs) -> Outcome {
    let lang = language::current();
    let view = View { json: args.json, marks: if language::is_utf8() { Marks::Signs } else { Marks::Ascii }, lang };
    let here = Surroundings::of_this_process(Path::new("gatepost.toml"));
    send::check_addresses(args.send.iter())?;
    // Before all that takes minutes.
    if let Some(bundle) = &args.bundle {
        bundle::prove_writable(bundle).map_err(|error| unwritable(bundle, &error))?;
    }
    let file = match config::locate(named, &here) {
        Ok(file) => file,
        Err(problems) => return refused(&view, &problems, None, args.bundle.as_deref()),
    };
    let (config, warnings) = match config::load(&file) {
        Ok(loaded) => loaded,
        Err(problems) => return refused(&view, &problems, Some(&file), args.bundle.as_deref()),
    };
    note_daemon(&config, &file);
    let elsewhere = elsewhere::find(&config, &file);
    match &elsewhere {
        Some(elsewhere) => terminal::note(&elsewhere.failure().to_string()),
        None => note_start(&config, &file),
    }
    let account = args.account.as_deref().map(|name| account_in(&config, name)).transpose()?;
    if args.send.is_some() && account.is_none() {
        one_alone(&config)?;
    }
    let scope = Scope {
        warnings: warnings.problems,
        accounts: account.into_iter().collect(),
        offline: args.offline,
        send: args.send.clone().map(SendTo::Address),
        within: Duration::from_secs(args.timeout),
        is_beside_the_service: elsewhere.is_some(),
        ..Scope::all(file, lang)
    };
    let report = block_on(async { Ok(watched(&config, &scope, &view).await) })?;
    view.end(&report)?;
    if let Some(bundle) = &args.bundle {
        make_bundle(bundle, &config, &report, &view)?;
    }
    if report.ok { Ok(()) } else { Err(Failure::silent(1)) }
}

/// A message goes out from one account alone, unless more are asked for by name: nobody wants a hundred.
fn one_alone(config: &Config) -> Outcome {
    let domains = config.domains.iter().map(|domain| format!("ann@{}", domain.sign_ins.domain));
    let all: Vec<String> = config.accounts.iter().map(|account| account.address.clone()).chain(domains).collect();
    if config.accounts.len() == 1 && all.len() == 1 {
        return Ok(());
    }
    let some = all.get(..all.len().min(20)).unwrap_or_default().join(", ");
    Err(Failure::usage(
        "--send needs the account that sends",
        format!("`gatepost doctor ACCOUNT --send TO`, of: {some}"),
    ))
}

/// For a command that goes on behind it: what fails of each account is explained, and nothing is called well yet.
pub(super) fn look(config: &Config, scope: &Scope) -> Result<Report, Failure> {
    let marks = if language::is_utf8() { Marks::Signs } else { Marks::Ascii };
    let view = View { json: false, marks, lang: scope.lang };
    let report = block_on(async { Ok(watched(config, scope, &view).await) })?;
    if !report.ok {
        let (text, explained) = doctor::explanation_of_each(&report, scope.lang);
        print(&format!("\n{text}{}", doctor::summary(&report, explained, scope.lang)))?;
    }
    Ok(report)
}

fn print(text: &str) -> Outcome {
    terminal::print(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}

/// `file`: which one it is, where one was found.
fn refused(view: &View, problems: &Problems, file: Option<&Path>, bundle: Option<&Path>) -> Outcome {
    let running_on = file.and_then(config::salvage);
    if let (Some(config), Some(file)) = (&running_on, file) {
        note_daemon(config, file);
        note_start(config, file);
    }
    let report = block_on(async { Ok(doctor::refused(problems, running_on.as_ref(), view.lang).await) })?;
    report.checks.iter().for_each(|check| view.check(check));
    view.end(&report)?;
    if let Some(bundle) = bundle {
        write_bundle(bundle, &bundle::of_refused(&report, &view.text(&report), file.and_then(config::outline)))?;
    }
    Err(Failure::silent(CONFIG_REFUSED))
}

fn make_bundle(file: &Path, config: &Config, report: &Report, view: &View) -> Outcome {
    let parts = block_on(async { Ok(bundle::gather(config, report, &view.text(report)).await) })?;
    write_bundle(file, &parts.with_status(|| status::without_daemon(config)))
}

fn write_bundle(file: &Path, parts: &bundle::Parts) -> Outcome {
    let written = bundle::write(file, parts);
    written.map_err(|error| unwritable(file, &error))?;
    terminal::note(&format!("{}: {}", file.display(), parts.names().join(", ")));
    Ok(())
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    let shown = file.display();
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(format!("{shown} is there already"), "name a file that is not there: nothing is overwritten")
        }
        _ => Failure::new(format!("{shown}: {error}"), "name a file in a directory that you may write to"),
    }
}

/// How it is told.
struct View {
    json: bool,
    marks: Marks,
    lang: Lang,
}

impl View {
    fn check(&self, check: &Check) {
        if !self.json {
            // A reader that went away is no failure.
            let _ = terminal::print(&doctor::line(check, self.marks, self.lang));
        }
    }

    /// All of it, as it is put into a file.
    fn text(&self, report: &Report) -> String {
        let lines: String = report.checks.iter().map(|check| doctor::line(check, self.marks, self.lang)).collect();
        format!("{lines}\n{}", doctor::explanation(report, self.lang))
    }

    fn end(&self, report: &Report) -> Outcome {
        let text = match self.json {
            true => {
                let json = serde_json::to_string_pretty(report);
                let json = json.map_err(|error| Failure::new(format!("JSON: {error}"), "report this"))?;
                format!("{}\n", printable_json(&json))
            }
            false => format!("\n{}{}", doctor::explanation(report, self.lang), doctor::summary(report, 1, self.lang)),
        };
        print(&text)
    }
}

/// Each line as soon as it is known; while there is none, a terminal shows that something goes on.
async fn watched(config: &Config, scope: &Scope, view: &View) -> Report {
    let progress = Progress { is_on: stderr().is_terminal(), shown: AtomicBool::new(false) };
    let began = Instant::now();
    let mut on_check = |check: &Check| {
        progress.clear();
        view.check(check);
    };
    let mut examined = pin!(doctor::examine(config, scope, &mut on_check));
    loop {
        tokio::select! {
            report = &mut examined => {
                progress.clear();
                return report;
            }
            () = tokio::time::sleep(TICK) => progress.tick(began.elapsed()),
        }
    }
}

/// One line on stderr that goes away again.
struct Progress {
    is_on: bool,
    shown: AtomicBool,
}

impl Progress {
    fn tick(&self, elapsed: Duration) {
        if self.is_on {
            self.shown.store(true, Ordering::Relaxed);
            // Nobody is left to tell if stderr is closed.
            let _ = write!(stderr(), "\r... {} s", elapsed.as_secs());
        }
    }

    fn clear(&self) {
        if self.shown.swap(false, Ordering::Relaxed) {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
