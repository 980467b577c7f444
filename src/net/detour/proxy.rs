//! A proxy as its URL names it: `http://` (CONNECT) or `socks5://`, with user and password where it wants them.
//!
//! What one of the two ways to a proxy could not say is refused here, while somebody reads the answer: a user without a
//! password, a colon in a user of HTTP (RFC 7617 2), more than 255 bytes for SOCKS (RFC 1929 2). No text holds a value
//! that stood in the URL beside host and port.

use std::{fmt, net::IpAddr};

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::{base::Secret, catalog::Via};

/// RFC 1929 2: lengths are one byte.
const SOCKS_LIMIT: usize = 255;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// CONNECT (RFC 9110 9.3.6).
    Http,
    /// RFC 1928.
    Socks5,
}

/// `Display` is the URL without user and password.
#[derive(Clone, Debug)]
pub struct Proxy {
    pub kind: ProxyKind,
    /// Name or address literal, without brackets.
    pub host: String,
    pub port: u16,
    pub login: Option<ProxyLogin>,
    /// The key of `[network]` under which it stands; empty where it stands nowhere.
    pub key: &'static str,
    /// The file or variable that this key names, else the key.
    pub place: String,
}

#[derive(Clone, Debug)]
pub struct ProxyLogin {
    pub user: String,
    pub password: Secret,
}

impl Proxy {
    /// From a URL; what is wrong with it otherwise.
    pub fn parse(written: &str) -> Result<Self, &'static str> {
        let url = Url::parse(written).map_err(|_| "is not a URL; in user and password write @ : / # ? % as %XX")?;
        let kind = match url.scheme() {
            "http" => ProxyKind::Http,
            "socks5" | "socks5h" => ProxyKind::Socks5,
            "https" => {
                return Err("wants TLS to the proxy itself (https://), which Gatepost does not speak: write http://, \
                            for what passes is under TLS anyway");
            }
            _ => return Err("is neither http:// nor socks5://"),
        };
        let host = url.host_str().map(|host| host.trim_start_matches('[').trim_end_matches(']'));
        let host = host.filter(|host| !host.is_empty()).ok_or("names no host")?.to_owned();
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err("holds more than user, password, host and port; in these write / # ? as %2F %23 %3F");
        }
        let port = url.port().unwrap_or(match kind {
            ProxyKind::Http => 80,
            ProxyKind::Socks5 => 1080,
        });
        Ok(Self { kind, host, port, login: login(&url, kind)?, key: "", place: String::new() })
    }

    /// `host:port`.
    pub fn at(&self) -> String {
        authority(&self.host, self.port)
    }

    /// What people may be told of it by itself: never the password.
    pub fn via(&self) -> Via {
        Via {
            url: self.to_string(),
            key: self.key,
            place: self.place.clone(),
            user: self.login.as_ref().map(|login| login.user.clone()),
            carries: Vec::new(),
        }
    }

    /// The same, written for the HTTP client, with everything in it.
    ///
    /// Its `socks5h` is our `socks5`: the proxy resolves the names, since machines behind one often have no DNS that
    /// knows the world.
    pub fn written_out(&self) -> Secret {
        self.written("socks5h", |password| utf8_percent_encode(password.expose(), NON_ALPHANUMERIC).to_string())
    }

    /// With `mask` in the place of the password.
    pub fn masked(&self, mask: &str) -> String {
        self.written("socks5", |_| mask.to_owned()).expose().to_owned()
    }

    fn written(&self, socks: &str, password: impl Fn(&Secret) -> String) -> Secret {
        let scheme = if self.kind == ProxyKind::Http { "http" } else { socks };
        let login = self.login.as_ref().map(|login| {
            format!("{}:{}@", utf8_percent_encode(&login.user, NON_ALPHANUMERIC), password(&login.password))
        });
        Secret::new(format!("{scheme}://{}{}", login.unwrap_or_default(), self.at()))
    }

    /// Whether the two are the same in all, the password included.
    pub fn is_same(&self, other: &Self) -> bool {
        self.written_out().matches(&other.written_out())
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.kind == ProxyKind::Http { "http" } else { "socks5" };
        write!(f, "{scheme}://{}", self.at())
    }
}

