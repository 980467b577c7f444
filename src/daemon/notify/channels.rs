//! The ways to people: a program and a webhook. Each does one thing at a time: a run of the program, one try at the
//! webhook. What waits to be tried again holds nothing up.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tracing::{debug, info, warn};

use super::{command, event::Event, webhook::Webhook};
use crate::{
    base::Secret,
    catalog::{Advice, own::NOTIFY_FAILING},
    config::{model::Notify, same_notify},
    meter::{Meter, Told},
    net::HttpClient,
};

/// Events under way by one channel; what is more is in the log alone, and is told later.
const MOST: usize = 1000;

/// One way. Each goes at its own pace: a webhook that is dead for an hour holds no program up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Command,
    Webhook,
}

/// As `[notify]` has them.
pub struct Channels {
    notify: Notify,
    /// Whose turn it is to run.
    command: Mutex<()>,
    webhook: Option<Webhook>,
    ways: Vec<(Channel, Arc<Semaphore>)>,
}

impl Channels {
    pub fn new(notify: &Notify, http: &HttpClient) -> Self {
        let webhook = notify.webhook.clone().map(|url| Webhook::new(http.clone(), url));
        let command = (!notify.command.is_empty()).then_some(Channel::Command);
        let ways = command.into_iter().chain(webhook.as_ref().map(|_| Channel::Webhook));
        let ways = ways.map(|way| (way, Arc::new(Semaphore::new(MOST)))).collect();
        Self { notify: notify.clone(), command: Mutex::default(), webhook, ways }
    }

    /// Whether a configuration asks for nothing else.
    pub fn are_of(&self, notify: &Notify) -> bool {
        same_notify(&self.notify, notify)
    }

    /// The log alone.
    pub const fn are_none(&self) -> bool {
        self.ways.is_empty()
    }

    /// Those that have room for one more event, and the room for it.
    pub fn with_room(&self) -> Vec<(Channel, OwnedSemaphorePermit)> {
        self.ways.iter().filter_map(|(way, room)| Some((*way, room.clone().try_acquire_owned().ok()?))).collect()
    }

    /// Whether somebody heard by this channel. May take an hour. Dropped, it ends at once.
    pub async fn deliver(&self, by: Channel, event: &Event, meter: &Meter) -> bool {
        let json = event.json();
        let kind = event.event.as_str();
        match by {
            Channel::Command => self.by_command(kind, &json, meter).await,
            Channel::Webhook => self.by_webhook(kind, &json, meter).await,
        }
    }

    async fn by_command(&self, event: &str, json: &str, meter: &Meter) -> bool {
        let _turn = self.command.lock().await;
        let words = &self.notify.command;
        let program = words.first().map(Secret::expose).unwrap_or_default();
        let ended = command::run(words, json, command::LIMIT).await;
        let Advice { id, text, owner, next } = NOTIFY_FAILING.advice();
        match &ended {
            Ok(said) => info!(event, program, said, "the notify command was run"),
            Err(cause) => warn!(event, program, id, text, owner, next, "the notify command failed: {cause}"),
        }
        meter.notification("command", if ended.is_ok() { Told::Delivered } else { Told::Failed });
        ended.is_ok()
    }

    async fn by_webhook(&self, event: &str, json: &str, meter: &Meter) -> bool {
        let Some(webhook) = &self.webhook else { return false };
        let mut is_known = false;
        let retrying = |why: &str| {
            meter.notification("webhook", Told::Retried);
            match std::mem::replace(&mut is_known, true) {
                false => {
                    warn!(event, fault = %NOTIFY_FAILING.fault(), "the webhook was not told yet, and is tried again for an hour: {why}")
                }
                true => debug!(event, "the webhook is tried again: {why}"),
            }
        };
        let delivered = webhook.deliver(json, retrying).await;
        match &delivered {
            Ok(()) => info!(event, "the webhook was told"),
            Err(cause) => {
                let Advice { id, text, owner, next } = NOTIFY_FAILING.advice();
                warn!(event, id, text, owner, next, "the webhook was not told: {cause}");
            }
        }
        meter.notification("webhook", if delivered.is_ok() { Told::Delivered } else { Told::Failed });
        delivered.is_ok()
    }
}
