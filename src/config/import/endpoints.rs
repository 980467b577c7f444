//! Tells a provider by its endpoints: URLs of the old file become `provider`, `tenant`, and only what differs from
//! what is known.

use url::Url;

use crate::config::{
    provider::{Preset, preset},
    raw,
};

/// Endpoints as the old file has them. A device endpoint stands in the place of the page.
pub struct Endpoints<'a> {
    pub authorize: Option<&'a str>,
    pub device: Option<&'a str>,
    pub token: &'a str,
    /// Scopes or a resource, which decide between two endpoints of one provider.
    pub scopes: &'a [String],
    pub resource: Option<&'a str>,
    pub grant: raw::Grant,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Matched {
    pub provider: raw::Provider,
    /// Unless it is the provider's default.
    pub tenant: Option<String>,
    pub authorize_url: Option<String>,
    pub token_url: Option<String>,
    pub device_url: Option<String>,
    pub scopes: Option<Vec<String>>,
    pub resource: Option<String>,
}

const PROVIDERS: &[raw::Provider] = &[
    raw::Provider::Microsoft365,
    raw::Provider::Outlook,
    raw::Provider::Microsoft365GccHigh,
    raw::Provider::Microsoft365Dod,
    raw::Provider::Microsoft365China,
    raw::Provider::Google,
    raw::Provider::Fastmail,
    raw::Provider::Yahoo,
    raw::Provider::Aol,
];

/// Older addresses of an endpoint that is known under a newer one.
const ALIASES: &[(&str, raw::Provider)] = &[
    ("https://accounts.google.com/o/oauth2/auth", raw::Provider::Google),
    ("https://accounts.google.com/o/oauth2/token", raw::Provider::Google),
    ("https://www.googleapis.com/oauth2/v3/token", raw::Provider::Google),
    ("https://www.googleapis.com/oauth2/v4/token", raw::Provider::Google),
];

/// Domains whose mailboxes are people's own at Microsoft.
const CONSUMERS: &[&str] = &["outlook.", "hotmail.", "live.", "msn.com", "passport.com"];

/// `address` and the hosts of the mail servers decide between clouds that share an endpoint. `Err`: not a URL, or a
/// tenant that is none.
pub fn matched(endpoints: &Endpoints, address: &str, hosts: &[&str]) -> Result<Matched, &'static str> {
    let token = Url::parse(endpoints.token).map_err(|_| "token_url is not a URL")?;
    let provider = provider_of(&token, address, hosts);
    let preset = preset(provider);
    let tenant = match preset.default_tenant {
        Some(_) => Some(tenant_of(&token).ok_or("there is no tenant in token_url")?),
        None => None,
    };
    let filled = |template: Option<&str>| template.map(|url| url.replace("{tenant}", tenant.as_deref().unwrap_or("")));
    let differs = |url: Option<&str>, template: Option<&str>| {
        let url = url?;
        let known = filled(template).is_some_and(|known| is_same(url, &known));
        let alias = ALIASES.iter().any(|(alias, of)| *of == provider && is_same(url, alias));
        (!known && !alias).then(|| url.to_owned())
    };
    let for_passwords =
        preset.password.filter(|_| endpoints.grant == raw::Grant::Password && endpoints.scopes.is_empty());
    let token_template = for_passwords.map(|(url, _)| url).or(preset.token_url);
    let known_resource = for_passwords.map(|(_, resource)| resource);
    Ok(Matched {
        authorize_url: differs(endpoints.authorize, preset.authorize_url),
        token_url: differs(Some(endpoints.token), token_template),
        device_url: differs(endpoints.device, preset.device_url),
        scopes: other_scopes(endpoints, preset),
        resource: endpoints.resource.filter(|resource| known_resource != Some(*resource)).map(str::to_owned),
        tenant: tenant.filter(|tenant| preset.default_tenant != Some(tenant.as_str())),
        provider,
    })
}

