//! Files and directories that only their owner may read, made so from their first moment (no chmod afterwards,
//! whatever the umask is), and durable: a file counts as written once it and its directory are on disk. It refuses to change
//! the rights of what is there already: whose that is, and who else has to read it, nobody here knows.
//!
//! What is written whole is a draft first, beside it. One that was killed leaves its draft; the number in the name says
//! whose it was, and the next one removes it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

/// No secret is larger; a mistaken path must not fill the memory.
const MOST_BYTES: usize = 64 * 1024;

/// Makes `dir` and its missing parents with 0700, each for good; one that exists is left as it is.
pub fn make_dir(dir: &Path) -> io::Result<()> {
    make_missing(dir).map(drop)
}

/// Makes `dir` with 0755, for what others have to read beside what they must not.
pub fn make_readable_dir(dir: &Path) -> io::Result<()> {
    let is_made = make_missing(dir)?;
    #[cfg(unix)]
    if is_made {
        fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    Ok(())
}

/// Whether it made it.
fn make_missing(dir: &Path) -> io::Result<bool> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(false);
    }
    let parent = parent_of(dir);
    make_dir(parent)?;
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(dir) {
        // Somebody else made it in the same moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => return Ok(false),
        made => made?,
    }
    sync_dir(parent).map(|()| true)
}

/// Makes an empty 0600 file if there is none; one that is there is left as it is.
pub fn touch(path: &Path) -> io::Result<()> {
    match create_empty(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Makes an empty 0600 file; one that is there is left alone (`AlreadyExists`).
pub fn create_empty(path: &Path) -> io::Result<()> {
    private_options().create_new(true).open(path)?.sync_all()?;
    sync_dir(parent_of(path))
}

/// Makes a 0600 file to be written; one that is there is left alone (`AlreadyExists`). It is not durable before it and
/// its directory are synced.
pub fn create_new(path: &Path) -> io::Result<File> {
    private_options().create_new(true).open(path)
}

/// Whether [`replace`] would find a place for its draft; better known before anything depends on it.
pub fn prove_replaceable(path: &Path) -> io::Result<()> {
    let draft = draft_of(path, "");
    private_options().create(true).truncate(true).open(&draft)?;
    fs::remove_file(&draft)
}

/// Opens a file that outlives its holder, for reading and writing, and makes it with 0600 if there is none.
pub fn open_shared(path: &Path) -> io::Result<File> {
    touch(path)?;
    OpenOptions::new().read(true).write(true).open(path)
}

/// Opens a file to be read. A pipe or a device in its place is refused: into the one nobody may ever write, and what comes of
/// the other nobody knows.
pub fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    let kind = file.metadata()?.file_type();
    match kind.is_file() || kind.is_dir() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is a pipe or a device")),
    }
}

/// What stands in a file with a secret, or its beginning: no copy of it is left behind in memory.
pub fn read_secret(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(MOST_BYTES));
    open_file(path)?.take(MOST_BYTES as u64).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes a new 0600 file whole or not at all; an existing one wins and is left alone (`AlreadyExists`).
pub fn create_whole(path: &Path, content: &[u8], nonce: &str) -> io::Result<()> {
    sweep_drafts(path);
    let draft = draft_of(path, &format!("-{nonce}"));
    let written = private_options().create_new(true).open(&draft).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.and_then(|()| put_new(&draft, path)).inspect_err(|_| drop(fs::remove_file(&draft)))
}

/// Gives a finished draft its name; a file that has it wins and is left alone (`AlreadyExists`).
pub fn put_new(draft: &Path, path: &Path) -> io::Result<()> {
    // A link, not a rename: two processes at their first start must end up with one key.
    match fs::hard_link(draft, path) {
        Ok(()) => fs::remove_file(draft)?,
        // FAT, and some that are reached over the network, know no links.
        Err(error) if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported) => {
            if path.exists() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(draft, path)?;
        }
        Err(error) => return Err(error),
    }
    sync_dir(parent_of(path))
}

/// Writes a 0600 file whole or not at all, over whatever is there.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = parent_of(path);
    make_dir(dir)?;
    sweep_drafts(path);
    let draft = draft_of(path, "");
    let written = private_options().create(true).truncate(true).open(&draft).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    sync_dir(dir)
}

/// Writes over a file whole or not at all; it keeps its owner and its rights.
pub fn replace_alike(path: &Path, content: &[u8]) -> io::Result<()> {
    let before = fs::metadata(path)?;
    sweep_drafts(path);
    let draft = draft_of(path, "");
    let written = private_options().create(true).truncate(true).open(&draft).and_then(|mut file| {
        file.write_all(content)?;
        take_after(&file, &before)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&draft);
    }
    written?;
    sync_dir(parent_of(path))
}

/// Writes a new 0644 file whole or not at all; one that is there is left alone (`AlreadyExists`).
pub fn create_readable(path: &Path, content: &[u8]) -> io::Result<()> {
    sweep_drafts(path);
    let draft = draft_of(path, "");
    let written = private_options().create(true).truncate(true).open(&draft).and_then(|mut file| {
        file.write_all(content)?;
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
        file.sync_all()
    });
    written.and_then(|()| put_new(&draft, path)).inspect_err(|_| drop(fs::remove_file(&draft)))
}

#[cfg(unix)]
fn take_after(file: &File, before: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (before.uid(), before.gid()) {
        std::os::unix::fs::fchown(file, Some(before.uid()), Some(before.gid()))?;
    }
    file.set_permissions(before.permissions())
}

#[cfg(not(unix))]
fn take_after(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(())
}

/// Where `path` is written before it counts.
pub fn draft_of(path: &Path, suffix: &str) -> PathBuf {
    parent_of(path).join(format!("{}{}{suffix}", draft_prefix(path), std::process::id()))
}

fn draft_prefix(path: &Path) -> String {
    format!(".{}.", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Removes the drafts of `path` whose makers are gone: they may hold a key.
pub fn sweep_drafts(path: &Path) {
    let prefix = draft_prefix(path);
    let Ok(entries) = fs::read_dir(parent_of(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(&prefix)) else { continue };
        let maker = rest.split('-').next().and_then(|maker| maker.parse::<i32>().ok());
        if maker.is_some_and(is_gone) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(unix)]
fn is_gone(maker: i32) -> bool {
    use rustix::{io::Errno, process};
    process::Pid::from_raw(maker).is_some_and(|id| process::test_kill_process(id) == Err(Errno::SRCH))
}

#[cfg(not(unix))]
fn is_gone(_: i32) -> bool {
    false
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Every user of this machine may read the file, if its folder lets them.
#[cfg(unix)]
pub fn is_open_to_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
pub fn is_open_to_all(_: &Path) -> bool {
    false
}

/// It is of this process's own user and group, and lets in nobody else: a file to read, a folder to go through.
#[cfg(unix)]
pub fn is_closed_to_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    fs::metadata(path).is_ok_and(|meta| {
        let wanted = if meta.is_dir() { 0o001 } else { 0o004 };
        (meta.uid(), meta.gid()) == own && meta.mode() & wanted == 0
    })
}

#[cfg(not(unix))]
pub fn is_closed_to_others(_: &Path) -> bool {
    false
}

fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    }
}

/// What was made, renamed or removed in a directory survives a power loss from now on.
#[cfg(unix)]
pub fn sync_dir(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}

/// Elsewhere a directory cannot be opened as a file; the file system's journal has to do.
#[cfg(not(unix))]
pub fn sync_dir(_: &Path) -> io::Result<()> {
    Ok(())
}
