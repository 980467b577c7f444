//! One daemon for one store: a lock on a file beside the database, held for the daemon's life.
//!
//! Two daemons would both refresh, and with one-time rotation the second refresh revokes the grant. Commands beside the
//! daemon do not take it: they write rows by version. The lock is the system's, so that a kill frees it. The file names
//! its holder, for people, where that has its key, for a rotation beside it, and which configuration it reads, for who
//! has another one. A directory in which it cannot be made is refused: tokens could not be saved there either.

use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use super::{KeySource, Settings, StoreError, origin, private_file, sqlite};
use crate::base::invocation::Daemon;

/// A number and two paths.
const MOST_BYTES: u64 = 8192;
const LOCK: &str = ".lock";
const STOPPING: &str = "stopping";
const DEMO: &str = "demo";
/// A look is a system call, and two more.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// The locks of a whole machine.
#[cfg(target_os = "linux")]
const MOST_LOCKS: u64 = 4 * 1024 * 1024;
/// A list that is shorter than this, less one line, came in one piece (seq_file in the kernel's Documentation).
#[cfg(target_os = "linux")]
const PAGE_OF_LOCKS: usize = 4096 - 256;
#[cfg(target_os = "linux")]
const LOOKS: usize = 8;
/// Of a daemon with all the connections that it may have.
#[cfg(target_os = "linux")]
const MOST_FILES: usize = 1 << 20;

/// Dropping it lets the next daemon in.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    pub async fn take(settings: &Settings) -> Result<Self, StoreError> {
        let (mut file, path) = acquired(settings, sqlite::CROWD_PATIENCE).await?;
        sign(&mut file, &KeySource::of(settings)).map_err(|cause| StoreError::File { path, cause })?;
        Ok(Self { file })
    }

    /// The holder reads this configuration, again and again. Where that cannot be written down nobody is told of it.
    pub fn note_configuration(&mut self, file: &Path) -> io::Result<()> {
        writeln!(self.file, "{}", real_path(file).display())
    }

    /// The holder is a demonstration, behind the configuration that it reads.
    pub fn note_demo(&mut self) -> io::Result<()> {
        writeln!(self.file, "{DEMO}")
    }

    /// The holder takes in nobody any more: who wants the store has it soon.
    pub fn note_stopping(&mut self) -> io::Result<()> {
        // Behind an empty line, which stands for the configuration where none was noted.
        writeln!(self.file, "\n{STOPPING}")
    }
}

/// Whether a daemon that starts now would have this store, as far as that is seen without opening it. One that is not there is
/// not made.
pub async fn prove_vacant(settings: &Settings) -> Result<(), StoreError> {
    match sqlite::path_of(&settings.url)?.try_exists() {
        Ok(false) => Ok(()),
        _ => acquired(settings, sqlite::GLANCE_PATIENCE).await.map(drop),
    }
}

/// The file with its lock, and where it is.
async fn acquired(settings: &Settings, patience: Duration) -> Result<(File, PathBuf), StoreError> {
    let database = sqlite::prepare(&settings.url)?;
    sqlite::through_a_crowd(patience, || origin::refuse_others(&database)).await?;
    let path = beside(&database, LOCK);
    let failed = |cause| StoreError::File { path: path.clone(), cause };
    let file = private_file::open_shared(&path).map_err(failed)?;
    match locked(&file).await {
        Ok(()) => Ok((file, path)),
        Err(TryLockError::WouldBlock) => {
            let (holder, is_stopping) = Holder::in_lock(file);
            let (process, daemon, reads) = (holder.process, holder.daemon(), holder.configuration);
            Err(StoreError::InUse { database, lock: path, process, daemon, reads, is_stopping })
        }
        Err(TryLockError::Error(cause)) => Err(failed(cause)),
    }
}

/// Who only looks has the lock together with whoever asks, and for a moment: that is waited for.
async fn locked(file: &File) -> Result<(), TryLockError> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if start.elapsed() < LOOK_PATIENCE && file.try_lock_shared().is_ok() => {
                file.unlock().map_err(TryLockError::Error)?;
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            outcome => return outcome,
        }
    }
}

/// What a holder wrote of itself.
#[derive(Debug, Default)]
struct Said {
    process: Option<u32>,
    /// The configuration that it reads.
    reads: Option<PathBuf>,
    is_demo: bool,
    /// It ends once its sessions do.
    is_stopping: bool,
}

/// Who works on a store, as far as its file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub process: Option<u32>,
    /// That number is of this process's own namespace: a signal to it reaches the daemon, and nobody else.
    pub is_within_reach: bool,
    /// That it reads, where it reads one and said so.
    configuration: Option<PathBuf>,
    is_demo: bool,
}

