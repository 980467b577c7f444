//! The three servers of an app, from those of the old file: only what differs from the provider's own.

use url::Url;

use super::{
    found::Found,
    servers::{Choice, FoundServer, Override, choose},
};
use crate::config::raw;

const PROTOCOLS: [(raw::Protocol, &str, u16); 3] =
    [(raw::Protocol::Smtp, "smtp", 587), (raw::Protocol::Imap, "imap", 993), (raw::Protocol::Pop3, "pop3", 995)];

/// SMTP, IMAP, POP3. What is a guess is reported under `name`.
pub fn upstreams(
    servers: &[FoundServer],
    provider: raw::Provider,
    token_url: &str,
    address: &str,
    name: &str,
    line: usize,
    found: &mut Found,
) -> [Option<Override>; 3] {
    let token = Url::parse(token_url).ok();
    let token_host = token.as_ref().and_then(Url::host_str).unwrap_or_default();
    let near = [token_host, address];
    let choices = PROTOCOLS.map(|(protocol, ..)| choose(servers, protocol, provider, &near));
    let any = choices.iter().find_map(|choice| match choice {
        Choice::Sure(server) | Choice::Guess(server) => Some(server.host.clone()),
        Choice::Unknown => None,
    });
    let mut all = choices.into_iter().zip(PROTOCOLS).map(|(choice, (protocol, key, port))| match choice {
        Choice::Sure(server) => server.differs(provider),
        Choice::Guess(server) => {
            let chosen = format!("its {key} server could be another; {} of {} was taken", server.host, server.origin);
            found.report.check(line, format!("[{name}]"), chosen);
            server.differs(provider)
        }
        // Its own are known, or nothing listens for this protocol; `custom` has to name one all the same.
        Choice::Unknown if provider == raw::Provider::Custom => {
            let domain = address.rsplit('@').next().unwrap_or_default();
            let host = any.clone().unwrap_or_else(|| format!("{key}.{domain}"));
            let host = if host.contains(':') { format!("[{host}]") } else { host };
            if !servers.iter().any(|server| server.protocol == protocol) {
                let text = format!("no {key} server is in the old file: {host}:{port} is a guess");
                found.report.check(line, format!("[{name}]"), text);
            }
            Some(Override { server: format!("{host}:{port}"), tls: None })
        }
        Choice::Unknown => None,
    });
    [all.next().flatten(), all.next().flatten(), all.next().flatten()]
}
