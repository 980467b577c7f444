//! The switches of Microsoft Graph: its limits, and what its requests get in the place of an answer.

use serde::{Deserialize, Serialize};

use crate::sandbox::faults::{AfterDot, Switchboard};

/// Defaults are Microsoft's documented limits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct GraphFaults {
    pub mishap: Option<GraphMishap>,
    /// Added before every answer, while the request counts as open.
    pub delay_ms: u64,
    /// Requests for one mailbox at a time.
    pub concurrency: Option<usize>,
    /// Requests for one mailbox in ten minutes.
    pub requests: Option<usize>,
    /// Octets of requests for one mailbox in five minutes.
    pub uploaded: Option<u64>,
    /// Seconds in the Retry-After of those limits.
    pub retry_after: u64,
    /// What follows a message that was sent.
    pub after_send: AfterDot,
}

impl Default for GraphFaults {
    fn default() -> Self {
        Self {
            mishap: None,
            delay_ms: 0,
            concurrency: Some(4),
            requests: Some(10_000),
            uploaded: Some(150 * 1024 * 1024),
            retry_after: 1,
            after_send: AfterDot::default(),
        }
    }
}

/// One thing that happens to requests, `times` times (absent: until switched off).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GraphMishap {
    pub status: u16,
    /// Of the error body: `ErrorAccessDenied` and the like.
    pub code: String,
    #[serde(default)]
    pub retry_after: Option<u64>,
    #[serde(default)]
    pub times: Option<u32>,
    /// Only requests whose path ends so (`sendMail`, `messages`, `createUploadSession`); absent: all.
    #[serde(default)]
    pub on: Option<String>,
}

impl GraphMishap {
    pub fn new(status: u16, code: impl Into<String>) -> Self {
        Self { status, code: code.into(), retry_after: None, times: None, on: None }
    }

    /// Whether it says that the app may not, which a consent ends.
    pub(in crate::sandbox) fn is_of_permission(&self) -> bool {
        self.code == "ErrorAccessDenied"
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    pub fn on(mut self, end: impl Into<String>) -> Self {
        self.on = Some(end.into());
        self
    }
}

impl Switchboard {
    /// What befalls this request at Graph; counted down.
    pub(super) fn graph_mishap(&self, path: &str) -> Option<GraphMishap> {
        self.set(|faults| {
            let mishap = faults.graph.mishap.as_mut()?;
            if mishap.on.as_ref().is_some_and(|end| !path.ends_with(end.as_str())) {
                return None;
            }
            let found = mishap.clone();
            match mishap.times.as_mut() {
                Some(times) if *times <= 1 => faults.graph.mishap = None,
                Some(times) => *times -= 1,
                None => {}
            }
            Some(found)
        })
    }
}
