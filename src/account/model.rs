//! A mailbox that clients may use, and the rules by which they may.

use std::sync::Arc;

use super::PasswordsFile;
use crate::{base::Secret, net::IpNet, oauth::SignIn};

#[derive(Debug, Clone)]
pub struct Account {
    /// Lower case.
    pub address: String,
    pub password: LocalPassword,
    pub sign_in: Arc<SignIn>,
    pub imap_user: String,
    pub smtp_user: String,
    /// Addresses, or `*@domain`, that may stand in MAIL FROM and From.
    pub send_as: Vec<String>,
    /// The domain whose account (`*@domain`) stands for this mailbox too; `None`: it is listed by itself.
    pub domain: Option<String>,
}

impl Account {
    /// Whether `address` may stand in Sender: one that may be sent as, or whoever signs on (who sends on behalf of a
    /// shared mailbox says so there).
    pub fn may_be_sender(&self, address: &str) -> bool {
        let own = [&self.smtp_user, &self.sign_in.identity];
        self.may_send_as(address) || own.iter().any(|own| own.eq_ignore_ascii_case(address))
    }

    /// Whether a client of this account may send as `address`. The null sender (`<>`) is nobody's and always may:
    /// it belongs to notices about messages.
    pub fn may_send_as(&self, address: &str) -> bool {
        address.is_empty()
            || self.send_as.iter().any(|allowed| match allowed.strip_prefix('*') {
                Some(domain) => address.rfind('@').is_some_and(|at| {
                    let (local, end) = address.split_at(at);
                    is_plain(local) && end.eq_ignore_ascii_case(domain)
                }),
                None => allowed.eq_ignore_ascii_case(address),
            })
    }
}

/// A local part that needs no quotes (RFC 5322 3.2.3): a rule for a whole domain allows no other, since what readers
/// make of the rest differs.
fn is_plain(local: &str) -> bool {
    let special = |c: char| c.is_control() || c.is_whitespace() || "()<>[]:;@\\,\"".contains(c);
    !local.is_empty() && !local.contains(special)
}

#[derive(Debug, Clone)]
pub enum LocalPassword {
    /// No login of its own: only `[[client]]` rules reach the account.
    None,
    /// argon2id PHC string.
    Hash(Secret),
    /// The first password typed from loopback within the time that a sign-in arms.
    FirstUse,
    /// A line in the file of a whole domain.
    File(Arc<PasswordsFile>),
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
