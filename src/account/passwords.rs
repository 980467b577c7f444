//! Checks typed passwords against argon2id hashes, and remembers the right ones.
//!
//! A success is remembered as a keyed hash in memory, so that a poller that logs in every few seconds costs
//! microseconds. The key dies with the process. Hashing in the daemon is bounded for the whole process, to as many at
//! once as there are cores, but two at least and four at most: a hash of our own takes 19 MiB and tens of milliseconds,
//! one that somebody else made up to 1 GiB.

use std::{
    collections::HashSet,
    sync::{LazyLock, Mutex, PoisonError},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use aws_lc_rs::{hmac, rand::SystemRandom};
use tokio::sync::Semaphore;

use super::guesses::Tried;
use crate::base::Secret;

/// What is checked for an unknown user, so that it takes the time of a hash that [`hash`] makes. (Beside a hash that was
/// made elsewhere, with other costs, a clock can tell.) Nobody knows its password: it is the hash of random bytes that
/// were thrown away.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBvc3QtZGVjb3ktMQ$3vRHdYFyvYpiXc4S0r5pRo1FXGq4OZjgVEr2MgYbXTc";

/// Successes remembered at most; then all are forgotten and the next login of each pays once.
const REMEMBERED_CAP: usize = 100_000;

/// Hashing at once, whoever asks for it.
static HASHING: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    // Unit tests share this process: one whose clock stands still must not wait for the hashes of another, since while
    // it waits its clock jumps to the next deadline.
    Semaphore::new(if cfg!(test) { 100 } else { cores.clamp(2, 4) })
});

type Digest = Tried;

pub struct Passwords {
    key: hmac::Key,
    remembered: Mutex<HashSet<Digest>>,
    #[cfg(test)]
    pub(super) checked: std::sync::atomic::AtomicUsize,
}

impl Passwords {
    /// Fails only if the system has no randomness.
    pub fn new() -> std::io::Result<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| std::io::Error::other("the system gives no random bytes"))?;
        Ok(Self {
            key,
            remembered: Mutex::default(),
            #[cfg(test)]
            checked: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    fn digest(&self, login: &str, hash: &Secret, typed: &Secret) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        for part in [login, hash.expose(), typed.expose()] {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut digest = Digest::default();
        for (to, from) in digest.iter_mut().zip(context.sign().as_ref()) {
            *to = *from;
        }
        digest
    }

    /// True if this very password was right for this login and hash before. Microseconds.
    pub fn is_remembered(&self, login: &str, hash: &Secret, typed: &Secret) -> bool {
        let digest = self.digest(login, hash, typed);
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest)
    }

    /// Tells one try from another, and nothing about either.
    pub fn tried(&self, login: &str, typed: &Secret) -> Tried {
        self.digest(login, &Secret::default(), typed)
    }

    /// Checks against `hash`, or against a decoy if there is none. Cancel safe: a check that is under way ends by
    /// itself on its own thread.
    pub async fn check(&self, login: &str, hash: Option<&Secret>, typed: &Secret) -> bool {
        #[cfg(test)]
        self.checked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (against, secret) = (hash.cloned().unwrap_or_else(|| Secret::new(DECOY)), typed.clone());
        let right = apart(move || verify(&against, &secret)).await.unwrap_or(false);
        let (true, Some(hash)) = (right, hash) else { return false };
        let digest = self.digest(login, hash, typed);
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= REMEMBERED_CAP {
            remembered.clear();
        }
        remembered.insert(digest);
        true
    }
}

/// Runs hashing on a thread of its own, in its turn. One that nobody waits for any more goes on holding its place
/// until it is over: its memory does, too.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let permit = HASHING.acquire().await.ok()?;
    let hashed = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    hashed.await.ok()
}

/// [`hash`] off the runtime's own threads.
pub(super) async fn hash_apart(password: &Secret) -> Option<Secret> {
    let password = password.clone();
    apart(move || hash(&password)).await.flatten()
}

/// A hash that needs more than this would let one login stop the machine.
const MOST_KIBIBYTES: u32 = 1024 * 1024;
const MOST_PASSES: u32 = 64;

/// Why this cannot be checked against a password; `None` if it can. Reads on from "`password`".
pub fn flaw(hash: &Secret) -> Option<&'static str> {
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

