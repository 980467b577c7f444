//! The body of a request that is longer than we want to hold: its length is known, its pieces come one by one.
//!
//! Whoever sends it learns whether all of it was handed to the connection: before that the other side has no whole
//! request, and has done nothing.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

/// Pieces that wait for the connection.
const AHEAD: usize = 2;

#[derive(Debug)]
pub struct Upload {
    pieces: mpsc::Receiver<Bytes>,
    left: u64,
    handed: Handed,
}

/// Tells whether the last octet left our hands.
#[derive(Clone, Debug, Default)]
pub struct Handed(Arc<AtomicBool>);

impl Handed {
    pub fn is_whole(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

impl Upload {
    /// A body of so many octets, where its pieces go in, and who knows how far it is. Pieces that end early, or that
    /// are too many, break the request off.
    pub fn new(octets: u64) -> (Self, mpsc::Sender<Bytes>, Handed) {
        let (sender, pieces) = mpsc::channel(AHEAD);
        let handed = Handed(Arc::new(AtomicBool::new(octets == 0)));
        (Self { pieces, left: octets, handed: handed.clone() }, sender, handed)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let broken = |why: &str| Poll::Ready(Some(Err(io::Error::new(io::ErrorKind::UnexpectedEof, why))));
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let Some(piece) = ready!(self.pieces.poll_recv(context)) else {
            return broken("the body ended before its length");
        };
        match self.left.checked_sub(piece.len() as u64) {
            Some(left) => {
                self.left = left;
                self.handed.0.store(left == 0, Ordering::SeqCst);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            None => broken("the body is longer than its length"),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
