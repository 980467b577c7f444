//! What is to be delivered: the message, for whom, and who hears when it really begins.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use super::Envelope;
use crate::{account::Account, base::Fault, spool::Spooled};

/// One delivery, as whoever keeps the message asks for it.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    pub account: &'a Account,
    pub envelope: &'a Envelope,
    /// Recipients of the same message that are done with, delivered to or failed.
    pub done: &'a [String],
    pub message: &'a Spooled,
    /// For whom, where a session waits for its turn; and for the log.
    pub client: &'a str,
    /// For whatever comes before the message itself.
    pub deadline: Deadline,
    pub outset: &'a dyn Outset,
    pub trail: Trail<'a>,
}

/// Longer than any process runs.
const WITHOUT_END: Duration = Duration::from_secs(365 * 24 * 3600);

/// For how long a delivery may take to come to its message.
#[derive(Debug, Clone, Copy)]
pub enum Deadline {
    /// Somebody sits and waits: then it is over, whatever it waits for.
    At(Instant),
    /// Whoever keeps the message can call it back: so long for what others do. Waits for what our own limits allow are no
    /// failure and have no end of their own.
    OfOthers(Duration),
}

impl Deadline {
    /// Until when room and turns are waited for.
    pub fn for_room(self) -> Instant {
        match self {
            Self::At(then) => then,
            Self::OfOthers(_) => Instant::now() + WITHOUT_END,
        }
    }

    /// The same for what others do, from now on.
    pub fn for_others(self) -> Instant {
        match self {
            Self::At(then) => then,
            Self::OfOthers(within) => Instant::now() + within,
        }
    }
}

/// What finds a message in the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trail<'a> {
    /// The session that took it in; `None`: it is of no client.
    pub session: Option<u64>,
    /// `None`: it was not queued.
    pub queue_id: Option<&'a str>,
}

/// Told when the wait for room, token and connection is over.
pub trait Outset: Send + Sync {
    /// Work has begun from which no copy comes, as a draft that is uploaded: the message can still be called back, but
    /// that work is lost then. A second time changes nothing.
    fn wait_is_over(&self) {}

    /// Asked before the first thing is said from which a copy may come of the message; a second time changes nothing.
    /// `Err`: nothing is sent.
    fn begins(&self) -> BoxFuture<'_, Result<(), Fault>>;
}

/// Nobody keeps books.
impl Outset for () {
    fn begins(&self) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
