//! Who is signed in, as commands show it, and from when on a sign-in and a logout count.

use std::str::FromStr as _;

use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

use super::{Provider, run, with_hash};

#[test]
fn nobody_is_shown_as_signed_in_before_a_sign_in_and_behind_a_logout_and_no_daemon_is_promised_that_does_not_run() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &with_hash("ann@b.c"));
    let is_shown = || run(&["status"], &config).1.contains("signed in as");
    assert!(!is_shown());
    let step = run(&["status"], &config).1;
    assert!(step.contains("  sign-in-missing: ") && step.contains("login ann@b.c\n"), "{step}");
    let (code, text, errors) = run(&["login", "ann@b.c"], &config);
    assert_eq!(code, 0, "{errors}");
    assert!(text.contains("ann@b.c is signed in as ann@b.c. No daemon runs yet that uses it: `gatepost "), "{text}");
    assert!(!text.contains("at once") && is_shown(), "{text}");
    let (_, text, _) = run(&["logout", "ann@b.c", "--yes"], &config);
    assert!(text.contains("From now on nothing is sent for it, by a daemon that runs either"), "{text}");
    assert!(!is_shown());
    let (_, text, _) = run(&["login", "ann@b.c", "--lang", "ja"], &config);
    assert!(text.contains("デーモンはまだ動いていません。`gatepost "), "{text}");
}

/// It said that nobody had signed in yet, and to do so.
#[test]
fn of_a_store_that_another_program_holds_locked_no_sign_in_is_told_and_its_own_step_is() {
    let (provider, folder) = (Provider::start(), tempfile::tempdir().unwrap());
    let config = provider.config(folder.path(), "device-code", &with_hash("ann@b.c"));
    assert_eq!(run(&["login", "ann@b.c"], &config).0, 0);
    let database = format!("sqlite://{}/state/gatepost.db", folder.path().display());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _held = runtime.block_on(async {
        let options = SqliteConnectOptions::from_str(&database).unwrap().pragma("locking_mode", "EXCLUSIVE");
        let mut other = options.connect().await.unwrap();
        sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        other
    });
    for (lang, not_known, running) in [
        ("en", "not known: the store cannot be read", "running: no"),
        ("ja", "不明（ストアを読み取れません）", "動作中: いいえ"),
    ] {
        let (code, table, errors) = run(&["status", "--lang", lang], &config);
        assert!(code == 1 && table.contains(not_known) && table.contains(running), "{table}");
        for part in ["Another program holds Gatepost's store locked", "[store-locked]", "sudo lslocks --notruncate"] {
            assert!(errors.contains(part), "{part}: {errors}");
        }
        for part in ["sign-in-missing", " login ", "サインインが必要"] {
            assert!(!table.contains(part) && !errors.contains(part), "{part}: {table}{errors}");
        }
    }
    let (code, json, _) = run(&["status", "--json"], &config);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(code == 1 && json["accounts"][0]["sign-in"].is_null(), "{json}");
    let store = json["store"].as_str().unwrap();
    assert!(store.starts_with("Another program holds Gatepost's store locked [store-locked]: "), "{json}");
}
