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
#[cfg(test)]
mod tests;
mod webhook;
mod words;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::watch, task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use channels::Channels;
use event::{Event, Severity};
use judge::{Facts, Notice, judge, outdated};

use crate::{
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
/// Deliveries under way; what is more waits for its turn.
const MOST: usize = 32;

/// What a reload changes.
pub struct Orders {
    channels: Channels,
    /// Addresses of the accounts that live on a sign-in, by its key.
    addresses: HashMap<String, Vec<String>>,
    domains: Vec<DomainSignIns>,
}

impl Orders {
    pub fn new(config: &Config, http: &HttpClient) -> Arc<Self> {
        let mut addresses: HashMap<String, Vec<String>> = HashMap::new();
        for account in &config.accounts {
            addresses.entry(account.sign_in.key()).or_default().push(account.address.clone());
        }
        let domains = config.domains.iter().map(|domain| domain.sign_ins.clone()).collect();
        Arc::new(Self { channels: Channels::new(&config.notify, http), addresses, domains })
    }
}

pub struct Notifier {
    pub keepers: Arc<Keepers>,
    pub calendar: Arc<Calendar>,
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
    /// Topics that are being told.
    under_way: HashSet<String>,
    /// Topics that nobody could be told.
    put_off: HashMap<String, Instant>,
}

/// A telling that came to its end.
struct Delivery {
    notice: Notice,
    orders: Arc<Orders>,
    is_told: bool,
}

impl Notifier {
    /// Until `stop`. What is being told then is told again after the next start.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut changes = self.keepers.changes();
        let mut deliveries = JoinSet::new();
        let mut memory = self.recall().await;
        loop {
            self.tell(&mut memory, &mut deliveries).await;
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => match changed {
                    Ok(()) => tokio::time::sleep(GATHER).await,
                    Err(_) => return,
                },
                changed = self.orders.changed() => match changed {
                    // Whoever could not be told before, or is not yet, may be told by the new ones.
                    Ok(()) => {
                        deliveries = JoinSet::new();
                        memory.under_way.clear();
                        memory.put_off.clear();
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
            warn!(%error, "nobody knows what was told before; it is told again");
            Vec::new()
        });
        Memory {
            started: self.now(),
            told: told.into_iter().collect(),
            under_way: HashSet::new(),
            put_off: HashMap::new(),
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
        let (notices, gone) = self.news(memory, &orders);
        for topic in gone {
            memory.told.remove(&topic);
            if let Err(error) = self.store.forget_told(&topic).await {
                warn!(%error, "what was told cannot be forgotten");
            }
        }
        for notice in notices {
            if deliveries.len() >= MOST {
                return;
            }
            log(&notice.event);
            memory.under_way.extend(notice.topics.iter().map(|topic| topic.name.clone()));
            let (orders, meter) = (orders.clone(), self.meter.clone());
            deliveries.spawn(async move {
                let is_told = orders.channels.deliver(&notice.event, &meter).await;
                Delivery { notice, orders, is_told }
            });
        }
    }

    /// What is to be told, and the topics of things that are no longer there.
    fn news(&self, memory: &mut Memory, orders: &Orders) -> (Vec<Notice>, Vec<String>) {
        memory.put_off.retain(|_, until| *until > Instant::now());
        let now = self.now();
        let facts = Facts {
            now,
            started: memory.started,
            states: &self.keepers.states(),
            addresses: &orders.addresses,
            domains: &orders.domains,
            endings: &self.calendar.endings(now),
            told: &memory.told,
            is_busy: &|topic| memory.under_way.contains(topic) || memory.put_off.contains_key(topic),
            host: &self.host,
            pages: self.pages.as_deref(),
        };
        (judge(&facts), outdated(&facts))
    }

    async fn settle(&self, memory: &mut Memory, ended: &Delivery) {
        let is_old = !Arc::ptr_eq(&ended.orders, &self.orders.borrow());
        for topic in &ended.notice.topics {
            memory.under_way.remove(&topic.name);
            let stored = match &topic.words {
                // Whom the configuration of now names was not asked yet.
                _ if !ended.is_told && is_old => Ok(()),
                _ if !ended.is_told => {
                    memory.put_off.insert(topic.name.clone(), Instant::now() + LATER);
                    Ok(())
                }
                Some(words) => {
                    let telling = Telling { words: words.clone(), at: self.keepers.clock().wall() };
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
                warn!(%error, "it is not remembered that somebody was told; after a restart it is told again");
            }
        }
    }
}

/// The log hears of everything, whoever else does.
fn log(event: &Event) {
    let (kind, fault) = (event.event.as_str(), event.fault.unwrap_or_default());
    match event.severity {
        Severity::Info => info!(event = kind, "{}", event.text),
        Severity::Warning | Severity::Critical => warn!(event = kind, fault, "{}", event.text),
    }
}