fn login(url: &Url, kind: ProxyKind) -> Result<Option<ProxyLogin>, &'static str> {
    let decoded = |text| percent_decode_str(text).decode_utf8().map(|text| text.into_owned());
    let (user, password) = match (url.username(), url.password()) {
        ("", None) => return Ok(None),
        ("", Some(_)) => return Err("has a password without a user"),
        (_, None) => return Err("has a user without a password"),
        (user, Some(password)) => (decoded(user), decoded(password)),
    };
    let (Ok(user), Ok(password)) = (user, password) else { return Err("has a user or password that is not UTF-8") };
    let password = Secret::new(password);
    if (user.clone() + password.expose()).contains(|c: char| c.is_control()) {
        return Err("has control characters in its user or password");
    }
    match kind {
        ProxyKind::Http if user.contains(':') => Err("has a colon in its user, which HTTP cannot carry"),
        ProxyKind::Socks5 if user.len().max(password.len()) > SOCKS_LIMIT => {
            Err("has a user or password of more than 255 bytes, which SOCKS cannot carry")
        }
        _ => Ok(Some(ProxyLogin { user, password })),
    }
}

/// `host:port`, with brackets where they belong.
pub(in crate::net) fn authority(host: &str, port: u16) -> String {
    match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    }
}

/// Targets of this machine and of its own link (a sandbox, the identity endpoint of a cloud's machine) are never asked
/// for through a proxy: what answers there is meant for this machine, and the proxy has another localhost.
pub fn is_beside(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
    match host.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unicast_link_local(),
        // RFC 6761 6.3
        Err(_) => host == "localhost" || host.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_scheme_host_port_and_login_and_reads_back() {
        let proxy = Proxy::parse("http://ann%40corp:p%2Fs%3Aw%25@Proxy.corp:3128/").unwrap();
        let login = proxy.login.clone().unwrap();
        assert_eq!(
            (proxy.kind, proxy.at().as_str(), login.user.as_str()),
            (ProxyKind::Http, "proxy.corp:3128", "ann@corp")
        );
        assert_eq!(login.password.expose(), "p/s:w%");
        assert!(Proxy::parse(proxy.written_out().expose()).unwrap().is_same(&proxy));
        assert_eq!(proxy.to_string(), "http://proxy.corp:3128");
        assert_eq!(proxy.masked("[hidden]"), "http://ann%40corp:[hidden]@proxy.corp:3128");
        assert!(Proxy::parse(&proxy.masked("[hidden]")).is_ok(), "what is shown can be read");
        assert!(!Proxy::parse("http://ann%40corp:other@proxy.corp:3128").unwrap().is_same(&proxy));
        assert!(!format!("{proxy:?}").contains("p/s"), "{proxy:?}");

        let six = Proxy::parse("socks5://[2001:db8::1]").unwrap();
        assert_eq!((six.host.as_str(), six.at().as_str()), ("2001:db8::1", "[2001:db8::1]:1080"));
        assert_eq!(Proxy::parse("socks5h://10.0.0.1:9").unwrap().written_out().expose(), "socks5h://10.0.0.1:9");
        assert_eq!(Proxy::parse("http://proxy").unwrap().port, 80);
    }

    #[test]
    fn what_cannot_be_said_to_a_proxy_is_refused_and_no_text_tells_the_password() {
        let long = format!("socks5://u:{}@proxy", "hunter2".repeat(40));
        for (written, expected) in [
            ("proxy:3128", "neither http:// nor"),
            ("http://", "not a URL"),
            ("https://proxy:3128", "TLS to the proxy"),
            ("ftp://proxy", "neither"),
            ("http://ann:hunter2#x@proxy:3128", "not a URL"),
            ("http://ann:1/hunter2@proxy:3128", "more than user"),
            ("http://proxy:3128/pac", "more than user"),
            ("http://ann@proxy:3128", "without a password"),
            ("http://:hunter2@proxy:3128", "without a user"),
            ("http://a%3Ab:hunter2@proxy:3128", "colon"),
            ("http://a:hunter2%0d%0a@proxy:3128", "control"),
            ("http://a:hunter2%ff@proxy:3128", "UTF-8"),
            (long.as_str(), "255"),
        ] {
            let why = Proxy::parse(written).map(|proxy| proxy.to_string()).unwrap_err();
            assert!(why.contains(expected) && !why.contains("hunter2"), "{written}: {why}");
        }
    }

    #[test]
    fn this_machine_and_its_link_lie_beside_every_proxy() {
        for host in [
            "localhost",
            "LOCALHOST.",
            "mail.localhost",
            "127.0.0.1",
            "127.9.8.7",
            "::1",
            "[::1]",
            "169.254.169.254",
            "fe80::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_beside(host), "{host}");
        }
        for host in [
            "outlook.office365.com",
            "localhost.corp",
            "10.0.0.1",
            "128.0.0.1",
            "2001:db8::1",
            "[fd00::1]",
            "notlocalhost",
        ] {
            assert!(!is_beside(host), "{host}");
        }
    }
}
