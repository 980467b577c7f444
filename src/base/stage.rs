//! Where a session is, in the words that logs, metrics and errors share ("timed out while signing on").

use std::{
    fmt,
    sync::atomic::{AtomicBool, AtomicU8, Ordering},
};

use serde::{Serialize, Serializer};

/// The stages of one client connection, in the order in which a session walks through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Greeting,
    Authenticating,
    FetchingToken,
    Connecting,
    SigningOn,
    Relaying,
    Splicing,
}

impl Stage {
    pub const ALL: [Stage; 7] = [
        Stage::Greeting,
        Stage::Authenticating,
        Stage::FetchingToken,
        Stage::Connecting,
        Stage::SigningOn,
        Stage::Relaying,
        Stage::Splicing,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Stage::Greeting => "greeting",
            Stage::Authenticating => "authenticating",
            Stage::FetchingToken => "fetching token",
            Stage::Connecting => "connecting",
            Stage::SigningOn => "signing on",
            Stage::Relaying => "relaying",
            Stage::Splicing => "splicing",
        }
    }
}

/// Where something is, for others to read while it goes on.
#[derive(Debug, Default)]
pub struct StageCell {
    stage: AtomicU8,
    in_line: AtomicBool,
}

impl StageCell {
    pub fn set(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
        self.in_line.store(false, Ordering::Relaxed);
    }

    /// It would connect, and waits for room first: nobody dials for it.
    pub fn stands_in_line(&self) {
        self.set(Stage::Connecting);
        self.in_line.store(true, Ordering::Relaxed);
    }

    pub fn is_in_line(&self) -> bool {
        self.in_line.load(Ordering::Relaxed)
    }

    pub fn now(&self) -> Stage {
        let at = usize::from(self.stage.load(Ordering::Relaxed));
        Stage::ALL.get(at).copied().unwrap_or(Stage::Greeting)
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_dialled_for_stands_in_line_no_more() {
        let cell = StageCell::default();
        for next in [Stage::Connecting, Stage::SigningOn] {
            cell.stands_in_line();
            assert!(cell.is_in_line() && cell.now() == Stage::Connecting);
            cell.set(next);
            assert!(!cell.is_in_line() && cell.now() == next);
        }
    }
}
