//! What stands in the way of a message: counted, told to whoever looks at the status, and told to the client with the id
//! under which it is explained.
//!
//! The words of the upstream go on as they are, with a line of ours behind them. It refuses to let one pass unseen: what the
//! catalogue does not know has an id as well. The line of the log is written by `record`.

use tracing::info;

use super::{record::is_refusal, relay::Relay, rights::Denied};
use crate::{
    account::{Occasion, told},
    base::{Fault, Lang, Protocol, Stage, is_mailbox, printable},
    catalog::{
        Entry,
        message::{RECIPIENTS_USED_UP, SEND_AS_DENIED, SENDER_NOT_ALLOWED, SENDER_UNREADABLE},
        own::PROTOCOL_MISTAKE,
        replies::{coded, is_of_one_client, refusal},
        upstream::{is_trouble, refusal_meaning},
    },
    outbound::{day_used_up, not_signed_on},
    wire::smtp::{
        Reply, SIZE_LIMIT,
        reply::{COME_AGAIN, mail_refusal},
    },
};

impl Relay<'_> {
    /// The refusal of a sender in the header block.
    pub(super) fn refused_author(&self, sender: &str, place: &'static str) -> Reply {
        if is_mailbox(sender) { self.not_allowed(sender, place) } else { self.unreadable(sender, place) }
    }

    /// No `send-as` names what is no address. It may be long: a whole field.
    fn unreadable(&self, written: &str, place: &'static str) -> Reply {
        let shown = printable(written, 100);
        let Fault { id, text, .. } = self.count_sender(SENDER_UNREADABLE, &shown);
        let account = printable(&self.admitted.account.address, 100);
        info!(session = self.entry.id(), account, sender = shown, place, id, text, "sender cannot be read");
        let what = format!("{place} says {shown}; write its name in quotes, or set sender = \"force\"");
        refusal(coded::SENDER_UNREAD, what)
    }

    /// The refusal of a sender that `send-as` does not name, noted under that sender. `place`: where it stands.
    pub(super) fn not_allowed(&self, sender: &str, place: &'static str) -> Reply {
        let account = &self.admitted.account;
        let Fault { id, text, .. } = self.count_sender(SENDER_NOT_ALLOWED, sender);
        let (address, sender) = (printable(&account.address, 100), printable(sender, 100));
        info!(session = self.entry.id(), account = address, sender, place, id, text, "sender refused by send-as");
        // A mailbox of a whole domain has no table of its own.
        let table = account.domain.as_ref().map_or(address.clone(), |domain| format!("*@{domain}"));
        let what = format!("<{sender}> in {place} is not in send-as of {table}");
        refusal(coded::SENDER, what)
    }

    /// Notes a refusal under its id, whoever says it; what [`Relay::refusal`] answers is noted there. One of the upstream's own
    /// goes on in its own words, with a line behind them that has the id, and, behind that of a sender, which right is missing,
    /// if one is, and who grants it how.
    pub(super) fn explained(&self, reply: Reply, denied: Option<Denied<'_>>) -> Reply {
        // Whoever answers it counts it.
        if reply.code == 503 && reply.fault().is_none() {
            return reply.explained_by(&PROTOCOL_MISTAKE.fault());
        }
        if !is_refusal(&reply) {
            return reply;
        }
        if let Some(fault) = reply.fault() {
            // It is counted already, under its sender.
            if ![SENDER_NOT_ALLOWED.id, SENDER_UNREADABLE.id].contains(&fault.id) {
                let denied = denied.filter(|_| fault.id == SEND_AS_DENIED.id);
                self.count(denied.map_or_else(|| fault.clone(), |denied| fault.clone().of_sender(denied.address())));
            }
            return reply;
        }
        let fault = self.count(self.meaning(&reply, denied));
        // The words that it is made of stand in the reply.
        reply.explained_by(&fault.detail(""))
    }

    /// What a refusal of the upstream's means.
    fn meaning(&self, reply: &Reply, denied: Option<Denied<'_>>) -> Fault {
        if let Some(fault) = not_signed_on(reply) {
            return fault;
        }
        let entry = refusal_meaning(reply, self.verb == "RCPT");
        let Some(denied) = denied.filter(|_| entry.id == SEND_AS_DENIED.id) else { return entry.fault() };
        let state = self.gate.outbound.keepers.state(&self.admitted.account.sign_in);
        let object_id = state.as_ref().and_then(|state| state.object_id.as_deref());
        denied.explained(&self.admitted.account, object_id)
    }

    /// Of a sender, with the client that it is of.
    fn count_sender(&self, entry: &Entry, sender: &str) -> Fault {
        let fault = self.count(entry.fault().of_sender(sender));
        self.gate.meter.recent.met_by(&self.admitted.account.address, &fault, self.admitted.client_name());
        fault
    }

    /// Counts what stands in the way of a message.
    fn count(&self, fault: Fault) -> Fault {
        let fault = fault.at(Stage::Relaying);
        match is_trouble(fault.id) {
            true => self.gate.meter.fault(Protocol::Smtp, &self.admitted.account.address, &fault),
            false => self.gate.meter.passing_fault(Protocol::Smtp, &fault),
        }
        if is_of_one_client(fault.id) {
            let (recent, client) = (&self.gate.meter.recent, self.admitted.client_name());
            recent.is_of(Protocol::Smtp, &self.admitted.account.address, &fault, client);
        }
        fault
    }

    /// Notes a fault in the way of a message; `record` tells the log of it.
    pub(super) fn refusal(&self, fault: &Fault) -> Reply {
        let fault = self.count(fault.clone());
        let reply = not_now(&fault);
        // It is the mailbox's, and 5xx would be taken for the message's. Whoever has a login comes again and hears 535.
        if reply.code >= 500 && self.admitted.has_logged_in() {
            return Reply::of(COME_AGAIN, &fault);
        }
        reply
    }

    /// For the log.
    pub(super) fn next_step(&self, id: &str, stage: Option<Stage>, sender: Option<&str>) -> Option<String> {
        let account = &self.admitted.account;
        let sign_in = self.gate.outbound.keepers.state(&account.sign_in);
        let occasion = Occasion {
            protocol: Some(Protocol::Smtp),
            stage,
            sender,
            client: self.admitted.rule(),
            sign_in: sign_in.as_ref(),
            ..Occasion::default()
        };
        Some(told(id, Lang::En, Some(account), &occasion)?.whole_step())
    }
}

/// What a client hears of a fault in the way of its message.
fn not_now(fault: &Fault) -> Reply {
    if fault.id == RECIPIENTS_USED_UP.id { day_used_up() } else { mail_refusal(fault) }
}

/// Whose limit it is: that of the upstream by its SIZE, else ours.
pub(super) fn larger_than(octets: u64) -> Reply {
    let who = if octets < SIZE_LIMIT { "the mail server announces" } else { "Gatepost takes" };
    refusal(coded::OVER_ANNOUNCED, format_args!("{who} {octets} octets at most"))
}
