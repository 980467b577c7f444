//! Files that are somebody else's: what a mistaken line of the configuration names stays as it is, and is named.

#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::process::run;

const USERS: &str = "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\n";
const KEY: &str = "oKGio6SlpqeoqaqrrK2ur7CxsrO0tba3uLm6u7y9vr8=\n";
const APP: &str = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"id\"\n";
const ANN: &str = "[[account]]\naddress = \"ann@contoso.com\"\npassword = \"first-use\"\n";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A folder that everybody may enter, and a file in it that everybody may read.
fn open_to_all(name: &str, content: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = dir.path().join(name);
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    (dir, path)
}

fn configured(dir: &Path, text: &str) -> PathBuf {
    let file = dir.join("gatepost.toml");
    fs::write(&file, format!("[console]\nlisten = \"off\"\n{text}")).unwrap();
    file
}

/// `key-file = "/etc/passwd"` made that file unreadable for everybody else.
#[test]
fn a_foreign_file_that_is_named_as_key_or_store_keeps_its_mode_and_its_bytes_and_is_named() {
    for key in ["key-file = \"FILE\"", "url = \"sqlite://FILE\"", "url = \"sqlite://FILE\"\nkey-file = \"FILE\""] {
        let (dir, users) = open_to_all("users", USERS);
        let store = key.replace("FILE", &users.display().to_string());
        let own = if key.contains("url") {
            String::new()
        } else {
            format!("url = \"sqlite://{}/state/db\"\n", dir.path().display())
        };
        let file = configured(dir.path(), &format!("[store]\n{own}{store}\n{APP}{ANN}"));
        for command in [
            vec!["config", "check"],
            vec!["run"],
            vec!["doctor", "--offline"],
            vec!["status"],
            vec!["queue", "list"],
            vec!["login", "ann@contoso.com"],
            vec!["logout", "ann@contoso.com", "--yes"],
            vec!["backup", "/nonexistent/copy.db"],
            vec!["key", "rotate"],
        ] {
            let (code, said, errors) = run(&command, &file);
            let told = said + &errors;
            assert!(
                code != 0 || (command == ["config", "check"] && !key.contains("key-file")),
                "{key} {command:?}: {told}"
            );
            assert!(!told.contains("chmod"), "{key} {command:?}: {told}");
            assert_eq!(
                (mode(&users), fs::read_to_string(&users).unwrap().as_str()),
                (0o644, USERS),
                "{key} {command:?}"
            );
            if key.contains("key-file") {
                assert!(told.contains(&format!("{} holds no key", users.display())), "{command:?}: {told}");
            }
        }
    }
}

#[test]
fn a_mistaken_secret_file_is_refused_and_nobody_is_told_to_shut_it() {
    let (dir, users) = open_to_all("users", USERS);
    let file = configured(dir.path(), &format!("{APP}client-secret-file = \"{}\"\n", users.display()));
    let (code, _, errors) = run(&["config", "check"], &file);
    assert_eq!(code, 78);
    assert!(errors.contains("is empty or holds control characters") && !errors.contains("chmod"), "{errors}");
    assert_eq!(mode(&users), 0o644);
}

#[test]
fn a_key_that_everybody_can_read_works_as_it_is_and_the_command_that_shuts_it_is_told() {
    let (dir, key) = open_to_all("my key", KEY);
    let text = format!(
        "[store]\nurl = \"sqlite://{dir}/state/db\"\nkey-file = \"{key}\"\n{APP}{ANN}",
        dir = dir.path().display(),
        key = key.display()
    );
    let file = configured(dir.path(), &text);
    let shuts = format!("chmod 600 '{}'", key.display());
    let (code, _, errors) = run(&["config", "check"], &file);
    assert!(code == 0 && errors.contains("can be read by every user") && errors.contains(&shuts), "{errors}");
    let (_, said, errors) = run(&["doctor", "--offline"], &file);
    assert!(said.contains(&shuts), "{said}{errors}");
    assert_eq!(run(&["logout", "ann@contoso.com", "--yes"], &file).0, 0, "there is a store now");
    let (code, said, errors) = run(&["backup", &dir.path().join("copy.db").display().to_string()], &file);
    assert!(code == 0 && errors.contains(&shuts), "{said}{errors}");
    assert_eq!((mode(&key), fs::read_to_string(&key).unwrap().as_str()), (0o644, KEY));

    // Where nobody else gets to it, its mode is nobody's business.
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let (_, _, errors) = run(&["config", "check"], &file);
    assert!(!errors.contains("can be read"), "{errors}");
}

