use std::{
    future::pending,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use tokio::task::JoinHandle;

use super::*;

const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

fn stranger(n: u8) -> [u8; 4] {
    [192, 0, 2, n]
}

fn peer(from: [u8; 4]) -> Peer {
    Peer::direct(SocketAddr::from((from, 40_000)))
}

/// A deadline that is far away.
fn late() -> Instant {
    Instant::now() + Duration::from_secs(300)
}

async fn nothing() -> Result<Option<()>, Refusal> {
    Ok(None)
}

/// A password that was never tried before.
fn new() -> Tried {
    static TRIED: AtomicUsize = AtomicUsize::new(0);
    let mut tried = Tried::default();
    tried[..8].copy_from_slice(&TRIED.fetch_add(1, Ordering::Relaxed).to_ne_bytes());
    tried
}

/// One attempt with a right or a wrong password: how many seconds it took, and the answer.
async fn attempt(guesses: &Guesses, from: [u8; 4], right: bool) -> (u64, Result<(), Refusal>) {
    attempt_with(guesses, from, new(), right).await
}

async fn attempt_with(guesses: &Guesses, from: [u8; 4], tried: Tried, right: bool) -> (u64, Result<(), Refusal>) {
    let start = Instant::now();
    let check = async || Ok(right.then_some(()));
    let answer = guesses.attempt(peer(from), tried, late(), nothing, check).await;
    (start.elapsed().as_secs(), answer)
}

fn spawn(guesses: &Arc<Guesses>, from: [u8; 4], right: bool) -> JoinHandle<(u64, Result<(), Refusal>)> {
    let guesses = guesses.clone();
    tokio::spawn(async move { attempt(&guesses, from, right).await })
}

/// Takes the turn of a source and keeps it until the task is aborted.
async fn hold(guesses: &Arc<Guesses>, from: [u8; 4]) -> JoinHandle<Result<(), Refusal>> {
    let guesses = guesses.clone();
    let held = tokio::spawn(async move { guesses.attempt(peer(from), new(), late(), nothing, pending).await });
    tokio::task::yield_now().await;
    held
}

/// Until everybody who was spawned waits for something.
async fn settled() {
    for _ in 0..LOCAL_CAP {
        tokio::task::yield_now().await;
    }
}

async fn all(attempts: Vec<JoinHandle<(u64, Result<(), Refusal>)>>) -> Vec<(u64, Result<(), Refusal>)> {
    let mut answers = Vec::new();
    for attempt in attempts {
        answers.push(attempt.await.unwrap());
    }
    answers.sort_by_key(|(wait, _)| *wait);
    answers
}

#[tokio::test(start_paused = true)]
async fn failures_of_one_source_are_answered_two_seconds_apart_over_any_number_of_connections() {
    let guesses = Arc::new(Guesses::default());
    let answers = all((0..4).map(|_| spawn(&guesses, stranger(1), false)).collect()).await;
    assert_eq!(answers, [0, 2, 4, 6].map(|wait| (wait, Err(Refusal::Wrong))));
    assert_eq!(attempt(&guesses, stranger(2), false).await.0, 0, "another address waits for nobody");
}

#[tokio::test(start_paused = true)]
async fn right_passwords_pass_the_turn_on_at_once() {
    let guesses = Guesses::default();
    for _ in 0..100 {
        assert_eq!(attempt(&guesses, stranger(1), true).await, (0, Ok(())));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_neither_waits_nor_is_checked() {
    let guesses = Arc::new(Guesses::default());
    let _held = hold(&guesses, stranger(1)).await;
    let remembered = async || Ok::<_, Refusal>(Some(()));
    assert_eq!(guesses.attempt(peer(stranger(1)), new(), late(), remembered, pending).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_waited_for_twenty_seconds_and_then_it_is_too_many_guesses() {
    let guesses = Arc::new(Guesses::default());
    let held = hold(&guesses, stranger(1)).await;
    assert_eq!(attempt(&guesses, stranger(1), true).await, (20, Err(Refusal::TooManyGuesses)));
    held.abort();
    assert_eq!(attempt(&guesses, stranger(1), true).await, (2, Ok(())), "given up costs a pause, and it empties");
}

#[tokio::test(start_paused = true)]
async fn an_owner_who_comes_back_passes_by_fifty_connections_that_guess_without_end() {
    let guesses = Arc::new(Guesses::default());
    let guessers: Vec<_> = (0..50)
        .map(|_| {
            let guesses = guesses.clone();
            tokio::spawn(async move {
                loop {
                    attempt(&guesses, stranger(1), false).await.1.unwrap_err();
                }
            })
        })
        .collect();
    settled().await;
    let owner = new();
    assert_eq!(attempt_with(&guesses, stranger(1), owner, true).await, (20, Err(Refusal::TooManyGuesses)));
    let (wait, answer) = attempt_with(&guesses, stranger(1), owner, true).await;
    assert_eq!((wait <= 4, answer), (true, Ok(())), "waited {wait} s");
    guessers.iter().for_each(JoinHandle::abort);
}

/// Mail programs with an old password behind one address: each tries its own one for ever.
#[tokio::test(start_paused = true)]
async fn an_owner_passes_by_fifty_connections_that_repeat_their_wrong_passwords() {
    let guesses = Arc::new(Guesses::default());
    let programs: Vec<_> = (0..50)
        .map(|_| {
            let (guesses, old) = (guesses.clone(), new());
            tokio::spawn(async move {
                loop {
                    attempt_with(&guesses, stranger(1), old, false).await.1.unwrap_err();
                }
            })
        })
        .collect();
    // By then each has heard once that its password is wrong.
    tokio::time::sleep(Duration::from_secs(180)).await;
    let (start, owner) = (Instant::now(), new());
    while attempt_with(&guesses, stranger(1), owner, true).await.1.is_err() {}
    assert!(start.elapsed() <= Duration::from_secs(30), "{:?}", start.elapsed());
    programs.iter().for_each(JoinHandle::abort);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_gives_up_or_has_to_make_room_keeps_its_place_however_shortly_it_waited() {
    let guesses = Arc::new(Guesses::default());
    let _held = hold(&guesses, stranger(1)).await;
    for millis in [1, 1_000, 10_000] {
        let tried = new();
        let waits = attempt_with(&guesses, stranger(1), tried, true);
        assert!(timeout(Duration::from_millis(millis), waits).await.is_err());
        assert!(guesses.in_vain.take(&(stranger(1).into(), tried)), "after {millis} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_is_let_in_within_a_minute_where_a_guesser_at_the_same_address_has_every_connection_evicted() {
    let guesses = Arc::new(Guesses::default());
    // A hundred places for one address, 65 connections a second: each has to go after a second and a half.
    let (every, stays) = (Duration::from_millis(1000 / 65), Duration::from_millis(1_500));
    let flood = {
        let guesses = guesses.clone();
        tokio::spawn(async move {
            loop {
                let guesses = guesses.clone();
                tokio::spawn(async move { timeout(stays, attempt_with(&guesses, stranger(1), new(), false)).await });
                tokio::time::sleep(every).await;
            }
        })
    };
    tokio::time::sleep(Duration::from_secs(30)).await;
    let (start, owner) = (Instant::now(), new());
    while !timeout(stays, attempt_with(&guesses, stranger(1), owner, true))
        .await
        .is_ok_and(|(_, answer)| answer.is_ok())
    {
        assert!(start.elapsed() < Duration::from_secs(60), "locked out");
    }
    flood.abort();
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_turn_leaves_half_of_the_time_for_the_sign_on() {
    let guesses = Arc::new(Guesses::default());
    let _held = hold(&guesses, stranger(1)).await;
    let start = Instant::now();
    let soon = start + Duration::from_secs(12);
    let answer = guesses.attempt(peer(stranger(1)), new(), soon, nothing, nothing).await;
    assert_eq!((answer, start.elapsed().as_secs()), (Err(Refusal::TooManyGuesses), 6));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_takes_too_long_ends_at_the_deadline_as_busy() {
    let guesses = Guesses::default();
    let soon = Instant::now() + Duration::from_secs(12);
    assert_eq!(guesses.attempt::<(), _, _, _>(peer(LOOPBACK), new(), soon, nothing, pending).await, Err(Refusal::Busy));
    assert_eq!(Instant::now(), soon);
}

#[tokio::test(start_paused = true)]
async fn a_stranger_cannot_fill_the_memory_with_waiting_attempts() {
    let guesses = Arc::new(Guesses::default());
    let _held = hold(&guesses, stranger(1)).await;
    let waiting: Vec<_> = (0..QUEUE_CAP).map(|_| spawn(&guesses, stranger(1), false)).collect();
    settled().await;
    assert!(waiting.iter().all(|attempt| !attempt.is_finished()), "up to the cap they wait");
    assert_eq!(attempt(&guesses, stranger(1), true).await, (0, Err(Refusal::TooManyGuesses)));
}

#[tokio::test(start_paused = true)]
async fn on_loopback_a_right_password_is_let_in_behind_hundreds_of_wrong_ones_within_twenty_seconds() {
    let guesses = Arc::new(Guesses::default());
    let wrong: Vec<_> = (0..2 * QUEUE_CAP).map(|_| spawn(&guesses, LOOPBACK, false)).collect();
    settled().await;
    assert_eq!(attempt(&guesses, LOOPBACK, true).await, (20, Ok(())));
    let answers = all(wrong).await;
    let told = answers.iter().filter(|(_, answer)| *answer == Err(Refusal::Wrong)).count();
    assert!((10..=11).contains(&told), "one in two seconds is told that it was wrong: {told} in 20 s");
    let open = answers.iter().filter(|answer| **answer == (20, Err(Refusal::TooManyGuesses))).count();
    assert_eq!(told + open, answers.len());
}

#[tokio::test(start_paused = true)]
async fn overdue_attempts_are_checked_one_behind_another() {
    let guesses = Arc::new(Guesses::default());
    let _held = hold(&guesses, LOOPBACK).await;
    let at_once = Arc::new(AtomicUsize::new(0));
    let overdue: Vec<_> = (0..5)
        .map(|_| {
            let (guesses, at_once) = (guesses.clone(), at_once.clone());
            tokio::spawn(async move {
                let check = async || {
                    assert_eq!(at_once.fetch_add(1, Ordering::Relaxed), 0);
                    tokio::time::sleep(Duration::from_millis(30)).await;
                    at_once.fetch_sub(1, Ordering::Relaxed);
                    Ok::<_, Refusal>(Some(()))
                };
                guesses.attempt(peer(LOOPBACK), new(), late(), nothing, check).await
            })
        })
        .collect();
    for attempt in overdue {
        assert_eq!(attempt.await.unwrap(), Ok(()));
    }
}

#[tokio::test(start_paused = true)]
async fn attempts_of_this_machine_have_a_bound_over_all_its_addresses_and_it_frees_itself() {
    let guesses = Arc::new(Guesses::default());
    // One of each address has its turn and is answered at once.
    let waiting: Vec<_> =
        (0..LOCAL_CAP + 100).map(|n| spawn(&guesses, [127, 0, 0, (n % 100) as u8 + 1], false)).collect();
    settled().await;
    assert_eq!(guesses.local.available_permits(), 0);
    assert_eq!(attempt(&guesses, [127, 0, 2, 1], true).await, (0, Err(Refusal::Busy)));
    all(waiting).await;
    assert_eq!(attempt(&guesses, [127, 0, 2, 1], true).await, (0, Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_a_proxy_names_is_not_this_machine() {
    let guesses = Arc::new(Guesses::default());
    let _held = hold(&guesses, LOOPBACK).await;
    let named = Peer { told: true, ..peer(LOOPBACK) };
    let answer = guesses.attempt(named, new(), late(), nothing, async || Ok(Some(()))).await;
    assert_eq!(answer, Err(Refusal::TooManyGuesses));
}

#[tokio::test(start_paused = true)]
async fn sources_are_remembered_up_to_a_hard_cap_and_this_machine_is_let_in_all_the_same() {
    let guesses = Guesses::default();
    let owing = Instant::now() + SPACING;
    guesses.lanes.lock().unwrap().extend(
        (0..SOURCES_CAP as u32).map(|n| (IpAddr::from((0x0a00_0000 + n).to_be_bytes()), Arc::new(Lane::new(owing)))),
    );
    assert_eq!(attempt(&guesses, stranger(1), true).await, (0, Err(Refusal::Busy)));
    assert_eq!(attempt(&guesses, [10, 0, 0, 1], true).await, (2, Ok(())), "one that is remembered has its turns");
    assert_eq!(guesses.lanes.lock().unwrap().len(), SOURCES_CAP);
    assert_eq!(attempt(&guesses, stranger(1), true).await, (0, Ok(())), "those that owe nothing made room");
    assert!(guesses.lanes.lock().unwrap().len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn making_room_gives_no_second_turn_to_a_source_whose_attempt_is_under_way() {
    let guesses = Arc::new(Guesses::default());
    let _held = hold(&guesses, stranger(1)).await;
    let now = Instant::now();
    guesses.lanes.lock().unwrap().extend(
        (0..SOURCES_CAP as u32).map(|n| (IpAddr::from((0x0a00_0000 + n).to_be_bytes()), Arc::new(Lane::new(now)))),
    );
    assert_eq!(attempt(&guesses, stranger(2), true).await, (0, Ok(())));
    assert_eq!(attempt(&guesses, stranger(1), true).await, (20, Err(Refusal::TooManyGuesses)));
}

#[test]
fn an_ipv6_source_is_its_network() {
    let source = |text: &str| client_network(text.parse().unwrap());
    assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
    assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
}
