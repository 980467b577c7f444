//! The support bundle behind sign-ins by each flow, an app with a certificate, and a large message through Graph: nothing that passed
//! between Gatepost and the provider as a secret is in it. What passed is heard on the wire.

use std::{
    net::SocketAddr,
    path::Path,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
};

use gatepost::sandbox::Registration;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::{
    bundle::{sends, spellings, unpacked},
    stage::Staged,
};
use crate::{
    graph::large,
    process::command,
    world::{ANN, BOB, Plan, cheap_hash},
};

const ROBOT: &str = "33333333-0000-4000-8000-000000000003";

/// Fields of forms and addresses that are secrets, then those of answers in JSON.
const OF_FORMS: [&str; 6] = ["code", "code_verifier", "device_code", "client_assertion", "refresh_token", "authtoken"];
const OF_ANSWERS: [&str; 5] = ["access_token", "refresh_token", "device_code", "user_code", "uploadUrl"];

/// Between Gatepost and the sandbox's web server.
struct Tap {
    at: SocketAddr,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Tap {
    async fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (at, heard) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let ears = heard.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = TcpStream::connect(server).await.unwrap().into_split();
                tokio::spawn(passed(near_in, far_out, ears.clone()));
                tokio::spawn(passed(far_in, near_out, ears.clone()));
            }
        });
        Self { at, heard }
    }

    /// Every secret that passed, by the name under which it did.
    fn secrets(&self) -> Vec<(String, String)> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&heard).into_owned();
        let mut found = Vec::new();
        let mut take = |name: &str, before: &str, ends: &[char]| {
            for (at, mark) in text.match_indices(before) {
                let value = text[at + mark.len()..].split(ends).next().unwrap();
                let value = percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned();
                let secret = (name.to_owned(), value);
                if secret.1.len() >= 8 && !found.contains(&secret) {
                    found.push(secret);
                }
            }
        };
        for name in OF_FORMS {
            for mark in ['&', '?', '\n'] {
                take(name, &format!("{mark}{name}="), &['&', ' ', '"', '\r', '\n']);
            }
        }
        OF_ANSWERS.iter().for_each(|name| take(name, &format!("\"{name}\":\""), &['"']));
        take("bearer", "earer ", &['\r', '"', ' ']);
        found
    }
}

async fn passed(mut from: impl AsyncReadExt + Unpin, mut to: impl AsyncWriteExt + Unpin, ears: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 16 * 1024];
    while let Ok(octets @ 1..) = from.read(&mut buffer).await {
        ears.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..octets]);
        if to.write_all(&buffer[..octets]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}

/// With a person who does whatever it shows.
async fn signed_in(staged: &Staged, flow: &str) {
    let mut login = command(&["login", ANN, "--flow", flow, "--json"], &staged.file);
    login.stdout(Stdio::piped());
    let mut login = tokio::process::Command::from(login).kill_on_drop(true).spawn().unwrap();
    let mut said = BufReader::new(login.stdout.take().unwrap()).lines();
    while let Some(line) = said.next_line().await.unwrap() {
        let shown: Value = serde_json::from_str(&line).unwrap();
        match (shown["code"].as_str(), shown["url"].as_str()) {
            (Some(code), _) => {
                staged.sandbox.approve_device(code, ANN);
            }
            (None, Some(url)) => assert!(reqwest::get(url).await.unwrap().status().is_success()),
            (None, None) => {}
        }
    }
    assert!(login.wait().await.unwrap().success(), "{flow}");
}

/// An app that proves itself with a certificate, and its account.
fn robot(staged: &Staged, dir: &Path) -> String {
    let key = rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["robot".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(dir.join("app.pem"), certificate.pem()).unwrap();
    std::fs::write(dir.join("app.key"), key.serialize_pem()).unwrap();
    std::fs::set_permissions(dir.join("app.key"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    staged.sandbox.register(Registration::with_certificate(ROBOT, certificate.pem()));
    let (dir, sandbox) = (dir.display(), &staged.sandbox);
    format!(
        "[app.robot]\nprovider = \"microsoft365\"\ntenant = \"contoso.example\"\nclient-id = \"{ROBOT}\"\n\
         grant = \"client-credentials\"\ncertificate = \"{dir}/app.pem\"\ncertificate-key = \"{dir}/app.key\"\n\
         token-url = \"{}\"\nsmtp = \"{}\"\nimap = \"{}\"\npop3 = \"{}\"\n\
         [[account]]\naddress = \"{BOB}\"\napp = \"robot\"\npassword = \"{}\"\n",
        sandbox.token_url(),
        sandbox.smtp(),
        sandbox.imap(),
        sandbox.pop3(),
        cheap_hash("bob's word")
    )
}

async fn staged() -> (Staged, Tap) {
    let mut plan = Plan {
        signed_in: Vec::new(),
        app: "graph-url = \"{graph}\"".into(),
        account: "outbound = \"graph\"".into(),
        ..Plan::default()
    };
    (plan.sandbox.auto_approve, plan.sandbox.device_interval) = (true, 1);
    let staged = Staged::new(plan).await;
    let graph = "\"https://graph.microsoft.com/Mail.Send\", \"https://graph.microsoft.com/Mail.ReadWrite\"";
    staged.edit("\"offline_access\"]", &format!("{graph}, \"offline_access\"]"));
    let text = std::fs::read_to_string(&staged.file).unwrap() + &robot(&staged, staged.dir.path());
    let tap = Tap::before(staged.sandbox.http()).await;
    let text = text.replace(&staged.sandbox.http().to_string(), &tap.at.to_string());
    std::fs::write(&staged.file, text).unwrap();
    (staged, tap)
}

#[tokio::test]
async fn what_passed_at_a_sign_in_and_on_the_way_to_graph_is_in_no_bundle() {
    let (staged, tap) = staged().await;
    signed_in(&staged, "device").await;
    signed_in(&staged, "browser").await;
    let program = super::clients::daemon_of(&staged).await;
    sends(&program, &large::message(4_000_001)).await;

    let file = staged.dir.path().join("support.tar.gz");
    let told = staged.doctor(&["--bundle", file.to_str().unwrap()]).await;
    assert!(file.exists(), "{}{}", told.out, told.errors);
    let parts = unpacked(&file);
    let verbs = String::from_utf8_lossy(&parts["gatepost-support/verbs.json"]).into_owned();
    assert!(verbs.contains("\"RCPT\"") && !verbs.contains('@') && !verbs.contains("contoso"), "{verbs}");

    let secrets = tap.secrets();
    for name in OF_FORMS.iter().chain(&OF_ANSWERS).chain(&["bearer"]) {
        assert!(
            secrets.iter().any(|(one, _)| one == name),
            "no {name} passed: {:?}",
            secrets.iter().map(|one| &one.0).collect::<Vec<_>>()
        );
    }
    let key = std::fs::read_to_string(staged.dir.path().join("app.key")).unwrap();
    let key_lines = key
        .lines()
        .filter(|line| line.len() >= 16 && !line.starts_with("--"))
        .map(|line| ("private key".to_owned(), line.to_owned()));
    for (what, secret) in secrets.into_iter().chain(key_lines) {
        for spelling in spellings(secret.as_bytes()) {
            for (name, content) in &parts {
                let is_there = memchr::memmem::find(content, &spelling).is_some()
                    || memchr::memmem::find(name.as_bytes(), &spelling).is_some();
                assert!(!is_there, "the {what} is in {name}");
            }
        }
    }
}
