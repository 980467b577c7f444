//! What is wrong, in which layer, and what to do: a look at everything between a client and its mail, in its order.
//!
//! It changes nothing beyond what a refresh of a token saves, and sends nothing unless asked to. It uses the daemon's own
//! parts (dial, token, sign-on), so that it sees what the daemon sees, and works with and without a daemon. What lies
//! behind a failed layer is skipped and says so: one cause is told once. Every wait has a deadline. It refuses to show a
//! token, and to guess: where nothing proves a thing, the check says what would.

mod account;
pub mod bundle;
mod claims;
mod clients;
mod daemon;
mod draw;
mod files;
mod graph;
mod identity;
mod letter;
mod look;
mod next;
mod report;
mod scope;
mod send;
mod sign_on;
mod token;
mod way;
mod words;

use std::sync::Arc;

use futures_util::future::join_all;

pub use draw::{Marks, explanation, line, summary};
pub use report::{Check, Explained, Layer, Outcome, Report};
pub use scope::Scope;

use self::{
    daemon::Running,
    look::Look,
    next::Who,
    token::Means,
    words::{Name, Said},
};
use crate::{
    base::Lang,
    catalog::doctor::CONFIGURATION_REFUSED,
    config::{Config, Problems},
    store::Store,
};

/// Looks at everything in `scope`; `on_check` hears of each check as soon as it is done. Not cancel safe: a refresh of a
/// token may be under way.
pub async fn examine(config: &Config, scope: &Scope, on_check: &mut (dyn FnMut(&Check) + Send)) -> Report {
    let mut desk = Desk { checks: Vec::new(), on_check };
    desk.note(configuration(scope));
    let (checks, store) = files::look(config, scope).await;
    desk.note_all(checks);
    match scope.offline {
        true => desk.note_all(token::stored(scope, config, store.as_ref()).await),
        false => online(config, scope, store, &mut desk).await,
    }
    Report::new(desk.checks, scope.offline)
}

async fn online(config: &Config, scope: &Scope, store: Option<Arc<Store>>, desk: &mut Desk<'_>) {
    let running = Running::ask(config).await;
    let means = match Means::new(config, scope, store, &running).await {
        Ok(means) => means,
        Err(check) => return desk.note(check),
    };
    let targets = way::targets(config, scope);
    let ways = join_all(targets.iter().map(|target| way::walk(scope.lang, &means, target))).await;
    let mut open = way::Open::default();
    for (target, walked) in targets.iter().zip(ways) {
        open.note(target, &walked);
        desk.note_all(walked.checks);
    }
    let mut providers = identity::Providers::default();
    for app in scope.apps(config) {
        let one = scope.accounts(config).into_iter().find(|account| account.sign_in.app.name == app.name);
        let who = one.map_or_else(|| Who::of_app(&app), |account| account::who_of(&account));
        let (checks, found) = identity::look(scope.lang, &means, &app, &open, &who).await;
        desk.note_all(checks);
        providers.note(&app, found);
    }
    for account in scope.accounts(config) {
        account::examine(scope, config, &means, &account, &open, &providers, desk).await;
    }
    desk.note_all(scope.unnamed(config));
    means.stop().await;
    desk.note_all(daemon::look(scope, config, &running).await);
    desk.note_all(clients::look(scope, &running));
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

    fn note_all(&mut self, checks: impl IntoIterator<Item = Check>) {
        checks.into_iter().for_each(|check| self.note(check));
    }
}

/// It was checked when it was loaded: what is left is to tell of warnings.
fn configuration(scope: &Scope) -> Check {
    let look = Look::at(scope.lang, Layer::Config, Name::Configuration);
    let file = scope.file.display().to_string();
    let warnings: Vec<String> =
        scope.warnings.iter().map(|one| format!("{}:{} {}", one.line, one.column, one.text)).collect();
    look.pass(match warnings.is_empty() {
        true => Said::Plain(file),
        false => Said::Warnings { file, warnings },
    })
}

/// Of a configuration that is refused there is nothing else to look at.
pub fn refused(problems: &Problems, lang: Lang) -> Report {
    let look = Look::at(lang, Layer::Config, Name::Configuration);
    let fault = CONFIGURATION_REFUSED.fault();
    let errors: Vec<String> = problems.to_string().lines().map(str::to_owned).collect();
    let check = look.fail(Said::Lines(errors), &fault, &Who::default());
    Report::new(vec![check], false)
}
