//! A message that the mail server never answers: each attempt may have been one more copy in somebody's mailbox.
//!
//! Twice is better than never, and a hundred times is not: behind some attempts it waits for a person, who can ask.

use tracing::error;

use super::{
    courier::{Courier, Next},
    hold,
    schedule::Place,
};
use crate::store::{QueuedMessage, QueuedRecipient, RecipientState};

/// Attempts without an answer before a message is held. A restart forgets them, and who releases it has one more.
const DOUBTS: u32 = 3;

impl Courier {
    /// What follows from an attempt that was not answered. `place`: for those who wait.
    pub(super) async fn in_doubt(&self, message: &QueuedMessage, place: Option<Place>) -> Result<Option<Place>, Next> {
        if self.note_doubt() < DOUBTS || place.is_none() || self.is_over(message) || self.is_unwanted() {
            return Ok(place);
        }
        if let Err(error) = self.queue.store.hold_queued(self.sequence, Some(hold::DOUBTFUL)).await {
            return Err(self.disk(Some(&message.id), "that it is held cannot be written down", &error));
        }
        let is_doubt = |one: &&QueuedRecipient| one.is_doubtful && one.state == RecipientState::Waiting;
        let last = message.recipients.iter().find(is_doubt).and_then(|one| one.reply.as_deref()).unwrap_or_default();
        error!(
            queue_id = message.id,
            session = message.session,
            reply = last,
            "the mail server never answers this message, which may have arrived each time; it is held: ask whoever it is \
             for, then drop or release it"
        );
        let reply = format!("held, since nobody answered {DOUBTS} times and it may have arrived; last: {last}");
        self.queue.note_held(message, hold::DOUBTFUL, &reply);
        // Who failed beside it is told first.
        Ok(Some(Place::Held))
    }

    /// How often that happened to the message.
    fn note_doubt(&self) -> u32 {
        let mut schedule = self.queue.schedule();
        let Some(entry) = schedule.entry_mut(self.sequence) else { return 0 };
        entry.doubts += 1;
        entry.doubts
    }
}
