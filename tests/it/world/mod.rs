//! The test's world: the sandbox as upstream, the real daemon in front of it, and a client that talks lines.
//!
//! Ports are the system's, sources are each test's own 127.x.y.z, and nothing sleeps: a test waits for a line.

mod journal;
mod talk;
mod until;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use gatepost::{
    base::Protocol,
    config::{self, Surroundings},
    daemon::{Daemon, StartFault},
    net::{ClientTls, HttpClient, Network},
    sandbox::{Faults, Options, PUBLIC_CLIENT, Sandbox, Speaker, Submission},
    store::{AccessToken, MAIL, Settings, Store, StoreError, TokenRow},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

pub use journal::{hold_to_short_texts, journal, lacks_a_short_text};
pub use talk::{HEAD, Talk};
pub use until::{until, until_so};

pub const ANN: &str = "ann@contoso.example";
pub const BOB: &str = "bob@contoso.example";
pub const PASSWORD: &str = "old password";

/// argon2id of [`PASSWORD`], cheap on purpose.
pub fn cheap_hash(password: &str) -> String {
    use argon2::{
        Algorithm, Argon2, Params, Version,
        password_hash::{PasswordHasher, SaltString},
    };
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    argon.hash_password(password.as_bytes(), &SaltString::from_b64("c2FsdHNhbHQ").unwrap()).unwrap().to_string()
}

pub struct World {
    pub sandbox: Sandbox,
    pub daemon: Daemon,
    pub source: IpAddr,
    pub dir: tempfile::TempDir,
}

/// What a test wants different from the usual.
pub struct Plan {
    pub sandbox: Options,
    /// More TOML at the end; `[[account]]`, `[[client]]` and the like.
    pub more: String,
    /// `tls = "..."` of all three listeners.
    pub tls: &'static str,
    /// More keys of all three listeners.
    pub listener: String,
    /// Keys of `[console]`.
    pub console: String,
    /// Keys of `[daemon]`.
    pub daemon: String,
    /// More keys of the app; `{graph}` in it is where the sandbox has its Graph.
    pub app: String,
    /// Keys of `[network]`.
    pub network: String,
    /// The mail servers by this name, which nobody resolves, instead of their address.
    pub upstream: Option<&'static str>,
    /// Keys of ann's account.
    pub account: String,
    /// ann's `password`.
    pub password: String,
    /// Files beside the configuration; `{dir}` in it is where they are.
    pub files: Vec<(&'static str, String)>,
    /// Who is signed in already.
    pub signed_in: Vec<String>,
    pub grant: &'static str,
}

impl Plan {
    /// A sandbox with these faults from the start.
    pub fn faulty(change: impl FnOnce(&mut Faults)) -> Self {
        let mut plan = Self::default();
        change(&mut plan.sandbox.faults);
        plan
    }
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            sandbox: Options::default(),
            more: String::new(),
            tls: "off",
            listener: String::new(),
            console: String::new(),
            daemon: String::new(),
            app: String::new(),
            network: String::new(),
            upstream: None,
            account: String::new(),
            password: cheap_hash(PASSWORD),
            files: Vec::new(),
            signed_in: vec![ANN.to_owned()],
            grant: "authorization-code",
        }
    }
}

/// A loopback address nobody else in this process uses.
pub fn own_address() -> IpAddr {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, a, b, c] = (n + 0x0001_0002).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 40 + a, b, c))
}

/// A place to listen at for a program that has to be told one. The port stays free: nobody else has this address.
pub fn own_place() -> SocketAddr {
    nobody_at(own_address()).1
}

/// A place where nobody listens, and for as long as this is held nobody else gets the port. A child that another test begins in
/// this moment holds it too until it is under way: so it takes no connection, and is in nobody's way who listens there as the
/// daemon does.
pub fn nobody_at(ip: IpAddr) -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::new(ip, 0).into()).unwrap();
    let place = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, place)
}

#[test]
fn an_own_place_is_free_while_a_child_that_is_begun_still_has_its_socket() {
    let (_child, place) = nobody_at(own_address());
    let refused = std::net::TcpStream::connect(place).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused, "nobody listens there");
    std::net::TcpListener::bind(place).unwrap();
}

