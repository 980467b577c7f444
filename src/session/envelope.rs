//! MAIL and RCPT: who may send to whom, and room for the message upstream where it goes there at once.
//!
//! A message that is spooled first has its envelope taken here; what the upstream thinks of it comes later.

use tokio::time::{Instant, timeout_at};
use tracing::info;

use super::{
    attend::{Left, attended},
    destination::Destination,
    mending::{force_envelope, is_forced},
    mistaken::mistake,
    opened::Envelope,
    recipients,
    refused::larger_than,
    relay::{Relay, lost_reply, softened},
    rights::Denied,
};
use crate::{
    account::Admitted,
    base::{Fault, Kind, Line, Stage},
    catalog::replies::{coded, not_ascii, refusal},
    message::Repairs,
    meter::Entry,
    outbound::{Channel, Connection, Lost, Turn, Within, day_used_up, ehlo, is_about_sign_on, not_signed_on},
    wire::smtp::{Mail, Mistake, Rcpt, Reply, reply::mail_code},
};

/// Exchange's most for one message; each copy of more costs the client another message.
const RECIPIENTS: usize = 1000;

impl Relay<'_> {
    pub(super) async fn mail(&mut self, mut mail: Mail) -> Result<Reply, Left> {
        if self.envelope.is_some() {
            return Ok(mistake(&Mistake::MESSAGE_IS_OPEN));
        }
        self.taken_by = None;
        let limit = self.size_limit();
        if mail.size > limit {
            return Ok(self.explained(larger_than(limit), None));
        }
        if let Some(refusal) = recipients::too_large(self.entry.id(), &self.admitted, mail.size) {
            return Ok(self.explained(refusal, None));
        }
        let repairs = force_envelope(&self.admitted, &mut mail);
        if !is_forced(&self.admitted) && !self.admitted.account.may_send_as(&mail.address) {
            return Ok(self.not_allowed(&mail.address, "MAIL FROM"));
        }
        match self.destination {
            Destination::Upstream => self.mail_upstream(mail, repairs).await,
            Destination::Graph | Destination::Queue | Destination::Hold => Ok(self.mail_here(mail, repairs)),
        }
    }

    fn mail_here(&mut self, mail: Mail, repairs: Repairs) -> Reply {
        self.envelope = Some(Envelope::new(mail, repairs));
        Reply::new(250, "2.1.0 Sender OK")
    }

    /// Says MAIL on a connection with room for a message. A connection that idled may have died unnoticed: nothing was sent on
    /// it, so one more try is safe.
    async fn mail_upstream(&mut self, mail: Mail, repairs: Repairs) -> Result<Reply, Left> {
        // What the upstream throttles is tried again within this time.
        let mut within = Within::of(Instant::now() + self.gate.sign_on);
        loop {
            let was_held = match self.hold_channel(&mut within).await? {
                Ok(was_held) => was_held,
                Err(fault) if self.goes_by_graph(&fault) => return Ok(self.mail_here(mail, repairs)),
                Err(fault) => return Ok(self.refusal(&fault)),
            };
            // Room for a connection first: who waits for a turn without one would hold up those who have one.
            let turn = match self.take_turn(within).await? {
                Ok(turn) => turn,
                Err(reply) => return Ok(reply),
            };
            let Some(channel) = &mut self.channel else { return Ok(self.no_way()) };
            if !mail.address.is_ascii() && !channel.carries().utf8 {
                return Ok(self.explained(not_ascii("an address"), None));
            }
            dropped(self.entry, mail.wants_notices(), channel);
            let is_fresh = !was_held && channel.is_fresh();
            match attended(&mut self.client, &mut self.input, channel.mail(&mail)).await? {
                Ok(reply) if reply.is_positive() => {
                    let patience = within.until.saturating_duration_since(Instant::now());
                    self.envelope = Some(Envelope::with_turn(mail, repairs, turn, patience));
                    return Ok(softened(reply));
                }
                Err(_) if !is_fresh => {}
                Err(lost) => return Ok(self.explained(lost_reply(&lost), None)),
                Ok(reply) if (reply.code == 421 || is_about_sign_on(&reply)) && !is_fresh => {}
                Ok(reply) if reply.asks_to_slow_down() && Instant::now() < within.until => {
                    turn.slow_down();
                    within = within.again();
                }
                Ok(reply) => match not_signed_on(&reply) {
                    Some(fault) if self.goes_by_graph(&fault) => return Ok(self.mail_here(mail, repairs)),
                    Some(fault) => return Ok(self.not_signed_on(&fault)),
                    None => return Ok(self.refused_sender(reply, &mail)),
                },
            }
            self.channel = None;
        }
    }

    fn refused_sender(&self, reply: Reply, mail: &Mail) -> Reply {
        softened(self.explained(reply, Denied::in_envelope(&mail.address, &self.admitted.account)))
    }

    /// Whether Graph helps against this; what comes goes there then.
    fn goes_by_graph(&mut self, fault: &Fault) -> bool {
        let goes = self.gate.outbound.goes_by_graph(&self.admitted.account, fault);
        if goes {
            (self.destination, self.channel) = (Destination::Graph, None);
        }
        goes
    }

    /// A connection for the next message; whether it was held since the last one.
    async fn hold_channel(&mut self, within: &mut Within) -> Result<Result<bool, Fault>, Left> {
        let (outbound, account) = (&self.gate.outbound, &self.admitted.account);
        if let Some(channel) = self.channel.as_ref().filter(|channel| channel.is_usable())
            && outbound.may_go_on(account, channel).await
        {
            return Ok(Ok(true));
        }
        self.channel = None;
        Ok(self.take_channel(within).await?.map(|channel| {
            self.channel = Some(channel);
            false
        }))
    }

    /// Of a message, in octets: what EHLO shows.
    pub(super) fn size_limit(&self) -> u64 {
        ehlo(&self.gate.host, &self.keywords).size
    }

    /// A connection for the next message.
    async fn take_channel(&mut self, within: &mut Within) -> Result<Result<Connection, Fault>, Left> {
        let Admitted { account, .. } = &self.admitted;
        let client = self.admitted.client_name();
        self.asked = Instant::now();
        let connecting = self.gate.outbound.connect(account, client, within, self.entry.stage_cell());
        let connected = attended(&mut self.client, &mut self.input, connecting).await?;
        self.entry.set_stage(Stage::Relaying);
        self.unused_since = Instant::now();
        Ok(connected.inspect(|connection| self.keywords.clone_from(&connection.keywords)))
    }

    /// Room for one more message of this mailbox.
    async fn take_turn(&mut self, within: Within) -> Result<Result<Turn, Reply>, Left> {
        self.entry.stage_cell().stands_in(Line::Turn);
        self.asked = Instant::now();
        let turn = self.gate.outbound.turn(&self.admitted.account, self.admitted.client_name(), within);
        let turn = attended(&mut self.client, &mut self.input, turn).await?;
        self.entry.set_stage(Stage::Relaying);
        Ok(turn.map_err(|fault| self.refusal(&fault)))
    }

    /// 530 would make the client ask its user for a password that is right; so it is told as what passes.
    fn not_signed_on(&mut self, fault: &Fault) -> Reply {
        self.channel = None;
        self.refusal(fault);
        Reply::of(mail_code(Kind::Unavailable), &fault.clone().at(Stage::Relaying))
    }

    pub(super) async fn rcpt(&mut self, rcpt: &Rcpt) -> Result<Reply, Left> {
        if self.envelope.is_some()
            && let Some(refusal) = recipients::refusal(self.entry.id(), &self.admitted, rcpt)
        {
            return Ok(self.explained(refusal, None));
        }
        let Some(envelope) = &mut self.envelope else { return Ok(mistake(&Mistake::MAIL_FIRST)) };
        if self.destination != Destination::Upstream {
            if envelope.recipients() >= RECIPIENTS {
                let what = format_args!("{RECIPIENTS} are the most");
                return Ok(self.explained(refusal(coded::RECIPIENTS, what), None));
            }
            envelope.take(rcpt.clone());
            return Ok(Reply::new(250, "2.1.5 Recipient OK"));
        }
        // What MAIL and other recipients have left of it.
        let until = Instant::now() + envelope.patience;
        loop {
            let Some(channel) = self.channel.as_mut().filter(|channel| channel.is_usable()) else {
                return Ok(self.no_way());
            };
            let Some(envelope) = &mut self.envelope else { return Ok(lost_reply(&Lost::Closed)) };
            if !envelope.has_room() {
                return Ok(self.explained(day_used_up(), None));
            }
            if !rcpt.address.is_ascii() && !channel.carries().utf8 {
                return Ok(self.explained(not_ascii("an address"), None));
            }
            dropped(self.entry, rcpt.wants_notices(), channel);
            let reply = match attended(&mut self.client, &mut self.input, channel.rcpt(rcpt)).await? {
                Ok(reply) => reply,
                Err(lost) => {
                    let reply = self.explained(lost_reply(&lost), None);
                    return Ok(self.taken_by.insert(reply).clone());
                }
            };
            if !reply.asks_to_slow_down() {
                envelope.note(rcpt, &reply);
                return Ok(softened(self.explained(reply, None)));
            }
            envelope.slow_down();
            if Instant::now() >= until {
                // Should it close now, that is why.
                return Ok(self.taken_by.insert(softened(self.explained(reply, None))).clone());
            }
            if let Some(refusal) = self.open_again(until, reply).await? {
                return Ok(self.taken_by.insert(refusal).clone());
            }
            if let Some(envelope) = &mut self.envelope {
                envelope.patience = until.saturating_duration_since(Instant::now());
            }
        }
    }

    /// What a client hears whose message has no connection any more.
    pub(super) fn no_way(&self) -> Reply {
        self.taken_by.clone().unwrap_or_else(|| lost_reply(&Lost::Closed))
    }

    /// The message that is open gets another connection, where all is said that had been taken on the last one. `Some`: it
    /// has none, and the client hears that; `throttled` where what was taken is not taken again.
    async fn open_again(&mut self, until: Instant, throttled: Reply) -> Result<Option<Reply>, Left> {
        self.channel = None;
        let mut within = Within::of(until);
        loop {
            // As at MAIL: who waits for a connection holds no turn.
            if let Some(envelope) = &mut self.envelope {
                envelope.set_turn(None);
            }
            let mut channel = match self.take_channel(&mut within).await? {
                Ok(channel) => channel,
                Err(fault) => return Ok(Some(self.refusal(&fault))),
            };
            let turn = match self.take_turn(within).await? {
                Ok(turn) => turn,
                Err(reply) => {
                    channel.leave();
                    return Ok(Some(reply));
                }
            };
            let Some(envelope) = &mut self.envelope else { return Ok(Some(lost_reply(&Lost::Closed))) };
            let is_fresh = channel.is_fresh();
            let saying = timeout_at(until, say_again(&mut channel, envelope.said()));
            match attended(&mut self.client, &mut self.input, saying).await? {
                Ok(true) => {
                    envelope.set_turn(Some(turn));
                    self.channel = Some(channel);
                    return Ok(None);
                }
                // One that was left over may have died unnoticed.
                Ok(false) if !is_fresh && Instant::now() < until => {}
                _ => return Ok(Some(softened(self.explained(throttled, None)))),
            }
        }
    }
}

/// Whether the upstream takes it all once more.
async fn say_again(channel: &mut Channel, (mail, recipients): (&Mail, &[Rcpt])) -> bool {
    let mut is_taken = channel.mail(mail).await.is_ok_and(|reply| reply.is_positive());
    for rcpt in recipients {
        is_taken = is_taken && channel.rcpt(rcpt).await.is_ok_and(|reply| reply.is_positive());
    }
    is_taken
}

/// A client may ask for notices although no EHLO of ours showed DSN: said in the log, for nobody else would know.
fn dropped(entry: &Entry, wants_notices: bool, channel: &Channel) {
    if wants_notices && !channel.carries().dsn {
        info!(session = entry.id(), "DSN parameters dropped: the mail server does not offer DSN");
    }
}
