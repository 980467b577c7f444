//! Whose bodies a directory holds: a file in it names the database, so that no store sweeps another's mail.
//!
//! Two databases side by side share a directory where their names differ in the extension alone; the first one keeps it,
//! and the other is refused. The name goes along where both are moved together.
//!
//! It refuses a directory into which others may write: what was taken over could be changed there before it goes.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{SpoolFault, random_word};
use crate::store::private_file;

/// No name of a body.
const MARK: &str = "store";
#[cfg(unix)]
const ROOT: u32 = 0;
/// Of a file name, on any system.
const MOST_BYTES: u64 = 1024;

/// The directory that belongs to a database, beside it and by its name. Links are followed, as the store's lock does, so
/// that two names of one database have one queue.
pub fn beside(database: &Path) -> PathBuf {
    real(database).with_extension("queue")
}

/// The directory is this database's from now on. `Err`: it is another one's, or cannot be written.
pub fn claim(directory: &Path, database: &Path) -> Result<(), SpoolFault> {
    let mark = directory.join(MARK);
    let failed = |cause| SpoolFault::new(directory, cause);
    let name: OsString = real(database).file_name().unwrap_or_default().to_owned();
    let own = name.as_encoded_bytes();
    let nonce = random_word().ok_or_else(|| failed(io::Error::other("the system gives no random bytes")))?;
    // Two stores may come at once: the mark of the first one stays.
    let found = match read(&mark) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => match private_file::create_whole(&mark, own, &nonce) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&mark).map_err(failed)?,
            made => return made.map_err(failed),
        },
        found => found.map_err(failed)?,
    };
    match found == own {
        true => Ok(()),
        false => Err(SpoolFault::of_another(directory, &String::from_utf8_lossy(&found), &mark)),
    }
}

/// The directory beside it is that of a database of another name: no daemon starts on it.
pub fn is_of_another(database: &Path) -> bool {
    let name = real(database).file_name().unwrap_or_default().to_owned();
    read(&beside(database).join(MARK)).is_ok_and(|found| found != name.as_encoded_bytes())
}

/// Takes away what other users may do in a directory that was claimed. `false`: nothing comes of it although it is ours, for
/// the file system keeps no rights (FAT, many shares), and whoever mounts it says who may write there.
#[cfg(unix)]
pub fn narrow(directory: &Path) -> bool {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let open = || fs::metadata(directory).ok().filter(|found| found.mode() & 0o077 != 0);
    let Some(found) = open() else { return true };
    let _ = fs::set_permissions(directory, fs::Permissions::from_mode(found.mode() & 0o700));
    let user = rustix::process::geteuid().as_raw();
    open().is_none() || ![ROOT, found.uid()].contains(&user)
}

/// `Err`: somebody else than the database's owner may write there. Root may everywhere, and whoever asks has to.
#[cfg(unix)]
pub fn refuse_others(directory: &Path, database: &Path) -> Result<(), SpoolFault> {
    use std::os::unix::fs::MetadataExt;
    let failed = |cause| SpoolFault::new(directory, cause);
    let found = fs::metadata(directory).map_err(failed)?;
    let owner = fs::metadata(database).map_err(failed)?.uid();
    match (found.uid(), found.mode() & 0o022) {
        (uid, _) if ![owner, ROOT, rustix::process::geteuid().as_raw()].contains(&uid) => {
            Err(SpoolFault::of_user(directory, uid, owner))
        }
        (_, 0) => Ok(()),
        _ => Err(SpoolFault::open_to_others(directory)),
    }
}

#[cfg(not(unix))]
pub fn narrow(_: &Path) -> bool {
    true
}

#[cfg(not(unix))]
pub fn refuse_others(_: &Path, _: &Path) -> Result<(), SpoolFault> {
    Ok(())
}

fn real(database: &Path) -> PathBuf {
    fs::canonicalize(database).unwrap_or_else(|_| database.to_owned())
}

