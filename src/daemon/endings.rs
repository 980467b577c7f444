//! At a start and a reload: which certificates have ended or cannot be used, for the log. Who connects next is not waited for.

use tracing::warn;

use crate::{
    base::Lang,
    catalog::{Advice, Known},
    expiry::{Calendar, Ending},
};

pub(super) fn warn_of(calendar: &Calendar) {
    for ending in calendar.endings(jiff::Timestamp::now()).iter().filter(|one| !one.is_ahead()) {
        let Some(entry) = ending.fault() else { continue };
        let Advice { id, text, owner, next } = entry.advice();
        let why = why(ending);
        warn!(id, text, owner, next, certificate = ending.name, "a certificate has ended or cannot be used: {why}");
    }
}

fn why(ending: &Ending) -> String {
    let words = || ending.words(Lang::En, &Known::default()).map(|words| words.cause);
    ending.trouble.clone().or_else(words).unwrap_or_default()
}
