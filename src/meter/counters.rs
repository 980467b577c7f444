//! The Prometheus registry and its few families.

use std::{sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric, text::encode},
    metrics::{MetricType, counter::Counter, family::Family, gauge::ConstGauge, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use jiff::Timestamp;

use super::{Board, Clients, Day, Messages, Recent, Used, Verbs, labels::*};
use crate::base::{Fault, Protocol, Stage};

/// In seconds: from a login on the same machine to a mail program's patience.
const BUCKETS: [f64; 13] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

type Timed<L = ProtocolLabel> = Family<L, Histogram, fn() -> Histogram>;

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
struct Open(Arc<Board>);

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

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToClient,
    ToUpstream,
}

impl Direction {
    const fn as_str(self) -> &'static str {
        match self {
            Direction::ToClient => "to-client",
            Direction::ToUpstream => "to-upstream",
        }
    }
}

/// How a login, a message or a token request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    RefusedForNow,
    Refused,
    Lost,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Accepted, Self::RefusedForNow, Self::Refused, Self::Lost];

    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::RefusedForNow => "refused-for-now",
            Outcome::Refused => "refused",
            Outcome::Lost => "lost",
        }
    }
}

/// What somebody waited for within the limits of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    Connection,
    Message,
}

impl Room {
    const fn as_str(self) -> &'static str {
        match self {
            Room::Connection => "connection",
            Room::Message => "message",
        }
    }
}

/// How it went to tell somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Delivered,
    /// Not yet; it is tried again.
    Retried,
    Failed,
}

impl Told {
    const ALL: [Self; 3] = [Self::Delivered, Self::Retried, Self::Failed];

    const fn as_str(self) -> &'static str {
        match self {
            Told::Delivered => "delivered",
            Told::Retried => "retried",
            Told::Failed => "failed",
        }
    }
}

