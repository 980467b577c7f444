//! What the checks need to know of the process: environment, home of the file, kind of user. Passed in, so that a
//! test can be any machine.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::unit::{PLAIN, Unit};
use crate::store::private_file;

/// What a path begins with that systemd lends.
const CREDENTIALS: &str = "$CREDENTIALS_DIRECTORY";

#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    pub variables: BTreeMap<String, OsString>,
    /// A person's own account, as opposed to root and to accounts of services.
    pub ordinary_user: bool,
    /// Relative paths in the file begin here.
    pub base: PathBuf,
    /// The file, where every user of this machine can read it.
    pub open_file: Option<PathBuf>,
    /// With which systemd starts the daemon on this machine.
    pub unit: Option<Unit>,
    /// The secrets of apps are left unread, and need not be there: for what uses none.
    pub without_secrets: bool,
    /// Authorities and certificates are looked into, as a start does. Who reads a configuration for anything else goes on
    /// without them.
    pub looks_into_files: bool,
}

impl Surroundings {
    pub fn of_this_process(file: &Path) -> Self {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        let base = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let is_open = private_file::is_open_to_all(file);
        let open_file = is_open.then(|| std::path::absolute(file).unwrap_or_else(|_| file.to_owned()));
        let (ordinary_user, base) = (ordinary_user(), std::path::absolute(&base).unwrap_or(base));
        Self { variables, ordinary_user, base, open_file, unit: Unit::in_force(), ..Self::default() }
    }

    pub fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables.get(name).filter(|value| !value.is_empty())
    }

    /// Makes a path of the file absolute. `$CREDENTIALS_DIRECTORY/` at its beginning is where systemd puts credentials.
    pub fn path(&self, written: &Path) -> PathBuf {
        match (lent(written), self.variable("CREDENTIALS_DIRECTORY")) {
            (Some(rest), Some(directory)) => Path::new(directory).join(rest),
            _ => self.base.join(written),
        }
    }

    /// The name of what only the service is lent, and this process is not. `path`: as [`Self::path`] has it.
    pub fn lent_to_the_service<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        lent(path.strip_prefix(&self.base).ok()?)
    }

    /// As the unit has it, where that is known: `LoadCredential=client-secret:/etc/gatepost/client-secret`.
    pub fn as_lent(&self, name: &Path) -> String {
        let name = name.display().to_string();
        match self.unit.as_ref().and_then(|unit| unit.source(&name)) {
            Some((key, file)) => format!("{key}={name}:{}", file.display()),
            None => format!("{PLAIN}={name}:<file>"),
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

/// By which name systemd lends it to the service alone (systemd.exec(5)), where a path of the file says so.
pub fn lent(written: &Path) -> Option<&Path> {
    written.strip_prefix(CREDENTIALS).ok()
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
