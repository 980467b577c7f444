//! The HTTP side: health, metrics and status. Pages come with a later version.
//!
//! `/healthz`, `/readyz` and `/metrics` are open. `/api/status` needs the console's token (a file that only the
//! daemon's user can read) or the configured password. Without a password only loopback names are accepted as Host,
//! so that no web page can reach it by DNS rebinding.

mod access;
mod connections;
mod status;

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

pub use access::{Access, token_file};
pub use status::{AccountStatus, ListenerStatus, Status};

use crate::{
    account::{Account, Refusal},
    base::Fault,
    meter::Meter,
    net::Peer,
    oauth::{Keepers, Phase},
    store::Store,
};

/// For the store to say whether it takes writes; `gatepost status` waits five seconds for all of its answer.
const STORE_WITHIN: Duration = Duration::from_secs(4);

/// What the console shows of the daemon.
pub struct Console {
    pub access: Access,
    pub meter: Meter,
    pub keepers: Arc<Keepers>,
    pub store: Arc<Store>,
    /// Listeners are open and the daemon is not draining.
    pub ready: AtomicBool,
    pub accounts: RwLock<Vec<Arc<Account>>>,
    pub listeners: RwLock<Vec<ListenerStatus>>,
}

impl Console {
    /// Why the store takes no writes, and what to do; `None` where it takes them.
    async fn store_trouble(&self) -> Option<String> {
        let silent = "the store does not answer: another program holds its lock, or its disk hangs; look for both";
        timeout(STORE_WITHIN, self.store.trouble()).await.unwrap_or_else(|_| Some(silent.to_owned()))
    }
}

/// Serves until `closing`.
pub async fn serve(listener: TcpListener, console: Arc<Console>, closing: CancellationToken) {
    let guarded = Router::new()
        .route("/api/status", get(status))
        .route_layer(middleware::from_fn_with_state(console.clone(), admit));
    let open = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics));
    let router =
        guarded.merge(open).layer(middleware::from_fn_with_state(console.clone(), check_host)).with_state(console);
    connections::serve(listener, router, closing).await;
}

async fn check_host(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !console.access.allows_host(host.unwrap_or_default()) {
        return (StatusCode::MISDIRECTED_REQUEST, "This console answers to loopback names only\n").into_response();
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
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match console.access.admit(authorization.unwrap_or_default(), peer).await {
        Ok(()) => next.run(request).await,
        Err(Refusal::Wrong) => {
            let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"gatepost\"")];
            (StatusCode::UNAUTHORIZED, ask, "Sign in with the console's password or token\n").into_response()
        }
        Err(refusal @ (Refusal::TooManyGuesses | Refusal::Busy)) => {
            let later = [(header::RETRY_AFTER, "60")];
            let words = format!("{}\n", Fault::from(refusal).text);
            (StatusCode::TOO_MANY_REQUESTS, later, words).into_response()
        }
    }
}

async fn ready(State(console): State<Arc<Console>>) -> Response {
    if !console.ready.load(Ordering::Relaxed) {
        let words = "no new connections: the daemon is starting or stopping; wait, and see its log if it stays so\n";
        return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
    }
    match console.store_trouble().await {
        None => "ready\n".into_response(),
        Some(trouble) => (StatusCode::SERVICE_UNAVAILABLE, format!("{trouble}\n")).into_response(),
    }
}

async fn metrics(State(console): State<Arc<Console>>) -> Response {
    let states = console.keepers.states();
    let in_phase = |phase: Phase| states.iter().filter(|state| state.phase == phase).count();
    console.meter.sign_ins(&Phase::ALL.map(|phase| (phase.as_str(), in_phase(phase))));
    let kind = [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")];
    (kind, console.meter.text()).into_response()
}

async fn status(State(console): State<Arc<Console>>) -> Json<Status> {
    let accounts = console.accounts.read().unwrap_or_else(PoisonError::into_inner).clone();
    let listeners = console.listeners.read().unwrap_or_else(PoisonError::into_inner).clone();
    let store = console.store_trouble().await;
    Json(Status::new(&accounts, &console.keepers.states(), listeners, &console.meter, store))
}
