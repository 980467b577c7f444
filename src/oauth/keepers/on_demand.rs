//! Keepers of mailboxes that no `[[account]]` names: made when somebody asks, sent to sleep when nobody has for a while.
//!
//! While one is awake it does what every keeper does. Of those asleep the store has everything, so the next one goes on
//! where the last one ended. So that no refresh token dies of disuse meanwhile, the store is walked at the start and
//! after each change by another process, and who was unused for a week is woken, one a second.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::time::Instant;

use super::{Keepers, Running, asleep::Asleep};
use crate::{
    base::Fault,
    catalog::{
        Entry,
        token::{SIGN_IN_REMOVED, STORE_FAILING, TOKEN_FETCH_UNFINISHED},
    },
    oauth::{DomainSignIns, Resource, SignIn, counter::Counter, state::timestamp},
    store::StoreError,
};

/// Who was not asked for so long goes to sleep. Programs that look for mail do so more often.
pub(in crate::oauth) const IDLE: Duration = Duration::from_secs(30 * 60);
/// Awake at most, each with some 18 KiB of tokens and tasks; beyond it the one that was not asked for the longest makes
/// room, and when it is asked again reads its row in the store, which is soon done.
pub(in crate::oauth) const AWAKE_CAP: usize = 4000;
const TICK: Duration = Duration::from_secs(1);

impl Keepers {
    /// Sends idle keepers of mailboxes to sleep and wakes those that are due; runs until dropped.
    pub async fn tend_mailboxes(&self) {
        loop {
            self.tend_once().await;
            tokio::time::sleep(TICK).await;
        }
    }

    pub(in crate::oauth) async fn tend_once(&self) {
        self.send_to_sleep();
        if self.survey_wanted.swap(false, Ordering::SeqCst)
            && let Err(error) = self.survey().await
        {
            self.survey_wanted.store(true, Ordering::SeqCst);
            tracing::warn!(fault = %STORE_FAILING.fault(), %error, "the sign-ins of mailboxes cannot be read");
        }
        let due = timestamp(self.means.clock.wall()).and_then(|now| self.asleep().due(now));
        if let Some(sign_in) = due.and_then(|key| self.sign_in_of(&key)) {
            let _ = self.called(&sign_in, Resource::Mail);
        }
    }

    /// Counter of the keeper of this sign-in, made now where it is one of a mailbox.
    pub(in crate::oauth) fn called(&self, sign_in: &SignIn, resource: Resource) -> Result<Arc<Counter>, Fault> {
        let key = sign_in.key();
        let mut running = self.running();
        if let Some(awake) = running.get_mut(&key) {
            awake.asked_at = Instant::now();
            return Ok(awake.counter_of(resource).clone());
        }
        let none = |entry: &Entry| entry.fault().detail(format!("no keeper for {key}"));
        if self.is_stopping.load(Ordering::Acquire) {
            return Err(none(TOKEN_FETCH_UNFINISHED));
        }
        let sign_in = self.sign_in_of(&key).ok_or_else(|| none(SIGN_IN_REMOVED))?;
        self.make_room(&mut running);
        let old = self.leaving().remove(&key);
        let fingerprint = sign_in.fingerprint();
        // Somebody waits, or waited for a week: not spread any further.
        let mut awake = self.start(&Arc::new(sign_in), fingerprint, Duration::ZERO, old);
        awake.on_demand = true;
        let counter = awake.counter_of(resource).clone();
        running.insert(key.clone(), awake);
        self.asleep().remove(&key);
        Ok(counter)
    }

    /// Of a mailbox of a domain that is configured now.
    fn sign_in_of(&self, key: &str) -> Option<SignIn> {
        self.domains().iter().find_map(|domain| domain.by_key(key))
    }

    fn send_to_sleep(&self) {
        let mut running = self.running();
        let idle: Vec<String> = running
            .iter()
            .filter(|(_, awake)| awake.on_demand && awake.asked_at.elapsed() > IDLE)
            .map(|(key, _)| key.clone())
            .collect();
        for key in idle {
            self.lie_down(&mut running, &key);
        }
    }

    fn make_room(&self, running: &mut HashMap<String, Running>) {
        let awake = || running.iter().filter(|(_, awake)| awake.on_demand);
        if awake().count() < AWAKE_CAP {
            return;
        }
        if let Some(key) = awake().min_by_key(|(_, awake)| awake.asked_at).map(|(key, _)| key.clone()) {
            self.lie_down(running, &key);
        }
    }

    fn lie_down(&self, running: &mut HashMap<String, Running>, key: &str) {
        let Some(tired) = running.remove(key) else { return };
        self.asleep().lie_down(tired.counter.state());
        self.survey_wanted.store(true, Ordering::SeqCst);
        let mut leaving = self.leaving();
        leaving.retain(|_, task| !task.is_finished());
        leaving.insert(key.to_owned(), tired.leave());
    }

    /// Reads what the store has of mailboxes that are asleep, as far as it is news.
    async fn survey(&self) -> Result<(), StoreError> {
        if self.domains().is_empty() {
            self.asleep().retain(|_| false);
            return Ok(());
        }
        let found = self.means.store.sign_in_versions().await?;
        let found: HashMap<String, (u64, SignIn)> = found
            .into_iter()
            .filter_map(|(key, version)| Some((key.clone(), (version, self.sign_in_of(&key)?))))
            .collect();
        self.asleep().retain(|key| found.contains_key(key));
        for (key, (version, sign_in)) in found {
            if self.running().contains_key(&key) || self.asleep().knows(&key, version) {
                continue;
            }
            let row = match self.means.store.token(&key).await {
                Ok(found) => found.row,
                Err(StoreError::Row { .. }) => None,
                Err(error) => return Err(error),
            };
            // It may have woken meanwhile.
            let running = self.running();
            if !running.contains_key(&key) {
                self.asleep().read(&sign_in, version, row.as_ref());
                self.means.changes.send_modify(|changes| *changes += 1);
            }
        }
        Ok(())
    }

    pub(super) fn asleep(&self) -> MutexGuard<'_, Asleep> {
        self.asleep.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn domains(&self) -> MutexGuard<'_, Vec<DomainSignIns>> {
        self.domains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
