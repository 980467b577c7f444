//! Waiting for somebody else with an eye on the client: nothing is held open upstream for one that left.
//!
//! It refuses to take a half-closed connection for an empty chair: a script may send all it has to say, close its side
//! and wait for the answers (RFC 9293 3.6). Nobody can tell it from a client that died behind its last command, so it is
//! waited for, but not for as long as one that may still speak.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    net::{Stream, read_some},
    wire::lines::Lines,
};

/// What a client may send ahead of an answer; beyond it nothing is read. Thousands may wait at a time.
const AHEAD_CAP: usize = 16 * 1024;
/// For the answer to the last thing that a client said before it closed its side.
const LAST_ANSWER: Duration = Duration::from_secs(2);
/// For one of several answers that such a client waits for.
const NEXT_ANSWER: Duration = Duration::from_secs(60);

/// Resolves when the client has left. `ahead` keeps what it sends and says how much of that nobody has read yet.
/// Cancel safe.
pub(super) async fn left(client: &mut Stream, mut ahead: impl FnMut(&[u8]) -> usize) {
    let mut unread = ahead(&[]);
    while unread < AHEAD_CAP {
        match read_some(client, |bytes| unread = ahead(bytes)).await {
            Ok(0) => return waited_enough(client, if unread > 0 { NEXT_ANSWER } else { LAST_ANSWER }).await,
            Ok(_) => {}
            Err(_) => return,
        }
    }
    client.broken().await;
}

async fn waited_enough(client: &Stream, wait: Duration) {
    tokio::select! {
        () = sleep(wait) => {}
        () = client.broken() => {}
    }
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
