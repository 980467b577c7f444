//! Whether a client brings its message: one octet now and then holds an upstream connection as silence does.

use std::time::Duration;

use super::relay::WANTED_IDLE;
use crate::outbound::pace::{self, SLOWEST};

/// What has to come within [`WANTED_IDLE`] while somebody else waits for the connection.
const WANTED_OCTETS: u64 = SLOWEST * WANTED_IDLE.as_secs();

/// Octets that were read of a message, and the time that its client took for them.
#[derive(Default)]
pub(super) struct Pace {
    pub taken: u64,
    /// Since the client last brought [`WANTED_OCTETS`], and what was taken until then. The waits for the client alone:
    /// where the upstream is slow it is not the client's fault.
    waited: Duration,
    from: u64,
}

impl Pace {
    /// How long the whole message may take.
    pub fn allowed(&self) -> Duration {
        pace::allowed(self.taken)
    }

    /// How long the client may be waited for while somebody wants its room.
    pub fn left_while_wanted(&self) -> Duration {
        WANTED_IDLE.saturating_sub(self.waited)
    }

    /// It was waited for so long until the next piece came.
    pub fn note_wait(&mut self, waited: Duration) {
        self.waited += waited;
        if self.taken - self.from >= WANTED_OCTETS {
            (self.waited, self.from) = (Duration::ZERO, self.taken);
        }
    }
}
