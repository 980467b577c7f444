//! What is remembered of one sign-in. It is sealed as a whole: nothing in it can be read, swapped or edited
//! without the key.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::Secret;

/// The resource whose token signs on to SMTP, IMAP and POP3.
pub const MAIL: &str = "mail";
/// Microsoft Graph.
pub const GRAPH: &str = "graph";

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TokenRow {
    /// `None` for app-only grants.
    #[serde(with = "sealed_secret", default)]
    pub refresh: Option<Secret>,
    /// The token that `refresh` replaced, kept where the provider leaves it valid.
    #[serde(with = "sealed_secret", default)]
    pub predecessor: Option<Secret>,
    /// One access token per resource.
    #[serde(default)]
    pub access: BTreeMap<String, AccessToken>,
    pub scope: Option<String>,
    /// Who really consented, where the provider says.
    pub consented_as: Option<String>,
    /// A mail server let them in, where that is another name than the one who was meant.
    #[serde(default)]
    pub is_let_in: bool,
    /// When a person signed in.
    #[serde(with = "unix_time", default)]
    pub signed_in_at: Option<SystemTime>,
    #[serde(with = "unix_time", default)]
    pub last_refresh: Option<SystemTime>,
    /// Set when the identity provider said that only a new sign-in helps.
    pub failure: Option<Failure>,
    /// The last sign-in that somebody tried and was refused, where none came about since.
    #[serde(default)]
    pub refused_sign_in: Option<Failure>,
    /// The same beside a sign-in that is stored and goes on.
    #[serde(default)]
    pub refused_beside: Option<Failure>,
    /// Sign-ins that a policy ended after a set time, oldest first: they tell when it ends the next one.
    #[serde(default)]
    pub ended: Vec<EndedSignIn>,
}

impl TokenRow {
    /// A row may be there for what was refused alone.
    pub fn has_tokens(&self) -> bool {
        self.refresh.is_some() || self.predecessor.is_some() || !self.access.is_empty()
    }
}

/// How long one sign-in lived before a policy ended it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedSignIn {
    #[serde(with = "unix_time", default)]
    pub signed_in_at: Option<SystemTime>,
    /// The last time that it was taken.
    #[serde(with = "unix_time", default)]
    pub last_good: Option<SystemTime>,
    #[serde(with = "unix_time", default)]
    pub refused_at: Option<SystemTime>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessToken {
    #[serde(with = "bare_secret")]
    pub token: Secret,
    #[serde(with = "unix_time", default)]
    pub obtained_at: Option<SystemTime>,
    #[serde(with = "unix_time", default)]
    pub expires_at: Option<SystemTime>,
    pub generation: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// Catalogue id.
    pub id: String,
    pub detail: String,
    #[serde(with = "unix_time", default)]
    pub at: Option<SystemTime>,
    /// The app registration it was said to (see `App::fingerprint`): a changed one deserves a new try.
    pub app: String,
    /// Who signed in, where it was refused since that is somebody else than was meant.
    #[serde(default)]
    pub signed_in_as: Option<String>,
}

/// A row together with its version. No row (never there, or deleted) has a version too, to be saved against.
#[derive(Debug, Clone, Default)]
pub struct Versioned {
    pub version: u64,
    pub row: Option<TokenRow>,
}

/// An account that takes the next password typed, until when and from whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arming {
    pub until: SystemTime,
    pub uid: Option<u32>,
}

pub(super) fn to_unix(time: SystemTime) -> i64 {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

pub(super) fn from_unix(seconds: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(seconds).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

mod unix_time {
    use super::*;

    pub fn serialize<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
        time.map(to_unix).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SystemTime>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(from_unix))
    }
}

mod bare_secret {
    use super::*;

    pub fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}

mod sealed_secret {
    use super::*;

    pub fn serialize<S: Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
        secret.as_ref().map(Secret::expose).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Secret>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.map(Secret::new))
    }
}
