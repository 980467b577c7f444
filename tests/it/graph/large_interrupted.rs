//! An upload that is interrupted: by a pause, by a break, or since what it was for is gone; and when it counts as sent.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures_util::future::BoxFuture;
use gatepost::{
    base::Fault,
    outbound::{Outset, Unsent},
    sandbox::GraphMishap,
};

use super::{large::message, stage::Stage};
use crate::world::BOB;

const MINUTE: Duration = Duration::from_secs(60);
const FIRST: &str = "bytes 0-3276799/4000000";
const LAST: &str = "bytes 3276800-3999999/4000000";

async fn stage(mishap: GraphMishap) -> Stage {
    Stage::faulty(|faults| faults.graph.mishap = Some(mishap)).await
}

fn pieces(stage: &Stage) -> Vec<String> {
    stage.asked().iter().filter_map(|line| line.strip_prefix("/upload ").map(str::to_owned)).collect()
}

fn drafts_made(stage: &Stage) -> usize {
    stage.asked().iter().filter(|line| line.contains("/messages with ")).count()
}

async fn unsent(stage: &Stage) -> Unsent {
    stage.send_within(MINUTE, &message(4_000_000), &[BOB]).await.unwrap_err()
}

#[tokio::test]
async fn a_pause_in_the_middle_of_an_upload_is_kept_and_the_same_piece_follows() {
    for status in [429, 503] {
        let stage = stage(GraphMishap::new(status, "ApplicationThrottled").retry_after(1).times(2).on("upload")).await;
        let begun = std::time::Instant::now();
        assert!(stage.reply(&message(4_000_000), &[BOB]).await.starts_with("250 "));
        assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(pieces(&stage), [FIRST, FIRST, FIRST, LAST]);
        assert_eq!((drafts_made(&stage), stage.sandbox.submissions().len(), stage.sandbox.drafts_left()), (1, 1, 0));
    }
}

#[tokio::test]
async fn a_piece_of_which_nobody_knows_goes_once_more() {
    let stage = stage(GraphMishap::new(504, "").times(1).on("upload")).await;
    assert!(stage.reply(&message(4_000_000), &[BOB]).await.starts_with("250 "));
    assert_eq!((pieces(&stage), drafts_made(&stage)), (vec![FIRST.into(), FIRST.into(), LAST.into()], 1));
}

/// Behind it the mailbox is as open as before, so those that wait there must not stand still for it.
#[tokio::test]
async fn an_upload_that_graph_puts_off_for_long_may_be_the_messages_own_trouble() {
    for (status, code) in [(429, "ApplicationThrottled"), (504, "")] {
        let stage = stage(GraphMishap::new(status, code).retry_after(300).on("upload")).await;
        let unsent = unsent(&stage).await;
        assert_eq!((unsent.fault.id, unsent.may_be_the_message), ("graph-throttled", true), "{status}");
        assert!(unsent.fault.detail.contains(&status.to_string()), "{}", unsent.fault.detail);
        assert_eq!((unsent.retry_after, pieces(&stage).len()), (Some(Duration::from_secs(300)), 1), "{status}");
        assert_eq!((stage.sandbox.drafts_left(), stage.sandbox.submissions().len()), (0, 0), "no draft is left behind");
        // The pause itself is that of the mailbox, and no message is suspected who only hears of it.
        assert!(stage.pause(MINUTE, &message(1000)).await > Duration::from_secs(270));
    }
}

#[tokio::test]
async fn a_draft_or_an_upload_that_is_gone_is_made_anew_later_and_is_no_refusal() {
    for (on, status, code) in [
        ("upload", 404, "ErrorItemNotFound"),
        ("upload", 410, "Gone"),
        ("upload", 416, "InvalidRange"),
        ("attachments", 404, "ErrorItemNotFound"),
        ("send", 404, "ErrorItemNotFound"),
    ] {
        let stage = stage(GraphMishap::new(status, code).times(1).on(on)).await;
        let unsent = unsent(&stage).await;
        assert_eq!((unsent.fault.id, unsent.may_be_the_message), ("graph-draft-gone", true), "{on} {status}");
        assert!(unsent.fault.detail.contains(code), "{}", unsent.fault.detail);
        assert_eq!((stage.sandbox.drafts_left(), stage.sandbox.submissions().len()), (0, 0), "{on} {status}");
        assert!(stage.reply(&message(4_000_000), &[BOB]).await.starts_with("250 "), "{on} {status}");
    }
}

/// Each time the message is about to be sent, something else happens to that.
struct Befalls<'a> {
    stage: &'a Stage,
    next: Mutex<Vec<GraphMishap>>,
}

impl Outset for Befalls<'_> {
    fn begins(&self) -> BoxFuture<'_, Result<(), Fault>> {
        let mishap = self.next.lock().unwrap_or_else(PoisonError::into_inner).pop();
        self.stage.sandbox.faults().set(|faults| faults.graph.mishap = mishap);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Some server in between did it and asks to wait: who comes again finds no draft.
#[tokio::test]
async fn a_draft_that_is_gone_behind_a_pause_may_have_been_sent_and_that_is_said() {
    let stage = Stage::new().await;
    let waits = GraphMishap::new(503, "ErrorServerBusy").retry_after(1).times(1).on("send");
    let gone = GraphMishap::new(404, "ErrorItemNotFound").times(1).on("send");
    let befalls = Befalls { stage: &stage, next: Mutex::new(vec![gone, waits]) };
    let report = stage.send_with(&befalls, MINUTE, &message(4_000_000), &[BOB]).await.unwrap();
    assert!(report.is_doubtful(), "{report:?}");
    assert!(report.verdicts[0].reply.text().contains("[gatepost graph-unclear]"), "{report:?}");
}

/// Notes how much Graph was asked for by then.
struct Begins<'a> {
    stage: &'a Stage,
    seen: Mutex<Vec<(&'static str, usize)>>,
}

impl Begins<'_> {
    fn note(&self, what: &'static str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push((what, self.stage.asked().len()));
    }
}

impl Outset for Begins<'_> {
    fn wait_is_over(&self) {
        self.note("waits no more");
    }

    fn begins(&self) -> BoxFuture<'_, Result<(), Fault>> {
        self.note("begins");
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn a_large_message_is_under_way_from_the_word_send_on_and_waits_no_more_from_its_draft_on() {
    let stage = Stage::new().await;
    let outset = Begins { stage: &stage, seen: Mutex::default() };
    stage.send_with(&outset, MINUTE, &message(4_000_000), &[BOB]).await.unwrap();
    let asked = stage.asked();
    assert!(asked.last().unwrap().contains("/send "), "{asked:?}");
    assert_eq!(*outset.seen.lock().unwrap(), [("waits no more", 1), ("begins", asked.len() - 1)]);
}
