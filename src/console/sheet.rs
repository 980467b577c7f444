//! The set-up sheet of a device or mail program: what to type into it, to be printed and carried there. It holds no
//! password.

use std::{net::SocketAddr, sync::Arc};

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};

use super::{
    Console,
    entry::not_found,
    look::{Frame, Look, drawn},
    status::ListenerStatus,
    words::Words,
};
use crate::{
    account::{Account, LocalPassword},
    oauth::SignIn,
};

#[derive(Template)]
#[template(path = "sheet.html")]
struct Sheet<'a> {
    frame: Frame<'a>,
    name: &'a str,
    parts: Vec<Part>,
    /// `None`: the device does not log in.
    login: Option<&'a str>,
    /// Whose sign-in carries it, where that is somebody else: the delegate of a shared mailbox.
    delegate: Option<&'a str>,
    senders: &'a [String],
    from: String,
}

/// One listener that serves it.
struct Part {
    title: &'static str,
    server: String,
    is_local: bool,
    port: u16,
    tls: &'static str,
}

pub fn path_of(client: &str) -> String {
    format!(
        "/clients/{}",
        url::form_urlencoded::byte_serialize(client.as_bytes()).collect::<String>().replace('+', "%20")
    )
}

/// Whether clients log in to the account itself.
pub fn has_login(account: &Account) -> bool {
    !matches!(account.password, LocalPassword::None)
}

pub async fn of_account(look: Look, State(console): State<Arc<Console>>, Path(address): Path<String>) -> Response {
    let Some(account) = console.account(&address).filter(|account| has_login(account)) else { return not_found(&look) };
    drawn(&Sheet {
        frame: look.frame(),
        name: &account.address,
        parts: parts(&console, look.words(), &["smtp", "imap", "pop3"]),
        login: Some(&account.address),
        delegate: delegate(&account),
        senders: &account.send_as,
        from: String::new(),
    })
}

pub async fn of_client(look: Look, State(console): State<Arc<Console>>, Path(name): Path<String>) -> Response {
    let clients = console.clients();
    let Some(client) = clients.iter().find(|client| client.name == name) else { return not_found(&look) };
    // By its address alone a client may send, and never read.
    let protocols: &[&str] = if client.login.is_some() { &["smtp", "imap", "pop3"] } else { &["smtp"] };
    let from: Vec<String> = client.from.iter().map(ToString::to_string).collect();
    drawn(&Sheet {
        frame: look.frame(),
        name: &client.name,
        parts: parts(&console, look.words(), protocols),
        login: client.login.as_deref(),
        delegate: delegate(&client.account),
        senders: &client.account.send_as,
        from: from.join(look.lang.comma()),
    })
}

fn delegate(account: &Account) -> Option<&str> {
    let SignIn { identity, app, .. } = account.sign_in.as_ref();
    (!app.grant.is_app_only() && !identity.eq_ignore_ascii_case(&account.address)).then_some(identity)
}

fn parts(console: &Console, words: &'static Words, protocols: &[&str]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for listener in console.listeners().iter().filter(|listener| protocols.contains(&listener.protocol)) {
        let Some(part) = part(&console.host, words, listener) else { continue };
        // Two loopback addresses, or a wildcard of each family, are one thing to type.
        if !parts
            .iter()
            .any(|other| (other.title, other.port, other.is_local) == (part.title, part.port, part.is_local))
        {
            parts.push(part);
        }
    }
    parts
}

fn part(host: &str, words: &'static Words, listener: &ListenerStatus) -> Option<Part> {
    let at: SocketAddr = listener.address.parse().ok()?;
    let title = match listener.protocol {
        "smtp" => words.smtp,
        "imap" => words.imap,
        _ => words.pop3,
    };
    let is_local = at.ip().to_canonical().is_loopback();
    let server = match at.ip() {
        ip if ip.is_unspecified() => host.to_owned(),
        ip => ip.to_canonical().to_string(),
    };
    Some(Part { title, server, is_local, port: at.port(), tls: tls(listener.tls, words) })
}

/// What a client's dialogue calls it.
pub fn tls(mode: &str, words: &'static Words) -> &'static str {
    match mode {
        "starttls" => words.tls_starttls,
        "starttls-required" => words.tls_starttls_required,
        "implicit" => words.tls_implicit,
        "auto" => words.tls_auto,
        _ => words.tls_off,
    }
}
