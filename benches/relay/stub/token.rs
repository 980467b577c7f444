//! The token endpoint: every code and every refresh token brings an access token; refreshes are counted.

use std::{
    io,
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// Tokens for an hour.
pub const TOKEN: &str = "/token";
/// The first token ends as soon as it can, and a new one takes its time.
pub const EXPIRED: &str = "/expired";
/// How many refreshes were asked of `EXPIRED`, as a number.
pub const ASKED: &str = "/asked";

/// Long enough that a thousand logins wait for it together.
const SLOWLY: Duration = Duration::from_secs(3);

static REFRESHES: AtomicU32 = AtomicU32::new(0);

pub async fn serve(address: SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    loop {
        let Ok((tcp, _)) = listener.accept().await else { continue };
        tokio::spawn(answer(tcp));
    }
}

async fn answer(tcp: TcpStream) -> io::Result<()> {
    let mut io = BufReader::new(tcp);
    let (mut line, mut length) = (String::new(), 0);
    io.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while !line.trim().is_empty() {
        line.clear();
        io.read_line(&mut line).await?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut form = vec![0; length];
    io.read_exact(&mut form).await?;
    let is_refresh = String::from_utf8_lossy(&form).contains("grant_type=refresh_token");
    let mut life = 3600;
    if path == EXPIRED && is_refresh {
        REFRESHES.fetch_add(1, Ordering::Relaxed);
        sleep(SLOWLY).await;
    } else if path == EXPIRED {
        life = 1;
    }
    let body = match path.as_str() {
        ASKED => REFRESHES.load(Ordering::Relaxed).to_string(),
        // As long as Entra's.
        _ => format!(
            r#"{{"token_type":"Bearer","access_token":"{}","refresh_token":"r","expires_in":{life}}}"#,
            "a".repeat(1800)
        ),
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    io.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await
}
