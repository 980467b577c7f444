//! What the store owes: nothing lost, nothing readable, and the later of two writers told so.

use std::{fs, path::Path, time::Duration, time::SystemTime};

use super::*;
use crate::base::Secret;

mod origin;
mod queue;

fn settings(dir: &Path) -> Settings {
    Settings {
        url: format!("sqlite://{}/state/gatepost.db", dir.display()),
        key_file: dir.join("state/key"),
        key: None,
    }
}

fn row(refresh: &str) -> TokenRow {
    TokenRow { refresh: Some(Secret::new(refresh)), ..TokenRow::default() }
}

async fn refresh_of(store: &Store, key: &str) -> Option<String> {
    let row = store.token(key).await.unwrap().row?;
    row.refresh.map(|secret| secret.expose().to_owned())
}

#[tokio::test]
async fn a_saved_token_is_there_after_a_restart_and_nowhere_readable() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    assert!(store.save_token("app/ann", 0, &row("refresh-token-0123456789")).await.unwrap());
    drop(store);
    let store = Store::open(&settings(dir.path())).await.unwrap();
    assert_eq!(refresh_of(&store, "app/ann").await.as_deref(), Some("refresh-token-0123456789"));
    for entry in fs::read_dir(dir.path().join("state")).unwrap() {
        let path = entry.unwrap().path();
        let content = fs::read(&path).unwrap();
        assert!(!content.windows(24).any(|part| part == b"refresh-token-0123456789"), "plain in {path:?}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{path:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_that_meet_on_a_fresh_store_all_open_it() {
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let openings: Vec<_> = (0..8)
            .map(|_| {
                let settings = settings.clone();
                tokio::spawn(async move { Store::open(&settings).await })
            })
            .collect();
        let mut stores = Vec::new();
        for opening in openings {
            stores.push(opening.await.unwrap().unwrap());
        }
        assert!(stores[0].save_token("k", 0, &row("a")).await.unwrap());
        for store in &stores {
            assert_eq!(refresh_of(store, "k").await.as_deref(), Some("a"), "one database, one key");
        }
    }
}

#[tokio::test]
async fn of_two_processes_that_save_the_same_version_one_is_told_to_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let daemon = Store::open(&settings(dir.path())).await.unwrap();
    let login = Store::open(&settings(dir.path())).await.unwrap();
    assert!(daemon.save_token("k", 0, &row("a")).await.unwrap());
    let before = daemon.change_counter().await.unwrap();
    assert!(login.save_token("k", 1, &row("login")).await.unwrap());
    assert_ne!(daemon.change_counter().await.unwrap(), before, "the daemon notices");
    assert!(!daemon.save_token("k", 1, &row("daemon")).await.unwrap());
    assert!(!daemon.save_token("k", 0, &row("daemon")).await.unwrap());
    assert_eq!(refresh_of(&daemon, "k").await.as_deref(), Some("login"));
    let own = daemon.change_counter().await.unwrap();
    assert!(daemon.save_token("k", 2, &row("daemon")).await.unwrap());
    assert_eq!(daemon.change_counter().await.unwrap(), own, "one's own writes do not count");
}

#[tokio::test]
async fn after_a_logout_a_refresh_in_flight_cannot_bring_the_token_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    assert!(store.save_token("k", 0, &row("old")).await.unwrap());
    let in_flight = store.token("k").await.unwrap();
    assert!(store.delete_tokens("k").await.unwrap().had_tokens);
    assert!(!store.save_token("k", in_flight.version, &row("late")).await.unwrap());
    let after = store.token("k").await.unwrap();
    assert!(after.row.is_none());
    assert!(store.save_token("k", after.version, &row("new sign-in")).await.unwrap(), "a new sign-in is welcome");
    assert!(!store.save_token("k", in_flight.version, &row("late")).await.unwrap());
    assert!(store.delete_tokens("k").await.unwrap().had_tokens);
    assert!(!store.delete_tokens("k").await.unwrap().had_tokens, "nothing left to forget");
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_named_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    Store::open(&settings).await.unwrap().save_token("k", 0, &row("kept")).await.unwrap();
    let right = fs::read(&settings.key_file).unwrap();

    fs::write(&settings.key_file, [9; 32]).unwrap();
    let text = Store::open(&settings).await.err().unwrap().to_string();
    assert!(text.contains("state/key") && text.contains("gatepost.db") && text.contains("put the right key"), "{text}");

    fs::remove_file(&settings.key_file).unwrap();
    let text = Store::open(&settings).await.err().unwrap().to_string();
    assert!(text.contains("missing"), "{text}");
    assert!(!settings.key_file.exists(), "no new key hides the loss");

    fs::write(&settings.key_file, right).unwrap();
    let store = Store::open(&settings).await.unwrap();
    assert_eq!(refresh_of(&store, "k").await.as_deref(), Some("kept"));
}

