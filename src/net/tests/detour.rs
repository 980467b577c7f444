//! Proxies that do what proxies do, and what they should not.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::Instant,
};

use super::{
    super::{
        ClientTls, DialError, DialLayer, HttpClient, HttpFault, Network, Proxy, ProxyTrouble, Stream, Upstream,
        UpstreamTls, dial,
    },
    authority::Authority,
    refusing, soon,
};

const NAME: &str = "mail.contoso.example";

fn proxy(url: &str) -> Proxy {
    Proxy::parse(url).unwrap()
}

fn upstream(tls: UpstreamTls) -> Upstream {
    Upstream { host: NAME.to_owned(), port: 993, tls }
}

/// A proxy that answers each connection's first words with this, and counts them.
async fn answering(answer: impl Into<Vec<u8>>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, answer) = (listener.local_addr().unwrap(), answer.into());
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            counted.fetch_add(1, Relaxed);
            let answer = answer.clone();
            tokio::spawn(async move {
                let _ = tcp.read(&mut [0; 1024]).await;
                let _ = tcp.write_all(&answer).await;
                // An empty answer is a silent proxy; any other hangs up once the client did.
                let _ = tcp.read(&mut [0; 1024]).await;
            });
        }
    });
    (address, asked)
}

/// A proxy that works: whatever is asked for is at `target`. What it was asked comes back.
async fn working(target: SocketAddr, socks: bool) -> (SocketAddr, tokio::sync::mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut asked = Vec::new();
            if socks {
                asked = vec![0; 3];
                tcp.read_exact(&mut asked).await.unwrap();
                tcp.write_all(b"\x05\x00").await.unwrap();
                let mut request = vec![0; 4 + 1 + NAME.len() + 2];
                tcp.read_exact(&mut request).await.unwrap();
                asked.extend(request);
                tcp.write_all(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00").await.unwrap();
            } else {
                while !asked.ends_with(b"\r\n\r\n") {
                    asked.push(tcp.read_u8().await.unwrap());
                }
                tcp.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            }
            tell.try_send(asked).unwrap();
            tokio::spawn(async move {
                let mut far = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut tcp, &mut far).await;
            });
        }
    });
    (address, told)
}

/// A server of that name, under TLS from the first byte, that answers each request with a small page.
async fn server(authority: &Authority, name: &str) -> SocketAddr {
    let tls = authority.server(name);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let stream = Stream::new(tcp).unwrap().upgrade_server(&tls, soon()).await;
            let Ok(mut stream) = stream else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
            stream.close(soon()).await;
        }
    });
    address
}

async fn lost(proxy: &Proxy, tls: UpstreamTls, deadline: Instant) -> DialError {
    dial(&upstream(tls), Some(proxy), &Authority::new().client(), deadline).await.unwrap_err()
}

