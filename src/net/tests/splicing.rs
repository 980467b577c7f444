use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use proptest::{
    collection::vec,
    prelude::{ProptestConfig, any},
    proptest,
};
use tokio::{
    io::{AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Carried, SpliceEnd, SpliceLimits, SpliceReason, Stream, Unread, clock::Still, splice},
    authority::Authority,
    connection, soon,
};

const HOUR: SpliceLimits = SpliceLimits { idle: Duration::from_secs(3600) };

struct Spliced {
    client: Stream,
    upstream: Stream,
    stop: CancellationToken,
    count: Arc<Carried>,
    end: JoinHandle<SpliceEnd>,
    tapped: Arc<Mutex<Vec<u8>>>,
}

/// A splice between two connections, whose outer ends the test holds.
async fn spliced_over(client: (Stream, Stream), upstream: (Stream, Stream), to_client: &'static str) -> Spliced {
    let (stop, count) = (CancellationToken::new(), Arc::<Carried>::default());
    let tapped: Arc<Mutex<Vec<u8>>> = Arc::default();
    let (token, counted, seen) = (stop.clone(), count.clone(), Arc::clone(&tapped));
    let end = tokio::spawn(async move {
        let mut tap = move |piece: &[u8]| seen.lock().unwrap().extend_from_slice(piece);
        let unread = Unread { to_client: Bytes::from_static(to_client.as_bytes()), to_upstream: Bytes::new() };
        let (mut client, mut upstream) = (client.1, upstream.1);
        splice(&mut client, &mut upstream, unread, HOUR, &token, &counted, Some(&mut tap)).await
    });
    Spliced { client: client.0, upstream: upstream.0, stop, count, end, tapped }
}

async fn spliced(to_client: &'static str) -> Spliced {
    spliced_over(connection().await, connection().await, to_client).await
}

/// A connection whose inner end is the client side of TLS, as towards an upstream.
async fn tls_connection() -> (Stream, Stream) {
    let authority = Authority::new();
    let (server, client) = (authority.server("mail.example"), authority.client());
    let (near, far) = connection().await;
    let (near, far) =
        tokio::join!(near.upgrade_server(&server, soon()), far.upgrade_client(&client, "mail.example", soon()));
    (near.unwrap(), far.unwrap())
}

async fn send(mut out: impl AsyncWrite + Unpin, data: Vec<u8>, cuts: Vec<usize>) {
    let mut rest = data.as_slice();
    for cut in cuts.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*cut).clamp(1, rest.len()));
        out.write_all(piece).await.unwrap();
        out.flush().await.unwrap();
        rest = after;
    }
    out.shutdown().await.unwrap();
}

/// Sends both ways at once in pieces of the given sizes and checks what comes out.
async fn transparent(upstream: (Stream, Stream), down: Vec<u8>, up: Vec<u8>, cuts: Vec<usize>) {
    let session = spliced_over(connection().await, upstream, "").await;
    let (mut client_in, client_out) = tokio::io::split(session.client);
    let (mut upstream_in, upstream_out) = tokio::io::split(session.upstream);
    let (mut got_down, mut got_up) = (Vec::new(), Vec::new());
    let (read_down, read_up, (), ()) = tokio::join!(
        client_in.read_to_end(&mut got_down),
        upstream_in.read_to_end(&mut got_up),
        send(upstream_out, down.clone(), cuts.clone()),
        send(client_out, up.clone(), cuts)
    );
    read_down.unwrap();
    read_up.unwrap();
    assert!(got_down == down && got_up == up, "bytes differ");
    drop((client_in, upstream_in));
    let end = session.end.await.unwrap();
    assert_eq!((end.to_client, end.to_upstream), (down.len() as u64, up.len() as u64));
    assert!(*session.tapped.lock().unwrap() == down, "the tap saw something else");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn every_byte_passes_both_ways_however_it_is_cut(
        down in vec(any::<u8>(), 0..200_000),
        up in vec(any::<u8>(), 0..200_000),
        cuts in vec(1usize..90_000, 1..20),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            transparent(connection().await, down.clone(), up.clone(), cuts.clone()).await;
            transparent(tls_connection().await, down, up, cuts).await;
        });
    }
}

