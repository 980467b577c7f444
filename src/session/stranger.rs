//! Clients that do not get as far as a login: which fault of the catalogue their trouble is, and who is told of it.
//!
//! Nothing but an address tells one of them from another, so it stands in log, status and doctor. Port scans and health
//! checks are nobody's trouble: what they do counts and is an INFO line at most.

use std::net::SocketAddr;

use tracing::{debug, info, warn};

use crate::{
    account::{Occasion, told},
    base::{Lang, Protocol, Stage},
    catalog::{
        Entry,
        doctor::{CERTIFICATE_ENDED, CLIENT_OTHER_PROTOCOL, CLIENT_PLAIN_ON_TLS_PORT, CLIENT_TLS_ON_PLAIN_PORT},
        message::MESSAGE_BEHIND_REFUSAL,
        own::{CLIENT_DISTRUSTS_CERTIFICATE, CLIENT_TLS_TOO_OLD, CONNECTIONS_USED_UP, PROTOCOL_MISTAKE},
    },
    meter::Meter,
    net::{TlsFault, TlsFaultKind, TurnedAway},
    wire::{Breach, Violation},
};

/// Of a handshake that failed.
pub(super) fn trouble_of_tls(fault: &TlsFault) -> Option<&'static Entry> {
    match fault.kind {
        TlsFaultKind::TooOld => Some(CLIENT_TLS_TOO_OLD),
        TlsFaultKind::NotTls => Some(CLIENT_PLAIN_ON_TLS_PORT),
        TlsFaultKind::Distrusted => Some(CLIENT_DISTRUSTS_CERTIFICATE),
        TlsFaultKind::Ended => Some(CERTIFICATE_ENDED),
        _ => None,
    }
}

/// Of a dialogue that was none.
pub(super) fn trouble_of(violation: &Violation) -> &'static Entry {
    match violation.breach {
        Breach::SpeaksTls => CLIENT_TLS_ON_PLAIN_PORT,
        Breach::SpeaksHttp => CLIENT_OTHER_PROTOCOL,
        Breach::MessageUnasked => MESSAGE_BEHIND_REFUSAL,
        Breach::Grammar | Breach::LacksTls => PROTOCOL_MISTAKE,
    }
}

/// Who it is, as far as that is known.
pub struct Stranger {
    pub protocol: Protocol,
    pub peer: SocketAddr,
    /// `None`: it had none yet.
    pub session: Option<u64>,
    pub stage: Stage,
    /// Until it is named, the address is that of whoever passes it on: everybody's.
    pub is_behind_others: bool,
}

impl Stranger {
    /// One that never came to its greeting.
    pub fn before_greeting(protocol: Protocol, peer: SocketAddr, is_behind_others: bool) -> Self {
        Self { protocol, peer, session: None, stage: Stage::Greeting, is_behind_others }
    }

    pub fn turned_away(&self, why: &TurnedAway<'_>, meter: &Meter) {
        match why {
            TurnedAway::NoSeat(full) => {
                self.noted(Some(CONNECTIONS_USED_UP), "connection refused", &full.to_string(), meter)
            }
            TurnedAway::Tls(fault) => {
                self.noted(trouble_of_tls(fault), "TLS handshake failed", &fault.to_string(), meter)
            }
        }
    }

    /// The same of what this session was told of before.
    pub(super) fn again(&self, entry: &Entry, what: &str, why: &str, meter: &Meter) {
        let Self { protocol, peer, session, stage, .. } = *self;
        let fault = entry.fault().detail(why).at(stage);
        meter.passing_fault(protocol, &fault);
        debug!(session, %protocol, %peer, id = entry.id, "{what}: {fault}");
    }

    /// `what` became of it and why: counted and said as what it is of the catalogue; what is nothing known may be anybody's
    /// garbage.
    pub(super) fn noted(&self, trouble: Option<&Entry>, what: &str, why: &str, meter: &Meter) {
        let Self { protocol, peer, session, stage, is_behind_others } = *self;
        let Some(entry) = trouble else {
            info!(session, %protocol, %peer, %stage, "{what}: {why}");
            return;
        };
        let fault = entry.fault().detail(why).at(stage);
        if !entry.is_trouble {
            meter.passing_fault(protocol, &fault);
            info!(session, %protocol, %peer, id = entry.id, "{what}: {fault}");
            return;
        }
        let is_of_all = is_behind_others && entry.id == CONNECTIONS_USED_UP.id;
        let is_news = meter.fault_of_peer(protocol, "", (!is_of_all).then(|| peer.ip()), &fault);
        // Many at once are what it is about.
        if entry.id == CONNECTIONS_USED_UP.id && !is_news {
            debug!(session, %protocol, %peer, "{what}: {fault}");
            return;
        }
        let occasion =
            Occasion { protocol: Some(protocol), stage: Some(stage), peer: Some(peer.ip()), ..Occasion::default() };
        let next = told(entry.id, Lang::En, None, &occasion).map(|words| words.whole_step());
        let (id, owner) = (entry.id, entry.owner.as_str());
        warn!(session, %protocol, %peer, id, owner, next, "{what}: {fault}");
    }
}