impl World {
    pub async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> Self {
        let (sandbox, dir, file) = stage(&plan).await;
        Self::on(sandbox, dir, &file).await
    }

    /// In front of what [`stage`] made.
    pub async fn on(sandbox: Sandbox, dir: tempfile::TempDir, file: &std::path::Path) -> Self {
        journal();
        let daemon = start(file).await;
        Self { sandbox, daemon, source: own_address(), dir }
    }

    /// The same with the daemon stopped and started again.
    pub async fn restarted(self) -> Self {
        self.daemon.drain().await;
        let daemon = start(&self.dir.path().join("gatepost.toml")).await;
        Self { daemon, ..self }
    }

    pub fn address(&self, protocol: Protocol) -> SocketAddr {
        self.daemon.bound().iter().find(|bound| bound.protocol == protocol).map(|bound| bound.address).unwrap()
    }

    pub async fn smtp(&self) -> Talk {
        self.talk(Protocol::Smtp).await
    }

    pub async fn imap(&self) -> Talk {
        self.talk(Protocol::Imap).await
    }

    pub async fn pop3(&self) -> Talk {
        self.talk(Protocol::Pop3).await
    }

    pub async fn talk(&self, protocol: Protocol) -> Talk {
        Talk::connect(self.source, self.address(protocol)).await
    }

    /// An SMTP client that is signed on as ann.
    pub async fn smtp_as_ann(&self) -> Talk {
        let mut smtp = self.smtp().await;
        smtp.expect("220 ").await;
        smtp.say("EHLO client").await;
        smtp.expect_last("250 ").await;
        smtp.say(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD))).await;
        smtp.expect("235 ").await;
        smtp
    }

    /// An SMTP client whose MAIL, RCPT and DATA were taken.
    pub async fn smtp_in_data(&self) -> Talk {
        let mut smtp = self.smtp_as_ann().await;
        smtp.open_message().await;
        smtp
    }

    /// A POP3 client that is signed on as ann.
    pub async fn pop3_as_ann(&self) -> Talk {
        let mut pop3 = self.pop3().await;
        pop3.expect("+OK ").await;
        pop3.exchange(&format!("USER {ANN}"), "+OK").await;
        pop3.exchange(&format!("PASS {PASSWORD}"), "+OK").await;
        pop3
    }

    /// An IMAP client that is signed on as ann.
    pub async fn imap_as_ann(&self) -> Talk {
        let mut imap = self.imap().await;
        imap.expect("* OK ").await;
        imap.say(&format!("a LOGIN {ANN} \"{PASSWORD}\"")).await;
        imap.expect("a OK ").await;
        imap
    }

    /// The one message that was accepted upstream.
    pub fn only_message(&self) -> Submission {
        let mut all = self.sandbox.submissions();
        assert_eq!(all.len(), 1, "exactly one message: {all:?}");
        all.remove(0)
    }

    /// What Prometheus would be given.
    pub async fn metrics(&self) -> String {
        let said = asked(self.daemon.console_at().unwrap(), "/metrics").await;
        said.split_once("\r\n\r\n").unwrap().1.to_owned()
    }

    /// The same once it says so: some of it is counted when Prometheus asks.
    pub async fn metrics_with(&self, line: &str) -> String {
        until(line, Duration::from_secs(20), async || {
            let metrics = self.metrics().await;
            if metrics.contains(line) { Ok(metrics) } else { Err(metrics) }
        })
        .await
    }

    /// How often the token endpoint was asked.
    pub fn token_requests(&self) -> u64 {
        self.sandbox.counts().token_requests_total()
    }

    /// Everything a client of ours said to the sandbox, secrets included.
    pub fn said_upstream(&self, protocol: &str) -> String {
        let lines = self.sandbox.transcript().lines();
        let said = lines.iter().filter(|line| line.protocol == protocol && line.speaker == Speaker::Client);
        said.map(|line| format!("{}\n", line.exposed())).collect()
    }

    /// Waits for something that no line tells of.
    pub async fn until(&self, what: &str, happened: impl Fn(&Self) -> bool) {
        until_so(what, Duration::from_secs(20), async || happened(self)).await;
    }

    /// The same for what a timer of half a minute brings.
    pub async fn until_long(&self, what: &str, happened: impl Fn(&Self) -> bool) {
        until_so(what, Duration::from_secs(60), async || happened(self)).await;
    }

    /// What the daemon counts, as Prometheus text.
    pub fn counts(&self, line: &str) -> bool {
        self.daemon.meter().text().lines().any(|counted| counted == line)
    }

    /// Signs somebody in, as `gatepost login` does beside a running daemon.
    pub async fn sign_in(&self, person: &str) {
        sign_in(&self.sandbox, self.dir.path(), person).await;
    }

    pub fn store_settings(&self) -> Settings {
        settings(self.dir.path())
    }
}

