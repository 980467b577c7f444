//! The console's connections: few, short, and each with a deadline for every request's header.
//!
//! `axum::serve` has none of it: a client that sends a byte a minute would hold its connection for ever.

use std::{pin::pin, time::Duration};

use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::Visitor;
use crate::net::{Admission, AdmissionLimits, Peer, Seat, accept};

/// A request's header has to be there within this; a connection kept alive says nothing longer than this.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// A connection as a whole, however busy.
const LIFE: Duration = Duration::from_secs(300);
/// Connections at once; beyond it the oldest leaves.
const MOST: usize = 64;
/// A header block that is larger is refused.
const HEADER_CAP: usize = 16 * 1024;

pub async fn serve(listener: TcpListener, router: Router, closing: CancellationToken) {
    let admission = Admission::new(AdmissionLimits { total: MOST, per_address: MOST / 4 });
    accept(&listener, &closing, |tcp, address| {
        // None of them ever counts as signed on, so that the newest always finds a place.
        let Ok(seat) = admission.admit(0, MOST, Some(address.ip())) else { return };
        let router = router.clone().layer(Extension(Visitor(Peer::direct(address))));
        tokio::spawn(converse(tcp, router, seat, closing.clone()));
    })
    .await;
}

async fn converse(tcp: TcpStream, router: Router, seat: Seat, closing: CancellationToken) {
    let mut http = auto::Builder::new(TokioExecutor::new()).http1_only();
    http.http1().timer(TokioTimer::new()).header_read_timeout(HEADER_WITHIN).max_buf_size(HEADER_CAP);
    let mut connection = pin!(http.serve_connection(TokioIo::new(tcp), TowerToHyperService::new(router)));
    tokio::select! {
        // However it ended: there is nobody left to tell.
        _ = timeout(LIFE, connection.as_mut()) => return,
        () = seat.evicted().cancelled() => return,
        () = closing.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = timeout(HEADER_WITHIN, connection).await;
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::Instant,
    };

    use super::*;
    use crate::net::clock::Still;

    async fn open(own: [u8; 4]) -> std::net::SocketAddr {
        let listener = TcpListener::bind(std::net::SocketAddr::from((own, 0))).await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(async || "ok"));
        tokio::spawn(serve(listener, router, CancellationToken::new()));
        address
    }

    /// Whether one request on it is answered.
    async fn is_answered(tcp: &mut TcpStream) -> bool {
        let mut answer = [0; 512];
        tcp.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.is_ok()
            && tcp.read(&mut answer).await.is_ok_and(|n| n > 0)
    }

    #[tokio::test]
    async fn beyond_sixty_four_connections_the_oldest_leaves_and_nobody_else() {
        let address = open([127, 8, 4, 1]).await;
        let mut all = Vec::new();
        for _ in 0..=MOST {
            let mut tcp = TcpStream::connect(address).await.unwrap();
            assert!(is_answered(&mut tcp).await);
            all.push(tcp);
        }
        assert!(!is_answered(&mut all[0]).await);
        for tcp in &mut all[1..] {
            assert!(is_answered(tcp).await);
        }
    }

    #[tokio::test]
    async fn a_connection_ends_after_five_minutes_however_busy_it_is() {
        let mut tcp = TcpStream::connect(open([127, 8, 4, 2]).await).await.unwrap();
        assert!(is_answered(&mut tcp).await);
        tokio::time::pause();
        let _still = Still::begin(Duration::from_secs(60));
        let start = Instant::now();
        while is_answered(&mut tcp).await {
            tokio::time::advance(HEADER_WITHIN / 2).await;
            assert!(start.elapsed() < LIFE * 2);
        }
        assert!(start.elapsed() >= LIFE - HEADER_WITHIN, "{:?}", start.elapsed());
    }
}
