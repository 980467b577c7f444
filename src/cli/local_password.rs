//! `gatepost password --reset`, and the words for a password that a sign-in armed or made.

use std::path::Path;

use super::{
    outcome::{Failure, Outcome},
    state::{State, block_on},
    terminal,
};
use crate::{
    account::{
        Account, LocalPassword,
        local_password::{ARMED, Told, Unmade, renew},
    },
    net::own_uid,
};

impl From<Unmade> for Failure {
    fn from(unmade: Unmade) -> Self {
        match unmade {
            Unmade::Store(error) => error.into(),
            Unmade::NoRandomness => {
                Failure::new("no password could be made: this machine gives no random numbers", "try again")
            }
        }
    }
}

/// `None`: nothing to say.
pub(super) fn text(told: &Told, address: &str) -> Option<String> {
    match told {
        Told::Nothing => None,
        Told::Armed => Some(format!(
            "Within {} minutes, log in to {address} from this machine with a password of your choice: it becomes \
             the account's.\n",
            ARMED.as_secs() / 60
        )),
        Told::Made(password) => {
            Some(format!("Password for mail programs ({address}): {}\nIt is shown this once.\n", password.expose()))
        }
    }
}

/// Said where a mailbox is signed in that nobody could use yet.
pub(super) fn missing_line(account: &Account) -> Option<String> {
    let LocalPassword::File(file) = &account.password else { return None };
    let address = &account.address;
    (!file.has(address)).then(|| {
        format!(
            "{address} has no password for mail programs yet. Add one: gatepost password --user {address} >> {}\n",
            file.path().display()
        )
    })
}

/// `gatepost password --reset ACCOUNT`.
pub(super) fn reset(named: Option<&Path>, name: &str) -> Outcome {
    block_on(async {
        let state = State::open(named).await?;
        let account = state.account(name)?;
        let told = renew(&state.store, &account, own_uid()).await?;
        let address = &account.address;
        let Some(text) = text(&told, address) else {
            return Err(match &account.password {
                LocalPassword::File(file) => Failure::new(
                    format!("the password of {address} stands in {}", file.path().display()),
                    format!("put another line there: gatepost password --user {address}"),
                ),
                _ => Failure::new(
                    format!("the password of {address} stands in the configuration"),
                    "make a hash with `gatepost password` and put it there",
                ),
            });
        };
        terminal::print(&text).map_err(|error| Failure::new(format!("stdout: {error}"), "try again"))
    })
}