#[tokio::test]
async fn a_store_of_an_older_version_is_not_touched_with_a_wrong_key() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let store = Store::open(&settings).await.unwrap();
    sqlx::raw_sql("DROP TABLE told; DELETE FROM _sqlx_migrations WHERE version = 10")
        .execute(&store.pool)
        .await
        .unwrap();
    let look = "SELECT name FROM sqlite_master WHERE name = 'told'";
    let is_migrated = async || sqlx::query(look).fetch_optional(&store.pool).await.unwrap().is_some();
    let right = fs::read(&settings.key_file).unwrap();
    fs::write(&settings.key_file, [9; 32]).unwrap();
    assert!(matches!(Store::open(&settings).await.err(), Some(StoreError::WrongKey { .. })));
    fs::remove_file(&settings.key_file).unwrap();
    assert!(matches!(Store::open(&settings).await.err(), Some(StoreError::KeyMissing { .. })));
    assert!(!is_migrated().await);
    fs::write(&settings.key_file, right).unwrap();
    Store::open(&settings).await.unwrap();
    assert!(is_migrated().await);
}

/// A killed rotation leaves a key there that may be in force by now.
#[tokio::test]
async fn drafts_of_those_who_are_gone_are_removed_and_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let store = Store::open(&settings).await.unwrap();
    let state = dir.path().join("state");
    // No system has so many processes.
    let gone = [".key.2147483647", ".key.2147483647-5eed"];
    let own = format!(".key.{}-5eed", std::process::id());
    let kept = [own.as_str(), ".key.old", ".key.2147483647x", ".keys.2147483647", "key.2147483647"];
    let left = |names: &[&str]| names.iter().filter(|name| state.join(name).exists()).count();
    let leave = || gone.iter().chain(&kept).for_each(|name| fs::write(state.join(name), "x").unwrap());
    leave();
    assert!(!store.forget_old_key().await.unwrap());
    assert_eq!((left(&gone), left(&kept)), (0, 5), "by a start of the daemon");
    leave();
    let new = fresh_key().unwrap();
    store.reseal(&new).await.unwrap();
    assert!(store.put_in_place(&new).await.unwrap().0);
    assert_eq!((left(&gone), left(&kept)), (0, 5), "by the next rotation");
}

#[tokio::test]
async fn the_first_password_is_learned_once_and_only_while_armed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    let now = SystemTime::now();
    let hash = Secret::new("$argon2id$x");
    assert!(!store.learn_password("ann@x", &hash, now).await.unwrap(), "never armed");
    let arming = Arming { until: now + Duration::from_secs(600), uid: Some(1000) };
    store.arm_first_use("ann@x", &arming).await.unwrap();
    assert_eq!(store.first_use_arming("ann@x").await.unwrap().unwrap().uid, Some(1000));
    let late = now + Duration::from_secs(700);
    assert!(!store.learn_password("ann@x", &hash, late).await.unwrap(), "too late");
    assert!(store.learn_password("ann@x", &hash, now).await.unwrap());
    assert!(!store.learn_password("ann@x", &hash, now).await.unwrap(), "used up");
    assert!(store.first_use_arming("ann@x").await.unwrap().is_none());
    assert!(store.learned_password("ann@x").await.unwrap().unwrap().matches(&hash));
    assert!(store.learned_password("bob@x").await.unwrap().is_none());
    let made = Secret::new("$argon2id$y");
    store.issue_password("ann@x", &made).await.unwrap();
    assert!(store.learned_password("ann@x").await.unwrap().unwrap().matches(&made));
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_says_which_and_why() {
    let settings = |url: &str| Settings { url: url.into(), key_file: "/nowhere/key".into(), key: None };
    let text = Store::open(&settings("mysql://x")).await.err().unwrap().to_string();
    assert!(text.contains("mysql://x") && text.contains("sqlite:///"), "{text}");
    let text = Store::open(&settings("sqlite:///proc/none/gatepost.db")).await.err().unwrap().to_string();
    assert!(text.contains("/proc/none"), "{text}");
}

