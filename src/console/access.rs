//! Who may look: the holder of the token file, or of the password.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::rand;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use tokio::time::Instant;

use crate::{
    account::{Guesses, Passwords},
    base::Secret,
    store::private_file,
};

/// For a password that is not remembered: its turn among others of the same source, and the hash.
const CHECKED_WITHIN: Duration = Duration::from_secs(40);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    In,
    Out,
    TooManyGuesses,
}

/// Where the token lies, beside the store's key.
pub fn token_file(key_file: &Path) -> PathBuf {
    key_file.with_file_name("console.token")
}

pub struct Access {
    token: Secret,
    /// argon2id hash.
    password: Option<Secret>,
    passwords: Passwords,
    /// Its own: guesses here do not slow mail down.
    guesses: Guesses,
    loopback: bool,
}

impl Access {
    /// Makes a new token and writes it to `file`, 0600. `loopback`: the console listens there only.
    pub fn new(file: &Path, password: Option<Secret>, loopback: bool) -> io::Result<Self> {
        let mut bytes = [0u8; 32];
        rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
        let token = Secret::new(URL_SAFE_NO_PAD.encode(bytes));
        private_file::replace(file, token.expose().as_bytes())?;
        Ok(Self { token, password, passwords: Passwords::new()?, guesses: Guesses::default(), loopback })
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

    /// `Bearer TOKEN`, or `Basic` with any user name and the password. Wrong passwords are answered two seconds apart.
    pub async fn admits(&self, authorization: &str, peer: IpAddr) -> Verdict {
        if let Some(token) = authorization.strip_prefix("Bearer ") {
            return if self.token.matches(&Secret::new(token)) { Verdict::In } else { Verdict::Out };
        }
        let (Some(typed), Some(hash)) = (password(authorization), &self.password) else { return Verdict::Out };
        if self.passwords.is_remembered("console", hash, &typed) {
            return Verdict::In;
        }
        let Some(turn) = self.guesses.turn(peer, Instant::now() + CHECKED_WITHIN).await else {
            return Verdict::TooManyGuesses;
        };
        if !self.passwords.check("console", Some(hash), &typed).await {
            return Verdict::Out;
        }
        turn.right();
        Verdict::In
    }
}

/// RFC 7617: the user name is anything.
fn password(authorization: &str) -> Option<Secret> {
    let basic = authorization.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| Secret::new(password))
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
        let local = IpAddr::from([127, 0, 0, 1]);
        assert_eq!(access.admits(&format!("Bearer {token}"), local).await, Verdict::In);
        assert_eq!(access.admits("Bearer x", local).await, Verdict::Out);
        assert_eq!(access.admits("Basic YTpi", local).await, Verdict::Out);
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

    #[tokio::test(start_paused = true)]
    async fn wrong_passwords_of_one_source_are_answered_two_seconds_apart_and_the_right_one_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let hash = crate::account::hash(&Secret::new("right"));
        let access = Access::new(&token_file(&dir.path().join("key")), hash, false).unwrap();
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("me:{password}")));
        let (near, far) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(access.admits(&basic("wrong"), near).await, Verdict::Out);
        }
        assert_eq!(start.elapsed().as_secs(), 4);
        assert_eq!(access.admits(&basic("right"), far).await, Verdict::In);
        assert_eq!(access.admits(&basic("right"), near).await, Verdict::In);
        assert_eq!(start.elapsed().as_secs(), 4);
    }
}
