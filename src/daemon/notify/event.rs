//! What people are told, as the JSON that programs get. docs/notify.md promises its shape: fields may come, none goes.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// What happened. A new kind is a new row here and in docs/notify.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Mail stands still until somebody signs in.
    SignInNeeded,
    /// Mail stands still until somebody changes something at the provider or in the configuration.
    SignInRefused,
    SignInAgainOk,
    SignInEnding,
    SecretExpiring,
    CertificateExpiring,
    /// Mail has waited in the queue for long.
    QueueStuck,
    /// Mail failed for good.
    MessageFailed,
}

impl Kind {
    #[cfg(test)]
    pub const ALL: [Self; 8] = [
        Self::SignInNeeded,
        Self::SignInRefused,
        Self::SignInAgainOk,
        Self::SignInEnding,
        Self::SecretExpiring,
        Self::CertificateExpiring,
        Self::QueueStuck,
        Self::MessageFailed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::SignInNeeded => "sign-in-needed",
            Kind::SignInRefused => "sign-in-refused",
            Kind::SignInAgainOk => "sign-in-again-ok",
            Kind::SignInEnding => "sign-in-ending",
            Kind::SecretExpiring => "secret-expiring",
            Kind::CertificateExpiring => "certificate-expiring",
            Kind::QueueStuck => "queue-stuck",
            Kind::MessageFailed => "message-failed",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good news.
    Info,
    /// There is time.
    Warning,
    /// Mail stands still, or will within a day.
    Critical,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Event {
    #[serde(serialize_with = "word")]
    pub event: Kind,
    pub severity: Severity,
    /// When this was found.
    pub at: Timestamp,
    /// All of it for a person, in one paragraph. Chat services show this field.
    pub text: String,
    /// Mailboxes that are concerned.
    pub accounts: Vec<String>,
    /// The app registration.
    pub app: Option<String>,
    /// The file, where a certificate ends.
    pub certificate: Option<String>,
    /// An id that docs/when-it-fails.md explains.
    pub fault: Option<&'static str>,
    /// Its short text, as a mail program was told it.
    pub fault_text: Option<&'static str>,
    pub cause: String,
    pub next_step: String,
    /// What not to do about it.
    pub avoid: Option<String>,
    /// When it ends.
    pub due: Option<Timestamp>,
    /// Whole days until then, rounded down; below zero once it is over.
    pub days_left: Option<i64>,
    /// Where to sign in, if there is a console.
    pub console: Option<String>,
    pub host: String,
    pub version: &'static str,
}

fn word<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

impl Event {
    pub fn json(&self) -> String {
        // Nothing in it can fail to be JSON.
        serde_json::to_string(self).unwrap_or_default()
    }
}
