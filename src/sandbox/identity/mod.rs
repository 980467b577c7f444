//! An identity provider that behaves like Entra ID: authorize, token, device code, discovery, revocation.
//!
//! Plain HTTP on loopback, since its clients are on this machine. Behaviour follows Microsoft's entra-docs;
//! what Entra refuses is refused with the same AADSTS number, and any other number can be switched on.

mod admin;
mod assertion;
mod authorize;
mod device;
mod errors;
mod grant;
mod memory;
mod metadata;
mod pages;
mod rehearsal;
mod scope;
mod service_account;
mod token;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::HeaderMap,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::json;
use tokio::net::TcpListener;
use url::form_urlencoded;

use super::{
    exchange::World,
    faults::{Mishap, MishapKind},
    options::{DOMAIN, Options, PUBLIC_CLIENT},
    tenant::{self, Holder, TENANT_ID, random},
    transcript::Speaker,
};
use crate::base::Secret;
use errors::Refused;
use memory::{Memory, Refresh, Verdict};

pub(super) struct Identity {
    world: Arc<World>,
    memory: Mutex<Memory>,
    /// Where the URLs begin.
    origin: String,
    approves_itself: AtomicBool,
    token_life: Duration,
    device_interval: u64,
}

type Shared = State<Arc<Identity>>;

impl Identity {
    pub(super) fn new(options: &Options, address: SocketAddr, world: Arc<World>) -> Self {
        Self {
            world,
            memory: Mutex::default(),
            origin: format!("http://{address}"),
            approves_itself: AtomicBool::new(options.auto_approve),
            token_life: options.token_life,
            device_interval: options.device_interval,
        }
    }

    pub(super) fn ask_people(&self) {
        self.approves_itself.store(false, Ordering::Relaxed);
    }

    fn approves_itself(&self) -> bool {
        self.approves_itself.load(Ordering::Relaxed)
    }

    fn memory<T>(&self, look: impl FnOnce(&mut Memory) -> T) -> T {
        look(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn issue(&self, user: &str, life: Duration) -> Secret {
        let holder = Holder::Person(user.to_ascii_lowercase());
        self.world.tenant.issue(holder, PUBLIC_CLIENT, scope::EXCHANGE, &scope::mail(), life)
    }

    pub(super) fn issue_for(&self, user: &str, scopes: &[&str], life: Duration) -> Secret {
        let holder = Holder::Person(user.to_ascii_lowercase());
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let resource = scope::audience(&scopes).map_or_else(|_| scope::EXCHANGE.to_owned(), |found| found.resource);
        self.world.tenant.issue(holder, PUBLIC_CLIENT, &resource, &scopes, life)
    }

    pub(super) fn issue_refresh_for(&self, user: &str, scopes: &[&str]) -> Secret {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Secret::new(self.new_refresh(PUBLIC_CLIENT, &user.to_ascii_lowercase(), scopes, None))
    }

    pub(super) fn issue_refresh(&self, user: &str) -> Secret {
        let mut scopes = scope::mail();
        scopes.push("offline_access".into());
        Secret::new(self.new_refresh(PUBLIC_CLIENT, &user.to_ascii_lowercase(), scopes, None))
    }

    /// A refresh token; of a new family where none is given.
    fn new_refresh(&self, client_id: &str, user: &str, scopes: Vec<String>, family: Option<String>) -> String {
        let token = format!("1.AXoA{}", tenant::random_text(900));
        let refresh = Refresh {
            client_id: client_id.into(),
            user: user.into(),
            scopes,
            family: family.unwrap_or_else(|| tenant::random_text(16)),
            used: false,
            revoked: false,
        };
        self.memory(|memory| memory.refresh.put(token.clone(), refresh));
        token
    }

    pub(super) fn revoke(&self, user: &str) {
        self.memory(|memory| {
            let of_user = memory.refresh.all().filter(|refresh| refresh.user.eq_ignore_ascii_case(user));
            of_user.for_each(|refresh| refresh.revoked = true);
        });
    }

    pub(super) fn approve_device(&self, user_code: &str, user: &str) -> bool {
        self.decide(user_code, Verdict::Approved(user.to_ascii_lowercase()))
    }

    pub(super) fn decline_device(&self, user_code: &str) -> bool {
        self.decide(user_code, Verdict::Declined)
    }

    fn decide(&self, user_code: &str, verdict: Verdict) -> bool {
        self.memory(|memory| {
            let waiting = |device: &&mut memory::Device| {
                device.user_code.eq_ignore_ascii_case(user_code.trim()) && device.verdict == Verdict::Waiting
            };
            let device = memory.devices.all().find(waiting);
            device.map(|device| device.verdict = verdict).is_some()
        })
    }

    fn note(&self, speaker: Speaker, said: &str) {
        self.world.transcript.note(0, "http", speaker, false, said.as_bytes());
    }
}

pub(super) async fn serve(identity: Arc<Identity>, graph: Router, listener: TcpListener) {
    let stop = identity.world.stop.clone();
    let router = Router::new()
        .route("/{tenant}/oauth2/v2.0/authorize", get(authorize::begin).post(authorize::begin))
        .route("/{tenant}/adminconsent", get(admin::consent_page).post(admin::consent))
        .route("/{tenant}/oauth2/v2.0/token", post(token::token))
        .route("/{tenant}/oauth2/token", post(token::first_token))
        .route("/metadata/identity/oauth2/token", get(metadata::token))
        .route("/metadata/instance", get(metadata::instance))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device::code).get(device::code))
        .route("/{tenant}/oauth2/v2.0/revoke", post(token::revoke))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery))
        .route("/{tenant}/discovery/v2.0/keys", get(async || Json(json!({ "keys": [] }))))
        .route("/sign-in", post(authorize::sign_in))
        .route("/consent", post(authorize::consent))
        .route("/devicelogin", get(device::page).post(device::enter))
        .route("/", get(rehearsal::front))
        .route("/sandbox/faults", get(rehearsal::faults).put(rehearsal::set_faults))
        .route("/sandbox/rehearse", post(rehearsal::rehearse))
        .route("/sandbox/grant", post(admin::grant))
        .route("/sandbox/counts", get(rehearsal::counts))
        .route("/sandbox/transcript", get(rehearsal::transcript))
        .with_state(identity.clone())
        .merge(graph)
        .layer(middleware::from_fn_with_state(identity, dated));
    // The sandbox holds no real secret, so that an answer cut off at its end harms nobody.
    tokio::select! {
        _ended = axum::serve(listener, router).with_graceful_shutdown(stop.clone().cancelled_owned()) => {}
        () = stop.cancelled() => {}
    }
}

