//! Clients that do not get as far as a login: which fault of the catalogue their trouble is.
//!
//! Port scans and health checks come and go without a word, and are nobody's trouble.

use crate::{
    catalog::{
        Entry,
        doctor::{CLIENT_PLAIN_ON_TLS_PORT, CLIENT_TLS_ON_PLAIN_PORT},
        own::{CLIENT_DISTRUSTS_CERTIFICATE, CLIENT_TLS_TOO_OLD},
    },
    net::{TlsFault, TlsFaultKind},
    wire::{Breach, Violation},
};

/// Of a handshake that failed.
pub fn trouble_of_tls(fault: &TlsFault) -> Option<&'static Entry> {
    match fault.kind {
        TlsFaultKind::TooOld => Some(CLIENT_TLS_TOO_OLD),
        TlsFaultKind::NotTls => Some(CLIENT_PLAIN_ON_TLS_PORT),
        TlsFaultKind::Distrusted => Some(CLIENT_DISTRUSTS_CERTIFICATE),
        _ => None,
    }
}

/// Of a dialogue that was none.
pub(super) fn trouble_of(violation: &Violation) -> Option<&'static Entry> {
    (violation.breach == Breach::SpeaksTls).then_some(CLIENT_TLS_ON_PLAIN_PORT)
}
