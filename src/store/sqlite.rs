//! The store in SQLite: WAL, every commit on disk before it counts, versions for compare-and-swap.
//!
//! Several processes may have it open at once (the daemon, and a `gatepost login` beside it); the version of a row
//! decides between them, and [`Store::change_counter`] tells one that the other wrote.
//!
//! In a process that has it open nothing but SQLite may open the file, however shortly: its locks on it are those of the
//! process (fcntl), and the first file of the process that is closed ends them all (<https://sqlite.org/howtocorrupt.html>, 2.2).
//! Another process would then take itself for the last one, and remove the log into which this one writes on.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
    time::{Duration, SystemTime},
};

use sqlx::{
    ConnectOptions as _, Connection as _, Row, Sqlite, SqlitePool,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{
    KeySource, LeftBehind, Settings, StoreError, origin, private_file,
    readiness::Readiness,
    row::{Arming, TokenRow, Versioned, from_unix, to_unix},
    unlock::{Unlocked, prove, unlock},
};
use crate::base::Secret;

/// How long a statement waits for another process that writes.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// File systems stamp in steps of up to ten milliseconds (two seconds on FAT, which has no place here).
const FILE_CLOCK_TICK: Duration = Duration::from_millis(50);
/// How long an emptying of the log is tried again.
const LOG_PATIENCE: Duration = Duration::from_secs(1);
const LOG_PAUSE: Duration = Duration::from_millis(50);
/// How long a store is looked at again that others are making, or hold locked: more than one look waits by itself.
pub(super) const CROWD_PATIENCE: Duration = Duration::from_secs(2 * BUSY.as_secs());
/// The same for whoever only looks and can do without: as long as the statement waits that finds it locked.
pub(super) const GLANCE_PATIENCE: Duration = Duration::from_millis(500);
/// How far apart: making it takes milliseconds.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// See [`Store::stamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: SystemTime,
}

impl Stamp {
    /// `None`: there is no such file, or nobody says.
    pub(super) fn of(file: &Path) -> Option<Self> {
        let file = std::fs::metadata(file).ok()?;
        Some(Self { length: file.len(), modified: file.modified().ok()? })
    }

    /// A later write has another stamp.
    pub(super) fn is_settled(&self) -> bool {
        SystemTime::now().duration_since(self.modified).is_ok_and(|age| age > FILE_CLOCK_TICK)
    }
}

/// What [`Store::delete_tokens`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    pub had_tokens: bool,
    /// No older copy is left in the write-ahead log either, where they are sealed as everywhere.
    pub is_wiped: bool,
}

pub struct Store {
    /// One connection for life: statements are few and short, and `PRAGMA data_version` compares on one connection only.
    pub(super) pool: SqlitePool,
    pub(super) readiness: Readiness,
    pub(super) source: KeySource,
    /// Replaced where another process sealed everything anew.
    pub(super) unlocked: RwLock<Arc<Unlocked>>,
    pub(super) database: PathBuf,
    /// What the store before held when that could be seen last.
    pub(super) left_behind: Mutex<Option<LeftBehind>>,
}

