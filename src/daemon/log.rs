//! The log: one line an event on stderr, as text or JSON, journald-friendly.
//!
//! `GATEPOST_LOG` takes the usual filter words (`debug`, `gatepost=trace`). Secrets are types that cannot print, and
//! no dependency is logged below `warn` unless asked for, since HTTP libraries log headers at `trace`.

use std::{fs::File, io::IsTerminal, sync::Mutex};

use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, fmt::layer, layer::SubscriberExt, util::SubscriberInitExt,
};

/// rustls warns of every client that gives an address for a host name, without saying which: anybody could fill the log.
const USUAL: &str = "warn,rustls=error,gatepost=info";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Sets the process's subscriber up; later calls change nothing.
pub fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_env("GATEPOST_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal());
    let done = match format {
        LogFormat::Text => builder.compact().try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(done);
}

/// Into a file, beside what the demo shows itself; what goes wrong on stderr as well.
pub fn init_demo(file: File) {
    let filter = EnvFilter::try_from_env("GATEPOST_LOG").unwrap_or_else(|_| EnvFilter::new(USUAL));
    let written = layer().compact().with_target(false).with_ansi(false).with_writer(Mutex::new(file));
    let shown = layer().compact().with_target(false).with_ansi(false).with_writer(std::io::stderr);
    let (written, shown) = (written.with_filter(filter), shown.with_filter(LevelFilter::ERROR));
    drop(tracing_subscriber::registry().with(written).with(shown).try_init());
}
