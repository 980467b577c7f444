//! The two clocks, read in one place: wall time survives a suspend, monotonic time survives a clock that is set.
//!
//! A token's end is kept in both and the earlier one wins: after a suspend the monotonic clock has stood still, and a
//! wall clock put back must not make an old token young.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Seconds that the wall clock is ahead, so that tests can suspend the machine.
    #[cfg(test)]
    pub(crate) ahead: std::sync::Arc<std::sync::atomic::AtomicU64>,
}

/// A moment to come, on both clocks.
#[derive(Debug, Clone, Copy)]
pub struct Expiry {
    pub wall: SystemTime,
    monotonic: Instant,
}

impl Clock {
    pub fn wall(&self) -> SystemTime {
        let now = SystemTime::now();
        #[cfg(test)]
        let now = now + Duration::from_secs(self.ahead.load(std::sync::atomic::Ordering::SeqCst));
        now
    }

    /// `wall` comes from a provider or the disk: the monotonic side starts to count now.
    pub fn expiry(&self, wall: SystemTime) -> Expiry {
        let left = wall.duration_since(self.wall()).unwrap_or_default();
        // Beyond a month nothing changes for anybody, and `Instant` cannot overflow.
        Expiry { wall, monotonic: Instant::now() + left.min(Duration::from_secs(31 * 24 * 3600)) }
    }

    pub fn left(&self, expiry: Expiry) -> Duration {
        let wall = expiry.wall.duration_since(self.wall()).unwrap_or_default();
        wall.min(expiry.monotonic.saturating_duration_since(Instant::now()))
    }

    /// Time since `past` by the wall clock; none if it lies ahead.
    pub fn since(&self, past: SystemTime) -> Duration {
        self.wall().duration_since(past).unwrap_or_default()
    }
}

/// While it lives a paused clock goes on by [`tokio::time::advance`] alone, however long a socket, a file or a database takes:
/// else it goes on whenever nobody but those is at work. For so long at most, so that what waits in vain comes to its end.
#[cfg(test)]
pub(crate) struct Still {
    _held: std::sync::mpsc::Sender<()>,
}

#[cfg(test)]
impl Still {
    /// In a runtime with a clock of its own.
    pub fn begin(at_most: Duration) -> Self {
        let (hold, held) = std::sync::mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || {
            let _ = held.recv_timeout(at_most);
        });
        Self { _held: hold }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_the_two_clocks_wins() {
        let clock = Clock::default();
        let expiry = clock.expiry(clock.wall() + Duration::from_secs(3600));
        tokio::time::advance(Duration::from_secs(600)).await;
        assert!(clock.left(expiry) <= Duration::from_secs(3000), "monotonic time passed, wall time did not");
        clock.ahead.store(3500, std::sync::atomic::Ordering::SeqCst);
        assert!(clock.left(expiry) <= Duration::from_secs(100), "the machine slept, monotonic time did not pass");
        clock.ahead.store(4000, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(clock.left(expiry), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_in_a_hundred_years_is_one_in_a_month() {
        let clock = Clock::default();
        let expiry = clock.expiry(clock.wall() + Duration::from_secs(100 * 365 * 24 * 3600));
        assert_eq!(clock.left(expiry), Duration::from_secs(31 * 24 * 3600));
    }
}
