//! What the queue asks of a way out, and what it hears back.
//!
//! Behind it is `outbound`; a test puts a script there. The queue knows no connection and no protocol step.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::time::Instant;

use crate::{account::Account, base::Fault, outbound::Outbound, spool::Spooled};

pub use crate::outbound::{Envelope, Fate, Report, Verdict};

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

impl Deliver for Outbound {
    fn deliver<'a>(
        &'a self,
        account: &'a Arc<Account>,
        envelope: &'a Envelope,
        message: &'a Spooled,
        client: &'a str,
        deadline: Instant,
    ) -> BoxFuture<'a, Result<Report, Fault>> {
        Box::pin(Outbound::deliver(self, account, envelope, message, client, deadline))
    }
}
