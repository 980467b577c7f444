//! Where the messages of a session go.

use crate::account::{Admitted, Delivery, Route};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// Each command on its way over SMTP, each answer back.
    Upstream,
    /// Here first, then to Graph, while the client waits.
    Graph,
    /// Here, and on from the queue.
    Queue,
    /// Here, until somebody lets it go.
    Hold,
}

impl Destination {
    /// As the configuration has it for this client.
    pub(super) fn of(admitted: &Admitted) -> Self {
        if admitted.is_captured() {
            return Self::Hold;
        }
        match (admitted.delivery(), admitted.account.sending.route) {
            (Delivery::Queue, _) => Self::Queue,
            (Delivery::Direct, Route::Graph) => Self::Graph,
            (Delivery::Direct, Route::Smtp | Route::SmtpThenGraph) => Self::Upstream,
        }
    }
}
