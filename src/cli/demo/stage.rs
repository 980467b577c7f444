//! What the demo stands on: the sandbox, a configuration file, the daemon, and ann signed in.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::timeout;
use url::Url;

use crate::{
    account,
    base::{Protocol, Secret, invocation, printable},
    cli::{
        args::DemoArgs,
        outcome::{Failure, Outcome},
        pasted,
    },
    config::{self, Config, Surroundings},
    daemon::{self, Daemon},
    net::{ClientTls, HttpClient},
    oauth::{
        clock::Clock,
        endpoints::Endpoints,
        grants::{code::CodeRequest, redirect_listener::RedirectListener},
        sign_in,
    },
    sandbox::{Options, PUBLIC_CLIENT, Sandbox},
    store::{Store, private_file},
};

pub const USER: &str = "ann@contoso.example";
/// Who else is in that tenant.
const OTHER: &str = "bob@contoso.example";
pub const PASSWORD: &str = "demo";

const FILE: &str = "gatepost.toml";
const LOG: &str = "gatepost.log";
/// The usual ports of the listeners and the console.
const USUAL: [u16; 4] = [1587, 1993, 1995, 8425];
const SIGN_IN_WAIT: Duration = Duration::from_secs(30);

pub struct Stage {
    pub sandbox: Sandbox,
    pub config: Config,
    daemon: Daemon,
    directory: Scratch,
}

/// A directory that is gone with the demo.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Stage {
    pub async fn build(args: &DemoArgs) -> Result<Self, Failure> {
        let directory = scratch().map_err(broken("a directory for the demo's state"))?;
        let log = private_file::create_new(&directory.0.join(LOG)).map_err(broken("the demo's log"))?;
        daemon::init_log_for_demo(log);
        invocation::is_this(invocation::Daemon::Demo(std::process::id()));
        // Entra has programs ask every five seconds; here somebody waits who has approved already.
        let options = Options { auto_approve: true, device_interval: 1, ..Options::default() };
        let sandbox = Sandbox::start(options).await.map_err(broken("the sandbox"))?;
        let config = configuration(&sandbox, &directory.0, ports(args)?)?;
        // What the daemon tells people to type names the demo's own configuration.
        invocation::call_it(pasted::with_config(&directory.0.join(FILE)));
        // First, so that the daemon has nothing to miss.
        sign_in(&config).await?;
        // Whoever follows what is printed signs in by hand, as ann or as somebody else.
        sandbox.ask_people();
        let mut daemon = Daemon::start(&config)
            .await
            .map_err(|fault| Failure::new(fault.to_string(), "on other ports: gatepost demo --port-base 20000"))?;
        daemon.note_demo(&directory.0.join(FILE));
        Ok(Self { sandbox, config, daemon, directory })
    }

    /// Reads the file again. The configuration that runs from now on.
    pub async fn reload(&self, running: Config) -> Config {
        daemon::reload(&self.daemon, running, &self.directory.0.join(FILE)).await
    }

    pub fn address(&self, protocol: Protocol) -> SocketAddr {
        let found = self.daemon.bound().iter().find(|bound| bound.protocol == protocol);
        found.map_or(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), |bound| bound.address)
    }

    pub fn introduction(&self) -> String {
        format!(
            "Gatepost demo: everything runs on this machine, nothing leaves it.\n\n  \
             sandbox   an identity provider at {} and an Exchange Online\n  \
             daemon    smtp {}, imap {}, pop3 {}\n  \
             account   {USER}, signed in by the authorization code flow with PKCE\n",
            self.sandbox.issuer(),
            self.address(Protocol::Smtp),
            self.address(Protocol::Imap),
            self.address(Protocol::Pop3),
        )
    }

    pub fn instructions(&self) -> String {
        let console =
            self.daemon.console_link().map(|link| format!("  console    {link}    (opens once)\n")).unwrap_or_default();
        let files = self.directory.0.display();
        format!(
            "\nTry it with your own mail program:\n\n  \
             user name  {USER}\n  password   {PASSWORD}\n  security   none (plain, on this machine only)\n  \
             smtp       {}\n  imap       {}\n  pop3       {}\n{console}  rehearse   {}/: refused tokens, a full store, a slow server and more, by a click\n  \
             doctor     gatepost doctor --config {files}/{FILE}\n  \
             sign in    gatepost login {USER} --config {files}/{FILE}    (the page asks who: {USER} or {OTHER}; password {PASSWORD})\n  log        {files}/{LOG}\n  files      {files}\n\n\
             For example (message.txt begins with a From: line, as Exchange wants it):\n  curl --url smtp://{} --user '{USER}:{PASSWORD}' --mail-from {USER} --mail-rcpt {USER} -T message.txt\n  \
             curl --url 'imap://{}/INBOX;MAILINDEX=1' --user '{USER}:{PASSWORD}'\n\nCtrl-C ends the demo and deletes its files: what a step changes in its configuration is gone as well.\n",
            self.address(Protocol::Smtp),
            self.address(Protocol::Imap),
            self.address(Protocol::Pop3),
            self.sandbox.issuer(),
            self.address(Protocol::Smtp),
            self.address(Protocol::Imap),
        )
    }

    pub async fn tear_down(self) {
        self.daemon.drain().await;
        self.sandbox.shutdown().await;
    }
}

