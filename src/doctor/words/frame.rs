//! The words around an explanation, and those that end a look.

use super::{en, ja};
use crate::base::Lang;

#[derive(Debug, Clone, Copy)]
pub(in crate::doctor) struct Frame {
    pub fails: &'static str,
    /// Of another account.
    pub fails_too: &'static str,
    pub said: &'static str,
    pub cause: &'static str,
    pub turn: &'static str,
    pub next: &'static str,
    pub avoid: &'static str,
    /// A line of the configuration: into which file, under which table, of whom.
    pub written: fn(&Option<String>, &str, Option<&str>) -> String,
    pub passes: &'static str,
    /// Of what clients met.
    pub open: &'static str,
    pub all_well: &'static str,
    /// Nothing fails, and these are open.
    pub well_but: fn(&str) -> String,
    /// Nothing fails, and no daemon runs.
    pub well_but_down: fn() -> String,
    /// Nothing fails, and the daemon that runs was not asked.
    pub well_but_silent: &'static str,
    /// Nothing fails, and this client was not seen well since it was refused.
    pub well_but_unproven: fn(&str) -> String,
    /// Nothing fails, and clients do these wrong.
    pub well_but_a_client: fn(&str) -> String,
    /// Nothing fails, and for these mail waits or is held.
    pub well_but_queue: fn(&str) -> String,
    /// Nothing fails, and these sign-ins were refused beside those that are stored.
    pub well_but_a_sign_in: fn(&str) -> String,
    pub others: fn(usize, bool) -> String,
}

pub(in crate::doctor) const fn frame(lang: Lang) -> Frame {
    match lang {
        Lang::En => en::FRAME,
        Lang::Ja => ja::FRAME,
    }
}
