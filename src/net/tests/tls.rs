use std::os::unix::fs::PermissionsExt;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    super::{ClientTls, Network, ServerTls, Stream, TlsFault, TlsFaultKind},
    authority::Authority,
    connection, soon,
};

/// Both outcomes of one handshake.
async fn handshake(
    server: &ServerTls,
    client: &ClientTls,
    host: &str,
) -> (Result<Stream, TlsFault>, Result<Stream, TlsFault>) {
    let (near, far) = connection().await;
    tokio::join!(near.upgrade_client(client, host, soon()), far.upgrade_server(server, soon()))
}

#[tokio::test]
async fn an_upgraded_stream_carries_bytes_and_knows_its_tls() {
    let authority = Authority::new();
    let (client, server) = handshake(&authority.server("mail.example"), &authority.client(), "mail.example").await;
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    assert_eq!(client.tls_version(), Some("TLSv1_3"));
    assert!(server.is_tls());
    assert_eq!(server.server_name(), Some("mail.example"), "a host of many names needs to hear which one is meant");
    server.write_all(b"220 ready\r\n").await.unwrap();
    server.flush().await.unwrap();
    let mut line = [0; 11];
    client.read_exact(&mut line).await.unwrap();
    assert_eq!(&line, b"220 ready\r\n");
    let close = tokio::spawn(async move { server.close(soon()).await });
    assert_eq!(client.read(&mut line).await.unwrap(), 0, "close_notify reads as the end");
    drop(client);
    close.await.unwrap();
}

#[tokio::test]
async fn a_wrong_name_an_expired_and_an_unknown_certificate_are_refused() {
    let authority = Authority::new();
    let server = authority.server("mail.example");
    let (client, far) = handshake(&server, &authority.client(), "other.example").await;
    assert_eq!(client.unwrap_err().kind, TlsFaultKind::Certificate);
    assert_eq!(far.unwrap_err().kind, TlsFaultKind::Distrusted);

    let (client, _) = handshake(&server, &Authority::new().client(), "mail.example").await;
    assert_eq!(client.unwrap_err().kind, TlsFaultKind::Certificate);

    authority.issue("mail.example", true);
    let (certificate, key) = authority.files();
    let expired = ServerTls::from_files(&certificate, &key).unwrap();
    let (client, _) = handshake(&expired, &authority.client(), "mail.example").await;
    let fault = client.unwrap_err();
    assert_eq!(fault.kind, TlsFaultKind::Certificate);
    assert!(fault.what.contains("expired"), "{fault}");
}

#[tokio::test]
async fn a_changed_certificate_is_picked_up_and_a_bad_one_leaves_the_old_in_use() {
    let authority = Authority::new();
    let server = authority.server("old.example");
    let works = async |host| handshake(&server, &authority.client(), host).await.0.is_ok();
    assert!(works("old.example").await);

    std::fs::write(authority.files().0, "half a certifi").unwrap();
    assert!(works("old.example").await);

    authority.issue("new.example", false);
    assert!(works("new.example").await);
    assert!(!works("old.example").await);
}

/// As `openssl x509 -req` makes it where nothing asks for an extension.
const OF_VERSION_1: [&str; 2] = [
    "\
-----BEGIN CERTIFICATE-----
MIIBJDCBywIUcsIt3cFLR2TrbO0gpf1Fse38J+swCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEzMDA2MTYwMloYDzIxMjYxMTA2MDYxNjAy
WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAS1P60/QaZwjL3hcGZgD8esnddUX82KSgOpKvQm7bgASuFWZF6ad0z6x0g9mjU5
JP1MG+1S1ouYZWEkCzEHv36EMAoGCCqGSM49BAMCA0gAMEUCIQDUsmUb7mtjtXw9
crJc/NoHzlc0QHM/VEek2Uin3RTKygIgG750Olc55482GOm07W+Md7AyNLIwy4TV
mGUwC5d1j4o=
-----END CERTIFICATE-----
",
    "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgvBXxiYFIApdYXDYN
lhGqj57yTkqpRxS9mcgjbxv3F5WhRANCAAS1P60/QaZwjL3hcGZgD8esnddUX82K
SgOpKvQm7bgASuFWZF6ad0z6x0g9mjU5JP1MG+1S1ouYZWEkCzEHv36E
-----END PRIVATE KEY-----
",
];

#[test]
fn what_is_wrong_with_a_pair_is_told_of_the_file_that_it_is_wrong_with() {
    let directory = TempDir::new().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    let [old_form, of_old_form] = OF_VERSION_1;
    std::fs::write(&certificate, old_form).unwrap();
    std::fs::write(&key, of_old_form).unwrap();
    let told = ServerTls::prove(&certificate, &key).unwrap_err().to_string();
    assert!(told.contains("cert.pem: a certificate of version 1"), "{told}");

    let authority = Authority::new();
    authority.issue("mail.example", false);
    std::fs::copy(authority.files().0, &certificate).unwrap();
    let told = ServerTls::prove(&certificate, &key).unwrap_err().to_string();
    assert!(told.contains("key.pem: does not belong to"), "{told}");
}

