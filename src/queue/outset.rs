//! Where the wait of a delivery ends and the message itself begins: what the store and the schedule hear of it then.
//!
//! It refuses to let anything begin that somebody called back or dropped meanwhile, or that the store takes no note of.

use std::{sync::OnceLock, time::Duration};

use futures_util::future::BoxFuture;
use tokio::sync::OnceCell;
use tracing::warn;

use super::{
    courier::{Courier, Next},
    deliver::{Deadline, Delivery, Envelope, Outset, Report, Ticket, Trail, Unsent},
    envelope,
    schedule::Place,
};
use crate::{
    account::Account,
    base::Fault,
    catalog::own::STORE_UNAVAILABLE,
    spool::Spooled,
    store::{QueuedMessage, StoreError},
};

/// For what others do before a message itself begins, where no step has a closer bound of its own.
const OTHERS_WITHIN: Duration = Duration::from_secs(3600);

/// Why a delivery did not begin.
enum Stayed {
    /// Somebody has other plans with the message.
    Recalled,
    /// It was dropped meanwhile.
    Gone,
    Disk(StoreError),
}

/// The outset of one delivery.
struct Books<'a> {
    courier: &'a Courier,
    opened: OnceCell<()>,
    stayed: OnceLock<Stayed>,
}

impl Outset for Books<'_> {
    fn wait_is_over(&self) {
        let Courier { queue, sequence, recall, .. } = self.courier;
        let others_may_go = queue.schedule().leave_line(*sequence, recall);
        if others_may_go {
            queue.bell.notify_one();
        }
    }

    fn begins(&self) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let opened = self.opened.get_or_try_init(|| self.courier.begin()).await;
            opened.copied().map_err(|stayed| {
                let cause = match &stayed {
                    Stayed::Recalled | Stayed::Gone => "the message is called back".to_owned(),
                    Stayed::Disk(error) => error.to_string(),
                };
                let _ = self.stayed.set(stayed);
                STORE_UNAVAILABLE.fault().detail(cause)
            })
        })
    }
}

impl Courier {
    /// The outer `Err`: there is nothing to write down.
    pub(super) async fn deliver(
        &self,
        account: &Account,
        envelope: &Envelope,
        body: &Spooled,
        message: &QueuedMessage,
        waiting: &[usize],
        ticket: Ticket,
    ) -> Result<Result<Report, Unsent>, Next> {
        let orders = self.queue.orders();
        let books = Books { courier: self, opened: OnceCell::new(), stayed: OnceLock::new() };
        let done = envelope::others(message, waiting);
        let delivery = Delivery {
            account,
            envelope,
            done: &done,
            message: body,
            client: &message.client,
            deadline: Deadline::OfOthers(OTHERS_WITHIN),
            outset: &books,
            trail: Trail { session: Some(message.session), queue_id: Some(&message.id) },
        };
        let answer = tokio::select! {
            biased;
            answer = orders.way_out.deliver(&delivery, ticket) => Some(answer),
            () = self.recall.cancelled() => None,
            () = self.cut_off.cancelled() => None,
        };
        match (answer, books.stayed.into_inner()) {
            (_, Some(Stayed::Disk(error))) => {
                Err(self.row_fails(Some(&message.id), "its row cannot be written", &error))
            }
            (_, Some(Stayed::Gone)) => Err(Next::Gone),
            // Nothing was sent, so an answer can only be a fault of the wait: it is of no interest any more.
            (Some(_), None) if !self.take_in_hand() => Err(Next::At(Place::Fresh)),
            (Some(answer), None) => Ok(answer),
            (_, Some(Stayed::Recalled)) => Err(Next::At(Place::Fresh)),
            (None, None) => {
                if books.opened.initialized() {
                    warn!(
                        queue_id = message.id,
                        session = message.session,
                        "its delivery is cut off; it goes on after the next start"
                    );
                }
                Err(Next::At(Place::Fresh))
            }
        }
    }

    /// From now on nobody calls it back, and its row says that it is under way.
    async fn begin(&self) -> Result<(), Stayed> {
        if !self.take_in_hand() {
            return Err(Stayed::Recalled);
        }
        match self.queue.store.begin_attempt(self.sequence).await {
            Ok(true) => {
                self.queue.disk_works();
                self.note_stuck(false);
                Ok(())
            }
            Ok(false) => Err(Stayed::Gone),
            Err(error) => Err(Stayed::Disk(error)),
        }
    }
}