#[tokio::test]
async fn megabytes_pass_under_tls() {
    let data: Vec<u8> = (0..6_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    transparent(tls_connection().await, data.clone(), data, vec![1, 65_536, 300_000, 17]).await;
}

#[tokio::test]
async fn what_came_before_the_splice_reaches_the_client_first() {
    let mut session = spliced("* 3 EXISTS\r\n").await;
    session.upstream.write_all(b"* 4 EXISTS\r\n").await.unwrap();
    let mut got = [0; 24];
    session.client.read_exact(&mut got).await.unwrap();
    assert_eq!(&got, b"* 3 EXISTS\r\n* 4 EXISTS\r\n");
}

/// A client says this and closes its side; the upstream has heard the words.
async fn scripted(words: &str) -> Spliced {
    let mut session = spliced("").await;
    session.client.write_all(words.as_bytes()).await.unwrap();
    session.client.shutdown().await.unwrap();
    session.upstream.read_exact(&mut vec![0; words.len()]).await.unwrap();
    session
}

/// How many seconds it takes until the upstream hears of the client's end.
async fn end_comes_after(upstream: &mut Stream) -> u64 {
    let begun = Instant::now();
    assert_eq!(upstream.read(&mut [0; 8]).await.unwrap(), 0);
    begun.elapsed().as_secs()
}

/// As a server does for which the end of its input is the end of the session.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_its_leave_and_closes_its_side_hears_all_answers_of_a_server_that_hangs_up_on_that() {
    for words in ["a SELECT INBOX\r\nb SEARCH ALL\r\nc LOGOUT\r\n", "STAT\nLIST\nquit\n"] {
        let mut session = scripted(words).await;
        for answer in ["a OK\r\n", "b OK\r\n", "c OK\r\n"] {
            let hears = timeout(Duration::from_secs(59), session.upstream.read(&mut [0; 8])).await;
            assert!(hears.is_err(), "it would hang up before {answer:?}");
            session.upstream.write_all(answer.as_bytes()).await.unwrap();
        }
        session.upstream.shutdown().await.unwrap();
        let mut answers = Vec::new();
        session.client.read_to_end(&mut answers).await.unwrap();
        assert_eq!(answers, b"a OK\r\nb OK\r\nc OK\r\n");
        assert!(matches!(session.end.await.unwrap().reason, SpliceReason::ClientClosed));
    }
}

