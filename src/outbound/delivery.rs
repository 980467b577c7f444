//! What is to be delivered to whom, and what became of it.

use std::time::Duration;

use crate::wire::smtp::{Mail, Rcpt, Reply};

#[derive(Debug, Clone)]
pub struct Envelope {
    pub mail: Mail,
    pub recipients: Vec<Rcpt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Delivered,
    Deferred,
    Failed,
}

/// For one recipient.
#[derive(Debug, Clone)]
pub struct Verdict {
    pub fate: Fate,
    pub reply: Reply,
}

#[derive(Debug, Clone)]
pub struct Report {
    /// One for each recipient, in their order.
    pub verdicts: Vec<Verdict>,
    /// The whole message left our hands, and nobody answered.
    pub is_doubtful: bool,
    /// How long the other side asks to wait.
    pub retry_after: Option<Duration>,
}
