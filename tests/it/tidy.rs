//! The shape of the house, held: rows, the purity of `wire`, `base` and `message`, sizes, names, and who may see a secret.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// From the ground up. A file imports its own module and modules of lower rows.
const ROWS: &[&[&str]] = &[
    &["base"],
    &["wire"],
    &["catalog", "meter"],
    &["store", "message"],
    &["spool"],
    &["net"],
    &["oauth"],
    &["account"],
    &["outbound", "expiry"],
    &["queue"],
    &["session"],
    &["console"],
    &["config"],
    &["daemon"],
    &["doctor"],
    &["sandbox"],
    &["cli"],
];

/// The sandbox imitates others; it must not lean on what it is there to test.
const SANDBOX_IMPORTS: &[&str] = &["base", "wire", "net"];

/// Where a secret is seen: each of these puts it on a wire, into a hash, or under a seal, or looks at its shape.
const EXPOSE: &[&str] = &[
    "src/account/passwords.rs",            // hashes and compares what was typed
    "src/base/redact.rs",                  // hides what a peer quotes
    "src/base/secret.rs",                  // defines it
    "src/cli/client.rs",                   // a password that was made, shown once, and its hash
    "src/cli/demo/stage.rs",               // the demo's own password
    "src/cli/password.rs",                 // prints the hash that was asked for
    "src/cli/import/files.rs",             // files that hold one secret each
    "src/cli/import/write.rs",             // a password that was made, shown once
    "src/cli/local_password.rs",           // prints a password that was just made, once
    "src/cli/login.rs",                    // the redirected address that a person pastes
    "src/cli/send/dialogue.rs",            // AUTH of the test message
    "src/cli/setup/blocks.rs",             // the hash of a password
    "src/cli/setup/imap.rs",               // AUTHENTICATE of the trial
    "src/cli/setup/mod.rs",                // a password that was made, shown once
    "src/cli/setup/place.rs",              // files that hold one secret each
    "src/config/check/account.rs",         // the word "first-use" in place of a hash
    "src/config/check/mod.rs",             // URLs that may hold a password
    "src/config/check/notify.rs",          // the address of a webhook, which is to be a URL
    "src/config/check/secret.rs",          // refuses control bytes
    "src/config/import/fernet.rs",         // turns a mail password into the key of a seal
    "src/config/import/found.rs",          // who consented, as an access token says
    "src/config/import/text.rs",           // hashes, and the path of a key that was sealed
    "src/config/show.rs",                  // the program that tells, without its arguments
    "src/console/access.rs",               // compares the token of a visitor
    "src/console/account_page.rs",         // a local password that was just made, shown once
    "src/console/client.rs",               // the token of the console, in the request
    "src/config/fingerprint.rs",           // keyed hash of a configuration
    "src/console/look.rs",                 // the word that a visit's forms carry
    "src/console/sign_ins.rs",             // the redirected address that a person pastes
    "src/daemon/notify/command.rs",        // the arguments of the program that tells
    "src/daemon/notify/webhook.rs",        // the address of a webhook
    "src/doctor/claims.rs",                // what an access token says
    "src/net/detour/connect.rs",           // login at a proxy
    "src/net/detour/proxy.rs",             // the URL of a proxy
    "src/net/detour/socks5.rs",            // login at a proxy
    "src/net/http.rs",                     // body of a token request
    "src/oauth/fingerprint.rs",            // keyed hash of a token
    "src/oauth/grants/service_account.rs", // the key that signs
    "src/oauth/keeper/stored.rs",          // the object id that a token of an app names
    "src/sandbox/exchange/sign_on.rs",     // the imitated server checks the token
    "src/sandbox/identity/grant.rs",       // the imitated provider checks the secret
    "src/sandbox/identity/metadata.rs",    // hands out a token
    "src/sandbox/transcript.rs",           // masks secrets in what it records
    "src/store/key.rs",                    // the key that seals
    "src/store/row.rs",                    // what is sealed
    "src/store/sqlite.rs",                 // sealed rows
    "src/wire/imap/back.rs",               // AUTHENTICATE
    "src/wire/pop3/back.rs",               // AUTH
    "src/wire/sasl.rs",                    // SASL messages
    "src/wire/smtp/back.rs",               // AUTH
];