pub fn plain(user: &str, password: &str) -> String {
    base64(&format!("\0{user}\0{password}"))
}

/// A sandbox and a directory with everything that a daemon in front of it needs; the file is its configuration.
pub async fn stage(plan: &Plan) -> (Sandbox, tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = Sandbox::start(plan.sandbox.clone()).await.unwrap();
    let text = configuration(plan, &sandbox, dir.path());
    for person in &plan.signed_in {
        sign_in(&sandbox, dir.path(), person).await;
    }
    for (name, content) in &plan.files {
        std::fs::write(dir.path().join(name), content).unwrap();
    }
    let file = dir.path().join("gatepost.toml");
    let text = text.replace("{dir}", dir.path().to_str().unwrap()).replace("{graph}", &sandbox.graph_url());
    std::fs::write(&file, text).unwrap();
    // It may get a secret, of which a program on it would warn.
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    (sandbox, dir, file)
}

async fn start(file: &std::path::Path) -> Daemon {
    let text = std::fs::read_to_string(file).unwrap();
    let (config, _) = config::check_text(&text, "gatepost.toml", &Surroundings::of_this_process(file))
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match Daemon::start(&config).await {
            // Another test begins a program at this moment: until it is under way it has the file of the lock, too.
            Err(StartFault::Store(StoreError::InUse { .. })) if Instant::now() < deadline => {
                tokio::task::yield_now().await
            }
            started => return started.unwrap(),
        }
    }
}

async fn sign_in(sandbox: &Sandbox, dir: &std::path::Path, person: &str) {
    sign_in_with(sandbox, dir, person, None).await;
}

/// Signed in, with this access token that is as old and good for as long as the row says.
pub async fn sign_in_with(sandbox: &Sandbox, dir: &std::path::Path, person: &str, access: Option<AccessToken>) {
    let access = access.into_iter().map(|access| (MAIL.to_owned(), access)).collect();
    let (refresh, now) = (Some(sandbox.issue_refresh_token(person)), Some(std::time::SystemTime::now()));
    save(dir, person, &TokenRow { refresh, access, signed_in_at: now, ..TokenRow::default() }).await;
}

/// Signed in, and consented to this alone.
pub async fn sign_in_for(dir: &std::path::Path, sandbox: &Sandbox, scopes: &[&str]) {
    let (refresh, now) = (Some(sandbox.issue_refresh_token_for(ANN, scopes)), Some(std::time::SystemTime::now()));
    save(dir, ANN, &TokenRow { refresh, signed_in_at: now, ..TokenRow::default() }).await;
}

/// What lies there behind it is one whole file, unless others have the store open.
async fn save(dir: &std::path::Path, person: &str, row: &TokenRow) {
    let store = Store::open(&settings(dir)).await.unwrap();
    let key = format!("contoso/{person}");
    assert!(store.save_token(&key, store.version(&key).await.unwrap(), row).await.unwrap());
    store.close().await;
}

/// Where an administrator consents for all, as it is printed.
pub fn consent_page(sandbox: &Sandbox) -> String {
    consent_page_of(sandbox, PUBLIC_CLIENT)
}

fn consent_page_of(sandbox: &Sandbox, client: &str) -> String {
    format!("{}/contoso.example/adminconsent?client_id={client}", sandbox.issuer())
}

/// What an administrator does there.
pub async fn consent_for_all(sandbox: &Sandbox) {
    consent_to(sandbox, PUBLIC_CLIENT).await;
}

