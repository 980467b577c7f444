//! Joins a machine to a socket: reads when it wants bytes, writes what it says.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use super::read_some;
use crate::{
    catalog::{
        Entry,
        own::{STARTTLS_STRIPPED, UPSTREAM_LOST, UPSTREAM_PROTOCOL, UPSTREAM_TIMEOUT},
    },
    wire::{Breach, Machine, Step, Violation},
};

/// A peer that does not take a line within this is gone.
const WRITE_WAIT: Duration = Duration::from_secs(30);

/// Why driving ended without an event.
#[derive(Debug)]
pub enum Broken {
    /// The peer closed.
    Closed,
    TimedOut,
    Io(io::Error),
    Violation(Violation),
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Closed => f.write_str("the connection was closed"),
            Broken::TimedOut => f.write_str("timed out"),
            Broken::Io(error) => write!(f, "the connection broke: {error}"),
            Broken::Violation(violation) => f.write_str(&violation.what),
        }
    }
}

impl Broken {
    /// The fault that it is, of a server.
    pub fn of_upstream(&self) -> &'static Entry {
        match self {
            Broken::TimedOut => UPSTREAM_TIMEOUT,
            Broken::Violation(violation) if violation.breach == Breach::LacksTls => STARTTLS_STRIPPED,
            Broken::Violation(_) => UPSTREAM_PROTOCOL,
            Broken::Closed | Broken::Io(_) => UPSTREAM_LOST,
        }
    }
}

/// What the machine wants of the session.
#[derive(Debug)]
pub enum Want<E> {
    Event(E),
    StartTls,
}

fn is_close(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// Runs the machine until it wants something of the session, until `deadline` at the latest. The machine sees one read
/// at a time, so its input stays bounded.
///
/// The clock is looked at before every read: a peer that never stops sending is always ready, and a timeout around
/// the read alone would never fire.
pub async fn drive<S, M>(stream: &mut S, machine: &mut M, deadline: Instant) -> Result<Want<M::Event>, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
    M: Machine,
{
    loop {
        match machine.step().map_err(Broken::Violation)? {
            Step::Read => {
                if by(deadline, read_some(stream, |bytes| machine.feed(bytes))).await? == 0 {
                    return Err(Broken::Closed);
                }
            }
            Step::Write(bytes) => write_by(deadline, stream, &bytes).await?,
            Step::StartTls => return Ok(Want::StartTls),
            Step::Event(event) => return Ok(Want::Event(event)),
        }
    }
}

/// Writes what the machine has to say now, without reading.
pub async fn flush<S, M>(stream: &mut S, machine: &mut M) -> Result<(), Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
    M: Machine,
{
    while let Step::Write(bytes) = machine.step().map_err(Broken::Violation)? {
        write(stream, &bytes).await?;
    }
    Ok(())
}

pub async fn write<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> Result<(), Broken> {
    write_by(Instant::now() + WRITE_WAIT, stream, bytes).await
}

async fn write_by<S: AsyncWrite + Unpin>(deadline: Instant, stream: &mut S, bytes: &[u8]) -> Result<(), Broken> {
    let deadline = deadline.min(Instant::now() + WRITE_WAIT);
    by(deadline, async {
        stream.write_all(bytes).await?;
        stream.flush().await
    })
    .await
}

async fn by<T>(deadline: Instant, io: impl Future<Output = io::Result<T>>) -> Result<T, Broken> {
    if Instant::now() >= deadline {
        return Err(Broken::TimedOut);
    }
    match timeout_at(deadline, io).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) if is_close(&error) => Err(Broken::Closed),
        Ok(Err(error)) => Err(Broken::Io(error)),
        Err(_) => Err(Broken::TimedOut),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use bytes::{Bytes, BytesMut};
    use tokio::io::ReadBuf;

    use super::*;

    /// A peer that always has more to say, and takes every word.
    struct Chatterbox;

    impl AsyncRead for Chatterbox {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            buf.put_slice(b"NOOP\r\n");
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Chatterbox {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Answers every piece and never gets anywhere.
    #[derive(Default)]
    struct Patient {
        heard: bool,
    }

    impl Machine for Patient {
        type Event = ();

        fn feed(&mut self, _: &[u8]) {
            self.heard = true;
        }

        fn step(&mut self) -> Result<Step<()>, Violation> {
            let answer = std::mem::take(&mut self.heard);
            Ok(if answer { Step::Write(Bytes::from_static(b"250 OK\r\n")) } else { Step::Read })
        }

        fn into_unread(self) -> BytesMut {
            BytesMut::new()
        }
    }

    #[tokio::test]
    async fn a_peer_that_never_stops_sending_is_held_to_the_deadline() {
        let deadline = Instant::now() + Duration::from_millis(20);
        let ended = drive(&mut Chatterbox, &mut Patient::default(), deadline).await;
        assert!(matches!(ended, Err(Broken::TimedOut)), "{ended:?}");
    }
}
