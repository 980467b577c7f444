//! `[IMAP-1993]` and the like: where clients connect, and which server stands behind.

use std::net::IpAddr;

use super::{PROSE, boolean};
use crate::{
    config::{
        import::{
            found::{Found, FoundListener},
            ini::{Ini, Section},
            servers::FoundServer,
        },
        raw,
    },
    net::UpstreamTls,
};

/// `TYPE-PORT`, in capitals; the port may be out of range.
fn named(section: &str) -> Option<(raw::Protocol, &str)> {
    let (kind, port) = section.split_once('-')?;
    let protocol = match kind {
        "IMAP" => raw::Protocol::Imap,
        "POP" => raw::Protocol::Pop3,
        "SMTP" => raw::Protocol::Smtp,
        _ => return None,
    };
    (!port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some((protocol, port))
}

pub fn is_server(section: &str) -> bool {
    named(section).is_some()
}

pub fn read(ini: &Ini, found: &mut Found) -> Vec<FoundServer> {
    let mut servers = Vec::new();
    for section in ini.sections() {
        let Some((protocol, port)) = named(&section.name) else { continue };
        let Some(port) = port.parse().ok().filter(|port| *port != 0u16) else {
            found.report.left_out(section.line, format!("[{}]", section.name), "its port is out of range");
            continue;
        };
        let read = ServerSection { ini, section, protocol, port };
        read.unknown_keys(found);
        if let Some(server) = read.server(found) {
            servers.push(server);
            let listener = read.listener(found);
            found.listeners.push(listener);
        }
    }
    servers
}

struct ServerSection<'a> {
    ini: &'a Ini,
    section: &'a Section,
    protocol: raw::Protocol,
    port: u16,
}

impl ServerSection<'_> {
    fn value(&self, key: &str) -> Option<&str> {
        let entry = self.ini.entry(&self.section.name, key)?;
        Some(entry.value.as_str()).filter(|value| !value.is_empty())
    }

    fn line(&self, key: &str) -> usize {
        self.section.entry(key).map_or(self.section.line, |entry| entry.line)
    }

    fn place(&self, key: &str) -> String {
        format!("[{}] {key}", self.section.name)
    }

    /// Only SMTP has switches of this kind; the old name of one is still taken.
    fn switch(&self, key: &str, found: &mut Found) -> Option<bool> {
        let entry = self.ini.entry(&self.section.name, key)?;
        (self.protocol == raw::Protocol::Smtp).then(|| boolean(entry, &self.place(key), found))
    }

    fn unknown_keys(&self, found: &mut Found) {
        const KNOWN: &[&str] = &[
            "server_address",
            "server_port",
            "server_starttls",
            "starttls",
            "local_address",
            "local_certificate_path",
            "local_key_path",
            "local_starttls",
        ];
        let smtp_only = ["server_starttls", "starttls", "local_starttls"];
        for entry in &self.section.entries {
            let key = entry.key.as_str();
            if key == "plugins" {
                let text = "there are no plugins here: messages pass as they are";
                found.report.no_equivalent(entry.line, self.place(key), text);
            } else if smtp_only.contains(&key) && self.protocol != raw::Protocol::Smtp {
                found.report.no_equivalent(entry.line, self.place(key), "it has an effect on SMTP alone");
            } else if !KNOWN.contains(&key) && !PROSE.contains(&key) {
                found.report.left_out(entry.line, self.place(key), "this key is not known");
            }
        }
    }

    fn server(&self, found: &mut Found) -> Option<FoundServer> {
        let Some(host) = self.value("server_address") else {
            found.report.left_out(self.section.line, self.place("server_address"), "is missing");
            return None;
        };
        let port = self.value("server_port").and_then(|port| port.parse().ok()).filter(|port| *port != 0u16);
        let Some(port) = port else {
            found.report.left_out(self.line("server_port"), self.place("server_port"), "is not a port");
            return None;
        };
        let host = host.trim_matches(['[', ']']);
        if host.is_empty() || host.contains(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_' | ':'))
        {
            found.report.left_out(self.line("server_address"), self.place("server_address"), "is not a host name");
            return None;
        }
        let old_name = self.switch("starttls", found).unwrap_or(false);
        let starttls = self.switch("server_starttls", found).unwrap_or(old_name);
        Some(FoundServer {
            line: self.section.line,
            origin: format!("[{}]", self.section.name),
            protocol: self.protocol,
            host: host.to_lowercase(),
            port,
            tls: if starttls { UpstreamTls::StartTls } else { UpstreamTls::Implicit },
        })
    }

    fn listener(&self, found: &mut Found) -> FoundListener {
        let certificate = match (self.value("local_certificate_path"), self.value("local_key_path")) {
            (Some(certificate), Some(key)) => Some((certificate.to_owned(), key.to_owned())),
            (None, None) => None,
            _ => {
                let text = "certificate and key belong together, and one is missing: TLS is off";
                found.report.check(self.section.line, format!("[{}]", self.section.name), text);
                None
            }
        };
        let starttls = self.switch("local_starttls", found).unwrap_or(false);
        let tls = match (&certificate, starttls) {
            (Some(_), true) => Some(raw::ListenerTls::Starttls),
            (Some(_), false) => Some(raw::ListenerTls::Implicit),
            (None, true) => {
                let text = "it needs a certificate; TLS is off";
                found.report.check(self.line("local_starttls"), self.place("local_starttls"), text);
                None
            }
            (None, false) => None,
        };
        FoundListener {
            origin: format!("[{}]", self.section.name),
            protocol: self.protocol,
            listen: self.listen(found),
            tls,
            certificate,
        }
    }

    /// This machine alone, unless the file says more in so many words.
    fn listen(&self, found: &mut Found) -> Vec<String> {
        let port = self.port;
        let loopback = || vec![format!("127.0.0.1:{port}"), format!("[::1]:{port}")];
        let place = self.place("local_address");
        let Some(written) = self.value("local_address") else {
            let text = format!(
                "without it the old program may listen on every address; here this machine alone can connect. For \
                 other machines: listen = [\"0.0.0.0:{port}\", \"[::]:{port}\"]"
            );
            found.report.check(self.section.line, place, text);
            return loopback();
        };
        let name = written.trim_matches(['[', ']']);
        match name.parse::<IpAddr>() {
            // Both families, as the old program opens it.
            Ok(IpAddr::V6(address)) if address.is_unspecified() => {
                vec![format!("0.0.0.0:{port}"), format!("[::]:{port}")]
            }
            Ok(IpAddr::V6(address)) => vec![format!("[{address}]:{port}")],
            Ok(IpAddr::V4(address)) => vec![format!("{address}:{port}")],
            Err(_) if name.eq_ignore_ascii_case("localhost") => loopback(),
            Err(_) => {
                let text =
                    "names are not looked up here, so this machine alone can connect; write its address to `listen`";
                found.report.check(self.line("local_address"), place, text);
                loopback()
            }
        }
    }
}
