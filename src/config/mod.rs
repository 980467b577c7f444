//! TOML as written becomes a checked [`Config`]: raw (what was typed) -> check (all problems at once) -> model.

mod check;
pub mod device;
mod diff;
mod document;
mod expiry;
mod exposure;
mod fingerprint;
pub mod import;
mod japanese;
mod key;
mod later;
mod locate;
pub mod model;
mod outline;
mod problem;
mod provider;
mod raw;
mod shape;
mod show;
mod surroundings;
mod unit;

use std::{
    io::{ErrorKind, Read},
    path::Path,
};

pub use check::DATABASE;
pub use diff::{Change, diff, same_notify};
pub use japanese::{PHRASES, said};
pub use key::Key;
pub use locate::{locate, place_for_new, places};
pub use model::Config;
pub use outline::outline;
pub use problem::{Problem, Problems, Severity};
pub use provider::{PRESETS, Preset, may_be_tenant};
pub use shape::schema;
pub use show::show;
pub use surroundings::{Surroundings, lent};
pub use unit::{SEALED, USUAL, Unit};

/// A configuration is text that people write; more than this is a mistaken path.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

/// Reads and checks a file. The second half holds warnings; an error text holds every problem.
pub fn load(file: &Path) -> Result<(Config, Problems), Problems> {
    let text = read(file)?;
    check_text(&text, &file.display().to_string(), &Surroundings::of_this_process(file))
}

/// The same, with a look into the files that a start reads besides: for whoever asks whether the next one comes about.
pub fn load_as_a_start(file: &Path) -> Result<(Config, Problems), Problems> {
    let around = Surroundings { looks_into_files: true, ..Surroundings::of_this_process(file) };
    check_text(&read(file)?, &file.display().to_string(), &around)
}

/// Checks a text as if it stood in `file`.
pub fn check_text(text: &str, file: &str, around: &Surroundings) -> Result<(Config, Problems), Problems> {
    let (document, typed, problems) =
        document::Document::read(text).map_err(|problems| Problems::new(file, problems))?;
    let (config, problems) = check::check(&document, typed, problems, around);
    let problems = Problems::new(file, problems);
    match config {
        Some(config) => Ok((config, problems)),
        None => Err(problems),
    }
}

/// A file that is refused, as far as it can be used to ask the daemon that runs; `None`: where that is does not stand there.
pub fn salvage(file: &Path) -> Option<Config> {
    let text = read(file).ok()?;
    let (document, typed) = document::Document::salvage(&text);
    check::salvage(&document, typed, &Surroundings::of_this_process(file))
}

fn read(file: &Path) -> Result<String, Problems> {
    let shown = file.display().to_string();
    let mut bytes = Vec::new();
    let read = std::fs::File::open(file).and_then(|open| open.take(MOST_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(e) if e.kind() == ErrorKind::NotFound => Err(Problems::missing(shown, "there is no such file")),
        Err(e) => {
            Err(Problems::unreadable(shown, format!("cannot be read: {e}"), "check the path and who may read it"))
        }
        Ok(n) if n as u64 > MOST_BYTES => {
            Err(Problems::unreadable(shown, "is larger than 4 MiB", "this is hardly a configuration; check the path"))
        }
        Ok(_) => String::from_utf8(bytes)
            .map_err(|_| Problems::unreadable(shown, "is not UTF-8 text", "save it as UTF-8 without other encodings")),
    }
}
