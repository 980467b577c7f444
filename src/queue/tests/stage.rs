//! A queue on a stage: a test is the upstream.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use tokio::{
    io::AsyncReadExt,
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::Instant,
};
use tokio_util::sync::CancellationToken;
use url::Url;

use super::super::*;
use crate::{
    account::{Limits, LocalPassword, Sending},
    base::{Fault, Kind, Lang, Owner},
    net::{Upstream, UpstreamTls, clock::Still},
    oauth::{App, AppCredential, Grant, Rotation, SignIn},
    outbound::{Governor, Party, Ticket, Wanted},
    store::{QueueFilter, Settings},
    wire::smtp::Reply,
};

pub const ANN: &str = "ann@contoso.example";
pub const BOB: &str = "bob@fabrikam.example";

pub fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

pub fn account(address: &str) -> Arc<Account> {
    let url = |path: &str| Url::parse(&format!("http://127.0.0.1:1/{path}")).unwrap();
    let upstream = Upstream { host: "127.0.0.1".into(), port: 1, tls: UpstreamTls::Implicit };
    let app = App {
        name: "contoso".into(),
        provider: "custom".into(),
        tenant: String::new(),
        client_id: "id".into(),
        credential: AppCredential::None,
        secret_at: None,
        grant: Grant::AuthorizationCode,
        redirect_uri: None,
        scopes: Vec::new(),
        resource: None,
        authorize_url: url("authorize"),
        token_url: url("token"),
        device_url: None,
        revoke_url: None,
        authorize_extra: Vec::new(),
        pkce: true,
        rotation: Rotation::OldStaysValid,
        refresh_idle_life: None,
        sasl: crate::base::Sasl::Xoauth2,
        graph: None,
        smtp: upstream.clone(),
        imap: upstream.clone(),
        pop3: upstream,
        smtp_capabilities: Vec::new(),
        imap_capabilities: Vec::new(),
        imap_is_known: false,
    };
    Arc::new(Account {
        address: address.into(),
        password: LocalPassword::None,
        sign_in: Arc::new(SignIn::of(address, app)),
        imap_user: address.into(),
        smtp_user: address.into(),
        send_as: vec![address.into()],
        has_send_as_line: false,
        sending: Sending {
            limits: Limits { messages_per_minute: u32::MAX, ..Limits::default() },
            ..Sending::default()
        },
        domain: None,
        proxies: Default::default(),
    })
}

/// One delivery that waits for the test to say what comes of it.
pub struct Call {
    pub account: String,
    pub sender: String,
    pub recipients: Vec<String>,
    pub envelope: Envelope,
    /// Recipients of the same message that need it no more.
    pub done: Vec<String>,
    pub body: String,
    answer: oneshot::Sender<Result<Report, Unsent>>,
}

impl Call {
    /// A fault breaks the delivery behind its outset, and may be that of the message.
    pub fn answer(self, report: Result<Report, Fault>) {
        let _ = self.answer.send(report.map_err(Unsent::from));
    }

    /// The way out takes nothing of this mailbox for so long.
    pub fn throttled(self, retry_after: Duration) {
        let unsent = Unsent { retry_after: Some(retry_after), ..Unsent::on_the_way(fault(Kind::Unavailable)) };
        let _ = self.answer.send(Err(unsent));
    }

    /// Refused until somebody mends something, and not asked again before.
    pub fn rests_for(self, rest: Duration) {
        let unsent = Unsent { retry_after: Some(rest), ..Unsent::on_the_way(fault(Kind::IdentityRefused)) };
        let _ = self.answer.send(Err(unsent));
    }

    /// Nobody was asked: what was said before stands for so long.
    pub fn remembered(self, left: Duration) {
        let _ = self.answer.send(Err(Unsent::remembered(fault(Kind::IdentityRefused), left)));
    }

    /// The same for every recipient.
    pub fn all(self, verdict: Verdict) {
        let verdicts = self.recipients.iter().map(|_| verdict.clone()).collect();
        self.answer(Ok(Report { verdicts, retry_after: None }));
    }
}

pub fn delivered() -> Verdict {
    Verdict::of(Reply::new(250, "2.0.0 OK"))
}

pub fn deferred(text: &str) -> Verdict {
    Verdict::of(Reply::new(451, text))
}

