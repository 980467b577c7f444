//! The key that seals what is stored: changed while the daemon runs, killed in the middle, and copies that are restored.

use std::{path::Path, process::Stdio, time::Instant};

use gatepost::{
    base::Protocol,
    sandbox::Rotation,
    store::{Settings, Store},
};

use crate::{
    process::{Program, command, run, sign_in_with_a_stale_token, stored_refresh},
    world::{ANN, BOB, FOR_GOOD, IN, PROTOCOLS, Plan, account, settings, sign_in_with, stage},
};

fn rotate(file: &Path) -> String {
    let (code, said, errors) = run(&["key", "rotate"], file);
    assert_eq!(code, 0, "{said}{errors}");
    said
}

async fn logs_in_everywhere(program: &Program) {
    for protocol in PROTOCOLS {
        let said = program.login(protocol).await;
        assert!(said.starts_with(IN.of(protocol)), "{said}");
    }
}

#[tokio::test]
async fn a_key_is_changed_while_the_daemon_runs_and_no_login_fails() {
    let (sandbox, dir, file) = stage(&Plan { signed_in: vec![], ..Plan::default() }).await;
    sign_in_with_a_stale_token(&sandbox, dir.path()).await;
    let program = Program::start(&file).await;
    let before = std::fs::read(dir.path().join("key")).unwrap();

    // The first login behind it refreshes, and its new token is saved under a key that the daemon has not seen.
    let said = rotate(&file);
    assert!(said.starts_with("All that is stored (1 value) is sealed under a new key"), "{said}");
    assert!(said.contains("A running daemon goes on by itself.") && said.contains("back it up"), "{said}");
    assert_ne!(std::fs::read(dir.path().join("key")).unwrap(), before);
    let asked = sandbox.counts().token_requests_total();
    logs_in_everywhere(&program).await;
    assert!(sandbox.counts().token_requests_total() > asked, "it refreshed");

    for _ in 0..3 {
        let (file, other) = (file.clone(), file.clone());
        let rotations =
            [tokio::task::spawn_blocking(move || rotate(&file)), tokio::task::spawn_blocking(move || rotate(&other))];
        logs_in_everywhere(&program).await;
        for rotation in rotations {
            rotation.await.unwrap();
        }
        logs_in_everywhere(&program).await;
    }
    program.killed().await;
    let program = Program::start(&file).await;
    logs_in_everywhere(&program).await;
}

/// A sign-in with one-time rotation is the one that a lost save would cost.
#[tokio::test]
async fn a_refresh_that_is_under_way_during_a_rotation_is_saved_under_the_new_key() {
    let mut plan = Plan { signed_in: vec![], ..Plan::default() };
    plan.sandbox.faults.identity.rotation = Rotation::OneTime;
    let (sandbox, dir, file) = stage(&plan).await;
    sign_in_with_a_stale_token(&sandbox, dir.path()).await;
    let old = stored_refresh(dir.path()).await;
    let program = Program::start(&file).await;
    let login = async { program.login(Protocol::Imap).await };
    let rotation = tokio::task::spawn_blocking({
        let file = file.clone();
        move || rotate(&file)
    });
    let (said, _) = tokio::join!(login, rotation);
    assert!(said.starts_with("a OK"), "{said}");
    program.killed().await;
    assert!(!stored_refresh(dir.path()).await.matches(&old), "the new one is there, and opens");
}

#[tokio::test]
async fn a_rotation_that_is_killed_at_any_moment_costs_nothing() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let program = Program::start(&file).await;
    logs_in_everywhere(&program).await;
    // From here on the daemon has what it needs for an hour.
    let refresh = stored_refresh(dir.path()).await;
    let begun = Instant::now();
    rotate(&file);
    let mut whole = begun.elapsed();
    let mut killed = 0;
    for n in 0..24 {
        let begun = Instant::now();
        let mut child = command(&["key", "rotate"], &file).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Nothing tells from outside where it is; so the moments are spread over all of its time.
        tokio::time::sleep(whole * n / 22).await;
        match child.try_wait().unwrap() {
            None => killed += 1,
            // The machine had more to do as the first one was measured.
            Some(_) => whole = whole.min(begun.elapsed()),
        }
        let _ = child.kill();
        child.wait().unwrap();
        assert!(stored_refresh(dir.path()).await.matches(&refresh), "killed after {n}/22");
    }
    assert!(killed > 5, "{killed}");
    logs_in_everywhere(&program).await;
    program.killed().await;
    rotate(&file);
    assert!(stored_refresh(dir.path()).await.matches(&refresh));
    let program = Program::start(&file).await;
    logs_in_everywhere(&program).await;
}

