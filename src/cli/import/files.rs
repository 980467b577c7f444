//! The files of an import, each of which only its owner may read. Until they are kept, everything can be undone: what
//! was replaced comes back, and what is new goes, with its folder.
//!
//! A file in which people may have written lines of their own is never replaced.

use std::{
    io,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{config::import::SecretFile, store::private_file};

#[derive(Default)]
pub struct Files {
    /// Outermost first.
    folders: Vec<PathBuf>,
    new: Vec<PathBuf>,
    /// And where their old content is.
    replaced: Vec<(PathBuf, PathBuf)>,
    /// Passwords of users.
    left: Vec<PathBuf>,
    all: Vec<PathBuf>,
    are_kept: bool,
}

impl Files {
    pub fn make_dir(&mut self, folder: &Path) -> io::Result<()> {
        let missing = folder.ancestors().take_while(|one| !one.as_os_str().is_empty() && !one.exists());
        self.folders = missing.map(Path::to_owned).collect();
        self.folders.reverse();
        private_file::make_dir(folder)
    }

    pub fn make(&mut self, file: &SecretFile, force: bool) -> io::Result<()> {
        if !force && file.path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // One that cannot be read may have some.
        if file.is_filled_by_hand && file.path.exists() && has_lines(&file.path)? {
            self.left.push(file.path.clone());
            return Ok(());
        }
        let content = Zeroizing::new(format!("{}\n", file.content.expose()));
        self.put(&file.path, content.as_bytes())
    }

    /// Replaces what is there, and keeps it under a second name.
    pub fn put(&mut self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.all.push(path.to_owned());
        if !path.exists() {
            self.new.push(path.to_owned());
            return private_file::replace(path, content);
        }
        if std::fs::read(path).map(Zeroizing::new).is_ok_and(|old| *old == content) {
            return Ok(());
        }
        let kept = second_name(path, |from, to| std::fs::hard_link(from, to))?;
        self.replaced.push((path.to_owned(), kept));
        private_file::replace(path, content)
    }

    pub fn keep(&mut self) {
        self.are_kept = true;
    }

    /// What was written, and where is what was there; first of all the configuration.
    pub fn told(&self, configuration: &Path) -> String {
        let mut said = String::new();
        let (first, others): (Vec<_>, Vec<_>) = self.all.iter().partition(|path| *path == configuration);
        for path in first.into_iter().chain(others) {
            said += &match path == configuration {
                true => format!("wrote {}\n", path.display()),
                false => format!("wrote {}, which only you may read\n", path.display()),
            };
            for (_, kept) in self.replaced.iter().filter(|(replaced, _)| replaced == path) {
                said += &format!("  the one that was there is {}\n", kept.display());
            }
        }
        for path in &self.left {
            said += &format!("left {} as it is: it has passwords of users\n", path.display());
        }
        said
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if self.are_kept {
            return;
        }
        // Whoever reads the failure sees what could not be undone in the folder.
        for path in &self.new {
            let _ = std::fs::remove_file(path);
        }
        for (path, kept) in &self.replaced {
            let _ = std::fs::rename(kept, path);
        }
        // Only those that are empty go.
        for folder in self.folders.iter().rev() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

/// Besides remarks.
fn has_lines(path: &Path) -> io::Result<bool> {
    let text = Zeroizing::new(std::fs::read(path)?);
    let is_line = |line: &[u8]| line.trim_ascii_start().first().is_some_and(|first| *first != b'#');
    Ok(text.split(|byte| *byte == b'\n').any(is_line))
}

/// Gives what is there a second name that is free; the first one is replaced next. FAT and some shares have no links,
/// so a copy does.
fn second_name(path: &Path, link: impl Fn(&Path, &Path) -> io::Result<()>) -> io::Result<PathBuf> {
    let beside = |n: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(if n == 1 { ".old".to_owned() } else { format!(".old.{n}") });
        PathBuf::from(name)
    };
    let free = (1..1000).map(beside).find(|path| !path.exists());
    let free = free.ok_or_else(|| io::Error::other("there are a thousand old ones beside it"))?;
    match link(path, &free) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
        Err(_) => private_file::replace(&free, &Zeroizing::new(std::fs::read(path)?))?,
    }
    Ok(free)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_links_are_a_copy_keeps_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.secret");
        std::fs::write(&path, "old").unwrap();
        let kept = second_name(&path, |_, _| Err(io::ErrorKind::Unsupported.into())).unwrap();
        assert_eq!(
            (kept.as_path(), std::fs::read_to_string(&kept).unwrap().as_str()),
            (&*dir.path().join("x.secret.old"), "old")
        );
        assert!(path.exists());
    }

    #[test]
    fn what_was_not_kept_is_undone_with_its_folders() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, old) = (dir.path().join("a/b"), dir.path().join("old.toml"));
        std::fs::write(&old, "old").unwrap();
        let mut files = Files::default();
        files.make_dir(&folder).unwrap();
        files.put(&folder.join("x"), b"new").unwrap();
        files.put(&old, b"new").unwrap();
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "new");
        drop(files);
        assert_eq!(std::fs::read_to_string(&old).unwrap(), "old");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "neither the folders nor a second name");
    }
}
