//! The HTTP side: pages, health, metrics and status.
//!
//! `/healthz`, `/readyz` and `/metrics` are open. `/api/*` needs the console's token (a file that only the daemon's user
//! can read) or the configured password. The pages need a visit, which the password or a link of `gatepost console`
//! begins. Without a password only loopback names are accepted as Host, so that no web page can reach it by DNS
//! rebinding. Pages are drawn here and load nothing from elsewhere.

mod access;
mod account_page;
pub mod client;
mod clients_page;
mod connections;
mod endings;
mod entry;
mod exposition;
mod left_behind;
mod loaded;
mod look;
mod mailboxes;
mod mark;
mod message_page;
mod overview;
mod plot;
mod proof;
mod queue;
mod queue_page;
mod queue_status;
mod sheet;
mod sign_ins;
mod status;
mod visits;
mod words;

use std::{
    collections::HashSet,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use url::Url;

pub use access::{Access, remove_old_token, token_beside, token_file};
pub use account_page::path_of as path_of_account;
pub use endings::EndingStatus;
pub use entry::opening;
pub use left_behind::{
    LeftBehindStatus, LeftBodiesStatus, known as known_of_left_behind, known_of_bodies as known_of_left_bodies,
    said as said_of_left_behind, said_of_bodies as said_of_left_bodies,
};
pub use loaded::{Loaded, Moved, Problem, Refused};
pub use mailboxes::{DomainStatus, STATUS_CAP, known as known_mailboxes};
pub use queue_status::{QueueStatus, returned, said_of_asleep, said_of_lost, said_of_returned};
pub use sign_ins::SignIns;
use status::ClockStatus;
pub use status::{AccountStatus, Companions, ListenerStatus, Status};
pub use visits::{Holder, Visits};

use crate::{
    account::{Account, Client, Domain, Occasion, Refusal, account_of, told},
    base::{Fault, Lang, Protocol, Secret},
    catalog::{in_short_with_id, token::CLIENT_SECRET_EXPIRED},
    expiry::{Calendar, Ending, What},
    meter::Meter,
    net::Peer,
    oauth::{Keepers, Phase, SignInState, clock::Off},
    outbound::{Refusals, Standing, goes_by_graph},
    queue::Queue,
    store::{Store, Trouble},
};

/// For one thing of the store; `gatepost status` waits five seconds for all of its answer, and what is in memory is told
/// without it.
const STORE_WITHIN: Duration = Duration::from_millis(1500);

/// Of a secret, whatever day stands in the configuration.
const HAS_EXPIRED: &str = "the provider says that it has expired";

/// A form holds an address of a browser at most.
const FORM_CAP: usize = 64 * 1024;

/// What the console shows of the daemon.
pub struct Console {
    pub access: Access,
    pub meter: Meter,
    pub keepers: Arc<Keepers>,
    /// Of mail servers, as long as they are answered from memory.
    pub refusals: Arc<Refusals>,
    pub store: Arc<Store>,
    pub queue: Arc<Queue>,
    /// Listeners are open and the daemon is not draining.
    pub ready: AtomicBool,
    pub accounts: RwLock<Vec<Arc<Account>>>,
    pub domains: RwLock<Vec<Arc<Domain>>>,
    pub clients: RwLock<Vec<Arc<Client>>>,
    /// When secrets and certificates end.
    pub calendar: Arc<Calendar>,
    pub listeners: RwLock<Vec<ListenerStatus>>,
    pub loaded: Loaded,
    pub visits: Visits,
    pub sign_ins: SignIns,
    /// The name of this machine.
    pub host: String,
}

impl Console {
    pub fn accounts(&self) -> Vec<Arc<Account>> {
        read(&self.accounts).clone()
    }

    pub fn domains(&self) -> Vec<Arc<Domain>> {
        read(&self.domains).clone()
    }

    /// What a reload changes.
    pub fn take_over(&self, accounts: &[Arc<Account>], domains: &[Arc<Domain>], clients: &[Arc<Client>]) {
        *write(&self.accounts) = accounts.to_vec();
        *write(&self.domains) = domains.to_vec();
        *write(&self.clients) = clients.to_vec();
    }

    /// So does it the password. Whoever came in by one that is none any more is out.
    pub fn take_over_password(&self, password: Option<&Secret>) {
        if self.access.take_over(password) {
            self.visits.end_all();
        }
    }

    /// What mail servers refuse to this account: what clients are told from memory, and by each other protocol what the
    /// last client met and none got past since. Where Graph sends in the place of SMTP, nothing is refused.
    fn refused(&self, account: &Account, signed_in_at: Option<Timestamp>) -> Vec<Standing> {
        let mut refused = self.refusals.standing(&account.address, signed_in_at);
        let mut met = self.meter.recent.list();
        met.retain(|seen| seen.account == account.address);
        for (at, seen) in met.iter().enumerate().rev() {
            let Some(standing) = Standing::met(seen, signed_in_at) else { continue };
            let is_over = met.iter().skip(at + 1).any(|later| standing.is_ended_by(later));
            if !is_over && refused.iter().all(|known| known.way() != standing.way()) {
                refused.push(standing);
            }
        }
        refused.retain(|one| one.protocol != Protocol::Smtp.as_str() || !goes_by_graph(account, one.id));
        refused
    }

    fn account(&self, address: &str) -> Option<Arc<Account>> {
        account_of(address, &read(&self.accounts), &read(&self.domains))
    }

    fn clients(&self) -> Vec<Arc<Client>> {
        read(&self.clients).clone()
    }

    fn listeners(&self) -> Vec<ListenerStatus> {
        read(&self.listeners).clone()
    }

    /// What ends. Of a secret the provider's word counts more than the day that somebody wrote down.
    fn endings(&self) -> Vec<Ending> {
        let is_over =
            |state: &SignInState| state.fault.as_ref().is_some_and(|seen| seen.id == CLIENT_SECRET_EXPIRED.id);
        let over: HashSet<String> = self.keepers.states().into_iter().filter(is_over).map(|state| state.key).collect();
        let accounts = self.accounts();
        let is_of_it =
            |app: &str| accounts.iter().any(|one| one.sign_in.app.name == app && over.contains(&one.sign_in.key()));
        let told = |one: Ending| match one.what == What::ClientSecret && is_of_it(&one.name) {
            true => {
                Ending { ends_at: None, days_left: None, trouble: Some(CLIENT_SECRET_EXPIRED.said(HAS_EXPIRED)), ..one }
            }
            false => one,
        };
        self.calendar.endings(Timestamp::now()).into_iter().map(told).collect()
    }

    /// When the secret or certificate of this app ends.
    fn end_of_app(&self, app: &str) -> Option<Timestamp> {
        self.calendar.of_app(app, Timestamp::now())?.ends_at
    }

    /// How many days its secret is good for, by the day that somebody wrote down.
    fn days_of_secret(&self, app: &str) -> Option<i64> {
        self.calendar.of_app(app, Timestamp::now()).filter(|one| one.what == What::ClientSecret)?.days_left
    }

    /// Why the store takes no writes; `None` where it takes them.
    async fn store_trouble(&self) -> Option<Trouble> {
        timeout(STORE_WITHIN, self.store.trouble()).await.unwrap_or(Some(Trouble::Silent))
    }

    /// Why mail cannot be kept, or what was kept cannot be read or sent. In short for strangers, who learn no path.
    async fn disk_trouble(&self, is_stranger: bool) -> Option<String> {
        let store = self.store_trouble().await.map(|trouble| trouble.to_string());
        store.or_else(|| {
            self.queue.standstill().map(|halt| if is_stranger { halt.fault.reply_text() } else { halt.to_string() })
        })
    }

    /// Why nothing is sent from the queue, in the words of a page.
    fn queue_trouble(&self, lang: Lang) -> Option<String> {
        let halt = self.queue.standstill()?;
        let words = told(halt.fault.id, lang, None, &Occasion::default());
        let words = words.map(|words| format!("{} {}", words.cause, words.next)).unwrap_or_default();
        let short = in_short_with_id(halt.fault.id, lang).unwrap_or_default();
        Some(format!("{} {words} ({}) {short}", lang.words().queue_stands_still, halt.fault.detail))
    }
}

fn read<T>(shared: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    shared.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(shared: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    shared.write().unwrap_or_else(PoisonError::into_inner)
}

/// Where a browser is sent back to, if nobody listens and nothing is configured.
fn localhost() -> Url {
    const LOCALHOST: &str = "http://localhost/";
    #[allow(clippy::expect_used)] // a constant
    Url::parse(LOCALHOST).expect("an address")
}

/// Serves until `closing`.
pub async fn serve(listener: TcpListener, console: Arc<Console>, closing: CancellationToken) {
    let with = || console.clone();
    let api = Router::new()
        .route("/api/healthz", get(healthz))
        .route("/api/status", get(status))
        .route("/api/verbs", get(async |State(console): State<Arc<Console>>| Json(console.meter.verbs.list())))
        .route("/api/ticket", post(entry::ticket))
        .route("/api/proved", post(proof::note))
        .route("/api/queue", get(queue::list))
        .route("/api/queue/{id}", get(queue::show))
        .route("/api/queue/{id}/{order}", post(queue::order))
        .route_layer(middleware::from_fn_with_state(with(), admit));
    let open =
        Router::new().route("/healthz", get(healthz)).route("/readyz", get(ready)).route("/metrics", get(metrics));
    let router = pages(&console)
        .merge(api)
        .merge(open)
        .layer(DefaultBodyLimit::max(FORM_CAP))
        .layer(middleware::from_fn_with_state(with(), check_host))
        .with_state(console);
    connections::serve(listener, router, closing).await;
}

fn pages(console: &Arc<Console>) -> Router<Arc<Console>> {
    let guarded = Router::new()
        .route("/", get(overview::page))
        .route("/mailboxes", post(overview::mailbox))
        .route("/accounts/{address}", get(account_page::page))
        .route("/accounts/{address}/sign-in", post(account_page::sign_in))
        .route("/accounts/{address}/paste", post(account_page::paste))
        .route("/accounts/{address}/cancel", post(account_page::cancel))
        .route("/accounts/{address}/sheet", get(sheet::of_account))
        .route("/clients", get(clients_page::page))
        .route("/clients/{name}", get(sheet::of_client))
        .route("/queue", get(queue_page::page))
        .route("/queue/{id}", get(message_page::page))
        .route("/queue/{id}/{order}", get(message_page::question).post(message_page::order))
        .route("/leave", post(entry::leave))
        .route_layer(middleware::from_fn_with_state(console.clone(), look::visitors_only));
    Router::new()
        .route("/door", get(entry::door).post(entry::knock))
        .route("/open", get(entry::open))
        .route("/style.css", get(async || asset("text/css; charset=utf-8", include_str!("pages/style.css"))))
        .route("/follow.js", get(async || asset("text/javascript; charset=utf-8", include_str!("pages/follow.js"))))
        .route("/icon.svg", get(async || asset("image/svg+xml", include_str!("pages/icon.svg"))))
        .merge(guarded)
        .fallback(entry::nothing_here)
        .layer(middleware::from_fn(look::guard))
}

fn asset(kind: &'static str, text: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")], text)
}

async fn check_host(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !console.access.allows_host(host.unwrap_or_default()) {
        let words = look::lang_of(request.headers(), request.uri()).words();
        return (StatusCode::MISDIRECTED_REQUEST, format!("{}\n", words.loopback_only)).into_response();
    }
    next.run(request).await
}

/// The client's address, put into each request.
#[derive(Debug, Clone, Copy)]
struct Visitor(Peer);

async fn admit(
    State(console): State<Arc<Console>>,
    Extension(Visitor(peer)): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    // A browser that was let in by a password sends that along with whatever a page of another site asks for.
    if request.method() == Method::POST && !look::comes_from_here(request.headers()) {
        return (StatusCode::FORBIDDEN, "A page of another site asked for this, and nothing was done\n")
            .into_response();
    }
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match console.access.admit(authorization.unwrap_or_default(), peer).await {
        Ok(()) => next.run(request).await,
        Err(Refusal::Wrong) => {
            let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"gatepost\"")];
            // Whom a proxy on this machine brings is none of its programs.
            let is_brought = ["forwarded", "x-forwarded-for"].iter().any(|name| request.headers().contains_key(*name));
            let mark = console.loaded.mark().filter(|_| peer.is_local() && !is_brought);
            let mark = mark.map(|mark| [(mark::HEADER, mark.written())]);
            (StatusCode::UNAUTHORIZED, ask, mark, "Sign in with the console's password or token\n").into_response()
        }
        Err(refusal @ (Refusal::TooManyGuesses | Refusal::Busy)) => {
            let later = [(header::RETRY_AFTER, "60")];
            let words = format!("{}\n", Fault::from(refusal).text);
            (StatusCode::TOO_MANY_REQUESTS, later, words).into_response()
        }
    }
}

