//! Secrets in three forms: `NAME`, `NAME-file`, `NAME-env`. Their values never appear in a problem.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use super::Checker;
use crate::{
    base::Secret,
    config::{key::Key, outline::has_login, raw::Hidden, surroundings::is_open_to_all},
};

/// No secret is larger; a device file or a mistaken path must not fill the memory.
const MOST_BYTES: u64 = 64 * 1024;

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
        let mut text = String::new();
        let read = std::fs::File::open(&path).and_then(|file| {
            let open_to_all = is_open_to_all(&file);
            file.take(MOST_BYTES).read_to_string(&mut text).map(|_| open_to_all)
        });
        match read {
            Ok(open_to_all) => {
                self.warn_if(open_to_all, key, &path);
                let trimmed = text.strip_suffix('\n').unwrap_or(&text);
                Some(Secret::new(trimmed.strip_suffix('\r').unwrap_or(trimmed)))
            }
            Err(e) => {
                self.unreadable(key, &path, &e);
                None
            }
        }
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

    pub(super) fn warn_if_open(&mut self, key: &Key, path: &Path) {
        let open = std::fs::File::open(path).is_ok_and(|file| is_open_to_all(&file));
        self.warn_if(open, key, path);
    }

    fn warn_if(&mut self, open_to_all: bool, key: &Key, path: &Path) {
        if open_to_all {
            let text = format!("{} can be read by every user of this machine", path.display());
            self.warning(key, text, format!("chmod 600 {}", path.display()));
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
