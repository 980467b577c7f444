//! One check while it is made: what it is about, and how it ends.

use tokio::time::Instant;

use super::{
    next::{self, Who},
    report::{Check, Layer, Outcome},
    words::{Name, Said, detail, title},
};
use crate::base::{Fault, Lang};

#[derive(Debug, Clone)]
pub(super) struct Look {
    pub lang: Lang,
    layer: Layer,
    name: Name,
    account: Option<String>,
    target: Option<String>,
    began: Instant,
}

impl Look {
    /// Its time begins now.
    pub fn at(lang: Lang, layer: Layer, name: Name) -> Self {
        Self { lang, layer, name, account: None, target: None, began: Instant::now() }
    }

    pub fn account(mut self, address: &str) -> Self {
        self.account = Some(address.to_owned());
        self
    }

    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.target = Some(target.into());
        self
    }

    pub fn pass(self, said: Said) -> Check {
        self.end(Outcome::Pass, &said)
    }

    /// Not looked at.
    pub fn skip(self, said: Said) -> Check {
        self.end(Outcome::Skipped, &said)
    }

    pub fn fail(self, said: Said, fault: &Fault, who: &Who) -> Check {
        let lang = self.lang;
        let mut check = self.end(Outcome::Fail, &said);
        check.fault = Some(next::explained(fault, who, lang));
        check
    }

    /// The same where the fault says all there is to say.
    pub fn fault(self, fault: &Fault, who: &Who) -> Check {
        let said = match fault.detail.is_empty() {
            true => Said::Id(fault.id),
            false => Said::Plain(fault.detail.clone()),
        };
        self.fail(said, fault, who)
    }

    fn end(self, outcome: Outcome, said: &Said) -> Check {
        Check {
            layer: self.layer,
            name: self.name.as_str(),
            account: self.account,
            target: self.target,
            outcome,
            title: title(self.lang, self.name).to_owned(),
            detail: detail(self.lang, said),
            fault: None,
            elapsed: self.began.elapsed(),
        }
    }
}
