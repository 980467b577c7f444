//! The way to each server: name, connection, proxy, TLS. Each of them is a layer, and the first that fails is told.
//!
//! It dials as the daemon does. No token leaves: where TLS comes by STARTTLS the dialogue ends with the handshake.

use std::{collections::HashSet, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use super::{
    look::Look,
    next::Who,
    report::{Check, Layer},
    scope::{Scope, protocols},
    token::Means,
    words::{Name, Said},
};
use crate::{
    account::{Destination, Proxies, Service, destinations},
    base::{Fault, Lang, Protocol, Sasl, Secret, printable},
    catalog::{
        Entry, Via,
        doctor::{CLOCK_SKEWED, MAIL_PORT_PORTAL, PROVIDER_NAME_UNKNOWN, TLS_INTERCEPTED},
        graph::GRAPH_UNREACHABLE,
        own::{
            PROXY_PORTAL, UPSTREAM_LOST, UPSTREAM_NAME_UNKNOWN, UPSTREAM_PROTOCOL, UPSTREAM_TIMEOUT,
            UPSTREAM_TLS_FAILED, UPSTREAM_TLS_UNTRUSTED, UPSTREAM_UNREACHABLE,
        },
        token::{TOKEN_ENDPOINT_UNREACHABLE, TOKEN_ENDPOINT_UNTRUSTED},
    },
    config::Config,
    net::{
        self, DialError, DialLayer, Looked, Network, Proxy, Stream, TlsFault, TlsFaultKind, Untrusted, Upstream,
        UpstreamTls, Want, drive, is_beside,
    },
    oauth::{App, grants::unattended::meaning},
    wire::{sasl::Credentials, smtp::SmtpBack},
};

/// For all of it.
const WITHIN: Duration = Duration::from_secs(15);
/// For a page in the place of a mail server.
const PORTAL_WITHIN: Duration = Duration::from_secs(3);
/// Of its answer.
const PORTAL_MOST: usize = 4096;

/// Organizations whose public authorities stand behind the servers of providers. An issuer that is none of them and is
/// trusted all the same was installed on this machine on purpose.
const PUBLIC_AUTHORITIES: &[&str] = &[
    "Microsoft",
    "DigiCert",
    "Google Trust",
    "GlobalSign",
    "Let's Encrypt",
    "Sectigo",
    "Amazon",
    "Entrust",
    "Internet Security Research",
    "GoDaddy",
    "IdenTrust",
    "SSL Corp",
    "Actalis",
    "Buypass",
    "Certum",
    "Asseco",
    "SwissSign",
    "ZeroSSL",
    "CFCA",
    "TrustAsia",
];

/// A server that somebody in scope needs.
#[derive(Debug, Clone)]
pub(super) struct Target {
    pub name: Name,
    pub upstream: Upstream,
    secure: Secure,
    proxy: Option<Proxy>,
    /// The same for people, with all that goes through it.
    via: Option<Via>,
    /// Whose it is, where one app alone has it.
    app: Option<Arc<App>>,
    unreachable: &'static Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secure {
    /// Plain HTTP, on this machine alone.
    Never,
    AtOnce,
    ByStartTls,
}

pub(super) struct Walked {
    pub checks: Vec<Check>,
    /// One can go all of it.
    pub is_open: bool,
}

/// Which ways can be gone.
#[derive(Debug, Default)]
pub(super) struct Open(HashSet<String>);

impl Open {
    pub fn note(&mut self, target: &Target, walked: &Walked) {
        if walked.is_open {
            self.0.insert(target.key());
        }
    }

    pub fn has(&self, name: Name, upstream: &Upstream) -> bool {
        self.0.contains(&key(name, &upstream.host, upstream.port))
    }

    pub fn has_identity(&self, app: &App) -> bool {
        identity_of(app).is_some_and(|(upstream, _)| self.has(Name::IdentityProvider, &upstream))
    }

    pub fn has_graph(&self, app: &App) -> bool {
        let url = app.graph.as_ref().map(|graph| &graph.url);
        url.and_then(server_of).is_some_and(|(upstream, _)| self.has(Name::GraphServer, &upstream))
    }
}

fn key(name: Name, host: &str, port: u16) -> String {
    format!("{} {host}:{port}", name.as_str())
}

impl Target {
    fn key(&self) -> String {
        key(self.name, &self.upstream.host, self.upstream.port)
    }

    fn shown(&self) -> String {
        format!("{}:{}", self.upstream.host, self.upstream.port)
    }

    fn is_identity(&self) -> bool {
        self.name == Name::IdentityProvider
    }

    fn through(&self) -> Option<&Proxy> {
        self.proxy.as_ref().filter(|_| !is_beside(&self.upstream.host))
    }

    fn unresolved(&self) -> &'static Entry {
        if self.is_of_mail() { UPSTREAM_NAME_UNKNOWN } else { PROVIDER_NAME_UNKNOWN }
    }

    fn is_of_mail(&self) -> bool {
        self.protocol().is_some()
    }

    const fn protocol(&self) -> Option<Protocol> {
        match self.name {
            Name::SmtpServer => Some(Protocol::Smtp),
            Name::ImapServer => Some(Protocol::Imap),
            Name::Pop3Server => Some(Protocol::Pop3),
            _ => None,
        }
    }

    fn who(&self) -> Who {
        let through = self.through();
        Who {
            host: Some(self.upstream.host.clone()),
            port: Some(self.upstream.port),
            speaks: self.protocol().map(|protocol| (protocol, self.secure == Secure::ByStartTls)),
            proxy: through.and_then(|_| self.via.clone()),
            app: self.app.as_ref().map(|app| app.name.clone()),
            is_app_only: self.app.as_ref().is_some_and(|app| app.grant.is_app_only()),
            login_host: self.is_identity().then(|| format!("https://{}", self.upstream.host)),
            ..Who::default()
        }
    }
}

