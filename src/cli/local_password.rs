//! `gatepost password --reset`, and the words for a password that a sign-in armed or made.

use std::path::Path;

use super::{
    outcome::{Failure, Outcome},
    state::{State, block_on},
    terminal,
};
use crate::{
    account::local_password::{ARMED, Told, Unmade, renew},
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

/// `gatepost password --reset ACCOUNT`.
pub(super) fn reset(named: Option<&Path>, name: &str) -> Outcome {
    block_on(async {
        let state = State::open(named).await?;
        let account = state.account(name)?;
        let told = renew(&state.store, account, own_uid()).await?;
        let Some(text) = text(&told, &account.address) else {
            return Err(Failure::new(
                format!("the password of {} stands in the configuration", account.address),
                "make a hash with `gatepost password` and put it there",
            ));
        };
        terminal::print(&text).map_err(|error| Failure::new(format!("stdout: {error}"), "try again"))
    })
}
