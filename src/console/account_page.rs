//! One account: how its sign-in stands, and signing in.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension, Form,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use jiff::Timestamp;
use qrcode::{QrCode, render::svg};
use serde::Deserialize;
use url::Url;

use super::{
    Console, Visitor,
    entry::{Bare, form_is_old, not_found},
    look::{Frame, Listed, Look, drawn},
    sign_ins::{self, Flow, Open, PASTE_CAP, Progress, Unfit},
    status::{AccountStatus, Companions},
    words::Words,
};
use crate::{
    account::{Account, Occasion, local_password::Told},
    base::{Lang, Secret},
    catalog::{
        self, Entry, Known, Step,
        doctor::SOMEBODY_ELSE_SIGNED_IN,
        together::{Met, Together, together},
        token::CLIENT_SECRET_EXPIRED,
    },
    expiry::{days_left, secret_ends},
    net::{own_uid, peer_uid},
    oauth::{self, Phase, SignInState},
};

/// What the overview and the page itself say of an account.
pub struct AccountRow {
    pub address: String,
    pub path: String,
    pub mark: &'static str,
    pub colour: &'static str,
    /// As the status has it.
    pub state: String,
    pub signed_in_as: String,
    /// Somebody else than configured consented.
    pub warning: Option<String>,
    /// Of a later sign-in that was refused, while the one of before goes on.
    pub beside: Option<String>,
    /// Other accounts on the same sign-in.
    pub also: String,
    pub since: String,
    pub token_ends: String,
    pub next_sign_in: String,
    pub secret_ends: String,
    /// Words of the button that leads to the sign-in; app-only accounts have none.
    pub button: Option<&'static str>,
}

/// A fault in the words of the catalogue.
pub(super) struct ToldFault {
    pub id: &'static str,
    pub cause: String,
    pub next: String,
    pub avoid: Option<String>,
    whose_turn: &'static str,
    pub detail: String,
    is_quotation: bool,
}

impl ToldFault {
    pub fn new(entry: &Entry, detail: &str, lang: Lang, known: &Known) -> Self {
        let words = entry.told(lang, known);
        let whose_turn = catalog::owner(entry.owner, lang);
        let next = words.whole_step();
        Self {
            id: entry.id,
            cause: words.cause,
            next,
            avoid: words.avoid,
            whose_turn,
            detail: oauth::found(lang, detail),
            is_quotation: oauth::is_quotation(detail),
        }
    }
}

/// Causes that stand, with what to do about all of them.
struct Standing {
    causes: Vec<StandingCause>,
    /// By which protocols it was met, where that has to be said, and the step.
    todo: Vec<(String, Listed)>,
    avoid: Vec<String>,
    whose_turn: Vec<&'static str>,
}

struct StandingCause {
    id: String,
    in_short: Option<String>,
    text: String,
    /// Where that has to be said.
    protocols: String,
}

impl Standing {
    /// What `gatepost status` tells of the account.
    /// `secret`: days that the secret of its app is good for, by the day that somebody wrote down.
    fn all(status: &AccountStatus, account: &Account, secret: Option<i64>, lang: Lang) -> Vec<Self> {
        let beside = status.sign_in.as_ref().and_then(|state| Some(state.refused_beside.as_ref()?.id));
        let met = status.troubles().into_iter().filter_map(|(id, protocol, occasion)| {
            let words = catalog::find(id)?.told(lang, &account.known(&occasion));
            let (cause, next, shell, avoid) = (words.cause, words.next, words.shell, words.avoid);
            let is_beside = beside.is_some_and(|beside| beside == id);
            let (id, protocol) = (id.to_owned(), protocol.map(str::to_owned));
            Some(Met { id, cause, next, shell, avoid, protocol, is_beside, is_ahead: false })
        });
        let is_over = status.troubles().iter().any(|(id, ..)| *id == CLIENT_SECRET_EXPIRED.id);
        let ends = secret.filter(|_| !is_over).and_then(|days| secret_ends(days, lang)).map(|cause| {
            let words = CLIENT_SECRET_EXPIRED.told(lang, &account.known(&Occasion::of_sign_in(None)));
            let catalog::Words { next, shell, avoid, .. } = words;
            let id = CLIENT_SECRET_EXPIRED.id.to_owned();
            Met { id, cause, next, shell, avoid, protocol: None, is_beside: false, is_ahead: true }
        });
        let met: Vec<Met> = met.chain(ends).collect();
        together(met, Step::with_remark).into_iter().map(|told| Self::new(told, lang)).collect()
    }

