//! The machine of a reader: folders with the names that the pages use below one that is thrown away, the real program, a sandbox as
//! Microsoft, and somebody who signs in wherever an address or a code is shown.
//!
//! What needs another user, systemd or a container is a script of a few lines in its place; what such a script is asked to do with the
//! daemon is done. With the real ones the pages of a server are typed by `tests/real/test_machine.py`.

use std::{
    fs,
    net::{IpAddr, TcpListener},
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use gatepost::sandbox::{Options, Person, Registration, Sandbox};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStdout, Command},
};

use super::{super::root, configuration};
use crate::{
    browser::{between, form},
    import,
    world::{own_address, until},
};

const FOLDERS: &[&str] = &[
    "bin",
    "etc/gatepost/target/release",
    "etc/systemd/system",
    "etc/tokens",
    "home/.config",
    "lent",
    "safe",
    "usr/bin",
    "usr/local/bin",
    "usr/local/sbin",
    "usr/share/man/man1",
    "var/backups",
    "var/lib/gatepost",
];

/// In the place of what the machine of a test lacks. `$ROOT` is the folder.
const PROGRAMS: &[(&str, &str)] = &[
    ("sudo", r#"[ "$1" != -u ] || shift 2; exec "$@""#),
    ("docker", r#"while [ "$1" != gatepost ]; do shift; done; shift; exec "$@""#),
    ("journalctl", r#"[ "$3" != -n ] || exec tail -n "$4" "$ROOT/log"; exec cat "$ROOT/log""#),
    ("systemctl", r#"echo "$*" >>"$ROOT/asked""#),
    (
        "as-gatepost",
        r#"while [ "$1" = -p ]; do
    lent=${2#LoadCredential=}; cp "${lent#*:}" "$ROOT/lent/${lent%%:*}"; export CREDENTIALS_DIRECTORY="$ROOT/lent"; shift 2
done
exec "$@""#,
    ),
];

/// Mailboxes of the tenant, and whom of them ann has rights on.
const PEOPLE: &[&str] = &["admin", "alerts", "ann", "board", "bob", "invoices", "orders", "scanner", "you"];
const SHARED: &[&str] = &["info", "sales"];
/// What the pages have in the place of a client id.
pub const CLIENT_ID: &str = "00000000-0000-0000-0000-000000000000";
/// A port that no page uses.
const HELD: u16 = 8424;
/// The longest command: a doctor of all accounts, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Machine {
    pub folder: tempfile::TempDir,
    pub sandbox: Sandbox,
    pub address: IpAddr,
    /// Nobody else on this computer takes that address meanwhile.
    _held: TcpListener,
    /// All that was printed so far.
    pub said: String,
    /// Where the next line is typed.
    pub at: PathBuf,
    daemon: Option<Child>,
    /// The configuration that it runs with.
    runs_with: String,
}

impl Machine {
    pub async fn new() -> Self {
        let of = |name: &&str| format!("{name}@contoso.example");
        let mut people: Vec<_> = PEOPLE.iter().map(of).map(Person::new).collect();
        people.extend(SHARED.iter().map(|name| Person::shared(of(name), ["ann@contoso.example".to_owned()])));
        let apps = vec![Registration::public(CLIENT_ID)];
        let options = Options { people, apps, device_interval: 1, ..Options::default() };
        let (sandbox, folder) = (Sandbox::start(options).await.unwrap(), tempfile::tempdir().unwrap());
        let at = folder.path().join("etc/gatepost");
        let held = std::iter::repeat_with(|| TcpListener::bind((own_address(), HELD)))
            .take(1000)
            .find_map(Result::ok)
            .unwrap();
        let machine = Self {
            folder,
            sandbox,
            at,
            address: held.local_addr().unwrap().ip(),
            _held: held,
            said: String::new(),
            daemon: None,
            runs_with: String::new(),
        };
        machine.furnish();
        machine.bring();
        machine
    }

    fn furnish(&self) {
        for folder in FOLDERS {
            fs::create_dir_all(self.path(folder)).unwrap();
        }
        fs::write(self.path("ca.pem"), self.sandbox.ca_pem()).unwrap();
        for (name, script) in PROGRAMS {
            let path = self.path("bin").join(name);
            fs::write(&path, format!("#!/bin/sh\nROOT='{}'\n{script}\n", self.folder.path().display())).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        }
        let ours = env!("CARGO_BIN_EXE_gatepost");
        for place in ["bin/gatepost", "usr/bin/gatepost", "etc/gatepost/target/release/gatepost"] {
            symlink(ours, self.path(place)).unwrap();
        }
        // Who follows a guide has the sources beside him where the guide says so.
        for sources in ["config", "systemd"] {
            symlink(root().join(sources), self.path("etc/gatepost").join(sources)).unwrap();
        }
    }

    /// What the reader brings along.
    fn bring(&self) {
        let tenant = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0";
        let (servers, ann) =
            (import::servers(&self.sandbox), import::account(&self.sandbox, "ann@contoso.example", "example"));
        let app = format!(r#"{{"client_id": "{CLIENT_ID}", "client_secret": "", "token_endpoint": "{tenant}/token"}}"#);
        let pizauth = format!(
            r#"account "work" {{ auth_uri = "{tenant}/authorize"; token_uri = "{tenant}/token"; client_id = "{CLIENT_ID}";
            scopes = ["https://outlook.office365.com/SMTP.Send", "offline_access"];
            auth_uri_fields = {{ "login_hint": "ann@contoso.example" }}; }}"#
        );
        for (name, text) in [
            ("etc/emailproxy.config", &format!("{servers}{ann}")),
            ("etc/gatepost/emailproxy.config", &format!("{servers}{ann}")),
            ("etc/gatepost/cache.json", &"{}".to_owned()),
            ("etc/gatepost/webhook", &"http://127.0.0.1:9/hook".to_owned()),
            ("etc/sasl-xoauth2.conf", &app),
            (
                "etc/tokens/ann@contoso.example",
                &r#"{"access_token": "a", "expiry": "0", "refresh_token": "r"}"#.to_owned(),
            ),
            ("home/.config/pizauth.conf", &pizauth),
            ("home/answers", &"example\n".to_owned()),
        ] {
            fs::write(self.path(name), text).unwrap();
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self) -> PathBuf {
        self.path("etc/gatepost/gatepost.toml")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]).current_dir(&self.at).env_clear().kill_on_drop(true);
        command.env("PATH", format!("{}:/usr/bin:/bin", self.path("bin").display())).env("HOME", self.path("home"));
        command.env("STATE_DIRECTORY", self.path("var/lib/gatepost")).env("LANG", "C.UTF-8");
        command.env("GATEPOST_CONFIG", self.file()).env("TMPDIR", self.folder.path());
        // Typed where somebody is asked for it, and what the pages' hashes are of.
        command.env("GATEPOST_PASSWORD", "example").env("GATEPOST_CLIENT_SECRET", "secret");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Types a line and answers the exit code and what was printed.
    pub async fn types(&mut self, line: &str, who: &str) -> (i32, String) {
        let mut child = self.command(line).process_group(0).spawn().unwrap();
        let group = child.id().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)).unwrap();
        let (out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let mut told = String::new();
        let whole = async { tokio::join!(self.person(out, who), err.read_to_string(&mut told), child.wait()) };
        let Ok((printed, _, ended)) = tokio::time::timeout(PATIENCE, whole).await else {
            // What a shell began outlives it.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            panic!("it never ends: {line}");
        };
        let printed = format!("{printed}{told}");
        self.said.push_str(&printed);
        self.carry_out().await;
        (ended.unwrap().code().unwrap_or(-1), printed)
    }

    /// Reads what is printed, and signs in where that is asked for.
    async fn person(&self, out: ChildStdout, who: &str) -> String {
        let (mut lines, mut printed, mut code) = (BufReader::new(out).lines(), String::new(), false);
        while let Some(line) = lines.next_line().await.unwrap() {
            let word = line.trim();
            if word.starts_with(&self.sandbox.issuer()) && word.contains("/authorize?") {
                tokio::spawn(visit(self.sandbox.issuer(), word.to_owned(), who.to_owned()));
            } else if code && !word.is_empty() {
                assert!(self.sandbox.approve_device(word, who), "no such code waits: {word}");
                code = false;
            }
            code |= line.contains("type the code");
            printed.push_str(&line);
            printed.push('\n');
        }
        printed
    }

    /// What systemd was asked to do with the service.
    async fn carry_out(&mut self) {
        let asked = fs::read_to_string(self.path("asked")).unwrap_or_default();
        let _ = fs::remove_file(self.path("asked"));
        for line in asked.lines() {
            match line.split(' ').next().unwrap_or_default() {
                "stop" => self.stop().await,
                "start" | "restart" | "enable" => self.restart().await,
                "reload" => self.signal(rustix::process::Signal::HUP),
                _ => {}
            }
        }
    }

    /// The daemon, on the configuration as it is now.
    pub async fn run(&mut self) {
        if self.daemon.is_none() || self.runs_with != configuration::text(&self.file()) {
            self.restart().await;
        }
    }

    pub async fn restart(&mut self) {
        self.stop().await;
        self.runs_with = configuration::text(&self.file());
        let log = self.path("log");
        let mut command = self.command("exec gatepost run");
        let kept = fs::File::options().create(true).append(true).open(&log).unwrap();
        let before = configuration::text(&log).len();
        self.daemon = Some(command.stdout(Stdio::null()).stderr(kept).spawn().unwrap());
        until("the daemon listens", PATIENCE, async || {
            let told = configuration::text(&log)[before..].to_owned();
            if told.contains("console, status and metrics on") { Ok(()) } else { Err(told) }
        })
        .await;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id =
            self.daemon.as_ref().and_then(Child::id).and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        if let Some(process) = id {
            rustix::process::kill_process(process, signal).unwrap();
        }
    }

    pub async fn stop(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        if let Some(mut daemon) = self.daemon.take() {
            let ended = tokio::time::timeout(PATIENCE, daemon.wait()).await.expect("it ends").unwrap();
            assert!(ended.success(), "{}", configuration::text(&self.path("log")));
        }
    }

    pub async fn leave(mut self) {
        self.stop().await;
    }

    /// All that was printed or logged.
    pub fn heard(&self) -> String {
        format!("{}{}", self.said, configuration::text(&self.path("log")))
    }
}

/// A person at the page that a program shows: signs in, consents, and is led back.
async fn visit(issuer: String, page: String, who: String) {
    let browser = reqwest::Client::builder().no_proxy().build().unwrap();
    let asks = browser.get(page).send().await.unwrap().text().await.unwrap();
    let flow = between(&asks, "name=flow value=\"", "\"");
    let fields = [("flow", flow), ("username", &who), ("password", "demo"), ("answer", "accept")];
    for place in ["sign-in", "consent"] {
        form(browser.post(format!("{issuer}/{place}")), &fields).send().await.unwrap();
    }
}
