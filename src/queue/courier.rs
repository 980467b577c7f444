//! One message on its way: one attempt, what came of it on disk, and what follows from it.
//!
//! The order of steps is the promise. While the message waits for room, a token and a connection it can be called back,
//! and a process that ends leaves no doubt. At the outset, when the way is there, the store hears that the delivery
//! begins: if it cannot, nothing is sent. Right behind the way out's answer the outcome is written, before anything else
//! is thought about, so a killed process leaves a doubt for as long as the upstream takes over the message and we take
//! for one sync of the disk.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
    Queue,
    bounce::Told,
    deliver::{Ticket, Unsent},
    envelope, hold,
    outcome::{self, Outcome},
    pauses,
    schedule::{Entry, Place, Wish},
};
use crate::{
    base::printable,
    catalog::{Advice, own::MESSAGE_BODY_UNREADABLE, token::STORE_FAILING},
    spool::Spooled,
    store::{Ended, QueuedMessage, RecipientState, StoreError, TurnedBack},
};

/// Where our own disk is in the way.
pub(super) const DISK_PAUSE: Duration = Duration::from_secs(60);
/// For how long a message whose disk does not answer keeps back those behind it.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// Where something changed while the courier was sent out.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Between tries to write down what came of a delivery.
const WRITE_PAUSES: [Duration; 4] =
    [Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

pub(super) enum Errand {
    /// By this ticket; `None`: its account is gone.
    Deliver(Option<Ticket>),
    /// It was tried for as long as it may be.
    GiveUp,
}

impl Errand {
    const fn ticket(&mut self) -> Option<&mut Ticket> {
        match self {
            Self::Deliver(ticket) => ticket.as_mut(),
            Self::GiveUp => None,
        }
    }
}

/// What is next for the message.
pub(super) enum Next {
    /// Its row is gone.
    Gone,
    At(Place),
}

/// What is to be on disk.
#[derive(Clone, Copy)]
pub(super) enum Record<'a> {
    Gone,
    Ended(&'a Ended),
    TurnedBack(&'a TurnedBack),
}

pub(super) struct Courier {
    pub queue: Arc<Queue>,
    pub sequence: i64,
    /// The message is somebody else's again.
    pub recall: CancellationToken,
    /// The daemon ends.
    pub cut_off: CancellationToken,
}

/// Puts the message back should its courier break down. One that has landed, and one that was called back, has no say.
pub(super) struct Seat<'a>(pub &'a Courier);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let Courier { queue, sequence, .. } = self.0;
        let later = queue.clock.tick().after(DISK_PAUSE);
        let mut schedule = queue.schedule();
        let is_out = |place| matches!(place, Place::InLine | Place::UnderWay);
        if !self.0.recall.is_cancelled() && schedule.entry(*sequence).is_some_and(|entry| is_out(entry.place)) {
            schedule.move_to(*sequence, Place::Later(later), queue.clock.awake());
        }
    }
}

impl Courier {
    pub async fn run(self, errand: Errand) {
        // Should it panic, the guard gives the seat back and the message another time.
        let seat = Seat(&self);
        let next = self.go(errand).await;
        self.land(next).await;
        drop(seat);
    }

    pub(super) async fn go(&self, mut errand: Errand) -> Next {
        let Some(row) = self.what_the_disk_brings(errand.ticket(), self.queue.store.queued(self.sequence)).await else {
            return Next::At(Place::Fresh);
        };
        let mut message = match row {
            Ok(Some(message)) => message,
            Ok(None) => return Next::Gone,
            Err(error) => return self.row_fails(None, "its row cannot be read", &error),
        };
        if message.is_under_way {
            errand.ticket().into_iter().for_each(Ticket::steps_aside);
            match self.left_in_doubt(&mut message).await {
                Ok(true) => return self.soon(),
                Ok(false) => {}
                Err(error) => return self.row_fails(Some(&message.id), "its row cannot be written", &error),
            }
        }
        if message.hold.as_deref() == Some(hold::DROPPED) {
            drop(errand);
            return self.drop_now(&message).await;
        }
        if message.hold.is_some() {
            drop(errand);
            return self.is_held_meanwhile(&message.id).await;
        }
        let waiting = outcome::waiting(&message);
        let mut place = None;
        if waiting.is_empty() {
            drop(errand);
            if !self.take_in_hand() {
                return Next::At(Place::Fresh);
            }
        } else {
            let went = match errand {
                Errand::Deliver(ticket) => self.attempt(&mut message, &waiting, ticket).await,
                Errand::GiveUp => Ok(None),
            };
            let went = match went {
                // That was the last attempt, or there is none.
                Ok(_) if self.is_over(&message) => self.give_up(&mut message).await,
                went => went,
            };
            match went {
                Ok(next) => place = next,
                Err(next) => return next,
            }
        }
        self.settle(&message, place).await
    }