impl Holder {
    /// And whether it is about to end.
    fn in_lock(file: File) -> (Self, bool) {
        let inode = inode_of(&file);
        let Said { process, reads: configuration, is_demo, is_stopping } = said_in(file);
        let is_within_reach = process.zip(inode).is_some_and(|(process, inode)| holds(process, inode));
        (Self { process, is_within_reach, configuration, is_demo }, is_stopping)
    }

    /// How it was started, as far as it can be told from here.
    pub fn daemon(&self) -> Option<Daemon> {
        let process = self.process.filter(|_| self.is_within_reach)?;
        Some(if self.is_demo { Daemon::Demo(process) } else { daemon_at(process) })
    }

    /// It reads this configuration, and no other.
    pub fn reads(&self, file: &Path) -> bool {
        self.configuration.as_deref().is_some_and(|read| self.is_within_reach && is_same_file(read, file))
    }

    /// The configuration that it reads, if that is another file than this one: it never learns what stands here. What a
    /// path means elsewhere, as in a container, nobody knows.
    pub fn reads_other_than(&self, file: &Path) -> Option<&Path> {
        self.configuration.as_deref().filter(|read| self.is_within_reach && !is_same_file(read, file))
    }
}

/// Whether these are two names of one file.
pub fn is_one_file(one: &Path, other: &Path) -> bool {
    is_same_file(&real_path(one), other)
}

/// `noted`: as a lock has it.
pub fn is_same_file(noted: &Path, file: &Path) -> bool {
    noted == real_path(file)
}

pub fn daemon_at(process: u32) -> Daemon {
    if is_of_the_unit(process) { Daemon::Unit } else { Daemon::Process(process) }
}

/// As the packages name it. systemd keeps each service in a control group of its own (systemd.unit(5), cgroups(7)).
fn is_of_the_unit(process: u32) -> bool {
    const UNIT: &str = "/system.slice/gatepost.service";
    let groups = std::fs::read_to_string(format!("/proc/{process}/cgroup")).unwrap_or_default();
    groups.lines().any(|group| group.ends_with(UNIT))
}

/// The daemon that runs on this store now, if one does. Nothing is made or changed.
pub fn holder(settings: &Settings) -> Option<Holder> {
    holder_of(Path::new(settings.url.strip_prefix("sqlite://")?))
}

/// Its lock, there or not.
pub(super) fn of(database: &Path) -> PathBuf {
    beside(database, LOCK)
}

pub(super) fn holder_of(database: &Path) -> Option<Holder> {
    let file = File::open(beside(database, LOCK)).ok()?;
    // A shared lock, given back at once: a daemon that starts in this moment waits for that.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(Holder::in_lock(file).0),
        _ => None,
    }
}

/// No daemon runs on this store, where that is sure: nobody holds its lock.
pub fn is_vacant(settings: &Settings) -> bool {
    let Some(database) = settings.url.strip_prefix("sqlite://") else { return false };
    match File::open(beside(Path::new(database), LOCK)) {
        Ok(file) => file.try_lock_shared().is_ok(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// The configuration that a daemon on this store read last, whether one runs or not.
pub fn last_reader(settings: &Settings) -> Option<PathBuf> {
    let database = settings.url.strip_prefix("sqlite://")?;
    said_in(File::open(beside(Path::new(database), LOCK)).ok()?).reads
}

/// A small file beside a database, by its name. Links are followed, so that two names of one database have one.
pub fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name: OsString = std::fs::canonicalize(database).unwrap_or_else(|_| database.to_owned()).into();
    name.push(ending);
    name.into()
}

/// Two names of one file are one.
pub fn real_path(file: &Path) -> PathBuf {
    std::fs::canonicalize(file).or_else(|_| std::path::absolute(file)).unwrap_or_else(|_| file.to_owned())
}

fn sign(file: &mut File, source: &KeySource) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}\n{source}", std::process::id())
}

fn said_in(file: File) -> Said {
    let said = read(file).unwrap_or_default();
    let mut lines = said.lines();
    let process = lines.next().and_then(|process| process.trim().parse().ok());
    let reads = lines.nth(1).filter(|file| !file.is_empty()).map(PathBuf::from);
    let rest: Vec<&str> = lines.collect();
    Said { process, reads, is_demo: rest.contains(&DEMO), is_stopping: rest.contains(&STOPPING) }
}

#[cfg(unix)]
fn inode_of(file: &File) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(file.metadata().ok()?.ino())
}

#[cfg(not(unix))]
fn inode_of(_: &File) -> Option<u64> {
    None
}

/// By the kernel's own list, which translates the numbers and leaves out those of other namespaces (a container's).
#[cfg(target_os = "linux")]
fn holds(process: u32, inode: u64) -> bool {
    let is_there = is_listed(process, inode, || {
        let mut text = String::new();
        File::open("/proc/locks")?.take(MOST_LOCKS).read_to_string(&mut text).map(|_| text)
    });
    is_there || has_open(process, inode)
}

