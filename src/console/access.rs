//! Who may look: the holder of the token file, or of the password.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::RwLock,
    time::Duration,
};

use aws_lc_rs::rand;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use tokio::time::Instant;

use super::{read, write};
use crate::{
    account::{Guesses, Passwords, Refusal},
    base::Secret,
    net::Peer,
    store::{Settings, beside, private_file},
};

/// For a password that is not remembered: its turn among others of the same source, and the hash.
const CHECKED_WITHIN: Duration = Duration::from_secs(40);

const TOKEN: &str = ".token";
const OLD_TOKEN: &str = "console.token";
/// Of 256 bits in base64.
const WORD_LENGTH: u64 = 43;

/// Where the token lies: beside the store, and by its name, as its lock does. Two stores may share a folder and a key, and whom
/// the daemon of the one lets in is a stranger to that of the other.
pub fn token_file(store: &Settings) -> PathBuf {
    beside_store(store, TOKEN)
}

fn beside_store(store: &Settings, ending: &str) -> PathBuf {
    beside(Path::new(store.url.strip_prefix("sqlite://").unwrap_or(&store.url)), ending)
}

/// The same, by the database.
pub fn token_beside(database: &Path) -> PathBuf {
    beside(database, TOKEN)
}

/// Removes the token that versions before kept for all stores of a folder: nobody reads it any more. One that stands beside
/// another store stays, since an older daemon on that may live by it; and so does what is no such token.
pub fn remove_old_token(store: &Settings) -> io::Result<()> {
    let token = token_file(store);
    let Some(folder) = token.parent() else { return Ok(()) };
    let old = folder.join(OLD_TOKEN);
    // That of a store which is called so.
    if old == token {
        return Ok(());
    }
    let own_lock = beside_store(store, ".lock");
    let is_lock = |path: &Path| path.extension().is_some_and(|end| end == "lock");
    let is_shared = || {
        let mut files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
        files.any(|path| is_lock(&path) && path != own_lock)
    };
    // A link leads to somebody's file.
    let is_file = std::fs::symlink_metadata(&old).is_ok_and(|meta| meta.is_file() && meta.len() == WORD_LENGTH);
    if !is_file || is_shared() || !std::fs::read(&old)?.iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)) {
        return Ok(());
    }
    std::fs::remove_file(&old)
}

pub struct Access {
    token: Secret,
    /// argon2id hash; a reload may bring another.
    password: RwLock<Option<Secret>>,
    passwords: Passwords,
    /// Its own: guesses here do not slow mail down.
    guesses: Guesses,
    loopback: bool,
}

impl Access {
    /// Makes a new token and writes it to `file`, 0600. `loopback`: the console listens there only.
    pub fn new(file: &Path, password: Option<Secret>, loopback: bool) -> io::Result<Self> {
        let word = random_word().ok_or_else(|| io::Error::other("the system gives no random bytes"))?;
        let token = Secret::new(word);
        private_file::replace(file, token.expose().as_bytes())?;
        let password = RwLock::new(password);
        Ok(Self { token, password, passwords: Passwords::new()?, guesses: Guesses::default(), loopback })
    }

    /// The same token in another place, for whoever looks for it there.
    pub fn also_at(&self, file: &Path) -> io::Result<()> {
        private_file::replace(file, self.token.expose().as_bytes())
    }

    /// Takes it away there, if it is this one.
    pub fn no_more_at(&self, file: &Path) {
        let is_ours =
            private_file::read_secret(file).is_ok_and(|word| self.token.expose().as_bytes() == word.as_slice());
        if is_ours {
            let _ = std::fs::remove_file(file);
        }
    }

