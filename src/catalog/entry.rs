//! One row of the catalogue.

use crate::base::{Fault, Kind, Owner};

/// What happened, who must act, and the words for it in each language.
#[derive(Debug)]
pub struct Entry {
    /// Stable: in replies, logs, metrics and docs.
    pub id: &'static str,
    pub kind: Kind,
    pub owner: Owner,
    pub en: Words,
    /// Japanese, where translated; English stands in.
    pub ja: Option<Words>,
}

#[derive(Debug, Clone, Copy)]
pub struct Words {
    /// One short ASCII line for the wire. `{how}` stands for the way to sign in.
    pub text: &'static str,
    pub cause: &'static str,
    pub next: &'static str,
}

impl Entry {
    pub(super) const fn new(id: &'static str, kind: Kind, owner: Owner, en: [&'static str; 3]) -> Self {
        let [text, cause, next] = en;
        Self { id, kind, owner, en: Words { text, cause, next }, ja: None }
    }

    pub fn fault(&self) -> Fault {
        self.fault_with("run: gatepost login")
    }

    /// `how` tells the way to sign in, for example ``run: gatepost login ann@contoso.com``.
    pub fn fault_with(&self, how: &str) -> Fault {
        Fault::new(self.kind, self.owner, self.id, self.en.text.replace("{how}", how))
    }
}
