//! The Prometheus registry, and what is counted into it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use prometheus_client::{encoding::text::encode, metrics::counter::Counter, metrics::gauge::Gauge, registry::Registry};

use super::{
    Board, Clients, Day, Messages, Recent, Used, Verbs,
    families::{Mail, Open, Queued, Sessions, SignIns, Telling, Texts},
    labels::*,
};
use crate::base::{Fault, Protocol, Stage};

/// Cheap to clone; every clone counts into the same registry.
#[derive(Clone)]
pub struct Meter {
    registry: Arc<Registry>,
    sessions: Sessions,
    mail: Mail,
    sign_ins: SignIns,
    telling: Telling,
    queued: Queued,
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
        Self::explaining([])
    }

    /// With the short text of each fault that there is, by its id.
    pub fn explaining(texts: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let mut registry = Registry::with_prefix("gatepost");
        let texts = texts.into_iter().map(|(id, text)| TextLabel { id, text }).collect();
        registry.register_collector(Box::new(Texts(texts)));
        let board = Arc::<Board>::default();
        registry.register_collector(Box::new(Open(board.clone())));
        let sessions = Sessions::registered(&mut registry);
        let mail = Mail::registered(&mut registry);
        let sign_ins = SignIns::registered(&mut registry);
        let telling = Telling::registered(&mut registry);
        let queued = Queued::registered(&mut registry);
        Self {
            registry: Arc::new(registry),
            sessions,
            mail,
            sign_ins,
            telling,
            queued,
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
        self.sessions.taken_in.get_or_create(&ProtocolLabel { protocol: protocol.as_str() }).inc();
    }

    /// Complete credentials were answered, `took` after they came.
    pub fn login(&self, protocol: Protocol, outcome: Outcome, took: Duration) {
        let protocol = protocol.as_str();
        self.sessions.logins.get_or_create(&LoginLabel { protocol, outcome: outcome.as_str() }).inc();
        self.logins_by_hour.count(outcome == Outcome::Accepted);
        // Guessers are made to wait for their turn: that is no slow login.
        if outcome == Outcome::Accepted {
            self.sessions.login_seconds.get_or_create(&ProtocolLabel { protocol }).observe(took.as_secs_f64());
        }
    }

    /// An upstream said yes, `took` after it was dialled.
    pub fn signed_on(&self, protocol: Protocol, took: Duration) {
        self.sessions
            .sign_on_seconds
            .get_or_create(&ProtocolLabel { protocol: protocol.as_str() })
            .observe(took.as_secs_f64());
    }

    /// An identity provider answered, or did not.
    pub fn token_request(&self, outcome: Outcome, took: Duration) {
        self.sign_ins.requests.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
        self.sign_ins.seconds.observe(took.as_secs_f64());
    }

    /// Something was changed in a message.
    pub fn repaired(&self, repair: &'static str) {
        self.mail.repairs.get_or_create(&RepairLabel { repair }).inc();
    }

    /// How many sign-ins are in each phase, zero included.
    pub fn sign_ins(&self, phases: &[(&'static str, usize)]) {
        for (phase, n) in phases {
            self.sign_ins.phases.get_or_create(&PhaseLabel { phase }).set(i64::try_from(*n).unwrap_or(i64::MAX));
        }
    }

    /// Somebody was told of an event, or could not be. `channel`: `command` or `webhook`.
    pub fn notification(&self, channel: &'static str, told: Told) {
        self.telling.notifications.get_or_create(&NotificationLabel { channel, outcome: told.as_str() }).inc();
    }

    /// What ends, by kind and name; what was there before and is no more goes.
    pub fn endings(&self, endings: impl Iterator<Item = (&'static str, String, Timestamp)>) {
        self.telling.endings.clear();
        for (what, name, end) in endings {
            self.telling.endings.get_or_create(&EndingLabel { what, name }).set(end.as_second());
        }
    }

    /// How far the clock of this machine is behind; below zero it is ahead.
    pub fn clock_behind(&self, seconds: i64) {
        self.sign_ins.clock.set(seconds);
    }

    /// The first of all sign-ins that will need a person, by the reason.
    pub fn next_sign_in(&self, reasons: &[(&'static str, Option<Timestamp>)]) {
        self.sign_ins.next.clear();
        for (reason, at) in reasons {
            if let Some(at) = at {
                self.sign_ins.next.get_or_create(&ReasonLabel { reason }).set(at.as_second());
            }
        }
    }

    /// So many recipients of a queued message had this outcome in one attempt. `reason`: one of a few words, or the id
    /// of a fault.
    pub fn queue_deliveries(&self, outcome: &'static str, reason: &'static str, recipients: u64) {
        if recipients > 0 {
            self.queued.deliveries.get_or_create(&DeliveryLabel { outcome, reason }).inc_by(recipients);
        }
    }

    /// Somebody waited for room within the limits of a mailbox, and waits no more; `found`: there was some in time.
    pub fn waited_for_room(&self, room: Room, found: bool, took: Duration) {
        let label = RoomLabel { room: room.as_str(), outcome: if found { "found" } else { "none" } };
        self.mail.governor_wait.get_or_create(&label).observe(took.as_secs_f64());
    }

    /// When something went well last for each of these clients of the configuration; who is no more goes.
    pub fn client_successes<'a>(&self, names: impl Iterator<Item = &'a str>) {
        self.mail.client_success.clear();
        for name in names {
            if let Some(at) = self.clients.last_success(name) {
                let gauge = self.mail.client_success.get_or_create(&ClientLabel { client: name.to_owned() });
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
            set(&self.queued.messages.get_or_create(&StateLabel { state }), n as u64);
        }
        set(&self.queued.oldest, oldest.as_secs());
        set(&self.queued.bytes, octets);
        set(&self.queued.standstill, u64::from(stands_still));
    }

    pub fn fault(&self, protocol: Protocol, account: &str, fault: &Fault) {
        self.fault_of_peer(protocol, account, None, fault);
    }

    /// The same of whoever is not known by more than an address yet; whether it is news.
    pub fn fault_of_peer(&self, protocol: Protocol, account: &str, peer: Option<IpAddr>, fault: &Fault) -> bool {
        self.passing_fault(protocol, fault);
        self.recent.push(protocol, account, peer.map(|peer| peer.to_canonical()), fault)
    }

    /// The same of the login of a `[[client]]`.
    pub fn wrong_login(&self, protocol: Protocol, client: &str, peer: IpAddr, fault: &Fault) {
        self.passing_fault(protocol, fault);
        self.recent.push_login(protocol, client, Some(peer.to_canonical()), fault);
    }

    /// The same of what is nobody's trouble for longer than it takes to say.
    pub fn passing_fault(&self, protocol: Protocol, fault: &Fault) {
        let label = FaultLabel {
            protocol: protocol.as_str(),
            kind: fault.kind.as_str(),
            id: fault.id,
            stage: fault.stage.map_or("none", Stage::as_str),
        };
        self.sessions.faults.get_or_create(&label).inc();
    }

    /// A message ended before its DATA: refused, or its client left.
    pub fn message_without_data(&self, outcome: Outcome) {
        self.mail.messages.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
        self.messages_by_hour.count(outcome == Outcome::Accepted);
    }

    /// A message was answered (or its client left), `took` after its MAIL.
    pub fn message(&self, outcome: Outcome, took: Duration) {
        self.message_without_data(outcome);
        self.mail.seconds.observe(took.as_secs_f64());
    }

    /// Counts octets that are carried after sign-on.
    pub fn octets(&self, protocol: Protocol, direction: Direction) -> Counter {
        let label = BytesLabel { protocol: protocol.as_str(), direction: direction.as_str() };
        self.sessions.bytes.get_or_create(&label).clone()
    }

    pub fn ended_by_token_expiry(&self) {
        self.sessions.token_ends.inc();
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

    #[test]
    fn the_short_text_of_a_fault_is_a_row_of_its_own_and_no_text_can_break_out_of_it() {
        let text = Meter::explaining([("sign-in-needed", "Sign \"in\"\n# EOF"), ("other", "x")]).text();
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("gatepost_fault_info")).collect();
        let what =
            "# HELP gatepost_fault_info 1 for each catalogue id, with the short text that replies and the log have";
        let kind = "# TYPE gatepost_fault_info gauge";
        let row = r#"gatepost_fault_info{id="sign-in-needed",text="Sign \"in\"\n# EOF"} 1"#;
        assert_eq!(rows, [what, kind, row, r#"gatepost_fault_info{id="other",text="x"} 1"#]);
    }
}
