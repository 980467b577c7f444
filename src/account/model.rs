//! A mailbox that clients may use, and the rules by which they may.

use std::sync::Arc;

use super::{PasswordsFile, passwords::verify};
use crate::{
    base::Secret,
    catalog::Via,
    net::{IpNet, Upstream},
    oauth::SignIn,
};

#[derive(Debug, Clone)]
pub struct Account {
    /// Lower case.
    pub address: String,
    pub password: LocalPassword,
    pub sign_in: Arc<SignIn>,
    pub imap_user: String,
    pub smtp_user: String,
    /// Addresses, or `*@domain`, that may stand in MAIL FROM and From.
    pub send_as: Vec<String>,
    /// Its table says so in a line, and does not leave it at the account's own address.
    pub has_send_as_line: bool,
    pub sending: Sending,
    /// The domain whose account (`*@domain`) stands for this mailbox too; `None`: it is listed by itself.
    pub domain: Option<String>,
    /// What is in between, for what people are told.
    pub proxies: Proxies,
}

/// Proxies of the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Proxies {
    /// To identity providers and Graph.
    pub http: Option<Via>,
    /// To mail servers.
    pub mail: Option<Via>,
}

/// How messages of a mailbox leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sending {
    pub route: Route,
    pub delivery: Delivery,
    pub limits: Limits,
}

/// The way out (`outbound`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Route {
    #[default]
    Smtp,
    Graph,
    /// SMTP, and Graph where the tenant or the mailbox has SMTP AUTH switched off.
    SmtpThenGraph,
}

impl Route {
    /// As the configuration spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Graph => "graph",
            Self::SmtpThenGraph => "smtp-then-graph",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Delivery {
    /// While the client waits.
    #[default]
    Direct,
    /// The client is answered once the message is on disk.
    Queue,
}

/// What the provider allows for one mailbox, over all sessions and the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// SMTP connections at a time.
    pub connections: u32,
    pub messages_per_minute: u32,
    pub recipients_per_day: u32,
}

impl Default for Limits {
    /// Exchange Online's (fact sheet microsoft.md, 3.1).
    fn default() -> Self {
        Self { connections: 3, messages_per_minute: 30, recipients_per_day: 10_000 }
    }
}

impl Limits {
    /// The smaller of each two.
    pub fn least(self, other: Self) -> Self {
        Self {
            connections: self.connections.min(other.connections),
            messages_per_minute: self.messages_per_minute.min(other.messages_per_minute),
            recipients_per_day: self.recipients_per_day.min(other.recipients_per_day),
        }
    }
}

impl Account {
    /// What the provider counts by: who signs on to send, at that server. Several accounts may have it in common.
    pub fn mailbox(&self) -> String {
        let Upstream { host, port, .. } = &self.sign_in.app.smtp;
        format!("{} {host}:{port}", self.smtp_user.to_lowercase())
    }

    /// Whether `address` may stand in Sender: one that may be sent as, or whoever signs on (who sends on behalf of a
    /// shared mailbox says so there).
    pub fn may_be_sender(&self, address: &str) -> bool {
        let own = [&self.smtp_user, &self.sign_in.identity];
        self.may_send_as(address) || own.iter().any(|own| own.eq_ignore_ascii_case(address))
    }

    /// Whether a client of this account may send as `address`. The null sender (`<>`) is nobody's and always may:
    /// it belongs to notices about messages.
    pub fn may_send_as(&self, address: &str) -> bool {
        address.is_empty() || is_listed(&self.send_as, address)
    }
}

/// Whether `address` is in a list of addresses and of `*@domain`.
pub fn is_listed(list: &[String], address: &str) -> bool {
    list.iter().any(|listed| match listed.strip_prefix('*') {
        Some(domain) => address.rfind('@').is_some_and(|at| {
            let (local, end) = address.split_at(at);
            is_plain(local) && end.eq_ignore_ascii_case(domain)
        }),
        None => listed.eq_ignore_ascii_case(address),
    })
}

/// A local part that needs no quotes (RFC 5322 3.2.3): a rule for a whole domain allows no other, since what readers
/// make of the rest differs.
fn is_plain(local: &str) -> bool {
    let special = |c: char| c.is_control() || c.is_whitespace() || "()<>[]:;@\\,\"".contains(c);
    !local.is_empty() && !local.contains(special)
}

#[derive(Debug, Clone)]
pub enum LocalPassword {
    /// No login of its own: only `[[client]]` rules reach the account.
    None,
    /// argon2id PHC string.
    Hash(Secret),
    /// The first password typed from loopback within the time that a sign-in arms.
    FirstUse,
    /// A line in the file of a whole domain.
    File(Arc<PasswordsFile>),
    /// Made and printed by `gatepost login`, its hash kept in the store (system services).
    Issued,
}

impl LocalPassword {
    /// Tens of milliseconds where it is a hash: not for the runtime's own threads.
    pub fn is_hash_of(&self, typed: &Secret) -> bool {
        matches!(self, Self::Hash(hash) if verify(hash, typed))
    }
}

/// A device or program with its own credentials, or with none.
#[derive(Debug, Clone)]
pub struct Client {
    pub name: String,
    pub account: Arc<Account>,
    pub from: Vec<IpNet>,
    /// Lower case.
    pub login: Option<String>,
    /// argon2id PHC string.
    pub password: Option<Secret>,
    pub rules: Rules,
}

/// What holds for the messages of one client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rules {
    pub sender: Sender,
    /// Whom it may write to: addresses, or `*@domain`. `None`: anybody.
    pub recipients: Option<Vec<String>>,
    /// Octets of its largest message. `None`: what the upstream takes.
    pub max_bytes: Option<u64>,
    /// What Exchange would refuse is mended on the way.
    pub repair: bool,
    /// Instead of the account's.
    pub delivery: Option<Delivery>,
    /// Commissioning: messages stay in the queue on hold.
    pub capture: bool,
}

/// What becomes of the sender that a client writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sender {
    #[default]
    Keep,
    /// Envelope and From become the account's, the old From goes to Reply-To.
    Force,
}

impl Rules {
    pub fn may_write_to(&self, address: &str) -> bool {
        self.recipients.as_ref().is_none_or(|list| is_listed(list, address))
    }
}
