//! Devices and programs with a rule of their own: by address, by login, or both.

use std::sync::Arc;

use super::{Checker, shown};
use crate::{
    account::{Account, BY_LOGIN, Client, Domain, account_of},
    config::{key::Key, raw, shape},
    net::IpNet,
};

const TELLS_APART: &str = "add: from = [\"192.168.10.21\"], or login = \"copier\" and password = \"$argon2id$...\"";

impl Checker<'_> {
    /// Clients with the key under which each was written.
    pub(super) fn clients(
        &mut self,
        written: &[raw::Client],
        accounts: &[(Key, Arc<Account>)],
        domains: &[(Key, Arc<Domain>)],
    ) -> Vec<(Key, Arc<Client>)> {
        let mailboxes = Mailboxes { accounts, domains };
        let mut clients: Vec<(Key, Arc<Client>)> = Vec::new();
        for (n, raw) in written.iter().enumerate() {
            let key = Key::of("client").item(n);
            let Some(client) = self.client(&key, raw, &mailboxes) else { continue };
            self.one_of_a_kind(&key, &client, &clients, &mailboxes);
            self.is_reached(&key, &client, &clients);
            clients.push((key, Arc::new(client)));
        }
        clients
    }

    fn client(&mut self, key: &Key, raw: &raw::Client, mailboxes: &Mailboxes<'_>) -> Option<Client> {
        match raw.name.as_deref() {
            None => self.missing(key, "name", "add: name = \"3F copier\""),
            Some(name) if name.trim().is_empty() => {
                let text = format!("`{key}.name` is empty: logs and pages tell clients apart by it");
                self.error(&key.field("name"), text, "for example name = \"3F copier\"");
            }
            Some(name) if name == BY_LOGIN => {
                let text = format!(
                    "`{key}.name` is \"{name}\": that is what logs and figures call whoever logs in as an account"
                );
                self.error(&key.field("name"), text, "for example name = \"3F copier\"");
            }
            Some(_) => {}
        }
        let from_key = key.field("from");
        let from: Vec<_> = raw
            .from
            .as_deref()
            .unwrap_or_default()
            .iter()
            .enumerate()
            .filter_map(|(n, block)| self.block(&from_key.item(n), block))
            .collect();
        let password_given = raw.password.is_some() || raw.password_file.is_some() || raw.password_env.is_some();
        let (file, env) = (raw.password_file.as_deref(), raw.password_env.as_deref());
        let password = self.hash(key, raw.password.as_ref(), file, env);
        match &raw.login {
            Some(login) => {
                self.user_name(&key.field("login"), login);
                if !password_given {
                    self.missing(key, "password", "add: password = \"$argon2id$...\" (made by `gatepost password`)");
                }
            }
            None if password_given => self.missing(key, "login", "add: login = \"copier\""),
            None if raw.from.is_none() && !self.document.has(&from_key) => {
                let text = format!("`{key}` has neither `login` nor `from`: nothing would tell it from anybody else");
                self.error(key, text, TELLS_APART);
            }
            None if raw.from.as_deref().is_some_and(<[String]>::is_empty) => {
                let text = format!("`{from_key}` is empty and there is no `login`: this client admits nobody");
                self.error(&from_key, text, TELLS_APART);
            }
            None => {}
        }
        let account = self.account_of(key, raw, mailboxes);
        let login = raw.login.as_ref().map(|login| login.to_lowercase());
        let rules = self.rules(key, raw);
        Some(Client { name: raw.name.clone()?, account: account?, from, login, password, rules })
    }

    fn account_of(&mut self, key: &Key, raw: &raw::Client, mailboxes: &Mailboxes<'_>) -> Option<Arc<Account>> {
        let Some(written) = &raw.account else {
            self.missing(key, "account", "add: account = \"ann@contoso.com\" (the address of an [[account]])");
            return None;
        };
        if written.starts_with("*@") {
            let text = format!("`{key}.account`: a client uses one mailbox, and \"{}\" is many", shown(written));
            self.error(&key.field("account"), text, "name one, for example account = \"scanner@contoso.com\"");
            return None;
        }
        let found = mailboxes.find(written);
        // An account that is there but unsound was reported where it stands.
        let unsound = self.document.items("account").any(|n| !mailboxes.has(&Key::of("account").item(n)));
        if found.is_none() && !unsound {
            let text = format!("`{key}.account`: there is no [[account]] with the address \"{}\"", shown(written));
            let known = mailboxes.accounts.iter().map(|(_, account)| account.address.as_str());
            let hint = match shape::nearest(&written.to_lowercase(), known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add an [[account]] with address = \"{}\"", shown(written)),
            };
            self.error(&key.field("account"), text, hint);
        }
        found
    }

    /// By address the first client counts that matches: one whose addresses all belong to others before it is never used.
    fn is_reached(&mut self, key: &Key, client: &Client, others: &[(Key, Arc<Client>)]) {
        let by_address = |client: &Client| client.login.is_none() && !client.from.is_empty();
        if !by_address(client) {
            return;
        }
        let before: Vec<&Client> = others.iter().map(|(_, other)| &**other).filter(|other| by_address(other)).collect();
        let taker = |net: &IpNet| before.iter().find(|other| other.from.iter().any(|wide| wide.covers(net)));
        let takers: Option<Vec<_>> = client.from.iter().map(taker).collect();
        if let Some(first) = takers.as_ref().and_then(|takers| takers.first()) {
            let (name, other) = (shown(&client.name), shown(&first.name));
            let text =
                format!("the client \"{name}\" is never used: \"{other}\", which stands before it, has its addresses");
            self.warning(&key.field("from"), text, "the first client that matches counts: put the narrower one first");
        }
    }

    /// A login must name one client, and a name one device.
    fn one_of_a_kind(&mut self, key: &Key, client: &Client, others: &[(Key, Arc<Client>)], mailboxes: &Mailboxes<'_>) {
        if others.iter().any(|(_, other)| other.name == client.name) {
            let text = format!("two clients are named \"{}\"", shown(&client.name));
            self.error(&key.field("name"), text, "logs tell clients apart by name: give each its own");
        }
        let Some(login) = &client.login else { return };
        let taken =
            others.iter().any(|(_, other)| other.login.as_ref() == Some(login)) || mailboxes.find(login).is_some();
        if taken {
            let text = format!("the login \"{}\" is taken by another client or account", shown(login));
            self.error(&key.field("login"), text, "give it a login of its own");
        }
    }
}

/// What a client may be given.
struct Mailboxes<'a> {
    accounts: &'a [(Key, Arc<Account>)],
    domains: &'a [(Key, Arc<Domain>)],
}

impl Mailboxes<'_> {
    fn find(&self, address: &str) -> Option<Arc<Account>> {
        let accounts: Vec<_> = self.accounts.iter().map(|(_, account)| account.clone()).collect();
        let domains: Vec<_> = self.domains.iter().map(|(_, domain)| domain.clone()).collect();
        account_of(address, &accounts, &domains)
    }

    /// Whether what stands under this key is sound.
    fn has(&self, key: &Key) -> bool {
        self.accounts.iter().any(|(known, _)| known == key) || self.domains.iter().any(|(known, _)| known == key)
    }
}
