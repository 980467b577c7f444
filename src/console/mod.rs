//! The HTTP side: health, metrics and status. Pages come with a later version.
//!
//! `/healthz`, `/readyz` and `/metrics` are open. `/api/status` needs the console's token (a file that only the
//! daemon's user can read) or the configured password. Without a password only loopback names are accepted as Host,
//! so that no web page can reach it by DNS rebinding.

mod access;
mod connections;
mod status;

use std::{
    net::IpAddr,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Extension, Json, Router,
    extract::{Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use access::Verdict;
pub use access::{Access, token_file};
pub use status::{AccountStatus, ListenerStatus, Status};

use crate::{
    account::Account,
    meter::Meter,
    oauth::{Keepers, Phase},
    store::Store,
};

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
struct Visitor(IpAddr);

async fn admit(
    State(console): State<Arc<Console>>,
    Extension(Visitor(peer)): Extension<Visitor>,
    request: Request,
    next: Next,
) -> Response {
    let authorization = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    match console.access.admits(authorization.unwrap_or_default(), peer).await {
        Verdict::In => next.run(request).await,
        Verdict::Out => {
            let ask = [(header::WWW_AUTHENTICATE, "Basic realm=\"gatepost\"")];
            (StatusCode::UNAUTHORIZED, ask, "Sign in with the console's password or token\n").into_response()
        }
        Verdict::TooManyGuesses => {
            let later = [(header::RETRY_AFTER, "60")];
            (StatusCode::TOO_MANY_REQUESTS, later, "Too many wrong passwords from this address\n").into_response()
        }
    }
}

async fn ready(State(console): State<Arc<Console>>) -> Response {
    if !console.ready.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "listeners are not open\n").into_response();
    }
    match console.store.is_writable().await {
        true => "ready\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n").into_response(),
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
    Json(Status::new(&accounts, &console.keepers.states(), listeners, &console.meter))
}
