//! Rotated refresh tokens: saved before use, and what a crash or a lost answer costs.

use super::endpoint::{House, Play, refusal, token};
use crate::oauth::Rotation;

fn one_time(app: &mut crate::oauth::App) {
    app.rotation = Rotation::OneTime;
}

#[tokio::test]
async fn a_rotated_token_is_on_disk_before_anybody_gets_what_came_with_it() {
    let house = House::signed_in(vec![Play::Json(200, token("new", Some("r1")))], 0).await;
    assert_eq!(house.ask().await.unwrap(), "new");
    let row = house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap();
    assert_eq!(row.refresh.unwrap().expose(), "r1");
    assert_eq!(row.predecessor.unwrap().expose(), "r0", "the provider leaves it valid, so a copy is kept");
}

#[tokio::test]
async fn an_omitted_refresh_token_means_the_old_one_stays() {
    let house = House::signed_in(vec![Play::Json(200, token("new", None))], 0).await;
    assert_eq!(house.ask().await.unwrap(), "new");
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r0"));
}

#[tokio::test]
async fn a_kill_between_the_answer_and_the_disk_keeps_the_old_token() {
    let house = House::signed_in(vec![Play::Held(token("lost", Some("r1")))], 0).await;
    house.endpoint.arrival().await;
    // What a kill leaves is what is on disk now.
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r0"));
}

#[tokio::test]
async fn a_refused_successor_falls_back_on_its_predecessor_where_that_stays_valid() {
    let script = vec![
        Play::Json(200, r#"{"access_token":"short","expires_in":60,"refresh_token":"r1"}"#.into()),
        refusal("invalid_grant", 70_000),
        Play::Json(200, token("rescued", Some("r2"))),
    ];
    let house = House::signed_in(script, 0).await;
    assert_eq!(house.ask().await.unwrap(), "short");
    house.clock.ahead.store(100, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(house.ask().await.unwrap(), "rescued");
    let sent: Vec<_> = house.endpoint.asked().iter().map(|form| form["refresh_token"].clone()).collect();
    assert_eq!(sent, ["r0", "r1", "r0"]);
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r2"));
}

#[tokio::test]
async fn a_one_time_predecessor_is_neither_kept_nor_presented() {
    let script = vec![
        Play::Json(200, r#"{"access_token":"short","expires_in":60,"refresh_token":"r1"}"#.into()),
        refusal("invalid_grant", 70_000),
    ];
    let house = House::with(script, Some(0), one_time).await;
    assert_eq!(house.ask().await.unwrap(), "short");
    let row = house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap();
    assert!(row.predecessor.is_none());
    house.clock.ahead.store(100, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(house.ask().await.unwrap_err(), "sign-in-expired");
    assert_eq!(house.endpoint.count(), 2);
}

#[tokio::test]
async fn stopping_waits_for_a_flight_so_that_no_rotated_token_is_lost() {
    let house = House::with(vec![Play::Held(token("new", Some("r1")))], Some(0), one_time).await;
    house.endpoint.arrival().await;
    let stopping = house.keepers.stop();
    house.endpoint.go();
    stopping.await;
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r1"));
}

#[tokio::test]
async fn a_keeper_that_is_to_stop_sends_nothing_more() {
    let house = House::with(vec![Play::Json(503, "busy".into())], Some(0), one_time).await;
    house.endpoint.arrival().await;
    house.keepers.stop().await;
    assert_eq!(house.endpoint.count(), 1);
}

#[tokio::test]
async fn a_policy_in_the_way_is_no_reason_to_try_the_predecessor() {
    let script = vec![
        Play::Json(200, r#"{"access_token":"short","expires_in":60,"refresh_token":"r1"}"#.into()),
        refusal("invalid_grant", 50_076),
    ];
    let house = House::signed_in(script, 0).await;
    assert_eq!(house.ask().await.unwrap(), "short");
    house.clock.ahead.store(100, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(house.ask().await.unwrap_err(), "mfa-required");
    assert_eq!(house.endpoint.count(), 2);
}

#[tokio::test]
async fn a_stop_saves_a_rotated_token_that_the_store_did_not_take_before() {
    let house = House::with(vec![Play::Held(token("new", Some("r1")))], Some(0), one_time).await;
    house.endpoint.arrival().await;
    let database = sqlx::SqlitePool::connect(&format!("sqlite://{}", house.store.path().display())).await.unwrap();
    sqlx::query("ALTER TABLE sign_in RENAME TO away").execute(&database).await.unwrap();
    house.endpoint.go();
    assert_eq!(house.ask().await.unwrap_err(), "store-failing");
    sqlx::query("ALTER TABLE away RENAME TO sign_in").execute(&database).await.unwrap();
    house.keepers.stop().await;
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r1"));
}

#[tokio::test]
async fn a_rotated_token_that_cannot_be_saved_is_kept_and_saved_before_anything_else_is_tried() {
    let house = House::with(vec![Play::Held(token("new", Some("r1")))], Some(0), one_time).await;
    house.endpoint.arrival().await;
    let database = sqlx::SqlitePool::connect(&format!("sqlite://{}", house.store.path().display())).await.unwrap();
    sqlx::query("ALTER TABLE sign_in RENAME TO away").execute(&database).await.unwrap();
    house.endpoint.go();
    assert_eq!(house.ask().await.unwrap_err(), "store-failing", "not handed out before it is safe");
    sqlx::query("ALTER TABLE away RENAME TO sign_in").execute(&database).await.unwrap();
    while house.ask().await != Ok("new".to_owned()) {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r1"));
    assert_eq!(house.endpoint.count(), 1, "a one-time token was presented once");
}
