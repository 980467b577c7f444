//! Who is told: a program and a webhook.

use std::path::{Path, PathBuf};

use url::Url;

use super::Checker;
use crate::{
    base::{Lang, Secret},
    config::{key::Key, model::Notify, raw},
};

impl Checker<'_> {
    pub(super) fn notify(&mut self, raw: &raw::Notify) -> Notify {
        let table = Key::of("notify");
        let (file, env) = (raw.webhook_file.as_deref(), raw.webhook_env.as_deref());
        let webhook = self.secret(&table, "webhook", raw.webhook.as_ref(), file, env);
        let webhook = webhook.filter(|url| self.safe_url(&table.field("webhook"), url.expose()).is_some());
        let lang = match raw.lang {
            Some(raw::Lang::Ja) => Lang::Ja,
            Some(raw::Lang::En) | None => Lang::En,
        };
        Notify { command: self.command(&table.field("command"), &raw.command), webhook, lang }
    }

    /// A program with a path begins at the configuration, as every path does; a bare name is looked up in $PATH.
    fn command(&mut self, key: &Key, written: &[String]) -> Vec<Secret> {
        let Some((program, arguments)) = written.split_first() else { return Vec::new() };
        if program.is_empty() || written.iter().any(|word| word.contains('\0')) {
            let hint = "the program and each of its arguments by itself: [\"/usr/local/bin/tell-me\", \"--loud\"]";
            self.error(key, format!("`{key}` begins with an empty word, or holds NUL"), hint);
            return Vec::new();
        }
        let program = match program.contains(['/', '\\']) {
            true => self.program(key, Path::new(program)),
            false => program.clone(),
        };
        std::iter::once(program).chain(arguments.iter().cloned()).map(Secret::new).collect()
    }

    /// Mail flows without it, so what is missing is a warning.
    fn program(&mut self, key: &Key, written: &Path) -> String {
        // As it is shown: without a "./" in the middle.
        let path: PathBuf = self.around.path(written).components().collect();
        match std::fs::metadata(&path) {
            Ok(found) if is_executable(&found) => {}
            Ok(_) => {
                let hint = format!("chmod 755 {}", path.display());
                self.warning(key, format!("{} cannot be run: it is no executable file", path.display()), hint);
            }
            Err(cause) => {
                let hint = "check the path and who may read it; until then nobody is told by this command";
                self.warning(key, format!("{} cannot be run: {cause}", path.display()), hint);
            }
        }
        path.display().to_string()
    }
}

#[cfg(unix)]
fn is_executable(found: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    found.is_file() && found.permissions().mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(found: &std::fs::Metadata) -> bool {
    found.is_file()
}

/// Host and port of a webhook, which are no secret.
pub(super) fn server_of(webhook: &Secret) -> Option<(String, u16)> {
    let url = Url::parse(webhook.expose()).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}
