//! Switches of one mailbox and of the tenant: SMTP AUTH, IMAP, POP3, Send As.

use gatepost::{base::Protocol, sandbox::Answer};

use super::stage::{First, Staged, check, outcome};
use crate::{
    process::Program,
    refused::said_to_a_message,
    world::{ANN, BOB, PASSWORD, Plan, account},
};

const FULL_ACCESS: &str =
    "Add-MailboxPermission -Identity bob@contoso.example -User ann@contoso.example -AccessRights FullAccess";

async fn told_and_mended(rehearsal: &str, wanted: First<'_>) {
    let staged = Staged::rehearsing(Plan::default(), rehearsal).await;
    staged.fails_first(wanted).await;
    assert!(staged.sandbox.submissions().is_empty(), "nothing is sent");
    staged.mended();
    staged.is_well().await;
}

#[tokio::test]
async fn smtp_auth_that_is_off_for_the_tenant_is_told_from_one_that_is_off_for_the_mailbox() {
    let command = "Set-CASMailbox -Identity ann@contoso.example -SmtpClientAuthenticationDisabled $false";
    for id in ["smtp-auth-disabled-tenant", "smtp-auth-disabled-mailbox"] {
        told_and_mended(id, First { layer: "smtp", name: "sign-on", id, command }).await;
    }
}

#[tokio::test]
async fn security_defaults_are_told_with_the_way_that_leaves_them_on() {
    let staged = Staged::rehearsing(Plan::default(), "security-defaults").await;
    let command = &staged.gatepost("run");
    let wanted = First { layer: "smtp", name: "sign-on", id: "security-defaults", command };
    let check = staged.fails_first(wanted).await;
    let (consent, graph) = check["fault"]["next-step"].as_str().unwrap().split_once("`outbound = \"graph\"`").unwrap();
    assert!(consent.contains("`Mail.Send`") && graph.contains(command.as_str()), "{check}");
    assert!(check["fault"]["avoid"].as_str().unwrap().starts_with("Do not switch security defaults off"), "{check}");
}

#[tokio::test]
async fn imap_that_is_off_is_told_by_what_the_token_is_worth_elsewhere() {
    let command = "Set-CASMailbox -Identity ann@contoso.example -ImapEnabled $true";
    told_and_mended("imap-disabled", First { layer: "imap", name: "sign-on", id: "imap-disabled-mailbox", command })
        .await;
}

/// It has an address for sign-ins as well.
#[tokio::test]
async fn at_another_provider_nobody_is_sent_to_exchange_for_a_protocol_that_is_off() {
    let staged = Staged::rehearsing(Plan::default(), "imap-disabled").await;
    staged.edit("provider = \"custom\"", "provider = \"fastmail\"");
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    assert!(told.code == 1 && told.out.contains("[mail-protocol-disabled]"), "{}{}", told.out, told.errors);
    assert!(!told.out.contains("CASMailbox") && !told.out.contains("Connect-Exchange"), "{}", told.out);
}

#[tokio::test]
async fn pop3_that_is_off_is_told_by_imap_that_works() {
    let command = "Set-CASMailbox -Identity ann@contoso.example -PopEnabled $true";
    let wanted = || First { layer: "pop3", name: "sign-on", id: "pop3-disabled-mailbox", command };
    told_and_mended("pop3-disabled", wanted()).await;
    let staged = Staged::rehearsing(Plan::default(), "pop3-disabled").await;
    staged.without_listener("smtp");
    staged.without_listener("imap");
    staged.fails_first(wanted()).await;
}

#[tokio::test]
async fn a_mailbox_of_somebody_else_lacks_full_access() {
    let account = format!("imap-user = \"{BOB}\"");
    let staged = Staged::new(Plan { account, ..Plan::default() }).await;
    let wanted = First { layer: "imap", name: "sign-on", id: "full-access-missing", command: FULL_ACCESS };
    staged.fails_first(wanted).await;
    staged.edit(&format!("imap-user = \"{BOB}\""), &format!("imap-user = \"{ANN}\""));
    staged.is_well().await;
}

