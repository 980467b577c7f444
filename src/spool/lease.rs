//! The hold on one file: whoever lets go of it without keeping it removes the file and gives its room back.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use tokio::runtime::Handle;

use super::{Room, SpoolFault};
use crate::catalog::token::STORE_FAILING;

#[derive(Debug)]
pub(super) struct Lease {
    room: Arc<Room>,
    name: String,
    octets: u64,
    /// The file stays when this goes.
    is_kept: bool,
}

impl Lease {
    pub fn new(room: Arc<Room>, name: String, octets: u64) -> Self {
        Self { room, name, octets, is_kept: false }
    }

    pub const fn octets(&self) -> u64 {
        self.octets
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn path(&self) -> PathBuf {
        self.room.path(&self.name)
    }

    pub const fn room(&self) -> &Arc<Room> {
        &self.room
    }

    pub fn directory(&self) -> &Path {
        &self.room.directory
    }

    pub fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Takes room for so many octets more; `reserve`: so much beyond the limit, if need be.
    pub fn grow(&mut self, octets: u64, reserve: u64) -> Result<(), SpoolFault> {
        if !self.room.take(octets, reserve) {
            let limit = io::Error::new(io::ErrorKind::StorageFull, "[queue] max-bytes is reached");
            return Err(self.fault(limit));
        }
        self.octets += octets;
        Ok(())
    }

    pub fn fault(&self, cause: io::Error) -> SpoolFault {
        SpoolFault::new(&self.room.directory, cause)
    }

    /// Blocks, as the file system does.
    pub fn remove(mut self) -> io::Result<()> {
        // Whatever comes of it, nothing is left for the drop to do.
        self.is_kept = true;
        remove(&self.room, &self.path(), self.octets)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        let (room, path, octets) = (self.room.clone(), self.path(), self.octets);
        let work = move || {
            if let Err(error) = remove(&room, &path, octets) {
                tracing::warn!(file = %path.display(), fault = %STORE_FAILING.fault(), %error, "a body that nobody wants cannot be removed; the next start tries again");
            }
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(work)),
            Err(_) => work(),
        }
    }
}

fn remove(room: &Room, path: &Path, octets: u64) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => {
            room.give_back(octets);
            Ok(())
        }
    }
}
