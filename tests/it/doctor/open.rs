//! What a client's message met: no layer shows it, so it stands open until a message proves it mended.

use gatepost::base::Protocol;

use super::{
    clients::beside_a_daemon,
    stage::{Staged, check},
};
use crate::{
    process::{Program, run},
    world::{ANN, BOB, PASSWORD, Plan},
};

const SHARED: &str = "shared@contoso.example";

/// What ann hears of a message from the shared mailbox.
async fn sent_as_shared(program: &Program) -> String {
    let mut smtp = program.greeted(Protocol::Smtp).await;
    assert!(smtp.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));
    smtp.say(&format!("MAIL FROM:<{SHARED}>")).await;
    let said = smtp.line().await;
    if !said.starts_with("250 ") {
        return said;
    }
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("From: {SHARED}\r\nSubject: x\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.line().await
}

/// All of it, said in full behind the lines, and no word that all were well.
async fn stands_open(staged: &Staged) {
    let right = format!("Add-RecipientPermission -Identity {SHARED} -Trustee {ANN} -AccessRights SendAs");
    let proof = staged.gatepost(&format!("doctor {ANN} --send {ANN}"));
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    let met = check(&report, "clients", "last-fault");
    assert_eq!((&met["outcome"], &met["fault"]["id"]), (&"skipped".into(), &"send-as-denied".into()), "{met}");
    let commands = met["fault"]["commands"].as_array().unwrap();
    assert!(commands.contains(&right.as_str().into()) && commands.contains(&proof.as_str().into()), "{met}");
    for (lang, end) in [("en", "above, may still stand.\n"), ("ja", "まだ解決していない可能性があります。\n")]
    {
        let told = staged.doctor(&[ANN, "--lang", lang]).await;
        assert_eq!(told.code, 0, "{}", told.out);
        let explained = told.out.split_once("\n\n").unwrap().1;
        for part in ["[send-as-denied]", &right, &proof] {
            assert!(explained.contains(part), "{lang}: {part} is not in {}", told.out);
        }
        assert!(told.out.ends_with(end), "{}", told.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_a_client_was_refused_stands_open_until_a_message_proves_it_mended() {
    let account = "send-as = [\"*@contoso.example\"]".to_owned();
    let (staged, program) = beside_a_daemon(Plan { account, ..Plan::default() }).await;
    staged.sandbox.faults().set(|faults| faults.apply("send-as-missing"));
    assert!(sent_as_shared(&program).await.starts_with("550-5.7.60 "));
    stands_open(&staged).await;
    staged.mended();
    stands_open(&staged).await;

    let told = staged.doctor(&[ANN, "--send", BOB]).await;
    assert!(told.code == 0 && told.out.contains(&format!("{SHARED} -> {BOB}: sent")), "{}", told.out);
    assert!(told.out.ends_with("\nAll is well.\n"), "it was sent by this look: {}", told.out);

    let table = || run(&["status"], &staged.file).1;
    assert!(table().contains("Add-RecipientPermission") && !table().contains("worked again at"), "{}", table());
    assert!(sent_as_shared(&program).await.starts_with("250 "));
    let met = check(&staged.is_well().await, "clients", "last-fault");
    assert!(met["detail"].as_str().unwrap().ends_with("; it worked again since"), "{met}");
    assert!(!table().contains("Add-RecipientPermission") && table().contains("worked again at"), "{}", table());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_on_that_works_again_is_past_for_the_status() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    staged.sandbox.faults().set(|faults| faults.apply("tokens-refused"));
    assert!(program.login(Protocol::Imap).await.contains("fresh-token-refused"));
    let table = || run(&["status"], &staged.file).1;
    let step = format!("`Set-CASMailbox -Identity {ANN} -ImapEnabled $true` to read mail");
    assert!(table().contains(&step), "the protocol that was met: {}", table());
    staged.mended();
    program.reload();
    super::clients::is_let_in_soon(&program).await;
    assert!(!table().contains("Set-CASMailbox") && table().contains("worked again at"), "{}", table());
}
