//! What can be found out about an address, and what is said where nothing can.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
};

use super::Stage;
use crate::world::{ANN, nobody_at};

/// The flags with the sandbox's address as the place to ask replaced.
fn asking(stage: &Stage, at: &str, flags: &[&str]) -> Vec<String> {
    let mut all = stage.flags(flags);
    all[2] = at.to_owned();
    all
}

#[tokio::test]
async fn an_unknown_domain_names_the_flag_and_writes_nothing() {
    let stage = Stage::new().await;
    let ended = stage.run(&stage.flags(&["--address", "ann@fabrikam.example", "--yes"]), "").await;
    assert_eq!(ended.code, 2, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains("fabrikam.example") && ended.err.contains("--provider"), "{}", ended.err);
    assert!(!stage.file().exists());
}

#[tokio::test]
async fn without_a_network_it_says_who_could_not_be_asked_and_what_to_type_instead() {
    let stage = Stage::new().await;
    // `--discovery` takes this address alone.
    let (_held, nobody) = nobody_at(Ipv4Addr::LOCALHOST.into());
    let flags = ["--address", ANN, "--client-id", "10000000-0000-4000-8000-000000000001", "--yes", "--no-sign-in"];
    let ended = stage.run(&asking(&stage, &format!("http://{nobody}"), &flags), "").await;
    assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains(&nobody.to_string()), "{}", ended.err);
    assert!(ended.err.contains("--provider NAME --tenant TENANT"), "{}", ended.err);
    assert!(!stage.file().exists());

    // Whoever says it goes on, and is told that nobody checked it.
    let mut said = flags.to_vec();
    said.extend(["--provider", "microsoft365", "--tenant", "contoso.example"]);
    let ended = stage.run(&asking(&stage, &format!("http://{nobody}"), &said), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert!(
        ended.err.contains("could not be checked") && ended.err.contains("--set network.http-proxy="),
        "{}",
        ended.err
    );
    stage.check();
    std::fs::remove_file(stage.file()).unwrap();
    said.extend(["--lang", "ja"]);
    let ended = stage.run(&asking(&stage, &format!("http://{nobody}"), &said), "").await;
    assert!(ended.err.contains("接続できません") && !ended.err.contains("cannot connect"), "{}", ended.err);
    std::fs::remove_file(stage.file()).unwrap();
    // Tokens come from elsewhere: nobody is asked of a tenant that was named.
    let mut unasked = stage.flags(&said);
    unasked.drain(1..3);
    let ended = stage.run(&unasked, "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    assert!(!ended.err.contains("警告"), "{}", ended.err);
}

#[tokio::test]
async fn a_provider_that_was_named_is_not_said_to_be_asked_for_and_a_tenant_only_where_it_is() {
    let stage = Stage::new().await;
    let flags = [
        "--address",
        ANN,
        "--client-id",
        "10000000-0000-4000-8000-000000000001",
        "--yes",
        "--no-sign-in",
        "--provider",
        "microsoft365",
        "--tenant",
        "contoso.example",
    ];
    for (lang, asks, domain) in [
        ("en", "asking Microsoft for the tenant contoso.example ...", "and the domain itself"),
        ("ja", "テナント contoso.example について Microsoft に問い合わせています ...", "とそのドメインに"),
    ] {
        let mut said = flags.to_vec();
        said.extend(["--lang", lang]);
        let asked = stage.run(&stage.flags(&said), "").await;
        assert_eq!(asked.code, 0, "{}", asked.err);
        assert!(asked.err.contains(asks) && !asked.err.contains(domain), "{}", asked.err);
        std::fs::remove_file(stage.file()).unwrap();
        let mut unasked = stage.flags(&said);
        unasked.drain(1..3);
        let named = stage.run(&unasked, "").await;
        assert_eq!(named.code, 0, "{}", named.err);
        assert!(named.err.contains("microsoft365") && !named.err.contains(asks), "{}", named.err);
        assert!(!named.err.contains("asking Microsoft") && !named.err.contains("問い合わせて"), "{}", named.err);
        std::fs::remove_file(stage.file()).unwrap();
    }
}

/// It advised to set a proxy where one was set.
#[tokio::test]
async fn behind_a_proxy_that_refuses_its_fault_is_named_with_what_helps() {
    let stage = Stage::new().await;
    let proxy = website("nothing", "");
    let set = format!("network.http-proxy={proxy}");
    for (named, lacks) in [(&["--provider", "microsoft365"][..], "tenant"), (&[], "provider")] {
        let flags =
            ["setup", "--address", "ann@fabrikam.example", "--client-id", "x", "--yes", "--no-sign-in", "--set", &set];
        let all: Vec<String> = flags.iter().chain(named).map(|flag| (*flag).to_owned()).collect();
        let ended = stage.run(&all, "").await;
        assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
        assert!(ended.err.contains(&format!("the {lacks} of fabrikam.example")), "{}", ended.err);
        assert!(
            ended.err.contains("[proxy-forbids]") && ended.err.contains("login.microsoftonline.com:443, "),
            "{}",
            ended.err
        );
        assert!(!ended.err.contains("--set network.http-proxy="), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_refused_before_anything_is_written() {
    let stage = Stage::new().await;
    let ended = stage.run(&stage.ann(&["--tenant", "fabrikam.example"]), "").await;
    assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains("no tenant fabrikam.example (AADSTS90002)"), "{}", ended.err);
    assert!(!stage.file().exists());
}

/// Answers one kind of question, and every other with 404.
fn website(path: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let asked = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| !line.unwrap().is_empty()) {}
            let (status, body) =
                if asked.split(' ').nth(1) == Some(path) { ("200 OK", body) } else { ("404 Not Found", "") };
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    at
}

#[tokio::test]
async fn autoconfig_tells_the_servers_of_a_provider_that_nobody_knows() {
    let stage = Stage::new().await;
    let at = website(
        "/v1.1/fabrikam.example",
        "<clientConfig><emailProvider><incomingServer type=\"imap\"><hostname>imap.fabrikam.example</hostname><port>993</port>\
         <socketType>SSL</socketType></incomingServer><incomingServer type=\"pop3\"><hostname>pop.fabrikam.example</hostname>\
         <port>995</port><socketType>SSL</socketType></incomingServer><outgoingServer type=\"smtp\"><hostname>smtp.fabrikam.example\
         </hostname><port>587</port><socketType>STARTTLS</socketType></outgoingServer></emailProvider></clientConfig>",
    );
    let arguments = |more: &[&str]| {
        let flags = [
            "setup",
            "--discovery",
            &at,
            "--address",
            "ann@fabrikam.example",
            "--client-id",
            "x",
            "--yes",
            "--no-sign-in",
        ];
        let store = format!("store.url=sqlite://{}/gatepost.db", stage.dir.path().display());
        let mut all: Vec<String> = flags.iter().chain(more).map(|flag| (*flag).to_owned()).collect();
        all.extend(["--set".to_owned(), store]);
        all
    };
    // What no file tells is asked for.
    let ended = stage.run(&arguments(&[]), "").await;
    assert_eq!(ended.code, 2, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains("--set app.authorize-url=..."), "{}", ended.err);

    let more = [
        "--set",
        "app.authorize-url=https://login.fabrikam.example/authorize",
        "--set",
        "app.token-url=https://login.fabrikam.example/token",
        "--set",
        "app.scopes=[\"mail\"]",
    ];
    let ended = stage.run(&arguments(&more), "").await;
    assert_eq!(ended.code, 0, "{}\n{}", ended.out, ended.err);
    let text = stage.text();
    for line in [
        "provider = \"custom\"",
        "smtp = \"smtp.fabrikam.example:587\"",
        "smtp-tls = \"starttls\"",
        "imap = \"imap.fabrikam.example:993\"",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    stage.check();
}

#[tokio::test]
async fn autoconfig_that_names_servers_of_a_known_provider_names_the_provider() {
    let stage = Stage::new().await;
    let at = website(
        "/v1.1/fabrikam.example",
        "<incomingServer type=\"imap\"><hostname>imap.gmail.com</hostname><port>993</port><socketType>SSL</socketType></incomingServer>",
    );
    let flags = ["--address", "ann@fabrikam.example", "--client-id", "x.apps.example", "--yes", "--no-sign-in"];
    let ended = stage.run(&asking(&stage, &at, &flags), "").await;
    assert_eq!(ended.code, 2, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains("fabrikam.example is at google"), "{}", ended.err);
    assert!(ended.err.contains("--client-secret-file"), "a desktop app of Google has one: {}", ended.err);
}

#[tokio::test]
async fn a_page_of_a_hotel_is_no_tenant() {
    let stage = Stage::new().await;
    let at = website("/contoso.example/v2.0/.well-known/openid-configuration", "<html>Please accept our terms</html>");
    let ended = stage.run(&asking(&stage, &at, &["--address", ANN, "--yes"]), "").await;
    assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains("answered with something else"), "{}", ended.err);
}

#[tokio::test]
async fn a_service_that_takes_passwords_alone_is_named_as_such() {
    let stage = Stage::new().await;
    let ended = stage.run(&stage.flags(&["--address", "ann@icloud.com", "--yes"]), "").await;
    assert_eq!(ended.code, 1, "{}\n{}", ended.out, ended.err);
    assert!(ended.err.contains("iCloud") && ended.err.contains("Gatepost is of no use there"), "{}", ended.err);
}
