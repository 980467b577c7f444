//! Every mailbox of a domain (`address = "*@contoso.com"`): each is an account that nobody had to list.
//!
//! It decides which addresses belong to it and what their accounts look like. None of them is usable without a local
//! check: there is a line for each in the domain's file of passwords, or each is armed by its own sign-in.

use std::sync::Arc;

use super::{Account, LocalPassword, Proxies, Sending};
use crate::oauth::DomainSignIns;

#[derive(Debug, Clone)]
pub struct Domain {
    pub sign_ins: DomainSignIns,
    /// `File` or `FirstUse`.
    pub password: LocalPassword,
    /// What each mailbox may send as, besides its own address.
    pub send_as: Vec<String>,
    /// The same for each of them.
    pub sending: Sending,
    pub proxies: Proxies,
}

impl Domain {
    /// As the configuration names it: `*@contoso.com`.
    pub fn address(&self) -> String {
        format!("*@{}", self.sign_ins.domain)
    }

    /// The account of one of its mailboxes; `None` if that is no address of this domain.
    pub fn mailbox(&self, address: &str) -> Option<Account> {
        self.sign_ins.has(address).then(|| self.account(address.to_lowercase()))
    }

    /// The domain as an account, where the app itself holds the right to all of its mailboxes.
    pub fn app_only(&self) -> Option<Account> {
        self.sign_ins.app_only().map(|_| self.account(self.address()))
    }

    fn account(&self, address: String) -> Account {
        let mut send_as = vec![address.clone()];
        send_as.extend(self.send_as.iter().filter(|one| **one != address).cloned());
        Account {
            password: self.password.clone(),
            sign_in: Arc::new(self.sign_ins.sign_in(&address)),
            imap_user: address.clone(),
            smtp_user: address.clone(),
            send_as,
            has_send_as_line: !self.send_as.is_empty(),
            sending: self.sending,
            domain: Some(self.sign_ins.domain.clone()),
            proxies: self.proxies.clone(),
            address,
        }
    }
}

/// The account of an address, in any case: one that is listed by itself comes before its domain's.
pub fn account_of(address: &str, accounts: &[Arc<Account>], domains: &[Arc<Domain>]) -> Option<Arc<Account>> {
    let address = address.to_lowercase();
    let listed = accounts.iter().find(|account| account.address == address).cloned();
    listed.or_else(|| domains.iter().find_map(|domain| domain.mailbox(&address)).map(Arc::new))
}
