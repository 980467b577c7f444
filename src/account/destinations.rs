//! Which servers accounts need, and what of it goes through a proxy: whoever runs that is asked for all of it in one go, and for
//! nothing that does not pass there. The doctor looks at the same servers, and every text that names them has them from here.

use std::{collections::BTreeSet, sync::Arc};

use url::Url;

use super::{Account, Domain, Proxies, Route};
use crate::{
    base::Protocol,
    catalog::Via,
    net::{Network, Proxy, Upstream, is_beside},
    oauth::App,
};

/// What a server is to whoever goes there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    IdentityProvider,
    Graph,
    Mail(Protocol),
}

#[derive(Debug, Clone)]
pub struct Destination {
    pub service: Service,
    pub app: Arc<App>,
    pub host: String,
    pub port: u16,
}

/// Whoever has mail sent by an app, and the way out of it.
pub type Use = (Arc<App>, Route);

pub fn uses<'a>(
    accounts: impl IntoIterator<Item = &'a Arc<Account>>,
    domains: impl IntoIterator<Item = &'a Arc<Domain>>,
) -> Vec<Use> {
    let listed = accounts.into_iter().map(|account| (account.sign_in.app.clone(), account.sending.route));
    let of_domains = domains.into_iter().map(|domain| (domain.sign_ins.app.clone(), domain.sending.route));
    listed.chain(of_domains).collect()
}

/// The identity providers first. A server that several apps have is there for each of them.
pub fn destinations(uses: &[Use], protocols: &BTreeSet<Protocol>) -> Vec<Destination> {
    let mut apps: Vec<&Arc<App>> = Vec::new();
    for (app, _) in uses {
        if !apps.iter().any(|known| known.name == app.name) {
            apps.push(app);
        }
    }
    let identities = apps.iter().filter_map(|app| of_web(Service::IdentityProvider, app, &app.token_url));
    let behind = apps.iter().flat_map(|app| {
        let goes = |other: Route| uses.iter().any(|(of, route)| of.name == app.name && *route != other);
        let mail = [(Protocol::Smtp, &app.smtp), (Protocol::Imap, &app.imap), (Protocol::Pop3, &app.pop3)];
        let (by_smtp, by_graph) = (goes(Route::Graph), goes(Route::Smtp));
        let is_gone = move |protocol| protocols.contains(&protocol) && (protocol != Protocol::Smtp || by_smtp);
        let mail = mail.into_iter().filter(move |(protocol, _)| is_gone(*protocol));
        let mail = mail.map(|(protocol, upstream)| of_mail(protocol, app, upstream));
        let graph = app.graph.as_ref().filter(|_| by_graph);
        mail.chain(graph.and_then(|graph| of_web(Service::Graph, app, &graph.url)))
    });
    identities.chain(behind).collect()
}

fn of_mail(protocol: Protocol, app: &Arc<App>, upstream: &Upstream) -> Destination {
    let Upstream { host, port, .. } = upstream;
    Destination { service: Service::Mail(protocol), app: app.clone(), host: host.clone(), port: *port }
}

fn of_web(service: Service, app: &Arc<App>, url: &Url) -> Option<Destination> {
    let (host, port) = (url.host_str()?.to_owned(), url.port_or_known_default()?);
    Some(Destination { service, app: app.clone(), host, port })
}

impl Proxies {
    /// Those of the network, each with what goes through it. `told`: host and port of whoever is told over the web.
    pub fn new(network: &Network, told: Option<(&str, u16)>, destinations: &[Destination]) -> Self {
        let is_mail = |one: &&Destination| matches!(one.service, Service::Mail(_));
        let mail = listed(destinations.iter().filter(is_mail).map(|one| (one.host.as_str(), one.port)));
        let web = destinations.iter().filter(|one| !is_mail(one)).map(|one| (one.host.as_str(), one.port));
        let http = listed(web.chain(told));
        let Network { http_proxy, mail_proxy, .. } = network;
        let is_one = http_proxy.as_ref().zip(mail_proxy.as_ref()).is_some_and(|(http, mail)| http.at() == mail.at());
        let both = || http.iter().chain(&mail).cloned().collect::<Vec<_>>();
        let via = |proxy: &Option<Proxy>, carries: &Vec<String>| {
            let carries = if is_one { both() } else { carries.clone() };
            proxy.as_ref().map(|proxy| Via { carries, ..proxy.via() })
        };
        Self { http: via(http_proxy, &http), mail: via(mail_proxy, &mail) }
    }
}

/// `host:port`, each once, without what lies beside every proxy.
fn listed<'a>(servers: impl Iterator<Item = (&'a str, u16)>) -> Vec<String> {
    let mut list: Vec<String> = Vec::new();
    for (host, port) in servers.filter(|(host, _)| !is_beside(host)) {
        let shown = format!("{host}:{port}");
        if !list.contains(&shown) {
            list.push(shown);
        }
    }
    list
}
