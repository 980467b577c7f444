//! Microsoft Graph as the way out: its own token and permission, the mailbox, and a test message by it.

use std::time::SystemTime;

use gatepost::{
    sandbox::GraphMishap,
    store::{Store, TokenRow},
};

use super::{
    clients::daemon_of,
    open::sent,
    stage::{First, Staged, check, outcome},
};
use crate::world::{ANN, BOB, Plan, settings};

const SEND: &str = "https://graph.microsoft.com/Mail.Send";

/// Ann's messages leave by Graph; she consented to mail and to `more`.
async fn staged(more: &[&str]) -> Staged {
    let plan = Plan {
        app: "tenant = \"contoso.example\"\ngraph-url = \"{graph}\"".into(),
        account: "outbound = \"graph\"".into(),
        signed_in: Vec::new(),
        ..Plan::default()
    };
    let staged = Staged::new(plan).await;
    let mail = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];
    let mail = mail.map(|name| format!("https://outlook.office.com/{name}"));
    let scopes: Vec<&str> =
        mail.iter().map(String::as_str).chain(["offline_access"]).chain(more.iter().copied()).collect();
    let refresh = Some(staged.sandbox.issue_refresh_token_for(ANN, &scopes));
    let row = TokenRow { refresh, signed_in_at: Some(SystemTime::now()), ..TokenRow::default() };
    let store = Store::open(&settings(staged.dir.path())).await.unwrap();
    assert!(store.save_token(&format!("contoso/{ANN}"), 0, &row).await.unwrap());
    staged
}

#[tokio::test]
async fn a_mailbox_that_sends_by_graph_is_looked_at_there_and_not_at_smtp() {
    let staged = staged(&[SEND]).await;
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    let told = staged.doctor(&[ANN, "--send", BOB, "--json"]).await;
    assert_eq!(told.code, 0, "{}", told.out);
    let report = told.json();
    assert_eq!(outcome(&report, "smtp", "sign-on"), "skipped", "switched off, and not needed");
    assert_eq!(outcome(&report, "token", "graph-token"), "pass");
    let mailbox = check(&report, "graph", "graph-mailbox");
    assert!(
        mailbox["outcome"] == "pass" && mailbox["detail"].as_str().unwrap().contains("not needed to send"),
        "{mailbox}"
    );
    assert_eq!(outcome(&report, "send", "test-message"), "pass");
    assert_eq!(staged.sandbox.submissions().len(), 1);
}

#[tokio::test]
async fn without_consent_to_graph_the_page_is_told_where_it_is_given() {
    let staged = staged(&[]).await;
    let command = format!(
        "{}/contoso.example/adminconsent?client_id={}",
        staged.sandbox.issuer(),
        gatepost::sandbox::PUBLIC_CLIENT
    );
    let wanted = First { layer: "token", name: "graph-token", id: "graph-consent-missing", command: &command };
    staged.fails_first(wanted).await;
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    assert_eq!(outcome(&report, "imap", "sign-on"), "pass", "mail goes on");
}

#[tokio::test]
async fn a_graph_that_denies_the_mailbox_is_told() {
    let staged = staged(&[SEND]).await;
    staged.sandbox.faults().set(|faults| faults.apply("graph-denied"));
    let wanted = First { layer: "graph", name: "graph-mailbox", id: "graph-access-denied", command: "" };
    staged.fails_first(wanted).await;
    staged.mended();
    assert_eq!(staged.doctor(&[ANN]).await.code, 0);
}

