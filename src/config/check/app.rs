//! App registrations: the provider's row with what was overridden, and the credential that fits the grant.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use url::Url;

use super::{Checker, SecretExpiry, shown};
use crate::{
    base::Sasl,
    config::{
        key::Key,
        provider::{Preset, Server, preset},
        raw,
    },
    net::{Upstream, UpstreamTls},
    oauth::{App, AppCredential, Grant, Rotation},
};

const DAY: u64 = 86_400;

impl Checker<'_> {
    pub(super) fn apps(&mut self, written: &BTreeMap<String, raw::App>) -> BTreeMap<String, Arc<App>> {
        let mut apps = BTreeMap::new();
        for (name, raw) in written {
            let key = Key::of("app").field(name);
            if let Some(app) = self.app(&key, name, raw) {
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
        if raw.client_id.as_deref().is_none_or(str::is_empty) {
            self.missing(key, "client-id", "add: client-id = \"...\" (the id of your app registration)");
        }
        let grant = self.grant(key, raw, preset);
        let tenant = self.tenant(key, raw, preset, grant);
        let credential = self.credential(key, raw, grant);
        let endpoints = self.endpoints(key, raw, preset, tenant.as_deref().unwrap_or("common"));
        let smtp = self.upstream(key, "smtp", raw.smtp.as_deref(), raw.smtp_tls, preset.smtp);
        let imap = self.upstream(key, "imap", raw.imap.as_deref(), raw.imap_tls, preset.imap);
        let pop3 = self.upstream(key, "pop3", raw.pop3.as_deref(), raw.pop3_tls, preset.pop3);
        let scopes = self.scopes(key, raw, preset, grant);
        let endpoints = endpoints?;
        Some(App {
            name: name.to_owned(),
            provider: preset.name.to_owned(),
            tenant: tenant?,
            client_id: raw.client_id.clone()?,
            credential,
            grant: grant?,
            redirect_uri: self.redirect(key, raw),
            scopes,
            authorize_url: endpoints.authorize,
            token_url: endpoints.token,
            device_url: endpoints.device,
            revoke_url: endpoints.revoke,
            authorize_extra: authorize_extra(raw, preset),
            pkce: raw.pkce.unwrap_or(preset.pkce),
            rotation: match raw.rotation {
                None => preset.rotation,
                Some(raw::Rotation::OldStaysValid) => Rotation::OldStaysValid,
                Some(raw::Rotation::OneTime) => Rotation::OneTime,
            },
            refresh_idle_life: raw
                .refresh_idle_days
                .or(preset.refresh_idle_days)
                .map(|days| Duration::from_secs(u64::from(days) * DAY)),
            sasl: match raw.sasl {
                None => preset.sasl,
                Some(raw::Sasl::Xoauth2) => Sasl::Xoauth2,
                Some(raw::Sasl::Oauthbearer) => Sasl::OauthBearer,
            },
            smtp: smtp?,
            imap: imap?,
            pop3: pop3?,
            smtp_capabilities: capabilities(raw.smtp_capabilities.as_deref(), preset.smtp_capabilities),
            imap_is_known: raw.imap.is_none() || raw.imap_capabilities.is_some(),
            imap_capabilities: capabilities(raw.imap_capabilities.as_deref(), preset.imap_capabilities),
        })
    }

    /// `None` for the grants of later versions, which were reported already.
    fn grant(&mut self, key: &Key, raw: &raw::App, preset: &Preset) -> Option<Grant> {
        match raw.grant {
            None | Some(raw::Grant::AuthorizationCode) => Some(Grant::AuthorizationCode),
            Some(raw::Grant::DeviceCode) => {
                if preset.device_url.is_none() && raw.device_url.is_none() {
                    self.error(
                        &key.field("grant"),
                        format!("{} has no device sign-in for mail", preset.name),
                        "use grant = \"authorization-code\"; `gatepost login --flow paste` needs no browser on this machine",
                    );
                }
                Some(Grant::DeviceCode)
            }
            Some(raw::Grant::ClientCredentials) => Some(Grant::ClientCredentials),
            Some(_) => None,
        }
    }

    fn tenant(&mut self, key: &Key, raw: &raw::App, preset: &Preset, grant: Option<Grant>) -> Option<String> {
        let tenant = raw.tenant.as_deref().or(preset.default_tenant).unwrap_or_default();
        if tenant.contains(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-') {
            let text = format!("`{key}.tenant`: \"{}\" is not a tenant", shown(tenant));
            self.error(&key.field("tenant"), text, "the id of the tenant, or one of its verified domains");
            return None;
        }
        let nobodys = matches!(tenant, "common" | "organizations" | "consumers");
        if grant == Some(Grant::ClientCredentials) && nobodys {
            let text = format!("`{key}`: app-only access needs the tenant, \"{tenant}\" is none (AADSTS9001023)");
            self.error(&key.field("tenant"), text, "add: tenant = \"contoso.com\" (id or verified domain)");
        }
        Some(tenant.to_owned())
    }

    fn credential(&mut self, key: &Key, raw: &raw::App, grant: Option<Grant>) -> AppCredential {
        let (file, env) = (raw.client_secret_file.as_deref(), raw.client_secret_env.as_deref());
        let secret = self.secret(key, "client-secret", raw.client_secret.as_ref(), file, env);
        let secret_given = raw.client_secret.is_some() || file.is_some() || env.is_some();
        let certificate = raw.certificate.as_ref().map(|path| self.readable(&key.field("certificate"), path));
        let private = raw.certificate_key.as_ref().map(|path| self.readable(&key.field("certificate-key"), path));
        if secret_given && certificate.is_some() {
            let text = format!("`{key}` has both a client secret and a certificate");
            self.error(&key.field("certificate"), text, "keep one of them");
        }
        match (secret, certificate, private) {
            (_, Some(certificate), Some(key)) => AppCredential::Certificate { certificate, key },
            (_, Some(_), None) => {
                self.missing(key, "certificate-key", "add: certificate-key = \"app.key\"");
                AppCredential::None
            }
            (_, None, Some(_)) => {
                self.missing(key, "certificate", "add: certificate = \"app.pem\"");
                AppCredential::None
            }
            (Some(secret), None, None) => AppCredential::Secret(secret),
            (None, None, None) => {
                if grant == Some(Grant::ClientCredentials) && !secret_given {
                    let hint = "add: certificate = \"app.pem\" and certificate-key = \"app.key\", or client-secret-file = \"FILE\"";
                    self.error(key, format!("`{key}`: app-only access needs a secret or a certificate"), hint);
                }
                AppCredential::None
            }
        }
    }

    fn endpoints(&mut self, key: &Key, raw: &raw::App, preset: &Preset, tenant: &str) -> Option<Endpoints> {
        let mut url = |name: &str, written: Option<&str>, known: Option<&str>| match written {
            Some(written) => self.safe_url(&key.field(name), written),
            None => known.and_then(|known| Url::parse(&known.replace("{tenant}", tenant)).ok()),
        };
        let authorize = url("authorize-url", raw.authorize_url.as_deref(), preset.authorize_url);
        let token = url("token-url", raw.token_url.as_deref(), preset.token_url);
        let device = url("device-url", raw.device_url.as_deref(), preset.device_url);
        let revoke = url("revoke-url", raw.revoke_url.as_deref(), preset.revoke_url);
        // Nothing uses it before Graph is a way out; a wrong one is still a mistake.
        url("graph-url", raw.graph_url.as_deref(), preset.graph_url);
        if token.is_none() {
            self.missing(key, "token-url", "add: token-url = \"https://...\"");
        }
        // Only a person in a browser needs the page; elsewhere it is never opened.
        let needs_page = matches!(raw.grant, None | Some(raw::Grant::AuthorizationCode));
        if authorize.is_none() && needs_page {
            self.missing(key, "authorize-url", "add: authorize-url = \"https://...\"");
        }
        let token = token?;
        Some(Endpoints { authorize: authorize.unwrap_or_else(|| token.clone()), token, device, revoke })
    }

    fn scopes(&mut self, key: &Key, raw: &raw::App, preset: &Preset, grant: Option<Grant>) -> Vec<String> {
        let known = match grant {
            Some(Grant::ClientCredentials) => preset.app_only_scopes,
            _ => preset.scopes,
        };
        let scopes = match &raw.scopes {
            Some(scopes) => scopes.clone(),
            None => known.iter().map(|scope| (*scope).to_owned()).collect(),
        };
        if scopes.is_empty() && grant.is_some() {
            let text = format!("`{key}`: no scopes are known for this grant at {}", preset.name);
            self.error(&key.field("scopes"), text, "add: scopes = [\"...\"]");
        }
        if scopes.iter().any(|scope| scope.is_empty() || scope.contains(|c: char| c.is_control() || c.is_whitespace()))
        {
            let hint = "one scope per string: [\"https://...\", \"offline_access\"]";
            self.error(&key.field("scopes"), format!("`{key}.scopes`: a scope has blanks or is empty"), hint);
        }
        scopes
    }

    fn redirect(&mut self, key: &Key, raw: &raw::App) -> Option<Url> {
        self.safe_url(&key.field("redirect-uri"), raw.redirect_uri.as_deref()?)
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
        let tls = match (tls, known) {
            (Some(raw::UpstreamTls::Starttls), _) => UpstreamTls::StartTls,
            (Some(raw::UpstreamTls::Implicit), _) => UpstreamTls::Implicit,
            // The ports that RFC 8314 gives to implicit TLS.
            (None, _) if matches!(port, 465 | 993 | 995) => UpstreamTls::Implicit,
            (None, _) if matches!(port, 25 | 110 | 143 | 587) => UpstreamTls::StartTls,
            // Any other port speaks what the provider's own does, else what is usual for the protocol.
            (None, Some((_, _, tls))) => tls,
            (None, None) if protocol == "smtp" => UpstreamTls::StartTls,
            (None, None) => UpstreamTls::Implicit,
        };
        Some(Upstream { host, port, tls })
    }
}

struct Endpoints {
    authorize: Url,
    token: Url,
    device: Option<Url>,
    revoke: Option<Url>,
}

fn authorize_extra(raw: &raw::App, preset: &Preset) -> Vec<(String, String)> {
    match &raw.authorize_extra {
        Some(extra) => extra.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        None => preset.authorize_extra.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
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
