//! Runs the program of `[notify] command`: the event on its stdin, no shell between, nothing of ours in its environment.
//!
//! It gets half a minute; then it and whatever it started are killed, as they are when nobody waits for it any more (a
//! reload, a stop). Of what it says the beginning is kept, for the
//! log. It waits for nobody's mail: it runs beside the sessions, one at a time.

use std::{
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use crate::base::{Secret, printable};

/// How long it may take.
pub const LIMIT: Duration = Duration::from_secs(30);
/// What it started may go on with its pipes; nobody waits for that.
const LAST_WORDS: Duration = Duration::from_millis(200);
const OUTPUT_CAP: usize = 4096;
/// The rest of our environment may hold secrets.
const PASSED: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SystemRoot",
    "SystemDrive",
    "ComSpec",
    "PATHEXT",
    "USERPROFILE",
];

type Said = Arc<Mutex<Vec<u8>>>;

/// Runs `words` with `json` on stdin; what it said, or why it did not work. Dropped, it kills the program and
/// what that started.
pub async fn run(words: &[Secret], json: &str, limit: Duration) -> Result<String, String> {
    let Some((program, arguments)) = words.split_first() else { return Ok(String::new()) };
    let mut command = Command::new(program.expose());
    command.args(arguments.iter().map(Secret::expose));
    command.env_clear().envs(std::env::vars_os().filter(|(name, _)| is_passed(&name.to_string_lossy())));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    // A group of its own, so that all of it can be killed.
    #[cfg(unix)]
    command.process_group(0);
    let mut child = command.spawn().map_err(|cause| format!("it cannot be started: {cause}"))?;
    let group = Group::of(&child);
    let said = Said::default();
    let readers = [listen(child.stdout.take(), said.clone()), listen(child.stderr.take(), said.clone())];
    let ended = timeout(limit, feed_and_wait(&mut child, json)).await;
    match ended {
        // What it leaves behind of its own will may stay.
        Ok(Ok(_)) => group.let_go(),
        _ => drop(group),
    }
    for reader in readers {
        let _ = timeout(LAST_WORDS, reader).await;
    }
    let said = said.lock().unwrap_or_else(PoisonError::into_inner);
    let said = printable(String::from_utf8_lossy(&said).trim(), 500);
    match ended {
        Ok(Ok(status)) if status.success() => Ok(said),
        Ok(Ok(status)) => Err(format!("{status}{}", quoted(&said))),
        Ok(Err(cause)) => Err(cause.to_string()),
        Err(_) => Err(format!("killed after {} s{}", limit.as_secs_f32(), quoted(&said))),
    }
}

fn is_passed(name: &str) -> bool {
    PASSED.contains(&name) || name.starts_with("LC_")
}

/// A program that does not care for its input is none the worse.
async fn feed_and_wait(child: &mut Child, json: &str) -> std::io::Result<ExitStatus> {
    if let Some(mut stdin) = child.stdin.take() {
        let _ = stdin.write_all(json.as_bytes()).await;
        let _ = stdin.write_all(b"\n").await;
    }
    child.wait().await
}

/// Keeps the beginning and drops the rest, so that nobody stands still at a full pipe.
fn listen(pipe: Option<impl AsyncRead + Unpin + Send + 'static>, said: Said) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let Some(mut pipe) = pipe else { return };
        let mut chunk = [0; 1024];
        while let Ok(n) = pipe.read(&mut chunk).await {
            let Some(new) = chunk.get(..n).filter(|new| !new.is_empty()) else { break };
            let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
            let room = OUTPUT_CAP.saturating_sub(said.len());
            said.extend(new.iter().take(room));
        }
    }))
}

