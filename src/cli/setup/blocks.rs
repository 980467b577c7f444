//! What is added to a configuration, as text: only what differs from the defaults, with remarks that say why.
//!
//! A file that is there is never rewritten: new blocks come behind it. One line is put into it where a second app
//! registration makes it necessary: `app = "..."` in accounts that used the only one there was.

use std::fmt::Write as _;

use toml::{Table, Value};

use super::{
    settings::{Listen, Setting},
    words::{Line, Remark},
};
use crate::{
    base::{Lang, Secret, printable},
    cli::setup::discover::{Server, Servers},
    config::{self, Config, Preset, Problems, Surroundings},
    oauth::Grant,
};

/// An app registration that the file does not have yet.
#[derive(Debug, Clone)]
pub struct NewApp {
    pub name: String,
    pub preset: &'static Preset,
    pub tenant: Option<String>,
    /// What else the tenant is called, for people.
    pub tenant_name: Option<String>,
    pub client_id: String,
    pub grant: Grant,
    pub proof: Proof,
    /// Of a custom provider.
    pub servers: Option<Servers>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// A public client.
    None,
    /// The file with the secret.
    Secret(String),
    /// Certificate and key.
    Certificate(String, String),
}

#[derive(Debug)]
pub struct NewAccount {
    pub address: String,
    pub app: String,
    pub sign_in_as: Option<String>,
    pub password: NewPassword,
    pub outbound: &'static str,
}

#[derive(Debug)]
pub enum NewPassword {
    Hash(Secret),
    FirstUse,
}

/// Everything that is to be there, less what is.
#[derive(Debug, Default)]
pub struct Blocks {
    pub settings: Vec<Setting>,
    pub listeners: Vec<Listen>,
    pub app: Option<NewApp>,
    pub accounts: Vec<NewAccount>,
}

impl Blocks {
    pub fn is_empty(&self) -> bool {
        self.settings.iter().all(|setting| !setting.is_of_file())
            && self.listeners.is_empty()
            && self.app.is_none()
            && self.accounts.is_empty()
    }

    /// As they come behind `existing`. `day`: for the remark.
    pub fn text(&self, lang: Lang, existing: &str, day: &str) -> String {
        let mut page = Page { text: String::new(), lang };
        page.remark(&Remark::MadeBySetup { day: day.to_owned() });
        if existing.trim().is_empty() {
            page.remark(&Remark::EveryKey);
            if self.listeners.is_empty() {
                page.remark(&Remark::UsualListeners);
            }
        }
        self.tables(&mut page);
        self.listeners.iter().for_each(|listener| page.listener(listener));
        if let Some(app) = &self.app {
            page.app(app, &self.settings);
        }
        for (n, account) in self.accounts.iter().enumerate() {
            let more: &[Setting] = if n == 0 { &self.settings } else { &[] };
            page.account(account, more);
        }
        page.text
    }

    fn tables(&self, page: &mut Page) {
        let mut tables: Vec<&str> = Vec::new();
        for setting in self.settings.iter().filter(|setting| setting.is_of_file()) {
            if !tables.contains(&setting.table.as_str()) {
                tables.push(&setting.table);
            }
        }
        for table in tables {
            page.table(&format!("[{table}]"), None);
            self.settings.iter().filter(|s| s.table == table).for_each(|s| page.key(&s.key, s.value.clone()));
        }
    }
}

struct Page {
    text: String,
    lang: Lang,
}

impl Page {
    fn remark(&mut self, remark: &Remark) {
        for line in remark.text(self.lang).lines() {
            let _ = writeln!(self.text, "# {}", printable(line, 300));
        }
    }

    fn table(&mut self, header: &str, remark: Option<Remark>) {
        self.text.push('\n');
        if let Some(remark) = remark {
            self.remark(&remark);
        }
        let _ = writeln!(self.text, "{header}");
    }

