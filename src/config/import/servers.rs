//! Which servers an app's mail goes to.
//!
//! The old programs bind a server to a local port, and any account may use any port; here the servers belong to the
//! app. So each server of the old file is matched with the providers: by its own name, else by a domain that it shares
//! with the account or the token endpoint, else as the only one there is.

use crate::{
    base::Protocol,
    config::{provider::preset, raw},
    net::UpstreamTls,
};

/// A server of the old file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundServer {
    pub line: usize,
    pub origin: String,
    pub protocol: raw::Protocol,
    pub host: String,
    pub port: u16,
    pub tls: UpstreamTls,
}

/// What the configuration has to say, since it differs from what is known for the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    pub server: String,
    /// Only where the port does not tell.
    pub tls: Option<UpstreamTls>,
}

/// How sure it is.
#[derive(Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// Nothing was found for this protocol.
    Unknown,
    Sure(&'a FoundServer),
    /// Several would do, or the one that there is has a name of nobody's.
    Guess(&'a FoundServer),
}

/// Names under which the providers' own servers are known.
const FAMILIES: &[(&str, &[&str], &[raw::Provider])] = &[
    (
        "microsoft",
        &["office365.com", "outlook.com", "office.com"],
        &[raw::Provider::Microsoft365, raw::Provider::Outlook],
    ),
    ("microsoft-us", &["office365.us"], &[raw::Provider::Microsoft365GccHigh, raw::Provider::Microsoft365Dod]),
    ("microsoft-cn", &["outlook.cn", "office365.cn"], &[raw::Provider::Microsoft365China]),
    ("google", &["gmail.com", "googlemail.com", "google.com"], &[raw::Provider::Google]),
    ("fastmail", &["fastmail.com"], &[raw::Provider::Fastmail]),
    ("yahoo", &["yahoo.com", "yahoo.co.uk"], &[raw::Provider::Yahoo]),
    ("aol", &["aol.com"], &[raw::Provider::Aol]),
];

/// `near`: the host of the token endpoint and the address, whose domains the server may share.
pub fn choose<'a>(
    servers: &'a [FoundServer],
    protocol: raw::Protocol,
    provider: raw::Provider,
    near: &[&str],
) -> Choice<'a> {
    let own = family_of(provider);
    let known = known(provider, protocol);
    let rank = |server: &FoundServer| match family(&server.host) {
        _ if known.is_some_and(|known| known == (server.host.as_str(), server.port, server.tls)) => Some(0),
        Some(family) if own == Some(family) => Some(1),
        None if near.iter().any(|near| is_near(&server.host, near)) => Some(2),
        None => Some(3),
        Some(_) => None,
    };
    let mut ranked: Vec<(u8, &FoundServer)> = servers
        .iter()
        .filter(|server| server.protocol == protocol)
        .filter_map(|server| Some((rank(server)?, server)))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    let Some((best, server)) = ranked.first().copied() else { return Choice::Unknown };
    let same = |other: &FoundServer| (&other.host, other.port, other.tls) == (&server.host, server.port, server.tls);
    let rivals = ranked.iter().any(|(rank, other)| *rank == best && !same(other));
    let stranger = best == 3 && provider != raw::Provider::Custom;
    if rivals || stranger { Choice::Guess(server) } else { Choice::Sure(server) }
}

impl FoundServer {
    /// `None` where it is what is known for the provider.
    pub fn differs(&self, provider: raw::Provider) -> Option<Override> {
        let known = known(provider, self.protocol);
        if known.is_some_and(|known| known == (self.host.as_str(), self.port, self.tls)) {
            return None;
        }
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let told = told_by(self.port, known.map(|(_, _, tls)| tls), self.protocol);
        let tls = (told != self.tls).then_some(self.tls);
        Some(Override { server: format!("{host}:{}", self.port), tls })
    }
}

/// What `check` makes of a port when nothing is said.
fn told_by(port: u16, known: Option<UpstreamTls>, protocol: raw::Protocol) -> UpstreamTls {
    match Protocol::of_port(port) {
        Some((_, false)) => UpstreamTls::Implicit,
        Some((_, true)) => UpstreamTls::StartTls,
        None => known.unwrap_or(match protocol {
            raw::Protocol::Smtp => UpstreamTls::StartTls,
            _ => UpstreamTls::Implicit,
        }),
    }
}