#[tokio::test]
async fn where_the_key_is_not_ours_to_write_the_new_one_goes_to_a_file_and_the_old_one_opens_until_then() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let key = std::fs::read_to_string(dir.path().join("key")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let with = |key: &str| text.replace("\n\n[console]", &format!("\nkey = \"{}\"\n\n[console]", key.trim()));
    let without_file = |text: String| {
        let lines = text.lines().filter(|line| !line.starts_with("key-file = ")).collect::<Vec<_>>();
        std::fs::write(&file, lines.join("\n")).unwrap();
    };
    without_file(with(&key));
    let program = Program::start(&file).await;

    let (code, _, errors) = run(&["key", "rotate"], &file);
    assert_eq!(code, 2, "{errors}");
    assert!(
        errors.contains("is not Gatepost's to write; nothing was changed\nhint: gatepost key rotate --new-key-file"),
        "{errors}"
    );

    let new = dir.path().join("new.key");
    let (code, said, errors) = run(&["key", "rotate", "--new-key-file", new.to_str().unwrap()], &file);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("`store.key`") && said.contains("then restart the daemon"), "{said}");
    logs_in_everywhere(&program).await;
    program.killed().await;

    let program = Program::start(&file).await;
    logs_in_everywhere(&program).await;
    program.killed().await;
    without_file(with(&std::fs::read_to_string(&new).unwrap()));
    let program = Program::start(&file).await;
    logs_in_everywhere(&program).await;
    program.killed().await;
    without_file(with(&key));
    let (code, _, errors) = run(&["run"], &file);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("is not the one that sealed"), "{errors}");
}

#[tokio::test]
async fn a_key_that_comes_as_a_credential_wins_and_says_how_to_change_it() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let credentials = dir.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::rename(dir.path().join("key"), credentials.join("gatepost.key")).unwrap();
    let with = |arguments: &[&str]| {
        let done = command(arguments, &file).env("CREDENTIALS_DIRECTORY", &credentials).output().unwrap();
        (
            done.status.code(),
            String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
        )
    };
    let signed_in = || {
        let (_, said) = with(&["status"]);
        assert!(said.contains(&format!("{ANN}  contoso  ready")), "{said}");
    };
    signed_in();
    assert!(!dir.path().join("key").exists());
    let new = dir.path().join("new.key");
    let (code, said) = with(&["key", "rotate", "--new-key-file", new.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains(&format!("systemd-creds encrypt --name=gatepost.key {}", new.display())), "{said}");
    signed_in();
    std::fs::copy(&new, credentials.join("gatepost.key")).unwrap();
    signed_in();
    let (code, said) = with(&["key", "rotate", "--new-key-file", credentials.join("gatepost.key").to_str().unwrap()]);
    assert!(code == Some(2) && said.contains("holds the key that is in force"), "{said}");
    let (code, _, errors) = run(&["key", "rotate"], &file);
    assert!(code != 0 && errors.contains("given to the service alone"), "{errors}");
}

#[tokio::test]
async fn a_file_that_holds_the_key_in_force_is_no_new_key() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let (new, old) = (dir.path().join("new.key"), dir.path().join("old.key"));
    std::fs::copy(dir.path().join("key"), &old).unwrap();
    let rotate_to = |to: &Path| run(&["key", "rotate", "--new-key-file", to.to_str().unwrap()], &file);
    let refused = |to: &Path| {
        let (code, said, errors) = rotate_to(to);
        assert_eq!((code, said.as_str()), (2, ""), "{errors}");
        let expected = format!("{} holds the key that is in force already; nothing was changed", to.display());
        assert!(errors.contains(&expected) && errors.contains("hint: name a file that is not there"), "{errors}");
    };
    refused(&old);
    assert_eq!(rotate_to(&new).0, 0);
    // Before the new key is in its place, and behind it.
    refused(&new);
    std::fs::copy(&new, dir.path().join("key")).unwrap();
    refused(&new);
    // What an earlier one left is no key in force.
    std::fs::remove_file(&old).unwrap();
    assert_eq!(rotate_to(&old).0, 0);
}