/// A key that is put in the place of one that is ours is made anew.
#[test]
fn a_rotation_puts_a_private_key_in_the_place_of_an_open_one() {
    let (dir, key) = open_to_all("key", KEY);
    let text = format!(
        "[store]\nurl = \"sqlite://{dir}/state/db\"\nkey-file = \"{dir}/key\"\n{APP}{ANN}",
        dir = dir.path().display()
    );
    let file = configured(dir.path(), &text);
    let (code, said, errors) = run(&["key", "rotate"], &file);
    assert_eq!(code, 0, "{said}{errors}");
    assert_eq!(mode(&key), 0o600);
    assert_ne!(fs::read_to_string(&key).unwrap(), KEY);

    let (_made, new) = open_to_all("new", KEY);
    let new_file = new.display().to_string();
    let (code, said, errors) = run(&["key", "rotate", "--new-key-file", &new_file], &file);
    assert!(code == 0 && said.contains(&format!("chmod 600 {new_file}")), "{said}{errors}");
    assert_eq!(mode(&new), 0o644);
}

/// It would be waited for until somebody writes into it, by a daemon that reloads as well.
#[test]
fn a_pipe_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (line, code, says) in [
        ("[store]\nkey-file = \"PIPE\"\n", 0, ""),
        ("[store]\nurl = \"sqlite://PIPE\"\n", 0, ""),
        ("[network]\nca-file = \"PIPE\"\n", 78, "it is a pipe or a device"),
        ("[console]\nlisten = \"off\"\npassword-file = \"PIPE\"\n", 78, "it is a pipe or a device"),
    ] {
        let file = dir.path().join("gatepost.toml");
        let store = if line.contains("url") { "" } else { "[store]\nurl = \"sqlite://DIR/state/db\"\n" };
        let text = match line.strip_prefix("[store]\n") {
            Some(rest) if !store.is_empty() => format!("{store}{rest}"),
            _ => format!("{store}{line}"),
        };
        let text = text.replace("PIPE", &pipe.display().to_string()).replace("DIR", &dir.path().display().to_string());
        fs::write(&file, text).unwrap();
        let (tells, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || tells.send(run(&["config", "check"], &file)));
        let (found, _, errors) = told.recv_timeout(std::time::Duration::from_secs(30)).expect("it waits for the pipe");
        assert!(found == code && errors.contains(says), "{line}: {found} {errors}");
    }
}

/// What lies below a folder of one user is nobody else's to read.
#[test]
fn an_open_key_below_a_private_folder_is_not_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    fs::create_dir(&keys).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(keys.join("key"), KEY).unwrap();
    fs::set_permissions(keys.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
    let of = |name: &str| format!("{}/{name}", dir.path().display());
    let text = format!("[store]\nurl = \"sqlite://{}\"\nkey-file = \"{}\"\n{APP}{ANN}", of("state/db"), of("keys/key"));
    let file = configured(dir.path(), &text);
    for (folder, is_warned) in [(0o700, false), (0o755, true)] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(folder)).unwrap();
        let (_, _, errors) = run(&["config", "check"], &file);
        assert_eq!(errors.contains("can be read by every user"), is_warned, "{folder:o}: {errors}");
    }
}

/// The database cannot be looked into by whoever may be the daemon.
#[test]
fn a_store_that_everybody_can_read_is_warned_of_once_a_daemon_ran_on_it() {
    let (dir, store) = open_to_all("gatepost.db", "");
    let file = configured(dir.path(), &format!("[store]\nurl = \"sqlite://{}\"\n{APP}{ANN}", store.display()));
    let shuts = format!("chmod 600 {}", store.display());
    assert!(!run(&["config", "check"], &file).2.contains(&shuts));
    fs::write(dir.path().join("gatepost.db.lock"), format!("7\nthe key file\n{}\n", file.display())).unwrap();
    let (code, _, errors) = run(&["config", "check"], &file);
    assert!(code == 0 && errors.contains(&shuts), "{errors}");
}
