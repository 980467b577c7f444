//! What lies between: names, connections, proxies, portals, TLS, clocks.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::stage::{First, Staged, Told, check, outcome};
use crate::{
    process::command,
    world::{ANN, Plan, own_place},
};

#[tokio::test]
async fn a_portal_that_answers_in_the_place_of_the_provider_is_told_and_costs_no_sign_in() {
    let staged = Staged::rehearsing(Plan::default(), "captive-portal").await;
    let command = &format!("curl -v {}/", staged.sandbox.issuer());
    let wanted = First { layer: "http", name: "identity-answer", id: "captive-portal", command };
    let check = staged.fails_first(wanted).await;
    assert!(check["fault"]["said"].as_str().unwrap().contains("Hotel WiFi"), "{check}");
    staged.mended();
    staged.is_well().await;
}

#[tokio::test]
async fn a_clock_that_is_ten_minutes_off_is_told_with_how_much() {
    let staged = Staged::rehearsing(Plan::default(), "clock-off").await;
    let wanted = First { layer: "clock", name: "clock", id: "clock-skewed", command: "" };
    let check = staged.fails_first(wanted).await;
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    assert_eq!(outcome(&report, "smtp", "sign-on"), "pass", "what lies behind it is looked at: {report:#}");
    let detail = check["detail"].as_str().unwrap();
    let seconds: u64 = detail.split(' ').nth(3).unwrap().parse().unwrap();
    assert_eq!(detail, format!("this machine is {seconds} s behind the identity provider"));
    assert!((590..=610).contains(&seconds), "{detail}");
    staged.mended();
    staged.is_well().await;
}

