//! The real program under a supervisor such as systemd: sockets handed over, what it tells, reload, stop.
//!
//! The test is the supervisor. It hands sockets over as stdin, stdout and stderr of a shell, which moves them to where
//! sd_listen_fds(3) has them and becomes the program.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    str::FromStr,
    time::Duration,
};

use gatepost::{base::Protocol, sandbox::Answer};
use rustix::process::{Pid, Signal, kill_process};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::{net::UnixDatagram, process::Child, time::timeout};

use crate::world::{
    ANN, BOB, HEAD, IN, PASSWORD, PROTOCOLS, Plan, Talk, account, own_address, settings, sign_in_with, stage, until_so,
};

const PATIENCE: Duration = Duration::from_secs(30);

const HAND_OVER: &str = r#"exec 3<&0 4<&1 5<&2 0</dev/null 1>/dev/null 2>"$LOG"; export LISTEN_PID=$$; exec "$0" "$@""#;

/// Three listening sockets, which outlive the program as systemd's do.
struct Sockets([TcpListener; 3]);

impl Sockets {
    fn open() -> Self {
        Self([0; 3].map(|_| TcpListener::bind("127.0.0.1:0").unwrap()))
    }

    fn address(&self, n: usize) -> SocketAddr {
        self.0[n].local_addr().unwrap()
    }

    fn port(&self, n: usize) -> String {
        format!("systemd:{}", self.address(n).port())
    }
}

/// The program, as a service.
struct Service {
    child: Child,
    notified: UnixDatagram,
    log: PathBuf,
}

