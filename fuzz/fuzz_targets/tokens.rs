//! What a token or device endpoint may answer: nothing of it may end up in a mail command or last for ever.
#![no_main]

use std::time::{Duration, SystemTime};

use gatepost::{
    net::HttpReply,
    oauth::{
        endpoints::{DeviceCode, TokenSet},
        verdict::Verdict,
    },
};
use http::{HeaderMap, StatusCode};
use libfuzzer_sys::fuzz_target;

const MONTH: Duration = Duration::from_secs(31 * 24 * 3600);

fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = data.split_first() else { return };
    let reply = HttpReply {
        status: [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::SERVICE_UNAVAILABLE][usize::from(status % 3)],
        content_type: None,
        retry_after: Some(Duration::from_secs(u64::from(*status))),
        date: None,
        headers: HeaderMap::new(),
        body: body.to_vec().into(),
    };
    if let Ok(set) = TokenSet::read(&reply) {
        let clean = |text: &str| !text.is_empty() && !text.chars().any(char::is_control);
        assert!(clean(set.access.expose()) && set.access.len() <= 12_000);
        assert!(set.refresh.is_none_or(|refresh| clean(refresh.expose())));
        assert!(set.account.is_none_or(|account| clean(&account)));
        assert!(set.life <= MONTH && set.life >= Duration::from_secs(60));
    }
    if let Ok(code) = DeviceCode::read(&reply) {
        assert!(code.user_code.is_ascii() && code.life <= MONTH && code.interval <= Duration::from_secs(60));
        assert!(["http", "https"].contains(&code.verification_uri.scheme()));
    }
    let verdict = Verdict::of_reply(&reply, SystemTime::UNIX_EPOCH, &[]);
    let text = verdict.fault("in a test").to_string();
    assert!(!text.chars().any(|c| c.is_control()), "{text:?}");
});
