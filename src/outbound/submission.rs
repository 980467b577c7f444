//! A message that is on disk over SMTP, one command at a time, with a verdict for each recipient.
//!
//! What fails before the end of data was said failed for nobody: the connection is closed in the middle, and the
//! message can be sent again. Behind it nobody knows, and the report says so.

use std::io;

use tokio::{fs::File, io::AsyncReadExt, time::Instant};
use tracing::info;

use super::{
    Connection, Delivery, Envelope, Lost, Outbound, Report, Ticket, Turn, Unfinished, Unsent, Verdict,
    delivery::day_used_up, is_throttled,
};
use crate::{
    account::Account,
    base::{Fault, Protocol, StageCell},
    catalog::{
        message::RECIPIENTS_USED_UP,
        own::{MESSAGE_BODY_UNREADABLE, UPSTREAM_LOST},
        replies::{lost_behind_the_dot, not_ascii},
        sign_on::{UPSTREAM_NOT_SIGNED_ON, UPSTREAM_THROTTLED, UPSTREAM_UNAVAILABLE},
        upstream::{mailbox_refusal, message_refusal, sign_on_refusal},
    },
    message::{HEAD_CAP, header_end},
    spool::Spooled,
    wire::smtp::{Enhanced, Mail, Reply, command::Carries},
};

/// One piece of a body.
const PIECE: usize = 32 * 1024;

impl Outbound {
    /// See [`Outbound::deliver`].
    pub(super) async fn submit(&self, delivery: &Delivery<'_>, ticket: &mut Ticket) -> Result<Report, Unsent> {
        let Delivery { account, deadline, .. } = *delivery;
        let stage = StageCell::default();
        let mut kept = None;
        loop {
            let asked = Instant::now();
            let way = self.way_in_line(account, ticket, kept.take(), deadline.for_room(), &stage).await;
            let (connection, turn) = way.map_err(|fault| self.shut(account, fault, asked))?;
            match introduced(connection, turn, delivery).await? {
                Introduced::Dead(turn) => kept = Some(turn),
                Introduced::Refused(report) => return Ok(report),
                Introduced::Taken(submission) => return submission.begin(delivery).await,
            }
        }
    }

    /// No connection came of what was `asked` for then. A refusal that is remembered answers until its end whoever asks; who
    /// met one that is older has heard nothing new.
    fn shut(&self, account: &Account, fault: Fault, asked: Instant) -> Unsent {
        let signed_in_at = self.keepers.signed_in_at(&account.sign_in);
        match self.refusals.recall(&account.address, Protocol::Smtp, signed_in_at) {
            Some(known) if known.fault.id == fault.id && known.asked_at < asked => {
                Unsent::remembered(fault, known.left)
            }
            known => Unsent { retry_after: known.map(|known| known.left), ..Unsent::on_the_way(fault) },
        }
    }
}

/// What became of MAIL.
enum Introduced<'a> {
    /// The connection had died unnoticed: nothing was sent on it, so another try is safe. It keeps its turn: who waits behind
    /// it would have that else.
    Dead(Turn),
    Refused(Report),
    Taken(Box<Submission<'a>>),
}

/// Says who sends, if there is room for the message and the mail server carries what it needs.
async fn introduced<'a>(
    mut connection: Connection,
    turn: Turn,
    delivery: &Delivery<'a>,
) -> Result<Introduced<'a>, Unsent> {
    let Delivery { envelope, message, .. } = *delivery;
    if !turn.has_room() {
        connection.leave();
        return Err(Unsent::on_the_way(RECIPIENTS_USED_UP.fault()));
    }
    let mail = Mail { size: message.octets(), ..envelope.mail.clone() };
    if let Some(reply) = beyond_ascii(&mail, connection.carries(), message).await? {
        connection.leave();
        return Ok(Introduced::Refused(Report::all(envelope, &reply)));
    }
    // One that was left over, or waited for its turn, may be dead.
    let is_fresh = connection.is_fresh();
    let reply = match connection.mail(&mail).await {
        Ok(reply) if (reply.code == 421 || is_about_sign_on(&reply)) && !is_fresh => {
            return Ok(Introduced::Dead(turn));
        }
        Err(_) if !is_fresh => return Ok(Introduced::Dead(turn)),
        // Of the message no more was said than who sends it.
        Err(lost) => return Err(Unsent::on_the_way(unsent(&lost))),
        Ok(reply) => reply,
    };
    if reply.is_positive() {
        return Ok(Introduced::Taken(Box::new(Submission { connection, turn, envelope })));
    }
    if reply.asks_to_slow_down() {
        turn.slow_down();
    }
    let in_the_way = asks_to_wait(&reply).or_else(|| of_the_mailbox(&reply)).map(Unsent::on_the_way);
    in_the_way.map_or_else(|| Ok(Introduced::Refused(Report::all(envelope, &reply))), Err)
}

