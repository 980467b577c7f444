//! Every preset with every grant that it knows: exactly what is sent, to which address, as one text to read.
//!
//! The presets' own addresses are asserted and then replaced by one of this machine, which writes down what comes.

use std::sync::{Arc, Mutex};

use gatepost::{
    base::Secret,
    config::{self, Surroundings},
    net::{ClientTls, HttpClient, Network},
    oauth::{
        App, Grant, SignIn,
        clock::Clock,
        endpoints::Endpoints,
        grants::{code::CodeRequest, unattended},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use url::{Url, form_urlencoded};

use crate::world::{PASSWORD, cheap_hash};

/// Answers every request with a token and keeps what was asked.
async fn recorder() -> (Url, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut seen = Vec::new();
            let request = loop {
                stream.read_buf(&mut seen).await.unwrap();
                let text = String::from_utf8_lossy(&seen).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    let query = head.split(' ').nth(1).unwrap().split_once('?').map_or("", |(_, query)| query);
                    break if body.is_empty() { query.to_owned() } else { body.to_owned() };
                }
            };
            kept.lock().unwrap().push(request);
            let body = r#"{"access_token":"a","expires_in":3600,"device_code":"d","user_code":"u","verification_uri":"https://x.example/"}"#;
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    });
    (url, asked)
}

/// One line: address, then the fields in alphabetical order. What is made by chance shows as a star.
fn line(verb: &str, url: &Url, encoded: &str) -> String {
    const CHANCE: &[&str] = &["state", "code_challenge", "code_verifier", "assertion", "client_assertion"];
    let mut fields: Vec<String> = form_urlencoded::parse(encoded.as_bytes())
        .map(|(name, value)| if CHANCE.contains(&&*name) { format!("{name}=*") } else { format!("{name}={value}") })
        .collect();
    fields.sort();
    format!("{verb} {url}\n    {}\n", fields.join("\n    "))
}

fn sign_in(provider: &str, grant: Grant, key: &str, token: &str) -> Arc<SignIn> {
    let proof = match grant {
        Grant::ClientCredentials => "client-secret = \"s\"\n".to_owned(),
        Grant::ServiceAccount => format!("service-account-key-file = \"{key}\"\n"),
        Grant::WorkloadIdentity => format!("federated-token-file = \"{token}\"\n"),
        _ => String::new(),
    };
    let id = if matches!(grant, Grant::ServiceAccount | Grant::ManagedIdentity) { "" } else { "client-id = \"id\"\n" };
    let tenant = if provider == "outlook" { "" } else { "tenant = \"contoso.com\"\n" };
    let password = if grant == Grant::Password { "sign-in-password = \"p\"\n" } else { "" };
    let text = format!(
        "[app.a]\nprovider = \"{provider}\"\ngrant = \"{}\"\n{id}{tenant}{proof}\
         [[account]]\naddress = \"ann@contoso.com\"\npassword = \"{}\"\n{password}",
        grant.as_str(),
        cheap_hash(PASSWORD)
    );
    let around = Surroundings { variables: [("HOME".to_owned(), "/nowhere".into())].into(), ..Surroundings::default() };
    match config::check_text(&text, "gatepost.toml", &around) {
        Ok((config, _)) => config.accounts[0].sign_in.clone(),
        Err(problems) => panic!("{problems}\n{text}"),
    }
}

/// Everything that this sign-in sends.
async fn requests(sign_in: &SignIn) -> String {
    let (url, asked) = recorder().await;
    let app: &App = &sign_in.app;
    let local = App { token_url: url.clone(), device_url: app.device_url.as_ref().map(|_| url.clone()), ..app.clone() };
    let http = HttpClient::new(&Network::default(), &ClientTls::trusting_only([]).unwrap()).unwrap();
    let clock = Clock::default();
    let endpoints = Endpoints { http: &http, app: &local, clock: &clock };
    let last = || asked.lock().unwrap().last().unwrap().clone();
    let mut told = String::new();
    match app.grant {
        Grant::AuthorizationCode => {
            let redirect = Url::parse("http://localhost:1/").unwrap();
            let request = CodeRequest::new(app, redirect, &sign_in.identity);
            let mut page = request.url().clone();
            let query = page.query().unwrap().to_owned();
            page.set_query(None);
            told.push_str(&line("GET", &page, &query));
            request.redeem(endpoints, Secret::new("c")).await.unwrap();
            told.push_str(&line("POST", &app.token_url, &last()));
            endpoints.refresh(&Secret::new("r")).await.unwrap();
            told.push_str(&line("POST", &app.token_url, &last()));
        }
        Grant::DeviceCode => {
            endpoints.start_device().await.unwrap();
            told.push_str(&line("POST", app.device_url.as_ref().unwrap(), &last()));
            endpoints.poll_device(&Secret::new("d")).await.unwrap();
            told.push_str(&line("POST", &app.token_url, &last()));
        }
        grant => {
            let local = SignIn { app: Arc::new(local.clone()), ..sign_in.clone() };
            unattended::fetch(Endpoints { app: &local.app, ..endpoints }, &local).await.unwrap();
            let verb = if grant == Grant::ManagedIdentity { "GET" } else { "POST" };
            told.push_str(&line(verb, &app.token_url, &last()));
        }
    }
    told
}

const ENTRA: &[Grant] = &[
    Grant::AuthorizationCode,
    Grant::DeviceCode,
    Grant::ClientCredentials,
    Grant::Password,
    Grant::WorkloadIdentity,
    Grant::ManagedIdentity,
];

#[tokio::test]
async fn every_preset_sends_exactly_this() {
    let dir = tempfile::tempdir().unwrap();
    let (key, token) = (dir.path().join("key.json"), dir.path().join("token"));
    let pem =
        rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap().serialize_pem();
    std::fs::write(&key, serde_json::json!({ "client_email": "robot", "private_key": pem }).to_string()).unwrap();
    std::fs::write(&token, "a.b.c").unwrap();
    let (key, token) = (key.to_str().unwrap(), token.to_str().unwrap());
    let mut told = String::new();
    for (provider, grants) in [
        ("microsoft365", ENTRA),
        ("microsoft365-gcc-high", ENTRA),
        ("microsoft365-dod", ENTRA),
        ("microsoft365-china", ENTRA),
        ("outlook", &[Grant::AuthorizationCode, Grant::DeviceCode]),
        ("google", &[Grant::AuthorizationCode, Grant::ServiceAccount]),
        ("fastmail", &[Grant::AuthorizationCode]),
        ("yahoo", &[Grant::AuthorizationCode]),
        ("aol", &[Grant::AuthorizationCode]),
    ] {
        for grant in grants {
            let sign_in = sign_in(provider, *grant, key, token);
            told.push_str(&format!("# {provider}, {}\n{}", grant.as_str(), requests(&sign_in).await));
        }
    }
    let expected = include_str!("presets.txt");
    for (number, (told, expected)) in told.lines().zip(expected.lines()).enumerate() {
        assert_eq!(told, expected, "line {} of presets.txt", number + 1);
    }
    assert_eq!(told.lines().count(), expected.lines().count());
}
