//! Accounts for whole domains (`address = "*@contoso.com"`): which grants may have one, and what checks who comes in.
//!
//! None gets by without a local check: with an app-only grant whoever reaches Gatepost would otherwise reach every
//! mailbox of the domain.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use super::Checker;
use crate::{
    account::{Domain, LocalPassword, PasswordsFile, Proxies},
    config::{key::Key, raw},
    oauth::{App, DomainSignIns, Grant},
};

impl Checker<'_> {
    /// `domain`: what stands behind the `*@`.
    pub(super) fn domain(
        &mut self,
        key: &Key,
        raw: &raw::Account,
        domain: &str,
        file: &raw::File,
        apps: &BTreeMap<String, Arc<App>>,
    ) -> Option<Domain> {
        let app = self.app_of(key, raw, file, apps);
        if !self.mailbox_or_domain(&key.field("address"), &format!("*@{domain}")) {
            return None;
        }
        let domain = domain.to_lowercase();
        self.of_one_mailbox(key, raw);
        let grant = app.as_ref().map(|app| app.grant);
        if grant == Some(Grant::Password) {
            self.error(
                &key.field("address"),
                "the grant password is for single mailboxes: each has a password of its own at the provider",
                "name each mailbox in its own [[account]], or use client-credentials, or let each sign in",
            );
        }
        self.outbound(key, raw, app.as_deref());
        let password = self.domain_password(key, raw, grant, &domain);
        let send_as = self.send_as(key, raw, "");
        let send_as = if raw.send_as.is_some() { send_as } else { Vec::new() };
        let sending = self.sending(key, raw);
        let sign_ins = DomainSignIns { app: app?, domain };
        Some(Domain { sign_ins, password: password?, send_as, sending, proxies: Proxies::default() })
    }

    /// Keys that name one person or one mailbox.
    fn of_one_mailbox(&mut self, key: &Key, raw: &raw::Account) {
        for (name, given) in [
            ("sign-in-as", raw.sign_in_as.is_some()),
            ("imap-user", raw.imap_user.is_some()),
            ("smtp-user", raw.smtp_user.is_some()),
            ("sign-in-password", raw.sign_in_password.is_some()),
            ("sign-in-password-file", raw.sign_in_password_file.is_some()),
            ("sign-in-password-env", raw.sign_in_password_env.is_some()),
        ] {
            if given {
                let text = format!("`{name}` has no place in an account for a whole domain: each mailbox is itself");
                self.error(&key.field(name), text, "remove it, or name that mailbox in its own [[account]]");
            }
        }
    }

    /// `None`: there is none that will do, and that was reported.
    fn domain_password(
        &mut self,
        key: &Key,
        raw: &raw::Account,
        grant: Option<Grant>,
        domain: &str,
    ) -> Option<LocalPassword> {
        const ADD: &str = "passwords-file = \"/etc/gatepost/users\"";
        let unattended = grant.filter(|grant| grant.is_unattended());
        let first_use = raw.password.as_ref().is_some_and(Self::is_first_use);
        let given = raw.password.is_some() || raw.password_file.is_some() || raw.password_env.is_some();
        if given && !first_use {
            let name = match (&raw.password, &raw.password_file) {
                (Some(_), _) => "password",
                (None, Some(_)) => "password-file",
                (None, None) => "password-env",
            };
            let text = format!("`{key}.{name}`: one password would open every mailbox of {domain}");
            self.error(&key.field(name), text, format!("write instead: {ADD} (a line user:hash for each)"));
        }
        if first_use {
            self.refuse_unattended_first_use(key, grant, &format!("write instead: {ADD} (a line user:hash for each)"));
        }
        match &raw.passwords_file {
            Some(_) if first_use => {
                let text = format!("`{key}`: both passwords-file and \"first-use\"");
                self.error(&key.field("passwords-file"), text, "keep one of the two");
                None
            }
            Some(path) => self.passwords_file(&key.field("passwords-file"), path, domain),
            None if first_use => Some(LocalPassword::FirstUse),
            None if given || self.document.has(&key.field("password")) => None,
            None => {
                let text = format!("nothing checks who uses the mailboxes of {domain}: `{key}` needs `passwords-file`");
                let hint = match unattended {
                    Some(_) => format!("add: {ADD} (a line user:hash for each mailbox, from `gatepost password`)"),
                    None => format!("add: {ADD} (a line user:hash for each), or: password = \"first-use\""),
                };
                self.error(key, text, hint);
                None
            }
        }
    }

    fn passwords_file(&mut self, key: &Key, written: &Path, domain: &str) -> Option<LocalPassword> {
        let path = self.around.path(written);
        match PasswordsFile::open(path.clone(), domain) {
            Ok(file) => {
                self.warn_if_open(key, &path);
                if file.users() == 0 {
                    let text = format!("{} names nobody: no mailbox of {domain} can be used", path.display());
                    self.warning(key, text, "add lines: gatepost password --user ann@contoso.com >> FILE");
                }
                Some(LocalPassword::File(Arc::new(file)))
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let text = match mistake.line {
                        0 => mistake.text,
                        line => format!("{}, line {line}: {}", path.display(), mistake.text),
                    };
                    self.error(key, text, mistake.hint);
                }
                None
            }
        }
    }
}
