//! Flags that ask for something else than the configuration has in a block that is there. No line of it is changed, and
//! no flag is dropped in silence: the lines to change are told, and nothing is written.

use std::path::Path;

use toml::Table;

use super::{
    super::{
        account_of,
        args::{SetupGrant, SetupOutbound},
        discover::Discovery,
        note,
        place::{readable, secret_in},
        renewal::{Renewal, first_secret},
        words::{Line, Trouble, beside},
    },
    Choice, Interview, Registered, is_entra,
};
use crate::{
    account::{Account, LocalPassword, Route},
    cli::outcome::{Failure, Outcome},
    config::lent,
    net::{ClientTls, HttpClient},
    oauth::{App, AppCredential, Grant},
};

impl Interview<'_, '_> {
    /// `of`: the app that is taken as it is, if one is. A secret that is another one than before is renewed where the
    /// configuration has it in a file.
    pub(super) fn nothing_otherwise(
        &mut self,
        choice: &Choice,
        address: &str,
        others: &[String],
        of: &Registered,
    ) -> Result<Option<Renewal>, Failure> {
        let (mut lines, mut renewal) = (Vec::new(), None);
        if let (None, Some(app)) = (&of.new, self.config.apps.get(&of.app)) {
            if choice.there.is_some() {
                self.tenant_otherwise(choice, address, app, &mut lines)?;
            }
            renewal = self.app_otherwise(app, &mut lines).map_err(|trouble| self.fail(trouble))?;
        }
        for one in std::iter::once(address).chain(others.iter().map(String::as_str)) {
            if let Some(account) = account_of(self.config, one) {
                self.account_otherwise(&account, one == address, of, &mut lines);
            }
        }
        if lines.is_empty() {
            return Ok(renewal);
        }
        let app = self.config.apps.get(&of.app).filter(|_| lines.iter().any(|line| line.or_certificate));
        let proof = app.map(|app| first_secret(app, address, self.lang));
        Err(self.fail(Trouble::Otherwise { file: self.place.shown(), lines, proof }))
    }

    fn app_otherwise(&self, app: &App, lines: &mut Vec<Line>) -> Result<Option<Renewal>, Trouble> {
        let (args, mut renewal) = (self.args, None);
        let block = format!("[app.{}]", app.name);
        let there = self.existing.get("app").and_then(|apps| apps.get(&app.name)).and_then(|app| app.as_table());
        let line = |key: &str, value: toml::Value| Line::new(&block, key, value);
        // Beside its other form a key is refused.
        let other_form =
            ["client-secret", "client-secret-env", "certificate"].into_iter().find(|key| text(there, key).is_some());
        if let Some(provider) = args.provider.as_ref().filter(|provider| **provider != app.provider) {
            lines.push(line("provider", provider.clone().into()));
        }
        if let Some(id) = args.client_id.as_ref().filter(|id| !id.trim().eq_ignore_ascii_case(&app.client_id)) {
            lines.push(line("client-id", id.trim().into()));
        }
        if let Some(grant) = args.grant.filter(|grant| Grant::from(*grant) != app.grant) {
            lines.push(line("grant", grant.as_str().into()));
            lines.extend(self.proof_of(app, &block).filter(|_| Grant::from(grant).is_app_only()));
        }
        if let Some(file) = &args.client_secret_file {
            let asked = secret_in(file)?;
            let is_it = app.credential.secret().is_some_and(|there| there.matches(&asked));
            let is_lent = text(there, "client-secret-file").is_some_and(|written| lent(Path::new(written)).is_some());
            if let Some(by) = app.secret_at.clone().filter(|_| is_lent && !is_it) {
                return Err(Trouble::Lent { block: block.clone(), by });
            }
            match app.secret_at.clone().filter(|_| text(there, "client-secret-file").is_some()) {
                _ if is_it && self.is_first_secret => {}
                _ if is_it => note(&beside::same_secret(app, &file.display().to_string(), self.lang)),
                Some(at) => {
                    let given = readable(file).ok().map(Into::into);
                    renewal = Some(Renewal { app: app.name.clone(), file: at.into(), secret: asked, given });
                }
                // What came by a pipe has no place of its own.
                None => {
                    let given = readable(file).unwrap_or_else(|_| "FILE".to_owned());
                    lines.push(line("client-secret-file", given.into()).instead_of(other_form));
                }
            }
        }
        for (key, file) in [("certificate", &args.certificate), ("certificate-key", &args.certificate_key)] {
            let Some(file) = file else { continue };
            let asked = readable(file)?;
            // As the configuration has it: beside itself.
            let is_it = text(there, key).is_some_and(|there| self.place.folder().join(there) == *asked);
            if !is_it {
                lines.push(line(key, asked.into()));
            }
        }
        if args.make_certificate && text(there, "certificate").is_none() {
            for (key, end) in [("certificate", "pem"), ("certificate-key", "key")] {
                let file = self.place.folder().join(format!("{}-app.{end}", app.name));
                lines.push(line(key, file.display().to_string().into()));
            }
        }
        self.settings_otherwise("app", &block, there, lines);
        Ok(renewal)
    }

