//! What clients met lately, as the daemon remembers it: TLS on the wrong port, logins that were never offered or used,
//! wrong passwords, messages that were refused, and the last faults.
//!
//! None of it fails the look: one wrong password or a port scanner says nothing of the set-up. What a client does wrong is
//! explained while it is new, and for as long as its account was not seen well since: nobody hears then that all is well.
//! What was said to a message no other layer looks at: it stands open, in full, until such a message goes, or the
//! configuration lets no such message pass any more, and a test message proves it.

use serde_json::Value;

use super::{
    account::{trip, who_of},
    daemon::Running,
    look::Look,
    next::Who,
    report::{Check, Explained, Layer, Outcome},
    scope::Scope,
    words::{Name, Over, Said, proof},
};
use crate::{
    account::{Account, account_of},
    base::{Owner, Stage, invocation::gatepost, printable},
    catalog::{
        self, Entry, doctor::REFUSAL_REMEMBERED, is_harmless, message::SENDER_NOT_ALLOWED, replies::AHEAD_OF_THE_QUEUE,
    },
    config::Config,
    queue::hold,
};

/// Seconds. What happened longer ago may be mended.
const JUST_NOW: u64 = 15 * 60;
/// What happened longer ago is history.
const RECENT: u64 = 24 * 3600;
/// Lines of it at most.
const MOST: usize = 12;
/// Of the words of a refusal.
const REPLY_CAP: usize = 160;
/// Of a client's name.
const NAME_CAP: usize = 100;

/// One fault of sessions, as the status has it.
struct Met<'a> {
    fault: &'a Value,
    entry: &'static Entry,
    /// In seconds.
    ago: u64,
}

/// Those of the last day that concern `scope`, the newest first.
fn met<'a>(scope: &Scope, running: &'a Running) -> Vec<Met<'a>> {
    let status = running.status.as_ref();
    let now = status.and_then(|status| status.get("at")?.as_u64()).unwrap_or_default();
    let faults = status.and_then(|status| status.get("faults")?.as_array()).into_iter().flatten();
    let one = |fault: &'a Value| {
        let ago = now.saturating_sub(fault.get("at")?.as_u64()?);
        let met = Met { fault, entry: catalog::find(text(fault, "id"))?, ago };
        let account = text(fault, "account");
        let is_meant = account.is_empty() || scope.accounts.is_empty() || scope.has(account);
        (is_meant && ago <= RECENT).then_some(met)
    };
    faults.rev().filter_map(one).collect()
}

fn text<'a>(fault: &'a Value, name: &str) -> &'a str {
    fault.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Met<'_> {
    fn is_over(&self) -> bool {
        self.fault.get("worked-again-at").is_some()
    }

    fn how_over(&self) -> Over {
        match self.entry.id {
            _ if text(self.fault, "account").is_empty() => Over::LetIn,
            // Whether the mail server lets it pass is another matter.
            id if id == SENDER_NOT_ALLOWED.id => Over::Allowed,
            _ => Over::Worked,
        }
    }

    /// Nothing else says how it is now: a message was refused for good, by whoever has to do something about it.
    fn stands_open(&self, account: &Account) -> bool {
        let is_ours_to_mend = self.entry.owner != Owner::Client && !self.entry.passes_by_itself;
        self.is_of_a_message() && is_ours_to_mend && !self.is_over() && !self.is_outdated(account)
    }

    /// By the configuration as it is now, a message like it hears something else.
    fn is_outdated(&self, account: &Account) -> bool {
        let is_of_send_as = self.entry.id == SENDER_NOT_ALLOWED.id;
        self.sender().is_some_and(|sender| account.may_send_as(sender) == is_of_send_as)
    }

    /// A layer of this look may show how it is now; whether the client is well, only the client.
    fn is_unproven(&self, account: Option<&Account>) -> bool {
        let is_settled = account.is_some_and(|account| self.stands_open(account) || self.is_outdated(account));
        let is_of_an_account = !text(self.fault, "account").is_empty() && !is_settled;
        let is_proven_otherwise = self.is_of_a_message() && self.is_the_clients();
        let is_recent = self.is_the_clients() && self.ago <= JUST_NOW;
        !self.is_over() && ((is_of_an_account && !is_proven_otherwise) || is_recent)
    }

    /// A test message goes past the queue and the rules of clients, and is no message of theirs: it proves nothing of what
    /// Gatepost itself refused, but for the sender, which it has; nor of one that is held.
    fn is_past_a_test(&self) -> bool {
        let id = self.entry.id;
        hold::FAULTS.contains(&id) || (AHEAD_OF_THE_QUEUE.contains(&id) && id != SENDER_NOT_ALLOWED.id)
    }

    fn is_the_clients(&self) -> bool {
        self.entry.owner == Owner::Client
    }

    fn is_of_a_message(&self) -> bool {
        [None, Some(Stage::Relaying.as_str())].contains(&self.fault.get("stage").and_then(Value::as_str))
    }

    /// From where it came, the last of them last.
    fn peers(&self) -> Vec<&str> {
        let peers = self.fault.get("peers").and_then(Value::as_array).into_iter().flatten();
        peers.filter_map(Value::as_str).collect()
    }

    fn sender(&self) -> Option<&str> {
        self.fault.get("sender").and_then(Value::as_str)
    }

    /// The `[[client]]` whose doing it is.
    fn client(&self) -> Option<String> {
        self.fault.get("client").and_then(Value::as_str).map(str::to_owned)
    }
}

