//! SMTP after sign-on: commands go to the upstream one at a time, its own replies come back.
//!
//! The upstream connection is given back after five idle seconds and taken again at the next MAIL; one that the
//! upstream closed between messages is replaced unseen, since nothing of the new message was sent on it. Message
//! bodies are the business of `transaction`.

use std::time::Duration;

use bytes::BytesMut;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::{
    Gate,
    admit::linger,
    attend::{Left, attended},
    mending::{force_envelope, is_forced},
    rights::Denied,
    transaction::{self, Envelope},
};
use crate::{
    account::Admitted,
    base::{Fault, Protocol, Stage, printable},
    catalog::{
        own::{DAY_USED_UP, MAILBOX_BUSY, SENDER_NOT_ALLOWED, UPSTREAM_LOST},
        rights::denies_sender,
    },
    meter::Entry,
    net::{Stream, read_some, write},
    outbound::{Channel, Connection, Lost, Turn, ehlo},
    wire::{
        ERROR_BUDGET,
        lines::{COMMAND_CAP, Lines},
        smtp::{Command, Mail, Rcpt, Reply, reply::mail_refusal},
    },
};

/// Between two commands of the client (RFC 5321 4.5.3.2.7).
const CLIENT_IDLE: Duration = Duration::from_secs(5 * 60);
/// Without a transaction the upstream connection is given back after this: three per mailbox is all there are.
const UPSTREAM_IDLE: Duration = Duration::from_secs(5);

pub(super) struct Relay<'a> {
    pub(super) gate: &'a Gate,
    pub(super) entry: &'a Entry,
    pub(super) admitted: Admitted,
    pub(super) client: Stream,
    pub(super) input: Lines,
    pub(super) channel: Option<Connection>,
    keywords: Vec<String>,
    envelope: Option<Envelope>,
    errors: u32,
    /// A message was sent on the connection that is held: it may go to others who wait.
    has_sent: bool,
    /// DATA was refused, and the client may not have waited for that.
    body_may_follow: bool,
    said_goodbye: bool,
}

/// Whether the client's connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Goes,
    Ends,
}

/// What woke the session between commands.
enum Woken {
    Line(BytesMut),
    TooLong,
    ClientGone,
    ClientIdle,
    Closing,
}

pub(super) async fn run(
    gate: &Gate,
    client: Stream,
    unread: BytesMut,
    admitted: Admitted,
    connection: Connection,
    entry: &Entry,
) {
    entry.set_stage(Stage::Relaying);
    let mut relay = Relay::new(gate, client, unread, admitted, connection, entry);
    tokio::select! {
        // First, so that a message that is cut off can say so itself.
        biased;
        () = relay.converse() => {}
        () = gate.cut_off.cancelled() => {
            if relay.said_goodbye {
                linger(&mut relay.client).await;
            } else {
                relay.last_words(&Reply::new(421, "4.3.2 Gatepost is shutting down, try again")).await;
            }
        }
    }
    if relay.envelope.is_none()
        && let Some(channel) = relay.channel.take()
    {
        channel.leave();
    }
}

impl<'a> Relay<'a> {
    fn new(
        gate: &'a Gate,
        client: Stream,
        unread: BytesMut,
        admitted: Admitted,
        connection: Connection,
        entry: &'a Entry,
    ) -> Self {
        Self {
            gate,
            entry,
            admitted,
            client,
            input: Lines::with_input(COMMAND_CAP, unread),
            keywords: connection.keywords.clone(),
            channel: Some(connection),
            envelope: None,
            errors: 0,
            has_sent: false,
            body_may_follow: false,
            said_goodbye: false,
        }
    }

    async fn converse(&mut self) {
        loop {
            let next = match self.woken().await {
                Woken::Line(line) => match Command::parse(&line) {
                    Ok(command) => self.command(command).await.unwrap_or_else(|Left| self.left()),
                    Err(_) if self.body_may_follow => self.unread_body().await,
                    Err(reply) => self.mistake(&reply).await,
                },
                Woken::TooLong => self.last_words(&Reply::new(500, "5.5.2 Line too long, closing")).await,
                Woken::ClientGone => Next::Ends,
                Woken::ClientIdle => self.last_words(&Reply::new(421, "4.4.2 Idle for too long, closing")).await,
                Woken::Closing => self.last_words(&Reply::new(421, "4.3.2 Gatepost is shutting down")).await,
            };
            if next == Next::Ends {
                return;
            }
        }
    }