    /// `Ok`: when the recipients that still wait are tried again. `Err`: there is nothing to settle.
    async fn attempt(
        &self,
        message: &mut QueuedMessage,
        waiting: &[usize],
        ticket: Option<Ticket>,
    ) -> Result<Option<Place>, Next> {
        let queue = &self.queue;
        let (Some(ticket), Some(account)) = (ticket, queue.orders().account(&message.account)) else {
            // A reload came in between; its lane has no seats now.
            return Err(self.soon());
        };
        let (body, ticket) = self.body(message, ticket).await?;
        let Some(envelope) = envelope::read(message, waiting) else {
            drop(ticket);
            if !self.take_in_hand() {
                return Err(Next::At(Place::Fresh));
            }
            let outcome = Outcome::damaged();
            return self.write_down(message, waiting, outcome, Duration::ZERO).await;
        };
        let senders = queue.senders(message).await;
        let began = std::time::Instant::now();
        let start = Instant::now();
        let answer = self.deliver(&account, &envelope, &body, message, waiting, ticket).await?;
        if let Err(unsent) = &answer
            && (!unsent.may_be_the_message || self.breaks_once(&unsent.fault))
        {
            return self.turn_back(message, waiting, unsent).await;
        }
        message.attempts += 1;
        let outcome = match answer {
            Ok(report) => {
                queue.note_way(&account);
                Outcome::of_report(report, waiting.len())
            }
            // The outset aside, which is looked at before: of the disk, a way out reads this body alone.
            Err(Unsent { fault, .. }) if fault.id == MESSAGE_BODY_UNREADABLE.id => {
                return self.with_unreadable_body(message, waiting, fault, start.elapsed()).await;
            }
            Err(unsent) => {
                let (until, was_open) = queue.way_is_shut(&account.address, &unsent);
                let rest = queue.clock.tick().until(until);
                // One that meets a shut door again although others got through may be what shuts it.
                let is_suspect = was_open && message.attempts > 1;
                let own = if is_suspect { pauses::of_message(message.attempts, None) } else { Duration::ZERO };
                Outcome::nothing_sent(&unsent.fault, rest.max(own))
            }
        };
        let delivers = outcome.delivers();
        let wrote = self.write_down(message, waiting, outcome, start.elapsed()).await;
        if delivers {
            queue.note_sent(message, &senders, began);
        }
        wrote
    }

    /// The body, and the ticket again: who has none leaves the line before anything is written.
    async fn body(&self, message: &QueuedMessage, mut ticket: Ticket) -> Result<(Spooled, Ticket), Next> {
        let Some(body) = self.what_the_disk_brings(Some(&mut ticket), self.queue.spool.kept(&message.id)).await else {
            return Err(Next::At(Place::Fresh));
        };
        match body {
            Ok(body) if body.octets() == message.octets => Ok((body, ticket)),
            Ok(body) => {
                drop(ticket);
                let why = format!("it has {} octets, and {} were accepted", body.octets(), message.octets);
                Err(self.keep_back(message, hold::BODY_DAMAGED, &why).await)
            }
            Err(fault) => {
                drop(ticket);
                Err(self.without_body(message, &fault).await)
            }
        }
    }

    /// What the disk answers; `None`: the message is called back, or the daemon ends. Where that takes long the others of its
    /// mailbox go meanwhile, and it stands in its place again behind that.
    async fn what_the_disk_brings<T>(&self, ticket: Option<&mut Ticket>, read: impl Future<Output = T>) -> Option<T> {
        let mut read = pin!(read);
        tokio::select! {
            biased;
            () = self.is_called_off() => return None,
            answer = read.as_mut() => return Some(answer),
            () = sleep(ANSWERS_WITHIN) => {}
        }
        ticket.into_iter().for_each(Ticket::steps_aside);
        self.stands_aside(true);
        tokio::select! {
            biased;
            () = self.is_called_off() => None,
            answer = read => {
                self.stands_aside(false);
                Some(answer)
            }
        }
    }

    async fn is_called_off(&self) {
        tokio::select! {
            () = self.recall.cancelled() => {}
            () = self.cut_off.cancelled() => {}
        }
    }

    fn stands_aside(&self, is_aside: bool) {
        let Self { queue, sequence, recall, .. } = self;
        queue.schedule().set_aside(*sequence, recall, is_aside);
        queue.bell.notify_one();
    }

