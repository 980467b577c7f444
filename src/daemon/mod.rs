//! Builds everything from a configuration and keeps it running: the only composition root.
//!
//! [`Daemon::start`] returns once every listener is open and says what was really bound; `run` adds signals,
//! readiness and the drain around it.

mod descriptors;
mod drain;
mod endings;
mod fault;
mod health;
mod listeners;
mod log;
mod mail_queue;
mod memory;
mod notify;
mod pending;
mod run;
mod supervisor;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, RwLock, atomic::AtomicBool},
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::watch,
    task::AbortHandle,
    time::{Instant, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

pub use fault::StartFault;
use health::Health;
pub use listeners::BoundAt;
pub use log::{LogFormat, init as init_log, init_demo as init_log_for_demo};
use notify::{Mail, Notifier, Orders};
pub use run::{note_warnings, reload, run};
pub use supervisor::{Asked, Signals};

use crate::{
    account::{Guesses, Passwords, Register},
    catalog::{
        self, Place,
        own::{OLD_KEY_IN_PLACE, STORE_UNAVAILABLE, TOO_FEW_OPEN_FILES},
        token::STORE_FAILING,
    },
    config::Config,
    console::{self, Access, Console, Loaded, SignIns, Visits},
    expiry::Calendar,
    meter::Meter,
    net::{self, ClientTls, HandedOver, HttpClient, PassedSockets, SetupFault},
    oauth::{DomainSignIns, Keepers, SignIn},
    outbound::{Governor, Outbound, Seen},
    session::Gate,
    store::{Lock, Store},
};

/// How often the store is asked whether another process changed it; a microsecond's work.
const STORE_CHECK: Duration = Duration::from_secs(1);

/// How often files of passwords are looked at with nobody asking.
const PASSWORDS_CHECK: Duration = Duration::from_secs(2);

/// How long who tells people waits for the queue to be read.
const QUEUE_SEEN: Duration = Duration::from_secs(60);

/// A running daemon. Dropping it without [`Daemon::drain`] leaves its tasks to the runtime.
pub struct Daemon {
    gate: Arc<RwLock<Arc<Gate>>>,
    console: Option<Arc<Console>>,
    console_at: Option<SocketAddr>,
    bound: Vec<BoundAt>,
    handed_over: HandedOver,
    /// When secrets and certificates end.
    calendar: Arc<Calendar>,
    /// Who is told of what, and for webhooks.
    orders: watch::Sender<Arc<Orders>>,
    /// One for all: a reload changes its way for every holder.
    http: HttpClient,
    /// The accept loops.
    accepting: Vec<AbortHandle>,
    /// How long a drain may take; a reload may change it.
    drain: RwLock<Duration>,
    /// No more connections are taken in.
    stopping: CancellationToken,
    /// Sessions that may stop now do.
    closing: CancellationToken,
    /// Sessions that have not stopped by then do too.
    cut_off: CancellationToken,
    sessions: TaskTracker,
    /// The queue's deliveries, and who tells people: a drain waits for them too.
    beside: TaskTracker,
    /// The sessions are gone; until then the console says what is still open.
    drained: CancellationToken,
    /// No other daemon may work on the store while this one does.
    lock: Lock,
    /// Beside which other store commands find this daemon, since the configuration names that.
    announced: Mutex<Option<PathBuf>>,
}

impl Daemon {
    /// Opens store, keepers, listeners and console, in this order: who connects finds everything there.
    pub async fn start(config: &Config) -> Result<Self, StartFault> {
        let stopping = CancellationToken::new();
        let closing = CancellationToken::new();
        let cut_off = CancellationToken::new();
        let sessions = TaskTracker::new();
        let lock = Lock::take(&config.store).await?;
        // Before the keepers, who tell people where it is; whoever connects waits until it is served.
        let console = bind_console(config).await?;
        let console_at = console.as_ref().map(|(_, at)| *at);
        let tls = Arc::new(ClientTls::new(&config.network)?);
        let http = HttpClient::new(&config.network, &tls)?;
        let pages = console_at.map(pages);
        let gate = build_gate(config, tls, http.clone(), pages.clone(), closing.clone(), cut_off.clone()).await?;
        let gate = Arc::new(gate);
        let shared = Arc::new(RwLock::new(gate.clone()));
        let listeners = listeners::Listeners {
            gate: shared.clone(),
            state_directory: config.state_directory().to_owned(),
            stopping: stopping.clone(),
            sessions: sessions.clone(),
        };
        let mut passed = PassedSockets::from_environment();
        let (bound, accepting) = listeners.open(&config.listeners, &mut passed)?.into_iter().unzip();
        let mut daemon = Self {
            gate: shared,
            console: None,
            console_at,
            bound,
            handed_over: passed.handed_over(),
            calendar: Arc::new(Calendar::new(config.watched())),
            orders: watch::Sender::new(Orders::new(config, &http)),
            http,
            accepting,
            drain: RwLock::new(config.daemon.drain),
            stopping,
            closing,
            cut_off,
            sessions,
            beside: TaskTracker::new(),
            drained: CancellationToken::new(),
            lock,
            announced: Mutex::default(),
        };
        if let Some((listener, at)) = console {
            daemon.open_console(config, &gate, listener, at)?;
        }
        daemon.watch(&gate, pages);
        Ok(daemon)
    }

    /// What runs beside the sessions until the daemon drains.
    fn watch(&self, gate: &Gate, pages: Option<String>) {
        let (keepers, done) = (gate.outbound.keepers.clone(), self.closing.clone());
        let (current, queue) = (self.gate.clone(), gate.queue.clone());
        self.beside.spawn(queue.clone().run(self.closing.clone(), self.cut_off.clone()));
        self.beside.spawn({
            let (governor, store, done) = (gate.outbound.governor.clone(), gate.store.clone(), self.closing.clone());
            async move { governor.keep(&store, &done).await }
        });
        // Sign-ins are made by another process: `gatepost login` works on the store alone.
        tokio::spawn(async move {
            tokio::select! {
                () = keepers.follow_store(STORE_CHECK) => {}
                () = keepers.tend_mailboxes() => {}
                () = follow_passwords(&current) => {}
                () = mail_queue::follow_sign_ins(&queue, &keepers) => {}
                () = done.cancelled() => {}
            }
        });
        let notifier = Notifier {
            keepers: gate.outbound.keepers.clone(),
            calendar: self.calendar.clone(),
            mail: Box::new({
                let queue = gate.queue.clone();
                move || Mail::of(&queue)
            }),
            store: gate.store.clone(),
            meter: gate.meter.clone(),
            host: gate.host.clone(),
            pages,
            orders: self.orders.subscribe(),
        };
        let (queue, closing) = (gate.queue.clone(), self.closing.clone());
        // What somebody heard is to be on disk before another daemon tells it again.
        self.beside.spawn(async move {
            // What waits is to be seen before anybody is told that nothing does.
            tokio::select! {
                _ = timeout(QUEUE_SEEN, queue.taken_up()) => notifier.run(closing).await,
                () = closing.cancelled() => {}
            }
        });
    }

    /// Whoever works on the store beside this daemon sees which file it reads.
    fn note_configuration(&mut self, file: &Path) {
        self.loaded().into_iter().for_each(|loaded| loaded.note_file(file));
        if let Err(error) = self.lock.note_configuration(file) {
            warn!(fault = %STORE_FAILING.fault(), %error, "which configuration runs could not be written beside the store");
        }
    }

    /// The same of a demonstration, which is not started again as another daemon is.
    pub fn note_demo(&mut self, file: &Path) {
        self.note_configuration(file);
        if let Err(error) = self.lock.note_demo() {
            warn!(fault = %STORE_FAILING.fault(), %error, "that this is a demonstration could not be written beside the store");
        }
    }

    /// What was really bound, in the order of the configuration.
    pub fn bound(&self) -> &[BoundAt] {
        &self.bound
    }

    /// Where the console listens, if it does.
    pub const fn console_at(&self) -> Option<SocketAddr> {
        self.console_at
    }

    /// An address that opens the console once, within ten minutes.
    pub fn console_link(&self) -> Option<String> {
        let (console, at) = (self.console.as_ref()?, self.console_at?);
        Some(format!("http://{at}{}", console.visits.ticket(console::Holder::Anybody).map(console::opening)?))
    }

    pub fn meter(&self) -> Meter {
        self.current().meter.clone()
    }

    /// Client connections that are served now.
    fn open_sessions(&self) -> impl Fn() -> usize + use<> {
        let sessions = self.sessions.clone();
        move || sessions.len()
    }

    /// Whether it really works, for as long as it runs.
    fn health(&self) -> Health {
        Health {
            store: self.current().store.clone(),
            accepting: self.accepting.clone(),
            stopping: self.stopping.clone(),
        }
    }

    fn current(&self) -> Arc<Gate> {
        self.gate.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Takes over all that a new configuration says of other things than listeners, store and the console's address;
    /// sessions that run keep what they have. What differs of those three takes a restart, and is named.
    pub fn reload(&self, config: &Config) -> Result<(), SetupFault> {
        let old = self.current();
        let before = &old.outbound;
        let tls = Arc::new(ClientTls::new(&config.network)?);
        // Kept for all who hold it: keepers, notices, and sign-ins on pages of the console.
        self.http.take_over(&HttpClient::new(&config.network, &tls)?);
        before.keepers.apply(&sign_ins(config), &domains(config));
        // A person asks: what was refused before is asked for again.
        before.keepers.ask_afresh();
        before.governor.close_ended();
        before.refusals.forget();
        let outbound = Arc::new(Outbound {
            keepers: before.keepers.clone(),
            tls,
            mail_proxy: config.network.mail_proxy.clone(),
            seen: before.seen.clone(),
            refusals: before.refusals.clone(),
            governor: before.governor.clone(),
            since: Instant::now(),
            meter: before.meter.clone(),
            http: self.http.clone(),
            sign_on: config.daemon.sign_on,
            graph_seats: before.graph_seats.clone(),
            host: before.host.clone(),
        });
        old.queue.apply(mail_queue::orders(config, &outbound));
        let gate = Arc::new(Gate {
            register: Register::new(&config.accounts, &config.domains, &config.clients),
            passwords: old.passwords.clone(),
            guesses: old.guesses.clone(),
            store: old.store.clone(),
            queue: old.queue.clone(),
            outbound,
            spool: old.spool.clone(),
            meter: old.meter.clone(),
            host: old.host.clone(),
            sign_on: config.daemon.sign_on,
            closing: old.closing.clone(),
            cut_off: old.cut_off.clone(),
        });
        *self.gate.write().unwrap_or_else(std::sync::PoisonError::into_inner) = gate;
        if let Some(console) = &self.console {
            console.take_over(&config.accounts, &config.domains, &config.clients);
            console.take_over_password(config.console.password.as_ref());
            console.loaded.note(config.fingerprint().unwrap_or_default());
        }
        *self.drain.write().unwrap_or_else(std::sync::PoisonError::into_inner) = config.daemon.drain;
        self.calendar.take_over(config.watched());
        let orders = self.orders.borrow().renewed(config, &self.http);
        self.orders.send_replace(orders);
        Ok(())
    }

    fn announced_at(&self) -> MutexGuard<'_, Option<PathBuf>> {
        self.announced.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How it stands to the file of its configuration, for whoever is told.
    pub fn loaded(&self) -> Option<&Loaded> {
        self.console.as_ref().map(|console| &console.loaded)
    }

    fn open_console(
        &mut self,
        config: &Config,
        gate: &Gate,
        listener: TcpListener,
        at: SocketAddr,
    ) -> Result<(), StartFault> {
        let token = console::token_file(&config.store);
        let access = Access::new(&token, config.console.password.clone(), at.ip().is_loopback()).map_err(|cause| {
            StartFault::Io {
                entry: STORE_UNAVAILABLE,
                what: "cannot write the console's token file beside the store",
                cause,
            }
        })?;
        // It is in nobody's way, and the next start tries again.
        let _ = console::remove_old_token(&config.store);
        let console = Arc::new(Console {
            access,
            meter: gate.meter.clone(),
            keepers: gate.outbound.keepers.clone(),
            refusals: gate.outbound.refusals.clone(),
            store: gate.store.clone(),
            queue: gate.queue.clone(),
            ready: AtomicBool::new(true),
            accounts: RwLock::new(config.accounts.clone()),
            domains: RwLock::new(config.domains.clone()),
            clients: RwLock::new(config.clients.clone()),
            calendar: self.calendar.clone(),
            visits: Visits::default(),
            sign_ins: SignIns::new(self.http.clone()),
            host: gate.host.clone(),
            listeners: RwLock::new(self.bound.iter().map(BoundAt::status).collect()),
            loaded: Loaded::default(),
        });
        console.loaded.note(config.fingerprint().unwrap_or_default());
        tokio::spawn(console::serve(listener, console.clone(), self.drained.clone()));
        self.console = Some(console);
        Ok(())
    }
}

/// Tells of a changed file of passwords also where nobody logs in; runs until dropped.
async fn follow_passwords(gate: &RwLock<Arc<Gate>>) {
    loop {
        tokio::time::sleep(PASSWORDS_CHECK).await;
        let gate = gate.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        gate.register.refresh_passwords().await;
    }
}

/// The console's socket, and where it really is.
async fn bind_console(config: &Config) -> Result<Option<(TcpListener, SocketAddr)>, StartFault> {
    let Some(address) = config.console.listen else { return Ok(None) };
    let refused = |cause| net::refused(Place::of_console(address), &cause);
    let listener = TcpListener::bind(address).await.map_err(refused)?;
    let at = listener.local_addr().map_err(refused)?;
    Ok(Some((listener, at)))
}

/// Where people open the console.
fn pages(at: SocketAddr) -> String {
    match at.ip().is_unspecified() {
        true => format!("http://{}:{}", supervisor::host_name(), at.port()),
        false => format!("http://{at}"),
    }
}

fn sign_ins(config: &Config) -> Vec<Arc<SignIn>> {
    let listed = config.accounts.iter().map(|account| account.sign_in.clone());
    listed.chain(config.domains.iter().filter_map(|domain| domain.sign_ins.app_only().map(Arc::new))).collect()
}

fn domains(config: &Config) -> Vec<DomainSignIns> {
    config.domains.iter().map(|domain| domain.sign_ins.clone()).collect()
}

async fn build_gate(
    config: &Config,
    tls: Arc<ClientTls>,
    http: HttpClient,
    pages: Option<String>,
    closing: CancellationToken,
    cut_off: CancellationToken,
) -> Result<Gate, StartFault> {
    let store = Arc::new(Store::open(&config.store).await?);
    // Where `gatepost key rotate` left the last step to people: they took it, or have to.
    if store.forget_old_key().await? {
        info!("{} is the new one; the key before it opens nothing any more", store.key_source());
    } else if store.awaits_new_key() {
        warn!(
            fault = %OLD_KEY_IN_PLACE.fault(),
            "{} is still the one before the last `gatepost key rotate`: put the new one in its place",
            store.key_source()
        );
    }
    pending::warn_of_the_store_before(&store).await;
    let seen = Arc::new(Seen::recalled(store.clone()).await);
    let governor = Arc::new(Governor::recalled(&store).await);
    let meter = Meter::explaining(catalog::all().map(|entry| (entry.id, entry.short())));
    let keepers = Arc::new(Keepers::new(store.clone(), http.clone(), meter.clone(), pages));
    keepers.apply(&sign_ins(config), &domains(config));
    let passwords = Passwords::new().map_err(|cause| StartFault::Io {
        entry: TOO_FEW_OPEN_FILES,
        what: "cannot make a key",
        cause,
    })?;
    let host = supervisor::host_name();
    let outbound = Outbound {
        keepers,
        tls,
        mail_proxy: config.network.mail_proxy.clone(),
        seen,
        refusals: Arc::default(),
        governor,
        since: Instant::now(),
        meter: meter.clone(),
        http: http.clone(),
        sign_on: config.daemon.sign_on,
        graph_seats: Arc::default(),
        host: host.clone(),
    };
    let outbound = Arc::new(outbound);
    let queue = mail_queue::open(config, store.clone(), &outbound, meter.clone(), host.clone()).await?;
    Ok(Gate {
        register: Register::new(&config.accounts, &config.domains, &config.clients),
        passwords: Arc::new(passwords),
        guesses: Arc::new(Guesses::default()),
        store,
        spool: queue.spool().clone(),
        queue,
        outbound,
        meter,
        host,
        sign_on: config.daemon.sign_on,
        closing,
        cut_off,
    })
}
