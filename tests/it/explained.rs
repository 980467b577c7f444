//! docs/when-it-fails.md and its Japanese sister explain every fault that there is, in the words of the catalogue, and no
//! other.

use std::{collections::BTreeSet, fs, path::Path};

use gatepost::{base::Lang, catalog};

fn text(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The table as it has to stand in the page; where the test fails, it prints what to put there.
fn assert_explains(page: &str, heading: &str, lang: Lang) {
    let row = |id| catalog::words(id, lang).map(|words| format!("| `{id}` | {} | {} |\n", words.cause, words.next));
    let rows: String = catalog::explained().map(|(id, ..)| row(id).unwrap()).collect();
    assert!(rows.lines().all(|row| row.matches('|').count() == 4), "a bar would break the table");
    let whole = text(page);
    let (_, table) = whole.split_once(&format!("\n## {heading}\n")).expect("the heading of the table");
    let stands: String = table.lines().filter(|line| line.starts_with("| `")).map(|row| format!("{row}\n")).collect();
    assert_eq!(stands, rows, "put into {page}, under {heading:?}:\n{rows}");
}

#[test]
fn the_page_of_faults_explains_every_id_of_the_catalogue_in_its_words_and_no_other() {
    assert_explains("docs/when-it-fails.md", "Every id", Lang::En);
    assert_explains("docs/ja/when-it-fails.md", "すべての ID", Lang::Ja);
}

#[test]
fn an_id_that_a_document_shows_in_a_reply_is_one_of_the_catalogue() {
    let known: BTreeSet<&str> = catalog::explained().map(|(id, ..)| id).collect();
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap();
    let pages = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_string_lossy()));
    let mut shown = 0;
    for page in pages.filter(|page| page.ends_with(".md")).chain(["README.md".to_owned()]) {
        for (at, mark) in text(&page).match_indices("[gatepost ") {
            let text = text(&page);
            let id = text[at + mark.len()..].split(']').next().unwrap();
            assert!(known.contains(id), "{page}: {id}");
            shown += 1;
        }
    }
    assert!(shown > 0);
}
