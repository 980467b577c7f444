//! Policies that end every sign-in after a set time: Conditional Access (sign-in frequency), Google's session control.
//!
//! Nobody tells how long that time is. It is learned from how long earlier sign-ins lived, and so the end of this one
//! is known ahead. It never claims more than was seen: a sign-in that outlived the forecast ends the forecast.

use std::time::{Duration, SystemTime};

use crate::store::{EndedSignIn, TokenRow};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// Earlier ones tell of a policy that may have changed meanwhile.
const KEPT: usize = 4;
/// The provider counts from the password, we from the end of the sign-in.
const SLACK: Duration = Duration::from_secs(600);

/// When the policy is expected to end a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Forecast {
    pub at: SystemTime,
    pub period: Duration,
    /// How many sign-ins ended so; one may be chance.
    pub seen: usize,
}

/// A policy ended the sign-in of this row just now. Said again of the same sign-in, it is no news.
pub(super) fn note(row: &mut TokenRow, now: SystemTime) {
    if row.signed_in_at.is_none() || row.ended.last().is_some_and(|last| last.signed_in_at == row.signed_in_at) {
        return;
    }
    let ended = EndedSignIn { signed_in_at: row.signed_in_at, last_good: row.last_refresh, refused_at: Some(now) };
    row.ended.push(ended);
    row.ended.drain(..row.ended.len().saturating_sub(KEPT));
}

/// What a new sign-in takes over of the one that it replaces: nothing where that one outlived the forecast.
pub(super) fn carried(old: &TokenRow) -> Vec<EndedSignIn> {
    let refuted = old.failure.is_none() && !old.ended.is_empty() && forecast(old).is_none();
    if refuted { Vec::new() } else { old.ended.clone() }
}

/// `None`: no policy was seen at work, it has struck already, or it is gone.
pub(super) fn forecast(row: &TokenRow) -> Option<Forecast> {
    let since = row.signed_in_at.filter(|_| row.failure.is_none())?;
    let (period, seen) = period(&row.ended)?;
    let at = since.checked_add(period)?;
    let outlived = row.last_refresh.is_some_and(|last| last > at + (period / 10).max(Duration::from_secs(2 * HOUR)));
    (!outlived).then_some(Forecast { at, period, seen })
}

/// The time that explains as many of the last sign-ins as can be, and how many those are.
fn period(ended: &[EndedSignIn]) -> Option<(Duration, usize)> {
    let mut lives = ended.iter().rev().filter_map(life);
    let (mut least, mut most) = lives.next()?;
    let mut seen = 1;
    for (longer_than, at_most) in lives {
        let (narrower, wider) = (least.max(longer_than), most.min(at_most));
        if narrower >= wider {
            break;
        }
        (least, most, seen) = (narrower, wider, seen + 1);
    }
    Some((set_time(least, most), seen))
}

/// It lived longer than the first, and no longer than the second.
fn life(ended: &EndedSignIn) -> Option<(Duration, Duration)> {
    let since = ended.signed_in_at?;
    let most = ended.refused_at?.duration_since(since).ok().filter(|most| !most.is_zero())?;
    let least = ended.last_good.and_then(|last| last.duration_since(since).ok()).unwrap_or_default();
    Some((least, most))
}

