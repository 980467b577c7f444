//! TLS on a connection to an upstream, without a buffer while it waits.
//!
//! The state machine is rustls'; this file moves its bytes. rustls' unbuffered API decrypts and encrypts in memory of
//! the caller's, here a pair of buffers per thread, so that an idle session holds none (performance fact 3) and a busy
//! one copies less. What it cannot spare is rustls' own: a buffer for each record that it encrypts, and one for each that it
//! decrypts, gone as soon as the record is. What stays with a connection is bounded: a record that came in part, plaintext that its reader had
//! no room for, ciphertext that the socket did not take. Each is given up as soon as it is empty.
//!
//! A cut without close_notify is an `UnexpectedEof`; what that means is for the caller to say.

use std::{
    cell::RefCell,
    io, mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use rustls::{
    ClientConfig, CommonState,
    client::UnbufferedClientConnection,
    pki_types::ServerName,
    unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};

/// The largest record, with its header (RFC 8446 5.2, RFC 5246 6.2.3).
const RECORD: usize = 5 + 16 * 1024 + 2048;
/// Read from the socket at once; room for the largest handshake message as well.
const INCOMING: usize = 96 * 1024;
/// Encrypted at once, and what that can come to.
const PLAIN: usize = 64 * 1024;
const OUTGOING: usize = PLAIN + 4 * 1024;
/// Of a server's flight at once, while shaking hands.
const FLIGHT: usize = 4 * 1024;
const ENDLESS: &str = "endless handshake message";

thread_local! {
    static RECEIVED: RefCell<Box<[u8]>> = RefCell::new(vec![0; INCOMING].into_boxed_slice());
    static SENT: RefCell<Box<[u8]>> = RefCell::new(vec![0; OUTGOING].into_boxed_slice());
}

pub(super) struct UpstreamTls {
    tcp: TcpStream,
    tls: UnbufferedClientConnection,
    /// Ciphertext that was read and not processed yet.
    incoming: Vec<u8>,
    /// Decrypted and not asked for yet.
    plain: BytesMut,
    /// Ciphertext that the socket did not take yet; what is encrypted later goes behind it.
    outgoing: BytesMut,
    peer_closed: bool,
    /// What the peer did wrong: nothing behind it is read.
    failure: Option<rustls::Error>,
    said_goodbye: bool,
}

/// What the state machine waits for.
#[derive(Debug, PartialEq, Eq)]
enum Waits {
    /// For nothing: it has more to say or to show.
    No,
    ForHandshake,
    /// For records, or for something to send.
    ForTraffic,
    /// The peer said close_notify.
    Closed,
}

impl UpstreamTls {
    /// Shakes hands; the server has to prove that it is `name`. The caller keeps the deadline;
    /// dropping the future drops the connection. An error that holds a `rustls::Error` is the server's fault or that of
    /// its certificate, any other the network's.
    pub async fn connect(tcp: TcpStream, config: Arc<ClientConfig>, name: ServerName<'static>) -> io::Result<Self> {
        let mut connection = Self {
            tcp,
            tls: UnbufferedClientConnection::new(config, name).map_err(io::Error::other)?,
            incoming: Vec::new(),
            plain: BytesMut::new(),
            outgoing: BytesMut::new(),
            peer_closed: false,
            failure: None,
            said_goodbye: false,
        };
        loop {
            let waits = connection.settle();
            // After a failure, the alert that says why; the peer may be gone, and then nobody needs it.
            let sent = connection.send_all().await;
            let waits = waits?;
            sent?;
            if waits != Waits::ForHandshake {
                connection.incoming.shrink_to_fit();
                return Ok(connection);
            }
            if connection.incoming.len() >= INCOMING {
                return Err(invalid(rustls::Error::General(ENDLESS.to_owned())));
            }
            // Left to itself a `Vec` grows from 64 octets, with a system call each time.
            connection.incoming.reserve(FLIGHT);
            if connection.tcp.read_buf(&mut connection.incoming).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Version, handshake and the like.
    pub fn state(&self) -> &CommonState {
        &self.tls
    }

    /// Octets of memory that stay with the connection.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.incoming.capacity() + self.plain.capacity() + self.outgoing.capacity()
    }

    /// Goes on until the state machine waits for something.
    fn settle(&mut self) -> io::Result<Waits> {
        loop {
            let (used, waits) = step(&mut self.tls, &mut self.incoming, &mut self.outgoing, |payload| {
                self.plain.extend_from_slice(payload);
            });
            drop(self.incoming.drain(..used));
            match waits {
                Ok(Waits::No) => {}
                // Said once when the peer closes, and for good once both have.
                Ok(Waits::Closed) if !self.peer_closed => self.peer_closed = true,
                Ok(waits) => return Ok(waits),
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Keeps the error, and what the peer has to be told about it.
    fn fail(&mut self, error: rustls::Error) -> io::Error {
        self.failure = Some(error.clone());
        let _ = step(&mut self.tls, &mut [], &mut self.outgoing, |_| {});
        invalid(error)
    }

    async fn send_all(&mut self) -> io::Result<()> {
        let outgoing = mem::take(&mut self.outgoing);
        self.tcp.write_all(&outgoing).await
    }

    /// Ciphertext of earlier goes out first.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            match ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.outgoing))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.outgoing.advance(sent),
            }
        }
        self.outgoing = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    /// Decrypts what was read before, then what the socket has, until `out` holds something or nothing more is there.
    fn poll_receive(&mut self, cx: &mut Context<'_>, buffer: &mut [u8], out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut filled = Filled { start: 0, end: self.incoming.len() };
        if let Some(place) = buffer.get_mut(..filled.end) {
            place.copy_from_slice(&self.incoming);
        }
        let outcome = self.decrypt(cx, buffer, &mut filled, out);
        // The room for a part of a record is kept while more comes, and given back once all was read.
        match buffer.get(filled.start..filled.end).filter(|rest| !rest.is_empty()) {
            Some(rest) => {
                self.incoming.clear();
                self.incoming.extend_from_slice(rest);
            }
            None => self.incoming = Vec::new(),
        }
        outcome
    }

    fn decrypt(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        filled: &mut Filled,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        loop {
            let records = buffer.get_mut(filled.start..filled.end).unwrap_or_default();
            let (used, waits) = step(&mut self.tls, records, &mut self.outgoing, |payload| {
                let (fits, rest) = payload.split_at(payload.len().min(out.remaining()));
                out.put_slice(fits);
                self.plain.extend_from_slice(rest);
            });
            filled.start += used;
            let waits = match waits {
                Ok(waits) => waits,
                Err(error) => {
                    let error = self.fail(error);
                    // What came before it is the reader's, who meets it again at the next read.
                    let anything = out.filled().len() > before;
                    return Poll::Ready(if anything { Ok(()) } else { Err(error) });
                }
            };
            match waits {
                Waits::No if out.remaining() == 0 => return Poll::Ready(Ok(())),
                Waits::No => {}
                Waits::Closed => {
                    self.peer_closed = true;
                    return Poll::Ready(Ok(()));
                }
                Waits::ForHandshake | Waits::ForTraffic if out.filled().len() > before => return Poll::Ready(Ok(())),
                Waits::ForHandshake | Waits::ForTraffic => {
                    // An answer of TLS itself, which the peer may wait for.
                    let _ = self.poll_send(cx);
                    ready!(filled.poll_fill(cx, &mut self.tcp, buffer, out.remaining()))?;
                }
            }
        }
    }

    fn encrypt(&mut self, data: &[u8], buffer: &mut [u8]) -> io::Result<usize> {
        let UnbufferedStatus { discard: 0, state: Ok(ConnectionState::WriteTraffic(mut traffic)) } =
            self.tls.process_tls_records(&mut self.incoming)
        else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        traffic.encrypt(data, buffer).map_err(io::Error::other)
    }

    /// close_notify, once.
    fn say_goodbye(&mut self) -> io::Result<()> {
        if mem::replace(&mut self.said_goodbye, true) {
            return Ok(());
        }
        self.settle()?;
        if let ConnectionState::WriteTraffic(mut traffic) =
            self.tls.process_tls_records(&mut self.incoming).state.map_err(invalid)?
        {
            let mut alert = [0; 64];
            let length = traffic.queue_close_notify(&mut alert).map_err(io::Error::other)?;
            self.outgoing.extend_from_slice(alert.get(..length).unwrap_or_default());
        }
        Ok(())
    }
}

/// The part of a buffer that holds ciphertext.
struct Filled {
    start: usize,
    end: usize,
}

impl Filled {
    /// Reads once: as much as the reader has room for, and a whole record in any case.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        tcp: &mut TcpStream,
        buffer: &mut [u8],
        room: usize,
    ) -> Poll<io::Result<()>> {
        buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let most = buffer.len().min(self.end + room.max(RECORD));
        let free = buffer.get_mut(self.end..most).filter(|free| !free.is_empty());
        let Some(free) = free else {
            return Poll::Ready(Err(invalid(rustls::Error::General(ENDLESS.to_owned()))));
        };
        let mut into = ReadBuf::new(free);
        ready!(Pin::new(tcp).poll_read(cx, &mut into))?;
        match into.filled().len() {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            read => {
                self.end += read;
                Poll::Ready(Ok(()))
            }
        }
    }
}

/// One step of the state machine: how much of `incoming` is used up, and what it waits for now.
fn step(
    tls: &mut UnbufferedClientConnection,
    incoming: &mut [u8],
    outgoing: &mut BytesMut,
    mut plain: impl FnMut(&[u8]),
) -> (usize, Result<Waits, rustls::Error>) {
    let UnbufferedStatus { mut discard, state } = tls.process_tls_records(incoming);
    let waits = match state {
        Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
            match traffic.next_record() {
                Some(Ok(record)) => {
                    discard += record.discard;
                    plain(record.payload);
                }
                Some(Err(error)) => break Err(error),
                None => break Ok(Waits::No),
            }
        },
        Ok(ConnectionState::EncodeTlsData(mut data)) => encode(&mut data, outgoing).map(|()| Waits::No),
        Ok(ConnectionState::TransmitTlsData(data)) => {
            // It stands in `outgoing`, and nothing passes that by.
            data.done();
            Ok(Waits::No)
        }
        Ok(ConnectionState::BlockedHandshake) => Ok(Waits::ForHandshake),
        Ok(ConnectionState::WriteTraffic(_)) => Ok(Waits::ForTraffic),
        Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Ok(Waits::Closed),
        Ok(other) => Err(rustls::Error::General(format!("unknown state {other:?}"))),
        Err(error) => Err(error),
    };
    (discard, waits)
}

fn encode<Data>(data: &mut EncodeTlsData<'_, Data>, outgoing: &mut BytesMut) -> Result<(), rustls::Error> {
    let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut []) else { return Ok(()) };
    let before = outgoing.len();
    outgoing.resize(before + size.required_size, 0);
    let free = outgoing.get_mut(before..).unwrap_or_default();
    data.encode(free).map(drop).map_err(|error| rustls::Error::General(error.to_string()))
}