/// No database is there, where that is sure. An empty file is none: SQLite writes into one at once, and so would whoever asks.
pub fn is_missing(database: &Path) -> bool {
    let is_empty = |file: &Path| std::fs::metadata(file).map(|found| found.is_file() && found.len() == 0);
    match is_empty(database) {
        Ok(is_empty_file) => is_empty_file && is_empty(&origin::log_of(database)).unwrap_or(true),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

impl Store {
    /// Opens the store, made on the first run. A file that is no store, and a wrong or missing key, are refused before
    /// anything is written.
    ///
    /// SQLite's time-out covers neither the change to WAL nor a migration: of processes that meet at a first start one
    /// does the work, and the others fail, look again and find it done.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        Self::open_within(settings, CROWD_PATIENCE).await
    }

    /// For whoever only tells what is stored: one that others hold locked is waited for once.
    pub async fn glance(settings: &Settings) -> Result<Self, StoreError> {
        Self::open_within(settings, GLANCE_PATIENCE).await
    }

    async fn open_within(settings: &Settings, patience: Duration) -> Result<Self, StoreError> {
        let database = prepare(&settings.url)?;
        let source = KeySource::of(settings);
        through_a_crowd(patience, || Self::look(&database, &source)).await
    }

    /// Whoever held it may have made it theirs meanwhile, so whose it is is asked each time.
    async fn look(database: &Path, source: &KeySource) -> Result<Self, StoreError> {
        origin::refuse_others(database).await?;
        let pool = connect(database).await?;
        prove(&pool, source, database).await?;
        let migrated = sqlx::migrate!().run(&pool).await;
        migrated.map_err(|cause| StoreError::of_migration(database.to_owned(), cause))?;
        let unlocked = RwLock::new(Arc::new(unlock(&pool, source, database).await?));
        Ok(Self {
            pool,
            readiness: Readiness::default(),
            source: source.clone(),
            unlocked,
            database: database.to_owned(),
            left_behind: Mutex::default(),
        })
    }

    pub fn path(&self) -> &Path {
        &self.database
    }

    /// SQLite takes its log into the database, if nobody else has it open: what lies there is one whole file. Whoever
    /// still holds this store is refused from now on.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// What is stored for this sign-in. A row that does not open is an error, never "nothing there".
    pub async fn token(&self, key: &str) -> Result<Versioned, StoreError> {
        loop {
            let unlocked = self.unlocked();
            let found = sqlx::query("SELECT version, sealed FROM sign_in WHERE key = ?")
                .bind(key)
                .fetch_optional(&self.pool)
                .await
                .map_err(|cause| self.failed(cause))?;
            let Some(found) = found else { return Ok(Versioned::default()) };
            let version: i64 = found.try_get(0).map_err(|cause| self.failed(cause))?;
            let sealed: Option<Vec<u8>> = found.try_get(1).map_err(|cause| self.failed(cause))?;
            match sealed.map(|sealed| self.unseal(&unlocked, key, version, &sealed)).transpose() {
                Err(StoreError::Row { .. }) if self.has_other_key(&unlocked).await? => {}
                row => return Ok(Versioned { version: version.unsigned_abs(), row: row? }),
            }
        }
    }

    /// The version alone, also of a row that does not open: a new sign-in may replace that one.
    pub async fn version(&self, key: &str) -> Result<u64, StoreError> {
        let version: Option<i64> = sqlx::query_scalar("SELECT version FROM sign_in WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(version.unwrap_or_default().unsigned_abs())
    }

    /// Saves if nobody else did since `expected` was read; `false` means: read again, theirs counts.
    /// The new version is `expected + 1`.
    pub async fn save_token(&self, key: &str, expected: u64, row: &TokenRow) -> Result<bool, StoreError> {
        let expected = i64::try_from(expected).unwrap_or(i64::MAX);
        let next = expected.saturating_add(1);
        let json = serde_json::to_vec(row).map(Zeroizing::new).map_err(|_| self.unsealable(key))?;
        let save = match expected {
            0 => {
                "INSERT INTO sign_in (key, version, sealed) SELECT ?1, ?2, ?3
                 WHERE EXISTS (SELECT 1 FROM key_check WHERE sealed = ?4) ON CONFLICT DO NOTHING"
            }
            _ => {
                "UPDATE sign_in SET version = ?2, sealed = ?3 WHERE key = ?1 AND version = ?5
                 AND EXISTS (SELECT 1 FROM key_check WHERE sealed = ?4)"
            }
        };
        let statement = |sealed, check| {
            let save = sqlx::query(save).bind(key).bind(next).bind(sealed).bind(check);
            if expected == 0 { save } else { save.bind(expected) }
        };
        Ok(self.write_sealed(&place(key, next), &json, statement).await? == 1)
    }

    /// Forgets every copy. The version goes on, so a save that is under way fails.
    pub async fn delete_tokens(&self, key: &str) -> Result<Deleted, StoreError> {
        let forget = "UPDATE sign_in SET version = version + 1, sealed = NULL WHERE key = ? AND sealed NOTNULL";
        let had_tokens = self.write(sqlx::query(forget).bind(key)).await? > 0;
        // They are gone for everybody who asks, also where the log cannot be emptied.
        Ok(Deleted { had_tokens, is_wiped: self.empty_log().await.unwrap_or(false) })
    }

    /// The old page images live in the write-ahead log until it is copied back and cut; `secure_delete` overwrites
    /// them in the database itself. `false`: another process reads or copies all the time.
    pub(super) async fn empty_log(&self) -> Result<bool, StoreError> {
        let start = Instant::now();
        loop {
            // SQLite itself waits for readers, up to the busy time-out, but not for another checkpoint.
            let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
                .fetch_one(&self.pool)
                .await
                .map_err(|cause| self.failed(cause))?;
            if busy == 0 || start.elapsed() > LOG_PATIENCE {
                return Ok(busy == 0);
            }
            tokio::time::sleep(LOG_PAUSE).await;
        }
    }

    /// Keys of all sign-ins that hold something.
    pub async fn sign_ins(&self) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query("SELECT key FROM sign_in WHERE sealed NOTNULL ORDER BY key")
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        rows.iter().map(|row| row.try_get(0).map_err(|cause| self.failed(cause))).collect()
    }

    /// The same with the version of each, in no order.
    pub async fn sign_in_versions(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let rows = sqlx::query_as::<_, (String, i64)>("SELECT key, version FROM sign_in WHERE sealed NOTNULL")
            .fetch_all(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(rows.into_iter().map(|(key, version)| (key, version.unsigned_abs())).collect())
    }

    /// What the file system says of the last write, by whomever; cheap enough to ask at every login. `None`: it says
    /// nothing, or a write came just now, and another one in the same tick of its clock would look alike.
    pub fn stamp(&self) -> Option<Stamp> {
        Stamp::of(&origin::log_of(&self.database)).filter(Stamp::is_settled)
    }

    /// Changes whenever another process wrote (`PRAGMA data_version`).
    pub async fn change_counter(&self) -> Result<i64, StoreError> {
        sqlx::query_scalar("PRAGMA data_version").fetch_one(&self.pool).await.map_err(|cause| self.failed(cause))
    }

    /// The next password typed for this address becomes its password, until then; the one so far counts no more.
    pub async fn arm_first_use(&self, address: &str, arming: &Arming) -> Result<(), StoreError> {
        let arm = sqlx::query(
            "INSERT INTO first_use (address, armed_until, uid) VALUES (?1, ?2, ?3)
             ON CONFLICT (address) DO UPDATE SET armed_until = ?2, uid = ?3, password_hash = NULL",
        );
        self.write(arm.bind(address).bind(to_unix(arming.until)).bind(arming.uid.map(i64::from))).await.map(drop)
    }

    pub async fn first_use_arming(&self, address: &str) -> Result<Option<Arming>, StoreError> {
        let row = sqlx::query("SELECT armed_until, uid FROM first_use WHERE address = ? AND armed_until NOTNULL")
            .bind(address)
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        let Some(row) = row else { return Ok(None) };
        let until: i64 = row.try_get(0).map_err(|cause| self.failed(cause))?;
        let uid: Option<i64> = row.try_get(1).map_err(|cause| self.failed(cause))?;
        Ok(Some(Arming { until: from_unix(until), uid: uid.and_then(|uid| u32::try_from(uid).ok()) }))
    }

    /// Stores the hash of the first password and disarms, in one step: of two that race, one gets `false`.
    pub async fn learn_password(&self, address: &str, hash: &Secret, now: SystemTime) -> Result<bool, StoreError> {
        let statement = |sealed, check| {
            sqlx::query(
                "UPDATE first_use SET password_hash = ?1, armed_until = NULL, uid = NULL
                 WHERE address = ?2 AND armed_until >= ?3 AND EXISTS (SELECT 1 FROM key_check WHERE sealed = ?4)",
            )
            .bind(sealed)
            .bind(address)
            .bind(to_unix(now))
            .bind(check)
        };
        Ok(self.write_sealed(&hash_place(address), hash.expose().as_bytes(), statement).await? == 1)
    }

    /// Stores the hash of a password that Gatepost made itself, over any other.
    pub async fn issue_password(&self, address: &str, hash: &Secret) -> Result<(), StoreError> {
        let statement = |sealed, check| {
            sqlx::query(
                "INSERT INTO first_use (address, password_hash) SELECT ?1, ?2
                 WHERE EXISTS (SELECT 1 FROM key_check WHERE sealed = ?3)
                 ON CONFLICT (address) DO UPDATE SET password_hash = ?2, armed_until = NULL, uid = NULL",
            )
            .bind(address)
            .bind(sealed)
            .bind(check)
        };
        self.write_sealed(&hash_place(address), hash.expose().as_bytes(), statement).await.map(drop)
    }

    /// The hash that [`Store::learn_password`] or [`Store::issue_password`] stored.
    pub async fn learned_password(&self, address: &str) -> Result<Option<Secret>, StoreError> {
        loop {
            let unlocked = self.unlocked();
            let sealed: Option<Vec<u8>> =
                sqlx::query_scalar("SELECT password_hash FROM first_use WHERE address = ? AND password_hash NOTNULL")
                    .bind(address)
                    .fetch_optional(&self.pool)
                    .await
                    .map_err(|cause| self.failed(cause))?;
            let Some(sealed) = sealed else { return Ok(None) };
            let plain = unlocked.sealer.open(&hash_place(address), &sealed).ok();
            match plain.and_then(|plain| String::from_utf8(plain.to_vec()).ok()) {
                Some(plain) => return Ok(Some(Secret::new(plain))),
                None if self.has_other_key(&unlocked).await? => {}
                None => return Err(self.unsealable(&hash_place(address))),
            }
        }
    }

    fn unseal(&self, unlocked: &Unlocked, key: &str, version: i64, sealed: &[u8]) -> Result<TokenRow, StoreError> {
        let plain = unlocked.sealer.open(&place(key, version), sealed).ok();
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).ok_or_else(|| self.unsealable(key))
    }

    /// Seals and writes, unless everything was sealed under another key meanwhile: then once more under that one. So
    /// nothing is ever stored that the key in force does not open. `statement` gets the sealed value and what it is to
    /// find in `key_check`.
    async fn write_sealed<'q>(
        &self,
        place: &str,
        plain: &[u8],
        statement: impl Fn(Vec<u8>, Vec<u8>) -> Query<'q, Sqlite, SqliteArguments>,
    ) -> Result<u64, StoreError> {
        loop {
            let unlocked = self.unlocked();
            let sealed = unlocked.sealer.seal(place, plain).map_err(|_| self.unsealable(place))?;
            let done = self.write(statement(sealed, unlocked.check.clone())).await?;
            if done > 0 || !self.has_other_key(&unlocked).await? {
                return Ok(done);
            }
        }
    }

    fn unsealable(&self, key: &str) -> StoreError {
        StoreError::Row { key: key.to_owned(), database: self.database.clone() }
    }

    /// One statement that writes: its outcome counts for the readiness. The number of rows that it touched.
    pub(super) async fn write(&self, statement: Query<'_, Sqlite, SqliteArguments>) -> Result<u64, StoreError> {
        let done = statement.execute(&self.pool).await;
        self.readiness.wrote(done).map(|done| done.rows_affected()).map_err(|cause| self.failed(cause))
    }

    pub(super) fn failed(&self, cause: sqlx::Error) -> StoreError {
        StoreError::Database { database: self.database.clone(), cause }
    }
}

