use std::{net::SocketAddr, time::Duration};

use socket2::{Domain, Socket, Type};
use tokio::{net::TcpListener, time::Instant};

use super::{
    super::{
        DialLayer, Upstream, UpstreamTls,
        clock::Still,
        dial,
        dial::{LOOKUPS, race},
    },
    authority::Authority,
    refusing, soon,
};

fn upstream(host: &str, port: u16, tls: UpstreamTls) -> Upstream {
    Upstream { host: host.to_owned(), port, tls }
}

/// An address that never answers: its accept queue is full, so that the kernel drops every SYN.
struct Silent {
    address: SocketAddr,
    _held: Vec<Socket>,
}

fn silent() -> Silent {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let mut held = vec![listener];
    for _ in 0..4 {
        let filler = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        filler.set_nonblocking(true).unwrap();
        let _ = filler.connect(&address.into());
        held.push(filler);
    }
    Silent { address, _held: held }
}

#[tokio::test(start_paused = true)]
async fn a_dead_address_costs_a_quarter_of_a_second_at_most() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let good = listener.local_addr().unwrap();
    let dead = silent();
    let _still = Still::begin(Duration::from_secs(20));
    let (_nobody, refuses) = refusing();
    let addresses = [dead.address, refuses, good];
    let a_quarter = tokio::time::advance(Duration::from_millis(251));
    let (begun, (won, ())) = (Instant::now(), tokio::join!(race(&addresses, soon()), a_quarter));
    assert_eq!(won.ok().unwrap().peer(), good);
    assert!(begun.elapsed().as_millis() < 1000, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_error_names_its_layer_and_every_address() {
    let authority = Authority::new();
    let (_nobody, dead) = refusing();
    let smtp = upstream("127.0.0.1", dead.port(), UpstreamTls::StartTls);
    let error = dial(&smtp, None, &authority.client(), soon()).await.unwrap_err();
    assert_eq!(error.layer, DialLayer::Connect);
    let text = error.to_string();
    assert!(text.contains(&dead.to_string()) && text.contains("refused"), "{text}");

    let nowhere = upstream("no-such-host.invalid", 993, UpstreamTls::Implicit);
    let error = dial(&nowhere, None, &authority.client(), soon()).await.unwrap_err();
    assert_eq!(error.layer, DialLayer::Resolve);
    assert!(error.to_string().starts_with("no-such-host.invalid:993: name resolution failed"), "{error}");

    let dead = silent();
    let mute = upstream("127.0.0.1", dead.address.port(), UpstreamTls::StartTls);
    let briefly = Instant::now() + std::time::Duration::from_millis(50);
    let error = dial(&mute, None, &authority.client(), briefly).await.unwrap_err();
    assert_eq!(error.layer, DialLayer::Timeout);
    assert!(error.to_string().contains("no answer"), "{error}");
}

/// A dead resolver must not eat the threads that password checks need.
#[tokio::test]
async fn look_ups_of_names_wait_for_each_other_and_literal_addresses_for_nobody() {
    let authority = Authority::new();
    let all = LOOKUPS.acquire_many(32).await.unwrap();
    let briefly = Instant::now() + std::time::Duration::from_millis(50);
    let (_nobody, refuses) = refusing();
    let named = upstream("localhost", refuses.port(), UpstreamTls::StartTls);
    let error = dial(&named, None, &authority.client(), briefly).await.unwrap_err();
    assert!(error.to_string().contains("while resolving"), "{error}");
    let literal = upstream("127.0.0.1", refuses.port(), UpstreamTls::StartTls);
    assert_eq!(dial(&literal, None, &authority.client(), soon()).await.unwrap_err().layer, DialLayer::Connect);
    drop(all);
    assert_eq!(dial(&named, None, &authority.client(), soon()).await.unwrap_err().layer, DialLayer::Connect);
}

#[tokio::test]
async fn implicit_tls_is_up_when_the_dial_returns_and_a_bad_certificate_does_not_pass() {
    let authority = Authority::new();
    let server = authority.server("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let stream = super::super::Stream::new(tcp).unwrap();
            let _ = stream.upgrade_server(&server, soon()).await;
        }
    });
    let imap = upstream("localhost", port, UpstreamTls::Implicit);
    assert!(dial(&imap, None, &authority.client(), soon()).await.unwrap().is_tls());
    let error = dial(&imap, None, &Authority::new().client(), soon()).await.unwrap_err();
    assert_eq!(error.layer, DialLayer::Certificate);
}
