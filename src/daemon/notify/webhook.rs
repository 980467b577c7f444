//! Posts an event to the webhook, and again while the other side cannot take it.
//!
//! It tries for an hour, with growing pauses and as the other side asks. A refusal that lasts ends it at once. The
//! address often is the password, so it is in no log.

use std::time::Duration;

use tokio::time::Instant;
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
    pub http: HttpClient,
    pub url: Secret,
}

impl Webhook {
    /// `retrying` hears why each time that it has to be tried again.
    pub async fn deliver(&self, json: &str, mut retrying: impl FnMut(&str)) -> Result<(), String> {
        let url = Url::parse(self.url.expose()).map_err(|_| "its address is no URL".to_owned())?;
        let start = Instant::now();
        for tries in 0.. {
            let (why, asked) = match self.http.post_json(&url, json.to_owned()).await {
                Ok(reply) if reply.status.is_success() => return Ok(()),
                Ok(reply) => (said(&url, &reply), passes(&reply)),
                Err(HttpFault::Unsendable(why)) => (why, None),
                Err(fault) => (fault.to_string(), Some(Duration::ZERO)),
            };
            let Some(asked) = asked else { return Err(why) };
            let pause = pause(tries).max(asked);
            if start.elapsed() + pause > PATIENCE {
                return Err(format!("{why}; given up after {} minutes", start.elapsed().as_secs() / 60));
            }
            retrying(&why);
            tokio::time::sleep(pause).await;
        }
        Ok(())
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
    let parts = url.path_segments().into_iter().flatten().chain(url.query());
    for part in parts.filter(|part| part.len() >= TELLING) {
        words = words.replace(part, "[hidden]");
    }
    let host = url.host_str().unwrap_or_default();
    let words = printable(words.trim(), 200);
    let status = reply.status.as_u16();
    if words.is_empty() { format!("HTTP {status} from {host}") } else { format!("HTTP {status} from {host}: {words}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_five_minutes() {
        let pauses: Vec<_> = (0..12).map(|tries| pause(tries).as_millis()).collect();
        assert_eq!((pauses[0], pauses[1], pauses[11]), (500, 1000, 300_000));
        assert_eq!(pause(u32::MAX), LAST_PAUSE);
    }

    #[test]
    fn only_what_passes_is_tried_again_and_no_sooner_than_asked() {
        let reply = |status: u16, seconds: Option<u64>| HttpReply {
            status: http::StatusCode::from_u16(status).unwrap(),
            content_type: None,
            retry_after: seconds.map(Duration::from_secs),
            date: None,
            headers: http::HeaderMap::new(),
            body: "no hook s3cret-word\n".into(),
        };
        for status in [301, 400, 401, 403, 404, 410] {
            assert_eq!(passes(&reply(status, Some(5))), None, "{status}");
        }
        for status in [408, 425, 429, 500, 502, 503] {
            assert_eq!(passes(&reply(status, Some(5))), Some(Duration::from_secs(5)), "{status}");
        }
        let url = Url::parse("https://chat.example/hooks/s3cret-word").unwrap();
        assert_eq!(said(&url, &reply(404, None)), "HTTP 404 from chat.example: no hook [hidden]");
    }
}
