//! The effective configuration, defaults filled in and secrets masked, as TOML that people can read.

use std::fmt::Display;

use toml::{Table, Value};
use url::Url;

use super::Config;
use crate::{
    account::{Account, Client, Delivery, Domain, Limits, LocalPassword, Route, Sender},
    base::{Sasl, Secret},
    net::{Bind, IpNet, Listener, ListenerTls, Upstream, UpstreamTls},
    oauth::{App, AppCredential, Rotation, ServiceAccountKey},
};

const MASK: &str = "[hidden]";
/// What `authorize-extra` may show: standard parameters of an authorization request, which are no keys.
const PUBLIC: [&str; 8] = [
    "access_type",
    "acr_values",
    "domain_hint",
    "include_granted_scopes",
    "login_hint",
    "max_age",
    "prompt",
    "response_mode",
];

pub fn show(config: &Config) -> String {
    let mut top = Table::new();
    top.insert("store".into(), store(config));
    top.insert("console".into(), console(config));
    top.insert("daemon".into(), daemon(config));
    top.insert("network".into(), network(config));
    top.insert("queue".into(), queue(config));
    top.insert("notify".into(), notify(config));
    top.insert("listener".into(), config.listeners.iter().map(listener).collect::<Vec<_>>().into());
    let apps = config.apps.iter().map(|(name, one)| (name.clone(), app(one, config)));
    top.insert("app".into(), Value::Table(apps.collect()));
    let accounts = config.accounts.iter().map(|one| account(one));
    let accounts = accounts.chain(config.domains.iter().map(|one| domain(one)));
    top.insert("account".into(), accounts.collect::<Vec<_>>().into());
    top.insert("client".into(), config.clients.iter().map(|one| client(one)).collect::<Vec<_>>().into());
    // Every value above is one that TOML has.
    toml::to_string(&top).unwrap_or_default()
}

fn table<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    Value::Table(fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

fn text(value: impl Display) -> Option<Value> {
    Some(Value::String(value.to_string()))
}

fn number(value: impl TryInto<i64>) -> Option<Value> {
    Some(Value::Integer(value.try_into().unwrap_or(i64::MAX)))
}

fn texts<T: Display>(values: impl IntoIterator<Item = T>) -> Option<Value> {
    Some(values.into_iter().map(|value| Value::String(value.to_string())).collect::<Vec<_>>().into())
}

/// A query may have a key in it.
fn page(url: &Url) -> Option<Value> {
    match url.as_str().split_once('?') {
        Some((place, _)) => text(format_args!("{place}?{MASK}")),
        None => text(url),
    }
}

fn mask(secret: Option<&Secret>) -> Option<Value> {
    secret.and_then(|_| text(MASK))
}

fn store(config: &Config) -> Value {
    let store = &config.store;
    let key_file = if store.key.is_none() { text(store.key_file.display()) } else { None };
    table([("url", text(&store.url)), ("key", mask(store.key.as_ref())), ("key-file", key_file)])
}

fn console(config: &Config) -> Value {
    let listen = config.console.listen.map_or_else(|| "off".to_owned(), |address| address.to_string());
    table([("listen", text(listen)), ("password", mask(config.console.password.as_ref()))])
}

fn daemon(config: &Config) -> Value {
    let daemon = &config.daemon;
    table([("drain-seconds", number(daemon.drain.as_secs())), ("sign-on-seconds", number(daemon.sign_on.as_secs()))])
}

fn network(config: &Config) -> Value {
    let network = &config.network;
    table([
        ("http-proxy", network.http_proxy.as_ref().and_then(|proxy| text(proxy.masked(MASK)))),
        ("mail-proxy", network.mail_proxy.as_ref().and_then(|proxy| text(proxy.masked(MASK)))),
        ("ca-file", network.ca_file.as_ref().and_then(|path| text(path.display()))),
    ])
}

fn queue(config: &Config) -> Value {
    let queue = &config.queue;
    table([
        ("max-age-hours", number(queue.max_age.as_secs() / 3600)),
        ("max-bytes", number(queue.max_bytes)),
        ("postmaster", queue.postmaster.as_ref().and_then(text)),
    ])
}

/// Arguments of a command may hold secrets, and so may a URL: the program alone is shown.
fn notify(config: &Config) -> Value {
    let program = config.notify.command.first().map(|program| [program.expose(), MASK]);
    let command = program.map(|words| texts(words.into_iter().take(config.notify.command.len())));
    let lang = text(config.notify.lang.tag());
    table([("command", command.flatten()), ("webhook", mask(config.notify.webhook.as_ref())), ("lang", lang)])
}

fn listener(listener: &Listener) -> Value {
    let (certificate, key) = listener.certificate.as_ref().map(|(c, k)| (c.display(), k.display())).unzip();
    table([
        ("protocol", text(listener.protocol)),
        ("listen", texts(listener.listen.iter().map(bind))),
        ("tls", text(listener_tls(listener.tls))),
        ("certificate", certificate.and_then(text)),
        ("key", key.and_then(text)),
        ("max-connections", number(listener.max_connections)),
        ("proxy-protocol", Some((!listener.proxy_protocol_from.is_empty()).into())),
        ("proxy-protocol-from", texts(listener.proxy_protocol_from.iter().map(block))),
        ("pass-through", Some(listener.pass_through.into())),
    ])
}

fn bind(bind: &Bind) -> String {
    match bind {
        Bind::Address(address) => address.to_string(),
        Bind::Systemd(name) => format!("systemd:{name}"),
    }
}

fn block(block: &IpNet) -> String {
    format!("{}/{}", block.base, block.prefix)
}

fn listener_tls(tls: ListenerTls) -> &'static str {
    match tls {
        ListenerTls::Off => "off",
        ListenerTls::StartTls => "starttls",
        ListenerTls::StartTlsRequired => "starttls-required",
        ListenerTls::Implicit => "implicit",
        ListenerTls::Auto => "auto",
    }
}

