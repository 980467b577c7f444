//! Waiting for somebody else with an eye on the client: nothing is held open upstream for one that left.
//!
//! It refuses to take a half-closed connection for an empty chair: a script may send all it has to say, close its side
//! and wait for the answers (RFC 9293 3.6). One that closes with nothing more to say has no use for an answer.

use crate::{
    net::{Stream, read_some},
    wire::lines::Lines,
};

/// What a client may send ahead of an answer; beyond it nothing is read.
const AHEAD_CAP: usize = 64 * 1024;

/// Resolves when the client has left. `ahead` keeps what it sends and says how much of that nobody has read yet.
/// Cancel safe.
pub(super) async fn left(client: &mut Stream, mut ahead: impl FnMut(&[u8]) -> usize) {
    let mut unread = ahead(&[]);
    while unread < AHEAD_CAP {
        match read_some(client, |bytes| unread = ahead(bytes)).await {
            Ok(0) if unread > 0 => break,
            Ok(n) if n > 0 => {}
            _ => return,
        }
    }
    std::future::pending().await
}

/// The client has left: nobody waits for the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Left;

/// What `answer` resolves to, unless the client leaves before; it is dropped then.
pub(super) async fn attended<T>(
    client: &mut Stream,
    input: &mut Lines,
    answer: impl Future<Output = T>,
) -> Result<T, Left> {
    let ahead = |bytes: &[u8]| {
        input.feed(bytes);
        input.pending().len()
    };
    tokio::select! {
        biased;
        answer = answer => Ok(answer),
        () = left(client, ahead) => Err(Left),
    }
}