pub async fn consent_to(sandbox: &Sandbox, client: &str) {
    let http = HttpClient::new(&Network::default(), &ClientTls::trusting_only([]).unwrap()).unwrap();
    let page = consent_page_of(sandbox, client).parse().unwrap();
    let said = http.post_form(&page, &[("client_id", client.into())], &[]).await.unwrap();
    assert!(said.status.is_success(), "{}", said.status);
}

/// The console's whole answer.
pub async fn asked(console: SocketAddr, path: &str) -> String {
    let mut tcp = tokio::net::TcpStream::connect(console).await.unwrap();
    let mut said = String::new();
    tcp.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    tcp.read_to_string(&mut said).await.unwrap();
    said
}

pub fn settings(dir: &std::path::Path) -> Settings {
    Settings { url: format!("sqlite://{}", dir.join("gatepost.db").display()), key_file: dir.join("key"), key: None }
}

fn configuration(plan: &Plan, sandbox: &Sandbox, dir: &std::path::Path) -> String {
    let ca: PathBuf = dir.join("ca.pem");
    std::fs::write(&ca, sandbox.ca_pem()).unwrap();
    let Settings { url, key_file, .. } = settings(dir);
    let listeners: String = ["smtp", "imap", "pop3"]
        .iter()
        .map(|protocol| {
            format!(
                "[[listener]]\nprotocol = \"{protocol}\"\nlisten = [\"127.0.0.1:0\"]\ntls = \"{}\"\n{}\n\n",
                plan.tls, plan.listener
            )
        })
        .collect();
    let port = |address: SocketAddr| match plan.upstream {
        Some(name) => format!("{name}:{}", address.port()),
        None => format!("{}:{}", address.ip(), address.port()),
    };
    format!(
        "[store]\nurl = \"{url}\"\nkey-file = \"{key}\"\n\n[console]\nlisten = \"127.0.0.1:0\"\n{console}\n\n\
         [daemon]\n{daemon}\n\n[network]\nca-file = \"{ca}\"\n{network}\n\n{listeners}\
         [app.contoso]\nprovider = \"custom\"\nclient-id = \"{PUBLIC_CLIENT}\"\ngrant = \"{grant}\"\n\
         scopes = [\"https://outlook.office.com/IMAP.AccessAsUser.All\", \"https://outlook.office.com/POP.AccessAsUser.All\", \"https://outlook.office.com/SMTP.Send\", \"offline_access\"]\n\
         authorize-url = \"{authorize}\"\ntoken-url = \"{token}\"\ndevice-url = \"{device}\"\n\
         smtp = \"{smtp}\"\nsmtp-tls = \"starttls\"\nimap = \"{imap}\"\nimap-tls = \"implicit\"\n\
         pop3 = \"{pop3}\"\npop3-tls = \"implicit\"\nsasl = \"xoauth2\"\n{app}\n\n\
         [[account]]\naddress = \"{ANN}\"\napp = \"contoso\"\npassword = \"{hash}\"\n{account}\n\n{more}",
        key = key_file.display(),
        console = plan.console,
        daemon = plan.daemon,
        network = plan.network,
        ca = ca.display(),
        grant = plan.grant,
        authorize = sandbox.authorize_url(),
        token = sandbox.token_url(),
        device = sandbox.device_url(),
        smtp = port(sandbox.smtp()),
        imap = port(sandbox.imap()),
        pop3 = port(sandbox.pop3()),
        hash = plan.password,
        app = plan.app,
        account = plan.account,
        more = plan.more,
    )
}

/// `[[account]]` of somebody else.
pub fn account(address: &str, keys: &str) -> String {
    format!(
        "[[account]]\naddress = \"{address}\"\napp = \"contoso\"\npassword = \"{}\"\n{keys}\n\n",
        cheap_hash(PASSWORD)
    )
}

pub fn base64(text: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(text)
}

