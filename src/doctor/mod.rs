//! What is wrong, in which layer, and what to do: a look at everything between a client and its mail, in its order.
//!
//! It changes nothing beyond what a refresh of a token saves, as `doctor --help` says, and sends nothing unless asked to. It uses the daemon's own
//! parts (dial, token, sign-on), so that it sees what the daemon sees, and works with and without a daemon. What lies
//! behind a failed layer is skipped and says so: one cause is told once. Every wait has a deadline, and so has all of it:
//! what was not looked at by then is said. It refuses to show a token, and to guess: where nothing proves a thing, the
//! check says what would.

mod account;
mod apart;
pub mod bundle;
mod claims;
mod clients;
mod daemon;
mod draw;
mod files;
mod graph;
pub mod greeting;
mod identity;
mod letter;
mod listeners;
mod look;
mod next;
pub mod owner;
mod queue;
mod refused;
mod report;
mod scope;
mod send;
mod sign_on;
mod token;
mod way;
mod words;

use std::path::Path;

use futures_util::{
    future::join_all,
    stream::{self, StreamExt},
};
use tokio::time::{Instant, timeout_at};

pub use draw::{Marks, explanation, explanation_of_each, id_in, line, said_in, summary};
pub use identity::clock_off;
pub use refused::refused_message;
pub use report::{Check, Explained, Layer, Outcome, Report};
pub use scope::{Scope, SendTo, WITHIN};
pub use words::found;

use self::{
    account::Ask,
    daemon::Running,
    files::Kept,
    identity::Found,
    look::Look,
    next::Who,
    token::Means,
    words::{Name, Said},
};
use crate::{
    base::Lang,
    catalog::doctor::LOOK_UNFINISHED,
    config::{Config, Problem, Problems},
    oauth::App,
};

/// Accounts that are looked at side by side.
const AT_ONCE: usize = 4;

/// Looks at everything in `scope`; `on_check` hears of each check as soon as it is done. Not cancel safe: a refresh of a
/// token may be under way.
pub async fn examine(config: &Config, scope: &Scope, on_check: &mut (dyn FnMut(&Check) + Send)) -> Report {
    let mut desk = Desk { checks: Vec::new(), on_check };
    desk.note(configuration(scope));
    let running = if scope.offline { Running::default() } else { Running::ask(config, &scope.file).await };
    let (checks, kept) = files::look(config, scope, &running).await;
    desk.note_all(checks);
    let asleep = queue::asleep(scope, config, &kept).await;
    match scope.offline {
        true => {
            desk.note_all(token::stored(scope, config, &kept).await);
            desk.note_all(daemon::unasked(scope, config));
        }
        false => online(config, scope, kept, running, &mut desk).await,
    }
    desk.note_all(asleep);
    Report::new(desk.checks, scope.offline, &scope.file)
}

/// For whom an app is asked: one of its accounts stands for all.
fn who_asks(scope: &Scope, config: &Config, app: &App) -> Who {
    let one = scope.accounts(config).into_iter().find(|account| account.sign_in.app.name == app.name);
    one.map_or_else(|| Who::of_app(app), |account| account::who_of(&account))
}

