//! How long ahead of an end people are told: 30, 14, 7 and 1 days, and once more when it is over.
//!
//! What lives for days only is told of later: a warning that comes right after a sign-in is none.

use std::time::Duration;

const DAY: u64 = 86_400;
const HOUR: u64 = 3600;
const RUNGS: [u64; 4] = [30 * DAY, 14 * DAY, 7 * DAY, DAY];
/// Whoever has to sign in several times a day needs no warnings between.
const SHORTEST_LIFE: u64 = 6 * HOUR;

/// The rung that was reached with `left` seconds to go, `None` while it is too early. `life`: how long the thing lives,
/// where that is known. Zero once it is over, for what has no life: of a sign-in that ended, its fault tells.
pub fn rung(left: i64, life: Option<Duration>) -> Option<Duration> {
    let Ok(left) = u64::try_from(left) else { return life.is_none().then_some(Duration::ZERO) };
    let reached = rungs(life).into_iter().filter(|rung| left <= *rung).min();
    reached.map(Duration::from_secs)
}

/// Within the second half of its life; for a life of two days and less a sixth of it.
fn rungs(life: Option<Duration>) -> Vec<u64> {
    let Some(life) = life.map(|life| life.as_secs()) else { return RUNGS.to_vec() };
    let rungs: Vec<u64> = RUNGS.into_iter().filter(|rung| *rung <= life / 2).collect();
    match rungs.is_empty() {
        true if life >= SHORTEST_LIFE => vec![life / 6],
        _ => rungs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_fourteen_seven_and_one_day_ahead_and_when_it_is_over() {
        let days = |left: u64| rung((left * DAY) as i64, None).map(|rung| rung.as_secs() / DAY);
        let seen: Vec<_> = (0..=32).rev().map(days).collect();
        let mut expected = vec![None; 2];
        expected.extend([Some(30); 16]);
        expected.extend([Some(14); 7]);
        expected.extend([Some(7); 6]);
        expected.extend([Some(1); 2]);
        assert_eq!(seen, expected);
        assert_eq!(rung(30 * DAY as i64 + 1, None), None);
        assert_eq!(rung(-1, None), Some(Duration::ZERO));
    }

    #[test]
    fn a_sign_in_that_lives_for_hours_is_told_of_neither_before_nor_after() {
        let life = Some(Duration::from_secs(5 * HOUR));
        assert!((-10..=5).all(|hours| rung(hours * HOUR as i64, life).is_none()));
        assert_eq!(rung(-1, Some(Duration::from_secs(90 * DAY))), None);
    }

    #[test]
    fn what_lives_for_days_is_told_of_in_the_second_half_of_its_life() {
        for (life, expected) in [
            (90 * DAY, vec![30 * DAY, 14 * DAY, 7 * DAY, DAY]),
            (30 * DAY, vec![14 * DAY, 7 * DAY, DAY]),
            (14 * DAY, vec![7 * DAY, DAY]),
            (7 * DAY, vec![DAY]),
            (DAY, vec![4 * HOUR]),
            (12 * HOUR, vec![2 * HOUR]),
            (HOUR, vec![]),
        ] {
            assert_eq!(rungs(Some(Duration::from_secs(life))), expected, "{life}");
        }
    }
}
