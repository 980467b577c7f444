//! The keeper: one flight, ahead of time, and never against a no.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::endpoint::{House, Play, open, refusal, set, token};
use crate::oauth::{Grant, Phase, sign_in};

#[tokio::test]
async fn a_stored_token_is_handed_out_without_a_request() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    assert_eq!(house.endpoint.count(), 0);
    assert_eq!(house.keepers.states()[0].phase, Phase::Ready);
}

#[tokio::test]
async fn a_thousand_sessions_on_an_expired_token_make_one_request() {
    let house = Arc::new(House::signed_in(vec![Play::Held(token("new", Some("r1")))], 0).await);
    let sessions: Vec<_> = (0..1000)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.ask().await })
        })
        .collect();
    house.endpoint.arrival().await;
    house.endpoint.go();
    for session in sessions {
        assert_eq!(session.await.unwrap().unwrap(), "new");
    }
    assert_eq!(house.endpoint.count(), 1);
    assert_eq!(house.endpoint.asked()[0]["refresh_token"], "r0");
}

#[tokio::test]
async fn a_token_is_replaced_ahead_of_its_end_with_nobody_asking() {
    // 500 s are left of an hour: more than nothing, less than ten minutes.
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    house.clock.ahead.store(3100, Ordering::SeqCst);
    house.keepers.notice_store_change();
    house.endpoint.arrival().await;
    assert_eq!(house.endpoint.asked()[0]["grant_type"], "refresh_token");
    // One refresh token of Microsoft serves several resources.
    assert_eq!(house.endpoint.asked()[0]["scope"], house.sign_in.app.scopes.join(" "));
}

/// Who logs in again when its session ended with the old token finds the new one.
#[tokio::test]
async fn a_keeper_wakes_by_itself_before_its_token_ends_and_the_next_login_makes_no_request() {
    let house = House::signed_in(vec![], 2).await;
    house.endpoint.arrival().await;
    assert_eq!(house.endpoint.asked()[0]["grant_type"], "refresh_token");
    while house.keepers.states()[0].generation < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!((house.ask().await.unwrap().as_str(), house.endpoint.count()), ("t1", 1));
}

#[tokio::test]
async fn after_a_suspend_the_wall_clock_counts() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    house.clock.ahead.store(8 * 3600, Ordering::SeqCst);
    assert_eq!(house.ask().await.unwrap(), "t1");
}

#[tokio::test]
async fn a_valid_token_outlives_a_failed_refresh() {
    let house = House::signed_in(vec![refusal("invalid_grant", 700_082)], 3600).await;
    house.clock.ahead.store(3100, Ordering::SeqCst);
    house.keepers.notice_store_change();
    house.endpoint.arrival().await;
    while house.keepers.states()[0].phase != Phase::SignInNeeded {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.ask().await.unwrap(), "a0", "500 seconds are left");
    assert_eq!(house.keepers.states()[0].fault.as_ref().unwrap().id, "sign-in-expired");
}

#[tokio::test]
async fn a_dead_sign_in_is_asked_for_once_and_never_again_even_after_a_restart() {
    let house = House::signed_in(vec![refusal("invalid_grant", 50_173)], 0).await;
    for _ in 0..20 {
        assert_eq!(house.ask().await.unwrap_err(), "sign-in-revoked");
    }
    let fault = house.keepers.bearer(&house.sign_in).await.unwrap_err();
    assert!(fault.text.contains("gatepost login ann@contoso.example"), "{}", fault.text);
    house.keepers.stop().await;
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    assert_eq!(house.ask().await.unwrap_err(), "sign-in-revoked");
    assert_eq!(house.endpoint.count(), 1);
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r0"), "a failure deletes nothing");
}

#[tokio::test]
async fn a_new_sign_in_by_another_process_ends_the_fault_at_the_next_login() {
    let house = House::signed_in(vec![refusal("invalid_grant", 50_173)], 0).await;
    assert_eq!(house.ask().await.unwrap_err(), "sign-in-revoked");
    let login = open(house.dir.path()).await;
    sign_in::keep(&login, &house.sign_in, set("fresh", "r9", 3600), &house.clock).await.unwrap();
    assert_eq!(house.ask().await.unwrap(), "fresh");
    assert_eq!(house.endpoint.count(), 1);
}

#[tokio::test]
async fn a_changed_configuration_deserves_a_new_try_and_an_unchanged_one_does_not() {
    let house = House::signed_in(vec![refusal("invalid_client", 7_000_222)], 0).await;
    assert_eq!(house.ask().await.unwrap_err(), "client-secret-expired");
    assert_eq!(house.keepers.states()[0].phase, Phase::Refused);
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    assert_eq!(house.ask().await.unwrap_err(), "client-secret-expired");
    assert_eq!(house.endpoint.count(), 1);
    let mut app = (*house.sign_in.app).clone();
    app.credential = crate::oauth::AppCredential::Secret("new".to_owned().into());
    let changed = Arc::new(crate::oauth::SignIn { app: Arc::new(app), ..(*house.sign_in).clone() });
    house.keepers.apply(&[changed], &[]);
    assert_eq!(house.ask().await.unwrap(), "t2");
    assert_eq!(house.endpoint.asked()[1]["client_secret"], "new");
}

