//! The queue over HTTP, for `gatepost queue` and for programs: look, hold, release, retry, drop.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::Console;
use crate::{
    queue::{FailureNote, FailureView, Order, QueueView},
    store::QueueFilter,
};

/// Messages in one answer, if nobody says; and at most.
const SHOWN: u32 = 200;
const SHOWN_CAP: u32 = 2000;
/// Of what failed with its sender told: who has to be told again which it was needs the last ones.
const RETURNED: usize = 5;

/// `?account=&sender=&recipient=&client=&state=&limit=`; each may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Search {
    account: Option<String>,
    sender: Option<String>,
    recipient: Option<String>,
    client: Option<String>,
    /// waiting | under-way | held
    state: Option<String>,
    limit: Option<u32>,
}

impl Search {
    fn is_any(&self) -> bool {
        let Self { account, sender, recipient, client, state, .. } = self;
        [account, sender, recipient, client, state].iter().all(|one| one.is_none())
    }

    /// `None`: there is no such state.
    fn filter(self) -> Option<QueueFilter> {
        let (is_held, is_under_way) = by_state(self.state.as_deref())?;
        let most = self.limit.unwrap_or(SHOWN).min(SHOWN_CAP);
        let Self { account, sender, recipient, client, .. } = self;
        Some(QueueFilter { account, sender, recipient, client, is_held, is_under_way, after: None, most })
    }
}

/// Held, and under way, of the messages of a state; the outer `None`: there is no such state.
pub(super) fn by_state(word: Option<&str>) -> Option<(Option<bool>, Option<bool>)> {
    Some(match word {
        None => (None, None),
        Some("waiting") => (Some(false), Some(false)),
        Some("under-way") => (None, Some(true)),
        Some("held") => (Some(true), Some(false)),
        Some(_) => return None,
    })
}

pub(super) async fn list(State(console): State<Arc<Console>>, Query(search): Query<Search>) -> Response {
    let is_any = search.is_any();
    let lost = if is_any { console.queue.lost() } else { Vec::new() };
    let (returned, last) = if is_any { console.queue.returned(RETURNED) } else { (0, Vec::new()) };
    let Some(filter) = search.filter() else {
        return refusal(StatusCode::BAD_REQUEST, "state is waiting, under-way or held");
    };
    match console.queue.search(&filter).await {
        Ok(found) => {
            let failed = lost.iter().rev().map(FailureView::new).collect();
            let last_returned = last.iter().map(FailureView::new).collect();
            let view = QueueView::new(&found, |one| console.queue.view(one));
            Json(QueueView { failed, returned, last_returned, ..view }).into_response()
        }
        Err(error) => broken(&error.named()),
    }
}

pub(super) async fn show(State(console): State<Arc<Console>>, Path(id): Path<String>) -> Response {
    match console.queue.message(&id).await {
        Ok(Some(message)) => {
            let head = console.queue.head(&message).await;
            Json(json!({ "message": console.queue.view(&message), "header": head })).into_response()
        }
        Ok(None) => nothing(&id, console.queue.failure(&id).as_ref()),
        Err(error) => broken(&error.named()),
    }
}

pub(super) async fn order(State(console): State<Arc<Console>>, Path((id, word)): Path<(String, String)>) -> Response {
    let Some(order) = Order::ALL.into_iter().find(|order| order.as_str() == word) else {
        return refusal(StatusCode::NOT_FOUND, "hold, release, retry or drop");
    };
    match console.queue.order(&id, order).await {
        Ok(done) => Json(json!({ "id": id, "order": word, "done": done.as_str() })).into_response(),
        Err(error) => broken(&error),
    }
}

/// `failure`: it was there, and failed.
fn nothing(id: &str, failure: Option<&FailureNote>) -> Response {
    let Some(failure) = failure else {
        let words = format!("no message {id} in the queue: it was delivered, failed, or was dropped, or never was");
        return refusal(StatusCode::NOT_FOUND, &words);
    };
    let words = format!("message {id} is not in the queue any more: it failed for good");
    (StatusCode::GONE, Json(json!({ "error": words, "failed": FailureView::new(failure) }))).into_response()
}

/// Only who may see everything gets here.
fn broken(error: &dyn std::fmt::Display) -> Response {
    refusal(StatusCode::SERVICE_UNAVAILABLE, &error.to_string())
}

fn refusal(status: StatusCode, words: &str) -> Response {
    (status, Json(json!({ "error": words }))).into_response()
}