impl Service {
    /// With the sockets under the names `one:two:three`.
    fn start(file: &Path, sockets: &Sockets, variables: &[(&str, &Path)]) -> Self {
        let dir = file.parent().unwrap();
        let (at, log) = (dir.join("notify"), dir.join("log"));
        let _ = fs::remove_file(&at);
        let notified = UnixDatagram::bind(&at).unwrap();
        let passed = |n: usize| Stdio::from(OwnedFd::from(sockets.0[n].try_clone().unwrap()));
        let mut command = tokio::process::Command::new("sh");
        command.args(["-c", HAND_OVER, env!("CARGO_BIN_EXE_gatepost"), "run", "--config"]).arg(file);
        command.env_clear().env("HOME", "/nonexistent").env("LOG", &log).env("NOTIFY_SOCKET", &at);
        command.env("LISTEN_FDS", "3").env("LISTEN_FDNAMES", "one:two:three").env("WATCHDOG_USEC", "400000");
        command.envs(variables.iter().copied());
        command.stdin(passed(0)).stdout(passed(1)).stderr(passed(2)).kill_on_drop(true);
        Self { child: command.spawn().unwrap(), notified, log }
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id().unwrap()).unwrap();
        kill_process(Pid::from_raw(id).unwrap(), signal).unwrap();
    }

    /// It does something of its own when this comes (proc_pid_status(5), SigCgt).
    fn hears(&self, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        u64::from_str_radix(caught.trim(), 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
    }

    /// Waits for a notification with this line; all of it.
    async fn tells(&self, line: &str) -> String {
        let mut message = [0; 4096];
        loop {
            let received = timeout(PATIENCE, self.notified.recv(&mut message)).await;
            let received = received.unwrap_or_else(|_| panic!("it never told {line}:\n{}", self.log()));
            let text = String::from_utf8_lossy(&message[..received.unwrap()]).into_owned();
            if text.lines().any(|told| told == line) {
                return text;
            }
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its exit code, and its log.
    async fn ends(mut self) -> (Option<i32>, String) {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("it ends").unwrap();
        (status.code(), self.log())
    }
}

/// Rewrites `listen` of the three listeners, which are smtp, imap and pop3.
fn listen(file: &Path, places: [&str; 3]) {
    let text = fs::read_to_string(file).unwrap();
    let listening = "listen = [\"127.0.0.1:0\"]\ntls";
    assert_eq!(text.matches(listening).count(), 3);
    let place = |text: String, place| text.replacen(listening, &format!("listen = [\"{place}\"]\ntls"), 1);
    fs::write(file, places.into_iter().fold(text, place)).unwrap();
}

/// A sandbox, and a daemon's files that take their sockets by port.
async fn staged(plan: &Plan) -> (gatepost::sandbox::Sandbox, tempfile::TempDir, PathBuf, Sockets) {
    let (sandbox, dir, file) = stage(plan).await;
    let sockets = Sockets::open();
    listen(&file, [&sockets.port(0), &sockets.port(1), &sockets.port(2)]);
    (sandbox, dir, file, sockets)
}

async fn greeted(protocol: Protocol, at: SocketAddr) -> Talk {
    let mut talk = Talk::connect(own_address(), at).await;
    talk.greeted(protocol).await;
    talk
}

#[tokio::test]
async fn sockets_come_by_port_and_by_name_and_the_supervisor_hears_of_every_step() {
    let (_sandbox, _dir, file) = stage(&Plan::default()).await;
    let sockets = Sockets::open();
    listen(&file, [&sockets.port(0), "systemd:two", &sockets.port(2)]);
    let service = Service::start(&file, &sockets, &[]);
    let ready = service.tells("READY=1").await;
    assert!(ready.contains("STATUS=3 listeners, 1 accounts"), "{ready}");
    for (n, protocol) in PROTOCOLS.into_iter().enumerate() {
        let said = greeted(protocol, sockets.address(n)).await.login(protocol, ANN, PASSWORD).await;
        assert!(said.starts_with(IN.of(protocol)), "{said}");
    }
    service.tells("WATCHDOG=1").await;
    service.tells("WATCHDOG=1").await;

    service.signal(Signal::HUP);
    let reloading = service.tells("RELOADING=1").await;
    let since = reloading.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC="));
    assert!(since.is_some_and(|since| since.parse::<u64>().unwrap() > 0), "{reloading}");
    service.tells("READY=1").await;

    service.signal(Signal::TERM);
    service.tells("STOPPING=1").await;
    let (code, log) = service.ends().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("no listener takes"), "{log}");
}

/// It was called one that nobody hands over, and no restart was told.
#[tokio::test]
async fn a_socket_that_was_handed_over_and_taken_by_nobody_is_there_for_a_listener_at_the_restart() {
    let (_sandbox, _dir, file) = stage(&Plan::default()).await;
    let sockets = Sockets::open();
    listen(&file, [&sockets.port(0), "systemd:two", "127.0.0.1:0"]);
    let service = Service::start(&file, &sockets, &[]);
    service.tells("READY=1").await;
    let text = fs::read_to_string(&file).unwrap();
    for (place, is_there) in
        [(sockets.port(2), true), ("systemd:three".to_owned(), true), ("systemd:four".to_owned(), false)]
    {
        let more = format!("\n[[listener]]\nprotocol = \"smtp\"\nlisten = [\"{place}\"]\ntls = \"off\"\n");
        fs::write(&file, text.clone() + &more).unwrap();
        service.signal(Signal::HUP);
        service.tells("RELOADING=1").await;
        service.tells("READY=1").await;
        let log = service.log();
        let told = log.lines().rfind(|line| line.contains("until a restart the daemon runs on")).unwrap();
        assert!(told.contains(&place) && told.contains("socket-not-handed-over") != is_there, "{place}: {told}");
    }
    service.signal(Signal::TERM);
    service.ends().await;
}

#[tokio::test]
async fn a_reload_drops_no_session_and_lets_a_new_account_in() {
    let (sandbox, dir, file, sockets) = staged(&Plan::default()).await;
    let service = Service::start(&file, &sockets, &[]);
    service.tells("READY=1").await;
    let mut imap = greeted(Protocol::Imap, sockets.address(1)).await;
    assert!(imap.login(Protocol::Imap, ANN, PASSWORD).await.starts_with("a OK"));
    let mut smtp = greeted(Protocol::Smtp, sockets.address(0)).await;
    assert!(smtp.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));
    smtp.open_message().await;

    sign_in_with(&sandbox, dir.path(), BOB, None).await;
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\n{}", account(BOB, ""))).unwrap();
    service.signal(Signal::HUP);
    service.tells("RELOADING=1").await;
    assert!(service.tells("READY=1").await.contains("2 accounts"));

    for (n, protocol) in PROTOCOLS.into_iter().enumerate() {
        let said = greeted(protocol, sockets.address(n)).await.login(protocol, BOB, PASSWORD).await;
        assert!(said.starts_with(IN.of(protocol)), "{said}");
    }
    imap.say("b NOOP").await;
    imap.expect_last("b OK").await;
    smtp.send(format!("{HEAD}whole\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;

    // A bad file changes nothing.
    fs::write(&file, "[[listener]]\nprotocol = \"smpt\"\n").unwrap();
    service.signal(Signal::HUP);
    service.tells("RELOADING=1").await;
    assert!(service.tells("READY=1").await.contains("2 accounts"));
    imap.say("c NOOP").await;
    imap.expect_last("c OK").await;
    let log = service.log();
    let refused = "ERROR the configuration was not taken over, nothing changed: ";
    let told: Vec<&str> = log.lines().filter(|line| line.contains(refused)).collect();
    assert!(!told.is_empty() && told.iter().all(|line| line.contains("gatepost.toml:2:")), "{log}");
    let behind = log.rsplit(refused).next().unwrap();
    assert!(
        told.iter().all(|line| line.contains(" hint=\"")) && !behind.contains("\nhint: "),
        "of one line each: {log}"
    );

    // Of a warning beside an error it is not said that it kept the file from being taken over.
    let refused_for = "proxy-protocol = true\nprotocol = \"smtp\"";
    let text = text.replacen("protocol = \"smtp\"", refused_for, 1);
    fs::write(&file, text.replace("\ngrant = ", "\nclient-secret = \"s\"\ngrant = ")).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (_, _, problems) = crate::process::run(&["config", "check"], &file);
    assert!(problems.contains("warning: ") && problems.contains("client-secret"), "{problems}");
    service.signal(Signal::HUP);
    service.tells("RELOADING=1").await;
    service.tells("READY=1").await;
    let log = service.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains(refused) && !line.contains("toml:2:")).collect();
    assert!(told.len() == 1 && told[0].contains("proxy-protocol-from"), "{log}");
}

#[tokio::test]
async fn a_session_of_an_account_that_a_reload_took_away_is_told_so_for_good() {
    let (sandbox, _dir, file, sockets) = staged(&Plan::default()).await;
    let service = Service::start(&file, &sockets, &[]);
    service.tells("READY=1").await;
    let mut smtp = greeted(Protocol::Smtp, sockets.address(0)).await;
    assert!(smtp.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));

    let text = fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("[[account]]").unwrap();
    fs::write(&file, format!("{before}\n{}", account(BOB, ""))).unwrap();
    service.signal(Signal::HUP);
    service.tells("RELOADING=1").await;
    service.tells("READY=1").await;

    let closed = Answer::new("MAIL", "421 4.4.2 Timeout waiting for client").times(1).close();
    sandbox.faults().set(|faults| faults.smtp.answers = vec![closed]);
    smtp.say(&format!("MAIL FROM:<{ANN}>")).await;
    let said = smtp.line().await;
    // The message is not refused for good, the login is, which the client tries next.
    assert!(said.starts_with("421 4.7.0 ") && said.ends_with("[gatepost sign-in-removed]"), "{said}");
    let said = greeted(Protocol::Smtp, sockets.address(0)).await.login(Protocol::Smtp, ANN, PASSWORD).await;
    assert!(said.starts_with("535 "), "{said}");
}

