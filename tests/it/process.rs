//! The real program as the system meets it: two at a time, killed at a bad moment, started again.

use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use gatepost::{
    base::{Protocol, Secret},
    sandbox::{Rotation, Sandbox},
    store::{AccessToken, Store},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Child,
    sync::watch,
};

use crate::world::{
    ANN, FOR_GOOD, IN, PASSWORD, PROTOCOLS, Plan, Talk, asked, hold_to_short_texts, lacks_a_short_text, own_address,
    own_place, settings, sign_in_with, stage, until_so,
};

pub fn command(arguments: &[&str], file: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(arguments).arg("--config").arg(file).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

/// Whatever a daemon and the status say on stderr has the short text of a fault beside its id.
pub fn run(arguments: &[&str], file: &Path) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(arguments, file).output().unwrap();
    let [stdout, stderr] = [stdout, stderr].map(|said| String::from_utf8(said).unwrap());
    if arguments.iter().any(|word| ["run", "status"].contains(word)) {
        assert!(!stderr.lines().any(lacks_a_short_text), "{stderr}");
    }
    (status.code().unwrap(), stdout, stderr)
}

/// `gatepost run` in a process of its own.
pub struct Program {
    child: Child,
    bound: Vec<(String, SocketAddr)>,
    /// The lines of its log.
    log: watch::Receiver<Vec<String>>,
}

impl Program {
    pub async fn start(file: &Path) -> Self {
        Self::from(command(&["run", "--log-format", "json"], file)).await
    }

