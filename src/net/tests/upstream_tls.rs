//! Our end of TLS towards an upstream, against rustls' usual one.

use std::{future::poll_fn, pin::Pin, task::Poll};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::server::TlsStream;

use super::{
    super::{ClientTls, upstream_tls::UpstreamTls},
    authority::Authority,
};

const MEGABYTE: usize = 1 << 20;

fn noise(length: usize) -> Vec<u8> {
    (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Our end and the server's.
async fn shaken() -> (UpstreamTls, TlsStream<TcpStream>) {
    let authority = Authority::new();
    let (server, client) = (authority.server("mail.example"), authority.client());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let name = ClientTls::server_name("mail.example").unwrap();
    let (near, far) = tokio::join!(
        UpstreamTls::connect(near.unwrap(), client.shared(), name),
        server.acceptor().accept(far.unwrap().0)
    );
    (near.unwrap(), far.unwrap())
}

#[tokio::test]
async fn a_megabyte_each_way_arrives_whole_and_leaves_no_buffer_behind() {
    let (mut near, far) = shaken().await;
    let (mut from, mut to) = tokio::io::split(far);
    let echo = tokio::spawn(async move {
        let copied = tokio::io::copy(&mut from, &mut to).await?;
        to.shutdown().await.map(|()| copied)
    });
    let sent = noise(MEGABYTE);
    let mut back = vec![0; MEGABYTE];
    let (mut read, mut write) = tokio::io::split(near);
    let (written, got) = tokio::join!(
        async {
            write.write_all(&sent).await?;
            write.flush().await
        },
        read.read_exact(&mut back)
    );
    written.unwrap();
    got.unwrap();
    assert!(back == sent);
    near = read.unsplit(write);
    assert_eq!(near.held(), 0);
    near.shutdown().await.unwrap();
    assert_eq!(near.read(&mut back).await.unwrap(), 0, "the server answered close_notify with its own");
    assert_eq!(echo.await.unwrap().unwrap(), MEGABYTE as u64);
}

#[tokio::test]
async fn a_reader_with_room_for_one_octet_gets_every_octet() {
    let (mut near, mut far) = shaken().await;
    let sent = noise(40_000);
    far.write_all(&sent).await.unwrap();
    far.shutdown().await.unwrap();
    let mut got = Vec::new();
    let mut one = [0];
    while near.read(&mut one).await.unwrap() > 0 {
        got.extend_from_slice(&one);
        assert!(near.held() < 64 * 1024, "{}", near.held());
    }
    assert!(got == sent);
    assert_eq!(near.held(), 0);
}

#[tokio::test]
async fn records_that_come_octet_by_octet_are_put_together() {
    let (mut near, far) = shaken().await;
    let (tcp, mut tls) = far.into_inner();
    let mut wire = Vec::new();
    for piece in [&b"220 "[..], b"ready", b"\r\n"] {
        std::io::Write::write_all(&mut tls.writer(), piece).unwrap();
        tls.write_tls(&mut wire).unwrap();
    }
    let mut line = [0; 11];
    let mut filled = 0;
    let (last, most) = wire.split_last().unwrap();
    for octet in most.iter().chain([last]) {
        let mut into = ReadBuf::new(&mut line[filled..]);
        // Reads what is there already, so that the next octet comes alone.
        poll_fn(|cx| {
            let _ = Pin::new(&mut near).poll_read(cx, &mut into);
            Poll::Ready(())
        })
        .await;
        filled += into.filled().len();
        tcp.try_write(&[*octet]).unwrap();
    }
    near.read_exact(&mut line[filled..]).await.unwrap();
    assert_eq!(&line, b"220 ready\r\n");
}

#[tokio::test]
async fn keys_are_renewed_when_the_server_asks() {
    let (mut near, mut far) = shaken().await;
    let mut line = [0; 4];
    for _ in 0..3 {
        far.get_mut().1.refresh_traffic_keys().unwrap();
        far.write_all(b"ping").await.unwrap();
        far.flush().await.unwrap();
        near.read_exact(&mut line).await.unwrap();
        near.write_all(b"pong").await.unwrap();
        near.flush().await.unwrap();
        far.read_exact(&mut line).await.unwrap();
        assert_eq!(&line, b"pong");
    }
    assert_eq!(near.held(), 0);
}

#[tokio::test]
async fn last_words_before_garbage_are_read_and_the_garbage_stays_an_error() {
    let (mut near, mut far) = shaken().await;
    far.write_all(b"* BYE\r\n").await.unwrap();
    far.flush().await.unwrap();
    far.get_mut().0.write_all(&[23, 3, 3, 0, 32].repeat(9)).await.unwrap();
    let mut words = [0; 7];
    near.read_exact(&mut words).await.unwrap();
    assert_eq!(&words, b"* BYE\r\n");
    for _ in 0..2 {
        let error = near.read(&mut words).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData, "{error}");
    }
    let alert = far.read(&mut words).await.unwrap_err();
    assert!(alert.to_string().contains("BadRecordMac"), "{alert}");
}

#[tokio::test]
async fn what_the_server_said_before_it_stopped_reading_is_read_although_writing_failed() {
    let (mut near, mut far) = shaken().await;
    far.write_all(b"552 too large\r\n").await.unwrap();
    far.flush().await.unwrap();
    // Unread data makes the kernel of the server send a reset.
    near.write_all(b"body").await.unwrap();
    near.flush().await.unwrap();
    drop(far.into_inner());
    let body = noise(MEGABYTE);
    while near.write_all(&body).await.is_ok() {}
    let mut words = [0; 15];
    near.read_exact(&mut words).await.unwrap();
    assert_eq!(&words, b"552 too large\r\n");
}

#[tokio::test]
async fn a_cut_without_close_notify_is_told_from_an_end() {
    let (mut near, far) = shaken().await;
    drop(far.into_inner());
    let error = near.read(&mut [0; 9]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_server_that_stops_reading_costs_one_buffer() {
    let (mut near, mut far) = shaken().await;
    let sent = noise(MEGABYTE);
    let mut written = 0;
    let blocked = poll_fn(|cx| match Pin::new(&mut near).poll_write(cx, &sent) {
        Poll::Ready(Ok(n)) => {
            written += n;
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Ready(Err(error)) => panic!("{error}"),
        Poll::Pending => Poll::Ready(()),
    });
    blocked.await;
    assert!((1..72 * 1024).contains(&near.held()), "{}", near.held());
    let mut got = vec![0; written];
    let (read, flushed) = tokio::join!(far.read_exact(&mut got), near.flush());
    read.unwrap();
    flushed.unwrap();
    assert!(got.chunks(64 * 1024).all(|piece| sent.starts_with(piece)));
    assert_eq!(near.held(), 0);
}
