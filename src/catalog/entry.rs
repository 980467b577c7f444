//! One row of the catalogue.

use super::ja;
use crate::base::{Fault, Kind, Lang, Owner};

/// What happened, who must act, and the words for it.
#[derive(Debug)]
pub struct Entry {
    /// Stable: in replies, logs, metrics and docs.
    pub id: &'static str,
    pub kind: Kind,
    pub owner: Owner,
    /// One short ASCII line for the wire. `{how}` stands for the way to sign in.
    pub text: &'static str,
    pub en: Words,
}

/// Why it happened, and what to do: for people, in one language. Commands, keys and addresses stand in backticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    pub cause: &'static str,
    pub next: &'static str,
}

impl Entry {
    pub(super) const fn new(id: &'static str, kind: Kind, owner: Owner, en: [&'static str; 3]) -> Self {
        let [text, cause, next] = en;
        Self { id, kind, owner, text, en: Words { cause, next } }
    }

    pub fn words(&self, lang: Lang) -> Words {
        translated(self.id, self.en, lang)
    }

    pub fn fault(&self) -> Fault {
        self.fault_with("run: gatepost login")
    }

    /// `how` tells the way to sign in, for example ``run: gatepost login ann@contoso.com``.
    pub fn fault_with(&self, how: &str) -> Fault {
        Fault::new(self.kind, self.owner, self.id, self.text.replace("{how}", how))
    }
}

pub(super) fn translated(id: &str, en: Words, lang: Lang) -> Words {
    match lang {
        Lang::En => en,
        Lang::Ja => ja::words(id).unwrap_or(en),
    }
}