/// Where the rooms that know the database's path open files: what each of them opens. In the daemon's process nothing but
/// SQLite may open the database (`store/sqlite.rs` says why).
const OPEN: &[&str] = &[
    "src/config/check/domain.rs", // a file of passwords
    "src/config/fingerprint.rs",  // roots, which are of the configuration
    "src/config/mod.rs",          // the configuration
    "src/config/model.rs",        // the console's token, beside the key
    "src/config/unit.rs",         // units of systemd
    "src/store/backup.rs",        // a copy
    "src/store/before.rs",        // the note beside the database
    "src/store/epoch.rs",         // a copy
    "src/store/lock.rs",          // the lock beside the database
    "src/store/private_file.rs",  // secrets, what is made, and directories
    "src/store/used.rs",          // the note of the last store, in the state directory
];

struct Source {
    /// From the root of the repository, with forward slashes.
    path: String,
    text: String,
}

impl Source {
    fn module(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or_default();
        inside.split(['/', '.']).next().unwrap_or_default()
    }

    fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("tests.rs") || self.path.ends_with("_test.rs")
    }

    /// What runs: without comments, and without the tests at the end of the file.
    fn code(&self) -> String {
        let runs = self.text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        runs.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    // What git does not hold either.
    const SKIP: &[&str] = &["target", ".git", "node_modules", ".lab", "built", "corpus", "artifacts", "__pycache__"];
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if SKIP.contains(&name.as_str()) || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            files(&path, wanted, found);
        } else if wanted(&path) {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    files(&root().join("src"), &|path| path.extension().is_some_and(|e| e == "rs"), &mut found);
    assert!(found.len() > 30, "the sources were not found");
    let source = |path: PathBuf| Source {
        path: path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(&path).unwrap(),
    };
    found.into_iter().map(source).collect()
}