fn provider_of(token: &Url, address: &str, hosts: &[&str]) -> raw::Provider {
    let host_of = |url: &str| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let host = token.host_str().unwrap_or_default();
    let knows = |provider: &raw::Provider| {
        let own = preset(*provider).token_url.and_then(host_of);
        let alias = ALIASES.iter().any(|(alias, of)| of == provider && host_of(alias).as_deref() == Some(host));
        token.scheme() == "https" && (own.as_deref() == Some(host) || alias)
    };
    let candidates: Vec<raw::Provider> = PROVIDERS.iter().copied().filter(knows).collect();
    let is_own = |provider: raw::Provider, host: &str| {
        let Preset { smtp, imap, pop3, .. } = *preset(provider);
        [smtp, imap, pop3].into_iter().flatten().any(|(own, ..)| *own == *host)
    };
    match candidates.as_slice() {
        [] => raw::Provider::Custom,
        [raw::Provider::Microsoft365, ..] if is_consumers(token, address) => raw::Provider::Outlook,
        [first, second, ..] if *second != raw::Provider::Outlook => {
            let is_second = hosts.iter().any(|host| is_own(*second, host) && !is_own(*first, host));
            if is_second { *second } else { *first }
        }
        [first, ..] => *first,
    }
}

fn is_consumers(token: &Url, address: &str) -> bool {
    let domain = address.rsplit('@').next().unwrap_or_default().to_lowercase();
    match tenant_of(token).as_deref() {
        Some("consumers") => true,
        Some("common") => CONSUMERS.iter().any(|name| domain.starts_with(name)),
        _ => false,
    }
}

/// The first part of the path, if it could be one.
fn tenant_of(token: &Url) -> Option<String> {
    let tenant = token.path_segments()?.next()?;
    let fine = !tenant.is_empty() && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-');
    fine.then(|| tenant.to_owned())
}

/// Slashes at the end and the case of the host do not count.
fn is_same(one: &str, other: &str) -> bool {
    let tidy = |url: &str| Url::parse(url).map(|url| url.as_str().trim_end_matches('/').to_owned());
    matches!((tidy(one), tidy(other)), (Ok(one), Ok(other)) if one == other)
}

