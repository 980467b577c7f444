//! Addresses and redirect URIs of old files, as this configuration takes them.

use url::Url;

use super::report::Report;

pub struct Mailbox {
    pub address: String,
    pub sign_in_as: Option<String>,
}

/// `ann@contoso.com`; and `ann@contoso.com\shared`, with which Exchange once opened a shared mailbox.
pub fn mailbox(name: &str) -> Option<Mailbox> {
    if let Some((delegate, shared)) = name.split_once(['\\', '/']) {
        let domain = delegate.rsplit('@').next()?;
        let shared = if shared.contains('@') { shared.to_owned() } else { format!("{shared}@{domain}") };
        let sign_in_as = address(delegate)?;
        return Some(Mailbox { address: address(&shared)?, sign_in_as: Some(sign_in_as) });
    }
    Some(Mailbox { address: address(name)?, sign_in_as: None })
}

/// The rules of `config::check`, which has the last word.
fn address(written: &str) -> Option<String> {
    let (local, domain) = written.rsplit_once('@')?;
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>(),;:\\\"[]*@/".contains(c);
    let fine = !local.is_empty() && !domain.is_empty() && !local.contains(odd) && !domain.contains(odd);
    fine.then(|| written.to_lowercase())
}

/// `None` for what holds without being written: any free port of this machine.
pub fn redirect_uri(written: &str, line: usize, place: &str, report: &mut Report) -> Option<String> {
    let Ok(url) = Url::parse(written) else {
        report.check(line, place, "is not a URL, and was left out");
        return None;
    };
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "http" && here && url.port().is_none() && url.path() == "/" {
        return None;
    }
    if url.scheme() == "http" && !here {
        report.check(line, place, "plain http to another machine is not taken: register a loopback address or https");
        return None;
    }
    if !here || url.scheme() != "http" {
        report.check(
            line,
            place,
            "no browser can come back to it by itself: sign in with `gatepost login --flow paste`",
        );
    }
    Some(written.to_owned())
}
