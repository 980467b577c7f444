//! The guides: every page is where a reader finds it, in both languages, every link leads somewhere, and what a page
//! says to type is what the program takes.
//!
//! It reads the sources. The site that is built from them (`make site`) has the same places.

mod commands;
mod configurations;
mod markdown;
mod shown;
mod typed;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use gatepost::catalog;
use markdown::{anchors, headings, links};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page below a folder of the repository, as a path within that folder, `ja` and contents left out.
fn pages_of(folder: &str) -> BTreeSet<String> {
    fn walk(at: &Path, begin: &Path, found: &mut BTreeSet<String>) {
        for path in fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(begin).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() && name != "ja" {
                walk(&path, begin, found);
            } else if name.ends_with(".md") && name != "SUMMARY.md" {
                found.insert(name);
            }
        }
    }
    let (folder, mut found) = (root().join(folder), BTreeSet::new());
    walk(&folder, &folder, &mut found);
    found
}

/// All that a reader of the project meets, as paths within the repository.
fn documents() -> Vec<String> {
    let english = pages_of("docs").into_iter().map(|page| format!("docs/{page}"));
    let japanese = pages_of("docs/ja").into_iter().map(|page| format!("docs/ja/{page}"));
    let contents = ["docs/SUMMARY.md", "docs/ja/SUMMARY.md"].map(str::to_owned);
    let around = ["README.md", "README.ja.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md"].map(str::to_owned);
    english.chain(japanese).chain(contents).chain(around).collect()
}

#[test]
fn every_page_is_in_the_contents_of_its_language() {
    for folder in ["docs", "docs/ja"] {
        let pages = pages_of(folder);
        assert!(pages.len() > 40, "{pages:?}");
        let listed: BTreeSet<String> = links(&text(&format!("{folder}/SUMMARY.md"))).into_iter().collect();
        // Faults are many: their own index lists them, and the site takes them from there.
        let index = text(&format!("{folder}/faults/index.md"));
        let faults: BTreeSet<String> = links(&index).into_iter().map(|link| format!("faults/{link}")).collect();
        for page in &pages {
            let by_index = page.starts_with("faults/") && faults.contains(page);
            assert!(listed.contains(page) || by_index, "{folder}/SUMMARY.md does not list {page}");
        }
        let lost: Vec<_> = listed.difference(&pages).collect();
        assert!(lost.is_empty(), "{folder}/SUMMARY.md lists {lost:?}, which are not there");
    }
}

#[test]
fn every_guide_has_a_sister_in_the_other_language_and_each_begins_with_the_way_to_it() {
    let (english, japanese) = (pages_of("docs"), pages_of("docs/ja"));
    assert_eq!(english, japanese, "both languages have the same pages");
    for page in &english {
        let up = "../".repeat(page.matches('/').count());
        for (path, line) in [
            (format!("docs/{page}"), format!("[日本語]({up}ja/{page})")),
            (format!("docs/ja/{page}"), format!("[English]({up}../{page})")),
        ] {
            let text = text(&path);
            let third = text.lines().nth(2);
            assert!(text.starts_with("# ") && third == Some(&line), "{path}: the third line has to be {line}");
        }
    }
}

#[test]
fn the_contents_of_both_languages_have_the_same_order() {
    let [english, japanese] = ["docs", "docs/ja"].map(|folder| links(&text(&format!("{folder}/SUMMARY.md"))));
    assert_eq!(english, japanese);
}

/// Whoever reads a page in Japanese misses no part of it.
#[test]
fn a_page_has_the_same_sections_in_both_languages() {
    let pages = pages_of("docs").into_iter().map(|page| (format!("docs/{page}"), format!("docs/ja/{page}")));
    let mut pairs = vec![("README.md".to_owned(), "README.ja.md".to_owned())];
    pairs.extend(pages);
    for (english, japanese) in pairs {
        let (one, other) = (text(&english), text(&japanese));
        let depths = |page: &str| headings(page).iter().map(|line| line.find(' ')).collect::<Vec<_>>();
        let both = [headings(&one), headings(&other)];
        assert_eq!(depths(&one), depths(&other), "{english}, {japanese}: {both:#?}");
    }
}

