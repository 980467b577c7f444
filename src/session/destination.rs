//! Where the messages of a session go.

use crate::account::{Admitted, Route};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Destination {
    /// Each command on its way over SMTP, each answer back.
    Upstream,
    /// Here first, then to Graph, while the client waits.
    Graph,
}

impl Destination {
    /// As the configuration has it for this client.
    pub(super) fn of(admitted: &Admitted) -> Self {
        match admitted.account.sending.route {
            Route::Graph => Self::Graph,
            Route::Smtp | Route::SmtpThenGraph => Self::Upstream,
        }
    }
}
