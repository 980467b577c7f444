//! Which daemon worked on this database last, as a number that each start draws anew: the folder of the queue has it too.
//!
//! Where both have the same, the two belong together, and what lies in the folder without a row is a remainder. A new database, an
//! older copy and one of another place have another one: what lies there then may be mail that had its 250, and is not touched.
//! It stands in the header of the database (<https://sqlite.org/fileformat2.html>, 1.3.7, the user version); a copy that `backup` makes
//! has none.

use std::{
    fs::OpenOptions,
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

use aws_lc_rs::rand;

use super::{Store, StoreError};

/// Of the user version in the header, four octets.
const AT: u64 = 60;

impl Store {
    /// `None`: no daemon worked on it since it was made or copied.
    pub async fn epoch(&self) -> Result<Option<i32>, StoreError> {
        let epoch: i32 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&self.pool)
            .await
            .map_err(|cause| self.failed(cause))?;
        Ok(Some(epoch).filter(|epoch| *epoch != 0))
    }

    /// A number that was most likely never drawn before; never 0.
    pub fn fresh_epoch(&self) -> Result<i32, StoreError> {
        let mut bytes = [0; 4];
        let cause = |_| io::Error::other("the system gives no random bytes");
        rand::fill(&mut bytes)
            .map_err(cause)
            .map_err(|cause| StoreError::File { path: self.path().to_owned(), cause })?;
        Ok((i32::from_be_bytes(bytes) & i32::MAX).max(1))
    }

    pub async fn begin_epoch(&self, epoch: i32) -> Result<(), StoreError> {
        let begin = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {epoch}"));
        sqlx::query(begin).execute(&self.pool).await.map(drop).map_err(|cause| self.failed(cause))
    }
}

/// Of a database that nobody has open.
pub(super) fn forget_epoch(database: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(database)?;
    file.seek(SeekFrom::Start(AT))?;
    file.write_all(&[0; 4])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::store::Settings;

    /// Every other one was 1: a database that knew nothing of the mail in the folder was taken for the one that did.
    #[tokio::test]
    async fn each_start_draws_a_number_that_no_other_one_drew() {
        const DRAWS: usize = 64;
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/gatepost.db", dir.path().display());
        let store = Store::open(&Settings { url, key_file: dir.path().join("key"), key: None }).await.unwrap();
        let drawn: HashSet<i32> = (0..DRAWS).map(|_| store.fresh_epoch().unwrap()).collect();
        assert!(drawn.len() == DRAWS && drawn.iter().all(|epoch| *epoch > 0), "{drawn:?}");
        assert_eq!(store.epoch().await.unwrap(), None);
        let last = drawn.into_iter().next().unwrap();
        store.begin_epoch(last).await.unwrap();
        assert_eq!(store.epoch().await.unwrap(), Some(last));
        let copy = dir.path().join("copy.db");
        store.back_up(&copy).await.unwrap();
        store.close().await;
        let url = format!("sqlite://{}", copy.display());
        let copy = Store::open(&Settings { url, key_file: dir.path().join("key"), key: None }).await.unwrap();
        assert_eq!(copy.epoch().await.unwrap(), None, "a copy is of no start");
    }
}