/// Cheap to clone; every clone counts into the same registry.
#[derive(Clone)]
pub struct Meter {
    registry: Arc<Registry>,
    sessions: Family<ProtocolLabel, Counter>,
    logins: Family<LoginLabel, Counter>,
    faults: Family<FaultLabel, Counter>,
    messages: Family<OutcomeLabel, Counter>,
    repairs: Family<RepairLabel, Counter>,
    bytes: Family<BytesLabel, Counter>,
    token_ends: Counter,
    token_requests: Family<OutcomeLabel, Counter>,
    sign_ins: Family<PhaseLabel, Gauge>,
    notifications: Family<NotificationLabel, Counter>,
    endings: Family<EndingLabel, Gauge>,
    next_sign_in: Family<ReasonLabel, Gauge>,
    queue_deliveries: Family<DeliveryLabel, Counter>,
    queue_messages: Family<StateLabel, Gauge>,
    queue_oldest: Gauge,
    queue_bytes: Gauge,
    queue_standstill: Gauge,
    client_success: Family<ClientLabel, Gauge>,
    governor_wait: Timed<RoomLabel>,
    login_seconds: Timed,
    sign_on_seconds: Timed,
    message_seconds: Histogram,
    token_seconds: Histogram,
    pub board: Arc<Board>,
    pub recent: Arc<Recent>,
    pub last_messages: Arc<Messages>,
    pub used_mailboxes: Arc<Used>,
    pub clients: Arc<Clients>,
    pub verbs: Arc<Verbs>,
    pub logins_by_hour: Arc<Day>,
    pub messages_by_hour: Arc<Day>,
    /// Messages that the queue took over.
    pub queued_by_hour: Arc<Day>,
    /// Recipients of queued messages: delivered, or failed for good.
    pub delivered_by_hour: Arc<Day>,
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

impl Meter {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gatepost");
        let sessions = whole(Protocol::ALL.map(|protocol| ProtocolLabel { protocol: protocol.as_str() }));
        registry.register("sessions", "Client connections taken in", sessions.clone());
        let board = Arc::<Board>::default();
        registry.register_collector(Box::new(Open(board.clone())));
        let logins = no_login();
        registry.register("logins", "Complete credentials answered", logins.clone());
        let faults = Family::default();
        registry.register("faults", "Faults by kind, catalogue id and stage", faults.clone());
        let messages = no_outcome();
        registry.register(
            "messages",
            "Messages by their final reply: to DATA, or before it where none came",
            messages.clone(),
        );
        let repairs = Family::default();
        registry.register("repairs", "Messages that were changed, by what was changed", repairs.clone());
        let bytes = no_octet();
        registry.register("bytes", "Octets carried after sign-on", bytes.clone());
        let token_ends = Counter::default();
        registry.register(
            "sessions_ended_by_token_expiry",
            "IMAP sessions that the upstream ended because the access token expired",
            token_ends.clone(),
        );
        let token_requests = no_outcome();
        registry.register("token_requests", "Requests to identity providers by their end", token_requests.clone());
        let sign_ins = Family::default();
        let what = "Sign-ins by how they stand, those of mailboxes of whole domains too";
        registry.register("sign_ins", what, sign_ins.clone());
        let notifications = told_nobody();
        registry.register("notifications", "Events by the way and how telling them went", notifications.clone());
        let endings = Family::default();
        let what = "When a secret or certificate ends, in seconds since 1970";
        registry.register("expiry_timestamp_seconds", what, endings.clone());
        let next_sign_in = Family::default();
        let what = "When the first sign-in has to be renewed by a person, in seconds since 1970";
        registry.register("next_sign_in_timestamp_seconds", what, next_sign_in.clone());
        let answered = |outcome| DeliveryLabel { outcome, reason: "answered" };
        let queue_deliveries = whole(["delivered", "deferred", "failed"].map(answered));
        let what = "Recipients of queued messages by what came of an attempt, and why";
        registry.register("queue_deliveries", what, queue_deliveries.clone());
        let queue_messages = Family::default();
        registry.register("queue_messages", "Messages in the queue", queue_messages.clone());
        let queue_oldest = Gauge::default();
        registry.register("queue_oldest_seconds", "Age of the oldest message that is not held", queue_oldest.clone());
        let queue_bytes = Gauge::default();
        registry.register("queue_bytes", "Octets of all message bodies on disk", queue_bytes.clone());
        let queue_standstill = Gauge::default();
        let what = "1 while nothing is sent from the queue, since its disk cannot be read or written; else 0";
        registry.register("queue_standstill", what, queue_standstill.clone());
        let client_success = Family::default();
        let what =
            "When a [[client]] had its last message accepted or, by IMAP and POP3, signed on; in seconds since 1970";
        registry.register("client_last_success_timestamp_seconds", what, client_success.clone());
        let governor_wait = waits();
        let what = "How long a message waited for room within the limits of its mailbox, and whether there was any";
        registry.register("governor_wait_seconds", what, governor_wait.clone());
        let login_seconds = Timed::new_with_constructor(clock);
        registry.register("login_seconds", "From complete credentials to the answer", login_seconds.clone());
        let sign_on_seconds = Timed::new_with_constructor(clock);
        registry.register(
            "sign_on_seconds",
            "From dialling the upstream to its yes, where it said yes",
            sign_on_seconds.clone(),
        );
        let message_seconds = clock();
        registry.register("message_seconds", "From MAIL to the answer to the whole message", message_seconds.clone());
        let token_seconds = clock();
        registry.register("token_seconds", "Answers of identity providers", token_seconds.clone());
        Self {
            registry: Arc::new(registry),
            sessions,
            logins,
            faults,
            messages,
            repairs,
            bytes,
            token_ends,
            token_requests,
            sign_ins,
            notifications,
            endings,
            next_sign_in,
            queue_deliveries,
            queue_messages,
            queue_oldest,
            queue_bytes,
            queue_standstill,
            client_success,
            governor_wait,
            login_seconds,
            sign_on_seconds,
            message_seconds,
            token_seconds,
            board,
            recent: Arc::default(),
            last_messages: Arc::default(),
            used_mailboxes: Arc::default(),
            clients: Arc::default(),
            verbs: Arc::default(),
            logins_by_hour: Arc::default(),
            messages_by_hour: Arc::default(),
            queued_by_hour: Arc::default(),
            delivered_by_hour: Arc::default(),
        }
    }

