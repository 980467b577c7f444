//! The queue's own time: it never runs back, and nobody sets it.
//!
//! Two questions, two answers. *When is it tried again?* As soon as either clock says so: a wall clock put forward, or a
//! machine that slept, brings an attempt forward and costs nothing; one that is put back delays none. *How long was
//! delivery tried?* By the monotonic clock alone: no jump of the wall clock ages a message, and the time in which the
//! machine was asleep or the daemon off is none in which anybody tried.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use crate::net::clock::Clock;

/// Since the queue was opened, by the clock that is ahead. Only ever grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Tick(pub Duration);

impl Tick {
    pub fn after(self, pause: Duration) -> Self {
        Self(self.0.saturating_add(pause))
    }

    pub fn until(self, later: Self) -> Duration {
        later.0.saturating_sub(self.0)
    }
}

pub struct QueueClock {
    clock: Clock,
    start: Instant,
    last: Mutex<Reading>,
}

struct Reading {
    monotonic: Instant,
    wall: SystemTime,
    tick: Tick,
}

impl QueueClock {
    pub fn new(clock: Clock) -> Self {
        let (monotonic, wall) = (Instant::now(), clock.wall());
        Self { clock, start: monotonic, last: Mutex::new(Reading { monotonic, wall, tick: Tick::default() }) }
    }

    /// For what people read, and what another process is to understand.
    pub fn wall(&self) -> SystemTime {
        self.clock.wall()
    }

    /// For the next attempt.
    pub fn tick(&self) -> Tick {
        let (monotonic, wall) = (Instant::now(), self.clock.wall());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let ran = monotonic.saturating_duration_since(last.monotonic);
        let seen = wall.duration_since(last.wall).unwrap_or_default();
        let tick = last.tick.after(ran.max(seen));
        *last = Reading { monotonic, wall, tick };
        tick
    }

    /// For the age of a message: how long this process has run awake.
    pub fn awake(&self) -> Duration {
        self.start.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn attempts_follow_the_clock_that_is_ahead_and_ages_the_one_that_nobody_sets() {
        let wall = Clock::default();
        wall.ahead.store(10 * 3600, Ordering::SeqCst);
        let clock = QueueClock::new(wall.clone());
        let start = clock.tick();
        tokio::time::advance(HOUR).await;
        let later = clock.tick();
        assert!(start.until(later) >= HOUR && start.until(later) < HOUR * 2, "{later:?}");

        wall.ahead.store(13 * 3600, Ordering::SeqCst);
        assert!(later.until(clock.tick()) >= HOUR * 3, "a jump forward brings the next attempt forward");
        assert!(clock.awake() < HOUR * 2, "and ages nothing");

        let before = clock.tick();
        wall.ahead.store(0, Ordering::SeqCst);
        assert!(clock.tick() >= before, "a jump back is none");
        tokio::time::advance(HOUR).await;
        assert!(before.until(clock.tick()) >= HOUR, "and time goes on behind it");
    }
}
