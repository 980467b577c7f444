//! How long a message may take on its way: from its client, and to the upstream.
//!
//! A deadline for each piece alone is none for the whole: one octet every few minutes would hold a connection, and the
//! room that it takes of its mailbox, for ever.

use std::time::Duration;

/// In any case, and longer as far as it goes on at [`SLOWEST`] octets a second.
const ANY_TIME: Duration = Duration::from_secs(30 * 60);
pub const SLOWEST: u64 = 512;

/// What a message of which so many octets went on may have taken until then.
pub fn allowed(octets: u64) -> Duration {
    ANY_TIME + Duration::from_secs(octets / SLOWEST)
}

/// What of a message was given to the upstream, and how long that was waited for: the upstream's own part. A client that
/// is slow in bringing it is not the upstream's fault.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub octets: u64,
    pub waited: Duration,
}

impl Given {
    /// For so many octets more.
    pub fn left(&self, more: usize) -> Duration {
        allowed(self.octets.saturating_add(more as u64)).saturating_sub(self.waited)
    }
}
