//! The app's own proof: secret in the body, or an assertion that the provider's copy of the certificate verifies.

use std::{
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::{
    endpoint::{Endpoint, House, app, refusal},
    unattended::touch,
};
use crate::oauth::{AppCredential, Grant, assertion};

/// A fresh certificate with its key in PEM files, and the public key that a provider would hold.
struct Proof {
    dir: tempfile::TempDir,
    der: Vec<u8>,
    public: String,
}

impl Proof {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["app".into()]).unwrap().self_signed(&key).unwrap();
        std::fs::write(dir.path().join("app.pem"), certificate.pem()).unwrap();
        std::fs::write(dir.path().join("app.key"), key.serialize_pem()).unwrap();
        Self { dir, der: certificate.der().to_vec(), public: key.public_key_pem() }
    }

    fn certificate(&self) -> PathBuf {
        self.dir.path().join("app.pem")
    }

    fn key(&self) -> PathBuf {
        self.dir.path().join("app.key")
    }

    fn credential(&self) -> AppCredential {
        AppCredential::Certificate { certificate: self.certificate(), key: self.key() }
    }
}

#[tokio::test]
async fn an_assertion_is_verified_by_the_certificate_it_names() {
    let proof = Proof::new();
    let url = url::Url::parse("https://login.example/t/oauth2/v2.0/token").unwrap();
    let now = SystemTime::now();
    let signed = assertion::sign("client-1", &url, &proof.certificate(), &proof.key(), now).await.unwrap();

    let header = jsonwebtoken::decode_header(signed.expose()).unwrap();
    let thumb = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &proof.der);
    assert_eq!(header.alg, Algorithm::PS256);
    assert_eq!(header.typ.as_deref(), Some("JWT"));
    assert_eq!(header.x5t_s256.unwrap(), URL_SAFE_NO_PAD.encode(thumb));

    let mut rules = Validation::new(Algorithm::PS256);
    rules.set_audience(&[url.as_str()]);
    rules.set_issuer(&["client-1"]);
    let public = DecodingKey::from_rsa_pem(proof.public.as_bytes()).unwrap();
    let claims = jsonwebtoken::decode::<serde_json::Value>(signed.expose(), &public, &rules).unwrap().claims;
    assert_eq!(claims["sub"], "client-1");
    let issued = now.duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert_eq!(claims["exp"], issued + 300);
    assert_eq!(claims["nbf"], issued);
    let again = assertion::sign("client-1", &url, &proof.certificate(), &proof.key(), now).await.unwrap();
    assert!(!again.matches(&signed), "every assertion has its own jti");
}

#[tokio::test]
async fn a_missing_or_wrong_key_file_is_named_and_costs_the_provider_nothing() {
    let proof = Proof::new();
    std::fs::write(proof.key(), "no key").unwrap();
    let house = House::with(vec![], None, |app| {
        app.grant = Grant::ClientCredentials;
        app.credential = proof.credential();
    })
    .await;
    let fault = house.keepers.bearer(&house.sign_in).await.unwrap_err();
    assert_eq!(fault.id, "app-certificate-unreadable");
    assert!(fault.detail.contains("app.key"), "{}", fault.detail);
    assert_eq!(house.endpoint.count(), 0);
}

#[tokio::test]
async fn the_certificate_goes_into_the_request_and_no_secret_does() {
    let proof = Proof::new();
    let house = House::with(vec![], None, |app| {
        app.grant = Grant::ClientCredentials;
        app.credential = proof.credential();
    })
    .await;
    assert_eq!(house.ask().await.unwrap(), "t1");
    let form = &house.endpoint.asked()[0];
    assert_eq!(form["client_assertion_type"], assertion::ASSERTION_TYPE);
    assert!(form["client_assertion"].split('.').count() == 3 && !form.contains_key("client_secret"));
}

#[tokio::test]
async fn a_renewed_certificate_is_presented_at_once_after_a_refusal() {
    let proof = Proof::new();
    let house = House::with(vec![refusal("invalid_client", 700_027)], None, |app| {
        app.grant = Grant::ClientCredentials;
        app.credential = proof.credential();
    })
    .await;
    for _ in 0..2 {
        assert_eq!(house.ask().await.unwrap_err(), "app-certificate-refused");
    }
    assert_eq!(house.endpoint.count(), 1);
    touch(&proof.certificate(), 10);
    assert_eq!(house.ask().await.unwrap(), "t2");
}

#[tokio::test]
async fn every_field_of_an_app_counts_for_its_fingerprint() {
    let endpoint = Endpoint::start(vec![]).await;
    let first = app(&endpoint, Grant::ClientCredentials);
    let mut secret = first.clone();
    secret.credential = AppCredential::Secret("a".to_owned().into());
    let mut other = first.clone();
    other.credential = AppCredential::Secret("b".to_owned().into());
    let mut idle = first.clone();
    idle.refresh_idle_life = Some(Duration::from_secs(1));
    let all: std::collections::BTreeSet<_> = [&first, &secret, &other, &idle].map(|app| app.fingerprint()).into();
    assert_eq!(all.len(), 4);
    assert_eq!(first.fingerprint(), first.clone().fingerprint());
}
