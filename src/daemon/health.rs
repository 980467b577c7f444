//! Whether the daemon really works, as its supervisor's watchdog wants to know.
//!
//! It asks for nothing that a new process could not mend: a store that is locked or full answers, and says no. That is
//! a matter of `/readyz`; a restart would only cost the open sessions.

use std::sync::Arc;

use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

#[derive(Clone)]
pub struct Health {
    pub store: Arc<Store>,
    /// The accept loops. None of them ends before the daemon does.
    pub accepting: Vec<AbortHandle>,
    pub stopping: CancellationToken,
}

impl Health {
    /// Does not return while the runtime or the store hangs: whoever asks sets the deadline.
    pub async fn is_fine(&self) -> bool {
        // A task of its own, so that it says something about the scheduler and not only about the caller's thread.
        let store = self.store.clone();
        let answered = tokio::spawn(async move { store.is_writable().await }).await;
        answered.is_ok() && (self.stopping.is_cancelled() || !self.accepting.iter().any(AbortHandle::is_finished))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Settings;

    #[tokio::test]
    async fn an_accept_loop_that_ended_is_no_health_unless_the_daemon_stops() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/gatepost.db", dir.path().display());
        let store =
            Arc::new(Store::open(&Settings { url, key_file: dir.path().join("key"), key: None }).await.unwrap());
        let stopping = CancellationToken::new();
        let accepting = tokio::spawn(std::future::pending::<()>());
        let health = Health { store, accepting: vec![accepting.abort_handle()], stopping: stopping.clone() };
        assert!(health.is_fine().await);
        accepting.abort();
        accepting.await.unwrap_err();
        assert!(!health.is_fine().await);
        stopping.cancel();
        assert!(health.is_fine().await);
    }
}
