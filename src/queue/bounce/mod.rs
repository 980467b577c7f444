//! Tells the sender that a message, or some of its recipients, failed (RFC 3461, RFC 3464).
//!
//! A notice goes through the same mailbox with the null sender. Where that is refused it goes as the mailbox, and where
//! the sender's address is refused, the postmaster of the configuration gets one that says so and holds it. The failures
//! of one attempt are one notice.
//! It is never sent for a notice, for a message without a sender, nor for a recipient that wants none; then, and where
//! every way is shut, the log and `notify` have it.

mod advice;
mod facts;
mod head;
mod mime;
mod onward;
mod report;
#[cfg(test)]
mod tests;
mod words;

use std::time::SystemTime;

use tokio::io::AsyncReadExt;
use tracing::{error, info, warn};

use super::{
    Queue,
    envelope::{mail_line, read_mail, read_recipient, recipient_line},
    fault::NotQueued,
    hold, outcome,
    refusals::{Advice, Refusal},
};
use crate::{
    base::printable,
    spool::{Spooled, random_word},
    store::{NewMessage, QueuedMessage, QueuedRecipient, RecipientState},
    wire::smtp::{Mail, Rcpt},
};
use facts::{Facts, Failed, Onward};
pub use head::read as read_head;

/// One piece of a notice that another one holds.
const PIECE: usize = 8 * 1024;

/// The ways of a notice, as they stand in the store.
const BY_NOBODY: u8 = 1;
const BY_THE_MAILBOX: u8 = 2;
const TO_THE_POSTMASTER: u8 = 3;

/// What `Queue::tell_sender` did.
pub(super) enum Told {
    /// There is nothing to tell any more.
    Settled,
    /// It was a notice, and goes another way.
    Redirected,
}

fn word() -> Result<String, NotQueued> {
    random_word().ok_or_else(|| NotQueued::bug("the system gives no random bytes"))
}

/// A failure, for who tells people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureNote {
    pub at: SystemTime,
    pub queue_id: String,
    pub account: String,
    pub sender: String,
    pub recipients: Vec<String>,
    /// Beside these.
    pub more_recipients: usize,
    pub reply: String,
    /// The id of what it failed of, or is held for.
    pub fault: Option<&'static str>,
    /// The sender gets a notice, as far as is known.
    pub is_told: bool,
    /// That notice, by its own id.
    pub notice: Option<String>,
    /// Somebody is to hear of it: it has a sender, who did not ask for no notice.
    pub is_notice_wanted: bool,
    /// It did not fail for good: it is held until somebody looks at it, for this reason of [`super::hold`].
    pub hold: Option<&'static str>,
}

impl FailureNote {
    /// It is gone, and who wanted to hear of that did not.
    pub const fn is_lost(&self) -> bool {
        !self.is_told && self.hold.is_none() && self.is_notice_wanted
    }

    /// It is gone, and the notice of that was taken: one that waits may fail yet.
    pub const fn is_returned(&self) -> bool {
        self.is_told && self.hold.is_none() && self.notice.is_none()
    }
}

impl Queue {
    /// Cancel safe: it is told once, or still to be told.
    pub(super) async fn tell_sender(&self, message: &QueuedMessage) -> Result<Told, NotQueued> {
        let is_news = |one: &&QueuedRecipient| one.state == RecipientState::Failed && !one.is_reported;
        let failed: Vec<&QueuedRecipient> = message.recipients.iter().filter(is_news).collect();
        if failed.is_empty() {
            return Ok(Told::Settled);
        }
        if message.bounce > 0 {
            return self.other_way(message, &failed).await;
        }
        let sender = read_mail(&message.mail).unwrap_or_default();
        let wanted: Vec<Failed> = failed.iter().filter_map(|one| Failed::of(one)).collect();
        let notice = match (sender.address.is_empty(), wanted.is_empty()) {
            (false, false) => Some(self.write_notice(message, &sender, &wanted).await?),
            _ => None,
        };
        self.note(message, &sender.address, &failed, notice.as_ref().map(|(notice, _)| notice.id.clone())).await;
        let Some((notice, mut body)) = notice else {
            let why = if sender.address.is_empty() { "it has no sender" } else { "no notice is wanted" };
            let Advice { id, text, owner, next, .. } = self.advice_of(message, failed.first().copied()).await;
            warn!(
                queue_id = message.id,
                session = message.session,
                id,
                text,
                owner,
                next,
                "delivery failed and nobody is told by mail: {why}"
            );
            self.store.report_failures(message.sequence, None).await?;
            return Ok(Told::Settled);
        };
        self.send_notice(message, &notice, &mut body).await?;
        info!(
            queue_id = message.id,
            session = message.session,
            notice = notice.id,
            "the sender is told that delivery failed"
        );
        Ok(Told::Settled)
    }

