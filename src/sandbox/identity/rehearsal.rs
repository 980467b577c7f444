//! The sandbox's own page and API: which rehearsals there are, what is switched on, what happened.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{Fields, Shared, pages};
use crate::sandbox::{faults::Faults, presets::PRESETS, tally::Counts};

pub async fn front(State(identity): Shared) -> Response {
    let on = identity.world.faults.now() != Faults::default();
    let state = if on { "Something is switched on." } else { "Everything is well." };
    let rows: String = PRESETS
        .iter()
        .map(|preset| format!("<option value=\"{0}\">{0}: {1}</option>", preset.name, pages::escaped(preset.about)))
        .collect();
    let people: String =
        identity.world.tenant.people().iter().map(|one| format!("<option>{}", pages::escaped(&one.address))).collect();
    let body = format!(
        "<p id=state>{state}</p><form method=post action=/sandbox/rehearse>\
         <label for=name>Rehearse a failure</label>\
         <select id=name name=name><option value=\"\">everything well again</option>{rows}</select> \
         <button id=submit>Switch</button></form>\
         <h2>As the administrator</h2><form method=post action=/sandbox/grant>\
         <label for=right>Give</label><select id=right name=right>\
         <option value=full-access>Full Access (Add-MailboxPermission)\
         <option value=send-as>Send As (Add-RecipientPermission)</select> \
         <label for=mailbox>on the mailbox</label><select id=mailbox name=mailbox>{people}</select> \
         <label for=to>to</label><select id=to name=to>{people}</select> \
         <button id=grant>Give</button></form>\
         <p>What Set-CASMailbox switches on is well again with the first list. Consent is given at the address that is \
         printed.</p>\
         <p>As JSON: <a href=/sandbox/faults>all switches</a> (PUT to change), <a href=/sandbox/counts>counts</a>, \
         <a href=/sandbox/transcript>transcript</a>.</p>"
    );
    pages::page("Sandbox", &body)
}

pub async fn faults(State(identity): Shared) -> Json<Faults> {
    Json(identity.world.faults.now())
}

/// Replaces all switches; what is not named goes back to its default.
pub async fn set_faults(State(identity): Shared, body: Bytes) -> Response {
    match serde_json::from_slice::<Faults>(&body) {
        Ok(faults) => {
            identity.world.faults.set(|now| *now = faults);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, format!("these are no switches: {error}\n")).into_response(),
    }
}

/// Switches one named rehearsal on, or with an empty name all off.
pub async fn rehearse(State(identity): Shared, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    identity.world.faults.clear();
    let name = fields.text("name").unwrap_or_default();
    let known = name.is_empty() || identity.world.faults.set(|faults| faults.apply(name));
    if !known {
        return (StatusCode::BAD_REQUEST, "there is no rehearsal of that name\n").into_response();
    }
    front(State(identity)).await
}

pub async fn counts(State(identity): Shared) -> Json<Counts> {
    Json(identity.world.tally.counts())
}

/// Masked, always.
pub async fn transcript(State(identity): Shared) -> Response {
    let lines = identity.world.transcript.lines();
    let lines = lines.iter().map(|line| {
        json!({ "connection": line.connection, "protocol": line.protocol, "tls": line.secured,
                "said": line.to_string() })
    });
    Json(lines.collect::<Vec<_>>()).into_response()
}
