//! Whose file it is that `[store] url` names.

use sqlx::{Connection, Executor, SqliteConnection, sqlite::SqliteConnectOptions};

use super::*;

/// A database of SQLite as another program made it, left in this journal mode.
async fn made_by_others(path: &Path, journal: &str) -> SqliteConnection {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let options =
        SqliteConnectOptions::new().filename(path).create_if_missing(true).pragma("journal_mode", journal.to_owned());
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute("CREATE TABLE moz_places (url TEXT); INSERT INTO moz_places VALUES ('x')").await.unwrap();
    connection
}

fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_not_a_byte_of_it_changes() {
    for journal in ["DELETE", "WAL"] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/gatepost.db");
        made_by_others(&path, journal).await.close().await.unwrap();
        let before = files(&dir.path().join("state"));
        let refusals = [
            Store::open(&settings(dir.path())).await.err().unwrap(),
            Lock::take(&settings(dir.path())).await.err().unwrap(),
        ];
        for error in refusals {
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()) && text.contains("\"moz_places\""), "{text}");
            assert_eq!(error.entry().id, "store-not-ours");
        }
        assert!(files(&dir.path().join("state")) == before, "{journal}: something changed, or lies beside it");
    }
}

/// While it is locked nobody sees whose it is.
#[tokio::test]
async fn a_database_that_another_program_holds_locked_is_not_taken_over_once_it_lets_go() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/gatepost.db");
    made_by_others(&path, "WAL").await.close().await.unwrap();
    let options = SqliteConnectOptions::new().filename(&path).pragma("locking_mode", "EXCLUSIVE");
    let mut holder = SqliteConnection::connect_with(&options).await.unwrap();
    holder.execute("INSERT INTO moz_places VALUES ('y')").await.unwrap();
    let looked = async {
        let held = crate::store::origin::refuse_others(&path).await.unwrap_err();
        assert!(held.is_crowd() && held.entry().id == "store-locked", "{held}");
        holder.close().await.unwrap();
    };
    let settings = settings(dir.path());
    let (opened, ()) = tokio::join!(Store::open(&settings), looked);
    assert_eq!(opened.err().unwrap().entry().id, "store-not-ours");
    let mut theirs = SqliteConnection::connect_with(&options).await.unwrap();
    let tables = "SELECT group_concat(name) FROM sqlite_schema";
    assert_eq!(sqlx::query_scalar::<_, String>(tables).fetch_one(&mut theirs).await.unwrap(), "moz_places");
}

/// What a program has before its first table, or behind its last one, is its own.
#[tokio::test]
async fn a_database_of_another_program_without_any_table_is_refused_and_not_a_byte_of_it_changes() {
    let sqlx = "CREATE TABLE _sqlx_migrations (version BIGINT PRIMARY KEY, description TEXT NOT NULL);";
    for (made, of_another) in [
        ("PRAGMA user_version = 7", true),
        ("PRAGMA application_id = 7", true),
        ("CREATE VIEW v AS SELECT 1", true),
        ("CREATE TABLE t (x TEXT); INSERT INTO t VALUES (hex(zeroblob(9000))); DROP TABLE t", true),
        (&format!("{sqlx} INSERT INTO _sqlx_migrations VALUES (20260101, 'begin')"), true),
        (&format!("{sqlx} PRAGMA application_id = 7"), true),
        // So a store looks that was begun and whose first process was killed.
        ("PRAGMA user_version = 0", false),
        (sqlx, false),
    ] {
        for journal in ["DELETE", "WAL"] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("state/gatepost.db");
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
            let options = options.pragma("journal_mode", journal.to_owned());
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            connection.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(made.to_owned()))).await.unwrap();
            connection.close().await.unwrap();
            let before = files(path.parent().unwrap());
            let looked = crate::store::origin::refuse_others(&path).await;
            assert_eq!(looked.is_err(), of_another, "{made}");
            if let Err(error) = looked {
                assert!(error.to_string().contains("is another program's: it is not empty, and nothing of Gatepost"));
                assert_eq!(Store::open(&settings(dir.path())).await.err().unwrap().to_string(), error.to_string());
            }
            assert!(files(path.parent().unwrap()) == before, "{made}, {journal}: something changed");
        }
    }
}

