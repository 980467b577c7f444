//! DATA: the message body on its way through.
//!
//! The 354 is ours. The header block is read first (cap 256 KiB), then DATA goes upstream and the body streams
//! through two buffers of fixed size. A refusal, ours or the upstream's, does not stop the reading: the client is
//! told at the end of data, and an upstream that was in mid-body is closed without the final dot.

use std::{
    fmt, mem,
    time::{Duration, Instant},
};

use tokio::time::timeout_at;

use super::{
    attend::{Left, attended},
    mending::{HeldBody, mended},
    opened::Envelope,
    pace::Pace,
    recipients,
    record::record,
    refused::larger_than,
    relay::{Next, Relay, WANTED_LOOK, lost_reply, softened},
    rights::{Denied, unlisted},
    sink::{Sink, Writing, not_spooled},
    spooled,
};
use crate::{
    base::Fault,
    catalog::replies::{coded, lost_behind_the_dot, not_ascii, refusal},
    message::{FIELDS_CAP, FROM_CAP, HEAD_CAP, Headers, Repairs, has_too_many_fields, header_end},
    net::read_up_to,
    outbound::{Lost, Unfinished},
    queue::QueueId,
    wire::{
        lines::Lines,
        smtp::{Body, Mail, Reply, SIZE_LIMIT, body::Flaw},
    },
};

/// One read of the body; one buffer of about twice this size is all that a message of any size takes.
const CHUNK: usize = 32 * 1024;
/// Between two pieces of the body (RFC 5321 4.5.3.2.5 says three minutes at least).
const CLIENT_WAIT: Duration = Duration::from_secs(5 * 60);
/// What is read of a message that is refused already, in octets; a client that goes on has no end in mind.
const TAKEN_CAP: u64 = 4 * SIZE_LIMIT;

/// How far the message is.
enum Way {
    /// The header block is still being gathered; the upstream has heard no DATA.
    Held,
    /// The body, too: it decides about the header block.
    Awaited(HeldBody),
    Open,
    /// Nothing more goes upstream; the reply waits for the end of data.
    Refused(Reply),
}

/// Reads the message behind DATA and passes it on.
pub(super) async fn run(relay: &mut Relay<'_>, mut envelope: Envelope, sink: Sink) -> Next {
    // What goes on at once its mail server judges itself, in its own words.
    let limit = if matches!(sink, Sink::Spool(_)) { relay.size_limit() } else { SIZE_LIMIT };
    let mut passage = Passage::new(&envelope, sink, limit);
    if relay.say(&Reply::new(354, "Start mail input; end with <CRLF>.<CRLF>")).await == Next::Ends {
        record(relay, &envelope, &passage, None);
        return Next::Ends;
    }
    let cut_off = relay.gate.cut_off.clone();
    let passed = tokio::select! {
        biased;
        passed = passage.pass(relay, &envelope) => passed,
        () = cut_off.cancelled() => {
            let reply = relay.closing(coded::CLOSED_TO_STOP, passage.cut_off());
            record(relay, &envelope, &passage, Some(&reply));
            return relay.last_words(&reply).await;
        }
    };
    let reply = match passed {
        Ok(Ok(reply)) => passage.explained(relay, reply),
        Ok(Err(fault)) => relay.refusal(&fault),
        Err(cut) => {
            // What was refused stays refused, whoever hears of it.
            let refused = passage.refusal().cloned().map(|reply| softened(passage.explained(relay, reply)));
            let goodbye = match cut {
                Cut::Left => None,
                Cut::Endless => refused.clone(),
                Cut::Dismissed(goodbye) => Some(goodbye),
            };
            record(relay, &envelope, &passage, refused.as_ref().or(goodbye.as_ref()));
            return match goodbye {
                Some(goodbye) => relay.last_words(&goodbye).await,
                None => Next::Ends,
            };
        }
    };
    envelope.settle(&reply, passage.is_doubtful);
    // As the client hears it, whose own log may be held against ours.
    let reply = softened(reply);
    record(relay, &envelope, &passage, Some(&reply));
    if let Some(Sink::Upstream(connection)) = passage.sink {
        relay.channel = Some(connection).filter(|connection| connection.is_usable());
    }
    // The answer first: it does not wait for an upstream that takes its time over RSET.
    match relay.answer(&reply).await {
        Next::Goes if passage.owes_reset => {
            relay.end_transaction().await.map_or_else(|Left| relay.left(), |()| Next::Goes)
        }
        next => next,
    }
}

