//! What commands print is wholly in the language of who reads it: every sentence in the code has its Japanese, and
//! every command is looked at. And there is one word for one thing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use gatepost::base::{Phrases, columns, latin_sentence};

const FILES: [&str; 7] = [
    "src/base/system.txt",
    "src/cli/explain/spoken.txt",
    "src/cli/japanese.txt",
    "src/config/japanese.txt",
    "src/config/import/japanese.txt",
    "src/queue/japanese.txt",
    "src/store/japanese.txt",
];
/// Whose sentences stand in those files.
const FOLDERS: [&str; 2] = ["src/cli", "src/config"];
const BESIDE: [&str; 2] = ["src/store/error.rs", "src/store/readiness.rs"];
/// They have both languages themselves, or say nothing to people.
const THEIR_OWN: &[&str] = &[
    "src/cli/explain/health.rs", // how lines of the log begin
    "src/cli/explain/coded.rs",
    "src/cli/explain/shown.rs",
    "src/cli/explain/told.rs",
    "src/cli/explain/way.rs",
    "src/cli/explain/line.rs",
    "src/cli/login_words.rs",
    "src/cli/queue/table.rs",
    "src/cli/setup/",
    "src/cli/status/other.rs",
    "src/cli/status/silent.rs",
    "src/cli/status/steps.rs",
    "src/cli/status/remarks.rs",
    "src/cli/status/table.rs",
    "src/cli/status/told.rs",
    "src/config/device/",
    "src/config/diff.rs",
    "src/config/import/japanese.txt",
    "src/config/provider.rs",
    "src/config/raw.rs",
    "src/config/show.rs",
];
/// Not said to who types the command: the test message, and what the demo's device sends.
const NOT_TOLD: [&str; 5] = [
    "This is a test message from `gatepost send`.",
    "Test message from Gatepost",
    "Scan of page 1",
    "Hello from the copier.",
    "sign in again",
];
/// Parts of sentences that stand there whole, and what has its Japanese beside it.
const PARTS: [&str; 24] = [
    "\"{}\" is not a choice here",
    ", its sign-in is taken over",
    ", there is no sign-in to take over",
    "Forget the tokens of {address}?{also} [y/N]",
    "It is shown this once; the block has its hash.",
    "This also signs out {}.",
    "and a file with a secret",
    "and {many} files with secrets",
    "app registration",
    "gatepost login {}{}",
    "gatepost password --reset {address}{}",
    "its password at the provider",
    "its password for mail programs",
    "left out",
    "possible values",
    "to check",
    "without an equivalent",
    "{address}: opened with the same mail password{}",
    "{address}: this is not the mail password that its sign-in is sealed with{line}",
    "{console}  rehearse   {}/: refused tokens, a full store, a slow server and more, by a click",
    "{number} is out of range",
    "{}: {what} is {}",
    "{}Nothing was written, since the check refuses it. Without --write it is shown: take it from there, mend it, and sign in with `gatepost login`.",
    "{}Nothing was written. --write makes {}{secrets}, and takes the sign-ins over.",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn phrases() -> Phrases {
    let texts: Vec<&'static str> = FILES.iter().map(|file| &*text(file).leak()).collect();
    Phrases::read(&texts)
}

fn all_under(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() { all_under(&path, found) } else { found.push(path) }
    }
}

fn files(folders: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    folders.iter().for_each(|folder| all_under(&root().join(folder), &mut found));
    let named = found.iter().map(|path| path.strip_prefix(root()).unwrap().display().to_string());
    named.filter_map(|name| Some((name.clone(), fs::read_to_string(root().join(&name)).ok()?))).collect()
}

