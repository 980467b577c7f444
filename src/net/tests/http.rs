use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Mutex,
};
use url::Url;

use super::{
    super::{HttpClient, HttpFault, Network, Proxy, Stream},
    authority::Authority,
    refusing, soon,
};
use crate::base::Secret;

/// Answers every request with the same bytes and keeps what was asked.
async fn endpoint(answer: Vec<u8>) -> (Url, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token?secret=no", listener.local_addr().unwrap()).parse().unwrap();
    let asked = Arc::new(Mutex::new(String::new()));
    let kept = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut seen = Vec::new();
            while !seen.ends_with(b"=end") && tcp.read_buf(&mut seen).await.unwrap_or(0) > 0 {}
            *kept.lock().await = String::from_utf8(seen).unwrap();
            let _ = tcp.write_all(&answer).await;
        }
    });
    (url, asked)
}

fn client() -> HttpClient {
    HttpClient::new(&Network::default(), &Authority::new().client()).unwrap()
}

async fn post(url: &Url) -> Result<super::super::HttpReply, HttpFault> {
    client().post_form(url, &[("last", "end".into())], &[]).await
}

#[tokio::test]
async fn a_form_goes_out_encoded_and_the_answer_comes_back_with_its_hints() {
    let head = "HTTP/1.1 429 Too Many\r\nContent-Type: Application/JSON; charset=utf-8\r\nRetry-After: 7\r\n\
                Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 2\r\n\r\n{}";
    let (url, asked) = endpoint(head.into()).await;
    let secret = Secret::new("p&s ü");
    let form = [("grant_type", "refresh_token".into()), ("client_secret", (&secret).into()), ("last", "end".into())];
    let reply = client().post_form(&url, &form, &[("x-trace", "1")]).await.unwrap();
    let asked = asked.lock().await;
    assert!(asked.contains("grant_type=refresh_token&client_secret=p%26s+%C3%BC&last=end"), "{asked}");
    assert!(asked.contains("content-type: application/x-www-form-urlencoded") && asked.contains("x-trace: 1"));
    assert_eq!(reply.status, 429);
    assert_eq!(reply.content_type.as_deref(), Some("application/json; charset=utf-8"));
    assert_eq!(reply.retry_after, Some(Duration::from_secs(7)));
    assert_eq!(reply.date.unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs(), 784_111_777);
    assert_eq!(&reply.body[..], b"{}");
}

