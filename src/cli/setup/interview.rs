//! What is to be set up: asked, found out, or taken from the configuration that is there.

mod credentials;
mod idle;
mod otherwise;
mod whereabouts;

use std::{path::Path, sync::Arc};

pub use idle::Idle;
use toml::Table;
use url::Url;

use super::{
    account_of,
    args::{SetupArgs, SetupOutbound},
    blocks::{NewApp, app_name},
    certificate,
    discover::{Servers, is_guid},
    note,
    place::{MOST_BYTES, Place, readable, text_of},
    print,
    questions::Questions,
    renewal::Renewal,
    script::{Registration, der_of, script},
    settings::Setting,
    words::{Say, Step, Trouble},
};
use crate::{
    account::Account,
    base::{Lang, is_mailbox, printable},
    catalog::{Known, consent_in_entra},
    cli::{
        outcome::{Failure, Outcome},
        setup::args::SetupGrant,
    },
    config::{Config, PRESETS, Preset},
    oauth::Grant,
};

pub struct Interview<'a, 'q> {
    pub args: &'a SetupArgs,
    pub lang: Lang,
    pub questions: &'a mut Questions<'q>,
    pub config: &'a Config,
    pub existing: &'a Table,
    pub settings: &'a [Setting],
    pub place: &'a Place,
    /// The secret that was given has just been put where the configuration expects it.
    pub is_first_secret: bool,
}

/// Whose mailbox it is, and how it is reached.
pub struct Choice {
    /// The account is configured already.
    there: Option<Arc<Account>>,
    preset: &'static Preset,
    tenant: Option<String>,
    servers: Option<Servers>,
    grant: Grant,
    outbound: SetupOutbound,
}

/// The app registration to use.
pub struct Registered {
    /// Its name in the configuration.
    pub app: String,
    /// Who consents.
    pub identity: String,
    pub grant: Grant,
    pub outbound: SetupOutbound,
    pub new: Option<NewApp>,
    /// Keys that were asked for.
    pub more: Vec<Setting>,
    /// A file that was made for its secret, to be taken away if nothing comes of it.
    pub made: Option<std::path::PathBuf>,
    /// Of an app that is there.
    pub renewal: Option<Renewal>,
}

impl Registered {
    /// One that is in the configuration, with nothing that is new of it.
    fn of(choice: &Choice, app: &str, identity: &str) -> Self {
        Self {
            app: app.to_owned(),
            identity: identity.to_owned(),
            grant: choice.grant,
            outbound: choice.outbound,
            new: None,
            more: Vec::new(),
            made: None,
            renewal: None,
        }
    }
}

impl Interview<'_, '_> {
    fn fail(&self, trouble: Trouble) -> Failure {
        trouble.failure(self.lang)
    }

    fn note(&self, say: &Say) {
        note(&say.text(self.lang));
    }

    pub fn address(&mut self) -> Result<String, Failure> {
        match &self.args.address {
            Some(given) => mailbox(given).map_err(|trouble| self.fail(trouble)),
            None => self.questions.line("--address", &Say::AskAddress, None, mailbox),
        }
    }

    /// Mailboxes on the same sign-in, without the first and without doubles.
    pub fn others(&mut self, address: &str, choice: &Choice) -> Result<Vec<String>, Failure> {
        let is_microsoft = is_entra(choice.preset);
        let asks = self.args.shared.is_empty() && choice.there.is_none() && is_microsoft;
        let typed = match asks && self.questions.has_person() {
            true => self.questions.line("--shared", &Say::AskShared, Some("-"), |typed| mailboxes(typed.split(',')))?,
            false => mailboxes(self.args.shared.iter().map(String::as_str)).map_err(|trouble| self.fail(trouble))?,
        };
        let with_it = self.go_over_with(choice, address);
        if let (Some(account), false) = (&choice.there, with_it.is_empty()) {
            let (app, with_it) = (account.sign_in.app.name.clone(), with_it.join(", "));
            self.note(&Say::GoOver { app, with_it });
        }
        let mut others: Vec<String> = Vec::new();
        for one in typed.into_iter().chain(with_it).filter(|one| one != address) {
            if !others.contains(&one) {
                others.push(one);
            }
        }
        Ok(others)
    }