/// Policies are written in days or hours. Of several that fit the shortest: rather told early than late.
fn set_time(least: Duration, most: Duration) -> Duration {
    let next = |unit: u64| Duration::from_secs((least.as_secs() / unit + 1).saturating_mul(unit));
    let fits = |time: &Duration| *time <= most + SLACK;
    Some(next(DAY)).filter(fits).or_else(|| Some(next(HOUR)).filter(fits)).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::store::Failure;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds)
    }

    /// Ended sign-ins, by when they began, were last good, and were refused.
    fn ended(all: &[(u64, u64, u64)]) -> Vec<EndedSignIn> {
        let one = |&(since, good, refused): &(u64, u64, u64)| EndedSignIn {
            signed_in_at: Some(at(since)),
            last_good: Some(at(good)),
            refused_at: Some(at(refused)),
        };
        all.iter().map(one).collect()
    }

    fn days(all: &[(u64, u64, u64)]) -> Option<(u64, usize)> {
        period(&ended(all)).map(|(period, seen)| (period.as_secs(), seen))
    }

    #[test]
    fn the_policys_days_or_hours_are_found_between_the_last_yes_and_the_no() {
        assert_eq!(days(&[(0, 7 * DAY - 1200, 7 * DAY + 2000)]), Some((7 * DAY, 1)));
        assert_eq!(days(&[(0, 11 * HOUR + 1800, 12 * HOUR + 1500)]), Some((12 * HOUR, 1)));
        // Refused a minute before the day is over: the password was typed before the sign-in came to us.
        assert_eq!(days(&[(0, 7 * DAY - 3000, 7 * DAY - 60)]), Some((7 * DAY, 1)));
        // Neither an hour nor a day fits.
        assert_eq!(days(&[(0, 600, 1500)]), Some((1500, 1)));
        assert_eq!(days(&[]), None);
        assert_eq!(days(&[(500, 500, 500)]), None, "it never lived");
    }

    #[test]
    fn a_second_end_makes_it_narrower_and_one_that_does_not_fit_is_another_policy() {
        // The machine was off for days.
        let vague = (0, 5 * DAY, 9 * DAY);
        assert_eq!(days(&[vague]), Some((6 * DAY, 1)), "the earliest that can be");
        assert_eq!(days(&[vague, (100, 7 * DAY - 500, 7 * DAY + 900)]), Some((7 * DAY, 2)));
        let changed = [(0, 29 * DAY, 30 * DAY + 60), (100, 7 * DAY - 500, 7 * DAY + 900)];
        assert_eq!(days(&changed), Some((7 * DAY, 1)));
    }

    fn row(since: u64, last_refresh: u64) -> TokenRow {
        TokenRow {
            signed_in_at: Some(at(since)),
            last_refresh: Some(at(last_refresh)),
            ended: ended(&[(0, 7 * DAY - 500, 7 * DAY + 900)]),
            ..TokenRow::default()
        }
    }

    #[test]
    fn the_next_end_is_foreseen_until_it_comes_or_is_outlived() {
        let mut row = row(8 * DAY, 8 * DAY);
        let forecast = |row: &TokenRow| super::forecast(row).map(|forecast| forecast.at);
        assert_eq!(forecast(&row), Some(at(15 * DAY)));
        row.last_refresh = Some(at(15 * DAY + HOUR));
        assert_eq!(forecast(&row), Some(at(15 * DAY)), "providers are not exact to the hour");
        row.last_refresh = Some(at(16 * DAY));
        assert_eq!(forecast(&row), None, "the policy is gone");
        assert!(carried(&row).is_empty());
        row.last_refresh = Some(at(9 * DAY));
        assert_eq!(carried(&row), row.ended);
        row.failure =
            Some(Failure { id: "x".into(), detail: String::new(), at: None, app: String::new(), signed_in_as: None });
        assert_eq!(forecast(&row), None, "it is over already");
        assert_eq!(carried(&row), row.ended);
    }

    #[test]
    fn each_sign_in_is_noted_once_and_the_oldest_are_forgotten() {
        let mut row = row(8 * DAY, 9 * DAY);
        for _ in 0..2 {
            note(&mut row, at(15 * DAY));
        }
        assert_eq!(row.ended.len(), 2);
        for more in 2..9 {
            row.signed_in_at = Some(at(more * 8 * DAY));
            note(&mut row, at(more * 8 * DAY + DAY));
        }
        assert_eq!((row.ended.len(), row.ended[3].signed_in_at), (KEPT, row.signed_in_at));
        let mut nobody = TokenRow::default();
        note(&mut nobody, at(0));
        assert!(nobody.ended.is_empty());
    }
}
