//! What the keepers owe where the store has changed, has not, cannot be written, or cannot even say so.

use std::{
    fs::File,
    io::Write,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use super::endpoint::{House, PATIENCE, Play, open, set, token};
use crate::{
    base::{Bearer, Fault},
    oauth::{Phase, sign_in},
};

/// The database and the two files that SQLite keeps beside it.
fn file(house: &House, suffix: &str) -> PathBuf {
    let mut path = house.store.path().as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Puts the time of the last write back: a stamp counts once the clock of the file system has gone on.
fn last_written(house: &House, at: SystemTime) {
    File::options().write(true).open(file(house, "-wal")).unwrap().set_modified(at).unwrap();
}

/// Nothing of the store can be read from now on. The files keep their lengths, as they are mapped into memory.
fn damage(house: &House) {
    for suffix in ["", "-wal", "-shm"] {
        let path = file(house, suffix);
        let length = path.metadata().unwrap().len() as usize;
        File::options().write(true).open(path).unwrap().write_all(&vec![b'x'; length]).unwrap();
    }
}

/// A session whose token was refused; its request is on the way when this returns.
async fn refused(house: &Arc<House>) -> tokio::task::JoinHandle<Result<Bearer, Fault>> {
    let generation = house.keepers.bearer(&house.sign_in).await.unwrap().generation;
    let session = house.clone();
    let session = tokio::spawn(async move { session.keepers.refused(&session.sign_in, generation).await });
    house.endpoint.arrival().await;
    session
}

async fn answer(session: tokio::task::JoinHandle<Result<Bearer, Fault>>) -> Result<String, &'static str> {
    let answer = tokio::time::timeout(PATIENCE, session).await.expect("an answer").unwrap();
    answer.map(|bearer| bearer.token.expose().to_owned()).map_err(|fault| fault.id)
}

#[tokio::test]
async fn a_store_that_nobody_wrote_to_is_read_neither_for_a_login_nor_for_a_fetch() {
    let house = House::signed_in(vec![], 3600).await;
    let long_ago = SystemTime::now() - Duration::from_secs(60);
    last_written(&house, long_ago);
    assert_eq!(house.ask().await.unwrap(), "a0");
    damage(&house);
    last_written(&house, long_ago);
    assert_eq!(house.ask().await.unwrap(), "a0");
    for (ahead, fresh) in [(4000, "t1"), (8000, "t2")] {
        house.clock.ahead.store(ahead, Ordering::SeqCst);
        assert_eq!(house.ask().await.unwrap(), fresh);
    }
}

#[tokio::test]
async fn a_logout_counts_also_where_the_last_write_is_long_ago() {
    let house = House::signed_in(vec![], 3600).await;
    let ago = |seconds| SystemTime::now() - Duration::from_secs(seconds);
    last_written(&house, ago(60));
    assert_eq!(house.ask().await.unwrap(), "a0");
    open(house.dir.path()).await.delete_tokens(&house.sign_in.key()).await.unwrap();
    last_written(&house, ago(30));
    assert_eq!(house.ask().await.unwrap_err(), "sign-in-missing");
}

#[tokio::test]
async fn no_token_is_handed_out_while_the_store_does_not_say_whether_it_changed() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    damage(&house);
    assert_eq!(house.ask().await.unwrap_err(), "store-failing", "it may have been a logout");
}

#[tokio::test]
async fn the_watcher_has_everybody_look_where_the_store_does_not_say_whether_it_changed() {
    let house = House::signed_in(vec![], 3600).await;
    assert_eq!(house.ask().await.unwrap(), "a0");
    damage(&house);
    let noticed = async {
        while house.keepers.states()[0].phase != Phase::Waiting {
            tokio::task::yield_now().await;
        }
    };
    let watched = async {
        tokio::select! {
            () = house.keepers.follow_store(Duration::from_millis(1)) => {}
            () = noticed => {}
        }
    };
    tokio::time::timeout(PATIENCE, watched).await.expect("noticed");
}

#[tokio::test]
async fn a_token_that_cannot_be_saved_serves_all_the_same_where_no_new_refresh_token_came_with_it() {
    let house = Arc::new(House::signed_in(vec![Play::Held(token("new", None))], 3600).await);
    let session = refused(&house).await;
    damage(&house);
    house.endpoint.go();
    assert_eq!(answer(session).await.unwrap(), "new");
}

#[tokio::test]
async fn whoever_waits_while_another_process_signs_in_or_out_hears_that_and_nothing_more_is_asked() {
    for (signs_in, heard) in [(true, Ok("fresh".to_owned())), (false, Err("sign-in-missing"))] {
        let house = Arc::new(House::signed_in(vec![Play::Held(token("late", Some("r1")))], 3600).await);
        let session = refused(&house).await;
        let other = open(house.dir.path()).await;
        if signs_in {
            sign_in::keep(&other, &house.sign_in, set("fresh", "r9", 3600), &house.clock).await.unwrap();
        } else {
            other.delete_tokens(&house.sign_in.key()).await.unwrap();
        }
        house.endpoint.go();
        assert_eq!(answer(session).await, heard);
        assert_eq!(house.endpoint.count(), 1);
    }
}