    /// Accounts on the same app: what it is from now on, it is for them as well, and they need their rights with it.
    fn go_over_with(&self, choice: &Choice, address: &str) -> Vec<String> {
        let is_asked = self.args.grant.is_some_and(SetupGrant::is_app_only);
        let Some(there) = choice.there.as_ref().filter(|_| is_asked) else { return Vec::new() };
        let app = &there.sign_in.app;
        let goes_over = self.args.print_script.is_some() || !app.grant.is_app_only();
        let on_it = self.config.accounts.iter().filter(|one| goes_over && one.sign_in.app.name == app.name);
        on_it.map(|one| one.address.clone()).filter(|one| one != address).collect()
    }

    pub fn choice(&mut self, address: &str) -> Result<Choice, Failure> {
        if let Some(account) = account_of(self.config, address) {
            let (provider, app) = (account.sign_in.app.provider.clone(), account.sign_in.app.name.clone());
            note(&Step::ProviderKnown { provider }.text(self.lang));
            note(&Step::RegistrationKnown { app }.text(self.lang));
            self.note(&Say::AccountIsThere { address: address.to_owned() });
            let choice = self.choice_of(account)?;
            return self.nothing_idle(&choice).map(|()| choice);
        }
        let domain = address.rsplit('@').next().unwrap_or_default().to_owned();
        let (preset, tenant, servers) = self.provider(&domain)?;
        let grant = self.grant(preset)?;
        let outbound = self.outbound(preset)?;
        if self.args.first_use && grant.is_unattended() {
            return Err(self.fail(Trouble::NobodyArms));
        }
        let choice = Choice { there: None, preset, tenant, servers, grant, outbound };
        self.nothing_idle(&choice).map(|()| choice)
    }

    fn choice_of(&self, account: Arc<Account>) -> Result<Choice, Failure> {
        let app = &account.sign_in.app;
        let preset = self.preset(&app.provider)?;
        // What a flag asks for otherwise counts for the script, and is told where the configuration is the matter.
        let outbound = self.args.outbound.unwrap_or(otherwise::outbound_of(&account));
        let grant = self.args.grant.map_or(app.grant, Grant::from);
        let tenant = Some(app.tenant.clone()).filter(|tenant| !tenant.is_empty());
        Ok(Choice { preset, tenant, servers: None, grant, outbound, there: Some(account) })
    }