/// Each server once, the identity providers first.
pub(super) fn targets(config: &Config, scope: &Scope) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for target in destinations(&scope.uses(config), &protocols(config)).into_iter().filter_map(|one| of(config, one)) {
        match targets.iter_mut().find(|known| known.key() == target.key()) {
            Some(known) => known.app = None,
            None => targets.push(target),
        }
    }
    targets
}

fn of(config: &Config, destination: Destination) -> Option<Target> {
    let (Network { http_proxy, mail_proxy, .. }, Proxies { http, mail }) = (&config.network, &config.proxies);
    let app = destination.app;
    let of_mail = |name, upstream: &Upstream| {
        let secure = if upstream.tls == UpstreamTls::StartTls { Secure::ByStartTls } else { Secure::AtOnce };
        (name, (upstream.clone(), secure), mail_proxy, mail)
    };
    let (name, (upstream, secure), proxy, via) = match destination.service {
        Service::IdentityProvider => (Name::IdentityProvider, identity_of(&app)?, http_proxy, http),
        Service::Graph => (Name::GraphServer, server_of(&app.graph.as_ref()?.url)?, http_proxy, http),
        Service::Mail(Protocol::Smtp) => of_mail(Name::SmtpServer, &app.smtp),
        Service::Mail(Protocol::Imap) => of_mail(Name::ImapServer, &app.imap),
        Service::Mail(Protocol::Pop3) => of_mail(Name::Pop3Server, &app.pop3),
    };
    let unreachable = match name {
        Name::IdentityProvider => meaning(app.grant, TOKEN_ENDPOINT_UNREACHABLE),
        Name::GraphServer => GRAPH_UNREACHABLE,
        _ => UPSTREAM_UNREACHABLE,
    };
    Some(Target { name, upstream, secure, proxy: proxy.clone(), via: via.clone(), app: Some(app), unreachable })
}

fn identity_of(app: &App) -> Option<(Upstream, Secure)> {
    server_of(&app.token_url)
}

fn server_of(url: &url::Url) -> Option<(Upstream, Secure)> {
    let secure = if url.scheme() == "https" { Secure::AtOnce } else { Secure::Never };
    let (host, port) = (url.host_str()?.to_owned(), url.port_or_known_default()?);
    Some((Upstream { host, port, tls: UpstreamTls::Implicit }, secure))
}

/// Goes all of it, as far as it is open.
pub(super) async fn walk(lang: Lang, means: &Means, target: &Target, until: Instant) -> Walked {
    let deadline = until.min(Instant::now() + WITHIN);
    let mut steps = Steps { lang, target, checks: Vec::new() };
    let plain = Upstream { tls: UpstreamTls::StartTls, ..target.upstream.clone() };
    let stream = net::dial(&plain, target.proxy.as_ref(), &means.tls, deadline).await;
    let is_open = match stream {
        Ok(stream) => {
            steps.reached(&stream);
            steps.tls(means, stream, deadline).await
        }
        Err(error) => {
            steps.unreached(&error);
            false
        }
    };
    Walked { checks: steps.checks, is_open }
}

struct Steps<'a> {
    lang: Lang,
    target: &'a Target,
    checks: Vec<Check>,
}

