//! The relay that anybody would write in an afternoon: accept, TLS to the upstream, `copy_bidirectional`.

use std::{io, net::SocketAddr, path::Path};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::TlsConnector;

use crate::{part::end_with_parent, place::client_tls};

/// `hops`: where it listens, where that goes, and so on.
pub async fn run(ca: &Path, hops: &[SocketAddr]) {
    end_with_parent();
    let tls = client_tls(ca);
    let mut all = JoinSet::new();
    for hop in hops.chunks_exact(2) {
        let (listener, to, tls) = (TcpListener::bind(hop[0]).await.unwrap(), hop[1], tls.clone());
        all.spawn(async move {
            loop {
                let Ok((mut client, from)) = listener.accept().await else { continue };
                let tls = tls.clone();
                tokio::spawn(async move {
                    let carried = carry(&mut client, to, &tls).await;
                    carried.inspect_err(|error| eprintln!("{from:?} to {to}: {error}"))
                });
            }
        });
    }
    all.join_all().await;
}

async fn carry(client: &mut TcpStream, to: SocketAddr, tls: &TlsConnector) -> io::Result<(u64, u64)> {
    client.set_nodelay(true)?;
    let tcp = TcpStream::connect(to).await?;
    tcp.set_nodelay(true)?;
    let mut upstream = tls.connect(to.ip().into(), tcp).await?;
    copy_bidirectional(client, &mut upstream).await
}
