//! What is known of a failed message, and of the notice about it. A header of a stranger is read here: what it says may
//! stand in a line of ours, and forges none.

use std::time::SystemTime;

use jiff::Timestamp;
use mailparse::MailHeaderMap;

use crate::{
    base::Lang,
    catalog::Entry,
    queue::{envelope::read_recipient, refusals::Refusal},
    store::{QueuedMessage, QueuedRecipient},
    wire::smtp::{Mail, Rcpt},
};

/// Of a Message-ID or an answer of a stranger.
pub(super) const FIELD_CAP: usize = 900;

/// Of a notice for the sender.
pub(super) struct Facts<'a> {
    pub lang: Lang,
    pub host: &'a str,
    pub mailbox: &'a str,
    pub message: &'a QueuedMessage,
    pub sender: &'a Mail,
    pub failed: &'a [Failed],
    /// The header block of the message.
    pub head: &'a [u8],
    pub now: SystemTime,
    /// Two words that nobody can guess.
    pub id: &'a str,
    pub boundary: &'a str,
}

impl Facts<'_> {
    /// Of the message that failed.
    pub fn subject(&self) -> Option<String> {
        let (headers, _) = mailparse::parse_headers(self.head).ok()?;
        let subject: String = headers.get_first_value("Subject")?.chars().take(200).collect();
        let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        Some(subject.trim().to_owned()).filter(|subject| !subject.is_empty())
    }

    /// Only one that is a message id may stand in a field of ours.
    pub fn original_id(&self) -> Option<String> {
        let (headers, _) = mailparse::parse_headers(self.head).ok()?;
        let id = headers.get_first_value("Message-ID")?.trim().to_owned();
        let is_one = id.starts_with('<') && id.ends_with('>') && id.len() <= FIELD_CAP;
        (is_one && id.bytes().all(|byte| byte.is_ascii_graphic())).then_some(id)
    }
}

/// One recipient that the sender is to hear of.
pub(super) struct Failed {
    pub rcpt: Rcpt,
    pub reply: String,
    /// What that means, as the log has it.
    pub entry: Option<&'static Entry>,
}

impl Failed {
    /// `None`: no notice is wanted for this one (RFC 3461 4.1). Where nothing is said, failures are told.
    pub fn of(recipient: &QueuedRecipient) -> Option<Self> {
        let rcpt = read_recipient(&recipient.line)?;
        let says = |notify: &str| notify.split(',').any(|word| word.eq_ignore_ascii_case("FAILURE"));
        let wants = rcpt.notify.as_deref().is_none_or(says);
        let entry = Refusal::beside(recipient).map(|refusal| refusal.entry);
        wants.then(|| Self { reply: recipient.reply.clone().unwrap_or_default(), rcpt, entry })
    }
}

/// Of a notice that its sender cannot get.
pub(super) struct Onward<'a> {
    pub lang: Lang,
    pub host: &'a str,
    pub mailbox: &'a str,
    pub postmaster: &'a str,
    /// Whom the notice was for, and why they cannot get it.
    pub sender: &'a str,
    pub reply: &'a str,
    pub now: SystemTime,
    /// Two words that nobody can guess.
    pub id: &'a str,
    pub boundary: &'a str,
}

/// As in a header field (RFC 5322 3.3).
pub(super) fn date(at: SystemTime) -> String {
    let at = Timestamp::try_from(at).unwrap_or_default();
    at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
