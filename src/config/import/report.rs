//! What an import tells besides the configuration: what has no equivalent, what to look at, what was left out.
//!
//! Every line names the place in the old file. No value of a secret is ever in it.

use std::fmt;

use crate::base::printable;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something of the old file is not in the new one, and somebody has to act.
    LeftOut,
    /// It is there, and somebody should look at it.
    Check,
    /// The old program had a switch that this one has not, and does not need.
    NoEquivalent,
}

#[derive(Debug, Clone)]
pub struct Finding {
    pub kind: Kind,
    /// 1-based; 0 where it is about no line.
    pub line: usize,
    /// Section and key, or account.
    pub place: String,
    pub text: String,
}

/// So many lines of one kind are read by a person.
const MOST_SHOWN: usize = 100;

#[derive(Debug, Clone)]
pub struct Report {
    file: String,
    findings: Vec<Finding>,
}

impl Report {
    pub fn new(file: &str) -> Self {
        Self { file: printable(file, 200), findings: Vec::new() }
    }

    pub fn add(&mut self, kind: Kind, line: usize, place: impl AsRef<str>, text: impl Into<String>) {
        let (place, text) = (printable(place.as_ref(), 100), text.into());
        self.findings.push(Finding { kind, line, place, text });
    }

    pub fn left_out(&mut self, line: usize, place: impl AsRef<str>, text: impl Into<String>) {
        self.add(Kind::LeftOut, line, place, text);
    }

    pub fn check(&mut self, line: usize, place: impl AsRef<str>, text: impl Into<String>) {
        self.add(Kind::Check, line, place, text);
    }

    pub fn no_equivalent(&mut self, line: usize, place: impl AsRef<str>, text: impl Into<String>) {
        self.add(Kind::NoEquivalent, line, place, text);
    }

    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups =
            [(Kind::LeftOut, "left out"), (Kind::Check, "to check"), (Kind::NoEquivalent, "without an equivalent")];
        for (kind, title) in groups {
            let mut findings: Vec<&Finding> = self.findings.iter().filter(|finding| finding.kind == kind).collect();
            findings.sort_by_key(|finding| finding.line);
            if findings.is_empty() {
                continue;
            }
            writeln!(f, "{title}:")?;
            for Finding { line, place, text, .. } in findings.iter().take(MOST_SHOWN) {
                match line {
                    0 => writeln!(f, "  {place}: {text}")?,
                    line => writeln!(f, "  {}:{line}: {place}: {text}", self.file)?,
                }
            }
            if let Some(more @ 1..) = findings.len().checked_sub(MOST_SHOWN) {
                writeln!(f, "  and {more} more")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_grouped_in_the_order_of_the_file_and_cleaned() {
        let mut report = Report::new("old.config");
        report.no_equivalent(9, "[emailproxy] x", "nothing to do");
        report.check(0, "ann\u{1b}[0m@c.d", "look");
        report.left_out(7, "[b]", "second");
        report.left_out(3, "[a]", "first");
        let text = report.to_string();
        assert_eq!(
            text,
            "left out:\n  old.config:3: [a]: first\n  old.config:7: [b]: second\n\
             to check:\n  ann\\u{1b}[0m@c.d: look\n\
             without an equivalent:\n  old.config:9: [emailproxy] x: nothing to do\n"
        );
    }
}
