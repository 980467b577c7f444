//! IMAP and POP3 after sign-on: bytes pass, and nothing is known of them.
//!
//! One exception looks without touching: Exchange ends an IMAP session when its access token expires, with a line
//! that is counted. The line itself passes like every other.

use std::time::Duration;

use tracing::info;

use super::{Gate, admit::Through, sign_on::SignedOn};
use crate::{
    base::{Protocol, Stage},
    meter::{Direction, Entry},
    net::{SpliceCount, SpliceLimits, Tap, splice},
};

/// RFC 3501 5.4 wants 30 minutes at least, RFC 1939 3 ten; clients that IDLE re-issue within 29.
const IMAP_IDLE: Duration = Duration::from_secs(35 * 60);
const POP3_IDLE: Duration = Duration::from_secs(11 * 60);

const TOKEN_END: &[u8] = b"* BYE Session invalidated - AccessTokenExpired";

pub(super) async fn run(gate: &Gate, protocol: Protocol, through: Through, entry: &Entry) {
    entry.set_stage(Stage::Splicing);
    let Through { client, unread, admitted, upstream } = through;
    // The rest of it is not kept for as long as a session lasts.
    let SignedOn { stream, unread: unread_upstream, .. } = upstream;
    let idle = if protocol == Protocol::Imap { IMAP_IDLE } else { POP3_IDLE };
    let mut ended_by_token = false;
    // The last line that passed: a message may quote the words without ending anything.
    let mut look = |bytes: &[u8]| {
        if !bytes.is_empty() {
            ended_by_token = last_line(bytes).starts_with(TOKEN_END);
        }
    };
    let tap: Option<Tap<'_>> = if protocol == Protocol::Imap { Some(&mut look) } else { None };
    let end = splice(
        client,
        stream,
        unread_upstream.freeze(),
        unread.freeze(),
        SpliceLimits { idle },
        gate.closing.clone(),
        &SpliceCount::default(),
        tap,
    )
    .await;
    gate.meter.carried(protocol, Direction::ToClient, end.to_client);
    gate.meter.carried(protocol, Direction::ToUpstream, end.to_upstream);
    if ended_by_token {
        gate.meter.ended_by_token_expiry();
    }
    info!(
        session = entry.id(), %protocol, account = admitted.account.address, to_client = end.to_client,
        to_upstream = end.to_upstream, ended_by_token, "session ended: {}", end.reason
    );
}

fn last_line(bytes: &[u8]) -> &[u8] {
    let text = bytes.strip_suffix(b"\r\n").unwrap_or(bytes);
    let start = memchr::memrchr(b'\n', text).map_or(0, |at| at + 1);
    text.get(start..).unwrap_or_default()
}
