//! Posts an event to the webhook, and again while the other side cannot take it.
//!
//! It tries for an hour, with growing pauses and as the other side asks. A refusal that lasts ends it at once. The
//! address often is the password, so it is in no log.

use std::time::Duration;

use percent_encoding::percent_decode_str;
use tokio::{sync::Mutex, time::Instant};
use url::Url;

use crate::{
    base::{Secret, printable},
    net::{HttpClient, HttpFault, HttpReply},
};

/// How long one event is tried.
const PATIENCE: Duration = Duration::from_secs(3600);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(300);
/// Parts of the address that are shorter are no password.
const TELLING: usize = 6;

pub struct Webhook {
    http: HttpClient,
    url: Secret,
    /// Whose turn it is to try. It is given back between two tries: what the other side cannot digest holds up nothing
    /// else.
    turn: Mutex<()>,
}

impl Webhook {
    pub fn new(http: HttpClient, url: Secret) -> Self {
        Self { http, url, turn: Mutex::default() }
    }

    /// `retrying` hears why each time that it has to be tried again.
    pub async fn deliver(&self, json: &str, mut retrying: impl FnMut(&str)) -> Result<(), String> {
        let url = Url::parse(self.url.expose()).map_err(|_| "its address is no URL".to_owned())?;
        let start = Instant::now();
        for tries in 0.. {
            let (why, asked) = match self.once(&url, json).await {
                Ok(reply) if reply.status.is_success() => return Ok(()),
                Ok(reply) => (said(&url, &reply), passes(&reply)),
                Err(HttpFault::Unsendable(why)) => (why, None),
                Err(fault) => (fault.to_string(), Some(Duration::ZERO)),
            };
            let Some(asked) = asked else { return Err(why) };
            let pause = pause(tries).max(asked);
            // What the other side asks for fits no clock, if it likes.
            if start.elapsed().saturating_add(pause) > PATIENCE {
                return Err(format!("{why}; given up after {} minutes", start.elapsed().as_secs() / 60));
            }
            retrying(&why);
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    async fn once(&self, url: &Url, json: &str) -> Result<HttpReply, HttpFault> {
        let _turn = self.turn.lock().await;
        self.http.post_json(url, json.to_owned()).await
    }
}

/// How long to wait at least; `None`: asking again helps nobody.
fn passes(reply: &HttpReply) -> Option<Duration> {
    let status = reply.status;
    let later = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
    later.then(|| reply.retry_after.unwrap_or_default())
}

fn pause(tries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LAST_PAUSE)
}

/// The answer in short, without the parts of the address that it may quote.
fn said(url: &Url, reply: &HttpReply) -> String {
    let mut words = String::from_utf8_lossy(&reply.body).into_owned();
    for part in parts(url) {
        words = words.replace(&part, "[hidden]");
    }
    let host = url.host_str().unwrap_or_default();
    let words = printable(words.trim(), 200);
    let status = reply.status.as_u16();
    if words.is_empty() { format!("HTTP {status} from {host}") } else { format!("HTTP {status} from {host}: {words}") }
}

/// Whatever of the address may be a password, as written and as it is meant, the longest first.
fn parts(url: &Url) -> Vec<String> {
    let query = url.query().unwrap_or_default();
    let written = url.path_segments().into_iter().flatten().chain(query.split(['&', '=']));
    let written = written.chain([url.username(), url.password().unwrap_or_default(), query]);
    let meant = |part: &str| [part.to_owned(), decoded(part), decoded(&part.replace('+', " "))];
    let mut parts: Vec<String> = written.flat_map(meant).filter(|part| part.len() >= TELLING).collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::net::{ClientTls, Network};

    #[test]
    fn pauses_grow_to_five_minutes() {
        let pauses: Vec<_> = (0..12).map(|tries| pause(tries).as_millis()).collect();
        assert_eq!((pauses[0], pauses[1], pauses[11]), (500, 1000, 300_000));
        assert_eq!(pause(u32::MAX), LAST_PAUSE);
    }

    #[tokio::test]
    async fn a_wait_that_fits_no_clock_ends_the_telling_and_nothing_else() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Secret::new(format!("http://{}/", listener.local_addr().unwrap()));
        tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while !seen.ends_with(b"{}") && tcp.read_buf(&mut seen).await.unwrap() > 0 {}
            let answer = b"HTTP/1.1 503 Busy\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n";
            tcp.write_all(answer).await.unwrap();
        });
        let http = HttpClient::new(&Network::default(), &ClientTls::trusting_only([]).unwrap()).unwrap();
        let why = Webhook::new(http, url).deliver("{}", |why| panic!("{why}")).await.unwrap_err();
        assert_eq!(why, "HTTP 503 from 127.0.0.1; given up after 0 minutes");
    }

    fn reply(status: u16, seconds: Option<u64>, body: &str) -> HttpReply {
        HttpReply {
            status: http::StatusCode::from_u16(status).unwrap(),
            content_type: None,
            retry_after: seconds.map(Duration::from_secs),
            date: None,
            headers: http::HeaderMap::new(),
            body: body.to_owned().into(),
        }
    }

    #[test]
    fn only_what_passes_is_tried_again_and_no_sooner_than_asked() {
        for status in [301, 400, 401, 403, 404, 410] {
            assert_eq!(passes(&reply(status, Some(5), "")), None, "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503] {
            assert_eq!(passes(&reply(status, Some(5), "")), Some(Duration::from_secs(5)), "{status}");
        }
    }

    #[test]
    fn whatever_an_answer_quotes_of_the_address_is_in_no_log() {
        let url = "https://robot:p%40ssw0rd@chat.example/hooks/s3cret%2Fword?token=ab%20c%2Bdefg&room=te+am%21+one";
        let url = Url::parse(url).unwrap();
        for quoted in [
            "s3cret/word",
            "s3cret%2Fword",
            "ab c+defg",
            "ab%20c%2Bdefg",
            "te am! one",
            "p@ssw0rd",
            "p%40ssw0rd",
            "token=ab%20c%2Bdefg&room=te+am%21+one",
        ] {
            let text = said(&url, &reply(404, None, &format!("no hook {quoted}, sorry\n")));
            assert_eq!(text, "HTTP 404 from chat.example: no hook [hidden], sorry", "{quoted}");
        }
    }
}
