//! The switches: everything that can go wrong at Microsoft, one field each, changeable while the sandbox runs.
//!
//! All fields are plain data (serde), so the same switches serve a test, a rehearsal file and the sandbox's own
//! HTTP page. What has no switch of its own is covered by [`Answer`]: any verb answered with any words.
//! Defaults are a healthy tenant with Microsoft's documented limits.

use std::sync::{Arc, RwLock};

use serde::{Deserialize, Serialize};

use super::{exchange::faults::ExchangeFaults, graph::faults::GraphFaults, options::MadeSecret};
use crate::base::Protocol;

/// All switches of the sandbox.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Faults {
    pub identity: IdentityFaults,
    pub exchange: ExchangeFaults,
    pub smtp: SmtpFaults,
    pub imap: ImapFaults,
    pub pop3: Pop3Faults,
    pub graph: GraphFaults,
}

/// Switches of the identity provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct IdentityFaults {
    /// What requests at the token and device-code endpoints get instead of an answer.
    pub mishap: Option<Mishap>,
    /// Added before every answer of the token endpoint.
    pub delay_ms: u64,
    pub expires_in: ExpiresIn,
    /// A refresh answers without a refresh token; the old one stays good (entra-docs, refresh-tokens).
    pub omit_refresh_token: bool,
    pub rotation: Rotation,
    /// The next polls of a device code get `slow_down` (RFC 8628 3.5).
    pub slow_down: u32,
    /// Polling faster than the interval is answered `slow_down`.
    pub strict_interval: bool,
    /// Seconds that the provider's clock is ahead, as the Date of its answers has it; below zero: behind.
    pub clock_ahead: i64,
    /// A public client may not use a client credential or device code ("Allow public client flows" is off).
    pub public_flows_blocked: bool,
    /// What administrators made since. An app with one proves itself where it acts by itself; where a person signs in by it, it
    /// is as public as before.
    pub made_secrets: Vec<MadeSecret>,
    /// Nobody has consented to any app: whoever asks for a token hears this number of Entra, 65001 or, where people may not
    /// consent for themselves, 90094.
    pub without_consent: Option<u32>,
    /// Apps to which an administrator consented since.
    pub consented: Vec<String>,
    /// Every client secret has ended; apps without one are not touched.
    pub secrets_ended: bool,
    /// Tokens are to be had under the id of the tenant alone, and not under its domain, which leads to that id.
    pub tenant_by_id_alone: bool,
}

impl IdentityFaults {
    /// The number that this app hears for want of consent.
    pub(super) fn lacks_consent(&self, client_id: &str) -> Option<u32> {
        self.without_consent.filter(|_| !self.consented.iter().any(|app| app == client_id))
    }
}

/// One thing that happens to requests, `times` times (absent: until switched off).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Mishap {
    pub kind: MishapKind,
    #[serde(default)]
    pub times: Option<u32>,
    /// Only requests with this `grant_type` (or `devicecode`); absent: all.
    #[serde(default)]
    pub grant: Option<String>,
    /// Never requests with this one.
    #[serde(default)]
    pub spares: Option<String>,
}

impl Mishap {
    pub fn new(kind: MishapKind) -> Self {
        Self { kind, times: None, grant: None, spares: None }
    }

    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    pub fn grant(mut self, grant: impl Into<String>) -> Self {
        self.grant = Some(grant.into());
        self
    }