/// A refresh asks for scopes again, and must not ask for more than somebody consented to (RFC 6749 6): what is not
/// the same set as the provider's own is written out.
fn other_scopes(endpoints: &Endpoints, preset: &Preset) -> Option<Vec<String>> {
    let unattended = !matches!(endpoints.grant, raw::Grant::AuthorizationCode | raw::Grant::DeviceCode);
    let known = match endpoints.grant {
        raw::Grant::ClientCredentials | raw::Grant::ServiceAccount => preset.app_only_scopes,
        _ => preset.scopes,
    };
    // Where nobody signs in there is no sign-in to keep.
    let counts = |scope: &str| !(unattended && scope == "offline_access");
    let mut wanted: Vec<&str> = endpoints.scopes.iter().map(String::as_str).filter(|scope| counts(scope)).collect();
    let mut own: Vec<&str> = known.iter().copied().filter(|scope| counts(scope)).collect();
    let written = wanted.iter().map(|scope| (*scope).to_owned()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    own.sort_unstable();
    (!wanted.is_empty() && wanted != own).then_some(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOGIN: &str = "https://login.microsoftonline.com";

    fn at(token: &str) -> Endpoints<'_> {
        let (authorize, device, resource, scopes) = (None, None, None, &[]);
        Endpoints { authorize, device, token, scopes, resource, grant: raw::Grant::AuthorizationCode }
    }

    fn of(token: &str, address: &str, hosts: &[&str]) -> Matched {
        matched(&at(token), address, hosts).unwrap()
    }

    fn provider(token: &str, address: &str, hosts: &[&str]) -> (raw::Provider, Option<String>) {
        let found = of(token, address, hosts);
        assert_eq!(found.token_url, None, "{token} is known");
        (found.provider, found.tenant)
    }

    #[test]
    fn every_preset_is_told_by_its_own_endpoints() {
        for known in PROVIDERS {
            let preset = preset(*known);
            let tenant =
                preset.default_tenant.map(|_| if preset.name == "outlook" { "consumers" } else { "t.example" });
            let url = preset.token_url.unwrap().replace("{tenant}", tenant.unwrap_or_default());
            let own = preset.imap.unwrap().0;
            assert_eq!(provider(&url, "ann@t.example", &[own]).0, *known, "{url}");
        }
    }

    #[test]
    fn the_tenant_comes_from_the_url_and_tells_people_from_organizations() {
        let token = |tenant: &str| format!("{LOGIN}/{tenant}/oauth2/v2.0/token");
        let told = |tenant: &str, address: &str| provider(&token(tenant), address, &["outlook.office365.com"]);
        assert_eq!(told("contoso.com", "a@contoso.com"), (raw::Provider::Microsoft365, Some("contoso.com".into())));
        assert_eq!(told("organizations", "a@contoso.com"), (raw::Provider::Microsoft365, None));
        assert_eq!(told("common", "a@contoso.com"), (raw::Provider::Microsoft365, Some("common".into())));
        assert_eq!(told("common", "a@hotmail.co.uk"), (raw::Provider::Outlook, Some("common".into())));
        assert_eq!(told("consumers", "a@contoso.com"), (raw::Provider::Outlook, None));
    }

    #[test]
    fn other_addresses_of_an_endpoint_are_kept_and_older_ones_of_the_same_are_not() {
        let v1 = of(&format!("{LOGIN}/contoso.com/oauth2/token"), "a@contoso.com", &[]);
        assert_eq!(v1.token_url.as_deref(), Some("https://login.microsoftonline.com/contoso.com/oauth2/token"));
        let google = of("https://accounts.google.com/o/oauth2/token", "a@gmail.com", &[]);
        assert_eq!((google.provider, google.token_url), (raw::Provider::Google, None));
        let custom = of("https://login.example.org/token", "a@example.org", &[]);
        assert_eq!(custom.provider, raw::Provider::Custom);
        assert_eq!(custom.token_url.as_deref(), Some("https://login.example.org/token"));
    }

    #[test]
    fn scopes_and_the_resource_are_said_only_where_they_differ() {
        let token = "https://login.partner.microsoftonline.cn/contoso.cn/oauth2/token";
        let mut asked = Endpoints {
            authorize: None,
            device: None,
            token,
            scopes: &[],
            resource: Some("https://partner.outlook.cn"),
            grant: raw::Grant::Password,
        };
        let china = matched(&asked, "a@contoso.cn", &[]).unwrap();
        assert_eq!((china.provider, china.token_url), (raw::Provider::Microsoft365China, None));
        assert_eq!((china.resource, china.scopes), (None, None));
        asked.resource = None;
        asked.grant = raw::Grant::ClientCredentials;
        let scopes = ["https://outlook.office365.com/.default".to_owned()];
        asked.scopes = &scopes;
        let token = format!("{LOGIN}/contoso.com/oauth2/v2.0/token");
        asked.token = &token;
        assert_eq!(matched(&asked, "a@contoso.com", &[]).unwrap().scopes, None);
        asked.grant = raw::Grant::AuthorizationCode;
        assert_eq!(matched(&asked, "a@contoso.com", &[]).unwrap().scopes, Some(scopes.to_vec()));
    }

    #[test]
    fn what_is_no_url_or_has_no_tenant_is_told() {
        let said = |token: &str| matched(&at(token), "a@b.c", &[]).unwrap_err();
        assert_eq!(said("*** your token url ***"), "token_url is not a URL");
        assert_eq!(
            said("https://login.microsoftonline.com/*** your tenant id here ***/oauth2/v2.0/token"),
            "there is no tenant in token_url"
        );
    }
}