    /// The next command line; meanwhile the upstream connection is watched and given back.
    async fn woken(&mut self) -> Woken {
        let start = Instant::now();
        loop {
            match self.input.cut() {
                Ok(Some(line)) => return Woken::Line(line),
                Ok(None) => {}
                Err(_) => return Woken::TooLong,
            }
            let between = self.envelope.is_none();
            // Room is held for a transaction: a client that goes on and on must not keep others waiting.
            if between && self.has_sent && self.channel.as_ref().is_some_and(Connection::is_wanted) {
                self.leave_channel();
            }
            tokio::select! {
                read = timeout_at(start + CLIENT_IDLE, read_some(&mut self.client, |bytes| self.input.feed(bytes))) => match read {
                    Ok(Ok(n)) if n > 0 => {}
                    Ok(_) => return Woken::ClientGone,
                    Err(_) => return Woken::ClientIdle,
                },
                () = sleep_until(start + UPSTREAM_IDLE), if between && self.channel.is_some() => {
                    self.leave_channel();
                }
                () = upstream_closes(&mut self.channel), if between && self.channel.is_some() => {
                    debug!(session = self.entry.id(), "upstream closed between messages");
                    self.channel = None;
                }
                () = self.gate.closing.cancelled(), if between => return Woken::Closing,
            }
        }
    }

    /// The next message takes one again.
    fn leave_channel(&mut self) {
        self.has_sent = false;
        if let Some(channel) = self.channel.take() {
            channel.leave();
        }
    }

    async fn command(&mut self, command: Command) -> Result<Next, Left> {
        self.body_may_follow = false;
        let reply = match command {
            // Boxed, as is DATA: a session pays for them while they are under way.
            Command::Mail(mail) => Box::pin(self.mail(mail)).await?,
            Command::Rcpt(rcpt) => self.rcpt(&rcpt).await?,
            Command::Data => return Ok(Box::pin(self.data()).await),
            Command::Ehlo(_) => {
                self.reset().await?;
                ehlo(&self.gate.host, &self.keywords).reply(false, false)
            }
            Command::Helo(_) => {
                self.reset().await?;
                Reply::new(250, self.gate.host.clone())
            }
            Command::Rset => {
                self.reset().await?;
                Reply::new(250, "2.0.0 OK")
            }
            Command::Noop => Reply::new(250, "2.0.0 OK"),
            Command::Vrfy => Reply::new(252, "2.5.2 Cannot verify, send the message and see"),
            Command::Help => Reply::new(214, "2.0.0 Gatepost relays mail: MAIL, RCPT, DATA, RSET, QUIT"),
            Command::Quit => return Ok(self.last_words(&Reply::new(221, "2.0.0 Goodbye")).await),
            Command::Auth { .. } => Reply::new(503, "5.5.1 Already authenticated"),
            Command::StartTls => Reply::new(503, "5.5.1 STARTTLS comes before AUTH"),
        };
        Ok(self.answer(&reply).await)
    }

    /// A command out of sequence is the client's mistake, whoever says so.
    async fn answer(&mut self, reply: &Reply) -> Next {
        if reply.code == 503 { self.mistake(reply).await } else { self.say(reply).await }
    }

    async fn mail(&mut self, mut mail: Mail) -> Result<Reply, Left> {
        if self.envelope.is_some() {
            return Ok(Reply::new(503, "5.5.1 A message is open already, RSET first"));
        }
        let limit = ehlo(&self.gate.host, &self.keywords).size;
        if mail.size > limit {
            return Ok(Reply::new(552, format!("5.3.4 Message larger than {limit} octets")));
        }
        let repairs = force_envelope(&self.admitted, &mut mail);
        if !is_forced(&self.admitted) && !self.admitted.account.may_send_as(&mail.address) {
            return Ok(self.not_allowed(&mail.address, "MAIL FROM"));
        }
        // What the upstream throttles is tried again within this time.
        let until = Instant::now() + self.gate.sign_on;
        loop {
            // A connection that idled may have died unnoticed: nothing was sent on it, so one more try is safe.
            let (channel, is_fresh) = match self.channel.take().filter(|channel| channel.is_usable()) {
                Some(channel) => (channel, false),
                None => match self.take_channel(until).await? {
                    Ok(channel) => {
                        let is_fresh = channel.is_fresh;
                        (channel, is_fresh)
                    }
                    Err(reply) => return Ok(reply),
                },
            };
            // Room for a connection first: who waits for a turn without one would hold up those who have one.
            let turn = match self.take_turn().await? {
                Ok(turn) => turn,
                Err(reply) => {
                    self.channel = Some(channel);
                    return Ok(reply);
                }
            };
            let channel = self.channel.insert(channel);
            if !mail.address.is_ascii() && !channel.carries().utf8 {
                return Ok(Reply::new(550, "5.6.7 The mail server does not take addresses outside ASCII"));
            }
            dropped(self.entry, mail.wants_notices(), channel);
            match attended(&mut self.client, &mut self.input, channel.mail(&mail)).await? {
                Ok(reply) if reply.code == 421 && !is_fresh => {}
                Ok(reply) if asks_to_slow_down(&reply) && Instant::now() < until => turn.slow_down(),
                Ok(reply) => {
                    if reply.is_positive() {
                        self.envelope = Some(Envelope::new(mail, turn, repairs));
                        return Ok(softened(reply));
                    }
                    return Ok(softened(self.explained(reply, Denied::in_envelope(&mail.address))));
                }
                Err(lost) if is_fresh => return Ok(lost_reply(&lost)),
                Err(_) => {}
            }
            self.channel = None;
        }
    }

