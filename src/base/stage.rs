//! Where a session is, in the words that logs, metrics and errors share ("timed out while signing on").

use std::{
    fmt,
    sync::atomic::{AtomicU8, Ordering},
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

/// For what somebody waits who would connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Connection = 1,
    Turn,
}

/// Where something is, for others to read while it goes on.
#[derive(Debug, Default)]
pub struct StageCell {
    stage: AtomicU8,
    /// 0: in none.
    line: AtomicU8,
}

impl StageCell {
    pub fn set(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
        self.line.store(0, Ordering::Relaxed);
    }

    /// It would connect, and waits for room first: nobody dials for it.
    pub fn stands_in(&self, line: Line) {
        self.set(Stage::Connecting);
        self.line.store(line as u8, Ordering::Relaxed);
    }

    pub fn line(&self) -> Option<Line> {
        let line = self.line.load(Ordering::Relaxed);
        [Line::Connection, Line::Turn].into_iter().find(|one| *one as u8 == line)
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
            cell.stands_in(Line::Turn);
            assert!(cell.line() == Some(Line::Turn) && cell.now() == Stage::Connecting);
            cell.set(next);
            assert!(cell.line().is_none() && cell.now() == next);
        }
    }
}
