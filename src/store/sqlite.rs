//! The store in SQLite: WAL, every commit on disk before it counts, versions for compare-and-swap.
//!
//! Several processes may have it open at once (the daemon, and a `gatepost login` beside it); the version of a row
//! decides between them, and [`Store::change_counter`] tells one that the other wrote.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use sqlx::{
    Row, Sqlite, SqlitePool,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{
    Settings, StoreError, key, private_file,
    readiness::Readiness,
    row::{Arming, TokenRow, Versioned, from_unix, to_unix},
    sealing::Sealer,
};
use crate::base::Secret;

/// How long a statement waits for another process that writes.
const BUSY: Duration = Duration::from_secs(5);
/// File systems stamp in steps of up to ten milliseconds (two seconds on FAT, which has no place here).
const FILE_CLOCK_TICK: Duration = Duration::from_millis(50);
/// How long an emptying of the log is tried again.
const LOG_PATIENCE: Duration = Duration::from_secs(1);
const LOG_PAUSE: Duration = Duration::from_millis(50);
/// How often, and how far apart, a store is looked at that others are making: it takes milliseconds.
const LOOKS: usize = 40;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);
const CHECK: &[u8] = b"gatepost store";

/// See [`Store::stamp`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: SystemTime,
}

/// What [`Store::delete_tokens`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    pub had_tokens: bool,
    /// No older copy is left in the write-ahead log either, where they are sealed as everywhere.
    pub is_wiped: bool,
}

pub struct Store {
    /// One connection: statements are few and short, and `PRAGMA data_version` compares on one connection only.
    pub(super) pool: SqlitePool,
    pub(super) readiness: Readiness,
    sealer: Sealer,
    database: PathBuf,
}

impl Store {
    /// Opens the store, made on the first run. A wrong or missing key is refused before anything is written.
    ///
    /// SQLite's time-out covers neither the change to WAL nor a migration: of processes that meet at a first start one
    /// does the work, and the others fail, look again and find it done.
    pub async fn open(settings: &Settings) -> Result<Self, StoreError> {
        let database = prepare(&settings.url)?;
        let key_file = key::location(&settings.key_file);
        for _ in 1..LOOKS {
            match Self::look(&database, &key_file).await {
                Err(error) if error.is_crowd() => tokio::time::sleep(BETWEEN_LOOKS).await,
                outcome => return outcome,
            }
        }
        Self::look(&database, &key_file).await
    }

    async fn look(database: &Path, key_file: &Path) -> Result<Self, StoreError> {
        let pool = connect(database).await?;
        let sealer = unlock(&pool, key_file, database).await?;
        Ok(Self { pool, readiness: Readiness::default(), sealer, database: database.to_owned() })
    }

    pub fn path(&self) -> &Path {
        &self.database
    }

