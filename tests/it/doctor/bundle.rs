//! The support bundle: what is in it, and that no secret of a run is, in whatever spelling.

use std::{collections::BTreeMap, io::Read, os::unix::fs::PermissionsExt, path::Path};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use gatepost::{
    base::Protocol,
    store::{MAIL, Store},
};

use super::stage::Staged;
use crate::{
    process::Program,
    world::{ANN, BOB, PASSWORD, Plan, cheap_hash, plain, settings},
};

const SUBJECT: &str = "Quarterly figures of the secret project";
const BODY: &str = "the body that nobody else should read";

pub fn unpacked(file: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(file).unwrap()));
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().display().to_string(), content)
    });
    entries.collect()
}

/// The ways in which a secret may stand somewhere: as it is, base64 at each of three offsets, percent-encoded, in hex.
pub fn spellings(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![secret.to_vec()];
    for shift in 0..3 {
        let shifted = [vec![b'x'; shift], secret.to_vec()].concat();
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = engine.encode(&shifted);
            // What neighbours have a part in is left out at both ends.
            let inner = text.get(4..text.len().saturating_sub(4)).unwrap_or_default();
            if inner.len() >= 12 {
                all.push(inner.as_bytes().to_vec());
            }
        }
    }
    let percent: String = secret.iter().map(|byte| format!("%{byte:02X}")).collect();
    let usual: String = url::form_urlencoded::byte_serialize(secret).collect();
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    all.extend([percent, usual, hex].map(String::into_bytes));
    all
}

/// A message of ann's, as a mail program sends it.
pub async fn sends(program: &Program, message: &str) {
    let mut smtp = program.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, PASSWORD)), "235 ").await;
    smtp.exchange(&format!("MAIL FROM:<{ANN}>"), "250 ").await;
    smtp.exchange(&format!("RCPT TO:<{BOB}>"), "250 ").await;
    smtp.exchange("DATA", "354 ").await;
    smtp.send(format!("{message}.\r\n").as_bytes()).await;
    smtp.expect("250 ").await;
}

#[tokio::test]
async fn no_secret_of_a_run_is_in_a_bundle_in_any_spelling() {
    let staged = Staged::new(Plan {
        network: "mail-proxy = \"http://proxyuser:proxy-password-77@127.0.0.1:1\"\n\
                  http-proxy = \"http://webuser:proxy-password-78@127.0.0.1:1\""
            .into(),
        console: format!("password = \"{}\"", cheap_hash("console password")),
        app: "client-secret = \"client-secret-with-entropy-42\"\nauthorize-extra = { prompt = \"consent\", api_key = \"authorize-key-57\" }".into(),
        more: format!(
            "[notify]\ncommand = [\"/bin/true\", \"--api-key=notify-key-99\"]\nwebhook = \"http://127.0.0.1:1/hooks/webhook-token-55?key=webhook-key-56\"\n[app.spare]\nprovider = \"microsoft365\"\ntenant = \"contoso.example\"\nclient-id = \"spare\"\ntoken-url = \"https://idp.invalid/token?key=token-url-key-58\"\n[[client]]\nname = \"copier\"\naccount = \"{ANN}\"\nlogin = \"copier\"\npassword = \"{}\"\n",
            cheap_hash("copier password")
        ),
        ..Plan::default()
    })
    .await;
    // The sandbox's client is public.
    staged.sandbox.register(gatepost::sandbox::Registration::confidential(
        gatepost::sandbox::PUBLIC_CLIENT,
        "client-secret-with-entropy-42",
    ));
    let program = super::clients::daemon_of(&staged).await;
    sends(&program, &format!("From: {ANN}\r\nSubject: {SUBJECT}\r\n\r\n{BODY}\r\n")).await;
    let mut wrong = program.greeted(Protocol::Imap).await;
    assert!(wrong.login(Protocol::Imap, ANN, "a guess that was wrong").await.starts_with("a NO"));

    let file = staged.dir.path().join("support.tar.gz");
    let told = staged.doctor(&[ANN, "--bundle", file.to_str().unwrap()]).await;
    assert!(file.exists(), "{}{}", told.out, told.errors);
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let parts = unpacked(&file);
    let names: Vec<&str> = parts.keys().map(|name| name.trim_start_matches("gatepost-support/")).collect();
    let expected = [
        "README.txt",
        "configuration.toml",
        "doctor.json",
        "doctor.txt",
        "metrics.txt",
        "status.json",
        "verbs.json",
        "versions.txt",
    ];
    assert_eq!(names, expected);
    let text = |name: &str| String::from_utf8(parts[&format!("gatepost-support/{name}")].clone()).unwrap();
    assert!(text("status.json").contains("bad-credentials") && text("metrics.txt").contains("gatepost_logins_total"));
    assert!(text("verbs.json").contains("\"RCPT\"") && text("verbs.json").contains("354"), "{}", text("verbs.json"));
    let shown = text("configuration.toml");
    assert!(shown.contains("https://idp.invalid/token?[hidden]") && shown.contains("prompt = \"consent\""), "{shown}");
    assert!(shown.contains("[hidden]") && text("versions.txt").starts_with("gatepost "));

    let row = Store::open(&settings(staged.dir.path()))
        .await
        .unwrap()
        .token(&format!("contoso/{ANN}"))
        .await
        .unwrap()
        .row
        .unwrap();
    let read = |name: &str| std::fs::read(staged.dir.path().join(name)).unwrap();
    let key = STANDARD.decode(read("key").trim_ascii()).unwrap();
    let access = row.access[MAIL].token.expose().as_bytes().to_vec();
    let secrets: Vec<(&str, Vec<u8>)> = vec![
        ("client secret", b"client-secret-with-entropy-42".to_vec()),
        ("proxy password", b"proxy-password-77".to_vec()),
        ("second proxy's password", b"proxy-password-78".to_vec()),
        ("argument of the program", b"notify-key-99".to_vec()),
        ("path of the webhook", b"webhook-token-55".to_vec()),
        ("query of the webhook", b"webhook-key-56".to_vec()),
        ("parameter of a sign-in", b"authorize-key-57".to_vec()),
        ("query of a token-url", b"token-url-key-58".to_vec()),
        ("password of the console", b"console password".to_vec()),
        ("hash of the console's", cheap_hash("console password").into_bytes()),
        ("hash of a client's", cheap_hash("copier password").into_bytes()),
        ("password", PASSWORD.into()),
        ("wrong password", b"a guess that was wrong".to_vec()),
        ("password of a client", b"copier password".to_vec()),
        ("hash", cheap_hash(PASSWORD).into_bytes()),
        ("refresh token", row.refresh.unwrap().expose().into()),
        ("part of the access token", access[access.len() / 2..].to_vec()),
        ("access token", access),
        ("key", key),
        ("console token", read("gatepost.db.token").trim_ascii().to_vec()),
        ("subject", SUBJECT.into()),
        ("body", BODY.into()),
    ];
    for (what, secret) in &secrets {
        for spelling in spellings(secret) {
            for (name, content) in &parts {
                let places = [content.as_slice(), name.as_bytes()];
                let is_there = places.iter().any(|place| memchr::memmem::find(place, &spelling).is_some());
                assert!(!is_there, "the {what} is in {name}");
            }
        }
    }

    let again = staged.doctor(&[ANN, "--bundle", file.to_str().unwrap()]).await;
    assert!(again.code == 1 && again.errors.contains("is there already"), "{}", again.errors);
}

