//! Why a body cannot be kept, and whether room would help.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

#[derive(Debug)]
pub struct SpoolFault {
    directory: PathBuf,
    cause: io::Error,
}

impl SpoolFault {
    pub(super) fn new(directory: &Path, cause: io::Error) -> Self {
        Self { directory: directory.to_owned(), cause }
    }

    /// No room: the disk, its quota or the limit of the queue. The client is told `452 4.3.1` then.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self.cause.kind(), StorageFull | QuotaExceeded | FileTooLarge)
    }

    /// The file is not there.
    pub fn is_missing(&self) -> bool {
        self.cause.kind() == io::ErrorKind::NotFound
    }
}

impl fmt::Display for SpoolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let next =
            if self.is_full() { "free space there, or raise [queue] max-bytes" } else { "check disk and rights" };
        write!(f, "messages cannot be kept in {}: {}; {next}", self.directory.display(), self.cause)
    }
}

impl std::error::Error for SpoolFault {}
