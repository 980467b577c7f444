//! Of what several rows of the status tell, one says what to do.
//!
//! A fault stands among the accounts and, once a client met it, among the faults; and several accounts may live on one sign-in, so
//! that each has it. It refuses to look at the words: what has the same id is the same.

use serde_json::Value;

use super::steps::BESIDE;

/// A later sign-in that was refused, while the one of before goes on.
const REFUSED_BESIDE: &str = "/sign-in/refused-beside";

/// It stands among the faults, with what to do.
pub(super) fn is_met(status: &Value, fault: &Value, is_of: impl Fn(&Value) -> bool) -> bool {
    let mut met = status.get("faults").and_then(Value::as_array).into_iter().flatten();
    let is_it = |one: &Value| one.get("id") == fault.get("id") && one.get("worked-again-at").is_none();
    met.any(|one| is_it(one) && one.get("account").is_none_or(&is_of))
}

/// Of what befell a sign-in that several accounts live on, the clients of each may have met it: one of them says what to do.
pub(super) fn told_once(faults: &[Value], status: &Value) -> Vec<Value> {
    let accounts = status.get("accounts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let tells = |fault: &&Value| {
        let Some(account) = accounts.iter().find(|one| one.get("address") == fault.get("account")) else { return true };
        if account.pointer("/sign-in/fault/id") != fault.get("id") {
            return true;
        }
        let is_it = |other: &Value| other.get("id") == fault.get("id") && other.get("worked-again-at").is_none();
        let has_met =
            |one: &&Value| faults.iter().any(|other| is_it(other) && other.get("account") == one.get("address"));
        teller(accounts.iter().filter(|one| shares(account, one)).filter(has_met)).is_none_or(|one| one == account)
    };
    faults.iter().filter(tells).cloned().collect()
}

/// What stands in the way of these accounts, and no client met yet: that stands among the faults.
pub(super) fn refused(accounts: &[Value], status: &Value) -> Vec<Value> {
    let of = |account: &Value| {
        let of_sign_in = ["/sign-in/fault", "/sign-in/graph-fault", REFUSED_BESIDE].map(|at| {
            let mut fault = account.pointer(at).filter(|_| tells(account, at, accounts)).cloned();
            let fields = fault.as_mut().filter(|_| at == REFUSED_BESIDE).and_then(Value::as_object_mut);
            fields.into_iter().for_each(|fields| drop(fields.insert(BESIDE.to_owned(), true.into())));
            fault
        });
        let of_servers = account.get("refusals").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_its_own = |of: &Value| account.get("address") == Some(of);
        let is_shared = |of: &Value| accounts.iter().any(|one| one.get("address") == Some(of) && shares(account, one));
        let of_sign_in = of_sign_in.into_iter().flatten().filter(|fault| !is_met(status, fault, is_shared));
        let of_servers = of_servers.into_iter().filter(|fault| !is_met(status, fault, is_its_own));
        of_sign_in.chain(of_servers).collect::<Vec<_>>()
    };
    accounts.iter().flat_map(of).collect()
}

/// What befell a sign-in that several accounts live on is told once.
fn tells(account: &Value, at: &str, accounts: &[Value]) -> bool {
    let id = format!("{at}/id");
    let meets_it = |one: &&Value| shares(account, one) && one.pointer(&id) == account.pointer(&id);
    teller(accounts.iter().filter(meets_it)).is_none_or(|first| first == account)
}

/// Both live on one sign-in, or are the same account.
fn shares(account: &Value, other: &Value) -> bool {
    let same = account.get("same-sign-in").and_then(Value::as_array);
    account == other || same.is_some_and(|same| other.get("address").is_some_and(|address| same.contains(address)))
}

/// Who tells what befell all of these: the one that is who signs in, else the first.
fn teller<'a>(accounts: impl Iterator<Item = &'a Value>) -> Option<&'a Value> {
    let of = |one: &Value, at: &str| one.pointer(at).and_then(Value::as_str).map(str::to_lowercase);
    accounts.min_by_key(|one| of(one, "/address") != of(one, "/sign-in/identity"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{base::Lang, cli::status::table::draw};

    fn refused(address: &str) -> Value {
        let next = format!("Sign in: `gatepost login {address}`.");
        json!({ "id": "sign-in-missing", "cause": format!("Of {address}."), "next-step": next })
    }

    /// It was asked for among the accounts and among the faults, by another address in each.
    #[test]
    fn a_sign_in_of_several_accounts_is_asked_for_once_also_where_their_clients_met_it() {
        let account = |address: &str, other: &str| {
            let sign_in = json!({ "identity": "ann@b.c", "phase": "sign-in-needed", "fault": refused(address) });
            json!({ "address": address, "same-sign-in": [other], "sign-in": sign_in })
        };
        let accounts = [account("shared@b.c", "ann@b.c"), account("ann@b.c", "shared@b.c")];
        let met = |address: &str| {
            let mut fault = refused(address);
            fault["account"] = address.into();
            fault["protocol"] = "smtp".into();
            fault
        };
        for (clients, tells) in [
            (vec!["shared@b.c"], "login shared@b.c"),
            (vec!["ann@b.c"], "login ann@b.c"),
            (vec!["shared@b.c", "ann@b.c"], "login ann@b.c"),
        ] {
            let faults: Vec<Value> = clients.iter().map(|address| met(address)).collect();
            let text = draw(&json!({ "accounts": accounts, "faults": faults }), Lang::En);
            assert!(text.matches("gatepost login").count() == 1 && text.contains(tells), "{clients:?}: {text}");
        }
    }
}
