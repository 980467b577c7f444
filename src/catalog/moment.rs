//! A time as a person is told it: by the clock on their wall, with its offset, and in UTC beside that, as the log has it.
//! Where this machine's clock shows UTC it is said once.
//!
//! What programs read, the log, the wire and notices that go elsewhere keep UTC alone ([`hour`]).

use jiff::{Timestamp, tz::TimeZone};

use crate::base::{Lang, invocation};

/// A time of today, as the log has it.
pub fn hour(at: Timestamp) -> String {
    at.strftime("%H:%M UTC").to_string()
}

/// On the wire, for who mended it elsewhere, or knows who does: when a refusal that is remembered is asked for again. A shell
/// would run what stands in backticks, where a reply is pasted into one.
pub fn asked_again(at: Timestamp) -> String {
    format!("Gatepost asks again at {}, or at once after: {}", hour(at), invocation::reload())
}

/// With day and time as `form` has them (strftime).
pub fn moment(at: Timestamp, form: &str) -> String {
    beside(at, form, format!("{} UTC", at.strftime(form)))
}

/// Ahead of `utc`, which is the same as it stands elsewhere.
pub fn beside(at: Timestamp, form: &str, utc: String) -> String {
    in_zone(at, form, utc, TimeZone::system())
}

/// How far this machine's clock is off.
pub fn clock_off(seconds: u64, is_behind: bool, lang: Lang) -> String {
    match (lang, is_behind) {
        (Lang::En, true) => format!("this machine is {seconds} s behind the identity provider"),
        (Lang::En, false) => format!("this machine is {seconds} s ahead of the identity provider"),
        (Lang::Ja, true) => format!("このマシンは ID プロバイダーより{seconds}秒遅れています"),
        (Lang::Ja, false) => format!("このマシンは ID プロバイダーより{seconds}秒進んでいます"),
    }
}

fn in_zone(at: Timestamp, form: &str, utc: String, zone: TimeZone) -> String {
    let local = at.to_zoned_datetime(zone);
    if local.offset().is_zero() {
        return utc;
    }
    // What has no day of its own is of the day that UTC has.
    let is_other_day = !form.contains("%d") && local.date() != at.to_zoned_datetime(TimeZone::UTC).date();
    let day = if is_other_day { "%Y-%m-%d " } else { "" };
    format!("{} ({utc})", local.strftime(&format!("{day}{form} %:z")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_the_time_on_the_wall_and_the_one_of_the_log_and_in_utc_nothing_changes() {
        let told = |at: &str, form: &str, hours| {
            let at: Timestamp = at.parse().unwrap();
            in_zone(at, form, format!("{} UTC", at.strftime(form)), TimeZone::fixed(jiff::tz::offset(hours)))
        };
        for (at, form, hours, wanted) in [
            ("2026-11-28T14:35:10Z", "%H:%M", 0, "14:35 UTC"),
            ("2026-11-28T14:35:10Z", "%H:%M", 9, "23:35 +09:00 (14:35 UTC)"),
            ("2026-11-28T15:35:10Z", "%H:%M", 9, "2026-11-29 00:35 +09:00 (15:35 UTC)"),
            ("2026-11-28T15:35:10Z", "%Y-%m-%d %H:%M", 9, "2026-11-29 00:35 +09:00 (2026-11-28 15:35 UTC)"),
            ("2026-11-28T15:35:10Z", "%H:%M:%S", -8, "07:35:10 -08:00 (15:35:10 UTC)"),
        ] {
            assert_eq!(told(at, form, hours), wanted);
        }
    }
}