/// Why a message has no end.
enum Cut {
    /// Its client left.
    Left,
    /// It was refused, and its client goes on and on.
    Endless,
    /// It is sent away, with these words.
    Dismissed(Reply),
}

impl From<Left> for Cut {
    fn from(_: Left) -> Self {
        Self::Left
    }
}

pub(super) struct Passage {
    pub(super) body: Body,
    way: Way,
    /// `None` once it is of no more use to this message or the next.
    sink: Option<Sink>,
    /// Bytes for the upstream: the header block while it is held, then one chunk at a time.
    out: Vec<u8>,
    pub(super) octets: u64,
    /// What was read of the client, refused or not.
    pace: Pace,
    /// The transaction is still open upstream, where the message was refused before DATA.
    owes_reset: bool,
    began: Instant,
    /// In octets.
    limit: u64,
    /// As far as the header block was read.
    pub(super) headers: Headers,
    mail: Mail,
    /// What was changed so far, in the envelope too.
    pub(super) repairs: Repairs,
    /// Its name in the queue, once that has it.
    pub(super) queue_id: Option<QueueId>,
    /// The final dot may be on its way.
    is_ending: bool,
    /// It was, and nobody answered.
    is_doubtful: bool,
}

impl Passage {
    fn new(envelope: &Envelope, sink: Sink, limit: u64) -> Self {
        Self {
            body: Body::new(),
            way: Way::Held,
            sink: Some(sink),
            out: Vec::new(),
            octets: 0,
            pace: Pace::default(),
            owes_reset: false,
            began: Instant::now(),
            limit,
            headers: Headers::default(),
            mail: envelope.mail.clone(),
            repairs: envelope.repairs.clone(),
            queue_id: None,
            is_ending: false,
            is_doubtful: false,
        }
    }

    /// The final reply for the client, or what is in the way of the message.
    async fn pass(&mut self, relay: &mut Relay<'_>, envelope: &Envelope) -> Result<Result<Reply, Fault>, Cut> {
        loop {
            let before = self.out.len();
            let ended = self.take_in(relay).await?;
            if self.refusal().is_none()
                && let Some(reply) = self.objection(relay)
            {
                self.refuse(reply);
            }
            self.forward(before, ended, relay).await?;
            if ended {
                return Ok(self.finish(relay, envelope).await);
            }
            if self.refusal().is_some() && self.pace.taken > TAKEN_CAP {
                return Err(Cut::Endless);
            }
        }
    }

    /// More of the message: what was sent ahead, then what comes; true when the data has ended.
    async fn take_in(&mut self, relay: &mut Relay<'_>) -> Result<bool, Cut> {
        let ahead = relay.input.set_aside();
        if !ahead.is_empty() {
            return Ok(self.swallow(&ahead, &mut relay.input));
        }
        let mut ended = false;
        let start = tokio::time::Instant::now();
        let most = CLIENT_WAIT.min(self.pace.allowed().saturating_sub(self.began.elapsed()));
        let mut look = self.pace.left_while_wanted();
        let reply = loop {
            let holds_room = matches!(self.sink, Some(Sink::Upstream(_)));
            let wait = if holds_room { look.min(most) } else { most };
            let (client, input) = (&mut relay.client, &mut relay.input);
            let read = read_up_to::<CHUNK, _>(client, |bytes| ended = self.swallow(bytes, input));
            match timeout_at(start + wait, read).await {
                Ok(Ok(n)) if n > 0 => {
                    self.pace.note_wait(start.elapsed());
                    return Ok(ended);
                }
                Ok(_) => return Err(Cut::Left),
                Err(_) if wait == most => {
                    break relay.explained(refusal(coded::TOO_SLOW, "nothing was delivered"), None);
                }
                Err(_) if self.is_wanted() => break relay.makes_room(),
                Err(_) => look += WANTED_LOOK,
            }
        };
        // First the room, then the words; for the record too, it was not the client that left.
        self.sink = None;
        Err(Cut::Dismissed(reply))
    }

    /// Somebody waits for the room that this message has upstream.
    fn is_wanted(&self) -> bool {
        matches!(&self.sink, Some(Sink::Upstream(connection)) if connection.is_wanted())
    }

    /// One piece of the client's input; true when the data has ended. What lies behind the end is the next command.
    fn swallow(&mut self, piece: &[u8], input: &mut Lines) -> bool {
        let before = self.out.len();
        let passed = self.body.pass(piece, &mut self.out);
        self.pace.taken += passed.consumed as u64;
        self.octets += (self.out.len() - before) as u64;
        input.feed(piece.get(passed.consumed..).unwrap_or_default());
        passed.ended
    }

