//! Mail through a proxy of the network: the daemon finds no server by itself, since nothing resolves its name.

use std::{
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use gatepost::{
    base::Protocol,
    config::{self, Surroundings},
    store::{Store, TokenRow},
};
use rustls::{ServerConfig, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::TlsAcceptor;

use crate::world::{
    ANN, Answers, BOB, FOR_NOW, HEAD, IN, PASSWORD, Plan, World, account, in_each_protocol, journal, stage,
};

const NAME: &str = "mail.contoso.example";

/// A proxy for both ways in, by the first byte. Whatever name is asked for is on this machine.
struct Proxy {
    address: SocketAddr,
    /// `host:port`, in the order in which they were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// With a `refusal`, that is its answer to everybody.
    async fn start(refusal: Option<&'static [u8]>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let told = asked.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(serve(tcp, refusal, told.clone()));
            }
        });
        Self { address, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut tcp: TcpStream, refusal: Option<&'static [u8]>, asked: Arc<Mutex<Vec<String>>>) {
    let first = tcp.read_u8().await.unwrap();
    let (target, yes): (_, &[u8]) = match first {
        5 => (socks(&mut tcp).await, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
        _ => (connect(&mut tcp).await, b"HTTP/1.1 200 Connection established\r\nProxy-Agent: test\r\n\r\n"),
    };
    asked.lock().unwrap().push(target.clone());
    if let Some(refusal) = refusal {
        tcp.write_all(refusal).await.unwrap();
        let _ = tcp.read(&mut [0; 64]).await;
        return;
    }
    let port: u16 = target.rsplit(':').next().unwrap().parse().unwrap();
    let mut far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    tcp.write_all(yes).await.unwrap();
    let _ = copy_bidirectional(&mut tcp, &mut far).await;
}

async fn connect(tcp: &mut TcpStream) -> String {
    let mut header = Vec::new();
    while !header.ends_with(b"\r\n\r\n") {
        header.push(tcp.read_u8().await.unwrap());
    }
    String::from_utf8(header).unwrap().split(' ').nth(1).unwrap().to_owned()
}

/// Takes ann with her password (RFC 1929), and a name.
async fn socks(tcp: &mut TcpStream) -> String {
    let mut count = [0];
    tcp.read_exact(&mut count).await.unwrap();
    let mut methods = vec![0; usize::from(count[0])];
    tcp.read_exact(&mut methods).await.unwrap();
    assert!(methods.contains(&2), "{methods:?}");
    tcp.write_all(&[5, 2]).await.unwrap();
    let login = "\x01\x03ann\x08p w:@%ü".as_bytes();
    let mut said = vec![0; login.len()];
    tcp.read_exact(&mut said).await.unwrap();
    assert_eq!(said, login);
    tcp.write_all(&[1, 0]).await.unwrap();
    let mut head = [0; 5];
    tcp.read_exact(&mut head).await.unwrap();
    assert_eq!(head[..4], [5, 1, 0, 3]);
    let mut rest = vec![0; usize::from(head[4]) + 2];
    tcp.read_exact(&mut rest).await.unwrap();
    let (name, port) = rest.split_at(rest.len() - 2);
    format!("{}:{}", String::from_utf8_lossy(name), u16::from_be_bytes([port[0], port[1]]))
}

async fn behind(url: &str) -> World {
    let plan = Plan { network: format!("mail-proxy = \"{url}\""), upstream: Some(NAME), ..Plan::default() };
    World::with(plan).await
}

async fn login_everywhere(world: &World, answers: Answers) -> Vec<String> {
    let said = std::cell::RefCell::new(Vec::new());
    in_each_protocol(async |protocol| {
        let line = world.ann_hears(protocol, answers).await;
        said.borrow_mut().push(line);
    })
    .await;
    said.into_inner()
}

#[tokio::test]
async fn mail_of_all_protocols_goes_through_either_kind_of_proxy_and_nothing_beside_it() {
    let proxy = Proxy::start(None).await;
    for url in [format!("http://{}", proxy.address), format!("socks5://ann:p%20w%3A%40%25%C3%BC@{}", proxy.address)] {
        let before = proxy.asked().len();
        let world = behind(&url).await;
        login_everywhere(&world, IN).await;

        let mut smtp = world.smtp_in_data().await;
        smtp.say(&format!("{HEAD}Through the wall.\r\n.")).await;
        smtp.expect("250 ").await;
        assert!(String::from_utf8_lossy(&world.only_message().bytes).contains("Through the wall."));

        let mut asked = proxy.asked().split_off(before);
        asked.sort();
        let sandbox = &world.sandbox;
        // The message may go on the connection that the first login left over.
        asked.dedup();
        let ports = [sandbox.smtp(), sandbox.imap(), sandbox.pop3()].map(|at| at.port());
        let mut expected: Vec<_> = ports.iter().map(|port| format!("{NAME}:{port}")).collect();
        expected.sort();
        assert_eq!(asked, expected, "each server, by name");
    }
}

/// A service of that name, which the CA file is made to prove, and what it says to everything. Its port, and what it is
/// sent.
async fn service(ca_file: &Path, status: &'static str) -> (u16, mpsc::Receiver<String>) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![NAME.to_owned()]).unwrap().self_signed(&key).unwrap();
    let roots = std::fs::read_to_string(ca_file).unwrap() + &certificate.pem();
    std::fs::write(ca_file, roots).unwrap();
    let key = PrivatePkcs8KeyDer::from(key.serialize_der()).into();
    let tls = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()));
    let tls = tls.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let tls = TlsAcceptor::from(Arc::new(tls.with_single_cert(vec![certificate.der().clone()], key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let mut stream = tls.accept(tcp).await.unwrap();
            let mut seen = Vec::new();
            while !is_whole(&seen) {
                assert!(stream.read_buf(&mut seen).await.unwrap() > 0);
            }
            let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            tell.send(String::from_utf8(seen).unwrap()).await.unwrap();
        }
    });
    (port, told)
}

