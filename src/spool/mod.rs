//! Bodies of messages as private files in one directory, until somebody took them over.
//!
//! A body is kept in the form that goes over the wire: CRLF lines, dot-stuffed, without the final dot. It comes and goes
//! in pieces, so its size costs no memory. The directory alone says nothing: a file counts once a row of the store
//! names it, and one that nobody names is removed at the next start. Refused: more octets than the limit allows, which
//! looks to the caller like a full disk, and is as good a reason to tell the client to come back later.

mod elsewhere;
mod fault;
mod lease;
mod owner;
#[cfg(test)]
mod tests;

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use aws_lc_rs::rand;
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt, BufWriter},
    task::spawn_blocking,
};
use tracing::warn;

pub use elsewhere::{LeftBodies, is_left_beside, left_beside};
pub use fault::SpoolFault;
use lease::Lease;
pub use owner::{beside, is_of_another, refuse_others};

use crate::{catalog::token::STORE_FAILING, store::private_file};

/// Gathered before the disk is asked: a client's pieces are small.
const PIECE: usize = 64 * 1024;
/// No vowels, so that no word comes out of it, and nothing that looks like something else.
const LETTERS: &[u8; 32] = b"23456789bcdfghjkmnpqrstvwxzBCDFG";
/// No name of a body.
const EPOCH: &str = "epoch";
const NAME_LENGTH: usize = 12;
const ENDING: &str = ".msg";
/// Behind that of a body which is none of this store's: nobody takes it for one, until a row names it.
const LEFT: &str = ".left";
/// Octets beyond the limit that notices of ours may take: by them failures leave a queue that is full.
const NOTICE_RESERVE: u64 = 16 * 1024 * 1024;

/// The directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Room>);

#[derive(Debug)]
pub(super) struct Room {
    directory: PathBuf,
    /// Octets of all files, those being written too.
    held: AtomicU64,
    limit: AtomicU64,
    /// Of those, octets of files that are taken for there until somebody looks.
    presumed: AtomicU64,
    /// Names of the files that were begun since it was opened, until it is swept.
    begun: Mutex<Option<HashSet<String>>>,
    /// Names of the files of which the disk does not answer.
    #[cfg(test)]
    silent: Mutex<HashSet<String>>,
    /// How many bodies the disk brought.
    #[cfg(test)]
    brought: std::sync::atomic::AtomicUsize,
}

/// What [`Spool::sweep`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files that nobody named; they are gone.
    pub orphans: usize,
    /// Those that were left alone: another store may have their rows.
    pub left: usize,
    /// Names without a file.
    pub missing: Vec<String>,
}

