use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    time::timeout_at,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    super::{
        Admission, AdmissionLimits, Arrival, Bind, Door, IpNet, Listener, ListenerTls, PassedSockets, Stream, bind,
        refused,
    },
    authority::Authority,
    soon,
};
use crate::{
    base::{Lang, Protocol},
    catalog::{Place, doctor::PORT_TAKEN},
};

struct Open {
    address: SocketAddr,
    arrivals: mpsc::Receiver<Arrival>,
    door: Door,
    authority: Authority,
}

fn settings(tls: ListenerTls) -> Listener {
    Listener {
        protocol: Protocol::Smtp,
        listen: vec![Bind::Address("127.0.0.1:0".parse().unwrap())],
        tls,
        certificate: None,
        max_connections: 10,
        proxy_protocol_from: Vec::new(),
        pass_through: false,
    }
}

/// A listener whose arrivals the test receives. `change` adjusts the rules.
fn open(tls: ListenerTls, change: impl FnOnce(&mut Door)) -> Open {
    let authority = Authority::new();
    let bound = bind(&settings(tls), &mut PassedSockets::default()).unwrap().remove(0);
    let mut door = Door {
        listener: 0,
        max_connections: 10,
        tls,
        server_tls: Some(authority.server("mail.example")),
        proxy_protocol_from: Vec::new(),
        admission: Admission::new(AdmissionLimits::default()),
        too_busy: Bytes::from_static(b"421 4.3.2 too busy\r\n"),
        tls_expected: Bytes::from_static(b"421 4.7.0 TLS expected\r\n"),
        on_turned_away: Arc::new(|_, _| {}),
        sessions: TaskTracker::new(),
        stop: CancellationToken::new(),
    };
    change(&mut door);
    let (tell, arrivals) = mpsc::channel(100);
    let address = bound.address();
    let rules = door.clone();
    tokio::spawn(async move {
        let tell = Arc::new(tell);
        let meet = move |arrival| {
            let tell = tell.clone();
            async move { tell.send(arrival).await.unwrap_or_default() }
        };
        bound.serve(rules, meet).await;
    });
    Open { address, arrivals, door, authority }
}

impl Open {
    async fn connect(&self) -> Stream {
        Stream::new(TcpStream::connect(self.address).await.unwrap()).unwrap()
    }

    async fn arrival(&mut self) -> Arrival {
        timeout_at(soon(), self.arrivals.recv()).await.unwrap().unwrap()
    }
}

fn net(text: &str) -> IpNet {
    IpNet { base: text.parse().unwrap(), prefix: 32 }
}

/// Everything the far end says until it closes.
async fn last_words(mut stream: Stream) -> String {
    let mut words = Vec::new();
    let _ = timeout_at(soon(), stream.read_to_end(&mut words)).await.expect("the connection stays open");
    String::from_utf8(words).unwrap()
}

#[tokio::test]
async fn a_plain_client_is_handed_over_at_once() {
    let mut open = open(ListenerTls::Off, |_| {});
    let client = open.connect().await;
    let arrival = open.arrival().await;
    assert!(!arrival.stream.is_tls());
    assert_eq!(arrival.stream.peer(), client.local());
}

#[tokio::test]
async fn implicit_tls_is_up_before_the_greeting() {
    let mut open = open(ListenerTls::Implicit, |_| {});
    let client = open.connect().await.upgrade_client(&open.authority.client(), "mail.example", soon()).await.unwrap();
    assert!(client.is_tls() && open.arrival().await.stream.is_tls());
}

#[tokio::test]
async fn auto_takes_both_and_loses_no_byte() {
    let mut open = open(ListenerTls::Auto, |_| {});
    let _tls = open.connect().await.upgrade_client(&open.authority.client(), "mail.example", soon()).await.unwrap();
    assert!(open.arrival().await.stream.is_tls());
    let mut plain = open.connect().await;
    plain.write_all(b"EHLO early\r\n").await.unwrap();
    let mut arrival = open.arrival().await;
    let mut line = [0; 12];
    arrival.stream.read_exact(&mut line).await.unwrap();
    assert_eq!((&line, arrival.stream.is_tls()), (b"EHLO early\r\n", false));
}

#[tokio::test(start_paused = true)]
async fn auto_takes_silence_for_a_plain_client_that_waits_for_its_greeting() {
    let mut open = open(ListenerTls::Auto, |_| {});
    let _client = open.connect().await;
    assert!(!open.arrival().await.stream.is_tls());
}

#[tokio::test]
async fn a_plain_client_at_a_tls_port_is_told_in_its_own_protocol() {
    let open = open(ListenerTls::Implicit, |_| {});
    let mut client = open.connect().await;
    client.write_all(b"EHLO printer\r\n").await.unwrap();
    assert_eq!(last_words(client).await, "421 4.7.0 TLS expected\r\n");
}

/// It heard a fault by its id, and the log had none.
#[tokio::test(start_paused = true)]
async fn a_plain_client_that_waits_for_a_greeting_at_a_tls_port_is_told_of_as_one() {
    let (told, mut seen) = tokio::sync::mpsc::channel(1);
    let open = open(ListenerTls::Implicit, |door| {
        door.on_turned_away = Arc::new(move |why, _| {
            if let crate::net::TurnedAway::Tls(fault) = why {
                told.try_send(fault.kind).unwrap();
            }
        });
    });
    let _client = open.connect().await;
    assert_eq!(seen.recv().await, Some(crate::net::TlsFaultKind::NotTls));
}

