//! The configuration file on disk, and the files with secrets beside it. Each is written whole or not at all; what is
//! there keeps its owner and its rights.

use std::{
    io,
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use zeroize::Zeroizing;

use super::{
    apart::Apart,
    note,
    words::{Say, Trouble, hash_is_open, shut_out},
};
use crate::{
    base::{
        Lang, Secret,
        invocation::{self, Daemon},
    },
    cli::{config::note_unit, pasted},
    config::{self, Config, Surroundings, Unit},
    store::{self, private_file},
};

/// Where the package and the service have their configuration.
const OF_THE_SERVICE: &str = "/etc/gatepost";
/// The one there that the unit of the service reads.
const FILE_OF_THE_UNIT: &str = "gatepost.toml";
/// A secret or a key.
pub const MOST_BYTES: u64 = 64 * 1024;
/// For a program that asks somebody, as a store of passwords does.
const PIPE_WITHIN: Duration = Duration::from_secs(120);
/// One with thousands of accounts is far below.
pub const MOST_OF_A_CONFIGURATION: u64 = 16 * 1024 * 1024;

pub struct Place {
    pub path: PathBuf,
    /// Empty where there is no file yet.
    pub text: String,
    is_there: bool,
    of_the_service: PathBuf,
    /// See [`Surroundings::without_secrets`].
    pub without_secrets: bool,
}

impl Place {
    /// The one that was named, the first that is found, or the one for a new configuration.
    /// `of_the_service`: what counts as the service's folder, where it is not the usual one.
    pub fn find(named: Option<&Path>, of_the_service: Option<&Path>) -> Result<Self, Trouble> {
        let of_the_service = of_the_service.unwrap_or(Path::new(OF_THE_SERVICE)).to_owned();
        let around = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let path = config::locate(named, &around).unwrap_or_else(|_| config::place_for_new(named, &around));
        let path = std::path::absolute(&path).unwrap_or(path);
        // A link stays one: what it leads to is written.
        let path = std::fs::canonicalize(&path).unwrap_or(path);
        let place = |path, text, is_there| Self { path, text, is_there, of_the_service, without_secrets: false };
        match text_of(&path, MOST_OF_A_CONFIGURATION) {
            Ok(text) => Ok(place(path, text, true)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(place(path, String::new(), false)),
            Err(e) => Err(Trouble::Unreadable { file: path.display().to_string(), why: e.to_string() }),
        }
    }

    /// From here on commands name it where another one, or none, would be found, from this folder or from another.
    pub fn name_in_commands(&self) {
        note_unit(&self.path);
        let here = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let found = config::locate(None, &here).unwrap_or_else(|_| config::place_for_new(None, &here));
        let is_found_anywhere = found.is_absolute() && std::fs::canonicalize(&found).unwrap_or(found) == self.path;
        if !is_found_anywhere {
            invocation::call_it(pasted::with_config(&self.path));
        }
    }

    pub fn shown(&self) -> String {
        self.path.display().to_string()
    }

    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    pub fn around(&self) -> Surroundings {
        Surroundings { without_secrets: self.without_secrets, ..Surroundings::of_this_process(&self.path) }
    }

    /// The service has a user and a store of its own: what is signed in here would be of no use to it.
    pub fn is_of_the_service(&self) -> bool {
        self.path == self.of_the_service.join(FILE_OF_THE_UNIT) && self.around().variable("STATE_DIRECTORY").is_none()
    }

    /// The same where there is none yet.
    pub fn is_new_for_the_service(&self) -> bool {
        !self.is_there && self.is_of_the_service()
    }

    /// Where that are too few, the service is not among them; or too many, for a hash of what a person chose.
    pub fn tell_who_reads_it(&self, has_chosen_password: bool, lang: Lang) {
        let closed = self.shuts_out_the_service();
        if !closed.is_empty() {
            note(&shut_out(lang, &closed));
        }
        if has_chosen_password && self.is_open_to_all() {
            note(&hash_is_open(lang, &self.path));
        }
    }

    /// What of it lets in this user alone, where the service has another one; each with the mode that lets that in. The rights
    /// of what is there are not changed here: what else lies in the folder, and whom it is kept from, nobody here knows.
    fn shuts_out_the_service(&self) -> Vec<(PathBuf, &'static str)> {
        let has_own_user = || Unit::in_force().is_none_or(|unit| unit.has_own_user());
        if !self.is_of_the_service() || !has_own_user() {
            return Vec::new();
        }
        let both = [(self.folder().to_owned(), "755"), (self.path.clone(), "644")];
        both.into_iter().filter(|(path, _)| private_file::is_closed_to_others(path)).collect()
    }

    /// Every user of this machine may read it, and so may the service.
    fn is_open_to_all(&self) -> bool {
        private_file::is_open_to_all(&self.path) && !private_file::is_closed_to_others(self.folder())
    }

    /// A daemon on the same store that reads another file never learns what is set up in this one. `apart`: what to do
    /// beside that file.
    pub fn meets_no_other_daemon(
        &self,
        config: &Config,
        apart: impl Fn(Option<&Path>) -> Apart,
    ) -> Result<(), Trouble> {
        let Some(holder) = store::holder(&config.store) else { return Ok(()) };
        let Some(running) = holder.reads_other_than(&self.path) else { return Ok(()) };
        let process = holder.process.unwrap_or_default();
        Err(Trouble::OtherDaemon {
            process,
            stop: holder.daemon().unwrap_or(Daemon::Process(process)).stop(),
            places: [running.display().to_string(), self.shown()],
            apart: Box::new(apart(Some(running))),
        })
    }

    /// Where no daemon runs: that another configuration has the store, or had it.
    pub fn shares_its_store(&self, config: &Config, apart: impl Fn(Option<&Path>) -> Apart) -> Option<Say> {
        let database = config.store.url.strip_prefix("sqlite://").filter(|database| Path::new(database).is_file())?;
        let other = store::last_reader(&config.store).filter(|file| *file != self.path && file.is_file());
        let is_shared = !self.is_of_the_service() && (other.is_some() || !self.is_there);
        is_shared.then(|| Say::SharesStore {
            store: database.to_owned(),
            other: other.as_ref().map(|file| file.display().to_string()),
            apart: apart(other.as_deref()),
        })
    }

    /// The daemon that runs on this configuration.
    pub fn daemon(&self, config: &Config) -> Option<u32> {
        let holder = store::holder(&config.store);
        holder.filter(|holder| holder.reads_other_than(&self.path).is_none())?.process
    }

    /// The user of the service goes through it to what it may read there.
    pub fn make_folder(&self) -> io::Result<()> {
        match self.is_of_the_service() {
            true => private_file::make_readable_dir(self.folder()),
            false => private_file::make_dir(self.folder()),
        }
    }

    /// Replaces the file, if it still is what was read.
    pub fn write(&self, text: &str) -> Result<(), Trouble> {
        let failed = |e: io::Error| Trouble::Unwritable { file: self.shown(), why: e.to_string() };
        if !self.is_there {
            self.make_folder().map_err(failed)?;
            if self.is_of_the_service() {
                // It holds hashes and no secrets, and the user of the service has to read it.
                return private_file::create_readable(&self.path, text.as_bytes()).map_err(failed);
            }
            let nonce = format!("{:x}", text.len());
            return private_file::create_whole(&self.path, text.as_bytes(), &nonce).map_err(failed);
        }
        let now = text_of(&self.path, MOST_OF_A_CONFIGURATION).map_err(failed)?;
        if now != self.text {
            return Err(Trouble::ChangedMeanwhile { file: self.shown() });
        }
        private_file::replace_alike(&self.path, text.as_bytes()).map_err(failed)
    }

    /// Puts a secret in the place of the one in a file that the configuration names; a link stays one.
    pub fn renew_secret(file: &Path, secret: &Secret) -> Result<(), Trouble> {
        let content = Zeroizing::new(format!("{}\n", secret.expose()));
        std::fs::canonicalize(file)
            .and_then(|real| private_file::replace_alike(&real, content.as_bytes()))
            .map_err(|e| Trouble::Unwritable { file: file.display().to_string(), why: e.to_string() })
    }

    /// Makes a file that the configuration names.
    pub fn make_secret(file: &Path, secret: &Secret) -> Result<(), Trouble> {
        let content = Zeroizing::new(format!("{}\n", secret.expose()));
        let folder = file.parent().unwrap_or(Path::new("."));
        private_file::make_dir(folder)
            .and_then(|()| private_file::create_whole(file, content.as_bytes(), "first"))
            .map_err(|e| Trouble::Unwritable { file: file.display().to_string(), why: e.to_string() })
    }

    /// A file of its own for a secret. One that was left by a run before, with the same content, is taken; one with
    /// another content is somebody's, and the next name is taken. Whether it is new comes with it.
    pub fn keep_secret(&self, app: &str, secret: &Secret) -> Result<(PathBuf, bool), Trouble> {
        let content = Zeroizing::new(format!("{}\n", secret.expose()));
        let mut n = 1;
        loop {
            let name = if n == 1 { format!("{app}.secret") } else { format!("{app}-{n}.secret") };
            let path = self.folder().join(name);
            let failed = |e: io::Error| Trouble::Unwritable { file: path.display().to_string(), why: e.to_string() };
            self.make_folder().map_err(failed)?;
            match private_file::create_whole(&path, content.as_bytes(), &n.to_string()) {
                Ok(()) => return Ok((path, true)),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    let there = std::fs::read(&path).map(Zeroizing::new);
                    if there.is_ok_and(|there| there.trim_ascii() == content.trim().as_bytes()) {
                        return Ok((path, false));
                    }
                    n += 1;
                }
                Err(e) => return Err(failed(e)),
            }
        }
    }
}

/// The text of a file, which is to be no longer than `most` bytes. A pipe is refused: it would wait, maybe for ever.
pub fn text_of(file: &Path, most: u64) -> io::Result<String> {
    of_a_file(file)?;
    capped(std::fs::File::open(file)?, most)
}

fn capped(file: std::fs::File, most: u64) -> io::Result<String> {
    use io::Read;
    let mut text = String::new();
    file.take(most + 1).read_to_string(&mut text)?;
    match text.len() as u64 > most {
        true => Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {most} bytes"))),
        false => Ok(text),
    }
}

fn of_a_file(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path)?.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")),
    }
}