async fn healthz() -> &'static str {
    "ok\n"
}

async fn ready(State(console): State<Arc<Console>>) -> Response {
    if !console.ready.load(Ordering::Relaxed) {
        let words = "no new connections: the daemon is starting or stopping; wait, and see its log if it stays so\n";
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    }
    match console.disk_trouble(true).await {
        None => "ready\n".into_response(),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")).into_response(),
    }
}

async fn metrics(State(console): State<Arc<Console>>, asked: HeaderMap) -> Response {
    let states = console.keepers.states();
    let in_phase = |phase: Phase| states.iter().filter(|state| state.phase == phase).count();
    console.meter.sign_ins(&Phase::ALL.map(|phase| (phase.as_str(), in_phase(phase))));
    let endings = console.calendar.endings(Timestamp::now());
    console.meter.endings(endings.iter().filter_map(|one| Some((one.what.as_str(), one.name.clone(), one.ends_at?))));
    let first = |end: fn(&SignInState) -> Option<Timestamp>| states.iter().filter_map(end).min();
    let policy = first(|state| state.policy_ends_at);
    console.meter.next_sign_in(&[("policy", policy), ("unused", first(|state| state.idle_until))]);
    let behind = |off: Off| i64::try_from(off.seconds).unwrap_or(i64::MAX) * if off.is_behind { 1 } else { -1 };
    console.meter.clock_behind(console.keepers.clock_off().map_or(0, behind));
    let clients = console.clients();
    console.meter.client_successes(clients.iter().map(|client| client.name.as_str()));
    console.queue.measure();
    let (kind, text) = exposition::of(&asked, console.meter.text());
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

async fn status(State(console): State<Arc<Console>>) -> Json<Status> {
    let store = console.disk_trouble(false).await;
    let _ = timeout(STORE_WITHIN, console.keepers.catch_up()).await;
    let endings = console.endings();
    let (accounts, domains, states) = (console.accounts(), console.domains(), console.keepers.states());
    let endings = EndingStatus::all(endings, &accounts, &domains);
    let mut status = Status::new(&accounts, &domains, &states, console.listeners(), &console.meter);
    for one in &mut status.accounts {
        if let Some(account) = console.account(&one.address) {
            one.note_refusals(&console, &account);
        }
    }
    let Console { loaded, .. } = &*console;
    let (configuration, needs_restart) = (loaded.fingerprint(), loaded.needs_restart());
    let refused_reload = loaded.refused_reload();
    let queue = Some(QueueStatus::of(&console.queue, &accounts, &domains, &console.keepers));
    let clock = console.keepers.clock_off().map(ClockStatus::of);
    let left_behind = console.left_behind().await.as_ref().map(LeftBehindStatus::of);
    let left_bodies = console.queue.left_bodies().as_ref().map(LeftBodiesStatus::of);
    let status = Status { left_behind, left_bodies, ..status };
    Json(Status { store, endings, configuration, clock, needs_restart, refused_reload, queue, ..status })
}
