//! Mail that is taken over now and delivered later.
//!
//! A message is taken over once its body (a file) and its envelope (a row) are on disk; before that the client hears no
//! 250. From then on it waits here until each recipient has an end: delivered, or failed and told to the sender. What
//! is delivered, by whom and how is the business of a way out behind [`Deliver`]; what is next is `schedule`'s; one
//! attempt is `courier`'s. It refuses to promise what it cannot keep: no delivery begins whose outcome could not be
//! written down.

mod bounce;
mod by_hand;
mod clock;
mod courier;
mod damage;
mod deliver;
mod dispatch;
mod doubt;
mod envelope;
mod failures;
mod fares;
mod fault;
mod holding;
mod lane;
mod lanes;
mod last_words;
mod orders;
mod outcome;
mod outset;
mod pauses;
mod refusals;
mod schedule;
mod standstill;
#[cfg(test)]
mod tests;
mod turned_back;
mod view;

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tracing::{error, info, warn};

pub use bounce::{FailureNote, read_head};
pub use by_hand::{Done, Order};
use clock::QueueClock;
pub use deliver::{Deliver, Delivery, Envelope, Fate, Outset, Report, Unsent, Verdict};
pub use dispatch::COURIERS;
use failures::Failures;
pub use fault::{NotQueued, OpenFault};
pub use lanes::{Figures, LaneView, Standing};
pub use last_words::{PHRASES, fault_beside, last_words};
pub use orders::Orders;
use refusals::Advice;
use schedule::{Entry, Place, Schedule};
use standstill::Halt;
pub use standstill::Standstill;
pub use view::{FailureView, MessageView, QueueView, RecipientView, view};

use crate::{
    account::Account,
    catalog::{
        own::{DELIVERY_DOUBTFUL, MAIL_LEFT_BEHIND, MESSAGE_BODY_UNREADABLE},
        token::STORE_FAILING,
    },
    meter::Meter,
    net::clock::Clock,
    spool::{self, LeftBodies, Spool, Spooled},
    store::{self, NewMessage, Outline, Store},
};

/// How long other stores are looked at for bodies that lack here.
const ELSEWHERE_WITHIN: Duration = Duration::from_secs(10);

/// Why a message is held.
pub mod hold {
    /// Commissioning: the client's rule says `capture = true`.
    pub const CAPTURE: &str = "capture";
    /// Somebody said so.
    pub const BY_HAND: &str = "by-hand";
    /// The file with its body is not there.
    pub const BODY_MISSING: &str = "body-missing";
    /// The file with its body cannot be read, or is not the one that was written.
    pub const BODY_DAMAGED: &str = "body-damaged";
    /// The mail server never answered it, and it may have arrived each time.
    pub use crate::store::DOUBTFUL;
    /// It is dropped as soon as the delivery ends that was under way when somebody said so.
    pub const DROPPED: &str = "dropped";

    use crate::catalog::{
        Entry,
        own::{DELIVERY_DOUBTFUL, MESSAGE_BODY_UNREADABLE},
    };

    /// All of them, by the id of the catalogue.
    pub const FAULTS: [&str; 2] = [DELIVERY_DOUBTFUL.id, MESSAGE_BODY_UNREADABLE.id];

    /// The fault that it is held for, where it is for one.
    pub fn fault(reason: &str) -> Option<&'static Entry> {
        match reason {
            BODY_MISSING | BODY_DAMAGED => Some(MESSAGE_BODY_UNREADABLE),
            DOUBTFUL => Some(DELIVERY_DOUBTFUL),
            _ => None,
        }
    }
}

/// A mailbox whose oldest message waits for so long stands still, whether or not anything is known to be in its way.
pub const STUCK: Duration = Duration::from_secs(3600);

/// Some hundred octets of memory each.
pub const MOST_MESSAGES: usize = 500_000;

/// Names a message from its reception to its end: in the reply to the client, the log, and for `gatepost queue`.
pub type QueueId = String;

/// One for a daemon.
pub struct Queue {
    store: Arc<Store>,
    spool: Spool,
    meter: Meter,
    /// The name of this machine, for notices.
    host: String,
    clock: QueueClock,
    schedule: Mutex<Schedule>,
    /// Held while a message gets its number and its place: so both are in the same order.
    acceptance: tokio::sync::Mutex<()>,
    /// Held while an order of a person is carried out.
    by_hand: tokio::sync::Mutex<()>,
    orders: RwLock<Arc<Orders>>,
    /// Something changed that whoever sends the couriers should look at.
    bell: Notify,
    /// What the last process left has its place.
    is_taken_up: watch::Sender<bool>,
    /// Why nothing is sent at all.
    halt: Mutex<Halt>,
    /// Messages of the last process that have no place yet.
    unplaced: AtomicUsize,
    /// The start found bodies without a row.
    may_have_left: AtomicBool,
    failures: Failures,
    /// How often the couriers' sender looked, and how many are out.
    #[cfg(test)]
    rounds: watch::Sender<(u64, usize)>,
}

