//! A copy of the database in one file, made while others read and write: whole, as of one moment, and sealed as it is.
//!
//! It refuses to write over a file that is there. The key is not in it. Under its name is a whole copy or none: what a
//! kill leaves is a draft beside it.

use std::{fs, io, path::Path};

use super::{Store, StoreError, epoch::forget_epoch, private_file};

impl Store {
    /// Writes the copy to `to`, 0600 from its first moment, and on disk when this returns.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let failed = |cause| StoreError::File { path: to.to_owned(), cause };
        if to.exists() {
            return Err(failed(io::ErrorKind::AlreadyExists.into()));
        }
        private_file::sweep_drafts(to);
        let draft = private_file::draft_of(to, "");
        // SQLite would write to another name than the one that was made private.
        let name = draft.to_str().ok_or_else(|| failed(io::Error::other("its name is not UTF-8")))?;
        // One of a process that had our number before us: in a container that is soon.
        let _ = fs::remove_file(&draft);
        private_file::create_empty(&draft).map_err(failed)?;
        // SQLite takes an empty file for none. It has no deleted pages in it, and no log beside it.
        let copied = sqlx::query("VACUUM INTO ?").bind(name).execute(&self.pool).await;
        let durable = copied
            .map_err(|cause| self.failed(cause))
            .and_then(|_| forget_epoch(&draft).map_err(failed))
            .and_then(|()| fs::File::open(&draft).and_then(|file| file.sync_all()).map_err(failed))
            .and_then(|()| private_file::put_new(&draft, to).map_err(failed));
        durable.inspect_err(|_| drop(fs::remove_file(&draft)))
    }
}
