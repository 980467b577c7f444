//! Our own refusals of SMTP: a code, the text of the fault, what is wrong in this case, and the id under which it is explained.

use std::fmt::Display;

use super::{
    Entry,
    doctor::CLIENT_WITHOUT_STARTTLS,
    graph::{
        GRAPH_DRAFT_DENIED, GRAPH_MESSAGE_UNREADABLE, GRAPH_OTHERS_SERVED, GRAPH_RECIPIENTS_DIFFER, GRAPH_REFUSES,
        GRAPH_SIGNED_TOO_LARGE, GRAPH_TOO_LARGE, GRAPH_UNCLEAR,
    },
    message::{
        BARE_CR, CLIENT_MESSAGE_TOO_LARGE, HEADER_TOO_LARGE, MESSAGE_BEHIND_REFUSAL, MESSAGE_OVER_ANNOUNCED_SIZE,
        MESSAGE_TOO_SLOW, NUL_BYTE, RECIPIENT_NOT_ALLOWED, RECIPIENTS_USED_UP, SENDER_NOT_ALLOWED, SENDER_UNREADABLE,
        SMTPUTF8_MISSING, TOO_MANY_RECIPIENTS,
    },
    own::{
        CONNECTION_CLOSED, ENVELOPE_DAMAGED, MESSAGE_EXPIRED, QUEUE_FAILING, QUEUE_FULL, UPSTREAM_LOST,
        UPSTREAM_PROTOCOL,
    },
};
use crate::{
    base::Protocol,
    wire::{
        imap::reply::BYE,
        pop3::reply::ERR,
        smtp::{
            Reply,
            reply::{LEAVING, UNPROTECTED},
        },
    },
};

/// What stands in the way of a message that is to stay here for now; what comes behind the queue is not among it.
pub const AHEAD_OF_THE_QUEUE: [&str; 14] = [
    QUEUE_FULL.id,
    QUEUE_FAILING.id,
    BARE_CR.id,
    NUL_BYTE.id,
    CLIENT_MESSAGE_TOO_LARGE.id,
    MESSAGE_OVER_ANNOUNCED_SIZE.id,
    HEADER_TOO_LARGE.id,
    SMTPUTF8_MISSING.id,
    SENDER_NOT_ALLOWED.id,
    SENDER_UNREADABLE.id,
    RECIPIENT_NOT_ALLOWED.id,
    TOO_MANY_RECIPIENTS.id,
    MESSAGE_BEHIND_REFUSAL.id,
    MESSAGE_TOO_SLOW.id,
];

/// What the program of one client does, or its rule refuses: another client's messages prove nothing of it. A sender is
/// anybody's who has it.
pub fn is_of_one_client(id: &str) -> bool {
    let is_of_all = [QUEUE_FULL.id, QUEUE_FAILING.id, SENDER_NOT_ALLOWED.id, SENDER_UNREADABLE.id].contains(&id);
    AHEAD_OF_THE_QUEUE.contains(&id) && !is_of_all
}

/// No room or no disk for what is kept here: a message that is not kept proves nothing of that.
pub const OF_THE_QUEUE: [&str; 2] = [QUEUE_FULL.id, QUEUE_FAILING.id];