/// A secret that stands in a file, or comes by a pipe (`<(pass show gatepost)`), without its line end.
pub fn secret_in(file: &Path) -> Result<Secret, Trouble> {
    secret_within(file, PIPE_WITHIN)
}

fn secret_within(file: &Path, within: Duration) -> Result<Secret, Trouble> {
    let unreadable = |why: String| Trouble::Unreadable { file: file.display().to_string(), why };
    let text = if is_pipe(file) { piped(file, within) } else { text_of(file, MOST_BYTES).map(Zeroizing::new) };
    let text = text.map_err(|e| unreadable(e.to_string()))?;
    match text.trim() {
        "" => Err(unreadable("it is empty".to_owned())),
        // As the check of the configuration has it.
        more if more.contains(char::is_control) => Err(unreadable("it is more than one line of text".to_owned())),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

/// On a thread: where nobody ever writes into it, to open it is to wait already.
fn piped(path: &Path, within: Duration) -> io::Result<Zeroizing<String>> {
    let (tell, told) = mpsc::sync_channel(1);
    let path = path.to_owned();
    std::thread::spawn(move || {
        let read = std::fs::File::open(path).and_then(|pipe| capped(pipe, MOST_BYTES));
        // Whoever asked may have given up.
        let _ = tell.send(read.map(Zeroizing::new));
    });
    let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, format!("nothing came in {} s", within.as_secs())));
    told.recv_timeout(within).unwrap_or_else(late)
}

