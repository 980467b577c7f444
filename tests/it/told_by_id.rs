//! What keeps the daemon from starting, and what of its configuration it does not have, is told as any other fault: with the id and
//! its short text, on stderr, in the log, by the status and on the console, and `explain` leads on from each of these.

use std::{fs, net::TcpListener, path::Path};

use gatepost::{
    base::Lang,
    catalog::{self, Entry},
    config, daemon,
};

use crate::{
    browser::Browser,
    process::{Program, run},
    short_texts::{askable, has, shown as shown_at},
    world::{Plan, World, journal, stage},
};

const LANGS: [(&str, Lang); 2] = [("en", Lang::En), ("ja", Lang::Ja)];

/// Whoever pastes it gets this fault, and in Japanese it is a sentence of that.
fn leads_to(entry: &Entry, pasted: &str, file: &Path, word: &str) {
    has(pasted, entry);
    assert!(word == "en" || !pasted.is_ascii(), "{pasted}");
    let (code, explained, errors) = run(&["explain", pasted, "--lang", word], file);
    assert!(code == 0 && explained.starts_with(entry.id), "{pasted}: {explained}{errors}");
}

/// What is done to the folder and the file ahead of the start.
type Spoil<'a> = dyn Fn(&Path, &Path) + 'a;

fn edit(file: &Path, before: &str, behind: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(before), "{before}: {text}");
    fs::write(file, text.replacen(before, behind, 1)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_keeps_the_daemon_from_starting_is_told_with_its_id_and_short_text_in_both_languages() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = format!("listen = [\"{}\"]", taken.local_addr().unwrap());
    let cases: [(&str, &Spoil); 7] = [
        ("configuration-refused", &|_, file| edit(file, "[daemon]\n", "[daemon]\nsign-on-second = 4\n")),
        ("configuration-missing", &|_, file| fs::remove_file(file).unwrap()),
        ("store-not-ours", &|dir, _| fs::write(dir.join("gatepost.db"), "bread, milk\n").unwrap()),
        ("store-not-ours", &|dir, _| {
            let _ = fs::remove_file(dir.join("gatepost.db"));
            fs::create_dir(dir.join("gatepost.db")).unwrap();
        }),
        ("port-taken", &|_, file| edit(file, "listen = [\"127.0.0.1:0\"]", &taken)),
        ("listen-address-unknown", &|_, file| {
            edit(file, "listen = [\"127.0.0.1:0\"]", "listen = [\"192.0.2.77:0\"]");
        }),
        ("port-taken", &|_, file| edit(file, "listen = \"127.0.0.1:0\"", &taken.replace(['[', ']'], ""))),
    ];
    for (id, spoil) in cases {
        let (_sandbox, dir, file) = stage(&Plan { signed_in: Vec::new(), ..Plan::default() }).await;
        spoil(dir.path(), &file);
        for (word, _) in LANGS {
            refused_with(id, &["run", "--lang", word], &file, word);
        }
    }
}

/// The line that says why.
fn refused_with(id: &str, command: &[&str], file: &Path, word: &str) -> String {
    let (code, _, errors) = run(command, file);
    let head = errors.lines().find(|line| line.starts_with("error: ") || line.starts_with("エラー: "));
    let head = head.unwrap_or_else(|| panic!("{id}: {errors}"));
    assert!(code != 0, "{errors}");
    leads_to(catalog::find(id).unwrap(), head, file, word);
    head.to_owned()
}

