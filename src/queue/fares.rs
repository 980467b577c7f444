//! How a client fares behind our own 250: whether what was taken of it arrives.

use std::{collections::HashMap, time::UNIX_EPOCH};

use super::{Queue, envelope::read_mail, outcome::REPLY_CAP};
use crate::{
    account::BY_LOGIN,
    base::printable,
    meter::{Incident, Named, Who},
    store::{QueuedMessage, RecipientState},
};

impl Queue {
    /// Something of the message failed, or it is held and nobody sends it. Notices are nobody's mail.
    pub(super) fn note_undelivered(&self, message: &QueuedMessage, reply: &str) {
        if message.bounce > 0 {
            return;
        }
        let named = Named {
            sender: printable(&read_mail(&message.mail).unwrap_or_default().address, REPLY_CAP),
            message_id: String::new(),
            queue_id: Some(message.id.clone()),
        };
        self.meter.clients.was_undelivered(&whose(message), printable(reply, REPLY_CAP), named);
    }

    /// The message leaves; where it reached everybody, its client is well again.
    pub(super) fn note_arrived(&self, message: &QueuedMessage) {
        let reached_all = message.recipients.iter().all(|one| one.state == RecipientState::Delivered);
        match message.bounce {
            _ if !reached_all => {}
            0 => self.meter.clients.was_delivered(&whose(message)),
            _ => self.failures.is_settled(&message.id),
        }
    }

    /// Mailboxes from which nothing can be sent although mail waits: since when, and why. By their addresses.
    pub fn shut_ways(&self) -> HashMap<String, Incident> {
        let shut = self.lanes().into_iter().filter_map(|lane| {
            let (fault, since) = lane.trouble?;
            let at = since.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let reply = printable(&fault.reply_text(), REPLY_CAP);
            Some((lane.account, Incident { at, reply, message: None, tried: None }))
        });
        shut.collect()
    }
}

/// As sessions name it.
fn whose(message: &QueuedMessage) -> Who {
    match message.client.as_str() {
        BY_LOGIN => Who::Login(message.account.clone()),
        name => Who::Rule(name.to_owned()),
    }
}
