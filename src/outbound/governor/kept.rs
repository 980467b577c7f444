//! What mailboxes sent within their day outlives the process.
//!
//! It is written behind what was sent, some seconds later, and no message waits for that: a kill forgets those seconds, and a
//! store that takes no writes what was sent since. Durations are kept by the monotonic clock, and the wall clock counts from
//! one process to the next alone.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Governor;
use crate::{
    catalog::token::STORE_FAILING,
    net::clock::Clock,
    store::{Sent, Store, StoreError},
};

/// How late it is written, and how often at most.
const BEHIND: Duration = Duration::from_secs(5);

impl Governor {
    /// With what earlier processes sent, as far as it counts.
    pub async fn recalled(store: &Store) -> Self {
        let governor = Self::default();
        let known = store.sent().await.unwrap_or_else(|error| {
            warn!(fault = %STORE_FAILING.fault(), %error, "what was sent within the day is not known: the recipients of each mailbox are counted anew");
            Vec::new()
        });
        governor.recall(known, Clock::default().wall());
        governor
    }

    pub(super) fn recall(&self, known: Vec<(String, Vec<Sent>)>, wall: SystemTime) {
        let now = Instant::now();
        for (mailbox, sent) in known {
            let left = |sent: &Sent| Some((sent.until.duration_since(wall).ok()?, sent.recipients));
            self.ledger(mailbox).books().day.recall(sent.iter().filter_map(left), now);
        }
    }

    /// Keeps the store up with what is sent, until `done`; whoever ends that saves the rest.
    pub async fn keep(&self, store: &Store, done: &CancellationToken) {
        let mut failed = false;
        while done.run_until_cancelled(sleep(BEHIND)).await.is_some() {
            let saved = self.save(store).await;
            if let Err(error) = &saved
                && !failed
            {
                warn!(fault = %STORE_FAILING.fault(), %error, "how many recipients were sent to could not be stored: behind a restart they count for nothing");
            }
            failed = saved.is_err();
        }
    }

    /// Writes what is not written yet.
    pub async fn save(&self, store: &Store) -> Result<(), StoreError> {
        let unsaved = self.take_unsaved(Clock::default().wall());
        if unsaved.is_empty() {
            return Ok(());
        }
        let saved = store.remember_sent(&unsaved).await;
        if saved.is_err() {
            unsaved.into_iter().for_each(|(mailbox, _)| self.ledger(mailbox).books().day.note_unsaved());
        }
        saved
    }

    pub(super) fn take_unsaved(&self, wall: SystemTime) -> Vec<(String, Vec<Sent>)> {
        let now = Instant::now();
        let sent = |(left, recipients)| Sent { until: wall + left, recipients };
        let all = self.all();
        let unsaved = all.iter().filter_map(|(name, ledger)| {
            let counts = ledger.books().day.take_unsaved(now)?;
            Some((name.clone(), counts.into_iter().map(sent).collect()))
        });
        unsaved.collect()
    }
}