/// MAIL was taken.
struct Submission<'a> {
    connection: Connection,
    turn: Turn,
    envelope: &'a Envelope,
}

impl Submission<'_> {
    /// The message itself, once whoever keeps it has heard.
    async fn begin(self, delivery: &Delivery<'_>) -> Result<Report, Unsent> {
        let Delivery { account, envelope, message, client, outset, trail, .. } = *delivery;
        if !self.connection.carries().dsn && envelope.asks_for_notices() {
            let (session, queue_id) = (trail.session, trail.queue_id);
            info!(
                session,
                queue_id,
                account = account.address,
                client,
                "DSN parameters dropped: the mail server does not offer DSN"
            );
        }
        let file = message.read().await.map_err(|error| unreadable(&error))?;
        // Up to here nothing came of it, however it ended; MAIL alone is taken back by the end of the connection.
        if let Err(fault) = outset.begins().await {
            self.give_back().await;
            return Err(fault.into());
        }
        self.run(file).await
    }

    async fn run(mut self, file: File) -> Result<Report, Unsent> {
        let mut verdicts = self.recipients().await?;
        if !verdicts.iter().any(|verdict| verdict.reply.is_positive()) {
            self.give_back().await;
            return Ok(Report { verdicts, retry_after: None });
        }
        let reply = self.connection.data().await.map_err(|lost| unsent(&lost))?;
        let (reply, is_doubtful) = match reply.code {
            354 => self.message(file).await?,
            _ => {
                if reply.asks_to_slow_down() {
                    self.turn.slow_down();
                }
                self.give_back().await;
                (reply, false)
            }
        };
        if let Some(fault) = throttled(&reply) {
            return Err(Unsent::on_the_way(fault));
        }
        if let Some(fault) = of_the_mailbox(&reply) {
            return Err(fault.into());
        }
        let verdict = if is_doubtful { Verdict::unknown(reply) } else { Verdict::of(reply) };
        // Who was refused at RCPT has an answer of its own.
        verdicts.iter_mut().filter(|one| one.reply.is_positive()).for_each(|one| one.clone_from(&verdict));
        Ok(Report { verdicts, retry_after: None })
    }

    async fn recipients(&mut self) -> Result<Vec<Verdict>, Unsent> {
        let mut verdicts = Vec::with_capacity(self.envelope.recipients.len());
        for rcpt in &self.envelope.recipients {
            let reply = if !self.turn.has_room() {
                day_used_up()
            } else if !rcpt.address.is_ascii() && !self.connection.carries().utf8 {
                not_ascii("an address")
            } else {
                let reply = self.connection.rcpt(rcpt).await.map_err(|lost| unsent(&lost))?;
                if let Some(fault) = throttled(&reply) {
                    self.turn.slow_down();
                    return Err(Unsent::on_the_way(fault));
                }
                if let Some(fault) = of_the_mailbox(&reply) {
                    return Err(fault.into());
                }
                if reply.is_positive() {
                    self.turn.note_recipient();
                }
                reply
            };
            verdicts.push(Verdict::of_recipient(reply));
        }
        Ok(verdicts)
    }

    /// Streams the message; the upstream's last word, and whether it is none.
    async fn message(mut self, mut file: File) -> Result<(Reply, bool), Fault> {
        let (mut piece, mut last) = (vec![0; PIECE], Vec::new());
        loop {
            let length = file.read(&mut piece).await.map_err(|error| unreadable(&error))?;
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            if let Err(lost) = self.connection.body(&last).await {
                let refusal = self.connection.refusal().await;
                return refusal.map(|reply| (reply, false)).ok_or_else(|| unsent(&lost));
            }
            last.clear();
            last.extend_from_slice(bytes);
        }
        match self.connection.finish(last).await {
            Ok(reply) => {
                if reply.asks_to_slow_down() {
                    self.turn.slow_down();
                } else if reply.is_positive() {
                    self.turn.sent();
                }
                self.connection.leave();
                Ok((reply, false))
            }
            Err(Unfinished::BeforeTheDot(lost)) => Err(unsent(&lost)),
            Err(Unfinished::BehindTheDot(lost)) => {
                self.turn.sent();
                Ok((lost_behind_the_dot(lost), true))
            }
        }
    }

    /// The transaction ends without a message.
    async fn give_back(self) {
        if let Some(connection) = Connection::reset(Some(self.connection)).await {
            connection.leave();
        }
    }
}