fn app(app: &App, config: &Config) -> Value {
    let (certificate, key) = match &app.credential {
        AppCredential::Certificate { certificate, key } => (text(certificate.display()), text(key.display())),
        _ => (None, None),
    };
    let (account_key, account_key_file) = match &app.credential {
        AppCredential::ServiceAccount(ServiceAccountKey::Text(key)) => (mask(Some(key)), None),
        AppCredential::ServiceAccount(ServiceAccountKey::File(file)) => (None, text(file.display())),
        _ => (None, None),
    };
    let federated = match &app.credential {
        AppCredential::FederatedToken(file) => text(file.display()),
        _ => None,
    };
    let days = app.refresh_idle_life.map(|life| life.as_secs() / 86_400);
    let extra = app.authorize_extra.iter().map(|(name, value)| {
        let is_public = PUBLIC.contains(&name.as_str());
        (name.clone(), Value::String(if is_public { value.clone() } else { MASK.to_owned() }))
    });
    table([
        ("provider", text(&app.provider)),
        ("tenant", Some(&app.tenant).filter(|tenant| !tenant.is_empty()).and_then(text)),
        ("client-id", Some(&app.client_id).filter(|id| !id.is_empty()).and_then(text)),
        ("client-secret", matches!(app.credential, AppCredential::Secret(_)).then(|| MASK.into())),
        (
            "secret-expires",
            config.secret_expiry.get(&app.name).and_then(|day| day.to_string().parse().ok()).map(Value::Datetime),
        ),
        ("certificate", certificate),
        ("certificate-key", key),
        ("service-account-key", account_key),
        ("service-account-key-file", account_key_file),
        ("federated-token-file", federated),
        ("grant", text(app.grant.as_str())),
        ("redirect-uri", app.redirect_uri.as_ref().and_then(text)),
        ("scopes", texts(app.written_scopes())),
        ("resource", app.resource.as_ref().and_then(text)),
        ("authorize-url", page(&app.authorize_url)),
        ("token-url", page(&app.token_url)),
        ("device-url", app.device_url.as_ref().and_then(page)),
        ("revoke-url", app.revoke_url.as_ref().and_then(page)),
        ("graph-url", app.graph.as_ref().and_then(|graph| page(&graph.url))),
        ("authorize-extra", Some(Value::Table(extra.collect()))),
        ("pkce", Some(app.pkce.into())),
        ("rotation", text(rotation(app.rotation))),
        ("refresh-idle-days", days.and_then(number)),
        ("sasl", text(sasl(app.sasl))),
        ("smtp", host(&app.smtp)),
        ("smtp-tls", upstream_tls(&app.smtp)),
        ("imap", host(&app.imap)),
        ("imap-tls", upstream_tls(&app.imap)),
        ("pop3", host(&app.pop3)),
        ("pop3-tls", upstream_tls(&app.pop3)),
        ("smtp-capabilities", texts(&app.smtp_capabilities)),
        ("imap-capabilities", texts(&app.imap_capabilities)),
    ])
}

