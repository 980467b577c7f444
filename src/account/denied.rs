//! Which right at Exchange a refused sender needs: Send As or Send on Behalf.
//!
//! Exchange says SendAsDenied for both. The message tells them apart: where Sender names who signed on and From
//! somebody else, it was sent on behalf; otherwise it claims to be that somebody's own. Of one's own address no right is
//! missing: it is none that Exchange sends as.

use super::Account;
use crate::{
    base::Fault,
    catalog::{
        self,
        message::{OWN_ADDRESS_DENIED, SEND_AS_DENIED, SEND_ON_BEHALF_DENIED},
    },
    message::Headers,
};

/// A sender that the upstream may refuse.
#[derive(Debug, Clone, Copy)]
pub struct Denied<'a> {
    address: &'a str,
    claims: Claims,
}

/// Whose the message claims to be.
#[derive(Debug, Clone, Copy)]
enum Claims {
    /// That of who signs on: no right is missing.
    Own,
    /// Somebody else's, as their own.
    Theirs,
    /// Somebody else's, sent on behalf.
    OnBehalf,
}

impl<'a> Denied<'a> {
    /// The envelope's sender needs Send As.
    pub fn in_envelope(address: &'a str, account: &Account) -> Option<Self> {
        let claims = if is_own(account, address) { Claims::Own } else { Claims::Theirs };
        is_harmless(address).then_some(Self { address, claims })
    }

    /// The first of From or, beside one's own, of Sender that is not who signs on; else one's own.
    pub fn in_headers(headers: &'a Headers, account: &Account) -> Option<Self> {
        let (from, sender) = (&headers.from, &headers.sender);
        let is_own = |address: &String| is_own(account, address);
        let on_behalf = !sender.is_empty() && sender.iter().all(is_own);
        let claims = if on_behalf { Claims::OnBehalf } else { Claims::Theirs };
        let mut strangers = sender.iter().chain(from).filter(|address| !is_own(address)).peekable();
        let own = || from.first().map(|address| (address, Claims::Own));
        let (address, claims) = match strangers.peek() {
            Some(_) => (strangers.find(|address| is_harmless(address))?, claims),
            None => own().filter(|(address, _)| is_harmless(address))?,
        };
        Some(Self { address, claims })
    }

    pub const fn is_own(self) -> bool {
        matches!(self.claims, Claims::Own)
    }

    pub const fn address(self) -> &'a str {
        self.address
    }

    /// For the log and for the client. `object_id`: of an app that acts by itself, as far as it is known.
    pub fn explained(self, account: &Account, object_id: Option<&str>) -> Fault {
        let Self { address, claims } = self;
        // What acts is the app itself, under the id that New-ServicePrincipal gave it.
        let (who, whose) = match (account.smtp_user.as_str(), object_id) {
            (_, Some(id)) if account.sign_in.app.grant.is_app_only() => (id, ""),
            _ if account.sign_in.app.grant.is_app_only() => {
                ("<object-id>", " (Entra > Enterprise applications > Object ID)")
            }
            (who, _) if is_harmless(who) => (who, ""),
            _ => ("<who-signs-on>", " (smtp-user)"),
        };
        let send_as = format!("Add-RecipientPermission -Identity {address} -Trustee {who} -AccessRights SendAs");
        let (entry, right, command) = match claims {
            Claims::Own => {
                let said = format!(
                    "{address} may be an alias, or no longer the primary address; set the sender to that, which {} shows",
                    format_args!("Get-Mailbox -Identity {address} | Format-List PrimarySmtpAddress"),
                );
                let fault = OWN_ADDRESS_DENIED.fault().detail(format!("{address} as itself"));
                return fault.saying(said).of_sender(address);
            }
            // Send on Behalf is for people: to an app Send As is given, which holds it.
            Claims::OnBehalf if account.sign_in.app.grant.is_app_only() => {
                (SEND_ON_BEHALF_DENIED, "Send on Behalf", send_as)
            }
            Claims::OnBehalf => {
                let command = format!("Set-Mailbox {address} -GrantSendOnBehalfTo @{{Add='{who}'}}");
                (SEND_ON_BEHALF_DENIED, "Send on Behalf", command)
            }
            Claims::Theirs => (SEND_AS_DENIED, "Send As", send_as),
        };
        let user = &account.smtp_user;
        let of_app = if account.sign_in.app.grant.is_app_only() { "the app of " } else { "" };
        let said = format!("{of_app}{user} has no {right} right on {address}; an administrator runs: {command}{whose}");
        entry.fault().detail(format!("{user} as {address}: {command}{whose}")).saying(said).of_sender(address)
    }
}

fn is_own(account: &Account, address: &str) -> bool {
    account.smtp_user.eq_ignore_ascii_case(address)
}

/// An address that a shell takes for nothing but a word: whoever reads the command may paste it.
fn is_harmless(address: &str) -> bool {
    address.contains('@') && !address.contains(':') && catalog::is_harmless(address)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{self, Surroundings};

    #[test]
    fn where_an_app_acts_by_itself_it_is_the_app_that_lacks_the_right_and_is_given_it() {
        const FILE: &str = "[app.x]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"c\"\nclient-secret = \"s\"\n\
                            grant = \"client-credentials\"\n[[account]]\naddress = \"ann@contoso.com\"\napp = \"x\"\n\
                            password = \"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$lNTCgLIwXNcRuNuoPuCNsQ\"\n";
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let (config, _) = config::check_text(FILE, "gatepost.toml", &around).unwrap();
        let account = &config.accounts[0];
        let fault = Denied::in_envelope("info@contoso.com", account).unwrap().explained(account, Some("o-1"));
        let line = fault.reply_text();
        assert!(line.contains(": the app of ann@contoso.com has no Send As right on info@contoso.com; "), "{line}");
        assert!(line.contains("-Identity info@contoso.com -Trustee o-1 "), "{line}");
    }

    #[test]
    fn no_command_is_made_of_an_address_that_a_shell_reads_otherwise() {
        for fine in ["ann@contoso.com", "a.b+c_d-e@sub.contoso.com"] {
            assert!(is_harmless(fine), "{fine}");
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
            assert!(!is_harmless(odd), "{odd}");
        }
    }
}
