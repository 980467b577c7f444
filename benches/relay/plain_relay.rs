//! The relay that anybody would write in an afternoon: accept, TLS to the upstream, `copy_bidirectional`.

use std::{net::SocketAddr, path::Path};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use crate::{part::end_with_parent, place::client_tls};

/// `hops`: where it listens, where that goes, and so on.
pub async fn run(ca: &Path, hops: &[SocketAddr]) {
    end_with_parent();
    let tls = client_tls(ca);
    let mut all = JoinSet::new();
    for hop in hops.chunks_exact(2) {
        let (from, to, tls) = (TcpListener::bind(hop[0]).await.unwrap(), hop[1], tls.clone());
        all.spawn(async move {
            loop {
                let Ok((mut client, _)) = from.accept().await else { continue };
                let tls = tls.clone();
                tokio::spawn(async move {
                    client.set_nodelay(true)?;
                    let tcp = TcpStream::connect(to).await?;
                    tcp.set_nodelay(true)?;
                    let mut upstream = tls.connect(to.ip().into(), tcp).await?;
                    copy_bidirectional(&mut client, &mut upstream).await
                });
            }
        });
    }
    all.join_all().await;
}