fn read(mark: &Path) -> io::Result<Vec<u8>> {
    let mut name = Vec::new();
    File::open(mark)?.take(MOST_BYTES).read_to_end(&mut name)?;
    Ok(name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{super::Spool, *};

    fn database(dir: &Path, name: &str) -> PathBuf {
        let path = dir.join(name);
        fs::write(&path, "").unwrap();
        path
    }

    async fn kept(spool: &Spool) -> String {
        let mut draft = spool.draft().await.unwrap();
        draft.write(b"x\r\n").await.unwrap();
        let mut body = draft.finish().await.unwrap();
        body.keep();
        body.name().to_owned()
    }

    #[tokio::test]
    async fn a_store_whose_name_differs_in_the_extension_alone_gets_no_hold_of_the_others_mail() {
        let dir = tempfile::tempdir().unwrap();
        let (one, other) = (database(dir.path(), "gatepost.a"), database(dir.path(), "gatepost.b"));
        let name = kept(&Spool::open_beside(&one).unwrap()).await;
        let refused = Spool::open_beside(&other).unwrap_err().to_string();
        for words in ["gatepost.queue holds the messages of another store, gatepost.a;", "[store] url", "queue/store"] {
            assert!(refused.contains(words), "{refused}");
        }
        let again = Spool::open_beside(&one).unwrap();
        again.sweep(HashSet::from([name.clone()]), true).await.unwrap();
        assert_eq!(again.kept(&name).await.unwrap().octets(), 3);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_queue_into_which_others_could_write_is_shut_or_refused_with_the_command_that_shuts_it() {
        use std::os::unix::fs::{PermissionsExt, chown};
        let dir = tempfile::tempdir().unwrap();
        let database = database(dir.path(), "gatepost.db");
        let queue = dir.path().join("gatepost.queue");
        fs::create_dir(&queue).unwrap();
        let mode = || fs::metadata(&queue).unwrap().permissions().mode() & 0o777;
        let open = || fs::set_permissions(&queue, fs::Permissions::from_mode(0o777)).unwrap();
        open();
        Spool::open_beside(&database).unwrap();
        assert_eq!(mode(), 0o700);
        open();
        let refused = refuse_others(&queue, &database).unwrap_err().to_string();
        assert!(refused.ends_with(&format!("; chmod 700 {}", queue.display())), "{refused}");
        // Only root may give it away.
        if chown(&queue, Some(65534), None).is_ok() {
            let owner = rustix::process::geteuid().as_raw();
            let refused = Spool::open_beside(&database).unwrap_err().to_string();
            assert!(refused.contains("belongs to user 65534"), "{refused}");
            assert!(refused.ends_with(&format!("; chown -R {owner} {}", queue.display())), "{refused}");
            // A queue of root's beside a database of another user's.
            chown(&queue, Some(0), None).unwrap();
            chown(&database, Some(65534), None).unwrap();
            assert!(Spool::open_beside(&database).is_ok());
        }
    }

    #[tokio::test]
    async fn a_queue_from_before_the_mark_is_taken_up_by_its_store() {
        let dir = tempfile::tempdir().unwrap();
        let database = database(dir.path(), "gatepost.db");
        let name = kept(&Spool::open(&dir.path().join("gatepost.queue")).unwrap()).await;
        let spool = Spool::open_beside(&database).unwrap();
        assert_eq!(spool.kept(&name).await.unwrap().octets(), 3);
        assert_eq!(fs::read_to_string(spool.directory().join(MARK)).unwrap(), "gatepost.db");
    }

    #[tokio::test]
    async fn a_queue_that_was_moved_with_its_database_is_still_its_own() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("old")).unwrap();
        let name = kept(&Spool::open_beside(&database(&dir.path().join("old"), "gatepost.db")).unwrap()).await;
        fs::rename(dir.path().join("old"), dir.path().join("new")).unwrap();
        let moved = Spool::open_beside(&dir.path().join("new/gatepost.db")).unwrap();
        assert!(moved.kept(&name).await.is_ok());
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_database_by_the_name_of_a_link_has_the_same_queue() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("disk")).unwrap();
        let real = database(&dir.path().join("disk"), "mail.db");
        let link = dir.path().join("gatepost.db");
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let name = kept(&Spool::open_beside(&real).unwrap()).await;
        assert!(Spool::open_beside(&link).unwrap().kept(&name).await.is_ok());
        assert!(!dir.path().join("gatepost.queue").exists());
    }
}
