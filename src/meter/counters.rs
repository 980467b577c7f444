//! The Prometheus registry and its few families.

use std::sync::Arc;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::{Board, Recent};
use crate::base::{Fault, Protocol, Stage};

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ProtocolLabel {
    protocol: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct LoginLabel {
    protocol: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FaultLabel {
    protocol: &'static str,
    kind: &'static str,
    id: &'static str,
    stage: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BytesLabel {
    protocol: &'static str,
    direction: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToClient,
    ToUpstream,
}

/// How a login or a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Accepted,
    RefusedForNow,
    Refused,
    Lost,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::RefusedForNow => "refused-for-now",
            Outcome::Refused => "refused",
            Outcome::Lost => "lost",
        }
    }
}

/// Cheap to clone; every clone counts into the same registry.
#[derive(Clone)]
pub struct Meter {
    registry: Arc<Registry>,
    sessions: Family<ProtocolLabel, Counter>,
    open: Family<ProtocolLabel, Gauge>,
    logins: Family<LoginLabel, Counter>,
    faults: Family<FaultLabel, Counter>,
    messages: Family<OutcomeLabel, Counter>,
    bytes: Family<BytesLabel, Counter>,
    token_ends: Counter,
    pub board: Arc<Board>,
    pub recent: Arc<Recent>,
}

/// One session among those open now.
#[must_use = "the session counts as open while this lives"]
pub struct OpenSession {
    open: Gauge,
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::new()
    }
}

impl Meter {
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("gatepost");
        let sessions = Family::default();
        registry.register("sessions", "Client connections taken in", sessions.clone());
        let open = Family::<ProtocolLabel, Gauge>::default();
        registry.register("sessions_open", "Client connections open now", open.clone());
        let logins = Family::default();
        registry.register("logins", "Complete credentials answered", logins.clone());
        let faults = Family::default();
        registry.register("faults", "Faults by kind, catalogue id and stage", faults.clone());
        let messages = Family::default();
        registry.register("messages", "Messages by the final reply to DATA", messages.clone());
        let bytes = Family::default();
        registry.register("bytes", "Octets carried after sign-on", bytes.clone());
        let token_ends = Counter::default();
        registry.register(
            "sessions_ended_by_token_expiry",
            "IMAP sessions that the upstream ended because the access token expired",
            token_ends.clone(),
        );
        Self {
            registry: Arc::new(registry),
            sessions,
            open,
            logins,
            faults,
            messages,
            bytes,
            token_ends,
            board: Arc::default(),
            recent: Arc::default(),
        }
    }

    /// Counts a session in; it is counted out when the guard goes, however the session ends.
    pub fn session_opened(&self, protocol: Protocol) -> OpenSession {
        let label = ProtocolLabel { protocol: protocol.as_str() };
        self.sessions.get_or_create(&label).inc();
        let open = self.open.get_or_create_owned(&label);
        open.inc();
        OpenSession { open }
    }

    pub fn login(&self, protocol: Protocol, outcome: Outcome) {
        let label = LoginLabel { protocol: protocol.as_str(), outcome: outcome.as_str() };
        self.logins.get_or_create(&label).inc();
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

    pub fn message(&self, outcome: Outcome) {
        self.messages.get_or_create(&OutcomeLabel { outcome: outcome.as_str() }).inc();
    }

    pub fn carried(&self, protocol: Protocol, direction: Direction, octets: u64) {
        let direction = match direction {
            Direction::ToClient => "to-client",
            Direction::ToUpstream => "to-upstream",
        };
        self.bytes.get_or_create(&BytesLabel { protocol: protocol.as_str(), direction }).inc_by(octets);
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
        let counted = |n: u32| meter.text().contains(&format!("gatepost_sessions_open{{protocol=\"imap\"}} {n}"));
        let panics = meter.session_opened(Protocol::Imap);
        let waits = meter.session_opened(Protocol::Imap);
        assert!(counted(2));
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
        assert!(counted(0), "{}", meter.text());
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
