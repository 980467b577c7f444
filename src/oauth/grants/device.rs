//! Device code (RFC 8628): a code on this screen, the consent on another device, and patient polling.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

use crate::{
    base::Kind,
    catalog::token::SIGN_IN_CODE_SPENT,
    oauth::{
        endpoints::{DeviceCode, Endpoints, TokenSet},
        verdict::Verdict,
    },
};

/// RFC 8628 3.5: every `slow_down` adds this, for good.
const SLOWER: Duration = Duration::from_secs(5);
const SLOWEST: Duration = Duration::from_secs(60);

/// Waits until the person has consented, declined, or taken too long.
pub async fn wait(endpoints: Endpoints<'_>, code: &DeviceCode) -> Result<TokenSet, Verdict> {
    poll(code.interval, code.life, || endpoints.poll_device(&code.device_code)).await
}

async fn poll<T, F>(mut interval: Duration, life: Duration, mut ask: impl FnMut() -> F) -> Result<T, Verdict>
where
    F: Future<Output = Result<T, Verdict>>,
{
    let end = Instant::now() + life;
    loop {
        if interval >= end.saturating_duration_since(Instant::now()) {
            return Err(Verdict::new(SIGN_IN_CODE_SPENT, "nobody finished the sign-in in time"));
        }
        tokio::time::sleep(interval).await;
        let verdict = match ask().await {
            Ok(set) => return Ok(set),
            Err(verdict) => verdict,
        };
        match verdict.word.as_deref() {
            Some("authorization_pending") => {}
            Some("slow_down") => interval = interval.saturating_add(SLOWER),
            // A network fault or a tired provider: the person may be half-way through.
            _ if verdict.entry.kind == Kind::Unavailable => {
                let asked = verdict.retry_after.unwrap_or_default();
                interval = interval.saturating_mul(2).min(SLOWEST).max(asked);
            }
            _ => return Err(verdict),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::catalog::{oauth_word, token};

    type Answer = Result<&'static str, Verdict>;

    fn said(word: &str) -> Verdict {
        let mut verdict = Verdict::new(oauth_word(word).unwrap_or(token::PROVIDER_REFUSES), "");
        verdict.word = Some(word.to_owned());
        verdict
    }

    /// Plays answers one after the other and tells at which second each was asked for.
    async fn played(answers: Vec<Answer>, life: u64) -> (Answer, Vec<u64>) {
        let start = Instant::now();
        let asked = RefCell::new(Vec::new());
        let answers = RefCell::new(answers.into_iter());
        let end = poll(Duration::from_secs(5), Duration::from_secs(life), || {
            asked.borrow_mut().push(start.elapsed().as_secs());
            let answer = answers.borrow_mut().next().unwrap_or_else(|| Err(said("authorization_pending")));
            async move { answer }
        })
        .await;
        (end, asked.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn slow_down_adds_five_seconds_for_good() {
        let answers = vec![
            Err(said("authorization_pending")),
            Err(said("slow_down")),
            Err(said("authorization_pending")),
            Err(said("slow_down")),
            Ok("token"),
        ];
        let (end, asked) = played(answers, 900).await;
        assert_eq!(end.unwrap(), "token");
        assert_eq!(asked, [5, 10, 20, 30, 45]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_fault_does_not_end_a_sign_in() {
        let down = Verdict::new(token::TOKEN_ENDPOINT_UNREACHABLE, "");
        let (end, asked) = played(vec![Err(down), Ok("token")], 900).await;
        assert_eq!(end.unwrap(), "token");
        assert_eq!(asked, [5, 15]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_absurd_pause_ends_the_polling_and_nothing_else() {
        let mut down = Verdict::new(token::TOKEN_ENDPOINT_THROTTLED, "");
        down.retry_after = Some(Duration::MAX);
        let (end, asked) = played(vec![Err(down)], 900).await;
        assert_eq!((end.unwrap_err().entry.id, asked), ("sign-in-code-spent", vec![5]));
    }

    #[tokio::test(start_paused = true)]
    async fn declined_and_expired_codes_end_at_once_with_their_reason() {
        let (end, asked) = played(vec![Err(said("authorization_declined"))], 900).await;
        assert_eq!((end.unwrap_err().entry.id, asked.len()), ("consent-declined", 1));
        let (end, asked) = played(vec![Err(said("expired_token"))], 900).await;
        assert_eq!((end.unwrap_err().entry.id, asked.len()), ("sign-in-code-spent", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn polling_ends_with_the_life_of_the_code() {
        let (end, asked) = played(vec![], 22).await;
        assert_eq!(end.unwrap_err().entry.id, "sign-in-code-spent");
        assert_eq!(asked, [5, 10, 15, 20]);
    }
}
