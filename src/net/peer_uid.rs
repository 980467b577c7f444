//! Which user of this machine is at the other end of a loopback connection (Linux only; elsewhere nobody knows).
//!
//! Refuses to guess: a socket that its owner has closed already is shown as root's, and several sockets can share an
//! address towards different peers. Where the lines do not agree, or tell of a closed one, the answer is `None`.

use std::net::SocketAddr;

/// The uid that owns the client's socket, where the system tells.
#[cfg(target_os = "linux")]
pub fn peer_uid(peer: SocketAddr) -> Option<u32> {
    // The table is read in pieces while sockets come and go, and one may be missed.
    (0..LOOKS).find_map(|_| look(peer))
}

#[cfg(target_os = "linux")]
const LOOKS: usize = 3;

#[cfg(target_os = "linux")]
fn look(peer: SocketAddr) -> Option<u32> {
    let mut owners = tables(peer).into_iter().flat_map(|(table, wanted)| owners(table, &wanted));
    let first = owners.next()??;
    owners.all(|other| other == Some(first)).then_some(first)
}

#[cfg(not(target_os = "linux"))]
pub fn peer_uid(_: SocketAddr) -> Option<u32> {
    None
}

/// The user who runs this process.
#[cfg(unix)]
pub fn own_uid() -> Option<u32> {
    Some(rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
pub fn own_uid() -> Option<u32> {
    None
}

/// Where a peer may stand, and how it is written there. An IPv4 client may use an IPv6 socket, which stands in the
/// other table, whatever its peer here looks like. `self` and not `/proc/net`: hardened units hide the latter.
#[cfg(target_os = "linux")]
fn tables(peer: SocketAddr) -> Vec<(&'static str, String)> {
    const V4: &str = "/proc/self/net/tcp";
    const V6: &str = "/proc/self/net/tcp6";
    match (peer.ip().to_canonical(), peer.port()) {
        (std::net::IpAddr::V4(ip), port) => {
            vec![(V4, written(&ip.octets(), port)), (V6, written(&ip.to_ipv6_mapped().octets(), port))]
        }
        (std::net::IpAddr::V6(ip), port) => vec![(V6, written(&ip.octets(), port))],
    }
}

/// As the kernel writes it: 32-bit words in host order, then the port.
#[cfg(target_os = "linux")]
fn written(octets: &[u8], port: u16) -> String {
    let words = octets.chunks_exact(4).filter_map(|word| word.try_into().ok());
    let words: String = words.map(|word| format!("{:08X}", u32::from_ne_bytes(word))).collect();
    format!("{words}:{port:04X}")
}

/// The owner of each socket at that address; `None` for one that its owner has closed (it has no inode any more).
#[cfg(target_os = "linux")]
fn owners(table: &str, wanted: &str) -> Vec<Option<u32>> {
    /// TIME_WAIT: a connection of the past.
    const OVER: &str = "06";
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let sockets = text.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().take(10).collect();
        let [_, local, _, state, _, _, _, uid, _, inode] = fields.as_slice() else { return None };
        let here = *local == wanted && *state != OVER;
        here.then(|| uid.parse().ok().filter(|_| *inode != "0"))
    });
    sockets.collect()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use socket2::{Domain, Socket, Type};

    use super::*;

    fn own() -> Option<u32> {
        Some(rustix::process::getuid().as_raw())
    }

    /// An IPv6 socket that is connected to an IPv4 listener.
    fn mapped(to: SocketAddr) -> Socket {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        socket.set_only_v6(false).unwrap();
        let to: SocketAddr = format!("[::ffff:127.0.0.1]:{}", to.port()).parse().unwrap();
        socket.connect(&to.into()).unwrap();
        socket
    }

    #[test]
    fn our_own_connection_is_ours() {
        for bind in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(bind).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            assert_eq!(peer_uid(client.local_addr().unwrap()), own(), "{bind}");
        }
    }

    #[test]
    fn an_ipv4_client_on_an_ipv6_socket_is_found_too() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _client = mapped(listener.local_addr().unwrap());
        let (_stream, peer) = listener.accept().unwrap();
        assert!(peer.is_ipv4());
        assert_eq!(peer_uid(peer), own());
    }

    #[test]
    fn an_ipv4_client_of_a_dual_stack_listener_is_found_too() {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None).unwrap();
        socket.set_only_v6(false).unwrap();
        socket.bind(&"[::]:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        socket.listen(4).unwrap();
        let listener = TcpListener::from(socket);
        let port = listener.local_addr().unwrap().port();
        let _client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (_stream, peer) = listener.accept().unwrap();
        assert!(peer.is_ipv6());
        assert_eq!(peer_uid(peer), own());
    }

    #[test]
    fn a_client_that_has_hung_up_is_nobody_and_not_root() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_stream, peer) = listener.accept().unwrap();
        drop(client);
        assert_eq!(peer_uid(peer), None);
    }
}
