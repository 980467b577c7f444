//! Who waited for a turn in vain, and may pass by others when it comes back.
//!
//! Bounded over all sources and for each: who finds no room waits like everybody else.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Tried;

const KEPT: Duration = Duration::from_secs(60);
const CAP: usize = 10_000;
/// Of one source: a guesser with ever new passwords does not take the places of the others.
const CAP_OF_SOURCE: usize = 4_000;
/// How long a password that was answered as wrong is no news.
const WRONG_FOR: Duration = Duration::from_secs(600);
/// Between two looks at all of them for those that are over.
const SWEEP: Duration = Duration::from_secs(1);

/// A password at a login, from one source.
pub(super) type Place = (IpAddr, Tried);

#[derive(Debug, Default)]
pub(super) struct Places(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// With the end of each.
    places: HashMap<Place, Instant>,
    /// How many of these each source has.
    of_source: HashMap<IpAddr, usize>,
    /// What was answered as wrong: it comes back for nothing, as a program with an old password does.
    wrong: HashMap<Place, Instant>,
    swept: Option<Instant>,
}

impl Places {
    pub fn keep(&self, place: Place) {
        let (mut kept, now) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        kept.sweep(now);
        let is_wrong = kept.wrong.get(&place).is_some_and(|end| *end > now);
        let of_source = kept.of_source.get(&place.0).copied().unwrap_or_default();
        if kept.places.len() < CAP
            && of_source < CAP_OF_SOURCE
            && !is_wrong
            && kept.places.insert(place, now + KEPT).is_none()
        {
            kept.of_source.insert(place.0, of_source + 1);
        }
    }

    /// Its password was looked at, and was wrong.
    pub fn answered_wrong(&self, place: Place) {
        let (mut kept, now) = (self.0.lock().unwrap_or_else(PoisonError::into_inner), Instant::now());
        kept.sweep(now);
        if kept.wrong.len() < CAP {
            kept.wrong.insert(place, now + WRONG_FOR);
        }
    }

    /// True once.
    pub fn take(&self, place: &Place) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(end) = kept.places.remove(place) else { return false };
        kept.strike(place.0);
        end > Instant::now()
    }
}

impl Kept {
    fn sweep(&mut self, now: Instant) {
        let is_full = self.places.len() >= CAP_OF_SOURCE || self.wrong.len() >= CAP;
        if is_full && self.swept.is_none_or(|swept| now - swept >= SWEEP) {
            self.swept = Some(now);
            let over: Vec<_> = self.places.iter().filter(|(_, end)| **end <= now).map(|(place, _)| *place).collect();
            for place in over {
                self.places.remove(&place);
                self.strike(place.0);
            }
            self.wrong.retain(|_, end| *end > now);
        }
    }

    /// A place of this source is gone.
    fn strike(&mut self, source: IpAddr) {
        if let Some(count) = self.of_source.get_mut(&source) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.of_source.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(n: usize) -> Place {
        (IpAddr::from((n as u32).to_be_bytes()), Tried::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_kept_once_and_for_a_minute() {
        let places = Places::default();
        let ((source, tried), other) = (place(1), [1; 32]);
        assert!(!places.take(&(source, tried)));
        for tried in [tried, other] {
            places.keep((source, tried));
        }
        assert!(!places.take(&(source, [2; 32])), "it is for the very password that was tried");
        assert!(!places.take(&(place(2).0, tried)), "and for the source that tried it");
        tokio::time::advance(KEPT - Duration::from_millis(1)).await;
        assert_eq!([places.take(&(source, tried)), places.take(&(source, tried))], [true, false]);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!places.take(&(source, other)));
    }

    #[tokio::test(start_paused = true)]
    async fn places_have_a_bound_over_all_sources_and_old_ones_make_room() {
        let places = Places::default();
        (0..2 * CAP).for_each(|n| places.keep(place(n)));
        let count = || places.0.lock().unwrap().places.len();
        assert_eq!(count(), CAP);
        tokio::time::advance(KEPT).await;
        places.keep(place(1));
        assert_eq!(count(), 1);
        assert!(places.take(&place(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_source_does_not_take_the_places_of_the_others() {
        let places = Places::default();
        let tried = |n: usize| [(n as u32).to_be_bytes(); 8].concat().try_into().unwrap();
        (0..CAP).for_each(|n| places.keep((place(1).0, tried(n))));
        assert_eq!(places.0.lock().unwrap().places.len(), CAP_OF_SOURCE);
        places.keep(place(2));
        assert!(places.take(&place(2)));
        // One that was taken makes room for another.
        assert!(places.take(&(place(1).0, tried(0))));
        places.keep((place(1).0, tried(CAP)));
        assert_eq!(places.0.lock().unwrap().places.len(), CAP_OF_SOURCE);
        tokio::time::advance(KEPT).await;
        places.keep((place(1).0, tried(0)));
        let kept = places.0.lock().unwrap();
        assert_eq!((kept.places.len(), kept.of_source.len()), (1, 1), "those of a minute ago are gone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_on_full_places_has_them_looked_through_once_a_second_at_most() {
        let places = Places::default();
        (0..=CAP).for_each(|n| places.keep(place(n)));
        tokio::time::advance(KEPT - SWEEP / 2).await;
        let came_later = place(CAP);
        // All are over in half a second; that of now is a look in vain.
        for kept in [false, false, true] {
            places.keep(came_later);
            assert_eq!(places.take(&came_later), kept);
            tokio::time::advance(SWEEP / 2).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_answered_as_wrong_keeps_no_place_for_ten_minutes() {
        let places = Places::default();
        places.answered_wrong(place(1));
        places.keep(place(1));
        assert!(!places.take(&place(1)));
        tokio::time::advance(WRONG_FOR).await;
        places.keep(place(1));
        assert!(places.take(&place(1)));
        (0..2 * CAP).for_each(|n| places.answered_wrong(place(n)));
        assert_eq!(places.0.lock().unwrap().wrong.len(), CAP);
    }
}
