//! HTTP for token and Graph calls and for webhooks: one client, bounded in time and size, that follows no redirect.
//!
//! A token endpoint is a peer like any other: it may hang, answer 64 MB of HTML or a redirect to somewhere else.
//! This client refuses all three, never takes a proxy from the environment, and tells temporary faults from lasting
//! ones. What the answer means is the caller's business.

use std::{
    error::Error,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::redirect;
use tokio::time::Instant;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use super::{
    ClientTls, DialLayer, Network, Proxy, ProxyTrouble, SetupFault, Upload,
    detour::is_beside,
    dial::{BEHIND_ITS_YES, first_words, is_page, reach_through},
};
use crate::{
    base::{Secret, printable},
    catalog::{doctor::AUTHORITIES_UNUSABLE, own::PROXY_UNREACHABLE},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// Token answers are a few KiB; discovery documents and key sets stay far below this too.
const BODY_CAP: usize = 1024 * 1024;
/// Of an answer that is shown to people alone.
const WORDS_CAP: usize = 4096;

/// Shared by all token calls; cloning is cheap and keeps one connection pool. A reload replaces the way for all clones.
#[derive(Clone, Debug)]
pub struct HttpClient {
    way: Arc<RwLock<Way>>,
}

#[derive(Clone, Debug)]
struct Way {
    client: reqwest::Client,
    proxy: Option<Proxy>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct HttpReply {
    pub status: StatusCode,
    /// Media type as sent, lower case, parameters included.
    pub content_type: Option<String>,
    pub retry_after: Option<Duration>,
    /// The server's clock, for telling a wrong local one.
    pub date: Option<SystemTime>,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// No answer came. `Display` names host and cause; never a body, a header or a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpFault {
    Timeout(String),
    /// Name resolution or TCP.
    Connect(String),
    /// The proxy in between.
    Proxy(ProxyTrouble, String),
    Tls(String),
    TooLarge(String),
    /// The connection broke, or what came is not HTTP.
    Broken(String),
    /// The request itself cannot be built: a fault of configuration or of ours.
    Unsendable(String),
}

impl fmt::Display for HttpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpFault::Timeout(at) => write!(f, "no answer in time from {at}"),
            HttpFault::Connect(why) => write!(f, "cannot connect: {why}"),
            HttpFault::Proxy(_, why) => f.write_str(why),
            HttpFault::Tls(why) => write!(f, "TLS failed: {why}"),
            HttpFault::TooLarge(at) => write!(f, "the answer of {at} is larger than 1 MiB"),
            HttpFault::Broken(why) => write!(f, "connection broke: {why}"),
            HttpFault::Unsendable(why) => write!(f, "request cannot be sent: {why}"),
        }
    }
}

impl Error for HttpFault {}

/// One value of a form or a header: plain or secret. Secret ones of a form are wiped with the request body.
#[derive(Clone, Copy, Debug)]
pub enum FormValue<'a> {
    Plain(&'a str),
    Secret(&'a Secret),
}

impl<'a> From<&'a str> for FormValue<'a> {
    fn from(value: &'a str) -> Self {
        FormValue::Plain(value)
    }
}

impl<'a> From<&'a Secret> for FormValue<'a> {
    fn from(value: &'a Secret) -> Self {
        FormValue::Secret(value)
    }
}

impl FormValue<'_> {
    fn as_str(&self) -> &str {
        match self {
            FormValue::Plain(text) => text,
            FormValue::Secret(secret) => secret.expose(),
        }
    }
}

/// A request to an API.
#[derive(Debug)]
pub struct Call<'a> {
    pub method: Method,
    pub url: &'a Url,
    /// `None`: the URL itself is the right to it, as that of an upload session is.
    pub bearer: Option<&'a Secret>,
    pub headers: &'a [(&'a str, &'a str)],
    pub body: CallBody,
    /// From the first octet to the end of the answer.
    pub within: Duration,
}

#[derive(Debug)]
pub enum CallBody {
    /// None is a body of no octets, where the method has one.
    Bytes(Bytes),
    Upload(Upload),
}

impl HttpFault {
    /// The request cannot have arrived.
    pub fn is_ahead_of_the_request(&self) -> bool {
        matches!(self, HttpFault::Connect(_) | HttpFault::Proxy(..) | HttpFault::Tls(_) | HttpFault::Unsendable(_))
    }
}

