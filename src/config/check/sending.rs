//! How messages of a mailbox leave, and what holds for those of a client.

use super::Checker;
use crate::{
    account::{Delivery, Limits, Route, Rules, Sender, Sending},
    config::{key::Key, raw},
};

impl Checker<'_> {
    pub(super) fn sending(&mut self, key: &Key, raw: &raw::Account) -> Sending {
        let route = match raw.outbound {
            None | Some(raw::Outbound::Smtp) => Route::Smtp,
            Some(raw::Outbound::Graph) => Route::Graph,
            Some(raw::Outbound::SmtpThenGraph) => Route::SmtpThenGraph,
        };
        let limits = raw.limits.as_ref().map(|limits| self.limits(&key.field("limits"), limits));
        let delivery = raw.delivery.map(delivery).unwrap_or_default();
        Sending { route, delivery, limits: limits.unwrap_or_default() }
    }

    fn limits(&mut self, key: &Key, raw: &raw::Limits) -> Limits {
        let usual = Limits::default();
        Limits {
            connections: self.limit(&key.field("connections"), raw.connections, usual.connections, 10_000),
            messages_per_minute: self.limit(
                &key.field("messages-per-minute"),
                raw.messages_per_minute,
                usual.messages_per_minute,
                1_000_000,
            ),
            recipients_per_day: self.limit(
                &key.field("recipients-per-day"),
                raw.recipients_per_day,
                usual.recipients_per_day,
                10_000_000,
            ),
        }
    }

    /// `most`: beyond it a figure is a slip of the hand.
    fn limit(&mut self, key: &Key, written: Option<u32>, usual: u32, most: u32) -> u32 {
        let Some(limit) = written else { return usual };
        if limit == 0 || limit > most {
            let hint = format!("Exchange Online's own is {usual}; remove the line to have that");
            self.error(key, format!("`{key}` is {limit}; it goes from 1 to {most}"), hint);
        }
        limit
    }

    pub(super) fn rules(&mut self, key: &Key, raw: &raw::Client) -> Rules {
        let list = key.field("recipients");
        for (n, one) in raw.recipients.iter().flatten().enumerate() {
            self.mailbox_or_domain(&list.item(n), one);
        }
        if raw.recipients.as_ref().is_some_and(Vec::is_empty) {
            self.error(
                &list,
                format!("`{list}` is empty: nobody could be written to"),
                "name some, or remove the line",
            );
        }
        let size = key.field("max-bytes");
        if raw.max_bytes == Some(0) {
            self.error(&size, format!("`{size}` is 0: nothing could be sent"), "write octets, or remove the line");
        }
        Rules {
            sender: match raw.sender {
                None | Some(raw::Sender::Keep) => Sender::Keep,
                Some(raw::Sender::Force) => Sender::Force,
            },
            recipients: raw.recipients.clone(),
            max_bytes: raw.max_bytes,
            repair: raw.repair.unwrap_or(raw.login.is_none()),
            delivery: raw.delivery.map(delivery),
            capture: raw.capture.unwrap_or(false),
        }
    }
}

const fn delivery(written: raw::Delivery) -> Delivery {
    match written {
        raw::Delivery::Direct => Delivery::Direct,
        raw::Delivery::Queue => Delivery::Queue,
    }
}
