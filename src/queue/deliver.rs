//! What the queue asks of a way out, and what it hears back.
//!
//! Behind it is `outbound`; a test puts a script there. The queue knows no connection and no protocol step.

use futures_util::future::BoxFuture;

use crate::{account::Account, oauth::SignInState, outbound::Outbound};

pub use crate::outbound::{Deadline, Delivery, Envelope, Fate, Outset, Report, Ticket, Trail, Unsent, Verdict};

/// A way out.
pub trait Deliver: Send + Sync {
    /// A place for one message of this account, in whatever line there is, before all that ask later. Whoever drops it leaves.
    fn line_up(&self, account: &Account) -> Ticket;

    /// `Err`: nothing was sent for anybody. Dropping the future ends the delivery; whether it was taken then is unknown,
    /// once its outset was told.
    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>, ticket: Ticket) -> BoxFuture<'a, Result<Report, Unsent>>;

    /// A person says that what was in the way of this account is mended: the next delivery hears no refusal from memory.
    fn ask_afresh(&self, account: &Account);

    /// How the sign-in of this account stands, as far as anybody knows.
    fn sign_in(&self, account: &Account) -> Option<SignInState>;
}

impl Deliver for Outbound {
    fn line_up(&self, account: &Account) -> Ticket {
        Outbound::line_up(self, account)
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>, ticket: Ticket) -> BoxFuture<'a, Result<Report, Unsent>> {
        Box::pin(Outbound::deliver(self, delivery, ticket))
    }

    fn ask_afresh(&self, account: &Account) {
        Outbound::ask_afresh(self, account);
    }

    fn sign_in(&self, account: &Account) -> Option<SignInState> {
        self.keepers.state(&account.sign_in)
    }
}
