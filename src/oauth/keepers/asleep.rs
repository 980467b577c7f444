//! Mailboxes of domains that are signed in while no keeper is awake for them: what the store says of each.
//!
//! So that ten thousand of them can be told of, and kept alive, without ten thousand tasks and tokens in memory.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::{
    oauth::{Phase, SignIn, SignInState, patience, state::timestamp},
    store::TokenRow,
};

/// Remembered at most; what lies beyond is served all the same, and told of once it is used.
const CAP: usize = 50_000;

struct Sleeper {
    /// Of the row that was read; 0: something may have changed since.
    version: u64,
    state: SignInState,
    /// When its refresh token has to be used, so that it does not die of disuse.
    touch_at: Option<Timestamp>,
}

/// By the key of the sign-in.
#[derive(Default)]
pub(super) struct Asleep(HashMap<String, Sleeper>);

impl Asleep {
    pub(super) fn knows(&self, key: &str, version: u64) -> bool {
        self.0.get(key).is_some_and(|sleeper| sleeper.version == version)
    }

    pub(super) fn retain(&mut self, is_there: impl Fn(&str) -> bool) {
        self.0.retain(|key, _| is_there(key));
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// What a row says; without one (it does not open), a new sign-in is needed.
    pub(super) fn read(&mut self, sign_in: &SignIn, version: u64, row: Option<&TokenRow>) {
        let state = SignInState::stored(sign_in, row);
        let used = row.filter(|row| row.refresh.is_some() && state.phase == Phase::Ready);
        let touch = patience::touch(sign_in.app.refresh_idle_life);
        let touch_at = used.and_then(|row| timestamp(row.last_refresh?.checked_add(touch)?));
        self.insert(Sleeper { version, state, touch_at });
    }

    /// The last word of a keeper that was sent to sleep; the store is to be asked for the rest.
    pub(super) fn lie_down(&mut self, state: SignInState) {
        if state.last_refresh.is_some() {
            self.insert(Sleeper { version: 0, state, touch_at: None });
        }
    }

    fn insert(&mut self, sleeper: Sleeper) {
        if self.0.len() < CAP || self.0.contains_key(&sleeper.state.key) {
            self.0.insert(sleeper.state.key.clone(), sleeper);
        }
    }

    /// The key of one whose refresh token has been unused for long enough.
    pub(super) fn due(&self, now: Timestamp) -> Option<String> {
        let due = self.0.iter().filter(|(_, sleeper)| sleeper.touch_at.is_some_and(|at| at <= now));
        due.min_by_key(|(_, sleeper)| sleeper.touch_at).map(|(key, _)| key.clone())
    }

    pub(super) fn states(&self) -> impl Iterator<Item = SignInState> {
        self.0.values().map(|sleeper| sleeper.state.clone())
    }
}