    fn preset(&self, name: &str) -> Result<&'static Preset, Failure> {
        let found = PRESETS.iter().copied().find(|preset| preset.name == name);
        found.ok_or_else(|| self.fail(Trouble::UnknownProvider { typed: printable(name, 60) }))
    }

    fn grant(&mut self, preset: &Preset) -> Result<Grant, Failure> {
        let grant = match self.args.grant {
            Some(given) => given,
            None if self.questions.has_person() && preset.grants.contains(&Grant::ClientCredentials) => {
                let all = [
                    (SetupGrant::AuthorizationCode, Say::GrantBrowser),
                    (SetupGrant::DeviceCode, Say::GrantDevice),
                    (SetupGrant::ClientCredentials, Say::GrantAppOnly),
                ];
                let has_device = preset.device_url.is_some();
                let possible = all.into_iter().filter(|(grant, _)| has_device || *grant != SetupGrant::DeviceCode);
                let choices: Vec<_> = possible.map(|(grant, say)| (grant, grant.as_str(), say)).collect();
                self.questions.choice("--grant", &Say::AskGrant, &choices)?
            }
            None => SetupGrant::AuthorizationCode,
        };
        let has_device = preset.device_url.is_some() || self.is_set("app", "device-url");
        let grant = Grant::from(grant);
        let known = if grant == Grant::DeviceCode { has_device } else { preset.grants.contains(&grant) };
        match known {
            true => Ok(grant),
            false => Err(self.fail(Trouble::NoSuchGrant { provider: preset.name, grant: grant.as_str() })),
        }
    }

    fn outbound(&mut self, preset: &Preset) -> Result<SetupOutbound, Failure> {
        let has_graph = preset.graph_url.is_some() || self.is_set("app", "graph-url");
        let outbound = match self.args.outbound {
            Some(given) => given,
            None if has_graph && self.questions.has_person() => {
                let choices = [
                    (SetupOutbound::Smtp, Say::OutSmtp),
                    (SetupOutbound::Graph, Say::OutGraph),
                    (SetupOutbound::SmtpThenGraph, Say::OutBoth),
                ]
                .map(|(outbound, say)| (outbound, outbound.as_str(), say));
                self.questions.choice("--outbound", &Say::AskOutbound, &choices)?
            }
            None => SetupOutbound::Smtp,
        };
        match outbound == SetupOutbound::Smtp || has_graph {
            true => Ok(outbound),
            false => Err(self.fail(Trouble::NoGraph { provider: preset.name })),
        }
    }

    fn is_set(&self, table: &str, key: &str) -> bool {
        self.settings.iter().any(|setting| setting.table == table && setting.key == key)
    }

    fn registration<'r>(&self, choice: &'r Choice, address: &'r str, others: &'r [String]) -> Registration<'r> {
        let domain = address.rsplit('@').next().unwrap_or_default();
        Registration {
            provider: choice.preset.name,
            tenant: choice.tenant.as_deref().unwrap_or(domain),
            address,
            others,
            send_as: self.send_as(address, others),
            grant: choice.grant,
            outbound: choice.outbound,
            client_id: None,
            certificate: None,
            certificate_der: None,
        }
    }

    /// What these mailboxes may send as by the configuration that is there. Which mailboxes a whole domain has, nobody here
    /// knows.
    fn send_as(&self, address: &str, others: &[String]) -> Vec<String> {
        let own = || std::iter::once(address).chain(others.iter().map(String::as_str));
        let is_one = |asked: &str| own().any(|own| own.eq_ignore_ascii_case(asked));
        let of = self.config.accounts.iter().filter(|account| is_one(&account.address));
        let mut named: Vec<String> = of.flat_map(|account| account.send_as.clone()).collect();
        named.retain(|one| !one.starts_with('*') && !is_one(one));
        named.sort();
        named.dedup();
        named
    }

    /// The script alone, into a file or to stdout.
    pub fn print_script(&self, file: &Path, choice: &Choice, address: &str, others: &[String]) -> Outcome {
        let told = |trouble: Trouble| trouble.failure(self.lang);
        let has_one = matches!(choice.grant, Grant::AuthorizationCode | Grant::DeviceCode | Grant::ClientCredentials);
        if !is_entra(choice.preset) || !has_one {
            return Err(told(Trouble::NoScript { provider: choice.preset.name, grant: choice.grant.as_str() }));
        }
        let own = self.args.certificate.as_deref().map(readable).transpose().map_err(told)?;
        let name = self.app_name(choice, address);
        let made = match self.args.make_certificate {
            true => Some(certificate::make(self.place, &name).map_err(told)?.0.display().to_string()),
            false => None,
        };
        let certificate = own.or(made);
        let certificate_der = match &certificate {
            Some(file) => {
                let unread = |e: std::io::Error| told(Trouble::Unreadable { file: file.clone(), why: e.to_string() });
                let pem = text_of(Path::new(file), MOST_BYTES).map_err(unread)?;
                let why = || Trouble::Unreadable { file: file.clone(), why: "no PEM certificate is in it".to_owned() };
                Some(der_of(&pem).ok_or_else(|| told(why()))?)
            }
            None => None,
        };
        let client_id = self.id_of_app(choice, address).map_err(told)?;
        let registration = Registration { client_id, certificate_der, ..self.registration(choice, address, others) };
        let text = script(&registration, self.lang);
        if file == Path::new("-") {
            return print(&text);
        }
        let shown = file.display().to_string();
        if text_of(file, 1024 * 1024).is_ok_and(|there| there == text) {
            self.note(&Say::Wrote { file: shown });
            return Ok(());
        }
        let written = std::fs::OpenOptions::new().write(true).create_new(true).open(file);
        written
            .and_then(|mut file| io_write(&mut file, &text))
            .map_err(|e| told(Trouble::Unwritable { file: shown.clone(), why: e.to_string() }))?;
        self.note(&Say::Wrote { file: shown });
        Ok(())
    }

    /// The app registration: of the account that is there, one that the configuration has, or a new one.
    pub fn registered(&mut self, choice: &Choice, address: &str, others: &[String]) -> Result<Registered, Failure> {
        if let Some(account) = &choice.there {
            let registered = Registered::of(choice, &account.sign_in.app.name, &account.sign_in.identity);
            let renewal = self.nothing_otherwise(choice, address, others, &registered)?;
            return Ok(Registered { renewal, ..registered });
        }
        note(&Step::Registration.text(self.lang));
        if let Some(name) = self.known_app(choice, address) {
            self.note(&Say::AppIsThere { app: name.clone() });
            let registered = Registered::of(choice, &name, address);
            let renewal = self.nothing_otherwise(choice, address, others, &registered)?;
            return Ok(Registered { renewal, ..registered });
        }
        self.newly_registered(choice, address, others)
    }

    fn newly_registered(&mut self, choice: &Choice, address: &str, others: &[String]) -> Result<Registered, Failure> {
        let mut more = Vec::new();
        if choice.preset.name == "custom" {
            self.custom(choice, &mut more)?;
        }
        let name = self.app_name(choice, address);
        // Before anything is made.
        let planned = Registered::of(choice, &name, address);
        self.nothing_otherwise(choice, address, others, &planned)?;
        if self.lacks_a_proof(choice) {
            // Whoever has it yet to make needs the steps first.
            print(&Say::registration(&self.registration(choice, address, others), self.lang))?;
            return Err(self.fail(Trouble::NoSecret));
        }
        let (certificate, made) = self.made_certificate(choice, &name)?;
        let registration =
            Registration { certificate: certificate.as_deref(), ..self.registration(choice, address, others) };
        let client_id = match &self.args.client_id {
            Some(given) => self.client_id_of(choice.preset, given).map_err(|trouble| self.fail(trouble))?,
            None => {
                print(&Say::registration(&registration, self.lang))?;
                let preset = choice.preset;
                let is_microsoft = preset.name == "outlook" || is_entra(preset);
                let question = Say::AskClientId { is_microsoft };
                self.questions.line("--client-id", &question, None, |typed| client_id(typed, is_microsoft))?
            }
        };
        let (proof, secret_file) = match made {
            Some(proof) => (proof, None),
            None => self.proof(choice, &name)?,
        };
        if let Some(known) = self.consents_at(choice, &client_id) {
            let (url, instead) = (known.fill("{admin-consent-page}"), consent_in_entra(&known, self.lang));
            print(&Say::ConsentUrl { url, instead, is_app_only: choice.grant.is_app_only() }.text(self.lang))?;
        }
        let domain = address.rsplit('@').next().map(str::to_owned);
        let new = NewApp {
            name,
            preset: choice.preset,
            tenant: choice.tenant.clone(),
            tenant_name: domain,
            client_id,
            grant: choice.grant,
            proof,
            servers: choice.servers.clone(),
        };
        Ok(Registered { new: Some(new), more, made: secret_file, ..planned })
    }

    fn client_id_of(&self, preset: &Preset, typed: &str) -> Result<String, Trouble> {
        client_id(typed, preset.name == "outlook" || is_entra(preset))
    }

    /// Of the app that a flag or the configuration names for this account.
    fn id_of_app(&self, choice: &Choice, address: &str) -> Result<Option<String>, Trouble> {
        if let Some(given) = &self.args.client_id {
            return self.client_id_of(choice.preset, given).map(Some);
        }
        let known = || self.config.apps.get(&self.known_app(choice, address)?).cloned();
        let app = choice.there.as_ref().map(|account| account.sign_in.app.clone()).or_else(known);
        Ok(app.map(|app| app.client_id.clone()))
    }

    fn app_name(&self, choice: &Choice, address: &str) -> String {
        let apps = self.existing.get("app").and_then(|apps| apps.as_table());
        app_name(address, |name| apps.is_some_and(|apps| apps.contains_key(name)), choice.preset.name)
    }

    /// One of the configuration that would do: the named one, or the only one of its kind.
    fn known_app(&self, choice: &Choice, address: &str) -> Option<String> {
        let domain = address.rsplit('@').next().unwrap_or_default();
        let tenants = [choice.tenant.as_deref().unwrap_or_default(), domain];
        let is_tenant =
            |tenant: &str| choice.tenant.is_none() || tenants.iter().any(|known| known.eq_ignore_ascii_case(tenant));
        let mut fitting = self.config.apps.values().filter(|app| {
            app.provider == choice.preset.name
                && app.grant == choice.grant
                && is_tenant(&app.tenant)
                && self.args.client_id.as_ref().is_none_or(|id| id.eq_ignore_ascii_case(&app.client_id))
        });
        match (fitting.next(), fitting.next()) {
            (Some(app), None) if choice.preset.name != "custom" || self.args.client_id.is_some() => {
                Some(app.name.clone())
            }
            (Some(app), _) if self.args.client_id.is_some() => Some(app.name.clone()),
            _ => None,
        }
    }

    /// Where an administrator consents for the whole tenant.
    fn consents_at(&self, choice: &Choice, client_id: &str) -> Option<Known> {
        let (true, Some(tenant)) = (is_entra(choice.preset), &choice.tenant) else { return None };
        let own = self.settings.iter().find(|s| s.table == "app" && s.key == "authorize-url");
        let page = own.and_then(|s| s.value.as_str()).or(choice.preset.authorize_url)?;
        let login = Url::parse(&page.replace("{tenant}", tenant)).ok()?.origin().ascii_serialization();
        let (tenant, client_id, login) = (Some(tenant.clone()), Some(client_id.to_owned()), Some(login));
        Some(Known { tenant, client_id, login, ..Known::default() })
    }
}

