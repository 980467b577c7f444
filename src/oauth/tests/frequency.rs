//! A policy that ends every sign-in after a set time: learned from the first time on, and known ahead.

use std::{sync::atomic::Ordering, time::Duration};

use super::endpoint::{House, open, refusal, set};
use crate::oauth::{Phase, SignInState, sign_in};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// The clock stands `hours` and some minutes behind the start; a session asks.
async fn asked_at(house: &House, seconds: u64) -> Result<String, &'static str> {
    house.clock.ahead.store(seconds, Ordering::SeqCst);
    house.ask().await
}

/// A person signs in, in another process.
async fn signed_in_at(house: &House, seconds: u64) {
    house.clock.ahead.store(seconds, Ordering::SeqCst);
    let set = set(&format!("signed-in-{seconds}"), "r", 3600);
    sign_in::keep(&open(house.dir.path()).await, &house.sign_in, set, &house.clock).await.unwrap();
    assert!(house.ask().await.is_ok());
}

fn state(house: &House) -> SignInState {
    house.keepers.states().remove(0)
}

/// In days from the start to the end that is foreseen. The wall clock goes on while the test runs: to a quarter of an hour.
fn foreseen(state: &SignInState, start: i64) -> Option<f64> {
    const QUARTER: i64 = 900;
    let quarters = (state.policy_ends_at?.as_second() - start + QUARTER / 2) / QUARTER;
    Some((quarters * QUARTER) as f64 / DAY as f64)
}

#[tokio::test]
async fn a_sign_in_frequency_is_learned_from_what_it_did_and_the_next_end_is_known_also_after_a_restart() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    let start = state(&house).signed_in_at.unwrap().as_second();
    assert_eq!(foreseen(&state(&house), start), None, "nobody knows of a policy");
    // Week by week: it works until shortly before, and is refused shortly behind.
    for (week, code) in [(0, 70_043), (1, 70_044)] {
        let began = week * 8 * DAY;
        asked_at(&house, began + 7 * DAY - 1800).await.unwrap();
        house.endpoint.then(refusal("invalid_grant", code));
        assert_eq!(asked_at(&house, began + 7 * DAY + 2700).await.unwrap_err(), "sign-in-frequency");
        assert_eq!((state(&house).phase, state(&house).policy_ends_at), (Phase::SignInNeeded, None));
        signed_in_at(&house, began + 8 * DAY).await;
        let now = state(&house);
        assert_eq!((now.policy_seen as u64, now.policy_period), (week + 1, Some(7 * DAY)));
        assert_eq!(foreseen(&now, start), Some((began / DAY + 15) as f64));
    }
    house.keepers.stop().await;
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    assert!(house.ask().await.is_ok());
    assert_eq!(foreseen(&state(&house), start), Some(23.0));
    assert_eq!(state(&house).next_sign_in(), state(&house).policy_ends_at, "long before it dies of disuse");
}

#[tokio::test]
async fn a_policy_that_does_not_strike_again_is_foreseen_no_more() {
    let house = House::signed_in(vec![], 3600).await;
    asked_at(&house, 11 * HOUR + 1800).await.unwrap();
    house.endpoint.then(refusal("invalid_grant", 70_043));
    asked_at(&house, 12 * HOUR + 2700).await.unwrap_err();
    signed_in_at(&house, 20 * HOUR).await;
    assert_eq!(state(&house).policy_period, Some(12 * HOUR));
    asked_at(&house, 32 * HOUR + 600).await.unwrap();
    assert_eq!(state(&house).policy_period, Some(12 * HOUR), "providers are not exact");
    asked_at(&house, 36 * HOUR).await.unwrap();
    assert_eq!(state(&house).policy_ends_at, None, "an administrator exempted the account");
    signed_in_at(&house, 40 * HOUR).await;
    assert_eq!(state(&house).policy_ends_at, None);
}

#[tokio::test]
async fn whoever_asks_is_told_of_every_change_of_how_a_sign_in_stands_and_of_nothing_else() {
    let house = House::signed_in(vec![], 3600).await;
    house.ask().await.unwrap();
    let mut changes = house.keepers.changes();
    changes.mark_unchanged();
    asked_at(&house, 4000).await.unwrap();
    assert!(!changes.has_changed().unwrap(), "a token was fetched, which is nobody's business");
    house.endpoint.then(refusal("invalid_grant", 50_173));
    asked_at(&house, 8000).await.unwrap_err();
    tokio::time::timeout(Duration::from_secs(5), changes.changed()).await.expect("a change").unwrap();
    for _ in 0..20 {
        house.ask().await.unwrap_err();
    }
    assert!(!changes.has_changed().unwrap(), "it stands as it stood");
    signed_in_at(&house, 9000).await;
    assert!(changes.has_changed().unwrap());
}
