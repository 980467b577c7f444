//! One message of the queue: its recipients, the last replies, its header, and what a person does with it.
//!
//! All of it is a stranger's text, the header most of all: it is shown as text, without what turns writing around or
//! moves a cursor.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Console,
    entry::{form_is_old, not_found},
    look::{Frame, Look, drawn},
    queue_page::path_back,
    words::Words,
};
use crate::{
    base::Lang,
    catalog::{in_the_log, own::ACCOUNT_GONE},
    meter,
    queue::{Done, FailureNote, MessageView, Order, RecipientView, hold, last_words},
};

/// Named in the list; the message's own page has more.
const RECIPIENTS_IN_ROW: usize = 3;
const RECIPIENTS_SHOWN: usize = 500;

/// A message as both pages say it.
pub struct Row {
    pub one: MessageView,
    pub path: String,
    pub mark: &'static str,
    pub colour: &'static str,
    pub state: &'static str,
    /// Why it is held, or what it waits for.
    pub because: Option<&'static str>,
    /// Id and short text of the fault that it is held or waits for.
    pub fault: Option<String>,
    pub next: String,
    /// The first recipients, and how many there are beside them.
    pub recipients: Vec<String>,
    pub more: usize,
    /// The last reply that is worth a look: of somebody who failed or waits.
    pub reply: Option<String>,
    pub is_doubtful: bool,
    pub may_retry: bool,
    pub may_hold: bool,
    pub may_release: bool,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Page<'a> {
    frame: Frame<'a>,
    form: &'a str,
    said: Option<&'static str>,
    row: Row,
    recipients: Vec<(&'static str, &'static str, RecipientView)>,
    more: usize,
    header: Option<String>,
}

#[derive(Template)]
#[template(path = "drop.html")]
struct Question<'a> {
    frame: Frame<'a>,
    form: &'a str,
    row: Row,
}

#[derive(Template)]
#[template(path = "queue_gone.html")]
struct Gone<'a> {
    frame: Frame<'a>,
    form: &'a str,
    id: &'a str,
    path: String,
    /// It was there, and failed.
    failed: Option<FailureNote>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Told {
    said: String,
}

#[derive(Deserialize)]
pub struct Wish {
    #[serde(default)]
    form: String,
    /// The list that it comes from, if any.
    back: Option<String>,
}

impl Row {
    pub fn new(one: MessageView, lang: Lang) -> Self {
        let words = lang.words();
        let has_body = one.hold.as_deref() != Some(hold::BODY_MISSING);
        let has_account = one.fault != Some(ACCOUNT_GONE.id);
        let is_held = one.state == "held";
        let (mark, colour, state) = match one.state {
            "held" if !has_body => ("✗", "bad", words.queue_held),
            "held" => ("‖", "wait", words.queue_held),
            "under-way" => ("→", "good", words.queue_under_way),
            _ => ("…", "wait", words.queue_waiting),
        };
        let because = one.hold.as_deref().filter(|_| is_held).map(|hold| match hold {
            hold::CAPTURE => words.held_capture,
            hold::BODY_MISSING => words.held_body_missing,
            hold::BODY_DAMAGED => words.held_body_damaged,
            hold::DOUBTFUL => words.held_doubtful,
            _ => words.held_by_hand,
        });
        let because = because.or((!has_account).then_some(words.waits_for_account));
        let told = one.recipients.iter().filter(|one| one.reply.is_some());
        let telling = told.max_by_key(|one| ["delivered", "waiting", "failed"].iter().position(|s| *s == one.state));
        Self {
            path: path_of(&one.id),
            mark,
            colour,
            state,
            because,
            fault: one.fault.and_then(|id| in_the_log(id, lang)),
            next: next(&one, lang),
            recipients: one.recipients.iter().take(RECIPIENTS_IN_ROW).map(|one| one.address.clone()).collect(),
            more: one.recipients.len().saturating_sub(RECIPIENTS_IN_ROW),
            reply: telling.and_then(|one| Some(last_words(one.reply.as_deref()?, lang))),
            is_doubtful: one.recipients.iter().any(|one| one.is_doubtful),
            may_retry: !is_held && has_account,
            may_hold: !is_held && has_account,
            may_release: is_held && has_body && has_account,
            one,
        }
    }
}

fn path_of(id: &str) -> String {
    format!("/queue/{}", url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>().replace('+', "%20"))
}

fn next(one: &MessageView, lang: Lang) -> String {
    let words = lang.words();
    match (one.state, one.next_attempt.map(|at| at.saturating_sub(meter::now()))) {
        ("held", _) => words.not_before_release.to_owned(),
        ("under-way", _) => words.now.to_owned(),
        _ if one.fault.is_some() => "–".to_owned(),
        (_, None | Some(0)) => words.next_occasion.to_owned(),
        (_, Some(ahead)) => lang.within(ahead),
    }
}

