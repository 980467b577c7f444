//! Whether the store takes writes, for `/readyz`.
//!
//! Anybody may ask, so the answer is cheap: it is remembered for a second, and a healthy store is asked for its write
//! lock only. (While another process holds that lock the question waits for a second, and what comes behind it on the one
//! connection waits with it; a write would have to, and longer.) The lock alone would miss a full disk and a file system
//! that went read-only. So the outcome of every real write counts as well: after one that failed, readiness is proved
//! by writing.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{Connection as _, SqliteConnection, SqlitePool};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::Instant,
};

use super::{Store, StoreError, error::is_taken};
use crate::catalog::{Entry, own::STORE_LOCKED, token::STORE_FAILING};

const REMEMBERED: Duration = Duration::from_secs(1);
/// How long the question waits for another process, in milliseconds: whoever asked has an answer before they give up. What is
/// written waits longer, and is set back behind the question.
const ASKED_WITHIN: &str = "PRAGMA busy_timeout = 1000";
const WRITTEN_WITHIN: &str = "PRAGMA busy_timeout = 5000";

/// Why the store takes no writes. `Display` says it in one line with what to do, and names no path: strangers may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// It gave no answer in the time of whoever asked.
    Silent,
    /// Another program holds its lock.
    Locked,
    /// What SQLite says, without the words that surround it.
    Refuses(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.entry().said(self.particular()))
    }
}

impl Trouble {
    fn of(error: &sqlx::Error) -> Self {
        if is_taken(error) {
            return Self::Locked;
        }
        let said = error.as_database_error().map(|error| error.message().to_owned());
        Self::Refuses(said.unwrap_or_else(|| error.to_string()))
    }

    pub fn entry(&self) -> &'static Entry {
        match self {
            Trouble::Locked => STORE_LOCKED,
            Trouble::Silent | Trouble::Refuses(_) => STORE_FAILING,
        }
    }

    /// Without the text and the id of the fault.
    pub fn particular(&self) -> String {
        match self {
            Trouble::Silent => {
                "the store does not answer: another program holds its lock, or its disk hangs; look for both".to_owned()
            }
            Trouble::Locked => {
                "the database is held locked by another program; see who it is: `sudo lslocks --notruncate`".to_owned()
            }
            Trouble::Refuses(cause) => {
                format!("the store takes no writes: {cause}; check free space and rights, and who else has it open")
            }
        }
    }
}

type Answered = Option<(Instant, Option<Trouble>)>;

#[derive(Debug, Clone, Default)]
pub(super) struct Readiness {
    /// When the store was asked, and what it said. Held while it is asked, so that one question serves all.
    answer: Arc<Mutex<Answered>>,
    write_failed: Arc<AtomicBool>,
}

impl Readiness {
    /// Notes how a real write went.
    pub(super) fn wrote<T, E>(&self, outcome: Result<T, E>) -> Result<T, E> {
        self.write_failed.store(outcome.is_err(), Ordering::Relaxed);
        outcome
    }

    async fn ask(self, mut answer: OwnedMutexGuard<Answered>, pool: SqlitePool, database: PathBuf) -> Option<Trouble> {
        let failed = self.write_failed.load(Ordering::Relaxed);
        if let Some((at, trouble)) = &*answer
            && at.elapsed() < REMEMBERED
            && !(trouble.is_none() && failed)
        {
            return trouble.clone();
        }
        let trouble = self.proof(&pool, failed).await.err().map(|error| Trouble::of(&error));
        if let Some(trouble) = &trouble {
            tracing::warn!(database = %database.display(), "{trouble}");
        }
        *answer = Some((Instant::now(), trouble.clone()));
        trouble
    }

    async fn proof(&self, pool: &SqlitePool, failed: bool) -> Result<(), sqlx::Error> {
        let mut connection = pool.acquire().await?;
        sqlx::query(ASKED_WITHIN).execute(&mut *connection).await?;
        let proof = if failed { self.by_writing(&mut connection).await } else { by_lock(&mut connection).await };
        sqlx::query(WRITTEN_WITHIN).execute(&mut *connection).await?;
        proof
    }

