//! The books of one mailbox.

use std::{
    cmp::Ordering,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    day::Day,
    dials::{Dialling, Dials, Obstacle},
    line::{Line, Party, Place},
    minute::Minute,
    pause::Pause,
};
use crate::{account::Limits, base::Fault, outbound::Channel};

/// How long a connection that is left over is kept.
const WARM: Duration = Duration::from_secs(15);

/// A signed-on connection that was left over.
pub(in crate::outbound) struct Idle {
    pub channel: Channel,
    pub keywords: Vec<String>,
    /// The sign-in that it lives on, and since when.
    pub sign_in: String,
    pub signed_in_at: Option<Timestamp>,
    /// Of its grant ([`Keepers::life`](crate::oauth::Keepers::life)).
    pub life: Option<CancellationToken>,
    /// When it came up, if nobody used it since.
    pub came_up: Option<Instant>,
}

#[derive(Default)]
pub(super) struct Books {
    limits: Limits,
    /// Of the configuration that they stand in.
    limits_since: Option<Instant>,
    /// Connections that are open, idle ones included.
    open: u32,
    /// Oldest first.
    parked: Vec<Parked>,
    /// Whether somebody ends what expires of these.
    is_watched: bool,
    for_seats: Line,
    dials: Dials,
    minute: Minute,
    pub(super) day: Day,
    for_turns: Line,
    pause: Pause,
    /// The last number that was given out.
    last: u64,
}

struct Parked {
    since: Instant,
    seat: Seat,
    idle: Idle,
}

impl Idle {
    /// Its grant is no more.
    pub fn is_over(&self) -> bool {
        self.life.as_ref().is_none_or(CancellationToken::is_cancelled)
    }
}

/// Shared by all who send for the mailbox.
#[derive(Default)]
pub(in crate::outbound) struct Ledger {
    books: Mutex<Books>,
}

/// Room for one connection; given back on drop.
pub(in crate::outbound) struct Seat {
    ledger: Arc<Ledger>,
}

/// Room for one message; given back on drop, unless it was sent.
pub struct Turn {
    ledger: Arc<Ledger>,
    party: Party,
    recipients: u32,
}

/// What one can stand in line for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// A connection.
    Seat,
    /// The right to send one message.
    Turn,
}

impl Ledger {
    /// Those of the latest configuration, and of several in that (a mailbox of a whole domain may be another account's too) the
    /// smallest.
    pub(super) fn set_limits(&self, limits: Limits, since: Instant) {
        let mut books = self.books();
        let limits = match Some(since).cmp(&books.limits_since) {
            Ordering::Less => return,
            Ordering::Equal => limits.least(books.limits),
            Ordering::Greater => limits,
        };
        books.limits_since = Some(since);
        if books.limits != limits {
            books.limits = limits;
            books.ring(Wanted::Seat);
            books.ring(Wanted::Turn);
        }
    }

    /// Nothing is remembered that anybody would miss.
    pub(super) fn is_blank(&self) -> bool {
        let mut books = self.books();
        let now = Instant::now();
        books.forget(now);
        books.open == 0 && books.minute.is_blank() && books.day.is_blank() && books.pause.end(now).is_none()
    }

    /// For one who stands in no line yet. Who asks later has a higher number.
    pub(in crate::outbound) fn ticket(self: &Arc<Self>, party: Party, sign_in: &str) -> Ticket {
        let mut books = self.books();
        books.last += 1;
        let number = books.last;
        let now = Instant::now();
        books.minute.note_asked(&party, now);
        books.dials.note_asked(sign_in, now);
        drop(books);
        let (ledger, sign_in) = (self.clone(), sign_in.to_owned());
        Ticket { ledger, party, sign_in, number, bell: Arc::default(), wanted: None }
    }

    /// Somebody waits for a connection, and has no room to dial one.
    pub(in crate::outbound) fn lacks_seats(&self) -> bool {
        self.books().for_seats.lacks()
    }

    /// The upstream asks to slow down, for longer each time.
    pub(in crate::outbound) fn slow_down(&self) {
        self.books().pause.begin(Instant::now());
    }

