//! What an SMTP client that is signed on hears of its own doing, or of nobody's: that its command is none here, and the goodbye
//! that Gatepost says by itself.
//!
//! Both are counted under their id, and stand in no status: whoever hears them is told why, and may come again.

use std::mem;

use tracing::{debug, info};

use super::{
    admit::CLOSED,
    logins::COMMAND_REFUSED,
    parting,
    record::REPLY_CAP,
    relay::{Next, Relay},
};
use crate::{
    base::{Protocol, printable, redacted},
    catalog::{
        own::PROTOCOL_MISTAKE,
        replies::{Coded, coded},
    },
    wire::{
        ERROR_BUDGET, TOO_MANY_MISTAKES,
        smtp::{Mistake, Reply},
    },
};

/// Of ours.
pub(super) fn mistake(mistake: &Mistake) -> Reply {
    mistake.reply(&parting::told().mistake)
}

/// Of ours, or in words of the upstream that took a command to be out of its order.
pub(super) fn is_mistake(reply: &Reply) -> bool {
    reply.fault().is_some_and(|fault| fault.id == PROTOCOL_MISTAKE.id)
}

impl Relay<'_> {
    /// A mistake counts against the client, whoever calls it one. 421 closes (RFC 5321 3.8): an upstream's is softened before.
    pub(super) async fn answer(&mut self, reply: &Reply) -> Next {
        match reply.code {
            _ if is_mistake(reply) => self.mistaken(reply).await,
            421 => self.last_words(reply).await,
            _ => self.say(reply).await,
        }
    }

    async fn mistaken(&mut self, reply: &Reply) -> Next {
        self.note_mistake(reply);
        self.mistakes += 1;
        match self.mistakes > ERROR_BUDGET {
            true => self.goodbye(coded::CLOSED_FOR_MISTAKES, TOO_MANY_MISTAKES).await,
            false => self.say(reply).await,
        }
    }

    /// The log is told of the first of a session.
    pub(super) fn note_mistake(&mut self, reply: &Reply) {
        let fault = PROTOCOL_MISTAKE.fault().at(self.entry.stage());
        self.gate.meter.passing_fault(Protocol::Smtp, &fault);
        let (session, account, client) = (self.entry.id(), &self.admitted.account.address, self.admitted.client_name());
        let (id, reply) = (fault.id, printable(&redacted(&reply.text(), &[]), REPLY_CAP));
        match mem::replace(&mut self.has_told_mistake, true) {
            false => info!(session, account, client, id, reply, "{COMMAND_REFUSED}: {fault}"),
            true => debug!(session, account, client, id, reply, "{COMMAND_REFUSED}: {fault}"),
        }
    }

    pub(super) async fn goodbye(&mut self, of: Coded, why: &str) -> Next {
        let reply = self.closing(of, why);
        self.last_words(&reply).await
    }

    /// Gatepost ends the connection by itself: what the client hears of that.
    pub(super) fn closing(&self, of: Coded, why: &str) -> Reply {
        let fault = of.entry.fault().saying(why).detail(why).at(self.entry.stage());
        self.gate.meter.passing_fault(Protocol::Smtp, &fault);
        let (session, account, client) = (self.entry.id(), &self.admitted.account.address, self.admitted.client_name());
        info!(session, account, client, id = fault.id, "{CLOSED}: {fault}");
        Reply::of(of.code, &fault)
    }
}
