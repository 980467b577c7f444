//! IMAP and POP3 after sign-on: bytes pass, and nothing is known of them.
//!
//! One exception looks without touching: Exchange ends an IMAP session when its access token expires, with a line
//! that is counted. The line itself passes like every other.

use std::time::Duration;

use bytes::BytesMut;
use tracing::info;

use super::Gate;
use crate::{
    account::Admitted,
    base::{Protocol, Stage},
    catalog::{
        self,
        own::{CONNECTION_CLOSED, UPSTREAM_LOST},
        session::SESSION_TOKEN_EXPIRED,
    },
    meter::Entry,
    net::{SpliceLimits, SpliceReason, Stream, Tail, Tap, Unread, splice},
    outbound::SignedOn,
};

/// RFC 3501 5.4 wants 30 minutes at least, RFC 1939 3 ten; clients that IDLE re-issue within 29.
const IMAP_IDLE: Duration = Duration::from_secs(35 * 60);
const POP3_IDLE: Duration = Duration::from_secs(11 * 60);

const TOKEN_END: &[u8] = b"* BYE Session invalidated - AccessTokenExpired";
/// Octets that hold this line and a tagged one behind it.
const TAIL: usize = 160;

/// Not an `async fn`: that would keep the room of its arguments twice, for as long as a session lasts.
pub(super) fn run(
    gate: &Gate,
    protocol: Protocol,
    mut client: Stream,
    unread: BytesMut,
    admitted: Admitted,
    upstream: SignedOn,
    entry: &Entry,
) -> impl Future<Output = ()> + Send {
    entry.set_stage(Stage::Splicing);
    // Nor is the rest of what was signed on kept so long.
    let SignedOn { stream: mut upstream, unread: unread_upstream, .. } = upstream;
    let unread = Unread { to_client: unread_upstream.freeze(), to_upstream: unread.freeze() };
    async move {
        let mut tail = Tail::<TAIL>::default();
        let mut look = |bytes: &[u8]| tail.note(bytes);
        let tap: Option<Tap<'_>> = if protocol == Protocol::Imap { Some(&mut look) } else { None };
        let count = gate.outbound.carried(protocol);
        let end = splice(&mut client, &mut upstream, unread, limits(protocol), &gate.closing, &count, tap).await;
        let ended_by_token = says_token_end(&tail);
        if ended_by_token {
            gate.meter.ended_by_token_expiry();
        }
        let ended_by = fault_of(&end.reason, ended_by_token);
        let (id, text) = ended_by.map(|entry| (entry.id, entry.short())).unzip();
        if let Some(entry) = ended_by {
            gate.meter.passing_fault(protocol, &entry.fault().at(Stage::Splicing));
        }
        info!(
            session = entry.id(), %protocol, account = admitted.account.address, to_client = end.to_client,
            to_upstream = end.to_upstream, ended_by_token, id, text, "session ended: {}", end.reason
        );
    }
}

/// Of one that neither side ended, or that the mail server ended with its token. Nothing is said of it to the client: the next byte may belong to a line of the mail server's.
const fn fault_of(reason: &SpliceReason, ended_by_token: bool) -> Option<&'static catalog::Entry> {
    match reason {
        _ if ended_by_token => Some(SESSION_TOKEN_EXPIRED),
        SpliceReason::Idle | SpliceReason::Shutdown => Some(CONNECTION_CLOSED),
        SpliceReason::UpstreamFailed(_) => Some(UPSTREAM_LOST),
        SpliceReason::ClientClosed | SpliceReason::UpstreamClosed | SpliceReason::ClientFailed(_) => None,
    }
}

const fn limits(protocol: Protocol) -> SpliceLimits {
    SpliceLimits { idle: if let Protocol::Imap = protocol { IMAP_IDLE } else { POP3_IDLE } }
}

/// It is one of the last two lines: a message may quote the words without ending anything.
fn says_token_end(tail: &Tail<TAIL>) -> bool {
    let text = tail.octets();
    let text = text.strip_suffix(b"\r\n").unwrap_or(text);
    text.rsplit(|byte| *byte == b'\n').take(2).any(|line| line.starts_with(TOKEN_END))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends_by_token(pieces: &[&[u8]]) -> bool {
        let mut tail = Tail::default();
        pieces.iter().for_each(|piece| tail.note(piece));
        says_token_end(&tail)
    }

    #[test]
    fn a_client_may_be_silent_for_as_long_as_its_rfc_says_and_a_little_longer() {
        let minutes = |protocol| limits(protocol).idle.as_secs() / 60;
        assert!((31..=35).contains(&minutes(Protocol::Imap)), "RFC 9051 5.4: at least 30");
        assert!((11..=15).contains(&minutes(Protocol::Pop3)), "RFC 1939 3: at least 10");
    }

    #[test]
    fn the_end_by_token_expiry_is_known_however_it_is_cut_and_not_from_a_quotation() {
        let end = [TOKEN_END, b"\r\n"].concat();
        let whole = [b"* 1 EXISTS\r\n".repeat(50), end.clone(), b"x BAD gone\r\n".to_vec()].concat();
        for cut in 0..whole.len() {
            let (head, tail) = whole.split_at(cut);
            assert!(ends_by_token(&[head, tail]), "cut at {cut}");
        }
        assert!(ends_by_token(&whole.chunks(1).collect::<Vec<_>>()));
        assert!(!ends_by_token(&[&end, b")\r\n", b"x OK done\r\n"]));
        assert!(!ends_by_token(&[b"Subject: ", &end]));
        assert!(!ends_by_token(&[]));
    }
}
