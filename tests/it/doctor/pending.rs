//! A restart that is pending: it is told where it goes well, and what comes first where it would end the daemon, or leave its
//! store behind.

use std::{net::TcpListener, time::Duration};

use gatepost::base::Protocol;
use serde_json::{Value, json};

use super::{
    clients::beside_a_daemon,
    stage::{Staged, check},
};
use crate::{
    process::{Program, command, run},
    queue::queued_as,
    world::{ANN, Plan},
};

const WAITS: [(&str, &str); 2] = [("en", "needs-restart: "), ("ja", "再起動するまで有効にならない変更: ")];

fn status(staged: &Staged, lang: &str) -> (i32, String, String) {
    run(&["status", "--lang", lang], &staged.file)
}

/// The line that tells what takes a restart, with its commands.
fn pending(staged: &Staged, lang: &str, head: &str) -> String {
    let told = status(staged, lang).1;
    told.lines().find(|line| line.starts_with(head)).unwrap_or_else(|| panic!("{told}")).to_owned()
}

/// With this listener besides, and loaded.
async fn with_listener(staged: &Staged, program: &Program, listen: &str) {
    let more = format!("\n[[listener]]\nprotocol = \"smtp\"\nlisten = [\"{listen}\"]\ntls = \"off\"\n");
    let text = std::fs::read_to_string(&staged.file).unwrap();
    std::fs::write(&staged.file, text + &more).unwrap();
    program.reload().await;
}