/// It holds no place here and no session there, whatever it was waiting for.
#[tokio::test(start_paused = true)]
async fn of_a_client_that_leaves_without_a_word_the_upstream_hears_at_once() {
    for words in ["", "a NOOP\r\n", "a LOGOUT\r\nb IDLE\r\n", "RETR 1\r\n"] {
        let mut session = scripted(words).await;
        let still = Still::begin(Duration::from_secs(20));
        assert_eq!(end_comes_after(&mut session.upstream).await, 0, "{words:?}");
        drop(still);
        session.upstream.write_all(b"a OK\r\n").await.unwrap();
        session.upstream.shutdown().await.unwrap();
        let mut answers = Vec::new();
        session.client.read_to_end(&mut answers).await.unwrap();
        assert_eq!(answers, b"a OK\r\n", "an upstream may still answer");
    }
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_lets_no_one_go_holds_who_took_its_leave_for_a_minute() {
    let session = scripted("a LOGOUT\r\n").await;
    let begun = Instant::now();
    let (mut upstream, end) = (session.upstream, session.end);
    assert_eq!(end_comes_after(&mut upstream).await, 60);
    drop(upstream);
    assert!(matches!(end.await.unwrap().reason, SpliceReason::ClientClosed));
    assert!(begun.elapsed() < Duration::from_secs(66));
}

#[tokio::test]
async fn the_last_words_of_an_upstream_arrive_and_it_is_named_as_the_one_that_ended() {
    let mut session = spliced("").await;
    session.upstream.write_all(b"* BYE Session invalidated - AccessTokenExpired\r\n").await.unwrap();
    drop(session.upstream);
    let mut words = Vec::new();
    session.client.read_to_end(&mut words).await.unwrap();
    assert_eq!(words, b"* BYE Session invalidated - AccessTokenExpired\r\n");
    drop(session.client);
    assert!(matches!(session.end.await.unwrap().reason, SpliceReason::UpstreamClosed));
    assert_eq!(*session.tapped.lock().unwrap(), words);
}

/// A connection whose kernel buffers are small, so that a stopped reader is felt soon.
async fn narrow_connection() -> (Stream, Stream) {
    let listening = TcpSocket::new_v4().unwrap();
    listening.set_recv_buffer_size(32 * 1024).unwrap();
    listening.set_send_buffer_size(32 * 1024).unwrap();
    listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listening.listen(1).unwrap();
    let near = TcpSocket::new_v4().unwrap();
    near.set_recv_buffer_size(32 * 1024).unwrap();
    near.set_send_buffer_size(32 * 1024).unwrap();
    let (near, far): (std::io::Result<TcpStream>, _) =
        tokio::join!(near.connect(listener.local_addr().unwrap()), listener.accept());
    (Stream::new(near.unwrap()).unwrap(), Stream::new(far.unwrap().0).unwrap())
}

#[tokio::test]
async fn a_client_that_stops_reading_stops_the_upstream_and_nothing_piles_up() {
    let mut session = spliced_over(narrow_connection().await, narrow_connection().await, "").await;
    let piece = vec![b'x'; 16 * 1024];
    let mut sent = 0usize;
    // Ends when the sender is stuck; 64 MiB means that somebody buffers without end.
    while let Ok(written) = timeout(Duration::from_millis(300), session.upstream.write(&piece)).await {
        sent += written.unwrap();
        assert!(sent < 64 * 1024 * 1024, "no back-pressure");
    }
    let taken = session.count.to_client.here();
    assert!(taken < 1024 * 1024, "{taken} bytes were taken for a client that reads nothing");

    // The other direction is not stuck with it.
    session.client.write_all(b"a NOOP\r\n").await.unwrap();
    session.upstream.read_exact(&mut [0; 8]).await.unwrap();

    let mut got = vec![0; sent];
    session.client.read_exact(&mut got).await.unwrap();
    assert!(got.iter().all(|b| *b == b'x'));
}

#[tokio::test]
async fn shutdown_ends_it_without_an_invented_byte() {
    let session = spliced("").await;
    session.stop.cancel();
    let (mut client, mut upstream) = (session.client, session.upstream);
    let (mut said, mut told) = (Vec::new(), Vec::new());
    client.read_to_end(&mut said).await.unwrap();
    upstream.read_to_end(&mut told).await.unwrap();
    assert!(said.is_empty() && told.is_empty());
    drop((client, upstream));
    assert!(matches!(session.end.await.unwrap().reason, SpliceReason::Shutdown));
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_idle_limit() {
    let begun = Instant::now();
    let session = spliced("").await;
    assert!(matches!(session.end.await.unwrap().reason, SpliceReason::Idle));
    assert!(begun.elapsed() >= HOUR.idle);
}

/// Thousands of sessions idle in a splice: what its future holds, all of them hold.
#[tokio::test]
async fn an_idle_splice_holds_no_buffer() {
    let ((_near, mut client), (_far, mut upstream)) = (connection().await, connection().await);
    let (stop, count) = (CancellationToken::new(), Carried::default());
    let idle = splice(&mut client, &mut upstream, Unread::default(), HOUR, &stop, &count, None);
    assert!(size_of_val(&idle) < 1024, "{} octets", size_of_val(&idle));
}
