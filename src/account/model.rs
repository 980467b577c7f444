//! A mailbox that clients may use, and the rules by which they may.

use std::sync::Arc;

use crate::{base::Secret, net::IpNet, oauth::SignIn};

#[derive(Debug, Clone)]
pub struct Account {
    /// Lower case.
    pub address: String,
    pub password: LocalPassword,
    pub sign_in: Arc<SignIn>,
    pub imap_user: String,
    pub smtp_user: String,
    /// Addresses, or `*@domain`, that may stand in MAIL FROM.
    pub send_as: Vec<String>,
}

impl Account {
    /// Whether a client of this account may send as `address`. The null sender (`<>`) is nobody's and always may:
    /// it belongs to notices about messages.
    pub fn may_send_as(&self, address: &str) -> bool {
        address.is_empty()
            || self.send_as.iter().any(|allowed| match allowed.strip_prefix('*') {
                Some(domain) => address
                    .len()
                    .checked_sub(domain.len())
                    .filter(|at| *at > 0)
                    .and_then(|at| address.get(at..))
                    .is_some_and(|end| end.eq_ignore_ascii_case(domain)),
                None => allowed.eq_ignore_ascii_case(address),
            })
    }
}

#[derive(Debug, Clone)]
pub enum LocalPassword {
    /// No login of its own: only `[[client]]` rules reach the account.
    None,
    /// argon2id PHC string.
    Hash(Secret),
    /// The first password typed from loopback within the time that a sign-in arms.
    FirstUse,
    /// Made and printed by `gatepost login`, its hash kept in the store (system services).
    Issued,
}

/// A device or program with its own credentials, or with none.
#[derive(Debug, Clone)]
pub struct Client {
    pub name: String,
    pub account: Arc<Account>,
    pub from: Vec<IpNet>,
    /// Lower case.
    pub login: Option<String>,
    /// argon2id PHC string.
    pub password: Option<Secret>,
}
