//! Secrets in three forms: `NAME`, `NAME-file`, `NAME-env`. Their values never appear in a problem. It refuses to change a
//! file that is open to others: it says how, once what stands in it shows that it is meant.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::Checker;
use crate::{
    base::Secret,
    catalog::shell,
    config::{key::Key, outline::has_login, raw::Hidden},
    store::{self, KeySource, Settings, StoreError, private_file},
};

impl Checker<'_> {
    pub(super) fn secret(
        &mut self,
        table: &Key,
        name: &str,
        plain: Option<&Hidden>,
        file: Option<&Path>,
        env: Option<&str>,
    ) -> Option<Secret> {
        let (key, secret) = self.secret_text(table, name, plain, file, env)?;
        if secret.is_empty() || secret.expose().contains(|c: char| c.is_control()) {
            let text = format!("`{key}` is empty or holds control characters");
            self.error(&key, text, "one line of text is expected");
            return None;
        }
        if let (None, Some(file)) = (plain, file) {
            self.warn_if_open(&key, &self.around.path(file));
        }
        Some(secret)
    }

    /// The same of any number of lines, with the key under which it stood.
    pub(super) fn secret_text(
        &mut self,
        table: &Key,
        name: &str,
        plain: Option<&Hidden>,
        file: Option<&Path>,
        env: Option<&str>,
    ) -> Option<(Key, Secret)> {
        let given = usize::from(plain.is_some()) + usize::from(file.is_some()) + usize::from(env.is_some());
        if given > 1 {
            let text = format!("`{table}.{name}` is given more than once");
            let hint = format!("keep one of `{name}`, `{name}-file` and `{name}-env`");
            self.error(&table.field(name), text, hint);
        }
        if let Some(Hidden(secret)) = plain {
            self.warn_if_shown(&table.field(name), name, secret);
            return Some((table.field(name), secret.clone()));
        }
        if let Some(file) = file {
            let key = table.field(&format!("{name}-file"));
            return self.secret_file(&key, file).map(|secret| (key, secret));
        }
        let key = table.field(&format!("{name}-env"));
        self.secret_variable(&key, env?).map(|secret| (key, secret))
    }

    fn secret_file(&mut self, key: &Key, written: &Path) -> Option<Secret> {
        let path = self.around.path(written);
        let no_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8 text");
        let read = private_file::read_secret(&path).and_then(|content| {
            let text = str::from_utf8(&content).map_err(no_text)?;
            let trimmed = text.strip_suffix('\n').unwrap_or(text);
            Ok(Secret::new(trimmed.strip_suffix('\r').unwrap_or(trimmed)))
        });
        read.inspect_err(|error| self.unreadable(key, &path, error)).ok()
    }

    /// Where whoever changes a secret finds it: the file, the variable, or its own key.
    pub(super) fn whereabouts(&self, name: &str, file: Option<&Path>, env: Option<&str>) -> String {
        let file = file.map(|file| self.around.path(file).display().to_string());
        file.unwrap_or_else(|| env.unwrap_or(name).to_owned())
    }

    /// The absolute path of a file with a key, which is read when it is needed.
    pub(super) fn key_file(&mut self, key: &Key, written: &Path) -> PathBuf {
        let path = self.readable(key, written);
        self.warn_if_open(key, &path);
        path
    }

    /// Its mode is its owner's to change, and nobody else's: a mistaken path leads to anybody's file.
    pub(super) fn warn_if_open(&mut self, key: &Key, path: &Path) {
        if private_file::is_open_to_all(path) {
            let text = format!("{} can be read by every user of this machine", path.display());
            self.warning(key, text, format!("chmod 600 {}", shell(&path.to_string_lossy())));
        }
    }

    /// Unlike other secrets in a file, the key in one may be missing: the first run makes it.
    pub(super) fn sealed_by(&mut self, store: &Settings) {
        let (table, database) = (Key::of("store"), Path::new(store.url.trim_start_matches("sqlite://")));
        // That a daemon ran on it shows that it is meant. In the database itself nobody may look: this may be the daemon,
        // whose locks on it end with any file of its own that is closed.
        if store::last_reader(store).is_some() && is_in_open_folder(database) {
            self.warn_if_open(&table.field("url"), database);
        }
        let KeySource::File(file) = KeySource::of(store) else { return };
        let key = table.field("key-file");
        // Nor is the database read as a key, where one is written in the place of the other.
        let found = (!store::is_one_file(&file, database)).then(|| store::read_key(&file));
        match found {
            Some(Ok(Some(_))) if is_in_open_folder(&file) => self.warn_if_open(&key, &file),
            None | Some(Err(StoreError::KeyFormat { .. })) => {
                let hint = "a key is 32 bytes, or their base64 as one line: put the right one back, or name another \
                            `key-file` in [store]";
                self.error(&key, format!("{} holds no key", file.display()), hint);
            }
            // What cannot be read, the store says when it is opened.
            _ => {}
        }
    }

    /// A hash is to be read by whoever runs the daemon, and a URL without a login by anybody.
    fn warn_if_shown(&mut self, key: &Key, name: &str, secret: &Secret) {
        let is_secret = match name {
            "password" => false,
            "http-proxy" | "mail-proxy" | "url" => has_login(secret.expose()),
            _ => true,
        };
        let Some(file) = self.around.open_file.clone().filter(|_| is_secret) else { return };
        let text = format!("`{key}` is a secret, and every user of this machine can read {}", file.display());
        let hint = match name {
            "key" => format!("chmod 600 {}", file.display()),
            _ => format!("put it into a file of its own: {name}-file = \"FILE\"; or chmod 600 {}", file.display()),
        };
        self.warning(key, text, hint);
    }

    fn secret_variable(&mut self, key: &Key, name: &str) -> Option<Secret> {
        match self.around.variable(name).and_then(|value| value.to_str()) {
            Some(value) => Some(Secret::new(value)),
            None if has_login(name) => {
                let text = format!("`{key}` wants the name of a variable, and holds a URL with a login (not shown)");
                self.error(key, text, "write the URL into the variable, and the name of the variable here");
                None
            }
            None => {
                let text = format!("the environment variable {} is not set", super::shown(name));
                self.error(key, text, "set it for the process that runs Gatepost");
                None
            }
        }
    }
}

/// Every folder above lets everybody through. That of the state is 0700 where Gatepost or systemd made it: what lies there, or
/// further below, nobody else reads, whatever its mode.
#[cfg(unix)]
fn is_in_open_folder(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let real = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let lets_in = |folder: &Path| folder.metadata().is_ok_and(|found| found.permissions().mode() & 0o001 != 0);
    real.ancestors().skip(1).all(lets_in)
}

#[cfg(not(unix))]
fn is_in_open_folder(_: &Path) -> bool {
    false
}