    /// The refusal of a sender that `send-as` does not name. `place`: where it stands.
    pub(super) fn not_allowed(&self, sender: &str, place: &'static str) -> Reply {
        let account = &self.admitted.account;
        let (address, sender) = (printable(&account.address, 100), printable(sender, 100));
        info!(session = self.entry.id(), account = address, sender, place, "sender refused by send-as");
        // A mailbox of a whole domain has no table of its own.
        let table = account.domain.as_ref().map_or(address.clone(), |domain| format!("*@{domain}"));
        let id = SENDER_NOT_ALLOWED.id;
        let text = format!(
            "5.7.1 {address} may not send as <{sender}> ({place}): it is not in send-as of the account {table} \
             [gatepost {id}]"
        );
        Reply::new(550, text)
    }

    /// A refusal of the upstream for want of a right to this sender, with a line behind its own words that says which
    /// right is missing and who grants it how. Any other reply is left alone.
    pub(super) fn explained(&self, mut reply: Reply, denied: Option<Denied<'_>>) -> Reply {
        let Some(denied) = denied.filter(|_| denies_sender(&reply.text())) else { return reply };
        let account = &self.admitted.account;
        let (fault, line) = denied.explained(account);
        self.gate.meter.fault(Protocol::Smtp, &account.address, &fault);
        warn!(session = self.entry.id(), account = account.address, owner = fault.owner.as_str(), "refused: {fault}");
        let code = reply.lines.first().and_then(|line| line.split(' ').next());
        let code = code.filter(|code| code.starts_with("5.")).unwrap_or("5.7.1").to_owned();
        reply.lines.push(format!("{code} {line}"));
        reply
    }

    /// A connection for the next message.
    async fn take_channel(&mut self, until: Instant) -> Result<Result<Connection, Reply>, Left> {
        let Admitted { account, .. } = &self.admitted;
        let client = self.admitted.client_name();
        let connecting = self.gate.outbound.connect(account, client, until, self.entry.stage_cell());
        let connected = attended(&mut self.client, &mut self.input, connecting).await?;
        self.entry.set_stage(Stage::Relaying);
        Ok(match connected {
            Ok(connection) => {
                self.keywords.clone_from(&connection.keywords);
                Ok(connection)
            }
            Err(fault) => Err(self.refusal(&fault)),
        })
    }

    /// Room for one more message of this mailbox.
    async fn take_turn(&mut self) -> Result<Result<Turn, Reply>, Left> {
        let turn = self.gate.outbound.turn(&self.admitted.account, self.admitted.client_name());
        let turn = attended(&mut self.client, &mut self.input, turn).await?;
        Ok(turn.map_err(|fault| self.refusal(&fault)))
    }

    /// Notes a fault that stands in the way of a message.
    fn refusal(&self, fault: &Fault) -> Reply {
        let account = self.admitted.account.address.as_str();
        self.gate.meter.fault(Protocol::Smtp, account, fault);
        let (session, owner) = (self.entry.id(), fault.owner.as_str());
        warn!(session, account, owner, "refused: {fault}");
        match fault.id == MAILBOX_BUSY.id {
            true => Reply::new(451, format!("4.3.2 {}", fault.reply_text())),
            false => mail_refusal(fault),
        }
    }

