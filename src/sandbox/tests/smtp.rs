use super::*;
use crate::{
    base::Protocol,
    sandbox::{AfterDot, Answer, CertificateKind, INBOX, LimitPoint, SENT, StartTls},
};

const MESSAGE: &str = "From: ann@contoso.example\r\nTo: bob@contoso.example\r\nSubject: hello\r\n\r\n.dot\r\nbye\r\n";

/// MAIL to the final dot, with the message stuffed.
fn transaction(from: &str, to: &str) -> String {
    let stuffed = MESSAGE.replace("\r\n.", "\r\n..").replace("\r\n", "\nC: ");
    format!(
        "C: MAIL FROM:<{from}> SIZE=100 BODY=8BITMIME\nS: 250 2.1.0 Sender OK\nC: RCPT TO:<{to}>\n\
         S: 250 2.1.5 Recipient OK\nC: DATA\nS: 354 Start mail input; end with <CRLF>.<CRLF>\nC: {}.\n",
        stuffed
    )
}

#[tokio::test]
async fn a_message_goes_to_the_recipient_and_to_sent_items() {
    let sandbox = sandbox().await;
    let mut talk = Talk::smtp_as(&sandbox, ANN).await;
    talk.run(&transaction(ANN, BOB)).await;
    talk.run("S: 250 2.0.0 OK *\nC: QUIT\nS: 221 2.0.0 Service closing transmission channel\n").await;
    talk.closed().await;
    for (owner, folder) in [(BOB, INBOX), (ANN, SENT)] {
        let kept = sandbox.mailbox(owner).expect("a mailbox").messages(folder);
        assert_eq!(kept.len(), 1, "{owner} {folder}");
        assert_eq!(kept[0].bytes, MESSAGE);
    }
    let submission = sandbox.submissions().remove(0);
    assert_eq!((submission.mailbox.as_str(), submission.recipients), (ANN, vec![BOB.to_owned()]));
    assert_eq!(sandbox.counts().messages, 1);
}

#[tokio::test]
async fn the_words_before_and_after_tls_are_exchanges() {
    let sandbox = sandbox().await;
    let mut talk = Talk::plain(&sandbox, sandbox.smtp()).await;
    talk.run(
        "S: 220 AM0PR02CA0001.outlook.office365.com Microsoft ESMTP MAIL Service ready at * [0000000000000001]
         C: EHLO test
         S: 250-AM0PR02CA0001.outlook.office365.com Hello [127.0.0.1]
         S: 250-SIZE 157286400
         S: 250-PIPELINING
         S: 250-DSN
         S: 250-ENHANCEDSTATUSCODES
         S: 250-STARTTLS
         S: 250-8BITMIME
         S: 250-BINARYMIME
         S: 250-CHUNKING
         S: 250 SMTPUTF8
         C: MAIL FROM:<ann@contoso.example>
         S: 530 5.7.57 Client not authenticated to send mail. *
         C: AUTH LOGIN YW5u
         S: 504 5.7.4 Unrecognized authentication type *
         C: STARTTLS
         S: 220 2.0.0 SMTP server ready",
    )
    .await;
    talk.secure().await.expect("TLS");
    talk.run("C: AUTH XOAUTH2 x\nS: 503 5.5.2 Send hello first *\nC: EHLO test\n").await;
    let shown = talk.until("250 ").await;
    assert!(shown.contains(&"250-AUTH LOGIN XOAUTH2".to_owned()) && !shown.contains(&"250-STARTTLS".to_owned()));
    talk.run(
        "C: AUTH PLAIN AGFubgBkZW1v
         S: 504 5.7.4 *
         C: auth login
         S: 334 VXNlcm5hbWU6
         C: YW5u
         S: 334 UGFzc3dvcmQ6
         C: ZGVtbw==
         S: 535 5.7.139 Authentication unsuccessful, basic authentication is disabled. *
         C: WHAT
         S: 500 5.3.3 Unrecognized command 'WHAT' *",
    )
    .await;
    assert_eq!(sandbox.counts().unprotected_credentials, 1);
}

