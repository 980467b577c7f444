//! Joins a client and an upstream after sign-on: every byte passes both ways, none is looked at, none is added.
//!
//! One task, no buffer while idle: both directions read into one scratch buffer per thread and write from there. What
//! the other side does not take at once is kept in a small buffer of its own, and until that is gone and flushed the
//! direction is not read, so a client that stops reading costs at most that buffer.
//!
//! Half-closes pass through. That of a client whose last word is LOGOUT or QUIT alone does not: its answers are on their way,
//! the upstream ends the session behind them, and some hang up at once where they hear of the end before.

use std::{
    cell::RefCell,
    fmt,
    future::{Future, poll_fn},
    io, mem,
    pin::{Pin, pin},
    sync::atomic::{AtomicU64, Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use prometheus_client::metrics::counter::Counter;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{Stream, Tail};

const SCRATCH: usize = 64 * 1024;
/// Scratches one direction may move in one poll; then the other direction and other tasks have their turn.
const ROUNDS: usize = 8;
/// Once one side has hung up, the rest of the conversation is given this long between bytes.
const HALF_CLOSED_IDLE: Duration = Duration::from_secs(60);
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}

/// Sees what passes from upstream to client, in pieces cut anywhere. It must be quick and cannot change anything.
pub type Tap<'a> = &'a mut (dyn FnMut(&[u8]) + Send);

#[derive(Clone, Copy, Debug)]
pub struct SpliceLimits {
    /// Ends the session when no byte passed either way for this long.
    pub idle: Duration,
}

/// Octets so far between client and upstream, counted as they go.
#[derive(Debug, Default)]
pub struct Carried {
    pub to_client: Octets,
    pub to_upstream: Octets,
}

/// Those of this session, and of all that share the counter.
#[derive(Debug, Default)]
pub struct Octets {
    here: AtomicU64,
    of_all: Counter,
}

impl Octets {
    pub fn shared(of_all: Counter) -> Self {
        Self { here: AtomicU64::default(), of_all }
    }

    pub fn here(&self) -> u64 {
        self.here.load(Ordering::Relaxed)
    }

    pub fn add(&self, octets: usize) {
        self.here.fetch_add(octets as u64, Ordering::Relaxed);
        self.of_all.inc_by(octets as u64);
    }
}

#[derive(Debug)]
pub struct SpliceEnd {
    pub to_client: u64,
    pub to_upstream: u64,
    pub reason: SpliceReason,
}

/// Who ended it.
#[derive(Debug)]
pub enum SpliceReason {
    ClientClosed,
    UpstreamClosed,
    Idle,
    Shutdown,
    ClientFailed(io::Error),
    UpstreamFailed(io::Error),
}

impl fmt::Display for SpliceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpliceReason::ClientClosed => f.write_str("the client closed"),
            SpliceReason::UpstreamClosed => f.write_str("the upstream closed"),
            SpliceReason::Idle => f.write_str("idle for too long"),
            SpliceReason::Shutdown => f.write_str("Gatepost is shutting down"),
            SpliceReason::ClientFailed(error) => write!(f, "the client's connection broke: {error}"),
            SpliceReason::UpstreamFailed(error) => write!(f, "the upstream's connection broke: {error}"),
        }
    }
}

/// Bytes read before the splice began, by where they go.
#[derive(Debug, Default)]
pub struct Unread {
    pub to_client: Bytes,
    pub to_upstream: Bytes,
}

