//! The accept loop of every listener, mail or console.
//!
//! A failing accept (no descriptors left) waits and goes on: a listener never dies of it, and never spins.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::field::display;

use crate::catalog::own::TOO_FEW_OPEN_FILES;

const LONGEST_BACK_OFF: Duration = Duration::from_secs(1);

/// Hands each connection to `meet` until `stop`.
pub async fn accept(socket: &TcpListener, stop: &CancellationToken, mut meet: impl FnMut(TcpStream, SocketAddr)) {
    let mut back_off = Duration::ZERO;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((tcp, peer)) => {
                back_off = Duration::ZERO;
                meet(tcp, peer);
            }
            Err(error) if passing(&error) => {}
            Err(error) => {
                back_off = (back_off * 2).clamp(Duration::from_millis(10), LONGEST_BACK_OFF);
                let fault = is_out_of_files(&error).then(|| display(TOO_FEW_OPEN_FILES.fault()));
                tracing::warn!(listener = ?socket.local_addr().ok(), fault, %error, "cannot accept connections; waiting");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = sleep(back_off) => {}
                }
            }
        }
    }
}

/// EMFILE and ENFILE, which have no kind of their own.
fn is_out_of_files(error: &io::Error) -> bool {
    const OUT_OF_FILES: [i32; 2] = [24, 23];
    cfg!(unix) && error.raw_os_error().is_some_and(|code| OUT_OF_FILES.contains(&code))
}

/// Errors of one connection that was lost before it was accepted (accept(2)).
fn passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
