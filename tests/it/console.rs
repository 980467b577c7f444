//! The console's HTTP as a stranger meets it: who may look, and what a client that holds on costs.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::world::{Plan, World, base64, cheap_hash};

async fn connect(world: &World) -> TcpStream {
    TcpStream::connect(world.daemon.console_at().unwrap()).await.unwrap()
}

/// What comes until the end.
async fn rest(tcp: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = timeout(Duration::from_secs(600), tcp.read_to_end(&mut said)).await.expect("an end");
    String::from_utf8(said).unwrap()
}

async fn asked(world: &World, request: &str) -> String {
    let mut tcp = connect(world).await;
    tcp.write_all(request.as_bytes()).await.unwrap();
    rest(&mut tcp).await
}

fn get(path: &str, more: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n")
}

#[tokio::test]
async fn status_is_for_the_holder_of_the_token_or_the_password_and_health_for_everybody() {
    let world =
        World::with(Plan { console: format!("password = \"{}\"", cheap_hash("look")), ..Plan::default() }).await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let said = asked(&world, &get(path, "")).await;
        assert!(said.starts_with("HTTP/1.1 200 "), "{path}: {said}");
    }
    assert!(asked(&world, &get("/api/status", "")).await.starts_with("HTTP/1.1 401 "));
    let basic = format!("Authorization: Basic {}\r\n", base64("me:look"));
    let said = asked(&world, &get("/api/status", &basic)).await;
    assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("\"signed-in-as\":\"ann@contoso.example\""), "{said}");
    let token = std::fs::read_to_string(world.dir.path().join("gatepost.db.token")).unwrap();
    let said = asked(&world, &get("/api/status", &format!("Authorization: Bearer {token}\r\n"))).await;
    assert!(said.starts_with("HTTP/1.1 200 "), "{said}");
    let elsewhere = get("/healthz", "").replace("localhost", "evil.example");
    assert!(asked(&world, &elsewhere).await.starts_with("HTTP/1.1 421 "));
}

/// A browser sends the password that it was let in with along with what a page of another site asks for.
#[tokio::test]
async fn no_page_of_another_site_gives_an_order_with_a_password_that_the_browser_has() {
    let world =
        World::with(Plan { console: format!("password = \"{}\"", cheap_hash("look")), ..Plan::default() }).await;
    let order = |more: &str| {
        let basic = format!("Authorization: Basic {}\r\nContent-Length: 0\r\n{more}", base64("me:look"));
        get("/api/queue/none/hold", &basic).replace("GET ", "POST ")
    };
    for site in ["Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        let said = asked(&world, &order(site)).await;
        assert!(said.starts_with("HTTP/1.1 403 "), "{said}");
    }
    for own in ["", "Origin: http://localhost\r\n"] {
        let said = asked(&world, &order(own)).await;
        // The queue may not be read yet.
        assert!(["404", "503"].iter().any(|code| said.starts_with(&format!("HTTP/1.1 {code} "))), "{said}");
    }
}

/// Slow loris: a header that trickles, one that never comes, and a connection kept alive for nothing.
#[tokio::test]
async fn a_request_whose_header_does_not_come_is_dropped_after_ten_seconds() {
    let world = World::new().await;
    for begun in ["", "GET /healthz HTTP/1.1\r\nHost: local", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut tcp = connect(&world).await;
        tcp.write_all(begun.as_bytes()).await.unwrap();
        if begun.ends_with("\r\n\r\n") {
            let mut answer = [0; 512];
            assert!(tcp.read(&mut answer).await.unwrap() > 0);
        }
        tokio::time::pause();
        let start = Instant::now();
        let mut byte = [0; 1];
        // The connection ends although something is said all the time.
        while timeout(Duration::from_secs(2), tcp.read(&mut byte)).await.map_or(true, |read| read.is_ok_and(|n| n > 0))
        {
            if !begun.is_empty() && !begun.ends_with("\r\n\r\n") {
                let _ = tcp.write_all(b"x").await;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{begun:?} is still open");
        }
        tokio::time::resume();
    }
}

#[tokio::test]
async fn silent_connections_do_not_keep_the_console_from_answering() {
    let world = World::new().await;
    let mut silent = Vec::new();
    for _ in 0..80 {
        silent.push(connect(&world).await);
    }
    assert!(asked(&world, &get("/healthz", "")).await.starts_with("HTTP/1.1 200 "));
    // The oldest one made room.
    assert_eq!(rest(&mut silent[0]).await, "");
}

/// Another program holds the lock of the database.
#[tokio::test]
async fn a_store_that_takes_no_writes_is_told_by_readiness_and_status_with_cause_and_next_step() {
    let world = World::new().await;
    let lock = sqlx::SqlitePool::connect(&world.store_settings().url).await.unwrap();
    let lock = lock.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let said = asked(&world, &get("/readyz", "")).await;
    assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
    let token = std::fs::read_to_string(world.dir.path().join("gatepost.db.token")).unwrap();
    let status = asked(&world, &get("/api/status", &format!("Authorization: Bearer {token}\r\n"))).await;
    for text in [&said, &status] {
        assert!(text.contains("[store-locked]: the database is held locked by another program"), "{text}");
    }
    lock.rollback().await.unwrap();
}