    pub(super) fn take_in_hand(&self) -> bool {
        let Self { queue, sequence, recall, .. } = self;
        let mut schedule = queue.schedule();
        let was_ahead = schedule.entry(*sequence).is_some_and(Entry::is_ahead);
        let is_ours = schedule.take_in_hand(*sequence, recall, queue.clock.awake());
        drop(schedule);
        if was_ahead {
            // Others may go now.
            queue.bell.notify_one();
        }
        is_ours
    }

    /// Those that still wait, if any do.
    async fn give_up(&self, message: &mut QueuedMessage) -> Result<Option<Place>, Next> {
        let waiting = outcome::waiting(message);
        if waiting.is_empty() {
            return Ok(None);
        }
        let hours = self.queue.orders().max_age.as_secs() / 3600;
        self.queue.note_what_was_in_the_way(message, &waiting);
        let outcome = Outcome::expired(hours, waiting.iter().filter_map(|at| message.recipients.get(*at)));
        self.write_down(message, &waiting, outcome, Duration::ZERO).await
    }

    /// For how long its delivery was tried.
    pub(super) fn age(&self, message: &QueuedMessage) -> Duration {
        let queue = &self.queue;
        queue.schedule().entry(self.sequence).map_or(message.waited, |entry| entry.age(queue.clock.awake()))
    }

    /// Somebody dropped it while it was under way.
    pub(super) fn is_unwanted(&self) -> bool {
        self.queue.schedule().entry(self.sequence).is_some_and(|entry| entry.wish == Wish::Drop)
    }

    pub(super) fn is_over(&self, message: &QueuedMessage) -> bool {
        self.age(message) >= self.queue.orders().max_age
    }

    /// Puts what came of it on disk, and into `message`.
    pub(super) async fn write_down(
        &self,
        message: &mut QueuedMessage,
        waiting: &[usize],
        outcome: Outcome,
        took: Duration,
    ) -> Result<Option<Place>, Next> {
        let queue = &self.queue;
        let age = self.age(message);
        let pause = outcome.pause.unwrap_or_else(|| pauses::of_message(message.attempts, outcome.retry_after));
        // The last attempt is made when its time is over, not an hour before.
        let left = queue.orders().max_age.saturating_sub(age);
        let pause = if left.is_zero() { pause } else { pause.min(left) };
        outcome.apply(message, waiting);
        let is_done = message.recipients.iter().all(|one| one.state == RecipientState::Delivered);
        let mut ended = outcome.ended(message, waiting, age, queue.clock.wall() + pause, pause);
        ended.hold = self.doubt(message).filter(|_| outcome.is_doubtful());
        // One step where nothing is left to be told.
        let wrote = self.persist(if is_done { Record::Gone } else { Record::Ended(&ended) }).await;
        let Some(is_held) = wrote else { return Err(Next::At(Place::Fresh)) };
        let advice = queue.note_refusals(message, &outcome).await;
        outcome.log(message, waiting.len(), took, pause, &advice);
        outcome.count(&queue.meter, waiting.len(), message.bounce > 0);
        match is_held {
            true => self.tell_of_hold(message),
            false => outcome.log_doubt(message),
        }
        if is_done {
            queue.remove_body(&message.id);
            self.say_fate(message);
            return Err(Next::Gone);
        }
        let waits = !outcome::waiting(message).is_empty();
        Ok(waits.then(|| Place::Later(queue.clock.tick().after(pause))))
    }

    /// Tells the sender of failures, and forgets the message once nobody waits. `place`: for those who do.
    async fn settle(&self, message: &QueuedMessage, place: Option<Place>) -> Next {
        let queue = &self.queue;
        if self.is_unwanted() {
            // Nobody is told of what was dropped.
            return Next::At(Place::Fresh);
        }
        match queue.tell_sender(message).await {
            Ok(Told::Settled) => {}
            Ok(Told::Redirected) => {
                queue.schedule().begin_anew(self.sequence, queue.clock.awake());
                return Next::At(Place::Later(queue.clock.tick()));
            }
            Err(error) => {
                let Advice { id, text, owner, next } = STORE_FAILING.advice();
                warn!(
                    queue_id = message.id, session = message.session, id, text, owner, next, %error,
                    "the sender cannot be told yet that delivery failed"
                );
                return Next::At(place.unwrap_or_else(|| Place::Later(queue.clock.tick().after(DISK_PAUSE))));
            }
        }
        if let Some(place) = place {
            return Next::At(place);
        }
        if !outcome::waiting(message).is_empty() {
            return Next::At(Place::Later(queue.clock.tick()));
        }
        if self.persist(Record::Gone).await.is_none() {
            return Next::At(Place::Fresh);
        }
        queue.remove_body(&message.id);
        self.say_fate(message);
        Next::Gone
    }