#[tokio::test]
async fn a_self_signed_certificate_is_made_once_private_and_good_for_localhost() {
    let directory = TempDir::new().unwrap();
    let lan = ["192.0.2.9".parse().unwrap(), "0.0.0.0".parse().unwrap()];
    let first = ServerTls::self_signed(directory.path(), &lan).unwrap();
    let pem = std::fs::read(first.certificate_file()).unwrap();
    let second = ServerTls::self_signed(directory.path(), &lan).unwrap();
    assert_eq!(std::fs::read(second.certificate_file()).unwrap(), pem);
    let mode = std::fs::metadata(directory.path().join("gatepost-selfsigned.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let trusting = ClientTls::trusting_only([CertificateDer::from_pem_slice(&pem).unwrap()]).unwrap();
    for host in ["localhost", "127.0.0.1", "::1", "[::1]", "192.0.2.9"] {
        let (client, _) = handshake(&second, &trusting, host).await;
        assert!(client.is_ok(), "{host}: {client:?}");
    }
}

#[tokio::test]
async fn the_second_connection_resumes_the_session_of_the_first() {
    let authority = Authority::new();
    let (server, client) = (authority.server("mail.example"), authority.client());
    for expected in [rustls::HandshakeKind::Full, rustls::HandshakeKind::Resumed] {
        let (near, far) = handshake(&server, &client, "mail.example").await;
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        assert_eq!(near.handshake_kind(), Some(expected));
        // The ticket comes with the first bytes.
        far.write_all(b".").await.unwrap();
        far.flush().await.unwrap();
        near.read_exact(&mut [0]).await.unwrap();
    }
}

#[tokio::test]
async fn a_ca_file_is_trusted_and_a_useless_one_is_named() {
    let authority = Authority::new();
    let ca_file = authority.directory.path().join("ca.pem");
    std::fs::write(&ca_file, authority.pem()).unwrap();
    let network = Network { ca_file: Some(ca_file.clone()), ..Network::default() };
    let client = ClientTls::new(&network).unwrap();
    assert!(handshake(&authority.server("mail.example"), &client, "mail.example").await.0.is_ok());

    std::fs::write(&ca_file, "no PEM").unwrap();
    let error = ClientTls::new(&network).unwrap_err().to_string();
    assert!(error.contains("ca.pem") && error.contains("BEGIN CERTIFICATE"), "{error}");
}

#[tokio::test]
async fn plain_bytes_before_the_handshake_are_never_used() {
    let authority = Authority::new();
    let (_near, mut far) = connection().await;
    far.unread(&b"EHLO injected\r\n"[..]);
    let fault = far.upgrade_server(&authority.server("mail.example"), soon()).await.unwrap_err();
    assert_eq!(fault.kind, TlsFaultKind::Injected);
    let (mut near, _far) = connection().await;
    near.unread(&b"250 injected\r\n"[..]);
    let fault = near.upgrade_client(&authority.client(), "mail.example", soon()).await.unwrap_err();
    assert_eq!(fault.kind, TlsFaultKind::Injected);
}

/// What the log says about a client that begins with these bytes.
async fn first_bytes(bytes: &[u8]) -> TlsFault {
    let authority = Authority::new();
    let (mut near, far) = connection().await;
    near.write_all(bytes).await.unwrap();
    far.upgrade_server(&authority.server("mail.example"), soon()).await.unwrap_err()
}

#[tokio::test]
async fn a_failed_handshake_names_the_mistake() {
    let plain = first_bytes(b"EHLO\x1b[2J printer\r\n").await;
    assert_eq!(plain.kind, TlsFaultKind::NotTls);
    assert!(plain.what.contains("EHLO\\u{1b}[2J"), "{plain}");

    // TLS 1.0: record, ClientHello, version 3.1, random, no session, one suite, no compression.
    let mut hello = vec![0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0, 0x2f, 1, 0]);
    let old = first_bytes(&hello).await;
    assert_eq!(old.kind, TlsFaultKind::TooOld, "{old}");
    assert!(old.what.contains("plain listener"), "{old}");

    assert_eq!(first_bytes(&[0x80, 0x2e, 1, 3, 1]).await.kind, TlsFaultKind::TooOld);
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_does_not_hold_a_handshake_open() {
    let authority = Authority::new();
    let (_near, far) = connection().await;
    let fault = far.upgrade_server(&authority.server("mail.example"), soon()).await.unwrap_err();
    assert_eq!(fault.kind, TlsFaultKind::Timeout);
}

/// A server that knows TLS 1.1 at most answers with a ServerHello of that version (RFC 4346 7.4.1.3), or with an alert.
#[tokio::test]
async fn an_upstream_that_speaks_tls_1_1_at_most_is_named_and_gets_nothing() {
    let client = Authority::new().client();
    let mut hello = vec![0x16, 3, 2, 0, 42, 2, 0, 0, 38, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0xc0, 0x13, 0]);
    let alert = vec![0x15, 3, 2, 0, 2, 2, 70];
    for answer in [hello, alert] {
        let (near, mut far) = connection().await;
        let server = tokio::spawn(async move {
            let mut heard = vec![0; 16 * 1024];
            let _ = far.read(&mut heard).await.unwrap();
            far.write_all(&answer).await.unwrap();
            // Whatever else comes is an alert, and nothing is said under such a TLS.
            let mut rest = Vec::new();
            let _ = far.read_to_end(&mut rest).await;
            assert!(rest.is_empty() || rest.first() == Some(&0x15), "{rest:?}");
        });
        let fault = near.upgrade_client(&client, "mail.example", soon()).await.unwrap_err();
        assert_eq!(fault.kind, TlsFaultKind::TooOld, "{fault}");
        server.await.unwrap();
    }
}
