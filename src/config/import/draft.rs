//! What was found, with the answers to what was missing: everything that an import writes.
//!
//! Accounts whose app registrations are the same share one. What an account cannot do without and nobody could give
//! (a sealed secret, a password for the provider) leaves it out, with the reason in the report.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{
    found::{Found, FoundAccount, FoundApp, FoundListener, FoundProof, Held, Opened, Wanted},
    kept::KeptPassword,
    report::Report,
};
use crate::{
    base::Secret,
    config::{provider::preset, raw},
};

/// What was learned of one account, in the order of [`Found::accounts`].
#[derive(Default)]
pub struct Answer {
    pub opened: Opened,
    pub password: DraftPassword,
    /// As it was typed, where the provider or the app wants it.
    pub typed: Option<Secret>,
}

/// `password` of an account.
#[derive(Default)]
pub enum DraftPassword {
    /// Nobody was asked yet.
    #[default]
    Open,
    FirstUse,
    Hash(Secret),
    /// As the configuration that is replaced has it.
    Kept(KeptPassword),
}

pub struct Draft {
    pub program: &'static str,
    pub listeners: Vec<FoundListener>,
    pub apps: Vec<DraftApp>,
    pub accounts: Vec<DraftAccount>,
    pub http_proxy: Option<Secret>,
    pub ca_file: Option<String>,
    pub report: Report,
    pub next: Vec<String>,
    pub afterwards: Option<&'static str>,
    /// Origins by address, and how many apps have a name that begins so: a file of a megabyte holds thousands.
    seen: HashMap<String, String>,
    named: HashMap<String, usize>,
}

pub struct DraftApp {
    pub name: String,
    pub app: FoundApp,
    /// The secret or key, once it is known.
    pub secret: Option<Secret>,
}

pub struct DraftAccount {
    pub origin: String,
    pub address: String,
    pub app: String,
    pub sign_in_as: Option<String>,
    pub password: DraftPassword,
    pub sign_in_password: Option<Secret>,
    pub refresh: Option<Secret>,
    /// Of a whole domain: the beginning of its file of passwords.
    pub passwords: Option<Secret>,
    pub attended: bool,
    /// Its mail password opens something, and would be its password.
    pub is_sealed: bool,
}

/// A secret that gets a file of its own.
pub struct SecretFile<'a> {
    pub path: PathBuf,
    pub content: &'a Secret,
    /// It is a beginning, to which people add lines of their own.
    pub is_filled_by_hand: bool,
}

impl Found {
    /// `answers` may be shorter: nobody was asked then.
    pub fn assemble(mut self, answers: Vec<Answer>) -> Draft {
        let mut answers = answers.into_iter();
        let accounts = std::mem::take(&mut self.accounts);
        let preview = answers.len() == 0;
        let mut draft = Draft {
            program: self.program,
            listeners: self.listeners,
            apps: Vec::new(),
            accounts: Vec::new(),
            http_proxy: self.http_proxy,
            ca_file: self.ca_file,
            report: self.report,
            next: self.next,
            afterwards: self.afterwards,
            seen: HashMap::new(),
            named: HashMap::new(),
        };
        for account in accounts {
            let answer = answers.next().unwrap_or_else(|| Answer { opened: account.unsealed(), ..Answer::default() });
            draft.add(account, answer, preview);
        }
        draft.lost_secrets(preview);
        draft
    }
}

impl Draft {
    fn add(&mut self, account: FoundAccount, answer: Answer, preview: bool) {
        if let Some(other) = self.seen.get(&account.address) {
            let text = format!("{} is there already, from {other}", account.address);
            return self.report.left_out(0, &account.origin, text);
        }
        self.seen.insert(account.address.clone(), account.origin.clone());
        let is_password = account.grant() == raw::Grant::Password;
        let secret = match account.app.proof {
            FoundProof::MailPassword => answer.typed.clone(),
            _ => answer.opened.proof,
        };
        if !preview && let Some(why) = lacks(&account, secret.as_ref(), answer.typed.as_ref()) {
            return self.report.left_out(0, &account.origin, why);
        }
        let attended = account.is_attended();
        let is_sealed = account.wanted(false) == Wanted::MailPassword;
        let sign_in_as = self.identity(&account, answer.opened.consented_as);
        let passwords = self.passwords(&account);
        let app = self.app_of(&account, secret);
        self.accounts.push(DraftAccount {
            origin: account.origin,
            address: account.address,
            app,
            sign_in_as,
            password: answer.password,
            sign_in_password: answer.typed.filter(|_| is_password),
            refresh: answer.opened.refresh,
            passwords,
            attended,
            is_sealed,
        });
    }

