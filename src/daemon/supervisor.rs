//! What the system that started us wants to hear, and what it tells: sd_notify, signals, the host's name.

use std::{future::Future, io, time::Duration};

use tokio::time::{MissedTickBehavior, interval, timeout};
use tracing::warn;

use crate::catalog::{own::DAEMON_HANGS, token::STORE_FAILING};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Stop,
    Reload,
}

#[cfg(unix)]
pub struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits for a stop. A reload that is asked for meanwhile is kept for [`Signals::next`].
    pub async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub async fn next(&mut self) -> Asked {
        self.stop().await;
        Asked::Stop
    }

    pub async fn stop(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(unix)]
mod systemd {
    use std::{ffi::OsStr, io, os::unix::net, time::Duration};

    use sd_notify::NotifyState;
    use tokio::{net::UnixDatagram, time::timeout};

    /// A supervisor that does not listen holds up nobody for longer. What `sd_notify` sends by itself waits for ever, and a
    /// thread of the daemon with it.
    const HEARD_WITHIN: Duration = Duration::from_secs(1);

    /// Readiness, with a line for `systemctl status`.
    pub async fn ready(status: &str) {
        tell(&[NotifyState::Ready, NotifyState::Status(status)]).await;
    }

    pub async fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]).await,
            Err(_) => tell(&[NotifyState::Reloading]).await,
        }
    }

    pub async fn stopping() {
        tell(&[NotifyState::Stopping]).await;
    }

    async fn tell(states: &[NotifyState<'_>]) {
        let Some(at) = std::env::var_os("NOTIFY_SOCKET") else { return };
        let said: String = states.iter().map(|state| format!("{state}\n")).collect();
        let _ = timeout(HEARD_WITHIN, heard(&at, &said)).await;
    }

    pub(super) async fn heard(at: &OsStr, said: &str) -> io::Result<usize> {
        connected(at)?.send(said.as_bytes()).await
    }

    fn connected(at: &OsStr) -> io::Result<UnixDatagram> {
        let socket = net::UnixDatagram::unbound()?;
        match abstract_name(at) {
            Some(name) => socket.connect_addr(&name?)?,
            None => socket.connect(at)?,
        }
        socket.set_nonblocking(true)?;
        UnixDatagram::from_std(socket)
    }

    /// One that is in no file system, as systemd-nspawn has it for what runs inside (sd_notify(3)).
    #[cfg(target_os = "linux")]
    fn abstract_name(at: &OsStr) -> Option<io::Result<net::SocketAddr>> {
        use std::os::{linux::net::SocketAddrExt, unix::ffi::OsStrExt};
        at.as_bytes().strip_prefix(b"@").map(net::SocketAddr::from_abstract_name)
    }

    #[cfg(not(target_os = "linux"))]
    fn abstract_name(_: &OsStr) -> Option<io::Result<net::SocketAddr>> {
        None
    }

    /// What `WatchdogSec=` of the unit says, where it says something.
    pub fn watchdog() -> Option<Duration> {
        sd_notify::watchdog_enabled().filter(|limit| *limit > Duration::from_millis(1))
    }

    pub async fn alive() {
        tell(&[NotifyState::Watchdog]).await;
    }
}

#[cfg(not(unix))]
mod systemd {
    pub async fn ready(_: &str) {}
    pub async fn reloading() {}
    pub async fn stopping() {}
    pub fn watchdog() -> Option<std::time::Duration> {
        None
    }
    pub async fn alive() {}
}

pub use systemd::{ready, reloading, stopping};

/// Tells a watchdog, where there is one, that all is well: at half of its time (sd_watchdog_enabled(3)), and only
/// after the daemon proved that it works. Whoever hears nothing for the whole time starts it anew.
pub async fn feed_watchdog<F: Future<Output = bool>>(is_fine: impl Fn() -> F) {
    if let Some(limit) = systemd::watchdog() {
        feed(limit, is_fine, systemd::alive).await;
    }
}

async fn feed<F, A>(limit: Duration, is_fine: impl Fn() -> F, alive: impl Fn() -> A)
where
    F: Future<Output = bool>,
    A: Future<Output = ()>,
{
    let mut beat = interval(limit / 2);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beat.tick().await;
        match timeout(limit / 2, is_fine()).await {
            Ok(true) => alive().await,
            Ok(false) => {
                warn!(fault = %DAEMON_HANGS.fault(), "a listener does not accept any more; the watchdog is not told that all is well")
            }
            Err(_) => {
                warn!(fault = %STORE_FAILING.fault(), "the store does not answer; the watchdog is not told that all is well")
            }
        }
    }
}

/// The name that we greet with: the host's, as far as it may stand in a greeting.
pub fn host_name() -> String {
    let name = system_name().unwrap_or_default();
    let clean =
        !name.is_empty() && name.len() <= 255 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b));
    if clean { name } else { "gatepost.localdomain".to_owned() }
}

#[cfg(unix)]
fn system_name() -> Option<String> {
    rustix::system::uname().nodename().to_str().ok().map(str::to_owned)
}

#[cfg(not(unix))]
fn system_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    use super::*;

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_supervisor_whose_socket_is_in_no_file_system_is_told_as_well() {
        use std::os::{
            linux::net::SocketAddrExt,
            unix::net::{SocketAddr, UnixDatagram},
        };
        let name = format!("gatepost-notified-{}", std::process::id());
        let supervisor = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        systemd::heard(format!("@{name}").as_ref(), "READY=1\n").await.unwrap();
        let mut told = [0; 64];
        let length = supervisor.recv(&mut told).unwrap();
        assert_eq!(&told[..length], b"READY=1\n");
    }

    #[tokio::test(start_paused = true)]
    async fn the_watchdog_hears_nothing_while_the_daemon_hangs_and_again_when_it_works() {
        let (asked, told) = (AtomicU64::new(0), AtomicU32::new(0));
        // Fine twice, then it hangs, then it is ill, then it is fine again.
        let is_fine = || {
            let question = asked.fetch_add(1, Ordering::Relaxed);
            async move {
                match question {
                    2 | 3 => std::future::pending().await,
                    4 => false,
                    _ => true,
                }
            }
        };
        let feeding = feed(Duration::from_secs(30), is_fine, || {
            told.fetch_add(1, Ordering::Relaxed);
            std::future::ready(())
        });
        let after = async |seconds| {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            told.load(Ordering::Relaxed)
        };
        let seen = async { [after(1).await, after(15).await, after(50).await, after(30).await] };
        tokio::select! {
            () = feeding => {}
            seen = seen => assert_eq!(seen, [1, 2, 2, 4]),
        }
    }
}