fn invalid(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

impl AsyncRead for UpstreamTls {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(Err(_)) = self.poll_send(cx) {
            // The peer takes nothing more; what it said before is still there, and says why.
            self.outgoing = BytesMut::new();
        }
        if !self.plain.is_empty() {
            let fits = self.plain.len().min(out.remaining());
            out.put_slice(&self.plain.split_to(fits));
            if self.plain.is_empty() {
                self.plain = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        if let Some(error) = &self.failure {
            return Poll::Ready(Err(invalid(error.clone())));
        }
        if self.peer_closed || out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        RECEIVED.with_borrow_mut(|buffer| self.poll_receive(cx, buffer, out))
    }
}

impl AsyncWrite for UpstreamTls {
    /// Takes no more before the socket took what was encrypted already.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.settle()?;
        ready!(self.poll_send(cx))?;
        let data = data.get(..data.len().min(PLAIN)).unwrap_or_default();
        SENT.with_borrow_mut(|buffer| {
            let length = self.encrypt(data, buffer)?;
            let mut records = buffer.get(..length).unwrap_or_default();
            while !records.is_empty() {
                match Pin::new(&mut self.tcp).poll_write(cx, records) {
                    Poll::Ready(Ok(sent @ 1..)) => records = records.get(sent..).unwrap_or_default(),
                    Poll::Ready(Ok(_)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.outgoing.extend_from_slice(records);
                        break;
                    }
                }
            }
            Poll::Ready(Ok(data.len()))
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.say_goodbye()?;
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
