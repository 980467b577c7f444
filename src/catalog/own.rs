//! Faults of Gatepost itself and of the way to the mail server: no server's words are translated here.

use super::{Entry, token::entries};
use crate::base::{
    Kind::{self, BadCredentials, Bug, TooBusy, Unavailable},
    Owner::{self, Admin, Client, Provider},
};

entries! {
    BAD_CREDENTIALS = BadCredentials Client "bad-credentials":
        "Wrong user name or password; use the password from Gatepost's configuration",
        "The password of Gatepost, not that of the mailbox, is wrong, or there is no such user here.",
        "`gatepost password` makes a new one; `gatepost password --reset ADDRESS` forgets one that was learned.";
    AUTHENTICATION_REQUIRED = BadCredentials Client "authentication-required":
        "Authentication required: log in first",
        "The client did not log in, and no `[[client]]` rule admits its address.",
        "Add `from = [\"ADDRESS\"]` to a `[[client]]`, or let the device log in.";
    TOO_MANY_GUESSES = TooBusy Client "too-many-guesses":
        "Too many wrong passwords from this address, try again in a minute",
        "Many wrong passwords came from this address; they are answered one in two seconds.",
        "Wait a minute; find the client with the old password (the log names its address).";
    PASSWORD_CHECK_BUSY = TooBusy Client "password-check-busy":
        "Gatepost is busy checking other passwords, try again in a minute",
        "More passwords are to be checked than the machine can check in time.",
        "Passes by itself; a password that was right once is not checked that way again.";
    STORE_UNAVAILABLE = Bug Admin "store-unavailable":
        "Gatepost cannot read its own store: check the disk and rights of its state directory",
        "The database in the state directory cannot be read: disk, rights, or a damaged file.",
        "Check disk and rights of the state directory; the log has the path and the cause.";
    TOKEN_TIMEOUT = Unavailable Provider "token-timeout":
        "The identity provider did not answer in time; it is tried again by itself",
        "No token came within `sign-on-seconds`.",
        "Passes by itself; if it stays, check the network and `network.http-proxy`.";
    MAILBOX_BUSY = Unavailable Admin "mailbox-busy":
        "This mailbox sends as much as its limits allow, try again in a minute",
        "Other clients of this mailbox use all connections or messages a minute that `limits` allows; waiting for 20 seconds did not help.",
        "Passes by itself. For bursts, `delivery = \"queue\"` takes messages at once and sends them in time; or spread the clients over more mailboxes.";
    UPSTREAM_UNREACHABLE = Unavailable Admin "upstream-unreachable":
        "The mail server cannot be reached securely; network, DNS or TLS is in the way",
        "Name resolution, connection or TLS to the mail server failed.",
        "The log has the cause. An inspecting proxy's authority goes into `network.ca-file`; else try `curl -v telnet://HOST:PORT` from the same machine.";
    PROXY_UNREACHABLE = Unavailable Admin "proxy-unreachable":
        "The proxy of this network does not answer as it should; ask who runs Gatepost",
        "The proxy named in `[network]` cannot be resolved or connected, is silent, or speaks something else than its URL says.",
        "Check scheme, host and port of `http-proxy` or `mail-proxy`; the log has the cause.";
    PROXY_LOGIN_REFUSED = Unavailable Admin "proxy-login-refused":
        "The proxy of this network refuses Gatepost's user or password; ask who runs Gatepost",
        "The proxy wants a user and password where none are set, refuses those that are, or wants another way to log in.",
        "Write `http://USER:PASSWORD@HOST:PORT`, special characters as `%XX`, best into a file for `http-proxy-file` or `mail-proxy-file`.";
    PROXY_FORBIDS = Unavailable Admin "proxy-forbids":
        "The proxy of this network does not allow this connection; ask who runs it",
        "The proxy's rules are against this host or port. Many allow CONNECT to port 443 alone.",
        "Let the proxy's administrator allow the host and port in the log. Squid: add 587, 993 and 995 to the ACLs `SSL_ports` and `Safe_ports`.";
    PROXY_NO_WAY = Unavailable Admin "proxy-no-way":
        "The proxy of this network cannot reach the server, try again",
        "The proxy answers, and gets no further itself: a name, the network or a firewall behind it.",
        "Passes by itself if the server is down; else look into the proxy's log for the host and port in ours.";
    UPSTREAM_TIMEOUT = Unavailable Provider "upstream-timeout":
        "The mail server did not answer in time, try again",
        "The mail server was connected and then silent.",
        "Try again; if it stays, something in between breaks connections.";
    UPSTREAM_LOST = Unavailable Provider "upstream-lost":
        "The mail server closed the connection, try again",
        "The connection to the mail server broke. Behind the end of a message nobody knows whether it was taken.",
        "Try again; if it stays, something in between breaks connections.";
    UPSTREAM_PROTOCOL = Unavailable Provider "upstream-protocol":
        "The mail server answered in a way that cannot be right",
        "What came is not the protocol that was expected: another service at that port, or an inspecting proxy.",
        "Check host, port and TLS mode of the app's upstream; the log has what came.";
}

/// Why a message was refused: an SMTP reply of its own, spelled where it is given.
#[derive(Debug)]
pub struct Objection {
    pub id: &'static str,
    pub cause: &'static str,
    pub next: &'static str,
}

pub const SENDER_NOT_ALLOWED: &Objection = &Objection {
    id: "sender-not-allowed",
    cause: "MAIL FROM, From or Sender is not among the account's `send-as`.",
    next: "Add the address, or `\"*@contoso.com\"`, to `send-as`.",
};

pub const RECIPIENT_NOT_ALLOWED: &Objection = &Objection {
    id: "recipient-not-allowed",
    cause: "The `[[client]]` may write to its `recipients` alone, and this address is not among them.",
    next: "Add the address, or `\"*@contoso.com\"`, to `recipients` of the client that the log names; without the key it may write to anybody.",
};

pub const MESSAGE_TOO_LARGE: &Objection = &Objection {
    id: "message-too-large",
    cause: "The message is larger than `max-bytes` of its `[[client]]`.",
    next: "Let the device send less (fewer pages, a lower resolution), or raise `max-bytes` of the client that the log names.",
};

pub const DAY_USED_UP: &Objection = &Objection {
    id: "recipients-used-up",
    cause: "The mailbox wrote to as many recipients in the last 24 hours as `limits.recipients-per-day` allows.",
    next: "Wait, or spread the clients over more mailboxes. Exchange Online's own limit is 10000.",
};

const SMUGGLING: &str = "The message holds a byte that mail may not hold, and that is used to smuggle messages.";
const MEND: &str = "Mend the program that writes the message.";
pub const BARE_CR: &Objection = &Objection { id: "bare-cr", cause: SMUGGLING, next: MEND };
pub const NUL_BYTE: &Objection = &Objection { id: "nul-byte", cause: SMUGGLING, next: MEND };

pub(super) const OBJECTIONS: &[&Objection] =
    &[SENDER_NOT_ALLOWED, RECIPIENT_NOT_ALLOWED, MESSAGE_TOO_LARGE, DAY_USED_UP, BARE_CR, NUL_BYTE];