/// The status reads the same store and says the same of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_open_is_told_alike_by_run_and_status() {
    let other = [7; 32];
    let cases: [(&str, &Spoil); 6] = [
        ("store-key-unusable", &|dir, _| fs::remove_file(dir.join("key")).unwrap()),
        ("store-key-unusable", &|dir, _| fs::write(dir.join("key"), other).unwrap()),
        ("store-key-unusable", &|dir, _| {
            fs::remove_file(dir.join("key")).unwrap();
            fs::create_dir(dir.join("key")).unwrap();
        }),
        ("store-unavailable", &|dir, _| {
            let mut pages = fs::read(dir.join("gatepost.db")).unwrap();
            pages[100..].fill(0xff);
            fs::write(dir.join("gatepost.db"), pages).unwrap();
        }),
        ("store-not-ours", &|dir, _| fs::write(dir.join("gatepost.db"), "bread, milk\n").unwrap()),
        ("store-not-ours", &|dir, _| {
            fs::remove_file(dir.join("gatepost.db")).unwrap();
            fs::create_dir(dir.join("gatepost.db")).unwrap();
        }),
    ];
    for (id, spoil) in cases {
        let (_sandbox, dir, file) = stage(&Plan::default()).await;
        spoil(dir.path(), &file);
        for (word, _) in LANGS {
            for command in ["run", "status"] {
                refused_with(id, &[command, "--lang", word], &file, word);
            }
        }
        let json: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &file).1).unwrap();
        assert!(json["store"].as_str().unwrap().contains(&format!("[{id}]: ")), "{json}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_else_a_daemon_cannot_begin_with_is_told_with_its_id_and_short_text_in_both_languages() {
    let pair = || rcgen::generate_simple_self_signed(["mail.example".to_owned()]).unwrap();
    let cases: [(&str, &Spoil); 4] = [
        ("certificate-ended", &|dir, file| {
            let (certificate, key) = (dir.join("cert.pem"), dir.join("cert.key"));
            fs::write(&certificate, pair().cert.pem()).unwrap();
            fs::write(&key, pair().signing_key.serialize_pem()).unwrap();
            let lines = format!("tls = \"starttls\"\ncertificate = {certificate:?}\nkey = {key:?}\n");
            edit(file, "tls = \"off\"\n", &lines);
        }),
        ("authorities-unusable", &|dir, _| fs::write(dir.join("ca.pem"), "nothing\n").unwrap()),
        ("socket-not-handed-over", &|_, file| {
            edit(file, "listen = [\"127.0.0.1:0\"]", "listen = [\"systemd:submission\"]");
        }),
        ("queue-failing", &|dir, _| fs::write(dir.join("gatepost.queue"), "").unwrap()),
    ];
    for (id, spoil) in cases {
        let (_sandbox, dir, file) = stage(&Plan { tls: "off", ..Plan::default() }).await;
        spoil(dir.path(), &file);
        for (word, _) in LANGS {
            let head = refused_with(id, &["run", "--lang", word], &file, word);
            assert!(
                word == "en" || ["messages cannot", "check disk"].iter().all(|english| !head.contains(english)),
                "{head}"
            );
            // The process that would be signalled has ended.
            let (_, _, errors) = run(&["run", "--lang", word], &file);
            let of_a_daemon =
                ["kill ", "by itself", "自動的に読み直されます", "The client was told", "クライアントには"];
            assert!(of_a_daemon.iter().all(|words| !errors.contains(words)), "{errors}");
            if id == "queue-failing" {
                let (code, looks, _) = run(&["doctor", "--offline", "--lang", word], &file);
                assert!(code != 0 && looks.contains(id), "{looks}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_another_gatepost_has_is_told_with_its_id_and_which_one_is_in_the_way() {
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    let program = Program::start(&file).await;
    let other = dir.path().join("other.toml");
    fs::copy(&file, &other).unwrap();
    for (word, _) in LANGS {
        for file in [&file, &other] {
            let head = refused_with("store-in-use", &["run", "--lang", word], file, word);
            assert!(head.contains(&program.id().to_string()), "{head}");
        }
    }
    program.stopped().await;
}

/// The row of the status in the words of this language, and the page.
async fn shown(world: &World, file: &Path, word: &str, heading: &str) -> (Option<String>, String) {
    let (_, table, errors) = run(&["status", "--lang", word], file);
    let row = table.lines().find(|line| line.starts_with(&format!("{heading}: "))).map(str::to_owned);
    assert!(!table.is_empty(), "{errors}");
    let mut browser = Browser::inside(world).await;
    let chosen = browser.get(&format!("/?lang={word}")).await;
    browser.keep_cookies(&chosen);
    (row, shown_at(&browser, "/").await)
}

/// Somebody put the file back as it was read before and believes the reload that was refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_a_reload_refused_is_told_by_log_status_and_console_until_one_is_taken_over() {
    let world = askable(Plan::default()).await;
    let file = world.dir.path().join("gatepost.toml");
    let entry = catalog::find("configuration-refused").unwrap();
    let running = config::load(&file).unwrap().0;
    edit(&file, "[daemon]\n", "[daemon]\nsign-on-second = 4\n");
    let place = format!("{}:", file.display());
    let running = daemon::reload(&world.daemon, running, &file).await;
    let logged = journal().lines(&["the configuration was not taken over, nothing changed: ", &place]);
    let [line] = &logged[..] else { panic!("{logged:#?}") };
    assert!(line.contains("owner=\"operator\"") && line.contains("next=\"Mend the lines"), "{line}");
    leads_to(entry, line, &file, "en");

    edit(&file, "sign-on-second = 4\n", "");
    let headings = ["refused-reload", "反映されなかった設定"];
    for ((word, lang), heading) in LANGS.into_iter().zip(headings) {
        let (row, page) = shown(&world, &file, word, heading).await;
        let row = row.unwrap();
        leads_to(entry, &row, &file, word);
        assert!(row.contains("sign-on-second") && row.contains(&place) && row.contains(" config check`"), "{row}");
        assert!(page.contains("sign-on-second") && page.contains("<span>config</span> <span>check</span>"), "{page}");
        assert!(page.contains(&catalog::in_short_with_id(entry.id, lang).unwrap()), "{page}");
    }
    let json: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &file).1).unwrap();
    let told = &json["refused-reload"];
    assert_eq!((&told["id"], &told["text"]), (&entry.id.into(), &entry.short().into()), "{json}");
    assert!(told["problem"].as_str().unwrap().contains("sign-on-second") && told["at"].is_u64(), "{json}");

    daemon::reload(&world.daemon, running, &file).await;
    for ((word, _), heading) in LANGS.into_iter().zip(headings) {
        let (row, page) = shown(&world, &file, word, heading).await;
        assert!(row.is_none() && !page.contains(entry.id), "{row:?} {page}");
    }
}

/// The step was `gatepost setup`, and no word that the daemon goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_is_gone_at_a_reload_is_to_be_put_back_while_the_daemon_goes_on_with_what_it_had() {
    let world = askable(Plan::default()).await;
    let (file, away) = (world.dir.path().join("gatepost.toml"), world.dir.path().join("away.toml"));
    let entry = catalog::find("configuration-gone").unwrap();
    let running = config::load(&file).unwrap().0;
    fs::rename(&file, &away).unwrap();
    let running = daemon::reload(&world.daemon, running, &file).await;
    let place = format!("{}: there is no such file", file.display());
    let logged = journal().lines(&["the configuration was not taken over, nothing changed: ", &place]);
    let [line] = &logged[..] else { panic!("{logged:#?}") };
    assert!(line.contains("next=\"Put the file back") && !line.contains("hint="), "{line}");
    fs::rename(&away, &file).unwrap();
    leads_to(entry, line, &file, "en");
    let (row, page) = shown(&world, &file, "en", "refused-reload").await;
    assert!(row.unwrap().contains("Put the file back") && page.contains("goes on with what it had"), "{page}");
    daemon::reload(&world.daemon, running, &file).await;
    assert!(shown(&world, &file, "en", "refused-reload").await.0.is_none());
}

