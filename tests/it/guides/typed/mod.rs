//! What the pages say to type, typed: every line of theirs with the real program in it, in the order of the page, on the page's own
//! configuration, with the outcome that the page claims.
//!
//! A line that is not typed here stands in [`ELSEWHERE`] with the test that types it, an exit code other than 0 in [`EXITS`], and what a
//! page only shows in [`SHOWN`]; a line or a block that is in none of them fails.

mod configuration;
mod machine;
mod page;
mod reader;

use std::collections::BTreeSet;

use super::{documents, text};
use crate::world::together;
use page::{Part, parts, spoken_of, typed};
use reader::Reader;

/// Lines by their beginning, and the test of `tests/real` that types them out of their page.
const ELSEWHERE: &[(&str, &str)] = &[
    ("! find /srv/gatepost", "test_machine"),
    ("as-gatepost() {", "test_machine"),
    ("aws ", "test_import"),
    // On that machine a script stands in for cargo: it takes this line alone, typed in the folder of the sources, and the program under
    // test lies in target/release already. That the profile builds is shown by whoever makes a release.
    ("cargo build --release", "test_machine"),
    ("curl", "test_guides"),
    ("docker build", "test_machine"),
    ("docker logs", "test_machine"),
    ("docker run", "test_machine"),
    ("echo '{\"event\"", "test_relays"),
    ("make deb", "test_package"),
    // The reader of that page goes on with the store where it was.
    ("mkdir -p -m 700 /srv/gatepost", "test_machine"),
    ("openssl", "test_guides"),
    ("python3 -c", "test_guides"),
    ("ssh -L", "test_system"),
    ("sudo apt ", "test_package"),
    ("sudo certbot", "test_machine"),
    ("sudo lego", "test_machine"),
    ("sudo sed -i -e '/^smarthost:", "test_system"),
    ("sudo shred", "test_machine"),
    ("sudo systemd-creds", "test_machine"),
];

/// What runs this test and all others: nothing that it runs could type it. `.ci/run` does, on a machine that has nothing.
const CI: &str = "make test";

/// In the place of the page of a call that stands within a sentence.
const SENTENCE: &str = "a sentence";

/// A line of a page that does not end with 0, and why.
const EXITS: &[(&str, &str, i32, &str)] = &[
    ("docs/setup.md", "gatepost setup", 2, "it asks; tests/real/test_setup.py answers at a terminal"),
    (SENTENCE, "gatepost setup", 2, "the same"),
    (SENTENCE, "gatepost password", 2, "it asks for one"),
    (SENTENCE, "gatepost logout ACCOUNT", 2, "it asks whether that is meant"),
    (SENTENCE, "gatepost logout ann@contoso.com", 2, "the same"),
    (SENTENCE, "gatepost logout info@contoso.com", 2, "the same"),
];

/// What happens to a reader around the lines of a page: a fault of the sandbox, a line, its exit code.
struct Happening {
    page: &'static str,
    before: bool,
    fault: &'static str,
    line: &'static str,
    code: i32,
}

const HAPPENINGS: &[Happening] = &[
    Happening {
        page: "docs/when-it-fails.md",
        before: true,
        fault: "smtp-auth-disabled-tenant",
        line: "gatepost send --from ann@contoso.com --to bob@contoso.com",
        code: 1,
    },
    Happening {
        page: "docs/doctor.md",
        before: false,
        fault: "smtp-auth-disabled-mailbox",
        line: "gatepost doctor ann@contoso.com",
        code: 1,
    },
    // Nothing can be sent, so it waits.
    Happening {
        page: "docs/queue.md",
        before: true,
        fault: "smtp-auth-disabled-mailbox",
        line: "gatepost send --from alerts@contoso.com --to bob@contoso.com",
        code: 0,
    },
    Happening {
        page: "docs/shared-mailbox.md",
        before: false,
        fault: "",
        line: "gatepost send --from board@contoso.com --to bob@contoso.com --user ann@contoso.com",
        code: 1,
    },
    // Behind the restore: nobody signs in again.
    Happening {
        page: "docs/backup.md",
        before: false,
        fault: "",
        line: "gatepost send --from ann@contoso.com --to bob@contoso.com",
        code: 0,
    },
];

