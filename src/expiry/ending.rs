//! One thing that ends, as it is watched and as it is told.

use std::path::PathBuf;

use jiff::{Timestamp, civil::Date};
use serde::{Serialize, Serializer};

use crate::base::Lang;

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
    /// What the configuration says; counts where there is no certificate, or none that can be read.
    pub day: Option<Date>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ending {
    pub what: What,
    pub name: String,
    pub ends_at: Option<Timestamp>,
    /// Days of the calendar; below zero once it is over.
    pub days_left: Option<i64>,
    /// Why nobody knows when it ends.
    pub trouble: Option<String>,
}

/// Days from `now` to the date of `then`, as somebody counts who has a calendar before them (UTC). Below zero once it is over.
pub fn days_left(now: Timestamp, then: Timestamp) -> i64 {
    let (now, then) = (now.as_second(), then.as_second());
    match then < now {
        true => then.saturating_sub(now).div_euclid(DAY),
        false => then.div_euclid(DAY) - now.div_euclid(DAY),
    }
}

/// Why a client secret is to be renewed that ends soon, or ended, by the day that somebody wrote down: tokens that are held
/// hide it for a while.
pub fn secret_ends(days: i64, lang: Lang) -> Option<String> {
    let ago = days.unsigned_abs();
    Some(match lang {
        _ if days > SOON_DAYS => return None,
        Lang::En if days < 0 => format!(
            "By `secret-expires` the client secret of the app ended {ago} {} ago. If it did, mail stands still once the token that is held \
             ends; if a new one is in its place already, only its day is to be written there.",
            if ago == 1 { "day" } else { "days" }
        ),
        Lang::En => format!(
            "By `secret-expires` the client secret of the app ends {}: behind that the provider gives no token to it, and mail stands \
             still.",
            match days {
                0 => "today".to_owned(),
                1 => "in 1 day".to_owned(),
                days => format!("in {days} days"),
            }
        ),
        Lang::Ja if days < 0 => format!(
            "`secret-expires` によれば、アプリのクライアントシークレットは{ago}日前に期限が切れました。そのとおりであれば、今のトークンの期限が切れるとメールが止まります。すでに新しいシークレットに置き換えた場合は、その期限の日を書くだけで済みます。"
        ),
        Lang::Ja => format!(
            "`secret-expires` によれば、アプリのクライアントシークレットは{}期限が切れます。期限が切れると、プロバイダーはトークンを発行しなくなり、メールが止まります。",
            if days == 0 { "今日".to_owned() } else { format!("{days}日後に") }
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar_and_what_is_over_is_below_zero() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        for (then, days) in [(3 * DAY, 3), (3 * DAY - 1, 2), (DAY - 1, 0), (0, 0), (-1, -1), (-DAY - 1, -2)] {
            assert_eq!(days_left(at(0), at(then)), days, "{then}");
        }
        for (now, then, days) in [(DAY - 600, DAY + 600, 1), (600, 5 * DAY - 600, 4), (DAY / 2, DAY / 2 - 1, -1)] {
            assert_eq!(days_left(at(now), at(then)), days, "{now} {then}");
        }
    }
}
