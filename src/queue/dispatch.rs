//! Sends couriers out: the one task that decides when a delivery begins.
//!
//! It begins with what the last process left. Then it looks whenever something changed, when the next pause is over, and
//! once a minute, since the wall clock may have jumped or the machine slept. When the daemon drains nothing begins any
//! more; what is under way goes on until it is done or cut off, and what waits for its way is called back.

use std::{sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Queue,
    courier::{Courier, Errand},
};
use crate::catalog::token::STORE_FAILING;

/// Deliveries at once, over all mailboxes.
pub const COURIERS: usize = 256;
/// The clocks are looked at this often.
const LOOK: Duration = Duration::from_secs(60);
/// How often the store hears how long messages were tried, for the case that this process is killed.
const AGES_SAVED: Duration = Duration::from_secs(3600);

impl Queue {
    /// Delivers until `closing`, then lets deliveries end until `cut_off`. One at a time for a queue.
    pub async fn run(self: Arc<Self>, closing: CancellationToken, cut_off: CancellationToken) {
        if closing.run_until_cancelled(self.take_up_at_last()).await.is_none() {
            return;
        }
        let mut couriers = JoinSet::new();
        let mut saved = self.clock.awake();
        while !closing.is_cancelled() {
            closing.run_until_cancelled(self.look_at_disk()).await;
            self.send_out(&mut couriers, &cut_off);
            if self.clock.awake().saturating_sub(saved) >= AGES_SAVED {
                saved = self.clock.awake();
                self.save_ages().await;
            }
            #[cfg(test)]
            self.rounds.send_modify(|(rounds, out)| (*rounds, *out) = (*rounds + 1, couriers.len()));
            let nap = self.nap(couriers.len());
            tokio::select! {
                () = closing.cancelled() => {}
                () = self.bell.notified() => {}
                Some(_) = couriers.join_next() => {}
                () = sleep(nap) => {}
            }
        }
        // What only waits has nothing to end.
        self.schedule().recall_all();
        if !couriers.is_empty() {
            info!(under_way = couriers.len(), "deliveries from the queue are under way and may end");
        }
        while couriers.join_next().await.is_some() {}
    }

    async fn take_up_at_last(&self) {
        while let Err(error) = self.take_up().await {
            error!(fault = %STORE_FAILING.fault(), %error, "mail that waits cannot be read yet and is not delivered; it is tried again in a minute");
            self.note_unread(Some(error.to_string()));
            sleep(LOOK).await;
        }
        self.note_unread(None);
    }

    fn send_out(self: &Arc<Self>, couriers: &mut JoinSet<()>, cut_off: &CancellationToken) {
        while couriers.len() < COURIERS && self.halted_until().is_none() {
            let Some((sequence, recall, errand)) = self.hand_out() else { return };
            let courier = Courier { queue: self.clone(), sequence, recall, cut_off: cut_off.clone() };
            couriers.spawn(courier.run(errand));
        }
    }

    /// The next message, and what is to be done with it. Its place in the line of the way out is taken here, one message
    /// after the other: couriers read their rows side by side, and who has read it first is not whose turn it is.
    pub(super) fn hand_out(&self) -> Option<(i64, CancellationToken, Errand)> {
        let (now, awake) = (self.clock.tick(), self.clock.awake());
        let mut schedule = self.schedule();
        // In this order: whoever may still be tried is tried before it is given up.
        let Some((sequence, recall)) = schedule.next(now, awake) else {
            let (sequence, recall) = schedule.next_expired(self.orders().max_age, awake)?;
            return Some((sequence, recall, Errand::GiveUp));
        };
        // Behind the schedule's lock, as in `apply`: who lines up by orders of before is called back.
        let orders = self.orders();
        let account = schedule.entry(sequence).and_then(|entry| orders.account(&entry.account));
        drop(schedule);
        let ticket = account.map(|account| orders.way_out.line_up(&account));
        Some((sequence, recall, Errand::Deliver(ticket)))
    }

    fn nap(&self, out: usize) -> Duration {
        let due = self.halted_until().or_else(|| self.schedule().due().filter(|_| out < COURIERS));
        due.map_or(LOOK, |due| self.clock.tick().until(due).min(LOOK))
    }

    async fn save_ages(&self) {
        let ages = self.schedule().ages(self.clock.awake());
        if let Err(error) = self.store.age_queue(&ages).await {
            warn!(fault = %STORE_FAILING.fault(), %error, "how long messages wait cannot be saved; a restart makes them younger");
        }
    }
}