/// The refusal of what would need SMTPUTF8 (RFC 6531 3.4), which the mail server does not offer.
async fn beyond_ascii(mail: &Mail, carries: Carries, message: &Spooled) -> Result<Option<Reply>, Fault> {
    let what = if carries.utf8 {
        return Ok(None);
    } else if !mail.address.is_ascii() {
        "an address"
    } else if mail.utf8 && !has_ascii_head(message).await.map_err(|error| unreadable(&error))? {
        "the header"
    } else {
        return Ok(None);
    };
    Ok(Some(not_ascii(what)))
}

async fn has_ascii_head(message: &Spooled) -> io::Result<bool> {
    let mut start = Vec::new();
    message.read().await?.take(HEAD_CAP as u64).read_to_end(&mut start).await?;
    let end = header_end(&start, 0).unwrap_or(start.len());
    Ok(start.get(..end).is_some_and(<[u8]>::is_ascii))
}

/// What Exchange refuses for the mailbox or the tenant is no fault of this message: it waits, as do the others.
fn of_the_mailbox(reply: &Reply) -> Option<Fault> {
    if reply.is_positive() { None } else { mailbox_refusal(&reply.text()).or_else(|| not_signed_on(reply)) }
}

/// RFC 4954 6: only who signs on is answered so, or who did not. It says nothing of the message.
pub const fn is_about_sign_on(reply: &Reply) -> bool {
    matches!(reply.code, 530 | 534 | 535 | 538)
}

/// Whoever is signed on does not hear 530 (RFC 4954 4.1), so the sign-on is gone; or it is not allowed any more.
pub fn not_signed_on(reply: &Reply) -> Option<Fault> {
    let text = reply.text();
    match reply.code {
        530 => Some(UPSTREAM_NOT_SIGNED_ON.fault().detail(format!("upstream said {text:?}"))),
        _ => is_about_sign_on(reply).then(|| sign_on_refusal(Protocol::Smtp, &text, None, false).fault),
    }
}

/// Too much of everything, whatever the message is; of what, its words say.
fn throttled(reply: &Reply) -> Option<Fault> {
    let text = reply.text();
    // One that says more says it of the mailbox as well, or it would be no throttling to whoever asks.
    let entry = || message_refusal(&text).filter(|entry| is_throttled(entry.id)).unwrap_or(UPSTREAM_THROTTLED);
    reply.asks_to_slow_down().then(|| entry().fault().detail(format!("upstream said {text:?}")))
}

/// The same at MAIL; 421: the service closes (RFC 5321 3.8), to whomever; 454 4.7.0: it cannot look at sign-ons now (RFC
/// 4954 6). Any other 4xx may be about the sender, and is that message's alone.
fn asks_to_wait(reply: &Reply) -> Option<Fault> {
    let is_of_all = reply.code == 421 || (reply.code, reply.enhanced()) == (454, Some(Enhanced(4, 7, 0)));
    let said = || UPSTREAM_UNAVAILABLE.fault().detail(format!("upstream said {:?}", reply.text()));
    throttled(reply).or_else(|| is_of_all.then(said))
}

fn unsent(lost: &Lost) -> Fault {
    UPSTREAM_LOST.fault().detail(lost.to_string())
}

fn unreadable(error: &io::Error) -> Fault {
    MESSAGE_BODY_UNREADABLE.fault().detail(format!("the body of a message in the queue: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_words_come_with_a_432_it_is_a_throttling() {
        for words in
            ["4.3.2 SubmissionQuotaExceeded", "4.5.3 Too many recipients", "5.2.2 Submission quota exceeded", "4.3.2"]
        {
            let fault = throttled(&Reply::new(432, words)).unwrap();
            assert!(is_throttled(fault.id), "{words}: {}", fault.id);
        }
    }
}
