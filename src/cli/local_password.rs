//! Passwords that clients type and nobody wrote into the configuration: armed for the first use, or made here.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use aws_lc_rs::rand;

use super::{
    outcome::{Failure, Outcome},
    state::{State, block_on},
    terminal,
};
use crate::{
    account::{self, Account, LocalPassword},
    base::Secret,
    store::{Arming, Store},
};

const ARMED: Duration = Duration::from_secs(600);
/// Nothing that is misread on a label or missing on a printer's keyboard.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Sixteen letters of five bits.
const GROUPS: usize = 4;

/// What the person has to know after a sign-in.
pub(super) enum Told {
    Nothing,
    /// The next password typed becomes the account's.
    Armed,
    Made(Secret),
}

impl Told {
    /// `None`: nothing to say.
    pub fn text(&self, address: &str) -> Option<String> {
        match self {
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
}

/// A first sign-in arms or makes the password; a later one leaves the one in use alone.
pub(super) async fn after_sign_in(store: &Store, account: &Account) -> Result<Told, Failure> {
    match store.learned_password(&account.address).await? {
        Some(_) => Ok(Told::Nothing),
        None => renew(store, account).await,
    }
}

/// `gatepost password --reset ACCOUNT`.
pub(super) fn reset(named: Option<&Path>, name: &str) -> Outcome {
    block_on(async {
        let state = State::open(named).await?;
        let account = state.account(name)?;
        let told = renew(&state.store, account).await?;
        let Some(text) = told.text(&account.address) else {
            return Err(Failure::new(
                format!("the password of {} stands in the configuration", account.address),
                "make a hash with `gatepost password` and put it there",
            ));
        };
        terminal::print(&text).map_err(|error| Failure::new(format!("stdout: {error}"), "try again"))
    })
}

async fn renew(store: &Store, account: &Account) -> Result<Told, Failure> {
    match account.password {
        LocalPassword::None | LocalPassword::Hash(_) => Ok(Told::Nothing),
        LocalPassword::FirstUse => {
            let arming = Arming { until: SystemTime::now() + ARMED, uid: own_uid() };
            store.arm_first_use(&account.address, &arming).await?;
            Ok(Told::Armed)
        }
        LocalPassword::Issued => {
            let unmade =
                || Failure::new("no password could be made: this machine gives no random numbers", "try again");
            let password = made().ok_or_else(unmade)?;
            let hash = account::hash(&password).ok_or_else(unmade)?;
            store.issue_password(&account.address, &hash).await?;
            Ok(Told::Made(password))
        }
    }
}

fn made() -> Option<Secret> {
    let mut bytes = [0; GROUPS * 4];
    rand::fill(&mut bytes).ok()?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter));
    let groups: Vec<String> = bytes.chunks(4).map(|group| group.iter().filter_map(letter).collect()).collect();
    Some(Secret::new(groups.join("-")))
}

#[cfg(unix)]
fn own_uid() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn own_uid() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_password_can_be_typed_anywhere_and_is_never_the_same() {
        let (one, two) = (made().unwrap(), made().unwrap());
        assert_eq!(one.len(), 19);
        assert!(one.expose().bytes().all(|byte| LETTERS.contains(&byte) || byte == b'-'));
        assert!(!one.matches(&two));
    }
}