/// Of Rust code: what stands in quotation marks, without attributes, comments, tests and what is logged.
fn literals(code: &str) -> Vec<String> {
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap();
    let (mut found, mut rest, mut is_attribute) = (Vec::new(), code, 0);
    while let Some(next) = rest.chars().next() {
        let mut taken = next.len_utf8();
        if rest.starts_with("//") {
            taken = rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("#[") || (is_attribute > 0 && next == '[') {
            is_attribute += 1;
            taken = if next == '#' { 2 } else { 1 };
        } else if is_attribute > 0 && next == ']' {
            is_attribute -= 1;
        } else if let Some(logged) =
            ["info!(", "warn!(", "debug!(", "error!("].iter().find(|mark| rest.starts_with(**mark))
        {
            taken = rest.find(");").unwrap_or(logged.len());
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\''") || rest.starts_with("'\\\"'") {
            taken = rest[1..].find('\'').unwrap() + 2;
        } else if let Some(raw) = rest.strip_prefix("r#\"") {
            let end = raw.find("\"#").unwrap();
            taken = end + 5;
        } else if let Some(inside) = rest.strip_prefix('"') {
            let end = end_of(inside);
            if is_attribute == 0 {
                found.push(unescaped(&inside[..end]));
            }
            taken = end + 2;
        }
        rest = &rest[taken..];
    }
    found
}

fn end_of(inside: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            '"' if !is_escaped => return at,
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    inside.len()
}

fn unescaped(literal: &str) -> String {
    let mut out = String::new();
    let mut chars = literal.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\n')) => while chars.next_if(|c| c.is_whitespace()).is_some() {},
            ('\\', Some('n')) => {
                chars.next();
                out.push('\n');
            }
            ('\\', Some(_)) => out.extend(chars.next()),
            (c, _) => out.push(c),
        }
    }
    out
}

#[test]
fn every_sentence_of_the_commands_and_of_the_configuration_has_its_japanese() {
    let phrases = phrases();
    let beside = BESIDE.map(|file| (file.to_owned(), text(file)));
    let mut missing = Vec::new();
    for (file, code) in files(&FOLDERS).into_iter().chain(beside) {
        let is_meant = file.ends_with(".rs") && !file.contains("/tests") && !file.ends_with("args.rs");
        if !is_meant || THEIR_OWN.iter().any(|own| file.starts_with(own)) {
            continue;
        }
        for literal in literals(&code) {
            let lines = literal.lines().map(|line| line.trim().trim_start_matches("# "));
            let lines = lines.filter(|line| !NOT_TOLD.contains(line) && !PARTS.contains(line));
            let unknown = lines.filter(|line| latin_sentence(line).is_some() && phrases.told(line) == *line);
            missing.extend(unknown.map(|line| format!("{file}: {line}")));
        }
    }
    assert!(missing.is_empty(), "add to {FILES:?}:\n{}", missing.join("\n"));
}

#[test]
fn nothing_in_japanese_has_an_english_sentence_in_it() {
    for file in FILES.iter().chain(&["src/oauth/japanese.txt", "src/sandbox/japanese.txt"]) {
        let text = text(file);
        for line in text.lines().filter(|line| line.starts_with("  ")) {
            // Quoted are words of servers.
            let own: String = line.split('"').step_by(2).collect();
            assert_eq!(latin_sentence(&without_commands(&own)), None, "{file}: {line}");
        }
    }
}

/// What is typed is no sentence.
fn without_commands(text: &str) -> String {
    let first = ["gatepost ", "openssl ", "postfix ", "sudo "];
    first.iter().fold(text.to_owned(), |text, program| text.replace(program, &program.replace(' ', "-")))
}

/// What is refused, what it is called, and whether that is so before what stands behind it.
type Other<'a> = (&'a str, &'a str, &'a dyn Fn(&str) -> bool);

/// All that is read in Japanese, line by line with its place, but for what a client hears.
fn lines_in_japanese() -> Vec<(String, String)> {
    let readme = ("README.ja.md".to_owned(), text("README.ja.md"));
    let mut lines = Vec::new();
    for (file, text) in files(&["src", "docs/ja", "config"]).into_iter().chain([readme]) {
        let is_meant = !file.ends_with(".svg") && !file.contains("/tests");
        for (n, line) in text.lines().enumerate().filter(|(_, line)| is_meant && !latin_alone(line)) {
            if !line.contains("[gatepost ") && !line.trim_start().starts_with("//") {
                lines.push((format!("{file}:{}", n + 1), line.to_owned()));
            }
        }
    }
    lines
}

