//! Another configuration on a store that has one, while a daemon runs and while none does.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::{Running, Stage};
use crate::{
    process::{Program, command, run},
    world::ANN,
};

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_daemon_that_reads_another_file_nothing_is_set_up_and_that_file_is_named() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&["--no-send", "--listen", "pop3=127.0.0.1:0"]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let program = Program::from(command(&["run", "--log-format", "json"], &stage.file())).await;

    let second = stage.dir.path().join("second.toml");
    let running = stage.file().display().to_string();
    for (lang, said, more) in [
        ("en", "go on with its file", None),
        ("ja", "そのファイルで続けてください", None),
        ("en", "go on with its file", Some("--no-sign-in")),
    ] {
        let flags: Vec<&str> = ["--lang", lang].into_iter().chain(more).collect();
        let ended = Running::start(&stage.ann(&flags), &second, "").await.ended().await;
        assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
        let go_on = format!("\n  gatepost --config {running} setup --discovery ");
        let own = format!("--set store.url=sqlite://{}/state/second.db", stage.dir.path().display());
        let stop = format!(" kill {}\n", program.id());
        for part in [said, &go_on, &own, &stop, "--listen imap=127.0.0.1:", "--grant device-code"] {
            assert!(ended.err.contains(part), "{part}: {}", ended.err);
        }
        assert!(!second.exists() && !ended.out.contains("type the code"), "{}", ended.out);
    }

    // A file that was made otherwise.
    std::fs::copy(stage.file(), &second).unwrap();
    let (_, _, errors) = run(&["run"], &second);
    assert!(errors.contains(&format!("another Gatepost, which reads {running}, runs on the store ")), "{errors}");
    let stop = format!("\nhint: stop that one first: `kill {}`; or ", program.id());
    assert!(errors.contains("gatepost.db.lock") && errors.contains(&stop), "{errors}");
    let (_, _, errors) = run(&["login", ANN, "--flow", "paste"], &second);
    assert!(errors.contains(&format!("reads {running}, and nothing of {}", second.display())), "{errors}");
    assert!(errors.contains(&format!("`gatepost --config {running} login {ANN}`.")), "{errors}");
    for command in ["status", "console"] {
        let (code, out, errors) = run(&[command], &second);
        let running_there = format!("store-held-by: the daemon (process {}) that reads {running}\n", program.id());
        assert_eq!(out.contains(&running_there), command == "status", "{out}");
        let stop = format!(" kill {}\n", program.id());
        for part in ["[configuration-of-another-daemon]", &running, &stop] {
            assert!(code == 1 && errors.contains(part), "{part}: {errors}");
        }
        assert!(!errors.contains("start it with"), "{errors}");
    }
    let (code, report, errors) = run(&["doctor", ANN, "--json"], &second);
    assert_eq!(code, 1, "{report}{errors}");
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let first = &report["checks"][usize::try_from(report["first-failure"].as_u64().unwrap()).unwrap()];
    assert_eq!(first["fault"]["id"], "configuration-of-another-daemon", "{report:#}");
    assert_eq!(first["fault"]["commands"][0], format!("gatepost --config {running} doctor"));
    let (code, out, errors) = run(&["doctor", ANN], &stage.file());
    assert_eq!(code, 0, "its own file is well: {out}{errors}");
}

