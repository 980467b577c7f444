//! What the guides say that a program shows, and what a code of Gatepost tells: whoever types it behind `gatepost explain`
//! hears of it what the page says.

use std::{collections::BTreeSet, process::Stdio};

use gatepost::{
    base::{Kind, Lang},
    catalog::{self, replies::coded},
    wire::smtp::reply::spelt,
};

use super::{documents, text};
use crate::unconfigured::unconfigured;

/// How the first column of a table is called that has what somebody sees.
const SHOWN: [&str; 10] = [
    " says |",
    "| what you see |",
    "| reply or id |",
    "| words of Exchange |",
    " の表示 |",
    "| 表示される ID |",
    "| 症状 |",
    "| 応答または ID |",
    "| Exchange の応答 |",
    "| ID |",
];

/// What is seen there is no text: a program that asks again and again, or mail that does not come.
const NO_TEXT: [&str; 4] = [
    "asks for the password again and again",
    "パスワードを何度も尋ねられる",
    "nothing arrives, no line in the log",
    "何も届かず、ログにも出ない",
];

/// What is told, and whether it is known.
fn explained(text: &str, lang: &str) -> (bool, String) {
    let output = unconfigured(&["explain", text, "--lang", lang]).stderr(Stdio::null()).output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

/// Cells of each row of the tables whose first line begins or ends its first column so.
fn rows<'p>(page: &'p str, is_head: impl Fn(&str) -> bool + 'p) -> impl Iterator<Item = Vec<&'p str>> {
    let mut inside = false;
    page.lines().filter_map(move |line| {
        let is_row = line.starts_with('|');
        let is_first = is_row && !inside && is_head(line);
        let was_inside = inside;
        inside = is_row && (inside || is_first);
        let is_told = was_inside && is_row && !line.starts_with("|---");
        is_told.then(|| line.trim_matches('|').split('|').map(str::trim).collect())
    })
}

fn language(page: &str) -> &'static str {
    if page.starts_with("docs/ja/") { "ja" } else { "en" }
}

#[test]
fn whatever_the_guides_say_that_a_program_shows_is_explained() {
    let (mut looked_at, mut unknown) = (0, Vec::new());
    for page in documents() {
        let source = text(&page);
        let is_head = |line: &str| {
            let first = line.find(" | ").and_then(|end| line.get(..end + 2)).unwrap_or(line);
            SHOWN.iter().any(|head| first.ends_with(head))
        };
        for cells in rows(&source, is_head) {
            let shown = cells[0].replace('`', "");
            looked_at += 1;
            if !NO_TEXT.contains(&shown.as_str()) && !explained(&shown, language(&page)).0 {
                unknown.push(format!("{page}: {shown}"));
            }
        }
    }
    assert!(looked_at > 50, "the tables were not found: {looked_at}");
    assert!(unknown.is_empty(), "{}", unknown.join("\n"));
}

#[test]
fn every_code_of_the_table_of_kinds_tells_what_the_table_says_of_it() {
    for (page, lang, head) in [
        ("docs/when-it-fails.md", Lang::En, "| kind | SMTP | IMAP | POP3 |"),
        ("docs/ja/when-it-fails.md", Lang::Ja, "| 種類 | SMTP | IMAP | POP3 |"),
    ] {
        let source = text(page);
        let table: Vec<Vec<&str>> = rows(&source, |line| line.starts_with(head)).collect();
        let words = |kind| [catalog::kind(kind, lang), catalog::helps_to_wait(kind, lang)];
        let mut kinds: Vec<_> = Kind::ALL.into_iter().map(words).collect();
        kinds.sort_unstable();
        let mut told: Vec<_> = table.iter().map(|cells| [cells[0], cells[4]]).collect();
        told.sort_unstable();
        assert_eq!(told, kinds, "{page}");
        for cells in table {
            for code in &cells[1..4] {
                let (is_known, said) = explained(&code.replace('`', ""), language(page));
                let tells_it = said.contains(&format!("- {}\n", cells[0]));
                // Its own page goes before what else the code may mean.
                let heads = said.lines().find(|line| line.contains("  ("));
                let is_it = heads.is_some_and(|line| line.starts_with("bad-credentials  ("));
                assert!(is_known && (tells_it || is_it), "{code}: {said}");
            }
        }
        for code in ["451 4.7.0", "451 4.3.2", "550 5.7.1", "530 5.7.0", "421 4.7.0", "452 4.3.1", "550 5.6.7"] {
            assert!(explained(code, language(page)).0, "{code}");
        }
    }
}

/// A code that one fault has, and its page, beside the codes of kinds.
#[test]
fn the_table_of_codes_of_their_own_has_what_replies_are_made_of_and_each_tells_its_faults() {
    for (page, head) in
        [("docs/when-it-fails.md", "| code of one's own |"), ("docs/ja/when-it-fails.md", "| 自身のコード |")]
    {
        let source = text(page);
        let table: Vec<Vec<&str>> = rows(&source, |line| line.starts_with(head)).collect();
        let told: BTreeSet<(String, String)> = table
            .iter()
            .flat_map(|cells| {
                let ids = cells[1].split('`').skip(1).step_by(2);
                ids.map(|id| (cells[0].replace('`', ""), id.to_owned())).collect::<Vec<_>>()
            })
            .collect();
        let made = coded::ALL.iter().map(|one| (spelt(one.code), one.entry.id.to_owned())).collect();
        assert_eq!(told, made, "{page}");
        for (code, id) in told {
            let (is_known, said) = explained(&code, language(page));
            let has_it = said.contains(&format!("`{id}`")) || said.contains(&format!("{id}  ("));
            assert!(is_known && has_it, "{code}: {said}");
        }
    }
}
