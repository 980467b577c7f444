//! What went wrong, whose turn it is, and what the client may see of it.
//!
//! A fault has a kind (which decides the reply code of each protocol), a stable id (the same in the reply, the log,
//! the metrics and the docs), a short text for the wire and a rich detail that only the log ever shows.

use std::fmt;

use serde::{Serialize, Serializer};

use super::{Stage, printable, redacted, wire_text};

/// Decides the reply code of each protocol and whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The client's own user name or password is wrong.
    BadCredentials,
    /// Somebody has to sign the account in.
    SignInNeeded,
    /// The identity provider or the upstream is down, slow or throttling; passes by itself.
    Unavailable,
    /// The upstream or the identity provider refuses this identity; somebody has to change something.
    IdentityRefused,
    /// The mailbox is at what it may do at a time, by us or by its server.
    Limited,
    /// Our own limits are reached.
    TooBusy,
    /// A fault of ours.
    Bug,
}

impl Kind {
    pub const ALL: [Kind; 7] = [
        Kind::BadCredentials,
        Kind::SignInNeeded,
        Kind::Unavailable,
        Kind::IdentityRefused,
        Kind::Limited,
        Kind::TooBusy,
        Kind::Bug,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::BadCredentials => "bad-credentials",
            Kind::SignInNeeded => "sign-in-needed",
            Kind::Unavailable => "unavailable",
            Kind::IdentityRefused => "identity-refused",
            Kind::Limited => "limited",
            Kind::TooBusy => "too-busy",
            Kind::Bug => "bug",
        }
    }

    /// True where the same request may succeed later with nobody doing anything.
    pub const fn passes_by_itself(self) -> bool {
        matches!(self, Kind::Unavailable | Kind::Limited | Kind::TooBusy)
    }
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    Client,
    User,
    /// Of the organization at the provider: Entra ID, Exchange, the console of Google Workspace.
    TenantAdmin,
    /// Of what lies between Gatepost and the provider: firewall, proxy, names.
    NetworkAdmin,
    /// Who runs Gatepost: its configuration and its machine.
    Operator,
    Provider,
    Gatepost,
}

impl Owner {
    pub const ALL: [Owner; 7] = [
        Owner::Client,
        Owner::User,
        Owner::TenantAdmin,
        Owner::NetworkAdmin,
        Owner::Operator,
        Owner::Provider,
        Owner::Gatepost,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Owner::Client => "client",
            Owner::User => "user",
            Owner::TenantAdmin => "tenant-admin",
            Owner::NetworkAdmin => "network-admin",
            Owner::Operator => "operator",
            Owner::Provider => "provider",
            Owner::Gatepost => "gatepost",
        }
    }
}

impl Serialize for Owner {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// One fault. `Display` is the detailed form for the log; [`Fault::reply_text`] is all that a client sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    pub owner: Owner,
    /// Catalogue id, for example `smtp-auth-disabled-tenant`.
    pub id: &'static str,
    /// Cause and next step in one short line for the wire.
    pub text: String,
    /// For the log alone: the peer's words, error codes. Never a secret.
    pub detail: String,
    /// Where it happened; filled in by the session.
    pub stage: Option<Stage>,
    /// Few have any: an error is passed on by value.
    particular: Option<Box<Particular>>,
}

/// What of a fault is of this case alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Particular {
    /// For the wire: they stand behind the text, never in its place.
    words: String,
    /// Whom the message claims to be from, where that is what is refused.
    sender: Option<String>,
    /// It was met behind our own 250: no client is there to hear of it.
    is_unheard: bool,
}

impl Fault {
    pub fn new(kind: Kind, owner: Owner, id: &'static str, text: impl Into<String>) -> Self {
        Self { kind, owner, id, text: text.into(), detail: String::new(), stage: None, particular: None }
    }

    /// Adds what a client hears beside the text.
    pub fn saying(mut self, particulars: impl fmt::Display) -> Self {
        self.particular.get_or_insert_default().words = particulars.to_string();
        self
    }

    /// Adds what the log should know; what looks like a token is hidden, control bytes are escaped, length is capped.
    pub fn detail(mut self, detail: impl AsRef<str>) -> Self {
        self.detail = printable(&redacted(detail.as_ref(), &[]), 1000);
        self
    }

    pub fn at(mut self, stage: Stage) -> Self {
        self.stage.get_or_insert(stage);
        self
    }

    /// Names the sender that is refused.
    pub fn of_sender(mut self, sender: &str) -> Self {
        self.particular.get_or_insert_default().sender = Some(printable(sender, 320));
        self
    }

    /// Whom the message claims to be from, where that is what is refused.
    pub fn sender(&self) -> Option<&str> {
        self.particular.as_ref()?.sender.as_deref()
    }

    /// Met behind our own 250.
    pub fn unheard(mut self) -> Self {
        self.particular.get_or_insert_default().is_unheard = true;
        self
    }

    pub fn is_unheard(&self) -> bool {
        self.particular.as_ref().is_some_and(|particular| particular.is_unheard)
    }

    /// The text of a protocol reply: one ASCII line that begins with the text and ends with the id in brackets, however
    /// long what is particular may be.
    pub fn reply_text(&self) -> String {
        let Self { text, id, .. } = self;
        let said = match self.particular.as_deref() {
            Some(Particular { words, .. }) if !words.is_empty() => wire_text(&format!("{text}: {words}")),
            _ => wire_text(text),
        };
        format!("{} [gatepost {id}]", said.trim_end())
    }
}

/// The text of a fault and its id, side by side: as everything but a reply has them.
pub fn with_id(text: &str, id: &str) -> String {
    format!("{text} [{id}]")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_id(&printable(&self.text, 400), self.id))?;
        if let Some(stage) = self.stage {
            write!(f, " while {stage}")?;
        }
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
