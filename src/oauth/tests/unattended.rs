//! Grants that need nobody: exactly what is sent, what a refusal means, and that what proves the app is read anew.

use std::{
    collections::BTreeMap,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::json;

use super::endpoint::{House, Play, open, refusal, set, token};
use crate::oauth::{
    App, AppCredential, Grant, Phase, ServiceAccountKey, SignIn, assertion, endpoints::TokenSet, sign_in,
};

const ROBOT: &str = "robot@project.iam.gserviceaccount.com";
const ANN: &str = "ann@contoso.example";

/// Writes what Google hands out for a new key of `ROBOT`; the public half comes back.
fn new_key(file: &Path) -> String {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let text = json!({
        "type": "service_account", "project_id": "project", "private_key_id": "key-1", "client_email": ROBOT,
        "private_key": key.serialize_pem(), "client_id": "1234", "token_uri": "https://oauth2.googleapis.com/token",
    });
    std::fs::write(file, text.to_string()).unwrap();
    key.public_key_pem()
}

fn service_account(file: &Path) -> impl FnOnce(&mut App) {
    let file = file.to_owned();
    move |app| {
        app.grant = Grant::ServiceAccount;
        app.client_id = String::new();
        app.scopes = vec!["https://mail.google.com/".into()];
        app.credential = AppCredential::ServiceAccount(ServiceAccountKey::File(file));
    }
}

fn google(error: &str) -> Play {
    Play::Json(400, format!(r#"{{"error":"{error}","error_description":"said the provider"}}"#))
}

/// As if it had been written later: clocks of file systems are coarse.
pub fn touch(file: &Path, later: u64) {
    let file = std::fs::File::options().append(true).open(file).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(later)).unwrap();
}

fn form(house: &House, number: usize) -> BTreeMap<String, String> {
    house.endpoint.asked()[number].clone().into_iter().collect()
}

fn fields(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The same sign-in with the password of its identity.
fn with_password(house: &House, password: &str) -> std::sync::Arc<SignIn> {
    SignIn { password: Some(password.to_owned().into()), ..(*house.sign_in).clone() }.into()
}

async fn password_house(script: Vec<Play>, change: impl FnOnce(&mut App)) -> House {
    let mut house = House::with(script, None, |app| {
        app.grant = Grant::Password;
        change(app);
    })
    .await;
    house.sign_in = with_password(&house, "pass&word");
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    house
}

#[tokio::test]
async fn a_service_account_signs_for_one_mailbox_and_nothing_else_goes_along() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.json");
    let public = new_key(&file);
    let house = House::with(vec![], None, service_account(&file)).await;
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(house.ask().await.unwrap(), "t1");
    let form = form(&house, 0);
    assert_eq!(form.keys().map(String::as_str).collect::<Vec<_>>(), ["assertion", "grant_type"]);
    assert_eq!(form["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");

    let header = jsonwebtoken::decode_header(&form["assertion"]).unwrap();
    assert_eq!((header.alg, header.typ.as_deref()), (Algorithm::RS256, Some("JWT")));
    assert_eq!(header.kid.as_deref(), Some("key-1"));
    let mut rules = Validation::new(Algorithm::RS256);
    rules.set_audience(&[house.endpoint.url.as_str()]);
    let public = DecodingKey::from_rsa_pem(public.as_bytes()).unwrap();
    let claims = jsonwebtoken::decode::<serde_json::Value>(&form["assertion"], &public, &rules).unwrap().claims;
    let issued = claims["iat"].as_u64().unwrap();
    assert!((before - 10..=before + 10).contains(&issued), "{issued}");
    let expected = json!({
        "iss": ROBOT, "sub": ANN, "scope": "https://mail.google.com/", "aud": house.endpoint.url.as_str(),
        "iat": issued, "exp": issued + 3600,
    });
    assert_eq!(claims, expected);
}

#[tokio::test]
async fn each_mailbox_of_a_service_account_has_a_token_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.json");
    new_key(&file);
    let house = House::with(vec![], None, service_account(&file)).await;
    let bob = std::sync::Arc::new(SignIn { identity: "Bob@contoso.example".into(), ..(*house.sign_in).clone() });
    house.keepers.apply(&[house.sign_in.clone(), bob.clone()], &[]);
    let mine = house.ask().await.unwrap();
    let his = house.keepers.bearer(&bob).await.unwrap();
    assert!(his.token.expose() != mine && house.endpoint.count() == 2);
    let subject = |number: usize| {
        let assertion = form(&house, number).remove("assertion").unwrap();
        let claims = jsonwebtoken::dangerous::insecure_decode::<serde_json::Value>(&assertion).unwrap().claims;
        claims["sub"].as_str().unwrap().to_owned()
    };
    assert_eq!([subject(0), subject(1)], [ANN, "Bob@contoso.example"]);
}

#[tokio::test]
async fn what_a_provider_says_to_a_service_account_has_its_own_next_step() {
    for (said, id) in [
        ("invalid_grant", "service-account-refused"),
        ("unauthorized_client", "delegation-missing"),
        ("access_denied", "delegation-missing"),
        ("invalid_scope", "scope-refused"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.json");
        new_key(&file);
        let house = House::with(vec![google(said)], None, service_account(&file)).await;
        let fault = house.keepers.bearer(&house.sign_in).await.unwrap_err();
        assert_eq!(fault.id, id, "{said}");
        assert!(fault.detail.contains("said the provider"), "{}", fault.detail);
        assert_eq!(house.ask().await.unwrap_err(), id, "from memory");
        assert_eq!(house.endpoint.count(), 1);
    }
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_named_and_never_quoted() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.json");
    let odd = json!({ "client_email": ROBOT, "private_key": "-----BEGIN TOP SECRET" }).to_string();
    for text in ["", "{", "[]", r#"{"type":"authorized_user"}"#, &odd] {
        std::fs::write(&file, text).unwrap();
        let house = House::with(vec![], None, service_account(&file)).await;
        let fault = house.keepers.bearer(&house.sign_in).await.unwrap_err();
        assert_eq!(fault.id, "service-account-key-unreadable", "{text}");
        assert!(!fault.detail.contains("TOP SECRET"), "{}", fault.detail);
        assert_eq!(house.endpoint.count(), 0);
    }
}

#[tokio::test]
async fn a_renewed_key_is_presented_at_once_after_a_refusal() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key.json");
    new_key(&file);
    let house = House::with(vec![google("invalid_grant")], None, service_account(&file)).await;
    assert_eq!(house.ask().await.unwrap_err(), "service-account-refused");
    assert_eq!(house.ask().await.unwrap_err(), "service-account-refused");
    assert_eq!(house.endpoint.count(), 1, "the same key is not shown again so soon");
    new_key(&file);
    touch(&file, 10);
    assert_eq!(house.ask().await.unwrap(), "t2");
}

#[tokio::test]
async fn a_password_goes_with_user_and_scopes_and_brings_nothing_that_lasts() {
    let house = password_house(vec![Play::Json(200, token("a", Some("r")))], |app| {
        app.scopes = vec!["https://outlook.office.com/SMTP.Send".into()];
        app.credential = AppCredential::Secret("s".to_owned().into());
    })
    .await;
    assert_eq!(house.ask().await.unwrap(), "a");
    let expected = fields(&[
        ("grant_type", "password"),
        ("username", ANN),
        ("password", "pass&word"),
        ("scope", "https://outlook.office.com/SMTP.Send"),
        ("client_id", "client-1"),
        ("client_secret", "s"),
    ]);
    assert_eq!(form(&house, 0), expected);
    assert_eq!(house.stored_refresh().await, None);
}

#[tokio::test]
async fn an_endpoint_that_knows_a_resource_is_asked_for_no_scopes() {
    let house = password_house(vec![], |app| app.resource = Some("https://partner.outlook.cn".into())).await;
    assert_eq!(house.ask().await.unwrap(), "t1");
    let expected = fields(&[
        ("grant_type", "password"),
        ("username", ANN),
        ("password", "pass&word"),
        ("resource", "https://partner.outlook.cn"),
        ("client_id", "client-1"),
    ]);
    assert_eq!(form(&house, 0), expected);
}

#[tokio::test]
async fn a_wrong_password_is_shown_once_also_over_a_restart_and_a_corrected_one_at_once() {
    let house = password_house(vec![refusal("invalid_grant", 50_126)], |_| {}).await;
    let fault = house.keepers.bearer(&house.sign_in).await.unwrap_err();
    assert_eq!(fault.id, "account-password-refused");
    assert!(!format!("{fault} {}", fault.detail).contains("pass&word"));
    house.keepers.stop().await;
    house.keepers.apply(std::slice::from_ref(&house.sign_in), &[]);
    assert_eq!(house.ask().await.unwrap_err(), "account-password-refused");
    assert_eq!(house.endpoint.count(), 1, "wrong passwords lock accounts");
    house.keepers.ask_afresh();
    assert_eq!(house.ask().await.unwrap_err(), "account-password-refused");
    assert_eq!(house.endpoint.count(), 1, "nor does a reload ask with a wrong one");
    let corrected = with_password(&house, "right");
    house.keepers.apply(std::slice::from_ref(&corrected), &[]);
    assert_eq!(house.ask().await.unwrap(), "t2");
    assert_eq!(form(&house, 1)["password"], "right");
}

/// Mail flows with the token in hand or on a connection from before, and nobody fetches one.
#[tokio::test]
async fn what_was_refused_is_asked_about_behind_a_reload_as_soon_as_an_upstream_lets_the_sign_in_go_on() {
    let script = vec![Play::Json(200, token("t1", None)), refusal("invalid_grant", 53_003)];
    let house = House::with(script, None, |app| app.grant = Grant::ClientCredentials).await;
    let phase = || house.keepers.states()[0].phase;
    let first = house.keepers.bearer(&house.sign_in).await.unwrap();
    house.keepers.refused(&house.sign_in, first.generation).await.unwrap_err();
    house.keepers.goes_on(&house.sign_in);
    house.keepers.notice_store_change();
    house.keepers.catch_up().await;
    assert_eq!((phase(), house.endpoint.count()), (Phase::Refused, 2), "nobody said that it was mended");
    house.endpoint.arrival().await;
    house.keepers.ask_afresh();
    house.keepers.goes_on(&house.sign_in);
    house.endpoint.arrival().await;
    while phase() != Phase::Ready {
        tokio::task::yield_now().await;
    }
    assert_eq!(house.endpoint.count(), 3);
}

#[tokio::test]
async fn a_token_that_somebody_fetched_by_hand_ends_what_a_refusal_left() {
    let house = password_house(vec![refusal("invalid_grant", 50_126)], |_| {}).await;
    assert_eq!(house.ask().await.unwrap_err(), "account-password-refused");
    let fetched = TokenSet { refresh: None, ..set("by-hand", "", 3600) };
    let kept = sign_in::keep(&open(house.dir.path()).await, &house.sign_in, fetched, &house.clock).await;
    assert!(!kept.unwrap().is_somebody_else);
    assert_eq!(house.ask().await.unwrap(), "by-hand");
    assert_eq!(house.endpoint.count(), 1);
}

/// It was told that its sign-in had expired, and to sign in.
#[tokio::test]
async fn an_app_that_nobody_signs_in_for_is_not_told_that_a_sign_in_expired() {
    for grant in [Grant::ClientCredentials, Grant::WorkloadIdentity] {
        for word in ["invalid_grant", "interaction_required"] {
            let house = House::with(vec![refusal(word, 7_009_999)], None, |app| app.grant = grant).await;
            assert_eq!(house.ask().await.unwrap_err(), "provider-refuses", "{grant:?} {word}");
        }
    }
}

#[tokio::test]
async fn a_second_factor_is_more_than_a_password_grant_can_give() {
    for code in [50_076, 50_079, 50_074, 50_158] {
        let house = password_house(vec![refusal("interaction_required", code)], |_| {}).await;
        assert_eq!(house.ask().await.unwrap_err(), "password-not-enough", "{code}");
    }
}

fn federated(file: &Path) -> impl FnOnce(&mut App) {
    let file = file.to_owned();
    move |app| {
        app.grant = Grant::WorkloadIdentity;
        app.scopes = vec!["https://outlook.office365.com/.default".into()];
        app.credential = AppCredential::FederatedToken(file);
    }
}

#[tokio::test]
async fn a_federated_token_is_read_anew_for_each_request() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "aGVhZA.Ym9keQ.c2ln-_1\n").unwrap();
    let house = House::with(vec![], None, federated(&file)).await;
    let first = house.keepers.bearer(&house.sign_in).await.unwrap();
    let expected = fields(&[
        ("grant_type", "client_credentials"),
        ("scope", "https://outlook.office365.com/.default"),
        ("client_id", "client-1"),
        ("client_assertion_type", assertion::ASSERTION_TYPE),
        ("client_assertion", "aGVhZA.Ym9keQ.c2ln-_1"),
    ]);
    assert_eq!(form(&house, 0), expected);
    std::fs::write(&file, "aGVhZA.Ym9keQ.c2ln-_2").unwrap();
    house.keepers.refused(&house.sign_in, first.generation).await.unwrap();
    assert_eq!(form(&house, 1)["client_assertion"], "aGVhZA.Ym9keQ.c2ln-_2");
}

