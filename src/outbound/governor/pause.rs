//! For how long a mailbox is left alone whose server asks to slow down: longer each time, until a message gets through.

use std::time::Duration;

use tokio::time::Instant;

/// After the first reply that asks for it, and after many.
const LEAST: Duration = Duration::from_secs(2);
const MOST: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Pause {
    until: Option<Instant>,
    length: Duration,
}

impl Pause {
    /// Several that went out together and met the same refusal are one.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.end(now).is_none() {
            self.length = (self.length * 2).clamp(LEAST, MOST);
        }
        self.until = self.until.max(Some(now + self.length));
    }

    /// `None`: there is none.
    pub(super) fn end(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    pub(super) const fn note_sent(&mut self) {
        self.length = Duration::ZERO;
    }
}
