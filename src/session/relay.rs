//! SMTP after sign-on: commands go to the upstream one at a time, its own replies come back.
//!
//! The upstream connection is given back after five idle seconds and taken again at the next MAIL; one that the
//! upstream closed between messages is replaced unseen, since nothing of the new message was sent on it. Message
//! bodies are the business of `transaction`.

use std::{mem, time::Duration};

use bytes::BytesMut;
use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::{debug, warn};

use super::{
    Gate,
    admit::{SHUTTING_DOWN, linger},
    attend::{Left, attended},
    destination::Destination,
    impatience::gave_up,
    mistaken::{is_mistake, mistake},
    opened::Envelope,
    record,
    sink::Sink,
    transaction,
};
use crate::{
    account::Admitted,
    base::{Protocol, Stage},
    catalog::replies::{self, coded},
    meter::{Answer, Entry},
    net::{Stream, read_some, write},
    outbound::{Connection, Lost, ehlo, is_about_sign_on},
    wire::{
        lines::{COMMAND_CAP, Lines},
        smtp::{Command, Mistake, Reply, unasked},
    },
};

/// Between two commands of the client (RFC 5321 4.5.3.2.7).
const CLIENT_IDLE: Duration = Duration::from_secs(5 * 60);
/// The same within a transaction, its message too, while somebody else waits for room at the mailbox: three silent clients
/// would hold all there is.
pub(super) const WANTED_IDLE: Duration = Duration::from_secs(60);
/// Whether somebody waits is looked at this often then.
pub(super) const WANTED_LOOK: Duration = Duration::from_secs(2);
/// Without a transaction the upstream connection is given back after this: three per mailbox is all there are.
const UPSTREAM_IDLE: Duration = Duration::from_secs(5);

pub(super) struct Relay<'a> {
    pub(super) gate: &'a Gate,
    pub(super) entry: &'a Entry,
    pub(super) admitted: Admitted,
    pub(super) client: Stream,
    pub(super) input: Lines,
    pub(super) channel: Option<Connection>,
    pub(super) destination: Destination,
    pub(super) keywords: Vec<String>,
    pub(super) envelope: Option<Envelope>,
    /// How many.
    pub(super) mistakes: u32,
    pub(super) has_told_mistake: bool,
    /// A message was begun on the connection that is held: behind it, it may go to others who wait.
    was_used: bool,
    /// What took the connection of the message that is open.
    pub(super) taken_by: Option<Reply>,
    /// When the transaction that is open last came on: NOOP holds nobody's room.
    moved: Instant,
    /// When the upstream connection came, or was last used by a transaction: nor does NOOP keep it.
    pub(super) unused_since: Instant,
    /// When it last asked for a connection, or for a turn.
    pub(super) asked: Instant,
    /// DATA was refused, and the client may not have waited for that.
    body_may_follow: bool,
    said_goodbye: bool,
    /// Of the command that is answered next.
    pub(super) verb: &'static str,
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
    /// In mid-transaction, and others wait.
    Wanted,
    Closing,
}

impl<'a> Relay<'a> {
    pub(super) fn new(
        gate: &'a Gate,
        client: Stream,
        unread: BytesMut,
        admitted: Admitted,
        destination: Destination,
        keywords: Vec<String>,
        entry: &'a Entry,
    ) -> Self {
        Self {
            gate,
            entry,
            admitted,
            client,
            input: Lines::with_input(COMMAND_CAP, unread),
            destination,
            keywords,
            channel: None,
            envelope: None,
            mistakes: 0,
            has_told_mistake: false,
            was_used: false,
            taken_by: None,
            moved: Instant::now(),
            unused_since: Instant::now(),
            asked: Instant::now(),
            body_may_follow: false,
            said_goodbye: false,
            verb: "none",
        }
    }

    /// The connection that the client was signed on with.
    pub(super) fn with(mut self, connection: Connection) -> Self {
        self.channel = Some(connection);
        self
    }

    pub(super) async fn run(mut self: Box<Self>) {
        let Gate { cut_off, .. } = self.gate;
        self.entry.set_stage(Stage::Relaying);
        tokio::select! {
            // First, so that a message that is cut off can say so itself.
            biased;
            () = self.converse() => {}
            () = cut_off.cancelled() => {
                // It may be in the middle of a command.
                self.channel = None;
                if self.said_goodbye {
                    linger(&mut self.client).await;
                } else {
                    self.goodbye(coded::CLOSED_TO_STOP, SHUTTING_DOWN).await;
                }
            }
        }
        match self.envelope.take() {
            Some(envelope) => record::without_data(&self, envelope.refusal()),
            None => self.leave_channel(),
        }
    }