fn broken(what: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |cause| Failure::new(format!("{what}: {cause}"), "check the disk, the loopback interface and $TMPDIR")
}

/// smtp, imap, pop3 and console. For scripts (`--once`) any that are free.
fn ports(args: &DemoArgs) -> Result<[u16; 4], Failure> {
    match args.port_base {
        Some(0) => Ok([0; 4]),
        Some(base) => {
            let all: Option<Vec<u16>> = (0..4).map(|n| base.checked_add(n)).collect();
            all.and_then(|all| <[u16; 4]>::try_from(all).ok()).ok_or_else(|| {
                Failure::usage(format!("--port-base {base} leaves no room for four ports"), "take a smaller one")
            })
        }
        None if args.once => Ok([0; 4]),
        None if USUAL.iter().all(|port| is_free(*port)) => Ok(USUAL),
        None => free_ports().map_err(broken("free ports")),
    }
}

/// By number, so that the file names what is open: whoever stays looks into it, and so does `gatepost doctor`.
fn free_ports() -> io::Result<[u16; 4]> {
    let bind = |_| std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let held = (0..4).map(bind).collect::<io::Result<Vec<_>>>()?;
    let ports = held.iter().map(|one| Ok(one.local_addr()?.port())).collect::<io::Result<Vec<_>>>()?;
    Ok(<[u16; 4]>::try_from(ports).unwrap_or_default())
}

