//! The queue without a daemon: rows of the store. Whoever changes one holds the daemon's lock meanwhile.

use serde_json::{Value, json};

use super::{
    super::{
        outcome::Failure,
        state::{block_on, refuse_foreign_store},
    },
    Order,
    args::{QueueListArgs, QueueState},
};
use crate::{
    account::account_of,
    config::Config,
    queue::{Done, MessageView, QueueView, hold, read_head, view},
    spool::Spool,
    store::{self, Found, Lock, QueueFilter, QueuedMessage, Store, StoreError},
};

pub(super) fn list(config: &Config, args: &QueueListArgs) -> Result<Value, Failure> {
    let (is_held, is_under_way) = match args.state {
        None => (None, None),
        Some(QueueState::Waiting) => (Some(false), Some(false)),
        Some(QueueState::UnderWay) => (None, Some(true)),
        Some(QueueState::Held) => (Some(true), Some(false)),
    };
    let QueueListArgs { account, sender, recipient, client, limit, .. } = args.clone();
    block_on(async {
        let Some(store) = open(config).await? else {
            return Ok(json!(QueueView::new(&Found::default(), |one| seen(config, one))));
        };
        let filter =
            QueueFilter { account, sender, recipient, client, is_held, is_under_way, after: None, most: limit };
        let found = store.search_queue(&filter).await?;
        Ok(json!(QueueView::new(&found, |one| seen(config, one))))
    })
}

pub(super) fn show(config: &Config, id: &str) -> Result<Option<Value>, Failure> {
    block_on(async {
        let Some(store) = open(config).await? else { return Ok(None) };
        let Some(message) = store.queued_by_id(id).await? else { return Ok(None) };
        let body = spool(&store)?.kept(&message.id).await;
        let head = match &body {
            Ok(body) => read_head(body).await.ok(),
            Err(_) => None,
        };
        let head = head.map(|head| String::from_utf8_lossy(&head).into_owned());
        Ok(Some(json!({ "message": seen(config, &message), "header": head })))
    })
}

pub(super) fn order(config: &Config, id: &str, order: Order) -> Result<Done, Failure> {
    if is_gone(config) {
        return Ok(Done::NotThere);
    }
    block_on(async {
        refuse_foreign_store(&config.store)?;
        // A daemon whose console is switched off may run, and has the message in its memory.
        let lock = Lock::take(&config.store).await.map_err(|error| match error {
            StoreError::InUse { .. } => Failure::new(
                "a daemon runs on this store, and cannot be asked",
                "let [console] listen, or stop the daemon first",
            ),
            other => other.into(),
        })?;
        let Some(store) = open(config).await? else { return Ok(Done::NotThere) };
        let message = match store.queued_by_id(id).await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(Done::NotThere),
            // All that can be done with what cannot be read.
            Err(error) if error.is_damage() && order == Order::Drop => return discard(&store, id).await,
            Err(error) => return Err(error.into()),
        };
        let done = carry_out(&store, &message, order).await;
        drop(lock);
        done
    })
}

async fn carry_out(store: &Store, message: &QueuedMessage, order: Order) -> Result<Done, Failure> {
    let is_missing = message.hold.as_deref() == Some(hold::BODY_MISSING);
    match order {
        // Once somebody dropped it, nobody else has a say.
        Order::Hold | Order::Release | Order::Retry if message.hold.as_deref() == Some(hold::DROPPED) => {
            return Ok(Done::NotThere);
        }
        Order::Release | Order::Retry if is_missing => return Ok(Done::BodyMissing),
        Order::Retry if message.hold.is_some() => return Ok(Done::Held),
        Order::Release if message.hold.is_none() => return Ok(Done::NotHeld),
        Order::Hold if message.hold.is_some() => {}
        Order::Hold => drop(store.hold_queued(message.sequence, Some(hold::BY_HAND)).await?),
        // It goes next, as with a daemon: what it waited for before it was held counts no more.
        Order::Release => {
            store.hasten_queued(message.sequence).await?;
            store.hold_queued(message.sequence, None).await?;
        }
        Order::Retry => drop(store.hasten_queued(message.sequence).await?),
        Order::Drop => return discard(store, &message.id).await,
    }
    Ok(Done::Done)
}

async fn discard(store: &Store, id: &str) -> Result<Done, Failure> {
    let spool = spool(store)?;
    store.dequeue_by_id(id).await?;
    if let Ok(body) = spool.kept(id).await {
        // What stays is an orphan, and goes at the next start.
        let _ = body.remove().await;
    }
    Ok(Done::Done)
}

fn seen(config: &Config, message: &QueuedMessage) -> MessageView {
    view(message, account_of(&message.account, &config.accounts, &config.domains).is_some())
}

/// There is no store, and none is made here, in the place of one that was moved.
pub(super) fn is_gone(config: &Config) -> bool {
    config.store.database().is_some_and(|database| store::is_missing(&database))
}

/// `None`: as [`is_gone`].
async fn open(config: &Config) -> Result<Option<Store>, Failure> {
    if is_gone(config) {
        return Ok(None);
    }
    refuse_foreign_store(&config.store)?;
    Ok(Some(Store::open(&config.store).await?))
}

fn spool(store: &Store) -> Result<Spool, Failure> {
    let fault = |fault: crate::spool::SpoolFault| Failure::new(fault.to_string(), "nothing was changed");
    Spool::open_beside(store.path()).map_err(fault)
}
