//! Causes of the catalogue that are pasted back, in either language: whoever reads one on the console, in a notice or at a sign-in
//! copies the sentence and not its id.
//!
//! A whole cause is one wherever it stands, and so is its first sentence, which is told alone in places. It refuses less than that:
//! what two faults may have in common tells neither.

use std::sync::OnceLock;

use super::{ALL, Entry, cases::forms};
use crate::base::Lang;

/// Letters with which it is no accident; one that is not of ASCII says as much as two.
const ENOUGH: usize = 21;
/// Where a sentence ends.
const ENDS: [&str; 2] = [". ", "。"];
/// A command of ours is called in its own way on each machine.
const COMMAND: &str = "`gatepost ";

/// One form of a cause, or of its first sentence.
struct Cause {
    entry: &'static Entry,
    /// What of it is always the same, in its order.
    parts: Vec<String>,
    letters: usize,
}

/// The fault whose cause this is: of several that fit, the one that says most.
pub(super) fn caused(text: &str) -> Option<&'static Entry> {
    let said = plain(text);
    let most = causes().iter().filter(|cause| cause.stands_in(&said)).max_by_key(|cause| cause.letters)?;
    Some(most.entry)
}

fn causes() -> &'static [Cause] {
    static ALL_OF_THEM: OnceLock<Vec<Cause>> = OnceLock::new();
    ALL_OF_THEM.get_or_init(|| {
        let of = |entry: &'static Entry| Lang::ALL.into_iter().flat_map(move |lang| templates(entry, lang));
        let all = ALL.iter().flat_map(|entry| of(entry).map(move |text| Cause::new(entry, &text)));
        all.filter(|cause| cause.letters >= ENOUGH).collect()
    })
}

fn templates(entry: &'static Entry, lang: Lang) -> Vec<String> {
    let cause = if lang == Lang::En { entry.en.cause } else { entry.ja.cause };
    forms(cause).into_iter().flat_map(|whole| [first_sentence(&whole).to_owned(), whole]).collect()
}

fn first_sentence(text: &str) -> &str {
    let end = ENDS.iter().filter_map(|end| text.find(end)).min();
    end.and_then(|end| text.get(..end)).unwrap_or(text).trim_end_matches('.')
}

impl Cause {
    fn new(entry: &'static Entry, template: &str) -> Self {
        let commandless = template.replace(COMMAND, "{}");
        let outside = commandless.split('{').enumerate().map(|(at, part)| match at {
            0 => part,
            _ => part.split_once('}').map_or(part, |(_, behind)| behind),
        });
        let parts: Vec<String> = outside.map(plain).filter(|part| !part.is_empty()).collect();
        let letters = parts.iter().flat_map(|part| part.chars()).filter(|c| c.is_alphanumeric());
        let letters = letters.map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        Self { entry, parts, letters }
    }

    fn stands_in(&self, said: &str) -> bool {
        self.parts.iter().try_fold(said, |rest, part| Some(rest.split_once(part.as_str())?.1)).is_some()
    }
}

/// However it was broken into lines, which Japanese is without blanks, and whether what is typed was marked.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && *c != '`').flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::wrapped,
        catalog::{Known, Via, explain},
    };

    fn known(user: Option<&str>) -> Known {
        let ann = || Some("ann@contoso.example".to_owned());
        let via = Via {
            url: "http://proxy.example:3128".into(),
            key: "mail-proxy",
            place: "mail-proxy".into(),
            user: user.map(str::to_owned),
            carries: vec!["smtp.office365.com:587".into()],
        };
        Known {
            address: ann(),
            who_signs_on: ann(),
            host: Some("smtp.office365.com".into()),
            port: Some(587),
            proxy: Some(via),
            running_file: Some("/etc/other.toml".into()),
            outbound: Some("smtp-then-graph"),
            ..Known::default()
        }
    }

    #[test]
    fn every_cause_of_the_catalogue_that_is_pasted_back_has_its_id() {
        for (entry, lang) in ALL.iter().flat_map(|entry| Lang::ALL.map(|lang| (entry, lang))) {
            for known in [Known::default(), known(None), known(Some("ann"))] {
                let cause = entry.told(lang, &known).cause;
                let lines = wrapped(&cause, 60).join("\n  ");
                for text in [cause.clone(), format!("warning: {cause}"), lines] {
                    let means: Vec<&Entry> = explain::read(&text).into_iter().map(|found| found.entry).collect();
                    let same = |one: &&Entry| one.id == entry.id || one.told(lang, &known).cause == cause;
                    assert!(means.len() == 1 && means.iter().any(same), "{}: {text}", entry.id);
                }
            }
        }
    }

    #[test]
    fn the_first_sentence_is_enough_and_a_part_of_one_is_not() {
        let means = |text: &str| caused(text).map(|entry| entry.id);
        for (text, id) in [
            (
                "The token belongs to another person than ann@contoso.example, whose account it is: that person was signed in on the page where the sign-in was made.",
                Some("somebody-else-signed-in"),
            ),
            ("The tenant name is misspelled, or lives in another national cloud.", Some("tenant-not-found")),
            ("アプリが求めるアクセス許可に、まだ誰も同意していません。", Some("consent-missing")),
            ("lives in another national cloud", None),
            ("", None),
        ] {
            assert_eq!(means(text), id, "{text}");
        }
    }
}