#[tokio::test]
async fn xoauth2_works_in_one_step_and_in_two_and_bad_tokens_do_not() {
    let sandbox = sandbox().await;
    let mut talk = Talk::smtp(&sandbox).await;
    talk.run(&format!(
        "C: AUTH XOAUTH2 {}\nS: 535 5.7.3 Authentication unsuccessful *\nC: AUTH XOAUTH2\nS: 334 \nC: *\n\
         S: 535 5.7.3 *\nC: AUTH XOAUTH2\nS: 334 \nC: {}\nS: 235 2.7.0 Authentication successful\n\
         C: AUTH XOAUTH2\nS: 503 5.5.2 *\n",
        xoauth2(ANN, "made-up"),
        blob(&sandbox, ANN, ANN)
    ))
    .await;
    assert_eq!(sandbox.counts().mailbox(Protocol::Smtp, ANN).open, 1);
    let said = sandbox.transcript().dialogue("smtp").join("\n");
    assert!(said.contains("[user=ann@contoso.example auth=Bearer eyJ0eX... ") && !said.contains("made-up"));
}

#[tokio::test]
async fn a_delegate_sends_as_the_shared_mailbox_but_does_not_sign_on_as_it() {
    let sandbox = sandbox().await;
    let mut talk = Talk::smtp(&sandbox).await;
    talk.run(&format!("C: AUTH XOAUTH2 {}\nS: 535 5.7.3 *\n", blob(&sandbox, SHARED, ANN))).await;
    talk.run(&format!("C: AUTH XOAUTH2 {}\nS: 235 *\n", blob(&sandbox, ANN, ANN))).await;
    talk.run(
        "C: MAIL FROM:<shared@contoso.example>
         S: 250 2.1.0 Sender OK
         C: RCPT TO:<someone@elsewhere.example>
         S: 250 2.1.5 Recipient OK
         C: DATA
         S: 354 *
         C: From: shared@contoso.example
         C:\u{20}
         C: .
         S: 250 2.0.0 OK *
         C: MAIL FROM:<bob@contoso.example>
         S: 550 5.7.60 SMTP; Client does not have permissions to send as this sender *
         C: MAIL FROM:<ann@contoso.example>
         S: 250 *
         C: RCPT TO:<bob@contoso.example>
         S: 250 *
         C: DATA
         S: 354 *
         C: From: bob@contoso.example
         C:\u{20}
         C: .
         S: 554 5.2.252 SendAsDenied; ann@contoso.example not allowed to send as bob@contoso.example; *",
    )
    .await;
    assert_eq!(sandbox.submissions().len(), 1);
}

#[tokio::test]
async fn syntax_is_read_strictly() {
    let sandbox = sandbox().await;
    let mut talk = Talk::smtp_as(&sandbox, ANN).await;
    talk.run(
        "C: RCPT TO:<bob@contoso.example>
         S: 503 5.5.2 Need mail command *
         C: MAIL FROM:ann@contoso.example
         S: 501 5.1.7 Invalid address *
         C: MAIL FROM:<ann@contoso.example> SIZE=157286401
         S: 552 5.3.4 *
         C: MAIL FROM:<ann@contoso.example> X=1
         S: 501 5.5.4 *
         C: mail from: <ann@contoso.example>
         S: 250 2.1.0 Sender OK
         C: MAIL FROM:<ann@contoso.example>
         S: 503 5.5.2 Sender already specified *
         C: DATA
         S: 503 5.5.2 Need rcpt command *
         C: RCPT TO:<nobody@contoso.example>
         S: 550 5.1.10 RESOLVER.ADR.RecipientNotFound; *
         C: RCPT TO:<bob@contoso.example> NOTIFY=NEVER
         S: 250 2.1.5 Recipient OK
         C: RSET
         S: 250 2.0.0 Resetting
         C: NOOP
         S: 250 2.0.0 OK",
    )
    .await;
    talk.say(b"NOOP\nNOOP\r\n").await;
    talk.run("S: 500 5.3.3 Unrecognized command *\n").await;
}

#[tokio::test]
async fn a_bare_line_feed_and_a_missing_from_are_refused_after_the_dot() {
    let sandbox = sandbox().await;
    let mut talk = Talk::smtp_as(&sandbox, ANN).await;
    for (body, reply) in [
        ("From: ann@contoso.example\r\n\r\na\nb\r\n.\r\n", "550 5.6.11 SMTPSEND.BareLinefeedsAreIllegal; *"),
        ("Subject: x\r\n\r\na\r\n.\r\n", "550 5.7.512 Access denied, *"),
        ("From: ann@contoso.example, shared@contoso.example\r\n\r\na\r\n.\r\n", "550 5.1.20 Multiple From *"),
    ] {
        talk.run("C: MAIL FROM:<ann@contoso.example>\nS: 250 *\nC: RCPT TO:<bob@contoso.example>\nS: 250 *\nC: DATA\nS: 354 *\n")
            .await;
        talk.say(body.as_bytes()).await;
        talk.run(&format!("S: {reply}\n")).await;
    }
    assert!(sandbox.submissions().is_empty());
}

