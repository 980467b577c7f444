//! Everything that setup says, as values; the sentences are in `en` and `ja`, each complete by the compiler's word.

pub mod beside;
mod closing;
mod en;
mod idle;
mod ja;
mod pasteable;
mod remarks;
mod script;
mod service;

use std::net::SocketAddr;

use toml::Value;

use super::{apart::Apart, discover::Servers, interview::Idle, script::Registration};
use crate::{
    base::{Lang, printable},
    catalog::{Entry, Known, said_in},
    cli::outcome::Failure,
    oauth::Grant,
};
pub use closing::{Closing, Ended, Renewed, Typed};
pub use script::ScriptWords;
pub use service::{hash_is_open, shut_out};

/// A step that begins.
pub enum Step {
    Provider {
        domain: String,
    },
    /// The account is configured, and nobody is asked.
    ProviderKnown {
        provider: String,
    },
    /// By `--provider`; the tenant that Microsoft is asked for, if it is.
    ProviderNamed {
        provider: &'static str,
        tenant: Option<String>,
    },
    Registration,
    RegistrationKnown {
        app: String,
    },
    Configuration {
        file: String,
    },
    SignIn {
        address: String,
    },
    Checks,
    Message,
}

impl Step {
    const ALL: usize = 6;

    fn number(&self) -> usize {
        match self {
            Step::Provider { .. } | Step::ProviderKnown { .. } | Step::ProviderNamed { .. } => 1,
            Step::Registration | Step::RegistrationKnown { .. } => 2,
            Step::Configuration { .. } => 3,
            Step::SignIn { .. } => 4,
            Step::Checks => 5,
            Step::Message => 6,
        }
    }

    /// With how far it is.
    pub fn text(&self, lang: Lang) -> String {
        let words = match lang {
            Lang::En => en::step(self),
            Lang::Ja => ja::step(self),
        };
        format!("\n[{}/{}] {words}", self.number(), Self::ALL)
    }
}

/// A question, or something to know.
pub enum Say {
    Yes,
    /// Behind the name of a preset: whose it is.
    OfProvider(&'static str),
    // Questions, without what comes behind them.
    SharesStore {
        store: String,
        other: Option<String>,
        apart: Apart,
    },
    AskAddress,
    AskShared,
    AskProvider,
    AskTenant {
        domain: String,
    },
    AskGrant,
    GrantBrowser,
    GrantDevice,
    GrantAppOnly,
    AskOutbound,
    OutSmtp,
    OutGraph,
    OutBoth,
    AskClientId {
        is_microsoft: bool,
    },
    AskProof,
    ProofMake,
    ProofSecret,
    AskSecret {
        is_needed: bool,
    },
    AskKey {
        key: &'static str,
    },
    AskPassword,
    AskOldPassword {
        user: String,
    },
    AskWrite {
        file: String,
    },
    AskRenew {
        file: String,
    },
    // What was found.
    FoundTenant {
        domain: String,
        id: String,
        provider: &'static str,
    },
    FoundProvider {
        domain: String,
        provider: &'static str,
    },
    FoundServers {
        domain: String,
        servers: Servers,
    },
    OtherTenant {
        domain: String,
        own: String,
        named: String,
    },
    OtherCloud {
        tenant: String,
        provider: &'static str,
        named: &'static str,
    },
    NotChecked {
        tenant: String,
        why: String,
    },
    /// Nothing was named or found, and a server has its configuration there.
    ForTheService {
        file: String,
    },
    AccountIsThere {
        address: String,
    },
    AppIsThere {
        app: String,
    },
    /// Of the other accounts on an app that is to act by itself.
    GoOver {
        app: String,
        with_it: String,
    },
    CertificateMade {
        certificate: String,
    },
    ConsentUrl {
        url: String,
        /// Where the page is none.
        instead: String,
        is_app_only: bool,
    },
    // The configuration.
    NothingToWrite {
        file: String,
    },
    NothingWritten,
    Wrote {
        file: String,
    },
    /// `ended`: the day that the configuration has of the one before.
    Renewed {
        app: String,
        file: String,
        configuration: String,
        ended: Option<String>,
    },
    /// The first of this app.
    SecretIsThere {
        app: String,
        file: String,
    },
    /// That it stands elsewhere as well, since it was copied.
    SecretCopied {
        from: String,
    },
    PasswordMade {
        users: String,
        password: String,
    },
    // Sign-in and trial.
    OfTheService {
        address: String,
        is_installed: bool,
        has_secret: bool,
    },
    SignedInAlready {
        address: String,
    },
    /// The configuration, though the sign-in failed.
    Stays,
    NotSentAsAsked,
    /// The checks above sent its message past the listener, or say why not.
    WithTheChecks {
        address: String,
        is_sent: bool,
    },
    ThroughRunning {
        process: u32,
    },
    StandsIn,
    Opened {
        address: String,
    },
    NotOpened {
        address: String,
        why: String,
    },
    Sending {
        from: String,
        to: String,
    },
    Sent {
        from: String,
        to: String,
        reply: String,
    },
    NotSent {
        address: String,
        why: String,
    },
}

impl Say {
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::En => en::say(self),
            Lang::Ja => ja::say(self),
        }
    }

    /// How an app is registered, step by step.
    pub fn registration(registration: &Registration, lang: Lang) -> String {
        match lang {
            Lang::En => en::registration(registration),
            Lang::Ja => ja::registration(registration),
        }
    }
}

