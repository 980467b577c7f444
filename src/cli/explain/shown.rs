//! What the commands of a step show, and shells and services of the system, pasted back: what it tells, whose turn it is where
//! something failed, and which step follows.
//!
//! It is data, `shown.txt`. It refuses what the catalogue knows as a fault: that is asked first.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::told::WRAP;
use crate::{
    base::{Lang, Owner, invocation, rows, wrapped},
    catalog,
};

const FILE: &str = include_str!("shown.txt");
/// Ahead of words of a line, and ahead of whose turn it is.
const KNOWN_BY: &str = "? ";
const OWNER: &str = "> ";
/// All of the words stand in the line.
const AND: &str = " & ";

/// One thing that is shown.
#[derive(Debug)]
pub struct Shown {
    known_by: Vec<Vec<&'static str>>,
    /// `None`: nothing failed.
    owner: Option<Owner>,
    means: (&'static str, &'static str),
    next: (&'static str, &'static str),
}

/// `None`: nobody knows such a line.
pub fn read(text: &str) -> Option<&'static Shown> {
    static ALL: OnceLock<Vec<Shown>> = OnceLock::new();
    let all = ALL.get_or_init(all);
    let of_line = |line: &str| {
        let line = line.to_lowercase();
        all.iter().position(|one| one.known_by.iter().any(|words| words.iter().all(|word| line.contains(word))))
    };
    // What failed counts, whatever else went well; else the particular, as in the data.
    let shown: Vec<usize> = text.lines().filter_map(of_line).collect();
    let at = shown.iter().find(|at| all.get(**at).is_some_and(|one| one.owner.is_some())).or(shown.iter().min());
    all.get(*at?)
}

fn all() -> Vec<Shown> {
    FILE.split("\n\n").filter_map(Shown::of).collect()
}

impl Shown {
    fn of(block: &'static str) -> Option<Self> {
        let known_by: Vec<Vec<_>> =
            block.lines().filter_map(|line| Some(line.strip_prefix(KNOWN_BY)?.split(AND).collect())).collect();
        let owner = block.lines().find_map(|line| line.strip_prefix(OWNER));
        let owner = owner.and_then(|name| Owner::ALL.into_iter().find(|owner| owner.as_str() == name));
        let mut told = rows(block);
        let (means, next) = (told.next()?, told.next()?);
        (!known_by.is_empty()).then_some(Self { known_by, owner, means, next })
    }

    fn means(&self, lang: Lang) -> String {
        in_tongue(self.means, lang)
    }

    fn next(&self, lang: Lang) -> String {
        in_tongue(self.next, lang)
    }

    pub fn page(&self, lang: Lang) -> String {
        let [means, turn, next, well] = match lang {
            Lang::En => ["What it shows", "Whose turn it is", "Next step", "nobody's: nothing failed"],
            Lang::Ja => ["この行の意味", "対応する側", "次の手順", "なし（失敗ではありません）"],
        };
        let owner = self.owner.map_or(well, |owner| catalog::owner(owner, lang));
        let parts = [(means, self.means(lang)), (turn, owner.to_owned()), (next, self.next(lang))];
        let part = |(heading, text): (&str, String)| format!("{heading}:\n  {}\n", wrapped(&text, WRAP).join("\n  "));
        parts.map(part).concat()
    }

    pub fn json(&self, lang: Lang) -> Value {
        json!({ "means": self.means(lang), "owner": self.owner, "next-step": self.next(lang) })
    }
}

fn in_tongue((english, japanese): (&str, &str), lang: Lang) -> String {
    invocation::as_called(if lang == Lang::En { english } else { japanese })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::latin_sentence, catalog::explain};

    /// Real lines, one for each way in which one is known.
    const SAMPLES: &str = include_str!("../../../tests/corpus/shown.txt");

    fn samples() -> impl Iterator<Item = &'static str> {
        SAMPLES.lines().filter(|line| !line.is_empty() && !line.starts_with("# "))
    }

    #[test]
    fn each_is_known_told_in_both_languages_and_owned_by_somebody_that_there_is() {
        let all = all();
        assert_eq!(
            all.len(),
            FILE.split("\n\n").filter(|block| block.contains("\n? ") || block.starts_with("? ")).count()
        );
        let named = FILE.lines().filter(|line| line.starts_with(OWNER)).count();
        assert_eq!(all.iter().filter(|one| one.owner.is_some()).count(), named, "an owner that there is not");
        let commands = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        for one in &all {
            assert!(one.page(Lang::En).is_ascii(), "{one:?}");
            assert!(latin_sentence(&one.page(Lang::Ja)).is_none(), "{one:?}");
            for (english, japanese) in [one.means, one.next] {
                let [mut english, mut japanese] = [english, japanese].map(commands);
                english.sort();
                japanese.sort();
                assert_eq!(english, japanese);
            }
        }
    }

    #[test]
    fn every_way_in_which_one_is_known_is_met_by_a_real_line_and_no_line_is_a_fault_of_the_catalogue() {
        for line in samples() {
            let faults: Vec<_> = explain::read(line).into_iter().map(|one| one.entry.id).collect();
            assert!(read(line).is_some() && faults.is_empty(), "{line}: {faults:?}");
        }
        let all = all();
        let met =
            |words: &&Vec<&str>| samples().any(|line| words.iter().all(|word| line.to_lowercase().contains(word)));
        let unmet: Vec<_> = all.iter().flat_map(|one| &one.known_by).filter(|words| !met(words)).collect();
        assert!(unmet.is_empty(), "add lines to tests/corpus/shown.txt: {unmet:?}");
    }

    /// Whoever pasted what a step had shown heard that nobody knows what it means.
    #[test]
    fn what_a_step_shows_is_told_with_what_follows_and_what_is_well_as_nobodys() {
        for (line, owner) in [
            ("kill: (1234) - No such process", None),
            ("bash: kill: (1234) - Operation not permitted", Some(Owner::Operator)),
            (r#"LISTEN 0 128 127.0.0.1:1587 0.0.0.0:* users:(("python3",pid=7,fd=3))"#, None),
            (r#"LISTEN 0 128 127.0.0.1:1587 0.0.0.0:* users:(("gatepost",pid=7,fd=3))"#, None),
            ("    Verify return code: 0 (ok)", None),
        ] {
            assert_eq!(read(line).map(|one| one.owner), Some(owner), "{line}");
        }
        for line in ["", "hello there", "the moon is full"] {
            assert!(read(line).is_none(), "{line}");
        }
    }
}
