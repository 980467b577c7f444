//! App-only grants: nobody signs in, a secret or a certificate proves the app, and each mailbox is named at sign-on.

use std::{os::unix::fs::PermissionsExt, path::Path};

use gatepost::{
    config::{self, Surroundings},
    daemon::Daemon,
    sandbox::{CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, Options, Registration, Sandbox},
};

use crate::world::{PASSWORD, Talk, cheap_hash, own_address, plain};

pub const BOB: &str = "bob@contoso.example";
const CERTIFIED_CLIENT: &str = "33333333-0000-4000-8000-000000000003";

/// A daemon in front of `sandbox` whose only app proves itself with `credential` (TOML lines).
async fn daemon(sandbox: &Sandbox, dir: &Path, client_id: &str, credential: &str) -> Daemon {
    daemon_of(sandbox, dir, &app(sandbox, client_id, credential), "", &[]).await
}

fn app(sandbox: &Sandbox, client_id: &str, credential: &str) -> String {
    format!(
        "provider = \"microsoft365\"\ntenant = \"contoso.example\"\nclient-id = \"{client_id}\"\n\
         grant = \"client-credentials\"\n{credential}\ntoken-url = \"{}\"\n",
        sandbox.token_url()
    )
}

/// The configuration of an app that proves itself with a certificate made here, which `sandbox` knows.
pub fn with_certificate(sandbox: &Sandbox, dir: &Path) -> String {
    configuration(sandbox, dir, &app(sandbox, CERTIFIED_CLIENT, &certified(sandbox, dir)), "")
}

fn certified(sandbox: &Sandbox, dir: &Path) -> String {
    // Entra takes RSA keys; this one is made by the provider that signs with it.
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["robot".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(dir.join("app.pem"), certificate.pem()).unwrap();
    std::fs::write(dir.join("app.key"), key.serialize_pem()).unwrap();
    std::fs::set_permissions(dir.join("app.key"), PermissionsExt::from_mode(0o600)).unwrap();
    sandbox.register(Registration::with_certificate(CERTIFIED_CLIENT, certificate.pem()));
    format!("certificate = \"{dir}/app.pem\"\ncertificate-key = \"{dir}/app.key\"", dir = dir.display())
}

/// One with this app (TOML lines), for which bob's account has some more lines, in an environment of these variables.
pub async fn daemon_of(sandbox: &Sandbox, dir: &Path, app: &str, account: &str, variables: &[(&str, &str)]) -> Daemon {
    let text = configuration(sandbox, dir, app, account);
    let mut around = Surroundings::of_this_process(&dir.join("gatepost.toml"));
    around.variables.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    let (config, _) =
        config::check_text(&text, "gatepost.toml", &around).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    Daemon::start(&config).await.unwrap()
}

fn configuration(sandbox: &Sandbox, dir: &Path, app: &str, account: &str) -> String {
    let ca = dir.join("ca.pem");
    std::fs::write(&ca, sandbox.ca_pem()).unwrap();
    format!(
        "[store]\nurl = \"sqlite://{dir}/gatepost.db\"\nkey-file = \"{dir}/key\"\n[console]\nlisten = \"off\"\n\
         [network]\nca-file = \"{ca}\"\n\
         [[listener]]\nprotocol = \"smtp\"\nlisten = [\"127.0.0.1:0\"]\n\
         [[listener]]\nprotocol = \"imap\"\nlisten = [\"127.0.0.1:0\"]\n\
         [app.robot]\n{app}smtp = \"{smtp}\"\nimap = \"{imap}\"\npop3 = \"{pop3}\"\n\
         [[account]]\naddress = \"{BOB}\"\napp = \"robot\"\npassword = \"{hash}\"\n{account}",
        dir = dir.display(),
        ca = ca.display(),
        smtp = sandbox.smtp(),
        imap = sandbox.imap(),
        pop3 = sandbox.pop3(),
        hash = cheap_hash(PASSWORD),
    )
}

/// Signed in, a message to himself is open.
async fn bob_in_data(daemon: &Daemon) -> Talk {
    let mut smtp = Talk::connect(own_address(), daemon.bound()[0].address).await;
    smtp.expect("220 ").await;
    smtp.exchange("HELO x", "250 ").await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(BOB, PASSWORD)), "235 ").await;
    smtp.exchange(&format!("MAIL FROM:<{BOB}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp
}

pub async fn bob_sends_and_reads(daemon: &Daemon) {
    let source = own_address();
    let mut smtp = bob_in_data(daemon).await;
    smtp.send(format!("From: {BOB}\r\nSubject: x\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
    let mut imap = Talk::connect(source, daemon.bound()[1].address).await;
    imap.expect("* OK ").await;
    imap.exchange(&format!("a LOGIN {BOB} \"{PASSWORD}\""), "a OK ").await;
    imap.say("b STATUS INBOX (MESSAGES)").await;
    imap.expect("* STATUS").await;
}

#[tokio::test]
async fn a_client_secret_serves_a_mailbox_with_nobody_signed_in() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let secret = format!("client-secret = \"{CONFIDENTIAL_SECRET}\"");
    let daemon = daemon(&sandbox, dir.path(), CONFIDENTIAL_CLIENT, &secret).await;
    bob_sends_and_reads(&daemon).await;
    assert_eq!(sandbox.counts().token_requests_total(), 1, "both protocols share one token");
}

#[tokio::test]
async fn a_certificate_proves_the_app_without_any_secret() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let credential = certified(&sandbox, dir.path());
    let daemon = daemon(&sandbox, dir.path(), CERTIFIED_CLIENT, &credential).await;
    bob_sends_and_reads(&daemon).await;
}

/// There is no login for it, and what an administrator grants is noticed at the next request or after a reload.
#[tokio::test]
async fn a_consent_that_is_missing_is_told_with_the_time_of_the_next_request_and_with_no_login() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    sandbox.faults().set(|faults| {
        faults.apply("no-consent");
    });
    let dir = tempfile::tempdir().unwrap();
    let secret = format!("client-secret = \"{CONFIDENTIAL_SECRET}\"");
    let daemon = daemon(&sandbox, dir.path(), CONFIDENTIAL_CLIENT, &secret).await;
    let mut imap = Talk::connect(own_address(), daemon.bound()[1].address).await;
    imap.expect("* OK ").await;
    imap.say(&format!("a LOGIN {BOB} \"{PASSWORD}\"")).await;
    let said = imap.line().await;
    let reload = " UTC, or at once after: sudo systemctl reload gatepost";
    assert!(said.contains("Gatepost asks again at ") && said.contains(reload), "{said}");
    assert!(said.ends_with("[gatepost consent-missing]") && !said.contains("gatepost login"), "{said}");
    let page = format!("/adminconsent?client_id={CONFIDENTIAL_CLIENT}");
    let (consent, again) = said.split_once("; Gatepost asks again at ").unwrap();
    assert!(consent.contains("an administrator consents for all at http") && consent.ends_with(&page), "{said}");
    assert!(again.contains(reload), "what has to come first stands first: {said}");
}

