//! A message whose body is gone, damaged or not to be read: that one alone waits, and somebody is told.

use std::time::Duration;

use tracing::{error, warn};

use super::{
    courier::{Courier, Next},
    hold,
    outcome::{Outcome, REPLY_CAP},
    pauses,
    refusals::Advice,
    schedule::Place,
};
use crate::{
    base::{Fault, printable},
    catalog::own::MESSAGE_BODY_UNREADABLE,
    spool::SpoolFault,
    store::QueuedMessage,
};

/// Attempts at least before a message is held whose body cannot be read.
const UNREADABLE_TIMES: u32 = 3;

/// What is told in the place of a server's reply: it stays true of the last attempt once somebody released the message.
pub(super) fn unreadable(why: &str) -> String {
    printable(&MESSAGE_BODY_UNREADABLE.said(format_args!("its body cannot be read: {why}")), REPLY_CAP)
}

impl Courier {
    pub(super) async fn without_body(&self, message: &QueuedMessage, fault: &SpoolFault) -> Next {
        if !fault.is_missing() {
            return self.disk(Some(&message.id), "its body cannot be read", fault);
        }
        self.keep_back(message, hold::BODY_MISSING, "its file is gone").await
    }

    /// The disk may be better soon: some attempts first, at a pace of its own, while the others of the mailbox go.
    pub(super) async fn with_unreadable_body(
        &self,
        message: &mut QueuedMessage,
        waiting: &[usize],
        fault: Fault,
        took: Duration,
    ) -> Result<Option<Place>, Next> {
        let is_old = |at: &usize| {
            message.recipients.get(*at).is_some_and(|one| one.fault.as_deref() == Some(MESSAGE_BODY_UNREADABLE.id))
        };
        let is_hopeless = message.attempts >= UNREADABLE_TIMES && waiting.iter().all(is_old);
        let (detail, pause) = (fault.detail.clone(), pauses::of_message(message.attempts, None));
        let place = self.write_down(message, waiting, Outcome::nothing_sent(&fault, pause), took).await?;
        if is_hopeless {
            return Err(self.keep_back(message, hold::BODY_DAMAGED, &detail).await);
        }
        warn!(queue_id = message.id, session = message.session, %fault, "its body cannot be read; the others go on");
        Ok(place)
    }

    /// Held, and somebody is told: it does not pass by itself.
    pub(super) async fn keep_back(&self, message: &QueuedMessage, reason: &'static str, why: &str) -> Next {
        let holding = self.holding(Some(reason)).await;
        let reply = unreadable(why);
        if holding.reason.is_some()
            && let Err(error) =
                self.queue.store.keep_queued(self.sequence, reason, &reply, MESSAGE_BODY_UNREADABLE.id).await
        {
            return self.disk(Some(&message.id), "that it is held cannot be written down", &error);
        }
        if holding.written() {
            let Advice { id, text, owner, next, .. } =
                self.queue.advice(&message.account, &MESSAGE_BODY_UNREADABLE.fault());
            error!(
                queue_id = message.id,
                session = message.session,
                id,
                text,
                owner,
                next,
                why,
                "the body of this message is gone or damaged; it is held: put the file back and restart, or drop it"
            );
            self.queue.note_kept(self.sequence, &message.account, reason);
            self.queue.note_held(message, reason, &reply);
        }
        self.soon()
    }
}