    /// Where each mailbox of a domain signs in on this machine, its first password counts; elsewhere a file has one for
    /// each, which nobody but its users could fill.
    fn passwords(&mut self, account: &FoundAccount) -> Option<Secret> {
        let domain = account.address.strip_prefix("*@")?;
        if account.is_attended() && !self.listeners.iter().any(FoundListener::is_wide) {
            return None;
        }
        let text = "every mailbox that is used needs a line in its passwords-file: user:hash, the hash from `gatepost password`";
        self.report.check(0, &account.origin, text);
        Some(Secret::new(format!(
            "# A line for each mailbox of {domain}: user:hash, the hash from `gatepost password`"
        )))
    }

    /// A shared mailbox lives on the sign-in of its delegate, whom only the token names.
    fn identity(&mut self, account: &FoundAccount, consented_as: Option<String>) -> Option<String> {
        if account.sign_in_as.is_some() || !account.is_attended() {
            return account.sign_in_as.clone();
        }
        let other = consented_as.filter(|name| !name.eq_ignore_ascii_case(&account.address))?;
        let text = format!("{other} consented, so the account has sign-in-as = {other:?} and sends as that user");
        self.report.check(0, &account.origin, text);
        Some(other)
    }

    /// The app that is the same already, or a new one.
    fn app_of(&mut self, account: &FoundAccount, secret: Option<Secret>) -> String {
        if let Some(same) = self.apps.iter_mut().find(|app| app.is(&account.app, secret.as_ref())) {
            let redirects = (&same.app.redirect_uri, &account.app.redirect_uri);
            if let (Some(kept), Some(other)) = redirects
                && kept != other
            {
                let text = format!("shares [app.{}] with others, and so its redirect-uri {kept}", same.name);
                self.report.check(0, &account.origin, text);
            }
            same.secret = same.secret.take().or(secret);
            return same.name.clone();
        }
        let name = self.name_for(account);
        self.apps.push(DraftApp { name: name.clone(), app: account.app.clone(), secret });
        name
    }

    /// After the tenant or the domain: `contoso`, `contoso-2`.
    fn name_for(&mut self, account: &FoundAccount) -> String {
        let domain = account.address.rsplit('@').next().unwrap_or_default();
        let label = domain.split('.').next().unwrap_or_default();
        let fits = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        let label: String = label.chars().filter(fits).take(40).collect::<String>().to_lowercase();
        let base = if label.is_empty() { preset(account.app.provider).name.to_owned() } else { label };
        // A domain of the name `contoso-2` may be there too.
        loop {
            let n = self.named.entry(base.clone()).or_default();
            *n += 1;
            let name = if *n == 1 { base.clone() } else { format!("{base}-{n}") };
            if name == base || !self.named.contains_key(&name) {
                self.named.entry(name.clone()).or_insert(1);
                return name;
            }
        }
    }

    /// A client secret that stayed sealed: the app is written as a public one, which the provider may refuse.
    fn lost_secrets(&mut self, preview: bool) {
        for app in self.apps.iter().filter(|app| !preview && app.secret.is_none()) {
            if let FoundProof::Secret(Held::Sealed(_)) = app.app.proof {
                let text = "its client secret is sealed in the old file and was not opened: without client-secret-file \
                            the provider may refuse it";
                self.report.check(0, format!("[app.{}]", app.name), text);
            }
        }
    }

