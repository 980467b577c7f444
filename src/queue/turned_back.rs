//! A delivery that met a way out which is shut for whatever its mailbox sends: the message was not tried.
//!
//! So it keeps its place in the order, and the mailbox rests instead. Whoever looks next is the same message again: all of
//! them arrive in the order in which they were accepted, however long the way was shut. A connection that breaks in the
//! middle is the way's fault, too, once; a message with which it breaks again may be what breaks it.

use std::time::SystemTime;

use tracing::info;

use super::{
    Queue,
    courier::{Courier, Next, Record},
    deliver::Unsent,
    outcome,
    schedule::Place,
};
use crate::{
    base::Fault,
    catalog::{graph::GRAPH_UNREACHABLE, own::UPSTREAM_LOST},
    outbound::is_throttled,
    store::{QueuedMessage, TurnedBack},
};

/// The connection was lost before all of the message was handed over.
const BREAKS: [&str; 2] = [UPSTREAM_LOST.id, GRAPH_UNREACHABLE.id];

impl Courier {
    /// Whether the connection broke with this message, and did not the time before.
    pub(super) fn breaks_once(&self, fault: &Fault) -> bool {
        let mut schedule = self.queue.schedule();
        let is_broken = BREAKS.contains(&fault.id);
        is_broken
            && schedule.entry_mut(self.sequence).is_some_and(|entry| !std::mem::replace(&mut entry.has_broken, true))
    }

    /// Notes what is in the way, in the row too. `Ok`: the place of the message.
    pub(super) async fn turn_back(
        &self,
        message: &mut QueuedMessage,
        waiting: &[usize],
        unsent: &Unsent,
    ) -> Result<Option<Place>, Next> {
        let (queue, fault) = (&self.queue, &unsent.fault);
        let (until, _) = queue.way_is_shut(&message.account, unsent);
        if is_throttled(fault.id) {
            // Who waits behind it would go before it, as soon as the mail server allows.
            queue.schedule().call_back_others(self.sequence, queue.clock.awake());
        }
        let reply = outcome::in_the_way(fault);
        for at in waiting {
            if let Some(one) = message.recipients.get_mut(*at) {
                (one.reply, one.fault) = (Some(reply.clone()), Some(fault.id.to_owned()));
            }
        }
        let (attempts, waited) = (message.attempts, self.age(message));
        let back = TurnedBack { attempts, positions: waiting.to_vec(), reply, fault: fault.id, waited };
        if self.persist(Record::TurnedBack(&back)).await.is_none() {
            return Err(Next::At(Place::Fresh));
        }
        info!(
            queue_id = message.id,
            session = message.session,
            account = message.account,
            client = message.client,
            rests_seconds = queue.clock.tick().until(until).as_secs(),
            "not tried, its mailbox waits: {fault}"
        );
        queue.meter.queue_deliveries("deferred", fault.id, waiting.len() as u64);
        // As a start has it: who was never answered is still in the order of acceptance.
        let is_fresh = message.next_at == SystemTime::UNIX_EPOCH;
        Ok(Some(if is_fresh { Place::Fresh } else { Place::Later(queue.clock.tick()) }))
    }
}

impl Queue {
    /// Who was never answered, since others went ahead to look, is told what they met.
    pub(super) fn note_what_was_in_the_way(&self, message: &mut QueuedMessage, waiting: &[usize]) {
        let mut schedule = self.schedule();
        let trouble = schedule.lane_mut(&message.account).and_then(|lane| lane.trouble.as_ref());
        let Some(fault) = trouble.map(|trouble| &trouble.fault) else { return };
        for at in waiting {
            if let Some(one) = message.recipients.get_mut(*at).filter(|one| one.reply.is_none()) {
                (one.reply, one.fault) = (Some(outcome::in_the_way(fault)), Some(fault.id.to_owned()));
            }
        }
    }
}