/// Why it does not go on.
#[derive(Debug)]
pub enum Trouble {
    FlagMissing { flag: String, question: String },
    NotAnAddress { typed: String },
    NotAChoice { typed: String, of: usize },
    NotYesOrNo,
    Declined,
    Terminal { why: String },
    NotASetting { typed: String },
    SecretInArgument { key: String },
    HasAFlag { key: String, flag: &'static str },
    Otherwise { file: String, lines: Vec<Line>, proof: Option<String> },
    NotAListener { typed: String },
    Unreadable { file: String, why: String },
    Lent { block: String, by: String },
    Unwritable { file: String, why: String },
    ChangedMeanwhile { file: String },
    UnknownProvider { typed: String },
    PasswordOnly { service: &'static str },
    NothingFound { domain: String },
    Unreachable { domain: String, why: String, by_proxy: Option<ByProxy> },
    TenantUnreachable { domain: String, why: String, by_proxy: Option<ByProxy> },
    NotATenant { typed: String },
    NoSuchTenant { tenant: String },
    NoSuchGrant { provider: &'static str, grant: &'static str },
    NoGraph { provider: &'static str },
    Idle { flag: &'static str, why: Idle },
    NobodyArms,
    NotAClientId { is_microsoft: bool },
    NoScript { provider: &'static str, grant: &'static str },
    NoSecret,
    HalfAPair { there: String, missing: String },
    NoPassword,
    NoRandomness,
    Gone { address: String },
    NoTrial { why: String, next: String },
    NoSmtpListener,
    ReloadIt { process: u32, command: String },
    RestartIt { process: u32, at: SocketAddr, command: String },
    OtherDaemon { process: u32, stop: String, places: [String; 2], apart: Box<Apart> },
    TrialFailed,
    NotWell,
}

/// What a proxy did, for which the catalogue has the words.
#[derive(Debug)]
pub struct ByProxy {
    pub entry: &'static Entry,
    pub known: Box<Known>,
}

impl ByProxy {
    /// What failed, and what helps.
    fn text(by_proxy: Option<&Self>, lang: Lang, what: String, otherwise: &str) -> (String, String) {
        match by_proxy {
            None => (what, otherwise.to_owned()),
            Some(Self { entry, known }) => (said_in(entry, &what, lang), entry.told(lang, known).next),
        }
    }
}

impl Trouble {
    pub fn failure(&self, lang: Lang) -> Failure {
        let (text, hint) = match lang {
            Lang::En => en::trouble(self),
            Lang::Ja => ja::trouble(self),
        };
        let failure = match self.is_wrong_usage() {
            true => Failure::usage(text, hint),
            false => Failure::new(text, hint),
        };
        failure.said_in(lang)
    }

    /// Another command line would do.
    fn is_wrong_usage(&self) -> bool {
        matches!(
            self,
            Trouble::FlagMissing { .. }
                | Trouble::NotAnAddress { .. }
                | Trouble::NotASetting { .. }
                | Trouble::SecretInArgument { .. }
                | Trouble::HasAFlag { .. }
                | Trouble::NotAListener { .. }
                | Trouble::UnknownProvider { .. }
                | Trouble::NotATenant { .. }
                | Trouble::NoSuchGrant { .. }
                | Trouble::NoGraph { .. }
                | Trouble::Idle { .. }
                | Trouble::NobodyArms
                | Trouble::NotAClientId { .. }
                | Trouble::NothingFound { .. }
                | Trouble::NoScript { .. }
                | Trouble::NoSecret
        )
    }
}

/// A line of the configuration that would have to be another.
#[derive(Debug)]
pub struct Line {
    /// `[app.contoso]`, `[[account]] ann@contoso.com`.
    pub block: String,
    /// `outbound = "graph"`
    pub text: String,
    /// A key that says the same otherwise, and has to go.
    pub instead_of: Option<&'static str>,
    /// A certificate with its key does as well.
    pub or_certificate: bool,
}

impl Line {
    pub fn new(block: &str, key: &str, value: Value) -> Self {
        let text = printable(&format!("{key} = {value}"), 400);
        Self { block: block.to_owned(), text, instead_of: None, or_certificate: false }
    }

    pub fn instead_of(self, key: Option<&'static str>) -> Self {
        Self { instead_of: key, ..self }
    }
}

/// A remark in the configuration.
pub enum Remark {
    MadeBySetup { day: String },
    EveryKey,
    UsualListeners,
    WideListener,
    App { provider: &'static str, grant: Grant, is_public: bool },
    Tenant { name: String },
    SecretExpires,
    Certificate,
    LivesOnSignInOf { delegate: String },
    PasswordHash,
    FirstUse,
    Graph,
}

impl Remark {
    pub fn text(&self, lang: Lang) -> String {
        match lang {
            Lang::En => remarks::en(self),
            Lang::Ja => remarks::ja(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::setup::args::SetupOutbound;

    fn closing(users: &[String], lang: Lang) -> String {
        let (smtp, imap, pop3) = (None, None, None);
        let (ended, is_of_the_service) = (Ended::Ready, false);
        let (settled, typed, needs_sign_in, running) = (&[], Typed::AsBefore, true, None);
        let renewed = &|_: &str| Some(Renewed::Reset);
        Closing { users, smtp, imap, pop3, settled, typed, renewed, needs_sign_in, ended, is_of_the_service, running }
            .text(lang)
    }

    #[test]
    fn no_address_becomes_code_in_a_command_that_somebody_pastes() {
        let (person, others) = ("o'brien@contoso.com", ["a|reboot&@contoso.com".to_owned()]);
        for lang in Lang::ALL {
            let of = |grant| Registration {
                client_id: None,
                provider: "microsoft365",
                tenant: "contoso.com",
                address: person,
                others: &others,
                send_as: Vec::new(),
                grant,
                outbound: SetupOutbound::Smtp,
                certificate: None,
                certificate_der: None,
            };
            let page = Say::registration(&of(Grant::AuthorizationCode), lang);
            for command in [
                "Set-CASMailbox 'o''brien@contoso.com' -Smtp",
                "Add-MailboxPermission 'a|reboot&@contoso.com' -User 'o''brien@contoso.com' -AccessRights",
                "Add-RecipientPermission -Identity 'a|reboot&@contoso.com' -Trustee 'o''brien@contoso.com' -AccessRights",
            ] {
                assert!(page.contains(command), "{command}: {page}");
            }
            let page = Say::registration(&of(Grant::ClientCredentials), lang);
            assert!(page.contains("Add-MailboxPermission 'a|reboot&@contoso.com' -User"), "{page}");
            // As the script does: SMTP AUTH counts for an app that acts by itself as well.
            assert!(page.contains("Set-CASMailbox 'a|reboot&@contoso.com' -Smtp"), "{page}");
            // Each of them: who is not in the group that is there may not send.
            for member in ["'o''brien@contoso.com'", "'a|reboot&@contoso.com'"] {
                let line = format!("# Add-DistributionGroupMember -Identity gatepost-senders -Member {member}\n");
                assert!(page.contains(&line), "{line}: {page}");
            }
            let text = closing(&others, lang);
            assert!(text.contains("gatepost login 'a|reboot&@contoso.com'\n"), "{text}");
            let text =
                Say::OfTheService { address: others[0].clone(), is_installed: true, has_secret: false }.text(lang);
            assert!(text.contains(" 'a|reboot&@contoso.com'") && !text.contains(" a|reboot"), "{text}");
        }
    }
}