    /// Both are on disk, or neither: that it is told, and the notice.
    async fn send_notice(
        &self,
        about: &QueuedMessage,
        notice: &NewMessage,
        body: &mut Spooled,
    ) -> Result<(), NotQueued> {
        let turn = self.acceptance.lock().await;
        if let Some(sequence) = self.store.report_failures(about.sequence, Some(notice)).await? {
            body.keep();
            self.enter(sequence, notice);
        }
        drop(turn);
        Ok(())
    }

    async fn write_notice(
        &self,
        message: &QueuedMessage,
        sender: &Mail,
        failed: &[Failed],
    ) -> Result<(NewMessage, Spooled), NotQueued> {
        let head = match self.spool.kept(&message.id).await {
            Ok(body) => head::read(&body).await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let facts = Facts {
            lang: self.orders().lang,
            host: &self.host,
            mailbox: &message.account,
            message,
            sender,
            failed,
            head: &head,
            now: self.clock.wall(),
            id: &word()?,
            boundary: &word()?,
        };
        let mut draft = self.spool.draft_notice().await?;
        draft.write(report::compose(&facts).as_bytes()).await?;
        let body = draft.finish().await?;
        let mail = Mail { utf8: !sender.address.is_ascii(), ..Mail::default() };
        Ok((self.notice(message, &body, &mail, &sender.address, BY_NOBODY), body))
    }

    fn notice(&self, about: &QueuedMessage, body: &Spooled, mail: &Mail, to: &str, way: u8) -> NewMessage {
        let rcpt = Rcpt { address: to.to_owned(), notify: Some("NEVER".to_owned()), orcpt: None };
        NewMessage {
            id: body.name().to_owned(),
            account: about.account.clone(),
            client: about.client.clone(),
            session: about.session,
            accepted_at: self.clock.wall(),
            octets: body.octets(),
            mail: mail_line(mail),
            recipients: vec![recipient_line(&rcpt)],
            hold: None,
            bounce: way,
        }
    }

    /// The notice of this notice, for the postmaster.
    async fn tell_postmaster(
        &self,
        notice: &QueuedMessage,
        text: &Spooled,
        failed: &Rcpt,
        why: Option<&QueuedRecipient>,
        to: &str,
    ) -> Result<Told, NotQueued> {
        let reply = why.and_then(|one| one.reply.as_deref()).unwrap_or_default();
        let onward = Onward {
            lang: self.orders().lang,
            host: &self.host,
            mailbox: &notice.account,
            postmaster: to,
            sender: &failed.address,
            reply,
            now: self.clock.wall(),
            id: &word()?,
            boundary: &word()?,
        };
        let (before, behind) = onward::around(&onward);
        let mut draft = self.spool.draft_notice().await?;
        draft.write(before.as_bytes()).await?;
        let unreadable = |error: std::io::Error| NotQueued::bug(format!("the notice cannot be read: {error}"));
        let mut inner = text.read().await.map_err(unreadable)?;
        let mut piece = vec![0; PIECE];
        loop {
            let length = inner.read(&mut piece).await.map_err(unreadable)?;
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            draft.write(bytes).await?;
        }
        draft.write(behind.as_bytes()).await?;
        let mut body = draft.finish().await?;
        let mail = Mail { address: notice.account.clone(), ..read_mail(&notice.mail).unwrap_or_default() };
        let next = self.notice(notice, &body, &mail, to, TO_THE_POSTMASTER);
        self.send_notice(notice, &next, &mut body).await?;
        self.failures.goes_on(&notice.id, &next.id);
        let advice = self.advice_of(notice, why).await;
        warn!(
            queue_id = notice.id,
            session = notice.session,
            reply,
            id = advice.id,
            text = advice.text,
            owner = advice.owner,
            next = advice.next,
            notice = next.id,
            "a notice about a failed message was refused; the postmaster is told"
        );
        Ok(Told::Settled)
    }

    /// A notice failed. One that was tried for as long as it may be goes nowhere else: what was in the way is in every
    /// way.
    async fn other_way(&self, notice: &QueuedMessage, failed: &[&QueuedRecipient]) -> Result<Told, NotQueued> {
        let reply = failed.first().and_then(|one| one.reply.as_deref()).unwrap_or_default();
        let rcpt = failed.first().and_then(|one| read_recipient(&one.line)).unwrap_or_default();
        let postmaster = self.orders().postmaster.clone();
        match (notice.bounce, postmaster) {
            _ if outcome::is_expiry(reply) => {}
            (BY_NOBODY, _) => return self.as_the_mailbox(notice, &rcpt, failed.first().copied()).await,
            (BY_THE_MAILBOX, Some(postmaster)) if !postmaster.eq_ignore_ascii_case(&rcpt.address) => {
                match self.spool.kept(&notice.id).await {
                    Ok(body) => {
                        return self.tell_postmaster(notice, &body, &rcpt, failed.first().copied(), &postmaster).await;
                    }
                    // Nothing is left to be told, today or later.
                    Err(fault) if fault.is_missing() => {}
                    Err(fault) => return Err(fault.into()),
                }
            }
            _ => {}
        }
        let Advice { id, text, owner, next, .. } = self.advice_of(notice, failed.first().copied()).await;
        error!(
            queue_id = notice.id,
            session = notice.session,
            reply,
            id,
            text,
            owner,
            next,
            hint =
                "nobody was told of that message, and it is gone: have it sent again; `gatepost queue list` names it",
            "a notice about a failed message cannot be delivered either, and is given up"
        );
        if !self.failures.is_untold(&notice.id, self.clock.wall()) {
            // Of what it was is not known any more: who was to hear of it is.
            let to = if notice.bounce == TO_THE_POSTMASTER { &notice.account } else { &rcpt.address };
            self.note(notice, to, &[], None).await;
        }
        self.store.report_failures(notice.sequence, None).await?;
        Ok(Told::Settled)
    }

    async fn as_the_mailbox(
        &self,
        notice: &QueuedMessage,
        to: &Rcpt,
        why: Option<&QueuedRecipient>,
    ) -> Result<Told, NotQueued> {
        let Advice { id, text, owner, next, .. } = self.advice_of(notice, why).await;
        warn!(
            queue_id = notice.id,
            session = notice.session,
            reply = why.and_then(|one| one.reply.as_deref()),
            id,
            text,
            owner,
            next,
            "a notice about a failed message was refused; it goes as the mailbox"
        );
        let before = read_mail(&notice.mail).unwrap_or_default();
        let mail = Mail { address: notice.account.clone(), ..before };
        self.store.redirect_bounce(notice.sequence, BY_THE_MAILBOX, &mail_line(&mail), &recipient_line(to)).await?;
        Ok(Told::Redirected)
    }

    /// `told_by`: the notice to its sender.
    async fn note(&self, message: &QueuedMessage, sender: &str, failed: &[&QueuedRecipient], told_by: Option<String>) {
        let fault = match failed.first().and_then(|one| Refusal::beside(one)) {
            Some(refusal) => Some(self.explained(message, refusal.entry).await.id),
            None => None,
        };
        let address = |one: &&QueuedRecipient| read_recipient(&one.line).map(|rcpt| rcpt.address);
        let reply = failed.first().and_then(|one| one.reply.clone()).unwrap_or_default();
        self.note_undelivered(message, &reply);
        self.failures.push(FailureNote {
            at: self.clock.wall(),
            queue_id: message.id.clone(),
            account: message.account.clone(),
            sender: sender.to_owned(),
            recipients: failed.iter().filter_map(address).collect(),
            more_recipients: 0,
            reply,
            fault,
            is_told: told_by.is_some(),
            is_notice_wanted: told_by.is_some() || message.bounce > 0,
            notice: told_by,
            hold: None,
        });
    }

    /// Nobody would hear of it: it is held.
    pub(super) fn note_held(&self, message: &QueuedMessage, reason: &'static str, reply: &str) {
        let waits = message.recipients.iter().filter(|one| one.state == RecipientState::Waiting);
        let reply = printable(reply, 1000);
        self.note_undelivered(message, &reply);
        self.failures.push(FailureNote {
            at: self.clock.wall(),
            queue_id: message.id.clone(),
            account: message.account.clone(),
            sender: read_mail(&message.mail).unwrap_or_default().address,
            recipients: waits.filter_map(|one| Some(read_recipient(&one.line)?.address)).collect(),
            more_recipients: 0,
            reply,
            fault: hold::fault(reason).map(|entry| entry.id),
            is_told: false,
            notice: None,
            is_notice_wanted: true,
            hold: Some(reason),
        });
    }
}