#[tokio::test]
async fn nobody_signed_in_is_said_at_once_with_the_way_to_do_it() {
    let house = House::with(vec![], None, |_| {}).await;
    assert_eq!(house.ask().await.unwrap_err(), "sign-in-missing");
    assert_eq!(house.keepers.states()[0].phase, Phase::SignInNeeded);
    assert_eq!(house.endpoint.count(), 0);
    sign_in::keep(&house.store, &house.sign_in, set("a", "r", 3600), &house.clock).await.unwrap();
    assert_eq!(house.ask().await.unwrap(), "a");
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_however_many_say_so() {
    let house = Arc::new(House::signed_in(vec![Play::Held(token("new", None))], 3600).await);
    let bearer = house.keepers.bearer(&house.sign_in).await.unwrap();
    let sessions: Vec<_> = (0..50)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.keepers.refused(&house.sign_in, bearer.generation).await })
        })
        .collect();
    house.endpoint.arrival().await;
    house.endpoint.go();
    let mut newer = bearer.generation;
    for session in sessions {
        let fresh = session.await.unwrap().unwrap();
        assert_eq!(fresh.token.expose(), "new");
        newer = fresh.generation;
    }
    assert!(newer > bearer.generation);
    assert_eq!(house.endpoint.count(), 1);

    // The fresh one is refused as well: no further request, and others may still use it.
    for _ in 0..10 {
        let fault = house.keepers.refused(&house.sign_in, newer).await.unwrap_err();
        assert_eq!(fault.id, "fresh-token-refused");
    }
    assert_eq!(house.ask().await.unwrap(), "new");
    assert_eq!(house.endpoint.count(), 1);
    // Who still talks of the old one gets the new one.
    assert_eq!(house.keepers.refused(&house.sign_in, bearer.generation).await.unwrap().token.expose(), "new");
}

#[tokio::test]
async fn a_replacement_that_failed_is_told_as_what_it_was_and_not_as_one_that_was_refused() {
    let busy = "HTTP/1.1 429 Too Many\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n";
    let house = House::signed_in(vec![Play::Raw(busy.into())], 3600).await;
    let generation = house.keepers.bearer(&house.sign_in).await.unwrap().generation;
    for _ in 0..2 {
        let fault = house.keepers.refused(&house.sign_in, generation).await.unwrap_err();
        assert_eq!(fault.id, "token-endpoint-throttled");
    }
    assert_eq!(house.endpoint.count(), 1);
}

#[tokio::test]
async fn an_app_without_a_person_fetches_when_asked_and_not_before() {
    let app_only = |app: &mut crate::oauth::App| app.grant = Grant::ClientCredentials;
    let house = House::with(vec![], None, app_only).await;
    house.keepers.notice_store_change();
    while house.keepers.states()[0].phase == Phase::Starting {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.endpoint.count(), 0, "idle");
    assert_eq!(house.ask().await.unwrap(), "t1");
    assert_eq!(house.endpoint.asked()[0]["grant_type"], "client_credentials");
    assert_eq!(house.ask().await.unwrap(), "t1");
}

#[tokio::test]
async fn a_session_that_goes_away_leaves_no_trace_and_the_flight_goes_on() {
    let house = House::signed_in(vec![Play::Held(token("new", None))], 0).await;
    let gone = tokio::time::timeout(Duration::from_millis(1), house.keepers.bearer(&house.sign_in)).await;
    assert!(gone.is_err());
    house.endpoint.arrival().await;
    house.endpoint.go();
    assert_eq!(house.ask().await.unwrap(), "new");
    assert_eq!(house.endpoint.count(), 1);
}

#[tokio::test]
async fn after_a_logout_the_token_is_gone_also_against_a_refresh_in_flight() {
    let house = House::signed_in(vec![Play::Held(token("late", Some("r1")))], 0).await;
    house.endpoint.arrival().await;
    let logout = open(house.dir.path()).await;
    house.endpoint.then(Play::Json(200, "{}".into()));
    let forgotten = sign_in::forget(&logout, &super::endpoint::http(), &house.sign_in, &house.clock).await.unwrap();
    assert!(forgotten.had_tokens);
    assert!(matches!(forgotten.revoked, Some(Ok(()))));
    assert_eq!(house.endpoint.asked()[1]["token"], "r0");
    house.endpoint.go();
    assert_eq!(house.ask().await.unwrap_err(), "sign-in-missing");
    assert_eq!(house.stored_refresh().await, None);
}
