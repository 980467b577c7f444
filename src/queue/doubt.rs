//! A message that the mail server never answers: each attempt may have been one more copy in somebody's mailbox.
//!
//! Twice is better than never, and a hundred times is not: behind some attempts it waits for a person, who can ask.

use tracing::error;

use super::{courier::Courier, hold, schedule::Wish};
use crate::store::{DOUBTS, QueuedMessage, QueuedRecipient, RecipientState};

/// One that waits although it may have it that often.
fn last_doubt(message: &QueuedMessage) -> Option<&QueuedRecipient> {
    let is_doubt = |one: &&QueuedRecipient| one.doubts >= DOUBTS && one.state == RecipientState::Waiting;
    message.recipients.iter().find(is_doubt)
}

impl Courier {
    /// Whether a message that was not answered again is held from now on. The row hears of it with the attempt; the schedule
    /// does before, so that an order by hand behind it is the last word in both.
    pub(super) fn is_held_in_doubt(&self, message: &QueuedMessage) -> bool {
        if last_doubt(message).is_none() || self.is_over(message) {
            return false;
        }
        let mut schedule = self.queue.schedule();
        let entry = schedule.entry_mut(self.sequence).filter(|entry| entry.wish != Wish::Drop);
        entry.map(|entry| entry.wish = Wish::Hold).is_some()
    }

    pub(super) fn tell_of_hold(&self, message: &QueuedMessage) {
        let last = last_doubt(message).and_then(|one| one.reply.as_deref()).unwrap_or_default();
        error!(
            queue_id = message.id,
            session = message.session,
            reply = last,
            "the mail server never answers this message, which may have arrived each time; it is held: ask whoever it is \
             for, then drop or release it"
        );
        let reply = format!("held, since nobody answered {DOUBTS} times and it may have arrived; last: {last}");
        self.queue.note_held(message, hold::DOUBTFUL, &reply);
    }
}