    async fn rcpt(&mut self, rcpt: &Rcpt) -> Result<Reply, Left> {
        let Some(envelope) = &mut self.envelope else { return Ok(Reply::new(503, "5.5.1 MAIL first")) };
        let Some(channel) = self.channel.as_mut().filter(|channel| channel.is_usable()) else {
            return Ok(lost_reply(&Lost::Closed));
        };
        if !envelope.has_room() {
            let text = "4.5.3 This mailbox has written to as many recipients as its limits allow in a day";
            return Ok(Reply::new(452, format!("{text} [gatepost {}]", DAY_USED_UP.id)));
        }
        if !rcpt.address.is_ascii() && !channel.carries().utf8 {
            return Ok(Reply::new(550, "5.6.7 The mail server does not take addresses outside ASCII"));
        }
        dropped(self.entry, rcpt.wants_notices(), channel);
        Ok(match attended(&mut self.client, &mut self.input, channel.rcpt(rcpt)).await? {
            Ok(reply) => {
                envelope.note(&reply);
                softened(reply)
            }
            Err(lost) => lost_reply(&lost),
        })
    }

    async fn data(&mut self) -> Next {
        let Some(envelope) = self.envelope.take() else {
            return self.refuse_data(&Reply::new(503, "5.5.1 MAIL first")).await;
        };
        if envelope.recipients() == 0 {
            self.envelope = Some(envelope);
            return self.refuse_data(&Reply::new(554, "5.5.1 No valid recipients")).await;
        }
        let Some(channel) = self.channel.take().filter(|channel| channel.is_usable()) else {
            return self.refuse_data(&lost_reply(&Lost::Closed)).await;
        };
        self.has_sent = true;
        transaction::run(self, envelope, channel).await
    }

    /// What was sent ahead of our 354 would have been the body: it must not be taken for commands.
    async fn refuse_data(&mut self, reply: &Reply) -> Next {
        if self.input.pending().is_empty() {
            self.body_may_follow = true;
            return self.answer(reply).await;
        }
        self.unread_body().await
    }

    async fn unread_body(&mut self) -> Next {
        self.input.discard();
        info!(session = self.entry.id(), "client sent a body without waiting for 354");
        self.last_words(&Reply::new(421, "4.7.0 DATA was refused and a message came all the same, closing")).await
    }

    async fn reset(&mut self) -> Result<(), Left> {
        match self.envelope.take() {
            Some(_) => self.end_transaction().await,
            None => Ok(()),
        }
    }

    /// Says RSET upstream.
    pub(super) async fn end_transaction(&mut self) -> Result<(), Left> {
        let reset = Connection::reset(self.channel.take());
        self.channel = attended(&mut self.client, &mut self.input, reset).await?;
        Ok(())
    }

    /// Nobody waits for the upstream's answer any more; a connection that owes one is of no use.
    pub(super) fn left(&mut self) -> Next {
        self.channel = None;
        info!(session = self.entry.id(), account = self.admitted.account.address, "client left before it was answered");
        Next::Ends
    }

    async fn mistake(&mut self, reply: &Reply) -> Next {
        self.errors += 1;
        if self.errors > ERROR_BUDGET {
            return self.last_words(&Reply::new(421, "4.7.0 Too many errors, closing")).await;
        }
        self.say(reply).await
    }

    pub(super) async fn say(&mut self, reply: &Reply) -> Next {
        match write(&mut self.client, &reply.to_wire()).await {
            Ok(()) => Next::Goes,
            Err(_) => Next::Ends,
        }
    }

    pub(super) async fn last_words(&mut self, reply: &Reply) -> Next {
        if self.say(reply).await == Next::Goes {
            self.said_goodbye = true;
            linger(&mut self.client).await;
        }
        Next::Ends
    }
}

async fn upstream_closes(channel: &mut Option<Connection>) {
    match channel {
        Some(channel) => channel.idle().await,
        None => std::future::pending().await,
    }
}

/// A client may ask for notices although no EHLO of ours showed DSN: said in the log, for nobody else would know.
fn dropped(entry: &Entry, wants_notices: bool, channel: &Channel) {
    if wants_notices && !channel.carries().dsn {
        info!(session = entry.id(), "DSN parameters dropped: the mail server does not offer DSN");
    }
}

/// Exchange's words for a mailbox that sends too much at a time (fact sheet microsoft.md, 3.2).
pub(super) fn asks_to_slow_down(reply: &Reply) -> bool {
    reply.code == 432
}

/// 421 says that *this* connection closes; the upstream's does, ours does not.
pub(super) fn softened(mut reply: Reply) -> Reply {
    if reply.code == 421 {
        reply.code = 451;
    }
    reply
}

pub(super) fn lost_reply(lost: &Lost) -> Reply {
    Reply::new(451, format!("4.4.2 Nothing was delivered, try again: {lost} [gatepost {}]", UPSTREAM_LOST.id))
}
