//! This machine's part: configuration, files, what is known without the network, languages and terminals.

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    time::{Duration, SystemTime},
};

use super::stage::{Staged, Told, check, doctor, outcome};
use crate::{
    process::{command, run},
    world::{ANN, Plan},
};

#[tokio::test]
async fn a_refused_configuration_is_78_with_every_problem_at_once() {
    let staged = Staged::new(Plan::default()).await;
    staged.edit("[daemon]\n", "[daemon]\ndrain-secnds = 3\n");
    staged.edit("smtp-tls = \"starttls\"", "smtp-tls = \"sometimes\"");
    let check = staged.gatepost("config check");
    for (arguments, heading) in [(&["--lang", "en"], "What to do"), (&["--lang", "ja"], "次の手順")] {
        let told = staged.doctor(arguments).await;
        assert_eq!(told.code, 78, "{}", told.out);
        for part in ["✗ config", "drain-secnds", "sometimes", "[configuration-refused]", check.as_str(), heading] {
            assert!(told.out.contains(part), "{part}: {}", told.out);
        }
    }
    let told = staged.doctor(&["--json"]).await;
    assert_eq!((told.code, outcome(&told.json(), "config", "configuration").as_str()), (78, "fail"));
    let told = doctor(Path::new("/nonexistent/gatepost.toml"), &["--json"]).await;
    assert_eq!((told.code, outcome(&told.json(), "config", "configuration").as_str()), (78, "fail"));
}

/// For the console the list of a listener was printed, which its table refuses.
#[tokio::test]
async fn a_port_that_another_program_has_is_told_line_by_line_with_the_line_of_the_table_that_has_it() {
    for (stands, line) in [
        ("protocol = \"smtp\"\nlisten = [\"ADDRESS\"]", "listen = [\"127.0.0.1:<other-port>\"]"),
        ("[console]\nlisten = \"ADDRESS\"", "listen = \"127.0.0.1:<other-port>\""),
    ] {
        taken_at(stands, line).await;
    }
}

async fn taken_at(stands: &str, line: &str) {
    let staged = Staged::new(Plan::default()).await;
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap();
    staged.edit(&stands.replace("ADDRESS", "127.0.0.1:0"), &stands.replace("ADDRESS", &at.to_string()));
    let command = format!("ss -ltnp 'src = {at} or src = 0.0.0.0:{0} or src = [::]:{0}'", at.port());
    for (lang, step) in [("en", "hint:"), ("ja", "次の手順:")] {
        let file = staged.file.clone();
        let ran = tokio::task::spawn_blocking(move || run(&["run", "--lang", lang], &file));
        let (code, _, told) = ran.await.unwrap();
        let lines: Vec<&str> = told.lines().map(str::trim).collect();
        for whole in [step, &command, "kill <process>", line, &staged.gatepost("run")] {
            assert!(lines.contains(&whole), "{whole}: {told}");
        }
        let lists = lines.iter().filter(|line| line.starts_with("listen = ")).count();
        assert!(code == 1 && told.contains("[port-taken]") && lists == 1 && !told.contains("systemd"), "{told}");
        // A line of that log is explained with the same.
        let (file, pasted) =
            (staged.file.clone(), lines.iter().find(|line| line.contains("[port-taken]")).unwrap().to_string());
        let explained = tokio::task::spawn_blocking(move || run(&["explain", &pasted, "--lang", lang], &file));
        let (code, told, _) = explained.await.unwrap();
        let lines: Vec<&str> = told.lines().map(str::trim).collect();
        assert!(code == 0 && lines.contains(&line) && lines.contains(&command.as_str()), "{told}");
    }
    let moved = std::fs::read_to_string(&staged.file).unwrap();
    let free = line.replace("<other-port>", "4321");
    let moved = moved.replace(stands.replace("ADDRESS", &at.to_string()).lines().last().unwrap(), &free);
    std::fs::write(staged.dir.path().join("moved.toml"), moved).unwrap();
    let moved = staged.dir.path().join("moved.toml");
    let (code, told, problems) = run(&["config", "check"], &moved);
    assert_eq!(code, 0, "what is printed is taken: {told}{problems}");
    for arguments in [&["--json"][..], &["--json", "--offline"]] {
        let told = staged.doctor(arguments).await;
        let check = check(&told.json(), "daemon", "listener");
        assert_eq!((told.code, &check["outcome"], &check["fault"]["id"]), (1, &"fail".into(), &"port-taken".into()));
        assert_eq!(check["fault"]["commands"][0], command);
    }
    drop(other);
    let told = staged.doctor(&["--offline"]).await;
    let run = staged.gatepost("run");
    assert!(told.code == 0 && !told.out.contains("All is well") && told.out.contains(&run), "{}", told.out);
}