    fn new(told: Together, lang: Lang) -> Self {
        let (names, is_one) = (told.names_protocols(), told.todo.len() == 1);
        let listed = |protocols: Vec<String>, is_said: bool| match is_said {
            true => protocols.join(lang.comma()),
            false => String::new(),
        };
        let mut whose_turn = Vec::new();
        for entry in told.causes.iter().filter_map(|cause| catalog::find(&cause.id)) {
            let owner = catalog::owner(entry.owner, lang);
            whose_turn.extend((!whose_turn.contains(&owner)).then_some(owner));
        }
        let cause = |cause: catalog::together::Cause| StandingCause {
            in_short: cause.in_short(lang),
            id: cause.id,
            text: cause.text,
            protocols: listed(cause.protocols, names && is_one),
        };
        Self {
            causes: told.causes.into_iter().map(cause).collect(),
            todo: told
                .todo
                .into_iter()
                .map(|todo| (listed(todo.protocols, names && !is_one), Listed::of(todo.step)))
                .collect(),
            avoid: told.avoid,
            whose_turn,
        }
    }
}

struct DoneView {
    as_whom: String,
    /// The next step, where somebody else than configured consented.
    somebody_else: Option<String>,
    without_graph: Option<String>,
    /// `None`: armed for the first use.
    passwords: Vec<(String, Option<String>)>,
}

#[derive(Template)]
#[template(path = "account.html")]
struct Page<'a> {
    frame: Frame<'a>,
    form: &'a str,
    one: AccountRow,
    identity: &'a str,
    app: &'a str,
    provider: &'a str,
    standing: Vec<Standing>,
    open: Option<Open>,
    is_waiting: bool,
    trouble: Option<&'static str>,
    done: Option<DoneView>,
    failed: Option<ToldFault>,
    flows: Vec<(&'static str, &'static str, &'static str)>,
}

impl Page<'_> {
    /// An inline picture; empty where the address does not fit into one.
    fn qr(&self, url: &Url) -> String {
        let code = QrCode::new(url.as_str()).ok();
        let picture = code.map(|code| code.render::<svg::Color<'_>>().min_dimensions(200, 200).build());
        // The XML head has no place within HTML.
        picture.and_then(|picture| picture.find("<svg").map(|at| picture.split_at(at).1.to_owned())).unwrap_or_default()
    }
}

pub fn path_of(address: &str) -> String {
    format!("/accounts/{}", url::form_urlencoded::byte_serialize(address.as_bytes()).collect::<String>())
}

impl AccountRow {
    pub fn new(
        console: &Console,
        account: &Account,
        states: &[SignInState],
        companions: &Companions,
        lang: Lang,
    ) -> Self {
        let words = lang.words();
        let mut status = AccountStatus::new(account, state_of(account, states));
        // A new sign-in helps where it is that which is refused.
        let helps = matches!(status.phase(), Phase::SignInNeeded | Phase::Refused) && status.refused_ways.is_empty();
        status.note_refusals(console, account);
        let (phase, state) = (status.phase(), status.sign_in.as_ref());
        let other = state.and_then(|state| state.in_doubt(&account.sign_in));
        let warning = other.map(|other| lang.consented_for(other, &account.sign_in.identity));
        // A mailbox that opens for somebody else is not well, nor is one that has another way out.
        let is_unwell = warning.is_some() || state.is_some_and(|state| state.graph_fault.is_some());
        let (mark, colour) = mark(phase, is_unwell);
        let is_to_sign_in = helps || warning.is_some();
        let button = sign_ins::flow_of(account).map(|_| if is_to_sign_in { words.sign_in } else { words.open });
        let time = |pick: fn(&SignInState) -> Option<Timestamp>| state.and_then(pick);
        Self {
            address: account.address.clone(),
            path: path_of(&account.address),
            mark,
            colour,
            state: lang.by_ways(said(phase, words), &status.refused_ways),
            warning,
            beside: state.and_then(|state| state.refused_beside.as_ref()).map(|refused| {
                let at = refused.since.map_or_else(dash, |at| relative(at, lang));
                lang.refused_beside(refused.signed_in_as.as_deref(), &at, refused.id)
            }),
            also: companions.beside(account).join(lang.comma()),
            since: time(|state| state.signed_in_at).map_or_else(dash, |at| relative(at, lang)),
            token_ends: time(|state| state.token_expires_at).map_or_else(dash, |at| relative(at, lang)),
            next_sign_in: match state.and_then(|state| Some((state.next_sign_in()?, state))) {
                Some((end, state)) if state.policy_ends_at == Some(end) => {
                    let note = if state.policy_seen > 1 { words.policy_note } else { words.policy_guess };
                    lang.noted(&relative(end, lang), note)
                }
                Some((end, _)) => lang.noted(&relative(end, lang), words.next_sign_in_note),
                None if phase == Phase::SignInNeeded => words.sign_in_needed.to_owned(),
                None => words.not_expected.to_owned(),
            },
            secret_ends: match state.and_then(|state| state.fault.as_ref()) {
                Some(fault) if fault.id == CLIENT_SECRET_EXPIRED.id => words.secret_expired.to_owned(),
                _ => console.end_of_app(&account.sign_in.app.name).map_or_else(dash, |end| relative(end, lang)),
            },
            button,
            signed_in_as: signed_in_as(status, lang),
        }
    }
}

