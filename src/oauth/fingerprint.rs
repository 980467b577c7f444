//! Tells whether an app registration is still the one it was: what a provider refused for one configuration deserves
//! a new try with another.

use aws_lc_rs::digest::{self, SHA256};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use super::{App, SignIn};
use crate::base::Secret;

impl App {
    /// Changes with every field, the secret included; says nothing about any of them.
    pub fn fingerprint(&self) -> String {
        STANDARD_NO_PAD.encode(self.hash().finish())
    }

    fn hash(&self) -> digest::Context {
        let mut hash = digest::Context::new(&SHA256);
        // `Debug` masks the secret alone; it is added by its own digest.
        hash.update(format!("{self:?}").as_bytes());
        if let Some(secret) = self.credential.secret() {
            hash.update(&digest_of(secret));
        }
        hash
    }
}

impl SignIn {
    /// That of the app, and of the password that is presented for the identity.
    pub fn fingerprint(&self) -> String {
        let mut hash = self.app.hash();
        if let Some(password) = &self.password {
            hash.update(&digest_of(password));
        }
        STANDARD_NO_PAD.encode(hash.finish())
    }
}

fn digest_of(secret: &Secret) -> Vec<u8> {
    digest::digest(&SHA256, secret.expose().as_bytes()).as_ref().to_vec()
}
