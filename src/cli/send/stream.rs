//! One connection to a listener, plain or TLS, blocking: a command that sends one message needs no runtime.
//!
//! A listener on this machine often has a self-made certificate, and nobody else can answer on a loopback address:
//! there any certificate is taken. Elsewhere the name and the chain are checked against the system's roots.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme, StreamOwned,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use super::Failure;

const CONNECT: Duration = Duration::from_secs(10);
/// A whole send takes no longer: the daemon answers a sign-on within a minute, the rest is one message.
const TOTAL: Duration = Duration::from_secs(600);

pub struct Stream {
    transport: Transport,
    host: String,
    loopback: bool,
    until: Instant,
}

enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    pub fn connect(server: &str) -> Result<Self, Failure> {
        let host = server.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']).to_owned());
        let host = host.ok_or_else(|| {
            Failure::usage(format!("--server {server}: a port is missing"), "for example --server 192.168.10.2:587")
        })?;
        let addresses: Vec<SocketAddr> = server
            .to_socket_addrs()
            .map_err(|e| Failure::new(format!("{server} cannot be resolved: {e}"), "check the name and the port"))?
            .collect();
        let mut cause = "no address".to_owned();
        for address in &addresses {
            match TcpStream::connect_timeout(address, CONNECT) {
                Ok(tcp) => {
                    let loopback = address.ip().to_canonical().is_loopback();
                    let until = Instant::now() + TOTAL;
                    return Ok(Self { transport: Transport::Plain(tcp), host, loopback, until });
                }
                // A name may have several addresses.
                Err(e) if address.to_string() == server => cause = e.to_string(),
                Err(e) => cause = format!("{address}: {e}"),
            }
        }
        Err(Failure::new(
            format!("no connection to {server}: {cause}"),
            "is `gatepost run` running, and does it listen there?",
        ))
    }

    pub fn secure(self) -> Result<Self, Failure> {
        let Transport::Plain(tcp) = self.transport else { return Ok(self) };
        let failed = |cause: String| {
            Failure::new(format!("no TLS with {}: {cause}", self.host), "check --tls and the certificate")
        };
        let name = ServerName::try_from(self.host.clone()).map_err(|e| failed(e.to_string()))?;
        let config = client_config(self.loopback).map_err(|e| failed(e.to_string()))?;
        let connection = ClientConnection::new(Arc::new(config), name).map_err(|e| failed(e.to_string()))?;
        limit(&tcp, self.until).map_err(|e| failed(e.to_string()))?;
        let mut tls = StreamOwned::new(connection, tcp);
        while tls.conn.is_handshaking() {
            tls.conn.complete_io(&mut tls.sock).map_err(|e| failed(e.to_string()))?;
        }
        Ok(Self { transport: Transport::Tls(Box::new(tls)), ..self })
    }
}

impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let until = self.until;
        match &mut self.transport {
            Transport::Plain(tcp) => limit(tcp, until).and_then(|()| tcp.read(into)),
            Transport::Tls(tls) => limit(&tls.sock, until).and_then(|()| tls.read(into)),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let until = self.until;
        match &mut self.transport {
            Transport::Plain(tcp) => limit(tcp, until).and_then(|()| tcp.write(bytes)),
            Transport::Tls(tls) => limit(&tls.sock, until).and_then(|()| tls.write(bytes)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.transport {
            Transport::Plain(tcp) => tcp.flush(),
            Transport::Tls(tls) => tls.flush(),
        }
    }
}

/// The next read or write may take what is left of the whole time, and no more than two minutes of it.
fn limit(tcp: &TcpStream, until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now()).min(Duration::from_secs(120));
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    tcp.set_read_timeout(Some(left)).and_then(|()| tcp.set_write_timeout(Some(left)))
}

fn client_config(loopback: bool) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    if loopback {
        let verifier = Arc::new(ThisMachine(provider));
        return Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Takes any certificate, but still wants proof of its key.
#[derive(Debug)]
struct ThisMachine(Arc<CryptoProvider>);

impl ServerCertVerifier for ThisMachine {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
