//! Tells apart what looks alike in a mail server's words, by what the same token is worth elsewhere.
//!
//! Exchange says "authenticated but not connected", or no more than "failed", for a protocol that is off, for a missing
//! right and for an app that it does not know. A token that opens something is a good one; then it is this mailbox, this
//! protocol or this name. Pure: who asks, and for what, is `sign_on`. Where nothing proves a cause it names none.

use crate::{
    base::{Fault, Protocol},
    catalog::{
        Entry,
        doctor::{
            FULL_ACCESS_MISSING, IMAP_DISABLED_MAILBOX, POP3_DISABLED_MAILBOX, SERVICE_PRINCIPAL_MISSING,
            SMTP_REFUSED_ALONE, SMTP_USER_DIFFERS,
        },
        sign_on::{MAIL_PROTOCOL_DISABLED, MAILBOX_NOT_CONNECTED, TOKEN_REFUSED},
    },
};

/// What one token is worth, as far as it was tried. `None`: not tried, or it failed in words that are plain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Worth {
    pub smtp: Option<bool>,
    pub imap: Option<bool>,
    pub pop3: Option<bool>,
    /// The mailbox of who signed in, where that is another one.
    pub own: Option<bool>,
    /// IMAP took the token and shut the mailbox.
    pub is_unconnected: bool,
    /// The mailbox that is read is that of who signed in.
    pub is_own: bool,
    /// SMTP signs on as who signed in.
    pub sends_as_holder: bool,
    pub is_app_only: bool,
    pub is_exchange: bool,
}

/// A refusal that many causes have in common.
pub(super) fn is_vague(fault: &Fault) -> bool {
    [TOKEN_REFUSED.id, MAILBOX_NOT_CONNECTED.id].contains(&fault.id)
}

impl Worth {
    pub fn note(&mut self, protocol: Protocol, is_in: bool) {
        let place = match protocol {
            Protocol::Smtp => &mut self.smtp,
            Protocol::Imap => &mut self.imap,
            Protocol::Pop3 => &mut self.pop3,
        };
        *place = Some(is_in);
    }

    /// The mailbox that is read opens.
    pub fn opens(&self) -> bool {
        let by_smtp = self.is_own && !self.is_app_only && self.smtp == Some(true);
        self.imap == Some(true) || self.pop3 == Some(true) || by_smtp
    }

    /// The token opens something.
    pub fn is_good(&self) -> bool {
        self.opens() || self.smtp == Some(true) || self.own == Some(true)
    }

    /// Of a vague refusal by this protocol. `None`: nothing proves one.
    pub fn cause(&self, protocol: Protocol) -> Option<&'static Entry> {
        let sends_as_other = !self.is_app_only && !self.sends_as_holder;
        match protocol {
            _ if !self.is_exchange => (protocol != Protocol::Smtp && self.opens()).then_some(MAIL_PROTOCOL_DISABLED),
            // As the facts have it: a delegate's token signs nobody else on.
            Protocol::Smtp if sends_as_other => Some(SMTP_USER_DIFFERS),
            Protocol::Smtp if self.is_good() => Some(SMTP_REFUSED_ALONE),
            Protocol::Imap if self.opens() => Some(IMAP_DISABLED_MAILBOX),
            Protocol::Pop3 if self.opens() => Some(POP3_DISABLED_MAILBOX),
            _ if self.is_app_only && self.smtp == Some(true) => Some(FULL_ACCESS_MISSING),
            _ if self.is_app_only => Some(SERVICE_PRINCIPAL_MISSING),
            Protocol::Imap | Protocol::Pop3 if !self.is_own && (self.is_good() || self.is_unconnected) => {
                Some(FULL_ACCESS_MISSING)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: Option<bool> = Some(false);
    const YES: Option<bool> = Some(true);

    fn causes(worth: Worth) -> [Option<&'static str>; 3] {
        Protocol::ALL.map(|protocol| worth.cause(protocol).map(|entry| entry.id))
    }

    #[test]
    fn what_the_token_is_worth_elsewhere_tells_the_cause() {
        let own = Worth { is_own: true, sends_as_holder: true, is_exchange: true, ..Worth::default() };
        let shared = Worth { is_own: false, ..own };
        let app = Worth { is_app_only: true, is_own: false, sends_as_holder: false, ..own };
        let full = Some("full-access-missing");
        let principal = Some("service-principal-missing");
        for (worth, wanted) in [
            (Worth { smtp: NO, imap: NO, pop3: NO, ..own }, [None; 3]),
            (
                Worth { smtp: YES, imap: NO, pop3: NO, ..own },
                [Some("smtp-refused-alone"), Some("imap-disabled-mailbox"), Some("pop3-disabled-mailbox")],
            ),
            (Worth { smtp: YES, imap: NO, pop3: NO, ..shared }, [Some("smtp-refused-alone"), full, full]),
            (Worth { imap: NO, pop3: NO, own: YES, ..shared }, [Some("smtp-refused-alone"), full, full]),
            (Worth { imap: NO, pop3: NO, own: NO, ..shared }, [None; 3]),
            (Worth { imap: NO, is_unconnected: true, own: NO, ..shared }, [None, full, full]),
            (
                Worth { smtp: NO, pop3: YES, sends_as_holder: false, ..shared },
                [Some("smtp-user-differs"), Some("imap-disabled-mailbox"), Some("pop3-disabled-mailbox")],
            ),
            (Worth { smtp: NO, imap: NO, pop3: NO, ..app }, [principal; 3]),
            (Worth { smtp: YES, imap: NO, pop3: NO, ..app }, [Some("smtp-refused-alone"), full, full]),
        ] {
            assert_eq!(causes(worth), wanted, "{worth:?}");
        }
    }

    #[test]
    fn of_other_providers_nothing_is_said_that_only_exchange_has() {
        let google = Worth { is_own: true, sends_as_holder: true, smtp: YES, imap: NO, pop3: NO, ..Worth::default() };
        let off = Some("mail-protocol-disabled");
        assert_eq!(causes(google), [None, off, off]);
        assert_eq!(causes(Worth { smtp: NO, ..google }), [None; 3]);
    }
}