#[tokio::test]
async fn a_rotation_in_place_never_locks_out_a_daemon_that_has_its_key_elsewhere() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let credentials = dir.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    std::fs::copy(dir.path().join("key"), credentials.join("gatepost.key")).unwrap();
    let mut daemon = command(&["run", "--log-format", "json"], &file);
    daemon.env("CREDENTIALS_DIRECTORY", &credentials);
    let program = Program::from(daemon).await;
    let before = std::fs::read(dir.path().join("key")).unwrap();
    let refused = || {
        let (code, _, errors) = run(&["key", "rotate"], &file);
        assert_eq!(code, 1, "{errors}");
        let place = credentials.join("gatepost.key");
        assert!(errors.contains(&format!("(the systemd credential {})", place.display())), "{errors}");
        assert!(errors.contains("locked out") && errors.contains("--new-key-file"), "{errors}");
        assert_eq!(std::fs::read(dir.path().join("key")).unwrap(), before);
    };
    refused();
    logs_in_everywhere(&program).await;
    // Nor one that starts again later.
    program.killed().await;
    refused();
    let program = Program::start(&file).await;
    rotate(&file);
    logs_in_everywhere(&program).await;
}

/// Behind that step the key file is the old one or the new, and either opens the store.
/// Everybody of the other store had to sign in again.
#[tokio::test]
async fn a_key_file_that_another_store_has_as_well_is_never_replaced() {
    let (_sandbox, dir, first) = stage(&Plan::default()).await;
    let (second, key, own) = (dir.path().join("second.toml"), dir.path().join("key"), dir.path().join("own.key"));
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&second, text.replace("/gatepost.db\"", "/second.db\"")).unwrap();
    Program::start(&second).await.killed().await;

    let before = std::fs::read(&key).unwrap();
    for lang in ["en", "ja"] {
        let (code, said, told) = run(&["key", "rotate", "--lang", lang], &first);
        assert!(code != 0 && told.contains("second.db") && told.contains("--new-key-file"), "{said}{told}");
        assert_eq!(std::fs::read(&key).unwrap(), before);
    }
    let (code, said, told) = run(&["key", "rotate", "--new-key-file", own.to_str().unwrap()], &first);
    let line = format!("key-file = \"{}\"", own.display());
    assert!(code == 0 && said.contains(&line) && said.contains("second.db"), "{said}{told}");
    assert!(!said.contains("cp ") && !said.contains("delete"), "{said}");
    std::fs::write(&first, text.replace(&format!("key-file = \"{}\"", key.display()), &line)).unwrap();
    for file in [&first, &second] {
        Program::start(file).await.killed().await;
    }
    // Each has one of its own now.
    for file in [&second, &first, &second] {
        rotate(file);
        Program::start(file).await.killed().await;
    }
}

#[tokio::test]
async fn a_rotation_that_fails_half_way_does_not_say_that_nothing_was_changed() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let database = sqlx::SqlitePool::connect(&settings(dir.path()).url).await.unwrap();
    let full = "CREATE TRIGGER full BEFORE UPDATE ON key_check WHEN NEW.handover IS NULL
                BEGIN SELECT RAISE(ABORT, 'no room'); END";
    sqlx::query(full).execute(&database).await.unwrap();
    let (code, _, errors) = run(&["key", "rotate"], &file);
    assert_eq!(code, 1, "{errors}");
    assert!(errors.contains("is sealed under a new key, and the rotation did not come to its end: "), "{errors}");
    assert!(errors.contains("no room") && errors.contains("hint: the key file opens the store as it is"), "{errors}");
    assert!(!errors.contains("nothing was changed"), "{errors}");
    sqlx::query("DROP TRIGGER full").execute(&database).await.unwrap();
    database.close().await;
    let signed_in = || assert!(run(&["status"], &file).1.contains(&format!("{ANN}  contoso  ready")));
    signed_in();
    rotate(&file);
    signed_in();
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_a_whole_copy_under_its_name_or_none() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let refresh = stored_refresh(dir.path()).await;
    let to = dir.path().join("copies");
    std::fs::create_dir(&to).unwrap();
    let begun = Instant::now();
    assert_eq!(run(&["backup", to.join("first.db").to_str().unwrap()], &file).0, 0);
    let whole = begun.elapsed();
    for n in 0..16 {
        let name = to.join(format!("{n}.db"));
        let mut child = command(&["backup", name.to_str().unwrap()], &file);
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Nothing tells from outside where it is; so the moments are spread over the end of its time.
        tokio::time::sleep(whole / 2 + whole * n / 30).await;
        let _ = child.kill();
        child.wait().unwrap();
        if name.exists() {
            let copy = Settings { url: format!("sqlite://{}", name.display()), ..settings(dir.path()) };
            let store = Store::open(&copy).await.unwrap();
            let row = store.token(&format!("contoso/{ANN}")).await.unwrap().row.unwrap();
            assert!(row.refresh.unwrap().matches(&refresh), "killed at {n}/16");
        }
    }
    // The next one to that name is in nobody's way, and nothing is left of those before.
    let name = to.join("last.db");
    std::fs::write(to.join(".last.db.2147483647"), "half").unwrap();
    assert_eq!(run(&["backup", name.to_str().unwrap()], &file).0, 0);
    assert!(!to.join(".last.db.2147483647").exists());
}