    /// Ends what was left over and has had its time, until nothing is. One for a mailbox, however often it is parked.
    async fn expire_parked(self: Arc<Self>) {
        loop {
            let Some(oldest) = self.books().oldest_parked() else { return };
            sleep_until(oldest + WARM).await;
            let expired = self.books().take_expired(Instant::now());
            expired.into_iter().for_each(|Parked { seat, idle, .. }| seat.part(idle.channel));
        }
    }

    /// Ends what was left over and whose grant is no more: it would take the room of those who sign on now. Needs a tokio
    /// runtime.
    pub(super) fn close_ended(&self) {
        let ended: Vec<_> = self.books().parked.extract_if(.., |parked| parked.idle.is_over()).collect();
        ended.into_iter().for_each(|Parked { seat, idle, .. }| seat.part(idle.channel));
    }

    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        // Every change below is whole before anything in it could panic.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn line(&mut self, wanted: Wanted) -> &mut Line {
        match wanted {
            Wanted::Seat => &mut self.for_seats,
            Wanted::Turn => &mut self.for_turns,
        }
    }

    /// Rings for those whose turn it may be: they look what there is.
    fn ring(&mut self, wanted: Wanted) {
        match wanted {
            Wanted::Seat => {
                self.for_seats.ring_next_to_dial(self.dials.most_of_one(self.limits.connections));
                self.parked.iter().for_each(|parked| self.for_seats.ring_first_of(&parked.idle.sign_in));
            }
            Wanted::Turn => {
                self.for_turns.ring_first(Party::is_queue);
                self.for_turns.ring_first(|party| !party.is_queue());
            }
        }
    }

    /// `Err`: not yet; the time at which it may be, where that is known. So it is with what follows.
    fn may_go_on(&self, now: Instant) -> Result<(), Option<Instant>> {
        self.pause.end(now).map_or(Ok(()), |end| Err(Some(end)))
    }

    /// What is left over is the first one's of its sign-in. `Ok(None)`: room for one more, which this one dials from now on.
    fn take_seat(&mut self, number: u64, sign_in: &str, now: Instant) -> Result<Option<Parked>, Option<Instant>> {
        self.may_go_on(now)?;
        let fitting = self.parked.iter().rposition(|parked| parked.idle.sign_in == sign_in);
        if let Some(at) = fitting
            && self.for_seats.is_first_of(number, sign_in)
        {
            return Ok(Some(self.parked.remove(at)));
        }
        let most_of_one = self.dials.most_of_one(self.limits.connections);
        if fitting.is_some() || !self.for_seats.is_next_to_dial(number, most_of_one) {
            return Err(None);
        }
        if self.open >= self.limits.connections {
            // One of another sign-in is of no use here, and its room is.
            return if self.parked.is_empty() { Err(None) } else { Ok(Some(self.parked.remove(0))) };
        }
        self.open += 1;
        self.for_seats.set_dials(number, true);
        self.ring(Wanted::Seat);
        Ok(None)
    }

    /// Another party lacks a connection, and this is the last of its own that waits for a turn.
    fn lends(&mut self, ticket: &Ticket) -> bool {
        self.for_turns.is_last(ticket.number) && self.for_seats.promise_beside(&ticket.party)
    }

    /// `None`: nothing is parked, and nobody needs to watch any longer.
    fn oldest_parked(&mut self) -> Option<Instant> {
        let oldest = self.parked.first().map(|parked| parked.since);
        self.is_watched = oldest.is_some();
        oldest
    }

    fn take_expired(&mut self, now: Instant) -> Vec<Parked> {
        let expired = self.parked.partition_point(|parked| parked.since + WARM <= now);
        self.parked.drain(..expired).collect()
    }

    fn take_turn(&mut self, ticket: &Ticket, now: Instant) -> Result<(), Option<Instant>> {
        self.may_go_on(now)?;
        self.forget(now);
        let (of_queue, allowed) = (ticket.party.is_queue(), self.limits.messages_per_minute);
        // Clients go past a queue that leaves them what there is.
        let queue_may = self.minute.has_room(true, allowed);
        if !self.for_turns.is_first(ticket.number, |party| queue_may || party.is_queue() == of_queue) {
            return Err(None);
        }
        if !self.minute.has_room(of_queue, allowed) {
            return Err(self.minute.next_room());
        }
        self.minute.begin(&ticket.party);
        Ok(())
    }

    /// What no longer counts.
    fn forget(&mut self, now: Instant) {
        self.minute.forget(now);
        self.day.forget(now);
    }

    fn note_sent(&mut self, party: &Party, recipients: u32, now: Instant) {
        self.minute.note_sent(party, now);
        self.day.note_sent(recipients, now);
        self.pause.note_sent();
    }
}

