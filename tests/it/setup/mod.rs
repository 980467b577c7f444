//! `gatepost setup` as a script meets it: the real program, the sandbox in the place of Microsoft, flags for every question.

mod again;
mod discovery;
mod elsewhere;
mod grants;
mod renewal;
mod usage;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use gatepost::sandbox::{Options, PUBLIC_CLIENT, Sandbox};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdout},
};

use crate::world::ANN;

pub const SHARED: &str = "shared@contoso.example";

/// A sandbox, and a folder in which there is nothing yet.
pub struct Stage {
    pub sandbox: Sandbox,
    pub dir: tempfile::TempDir,
}

/// How a run ended.
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Stage {
    pub async fn new() -> Self {
        Self::with(Options { device_interval: 1, ..Options::default() }).await
    }

    pub async fn with(options: Options) -> Self {
        let (sandbox, dir) = (Sandbox::start(options).await.unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(dir.path().join("ca.pem"), sandbox.ca_pem()).unwrap();
        Self { sandbox, dir }
    }

    pub fn file(&self) -> PathBuf {
        self.dir.path().join("gatepost.toml")
    }

    pub fn text(&self) -> String {
        std::fs::read_to_string(self.file()).unwrap()
    }

    /// What makes the sandbox Microsoft, and these flags.
    pub fn flags(&self, flags: &[&str]) -> Vec<String> {
        let (sandbox, dir) = (&self.sandbox, self.dir.path().display());
        let mut all: Vec<String> = vec!["setup".into(), "--discovery".into(), sandbox.issuer()];
        for listener in ["smtp=127.0.0.1:0", "imap=127.0.0.1:0"] {
            all.extend(["--listen".to_owned(), listener.to_owned()]);
        }
        for setting in [
            format!("store.url=sqlite://{dir}/state/gatepost.db"),
            format!("network.ca-file={dir}/ca.pem"),
            "console.listen=off".to_owned(),
            format!("app.authorize-url={}", sandbox.authorize_url()),
            format!("app.token-url={}", sandbox.token_url()),
            format!("app.device-url={}", sandbox.device_url()),
            format!("app.graph-url={}", sandbox.graph_url()),
            format!("app.smtp={}", sandbox.smtp()),
            format!("app.imap={}", sandbox.imap()),
            format!("app.pop3={}", sandbox.pop3()),
        ] {
            all.extend(["--set".to_owned(), setting]);
        }
        all.extend(flags.iter().map(|flag| (*flag).to_owned()));
        all
    }

    /// Ann, who signs in with a code on another device.
    pub fn ann(&self, more: &[&str]) -> Vec<String> {
        let mut flags = vec!["--address", ANN, "--client-id", PUBLIC_CLIENT, "--grant", "device-code", "--yes"];
        flags.extend(more);
        self.flags(&flags)
    }

    pub async fn run(&self, arguments: &[String], stdin: &str) -> Ended {
        Running::start(arguments, &self.file(), stdin).await.ended().await
    }

    /// Runs it, and approves as ann whatever code it shows.
    pub async fn run_and_approve(&self, arguments: &[String], stdin: &str) -> Ended {
        let mut running = Running::start(arguments, &self.file(), stdin).await;
        let code = running.device_code().await;
        assert!(self.sandbox.approve_device(&code, ANN), "no such code waits: {code}");
        running.ended().await
    }

    pub fn check(&self) {
        let (code, out, err) = crate::process::run(&["config", "check"], &self.file());
        assert_eq!(code, 0, "{out}{err}\n{}", self.text());
    }
}

/// One run, whose output is read as it comes.
pub struct Running {
    pub child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub out: String,
}

impl Running {
    pub async fn start(arguments: &[String], file: &Path, stdin: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.args(arguments).arg("--config").arg(file).env_clear().env("HOME", "/nonexistent");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
        // It may end without reading.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes()).await;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, out: String::new() }
    }

    async fn line(&mut self) -> Option<String> {
        let line = self.lines.next_line().await.unwrap()?;
        self.out.push_str(&line);
        self.out.push('\n');
        Some(line)
    }

    /// The next line of stdout with these words in it.
    pub async fn line_with(&mut self, words: &str) -> String {
        loop {
            let Some(line) = self.line().await else {
                let mut err = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut err).await.unwrap();
                panic!("it ended without {words:?}:\n{}\n{err}", self.out);
            };
            if line.contains(words) {
                return line;
            }
        }
    }

    /// The code that `login` shows for another device.
    pub async fn device_code(&mut self) -> String {
        self.line_with("and type the code:").await;
        self.line().await;
        self.line().await.unwrap().trim().to_owned()
    }

    pub async fn ended(mut self) -> Ended {
        let mut err = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        let (_, _) = tokio::join!(async { while self.line().await.is_some() {} }, stderr.read_to_string(&mut err));
        let code = self.child.wait().await.unwrap().code().unwrap();
        Ended { code, out: self.out, err }
    }
}

/// The password that was made and shown once.
pub fn password_in(out: &str) -> String {
    let line =
        out.lines().find(|line| line.starts_with("Password for mail programs")).unwrap_or_else(|| panic!("{out}"));
    line.rsplit(' ').next().unwrap().to_owned()
}
