//! The Prometheus families, by what they count, each with the words that explain it.
//!
//! They are registered here and counted into by [`Meter`](super::Meter), which knows what happened. Those whose labels are
//! known beforehand are whole from the start.

use std::sync::Arc;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge, gauge::Gauge, histogram::Histogram},
    registry::{Metric, Registry},
};

use super::{Board, labels::*};
use crate::base::Protocol;

/// In seconds: from a login on the same machine to a mail program's patience.
const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

pub(super) type Timed<L = ProtocolLabel> = Family<L, Histogram, fn() -> Histogram>;

fn clock() -> Histogram {
    Histogram::new(BUCKETS)
}

/// A family that is whole from the start, so that a rate has something to begin at.
fn whole<L>(labels: impl IntoIterator<Item = L>) -> Family<L, Counter>
where
    L: Clone + std::hash::Hash + Eq,
{
    let family = Family::<L, Counter>::default();
    labels.into_iter().for_each(|label| drop(family.get_or_create(&label)));
    family
}

fn told_nobody() -> Family<NotificationLabel, Counter> {
    let labels = |channel| Told::ALL.map(|told| NotificationLabel { channel, outcome: told.as_str() });
    whole(["command", "webhook"].into_iter().flat_map(labels))
}

fn no_outcome() -> Family<OutcomeLabel, Counter> {
    whole(Outcome::ALL.map(|outcome| OutcomeLabel { outcome: outcome.as_str() }))
}

fn no_login() -> Family<LoginLabel, Counter> {
    let labels = |protocol: Protocol| {
        Outcome::ALL.map(|outcome| LoginLabel { protocol: protocol.as_str(), outcome: outcome.as_str() })
    };
    whole(Protocol::ALL.into_iter().flat_map(labels))
}

fn no_octet() -> Family<BytesLabel, Counter> {
    let labels = |protocol: Protocol| {
        let label = |direction: Direction| BytesLabel { protocol: protocol.as_str(), direction: direction.as_str() };
        [Direction::ToClient, Direction::ToUpstream].map(label)
    };
    whole(Protocol::ALL.into_iter().flat_map(labels))
}

/// All there can be, as above.
fn waits() -> Timed<RoomLabel> {
    let family = Timed::new_with_constructor(clock as fn() -> Histogram);
    for room in [Room::Connection, Room::Message] {
        for outcome in ["found", "none"] {
            drop(family.get_or_create(&RoomLabel { room: room.as_str(), outcome }));
        }
    }
    family
}

/// The board, counted when somebody asks.
#[derive(Debug)]
pub(super) struct Open(pub Arc<Board>);

impl Collector for Open {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let what = "Client connections open now, by what they are at";
        let mut family = encoder.encode_descriptor("sessions_open", what, None, MetricType::Gauge)?;
        for ((protocol, stage), n) in self.0.tally() {
            let label = OpenLabel { protocol: protocol.as_str(), stage: stage.as_str() };
            ConstGauge::new(n).encode(family.encode_family(&label)?)?;
        }
        Ok(())
    }
}

/// The short text of each fault by its id, beside the counters whose label `id` says less: a text that is worded better in a
/// later version must not make other series of those.
///
/// All of them, and not what was counted alone: they are as many as the catalogue has, they stand from the start so that
/// the first of its kind is joined at once, and whoever counts a fault carries no text for it.
#[derive(Debug)]
pub(super) struct Texts(pub Vec<TextLabel>);

impl Collector for Texts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        // A gauge: the older form of the text knows no type for what OpenMetrics calls info.
        let what = "1 for each catalogue id, with the short text that replies and the log have";
        let mut family = encoder.encode_descriptor("fault_info", what, None, MetricType::Gauge)?;
        for label in &self.0 {
            ConstGauge::new(1_u64).encode(family.encode_family(label)?)?;
        }
        Ok(())
    }
}

/// One that is counted into and, in the registry, read.
fn registered<M: Metric + Clone>(registry: &mut Registry, name: &str, what: &str, metric: M) -> M {
    registry.register(name, what, metric.clone());
    metric
}

fn timed() -> Timed {
    Timed::new_with_constructor(clock)
}

/// Client connections, up to their sign-on and what they carry behind it.
#[derive(Clone)]
pub(super) struct Sessions {
    pub taken_in: Family<ProtocolLabel, Counter>,
    pub logins: Family<LoginLabel, Counter>,
    pub faults: Family<FaultLabel, Counter>,
    pub bytes: Family<BytesLabel, Counter>,
    pub token_ends: Counter,
    pub login_seconds: Timed,
    pub sign_on_seconds: Timed,
}