/// The absolute path of a file that can be read.
pub fn readable(file: &Path) -> Result<String, Trouble> {
    let path = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let shown = path.display().to_string();
    // A pipe would wait for whoever writes into it.
    let opened = of_a_file(&path).and_then(|()| std::fs::File::open(&path));
    match opened {
        Ok(_) => Ok(shown),
        Err(e) => Err(Trouble::Unreadable { file: shown, why: e.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_a_run_before_left_is_taken_and_somebody_elses_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::find(Some(&dir.path().join("gatepost.toml")), None).unwrap();
        let name = |secret: &str| {
            let (path, is_new) = place.keep_secret("contoso", &Secret::new(secret)).unwrap();
            (path.file_name().unwrap().to_string_lossy().into_owned(), is_new)
        };
        assert_eq!(name("one"), ("contoso.secret".to_owned(), true));
        assert_eq!(name("one"), ("contoso.secret".to_owned(), false));
        assert_eq!(name("two"), ("contoso-2.secret".to_owned(), true));
        assert_eq!(std::fs::read_to_string(dir.path().join("contoso.secret")).unwrap(), "one\n");
    }

    #[test]
    fn a_secret_comes_by_a_pipe_and_is_not_waited_for_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let [silent, pipe] = ["silent", "pipe"].map(|name| dir.path().join(name));
        assert!(std::process::Command::new("mkfifo").args([&silent, &pipe]).status().unwrap().success());
        assert!(matches!(secret_within(&silent, Duration::from_millis(20)), Err(Trouble::Unreadable { .. })));
        let path = pipe.clone();
        let writer = std::thread::spawn(move || std::fs::write(path, "s3cret\n").unwrap());
        let told = secret_within(&pipe, Duration::from_secs(60)).unwrap();
        assert!(told.matches(&Secret::new("s3cret")));
        writer.join().unwrap();
    }

    #[test]
    fn what_is_too_large_is_refused_and_a_pipe_is_no_place_for_a_configuration_or_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let (pipe, large) = (dir.path().join("pipe"), dir.path().join("large"));
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::fs::write(&large, "x".repeat(MOST_BYTES as usize + 1)).unwrap();
        assert!(matches!(secret_in(&large), Err(Trouble::Unreadable { .. })));
        assert!(readable(&pipe).is_err() && Place::find(Some(&pipe), None).is_err());
    }

    #[test]
    fn what_somebody_changed_meanwhile_is_not_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gatepost.toml");
        std::fs::write(&file, "# one\n").unwrap();
        let place = Place::find(Some(&file), None).unwrap();
        std::fs::write(&file, "# two\n").unwrap();
        assert!(matches!(place.write("# three\n"), Err(Trouble::ChangedMeanwhile { .. })));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# two\n");
    }

    #[test]
    fn a_new_file_never_replaces_one_that_came_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("new/gatepost.toml");
        let place = Place::find(Some(&file), None).unwrap();
        place.write("# one\n").unwrap();
        assert!(matches!(place.write("# two\n"), Err(Trouble::Unwritable { .. })));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "# one\n");
    }

    #[test]
    fn a_link_stays_one_and_what_it_leads_to_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let (real, link) = (dir.path().join("real.toml"), dir.path().join("gatepost.toml"));
        std::fs::write(&real, "# one\n").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        Place::find(Some(&link), None).unwrap().write("# two\n").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&real).unwrap(), "# two\n");
    }
}
