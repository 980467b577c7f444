//! Service accounts, passwords, federated tokens and managed identities, each from the configuration to a message that
//! was sent and read, with nobody signed in.

use std::{
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use gatepost::sandbox::{Federation, Options, PASSWORD, PUBLIC_CLIENT, Registration, Sandbox};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::json;

use crate::{
    app_only::{BOB, bob_sends_and_reads, daemon_of},
    world::{self, Talk, own_address},
};

const ROBOT: &str = "robot@project.iam.gserviceaccount.com";
const POD: &str = "50000000-0000-4000-8000-000000000005";
const CLUSTER: &str = "https://cluster.example";
const SUBJECT: &str = "system:serviceaccount:mail:gatepost";

/// A key pair, and its public half as a certificate, which is how the sandbox takes it.
fn key_and_certificate() -> (String, String) {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["robot".to_owned()]).unwrap().self_signed(&key).unwrap();
    (key.serialize_pem(), certificate.pem())
}

fn account_key(key: &str) -> String {
    json!({ "type": "service_account", "client_email": ROBOT, "private_key_id": "1", "private_key": key }).to_string()
}

/// Google's preset, with the sandbox's address and scopes.
fn google(sandbox: &Sandbox, key: &str) -> String {
    format!(
        "provider = \"google\"\nsmtp-tls = \"starttls\"\ngrant = \"service-account\"\n{key}\ntoken-url = \"{}\"\n\
         scopes = [\"https://outlook.office.com/SMTP.Send\", \"https://outlook.office.com/IMAP.AccessAsUser.All\"]\n",
        sandbox.token_url()
    )
}

#[tokio::test]
async fn each_mailbox_of_a_domain_has_a_token_of_its_own_from_a_service_account() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (key, certificate) = key_and_certificate();
    sandbox.register(Registration::with_certificate(ROBOT, certificate));
    std::fs::write(dir.path().join("key.json"), account_key(&key)).unwrap();
    std::fs::write(dir.path().join("users"), format!("ann:{}\n", world::cheap_hash("word"))).unwrap();
    let domain = "\n[[account]]\naddress = \"*@contoso.example\"\napp = \"robot\"\npasswords-file = \"users\"\n";
    let app = google(&sandbox, "service-account-key-file = \"key.json\"");
    let daemon = daemon_of(&sandbox, dir.path(), &app, domain, &[]).await;
    bob_sends_and_reads(&daemon).await;
    for (n, answer) in ["a OK ", "a OK ", "a NO [AUTHENTICATIONFAILED]"].into_iter().enumerate() {
        let mut imap = Talk::connect(own_address(), daemon.bound()[1].address).await;
        imap.expect("* OK ").await;
        let user = if n < 2 { world::ANN } else { "cleo@contoso.example" };
        imap.exchange(&format!("a LOGIN {user} \"word\""), answer).await;
    }
    assert_eq!(sandbox.counts().token_requests_total(), 2, "one for bob, one for ann");
    assert_eq!(sandbox.counts().mailbox(gatepost::base::Protocol::Imap, world::ANN).total, 2);
}

#[tokio::test]
async fn a_service_account_opens_the_mailbox_that_its_assertion_names() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (key, certificate) = key_and_certificate();
    sandbox.register(Registration::with_certificate(ROBOT, certificate));
    let text = account_key(&key);
    let file = dir.path().join("key.json");
    std::fs::write(&file, &text).unwrap();
    let app = |key: &str| google(&sandbox, key);
    let in_file = app(&format!("service-account-key-file = \"{}\"", file.display()));
    let daemon = daemon_of(&sandbox, dir.path(), &in_file, "", &[]).await;
    bob_sends_and_reads(&daemon).await;
    assert_eq!(sandbox.counts().token_requests_total(), 1, "both protocols share one token");

    // The same key from the environment, in several lines.
    let dir = tempfile::tempdir().unwrap();
    let lines = serde_json::to_string_pretty(&serde_json::from_str::<serde_json::Value>(&text).unwrap()).unwrap();
    let in_variable = app("service-account-key-env = \"ROBOT_KEY\"");
    let daemon = daemon_of(&sandbox, dir.path(), &in_variable, "", &[("ROBOT_KEY", &lines)]).await;
    bob_sends_and_reads(&daemon).await;
}

fn password_app(provider: &str, token_url: &str) -> String {
    format!(
        "provider = \"{provider}\"\nclient-id = \"{PUBLIC_CLIENT}\"\ngrant = \"password\"\n\
         tenant = \"contoso.example\"\ntoken-url = \"{token_url}\"\n"
    )
}

