//! What proves the app, and what only its owner knows of a custom provider.

use std::path::PathBuf;

use super::{
    super::{
        blocks::Proof,
        certificate,
        place::{readable, secret_in},
        settings::Setting,
        words::{Say, Trouble},
    },
    Choice, Interview, is_entra,
};
use crate::{
    base::Secret,
    cli::outcome::{Failure, Outcome},
    oauth::Grant,
};

impl Interview<'_, '_> {
    /// It is named by no flag, and nobody can be asked for it.
    pub(super) fn lacks_a_proof(&self, choice: &Choice) -> bool {
        let args = self.args;
        let is_given = args.client_secret_file.is_some() || args.certificate.is_some() || args.make_certificate;
        choice.grant.is_app_only() && !is_given && !self.questions.has_person()
    }

    /// Made ahead of the registration, which wants it uploaded.
    pub(super) fn made_certificate(
        &mut self,
        choice: &Choice,
        name: &str,
    ) -> Result<(Option<String>, Option<Proof>), Failure> {
        if !choice.grant.is_app_only() {
            return Ok((None, None));
        }
        let told = |trouble: Trouble| trouble.failure(self.lang);
        if let (Some(certificate), Some(key)) = (&self.args.certificate, &self.args.certificate_key) {
            let (certificate, key) = (readable(certificate).map_err(told)?, readable(key).map_err(told)?);
            return Ok((Some(certificate.clone()), Some(Proof::Certificate(certificate, key))));
        }
        if self.args.client_secret_file.is_some() {
            return Ok((None, None));
        }
        let makes = self.args.make_certificate || {
            let choices = [(true, "certificate", Say::ProofMake), (false, "secret", Say::ProofSecret)];
            self.questions.choice("--make-certificate", &Say::AskProof, &choices)?
        };
        if !makes {
            return Ok((None, None));
        }
        let told = |trouble: Trouble| trouble.failure(self.lang);
        let (certificate, key) = certificate::make(self.place, name).map_err(told)?;
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        self.note(&Say::CertificateMade { certificate: certificate.clone() });
        Ok((Some(certificate.clone()), Some(Proof::Certificate(certificate, key))))
    }

    pub(super) fn proof(&mut self, choice: &Choice, name: &str) -> Result<(Proof, Option<PathBuf>), Failure> {
        let lang = self.lang;
        let told = |trouble: Trouble| trouble.failure(lang);
        let needs_one = choice.grant.is_app_only() || choice.preset.name == "google";
        let may_have_one = !is_entra(choice.preset) && choice.preset.name != "outlook";
        let secret: Option<Secret> = match &self.args.client_secret_file {
            Some(file) => Some(secret_in(file).map_err(told)?),
            None if needs_one || (may_have_one && self.questions.has_person()) => {
                self.questions.secret("--client-secret-file", &Say::AskSecret { is_needed: needs_one })?
            }
            None => None,
        };
        match secret {
            Some(secret) => {
                let (path, is_new) = self.place.keep_secret(name, &secret).map_err(told)?;
                Ok((Proof::Secret(path.display().to_string()), is_new.then_some(path)))
            }
            None if choice.grant.is_app_only() => Err(told(Trouble::NoSecret)),
            None => Ok((Proof::None, None)),
        }
    }

    /// What only its owner knows of a custom provider.
    pub(super) fn custom(&mut self, choice: &Choice, more: &mut Vec<Setting>) -> Outcome {
        let servers = choice.servers.clone().unwrap_or_default();
        let has_server = |key: &str| match key {
            "smtp" => servers.smtp.is_some(),
            "imap" => servers.imap.is_some(),
            "pop3" => servers.pop3.is_some(),
            _ => false,
        };
        for key in ["authorize-url", "token-url", "scopes", "smtp", "imap", "pop3"] {
            let needless = key == "authorize-url" && choice.grant != Grant::AuthorizationCode;
            if needless || self.is_set("app", key) || has_server(key) {
                continue;
            }
            let flag = format!("--set app.{key}=...");
            let setting = self.questions.line(&flag, &Say::AskKey { key }, None, |typed| match typed {
                "" => Err(Trouble::NotASetting { typed: String::new() }),
                // Parted by blanks, as OAuth has them.
                typed if key == "scopes" && !typed.starts_with('[') => {
                    let scopes: Vec<String> = typed.split_whitespace().map(str::to_owned).collect();
                    Ok(Setting { table: "app".into(), key: key.into(), value: scopes.into() })
                }
                typed => Setting::parse(&format!("app.{key}={typed}")),
            })?;
            more.push(setting);
        }
        Ok(())
    }
}
