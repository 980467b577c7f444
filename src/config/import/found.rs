//! What an importer found, in our terms: listeners, accounts with their app registrations, and what is sealed.
//!
//! All importers end here, and everything behind it is written once: asking for passwords, opening, assembling.
//! Nothing in it was decided by a person yet.

use std::collections::BTreeMap;

use super::{
    fernet::{self, Seal},
    report::Report,
    servers::Override,
};
use crate::{base::Secret, config::raw, oauth::endpoints::account_in};

pub struct Found {
    /// Of whom, for texts.
    pub program: &'static str,
    pub listeners: Vec<FoundListener>,
    pub accounts: Vec<FoundAccount>,
    pub http_proxy: Option<Secret>,
    pub ca_file: Option<String>,
    pub report: Report,
    /// What is left to do by hand once the configuration is written, and once mail flows.
    pub next: Vec<String>,
    pub afterwards: Option<&'static str>,
}

impl Found {
    pub fn new(program: &'static str, file: &str) -> Self {
        Self {
            program,
            listeners: Vec::new(),
            accounts: Vec::new(),
            http_proxy: None,
            ca_file: None,
            report: Report::new(file),
            next: Vec::new(),
            afterwards: None,
        }
    }

    /// Whether other machines could reach what is listened on: then every account needs a password of its own.
    pub fn is_wide(&self) -> bool {
        self.listeners.iter().any(FoundListener::is_wide)
    }
}

pub struct FoundListener {
    /// Where it stood, for a comment.
    pub origin: String,
    pub protocol: raw::Protocol,
    pub listen: Vec<String>,
    pub tls: Option<raw::ListenerTls>,
    /// Certificate and key.
    pub certificate: Option<(String, String)>,
}

impl FoundListener {
    /// For people: what it speaks, and where.
    pub fn place(&self) -> String {
        let protocol = match self.protocol {
            raw::Protocol::Smtp => "SMTP",
            raw::Protocol::Imap => "IMAP",
            raw::Protocol::Pop3 => "POP3",
        };
        format!("{protocol} on {}", self.listen.join(" and "))
    }

    pub fn is_wide(&self) -> bool {
        let is_loopback = |listen: &String| {
            let address = listen.parse::<std::net::SocketAddr>();
            address.is_ok_and(|address| address.ip().to_canonical().is_loopback())
        };
        !self.listen.iter().all(is_loopback)
    }
}

pub struct FoundAccount {
    pub origin: String,
    pub address: String,
    pub sign_in_as: Option<String>,
    pub app: FoundApp,
    pub refresh: Option<Held>,
    /// Proves a password where nothing else is sealed, and may tell who consented.
    pub access: Option<Held>,
    pub seal: Option<Seal>,
}

/// A secret as it stood in the file.
#[derive(Clone)]
pub enum Held {
    Plain(Secret),
    /// Under the account's [`Seal`].
    Sealed(String),
}

/// How an app proves itself.
#[derive(Clone)]
pub enum FoundProof {
    None,
    Secret(Held),
    /// What the mail program typed was the app's secret.
    MailPassword,
    Certificate {
        certificate: String,
        key: String,
    },
    /// Path of the JSON key; it may be sealed.
    ServiceAccountFile(Held),
    ServiceAccountKey(Held),
}

#[derive(Clone)]
pub struct FoundApp {
    pub provider: raw::Provider,
    pub tenant: Option<String>,
    pub client_id: Option<String>,
    pub proof: FoundProof,
    pub grant: raw::Grant,
    pub redirect_uri: Option<String>,
    /// Only where they differ from what is known for the provider, as everything below.
    pub scopes: Option<Vec<String>>,
    pub resource: Option<String>,
    pub authorize_url: Option<String>,
    pub token_url: Option<String>,
    pub device_url: Option<String>,
    pub authorize_extra: BTreeMap<String, String>,
    pub smtp: Option<Override>,
    pub imap: Option<Override>,
    pub pop3: Option<Override>,
}