#[tokio::test]
async fn chunks_make_a_message_too() {
    let sandbox = sandbox().await;
    let mut talk = Talk::smtp_as(&sandbox, ANN).await;
    talk.run(
        "C: MAIL FROM:<ann@contoso.example> BODY=BINARYMIME\nS: 250 *\nC: RCPT TO:<bob@contoso.example>\nS: 250 *\n",
    )
    .await;
    talk.say(b"BDAT 10\r\nFrom: ann@BDAT 21 LAST\r\ncontoso.example\r\n\r\n.\n").await;
    talk.run("S: 250 2.6.0 CHUNK received OK, 10 octets\nS: 250 2.0.0 OK *\n").await;
    assert_eq!(sandbox.submissions()[0].bytes, "From: ann@contoso.example\r\n\r\n.\n");
}

#[tokio::test]
async fn the_fourth_connection_is_told_so_at_the_end_of_data() {
    let sandbox = sandbox().await;
    let mut three = Vec::new();
    for _ in 0..3 {
        three.push(Talk::smtp_as(&sandbox, ANN).await);
    }
    let mut fourth = Talk::smtp_as(&sandbox, ANN).await;
    fourth.run(&transaction(ANN, BOB)).await;
    fourth.run("S: 432 4.3.2 Concurrent connections limit exceeded. *\n").await;
    let mut first = three.remove(0);
    first.run("C: QUIT\nS: 221 *\n").await;
    first.closed().await;
    fourth.run(&transaction(ANN, BOB)).await;
    fourth.run("S: 250 2.0.0 OK *\n").await;
    sandbox.faults().set(|faults| faults.smtp.connections_at = LimitPoint::Auth);
    let mut fifth = Talk::smtp(&sandbox).await;
    fifth.run(&format!("C: AUTH XOAUTH2 {}\nS: 432 4.3.2 *\n", blob(&sandbox, ANN, ANN))).await;
    assert_eq!(sandbox.counts().mailbox(Protocol::Smtp, ANN).most, 4);
}

#[tokio::test]
async fn the_rate_of_messages_is_limited() {
    let sandbox = sandbox_with(|faults| faults.smtp.messages_per_minute = Some(2)).await;
    let mut talk = Talk::smtp_as(&sandbox, ANN).await;
    for reply in ["250 2.0.0 OK *", "250 2.0.0 OK *", "432 4.3.2 STOREDRV.ClientSubmit; *"] {
        talk.run(&transaction(ANN, BOB)).await;
        talk.run(&format!("S: {reply}\n")).await;
    }
}

#[tokio::test]
async fn faults_of_a_rehearsal_show_on_the_wire() {
    let sandbox = sandbox_with(|faults| assert!(faults.apply("smtp-auth-disabled-tenant"))).await;
    let mut talk = Talk::smtp(&sandbox).await;
    let blob = blob(&sandbox, ANN, ANN);
    talk.run(&format!(
        "C: AUTH XOAUTH2 {blob}\nS: 535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for \
         the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [*]\n"
    ))
    .await;
    sandbox.faults().clear();
    sandbox.faults().set(|faults| faults.smtp.cut_auth_line = true);
    talk.run(&format!("C: AUTH XOAUTH2 {blob}\nS: 535 5.7.8 *\n")).await;
    sandbox.faults().set(|faults| (faults.smtp.refuse_tokens, faults.smtp.challenge) = (1, true));
    talk.run(&format!("C: AUTH XOAUTH2\nS: 334 \nC: {blob}\nS: 334 eyJ*\n")).await;
    talk.say(b"\r\n").await;
    talk.run(&format!("S: 535 5.7.8 *\nC: AUTH XOAUTH2\nS: 334 \nC: {blob}\nS: 235 *\n")).await;
    sandbox.faults().set(|faults| faults.smtp.answers.push(Answer::new("RCPT", "451 4.7.0 PRX4 {tail}").times(1)));
    talk.run(
        "C: MAIL FROM:<ann@contoso.example>\nS: 250 *\nC: RCPT TO:<bob@contoso.example>\nS: 451 4.7.0 PRX4 [AM0*]\n",
    )
    .await;
}