    /// Counts a connection that is taken in. How many are open the board knows.
    pub fn session(&self, protocol: Protocol) {
        self.sessions.get_or_create(&ProtocolLabel { protocol: protocol.as_str() }).inc();
    }

    /// Complete credentials were answered, `took` after they came.
    pub fn login(&self, protocol: Protocol, outcome: Outcome, took: Duration) {
        let protocol = protocol.as_str();
        self.logins.get_or_create(&LoginLabel { protocol, outcome: outcome.as_str() }).inc();
        self.logins_by_hour.count(outcome == Outcome::Accepted);
        self.login_seconds.get_or_create(&ProtocolLabel { protocol }).observe(took.as_secs_f64());
    }

    /// An upstream said yes, `took` after it was dialled.
    pub fn signed_on(&self, protocol: Protocol, took: Duration) {
        self.sign_on_seconds.get_or_create(&ProtocolLabel { protocol: protocol.as_str() }).observe(took.as_secs_f64());
    }

    /// An identity provider answered, or did not.
    pub fn token_request(&self, outcome: Outcome, took: Duration) {
        self.token_requests.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
        self.token_seconds.observe(took.as_secs_f64());
    }

    /// Something was changed in a message.
    pub fn repaired(&self, repair: &'static str) {
        self.repairs.get_or_create(&RepairLabel { repair }).inc();
    }

