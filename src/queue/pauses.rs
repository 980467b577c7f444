//! How long a message rests between attempts, and a mailbox whose way out is shut.
//!
//! Each pause doubles up to a bound and is spread by a tenth either way, so that what failed together does not come back
//! together.

use std::time::Duration;

use aws_lc_rs::rand;

use crate::base::Kind;

const FIRST: Duration = Duration::from_secs(60);
const LAST: Duration = Duration::from_secs(3600);
/// A server that asks for more than this is asked again all the same.
pub const ASKED_FOR_CAP: Duration = Duration::from_secs(24 * 3600);

/// Of a message behind its `attempts`-th attempt. `asked`: what the server wanted.
pub fn of_message(attempts: u32, asked: Option<Duration>) -> Duration {
    let own = spread(doubled(FIRST, attempts.saturating_sub(1)).min(LAST));
    asked.map_or(own, |asked| own.max(asked.min(ASKED_FOR_CAP)))
}

/// Of a mailbox that nothing could be sent from `times` times in a row. Where a person or an administrator has to act,
/// the sign-in itself tells when they did; the pause is for what is not told.
pub fn of_mailbox(kind: Kind, times: u32) -> Duration {
    let (first, last) = match kind {
        Kind::SignInNeeded | Kind::IdentityRefused | Kind::BadCredentials => (60, 900),
        Kind::Unavailable | Kind::Limited | Kind::TooBusy | Kind::Bug => (15, 300),
    };
    spread(doubled(Duration::from_secs(first), times.saturating_sub(1)).min(Duration::from_secs(last)))
}

/// Of the whole queue whose disk took no write `times` times in a row.
pub fn of_disk(times: u32) -> Duration {
    spread(doubled(Duration::from_secs(5), times.saturating_sub(1)).min(Duration::from_secs(60)))
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(20))
}

fn spread(pause: Duration) -> Duration {
    let mut byte = [0u8];
    // Without chance they all come at once, which is a pity and no more.
    let _ = rand::fill(&mut byte);
    let [byte] = byte;
    pause.mul_f64(0.9 + 0.2 * f64::from(byte) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_about(pause: Duration, seconds: u64) -> bool {
        let (low, high) = (Duration::from_secs(seconds).mul_f64(0.9), Duration::from_secs(seconds).mul_f64(1.1001));
        (low..=high).contains(&pause)
    }

    #[test]
    fn pauses_double_from_a_minute_to_an_hour_and_are_spread() {
        for (attempts, seconds) in
            [(0, 60), (1, 60), (2, 120), (3, 240), (6, 1920), (7, 3600), (40, 3600), (u32::MAX, 3600)]
        {
            assert!((0..50).all(|_| is_about(of_message(attempts, None), seconds)), "{attempts}");
        }
        let many: std::collections::BTreeSet<_> = (0..100).map(|_| of_message(1, None)).collect();
        assert!(many.len() > 10);
    }

    #[test]
    fn a_server_that_asks_for_more_time_gets_it_and_never_less_than_the_pause() {
        assert_eq!(of_message(1, Some(Duration::from_secs(7200))), Duration::from_secs(7200));
        assert!(is_about(of_message(3, Some(Duration::from_secs(1))), 240));
        assert_eq!(of_message(1, Some(Duration::MAX)), Duration::from_secs(86_400));
    }

    #[test]
    fn a_mailbox_whose_way_is_shut_is_looked_at_every_five_or_fifteen_minutes_at_last() {
        assert!(is_about(of_mailbox(Kind::Unavailable, 1), 15));
        assert!(is_about(of_mailbox(Kind::Unavailable, 99), 300));
        assert!(is_about(of_mailbox(Kind::SignInNeeded, 1), 60));
        assert!(is_about(of_mailbox(Kind::SignInNeeded, 99), 900));
    }
}
