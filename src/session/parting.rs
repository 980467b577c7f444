//! Last words to a client that is not signed on, in its own protocol.
//!
//! Each of them passes by itself, so a mail program that hears it comes back. A goodbye has no id; a refusal has.

use std::sync::LazyLock;

use crate::{
    base::Protocol,
    catalog::{
        Entry,
        doctor::{CLIENT_PLAIN_ON_TLS_PORT, CLIENT_WITHOUT_STARTTLS},
        own::CONNECTIONS_USED_UP,
    },
    wire::Farewell,
};

/// Gatepost ends the connection: the time is over, the mistakes are too many, or it shuts down itself.
pub const fn closing(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "421 4.3.2 Gatepost closes this connection\r\n",
        Protocol::Imap => "* BYE Gatepost closes this connection\r\n",
        Protocol::Pop3 => "-ERR [SYS/TEMP] Gatepost closes this connection\r\n",
    }
}

/// There is no seat, or no longer: others came since, and who was not signed on had to make room.
pub fn too_busy(protocol: Protocol) -> String {
    let code = match protocol {
        Protocol::Smtp => "421 4.3.2",
        Protocol::Imap => "* BYE",
        Protocol::Pop3 => "-ERR [SYS/TEMP]",
    };
    format!("{code} {}\r\n", CONNECTIONS_USED_UP.fault().reply_text())
}

/// To a plain client, where TLS comes first.
pub fn tls_expected(protocol: Protocol) -> String {
    let code = match protocol {
        Protocol::Smtp => "554 5.7.0",
        Protocol::Imap => "* BYE",
        Protocol::Pop3 => "-ERR",
    };
    format!("{code} {}\r\n", CLIENT_PLAIN_ON_TLS_PORT.fault().reply_text())
}

/// In the place of the words of a machine, which knows no catalogue, those of what they are about.
pub(super) fn last_words(farewell: &Farewell, trouble: Option<&Entry>) -> String {
    trouble.map_or_else(|| farewell.line(), |entry| farewell.saying(&entry.fault().reply_text()))
}

/// To a login without STARTTLS.
pub(super) fn tls_first() -> &'static str {
    static WORDS: LazyLock<String> = LazyLock::new(|| CLIENT_WITHOUT_STARTTLS.fault().reply_text());
    &WORDS
}
