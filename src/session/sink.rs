//! What a message's body goes into: the upstream's connection, or a file.

use tracing::warn;

use crate::{
    catalog::own::STORE_UNAVAILABLE,
    outbound::Connection,
    spool::{Draft, SpoolFault},
    wire::smtp::Reply,
};

pub(super) enum Sink {
    Upstream(Connection),
    /// `None`: not begun.
    Spool(Option<Draft>),
}

impl Sink {
    /// Whether the headers may hold more than ASCII. What is spooled is asked for when it is sent.
    pub(super) fn carries_utf8(&self) -> bool {
        match self {
            Self::Upstream(connection) => connection.carries().utf8,
            Self::Spool(_) => true,
        }
    }
}

/// No room for the message, or no disk.
pub(super) fn not_spooled(fault: &SpoolFault) -> Reply {
    warn!("refused: {fault}");
    match fault.is_full() {
        true => Reply::new(452, "4.3.1 No room for messages here, try again later"),
        false => Reply::new(451, format!("4.3.0 {}", STORE_UNAVAILABLE.fault().reply_text())),
    }
}
