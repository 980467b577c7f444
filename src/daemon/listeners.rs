//! Opens the configured listeners and sends each arrival into a session of its own.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::{Arc, PoisonError, RwLock},
};

use tokio::task::AbortHandle;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use tracing::warn;

use super::descriptors;
use crate::{
    base::Protocol,
    catalog::{Advice, own::SOCKET_WITHOUT_LISTENER},
    console::ListenerStatus,
    net::{
        self, Admission, AdmissionLimits, Arrival, Bind, Door, Listener, ListenerTls, OnTurnedAway, PassedSockets,
        ServerTls, SetupFault,
    },
    session::{Doorway, Gate, Stranger, parting, serve},
};

/// One socket that is really open.
#[derive(Debug, Clone)]
pub struct BoundAt {
    pub protocol: Protocol,
    pub address: SocketAddr,
    pub tls: ListenerTls,
}

impl BoundAt {
    /// The configuration's word for the TLS mode.
    pub const fn tls_word(&self) -> &'static str {
        match self.tls {
            ListenerTls::Off => "off",
            ListenerTls::StartTls => "starttls",
            ListenerTls::StartTlsRequired => "starttls-required",
            ListenerTls::Implicit => "implicit",
            ListenerTls::Auto => "auto",
        }
    }

    pub fn status(&self) -> ListenerStatus {
        ListenerStatus { protocol: self.protocol.as_str(), address: self.address.to_string(), tls: self.tls_word() }
    }
}

pub(super) struct Listeners {
    pub gate: Arc<RwLock<Arc<Gate>>>,
    pub state_directory: PathBuf,
    pub stopping: CancellationToken,
    pub sessions: TaskTracker,
}

impl Listeners {
    /// Opens all of them, or none: accepting starts only when every socket is open. With each its accept loop.
    pub fn open(
        &self,
        listeners: &[Listener],
        passed: &mut PassedSockets,
    ) -> Result<Vec<(BoundAt, AbortHandle)>, SetupFault> {
        let mut opened = Vec::new();
        for listener in listeners {
            let tls = self.server_tls(listener)?;
            opened.push((listener, tls, net::bind(listener, passed)?));
        }
        for socket in passed.left_over() {
            let Advice { id, text, owner, next } = SOCKET_WITHOUT_LISTENER.advice();
            warn!(
                id,
                text,
                owner,
                next,
                "systemd handed over a socket that no listener takes, clients get no answer there: {socket}"
            );
        }
        let (limits, at_listeners) =
            (AdmissionLimits::default(), listeners.iter().map(|one| one.max_connections).sum());
        let total = descriptors::sessions(limits.total.min(at_listeners));
        let admission = Admission::new(AdmissionLimits { total, ..limits });
        let mut report = Vec::new();
        for (number, (listener, tls, sockets)) in opened.into_iter().enumerate() {
            for socket in sockets {
                let at = BoundAt { protocol: listener.protocol, address: socket.address(), tls: listener.tls };
                let door = self.door(number, listener, tls.clone(), admission.clone());
                report.push((at, self.spawn(socket, door, listener, tls.clone())));
            }
        }
        Ok(report)
    }

    fn server_tls(&self, listener: &Listener) -> Result<Option<ServerTls>, SetupFault> {
        if listener.tls == ListenerTls::Off {
            return Ok(None);
        }
        if let Some((certificate, key)) = &listener.certificate {
            return ServerTls::from_files(certificate, key).map(Some);
        }
        let addresses: Vec<IpAddr> = listener
            .listen
            .iter()
            .filter_map(|bind| match bind {
                Bind::Address(address) => Some(address.ip()),
                Bind::Systemd(_) => None,
            })
            .collect();
        ServerTls::self_signed(&self.state_directory, &addresses).map(Some)
    }

    fn door(&self, number: usize, listener: &Listener, tls: Option<ServerTls>, admission: Admission) -> Door {
        Door {
            listener: number,
            max_connections: listener.max_connections,
            tls: listener.tls,
            server_tls: tls,
            proxy_protocol_from: listener.proxy_protocol_from.clone(),
            admission,
            too_busy: parting::too_busy(listener.protocol).into(),
            tls_expected: parting::tls_expected(listener.protocol).into(),
            on_turned_away: self.on_turned_away(listener),
            sessions: self.sessions.clone(),
            stop: self.stopping.clone(),
        }
    }

    fn on_turned_away(&self, listener: &Listener) -> OnTurnedAway {
        let gate = self.gate.clone();
        let (protocol, is_behind_others) = (listener.protocol, !listener.proxy_protocol_from.is_empty());
        Arc::new(move |why, peer| {
            let gate = gate.read().unwrap_or_else(PoisonError::into_inner).clone();
            Stranger::before_greeting(protocol, peer, is_behind_others).turned_away(why, &gate.meter);
        })
    }

    fn spawn(&self, socket: net::Bound, door: Door, listener: &Listener, tls: Option<ServerTls>) -> AbortHandle {
        let doorway = Arc::new(Doorway { protocol: listener.protocol, mode: listener.tls, tls });
        let gate = self.gate.clone();
        tokio::spawn(async move {
            let meet = move |Arrival { stream, seat }| {
                // The newest gate: a reload counts from the next connection on.
                let gate = gate.read().unwrap_or_else(PoisonError::into_inner).clone();
                serve(gate, doorway.clone(), stream, seat)
            };
            socket.serve(door, meet).await;
        })
        .abort_handle()
    }
}