#[tokio::test]
async fn a_stop_lets_a_message_end_and_then_the_program() {
    let (sandbox, _dir, file, sockets) = staged(&Plan::default()).await;
    let service = Service::start(&file, &sockets, &[]);
    service.tells("READY=1").await;
    let mut smtp = greeted(Protocol::Smtp, sockets.address(0)).await;
    assert!(smtp.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));
    let mut idle = greeted(Protocol::Pop3, sockets.address(2)).await;
    smtp.open_message().await;
    smtp.send(format!("{HEAD}ha").as_bytes()).await;

    service.signal(Signal::TERM);
    service.tells("STOPPING=1").await;
    idle.expect("-ERR [SYS/TEMP]").await;
    idle.expect_end().await;
    smtp.send(b"lf and half\r\n.\r\n").await;
    smtp.expect("250 ").await;
    smtp.expect("421 ").await;
    smtp.expect_end().await;
    let (code, log) = service.ends().await;
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(sandbox.submissions().len(), 1);
}

#[tokio::test]
async fn a_second_stop_does_not_wait_for_what_is_open_and_nothing_half_is_delivered() {
    let plan = Plan { daemon: "drain-seconds = 3600".into(), ..Plan::default() };
    for [first, second] in [[Signal::TERM, Signal::TERM], [Signal::INT, Signal::INT], [Signal::TERM, Signal::INT]] {
        let (sandbox, _dir, file, sockets) = staged(&plan).await;
        let service = Service::start(&file, &sockets, &[]);
        service.tells("READY=1").await;
        let mut smtp = greeted(Protocol::Smtp, sockets.address(0)).await;
        assert!(smtp.login(Protocol::Smtp, ANN, PASSWORD).await.starts_with("235 "));
        smtp.open_message().await;
        smtp.send(format!("{HEAD}ha").as_bytes()).await;
        service.signal(first);
        service.tells("STOPPING=1").await;
        service.signal(second);
        let (code, log) = service.ends().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("told to stop a second time"), "{log}");
        assert!(sandbox.submissions().is_empty());
    }
}