impl Queue {
    /// Reads how deliveries of the last process ended, however that was. Only one process may. Messages may be accepted from
    /// then on; those that are there take their places when it runs, however many there are.
    pub async fn open(
        store: Arc<Store>,
        spool: Spool,
        clock: Clock,
        meter: Meter,
        host: String,
        orders: Orders,
    ) -> Result<Self, OpenFault> {
        spool.set_limit(orders.max_bytes);
        let left = store.recover_queue().await?;
        // They count from now on, although nobody looked at them.
        spool.presume(left.octets);
        for id in left.cut_off {
            warn!(
                queue_id = id,
                hint = doubt::GOES_AGAIN,
                "its delivery was under way when Gatepost ended; it is delivered again and may arrive twice"
            );
        }
        for id in left.held {
            error!(
                queue_id = id,
                fault = %DELIVERY_DOUBTFUL.fault(),
                "its delivery was under way when Gatepost ended, not for the first time; it is held: it may have arrived each time"
            );
        }
        Ok(Self {
            store,
            spool,
            meter,
            host,
            clock: QueueClock::new(clock),
            schedule: Mutex::default(),
            acceptance: tokio::sync::Mutex::default(),
            by_hand: tokio::sync::Mutex::default(),
            orders: RwLock::new(Arc::new(orders)),
            bell: Notify::new(),
            is_taken_up: watch::Sender::new(false),
            halt: Mutex::default(),
            unplaced: AtomicUsize::new(left.messages),
            may_have_left: AtomicBool::default(),
            failures: Failures::default(),
            #[cfg(test)]
            rounds: watch::Sender::default(),
        })
    }

    /// Gives what the last process left its place. Until then nothing is delivered and no order of a person carried out:
    /// what is accepted meanwhile comes behind it.
    async fn take_up(&self) -> Result<(), OpenFault> {
        let turn = self.acceptance.lock().await;
        let (mut outlines, unread) = self.store.queue_outlines().await?;
        drop(turn);
        let named: HashSet<String> = outlines.iter().map(|one| one.id.clone()).chain(unread).collect();
        let database = self.store.path().to_owned();
        let taken = self.spool.take_from(move || store::neighbours(&database), named.clone());
        // What hangs there must not keep what lies here.
        let elsewhere = timeout(ELSEWHERE_WITHIN, taken).await.unwrap_or_else(|_| Ok(HashMap::new()))?;
        let swept = self.spool.sweep(named, self.is_its_own().await?).await?;
        let epoch = self.store.fresh_epoch()?;
        self.spool.begin_epoch(epoch).await?;
        self.store.begin_epoch(epoch).await?;
        // Those that came meanwhile have a place.
        outlines.retain(|outline| self.schedule().entry(outline.sequence).is_none());
        if swept.orphans > 0 {
            info!(
                files = swept.orphans,
                "bodies of messages that were never answered with 250, or are done, are removed"
            );
        }
        if swept.left > 0 {
            let (id, text, left) = (MAIL_LEFT_BEHIND.id, MAIL_LEFT_BEHIND.short(), swept.left);
            let (folder, database) = (self.spool.directory().display(), self.store.path().display());
            let hint = format!(
                "they belong to another database, or to a later state of this one: where that is still there, stop the daemon, \
                 put it back to {database}, and start it, and they are delivered; else each file is a message as it was handed \
                 over, and its header mostly says for whom (To, Cc; no recipients in Bcc)"
            );
            let owner = MAIL_LEFT_BEHIND.owner.as_str();
            warn!(
                id,
                text,
                owner,
                hint,
                "bodies of messages for which this store has no row lie in {folder} as *.msg.left ({left})"
            );
        }
        self.may_have_left.store(swept.left > 0, Ordering::Relaxed);
        let missing = swept.missing.into_iter().map(|name| (elsewhere.get(&name).cloned(), name));
        self.place(&outlines, &missing.map(|(file, name)| (name, file)).collect()).await;
        self.unplaced.store(0, Ordering::Relaxed);
        self.warn_of_gone(&self.without_account());
        self.is_taken_up.send_replace(true);
        Ok(())
    }

