//! Switches of one mailbox and of the tenant: SMTP AUTH, IMAP, POP3, Send As.

use super::stage::{First, Staged, check, outcome};
use crate::world::{ANN, BOB, Plan};

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
    let command = &staged.gatepost("login ann@contoso.example");
    let wanted = First { layer: "smtp", name: "sign-on", id: "security-defaults", command };
    let check = staged.fails_first(wanted).await;
    assert!(check["fault"]["next"].as_str().unwrap().contains("`outbound = \"smtp-then-graph\"`"), "{check}");
    assert!(check["fault"]["avoid"].as_str().unwrap().starts_with("Do not switch security defaults off"), "{check}");
}

#[tokio::test]
async fn imap_that_is_off_is_told_by_what_the_token_is_worth_elsewhere() {
    let command = "Set-CASMailbox -Identity ann@contoso.example -ImapEnabled $true";
    told_and_mended("imap-disabled", First { layer: "imap", name: "sign-on", id: "imap-disabled-mailbox", command })
        .await;
}

#[tokio::test]
async fn pop3_that_is_off_is_told_by_imap_that_works() {
    let command = "Set-CASMailbox -Identity ann@contoso.example -PopEnabled $true";
    told_and_mended("pop3-disabled", First { layer: "pop3", name: "sign-on", id: "pop3-disabled-mailbox", command })
        .await;
}

#[tokio::test]
async fn a_mailbox_of_somebody_else_lacks_full_access() {
    let account = format!("imap-user = \"{BOB}\"");
    let staged = Staged::new(Plan { account, ..Plan::default() }).await;
    let wanted = First {
        layer: "imap",
        name: "sign-on",
        id: "full-access-missing",
        command: "Add-MailboxPermission -Identity bob@contoso.example -User ann@contoso.example -AccessRights FullAccess",
    };
    staged.fails_first(wanted).await;
    staged.edit(&format!("imap-user = \"{BOB}\""), &format!("imap-user = \"{ANN}\""));
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

#[tokio::test]
async fn nothing_is_sent_while_something_before_it_fails() {
    let staged = Staged::rehearsing(Plan::default(), "smtp-auth-disabled-mailbox").await;
    let told = staged.doctor(&[ANN, "--send", BOB, "--json"]).await;
    assert_eq!(outcome(&told.json(), "send", "test-message"), "skipped");
    assert!(staged.sandbox.submissions().is_empty());
}

#[tokio::test]
async fn what_clients_are_told_of_the_server_is_compared_with_what_it_offers() {
    let staged = Staged::new(Plan::default()).await;
    staged.sandbox.faults().set(|faults| faults.smtp.hidden = vec!["DSN".to_owned()]);
    let report = staged.is_well().await;
    let offered = check(&report, "smtp", "ehlo");
    assert_eq!(offered["outcome"], "pass");
    assert!(offered["detail"].as_str().unwrap().contains("SMTPUTF8"), "{offered}");
}
