//! The queue: whether its directory takes messages and has room for them, and whether what waits there moves.
//!
//! Nothing is said of it where nobody uses it. It names no message: that is for `gatepost queue`.

use std::{fs, io, path::Path};

use serde_json::Value;

use super::{
    account::{is_in_the_way, who_of},
    daemon::Running,
    files::Kept,
    look::Look,
    next::Who,
    report::{Check, Layer, Outcome},
    scope::Scope,
    words::{Name, Said},
};
use crate::{
    account::{Account, Delivery, Occasion, Route, Rules, account_of},
    base::{Protocol, Stage},
    catalog::{
        self, Entry,
        doctor::REFUSAL_REMEMBERED,
        graph::{GRAPH_ACCESS_DENIED, GRAPH_REFUSES},
        own::{
            MAIL_AWAITS_DAEMON, MAIL_DEFERRED, MAIL_LEFT_BEHIND, QUEUE_FAILING, QUEUE_FILLS_UP, QUEUE_FULL,
            SENDER_NOT_TOLD,
        },
    },
    config::Config,
    oauth::Resource,
    queue::{MOST_MESSAGES, STUCK, hold},
    spool, store,
};

/// Whether somebody's messages are kept here before they go.
fn is_used(config: &Config) -> bool {
    let of_accounts = config.accounts.iter().any(|account| account.sending.delivery == Delivery::Queue);
    let of_domains = config.domains.iter().any(|domain| domain.sending.delivery == Delivery::Queue);
    let keeps = |rules: &Rules| rules.capture || rules.delivery == Some(Delivery::Queue);
    of_accounts || of_domains || config.clients.iter().any(|client| keeps(&client.rules))
}

/// What goes by Graph lies there, too, while its client waits.
fn is_by_graph(config: &Config) -> bool {
    config.accounts.iter().any(|account| account.sending.route == Route::Graph)
        || config.domains.iter().any(|domain| domain.sending.route == Route::Graph)
}

/// A message is a file there: one is written, and taken away again, unless nothing at all is to change.
pub(super) fn directory(scope: &Scope, config: &Config, database: &Path) -> Option<Check> {
    let directory = spool::beside(database);
    // The daemon makes it and looks into it whoever uses it, and does not start where it cannot.
    let is_in_the_way = || fs::read_dir(&directory).is_err_and(|error| error.kind() != io::ErrorKind::NotFound);
    let left = spool::left_beside(database);
    if !is_used(config) && !is_by_graph(config) && !is_in_the_way() && left.is_none() {
        return None;
    }
    let look = Look::at(scope.lang, Layer::Files, Name::QueueDirectory).target(directory.display().to_string());
    let is_there = directory.try_exists().unwrap_or(true);
    if !is_there && store::holder(&config.store).is_none() {
        return Some(look.skip(Said::MadeAtFirstStart));
    }
    let is_gone = store::is_missing(database);
    if let Some(left) = left.as_ref().filter(|_| is_gone) {
        return Some(bodies_left(look, left));
    }
    if is_there && let Err(error) = spool::refuse_others(&directory, database) {
        return Some(look.fault(&QUEUE_FAILING.fault().detail(error.to_string()), &Who::default()));
    }
    let written = if scope.offline { Ok(()) } else { spool::prove(&directory) };
    let (messages, used) = match written.and_then(|()| held_in(&directory)) {
        Ok(held) => held,
        Err(error) => {
            let fault = QUEUE_FAILING.fault().detail(format!("{}: {error}", directory.display()));
            return Some(look.fault(&fault, &Who::default()));
        }
    };
    if let Some(left) = &left {
        return Some(bodies_left(look, left));
    }
    Some(room(look, (messages, used), config.queue.max_bytes))
}

fn bodies_left(look: Look, left: &spool::LeftBodies) -> Check {
    let who = Who { left_folder: Some(left.folder.display().to_string()), ..Who::default() };
    look.fail(Said::BodiesLeft { files: left.messages }, &MAIL_LEFT_BEHIND.fault(), &who)
}

/// Of `held`, messages and their octets, either may be what there is no room for.
fn room(look: Look, held: (u64, u64), most: u64) -> Check {
    let (messages, used) = held;
    let said = Said::QueueRoom { messages, used, most };
    let nobody = Who::default();
    let reaches = |tenths: u64| {
        let is_there = |held: u64, most: u64| held.saturating_mul(10) >= most.saturating_mul(tenths);
        is_there(used, most) || is_there(messages, MOST_MESSAGES as u64)
    };
    match () {
        () if reaches(10) => look.fail(said, &QUEUE_FULL.fault(), &nobody),
        // What is left may be too little for a large message.
        () if reaches(9) => look.note(said, &QUEUE_FILLS_UP.fault(), &nobody),
        () => look.pass(said),
    }
}

/// Messages, and their octets.
fn held_in(directory: &Path) -> io::Result<(u64, u64)> {
    let (mut messages, mut octets) = (0, 0);
    for file in fs::read_dir(directory)? {
        let file = file?;
        if spool::is_message(&file.file_name()) {
            messages += 1;
            // One that was delivered meanwhile is gone.
            octets += file.metadata().map_or(0, |found| found.len());
        }
    }
    Ok((messages, octets))
}

