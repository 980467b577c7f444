//! The key under which a store is sealed: a systemd credential, else the key file, made on the first run.
//!
//! It refuses to make a new key for a store that was sealed under another: that would only hide the loss.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use aws_lc_rs::rand;
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{StoreError, private_file};

pub type Key = Zeroizing<[u8; 32]>;

/// Name of the credential as the unit's `LoadCredential=` gives it.
const CREDENTIAL: &str = "gatepost.key";

/// The file that holds the key: the credential wins where systemd handed one over.
pub fn location(key_file: &Path) -> PathBuf {
    env::var_os("CREDENTIALS_DIRECTORY")
        .map(|dir| PathBuf::from(dir).join(CREDENTIAL))
        .filter(|path| path.exists())
        .unwrap_or_else(|| key_file.to_owned())
}

/// `None` where there is no such file.
pub fn read(path: &Path) -> Result<Option<Key>, StoreError> {
    match fs::read(path).map(Zeroizing::new) {
        Ok(content) => {
            // One of another owner, whom the group lets us read, is that owner's business.
            if private_file::narrow(path).is_ok_and(|narrowed| narrowed) {
                tracing::warn!(key_file = %path.display(), "the key was open to other users; it is ours alone now");
            }
            parse(&content).map(Some).ok_or_else(|| StoreError::KeyFormat { key_file: path.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(StoreError::KeyFile { key_file: path.to_owned(), cause }),
    }
}

/// Makes a key, or takes the one that another process made in the same moment.
pub fn make(path: &Path) -> Result<Key, StoreError> {
    let failed = |cause| StoreError::KeyFile { key_file: path.to_owned(), cause };
    let mut key = Zeroizing::new([0; 32]);
    let mut nonce = [0; 8];
    rand::fill(key.as_mut_slice())
        .and_then(|()| rand::fill(&mut nonce))
        .map_err(|_| failed(io::Error::other("no randomness")))?;
    if let Some(dir) = path.parent() {
        private_file::make_dir(dir).map_err(failed)?;
    }
    let text = Zeroizing::new(format!("{}\n", STANDARD.encode(key.as_slice())));
    match private_file::create_whole(path, text.as_bytes(), &format!("{:x}", u64::from_ne_bytes(nonce))) {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read(path)?.ok_or_else(|| failed(io::Error::from(io::ErrorKind::NotFound)))
        }
        Err(cause) => Err(failed(cause)),
    }
}

/// 32 raw bytes, or their base64 as one line.
fn parse(content: &[u8]) -> Option<Key> {
    let raw = match content.len() {
        32 => Zeroizing::new(content.to_vec()),
        _ => Zeroizing::new(STANDARD.decode(content.trim_ascii()).ok()?),
    };
    Some(Zeroizing::new(<[u8; 32]>::try_from(raw.as_slice()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_key_that_was_open_to_others_is_ours_alone_once_it_was_read() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        fs::write(&path, [7; 32]).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap().is_some());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

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
        fs::write(&path, "hunter2").unwrap();
        let text = read(&path).unwrap_err().to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert!(!text.contains("hunter2"));
    }
}
