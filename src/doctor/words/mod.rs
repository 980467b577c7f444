//! What the doctor says, in both languages: names of checks, and details. One variant for each sentence, so that none
//! can be missing in a language.

mod en;
mod frame;
mod ja;

pub(super) use self::frame::{Frame, frame};
use super::report::Layer;
use crate::{
    base::{Lang, Owner},
    catalog::{
        Entry,
        doctor::{CERTIFICATE_ENDED, CLIENT_PLAIN_ON_TLS_PORT, CLIENT_TLS_ON_PLAIN_PORT, CLIENT_WITHOUT_STARTTLS},
        own::{
            AUTHENTICATION_REQUIRED, BAD_CREDENTIALS, CLIENT_DISTRUSTS_CERTIFICATE, CLIENT_TLS_TOO_OLD,
            TOO_MANY_GUESSES,
        },
    },
    net::ListenerTls,
};

pub use crate::oauth::found;

/// What is looked at. The spelling is stable: scripts read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Name {
    Configuration,
    StateDirectory,
    Store,
    StoreBefore,
    DiskRoom,
    QueueDirectory,
    ClientSecret,
    AppCertificate,
    AppKey,
    ListenerCertificate,
    ListenerKey,
    Roots,
    IdentityProvider,
    SmtpServer,
    ImapServer,
    Pop3Server,
    GraphServer,
    IdentityAnswer,
    Clock,
    MailToken,
    GraphToken,
    LaterSignIn,
    Claims,
    Holder,
    Audience,
    Permissions,
    TokenTenant,
    SignOn,
    Ehlo,
    GraphMailbox,
    SendAs,
    TestMessage,
    Daemon,
    Listeners,
    LoadedConfiguration,
    Memory,
    Queue,
    /// In the place of what the time did not last for.
    Unfinished,
    Clients,
    TlsOnPlainPort,
    PlainOnTlsPort,
    TlsTooOld,
    CertificateDistrusted,
    StartTlsUnused,
    WrongPassword,
    LoginMissing,
    LastFault,
    RefusedMessages,
}

impl Name {
    pub const fn as_str(self) -> &'static str {
        match self {
            Name::Configuration => "configuration",
            Name::StateDirectory => "state-directory",
            Name::Store => "store",
            Name::StoreBefore => "store-before",
            Name::DiskRoom => "disk-room",
            Name::QueueDirectory => "queue-directory",
            Name::ClientSecret => "client-secret",
            Name::AppCertificate => "app-certificate",
            Name::AppKey => "app-key",
            Name::ListenerCertificate => "listener-certificate",
            Name::ListenerKey => "listener-key",
            Name::Roots => "roots",
            Name::IdentityProvider => "identity-provider",
            Name::SmtpServer => "smtp-server",
            Name::ImapServer => "imap-server",
            Name::Pop3Server => "pop3-server",
            Name::GraphServer => "graph-server",
            Name::IdentityAnswer => "identity-answer",
            Name::Clock => "clock",
            Name::MailToken => "mail-token",
            Name::GraphToken => "graph-token",
            Name::LaterSignIn => "later-sign-in",
            Name::Claims => "claims",
            Name::Holder => "holder",
            Name::Audience => "audience",
            Name::Permissions => "permissions",
            Name::TokenTenant => "tenant",
            Name::SignOn => "sign-on",
            Name::Ehlo => "ehlo",
            Name::GraphMailbox => "graph-mailbox",
            Name::SendAs => "send-as",
            Name::TestMessage => "test-message",
            Name::Daemon => "daemon",
            Name::Listeners => "listener",
            Name::LoadedConfiguration => "loaded-configuration",
            Name::Memory => "remembered-refusal",
            Name::Queue => "queue",
            Name::Unfinished => "unfinished",
            Name::Clients => "clients",
            Name::TlsOnPlainPort => "tls-on-plain-port",
            Name::PlainOnTlsPort => "plain-on-tls-port",
            Name::TlsTooOld => "tls-too-old",
            Name::CertificateDistrusted => "certificate-distrusted",
            Name::StartTlsUnused => "starttls-unused",
            Name::WrongPassword => "wrong-password",
            Name::LoginMissing => "login-missing",
            Name::LastFault => "last-fault",
            Name::RefusedMessages => "refused-messages",
        }
    }

    /// Under which a fault of a session is told.
    pub fn of_fault(id: &str) -> Self {
        let told = FAULTS.iter().find(|(entry, _)| entry.id == id);
        told.map_or(Name::LastFault, |(_, name)| *name)
    }
}

