//! The key under which a store is sealed: a systemd credential, else what the configuration gives, else the key file,
//! made on the first run.
//!
//! It refuses to make a new key for a store that was sealed under another: that would only hide the loss.

use std::{
    env, fmt, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{Settings, StoreError, private_file};
use crate::base::Secret;

pub type Key = Zeroizing<[u8; 32]>;

/// Name of the credential as the unit's `LoadCredential=` gives it.
pub const CREDENTIAL: &str = "gatepost.key";

/// In words, ahead of its path.
const FILE: &str = "the key file ";

/// Where the key comes from. Read anew whenever it is asked for: the file may hold another by then.
#[derive(Clone, Debug)]
pub enum KeySource {
    /// Ours to make and to replace.
    File(PathBuf),
    /// Handed over by systemd for as long as the process runs.
    Credential(PathBuf),
    /// Written in the configuration, or in the environment variable that it names.
    Given(Secret),
}

impl KeySource {
    /// The credential wins where systemd handed one over.
    pub fn of(settings: &Settings) -> Self {
        let credential = env::var_os("CREDENTIALS_DIRECTORY").map(|dir| PathBuf::from(dir).join(CREDENTIAL));
        match (credential.filter(|path| path.exists()), &settings.key) {
            (Some(path), _) => Self::Credential(path),
            (None, Some(given)) => Self::Given(given.clone()),
            (None, None) => Self::File(settings.key_file.clone()),
        }
    }

    /// Of a key file, by its words.
    pub(super) fn file_in(words: &str) -> Option<&Path> {
        words.strip_prefix(FILE).map(Path::new)
    }

    /// `None` where there is no such file.
    pub(super) fn read(&self) -> Result<Option<Key>, StoreError> {
        match self {
            Self::File(path) | Self::Credential(path) => read(path),
            Self::Given(text) => {
                parse_text(text).map(Some).map_err(|why| StoreError::KeyFormat { key: self.to_string(), why })
            }
        }
    }

    /// Makes the key of a new store.
    pub(super) fn make(&self) -> Result<Key, StoreError> {
        match self {
            Self::File(path) | Self::Credential(path) => make(path),
            Self::Given(_) => {
                self.read()?.ok_or_else(|| StoreError::KeyFormat { key: self.to_string(), why: "is empty".into() })
            }
        }
    }
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{FILE}{}", path.display()),
            Self::Credential(path) => write!(f, "the systemd credential {}", path.display()),
            Self::Given(_) => f.write_str("the key of the configuration (`store.key` or `store.key-env`)"),
        }
    }
}

/// `None` where there is no such file. It is left as it is: a mistaken path may lead to anybody's.
pub fn read(path: &Path) -> Result<Option<Key>, StoreError> {
    match private_file::read_secret(path) {
        Ok(content) => {
            let named = || KeySource::File(path.to_owned()).to_string();
            parse(&content).map(Some).map_err(|why| StoreError::KeyFormat { key: named(), why })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(StoreError::KeyFile { key_file: path.to_owned(), cause }),
    }
}

/// A key by chance.
pub fn fresh() -> Result<Key, io::Error> {
    let mut key = Zeroizing::new([0; 32]);
    rand::fill(key.as_mut_slice()).map_err(|_| io::Error::other("no randomness"))?;
    Ok(key)
}

/// As a key file holds it.
pub fn written(key: &Key) -> Zeroizing<String> {
    Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_slice())))
}

/// Makes a key, or takes the one that another process made in the same moment.
pub fn make(path: &Path) -> Result<Key, StoreError> {
    let failed = |cause| StoreError::KeyFile { key_file: path.to_owned(), cause };
    let key = fresh().map_err(failed)?;
    let mut nonce = [0; 8];
    rand::fill(&mut nonce).map_err(|_| failed(io::Error::other("no randomness")))?;
    if let Some(dir) = path.parent() {
        private_file::make_dir(dir).map_err(failed)?;
    }
    match private_file::create_whole(path, written(&key).as_bytes(), &format!("{:x}", u64::from_ne_bytes(nonce))) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| failed(io::Error::from(io::ErrorKind::NotFound)))
        }
        Err(cause) => Err(failed(cause)),
    }
}

/// The base64 of a key, as one line of text; else what is wrong with it.
pub fn parse_text(text: &Secret) -> Result<Key, String> {
    parse(text.expose().as_bytes())
}

/// 32 raw bytes, or their base64 as one line.
fn parse(content: &[u8]) -> Result<Key, String> {
    let raw = match (content.len(), content.trim_ascii()) {
        (32, _) => Zeroizing::new(content.to_vec()),
        (_, []) => return Err("is empty".into()),
        (length, text) => match STANDARD.decode(text) {
            Ok(raw) => Zeroizing::new(raw),
            Err(_) => return Err(format!("holds {length} bytes that are no base64")),
        },
    };
    let length = raw.len();
    <[u8; 32]>::try_from(raw.as_slice()).map(Zeroizing::new).map_err(|_| format!("holds the base64 of {length} bytes"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_first_run_makes_a_private_key_and_later_runs_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/key");
        assert!(read(&path).unwrap().is_none());
        let made = make(&path).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), made);
        assert_eq!(make(&path).unwrap(), made, "a second maker takes the key that is there");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        }
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_file_that_is_no_key_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        for (content, expected) in [
            ("hunter2", "holds 7 bytes that are no base64"),
            ("", "is empty"),
            ("\n", "is empty"),
            ("aHVudGVyMg==\n", "holds the base64 of 7 bytes"),
            // `openssl rand -hex 32`
            (&"a5".repeat(32), "holds the base64 of 48 bytes"),
        ] {
            fs::write(&path, content).unwrap();
            let text = read(&path).unwrap_err().to_string();
            assert!(text.contains(&path.display().to_string()) && text.contains(expected), "{text}");
            assert!(text.contains("a key is 32 bytes, or their base64") && !text.contains("hunter2"), "{text}");
        }
    }
}
