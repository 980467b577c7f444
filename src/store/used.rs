//! Which store the daemon of a configuration had last, noted in the state directory of whoever runs it: a file that was changed
//! while no daemon ran names another one, and says nothing of where the mail is.
//!
//! It refuses to be more than a hint: without a state directory nobody is told, and nothing is lost.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use aws_lc_rs::digest::{self, SHA256};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{lock, private_file};

/// Ahead of what stands for the path of the configuration.
const NOTE: &str = "store-of-";
/// Of a path, on any system.
const MOST_BYTES: u64 = 4096;

/// What stands for the path of a file, and says nothing to whoever does not know that.
pub fn digest_of(file: &Path) -> String {
    let path = lock::real_path(file);
    URL_SAFE_NO_PAD.encode(digest::digest(&SHA256, path.as_os_str().as_encoded_bytes()))
}

/// The database that the daemon of `file` had last, where that is another one than this and still there.
pub fn used_before(state: &Path, file: &Path, database: &Path) -> Option<PathBuf> {
    let mut text = String::new();
    File::open(note(state, file)).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(PathBuf::from(text)).filter(|last| last.is_file() && !lock::is_one_file(last, database))
}

/// It has this one now. The directory is not made for that: whoever keeps everything elsewhere has none.
pub fn note_used(state: &Path, file: &Path, database: &Path) -> io::Result<()> {
    if !state.is_dir() {
        return Ok(());
    }
    private_file::replace(&note(state, file), lock::real_path(database).to_string_lossy().as_bytes())
}

fn note(state: &Path, file: &Path) -> PathBuf {
    state.join(format!("{NOTE}{}", digest_of(file)))
}
