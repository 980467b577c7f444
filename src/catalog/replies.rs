//! Our own refusals of SMTP: a code, the text of the fault, what is wrong in this case, and the id under which it is explained.

use std::fmt::Display;

use super::{
    Entry,
    message::{
        BARE_CR, CLIENT_MESSAGE_TOO_LARGE, HEADER_TOO_LARGE, MESSAGE_BEHIND_REFUSAL, MESSAGE_OVER_ANNOUNCED_SIZE,
        MESSAGE_TOO_SLOW, NUL_BYTE, RECIPIENT_NOT_ALLOWED, SENDER_NOT_ALLOWED, SENDER_UNREADABLE, SMTPUTF8_MISSING,
        TOO_MANY_RECIPIENTS,
    },
    own::{QUEUE_FAILING, QUEUE_FULL, UPSTREAM_LOST},
};
use crate::wire::smtp::Reply;

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

const NOT_ASCII: (u16, &str) = (550, "5.6.7");
const LOST: (u16, &str) = (451, "4.4.2");
const NO_ROOM: (u16, &str) = (452, "4.3.1");
const NOT_WRITTEN: (u16, &str) = (451, "4.3.0");

/// Faults with a code of their own.
pub(super) const OF_ONE: [(&Entry, (u16, &str)); 4] =
    [(SMTPUTF8_MISSING, NOT_ASCII), (UPSTREAM_LOST, LOST), (QUEUE_FULL, NO_ROOM), (QUEUE_FAILING, NOT_WRITTEN)];

/// `particulars`: behind the entry's own text.
pub fn refusal(entry: &Entry, code: (u16, &str), particulars: impl Display) -> Reply {
    Reply::of(code, &entry.fault().saying(particulars))
}

/// To what an upstream without SMTPUTF8 does not carry (RFC 6531 3.5): "an address", "the header".
pub fn not_ascii(place: &str) -> Reply {
    refusal(SMTPUTF8_MISSING, NOT_ASCII, format_args!("it stands in {place}"))
}

/// To a message that goes no further; `fate`: what became of it.
pub fn lost(fate: &str, how: impl Display) -> Reply {
    refusal(UPSTREAM_LOST, LOST, format_args!("{fate} ({how})"))
}

/// No answer to a whole message says nothing of it.
pub fn lost_behind_the_dot(how: impl Display) -> Reply {
    lost("no answer to the whole message, it may have been delivered", how)
}

/// To a message that is not taken over: 452 where there is no room, else a local error (RFC 5321 4.2.3); never for good.
/// `why`: for the log.
pub fn not_kept(is_full: bool, why: impl Display) -> Reply {
    let (entry, code) = if is_full { (QUEUE_FULL, NO_ROOM) } else { (QUEUE_FAILING, NOT_WRITTEN) };
    Reply::of(code, &entry.fault().detail(why.to_string()))
}
