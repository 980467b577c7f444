//! Another key for everything that is sealed, while the daemon runs, with no moment at which a kill loses anything.
//!
//! In one transaction all values are sealed under the new key, and the new key itself under the one that its source
//! holds: from then on either opens the store. Then the new key takes the place of the old one, and the way from the
//! old to the new is forgotten. Both steps hold the database's write lock from beginning to end, so that two of them
//! cannot mix. Other processes go on: a value that does not open, or a write that finds another key in force, makes
//! them look (`unlock::has_other_key`).

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
};

use sqlx::{Row, SqliteConnection};

use super::{
    Key, KeySource, Store, StoreError,
    key::written,
    lock, private_file,
    sealing::{NotOurs, Sealer},
    sqlite::{hash_place, place},
    unlock::{CHECK, CHECK_PLACE, HANDOVER_PLACE, Unlocked, checked, open_with},
};

/// What was sealed anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resealed {
    pub values: usize,
    /// They did not open under the old key either, and stay as they are.
    pub damaged: usize,
}

impl Store {
    pub const fn key_source(&self) -> &KeySource {
        &self.source
    }

    /// Where the last daemon on this store had its key, if that is another place. It reads its own place alone: once the
    /// way from the old key is forgotten, it would be locked out.
    pub fn source_of_daemon(&self) -> Option<String> {
        lock::last_source(&self.database).filter(|source| *source != self.source.to_string())
    }

    /// Other databases that have their key in the same file, and that another key there would lock out.
    pub fn others_on_key_file(&self) -> Vec<PathBuf> {
        match &self.source {
            KeySource::File(key_file) => lock::others_with_key(&self.database, key_file),
            KeySource::Credential(_) | KeySource::Given(_) => Vec::new(),
        }
    }

    /// Whether this key is in force already, or the one that the source holds.
    pub async fn is_known_key(&self, key: &Key) -> Result<bool, StoreError> {
        let mut connection = self.pool.acquire().await.map_err(|cause| self.failed(cause))?;
        let found = checked(&mut connection).await.map_err(|cause| self.failed(cause))?;
        let is_in_force = found.and_then(|found| open_with(key, found)).is_some_and(|unlocked| !unlocked.by_handover);
        Ok(is_in_force || self.source.read()?.is_some_and(|held| held == *key))
    }

    /// The store was opened by a key that is not the one in force any more.
    pub fn awaits_new_key(&self) -> bool {
        self.unlocked().by_handover
    }