#[tokio::test]
async fn a_wrong_key_is_told_and_the_sign_ins_are_left_alone() {
    let staged = Staged::new(Plan::default()).await;
    let key = staged.dir.path().join("key");
    let right = std::fs::read(&key).unwrap();
    std::fs::write(&key, "YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=\n").unwrap();
    let told = staged.doctor(&[ANN, "--json"]).await;
    assert_eq!(told.code, 1);
    let store = check(&told.json(), "files", "store");
    assert_eq!(store["fault"]["id"], "store-key-unusable", "{store}");
    assert!(store["fault"]["avoid"].as_str().unwrap().contains("Do not delete"), "{store}");
    nothing_is_said_of_sign_ins(&staged).await;
    std::fs::write(&key, right).unwrap();
    staged.is_well().await;
}

/// Whoever reads beside such a program is undisturbed, so that all was well here while no sign-in could be saved.
#[tokio::test]
async fn a_store_that_another_program_holds_locked_for_writing_fails_although_it_opens() {
    let staged = Staged::new(Plan::default()).await;
    let database = format!("sqlite://{}", staged.dir.path().join("gatepost.db").display());
    let other = sqlx::SqlitePool::connect(&database).await.unwrap();
    let lock = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let store = check(&staged.doctor(&[ANN, "--json"]).await.json(), "files", "store");
    assert_eq!((&store["outcome"], &store["fault"]["id"]), (&"fail".into(), &"store-locked".into()), "{store}");
    lock.rollback().await.unwrap();
    other.close().await;
    staged.is_well().await;
}

/// Of a store that cannot be read nothing is known: nobody is told to sign in.
async fn nothing_is_said_of_sign_ins(staged: &Staged) {
    for arguments in [&[ANN, "--json"][..], &[ANN, "--json", "--offline"]] {
        let told = staged.doctor(arguments).await;
        let report = told.json();
        let failing: Vec<_> =
            report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == "fail").collect();
        assert_eq!((told.code, failing.len()), (1, 1), "the store, and nothing else: {report:#}");
        assert_eq!((&failing[0]["layer"], &failing[0]["name"]), (&"files".into(), &"store".into()));
        let token = check(&report, "token", "mail-token");
        assert_eq!(token["outcome"], "skipped");
        assert_eq!(token["detail"], "not looked at: the stored sign-ins cannot be read");
    }
}

#[tokio::test]
async fn a_damaged_store_is_one_failing_line() {
    let staged = Staged::new(Plan::default()).await;
    let database = staged.dir.path().join("gatepost.db");
    // Other files of these names: who made the first ones may still have them open.
    for name in ["gatepost.db", "gatepost.db-wal", "gatepost.db-shm"] {
        let _ = std::fs::remove_file(staged.dir.path().join(name));
    }
    std::fs::write(&database, "this was a database once; ".repeat(1000)).unwrap();
    nothing_is_said_of_sign_ins(&staged).await;
}

#[tokio::test]
async fn a_file_that_is_no_store_is_told_by_daemon_and_doctor_with_what_it_is_and_what_to_write() {
    let staged = Staged::new(Plan::default()).await;
    let [store, other] = ["gatepost.db", "notes.txt"].map(|name| staged.dir.path().join(name).display().to_string());
    staged.edit(&format!("sqlite://{store}"), &format!("sqlite://{other}"));
    std::fs::write(&other, "bread, milk\n").unwrap();
    for (lang, said, step) in
        [("en", "is no database of SQLite", "hint:"), ("ja", "SQLite のデータベースではありません", "次の手順:")]
    {
        let file = staged.file.clone();
        let run = tokio::task::spawn_blocking(move || run(&["run", "--lang", lang], &file));
        let (code, _, told) = run.await.unwrap();
        let url = "url = \"sqlite:///var/lib/gatepost/gatepost.db\"";
        assert!(code == 1 && [&other, said, step, url].iter().all(|part| told.contains(*part)), "{told}");
    }
    let told = staged.doctor(&["--json", "--offline"]).await;
    let store = check(&told.json(), "files", "store");
    assert_eq!((told.code, &store["fault"]["id"]), (1, &"store-not-ours".into()), "{store}");
    assert_eq!(std::fs::read(&other).unwrap(), b"bread, milk\n");
}

#[tokio::test]
async fn a_state_directory_that_cannot_be_written_is_told() {
    let staged = Staged::new(Plan::default()).await;
    let dir = staged.dir.path();
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o500)).unwrap();
    let told = staged.doctor(&[ANN, "--json", "--offline"]).await;
    std::fs::set_permissions(dir, PermissionsExt::from_mode(0o700)).unwrap();
    let directory = check(&told.json(), "files", "state-directory");
    // Root may write everywhere.
    let is_root = gatepost::net::own_uid() == Some(0);
    assert_eq!(directory["outcome"], if is_root { "pass" } else { "fail" }, "{directory}");
}