/// What waits, as the daemon says: what stands still is named with its step, or, where this look got through, with what ends
/// the rest. `found`: what this look came to before.
pub(super) fn moves(scope: &Scope, config: &Config, running: &Running, found: &[Check]) -> Vec<Check> {
    let Some(queue) = running.status.as_ref().and_then(|status| status.get("queue")) else { return Vec::new() };
    let number = |name: &str| queue.get(name).and_then(Value::as_u64).unwrap_or_default();
    let still = || queue.get("standstills").and_then(Value::as_array).into_iter().flatten();
    let lost = queue.pointer("/lost/messages").and_then(Value::as_u64).map(|messages| {
        let look = Look::at(scope.lang, Layer::Daemon, Name::Queue);
        look.fail(Said::QueueLost { messages }, &SENDER_NOT_TOLD.fault(), &Who::default())
    });
    let returned = Some(number("returned")).filter(|messages| *messages > 0).map(|messages| {
        let look = Look::at(scope.lang, Layer::Daemon, Name::Queue);
        look.skip(Said::QueueReturned(messages))
    });
    let checks = still().filter_map(|one| stands_still(scope, config, running, one, found));
    let mut checks: Vec<Check> = checks.chain(lost).collect();
    checks.extend(held_for_faults(scope, config, running, number("held"), number("waiting")));
    if checks.is_empty() {
        checks = as_a_whole(scope, config, queue);
    }
    checks.extend(returned);
    checks
}

/// Where nothing stands still for whom this look is about.
fn as_a_whole(scope: &Scope, config: &Config, queue: &Value) -> Vec<Check> {
    let number = |name: &str| queue.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (waiting, held) = (number("waiting"), number("held"));
    let stands_for_others = queue.get("standstills").and_then(Value::as_array).is_some_and(|still| !still.is_empty());
    let look = Look::at(scope.lang, Layer::Daemon, Name::Queue);
    match (waiting, held) {
        // What is said of all would be said of accounts that nobody looks at.
        _ if stands_for_others => vec![look.skip(Said::QueueOfOthers)],
        (0, 0) if !is_used(config) => Vec::new(),
        (1.., _) if number("oldest-seconds") >= STUCK.as_secs() => {
            let minutes = number("oldest-seconds") / 60;
            vec![look.note(Said::QueueMoves { waiting, minutes }, &MAIL_DEFERRED.fault(), &Who::default())]
        }
        (_, 0) => vec![look.pass(Said::QueueMoves { waiting, minutes: number("oldest-seconds") / 60 })],
        _ => vec![look.skip(Said::QueueHolds { waiting, held })],
    }
}

/// What is held until a person looks at it, for a fault that stands: no look and no test message ends that.
fn held_for_faults(scope: &Scope, config: &Config, running: &Running, held: u64, waiting: u64) -> Vec<Check> {
    let faults = running.status.as_ref().and_then(|status| status.get("faults")?.as_array()).into_iter().flatten();
    let one = |fault: &Value| {
        let text = |name: &str| fault.get(name).and_then(Value::as_str);
        let entry = catalog::find(text("id")?).filter(|entry| hold::FAULTS.contains(&entry.id))?;
        let address = text("account")?;
        let is_meant = scope.accounts.is_empty() || scope.has(address);
        let stands = fault.get("worked-again-at").is_none_or(Value::is_null);
        let account = account_of(address, &config.accounts, &config.domains);
        let who = account.as_deref().map(who_of).unwrap_or_default();
        let look = Look::at(scope.lang, Layer::Daemon, Name::Queue).account(address);
        (is_meant && stands && held > 0).then(|| look.note(Said::QueueHolds { waiting, held }, &entry.fault(), &who))
    };
    faults.filter_map(one).collect()
}

/// What waits for a daemon that does not run: nothing of it goes, whatever else is well.
pub(super) async fn asleep(scope: &Scope, config: &Config, kept: &Kept) -> Option<Check> {
    let is_elsewhere = scope.is_beside_the_service || store::holder_before(&config.store, &scope.file).is_some();
    let store = kept.store().filter(|_| !is_elsewhere && store::holder(&config.store).is_none())?;
    let (waiting, held) = match scope.accounts.is_empty() {
        true => store.queue_figures().await.ok().map(|figures| (figures.waiting, figures.held))?,
        // What waits for others is theirs.
        false => {
            let (outlines, _) = store.queue_outlines().await.ok()?;
            let theirs = outlines.iter().filter(|one| scope.has(&one.account));
            theirs.fold(
                (0, 0),
                |(waiting, held), one| if one.hold.is_some() { (waiting, held + 1) } else { (waiting + 1, held) },
            )
        }
    };
    let look = Look::at(scope.lang, Layer::Daemon, Name::Queue);
    match (waiting, held) {
        (0, 0) => None,
        (0, _) => Some(look.skip(Said::QueueHolds { waiting, held })),
        _ if scope.starts_behind => Some(look.skip(Said::QueueAwaitsDaemon(waiting))),
        _ => Some(look.fail(Said::QueueAwaitsDaemon(waiting), &MAIL_AWAITS_DAEMON.fault(), &Who::default())),
    }
}

