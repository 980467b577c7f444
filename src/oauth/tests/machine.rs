//! Managed identities: the request of each dialect to the octet, the challenge of Arc, and what a refusal means.

use std::{path::Path, time::Duration};

use super::endpoint::{House, Play, http, token};
use crate::oauth::{
    App, AppCredential, Grant, IdentityEndpoint,
    clock::Clock,
    endpoints::{Endpoints, TokenSet},
    grants::unattended,
    verdict::{Retry, Verdict},
};

fn machine(endpoint: IdentityEndpoint, client_id: &str) -> impl FnOnce(&mut App) {
    let client_id = client_id.to_owned();
    move |app| {
        app.grant = Grant::ManagedIdentity;
        app.client_id = client_id;
        app.scopes = vec!["https://outlook.office365.com/.default".into()];
        app.credential = AppCredential::ManagedIdentity(endpoint);
    }
}

/// Request line and the headers that matter, without those that every request has.
fn asked(house: &House, number: usize) -> Vec<String> {
    const USUAL: &[&str] = &["host:", "accept:", "user-agent:"];
    let head = house.endpoint.heads()[number].to_ascii_lowercase();
    head.lines().filter(|line| !USUAL.iter().any(|usual| line.starts_with(usual))).map(str::to_owned).collect()
}

async fn fetched(play: Play) -> Result<TokenSet, Verdict> {
    let house = House::with(vec![play], None, machine(IdentityEndpoint::Imds, "")).await;
    house.keepers.stop().await;
    let (http, clock) = (http(), Clock::default());
    let endpoints = Endpoints { http: &http, app: &house.sign_in.app, clock: &clock };
    unattended::fetch(endpoints, &house.sign_in).await
}

#[tokio::test]
async fn a_virtual_machine_asks_its_metadata_service() {
    let house = House::with(vec![], None, machine(IdentityEndpoint::Imds, "")).await;
    assert_eq!(house.ask().await.unwrap(), "t1");
    let query = "api-version=2018-02-01&resource=https%3a%2f%2foutlook.office365.com";
    assert_eq!(asked(&house, 0), [format!("get /token?{query} http/1.1"), "metadata: true".into()]);

    let house = House::with(vec![], None, machine(IdentityEndpoint::Imds, "id-7")).await;
    assert_eq!(house.ask().await.unwrap(), "t1");
    assert_eq!(asked(&house, 0)[0], format!("get /token?{query}&client_id=id-7 http/1.1"));
}

#[tokio::test]
async fn app_service_wants_the_secret_of_the_process() {
    let endpoint = IdentityEndpoint::AppService { header: "0-secret-header".to_owned().into() };
    let refused = Play::Json(400, r#"{"statusCode":400,"message":"no 0-secret-header identity"}"#.into());
    let house = House::with(vec![Play::Json(200, token("a", None)), refused], None, machine(endpoint, "")).await;
    let bearer = house.keepers.bearer(&house.sign_in).await.unwrap();
    let query = "api-version=2019-08-01&resource=https%3a%2f%2foutlook.office365.com";
    let expected = [format!("get /token?{query} http/1.1"), "x-identity-header: 0-secret-header".into()];
    assert_eq!(asked(&house, 0), expected);
    // The fetch for a refused token fails, in App Service's own words.
    let fault = house.keepers.refused(&house.sign_in, bearer.generation).await.unwrap_err();
    assert_eq!(fault.id, "managed-identity-missing");
    assert!(fault.detail.contains("[secret] identity") && !fault.detail.contains("0-secret"), "{}", fault.detail);
}

fn challenge(file: &Path) -> Play {
    let file = file.display();
    let head = format!("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm={file}\r\nContent-Length: 0\r\n\r\n");
    Play::Raw(head.into_bytes())
}

#[tokio::test]
async fn arc_is_shown_the_content_of_the_key_that_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("1.key");
    std::fs::write(&file, "content-of-the-key\n").unwrap();
    let endpoint = IdentityEndpoint::Arc { keys: dir.path().to_owned() };
    let house = House::with(vec![challenge(&file)], None, machine(endpoint, "")).await;
    assert_eq!(house.ask().await.unwrap(), "t2");
    let line = "get /token?api-version=2020-06-01&resource=https%3a%2f%2foutlook.office365.com http/1.1".to_owned();
    assert_eq!(asked(&house, 0), [line.clone(), "metadata: true".into()]);
    assert_eq!(asked(&house, 1), [line, "metadata: true".into(), "authorization: basic content-of-the-key".into()]);
}