/// A number, by which one stands in whatever line it has to: before all of its party who asked later, also where it comes
/// back to a line. Dropped, it leaves.
pub struct Ticket {
    ledger: Arc<Ledger>,
    party: Party,
    sign_in: String,
    number: u64,
    bell: Arc<Notify>,
    /// The line in which it stands.
    wanted: Option<Wanted>,
}

impl Ticket {
    /// Stands in that line and in no other. Nobody of its party who stands behind it is served before it, from now on;
    /// others are held up by it once it waits.
    pub fn stands_for(&mut self, wanted: Wanted) {
        if self.wanted != Some(wanted) {
            self.goes(Some(wanted), false);
        }
    }

    /// Holds nobody up any more, until it waits: then it stands in line by its number.
    pub fn steps_aside(&mut self) {
        self.goes(None, false);
    }

    /// It has what it stood for, and with it its party had its turn. In one step with that it stands for what is `next`.
    pub(in crate::outbound) fn served(&mut self, next: Option<Wanted>) {
        self.goes(next, true);
    }

    fn goes(&mut self, next: Option<Wanted>, is_served: bool) {
        let mut books = self.ledger.books();
        if let Some(next) = next {
            let place = Place::new(self.number, &self.sign_in, self.bell.clone());
            books.line(next).enter(&self.party, place);
        }
        if let Some(wanted) = self.wanted {
            match is_served {
                true => books.line(wanted).served(self.number),
                false => books.line(wanted).leave(self.number),
            }
            books.ring(wanted);
        }
        drop(books);
        self.wanted = next;
    }

    /// Waits for a connection that is left over, or for room to dial one. Whoever dials stands in line as before: what comes
    /// up or is left over first is the first one's, whoever dialled it. Cancel safe.
    pub(in crate::outbound) async fn seat(&mut self) -> (Seat, Option<Idle>) {
        let taken = self.wait(Wanted::Seat, |books, ticket, now| {
            books.take_seat(ticket.number, &ticket.sign_in, now).inspect_err(|_| books.for_turns.ring_last_ones())
        });
        match taken.await {
            Some(Parked { seat, idle, .. }) => (seat, Some(idle)),
            None => (Seat { ledger: self.ledger.clone() }, None),
        }
    }

    /// What it dialled is up, or never will be.
    pub(in crate::outbound) fn has_dialled(&self) {
        let mut books = self.ledger.books();
        books.for_seats.set_dials(self.number, false);
        // Another may be the next to dial now.
        books.ring(Wanted::Seat);
    }

    /// Waits until a message may be sent. Cancel safe.
    pub async fn turn(&mut self) -> Turn {
        self.wait(Wanted::Turn, Books::take_turn).await;
        self.takes_turn()
    }

    fn takes_turn(&mut self) -> Turn {
        self.served(None);
        Turn { ledger: self.ledger.clone(), party: self.party.clone(), recipients: 0 }
    }

    /// As [`Ticket::turn`], for who has a connection. `None`: another party is to have that, and nobody of its own would have
    /// one before it: it stands in line for the next. Cancel safe.
    pub(in crate::outbound) async fn turn_or_lend(&mut self) -> Option<Turn> {
        let has_turn = self.wait(Wanted::Turn, |books, ticket, now| match books.take_turn(ticket, now) {
            Err(_) if books.lends(ticket) => Ok(false),
            looked => looked.map(|()| true),
        });
        if !has_turn.await {
            self.stands_for(Wanted::Seat);
            return None;
        }
        Some(self.takes_turn())
    }

