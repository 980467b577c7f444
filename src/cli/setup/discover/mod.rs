//! From an address to its provider and tenant, by what is public: a table of large providers, the OpenID configuration
//! of Microsoft's clouds, autoconfig data. Only the domain is told to anybody, never the whole address.

mod autoconfig;
mod entra;
mod known;

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use url::Url;

pub use autoconfig::{Server, Servers};
pub use entra::{Tenant, is_guid};

use self::known::Known;
use crate::{
    base::printable,
    net::{HttpClient, HttpFault, HttpReply, ProxyTrouble},
};

/// For one question to one host.
const PATIENCE: Duration = Duration::from_secs(10);
const GLOBAL: &str = "https://login.microsoftonline.com";
const CHINA: &str = "https://login.partner.microsoftonline.cn";

/// What was found out about a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    Tenant(Tenant),
    /// A preset that has no tenants of its own, or whose tenant nobody told.
    Provider(&'static str),
    /// Servers of nobody known.
    Servers(Servers),
    /// It takes passwords alone.
    PasswordOnly(&'static str),
    Nothing,
    /// Nobody could be asked.
    Unreachable(Unasked),
}

/// Why nobody could be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unasked {
    pub why: String,
    /// What the proxy on the way did, and on the way to which host.
    pub by_proxy: Option<(ProxyTrouble, String)>,
}

impl Unasked {
    fn new(why: String) -> Self {
        Self { why, by_proxy: None }
    }
}

/// What an endpoint said.
enum Heard {
    Yes(Vec<u8>),
    No,
    Nobody(Unasked),
}

/// Asks over the network; everything that is known about whom to ask.
pub struct Discovery<'a> {
    http: &'a HttpClient,
    /// In the place of all hosts.
    instead: Option<&'a Url>,
}

impl<'a> Discovery<'a> {
    pub fn new(http: &'a HttpClient, instead: Option<&'a Url>) -> Self {
        Self { http, instead }
    }

    /// Somebody else stands in for all hosts.
    pub fn is_elsewhere(&self) -> bool {
        self.instead.is_some()
    }

    /// Cancel safe: nothing but questions.
    pub async fn provider(&self, domain: &str) -> Found {
        match known::domain(domain) {
            Some(Known::Provider(name)) => return Found::Provider(name),
            Some(Known::PasswordOnly(service)) => return Found::PasswordOnly(service),
            None => {}
        }
        let unreachable = match self.tenant(domain).await {
            Found::Nothing => None,
            Found::Unreachable(why) => Some(why),
            found => return found,
        };
        match (self.servers(domain).await, unreachable) {
            (Found::Nothing | Found::Unreachable(_), Some(why)) => Found::Unreachable(why),
            // Microsoft said no, and that counts.
            (Found::Unreachable(_), None) => Found::Nothing,
            (found, _) => found,
        }
    }

    /// The tenant of a verified domain, or the one with that id: `Tenant`, `Nothing` or `Unreachable`.
    pub async fn tenant(&self, name: &str) -> Found {
        let hosts = match self.instead {
            Some(instead) => vec![instead.as_str().trim_end_matches('/').to_owned()],
            None => vec![GLOBAL.to_owned(), CHINA.to_owned()],
        };
        let mut unreachable = None;
        for host in hosts {
            let url = format!("{host}/{name}/v2.0/.well-known/openid-configuration");
            match self.ask(&url).await {
                Heard::Yes(body) => match entra::tenant(&body) {
                    Some(tenant) => return Found::Tenant(tenant),
                    None => {
                        unreachable =
                            unreachable.or_else(|| Some(Unasked::new(format!("{host} answered with something else"))))
                    }
                },
                Heard::No => {}
                // The first of the two is the one that counts.
                Heard::Nobody(why) => unreachable = unreachable.or(Some(why)),
            }
        }
        unreachable.map_or(Found::Nothing, Found::Unreachable)
    }

    /// By autoconfig, in the order in which mail programs ask.
    async fn servers(&self, domain: &str) -> Found {
        let urls = match self.instead {
            Some(instead) => vec![format!("{}/v1.1/{domain}", instead.as_str().trim_end_matches('/'))],
            None => vec![
                format!("https://autoconfig.{domain}/mail/config-v1.1.xml"),
                format!("https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml"),
                format!("https://autoconfig.thunderbird.net/v1.1/{domain}"),
            ],
        };
        let mut found = Found::Nothing;
        for heard in join_all(urls.iter().map(|url| self.ask(url))).await {
            match heard {
                Heard::Yes(body) => match String::from_utf8(body).ok().and_then(|text| autoconfig::servers(&text)) {
                    Some(servers) => return by_servers(servers),
                    None => continue,
                },
                Heard::Nobody(why) if found == Found::Nothing => found = Found::Unreachable(why),
                _ => {}
            }
        }
        found
    }

    async fn ask(&self, url: &str) -> Heard {
        let Ok(url) = Url::parse(url) else { return Heard::No };
        let host = url.host_str().unwrap_or_default().to_owned();
        match timeout(PATIENCE, self.http.get(&url, &[])).await {
            Err(_) => Heard::Nobody(Unasked::new(format!("no answer from {host} within {} s", PATIENCE.as_secs()))),
            Ok(Err(fault)) => Heard::Nobody(Unasked {
                why: printable(&fault.to_string(), 300),
                by_proxy: if let HttpFault::Proxy(trouble, _) = fault { Some((trouble, host)) } else { None },
            }),
            Ok(Ok(HttpReply { status, body, .. })) if status.is_success() => Heard::Yes(body.to_vec()),
            // Entra: 400 for a tenant that is not there. A redirect leads away from what was asked.
            Ok(Ok(reply)) if reply.status.is_client_error() && reply.status.as_u16() != 429 => Heard::No,
            Ok(Ok(reply)) => Heard::Nobody(Unasked::new(format!("{host} answered {}", reply.status))),
        }
    }
}

/// Whose servers they are.
fn by_servers(servers: Servers) -> Found {
    let hosts = [&servers.smtp, &servers.imap, &servers.pop3];
    let known = hosts.into_iter().flatten().find_map(|server| known::host(&server.host));
    match known {
        Some(Known::Provider(name)) => Found::Provider(name),
        Some(Known::PasswordOnly(service)) => Found::PasswordOnly(service),
        None => Found::Servers(servers),
    }
}
