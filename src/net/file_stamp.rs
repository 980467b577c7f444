//! Tells one content of a file from another without reading it, and a file that may be read by now from one that might not.

use std::{fs, path::Path, time::SystemTime};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    modified: SystemTime,
    length: u64,
    /// When owner, mode or content changed last: whoever may read it by now does.
    changed: (i64, i64),
}

impl FileStamp {
    /// `None`: there is no such file, or nobody says.
    pub fn of(file: &Path) -> Option<Self> {
        let found = fs::metadata(file).ok()?;
        Some(Self { modified: found.modified().ok()?, length: found.len(), changed: changed(&found) })
    }
}

#[cfg(unix)]
fn changed(found: &fs::Metadata) -> (i64, i64) {
    use std::os::unix::fs::MetadataExt;
    (found.ctime(), found.ctime_nsec())
}

#[cfg(not(unix))]
const fn changed(_: &fs::Metadata) -> (i64, i64) {
    (0, 0)
}
