//! What a person does to a message: hold, release, retry, drop.
//!
//! Safe at any moment. A delivery that waits for its way is called back. One that is under way is never torn off, since
//! nobody would know what became of it: the order is noted, the answer says so, and it is carried out when that delivery
//! has ended without delivering.

use std::{sync::Arc, time::Duration};

use tracing::{info, warn};

use super::{
    MessageView, NotQueued, Queue, hold,
    schedule::{Place, Wish},
    view,
};
use crate::{
    catalog::token::STORE_FAILING,
    store::{Found, QueueFilter, QueuedMessage, StoreError},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing is sent until it is released.
    Hold,
    Release,
    /// Tries it now.
    Retry,
    /// Removes it; nobody is told.
    Drop,
}

impl Order {
    pub const ALL: [Self; 4] = [Self::Hold, Self::Release, Self::Retry, Self::Drop];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Retry => "retry",
            Self::Drop => "drop",
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Done,
    /// A delivery is under way; it is done behind that, if the message is still there.
    WhenItEnds,
    /// It was delivered or dropped before, or never was.
    NotThere,
    /// It is held; release it first.
    Held,
    /// It was not held.
    NotHeld,
    /// Its body is gone: it can only be dropped.
    BodyMissing,
    /// It failed for good before, and is named nowhere any more.
    OffTheList,
}

impl Done {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::WhenItEnds => "when-it-ends",
            Self::NotThere => "not-there",
            Self::Held => "held",
            Self::NotHeld => "not-held",
            Self::BodyMissing => "body-missing",
            Self::OffTheList => "off-the-list",
        }
    }
}

impl Queue {
    /// Those that were looked for, in the order of acceptance.
    pub async fn search(&self, filter: &QueueFilter) -> Result<Found, StoreError> {
        self.store.search_queue(filter).await
    }

    /// As people see it.
    pub fn view(&self, message: &QueuedMessage) -> MessageView {
        let view = view(message, self.orders().account(&message.account).is_some());
        let view = view.not_before(self.looks_again(&message.account));
        match self.in_its_way(&message.account) {
            Some(fault) => view.with_what_is_in_the_way(&fault),
            None => view,
        }
    }

    pub async fn message(&self, id: &str) -> Result<Option<QueuedMessage>, StoreError> {
        self.store.queued_by_id(id).await
    }

