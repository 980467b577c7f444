//! App registrations: the provider's row with what was overridden, and the credential that fits the grant.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use url::Url;

use super::{Checker, SecretExpiry, outbound, proof::Proof, shown};
use crate::{
    base::{Protocol, Sasl},
    config::{
        key::Key,
        provider::{Preset, Server, may_be_tenant, preset},
        raw,
    },
    net::{Upstream, UpstreamTls},
    oauth::{App, Grant, GraphAccess, Rotation},
};

const DAY: u64 = 86_400;

impl Checker<'_> {
    pub(super) fn apps(&mut self, file: &raw::File) -> BTreeMap<String, Arc<App>> {
        let mut apps = BTreeMap::new();
        for (name, raw) in &file.app {
            let key = Key::of("app").field(name);
            if let Some(mut app) = self.app(&key, name, raw) {
                if let Some(graph) = &mut app.graph {
                    graph.is_wanted = outbound::is_graph_wanted(file, name);
                }
                apps.insert(name.clone(), Arc::new(app));
            }
        }
        apps
    }

    pub(super) fn secret_expiry(&mut self, written: &BTreeMap<String, raw::App>) -> SecretExpiry {
        let mut days = SecretExpiry::new();
        for (name, raw) in written {
            let Some(day) = &raw.secret_expires else { continue };
            match day.to_string().parse() {
                Ok(day) => drop(days.insert(name.clone(), day)),
                Err(_) => {
                    let key = Key::of("app").field(name).field("secret-expires");
                    self.error(&key, format!("`{key}` is not a day"), "write it without quotes: 2027-05-01");
                }
            }
        }
        days
    }

    fn app(&mut self, key: &Key, name: &str, raw: &raw::App) -> Option<App> {
        if raw.provider.is_none() {
            self.missing(key, "provider", "add: provider = \"microsoft365\" (or outlook, google, ..., custom)");
        }
        let preset = preset(raw.provider?);
        let grant = self.grant(key, raw, preset);
        let client_id = self.client_id(key, raw, grant);
        let tenant = self.tenant(key, raw, preset, grant);
        let proof = self.proof(key, raw, grant);
        let resource = self.resource(key, raw, preset, grant);
        let endpoints = self.endpoints(key, raw, preset, grant, &proof, tenant.as_deref().unwrap_or("common"));
        let smtp = self.upstream(key, "smtp", raw.smtp.as_deref(), raw.smtp_tls, preset.smtp);
        let imap = self.upstream(key, "imap", raw.imap.as_deref(), raw.imap_tls, preset.imap);
        let pop3 = self.upstream(key, "pop3", raw.pop3.as_deref(), raw.pop3_tls, preset.pop3);
        let scopes = self.scopes(key, raw, preset, grant, resource.is_some());
        let (scopes, graph_scopes) = outbound::scopes_by_resource(scopes, preset.graph_resource, grant);
        let endpoints = endpoints?;
        Some(App {
            name: name.to_owned(),
            provider: preset.name.to_owned(),
            tenant: tenant?,
            client_id,
            credential: proof.credential,
            secret_at: self.secret_at(raw),
            grant,
            redirect_uri: self.redirect(key, raw),
            scopes,
            resource,
            authorize_url: endpoints.authorize,
            token_url: endpoints.token,
            device_url: endpoints.device,
            revoke_url: endpoints.revoke,
            authorize_extra: authorize_extra(raw, preset),
            pkce: raw.pkce.unwrap_or(preset.pkce),
            rotation: rotation(raw, preset),
            refresh_idle_life: raw
                .refresh_idle_days
                .or(preset.refresh_idle_days)
                .map(|days| Duration::from_secs(u64::from(days) * DAY)),
            sasl: sasl(raw, preset),
            smtp: smtp?,
            imap: imap?,
            pop3: pop3?,
            smtp_capabilities: capabilities(raw.smtp_capabilities.as_deref(), preset.smtp_capabilities),
            imap_is_known: raw.imap.is_none() || raw.imap_capabilities.is_some(),
            imap_capabilities: capabilities(raw.imap_capabilities.as_deref(), preset.imap_capabilities),
            graph: endpoints.graph.map(|url| GraphAccess {
                url,
                resource: preset.graph_resource.to_owned(),
                scopes: graph_scopes,
                is_wanted: false,
            }),
        })
    }

    fn grant(&mut self, key: &Key, raw: &raw::App, preset: &Preset) -> Grant {
        let grant = raw.grant.map_or(Grant::AuthorizationCode, Grant::from);
        let known = match grant {
            Grant::DeviceCode => preset.device_url.is_some() || raw.device_url.is_some(),
            grant => preset.grants.contains(&grant),
        };
        match grant {
            _ if known => {}
            Grant::DeviceCode => self.error(
                &key.field("grant"),
                format!("{} has no device sign-in for mail", preset.name),
                "use grant = \"authorization-code\"; `gatepost login --flow paste` needs no browser on this machine",
            ),
            grant => {
                let names: Vec<&str> = preset.grants.iter().map(|grant| grant.as_str()).collect();
                let text = format!("{} gives no tokens for grant = \"{}\"", preset.name, grant.as_str());
                self.error(&key.field("grant"), text, format!("use: {}", names.join(", ")));
            }
        }
        grant
    }

    /// An assertion of a service account names itself; a machine with one managed identity needs no name for it.
    fn client_id(&mut self, key: &Key, raw: &raw::App, grant: Grant) -> String {
        let written = raw.client_id.clone().filter(|id| !id.is_empty());
        let id = written.or_else(|| self.federated_default(grant, "AZURE_CLIENT_ID"));
        match grant {
            Grant::ServiceAccount if id.is_some() => {
                let text = format!("`{key}.client-id` is not used: the key of a service account names it");
                self.warning(&key.field("client-id"), text, "remove the line");
            }
            Grant::ServiceAccount | Grant::ManagedIdentity => {}
            _ if id.is_none() => {
                self.missing(key, "client-id", "add: client-id = \"...\" (the id of your app registration)");
            }
            _ => {}
        }
        id.unwrap_or_default()
    }

    fn tenant(&mut self, key: &Key, raw: &raw::App, preset: &Preset, grant: Grant) -> Option<String> {
        let written = raw.tenant.clone().or_else(|| self.federated_default(grant, "AZURE_TENANT_ID"));
        let tenant = written.or_else(|| preset.default_tenant.map(str::to_owned)).unwrap_or_default();
        if tenant.contains(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-') {
            let text = format!("`{key}.tenant`: \"{}\" is not a tenant", shown(&tenant));
            self.error(&key.field("tenant"), text, "the id of the tenant, or one of its verified domains");
            return None;
        }
        // Of others it may be any word, and a managed identity is of the tenant that its machine is in.
        let is_entras = preset.default_tenant.is_some() && grant != Grant::ManagedIdentity;
        let is_used = raw.token_url.as_ref().is_none_or(|url| url.contains("{tenant}"));
        if is_entras && is_used && !may_be_tenant(&tenant) {
            let text = format!("`{key}.tenant`: \"{tenant}\" is neither the id of a tenant (a GUID) nor a domain");
            let hint = "Entra > Overview shows both: Tenant ID, and Primary domain, such as contoso.onmicrosoft.com";
            self.error(&key.field("tenant"), text, hint);
        }
        let nobodys: &[&str] = match grant {
            Grant::ClientCredentials | Grant::WorkloadIdentity => &["common", "organizations", "consumers"],
            Grant::Password => &["common", "consumers"],
            _ => &[],
        };
        if nobodys.contains(&tenant.as_str()) {
            let what = if grant == Grant::Password { "a password" } else { "app-only access" };
            let text = format!("`{key}`: {what} needs the tenant, \"{tenant}\" is none (AADSTS9001023)");
            self.error(&key.field("tenant"), text, "add: tenant = \"contoso.com\" (id or verified domain)");
        }
        Some(tenant)
    }

    /// Endpoints that know no scopes are told of a resource; scopes that somebody wrote are meant for one that does.
    fn resource(&mut self, key: &Key, raw: &raw::App, preset: &Preset, grant: Grant) -> Option<String> {
        if grant == Grant::Password {
            let known = preset.password.filter(|_| raw.scopes.is_none()).map(|(_, resource)| resource.to_owned());
            return raw.resource.clone().or(known);
        }
        if raw.resource.is_some() {
            let text = format!("`{key}.resource` has no use with grant = \"{}\"", grant.as_str());
            self.error(&key.field("resource"), text, "remove the line; `scopes` names what is asked for");
        }
        None
    }

    fn endpoints(
        &mut self,
        key: &Key,
        raw: &raw::App,
        preset: &Preset,
        grant: Grant,
        proof: &Proof,
        tenant: &str,
    ) -> Option<Endpoints> {
        let known_token = match (&proof.token_url, preset.password) {
            (Some(found), _) => Some(found.as_str()),
            (None, Some((url, _))) if grant == Grant::Password && raw.scopes.is_none() => Some(url),
            (None, _) => preset.token_url,
        };
        let mut url = |name: &str, written: Option<&str>, known: Option<&str>| match written {
            Some(written) => self.shown_url(&key.field(name), &written.replace("{tenant}", tenant)),
            None => known.and_then(|known| Url::parse(&known.replace("{tenant}", tenant)).ok()),
        };
        let authorize = url("authorize-url", raw.authorize_url.as_deref(), preset.authorize_url);
        let token = url("token-url", raw.token_url.as_deref(), known_token);
        let device = url("device-url", raw.device_url.as_deref(), preset.device_url);
        let revoke = url("revoke-url", raw.revoke_url.as_deref(), preset.revoke_url);
        let graph = url("graph-url", raw.graph_url.as_deref(), preset.graph_url);
        if token.is_none() {
            self.missing(key, "token-url", "add: token-url = \"https://...\"");
        }
        // Only a person in a browser needs the page; elsewhere it is never opened.
        if authorize.is_none() && grant == Grant::AuthorizationCode {
            self.missing(key, "authorize-url", "add: authorize-url = \"https://...\"");
        }
        let token = token?;
        Some(Endpoints { authorize: authorize.unwrap_or_else(|| token.clone()), token, device, revoke, graph })
    }

    fn scopes(&mut self, key: &Key, raw: &raw::App, preset: &Preset, grant: Grant, has_resource: bool) -> Vec<String> {
        let known = match grant.is_app_only() || grant == Grant::ServiceAccount {
            true => preset.app_only_scopes,
            false => preset.scopes,
        };
        // Where nobody signs in there is no sign-in to keep: what proves the right is presented anew.
        let lasting = |scope: &&&str| !grant.is_unattended() || **scope != "offline_access";
        let scopes = match &raw.scopes {
            Some(scopes) => scopes.clone(),
            None => known.iter().filter(lasting).map(|scope| (*scope).to_owned()).collect(),
        };
        if scopes.is_empty() && !has_resource {
            let text = format!("`{key}`: no scopes are known for this grant at {}", preset.name);
            self.error(&key.field("scopes"), text, "add: scopes = [\"...\"]");
        }
        if grant == Grant::ManagedIdentity && scopes.len() > 1 {
            let hint = "keep one: scopes = [\"https://outlook.office365.com/.default\"]";
            self.error(&key.field("scopes"), format!("`{key}.scopes`: a managed identity asks for one resource"), hint);
        }
        if scopes.iter().any(|scope| scope.is_empty() || scope.contains(|c: char| c.is_control() || c.is_whitespace()))
        {
            let hint = "one scope per string: [\"https://...\", \"offline_access\"]";
            self.error(&key.field("scopes"), format!("`{key}.scopes`: a scope has blanks or is empty"), hint);
        }
        scopes
    }

    fn redirect(&mut self, key: &Key, raw: &raw::App) -> Option<Url> {
        self.shown_url(&key.field("redirect-uri"), raw.redirect_uri.as_deref()?)
    }

    fn upstream(
        &mut self,
        key: &Key,
        protocol: &str,
        written: Option<&str>,
        tls: Option<raw::UpstreamTls>,
        known: Server,
    ) -> Option<Upstream> {
        let (host, port) = match (written, known) {
            (Some(written), _) => match host_and_port(written) {
                Some((host, port)) => (host, port),
                None => {
                    let text = format!("`{key}.{protocol}`: \"{}\" is not host:port", shown(written));
                    self.error(&key.field(protocol), text, "for example \"mail.example.com:587\"");
                    return None;
                }
            },
            (None, Some((host, port, _))) => (host.to_owned(), port),
            (None, None) => {
                self.missing(key, protocol, &format!("add: {protocol} = \"host:port\""));
                return None;
            }
        };
        let tls = match (tls, Protocol::of_port(port), known) {
            (Some(raw::UpstreamTls::Starttls), ..) | (None, Some((_, true)), _) => UpstreamTls::StartTls,
            (Some(raw::UpstreamTls::Implicit), ..) | (None, Some((_, false)), _) => UpstreamTls::Implicit,
            // Any other port speaks what the provider's own does, else what is usual for the protocol.
            (None, None, Some((_, _, tls))) => tls,
            (None, None, None) if protocol == "smtp" => UpstreamTls::StartTls,
            (None, None, None) => UpstreamTls::Implicit,
        };
        Some(Upstream { host, port, tls })
    }
}

