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
        // What acts is the app itself, under the id that New-ServicePrincipal gave it.
        let who = match app.grant.is_app_only() {
            true => "SERVICE-PRINCIPAL-ID",
            false => self.sign_in.identity.as_str(),
        };
        Known {
            address: Some(self.address.clone()),
            mailbox: Some(self.imap_user.clone()),
            smtp_user: Some(self.smtp_user.clone()),
            who_signs_on: Some(who.to_owned()),
            // Providers other than Microsoft have none.
            tenant: Some(app.tenant.clone()).filter(|tenant| !tenant.is_empty()),
            client_id: Some(app.client_id.clone()),
            host: Some(upstream.host.clone()),
            port: Some(upstream.port),
            login_host: app.token_url.host_str().map(str::to_owned),
            ..Known::default()
        }
    }
}
