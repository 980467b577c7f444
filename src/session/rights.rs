//! Which right at Exchange a refused sender needs: Send As or Send on Behalf.
//!
//! Exchange says SendAsDenied for both. The message tells them apart: where Sender names who signed on and From
//! somebody else, it was sent on behalf; otherwise it claims to be that somebody's own.

use super::headers::Headers;
use crate::{
    account::Account,
    base::{Fault, is_mailbox},
    catalog::{
        Entry,
        rights::{SEND_AS_DENIED, SEND_ON_BEHALF_DENIED},
    },
};

/// A sender that the upstream may refuse.
#[derive(Debug, Clone, Copy)]
pub(super) struct Denied<'a> {
    address: &'a str,
    on_behalf: bool,
}

impl<'a> Denied<'a> {
    /// The envelope's sender needs Send As.
    pub(super) fn in_envelope(address: &'a str) -> Option<Self> {
        is_mailbox(address).then_some(Self { address, on_behalf: false })
    }

    /// The first of From or, beside one's own, of Sender that is not who signs on.
    pub(super) fn in_headers(headers: &'a Headers, account: &Account) -> Option<Self> {
        let is_own = |address: &str| account.smtp_user.eq_ignore_ascii_case(address);
        let (from, sender) = (&headers.from, &headers.sender);
        let on_behalf = !sender.is_empty() && sender.iter().all(|address| is_own(address));
        let strangers = sender.iter().chain(from).filter(|address| !is_own(address));
        let address = strangers.map(String::as_str).find(|address| is_mailbox(address))?;
        Some(Self { address, on_behalf })
    }

    /// For the log, and as a line for the client.
    pub(super) fn explained(self, account: &Account) -> (Fault, String) {
        let (entry, right, command) = self.right(account);
        let (address, who) = (self.address, &account.smtp_user);
        let line = format!(
            "{who} has no {right} right on {address}; an administrator runs: {command} [gatepost {}]",
            entry.id
        );
        (entry.fault().detail(format!("{who} as {address}: {command}")), line)
    }

    fn right(self, account: &Account) -> (&'static Entry, &'static str, String) {
        let Self { address, on_behalf } = self;
        // What acts is the app itself, under the id that New-ServicePrincipal gave it.
        let who =
            if account.sign_in.app.grant.is_app_only() { "SERVICE-PRINCIPAL-ID" } else { account.smtp_user.as_str() };
        match on_behalf {
            true => {
                let command = format!("Set-Mailbox {address} -GrantSendOnBehalfTo @{{Add='{who}'}}");
                (SEND_ON_BEHALF_DENIED, "Send on Behalf", command)
            }
            false => {
                let command = format!("Add-RecipientPermission {address} -Trustee {who} -AccessRights SendAs");
                (SEND_AS_DENIED, "Send As", command)
            }
        }
    }
}