/// The last command for this file as it is printed.
fn as_printed(said: &str, file: &Path) -> Command {
    let begin = format!("  gatepost --config {} ", file.display());
    let line = said.lines().rfind(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("{said}"));
    let mut command = Command::new("sh");
    // As far as the sign-in, which needs somebody.
    let line = line.replacen("gatepost", env!("CARGO_BIN_EXE_gatepost"), 1) + " --no-sign-in";
    command.args(["-c", &line]).stdin(Stdio::null());
    command.env_clear().env("HOME", "/nonexistent");
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_lets_both_run_works_as_it_is_printed_for_a_new_file_and_for_one_that_is_there() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&["--no-send", "--listen", "pop3=127.0.0.1:0"]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let _program = Program::from(command(&["run", "--log-format", "json"], &stage.file())).await;
    let [new, there] = ["new", "there"].map(|name| stage.dir.path().join(name).join("gatepost.toml"));
    std::fs::create_dir(there.parent().unwrap()).unwrap();
    std::fs::copy(stage.file(), &there).unwrap();
    for file in [new, there] {
        let is_there = file.exists();
        let refused = Running::start(&stage.ann(&[]), &file, "").await.ended().await;
        assert_eq!(refused.code, 1, "{}\n{}", refused.out, refused.err);
        if is_there {
            let line = refused.err.split_once("\n  [store]\n  ").and_then(|(_, behind)| behind.lines().next()).unwrap();
            let text = std::fs::read_to_string(&file).unwrap();
            let lines = text.lines().map(|old| if old.starts_with("url = ") { line } else { old });
            std::fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
        }
        let output = as_printed(&refused.err, &file).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{errors}");
        let (code, shown, errors) = run(&["config", "show"], &file);
        assert!(
            code == 0 && shown.contains(&format!("{}/state/gatepost.db", file.parent().unwrap().display())),
            "{shown}{errors}"
        );
        assert_eq!(shown.matches("[[listener]]").count(), if is_there { 3 } else { 2 }, "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_that_goes_on_with_the_file_of_the_daemon_works_as_it_is_printed_whatever_was_for_the_new_one_alone()
 {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&["--no-send", "--listen", "pop3=127.0.0.1:0"]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let _program = Program::from(command(&["run", "--log-format", "json"], &stage.file())).await;
    let (before, second) = (stage.text(), stage.dir.path().join("second.toml"));
    let refused = Running::start(&with_console(&stage.ann(&[]), ELSEWHERE), &second, "").await.ended().await;
    assert_eq!(refused.code, 1, "{}\n{}", refused.out, refused.err);
    let output = as_printed(&refused.err, &stage.file()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stage.text(), before, "it has all that it needs");
}

/// Where no console is.
const ELSEWHERE: &str = "127.0.0.78:1";

fn with_console(arguments: &[String], at: &str) -> Vec<String> {
    let at = format!("console.listen={at}");
    arguments.iter().map(|word| if word.starts_with("console.listen=") { at.clone() } else { word.clone() }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_whose_console_was_moved_in_its_file_is_to_be_restarted_and_one_without_is_running() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&["--no-send", "--listen", "pop3=127.0.0.1:0"]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let program = Program::from(command(&["run", "--log-format", "json"], &stage.file())).await;
    let (code, status, errors) = run(&["status"], &stage.file());
    assert_eq!(code, 0, "{status}{errors}");
    let running = format!("running: yes (process {}); its console is off ", program.id());
    assert!(status.contains(&running) && !errors.contains("gatepost run"), "{status}{errors}");

    let moved = stage.text().replacen("listen = \"off\"", &format!("listen = \"{ELSEWHERE}\""), 1);
    std::fs::write(stage.file(), moved).unwrap();
    let file = stage.file().display().to_string();
    let restart = format!("`kill {}`, `gatepost --config {file} run`", program.id());
    for (lang, said) in [("en", "has no console at"), ("ja", "コンソール")] {
        let (code, status, errors) = run(&["status", "--lang", lang], &stage.file());
        assert!(code == 1 && errors.contains(said) && errors.contains(&restart), "{status}{errors}");
        let again = with_console(&stage.ann(&["--no-send", "--lang", lang]), ELSEWHERE);
        let again = stage.run(&again, "").await;
        assert!(again.code == 1 && again.err.contains(said) && again.err.contains(&restart), "{}", again.err);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_configuration_on_a_store_is_warned_of_also_while_no_daemon_runs() {
    let stage = Stage::new().await;
    let first = stage.run_and_approve(&stage.ann(&["--no-send", "--listen", "pop3=127.0.0.1:0"]), "").await;
    assert_eq!(first.code, 0, "{}\n{}", first.out, first.err);
    let (own, second) = (stage.file(), stage.dir.path().join("second.toml"));
    let go_on = format!("\n  gatepost --config {} setup --discovery ", own.display());
    let said = async |file: &std::path::Path, lang: &str| {
        let ended = Running::start(&stage.ann(&["--no-sign-in", "--lang", lang]), file, "").await.ended().await;
        assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
        ended.err
    };
    for (lang, part) in [("en", "for this one is new."), ("ja", "別の設定が作成したものです。")] {
        let said = said(&second, lang).await;
        assert!(said.contains(part) && said.contains("--set store.url=sqlite://"), "{said}");
        std::fs::remove_file(&second).unwrap();
    }
    // Its last words stay in the file beside the store.
    drop(Program::from(command(&["run", "--log-format", "json"], &own)).await);
    for (lang, part) in [("en", "the daemon that ran on it last read"), ("ja", "最後に動いていたデーモンは")]
    {
        let said = said(&second, lang).await;
        assert!(said.contains(part) && said.contains(&go_on) && !said.contains("Ctrl-C"), "{said}");
    }
    // The command that was printed for a new file meets one that is there now.
    let before = std::fs::read_to_string(&second).unwrap();
    let flags = with_console(&stage.ann(&["--no-sign-in"]), "127.0.0.78:2");
    let flags: Vec<String> = flags.iter().map(|word| word.replace("smtp=127.0.0.1:0", "smtp=127.0.0.1:2587")).collect();
    let ended = Running::start(&flags, &second, "").await.ended().await;
    assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
    let lines = "\n  [console]\n  listen = \"127.0.0.78:2\"\n  [[listener]]\n  protocol = \"smtp\"\n  listen = [\"127.0.0.1:2587\"]\n";
    assert!(ended.err.contains(lines), "{}", ended.err);
    assert_eq!(std::fs::read_to_string(&second).unwrap(), before, "nothing is doubled");
    let own = said(&own, "en").await;
    assert!(!own.contains("is there already: "), "{own}");
}
