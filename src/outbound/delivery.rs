//! A message that is on disk goes its way, and what became of each recipient comes back.
//!
//! It decides between the ways and tries nothing twice: when to try again is the business of whoever keeps the message.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{Delivery, Outbound, Outset, Ticket, Trail, Turn, Within, graph};
use crate::{
    account::{Account, Route},
    base::{Fault, Protocol, Stage, StageCell},
    catalog::{
        message::RECIPIENTS_USED_UP,
        own::{MESSAGE_BODY_UNREADABLE, TOKEN_TIMEOUT},
        replies::{coded, refusal},
        upstream::is_smtp_switched_off,
    },
    oauth::Resource,
    wire::smtp::{Mail, Rcpt, Reply},
};

/// From whom and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub mail: Mail,
    pub recipients: Vec<Rcpt>,
}

impl Envelope {
    /// Something of RFC 3461 is asked for.
    pub fn asks_for_notices(&self) -> bool {
        self.mail.wants_notices() || self.recipients.iter().any(Rcpt::wants_notices)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    Deferred,
    Failed,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub fate: Fate,
    pub reply: Reply,
    /// The whole message left our hands for this recipient, and nobody answered: it may have been taken.
    pub is_doubtful: bool,
    /// RCPT was refused: the others may get the message.
    pub is_recipients: bool,
}

impl Verdict {
    /// As a reply of the upstream has it.
    pub fn of(reply: Reply) -> Self {
        let fate = match reply {
            _ if reply.is_positive() => Fate::Delivered,
            _ if reply.is_transient() => Fate::Deferred,
            _ => Fate::Failed,
        };
        Self { fate, reply, is_doubtful: false, is_recipients: false }
    }

    /// As the answer to RCPT has it.
    pub fn of_recipient(reply: Reply) -> Self {
        Self { is_recipients: true, ..Self::of(reply) }
    }

    /// In place of an answer that never came.
    pub fn unknown(reply: Reply) -> Self {
        Self { fate: Fate::Deferred, reply, is_doubtful: true, is_recipients: false }
    }
}

/// What became of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// One for each recipient, in their order.
    pub verdicts: Vec<Verdict>,
    /// How long the other side asks to wait.
    pub retry_after: Option<Duration>,
}

impl Report {
    /// The same for everybody.
    pub fn all(envelope: &Envelope, reply: &Reply) -> Self {
        let verdicts = envelope.recipients.iter().map(|_| Verdict::of(reply.clone())).collect();
        Self { verdicts, retry_after: None }
    }

    /// Somebody may have it although nobody said so.
    pub fn is_doubtful(&self) -> bool {
        self.verdicts.iter().any(|verdict| verdict.is_doubtful)
    }
}

/// Nothing was sent for anybody.
#[derive(Debug, Clone)]
pub struct Unsent {
    pub fault: Fault,
    /// How long the other side asks to wait, or what it said is its answer without its being asked.
    pub retry_after: Option<Duration>,
    /// It was answered from memory for as long: nobody was asked, so nothing failed once more.
    pub is_remembered: bool,
    /// The other side had heard of the message by then, so it may be what is in the way. `false`: it is the way alone, and
    /// every message of the mailbox would have met the same.
    pub may_be_the_message: bool,
}

impl Unsent {
    /// The way is shut, whatever is to be sent on it.
    pub const fn on_the_way(fault: Fault) -> Self {
        Self { fault, retry_after: None, is_remembered: false, may_be_the_message: false }
    }

    /// The way was shut before, and stays so for this long.
    pub fn remembered(fault: Fault, left: Duration) -> Self {
        Self { retry_after: Some(left), is_remembered: true, ..Self::on_the_way(fault) }
    }
}

/// Whoever does not say more leaves it open.
impl From<Fault> for Unsent {
    fn from(fault: Fault) -> Self {
        Self { may_be_the_message: true, ..Self::on_the_way(fault) }
    }
}

/// Whether what is in the way of SMTP is what Graph helps against, for an account that goes by it then.
pub fn goes_by_graph(account: &Account, id: &str) -> bool {
    account.sending.route == Route::SmtpThenGraph && is_smtp_switched_off(id)
}

impl Outbound {
    /// Sends a message, by the ticket of [`Outbound::line_up`]. `Err`: nothing was sent for anybody. Cancel safe until its
    /// outset: then a message may have been sent.
    pub async fn deliver(&self, delivery: &Delivery<'_>, mut ticket: Ticket) -> Result<Report, Unsent> {
        match delivery.account.sending.route {
            Route::Smtp => self.submit(delivery, &mut ticket).await,
            Route::Graph => self.post_in_line(delivery, &mut ticket).await,
            Route::SmtpThenGraph => match self.submit(delivery, &mut ticket).await {
                Err(unsent) if self.goes_by_graph(delivery.account, &unsent.fault) => {
                    self.post_in_line(delivery, &mut ticket).await
                }
                outcome => outcome,
            },
        }
    }