    /// Whatever somebody wanted meanwhile is obeyed now.
    pub(super) async fn land(&self, next: Next) {
        let Self { queue, sequence, .. } = self;
        let is_dropped = {
            let awake = queue.clock.awake();
            let mut schedule = queue.schedule();
            if self.recall.is_cancelled() {
                return;
            }
            let wish = schedule.entry_mut(*sequence).map(|entry| std::mem::take(&mut entry.wish)).unwrap_or_default();
            let is_dropped = matches!((&next, wish), (Next::At(_), Wish::Drop));
            if !is_dropped {
                // Before anybody else can have it: what its own seat does from here on concerns the next courier.
                self.recall.cancel();
            }
            match (next, wish) {
                (Next::Gone, _) => queue.forget_from(&mut schedule, *sequence),
                (_, Wish::Drop) => {}
                (_, Wish::Hold) => drop(schedule.move_to(*sequence, Place::Held, awake)),
                (_, Wish::Retry) => schedule.want(*sequence, awake),
                (Next::At(place), Wish::None) => drop(schedule.move_to(*sequence, place, awake)),
            }
            is_dropped
        };
        // What its row says is carried out by the next courier else.
        if is_dropped && let Err(error) = queue.discard_by(*sequence).await {
            let Advice { id, text, owner, next } = STORE_FAILING.advice();
            warn!(
                id, text, owner, next, %error,
                "a message that is to be dropped cannot be yet; it is tried again, and not delivered"
            );
        }
    }

    fn say_fate(&self, message: &QueuedMessage) {
        let count = |state| message.recipients.iter().filter(|one| one.state == state).count();
        let (delivered, failed) = (count(RecipientState::Delivered), count(RecipientState::Failed));
        self.queue.note_arrived(message);
        let seconds = self.queue.clock.wall().duration_since(message.accepted_at).unwrap_or_default().as_secs();
        info!(
            queue_id = message.id,
            session = message.session,
            account = message.account,
            client = message.client,
            attempts = message.attempts,
            delivered,
            failed,
            seconds,
            "leaves the queue"
        );
    }

    async fn drop_now(&self, message: &QueuedMessage) -> Next {
        if !self.take_in_hand() {
            return Next::At(Place::Fresh);
        }
        match self.queue.discard(self.sequence, &message.id).await {
            Ok(()) => Next::Gone,
            Err(error) => self.disk(Some(&message.id), "it cannot be dropped", &error),
        }
    }

    pub(super) fn soon(&self) -> Next {
        Next::At(Place::Later(self.queue.clock.tick().after(LOOK_AGAIN)))
    }

    /// What the disk does not do for this message. The others go on: a disk that takes no writes is a standstill.
    pub(super) fn disk(&self, queue_id: Option<&str>, what: &str, error: &dyn std::fmt::Display) -> Next {
        let Advice { id, text, owner, next } = STORE_FAILING.advice();
        warn!(
            queue_id, sequence = self.sequence, id, text, owner, next, %error,
            "{what}; this message waits, and is looked at again in a minute"
        );
        Next::At(Place::Later(self.queue.clock.tick().after(DISK_PAUSE)))
    }

    /// Until the store took it: the message was delivered, and a courier that forgets that sends it twice. Whether it is held
    /// now; `None`: the daemon ends first.
    pub(super) async fn persist(&self, record: Record<'_>) -> Option<bool> {
        let mut pauses = WRITE_PAUSES.iter();
        let mut pause = Duration::ZERO;
        loop {
            let error = match self.put_down(record).await {
                Ok(is_held) => return Some(is_held),
                Err(error) => error,
            };
            self.queue.disk_fails(&error);
            pause = pauses.next().copied().unwrap_or(pause);
            let Advice { id, text, owner, next } = STORE_FAILING.advice();
            error!(
                id,
                text,
                owner,
                next,
                error = printable(&error.to_string(), 500),
                "what came of a delivery cannot be written down; it is tried again"
            );
            tokio::select! {
                () = sleep(pause) => {}
                () = self.cut_off.cancelled() => return None,
            }
        }
    }

    async fn put_down(&self, record: Record<'_>) -> Result<bool, StoreError> {
        let store = &self.queue.store;
        match record {
            Record::Gone => store.dequeue(self.sequence).await.map(|_| false),
            Record::TurnedBack(back) => store.turn_back_queued(self.sequence, back).await.map(|()| false),
            Record::Ended(ended) => {
                let holding = self.holding(ended.hold).await;
                let ended = Ended { hold: holding.reason, ..ended.clone() };
                store.end_attempt(self.sequence, &ended).await?;
                Ok(holding.written())
            }
        }
    }
}
