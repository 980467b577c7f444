//! Sockets handed over by systemd, by name (sd_listen_fds_with_names(3)).
//!
//! The `listenfd` crate takes the descriptors but knows no names; those are in `LISTEN_FDNAMES`, in the same order.

use std::net::TcpListener;

use super::SetupFault;

/// What was handed over and not yet taken.
#[derive(Default)]
pub struct PassedSockets {
    sockets: Vec<(String, Option<TcpListener>)>,
}

impl PassedSockets {
    /// Takes them from the environment; a second call finds none.
    #[cfg(unix)]
    pub fn from_environment() -> Self {
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut fds = listenfd::ListenFd::from_env();
        let sockets = (0..fds.len())
            .map(|n| {
                let name = names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
                // Something that is no TCP listener keeps its place, so that the message below can name it.
                (name, fds.take_tcp_listener(n).ok().flatten())
            })
            .collect();
        Self { sockets }
    }

    #[cfg(not(unix))]
    pub fn from_environment() -> Self {
        Self::default()
    }

    /// All sockets of that name (a socket unit may have several `ListenStream=`).
    pub fn take(&mut self, name: &str) -> Result<Vec<TcpListener>, SetupFault> {
        let (mine, others): (Vec<_>, Vec<_>) = self.sockets.drain(..).partition(|(of, _)| of == name);
        self.sockets = others;
        let found: Vec<TcpListener> = mine.into_iter().filter_map(|(_, socket)| socket).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let names: Vec<&str> = self.sockets.iter().map(|(name, _)| name.as_str()).collect();
        Err(SetupFault::new(format!(
            "listen = \"systemd:{name}\": systemd handed over no TCP socket of that name (others: {}); \
             set FileDescriptorName={name} in the socket unit and start that",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_taken_by_name_once_and_a_wrong_name_lists_the_others() {
        let socket = || TcpListener::bind("127.0.0.1:0").unwrap();
        let named = |name: &str| (name.to_owned(), Some(socket()));
        let mut passed = PassedSockets { sockets: vec![named("smtp"), named("imap"), named("smtp")] };
        assert_eq!(passed.take("smtp").unwrap().len(), 2);
        let error = passed.take("smtp").unwrap_err().to_string();
        assert!(error.contains("others: imap"), "{error}");
        assert_eq!(passed.take("imap").unwrap().len(), 1);
    }
}