/// The Date of an answer by the provider's own clock, which may be wrong.
async fn dated(State(identity): Shared, request: Request, next: Next) -> Response {
    let ahead = identity.world.faults.read(|faults| faults.identity.clock_ahead);
    let mut response = next.run(request).await;
    let time = jiff::Timestamp::now().checked_add(jiff::SignedDuration::from_secs(ahead)).unwrap_or_default();
    if ahead != 0
        && let Ok(date) = time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string().parse()
    {
        response.headers_mut().insert("date", date);
    }
    response
}

async fn discovery(State(identity): Shared, Path(tenant): Path<String>) -> Result<Response, Refused> {
    let portal = |mishap: &Mishap| mishap.kind == MishapKind::Html;
    if identity.world.faults.read(|faults| faults.identity.mishap.as_ref().is_some_and(portal)) {
        return Ok(token::portal());
    }
    any_name(&tenant)?;
    let base = format!("{}/{tenant}", identity.origin);
    Ok(Json(json!({
        "issuer": format!("{}/{TENANT_ID}/v2.0", identity.origin),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "revocation_endpoint": format!("{base}/oauth2/v2.0/revoke"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "subject_types_supported": ["pairwise"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "cloud_instance_name": "sandbox", "tenant_region_scope": "WW",
    }))
    .into_response())
}

/// Whether a request that is about tokens or consent may come under this name.
fn known_tenant(identity: &Identity, tenant: &str) -> Result<(), Refused> {
    let by_id_alone = identity.world.faults.read(|faults| faults.identity.tenant_by_id_alone);
    match by_id_alone && tenant.eq_ignore_ascii_case(DOMAIN) {
        true => Err(no_such_tenant(tenant)),
        false => any_name(tenant),
    }
}

/// Names under which the tenant is addressed; `common` and its kin stand for any tenant.
fn any_name(tenant: &str) -> Result<(), Refused> {
    let names = [DOMAIN, TENANT_ID, "common", "organizations", "consumers"];
    match names.iter().any(|name| name.eq_ignore_ascii_case(tenant)) {
        true => Ok(()),
        false => Err(no_such_tenant(tenant)),
    }
}

fn no_such_tenant(tenant: &str) -> Refused {
    let text = format!(
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing \
                        into the correct cloud."
    );
    Refused::because(90002, text)
}

fn is_multi_tenant(tenant: &str) -> bool {
    ["common", "consumers"].iter().any(|name| name.eq_ignore_ascii_case(tenant))
}

/// The fields of a form, query or both; the first of each name counts.
#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// Entra's complaint about a field that is not there.
    fn required(&self, name: &str) -> Result<&str, Refused> {
        let text = || format!("The request body must contain the following parameter: '{name}'.");
        self.text(name).ok_or_else(|| Refused::because(900144, text()))
    }
}

/// User and password of an `Authorization: Basic` header (RFC 6749 2.3.1).
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let value = headers.get("authorization")?.to_str().ok()?;
    let encoded = value.get(..6).filter(|scheme| scheme.eq_ignore_ascii_case("basic ")).and(value.get(6..))?;
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = pair.split_once(':')?;
    // Both are form-encoded before they are joined.
    let decoded = |text: &str| {
        let text = format!("x={text}");
        form_urlencoded::parse(text.as_bytes()).next().map(|(_, value)| value.into_owned())
    };
    Some((decoded(user)?, decoded(password)?))
}

fn trace_id() -> String {
    let hex: String = random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}
