//! Behaviour over real sockets: port 0, no sleeps, certificates made on the spot.

mod authority;
mod detour;
mod dialling;
mod http;
mod listening;
mod splicing;
mod tls;
mod upstream_tls;

use std::{net::SocketAddr, time::Duration};

use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};

use super::Stream;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// An address that refuses connections for as long as the socket is held: nobody listens there, and nobody else gets the port.
fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

/// Two ends of one connection.
async fn connection() -> (Stream, Stream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (Stream::new(near.unwrap()).unwrap(), Stream::new(far.unwrap().0).unwrap())
}