fn rotation(rotation: Rotation) -> &'static str {
    match rotation {
        Rotation::OldStaysValid => "old-stays-valid",
        Rotation::OneTime => "one-time",
    }
}

fn sasl(sasl: Sasl) -> &'static str {
    match sasl {
        Sasl::Xoauth2 => "xoauth2",
        Sasl::OauthBearer => "oauthbearer",
    }
}

fn host(upstream: &Upstream) -> Option<Value> {
    match upstream.host.contains(':') {
        true => text(format_args!("[{}]:{}", upstream.host, upstream.port)),
        false => text(format_args!("{}:{}", upstream.host, upstream.port)),
    }
}

fn upstream_tls(upstream: &Upstream) -> Option<Value> {
    text(match upstream.tls {
        UpstreamTls::StartTls => "starttls",
        UpstreamTls::Implicit => "implicit",
    })
}

fn domain(domain: &Domain) -> Value {
    let (password, file) = match &domain.password {
        LocalPassword::File(file) => (None, text(file.path().display())),
        _ => (text("first-use"), None),
    };
    table([
        ("address", text(domain.address())),
        ("app", text(&domain.sign_ins.app.name)),
        ("password", password),
        ("passwords-file", file),
        ("send-as", Some(&domain.send_as).filter(|list| !list.is_empty()).and_then(texts)),
        ("outbound", text(route(domain.sending.route))),
        ("delivery", text(delivery(domain.sending.delivery))),
        ("limits", limits(&domain.sending.limits)),
    ])
}

fn account(account: &Account) -> Value {
    let password = match &account.password {
        LocalPassword::None | LocalPassword::File(_) => None,
        LocalPassword::Hash(hash) => mask(Some(hash)),
        LocalPassword::FirstUse => text("first-use"),
        LocalPassword::Issued => text("[made by `gatepost login`]"),
    };
    table([
        ("address", text(&account.address)),
        ("app", text(&account.sign_in.app.name)),
        ("password", password),
        ("sign-in-as", text(&account.sign_in.identity)),
        ("sign-in-password", mask(account.sign_in.password.as_ref())),
        ("imap-user", text(&account.imap_user)),
        ("smtp-user", text(&account.smtp_user)),
        ("send-as", texts(&account.send_as)),
        ("outbound", text(route(account.sending.route))),
        ("delivery", text(delivery(account.sending.delivery))),
        ("limits", limits(&account.sending.limits)),
    ])
}

fn client(client: &Client) -> Value {
    table([
        ("name", text(&client.name)),
        ("account", text(&client.account.address)),
        ("from", texts(client.from.iter().map(block))),
        ("login", client.login.as_ref().and_then(text)),
        ("password", mask(client.password.as_ref())),
        (
            "sender",
            text(match client.rules.sender {
                Sender::Keep => "keep",
                Sender::Force => "force",
            }),
        ),
        ("recipients", client.rules.recipients.as_ref().and_then(texts)),
        ("max-bytes", client.rules.max_bytes.and_then(number)),
        ("repair", Some(client.rules.repair.into())),
        ("delivery", text(delivery(client.rules.delivery.unwrap_or(client.account.sending.delivery)))),
        ("capture", Some(client.rules.capture.into())),
    ])
}

fn route(route: Route) -> &'static str {
    match route {
        Route::Smtp => "smtp",
        Route::Graph => "graph",
        Route::SmtpThenGraph => "smtp-then-graph",
    }
}

fn delivery(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::Direct => "direct",
        Delivery::Queue => "queue",
    }
}

fn limits(limits: &Limits) -> Option<Value> {
    Some(table([
        ("connections", number(limits.connections)),
        ("messages-per-minute", number(limits.messages_per_minute)),
        ("recipients-per-day", number(limits.recipients_per_day)),
    ]))
}