/// The tables of the Japanese pages are made of the English ones, which programs measure into: `python3 docs/tables.py`.
#[test]
fn a_table_that_is_measured_has_the_same_figures_in_both_languages() {
    let figures = |line: &str| -> Vec<String> {
        let parts =
            line.split(|c: char| !c.is_ascii_digit() && c != '.' && c != ',').map(|part| part.trim_matches(['.', ',']));
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    for (page, begin, end) in [
        ("clients.md", "<!-- table: begin -->", "<!-- table: end -->"),
        ("hardening.md", "<!-- soak: begin -->", "<!-- soak: end -->"),
        ("performance.md", "<!-- made by make bench -->", "<!-- end of what make bench made -->"),
    ] {
        let [english, japanese] = ["docs", "docs/ja"].map(|folder| {
            let page = text(&format!("{folder}/{page}"));
            let inner = page.split_once(begin).and_then(|(_, rest)| Some(rest.split_once(end)?.0)).unwrap_or_default();
            inner.lines().map(str::to_owned).collect::<Vec<_>>()
        });
        assert!(english.len() > 30 && english.len() == japanese.len(), "{page}: run docs/tables.py");
        for (one, other) in english.iter().zip(&japanese) {
            let mut there = figures(other);
            for figure in figures(one) {
                let at = there.iter().position(|known| *known == figure);
                there.remove(at.unwrap_or_else(|| panic!("{page}: no {figure}; run docs/tables.py\n{one}\n{other}")));
            }
        }
    }
}

#[test]
fn every_link_and_every_anchor_of_the_documents_leads_somewhere() {
    let mut seen = 0;
    for document in documents() {
        let path = root().join(&document);
        for link in links(&text(&document)) {
            if link.starts_with("https://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            assert!(target.exists(), "{document}: {link} is not there");
            if !anchor.is_empty() {
                let there = anchors(&fs::read_to_string(&target).unwrap());
                assert!(there.contains(anchor), "{document}: {link}; there are {there:?}");
            }
            seen += 1;
        }
    }
    assert!(seen > 500, "{seen}");
}

/// What a page shows in brackets behind a reply, and the first column of a table of ids.
#[test]
fn every_fault_id_of_the_documents_is_one_of_the_catalogue() {
    let known: BTreeSet<&str> = catalog::all().map(|entry| entry.id).collect();
    let mut seen = 0;
    for document in documents() {
        let text = text(&document);
        for (at, mark) in text.match_indices("[gatepost ") {
            let id = text[at + mark.len()..].split(']').next().unwrap();
            assert!(known.contains(id) || id == "...", "{document}: {id}");
            seen += 1;
        }
        let mut of_ids = false;
        for line in text.lines().filter(|line| !line.starts_with("|-")) {
            let first = line.strip_prefix("| ").and_then(|row| row.split(" |").next());
            of_ids = first.is_some_and(|first| of_ids || ["id", "ID"].contains(&first));
            for id in first.filter(|_| of_ids).into_iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
                assert!(known.contains(id), "{document}: {id}");
                seen += 1;
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

/// The pictures are drawn by a script beside them, so a port that changes there changes in them.
#[test]
fn the_pictures_of_the_dialogs_show_what_the_tables_beside_them_say() {
    for folder in ["docs", "docs/ja"] {
        for (program, host) in [("thunderbird", "127.0.0.1"), ("outlook", "gatepost.contoso.com")] {
            let page = text(&format!("{folder}/programs/{program}.md"));
            let shown: String = links(&page)
                .iter()
                .filter(|link| link.ends_with(".svg"))
                .map(|link| text(&format!("{folder}/programs/{link}")))
                .collect();
            for value in [host, "1993", "1587", "ann@contoso.com"] {
                assert!(shown.contains(value) && page.contains(value), "{folder}: {program}: {value}");
            }
        }
    }
}

/// As certbot and lego call it. Whose files they become is looked at where the test may give files away.
#[test]
fn the_hook_of_the_certificate_hands_over_what_certbot_and_lego_made() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    fs::create_dir(&state).unwrap();
    let root_runs = rustix::process::geteuid().is_root();
    if root_runs {
        chown(&state, Some(4242), Some(4242)).unwrap();
    }
    let hook = || {
        let mut command = Command::new("sh");
        command.arg(root().join("config/certificate/deploy.sh")).env_clear().env("GATEPOST_STATE", &state);
        command.env("PATH", "/usr/bin:/bin");
        command
    };
    for (name, variables) in [
        ("certbot", vec![("RENEWED_LINEAGE", "")]),
        ("lego", vec![("LEGO_CERT_PATH", "fullchain.pem"), ("LEGO_CERT_KEY_PATH", "privkey.pem")]),
    ] {
        let made = dir.path().join(name);
        fs::create_dir(&made).unwrap();
        fs::write(made.join("fullchain.pem"), format!("certificate of {name}")).unwrap();
        fs::write(made.join("privkey.pem"), format!("key of {name}")).unwrap();
        let variables = variables.into_iter().map(|(variable, file)| (variable, made.join(file)));
        let done = hook().envs(variables).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        for (file, what) in [("public-cert.pem", "certificate"), ("public-key.pem", "key")] {
            let file = state.join(file);
            assert_eq!(fs::read_to_string(&file).unwrap(), format!("{what} of {name}"));
            let meta = fs::metadata(&file).unwrap();
            assert_eq!(meta.permissions().mode() & 0o777, 0o600);
            if root_runs {
                assert_eq!(std::os::unix::fs::MetadataExt::uid(&meta), 4242);
            }
        }
    }
    let by_hand = hook().output().unwrap();
    assert_eq!(by_hand.status.code(), Some(2), "by hand it says who calls it");
    assert_eq!(fs::read_dir(&state).unwrap().count(), 2, "nothing is left beside the two");
}
