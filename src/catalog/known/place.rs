//! One of our own addresses that is not open: who else may have it, and what the configuration has in its place.
//!
//! It refuses to choose a port: which one is free, and which one clients can be told, whoever runs Gatepost knows.

use std::net::SocketAddr;

use super::Known;
use crate::catalog::harmless::is_harmless;

/// Where a listener, or the console, takes connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub address: SocketAddr,
    /// It stands under `[console]`, as a text; under a `[[listener]]` as one of a list.
    pub is_console: bool,
}

impl Place {
    pub fn of_console(address: SocketAddr) -> Self {
        Self { address, is_console: true }
    }

    pub fn of_listener(address: SocketAddr) -> Self {
        Self { address, is_console: false }
    }
}

impl Known {
    /// Where nothing is known of it, it may be of either.
    pub(in crate::catalog) fn may_be_of_console(&self) -> bool {
        self.place.is_none_or(|place| place.is_console)
    }

    pub(in crate::catalog) fn may_be_of_listener(&self) -> bool {
        self.place.is_none_or(|place| !place.is_console)
    }

    /// Of the place it is about, or of the server.
    pub(super) fn port(&self) -> Option<u16> {
        let only = if let [only] = self.ports_of_ours.as_slice() { Some(*only) } else { None };
        self.place.map(|place| place.address.port()).or(self.port).or(only)
    }

    /// Names whoever keeps others out there, and nobody who has the same port at another address. Who has the port on all
    /// addresses has it on each: `[::]` mostly means those of IPv4 as well.
    pub(super) fn look_at_place(&self) -> String {
        let port = self.value("port");
        let one = |ip: &str| format!("src = {ip}:{port}");
        let sockets = match self.place.map(|place| place.address) {
            Some(SocketAddr::V4(at)) if !at.ip().is_unspecified() => {
                [one(&at.ip().to_string()), one("0.0.0.0"), one("[::]")].join(" or ")
            }
            Some(SocketAddr::V6(at)) if !at.ip().is_unspecified() => {
                [one(&format!("[{}]", at.ip())), one("[::]")].join(" or ")
            }
            None if self.ports_of_ours.len() > 1 => {
                self.ports_of_ours.iter().map(|port| format!("sport = :{port}")).collect::<Vec<_>>().join(" or ")
            }
            Some(_) | None => format!("sport = :{port}"),
        };
        format!("ss -ltnp '{sockets}'")
    }

    /// What the socket unit has where it hands it over.
    pub(super) fn socket_line(&self) -> String {
        match self.socket.as_deref().filter(|socket| is_harmless(socket)) {
            Some(socket) if socket.parse::<u16>().is_err() => format!("FileDescriptorName={socket}"),
            port => format!("ListenStream={}", port.unwrap_or("<port>")),
        }
    }

    /// The address that stands there, with another port.
    pub(super) fn other_place(&self) -> String {
        match self.place.map(|place| place.address) {
            Some(SocketAddr::V4(at)) => format!("{}:<other-port>", at.ip()),
            Some(SocketAddr::V6(at)) => format!("[{}]:<other-port>", at.ip()),
            None => "<address>:<other-port>".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_port_is_asked_for_at_the_address_that_is_taken_and_on_all_of_them() {
        for (at, looks) in [
            ("127.0.81.20:28100", "src = 127.0.81.20:28100 or src = 0.0.0.0:28100 or src = [::]:28100"),
            ("[::1]:28100", "src = [::1]:28100 or src = [::]:28100"),
            ("0.0.0.0:28100", "sport = :28100"),
            ("[::]:28100", "sport = :28100"),
        ] {
            let known = Known { place: Some(Place::of_listener(at.parse().unwrap())), ..Known::default() };
            assert_eq!(known.look_at_place(), format!("ss -ltnp '{looks}'"));
        }
        assert_eq!(Known::default().look_at_place(), "ss -ltnp 'sport = :<port>'");
        let one_of = |ports: &[u16]| Known { ports_of_ours: ports.to_vec(), ..Known::default() }.look_at_place();
        assert_eq!(one_of(&[1587]), "ss -ltnp 'sport = :1587'");
        assert_eq!(one_of(&[1587, 8425]), "ss -ltnp 'sport = :1587 or sport = :8425'");
    }

    #[test]
    fn a_socket_that_systemd_hands_over_is_named_as_its_unit_has_it() {
        for (socket, line) in [
            (Some("587"), "ListenStream=587"),
            (Some("smtp"), "FileDescriptorName=smtp"),
            (Some("`x`"), "ListenStream=<port>"),
            (None, "ListenStream=<port>"),
        ] {
            let known = Known { socket: socket.map(str::to_owned), ..Known::default() };
            assert_eq!(known.socket_line(), line);
        }
    }
}