/// Header and body of one request.
fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    head.lines().any(|line| line.strip_prefix("content-length: ").is_some_and(|n| n.parse() == Ok(body.len())))
}

#[tokio::test]
async fn a_message_for_graph_goes_through_either_kind_of_http_proxy_by_name() {
    let proxy = Proxy::start(None).await;
    for login in ["http://", "socks5://ann:p%20w%3A%40%25%C3%BC@"] {
        let plan = Plan {
            network: format!("http-proxy = \"{login}{}\"", proxy.address),
            account: "outbound = \"graph\"".into(),
            app: "graph-url = \"GRAPH\"".into(),
            signed_in: Vec::new(),
            ..Plan::default()
        };
        let before = proxy.asked().len();
        let (sandbox, dir, file) = stage(&plan).await;
        let (port, mut told) = service(&dir.path().join("ca.pem"), "202 Accepted").await;
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("GRAPH", &format!("https://{NAME}:{port}/v1.0"))).unwrap();
        let world = World::on(sandbox, dir, &file).await;
        consent_to_graph(&world).await;
        let mut smtp = world.smtp_as_ann().await;
        assert!(smtp.message("Through the wall.").await.starts_with("250 "));
        let request = told.recv().await.unwrap();
        assert!(request.to_lowercase().starts_with("post /v1.0/me/sendmail "), "{request}");
        assert_eq!(proxy.asked().split_off(before), [format!("{NAME}:{port}")], "{login}");
    }
}

async fn consent_to_graph(world: &World) {
    let scopes = ["https://outlook.office.com/SMTP.Send", "offline_access", "https://graph.microsoft.com/Mail.Send"];
    let refresh = Some(world.sandbox.issue_refresh_token_for(ANN, &scopes));
    let row = TokenRow { refresh, signed_in_at: Some(SystemTime::now()), ..TokenRow::default() };
    let store = Store::open(&world.store_settings()).await.unwrap();
    let key = format!("contoso/{ANN}");
    assert!(store.save_token(&key, store.version(&key).await.unwrap(), &row).await.unwrap());
}

#[tokio::test]
async fn a_webhook_goes_through_the_http_proxy_and_mail_through_its_own_and_neither_through_the_other() {
    let (for_http, for_mail) = (Proxy::start(None).await, Proxy::start(None).await);
    let plan = Plan {
        network: format!("http-proxy = \"http://{}\"\nmail-proxy = \"http://{}\"", for_http.address, for_mail.address),
        upstream: Some(NAME),
        more: account(BOB, ""),
        ..Plan::default()
    };
    let (sandbox, dir, file) = stage(&plan).await;
    let (port, mut told) = service(&dir.path().join("ca.pem"), "200 OK").await;
    let notify = format!("[notify]\nwebhook = \"https://{NAME}:{port}/hooks/x\"\n");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + &notify).unwrap();
    let world = World::on(sandbox, dir, &file).await;
    // Nobody signed Bob in.
    let event = tokio::time::timeout(Duration::from_secs(20), told.recv()).await.unwrap().unwrap();
    assert!(event.contains("\"event\":\"sign-in-needed\"") && event.contains(BOB), "{event}");
    login_everywhere(&world, IN).await;
    assert_eq!(for_http.asked(), [format!("{NAME}:{port}")]);
    let mail = for_mail.asked();
    assert!(mail.len() == 3 && !mail.contains(&format!("{NAME}:{port}")), "{mail:?}");
}