    /// Seals everything under `new`. The key of the source opens the store as before, until [`Store::forget_old_key`].
    pub async fn reseal(&self, new: &Key) -> Result<Resealed, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|cause| self.failed(cause))?;
        let held = self.source.read()?.ok_or_else(|| self.wrong_key())?;
        let found = checked(&mut tx).await.map_err(|cause| self.failed(cause))?;
        let old = found.and_then(|found| open_with(&held, found)).ok_or_else(|| self.wrong_key())?;
        let to = Sealer::new(new).map_err(|_| self.wrong_key())?;
        let sealed = |place: &str, plain: &[u8], by: &Sealer| by.seal(place, plain).map_err(|_| self.wrong_key());
        let done = move_all(&mut tx, &old.sealer, &to).await.map_err(|cause| self.failed(cause))?;
        let check = sealed(CHECK_PLACE, CHECK, &to)?;
        let before = Sealer::new(&held).map_err(|_| self.wrong_key())?;
        let handover = sealed(HANDOVER_PLACE, new.as_slice(), &before)?;
        sqlx::query("UPDATE key_check SET sealed = ?, handover = ?")
            .bind(&check)
            .bind(handover)
            .execute(&mut *tx)
            .await
            .map_err(|cause| self.failed(cause))?;
        tx.commit().await.map_err(|cause| self.failed(cause))?;
        self.adopt(Unlocked { sealer: to, check, by_handover: true });
        Ok(done)
    }

    /// Puts `new` into the key file, and forgets the way from the old key. `false`: another rotation came in between,
    /// and its key counts. Whether no page that the old key opens is left in the log comes second.
    pub async fn put_in_place(&self, new: &Key) -> Result<(bool, bool), StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|cause| self.failed(cause))?;
        let found = checked(&mut tx).await.map_err(|cause| self.failed(cause))?;
        let Some(unlocked) = found.and_then(|found| open_with(new, found)).filter(|unlocked| !unlocked.by_handover)
        else {
            return Ok((false, false));
        };
        if let KeySource::File(key_file) = &self.source {
            private_file::replace(&target_of(key_file), written(new).as_bytes())
                .map_err(|cause| StoreError::KeyFile { key_file: key_file.clone(), cause })?;
        }
        forget(&mut tx).await.map_err(|cause| self.failed(cause))?;
        tx.commit().await.map_err(|cause| self.failed(cause))?;
        self.adopt(unlocked);
        Ok((true, self.empty_log().await.unwrap_or(false)))
    }

    /// Forgets the way from an old key where the source holds the new one by now. For a daemon at its start: no other
    /// process is left then that knows the old one alone.
    pub async fn forget_old_key(&self) -> Result<bool, StoreError> {
        if let KeySource::File(key_file) = &self.source {
            private_file::sweep_drafts(&target_of(key_file));
        }
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(|cause| self.failed(cause))?;
        let Some(found) = checked(&mut tx).await.map_err(|cause| self.failed(cause))? else { return Ok(false) };
        let pending = found.handover.is_some();
        let held = self.source.read()?.and_then(|key| open_with(&key, found));
        if !pending || held.is_none_or(|unlocked| unlocked.by_handover) {
            return Ok(false);
        }
        forget(&mut tx).await.map_err(|cause| self.failed(cause))?;
        tx.commit().await.map_err(|cause| self.failed(cause))?;
        let _ = self.empty_log().await;
        Ok(true)
    }

    fn adopt(&self, unlocked: Unlocked) {
        *self.unlocked.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(unlocked);
    }

    fn wrong_key(&self) -> StoreError {
        StoreError::WrongKey { key: self.source.to_string(), database: self.database.clone() }
    }
}

/// A link to the file stays one.
fn target_of(key_file: &Path) -> PathBuf {
    std::fs::canonicalize(key_file).unwrap_or_else(|_| key_file.to_owned())
}

async fn forget(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE key_check SET handover = NULL").execute(connection).await.map(drop)
}

async fn move_all(connection: &mut SqliteConnection, from: &Sealer, to: &Sealer) -> Result<Resealed, sqlx::Error> {
    let mut done = Resealed { values: 0, damaged: 0 };
    let mut count = |moved: bool| if moved { done.values += 1 } else { done.damaged += 1 };
    let rows = sqlx::query("SELECT key, version, sealed FROM sign_in WHERE sealed NOTNULL")
        .fetch_all(&mut *connection)
        .await?;
    for row in rows {
        let (key, version, sealed): (String, i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let anew = moved(from, to, &place(&key, version), &sealed);
        count(anew.is_ok());
        if let Ok(anew) = anew {
            let update = sqlx::query("UPDATE sign_in SET sealed = ? WHERE key = ?").bind(anew).bind(key);
            update.execute(&mut *connection).await?;
        }
    }
    let hashes = "SELECT address, password_hash FROM first_use WHERE password_hash NOTNULL";
    for row in sqlx::query(hashes).fetch_all(&mut *connection).await? {
        let (address, sealed): (String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
        let anew = moved(from, to, &hash_place(&address), &sealed);
        count(anew.is_ok());
        if let Ok(anew) = anew {
            let update =
                sqlx::query("UPDATE first_use SET password_hash = ? WHERE address = ?").bind(anew).bind(address);
            update.execute(&mut *connection).await?;
        }
    }
    Ok(done)
}

fn moved(from: &Sealer, to: &Sealer, place: &str, sealed: &[u8]) -> Result<Vec<u8>, NotOurs> {
    to.seal(place, &from.open(place, sealed)?)
}
