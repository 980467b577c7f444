//! An Exchange Online that speaks its real words: SMTP submission, IMAP and POP3 over mailboxes in memory.
//!
//! Texts come from logs that others published; the comments name them. It is not Exchange: only a real
//! tenant shows real limits. Nothing leaves: mail for other domains is accepted and recorded.

pub(in crate::sandbox) mod faults;
mod imap;
pub mod mailbox;
mod pop3;
mod seats;
mod sign_on;
mod smtp;
mod wire;

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{faults::Switchboard, pki::Pki, tally::Tally, tenant::Tenant, transcript::Transcript};
use crate::base::Protocol;
use mailbox::Mailbox;
use wire::Wire;

/// Connections at a time; beyond it new ones are closed at once.
const CONNECTIONS: usize = 10_000;
/// Accepted messages kept for inspection.
const SUBMISSIONS: usize = 10_000;
const SUBMISSION_BYTES: usize = 1 << 30;

/// Everything that connections share.
pub(in crate::sandbox) struct World {
    pub tenant: Arc<Tenant>,
    pub mailboxes: HashMap<String, Arc<Mailbox>>,
    pub faults: Switchboard,
    pub transcript: Arc<Transcript>,
    pub tally: Arc<Tally>,
    pub pki: Pki,
    pub stop: CancellationToken,
    pub tasks: TaskTracker,
    pub seats: seats::Seats,
    connections: AtomicU64,
    messages: AtomicU64,
    submissions: Mutex<VecDeque<Submission>>,
    /// When each mailbox sent, within the last minute.
    sent: Mutex<HashMap<String, VecDeque<Instant>>>,
}

/// A message that SMTP or Graph accepted.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The mailbox that signed on.
    pub mailbox: String,
    pub from: String,
    pub recipients: Vec<String>,
    /// As sent, dots unstuffed.
    pub bytes: Bytes,
}

impl World {
    pub fn new(
        tenant: Arc<Tenant>,
        faults: Switchboard,
        transcript: Arc<Transcript>,
        tally: Arc<Tally>,
        pki: Pki,
        stop: CancellationToken,
    ) -> Self {
        let mailboxes = tenant.people().iter().map(|person| person.address.to_ascii_lowercase());
        let mailboxes = mailboxes.map(|address| (address.clone(), Arc::new(Mailbox::new(&address)))).collect();
        Self {
            tenant,
            mailboxes,
            faults,
            transcript,
            tally,
            pki,
            stop,
            tasks: TaskTracker::new(),
            seats: seats::Seats::default(),
            connections: AtomicU64::new(0),
            messages: AtomicU64::new(0),
            submissions: Mutex::default(),
            sent: Mutex::default(),
        }
    }

    pub fn mailbox(&self, address: &str) -> Option<Arc<Mailbox>> {
        self.mailboxes.get(&address.to_ascii_lowercase()).cloned()
    }

    pub fn submissions(&self) -> Vec<Submission> {
        self.submissions.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    pub fn record(&self, submission: Submission) {
        self.tally.count(|counts| counts.messages += 1);
        let mut kept = self.submissions.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back(submission);
        let mut bytes: usize = kept.iter().map(|submission| submission.bytes.len()).sum();
        while kept.len() > SUBMISSIONS || bytes > SUBMISSION_BYTES {
            bytes -= kept.pop_front().map_or(bytes, |oldest| oldest.bytes.len());
        }
    }

    /// Takes a place in the mailbox's minute, or tells how long until there is one.
    fn take_minute(&self, mailbox: &str, limit: usize) -> Result<(), Duration> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let times = sent.entry(mailbox.to_owned()).or_default();
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        while times.front().is_some_and(|oldest| now.duration_since(*oldest) >= minute) {
            times.pop_front();
        }
        if times.len() < limit {
            times.push_back(now);
            return Ok(());
        }
        let oldest = times.front().copied().unwrap_or(now);
        Err(minute.saturating_sub(now.duration_since(oldest)))
    }

    /// Numbers a message that brings no Message-ID.
    fn next_message(&self) -> u64 {
        self.messages.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Accepts connections of one protocol until the sandbox ends.
pub(in crate::sandbox) async fn serve(world: Arc<World>, protocol: Protocol, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = world.stop.cancelled() => return,
        };
        match accepted {
            Ok((socket, _)) if world.tasks.len() < CONNECTIONS => {
                let world = world.clone();
                world.tasks.clone().spawn(async move {
                    let stop = world.stop.clone();
                    tokio::select! {
                        _ended = converse(world, protocol, socket) => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
            Ok(_) => {}
            // Out of descriptors, most likely: give others time to close.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn converse(world: Arc<World>, protocol: Protocol, socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let _open = world.tally.connected(protocol);
    let faults = world.faults.line(protocol);
    let mut wire = Wire::new(world.clone(), protocol, world.next_connection(), Box::new(socket));
    if faults.silent {
        return Err(wire.fall_silent().await);
    }
    if protocol != Protocol::Smtp {
        wire.secure().await?;
    }
    if faults.garbage_greeting {
        // No line end anywhere, every byte value but CR and LF.
        let noise: Vec<u8> = (0..=255u8).filter(|byte| !b"\r\n".contains(byte)).cycle().take(64 * 1024).collect();
        wire.put(&noise).await?;
        wire.fill().await?;
        return Ok(());
    }
    match protocol {
        Protocol::Smtp => smtp::converse(wire).await,
        Protocol::Imap => imap::converse(wire).await,
        Protocol::Pop3 => pop3::converse(wire).await,
    }
}