    /// How many sign-ins are in each phase, zero included.
    pub fn sign_ins(&self, phases: &[(&'static str, usize)]) {
        for (phase, n) in phases {
            self.sign_ins.get_or_create(&PhaseLabel { phase }).set(i64::try_from(*n).unwrap_or(i64::MAX));
        }
    }

    /// Somebody was told of an event, or could not be. `channel`: `command` or `webhook`.
    pub fn notification(&self, channel: &'static str, told: Told) {
        self.notifications.get_or_create(&NotificationLabel { channel, outcome: told.as_str() }).inc();
    }

    /// What ends, by kind and name; what was there before and is no more goes.
    pub fn endings(&self, endings: impl Iterator<Item = (&'static str, String, Timestamp)>) {
        self.endings.clear();
        for (what, name, end) in endings {
            self.endings.get_or_create(&EndingLabel { what, name }).set(end.as_second());
        }
    }

    /// The first of all sign-ins that will need a person, by the reason.
    pub fn next_sign_in(&self, reasons: &[(&'static str, Option<Timestamp>)]) {
        self.next_sign_in.clear();
        for (reason, at) in reasons {
            if let Some(at) = at {
                self.next_sign_in.get_or_create(&ReasonLabel { reason }).set(at.as_second());
            }
        }
    }

    /// So many recipients of a queued message had this outcome in one attempt. `reason`: one of a few words, or the id
    /// of a fault.
    pub fn queue_deliveries(&self, outcome: &'static str, reason: &'static str, recipients: u64) {
        if recipients > 0 {
            if outcome != "deferred" {
                self.delivered_by_hour.add(outcome == "delivered", recipients);
            }
            self.queue_deliveries.get_or_create(&DeliveryLabel { outcome, reason }).inc_by(recipients);
        }
    }

    /// Somebody waited for room within the limits of a mailbox, and waits no more; `found`: there was some in time.
    pub fn waited_for_room(&self, room: Room, found: bool, took: Duration) {
        let label = RoomLabel { room: room.as_str(), outcome: if found { "found" } else { "none" } };
        self.governor_wait.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// When something went well last for each of these clients of the configuration; who is no more goes.
    pub fn client_successes<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.client_success.clear();
        for name in names {
            if let Some(at) = self.clients.last_success(name) {
                let gauge = self.client_success.get_or_create(&ClientLabel { client: name.to_owned() });
                gauge.set(i64::try_from(at).unwrap_or(i64::MAX));
            }
        }
    }

    /// How the queue stands.
    pub fn queue(&self, waiting: usize, held: usize, oldest: Duration, octets: u64, stands_still: bool) {
        let set = |gauge: &Gauge, value: u64| {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        };
        for (state, n) in [("waiting", waiting), ("held", held)] {
            set(&self.queue_messages.get_or_create(&StateLabel { state }), n as u64);
        }
        set(&self.queue_oldest, oldest.as_secs());
        set(&self.queue_bytes, octets);
        set(&self.queue_standstill, u64::from(stands_still));
    }

    pub fn fault(&self, protocol: Protocol, account: &str, fault: &Fault) {
        let label = FaultLabel {
            protocol: protocol.as_str(),
            kind: fault.kind.as_str(),
            id: fault.id,
            stage: fault.stage.map_or("none", Stage::as_str),
        };
        self.faults.get_or_create(&label).inc();
        self.recent.push(protocol, account, fault);
    }

    /// A message ended before its DATA: refused, or its client left.
    pub fn message_without_data(&self, outcome: Outcome) {
        self.messages.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
        self.messages_by_hour.count(outcome == Outcome::Accepted);
    }

    /// A message was answered (or its client left), `took` after its MAIL.
    pub fn message(&self, outcome: Outcome, took: Duration) {
        self.message_without_data(outcome);
        self.message_seconds.observe(took.as_secs_f64());
    }

    /// Counts octets that are carried after sign-on.
    pub fn octets(&self, protocol: Protocol, direction: Direction) -> Counter {
        let label = BytesLabel { protocol: protocol.as_str(), direction: direction.as_str() };
        self.bytes.get_or_create(&label).clone()
    }

    pub fn ended_by_token_expiry(&self) {
        self.token_ends.inc();
    }

    /// The Prometheus text.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String does not fail.
        let _ = encode(&mut out, &self.registry);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Kind, Owner};

    #[tokio::test]
    async fn a_session_that_panics_or_is_cancelled_does_not_stay_counted() {
        let meter = Meter::new();
        let enter = || meter.board.enter(Protocol::Imap, std::net::Ipv4Addr::LOCALHOST.into());
        let counted = |n: u32| {
            let line = format!("gatepost_sessions_open{{protocol=\"imap\",stage=\"greeting\"}} {n}\n");
            meter.text().contains(&line)
        };
        let (panics, waits, stays) = (enter(), enter(), enter());
        assert!(counted(3), "{}", meter.text());
        let panicked = tokio::spawn(async move {
            let _open = panics;
            panic!("on purpose");
        });
        let cancelled = tokio::spawn(async move {
            let _open = waits;
            std::future::pending::<()>().await;
        });
        cancelled.abort();
        assert!(panicked.await.is_err() && cancelled.await.is_err());
        assert!(counted(1), "{}", meter.text());
        drop(stays);
    }

    #[test]
    fn a_fault_shows_in_the_text_and_among_the_last_ones() {
        let meter = Meter::new();
        let fault = Fault::new(Kind::SignInNeeded, Owner::User, "sign-in-needed", "Sign in").at(Stage::FetchingToken);
        meter.fault(Protocol::Imap, "ann@x", &fault);
        assert!(meter.text().contains(
            r#"gatepost_faults_total{protocol="imap",kind="sign-in-needed",id="sign-in-needed",stage="fetching token"} 1"#
        ));
        assert_eq!(meter.recent.list().len(), 1);
    }
}
