//! A token endpoint that plays a script and remembers what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
};
use url::{Url, form_urlencoded};

use crate::{
    base::Sasl,
    net::{ClientTls, HttpClient, Network, Upstream, UpstreamTls},
    oauth::{App, AppCredential, Grant, Keepers, Rotation, SignIn, clock::Clock, endpoints::TokenSet, sign_in},
    store::{Settings, Store},
};

/// For what comes on the slowest machine too. It is over only where something never comes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// One answer of the script.
pub enum Play {
    Json(u16, String),
    /// Whole bytes, after which the connection ends.
    Raw(Vec<u8>),
    /// Nothing, until the test ends.
    Hang,
    /// Waits for [`Endpoint::go`] first.
    Held(String),
}

type Form = HashMap<String, String>;

pub struct Endpoint {
    pub url: Url,
    script: Arc<Mutex<VecDeque<Play>>>,
    asked: Arc<Mutex<Vec<Form>>>,
    heads: Arc<Mutex<Vec<String>>>,
    arrived: Arc<Notify>,
    go: Arc<Notify>,
}

impl Endpoint {
    /// Plays `script`; after its end every refresh brings a new token `t1`, `t2`, ... good for an hour.
    pub async fn start(script: Vec<Play>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/token", listener.local_addr().unwrap())).unwrap();
        let endpoint = Self {
            url,
            script: Arc::new(Mutex::new(script.into())),
            asked: Arc::default(),
            heads: Arc::default(),
            arrived: Arc::default(),
            go: Arc::default(),
        };
        let (script, asked) = (endpoint.script.clone(), endpoint.asked.clone());
        let (arrived, go) = (endpoint.arrived.clone(), endpoint.go.clone());
        let heads = endpoint.heads.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, asked) = (script.clone(), asked.clone());
                let (arrived, go, heads) = (arrived.clone(), go.clone(), heads.clone());
                tokio::spawn(async move {
                    let _ = answer(stream, &script, &asked, &heads, &arrived, &go).await;
                });
            }
        });
        endpoint
    }

    pub fn asked(&self) -> Vec<Form> {
        self.asked.lock().unwrap().clone()
    }

    /// Request lines and headers.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Lets one `Held` answer go.
    pub fn go(&self) {
        self.go.notify_one();
    }

    /// Until another request is there. Of several that came since it was asked last it tells once: see [`Self::arrivals`].
    pub async fn arrival(&self) {
        tokio::time::timeout(PATIENCE, self.arrived.notified()).await.expect("a request");
    }

    /// Until there were so many requests in all.
    pub async fn arrivals(&self, requests: usize) {
        while self.count() < requests {
            self.arrival().await;
        }
    }

    pub fn then(&self, play: Play) {
        self.script.lock().unwrap().push_back(play);
    }
}

