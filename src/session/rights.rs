//! Which right at Exchange a refused sender needs: Send As or Send on Behalf.
//!
//! Exchange says SendAsDenied for both. The message tells them apart: where Sender names who signed on and From
//! somebody else, it was sent on behalf; otherwise it claims to be that somebody's own.

use crate::{
    account::Account,
    base::Fault,
    catalog::{
        self, Entry,
        doctor::OWN_SENDER_DENIED,
        message::{SEND_AS_DENIED, SEND_ON_BEHALF_DENIED},
    },
    message::Headers,
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
        is_harmless(address).then_some(Self { address, on_behalf: false })
    }

    /// The first of From or, beside one's own, of Sender that is not who signs on; where there is none, who signs on.
    pub(super) fn in_headers(headers: &'a Headers, account: &Account) -> Option<Self> {
        let is_own = |address: &str| account.smtp_user.eq_ignore_ascii_case(address);
        let (from, sender) = (&headers.from, &headers.sender);
        let on_behalf = !sender.is_empty() && sender.iter().all(|address| is_own(address));
        let strangers = sender.iter().chain(from).filter(|address| !is_own(address));
        let all = strangers.chain(from.iter().filter(|address| is_own(address)));
        let address = all.map(String::as_str).find(|address| is_harmless(address))?;
        Some(Self { address, on_behalf })
    }

    /// For the log, and as a line for the client.
    pub(super) fn explained(self, account: &Account) -> (Fault, String) {
        let (entry, right, command) = self.right(account);
        let (address, who) = (self.address, &account.smtp_user);
        if address.eq_ignore_ascii_case(who) {
            // No right on oneself is missing.
            let (id, command) = (OWN_SENDER_DENIED.id, format!("Get-Mailbox {address}"));
            let line = format!(
                "{address} is none from which the tenant lets this mailbox send; an administrator looks: {command} \
                 [gatepost {id}]"
            );
            return (OWN_SENDER_DENIED.fault().detail(format!("{who} as {address}: {command}")), line);
        }
        let line = format!(
            "{who} has no {right} right on {address}; an administrator runs: {command} [gatepost {}]",
            entry.id
        );
        (entry.fault().detail(format!("{who} as {address}: {command}")), line)
    }

    fn right(self, account: &Account) -> (&'static Entry, &'static str, String) {
        let Self { address, on_behalf } = self;
        // What acts is the app itself, under the id that New-ServicePrincipal gave it.
        let who = match account.smtp_user.as_str() {
            _ if account.sign_in.app.grant.is_app_only() => "OBJECT-ID",
            who if is_harmless(who) => who,
            _ => "WHO-SIGNS-ON",
        };
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

/// An address that a shell takes for nothing but a word: whoever reads the command may paste it.
fn is_harmless(address: &str) -> bool {
    address.contains('@') && !address.contains(':') && catalog::is_harmless(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_command_is_made_of_an_address_that_a_shell_reads_otherwise() {
        for fine in ["ann@contoso.com", "a.b+c_d-e@sub.contoso.com"] {
            assert!(Denied::in_envelope(fine).is_some(), "{fine}");
        }
        for odd in [
            "",
            "ann",
            "a|calc@contoso.com",
            "$x@contoso.com",
            "a`b@contoso.com",
            "a'b@c.d",
            "-x@c.d",
            "a b@c.d",
            "\u{e4}@c.d",
        ] {
            assert!(Denied::in_envelope(odd).is_none(), "{odd}");
        }
    }
}
