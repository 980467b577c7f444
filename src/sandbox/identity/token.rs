//! The token endpoint as a place on the network: counts, delays and mishaps around the grants, and revocation.

use std::time::Duration;

use axum::{
    Json,
    body::Body,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use http::HeaderValue;
use serde_json::{Value, json};

use super::{Fields, Identity, Shared, errors::Refused, grant};
use crate::sandbox::{faults::MishapKind, tenant::put, transcript::Speaker};

pub async fn token(State(identity): Shared, Path(tenant): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    if fields.text("resource").is_some() {
        return Refused::new(901002).into_response();
    }
    answer(&identity, &tenant, "v2.0/", &headers, &fields).await
}

/// Entra's first endpoint: a resource is asked for, and stands for all that was consented to of it.
pub async fn first_token(
    State(identity): Shared,
    Path(tenant): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut fields = Fields::parse(&body);
    if let Some(resource) =
        fields.text("resource").map(|resource| format!("{}/.default", resource.trim_end_matches('/')))
    {
        fields.0.push(("scope".to_owned(), resource));
    }
    answer(&identity, &tenant, "", &headers, &fields).await
}

async fn answer(identity: &Identity, tenant: &str, version: &str, headers: &HeaderMap, fields: &Fields) -> Response {
    let kind = fields.text("grant_type").unwrap_or("none").to_owned();
    identity.note(Speaker::Client, &format!("POST /{tenant}/oauth2/{version}token grant_type={kind}"));
    let counted = if kind.len() > 100 { "other".into() } else { kind.clone() };
    identity.world.tally.count(|counts| *counts.token_requests.entry(counted).or_default() += 1);
    let response = upset(identity, &kind, async || grant::grant(identity, tenant, headers, fields)).await;
    if !response.status().is_success() {
        identity.world.tally.count(|counts| counts.token_refusals += 1);
    }
    identity.note(Speaker::Server, &format!("HTTP {}", response.status().as_u16()));
    response
}

/// Runs what answers a request, unless a mishap is switched on for it.
pub async fn upset<E: IntoResponse>(
    identity: &Identity,
    kind: &str,
    answer: impl AsyncFnOnce() -> Result<Value, E>,
) -> Response {
    let faults = &identity.world.faults;
    let delay = faults.read(|faults| faults.identity.delay_ms);
    if delay > 0 {
        tokio::time::sleep(Duration::from_millis(delay)).await;
    }
    let mishap = faults.mishap(kind);
    match &mishap {
        None => {}
        Some(MishapKind::Aadsts(code)) => return Refused::new(*code).into_response(),
        Some(MishapKind::Status { status, retry_after }) => return bare(*status, *retry_after),
        Some(MishapKind::Html) => {
            return portal();
        }
        Some(MishapKind::Hang) => {
            identity.world.stop.cancelled().await;
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        // A body that breaks off: the server gives the connection up.
        Some(MishapKind::Drop) => {
            let pieces = [Ok("{"), Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))];
            return Body::from_stream(futures_util::stream::iter(pieces)).into_response();
        }
        Some(MishapKind::Huge(length)) => return huge(*length),
        Some(MishapKind::Truncated | MishapKind::WrongTypes | MishapKind::PoisonedToken) => {}
    }
    let mut value = match answer().await {
        Ok(value) => value,
        Err(refused) => return refused.into_response(),
    };
    match mishap {
        Some(MishapKind::Truncated) => {
            let text = value.to_string();
            let half = text.get(..text.len() / 2).unwrap_or_default().to_owned();
            return ([(header::CONTENT_TYPE, "application/json")], half).into_response();
        }
        Some(MishapKind::WrongTypes) => {
            value = json!({ "access_token": 17, "expires_in": {}, "token_type": ["Bearer"] })
        }
        Some(MishapKind::PoisonedToken) => {
            put(&mut value, "access_token", json!("poisoned\r\nMAIL FROM:<evil@contoso.example>"))
        }
        _ => {}
    }
    ([(header::CACHE_CONTROL, "no-store, no-cache"), (header::PRAGMA, "no-cache")], Json(value)).into_response()
}

/// What a captive portal answers in the place of anybody.
pub fn portal() -> Response {
    Html("<!doctype html><title>Welcome to Hotel WiFi</title><h1>Log in to browse</h1>").into_response()
}

fn bare(status: u16, retry_after: Option<u64>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let mut response = (status, "Service unavailable").into_response();
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// One JSON string of so many octets, within reason.
fn huge(length: u64) -> Response {
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(256 << 20);
    let mut body = b"{\"access_token\":\"".to_vec();
    body.resize(body.len() + length, b'a');
    body.extend_from_slice(b"\",\"token_type\":\"Bearer\"}");
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// RFC 7009: always 200. Entra has no such endpoint; Google and others do.
pub async fn revoke(State(identity): Shared, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    let token = fields.text("token").unwrap_or_default();
    let user = identity.memory(|memory| {
        let family = memory.refresh.entry(token).map(|refresh| refresh.family.clone())?;
        let mut user = None;
        for refresh in memory.refresh.all().filter(|refresh| refresh.family == family) {
            refresh.revoked = true;
            user = Some(refresh.user.clone());
        }
        user
    });
    if let Some(user) = user {
        identity.world.tenant.revoke(&user);
    }
    StatusCode::OK.into_response()
}