    async fn by_writing(&self, connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let written = sqlx::query("UPDATE key_check SET only = 1 WHERE only = 1").execute(connection).await;
        self.wrote(written).map(drop)
    }
}

async fn by_lock(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    connection.begin_with("BEGIN IMMEDIATE").await?.rollback().await
}

impl Store {
    pub async fn is_writable(&self) -> bool {
        self.trouble().await.is_none()
    }

    /// Why the store takes no writes; `None` where it takes them. The statements run on the connection's own thread, and to
    /// their end also where whoever asked gives up: the connection is as it was then.
    pub async fn trouble(&self) -> Option<Trouble> {
        let answer = self.readiness.answer.clone().lock_owned().await;
        let asked = self.readiness.clone().ask(answer, self.pool.clone(), self.database.clone());
        tokio::spawn(asked).await.unwrap_or(Some(Trouble::Silent))
    }

    /// Whether nobody else holds its lock for good. Nothing is written.
    pub async fn prove_by_lock(&self) -> Result<(), StoreError> {
        let outcome = async { by_lock(&mut *self.pool.acquire().await?).await }.await;
        outcome.map_err(|cause| self.failed(cause))
    }
}

#[cfg(test)]
mod tests {
    use sqlx::SqlitePool;

    use super::*;
    use crate::{
        base::Secret,
        net::clock::Still,
        store::{Settings, TokenRow},
    };

    async fn store() -> (tempfile::TempDir, Store, SqlitePool) {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/gatepost.db", dir.path().display());
        let store =
            Store::open(&Settings { url: url.clone(), key_file: dir.path().join("key"), key: None }).await.unwrap();
        sqlx::query("PRAGMA busy_timeout = 50").execute(&store.pool).await.unwrap();
        let other = SqlitePool::connect(&url).await.unwrap();
        (dir, store, other)
    }

    /// Whatever the database takes, no time passes but by [`a_second_later`].
    fn time_stands_still() -> Still {
        tokio::time::pause();
        Still::begin(Duration::from_secs(60))
    }

    async fn a_second_later() {
        tokio::time::advance(Duration::from_millis(1100)).await;
    }

    fn row() -> TokenRow {
        TokenRow { refresh: Some(Secret::new("r0")), ..TokenRow::default() }
    }

    #[tokio::test]
    async fn to_ask_for_readiness_writes_nothing_and_is_asked_once_a_second() {
        let (dir, store, other) = store().await;
        let length = || std::fs::metadata(dir.path().join("gatepost.db-wal")).unwrap().len();
        let before = length();
        let _still = time_stands_still();
        assert!(store.is_writable().await);
        assert_eq!(length(), before);
        let writer = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
        assert!(store.is_writable().await, "from memory");
        a_second_later().await;
        let trouble = store.trouble().await.unwrap().to_string();
        assert!(trouble.contains("[store-locked]: the database is held locked by another program"), "{trouble}");
        writer.rollback().await.unwrap();
        assert!(!store.is_writable().await, "from memory");
        a_second_later().await;
        assert!(store.is_writable().await);
    }

    #[tokio::test]
    async fn a_write_that_failed_counts_at_once_and_until_one_succeeds() {
        let (_dir, store, other) = store().await;
        let _still = time_stands_still();
        assert!(store.is_writable().await);
        // A lock can be had all the same, as on a full disk.
        for table in ["INSERT ON sign_in", "UPDATE ON key_check"] {
            let name = if table.starts_with('I') { "full_a" } else { "full_b" };
            let trigger = format!("CREATE TRIGGER {name} BEFORE {table} BEGIN SELECT RAISE(ABORT, 'disk full'); END");
            sqlx::query(sqlx::AssertSqlSafe(trigger)).execute(&other).await.unwrap();
        }
        assert!(store.save_token("k", 0, &row()).await.is_err());
        assert!(!store.is_writable().await);
        for name in ["full_a", "full_b"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("DROP TRIGGER {name}"))).execute(&other).await.unwrap();
        }
        a_second_later().await;
        assert!(store.is_writable().await, "there is room again, and nobody had to sign in for it");
    }
}
