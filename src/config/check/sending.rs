//! How messages of a mailbox leave, and what holds for those of a client.

use std::collections::BTreeMap;

use super::{Checker, shown};
use crate::{
    account::{Account, Delivery, Limits, Route, Rules, Sender, Sending},
    config::{key::Key, raw},
};

/// One of the limits: as it is written, and where it goes.
struct Figure {
    name: &'static str,
    written: fn(&raw::Limits) -> Option<u32>,
    of: fn(&mut Limits) -> &mut u32,
    /// Beyond it a figure is a slip of the hand.
    most: u32,
}

const FIGURES: [Figure; 3] = [
    Figure { name: "connections", written: |raw| raw.connections, of: |limits| &mut limits.connections, most: 10_000 },
    Figure {
        name: "messages-per-minute",
        written: |raw| raw.messages_per_minute,
        of: |limits| &mut limits.messages_per_minute,
        most: 1_000_000,
    },
    Figure {
        name: "recipients-per-day",
        written: |raw| raw.recipients_per_day,
        of: |limits| &mut limits.recipients_per_day,
        most: 10_000_000,
    },
];

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
        let mut limits = Limits::default();
        for Figure { name, written, of, most } in FIGURES {
            let usual = *of(&mut limits);
            *of(&mut limits) = self.limit(&key.field(name), written(raw), usual, most);
        }
        limits
    }

    /// The provider counts by mailbox, whichever account sends through it: what is written at one of them holds for all, and
    /// of different figures the smallest.
    pub(super) fn share_limits(&mut self, accounts: &mut [(Key, Account)], written: &[Option<&raw::Limits>]) {
        for Figure { name, written: figure, of, .. } in FIGURES {
            let mut least = BTreeMap::<String, (u32, Key)>::new();
            let place = |key: &Key| key.field("limits").field(name);
            for ((key, account), raw) in accounts.iter().zip(written) {
                let Some(limit) = raw.and_then(figure) else { continue };
                let known = least.entry(account.mailbox()).or_insert_with(|| (limit, place(key)));
                if limit < known.0 {
                    *known = (limit, place(key));
                }
            }
            for ((key, account), raw) in accounts.iter_mut().zip(written) {
                let Some((least, at)) = least.get(&account.mailbox()) else { continue };
                if let Some(limit) = raw.and_then(figure).filter(|limit| limit > least) {
                    let (key, user) = (place(key), shown(&account.smtp_user));
                    self.warning(
                        &key,
                        format!("`{key}` is {limit}, and `{at}` is {least} for the same mailbox: the smallest counts"),
                        format!("write it at one of them: it holds for all accounts that send as {user}"),
                    );
                }
                *of(&mut account.sending.limits) = *least;
            }
        }
    }

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
