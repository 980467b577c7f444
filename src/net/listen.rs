//! Listeners: binding, accepting, and everything before a client is greeted (PROXY header, TLS from the first byte).
//!
//! One task per connection; what comes before the greeting lives in a boxed future of its own that is gone when the
//! session runs.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use socket2::{Domain, Protocol as Transport, Socket, Type};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Admission, Bind, Full, IpNet, Listener, ListenerTls, PassedSockets, Seat, ServerTls, SetupFault, Stream, TlsFault,
    TlsFaultKind,
    accept::accept,
    proxy_protocol::{self, Parsed, ProxyHeader},
};
use crate::{
    catalog::{
        Place,
        doctor::{CERTIFICATE_ENDED, LISTEN_ADDRESS_UNKNOWN, PORT_NOT_PERMITTED, PORT_TAKEN},
    },
    wire::lines::{looks_like_old_tls, looks_like_tls},
};

/// The kernel cuts it to its own limit (net.core.somaxconn, 4096).
const BACKLOG: i32 = 4096;
const PROXY_HEADER_WITHIN: Duration = Duration::from_secs(5);
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Servers speak first in all three protocols, so a plain client is silent and must not wait long for its greeting.
const FIRST_BYTE_WITHIN: Duration = Duration::from_secs(3);

/// A listening socket. It outlives a reload: [`Bound::serve`] can be stopped and begun again with other rules.
pub struct Bound {
    socket: TcpListener,
    address: SocketAddr,
}

/// Why a client did not get as far as its greeting.
#[derive(Debug)]
pub enum TurnedAway<'a> {
    Tls(&'a TlsFault),
    NoSeat(Full),
}

