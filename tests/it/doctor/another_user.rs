//! Commands of a user who may not read the store, beside the daemon that has it: each says so, and how to run it; none takes the
//! daemon for one of another configuration or another store.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    clients::beside_a_daemon,
    stage::{Staged, Told, check},
};
use crate::{
    process::command,
    world::{ANN, Plan},
};

const NOBODY: u32 = 65_534;
/// What a daemon of another configuration, or on another store, would be told by.
const UNTRUE: [&str; 5] = ["configuration-not-loaded", "kill -HUP", "another store", "port-taken", "certificate-ended"];

/// Somebody who may read the configuration alone.
struct Nobody {
    program: PathBuf,
}

impl Nobody {
    /// Only root can be somebody else.
    fn beside(staged: &Staged) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let dir = staged.dir.path();
        // Wherever the tests were built, others may not enter. Not by this process: what another test starts meanwhile would have
        // the file open for writing, and nobody could start it (execve(2), ETXTBSY).
        let program = dir.join("gatepost");
        let copied = std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_gatepost")).arg(&program).status();
        assert!(copied.unwrap().success());
        for (file, mode) in [(dir, 0o755), (&program, 0o755), (&staged.file, 0o644), (&dir.join("ca.pem"), 0o644)] {
            fs::set_permissions(file, Permissions::from_mode(mode)).unwrap();
        }
        Some(Self { program })
    }

    fn runs(&self, arguments: &[&str], file: &Path) -> Told {
        let ours = command(arguments, file);
        let mut theirs = std::process::Command::new(&self.program);
        theirs.args(ours.get_args()).env_clear().env("HOME", "/nonexistent").uid(NOBODY).gid(NOBODY);
        Told::of(theirs)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_read_the_store_is_told_so_by_every_command_and_of_no_other_configuration_or_store() {
    let (staged, _program) = beside_a_daemon(Plan::default()).await;
    let Some(nobody) = Nobody::beside(&staged) else { return };
    let again = |rest: &str| format!("`sudo {}`", staged.gatepost(rest));
    let database = staged.dir.path().join("gatepost.db");
    // Whoever was let read the database alone is no nearer to its daemon.
    for (mode, lang) in [(0o600, "en"), (0o600, "ja"), (0o644, "en")] {
        fs::set_permissions(&database, Permissions::from_mode(mode)).unwrap();
        for arguments in
            ["queue list", "queue show bcdf23456789", "queue drop bcdf23456789", "console", "status", "backup copy.db"]
        {
            let words: Vec<&str> = arguments.split(' ').chain(["--lang", lang]).collect();
            let Told { code, out, errors } = nobody.runs(&words, &staged.file);
            let told = out + &errors;
            assert!(code == 1 && told.contains("[store-of-another-user]"), "{arguments}: {told}");
            assert!(told.contains(&again(&format!("{arguments} --lang {lang}"))), "{arguments}: {told}");
            assert!(UNTRUE.iter().all(|untrue| !told.contains(untrue)), "{arguments}: {told}");
        }
    }
    assert_eq!(nobody.runs(&["status", "--alive"], &staged.file).code, 0, "it is there");
    let Told { code, out, errors } = nobody.runs(&["run"], &staged.file);
    let give = format!("`sudo chown -R {NOBODY} {}`", staged.dir.path().display());
    assert!(code == 1 && errors.contains(&again("run")) && errors.contains(&give), "{out}{errors}");
    assert!(errors.contains("[store-of-another-user]") && !errors.contains("install -m"), "{errors}");
    for arguments in [&["doctor", ANN, "--json"][..], &["doctor", "--offline", "--json"]] {
        is_looked_at_by(&nobody, &staged, arguments);
    }
}

/// Others heard that the configuration is wrong, and to see who may read its secrets.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_the_daemon_alone_may_read_is_no_mistake_of_the_configuration_to_another_user() {
    let staged = Staged::new(Plan::default()).await;
    let Some(nobody) = Nobody::beside(&staged) else { return };
    let secret = staged.dir.path().join("proxy");
    fs::write(&secret, "http://127.0.0.1:3128\n").unwrap();
    fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    staged.edit("[network]\n", &format!("[network]\nhttp-proxy-file = \"{}\"\n", secret.display()));
    for lang in ["en", "ja"] {
        for arguments in [&["status"][..], &["login", ANN], &["console"], &["queue", "list"], &["doctor"]] {
            let Told { out, errors, .. } = nobody.runs(&[arguments, &["--lang", lang]].concat(), &staged.file);
            let told = out + &errors;
            assert!(
                told.contains("[store-of-another-user]") && told.contains("sudo gatepost"),
                "{arguments:?}: {told}"
            );
            assert!(!told.contains("configuration-refused") && !told.contains("proxy:"), "{arguments:?}: {told}");
        }
    }
    let (code, _, errors) = crate::process::run(&["status"], &staged.file);
    assert!(code == 1 && !errors.contains("configuration-refused"), "{errors}");
}

/// The folder keeps them out, and nobody can see whether there is a store.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_folder_keeps_others_out_is_told_as_that_of_its_owner() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    program.stopped().await;
    let Some(nobody) = Nobody::beside(&staged) else { return };
    let closed = staged.dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).unwrap();
    // As systemd does it, the name is a link into it.
    let link = staged.dir.path().join("state");
    std::os::unix::fs::symlink("closed/state", &link).unwrap();
    fs::create_dir(closed.join("state")).unwrap();
    staged.edit("/gatepost.db", "/state/gatepost.db");
    for arguments in [&["queue", "list"][..], &["login", ANN], &["status"]] {
        let Told { code, out, errors } = nobody.runs(arguments, &staged.file);
        let told = out + &errors;
        let owner = format!("{} belongs to user 0, and this command runs as user {NOBODY}", closed.display());
        assert!(code == 1 && told.contains(&owner), "{arguments:?}: {told}");
        assert!(UNTRUE.iter().all(|untrue| !told.contains(untrue)), "{arguments:?}: {told}");
    }
    is_looked_at_by(&nobody, &staged, &["doctor", "--offline", "--json"]);
    assert!(!closed.join("state/gatepost.db").exists(), "nothing was made");
}

/// The store alone is what fails of this machine, and nothing is said of a daemon.
fn is_looked_at_by(nobody: &Nobody, staged: &Staged, arguments: &[&str]) {
    let told = nobody.runs(arguments, &staged.file);
    let report: Value = told.json();
    let failing: Vec<&Value> =
        report["checks"].as_array().unwrap().iter().filter(|check| check["outcome"] == "fail").collect();
    let [only] = failing[..] else { panic!("{report:#}") };
    assert_eq!((&only["name"], &only["fault"]["id"]), (&"store".into(), &"store-of-another-user".into()), "{only}");
    assert_eq!(only["fault"]["commands"][0], format!("sudo gatepost doctor --config {}", staged.file.display()));
    assert_eq!(check(&report, "daemon", "daemon")["outcome"], "skipped", "{report:#}");
    assert!(UNTRUE.iter().all(|untrue| !told.out.contains(untrue)), "{}", told.out);
}
