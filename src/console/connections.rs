//! The console's connections: few, short, and each with a deadline for every request's header.
//!
//! `axum::serve` has neither: a client that sends a byte a minute would hold its connection for ever.

use std::{net::IpAddr, pin::pin, time::Duration};

use axum::{Extension, Router};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::Visitor;
use crate::net::{Admission, AdmissionLimits, Seat};

/// A request's header has to be there within this; a connection kept alive says nothing longer than this.
const HEADER_WITHIN: Duration = Duration::from_secs(10);
/// A connection as a whole, however busy.
const LIFE: Duration = Duration::from_secs(300);
/// Connections at once; beyond it the oldest leaves.
const MOST: usize = 64;
/// A header block that is larger is refused.
const HEADER_CAP: usize = 16 * 1024;
/// With no descriptors left, accepting at once again would only spin.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

pub async fn serve(listener: TcpListener, router: Router, closing: CancellationToken) {
    let admission = Admission::new(AdmissionLimits { total: MOST, per_address: MOST / 4 });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = closing.cancelled() => return,
        };
        match accepted {
            Ok((tcp, peer)) => {
                let ip: IpAddr = peer.ip().to_canonical();
                // None of them ever counts as signed on, so that the newest always finds a place.
                let Ok(seat) = admission.admit(0, MOST, Some(ip)) else { continue };
                let router = router.clone().layer(Extension(Visitor(ip)));
                tokio::spawn(converse(tcp, router, seat, closing.clone()));
            }
            Err(error) => {
                tracing::debug!(%error, "the console cannot accept connections; waiting");
                sleep(ACCEPT_AGAIN).await;
            }
        }
    }
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