/// A long list that others change all the while may lack a lock in every look. Of a process of this user's its files are seen:
/// by name as well, since a number of a file stands for another one on another disk.
#[cfg(target_os = "linux")]
fn has_open(process: u32, inode: u64) -> bool {
    use std::os::unix::fs::MetadataExt;
    let files = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let is_lock = |file: &Path| {
        std::fs::read_link(file).is_ok_and(|to| to.as_os_str().as_encoded_bytes().ends_with(LOCK.as_bytes()))
    };
    let is_it = |file: &Path| std::fs::metadata(file).is_ok_and(|found| found.ino() == inode);
    files.take(MOST_FILES).map(|file| file.path()).any(|file| is_lock(&file) && is_it(&file))
}

/// The kernel gives its list page by page and counts the lines: where one goes meanwhile, another one is missing at the cut.
/// So what is not there is looked for again, unless the list was one page.
#[cfg(target_os = "linux")]
fn is_listed(process: u32, inode: u64, list: impl Fn() -> io::Result<String>) -> bool {
    for _ in 0..LOOKS {
        let Ok(locks) = list() else { return false };
        if locks.lines().any(|line| is_lock_of(line, process, inode)) {
            return true;
        }
        if locks.len() < PAGE_OF_LOCKS {
            return false;
        }
    }
    false
}

/// Elsewhere there are no such namespaces.
#[cfg(not(target_os = "linux"))]
fn holds(_: u32, _: u64) -> bool {
    cfg!(unix)
}

/// `1: FLOCK  ADVISORY  WRITE 708 08:01:131 0 EOF` (proc_locks(5)).
#[cfg(target_os = "linux")]
fn is_lock_of(line: &str, process: u32, inode: u64) -> bool {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, "FLOCK", _, "WRITE", holder, place, ..] = fields.as_slice() else { return false };
    let of = place.rsplit(':').next().and_then(|inode| inode.parse().ok());
    holder.parse() == Ok(process) && of == Some(inode)
}

/// Where the last daemon on this database had its key, in the words of [`KeySource`].
pub(super) fn last_source(database: &Path) -> Option<String> {
    let said = read(File::open(beside(database, LOCK)).ok()?)?;
    said.lines().nth(1).map(str::to_owned)
}

/// Other databases that have their key in this file, as their daemons said last: in the folder of this one, and in that of the
/// key. Of one elsewhere nobody here knows.
pub(super) fn others_with_key(database: &Path, key_file: &Path) -> Vec<PathBuf> {
    let (ours, key_file) = (real_path(database), real_path(key_file));
    let mut folders: Vec<&Path> = [&ours, &key_file].into_iter().filter_map(|file| file.parent()).collect();
    folders.dedup();
    let files = folders.into_iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let databases = files.filter_map(|file| Some(PathBuf::from(file.path().to_str()?.strip_suffix(LOCK)?)));
    let has_it = |other: &PathBuf| match last_source(other).as_deref().and_then(KeySource::file_in) {
        Some(key) => other.is_file() && real_path(other) != ours && real_path(key) == key_file,
        None => false,
    };
    databases.filter(has_it).collect()
}

