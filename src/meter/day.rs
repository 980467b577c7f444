//! The last 24 hours by the hour, for the small plots of the console. What lies behind is in the metrics.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

const HOURS: usize = 24;

/// One hour: how many went well, and how many did not.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    pub accepted: u64,
    pub failed: u64,
}

/// Counts of one kind of event. Bounded: an hour that is over makes room for the one that comes.
#[derive(Debug, Default)]
pub struct Day(Mutex<Slots>);

#[derive(Debug, Default)]
struct Slots {
    /// Hours since 1970 of the newest one.
    newest: u64,
    /// The slot of an hour is its number modulo 24.
    hours: [Hour; HOURS],
}

impl Slots {
    fn turn_to(&mut self, hour: u64) {
        // A clock that was set back counts into the newest hour.
        for passed in (self.newest + 1..=hour).rev().take(HOURS) {
            *self.slot(passed) = Hour::default();
        }
        self.newest = self.newest.max(hour);
    }

    #[allow(clippy::indexing_slicing)] // a remainder of HOURS
    fn slot(&mut self, hour: u64) -> &mut Hour {
        &mut self.hours[(hour % HOURS as u64) as usize]
    }
}

impl Day {
    pub fn count(&self, is_well: bool) {
        self.add(is_well, 1);
    }

    /// The same for several at once.
    pub fn add(&self, is_well: bool, times: u64) {
        self.count_at(SystemTime::now(), is_well, times);
    }

    /// Oldest first; the last one is the hour that runs.
    pub fn hours(&self) -> [Hour; HOURS] {
        self.hours_at(SystemTime::now())
    }

    fn count_at(&self, now: SystemTime, is_well: bool, times: u64) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.turn_to(hour_of(now));
        let newest = slots.newest;
        let hour = slots.slot(newest);
        if is_well {
            hour.accepted += times;
        } else {
            hour.failed += times;
        }
    }

    fn hours_at(&self, now: SystemTime) -> [Hour; HOURS] {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.turn_to(hour_of(now));
        let newest = slots.newest;
        let mut hours = slots.hours;
        hours.rotate_left(((newest + 1) % HOURS as u64) as usize);
        hours
    }
}

fn hour_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map(|since| since.as_secs() / 3600).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(hours: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000 + hours * 3600)
    }

    fn hour(accepted: u64, failed: u64) -> Hour {
        Hour { accepted, failed }
    }

    #[test]
    fn a_day_ends_with_the_hour_that_runs_and_forgets_what_is_older() {
        let day = Day::default();
        for (when, is_well) in [(0, true), (0, false), (1, true), (23, true), (23, true)] {
            day.count_at(at(when), is_well, 1);
        }
        let hours = day.hours_at(at(23));
        assert_eq!((hours[0], hours[1], hours[23]), (hour(1, 1), hour(1, 0), hour(2, 0)));
        let hours = day.hours_at(at(24));
        assert_eq!((hours[0], hours[22], hours[23]), (hour(1, 0), hour(2, 0), hour(0, 0)));
        assert!(day.hours_at(at(60)).iter().all(|one| *one == hour(0, 0)));
    }

    #[test]
    fn a_clock_that_is_set_back_loses_nothing() {
        let day = Day::default();
        day.count_at(at(5), true, 1);
        day.count_at(at(2), true, 1);
        assert_eq!(day.hours_at(at(5))[23], hour(2, 0));
    }
}
