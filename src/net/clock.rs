//! The two clocks, read in one place: wall time survives a suspend, monotonic time survives a clock that is set.
//!
//! A token's end is kept in both and the earlier one wins: after a suspend the monotonic clock has stood still, and a
//! wall clock put back must not make an old token young. How far the wall clock is off is known from the answers of providers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

/// Beyond it tokens and assertions are refused (Entra, Kerberos and others).
pub const TOO_FAR_OFF: Duration = Duration::from_secs(5 * 60);
/// Who goes apart by more than this was set, or the machine slept.
const STEP: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Common to all copies.
    compared: Arc<Mutex<Option<Compared>>>,
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

/// What the last answer of a provider showed.
#[derive(Debug, Clone, Copy)]
struct Compared {
    theirs: SystemTime,
    ours: SystemTime,
    at: Instant,
}

/// How far a wrong wall clock is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Off {
    pub seconds: u64,
    pub is_behind: bool,
}

impl Clock {
    /// With the time that an answer of a provider has. `Some`: it is too far off, and was not known to be.
    pub fn compare(&self, theirs: Option<SystemTime>) -> Option<Off> {
        let was_off = self.off().is_some();
        let compared = theirs.map(|theirs| Compared { theirs, ours: self.wall(), at: Instant::now() })?;
        *self.compared.lock().unwrap_or_else(PoisonError::into_inner) = Some(compared);
        self.off().filter(|_| !was_off)
    }

    /// Somebody says that it was mended: the next answer tells.
    pub fn forget(&self) {
        *self.compared.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// `None`: not too far, as far as is known. Of a clock that was set since then the next answer tells.
    pub fn off(&self) -> Option<Off> {
        let Compared { theirs, ours, at } = (*self.compared.lock().unwrap_or_else(PoisonError::into_inner))?;
        let was_set = apart(self.wall(), ours.checked_add(at.elapsed())?) > STEP;
        let off = Off { seconds: apart(theirs, ours).as_secs(), is_behind: ours < theirs };
        (!was_set && apart(theirs, ours) > TOO_FAR_OFF).then_some(off)
    }

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

fn apart(one: SystemTime, other: SystemTime) -> Duration {
    one.duration_since(other).unwrap_or_else(|earlier| earlier.duration())
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
    async fn a_clock_that_is_off_is_told_until_it_is_set_or_an_answer_shows_it_right() {
        let clock = Clock::default();
        assert_eq!(clock.off(), None, "nobody answered yet");
        let answers = |ahead: i64| {
            // The clock goes on meanwhile.
            let by = Duration::from_millis(ahead.unsigned_abs() * 1000 + 500);
            let news = clock.compare(Some(if ahead < 0 { clock.wall() - by } else { clock.wall() + by }));
            assert!(news.is_none() || news == clock.off());
            clock.off()
        };
        assert_eq!(answers(299), None);
        assert_eq!(answers(600), Some(Off { seconds: 600, is_behind: true }));
        assert_eq!(clock.compare(None), None);
        assert!(clock.off().is_some(), "an answer without a date shows nothing");
        assert_eq!(answers(-600), Some(Off { seconds: 600, is_behind: false }));
        assert_eq!(answers(0), None);
        assert!(answers(600).is_some());
        clock.ahead.store(600, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(clock.off(), None, "it was set");
        let later = || Some(clock.wall() + Duration::from_secs(600));
        assert!(clock.compare(later()).is_some() && clock.compare(later()).is_none(), "it is news once");
        clock.forget();
        assert_eq!(clock.off(), None, "somebody said that it is mended");
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_in_a_hundred_years_is_one_in_a_month() {
        let clock = Clock::default();
        let expiry = clock.expiry(clock.wall() + Duration::from_secs(100 * 365 * 24 * 3600));
        assert_eq!(clock.left(expiry), Duration::from_secs(31 * 24 * 3600));
    }
}
