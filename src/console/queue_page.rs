//! The queue as a page: what waits, what is on hold, what failed lately, and the search.
//!
//! It shows a page full at a time, in the order of acceptance, so that thousands of messages cost no more than a few.

use std::{sync::Arc, time::SystemTime};

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    Console,
    look::{Frame, Look, drawn},
    message_page::{Row, said},
    plot::Plot,
    queue::by_state,
    words::Words,
};
use crate::{
    account::{Occasion, told},
    base::{Lang, Protocol},
    meter,
    queue::{FailureNote, LaneView, fault_beside},
    store::{Found, QueueFilter},
};

/// Messages on one page.
const SHOWN: usize = 50;
const FAILURES_SHOWN: usize = 15;
const LANES_SHOWN: usize = 20;

#[derive(Template)]
#[template(path = "queue.html")]
struct Page<'a> {
    frame: Frame<'a>,
    form: &'a str,
    said: Option<&'static str>,
    of: &'a str,
    trouble: Option<String>,
    halt: Option<String>,
    damaged: Vec<String>,
    sought: &'a Sought,
    states: [(&'static str, &'static str); 4],
    /// What the forms of the list carry, to come back to the same page.
    back: String,
    plots: [Plot; 2],
    lanes: Vec<LaneRow>,
    waiting: usize,
    held: usize,
    messages: Vec<Row>,
    next_page: Option<String>,
    failures: Vec<FailureRow>,
}

/// What is looked for, as it stands in the address of the page; empty is any.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Sought {
    account: String,
    sender: String,
    recipient: String,
    client: String,
    state: String,
    /// Where the page before ended.
    after: String,
    /// What became of an order, and of which message.
    said: String,
    of: String,
}

/// A mailbox whose way out is shut.
struct LaneRow {
    account: String,
    waiting: usize,
    since: u64,
    id: &'static str,
    cause: String,
    next: String,
    avoid: Option<String>,
}

struct FailureRow {
    at: u64,
    note: FailureNote,
    /// What the reply means, where that does not say so.
    fault: Option<String>,
}

impl Sought {
    fn filter(&self) -> QueueFilter {
        let some = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
        let (is_held, is_under_way) = by_state(some(&self.state).as_deref()).unwrap_or_default();
        QueueFilter {
            account: some(&self.account),
            sender: some(&self.sender),
            recipient: some(&self.recipient),
            client: some(&self.client),
            is_held,
            is_under_way,
            after: self.after.parse().ok(),
            most: SHOWN as u32,
        }
    }

    fn is_any(&self) -> bool {
        let Self { account, sender, recipient, client, state, .. } = self;
        [account, sender, recipient, client, state].iter().all(|one| one.is_empty())
    }

    /// The same search as the query of an address, behind another message.
    fn query(&self, after: &str) -> String {
        let Self { account, sender, recipient, client, state, .. } = self;
        let all =
            [("account", account), ("sender", sender), ("recipient", recipient), ("client", client), ("state", state)];
        let all = all.map(|(name, value)| (name, value.as_str())).into_iter().chain([("after", after)]);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(all.filter(|(_, value)| !value.is_empty())).finish()
    }
}

/// The list that a form came from, and what became of its order. `back` is a browser's word: only what is a search of
/// ours is taken over.
pub fn path_back(back: &str, said: &str, of: &str) -> String {
    let Query(sought) =
        Query::<Sought>::try_from_uri(&format!("/?{back}").parse().unwrap_or_default()).unwrap_or_default();
    let mut query = url::form_urlencoded::Serializer::new(sought.query(&sought.after));
    query.append_pair("said", said).append_pair("of", of);
    format!("/queue?{}", query.finish())
}

pub async fn page(look: Look, State(console): State<Arc<Console>>, Query(sought): Query<Sought>) -> Response {
    let words = look.words();
    let (found, trouble) = match console.queue.search(&sought.filter()).await {
        Ok(found) => (found, None),
        Err(error) => (Found::default(), Some(error.named())),
    };
    let next = found.next.map(|after| sought.query(&after.to_string()));
    let lanes = console.queue.lanes();
    let frame = look.frame();
    drawn(&Page {
        form: frame.form.unwrap_or_default(),
        said: said(&sought.said, words),
        of: &sought.of,
        trouble,
        halt: console.queue_trouble(look.lang),
        damaged: found.damaged,
        states: [
            ("", words.any_state),
            ("waiting", words.queue_waiting),
            ("under-way", words.queue_under_way),
            ("held", words.queue_held),
        ],
        back: sought.query(&sought.after),
        sought: &sought,
        plots: plots(&console, words),
        waiting: lanes.iter().map(|lane| lane.waiting).sum(),
        held: lanes.iter().map(|lane| lane.held).sum(),
        lanes: lanes.iter().filter_map(|lane| lane_row(&console, lane, look.lang)).take(LANES_SHOWN).collect(),
        messages: found.messages.iter().map(|message| Row::new(console.queue.view(message), look.lang)).collect(),
        next_page: next.map(|query| format!("/queue?{query}")),
        failures: failures(&console, look.lang),
        frame,
    })
}

fn plots(console: &Console, words: &'static Words) -> [Plot; 2] {
    [
        Plot::new(words.plot_queued, words.taken_over, "", &console.meter.queued_by_hour.hours()),
        delivered(console, words),
    ]
}

/// What became of queued mail.
pub fn delivered(console: &Console, words: &'static Words) -> Plot {
    let hours = console.meter.delivered_by_hour.hours();
    Plot::new(words.plot_delivered, words.delivered, words.failed_for_good, &hours)
}

fn lane_row(console: &Console, lane: &LaneView, lang: Lang) -> Option<LaneRow> {
    let (fault, since) = lane.trouble.as_ref()?;
    let account = console.account(&lane.account);
    let sign_in = account.as_ref().and_then(|account| console.keepers.state(&account.sign_in));
    let occasion = Occasion {
        protocol: Some(Protocol::Smtp),
        stage: fault.stage,
        address: Some(&lane.account),
        sender: fault.sender(),
        sign_in: sign_in.as_ref(),
        ..Occasion::default()
    };
    let (cause, next, avoid) = match told(fault.id, lang, account.as_deref(), &occasion) {
        Some(words) => (words.cause.clone(), words.whole_step(), words.avoid),
        None => (fault.text.clone(), String::new(), None),
    };
    Some(LaneRow {
        account: lane.account.clone(),
        waiting: lane.waiting,
        since: seconds(*since),
        id: fault.id,
        cause,
        next,
        avoid,
    })
}

/// What is held did not fail, and stands above.
fn failures(console: &Console, lang: Lang) -> Vec<FailureRow> {
    let failed = console.queue.failures().into_iter().rev().filter(|note| note.hold.is_none());
    let row = |note: FailureNote| {
        let fault = fault_beside(&note.reply, note.fault, lang);
        FailureRow { at: seconds(note.at), note, fault }
    };
    failed.take(FAILURES_SHOWN).map(row).collect()
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or_else(|_| meter::now(), |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_acts_comes_back_to_the_same_search_and_to_nowhere_else() {
        assert_eq!(
            path_back("client=3F+copier&after=70", "retry", "ab"),
            "/queue?client=3F+copier&after=70&said=retry&of=ab"
        );
        for odd in ["//evil.example", "x=1&y=2", "\r\nLocation: x", "https://evil.example/", ""] {
            assert_eq!(path_back(odd, "hold", "a&b"), "/queue?said=hold&of=a%26b", "{odd:?}");
        }
    }
}
