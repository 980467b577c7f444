//! A server that shows the octets of a request, and breaks off where it hurts: what may have been sent is told as that.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use gatepost::{
    outbound::Fate,
    sandbox::{AfterDot, GraphMishap},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    sync::mpsc,
};

use super::stage::{SEND, Stage};
use crate::world::{ANN, BOB, own_place};

/// What this server does with each request.
#[derive(Clone, Copy)]
enum Does {
    Answers(&'static str),
    /// Reads all of it, then closes.
    ClosesBehind,
    /// Reads the header block, then closes.
    ClosesInside,
}

/// Its address, and what it read, request by request.
async fn server(does: Does) -> (String, mpsc::Receiver<Vec<u8>>) {
    // A small buffer, and small segments, by which the other side's buffer goes: what nobody reads must not look as if it had
    // gone out.
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 * 1024).unwrap();
    socket2::SockRef::from(&socket).set_tcp_mss(1400).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(100).unwrap();
    let url = format!("http://{}/v1.0", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel(100);
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let mut seen = Vec::new();
            while tcp.read_buf(&mut seen).await.unwrap_or(0) > 0 {
                let text = String::from_utf8_lossy(&seen);
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
                match does {
                    Does::ClosesInside => break,
                    _ if body.len() < length.unwrap_or(0) => continue,
                    Does::Answers(answer) => tcp.write_all(answer.as_bytes()).await.unwrap(),
                    Does::ClosesBehind => {}
                }
                break;
            }
            let _ = tell.send(seen).await;
        }
    });
    (url, told)
}

async fn stage(does: Does) -> (Stage, mpsc::Receiver<Vec<u8>>) {
    let (url, told) = server(does).await;
    (Stage::with(&[SEND], "outbound = \"graph\"\n", Some(&url)).await, told)
}

fn message() -> String {
    format!("From: {ANN}\r\nSubject: x\r\n\r\none=\r\ntwo\r\n")
}

#[tokio::test]
async fn the_request_is_exactly_what_graph_wants() {
    let (stage, mut told) = stage(Does::Answers("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")).await;
    assert!(stage.reply(&message(), &[BOB]).await.starts_with("250 "));
    let request = String::from_utf8(told.recv().await.unwrap()).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let lines: Vec<String> = head.lines().map(str::to_lowercase).collect();
    assert_eq!(lines[0], "post /v1.0/me/sendmail http/1.1");
    assert!(lines.contains(&"content-type: text/plain".to_owned()), "{lines:?}");
    assert!(lines.contains(&format!("content-length: {}", body.len())), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("authorization: bearer ey")), "{lines:?}");
    assert!(!head.to_lowercase().contains("transfer-encoding"));
    let mime = String::from_utf8(STANDARD.decode(body).unwrap()).unwrap();
    assert_eq!(mime, format!("Bcc: <{BOB}>\r\n{}", message()));
}

#[tokio::test]
async fn a_connection_that_breaks_behind_the_message_is_a_doubt_and_never_a_second_try() {
    let (stage, mut told) = stage(Does::ClosesBehind).await;
    let report = stage.send(&message(), &[BOB]).await.unwrap();
    assert_eq!((report.is_doubtful(), report.verdicts[0].fate), (true, Fate::Deferred));
    let reply = report.verdicts[0].reply.text();
    assert!(reply.starts_with("451 4.4.2 ") && reply.ends_with("[gatepost graph-unclear]"), "{reply}");
    assert!(reply.contains("may have been sent"), "{reply}");
    told.recv().await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(300), told.recv()).await.is_err(), "asked again");
}

#[tokio::test]
async fn a_connection_that_breaks_inside_the_message_sent_nothing_and_says_so() {
    let (stage, _told) = stage(Does::ClosesInside).await;
    let large = format!("{}{}", message(), "0123456789abcdef\r\n".repeat(150_000));
    let fault = stage.send(&large, &[BOB]).await.unwrap_err();
    assert_eq!((fault.id, fault.kind.passes_by_itself()), ("graph-unreachable", true), "{fault}");
}

#[tokio::test]
async fn nobody_at_graphs_address_is_a_fault_and_no_doubt() {
    let gone = own_place();
    let stage = Stage::with(&[SEND], "outbound = \"graph\"\n", Some(&format!("http://{gone}/v1.0"))).await;
    assert_eq!(stage.send(&message(), &[BOB]).await.unwrap_err().id, "graph-unreachable");
}

#[tokio::test]
async fn a_gateway_that_gave_up_is_a_doubt_with_its_pause() {
    for status in [500, 502, 504] {
        let gateway = GraphMishap::new(status, "UnknownError").retry_after(30);
        let stage = Stage::faulty(|faults| faults.graph.mishap = Some(gateway)).await;
        let report = stage.send(&message(), &[BOB]).await.unwrap();
        assert_eq!((report.is_doubtful(), report.retry_after), (true, Some(Duration::from_secs(30))), "{status}");
        assert_eq!(stage.asked().len(), 1);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_doubt_whatever_became_of_the_message() {
    for (after, sent) in [(AfterDot::DropDelivered, 1), (AfterDot::DropUndelivered, 0)] {
        let stage = Stage::faulty(|faults| faults.graph.after_send = after).await;
        let report = stage.send(&message(), &[BOB]).await.unwrap();
        assert!(report.is_doubtful());
        assert_eq!(stage.sandbox.submissions().len(), sent);
    }
}
