//! What the checks need to know of the process: environment, home of the file, kind of user. Passed in, so that a
//! test can be any machine.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub variables: BTreeMap<String, OsString>,
    /// A person's own account, as opposed to root and to accounts of services.
    pub ordinary_user: bool,
    /// Relative paths in the file begin here.
    pub base: PathBuf,
    /// The file, where every user of this machine can read it.
    pub open_file: Option<PathBuf>,
}

impl Surroundings {
    pub fn of_this_process(file: &Path) -> Self {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        let base = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let is_open = std::fs::File::open(file).is_ok_and(|open| is_open_to_all(&open));
        let open_file = is_open.then(|| std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
        Self { variables, ordinary_user: ordinary_user(), base: std::path::absolute(&base).unwrap_or(base), open_file }
    }

    pub fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables.get(name).filter(|value| !value.is_empty())
    }

    /// Makes a path of the file absolute. `$CREDENTIALS_DIRECTORY/` at its beginning is where systemd puts credentials.
    pub fn path(&self, written: &Path) -> PathBuf {
        match (written.strip_prefix("$CREDENTIALS_DIRECTORY"), self.variable("CREDENTIALS_DIRECTORY")) {
            (Ok(rest), Some(directory)) => Path::new(directory).join(rest),
            _ => self.base.join(written),
        }
    }

    /// Where state lives by default.
    pub fn state_directory(&self) -> Option<PathBuf> {
        if let Some(list) = self.variable("STATE_DIRECTORY") {
            // systemd gives several, parted by colons, where a unit has several.
            return list.to_string_lossy().split(':').next().map(PathBuf::from);
        }
        if let Some(state) = self.variable("XDG_STATE_HOME") {
            return Some(Path::new(state).join("gatepost"));
        }
        self.variable("HOME").map(|home| Path::new(home).join(".local/state/gatepost"))
    }
}

#[cfg(unix)]
pub fn is_open_to_all(file: &std::fs::File) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
pub fn is_open_to_all(_: &std::fs::File) -> bool {
    false
}

/// Users from 1000 up, without systemd's dynamic ones (61184 to 65519) and nobody (65534).
#[cfg(unix)]
fn ordinary_user() -> bool {
    let uid = rustix::process::getuid().as_raw();
    uid >= 1000 && !(61184..=65534).contains(&uid)
}

#[cfg(not(unix))]
fn ordinary_user() -> bool {
    false
}
