//! `password = "first-use"`: the first password typed after a sign-in becomes the account's password.
//!
//! Only from loopback, only while armed (ten minutes from a completed sign-in), and on Linux only from the user that
//! signed in: a peer whose user cannot be told is a stranger, and so is whoever a PROXY header names. Of two that race,
//! one wins; the other is a wrong password like any other.

use std::time::SystemTime;

use super::passwords;
use crate::{
    base::Secret,
    net::{Peer, peer_uid},
    store::{Store, StoreError},
};

/// Learns `typed` if the account is armed for it, or says to the log why not; what counts from now on is in the store.
pub(super) async fn learn(
    store: &Store,
    address: &str,
    typed: &Secret,
    peer: Peer,
) -> Result<Option<&'static str>, StoreError> {
    if typed.is_empty() || !peer.is_local() {
        return Ok(Some("no password was learned yet for \"first-use\", and this machine alone can teach one"));
    }
    let Some(arming) = store.first_use_arming(address).await? else {
        return Ok(Some("\"first-use\" is not armed: nobody signed in since it stands there, or reset it"));
    };
    let now = SystemTime::now();
    let stranger = cfg!(target_os = "linux") && arming.uid.is_some_and(|armed| peer_uid(peer.address) != Some(armed));
    if arming.until < now {
        return Ok(Some("\"first-use\" is not armed any more: nothing was typed within ten minutes"));
    }
    if stranger {
        return Ok(Some("\"first-use\" is armed for another user of this machine"));
    }
    let Some(hash) = passwords::hash_apart(typed).await else { return Ok(None) };
    store.learn_password(address, &hash, now).await.map(|_| None)
}
