//! Which key opens this store: the one of its source, or the one that this leads to while a new one is on its way to
//! its place (see `rotation`).
//!
//! It refuses a key that opens neither: whatever was sealed under it would be lost for everybody else.

use std::{
    path::Path,
    sync::{Arc, PoisonError},
};

use sqlx::{Row, SqliteConnection, SqlitePool};

use super::{Key, KeySource, Store, StoreError, sealing::Sealer};

pub(super) const CHECK: &[u8] = b"gatepost store";
pub(super) const CHECK_PLACE: &str = "key-check";
pub(super) const HANDOVER_PLACE: &str = "key-handover";

/// The key in force.
pub struct Unlocked {
    pub sealer: Sealer,
    /// What stands in `key_check`: another value there means another key.
    pub check: Vec<u8>,
    /// The source still holds the key before.
    pub by_handover: bool,
}

/// The one row of `key_check`.
pub(super) struct Checked {
    pub sealed: Vec<u8>,
    pub handover: Option<Vec<u8>>,
}

pub(super) async fn checked(connection: &mut SqliteConnection) -> Result<Option<Checked>, sqlx::Error> {
    let row = sqlx::query("SELECT sealed, handover FROM key_check").fetch_optional(connection).await?;
    row.map(|row| Ok(Checked { sealed: row.try_get(0)?, handover: row.try_get(1)? })).transpose()
}

/// `None`: the key is neither the one in force nor the one before it.
pub(super) fn open_with(key: &Key, checked: Checked) -> Option<Unlocked> {
    let sealer = Sealer::new(key).ok()?;
    if sealer.open(CHECK_PLACE, &checked.sealed).is_ok() {
        return Some(Unlocked { sealer, check: checked.sealed, by_handover: false });
    }
    let next = sealer.open(HANDOVER_PLACE, checked.handover.as_deref()?).ok()?;
    let sealer = Sealer::new(next.as_slice().try_into().ok()?).ok()?;
    sealer.open(CHECK_PLACE, &checked.sealed).ok()?;
    Some(Unlocked { sealer, check: checked.sealed, by_handover: true })
}

/// Refuses a key that does not fit, and writes nothing. A store that is new, or older than handovers, has to be migrated
/// before it can be looked at.
pub(super) async fn prove(pool: &SqlitePool, source: &KeySource, database: &Path) -> Result<(), StoreError> {
    let failed = |cause| StoreError::Database { database: database.to_owned(), cause };
    let look = "SELECT 1 FROM pragma_table_info('key_check') WHERE name = 'handover'";
    let has_key: Option<i64> = sqlx::query_scalar(look).fetch_optional(pool).await.map_err(failed)?;
    if has_key.is_none() {
        return Ok(());
    }
    let found = checked(&mut *pool.acquire().await.map_err(failed)?).await.map_err(failed)?;
    match found {
        Some(_) => unlock(pool, source, database).await.map(drop),
        None => Ok(()),
    }
}

/// Opens the store, and makes the key of a new one.
pub(super) async fn unlock(pool: &SqlitePool, source: &KeySource, database: &Path) -> Result<Unlocked, StoreError> {
    let failed = |cause| StoreError::Database { database: database.to_owned(), cause };
    let wrong = || StoreError::WrongKey { key: source.to_string(), database: database.to_owned() };
    let mut connection = pool.acquire().await.map_err(failed)?;
    let mut found = checked(&mut connection).await.map_err(failed)?;
    loop {
        let key = match (source.read()?, &found, source) {
            (Some(key), ..) => key,
            (None, Some(_), KeySource::File(key_file) | KeySource::Credential(key_file)) => {
                return Err(StoreError::KeyMissing { key_file: key_file.clone(), database: database.to_owned() });
            }
            (None, ..) => source.make()?,
        };
        let before = match found {
            Some(found) => found,
            None => {
                begin(&mut connection, &key).await.map_err(failed)?;
                checked(&mut connection).await.map_err(failed)?.ok_or_else(wrong)?
            }
        };
        let check = before.sealed.clone();
        if let Some(unlocked) = open_with(&key, before) {
            return Ok(unlocked);
        }
        // A rotation may have gone by between the two looks.
        found = checked(&mut connection).await.map_err(failed)?;
        if found.as_ref().is_none_or(|found| found.sealed == check) {
            return Err(wrong());
        }
    }
}

async fn begin(connection: &mut SqliteConnection, key: &Key) -> Result<(), sqlx::Error> {
    let check = Sealer::new(key).and_then(|sealer| sealer.seal(CHECK_PLACE, CHECK));
    let check = check.map_err(|_| sqlx::Error::Protocol("nothing can be sealed".into()))?;
    let begin = sqlx::query("INSERT INTO key_check (only, sealed) VALUES (1, ?) ON CONFLICT DO NOTHING");
    begin.bind(check).execute(connection).await.map(drop)
}

impl Store {
    pub(super) fn unlocked(&self) -> Arc<Unlocked> {
        self.unlocked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether everything was sealed under another key since; that one is in use then. The source is read anew: it may
    /// hold it by now.
    pub(super) async fn has_other_key(&self, since: &Unlocked) -> Result<bool, StoreError> {
        let found: Option<Vec<u8>> = sqlx::query_scalar("SELECT sealed FROM key_check")
            .fetch_optional(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        if found.is_none_or(|found| found == since.check) {
            return Ok(false);
        }
        let unlocked = unlock(&self.pool, &self.source, &self.database).await?;
        tracing::info!(database = %self.database.display(), "everything stored is sealed under another key; it is in use now");
        *self.unlocked.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(unlocked);
        Ok(true)
    }
}
