//! Sockets handed over by systemd, by name or by port (sd_listen_fds_with_names(3)).
//!
//! The `listenfd` crate takes the descriptors but knows no names; those are in `LISTEN_FDNAMES`, in the same order. One
//! socket unit gives one name to all of its sockets, so a name that is a number means the port.

use std::{
    fmt,
    net::{SocketAddr, TcpListener},
};

use super::SetupFault;

/// What was handed over.
#[derive(Default)]
pub struct PassedSockets {
    all: Vec<Passed>,
}

/// What a restart hands over again: names and addresses alone.
#[derive(Debug, Default)]
pub struct HandedOver(Vec<(String, SocketAddr)>);

impl HandedOver {
    /// Whether listeners of these names and ports have a socket each: one that took all of a name leaves the next none.
    pub fn are_enough<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> bool {
        let mut left: Vec<_> = self.0.iter().collect();
        names.into_iter().all(|name| {
            let before = left.len();
            left.retain(|(known, address)| !answers(known, Some(*address), name));
            left.len() < before
        })
    }
}

struct Passed {
    name: String,
    /// `None`: it is no TCP socket.
    address: Option<SocketAddr>,
    /// `None`: a listener took it, or it is no TCP socket.
    socket: Option<TcpListener>,
}

impl Passed {
    fn new(name: &str, socket: Option<TcpListener>) -> Self {
        let name = if name.is_empty() { "unknown" } else { name };
        let address = socket.as_ref().and_then(|socket| socket.local_addr().ok());
        Self { name: name.to_owned(), address, socket }
    }
}

/// A number is a port.
fn answers(known: &str, address: Option<SocketAddr>, name: &str) -> bool {
    match name.parse::<u16>() {
        Ok(port) => address.is_some_and(|address| address.port() == port),
        Err(_) => known == name,
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address, &self.socket) {
            (None, _) => write!(f, "{} (no TCP socket)", self.name),
            (Some(address), Some(_)) => write!(f, "{} at {address}", self.name),
            (Some(address), None) => write!(f, "{} at {address} (taken)", self.name),
        }
    }
}

impl PassedSockets {
    /// Takes them from the environment; a second call finds none.
    #[cfg(unix)]
    pub fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut fds = listenfd::ListenFd::from_env();
        let all = (0..fds.len())
            .map(|n| Passed::new(names.next().unwrap_or_default(), fds.take_tcp_listener(n).ok().flatten()))
            .collect();
        Self { all }
    }

    #[cfg(not(unix))]
    pub fn from_environment() -> Self {
        Self::default()
    }

    /// All sockets of that name, or at that port (a socket unit may have several `ListenStream=`).
    pub fn take(&mut self, name: &str) -> Result<Vec<TcpListener>, SetupFault> {
        let mine = self.all.iter_mut().filter(|passed| answers(&passed.name, passed.address, name));
        let found: Vec<TcpListener> = mine.filter_map(|passed| passed.socket.take()).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let (wanted, line) = match name.parse::<u16>() {
            Ok(port) => (format!("at port {port}"), format!("ListenStream={port}")),
            Err(_) => ("of that name".to_owned(), format!("FileDescriptorName={name}")),
        };
        let passed: Vec<String> = self.all.iter().map(ToString::to_string).collect();
        Err(SetupFault::of_socket(
            name,
            format_args!(
                "systemd handed over no TCP socket {wanted} (it handed over: {}); set {line} in the socket unit and start \
                 that before the service",
                if passed.is_empty() { "nothing".to_owned() } else { passed.join(", ") }
            ),
        ))
    }

    /// All of it, taken or not.
    pub fn handed_over(&self) -> HandedOver {
        HandedOver(self.all.iter().filter_map(|one| Some((one.name.clone(), one.address?))).collect())
    }

    /// What no listener took. systemd goes on listening there, and clients would wait for an answer in vain.
    pub fn left_over(&self) -> impl Iterator<Item = String> {
        self.all.iter().filter(|passed| passed.socket.is_some() || passed.address.is_none()).map(ToString::to_string)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(name: &str) -> (Passed, u16) {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        (Passed::new(name, Some(socket)), port)
    }

    #[test]
    fn sockets_are_taken_by_name_once_and_a_wrong_name_lists_what_there_was() {
        let ((one, _), (two, imap), (three, _)) = (passed("smtp"), passed("imap"), passed("smtp"));
        let mut passed = PassedSockets { all: vec![one, two, three, Passed::new("", None)] };
        assert_eq!(passed.take("smtp").unwrap().len(), 2);
        let error = passed.take("smtp").unwrap_err().to_string();
        assert!(error.contains(" (taken), ") && error.contains("set FileDescriptorName=smtp"), "{error}");
        assert!(error.contains(&format!("imap at 127.0.0.1:{imap}, ")), "{error}");
        assert!(error.contains("unknown (no TCP socket)"), "{error}");
        assert_eq!(passed.take("imap").unwrap().len(), 1);
        assert_eq!(passed.left_over().collect::<Vec<_>>(), ["unknown (no TCP socket)"]);
    }

    /// A restart would have ended the daemon, and the next one could not start.
    #[test]
    fn a_socket_that_two_listeners_want_is_enough_for_one_of_them() {
        let ((one, port), (two, _)) = (passed("mail"), passed("mail"));
        let mut all = PassedSockets { all: vec![one, two] };
        let (handed_over, by_port) = (all.handed_over(), port.to_string());
        assert!(handed_over.are_enough([by_port.as_str(), "mail"]), "the port has one, the name the other");
        assert!(handed_over.are_enough(["mail"]) && handed_over.are_enough([]));
        for wanted in [["mail", by_port.as_str()], ["mail", "mail"], ["mail", "imap"]] {
            assert!(!handed_over.are_enough(wanted), "{wanted:?}");
        }
        assert!(all.take("mail").is_ok() && all.take(&by_port).is_err(), "as a start has it");
    }

    #[test]
    fn a_number_is_a_port_whatever_the_unit_calls_its_sockets() {
        let ((one, port), (two, _)) = (passed("gatepost.socket"), passed("gatepost.socket"));
        let mut all = PassedSockets { all: vec![one, two] };
        let taken = all.take(&port.to_string()).unwrap();
        assert_eq!(taken.iter().map(|socket| socket.local_addr().unwrap().port()).collect::<Vec<_>>(), [port]);
        assert_eq!(all.left_over().count(), 1);
        let error = all.take("1").unwrap_err().to_string();
        assert!(error.contains("no TCP socket at port 1 (it handed over: gatepost.socket at 127.0.0.1:"), "{error}");
        assert!(error.contains("set ListenStream=1 in the socket unit"), "{error}");
        let nothing = PassedSockets::default().take("25").unwrap_err().to_string();
        assert!(nothing.contains("(it handed over: nothing)"), "{nothing}");
    }
}