fn read(file: File) -> Option<String> {
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_has_the_lock_open_is_found_by_its_files_and_none_by_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let [lock, other] =
            ["gatepost.db.lock", "gatepost.db"].map(|name| File::create(dir.path().join(name)).unwrap());
        let [lock_inode, other_inode] = [&lock, &other].map(|file| inode_of(file).unwrap());
        assert!(has_open(std::process::id(), lock_inode));
        assert!(!has_open(std::process::id(), other_inode), "no lock");
        drop(lock);
        assert!(!has_open(std::process::id(), lock_inode));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_number_is_a_process_only_if_the_kernel_says_that_it_holds_this_lock() {
        let line = "1: FLOCK  ADVISORY  WRITE 708 08:01:131 0 EOF";
        assert!(is_lock_of(line, 708, 131));
        for (other, process, inode) in [
            (line, 709, 131),
            (line, 708, 31),
            // Of another namespace.
            ("1: FLOCK  ADVISORY  WRITE 0 08:01:131 0 EOF", 708, 131),
            ("1: -> FLOCK  ADVISORY  WRITE 708 08:01:131 0 EOF", 708, 131),
            ("1: POSIX  ADVISORY  WRITE 708 08:01:131 0 EOF", 708, 131),
            ("", 708, 131),
        ] {
            assert!(!is_lock_of(other, process, inode), "{other}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_daemon_whose_line_the_list_of_a_busy_machine_lacked_once_is_found() {
        use std::cell::Cell;
        let ours = "61: FLOCK  ADVISORY  WRITE 708 08:01:131 0 EOF\n";
        let others = "1: POSIX  ADVISORY  WRITE 9 08:01:7 0 EOF\n".repeat(100);
        let looks = Cell::new(0);
        let is_found = |lists: [&str; 2]| {
            looks.set(0);
            is_listed(708, 131, || {
                looks.set(looks.get() + 1);
                Ok(lists[usize::min(looks.get(), 2) - 1].to_owned())
            })
        };
        assert!(is_found([&others, &format!("{others}{ours}")]));
        assert!(!is_found([&others, &others]));
        assert!(looks.get() > 1 && looks.get() <= LOOKS);
        assert!(!is_found(["", ours]));
        assert_eq!(looks.get(), 1, "what came in one piece is whole");
    }

    /// As `gatepost status` does, which a monitor runs again and again.
    #[tokio::test]
    async fn a_daemon_that_starts_while_somebody_looks_for_one_takes_its_store() {
        let dir = tempfile::tempdir().unwrap();
        drop(Lock::take(&settings(dir.path())).await.unwrap());
        let look = File::open(dir.path().join("state/gatepost.db.lock")).unwrap();
        look.try_lock_shared().unwrap();
        let settings = settings(dir.path());
        let mut taken = std::pin::pin!(Lock::take(&settings));
        // Too short a wait shows a fault less, and none that is not there.
        let wait = std::time::Duration::from_millis(200);
        assert!(tokio::time::timeout(wait, &mut taken).await.is_err(), "it waits for who looks");
        drop(look);
        taken.await.unwrap();
    }

    fn settings(dir: &Path) -> Settings {
        Settings {
            url: format!("sqlite://{}/state/gatepost.db", dir.display()),
            key_file: dir.join("state/key"),
            key: None,
        }
    }

    #[tokio::test]
    async fn a_second_daemon_is_told_who_holds_the_store_also_by_another_name_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = Lock::take(&settings(dir.path())).await.unwrap();
        let file = dir.path().join("state/gatepost.db.lock");
        #[cfg(unix)]
        {
            use std::os::unix::fs::{PermissionsExt, symlink};
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
            symlink(dir.path().join("state"), dir.path().join("link")).unwrap();
            let url = format!("sqlite://{}/link/gatepost.db", dir.path().display());
            assert!(Lock::take(&Settings { url, ..settings(dir.path()) }).await.is_err());
        }
        let text = Lock::take(&settings(dir.path())).await.unwrap_err().to_string();
        let holder = format!("process {}", std::process::id());
        assert!(text.contains(&holder) && text.contains(&file.display().to_string()), "{text}");
        let found = super::holder(&settings(dir.path())).unwrap();
        assert_eq!(found.process, Some(std::process::id()));
        drop(first);
        assert_eq!(super::holder(&settings(dir.path())), None, "its file alone says nothing");
        assert!(Lock::take(&settings(dir.path())).await.is_ok());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_has_another_configuration_than_the_daemon_is_told_which_one_that_reads() {
        let dir = tempfile::tempdir().unwrap();
        let [ours, other, link] = ["ours.toml", "other.toml", "link.toml"].map(|name| dir.path().join(name));
        std::fs::write(&ours, "").unwrap();
        std::os::unix::fs::symlink(&ours, &link).unwrap();
        let mut lock = Lock::take(&settings(dir.path())).await.unwrap();
        let found = || super::holder(&settings(dir.path())).unwrap();
        assert_eq!(found().reads_other_than(&other), None, "it said nothing");
        lock.note_configuration(&link).unwrap();
        assert_eq!(found().reads_other_than(&other), Some(real_path(&ours).as_path()));
        assert_eq!((found().reads_other_than(&ours), found().reads_other_than(&link)), (None, None));
        assert_eq!(found().daemon(), Some(Daemon::Process(std::process::id())));
        lock.note_demo().unwrap();
        lock.note_stopping().unwrap();
        assert_eq!(found().daemon(), Some(Daemon::Demo(std::process::id())), "it ends with its daemon");
        assert_eq!(found().reads_other_than(&other), Some(real_path(&ours).as_path()));
        assert_eq!(
            last_source(&dir.path().join("state/gatepost.db")),
            Some(KeySource::of(&settings(dir.path())).to_string())
        );
    }

    #[tokio::test]
    async fn a_directory_that_takes_no_lock_is_named() {
        let url = "sqlite:///proc/none/gatepost.db".to_owned();
        let text =
            Lock::take(&Settings { url, key_file: "/nowhere/key".into(), key: None }).await.unwrap_err().to_string();
        assert!(text.contains("/proc/none") && text.contains("make it writable"), "{text}");
    }
}