#[tokio::test]
async fn without_a_daemon_a_bundle_has_what_is_known_without_one() {
    let staged = Staged::new(Plan::default()).await;
    let file = staged.dir.path().join("support.tar.gz");
    let told = staged.doctor(&["--offline", "--bundle", file.to_str().unwrap()]).await;
    assert_eq!(told.code, 0, "{}{}", told.out, told.errors);
    let parts = unpacked(&file);
    let status = String::from_utf8(parts["gatepost-support/status.json"].clone()).unwrap();
    assert!(status.contains("\"running\": false") && status.contains(ANN), "{status}");
    assert!(!parts.contains_key("gatepost-support/verbs.json"));
}

/// Under right keys, misspelled ones, of a wrong kind, in a comment, and where it is no TOML at all.
#[tokio::test]
async fn of_a_refused_configuration_there_is_a_bundle_without_a_secret_in_it() {
    let staged = Staged::new(Plan {
        network: "mail-proxy = \"http://proxyuser:hunter2-proxy@127.0.0.1:1\"".into(),
        app: "client-secert = \"hunter2-misspelled\"\nclient-secret = \"hunter2-secret\" # hunter2-comment\n\
              pkce = \"hunter2-kind\"\nrotation = \"hunter2-choice\""
            .into(),
        more: "[notify]\ncommand = [\"/bin/true\", \"--api-key=hunter2-argument\"]\n".into(),
        ..Plan::default()
    })
    .await;
    let told_of = async |name: &str| {
        let file = staged.dir.path().join(name);
        let told = staged.doctor(&["--bundle", file.to_str().unwrap()]).await;
        assert_eq!(told.code, 78, "{}{}", told.out, told.errors);
        assert!(told.errors.contains(name), "{}", told.errors);
        let parts = unpacked(&file);
        for (name, content) in &parts {
            let text = String::from_utf8_lossy(content);
            for secret in ["hunter2", &cheap_hash(PASSWORD)] {
                assert!(!text.contains(secret), "{secret} is in {name}: {text}");
            }
        }
        let text = |part: &str| {
            parts.get(&format!("gatepost-support/{part}")).map(|content| String::from_utf8_lossy(content).into_owned())
        };
        (text("configuration.toml"), text("doctor.txt").unwrap(), text("versions.txt").unwrap())
    };
    let (configuration, doctor, versions) = told_of("refused.tar.gz").await;
    assert!(versions.starts_with("gatepost "));
    assert!(doctor.contains("client-secert") && doctor.contains("[configuration-refused]"), "{doctor}");
    let configuration = configuration.unwrap();
    for part in ["client-secert = \"[hidden]\"", ANN, "smtp-tls = \"starttls\""] {
        assert!(configuration.contains(part), "{part}: {configuration}");
    }

    staged.edit("client-secret = \"hunter2-secret\"", "client-secret = hunter2-secret");
    let (configuration, doctor, _) = told_of("no-toml.tar.gz").await;
    assert!(configuration.is_none() && doctor.contains("not valid TOML"), "{doctor}");

    std::fs::remove_file(&staged.file).unwrap();
    let (configuration, doctor, _) = told_of("no-file.tar.gz").await;
    assert!(configuration.is_none() && doctor.contains("there is no such file"), "{doctor}");
}

#[tokio::test]
async fn a_bundle_that_cannot_be_written_is_told_before_anything_is_looked_at() {
    let staged = Staged::new(Plan::default()).await;
    let nowhere = staged.dir.path().join("nowhere/support.tar.gz");
    let told = staged.doctor(&["--bundle", nowhere.to_str().unwrap()]).await;
    assert_eq!((told.code, told.out.as_str()), (1, ""), "{}", told.errors);
    assert!(told.errors.contains("name a file in a directory that you may write to"), "{}", told.errors);
    assert_eq!(staged.sandbox.counts().token_requests_total(), 0);
}