    /// Its header block, as far as it can be read.
    pub async fn head(&self, message: &QueuedMessage) -> Option<String> {
        let body = self.spool.kept(&message.id).await.ok()?;
        let head = super::bounce::read_head(&body).await.ok()?;
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    /// Cancel safe: an order that was begun is carried out, whether or not anybody waits for the answer.
    pub async fn order(self: &Arc<Self>, id: &str, order: Order) -> Result<Done, NotQueued> {
        // Whoever asks waits some seconds; what is carried out behind that was told as failed.
        if !*self.is_taken_up.borrow() {
            return Err(NotQueued::bug("the queue is not read yet, and nothing was done; ask again in a moment"));
        }
        let (queue, id) = (self.clone(), id.to_owned());
        // A task of its own, which no client that hangs up can end between the row and the schedule.
        let carried_out = tokio::spawn(async move {
            // One at a time: so the row hears of them in the same order as the schedule.
            let turn = queue.by_hand.lock().await;
            let done = queue.carry_out(&id, order).await;
            drop(turn);
            done
        });
        carried_out.await.unwrap_or_else(|lost| Err(NotQueued::bug(lost)))
    }

    pub(super) async fn carry_out(&self, id: &str, order: Order) -> Result<Done, NotQueued> {
        let message = match self.store.queued_by_id(id).await {
            Ok(Some(message)) => message,
            Ok(None) if order == Order::Drop && self.failures.take_off(id) => return Ok(Done::OffTheList),
            Ok(None) => return Ok(Done::NotThere),
            Err(error) if error.is_damage() && order == Order::Drop => return self.drop_damaged(id).await,
            Err(error) => return Err(error.into()),
        };
        let done = match (order, message.hold.as_deref()) {
            // Once somebody dropped it, nobody else has a say.
            (Order::Hold | Order::Release | Order::Retry, Some(hold::DROPPED)) => Done::NotThere,
            (Order::Drop, _) => self.drop_message(message.sequence, id).await?,
            (Order::Hold, Some(_)) => Done::Done,
            (Order::Hold, None) => self.hold(message.sequence).await?,
            (Order::Release | Order::Retry, Some(hold::BODY_MISSING)) => Done::BodyMissing,
            (Order::Release, None) => Done::NotHeld,
            (Order::Release, Some(_)) => self.release(message.sequence).await?,
            (Order::Retry, Some(_)) => Done::Held,
            (Order::Retry, None) => self.retry(&message).await?,
        };
        info!(queue_id = id, session = message.session, order = order.as_str(), done = done.as_str(), "by hand");
        Ok(done)
    }

    async fn hold(&self, sequence: i64) -> Result<Done, NotQueued> {
        if !self.store.hold_queued(sequence, Some(hold::BY_HAND)).await? {
            return Ok(Done::NotThere);
        }
        Ok(self.wish(sequence, Wish::Hold, Place::Held))
    }

    async fn release(&self, sequence: i64) -> Result<Done, NotQueued> {
        if !self.store.hold_queued(sequence, None).await? {
            return Ok(Done::NotThere);
        }
        let done = self.wish(sequence, Wish::None, Place::Wanted);
        self.bell.notify_one();
        Ok(done)
    }

    async fn retry(&self, message: &QueuedMessage) -> Result<Done, NotQueued> {
        if !self.store.hasten_queued(message.sequence).await? {
            return Ok(Done::NotThere);
        }
        // A person knows that the way is open again, which who has to go it may not.
        let orders = self.orders();
        if let Some(account) = orders.account(&message.account) {
            orders.way_out.ask_afresh(&account);
        }
        let now = self.clock.tick();
        if let Some(trouble) = self.schedule().lane_mut(&message.account).and_then(|lane| lane.trouble.as_mut()) {
            trouble.looks_by_hand(now, Duration::ZERO);
        }
        let done = self.wish(message.sequence, Wish::Retry, Place::Wanted);
        self.bell.notify_one();
        Ok(done)
    }

    async fn drop_message(&self, sequence: i64, id: &str) -> Result<Done, NotQueued> {
        let before = self.schedule().entry(sequence).map(|entry| entry.place);
        // Its row first, so that no restart delivers what was promised to be dropped.
        if before == Some(Place::UnderWay) && !self.store.hold_queued(sequence, Some(hold::DROPPED)).await? {
            return Ok(Done::NotThere);
        }
        // Nobody's from now on: no courier takes it any more, and the one that has it knows that it is called back.
        match self.wish(sequence, Wish::Drop, Place::UnderWay) {
            Done::WhenItEnds if before == Some(Place::UnderWay) => Ok(Done::WhenItEnds),
            // It began in between.
            Done::WhenItEnds => match self.store.hold_queued(sequence, Some(hold::DROPPED)).await {
                Ok(true) => Ok(Done::WhenItEnds),
                Ok(false) => Ok(Done::NotThere),
                Err(error) => {
                    if let Some(entry) = self.schedule().entry_mut(sequence) {
                        entry.wish = Wish::None;
                    }
                    Err(error.into())
                }
            },
            _ => self.discard_or_keep(sequence, id, before).await,
        }
    }

    /// As [`Queue::discard`]. Where that fails the message is still there, as it was before, for who says so again.
    async fn discard_or_keep(&self, sequence: i64, id: &str, before: Option<Place>) -> Result<Done, NotQueued> {
        let Err(error) = self.discard(sequence, id).await else { return Ok(Done::Done) };
        if let Some(place) = before {
            // Whoever had it is gone by now.
            let is_out = matches!(place, Place::InLine | Place::UnderWay);
            let place = if is_out { Place::Later(self.clock.tick()) } else { place };
            self.schedule().move_to(sequence, place, self.clock.awake());
            self.bell.notify_one();
        }
        Err(error)
    }

    /// Where a delivery is under way the wish is noted, else the message gets its new place.
    fn wish(&self, sequence: i64, wish: Wish, place: Place) -> Done {
        let awake = self.clock.awake();
        let mut schedule = self.schedule();
        let Some(entry) = schedule.entry_mut(sequence) else { return Done::Done };
        if entry.place == Place::UnderWay {
            entry.wish = wish;
            return Done::WhenItEnds;
        }
        // Its courier, if it has one, has nothing else in mind with it any more.
        entry.wish = Wish::None;
        match place {
            Place::Wanted => schedule.want(sequence, awake),
            place => {
                if place == Place::UnderWay {
                    entry.recall.cancel();
                }
                schedule.move_to(sequence, place, awake);
            }
        }
        Done::Done
    }

    /// Of a message whose row cannot be read, all that can be done is this.
    async fn drop_damaged(&self, id: &str) -> Result<Done, NotQueued> {
        let Some(sequence) = self.store.queued_sequence(id).await? else { return Ok(Done::NotThere) };
        let before = self.schedule().entry(sequence).map(|entry| entry.place);
        if self.wish(sequence, Wish::Drop, Place::UnderWay) == Done::WhenItEnds {
            return Ok(Done::WhenItEnds);
        }
        self.discard_or_keep(sequence, id, before).await
    }

    /// As [`Queue::discard`], where only the number is known.
    pub(super) async fn discard_by(&self, sequence: i64) -> Result<(), NotQueued> {
        match self.store.queued(sequence).await? {
            Some(message) => self.discard(sequence, &message.id).await,
            None => {
                self.forget(sequence);
                Ok(())
            }
        }
    }

    /// Forgets a message that nobody works on, row and body.
    pub(super) async fn discard(&self, sequence: i64, id: &str) -> Result<(), NotQueued> {
        let was_there = self.store.dequeue(sequence).await?;
        self.forget(sequence);
        if !was_there {
            return Ok(());
        }
        info!(queue_id = id, "dropped from the queue");
        // Whoever drops a notice keeps it from the sender of what it is about.
        self.failures.is_untold(id, self.clock.wall());
        self.remove_body(id);
        Ok(())
    }

    /// Behind the back of who asks: a disk that does not answer for this body keeps nobody from the others.
    pub(super) fn remove_body(&self, id: &str) {
        let (spool, id) = (self.spool.clone(), id.to_owned());
        tokio::spawn(async move {
            let removed = match spool.kept(&id).await {
                Ok(body) => body.remove().await.map_err(|error| error.to_string()),
                Err(fault) if fault.is_missing() => Ok(()),
                Err(fault) => Err(fault.to_string()),
            };
            if let Err(error) = removed {
                warn!(queue_id = id, fault = %STORE_FAILING.fault(), error, "a body that is done cannot be removed; the next start tries again");
            }
        });
    }
}