/// The version is part of it: an older copy of the same row, put back by hand, does not open.
pub(super) fn place(key: &str, version: i64) -> String {
    format!("sign-in/{key}/{version}")
}

pub(super) fn hash_place(address: &str) -> String {
    format!("first-use/{address}")
}

/// Makes directory and file with the rights they must have. A file that is there has to be a store.
pub(super) fn prepare(url: &str) -> Result<PathBuf, StoreError> {
    let database = path_of(url)?;
    let failed = |cause| StoreError::File { path: database.clone(), cause };
    if let Some(dir) = database.parent() {
        private_file::make_dir(dir).map_err(failed)?;
    }
    private_file::touch(&database).map_err(failed)?;
    Ok(database)
}

/// Again and again while others have it locked.
pub(super) async fn through_a_crowd<T, F>(patience: Duration, look: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let start = Instant::now();
    loop {
        match look().await {
            Err(error) if error.is_crowd() && start.elapsed() < patience => tokio::time::sleep(BETWEEN_LOOKS).await,
            outcome => return outcome,
        }
    }
}

pub(super) fn path_of(url: &str) -> Result<PathBuf, StoreError> {
    match url.strip_prefix("sqlite://") {
        Some(path) if !path.is_empty() && !path.contains('?') => Ok(PathBuf::from(path)),
        _ => Err(StoreError::Url { url: url.to_owned() }),
    }
}

async fn connect(database: &Path) -> Result<SqlitePool, StoreError> {
    let options = SqliteConnectOptions::new()
        .filename(database)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        .pragma("secure_delete", "ON")
        // Whoever reads the log has no use for statements, however slow the disk is.
        .disable_statement_logging();
    let failed = |cause| StoreError::Database { database: database.to_owned(), cause };
    SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        // Who gives up during the ping takes the connection along: the next one counts `data_version` from elsewhere, and
        // the old one may end behind the process, with its log left. A file does not hang up.
        .test_before_acquire(false)
        // On a full disk SQLite ends a transaction by itself, and sqlx counts on: such a connection begins none any more.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(failed)
}