    fn key(&mut self, key: &str, value: impl Into<Value>) {
        let _ = writeln!(self.text, "{key} = {}", value.into());
    }

    fn listener(&mut self, listener: &Listen) {
        self.table("[[listener]]", listener.is_wide().then_some(Remark::WideListener));
        self.key("protocol", listener.protocol);
        self.key("listen", vec![listener.address.to_string()]);
        if listener.is_wide() {
            self.key("tls", "auto");
        }
    }

    fn app(&mut self, app: &NewApp, more: &[Setting]) {
        let is_public = app.proof == Proof::None;
        let remark = Remark::App { provider: app.preset.name, grant: app.grant, is_public };
        self.table(&format!("[app.{}]", app.name), Some(remark));
        self.key("provider", app.preset.name);
        if let Some(tenant) = &app.tenant {
            if let Some(name) = app.tenant_name.as_ref().filter(|name| *name != tenant) {
                self.remark(&Remark::Tenant { name: name.clone() });
            }
            self.key("tenant", tenant.clone());
        }
        if !app.client_id.is_empty() {
            self.key("client-id", app.client_id.clone());
        }
        if app.grant != Grant::AuthorizationCode {
            self.key("grant", app.grant.as_str());
        }
        match &app.proof {
            Proof::None => {}
            Proof::Secret(file) => {
                self.remark(&Remark::SecretExpires);
                self.key("client-secret-file", file.clone());
            }
            Proof::Certificate(certificate, key) => {
                self.remark(&Remark::Certificate);
                self.key("certificate", certificate.clone());
                self.key("certificate-key", key.clone());
            }
        }
        if let Some(servers) = &app.servers {
            let all = [("smtp", &servers.smtp), ("imap", &servers.imap), ("pop3", &servers.pop3)];
            for (name, server) in all {
                let overridden = more.iter().any(|s| s.table == "app" && s.key == name);
                server.iter().filter(|_| !overridden).for_each(|server| self.server(name, server));
            }
        }
        more.iter().filter(|s| s.table == "app").for_each(|s| self.key(&s.key, s.value.clone()));
    }

    fn server(&mut self, name: &str, server: &Server) {
        self.key(name, format!("{}:{}", server.host, server.port));
        self.key(&format!("{name}-tls"), if server.is_implicit { "implicit" } else { "starttls" });
    }

    fn account(&mut self, account: &NewAccount, more: &[Setting]) {
        let remark = account.sign_in_as.clone().map(|delegate| Remark::LivesOnSignInOf { delegate });
        self.table("[[account]]", remark);
        self.key("address", account.address.clone());
        self.key("app", account.app.clone());
        if let Some(delegate) = &account.sign_in_as {
            self.key("sign-in-as", delegate.clone());
        }
        match &account.password {
            NewPassword::Hash(hash) => {
                self.remark(&Remark::PasswordHash);
                self.key("password", hash.expose());
            }
            NewPassword::FirstUse => {
                self.remark(&Remark::FirstUse);
                self.key("password", "first-use");
            }
        }
        if account.outbound != "smtp" {
            self.remark(&Remark::Graph);
            self.key("outbound", account.outbound);
        }
        more.iter().filter(|s| s.table == "account").for_each(|s| self.key(&s.key, s.value.clone()));
    }
}

/// A whole file that passed the check.
pub struct Composed {
    pub text: String,
    pub config: Config,
    pub warnings: Problems,
}

/// `blocks` behind what is there. Nothing that the check refuses comes out.
pub fn compose(existing: &str, blocks: &str, file: &str, around: &Surroundings) -> Result<Composed, Problems> {
    let text = behind(existing, blocks);
    let first = match config::check_text(&text, file, around) {
        Ok((config, warnings)) => return Ok(Composed { text, config, warnings }),
        Err(problems) => problems,
    };
    let Some(named) = with_app_named(existing, &first) else { return Err(first) };
    let text = behind(&named, blocks);
    match config::check_text(&text, file, around) {
        Ok((config, warnings)) => Ok(Composed { text, config, warnings }),
        Err(_) => Err(first),
    }
}