/// Faults of sessions that have a name of their own.
const FAULTS: &[(&Entry, Name)] = &[
    (CLIENT_TLS_ON_PLAIN_PORT, Name::TlsOnPlainPort),
    (CLIENT_PLAIN_ON_TLS_PORT, Name::PlainOnTlsPort),
    (CLIENT_TLS_TOO_OLD, Name::TlsTooOld),
    (CLIENT_DISTRUSTS_CERTIFICATE, Name::CertificateDistrusted),
    (CERTIFICATE_ENDED, Name::CertificateDistrusted),
    (CLIENT_WITHOUT_STARTTLS, Name::StartTlsUnused),
    (BAD_CREDENTIALS, Name::WrongPassword),
    (TOO_MANY_GUESSES, Name::WrongPassword),
    (AUTHENTICATION_REQUIRED, Name::LoginMissing),
];

/// How something that a client met is past.
#[derive(Debug, Clone, Copy)]
pub(super) enum Over {
    Worked,
    /// A test message like it, just now.
    Proved,
    Allowed,
    /// Of clients without a name that is all there is to know: it may have been another one there.
    LetIn,
}

/// One detail.
#[derive(Debug, Clone)]
pub(super) enum Said {
    /// The same in every language: names, addresses, the other side's words.
    Plain(String),
    Lines(Vec<String>),
    /// Of a fault.
    Id(&'static str),
    Warnings {
        file: String,
        warnings: Vec<String>,
    },
    // This machine.
    MadeAtFirstStart,
    Writable,
    NotWritable,
    Readable,
    ForeignStore {
        owner: u32,
    },
    OpensWith {
        key: String,
    },
    Free {
        octets: u64,
    },
    /// Octets, but for the messages.
    QueueRoom {
        messages: u64,
        used: u64,
        most: u64,
    },
    EndUnknown {
        app: String,
    },
    Ended {
        days: i64,
    },
    EndedAsWritten {
        days: i64,
    },
    /// In spite of the day that somebody wrote down.
    EndedByProvider,
    EndsIn {
        days: i64,
        soon: bool,
    },
    /// `is_asked`: the token, behind, tells more.
    EndsAsWritten {
        days: i64,
        soon: bool,
        is_asked: bool,
    },
    // The way.
    ProxyResolves,
    Through {
        proxy: String,
    },
    Behind(Layer),
    NoWay,
    Certificate {
        version: String,
        issuer: String,
        ends: String,
        by_file: bool,
        is_public: bool,
    },
    Tenant {
        name: String,
        id: String,
    },
    NoDate,
    ClockRight {
        seconds: u64,
    },
    ClockOff {
        seconds: u64,
        behind: bool,
    },
    // Tokens.
    NameAMailbox {
        domain: String,
    },
    /// Why nobody is asked there.
    ProviderFails {
        id: Option<&'static str>,
    },
    StoreFails,
    /// The sign-ins that count are in the store before, which the daemon has.
    StoreBeforeCounts,
    TimeIsOver,
    /// `id`: the fault for which none came.
    NoToken {
        id: Option<&'static str>,
    },
    Offline,
    SignedIn,
    /// A later one, while this one goes on.
    RefusedBeside {
        id: &'static str,
        at: jiff::Timestamp,
    },
    Token {
        is_fresh: bool,
        minutes: Option<u64>,
    },
    Opaque,
    Holder {
        person: Option<String>,
        app: String,
        object_id: String,
    },
    OtherProvider,
    Lacking {
        lacking: Vec<String>,
        held: String,
    },
    PerhapsByRbac {
        lacking: Vec<String>,
        held: String,
    },
    OtherTenant {
        found: String,
        expected: String,
    },
    // Signing on.
    NoListener,
    SendsByGraph,
    /// What keeps messages from leaving by SMTP, and is no fault of an account that goes by Graph then.
    GoesByGraph {
        id: &'static str,
    },
    SignedOn {
        user: String,
        ms: u128,
    },
    SameList {
        list: String,
    },
    ListDiffers {
        shown: Vec<String>,
        live: Vec<String>,
    },
    ProfileHidden,
    ProvedBySending {
        others: Vec<String>,
        who: String,
        account: String,
    },
    SomethingFails,
    SendByTheDaemon {
        from: String,
        to: String,
    },
    Sent {
        reply: String,
    },
    // The daemon and its clients.
    NotRunning,
    StateElsewhere,
    OfAnotherUser,
    Runs {
        process: Option<u32>,
    },
    CannotBeAsked {
        why: String,
    },
    HandedOver,
    /// No daemon runs, and one could listen there.
    IsFree,
    NotOpen,
    Listens {
        tls: ListenerTls,
    },
    SameConfiguration,
    OtherConfiguration,
    /// The file as it was, before it named another store.
    OnTheStoreBefore,
    /// In the folder of the queue, without a row of this store.
    BodiesLeft {
        files: u64,
    },
    /// In the store before this one.
    LeftBehind {
        messages: u64,
        sign_ins: u64,
    },
    /// In the store that the daemon has, where the file names another one.
    RestartLeaves {
        messages: u64,
        sign_ins: u64,
    },
    /// The same as the file, and a restart to come.
    AwaitsRestart {
        what: String,
    },
    /// A listener that the daemon has after a restart.
    OpensAtRestart,
    /// Another file than the one that is looked at.
    ReadsOther {
        file: String,
    },
    RunsOn,
    NothingRemembered,
    Remembers {
        id: String,
        until: Option<String>,
    },
    /// `minutes`: for which the oldest waits.
    QueueMoves {
        waiting: u64,
        minutes: u64,
    },
    /// Failed for good, and no sender knows.
    QueueLost {
        messages: u64,
    },
    QueueReturned(u64),
    QueueHolds {
        waiting: u64,
        held: u64,
    },
    /// `again`: when what passes by itself is tried again.
    QueueStandsStill {
        id: &'static str,
        waiting: u64,
        again: Option<jiff::Timestamp>,
    },
    /// It last met this, which is mended.
    QueueRests {
        id: &'static str,
        waiting: u64,
    },
    QueueOfOthers,
    QueueAwaitsDaemon(u64),
    NoDaemonToAsk,
    NoTrouble,
    /// So many messages of a client in the last day; and what it heard last, where nothing went well since.
    MessagesRefused {
        refused: u64,
        messages: u64,
        reply: Option<String>,
    },
    Happened {
        id: &'static str,
        /// Who was refused.
        sender: Option<String>,
        times: u64,
        minutes_ago: u64,
        /// What proves it past, where anything does.
        over: Option<Over>,
        /// From where it came.
        peers: Vec<String>,
    },
}

pub(super) fn title(lang: Lang, name: Name) -> &'static str {
    match lang {
        Lang::En => en::title(name),
        Lang::Ja => ja::title(name),
    }
}

