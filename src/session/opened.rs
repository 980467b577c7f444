//! The envelope of a message that is open: what was taken so far, and its room upstream.

use std::time::{Duration, Instant};

use super::mistaken::mistake;
use crate::{
    message::Repairs,
    outbound::Turn,
    wire::smtp::{Mail, Mistake, Rcpt, Reply},
};

/// The envelope of the message that is open.
pub(super) struct Envelope {
    pub mail: Mail,
    pub recipients: Vec<Rcpt>,
    started: Instant,
    /// Room for this message upstream, until it is sent; `None`: it does not go there at once.
    turn: Option<Turn>,
    /// For how long an upstream that throttles may still hold up the client, over all recipients.
    pub patience: Duration,
    /// What was changed in it.
    pub repairs: Repairs,
    /// Of the recipient that was refused last.
    refusal: Option<Reply>,
    /// The same of those that may be taken later.
    deferral: Option<Reply>,
}

impl Envelope {
    /// One that goes on later.
    pub(super) fn new(mail: Mail, repairs: Repairs) -> Self {
        Self {
            mail,
            recipients: Vec::new(),
            started: Instant::now(),
            turn: None,
            patience: Duration::ZERO,
            repairs,
            refusal: None,
            deferral: None,
        }
    }

    /// One that the upstream has heard of.
    pub(super) fn with_turn(mail: Mail, repairs: Repairs, turn: Turn, patience: Duration) -> Self {
        Self { turn: Some(turn), patience, ..Self::new(mail, repairs) }
    }

    /// Whether one more recipient fits into the day's.
    pub(super) fn has_room(&self) -> bool {
        self.turn.as_ref().is_none_or(Turn::has_room)
    }

    /// As the upstream answered.
    pub(super) fn note(&mut self, rcpt: &Rcpt, reply: &Reply) {
        if reply.is_positive() {
            self.take(rcpt.clone());
            if let Some(turn) = &mut self.turn {
                turn.note_recipient();
            }
        }
    }

    /// What was said upstream so far and taken.
    pub(super) fn said(&self) -> (&Mail, &[Rcpt]) {
        (&self.mail, &self.recipients)
    }

    /// The upstream asks to slow down.
    pub(super) fn slow_down(&self) {
        self.turn.iter().for_each(Turn::slow_down);
    }

    /// What was taken counts on this turn; `None`: others may have its own.
    pub(super) fn set_turn(&mut self, mut turn: Option<Turn>) {
        turn.iter_mut().for_each(|turn| self.recipients.iter().for_each(|_| turn.note_recipient()));
        self.turn = turn;
    }

    pub(super) fn take(&mut self, rcpt: Rcpt) {
        self.recipients.push(rcpt);
    }

    pub(super) fn note_refusal(&mut self, reply: &Reply) {
        self.refusal = Some(reply.clone());
        if reply.is_transient() {
            self.deferral.clone_from(&self.refusal);
        }
    }

    /// The answer to DATA where no recipient was taken (RFC 5321 3.3), with what was in their way: a client may heed this answer
    /// alone. Not for good where one was refused for now.
    pub(super) fn without_recipients(&self) -> Reply {
        let nobody = Mistake::NO_RECIPIENTS;
        let refused = self.refusal.as_ref().and_then(Reply::fault);
        match (&self.deferral, refused) {
            (Some(reply), _) => reply.clone().coded(451),
            (None, Some(fault)) => Reply::of((nobody.code, nobody.enhanced), fault),
            (None, None) => mistake(&nobody),
        }
    }

    pub(super) const fn refusal(&self) -> Option<&Reply> {
        self.refusal.as_ref()
    }

    pub(super) fn sender(&self) -> &str {
        &self.mail.address
    }

    /// When its MAIL was taken.
    pub(super) const fn started(&self) -> Instant {
        self.started
    }

    /// Since MAIL.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) const fn recipients(&self) -> usize {
        self.recipients.len()
    }

    /// The message came to an end. One that may have arrived counts as one that did.
    pub(super) fn settle(&mut self, reply: &Reply, is_doubtful: bool) {
        let Some(turn) = self.turn.take() else { return };
        if reply.asks_to_slow_down() {
            turn.slow_down();
        } else if reply.is_positive() || is_doubtful {
            turn.sent();
        }
    }
}