impl From<raw::Grant> for Grant {
    fn from(written: raw::Grant) -> Self {
        match written {
            raw::Grant::AuthorizationCode => Self::AuthorizationCode,
            raw::Grant::DeviceCode => Self::DeviceCode,
            raw::Grant::ClientCredentials => Self::ClientCredentials,
            raw::Grant::ServiceAccount => Self::ServiceAccount,
            raw::Grant::Password => Self::Password,
            raw::Grant::ManagedIdentity => Self::ManagedIdentity,
            raw::Grant::WorkloadIdentity => Self::WorkloadIdentity,
        }
    }
}

struct Endpoints {
    authorize: Url,
    token: Url,
    device: Option<Url>,
    revoke: Option<Url>,
    graph: Option<Url>,
}

fn authorize_extra(raw: &raw::App, preset: &Preset) -> Vec<(String, String)> {
    match &raw.authorize_extra {
        Some(extra) => extra.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        None => preset.authorize_extra.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
    }
}

fn rotation(raw: &raw::App, preset: &Preset) -> Rotation {
    match raw.rotation {
        None => preset.rotation,
        Some(raw::Rotation::OldStaysValid) => Rotation::OldStaysValid,
        Some(raw::Rotation::OneTime) => Rotation::OneTime,
    }
}

fn sasl(raw: &raw::App, preset: &Preset) -> Sasl {
    match raw.sasl {
        None => preset.sasl,
        Some(raw::Sasl::Xoauth2) => Sasl::Xoauth2,
        Some(raw::Sasl::Oauthbearer) => Sasl::OauthBearer,
    }
}

fn capabilities(written: Option<&[String]>, known: &[&str]) -> Vec<String> {
    match written {
        Some(words) => words.iter().map(|word| word.to_uppercase()).collect(),
        None => known.iter().map(|word| (*word).to_owned()).collect(),
    }
}

/// `host:port`; an IPv6 literal stands in brackets.
fn host_and_port(written: &str) -> Option<(String, u16)> {
    let (host, port) = written.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(literal) => literal.parse::<std::net::Ipv6Addr>().ok()?.to_string(),
        None => host.to_owned(),
    };
    let odd = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_' | ':');
    (!host.is_empty() && !host.contains(odd)).then_some((host, port))
}