#[tokio::test]
async fn a_missing_right_is_told_by_the_own_mailbox_where_the_servers_words_tell_nothing() {
    let account = format!("imap-user = \"{BOB}\"");
    let staged = Staged::new(Plan { account, ..Plan::default() }).await;
    let refused = Answer::new("AUTHENTICATE", "{tag} NO AUTHENTICATE failed.");
    staged.sandbox.faults().set(|faults| faults.imap.answers = vec![refused]);
    let wanted = First { layer: "imap", name: "sign-on", id: "full-access-missing", command: FULL_ACCESS };
    staged.fails_first(wanted).await;
    // Nor is another listener needed: what no client uses is tried for that alone.
    staged.sandbox.faults().clear();
    staged.without_listener("smtp");
    staged.without_listener("imap");
    let wanted = First { layer: "pop3", name: "sign-on", id: "full-access-missing", command: FULL_ACCESS };
    staged.fails_first(wanted).await;
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    assert_eq!(check(&report, "imap", "sign-on")["detail"], "no listener of this protocol");
}

#[tokio::test]
async fn a_token_that_opens_nothing_proves_no_missing_right() {
    let account = format!("imap-user = \"{BOB}\"");
    let staged = Staged::rehearsing(Plan { account, ..Plan::default() }, "tokens-refused").await;
    let wanted = First { layer: "smtp", name: "sign-on", id: "fresh-token-refused", command: "" };
    let check = staged.fails_first(wanted).await;
    assert!(!check["fault"]["next-step"].as_str().unwrap().contains("doctor"), "it is what told it: {check}");
}

#[tokio::test]
async fn smtp_that_signs_on_as_a_shared_mailbox_is_told_from_missing_rights() {
    let account = "smtp-user = \"shared@contoso.example\"".to_owned();
    let staged = Staged::new(Plan { account, ..Plan::default() }).await;
    staged.fails_first(First { layer: "smtp", name: "sign-on", id: "smtp-user-differs", command: "" }).await;
    staged.edit("smtp-user = \"shared@contoso.example\"", "send-as = [\"shared@contoso.example\"]");
    staged.is_well().await;
}

#[tokio::test]
async fn smtp_that_refuses_what_opens_the_mailbox_is_told_as_smtp_alone() {
    let staged = Staged::new(Plan::default()).await;
    staged.sandbox.faults().set(|faults| faults.smtp.refuse_tokens = u32::MAX);
    let command = "Set-CASMailbox -Identity ann@contoso.example -SmtpClientAuthenticationDisabled $false";
    staged.fails_first(First { layer: "smtp", name: "sign-on", id: "smtp-refused-alone", command }).await;
    staged.mended();
    staged.is_well().await;
}

