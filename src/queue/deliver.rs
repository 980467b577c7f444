//! What the queue asks of a way out, and what it hears back.
//!
//! Behind it is `outbound`; a test puts a script there. The queue knows no connection and no protocol step.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::{
    account::Account,
    base::Fault,
    spool::Spooled,
    wire::smtp::{Mail, Rcpt, Reply},
};

/// From whom and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub mail: Mail,
    pub recipients: Vec<Rcpt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    Deferred,
    Failed,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub fate: Fate,
    pub reply: Reply,
}

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One for each recipient, in their order.
    pub verdicts: Vec<Verdict>,
    /// The end of data was written and nobody answered: it may have been taken.
    pub is_doubtful: bool,
    pub retry_after: Option<Duration>,
}

/// A way out.
pub trait Deliver: Send + Sync {
    /// `Err`: nothing was sent for anybody. Dropping the future ends the delivery; whether it was taken then is unknown.
    fn deliver<'a>(
        &'a self,
        account: &'a Arc<Account>,
        envelope: &'a Envelope,
        message: &'a Spooled,
        client: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Report, Fault>>;
}
