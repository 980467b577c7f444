//! Tells people before it breaks, and at once when it broke.
//!
//! One task looks at how things stand: whenever a sign-in changes, and once a minute for what only time changes. It
//! says what is news, and remembers in the store what somebody heard. What nobody heard is said again later: it looks
//! at states, not at events, so nothing is lost by a full queue, a dead webhook or a restart. No session waits for it.

mod channels;
mod command;
mod event;
mod judge;
mod ladder;
mod mail;
mod said;
#[cfg(test)]
mod tests;
mod webhook;
mod words;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use jiff::Timestamp;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tracing::{info, warn};

use channels::Channels;
use event::{Event, Severity};
use judge::{Alike, Facts, LOG_ALONE, Notice, Topic, judge, outdated};
pub use mail::Mail;

use crate::{
    account::Occasion,
    base::Lang,
    catalog::{Known, token::STORE_FAILING},
    config::Config,
    expiry::Calendar,
    meter::Meter,
    net::HttpClient,
    oauth::{DomainSignIns, Keepers},
    store::{Store, Telling},
};

/// How often the clock is looked at.
const LOOK: Duration = Duration::from_secs(60);
/// What changes in one moment is told in one event.
const GATHER: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_millis(300) };
/// What nobody could be told is tried again no sooner.
const LATER: Duration = Duration::from_secs(3600);

/// What a reload changes.
pub struct Orders {
    /// The same ones as before, where `[notify]` stays as it was.
    channels: Arc<Channels>,
    /// Addresses of the accounts that live on a sign-in, by its key.
    addresses: HashMap<String, Vec<String>>,
    known: HashMap<String, Known>,
    domains: Vec<DomainSignIns>,
    lang: Lang,
}

impl Orders {
    pub fn new(config: &Config, http: &HttpClient) -> Arc<Self> {
        Self::by(Arc::new(Channels::new(&config.notify, http)), config)
    }

    /// Those of a changed configuration. What is being told goes on, unless the ways to people changed.
    pub fn renewed(&self, config: &Config, http: &HttpClient) -> Arc<Self> {
        match self.channels.are_of(&config.notify) {
            true => Self::by(self.channels.clone(), config),
            false => Self::new(config, http),
        }
    }

    fn by(channels: Arc<Channels>, config: &Config) -> Arc<Self> {
        let mut addresses: HashMap<String, Vec<String>> = HashMap::new();
        for account in &config.accounts {
            addresses.entry(account.sign_in.key()).or_default().push(account.address.clone());
        }
        let known = config
            .accounts
            .iter()
            .map(|account| (account.address.clone(), account.known(&Occasion::of_sign_in(None))))
            .collect();
        let domains = config.domains.iter().map(|domain| domain.sign_ins.clone()).collect();
        Arc::new(Self { channels, addresses, known, domains, lang: config.notify.lang })
    }
}

pub struct Notifier {
    pub keepers: Arc<Keepers>,
    pub calendar: Arc<Calendar>,
    /// How the queue stands.
    pub mail: Box<dyn Fn() -> Mail + Send + Sync>,
    pub store: Arc<Store>,
    pub meter: Meter,
    pub host: String,
    /// The address of the console.
    pub pages: Option<String>,
    pub orders: watch::Receiver<Arc<Orders>>,
}

/// What was said, and what is being said.
struct Memory {
    started: Timestamp,
    told: HashMap<String, Telling>,
    /// What is being told and nobody heard of yet.
    under_way: HashMap<Topic, UnderWay>,
    /// How many tellings there were.
    tellings: u64,
    /// What nobody could be told.
    put_off: HashMap<Topic, Instant>,
    /// When an event of a kind was last made.
    spoken: HashMap<Alike, Timestamp>,
}

struct UnderWay {
    telling: u64,
    /// Channels that have not come to their end.
    channels: usize,
}

/// A telling by one channel that came to its end.
struct Delivery {
    telling: u64,
    notice: Arc<Notice>,
    is_told: bool,
}

impl Memory {
    fn of(told: HashMap<String, Telling>, started: Timestamp) -> Self {
        let (under_way, put_off, spoken) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { started, told, under_way, tellings: 0, put_off, spoken }
    }

