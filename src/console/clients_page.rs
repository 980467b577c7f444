//! The clients as a page: for each `[[client]]` and each login what went well last, what was refused last, and how it
//! came in. A 250 of the queue alone is not well: what becomes of the mail behind it counts. It knows what happened since the
//! daemon started, and nothing of any message's content.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{extract::State, response::Response};

use super::{
    Console, account_page,
    look::{Frame, Look, drawn},
    plot::Plot,
    sheet,
    words::Words,
};
use crate::{
    account::{Account, Delivery},
    base::Lang,
    meter::{ClientView, Contact, Incident, Who},
    queue::last_words,
};

const SHOWN: usize = 500;

#[derive(Template)]
#[template(path = "clients.html")]
struct Page<'a> {
    frame: Frame<'a>,
    clients: Vec<Row>,
    more: usize,
}

struct Row {
    name: String,
    /// To its set-up sheet.
    sheet: Option<String>,
    account: String,
    /// What its rule says beyond who it is.
    is_captured: bool,
    mark: &'static str,
    colour: &'static str,
    state: &'static str,
    contact: Option<ContactRow>,
    success: Option<Incident>,
    refusal: Option<Incident>,
    tried: Option<ContactRow>,
    day: Plot,
}

struct ContactRow {
    tls: String,
    mechanism: &'static str,
    protocol: &'static str,
    peer: String,
}

pub async fn page(look: Look, State(console): State<Arc<Console>>) -> Response {
    let lang = look.lang;
    let mut seen = console.meter.clients.list();
    let shut = console.queue.shut_ways();
    let mut clients: Vec<Row> = Vec::new();
    for client in console.clients() {
        let view = seen.remove(&Who::Rule(client.name.clone())).unwrap_or_default();
        let delivery = client.rules.delivery.unwrap_or(client.account.sending.delivery);
        let held_up = held_up(&shut, &client.account, delivery);
        clients.push(Row {
            sheet: Some(sheet::path_of(&client.name)),
            is_captured: client.rules.capture,
            ..Row::new(&client.name, &client.account.address, view, held_up, lang)
        });
    }
    clients.extend(logins(&console, seen, &shut, lang));
    let more = clients.len().saturating_sub(SHOWN);
    clients.truncate(SHOWN);
    drawn(&Page { frame: look.frame(), clients, more })
}

/// Why mail that is queued cannot go on now.
fn held_up(shut: &HashMap<String, Incident>, account: &Account, delivery: Delivery) -> Option<Incident> {
    shut.get(&account.address).filter(|_| delivery == Delivery::Queue).cloned()
}

/// Whoever logged in to an account itself, by address. Rules that are no more are not shown.
fn logins(console: &Console, seen: HashMap<Who, ClientView>, shut: &HashMap<String, Incident>, lang: Lang) -> Vec<Row> {
    let mut logins: Vec<_> = seen
        .into_iter()
        .filter_map(|(who, view)| match who {
            Who::Login(address) => Some((address, view)),
            Who::Rule(_) => None,
        })
        .collect();
    logins.sort_by(|(one, _), (other, _)| one.cmp(other));
    let row = |(address, view): (String, ClientView)| {
        let has_login = |account: &Arc<Account>| sheet::has_login(account);
        let account = console.account(&address);
        let held_up = account.as_ref().and_then(|account| held_up(shut, account, account.sending.delivery));
        let sheet = account.filter(has_login);
        let sheet = sheet.map(|account| format!("{}/sheet", account_page::path_of(&account.address)));
        Row { sheet, ..Row::new(lang.words().login_itself, &address, view, held_up, lang) }
    };
    logins.into_iter().map(row).collect()
}

impl Row {
    /// `held_up`: why what is queued of it cannot go on.
    fn new(name: &str, account: &str, view: ClientView, held_up: Option<Incident>, lang: Lang) -> Self {
        let words = lang.words();
        let at = |incident: &Option<Incident>| incident.as_ref().map_or(0, |incident| incident.at);
        let (mark, colour, state) = match (at(&view.success), at(&view.refusal)) {
            _ if held_up.is_some() => ("✗", "bad", words.client_held_up),
            _ if view.undelivered.is_some() => ("✗", "bad", words.client_undelivered),
            (0, 0) if view.contact.is_none() => ("–", "quiet", words.client_not_seen),
            (0, 0) => ("…", "wait", words.client_came),
            (well, refused) if refused > well || view.standing.is_some() => ("✗", "bad", words.client_refused),
            _ => ("✓", "good", words.client_well),
        };
        // Behind our own 250 no client heard it.
        let unheard = held_up.or(view.undelivered);
        let unheard = unheard.map(|one| Incident { reply: last_words(&one.reply, lang), ..one });
        let heard = view.standing.or(view.refusal);
        let heard = heard.map(|one| Incident { reply: lang.heard(&one.reply), ..one });
        let refusal = unheard.or(heard);
        let tried = refusal.as_ref().and_then(|refusal| refusal.tried.as_ref());
        Self {
            name: name.to_owned(),
            sheet: None,
            account: account.to_owned(),
            is_captured: false,
            mark,
            colour,
            state,
            contact: view.contact.as_ref().map(|contact| ContactRow::new(contact, words)),
            tried: tried.map(|contact| ContactRow::new(contact, words)),
            success: view.success,
            refusal,
            day: Plot::new(words.messages, words.well, words.not_well, &view.hours),
        }
    }
}

impl ContactRow {
    fn new(contact: &Contact, words: &'static Words) -> Self {
        Self {
            tls: contact.tls.map_or_else(|| format!("{}: {}", words.tls, words.tls_off), version),
            mechanism: contact.mechanism.unwrap_or(words.by_address),
            protocol: contact.protocol,
            peer: contact.peer.to_string(),
        }
    }
}

/// `TLSv1_3` as people write it.
fn version(name: &str) -> String {
    name.replace("TLSv", "TLS ").replace('_', ".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Clients;

    #[test]
    fn beside_a_mark_that_a_message_was_refused_stand_the_words_of_that_refusal() {
        let clients = Clients::default();
        let who = Who::Rule("copier".to_owned());
        let tried =
            Contact { protocol: "smtp", peer: std::net::Ipv4Addr::LOCALHOST.into(), tls: None, mechanism: None };
        clients.was_refused(&who, "550 5.7.1 no sender".to_owned(), None);
        clients.was_turned_away(&who, "535 5.7.8 no".to_owned(), tried);
        let row = |view| Row::new("copier", "ann@x", view, None, Lang::En).refusal.unwrap().reply;
        assert_eq!(row(clients.list().remove(&who).unwrap()), "550 5.7.1 no sender");
    }
}
