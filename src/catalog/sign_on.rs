//! Faults of the sign-on at the mail server: a token is there, and the server does not want it.

use super::{Entry, token::entries};
use crate::base::{
    Kind::{self, IdentityRefused, Unavailable},
    Owner::{self, Admin, Provider, User},
};

entries! {
    TOKEN_REFUSED = IdentityRefused Admin "token-refused":
        "The mail server refuses the token for this mailbox; ask your administrator",
        "The server does not take this token for this user name: wrong `imap-user` or `smtp-user`, missing rights, a shared mailbox used for SMTP sign-on, or an app-only app that Exchange does not know.",
        "Check `imap-user` and `smtp-user` (SMTP signs on as the delegate), Full Access rights, and `New-ServicePrincipal` for app-only apps.";
    SMTP_AUTH_DISABLED_TENANT = IdentityRefused Admin "smtp-auth-disabled-tenant":
        "SMTP AUTH is disabled for your organization; ask your administrator",
        "Authenticated SMTP is switched off for the whole tenant; the switch counts for OAuth too.",
        "For one mailbox: `Set-CASMailbox USER -SmtpClientAuthenticationDisabled $false`; for all: `Set-TransportConfig -SmtpClientAuthenticationDisabled $false`.";
    SMTP_AUTH_DISABLED_MAILBOX = IdentityRefused Admin "smtp-auth-disabled-mailbox":
        "SMTP AUTH is disabled for this mailbox; ask your administrator",
        "Authenticated SMTP is switched off for this mailbox; the switch counts for OAuth too.",
        "`Set-CASMailbox USER -SmtpClientAuthenticationDisabled $false`; it takes up to an hour.";
    SECURITY_DEFAULTS = IdentityRefused Admin "security-defaults":
        "The organization's security defaults block SMTP sign-on; ask your administrator",
        "Security defaults of the tenant switch authenticated SMTP off.",
        "Replace security defaults by Conditional Access policies, or send through another way out.";
    CRITERIA_NOT_MET = IdentityRefused Admin "sign-on-criteria-not-met":
        "The sign-on does not meet the organization's criteria; ask your administrator",
        "Conditional Access or an authentication policy refuses this sign-on at the mail server.",
        "Look at the user's sign-in log in Entra and at the authentication policy of the mailbox.";
    SIGN_ON_FORBIDDEN = IdentityRefused Admin "sign-on-forbidden":
        "The mail server forbids this sign-on; ask your administrator",
        "The server answers 5.7.139: a policy, not the token, is in the way.",
        "The server's own words are in the log; look at the user's sign-in log in Entra.";
    FEDERATION_UNREACHABLE = Unavailable Provider "federation-unreachable":
        "The organization's own sign-in server cannot be reached; try again later",
        "The federated sign-in service (AD FS or another) did not answer Microsoft.",
        "Passes when that server is back; otherwise ask its administrator.";
    BASIC_AUTH_RETIRED = IdentityRefused Admin "basic-auth-retired":
        "The mail server no longer takes passwords and did not see a token; see the log",
        "The server says that basic authentication is not supported.",
        "Check `sasl` of the app and that the upstream is the provider's own server.";
    NOT_SIGNED_ON = IdentityRefused Admin "upstream-not-signed-on":
        "The mail server says that nobody is signed on; ask your administrator",
        "Exchange answers 5.7.57 where the sign-on did not count, often because SMTP AUTH is off.",
        "Check the SMTP AUTH switch of mailbox and tenant.";
    DAY_LIMIT_REACHED = Unavailable Provider "day-limit-reached":
        "This mailbox has sent as much as the mail server allows in a day",
        "Exchange counts the recipients of a mailbox over 24 hours, and this one is at its limit (10,000 by default).",
        "Passes within a day. Spread the clients over more mailboxes, and set `limits.recipients-per-day` to what the tenant allows.";
    SENDING_BLOCKED = IdentityRefused Admin "sending-blocked":
        "The mail server has blocked this mailbox or organization from sending; ask your administrator",
        "Exchange blocks a mailbox or tenant whose mail looked like spam, or that went over a limit of the tenant.",
        "In the Defender portal open Restricted entities, find out why, and unblock the mailbox; the server's words are in the log.";
    MAILBOX_NOT_CONNECTED = IdentityRefused Admin "mailbox-not-connected":
        "Signed on, but the mailbox cannot be opened; ask your administrator",
        "Exchange took the token and then refuses the mailbox: no Full Access, IMAP disabled for it, no licence, an alias as `imap-user`, or an app-only app registered with the wrong object id.",
        "Check `imap-user` (primary address), `Add-MailboxPermission`, `Set-CASMailbox -ImapEnabled`, and `New-ServicePrincipal -ObjectId` of the enterprise application.";
    PROTOCOL_DISABLED = IdentityRefused User "mail-protocol-disabled":
        "This mail protocol is switched off for the mailbox at the provider",
        "IMAP or POP is off in the settings of the mailbox or by an administrator.",
        "Switch it on in the mailbox's settings (Gmail: Forwarding and POP/IMAP; Outlook.com: Sync email).";
    WEB_LOGIN_WANTED = IdentityRefused User "web-login-wanted":
        "The provider wants you to log in by web browser first",
        "The provider found the sign-on unusual and wants to see a person.",
        "Log in to the mailbox in a browser from this network, then try again.";
    CONNECTIONS_EXCEEDED = Unavailable Provider "upstream-connections-exceeded":
        "Too many connections to this mailbox at once; try again in a moment",
        "Exchange allows three SMTP connections for a mailbox at the same time; others have limits as well.",
        "Passes by itself; lower the number of devices that send at the same time.";
    THROTTLED = Unavailable Provider "upstream-throttled":
        "The mail server asks to slow down; try again later",
        "Too many requests for this mailbox in a short time.",
        "Passes by itself within minutes; poll less often.";
    UPSTREAM_UNAVAILABLE = Unavailable Provider "upstream-unavailable":
        "The mail server is not available; try again later",
        "The server answered that it cannot serve now.",
        "Passes by itself; the provider's service page says more.";
    SIGN_ON_REFUSED = IdentityRefused Admin "sign-on-refused":
        "The mail server refuses the sign-on; see the log for its words",
        "The server refused in words that this version does not know.",
        "The server's words are in the log line of this session.";
}
