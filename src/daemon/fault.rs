//! Why the daemon cannot start: each reason has its entry in the catalogue, so that none is told without id and next step.

use std::{fmt, io};

use crate::{
    base::{Lang, invocation},
    catalog::{Entry, Known, Words, own::STORE_IN_USE},
    net::SetupFault,
    queue::OpenFault,
    store::StoreError,
};

/// The text names the thing and the cause.
#[derive(Debug)]
pub enum StartFault {
    Setup(SetupFault),
    Store(StoreError),
    RunsAlready { process: u32, daemon: invocation::Daemon },
    Queue(OpenFault),
    Io { entry: &'static Entry, what: &'static str, cause: io::Error },
}

impl fmt::Display for StartFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |particular: &dyn fmt::Display| self.entry().said(particular);
        f.write_str(&match self {
            StartFault::Setup(fault) => named(fault),
            StartFault::Store(fault) => named(fault),
            StartFault::RunsAlready { process, .. } => named(&format_args!("it runs already (process {process})")),
            StartFault::Queue(fault) => named(fault),
            StartFault::Io { what, cause, .. } => named(&format_args!("{what}: {cause}")),
        })
    }
}

impl StartFault {
    /// What the catalogue has of it.
    pub fn entry(&self) -> &'static Entry {
        match self {
            StartFault::Setup(fault) => fault.entry(),
            StartFault::Store(fault) => fault.entry(),
            StartFault::RunsAlready { .. } => STORE_IN_USE,
            StartFault::Queue(fault) => fault.entry(),
            StartFault::Io { entry, .. } => entry,
        }
    }

    /// What the catalogue says of it.
    pub fn words(&self, lang: Lang) -> Words {
        match self {
            StartFault::Setup(fault) => fault.words(lang),
            StartFault::Store(_) | StartFault::RunsAlready { .. } | StartFault::Queue(_) | StartFault::Io { .. } => {
                self.entry().told(lang, &Known::default())
            }
        }
    }

    /// The next step, in English, where it is known which process is in the way: that goes before the catalogue's.
    pub fn hint(&self) -> Option<String> {
        match self {
            StartFault::Store(StoreError::InUse { daemon, .. }) => Some(StoreError::make_way(*daemon)),
            StartFault::RunsAlready { daemon, .. } => Some(StoreError::reload(*daemon)),
            StartFault::Setup(_) | StartFault::Store(_) | StartFault::Queue(_) | StartFault::Io { .. } => None,
        }
    }
}

impl std::error::Error for StartFault {}

impl From<SetupFault> for StartFault {
    fn from(fault: SetupFault) -> Self {
        StartFault::Setup(fault)
    }
}

impl From<StoreError> for StartFault {
    fn from(fault: StoreError) -> Self {
        StartFault::Store(fault)
    }
}
