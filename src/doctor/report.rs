//! What a look found, as people and programs are told. The JSON of it is stable: ids and fields are only ever added.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Serialize, Serializer};

use super::{account::is_in_the_way, words::Name};
use crate::{
    account::Account,
    base::{Kind, Owner},
    catalog::{Entry, Step},
};

/// Of the JSON; counts up where a field changes its meaning.
const SCHEMA: u32 = 1;

/// What can fail, in the order in which it is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Config,
    Files,
    Dns,
    Tcp,
    Proxy,
    Tls,
    /// Whether the identity provider answers as one.
    Http,
    Clock,
    Token,
    /// What is inside of the access token.
    Claims,
    Smtp,
    Imap,
    Pop3,
    Graph,
    SendAs,
    Send,
    Daemon,
    Clients,
}

impl Layer {
    pub const ALL: [Layer; 18] = [
        Layer::Config,
        Layer::Files,
        Layer::Dns,
        Layer::Tcp,
        Layer::Proxy,
        Layer::Tls,
        Layer::Http,
        Layer::Clock,
        Layer::Token,
        Layer::Claims,
        Layer::Smtp,
        Layer::Imap,
        Layer::Pop3,
        Layer::Graph,
        Layer::SendAs,
        Layer::Send,
        Layer::Daemon,
        Layer::Clients,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Layer::Config => "config",
            Layer::Files => "files",
            Layer::Dns => "dns",
            Layer::Tcp => "tcp",
            Layer::Proxy => "proxy",
            Layer::Tls => "tls",
            Layer::Http => "http",
            Layer::Clock => "clock",
            Layer::Token => "token",
            Layer::Claims => "claims",
            Layer::Smtp => "smtp",
            Layer::Imap => "imap",
            Layer::Pop3 => "pop3",
            Layer::Graph => "graph",
            Layer::SendAs => "send-as",
            Layer::Send => "send",
            Layer::Daemon => "daemon",
            Layer::Clients => "clients",
        }
    }
}

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    Pass,
    Fail,
    /// Not looked at; the detail says why.
    Skipped,
}

/// One line.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    pub layer: Layer,
    /// What was looked at; stable within a layer.
    pub name: &'static str,
    pub account: Option<String>,
    /// `host:port`, or a file.
    pub target: Option<String>,
    pub outcome: Outcome,
    /// In the language that was asked for, as is `detail`.
    pub title: String,
    pub detail: String,
    pub fault: Option<Explained>,
    /// The same advice stands at a check before it.
    #[serde(skip)]
    pub is_repeated: bool,
    /// A client met it, and was not well since.
    #[serde(skip)]
    pub is_unproven: bool,
    #[serde(rename = "elapsed-ms", serialize_with = "milliseconds")]
    pub elapsed: Duration,
}

impl Check {
    /// It fails nothing, and nothing shows that it is mended. What a client does wrong is its own.
    pub fn is_open(&self) -> bool {
        let is_explained = self.fault.as_ref().is_some_and(|fault| fault.owner != Owner::Client);
        self.layer == Layer::Clients && self.outcome == Outcome::Skipped && is_explained
    }

    pub fn is_of(&self, entry: &Entry) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.id == entry.id)
    }

    /// It fails nothing, and mail of the queue stays for it.
    pub fn is_of_the_queue(&self) -> bool {
        self.layer == Layer::Daemon && self.name == Name::Queue.as_str() && self.is_told()
    }

    /// It fails nothing, and is explained where it stands.
    pub fn is_told(&self) -> bool {
        self.outcome == Outcome::Skipped && self.fault.is_some() && !self.is_open()
    }
}

/// A fault in full.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explained {
    /// Of the catalogue.
    pub id: &'static str,
    #[serde(serialize_with = "kind")]
    pub kind: Kind,
    pub owner: Owner,
    pub passes_by_itself: bool,
    pub cause: String,
    /// As `gatepost explain --json` and the status call it.
    #[serde(rename = "next-step")]
    pub next: String,
    /// Where the cmdlets of `commands` are typed, where there are any.
    pub shell: Option<String>,
    /// The address of the account that it is about, as its table has it.
    #[serde(skip)]
    pub table: Option<String>,
    /// To be run or opened as they are; `<tenant>` stands for what is not known.
    pub commands: Vec<String>,
    /// What seems to help and does harm.
    pub avoid: Option<String>,
    /// The other side's own words, or what exactly was found.
    pub said: Option<String>,
}

impl Explained {
    /// What to do, as it is laid out.
    pub fn step(&self) -> Step {
        Step::with_remark(&self.next, self.shell.as_deref())
    }
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    pub schema: u32,
    pub version: &'static str,
    /// When it was made.
    pub at: jiff::Timestamp,
    pub offline: bool,
    /// Nothing failed.
    pub ok: bool,
    /// Index into `checks`.
    pub first_failure: Option<usize>,
    pub checks: Vec<Check>,
    /// The configuration.
    #[serde(skip)]
    pub file: PathBuf,
}

impl Report {
    pub(super) fn new(checks: Vec<Check>, offline: bool, file: &Path) -> Self {
        let first_failure = checks.iter().position(|check| check.outcome == Outcome::Fail);
        let at = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap_or_default();
        let version = env!("CARGO_PKG_VERSION");
        let (ok, file) = (first_failure.is_none(), file.to_owned());
        Self { schema: SCHEMA, version, at, offline, ok, first_failure, checks, file }
    }

    /// Whether something fails without which this account sends nothing.
    pub fn keeps_from_sending(&self, account: &Account) -> bool {
        self.of(account).any(|check| check.layer < Layer::Send && is_in_the_way(account, check))
    }

    /// Whether something fails without which no mail program opens this mailbox by IMAP.
    pub fn keeps_from_reading(&self, account: &Account) -> bool {
        let in_the_way = [Layer::Token, Layer::Claims, Layer::Imap];
        self.of(account).any(|check| check.outcome == Outcome::Fail && in_the_way.contains(&check.layer))
    }

    /// Its test messages went out, all of them.
    pub fn has_sent(&self, account: &Account) -> bool {
        let mut sent = self.of(account).filter(|check| check.layer == Layer::Send).peekable();
        sent.peek().is_some() && sent.all(|check| check.outcome == Outcome::Pass)
    }

    fn of(&self, account: &Account) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.account.as_deref() == Some(account.address.as_str()))
    }

    /// What clients met and no check of this look answers.
    pub fn open(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.is_open())
    }

    /// It was looked for, and does not run.
    pub fn lacks_daemon(&self) -> bool {
        self.skipped_at_daemon(Name::Daemon)
    }

    /// It runs, and did not say on which configuration.
    pub fn is_daemon_silent(&self) -> bool {
        self.skipped_at_daemon(Name::LoadedConfiguration)
    }

    fn skipped_at_daemon(&self, name: Name) -> bool {
        let is_it = |check: &Check| check.name == name.as_str() && check.outcome == Outcome::Skipped;
        self.checks.iter().any(|check| check.layer == Layer::Daemon && is_it(check))
    }

    /// The newest of what clients met that no success of theirs followed.
    pub fn unproven(&self) -> Option<&Check> {
        self.checks.iter().find(|check| check.is_unproven)
    }

    /// The check that is to be explained.
    pub fn failure(&self) -> Option<&Check> {
        self.checks.get(self.first_failure?)
    }
}

fn milliseconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

fn kind<S: Serializer>(kind: &Kind, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(kind.as_str())
}