/// How often sealed bytes that the row held stand anywhere in the state directory.
fn copies(dir: &Path, sealed: &[u8]) -> usize {
    let files = fs::read_dir(dir.join("state")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.map(|content| content.windows(sealed.len()).filter(|part| *part == sealed).count()).sum()
}

#[tokio::test]
async fn a_logout_leaves_no_copy_behind_and_says_so_where_a_reader_keeps_one() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    sqlx::query("PRAGMA busy_timeout = 50").execute(&store.pool).await.unwrap();
    assert!(store.save_token("k", 0, &row("r0")).await.unwrap());
    let sealed: Vec<u8> = sqlx::query_scalar("SELECT sealed FROM sign_in").fetch_one(&store.pool).await.unwrap();
    assert!(copies(dir.path(), &sealed) > 0);
    // Somebody reads: a backup, for example.
    let reader = sqlx::SqlitePool::connect(&settings(dir.path()).url).await.unwrap();
    let mut reading = reader.begin().await.unwrap();
    sqlx::query("SELECT sealed FROM sign_in").execute(&mut *reading).await.unwrap();
    assert_eq!(store.delete_tokens("k").await.unwrap(), Deleted { had_tokens: true, is_wiped: false });
    assert!(copies(dir.path(), &sealed) > 0, "the reader still sees it");
    drop(reading);
    reader.close().await;
    assert_eq!(store.delete_tokens("k").await.unwrap(), Deleted { had_tokens: false, is_wiped: true });
    assert_eq!(copies(dir.path(), &sealed), 0);
}

#[tokio::test]
async fn whoever_gives_up_on_the_store_takes_its_one_connection_along_at_no_point() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&settings(dir.path())).await;
    // Of this connection, and gone with it.
    sqlx::query("CREATE TEMP TABLE mark (n)").execute(&store.pool).await.unwrap();
    for polls in 0..8 {
        while store.pool.num_idle() == 0 {
            tokio::task::yield_now().await;
        }
        {
            let mut given_up = std::pin::pin!(store.sign_ins());
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            for _ in 0..polls {
                if given_up.as_mut().poll(&mut context).is_ready() {
                    break;
                }
            }
        }
        let mark = sqlx::query("SELECT n FROM mark").fetch_all(&store.pool).await;
        assert!(mark.is_ok(), "given up at poll {polls}: {mark:?}");
    }
    store.close().await;
    assert!(!dir.path().join("state/gatepost.db-wal").exists());
}

#[tokio::test]
async fn a_commit_is_on_disk_before_it_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    let asked =
        async |pragma: &'static str| -> i64 { sqlx::query_scalar(pragma).fetch_one(&store.pool).await.unwrap() };
    assert_eq!(asked("PRAGMA synchronous").await, 2, "FULL: fsync at each commit");
    assert_eq!(asked("PRAGMA secure_delete").await, 1);
}

/// What `gatepost key rotate` does, up to a kill behind the first step.
async fn resealed(settings: &Settings) -> Key {
    let new = fresh_key().unwrap();
    Store::open(settings).await.unwrap().reseal(&new).await.unwrap();
    new
}

async fn filled(settings: &Settings) -> Store {
    let store = Store::open(settings).await.unwrap();
    for (key, refresh) in [("app/ann", "r-ann"), ("app/bob", "r-bob")] {
        assert!(store.save_token(key, 0, &row(refresh)).await.unwrap());
    }
    store.issue_password("ann@x", &Secret::new("$argon2id$x")).await.unwrap();
    store
}

async fn is_whole(store: &Store) -> bool {
    refresh_of(store, "app/ann").await.as_deref() == Some("r-ann")
        && refresh_of(store, "app/bob").await.as_deref() == Some("r-bob")
        && store.learned_password("ann@x").await.unwrap().unwrap().matches(&Secret::new("$argon2id$x"))
}

