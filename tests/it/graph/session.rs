//! An old mail program with a password on one side, Graph on the other, and the real daemon in between.

use std::time::Duration;

use gatepost::{
    base::Protocol,
    sandbox::{Answer, GraphMishap, MishapKind},
    store::{Store, TokenRow},
};

use super::stage::SEND;
use crate::{
    browser::Browser,
    mail_queue::jump,
    pages::ACCOUNT,
    world::{ANN, BOB, FOR_GOOD, IN, PASSWORD, Plan, World, journal},
};

/// Ann's account goes out this way; she consented to Graph, or not.
async fn world(outbound: &str, consented: bool) -> World {
    world_with(outbound, consented, "").await
}

async fn world_with(outbound: &str, consented: bool, account: &str) -> World {
    let plan = Plan {
        app: "graph-url = \"{graph}\"".into(),
        account: format!("outbound = \"{outbound}\"\n{account}"),
        signed_in: Vec::new(),
        ..Plan::default()
    };
    let world = World::with(plan).await;
    let mail = ["https://outlook.office.com/SMTP.Send", "offline_access"];
    let scopes: Vec<&str> = mail.into_iter().chain(consented.then_some(SEND)).collect();
    let refresh = Some(world.sandbox.issue_refresh_token_for(ANN, &scopes));
    let row = TokenRow { refresh, signed_in_at: Some(std::time::SystemTime::now()), ..TokenRow::default() };
    let store = Store::open(&world.store_settings()).await.unwrap();
    let key = format!("contoso/{ANN}");
    assert!(store.save_token(&key, store.version(&key).await.unwrap(), &row).await.unwrap());
    world
}

fn asked_of_graph(world: &World) -> Vec<String> {
    let lines = world.sandbox.transcript().dialogue("graph").into_iter();
    lines.filter_map(|line| line.strip_prefix("C: ").map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_password_goes_in_and_graph_out_although_smtp_is_switched_off() {
    let world = world("graph", true).await;
    world.sandbox.faults().set(|faults| faults.apply("security-defaults"));
    let mut smtp = world.smtp_as_ann().await;
    for n in 1..=2 {
        let reply = smtp.message("..dots\r\nend").await;
        assert!(reply.starts_with("250 2.0.0 ") && reply.contains("which is not delivery"), "{reply}");
        assert_eq!(world.sandbox.submissions().len(), n);
    }
    let sent = world.sandbox.submissions().remove(0);
    assert_eq!(sent.recipients, [BOB]);
    assert!(sent.bytes.ends_with(b"\r\n\r\n.dots\r\nend\r\n"), "{:?}", String::from_utf8_lossy(&sent.bytes));
    assert_eq!(world.sandbox.counts().connections(Protocol::Smtp).total, 0, "SMTP is not even tried");
    assert_eq!(asked_of_graph(&world), ["/v1.0/me/sendMail with text/plain"; 2]);
}

#[tokio::test]
async fn graph_comes_second_only_where_smtp_auth_is_switched_off() {
    for (rehearsal, by_graph) in
        [("smtp-auth-disabled-tenant", true), ("security-defaults", true), ("tokens-refused", false)]
    {
        let world = world("smtp-then-graph", true).await;
        world.sandbox.faults().set(|faults| faults.apply(rehearsal));
        let mut smtp = world.stranger(Protocol::Smtp).await;
        let said = smtp.login(Protocol::Smtp, ANN, PASSWORD).await;
        let expected = if by_graph { IN } else { FOR_GOOD };
        assert!(said.starts_with(expected.of(Protocol::Smtp)), "{rehearsal}: {said}");
        if by_graph {
            assert!(smtp.message("x").await.starts_with("250 2.0.0 Accepted by Microsoft Graph"), "{rehearsal}");
        }
        assert_eq!(asked_of_graph(&world).len(), usize::from(by_graph), "{rehearsal}");
    }
}

/// It stood as refused, although its mail went out.
#[tokio::test]
async fn an_account_whose_mail_goes_by_graph_is_ready_in_the_status_although_smtp_is_switched_off() {
    for (outbound, phase, refusals) in [("smtp-then-graph", "ready", 0), ("smtp", "refused", 1)] {
        let world = world(outbound, true).await;
        world.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
        let said = world.stranger(Protocol::Smtp).await.login(Protocol::Smtp, ANN, PASSWORD).await;
        assert_eq!(said.starts_with("235 "), refusals == 0, "{said}");
        let status = crate::whole_domain::status(world.daemon.console_at().unwrap(), world.dir.path()).await;
        let account = &status["accounts"][0];
        assert_eq!(account["sign-in"]["phase"], phase, "{account:#}");
        assert_eq!(account["refusals"].as_array().map_or(0, Vec::len), refusals, "{account:#}");
        let page = Browser::inside(&world).await.page(ACCOUNT).await;
        assert_eq!(page.contains("smtp-auth-disabled-tenant"), refusals > 0, "{page}");
    }
}

/// What is answered from memory is remembered no longer for that.
#[tokio::test]
async fn smtp_is_asked_again_after_a_minute_although_messages_go_by_graph_all_the_time() {
    let world = world("smtp-then-graph", true).await;
    let asked = || world.sandbox.counts().connections(Protocol::Smtp).total;
    world.sandbox.faults().set(|faults| faults.apply("smtp-auth-disabled-tenant"));
    for _ in 0..2 {
        let said = world.smtp_as_ann().await.message("x").await;
        assert!(said.starts_with("250 2.0.0 Accepted by Microsoft Graph") && asked() == 1, "{said}");
        jump(Duration::from_secs(40)).await;
    }
    world.sandbox.faults().clear();
    let said = world.smtp_as_ann().await.message("x").await;
    assert!(said.starts_with("250 ") && asked() == 2, "{said}");
    assert_eq!(asked_of_graph(&world).len(), 2);
}

/// Whoever is signed on stays so, and hears of the switch at MAIL.
#[tokio::test]
async fn smtp_auth_that_is_switched_off_in_mid_session_sends_the_next_message_by_graph() {
    let world = world("smtp-then-graph", true).await;
    let mut smtp = world.smtp_as_ann().await;
    let off = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.";
    world.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new("MAIL", off)]);
    for _ in 0..2 {
        assert!(smtp.message("x").await.starts_with("250 2.0.0 Accepted by Microsoft Graph"));
    }
    assert_eq!(asked_of_graph(&world).len(), 2);
}