/// Makes a hash; the cost is OWASP's first choice for argon2id (19 MiB, two passes). `None` only if the system
/// gives no random bytes. Takes tens of milliseconds: not for the runtime's own threads.
pub fn hash(password: &Secret) -> Option<Secret> {
    let params = Params::new(19_456, 2, 1, None).ok()?;
    let mut salt = [0u8; 16];
    aws_lc_rs::rand::fill(&mut salt).ok()?;
    let salt = SaltString::encode_b64(&salt).ok()?;
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    hasher.hash_password(password.expose().as_bytes(), &salt).ok().map(|hash| Secret::new(hash.to_string()))
}

pub(super) fn verify(hash: &Secret, typed: &Secret) -> bool {
    PasswordHash::new(hash.expose())
        .is_ok_and(|hash| Argon2::default().verify_password(typed.expose().as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_costs_what_the_hashes_that_gatepost_makes_cost() {
        let costs = |hash: &str| {
            let parsed = PasswordHash::new(hash).unwrap();
            let output = parsed.hash.unwrap().len();
            (parsed.version, Params::try_from(&parsed).unwrap(), output)
        };
        assert_eq!(flaw(&Secret::new(DECOY)), None);
        assert_eq!(costs(DECOY), costs(hash(&Secret::new("pw")).unwrap().expose()));
    }

    #[tokio::test]
    async fn a_right_password_is_remembered_for_this_login_and_hash_only() {
        let passwords = Passwords::new().unwrap();
        let (hash, other) = (hash(&Secret::new("pw")).unwrap(), hash(&Secret::new("other")).unwrap());
        let typed = Secret::new("pw");
        assert!(!passwords.is_remembered("ann", &hash, &typed));
        assert!(passwords.check("ann", Some(&hash), &typed).await);
        assert!(passwords.is_remembered("ann", &hash, &typed));
        assert!(!passwords.is_remembered("bob", &hash, &typed));
        assert!(!passwords.is_remembered("ann", &other, &typed));
        assert!(!passwords.check("ann", Some(&hash), &Secret::new("no")).await);
        assert!(!passwords.check("nobody", None, &typed).await);
    }

    #[test]
    fn tries_are_told_apart_by_login_and_by_password_and_nobody_else_can_tell_them() {
        let (passwords, other) = (Passwords::new().unwrap(), Passwords::new().unwrap());
        let (typed, mistyped) = (Secret::new("pw"), Secret::new("pv"));
        let tried = passwords.tried("ann", &typed);
        assert_eq!(tried, passwords.tried("ann", &typed));
        assert_ne!(tried, passwords.tried("ann", &mistyped));
        assert_ne!(tried, passwords.tried("bob", &typed));
        assert_ne!(tried, other.tried("ann", &typed), "the key is of one process");
    }

    #[test]
    fn a_hash_that_cannot_or_must_not_be_checked_is_named() {
        let said = |text: &str| flaw(&Secret::new(text)).unwrap_or_default();
        let costs =
            |m: u32, t: u32| format!("$argon2id$v=19$m={m},t={t},p=1$Z2F0ZXBvc3QtZGVjb3ktMQ$3vRHdYFyvYpiXc4S0r5pRg");
        for fine in [costs(1024 * 1024, 2), costs(19_456, 64)] {
            assert_eq!(said(&fine), "", "{fine}");
        }
        for dear in [costs(1024 * 1024 + 1, 2), costs(19_456, 65)] {
            assert!(said(&dear).contains("too much"), "{dear}");
        }
        assert!(said("pw").contains("no") && said("$argon2i$v=19$m=19456,t=2,p=1").contains("kind"));
        assert!(said("$argon2id$v=19$m=19456,t=2,p=1").contains("incomplete"));
        assert!(said("$argon2id$v=19$m=19456,t=2,p=1$Z2F0ZXBvc3QtZGVjb3ktMQ").contains("incomplete"));
    }

    #[tokio::test]
    async fn what_is_remembered_has_a_cap_and_below_it_nothing_is_forgotten() {
        let passwords = Passwords::new().unwrap();
        let (hash, typed) = (hash(&Secret::new("pw")).unwrap(), Secret::new("pw"));
        assert!(passwords.check("ann", Some(&hash), &typed).await && passwords.check("bob", Some(&hash), &typed).await);
        assert!(passwords.is_remembered("ann", &hash, &typed) && passwords.is_remembered("bob", &hash, &typed));
        passwords.remembered.lock().unwrap().extend((0..REMEMBERED_CAP as u64).map(|n| {
            let mut digest = Digest::default();
            digest[..8].copy_from_slice(&n.to_be_bytes());
            digest
        }));
        assert!(passwords.check("eve", Some(&hash), &typed).await);
        assert_eq!(passwords.remembered.lock().unwrap().len(), 1);
    }
}