/// A fault with a code under which a client hears of it, beside that of its kind.
#[derive(Debug, Clone, Copy)]
pub struct Coded {
    pub entry: &'static Entry,
    pub code: (u16, &'static str),
}

impl Coded {
    /// With nothing that is particular in this case.
    pub fn reply(self) -> Reply {
        Reply::of(self.code, &self.entry.fault())
    }
}

macro_rules! coded {
    ($($name:ident = $entry:ident, $code:expr;)*) => {
        /// By what happened, which mostly is the fault itself.
        pub mod coded {
            use super::*;

            $(pub const $name: Coded = Coded { entry: $entry, code: $code };)*
            /// All of them.
            pub const ALL: &[Coded] = &[$($name),*];
        }
    };
}

coded! {
    BEHIND_REFUSAL = MESSAGE_BEHIND_REFUSAL, LEAVING;
    BROKEN_BY_CR = BARE_CR, (554, "5.6.11");
    BROKEN_BY_NUL = NUL_BYTE, (554, "5.6.11");
    CLOSED_FOR_MISTAKES = CONNECTION_CLOSED, LEAVING;
    CLOSED_FOR_SILENCE = CONNECTION_CLOSED, (421, "4.4.2");
    CLOSED_TO_STOP = CONNECTION_CLOSED, (421, "4.3.2");
    DAMAGED = ENVELOPE_DAMAGED, (554, "5.3.0");
    DAY_EXCEEDED = RECIPIENTS_USED_UP, (550, "5.5.3");
    DAY_USED_UP = RECIPIENTS_USED_UP, (452, "4.5.3");
    EXPIRED = MESSAGE_EXPIRED, (554, "5.4.7");
    GRAPH_DIFFERS = GRAPH_RECIPIENTS_DIFFER, (554, "5.6.0");
    GRAPH_DRAFT = GRAPH_DRAFT_DENIED, (552, "5.3.4");
    GRAPH_OTHERS = GRAPH_OTHERS_SERVED, (554, "5.6.0");
    GRAPH_REFUSED = GRAPH_REFUSES, (554, "5.0.0");
    GRAPH_SEALED = GRAPH_SIGNED_TOO_LARGE, (552, "5.3.4");
    GRAPH_SIZE = GRAPH_TOO_LARGE, (552, "5.3.4");
    GRAPH_UNREADABLE = GRAPH_MESSAGE_UNREADABLE, (554, "5.6.0");
    GRAPH_UNSURE = GRAPH_UNCLEAR, (451, "4.4.2");
    HEADER_SIZE = HEADER_TOO_LARGE, (552, "5.3.4");
    LOST = UPSTREAM_LOST, (451, "4.4.2");
    NOT_ASCII = SMTPUTF8_MISSING, (550, "5.6.7");
    NOT_WRITTEN = QUEUE_FAILING, (451, "4.3.0");
    NO_ROOM = QUEUE_FULL, (452, "4.3.1");
    OVER_ANNOUNCED = MESSAGE_OVER_ANNOUNCED_SIZE, (552, "5.3.4");
    OVER_CLIENTS = CLIENT_MESSAGE_TOO_LARGE, (552, "5.3.4");
    RECIPIENT = RECIPIENT_NOT_ALLOWED, (550, "5.7.1");
    RECIPIENTS = TOO_MANY_RECIPIENTS, (452, "4.5.3");
    SENDER = SENDER_NOT_ALLOWED, (550, "5.7.1");
    SENDER_UNREAD = SENDER_UNREADABLE, (550, "5.1.7");
    TLS_FIRST = CLIENT_WITHOUT_STARTTLS, UNPROTECTED;
    TOO_SLOW = MESSAGE_TOO_SLOW, (421, "4.4.2");
    UNSAID = UPSTREAM_PROTOCOL, (450, "4.3.0");
}

/// What begins the last words to a client that may come again.
pub const fn not_now(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "421 4.3.2",
        Protocol::Imap => BYE,
        Protocol::Pop3 => "-ERR [SYS/TEMP]",
    }
}

/// The same to a plain client, where TLS comes first.
pub const fn tls_expected(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "554 5.7.0",
        Protocol::Imap => BYE,
        Protocol::Pop3 => ERR,
    }
}

/// `particulars`: behind the entry's own text.
pub fn refusal(of: Coded, particulars: impl Display) -> Reply {
    Reply::of(of.code, &of.entry.fault().saying(particulars))
}

/// To what an upstream without SMTPUTF8 does not carry (RFC 6531 3.5): "an address", "the header".
pub fn not_ascii(place: &str) -> Reply {
    refusal(coded::NOT_ASCII, format_args!("it stands in {place}"))
}

/// To a message that goes no further; `fate`: what became of it.
pub fn lost(fate: &str, how: impl Display) -> Reply {
    refusal(coded::LOST, format_args!("{fate} ({how})"))
}

/// No answer to a whole message says nothing of it.
pub fn lost_behind_the_dot(how: impl Display) -> Reply {
    lost("no answer to the whole message, it may have been delivered", how)
}

/// To a message that is not taken over: 452 where there is no room, else a local error (RFC 5321 4.2.3); never for good.
/// `why`: for the log.
pub fn not_kept(is_full: bool, why: impl Display) -> Reply {
    let of = if is_full { coded::NO_ROOM } else { coded::NOT_WRITTEN };
    Reply::of(of.code, &of.entry.fault().detail(why.to_string()))
}