impl Steps<'_> {
    fn look(&self, layer: Layer) -> Look {
        Look::at(self.lang, layer, self.target.name).target(self.target.shown())
    }

    fn through(&self) -> Option<&Proxy> {
        self.target.through()
    }

    /// Behind a proxy its word is all there is of name and connection.
    fn reached(&mut self, stream: &Stream) {
        let host = self.target.upstream.host.trim_matches(['[', ']']);
        let is_name = host.parse::<std::net::IpAddr>().is_err();
        match self.through().map(ToString::to_string) {
            Some(proxy) => {
                self.checks.push(self.look(Layer::Dns).skip(Said::ProxyResolves));
                self.checks.push(self.look(Layer::Proxy).pass(Said::Through { proxy }));
            }
            None => {
                let address = stream.peer();
                if is_name {
                    self.checks.push(self.look(Layer::Dns).pass(Said::Plain(address.ip().to_string())));
                }
                self.checks.push(self.look(Layer::Tcp).pass(Said::Plain(address.to_string())));
            }
        }
    }

    fn unreached(&mut self, error: &DialError) {
        let who = self.target.who();
        let (layer, entry) = match error.layer {
            DialLayer::Resolve => (Layer::Dns, self.target.unresolved()),
            DialLayer::Timeout if error.tried.is_empty() && error.through.is_none() => {
                (Layer::Dns, self.target.unresolved())
            }
            DialLayer::Proxy(trouble) => (Layer::Proxy, trouble.entry()),
            _ if error.through.is_some() => (Layer::Proxy, self.target.unreachable),
            _ => (Layer::Tcp, self.target.unreachable),
        };
        if layer == Layer::Tcp && self.target.upstream.host.parse::<std::net::IpAddr>().is_err() {
            let found: Vec<String> = error.tried.iter().map(|(address, _)| address.ip().to_string()).collect();
            self.checks.push(self.look(Layer::Dns).pass(Said::Plain(found.join(", "))));
        }
        self.checks.push(self.look(layer).fault(&entry.fault().detail(error.to_string()), &who));
        if self.target.secure != Secure::Never {
            self.checks.push(self.look(Layer::Tls).skip(Said::Behind(layer)));
        }
    }

    /// `true`: it is up, or none is needed.
    async fn tls(&mut self, means: &Means, stream: Stream, deadline: Instant) -> bool {
        let look = self.look(Layer::Tls);
        if self.target.secure == Secure::Never {
            return true;
        }
        let who = self.target.who();
        let (tls, looked) = match means.tls.looking() {
            Ok(looking) => looking,
            Err(error) => {
                self.checks.push(look.fault(&TOKEN_ENDPOINT_UNTRUSTED.fault().detail(error.to_string()), &who));
                return false;
            }
        };
        let host = &self.target.upstream.host;
        let stream = match self.target.secure {
            Secure::ByStartTls => match timeout_at(deadline, asked_for_tls(stream, self.target, deadline)).await {
                Ok(asked) => asked,
                Err(_) => Err(UPSTREAM_TIMEOUT.fault()),
            },
            _ => Ok(stream),
        };
        let upgraded = match stream {
            Err(fault) => Err(fault),
            Ok(stream) => {
                let peer = stream.peer();
                match stream.upgrade_client(&tls, host, deadline).await {
                    Ok(stream) => Ok(stream),
                    Err(error) => Err(match self.page(peer, error.kind, deadline).await {
                        Some(page) => page,
                        None => self.refused(&looked, &error),
                    }),
                }
            }
        };
        let is_up = upgraded.is_ok();
        let upgraded = match upgraded {
            Err(fault) if self.target.is_of_mail() && speaks_otherwise(&fault) => {
                Err(portal(means, self.target).await.unwrap_or(fault))
            }
            upgraded => upgraded,
        };
        self.checks.push(match upgraded {
            Ok(stream) => look.pass(said(&looked, &stream, means)),
            Err(fault) => look.fault(&fault, &who),
        });
        is_up
    }

    /// A page of the proxy in the place of a server with TLS from the first byte on.
    async fn page(&self, peer: SocketAddr, failed: TlsFaultKind, deadline: Instant) -> Option<Fault> {
        let Target { upstream, proxy, secure, .. } = self.target;
        let proxy = proxy.as_ref().filter(|_| *secure == Secure::AtOnce);
        let page = net::page_behind(upstream, proxy, peer, failed, deadline).await?;
        Some(PROXY_PORTAL.fault().detail(page.to_string()))
    }

    fn refused(&self, looked: &Looked, why: &TlsFault) -> Fault {
        let shown = looked.shown();
        let issuer = shown.as_ref().map(|shown| format!("; issued by {}", shown.names.issuer)).unwrap_or_default();
        let detail = format!("{}: {why}{issuer}", self.target.shown());
        let entry = match shown.and_then(|shown| shown.untrusted) {
            Some(Untrusted::Issuer) => TLS_INTERCEPTED,
            // A public server renews in time; more often it is our clock.
            Some(Untrusted::Time) => CLOCK_SKEWED,
            Some(_) if self.target.is_of_mail() => UPSTREAM_TLS_UNTRUSTED,
            None if self.target.is_of_mail() && why.kind == TlsFaultKind::Timeout => UPSTREAM_TIMEOUT,
            None if self.target.is_of_mail() => UPSTREAM_TLS_FAILED,
            _ if self.target.is_identity() => TOKEN_ENDPOINT_UNTRUSTED,
            _ => self.target.unreachable,
        };
        entry.fault().detail(detail)
    }
}