#[tokio::test]
async fn connections_break_where_a_switch_says_so() {
    for (after_dot, delivered) in [(AfterDot::DropUndelivered, 0), (AfterDot::DropDelivered, 1)] {
        let sandbox = sandbox_with(|faults| faults.smtp.after_dot = after_dot).await;
        let mut talk = Talk::smtp_as(&sandbox, ANN).await;
        talk.run(&transaction(ANN, BOB)).await;
        talk.closed().await;
        assert_eq!(sandbox.submissions().len(), delivered);
    }
    let sandbox = sandbox_with(|faults| faults.smtp.drop_in_data = Some(10)).await;
    let mut talk = Talk::smtp_as(&sandbox, ANN).await;
    talk.run("C: MAIL FROM:<ann@contoso.example>\nS: 250 *\nC: RCPT TO:<bob@contoso.example>\nS: 250 *\nC: DATA\nS: 354 *\nC: From: ann@contoso.example\n")
        .await;
    talk.closed().await;
    let sandbox = sandbox_with(|faults| faults.smtp.line.drop_after_bytes = Some(7)).await;
    let mut talk = Talk::plain(&sandbox, sandbox.smtp()).await;
    talk.closed().await;
    assert_eq!(talk.unread, b"220 AM0");
}

#[tokio::test]
async fn starttls_can_be_missing_refused_poisoned_or_badly_certified() {
    let sandbox = sandbox().await;
    for (mode, heard) in [(StartTls::Missing, "500 5.3.3 *"), (StartTls::Refused, "454 4.7.0 *")] {
        sandbox.faults().set(|faults| faults.smtp.starttls = mode);
        let mut talk = Talk::plain(&sandbox, sandbox.smtp()).await;
        talk.run("S: 220 *\nC: EHLO x\n").await;
        let offered = talk.until("250 ").await.contains(&"250-STARTTLS".to_owned());
        assert_eq!(offered, mode == StartTls::Refused);
        talk.run(&format!("C: STARTTLS\nS: {heard}\n")).await;
    }
    sandbox.faults().set(|faults| faults.smtp.starttls = StartTls::Injected);
    let mut talk = Talk::plain(&sandbox, sandbox.smtp()).await;
    talk.run("S: 220 *\nC: STARTTLS\nS: 220 2.0.0 SMTP server ready\nS: 250-injected.example\n").await;
    sandbox.faults().clear();
    for kind in [CertificateKind::WrongName, CertificateKind::Expired, CertificateKind::SelfSigned] {
        sandbox.faults().set(|faults| faults.smtp.line.certificate = kind);
        let mut talk = Talk::plain(&sandbox, sandbox.smtp()).await;
        talk.run("S: 220 *\nC: STARTTLS\nS: 220 *\n").await;
        assert!(talk.secure().await.is_err(), "{kind:?}");
    }
}

#[tokio::test]
async fn plain_bytes_behind_starttls_end_the_connection_and_are_counted() {
    let sandbox = sandbox().await;
    let mut talk = Talk::plain(&sandbox, sandbox.smtp()).await;
    talk.run("S: 220 *\n").await;
    talk.say(b"STARTTLS\r\nEHLO evil\r\n").await;
    talk.run("S: 220 2.0.0 SMTP server ready\nS: 500 5.5.2 *\n").await;
    talk.closed().await;
    assert_eq!(sandbox.counts().injected, 1);
}

#[tokio::test]
async fn shutdown_ends_every_connection() {
    let sandbox = sandbox().await;
    let mut smtp = Talk::smtp_as(&sandbox, ANN).await;
    let mut imap = Talk::imap_as(&sandbox, ANN).await;
    let http = sandbox.http();
    sandbox.shutdown().await;
    smtp.closed().await;
    imap.closed().await;
    assert!(TcpStream::connect(http).await.is_err());
}

/// Two messages of one connection once had the same number.
#[tokio::test]
async fn every_message_without_an_id_of_its_own_gets_another_number() {
    let sandbox = sandbox().await;
    let mut talk = Talk::smtp_as(&sandbox, ANN).await;
    let mut numbers = std::collections::BTreeSet::new();
    for _ in 0..3 {
        talk.run(&transaction(ANN, BOB)).await;
        numbers.extend(talk.until("250 ").await);
    }
    assert_eq!(numbers.len(), 3, "{numbers:?}");
}