    pub fn sparing(mut self, grant: impl Into<String>) -> Self {
        self.spares = Some(grant.into());
        self
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum MishapKind {
    /// The error body of this AADSTS number.
    Aadsts(u32),
    /// A bare HTTP status, with `Retry-After` where given (seconds).
    Status { status: u16, retry_after: Option<u64> },
    /// 200 with a captive portal's HTML.
    Html,
    /// JSON that stops in the middle.
    Truncated,
    /// JSON with fields of the wrong type.
    WrongTypes,
    /// An answer of this many bytes.
    Huge(u64),
    /// No answer until the client gives up.
    Hang,
    /// The connection closes in the middle of the answer.
    Drop,
    /// A good answer whose access token contains CR LF.
    PoisonedToken,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExpiresIn {
    #[default]
    Number,
    Text,
    Missing,
}

/// What a refresh does with refresh tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// A new one each time, the old one stays good.
    #[default]
    Entra,
    /// A new one each time; using an old one again revokes the whole grant (RFC 9700 4.14).
    OneTime,
    /// The same one for ever (Google).
    Never,
}

/// Byte-level unkindness, the same for all three mail protocols.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct LineFaults {
    /// Added before every answer.
    pub delay_ms: u64,
    /// The connection breaks after this many bytes from the server.
    pub drop_after_bytes: Option<u64>,
    /// Accepts and says nothing.
    pub silent: bool,
    /// 64 KiB of bytes that are no greeting.
    pub garbage_greeting: bool,
    pub certificate: CertificateKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateKind {
    #[default]
    Good,
    WrongName,
    Expired,
    SelfSigned,
}

/// Words put in the place of a real answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Answer {
    /// The verb in upper case; `CONNECT` is the greeting, `.` the end of an SMTP message, `*` any command
    /// after sign-on.
    pub on: String,
    /// Lines joined by CRLF, without the last one; `{tag}` is the IMAP tag, `{tail}` Exchange's `[host time id]`,
    /// `{line}` what the client said last.
    pub reply: String,
    #[serde(default)]
    pub times: Option<u32>,
    /// Close afterwards.
    #[serde(default)]
    pub close: bool,
}

impl Answer {
    pub fn new(on: impl Into<String>, reply: impl Into<String>) -> Self {
        Self { on: on.into(), reply: reply.into(), times: None, close: false }
    }

    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    pub fn close(mut self) -> Self {
        self.close = true;
        self
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct SmtpFaults {
    pub line: LineFaults,
    pub answers: Vec<Answer>,
    /// This many sign-ons are refused although the token is good.
    pub refuse_tokens: u32,
    /// A refused token is answered with a 334 challenge first (Gmail, Postfix).
    pub challenge: bool,
    /// AUTH lines over 2,048 octets are cut and refused (Postfix).
    pub cut_auth_line: bool,
    /// Connections that may send for one mailbox at a time.
    pub connections: Option<usize>,
    pub connections_at: LimitPoint,
    pub messages_per_minute: Option<usize>,
    /// Over the rate: `true` waits for the next minute, `false` answers 432.
    pub slow_down: bool,
    /// The connection breaks after this many bytes of a message.
    pub drop_in_data: Option<u64>,
    pub after_dot: AfterDot,
    /// Waits before the answer to the final dot.
    pub dot_delay_ms: u64,
    pub starttls: StartTls,
    /// Keywords not shown in EHLO (`DSN`, `SMTPUTF8`, ...).
    pub hidden: Vec<String>,
}

impl Default for SmtpFaults {
    fn default() -> Self {
        Self {
            line: LineFaults::default(),
            answers: Vec::new(),
            refuse_tokens: 0,
            challenge: false,
            cut_auth_line: false,
            connections: Some(3),
            connections_at: LimitPoint::default(),
            messages_per_minute: Some(30),
            slow_down: false,
            drop_in_data: None,
            after_dot: AfterDot::default(),
            dot_delay_ms: 0,
            starttls: StartTls::default(),
            hidden: Vec::new(),
        }
    }
}

/// Where the fourth connection of a mailbox gets its 432.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitPoint {
    Connect,
    Auth,
    #[default]
    EndOfData,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterDot {
    #[default]
    Answer,
    /// Breaks without an answer, nothing delivered.
    DropUndelivered,
    /// Breaks without an answer, but the message is delivered.
    DropDelivered,
    /// Never answers, but the message is delivered.
    SilentDelivered,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartTls {
    #[default]
    Offered,
    Missing,
    Refused,
    /// Plain bytes in the same packet behind the 220 (CVE-2021-33515 and kin).
    Injected,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImapFaults {
    pub line: LineFaults,
    pub answers: Vec<Answer>,
    pub refuse_tokens: u32,
    /// A refused token is answered with a `+` challenge first (Gmail, Dovecot).
    pub challenge: bool,
    /// Greets with `* PREAUTH`.
    pub preauth: bool,
    /// Greeting and capabilities of the front end that is rolled out since September 2026.
    pub front_end_2026: bool,
    /// Sessions outlive their token (Gmail).
    pub outlive_token: bool,
    /// Keywords not shown in CAPABILITY (`IDLE`, `SASL-IR`, ...).
    pub hidden: Vec<String>,
    /// Keywords shown there besides, as other servers do (`COMPRESS=DEFLATE`, ...).
    pub shown: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pop3Faults {
    pub line: LineFaults,
    pub answers: Vec<Answer>,
    pub refuse_tokens: u32,
    pub challenge: bool,
    /// `AUTH XOAUTH2 <token>` in one line is understood (Gmail).
    pub one_line_auth: bool,
}

/// The shared handle: read by every connection, written by whoever rehearses.
#[derive(Clone, Debug, Default)]
pub struct Switchboard(Arc<RwLock<Faults>>);

impl Switchboard {
    pub fn new(faults: Faults) -> Self {
        Self(Arc::new(RwLock::new(faults)))
    }

    /// All switches as they stand.
    pub fn now(&self) -> Faults {
        self.read(Faults::clone)
    }

    /// Turns switches; effective from the next command or request on.
    pub fn set<T>(&self, change: impl FnOnce(&mut Faults) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(|broken| broken.into_inner()))
    }

    /// Back to a healthy tenant.
    pub fn clear(&self) {
        self.set(|faults| *faults = Faults::default());
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Faults) -> T) -> T {
        look(&self.0.read().unwrap_or_else(|broken| broken.into_inner()))
    }

    pub(super) fn line(&self, protocol: Protocol) -> LineFaults {
        self.read(|faults| match protocol {
            Protocol::Smtp => faults.smtp.line,
            Protocol::Imap => faults.imap.line,
            Protocol::Pop3 => faults.pop3.line,
        })
    }

    /// The words switched on for this verb, counted down.
    pub(super) fn answer(&self, protocol: Protocol, verb: &str) -> Option<Answer> {
        let quiet = self.read(|faults| match protocol {
            Protocol::Smtp => faults.smtp.answers.is_empty(),
            Protocol::Imap => faults.imap.answers.is_empty(),
            Protocol::Pop3 => faults.pop3.answers.is_empty(),
        });
        if quiet {
            return None;
        }
        self.set(|faults| {
            let answers = match protocol {
                Protocol::Smtp => &mut faults.smtp.answers,
                Protocol::Imap => &mut faults.imap.answers,
                Protocol::Pop3 => &mut faults.pop3.answers,
            };
            let at = answers.iter().position(|answer| answer.on.eq_ignore_ascii_case(verb))?;
            let found = answers.get(at)?.clone();
            match answers.get_mut(at).and_then(|answer| answer.times.as_mut()) {
                Some(times) if *times <= 1 => {
                    answers.remove(at);
                }
                Some(times) => *times -= 1,
                None => {}
            }
            Some(found)
        })
    }

    /// Whether this sign-on is to be refused although the token is good; counted down.
    pub(super) fn refuses_token(&self, protocol: Protocol) -> bool {
        self.set(|faults| {
            let left = match protocol {
                Protocol::Smtp => &mut faults.smtp.refuse_tokens,
                Protocol::Imap => &mut faults.imap.refuse_tokens,
                Protocol::Pop3 => &mut faults.pop3.refuse_tokens,
            };
            let refused = *left > 0;
            *left = left.saturating_sub(1);
            refused
        })
    }

    pub(super) fn challenges(&self, protocol: Protocol) -> bool {
        self.read(|faults| match protocol {
            Protocol::Smtp => faults.smtp.challenge,
            Protocol::Imap => faults.imap.challenge,
            Protocol::Pop3 => faults.pop3.challenge,
        })
    }

    /// What befalls this request at the identity provider; counted down.
    pub(super) fn mishap(&self, grant: &str) -> Option<MishapKind> {
        self.set(|faults| {
            let mishap = faults.identity.mishap.as_mut()?;
            let is_of_another = mishap.grant.as_deref().is_some_and(|only| only != grant);
            if is_of_another || mishap.spares.as_deref() == Some(grant) {
                return None;
            }
            let kind = mishap.kind.clone();
            match mishap.times.as_mut() {
                Some(times) if *times <= 1 => faults.identity.mishap = None,
                Some(times) => *times -= 1,
                None => {}
            }
            Some(kind)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_down_and_then_the_real_one_comes_back() {
        let board = Switchboard::default();
        board.set(|faults| faults.smtp.answers.push(Answer::new("RCPT", "451 4.7.0 no").times(2)));
        assert!(board.answer(Protocol::Smtp, "rcpt").is_some());
        assert!(board.answer(Protocol::Imap, "RCPT").is_none());
        assert!(board.answer(Protocol::Smtp, "RCPT").is_some());
        assert!(board.answer(Protocol::Smtp, "RCPT").is_none());
    }

    #[test]
    fn a_mishap_can_be_meant_for_one_grant() {
        let board = Switchboard::default();
        board.set(|faults| {
            faults.identity.mishap = Some(Mishap::new(MishapKind::Aadsts(50173)).grant("refresh_token").times(1));
        });
        assert_eq!(board.mishap("authorization_code"), None);
        assert_eq!(board.mishap("refresh_token"), Some(MishapKind::Aadsts(50173)));
        assert_eq!(board.mishap("refresh_token"), None);
    }

    #[test]
    fn switches_can_be_written_as_a_file() {
        let faults: Faults = toml::from_str(
            "[smtp]\nconnections = 2\n[[smtp.answers]]\non = \"AUTH\"\nreply = \"535 5.7.139 no\"\n\
             [identity.mishap]\nkind = { aadsts = 7000222 }\n",
        )
        .expect("a rehearsal file");
        assert_eq!(faults.smtp.connections, Some(2));
        assert_eq!(faults.smtp.messages_per_minute, Some(30));
        assert_eq!(faults.identity.mishap, Some(Mishap::new(MishapKind::Aadsts(7000222))));
        assert!(toml::from_str::<Faults>("[smtp]\nconections = 2\n").is_err());
    }
}
