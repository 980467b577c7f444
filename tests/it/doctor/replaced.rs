//! A store whose database was replaced, or whose folders were moved without it: mail that had its 250 is kept, found and told.

use std::{path::Path, process::Command};

use serde_json::{Value, json};

use super::pending::{in_queue_and_behind, with_mail_that_waits};
use crate::{
    process::{Program, run},
    queue::queued_as,
};

/// With its log, which is of no other one.
fn put_in_place_of(database: &Path, other: &Path, aside: &Path) {
    for end in ["", "-wal", "-shm"] {
        let named = |file: &Path| format!("{}{end}", file.display());
        let _ = std::fs::rename(named(database), named(aside));
    }
    std::fs::rename(other, database).unwrap();
}

/// It had its 250, and the new store emptied the folder.
#[tokio::test(flavor = "multi_thread")]
async fn mail_whose_database_was_replaced_by_a_new_one_is_kept_for_that() {
    let (staged, program) = with_mail_that_waits().await;
    program.stopped().await;
    let (database, away) = (staged.dir.path().join("gatepost.db"), staged.dir.path().join("away.db"));
    std::fs::rename(&database, &away).unwrap();
    let program = Program::start(&staged.file).await;
    let warned = program.logs("bodies of messages for which this store has no row").await;
    assert!(warned.contains("*.msg.left (3)") && warned.contains(&database.display().to_string()), "{warned}");
    program.stopped().await;
    // What came into the new one meanwhile is kept likewise.
    queued_as(staged.dir.path(), "four", |_| {}).await;
    let newer = staged.dir.path().join("newer.db");
    put_in_place_of(&database, &away, &newer);
    let program = Program::start(&staged.file).await;
    let warned = program.logs("bodies of messages for which this store has no row").await;
    assert!(warned.contains("*.msg.left (1)"), "{warned}");
    assert_eq!(in_queue_and_behind(&staged).0, 3);
    let held = run(&["queue", "list", "--state", "held", "--json"], &staged.file).1;
    assert!(held.contains("\"messages\": []"), "{held}");
    let folder = staged.dir.path().join("gatepost.queue").display().to_string();
    let status = |arguments: &[&str]| run(&[&["status"], arguments].concat(), &staged.file);
    let json: Value = serde_json::from_str(&status(&["--json"]).1).unwrap();
    let left = &json["left-bodies"];
    assert_eq!(
        (&left["id"], &left["messages"], &left["folder"]),
        (&json!("mail-left-behind"), &json!(1), &json!(folder))
    );
    let (en, ja) =
        (format!("folder {folder}: messages without a row 1"), format!("フォルダー {folder}：記録のないメッセージ1通"));
    for (lang, said) in [("en", &en), ("ja", &ja)] {
        for told in [status(&["--lang", lang]).1, run(&["queue", "list", "--lang", lang], &staged.file).2] {
            assert!(told.contains(said) && !told.contains("sqlite://"), "what was done alone: {told}");
        }
    }
    for arguments in [&["--offline"][..], &[]] {
        let told = staged.doctor(arguments).await;
        assert!(
            told.code == 1 && told.out.contains("[mail-left-behind]") && !told.out.contains("All is well"),
            "{}",
            told.out
        );
        assert!(
            told.out.contains("*.msg.left (1)") && told.out.contains(&folder) && !told.out.contains("left-store"),
            "{}",
            told.out
        );
    }
    program.stopped().await;
    assert!(run(&["status"], &staged.file).1.contains(&en), "also while none runs");
}

/// The list was empty, and an empty database lay in the place to which the old one was to go back.
#[tokio::test(flavor = "multi_thread")]
async fn where_the_database_is_gone_every_look_names_the_bodies_that_lie_there_and_none_makes_another_one() {
    let (staged, program) = with_mail_that_waits().await;
    program.stopped().await;
    let (database, away) = (staged.dir.path().join("gatepost.db"), staged.dir.path().join("away.db"));
    std::fs::rename(&database, &away).unwrap();
    let folder = staged.dir.path().join("gatepost.queue").display().to_string();
    let said = format!("folder {folder}: messages without a row 3");
    let list = run(&["queue", "list", "--lang", "en"], &staged.file);
    assert!(list.1.contains("empty") && list.2.contains(&said), "{list:?}");
    assert!(run(&["status", "--lang", "en"], &staged.file).1.contains(&said));
    let told = staged.doctor(&["--offline", "--lang", "en"]).await.out;
    assert!(told.contains("[mail-left-behind]") && !told.contains("[queue-failing]"), "{told}");
    for order in ["show", "retry", "drop"] {
        run(&["queue", order, "bcdfghjkmnpq"], &staged.file);
    }
    assert!(!database.exists());
    std::fs::rename(&away, &database).unwrap();
    assert_eq!(in_queue_and_behind(&staged).0, 3);
}

