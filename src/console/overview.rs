//! The first page: accounts, the last day, who is connected, what was sent, what went wrong, where we listen.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Console,
    account_page::{AccountRow, ToldFault, path_of},
    endings::EndingAlert,
    entry::form_is_old,
    left_behind,
    look::{Frame, Look, drawn},
    mailboxes::{self, DomainStatus},
    plot::Plot,
    queue_page, sheet,
    status::{Companions, occasion},
    words::Words,
};
use crate::{
    account::{Account, told},
    base::{Lang, Stage, printable},
    catalog::{
        self, Known,
        doctor::{CLOCK_SKEWED, SOMEBODY_ELSE_SIGNED_IN},
        message::SENDER_NOT_ALLOWED,
    },
    meter::{self, FaultView, MessageView, SessionView},
};

const MAILBOXES_SHOWN: usize = 100;
const SESSIONS_SHOWN: usize = 50;
const MESSAGES_SHOWN: usize = 20;
const FAULTS_SHOWN: usize = 15;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview<'a> {
    frame: Frame<'a>,
    store_trouble: Option<String>,
    queue_trouble: Option<String>,
    clock: Option<ToldFault>,
    /// In another store, and in the folder of the queue without a row.
    left_behind: Vec<ToldFault>,
    /// Certificates that ended, end soon or cannot be read.
    endings: Vec<EndingAlert>,
    /// What of its configuration the daemon does not have.
    not_loaded: Vec<String>,
    accounts: Vec<AccountRow>,
    domains: Vec<DomainStatus>,
    more_mailboxes: usize,
    /// What was typed that is no mailbox of any domain.
    unknown_mailbox: Option<String>,
    form: String,
    plots: Vec<Plot>,
    stages: Vec<(Stage, usize)>,
    sessions: Vec<SessionView>,
    more_sessions: usize,
    messages: Vec<MessageView>,
    faults: Vec<FaultRow>,
    listeners: Vec<ListenerRow>,
    sheets: Vec<SheetLink>,
}

impl Overview<'_> {
    fn stage(&self, stage: &Stage) -> &'static str {
        catalog::stage(*stage, self.frame.lang)
    }
}

struct FaultRow {
    at: u64,
    times: u64,
    protocol: &'static str,
    account: String,
    /// From where, the last of them first.
    peers: String,
    id: &'static str,
    /// Met behind our own 250.
    is_unheard: bool,
    stage: Option<Stage>,
    whose_turn: &'static str,
    cause: String,
    next: String,
    avoid: Option<String>,
    worked_again_at: Option<u64>,
}

impl FaultRow {
    /// What ended it is no message that went.
    fn is_allowed(&self) -> bool {
        self.id == SENDER_NOT_ALLOWED.id
    }
}

struct ListenerRow {
    protocol: &'static str,
    address: String,
    tls: &'static str,
}

struct SheetLink {
    path: String,
    name: String,
}

pub async fn page(look: Look, State(console): State<Arc<Console>>) -> Response {
    show(&look, &console, None).await
}

#[derive(Deserialize)]
pub struct Mailbox {
    #[serde(default)]
    form: String,
    #[serde(default)]
    address: String,
}

/// The way to the page of a mailbox that is in no list.
pub async fn mailbox(look: Look, State(console): State<Arc<Console>>, Form(typed): Form<Mailbox>) -> Response {
    if !look.is_ours(&typed.form) {
        return form_is_old(&look);
    }
    match console.account(typed.address.trim()) {
        Some(account) => Redirect::to(&path_of(&account.address)).into_response(),
        None => show(&look, &console, Some(printable(&typed.address, 80))).await,
    }
}