    /// The password of a configuration that was read again. True where it is another one.
    pub fn take_over(&self, password: Option<&Secret>) -> bool {
        let mut now = write(&self.password);
        let is_same = Secret::same(now.as_ref(), password);
        *now = password.cloned();
        !is_same
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

    /// Whether anybody can come in by typing something.
    pub fn has_password(&self) -> bool {
        read(&self.password).is_some()
    }

    /// The password typed into the page; wrong ones are answered two seconds apart.
    pub async fn admit_password(&self, typed: &Secret, peer: Peer) -> Result<(), Refusal> {
        let Some(hash) = read(&self.password).clone() else { return Err(Refusal::Wrong) };
        let remembered = || async { Ok(self.passwords.is_remembered("console", &hash, typed).then_some(())) };
        let check = || async { Ok(self.passwords.check("console", Some(&hash), typed).await.then_some(())) };
        let tried = self.passwords.tried("console", typed);
        let deadline = Instant::now() + CHECKED_WITHIN;
        self.guesses.attempt::<(), Refusal, _, _>(peer, tried, deadline, remembered, check).await?;
        // Its turn may have been long in coming, and a reload in between.
        let is_still_it = read(&self.password).as_ref().is_some_and(|now| now.matches(&hash));
        is_still_it.then_some(()).ok_or(Refusal::Wrong)
    }

    /// `Bearer TOKEN`, or `Basic` with any user name and the password. Wrong passwords are answered two seconds apart.
    pub async fn admit(&self, authorization: &str, peer: Peer) -> Result<(), Refusal> {
        if let Some(token) = authorization.strip_prefix("Bearer ") {
            return self.token.matches(&Secret::new(token)).then_some(()).ok_or(Refusal::Wrong);
        }
        match password(authorization) {
            Some(typed) => self.admit_password(&typed, peer).await,
            None => Err(Refusal::Wrong),
        }
    }
}

/// 256 random bits as one word for a URL, a cookie or a file.
pub(super) fn random_word() -> Option<String> {
    let mut bytes = [0u8; 32];
    rand::fill(&mut bytes).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
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

    fn peer(from: [u8; 4]) -> Peer {
        Peer::direct((from, 40_000).into())
    }

    #[tokio::test]
    async fn only_the_token_opens_and_only_loopback_names_are_answered() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let access = Access::new(&file, None, true).unwrap();
        let token = std::fs::read_to_string(&file).unwrap();
        let local = peer([127, 0, 0, 1]);
        assert_eq!(access.admit(&format!("Bearer {token}"), local).await, Ok(()));
        assert_eq!(access.admit("Bearer x", local).await, Err(Refusal::Wrong));
        assert_eq!(access.admit("Basic YTpi", local).await, Err(Refusal::Wrong));
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

    #[test]
    fn a_token_of_versions_before_is_removed_and_nothing_else_of_that_name() {
        let dir = tempfile::tempdir().unwrap();
        let store = Settings {
            url: format!("sqlite://{}/gatepost.db", dir.path().display()),
            key_file: dir.path().join("key"),
            key: None,
        };
        let [old, own, other] = [OLD_TOKEN, "gatepost.db.lock", "second.db.lock"].map(|name| dir.path().join(name));
        std::fs::write(&own, "").unwrap();
        let word = random_word().unwrap();
        let stays = |content: &str| {
            std::fs::write(&old, content).unwrap();
            remove_old_token(&store).unwrap();
            old.exists()
        };
        assert!(!stays(&word));
        remove_old_token(&store).unwrap();
        assert!(stays("mine") && stays(&"=".repeat(43)));
        std::fs::write(&other, "").unwrap();
        assert!(stays(&word), "an older daemon on that store may live by it");
        std::fs::remove_file(&other).unwrap();
        std::fs::remove_file(&own).unwrap();
        let store = Settings { url: format!("sqlite://{}/console", dir.path().display()), ..store };
        remove_old_token(&store).unwrap();
        assert!(old.exists(), "it is the token of a store of that name");
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_passwords_of_one_source_are_answered_two_seconds_apart_and_the_right_one_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let hash = crate::account::hash(&Secret::new("right"));
        let access = Access::new(&dir.path().join("token"), hash, false).unwrap();
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("me:{password}")));
        let (near, far) = (peer([192, 0, 2, 1]), peer([192, 0, 2, 2]));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(access.admit(&basic("wrong"), near).await, Err(Refusal::Wrong));
        }
        assert_eq!(start.elapsed().as_secs(), 4);
        assert_eq!(access.admit(&basic("right"), far).await, Ok(()));
        assert_eq!(access.admit(&basic("right"), near).await, Ok(()));
        assert_eq!(start.elapsed().as_secs(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_that_a_reload_replaces_while_it_waits_for_its_turn_lets_nobody_in() {
        let dir = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|password| crate::account::hash(&Secret::new(password)));
        let access = Access::new(&dir.path().join("token"), old, false).unwrap();
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("me:{password}")));
        let near = peer([192, 0, 2, 1]);
        assert_eq!(access.admit(&basic("wrong"), near).await, Err(Refusal::Wrong));
        let (old, reload) = (basic("old"), async { access.take_over(new.as_ref()) });
        let (answer, is_another) = tokio::join!(access.admit(&old, near), reload);
        assert!(is_another && !access.take_over(new.as_ref()));
        assert_eq!((answer, access.admit(&basic("new"), near).await), (Err(Refusal::Wrong), Ok(())));
    }

    /// The last one of a flood waits in vain for its turn, and is never told that its password was wrong.
    #[tokio::test(start_paused = true)]
    async fn an_overdue_guess_on_loopback_is_not_told_as_wrong_and_a_right_password_is_let_in() {
        let dir = tempfile::tempdir().unwrap();
        let hash = crate::account::hash(&Secret::new("right"));
        let access = Access::new(&dir.path().join("token"), hash, true).unwrap();
        let local = peer([127, 0, 0, 1]);
        let basic = |password: &str| format!("Basic {}", STANDARD.encode(format!("me:{password}")));
        let far = Instant::now() + CHECKED_WITHIN;
        let holds_the_turn = access.guesses.attempt::<(), Refusal, _, _>(
            local,
            Default::default(),
            far,
            async || Ok(None),
            std::future::pending,
        );
        let (wrong, right) = (basic("wrong"), basic("right"));
        let later = async { tokio::join!(access.admit(&wrong, local), access.admit(&right, local)) };
        let (_, answers) = tokio::join!(holds_the_turn, later);
        assert_eq!(answers, (Err(Refusal::TooManyGuesses), Ok(())));
    }
}
