//! What the keeper does with nobody asking, and what it must not.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::endpoint::{House, PATIENCE, Play, http, open, refusal, set, token};
use crate::{
    oauth::{App, Grant, Keepers, Phase, SignIn, sign_in},
    store::MAIL,
};

const DAY: u64 = 24 * 3600;

/// Until the keeper has looked at everything once more. Asks for no token that there is not.
async fn looked(house: &House) {
    house.keepers.notice_store_change();
    let held = house.keepers.refused(&house.sign_in, 0);
    tokio::time::timeout(PATIENCE, held).await.expect("an answer").unwrap();
}

#[tokio::test]
async fn a_refresh_token_is_used_before_it_dies_of_disuse_however_long_its_access_token_lives() {
    for (idle_life, days, asked) in [(None, 6, 0), (None, 8, 1), (Some(8 * DAY), 1, 0), (Some(8 * DAY), 3, 1)] {
        let idle_life = idle_life.map(Duration::from_secs);
        let house = House::with(vec![], Some(100 * DAY), |app| app.refresh_idle_life = idle_life).await;
        assert_eq!(house.ask().await.unwrap(), "a0");
        house.clock.ahead.store(days * DAY, Ordering::SeqCst);
        looked(&house).await;
        assert_eq!(house.endpoint.count(), asked, "{idle_life:?}, {days} days");
    }
}

#[tokio::test]
async fn an_app_without_a_person_keeps_its_token_fresh_only_while_somebody_uses_it() {
    let house = House::with(vec![], None, |app: &mut App| app.grant = Grant::ClientCredentials).await;
    assert_eq!(house.ask().await.unwrap(), "t1");
    assert_eq!(house.ask().await.unwrap(), "t1");
    looked(&house).await;
    assert_eq!(house.endpoint.count(), 1, "fresh");
    house.clock.ahead.store(3100, Ordering::SeqCst);
    looked(&house).await;
    assert_eq!(house.endpoint.count(), 2, "used since it was fetched");
    house.clock.ahead.store(6200, Ordering::SeqCst);
    looked(&house).await;
    assert_eq!(house.endpoint.count(), 2, "nobody used the second one");
}

#[tokio::test]
async fn a_refused_token_that_ended_meanwhile_is_replaced_also_where_nobody_else_wants_one() {
    let house = House::with(vec![], None, |app: &mut App| app.grant = Grant::ClientCredentials).await;
    let generation = house.keepers.bearer(&house.sign_in).await.unwrap().generation;
    house.clock.ahead.store(4000, Ordering::SeqCst);
    let newer = house.keepers.refused(&house.sign_in, generation);
    let newer = tokio::time::timeout(PATIENCE, newer).await.expect("an answer").unwrap();
    assert_eq!(newer.token.expose(), "t2");
}

#[tokio::test]
async fn a_token_that_worked_and_is_refused_later_is_replaced_again() {
    let house = House::signed_in(vec![], 3600).await;
    let mut generation = house.keepers.bearer(&house.sign_in).await.unwrap().generation;
    for fresh in ["t1", "t2"] {
        let bearer = house.keepers.refused(&house.sign_in, generation).await.unwrap();
        assert_eq!(bearer.token.expose(), fresh);
        generation = bearer.generation;
        house.keepers.accepted(&house.sign_in, generation);
    }
}

#[tokio::test]
async fn a_fault_that_passes_is_not_remembered_over_a_restart() {
    let answer = "HTTP/1.1 429 Too Many\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n";
    let house = House::signed_in(vec![Play::Raw(answer.into())], 0).await;
    assert_eq!(house.ask().await.unwrap_err(), "token-endpoint-throttled");
    house.keepers.stop().await;
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    assert_eq!(house.ask().await.unwrap(), "t2");
}

#[tokio::test]
async fn what_the_keeper_wrote_itself_is_no_news_to_it() {
    let house = House::signed_in(vec![Play::Json(200, token("new", Some("r1")))], 0).await;
    assert_eq!(house.ask().await.unwrap(), "new");
    let generation = house.keepers.states()[0].generation;
    let other = SignIn { identity: "bob@contoso.example".into(), ..(*house.sign_in).clone() };
    sign_in::keep(&open(house.dir.path()).await, &other, set("b", "r", 3600), &house.clock).await.unwrap();
    looked(&house).await;
    assert_eq!(house.keepers.states()[0].generation, generation);
}