    /// Everything secret that the text names, in `folder`.
    pub fn files(&self, folder: &Path) -> Vec<SecretFile<'_>> {
        let of_app = self.apps.iter().filter_map(|app| {
            Some(SecretFile {
                path: folder.join(app.file_name()?),
                content: app.secret.as_ref()?,
                is_filled_by_hand: false,
            })
        });
        let of_account = self.accounts.iter().filter_map(|account| {
            let content = account.sign_in_password.as_ref()?;
            Some(SecretFile { path: folder.join(account.sign_in_name()), content, is_filled_by_hand: false })
        });
        let of_domain = self.accounts.iter().filter_map(|account| {
            Some(SecretFile {
                path: folder.join(account.passwords_name()),
                content: account.passwords.as_ref()?,
                is_filled_by_hand: true,
            })
        });
        let proxy = self.http_proxy.iter();
        let proxy =
            proxy.map(|content| SecretFile { path: folder.join(PROXY_FILE), content, is_filled_by_hand: false });
        of_app.chain(of_account).chain(of_domain).chain(proxy).collect()
    }
}

/// A proxy's URL may hold a password.
pub(super) const PROXY_FILE: &str = "http-proxy";

impl DraftApp {
    /// The same registration, asked in the same way. A redirect URI matters at the next sign-in alone.
    fn is(&self, other: &FoundApp, secret: Option<&Secret>) -> bool {
        let own = &self.app;
        let same_proof = match (&own.proof, &other.proof) {
            (FoundProof::None, FoundProof::None) => true,
            (FoundProof::MailPassword, FoundProof::MailPassword)
            | (FoundProof::Secret(_), FoundProof::Secret(_))
            | (FoundProof::ServiceAccountKey(_), FoundProof::ServiceAccountKey(_))
            | (FoundProof::ServiceAccountFile(_), FoundProof::ServiceAccountFile(_)) => {
                match (&self.secret, secret) {
                    (Some(own), Some(other)) => own.matches(other),
                    // One that stayed sealed is most likely the one that another account has.
                    _ => true,
                }
            }
            (
                FoundProof::Certificate { certificate, key },
                FoundProof::Certificate { certificate: other_certificate, key: other_key },
            ) => (certificate, key) == (other_certificate, other_key),
            _ => false,
        };
        same_proof
            && (own.provider, &own.tenant, &own.client_id, own.grant)
                == (other.provider, &other.tenant, &other.client_id, other.grant)
            && (&own.scopes, &own.resource, &own.authorize_extra)
                == (&other.scopes, &other.resource, &other.authorize_extra)
            && (&own.authorize_url, &own.token_url, &own.device_url)
                == (&other.authorize_url, &other.token_url, &other.device_url)
            && (&own.smtp, &own.imap, &own.pop3) == (&other.smtp, &other.imap, &other.pop3)
    }

    /// `None`: it has no secret, or one that stands in a file of its own already.
    pub(super) fn file_name(&self) -> Option<String> {
        match self.app.proof {
            FoundProof::Secret(_) | FoundProof::MailPassword => Some(format!("{}.secret", self.name)),
            FoundProof::ServiceAccountKey(_) => Some(format!("{}.json", self.name)),
            _ => None,
        }
    }
}

impl DraftAccount {
    pub(super) fn sign_in_name(&self) -> String {
        format!("{}.sign-in", self.safe_name())
    }

    pub(super) fn passwords_name(&self) -> String {
        format!("{}.passwords", self.safe_name().trim_start_matches(['_', '@']))
    }

    fn safe_name(&self) -> String {
        let safe = |c: char| if c.is_alphanumeric() || matches!(c, '@' | '.' | '-' | '_' | '+') { c } else { '_' };
        self.address.chars().map(safe).collect()
    }
}

/// Why the account would not work at all.
fn lacks(account: &FoundAccount, secret: Option<&Secret>, typed: Option<&Secret>) -> Option<String> {
    let why = match (&account.app.proof, account.grant()) {
        (_, raw::Grant::Password) if account.is_whole_domain() => {
            "each of its mailboxes has a password at the provider: name them in accounts of their own"
        }
        (_, raw::Grant::Password) if typed.is_none() => "its password at the provider was not given",
        (FoundProof::MailPassword, _) if secret.is_none() => {
            "its mail password, which is the app's secret, was not given"
        }
        (FoundProof::Secret(Held::Sealed(_)), raw::Grant::ClientCredentials) if secret.is_none() => {
            "the client secret is sealed with the mail password, and was not opened"
        }
        (FoundProof::ServiceAccountFile(_) | FoundProof::ServiceAccountKey(_), _) if secret.is_none() => {
            "the key of the service account is sealed with the mail password, and was not opened"
        }
        _ => return None,
    };
    Some(why.to_owned())
}
