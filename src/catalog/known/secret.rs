//! Where the secret of an app stands, and what makes the daemon take another one that was put there.
//!
//! A file that is written here, a variable, the table itself, or what systemd lends to the service: each is renewed another way.

use super::Known;
use crate::{
    base::invocation::{self, Daemon},
    catalog::harmless::{is_harmless, is_harmless_path},
};

/// Of the unit: what lends a file as it is, and what lends one that is sealed.
const LENT: &str = "LoadCredential=";
const SEALED: &str = "LoadCredentialEncrypted=";
/// Where a secret stands that has no other place than the table of its app.
const IN_THE_TABLE: &str = "client-secret";

impl Known {
    /// By systemd to the service, from a file that another user may write.
    pub(in crate::catalog) fn is_secret_lent(&self) -> bool {
        self.lent_secret().is_some()
    }

    /// And what lies there `systemd-creds` made of it.
    pub(in crate::catalog) fn is_secret_sealed(&self) -> bool {
        self.is_secret_lent() && self.client_secret_at.as_deref().is_some_and(|at| at.starts_with(SEALED))
    }

    /// Its name and its file.
    fn lent_secret(&self) -> Option<(&str, &str)> {
        let at = self.client_secret_at.as_deref()?;
        let lent = [LENT, SEALED].into_iter().find_map(|setting| at.strip_prefix(setting))?;
        lent.split_once(':').filter(|(name, _)| is_harmless(name))
    }

    /// What seals another value there: it is asked for, and stands in no command.
    pub(super) fn seal_secret(&self) -> String {
        let (name, file) = self.lent_secret().unwrap_or(("<name>", "<file>"));
        let file = Some(file).filter(|file| is_harmless_path(file)).unwrap_or("<file>");
        format!("systemd-ask-password -n | sudo systemd-creds encrypt --name={name} - {file}")
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