/// Runs all of them at the same time.
pub async fn together<F: Future<Output = ()>>(all: impl IntoIterator<Item = F>) {
    let mut all: Vec<_> = all.into_iter().map(|one| Some(Box::pin(one))).collect();
    std::future::poll_fn(|context| {
        for slot in &mut all {
            if slot.as_mut().is_some_and(|one| one.as_mut().poll(context).is_ready()) {
                *slot = None;
            }
        }
        if all.iter().all(Option::is_none) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
}

/// What needs no time: the clock of everything in this process stands still meanwhile, for twenty seconds at most.
pub async fn at_once<T>(what: impl Future<Output = T>) -> T {
    let (hold, held) = std::sync::mpsc::channel::<()>();
    // No clock goes on by itself while such a thread is at work.
    let still = tokio::task::spawn_blocking(move || held.recv_timeout(Duration::from_secs(20)).ok());
    tokio::time::pause();
    let begun = Instant::now();
    let came = what.await;
    let waited = begun.elapsed();
    tokio::time::resume();
    drop(hold);
    still.await.unwrap();
    assert_eq!(waited, Duration::ZERO, "it waits for something");
    came
}

/// A login in each protocol: what the client says behind the greeting, and how its answer begins.
#[derive(Debug, Clone, Copy)]
pub struct Answers {
    pub smtp: &'static str,
    pub imap: &'static str,
    pub pop3: &'static str,
}

/// It passes by itself.
pub const FOR_NOW: Answers = Answers { smtp: "454 4.7.0", imap: "a NO [UNAVAILABLE]", pop3: "-ERR [SYS/TEMP]" };
/// Somebody has to do something.
pub const FOR_GOOD: Answers = Answers { smtp: "535 5.7.0", imap: "a NO [CONTACTADMIN]", pop3: "-ERR [SYS/PERM]" };
/// The password typed is wrong.
pub const WRONG: Answers = Answers { smtp: "535 5.7.8", imap: "a NO [AUTHENTICATIONFAILED]", pop3: "-ERR [AUTH]" };
/// The client is in.
pub const IN: Answers = Answers { smtp: "235 ", imap: "a OK ", pop3: "+OK" };

impl Answers {
    pub const fn of(self, protocol: Protocol) -> &'static str {
        match protocol {
            Protocol::Smtp => self.smtp,
            Protocol::Imap => self.imap,
            Protocol::Pop3 => self.pop3,
        }
    }
}

pub const PROTOCOLS: [Protocol; 3] = [Protocol::Smtp, Protocol::Imap, Protocol::Pop3];

impl World {
    /// A client that was greeted and is ready to log in.
    pub async fn greeted(&self, protocol: Protocol) -> Talk {
        let mut talk = self.talk(protocol).await;
        talk.greeted(protocol).await;
        talk
    }

    /// A client at an address that nobody used before, greeted.
    pub async fn stranger(&self, protocol: Protocol) -> Talk {
        let mut talk = Talk::connect(own_address(), self.address(protocol)).await;
        talk.greeted(protocol).await;
        talk
    }

    /// Logs in on a connection of its own and answers what came.
    pub async fn login(&self, protocol: Protocol, user: &str, password: &str) -> String {
        self.greeted(protocol).await.login(protocol, user, password).await
    }

    /// Logs ann in and expects this answer, in full.
    pub async fn ann_hears(&self, protocol: Protocol, answers: Answers) -> String {
        let said = self.login(protocol, ANN, PASSWORD).await;
        assert!(said.starts_with(answers.of(protocol)), "{protocol}: {answers:?}, got {said:?}");
        said
    }
}

impl Talk {
    /// Takes the greeting; says EHLO where that belongs.
    pub async fn greeted(&mut self, protocol: Protocol) {
        self.expect(match protocol {
            Protocol::Smtp => "220 ",
            Protocol::Imap => "* OK ",
            Protocol::Pop3 => "+OK ",
        })
        .await;
        if protocol == Protocol::Smtp {
            self.say("EHLO client").await;
            self.expect_last("250 ").await;
        }
    }

    /// Logs in and answers what came.
    pub async fn login(&mut self, protocol: Protocol, user: &str, password: &str) -> String {
        match protocol {
            Protocol::Smtp => self.say(&format!("AUTH PLAIN {}", plain(user, password))).await,
            Protocol::Imap => self.say(&format!("a LOGIN {user} \"{password}\"")).await,
            Protocol::Pop3 => {
                self.exchange(&format!("USER {user}"), "+OK").await;
                self.say(&format!("PASS {password}")).await;
            }
        }
        self.line().await
    }
}

/// The same in all three protocols at the same time.
pub async fn in_each_protocol(check: impl AsyncFn(Protocol)) {
    together(PROTOCOLS.map(|protocol| check(protocol))).await;
}
