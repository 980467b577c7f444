//! What can go wrong with the store, in words that name the path, the cause and the next step.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use sqlx::migrate::MigrateError;

use crate::{
    base::{Fault, Lang, invocation::Daemon},
    catalog::{
        Entry, Known, Words,
        own::{STORE_IN_USE, STORE_KEY_UNUSABLE, STORE_LOCKED, STORE_NEWER, STORE_NOT_OURS, STORE_UNAVAILABLE},
        token::STORE_FAILING,
    },
};

/// What a file is that is no store.
#[derive(Debug)]
pub enum NotOurs {
    Folder,
    NoDatabase,
    /// A database of another program, and one of its tables.
    Table(String),
    /// One that has no table of which it could be told.
    Nameless,
}

#[derive(Debug)]
pub enum StoreError {
    /// Only `sqlite:///path` is known here.
    Url {
        url: String,
    },
    /// The directory or the database file could not be made or read.
    File {
        path: PathBuf,
        cause: io::Error,
    },
    /// Another daemon runs on it.
    InUse {
        database: PathBuf,
        lock: PathBuf,
        /// Its number, where it can be read.
        process: Option<u32>,
        /// How it was started, where a signal reaches it from here.
        daemon: Option<Daemon>,
        /// The configuration that it reads, where it says so.
        reads: Option<PathBuf>,
        /// It said that it is about to end.
        is_stopping: bool,
    },
    KeyFile {
        key_file: PathBuf,
        cause: io::Error,
    },
    KeyFormat {
        /// Where it stands, in words.
        key: String,
        why: String,
    },
    /// The database was sealed, and its key is not where it should be.
    KeyMissing {
        key_file: PathBuf,
        database: PathBuf,
    },
    WrongKey {
        /// Where it stands, in words.
        key: String,
        database: PathBuf,
    },
    /// One row does not open although the key is right.
    Row {
        key: String,
        database: PathBuf,
    },
    Database {
        database: PathBuf,
        cause: sqlx::Error,
    },
    Migration {
        database: PathBuf,
        cause: MigrateError,
    },
    /// What the configuration names is there, and is no store of Gatepost.
    NotOurs {
        path: PathBuf,
        is: NotOurs,
    },
    /// It was migrated further than this program goes.
    Newer {
        database: PathBuf,
    },
}

impl StoreError {
    pub(super) fn of_migration(database: PathBuf, cause: MigrateError) -> Self {
        match cause {
            MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => Self::Newer { database },
            cause => Self::Migration { database, cause },
        }
    }

    /// What the catalogue has of it.
    pub fn entry(&self) -> &'static Entry {
        match self {
            Self::InUse { .. } => STORE_IN_USE,
            Self::KeyFile { .. } | Self::KeyFormat { .. } | Self::KeyMissing { .. } | Self::WrongKey { .. } => {
                STORE_KEY_UNUSABLE
            }
            Self::Database { cause, .. } if is_taken(cause) => STORE_LOCKED,
            Self::NotOurs { .. } => STORE_NOT_OURS,
            Self::Newer { .. } => STORE_NEWER,
            Self::Url { .. }
            | Self::File { .. }
            | Self::Row { .. }
            | Self::Database { .. }
            | Self::Migration { .. } => STORE_UNAVAILABLE,
        }
    }

    /// The same of a store that was open: it fails at its work.
    pub fn entry_at_work(&self) -> &'static Entry {
        match self.entry() {
            entry if entry.id == STORE_LOCKED.id => entry,
            _ => STORE_FAILING,
        }
    }

    /// With the short text and the id of that, where nothing else of the line has them.
    pub fn named(&self) -> String {
        self.entry().said(self)
    }

    /// The catalogue's.
    pub fn words(&self, lang: Lang) -> Words {
        self.entry().told(lang, &Known::default())
    }

    /// As a fault of the catalogue.
    pub fn fault(&self) -> Fault {
        self.entry().fault().detail(self.to_string())
    }

    /// What to do about [`Self::InUse`].
    pub fn make_way(daemon: Option<Daemon>) -> String {
        match daemon.map(Daemon::stop) {
            Some(stop) => format!(
                "stop that one first: `{stop}`; or give this one a [store] url of its own; two would spoil each other's tokens"
            ),
            None => {
                "stop that one first, or give this one a [store] url of its own; two would spoil each other's tokens"
                    .to_owned()
            }
        }
    }

    /// What to do where the other one runs on the very file that was named.
    pub fn reload(daemon: Daemon) -> String {
        format!("to make it read the configuration again: `{}`", daemon.reload())
    }

    /// The disk, its quota or the database itself has no room.
    pub fn is_full(&self) -> bool {
        const FULL: i32 = 13;
        match self {
            Self::Database { cause, .. } => {
                let code = cause.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
                code.is_some_and(|code| code & 0xff == FULL)
            }
            Self::File { cause, .. } => {
                matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            }
            _ => false,
        }
    }

    /// The database answered, and a value in a row is not what it should be.
    pub(crate) fn is_damage(&self) -> bool {
        use sqlx::Error::{ColumnDecode, Decode};
        matches!(self, Self::Database { cause: ColumnDecode { .. } | Decode(_), .. })
    }

    /// Another process may be making the same store at this moment.
    pub(super) fn is_crowd(&self) -> bool {
        match self {
            Self::Migration { cause: MigrateError::Execute(_) | MigrateError::ExecuteMigration(..), .. } => true,
            Self::Database { cause, .. } => is_taken(cause),
            _ => false,
        }
    }
}

