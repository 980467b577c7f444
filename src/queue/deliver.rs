//! What the queue asks of a way out, and what it hears back.
//!
//! Behind it is `outbound`; a test puts a script there. The queue knows no connection and no protocol step.

use futures_util::future::BoxFuture;

use crate::outbound::Outbound;

pub use crate::outbound::{Delivery, Envelope, Fate, Outset, Report, Trail, Unsent, Verdict};

/// A way out.
pub trait Deliver: Send + Sync {
    /// `Err`: nothing was sent for anybody. Dropping the future ends the delivery; whether it was taken then is unknown,
    /// once its outset was told.
    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Result<Report, Unsent>>;
}

impl Deliver for Outbound {
    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>) -> BoxFuture<'a, Result<Report, Unsent>> {
        Box::pin(Outbound::deliver(self, delivery))
    }
}
