//! One check while it is made: what it is about, and how it ends.

use tokio::time::Instant;

use super::{
    next::{self, Who},
    report::{Check, Layer, Outcome},
    words::{Name, Said, detail, title},
};
use crate::base::{Fault, Lang, printable};

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

    /// Explained like a fault, and fails nothing.
    pub fn note(self, said: Said, fault: &Fault, who: &Who) -> Check {
        let lang = self.lang;
        let mut check = self.skip(said);
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
            target: self.target.map(|target| without_controls(&target)),
            outcome,
            title: title(self.lang, self.name).to_owned(),
            detail: without_controls(&detail(self.lang, said)),
            fault: None,
            is_repeated: false,
            is_unproven: false,
            elapsed: self.began.elapsed(),
        }
    }
}

/// Line by line: what a server said must not steer a terminal.
fn without_controls(text: &str) -> String {
    text.split('\n').map(|line| printable(line, usize::MAX)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_server_said_steers_a_terminal() {
        let look = Look::at(Lang::En, Layer::Smtp, Name::Ehlo).target("a\x1b]0;x\x07");
        let check = look.pass(Said::SameList { list: "SIZE\x1b[2J\u{202e}".to_owned() });
        let text = format!("{}{}", check.detail, check.target.unwrap());
        assert!(!text.contains(['\x1b', '\x07', '\u{202e}']) && text.contains("SIZE"), "{text:?}");
        let lines = Look::at(Lang::Ja, Layer::Config, Name::Configuration);
        assert_eq!(lines.pass(Said::Lines(vec!["\u{8a2d}".into(), "b".into()])).detail, "\u{8a2d}\nb");
    }
}