const fn mark(phase: Phase, is_unwell: bool) -> (&'static str, &'static str) {
    match phase {
        Phase::Ready if is_unwell => ("!", "wait"),
        Phase::Ready => ("✓", "good"),
        Phase::Starting | Phase::Waiting => ("…", "wait"),
        Phase::SignInNeeded | Phase::Refused => ("✗", "bad"),
    }
}

const fn said(phase: Phase, words: &'static Words) -> &'static str {
    match phase {
        Phase::Ready => words.ready,
        Phase::Starting => words.starting,
        Phase::Waiting => words.waiting,
        Phase::SignInNeeded => words.sign_in_needed,
        Phase::Refused => words.refused,
    }
}

fn state_of(account: &Account, states: &[SignInState]) -> Option<SignInState> {
    let key = account.sign_in.key();
    states.iter().find(|state| state.key == key).cloned()
}

fn signed_in_as(status: AccountStatus, lang: Lang) -> String {
    let by_itself = status.app_only.map(|app| lang.app_only(&app));
    status.signed_in_as.or(by_itself).unwrap_or_else(|| lang.words().never.to_owned())
}

fn dash() -> String {
    "–".to_owned()
}

fn relative(at: Timestamp, lang: Lang) -> String {
    let now = Timestamp::now();
    let seconds = at.as_second() - now.as_second();
    match u64::try_from(seconds) {
        // What is of this second has come.
        Ok(0) => lang.ago(0),
        // Days ahead are those of the calendar, as the status and the notices count them.
        Ok(ahead @ 172_800..) => lang.within(u64::try_from(days_left(now, at)).map_or(ahead, |days| days * 86_400)),
        Ok(ahead) => lang.within(ahead),
        Err(_) => lang.ago(seconds.unsigned_abs()),
    }
}

pub async fn page(look: Look, State(console): State<Arc<Console>>, Path(address): Path<String>) -> Response {
    match console.account(&address) {
        Some(account) => show(&look, &console, &account, None),
        None => not_found(&look),
    }
}

fn show(look: &Look, console: &Console, account: &Account, trouble: Option<&'static str>) -> Response {
    let (words, states) = (look.words(), console.keepers.states());
    let mut status = AccountStatus::new(account, state_of(account, &states));
    status.note_refusals(console, account);
    let pending = console.sign_ins.of(&account.address);
    let (mut open, mut done, mut failed) = (None, None, None);
    let known = || account.known(&Occasion::of_sign_in(None));
    if let Some(pending) = &pending {
        match &mut *pending.progress() {
            Progress::Waiting => open = Some(pending.open()),
            // The page's own script only asks whether it is over.
            Progress::Done(end) => done = Some(end.view(!look.follows, look.lang, known)),
            Progress::Failed(verdict) => {
                let known = verdict.known_at_sign_in(known());
                failed = Some(ToldFault::new(verdict.entry, &verdict.detail, look.lang, &known));
            }
        }
    }
    let frame = look.frame();
    drawn(&Page {
        form: frame.form.unwrap_or_default(),
        one: AccountRow::new(console, account, &states, &Companions::of(&console.accounts()), look.lang),
        identity: &account.sign_in.identity,
        app: &account.sign_in.app.name,
        provider: &account.sign_in.app.provider,
        standing: Standing::all(&status, account, console.days_of_secret(&account.sign_in.app.name), look.lang),
        is_waiting: open.is_some(),
        open,
        trouble,
        done,
        failed,
        flows: flows(account, words),
        frame,
    })
}

impl sign_ins::Done {
    /// `takes`: a person looks. A password that was made is shown then, and never again. `known`: of the account.
    fn view(&mut self, takes: bool, lang: Lang, known: impl FnOnce() -> Known) -> DoneView {
        let mut passwords = Vec::new();
        for (address, told) in &self.passwords {
            match told {
                Told::Made(password) if takes => passwords.push((address.clone(), Some(password.expose().to_owned()))),
                Told::Made(_) | Told::Nothing => {}
                Told::Armed => passwords.push((address.clone(), None)),
            }
        }
        if takes {
            self.passwords.retain(|(_, told)| !matches!(told, Told::Made(_)));
        }
        DoneView {
            as_whom: self.as_whom.clone(),
            somebody_else: self.is_somebody_else.then(|| {
                let known = Known { signed_in_as: Some(self.as_whom.clone()), ..known() };
                SOMEBODY_ELSE_SIGNED_IN.told(lang, &known).whole_step()
            }),
            without_graph: self.without_graph.as_ref().map(|why| why.text(lang)),
            passwords,
        }
    }
}

/// Name, button and explanation of each way that the app is registered for.
fn flows(account: &Account, words: &'static Words) -> Vec<(&'static str, &'static str, &'static str)> {
    let browser = ("browser", words.by_browser, words.by_browser_note);
    let device = ("device", words.by_device, words.by_device_note);
    match sign_ins::flow_of(account) {
        None => Vec::new(),
        Some(Flow::Device) => vec![device],
        Some(Flow::Browser) if account.sign_in.app.device_url.is_some() => vec![browser, device],
        Some(Flow::Browser) => vec![browser],
    }
}

#[derive(Deserialize)]
pub struct Wish {
    #[serde(default)]
    form: String,
    #[serde(default)]
    flow: String,
}

pub async fn sign_in(
    look: Look,
    State(console): State<Arc<Console>>,
    Path(address): Path<String>,
    Extension(Visitor(peer)): Extension<Visitor>,
    Form(wish): Form<Wish>,
) -> Response {
    let Some(account) = console.account(&address) else { return not_found(&look) };
    if !look.is_ours(&wish.form) {
        return form_is_old(&look);
    }
    let flow = match (wish.flow.as_str(), sign_ins::flow_of(&account)) {
        (_, None) => return not_found(&look),
        ("device", _) => Flow::Device,
        _ => Flow::Browser,
    };
    let uid = if peer.is_local() { peer_uid(peer.address).or_else(own_uid) } else { own_uid() };
    match sign_ins::begin(&console, &account, flow, uid).await {
        Ok(()) => Redirect::to(&path_of(&account.address)).into_response(),
        Err(verdict) => {
            sign_ins::note_refusal(&console, &account, &verdict).await;
            console.sign_ins.failed(&account.address, verdict);
            Redirect::to(&path_of(&account.address)).into_response()
        }
    }
}

#[derive(Deserialize)]
pub struct Answer {
    #[serde(default)]
    form: String,
    #[serde(default)]
    answer: String,
}

pub async fn paste(
    look: Look,
    State(console): State<Arc<Console>>,
    Path(address): Path<String>,
    Form(answer): Form<Answer>,
) -> Response {
    let Some(account) = console.account(&address) else { return not_found(&look) };
    if !look.is_ours(&answer.form) {
        return form_is_old(&look);
    }
    let words = look.words();
    let unfit = match console.sign_ins.of(&account.address) {
        _ if answer.answer.len() > PASTE_CAP => Some(Unfit::NoCode),
        Some(pending) => pending.paste(Secret::new(answer.answer)).await,
        None => Some(Unfit::Over),
    };
    let trouble = match unfit {
        None => return Redirect::to(&path_of(&account.address)).into_response(),
        Some(Unfit::OtherSignIn) => words.paste_other,
        Some(Unfit::NoCode) => words.paste_empty,
        Some(Unfit::Over) => words.paste_over,
    };
    show(&look, &console, &account, Some(trouble))
}

/// Ends a sign-in, or puts away how it ended.
pub async fn cancel(
    look: Look,
    State(console): State<Arc<Console>>,
    Path(address): Path<String>,
    Form(form): Form<Bare>,
) -> Response {
    let Some(account) = console.account(&address) else { return not_found(&look) };
    if !look.is_ours(&form.form) {
        return form_is_old(&look);
    }
    console.sign_ins.forget(&account.address);
    Redirect::to(&path_of(&account.address)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_was_made_is_shown_once_and_to_a_person() {
        let passwords = vec![
            ("ann@x".to_owned(), Told::Made(Secret::new("made"))),
            ("shared@x".to_owned(), Told::Armed),
            ("old@x".to_owned(), Told::Nothing),
        ];
        let mut done =
            sign_ins::Done { as_whom: "ann@x".into(), is_somebody_else: false, without_graph: None, passwords };
        let armed = ("shared@x".to_owned(), None);
        let known = Known::default;
        let mut shown = |takes| done.view(takes, Lang::En, known).passwords;
        assert_eq!(shown(false), std::slice::from_ref(&armed), "the page's own script");
        assert_eq!(shown(true), [("ann@x".to_owned(), Some("made".to_owned())), armed.clone()]);
        assert_eq!(shown(true), [armed]);
    }
}
