//! `gatepost logout`: forgets every copy of an account's tokens, and revokes them where the provider can.

use std::{
    io::{self, IsTerminal},
    path::Path,
};

use serde_json::json;

use super::{
    args::LogoutArgs,
    outcome::{Failure, Outcome},
    state::{State, block_on},
    terminal,
};
use crate::{
    base::Secret,
    oauth::{SignIn, clock::Clock, sign_in},
};

/// The daemon looks into the store before each message: it is not asked, and nobody waits for it.
const ENDS_AT_ONCE: &str =
    "From now on nothing is sent for it, by a daemon that runs either; a message that is under way is finished.\n";

pub fn run(named: Option<&Path>, args: &LogoutArgs) -> Outcome {
    block_on(async {
        let state = State::open(named).await?;
        let account = state.account(&args.account)?;
        let served = state.served_with(&account);
        let others: Vec<&str> =
            served.iter().map(|other| other.address.as_str()).filter(|address| *address != account.address).collect();
        let delegate = (!args.account.eq_ignore_ascii_case(&account.address)).then_some(&account.sign_in.identity);
        if !args.yes && !confirmed(&account.address, delegate, &others)? {
            return Err(Failure::new("nothing was changed", "answer y, or use --yes"));
        }
        let clock = Clock::default();
        let done = sign_in::forget(&state.store, &state.http, &account.sign_in, &clock).await?;
        let revoked = match &done.revoked {
            None => "not-offered",
            Some(Ok(())) => "yes",
            Some(Err(_)) => "failed",
        };
        if args.json {
            return print(&format!(
                "{}\n",
                json!({
                    "account": account.address,
                    "had-tokens": done.had_tokens,
                    "wiped": done.is_wiped,
                    "revoked": revoked,
                    "also-signed-out": others,
                })
            ));
        }
        let copies = if done.is_wiped { "every copy of its tokens is deleted" } else { "its tokens are deleted" };
        let mut text = delegate.map_or_else(String::new, |delegate| signs_in_for(delegate, &account.address) + "\n");
        text += &match done.had_tokens {
            true => format!("{} is logged out; {copies}.\n", account.address),
            false => format!("{} was not signed in; nothing was stored.\n", account.address),
        };
        if !others.is_empty() {
            text.push_str(&format!("The same sign-in served: {}.\n", others.join(", ")));
        }
        if !done.is_wiped {
            text.push_str(&format!(
                "warning: the log of {} could not be emptied, because another program reads it or the disk is full; \
                 sealed copies may still stand in the file beside it (-wal). Mend that and run this again.\n",
                state.store.path().display()
            ));
        }
        if done.had_tokens {
            if !account.sign_in.app.grant.is_unattended() {
                text.push_str(ENDS_AT_ONCE);
            }
            text.push_str(&match &done.revoked {
                Some(Ok(())) => "The provider has revoked them.\n".to_owned(),
                Some(Err(verdict)) => format!("warning: the provider did not revoke them ({}).\n", verdict.detail),
                None => remark(&account.sign_in),
            });
        }
        say(&text)
    })
}

fn remark(sign_in: &SignIn) -> String {
    match sign_in.app.grant.is_unattended() {
        true => {
            "The configuration still lets Gatepost fetch new ones: take the app's proof (secret, key, password) out \
                 of it to end that.\n"
                .into()
        }
        false => "The provider offers no revocation; a token fetched before may work for about an hour.\n".into(),
    }
}

/// Whoever names no account is told whose sign-in that ends.
fn signs_in_for(delegate: &str, address: &str) -> String {
    format!("{delegate} is no account, and signs in for {address}.")
}

fn confirmed(address: &str, delegate: Option<&String>, others: &[&str]) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("there is no terminal to ask on", "confirm with --yes"));
    }
    let also = match others.is_empty() {
        true => String::new(),
        false => format!(" This also signs out {}.", others.join(", ")),
    };
    if let Some(delegate) = delegate {
        terminal::tell(&format!("{}\n", signs_in_for(delegate, address)));
    }
    terminal::tell(&format!("Forget the tokens of {address}?{also} [y/N]"));
    let answer = terminal::stdin_line().map_err(|error| Failure::new(format!("stdin: {error}"), "use --yes"))?;
    Ok(["y", "Y", "yes"].iter().any(|yes| answer.matches(&Secret::new(*yes))))
}

fn say(text: &str) -> Outcome {
    terminal::say(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}

fn print(text: &str) -> Outcome {
    terminal::print(text).map_err(|error| Failure::new(format!("stdout: {error}"), "write to another place"))
}