/// A program and all that it started; dropped, it is killed. The program alone dies with its `Child`.
struct Group(#[cfg(unix)] Option<rustix::process::Pid>);

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn let_go(mut self) {
        self.0 = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

#[cfg(not(unix))]
impl Group {
    fn of(_: &Child) -> Self {
        Self()
    }

    fn let_go(self) {}
}

fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!("; it said: {said}") }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::net::clock::Still;

    async fn shell(script: &str, limit: Duration) -> Result<String, String> {
        let words = ["/bin/sh", "-c", script, "name", "an argument"].map(Secret::new);
        run(&words, r#"{"event":"test"}"#, limit).await
    }

    #[tokio::test]
    async fn it_gets_the_event_and_its_arguments_and_no_shell_reads_them() {
        let said = shell("cat; echo \"$1\"; echo loud >&2", LIMIT).await.unwrap();
        assert!(
            said.contains(r#"{"event":"test"}"#) && said.contains("an argument") && said.contains("loud"),
            "{said}"
        );
        let words = ["echo", "$HOME; `id`"].map(Secret::new);
        assert_eq!(run(&words, "", LIMIT).await.unwrap(), "$HOME; `id`");
    }

    #[tokio::test]
    async fn it_sees_nothing_of_our_environment_but_what_every_program_needs() {
        let said = shell("env", LIMIT).await.unwrap();
        let names: Vec<_> = said.split("\\n").filter_map(|line| line.split_once('=')).map(|(name, _)| name).collect();
        assert!(names.contains(&"PATH"), "{said}");
        // The shell sets the last three itself.
        let foreign: Vec<_> =
            names.iter().filter(|name| !is_passed(name) && !["PWD", "SHLVL", "_"].contains(name)).collect();
        assert!(foreign.is_empty() && std::env::vars().any(|(name, _)| name == "CARGO_PKG_NAME"), "{foreign:?}");
    }

    #[tokio::test]
    async fn a_failure_says_how_it_ended_and_what_it_said() {
        let failed = shell("echo no such user >&2; exit 3", LIMIT).await.unwrap_err();
        assert!(failed.contains("3; it said: no such user"), "{failed}");
        let lost = run(&[Secret::new("/nowhere/tell-me")], "", LIMIT).await.unwrap_err();
        assert!(lost.starts_with("it cannot be started: "), "{lost}");
    }

    /// A shell that waits for a program in the background, whose number comes into the file. That one holds the pipes,
    /// too.
    fn waiting(file: &str) -> String {
        format!("sleep 1000 & echo $! > {file}.new; mv {file}.new {file}; wait")
    }

    /// Whether the one whose number stands there ends.
    async fn ends(file: &str) -> bool {
        let Ok(id) = std::fs::read_to_string(file) else { return false };
        for _ in 0..1000 {
            match std::fs::read_to_string(format!("/proc/{}/stat", id.trim())) {
                // Nobody has asked how it ended yet.
                Ok(stat) if !stat.contains(") Z ") => tokio::time::sleep(Duration::from_millis(2)).await,
                _ => return true,
            }
        }
        false
    }

    /// By a clock that waits until it has started something.
    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_killed_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("id").display().to_string();
        let (still, limit) = (Still::begin(Duration::from_secs(60)), Duration::from_millis(300));
        let time = async {
            while !std::fs::exists(&file).unwrap() {
                tokio::task::yield_now().await;
            }
            tokio::time::advance(limit).await;
        };
        let script = waiting(&file);
        let (failed, ()) = tokio::join!(shell(&script, limit), time);
        drop(still);
        tokio::time::resume();
        let failed = failed.unwrap_err();
        assert!(failed.starts_with("killed after 0.3 s"), "{failed}");
        assert!(ends(&file).await, "it is still there");
    }

    #[tokio::test]
    async fn what_nobody_waits_for_any_more_is_killed_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("id").display().to_string();
        let begun = async {
            while !std::fs::exists(&file).unwrap() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let script = waiting(&file);
        tokio::select! {
            said = shell(&script, LIMIT) => panic!("{said:?}"),
            () = begun => {}
        }
        assert!(ends(&file).await, "it is still there");
    }

    #[tokio::test]
    async fn what_talks_without_end_or_leaves_something_behind_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("id").display().to_string();
        let script = format!("head -c 1000000 /dev/zero | tr '\\0' x; sleep 60 & echo $! > {file}");
        let said = shell(&script, LIMIT).await.unwrap();
        assert!(said.starts_with("xxxx") && said.chars().count() <= 501, "{}", said.len());
        let id: i32 = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let left = rustix::process::Pid::from_raw(id).unwrap();
        rustix::process::kill_process(left, rustix::process::Signal::KILL).unwrap();
    }
}