#[tokio::test]
async fn a_proxy_that_says_no_is_told_by_an_id_of_its_own() {
    for (refusal, id) in [
        (
            &b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"[..],
            "proxy-login-refused",
        ),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", "proxy-forbids"),
        (b"HTTP/1.1 504 Gateway Timeout\r\n\r\n", "proxy-no-way"),
        (b"220 mail.example ESMTP\r\n", "proxy-unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>Log in first</html>", "proxy-portal"),
    ] {
        let proxy = Proxy::start(Some(refusal)).await;
        let world = behind(&format!("http://ann:hunter2@{}", proxy.address)).await;
        for line in login_everywhere(&world, FOR_NOW).await {
            assert!(line.ends_with(&format!("[gatepost {id}]")), "{line}");
            assert!(!line.contains("hunter2"), "{line}");
        }
        assert_eq!(proxy.asked().len(), 3);
        // What passes by itself is among the faults; else an account is not ready of which nothing gets out.
        let status = crate::whole_domain::status(world.daemon.console_at().unwrap(), world.dir.path()).await;
        let account = &status["accounts"][0];
        let refusals = account["refusals"].as_array().map(Vec::as_slice).unwrap_or_default();
        let passes = ["proxy-no-way", "proxy-unreachable"].contains(&id);
        assert_eq!(account["sign-in"]["phase"], if passes { "ready" } else { "refused" }, "{account}");
        assert_eq!(refusals.len(), if passes { 0 } else { 3 }, "{account}");
        assert!(refusals.iter().all(|one| (&one["by"], &one["id"]) == (&"proxy".into(), &id.into())), "{account}");
    }
}

/// It takes the connection and says nothing, and the client has less patience than we have.
#[tokio::test]
async fn a_client_that_leaves_while_a_proxy_is_silent_leaves_a_line_that_names_it_and_a_fault_in_the_status() {
    let journal = journal();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", silent.local_addr().unwrap());
    let world = behind(&proxy).await;
    let mut client = world.greeted(Protocol::Imap).await;
    client.say(&format!("a LOGIN {ANN} \"{PASSWORD}\"")).await;
    let _asked = silent.accept().await.unwrap();
    client.reset();
    let recent = |world: &World| world.daemon.meter().recent.list();
    world.until("the fault is told", |world| recent(world).iter().any(|one| one.id == "client-left-waiting")).await;
    let told = journal.lines(&["client left before it was answered", &format!("proxy=\"{proxy}\"")]).pop().unwrap();
    assert!(told.contains(&format!("account=\"{ANN}\"")) && told.contains(&format!("server=\"{NAME}:")), "{told}");
}

#[tokio::test]
async fn a_reload_takes_the_next_connections_through_another_proxy_and_leaves_those_that_are_open() {
    let (first, second) = (Proxy::start(None).await, Proxy::start(None).await);
    let world = behind(&format!("http://{}", first.address)).await;
    let mut open = world.imap_as_ann().await;
    let file = world.dir.path().join("gatepost.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let moved = text.replace(&first.address.to_string(), &second.address.to_string());
    let around = Surroundings::of_this_process(&file);
    let (config, _) = config::check_text(&moved, "gatepost.toml", &around).unwrap();
    world.daemon.reload(&config).unwrap();

    world.ann_hears(Protocol::Pop3, IN).await;
    assert_eq!((first.asked().len(), second.asked().len()), (1, 1));
    open.say("b NOOP").await;
    open.expect("b OK").await;
}

#[tokio::test]
async fn a_reload_reads_the_ca_file_again() {
    let world = World::new().await;
    let file = world.dir.path().join("gatepost.toml");
    let ca_file = world.dir.path().join("ca.pem");
    let right = std::fs::read_to_string(&ca_file).unwrap();
    let reload = || {
        let (config, _) = config::load(&file).unwrap();
        world.daemon.reload(&config).unwrap();
    };
    let other = rcgen::generate_simple_self_signed(["else.example".to_owned()]).unwrap();
    std::fs::write(&ca_file, other.cert.pem()).unwrap();
    reload();
    let said = world.ann_hears(Protocol::Imap, FOR_NOW).await;
    assert!(said.ends_with("[gatepost upstream-tls-untrusted]"), "{said}");
    std::fs::write(&ca_file, right).unwrap();
    reload();
    world.ann_hears(Protocol::Imap, IN).await;
}
