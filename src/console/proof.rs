//! What a test message of `gatepost doctor --send` proved, told by that process: what stood of its sender is over, as it is
//! behind a message of a client. It ends nothing that a test message does not meet, such as the rules of clients.

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

/// `?account=&sender=&milliseconds=`: who sent from where, and how long ago that began.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proved {
    account: String,
    sender: String,
    milliseconds: u64,
}

pub(super) async fn note(State(console): State<Arc<Console>>, Query(proved): Query<Proved>) -> StatusCode {
    let Some(account) = console.account(&proved.account) else { return StatusCode::NOT_FOUND };
    // What befell it meanwhile is news.
    if let Some(began) = Instant::now().checked_sub(Duration::from_millis(proved.milliseconds)) {
        let proof = Proof::Delivered { senders: Some(&[&proved.sender]), ahead: &AHEAD_OF_THE_QUEUE };
        console.meter.recent.worked(Protocol::Smtp, &account.address, began, proof);
    }
    StatusCode::NO_CONTENT
}