impl Spool {
    /// Makes the directory with 0700 if there is none; one that is there keeps its rights. No limit holds before
    /// [`Spool::set_limit`].
    pub fn open(directory: &Path) -> Result<Self, SpoolFault> {
        private_file::make_dir(directory).map_err(|cause| SpoolFault::new(directory, cause))?;
        let directory = directory.to_owned();
        let begun = Mutex::new(Some(HashSet::new()));
        let (held, presumed, limit) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(u64::MAX));
        Ok(Self(Arc::new(Room {
            directory,
            held,
            presumed,
            limit,
            begun,
            #[cfg(test)]
            silent: Mutex::default(),
            #[cfg(test)]
            brought: std::sync::atomic::AtomicUsize::default(),
        })))
    }

    /// As [`Spool::open`], the directory that belongs to a database, without rights of others. `Err` also where it is
    /// another one's: two stores never sweep each other's files.
    pub fn open_beside(database: &Path) -> Result<Self, SpoolFault> {
        let spool = Self::open(&owner::beside(database))?;
        owner::claim(spool.directory(), database)?;
        if owner::narrow(spool.directory()) {
            owner::refuse_others(spool.directory(), database)?;
        } else {
            let directory = spool.directory().display();
            warn!(
                "the file system of {directory} keeps no rights of files: whoever may write there can change mail that waits"
            );
        }
        Ok(spool)
    }

    /// So many octets are in files of an earlier process, as far as its rows say: they count until [`Spool::sweep`] has
    /// seen the files themselves.
    pub fn presume(&self, octets: u64) {
        self.0.presumed.fetch_add(octets, Ordering::Relaxed);
        self.0.held.fetch_add(octets, Ordering::Relaxed);
    }

    /// How many octets all files together may have. What is there already stays.
    pub fn set_limit(&self, octets: u64) {
        self.0.limit.store(octets, Ordering::Relaxed);
    }

    /// Octets of all files, those being written too.
    pub fn octets(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    pub fn directory(&self) -> &Path {
        &self.0.directory
    }

    /// Removes what a process left behind that ended without a word, and counts what stays. `named`: whose rows are
    /// in the store. `is_its_own`: the store is the one that worked here last; else what it has no row for may have had its 250 of
    /// another one, and is kept for that. To be called once, by the only process that writes here; what that one begins meanwhile stays.
    pub async fn sweep(&self, named: HashSet<String>, is_its_own: bool) -> Result<Swept, SpoolFault> {
        let room = self.0.clone();
        self.work(move || room.swept(named, is_its_own)).await
    }

    /// What the last daemon here had in its store, too. `None`: there was none.
    pub async fn epoch(&self) -> Result<Option<i32>, SpoolFault> {
        let file = self.directory().join(EPOCH);
        self.work(move || match fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => Ok(read?.trim().parse().ok()),
        })
        .await
    }

    pub async fn begin_epoch(&self, epoch: i32) -> Result<(), SpoolFault> {
        let file = self.directory().join(EPOCH);
        self.work(move || private_file::replace(&file, epoch.to_string().as_bytes())).await
    }

    /// A new file to write a body into. Cancel safe: what was made is removed.
    pub async fn draft(&self) -> Result<Draft, SpoolFault> {
        self.draft_beyond(0).await
    }

    /// As [`Spool::draft`], for a notice of ours: it may take some room beyond the limit, which no client gets.
    pub async fn draft_notice(&self) -> Result<Draft, SpoolFault> {
        self.draft_beyond(NOTICE_RESERVE).await
    }

    async fn draft_beyond(&self, reserve: u64) -> Result<Draft, SpoolFault> {
        let room = self.0.clone();
        let (file, lease) = self
            .work(move || {
                let name = random_word().ok_or_else(|| io::Error::other("the system gives no random bytes"))?;
                let path = room.path(&name);
                if let Some(begun) = &mut *room.begun() {
                    begun.insert(name.clone());
                }
                let file = private_file::create_new(&path)?;
                Ok((file, Lease::new(room, name, 0)))
            })
            .await?;
        Ok(Draft { file: BufWriter::with_capacity(PIECE, File::from_std(file)), lease, reserve })
    }

    /// A body that was kept earlier.
    pub async fn kept(&self, name: &str) -> Result<Spooled, SpoolFault> {
        #[cfg(test)]
        while self.is_silent(name) {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
        let (room, name) = (self.0.clone(), name.to_owned());
        let brought = self
            .work(move || {
                if !is_name(&name) {
                    return Err(io::ErrorKind::NotFound.into());
                }
                let octets = fs::metadata(room.path(&name))?.len();
                let mut lease = Lease::new(room, name, octets);
                lease.keep();
                Ok(Spooled(lease))
            })
            .await;
        #[cfg(test)]
        self.0.brought.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        brought
    }

    /// How many bodies the disk brought. Time that is passed by hand does not wait for a disk.
    #[cfg(test)]
    pub fn brought(&self) -> usize {
        self.0.brought.load(std::sync::atomic::Ordering::SeqCst)
    }

    #[cfg(test)]
    fn is_silent(&self, name: &str) -> bool {
        self.0.silent.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    /// Whether the disk says nothing about this body. Set from here, since no disk that a test can have hangs for one file and
    /// serves the others, and a thread that hung in it could not be waited for.
    #[cfg(test)]
    pub fn falls_silent(&self, name: &str, is_silent: bool) {
        let mut silent = self.0.silent.lock().unwrap_or_else(PoisonError::into_inner);
        silent.remove(name);
        if is_silent {
            silent.insert(name.to_owned());
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> Result<T, SpoolFault> {
        let done = spawn_blocking(work).await.unwrap_or_else(|lost| Err(io::Error::other(lost)));
        done.map_err(|cause| SpoolFault::new(&self.0.directory, cause))
    }
}

impl Room {
    fn swept(&self, named: HashSet<String>, is_its_own: bool) -> io::Result<Swept> {
        let (mut swept, mut octets, mut found) = (Swept::default(), 0, HashSet::new());
        // Whole before any is renamed: a directory may list what was renamed again.
        let files =
            fs::read_dir(&self.directory)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        for file in files {
            // Somebody else's files are none of ours to remove.
            let Some((name, is_left)) = file.to_str().and_then(body_of) else { continue };
            if self.is_begun(name) {
                found.insert(name.to_owned());
                continue;
            }
            let (path, left) = (self.path(name), self.directory.join(format!("{name}{ENDING}{LEFT}")));
            let mut count = |file: &Path| fs::metadata(file).map(|found| octets += found.len());
            // One that is in the way must not keep all others from their delivery.
            let tidied = match (named.contains(name), is_left) {
                (true, true) if !path.exists() => fs::rename(&left, &path).and_then(|()| count(&path)),
                (true, false) => count(&path),
                (_, true) => {
                    swept.left += 1;
                    Ok(())
                }
                (false, false) if !is_its_own => fs::rename(&path, &left).map(|()| swept.left += 1),
                (false, false) => fs::remove_file(&path).map(|()| swept.orphans += 1),
            };
            found.insert(name.to_owned());
            if let Err(error) = tidied {
                let file = self.directory.join(&file);
                warn!(file = %file.display(), fault = %STORE_FAILING.fault(), %error, "passed over in the queue's directory; look at it");
            }
        }
        self.held.fetch_add(octets, Ordering::Relaxed);
        self.give_back(self.presumed.swap(0, Ordering::Relaxed));
        *self.begun() = None;
        swept.missing = named.difference(&found).cloned().collect();
        swept.missing.sort();
        Ok(swept)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}{ENDING}"))
    }

    fn begun(&self) -> MutexGuard<'_, Option<HashSet<String>>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_begun(&self, name: &str) -> bool {
        self.begun().as_ref().is_some_and(|begun| begun.contains(name))
    }

    /// `reserve`: so much beyond the limit. `false`: so much more is not allowed.
    fn take(&self, octets: u64, reserve: u64) -> bool {
        let limit = self.limit.load(Ordering::Relaxed).saturating_add(reserve);
        let fits = |held: u64| held.checked_add(octets).filter(|held| *held <= limit);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok()
    }

    fn give_back(&self, octets: u64) {
        let less = |held: u64| Some(held.saturating_sub(octets));
        let _ = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }
}

/// A body that is being written. Dropping it removes the file.
#[derive(Debug)]
pub struct Draft {
    file: BufWriter<File>,
    lease: Lease,
    /// Octets that it may take beyond the limit.
    reserve: u64,
}

impl Draft {
    /// Adds a piece. Not cancel safe: a draft whose write was dropped can only be dropped too.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), SpoolFault> {
        self.lease.grow(bytes.len() as u64, self.reserve)?;
        let wrote = self.file.write_all(bytes).await;
        wrote.map_err(|cause| self.lease.fault(cause))
    }

    pub const fn octets(&self) -> u64 {
        self.lease.octets()
    }

    /// The same with what `rewrite` makes of its first `octets` in their place. Nothing can be put into the middle of a
    /// file, so it is another one, and for a moment both are there. Not cancel safe: both are gone then.
    pub async fn with_head(
        mut self,
        octets: usize,
        rewrite: impl FnOnce(&[u8]) -> Vec<u8>,
    ) -> Result<Self, SpoolFault> {
        self.file.flush().await.map_err(|cause| self.lease.fault(cause))?;
        let mut new = Spool(self.lease.room().clone()).draft_beyond(self.reserve).await?;
        let read = async {
            let mut old = File::open(self.lease.path()).await?;
            let mut head = vec![0; octets];
            old.read_exact(&mut head).await?;
            io::Result::Ok((old, head))
        };
        let (mut old, head) = read.await.map_err(|cause| self.lease.fault(cause))?;
        new.write(&rewrite(&head)).await?;
        let mut piece = vec![0; PIECE];
        loop {
            let length = old.read(&mut piece).await.map_err(|cause| self.lease.fault(cause))?;
            match piece.get(..length).filter(|bytes| !bytes.is_empty()) {
                Some(bytes) => new.write(bytes).await?,
                None => return Ok(new),
            }
        }
    }

    /// Whole, and on disk, the entry in the directory too.
    pub async fn finish(mut self) -> Result<Spooled, SpoolFault> {
        // Here, and not in the sync, the file says that an earlier piece did not reach it.
        self.file.flush().await.map_err(|cause| self.lease.fault(cause))?;
        let file = self.file.into_inner().into_std().await;
        let directory = self.lease.directory().to_owned();
        let synced = spawn_blocking(move || {
            file.sync_all()?;
            private_file::sync_dir(&directory)
        });
        let synced = synced.await.unwrap_or_else(|lost| Err(io::Error::other(lost)));
        synced.map_err(|cause| self.lease.fault(cause))?;
        Ok(Spooled(self.lease))
    }
}