    /// Whether Graph would take a message: a token for it is there. Cancel safe.
    pub async fn reach_graph(&self, account: &Account, deadline: Instant, stage: &StageCell) -> Result<(), Fault> {
        stage.set(Stage::FetchingToken);
        let bearer = self.keepers.bearer_for(&account.sign_in, Resource::Graph);
        let bearer = timeout_at(deadline, bearer).await.unwrap_or_else(|_| Err(TOKEN_TIMEOUT.fault()));
        bearer.map(drop).map_err(|fault| fault.at(stage.now()))
    }

    /// A person says that what was in the way of this account's mail is mended: who delivers next hears no refusal from
    /// memory, unless the mail server asked for the pause.
    pub fn ask_afresh(&self, account: &Account) {
        self.keepers.ask_afresh_for(&account.sign_in);
        self.refusals.forget_of(&account.address, Protocol::Smtp);
    }

    /// What the upstream of this account was last seen to offer, else what its provider is known to. `by_graph`: without
    /// DSN, for which Graph has no place.
    pub fn known_keywords(&self, account: &Account, by_graph: bool) -> Vec<String> {
        let mut known = self.seen.carried(Protocol::Smtp, std::slice::from_ref(&account.sign_in.app));
        known.retain(|word| !by_graph || !word.eq_ignore_ascii_case("DSN"));
        known
    }

    /// Whether what was in the way of SMTP is what Graph helps against. It is remembered for a minute then, so that SMTP is
    /// not asked again with every message; nor is that put off by each.
    pub fn goes_by_graph(&self, account: &Account, fault: &Fault) -> bool {
        let goes = goes_by_graph(account, fault.id);
        let signed_in_at = self.keepers.signed_in_at(&account.sign_in);
        if goes && self.refusals.recall(&account.address, Protocol::Smtp, signed_in_at).is_none() {
            self.refusals.note(&account.address, Protocol::Smtp, signed_in_at, fault, None);
        }
        goes
    }

    /// By Graph, whatever the account says. Cancel safe until its outset.
    pub async fn post(&self, delivery: &Delivery<'_>) -> Result<Report, Unsent> {
        let turn = self.turn(delivery.account, delivery.client, Within::of(delivery.deadline.for_room())).await;
        self.post_at(turn.map_err(Unsent::on_the_way)?, delivery).await
    }

    /// As [`Outbound::post`], in the line of its ticket.
    async fn post_in_line(&self, delivery: &Delivery<'_>, ticket: &mut Ticket) -> Result<Report, Unsent> {
        let turn = self.turn_in_line(ticket, delivery.deadline.for_room()).await;
        self.post_at(turn.map_err(Unsent::on_the_way)?, delivery).await
    }

    async fn post_at(&self, mut turn: Turn, delivery: &Delivery<'_>) -> Result<Report, Unsent> {
        let Delivery { account, envelope, done, message, deadline, outset, trail, .. } = *delivery;
        // Graph takes all of them or nobody, so it would wait for a day that never comes.
        let most = account.sending.limits.recipients_per_day;
        if usize::try_from(most).is_ok_and(|most| envelope.recipients.len() > most) {
            return Ok(Report::all(envelope, &more_than_a_day(most)));
        }
        if !turn.has_room() {
            return Err(Unsent::on_the_way(RECIPIENTS_USED_UP.fault()));
        }
        for _ in &envelope.recipients {
            if !turn.has_room() {
                return Ok(Report::all(envelope, &day_used_up()));
            }
            turn.note_recipient();
        }
        let file = message.read().await;
        let file = file.map_err(|error| MESSAGE_BODY_UNREADABLE.fault().detail(error.to_string()))?;
        let report = graph::send(self.graph(outset, trail), account, envelope, done, file, deadline).await?;
        if report.is_doubtful() || report.verdicts.iter().any(|verdict| verdict.fate == Fate::Delivered) {
            turn.sent();
        }
        Ok(report)
    }

    fn graph<'a>(&'a self, outset: &'a dyn Outset, trail: Trail<'a>) -> graph::Way<'a> {
        graph::Way {
            keepers: &self.keepers,
            http: &self.http,
            meter: &self.meter,
            seats: &self.graph_seats,
            outset,
            trail,
        }
    }
}

/// For a message that no day of the mailbox has room for (RFC 3463 X.5.3).
fn more_than_a_day(most: u32) -> Reply {
    let what = format_args!("one message has more than limits.recipients-per-day, {most}; split it up, or raise that");
    refusal(coded::DAY_EXCEEDED, what)
}

/// For a recipient that the mailbox's day has no room for.
pub fn day_used_up() -> Reply {
    coded::DAY_USED_UP.reply()
}