    /// An app that acts by itself proves who it is. `None`: it does, or a flag says how.
    fn proof_of(&self, app: &App, block: &str) -> Option<Line> {
        let args = self.args;
        let is_given = args.client_secret_file.is_some() || args.certificate.is_some() || args.make_certificate;
        let file = self.place.folder().join(format!("{}.secret", app.name)).display().to_string();
        let is_missing = matches!(app.credential, AppCredential::None) && !is_given;
        is_missing.then(|| Line { or_certificate: true, ..Line::new(block, "client-secret-file", file.into()) })
    }

    fn account_otherwise(&self, account: &Account, is_first: bool, of: &Registered, lines: &mut Vec<Line>) {
        let named = account.domain.as_ref().map_or_else(|| account.address.clone(), |domain| format!("*@{domain}"));
        let block = format!("[[account]] {named}");
        let there = self.block_of(&named);
        let mut tell = |key: &str, value: &str| lines.push(Line::new(&block, key, value.into()));
        if account.sign_in.app.name != of.app {
            tell("app", &of.app);
        }
        let is_to_be_app_only = self.args.grant.is_some_and(SetupGrant::is_app_only);
        let is_delegated = !is_first && !is_to_be_app_only && !account.sign_in.app.grant.is_unattended();
        if is_delegated && !account.sign_in.identity.eq_ignore_ascii_case(&of.identity) {
            tell("sign-in-as", &of.identity);
        }
        if let Some(outbound) = self.args.outbound.filter(|outbound| *outbound != outbound_of(account)) {
            tell("outbound", outbound.as_str());
        }
        if is_to_be_app_only && matches!(account.password, LocalPassword::FirstUse) {
            tell("password", "$argon2id$...");
        }
        if self.args.first_use && text(there, "password") != Some("first-use") {
            tell("password", "first-use");
        }
        if is_first {
            self.settings_otherwise("account", &block, there, lines);
        }
    }

    fn settings_otherwise(&self, table: &str, block: &str, there: Option<&Table>, lines: &mut Vec<Line>) {
        for setting in self.settings.iter().filter(|setting| setting.table == table) {
            if there.and_then(|there| there.get(&setting.key)) != Some(&setting.value) {
                lines.push(Line::new(block, &setting.key, setting.value.clone()));
            }
        }
    }

    fn block_of(&self, address: &str) -> Option<&Table> {
        let accounts = self.existing.get("account")?.as_array()?.iter().filter_map(|account| account.as_table());
        accounts
            .into_iter()
            .find(|account| text(Some(account), "address").is_some_and(|a| a.eq_ignore_ascii_case(address)))
    }

    /// A tenant has several names: the one that was asked for may lead to the id that is there.
    fn tenant_otherwise(&mut self, choice: &Choice, address: &str, app: &App, lines: &mut Vec<Line>) -> Outcome {
        let Some(asked) = self.args.tenant.clone().filter(|asked| !asked.eq_ignore_ascii_case(&app.tenant)) else {
            return Ok(());
        };
        let mut tell = |tenant: String| lines.push(Line::new(&format!("[app.{}]", app.name), "tenant", tenant.into()));
        if !is_entra(choice.preset) {
            tell(asked);
            return Ok(());
        }
        let tls = ClientTls::new(&self.config.network).and_then(|tls| HttpClient::new(&self.config.network, &tls));
        let http = tls.map_err(Failure::from)?;
        let instead = self.discovery_instead();
        let domain = address.rsplit('@').next().unwrap_or_default();
        let id: Result<String, Failure> = self.tenant(choice.preset, domain, &Discovery::new(&http, instead.as_ref()));
        let id = id?;
        if !id.eq_ignore_ascii_case(&app.tenant) {
            tell(id);
        }
        Ok(())
    }
}

fn text<'t>(table: Option<&'t Table>, key: &str) -> Option<&'t str> {
    table?.get(key)?.as_str()
}

pub(super) const fn outbound_of(account: &Account) -> SetupOutbound {
    match account.sending.route {
        Route::Smtp => SetupOutbound::Smtp,
        Route::Graph => SetupOutbound::Graph,
        Route::SmtpThenGraph => SetupOutbound::SmtpThenGraph,
    }
}
