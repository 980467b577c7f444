//! The command that shows with what a server proves itself: through the proxy that is in between, and with TLS begun as that
//! server begins it. It knows hosts, ports and protocols, and nothing of accounts.

use super::{Via, is_harmless};
use crate::base::Protocol;

/// How a server begins, as curl and OpenSSL name it.
#[derive(Clone, Copy)]
pub(super) enum Opening {
    /// With TLS; the scheme of it.
    Tls(&'static str),
    /// Plain, and asked for TLS then (STARTTLS, STLS).
    Plain(&'static str),
}

impl Opening {
    pub const WEB: Self = Self::Tls("https");

    /// As it is configured; where nobody says, by the usual ports.
    pub fn of(speaks: Option<(Protocol, bool)>, port: Option<u16>) -> Self {
        match speaks.or_else(|| Protocol::of_port(port?)) {
            None => Self::WEB,
            Some((protocol, true)) => Self::Plain(protocol.as_str()),
            Some((Protocol::Smtp, false)) => Self::Tls("smtps"),
            Some((Protocol::Imap, false)) => Self::Tls("imaps"),
            Some((Protocol::Pop3, false)) => Self::Tls("pop3s"),
        }
    }
}

/// Shows what a server proves itself with, on the way that is gone. OpenSSL knows no way through SOCKS.
pub(super) fn look_at_certificate(host: &str, port: &str, opening: Opening, proxy: Option<&Via>) -> String {
    let (scheme, starttls) = match opening {
        Opening::Tls(scheme) => (scheme.to_owned(), String::new()),
        Opening::Plain(protocol) => (format!("--ssl-reqd {protocol}"), format!(" -starttls {protocol}")),
    };
    let through = match proxy.map(|via| (via, via.url.strip_prefix("http://"))) {
        Some((Via { user: Some(user), .. }, Some(at))) => {
            let user = if is_harmless(user) { user } else { "'<user>'" };
            format!(" -proxy {at} -proxy_user {user} -proxy_pass 'pass:<password>'")
        }
        Some((_, Some(at))) => format!(" -proxy {at}"),
        Some((via, None)) => return format!("curl -v -x {} {scheme}://{host}:{port}/", as_curl_has_it(via)),
        None => String::new(),
    };
    format!("openssl s_client -connect {host}:{port}{through} -servername {host} -showcerts{starttls}")
}

/// What we call `socks5` has the proxy resolve names. The password is typed by whoever runs it: curl asks for it where there
/// is a user alone. What is not known stands in quotes, for a shell would read files of these names.
pub(super) fn as_curl_has_it(proxy: &Via) -> String {
    let url = proxy.url.strip_prefix("socks5://").map_or_else(|| proxy.url.clone(), |at| format!("socks5h://{at}"));
    match &proxy.user {
        Some(user) if is_harmless(user) => format!("{url} --proxy-user {user}"),
        Some(_) => url + " --proxy-user '<user>:<password>'",
        None => url,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_begins_as_the_server_begins_it_whatever_the_port_and_the_way() {
        let at = |speaks, port: u16| look_at_certificate("h", &port.to_string(), Opening::of(speaks, Some(port)), None);
        for (speaks, port, ends) in [
            (None, 587, " -starttls smtp"),
            (None, 993, " -showcerts"),
            (None, 143, " -starttls imap"),
            (Some((Protocol::Smtp, true)), 2525, " -starttls smtp"),
            (Some((Protocol::Pop3, true)), 995, " -starttls pop3"),
            (Some((Protocol::Imap, false)), 143, " -showcerts"),
        ] {
            let said = at(speaks, port);
            assert!(said.starts_with(&format!("openssl s_client -connect h:{port} -servername h")), "{said}");
            assert!(said.ends_with(ends), "{speaks:?} {port}: {said}");
        }
        let via = |url: &str, user: Option<&str>| Via {
            url: url.to_owned(),
            key: "mail-proxy",
            place: String::new(),
            user: user.map(str::to_owned),
            carries: Vec::new(),
        };
        let through = |opening, proxy: &Via| look_at_certificate("h", "1", opening, Some(proxy));
        let socks = via("socks5://p:1080", None);
        assert_eq!(through(Opening::Plain("imap"), &socks), "curl -v -x socks5h://p:1080 --ssl-reqd imap://h:1/");
        for (user, shown) in [("svc", "svc"), ("CORP\\svc", "'<user>:<password>'"), ("$(id)", "'<user>:<password>'")] {
            let said = as_curl_has_it(&via("http://p:3128", Some(user)));
            assert_eq!(said, format!("http://p:3128 --proxy-user {shown}"), "a shell opens no file");
        }
        assert_eq!(through(Opening::Tls("smtps"), &socks), "curl -v -x socks5h://p:1080 smtps://h:1/");
        for (user, shown) in [("svc", "svc"), ("CORP\\svc", "'<user>'"), ("$(id)", "'<user>'")] {
            let http = through(Opening::WEB, &via("http://p:3128", Some(user)));
            let login = format!(" -proxy p:3128 -proxy_user {shown} -proxy_pass 'pass:<password>' -servername h ");
            assert!(http.contains(&login), "{http}");
        }
    }
}
