//! The metadata service of a virtual machine in Azure: whoever reaches it from the machine is told of the machine, and gets its token.
//!
//! The machine has one identity of its own; a client id asks for one that was assigned to it, and here each registered
//! application counts as assigned.

use std::time::SystemTime;

use axum::{
    Json,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Fields, Identity, Shared, scope};
use crate::sandbox::tenant::Holder;

/// Client id of the machine's own identity.
const MACHINE: &str = "40000000-0000-4000-8000-000000000004";

pub async fn token(State(identity): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    identity.world.tally.count(|counts| *counts.token_requests.entry("metadata".into()).or_default() += 1);
    answer(&identity, &fields, &headers).unwrap_or_else(|(error, description)| {
        let body = json!({ "error": error, "error_description": description });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    })
}

/// What the machine is, as far as anybody asks here: that it answers shows that the service is within reach.
pub async fn instance(RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let fields = Fields::parse(query.unwrap_or_default().as_bytes());
    let refused = match fields.text("api-version") {
        _ if !is_asked_for(&headers) => "Bad request. Required metadata header not specified",
        Some(version) if !version.is_empty() => {
            return Json(json!({ "compute": { "azEnvironment": "AzurePublicCloud", "name": "mailhost" } }))
                .into_response();
        }
        _ => "Bad request. api-version was not specified in the request",
    };
    (StatusCode::BAD_REQUEST, Json(json!({ "error": refused }))).into_response()
}

/// What a forged link in a browser or a redirect cannot send.
fn is_asked_for(headers: &HeaderMap) -> bool {
    headers.get("metadata").is_some_and(|value| value == "true") && !headers.contains_key("x-forwarded-for")
}

fn answer(identity: &Identity, fields: &Fields, headers: &HeaderMap) -> Result<Response, (&'static str, &'static str)> {
    if !is_asked_for(headers) {
        return Err(("invalid_request", "Required metadata header not specified"));
    }
    if fields.text("api-version") != Some("2018-02-01") {
        return Err(("invalid_request", "Identity service: unsupported api-version"));
    }
    let resource =
        fields.text("resource").ok_or(("invalid_request", "Required query variable 'resource' is missing"))?;
    let client = fields.text("client_id").unwrap_or(MACHINE);
    if client != MACHINE && identity.world.tenant.app(client).is_none() {
        return Err(("invalid_request", "Identity not found"));
    }
    let scopes = vec![format!("{}/.default", resource.trim_end_matches('/'))];
    let audience = scope::audience(&scopes).map_err(|_| ("invalid_resource", "AADSTS500011: resource not found"))?;
    let (tenant, life) = (&identity.world.tenant, identity.token_life);
    let holder = Holder::App(client.to_owned());
    let token = tenant.issue(holder, client, &audience.resource, &audience.scopes, life);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|now| now.as_secs()).unwrap_or_default();
    // Numbers are strings here.
    let body = json!({
        "access_token": token.expose(), "client_id": client, "resource": resource, "token_type": "Bearer",
        "expires_in": life.as_secs().to_string(), "ext_expires_in": life.as_secs().to_string(),
        "expires_on": (now + life.as_secs()).to_string(), "not_before": now.to_string(),
    });
    Ok(Json(body).into_response())
}