    fn objection(&self, relay: &Relay<'_>) -> Option<Reply> {
        if let Some(flaw) = self.body.flaw() {
            let of = match flaw {
                Flaw::BareCr => coded::BROKEN_BY_CR,
                Flaw::Nul => coded::BROKEN_BY_NUL,
            };
            return Some(of.reply());
        }
        if self.octets > self.limit {
            return Some(larger_than(self.limit));
        }
        if let Some(refusal) = recipients::too_large(relay.entry.id(), &relay.admitted, self.octets) {
            return Some(refusal);
        }
        let held = matches!(self.way, Way::Held);
        let is_head_too_large = || header_end(&self.out, 0).is_none_or(|end| end > HEAD_CAP);
        (held && self.out.len() > HEAD_CAP && is_head_too_large())
            .then(|| head_too_large(format_args!("it has more than {} KiB", HEAD_CAP / 1024)))
    }

    /// The first refusal counts, ours or the upstream's. In mid-body the connection is closed without the final dot; one
    /// that heard no DATA serves again, once the transaction that is open there is ended.
    fn refuse(&mut self, reply: Reply) {
        match self.way {
            Way::Refused(_) => return,
            Way::Open => self.sink = None,
            Way::Held | Way::Awaited(_) => self.owes_reset = true,
        }
        self.way = Way::Refused(reply);
    }

    fn explained(&self, relay: &Relay<'_>, reply: Reply) -> Reply {
        relay.explained(reply, Denied::in_headers(&self.headers, &relay.admitted.account))
    }

    const fn refusal(&self) -> Option<&Reply> {
        match &self.way {
            Way::Refused(reply) => Some(reply),
            Way::Held | Way::Awaited(_) | Way::Open => None,
        }
    }

    async fn forward(&mut self, before: usize, ended: bool, relay: &mut Relay<'_>) -> Result<(), Left> {
        if matches!(self.way, Way::Held) {
            let complete = header_end(&self.out, before.saturating_sub(3));
            if complete.is_none() && !ended {
                return Ok(());
            }
            let length = complete.unwrap_or(self.out.len());
            if has_too_many_fields(self.out.get(..length).unwrap_or_default()) {
                self.refuse(head_too_large(format_args!("it has more than {FIELDS_CAP} fields")));
                self.out.clear();
                return Ok(());
            }
            let (head, awaits_body) = self.mend(length, relay);
            match self.reads_badly(head, relay) {
                Some(reply) => self.refuse(reply),
                None if awaits_body => self.way = Way::Awaited(HeldBody::new(head)),
                None => self.open(ended, None, relay).await?,
            }
        }
        if let Way::Awaited(held) = &mut self.way {
            let before = self.out.len();
            if !held.is_over(&mut self.out, ended, &mut self.repairs) {
                return Ok(());
            }
            self.octets += (self.out.len() - before) as u64;
            let undecided = held.undecided(ended);
            self.open(ended, undecided, relay).await?;
        }
        if let Way::Open = self.way {
            if ended && matches!(self.sink, Some(Sink::Upstream(_))) {
                // It goes with the final dot.
                return Ok(());
            }
            if let Some(refusal) = self.write().await {
                self.refuse(refusal);
            }
        }
        self.out.clear();
        Ok(())
    }

    /// Passes on what is there; a refusal, if one comes of it.
    async fn write(&mut self) -> Option<Reply> {
        match &mut self.sink {
            Some(Sink::Upstream(connection)) => {
                let lost = connection.body(&self.out).await.err()?;
                Some(connection.refusal().await.unwrap_or_else(|| lost_reply(&lost)))
            }
            Some(Sink::Spool(Some(draft))) => draft.write(&self.out).await.err().map(|fault| not_spooled(&fault)),
            Some(Sink::Spool(None)) | None => None,
        }
    }

    /// Mends the header block, the first `length` octets; how long it is then, and whether the body has a say in it.
    fn mend(&mut self, length: usize, relay: &Relay<'_>) -> (usize, bool) {
        let mended = mended(&relay.admitted, &self.mail, self.out.get(..length).unwrap_or_default());
        self.repairs.join(&mended.repairs);
        let Some(head) = mended.head else { return (length, mended.awaits_body) };
        let new = head.len();
        self.octets = self.octets + new as u64 - length as u64;
        self.out.splice(..length, head);
        // One that had no empty line may have one now.
        (header_end(&self.out, 0).unwrap_or(new), mended.awaits_body)
    }

