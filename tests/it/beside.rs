//! Two Gateposts on one machine: the console of each lets its own commands in, and whoever meets the other one's is told so.

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
};

use gatepost::{base::Protocol, catalog};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    process::{Program, run},
    world::{Plan, own_place, stage},
};

/// The same configuration on a store of its own in the same folder, with the key of the first.
fn second(first: &Path, console: &str) -> PathBuf {
    let file = first.with_file_name("second.toml");
    let text = std::fs::read_to_string(first).unwrap().replace("/gatepost.db\"", "/second.db\"");
    std::fs::write(&file, with_console(&text, console)).unwrap();
    file
}

fn with_console(text: &str, at: &str) -> String {
    let (before, behind) = text.split_once("[console]\nlisten = \"").unwrap();
    let (_, behind) = behind.split_once('"').unwrap();
    format!("{before}[console]\nlisten = \"{at}\"{behind}")
}

async fn typed(arguments: &[&str], file: &Path) -> (i32, String, String) {
    let (arguments, file): (Vec<String>, _) =
        (arguments.iter().map(|one| (*one).to_owned()).collect(), file.to_owned());
    tokio::task::spawn_blocking(move || run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &file))
        .await
        .unwrap()
}

/// The daemon that started later took the token of the other one from its commands.
#[tokio::test]
async fn two_configurations_that_keep_their_stores_in_one_folder_answer_their_own_commands_and_no_others() {
    let (_sandbox, dir, first) = stage(&Plan::default()).await;
    let [here, there] = [own_place(), own_place()].map(|at| at.to_string());
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, with_console(&text, &here)).unwrap();
    let second = second(&first, &there);
    let one = Program::start(&first).await;
    one.console().await;
    let other = Program::start(&second).await;
    other.console().await;
    for (file, daemon) in [(&first, &one), (&second, &other)] {
        let (code, said, told) = typed(&["status", "--json"], file).await;
        let status: serde_json::Value = serde_json::from_str(&said).unwrap();
        let bound = daemon.address(Protocol::Imap).to_string();
        let listens = status["listeners"].as_array().unwrap().iter().any(|listener| listener["address"] == bound);
        assert!(code == 0 && listens, "{said}{told}");
    }
    let tokens = ["gatepost.db.token", "second.db.token"].map(|name| std::fs::read(dir.path().join(name)).unwrap());
    assert_ne!(tokens[0], tokens[1], "whom the one lets in is a stranger to the other");
    one.stopped().await;
    other.stopped().await;
}

/// A health check counts no other daemon for its own, and would never restart what is gone.
const COMMANDS: [&[&str]; 3] = [&["console"], &["status"], &["status", "--alive"]];

/// It was told to start what could not start.
#[tokio::test]
async fn where_another_gatepost_answers_at_the_consoles_address_it_is_looked_for_and_nobody_starts_what_cannot_start() {
    let (_sandbox, _dir, first) = stage(&Plan::default()).await;
    let here = own_place();
    let text = std::fs::read_to_string(&first).unwrap();
    std::fs::write(&first, with_console(&text, &here.to_string())).unwrap();
    let second = second(&first, &here.to_string());
    let other = Program::start(&first).await;
    other.console().await;
    for command in COMMANDS {
        is_displaced(command, &second, "port-taken", "the console at ").await;
    }
    // One that was started before its file named this address.
    std::fs::write(&second, with_console(&std::fs::read_to_string(&second).unwrap(), "127.0.0.1:0")).unwrap();
    let own = Program::start(&second).await;
    own.console().await;
    std::fs::write(&second, with_console(&std::fs::read_to_string(&second).unwrap(), &here.to_string())).unwrap();
    for command in COMMANDS {
        is_displaced(command, &second, "port-taken", "the console at ").await;
    }
    let (code, said, told) = typed(&["status", "--alive"], &first).await;
    assert!(code == 0, "{said}{told}");
    own.stopped().await;
    other.stopped().await;
}

#[tokio::test]
async fn where_a_program_that_is_no_gatepost_answers_at_the_consoles_address_it_is_looked_for() {
    let (_sandbox, _dir, file) = stage(&Plan::default()).await;
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    std::fs::write(&file, with_console(&std::fs::read_to_string(&file).unwrap(), &at)).unwrap();
    taken.set_nonblocking(true).unwrap();
    let taken = tokio::net::TcpListener::from_std(taken).unwrap();
    let answers = tokio::spawn(async move {
        while let Ok((mut client, _)) = taken.accept().await {
            let _ = client.read(&mut [0; 1024]).await;
            let page = "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = client.write_all(page.as_bytes()).await;
        }
    });
    is_displaced(&["console"], &file, "port-taken", "something else than the console answers at ").await;
    answers.abort();
}

/// It was told to start the daemon, which could not listen there.
#[tokio::test]
async fn where_no_daemon_runs_a_program_that_speaks_no_http_at_the_consoles_address_is_looked_for() {
    let (_sandbox, _dir, file) = stage(&Plan::default()).await;
    for greets in [true, false] {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap().to_string();
        std::fs::write(&file, with_console(&std::fs::read_to_string(&file).unwrap(), &at)).unwrap();
        if greets {
            let greeting = taken.try_clone().unwrap();
            std::thread::spawn(move || greeting.accept().unwrap().0.write_all(b"SSH-2.0-somebody\r\n").unwrap());
        }
        let (code, _, told) = typed(&["status"], &file).await;
        let looks = told.lines().any(|line| line.trim().starts_with(&format!("ss -ltnp 'src = {at} ")));
        assert!(code == 1 && looks && told.contains("[port-taken]") && !told.contains("start it with"), "{told}");
    }
}

/// It names the address, who is looked for there, and the line of `[console]`; and its words are explained as the same.
async fn is_displaced(command: &[&str], file: &Path, id: &str, words: &str) {
    let (code, _, told) = typed(command, file).await;
    let lines: Vec<&str> = told.lines().map(str::trim).collect();
    let error = lines.iter().find(|line| line.starts_with("error: ")).unwrap();
    assert!(code == 1 && error.contains(words), "{told}");
    let entry = catalog::find(id).unwrap();
    let head = format!("error: {} [{id}]: ", entry.short());
    let particular = error.strip_prefix(&head).unwrap_or_else(|| panic!("{told}"));
    let begins = |begin: &str| lines.iter().any(|line| line.starts_with(begin));
    assert!(begins("ss -ltnp 'src = 127.") && begins("listen = \"127."), "{told}");
    assert!(!told.contains("start it with"), "{told}");
    for (pasted, wanted) in [(*error, id), (particular, "port-taken")] {
        let (code, said, _) = typed(&["explain", pasted], file).await;
        assert!(code == 0 && said.starts_with(wanted), "{pasted}: {said}");
        assert!(said.contains("listen = \"127.") && !said.contains("listen = [\""), "{said}");
    }
    let (_, _, told) = typed(&[command, &["--lang", "ja"]].concat(), file).await;
    let error = told.lines().find(|line| line.starts_with("エラー: ")).unwrap();
    assert!(error.contains("コンソール") && !error.contains(words.trim_end()), "{told}");
    assert!(error.ends_with(&format!("ログの文言：\"{}\" [{id}]", entry.short())), "{told}");
}