#[tokio::test]
async fn a_key_of_an_environment_variable_opens_the_store_and_another_one_does_not() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let key = std::fs::read_to_string(dir.path().join("key")).unwrap();
    std::fs::remove_file(dir.path().join("key")).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let lines = text.lines().map(|line| if line.starts_with("key-file = ") { "key-env = \"POST_KEY\"" } else { line });
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let mut daemon = command(&["run", "--log-format", "json"], &file);
    daemon.env("POST_KEY", key.trim());
    let program = Program::from(daemon).await;
    logs_in_everywhere(&program).await;
    program.killed().await;
    let other = command(&["run"], &file).env("POST_KEY", "A".repeat(43) + "=").output().unwrap();
    let errors = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && errors.contains("is not the one that sealed"), "{errors}");
}

/// The copy and its key, as a new machine gets them.
async fn restored(dir: &Path, file: &Path, copy: &Path) -> tempfile::TempDir {
    let elsewhere = tempfile::tempdir().unwrap();
    let Settings { key_file, .. } = settings(dir);
    std::fs::copy(copy, elsewhere.path().join("gatepost.db")).unwrap();
    std::fs::copy(key_file, elsewhere.path().join("key")).unwrap();
    std::fs::copy(dir.join("ca.pem"), elsewhere.path().join("ca.pem")).unwrap();
    let text = std::fs::read_to_string(file).unwrap();
    let moved = text.replace(dir.to_str().unwrap(), elsewhere.path().to_str().unwrap());
    std::fs::write(elsewhere.path().join("gatepost.toml"), moved).unwrap();
    elsewhere
}

async fn forget_access_token(dir: &Path) {
    let store = Store::open(&settings(dir)).await.unwrap();
    let key = format!("contoso/{ANN}");
    let mut found = store.token(&key).await.unwrap();
    let row = found.row.as_mut().unwrap();
    row.access.clear();
    assert!(store.save_token(&key, found.version, row).await.unwrap());
}

#[tokio::test]
async fn a_backup_made_while_the_daemon_runs_is_restored_elsewhere_and_nobody_signs_in_again() {
    for rotation in [Rotation::Entra, Rotation::OneTime] {
        let mut plan = Plan { more: account(BOB, ""), ..Plan::default() };
        plan.sandbox.faults.identity.rotation = rotation;
        let (sandbox, dir, file) = stage(&plan).await;
        let program = Program::start(&file).await;
        logs_in_everywhere(&program).await;
        let copy = dir.path().join("copy.db");
        let (code, said, errors) = run(&["backup", copy.to_str().unwrap()], &file);
        assert_eq!(code, 0, "{errors}");
        assert!(said.contains("It opens with the key alone, which is not in it: the key file "), "{said}");
        let (code, _, errors) = run(&["backup", copy.to_str().unwrap()], &file);
        assert!(code == 1 && errors.contains("is there already; nothing was changed"), "{errors}");
        program.killed().await;

        let elsewhere = restored(dir.path(), &file, &copy).await;
        let there = elsewhere.path().join("gatepost.toml");
        let program = Program::start(&there).await;
        logs_in_everywhere(&program).await;
        program.killed().await;

        // Since the copy was made the refresh token was replaced, here; and the copy's access token has ended.
        forget_access_token(dir.path()).await;
        let program = Program::start(&file).await;
        logs_in_everywhere(&program).await;
        program.killed().await;
        let elsewhere = restored(dir.path(), &file, &copy).await;
        forget_access_token(elsewhere.path()).await;
        let there = elsewhere.path().join("gatepost.toml");
        let program = Program::start(&there).await;
        match rotation {
            Rotation::OneTime => {
                for protocol in PROTOCOLS {
                    let said = program.login(protocol).await;
                    assert!(said.starts_with(FOR_GOOD.of(protocol)) && said.contains("sign-in"), "{said}");
                }
                sign_in_with(&sandbox, elsewhere.path(), ANN, None).await;
                logs_in_everywhere(&program).await;
            }
            _ => logs_in_everywhere(&program).await,
        }
    }
}