fn is_free(port: u16) -> bool {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn scratch() -> io::Result<Scratch> {
    let mut nonce = [0u8; 8];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let path = std::env::temp_dir().join(format!("gatepost-demo-{:016x}", u64::from_ne_bytes(nonce)));
    private_file::make_dir(&path)?;
    Ok(Scratch(path))
}

fn configuration(sandbox: &Sandbox, directory: &Path, ports: [u16; 4]) -> Result<Config, Failure> {
    let ca = directory.join("sandbox-ca.pem");
    std::fs::write(&ca, sandbox.ca_pem()).map_err(broken("the sandbox's certificate"))?;
    let hash = account::hash(&Secret::new(PASSWORD))
        .ok_or_else(|| Failure::new("the password cannot be hashed", "the system gives no random bytes"))?;
    let text = configuration_text(sandbox, directory, &ca, ports, &hash);
    let file = directory.join(FILE);
    std::fs::write(&file, &text).map_err(broken("the demo's configuration"))?;
    let (config, _) = config::check_text(&text, &file.display().to_string(), &Surroundings::of_this_process(&file))?;
    Ok(config)
}

fn configuration_text(sandbox: &Sandbox, directory: &Path, ca: &Path, ports: [u16; 4], hash: &Secret) -> String {
    let [smtp, imap, pop3, console] = ports;
    // So that whoever rehearses a wrong tenant mends it with one line, as at Microsoft.
    let of_tenant = |url: String| url.replace("/contoso.example/", "/{tenant}/");
    format!(
        r#"
[store]
url = "sqlite://{directory}/gatepost.db"
key-file = "{directory}/key"

[console]
listen = "127.0.0.1:{console}"

[network]
ca-file = "{ca}"

[[listener]]
protocol = "smtp"
listen = ["127.0.0.1:{smtp}"]

[[listener]]
protocol = "imap"
listen = ["127.0.0.1:{imap}"]

[[listener]]
protocol = "pop3"
listen = ["127.0.0.1:{pop3}"]

[app.contoso]
provider = "microsoft365"
tenant = "contoso.example"
client-id = "{PUBLIC_CLIENT}"
authorize-url = "{authorize}"
token-url = "{token}"
device-url = "{device}"
graph-url = "{graph}"
smtp = "{up_smtp}"
imap = "{up_imap}"
pop3 = "{up_pop3}"

[[account]]
address = "{USER}"
app = "contoso"
password = "{hash}"
"#,
        directory = directory.display(),
        ca = ca.display(),
        authorize = of_tenant(sandbox.authorize_url()),
        token = of_tenant(sandbox.token_url()),
        device = of_tenant(sandbox.device_url()),
        graph = sandbox.graph_url(),
        up_smtp = sandbox.smtp(),
        up_imap = sandbox.imap(),
        up_pop3 = sandbox.pop3(),
        hash = hash.expose(),
    )
}

/// The browser flow as `gatepost login` does it; the demo follows the redirects in the browser's place.
async fn sign_in(config: &Config) -> Outcome {
    let failed = |what: String| Failure::new(format!("the sign-in of {USER}: {what}"), "please report this");
    let Some(account) = config.accounts.first() else { return Err(failed("no account".into())) };
    let app = &account.sign_in.app;
    let tls = ClientTls::new(&config.network).map_err(|e| failed(e.to_string()))?;
    let http = HttpClient::new(&config.network, &tls).map_err(|e| failed(e.to_string()))?;
    let listener = RedirectListener::bind(None).await.map_err(|e| failed(e.to_string()))?;
    let request = CodeRequest::new(app, listener.redirect().clone(), USER);
    let browser = tokio::spawn(browse(http.clone(), request.url().clone()));
    let code = timeout(SIGN_IN_WAIT, listener.code(&request)).await;
    browser.abort();
    // The demo's browser shows nothing.
    let (code, _) = code.map_err(|_| failed("no answer from the browser".into()))?;
    let code = code.map_err(|v| failed(v.fault("sign in again").to_string()))?;
    let clock = Clock::default();
    let endpoints = Endpoints { app, http: &http, clock: &clock };
    let tokens = request.redeem(endpoints, code).await.map_err(|v| failed(v.fault("sign in again").to_string()))?;
    let store = Store::open(&config.store).await.map_err(|e| failed(e.to_string()))?;
    sign_in::keep(&store, &account.sign_in, tokens, &clock)
        .await
        .map(drop)
        .map_err(|v| failed(v.fault("sign in again").to_string()))
}

/// Follows redirects until one answers with a page.
async fn browse(http: HttpClient, start: Url) {
    let mut url = start;
    for _ in 0..10 {
        let Ok(reply) = http.get(&url, &[]).await else { return };
        let Some(next) = reply.headers.get("location").and_then(|to| to.to_str().ok()).map(|to| url.join(to)) else {
            return;
        };
        let Ok(next) = next else {
            tracing::debug!("redirect to {}", printable(url.as_str(), 200));
            return;
        };
        url = next;
    }
}