#[tokio::test]
async fn where_smtp_works_graph_is_not_asked() {
    let world = world("smtp-then-graph", true).await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("x").await.starts_with("250 2.0.0 OK"));
    assert!(asked_of_graph(&world).is_empty());
    assert_eq!(world.token_requests(), 1, "nobody needs a second token");
}

#[tokio::test]
async fn a_program_hears_at_its_login_that_graph_was_not_granted() {
    let world = world("graph", false).await;
    let said = world.ann_hears(Protocol::Smtp, FOR_GOOD).await;
    assert!(said.contains("Mail.Send") && said.ends_with("[gatepost graph-consent-missing]"), "{said}");
    let again = said.split_once("Gatepost asks again at ").and_then(|(_, again)| again.get(.."14:35 UTC".len()));
    let told = format!("Gatepost asks again by itself at {}.", again.unwrap_or_else(|| panic!("{said}")));
    let page = Browser::inside(&world).await.page(ACCOUNT).await;
    assert!(page.contains(&told), "{told} is not in {page}");
    world.ann_hears(Protocol::Imap, IN).await;
}

#[tokio::test]
async fn what_graph_says_reaches_the_program_in_smtps_words() {
    let world = world("graph", true).await;
    let mut smtp = world.smtp_as_ann().await;
    for (status, code, reply, id) in [
        (403, "ErrorAccessDenied", "451 4.7.0 ", "graph-access-denied"),
        (400, "ErrorMessageSizeExceeded", "552 5.3.4 ", "graph-too-large"),
        (504, "UnknownError", "451 4.4.2 ", "graph-unclear"),
    ] {
        let mishap = GraphMishap::new(status, code);
        world.sandbox.faults().set(|faults| faults.graph.mishap = Some(mishap));
        let said = smtp.message("x").await;
        assert!(said.starts_with(reply) && said.ends_with(&format!("[gatepost {id}]")), "{said}");
    }
    let metrics = world.metrics().await;
    for id in ["graph-access-denied", "graph-too-large", "graph-unclear"] {
        let counted = metrics.lines().find(|line| line.starts_with("gatepost_faults_total") && line.contains(id));
        assert!(counted.is_some_and(|line| line.ends_with("stage=\"relaying\"} 1")), "{id}: {metrics}");
    }
    world.sandbox.faults().clear();
    assert!(smtp.message("x").await.starts_with("250 "), "the session goes on");
    assert_eq!(world.sandbox.submissions().len(), 1);
}

/// Two lines of one refusal are read as two refusals.
#[tokio::test]
async fn a_message_that_graph_refuses_has_one_line_with_a_warning_and_it_has_graphs_words() {
    let journal = journal();
    for (status, code, account) in [
        (400, "ErrorOneLineIsEnough", ""),
        (504, "ErrorOneLineIsEnoughInDoubt", ""),
        (400, "ErrorOneLineIsEnoughInTheQueue", "delivery = \"queue\""),
    ] {
        let world = world_with("graph", true, account).await;
        world
            .sandbox
            .faults()
            .set(|faults| faults.graph.mishap = Some(GraphMishap { times: Some(1), ..GraphMishap::new(status, code) }));
        world.smtp_as_ann().await.message("x").await;
        let told = || journal.lines(&["WARN", &format!("{code}:")]);
        world.until("it is told", |_| !told().is_empty()).await;
        assert_eq!(told().len(), 1, "{code}: {:#?}", told());
    }
}

#[tokio::test]
async fn mail_goes_on_while_the_identity_provider_says_no_to_graph() {
    let world = world("graph", true).await;
    world.ann_hears(Protocol::Imap, IN).await;
    let refused = gatepost::sandbox::Mishap::new(MishapKind::Aadsts(65001));
    world.sandbox.faults().set(|faults| faults.identity.mishap = Some(refused));
    world.ann_hears(Protocol::Smtp, FOR_GOOD).await;
    world.ann_hears(Protocol::Imap, IN).await;
}

#[tokio::test]
async fn a_program_that_is_over_our_rate_through_graph_hears_451_4_3_2_and_keeps_its_message() {
    let world = world_with("graph", true, "limits = { messages-per-minute = 1 }").await;
    let mut smtp = world.smtp_as_ann().await;
    assert!(smtp.message("one").await.starts_with("250 "));
    let said = smtp.message("two").await;
    assert!(said.starts_with("451 4.3.2 ") && said.ends_with("[gatepost mailbox-busy]"), "{said}");
    assert_eq!(world.sandbox.submissions().len(), 1);
}