impl FoundApp {
    pub fn is_attended(&self) -> bool {
        matches!(self.grant, raw::Grant::AuthorizationCode | raw::Grant::DeviceCode)
    }
}

/// What a password is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// It opens what is sealed, and clients type it.
    MailPassword,
    /// Nothing is there to hold it against; clients type it, and the provider or the app wants it.
    Unproved,
    /// Clients may type whatever is chosen now.
    Choice,
    /// Nothing is asked: the first password typed after the sign-in counts.
    Nothing,
}

/// What one password opened.
#[derive(Default)]
pub struct Opened {
    pub refresh: Option<Secret>,
    /// The app's secret, or its key.
    pub proof: Option<Secret>,
    /// As the access token has it.
    pub consented_as: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct WrongPassword;

impl FoundAccount {
    pub fn grant(&self) -> raw::Grant {
        self.app.grant
    }

    /// A person signs in.
    pub fn is_attended(&self) -> bool {
        self.app.is_attended()
    }

    pub fn is_whole_domain(&self) -> bool {
        self.address.starts_with("*@")
    }

    pub fn wanted(&self, wide: bool) -> Wanted {
        let is_proof = matches!(self.app.proof, FoundProof::MailPassword) || self.grant() == raw::Grant::Password;
        match () {
            () if self.seal.is_some() && !self.sealed().is_empty() => Wanted::MailPassword,
            () if is_proof => Wanted::Unproved,
            // Its mailboxes have passwords of their own.
            () if self.is_whole_domain() => Wanted::Nothing,
            // A sign-in arms the first use, and here is none to come.
            () if self.is_attended() && !wide && self.refresh.is_none() => Wanted::Nothing,
            () => Wanted::Choice,
        }
    }

    /// What was never sealed needs no password.
    pub fn unsealed(&self) -> Opened {
        Opened {
            refresh: plain(self.refresh.as_ref()),
            proof: plain(self.proof()),
            consented_as: plain(self.access.as_ref()).and_then(|token| account_in(token.expose())),
        }
    }

    /// Takes up to some seconds.
    pub fn open(&self, password: &Secret) -> Result<Opened, WrongPassword> {
        let Some(seal) = &self.seal else { return Ok(self.unsealed()) };
        let opened = seal.open(password, &self.sealed());
        if !opened.is_empty() && opened.iter().all(Option::is_none) {
            return Err(WrongPassword);
        }
        let mut opened = opened.into_iter();
        // In the order of `sealed`.
        let mut take = |held: Option<&Held>| match held? {
            Held::Plain(secret) => Some(secret.clone()),
            Held::Sealed(_) => opened.next().flatten(),
        };
        let (refresh, access, proof) = (take(self.refresh.as_ref()), take(self.access.as_ref()), take(self.proof()));
        Ok(Opened { refresh, proof, consented_as: access.and_then(|token| account_in(token.expose())) })
    }

    fn sealed(&self) -> Vec<&str> {
        let all = [self.refresh.as_ref(), self.access.as_ref(), self.proof()];
        let sealed = all.into_iter().flatten().filter_map(|held| match held {
            Held::Sealed(text) => Some(text.as_str()),
            Held::Plain(_) => None,
        });
        sealed.collect()
    }

    fn proof(&self) -> Option<&Held> {
        match &self.app.proof {
            FoundProof::Secret(held) | FoundProof::ServiceAccountFile(held) | FoundProof::ServiceAccountKey(held) => {
                Some(held)
            }
            _ => None,
        }
    }
}

impl Held {
    /// Sealed text, unless it has not even the shape of one.
    pub fn sealed(text: &str) -> Option<Self> {
        fernet::is_sealed(text).then(|| Self::Sealed(text.to_owned()))
    }
}

fn plain(held: Option<&Held>) -> Option<Secret> {
    match held? {
        Held::Plain(secret) => Some(secret.clone()),
        Held::Sealed(_) => None,
    }
}
