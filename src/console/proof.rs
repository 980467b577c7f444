//! What `gatepost doctor` proved, told by that process: by a test message, what stood of its sender is over, as it is
//! behind a message of a client; by a sign-on, what stood of that. It ends nothing that these do not meet, such as the rules
//! of clients.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;

use super::Console;
use crate::{base::Protocol, catalog::replies::AHEAD_OF_THE_QUEUE, meter::Proof};

/// `?account=&sender=&milliseconds=`: who sent from where, and how long ago that began. `protocol` in the place of `sender`:
/// a sign-on by that.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    account: String,
    sender: Option<String>,
    protocol: Option<String>,
    milliseconds: u64,
}

pub(super) async fn note(State(console): State<Arc<Console>>, Query(proved): Query<Proved>) -> StatusCode {
    let Some(account) = console.account(&proved.account) else { return StatusCode::NOT_FOUND };
    // What befell it meanwhile is news.
    let Some(began) = Instant::now().checked_sub(Duration::from_millis(proved.milliseconds)) else {
        return StatusCode::NO_CONTENT;
    };
    let worked = |protocol, proof: Proof<'_>| console.meter.recent.worked(protocol, &account.address, began, proof);
    let is_it = |one: &Protocol| proved.protocol.as_deref() == Some(one.as_str());
    match (&proved.sender, Protocol::ALL.into_iter().find(is_it)) {
        (Some(sender), _) => {
            worked(Protocol::Smtp, Proof::Delivered { senders: Some(&[sender]), ahead: &AHEAD_OF_THE_QUEUE });
        }
        (None, Some(protocol)) => worked(protocol, Proof::SignOn),
        (None, None) => return StatusCode::BAD_REQUEST,
    }
    StatusCode::NO_CONTENT
}
