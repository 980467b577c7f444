//! Whatever a token endpoint answers: bounded, told apart, and nothing lost.

use std::time::{Duration, Instant};

use super::endpoint::{Endpoint, House, Play, app, http, token};
use crate::{
    base::Secret,
    oauth::{
        Grant, Phase,
        clock::Clock,
        endpoints::{Endpoints, TokenSet},
        verdict::{Retry, Verdict},
    },
};

async fn refreshed(play: Play) -> Result<TokenSet, Verdict> {
    let endpoint = Endpoint::start(vec![play]).await;
    let (app, http, clock) = (app(&endpoint, Grant::AuthorizationCode), http(), Clock::default());
    (Endpoints { http: &http, app: &app, clock: &clock }).refresh(&Secret::new("r0")).await
}

fn raw(text: &str) -> Play {
    Play::Raw(text.as_bytes().to_vec())
}

#[tokio::test]
async fn expires_in_may_be_a_number_a_string_missing_or_nonsense() {
    let cases = [
        (r#""expires_in":3599"#, 3599),
        (r#""expires_in":"3599""#, 3599),
        (r#""expires_in":3599.7"#, 3599),
        (r#""x":1"#, 300),
        (r#""expires_in":null"#, 300),
        (r#""expires_in":"soon""#, 300),
        (r#""expires_in":-5"#, 60),
        (r#""expires_in":1e300"#, 30 * 24 * 3600),
        (r#""expires_in":18446744073709551615"#, 30 * 24 * 3600),
        (r#""expires_in":"18446744073709551615""#, 30 * 24 * 3600),
        (r#""ext_expires_in":18446744073709551615"#, 300),
    ];
    for (field, seconds) in cases {
        let set = refreshed(Play::Json(200, format!(r#"{{"access_token":"a",{field}}}"#))).await.unwrap();
        assert_eq!(set.life.as_secs(), seconds, "{field}");
    }
}

#[tokio::test]
async fn a_token_that_no_mail_protocol_can_carry_is_refused_by_name() {
    let cases = ["a\\r\\nb", "a\\u0001b", "a b", "t\\u00f6ken", &"x".repeat(12_001)];
    for access in cases {
        let verdict = refreshed(Play::Json(200, token(access, None))).await.unwrap_err();
        assert_eq!(verdict.entry.id, "token-unusable", "{access:.20}");
        assert!(!verdict.detail.contains("xxxx"));
    }
    assert!(refreshed(Play::Json(200, token(&"x".repeat(12_000), None))).await.is_ok());
}

#[tokio::test]
async fn answers_that_are_none_pass_by_themselves() {
    let cut = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"access_token\":\"abc";
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"access_token\":\"abcd";
    let html = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>";
    let empty = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let typed = "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"access_token\":[42]}";
    let moved = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    for answer in [cut, half, html, empty, typed, moved, "", "garbage\r\n\r\n"] {
        let verdict = refreshed(raw(answer)).await.unwrap_err();
        assert_eq!(verdict.retry(), Retry::Later, "{answer:?}: {verdict:?}");
        assert!(!verdict.detail.contains("abc"), "half a token is a token: {}", verdict.detail);
    }
}

#[tokio::test]
async fn ten_megabytes_are_not_read_to_the_end() {
    let mut body = b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n".to_vec();
    body.resize(10_000_000, b' ');
    let verdict = refreshed(Play::Raw(body)).await.unwrap_err();
    assert_eq!(verdict.entry.id, "token-endpoint-unreadable");
}

#[tokio::test]
async fn retry_after_is_heard() {
    let answer = "HTTP/1.1 429 Too Many\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n";
    let verdict = refreshed(raw(answer)).await.unwrap_err();
    assert_eq!(verdict.entry.id, "token-endpoint-throttled");
    assert_eq!(verdict.retry_after, Some(Duration::from_secs(77)));
}

#[tokio::test]
async fn absurd_numbers_of_a_provider_are_capped_wherever_they_stand() {
    let absurd = u64::MAX;
    let answer = format!("HTTP/1.1 503 Busy\r\nRetry-After: {absurd}\r\nContent-Length: 0\r\n\r\n");
    let verdict = refreshed(raw(&answer)).await.unwrap_err();
    assert_eq!(verdict.retry_after, Some(Duration::from_secs(3600)));
    let house = House::signed_in(vec![raw(&answer)], 0).await;
    assert_eq!(house.ask().await.unwrap_err(), "token-endpoint-failing");

    let code = |number: &str| {
        let link = r#""device_code":"d","user_code":"A-1","verification_uri":"https://example.com/""#;
        Play::Json(200, format!(r#"{{{link},"expires_in":{number},"interval":{number}}}"#))
    };
    for number in [absurd.to_string(), format!("\"{absurd}\""), "-1e308".into(), "\"NaN\"".into(), "\"inf\"".into()] {
        let endpoint = Endpoint::start(vec![code(&number), raw(&answer)]).await;
        let (app, http, clock) = (app(&endpoint, Grant::DeviceCode), http(), Clock::default());
        let code = (Endpoints { http: &http, app: &app, clock: &clock }).start_device().await.unwrap();
        assert!(code.life <= Duration::from_secs(30 * 24 * 3600), "{number}: {code:?}");
        assert!((1..=60).contains(&code.interval.as_secs()), "{number}: {code:?}");
    }
}

#[tokio::test]
async fn a_provider_that_asks_to_wait_is_not_asked_again_and_sessions_are_answered_from_memory() {
    let answer = "HTTP/1.1 429 Too Many\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n";
    let house = House::signed_in(vec![raw(answer)], 0).await;
    for _ in 0..20 {
        assert_eq!(house.ask().await.unwrap_err(), "token-endpoint-throttled");
    }
    assert_eq!(house.endpoint.count(), 1);
    assert_eq!(house.keepers.states()[0].phase, Phase::Waiting);
    assert_eq!(house.stored_refresh().await.as_deref(), Some("r0"));
}

#[tokio::test]
async fn one_hiccup_is_tried_again_while_the_session_waits() {
    for hiccup in [Play::Json(503, "busy".into()), raw(""), Play::Json(400, r#"{"error_codes":[90033]}"#.into())] {
        let house = House::signed_in(vec![hiccup], 0).await;
        assert_eq!(house.ask().await.unwrap(), "t2");
    }
}

#[tokio::test]
async fn an_endpoint_that_hangs_holds_a_session_no_longer_than_it_wants() {
    let house = House::signed_in(vec![Play::Hang], 0).await;
    let start = Instant::now();
    let waited = tokio::time::timeout(Duration::from_millis(200), house.keepers.bearer(&house.sign_in)).await;
    assert!(waited.is_err() && start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_closed_port_is_a_network_fault() {
    let house = House::with(vec![], Some(0), |app| app.token_url.set_port(Some(1)).unwrap()).await;
    assert_eq!(house.ask().await.unwrap_err(), "token-endpoint-unreachable");
}

#[tokio::test]
async fn an_error_inside_a_200_is_an_error() {
    let verdict = refreshed(Play::Json(200, r#"{"error":"invalid_grant"}"#.into())).await.unwrap_err();
    assert_eq!(verdict.entry.id, "sign-in-expired");
}