#[tokio::test]
async fn tls_of_somebody_else_is_told_with_its_issuer_and_no_token_went_there() {
    let staged = Staged::new(Plan::default()).await;
    staged.edit("ca.pem", "other.pem");
    let other = rcgen::CertificateParams::new(vec!["other".to_owned()]).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    std::fs::write(staged.dir.path().join("other.pem"), other.self_signed(&key).unwrap().pem()).unwrap();
    let wanted = First { layer: "tls", name: "smtp-server", id: "tls-intercepted", command: "" };
    let found = staged.fails_first(wanted).await;
    assert!(found["fault"]["said"].as_str().unwrap().contains("issued by "), "{found}");
    assert_eq!(staged.sandbox.counts().sign_ons + staged.sandbox.counts().sign_on_refusals, 0);
    staged.edit("other.pem", "ca.pem");
    let report = staged.is_well().await;
    assert!(check(&report, "tls", "imap-server")["detail"].as_str().unwrap().contains("ca-file"), "{report:#}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_by_its_layer_and_the_others_are_looked_at() {
    let staged = Staged::new(Plan::default()).await;
    let nobody = own_place();
    staged.edit(&format!("imap = \"{}\"", staged.sandbox.imap()), &format!("imap = \"{nobody}\""));
    let wanted = First {
        layer: "tcp",
        name: "imap-server",
        id: "upstream-unreachable",
        command: &format!("curl -v --max-time 10 telnet://{nobody}"),
    };
    staged.fails_first(wanted).await;
    let report = staged.doctor(&[ANN, "--json"]).await.json();
    assert_eq!(outcome(&report, "imap", "sign-on"), "skipped");
    assert_eq!(outcome(&report, "smtp", "sign-on"), "pass");
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_a_fault_of_names() {
    let staged = Staged::new(Plan { upstream: Some("mail.invalid"), ..Plan::default() }).await;
    let wanted =
        First { layer: "dns", name: "smtp-server", id: "upstream-name-unknown", command: "getent hosts mail.invalid" };
    staged.fails_first(wanted).await;
}

#[tokio::test]
async fn the_provider_whose_name_nobody_knows_is_a_fault_of_names_as_well() {
    let staged = Staged::new(Plan::default()).await;
    let token = staged.sandbox.token_url();
    staged.edit(&token, "https://login.invalid/contoso.example/oauth2/v2.0/token");
    let command = "getent hosts login.invalid";
    let wanted = First { layer: "dns", name: "identity-provider", id: "provider-name-unknown", command };
    let check = staged.fails_first(wanted).await;
    assert_eq!(check["fault"]["owner"], "network-admin", "nobody at Microsoft can mend it: {check}");
}

/// Answers every connection with these, each behind the next words that come.
pub async fn answering<const N: usize>(answers: [&'static str; N]) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                for answer in answers {
                    let _ = tcp.read(&mut [0; 1024]).await;
                    let _ = tcp.write_all(answer.as_bytes()).await;
                }
                let _ = tcp.shutdown().await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_page_on_the_port_of_mail_is_told_as_one() {
    let staged = Staged::new(Plan::default()).await;
    let portal = answering(["HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>hotel"]).await;
    staged.edit(&format!("imap = \"{}\"", staged.sandbox.imap()), &format!("imap = \"{portal}\""));
    let wanted = First { layer: "tls", name: "imap-server", id: "mail-port-portal", command: "" };
    let found = staged.fails_first(wanted).await;
    assert!(found["fault"]["said"].as_str().unwrap().contains("HTTP/1.1 400 Bad Request"), "{found}");
}

/// What firewalls and virus scanners that read mail do.
#[tokio::test]
async fn starttls_that_something_in_between_hides_is_told_with_the_command_that_shows_it() {
    let staged = Staged::new(Plan::default()).await;
    staged.sandbox.faults().set(|faults| faults.apply("starttls-stripped"));
    let at = staged.sandbox.smtp();
    let command = format!(
        "openssl s_client -connect {}:{} -servername {} -showcerts -starttls smtp",
        at.ip(),
        at.port(),
        at.ip()
    );
    let wanted = First { layer: "tls", name: "smtp-server", id: "starttls-stripped", command: &command };
    let check = staged.fails_first(wanted).await;
    assert_eq!(check["fault"]["owner"], "network-admin", "{check}");
    assert!(check["fault"]["next-step"].as_str().unwrap().contains("`[app.contoso]`"), "there is one app: {check}");
}

#[tokio::test]
async fn a_proxy_that_wants_windows_logins_and_a_login_page_in_its_place_are_told() {
    for (answer, id, said) in [
        ("HTTP/1.1 407 Auth\r\nProxy-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n", "proxy-scheme-unknown", "NTLM"),
        (
            "HTTP/1.1 302 Found\r\nLocation: http://login.hotel/\r\nContent-Length: 0\r\n\r\n",
            "proxy-portal",
            "http://login.hotel/",
        ),
    ] {
        let proxy = answering([answer]).await;
        let network = format!("mail-proxy = \"http://{proxy}\"");
        let staged = Staged::new(Plan { upstream: Some("mail.invalid"), network, ..Plan::default() }).await;
        let found = staged.fails_first(First { layer: "proxy", name: "smtp-server", id, command: "" }).await;
        assert!(found["fault"]["said"].as_str().unwrap().contains(said), "{found}");
    }
}

/// The daemon and `login` call it so (`net::dial`, `net::http`).
#[tokio::test]
async fn a_page_behind_the_yes_of_a_proxy_has_the_id_that_the_daemon_gives_it() {
    let proxy = answering(["HTTP/1.1 200 OK\r\n\r\n", "<html>Welcome to the hotel</html>"]).await;
    for (key, name) in [("http-proxy", "identity-provider"), ("mail-proxy", "imap-server")] {
        let network = format!("{key} = \"http://{proxy}\"");
        let staged = Staged::new(Plan { upstream: Some("mail.invalid"), network, ..Plan::default() }).await;
        staged.edit(&staged.sandbox.token_url(), "https://login.invalid/contoso.example/oauth2/v2.0/token");
        let report = staged.doctor(&[ANN, "--json"]).await.json();
        let found = check(&report, "tls", name);
        assert_eq!(found["fault"]["id"], "proxy-portal", "{found:#}");
    }
}

/// One request to whoever runs the proxy, and not one after the other.
#[tokio::test]
async fn a_proxy_that_forbids_is_told_with_all_servers_that_it_has_to_allow() {
    let proxy = answering(["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]).await;
    let network = format!("mail-proxy = \"http://{proxy}\"");
    let staged = Staged::new(Plan { upstream: Some("mail.invalid"), network, ..Plan::default() }).await;
    let found =
        staged.fails_first(First { layer: "proxy", name: "smtp-server", id: "proxy-forbids", command: "" }).await;
    let next = found["fault"]["next-step"].as_str().unwrap();
    let sandbox = &staged.sandbox;
    let all = [sandbox.smtp(), sandbox.imap(), sandbox.pop3()].map(|at| format!("mail.invalid:{}", at.port()));
    assert!(next.contains(&format!("`{}`", all.join(", "))), "{next}");
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_the_layer_that_is_named() {
    let at = own_place();
    let network = format!("mail-proxy = \"http://{at}\"");
    let staged = Staged::new(Plan { upstream: Some("mail.invalid"), network, ..Plan::default() }).await;
    let wanted = First { layer: "proxy", name: "smtp-server", id: "proxy-unreachable", command: "" };
    let found = staged.fails_first(wanted).await;
    let command = found["fault"]["commands"][0].as_str().unwrap();
    assert!(
        command.starts_with(&format!("curl -v --max-time 10 --proxy http://{at} --proxytunnel telnet://mail.invalid:")),
        "{command}"
    );
}

#[tokio::test]
async fn servers_that_say_nothing_hold_it_up_no_longer_than_a_deadline_and_what_was_seen_is_told() {
    let staged = Staged::rehearsing(Plan::default(), "exchange-unreachable").await;
    let began = std::time::Instant::now();
    let told = staged.doctor(&[ANN, "--json", "--timeout", "2"]).await;
    assert_eq!(told.code, 1);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    let report = told.json();
    assert_eq!(check(&report, "tls", "smtp-server")["fault"]["id"], "upstream-timeout", "{report:#}");
    assert_eq!(check(&report, "http", "unfinished")["fault"]["id"], "look-unfinished", "{report:#}");
}

#[tokio::test]
async fn an_account_that_takes_too_long_is_told_with_what_was_seen_of_it() {
    let staged = Staged::new(Plan::faulty(|faults| faults.imap.line.delay_ms = 4000)).await;
    let told = staged.doctor(&[ANN, "--json", "--timeout", "3"]).await;
    assert_eq!(told.code, 1);
    let report = told.json();
    assert_eq!(outcome(&report, "token", "mail-token"), "pass");
    let unfinished = check(&report, "token", "unfinished");
    assert_eq!(unfinished["fault"]["id"], "look-unfinished", "{unfinished}");
    let command = format!("`{}`", staged.gatepost(&format!("doctor {ANN}")));
    assert!(unfinished["fault"]["next-step"].as_str().unwrap().contains(&command), "{unfinished}");
}

/// `login` named all mail servers where nothing but tokens passes the proxy.
#[tokio::test]
async fn doctor_login_and_explain_name_the_same_servers_that_a_proxy_has_to_allow() {
    let proxy = answering(["HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]).await;
    let staged = super::app_only::staged("no-such").await;
    staged.edit("[network]\n", &format!("[network]\nhttp-proxy = \"http://{proxy}\"\n"));
    staged.edit(&staged.sandbox.token_url(), "https://login.invalid/contoso.example/oauth2/v2.0/token");
    staged.edit(&format!("smtp = \"{}\"", staged.sandbox.smtp()), "smtp = \"smtp.invalid:587\"");
    let file = staged.file.clone();
    for arguments in [&["doctor", ANN][..], &["login", ANN], &["explain", "proxy-forbids", "--account", ANN]] {
        let mut command = command(arguments, &file);
        command.env("LANG", "en_US.UTF-8");
        let told = tokio::task::spawn_blocking(move || Told::of(command)).await.unwrap();
        let said = (told.out + &told.errors).split_whitespace().collect::<Vec<_>>().join(" ");
        let allow = "allow all that is needed in one go: `login.invalid:443`.";
        assert!(said.contains("proxy-forbids") && said.contains(allow), "{arguments:?}: {said}");
        assert!(!said.contains("SSL_ports") && !said.contains("CONNECT to port 443 alone"), "{said}");
        let shows = format!("--proxy http://{proxy} --proxytunnel telnet://login.invalid:443");
        assert!(said.contains(&shows), "{arguments:?}: {said}");
    }
}
