//! Asks the console of a running daemon on this machine, for commands beside it: plain HTTP, no proxy, bounded.

use std::{fmt, net::SocketAddr, path::Path, time::Duration};

use reqwest::{Client, Method, Response, StatusCode, redirect::Policy};

use super::mark::{self, Mark};
use crate::base::Secret;

/// The daemon answers from memory.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// What a daemon says to whoever has its token and asks for something that there is.
const OURS: [StatusCode; 3] =
    [StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::SERVICE_UNAVAILABLE];
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Why a daemon said nothing of use, in words.
#[derive(Debug, Clone)]
pub enum Unanswered {
    /// Nothing takes connections there.
    NotThere(String),
    /// The connection stands, or waits to be taken, and nothing comes.
    Silent(String),
    /// Our daemon is there, and this answer waits: for the store, as nothing else of it does.
    Waits(String),
    /// What answers is no daemon on this configuration.
    Stranger(String),
    /// A Gatepost that has another store, and says of itself which configuration it reads.
    OnAnotherStore(String, Mark),
    /// A Gatepost that answers the user of the store alone, which is not this one.
    OfAnotherUser(String),
    /// It answers, and does not tell, or nobody can be asked.
    Untold(String),
}

impl Unanswered {
    /// `said`: what no console says.
    pub fn stranger(at: SocketAddr, said: impl fmt::Display) -> Self {
        Self::Stranger(format!("something else than the console answers at {at}: {said}"))
    }

    /// The daemon of this file answers, and has the store that stood there when it loaded it.
    pub fn is_of_the_store_before(&self, file: &Path) -> Option<&Mark> {
        match self {
            Self::OnAnotherStore(_, mark) if mark.is_of(file) => Some(mark),
            _ => None,
        }
    }

    /// What answers is none that was asked for.
    pub const fn is_stranger(&self) -> bool {
        matches!(self, Self::Stranger(_) | Self::OnAnotherStore(..))
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NotThere(why)
        | Self::Silent(why)
        | Self::Waits(why)
        | Self::Stranger(why)
        | Self::OnAnotherStore(why, _)
        | Self::OfAnotherUser(why)
        | Self::Untold(why)) = self;
        f.write_str(why)
    }
}

/// The body at `path`; `Ok(None)`: the daemon answered that there is no such thing. `token`: as it lies in `token_file` now.
pub async fn ask(
    address: SocketAddr,
    method: Method,
    path: &str,
    token: impl Fn() -> Option<Secret>,
) -> Result<Option<Vec<u8>>, Unanswered> {
    let answer = tokio::time::timeout(PATIENCE, as_owner(address, method, path, token)).await;
    let silent = || Unanswered::Silent(format!("no answer from {address} within {} s", PATIENCE.as_secs()));
    answer.unwrap_or_else(|_| Err(silent()))
}

/// A daemon that starts has its socket before it has written its token: whoever was quicker has that of the one before.
async fn as_owner(
    address: SocketAddr,
    method: Method,
    path: &str,
    token: impl Fn() -> Option<Secret>,
) -> Result<Option<Vec<u8>>, Unanswered> {
    let first = token();
    let answer = fetch(address, method.clone(), path, first.as_ref()).await;
    if !answer.as_ref().is_err_and(Unanswered::is_stranger) {
        return answer;
    }
    let now = token();
    if Secret::same(first.as_ref(), now.as_ref()) { answer } else { fetch(address, method, path, now.as_ref()).await }
}