/// It was in the middle of a message to that, with a thread of its own, for ever.
#[tokio::test]
async fn a_supervisor_that_does_not_listen_holds_up_nobody() {
    let (_sandbox, dir, file, sockets) = staged(&Plan::default()).await;
    let service = Service::start(&file, &sockets, &[]);
    service.tells("READY=1").await;
    let crowd = std::os::unix::net::UnixDatagram::unbound().unwrap();
    crowd.set_nonblocking(true).unwrap();
    while crowd.send_to(b"X=1", dir.path().join("notify")).is_ok() {}
    let said = greeted(Protocol::Imap, sockets.address(1)).await.login(Protocol::Imap, ANN, PASSWORD).await;
    assert!(said.starts_with("a OK"), "{said}");
    service.signal(Signal::TERM);
    let (code, log) = service.ends().await;
    assert_eq!(code, Some(0), "{log}");
}

/// Another program holds the store: one that rests is opened in vain, and of one whose log holds something it is not even
/// seen whose it is.
#[tokio::test]
async fn a_stop_while_it_starts_ends_it_at_once() {
    for write in ["", "CREATE TABLE theirs (n)"] {
        let (_sandbox, dir, file, sockets) = staged(&Plan::default()).await;
        let options = sqlx::sqlite::SqliteConnectOptions::from_str(&settings(dir.path()).url).unwrap();
        let mut other = options.pragma("locking_mode", "EXCLUSIVE").connect().await.unwrap();
        sqlx::raw_sql(write).execute(&mut other).await.unwrap();
        let held = other.begin_with("BEGIN EXCLUSIVE").await.unwrap();
        let service = Service::start(&file, &sockets, &[]);
        until_so("it hears a stop", PATIENCE, async || service.hears(Signal::TERM)).await;
        service.signal(Signal::TERM);
        let (code, log) = service.ends().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("stopped before it had started"), "{log}");
        held.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn who_connects_while_the_service_restarts_is_served() {
    let (_sandbox, _dir, file, sockets) = staged(&Plan::default()).await;
    let first = Service::start(&file, &sockets, &[]);
    first.tells("READY=1").await;
    first.signal(Signal::TERM);
    assert_eq!(first.ends().await.0, Some(0));

    let mut early = Talk::connect(own_address(), sockets.address(1)).await;
    let second = Service::start(&file, &sockets, &[]);
    second.tells("READY=1").await;
    early.greeted(Protocol::Imap).await;
    assert!(early.login(Protocol::Imap, ANN, PASSWORD).await.starts_with("a OK"));
}

#[tokio::test]
async fn a_socket_that_nobody_takes_is_named_and_a_wrong_port_says_what_there_is() {
    let (_sandbox, _dir, file) = stage(&Plan::default()).await;
    let written = fs::read_to_string(&file).unwrap();
    let sockets = Sockets::open();
    listen(&file, ["systemd:one", "127.0.0.1:0", &sockets.port(2)]);
    let service = Service::start(&file, &sockets, &[]);
    service.tells("READY=1").await;
    let log = service.log();
    let two = format!(
        "no listener takes, clients get no answer there: two at {} id=\"socket-without-listener\" text=\"",
        sockets.address(1)
    );
    assert_eq!(log.matches("no listener takes").count(), 1, "{log}");
    assert!(log.contains(&two), "{log}");
    service.signal(Signal::TERM);
    service.ends().await;

    fs::write(&file, written).unwrap();
    listen(&file, [&sockets.port(0), "systemd:one", &sockets.port(2)]);
    let (code, log) = Service::start(&file, &sockets, &[]).ends().await;
    assert_eq!(code, Some(1), "{log}");
    let [one, two] = [0, 1].map(|n| sockets.address(n));
    assert!(log.contains("\"systemd:one\": systemd handed over no TCP socket of that name"), "{log}");
    assert!(log.contains(&format!("(it handed over: one at {one} (taken), two at {two}, three at ")), "{log}");
}

/// One socket for IPv4 and IPv6 is what a socket unit opens; there an IPv4 client comes as `::ffff:a.b.c.d`.
#[tokio::test]
async fn a_device_is_known_by_its_ipv4_address_on_a_socket_for_both() {
    let device = own_address();
    let more = format!("[[client]]\nname = \"copier\"\naccount = \"{ANN}\"\nfrom = [\"{device}\"]\n");
    let (sandbox, _dir, file) = stage(&Plan { more, ..Plan::default() }).await;
    let both = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
    both.set_only_v6(false).unwrap();
    both.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    both.listen(16).unwrap();
    let mut sockets = Sockets::open();
    sockets.0[0] = both.into();
    listen(&file, [&sockets.port(0), &sockets.port(1), &sockets.port(2)]);
    let service = Service::start(&file, &sockets, &[]);
    service.tells("READY=1").await;

    let at = SocketAddr::new([127, 0, 0, 1].into(), sockets.address(0).port());
    let mut copier = Talk::connect(device, at).await;
    copier.greeted(Protocol::Smtp).await;
    copier.message("scanned").await;
    assert_eq!(sandbox.submissions().len(), 1);
    let mut stranger = greeted(Protocol::Smtp, at).await;
    stranger.exchange(&format!("MAIL FROM:<{ANN}>"), "530 ").await;
}

#[tokio::test]
async fn the_key_may_be_a_credential_and_then_none_is_made() {
    let (sandbox, dir, file, sockets) = staged(&Plan { signed_in: vec![], ..Plan::default() }).await;
    let credentials = tempfile::tempdir().unwrap();
    fs::write(credentials.path().join("gatepost.key"), [7; 32]).unwrap();
    let service = Service::start(&file, &sockets, &[("CREDENTIALS_DIRECTORY", credentials.path())]);
    service.tells("READY=1").await;
    assert!(!dir.path().join("key").exists());
    service.signal(Signal::TERM);
    assert_eq!(service.ends().await.0, Some(0));

    let (code, log) = Service::start(&file, &sockets, &[]).ends().await;
    assert_eq!(code, Some(1), "sealed under the credential: {log}");
    assert!(log.contains("key"), "{log}");
    drop(sandbox);
}