pub(super) fn detail(lang: Lang, said: &Said) -> String {
    match said {
        Said::Plain(text) => found(lang, text),
        Said::Lines(lines) => lines.join("\n"),
        Said::Id(id) => (*id).to_owned(),
        said => match lang {
            Lang::En => en::detail(said),
            Lang::Ja => ja::detail(said),
        },
    }
}

/// What shows whether it was mended meanwhile.
pub(super) fn proof(lang: Lang, command: &str) -> String {
    match lang {
        Lang::En => format!("Mended meanwhile? `{command}` sends a test message and proves it."),
        Lang::Ja => format!("直したあとは、`{command}` でテストメッセージを送って確認できます。"),
    }
}

/// Of what passes by itself and was tried so often.
pub(super) fn later(lang: Lang, tries: usize, command: &str) -> String {
    match lang {
        Lang::En => format!(
            " The message was not sent, in {tries} tries within half a minute. Try again in a minute: `{command}`."
        ),
        Lang::Ja => format!(
            "30秒ほどの間に{tries}回試しましたが、メッセージは送信できませんでした。1分後にもう一度試してください：`{command}`。"
        ),
    }
}

/// Whose turn it is.
pub(super) const fn turn(lang: Lang, owner: Owner) -> &'static str {
    match lang {
        Lang::En => en::turn(owner),
        Lang::Ja => ja::turn(owner),
    }
}

/// As people read an amount of octets.
fn gigabytes(octets: u64) -> String {
    match octets {
        0..1_000_000 => format!("{} kB", octets.div_ceil(1000)),
        1_000_000..1_000_000_000 => format!("{} MB", octets / 1_000_000),
        octets => format!("{}.{} GB", octets / 1_000_000_000, octets / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_within_a_minute_happened_just_now() {
        let said = |minutes_ago| Said::Happened {
            id: "x",
            sender: None,
            times: 1,
            minutes_ago,
            over: None,
            peers: Vec::new(),
        };
        for (minutes, english, japanese) in [
            (0, "last just now", "最後はたった今"),
            (1, "last a minute ago", "最後は1分前"),
            (7, "last 7 minutes ago", "最後は7分前"),
        ] {
            assert!(detail(Lang::En, &said(minutes)).ends_with(english), "{}", detail(Lang::En, &said(minutes)));
            assert!(detail(Lang::Ja, &said(minutes)).ends_with(japanese), "{}", detail(Lang::Ja, &said(minutes)));
        }
    }
}