/// All that fails, as `target id`.
async fn failing(staged: &Staged) -> Vec<String> {
    let report = staged.doctor(&["--json"]).await.json();
    let all = report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == "fail");
    all.map(|check| {
        format!("{} {}", check["target"].as_str().unwrap_or_default(), check["fault"]["id"].as_str().unwrap())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_to_restart_a_daemon_that_could_not_start_again_for_a_port_is_taken() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = other.local_addr().unwrap();
    with_listener(&staged, &program, &at.to_string()).await;
    let (restart, doctor) = (format!("kill {}", program.id()), staged.gatepost("doctor"));
    let warned = program.logs("until a restart").await;
    assert!(warned.contains("[port-taken]") && warned.contains(&doctor) && !warned.contains(&restart), "{warned}");
    for (lang, head) in WAITS {
        let line = pending(&staged, lang, head);
        assert!(line.contains(&format!("listeners +smtp {at} (")) && line.contains("[port-taken]"), "{line}");
        assert!(line.contains(&format!("`{doctor}`")) && !line.contains(&restart), "{line}");
    }
    assert_eq!(failing(&staged).await, [format!("smtp {at} port-taken")]);
    let report = staged.doctor(&["--json"]).await.json();
    let taken = report["checks"].as_array().unwrap().iter().find(|check| check["outcome"] == "fail").unwrap();
    let commands: Vec<&str> =
        taken["fault"]["commands"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
    let run_again = staged.gatepost("run");
    assert!(commands.ends_with(&[restart.as_str(), run_again.as_str()]), "behind what is in the way: {commands:?}");

    drop(other);
    assert_eq!(failing(&staged).await, [format!("{} restart-pending", staged.file.display())]);
    program.reload().await;
    for (lang, head) in WAITS {
        let line = pending(&staged, lang, head);
        assert!(line.contains(&restart) && !line.contains("port-taken"), "{line}");
    }
    program.stopped().await;
    Program::start(&staged.file).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_nobody_handed_over_is_told_as_that_and_not_as_one_that_opens_at_the_restart() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    with_listener(&staged, &program, "systemd:nosuch").await;
    let warned = program.logs("until a restart").await;
    assert!(warned.contains("[socket-not-handed-over]") && !warned.contains("`kill "), "{warned}");
    assert_eq!(failing(&staged).await, ["smtp systemd:nosuch socket-not-handed-over"]);
    // The daemon that starts on it says so.
    program.stopped().await;
    let (code, _, errors) = run(&["run"], &staged.file);
    assert!(code == 1 && errors.contains("systemd handed over no TCP socket"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_a_restart_leaves_behind_is_told_with_what_is_in_it_and_the_next_daemon_begins_behind_the_end_of_this()
 {
    let (staged, program) = with_mail_that_waits().await;
    staged.edit("/gatepost.db", "/other/gatepost.db");
    program.reload().await;
    let told = program.logs("a restart leaves").await;
    let [database, queue] = ["gatepost.db", "gatepost.queue"].map(|name| staged.dir.path().join(name));
    let before = format!("behind in the store {} (messages: 3)", database.display());
    let step = format!("move {} (with its -wal, where it is there) and {}, ", database.display(), queue.display());
    assert!(told.contains("WARN") && told.contains(&before) && told.contains(&step), "{told}");
    let warned = program.logs("until a restart").await;
    let (id, again) = (program.id(), staged.gatepost("run"));
    let wait = format!("while kill -0 {id} 2>/dev/null; do sleep 1; done");
    assert!(warned.contains(&format!("`kill {id}`, `{wait}`, `{again}`")), "{warned}");
    let first = format!(
        "Decide first what becomes of the mail and the sign-ins in the store before, `sqlite://{}`",
        database.display()
    );
    assert!(warned.find(&first) < warned.find(&format!("`kill {id}`")) && warned.contains(&first), "{warned}");
    for ((lang, head), first) in WAITS.into_iter().zip(["decide first what becomes", "扱いを先に決めて"]) {
        let line = pending(&staged, lang, head);
        assert!(line.contains(first) && line.find(first) < line.find(&format!("`kill {id}`")), "{line}");
    }

    let waited = tokio::task::spawn_blocking(move || {
        std::process::Command::new("sh").args(["-c", &wait]).status().unwrap().success()
    });
    program.stopped().await;
    assert!(tokio::time::timeout(Duration::from_secs(20), waited).await.expect("it sees the end").unwrap());
    let program = Program::start(&staged.file).await;
    let loaded = check(&staged.doctor(&[ANN, "--json"]).await.json(), "daemon", "loaded-configuration");
    assert_eq!(loaded["outcome"], "pass", "{loaded}");
    program.stopped().await;

    // As that step says.
    let other = staged.dir.path().join("other");
    std::fs::remove_dir_all(&other).unwrap();
    std::fs::create_dir(&other).unwrap();
    for from in [&database, &queue] {
        std::fs::rename(from, other.join(from.file_name().unwrap())).unwrap();
    }
    let program = Program::start(&staged.file).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"), "nobody signs in again");
    let (_, list, _) = run(&["queue", "list", "--json"], &staged.file);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list["messages"].as_array().unwrap().len(), 3, "{list}");
}

/// Stopped, the file changed, started again: nobody was told of the mail.
#[tokio::test(flavor = "multi_thread")]
async fn mail_in_the_store_before_is_told_also_where_the_file_was_changed_while_no_daemon_ran() {
    let (staged, program) = with_mail_that_waits().await;
    program.stopped().await;
    let home = staged.dir.path().join("home");
    std::fs::create_dir_all(home.join("gatepost")).unwrap();
    let start = || {
        let mut command = command(&["run", "--log-format", "json"], &staged.file);
        command.env("XDG_STATE_HOME", &home);
        Program::from(command)
    };
    start().await.stopped().await;
    staged.edit("/gatepost.db", "/other/gatepost.db");
    let program = start().await;
    let warned = program.logs("what the store before holds").await;
    let database = staged.dir.path().join("gatepost.db").display().to_string();
    assert!(warned.contains(&format!("{database} has messages (3)")), "{warned}");
    let (waiting, behind) = in_queue_and_behind(&staged);
    assert_eq!((waiting, &behind["store"], &behind["messages"]), (0, &json!(database), &json!(3)));
    // Whoever goes back as told has another store behind that, and the one that starts there waits for the end of this.
    let wait = format!("while kill -0 {} 2>/dev/null; do sleep 1; done", program.id());
    let told = status(&staged, "en").1;
    assert!(told.contains(&wait) && told.contains(&format!("url = \"sqlite://{database}\"")), "{told}");
    staged.edit("/other/gatepost.db", "/gatepost.db");
    program.reload().await;
    program.logs("until a restart").await;
    let told = status(&staged, "en").1;
    assert!(!told.contains("left-behind"), "nothing was left in the one that is left: {told}");
    program.stopped().await;
    let program = start().await;
    assert_eq!(in_queue_and_behind(&staged), (3, Value::Null));
    program.stopped().await;
}

/// With three messages that wait, since the mail server takes none.
pub async fn with_mail_that_waits() -> (Staged, Program) {
    let mut plan = Plan::default();
    plan.sandbox.faults.apply("smtp-auth-disabled-tenant");
    let staged = Staged::new(plan).await;
    for subject in ["one", "two", "three"] {
        queued_as(staged.dir.path(), subject, |_| {}).await;
    }
    let program = super::clients::daemon_of(&staged).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    (staged, program)
}

fn told(staged: &Staged, arguments: &[&str]) -> (i32, String) {
    let (code, out, errors) = run(arguments, &staged.file);
    (code, out + &errors)
}

/// How many messages the list has, and what stands in the status as left behind.
pub fn in_queue_and_behind(staged: &Staged) -> (usize, Value) {
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&run(arguments, &staged.file).1).unwrap() };
    let (list, status) = (json(&["queue", "list", "--json"]), json(&["status", "--json"]));
    (list["messages"].as_array().unwrap().len(), status["left-behind"].clone())
}

/// Whoever asked then was told that another program has the console's port, and saw an empty queue.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_found_also_where_its_file_names_another_store_by_now() {
    let (staged, program) = with_mail_that_waits().await;
    staged.edit("/gatepost.db", "/other/gatepost.db");
    let reload = format!("kill -HUP {}", program.id());
    for (lang, runs) in
        [("en", format!("yes (process {})", program.id())), ("ja", format!("はい（プロセス {}）", program.id()))]
    {
        let (code, text) = told(&staged, &["status", "--lang", lang]);
        assert!(code == 1 && text.contains(&runs), "{text}");
        for text in
            [text, told(&staged, &["queue", "list", "--lang", lang]).1, told(&staged, &["console", "--lang", lang]).1]
        {
            assert!(text.contains("[configuration-not-loaded]") && text.contains(&reload), "{text}");
            assert!(!text.contains("port-taken"), "{text}");
        }
    }
    assert_eq!(failing(&staged).await, [format!("{} configuration-not-loaded", staged.file.display())]);
    assert!(!staged.dir.path().join("other").exists(), "nobody made the store");

    program.reload().await;
    program.logs("until a restart").await;
    let (waiting, behind) = in_queue_and_behind(&staged);
    let database = staged.dir.path().join("gatepost.db").display().to_string();
    assert_eq!((waiting, &behind["messages"], &behind["store"]), (3, &json!(3), &json!(database)));
    for (lang, head) in [("en", "left-behind"), ("ja", "別のストアに残っているもの")] {
        let (code, text) = told(&staged, &["status", "--lang", lang]);
        assert!(code == 0 && text.contains(head) && text.contains(&format!("url = \"sqlite://{database}\"")), "{text}");
        assert!(!text.contains("port-taken"), "{text}");
    }
    let fails = failing(&staged).await;
    assert!(fails.contains(&format!("{} restart-pending", staged.file.display())), "{fails:?}");
    assert!(!fails.iter().any(|one| one.contains("sign-in-missing") || one.contains("port-taken")), "{fails:?}");
    // What it holds is told before the restart, by whatever is asked, and the one that starts behind it waits for its end.
    assert!(fails.contains(&format!("{database} mail-left-behind")), "{fails:?}");
    let (_, list) = told(&staged, &["queue", "list"]);
    assert!(list.contains("[mail-left-behind]") && list.contains("messages 3") && list.contains(&database), "{list}");
    let wait = format!("while kill -0 {} 2>/dev/null; do sleep 1; done", program.id());
    for arguments in [&["status"][..], &["doctor"], &["explain", "restart-pending"], &["queue", "list"]] {
        let text = told(&staged, arguments).1;
        assert!(text.contains(&wait), "{arguments:?}: {text}");
    }
    let doctor = told(&staged, &["doctor"]).1;
    assert!(
        !doctor.contains("cannot be read") && doctor.contains("in the store that the file named before"),
        "{doctor}"
    );
}

/// A sign-in made half a store in the new place, and the move of the guide passed over it without a word.
#[tokio::test(flavor = "multi_thread")]
async fn no_command_begins_the_store_of_the_next_daemon_while_this_one_runs() {
    let (staged, program) = with_mail_that_waits().await;
    staged.edit("/gatepost.db", "/other/gatepost.db");
    program.reload().await;
    program.logs("until a restart").await;
    for arguments in [&["login", ANN][..], &["logout", ANN, "--yes"], &["backup", "copy.db"]] {
        let (code, text) = told(&staged, arguments);
        assert!(code == 1 && text.contains("[restart-pending]") && !text.contains("No daemon runs"), "{text}");
        assert!(text.contains("Decide first what becomes of the mail"), "{text}");
    }
    let other = staged.dir.path().join("other");
    assert!(!["gatepost.db", "key"].iter().any(|name| other.join(name).exists()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restart_left_in_the_store_before_is_told_until_somebody_goes_back_for_it() {
    let (staged, program) = with_mail_that_waits().await;
    let database = staged.dir.path().join("gatepost.db").display().to_string();
    // Nobody reloads: the daemon sees it when it ends.
    staged.edit("/gatepost.db", "/other/gatepost.db");
    program.stopped().await;
    let (_, behind) = in_queue_and_behind(&staged);
    assert_eq!(behind["messages"], 3, "also while none runs");
    let program = Program::start(&staged.file).await;
    let warned = program.logs("what the store before holds").await;
    assert!(
        warned.contains("mail-left-behind") && warned.contains(&format!("{database} has messages (3)")),
        "{warned}"
    );
    let (waiting, behind) = in_queue_and_behind(&staged);
    assert_eq!((waiting, &behind["id"], &behind["messages"]), (0, &json!("mail-left-behind"), &json!(3)));
    let (_, text) = told(&staged, &["queue", "list"]);
    assert!(text.contains("[mail-left-behind]") && text.contains("messages 3") && text.contains(&database), "{text}");
    assert!(failing(&staged).await.contains(&format!("{database} mail-left-behind")));

    // As its step says.
    staged.edit("/other/gatepost.db", "/gatepost.db");
    program.reload().await;
    program.logs("until a restart").await;
    program.stopped().await;
    let program = Program::start(&staged.file).await;
    assert_eq!(in_queue_and_behind(&staged), (3, Value::Null));
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"), "nobody signs in again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_would_meet_a_database_of_another_program_is_not_told_as_one_that_helps() {
    let (staged, program) = with_mail_that_waits().await;
    std::fs::write(staged.dir.path().join("other.db"), "not a database, and somebody's").unwrap();
    staged.edit("/gatepost.db", "/other.db");
    program.reload().await;
    let warned = program.logs("until a restart").await;
    let (restart, doctor) = (format!("`kill {}`", program.id()), staged.gatepost("doctor"));
    assert!(warned.contains("[store-not-ours]") && warned.contains(&doctor) && !warned.contains(&restart), "{warned}");
    // Beside that database nothing is written, so nobody finds the daemon there.
    for lang in ["en", "ja"] {
        let (code, text) = told(&staged, &["status", "--lang", lang]);
        assert!(code == 1 && text.contains("[store-not-ours]") && !text.contains(&restart), "{text}");
        assert!(text.contains(&program.id().to_string()) && !text.contains("port-taken"), "{text}");
    }
    let other = staged.dir.path().join("other.db");
    assert_eq!(failing(&staged).await, [format!("{} store-not-ours", other.display())]);
}

/// The key of another certificate: the daemon goes on, and none could start behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_would_meet_a_key_of_another_certificate_is_not_told_as_one_that_helps() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let pair = || rcgen::generate_simple_self_signed(["mail.example".to_owned()]).unwrap();
    let (certificate, key) = (staged.dir.path().join("cert.pem"), staged.dir.path().join("cert.key"));
    std::fs::write(&certificate, pair().cert.pem()).unwrap();
    std::fs::write(&key, pair().signing_key.serialize_pem()).unwrap();
    let more = format!(
        "\n[[listener]]\nprotocol = \"imap\"\nlisten = [\"127.0.0.1:0\"]\ntls = \"starttls\"\ncertificate = {certificate:?}\nkey = \
         {key:?}\n"
    );
    let text = std::fs::read_to_string(&staged.file).unwrap();
    std::fs::write(&staged.file, text + &more).unwrap();
    program.reload().await;
    let warned = program.logs("until a restart").await;
    assert!(
        warned.contains("[certificate-ended]") && !warned.contains(&format!("`kill {}`", program.id())),
        "{warned}"
    );
    let fails = failing(&staged).await;
    assert_eq!(fails, [format!("{} certificate-ended", key.display())], "and no restart is told");
}

/// A store that was renamed within its folder has the folder of another one for its queue: that start fails.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_would_meet_the_queue_of_another_store_is_not_told_as_one_that_helps() {
    let (staged, program) = with_mail_that_waits().await;
    staged.edit("/gatepost.db", "/gatepost.sqlite");
    program.reload().await;
    let warned = program.logs("until a restart").await;
    assert!(warned.contains("[queue-failing]") && !warned.contains(&format!("`kill {}`", program.id())), "{warned}");
}

/// Stores that were left one behind the other: the first one had the mail.
#[tokio::test(flavor = "multi_thread")]
async fn mail_in_a_store_that_was_left_two_moves_ago_is_told_and_what_was_announced_goes_with_the_url() {
    let (staged, program) = with_mail_that_waits().await;
    let first = staged.dir.path().join("gatepost.db").display().to_string();
    let files =
        |name: &str| [".token", ".store-before"].map(|end| staged.dir.path().join(format!("{name}{end}")).exists());
    staged.edit("/gatepost.db", "/second.db");
    program.reload().await;
    program.logs("until a restart").await;
    assert_eq!(files("second.db"), [true, true]);
    staged.edit("/second.db", "/third.db");
    program.reload().await;
    assert_eq!((files("second.db"), files("third.db")), ([false, false], [true, true]), "the url moved on");
    staged.edit("/third.db", "/second.db");
    program.reload().await;
    program.stopped().await;
    let program = Program::start(&staged.file).await;
    staged.edit("/second.db", "/third.db");
    program.stopped().await;
    let program = Program::start(&staged.file).await;
    let behind = in_queue_and_behind(&staged).1;
    assert_eq!((&behind["store"], &behind["messages"]), (&json!(first), &json!(3)), "{behind}");
    program.stopped().await;
}

/// A reload said that nothing changed, and the next one who connected found it in the log, without an id.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_ended_or_does_not_fit_its_key_is_a_line_of_the_log_at_a_start_and_at_a_reload() {
    let staged = Staged::new(Plan::default()).await;
    let (certificate, key) = (staged.dir.path().join("cert.pem"), staged.dir.path().join("cert.key"));
    let own = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["mail.example".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
    std::fs::write(&certificate, params.self_signed(&own).unwrap().pem()).unwrap();
    std::fs::write(&key, own.serialize_pem()).unwrap();
    let more = format!(
        "\n[[listener]]\nprotocol = \"imap\"\nlisten = [\"127.0.0.1:0\"]\ntls = \"starttls\"\ncertificate = {certificate:?}\nkey = \
         {key:?}\n"
    );
    let text = std::fs::read_to_string(&staged.file).unwrap();
    std::fs::write(&staged.file, text + &more).unwrap();
    let program = super::clients::daemon_of(&staged).await;
    let warned = program.logs("a certificate has ended or cannot be used").await;
    assert!(
        warned.contains("WARN") && warned.contains("\"id\":\"certificate-ended\"") && warned.contains("\"next\":"),
        "{warned}"
    );
    let other = rcgen::KeyPair::generate().unwrap();
    std::fs::write(&key, other.serialize_pem()).unwrap();
    program.reload().await;
    let warned = program.logs("does not belong to").await;
    assert!(warned.contains("\"id\":\"certificate-ended\"") && warned.contains("\"next\":"), "{warned}");
}
