//! IMAP: signed on with a password, then bytes pass.

use crate::world::World;

#[tokio::test]
async fn a_mailbox_is_read_with_a_password() {
    let world = World::new().await;
    let mut imap = world.imap_as_ann().await;
    imap.say("b SELECT INBOX").await;
    imap.expect_last("b OK ").await;
    imap.say("c LOGOUT").await;
    imap.expect_last("c OK ").await;
    imap.expect_end().await;
}
