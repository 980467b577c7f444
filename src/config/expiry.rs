//! What of a configuration ends on a day, for warnings ahead of it.

use std::path::Path;

use super::Config;
use crate::{
    expiry::{Watched, What},
    net::{ListenerTls, self_signed_certificate},
    oauth::AppCredential,
};

impl Config {
    /// Secrets and certificates of the apps, and the certificates that listeners show; each once.
    pub fn watched(&self) -> Vec<Watched> {
        let mut watched = Vec::new();
        for (name, app) in &self.apps {
            let day = self.secret_expiry.get(name).copied();
            let (what, certificate) = match &app.credential {
                AppCredential::Certificate { certificate, .. } => (What::AppCertificate, Some(certificate.clone())),
                _ if day.is_some() => (What::ClientSecret, None),
                _ => continue,
            };
            watched.push(Watched { what, name: name.clone(), certificate, key: None, day });
        }
        for listener in self.listeners.iter().filter(|listener| listener.tls != ListenerTls::Off) {
            let (certificate, key) = match listener.certificate.clone() {
                Some((certificate, key)) => (certificate, Some(key)),
                None => (self_signed_certificate(self.state_directory()), None),
            };
            let name = certificate.display().to_string();
            if !watched.iter().any(|one| one.name == name) {
                let what = What::ListenerCertificate;
                watched.push(Watched { what, name, certificate: Some(certificate), key, day: None });
            }
        }
        watched
    }

    /// Where certificates of our own making are kept: beside the key.
    pub fn state_directory(&self) -> &Path {
        self.store.key_file.parent().unwrap_or_else(|| Path::new("."))
    }
}