pub fn token(access: &str, refresh: Option<&str>) -> String {
    let refresh = refresh.map(|refresh| format!(r#","refresh_token":"{refresh}""#)).unwrap_or_default();
    format!(r#"{{"token_type":"Bearer","access_token":"{access}","expires_in":3600{refresh}}}"#)
}

pub fn refusal(error: &str, code: u32) -> Play {
    let body =
        format!(r#"{{"error":"{error}","error_codes":[{code}],"error_description":"AADSTS{code}: no. Trace ID: 1"}}"#);
    Play::Json(400, body)
}

async fn answer(
    mut stream: TcpStream,
    script: &Mutex<VecDeque<Play>>,
    asked: &Mutex<Vec<Form>>,
    heads: &Mutex<Vec<String>>,
    arrived: &Notify,
    go: &Notify,
) -> std::io::Result<()> {
    let mut seen = Vec::new();
    let body = loop {
        if stream.read_buf(&mut seen).await? == 0 {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&seen).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        if body.len() >= length.unwrap_or(0) {
            heads.lock().unwrap().push(head.to_owned());
            break body.to_owned();
        }
    };
    let form = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let number = {
        let mut asked = asked.lock().unwrap();
        asked.push(form);
        asked.len()
    };
    let play = script.lock().unwrap().pop_front();
    arrived.notify_one();
    match play.unwrap_or_else(|| Play::Json(200, token(&format!("t{number}"), None))) {
        Play::Json(status, body) => send(&mut stream, status, &body).await,
        Play::Raw(bytes) => {
            // The client hangs up at its cap; that is its right.
            let _ = stream.write_all(&bytes).await;
            stream.shutdown().await
        }
        Play::Hang => {
            std::future::pending::<()>().await;
            Ok(())
        }
        Play::Held(body) => {
            go.notified().await;
            send(&mut stream, 200, &body).await
        }
    }
}

async fn send(stream: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes()).await?;
    stream.shutdown().await
}

pub fn http() -> HttpClient {
    let tls = ClientTls::trusting_only([]).unwrap();
    HttpClient::new(&Network::default(), &tls).unwrap()
}

pub fn app(endpoint: &Endpoint, grant: Grant) -> App {
    let upstream = Upstream { host: "127.0.0.1".into(), port: 1, tls: UpstreamTls::Implicit };
    App {
        name: "contoso".into(),
        provider: "custom".into(),
        tenant: "contoso.example".into(),
        client_id: "client-1".into(),
        credential: AppCredential::None,
        secret_at: None,
        grant,
        redirect_uri: None,
        scopes: vec!["https://outlook.office.com/SMTP.Send".into(), "offline_access".into()],
        resource: None,
        authorize_url: endpoint.url.join("/authorize").unwrap(),
        token_url: endpoint.url.clone(),
        device_url: endpoint.url.join("/device").ok(),
        revoke_url: endpoint.url.join("/revoke").ok(),
        authorize_extra: vec![("prompt".into(), "select_account".into())],
        pkce: true,
        rotation: Rotation::OldStaysValid,
        refresh_idle_life: Some(Duration::from_secs(90 * 24 * 3600)),
        sasl: Sasl::Xoauth2,
        smtp: upstream.clone(),
        imap: upstream.clone(),
        pop3: upstream,
        smtp_capabilities: vec![],
        imap_capabilities: vec![],
        imap_is_known: false,
        graph: None,
    }
}

/// An endpoint, a store and keepers around one sign-in of ann.
pub struct House {
    pub endpoint: Endpoint,
    pub dir: tempfile::TempDir,
    pub store: Arc<Store>,
    pub sign_in: Arc<SignIn>,
    pub clock: Clock,
    pub keepers: Arc<Keepers>,
}

impl House {
    /// Ann is signed in with refresh token `r0`; her access token `a0` is good for `life` seconds.
    pub async fn signed_in(script: Vec<Play>, life: u64) -> Self {
        Self::with(script, Some(life), |_| {}).await
    }

    pub async fn with(script: Vec<Play>, life: Option<u64>, change: impl FnOnce(&mut App)) -> Self {
        let endpoint = Endpoint::start(script).await;
        let mut app = app(&endpoint, Grant::AuthorizationCode);
        change(&mut app);
        let sign_in = Arc::new(SignIn::of("ann@contoso.example", app));
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(open(dir.path()).await);
        let clock = Clock::default();
        if let Some(life) = life {
            sign_in::keep(&store, &sign_in, set("a0", "r0", life), &clock).await.unwrap();
        }
        let keepers = Arc::new(Keepers::on_stage(store.clone(), http(), clock.clone(), Duration::ZERO));
        keepers.apply(std::slice::from_ref(&sign_in), &[]);
        Self { endpoint, dir, store, sign_in, clock, keepers }
    }

    /// The token or the fault id that a session gets.
    pub async fn ask(&self) -> Result<String, &'static str> {
        let bearer = tokio::time::timeout(PATIENCE, self.keepers.bearer(&self.sign_in)).await;
        bearer.expect("an answer").map(|bearer| bearer.token.expose().to_owned()).map_err(|fault| fault.id)
    }

    pub async fn stored_refresh(&self) -> Option<String> {
        let row = self.store.token(&self.sign_in.key()).await.unwrap().row?;
        row.refresh.map(|secret| secret.expose().to_owned())
    }
}

pub async fn open(dir: &Path) -> Store {
    let settings =
        Settings { url: format!("sqlite://{}/gatepost.db", dir.display()), key_file: dir.join("key"), key: None };
    Store::open(&settings).await.unwrap()
}

pub fn set(access: &str, refresh: &str, life: u64) -> TokenSet {
    TokenSet {
        access: access.to_owned().into(),
        life: Duration::from_secs(life),
        refresh: Some(refresh.to_owned().into()),
        scope: None,
        account: None,
        date: None,
    }
}
