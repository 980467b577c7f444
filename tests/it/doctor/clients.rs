//! Beside a daemon that runs: its listeners, its configuration, and what clients met lately.

use gatepost::base::Protocol;
use tokio::io::AsyncWriteExt;

use super::stage::{First, Staged, check, outcome};
use crate::{
    process::Program,
    world::{ANN, Plan, cheap_hash, own_address, plain, sign_in_with},
};

/// A port that was free a moment ago: the console's has to be known.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn beside_a_daemon(plan: Plan) -> (Staged, Program) {
    let staged = Staged::new(plan).await;
    staged.edit("[console]\nlisten = \"127.0.0.1:0\"", &format!("[console]\nlisten = \"127.0.0.1:{}\"", free_port()));
    let program = Program::start(&staged.file).await;
    (staged, program)
}

/// It is shown and explained, and all is well: a client's mistake is none of the set-up.
async fn is_noted(staged: &Staged, name: &str, id: &str) -> serde_json::Value {
    let report = staged.is_well().await;
    let noted = check(&report, "clients", name);
    assert_eq!((&noted["outcome"], &noted["fault"]["id"]), (&"skipped".into(), &id.into()), "{noted}");
    let told = staged.doctor(&[ANN, "--lang", "en"]).await;
    assert_eq!(told.code, 0, "{}", told.out);
    let cause = noted["fault"]["cause"].as_str().unwrap();
    let start: String = cause.split(' ').take(4).collect::<Vec<_>>().join(" ");
    assert!(told.out.contains(&start), "{start}: {}", told.out);
    noted
}

#[tokio::test]
async fn beside_a_daemon_everything_is_looked_at_and_nothing_is_disturbed() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    let report = staged.is_well().await;
    assert!(check(&report, "daemon", "daemon")["detail"].as_str().unwrap().contains(&program.id().to_string()));
    assert_eq!(outcome(&report, "daemon", "listener"), "pass");
    assert_eq!(outcome(&report, "daemon", "loaded-configuration"), "pass");
    assert_eq!(check(&report, "clients", "clients")["detail"], "no trouble in the last day");
    assert!(program.login(Protocol::Pop3).await.starts_with("+OK"), "its token is the one that the look fetched");
}

#[tokio::test]
async fn a_refresh_token_that_is_good_once_is_never_presented_beside_a_daemon() {
    let mut plan = Plan { signed_in: Vec::new(), app: "rotation = \"one-time\"".into(), ..Plan::default() };
    plan.sandbox.faults.identity.rotation = gatepost::sandbox::Rotation::OneTime;
    let staged = Staged::new(plan).await;
    sign_in_with(&staged.sandbox, staged.dir.path(), ANN, None).await;
    staged.edit("[console]\nlisten = \"127.0.0.1:0\"", &format!("[console]\nlisten = \"127.0.0.1:{}\"", free_port()));
    let program = Program::start(&staged.file).await;
    assert!(program.login(Protocol::Imap).await.starts_with("a OK"));
    let asked = staged.sandbox.counts().token_requests_total();
    let report = staged.is_well().await;
    let token = check(&report, "token", "mail-token");
    assert!(token["detail"].as_str().unwrap().starts_with("the stored one"), "{token}");
    assert_eq!(staged.sandbox.counts().token_requests_total(), asked);
}

#[tokio::test]
async fn a_changed_file_is_told_until_it_is_loaded() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let other = cheap_hash("another");
    staged.edit("[daemon]\n", "[daemon]\nsign-on-seconds = 44\n");
    let command = "systemctl reload gatepost";
    staged
        .fails_first(First { layer: "daemon", name: "loaded-configuration", id: "configuration-not-loaded", command })
        .await;
    drop((other, program));
}

#[tokio::test]
async fn tls_bytes_on_a_plain_port_are_told_from_the_recent_sessions() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let mut tcp = tokio::net::TcpStream::connect(program.address(Protocol::Smtp)).await.unwrap();
    tcp.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]).await.unwrap();
    let mut said = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut said).await.unwrap();
    assert!(String::from_utf8_lossy(&said).contains("plain SMTP, not TLS"));
    let found = is_noted(&staged, "tls-on-plain-port", "client-tls-on-plain-port").await;
    assert_eq!(found["target"], "smtp");
}

#[tokio::test]
async fn plain_bytes_on_a_tls_port_and_a_login_that_was_never_offered_are_told() {
    let (staged, program) = beside_a_daemon(Plan { tls: "implicit", ..Plan::default() }).await;
    let mut tcp = tokio::net::TcpStream::connect(program.address(Protocol::Pop3)).await.unwrap();
    tcp.write_all(b"USER ann\r\n").await.unwrap();
    let mut said = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut tcp, &mut said).await;
    is_noted(&staged, "plain-on-tls-port", "client-plain-on-tls-port").await;
    drop(program);

    let (staged, program) = beside_a_daemon(Plan { tls: "starttls-required", ..Plan::default() }).await;
    let mut smtp = program.greeted(Protocol::Smtp).await;
    smtp.exchange("QUIT", "221 ").await;
    smtp.expect_end().await;
    is_noted(&staged, "starttls-unused", "client-without-starttls").await;
}

#[tokio::test]
async fn a_wrong_password_is_told_with_its_account_or_without() {
    let (staged, program) = beside_a_daemon(Plan::default()).await;
    let mut smtp = crate::world::Talk::connect(own_address(), program.address(Protocol::Smtp)).await;
    smtp.greeted(Protocol::Smtp).await;
    smtp.exchange(&format!("AUTH PLAIN {}", plain(ANN, "wrong")), "535 5.7.8 ").await;
    is_noted(&staged, "wrong-password", "bad-credentials").await;
}
