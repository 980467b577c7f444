//! Which store a configuration named before, noted beside the one that it names now: a reload and the end of a daemon know both.
//!
//! What lies in the one before is nowhere else: sign-ins, and mail that has its 250. It is looked at here, and never changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use sqlx::{Connection, SqliteConnection};

use super::{Settings, lock, origin, private_file};

const NOTE: &str = ".before";
/// Of a path, on any system.
const MOST_BYTES: usize = 4096;

/// What a store holds of which a daemon on another one knows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    pub database: PathBuf,
    /// That wait or are held.
    pub messages: u64,
    pub sign_ins: u64,
}

impl LeftBehind {
    /// A daemon is on it: what waits there is delivered.
    pub fn is_in_use(&self) -> bool {
        lock::holder_of(&self.database).is_some()
    }

    /// Whether anybody would miss it. Of sign-ins alone nobody is told for ever: they are made anew.
    pub fn is_missed(&self, has_sign_ins: bool) -> bool {
        self.messages > 0 || (self.sign_ins > 0 && !has_sign_ins)
    }
}

/// The configuration that names this database named `before`.
pub fn note_before(database: &Path, before: &Path) -> io::Result<()> {
    private_file::replace(&lock::beside(database, NOTE), before.to_string_lossy().as_bytes())
}

/// The store before, where one is noted that is still there.
pub fn before(database: &Path) -> Option<PathBuf> {
    let text = fs::read(lock::beside(database, NOTE)).ok().filter(|text| text.len() <= MOST_BYTES)?;
    let before = PathBuf::from(String::from_utf8(text).ok()?);
    (before.is_file() && !lock::is_one_file(&before, database)).then_some(before)
}

/// The daemon on the store before, where that reads this configuration: it takes a restart to have the one that stands there now.
pub fn holder_before(settings: &Settings, file: &Path) -> Option<lock::Holder> {
    lock::holder_of(&before(&settings.database()?)?).filter(|holder| holder.reads(file))
}

/// What the store before holds. `None` also where that cannot be read.
pub async fn left_behind(database: &Path) -> Option<LeftBehind> {
    let database = before(database)?;
    let mut connection = origin::reader(&database).await.ok()?;
    let counted = counted(&mut connection).await;
    let _ = connection.close().await;
    let (messages, sign_ins) = counted.ok()?;
    Some(LeftBehind { database, messages, sign_ins })
}

async fn counted(connection: &mut SqliteConnection) -> Result<(u64, u64), sqlx::Error> {
    let messages: i64 = sqlx::query_scalar("SELECT count(*) FROM queued").fetch_one(&mut *connection).await?;
    let sign_ins = "SELECT count(*) FROM sign_in WHERE sealed NOTNULL";
    let sign_ins: i64 = sqlx::query_scalar(sign_ins).fetch_one(connection).await?;
    Ok((messages.unsigned_abs(), sign_ins.unsigned_abs()))
}

/// Whether these settings name another store than this database, by whatever name.
pub fn is_moved(settings: &Settings, database: &Path) -> bool {
    settings.database().is_some_and(|new| new != database && !lock::is_one_file(database, &new))
}