#[tokio::test]
async fn a_date_in_retry_after_is_measured_by_the_servers_clock() {
    let head = "HTTP/1.1 503 Busy\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n\
                Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n";
    let (url, _) = endpoint(head.into()).await;
    assert_eq!(post(&url).await.unwrap().retry_after, Some(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_retry_after_that_fits_no_number_is_for_ever() {
    let head = "HTTP/1.1 503 Busy\r\nRetry-After: 99999999999999999999\r\n\
                Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n";
    let (url, _) = endpoint(head.into()).await;
    assert_eq!(post(&url).await.unwrap().retry_after, Some(Duration::from_secs(u64::MAX)));
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let head = "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n";
    let (url, _) = endpoint(head.into()).await;
    assert_eq!(post(&url).await.unwrap().status, 307);
}

#[tokio::test]
async fn floods_cuts_and_rubbish_are_told_apart_and_show_no_query() {
    let mut flood = b"HTTP/1.1 200 OK\r\nContent-Length: 64000000\r\n\r\n".to_vec();
    flood.resize(3 * 1024 * 1024, b'x');
    let (url, _) = endpoint(flood).await;
    assert!(matches!(post(&url).await.unwrap_err(), HttpFault::TooLarge(_)));

    let (url, _) = endpoint(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()).await;
    let cut = post(&url).await.unwrap_err();
    assert!(matches!(cut, HttpFault::Broken(_)), "{cut:?}");
    assert!(!cut.to_string().contains("secret"), "{cut}");

    let (url, _) = endpoint(b"220 mail.example ESMTP\r\n".to_vec()).await;
    assert!(matches!(post(&url).await.unwrap_err(), HttpFault::Broken(_)));
}

/// Told again, an event would come twice, and with every try.
#[tokio::test]
async fn what_was_taken_counts_as_taken_whatever_its_body_does() {
    let posted = async |answer: &str| {
        let (url, _) = endpoint(answer.into()).await;
        client().post_json(&url, "\"=end".into()).await.map(|reply| (reply.status.as_u16(), reply.body))
    };
    let cut = "Content-Length: 900\r\n\r\nno such room";
    assert_eq!(posted(&format!("HTTP/1.1 200 OK\r\n{cut}")).await.unwrap(), (200, "".into()));
    assert_eq!(posted("HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense").await.unwrap().0, 202);
    assert_eq!(posted(&format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(3_000_000))).await.unwrap().0, 200);
    // So does a refusal, with the words that came.
    assert_eq!(posted(&format!("HTTP/1.1 404 No\r\n{cut}")).await.unwrap(), (404, "no such room".into()));
    let long = posted(&format!("HTTP/1.1 400 No\r\n\r\n{}", "x".repeat(3_000_000))).await.unwrap();
    assert_eq!((long.0, long.1.len()), (400, 4096));
    assert!(matches!(posted("nonsense").await.unwrap_err(), HttpFault::Broken(_)));
}

#[tokio::test]
async fn nobody_there_and_a_strange_certificate_are_told_apart() {
    let (_nobody, gone) = refusing();
    let fault = post(&format!("http://{gone}/").parse().unwrap()).await.unwrap_err();
    assert!(matches!(fault, HttpFault::Connect(_)), "{fault:?}");

    let server = Authority::new().server("localhost");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let _ = Stream::new(tcp).unwrap().upgrade_server(&server, soon()).await;
        }
    });
    let fault = post(&url).await.unwrap_err();
    assert!(matches!(fault, HttpFault::Tls(_)), "{fault:?}");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_endpoint_ends_in_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    assert!(matches!(post(&url).await.unwrap_err(), HttpFault::Timeout(_)));
}

#[tokio::test]
async fn the_configured_proxy_is_used_except_for_this_machine() {
    let (proxy, asked) = endpoint(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_vec()).await;
    let (local, _) = endpoint(b"HTTP/1.1 204 None\r\n\r\n".to_vec()).await;
    let proxy = format!("http://{}:{}", proxy.host_str().unwrap(), proxy.port().unwrap());
    let network = Network { http_proxy: Some(Proxy::parse(&proxy).unwrap()), ..Network::default() };
    let client = HttpClient::new(&network, &Authority::new().client()).unwrap();
    let form = [("last", "end".into())];
    let reply = client.post_form(&"http://login.example/token".parse().unwrap(), &form, &[]).await.unwrap();
    assert_eq!(reply.status, 200);
    assert!(asked.lock().await.starts_with("POST http://login.example/token HTTP/1.1\r\n"));
    assert_eq!(client.post_form(&local, &form, &[]).await.unwrap().status, 204);
}

/// What the metadata service of a cloud answers is meant for this machine, and a proxy's machine has another.
#[tokio::test]
async fn link_local_addresses_are_never_asked_for_through_the_proxy() {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Proxy::parse(&format!("http://{}", proxy.local_addr().unwrap())).unwrap();
    let network = Network { http_proxy: Some(url), ..Network::default() };
    let client = HttpClient::new(&network, &Authority::new().client()).unwrap();
    for (asked, through_proxy) in [("http://id.example/", true), ("http://169.254.7.7:1/token", false)] {
        let asked: Url = asked.parse().unwrap();
        // Where the address is routed somewhere, nobody answers; a second is long enough for the proxy next door.
        let request = tokio::time::timeout(Duration::from_secs(1), client.get(&asked, &[]));
        let reached = tokio::select! {
            _ = proxy.accept() => true,
            _ = request => false,
        };
        assert_eq!(reached, through_proxy, "{asked}");
    }
}
