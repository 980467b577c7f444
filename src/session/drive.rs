//! Joins a machine to a socket: reads when it wants bytes, writes what it says.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, timeout},
};

use crate::wire::{Machine, Step, Violation};

/// One read; a machine never sees more at a time, so its input stays bounded.
const CHUNK: usize = 4 * 1024;
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

/// What the machine wants of the session.
#[derive(Debug)]
pub enum Want<E> {
    Event(E),
    StartTls,
}

/// Time that may be spent waiting for the peer; our own work in between does not count.
#[derive(Debug)]
pub struct Patience {
    left: Duration,
}

impl Patience {
    pub const fn new(left: Duration) -> Self {
        Self { left }
    }

    /// For a peer that has to be through at a point in time.
    pub fn until(deadline: Instant) -> Self {
        Self { left: deadline.saturating_duration_since(Instant::now()) }
    }

    async fn wait<T>(&mut self, future: impl Future<Output = io::Result<T>>) -> Result<T, Broken> {
        let start = Instant::now();
        let result = timeout(self.left, future).await;
        self.left = self.left.saturating_sub(start.elapsed());
        match result {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) if is_close(&error) => Err(Broken::Closed),
            Ok(Err(error)) => Err(Broken::Io(error)),
            Err(_) => Err(Broken::TimedOut),
        }
    }
}

fn is_close(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}

/// Runs the machine until it wants something of the session.
pub async fn drive<S, M>(stream: &mut S, machine: &mut M, patience: &mut Patience) -> Result<Want<M::Event>, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin,
    M: Machine,
{
    loop {
        match machine.step().map_err(Broken::Violation)? {
            Step::Read => {
                let mut chunk = [0u8; CHUNK];
                let n = patience.wait(stream.read(&mut chunk)).await?;
                if n == 0 {
                    return Err(Broken::Closed);
                }
                machine.feed(chunk.get(..n).unwrap_or_default());
            }
            Step::Write(bytes) => write(stream, &bytes).await?,
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
    let wrote = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    };
    match timeout(WRITE_WAIT, wrote).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) if is_close(&error) => Err(Broken::Closed),
        Ok(Err(error)) => Err(Broken::Io(error)),
        Err(_) => Err(Broken::TimedOut),
    }
}
