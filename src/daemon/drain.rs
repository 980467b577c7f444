//! The end of a daemon: whoever is in the middle of something comes to its end, within a time.
//!
//! It refuses to wait longer than that for anybody. What the next daemon has to know is written down last.

use std::{
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::time::{Instant, timeout, timeout_at};
use tracing::{info, warn};

use super::Daemon;
use crate::catalog::{
    own::CONNECTION_CLOSED,
    token::{STORE_FAILING, TOKEN_FETCH_UNFINISHED},
};

/// Kept of the drain's time for the last words of sessions that it cuts off.
const LAST_WORDS: Duration = Duration::from_millis(500);
/// For what is written last, and for the store to close, where the sessions took all of the drain's time. It is whole on disk
/// without that: with its log.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

impl Daemon {
    /// Stops taking connections, lets transactions finish and requests for tokens be answered, within the configured
    /// time; what is open then is told so and cut off.
    pub async fn drain(mut self) {
        if let Err(error) = self.lock.note_stopping() {
            warn!(fault = %STORE_FAILING.fault(), %error, "that this daemon stops could not be written beside the store");
        }
        if let Some(console) = &self.console {
            console.ready.store(false, Ordering::Relaxed);
        }
        self.stopping.cancel();
        self.sessions.close();
        self.beside.close();
        self.closing.cancel();
        let time = *self.drain.read().unwrap_or_else(PoisonError::into_inner);
        let end = Instant::now() + time;
        let keepers = self.current().outbound.keepers.clone();
        let (keepers, ()) = tokio::join!(timeout(time, keepers.stop()), self.drain_sessions(time));
        if keepers.is_err() {
            let fault = TOKEN_FETCH_UNFINISHED.fault();
            warn!(%fault, "a token refresh did not end in time and is cut off");
        }
        self.drained.cancel();
        let store = self.current().store.clone();
        if timeout_at(end.max(Instant::now() + WRITTEN_WITHIN), store.close()).await.is_err() {
            let database = store.path().display();
            let fault = STORE_FAILING.fault();
            warn!(%fault, "{database} was not closed in time: what was written last stands in {database}-wal beside it");
        }
    }

    async fn drain_sessions(&self, time: Duration) {
        let end = Instant::now() + time;
        let open = self.sessions.len();
        if open > 0 {
            info!(open, seconds = time.as_secs(), "draining sessions");
        }
        let ended = || async { tokio::join!(self.sessions.wait(), self.beside.wait()) };
        if timeout_at(end - LAST_WORDS.min(time / 2), ended()).await.is_err() {
            let fault = CONNECTION_CLOSED.fault();
            warn!(open = self.sessions.len(), %fault, "sessions or deliveries did not end in time and are cut off");
            self.cut_off.cancel();
            let _ = timeout_at(end, ended()).await;
        }
        // What they sent counts for whoever starts next, also where sessions took all of the time.
        let gate = self.current();
        let saved =
            timeout_at(end.max(Instant::now() + WRITTEN_WITHIN), gate.outbound.governor.save(&gate.store)).await;
        if let Some(error) = saved.map_or_else(|late| Some(late.to_string()), |saved| Some(saved.err()?.to_string())) {
            warn!(
                fault = %STORE_FAILING.fault(),
                error,
                "recipients sent to last could not be stored: behind the restart they do not count within the day"
            );
        }
    }
}
