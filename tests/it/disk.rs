//! The real program on a disk that fails: nothing is told as done, no sign-in is lost, and it passes with the trouble.
//!
//! The full disk is a small one in memory, which only the program sees; the failing fsync is strace's doing.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use gatepost::{base::Protocol, sandbox::Rotation};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{
    packaging::not_checked,
    process::{Program, command, sign_in_with_a_stale_token},
    world::{FOR_NOW, IN, PROTOCOLS, Plan, stage, until},
};

/// Puts the folder "$1" on a disk of its own, for the program that it becomes.
const SMALL_DISK: &str = r#"
set -eu
mkdir "$1/small"
mount -t tmpfs -o size=4m small "$1/small"
# Files of SQLite's log go when whoever made them lets go.
for file in "$1"/*; do [ "$file" = "$1/small" ] || cp -a "$file" "$1/small" 2>/dev/null || [ ! -e "$file" ]; done
mount --move "$1/small" "$1"
shift
exec "$@"
"#;

/// Whether something can be tried that takes root.
pub fn is_root(what: &str) -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        not_checked(what, "it takes root");
    }
    is_root
}

pub fn on_a_small_disk(file: &Path) -> Command {
    let inner = command(&["run", "--log-format", "json"], file);
    let mut outer = Command::new("unshare");
    outer.args(["--mount", "sh", "-c", SMALL_DISK, "sh"]).arg(file.parent().unwrap());
    outer.arg(inner.get_program()).args(inner.get_args());
    outer.env_clear().env("HOME", "/nonexistent").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    outer
}

/// The store is tried again after some seconds, and until then the answer comes from memory.
async fn lets_everybody_in_again(program: &Program) {
    for protocol in PROTOCOLS {
        // Nobody is told that a disk has room again, so whoever is refused comes again.
        until("a login", Duration::from_secs(20), async || {
            let said = program.login(protocol).await;
            if said.starts_with(IN.of(protocol)) {
                return Ok(());
            }
            assert!(said.starts_with(FOR_NOW.of(protocol)), "{said}");
            Err(said)
        })
        .await;
    }
}

#[tokio::test]
async fn on_a_full_disk_nothing_is_lost_and_with_room_again_everybody_is_let_in() {
    if !is_root("a full disk") {
        return;
    }
    for rotation in [Rotation::Entra, Rotation::OneTime] {
        let mut plan = Plan { signed_in: vec![], ..Plan::default() };
        plan.sandbox.faults.identity.rotation = rotation;
        let (sandbox, dir, file) = stage(&plan).await;
        sign_in_with_a_stale_token(&sandbox, dir.path()).await;
        let program = Program::from(on_a_small_disk(&file)).await;

        // As root sees the program's own disk.
        let seen = format!("/proc/{}/root{}", program.id(), dir.path().display());
        let filling = Path::new(&seen).join("filling");
        let full = std::fs::write(&filling, vec![b'x'; 5 << 20]).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
        for protocol in PROTOCOLS {
            let said = program.login(protocol).await;
            assert!(said.starts_with(FOR_NOW.of(protocol)) && said.contains("store-failing"), "{rotation:?}: {said}");
        }
        std::fs::remove_file(&filling).unwrap();
        lets_everybody_in_again(&program).await;
    }
}

#[tokio::test]
async fn a_token_that_could_not_be_synced_is_not_used_and_nothing_is_lost() {
    if !is_root("a failing fsync") {
        return;
    }
    let (sandbox, dir, file) = stage(&Plan { signed_in: vec![], ..Plan::default() }).await;
    sign_in_with_a_stale_token(&sandbox, dir.path()).await;
    let program = Program::start(&file).await;

    let id = program.id().to_string();
    let words = ["-f", "-p", &id, "-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:error=EIO"];
    let strace = tokio::process::Command::new("strace").args(words).stderr(Stdio::piped()).kill_on_drop(true).spawn();
    let mut strace = match strace {
        Err(error) if std::env::var_os("GATEPOST_TEST_TOOLS").is_none() => {
            return not_checked("a failing fsync", &format!("strace is not there: {error}"));
        }
        strace => strace.unwrap(),
    };
    let mut said = BufReader::new(strace.stderr.take().unwrap()).lines();
    let attached = said.next_line().await.unwrap().unwrap();
    assert!(attached.contains("attached"), "{attached}");

    let refused = program.login(Protocol::Imap).await;
    assert!(refused.starts_with(FOR_NOW.of(Protocol::Imap)) && refused.contains("store-failing"), "{refused}");
    strace.kill().await.unwrap();
    lets_everybody_in_again(&program).await;
}
