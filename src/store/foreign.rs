//! Whose a store is, where it is not that of the user who runs this. A command of theirs would leave files beside it that the
//! daemon cannot read; whoever is not root may not even look whether there is one.

use std::path::{Path, PathBuf};

use super::{Settings, lock};

/// A store of another user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign {
    pub owner: u32,
    pub own: u32,
    /// What is theirs: the database, or the folder on the way to it that keeps others out.
    pub path: PathBuf,
    /// It, or what lies beside it, the console's token among that, is closed to this user.
    pub is_closed: bool,
}

/// The store belongs to another user, who alone may say anything of it.
pub fn is_closed(settings: &Settings) -> bool {
    foreign(settings).is_some_and(|foreign| foreign.is_closed)
}

/// `None`: it is this user's, or nobody made it so far.
#[cfg(unix)]
pub fn foreign(settings: &Settings) -> Option<Foreign> {
    use std::{fs, io::ErrorKind, os::unix::fs::MetadataExt};

    use rustix::{
        fs::{Access, access},
        io::Errno,
    };
    let database = settings.database()?;
    let may = |file: &Path, rights| access(file, rights) != Err(Errno::ACCESS);
    // Whoever was let read the database alone is no more able to ask its daemon, or to use it.
    let is_used = || {
        let lies_in = database.parent().is_none_or(|folder| may(folder, Access::WRITE_OK | Access::EXEC_OK));
        lies_in
            && [database.clone(), lock::of(&database)].iter().all(|one| may(one, Access::READ_OK | Access::WRITE_OK))
    };
    let (path, is_closed) = match fs::metadata(&database) {
        Ok(_) => (database.clone(), !is_used()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => (keeps_out(&database, MOST_LINKS)?, true),
        Err(_) => return None,
    };
    let (owner, own) = (fs::metadata(&path).ok()?.uid(), rustix::process::geteuid().as_raw());
    (owner != own).then_some(Foreign { owner, own, path, is_closed })
}

#[cfg(not(unix))]
pub fn foreign(_: &Settings) -> Option<Foreign> {
    None
}

/// Whatever this user makes beside the database belongs to the same owner: a share that keeps none, or calls all of them one
/// (NFS with `all_squash`, CIFS). Nobody is anybody else there.
#[cfg(unix)]
pub fn keeps_no_owners(foreign: &Foreign, database: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    use super::private_file;
    let probe = private_file::draft_of(database, "-owner");
    let made = private_file::create_new(&probe).and_then(|file| file.metadata());
    let _ = std::fs::remove_file(&probe);
    made.is_ok_and(|made| made.uid() == foreign.owner)
}

#[cfg(not(unix))]
pub fn keeps_no_owners(_: &Foreign, _: &Path) -> bool {
    true
}

/// On one way; the system follows 40.
#[cfg(unix)]
const MOST_LINKS: u8 = 8;

/// The folder into which this user may not look. A link may lead into it: /var/lib/gatepost does into /var/lib/private
/// (systemd.exec(5), `DynamicUser=`).
#[cfg(unix)]
fn keeps_out(path: &Path, links: u8) -> Option<PathBuf> {
    let hidden = path.ancestors().take_while(|one| std::fs::metadata(one).is_err()).last()?;
    let folder = hidden.parent()?;
    match std::fs::read_link(hidden) {
        Ok(target) => keeps_out(&folder.join(target), links.checked_sub(1)?),
        Err(_) => Some(folder.to_owned()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_there_shows_whether_a_share_keeps_owners_and_stays_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("gatepost.db");
        let own = rustix::process::geteuid().as_raw();
        let of = |owner| Foreign { owner, own, path: database.clone(), is_closed: false };
        assert!(keeps_no_owners(&of(own), &database), "all that is made there is theirs");
        assert!(!keeps_no_owners(&of(own.wrapping_add(1)), &database));
        assert!(!keeps_no_owners(&of(own), &dir.path().join("gone/gatepost.db")), "nobody knows");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