fn behind(existing: &str, blocks: &str) -> String {
    match existing.trim_end() {
        "" => blocks.to_owned(),
        before => format!("{before}\n\n{blocks}"),
    }
}

/// The file with `app = "..."` in each account that took the only app registration for granted.
fn with_app_named(existing: &str, problems: &Problems) -> Option<String> {
    let apps = existing.parse::<Table>().ok()?.get("app")?.as_table()?.keys().cloned().collect::<Vec<_>>();
    let [only] = apps.as_slice() else { return None };
    let places: Vec<usize> =
        problems.problems.iter().filter(|p| p.text.ends_with("needs `app`")).map(|p| p.line).collect();
    let mut text = String::with_capacity(existing.len() + 40 * places.len());
    for (n, line) in existing.lines().enumerate() {
        let _ = writeln!(text, "{line}");
        if places.contains(&(n + 1)) {
            let _ = writeln!(text, "app = {}", Value::from(only.clone()));
        }
    }
    (!places.is_empty()).then_some(text)
}

/// Settings that the file does not have yet; what it has a table of and otherwise goes to its owner, as `lines`.
pub fn settings_to_add(existing: &Table, wanted: &[Setting], lines: &mut Vec<Line>) -> Vec<Setting> {
    let mut new = Vec::new();
    for setting in wanted {
        let found = existing.get(&setting.table).filter(|_| setting.is_of_file()).and_then(Value::as_table);
        match found {
            None => new.push(setting.clone()),
            Some(table) if table.get(&setting.key) == Some(&setting.value) => {}
            Some(_) => lines.push(Line::new(&format!("[{}]", setting.table), &setting.key, setting.value.clone())),
        }
    }
    new
}

/// Listeners of protocols that the file has none of yet. Where it has one, at other addresses, that stays as it is, and none
/// comes beside it: its line goes to its owner, as `lines`.
pub fn listeners_to_add(existing: &Table, wanted: &[Listen], lines: &mut Vec<Line>) -> Vec<Listen> {
    let there = existing.get("listener").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut new = Vec::new();
    for protocol in ["smtp", "imap", "pop3"] {
        let of_it: Vec<&Listen> = wanted.iter().filter(|listen| listen.protocol == protocol).collect();
        let blocks: Vec<&Value> =
            there.iter().filter(|block| block.get("protocol").and_then(Value::as_str) == Some(protocol)).collect();
        let addresses = blocks.iter().filter_map(|block| block.get("listen").and_then(Value::as_array)).flatten();
        let addresses: Vec<&str> = addresses.filter_map(Value::as_str).collect();
        let is_there = |listen: &&Listen| addresses.contains(&listen.address.to_string().as_str());
        if blocks.is_empty() {
            new.extend(of_it.into_iter().cloned());
        } else if !of_it.iter().all(is_there) {
            let all: Vec<Value> = of_it.iter().map(|listen| listen.address.to_string().into()).collect();
            lines.push(Line::new(&format!("[[listener]] {protocol}"), "listen", all.into()));
        }
    }
    new
}

/// After the domain: `contoso`, `contoso-2`.
pub fn app_name(address: &str, taken: impl Fn(&str) -> bool, otherwise: &str) -> String {
    let domain = address.rsplit('@').next().unwrap_or_default();
    let label = domain.split('.').next().unwrap_or_default();
    let fits = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
    let label: String = label.chars().filter(fits).take(40).collect::<String>().to_lowercase();
    let base = if label.is_empty() { otherwise.to_owned() } else { label };
    let mut n = 1;
    loop {
        let name = if n == 1 { base.clone() } else { format!("{base}-{n}") };
        if !taken(&name) {
            return name;
        }
        n += 1;
    }
}

#[cfg(test)]
mod tests;
