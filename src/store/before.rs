//! Which store a configuration named before, noted beside the one that it names now: a reload and the end of a daemon know both.
//!
//! What lies in the one before is nowhere else: sign-ins, and mail that has its 250. It is looked at here, and never changed.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::PoisonError,
    time::Duration,
};

use sqlx::{Connection, SqliteConnection};
use tokio::{task::spawn_blocking, time::timeout};

use super::{Settings, Store, lock, origin, private_file};

/// Not the name of anybody's copy.
const NOTE: &str = ".store-before";
/// Beside the one that was left: which one came behind it.
const NOTE_AFTER: &str = ".store-after";
/// How the names of bodies end that were set aside, as the spool has it.
pub const SET_ASIDE: &str = ".msg.left";
/// Of a path, on any system.
const MOST_BYTES: u64 = 4096;
/// Of stores that were left one behind the other.
const MOST_STORES: usize = 8;

/// How long the store at hand is waited for, and the ones before, which others may hold locked.
const ASKED_WITHIN: Duration = Duration::from_millis(500);
const READ_WITHIN: Duration = Duration::from_secs(1);

/// What a store holds of which a daemon on another one knows nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBehind {
    pub database: PathBuf,
    /// That wait or are held, or were set aside since no row names them.
    pub messages: u64,
    pub sign_ins: u64,
}

impl LeftBehind {
    /// Whether anybody would miss it. Of sign-ins alone nobody is told for ever: they are made anew.
    pub const fn is_missed(&self, has_sign_ins: bool) -> bool {
        self.messages > 0 || (self.sign_ins > 0 && !has_sign_ins)
    }
}

/// The configuration that names this database named `before`.
pub fn note_before(database: &Path, before: &Path) -> io::Result<()> {
    // Of use to whoever goes back; without it nothing is lost.
    let _ = private_file::replace(&lock::beside(before, NOTE_AFTER), database.to_string_lossy().as_bytes());
    private_file::replace(&lock::beside(database, NOTE), before.to_string_lossy().as_bytes())
}

/// The configuration goes back, or on to another one: what was noted beside this is no more.
pub fn forget_before(database: &Path, before: &Path) {
    for (beside, note, said) in [(database, NOTE, before), (before, NOTE_AFTER, database)] {
        let note = lock::beside(beside, note);
        if fs::read(&note).is_ok_and(|noted| noted == said.to_string_lossy().as_bytes()) {
            // One that stays says what was true.
            let _ = fs::remove_file(note);
        }
    }
}

/// What such a note says.
fn noted(database: &Path, note: &str) -> Option<PathBuf> {
    let mut text = String::new();
    File::open(lock::beside(database, note)).ok()?.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(PathBuf::from(text)).filter(|other| !lock::is_one_file(other, database))
}

/// The store before, where one is noted that is still there.
fn before(database: &Path) -> Option<PathBuf> {
    noted(database, NOTE).filter(|before| before.is_file())
}

/// The databases before this one and behind it, there or not, on which nobody works now: where bodies of its messages may lie,
/// once somebody moved the folders without them.
pub fn neighbours(database: &Path) -> Vec<PathBuf> {
    let mut all = all_before(database);
    all.extend([NOTE, NOTE_AFTER].into_iter().filter_map(|note| noted(database, note)));
    all.sort();
    all.dedup();
    all.retain(|one| lock::holder_of(one).is_none());
    all
}

/// All of them, the last one first.
fn all_before(database: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    while let Some(one) = before(all.last().map_or(database, PathBuf::as_path))
        && all.len() < MOST_STORES
        && !all.contains(&one)
        && !lock::is_one_file(&one, database)
    {
        all.push(one);
    }
    all
}

/// The same by these settings, for whoever is told of it.
pub fn store_before(settings: &Settings) -> Option<PathBuf> {
    before(&settings.database()?)
}

/// The daemon on the store before, where that reads this configuration: it takes a restart to have the one that stands there now.
/// One that drains there while its successor has this one waits for nobody's restart.
pub fn holder_before(settings: &Settings, file: &Path) -> Option<lock::Holder> {
    if lock::holder(settings).is_some() {
        return None;
    }
    lock::holder_of(&before(&settings.database()?)?).filter(|holder| holder.reads(file))
}

/// What the stores before hold, the first of them that anybody would miss. One on which a daemon works is left by nobody; `None`
/// also where that cannot be read, or not in time.
pub async fn left_behind(database: &Path, has_sign_ins: bool) -> Option<LeftBehind> {
    seen_behind(database, has_sign_ins).await.ok()?
}

/// `Err`: it could not be seen whether there is anything.
async fn seen_behind(database: &Path, has_sign_ins: bool) -> Result<Option<LeftBehind>, Unseen> {
    let mut seen = Ok(None);
    for database in all_before(database) {
        if lock::holder_of(&database).is_some() {
            continue;
        }
        let counted = timeout(READ_WITHIN, counted_in(&database)).await;
        let Ok(Ok((messages, sign_ins))) = counted else {
            seen = Err(Unseen);
            continue;
        };
        let left = LeftBehind { database, messages, sign_ins };
        if left.is_missed(has_sign_ins) {
            return Ok(Some(left));
        }
    }
    seen
}

struct Unseen;

async fn counted_in(database: &Path) -> Result<(u64, u64), sqlx::Error> {
    let mut connection = origin::reader(database).await?;
    let counted = counted(&mut connection).await;
    let _ = connection.close().await;
    let (messages, sign_ins) = counted?;
    let folder = lock::real_path(database).with_extension("queue");
    let set_aside = spawn_blocking(move || set_aside_in(&folder)).await.unwrap_or_default();
    Ok((messages + set_aside, sign_ins))
}

/// Bodies in the folder of a queue for which its store has no row, by the names that the spool gives them.
fn set_aside_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter(|file| file.file_name().as_encoded_bytes().ends_with(SET_ASIDE.as_bytes())).count() as u64
}

impl Store {
    /// The store before this one, where that is noted and still there.
    pub fn before(&self) -> Option<PathBuf> {
        before(self.path())
    }

    /// The same of this one, whose sign-ins are counted only where there is another. What cannot be seen now is as it was seen
    /// last: nobody is told that it is gone, and again that it is there.
    pub async fn left_behind(&self) -> Option<LeftBehind> {
        before(self.path())?;
        // Of one that does not answer just now nobody knows it: mail is told, and sign-ins alone are not.
        let asked = timeout(ASKED_WITHIN, self.sign_ins()).await;
        let has_sign_ins = asked.map_or(true, |all| all.is_ok_and(|all| !all.is_empty()));
        // However many they are: whoever asks for the status has its answer.
        let seen = timeout(READ_WITHIN, seen_behind(self.path(), has_sign_ins)).await.unwrap_or(Err(Unseen));
        let mut last = self.left_behind.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(left) = seen {
            *last = left;
        }
        last.clone()
    }
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
