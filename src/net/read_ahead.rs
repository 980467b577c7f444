//! A socket that is read in large pieces although its reader asks for small ones.
//!
//! rustls reads 4 KiB at a time; at 64 KiB a piece the bulk of the system calls goes away. The pieces come from a
//! pool per thread and go back as soon as they are drained, so an idle connection holds none (performance facts 1, 2).
//! Only a connection under TLS reads ahead: a plain one must not, or bytes behind STARTTLS could slip past it.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

const PIECE: usize = 64 * 1024;
/// Pieces kept per thread; more are only alive while that many readers are blocked by back-pressure.
const POOLED: usize = 4;

thread_local! {
    static POOL: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

pub(super) struct ReadAhead {
    tcp: TcpStream,
    piece: Option<Piece>,
}

/// What was read and not yet asked for: `memory[start..end]`.
struct Piece {
    memory: Box<[u8]>,
    start: usize,
    end: usize,
}

impl ReadAhead {
    pub fn new(tcp: TcpStream) -> Self {
        Self { tcp, piece: None }
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }
}

impl AsyncRead for ReadAhead {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut piece = match self.piece.take() {
            Some(piece) => piece,
            None if out.remaining() >= PIECE => return Pin::new(&mut self.tcp).poll_read(cx, out),
            None => ready!(fetch(&mut self.tcp, cx))?,
        };
        let ahead = piece.memory.get(piece.start..piece.end).unwrap_or_default();
        let taken = ahead.len().min(out.remaining());
        out.put_slice(ahead.get(..taken).unwrap_or_default());
        piece.start += taken;
        if piece.start < piece.end {
            self.piece = Some(piece);
        } else {
            give_back(piece.memory);
        }
        Poll::Ready(Ok(()))
    }
}

fn fetch(tcp: &mut TcpStream, cx: &mut Context<'_>) -> Poll<io::Result<Piece>> {
    let mut memory = POOL.with_borrow_mut(Vec::pop).unwrap_or_else(|| vec![0; PIECE].into_boxed_slice());
    let mut into = ReadBuf::new(&mut memory);
    let outcome = Pin::new(tcp).poll_read(cx, &mut into);
    let end = into.filled().len();
    match outcome {
        Poll::Ready(Ok(())) => Poll::Ready(Ok(Piece { memory, start: 0, end })),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => {
            give_back(memory);
            Poll::Pending
        }
    }
}

fn give_back(memory: Box<[u8]>) {
    POOL.with_borrow_mut(|pool| {
        if pool.len() < POOLED {
            pool.push(memory);
        }
    });
}

impl AsyncWrite for ReadAhead {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, data)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