#[tokio::test]
async fn a_kill_behind_any_step_of_a_rotation_leaves_a_store_that_opens() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    filled(&settings).await;
    let old = fs::read(&settings.key_file).unwrap();

    // Behind the first step: the old key still leads in, also for another rotation.
    resealed(&settings).await;
    let store = Store::open(&settings).await.unwrap();
    assert!(is_whole(&store).await && store.awaits_new_key());
    assert!(!store.forget_old_key().await.unwrap(), "it is the only one there is");
    let new = resealed(&settings).await;
    assert!(is_whole(&Store::open(&settings).await.unwrap()).await);

    // The new key is in its place, and the way from the old one is not forgotten yet.
    fs::write(&settings.key_file, new.as_slice()).unwrap();
    let store = Store::open(&settings).await.unwrap();
    assert!(is_whole(&store).await && !store.awaits_new_key());
    fs::write(&settings.key_file, &old).unwrap();
    assert!(is_whole(&Store::open(&settings).await.unwrap()).await);

    // A start of the daemon forgets it.
    fs::write(&settings.key_file, new.as_slice()).unwrap();
    let store = Store::open(&settings).await.unwrap();
    assert!(store.forget_old_key().await.unwrap() && !store.forget_old_key().await.unwrap());
    assert!(is_whole(&Store::open(&settings).await.unwrap()).await);
    fs::write(&settings.key_file, &old).unwrap();
    assert!(matches!(Store::open(&settings).await.err(), Some(StoreError::WrongKey { .. })));
}

#[tokio::test]
async fn a_rotation_leaves_nothing_that_the_old_key_opens() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let store = filled(&settings).await;
    let sealed: Vec<Vec<u8>> = sqlx::query_scalar(
        "SELECT sealed FROM sign_in UNION SELECT password_hash FROM first_use UNION SELECT sealed FROM key_check",
    )
    .fetch_all(&store.pool)
    .await
    .unwrap();
    assert_eq!(sealed.len(), 4);
    let new = fresh_key().unwrap();
    assert_eq!(store.reseal(&new).await.unwrap(), Resealed { values: 3, damaged: 0 });
    let handover: Vec<u8> = sqlx::query_scalar("SELECT handover FROM key_check").fetch_one(&store.pool).await.unwrap();
    assert_eq!(store.put_in_place(&new).await.unwrap(), (true, true));
    for old in sealed.iter().chain([&handover]) {
        assert_eq!(copies(dir.path(), old), 0);
    }
    assert!(is_whole(&store).await);
    drop(store);
    assert!(is_whole(&Store::open(&settings).await.unwrap()).await);
    assert_eq!(
        fs::read_dir(dir.path().join("state"))
            .unwrap()
            .filter(|entry| { entry.as_ref().unwrap().file_name().to_string_lossy().contains("key") })
            .count(),
        1,
        "no draft is left behind"
    );
}

/// A daemon holds the old key in memory; what it does next must count, and under the new one.
#[tokio::test]
async fn who_has_the_store_open_goes_on_through_a_rotation_and_saves_under_the_new_key() {
    for looks_in_between in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(dir.path());
        let daemon = filled(&settings).await;
        let in_flight = daemon.token("app/ann").await.unwrap();
        let before = daemon.change_counter().await.unwrap();
        for n in 0..3 {
            let other = Store::open(&settings).await.unwrap();
            let new = fresh_key().unwrap();
            other.reseal(&new).await.unwrap();
            if looks_in_between {
                assert!(is_whole(&daemon).await, "{n}");
            }
            assert!(other.put_in_place(&new).await.unwrap().0);
        }
        assert_ne!(daemon.change_counter().await.unwrap(), before, "it looks, since another process wrote");
        // A refresh that was under way, a new sign-in, a password: the first thing that it does after the rotations.
        assert!(daemon.save_token("app/ann", in_flight.version, &row("rotated")).await.unwrap());
        assert!(
            !daemon.save_token("app/ann", in_flight.version, &row("late")).await.unwrap(),
            "versions count as ever"
        );
        assert!(daemon.save_token("app/eve", 0, &row("r-eve")).await.unwrap());
        daemon.issue_password("eve@x", &Secret::new("$argon2id$e")).await.unwrap();
        let now = SystemTime::now();
        daemon.arm_first_use("fay@x", &Arming { until: now + Duration::from_secs(9), uid: None }).await.unwrap();
        assert!(daemon.learn_password("fay@x", &Secret::new("$argon2id$f"), now).await.unwrap());
        drop(daemon);
        let fresh = Store::open(&settings).await.unwrap();
        assert_eq!(refresh_of(&fresh, "app/ann").await.as_deref(), Some("rotated"));
        assert_eq!(refresh_of(&fresh, "app/eve").await.as_deref(), Some("r-eve"));
        assert_eq!(refresh_of(&fresh, "app/bob").await.as_deref(), Some("r-bob"));
        for who in ["ann@x", "eve@x", "fay@x"] {
            assert!(fresh.learned_password(who).await.unwrap().is_some(), "{who}");
        }
    }
}

