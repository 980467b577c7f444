//! Where a mailbox is: provider, tenant, servers. What somebody said counts more than what was found out, and is checked
//! where somebody can be asked.

use url::Url;

use super::{
    super::{
        discover::{Discovery, Found, Servers, Tenant, Unasked},
        note,
        words::{ByProxy, Say, Step, Trouble},
    },
    Interview, is_entra,
};
use crate::{
    base::printable,
    catalog::Known,
    cli::{outcome::Failure, state::block_on},
    config::{PRESETS, Preset, may_be_tenant},
    net::{ClientTls, HttpClient, Proxy},
};

/// What was found out about where a mailbox is.
type Where = (&'static Preset, Option<String>, Option<Servers>);

impl Interview<'_, '_> {
    pub(super) fn provider(&mut self, domain: &str) -> Result<Where, Failure> {
        let given = self.args.provider.as_deref().map(|name| self.preset(name)).transpose()?;
        let named = |provider, tenant| note(&Step::ProviderNamed { provider, tenant }.text(self.lang));
        if let Some(preset) = given.filter(|preset| !is_entra(preset) && preset.name != "custom") {
            named(preset.name, None);
            return Ok((preset, self.args.tenant.clone(), None));
        }
        let tls = ClientTls::new(&self.config.network).and_then(|tls| HttpClient::new(&self.config.network, &tls));
        let http = tls.map_err(Failure::from)?;
        let instead = self.discovery_instead();
        let discovery = Discovery::new(&http, instead.as_ref());
        if let Some(preset) = given.filter(|preset| is_entra(preset)) {
            let asked = || printable(self.args.tenant.as_deref().unwrap_or(domain), 80);
            named(preset.name, self.asks_for_tenant(&discovery).then(asked));
            return self.tenant(preset, domain, &discovery).map(|tenant| (preset, Some(tenant), None));
        }
        note(&Step::Provider { domain: domain.to_owned() }.text(self.lang));
        let found = block_on(async { Ok(discovery.provider(domain).await) })?;
        match (found, given) {
            (Found::Servers(servers), _) => {
                self.note(&Say::FoundServers { domain: domain.to_owned(), servers: servers.clone() });
                Ok((self.preset("custom")?, None, Some(servers)))
            }
            // Somebody knows it better.
            (_, Some(custom)) => Ok((custom, self.args.tenant.clone(), None)),
            (Found::Tenant(tenant), None) => self.found_tenant(tenant, domain, &discovery),
            (Found::Provider(name), None) => {
                self.note(&Say::FoundProvider { domain: domain.to_owned(), provider: name });
                let preset = self.preset(name)?;
                let tenant = match is_entra(preset) {
                    true => Some(self.tenant(preset, domain, &discovery)?),
                    false => None,
                };
                Ok((preset, tenant, None))
            }
            (Found::PasswordOnly(service), None) => Err(self.fail(Trouble::PasswordOnly { service })),
            (Found::Nothing, None) => {
                self.by_hand(Trouble::NothingFound { domain: domain.to_owned() }, domain, &discovery)
            }
            (Found::Unreachable(unasked), None) => {
                let (domain_of, by_proxy) = (domain.to_owned(), self.by_proxy(&unasked));
                let trouble = Trouble::Unreachable { domain: domain_of, why: unasked.why, by_proxy };
                self.by_hand(trouble, domain, &discovery)
            }
        }
    }

    /// The one that was named, where one was: it may well be another than that of the domain.
    fn found_tenant(&mut self, tenant: Tenant, domain: &str, discovery: &Discovery<'_>) -> Result<Where, Failure> {
        let preset = self.preset(tenant.provider)?;
        let (of, id) = (domain.to_owned(), tenant.id.clone());
        self.note(&Say::FoundTenant { domain: of.clone(), id, provider: preset.name });
        if self.args.tenant.is_none() {
            return Ok((preset, Some(tenant.id), None));
        }
        let named = self.tenant(preset, domain, discovery)?;
        if named != tenant.id {
            self.note(&Say::OtherTenant { domain: of, own: tenant.id, named: named.clone() });
        }
        Ok((preset, Some(named), None))
    }

    /// Where there is a proxy, to set one is no advice.
    fn by_proxy(&self, unasked: &Unasked) -> Option<ByProxy> {
        let (trouble, host) = unasked.by_proxy.clone()?;
        let via = self.config.network.http_proxy.as_ref().map(Proxy::via);
        let known =
            Known { host: Some(host), port: Some(443), proxy: via.clone(), login_proxy: via, ..Known::default() };
        Some(ByProxy { entry: trouble.entry(), known: Box::new(known) })
    }

    /// Nothing was found out: a person says it, or the trouble names the flags.
    fn by_hand(&mut self, trouble: Trouble, domain: &str, discovery: &Discovery<'_>) -> Result<Where, Failure> {
        if !self.questions.has_person() {
            return Err(self.fail(trouble));
        }
        note(self.fail(trouble).text());
        let choices: Vec<_> =
            PRESETS.iter().map(|preset| (*preset, preset.name, Say::OfProvider(preset.name))).collect();
        let preset = self.questions.choice("--provider", &Say::AskProvider, &choices)?;
        let tenant = match is_entra(preset) {
            true => Some(self.tenant(preset, domain, discovery)?),
            false => None,
        };
        Ok((preset, tenant, None))
    }

    pub(super) fn discovery_instead(&self) -> Option<Url> {
        self.args.discovery.clone().filter(is_loopback)
    }

    /// Tokens come from where `token-url` says, whatever Microsoft knows of a tenant that was named.
    fn asks_for_tenant(&self, discovery: &Discovery<'_>) -> bool {
        self.args.tenant.is_none() || !self.is_set("app", "token-url") || discovery.is_elsewhere()
    }

    /// The tenant that was named, or that of the domain; checked where somebody can be asked.
    pub(super) fn tenant(
        &mut self,
        preset: &Preset,
        domain: &str,
        discovery: &Discovery<'_>,
    ) -> Result<String, Failure> {
        let named = self.args.tenant.clone();
        let name = match &named {
            Some(typed) => tenant_name(typed).map_err(|trouble| self.fail(trouble))?,
            None => domain.to_owned(),
        };
        if !self.asks_for_tenant(discovery) {
            return Ok(name);
        }
        let found = block_on(async { Ok(discovery.tenant(&name).await) })?;
        match (found, named) {
            (Found::Tenant(Tenant { id, provider }), _) => {
                if provider != preset.name {
                    self.note(&Say::OtherCloud { tenant: name, provider, named: preset.name });
                }
                Ok(id)
            }
            (Found::Unreachable(unasked), Some(typed)) => {
                self.note(&Say::NotChecked { tenant: typed.clone(), why: unasked.why });
                Ok(typed)
            }
            (_, Some(typed)) => Err(self.fail(Trouble::NoSuchTenant { tenant: typed })),
            (Found::Unreachable(unasked), None) if !self.questions.has_person() => {
                let by_proxy = self.by_proxy(&unasked);
                Err(self.fail(Trouble::TenantUnreachable { domain: domain.to_owned(), why: unasked.why, by_proxy }))
            }
            (_, None) => {
                let question = Say::AskTenant { domain: domain.to_owned() };
                self.questions.line("--tenant", &question, None, tenant_name)
            }
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"))
}

/// As `config check` has it.
fn tenant_name(typed: &str) -> Result<String, Trouble> {
    let typed = typed.trim();
    match may_be_tenant(typed) {
        true => Ok(typed.to_owned()),
        false => Err(Trouble::NotATenant { typed: printable(typed, 80) }),
    }
}