/// A body that is whole and on disk. Dropping it removes the file, unless it is kept.
#[derive(Debug)]
pub struct Spooled(Lease);

impl Spooled {
    pub const fn octets(&self) -> u64 {
        self.0.octets()
    }

    /// By which [`Spool::kept`] finds it again.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// From its beginning; each caller has a place of its own in the file.
    pub async fn read(&self) -> io::Result<File> {
        File::open(self.0.path()).await
    }

    /// The file outlives this value, and this process.
    pub fn keep(&mut self) {
        self.0.keep();
    }

    /// Removes the file now, kept or not; one that is gone is no mistake. If the power fails it may be there again, and
    /// is an orphan then.
    pub async fn remove(self) -> io::Result<()> {
        let removed = spawn_blocking(move || self.0.remove()).await;
        removed.unwrap_or_else(|lost| Err(io::Error::other(lost)))
    }
}

/// Whether a file can be written in this directory: one is made, by a name that the next start sweeps should it stay, and taken
/// away again.
pub fn prove(directory: &Path) -> io::Result<()> {
    let name = random_word().ok_or_else(|| io::Error::other("the system gives no random bytes"))?;
    let file = directory.join(format!("{name}{ENDING}"));
    private_file::create_new(&file)?;
    match fs::remove_file(&file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether a file of the directory, by its name, is the body of a message.
pub fn is_message(file: &std::ffi::OsStr) -> bool {
    file.to_str().is_some_and(|file| file.ends_with(ENDING))
}

/// The name of a body by that of its file, and whether that was left alone.
fn body_of(file: &str) -> Option<(&str, bool)> {
    let (bare, is_left) = file.strip_suffix(LEFT).map_or((file, false), |bare| (bare, true));
    bare.strip_suffix(ENDING).filter(|name| is_name(name)).map(|name| (name, is_left))
}

/// A word that nobody can guess, and that is easily told apart and typed. `None`: the system gives no random bytes.
pub fn random_word() -> Option<String> {
    let mut bytes = [0u8; NAME_LENGTH];
    rand::fill(&mut bytes).ok()?;
    let letter = |byte: &u8| LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter));
    bytes.iter().map(letter).collect()
}

fn is_name(text: &str) -> bool {
    text.len() == NAME_LENGTH && text.bytes().all(|byte| LETTERS.contains(&byte))
}
