//! How what runs stands to the file of the configuration: what stands for the one that was loaded last, what of it waits for a
//! restart, and which later one a reload refused. Each is told under the id of its fault until a reload ends it.

use std::{
    path::{Path, PathBuf},
    sync::{PoisonError, RwLock},
};

use jiff::Timestamp;
use serde::Serialize;

use super::{mark::Mark, words::sentences};
use crate::{
    base::{Lang, invocation},
    catalog::{Entry, Known, doctor::RESTART_PENDING, in_short_with_id, moment},
};

#[derive(Default)]
pub struct Loaded(RwLock<State>);

#[derive(Default, Clone)]
struct State {
    file: Option<PathBuf>,
    fingerprint: String,
    needs_restart: Option<String>,
    moved: Option<Moved>,
    refused: Option<Refused>,
}

/// What was loaded last names another store than this daemon has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    On,
    /// The one before this: whoever follows what is told of mail that was left goes there.
    Back,
}

/// A configuration that a reload did not take over.
#[derive(Debug, Clone)]
pub struct Refused {
    pub at: Timestamp,
    pub entry: &'static Entry,
    pub en: Problem,
    pub ja: Problem,
}

/// The first that is wrong with it.
#[derive(Debug, Clone)]
pub struct Problem {
    /// With its place.
    pub what: String,
    pub hint: Option<String>,
}

/// What the daemon does not have of what it loaded, in English.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct NeedsRestart {
    pub id: &'static str,
    pub text: &'static str,
    pub what: String,
    /// The commands for that, each between backticks.
    pub restart: String,
    /// The next daemon has another store than this one.
    pub moves_store: bool,
}

/// Likewise of what it did not load.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct RefusedReload {
    pub id: &'static str,
    pub text: &'static str,
    /// Seconds since 1970.
    pub at: i64,
    pub problem: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Loaded {
    /// Which file is read again at a reload.
    pub fn note_file(&self, file: &Path) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).file = Some(file.to_owned());
    }

    pub(super) fn mark(&self) -> Option<Mark> {
        self.state().file.map(|file| Mark::of(&file))
    }

    /// `fingerprint` stands for what was loaded now; what was refused before is past.
    pub fn note(&self, fingerprint: String) {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        (state.fingerprint, state.refused) = (fingerprint, None);
    }

    pub fn note_needs_restart(&self, what: Option<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).needs_restart = what;
    }

    pub fn note_moved(&self, moved: Option<Moved>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).moved = moved;
    }

    pub fn note_refused(&self, refused: Refused) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).refused = Some(refused);
    }

    fn state(&self) -> State {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn moved(&self) -> Option<Moved> {
        self.state().moved
    }

    pub fn fingerprint(&self) -> String {
        self.state().fingerprint
    }

    pub fn needs_restart(&self) -> Option<NeedsRestart> {
        let (id, text, restart) = (RESTART_PENDING.id, RESTART_PENDING.short(), invocation::restart_told());
        let State { needs_restart, moved, .. } = self.state();
        needs_restart.map(|what| NeedsRestart { id, text, what, restart, moves_store: moved.is_some() })
    }

    pub fn refused_reload(&self) -> Option<RefusedReload> {
        let Refused { at, entry, en: Problem { what, hint }, .. } = self.state().refused?;
        Some(RefusedReload { id: entry.id, text: entry.short(), at: at.as_second(), problem: what, hint })
    }

    /// The same for a page. `is_left`: that tells what stays in the store of this daemon, too.
    pub fn told(&self, lang: Lang, is_left: bool) -> Vec<String> {
        let State { needs_restart, refused, moved, .. } = self.state();
        let waits = needs_restart.map(|what| {
            let told = lang.needs_restart(&what, &invocation::restart_told(), is_left && moved.is_some());
            sentences(lang, [Some(told), in_short_with_id(RESTART_PENDING.id, lang)])
        });
        let refused = refused.map(|refused| {
            let (at, entry) = (moment(refused.at, "%Y-%m-%d %H:%M"), refused.entry);
            let Problem { what, hint } = if lang == Lang::Ja { refused.ja } else { refused.en };
            let next = entry.told(lang, &Known::default()).whole_step();
            sentences(
                lang,
                [Some(lang.not_taken_over(&at, &what, hint.as_deref())), Some(next), in_short_with_id(entry.id, lang)],
            )
        });
        refused.into_iter().chain(waits).collect()
    }
}
