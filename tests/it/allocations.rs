//! What carries bytes allocates nothing for them: an allocator that counts, for each thread on its own.
//!
//! Under back-pressure the splice keeps what the other side did not take; here the other side takes everything.
#![allow(unsafe_code)] // an allocator is unsafe by nature; this one only counts

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

use gatepost::{
    net::{SpliceCount, SpliceLimits, Stream, Unread, splice},
    wire::smtp::Body,
};
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
        let (limits, count) = (SpliceLimits { idle: Duration::from_secs(60) }, SpliceCount::default());
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
