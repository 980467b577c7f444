//! POP3: signed on with a password, then bytes pass.

use crate::world::{ANN, PASSWORD, World};

#[tokio::test]
async fn a_mailbox_is_read_with_a_password() {
    let world = World::new().await;
    let mut pop3 = world.pop3().await;
    pop3.expect("+OK ").await;
    pop3.exchange(&format!("USER {ANN}"), "+OK").await;
    pop3.exchange(&format!("PASS {PASSWORD}"), "+OK").await;
    pop3.exchange("STAT", "+OK 0 0").await;
    pop3.exchange("QUIT", "+OK").await;
    pop3.expect_end().await;
}