    /// What is stored for this sign-in. A row that does not open is an error, never "nothing there".
    pub async fn token(&self, key: &str) -> Result<Versioned, StoreError> {
        let found = sqlx::query("SELECT version, sealed FROM sign_in WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        let Some(found) = found else { return Ok(Versioned::default()) };
        let version: i64 = found.try_get(0).map_err(|cause| self.failed(cause))?;
        let sealed: Option<Vec<u8>> = found.try_get(1).map_err(|cause| self.failed(cause))?;
        let row = sealed.map(|sealed| self.unseal(key, version, &sealed)).transpose()?;
        Ok(Versioned { version: version.unsigned_abs(), row })
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
        let sealed = self.seal(key, next, row)?;
        let save = match expected {
            0 => sqlx::query("INSERT INTO sign_in (key, version, sealed) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING"),
            _ => sqlx::query("UPDATE sign_in SET version = ?2, sealed = ?3 WHERE key = ?1 AND version = ?4"),
        };
        let save = save.bind(key).bind(next).bind(sealed);
        let save = if expected == 0 { save } else { save.bind(expected) };
        Ok(self.write(save).await? == 1)
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
    async fn empty_log(&self) -> Result<bool, StoreError> {
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
        let mut log = self.database.clone().into_os_string();
        log.push("-wal");
        let log = std::fs::metadata(log).ok()?;
        let modified = log.modified().ok()?;
        let settled = SystemTime::now().duration_since(modified).is_ok_and(|age| age > FILE_CLOCK_TICK);
        settled.then_some(Stamp { length: log.len(), modified })
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
        let sealed = self.seal_hash(address, hash)?;
        let learn = sqlx::query(
            "UPDATE first_use SET password_hash = ?, armed_until = NULL, uid = NULL
             WHERE address = ? AND armed_until >= ?",
        );
        Ok(self.write(learn.bind(sealed).bind(address).bind(to_unix(now))).await? == 1)
    }

    /// Stores the hash of a password that Gatepost made itself, over any other.
    pub async fn issue_password(&self, address: &str, hash: &Secret) -> Result<(), StoreError> {
        let sealed = self.seal_hash(address, hash)?;
        let issue = sqlx::query(
            "INSERT INTO first_use (address, password_hash) VALUES (?1, ?2)
             ON CONFLICT (address) DO UPDATE SET password_hash = ?2, armed_until = NULL, uid = NULL",
        );
        self.write(issue.bind(address).bind(sealed)).await.map(drop)
    }

    /// The hash that [`Store::learn_password`] or [`Store::issue_password`] stored.
    pub async fn learned_password(&self, address: &str) -> Result<Option<Secret>, StoreError> {
        let sealed: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT password_hash FROM first_use WHERE address = ? AND password_hash NOTNULL")
                .bind(address)
                .fetch_optional(&self.pool)
                .await
                .map_err(|cause| self.failed(cause))?;
        let Some(sealed) = sealed else { return Ok(None) };
        let place = format!("first-use/{address}");
        let plain = self.sealer.open(&place, &sealed).ok().and_then(|plain| String::from_utf8(plain.to_vec()).ok());
        plain
            .map(|plain| Some(Secret::new(plain)))
            .ok_or(StoreError::Row { key: place, database: self.database.clone() })
    }

    fn seal_hash(&self, address: &str, hash: &Secret) -> Result<Vec<u8>, StoreError> {
        let place = format!("first-use/{address}");
        let sealed = self.sealer.seal(&place, hash.expose().as_bytes());
        sealed.map_err(|_| StoreError::Row { key: place, database: self.database.clone() })
    }

    fn seal(&self, key: &str, version: i64, row: &TokenRow) -> Result<Vec<u8>, StoreError> {
        let json = serde_json::to_vec(row).map(Zeroizing::new);
        json.ok()
            .and_then(|json| self.sealer.seal(&place(key, version), &json).ok())
            .ok_or_else(|| StoreError::Row { key: key.to_owned(), database: self.database.clone() })
    }

    fn unseal(&self, key: &str, version: i64, sealed: &[u8]) -> Result<TokenRow, StoreError> {
        let plain = self.sealer.open(&place(key, version), sealed).ok();
        plain
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .ok_or_else(|| StoreError::Row { key: key.to_owned(), database: self.database.clone() })
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
fn place(key: &str, version: i64) -> String {
    format!("sign-in/{key}/{version}")
}

/// Makes directory and file with the rights they must have.
pub(super) fn prepare(url: &str) -> Result<PathBuf, StoreError> {
    let database = path_of(url)?;
    let failed = |cause| StoreError::File { path: database.clone(), cause };
    if let Some(dir) = database.parent() {
        private_file::make_dir(dir).map_err(failed)?;
    }
    private_file::touch(&database).map_err(failed)?;
    Ok(database)
}

fn path_of(url: &str) -> Result<PathBuf, StoreError> {
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
        .pragma("secure_delete", "ON");
    let failed = |cause| StoreError::Database { database: database.to_owned(), cause };
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options)
        .await
        .map_err(failed)?;
    let migrated = sqlx::migrate!().run(&pool).await;
    migrated.map_err(|cause| StoreError::Migration { database: database.to_owned(), cause })?;
    Ok(pool)
}

async fn unlock(pool: &SqlitePool, key_file: &Path, database: &Path) -> Result<Sealer, StoreError> {
    let failed = |cause| StoreError::Database { database: database.to_owned(), cause };
    let wrong = || StoreError::WrongKey { key_file: key_file.to_owned(), database: database.to_owned() };
    let check = || sqlx::query_scalar("SELECT sealed FROM key_check").fetch_optional(pool);
    let sealed: Option<Vec<u8>> = check().await.map_err(failed)?;
    let key = match (key::read(key_file)?, &sealed) {
        (Some(key), _) => key,
        (None, Some(_)) => {
            return Err(StoreError::KeyMissing { key_file: key_file.to_owned(), database: database.to_owned() });
        }
        (None, None) => key::make(key_file)?,
    };
    let sealer = Sealer::new(&key).map_err(|_| wrong())?;
    let sealed = match sealed {
        Some(sealed) => sealed,
        None => {
            let fresh = sealer.seal("key-check", CHECK).map_err(|_| wrong())?;
            sqlx::query("INSERT INTO key_check (only, sealed) VALUES (1, ?) ON CONFLICT DO NOTHING")
                .bind(fresh)
                .execute(pool)
                .await
                .map_err(failed)?;
            check().await.map_err(failed)?.unwrap_or_default()
        }
    };
    sealer.open("key-check", &sealed).map_err(|_| wrong())?;
    Ok(sealer)
}