    async fn converse(&mut self) {
        loop {
            let next = match self.woken().await {
                Woken::Line(line) => self.line(&line).await,
                Woken::TooLong => {
                    let reply = mistake(&Mistake::LINE_TOO_LONG);
                    self.note_mistake(&reply);
                    self.last_words(&reply).await
                }
                Woken::ClientGone => Next::Ends,
                Woken::ClientIdle => self.goodbye(coded::CLOSED_FOR_SILENCE, "silent for too long").await,
                Woken::Wanted => {
                    // First the room, then the words.
                    self.channel = None;
                    let reply = self.makes_room();
                    self.last_words(&reply).await
                }
                Woken::Closing => self.goodbye(coded::CLOSED_TO_STOP, SHUTTING_DOWN).await,
            };
            if next == Next::Ends {
                return;
            }
        }
    }

    async fn line(&mut self, line: &[u8]) -> Next {
        let command = Command::parse(line);
        if mem::take(&mut self.body_may_follow) && !unasked::heeds_refusal(line, self.input.pending()) {
            return self.unread_body().await;
        }
        match command {
            Ok(command) => {
                let before = self.envelope.as_ref().map(Envelope::recipients);
                let next = self.command(command).await.unwrap_or_else(|Left| self.left());
                let now = self.envelope.as_ref().map(Envelope::recipients);
                if before.is_some() || now.is_some() {
                    self.unused_since = Instant::now();
                }
                // A recipient that is refused is none. Behind the answer: what it waited for is not its client's silence.
                if now != before {
                    self.moved = Instant::now();
                }
                // One that was taken back counts as one that was sent, or MAIL and RSET in turns would keep the room.
                self.was_used |= before.is_some() && now.is_none();
                next
            }
            Err(wrong) if unasked::announces_message(line) => self.refuse_data(&mistake(&wrong)).await,
            Err(wrong) => self.answer(&mistake(&wrong)).await,
        }
    }

    /// The next command line; meanwhile the upstream connection is watched and given back.
    async fn woken(&mut self) -> Woken {
        let start = Instant::now();
        let mut look = self.moved + WANTED_IDLE;
        loop {
            match self.input.cut() {
                Ok(Some(line)) => return Woken::Line(line),
                Ok(None) => {}
                Err(_) => return Woken::TooLong,
            }
            let between = self.envelope.is_none();
            // Room is held for a transaction: a client that goes on and on must not keep others waiting.
            if between && self.was_used && self.channel.as_ref().is_some_and(Connection::is_wanted) {
                self.leave_channel();
            }
            tokio::select! {
                read = timeout_at(start + CLIENT_IDLE, read_some(&mut self.client, |bytes| self.input.feed(bytes))) => match read {
                    Ok(Ok(n)) if n > 0 => {}
                    Ok(_) => return Woken::ClientGone,
                    Err(_) => return Woken::ClientIdle,
                },
                () = sleep_until(self.unused_since + UPSTREAM_IDLE), if between && self.channel.is_some() => {
                    self.leave_channel();
                }
                () = sleep_until(look), if !between && self.channel.is_some() => {
                    if self.channel.as_ref().is_some_and(Connection::is_wanted) {
                        return Woken::Wanted;
                    }
                    look = Instant::now() + WANTED_LOOK;
                }
                () = upstream_closes(&mut self.channel), if between && self.channel.is_some() => {
                    debug!(session = self.entry.id(), "upstream closed between messages");
                    self.channel = None;
                }
                () = self.gate.closing.cancelled(), if between => return Woken::Closing,
            }
        }
    }

    /// What a silent client hears whose room goes to somebody else.
    pub(super) fn makes_room(&self) -> Reply {
        self.closing(
            coded::CLOSED_FOR_SILENCE,
            "idle in mid-message while others wait for this mailbox, nothing was delivered",
        )
    }

    /// The next message takes one again.
    fn leave_channel(&mut self) {
        self.was_used = false;
        if let Some(channel) = self.channel.take() {
            channel.leave();
        }
    }