fn known(provider: raw::Provider, protocol: raw::Protocol) -> Option<(&'static str, u16, UpstreamTls)> {
    let preset = preset(provider);
    match protocol {
        raw::Protocol::Smtp => preset.smtp,
        raw::Protocol::Imap => preset.imap,
        raw::Protocol::Pop3 => preset.pop3,
    }
}

/// Of the host of a server.
fn family(host: &str) -> Option<&'static str> {
    let found = FAMILIES.iter().find(|(_, names, _)| names.iter().any(|name| is_under(host, name)));
    found.map(|(family, ..)| *family)
}

fn family_of(provider: raw::Provider) -> Option<&'static str> {
    FAMILIES.iter().find(|(_, _, providers)| providers.contains(&provider)).map(|(family, ..)| *family)
}

fn is_under(host: &str, name: &str) -> bool {
    let rest = host.len().checked_sub(name.len()).and_then(|at| host.get(at..).map(|end| (at, end)));
    rest.is_some_and(|(at, end)| {
        end.eq_ignore_ascii_case(name) && (at == 0 || host.as_bytes().get(at - 1) == Some(&b'.'))
    })
}

/// The same last two labels, or the same address.
fn is_near(host: &str, other: &str) -> bool {
    let last_two = |name: &str| {
        let name = name.rsplit('@').next().unwrap_or_default().to_lowercase();
        if name.parse::<std::net::IpAddr>().is_ok() {
            return name;
        }
        let labels: Vec<&str> = name.rsplit('.').take(2).collect();
        labels.join(".")
    };
    last_two(host) == last_two(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(protocol: raw::Protocol, host: &str, port: u16, tls: UpstreamTls) -> FoundServer {
        FoundServer { line: 1, origin: format!("[{host}]"), protocol, host: host.to_owned(), port, tls }
    }

    #[test]
    fn each_provider_finds_its_own_servers_among_those_of_others() {
        let imap = |host: &str| server(raw::Protocol::Imap, host, 993, UpstreamTls::Implicit);
        let all = [imap("imap.gmail.com"), imap("mail.example.org"), imap("outlook.office365.com")];
        let chosen = |provider, near: &[&str]| match choose(&all, raw::Protocol::Imap, provider, near) {
            Choice::Sure(server) => format!("sure {}", server.host),
            Choice::Guess(server) => format!("guess {}", server.host),
            Choice::Unknown => "unknown".to_owned(),
        };
        assert_eq!(chosen(raw::Provider::Google, &[]), "sure imap.gmail.com");
        assert_eq!(chosen(raw::Provider::Outlook, &[]), "sure outlook.office365.com");
        assert_eq!(chosen(raw::Provider::Custom, &["login.example.org"]), "sure mail.example.org");
        assert_eq!(chosen(raw::Provider::Custom, &[]), "sure mail.example.org", "the only one of nobody's");
        assert_eq!(chosen(raw::Provider::Yahoo, &[]), "guess mail.example.org");
        assert_eq!(choose(&all, raw::Protocol::Pop3, raw::Provider::Google, &[]), Choice::Unknown);
        assert!(!is_under("notgmail.com", "gmail.com") && is_under("SMTP.gmail.com", "gmail.com"));
    }

    #[test]
    fn only_what_differs_from_the_preset_is_said() {
        let smtp =
            |host: &str, port, tls| server(raw::Protocol::Smtp, host, port, tls).differs(raw::Provider::Microsoft365);
        let said = |server: &str, tls| Some(Override { server: server.to_owned(), tls });
        assert_eq!(smtp("smtp.office365.com", 587, UpstreamTls::StartTls), None);
        assert_eq!(smtp("smtp-mail.outlook.com", 587, UpstreamTls::StartTls), said("smtp-mail.outlook.com:587", None));
        assert_eq!(
            smtp("smtp.office365.com", 587, UpstreamTls::Implicit),
            said("smtp.office365.com:587", Some(UpstreamTls::Implicit))
        );
        assert_eq!(smtp("::1", 10587, UpstreamTls::StartTls), said("[::1]:10587", None));
    }
}
