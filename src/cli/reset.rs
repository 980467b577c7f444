//! `gatepost password --reset ACCOUNT`: the account gets a new password, whatever the old one was.
//!
//! With "first-use" the next password typed on this machine is learned; where `gatepost login` makes passwords, a new
//! one is made and printed. A hash in the configuration is changed there, not here.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use super::{
    config,
    outcome::{Failure, Outcome},
    runtime, terminal,
};
use crate::{
    account::{self, Account, LocalPassword},
    base::{Secret, printable},
    config::Config,
    store::{Arming, Store, StoreError},
};

/// As long as a completed sign-in arms it.
const ARMED: Duration = Duration::from_secs(10 * 60);

pub fn run(named: Option<&Path>, address: &str) -> Outcome {
    let (config, _) = config::load(named)?;
    let account = find(&config, address)?;
    match account.password {
        LocalPassword::FirstUse => {
            runtime()?.block_on(arm(&config, account)).map_err(stored)?;
            terminal::note(&format!(
                "{}: the next password typed on this machine within 10 minutes becomes its password",
                account.address
            ));
            Ok(())
        }
        LocalPassword::Issued => {
            let password = issue(&config, account)?;
            terminal::print(&format!("{}\n", password.expose()))
                .map_err(|e| Failure::new(format!("stdout: {e}"), "run the command again"))
        }
        LocalPassword::Hash(_) => Err(Failure::new(
            format!("the password of {} is a hash in the configuration", account.address),
            "make a new one with `gatepost password` and put it there",
        )),
        LocalPassword::None => Err(Failure::new(
            format!("{} has no password of its own: only [[client]] rules reach it", account.address),
            "change the password of the [[client]] in the configuration",
        )),
    }
}

fn find<'c>(config: &'c Config, address: &str) -> Result<&'c Account, Failure> {
    let wanted = address.to_lowercase();
    let found = config.accounts.iter().find(|account| account.address == wanted);
    found.map(AsRef::as_ref).ok_or_else(|| {
        let known: Vec<&str> = config.accounts.iter().map(|account| account.address.as_str()).collect();
        let hint = format!("accounts in the configuration: {}", known.join(", "));
        Failure::new(format!("there is no account {}", printable(address, 80)), hint)
    })
}

async fn arm(config: &Config, account: &Account) -> Result<Store, StoreError> {
    let store = Store::open(&config.store).await?;
    let arming = Arming { until: SystemTime::now() + ARMED, uid: uid() };
    store.arm_first_use(&account.address, &arming).await?;
    Ok(store)
}

/// A new password for the account, its hash kept in the store.
fn issue(config: &Config, account: &Account) -> Result<Secret, Failure> {
    let password = random_password()?;
    let hash =
        account::hash(&password).ok_or_else(|| Failure::new("this machine gives no random numbers", "try again"))?;
    let learned = runtime()?.block_on(async {
        let store = arm(config, account).await?;
        store.learn_password(&account.address, &hash, SystemTime::now()).await
    });
    match learned.map_err(stored)? {
        true => Ok(password),
        false => Err(Failure::new("somebody else set the password at the same moment", "run the command again")),
    }
}

/// 20 characters that nobody mistakes for each other: about 98 bits.
fn random_password() -> Result<Secret, Failure> {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = zeroize::Zeroizing::new([0u8; 20]);
    aws_lc_rs::rand::fill(bytes.as_mut())
        .map_err(|_| Failure::new("this machine gives no random numbers", "try again"))?;
    let letter = |byte: &u8| LETTERS.get(usize::from(*byte) % LETTERS.len()).copied().map(char::from);
    Ok(Secret::new(bytes.iter().filter_map(letter).collect::<String>()))
}

fn stored(error: StoreError) -> Failure {
    Failure::new(error.to_string(), "run the command as the user that runs the daemon")
}

#[cfg(unix)]
fn uid() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn uid() -> Option<u32> {
    None
}
