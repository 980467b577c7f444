//! Whose file it is that `[store] url` names: what another program made is refused before a byte of it changes, and so is
//! what is no database at all. What cannot be read here is left to the opening itself, which says why; but for one that
//! somebody holds locked, which could be opened in the next moment: whose it is has to be seen first.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions as _, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{
    StoreError,
    error::{NotOurs, is_taken},
    sqlite::{BETWEEN_LOOKS, BUSY, Stamp},
};

/// What SQLite says of a file that begins as no database does (<https://sqlite.org/rescode.html>, SQLITE_NOTADB). It is asked,
/// and the file not opened here: see the module `sqlite`.
const NO_DATABASE: &str = "26";
/// As migration 0040 writes it; stores that are older have their tables alone.
const APPLICATION_ID: i32 = 1_198_551_924;
/// The table of sqlx is the first one, by itself until the first migration is through.
const FIRST: &str = "_sqlx_migrations";
/// A second in all: a store is made in milliseconds.
const LOOKS: usize = 20;
const OURS: [&str; 2] = ["key_check", "sign_in"];

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
    match settled_mark(database).await {
        Ok(Some(mark)) => not_ours(mark),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(NO_DATABASE) => {
            not_ours(NotOurs::NoDatabase)
        }
        Err(error) if is_taken(&error) => Err(StoreError::Database { database: database.to_owned(), cause: error }),
        Ok(None) | Err(_) => Ok(()),
    }
}

/// A store that others make at this moment looks like nobody's in between: what shows that it is not ours has to be seen while
/// nothing changes. Where it never rests what was seen last counts.
async fn settled_mark(database: &Path) -> Result<Option<NotOurs>, sqlx::Error> {
    let mut looks = LOOKS;
    loop {
        let before = traces(database);
        let found = mark_of_others(database).await;
        looks -= 1;
        let is_settled = || before == traces(database) && before.iter().flatten().all(Stamp::is_settled);
        if looks == 0 || !matches!(found, Ok(Some(_))) || is_settled() {
            return found;
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}

/// What the file system says of the database and its log.
fn traces(database: &Path) -> [Option<Stamp>; 2] {
    [database.to_owned(), log_of(database)].map(|file| Stamp::of(&file))
}

/// For whoever looks at a database that another one may have, or nobody, and changes nothing.
pub(super) async fn reader(database: &Path) -> Result<SqliteConnection, sqlx::Error> {
    // Whoever only reads a database in WAL mode makes the files of its log, if they are not there; not so of one that is
    // said to rest.
    let rests = fs::metadata(log_of(database)).map_or(true, |log| log.len() == 0);
    let options = SqliteConnectOptions::new().filename(database).read_only(true).immutable(rests).busy_timeout(BUSY);
    SqliteConnection::connect_with(&options.disable_statement_logging()).await
}

/// What shows that the database is somebody else's.
async fn mark_of_others(database: &Path) -> Result<Option<NotOurs>, sqlx::Error> {
    let mut connection = reader(database).await?;
    // All of it is of one moment.
    let mut moment = connection.begin().await?;
    let id: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *moment).await?;
    let look = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    let tables: Vec<String> = sqlx::query_scalar(look).fetch_all(&mut *moment).await?;
    let is_ours = match (id, tables.as_slice()) {
        (APPLICATION_ID, _) => true,
        (0, []) => is_blank(&mut moment).await?,
        // Ours has its first row together with the tables of the first migration.
        (0, [only]) if only == FIRST => is_none(&mut moment, "SELECT count(*) FROM _sqlx_migrations").await?,
        (0, tables) => [FIRST].iter().chain(&OURS).all(|name| tables.iter().any(|table| table == name)),
        _ => false,
    };
    moment.rollback().await?;
    connection.close().await?;
    let of_others = || tables.into_iter().find(|table| table != FIRST).map_or(NotOurs::Nameless, NotOurs::Table);
    Ok((!is_ours).then(of_others))
}

/// A file of no bytes, or of the one page of a store that was begun just now: nobody loses anything in it.
async fn is_blank(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await?;
    Ok(pages <= 1
        && is_none(connection, "PRAGMA user_version").await?
        && is_none(connection, "SELECT count(*) FROM sqlite_schema").await?)
}

async fn is_none(connection: &mut SqliteConnection, count: &'static str) -> Result<bool, sqlx::Error> {
    let count: i64 = sqlx::query_scalar(count).fetch_one(connection).await?;
    Ok(count == 0)
}

/// The write-ahead log.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut log = database.to_owned().into_os_string();
    log.push("-wal");
    log.into()
}