    /// Whether these words of a topic wait for an answer or a later try. Others are news.
    fn is_busy(&self, topic: &Topic) -> bool {
        self.under_way.contains_key(topic) || self.put_off.contains_key(topic)
    }

    fn put_off(&mut self, notice: &Notice) {
        let until = Instant::now() + LATER;
        self.put_off.extend(notice.topics.iter().map(|topic| (topic.clone(), until)));
    }

    /// Whether this end decides how the telling went: the first channel that was heard, or the last that was not.
    fn is_decided_by(&mut self, ended: &Delivery) -> bool {
        let mut decides = false;
        for topic in &ended.notice.topics {
            let Some(under_way) = self.under_way.get_mut(topic) else { continue };
            if under_way.telling != ended.telling {
                continue;
            }
            under_way.channels = under_way.channels.saturating_sub(1);
            if ended.is_told || under_way.channels == 0 {
                self.under_way.remove(topic);
                decides = true;
            }
        }
        decides
    }
}

impl Notifier {
    /// Until `stop`. What is being told then is told again after the next start.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.keepers.changes();
        let mut deliveries = JoinSet::new();
        let mut memory = self.recall().await;
        let mut channels = self.orders.borrow().channels.clone();
        self.meet(&mut memory, &channels).await;
        loop {
            self.tell(&mut memory, &mut deliveries).await;
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => match changed {
                    Ok(()) => tokio::time::sleep(GATHER).await,
                    Err(_) => return,
                },
                changed = self.orders.changed() => match changed {
                    Ok(()) => {
                        let now = self.orders.borrow().channels.clone();
                        if !Arc::ptr_eq(&now, &channels) {
                            // Whoever could not be told before, or is not yet, may be told by the new ones.
                            channels = now;
                            deliveries = JoinSet::new();
                            memory = Memory::of(memory.told, memory.started);
                            self.meet(&mut memory, &channels).await;
                        }
                    }
                    Err(_) => return,
                },
                Some(ended) = deliveries.join_next() => {
                    if let Ok(ended) = ended {
                        self.settle(&mut memory, &ended).await;
                    }
                }
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn recall(&self) -> Memory {
        let told = self.store.told().await.unwrap_or_else(|error| {
            warn!(fault = %STORE_FAILING.fault(), %error, "nobody knows what was told before; it is told again");
            Vec::new()
        });
        Memory::of(told.into_iter().collect(), self.now())
    }

    /// What the log alone was told is news for whoever is told from now on.
    async fn meet(&self, memory: &mut Memory, channels: &Channels) {
        match (channels.are_none(), memory.told.contains_key(LOG_ALONE)) {
            (true, false) => {
                let topic = Topic { name: LOG_ALONE.to_owned(), words: Some(String::new()) };
                self.note(memory, &topic, self.now()).await;
            }
            (false, true) => {
                let topics: Vec<_> = memory.told.keys().filter(|topic| *topic != LOG_ALONE).cloned().collect();
                for name in topics.into_iter().chain([LOG_ALONE.to_owned()]) {
                    self.note(memory, &Topic { name, words: None }, self.now()).await;
                }
            }
            _ => {}
        }
    }

    fn now(&self) -> Timestamp {
        let now = Timestamp::try_from(self.keepers.clock().wall()).unwrap_or_default();
        // Whole seconds: nobody reads more.
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Says what is news.
    async fn tell(&self, memory: &mut Memory, deliveries: &mut JoinSet<Delivery>) {
        let orders = self.orders.borrow().clone();
        let mail = Mail { left_behind: self.store.left_behind().await, ..(self.mail)() };
        let (notices, gone) = self.news(memory, &orders, &mail, orders.lang);
        let mut in_english = match orders.lang {
            Lang::En => Vec::new(),
            Lang::Ja => self.news(memory, &orders, &mail, Lang::En).0,
        };
        for topic in gone {
            self.note(memory, &Topic { name: topic, words: None }, self.now()).await;
        }
        for notice in notices {
            // The log is in English, whatever people are told in.
            let english = in_english.iter().position(|one| one.topics == notice.topics);
            log(english.map(|at| in_english.swap_remove(at).event).as_ref().unwrap_or(&notice.event));
            memory.spoken.extend(notice.alike.clone().map(|alike| (alike, notice.event.at)));
            if orders.channels.are_none() {
                self.remember(memory, &notice).await;
                continue;
            }
            let channels = orders.channels.with_room();
            if channels.is_empty() {
                memory.put_off(&notice);
                continue;
            }
            memory.tellings += 1;
            let telling = memory.tellings;
            for topic in &notice.topics {
                memory.under_way.insert(topic.clone(), UnderWay { telling, channels: channels.len() });
            }
            let notice = Arc::new(notice);
            for (by, room) in channels {
                let (notice, orders, meter) = (notice.clone(), orders.clone(), self.meter.clone());
                deliveries.spawn(async move {
                    let _room = room;
                    let told = notice.clone();
                    let is_told = heard(async move { orders.channels.deliver(by, &told.event, &meter).await }).await;
                    Delivery { telling, notice, is_told }
                });
            }
        }
    }

    /// What is to be told, and the topics of things that are no longer there.
    fn news(&self, memory: &mut Memory, orders: &Orders, mail: &Mail, lang: Lang) -> (Vec<Notice>, Vec<String>) {
        memory.put_off.retain(|_, until| *until > Instant::now());
        let now = self.now();
        let facts = Facts {
            now,
            started: memory.started,
            states: &self.keepers.states(),
            addresses: &orders.addresses,
            known: &orders.known,
            domains: &orders.domains,
            endings: &self.calendar.endings(now),
            mail,
            told: &memory.told,
            spoken: &memory.spoken,
            is_busy: &|topic| memory.is_busy(topic),
            host: &self.host,
            lang,
            pages: self.pages.as_deref(),
        };
        (judge(&facts), outdated(&facts))
    }

    /// As soon as one channel was heard it is remembered: a restart must not say it again, nor a channel that is dead
    /// hold up what comes next.
    async fn settle(&self, memory: &mut Memory, ended: &Delivery) {
        match (memory.is_decided_by(ended), ended.is_told) {
            (true, true) => self.remember(memory, &ended.notice).await,
            (true, false) => memory.put_off(&ended.notice),
            (false, _) => {}
        }
    }

    /// As of the moment when it was found: a token that came while it was told is news. What was found later counts,
    /// whichever was heard first.
    async fn remember(&self, memory: &mut Memory, notice: &Notice) {
        let later = system(notice.event.at) + Duration::from_secs(1)..=system(self.now());
        for topic in &notice.topics {
            if !memory.told.get(&topic.name).is_some_and(|told| later.contains(&told.at)) {
                self.note(memory, topic, notice.event.at).await;
            }
        }
    }

    async fn note(&self, memory: &mut Memory, topic: &Topic, at: Timestamp) {
        let stored = match &topic.words {
            Some(words) => {
                let telling = Telling { words: words.clone(), at: system(at) };
                let stored = self.store.remember_told(&topic.name, &telling).await;
                memory.told.insert(topic.name.clone(), telling);
                stored
            }
            None => {
                memory.told.remove(&topic.name);
                self.store.forget_told(&topic.name).await
            }
        };
        if let Err(error) = stored {
            warn!(fault = %STORE_FAILING.fault(), %error, "what was told is not remembered; after a restart it is told again");
        }
    }
}

fn system(at: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(at.as_second().unsigned_abs())
}

/// A telling that stumbled was not heard, and is put off like any other; else its topics were under way for ever.
async fn heard(telling: impl Future<Output = bool> + Send + 'static) -> bool {
    AbortOnDropHandle::new(tokio::spawn(telling)).await.unwrap_or(false)
}

/// The log hears of everything, whoever else does.
fn log(event: &Event) {
    let (kind, fault, fault_text) = (event.event.as_str(), event.fault, event.fault_text);
    match event.severity {
        Severity::Info => info!(event = kind, "{}", event.text),
        Severity::Warning | Severity::Critical => warn!(event = kind, fault, fault_text, "{}", event.text),
    }
}
