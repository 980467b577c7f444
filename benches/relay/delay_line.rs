//! A wire that is twenty milliseconds long: round trips become countable.
//!
//! Connecting takes a round trip too, as on a real wire, although the socket here is connected at once.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinHandle,
    time::{Instant, sleep_until},
};

const ONE_WAY: Duration = Duration::from_millis(20);
pub const ROUND_TRIP: Duration = Duration::from_millis(40);

/// Ends when it is dropped.
pub struct DelayLine {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl DelayLine {
    pub async fn new(address: SocketAddr, to: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let connected = Instant::now() + ROUND_TRIP;
                let Ok(far) = TcpStream::connect(to).await else { continue };
                near.set_nodelay(true).unwrap();
                far.set_nodelay(true).unwrap();
                let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
                pipe(near_in, far_out, connected);
                pipe(far_in, near_out, connected);
            }
        });
        Self { address, task }
    }
}

impl Drop for DelayLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Nothing leaves before `not_before`, which is when the connection would be up.
fn pipe(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, not_before: Instant) {
    let (queue, mut due) = mpsc::channel::<(Instant, Vec<u8>)>(1024);
    tokio::spawn(async move {
        let mut chunk = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from.read(&mut chunk).await {
            let at = Instant::now().max(not_before) + ONE_WAY;
            if queue.send((at, chunk[..n].to_vec())).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((at, bytes)) = due.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
    });
}
