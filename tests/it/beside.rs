//! Two Gateposts on one machine: the console of each lets its own commands in, and is a stranger to those of the other.

use std::path::{Path, PathBuf};

use gatepost::base::Protocol;

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