async fn show(look: &Look, console: &Console, unknown_mailbox: Option<String>) -> Response {
    let (words, lang) = (look.words(), look.lang);
    let mut sessions = console.meter.board.list();
    let mut stages = BTreeMap::new();
    sessions.iter().for_each(|session| *stages.entry(session.stage).or_default() += 1);
    let more_sessions = sessions.len().saturating_sub(SESSIONS_SHOWN);
    sessions.truncate(SESSIONS_SHOWN);
    let (listed, domains, states) = (console.accounts(), console.domains(), console.keepers.states());
    let known = mailboxes::known(&listed, &domains, &states, console.meter.used_mailboxes.list().keys());
    let companions = Companions::of(&listed);
    let row = |account: &Arc<Account>| AccountRow::new(console, account, &states, &companions, lang);
    let frame = look.frame();
    let of_store = console.left_behind().await;
    drawn(&Overview {
        store_trouble: console.store_trouble().await.map(|trouble| lang.store_trouble(&trouble)),
        queue_trouble: console.queue_trouble(lang),
        clock: console.keepers.clock_off().map(|off| {
            let said = catalog::clock_off(off.seconds, off.is_behind, lang);
            ToldFault::new(CLOCK_SKEWED, &said, lang, &Known::default())
        }),
        left_behind: {
            let of_store = of_store.as_ref().map(|left| left_behind::told(left, lang));
            let of_bodies = console.queue.left_bodies().map(|left| left_behind::told_of_bodies(&left, lang));
            of_store.into_iter().chain(of_bodies).collect()
        },
        endings: EndingAlert::all(&console.endings(), &listed, &domains, lang),
        not_loaded: console.loaded.told(lang, of_store.is_some()),
        accounts: listed.iter().chain(known.values().take(MAILBOXES_SHOWN)).map(row).collect(),
        domains: domains.iter().map(|domain| DomainStatus::new(domain, &known)).collect(),
        more_mailboxes: known.len().saturating_sub(MAILBOXES_SHOWN),
        unknown_mailbox,
        form: frame.form.unwrap_or_default().to_owned(),
        frame,
        plots: plots(console, words),
        stages: stages.into_iter().collect(),
        sessions,
        more_sessions,
        messages: newest(console.meter.last_messages.list(), MESSAGES_SHOWN),
        faults: newest(console.meter.recent.list(), FAULTS_SHOWN)
            .into_iter()
            .map(|one| fault_row(console, one, lang))
            .collect(),
        listeners: console
            .listeners()
            .iter()
            .map(|one| ListenerRow {
                protocol: one.protocol,
                address: one.address.clone(),
                tls: sheet::tls(one.tls, words),
            })
            .collect(),
        sheets: sheets(console),
    })
}

/// What clients were answered, and what became of mail behind our own 250, where there was any.
fn plots(console: &Console, words: &'static Words) -> Vec<Plot> {
    let plot = |title, hours: [meter::Hour; 24]| Plot::new(title, words.well, words.not_well, &hours);
    let of_queue = queue_page::delivered(console, words);
    let of_queue = Some(of_queue).filter(|plot| plot.accepted + plot.failed > 0);
    let of_clients = plot(words.of_clients, console.meter.messages_by_hour.hours());
    let logins = plot(words.logins, console.meter.logins_by_hour.hours());
    [Some(of_clients), of_queue, Some(logins)].into_iter().flatten().collect()
}

fn newest<T>(all: Vec<T>, most: usize) -> Vec<T> {
    all.into_iter().rev().take(most).collect()
}

fn fault_row(console: &Console, fault: FaultView, lang: Lang) -> FaultRow {
    let account = console.account(&fault.account);
    let sign_in = account.as_ref().and_then(|account| console.keepers.state(&account.sign_in));
    let (cause, next, avoid) = match told(fault.id, lang, account.as_deref(), &occasion(&fault, sign_in.as_ref())) {
        Some(words) => (words.cause.clone(), words.whole_step(), words.avoid),
        None => (fault.text.clone(), String::new(), None),
    };
    let is_about_who = fault.id == SOMEBODY_ELSE_SIGNED_IN.id;
    let fault = fault.since(sign_in.and_then(|state| state.signed_in_at), is_about_who);
    FaultRow {
        at: fault.at,
        times: fault.times,
        protocol: fault.protocol,
        id: fault.id,
        is_unheard: fault.unheard,
        stage: fault.stage,
        whose_turn: catalog::owner(fault.owner, lang),
        cause,
        next,
        avoid,
        worked_again_at: fault.worked_again_at,
        peers: fault.peers.iter().rev().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        account: fault.account,
    }
}

fn sheets(console: &Console) -> Vec<SheetLink> {
    let with_login = |account: &&Arc<Account>| sheet::has_login(account);
    let accounts = console.accounts();
    let accounts = accounts.iter().filter(with_login).map(|account| SheetLink {
        path: format!("{}/sheet", path_of(&account.address)),
        name: account.address.clone(),
    });
    let clients = console.clients();
    let clients =
        clients.iter().map(|client| SheetLink { path: sheet::path_of(&client.name), name: client.name.clone() });
    accounts.chain(clients).collect()
}
