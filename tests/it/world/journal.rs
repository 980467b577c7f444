//! The daemon's log of all tests of this process, for those that ask what was told of them.
//!
//! Whichever test it comes from, a line that names a fault by its id has the short text of that fault: else the process ends.

use std::{
    fmt::Write as _,
    io::Write as _,
    sync::{Mutex, OnceLock, PoisonError},
};

use gatepost::catalog;

use tracing::{Event, Metadata, Subscriber, field, span};

#[derive(Default)]
pub struct Journal(Mutex<Vec<String>>);

/// The journal; the first call starts it.
pub fn journal() -> &'static Journal {
    static JOURNAL: OnceLock<Journal> = OnceLock::new();
    static STARTED: OnceLock<()> = OnceLock::new();
    let journal = JOURNAL.get_or_init(Journal::default);
    STARTED.get_or_init(|| tracing::subscriber::set_global_default(Recorder(journal)).unwrap());
    journal
}

impl Journal {
    /// The lines that hold all of these words.
    pub fn lines(&self, words: &[&str]) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).cloned().collect()
    }
}

/// Records every event of every level; spans are not used here.
struct Recorder(&'static Journal);

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("gatepost")
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        hold_to_short_texts(&line.0);
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl field::Visit for Line {
    fn record_debug(&mut self, field: &field::Field, value: &dyn std::fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

/// The faults that a line of either form of the log names: by a field, or in brackets outside of what is quoted, which others
/// said.
fn named(line: &str) -> impl Iterator<Item = &'static catalog::Entry> {
    let json: Option<serde_json::Value> = serde_json::from_str(line).ok().filter(serde_json::Value::is_object);
    let message = json.as_ref().map(|event| event["message"].as_str().unwrap_or_default().to_owned());
    let ours = message.unwrap_or_else(|| line.replace("\\\"", "").split('"').step_by(2).collect());
    let line = format!("{line} ");
    catalog::all().filter(move |entry| {
        let id = entry.id;
        let is_field = |name: &str| match &json {
            Some(event) => event[name] == id,
            None => line.contains(&format!(" {name}=\"{id}\" ")) || line.contains(&format!(" {name}={id} ")),
        };
        let is_in_brackets = |mark: &str| ours.contains(&format!("[{mark}{id}]"));
        ["id", "fault"].into_iter().any(is_field) || ["", "gatepost "].into_iter().any(is_in_brackets)
    })
}

/// Of the log, or of what a command says on stderr.
pub fn lacks_a_short_text(line: &str) -> bool {
    named(line).any(|entry| !line.contains(entry.short()))
}

/// Panics would be lost in the tasks of the daemon, and the harness keeps what is printed.
pub fn hold_to_short_texts(line: &str) {
    if lacks_a_short_text(line) {
        let _ = writeln!(std::io::stderr(), "a line of the log has an id without its short text: {line}");
        std::process::abort();
    }
}

#[test]
fn a_line_that_names_a_fault_by_its_id_alone_ends_the_process() {
    let short = catalog::token::STORE_FAILING.short();
    for (line, lacks) in [
        ("WARN message=x fault=\"store-failing\"", true),
        ("WARN message=x id=store-failing owner=\"operator\"", true),
        ("WARN message=it fails [store-failing] account=\"ann\"", true),
        ("WARN message=RCPT refused reply=\"550 \\\"no\\\" [gatepost store-failing]\"", false),
        ("WARN message=x id=\"store-failing-not\"", false),
        ("{\"message\":\"x\",\"id\":\"store-failing\"}", true),
        ("{\"message\":\"it fails [store-failing]\"}", true),
        ("{\"message\":\"RCPT refused\",\"reply\":\"550 no [gatepost store-failing]\"}", false),
        (&format!("WARN message=x fault=\"store-failing\" text=\"{short}\""), false),
        (&format!("WARN message={short} [store-failing]: x"), false),
    ] {
        assert_eq!(lacks_a_short_text(line), lacks, "{line}");
    }
}
