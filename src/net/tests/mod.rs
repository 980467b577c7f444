//! Behaviour over real sockets: port 0, no sleeps, certificates made on the spot.

mod authority;
mod detour;
mod dialling;
mod http;
mod listening;
mod splicing;
mod tls;
mod upstream_tls;

use std::time::Duration;

use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};

use super::Stream;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Two ends of one connection.
async fn connection() -> (Stream, Stream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (Stream::new(near.unwrap()).unwrap(), Stream::new(far.unwrap().0).unwrap())
}