impl std::error::Error for StoreError {}

/// What is of this case alone; see [`StoreError::named`].
impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Url { url } => {
                write!(f, "store url {url:?} is not understood: write it as \"sqlite:///absolute/path/gatepost.db\"")
            }
            StoreError::File { path, cause } => {
                write!(f, "cannot use {}: {cause}; make it writable for the user Gatepost runs as", path.display())
            }
            StoreError::InUse { database, lock, process, reads, .. } => {
                let holder = process.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"));
                let (database, lock) = (database.display(), lock.display());
                match reads.as_deref().map(Path::display) {
                    None => write!(f, "another Gatepost runs on the store {database}: {holder} holds {lock}"),
                    Some(file) => write!(
                        f,
                        "another Gatepost, which reads {file}, runs on the store {database}: {holder} holds {lock}"
                    ),
                }
            }
            StoreError::KeyFile { key_file, cause } => write!(
                f,
                "cannot use the key file {}: {cause}; make it readable for the user Gatepost runs as (and its \
                 directory writable on the first run)",
                key_file.display()
            ),
            StoreError::KeyFormat { key, why } => {
                write!(f, "{key} {why}; a key is 32 bytes, or their base64 as one line: put the right one back")
            }
            StoreError::KeyMissing { key_file, database } => write!(
                f,
                "the tokens in {} are sealed, and the key file {} is missing; nothing was changed: put the key file \
                 back, or move the database and the folder of its queue away and sign in again. (A key that is a systemd \
                 credential is given to \
                 the service alone: see docs/systemd.md for commands beside it)",
                database.display(),
                key_file.display()
            ),
            StoreError::WrongKey { key, database } => write!(
                f,
                "{key} is not the one that sealed the tokens in {}; nothing was changed: put the right key back, or \
                 move the database and the folder of its queue away and sign in again",
                database.display()
            ),
            StoreError::Row { key, database } => write!(
                f,
                "the stored sign-in {key:?} in {} was damaged or moved; sign this account in again",
                database.display()
            ),
            StoreError::Database { database, cause } if is_taken(cause) => {
                write!(f, "the database {} is held locked by another program", database.display())
            }
            StoreError::Database { database, cause } => {
                write!(f, "the database {} answers: {cause}; check free space and rights", database.display())
            }
            StoreError::Migration { database, cause } => {
                write!(f, "the database {} cannot be brought to this version: {cause}", database.display())
            }
            StoreError::NotOurs { path, is: NotOurs::Folder } => {
                write!(f, "the store {} is a folder; nothing was changed", path.display())
            }
            StoreError::NotOurs { path, is: NotOurs::NoDatabase } => {
                write!(f, "the store {} is no database of SQLite; nothing was changed", path.display())
            }
            StoreError::NotOurs { path, is: NotOurs::Table(table) } => write!(
                f,
                "the database {} is another program's: it has a table {table:?}; nothing was changed",
                path.display()
            ),
            StoreError::NotOurs { path, is: NotOurs::Nameless } => write!(
                f,
                "the database {} is another program's: it is not empty, and nothing of Gatepost is in it; nothing was \
                 changed",
                path.display()
            ),
            StoreError::Newer { database } => {
                write!(f, "the store {} was made by a newer Gatepost; nothing was changed", database.display())
            }
        }
    }
}

/// Others have it locked just now.
pub(super) fn is_taken(cause: &sqlx::Error) -> bool {
    /// SQLITE_BUSY and SQLITE_LOCKED; their extended codes have them in the lowest byte.
    const TAKEN: [i32; 2] = [5, 6];
    let code = cause.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    code.is_some_and(|code| TAKEN.contains(&(code & 0xff)))
}