    /// Reads the header block, the first `length` octets: what is wrong with it, if anything is.
    fn reads_badly(&mut self, length: usize, relay: &Relay<'_>) -> Option<Reply> {
        let head = self.out.get(..length).unwrap_or_default();
        let headers = Headers::read(head);
        let verdict = self.objects_to(&headers, head, relay);
        self.headers = headers;
        verdict
    }

    fn objects_to(&self, headers: &Headers, head: &[u8], relay: &Relay<'_>) -> Option<Reply> {
        if headers.is_from_too_large {
            let kib = FROM_CAP / 1024;
            return Some(head_too_large(format_args!("From and Sender have more than {kib} KiB")));
        }
        if let Some((sender, place)) = unlisted(headers, &relay.admitted) {
            return Some(relay.refused_author(sender, place));
        }
        let carried = self.sink.as_ref().is_some_and(Sink::carries_utf8);
        (self.mail.utf8 && !carried && !head.is_ascii()).then(|| not_ascii("the header"))
    }

    /// Says DATA upstream. A message that is here to its end goes its way whether its sender waits or not. `undeclared`: see
    /// [`Writing::begin`].
    async fn open(&mut self, ended: bool, undeclared: Option<usize>, relay: &mut Relay<'_>) -> Result<(), Left> {
        let answer = match &mut self.sink {
            Some(Sink::Upstream(connection)) if ended => connection.data().await,
            Some(Sink::Upstream(connection)) => {
                attended(&mut relay.client, &mut relay.input, connection.data()).await?
            }
            Some(Sink::Spool(draft)) => {
                match Writing::begin(&relay.gate.spool, undeclared).await {
                    Ok(begun) => {
                        *draft = Some(begun);
                        self.way = Way::Open;
                    }
                    Err(fault) => self.refuse(not_spooled(&fault)),
                }
                return Ok(());
            }
            None => Err(Lost::Closed),
        };
        match answer {
            Ok(reply) if reply.code == 354 => self.way = Way::Open,
            Ok(reply) => self.refuse(reply),
            Err(lost) => self.refuse(lost_reply(&lost)),
        }
        Ok(())
    }

    async fn finish(&mut self, relay: &Relay<'_>, envelope: &Envelope) -> Result<Reply, Fault> {
        let answer = match (&self.way, &mut self.sink) {
            (Way::Refused(reply), _) => return Ok(reply.clone()),
            (_, Some(Sink::Upstream(connection))) => {
                self.is_ending = true;
                connection.finish(mem::take(&mut self.out)).await
            }
            (_, Some(Sink::Spool(draft))) => {
                let Some(writing) = draft.take() else { return Ok(lost_reply(&Lost::Closed)) };
                self.is_ending = true;
                let (draft, is_eight_bit) = match writing.end(&mut self.repairs).await {
                    Ok(written) => written,
                    Err(fault) => return Ok(not_spooled(&fault)),
                };
                self.octets = draft.octets();
                // What nobody announced, or a repair says of it now, is announced upstream (RFC 6152 2); so is its size.
                let mail = Mail { eight_bit: envelope.mail.eight_bit || is_eight_bit, ..envelope.mail.clone() };
                let (reply, queue_id) = spooled::hand_over(relay, &mail, &envelope.recipients, draft).await?;
                self.queue_id = queue_id;
                return Ok(reply);
            }
            (_, None) => Err(Unfinished::BeforeTheDot(Lost::Closed)),
        };
        Ok(answer.unwrap_or_else(|unfinished| match unfinished {
            Unfinished::BeforeTheDot(lost) => lost_reply(&lost),
            Unfinished::BehindTheDot(lost) => {
                self.is_doubtful = true;
                lost_behind_the_dot(lost)
            }
        }))
    }
}

impl Passage {
    /// The daemon ends; so does the upstream's connection, in mid-body without the final dot. What the client hears.
    fn cut_off(&mut self) -> &'static str {
        self.sink = None;
        match self.is_ending {
            true => "it shuts down, the message may have been delivered",
            false => "it shuts down, nothing was delivered, try again",
        }
    }
}

fn head_too_large(what: fmt::Arguments<'_>) -> Reply {
    refusal(coded::HEADER_SIZE, what)
}