/// Modules that a text imports from the root of the crate: `crate::a::b`, `use crate::{a, b::{c}}`.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let Some(group) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut begins = true;
        for (n, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                c if begins && depth == 0 && c.is_alphabetic() => {
                    found.push(word(&group[n..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

#[test]
fn imports_of_a_group_are_seen() {
    let code = "use crate::{base::{Secret, Fault}, net,\n    oauth::App};\nfn f() { crate::wire::x() }";
    assert_eq!(imports(code), ["base", "net", "oauth", "wire"]);
}

/// What makes a reply with neither text nor id of a fault.
const BARE: &str = "Reply::new(";

#[test]
fn no_refusal_and_no_goodbye_of_ours_is_without_a_fault() {
    let refuses = |source: &Source| {
        let module = source.module();
        ["session", "queue", "outbound", "catalog"].contains(&module) || source.path.starts_with("src/wire/smtp/")
    };
    let mut bare = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test() && refuses(source)) {
        let code = source.code();
        let calls = code.match_indices(BARE).map(|(at, _)| &code[at + BARE.len()..]);
        let refusals = calls.filter(|said| said.starts_with(['4', '5']));
        bare.extend(refusals.map(|said| format!("{}: {}", source.path, said.lines().next().unwrap_or_default())));
    }
    assert!(bare.is_empty(), "catalog::replies::refusal makes it of one:\n{}", bare.join("\n"));
}

/// A code that stands in none of the tables is one that `explain` does not know by itself.
#[test]
fn no_reply_of_ours_begins_with_a_code_that_stands_in_no_table() {
    const BY_HAND: [&str; 7] =
        ["Reply::of((4", "Reply::of((5", "farewell(\"4", "farewell(\"5", "\"* BYE {", "\"-ERR {", "BAD {"];
    let told =
        |source: &&Source| ["session", "queue", "outbound", "wire"].contains(&source.module()) && !source.is_test();
    let sources = sources();
    let by_hand: Vec<String> = sources
        .iter()
        .filter(told)
        .flat_map(|source| {
            let code = source.code();
            let found: Vec<_> = BY_HAND.iter().filter(|by| code.contains(**by)).collect();
            found.into_iter().map(|by| format!("{}: {by}", source.path)).collect::<Vec<_>>()
        })
        .collect();
    assert!(by_hand.is_empty(), "catalog::replies::coded and wire::*::reply have them: {by_hand:#?}");
}

/// Words of another's in front of an id would not be those that status, pages and docs say a client hears.
#[test]
fn the_mark_of_a_reply_is_written_by_the_fault_alone_behind_its_own_text() {
    let marks = |source: &&Source| !source.is_test() && source.code().contains("[gatepost {");
    let sources = sources();
    let marking: Vec<&str> = sources.iter().filter(marks).map(|source| source.path.as_str()).collect();
    assert_eq!(marking, ["src/base/fault.rs"]);
}

/// Else it stands there without the short text. What commands print below the cause of a fault is told as a whole elsewhere.
#[test]
fn an_id_in_brackets_is_written_by_the_function_alone_that_has_the_short_text_ahead_of_it() {
    let ids: Vec<String> = gatepost::catalog::all().map(|entry| format!("[{}]", entry.id)).collect();
    let mut by_hand = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test() && source.path != "src/base/fault.rs") {
        let code = source.code();
        by_hand.extend(ids.iter().filter(|id| code.contains(*id)).map(|id| format!("{}: {id}", source.path)));
        if row(source.module()) > row("daemon") || source.path.ends_with("/build.rs") {
            continue;
        }
        let holes = ["[{}]", "[{id}]"].into_iter().flat_map(|hole| code.match_indices(hole));
        let statements = holes.map(|(at, _)| code[at..].split(';').next().unwrap_or_default());
        let of_ids = statements.filter(|rest| rest.contains(".id") || rest.starts_with("[{id}]"));
        by_hand.extend(of_ids.map(|rest| format!("{}: {rest}", source.path)));
    }
    assert!(by_hand.is_empty(), "Entry::said, Entry::named and Fault do it:\n{}", by_hand.join("\n"));
}

#[test]
fn no_file_imports_from_a_higher_row() {
    let mut upward = Vec::new();
    for source in sources().iter().filter(|source| !source.is_test()) {
        let (module, Some(own)) = (source.module(), row(source.module())) else {
            assert!(["lib", "main"].contains(&source.module()), "{} is in no row", source.path);
            continue;
        };
        for import in imports(&source.code()) {
            let lower = row(&import).is_some_and(|row| row < own);
            let allowed =
                import == module || (lower && (module != "sandbox" || SANDBOX_IMPORTS.contains(&import.as_str())));
            if !allowed {
                upward.push(format!("{} imports {import}", source.path));
            }
        }
    }
    assert!(upward.is_empty(), "{upward:#?}");
}

#[test]
fn base_wire_and_message_know_no_sockets_clocks_or_chance() {
    const IMPURE: &[&str] =
        &["tokio", "std::net", "Instant", "SystemTime", "rand::", "std::fs", "std::env", "std::thread"];
    let mut impure = Vec::new();
    for source in sources().iter().filter(|s| ["base", "wire", "message"].contains(&s.module()) && !s.is_test()) {
        let code = source.code();
        impure
            .extend(IMPURE.iter().filter(|word| code.contains(**word)).map(|word| format!("{}: {word}", source.path)));
    }
    assert!(impure.is_empty(), "{impure:#?}");
}

#[test]
fn no_file_is_over_five_hundred_lines() {
    // A file of tests is read from case to case, not as a whole.
    let most = |source: &Source| if source.is_test() { 600 } else { 500 };
    let long: Vec<String> = sources()
        .iter()
        .map(|source| (source.text.lines().count(), source))
        .filter(|(lines, source)| *lines > most(source))
        .map(|(lines, source)| format!("{}: {lines}", source.path))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn who_knows_where_the_database_is_opens_listed_files_alone() {
    const WAYS: &[&str] =
        &["File::open(", "File::options(", "OpenOptions", "fs::read(", "fs::read_to_string(", "fs::copy("];
    for source in sources() {
        let opens = WAYS.iter().any(|way| source.code().contains(way));
        if ["config", "store"].contains(&source.module()) && !source.is_test() {
            assert_eq!(opens, OPEN.contains(&source.path.as_str()), "{}: tidy.rs has who opens what", source.path);
        }
    }
}

#[test]
fn secrets_are_seen_in_listed_files_alone() {
    let strangers: Vec<String> = sources()
        .into_iter()
        .filter(|source| {
            !source.is_test() && source.code().contains(".expose()") && !EXPOSE.contains(&source.path.as_str())
        })
        .map(|source| source.path)
        .collect();
    assert!(strangers.is_empty(), "exposes a secret; add it to the list with a reason, or do without: {strangers:#?}");
}

#[test]
fn the_list_of_those_files_is_not_longer_than_it_must_be() {
    let sources = sources();
    let exposes = |path: &str| sources.iter().any(|s| s.path == path && s.code().contains(".expose()"));
    let idle: Vec<_> = EXPOSE.iter().filter(|path| **path != "src/base/secret.rs" && !exposes(path)).collect();
    assert!(idle.is_empty(), "exposes nothing any more; take it off the list: {idle:#?}");
}

/// So that there is none which docs/when-it-fails.md does not explain.
#[test]
fn every_fault_comes_from_the_catalogue() {
    let makes = |source: &Source| {
        let code = source.code();
        // SetupFault and the like are others.
        code.match_indices("Fault::new(").any(|(at, _)| !code[..at].ends_with(|c: char| c.is_alphanumeric()))
    };
    let makers: Vec<String> =
        sources().into_iter().filter(|source| !source.is_test() && makes(source)).map(|source| source.path).collect();
    assert_eq!(makers, ["src/catalog/entry.rs"]);
}

#[test]
fn every_file_says_why_it_exists() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.is_test() && !source.text.starts_with("//!"))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn names_say_what_a_thing_is() {
    const VAGUE: &[&str] = &["util", "utils", "common", "helper", "helpers", "manager", "misc", "shared"];
    const EMPTY_VERBS: &[&str] = &["fn get_", "fn handle_", "fn process_"];
    let mut vague = Vec::new();
    for source in sources() {
        let words = source.path.split(['/', '.', '_']);
        vague.extend(words.filter(|word| VAGUE.contains(word)).map(|word| format!("{}: {word}", source.path)));
        let code = source.code();
        vague.extend(
            EMPTY_VERBS.iter().filter(|verb| code.contains(**verb)).map(|verb| format!("{}: {verb}", source.path)),
        );
    }
    assert!(vague.is_empty(), "{vague:#?}");
}

/// A path of somebody's machine in the tree works on that machine alone.
#[test]
fn nothing_names_a_path_of_a_developers_machine() {
    let paths = [concat!("/wo", "rk/"), concat!("/tmp/", "gp"), concat!("/ro", "ot/"), concat!("/home/", "user/")];
    const TEXT: &[&str] =
        &["rs", "toml", "md", "sh", "py", "yml", "yaml", "json", "js", "service", "socket", "html", "sql", ""];
    let is_text = |path: &Path| TEXT.contains(&path.extension().unwrap_or_default().to_string_lossy().as_ref());
    let mut found = Vec::new();
    files(root(), &is_text, &mut found);
    let mut named = Vec::new();
    for path in found {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        named.extend(paths.iter().filter(|p| text.contains(**p)).map(|p| format!("{}: {p}", path.display())));
    }
    assert!(named.is_empty(), "{named:#?}");
}

#[test]
fn every_invariant_names_a_test_that_exists() {
    let sources: String = rust_files_of(&["src", "tests"]);
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows = text.lines().skip_while(|line| !line.starts_with("| what must hold")).skip(2);
    let mut seen = 0;
    for row in rows.take_while(|line| line.starts_with('|')) {
        for name in
            row.split('`').skip(1).step_by(2).filter(|name| name.contains('_') && !name.contains(['.', '/', ' ']))
        {
            assert!(
                sources.contains(&format!("fn {name}(")),
                "ARCHITECTURE.md names a test `{name}` that is not there"
            );
            seen += 1;
        }
    }
    assert!(seen > 30, "the table of invariants was not found");
}

fn rust_files_of(folders: &[&str]) -> String {
    fn walk(folder: &Path, out: &mut String) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                out.push_str(&fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut out = String::new();
    folders.iter().for_each(|folder| walk(&root().join(folder), &mut out));
    out
}