#[tokio::test]
async fn a_right_that_an_app_lacks_is_granted_to_the_object_id_that_its_token_names() {
    const ANN: &str = "ann@contoso.example";
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let app = app(&sandbox, CONFIDENTIAL_CLIENT, &format!("client-secret = \"{CONFIDENTIAL_SECRET}\""));
    let daemon = daemon_of(&sandbox, dir.path(), &app, &format!("send-as = [\"{BOB}\", \"{ANN}\"]\n"), &[]).await;
    let mut smtp = bob_in_data(&daemon).await;
    smtp.send(format!("From: {ANN}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.expect("554-5.2.252 SendAsDenied").await;
    let said = smtp.line().await;
    let (_, behind) = said
        .split_once(&format!("Add-RecipientPermission -Identity {ANN} -Trustee "))
        .unwrap_or_else(|| panic!("{said}"));
    let id = behind.split(' ').next().unwrap();
    assert!(id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-'), "{said}");

    // Whoever follows that plays the administrator.
    let grants = async |to: &str| {
        let form = format!("right=send-as&mailbox={ANN}&to={to}");
        reqwest::Client::new().post(format!("{}/sandbox/grant", sandbox.issuer())).body(form).send().await.unwrap()
    };
    assert_eq!(grants("0b1ec700-0000-4000-8000-00000000dead").await.status(), 400, "of no app");
    let page = grants(id).await.text().await.unwrap();
    assert!(page.contains(&format!("<option value=\"{id}\">")), "it can be chosen there: {page}");
    let mut smtp = bob_in_data(&daemon).await;
    smtp.send(format!("From: {ANN}\r\n\r\nx\r\n.\r\n").as_bytes()).await;
    smtp.expect("250 2.0.0 ").await;
}

#[tokio::test]
async fn a_wrong_secret_is_the_admins_business_and_is_not_tried_again_at_every_login() {
    let sandbox = Sandbox::start(Options::default()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let daemon = daemon(&sandbox, dir.path(), CONFIDENTIAL_CLIENT, "client-secret = \"wrong\"").await;
    for _ in 0..5 {
        let mut imap = Talk::connect(own_address(), daemon.bound()[1].address).await;
        imap.expect("* OK ").await;
        imap.exchange(&format!("a LOGIN {BOB} \"{PASSWORD}\""), "a NO [CONTACTADMIN] ").await;
    }
    assert_eq!(sandbox.counts().token_requests_total(), 1);
}
