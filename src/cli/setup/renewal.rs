//! A client secret that took the place of one that ended. The configuration says where it stands, so no line of it changes.

use std::path::{Path, PathBuf};

use super::{
    note,
    words::{Say, Trouble},
};
use crate::{
    base::{Lang, Secret},
    catalog::{
        Known,
        token::{CLIENT_SECRET_EXPIRED, CLIENT_SECRET_WRONG},
    },
    cli::{
        outcome::Outcome,
        state::{block_on, refused_as},
    },
    config::Config,
    net::{ClientTls, HttpClient, SetupFault},
    oauth::{App, AppCredential, Grant, clock::Clock, endpoints::Endpoints},
};

/// Stands for a file that nobody named yet.
const NEW: &str = "NEW";

/// Behind the refusal of a secret that stands in a file: this very command takes a new one.
pub fn instead_of(app: &App, address: &str, refusal: &str) -> Option<Say> {
    let is_of_the_secret = [CLIENT_SECRET_EXPIRED, CLIENT_SECRET_WRONG].iter().any(|entry| entry.id == refusal);
    let is_in_a_file = app.secret_at.as_deref().is_some_and(|at| Path::new(at).is_file());
    (is_of_the_secret && is_in_a_file).then(|| Say::NewSecret { address: address.to_owned(), file: NEW.to_owned() })
}

pub struct Renewal {
    /// Its name in the configuration.
    pub app: String,
    pub file: PathBuf,
    pub secret: Secret,
    /// Where it was read; `None`: it came by a pipe.
    pub given: Option<PathBuf>,
}

impl Renewal {
    /// Asks for a token with it: what the provider refuses never takes the place of one that may still work. Where a
    /// person signed in, the checks behind it ask instead, as what comes of a refresh token is to be kept.
    pub fn prove(&self, config: &Config, lang: Lang) -> Outcome {
        let Some(app) = config.apps.get(&self.app).filter(|app| app.grant == Grant::ClientCredentials) else {
            return Ok(());
        };
        // What is refused is what was given now, and the old one stays.
        let given = self.given.as_ref().map(|file| file.display().to_string());
        let known = Known { client_secret_at: given, ..app.known() };
        let app = App { credential: AppCredential::Secret(self.secret.clone()), ..App::clone(app) };
        let network = |fault: SetupFault| Trouble::Network { why: fault.to_string() }.failure(lang);
        let tls = ClientTls::new(&config.network).map_err(network)?;
        let http = HttpClient::new(&config.network, &tls).map_err(network)?;
        let clock = Clock::default();
        let endpoints = Endpoints { http: &http, app: &app, clock: &clock };
        let asked = block_on(async { Ok(endpoints.client_credentials().await) })?;
        asked.map(drop).map_err(|verdict| {
            note(&Say::NothingWritten.text(lang));
            refused_as(&verdict, &known, lang)
        })
    }

    /// With which file this command is run again.
    pub fn again(&self, address: &str) -> Say {
        let file = self.given.as_deref().unwrap_or(Path::new(NEW)).display().to_string();
        Say::NewSecret { address: address.to_owned(), file }
    }

    pub fn told(&self, config: &Config, configuration: &str) -> Say {
        Say::Renewed {
            app: self.app.clone(),
            file: self.file.display().to_string(),
            configuration: configuration.to_owned(),
            ended: config.secret_expiry.get(&self.app).map(ToString::to_string),
        }
    }
}
