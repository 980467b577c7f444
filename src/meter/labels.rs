//! The label sets of the metrics. Values are words of ours or names of the configuration, never a peer's.

use prometheus_client::encoding::EncodeLabelSet;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ProtocolLabel {
    pub protocol: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct LoginLabel {
    pub protocol: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct FaultLabel {
    pub protocol: &'static str,
    pub kind: &'static str,
    pub id: &'static str,
    pub stage: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct TextLabel {
    pub id: &'static str,
    pub text: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct BytesLabel {
    pub protocol: &'static str,
    pub direction: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct OutcomeLabel {
    pub outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct OpenLabel {
    pub protocol: &'static str,
    pub stage: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct PhaseLabel {
    pub phase: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct NotificationLabel {
    pub channel: &'static str,
    pub outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct EndingLabel {
    pub what: &'static str,
    pub name: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct DeliveryLabel {
    pub outcome: &'static str,
    pub reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct StateLabel {
    pub state: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ReasonLabel {
    pub reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RepairLabel {
    pub repair: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct ClientLabel {
    pub client: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub(super) struct RoomLabel {
    pub room: &'static str,
    pub outcome: &'static str,
}

/// Which way bytes went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToClient,
    ToUpstream,
}

impl Direction {
    pub(super) const fn as_str(self) -> &'static str {
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
    pub(super) const ALL: [Self; 4] = [Self::Accepted, Self::RefusedForNow, Self::Refused, Self::Lost];

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
    pub(super) const fn as_str(self) -> &'static str {
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
    pub(super) const ALL: [Self; 3] = [Self::Delivered, Self::Retried, Self::Failed];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Told::Delivered => "delivered",
            Told::Retried => "retried",
            Told::Failed => "failed",
        }
    }
}