#[tokio::test]
async fn a_federated_token_that_was_refused_is_tried_again_once_its_file_changes() {
    for (code, said) in [(700_213, "invalid_client"), (700_024, "invalid_client"), (70_021, "invalid_request")] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "a.b.c").unwrap();
        let house = House::with(vec![refusal(said, code)], None, federated(&file)).await;
        assert_eq!(house.ask().await.unwrap_err(), "federated-token-refused", "{code}");
        assert_eq!(house.ask().await.unwrap_err(), "federated-token-refused", "{code}");
        assert_eq!(house.endpoint.count(), 1);
        touch(&file, 10);
        assert_eq!(house.ask().await.unwrap(), "t2");
    }
}

/// A path that is wrong must not send another file's content away.
#[tokio::test]
async fn what_is_no_signed_token_is_never_sent() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    for text in ["", "root:x:0:0", "a.b", "a.b.c.d", "a.b.c d", "a..c", &format!("a.b.{}", "c".repeat(70_000))] {
        std::fs::write(&file, text).unwrap();
        let house = House::with(vec![], None, federated(&file)).await;
        assert_eq!(house.ask().await.unwrap_err(), "federated-token-unreadable", "{text:.20}");
        assert_eq!(house.endpoint.count(), 0);
    }
    std::fs::remove_file(&file).unwrap();
    let house = House::with(vec![], None, federated(&file)).await;
    assert_eq!(house.ask().await.unwrap_err(), "federated-token-unreadable");
}
