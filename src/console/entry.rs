//! The way in: by the password, or by the link that `gatepost console` prints; and the way out.

use std::sync::Arc;

use askama::Template;
use axum::{
    Extension, Form, Json,
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Console, Visitor,
    look::{Frame, Look, drawn},
    visits::Holder,
};
use crate::{
    account::Refusal,
    base::{Secret, invocation},
    net::peer_uid,
};

#[derive(Template)]
#[template(path = "door.html")]
struct Door<'a> {
    frame: Frame<'a>,
    has_password: bool,
    /// How this program is called, for whoever types what the page says.
    gatepost: &'static str,
    trouble: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "words_only.html")]
struct WordsOnly<'a> {
    frame: Frame<'a>,
    text: &'static str,
}

#[derive(Deserialize)]
pub struct Ticket {
    #[serde(default)]
    ticket: String,
}

/// How a ticket is asked for.
#[derive(Deserialize)]
pub struct Wish {
    /// For a browser of the same user of this machine alone.
    #[serde(default)]
    mine: bool,
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    password: String,
}

/// A form that holds nothing but the word of the visit.
#[derive(Deserialize)]
pub struct Bare {
    #[serde(default)]
    pub form: String,
}

pub async fn door(look: Look, State(console): State<Arc<Console>>) -> Response {
    shut(&look, &console, StatusCode::OK, None)
}

fn shut(look: &Look, console: &Console, code: StatusCode, trouble: Option<&'static str>) -> Response {
    // Nobody is let in yet, whatever an old cookie says.
    let frame = Frame { lang: look.lang, form: None };
    let page = Door { frame, has_password: console.access.has_password(), gatepost: invocation::gatepost(), trouble };
    (code, drawn(&page)).into_response()
}

/// The password was typed.
pub async fn knock(
    look: Look,
    State(console): State<Arc<Console>>,
    Extension(Visitor(peer)): Extension<Visitor>,
    Form(typed): Form<Typed>,
) -> Response {
    match console.access.admit_password(&Secret::new(typed.password), peer).await {
        Ok(()) => come_in(&console),
        Err(Refusal::Wrong) => shut(&look, &console, StatusCode::UNAUTHORIZED, Some(look.words().door_wrong)),
        Err(Refusal::TooManyGuesses | Refusal::Busy) => {
            shut(&look, &console, StatusCode::TOO_MANY_REQUESTS, Some(look.words().door_later))
        }
    }
}

/// The link of `gatepost console`.
pub async fn open(
    look: Look,
    State(console): State<Arc<Console>>,
    Extension(Visitor(peer)): Extension<Visitor>,
    Query(asked): Query<Ticket>,
) -> Response {
    if console.visits.takes(&asked.ticket, || peer_uid(peer.address)) {
        return come_in(&console);
    }
    // Somebody who is in already may have clicked twice.
    match look.visit {
        Some(_) => Redirect::to("/").into_response(),
        None => shut(&look, &console, StatusCode::UNAUTHORIZED, Some(look.words().door_spent)),
    }
}

/// The path at which a ticket is taken.
#[allow(clippy::needless_pass_by_value)] // it is used up there
pub fn opening(ticket: String) -> String {
    format!("/open?ticket={ticket}")
}

/// For the holder of the token: a path that opens the console once.
pub async fn ticket(
    State(console): State<Arc<Console>>,
    Extension(Visitor(peer)): Extension<Visitor>,
    Query(wish): Query<Wish>,
) -> Response {
    let holder = wish.mine.then(|| peer_uid(peer.address)).flatten().map_or(Holder::Anybody, Holder::User);
    match console.visits.ticket(holder) {
        Some(ticket) => Json(json!({ "path": opening(ticket) })).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "This machine gives no random numbers\n").into_response(),
    }
}

fn come_in(console: &Console) -> Response {
    let cookie = console.visits.begin().and_then(|cookie| HeaderValue::try_from(cookie).ok());
    match cookie {
        Some(cookie) => ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        None => (StatusCode::SERVICE_UNAVAILABLE, "This machine gives no random numbers\n").into_response(),
    }
}

pub async fn leave(look: Look, State(console): State<Arc<Console>>, Form(form): Form<Bare>) -> Response {
    if let Some(visit) = look.visit.as_ref().filter(|_| look.is_ours(&form.form)) {
        console.visits.end(visit);
    }
    Redirect::to("/door").into_response()
}

pub fn form_is_old(look: &Look) -> Response {
    let page = WordsOnly { frame: look.frame(), text: look.words().form_old };
    (StatusCode::FORBIDDEN, drawn(&page)).into_response()
}

pub fn not_found(look: &Look) -> Response {
    let page = WordsOnly { frame: look.frame(), text: look.words().not_found };
    (StatusCode::NOT_FOUND, drawn(&page)).into_response()
}

pub async fn nothing_here(look: Look) -> Response {
    match look.visit {
        Some(_) => not_found(&look),
        None => (StatusCode::NOT_FOUND, format!("{}\n", look.words().not_found)).into_response(),
    }
}
