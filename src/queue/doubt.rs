//! A message that the mail server never answers: each attempt may have been one more copy in somebody's mailbox.
//!
//! Twice is better than never, and a hundred times is not: behind some attempts it waits for a person, who can ask.

use tracing::{error, warn};

use super::{courier::Courier, hold, last_words::LAST, refusals::Advice};
use crate::{
    catalog::own::DELIVERY_DOUBTFUL,
    store::{DOUBTS, QueuedMessage, QueuedRecipient, RecipientState, StoreError},
};

/// Of a message that waits behind such an attempt, and is not held for it.
pub(super) const GOES_AGAIN: &str =
    "nothing is to be done now: it goes by itself, and `gatepost queue list` shows it until then; do not drop it";

/// One that waits although it may have it that often.
fn last_doubt(message: &QueuedMessage) -> Option<&QueuedRecipient> {
    let is_doubt = |one: &&QueuedRecipient| one.doubts >= DOUBTS && one.state == RecipientState::Waiting;
    message.recipients.iter().find(is_doubt)
}

impl Courier {
    /// Why a message that was not answered again is to be held from now on, if it is.
    pub(super) fn doubt(&self, message: &QueuedMessage) -> Option<&'static str> {
        (last_doubt(message).is_some() && !self.is_over(message)).then_some(hold::DOUBTFUL)
    }

    /// A courier that broke down left the message under way: nobody knows what became of it. Whether it is held for that.
    pub(super) async fn left_in_doubt(&self, message: &mut QueuedMessage) -> Result<bool, StoreError> {
        message.is_under_way = false;
        message.recipients.iter_mut().for_each(|one| one.doubts += u32::from(one.state == RecipientState::Waiting));
        let holding = self.holding(self.doubt(message).filter(|_| message.hold.is_none())).await;
        self.queue.store.doubt_queued(self.sequence, holding.reason).await?;
        let is_held = holding.written();
        match is_held {
            true => self.tell_of_hold(message),
            false => warn!(
                queue_id = message.id,
                session = message.session,
                hint = GOES_AGAIN,
                "its last delivery broke off in the middle; it is delivered again and may arrive twice"
            ),
        }
        Ok(is_held)
    }

    pub(super) fn tell_of_hold(&self, message: &QueuedMessage) {
        let last = last_doubt(message).and_then(|one| one.reply.as_deref()).unwrap_or_default();
        let Advice { id, text, owner, next, .. } = self.queue.advice(&message.account, &DELIVERY_DOUBTFUL.fault());
        error!(
            queue_id = message.id,
            session = message.session,
            id,
            text,
            owner,
            next,
            reply = last,
            "the mail server never answers this message, which may have arrived each time; it is held: ask whoever it is \
             for, then drop or release it"
        );
        let why = format!("held, since nobody answered {DOUBTS} times and it may have arrived{LAST}{last}");
        let reply = DELIVERY_DOUBTFUL.said(why);
        self.queue.note_kept(self.sequence, &message.account, hold::DOUBTFUL);
        self.queue.note_held(message, hold::DOUBTFUL, &reply);
    }
}
