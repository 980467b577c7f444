//! What Graph refuses, and what a client and an administrator are told of it.

use std::time::Duration;

use gatepost::{
    outbound::Fate,
    sandbox::{GraphMishap, Mishap, MishapKind},
};

use super::stage::{READ_WRITE, SEND, Stage};
use crate::world::{ANN, BOB};

fn message() -> String {
    format!("From: {ANN}\r\nTo: {BOB}\r\nSubject: x\r\n\r\nx\r\n")
}

#[tokio::test]
async fn who_may_not_use_graph_is_told_what_to_grant_and_nothing_is_sent() {
    for (status, code, id) in [
        (403, "ErrorAccessDenied", "graph-access-denied"),
        (404, "MailboxNotEnabledForRESTAPI", "graph-mailbox-not-enabled"),
        (404, "ErrorInvalidUser", "graph-mailbox-unknown"),
    ] {
        let stage = Stage::faulty(|faults| faults.graph.mishap = Some(GraphMishap::new(status, code))).await;
        let fault = stage.send(&message(), &[BOB]).await.unwrap_err();
        assert_eq!((fault.id, fault.kind.passes_by_itself()), (id, false));
        assert!(fault.detail.contains(code), "{}", fault.detail);
        assert_eq!((stage.asked().len(), stage.sandbox.submissions().len()), (1, 0), "asked once");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_message_is_told_for_that_message() {
    for (status, code, reply, id) in [
        (403, "ErrorSendAsDenied", "550 5.7.1 ", "send-as-denied"),
        (400, "ErrorInvalidRecipients", "553 5.1.3 ", "graph-recipients-invalid"),
        (400, "ErrorMimeContentInvalidBase64String", "554 5.6.0 ", "graph-message-unreadable"),
        (400, "ErrorMessageSizeExceeded", "552 5.3.4 ", "graph-too-large"),
        (400, "ErrorSomethingNew", "554 5.0.0 ", "graph-refuses"),
    ] {
        let stage = Stage::faulty(|faults| faults.graph.mishap = Some(GraphMishap::new(status, code))).await;
        let report = stage.send(&message(), &[BOB]).await.unwrap();
        let said = report.verdicts[0].reply.text();
        assert_eq!(report.verdicts[0].fate, Fate::Failed);
        assert!(said.starts_with(reply) && said.ends_with(&format!("[gatepost {id}]")), "{said}");
    }
}

#[tokio::test]
async fn a_full_mailbox_is_no_end_since_somebody_can_empty_it() {
    let full = GraphMishap::new(507, "ErrorQuotaExceeded");
    let stage = Stage::faulty(|faults| faults.graph.mishap = Some(full)).await;
    let report = stage.send(&message(), &[BOB]).await.unwrap();
    assert_eq!((report.verdicts[0].fate, report.is_doubtful()), (Fate::Deferred, false));
    assert!(report.verdicts[0].reply.text().starts_with("452 4.2.2 "));
}

#[tokio::test]
async fn another_sender_needs_send_as_at_graph_too() {
    let stage = Stage::new().await;
    let reply = stage.reply(&message().replace(&format!("From: {ANN}"), &format!("From: {BOB}")), &[BOB]).await;
    assert!(reply.starts_with("550 5.7.1 ") && reply.ends_with("[gatepost send-as-denied]"), "{reply}");
}

#[tokio::test]
async fn without_consent_for_graph_mail_goes_on_and_graph_says_what_is_missing() {
    let stage = Stage::with(&[], "outbound = \"graph\"\n", None).await;
    let fault = stage.send(&message(), &[BOB]).await.unwrap_err();
    assert_eq!(fault.id, "graph-consent-missing");
    assert!(fault.text.contains("Mail.Send"), "{}", fault.text);
    assert!(stage.keepers.bearer(&stage.account.sign_in).await.is_ok());
    assert!(stage.asked().is_empty());
}

#[tokio::test]
async fn a_token_for_mail_alone_is_not_enough_for_graph() {
    let stage = Stage::with(&["https://graph.microsoft.com/User.Read"], "outbound = \"graph\"\n", None).await;
    let fault = stage.send(&message(), &[BOB]).await.unwrap_err();
    assert_eq!(fault.id, "graph-access-denied");
}

#[tokio::test]
async fn a_token_that_graph_does_not_take_any_more_is_replaced_once_and_the_message_sent_once() {
    let stage = Stage::new().await;
    stage.reply(&message(), &[BOB]).await;
    stage.sandbox.revoke(ANN, false);
    assert!(stage.reply(&message(), &[BOB]).await.starts_with("250 "));
    assert_eq!(stage.sandbox.submissions().len(), 2);
    assert_eq!(stage.asked().len(), 3, "refused, and again with a fresh token");
    let never = GraphMishap::new(401, "InvalidAuthenticationToken");
    let stage = Stage::faulty(|faults| faults.graph.mishap = Some(never)).await;
    let fault = stage.send(&message(), &[BOB]).await.unwrap_err();
    assert_eq!((fault.id, stage.asked().len()), ("graph-token-refused", 2));
}

#[tokio::test]
async fn an_identity_provider_that_is_down_is_its_fault_and_passes() {
    let down = MishapKind::Status { status: 503, retry_after: Some(60) };
    let stage = Stage::faulty(|faults| faults.identity.mishap = Some(Mishap::new(down))).await;
    let fault = stage.send(&message(), &[BOB]).await.unwrap_err();
    assert_eq!((fault.id, fault.kind.passes_by_itself()), ("token-endpoint-failing", true));
}

/// Behind a pause the token is not taken any more, and there is no other: whatever came next would have met the same.
#[tokio::test]
async fn a_token_that_cannot_be_had_behind_a_pause_is_the_ways_fault_and_not_the_messages() {
    let stage = Stage::new().await;
    stage.reply(&message(), &[BOB]).await;
    stage.sandbox.revoke(ANN, false);
    stage.sandbox.faults().set(|faults| {
        faults.graph.mishap = Some(GraphMishap::new(429, "ApplicationThrottled").retry_after(1).times(1));
        faults.identity.mishap = Some(Mishap::new(MishapKind::Status { status: 503, retry_after: None }));
    });
    let unsent = stage.send_within(Duration::from_secs(60), &message(), &[BOB]).await.unwrap_err();
    assert_eq!((unsent.fault.id, unsent.may_be_the_message), ("token-endpoint-failing", false));
    assert_eq!(stage.asked().len(), 3, "sent, put off, and not taken");
}

#[tokio::test]
async fn one_sign_in_serves_mail_and_graph_with_one_request_for_each() {
    let stage = Stage::with(&[SEND, READ_WRITE], "outbound = \"graph\"\n", None).await;
    for _ in 0..3 {
        stage.reply(&message(), &[BOB]).await;
        stage.keepers.bearer(&stage.account.sign_in).await.unwrap();
    }
    assert_eq!(stage.sandbox.counts().token_requests_total(), 2);
}

#[tokio::test]
async fn a_mailbox_that_is_busy_for_a_while_is_waited_for_and_the_message_sent_once() {
    for (status, code) in
        [(400, "ErrorServerBusy"), (423, "ErrorMailboxMoveInProgress"), (409, "ErrorIrresolvableConflict")]
    {
        let busy = GraphMishap::new(status, code).retry_after(1).times(1);
        let stage = Stage::faulty(|faults| faults.graph.mishap = Some(busy)).await;
        let reply = stage.reply(&message(), &[BOB]).await;
        assert!(reply.starts_with("250 "), "{status} {code}: {reply}");
        assert_eq!((stage.asked().len(), stage.sandbox.submissions().len()), (2, 1));
    }
}

#[tokio::test]
async fn a_403_in_words_that_nobody_knows_tells_nobody_to_grant_anything() {
    let unknown = GraphMishap::new(403, "ErrorSomethingNew");
    let stage = Stage::faulty(|faults| faults.graph.mishap = Some(unknown)).await;
    let fault = stage.send(&message(), &[BOB]).await.unwrap_err();
    assert_eq!(fault.id, "graph-refuses");
    assert!(fault.detail.contains("ErrorSomethingNew") && !fault.text.contains("Mail.Send"), "{fault:?}");
}
