//! Tells whether an app registration is still the one it was: what a provider refused for one configuration deserves
//! a new try with another.

use aws_lc_rs::digest::{self, SHA256};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use super::{App, AppCredential};

impl App {
    /// Changes with every field, the secret included; says nothing about any of them.
    pub fn fingerprint(&self) -> String {
        let mut hash = digest::Context::new(&SHA256);
        // `Debug` masks the secret alone; it is added by its own digest.
        hash.update(format!("{self:?}").as_bytes());
        if let AppCredential::Secret(secret) = &self.credential {
            hash.update(digest::digest(&SHA256, secret.expose().as_bytes()).as_ref());
        }
        STANDARD_NO_PAD.encode(hash.finish())
    }
}