/// Something came, and it was neither the protocol nor TLS.
fn speaks_otherwise(fault: &Fault) -> bool {
    [UPSTREAM_PROTOCOL, UPSTREAM_LOST, UPSTREAM_TLS_FAILED].iter().any(|entry| entry.id == fault.id)
}

/// Whether something that speaks HTTP answers on this port of mail: a login page of the network. It is asked as a browser
/// would, on a connection of its own.
async fn portal(means: &Means, target: &Target) -> Option<Fault> {
    const ASKED: &[u8] = b"GET / HTTP/1.0\r\n\r\n";
    let plain = Upstream { tls: UpstreamTls::StartTls, ..target.upstream.clone() };
    let deadline = Instant::now() + PORTAL_WITHIN;
    let mut stream = net::dial(&plain, target.proxy.as_ref(), &means.tls, deadline).await.ok()?;
    let mut said = Vec::new();
    let heard = async {
        stream.write_all(ASKED).await.ok()?;
        while said.len() < PORTAL_MOST {
            let n = stream.read_buf(&mut said).await.ok().filter(|n| *n > 0)?;
            if n > 0 && said.contains(&b'\n') {
                break;
            }
        }
        Some(())
    };
    let _ = timeout_at(deadline, heard).await;
    let line = String::from_utf8_lossy(said.split(|byte| *byte == b'\n').next().unwrap_or_default()).into_owned();
    let is_page = line.starts_with("HTTP/") || line.to_ascii_lowercase().starts_with("<!doctype html");
    let detail = || format!("{}: it answers {:?}", target.shown(), printable(line.trim_end(), 80));
    is_page.then(|| MAIL_PORT_PORTAL.fault().detail(detail()))
}

/// A certificate that was taken, and by whose word.
fn said(looked: &Looked, stream: &Stream, means: &Means) -> Said {
    let names = looked.shown().map(|shown| shown.names).unwrap_or_default();
    let version = stream.tls_version().unwrap_or("TLS").replace('_', ".").replace("TLSv", "TLS ");
    let ends = looked.ends_at().map(|end| end.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
    let is_trusted_anyway = || means.system_roots().is_some_and(|system| looked.is_trusted_by(system));
    let by_file = means.has_extra_roots && !is_trusted_anyway();
    let organization = names.issuer_organization.clone().unwrap_or_default();
    let is_public = PUBLIC_AUTHORITIES.iter().any(|known| organization.contains(known));
    Said::Certificate { version, issuer: names.issuer, ends, by_file, is_public: is_public || by_file }
}

/// An SMTP server up to its yes to STARTTLS; no token is in it.
async fn asked_for_tls(mut stream: Stream, target: &Target, deadline: Instant) -> Result<Stream, Fault> {
    let credentials = Credentials {
        mechanism: Sasl::Xoauth2,
        user: String::new(),
        token: Secret::default(),
        host: target.upstream.host.clone(),
        port: target.upstream.port,
    };
    let mut back = SmtpBack::new(credentials, true, "gatepost.invalid");
    match drive(&mut stream, &mut back, deadline).await {
        Ok(Want::StartTls) => Ok(stream),
        Ok(Want::Event(ended)) => {
            let said = match ended {
                crate::wire::SignOn::Refused { text, .. } => text,
                crate::wire::SignOn::Done { .. } => "signed on without being asked to".to_owned(),
            };
            Err(UPSTREAM_PROTOCOL.fault().detail(format!("{}: {said}", target.shown())))
        }
        Err(broken) => Err(broken.of_upstream().fault().detail(format!("{}: {broken}", target.shown()))),
    }
}