enum Shown {
    /// These words are printed or logged while the page is typed.
    Said,
    /// What else it is.
    Else(&'static str),
}
use Shown::{Else, Said};

/// Blocks that nobody types, by their first words.
const SHOWN: &[(&str, &str, Shown)] = &[
    ("README.md", "copier, Zabbix, cron,", Else("a drawing")),
    ("README.md", "1. A device sends a message over SMTP", Said),
    ("docs/backup.md", "mkdir -p -m 700 /srv/gatepost", Else("another store; tests/it/doctor/pending.rs moves one")),
    ("docs/coming-from-elsewhere.md", "relayhost = [127.0.0.1]:1587", Else("Postfix's; tests/real/test_relays.py")),
    ("docs/coming-from-elsewhere.md", "[127.0.0.1]:1587 ann@contoso.com:", Else("the same")),
    ("docs/corporate-network.md", "http-proxy-file = ", Else("two keys; tests/it/config has them")),
    ("docs/corporate-network.md", "http://svc-gatepost:p%40ss@", Else("the file of the two keys")),
    ("docs/corporate-network.md", "acl SSL_ports", Else("Squid's; tests/real/test_detours.py goes through one")),
    ("docs/corporate-network.md", "smtp.office365.com:587 through", Else("a fault of a proxy; tests/it/detour.rs")),
    ("docs/devices/README.md", "TLS handshake failed: the client offers TLS 1.1", Else("tests/it/tls.rs")),
    ("docs/devices/README.md", "[devices]", Else("stunnel's; tests/real/test_relays.py")),
    ("docs/devices/exim.md", "primary_hostname = ", Else("Exim's; tests/real/test_relays.py")),
    ("docs/devices/postfix.md", "relayhost = ", Else("Postfix's; tests/real/test_relays.py")),
    ("docs/devices/postfix.md", "[127.0.0.1]:1587 postfix:", Else("the same")),
    ("docs/devices/postfix.md", "smtp_delivery_status_filter = ", Else("the same")),
    ("docs/devices/postfix.md", "if !/", Else("the same")),
    ("docs/doctor.md", "✓ config configuration", Said),
    ("docs/notify.md", "#!/bin/sh # Mails an event", Else("a script; tests/real/test_relays.py")),
    ("docs/notify.md", "#!/bin/sh # Discord", Else("a script; tests/real/test_relays.py")),
    ("docs/printer.md", "INFO message accepted", Said),
    ("docs/programs/outlook.md", "TLS handshake failed: the client offers TLS 1.1", Else("tests/it/tls.rs")),
    ("docs/programs/unix.md", "IMAPStore work-remote", Else("tests/real/test_guides.py reads mail with it")),
    ("docs/programs/unix.md", "set from = ", Else("the same")),
    ("docs/programs/unix.md", "poll 127.0.0.1", Else("the same")),
    ("docs/programs/unix.md", "account work", Else("the same")),
    ("docs/repair.md", "INFO message accepted", Else("the line that docs/printer.md has")),
    ("docs/shared-mailbox.md", "550 5.7.1 This account may not send as that sender: <board@contoso.com>", Said),
    (
        "docs/systemd.md",
        "# /etc/systemd/system/gatepost.service.d/secret.conf",
        Else("tests/real/test_guides.py has systemd verify it"),
    ),
    ("docs/systemd.md", "[Socket]", Else("the same")),
    ("docs/when-it-fails.md", "432-4.3.2 Concurrent", Else("tests/it/refused.rs")),
    ("docs/when-it-fails.md", "535 5.7.0 SMTP AUTH is disabled for your organization", Said),
    ("docs/when-it-fails.md", "WARN refused: SMTP AUTH is disabled", Said),
];

/// Lines, by their beginning, that are typed on a machine on which Gatepost was never set up.
const FROM_NOTHING: &[&str] = &[
    "as-gatepost -p LoadCredential=old:",
    "gatepost import emailproxy emailproxy.config  ",
    "gatepost import emailproxy emailproxy.config --cache-store",
    "gatepost import pizauth",
    "gatepost import sasl-xoauth2",
    "gatepost setup --address ann@contoso.com --print-script",
    "gatepost setup --address orders@contoso.com",
];

/// Lines of a page that are about the configuration of another one.
const CONFIGURED_BY: &[(&str, &str, &str)] = &[
    ("docs/devices/README.md", "gatepost send --server gatepost.contoso.com:2526", "docs/devices/ricoh.md"),
    ("docs/devices/README.md", "gatepost send --server 127.0.0.1:2525", "docs/printer.md"),
    (SENTENCE, "gatepost login '*@contoso.com'", "docs/whole-domain.md"),
    (SENTENCE, "gatepost logout info@contoso.com", "docs/shared-mailbox.md"),
];

/// Pages for people: the English guides, those of programs and devices, and the front page.
fn guides() -> Vec<String> {
    let is_guide = |page: &String| {
        page == "README.md"
            || page.starts_with("docs/") && !page.starts_with("docs/faults/") && !page.starts_with("docs/ja/")
    };
    documents().into_iter().filter(is_guide).filter(|page| !page.ends_with("SUMMARY.md")).collect()
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn is_elsewhere(line: &str) -> bool {
    // In a pipe into Gatepost, too: the other end is not ours.
    line == CI || ELSEWHERE.iter().any(|(begins, _)| line.starts_with(begins))
}

fn code_of(page: &str, line: &str) -> i32 {
    let found = EXITS.iter().find(|(of, begins, _, _)| *of == page && line == *begins);
    found.map_or(0, |(_, _, code, _)| *code)
}

fn text_of(page: &str) -> String {
    if page == SENTENCE { String::new() } else { text(page) }
}

/// The page from its first block to its last.
async fn follow(page: &str, content: &str) {
    let mut reader = Reader::at(page, content, page != "docs/setup.md").await;
    let (mut shown, is_typed) = (Vec::new(), typed(content).iter().any(|line| !is_elsewhere(line)));
    for happening in HAPPENINGS.iter().filter(|one| one.page == page && one.before) {
        reader.writes_first_of(&text(page)).await;
        reader.meets(happening).await;
    }
    if !parts(content).iter().any(|part| matches!(part, Part::Configuration(_))) && content != text_of(page) {
        // The block that is printed is shown by the English page of a device alone.
        reader.writes_first_of(&text_of(page)).await;
    }
    for part in parts(content) {
        match part {
            // Where nothing is typed on it, the test of configurations has looked at it.
            Part::Configuration(block) if is_typed => reader.writes(&block).await,
            Part::Configuration(_) => {}
            Part::Shown(block) => shown.push(squeezed(&block)),
            Part::Typed(lines) => {
                for line in lines.iter().filter(|line| !is_elsewhere(line)) {
                    reader = comes_to(reader, page, line).await;
                    reader.types(line, code_of(page, line)).await;
                }
            }
        }
    }
    for happening in HAPPENINGS.iter().filter(|one| one.page == page && !one.before) {
        reader.meets(happening).await;
    }
    is_heard(page, &reader, &shown);
    reader.leaves().await;
}

/// What a line takes for granted beyond its own page.
async fn comes_to(reader: Reader, page: &str, line: &str) -> Reader {
    let mut reader = reader;
    if FROM_NOTHING.iter().any(|begins| line.starts_with(begins)) {
        reader = reader.on_another_machine().await;
    }
    for (_, _, document) in CONFIGURED_BY.iter().filter(|(of, begins, _)| *of == page && line.starts_with(begins)) {
        reader.writes_first_of(&text(document)).await;
    }
    reader
}

fn is_heard(page: &str, reader: &Reader, shown: &[String]) {
    let heard = squeezed(&reader.heard());
    for block in shown {
        let known = SHOWN.iter().find(|(of, begins, _)| *of == page && block.starts_with(begins));
        let (_, words, what) = known.unwrap_or_else(|| panic!("{page}: nothing says what this block is: {block}"));
        if let Said = what {
            assert!(heard.contains(&reader.here(words)), "{page}: nobody heard {words:?}:\n{heard}");
        }
    }
}

/// Every page whose lines are others than those of its sister, by the name that the lists above know it by, with its text.
fn followed() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for page in guides() {
        let sister = page.strip_prefix("docs/").map_or("README.ja.md".to_owned(), |page| format!("docs/ja/{page}"));
        let [english, japanese] = [&page, &sister].map(|page| text(page));
        if typed(&english) != typed(&japanese) {
            all.push((page.clone(), japanese));
        }
        all.push((page, english));
    }
    all
}

/// A call within a sentence, as a page of its own.
fn sentences() -> Vec<(String, String)> {
    let calls: BTreeSet<String> = guides().iter().flat_map(|page| spoken_of(&text(page))).collect();
    assert!(calls.len() > 25, "{calls:?}");
    let page = |call: &String| if call.contains("gatepost queue ") { "docs/queue.md" } else { SENTENCE };
    calls.into_iter().map(|call| (page(&call).to_owned(), format!("    {call}\n"))).collect()
}

async fn follow_all(pages: Vec<(String, String)>) {
    let room = tokio::sync::Semaphore::new(4);
    together(pages.iter().map(async |(page, content)| {
        let _held = room.acquire().await.unwrap();
        follow(page, content).await;
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_the_guides_is_typed_and_ends_as_its_page_says() {
    let pages = followed();
    assert!(pages.len() > 50, "{}", pages.len());
    follow_all(pages).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_call_that_a_sentence_of_the_guides_names_whole_is_typed_too() {
    follow_all(sentences()).await;
}

#[test]
fn what_stands_in_the_lists_of_this_test_stands_in_a_page() {
    let all = followed().into_iter().chain(sentences().into_iter().map(|(_, content)| (SENTENCE.to_owned(), content)));
    let lines: Vec<(String, String)> =
        all.flat_map(|(page, content)| typed(&content).into_iter().map(move |line| (page.clone(), line))).collect();
    assert!(lines.len() > 150, "{}", lines.len());
    let is_typed_by_ci = text(".ci/run").lines().any(|line| line == format!("exec {CI}"));
    assert!(is_typed_by_ci && lines.iter().any(|(page, line)| page == "README.md" && line == CI));
    for (begins, test) in ELSEWHERE {
        let pages: BTreeSet<&str> =
            lines.iter().filter(|(_, line)| line.starts_with(begins)).map(|(page, _)| page.as_str()).collect();
        assert!(!pages.is_empty(), "no page says {begins:?} any more");
        let test = text(&format!("tests/real/{test}.py"));
        for page in pages {
            // One that looks for a program on every page has that.
            let names = |what: &str| test.contains(&format!("\"{what}\""));
            assert!(names(page.trim_start_matches("docs/")) || names(begins), "nobody types {begins:?} of {page}");
        }
    }
    for (page, line, _, _) in EXITS {
        assert!(lines.iter().any(|known| known == &((*page).to_owned(), (*line).to_owned())), "{page} has no {line:?}");
    }
    for begins in FROM_NOTHING {
        assert!(guides().iter().any(|page| text(page).contains(begins)), "no page says {begins:?} any more");
    }
    for (page, begins, _) in CONFIGURED_BY {
        assert!(lines.iter().any(|(of, line)| of == page && line.starts_with(begins)), "{page} has no {begins:?}");
    }
    for (page, words, what) in SHOWN {
        assert!(squeezed(&text(page)).contains(words), "{page} has no {words:?}");
        assert!(!matches!(what, Else("")), "{page}: no reason for {words:?}");
    }
}
