//! Logins around the end of a token's life, over sockets.

use std::time::{Duration, SystemTime};

use gatepost::{
    base::{Protocol, Secret},
    sandbox::Options,
    store::AccessToken,
};

use crate::world::{ANN, IN, PASSWORD, PROTOCOLS, Plan, World, sign_in_with, together};

#[tokio::test]
async fn a_login_at_once_after_the_token_expired_in_a_session_works_with_one_refresh() {
    let life = Duration::from_secs(3);
    let world =
        World::with(Plan { sandbox: Options { token_life: life, ..Options::default() }, ..Plan::default() }).await;
    let mut imap = world.imap_as_ann().await;
    imap.exchange("b IDLE", "+ ").await;
    imap.expect_last("* BYE Session invalidated - AccessTokenExpired").await;
    assert_eq!(world.token_requests(), 1);
    // The provider's word for the token's life is shorter than anybody may believe, so it still looks good here.
    world.ann_hears(Protocol::Imap, IN).await;
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test]
async fn hundreds_of_logins_at_once_on_an_expired_token_make_one_request() {
    const LOGINS: usize = 300;
    let mut plan = Plan::faulty(|faults| {
        faults.smtp.connections = None;
        faults.identity.delay_ms = 300;
    });
    plan.signed_in.clear();
    let world = World::with(plan).await;
    let past = SystemTime::now() - Duration::from_secs(7200);
    let expired = AccessToken {
        token: Secret::new("expired"),
        obtained_at: Some(past),
        expires_at: Some(past + Duration::from_secs(3600)),
        generation: 1,
    };
    sign_in_with(&world.sandbox, world.dir.path(), ANN, Some(expired)).await;
    let mut clients = Vec::new();
    for n in 0..LOGINS {
        let protocol = PROTOCOLS[n % PROTOCOLS.len()];
        clients.push((protocol, world.greeted(protocol).await));
    }
    together(clients.into_iter().map(|(protocol, mut client)| async move {
        let said = client.login(protocol, ANN, PASSWORD).await;
        assert!(said.starts_with(IN.of(protocol)), "{protocol}: {said}");
    }))
    .await;
    assert_eq!(world.token_requests(), 1);
}
