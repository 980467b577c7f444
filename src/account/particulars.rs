//! What the catalogue may fill in about an account when it tells a fault: addresses, app, tenant, hosts.

use super::Account;
use crate::{
    base::{Lang, Protocol},
    catalog::{self, Known, Words},
};

/// Cause and next step of a fault of this account; in general, where nobody is known. `None`: no fault has this id.
pub fn told(id: &str, lang: Lang, account: Option<&Account>, protocol: Option<Protocol>) -> Option<Words> {
    let known = account.map(|account| account.known(protocol)).unwrap_or_default();
    Some(catalog::find(id)?.told(lang, &known))
}

impl Account {
    /// With the mail server of the protocol; without one, that of SMTP.
    pub fn known(&self, protocol: Option<Protocol>) -> Known {
        let app = &self.sign_in.app;
        let upstream = match protocol {
            Some(Protocol::Imap) => &app.imap,
            Some(Protocol::Pop3) => &app.pop3,
            Some(Protocol::Smtp) | None => &app.smtp,
        };
        Known {
            address: Some(self.address.clone()),
            mailbox: Some(self.imap_user.clone()),
            smtp_user: Some(self.smtp_user.clone()),
            who_signs_on: Some(self.sign_in.identity.clone()),
            host: Some(upstream.host.clone()),
            port: Some(upstream.port),
            ..app.known()
        }
    }
}