#[cfg(unix)]
#[tokio::test]
async fn arc_sees_no_other_file_than_a_small_key_of_its_own() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let inside = |name: &str| dir.path().join(name);
    std::fs::write(inside("big.key"), "x".repeat(4097)).unwrap();
    std::fs::write(other.path().join("other.key"), "x").unwrap();
    std::fs::write(inside("a.pem"), "x").unwrap();
    std::os::unix::fs::symlink(other.path().join("other.key"), inside("link.key")).unwrap();
    std::fs::create_dir(inside("folder.key")).unwrap();
    let files = [
        inside("big.key"),
        other.path().join("other.key"),
        inside("a.pem"),
        inside("link.key"),
        inside("folder.key"),
        inside("missing.key"),
        inside("../x/1.key"),
    ];
    for file in files {
        let endpoint = IdentityEndpoint::Arc { keys: dir.path().to_owned() };
        let house = House::with(vec![challenge(&file)], None, machine(endpoint, "")).await;
        assert_eq!(house.ask().await.unwrap_err(), "arc-key-unreadable", "{}", file.display());
        assert_eq!(house.endpoint.count(), 1);
    }
}

#[tokio::test]
async fn the_earlier_of_two_ends_counts_and_numbers_may_be_strings() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    for (fields, least, most) in [
        (format!(r#""expires_on":"{}""#, now + 5000), 4900, 5000),
        (format!(r#""expires_on":{},"expires_in":"3600""#, now + 86_400), 3600, 3600),
        (format!(r#""expires_on":"{}","expires_in":86400"#, now + 1000), 900, 1000),
        (r#""expires_on":"06/20/2026 02:57:58 +00:00""#.to_owned(), 300, 300),
        (format!(r#""expires_on":"{}""#, now - 5), 60, 60),
    ] {
        let set = fetched(Play::Json(200, format!(r#"{{"access_token":"a",{fields}}}"#))).await.unwrap();
        assert!((least..=most).contains(&set.life.as_secs()), "{fields}: {:?}", set.life);
    }
}

#[tokio::test]
async fn what_passes_by_itself_is_asked_again_after_a_second_at_least_and_the_rest_rarely() {
    let said = |error: &str| format!(r#"{{"error":"{error}","error_description":"Identity not found"}}"#);
    for (status, body, id, retry, pause) in [
        (404, said("not_found"), "token-endpoint-failing", Retry::Later, 1),
        (410, said("gone"), "token-endpoint-failing", Retry::Later, 10),
        (429, said("too_many_requests"), "token-endpoint-throttled", Retry::Later, 1),
        (500, said("unknown"), "token-endpoint-failing", Retry::Later, 1),
        (400, said("invalid_request"), "managed-identity-missing", Retry::Rarely, 1),
        (
            400,
            said("invalid_request").replace("Identity", "AADSTS7009999: Identity"),
            "provider-refuses",
            Retry::Rarely,
            1,
        ),
        (400, said("invalid_resource"), "app-lacks-access", Retry::Rarely, 1),
        (403, "<html>".to_owned(), "managed-identity-missing", Retry::Rarely, 1),
    ] {
        let verdict = fetched(Play::Json(status, body)).await.unwrap_err();
        assert_eq!((verdict.entry.id, verdict.retry()), (id, retry), "{status}");
        assert_eq!(verdict.retry_after, Some(Duration::from_secs(pause)), "{status}");
    }
}

#[tokio::test]
async fn a_machine_without_such_an_endpoint_hears_it_in_clear_words() {
    let nobody = |app: &mut App| {
        machine(IdentityEndpoint::Imds, "")(app);
        app.token_url = url::Url::parse("http://127.0.0.1:1/metadata/identity/oauth2/token").unwrap();
    };
    let house = House::with(vec![], None, nobody).await;
    house.keepers.stop().await;
    let (http, clock) = (http(), Clock::default());
    let endpoints = Endpoints { http: &http, app: &house.sign_in.app, clock: &clock };
    let verdict = unattended::fetch(endpoints, &house.sign_in).await.unwrap_err();
    assert_eq!((verdict.entry.id, verdict.retry()), ("managed-identity-unreachable", Retry::Later));
}
