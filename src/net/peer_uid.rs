//! Which user of this machine is at the other end of a loopback connection (Linux only; elsewhere nobody knows).

use std::net::SocketAddr;

/// The uid that owns the client's socket, where the system tells.
#[cfg(target_os = "linux")]
pub fn peer_uid(peer: SocketAddr) -> Option<u32> {
    let table = if peer.is_ipv4() { "/proc/net/tcp" } else { "/proc/net/tcp6" };
    let wanted = written(peer);
    let text = std::fs::read_to_string(table).ok()?;
    text.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        (local == wanted).then(|| fields.nth(5)?.parse().ok()).flatten()
    })
}

#[cfg(not(target_os = "linux"))]
pub fn peer_uid(_: SocketAddr) -> Option<u32> {
    None
}

/// As the kernel writes it: 32-bit words in host order, then the port.
#[cfg(target_os = "linux")]
fn written(address: SocketAddr) -> String {
    let words = match address {
        SocketAddr::V4(v4) => format!("{:08X}", u32::from_ne_bytes(v4.ip().octets())),
        SocketAddr::V6(v6) => v6
            .ip()
            .octets()
            .chunks_exact(4)
            .filter_map(|word| word.try_into().ok())
            .map(|word| format!("{:08X}", u32::from_ne_bytes(word)))
            .collect(),
    };
    format!("{words}:{:04X}", address.port())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn our_own_connection_is_ours() {
        for bind in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(bind).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let uid = rustix::process::getuid().as_raw();
            assert_eq!(peer_uid(client.local_addr().unwrap()), Some(uid), "{bind}");
        }
    }
}
