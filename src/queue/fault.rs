//! Why a message is not taken over, in words for its client; and why the queue does not open.

use std::fmt;

use crate::{
    catalog::{Entry, own::QUEUE_FAILING, replies::not_kept},
    spool::SpoolFault,
    store::StoreError,
    wire::smtp::Reply,
};

/// Nothing of the message stays. The client keeps it, and tries again.
#[derive(Debug)]
pub struct NotQueued {
    is_full: bool,
    /// For the log: names paths.
    cause: String,
}

impl NotQueued {
    pub(super) fn full(cause: &str) -> Self {
        Self { is_full: true, cause: cause.to_owned() }
    }

    pub(super) fn bug(cause: impl fmt::Display) -> Self {
        Self { is_full: false, cause: cause.to_string() }
    }

    pub fn reply(&self) -> Reply {
        not_kept(self.is_full, self)
    }
}

impl fmt::Display for NotQueued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for NotQueued {}

impl From<StoreError> for NotQueued {
    fn from(error: StoreError) -> Self {
        Self { is_full: error.is_full(), cause: error.to_string() }
    }
}

impl From<SpoolFault> for NotQueued {
    fn from(fault: SpoolFault) -> Self {
        Self { is_full: fault.is_full(), cause: fault.to_string() }
    }
}

/// The queue cannot be taken up again.
#[derive(Debug)]
pub enum OpenFault {
    Store(StoreError),
    Spool(SpoolFault),
}

impl OpenFault {
    /// What the catalogue has of it.
    pub fn entry(&self) -> &'static Entry {
        match self {
            Self::Store(error) => error.entry(),
            Self::Spool(_) => QUEUE_FAILING,
        }
    }
}

impl fmt::Display for OpenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "the queue cannot be read: {error}"),
            Self::Spool(fault) => write!(f, "the queue cannot be read: {fault}"),
        }
    }
}

impl std::error::Error for OpenFault {}

impl From<StoreError> for OpenFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<SpoolFault> for OpenFault {
    fn from(fault: SpoolFault) -> Self {
        Self::Spool(fault)
    }
}