#[tokio::test]
async fn a_failure_that_the_keeper_wrote_itself_is_no_news_to_it() {
    let house = House::signed_in(vec![refusal("invalid_grant", 50_173)], 0).await;
    for _ in 0..2 {
        assert_eq!(house.ask().await.unwrap_err(), "sign-in-revoked", "also after one more look");
        assert_eq!(house.keepers.states()[0].generation, 1);
    }
}

#[tokio::test]
async fn a_new_sign_in_that_counted_less_is_still_newer() {
    let house = House::signed_in(vec![], 3600).await;
    let first = house.keepers.bearer(&house.sign_in).await.unwrap();
    let (key, other) = (house.sign_in.key(), open(house.dir.path()).await);
    let found = other.token(&key).await.unwrap();
    let mut row = found.row.unwrap();
    row.access.get_mut(MAIL).unwrap().generation = 0;
    assert!(other.save_token(&key, found.version, &row).await.unwrap());
    assert!(house.keepers.refused(&house.sign_in, first.generation).await.unwrap().generation > first.generation);
    assert_eq!(house.endpoint.count(), 0);
}

#[tokio::test]
async fn a_stored_token_that_counts_from_nought_is_not_taken_for_a_refused_one() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    house.keepers.stop().await;
    let (key, found) = (house.sign_in.key(), house.store.token(&house.sign_in.key()).await.unwrap());
    let mut row = found.row.unwrap();
    row.access.get_mut(MAIL).unwrap().generation = 0;
    assert!(house.store.save_token(&key, found.version, &row).await.unwrap());
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    assert_eq!(house.ask().await.unwrap(), "a0");
    assert_eq!(house.endpoint.count(), 0);
}

#[tokio::test]
async fn a_passing_fault_is_shown_as_ready_while_the_token_lasts() {
    let answer = "HTTP/1.1 429 Too Many\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n";
    let house = House::signed_in(vec![Play::Raw(answer.into())], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    house.clock.ahead.store(3100, Ordering::SeqCst);
    looked(&house).await;
    let state = house.keepers.states().remove(0);
    assert_eq!((state.phase, state.fault.unwrap().id), (Phase::Ready, "token-endpoint-throttled"));
}

#[tokio::test]
async fn the_state_tells_when_somebody_signed_in_and_how_long_that_lasts_unused() {
    let house = House::signed_in(vec![], 3600).await;
    looked(&house).await;
    let state = house.keepers.states().remove(0);
    let seconds = |time: Option<jiff::Timestamp>| time.unwrap().as_second();
    assert_eq!(seconds(state.idle_until) - seconds(state.last_refresh), 90 * DAY as i64);
    assert_eq!(seconds(state.token_expires_at) - seconds(state.last_refresh), 3600);
    assert_eq!(house.keepers.signed_in_at(&house.sign_in), state.signed_in_at);
    assert!(seconds(state.signed_in_at) > 0);
}

#[tokio::test]
async fn who_is_not_signed_in_is_shown_so_before_the_first_refreshes_begin() {
    let house = House::with(vec![], None, |_| {}).await;
    house.keepers.stop().await;
    let far = Duration::from_secs(1_000_000_000);
    let keepers = Keepers::on_stage(house.store.clone(), http(), house.clock.clone(), far);
    keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    while keepers.states()[0].phase == Phase::Starting {
        tokio::task::yield_now().await;
    }
    assert_eq!(keepers.states()[0].phase, Phase::SignInNeeded);
}

#[tokio::test]
async fn the_watcher_tells_of_a_logout_with_nobody_asking() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    let keepers = house.keepers.clone();
    let watcher = tokio::spawn(async move { keepers.follow_store(Duration::from_millis(1)).await });
    open(house.dir.path()).await.delete_tokens(&house.sign_in.key()).await.unwrap();
    while house.keepers.states()[0].phase != Phase::SignInNeeded {
        tokio::task::yield_now().await;
    }
    watcher.abort();
}

#[tokio::test]
async fn keepers_that_are_dropped_leave_no_task_behind() {
    let House { store, keepers, endpoint: _endpoint, dir: _dir, .. } = House::signed_in(vec![], 3600).await;
    drop(keepers);
    while Arc::strong_count(&store) > 1 {
        tokio::task::yield_now().await;
    }
}