/// Without the words of others: commands, keys and the labels of other programs in their quotation marks.
fn japanese_lines() -> Vec<(String, String)> {
    lines_in_japanese().into_iter().map(|(place, line)| (place, without_labels(&line))).collect()
}

/// Without what stands in backticks or 「」, and where links lead.
fn without_labels(line: &str) -> String {
    let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
    let prose = prose.split('「').map(|part| part.split_once('」').map_or(part, |(_, behind)| behind));
    let prose = prose.collect::<Vec<_>>().join("「」");
    let mut parts = prose.split("](");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| text + "]" + part.split_once(')').map_or("", |(_, behind)| behind))
}

/// One word for one thing, which CONTRIBUTING.md lists.
#[test]
fn what_has_one_name_in_japanese_has_no_other() {
    // As a verb it is what a listener does.
    let verb = ["る", "ます", "まし", "ませ", "て", "ない", "なけ", "られ", "させ", "た", "ず", "ら"];
    let is_noun = |behind: &str| !verb.iter().any(|ending| behind.starts_with(ending));
    let is_short = |behind: &str| !behind.starts_with('ー');
    let always = |_: &str| true;
    let others: [Other; 26] = [
        ("待ち受け", "リスナー", &is_noun),
        ("次にすること", "次の手順", &always),
        ("対処", "次の手順", &always),
        ("配送", "配信", &always),
        ("してはいけない", "してはならない", &always),
        ("対応する人", "対応する側", &always),
        ("Full Access", "フルアクセス権限", &always),
        ("フル アクセス", "フルアクセス権限", &always),
        ("サインオン", "認証", &always),
        ("代理人", "委任されたユーザー", &always),
        ("TLS を開い", "TLS を復号し", &always),
        ("更新トークン", "リフレッシュトークン", &always),
        ("リフレッシュ トークン", "リフレッシュトークン", &always),
        ("アクセス トークン", "アクセストークン", &always),
        ("受信者", "宛先", &always),
        ("だれ", "誰", &always),
        ("メモリー", "メモリ", &always),
        ("プロキシ", "プロキシー", &is_short),
        ("サーバ", "サーバー", &is_short),
        ("ユーザ", "ユーザー", &is_short),
        ("ブラウザ", "ブラウザー", &is_short),
        ("フォルダ", "フォルダー", &is_short),
        ("プロバイダ", "プロバイダー", &is_short),
        ("プリンタ", "プリンター", &is_short),
        ("ヘッダ", "ヘッダー", &is_short),
        ("コンピュータ", "コンピューター", &is_short),
    ];
    let mut wrong = Vec::new();
    for (place, line) in japanese_lines() {
        for (other, word, is_other) in others {
            let found = line.match_indices(other).filter(|(at, _)| is_other(&line[at + other.len()..]));
            wrong.extend(found.map(|_| format!("{place}: {other}, which is called {word}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Wide brackets around what belongs to a Japanese sentence; a blank between Japanese and Latin letters.
#[test]
fn japanese_is_set_in_one_way() {
    // As Microsoft has it, and as the system ends its words. A label of a device is its own.
    let theirs = [" (クライアント) ID", " (テナント) ID", " (os error "];
    let is_japanese = |c: char| c != '・' && !latin_alone(&c.to_string());
    let mut wrong = Vec::new();
    let of_devices =
        |place: &String| place.contains("devices/") || place.contains("programs/") || place.contains("device/");
    for (place, line) in japanese_lines().into_iter().filter(|(place, _)| !of_devices(place)) {
        let line = theirs.iter().fold(line, |line, own| line.replace(own, ""));
        let line = line.replace("\\n", " ");
        let letters: Vec<char> = line.chars().collect();
        let bad = |pair: &[char]| match *pair {
            [one, '('] | [')', one] => is_japanese(one),
            [one, other] => {
                (is_japanese(one) && other.is_ascii_alphabetic()) || (one.is_ascii_alphabetic() && is_japanese(other))
            }
            _ => false,
        };
        let is_spaced = letters.windows(3).any(|three| matches!(*three, [one, ' ', '('] if is_japanese(one)));
        if is_spaced || letters.windows(2).any(bad) {
            wrong.push(format!("{place}: {line}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Of a step of the catalogue with all that is said in some cases alone, and with none of it.
fn with_and_without_cases(line: &str) -> [String; 2] {
    let mut without = line.to_owned();
    while let Some((before, rest)) = without.rsplit_once('⟨').map(|(before, rest)| (before.to_owned(), rest.to_owned()))
    {
        without = before + rest.split_once('⟩').map_or("", |(_, behind)| behind);
    }
    let with = line.split('⟨').enumerate().map(|(n, part)| match part.split_once("? ") {
        Some((case, said)) if n > 0 && case.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') => said,
        _ => part,
    });
    [with.collect::<String>().replace('⟩', ""), without]
}

#[test]
fn between_what_is_typed_and_a_japanese_word_is_a_blank_in_whatever_case_a_step_is_told() {
    let is_word = |c: char| matches!(c, '\u{3041}'..='\u{30fa}' | '\u{4e00}'..='\u{9fff}');
    let mut wrong = Vec::new();
    for (place, line) in lines_in_japanese() {
        for told in with_and_without_cases(&line) {
            let parts: Vec<&str> = told.split('`').collect();
            let begins = |part: &&str| part.starts_with(is_word);
            let is_behind = parts.iter().skip(2).step_by(2).any(begins);
            let is_ahead = parts.iter().step_by(2).take(parts.len() / 2).any(|part| part.ends_with(is_word));
            wrong.extend((is_behind || is_ahead).then(|| format!("{place}: {told}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nor does a page put one behind words that are Japanese in one of two languages.
#[test]
fn no_japanese_sentence_has_a_latin_stop() {
    let is_japanese = |c: char| !latin_alone(&c.to_string());
    let mut wrong = Vec::new();
    for (place, line) in japanese_lines() {
        let letters: Vec<char> = line.chars().chain([' ']).collect();
        let is_stop = |three: &[char]| matches!(*three, [one, '.' | ',' | ';' | '!' | '?', behind] if is_japanese(one) && !".`".contains(behind) && !behind.is_ascii_alphanumeric());
        wrong.extend(letters.windows(3).any(is_stop).then(|| format!("{place}: {line}")));
    }
    for (file, text) in files(&["src/console/pages"]) {
        let stops = ["}}. ", "}}, ", "}}; "];
        wrong.extend(
            text.lines()
                .filter(|line| stops.iter().any(|stop| line.contains(stop)))
                .map(|line| format!("{file}: {line}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A page of the docs has the same name in `docs/ja`.
#[test]
fn what_is_said_in_japanese_points_to_japanese_pages() {
    let is_path = |c: char| c.is_ascii_alphanumeric() || "/-_.{}".contains(c);
    let mut wrong = Vec::new();
    for (file, text) in files(&["src"]) {
        for (n, line) in text.lines().enumerate().filter(|(_, line)| !latin_alone(line)) {
            for (at, _) in line.match_indices("docs/") {
                let page = line[at..].split(|c| !is_path(c)).next().unwrap().trim_end_matches('.');
                // What stands in a hole is a page as well.
                let folder = page.split("/{").next().unwrap();
                if !page.starts_with("docs/ja/") || !root().join(folder).exists() {
                    wrong.push(format!("{file}:{}: {page}", n + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whole guides, of a machine or a device: no sentence stands for them, and the help says where they are.
const GUIDES: [&str; 3] = ["systemd.md", "devices", "coming-from-elsewhere.md"];

#[test]
fn what_is_printed_names_no_page_of_the_docs_in_the_place_of_a_sentence() {
    let mut wrong = Vec::new();
    let files = files(&["src"]).into_iter().filter(|(file, _)| !file.contains("tests") && !file.ends_with(".md"));
    for (file, text) in files {
        let code = text.split("#[cfg(test)]").next().unwrap();
        let told = |line: &&str| !line.trim_start().starts_with(['/', '#']) && !line.contains("format!(\"docs/");
        for line in code.lines().filter(told) {
            let pages =
                line.match_indices("docs/").map(|(at, begin)| line[at + begin.len()..].trim_start_matches("ja/"));
            let is_known = |page: &&str| page.starts_with("...") || GUIDES.iter().any(|guide| page.starts_with(guide));
            wrong.extend(pages.filter(|page| !is_known(page)).map(|page| format!("{file}: {page}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for lang in ["en", "ja"] {
        let mut help = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        let help = help.args(["--help", "--lang", lang]).env_clear().stdin(Stdio::null()).output().unwrap();
        assert!(String::from_utf8(help.stdout).unwrap().contains("/usr/share/doc/gatepost"), "{lang}");
    }
}

fn latin_alone(line: &str) -> bool {
    !line.contains(|c: char| ('ぁ'..='ヿ').contains(&c) || ('一'..='龠').contains(&c))
}

/// Both streams of a command at a Japanese terminal.
fn said(arguments: &[&str], stdin: &str) -> String {
    use std::io::Write;
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args(arguments).env_clear().env("HOME", "/nonexistent").env("LANG", "ja_JP.UTF-8");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that fails early does not read it.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Of every command, as `--help` prints it.
fn helped(path: &[&str], command: &clap::Command, all: &mut Vec<String>) {
    all.push(said(&[path, &["--help"]].concat(), ""));
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        helped(&[path, &[command.get_name()]].concat(), command, all);
    }
}

#[test]
fn help_is_in_the_language_of_the_terminal() {
    use clap::CommandFactory;
    let mut all = vec![said(&[], ""), said(&["help"], ""), said(&["help", "queue", "list"], ""), said(&["queue"], "")];
    helped(&[], &gatepost::cli::Cli::command(), &mut all);
    for text in &all {
        // Commands to be copied, and what stands behind them in brackets.
        let own = text.lines().filter(|line| !line.starts_with("  ") || !line.contains("gatepost "));
        let own = own.collect::<Vec<_>>().join("\n");
        assert_eq!(latin_sentence(&without_commands(&own)), None, "{text}");
        for english in ["Usage", "Options", "Arguments", "Commands", "default", "possible", "Print", "Example"] {
            assert!(!text.contains(english), "{english}: {text}");
        }
        for line in text.lines().filter(|line| !line.contains("gatepost ")) {
            assert!(columns(line) <= 80, "{line}");
        }
    }
    assert!(all.iter().any(|text| text.contains("browser（このマシンのブラウザー）、device")));
    assert!(said(&["help", "queue", "list", "--lang", "en"], "").contains("Usage: gatepost queue list [OPTIONS]"));
}

#[test]
fn the_man_page_and_the_completions_are_in_the_language_of_the_terminal() {
    let page = said(&["man"], "");
    assert!(page.contains(".SH 書式\n") && page.contains("\n.SH \"gatepost config check\"\n"), "{page}");
    // Syntax, and commands to be copied.
    let own: Vec<&str> = page.lines().filter(|line| !line.contains("gatepost") && !line.starts_with("\\fB")).collect();
    assert_eq!(latin_sentence(&without_commands(&own.join("\n"))), None, "{page}");
    for english in ["DESCRIPTION", "OPTIONS", "EXTRA", "Print", "possible", "default"] {
        assert!(!own.iter().any(|line| line.contains(english)), "{english}: {page}");
    }
    for shell in ["zsh", "fish"] {
        let script = said(&["completions", shell], "");
        assert!(script.contains("アカウントのトークンを削除します") && !script.contains("Print help"), "{script}");
    }
    assert!(said(&["man", "--lang", "en"], "").is_ascii());
}

/// The terminal is that of script(1), which every Debian and BSD has.
#[test]
fn a_daemon_says_at_a_terminal_in_its_language_why_it_does_not_start_and_as_a_service_in_that_of_the_log() {
    let (run, program) = (["run", "--config", "/nonexistent/gatepost.toml"], env!("CARGO_BIN_EXE_gatepost"));
    let in_english = "error: There is no configuration of Gatepost [configuration-missing]\n\
                      error: /nonexistent/gatepost.toml: there is no such file";
    assert!(said(&run, "").starts_with(in_english), "{}", said(&run, ""));
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &format!("{program} {}", run.join(" ")), "/dev/null"]).env("LC_ALL", "ja_JP.UTF-8");
    let Ok(output) = terminal.stdin(Stdio::null()).output() else {
        assert!(std::env::var_os("GATEPOST_TEST_TOOLS").is_none(), "script(1) is missing");
        return;
    };
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("エラー: /nonexistent/gatepost.toml: このファイルはありません"), "{told}");
}

#[test]
fn a_daemon_that_systemd_handed_no_socket_says_so_in_japanese_to_whoever_reads_that() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gatepost.toml");
    for (name, told) in [("imap", "その名前の TCP ソケット"), ("993", "ポート 993 の TCP ソケット")] {
        let listener = format!("[[listener]]\nprotocol = \"imap\"\nlisten = [\"systemd:{name}\"]\ntls = \"off\"\n");
        let store = format!("[store]\nurl = \"sqlite://{}/gatepost.db\"\n", dir.path().display());
        std::fs::write(&file, format!("{store}[console]\nlisten = \"off\"\n{listener}")).unwrap();
        let run = ["run", "--config", file.to_str().unwrap(), "--lang", "ja"];
        let said = said(&run, "");
        assert!(said.contains(told) && !said.contains("handed over"), "{said}");
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused_in_the_language_of_the_terminal() {
    for (line, told) in [
        ("statu", "エラー: \"statu\" というコマンドはありません"),
        ("statu", "ヒント: 'setup', 'status' のいずれかの誤りではありませんか"),
        ("status --alivee", "エラー: \"--alivee\" は使えません\n\n  ヒント: --alive の誤りではありませんか\n"),
        ("status --alive --json", "エラー: --alive は --json と同時に使えません"),
        ("send", "エラー: 次の指定が必要です:\n  --from <ADDRESS>\n  --to <ADDRESS>\n\n使い方: gatepost send --from"),
        ("login", "使い方: gatepost login <ACCOUNT>\n\n詳しくは --help を付けて実行してください。\n"),
        ("login a b", "エラー: \"b\" は使えません\n\n使い方: gatepost login [オプション] <ACCOUNT>"),
        ("doctor --timeout abc", "エラー: --timeout <SECONDS> に \"abc\" は使えません: 数字ではありません"),
        (
            "doctor --timeout 9999",
            "エラー: --timeout <SECONDS> に \"9999\" は使えません: 1 から 3600 までの数にしてください",
        ),
        (
            "send --tls of --from a --to b",
            "に \"of\" は使えません\n  [使える値: off, starttls, implicit]\n\n  ヒント: off の誤りではありませんか",
        ),
        ("run --log-format", "エラー: --log-format <LOG_FORMAT> に値が必要です"),
        ("send --from a --from b --to c", "エラー: --from <ADDRESS> は一度だけ指定できます"),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let text = said(&arguments, "");
        assert!(text.contains(told), "{line}:\n{text}");
        assert!(said(&[&arguments[..], &["--lang=en"]].concat(), "").starts_with("error: "), "{line}");
    }
}

#[test]
fn every_command_speaks_the_language_of_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name).to_str().unwrap().to_owned()
    };
    let app = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \"id\"\n";
    let fine = file(
        "gatepost.toml",
        &format!(
            "[console]\nlisten = \"off\"\n[store]\nurl = \"sqlite://{0}/gatepost.db\"\n{app}\
             [[listener]]\nprotocol = \"smtp\"\nlisten = [\"127.0.0.1:1\"]\ncertificate = \"{0}/x\"\nkey = \"{0}/x\"\n\
             [[account]]\naddress = \"ann@contoso.com\"\npassword = \"first-use\"\n[[account]]\naddress = \"bob@contoso.com\"\n\
             password = \"first-use\"\n",
            dir.path().display()
        ),
    );
    file("x", "");
    let wrong = file(
        "wrong.toml",
        "[store]\nurl = \"postgres://x\"\n[console]\nlisten = \"0.0.0.0:1\"\n[network]\nhttp-proxy = \"ftp://x\"\nmail-proxy = \"https://x\"\n[app.x]\n\
         provider = \"mircosoft365\"\n[[listener]]\nlisten = [\"nowhere\"]\n[[account]]\naddress = \"ann\"\nextra = 1\n\
         password = \"plain\"\n[[client]]\nname = \"\"\nfrom = []\n",
    );
    let spoiled = file(
        "spoiled.toml",
        &format!("[console]\nlisten = \"off\"\n[store]\nurl = \"sqlite://{}\"\n", file("no.db", "no database")),
    );
    let cut_off = file("cut-off.toml", "[app.x\nprovider = 1\n");
    let old = file(
        "emailproxy.config",
        "[Server setup]\n[IMAP-1993]\nserver_address = outlook.office365.com\nserver_port = 993\nlocal_address = 127.0.0.1\n\
         plugins = x\n[emailproxy]\nodd = 1\n[ann@contoso.com]\npermission_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize\n\
         token_url = https://login.microsoftonline.com/contoso.com/oauth2/v2.0/token\n\
         oauth2_scope = https://outlook.office365.com/IMAP.AccessAsUser.All\nredirect_uri = http://mail.contoso.com\nclient_id = x\n",
    );
    let commands: &[&[&str]] = &[
        &["status", "--config", &fine],
        &["status", "--config", &wrong],
        &["status", "--config", "/nonexistent"],
        &["config", "check", "--config", &fine],
        &["config", "check", "--config", &wrong],
        &["config", "check", "--config", &cut_off],
        &["config", "client", "--preset", "nobody"],
        &["config", "client", "--preset", "ricoh"],
        &["console", "--config", &fine],
        &["doctor", "--offline", "--config", &fine],
        &["doctor", "--offline", "--config", &wrong],
        &["doctor", "--offline", "--config", &spoiled],
        &["status", "--config", &spoiled],
        &["doctor", "nobody@contoso.com", "--config", &fine],
        &["doctor", "--send", "x@y.z", "--config", &fine],
        &["explain", "smtp-auth-disabled-tenant", "--config", &fine],
        &["explain", "nothing", "of", "it"],
        &["explain", "x", "--account", "eve@contoso.com", "--config", &fine],
        &["logout", "ann@contoso.com", "--config", &fine],
        &["logout", "ann@contoso.com", "--yes", "--config", &fine],
        &["login", "eve@contoso.com", "--config", &fine],
        &["password"],
        &["password", "--stdin"],
        &["password", "--user", "a:b"],
        &["password", "--reset", "ann@contoso.com", "--config", &fine],
        &["queue", "list", "--config", &fine],
        &["queue", "show", "nothere", "--config", &fine],
        &["queue", "drop", "nothere", "--config", &fine],
        &["backup", &fine, "--config", &fine],
        &["key", "rotate", "--config", &fine],
        &["key", "rotate", "--new-key-file", &wrong, "--config", &fine],
        &["send", "--from", "ann", "--to", "b@c.de"],
        &["send", "--from", "a@b.c", "--to", "b@c.de", "--server", "127.0.0.1"],
        &["send", "--from", "a@b.c", "--to", "b@c.de", "--config", &fine],
        &["send", "--from", "a@b.c", "--to", "b@c.de", "--no-auth", "--config", &fine],
        &["import", "emailproxy", &old, "--config", "/nonexistent/new.toml"],
        &["import", "emailproxy", &fine],
        &["import", "pizauth", "/nonexistent"],
        &["import", "sasl-xoauth2", &old],
        &["demo", "--once", "--port-base", "65535"],
    ];
    for command in commands {
        let text = said(command, "");
        // Words of servers, and commands to be copied.
        let is_theirs = |line: &str| ["<", ">", "gatepost "].iter().any(|mark| line.trim_start().starts_with(mark));
        let own: String = text.lines().filter(|line| !is_theirs(line)).collect::<Vec<_>>().join("\n");
        let own: String = own.split('"').step_by(2).collect();
        assert!(!text.is_empty(), "{command:?}");
        assert_eq!(latin_sentence(&without_commands(&own)), None, "{command:?}:\n{text}");
        let english = said(&[*command, &["--lang", "en"]].concat(), "");
        assert!(english.is_ascii() || !english.contains(['。', 'の']), "{command:?}:\n{english}");
    }
}
