//! A client secret that took the place of one that ended, or the first one, of which the configuration has but the path. No
//! line of that changes.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::{
    note,
    place::{Place, secret_in},
    words::{Say, Trouble, beside},
};
use crate::{
    base::{Lang, Secret},
    catalog::{
        Known,
        token::{CLIENT_SECRET_EXPIRED, CLIENT_SECRET_WRONG},
    },
    cli::{
        outcome::{Failure, Outcome},
        state::{block_on, refused_as},
    },
    config::{Config, lent},
    net::{ClientTls, HttpClient},
    oauth::{App, AppCredential, Grant, clock::Clock, endpoints::Endpoints},
};

/// A file that nobody named yet.
const NEW: &str = "new.secret";

/// A refusal of a secret that stands in a file has one next step: this very command takes a new one. `given`: the file
/// that was named just now.
pub fn with_its_step(failure: Failure, app: &App, address: &str, given: Option<&Path>, lang: Lang) -> Failure {
    let secrets = [CLIENT_SECRET_EXPIRED, CLIENT_SECRET_WRONG].map(|entry| entry.id);
    let is_of_the_secret = failure.fault().is_some_and(|id| secrets.contains(&id));
    let is_in_a_file = app.secret_at.as_deref().is_some_and(|at| Path::new(at).is_file());
    if !(is_of_the_secret && is_in_a_file) {
        return failure;
    }
    let file = given.unwrap_or(Path::new(NEW)).display().to_string();
    failure.hinted(match lang {
        Lang::En => beside::new_secret_en(app, address, &file),
        Lang::Ja => beside::new_secret_ja(app, address, &file),
    })
}

/// Where one is to come from that the configuration has but the path of.
pub fn first_secret(app: &App, address: &str, lang: Lang) -> String {
    match lang {
        Lang::En => beside::first_secret_en(app, address, NEW),
        Lang::Ja => beside::first_secret_ja(app, address, NEW),
    }
}

/// What was put into a file that the configuration names and that was not there: it can have spoilt nothing.
pub struct FirstSecret {
    app: String,
    file: PathBuf,
}

impl FirstSecret {
    /// `given`: where it is read. `None`: no file is missing, or it is not clear whose it would be.
    pub fn put(place: &Place, existing: &Table, given: &Path) -> Result<Option<Self>, Trouble> {
        let around = place.around();
        let apps = existing.get("app").and_then(Value::as_table).into_iter().flatten();
        let mut missing = apps.filter_map(|(app, table)| {
            let written = Path::new(table.get("client-secret-file")?.as_str()?);
            // systemd alone puts anything there; the check says how.
            let file = around.path(Some(written).filter(|written| lent(written).is_none())?);
            std::fs::symlink_metadata(&file).is_err().then(|| Self { app: app.clone(), file })
        });
        let (Some(first), None) = (missing.next(), missing.next()) else { return Ok(None) };
        Place::make_secret(&first.file, &secret_in(given)?)?;
        Ok(Some(first))
    }

    pub fn undo(&self) {
        let _ = std::fs::remove_file(&self.file);
    }

    pub fn tell(&self, given: Option<&Path>, lang: Lang) {
        note(&Say::SecretIsThere { app: self.app.clone(), file: self.file.display().to_string() }.text(lang));
        note_copied(given, &self.file, lang);
    }
}

/// Of the file that was named for a secret which stands in `kept` by now: one copy too many, which others may be able to read.
/// What came by a pipe is none, nor is that file itself.
fn note_copied(given: Option<&Path>, kept: &Path, lang: Lang) {
    let Some(given) = given.filter(|given| std::fs::metadata(given).is_ok_and(|found| found.is_file())) else { return };
    if std::fs::canonicalize(given).ok() != std::fs::canonicalize(kept).ok() {
        note(&Say::SecretCopied { from: given.display().to_string() }.text(lang));
    }
}

/// The file that was made for the secret of a new app: where nothing came of that it goes again, for it holds a secret.
pub fn settle(made: &Path, given: Option<&Path>, is_kept: bool, lang: Lang) {
    match is_kept {
        true => note_copied(given, made, lang),
        false => drop(std::fs::remove_file(made)),
    }
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
    pub fn prove(&self, config: &Config, address: &str, lang: Lang) -> Outcome {
        let Some(configured) = config.apps.get(&self.app).filter(|app| app.grant == Grant::ClientCredentials) else {
            return Ok(());
        };
        // What is refused is what was given now, and the old one stays.
        let given = self.given.as_ref().map(|file| file.display().to_string());
        let known = Known { client_secret_at: given, ..configured.known() };
        let app = App { credential: AppCredential::Secret(self.secret.clone()), ..App::clone(configured) };
        let tls = ClientTls::new(&config.network)?;
        let http = HttpClient::new(&config.network, &tls)?;
        let clock = Clock::default();
        let endpoints = Endpoints { http: &http, app: &app, clock: &clock };
        let asked = block_on(async { Ok(endpoints.client_credentials().await) })?;
        asked.map(drop).map_err(|verdict| {
            note(&Say::NothingWritten.text(lang));
            with_its_step(refused_as(&verdict, &known, lang), configured, address, self.given.as_deref(), lang)
        })
    }

    pub fn tell(&self, config: &Config, configuration: &str, lang: Lang) {
        let said = Say::Renewed {
            app: self.app.clone(),
            file: self.file.display().to_string(),
            configuration: configuration.to_owned(),
            ended: config.secret_expiry.get(&self.app).map(ToString::to_string),
        };
        note(&said.text(lang));
        note_copied(self.given.as_deref(), &self.file, lang);
    }
}