#[tokio::test]
async fn a_proxy_header_names_the_client_and_what_follows_it_is_kept() {
    let mut open = open(ListenerTls::Implicit, |door| door.proxy_protocol_from = vec![net("127.0.0.1")]);
    let mut client = open.connect().await;
    // The header and the ClientHello may come in any pieces; here byte by byte.
    for byte in b"PROXY TCP4 198.51.100.7 192.0.2.1 50000 465\r\n" {
        client.write_all(&[*byte]).await.unwrap();
    }
    let _client = client.upgrade_client(&open.authority.client(), "mail.example", soon()).await.unwrap();
    let arrival = open.arrival().await;
    assert_eq!(arrival.stream.peer(), "198.51.100.7:50000".parse().unwrap());
    assert!(arrival.stream.is_tls());
}

#[tokio::test]
async fn a_missing_header_and_a_strange_proxy_are_closed() {
    let trusting = open(ListenerTls::Off, |door| door.proxy_protocol_from = vec![net("127.0.0.1")]);
    let mut client = trusting.connect().await;
    client.write_all(b"EHLO no header\r\n").await.unwrap();
    assert_eq!(last_words(client).await, "");

    let strange = open(ListenerTls::Off, |door| door.proxy_protocol_from = vec![net("192.0.2.1")]);
    let mut client = strange.connect().await;
    client.write_all(b"PROXY TCP4 198.51.100.7 192.0.2.1 50000 465\r\n").await.unwrap();
    assert_eq!(last_words(client).await, "");
}

#[tokio::test]
async fn when_full_the_oldest_unauthenticated_leaves_and_else_the_newcomer_is_told() {
    let mut open = open(ListenerTls::Off, |door| door.max_connections = 2);
    let _clients = (open.connect().await, open.connect().await);
    let (first, second) = (open.arrival().await, open.arrival().await);
    let _third = open.connect().await;
    let third = open.arrival().await;
    assert!(first.seat.evicted().is_cancelled());
    second.seat.authenticated();
    third.seat.authenticated();
    assert_eq!(last_words(open.connect().await).await, "421 4.3.2 too busy\r\n");
    drop(second);
    let _fourth = open.connect().await;
    open.arrival().await;
}

#[tokio::test]
async fn a_stopped_listener_leaves_its_sessions_alone() {
    let mut open = open(ListenerTls::Off, |_| {});
    let mut client = open.connect().await;
    let mut arrival = open.arrival().await;
    open.door.stop.cancel();
    assert!(open.arrivals.recv().await.is_none(), "the accept loop has ended");
    arrival.stream.write_all(b"220 still here\r\n").await.unwrap();
    client.read_exact(&mut [0; 16]).await.unwrap();
}

#[tokio::test]
async fn a_taken_address_is_named_with_the_next_step() {
    let open = open(ListenerTls::Off, |_| {});
    let settings = Listener {
        protocol: Protocol::Smtp,
        listen: vec![Bind::Address(open.address)],
        tls: ListenerTls::Off,
        certificate: None,
        max_connections: 1,
        proxy_protocol_from: Vec::new(),
        pass_through: false,
    };
    let error = bind(&settings, &mut PassedSockets::default()).err().unwrap();
    let (text, next) = (error.named(), error.words(Lang::En).next);
    assert!(text.contains(&open.address.to_string()) && text.starts_with(&PORT_TAKEN.named()), "{text}");
    assert!(next.contains(&format!("src = {} or ", open.address)), "{next}");
    let low =
        refused(Place::of_listener("127.0.0.1:25".parse().unwrap()), &std::io::ErrorKind::PermissionDenied.into());
    let next = low.words(Lang::En).next;
    let head = "Gatepost's user may not listen on this port [port-not-permitted]: ";
    assert!(low.named().starts_with(head) && next.contains("systemd:25"), "{low}: {next}");
    let absent = Listener { listen: vec![Bind::Systemd("smtp".into())], ..settings };
    let error = bind(&absent, &mut PassedSockets::default()).err().unwrap().to_string();
    assert!(error.contains("FileDescriptorName=smtp"), "{error}");
}

/// Nagle with delayed ACKs costs 40 ms an answer, and dead peers are to be found without idle limits.
#[tokio::test]
async fn both_sides_have_nodelay_and_keepalive() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(super::super::dial::race(std::slice::from_ref(&at), soon()), listener.accept());
    for stream in [near.ok().unwrap(), super::super::Stream::new(far.unwrap().0).unwrap()] {
        let socket = socket2::SockRef::from(stream.tcp());
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 60);
    }
}

/// A burst that is not accepted yet waits in the kernel; nobody is lost (`listen(5)` loses bursts of 16).
#[tokio::test]
async fn a_burst_of_256_clients_is_held_until_it_is_accepted() {
    let bound = bind(&settings(ListenerTls::Off), &mut PassedSockets::default()).unwrap().remove(0);
    let mut clients = Vec::new();
    for _ in 0..256 {
        clients.push(
            tokio::time::timeout_at(soon(), tokio::net::TcpStream::connect(bound.address())).await.unwrap().unwrap(),
        );
    }
}
