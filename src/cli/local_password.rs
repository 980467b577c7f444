//! `gatepost password --reset`, and the words for a password that a sign-in armed or made.

use std::path::Path;

use super::{
    language,
    login_words::Said,
    outcome::{Failure, Outcome},
    state::{State, block_on},
    terminal,
};
use crate::{
    account::{
        Account, LocalPassword,
        local_password::{ARMED, Told, Unmade, renew},
    },
    base::Lang,
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
pub(super) fn text(told: &Told, address: &str, lang: Lang) -> Option<String> {
    let said = match told {
        Told::Nothing => return None,
        Told::Armed => Said::Armed { address, minutes: ARMED.as_secs() / 60 },
        Told::Made(password) => Said::Made { address, password: password.expose() },
    };
    Some(said.text(lang))
}

/// Said where a mailbox is signed in that nobody could use yet.
pub(super) fn missing_line(account: &Account, lang: Lang) -> Option<String> {
    let LocalPassword::File(file) = &account.password else { return None };
    let (address, path) = (&account.address, file.path().display().to_string());
    (!file.has(address)).then(|| Said::NoPassword { address, file: &path }.text(lang))
}

/// `gatepost password --reset ACCOUNT`.
pub(super) fn reset(named: Option<&Path>, name: &str) -> Outcome {
    block_on(async {
        let state = State::open(named).await?;
        let account = state.account(name)?;
        let told = renew(&state.store, &account, own_uid()).await?;
        let address = &account.address;
        let Some(text) = text(&told, address, language::current()) else {
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