/// Only root may give files away.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_another_user_is_told_with_its_id_and_as_whom_to_run_the_command() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (_sandbox, dir, file) = stage(&Plan::default()).await;
    std::os::unix::fs::chown(dir.path().join("gatepost.db"), Some(4242), Some(4242)).unwrap();
    for (word, _) in LANGS {
        // What root's daemon made there its own could not read, and nothing was delivered any more.
        for command in [&["queue", "list"][..], &["login", "ann@contoso.example"], &["run"]] {
            let head = refused_with("store-of-another-user", &[command, &["--lang", word]].concat(), &file, word);
            assert!(head.contains("4242"), "{head}");
        }
    }
}

/// `config check` called that file fine, and the reload had no other advice than `config check`.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_without_a_certificate_is_named_by_config_check_and_by_the_reload_that_it_refuses() {
    let world = askable(Plan::default()).await;
    let file = world.dir.path().join("gatepost.toml");
    let roots = world.dir.path().join("ca.pem");
    let running = config::load(&file).unwrap().0;
    let right = fs::read(&roots).unwrap();
    fs::write(&roots, "nothing\n").unwrap();
    let entry = catalog::find("authorities-unusable").unwrap();
    let japanese = "証明書がありません";
    for ((word, _), what) in LANGS.into_iter().zip(["holds no certificate", japanese]) {
        let (code, _, errors) = run(&["config", "check", "--lang", word], &file);
        let line = errors.lines().find(|line| line.contains("ca.pem")).unwrap_or_else(|| panic!("{errors}"));
        assert!(code == 78 && line.contains("gatepost.toml:") && line.contains(what), "{errors}");
        leads_to(entry, line, &file, word);
    }
    let running = daemon::reload(&world.daemon, running, &file).await;
    let logged = journal().lines(&["the configuration was not taken over, nothing changed: ", "ca.pem"]);
    let [line] = &logged[..] else { panic!("{logged:#?}") };
    assert!(line.contains("id=\"authorities-unusable\"") && !line.contains("config check"), "{line}");
    let heading = "反映されなかった設定";
    let (row, page) = shown(&world, &file, "ja", heading).await;
    for told in [row.unwrap(), page] {
        assert!(told.contains(japanese) && !told.contains("holds no"), "{told}");
    }
    fs::write(&roots, right).unwrap();
    assert_eq!(run(&["config", "check"], &file).0, 0);
    daemon::reload(&world.daemon, running, &file).await;
    assert!(shown(&world, &file, "ja", heading).await.0.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_whose_key_is_of_another_is_named_by_config_check_as_by_the_start() {
    let (_sandbox, dir, file) = stage(&Plan { tls: "off", ..Plan::default() }).await;
    let pair = || rcgen::generate_simple_self_signed(["mail.example".to_owned()]).unwrap();
    let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("cert.key"));
    fs::write(&certificate, pair().cert.pem()).unwrap();
    fs::write(&key, pair().signing_key.serialize_pem()).unwrap();
    let lines = format!("tls = \"starttls\"\ncertificate = {certificate:?}\nkey = {key:?}\n");
    edit(&file, "tls = \"off\"\n", &lines);
    for (word, _) in LANGS {
        let (code, _, errors) = run(&["config", "check", "--lang", word], &file);
        let line = errors.lines().find(|line| line.contains("cert.key")).unwrap_or_else(|| panic!("{errors}"));
        assert!(code == 78 && (word == "en") == line.contains("does not belong to"), "{errors}");
        leads_to(catalog::find("certificate-ended").unwrap(), line, &file, word);
    }
    assert_eq!(run(&["config", "show"], &file).0, 0, "whoever does not start goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_restart_is_told_with_its_id_and_short_text_by_log_status_and_console() {
    let world = askable(Plan::default()).await;
    let file = world.dir.path().join("gatepost.toml");
    let entry = catalog::find("restart-pending").unwrap();
    let running = config::load(&file).unwrap().0;
    edit(&file, "listen = [\"127.0.0.1:0\"]", "listen = [\"127.0.0.1:0\", \"127.99.1.2:0\"]");
    let running = daemon::reload(&world.daemon, running, &file).await;
    let logged = journal().lines(&["until a restart the daemon runs on without what is new of", "127.99.1.2"]);
    let [line] = &logged[..] else { panic!("{logged:#?}") };
    assert!(
        line.contains("owner=\"operator\"")
            && line.contains("next=\"What takes the change over, or says what is in its way: `"),
        "{line}"
    );
    leads_to(entry, line, &file, "en");
    let headings = ["needs-restart", "再起動するまで有効にならない変更"];
    for ((word, lang), heading) in LANGS.into_iter().zip(headings) {
        let (row, page) = shown(&world, &file, word, heading).await;
        leads_to(entry, &row.unwrap(), &file, word);
        assert!(page.contains("127.99.1.2"), "{page}");
        assert!(page.contains(&catalog::in_short_with_id(entry.id, lang).unwrap()), "{page}");
    }
    let json: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &file).1).unwrap();
    let told = &json["needs-restart"];
    assert_eq!((&told["id"], &told["text"]), (&entry.id.into(), &entry.short().into()), "{json}");
    assert!(told["what"].as_str().unwrap().contains("127.99.1.2") && told["restart"].is_string(), "{json}");
    edit(&file, ", \"127.99.1.2:0\"]", "]");
    daemon::reload(&world.daemon, running, &file).await;
    let (row, page) = shown(&world, &file, "en", headings[0]).await;
    assert!(row.is_none() && !page.contains(entry.id), "{row:?} {page}");
}
