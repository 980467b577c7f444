//! The last messages, as the log line of each tells them. Small and bounded; nothing of their content.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use serde::Serialize;

const CAP: usize = 100;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MessageView {
    /// Seconds since 1970.
    pub at: u64,
    pub account: String,
    /// Name of the rule that let the client in, or `login`.
    pub client: String,
    pub sender: String,
    /// Its name in the queue, where it was taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
    pub recipients: usize,
    pub bytes: u64,
    pub outcome: &'static str,
    /// The final reply: the upstream's own, or ours.
    pub reply: String,
    /// Names of what was repaired in it, with commas between.
    pub repaired: String,
    pub ms: u64,
}

/// Newest last.
#[derive(Debug, Default)]
pub struct Messages(Mutex<VecDeque<MessageView>>);

impl Messages {
    pub fn push(&self, message: MessageView) {
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() == CAP {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    pub fn list(&self) -> Vec<MessageView> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}
