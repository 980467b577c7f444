//! Every mailbox of a domain, each with a sign-in of its own that nobody listed: which belong to it, and their keys.

use std::sync::Arc;

use super::{App, SignIn};
use crate::base::is_mailbox;

/// The sign-ins of `*@domain` with one app. An app-only grant has one for all of them.
#[derive(Debug, Clone)]
pub struct DomainSignIns {
    pub app: Arc<App>,
    /// Lower case, without the `*@`.
    pub domain: String,
}

impl DomainSignIns {
    /// The sign-in of one mailbox, which is of this domain.
    pub fn sign_in(&self, mailbox: &str) -> SignIn {
        SignIn::of(&mailbox.to_lowercase(), self.app.clone())
    }

    /// The one that all mailboxes share, where the app itself holds the right to them.
    pub fn app_only(&self) -> Option<SignIn> {
        self.app.grant.is_app_only().then(|| self.sign_in(&format!("*@{}", self.domain)))
    }

    /// Whether this is a mail address of the domain.
    pub fn has(&self, mailbox: &str) -> bool {
        let domain = mailbox.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
        domain.as_ref() == Some(&self.domain) && is_mailbox(mailbox)
    }

    /// The sign-in with this key, if it is one of a mailbox of this domain alone.
    pub fn by_key(&self, key: &str) -> Option<SignIn> {
        if self.app.grant.is_app_only() {
            return None;
        }
        let mailbox = key.strip_prefix(self.app.name.as_str())?.strip_prefix('/')?;
        self.has(mailbox).then(|| self.sign_in(mailbox))
    }
}