/// It is reached, and no page of a hotel is in its place.
#[tokio::test]
async fn a_graph_that_asks_for_a_pause_is_told_as_that() {
    let staged = staged(&[SEND]).await;
    staged.sandbox.faults().set(|faults| faults.apply("graph-throttled"));
    let wanted = First { layer: "graph", name: "graph-mailbox", id: "graph-throttled", command: "" };
    staged.fails_first(wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_met_and_a_layer_shows_too_is_told_once() {
    let staged = staged(&[SEND]).await;
    let program = daemon_of(&staged).await;
    staged.sandbox.faults().set(|faults| faults.apply("graph-denied"));
    assert!(sent(&program, ANN, ANN).await.contains("[gatepost graph-access-denied]"));
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    let explained = told.out.split_once("\n\n").unwrap().1;
    assert_eq!((told.code, explained.matches("[graph-access-denied]").count()), (1, 1), "{}", told.out);
    assert!(told.out.contains("lately in sessions"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_graph_refuses_is_not_ready_for_whoever_asks_the_status() {
    let staged = staged(&[SEND]).await;
    let program = daemon_of(&staged).await;
    let state = || crate::process::run(&["status"], &staged.file).1;
    staged.sandbox.faults().set(|faults| faults.apply("graph-denied"));
    assert!(sent(&program, ANN, ANN).await.contains("[gatepost graph-access-denied]"));
    let told = state();
    assert!(told.contains("refused (graph)") && told.contains("Microsoft Graph"), "{told}");
    staged.mended();
    assert!(!sent(&program, ANN, ANN).await.contains("gatepost graph"), "it goes");
    let told = state();
    assert!(told.contains("ready") && !told.contains("refused ("), "{told}");
}

/// A mail program hears both by SMTP, and what SMTP refuses is nothing where Graph sends in its place.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_graph_refuses_in_the_place_of_smtp_is_not_ready_either() {
    let staged = staged(&[SEND]).await;
    staged.edit("outbound = \"graph\"", "outbound = \"smtp-then-graph\"");
    let program = daemon_of(&staged).await;
    staged.sandbox.faults().set(|faults| {
        faults.apply("smtp-auth-disabled-tenant");
        faults.apply("graph-denied")
    });
    assert!(sent(&program, ANN, ANN).await.contains("[gatepost graph-access-denied]"));
    let told = crate::process::run(&["status"], &staged.file).1;
    assert!(told.contains("refused (graph)"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_consent_for_graph_is_not_ready_for_whoever_asks_the_status() {
    let staged = staged(&[]).await;
    let program = daemon_of(&staged).await;
    let said = program.login(gatepost::base::Protocol::Smtp).await;
    assert!(said.contains("[gatepost graph-consent-missing]"), "{said}");
    let (_, told, _) = crate::process::run(&["status"], &staged.file);
    assert!(told.contains("refused (") && told.contains("graph)"), "{told}");
}

#[tokio::test]
async fn what_keeps_smtp_from_sending_fails_nothing_where_messages_go_by_graph_then_and_graph_takes_them() {
    let staged = staged(&[SEND]).await;
    staged.edit("outbound = \"graph\"", "outbound = \"smtp-then-graph\"");
    staged.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    let told = staged.doctor(&[ANN, "--send", BOB, "--json"]).await;
    assert_eq!(told.code, 0, "{}", told.out);
    let report = told.json();
    let sign_on = check(&report, "smtp", "sign-on");
    assert_eq!((&sign_on["outcome"], &sign_on["fault"]), (&"skipped".into(), &serde_json::Value::Null), "{sign_on}");
    assert_eq!(sign_on["detail"], "smtp-auth-disabled-tenant, so messages leave by Graph");
    assert_eq!(outcome(&report, "graph", "graph-mailbox"), "pass");
    assert_eq!(outcome(&report, "send", "test-message"), "pass");
    staged.sandbox.faults().set(|faults| faults.apply("graph-denied"));
    let wanted = First { layer: "graph", name: "graph-mailbox", id: "graph-access-denied", command: "" };
    staged.fails_first(wanted).await;
}

/// What we made of Graph's answer is told as ours, and what Graph said as Graph's.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_that_graph_refuses_is_told_under_the_id_that_a_client_hears_with_the_words_of_graph() {
    let staged = staged(&[SEND]).await;
    let program = daemon_of(&staged).await;
    for (status, code, id) in [
        (400, "ErrorInvalidRecipients", "graph-recipients-invalid"),
        (507, "ErrorQuotaExceeded", "graph-mailbox-full"),
        (400, "ErrorSomethingNew", "graph-refuses"),
        (502, "", "graph-unclear"),
    ] {
        let mishap = GraphMishap::new(status, code).on("sendMail");
        staged.sandbox.faults().set(|faults| faults.graph.mishap = Some(mishap));
        assert_eq!(super::mailbox::id_heard(&program).await, id);
        let report = staged.doctor(&[ANN, "--send", BOB, "--json"]).await.json();
        let sent = check(&report, "send", "test-message");
        assert_eq!(sent["fault"]["id"], id, "{report:#}");
        let detail = sent["detail"].as_str().unwrap();
        assert!(detail.contains(code) && !detail.contains("upstream said") && !detail.contains("[gatepost"), "{sent}");
    }
}
