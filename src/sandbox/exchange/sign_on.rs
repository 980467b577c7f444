//! XOAUTH2 as Exchange judges it, for all three protocols.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{World, mailbox::Mailbox};
use crate::{
    base::{Protocol, Secret},
    sandbox::tenant::{Access, Holder},
};

/// What Gmail and Dovecot say before they refuse (Gmail's XOAUTH2 protocol page):
/// `{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}`.
pub const CHALLENGE: &str =
    "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K";

/// The two fields of an XOAUTH2 string.
struct Credentials {
    user: String,
    token: Secret,
}

pub enum Verdict {
    /// Signed on to this mailbox.
    In(Arc<Mailbox>, Access),
    /// The token is good, the mailbox is not its holder's: IMAP says OK and shows it at the next command
    /// (MailKit #1494: OK is not proof).
    Unconnected,
    Refused,
}

/// Judges a SASL response and counts the outcome.
pub fn judge(world: &World, protocol: Protocol, response: &[u8]) -> Verdict {
    let verdict = verdict(world, protocol, response);
    world.tally.count(|counts| match verdict {
        Verdict::Refused => counts.sign_on_refusals += 1,
        _ => counts.sign_ons += 1,
    });
    verdict
}

fn verdict(world: &World, protocol: Protocol, response: &[u8]) -> Verdict {
    let Some(credentials) = read(response) else { return Verdict::Refused };
    let Some(access) = world.tenant.look(credentials.token.expose()) else { return Verdict::Refused };
    let Some(mailbox) = world.mailbox(&credentials.user) else { return Verdict::Refused };
    if !access.covers(protocol) || world.faults.refuses_token(protocol) {
        return Verdict::Refused;
    }
    let own = match &access.holder {
        Holder::App(_) => true,
        Holder::Person(address) => address.eq_ignore_ascii_case(&credentials.user),
    };
    let is_unknown =
        matches!(access.holder, Holder::App(_)) && world.faults.read(|faults| faults.exchange.wrong_service_principals);
    match protocol {
        Protocol::Imap if is_unknown => Verdict::Unconnected,
        _ if is_unknown => Verdict::Refused,
        // A delegate's token does not open SMTP for a shared mailbox (nextcloud/mail #13667).
        Protocol::Smtp if !own => Verdict::Refused,
        Protocol::Pop3 if !world.tenant.may_use(&access.holder, &credentials.user) => Verdict::Refused,
        Protocol::Imap if !world.tenant.may_use(&access.holder, &credentials.user) => Verdict::Unconnected,
        _ => Verdict::In(mailbox, access),
    }
}

/// `user=U ^A auth=Bearer T ^A ^A`, nothing more and nothing less.
fn read(response: &[u8]) -> Option<Credentials> {
    let text = String::from_utf8(STANDARD.decode(response).ok()?).ok()?;
    let (user, rest) = text.strip_prefix("user=")?.split_once('\u{1}')?;
    let token = rest.strip_prefix("auth=Bearer ")?.strip_suffix("\u{1}\u{1}")?;
    let clean = !token.contains('\u{1}');
    clean.then(|| Credentials { user: user.to_owned(), token: Secret::new(token) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_string_is_understood() {
        let example = "dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==";
        let credentials = read(example.as_bytes()).expect("microsoft.md 1.1");
        assert_eq!(credentials.user, "test@contoso.onmicrosoft.com");
        assert_eq!(credentials.token.expose(), "EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA");
    }

    #[test]
    fn fields_cannot_be_smuggled_in() {
        for text in
            ["user=a\u{1}auth=Bearer t\u{1}x=y\u{1}\u{1}", "user=a\u{1}auth=Bearer t\u{1}", "auth=Bearer t\u{1}\u{1}"]
        {
            assert!(read(STANDARD.encode(text).as_bytes()).is_none(), "{text:?}");
        }
        assert!(read(b"not base64").is_none());
    }
}
