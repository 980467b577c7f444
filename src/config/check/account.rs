//! Accounts of single mailboxes: which app, who consents, under which names, and how clients prove themselves.

use std::{collections::BTreeMap, sync::Arc};

use super::{Checker, shown};
use crate::{
    account::{Account, Domain, LocalPassword, Proxies, is_listed},
    config::{
        exposure,
        key::Key,
        raw::{self, Hidden},
        shape,
    },
    net::Listener,
    oauth::{App, Grant, SignIn},
};

/// Consents by app and lower-case identity, so that accounts share one keeper and one token.
type SignIns = BTreeMap<(String, String), SignIn>;

/// What stands in `[[account]]`, each with the key under which it was written.
type Written = (Vec<(Key, Arc<Account>)>, Vec<(Key, Arc<Domain>)>);

impl Checker<'_> {
    /// Accounts of single mailboxes, and of whole domains.
    pub(super) fn accounts(
        &mut self,
        file: &raw::File,
        apps: &BTreeMap<String, Arc<App>>,
        listeners: &[(Key, Listener)],
    ) -> Written {
        let this_machine_alone = listeners.iter().all(|(_, listener)| !exposure::is_wide(listener));
        let mut sign_ins = SignIns::new();
        let (mut accounts, mut limits) = (Vec::<(Key, Account)>::new(), Vec::new());
        let mut domains = Vec::<(Key, Arc<Domain>)>::new();
        for (n, raw) in file.account.iter().enumerate() {
            let key = Key::of("account").item(n);
            if let Some(domain) = raw.address.as_deref().and_then(|address| address.strip_prefix("*@")) {
                let Some(domain) = self.domain(&key, raw, domain, file, apps) else { continue };
                if domains.iter().any(|(_, other)| other.sign_ins.domain == domain.sign_ins.domain) {
                    let text = format!("the account {} is there twice", domain.address());
                    self.error(&key.field("address"), text, "keep one [[account]] for each domain");
                }
                domains.push((key, Arc::new(domain)));
                continue;
            }
            if raw.passwords_file.is_some() {
                let text = format!("`{key}.passwords-file` is for accounts of whole domains (\"*@contoso.com\")");
                self.error(&key.field("passwords-file"), text, "use password = \"$argon2id$...\" for one mailbox");
            }
            let Some(account) = self.account(&key, raw, file, apps, this_machine_alone, &mut sign_ins) else {
                continue;
            };
            if accounts.iter().any(|(_, other)| other.address == account.address) {
                let text = format!("the account {} is there twice", account.address);
                self.error(&key.field("address"), text, "keep one [[account]]; further logins to it are [[client]]s");
            }
            accounts.push((key, account));
            limits.push(raw.limits.as_ref());
        }
        self.share_limits(&mut accounts, &limits);
        (accounts.into_iter().map(|(key, account)| (key, Arc::new(account))).collect(), domains)
    }

    fn account(
        &mut self,
        key: &Key,
        raw: &raw::Account,
        file: &raw::File,
        apps: &BTreeMap<String, Arc<App>>,
        this_machine_alone: bool,
        sign_ins: &mut SignIns,
    ) -> Option<Account> {
        if raw.address.is_none() {
            self.missing(key, "address", "add: address = \"ann@contoso.com\"");
        }
        let app = self.app_of(key, raw, file, apps);
        let address = raw.address.as_deref()?;
        if !self.mailbox(&key.field("address"), address) {
            return None;
        }
        let address = address.to_lowercase();
        let sign_in_as = raw.sign_in_as.clone().unwrap_or_else(|| address.clone());
        let names = [("sign-in-as", &raw.sign_in_as), ("imap-user", &raw.imap_user), ("smtp-user", &raw.smtp_user)];
        for (name, written) in names {
            if let Some(written) = written {
                self.user_name(&key.field(name), written);
            }
        }
        let has_clients = file.client.iter().any(|client| is_account(client, &address));
        let grant = app.as_ref().map(|app| app.grant);
        let password = self.local_password(key, raw, grant, this_machine_alone, has_clients);
        let send_as = self.send_as(key, raw, &address);
        self.note_locked_out(key, &send_as, &address);
        self.outbound(key, raw, app.as_deref());
        let sending = self.sending(key, raw);
        let sign_in = self.sign_in(key, raw, app, (&address, &sign_in_as), sign_ins)?;
        Some(Account {
            password,
            sign_in,
            imap_user: raw.imap_user.clone().unwrap_or_else(|| address.clone()),
            smtp_user: raw.smtp_user.clone().unwrap_or(sign_in_as),
            send_as,
            has_send_as_line: raw.send_as.is_some(),
            sending,
            domain: None,
            proxies: Proxies::default(),
            address,
        })
    }

    /// One for each app and identity; the password at the provider stands at the first of its accounts.
    fn sign_in(
        &mut self,
        key: &Key,
        raw: &raw::Account,
        app: Option<Arc<App>>,
        (account, identity): (&str, &str),
        sign_ins: &mut SignIns,
    ) -> Option<Arc<SignIn>> {
        const NAME: &str = "sign-in-password";
        let (plain, file, env) =
            (&raw.sign_in_password, raw.sign_in_password_file.as_deref(), raw.sign_in_password_env.as_deref());
        let given = plain.is_some() || file.is_some() || env.is_some();
        let password = match given {
            true => self.secret(key, NAME, plain.as_ref(), file, env),
            false => None,
        };
        let app = app?;
        let is_for_passwords = app.grant == Grant::Password;
        if given && !is_for_passwords {
            let text = format!("`{key}`: the grant {} has no use for sign-in-password", app.grant.as_str());
            self.error(&key.field(NAME), text, "remove it; what clients type is `password`");
        }
        let known = sign_ins.get(&(app.name.clone(), identity.to_lowercase()));
        match known.and_then(|known| known.password.as_ref()) {
            Some(known) if password.as_ref().is_some_and(|password| !known.matches(password)) => {
                let text = format!("`{key}`: another account has another sign-in-password for {}", shown(identity));
                self.error(&key.field(NAME), text, "one person has one password; keep it at one of them");
            }
            None if is_for_passwords && !given => {
                let hint = "add: sign-in-password-file = \"FILE\" (of `sign-in-as`, at the provider)";
                self.missing(key, NAME, hint);
            }
            _ => {}
        }
        let (account, identity) = (account.to_owned(), identity.to_owned());
        let first = sign_ins.entry((app.name.clone(), identity.to_lowercase()));
        let first = first.or_insert_with(|| SignIn { app, account: account.clone(), identity, password });
        Some(Arc::new(SignIn { account, ..first.clone() }))
    }

    /// The app by name, or the only one there is.
    pub(super) fn app_of(
        &mut self,
        key: &Key,
        raw: &raw::Account,
        file: &raw::File,
        apps: &BTreeMap<String, Arc<App>>,
    ) -> Option<Arc<App>> {
        let name = match &raw.app {
            Some(name) => name,
            None if file.app.len() == 1 => file.app.keys().next()?,
            None => {
                let hint = match file.app.is_empty() {
                    true => "add an [app.NAME] table, and here: app = \"NAME\"".to_owned(),
                    false => format!("add: app = \"...\", one of: {}", names(file)),
                };
                self.missing(key, "app", &hint);
                return None;
            }
        };
        if !file.app.contains_key(name) && !self.document.has(&Key::of("app").field(name)) {
            let text = format!("`{key}.app`: there is no [app.{}]", shown(name));
            let hint = match shape::nearest(name, file.app.keys().map(String::as_str)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None if file.app.is_empty() => format!("add an [app.{}] table", shown(name)),
                None => format!("one of: {}", names(file)),
            };
            self.error(&key.field("app"), text, hint);
        }
        apps.get(name).cloned()
    }

    fn local_password(
        &mut self,
        key: &Key,
        raw: &raw::Account,
        grant: Option<Grant>,
        this_machine_alone: bool,
        has_clients: bool,
    ) -> LocalPassword {
        let unattended = grant.filter(|grant| grant.is_unattended());
        let given = raw.password.is_some() || raw.password_file.is_some() || raw.password_env.is_some();
        if raw.password.as_ref().is_some_and(Self::is_first_use) {
            let hint = "make a hash with `gatepost password` and write: password = \"$argon2id$...\"";
            self.refuse_unattended_first_use(key, grant, hint);
            return LocalPassword::FirstUse;
        }
        if given {
            let (file, env) = (raw.password_file.as_deref(), raw.password_env.as_deref());
            // A hash that could not be read was reported; the account must not look unprotected besides.
            let hash = self.hash(key, raw.password.as_ref(), file, env);
            return hash.map(LocalPassword::Hash).unwrap_or(LocalPassword::Issued);
        }
        if self.document.has(&key.field("password")) {
            return LocalPassword::Issued;
        }
        if !this_machine_alone || unattended.is_some() {
            return LocalPassword::None;
        }
        match self.around.ordinary_user {
            true => LocalPassword::FirstUse,
            false if has_clients => LocalPassword::None,
            false => LocalPassword::Issued,
        }
    }

    pub(super) fn is_first_use(written: &Hidden) -> bool {
        written.0.expose() == "first-use"
    }

    pub(super) fn refuse_unattended_first_use(&mut self, key: &Key, grant: Option<Grant>, hint: &str) {
        let Some(grant) = grant.filter(|grant| grant.is_unattended()) else { return };
        let what = if grant.is_app_only() { "app-only access" } else { grant.as_str() };
        let text = format!("\"first-use\" is refused for {what}: nobody signs in who could arm it");
        self.error(&key.field("password"), text, hint);
    }

    /// Whoever adds a sender may think that the account's own is there anyway.
    fn note_locked_out(&mut self, key: &Key, send_as: &[String], address: &str) {
        if is_listed(send_as, address) {
            return;
        }
        let all: Vec<String> = std::iter::once(address).chain(send_as.iter().map(String::as_str)).map(quoted).collect();
        let text = format!("`{key}.send-as` lacks {address}: what comes from the account's own address is refused");
        self.warning(&key.field("send-as"), text, format!("unless that is meant: send-as = [{}]", all.join(", ")));
    }

    pub(super) fn send_as(&mut self, key: &Key, raw: &raw::Account, address: &str) -> Vec<String> {
        let Some(written) = &raw.send_as else { return vec![address.to_owned()] };
        let list = key.field("send-as");
        for (n, one) in written.iter().enumerate() {
            self.mailbox_or_domain(&list.item(n), one);
        }
        written.iter().map(|one| one.to_lowercase()).collect()
    }
}

fn quoted(address: &str) -> String {
    format!("\"{}\"", shown(address))
}

fn is_account(client: &raw::Client, address: &str) -> bool {
    client.account.as_deref().is_some_and(|account| account.to_lowercase() == address)
}

fn names(file: &raw::File) -> String {
    file.app.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