pub fn failed(text: &str) -> Verdict {
    Verdict::of(Reply::new(550, text))
}

pub fn fault(kind: Kind) -> Fault {
    Fault::new(kind, Owner::User, "scripted", "the way out is shut")
}

/// In the detail of a fault: the way out panics.
pub const BREAKS_DOWN: &str = "breaks down";

/// A delivery that has begun. It takes its place among the others at its begin, and not when its body is read.
type Begun = oneshot::Receiver<Call>;

struct Script {
    calls: mpsc::Sender<Begun>,
    /// Everybody stands in its line, and has its turn there one after the other.
    governor: Arc<Governor>,
    /// Whether there is room to deliver anything.
    room: watch::Receiver<bool>,
    /// What is in the way of every message.
    shut: watch::Receiver<Option<Kind>>,
    /// How often a mail server was bothered.
    asked: Arc<AtomicUsize>,
    afresh: Arc<AtomicUsize>,
    uploads: Arc<AtomicBool>,
}

impl Deliver for Script {
    fn line_up(&self, account: &Account) -> Ticket {
        let mut ticket = self.governor.ticket(account, Party::Queue, Instant::now());
        ticket.stands_for(Wanted::Turn);
        ticket
    }

    fn deliver<'a>(&'a self, delivery: &'a Delivery<'a>, mut ticket: Ticket) -> BoxFuture<'a, Result<Report, Unsent>> {
        let Delivery { account, envelope, done, message, outset, .. } = *delivery;
        Box::pin(async move {
            let _turn = ticket.turn().await;
            if self.uploads.load(Ordering::Relaxed) {
                outset.wait_is_over();
            }
            self.room.clone().wait_for(|is_there| *is_there).await.unwrap();
            self.asked.fetch_add(1, Ordering::Relaxed);
            if let Some(kind) = *self.shut.borrow() {
                return Err(Unsent::on_the_way(fault(kind)));
            }
            outset.begins().await?;
            let (begun, begins) = oneshot::channel();
            self.calls.try_send(begins).unwrap_or_else(|_| panic!("the test is over"));
            let mut body = String::new();
            message.read().await.unwrap().read_to_string(&mut body).await.unwrap();
            let (answer, heard) = oneshot::channel();
            let call = Call {
                account: account.address.clone(),
                sender: envelope.mail.address.clone(),
                recipients: envelope.recipients.iter().map(|rcpt| rcpt.address.clone()).collect(),
                envelope: envelope.clone(),
                done: done.to_vec(),
                body,
                answer,
            };
            let _ = begun.send(call);
            match heard.await {
                Ok(Err(unsent)) if unsent.fault.detail == BREAKS_DOWN => panic!("as the test wants"),
                Ok(report) => report,
                // The test let go of it: this delivery never ends.
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn ask_afresh(&self, account: &Account) {
        assert_eq!(account.address, ANN);
        self.afresh.fetch_add(1, Ordering::Relaxed);
    }

    fn sign_in(&self, _: &Account) -> Option<crate::oauth::SignInState> {
        None
    }
}

/// What stays on disk when a process ends.
pub struct Kept {
    pub dir: tempfile::TempDir,
    pub wall: Clock,
    pub accounts: Vec<Arc<Account>>,
    pub postmaster: Option<String>,
    pub max_bytes: u64,
    pub max_messages: usize,
    pub governor: Arc<Governor>,
    /// Whether deliveries find the room that they wait for.
    pub room: watch::Sender<bool>,
    /// Why no delivery gets as far as its outset.
    pub shut: watch::Sender<Option<Kind>>,
    pub asked: Arc<AtomicUsize>,
    /// How often somebody said that what was in the way is mended.
    pub afresh: Arc<AtomicUsize>,
    /// Whether a delivery that begins to wait for room is at work meanwhile.
    pub uploads: Arc<AtomicBool>,
    /// Holds the clock back: see the head of the module.
    pub _still: Still,
}

impl Default for Kept {
    fn default() -> Self {
        let wall = Clock::default();
        // So that it can be put back.
        wall.ahead.store(1_000_000, Ordering::SeqCst);
        let dir = tempfile::tempdir().unwrap();
        Self {
            dir,
            wall,
            accounts: vec![account(ANN)],
            postmaster: None,
            max_bytes: u64::MAX,
            max_messages: 1000,
            governor: Arc::default(),
            room: watch::Sender::new(true),
            shut: watch::Sender::new(None),
            asked: Arc::default(),
            afresh: Arc::default(),
            uploads: Arc::default(),
            // Longer than any of these tests takes.
            _still: Still::begin(Duration::from_secs(600)),
        }
    }
}

impl Kept {
    /// With one connection, nothing overtakes anything.
    pub fn one_at_a_time() -> Self {
        let mut kept = Self::default();
        Arc::make_mut(&mut kept.accounts[0]).sending.limits.connections = 1;
        kept
    }

    pub fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    pub async fn store(&self) -> Arc<Store> {
        let url = format!("sqlite://{}/gatepost.db", self.dir.path().display());
        let key_file = self.dir.path().join("key");
        Arc::new(Store::open(&Settings { url, key_file, key: None }).await.unwrap())
    }

    pub fn spool(&self) -> Spool {
        Spool::open(&self.dir.path().join("queue")).unwrap()
    }

    /// Of bodies.
    pub fn files(&self) -> usize {
        let files = std::fs::read_dir(self.dir.path().join("queue")).unwrap();
        files.filter(|file| crate::spool::is_message(&file.as_ref().unwrap().file_name())).count()
    }

    fn orders(&self, calls: &mpsc::Sender<Begun>) -> Orders {
        Orders {
            way_out: Arc::new(Script {
                calls: calls.clone(),
                governor: self.governor.clone(),
                room: self.room.subscribe(),
                shut: self.shut.subscribe(),
                asked: self.asked.clone(),
                afresh: self.afresh.clone(),
                uploads: self.uploads.clone(),
            }),
            accounts: self.accounts.clone(),
            domains: Vec::new(),
            max_age: Duration::from_secs(120 * 3600),
            max_bytes: self.max_bytes,
            max_messages: self.max_messages,
            postmaster: self.postmaster.clone(),
            lang: Lang::En,
        }
    }

    pub async fn start(self) -> Stage {
        let mut stage = self.open().await;
        stage.run();
        stage.queue.taken_up().await;
        stage
    }

    /// Messages are accepted, and nothing else happens yet.
    pub async fn open(self) -> Stage {
        let (sender, calls) = mpsc::channel(1000);
        let (store, spool) = (self.store().await, self.spool());
        let orders = self.orders(&sender);
        let host = "gate.contoso.example".to_owned();
        let queue = Queue::open(store, spool, self.wall.clone(), Meter::new(), host, orders).await.unwrap();
        let queue = Arc::new(queue);
        let (closing, cut_off) = (CancellationToken::new(), CancellationToken::new());
        let running = tokio::spawn(std::future::pending());
        Stage { kept: self, queue, sender, calls, closing, cut_off, running }
    }
}

pub struct Stage {
    pub kept: Kept,
    pub queue: Arc<Queue>,
    sender: mpsc::Sender<Begun>,
    calls: mpsc::Receiver<Begun>,
    pub closing: CancellationToken,
    pub cut_off: CancellationToken,
    pub running: JoinHandle<()>,
}

impl Stage {
    pub fn run(&mut self) {
        self.running.abort();
        self.running = tokio::spawn(self.queue.clone().run(self.closing.clone(), self.cut_off.clone()));
    }

    pub async fn new() -> Self {
        Kept::default().start().await
    }

    pub async fn body(&self, subject: &str) -> Spooled {
        let mut draft = self.queue.spool().draft().await.unwrap();
        let text =
            format!("From: <{ANN}>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@contoso.example>\r\n\r\nhello\r\n");
        draft.write(text.as_bytes()).await.unwrap();
        draft.finish().await.unwrap()
    }

    /// Takes a message over; command lines as a client writes them.
    pub async fn send_as(&self, account: &Account, subject: &str, mail: &str, recipients: &[&str]) -> QueueId {
        let envelope = Envelope {
            mail: envelope::read_mail(mail).unwrap(),
            recipients: recipients.iter().map(|line| envelope::read_recipient(line).unwrap()).collect(),
        };
        let body = self.body(subject).await;
        self.queue.accept(account, "3F copier", 7, &envelope, body, None).await.unwrap()
    }

    /// From Ann to Bob.
    pub async fn send(&self, subject: &str) -> QueueId {
        let account = self.kept.accounts[0].clone();
        self.send_as(&account, subject, &format!("MAIL FROM:<{ANN}>"), &[&format!("RCPT TO:<{BOB}>")]).await
    }

    /// The next delivery that begins.
    pub async fn next(&mut self) -> Call {
        self.calls.recv().await.unwrap().await.unwrap()
    }

    /// The next delivery that begins, however long its message rests: a start may have to wait for what the process before
    /// it left at the disk.
    pub async fn next_in_time(&mut self) -> Call {
        loop {
            // A look at the disk each time, so that not all the days of a message pass meanwhile.
            self.list().await;
            match self.begun().await {
                Some(call) => return call,
                None => self.pass(Duration::from_secs(10)).await,
            }
        }
    }

    /// Waits until whoever sends couriers has nothing to do, with so many of them waiting for an answer of the test.
    pub async fn rests(&self, out: usize) {
        let mut rounds = self.queue.rounds.subscribe();
        loop {
            self.queue.bell.notify_one();
            rounds.borrow_and_update();
            rounds.changed().await.unwrap();
            if rounds.borrow().1 == out {
                // Those that are out may be on their way to the disk.
                tokio::task::yield_now().await;
                self.queue.bell.notify_one();
                rounds.changed().await.unwrap();
                if rounds.borrow().1 == out {
                    return;
                }
            }
        }
    }

    /// One that has begun already.
    pub async fn begun(&mut self) -> Option<Call> {
        self.calls.try_recv().ok()?.await.ok()
    }

    /// Waits until every courier that is out waits for an answer of the test.
    pub async fn settle(&self) {
        let mut rounds = self.queue.rounds.subscribe();
        let mut same = 0;
        while same < 2 {
            tokio::task::yield_now().await;
            self.queue.bell.notify_one();
            rounds.borrow_and_update();
            rounds.changed().await.unwrap();
            same = if rounds.borrow().1 == self.calls.len() { same + 1 } else { 0 };
        }
    }

    /// That none has begun which nobody asked for yet.
    pub fn assert_no_delivery(&mut self) {
        assert!(self.calls.try_recv().is_err(), "a delivery began");
    }

    pub async fn pass(&self, time: Duration) {
        tokio::time::advance(time).await;
    }

    /// The wall clock alone.
    pub fn jump(&self, seconds: i64) {
        let ahead = &self.kept.wall.ahead;
        let now = i64::try_from(ahead.load(Ordering::SeqCst)).unwrap();
        ahead.store(u64::try_from(now + seconds).unwrap(), Ordering::SeqCst);
    }

    pub async fn list(&self) -> Vec<MessageView> {
        let filter = QueueFilter { most: 1000, ..QueueFilter::default() };
        self.queue.search(&filter).await.unwrap().messages.iter().map(|one| self.queue.view(one)).collect()
    }

    /// Its number in the order of acceptance.
    pub async fn sequence(&self, id: &str) -> i64 {
        self.queue.store.queued_by_id(id).await.unwrap().unwrap().sequence
    }

    /// What another process sees of the store, and does to it.
    pub async fn database(&self) -> sqlx::SqlitePool {
        let url = format!("sqlite://{}/gatepost.db", self.kept.dir.path().display());
        sqlx::SqlitePool::connect(&url).await.unwrap()
    }

    pub async fn ids(&self) -> HashSet<String> {
        self.list().await.into_iter().map(|message| message.id).collect()
    }

    /// Waits until nothing is in the queue, on disk or in memory.
    pub async fn is_empty(&self) {
        self.rests(0).await;
        assert!(self.list().await.is_empty(), "{:#?}", self.list().await);
        assert_eq!(self.queue.schedule().len(), 0);
        while self.kept.files() > 0 {
            tokio::task::yield_now().await;
        }
    }

    pub fn reload(&mut self, change: impl FnOnce(&mut Kept)) {
        change(&mut self.kept);
        self.queue.apply(self.kept.orders(&self.sender));
    }

    /// The process is gone, wherever it was; what was on disk stays.
    pub async fn kill(self) -> Kept {
        self.running.abort();
        let _ = self.running.await;
        self.kept
    }
}

/// What a person wants of a message.
pub async fn order(stage: &Stage, id: &str, order: Order) -> Done {
    stage.queue.order(id, order).await.unwrap()
}
