//! A client secret that took the place of one that ended. The configuration says where it stands, so no line of it changes.

use std::path::PathBuf;

use super::{
    note,
    words::{Say, Trouble},
};
use crate::{
    base::{Lang, Secret},
    cli::{
        outcome::Outcome,
        state::{block_on, refused_as},
    },
    config::Config,
    net::{ClientTls, HttpClient, SetupFault},
    oauth::{App, AppCredential, Grant, clock::Clock, endpoints::Endpoints},
};

pub struct Renewal {
    /// Its name in the configuration.
    pub app: String,
    pub file: PathBuf,
    pub secret: Secret,
}

impl Renewal {
    /// Asks for a token with it: what the provider refuses never takes the place of one that may still work. Where a
    /// person signed in, the checks behind it ask instead, as what comes of a refresh token is to be kept.
    pub fn prove(&self, config: &Config, lang: Lang) -> Outcome {
        let Some(app) = config.apps.get(&self.app).filter(|app| app.grant == Grant::ClientCredentials) else {
            return Ok(());
        };
        let app = App { credential: AppCredential::Secret(self.secret.clone()), ..App::clone(app) };
        let network = |fault: SetupFault| Trouble::Network { why: fault.to_string() }.failure(lang);
        let tls = ClientTls::new(&config.network).map_err(network)?;
        let http = HttpClient::new(&config.network, &tls).map_err(network)?;
        let clock = Clock::default();
        let endpoints = Endpoints { http: &http, app: &app, clock: &clock };
        let asked = block_on(async { Ok(endpoints.client_credentials().await) })?;
        asked.map(drop).map_err(|verdict| {
            note(&Say::NothingWritten.text(lang));
            refused_as(&verdict, &app.known(), lang)
        })
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
