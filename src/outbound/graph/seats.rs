//! What Graph takes at a time: four requests of an app for one mailbox, and none while it asked for a pause (fact sheet
//! microsoft.md, 3.3).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::{base::Fault, catalog::graph::GRAPH_BUSY};

const AT_A_TIME: usize = 4;
/// From here on, mailboxes that nobody uses are looked for.
const MANY: usize = 1000;

/// One over all reloads.
#[derive(Debug, Default)]
pub struct Seats(Mutex<HashMap<String, Arc<Mailbox>>>);

#[derive(Debug)]
struct Mailbox {
    places: Arc<Semaphore>,
    quiet_until: Mutex<Instant>,
}

/// The right to ask one thing at a time; dropped, it is the next one's.
#[derive(Debug)]
pub struct Seat {
    mailbox: Arc<Mailbox>,
    _place: OwnedSemaphorePermit,
}

impl Seats {
    /// Waits for one of the mailbox's. Cancel safe.
    pub async fn take(&self, mailbox: &str, deadline: Instant) -> Result<Seat, Fault> {
        let mailbox = self.mailbox(mailbox);
        match timeout_at(deadline, mailbox.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(Seat { mailbox, _place: place }),
            _ => Err(GRAPH_BUSY.fault()),
        }
    }

    fn mailbox(&self, name: &str) -> Arc<Mailbox> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MANY {
            all.retain(|_, mailbox| Arc::strong_count(mailbox) > 1 || mailbox.quiet() > Duration::ZERO);
        }
        let fresh = || {
            let places = Arc::new(Semaphore::new(AT_A_TIME));
            Arc::new(Mailbox { places, quiet_until: Mutex::new(Instant::now()) })
        };
        all.entry(name.to_owned()).or_insert_with(fresh).clone()
    }
}

impl Mailbox {
    fn quiet(&self) -> Duration {
        let until = *self.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.saturating_duration_since(Instant::now())
    }
}

impl Seat {
    /// For how long nothing is to be asked yet.
    pub fn quiet(&self) -> Duration {
        self.mailbox.quiet()
    }

    /// Graph asked for a pause; it holds for all who ask for this mailbox.
    pub fn pause(&self, pause: Duration) {
        let mut until = self.mailbox.quiet_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = (*until).max(Instant::now() + pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_mailbox_has_four_seats_and_the_fifth_waits_for_one() {
        let seats = Seats::default();
        let later = || Instant::now() + Duration::from_secs(5);
        let mut taken = Vec::new();
        for _ in 0..4 {
            taken.push(seats.take("ann", later()).await.unwrap());
        }
        assert_eq!(seats.take("ann", later()).await.unwrap_err().id, "graph-busy");
        assert!(seats.take("bob", later()).await.is_ok(), "each mailbox has its own");
        taken.pop();
        assert!(seats.take("ann", later()).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_for_all_seats_of_a_mailbox_and_the_longest_counts() {
        let seats = Seats::default();
        let soon = Instant::now() + Duration::from_secs(1);
        let (one, two) = (seats.take("ann", soon).await.unwrap(), seats.take("ann", soon).await.unwrap());
        one.pause(Duration::from_secs(60));
        two.pause(Duration::from_secs(10));
        assert_eq!(two.quiet(), Duration::from_secs(60));
        tokio::time::advance(Duration::from_secs(61)).await;
        assert_eq!(one.quiet(), Duration::ZERO);
    }
}
