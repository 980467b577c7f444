//! Whatever a token endpoint answers: bounded, told apart, and nothing lost.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::endpoint::{Endpoint, House, Play, app, http, refusal, set, token};
use crate::{
    base::Secret,
    catalog::token::{ADMIN_CONSENT_NEEDED, CONSENT_DECLINED, CONSENT_MISSING, GRAPH_CONSENT_MISSING},
    meter::Meter,
    oauth::{
        App, Grant, Keepers, Phase, SignIn,
        clock::Clock,
        endpoints::{Endpoints, TokenSet},
        sign_in,
        verdict::{Retry, Verdict},
    },
};

async fn refreshed(play: Play) -> Result<TokenSet, Verdict> {
    let endpoint = Endpoint::start(vec![play]).await;
    let (app, http, clock) = (app(&endpoint, Grant::AuthorizationCode), http(), Clock::default());
    (Endpoints { http: &http, app: &app, clock: &clock }).refresh(&Secret::new("r0")).await
}

#[tokio::test]
async fn who_lacks_consent_hears_on_the_wire_where_an_administrator_gives_it_and_never_half_a_link() {
    let endpoint = Endpoint::start(vec![]).await;
    let of_person = app(&endpoint, Grant::AuthorizationCode);
    let login = endpoint.url.origin().ascii_serialization();
    let page = format!("an administrator consents for all at {login}/contoso.example/adminconsent?client_id=client-1");
    let said = |entry, app: &App, how: &str| Verdict::new(entry, "").fault_of(app, how, None).reply_text();
    for entry in [CONSENT_MISSING, ADMIN_CONSENT_NEEDED] {
        let told = said(entry, &of_person, "run: gatepost login ann@contoso.example");
        assert!(told.ends_with(&format!("; {page} [gatepost {}]", entry.id)), "{told}");
    }
    let told = said(GRAPH_CONSENT_MISSING, &of_person, "run: gatepost login ann@contoso.example");
    let end = format!("(Mail.Send): {page} [gatepost graph-consent-missing]");
    assert!(told.ends_with(&end), "who is signed in needs no other sign-in: {told}");
    assert!(!said(CONSENT_DECLINED, &of_person, "").contains("adminconsent"), "it was asked, and said no");
    let of_machine = App { grant: Grant::ClientCredentials, ..of_person.clone() };
    assert!(!said(GRAPH_CONSENT_MISSING, &of_machine, "").contains("adminconsent"), "a role at Exchange is narrower");
    let nameless = App { tenant: String::new(), ..of_person.clone() };
    assert!(!said(CONSENT_MISSING, &nameless, "").contains("adminconsent"), "there are no tenants");
    let long = said(CONSENT_MISSING, &of_person, &format!("open http://x/{}", "y".repeat(300)));
    assert!(long.contains("yyy [gatepost consent-missing]") && !long.contains("adminconsent"), "{long}");
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
        (r#""expires_in":{},"refresh_token":[1],"scope":7"#, 300),
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
    let verdict = refreshed(Play::Json(200, token("a", Some("r\\r\\nb")))).await.unwrap_err();
    assert_eq!(verdict.entry.id, "token-unusable", "a refresh token with line ends");
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

/// What a refresh brings against a server that answers as `answer` does, and what that returns.
async fn refreshed_by<F>(answer: impl FnOnce(TcpStream) -> F) -> (Result<TokenSet, Verdict>, F::Output)
where
    F: Future<Output: Send> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::start(vec![]).await;
    let (mut app, http, clock) = (app(&endpoint, Grant::AuthorizationCode), http(), Clock::default());
    app.token_url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
    let (endpoints, refresh) = (Endpoints { http: &http, app: &app, clock: &clock }, Secret::new("r0"));
    let asking = endpoints.refresh(&refresh);
    tokio::pin!(asking);
    let arrival = async {
        let mut stream = listener.accept().await.unwrap().0;
        while !stream.read_u8().await.unwrap().is_ascii_control() {}
        stream
    };
    let stream = tokio::select! {
        stream = arrival => stream,
        early = &mut asking => panic!("nobody was asked: {early:?}"),
    };
    let server = tokio::spawn(answer(stream));
    (asking.await, server.await.unwrap())
}

#[tokio::test]
async fn sixty_four_megabytes_are_not_read_to_the_end() {
    let (set, sent) = refreshed_by(async |mut stream: TcpStream| {
        let mut sent = 0;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n".as_slice();
        let mut next = stream.write(head).await;
        while let (Ok(1..), true) = (&next, sent < 64_000_000) {
            next = stream.write(&[b' '; 65_536]).await;
            sent += *next.as_ref().unwrap_or(&0);
        }
        sent
    })
    .await;
    assert_eq!(set.unwrap_err().entry.id, "token-endpoint-unreadable");
    assert!(sent < 20_000_000, "the cap is one megabyte, the rest are buffers of the system: {sent}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_trickles_in_has_half_a_minute_in_all() {
    let start = tokio::time::Instant::now();
    let (set, ()) = refreshed_by(async |mut stream: TcpStream| {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".iter().chain([&b' '; 1000]);
        for byte in answer {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    let verdict = set.unwrap_err();
    assert_eq!((verdict.entry.id, verdict.retry()), ("token-endpoint-unreachable", Retry::Later));
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_a_provider_writes_into_an_error_reaches_no_client_and_no_second_line_of_the_log() {
    let description = r"<script>alert(1)</script>\r\n535 5.7.8 forged\u0000\u001b[31m";
    let body = format!(r#"{{"error":"invalid_grant","error_description":"{description}"}}"#);
    let verdict = refreshed(Play::Json(400, body)).await.unwrap_err();
    let fault = verdict.fault("run: gatepost login ann");
    assert!(!fault.text.contains("script") && !fault.text.contains("forged"), "{}", fault.text);
    assert!(!fault.to_string().chars().any(char::is_control), "{fault}");
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
async fn requests_are_counted_by_how_they_ended() {
    let busy = "HTTP/1.1 429 Too Many\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n";
    let revoked = || refusal("invalid_grant", 50_173);
    let house = House::signed_in(vec![raw(busy), revoked(), revoked()], 3600).await;
    house.keepers.stop().await;
    let (meter, mut people) = (Meter::new(), Vec::new());
    for identity in ["ann", "bob", "eve", "zoe"] {
        people.push(Arc::new(SignIn { identity: identity.into(), ..(*house.sign_in).clone() }));
        sign_in::keep(&house.store, people.last().unwrap(), set("old", "r0", 0), &house.clock).await.unwrap();
    }
    let keepers = Keepers::new(house.store.clone(), http(), meter.clone(), None);
    keepers.apply(&people, &[]);
    for person in &people {
        let _ = keepers.bearer(person).await;
    }
    for (outcome, times) in [("accepted", 1), ("refused-for-now", 1), ("refused", 2)] {
        let line = format!("token_requests_total{{outcome=\"{outcome}\"}} {times}\n");
        assert!(meter.text().contains(&line), "{outcome}: {}", meter.text());
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
async fn within_one_flight_a_busy_provider_is_asked_ever_more_slowly() {
    let house = House::signed_in((0..20).map(|_| Play::Json(503, "busy".into())).collect(), 0).await;
    assert_eq!(house.ask().await.unwrap_err(), "token-endpoint-failing");
    assert!((3..=5).contains(&house.endpoint.count()), "{} in six seconds", house.endpoint.count());
}

#[tokio::test]
async fn an_endpoint_that_hangs_holds_a_session_no_longer_than_it_wants() {
    let house = House::signed_in(vec![Play::Hang], 0).await;
    let start = Instant::now();
    let waited = tokio::time::timeout(Duration::from_millis(200), house.keepers.bearer(&house.sign_in)).await;
    // By itself it would give up after half a minute.
    assert!(waited.is_err() && start.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_a_fault_of_names_and_passes_with_them() {
    let house = House::with(vec![], Some(0), |app| app.token_url.set_host(Some("login.invalid")).unwrap()).await;
    let fault = house.ask().await.unwrap_err();
    assert_eq!(fault, "provider-name-unknown");
    let entry = crate::catalog::find(fault).unwrap();
    assert!(
        entry.passes_by_itself && entry.owner == crate::base::Owner::NetworkAdmin,
        "nobody at the provider can mend it"
    );
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