    async fn command(&mut self, command: Command) -> Result<Next, Left> {
        self.verb = command.verb();
        let reply = match command {
            // Boxed, as is DATA: a session pays for them while they are under way.
            Command::Mail(mail) => {
                let sender = mail.address.clone();
                let reply = Box::pin(self.mail(mail)).await?;
                self.refused_mail(&sender, &reply);
                reply
            }
            Command::Rcpt(rcpt) => {
                let is_lost = self.taken_by.is_some();
                let reply = self.rcpt(&rcpt).await?;
                self.refused_rcpt(&rcpt.address, &reply, is_lost);
                reply
            }
            Command::Data => return Ok(Box::pin(self.data()).await),
            Command::Ehlo(_) => {
                self.reset().await?;
                let mut shown = ehlo(&self.gate.host, &self.keywords);
                let most = self.admitted.client.as_ref().and_then(|client| client.rules.max_bytes);
                shown.size = most.map_or(shown.size, |most| most.min(shown.size));
                shown.reply(false, false)
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
            Command::Quit => {
                // Before the goodbye: whoever hears it may come again at once, and finds the connection there.
                if self.give_up() {
                    self.channel = None;
                }
                self.leave_channel();
                return Ok(self.last_words(&Reply::new(221, "2.0.0 Goodbye")).await);
            }
            Command::Auth { .. } => mistake(&Mistake::LOGGED_IN_ALREADY),
            Command::StartTls => mistake(&Mistake::TLS_TOO_LATE),
        };
        Ok(self.answer(&reply).await)
    }

    fn refused_mail(&self, sender: &str, reply: &Reply) {
        record::refusal(self, sender, None, reply);
        if record::is_refusal(reply) {
            record::without_data(self, Some(reply));
        }
    }

    /// The message may go on without this recipient: it counts once it ends. `is_lost`: not this one, and that was told when
    /// its connection went.
    fn refused_rcpt(&mut self, recipient: &str, reply: &Reply, is_lost: bool) {
        let sender = self.envelope.as_ref().map_or("", Envelope::sender);
        match is_lost && self.taken_by.as_ref() == Some(reply) {
            true => debug!(session = self.entry.id(), "RCPT refused: the message has no connection any more"),
            false => record::refusal(self, sender, Some(recipient), reply),
        }
        if let Some(envelope) = self.envelope.as_mut().filter(|_| record::is_refusal(reply)) {
            envelope.note_refusal(reply);
        }
    }

    async fn data(&mut self) -> Next {
        let Some(envelope) = self.envelope.take() else {
            return self.refuse_data(&mistake(&Mistake::MAIL_FIRST)).await;
        };
        if envelope.recipients() == 0 {
            let reply = envelope.without_recipients();
            self.envelope = Some(envelope);
            return self.refuse_data(&reply).await;
        }
        let sink = match self.destination {
            Destination::Upstream => match self.channel.take().filter(|channel| channel.is_usable()) {
                Some(channel) => Sink::Upstream(channel),
                None => {
                    let reply = self.no_way();
                    if self.taken_by.is_none() {
                        record::refusal(self, envelope.sender(), None, &reply);
                    }
                    record::without_data(self, Some(&reply));
                    return self.refuse_data(&reply).await;
                }
            },
            Destination::Graph | Destination::Queue | Destination::Hold => Sink::Spool(None),
        };
        transaction::run(self, envelope, sink).await
    }

    /// What was sent ahead of our 354 would have been the body: it must not be taken for commands.
    async fn refuse_data(&mut self, reply: &Reply) -> Next {
        if self.input.pending().is_empty() {
            self.body_may_follow = true;
            if reply.code != 554 {
                return self.answer(reply).await;
            }
            // A message without a recipient spends no budget: a RCPT that was none has done so.
            if is_mistake(reply) {
                self.note_mistake(reply);
            }
            return self.say(reply).await;
        }
        self.unread_body().await
    }

    async fn unread_body(&mut self) -> Next {
        self.input.discard();
        let of = coded::BEHIND_REFUSAL;
        let (entry, reply) = (of.entry, self.explained(of.reply(), None));
        let (session, account, client) = (self.entry.id(), &self.admitted.account.address, self.admitted.client_name());
        let (id, text, owner) = (entry.id, entry.short(), entry.owner.as_str());
        let next = self.next_step(entry.id, Some(Stage::Relaying), None);
        warn!(session, protocol = %Protocol::Smtp, account, client, id, text, owner, next, "{}", unasked::WHAT);
        self.last_words(&reply).await
    }

    async fn reset(&mut self) -> Result<(), Left> {
        match self.give_up() {
            true => self.end_transaction().await,
            false => Ok(()),
        }
    }

    /// The client ends its transaction, if one is open. One that nobody refused is its own business.
    fn give_up(&mut self) -> bool {
        let Some(envelope) = self.envelope.take() else { return false };
        if let Some(refusal) = envelope.refusal() {
            record::without_data(self, Some(refusal));
        }
        true
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
        gave_up(self.gate, self.entry, Protocol::Smtp, &self.admitted, self.asked);
        // Of one that is open the end of the session tells.
        if self.verb == "MAIL" && self.envelope.is_none() {
            record::without_data(self, None);
        }
        self.entry.set_stage(Stage::Relaying);
        Next::Ends
    }

    pub(super) async fn say(&mut self, reply: &Reply) -> Next {
        let (id, stage) = (self.entry.id(), self.entry.stage());
        self.gate.meter.verbs.note(id, Protocol::Smtp, stage, self.verb, Answer::Code(reply.code));
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

/// 421 says that *this* connection closes; the upstream's does, ours does not. 530 and its like (RFC 4954 6) say that the
/// client has to log in, or not as it did; it is we who have to upstream, and the next message has another connection.
pub(super) fn softened(mut reply: Reply) -> Reply {
    let is_about_login = is_about_sign_on(&reply);
    if is_about_login {
        // RFC 3463 2: the first digit is that of the code.
        let soften = |line: &mut String| {
            if line.starts_with("5.") {
                line.replace_range(..1, "4")
            }
        };
        reply.lines.iter_mut().for_each(soften);
    }
    if is_about_login || reply.code == 421 {
        reply.code = 451;
    }
    reply
}

pub(super) fn lost_reply(lost: &Lost) -> Reply {
    replies::lost("nothing was delivered, try again", lost)
}
