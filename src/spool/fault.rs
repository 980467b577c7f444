//! Why a body cannot be kept, and whether room would help.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{base::printable, catalog::shell};

#[derive(Debug)]
pub struct SpoolFault {
    directory: PathBuf,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    Io(io::Error),
    /// The directory holds the bodies of another store, as `mark` says.
    OfAnother {
        store: String,
        mark: PathBuf,
    },
    /// It belongs to one user, and the database to another.
    OfUser {
        user: u32,
        owner: u32,
    },
    /// Others may write there.
    OpenToOthers,
}

impl SpoolFault {
    pub(super) fn new(directory: &Path, cause: io::Error) -> Self {
        Self { directory: directory.to_owned(), cause: Cause::Io(cause) }
    }

    pub(super) fn of_another(directory: &Path, store: &str, mark: &Path) -> Self {
        let cause = Cause::OfAnother { store: printable(store, 200), mark: mark.to_owned() };
        Self { directory: directory.to_owned(), cause }
    }

    pub(super) fn of_user(directory: &Path, user: u32, owner: u32) -> Self {
        Self { directory: directory.to_owned(), cause: Cause::OfUser { user, owner } }
    }

    pub(super) fn open_to_others(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), cause: Cause::OpenToOthers }
    }

    /// No room: the disk, its quota or the limit of the queue. The client is told `452 4.3.1` then.
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        matches!(self.kind(), Some(StorageFull | QuotaExceeded | FileTooLarge))
    }

    /// The file is not there.
    pub fn is_missing(&self) -> bool {
        self.kind() == Some(io::ErrorKind::NotFound)
    }

    fn quoted(&self) -> String {
        shell(&self.directory.to_string_lossy())
    }

    fn kind(&self) -> Option<io::ErrorKind> {
        match &self.cause {
            Cause::Io(cause) => Some(cause.kind()),
            Cause::OfAnother { .. } | Cause::OfUser { .. } | Cause::OpenToOthers => None,
        }
    }
}

impl fmt::Display for SpoolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory.display();
        match &self.cause {
            Cause::Io(cause) => {
                let next = match self.is_full() {
                    true => "free space there, or raise [queue] max-bytes",
                    false => "check disk and rights",
                };
                write!(f, "messages cannot be kept in {directory}: {cause}; {next}")
            }
            Cause::OfAnother { store, mark } => write!(
                f,
                "{directory} holds the messages of another store, {store}; give each store a folder of its own ([store] \
                 url), or, if {store} was renamed, remove {}",
                mark.display()
            ),
            Cause::OfUser { user, owner } => write!(
                f,
                "{directory} belongs to user {user}, who could change the messages in it, and its store to user {owner}; \
                 chown -R {owner} {}",
                self.quoted()
            ),
            Cause::OpenToOthers => write!(
                f,
                "other users of this machine may write into {directory}, and could change the messages in it; chmod 700 {}",
                self.quoted()
            ),
        }
    }
}

impl std::error::Error for SpoolFault {}