#[tokio::test]
async fn a_password_at_the_provider_serves_both_endpoints_of_entra() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let account = format!("sign-in-password = \"{PASSWORD}\"\n");
    let first = format!("{}/contoso.example/oauth2/token", sandbox.issuer());
    for (provider, token_url) in [("microsoft365", sandbox.token_url()), ("microsoft365-china", first)] {
        let dir = tempfile::tempdir().unwrap();
        let app = password_app(provider, &token_url);
        let daemon = daemon_of(&sandbox, dir.path(), &app, &account, &[]).await;
        bob_sends_and_reads(&daemon).await;
    }
    assert_eq!(sandbox.counts().token_requests["password"], 2);
}

/// What bob hears at IMAP, where it has to be a refusal that somebody must act upon.
async fn bob_is_refused(daemon: &gatepost::daemon::Daemon) -> String {
    let mut imap = Talk::connect(own_address(), daemon.bound()[1].address).await;
    imap.expect("* OK ").await;
    imap.exchange(&format!("a LOGIN {BOB} \"{}\"", world::PASSWORD), "a NO [CONTACTADMIN] ").await
}

#[tokio::test]
async fn a_wrong_password_at_the_provider_is_tried_once_however_many_log_in() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let app = password_app("microsoft365", &sandbox.token_url());
    let daemon = daemon_of(&sandbox, dir.path(), &app, "sign-in-password = \"wrong\"\n", &[]).await;
    for _ in 0..3 {
        let said = bob_is_refused(&daemon).await;
        assert!(said.contains("[gatepost account-password-refused]"), "{said}");
    }
    assert_eq!(sandbox.counts().token_requests_total(), 1);
}

/// What Kubernetes writes into a pod: a token of the cluster for Entra.
fn write_federated(file: &Path, key: &str) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({ "iss": CLUSTER, "sub": SUBJECT, "aud": "api://AzureADTokenExchange", "iat": now, "exp": now + 3600 });
    let key = EncodingKey::from_rsa_pem(key.as_bytes()).unwrap();
    std::fs::write(file, jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).unwrap()).unwrap();
}

fn trusting(subject: &str, certificate_pem: String) -> Registration {
    Registration::federated(POD, Federation { issuer: CLUSTER.into(), subject: subject.into(), certificate_pem })
}

fn named_app(file: &str, token_url: &str) -> String {
    format!(
        "provider = \"microsoft365\"\ngrant = \"workload-identity\"\ntenant = \"contoso.example\"\n\
         client-id = \"{POD}\"\nfederated-token-file = \"{file}\"\ntoken-url = \"{token_url}\"\n"
    )
}

#[tokio::test]
async fn a_pod_in_aks_needs_no_secret_and_a_file_that_is_named_does_the_same_elsewhere() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let (key, certificate) = key_and_certificate();
    sandbox.register(trusting(SUBJECT, certificate));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("azure-identity-token");
    write_federated(&file, &key);
    let (file, authority) = (file.to_str().unwrap(), format!("{}/", sandbox.issuer()));
    let aks = [
        ("AZURE_FEDERATED_TOKEN_FILE", file),
        ("AZURE_CLIENT_ID", POD),
        ("AZURE_TENANT_ID", "contoso.example"),
        ("AZURE_AUTHORITY_HOST", &authority),
    ];
    let app = "provider = \"microsoft365\"\ngrant = \"workload-identity\"\n";
    let daemon = daemon_of(&sandbox, dir.path(), app, "", &aks).await;
    bob_sends_and_reads(&daemon).await;

    let dir = tempfile::tempdir().unwrap();
    let daemon = daemon_of(&sandbox, dir.path(), &named_app(file, &sandbox.token_url()), "", &[]).await;
    bob_sends_and_reads(&daemon).await;
}

#[tokio::test]
async fn a_federated_token_of_somebody_else_is_refused_with_what_to_compare() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let (key, certificate) = key_and_certificate();
    sandbox.register(trusting("somebody else", certificate));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    write_federated(&file, &key);
    let app = named_app(file.to_str().unwrap(), &sandbox.token_url());
    let daemon = daemon_of(&sandbox, dir.path(), &app, "", &[]).await;
    let said = bob_is_refused(&daemon).await;
    assert!(said.contains("[gatepost federated-token-refused]"), "{said}");
}

#[tokio::test]
async fn a_virtual_machine_in_azure_needs_no_secret_at_all() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let app = format!(
        "provider = \"microsoft365\"\ngrant = \"managed-identity\"\n\
         token-url = \"{}/metadata/identity/oauth2/token\"\n",
        sandbox.issuer()
    );
    let daemon = daemon_of(&sandbox, dir.path(), &app, "", &[]).await;
    bob_sends_and_reads(&daemon).await;
    assert_eq!(sandbox.counts().token_requests["metadata"], 1);
}