impl Sessions {
    pub fn registered(to: &mut Registry) -> Self {
        let none = whole(Protocol::ALL.map(|protocol| ProtocolLabel { protocol: protocol.as_str() }));
        let ends = "IMAP sessions that the upstream ended because the access token expired";
        let login = "From complete credentials to the answer, where it was yes";
        let sign_on = "From dialling the upstream to its yes, where it said yes";
        Self {
            taken_in: registered(to, "sessions", "Client connections taken in", none),
            logins: registered(to, "logins", "Complete credentials answered", no_login()),
            faults: registered(to, "faults", "Faults by kind, catalogue id and stage", Family::default()),
            bytes: registered(to, "bytes", "Octets carried after sign-on", no_octet()),
            token_ends: registered(to, "sessions_ended_by_token_expiry", ends, Counter::default()),
            login_seconds: registered(to, "login_seconds", login, timed()),
            sign_on_seconds: registered(to, "sign_on_seconds", sign_on, timed()),
        }
    }
}

/// Messages, and the room that they waited for.
#[derive(Clone)]
pub(super) struct Mail {
    pub messages: Family<OutcomeLabel, Counter>,
    pub repairs: Family<RepairLabel, Counter>,
    pub seconds: Histogram,
    pub governor_wait: Timed<RoomLabel>,
    pub client_success: Family<ClientLabel, Gauge>,
}

impl Mail {
    pub fn registered(to: &mut Registry) -> Self {
        let messages = "Messages by their final reply: to DATA, or before it where none came";
        let repairs = "Messages that were changed, by what was changed";
        let seconds = "From MAIL to the answer to the whole message";
        let wait = "How long a message waited for room within the limits of its mailbox, and whether there was any";
        let success =
            "When a [[client]] had its last message accepted or, by IMAP and POP3, signed on; in seconds since 1970";
        Self {
            messages: registered(to, "messages", messages, no_outcome()),
            repairs: registered(to, "repairs", repairs, Family::default()),
            seconds: registered(to, "message_seconds", seconds, clock()),
            governor_wait: registered(to, "governor_wait_seconds", wait, waits()),
            client_success: registered(to, "client_last_success_timestamp_seconds", success, Family::default()),
        }
    }
}

/// Sign-ins, and what identity providers answer.
#[derive(Clone)]
pub(super) struct SignIns {
    pub phases: Family<PhaseLabel, Gauge>,
    pub next: Family<ReasonLabel, Gauge>,
    pub clock: Gauge,
    pub requests: Family<OutcomeLabel, Counter>,
    pub seconds: Histogram,
}

impl SignIns {
    pub fn registered(to: &mut Registry) -> Self {
        let phases = "Sign-ins by how they stand, those of mailboxes of whole domains too";
        let next = "When the first sign-in has to be renewed by a person, in seconds since 1970";
        let behind =
            "How far this machine's clock is behind the identity provider's, below zero ahead; 0 within five minutes";
        let requests = "Requests to identity providers by their end";
        Self {
            phases: registered(to, "sign_ins", phases, Family::default()),
            next: registered(to, "next_sign_in_timestamp_seconds", next, Family::default()),
            clock: registered(to, "clock_behind_seconds", behind, Gauge::default()),
            requests: registered(to, "token_requests", requests, no_outcome()),
            seconds: registered(to, "token_seconds", "Answers of identity providers", clock()),
        }
    }
}

/// What people are told of.
#[derive(Clone)]
pub(super) struct Telling {
    pub notifications: Family<NotificationLabel, Counter>,
    pub endings: Family<EndingLabel, Gauge>,
}

impl Telling {
    pub fn registered(to: &mut Registry) -> Self {
        let notifications = "Events by the way and how telling them went";
        let endings = "When a secret or certificate ends, in seconds since 1970";
        Self {
            notifications: registered(to, "notifications", notifications, told_nobody()),
            endings: registered(to, "expiry_timestamp_seconds", endings, Family::default()),
        }
    }
}

/// The queue.
#[derive(Clone)]
pub(super) struct Queued {
    pub deliveries: Family<DeliveryLabel, Counter>,
    pub messages: Family<StateLabel, Gauge>,
    pub oldest: Gauge,
    pub bytes: Gauge,
    pub standstill: Gauge,
}

impl Queued {
    pub fn registered(to: &mut Registry) -> Self {
        let usual = [("delivered", "answered"), ("deferred", "4xx"), ("failed", "5xx")];
        let none = whole(usual.map(|(outcome, reason)| DeliveryLabel { outcome, reason }));
        let deliveries = "Recipients of queued messages by what came of an attempt, and why";
        let oldest = "Age of the oldest message that is not held";
        let standstill = "1 while nothing is sent from the queue, since its disk cannot be read or written; else 0";
        Self {
            deliveries: registered(to, "queue_deliveries", deliveries, none),
            messages: registered(to, "queue_messages", "Messages in the queue", Family::default()),
            oldest: registered(to, "queue_oldest_seconds", oldest, Gauge::default()),
            bytes: registered(to, "queue_bytes", "Octets of all message bodies on disk", Gauge::default()),
            standstill: registered(to, "queue_standstill", standstill, Gauge::default()),
        }
    }
}
