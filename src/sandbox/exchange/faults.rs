//! The switches of Exchange that all its protocols see: whom it knows, and who has which right on whose mailbox.

use serde::{Deserialize, Serialize};

/// Defaults are a healthy tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExchangeFaults {
    /// Service principals were made with the object id of the app registration: no token of an app opens a mailbox, and
    /// those of people do.
    pub wrong_service_principals: bool,
    /// Nobody has this right on another's mailbox.
    pub without_full_access: bool,
    pub without_send_as: bool,
    /// What an administrator granted since.
    pub granted: Vec<Granted>,
}

/// A right of somebody on a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Granted {
    pub right: Right,
    pub mailbox: String,
    /// An address, or the object id of an app.
    pub to: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    FullAccess,
    SendAs,
}

impl ExchangeFaults {
    /// `None`: it is as it always was.
    pub(in crate::sandbox) fn may(&self, right: Right, who: &str, mailbox: &str) -> Option<bool> {
        let is_this = |one: &Granted| {
            one.right == right && one.to.eq_ignore_ascii_case(who) && one.mailbox.eq_ignore_ascii_case(mailbox)
        };
        let is_taken = match right {
            Right::FullAccess => self.without_full_access,
            Right::SendAs => self.without_send_as,
        };
        match self.granted.iter().any(is_this) {
            true => Some(true),
            false => is_taken.then_some(false),
        }
    }
}