/// Who put a copy back as it is told lost what had come since: with the row went the body.
#[tokio::test(flavor = "multi_thread")]
async fn what_came_since_the_copy_that_is_put_back_stays_in_the_folder() {
    let (staged, program) = with_mail_that_waits().await;
    let (database, copy) = (staged.dir.path().join("gatepost.db"), staged.dir.path().join("copy.db"));
    assert_eq!(run(&["backup", copy.to_str().unwrap()], &staged.file).0, 0);
    program.stopped().await;
    queued_as(staged.dir.path(), "four", |_| {}).await;
    put_in_place_of(&database, &copy, &staged.dir.path().join("newer.db"));
    let program = Program::start(&staged.file).await;
    let warned = program.logs("bodies of messages for which this store has no row").await;
    assert!(warned.contains("*.msg.left (1)"), "{warned}");
    assert_eq!(in_queue_and_behind(&staged).0, 3);
    // The next start is on the database that was there before it: what is no remainder is told again, and still there.
    program.stopped().await;
    let program = Program::start(&staged.file).await;
    assert!(program.logs("bodies of messages for which this store has no row").await.contains("*.msg.left (1)"));
}

/// With the rows in one place and the bodies in another all of them were held as lost, and to be dropped.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_were_moved_without_their_database_are_taken_back_from_the_store_behind_it() {
    let (staged, program) = with_mail_that_waits().await;
    let other = staged.dir.path().join("other");
    staged.edit("/gatepost.db", "/other/gatepost.db");
    program.stopped().await;
    std::fs::rename(staged.dir.path().join("gatepost.queue"), other.join("gatepost.queue")).unwrap();
    // It finds bodies of which it has no row.
    let program = Program::start(&staged.file).await;
    assert!(program.logs("bodies of messages for which this store has no row").await.contains("*.msg.left (3)"));
    program.stopped().await;
    staged.edit("/other/gatepost.db", "/gatepost.db");
    let back = other.join("gatepost.queue");
    let one =
        std::fs::read_dir(&back).unwrap().flatten().find(|file| file.file_name().to_string_lossy().ends_with(".left"));
    let left = one.unwrap().path();
    // Not what was not left alone there: whose it is nobody knows.
    let kept = left.with_extension("");
    std::fs::rename(&left, &kept).unwrap();
    let program = Program::start(&staged.file).await;
    assert_eq!(in_queue_and_behind(&staged).0, 3);
    let held = || run(&["queue", "list", "--state", "held", "--json"], &staged.file).1;
    let text = held();
    assert!(text.contains(&kept.display().to_string()) && text.contains("do not drop it"), "{text}");
    assert_eq!(text.matches("\"id\"").count(), 1, "{text}");
    program.stopped().await;
    let queue = staged.dir.path().join("gatepost.queue");
    std::fs::rename(&kept, queue.join(kept.file_name().unwrap())).unwrap();
    let _program = Program::start(&staged.file).await;
    assert!(held().contains("\"messages\": []"), "{}", held());
}

/// As the guide has it, in either language, with folders of this test.
#[test]
fn the_move_of_the_guide_moves_all_of_a_store_or_nothing_and_says_so() {
    for page in ["docs/backup.md", "docs/ja/backup.md"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).unwrap();
        let lines = text.lines().skip_while(|line| !line.contains("find /srv/gatepost"));
        let lines: Vec<_> = lines.take_while(|line| line.starts_with("    ")).collect();
        let dir = tempfile::tempdir().unwrap();
        let [old, new] = ["old", "new"].map(|name| dir.path().join(name));
        for folder in [old.join("gatepost.queue"), new.clone()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        for file in ["gatepost.db", "gatepost.db-wal", "key", "gatepost.queue/x.msg"] {
            std::fs::write(old.join(file), "old").unwrap();
        }
        let here = |line: String| {
            line.replace("/var/lib/gatepost", old.to_str().unwrap()).replace("/srv/gatepost", new.to_str().unwrap())
        };
        let moves = || Command::new("sh").args(["-c", &here(lines.join("\n"))]).output().unwrap();
        for there in ["gatepost.db", "key", "gatepost.queue"] {
            std::fs::write(new.join(there), "new").unwrap();
            let refused = moves();
            assert!(
                !refused.status.success() && String::from_utf8_lossy(&refused.stdout).contains(there),
                "{page}: {there}"
            );
            assert_eq!(std::fs::read_dir(&new).unwrap().count(), 1, "{page}");
            std::fs::remove_file(new.join(there)).unwrap();
        }
        // What a daemon that ended put there is no store.
        std::fs::write(new.join("gatepost.db.store-before"), "old").unwrap();
        assert!(moves().status.success(), "{page}");
        assert_eq!(std::fs::read_dir(&old).unwrap().count(), 0, "{page}");
        assert!(new.join("gatepost.queue/x.msg").exists() && new.join("key").exists(), "{page}");
    }
}