#[tokio::test]
async fn of_two_rotations_at_once_one_key_is_in_force_and_in_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    filled(&settings).await;
    let (a, b) = (Store::open(&settings).await.unwrap(), Store::open(&settings).await.unwrap());
    let (first, second) = (fresh_key().unwrap(), fresh_key().unwrap());
    a.reseal(&first).await.unwrap();
    b.reseal(&second).await.unwrap();
    assert_eq!(a.put_in_place(&first).await.unwrap(), (false, false), "it is in force no more");
    assert!(is_whole(&Store::open(&settings).await.unwrap()).await);
    assert!(b.put_in_place(&second).await.unwrap().0);
    for store in [&a, &b, &Store::open(&settings).await.unwrap()] {
        assert!(is_whole(store).await);
    }
}

#[tokio::test]
async fn a_value_that_does_not_open_is_counted_and_keeps_nobody_else_back() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let store = filled(&settings).await;
    sqlx::query("UPDATE sign_in SET sealed = x'0102' WHERE key = 'app/bob'").execute(&store.pool).await.unwrap();
    let new = fresh_key().unwrap();
    assert_eq!(store.reseal(&new).await.unwrap(), Resealed { values: 2, damaged: 1 });
    assert!(store.put_in_place(&new).await.unwrap().0);
    assert_eq!(refresh_of(&store, "app/ann").await.as_deref(), Some("r-ann"));
}

#[tokio::test]
async fn a_key_of_the_configuration_needs_no_file_and_may_be_changed_by_hand() {
    let dir = tempfile::tempdir().unwrap();
    let given = |byte: u8| {
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, [byte; 32]);
        Settings { key: Some(Secret::new(text)), ..settings(dir.path()) }
    };
    let daemon = filled(&given(1)).await;
    assert!(!given(1).key_file.exists());
    let text = Store::open(&given(2)).await.err().unwrap().to_string();
    assert!(text.contains("the key of the configuration") && text.contains("put the right key back"), "{text}");

    let new = Key::new([2; 32]);
    Store::open(&given(1)).await.unwrap().reseal(&new).await.unwrap();
    assert!(is_whole(&daemon).await, "by the way from the old key to the new");
    assert!(is_whole(&Store::open(&given(1)).await.unwrap()).await, "so is a restart before the change");
    let changed = Store::open(&given(2)).await.unwrap();
    assert!(is_whole(&changed).await && changed.forget_old_key().await.unwrap());
    assert!(Store::open(&given(1)).await.is_err());
    assert!(is_whole(&daemon).await, "one that knows the new key already goes on");
}

#[tokio::test]
async fn a_backup_is_whole_sealed_private_and_never_over_another_file() {
    let dir = tempfile::tempdir().unwrap();
    let settings = settings(dir.path());
    let store = filled(&settings).await;
    let to = dir.path().join("copy.db");
    store.back_up(&to).await.unwrap();
    assert!(matches!(store.back_up(&to).await, Err(StoreError::File { .. })));
    let others = |entry: &fs::DirEntry| !["copy.db", "state"].contains(&&*entry.file_name().to_string_lossy());
    assert_eq!(fs::read_dir(dir.path()).unwrap().flatten().filter(others).count(), 0, "no log, no draft");
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let odd = dir.path().join(std::ffi::OsStr::from_bytes(b"\xff/copy.db"));
        let text = store.back_up(&odd).await.unwrap_err().to_string();
        assert!(text.contains("is not UTF-8"), "{text}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let elsewhere = Settings { url: format!("sqlite://{}", to.display()), ..settings.clone() };
    assert!(is_whole(&Store::open(&elsewhere).await.unwrap()).await);
    fs::write(&settings.key_file, [9; 32]).unwrap();
    assert!(Store::open(&elsewhere).await.is_err(), "nothing without the key");
}
