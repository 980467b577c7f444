//! What these tests share: a staged world without a daemon, the real program, and what it has to say.

use std::{
    path::{Path, PathBuf},
    time::SystemTime,
};

use gatepost::{
    sandbox::Sandbox,
    store::{Store, TokenRow},
};
use serde_json::Value;

use crate::{
    process::command,
    world::{ANN, Plan, settings, stage},
};

pub struct Staged {
    pub sandbox: Sandbox,
    pub dir: tempfile::TempDir,
    pub file: PathBuf,
}

/// One run of the program.
pub struct Told {
    pub code: i32,
    pub out: String,
    pub errors: String,
}

impl Told {
    pub fn of(mut command: std::process::Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), out: text(output.stdout), errors: text(output.stderr) }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.errors))
    }
}

/// What has to fail first.
pub struct First<'a> {
    pub layer: &'a str,
    pub name: &'a str,
    pub id: &'a str,
    /// In its commands, letter by letter.
    pub command: &'a str,
}

/// The program on another thread, so that the sandbox of this test goes on.
pub async fn doctor(file: &Path, arguments: &[&str]) -> Told {
    let mut command = command(&[&["doctor"], arguments].concat(), file);
    command.env("LANG", "en_US.UTF-8");
    tokio::task::spawn_blocking(move || Told::of(command)).await.unwrap()
}

impl Staged {
    pub async fn new(plan: Plan) -> Self {
        let (sandbox, dir, file) = stage(&plan).await;
        Self { sandbox, dir, file }
    }

    /// With this rehearsal switched on.
    pub async fn rehearsing(plan: Plan, name: &str) -> Self {
        let staged = Self::new(plan).await;
        assert!(staged.sandbox.faults().set(|faults| faults.apply(name)), "{name}");
        staged
    }

    pub async fn doctor(&self, arguments: &[&str]) -> Told {
        doctor(&self.file, arguments).await
    }

    /// The first failing layer is this one: in JSON, in English, in Japanese; with the command to be run.
    pub async fn fails_first(&self, wanted: First<'_>) -> Value {
        let told = self.doctor(&[ANN, "--json"]).await;
        assert_eq!(told.code, 1, "{}{}", told.out, told.errors);
        let report = told.json();
        assert_eq!(report["ok"], false);
        let at = usize::try_from(report["first-failure"].as_u64().unwrap()).unwrap();
        let check = report["checks"][at].clone();
        let found = (check["layer"].as_str().unwrap(), check["name"].as_str().unwrap());
        let fault = &check["fault"];
        assert_eq!((found, fault["id"].as_str().unwrap()), ((wanted.layer, wanted.name), wanted.id), "{report:#}");
        if !wanted.command.is_empty() {
            let commands = fault["commands"].as_array().unwrap();
            assert!(commands.iter().any(|one| one == wanted.command), "{}: {commands:?}", wanted.command);
        }
        for (lang, heading) in [("en", "What to do"), ("ja", "次の手順")] {
            let told = self.doctor(&[ANN, "--lang", lang]).await;
            assert_eq!(told.code, 1);
            let explained = told.out.split_once("\n\n").unwrap().1;
            for part in [heading, &format!("[{}]", wanted.id), wanted.command] {
                assert!(explained.contains(part), "{lang}: {part} is not in {}", told.out);
            }
            assert!(told.out.lines().any(|line| line.starts_with('✗')), "{}", told.out);
        }
        check
    }

    /// With the cause mended: every check passes, or says why it was not made.
    pub async fn is_well(&self) -> Value {
        let report = self.fails_nothing().await;
        let told = self.doctor(&[ANN]).await;
        let end = match outcome(&report, "daemon", "daemon").as_str() {
            "pass" => "\nAll is well.\n".to_owned(),
            _ => format!("\nNothing fails in this look, but the daemon does not run: {}\n", self.gatepost("run")),
        };
        assert!(told.code == 0 && !told.out.contains('✗') && told.out.ends_with(&end), "{}", told.out);
        report
    }

    /// Whatever clients did wrong.
    pub async fn fails_nothing(&self) -> Value {
        let told = self.doctor(&[ANN, "--json"]).await;
        assert_eq!(told.code, 0, "{}{}", told.out, told.errors);
        let report = told.json();
        assert_eq!((&report["ok"], &report["first-failure"]), (&Value::Bool(true), &Value::Null));
        for protocol in ["smtp", "imap", "pop3"] {
            assert_eq!(outcome(&report, protocol, "sign-on"), "pass", "{report:#}");
        }
        report
    }

    /// Signs ann in with consent to mail and to this.
    pub async fn sign_in_for(&self, scope: &str) {
        let mail = ["IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send"];
        let mail = mail.map(|name| format!("https://outlook.office.com/{name}"));
        let scopes: Vec<&str> = mail.iter().map(String::as_str).chain([scope, "offline_access"]).collect();
        let refresh = self.sandbox.issue_refresh_token_for(ANN, &scopes);
        let row = TokenRow { refresh: Some(refresh), signed_in_at: Some(SystemTime::now()), ..TokenRow::default() };
        let store = Store::open(&settings(self.dir.path())).await.unwrap();
        assert!(store.save_token(&format!("contoso/{ANN}"), 0, &row).await.unwrap());
    }

    /// As where nobody uses this protocol.
    pub fn without_listener(&self, protocol: &str) {
        let block = format!("[[listener]]\nprotocol = \"{protocol}\"\nlisten = [\"127.0.0.1:0\"]\ntls = \"off\"\n");
        self.edit(&block, "");
    }

    /// A command of ours as it is printed, which names the configuration.
    pub fn gatepost(&self, rest: &str) -> String {
        format!("gatepost --config {} {rest}", self.file.display())
    }

    pub fn mended(&self) {
        self.sandbox.faults().clear();
    }

    /// Changes the configuration as a person does.
    pub fn edit(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.file).unwrap();
        assert!(text.contains(from), "{from} is not in {text}");
        std::fs::write(&self.file, text.replace(from, to)).unwrap();
    }
}

/// Of one check.
pub fn outcome(report: &Value, layer: &str, name: &str) -> String {
    check(report, layer, name)["outcome"].as_str().unwrap().to_owned()
}

pub fn check(report: &Value, layer: &str, name: &str) -> Value {
    let checks = report["checks"].as_array().unwrap();
    let found = checks.iter().find(|check| check["layer"] == layer && check["name"] == name);
    found.unwrap_or_else(|| panic!("no check {layer}/{name} in {report:#}")).clone()
}