impl From<SetupGrant> for Grant {
    fn from(grant: SetupGrant) -> Self {
        match grant {
            SetupGrant::AuthorizationCode => Self::AuthorizationCode,
            SetupGrant::DeviceCode => Self::DeviceCode,
            SetupGrant::ClientCredentials => Self::ClientCredentials,
        }
    }
}

/// Microsoft 365 in one of its clouds: a provider with tenants.
fn is_entra(preset: &Preset) -> bool {
    preset.name.starts_with("microsoft365")
}

fn mailbox(typed: &str) -> Result<String, Trouble> {
    let typed = typed.trim();
    match is_mailbox(typed) {
        true => Ok(typed.to_lowercase()),
        false => Err(Trouble::NotAnAddress { typed: printable(typed, 80) }),
    }
}

fn mailboxes<'t>(typed: impl Iterator<Item = &'t str>) -> Result<Vec<String>, Trouble> {
    typed.map(str::trim).filter(|one| !one.is_empty() && *one != "-").map(mailbox).collect()
}

/// Of Entra ID a GUID; people paste names, secrets and URLs.
fn client_id(typed: &str, is_microsoft: bool) -> Result<String, Trouble> {
    let typed = typed.trim();
    let is_sound = !typed.is_empty() && typed.len() <= 200 && typed.bytes().all(|b| b.is_ascii_graphic());
    match is_sound && (!is_microsoft || is_guid(typed)) {
        true => Ok(typed.to_owned()),
        false => Err(Trouble::NotAClientId { is_microsoft }),
    }
}

fn io_write(file: &mut std::fs::File, text: &str) -> std::io::Result<()> {
    std::io::Write::write_all(file, text.as_bytes())
}

#[cfg(test)]
mod tests;