    pub async fn from(command: Command) -> Self {
        let mut command = tokio::process::Command::from(command);
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut bound = Vec::new();
        let mut told: Vec<String> = Vec::new();
        while bound.len() < PROTOCOLS.len() {
            let line = tokio::time::timeout(Duration::from_secs(20), log.next_line()).await.expect("it starts");
            let line = line.unwrap().unwrap_or_else(|| panic!("it ended:\n{}", told.join("\n")));
            let event: serde_json::Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("it ended: {line}"));
            if event["message"] == "listening" {
                let address = event["address"].as_str().unwrap().parse().unwrap();
                bound.push((event["protocol"].as_str().unwrap().to_owned(), address));
            }
            assert!(!lacks_a_short_text(&line), "{line}");
            told.push(line);
        }
        // Somebody has to read on, or the program would stand still at a full pipe.
        let (heard, said) = watch::channel(told);
        tokio::spawn(async move {
            while let Ok(Some(line)) = log.next_line().await {
                hold_to_short_texts(&line);
                heard.send_modify(|lines: &mut Vec<String>| lines.push(line));
            }
        });
        Self { child, bound, log: said }
    }

    /// The first line behind so many of its log that holds one of these words, once it is there.
    async fn says(&self, behind: usize, words: &[&str]) -> String {
        let mut log = self.log.clone();
        let found = |lines: &Vec<String>| {
            lines.iter().skip(behind).find(|line| words.iter().any(|word| line.contains(word))).cloned()
        };
        let said = tokio::time::timeout(Duration::from_secs(20), log.wait_for(|lines| found(lines).is_some())).await;
        found(&said.unwrap_or_else(|_| panic!("it never says {words:?}")).expect("it runs")).unwrap()
    }

    /// The last line of its log that holds this.
    pub fn logged(&self, word: &str) -> Option<String> {
        self.log.borrow().iter().rev().find(|line| line.contains(word)).cloned()
    }

    /// How many lines of its log hold this.
    pub fn times(&self, word: &str) -> usize {
        self.log.borrow().iter().filter(|line| line.contains(word)).count()
    }

    /// The first line of its log with this word, once it is there.
    pub async fn logs(&self, word: &str) -> String {
        self.says(0, &[word]).await
    }

    /// Where its console is, once it said so.
    pub async fn console(&self) -> SocketAddr {
        const AT: &str = "console, status and metrics on http://";
        let line = self.says(0, &[AT]).await;
        let at: String = line.split_once(AT).unwrap().1.chars().take_while(|c| *c != '"').collect();
        at.parse().unwrap()
    }

    /// SIGHUP: it reads its configuration again; returns when it did.
    pub async fn reload(&self) {
        let behind = self.log.borrow().len();
        self.signal(rustix::process::Signal::HUP);
        self.says(behind, &["configuration read again", "configuration taken over"]).await;
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let process = rustix::process::Pid::from_raw(self.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(process, signal).unwrap();
    }

    /// SIGTERM, and it is gone when this returns.
    pub async fn stopped(mut self) {
        self.signal(rustix::process::Signal::TERM);
        tokio::time::timeout(Duration::from_secs(30), self.child.wait()).await.expect("it ends").unwrap();
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub fn address(&self, protocol: Protocol) -> SocketAddr {
        self.bound.iter().find(|(name, _)| *name == protocol.to_string()).unwrap().1
    }

    pub async fn greeted(&self, protocol: Protocol) -> Talk {
        let mut talk = Talk::connect(own_address(), self.address(protocol)).await;
        talk.greeted(protocol).await;
        talk
    }

    pub async fn login(&self, protocol: Protocol) -> String {
        self.greeted(protocol).await.login(protocol, ANN, PASSWORD).await
    }

    /// `kill -9`.
    pub async fn killed(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Whatever reads the log takes it apart line by line.
#[tokio::test]
async fn a_warning_about_the_configuration_is_a_line_of_the_log_in_its_format() {
    let of =
        |name: &str, from: &str| format!("[[client]]\nname = \"{name}\"\naccount = \"{ANN}\"\nfrom = [\"{from}\"]\n");
    let more = of("all", "192.0.2.0/24") + &of("one", "192.0.2.7");
    let (_sandbox, _dir, file) = stage(&Plan { more, ..Plan::default() }).await;
    let _program = Program::start(&file).await;
    let (_, _, told) = run(&["run", "--log-format", "json"], &file);
    let first: serde_json::Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    let text = first["message"].as_str().unwrap();
    assert!(text.starts_with(&format!("configuration: {}:", file.display())), "{told}");
    assert_eq!(
        (&first["level"], &first["hint"]),
        (&"WARN".into(), &"the first client that matches counts: put the narrower one first".into())
    );
}

/// Whoever reads it types it on this machine, where the file is not the one that is found by itself.
#[tokio::test]
async fn a_reply_and_a_status_name_the_file_that_the_daemon_was_started_with() {
    let (_sandbox, _dir, file) = stage(&Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("[console]\nlisten = \"127.0.0.1:0\"", &format!("[console]\nlisten = \"{}\"", own_place())),
    )
    .unwrap();
    let program = Program::start(&file).await;
    let called = format!("gatepost --config {} login {ANN}", file.display());
    let said = program.login(Protocol::Imap).await;
    assert!(said.contains(&called) && said.ends_with("[gatepost sign-in-missing]"), "{said}");

    let spoken = |lang: &str| {
        let (arguments, file) = (["status".to_owned(), "--lang".to_owned(), lang.to_owned()], file.clone());
        tokio::task::spawn_blocking(move || run(&arguments.each_ref().map(String::as_str), &file))
    };
    let (code, english, _) = spoken("en").await.unwrap();
    assert!(code == 0 && english.contains(&format!("Sign in once with\n        {called}\n")), "{english}");
    let (code, japanese, _) = spoken("ja").await.unwrap();
    let step = format!("\n        {called}\n    で一度サインインしてください。\n");
    assert!(code == 0 && japanese.contains(&step), "{japanese}");
    assert!(japanese.contains("サインインが必要") && !japanese.contains("Sign in once"), "{japanese}");
}

/// It is read in another directory, from which that file is not found.
#[tokio::test]
async fn a_reply_and_the_consoles_door_name_the_file_that_the_daemon_found_where_it_was_started() {
    let (_sandbox, dir, _file) = stage(&Plan { signed_in: Vec::new(), ..Plan::default() }).await;
    let mut found = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    found.args(["run", "--log-format", "json"]).current_dir(dir.path()).env_clear().env("HOME", "/nonexistent");
    let program = Program::from(found).await;
    let called = format!("gatepost --config {}", dir.path().canonicalize().unwrap().join("gatepost.toml").display());
    let said = program.login(Protocol::Imap).await;
    assert!(said.contains(&format!("{called} login {ANN}")), "{said}");
    let door = asked(program.console().await, "/door").await;
    assert!(door.contains(&format!("<pre>{called} console</pre>")), "{door}");
}

#[tokio::test]
async fn silent_connections_that_would_take_every_open_file_keep_nobody_out() {
    let (_sandbox, _dir, file) = stage(&Plan::default()).await;
    let mut few = Command::new("/bin/sh");
    few.args([
        "-c",
        "ulimit -n 300 && exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_gatepost"),
        "run",
        "--log-format",
        "json",
    ]);
    few.arg("--config").arg(&file).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    let program = Program::from(few).await;
    let mut silent = Vec::new();
    for protocol in PROTOCOLS.into_iter().cycle().take(400) {
        silent.push(tokio::net::TcpStream::connect(program.address(protocol)).await.unwrap());
    }
    // Whoever hears anything comes behind all that wait at its listener. It may be no greeting: while more of them than there
    // is room for still wait at the other listeners, it is the oldest itself before it is greeted.
    for protocol in PROTOCOLS {
        Talk::connect(own_address(), program.address(protocol)).await.line().await;
    }
    for protocol in PROTOCOLS {
        let said = program.login(protocol).await;
        assert!(said.starts_with(IN.of(protocol)), "{said}");
    }
}

#[tokio::test]
async fn a_second_daemon_on_one_store_is_refused_and_a_killed_one_is_in_nobodys_way() {
    let (_sandbox, _dir, file) = stage(&Plan::default()).await;
    let first = Program::start(&file).await;

    let (code, _, errors) = run(&["run"], &file);
    assert_eq!(code, 1, "{errors}");
    let said = format!(
        "it runs already (process {0})\nhint: to make it read the configuration again: `kill -HUP {0}`\n",
        first.id()
    );
    assert!(errors.ends_with(&said) && !errors.contains("another Gatepost"), "{errors}");
    assert!(first.login(Protocol::Pop3).await.starts_with("+OK"), "the first one goes on");

    // Commands beside the daemon are not concerned.
    assert_eq!(run(&["config", "check"], &file).0, 0);
    assert!(run(&["status"], &file).1.contains(ANN));
    let (code, _, errors) = run(&["logout", ANN, "--yes"], &file);
    assert_eq!(code, 0, "{errors}");
    for protocol in PROTOCOLS {
        let said = first.login(protocol).await;
        assert!(said.starts_with(FOR_GOOD.of(protocol)), "logged out: {said}");
    }

    first.killed().await;
    Program::start(&file).await;
}

#[tokio::test]
async fn a_daemon_that_starts_while_the_one_before_ends_its_sessions_waits_for_it() {
    let (_sandbox, _dir, file) = stage(&Plan { daemon: "drain-seconds = 2".into(), ..Plan::default() }).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let console = format!("[console]\nlisten = \"{}\"", own_place());
    std::fs::write(&file, text.replace("[console]\nlisten = \"127.0.0.1:0\"", &console)).unwrap();
    let first = Program::start(&file).await;
    let before = first.id();
    // In the middle of a message, for which it stays until its time is over.
    let mut open = first.greeted(Protocol::Smtp).await;
    open.login(Protocol::Smtp, ANN, PASSWORD).await;
    for (said, heard) in [(format!("MAIL FROM:<{ANN}>"), "250 "), (format!("RCPT TO:<{ANN}>"), "250 ")] {
        open.exchange(&said, heard).await;
    }
    open.exchange("DATA", "354 ").await;
    let process = rustix::process::Pid::from_raw(first.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    let second = Program::start(&file).await;
    assert!(second.login(Protocol::Pop3).await.starts_with("+OK"));
    // It had found the one before at work, and named that one in its commands.
    let (code, told, _) = run(&["status"], &file);
    assert!(code == 0 && told.contains(&format!("kill -HUP {}", second.id())), "{told}");
    assert!(!told.contains(&format!("kill -HUP {before}")), "{told}");
    assert!(!std::path::Path::new("/nonexistent").exists(), "no home is made for a note");
}

/// Ann's access token looks good here and is refused upstream, so that the first login, and nothing before it,
/// makes the daemon refresh.
pub async fn sign_in_with_a_stale_token(sandbox: &Sandbox, dir: &Path) {
    let now = SystemTime::now();
    let access = AccessToken {
        token: Secret::new("stale"),
        obtained_at: Some(now),
        expires_at: Some(now + Duration::from_secs(3600)),
        generation: 1,
    };
    sign_in_with(sandbox, dir, ANN, Some(access)).await;
}

pub async fn stored_refresh(dir: &Path) -> Secret {
    let store = Store::open(&settings(dir)).await.unwrap();
    store.token(&format!("contoso/{ANN}")).await.unwrap().row.unwrap().refresh.unwrap()
}

/// Starts the program, lets it refresh, and kills it before it can save what came. It gets no further, since somebody
/// else holds the database's write lock.
async fn killed_between_refresh_and_save(sandbox: &Sandbox, dir: &Path, file: &Path) {
    sign_in_with_a_stale_token(sandbox, dir).await;
    let before = stored_refresh(dir).await;
    let program = Program::start(file).await;
    let database = sqlx::SqlitePool::connect(&settings(dir).url).await.unwrap();
    let writer = database.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let asked = sandbox.counts().token_requests_total();
    let mut client = program.greeted(Protocol::Pop3).await;
    client.say(&format!("USER {ANN}")).await;
    client.expect("+OK").await;
    client.say(&format!("PASS {PASSWORD}")).await;
    // The sandbox counts, and tells nobody.
    let is_asked = async || sandbox.counts().token_requests_total() > asked;
    until_so("the refresh", Duration::from_secs(20), is_asked).await;
    program.killed().await;
    writer.rollback().await.unwrap();
    database.close().await;
    assert!(stored_refresh(dir).await.matches(&before), "it was killed before it saved");
}

#[tokio::test]
async fn a_kill_between_refresh_and_save_costs_no_sign_in_where_the_old_token_stays_valid() {
    let (sandbox, dir, file) = stage(&Plan { signed_in: vec![], ..Plan::default() }).await;
    for _ in 0..3 {
        killed_between_refresh_and_save(&sandbox, dir.path(), &file).await;
        let program = Program::start(&file).await;
        for protocol in PROTOCOLS {
            let said = program.login(protocol).await;
            assert!(said.starts_with(IN.of(protocol)), "{said}");
        }
        program.killed().await;
    }
}

#[tokio::test]
async fn with_one_time_rotation_such_a_kill_ends_in_a_clear_call_for_a_new_sign_in() {
    let mut plan = Plan { signed_in: vec![], ..Plan::default() };
    plan.sandbox.faults.identity.rotation = Rotation::OneTime;
    let (sandbox, dir, file) = stage(&plan).await;
    killed_between_refresh_and_save(&sandbox, dir.path(), &file).await;
    let program = Program::start(&file).await;
    for protocol in PROTOCOLS {
        let said = program.login(protocol).await;
        assert!(said.starts_with(FOR_GOOD.of(protocol)) && said.contains("sign-in"), "{said}");
    }
    sign_in_with(&sandbox, dir.path(), ANN, None).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"), "and with one all is well");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_core_file_is_written() {
    let (_sandbox, _dir, file) = stage(&Plan::default()).await;
    let program = Program::start(&file).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", program.id())).unwrap();
    let limit = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(limit.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{limit}");
}

/// Whoever switched the console off had a container that was never well.
#[tokio::test]
async fn where_the_console_is_off_a_daemon_is_alive_while_a_listener_greets_and_is_not_once_it_hangs() {
    let plan = Plan { signed_in: Vec::new(), tls: "starttls", ..Plan::default() };
    let (_sandbox, _dir, file) = stage(&plan).await;
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace("[console]\nlisten = \"127.0.0.1:0\"", "[console]\nlisten = \"off\"");
    let named = format!("listen = [\"{}\"]", own_place());
    std::fs::write(&file, text.replacen("listen = [\"127.0.0.1:0\"]", &named, 1)).unwrap();
    let alive = async || {
        let file = file.clone();
        tokio::task::spawn_blocking(move || run(&["status", "--alive"], &file)).await.unwrap()
    };
    let (code, _, told) = alive().await;
    assert!(code == 1 && told.contains("the daemon did not answer: it does not run"), "{told}");

    let program = Program::start(&file).await;
    let (code, _, told) = alive().await;
    assert_eq!((code, told.as_str()), (0, ""));
    let status = async || {
        let file = file.clone();
        tokio::task::spawn_blocking(move || run(&["status"], &file)).await.unwrap()
    };
    let (code, said, told) = status().await;
    assert!(code == 0 && said.contains("so that it cannot be asked (a listener greets): "), "{said}{told}");

    let process = rustix::process::Pid::from_raw(program.id().try_into().unwrap()).unwrap();
    rustix::process::kill_process(process, rustix::process::Signal::STOP).unwrap();
    let (code, _, told) = alive().await;
    assert!(code == 1 && told.contains("[daemon-hangs]") && !told.contains("start it with"), "{told}");
    let (code, said, told) = status().await;
    assert!(code == 1 && told.contains("[daemon-hangs]") && said.contains("; it answers nobody"), "{said}{told}");
    rustix::process::kill_process(process, rustix::process::Signal::CONT).unwrap();

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("tls = \"starttls\"", "tls = \"implicit\"")).unwrap();
    let (code, said, told) = status().await;
    assert!(code == 0 && said.contains("cannot be asked, nor whether it answers: "), "{said}{told}");
    let (code, _, told) = alive().await;
    assert!(code == 1 && told.contains("the console is off"), "{told}");
    assert!(told.contains("hint: take `listen = \"off\"` out of [console] in "), "{told}");
    program.killed().await;
}
