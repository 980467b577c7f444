//! The upstream: an IMAP and an SMTP server behind TLS 1.3 that do next to nothing, and a token endpoint.
//!
//! It answers from memory that is there already, so that what is measured is the relay. It checks nothing: any
//! password and any token is right. A process of its own, so that its work is nobody's.

mod imap;
mod smtp;
mod token;

use std::{fs, io, net::SocketAddr, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::TLS13,
};
use tokio::{
    io::BufReader,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::part::end_with_parent;

pub use token::{ASKED, EXPIRED, TOKEN};

type Connection = BufReader<TlsStream<TcpStream>>;

/// `hasty`: SMTP that hangs up behind each message.
pub async fn run(folder: &Path, imap: SocketAddr, smtp: SocketAddr, hasty: SocketAddr, http: SocketAddr) {
    end_with_parent();
    let tls = acceptor(folder);
    tokio::join!(
        serve(imap, tls.clone(), imap::converse),
        serve(smtp, tls.clone(), |io| smtp::converse(io, false)),
        serve(hasty, tls, |io| smtp::converse(io, true)),
        token::serve(http),
    );
}

fn acceptor(folder: &Path) -> TlsAcceptor {
    let chain = vec![CertificateDer::from_pem_slice(&fs::read(folder.join("cert.pem")).unwrap()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&fs::read(folder.join("key.pem")).unwrap()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    // Tickets without state, as large servers give them: every proxy may resume.
    config.ticketer = aws_lc_rs::Ticketer::new().unwrap();
    Arc::new(config).into()
}

async fn serve<F, S>(address: SocketAddr, tls: TlsAcceptor, converse: F)
where
    F: Fn(Connection) -> S + Copy + Send + 'static,
    S: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = backlog(address, 4096);
    loop {
        let Ok((tcp, _)) = listener.accept().await else { continue };
        let tls = tls.clone();
        tokio::spawn(async move {
            let served = secured(tcp, &tls, converse).await;
            served.inspect_err(|error| eprintln!("{address}: {error}"))
        });
    }
}

async fn secured<F, S>(tcp: TcpStream, tls: &TlsAcceptor, converse: F) -> io::Result<()>
where
    F: Fn(Connection) -> S,
    S: Future<Output = io::Result<()>>,
{
    tcp.set_nodelay(true)?;
    let stream = tls.accept(tcp).await?;
    converse(BufReader::with_capacity(16 * 1024, stream)).await
}

fn backlog(address: SocketAddr, depth: u32) -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(depth).unwrap()
}
