//! Where the secret of an app stands, and what makes the daemon take another one that was put there.
//!
//! A file that is written here, a variable, the table itself, or what systemd lends to the service: each is renewed another way.

use super::Known;
use crate::{
    base::invocation::{self, Daemon},
    catalog::harmless::{is_harmless, is_harmless_path},
};

/// Where a secret stands that has no other place than the table of its app.
const IN_THE_TABLE: &str = "client-secret";

impl Known {
    /// By systemd to the service, from a file that another user may write.
    pub(in crate::catalog) fn is_secret_lent(&self) -> bool {
        self.lent_secret().is_some()
    }

    /// Its name and its file.
    fn lent_secret(&self) -> Option<(&str, &str)> {
        let lent = self.client_secret_at.as_deref()?.strip_prefix("LoadCredential=")?;
        lent.split_once(':').filter(|(name, _)| is_harmless(name))
    }

    pub(super) fn client_secret_at(&self) -> String {
        let at = self.lent_secret().map(|(_, file)| file).or(self.client_secret_at.as_deref());
        match (at.filter(|at| is_harmless_path(at)), self.lent_secret()) {
            (Some(at), _) => at.to_owned(),
            (None, Some((name, _))) => format!("LoadCredential={name}:<file>"),
            (None, None) => "client-secret-file".to_owned(),
        }
    }

    /// What of the table of the app says where its secret is.
    pub(super) fn client_secret_line(&self) -> String {
        if let Some((name, _)) = self.lent_secret() {
            return format!("client-secret-file = \"$CREDENTIALS_DIRECTORY/{name}\"");
        }
        match self.client_secret_at.as_deref().filter(|at| is_harmless_path(at)) {
            Some(IN_THE_TABLE) => "client-secret = \"<value>\"".to_owned(),
            Some(file) if is_file(file) => format!("client-secret-file = \"{file}\""),
            Some(variable) => format!("client-secret-env = \"{variable}\""),
            None => "client-secret-file = \"<file>\"".to_owned(),
        }
    }

    /// A process that runs gets no other environment.
    pub(super) fn take_secret(&self) -> String {
        let is_variable = |at: &str| at != IN_THE_TABLE && !is_file(at);
        match self.client_secret_at.as_deref() {
            // systemd hands it over at a start, and never again.
            Some(_) if self.is_secret_lent() => Daemon::Unit.restart(),
            Some(at) if is_variable(at) => invocation::restart(),
            _ => invocation::reload(),
        }
    }
}

/// Of where a secret stands: a path is whole, and no variable of the environment has what divides one.
pub(in crate::catalog) fn is_file(at: &str) -> bool {
    at.contains(['/', '\\'])
}
