//! What clients met lately, as the daemon remembers it: TLS on the wrong port, logins that were never offered or used,
//! wrong passwords, and the last faults.
//!
//! None of it fails the look: one wrong password or a port scanner says nothing of the set-up. What happened just now
//! is explained; what is longer ago may be mended by now, and is shown.

use serde_json::Value;

use super::{
    daemon::Running,
    look::Look,
    next::Who,
    report::{Check, Layer},
    scope::Scope,
    words::{Name, Said},
};
use crate::{base::Owner, catalog};

/// Seconds. What happened longer ago may be mended.
const JUST_NOW: u64 = 15 * 60;
/// What happened longer ago is history.
const RECENT: u64 = 24 * 3600;
/// Lines of it at most.
const MOST: usize = 12;

pub(super) fn look(scope: &Scope, running: &Running) -> Vec<Check> {
    let Some(status) = &running.status else {
        return vec![Look::at(scope.lang, Layer::Clients, Name::Clients).skip(Said::NoDaemonToAsk)];
    };
    let now = status.get("at").and_then(Value::as_u64).unwrap_or_default();
    let faults = status.get("faults").and_then(Value::as_array).into_iter().flatten();
    let of_account = |fault: &&Value| {
        let account = fault.get("account").and_then(Value::as_str).unwrap_or_default();
        account.is_empty() || scope.accounts.is_empty() || scope.accounts.iter().any(|one| one.address == account)
    };
    let mut checks: Vec<Check> =
        faults.filter(of_account).rev().filter_map(|fault| one(scope, fault, now)).take(MOST).collect();
    if checks.is_empty() {
        checks.push(Look::at(scope.lang, Layer::Clients, Name::Clients).pass(Said::NoTrouble));
    }
    checks
}

fn one(scope: &Scope, fault: &Value, now: u64) -> Option<Check> {
    let text = |name: &str| fault.get(name).and_then(Value::as_str).unwrap_or_default();
    let (at, times) = (fault.get("at")?.as_u64()?, fault.get("times").and_then(Value::as_u64).unwrap_or(1));
    let ago = now.saturating_sub(at);
    if ago > RECENT {
        return None;
    }
    let entry = catalog::find(text("id"))?;
    let mut look = Look::at(scope.lang, Layer::Clients, Name::of_fault(entry.id)).target(text("protocol").to_owned());
    if !text("account").is_empty() {
        look = look.account(text("account"));
    }
    let said = Said::Happened { id: entry.id, times, minutes_ago: ago / 60 };
    // What the provider or this machine does wrong has a layer of its own, which says how it is now.
    Some(match entry.owner {
        Owner::Client if ago <= JUST_NOW => look.note(said, &entry.fault(), &Who::default()),
        _ => look.skip(said),
    })
}