    /// Whether this store is the one that worked on the folder last.
    async fn is_its_own(&self) -> Result<bool, OpenFault> {
        Ok(match (self.store.epoch().await?, self.spool.epoch().await?) {
            (Some(ours), Some(theirs)) => ours == theirs,
            // Both are from before there were epochs, or new.
            (None, None) => self.store.had_messages().await?,
            _ => false,
        })
    }

    /// Waits until everything that the last process left has its place. Cancel safe.
    pub async fn taken_up(&self) {
        // The sender lives as long as this does.
        let _ = self.is_taken_up.subscribe().wait_for(|is_it| *is_it).await;
    }

    /// `missing`: without a body here, and the file elsewhere that is it.
    async fn place(&self, outlines: &[Outline], missing: &HashMap<String, Option<PathBuf>>) {
        let (now, wall, awake) = (self.clock.tick(), self.clock.wall(), self.clock.awake());
        for outline in outlines {
            if outline.hold.as_deref() == Some(hold::DROPPED) && self.drop_left(outline).await {
                continue;
            }
            let gone = missing.get(&outline.id);
            let found = gone.and_then(Option::as_ref);
            let hold = match (gone.is_some(), outline.hold.as_deref()) {
                (true, Some(hold::BODY_MISSING)) if found.is_none() => Some(hold::BODY_MISSING),
                (true, _) => {
                    let Advice { id, text, owner, next, .. } =
                        self.advice(&outline.account, &MESSAGE_BODY_UNREADABLE.fault());
                    error!(
                        queue_id = outline.id,
                        id,
                        text,
                        owner,
                        next,
                        elsewhere = found.map(|file| file.display().to_string()),
                        "the body of this message is gone; it is held: put the file back and restart, or drop it"
                    );
                    let reply = damage::unreadable(&self.where_it_is(&outline.id, found.map(PathBuf::as_path)));
                    self.note_gone(outline, &reply).await;
                    if let Ok(Some(message)) = self.store.queued(outline.sequence).await {
                        self.note_held(&message, hold::BODY_MISSING, &reply);
                    }
                    Some(hold::BODY_MISSING)
                }
                (false, Some(old @ (hold::BODY_MISSING | hold::BODY_DAMAGED))) => {
                    info!(queue_id = outline.id, "the body of this message may be there again: it is tried");
                    if self.note_hold(outline, None).await { None } else { Some(old) }
                }
                (false, hold) => hold,
            };
            // No later than the pause that was meant: the wall clock may have been put back.
            let left = outline.next_at.duration_since(wall).unwrap_or_default().min(outline.pause);
            // An attempt that never ended was none: it keeps its place in the order.
            let place = match (hold, outline.next_at == SystemTime::UNIX_EPOCH) {
                (Some(_), _) => Place::Held,
                (None, true) => Place::Fresh,
                (None, false) => Place::Later(now.after(left)),
            };
            let entry = Entry::new(&outline.account, place, outline.accepted_at, awake);
            let entry = Entry { waited: outline.waited, ..entry };
            let mut schedule = self.schedule();
            let seats = self.orders().seats(&outline.account);
            schedule.add(outline.sequence, entry, seats);
            drop(schedule);
            self.note_kept(outline.sequence, &outline.account, hold.unwrap_or_default());
            self.unplaced.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// For whoever reads why it is held.
    fn where_it_is(&self, name: &str, found: Option<&Path>) -> String {
        let Some(found) = found else { return "its file is gone".to_owned() };
        let (found, folder) = (found.display(), self.spool.directory().display());
        format!(
            "its file is {found}; do not drop it: stop the daemon, move that file to {folder}/{name}.msg, and start it"
        )
    }

    /// In the folder of this store, without a row of it.
    pub fn left_bodies(&self) -> Option<LeftBodies> {
        self.may_have_left.load(Ordering::Relaxed).then(|| spool::left_beside(self.store.path()))?
    }

    /// Somebody dropped it while its delivery was under way, and that never ended. `false`: it is still there.
    async fn drop_left(&self, outline: &Outline) -> bool {
        let dropped = self.discard(outline.sequence, &outline.id).await;
        dropped.inspect_err(|error| warn!(queue_id = outline.id, fault = %STORE_FAILING.fault(), %error, "it is to be dropped, and cannot be")).is_ok()
    }

    /// Its file is gone. What the store does not take, the next start finds again.
    async fn note_gone(&self, outline: &Outline, reply: &str) {
        let noted =
            self.store.keep_queued(outline.sequence, hold::BODY_MISSING, reply, MESSAGE_BODY_UNREADABLE.id).await;
        let _ = noted.inspect_err(|error| warn!(queue_id = outline.id, fault = %STORE_FAILING.fault(), %error, "whether it is held cannot be noted"));
    }

    /// `false`: the store did not take it, and the next start looks again.
    async fn note_hold(&self, outline: &Outline, reason: Option<&str>) -> bool {
        let noted = self.store.hold_queued(outline.sequence, reason).await;
        noted.inspect_err(|error| warn!(queue_id = outline.id, fault = %STORE_FAILING.fault(), %error, "whether it is held cannot be noted")).is_ok()
    }

    /// Where sessions write bodies.
    pub const fn spool(&self) -> &Spool {
        &self.spool
    }

    /// Takes a message over. Once this returned an id it is on disk, and the client may be told `250`; on an error
    /// nothing of it stays. `hold`: why it waits until somebody releases it. Cancel safe: it is queued or it is not; a
    /// client whose answer was lost then may send it again, as after any lost 250.
    pub async fn accept(
        self: &Arc<Self>,
        account: &Account,
        client: &str,
        session: u64,
        envelope: &Envelope,
        body: Spooled,
        hold: Option<&str>,
    ) -> Result<QueueId, NotQueued> {
        let message = NewMessage {
            id: body.name().to_owned(),
            account: account.address.clone(),
            client: client.to_owned(),
            session,
            accepted_at: self.clock.wall(),
            octets: body.octets(),
            mail: envelope::mail_line(&envelope.mail),
            recipients: envelope.recipients.iter().map(envelope::recipient_line).collect(),
            hold: hold.map(str::to_owned),
            bounce: 0,
        };
        let queue = self.clone();
        // A task of its own, which no client that hangs up can end between the row and the schedule.
        let taken = tokio::spawn(async move { queue.take_over(message, body).await });
        taken.await.unwrap_or_else(|lost| Err(NotQueued::bug(lost)))
    }

    async fn take_over(&self, message: NewMessage, mut body: Spooled) -> Result<QueueId, NotQueued> {
        let turn = self.acceptance.lock().await;
        let waiting = self.schedule().len() + self.unplaced.load(Ordering::Relaxed);
        if waiting >= self.orders().max_messages {
            return Err(NotQueued::full("as many messages wait as the queue takes"));
        }
        let sequence = match self.store.enqueue(&message).await {
            Ok(sequence) => sequence,
            Err(error) => {
                // A commit may have failed behind the disk's back; the client hears that nothing was taken.
                let _ = self.store.dequeue_by_id(&message.id).await;
                return Err(error.into());
            }
        };
        body.keep();
        self.enter(sequence, &message);
        drop(turn);
        self.meter.queued_by_hour.count(true);
        info!(
            queue_id = message.id,
            session = message.session,
            account = message.account,
            client = message.client,
            bytes = message.octets,
            recipients = message.recipients.len(),
            hold = message.hold,
            "queued"
        );
        Ok(message.id)
    }

    /// Gives a message that is on disk its place.
    fn enter(&self, sequence: i64, message: &NewMessage) {
        let place = if message.hold.is_some() { Place::Held } else { Place::Fresh };
        let entry = Entry::new(&message.account, place, message.accepted_at, self.clock.awake());
        let mut schedule = self.schedule();
        // Behind the schedule's lock, as in `apply`: seats are always those of the orders in force.
        let seats = self.orders().seats(&message.account);
        schedule.add(sequence, entry, seats);
        drop(schedule);
        self.bell.notify_one();
    }

    /// Accounts, ways out and bounds of another configuration. What is under way goes on by the old ones; messages of
    /// an account that is gone wait until it is there again. Where nothing could be sent it is tried: somebody may have mended it.
    pub fn apply(&self, orders: Orders) {
        self.spool.set_limit(orders.max_bytes);
        let gone_before: HashSet<String> = self.without_account().into_iter().map(|lane| lane.account).collect();
        let mut schedule = self.schedule();
        schedule.seat(|account| orders.seats(account), self.clock.wall(), self.clock.awake());
        // Who waits in line does so for a way out of before.
        schedule.call_back_all(self.clock.awake());
        *self.orders.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(orders);
        drop(schedule);
        let mut gone = self.without_account();
        gone.retain(|lane| !gone_before.contains(&lane.account));
        self.warn_of_gone(&gone);
        self.look_again();
        self.bell.notify_one();
    }

    fn orders(&self) -> Arc<Orders> {
        self.orders.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
