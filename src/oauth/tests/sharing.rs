//! Many sessions, one keeper, and somebody else who writes to the store or reads the configuration again meanwhile.

use std::{sync::Arc, time::Duration};

use super::endpoint::{House, PATIENCE, Play, http, open, set, token};
use crate::oauth::{AppCredential, Keepers, Phase, SignIn, sign_in};

/// What each of `number` sessions hears that ask at the same time.
async fn all_ask(house: &Arc<House>, number: usize) -> Vec<Result<String, &'static str>> {
    let sessions: Vec<_> = (0..number)
        .map(|_| {
            let house = house.clone();
            tokio::spawn(async move { house.ask().await })
        })
        .collect();
    let mut heard = Vec::new();
    for session in sessions {
        heard.push(session.await.unwrap());
    }
    heard
}

#[tokio::test]
async fn a_logout_counts_for_everybody_who_asks_after_it_returned() {
    let house = Arc::new(House::signed_in(vec![], 3600).await);
    assert_eq!(house.ask().await.unwrap(), "a0");
    let other = open(house.dir.path()).await;
    sign_in::forget(&other, &http(), &house.sign_in, &house.clock).await.unwrap();
    for heard in all_ask(&house, 100).await {
        assert_eq!(heard.unwrap_err(), "sign-in-missing");
    }
}

#[tokio::test]
async fn a_logout_that_the_watcher_saw_first_counts_as_well() {
    let house = House::signed_in(vec![], 3600).await;
    let generation = house.keepers.bearer(&house.sign_in).await.unwrap().generation;
    let other = open(house.dir.path()).await;
    other.delete_tokens(&house.sign_in.key()).await.unwrap();
    // What the watcher does once a second. The look is asked for and not taken yet: the keeper had no time to run.
    house.keepers.look_for_changes().await;
    assert_eq!(house.ask().await.unwrap_err(), "sign-in-missing");
    let replaced = house.keepers.refused(&house.sign_in, generation).await;
    assert_eq!(replaced.unwrap_err().id, "sign-in-missing");
}

/// On its one connection everybody else waits: the queue's 250, every token that is to be saved.
#[tokio::test]
async fn whoever_asks_for_a_token_and_then_does_something_else_does_not_keep_the_store_from_others() {
    let house = House::signed_in(vec![], 3600).await;
    let mut asks = Box::pin(house.ask());
    assert!(futures_util::poll!(asks.as_mut()).is_pending());
    let other = house.store.change_counter();
    tokio::time::timeout(PATIENCE, other).await.expect("the store answers").unwrap();
    assert_eq!(asks.await.unwrap(), "a0");
}

#[tokio::test]
async fn no_token_is_handed_out_while_a_change_cannot_be_read() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    let database = sqlx::SqlitePool::connect(&format!("sqlite://{}", house.store.path().display())).await.unwrap();
    sqlx::query("ALTER TABLE sign_in RENAME TO away").execute(&database).await.unwrap();
    assert_eq!(house.ask().await.unwrap_err(), "store-failing", "it may have been a logout");
    assert_eq!(house.keepers.states()[0].phase, Phase::Waiting);
    sqlx::query("ALTER TABLE away RENAME TO sign_in").execute(&database).await.unwrap();
    assert_eq!(house.ask().await.unwrap(), "a0");
    assert_eq!(house.endpoint.count(), 0);
}

#[tokio::test]
async fn a_new_sign_in_brings_a_new_generation_whatever_was_counted_before() {
    let house = House::signed_in(vec![], 3600).await;
    let first = house.keepers.bearer(&house.sign_in).await.unwrap();
    let other = open(house.dir.path()).await;
    sign_in::keep(&other, &house.sign_in, set("b0", "r9", 3600), &house.clock).await.unwrap();
    let newer = house.keepers.refused(&house.sign_in, first.generation).await.unwrap();
    assert_eq!(newer.token.expose(), "b0");
    assert!(newer.generation > first.generation);
    assert_eq!(house.endpoint.count(), 0);
}

#[tokio::test]
async fn sessions_that_wait_for_the_old_keepers_flight_lose_nothing_by_a_reload() {
    let house = Arc::new(House::signed_in(vec![Play::Held(token("new", Some("r1")))], 0).await);
    let waiting = house.clone();
    let waiting = tokio::spawn(async move { all_ask(&waiting, 50).await });
    house.endpoint.arrival().await;
    let mut app = (*house.sign_in.app).clone();
    app.credential = AppCredential::Secret("new".to_owned().into());
    let changed = Arc::new(SignIn { app: Arc::new(app), ..(*house.sign_in).clone() });
    house.keepers.apply(&[changed], &[]);
    let after = house.clone();
    let after = tokio::spawn(async move { all_ask(&after, 50).await });
    house.endpoint.go();
    for heard in waiting.await.unwrap().into_iter().chain(after.await.unwrap()) {
        assert_eq!(heard.unwrap(), "new");
    }
    assert_eq!(house.endpoint.count(), 1, "two writers at a time could both present a one-time token");
}

#[tokio::test]
async fn a_sign_in_that_is_taken_out_and_put_back_has_one_keeper_at_a_time() {
    let house = Arc::new(House::signed_in(vec![Play::Held(token("new", Some("r1")))], 0).await);
    let first = house.clone();
    let first = tokio::spawn(async move { all_ask(&first, 1).await });
    house.endpoint.arrival().await;
    house.keepers.apply(&[], &[]);
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    let second = house.clone();
    let second = tokio::spawn(async move { all_ask(&second, 1).await });
    house.endpoint.go();
    for heard in first.await.unwrap().into_iter().chain(second.await.unwrap()) {
        assert_eq!(heard.unwrap(), "new");
    }
    assert_eq!(house.endpoint.count(), 1, "two keepers at a time could both present a one-time token");
}

#[tokio::test]
async fn a_stop_waits_for_a_keeper_that_was_taken_out_before_its_answer_was_saved() {
    let house = Arc::new(House::signed_in(vec![Play::Held(token("new", Some("r1")))], 0).await);
    let waiting = house.clone();
    let waiting = tokio::spawn(async move { all_ask(&waiting, 1).await });
    house.endpoint.arrival().await;
    house.keepers.apply(&[], &[]);
    house.keepers.apply(&[], &[]);
    house.endpoint.go();
    house.keepers.stop().await;
    let row = house.store.token(&house.sign_in.key()).await.unwrap().row.unwrap();
    assert_eq!(row.refresh.unwrap().expose(), "r1", "the rotated token is saved");
    drop(waiting);
}

#[tokio::test]
async fn the_first_refreshes_after_a_start_are_spread_and_no_login_waits_for_that() {
    let house = House::signed_in(vec![Play::Json(200, token("new", None))], 0).await;
    house.keepers.stop().await;
    let before = house.endpoint.count();
    let far = Duration::from_secs(1_000_000_000);
    let keepers = Keepers::on_stage(house.store.clone(), http(), house.clock.clone(), far);
    // Thirty sign-ins, all expired.
    let people: Vec<_> =
        (0..30).map(|n| Arc::new(SignIn { identity: format!("p{n}"), ..(*house.sign_in).clone() })).collect();
    for person in &people {
        sign_in::keep(&house.store, person, set("old", "r0", 0), &house.clock).await.unwrap();
    }
    keepers.apply(&people, &[]);
    while keepers.states().iter().any(|state| state.phase == Phase::Starting) {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.endpoint.count(), before, "nobody waits for a token");
    for person in &people {
        keepers.bearer(person).await.unwrap();
    }
    assert_eq!(house.endpoint.count(), before + people.len());
}
