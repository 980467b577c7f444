//! One thing that ends, as it is watched and as it is told.

use std::{fs::File, io, path::PathBuf};

use jiff::{Timestamp, civil::Date};
use serde::{Serialize, Serializer};

const DAY: i64 = 86_400;
/// From so many days ahead on there is something to do.
pub const SOON_DAYS: i64 = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    ClientSecret,
    AppCertificate,
    ListenerCertificate,
}

impl What {
    const ALL: [Self; 3] = [Self::ClientSecret, Self::AppCertificate, Self::ListenerCertificate];

    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|what| what.as_str() == word)
    }

    /// As the status and the metrics spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            What::ClientSecret => "client-secret",
            What::AppCertificate => "app-certificate",
            What::ListenerCertificate => "listener-certificate",
        }
    }
}

impl Serialize for What {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Something that ends, and where to learn when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    pub what: What,
    /// The app, or the file of a listener's certificate.
    pub name: String,
    pub certificate: Option<PathBuf>,
    /// Of a listener: what has to belong to its certificate.
    pub key: Option<PathBuf>,
    /// What the configuration says; counts where there is no certificate, or none that can be read.
    pub day: Option<Date>,
}

impl Watched {
    /// For a command of another user than the daemon's: what is closed to them says nothing of what the daemon may read.
    pub fn as_another_user(self) -> Option<Self> {
        let is_closed =
            |file: &PathBuf| File::open(file).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied);
        let is_seen = !self.certificate.as_ref().is_some_and(is_closed);
        is_seen.then(|| Self { key: self.key.filter(|key| !is_closed(key)), ..self })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ending {
    pub what: What,
    pub name: String,
    pub ends_at: Option<Timestamp>,
    /// Days of the calendar; below zero once it is over.
    pub days_left: Option<i64>,
    /// Why nobody knows when it ends, or why it cannot be used.
    pub trouble: Option<String>,
}

/// Days from `now` to the date of `then`, as somebody counts who has a calendar before them (UTC). Below zero once it is over:
/// the full days since, and the first one from its beginning.
pub fn days_left(now: Timestamp, then: Timestamp) -> i64 {
    let (now, then) = (now.as_second(), then.as_second());
    match then < now {
        true => -(now.saturating_sub(then) / DAY).max(1),
        false => then.div_euclid(DAY) - now.div_euclid(DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar_and_what_is_over_is_below_zero() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (then, days) in
            [(3 * DAY, 3), (3 * DAY - 1, 2), (DAY - 1, 0), (0, 0), (-1, -1), (-DAY - 14, -1), (-2 * DAY, -2)]
        {
            assert_eq!(days_left(at(0), at(then)), days, "{then}");
        }
        for (now, then, days) in [(DAY - 600, DAY + 600, 1), (600, 5 * DAY - 600, 4), (DAY / 2, DAY / 2 - 1, -1)] {
            assert_eq!(days_left(at(now), at(then)), days, "{now} {then}");
        }
    }
}
