//! A configuration that is refused beside a daemon that runs on with what it read before.

use serde_json::json;

use super::{
    clients::beside_a_daemon,
    stage::{Staged, outcome},
};
use crate::{
    process::run,
    world::{ANN, Plan},
};

/// The file is refused for this, and both say so and how the daemon stands.
async fn tells_both(staged: &Staged, problem: &str) {
    for (lang, ready, lead) in [
        ("en", format!("  {ANN}  contoso  ready"), "the daemon runs on"),
        ("ja", format!("  {ANN}  contoso  利用可能"), "デーモンは、以前に読み込んだ設定のまま動いています"),
    ] {
        let (code, table, errors) = run(&["status", "--lang", lang], &staged.file);
        assert_eq!(code, 78, "{errors}");
        assert!(table.contains(&ready) && table.contains("kill -HUP "), "{table}");
        assert!(errors.contains(lead) && errors.contains(problem), "{errors}");
        let head = errors.lines().next().unwrap();
        assert!(
            head.contains("The configuration of Gatepost is refused") && head.contains("[configuration-refused]"),
            "{errors}"
        );
    }
    let (code, status, _) = run(&["status", "--json"], &staged.file);
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((code, &status["accounts"][0]["address"]), (78, &ANN.into()), "{status}");
    assert!(status["refused-configuration"].to_string().contains(problem), "{status}");

    let told = staged.doctor(&["--json"]).await;
    let report = told.json();
    assert_eq!((told.code, outcome(&report, "config", "configuration").as_str()), (78, "fail"));
    assert_eq!(outcome(&report, "daemon", "daemon"), "pass", "{report:#}");
    let told = staged.doctor(&["--lang", "en"]).await;
    let how = format!("runs on with the one that it read before; how that stands: {}", staged.gatepost("status"));
    assert!(told.code == 78 && told.out.contains(&how) && told.out.contains(problem), "{}", told.out);
    // It named a unit that does not run it.
    assert!(told.out.contains("kill -HUP ") && !told.out.contains("systemctl"), "{}", told.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_its_file_is_refused_the_daemon_is_shown_as_it_runs_and_the_file_with_its_problems() {
    let (staged, _program) = beside_a_daemon(Plan::default()).await;
    staged.edit("[daemon]\n", "[daemon]\nsign-on-second = 4\n");
    tells_both(&staged, "sign-on-second").await;
    staged.edit("sign-on-second = 4\n", "");
    staged.edit("address = \"ann@", "address = \"ann\n@");
    tells_both(&staged, ":").await;
}

/// The words of the log stand behind it, and are called that.
#[test]
fn a_refused_file_is_told_in_the_language_of_the_reader_before_its_short_text_is_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gatepost.toml");
    std::fs::write(&file, "nonsense = 1\n").unwrap();
    for arguments in [&["config", "check", "--lang", "ja"][..], &["status", "--lang", "ja"], &["run", "--lang", "ja"]] {
        let (code, _, errors) = run(arguments, &file);
        let head = errors.lines().find(|line| line.starts_with("エラー: ")).unwrap_or_else(|| panic!("{errors}"));
        assert_eq!(code, 78, "{errors}");
        assert!(head.starts_with("エラー: 設定ファイルを読めないか、内容に誤りがあります。ログの文言："), "{errors}");
        assert!(head.ends_with("\"The configuration of Gatepost is refused\" [configuration-refused]"), "{errors}");
    }
}

/// Whoever mends the file wants to see the pages of the daemon that runs on.
#[tokio::test(flavor = "multi_thread")]
async fn while_its_file_is_refused_the_console_of_the_daemon_is_opened() {
    let (staged, _program) = beside_a_daemon(Plan::default()).await;
    staged.edit("[daemon]\n", "[daemon]\nsign-on-second = 4\n");
    let (code, link, errors) = run(&["console"], &staged.file);
    assert!(code == 0 && link.contains("/open?") && link.contains("http://127."), "{link}{errors}");
}

#[tokio::test]
async fn without_a_daemon_a_refused_file_is_all_there_is_to_say() {
    let staged = Staged::new(Plan::default()).await;
    staged.edit("[daemon]\n", "[daemon]\nsign-on-second = 4\n");
    let (code, table, errors) = run(&["status"], &staged.file);
    assert!(code == 78 && table.is_empty() && errors.starts_with("error: "), "{table}{errors}");
    let (code, link, errors) = run(&["console"], &staged.file);
    assert!(code == 78 && link.is_empty() && errors.contains("sign-on-second"), "{link}{errors}");
    let report = staged.doctor(&["--json"]).await.json();
    assert_eq!(report["checks"].as_array().unwrap().len(), 1, "{report:#}");
}

#[tokio::test]
async fn where_there_is_no_file_the_step_is_setup_and_no_line_that_could_be_mended() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.toml");
    for lang in ["en", "ja"] {
        let (code, told, _) = run(&["doctor", "--lang", lang], &missing);
        assert!(code == 78 && told.contains("[configuration-missing]"), "{told}");
        let of_setup = told.find("setup").unwrap();
        assert!(told.contains("demo") && of_setup < told.find("demo").unwrap(), "{told}");
        // Setup came first, where the file had only been moved away, and mail waited in the store that it named.
        let put_back = if lang == "en" { "put it back" } else { "元の場所に戻して" };
        assert!(told.find(put_back).unwrap() < of_setup, "{told}");
        assert!(!told.contains("config check"), "{told}");
        for command in ["status", "login ann@contoso.com", "logout ann@contoso.com", "queue list", "config check"] {
            let words: Vec<&str> = command.split(' ').chain(["--lang", lang]).collect();
            let (code, _, errors) = run(&words, &missing);
            assert!(
                code == 78 && errors.contains(&format!("`gatepost --config {} setup`", missing.display())),
                "{command}: {errors}"
            );
            assert!(errors.find(put_back).unwrap() < errors.find(" setup`").unwrap(), "{command}: {errors}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_names_the_file_that_was_given_and_where_a_daemon_on_another_one_has_its_store_that_one() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let (code, table, _) = run(&["status"], &staged.file);
    assert!(code == 0 && table.contains(&format!("configuration-file: {}\n", staged.file.display())), "{table}");
    let other = staged.file.with_file_name("b.toml");
    std::fs::copy(&staged.file, &other).unwrap();
    let status: serde_json::Value = serde_json::from_str(&run(&["status", "--json"], &other).1).unwrap();
    let held =
        json!({ "process": program.id(), "configuration-file": staged.file, "stop": format!("kill {}", program.id()) });
    assert_eq!(status["store-held-by"], held, "a program needs no sentence");
    for (lang, heading) in [("en", "configuration-file: "), ("ja", "設定ファイル: ")] {
        let (code, table, errors) = run(&["status", "--lang", lang], &other);
        let read = staged.file.display().to_string();
        assert!(table.contains(&format!("{heading}{}\n", other.display())), "{table}");
        let held = table.lines().find(|line| line.starts_with("store-held-by: ") || line.starts_with("ストアを使用中"));
        let has_process = |held: &str| held.contains("(process ") || held.contains("（プロセス ");
        assert!(held.is_some_and(|held| held.contains(&read) && has_process(held)), "{table}");
        assert!(code == 1 && errors.contains(&read) && errors.contains("configuration-of-another-daemon"), "{errors}");
    }
    // Where this file has no console nobody answers at all.
    let text = std::fs::read_to_string(&other).unwrap();
    let console = text.lines().skip_while(|line| *line != "[console]").nth(1).unwrap();
    std::fs::write(&other, text.replace(console, "listen = \"off\"")).unwrap();
    for (lang, said) in [("en", "no; no daemon reads this file"), ("ja", "このファイルを読むデーモンはありません")]
    {
        let table = run(&["status", "--lang", lang], &other).1;
        assert!(table.contains(said), "{table}");
    }
}