async fn online(config: &Config, scope: &Scope, kept: Kept, running: Running, desk: &mut Desk<'_>) {
    let began = Instant::now();
    let deadline = began + scope.within;
    let means = match Means::new(config, scope, kept, &running).await {
        Ok(means) => means,
        Err(check) => return desk.note(check),
    };
    let targets = way::targets(config, scope);
    let ways = join_all(targets.iter().map(|target| way::walk(scope.lang, &means, target, deadline))).await;
    let mut open = way::Open::default();
    for (target, walked) in targets.iter().zip(ways) {
        open.note(target, &walked);
        desk.note_all(walked.checks);
    }
    let apps = scope.apps(config);
    let known: Vec<Who> = apps.iter().map(|app| who_asks(scope, config, app)).collect();
    let asked = apps.iter().zip(&known);
    let asked = asked.map(|(app, who)| timeout_at(deadline, identity::look(scope.lang, &means, app, &open, who)));
    let mut providers = identity::Providers::default();
    for (app, asked) in apps.iter().zip(join_all(asked).await) {
        let (checks, found) = asked.unwrap_or_else(|_| (vec![unfinished(scope, app)], Found::default()));
        desk.note_news(checks);
        providers.note(app, found);
    }
    let accounts = scope.accounts(config);
    let asks = accounts.iter().map(|account| {
        let account = account.as_ref();
        Ask { scope, config, means: &means, account, open: &open, providers: &providers }
    });
    let asks: Vec<Ask<'_>> = asks.collect();
    let looks: Vec<_> = asks.iter().map(|ask| account::look(*ask, deadline)).collect();
    let mut looks = stream::iter(looks).buffered(AT_ONCE);
    let mut found = Vec::new();
    while let Some(looked) = looks.next().await {
        desk.note_all(looked.checks.iter().cloned());
        found.push(looked);
    }
    for (ask, found) in asks.iter().zip(&found) {
        if let Some(to) = scope.send_to(ask.account) {
            desk.note_all(account::send(ask, to, found, &clients::refused_senders(scope, &running, ask.account)).await);
        }
    }
    desk.note_all(scope.unnamed(config));
    means.stop().await;
    let running = running.told_of_sign_ons(scope, config, &desk.checks, began).await;
    let looked = daemon::look(scope, config, &running, &desk.checks).await;
    desk.note_all(looked);
    let remembered = daemon::memory(scope, config, &running, &desk.checks).await;
    desk.note_all(remembered);
    let moves = queue::moves(scope, config, &running, &desk.checks);
    desk.note_all(moves);
    let met = clients::look(scope, config, &running, &desk.checks);
    desk.note_all(met);
}

fn unfinished(scope: &Scope, app: &App) -> Check {
    let look = Look::at(scope.lang, Layer::Http, Name::Unfinished).target(identity::bare(&app.token_url));
    look.fail(Said::TimeIsOver, &LOOK_UNFINISHED.fault(), &Who::of_app(app))
}

/// Where checks are put down.
struct Desk<'a> {
    checks: Vec<Check>,
    on_check: &'a mut (dyn FnMut(&Check) + Send),
}

impl Desk<'_> {
    fn note(&mut self, check: Check) {
        (self.on_check)(&check);
        self.checks.push(check);
    }

    /// Of a provider, which several apps ask: what was said of it word by word already, or of its clock, is no news.
    fn note_news(&mut self, checks: Vec<Check>) {
        for check in checks {
            let is_same = |one: &Check| {
                (one.name, &one.target, one.outcome) == (check.name, &check.target, check.outcome)
                    && (one.layer == Layer::Clock || one.outcome == Outcome::Pass && one.detail == check.detail)
            };
            if !self.checks.iter().any(is_same) {
                self.note(check);
            }
        }
    }

    fn note_all(&mut self, checks: impl IntoIterator<Item = Check>) {
        checks.into_iter().for_each(|check| self.note(check));
    }
}

/// It was checked when it was loaded: what is left is to tell of warnings.
fn configuration(scope: &Scope) -> Check {
    let look = Look::at(scope.lang, Layer::Config, Name::Configuration);
    let file = scope.file.display().to_string();
    let told = |one: &Problem| {
        let (text, hint) = one.told(scope.lang);
        let hint = hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        let place = if one.line == 0 { String::new() } else { format!("{}:{} ", one.line, one.column) };
        format!("{place}{text}{hint}")
    };
    let warnings: Vec<String> = scope.warnings.iter().map(told).collect();
    look.pass(match warnings.is_empty() {
        true => Said::Plain(file),
        false => Said::Warnings { file, warnings },
    })
}

/// A configuration that is refused, and the daemon that runs on without it. `sound`: what of the file is enough to ask it.
pub async fn refused(problems: &Problems, sound: Option<&Config>, lang: Lang) -> Report {
    let scope = Scope::all(&problems.file, lang);
    let closed = sound.filter(|_| problems.are_of_rights()).and_then(|config| files::closed(config, &scope));
    if let Some(check) = closed {
        return Report::new(vec![check], false, Path::new(&problems.file));
    }
    let look = Look::at(lang, Layer::Config, Name::Configuration);
    let fault = problems.entry().fault();
    let errors: Vec<String> = problems.told(lang).lines().map(str::to_owned).collect();
    let mut checks = vec![look.fail(Said::Lines(errors), &fault, &Who::default())];
    if let Some(config) = sound {
        let running = Running::ask(config, &scope.file).await;
        if running.is_running() {
            checks.extend(daemon::running_on(&scope, &running));
            checks.extend(clients::look(&scope, config, &running, &[]));
        }
    }
    Report::new(checks, false, Path::new(&problems.file))
}
