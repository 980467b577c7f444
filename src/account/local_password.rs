//! Passwords that clients type and nobody wrote into the configuration: armed for the first use, or made here.
//!
//! A first sign-in arms or makes one; a later one leaves the one in use alone.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use aws_lc_rs::rand;

use super::{Account, LocalPassword, passwords::hash_apart};
use crate::{
    base::Secret,
    store::{Arming, Store, StoreError},
};

/// How long the first password that is typed becomes the account's.
pub const ARMED: Duration = Duration::from_secs(600);
/// Nothing that is misread on a label or missing on a printer's keyboard.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Sixteen letters of five bits.
const GROUPS: usize = 4;

/// What the person has to know after a sign-in.
#[derive(Debug)]
pub enum Told {
    Nothing,
    /// The next password typed within [`ARMED`] becomes the account's.
    Armed,
    /// Shown this once.
    Made(Secret),
}

#[derive(Debug)]
pub enum Unmade {
    Store(StoreError),
    /// The system gives no random bytes.
    NoRandomness,
}

impl fmt::Display for Unmade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unmade::Store(error) => f.write_str(&error.named()),
            Unmade::NoRandomness => {
                f.write_str("no password could be made: this machine gives no random numbers; try again")
            }
        }
    }
}

impl From<StoreError> for Unmade {
    fn from(error: StoreError) -> Self {
        Unmade::Store(error)
    }
}

/// `uid`: the user who signed in, where that is known.
pub async fn after_sign_in(store: &Store, account: &Account, uid: Option<u32>) -> Result<Told, Unmade> {
    match store.learned_password(&account.address).await? {
        Some(_) => Ok(Told::Nothing),
        None => renew(store, account, uid).await,
    }
}

/// Arms or makes a new one, whatever was there; nothing where the configuration holds the password.
pub async fn renew(store: &Store, account: &Account, uid: Option<u32>) -> Result<Told, Unmade> {
    match account.password {
        LocalPassword::None | LocalPassword::Hash(_) | LocalPassword::File(_) => Ok(Told::Nothing),
        LocalPassword::FirstUse => {
            let arming = Arming { until: SystemTime::now() + ARMED, uid };
            store.arm_first_use(&account.address, &arming).await?;
            Ok(Told::Armed)
        }
        LocalPassword::Issued => {
            let password = made().ok_or(Unmade::NoRandomness)?;
            let hash = hash_apart(&password).await.ok_or(Unmade::NoRandomness)?;
            store.issue_password(&account.address, &hash).await?;
            Ok(Told::Made(password))
        }
    }
}

/// A new password; `None` only if the system gives no random bytes.
pub fn made() -> Option<Secret> {
    let mut bytes = [0; GROUPS * 4];
    rand::fill(&mut bytes).ok()?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter));
    let groups: Vec<String> = bytes.chunks(4).map(|group| group.iter().filter_map(letter).collect()).collect();
    Some(Secret::new(groups.join("-")))
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
