//! What went well, and what that proves of what went wrong before: nothing beyond what would have gone wrong again.

use super::FaultView;
use crate::base::{Protocol, Stage};

/// What went well of an account.
#[derive(Debug, Clone, Copy)]
pub enum Proof<'a> {
    /// Its login here.
    Login,
    /// Its token, and the sign-on where it sends or reads.
    SignOn,
    /// A message of `client` that stays here for now, from all of `senders`: none of `refusals` stood in its way, which are our
    /// own.
    Taken { senders: &'a [&'a str], client: &'a str, refusals: &'a [&'a str] },
    /// One that went at once: past the refusals `beside` it.
    Sent { senders: &'a [&'a str], client: &'a str, beside: &'a [&'a str] },
    /// Behind the queue: its sign-on, and a message from all of these, if it was one. Nothing of what clients hear before
    /// they are told 250, our own refusals `ahead` of the queue among it.
    Delivered { senders: Option<&'a [&'a str]>, ahead: &'a [&'a str] },
}

impl Proof<'_> {
    /// Whether what went wrong there would have gone wrong again.
    pub(super) fn covers(self, protocol: Protocol, fault: &FaultView) -> bool {
        // A mailbox is read with one token by whichever protocol; mail may be sent with another (Graph).
        let is_of_the_token = fault.stage == Some(Stage::FetchingToken) && fault.protocol != Protocol::Smtp.as_str();
        if fault.protocol != protocol.as_str() && !is_of_the_token {
            return false;
        }
        // A client of a rule comes in without the password of the account that it sends from.
        let is_of_the_login = fault.stage.is_some_and(|stage| stage <= Stage::Authenticating);
        match self {
            Proof::Login => is_of_the_login,
            _ if is_of_the_login => false,
            Proof::SignOn => fault.stage.is_some_and(|stage| stage < Stage::Relaying),
            Proof::Taken { senders, refusals, .. } => refusals.contains(&fault.id) && fault.spares(senders),
            Proof::Delivered { ahead, .. } if ahead.contains(&fault.id) => false,
            Proof::Delivered { senders: None, .. } => fault.stage.is_some_and(|stage| stage < Stage::Relaying),
            Proof::Delivered { senders: Some(senders), .. } => fault.spares(senders),
            Proof::Sent { senders, beside, .. } => !beside.contains(&fault.id) && fault.spares(senders),
        }
    }

    pub(super) const fn client(&self) -> Option<&str> {
        match self {
            Proof::Taken { client, .. } | Proof::Sent { client, .. } => Some(client),
            Proof::Login | Proof::SignOn | Proof::Delivered { .. } => None,
        }
    }
}
