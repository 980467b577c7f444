//! A copy of the database in one file, made while others read and write: whole, as of one moment, and sealed as it is.
//!
//! It refuses to write over a file that is there. The key is not in it.

use std::path::Path;

use super::{Store, StoreError, private_file};

impl Store {
    /// Writes the copy to `to`, 0600 from its first moment, and on disk when this returns.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let failed = |cause| StoreError::File { path: to.to_owned(), cause };
        private_file::create_empty(to).map_err(failed)?;
        // SQLite takes an empty file for none. It has no deleted pages in it, and no log beside it.
        let copied = sqlx::query("VACUUM INTO ?").bind(to.to_string_lossy()).execute(&self.pool).await;
        let durable = copied
            .map_err(|cause| self.failed(cause))
            .and_then(|_| std::fs::File::open(to).and_then(|file| file.sync_all()).map_err(failed));
        if durable.is_err() {
            let _ = std::fs::remove_file(to);
        }
        durable
    }
}
