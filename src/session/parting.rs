//! Last words to a client that is not signed on, in its own protocol.
//!
//! Each of them passes by itself, so a mail program that hears it comes back. A goodbye has no id; a refusal has.

use std::sync::LazyLock;

use bytes::Bytes;

use crate::{
    base::Protocol,
    catalog::{
        Entry,
        doctor::{CLIENT_PLAIN_ON_TLS_PORT, CLIENT_WITHOUT_STARTTLS},
        own::CONNECTIONS_USED_UP,
    },
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
    format!("{code} This port speaks TLS from the first byte{}\r\n", mark(CLIENT_PLAIN_ON_TLS_PORT))
}

/// The words of a machine, which knows no catalogue, with the id of what they are about.
pub(super) fn with_id(words: &Bytes, trouble: Option<&Entry>) -> Bytes {
    match (trouble, words.strip_suffix(b"\r\n")) {
        (Some(entry), Some(line)) => [line, mark(entry).as_bytes(), b"\r\n"].concat().into(),
        _ => words.clone(),
    }
}

/// Stands behind the refusal of a login without STARTTLS.
pub(super) fn starttls_mark() -> &'static str {
    static MARK: LazyLock<String> = LazyLock::new(|| mark(CLIENT_WITHOUT_STARTTLS));
    &MARK
}

fn mark(entry: &Entry) -> String {
    format!(" [gatepost {}]", entry.id)
}