    /// What stood in the way of a connection, for who has waited for one since `asked`.
    pub(in crate::outbound) fn obstacle(&self, asked: Instant) -> Option<Obstacle> {
        let books = self.ledger.books();
        let is_slow = books.pause.end(Instant::now()).is_some();
        books.dials.obstacle(&self.sign_in, asked, is_slow, books.limits.connections)
    }

    /// The mailbox is left alone, since its server asked for that.
    pub(in crate::outbound) fn is_paused(&self) -> bool {
        self.ledger.books().pause.end(Instant::now()).is_some()
    }

    /// Cancel safe: it stands in that line from then on.
    async fn wait<T>(
        &mut self,
        wanted: Wanted,
        take: impl Fn(&mut Books, &Self, Instant) -> Result<T, Option<Instant>>,
    ) -> T {
        self.stands_for(wanted);
        let ticket = &*self;
        let look = || {
            let mut books = ticket.ledger.books();
            books.line(wanted).looks(ticket.number);
            take(&mut books, ticket, Instant::now())
        };
        loop {
            let looked = look();
            match looked {
                Ok(taken) => return taken,
                Err(None) => ticket.bell.notified().await,
                Err(Some(at)) => tokio::select! {
                    () = ticket.bell.notified() => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.goes(None, false);
    }
}

impl Seat {
    /// Somebody waits for it, and has no room to dial one.
    pub(in crate::outbound) fn is_wanted(&self) -> bool {
        self.ledger.lacks_seats()
    }

    /// See [`Ledger::slow_down`].
    pub(in crate::outbound) fn slow_down(&self) {
        self.ledger.slow_down();
    }

    /// Somebody dials on it, and others see how far that is.
    pub(in crate::outbound) fn dials(&self, sign_in: &str) -> Arc<Dialling> {
        self.ledger.books().dials.begin(sign_in)
    }

    /// `failed`: how it did.
    pub(in crate::outbound) fn has_dialled(&self, dial: &Dialling, failed: Option<&Fault>) {
        self.ledger.books().dials.ended(dial, failed);
    }

    /// Says goodbye, and gives the room back once the server knows: it counts the connection until then. Nobody waits for it.
    /// Needs a tokio runtime.
    pub(in crate::outbound) fn part(self, channel: Channel) {
        tokio::spawn(async move {
            channel.quit().await;
            drop(self);
        });
    }

    /// Leaves the connection to whoever comes next; one whose grant is no more is ended. Needs a tokio runtime.
    pub(in crate::outbound) fn park(self, idle: Idle) {
        let ledger = self.ledger.clone();
        if idle.is_over() {
            return self.part(idle.channel);
        }
        let was_watched = {
            let mut books = ledger.books();
            books.parked.push(Parked { since: Instant::now(), seat: self, idle });
            books.ring(Wanted::Seat);
            std::mem::replace(&mut books.is_watched, true)
        };
        if !was_watched {
            tokio::spawn(ledger.expire_parked());
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut books = self.ledger.books();
        books.open = books.open.saturating_sub(1);
        books.ring(Wanted::Seat);
    }
}

impl Turn {
    /// Whether one more recipient fits into the day's.
    pub fn has_room(&self) -> bool {
        let mut books = self.ledger.books();
        books.forget(Instant::now());
        books.day.has_room(books.limits.recipients_per_day)
    }

    /// The upstream took one more recipient.
    pub fn note_recipient(&mut self) {
        self.recipients += 1;
        self.ledger.books().day.reserve();
    }

    /// The upstream has the message, or may have it.
    pub fn sent(self) {
        self.ledger.books().note_sent(&self.party, self.recipients, Instant::now());
    }

    /// The upstream asks to slow down.
    pub fn slow_down(&self) {
        self.ledger.slow_down();
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut books = self.ledger.books();
        books.minute.end(&self.party);
        books.day.release(self.recipients);
        books.ring(Wanted::Turn);
    }
}
