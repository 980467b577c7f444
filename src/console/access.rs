//! Who may look: the holder of the token file, or of the password.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{account::Passwords, base::Secret, store::private_file};

/// Where the token lies, beside the store's key.
pub fn token_file(key_file: &Path) -> PathBuf {
    key_file.with_file_name("console.token")
}

pub struct Access {
    token: Secret,
    /// argon2id hash.
    password: Option<Secret>,
    passwords: Passwords,
    loopback: bool,
}

impl Access {
    /// Makes a new token and writes it to `file`, 0600. `loopback`: the console listens there only.
    pub fn new(file: &Path, password: Option<Secret>, loopback: bool) -> io::Result<Self> {
        let mut bytes = [0u8; 32];
        rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
        let token = Secret::new(URL_SAFE_NO_PAD.encode(bytes));
        private_file::replace(file, token.expose().as_bytes())?;
        Ok(Self { token, password, passwords: Passwords::new()?, loopback })
    }

    /// The Host header names a loopback address, or the console is meant for others too.
    pub fn allows_host(&self, host: &str) -> bool {
        if !self.loopback {
            return true;
        }
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// `Bearer TOKEN`, or `Basic` with any user name and the password.
    pub async fn admits(&self, authorization: &str) -> bool {
        if let Some(token) = authorization.strip_prefix("Bearer ") {
            return self.token.matches(&Secret::new(token));
        }
        let (Some(basic), Some(hash)) = (authorization.strip_prefix("Basic "), &self.password) else { return false };
        let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(basic) else { return false };
        let Ok(pair) = String::from_utf8(bytes) else { return false };
        let Some((_, password)) = pair.split_once(':') else { return false };
        let typed = Secret::new(password);
        self.passwords.is_remembered("console", hash, &typed)
            || self.passwords.check("console", Some(hash), &typed).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_token_opens_and_only_loopback_names_are_answered() {
        let dir = tempfile::tempdir().unwrap();
        let file = token_file(&dir.path().join("key"));
        let access = Access::new(&file, None, true).unwrap();
        let token = std::fs::read_to_string(&file).unwrap();
        assert!(access.admits(&format!("Bearer {token}")).await);
        assert!(!access.admits("Bearer x").await);
        assert!(!access.admits("Basic YTpi").await);
        for (host, allowed) in [
            ("127.0.0.1:8425", true),
            ("localhost", true),
            ("[::1]:8425", true),
            ("evil.example", false),
            ("127.0.0.1.evil.example:8425", false),
            ("", false),
        ] {
            assert_eq!(access.allows_host(host), allowed, "{host}");
        }
    }
}
