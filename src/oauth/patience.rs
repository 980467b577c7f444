//! How long to wait: at the start, before a token ends, and after a fault. All with jitter, so that many sign-ins (and
//! many Gateposts started by one power cut) do not knock in step.

use std::time::Duration;

use aws_lc_rs::rand;

/// Exchange's high-volume endpoint refuses tokens with less than ten minutes left.
const AHEAD: Duration = Duration::from_secs(600);
const BACK_OFF_FIRST: Duration = Duration::from_secs(2);
const BACK_OFF_LAST: Duration = Duration::from_secs(60);
/// A `Retry-After` beyond this is a mistake of the other side.
const RETRY_AFTER_CAP: Duration = Duration::from_secs(3600);
/// Over this long the first refreshes after a start are spread, where nobody waits for them.
pub const FIRST_SPREAD: Duration = Duration::from_secs(60);
/// The same where somebody says that what was refused is mended, and looks whether it is.
pub const LIFTED_SPREAD: Duration = Duration::from_secs(10);
/// A refresh token is used at least this often.
const TOUCH: Duration = Duration::from_secs(7 * 24 * 3600);
/// Timers stand still while the machine sleeps, so the wall clock is looked at this often.
const LOOK: Duration = Duration::from_secs(30);

/// How long before its end a token of this life is replaced: ten minutes or a fifth, a little earlier by chance.
pub fn ahead(life: Duration) -> Duration {
    let margin = AHEAD.min(life / 5);
    margin + jitter(margin / 4)
}

/// A token with less than this left is not handed out.
pub fn grace(life: Duration) -> Duration {
    Duration::from_secs(30).min(life / 10)
}

/// Until the next look at the clocks; after a suspend not all look in the same moment.
pub fn look() -> Duration {
    LOOK - jitter(LOOK / 3)
}

/// For how long a refresh token may be unused, where it dies of disuse after `idle_life`.
pub fn touch(idle_life: Option<Duration>) -> Duration {
    idle_life.map_or(TOUCH, |life| TOUCH.min(life / 4))
}

/// What a provider asks for, as far as it makes sense.
pub fn asked(retry_after: Duration) -> Duration {
    retry_after.min(RETRY_AFTER_CAP)
}

/// After the `failures`th failed flight in a row (from 1).
pub fn back_off(failures: u32, retry_after: Option<Duration>) -> Duration {
    let pause = BACK_OFF_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(BACK_OFF_LAST);
    let pause = pause / 2 + jitter(pause / 2);
    pause.max(retry_after.map_or(Duration::ZERO, |asked| asked + jitter(BACK_OFF_FIRST)))
}

/// Between the tries of one flight, while clients wait for it.
pub fn within_flight(tries: u32, retry_after: Option<Duration>) -> Duration {
    let pause = Duration::from_millis(400).saturating_mul(1 << tries.min(4));
    (pause + jitter(pause / 2)).max(retry_after.unwrap_or_default())
}

/// Evenly between nothing and `most`.
pub fn jitter(most: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without randomness there is no jitter, which is no reason to fail.
    let _ = rand::fill(&mut bytes);
    most.mul_f64(f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_ten_minutes_or_a_fifth_of_their_life_ahead() {
        for _ in 0..100 {
            let hour = ahead(Duration::from_secs(3600)).as_secs_f64();
            assert!((600.0..=750.0).contains(&hour), "{hour}");
            let short = ahead(Duration::from_secs(300)).as_secs_f64();
            assert!((60.0..=75.0).contains(&short), "{short}");
        }
    }

    #[test]
    fn back_off_grows_to_a_bound_and_never_undercuts_retry_after() {
        assert!(back_off(1, None) <= Duration::from_secs(2));
        for failures in 6..100 {
            let pause = back_off(failures, None);
            assert!(pause >= Duration::from_secs(30) && pause <= Duration::from_secs(60), "{pause:?}");
        }
        assert!(back_off(1, Some(Duration::from_secs(120))) >= Duration::from_secs(120));
        assert_eq!(asked(Duration::MAX), Duration::from_secs(3600));
    }

    #[test]
    fn within_a_flight_pauses_grow_and_the_providers_wish_counts() {
        for (tries, least, most) in [(0, 400, 600), (1, 800, 1200), (4, 6400, 9600), (90, 6400, 9600)] {
            let pause = within_flight(tries, None).as_millis();
            assert!((least..=most).contains(&pause), "{tries}: {pause}");
        }
        assert_eq!(within_flight(0, Some(Duration::from_secs(9))), Duration::from_secs(9));
    }

    #[test]
    fn jitter_stays_between_nothing_and_the_most_and_is_not_always_the_same() {
        let most = Duration::from_secs(1000);
        let drawn: std::collections::BTreeSet<_> = (0..20).map(|_| jitter(most)).collect();
        assert!(drawn.len() > 1 && drawn.iter().all(|pause| *pause <= most));
        for _ in 0..20 {
            let (look, second) = (look().as_secs_f64(), back_off(2, None).as_secs_f64());
            assert!((20.0..=30.0).contains(&look) && (2.0..=4.0).contains(&second), "{look} {second}");
        }
    }

    #[test]
    fn the_last_half_minute_or_tenth_of_a_token_is_not_handed_out() {
        assert_eq!(grace(Duration::from_secs(3600)), Duration::from_secs(30));
        assert_eq!(grace(Duration::from_secs(60)), Duration::from_secs(6));
    }
}