#[tokio::test]
async fn the_proxy_resolves_the_name_and_tls_proves_it_behind_it() {
    let authority = Authority::new();
    let schemes = [("http", false), ("socks5", true)];
    let right = server(&authority, NAME).await;
    for (scheme, socks) in schemes {
        let (address, mut asked) = working(right, socks).await;
        let through = proxy(&format!("{scheme}://{address}"));
        // This machine knows no such name.
        let stream = dial(&upstream(UpstreamTls::Implicit), Some(&through), &authority.client(), soon()).await.unwrap();
        assert!(stream.is_tls());
        let asked = String::from_utf8_lossy(&asked.recv().await.unwrap()).into_owned();
        assert!(asked.contains(NAME), "{asked:?}");
    }
    let wrong = server(&authority, "else.contoso.example").await;
    for (scheme, socks) in schemes {
        let (address, _asked) = working(wrong, socks).await;
        let through = proxy(&format!("{scheme}://{address}"));
        let error = dial(&upstream(UpstreamTls::Implicit), Some(&through), &authority.client(), soon()).await;
        let error = error.unwrap_err();
        assert_eq!(error.layer, DialLayer::Certificate);
        assert!(
            error.to_string().starts_with(&format!("{NAME}:993 through {scheme}://{address}: certificate")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_the_server_says_right_behind_the_proxys_answer_is_neither_lost_nor_taken_for_tls() {
    let (address, _) = answering("HTTP/1.1 200 OK\r\n\r\n220 mail ESMTP\r\n").await;
    let through = proxy(&format!("http://{address}"));
    let tls = Authority::new().client();
    let mut stream = dial(&upstream(UpstreamTls::StartTls), Some(&through), &tls, soon()).await.unwrap();
    let mut greeting = [0; 16];
    tokio::time::timeout_at(soon(), stream.read_exact(&mut greeting)).await.expect("it is lost").unwrap();
    assert_eq!(&greeting, b"220 mail ESMTP\r\n");

    let error = lost(&through, UpstreamTls::Implicit, soon()).await;
    assert_eq!(error.layer, DialLayer::Tls);
    assert!(error.to_string().contains("16 plain bytes came before"), "{error}");
}

/// By a clock that goes on where nobody says anything: on a slow machine a tenth of a second is over before a connection is up.
#[tokio::test(start_paused = true)]
async fn a_proxy_that_is_gone_silent_cut_or_endless_is_the_layer_that_is_named() {
    let (_nobody, gone) = refusing();
    let (cut, _) = answering("HTTP/1.1 200 OK\r\nX-").await;
    let (silent, _) = answering("").await;
    let (flood, _) = answering([&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'y'; 10_000_000]].concat()).await;
    let (briefly, long) = (Duration::from_millis(100), Duration::from_secs(10));
    for (url, wait, expected) in [
        (format!("http://{gone}"), long, "a connection to each of its addresses failed (tried "),
        ("http://no-such-proxy.invalid:3128".to_owned(), long, "the proxy cannot be used: "),
        (format!("http://{cut}"), briefly, "did not answer in time (tried "),
        (format!("http://{silent}"), briefly, "did not answer in time (tried "),
        (format!("socks5://{silent}"), briefly, "did not answer in time (tried "),
        (format!("http://{flood}"), long, "no end"),
    ] {
        let error = lost(&proxy(&url), UpstreamTls::Implicit, Instant::now() + wait).await;
        assert_eq!(error.layer, DialLayer::Proxy(ProxyTrouble::Unreachable), "{url}: {error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("{NAME}:993 through {url}: the proxy cannot be used: ")), "{text}");
        assert!(text.contains(expected), "{text}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs_up = proxy(&format!("socks5://{}", listener.local_addr().unwrap()));
    let (error, _) = tokio::join!(lost(&hangs_up, UpstreamTls::Implicit, soon()), async {
        drop(listener.accept().await.unwrap());
    });
    assert!(error.to_string().contains("the proxy cannot be used"), "{error}");
}

#[tokio::test]
async fn a_refusal_of_the_proxy_says_whose_turn_it_is_and_never_the_password() {
    for (scheme, answer, trouble) in [
        ("http", "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ProxyTrouble::Login),
        ("http", "HTTP/1.1 403 Forbidden\r\n\r\n", ProxyTrouble::Forbids),
        ("http", "HTTP/1.1 503 Service Unavailable\r\n\r\n", ProxyTrouble::NoWay),
        ("socks5", "\x05\x00\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00", ProxyTrouble::Forbids),
        ("socks5", "\x05\x02\x01\x01", ProxyTrouble::Login),
    ] {
        let (address, asked) = answering(answer).await;
        let through = proxy(&format!("{scheme}://ann:hunter2@{address}"));
        let error = lost(&through, UpstreamTls::StartTls, soon()).await;
        assert_eq!(error.layer, DialLayer::Proxy(trouble));
        assert!(
            error.to_string().contains(trouble.words()) && !format!("{error} {error:?}").contains("hunter2"),
            "{error}"
        );

        // The same words for a token.
        asked.store(0, Relaxed);
        let network = Network { http_proxy: Some(through), ..Network::default() };
        let client = HttpClient::new(&network, &Authority::new().client()).unwrap();
        let fault = client.get(&format!("https://{NAME}/token").parse().unwrap(), &[]).await.unwrap_err();
        assert!(matches!(fault, HttpFault::Proxy(told, _) if told == trouble), "{fault:?}");
        let text = fault.to_string();
        assert!(text.contains(NAME) && text.contains(&format!("through {scheme}://{address}")), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
        if trouble == ProxyTrouble::Login {
            assert_eq!(asked.load(Relaxed), 1, "a wrong password is shown once a request: it may lock an account");
        }
    }
}

/// It says yes to all, and does not let anybody out: what comes is the page on which one logs in.
#[tokio::test]
async fn a_login_page_behind_a_proxys_yes_is_told_as_one_for_mail_and_for_tokens() {
    const YES: &str = "HTTP/1.1 200 OK\r\n\r\n";
    const PAGE: &str = "<html>Welcome to the hotel</html>";
    let with_page = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{PAGE}");
    let behind = format!("{YES}HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n{PAGE}");
    for (at_once, to_tls) in
        [(with_page.as_str(), ""), (&behind, ""), (YES, PAGE), (YES, "HTTP/1.1 400 Bad Request\r\n\r\n")]
    {
        let address = answering_twice(at_once, to_tls).await;
        let through = proxy(&format!("http://{address}"));
        let mut faults = vec![lost(&through, UpstreamTls::Implicit, soon()).await];
        // Whoever waits for a greeting says nothing that could be answered.
        if to_tls.is_empty() {
            faults.push(lost(&through, UpstreamTls::StartTls, soon()).await);
        }
        for error in faults {
            assert_eq!(error.layer, DialLayer::Proxy(ProxyTrouble::Portal), "{at_once:?} {to_tls:?}: {error}");
            let text = error.to_string();
            assert!(text.contains(&format!("through http://{address}: {}", ProxyTrouble::Portal.words())), "{text}");
        }
        let network = Network { http_proxy: Some(through), ..Network::default() };
        let client = HttpClient::new(&network, &Authority::new().client()).unwrap();
        let fault = client.get(&format!("https://{NAME}/token").parse().unwrap(), &[]).await.unwrap_err();
        assert!(matches!(fault, HttpFault::Proxy(ProxyTrouble::Portal, _)), "{at_once:?} {to_tls:?}: {fault:?}");
        assert!(fault.to_string().contains(&format!("through http://{address}")), "{fault}");
    }
}

/// A proxy with one answer to CONNECT, and another to what comes behind it.
async fn answering_twice(first: &str, second: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, answers) = (listener.local_addr().unwrap(), [first.to_owned(), second.to_owned()]);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let answers = answers.clone();
            tokio::spawn(async move {
                for answer in answers {
                    if matches!(tcp.read(&mut [0; 4096]).await, Ok(1..)) {
                        let _ = tcp.write_all(answer.as_bytes()).await;
                    }
                }
                let _ = tcp.read(&mut [0; 4096]).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn tokens_pass_through_either_kind_of_proxy_and_a_reload_moves_all_clones_to_another() {
    let authority = Authority::new();
    let far = server(&authority, NAME).await;
    let client = HttpClient::new(&Network::default(), &authority.client()).unwrap();
    let clone = client.clone();
    for socks in [false, true] {
        let (address, mut asked) = working(far, socks).await;
        let url = format!("{}://{address}", if socks { "socks5" } else { "http" });
        let network = Network { http_proxy: Some(proxy(&url)), ..Network::default() };
        client.take_over(&HttpClient::new(&network, &authority.client()).unwrap());
        let reply = clone.get(&format!("https://{NAME}/token").parse().unwrap(), &[]).await.unwrap();
        assert_eq!(reply.status, 200);
        assert!(String::from_utf8_lossy(&asked.recv().await.unwrap()).contains(NAME), "{url}");
    }
    let (address, _) = answering("HTTP/1.1 200 Connection established\r\n\r\n").await;
    let network = Network { http_proxy: Some(proxy(&format!("http://ann:hunter2@{address}"))), ..Network::default() };
    client.take_over(&HttpClient::new(&network, &authority.client()).unwrap());
    let fault = clone.get(&format!("https://{NAME}/token").parse().unwrap(), &[]).await.unwrap_err();
    assert!(!fault.to_string().contains("hunter2"), "{fault}");
}

#[tokio::test]
async fn a_ca_file_counts_for_tokens_and_for_mail_and_is_read_again_with_the_rest() {
    let authority = Authority::new();
    let port = server(&authority, "localhost").await.port();
    let ca_file = authority.directory.path().join("extra.pem");
    let network = Network { ca_file: Some(ca_file.clone()), ..Network::default() };
    let mail = Upstream { host: "localhost".to_owned(), port, tls: UpstreamTls::Implicit };
    let url = format!("https://localhost:{port}/token").parse().unwrap();

    std::fs::write(&ca_file, Authority::new().pem()).unwrap();
    let tls = ClientTls::new(&network).unwrap();
    let client = HttpClient::new(&network, &tls).unwrap();
    assert!(matches!(client.get(&url, &[]).await.unwrap_err(), HttpFault::Tls(_)));
    assert_eq!(dial(&mail, None, &tls, soon()).await.unwrap_err().layer, DialLayer::Certificate);

    std::fs::write(&ca_file, Authority::new().pem() + &authority.pem()).unwrap();
    let tls = ClientTls::new(&network).unwrap();
    client.take_over(&HttpClient::new(&network, &tls).unwrap());
    assert_eq!(client.get(&url, &[]).await.unwrap().status, 200);
    assert!(dial(&mail, None, &tls, soon()).await.is_ok());
}

#[tokio::test]
async fn what_is_on_this_machine_is_never_asked_for_through_the_proxy() {
    let (address, asked) = answering("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    let through = proxy(&format!("http://{address}"));
    let authority = Authority::new();
    let near = server(&authority, "localhost").await;
    let local = Upstream { host: "localhost".to_owned(), port: near.port(), tls: UpstreamTls::Implicit };
    assert!(dial(&local, Some(&through), &authority.client(), soon()).await.unwrap().is_tls());
    assert_eq!(asked.load(Relaxed), 0);
}

/// It takes the connection and says nothing: the client's own deadline is over first.
#[tokio::test(start_paused = true)]
async fn a_silent_proxy_is_the_one_that_is_named_for_a_token_too() {
    let (silent, _) = answering("").await;
    for scheme in ["http", "socks5"] {
        let network = Network { http_proxy: Some(proxy(&format!("{scheme}://{silent}"))), ..Network::default() };
        let client = HttpClient::new(&network, &Authority::new().client()).unwrap();
        let fault = client.get(&format!("https://{NAME}/token").parse().unwrap(), &[]).await.unwrap_err();
        assert!(matches!(fault, HttpFault::Proxy(ProxyTrouble::Unreachable, _)), "{fault:?}");
        let text = fault.to_string();
        assert!(text.contains(&format!("through {scheme}://{silent}: the proxy cannot be used: ")), "{text}");
    }
}

/// The proxy did its part.
#[tokio::test]
async fn what_failed_behind_the_proxy_keeps_its_cause() {
    let (address, mut asked) = working("127.0.0.1:1".parse().unwrap(), false).await;
    let through = proxy(&format!("http://{address}"));
    let network = Network { http_proxy: Some(through), ..Network::default() };
    let client = HttpClient::new(&network, &Authority::new().client()).unwrap();
    let fault = client.get(&format!("https://{NAME}/token").parse().unwrap(), &[]).await.unwrap_err();
    assert!(asked.recv().await.is_some());
    let text = fault.to_string();
    let (_, cause) =
        text.split_once(&format!("https://{NAME} through http://{address}: ")).unwrap_or_else(|| panic!("{text}"));
    assert!(!cause.trim().is_empty(), "{text}");
}

/// In brackets (RFC 9110 7.2), or as 16 bytes (RFC 1928 5); so may the answer be.
#[tokio::test]
async fn an_ipv6_address_is_asked_for_as_one_by_a_proxy_that_is_at_one() {
    for (scheme, host) in [("http", "2001:db8::1"), ("socks5", "[2001:db8::1]")] {
        let listener = TcpListener::bind("[::1]:0").await.unwrap();
        let through = proxy(&format!("{scheme}://{}", listener.local_addr().unwrap()));
        let serve = async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            if scheme == "http" {
                let expected = "CONNECT [2001:db8::1]:993 HTTP/1.1\r\nHost: [2001:db8::1]:993\r\n";
                let mut asked = Vec::new();
                while !asked.ends_with(b"\r\n\r\n") {
                    asked.push(tcp.read_u8().await.unwrap());
                }
                assert!(asked.starts_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&asked));
                tcp.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            } else {
                tcp.read_exact(&mut [0; 3]).await.unwrap();
                tcp.write_all(b"\x05\x00").await.unwrap();
                let mut asked = [0; 22];
                tcp.read_exact(&mut asked).await.unwrap();
                assert_eq!(asked[..8], [5, 1, 0, 4, 0x20, 0x01, 0x0d, 0xb8]);
                assert_eq!(asked[8..], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0xe1]);
                tcp.write_all(&[&[5, 0, 0, 4][..], &[9; 18]].concat()).await.unwrap();
            }
            tcp.write_all(b"* OK hi\r\n").await.unwrap();
            tcp
        };
        let mail = Upstream { host: host.to_owned(), port: 993, tls: UpstreamTls::StartTls };
        let tls = Authority::new().client();
        let (stream, _tcp) = tokio::join!(dial(&mail, Some(&through), &tls, soon()), serve);
        let mut greeting = [0; 9];
        tokio::time::timeout_at(soon(), stream.unwrap().read_exact(&mut greeting)).await.expect("it is lost").unwrap();
        assert_eq!(&greeting, b"* OK hi\r\n");
    }
}

/// Nothing but what the URL says.
#[tokio::test]
async fn the_password_of_the_url_is_what_the_proxy_gets() {
    let (address, mut asked) = working(server(&Authority::new(), NAME).await, false).await;
    let through = proxy(&format!("http://a%40b:p%3A%2525%20w@{address}"));
    let network = Network { http_proxy: Some(through.clone()), ..Network::default() };
    let client = HttpClient::new(&network, &Authority::new().client()).unwrap();
    let _ = client.get(&format!("https://{NAME}/token").parse().unwrap(), &[]).await;
    let by_http = String::from_utf8(asked.recv().await.unwrap()).unwrap();
    lost(&through, UpstreamTls::Implicit, soon()).await;
    let by_mail = String::from_utf8(asked.recv().await.unwrap()).unwrap();
    // `printf 'a@b:p:%%25 w' | base64`
    for said in [by_http, by_mail] {
        assert!(
            said.to_ascii_lowercase().contains("proxy-authorization: basic ") && said.contains("YUBiOnA6JTI1IHc="),
            "{said}"
        );
    }
}
