//! What carries bytes allocates nothing for them: an allocator that counts, for each thread on its own.
//!
//! Under back-pressure the splice keeps what the other side did not take; here the other side takes everything.
#![allow(unsafe_code)] // an allocator is unsafe by nature; this one only counts

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    io::{Read, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use gatepost::{
    net::{Carried, ClientTls, SpliceLimits, Stream, Unread, splice},
    wire::smtp::Body,
};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivatePkcs8KeyDer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that ends counts no more.
    let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: everything is done by the system's own allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise is handed on.
        unsafe { System.realloc(old, layout, size) }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Allocations of this thread so far.
fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

#[test]
fn a_body_allocates_nothing_for_a_chunk() {
    let chunk = b"A line of a message, as long as lines are.\r\n..and one that begins with a dot\r\nbare\n".repeat(200);
    let (mut body, mut out) = (Body::new(), Vec::with_capacity(2 * chunk.len()));
    let before = allocations();
    for _ in 0..1000 {
        out.clear();
        assert_eq!(body.pass(&chunk, &mut out).consumed, chunk.len());
    }
    assert_eq!(allocations() - before, 0);
}

/// Two ends of one connection.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

/// A TLS server on a thread of its own, whose allocations are not counted: it says each chunk back.
fn echoes_in_tls(chunk: usize) -> (SocketAddr, ClientTls) {
    let made = rcgen::generate_simple_self_signed(["mail.example".to_owned()]).unwrap();
    let client = ClientTls::trusting_only([made.cert.der().clone()]).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (tcp, _) = listener.accept().unwrap();
        tcp.set_nodelay(true).unwrap();
        let mut tls = StreamOwned::new(ServerConnection::new(Arc::new(server)).unwrap(), tcp);
        let mut heard = vec![0; chunk];
        while tls.read_exact(&mut heard).is_ok() && tls.write_all(&heard).is_ok() && tls.flush().is_ok() {}
    });
    (address, client)
}

/// One of rustls' own for each record and direction; a record that the socket had in two parts is kept meanwhile.
#[tokio::test]
async fn tls_towards_an_upstream_allocates_no_more_for_a_record_than_rustls_itself() {
    const RECORD: usize = 16 * 1024;
    const RECORDS: u64 = 500;
    let (address, tls) = echoes_in_tls(RECORD);
    let stream = Stream::new(TcpStream::connect(address).await.unwrap()).unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut stream = stream.upgrade_client(&tls, "mail.example", deadline).await.unwrap();
    let (sent, mut received) = (vec![7; RECORD], vec![0; RECORD]);
    let mut before = 0;
    for n in 0..RECORDS + 10 {
        if n == 10 {
            before = allocations();
        }
        stream.write_all(&sent).await.unwrap();
        stream.read_exact(&mut received).await.unwrap();
    }
    let made = allocations() - before;
    assert!(made <= 2 * RECORDS + RECORDS / 4, "{made} for {RECORDS} records each way");
}

#[tokio::test]
async fn a_splice_allocates_nothing_for_a_chunk() {
    const CHUNK: usize = 16 * 1024;
    const CHUNKS: u64 = 500;
    let ((mut client, inner_client), (mut upstream, inner_upstream)) = (connection().await, connection().await);
    let stop = CancellationToken::new();
    let until = stop.clone();
    // One thread runs it all, so its allocations are counted here.
    let spliced = tokio::spawn(async move {
        let (mut client, mut upstream) = (Stream::new(inner_client).unwrap(), Stream::new(inner_upstream).unwrap());
        let (limits, count) = (SpliceLimits { idle: Duration::from_secs(60) }, Carried::default());
        splice(&mut client, &mut upstream, Unread::default(), limits, &until, &count, None).await
    });
    let (sent, mut received) = (vec![7; CHUNK], vec![0; CHUNK]);
    let mut before = 0;
    for n in 0..CHUNKS + 10 {
        if n == 10 {
            before = allocations();
        }
        upstream.write_all(&sent).await.unwrap();
        client.read_exact(&mut received).await.unwrap();
        client.write_all(&sent).await.unwrap();
        upstream.read_exact(&mut received).await.unwrap();
    }
    assert_eq!(allocations() - before, 0, "for {} chunks", 2 * CHUNKS);
    stop.cancel();
    assert_eq!(spliced.await.unwrap().to_client, (CHUNKS + 10) * CHUNK as u64);
}
