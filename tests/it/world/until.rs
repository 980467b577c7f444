//! Waiting for what only a look can tell: rows and files of another process, counters, a daemon over its own ports.
//!
//! Where something tells of itself, a line of a dialogue or of a log, a child's end, a channel, a test waits for that.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// What is found in the end, within so much real time, whatever the clock of the test says. `Err`: what is seen meanwhile.
pub async fn until<T, S: Debug>(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> Result<T, S>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match look().await {
            Ok(found) => return found,
            Err(seen) => assert!(Instant::now() < deadline, "never: {what}; at last {seen:?}"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The same where there is nothing to be found but that it is so.
pub async fn until_so(what: &str, patience: Duration, mut look: impl AsyncFnMut() -> bool) {
    until(what, patience, async || look().await.then_some(()).ok_or("not so")).await;
}
