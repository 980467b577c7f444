//! Whose file it is that `[store] url` names: what another program made is refused before a byte of it changes, and so is
//! what is no database at all. What cannot be read here is left to the opening itself, which says why.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{StoreError, error::NotOurs, sqlite::BUSY};

/// How a database of SQLite begins (<https://sqlite.org/fileformat.html>, 1.3).
const MAGIC: &[u8] = b"SQLite format 3\0";
/// As migration 0040 writes it; stores that are older have their tables alone.
const APPLICATION_ID: i32 = 1_198_551_924;
/// The table of sqlx is the first one, by itself until the first migration is through.
const FIRST: &str = "_sqlx_migrations";
const OURS: &str = "key_check";

/// An empty file is a store that was begun just now.
pub(super) async fn refuse_others(database: &Path) -> Result<(), StoreError> {
    let not_ours = |is| Err(StoreError::NotOurs { path: database.to_owned(), is });
    let failed = |cause| StoreError::File { path: database.to_owned(), cause };
    let kind = fs::metadata(database).map_err(failed)?;
    if kind.is_dir() {
        return not_ours(NotOurs::Folder);
    }
    if !kind.is_file() {
        return not_ours(NotOurs::NoDatabase);
    }
    match head(database).map_err(failed)?.as_slice() {
        [] => Ok(()),
        MAGIC => match table_of_others(database).await {
            Ok(Some(table)) => not_ours(NotOurs::Table(table)),
            Ok(None) | Err(_) => Ok(()),
        },
        _ => not_ours(NotOurs::NoDatabase),
    }
}

fn head(file: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(MAGIC.len());
    File::open(file)?.take(MAGIC.len() as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// A table that shows that the database is somebody else's.
async fn table_of_others(database: &Path) -> Result<Option<String>, sqlx::Error> {
    // Whoever only reads a database in WAL mode makes the files of its log, if they are not there; not so of one that is
    // said to rest.
    let rests = fs::metadata(log_of(database)).map_or(true, |log| log.len() == 0);
    let options = SqliteConnectOptions::new().filename(database).read_only(true).immutable(rests).busy_timeout(BUSY);
    let mut connection = SqliteConnection::connect_with(&options).await?;
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await?;
    let look = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let mut tables: Vec<String> = sqlx::query_scalar(look).fetch_all(&mut connection).await?;
    connection.close().await?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let is_ours = id == APPLICATION_ID || has(FIRST) && (has(OURS) || tables.len() == 1);
    Ok(if is_ours { None } else { tables.pop() })
}

/// The write-ahead log.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut log = database.to_owned().into_os_string();
    log.push("-wal");
    log.into()
}