/// Runs until both sides are done, then closes both.
pub async fn splice(
    client: &mut Stream,
    upstream: &mut Stream,
    unread: Unread,
    limits: SpliceLimits,
    shutdown: &CancellationToken,
    count: &Carried,
    mut tap: Option<Tap<'_>>,
) -> SpliceEnd {
    if let Some(tap) = &mut tap {
        tap(&unread.to_client);
    }
    count.to_client.add(unread.to_client.len());
    count.to_upstream.add(unread.to_upstream.len());
    let mut down = Flow::beginning_with(unread.to_client);
    let mut last_words = Tail::default();
    last_words.note(&unread.to_upstream);
    let mut up = Flow { keeps_end: true, ..Flow::beginning_with(unread.to_upstream) };
    let reason = {
        let mut clock = pin!(IdleClock::new(limits.idle));
        let mut stop = pin!(shutdown.cancelled());
        let mut first = None;
        poll_fn(|cx| {
            let moved = BUFFER.with_borrow_mut(|scratch| {
                let mut moved = down.drive(cx, upstream, client, scratch, &count.to_client, tap.as_mut());
                let mut note: Tap<'_> = &mut |piece| last_words.note(piece);
                moved |= up.drive(cx, client, upstream, scratch, &count.to_upstream, Some(&mut note));
                if up.state == State::Ending && (down.state != State::Open || !is_farewell(&last_words)) {
                    up.keeps_end = false;
                    moved |= up.drive(cx, client, upstream, scratch, &count.to_upstream, None);
                }
                moved
            });
            if first.is_none() {
                first = first_end(&mut up, &mut down);
            }
            if down.broken || up.broken || (down.over() && up.over()) {
                return Poll::Ready(first.take().unwrap_or(SpliceReason::UpstreamClosed));
            }
            if stop.as_mut().poll(cx).is_ready() {
                return Poll::Ready(SpliceReason::Shutdown);
            }
            let half_closed = down.over() || up.state != State::Open;
            ready!(clock.as_mut().poll(cx, moved, half_closed));
            Poll::Ready(first.take().unwrap_or(SpliceReason::Idle))
        })
        .await
    };
    let deadline = Instant::now() + CLOSE_WITHIN;
    // Boxed: a session that lasts pays nothing for its end.
    Box::pin(async { tokio::join!(client.close(deadline), upstream.close(deadline)) }).await;
    SpliceEnd { to_client: count.to_client.here(), to_upstream: count.to_upstream.here(), reason }
}

/// RFC 9051 6.1.3, RFC 1939 4: the server answers, and closes.
fn is_farewell(last_words: &Tail<8>) -> bool {
    let words = last_words.octets().trim_ascii_end();
    let ends_with = |word: &[u8]| {
        let end = words.len().checked_sub(word.len()).and_then(|at| words.get(at..));
        end.is_some_and(|end| end.eq_ignore_ascii_case(word))
    };
    ends_with(b"LOGOUT") || ends_with(b"QUIT")
}

/// The reason, from whichever direction ended first. `up` reads the client, `down` reads the upstream.
fn first_end(up: &mut Flow, down: &mut Flow) -> Option<SpliceReason> {
    match (mem::replace(&mut up.end, End::None), mem::replace(&mut down.end, End::None)) {
        (End::Read(None), _) => Some(SpliceReason::ClientClosed),
        (_, End::Read(None)) => Some(SpliceReason::UpstreamClosed),
        (End::Read(Some(error)), _) | (_, End::Write(error)) => Some(SpliceReason::ClientFailed(error)),
        (_, End::Read(Some(error))) | (End::Write(error), _) => Some(SpliceReason::UpstreamFailed(error)),
        (End::None, End::None) => None,
    }
}

/// One direction.
struct Flow {
    /// Read, but not yet taken by the other side.
    held: Bytes,
    state: State,
    unflushed: bool,
    /// The half-close does not go out.
    keeps_end: bool,
    /// Its source is lost, so that nothing can come of the other direction either.
    broken: bool,
    /// How it ended, until that is reported.
    end: End,
}

#[derive(PartialEq, Eq)]
enum State {
    Open,
    /// The source has ended; what is held goes out, then the half-close, unless it is kept.
    Ending,
    Over,
}

enum End {
    None,
    /// The source ended, well or with an error.
    Read(Option<io::Error>),
    /// The sink is lost. What the sink itself still has to say may yet arrive (a BYE before its RST).
    Write(io::Error),
}

impl Flow {
    fn beginning_with(held: Bytes) -> Self {
        // Empty bytes may still hold the buffer that they were cut from.
        let held = if held.is_empty() { Bytes::new() } else { held };
        Self { held, state: State::Open, unflushed: false, keeps_end: false, broken: false, end: End::None }
    }

    fn over(&self) -> bool {
        self.state == State::Over
    }

