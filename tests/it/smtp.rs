//! SMTP: what an old mail program and a printer say, what they hear, and what arrives.

use gatepost::sandbox::Submission;

use crate::world::{ANN, World};

/// The one message that was accepted.
fn only(world: &World) -> Submission {
    let mut all = world.sandbox.submissions();
    assert_eq!(all.len(), 1, "exactly one message: {all:?}");
    all.remove(0)
}

#[tokio::test]
async fn a_message_goes_out_with_a_password_in_and_xoauth2_out() {
    let world = World::new().await;
    let mut smtp = world.smtp_as_ann().await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 2.1.0").await;
    smtp.exchange("RCPT TO:<bob@contoso.example>", "250 2.1.5").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(b"From: ann@contoso.example\r\nTo: bob@contoso.example\r\nSubject: hi\r\n\r\n..dots\r\nend\r\n.\r\n")
        .await;
    smtp.expect("250 2.0.0").await;
    smtp.exchange("QUIT", "221 ").await;
    smtp.expect_end().await;
    let message = only(&world);
    assert!(message.bytes.ends_with(b"\r\n\r\n.dots\r\nend\r\n"), "{:?}", String::from_utf8_lossy(&message.bytes));
    let said = world.sandbox.transcript().dialogue("smtp").join("\n");
    assert!(said.contains("AUTH XOAUTH2") && said.contains("STARTTLS"), "{said}");
}