/// Senders of this account that were refused lately, and that the configuration lets pass: whether they go by now is what
/// a test message is for.
pub(super) fn refused_senders(scope: &Scope, running: &Running, account: &Account) -> Vec<String> {
    let met = met(scope, running);
    let of_account = met.iter().filter(|one| text(one.fault, "account") == account.address);
    let senders = of_account.filter(|one| one.stands_open(account)).filter_map(Met::sender);
    senders.filter(|sender| account.may_send_as(sender)).map(str::to_owned).collect()
}

/// `found`: what this look came to before.
pub(super) fn look(scope: &Scope, config: &Config, running: &Running, found: &[Check]) -> Vec<Check> {
    if running.status.is_none() {
        return vec![Look::at(scope.lang, Layer::Clients, Name::Clients).skip(Said::NoDaemonToAsk)];
    }
    let mut checks: Vec<Check> =
        met(scope, running).iter().take(MOST).map(|one| told(scope, config, running, one, found)).collect();
    checks.extend(refused_messages(scope, config, running));
    if checks.is_empty() {
        checks.push(Look::at(scope.lang, Layer::Clients, Name::Clients).pass(Said::NoTrouble));
    }
    let mut told: Vec<(&'static str, String)> = Vec::new();
    for check in &mut checks {
        let Some(advice) = check.fault.as_ref().map(|fault| (fault.id, fault.next.clone())) else { continue };
        check.is_repeated = told.contains(&advice);
        told.push(advice);
    }
    checks
}

/// How many messages of each client came to nothing: some of it passed by itself, and no other line tells how much.
fn refused_messages(scope: &Scope, config: &Config, running: &Running) -> Vec<Check> {
    let rows = running.status.as_ref().and_then(|status| status.get("refused")?.as_array()).into_iter().flatten();
    let one = |row: &Value| {
        let number = |name: &str| row.get(name).and_then(Value::as_u64).unwrap_or_default();
        let client = row.get("client").and_then(Value::as_str);
        let of_client = || config.clients.iter().find(|one| Some(one.name.as_str()) == client);
        let account = match row.get("account").and_then(Value::as_str) {
            Some(address) => address.to_owned(),
            None => of_client()?.account.address.clone(),
        };
        let is_meant = scope.accounts.is_empty() || scope.has(&account);
        let look = Look::at(scope.lang, Layer::Clients, Name::RefusedMessages).account(&account);
        let look = match client {
            Some(name) => look.target(printable(name, NAME_CAP)),
            None => look,
        };
        let reply = row.get("reply").and_then(Value::as_str).map(|reply| printable(reply, REPLY_CAP));
        let said = Said::MessagesRefused { refused: number("refused"), messages: number("messages"), reply };
        is_meant.then(|| look.skip(said))
    };
    rows.filter_map(one).take(MOST).collect()
}

fn told(scope: &Scope, config: &Config, running: &Running, one: &Met<'_>, found: &[Check]) -> Check {
    let (entry, address) = (one.entry, text(one.fault, "account"));
    let mut look = Look::at(scope.lang, Layer::Clients, Name::of_fault(entry.id)).target(text(one.fault, "protocol"));
    if !address.is_empty() {
        look = look.account(address);
    }
    let times = one.fault.get("times").and_then(Value::as_u64).unwrap_or(1);
    let account = account_of(address, &config.accounts, &config.domains);
    let tried = account.as_ref().and_then(|account| tried(scope, account, one, found));
    let said = Said::Happened {
        id: entry.id,
        sender: one.sender().map(str::to_owned),
        times,
        minutes_ago: one.ago / 60,
        peers: one.peers().into_iter().map(|peer| printable(peer, NAME_CAP)).collect(),
        over: match tried {
            _ if one.is_over() => Some(one.how_over()),
            Some(check) if check.outcome == Outcome::Pass => Some(Over::Proved),
            _ => None,
        },
    };
    let is_remembered = is_remembered(one, found);
    let is_shown = is_remembered || is_shown(one, found) || is_of_the_queue(one, found);
    let is_unproven =
        is_remembered || (!is_of_the_queue(one, found) && one.is_unproven(account.as_deref()) && tried.is_none());
    match account.as_deref() {
        Some(account) if one.stands_open(account) && !is_shown && tried.is_none() => {
            open(look, said, one, account, running)
        }
        account if one.is_the_clients() && is_unproven => {
            let device_address = one.peers().last().map(|peer| (*peer).to_owned());
            let who = Who { device_address, client: one.client(), ..account.map(who_of).unwrap_or_default() };
            Check { is_unproven, ..look.note(said, &entry.fault(), &who) }
        }
        // What the provider or this machine does wrong has a layer of its own, which says how it is now.
        _ => Check { is_unproven, ..look.skip(said) },
    }
}

/// A layer above fails for the same: it is told there.
fn is_shown(one: &Met<'_>, found: &[Check]) -> bool {
    let mut failing = found.iter().filter(|check| check.outcome == Outcome::Fail);
    let is_same = |check: &Check| check.fault.as_ref().is_some_and(|fault| fault.id == one.entry.id);
    failing.any(|check| check.account.as_deref() == Some(text(one.fault, "account")) && is_same(check))
}

/// The line of the queue tells what is waited for: time, or a person who looks.
fn is_of_the_queue(one: &Met<'_>, found: &[Check]) -> bool {
    let account = Some(text(one.fault, "account"));
    let mut kept = found.iter().filter(|check| check.is_of_the_queue());
    kept.any(|check| check.account.as_deref() == account && check.is_of(one.entry))
}

/// It is mended, and answered from memory: that is told above, with what ends it.
fn is_remembered(one: &Met<'_>, found: &[Check]) -> bool {
    let is_behind =
        |check: &Check| check.fault.as_ref().is_some_and(|fault| fault.said.as_deref() == Some(one.entry.id));
    let mut remembered = found.iter().filter(|check| check.is_of(REFUSAL_REMEMBERED));
    !one.is_over()
        && remembered.any(|check| check.account.as_deref() == Some(text(one.fault, "account")) && is_behind(check))
}

/// This look sent a message like it: what became of that is told there.
fn tried<'a>(scope: &Scope, account: &Account, one: &Met<'_>, found: &'a [Check]) -> Option<&'a Check> {
    let to = scope.send_to(account).filter(|_| !one.is_past_a_test())?;
    let target = trip(account, one.sender().unwrap_or(&account.address), to);
    let mut sent = found.iter().filter(|check| check.layer == Layer::Send && check.outcome != Outcome::Skipped);
    sent.find(|check| check.account.as_deref() == Some(&account.address) && check.target.as_deref() == Some(&target))
}

fn open(look: Look, said: Said, one: &Met<'_>, account: &Account, running: &Running) -> Check {
    let sender = one.sender().map(str::to_owned);
    let (object_id, asks_again) = (running.object_id(&account.address), running.asks_again(&account.address));
    let who = Who { sender, client: one.client(), object_id, asks_again, ..who_of(account) };
    let lang = look.lang;
    let mut check = look.note(said, &one.entry.fault(), &who);
    let command = format!("{} doctor {1} --send {1}", gatepost(), account.address);
    // The step itself may be that one.
    let is_untold = |fault: &&mut Explained| {
        is_harmless(&account.address) && !one.is_past_a_test() && !fault.commands.contains(&command)
    };
    if let Some(fault) = check.fault.as_mut().filter(is_untold) {
        catalog::put_behind(&mut fault.next, &proof(lang, &command), lang);
        fault.commands.push(command);
    }
    check
}
