//! The ways to people: a program and a webhook, each one event at a time, in the order in which things happened.

use tokio::sync::Mutex;
use tracing::{debug, info, warn};

use super::{command, event::Event, webhook::Webhook};
use crate::{
    base::Secret,
    config::{model::Notify, same_notify},
    meter::{Meter, Told},
    net::HttpClient,
};

/// One way. Each goes at its own pace: a webhook that is dead for an hour holds no program up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    Command,
    Webhook,
}

/// As `[notify]` has them. Each has a turn that one event holds at a time.
pub struct Channels {
    notify: Notify,
    command: Mutex<()>,
    webhook: Option<Mutex<Webhook>>,
}

impl Channels {
    pub fn new(notify: &Notify, http: &HttpClient) -> Self {
        let webhook = notify.webhook.clone().map(|url| Mutex::new(Webhook { http: http.clone(), url }));
        Self { notify: notify.clone(), command: Mutex::default(), webhook }
    }

    /// Whether a configuration asks for nothing else.
    pub fn are_of(&self, notify: &Notify) -> bool {
        same_notify(&self.notify, notify)
    }

    /// Those there are.
    pub fn all(&self) -> Vec<Channel> {
        let command = (!self.notify.command.is_empty()).then_some(Channel::Command);
        command.into_iter().chain(self.webhook.as_ref().map(|_| Channel::Webhook)).collect()
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
        match &ended {
            Ok(said) => info!(event, program, said, "the notify command was run"),
            Err(cause) => warn!(
                event,
                program,
                "the notify command failed: {cause}; hint: run it by hand as the user of this service, with an event \
                 on stdin (docs/notify.md has one)"
            ),
        }
        meter.notification("command", if ended.is_ok() { Told::Delivered } else { Told::Failed });
        ended.is_ok()
    }

    async fn by_webhook(&self, event: &str, json: &str, meter: &Meter) -> bool {
        let Some(webhook) = &self.webhook else { return false };
        let webhook = webhook.lock().await;
        let mut is_known = false;
        let retrying = |why: &str| {
            meter.notification("webhook", Told::Retried);
            match std::mem::replace(&mut is_known, true) {
                false => warn!(event, "the webhook was not told yet, and is tried again for an hour: {why}"),
                true => debug!(event, "the webhook is tried again: {why}"),
            }
        };
        let delivered = webhook.deliver(json, retrying).await;
        match &delivered {
            Ok(()) => info!(event, "the webhook was told"),
            Err(cause) => warn!(
                event,
                "the webhook was not told: {cause}; hint: check [notify] webhook, [network] http-proxy, and what the \
                 service on the other side takes (docs/notify.md)"
            ),
        }
        meter.notification("webhook", if delivered.is_ok() { Told::Delivered } else { Told::Failed });
        delivered.is_ok()
    }
}
