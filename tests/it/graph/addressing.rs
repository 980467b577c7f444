//! Who gets a message, and that nothing else of it changes on the way.

use gatepost::outbound::Fate;

use super::stage::{SEND, Stage};
use crate::world::{ANN, BOB};

#[tokio::test]
async fn a_message_goes_as_it_is_and_202_is_told_as_what_it_is() {
    let stage = Stage::new().await;
    // Soft line breaks, a line that begins with a dot, 8-bit bytes.
    let message = format!(
        "From: Ann <{ANN}>\r\nTo: \"Bob, of Sales\" <{BOB}>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\
         \r\none=\r\ntwo =3D\r\n.hidden\r\n..\r\nü\r\n"
    );
    let report = stage.send(&message, &[BOB]).await.unwrap();
    assert_eq!(report.verdicts[0].fate, Fate::Delivered);
    assert_eq!(report.verdicts[0].reply.text(), "250 2.0.0 Accepted by Microsoft Graph, which is not delivery");
    assert!(!report.is_doubtful() && report.retry_after.is_none());
    let sent = stage.only_message();
    assert_eq!(String::from_utf8_lossy(&sent.bytes), message);
    assert_eq!((sent.mailbox.as_str(), sent.recipients.as_slice()), (ANN, &[BOB.to_owned()][..]));
    assert_eq!(stage.asked(), ["/v1.0/me/sendMail with text/plain"]);
    let kept = |mailbox: &str, folder: &str| stage.sandbox.mailbox(mailbox).unwrap().messages(folder).len();
    assert_eq!((kept(BOB, "INBOX"), kept(ANN, "Sent Items"), kept(ANN, "INBOX")), (1, 1, 0));
}

#[tokio::test]
async fn recipients_of_the_envelope_get_it_and_nobody_sees_who_was_added() {
    let stage = Stage::new().await;
    let message = format!("From: {ANN}\r\nTo: {BOB}\r\nSubject: x\r\n\r\nx\r\n");
    stage.reply(&message, &[BOB, "shared@contoso.example", "out@fabrikam.example"]).await;
    let sent = stage.only_message();
    assert_eq!(sent.recipients, [BOB, "out@fabrikam.example", "shared@contoso.example"]);
    assert_eq!(String::from_utf8_lossy(&sent.bytes), message, "the Bcc is gone");
}

#[tokio::test]
async fn a_message_to_undisclosed_recipients_goes_to_its_envelope() {
    let stage = Stage::new().await;
    let message = format!("From: {ANN}\r\nTo: undisclosed-recipients:;\r\nSubject: x\r\n\r\nx\r\n");
    let reply = stage.reply(&message, &[BOB]).await;
    assert!(reply.starts_with("250 "), "{reply}");
    assert_eq!(stage.only_message().recipients, [BOB]);
}

#[tokio::test]
async fn a_message_that_graph_would_send_to_strangers_is_refused_before_anything_is_asked() {
    let stage = Stage::new().await;
    let message = format!("From: {ANN}\r\nTo: {BOB}, eve@fabrikam.example\r\nSubject: x\r\n\r\nx\r\n");
    let reply = stage.reply(&message, &[BOB]).await;
    assert!(reply.starts_with("554 5.6.0 ") && reply.ends_with("[gatepost graph-recipients-differ]"), "{reply}");
    assert!(stage.asked().is_empty() && stage.sandbox.submissions().is_empty());
}

#[tokio::test]
async fn an_account_for_another_mailbox_names_it_in_the_path() {
    let shared = "shared@contoso.example";
    let keys = format!("outbound = \"graph\"\nsmtp-user = \"{shared}\"\nsend-as = [\"{shared}\"]\n");
    let stage = Stage::with(&[SEND, "https://graph.microsoft.com/Mail.Send.Shared"], &keys, None).await;
    let message = format!("From: {shared}\r\nTo: {BOB}\r\nSubject: x\r\n\r\nx\r\n");
    assert!(stage.reply(&message, &[BOB]).await.starts_with("250 "));
    assert_eq!(stage.asked(), ["/v1.0/users/shared@contoso.example/sendMail with text/plain"]);
    assert_eq!(stage.only_message().mailbox, shared);
}