async fn fetch(
    address: SocketAddr,
    method: Method,
    path: &str,
    token: Option<&Secret>,
) -> Result<Option<Vec<u8>>, Unanswered> {
    let client = Client::builder().no_proxy().redirect(Policy::none()).build().map_err(untold)?;
    let may_be_gone = method == Method::GET && path.starts_with("/api/queue/");
    let mut request = client.request(method, format!("http://{address}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token.expose());
    }
    let mut reply = request.send().await.map_err(|error| {
        let why = root_cause(&error);
        match error.is_connect() {
            true => Unanswered::NotThere(format!("{address}: {why}")),
            false => Unanswered::Untold(format!("{address}: {why}")),
        }
    })?;
    if reply.status() == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    if reply.status() == StatusCode::UNAUTHORIZED {
        return Err(unknown_token(address, &reply));
    }
    match reply.status() {
        // What is gone is told with how it went.
        status if status.is_success() || (status == StatusCode::GONE && may_be_gone) => {}
        status if OURS.contains(&status) => return Err(Unanswered::Untold(format!("{address} answered {status}"))),
        status => return Err(Unanswered::stranger(address, status)),
    }
    let mut body = Vec::new();
    while let Some(chunk) = reply.chunk().await.map_err(untold)? {
        if body.len() + chunk.len() > MOST_BYTES {
            return Err(Unanswered::Untold(format!("{address} answered more than {MOST_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

fn unknown_token(address: SocketAddr, reply: &Response) -> Unanswered {
    let why = format!(
        "the console at {address} does not know the token of this configuration: another Gatepost has that port, or the \
         daemon was started on another [store]"
    );
    let mark = reply.headers().get(mark::HEADER).and_then(|value| Mark::read(value.to_str().ok()?));
    mark.map_or_else(|| Unanswered::Stranger(why.clone()), |mark| Unanswered::OnAnotherStore(why.clone(), mark))
}

fn untold(error: reqwest::Error) -> Unanswered {
    Unanswered::Untold(error.to_string())
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// It runs, so whoever is told to start it is misled.
    #[tokio::test]
    async fn a_console_that_does_not_know_the_token_is_told_as_one_of_another_gatepost() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let other = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            assert!(socket.read(&mut [0; 1024]).await.unwrap() > 0);
            socket
                .write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
        };
        let token = || Some(Secret::new("x"));
        let (asked, ()) = tokio::join!(ask(at, Method::GET, "/api/status", token), other);
        let why = asked.unwrap_err().to_string();
        assert!(why.contains("does not know the token") && why.contains("another Gatepost has that port"), "{why}");
    }

    /// Whatever else says that of another path is no console.
    #[tokio::test]
    async fn what_is_gone_is_an_answer_for_a_message_of_the_queue_alone() {
        let asks =
            [(Method::GET, "/api/queue/x"), (Method::GET, "/api/queue?limit=1"), (Method::POST, "/api/queue/x/drop")];
        for (method, path) in asks {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let at = listener.local_addr().unwrap();
            let other = async {
                let (mut socket, _) = listener.accept().await.unwrap();
                assert!(socket.read(&mut [0; 1024]).await.unwrap() > 0);
                socket
                    .write_all(b"HTTP/1.1 410 Gone\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
                    .await
                    .unwrap();
            };
            let (asked, ()) = tokio::join!(ask(at, method, path, || None), other);
            match path {
                "/api/queue/x" => assert_eq!(asked.unwrap(), Some(b"{}".to_vec())),
                _ => assert!(matches!(asked, Err(Unanswered::Stranger(_))), "{path}: {asked:?}"),
            }
        }
    }

    /// The daemon just started: it greets on its ports before its token is written.
    #[tokio::test]
    async fn a_token_that_was_replaced_meanwhile_is_read_again() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let starting = async {
            for (token, answer) in [("old", "401 Unauthorized"), ("new", "200 OK")] {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let got = socket.read(&mut request).await.unwrap();
                let bearer = format!("authorization: Bearer {token}\r\n");
                assert!(String::from_utf8_lossy(&request[..got]).contains(&bearer), "{token}");
                let reply = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                socket.write_all(reply.as_bytes()).await.unwrap();
            }
        };
        let reads = std::cell::Cell::new(0);
        let token = || {
            reads.set(reads.get() + 1);
            Some(Secret::new(if reads.get() == 1 { "old" } else { "new" }))
        };
        let (asked, ()) = tokio::join!(ask(at, Method::GET, "/api/status", token), starting);
        assert_eq!(asked.unwrap(), Some(Vec::new()));
    }
}