fn stands_still(scope: &Scope, config: &Config, running: &Running, one: &Value, found: &[Check]) -> Option<Check> {
    let text = |name: &str| one.get(name).and_then(Value::as_str);
    let entry = catalog::find(text("id")?)?;
    let address = text("account");
    if address.is_some_and(|address| !scope.accounts.is_empty() && !scope.has(address)) {
        return None;
    }
    let waiting = one.get("waiting").and_then(Value::as_u64).unwrap_or_default();
    let mut look = Look::at(scope.lang, Layer::Daemon, Name::Queue);
    let mut who = Who::default();
    if let Some(address) = address {
        look = look.account(address);
        let account = account_of(address, &config.accounts, &config.domains);
        who = account.as_ref().map(|account| on_its_way(account, entry, running)).unwrap_or_default();
        who.object_id = running.object_id(address);
        // Its account may be in no configuration any more.
        who.address = Some(address.to_owned());
        if account.is_some_and(|account| is_mended(&account, entry, found)) {
            let fault = REFUSAL_REMEMBERED.fault().detail(entry.id);
            let is_repeated = found.iter().any(|check| check.is_of(REFUSAL_REMEMBERED));
            return Some(Check { is_repeated, ..look.note(Said::QueueRests { id: entry.id, waiting }, &fault, &who) });
        }
    }
    let again = one.get("tried-again-at").and_then(Value::as_u64).filter(|_| entry.passes_by_itself);
    let again = again.and_then(|at| jiff::Timestamp::from_second(i64::try_from(at).ok()?).ok());
    let said = Said::QueueStandsStill { id: entry.id, waiting, again };
    // What passes by itself fails nothing: that is what a queue is for.
    Some(match entry.passes_by_itself {
        true => look.note(said, &entry.fault(), &who),
        false => look.fail(said, &entry.fault(), &who),
    })
}

/// With the server and proxy of the way on which it stands still: to the mail server, or to the identity provider for a token.
fn on_its_way(account: &Account, entry: &Entry, running: &Running) -> Who {
    let is_of_token = running.fault_of(&account.address, Resource::Mail).is_some_and(|(id, _)| id == entry.id);
    if account.sending.route != Route::Smtp {
        return who_of(account);
    }
    let stage = is_of_token.then_some(Stage::FetchingToken);
    let known = account.known(&Occasion { protocol: Some(Protocol::Smtp), stage, ..Occasion::default() });
    Who { host: known.host, port: known.port, proxy: known.proxy, protocol: known.protocol, ..who_of(account) }
}

/// This look got through where the queue last did not, and a reload lets that try again. What befalls messages on an open way,
/// only a message proves.
fn is_mended(account: &Account, entry: &Entry, found: &[Check]) -> bool {
    let own = || found.iter().filter(|check| check.account.as_deref() == Some(&account.address));
    let passed = |layer: Layer, name: Name| {
        own().any(|check| check.layer == layer && check.name == name.as_str() && check.outcome == Outcome::Pass)
    };
    let (by_smtp, by_graph) = (passed(Layer::Smtp, Name::SignOn), passed(Layer::Graph, Name::GraphMailbox));
    let is_open = match account.sending.route {
        Route::Smtp => by_smtp,
        Route::Graph => by_graph,
        Route::SmtpThenGraph => by_smtp || by_graph,
    };
    let is_of_messages = entry.stops_mailbox || [GRAPH_ACCESS_DENIED.id, GRAPH_REFUSES.id].contains(&entry.id);
    let is_proved = passed(Layer::Send, Name::TestMessage) || (is_open && !is_of_messages);
    is_proved && !entry.passes_by_itself && !own().any(|check| is_in_the_way(account, check))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Lang;

    #[test]
    fn a_queue_fills_up_by_octets_or_by_messages_whichever_is_first() {
        const MOST: u64 = MOST_MESSAGES as u64;
        let told = |held| room(Look::at(Lang::En, Layer::Files, Name::QueueDirectory), held, 1000);
        for (held, outcome, id) in [
            ((0, 0), Outcome::Pass, None),
            ((MOST * 9 / 10 - 1, 899), Outcome::Pass, None),
            ((1, 900), Outcome::Skipped, Some(QUEUE_FILLS_UP.id)),
            ((MOST * 9 / 10, 0), Outcome::Skipped, Some(QUEUE_FILLS_UP.id)),
            ((1, 1000), Outcome::Fail, Some(QUEUE_FULL.id)),
            ((MOST, 0), Outcome::Fail, Some(QUEUE_FULL.id)),
        ] {
            let check = told(held);
            let found = check.fault.as_ref().map(|fault| fault.id);
            assert_eq!((check.outcome, found), (outcome, id), "{held:?}");
        }
    }
}
