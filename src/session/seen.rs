//! What upstreams were last seen to offer, so that nothing is shown before login that they lack.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{account::Account, base::Protocol, net::Upstream};

/// SMTP keywords that are shown only if every reachable upstream carries them.
const SMTP_CARRIED: [&str; 3] = ["8BITMIME", "SMTPUTF8", "DSN"];

/// Live lists by protocol and upstream; grows with the number of configured upstreams only.
#[derive(Debug, Default)]
pub struct Seen {
    lists: RwLock<HashMap<(Protocol, String, u16), Arc<[String]>>>,
}

impl Seen {
    pub fn note(&self, protocol: Protocol, upstream: &Upstream, list: &[String]) {
        if list.is_empty() {
            return;
        }
        let key = (protocol, upstream.host.clone(), upstream.port);
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        if lists.get(&key).is_none_or(|known| **known != *list) {
            lists.insert(key, list.into());
        }
    }

    /// The live list if one was seen, else the preset's.
    fn list(&self, protocol: Protocol, account: &Account) -> Vec<String> {
        let app = &account.sign_in.app;
        let (upstream, preset) = match protocol {
            Protocol::Smtp => (&app.smtp, &app.smtp_capabilities),
            Protocol::Imap => (&app.imap, &app.imap_capabilities),
            Protocol::Pop3 => return Vec::new(),
        };
        let key = (protocol, upstream.host.clone(), upstream.port);
        let lists = self.lists.read().unwrap_or_else(PoisonError::into_inner);
        lists.get(&key).map_or_else(|| preset.clone(), |list| list.to_vec())
    }

    /// What is known of one upstream before it is asked; `None` if nothing is.
    pub fn known(&self, protocol: Protocol, account: &Account) -> Option<Vec<String>> {
        let list = self.list(protocol, account);
        (!list.is_empty()).then_some(list)
    }

    /// What all of these accounts' upstreams have.
    pub fn carried(&self, protocol: Protocol, accounts: &[Arc<Account>]) -> Vec<String> {
        let mut all = accounts.iter().map(|account| self.list(protocol, account));
        let Some(mut common) = all.next() else { return Vec::new() };
        for list in all {
            common.retain(|word| list.iter().any(|other| other.eq_ignore_ascii_case(word)));
        }
        common
    }

    /// The carried EHLO keywords for the SMTP front.
    pub fn smtp_keywords(&self, accounts: &[Arc<Account>]) -> Vec<String> {
        shown(&self.carried(Protocol::Smtp, accounts))
    }
}

/// Of an upstream's EHLO list, what we carry ourselves.
pub fn shown(keywords: &[String]) -> Vec<String> {
    SMTP_CARRIED
        .iter()
        .filter(|word| keywords.iter().any(|k| k.eq_ignore_ascii_case(word)))
        .map(|word| (*word).to_owned())
        .collect()
}
