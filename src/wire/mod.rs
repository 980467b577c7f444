//! Sans-IO machines: they eat bytes and say what to do. No socket, no clock, no randomness.
//!
//! `front` faces the mail client, `back` faces the upstream; the same file names in `smtp`, `imap` and `pop3`
//! (read `pop3` first, it is the smallest). Every machine owes: cut anywhere, same answers; no step without input
//! makes progress for ever; input is bounded; plaintext behind STARTTLS is a [`Violation`], state starts afresh
//! after TLS. After its last event a machine answers [`Step::Read`] and leaves its input alone: what follows the
//! verdict belongs to whatever comes next.

mod budget;
pub mod imap;
pub mod lines;
pub mod pop3;
pub mod sasl;
pub mod smtp;

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

use budget::Budget;
pub use budget::ERROR_BUDGET;
use lines::Tongue;

use crate::base::{Claim, Fault};

/// The faults that a machine tells a client of by itself. It knows no catalogue: it is given them, and adds what is particular.
#[derive(Debug)]
pub struct Told {
    /// A login came without the TLS that comes first.
    pub tls_first: Fault,
    /// What came is no command, or none for now.
    pub mistake: Fault,
    /// The machine ends the connection.
    pub closing: Fault,
}

impl Told {
    fn mistake(&self, words: &str) -> String {
        self.mistake.clone().saying(words).reply_text()
    }

    fn closing(&self, why: &str) -> String {
        self.closing.clone().saying(why).reply_text()
    }
}

/// Why a machine ends a connection, behind the text.
pub const TOO_MANY_MISTAKES: &str = "too many mistakes";
const TOO_MANY_COMMANDS: &str = "too many commands without a login";

/// What the driver has to do next.
#[derive(Debug)]
pub enum Step<E> {
    /// Needs more bytes from the peer.
    Read,
    /// Send these to the peer.
    Write(Bytes),
    /// Flush, then do the TLS handshake; the machine's state is already afresh. Input that was already
    /// there is a violation which the machine itself reports.
    StartTls,
    /// Something the session decides about.
    Event(E),
}

/// A peer broke the protocol: the session ends, the log says how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// What was wrong, in words for the log; never the peer's secret.
    pub what: Cow<'static, str>,
    /// Where the peer is to get any.
    pub farewell: Option<Farewell>,
    pub breach: Breach,
}

/// Last words to a peer, in its own dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// What stands before the text, `554 5.5.1` or `* BYE`.
    pub code: Cow<'static, str>,
    /// What is particular behind the text, which is that of what the violation is of; empty where nothing is.
    pub words: Cow<'static, str>,
}

/// What a violation is of, where it is known what stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    Grammar,
    /// TLS came where plain text was due.
    SpeaksTls,
    /// The same of HTTP.
    SpeaksHttp,
    /// TLS is not to be had where it must be: not offered, or refused.
    LacksTls,
    /// What came behind a DATA that was refused may be its message.
    MessageUnasked,
}

impl Violation {
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), farewell: None, breach: Breach::Grammar }
    }

    /// The peer speaks `tongue` in the place of `due`; `code` is before the words that it gets.
    fn speaks(tongue: Tongue, due: &str, code: impl Into<Cow<'static, str>>) -> Self {
        let (breach, words) = match tongue {
            Tongue::Tls => (Breach::SpeaksTls, String::new()),
            Tongue::Http => (Breach::SpeaksHttp, format!("{due}, not HTTP")),
        };
        let what = format!("{} on a plain {due} connection", tongue.as_str());
        Self { breach, ..Self::new(what) }.farewell(code, words)
    }

    /// Of an upstream that was asked for TLS and has none.
    pub fn lacks_tls(what: impl Into<Cow<'static, str>>) -> Self {
        Self { breach: Breach::LacksTls, ..Self::new(what) }
    }

    pub fn farewell(mut self, code: impl Into<Cow<'static, str>>, words: impl Into<Cow<'static, str>>) -> Self {
        self.farewell = Some(Farewell { code: code.into(), words: words.into() });
        self
    }
}

/// A protocol machine, either side.
pub trait Machine {
    type Event;

    /// Takes bytes from the peer. Bounded by the reader: `step` reports a violation when the cap is passed.
    fn feed(&mut self, bytes: &[u8]);

    /// What to do next. Call until it answers `Read` (or an event that ends the machine's work).
    fn step(&mut self) -> Result<Step<Self::Event>, Violation>;

    /// What was read beyond the last event, for whatever comes next.
    fn into_unread(self) -> BytesMut;
}

/// What a client wants before it is signed on.
#[derive(Debug)]
pub enum Knock {
    /// Complete credentials: answer with `accept` or `refuse`.
    Login(Claim),
    /// Wants to be served by its address alone (SMTP `MAIL` without AUTH); `accept` or `refuse`.
    /// The command itself stays in the input.
    Unnamed,
    /// Wanted to be let in without the TLS that comes first here; was refused and has been answered, and may go on.
    Unprotected,
    /// Said what is no command, or none for now, which these words tell; has been answered, and may go on.
    Mistaken(Cow<'static, str>),
    /// Said goodbye and has been answered; close.
    Bye,
    /// Has been shown out, for this; close.
    ShownOut(&'static str),
}

/// How a sign-on at the upstream ended.
#[derive(Debug)]
pub enum SignOn {
    /// Signed on. `capabilities` is what the upstream offers now (protocol words, upper case), `untagged` holds
    /// lines of the upstream's own that must reach the client after our OK (IMAP only). `initial_response`: it took one
    /// on the line of AUTH, whatever it says of that behind the sign-on (IMAP only).
    Done { capabilities: Vec<String>, initial_response: bool, untagged: Bytes },
    /// Refused, in the upstream's words (of IMAP's BYE with `* BYE`). `challenge` is the decoded error challenge
    /// where one came. `early`: AUTH had not begun and nobody was named, so no word of it is about the account.
    Refused { text: String, challenge: Option<String>, early: bool },
}

/// The machine that faces a mail client until it is signed on.
pub trait Front: Machine<Event = Knock> {
    /// Whether the connection is protected now; the driver calls it after a TLS handshake.
    fn secured(&mut self);

    /// Says yes in the client's dialect; the following `step`s write it.
    fn accept(&mut self, welcome: &Welcome);

    /// Says no in the client's dialect; the client may try again unless its budget is used up.
    fn refuse(&mut self, fault: &Fault);

    /// Whether the client has sent more than the command that was the last event.
    fn has_unread(&self) -> bool;
}

/// What the upstream offered, for the client's OK.
#[derive(Debug, Default, Clone)]
pub struct Welcome {
    pub capabilities: Vec<String>,
    /// Untagged lines of the upstream that follow our OK.
    pub untagged: Bytes,
}

/// How a client's connection is protected, and what it may do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Plain, and no TLS is offered.
    Plain,
    /// Plain; STARTTLS may be used.
    Offered,
    /// Plain; no credentials before STARTTLS.
    Required,
    /// Inside TLS.
    Secured,
}

impl Protection {
    pub const fn offers_starttls(self) -> bool {
        matches!(self, Protection::Offered | Protection::Required)
    }

    pub const fn takes_credentials(self) -> bool {
        !matches!(self, Protection::Required)
    }
}

/// The machine that signs on at the upstream.
pub trait Back: Machine<Event = SignOn> {
    /// The upstream closed. Some protocols say something by it (see `imap::back`); otherwise `None`: a lost connection.
    fn closed(&mut self) -> Option<SignOn>;
}

#[cfg(test)]
#[rustfmt::skip] // dialogues are tables: one turn a line
mod tests;
