//! Last words to a client that is not signed on, in its own protocol.
//!
//! Each of them passes by itself, so a mail program that hears it comes back.

use crate::base::Protocol;

/// Gatepost ends the connection: the time is over, the mistakes are too many, or it shuts down itself.
pub const fn closing(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "421 4.3.2 Gatepost closes this connection\r\n",
        Protocol::Imap => "* BYE Gatepost closes this connection\r\n",
        Protocol::Pop3 => "-ERR [SYS/TEMP] Gatepost closes this connection\r\n",
    }
}

/// There is no seat, or no longer: others came since, and who was not signed on had to make room.
pub const fn too_busy(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "421 4.3.2 Too many connections, try again later\r\n",
        Protocol::Imap => "* BYE Too many connections, try again later\r\n",
        Protocol::Pop3 => "-ERR [SYS/TEMP] Too many connections, try again later\r\n",
    }
}

/// To a plain client, where TLS comes first.
pub const fn tls_expected(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Smtp => "554 5.7.0 This port speaks TLS from the first byte\r\n",
        Protocol::Imap => "* BYE This port speaks TLS from the first byte\r\n",
        Protocol::Pop3 => "-ERR This port speaks TLS from the first byte\r\n",
    }
}