impl HttpClient {
    pub fn new(network: &Network, tls: &ClientTls) -> Result<Self, SetupFault> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.config())
            .user_agent(concat!("gatepost/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .pool_max_idle_per_host(2)
            .tcp_nodelay(true)
            .no_proxy();
        if let Some(proxy) = &network.http_proxy {
            let through = reqwest::Proxy::all(proxy.written_out().expose());
            let through = through.map_err(|_| {
                SetupFault::new(PROXY_UNREACHABLE, format!("network.http-proxy {proxy} is not understood"))
            })?;
            // The same targets as `is_beside`.
            let direct = reqwest::NoProxy::from_string("localhost,127.0.0.0/8,::1,169.254.0.0/16,fe80::/10");
            builder = builder.proxy(through.no_proxy(direct));
        }
        let client = builder
            .build()
            .map_err(|e| SetupFault::new(AUTHORITIES_UNUSABLE, format!("HTTP client: {}", causes(&e))))?;
        let way = Way { client, proxy: network.http_proxy.clone() };
        Ok(Self { way: Arc::new(RwLock::new(way)) })
    }

    /// Goes on as `other` does, in all clones; requests under way end as they began.
    pub fn take_over(&self, other: &Self) {
        let way = other.way();
        *self.way.write().unwrap_or_else(PoisonError::into_inner) = way;
    }

    fn way(&self) -> Way {
        self.way.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// POSTs `application/x-www-form-urlencoded`. The body is wiped after use.
    pub async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, FormValue<'_>)],
        headers: &[(&str, &str)],
    ) -> Result<HttpReply, HttpFault> {
        let way = self.way();
        let mut request = way
            .client
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .body(encode(form));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(&bare(url), way.send(url, request).await?).await
    }

    /// POSTs JSON that is no secret. The status line is the answer: of a body behind a refusal counts what can be read,
    /// for people, and one behind a success is not waited for.
    pub async fn post_json(&self, url: &Url, body: String) -> Result<HttpReply, HttpFault> {
        let way = self.way();
        let request = way.client.post(url.clone()).header(header::CONTENT_TYPE, "application/json").body(body);
        let mut reply = way.send(url, request).await?;
        let words = if reply.status().is_success() { Bytes::new() } else { beginning(&mut reply).await };
        Ok(answer(&reply, words))
    }

    /// Not cancel safe: what was sent may have been done.
    pub async fn call(&self, call: Call<'_>) -> Result<HttpReply, HttpFault> {
        let way = self.way();
        let body = match call.body {
            CallBody::Bytes(bytes) => reqwest::Body::from(bytes),
            CallBody::Upload(upload) => reqwest::Body::wrap(upload),
        };
        let mut request = way.client.request(call.method, call.url.clone()).timeout(call.within).body(body);
        request = request.header(header::ACCEPT, "application/json");
        if let Some(bearer) = call.bearer {
            // Marked as sensitive there.
            request = request.bearer_auth(bearer.expose());
        }
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        read(&bare(call.url), way.send(call.url, request).await?).await
    }

    pub async fn get(&self, url: &Url, headers: &[(&str, FormValue<'_>)]) -> Result<HttpReply, HttpFault> {
        let way = self.way();
        let mut request = way.client.get(url.clone()).header(header::ACCEPT, "application/json");
        for (name, value) in headers {
            let unsendable = |_| HttpFault::Unsendable(format!("{}: the header {name} cannot be sent", bare(url)));
            let mut text = HeaderValue::from_str(value.as_str()).map_err(unsendable)?;
            text.set_sensitive(matches!(value, FormValue::Secret(_)));
            request = request.header(*name, text);
        }
        read(&bare(url), way.send(url, request).await?).await
    }
}

impl Way {
    /// Up to the end of the header.
    async fn send(&self, url: &Url, request: reqwest::RequestBuilder) -> Result<reqwest::Response, HttpFault> {
        let at = bare(url);
        let proxy = self.proxy.as_ref().filter(|_| !url.host_str().is_some_and(is_beside));
        match request.send().await {
            Ok(reply) => Ok(reply),
            Err(error) => {
                let fault = fault(&at, &error);
                match proxy {
                    Some(proxy) => Err(blame(proxy, url, fault, &error).await),
                    None => Err(fault),
                }
            }
        }
    }
}

/// What is the matter with the proxy, if it is the proxy. The HTTP client keeps the proxy's words for itself, so it is
/// asked once more for the way, as for mail. Credentials that it refused are not shown again: wrong passwords lock
/// accounts.
async fn blame(proxy: &Proxy, url: &Url, fault: HttpFault, error: &reqwest::Error) -> HttpFault {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(443));
    let through = format!("{} through {proxy}", bare(url));
    let portal = || {
        let trouble = ProxyTrouble::Portal;
        HttpFault::Proxy(trouble, format!("{through}: {}: {BEHIND_ITS_YES}", trouble.words()))
    };
    let behind = match &fault {
        HttpFault::Tls(_) if is_plain(error) => return portal(),
        HttpFault::Timeout(_) => HttpFault::Timeout(through.clone()),
        HttpFault::Connect(_) => HttpFault::Connect(format!("{through}: {}", causes(error))),
        _ => return fault,
    };
    if !error.is_connect() {
        // The way was open.
        return behind;
    }
    if let (HttpFault::Connect(why), Some(login)) = (&fault, &proxy.login)
        && REFUSED_LOGINS.iter().any(|words| why.contains(words))
    {
        let trouble = ProxyTrouble::Login;
        let user = printable(&login.user, 80);
        return HttpFault::Proxy(trouble, format!("{through}: {}: the user is {user}", trouble.words()));
    }
    match reach_through(proxy, host, port, Instant::now() + CONNECT_TIMEOUT).await {
        Err(error) => match error.layer {
            DialLayer::Proxy(trouble) => HttpFault::Proxy(trouble, error.to_string()),
            _ => behind,
        },
        Ok(stream) => match first_words(&stream, Instant::now() + CONNECT_TIMEOUT).await {
            Some(words) if is_page(&words) => portal(),
            // It works by now, or what failed lies behind it.
            _ => behind,
        },
    }
}

/// How the HTTP client's connectors (hyper-util) say that it was the login, of HTTP and of SOCKS.
const REFUSED_LOGINS: &[&str] = &["proxy authorization required", "credentials not accepted"];

/// Encodes into memory that is wiped on drop; the capacity is exact enough that it never moves.
fn encode(form: &[(&str, FormValue<'_>)]) -> Bytes {
    let worst: usize = form.iter().map(|(name, value)| 3 * (name.len() + value.as_str().len()) + 2).sum();
    let mut out = String::with_capacity(worst);
    let mut pairs = form_urlencoded::Serializer::new(&mut out);
    for (name, value) in form {
        pairs.append_pair(name, value.as_str());
    }
    Bytes::from_owner(Zeroizing::new(out.into_bytes()))
}

async fn read(at: &str, mut reply: reqwest::Response) -> Result<HttpReply, HttpFault> {
    let mut body = BytesMut::new();
    while let Some(chunk) = reply.chunk().await.map_err(|e| fault(at, &e))? {
        if body.len() + chunk.len() > BODY_CAP {
            return Err(HttpFault::TooLarge(at.to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(answer(&reply, body.freeze()))
}

async fn beginning(reply: &mut reqwest::Response) -> Bytes {
    let mut words = BytesMut::new();
    while words.len() < WORDS_CAP
        && let Ok(Some(chunk)) = reply.chunk().await
    {
        words.extend(chunk.iter().take(WORDS_CAP - words.len()));
    }
    words.freeze()
}

fn answer(reply: &reqwest::Response, body: Bytes) -> HttpReply {
    let headers = reply.headers().clone();
    let date = text(&headers, header::DATE).and_then(http_date);
    HttpReply {
        status: reply.status(),
        content_type: text(&headers, header::CONTENT_TYPE).map(str::to_ascii_lowercase),
        retry_after: text(&headers, header::RETRY_AFTER).and_then(|value| retry_after(value, date)),
        date,
        headers,
        body,
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// RFC 9110 5.6.7; jiff's RFC 2822 reader takes the IMF-fixdate form with its `GMT`.
fn http_date(value: &str) -> Option<SystemTime> {
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(date.as_second()).ok()?))
}

/// RFC 9110 10.2.3: seconds, or a date, which is measured against the server's own clock where it gave one.
fn retry_after(value: &str, date: Option<SystemTime>) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is for ever; who uses it has a cap.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let now = date.unwrap_or_else(SystemTime::now);
    Some(http_date(value)?.duration_since(now).unwrap_or_default())
}

/// Scheme, host and port: what may be logged of a URL (paths hold tenants, queries may hold secrets).
fn bare(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or("?"))
}

fn fault(at: &str, error: &reqwest::Error) -> HttpFault {
    let why = format!("{at}: {}", causes(error));
    if error.is_timeout() {
        HttpFault::Timeout(at.to_owned())
    } else if tls_cause(error).is_some() {
        HttpFault::Tls(why)
    } else if error.is_connect() {
        HttpFault::Connect(why)
    } else if error.is_builder() {
        HttpFault::Unsendable(why)
    } else {
        HttpFault::Broken(why)
    }
}

/// Plain bytes came where TLS was due.
fn is_plain(error: &(dyn Error + 'static)) -> bool {
    let plain = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
    tls_cause(error) == Some(&plain)
}

/// The `rustls::Error` somewhere in the chain (it sits inside `io::Error`s).
fn tls_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref() {
            return Some(tls);
        }
        let inside = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref());
        next = match inside {
            Some(inside) => Some(inside as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// The innermost causes in one line; reqwest's own outer texts repeat the URL with its query, so they are left out.
fn causes(error: &reqwest::Error) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        if words.last() != Some(&text) {
            words.push(text);
        }
        next = error.source();
    }
    if words.is_empty() {
        words.push(if error.is_builder() { "invalid request".into() } else { "unexpected end".into() });
    }
    printable(&words.join(": "), 400)
}