/// Is told of each such client, and writes the line of the log.
pub type OnTurnedAway = Arc<dyn Fn(&TurnedAway<'_>, SocketAddr) + Send + Sync>;

/// By which rules arrivals are let in at one listener.
#[derive(Clone)]
pub struct Door {
    /// Number of the listener, under which its budget is kept.
    pub listener: usize,
    pub max_connections: usize,
    pub tls: ListenerTls,
    /// Needed for `Implicit` and `Auto`.
    pub server_tls: Option<ServerTls>,
    pub proxy_protocol_from: Vec<IpNet>,
    pub admission: Admission,
    /// Last words in the protocol when there is no seat (`421 4.3.2 ...`).
    pub too_busy: Bytes,
    /// Last words in plain text to a client that does not speak TLS where it has to.
    pub tls_expected: Bytes,
    pub on_turned_away: OnTurnedAway,
    /// Sessions are spawned here, so that a drain can wait for them.
    pub sessions: TaskTracker,
    /// Ends the accept loop; sessions that run are not touched.
    pub stop: CancellationToken,
}

/// A client that is ready to be greeted.
pub struct Arrival {
    pub stream: Stream,
    pub seat: Seat,
}

/// Opens everything that `listener` asks for, or nothing.
pub fn bind(listener: &Listener, passed: &mut PassedSockets) -> Result<Vec<Bound>, SetupFault> {
    let mut out = Vec::new();
    for place in &listener.listen {
        match place {
            Bind::Address(address) => {
                let refused = |e| refused(Place::of_listener(*address), &e);
                out.push(open(*address).and_then(Bound::adopt).map_err(refused)?);
            }
            Bind::Systemd(name) => {
                for socket in passed.take(name)? {
                    out.push(Bound::adopt(socket).map_err(|e| SetupFault::of_socket(name, e))?);
                }
            }
        }
    }
    Ok(out)
}

fn open(address: SocketAddr) -> io::Result<StdListener> {
    let socket = opened(address)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// It has its address, and takes in nobody yet.
fn opened(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Transport::TCP))?;
    if address.is_ipv6() {
        // "[::]:587" means IPv6; "0.0.0.0:587" beside it must not collide.
        socket.set_only_v6(true)?;
    }
    // Elsewhere (Windows) this would let another program steal the port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Why a daemon that starts could not listen there, if so. `given_back`: what one that runs has until then. Port 0 is always
/// free.
pub fn refuses(place: Place, given_back: &[SocketAddr]) -> Option<SetupFault> {
    if given_back.iter().any(|at| is_in_the_way(*at, place.address)) {
        return None;
    }
    opened(place.address).err().map(|error| refused(place, &error))
}

/// Whether who listens at the one keeps others from listening at the other.
fn is_in_the_way(one: SocketAddr, other: SocketAddr) -> bool {
    let is_wide = one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && one.is_ipv4() == other.is_ipv4() && (is_wide || one.ip() == other.ip())
}

/// Why this address could not be opened.
pub fn refused(place: Place, error: &io::Error) -> SetupFault {
    let entry = match error.kind() {
        io::ErrorKind::AddrInUse => PORT_TAKEN,
        io::ErrorKind::PermissionDenied => PORT_NOT_PERMITTED,
        _ => LISTEN_ADDRESS_UNKNOWN,
    };
    let address = place.address;
    let what = match place.is_console {
        true => format!("the console cannot listen on {address}: {error}"),
        false => format!("cannot listen on {address}: {error}"),
    };
    SetupFault::of_place(entry, place, what)
}

impl Bound {
    fn adopt(socket: StdListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        Ok(Self { socket: TcpListener::from_std(socket)?, address })
    }

    /// Where it really listens (port 0 has become a port).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts until `door.stop`; each client that may come in and is ready to be greeted goes to `meet`.
    pub async fn serve<F, S>(&self, door: Door, meet: F)
    where
        F: Fn(Arrival) -> S + Clone + Send + Sync + 'static,
        S: Future<Output = ()> + Send + 'static,
    {
        accept(&self.socket, &door.stop, |tcp, _| {
            let Some((stream, seat)) = seat(&door, tcp) else { return };
            let meet = meet.clone();
            // Boxed out here: a task keeps the room of all that moves into it.
            let ready: Pin<Box<dyn Future<Output = Option<Arrival>> + Send>> =
                Box::pin(prepare(door.clone(), stream, seat));
            door.sessions.spawn(async move {
                if let Some(arrival) = ready.await {
                    Box::pin(meet(arrival)).await;
                }
            });
        })
        .await;
    }
}

fn seat(door: &Door, tcp: TcpStream) -> Option<(Stream, Seat)> {
    let stream = Stream::new(tcp).ok()?;
    let peer = stream.peer();
    let named_later = !door.proxy_protocol_from.is_empty();
    let from = if named_later { None } else { Some(peer.ip()) };
    match door.admission.admit(door.listener, door.max_connections, from) {
        Ok(seat) => Some((stream, seat)),
        Err(full) => {
            (door.on_turned_away)(&TurnedAway::NoSeat(full), peer);
            // A balancer passes them on.
            if door.tls != ListenerTls::Implicit {
                stream.parting_words(&door.too_busy);
            }
            None
        }
    }
}

/// Everything between accept and greeting. `None`: the connection is over, and the log says why.
async fn prepare(door: Door, mut stream: Stream, seat: Seat) -> Option<Arrival> {
    let evicted = seat.evicted().clone();
    let peer = stream.peer();
    let work = async {
        if !door.proxy_protocol_from.is_empty() {
            if let Err(error) = learn_client(&door, &mut stream).await {
                tracing::info!(%peer, "connection closed: {error}");
                return None;
            }
            seat.locate(stream.peer().ip());
        }
        secure(&door, stream).await
    };
    let stream = tokio::select! {
        stream = work => stream?,
        () = evicted.cancelled() => {
            tracing::debug!(%peer, "connection closed before its greeting to make room for others");
            return None;
        }
    };
    Some(Arrival { stream, seat })
}

/// Reads the PROXY header, byte-exact, and believes it only from the configured proxies.
async fn learn_client(door: &Door, stream: &mut Stream) -> Result<(), String> {
    let proxy = stream.peer().ip();
    if !door.proxy_protocol_from.iter().any(|net| net.contains(proxy)) {
        return Err(format!("{proxy} is not in proxy-protocol-from"));
    }
    let deadline = Instant::now() + PROXY_HEADER_WITHIN;
    let mut header = Vec::with_capacity(128);
    let client = loop {
        match proxy_protocol::parse(&header).map_err(|e| e.to_string())? {
            Parsed::Done(ProxyHeader::Proxied { client }) => break client,
            Parsed::Done(ProxyHeader::Local) => break stream.peer(),
            Parsed::Need(more) => {
                let had = header.len();
                header.resize(had + more, 0);
                let room = header.get_mut(had..).unwrap_or_default();
                let read = timeout_at(deadline, stream.read(room)).await;
                match read.map_err(|_| "no PROXY header came in time".to_owned())? {
                    Ok(0) => return Err("closed within the PROXY header".to_owned()),
                    Ok(read) => header.truncate(had + read),
                    Err(error) => return Err(error.to_string()),
                }
            }
        }
    };
    stream.set_peer(client);
    Ok(())
}

/// TLS where it comes before the greeting.
async fn secure(door: &Door, mut stream: Stream) -> Option<Stream> {
    let peer = stream.peer();
    let wanted = match door.tls {
        ListenerTls::Implicit => true,
        ListenerTls::Auto => match stream.peek(Instant::now() + FIRST_BYTE_WITHIN).await {
            Ok(Some(first)) if first.is_empty() => return None,
            Ok(Some(first)) => looks_like_tls(&first) || looks_like_old_tls(&first),
            Ok(None) => false,
            Err(_) => return None,
        },
        ListenerTls::Off | ListenerTls::StartTls | ListenerTls::StartTlsRequired => false,
    };
    let Some(tls) = door.server_tls.as_ref().filter(|_| wanted) else {
        if wanted {
            let fault = CERTIFICATE_ENDED.fault();
            tracing::error!(local = %stream.local(), %fault, "listener has no certificate; connection closed");
            return None;
        }
        return Some(stream);
    };
    let deadline = Instant::now() + HANDSHAKE_WITHIN;
    let outcome = match expect_hello(&mut stream, &door.tls_expected, deadline).await {
        Ok(()) => stream.upgrade_server(tls, deadline).await,
        Err(fault) => Err(fault),
    };
    match outcome {
        Ok(stream) => Some(stream),
        // Port scans and health checks connect and leave; that is not worth a line.
        Err(fault) if fault.kind == TlsFaultKind::Closed => {
            tracing::debug!(%peer, "{fault}");
            None
        }
        Err(fault) => {
            (door.on_turned_away)(&TurnedAway::Tls(&fault), peer);
            None
        }
    }
}

/// A plain client on a TLS port waits for a greeting or sends a command: it is told in its own protocol.
async fn expect_hello(stream: &mut Stream, words: &Bytes, deadline: Instant) -> Result<(), TlsFault> {
    let first = stream.peek(deadline).await.map_err(|error| TlsFault::of_client(&error))?;
    let fault = match first {
        Some(first) if first.is_empty() || looks_like_tls(&first) => return Ok(()),
        Some(first) => TlsFault::not_hello(&first),
        None => TlsFault::no_hello(),
    };
    let farewell = async {
        stream.write_all(words).await?;
        stream.shutdown().await
    };
    // It may be gone already; the fault is reported either way.
    let _ = timeout_at(Instant::now() + Duration::from_secs(1), farewell).await;
    Err(fault)
}