#[tokio::test]
async fn a_store_that_was_begun_and_whose_first_process_was_killed_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/gatepost.db");
    for begun in [None, Some("DELETE"), Some("WAL")] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        if let Some(journal) = begun {
            let options = SqliteConnectOptions::new().filename(&path).pragma("journal_mode", journal);
            SqliteConnection::connect_with(&options).await.unwrap().close().await.unwrap();
        }
        Store::open(&settings(dir.path())).await.unwrap().pool.close().await;
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}

#[tokio::test]
async fn a_database_that_another_program_has_open_is_refused_although_its_tables_are_in_its_log_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/gatepost.db");
    let open = made_by_others(&path, "WAL").await;
    let (file, log) = (fs::read(&path).unwrap(), fs::read(crate::store::origin::log_of(&path)).unwrap());
    assert!(!log.is_empty());
    let error = Store::open(&settings(dir.path())).await.err().unwrap();
    assert!(error.to_string().contains("moz_places"), "{error}");
    assert!(fs::read(&path).unwrap() == file && fs::read(crate::store::origin::log_of(&path)).unwrap() == log);
    open.close().await.unwrap();
}

#[tokio::test]
async fn what_is_no_database_is_named_as_what_it_is_and_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/gatepost.db");
    fs::create_dir_all(&path).unwrap();
    let head = "What [store] url names is no store of Gatepost [store-not-ours]";
    let error = Store::open(&settings(dir.path())).await.err().unwrap();
    assert_eq!(error.named(), format!("{head}: the store {} is a folder; nothing was changed", path.display()));
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "[daemon]\n").unwrap();
    let error = Store::open(&settings(dir.path())).await.err().unwrap();
    let said = format!("{head}: the store {} is no database of SQLite; nothing was changed", path.display());
    assert_eq!((error.named(), fs::read(&path).unwrap().as_slice()), (said, &b"[daemon]\n"[..]));
    assert_eq!(files(&dir.path().join("state")).len(), 1, "nothing lies beside it");
}

#[tokio::test]
async fn a_store_that_is_older_than_its_mark_opens_and_has_it_then() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    assert!(store.save_token("k", 0, &row("a")).await.unwrap());
    store.pool.execute("PRAGMA application_id = 0; DELETE FROM _sqlx_migrations WHERE version = 40").await.unwrap();
    store.pool.close().await;
    let store = Store::open(&settings(dir.path())).await.unwrap();
    assert_eq!(refresh_of(&store, "k").await.as_deref(), Some("a"));
    let mark: i32 = sqlx::query_scalar("PRAGMA application_id").fetch_one(&store.pool).await.unwrap();
    assert_eq!(mark, 1_198_551_924);
}

#[tokio::test]
async fn the_store_of_a_newer_gatepost_is_told_by_that() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'later', 1, x'00', 0)";
    store.pool.execute(newer).await.unwrap();
    store.pool.close().await;
    let error = Store::open(&settings(dir.path())).await.err().unwrap();
    assert!(error.to_string().contains("was made by a newer Gatepost"), "{error}");
    assert_eq!(error.entry().id, "store-newer");
}

/// They are those of the process, and end with any file of the database that it closes by itself.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_look_at_whose_database_it_is_ends_no_lock_of_a_store_that_is_open() {
    use std::os::unix::fs::MetadataExt;
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&settings(dir.path())).await.unwrap();
    let inode = fs::metadata(store.path()).unwrap().ino();
    let held = || {
        let (locks, ours) = (fs::read_to_string("/proc/locks").unwrap(), format!(" {} ", std::process::id()));
        let of_store =
            |line: &&str| line.contains("POSIX") && line.contains(&ours) && line.contains(&format!(":{inode} "));
        locks.lines().filter(of_store).count()
    };
    assert_eq!(held(), 1);
    crate::store::origin::refuse_others(store.path()).await.unwrap();
    assert_eq!(held(), 1);
}