/// What became of an order, in words.
pub fn said(word: &str, words: &'static Words) -> Option<&'static str> {
    Some(match word {
        "hold" => words.said_hold,
        "release" => words.said_release,
        "retry" => words.said_retry,
        "drop" => words.said_drop,
        "off-the-list" => words.said_off_the_list,
        "when-it-ends" => words.said_when_it_ends,
        "not-there" => words.said_not_there,
        "held" => words.said_held,
        "not-held" => words.said_not_held,
        "body-missing" => words.held_body_missing,
        _ => return None,
    })
}

pub async fn page(
    look: Look,
    State(console): State<Arc<Console>>,
    Path(id): Path<String>,
    Query(told): Query<Told>,
) -> Response {
    let message = match console.queue.message(&id).await {
        Ok(Some(message)) => message,
        Ok(None) => return gone(&look, &console, &id),
        Err(error) => return broken(&error.named()),
    };
    let words = look.words();
    let header = console.queue.head(&message).await.map(|head| shown(&head));
    let row = Row::new(console.queue.view(&message), look.lang);
    let recipient = |one: &RecipientView| match one.state {
        "delivered" => ("good", words.delivered, one.clone()),
        "failed" => ("bad", words.failed_for_good, one.clone()),
        _ => ("wait", words.queue_waiting, one.clone()),
    };
    let frame = look.frame();
    drawn(&Page {
        form: frame.form.unwrap_or_default(),
        said: said(&told.said, words),
        recipients: row.one.recipients.iter().take(RECIPIENTS_SHOWN).map(recipient).collect(),
        more: row.one.recipients.len().saturating_sub(RECIPIENTS_SHOWN),
        row,
        header,
        frame,
    })
}

/// A drop cannot be taken back: it is asked for on a page of its own, which works without scripts.
pub async fn question(
    look: Look,
    State(console): State<Arc<Console>>,
    Path((id, word)): Path<(String, String)>,
) -> Response {
    if word != Order::Drop.as_str() {
        return not_found(&look);
    }
    match console.queue.message(&id).await {
        Ok(Some(message)) => {
            let frame = look.frame();
            let form = frame.form.unwrap_or_default();
            drawn(&Question { form, row: Row::new(console.queue.view(&message), look.lang), frame })
        }
        Ok(None) => gone(&look, &console, &id),
        Err(error) => broken(&error),
    }
}

pub async fn order(
    look: Look,
    State(console): State<Arc<Console>>,
    Path((id, word)): Path<(String, String)>,
    Form(wish): Form<Wish>,
) -> Response {
    let Some(order) = Order::ALL.into_iter().find(|order| order.as_str() == word) else { return not_found(&look) };
    if !look.is_ours(&wish.form) {
        return form_is_old(&look);
    }
    let done = match console.queue.order(&id, order).await {
        Ok(done) => done,
        Err(error) => return broken(&error),
    };
    let said = if done == Done::Done { order.as_str() } else { done.as_str() };
    let is_gone = matches!(done, Done::NotThere | Done::OffTheList) || (done, order) == (Done::Done, Order::Drop);
    let path = match wish.back {
        Some(back) => path_back(&back, said, &id),
        None if is_gone => path_back("", said, &id),
        None => format!("{}?said={said}", path_of(&id)),
    };
    Redirect::to(&path).into_response()
}

fn gone(look: &Look, console: &Console, id: &str) -> Response {
    let failed = console.queue.failure(id);
    let status = if failed.is_some() { StatusCode::GONE } else { StatusCode::NOT_FOUND };
    let frame = look.frame();
    let form = frame.form.unwrap_or_default();
    (status, drawn(&Gone { frame, form, id, path: path_of(id), failed })).into_response()
}

/// Only who may see everything gets here.
fn broken(error: &dyn std::fmt::Display) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
}

/// A header as lines of text: no control, and nothing that turns the direction of what follows (UAX #9).
fn shown(header: &str) -> String {
    let plain = |c: char| match c {
        '\n' | '\t' => c,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' => '\u{fffd}',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    header.replace("\r\n", "\n").chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_header_moves_a_cursor_or_turns_writing_around() {
        assert_eq!(shown("A: b\r\n c\td\r\n"), "A: b\n c\td\n");
        assert_eq!(shown("S: \u{1b}[2J\r \u{202e}fdp.exe\u{7}"), "S: \u{fffd}[2J\u{fffd} \u{fffd}fdp.exe\u{fffd}");
    }
}
