//! The sandbox's own page and API: which rehearsals there are, what is switched on, what happened.

use axum::{
    Json,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    Fields, Shared,
    pages::{self, Pages},
};
use crate::sandbox::{
    faults::Faults,
    presets::{PRESETS, Preset},
    tally::Counts,
    tenant::object_id,
};

pub async fn front(State(identity): Shared, pages: Pages) -> Response {
    let told = |text: &str| pages.told(text);
    let mut now = identity.world.faults.now();
    // Consent is no switch: it is what ends one.
    now.identity.consented.clear();
    let on = now != Faults::default();
    let state = told(if on { "Something is switched on." } else { "Everything is well." });
    let row = |preset: &Preset| {
        let (Preset { name, fault, .. }, about) = (preset, told(preset.about));
        let staged = if name == fault { String::new() } else { format!(" [{fault}]") };
        format!("<option value=\"{name}\">{name}{staged}: {about}</option>")
    };
    let rows: String = PRESETS.iter().map(row).collect();
    let tenant = &identity.world.tenant;
    let people: String =
        tenant.people().iter().map(|one| format!("<option>{}", pages::escaped(&one.address))).collect();
    let of_app = |id: &String| {
        let (object, id) = (object_id(id), pages::escaped(id));
        format!("<option value=\"{}\">{}: {id}", pages::escaped(&object), told("app"))
    };
    let apps: String = tenant.apps_alone().iter().map(of_app).collect();
    let body = format!(
        "<p id=state>{state}</p><form method=post action=/sandbox/rehearse>\
         <label for=name>{}</label>\
         <select id=name name=name><option value=\"\">{}</option>{rows}</select> \
         <button id=submit>{}</button></form><p>{}</p>\
         <h2>{}</h2><form method=post action=/sandbox/grant>\
         <label for=right>{}</label><select id=right name=right>\
         <option value=full-access>Full Access (Add-MailboxPermission)\
         <option value=send-as>Send As (Add-RecipientPermission)</select> \
         <label for=mailbox>{}</label><select id=mailbox name=mailbox>{people}</select> \
         <label for=to>{}</label><select id=to name=to>{people}{apps}</select> \
         <button id=grant>{}</button></form>\
         <p>{}</p>\
         <p>{} <a href=/sandbox/faults>{}</a> {}, <a href=/sandbox/counts>{}</a>, \
         <a href=/sandbox/transcript>{}</a>.</p>",
        told("Rehearse a failure"),
        told("everything well again"),
        told("Switch"),
        told(
            "In brackets, where it has another name: the id of the fault. What it means and what to do: gatepost explain ID"
        ),
        told("As the administrator"),
        told("Give"),
        told("on the mailbox"),
        told("to"),
        told("Give"),
        told(
            "What Set-CASMailbox switches on is well again with the first list: \"everything well again\". So are a new \
              secret of the app and its right service principal, which have no place here. Consent is given at the address \
              that is printed."
        ),
        told("As JSON:"),
        told("all switches"),
        told("(PUT to change)"),
        told("counts"),
        told("transcript"),
    );
    pages.page("Sandbox", &body)
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
pub async fn rehearse(State(identity): Shared, pages: Pages, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    identity.world.faults.clear();
    let name = fields.text("name").unwrap_or_default();
    let known = name.is_empty() || identity.world.faults.set(|faults| faults.apply(name));
    if !known {
        return (StatusCode::BAD_REQUEST, "there is no rehearsal of that name\n").into_response();
    }
    front(State(identity), pages).await
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