#[tokio::test]
async fn a_certificate_that_ended_is_told_and_one_that_ends_soon_is_said() {
    let staged = Staged::new(Plan::default()).await;
    let write = |days: i64| {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let end = jiff::Timestamp::now().as_second() + days * 86_400 + 3600;
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = (SystemTime::UNIX_EPOCH + Duration::from_secs(end.unsigned_abs())).into();
        let key = rcgen::KeyPair::generate().unwrap();
        let file = |name| staged.dir.path().join(name);
        std::fs::write(file("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        std::fs::write(file("key.pem"), key.serialize_pem()).unwrap();
        std::fs::set_permissions(file("key.pem"), PermissionsExt::from_mode(0o600)).unwrap();
    };
    write(-3);
    let dir = staged.dir.path().display().to_string();
    staged.edit(
        "tls = \"off\"",
        &format!("tls = \"starttls\"\ncertificate = \"{dir}/cert.pem\"\nkey = \"{dir}/key.pem\""),
    );
    let told = staged.doctor(&[ANN, "--json", "--offline"]).await;
    let certificate = check(&told.json(), "files", "listener-certificate");
    assert_eq!((told.code, &certificate["fault"]["id"]), (1, &"certificate-ended".into()), "{certificate}");
    write(10);
    let told = staged.doctor(&[ANN, "--json", "--offline"]).await;
    let certificate = check(&told.json(), "files", "listener-certificate");
    assert!(told.code == 0 && certificate["detail"].as_str().unwrap().contains("renew it now"), "{certificate}");
}

#[tokio::test]
async fn offline_nothing_is_asked_and_what_is_stored_is_told() {
    let staged = Staged::new(Plan::default()).await;
    let told = staged.doctor(&[ANN, "--offline", "--json"]).await;
    assert_eq!(told.code, 0, "{}", told.out);
    assert_eq!(outcome(&told.json(), "token", "mail-token"), "pass");
    assert_eq!(staged.sandbox.counts().token_requests_total(), 0);
    staged.is_well().await;
    let report = staged.doctor(&[ANN, "--offline", "--json"]).await.json();
    assert!(
        check(&report, "token", "mail-token")["detail"].as_str().unwrap().contains("good for 59 minutes"),
        "{report:#}"
    );
    assert_eq!(check(&report, "claims", "audience")["detail"], "https://outlook.office.com");
}

#[tokio::test]
async fn the_language_is_that_of_the_locale_and_signs_only_where_they_can_be_read() {
    let staged = Staged::new(Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    let told = |locale: &str| {
        let mut command = command(&["doctor", "--offline"], &staged.file);
        command.env("LANG", locale);
        Told::of(command).out
    };
    let (english, plain, japanese) = (told("en_US.UTF-8"), told("C"), told("ja_JP.UTF-8"));
    assert!(english.contains("✗ token") && english.contains("Whose turn"), "{english}");
    assert!(plain.contains("FAIL token") && plain.is_ascii(), "{plain}");
    assert!(japanese.contains("✗ token") && japanese.contains("対応する側\n    ユーザー"), "{japanese}");
    let columns = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with(['✓', '✗', '–']));
        lines.map(|line| line.chars().take_while(|c| *c != ' ').count()).collect::<Vec<_>>()
    };
    assert!(columns(&english).len() > 4 && columns(&english) == columns(&japanese));
}

#[tokio::test]
async fn an_account_that_nobody_configured_is_named_with_those_that_are() {
    let staged = Staged::new(Plan::default()).await;
    let told = staged.doctor(&["nobody@contoso.example"]).await;
    assert_eq!(told.code, 1);
    assert!(told.errors.contains(&format!("configured: {ANN}")), "{}", told.errors);
}

#[tokio::test]
async fn the_json_has_the_fields_that_its_documentation_names() {
    let staged = Staged::rehearsing(Plan::default(), "smtp-auth-disabled-mailbox").await;
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    assert_eq!(report["schema"], 1);
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/doctor.md")).unwrap();
    let check = &report["checks"][usize::try_from(report["first-failure"].as_u64().unwrap()).unwrap()];
    for object in [&report, check, &check["fault"]] {
        for field in object.as_object().unwrap().keys() {
            assert!(page.contains(&format!("`{field}`")), "docs/doctor.md does not name {field}");
        }
    }
    for check in report["checks"].as_array().unwrap() {
        for word in [&check["layer"], &check["name"]] {
            assert!(page.contains(&format!("`{}`", word.as_str().unwrap())), "docs/doctor.md does not name {word}");
        }
    }
}

#[tokio::test]
async fn its_help_says_what_it_stores() {
    let staged = Staged::new(Plan::default()).await;
    let told = staged.doctor(&["--help"]).await;
    assert!(told.out.contains("It stores access tokens") && !told.out.contains("It changes nothing"), "{}", told.out);
}
