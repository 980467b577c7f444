//! The daemon that has the store of a configuration which it does not read: for programs and for people.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::silent::numbered;
use crate::{
    base::{Lang, invocation::Daemon},
    config::Config,
    store,
};

pub struct Other {
    process: Option<u32>,
    daemon: Option<Daemon>,
    reads: PathBuf,
}

impl Other {
    pub fn beside(config: &Config, file: &Path) -> Option<Self> {
        let holder = store::holder(&config.store)?;
        let reads = holder.reads_other_than(file)?.to_owned();
        Some(Self { process: holder.process, daemon: holder.daemon(), reads })
    }

    /// For programs.
    pub fn fields(&self) -> Value {
        let (file, stop) = (self.reads.display().to_string(), self.daemon.map(Daemon::stop));
        json!({ "process": self.process, "configuration-file": file, "stop": stop })
    }

    pub fn text(&self, lang: Lang) -> String {
        let (reads, process) = (self.reads.display(), numbered(self.process, lang));
        match lang {
            Lang::En => format!("the daemon{process} that reads {reads}"),
            Lang::Ja => format!("{reads} を読むデーモン{process}"),
        }
    }
}