    /// Moves what can be moved now. True if any byte did.
    fn drive(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        scratch: &mut [u8],
        count: &Octets,
        mut tap: Option<&mut Tap<'_>>,
    ) -> bool {
        let mut moved = false;
        for _ in 0..ROUNDS {
            match self.round(cx, from, to, scratch) {
                Poll::Pending => return moved,
                Poll::Ready(0) if self.over() => return moved,
                Poll::Ready(read) => {
                    moved = true;
                    count.add(read);
                    if let Some(tap) = &mut tap {
                        tap(scratch.get(..read).unwrap_or_default());
                    }
                }
            }
        }
        cx.waker().wake_by_ref();
        moved
    }

    /// Sends what is held, then reads once and passes it on. Ready with the number of bytes read into `scratch`.
    fn round(&mut self, cx: &mut Context<'_>, from: &mut Stream, to: &mut Stream, scratch: &mut [u8]) -> Poll<usize> {
        if self.over() {
            return Poll::Ready(0);
        }
        if let Err(error) = ready!(self.deliver(cx, to)) {
            self.sink_lost(error);
            return Poll::Ready(0);
        }
        if self.state == State::Ending {
            if self.keeps_end {
                return Poll::Pending;
            }
            // A sink that is gone already cannot be told of the end, and need not be.
            let _ = ready!(Pin::new(to).poll_shutdown(cx));
            self.state = State::Over;
            return Poll::Ready(0);
        }
        let read = match ready!(fill(cx, from, scratch)) {
            Ok(0) => {
                self.end = End::Read(None);
                self.state = State::Ending;
                return Poll::Ready(0);
            }
            Ok(read) => read,
            Err(error) => {
                self.end = End::Read(Some(error));
                self.broken = true;
                self.state = State::Over;
                return Poll::Ready(0);
            }
        };
        if let Err(error) = self.pass_on(cx, to, scratch.get(..read).unwrap_or_default()) {
            self.sink_lost(error);
        }
        Poll::Ready(read)
    }

    /// Writes and flushes everything held; the flush is what pushes TLS records out.
    fn deliver(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            match ready!(Pin::new(&mut *to).poll_write(cx, &self.held))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.held.advance(n),
            }
            self.unflushed = true;
            if self.held.is_empty() {
                // Frees the memory, which advancing alone does not.
                self.held = Bytes::new();
            }
        }
        if self.unflushed {
            ready!(Pin::new(to).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes from the scratch; only what is not taken is copied.
    fn pass_on(&mut self, cx: &mut Context<'_>, to: &mut Stream, mut data: &[u8]) -> io::Result<()> {
        self.unflushed = true;
        while !data.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, data) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => data = data.get(n..).unwrap_or_default(),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.held = Bytes::copy_from_slice(data);
                    break;
                }
            }
        }
        Ok(())
    }

    fn sink_lost(&mut self, error: io::Error) {
        self.end = End::Write(error);
        self.held = Bytes::new();
        self.state = State::Over;
    }
}

/// Reads until the scratch is full or nothing more is there, so that many small TLS records become one write, and so
/// that towards a client rustls sees "would block" and lets go of its own buffer (performance fact 3).
fn fill(cx: &mut Context<'_>, from: &mut Stream, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
    let mut into = ReadBuf::new(scratch);
    while into.remaining() > 0 {
        let before = into.filled().len();
        match Pin::new(&mut *from).poll_read(cx, &mut into) {
            Poll::Ready(Ok(())) if into.filled().len() > before => {}
            // An end or an error after data is met again by the next read.
            Poll::Ready(_) | Poll::Pending if before > 0 => break,
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(0)),
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(Ok(into.filled().len()))
}

/// A timer that is armed once per limit, not once per byte: moving data only notes the time.
struct IdleClock {
    limit: Duration,
    last: Instant,
    timer: Pin<Box<tokio::time::Sleep>>,
    half_closed: bool,
}

impl IdleClock {
    fn new(limit: Duration) -> Self {
        Self { limit, last: Instant::now(), timer: Box::pin(sleep(limit)), half_closed: false }
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, moved: bool, half_closed: bool) -> Poll<()> {
        if moved {
            self.last = Instant::now();
        }
        if half_closed && !self.half_closed {
            self.half_closed = true;
            self.limit = self.limit.min(HALF_CLOSED_IDLE);
            self.last = Instant::now();
            let due = self.last + self.limit;
            self.timer.as_mut().reset(due);
        }
        loop {
            ready!(self.timer.as_mut().poll(cx));
            let due = self.last + self.limit;
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due);
        }
    }
}