#[tokio::test]
async fn a_missing_send_as_is_proved_by_a_test_message_for_each_sender() {
    let account = format!("send-as = [\"{ANN}\", \"shared@contoso.example\", \"{BOB}\", \"*@contoso.example\"]");
    let staged = Staged::new(Plan { account, ..Plan::default() }).await;
    let report = staged.is_well().await;
    let rights = check(&report, "send-as", "send-as");
    assert!(rights["outcome"] == "skipped" && rights["detail"].as_str().unwrap().contains("--send"), "{rights}");

    let told = staged.doctor(&[ANN, "--send", BOB, "--json"]).await;
    assert_eq!(told.code, 1, "{}", told.out);
    let report = told.json();
    let sent: Vec<_> =
        report["checks"].as_array().unwrap().iter().filter(|check| check["name"] == "test-message").collect();
    let outcomes: Vec<_> = sent.iter().map(|check| check["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["pass", "pass", "fail"], "own, a mailbox it has the right on, one it has not: {report:#}");
    assert_eq!(sent[2]["fault"]["id"], "send-as-denied");
    let command = format!("Add-RecipientPermission -Identity {BOB} -Trustee {ANN} -AccessRights SendAs");
    assert_eq!(sent[2]["fault"]["commands"][0], command);
    assert_eq!(sent[2]["target"], format!("{BOB} -> {BOB}"));
    let all = staged.sandbox.submissions();
    assert!(all.len() == 2 && all.iter().all(|one| one.recipients == [BOB]), "{all:?}");
}

/// It ended with sender-not-allowed, and sent from the other address all the same.
#[tokio::test]
async fn an_account_whose_send_as_leaves_its_own_address_out_sends_its_test_message_as_who_stands_there() {
    let shared = "shared@contoso.example";
    let staged = Staged::new(Plan { account: format!("send-as = [\"{shared}\"]"), ..Plan::default() }).await;
    let told = staged.doctor(&[ANN, "--send", BOB, "--json"]).await;
    let sent = check(&told.json(), "send", "test-message");
    assert_eq!(
        (told.code, &sent["outcome"], &sent["target"]),
        (0, &"pass".into(), &format!("{shared} -> {BOB}").into())
    );
}

#[tokio::test]
async fn an_own_address_that_may_not_send_is_told_as_an_alias_and_no_right_on_oneself_is_advised() {
    let staged = Staged::rehearsing(Plan::default(), "own-address-denied").await;
    // The only account needs no name.
    let told = staged.doctor(&["--send", BOB, "--json"]).await;
    assert_eq!(told.code, 1, "{}{}", told.out, told.errors);
    let sent = check(&told.json(), "send", "test-message");
    assert_eq!(sent["fault"]["id"], "own-address-denied", "{sent}");
    let command = sent["fault"]["commands"][0].as_str().unwrap();
    assert!(command.starts_with(&format!("Get-Mailbox -Identity {ANN} | Format-List ")), "{sent}");
    assert!(!sent.to_string().contains("Add-RecipientPermission"), "{sent}");
}

#[tokio::test]
async fn a_message_without_a_named_account_goes_out_only_where_there_is_one() {
    let staged = Staged::new(Plan { more: account(BOB, ""), ..Plan::default() }).await;
    let told = staged.doctor(&["--send", BOB]).await;
    assert_eq!(told.code, 2, "{}{}", told.out, told.errors);
    assert!(told.errors.contains(&format!("of: {ANN}, {BOB}")), "{}", told.errors);
    assert!(staged.sandbox.submissions().is_empty());
}

#[tokio::test]
async fn a_refusal_of_the_recipient_is_told_as_such() {
    let staged = Staged::new(Plan::default()).await;
    let refused = Answer::new("RCPT", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found");
    staged.sandbox.faults().set(|faults| faults.smtp.answers = vec![refused]);
    let told = staged.doctor(&["--send", "nobody@contoso.example", "--json"]).await;
    assert_eq!(check(&told.json(), "send", "test-message")["fault"]["id"], "recipient-unknown", "{}", told.out);
}

#[tokio::test]
async fn a_server_that_asks_to_slow_down_is_asked_again_and_what_stays_is_told_with_when_to_look_again() {
    let staged = Staged::new(Plan::default()).await;
    let busy = Answer::new(".", "432 4.3.2 Concurrent connections limit exceeded.").times(1);
    staged.sandbox.faults().set(|faults| faults.smtp.answers = vec![busy]);
    let told = staged.doctor(&[ANN, "--send", BOB, "--json"]).await;
    assert_eq!(outcome(&told.json(), "send", "test-message"), "pass", "{}", told.out);
    assert_eq!(staged.sandbox.submissions().len(), 1);

    assert!(staged.sandbox.faults().set(|faults| faults.apply("smtp-throttled")));
    let told = staged.doctor(&[ANN, "--send", BOB]).await;
    assert_eq!(told.code, 1, "{}", told.out);
    let joined = told.out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "[upstream-connections-exceeded]",
        "It passes by itself",
        "was not sent, in 3 tries",
        "Try again in a minute",
        &staged.gatepost(&format!("doctor {ANN} --send {BOB}")),
    ] {
        assert!(joined.contains(part), "{part}: {}", told.out);
    }
}

/// Its clients have all connections of the mailbox: that is nobody's mistake, and the message that was asked for is not there.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_that_did_not_go_is_no_success_although_a_daemon_has_all_connections_of_the_mailbox() {
    let (staged, _program) = super::clients::beside_a_daemon(Plan::default()).await;
    assert!(staged.sandbox.faults().set(|faults| faults.apply("smtp-throttled")));
    let told = staged.doctor(&[ANN, "--send", BOB]).await;
    assert_eq!(told.code, 1, "{}", told.out);
    let joined = told.out.split_whitespace().collect::<Vec<_>>().join(" ");
    let command = staged.gatepost(&format!("doctor {ANN} --send {BOB}"));
    for part in ["[upstream-connections-exceeded]", "The message was not sent", "Try again in a minute", &command] {
        assert!(joined.contains(part), "{part}: {}", told.out);
    }
}

#[tokio::test]
async fn nothing_is_sent_while_something_before_it_fails() {
    let staged = Staged::rehearsing(Plan::default(), "smtp-auth-disabled-mailbox").await;
    let told = staged.doctor(&[ANN, "--send", BOB, "--json"]).await;
    assert_eq!(outcome(&told.json(), "send", "test-message"), "skipped");
    assert!(staged.sandbox.submissions().is_empty());
}

#[tokio::test]
async fn what_clients_are_told_of_the_server_is_compared_with_what_it_offers() {
    let preset = "smtp-capabilities = [\"8BITMIME\", \"DSN\", \"SMTPUTF8\", \"SIZE 157286400\"]";
    let staged = Staged::new(Plan { app: preset.to_owned(), ..Plan::default() }).await;
    let offered = async || check(&staged.is_well().await, "smtp", "ehlo")["detail"].as_str().unwrap().to_owned();
    assert_eq!(offered().await, "as clients are told: 8BITMIME, DSN, SIZE 157286400, SMTPUTF8");
    staged.sandbox.faults().set(|faults| faults.smtp.hidden = vec!["DSN".to_owned()]);
    let told = offered().await;
    assert!(told.starts_with("clients are told DSN more than there is and nothing less"), "{told}");
    staged.edit(", \"SMTPUTF8\"", "");
    let told = offered().await;
    assert!(told.starts_with("clients are told DSN more than there is and SMTPUTF8 less"), "{told}");
}

/// The id at the end of what a client of ann hears of a message.
pub async fn id_heard(program: &Program) -> String {
    let mut smtp = program.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));
    let said = said_to_a_message(&mut smtp).await;
    said.rsplit_once("[gatepost ").unwrap_or_else(|| panic!("{said}")).1.trim_end_matches(']').to_owned()
}

/// The step of one of them is this very look: it must not send on to another.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_is_told_under_the_id_that_a_client_hears_for_the_same_answer() {
    let (staged, program) = super::clients::beside_a_daemon(Plan::default()).await;
    for (on, words, id) in [
        (".", "550 5.6.0 odd", "message-refused"),
        (".", "451 4.6.0 odd", "message-refused-for-now"),
        ("RCPT", "450 4.2.1 odd", "recipient-refused-for-now"),
        ("RCPT", "550 5.2.1 odd", "recipient-refused"),
        ("MAIL", "550 5.4.1 odd", "message-refused"),
    ] {
        staged.sandbox.faults().set(|faults| faults.smtp.answers = vec![Answer::new(on, words)]);
        assert_eq!(id_heard(&program).await, id, "{on} {words}");
        let sent = check(&staged.doctor(&[ANN, "--send", BOB, "--json"]).await.json(), "send", "test-message");
        assert_eq!(sent["fault"]["id"], id, "{on} {words}: {sent}");
        assert_eq!(sent["detail"], format!("upstream said {words:?}"), "{sent}");
    }
}
