//! Local passwords are argon2id hashes. A plain password in the file is refused, and never repeated in the problem.

use std::path::Path;

use argon2::{
    Algorithm, Params,
    password_hash::{PasswordHash, PasswordHasher},
};

use super::Checker;
use crate::{
    base::Secret,
    config::{key::Key, raw::Hidden},
};

/// A hash that needs more than this would let one login stop the machine.
const MOST_KIBIBYTES: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;

impl Checker<'_> {
    /// An argon2id hash under `password`, in any of its three forms.
    pub(super) fn hash(
        &mut self,
        table: &Key,
        plain: Option<&Hidden>,
        file: Option<&Path>,
        env: Option<&str>,
    ) -> Option<Secret> {
        let hash = self.secret(table, "password", plain, file, env)?;
        let Some(fault) = password_hash_fault(&hash) else { return Some(hash) };
        let name = ["password", "password-file", "password-env"];
        let given = [plain.is_some(), file.is_some(), env.is_some()];
        let name = name.into_iter().zip(given).find_map(|(name, given)| given.then_some(name)).unwrap_or("password");
        let key = table.field(name);
        self.error(&key, format!("`{key}` {fault}"), "make a hash with `gatepost password` and paste it here");
        None
    }
}

/// Why this cannot be checked against a password; `None` if it can.
pub fn password_hash_fault(hash: &Secret) -> Option<&'static str> {
    let Ok(parsed) = PasswordHash::new(hash.expose()) else {
        return Some("is not a password hash");
    };
    if parsed.algorithm != Algorithm::Argon2id.ident() {
        return Some("is a hash of another kind than argon2id");
    }
    match Params::try_from(&parsed) {
        Ok(params) if params.m_cost() <= MOST_KIBIBYTES && params.t_cost() <= MOST_PASSES => {}
        Ok(_) => return Some("is a hash that costs too much to check (at most 1 GiB and 64 passes)"),
        Err(_) => return Some("is an argon2id hash with parameters out of range"),
    }
    let complete = parsed.salt.is_some() && parsed.hash.is_some();
    (!complete).then_some("is an incomplete argon2id hash")
}

/// Makes a hash; the cost is OWASP's first choice for argon2id (19 MiB, two passes).
pub fn hash_password(password: &Secret) -> Result<Secret, argon2::password_hash::Error> {
    let params = Params::new(19_456, 2, 1, None)?;
    let mut salt = [0u8; 16];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| argon2::password_hash::Error::Crypto)?;
    let salt = argon2::password_hash::SaltString::encode_b64(&salt)?;
    let hasher = argon2::Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params);
    Ok(Secret::new(hasher.hash_password(password.expose().as_bytes(), &salt)?.to_string()))
}
