//! Commands that a page says to type: ours are parsed by the command line itself, those of Exchange Online and Microsoft Graph
//! PowerShell are held against the cmdlets and parameters that are known.

use clap::{Parser, error::ErrorKind};
use gatepost::{
    base::Lang,
    catalog::{self, Known},
    cli::Cli,
};

use super::{
    documents,
    markdown::{blocks, spans},
    text,
};

/// Words as a shell parts them, as far as the guides need it; what a shell acts on (`|`, `&&`, `;`, `>`) stands alone.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars().peekable();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            // What a command within prints is one word.
            (None, '(') if word.as_ref().is_some_and(|word| word.ends_with('$')) => quote = Some(')'),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ' ' | '\n') => words.extend(word.take()),
            (None, '|' | ';' | '>' | '<' | '&') => {
                words.extend(word.take());
                words.push(c.to_string());
                while letters.next_if_eq(&c).is_some() {}
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// `<address>` is what a person puts in, and no redirection.
fn filled_in(line: &str) -> String {
    let mut parts = line.split('<');
    let first = parts.next().unwrap_or_default().to_owned();
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    parts.fold(first, |line, part| match part.split_once('>').filter(|(name, _)| is_name(name)) {
        Some((name, rest)) => line + name + rest,
        None => line + "<" + part,
    })
}

/// Each call of Gatepost in a line, with its arguments: alone, behind a runner (`sudo -u gatepost`), or handed to a shell.
pub(super) fn calls(line: &str) -> Vec<Vec<String>> {
    let words = words(&filled_in(line));
    let mut calls: Vec<_> =
        words.iter().filter(|word| word.contains("gatepost ")).flat_map(|word| calls(word)).collect();
    for (at, word) in words.iter().enumerate() {
        let ours = word == "gatepost" || word == "/usr/bin/gatepost";
        let Some(next) = words.get(at + 1).filter(|_| ours) else { continue };
        // A service, a container or a user may have the same name.
        if next != "gatepost" && next.starts_with(|c: char| c.is_ascii_lowercase()) {
            let ends = |word: &String| ["|", ";", ">", "<", "&"].contains(&word.as_str());
            calls.push(words[at..].iter().take_while(|word| !ends(word)).cloned().collect());
        }
    }
    calls
}

/// Whether a span of a sentence is a call with all that it needs; else it is only named.
pub(super) fn is_a_call(span: &str) -> bool {
    let calls = if span.starts_with('[') { Vec::new() } else { calls(span) };
    !calls.is_empty() && calls.iter().all(|call| Cli::try_parse_from(call).is_ok())
}

/// `whole`: with all that it needs; else it is only named.
fn assert_is_taken(document: &str, call: &[String], whole: bool) {
    let Err(error) = Cli::try_parse_from(call) else { return };
    if error.kind() == ErrorKind::DisplayHelp && call.iter().any(|word| word == "--help") {
        return;
    }
    let named = [
        ErrorKind::MissingRequiredArgument,
        ErrorKind::MissingSubcommand,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ErrorKind::DisplayHelp,
    ];
    assert!(!whole && named.contains(&error.kind()), "{document}: {}: {error}", call.join(" "));
}

#[test]
fn every_command_of_the_documents_is_one_that_the_command_line_takes() {
    let mut seen = 0;
    for document in documents() {
        let page = text(&document);
        for block in blocks(&page).into_iter().filter(|block| ["", "sh"].contains(&block.kind.as_str())) {
            let block = block.text.replace("\\\n", " ");
            // A reply names a command within its sentence.
            for call in block.lines().filter(|line| !line.contains("[gatepost ")).flat_map(calls) {
                assert_is_taken(&document, &call, true);
                seen += 1;
            }
        }
        for call in spans(&page).iter().filter(|span| span.starts_with("gatepost ")).flat_map(|span| calls(span)) {
            assert_is_taken(&document, &call, false);
            seen += 1;
        }
    }
    assert!(seen > 300, "{seen}");
}

/// In each of the forms that a step has, with what is not known as its docs have it.
#[test]
fn every_command_of_a_step_is_one_that_the_command_line_takes_as_it_stands() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for entry in catalog::all() {
        for lang in Lang::ALL {
            let told = [(None, true), (Some(false), false), (Some(true), false)].map(|(is_app_only, is_in_general)| {
                entry.told(lang, &Known { is_app_only, is_in_general, ..Known::default() }).next
            });
            for call in told.iter().flat_map(|next| spans(next)).filter(|span| span.starts_with("gatepost ")) {
                let words = call.split(' ').map(str::to_owned);
                let taken = Cli::try_parse_from(words.collect::<Vec<String>>());
                let error = taken.err().filter(|error| error.kind() != ErrorKind::DisplayHelp);
                wrong.extend(error.map(|error| format!("{}: {call}: {error}", entry.id)));
                seen += 1;
            }
        }
    }
    assert!(seen > 100 && wrong.is_empty(), "{seen}: {}", wrong.join("\n"));
}

#[test]
fn calls_are_found_behind_runners_and_in_pipes() {
    let found = |line| calls(line).iter().map(|call| call[1..].join(" ")).collect::<Vec<_>>();
    assert_eq!(found("ssh host sudo -u gatepost gatepost console    # a link"), ["console"]);
    assert_eq!(found("openssl rand 9 | gatepost password --stdin > x"), ["password --stdin"]);
    assert_eq!(found("gatepost config check && sudo systemctl reload gatepost"), ["config check"]);
    assert_eq!(
        found("as-gatepost sh -c 'gatepost import emailproxy $D/old --write'"),
        ["import emailproxy $D/old --write"]
    );
    assert_eq!(found("docker run -d --name gatepost --read-only gatepost"), Vec::<String>::new());
    assert_eq!(found("gatepost login <address> < x"), ["login address"]);
    assert_eq!(found("gatepost login '*@contoso.com'"), ["login *@contoso.com"]);
    assert_eq!(found("gatepost backup /var/gatepost-$(date +%F).db"), ["backup /var/gatepost-$date +%F.db"]);
}

/// Cmdlets and their parameters, from what Microsoft documents.
fn cmdlets() -> Vec<(String, Vec<String>)> {
    let modules: toml::Table = text("tests/corpus/cmdlets.toml").parse().unwrap();
    let cmdlets = modules.iter().filter(|(module, _)| *module != "all").flat_map(|(_, of)| of.as_table().unwrap());
    let bare = |parameter: &toml::Value| parameter.as_str().unwrap().trim_end_matches(['!', '?']).to_owned();
    cmdlets.map(|(name, takes)| (name.clone(), takes.as_array().unwrap().iter().map(bare).collect())).collect()
}

/// Verb, hyphen, noun: `Set-CASMailbox`.
fn is_cmdlet(word: &str) -> bool {
    let Some((verb, noun)) = word.split_once('-') else { return false };
    ["Add", "Connect", "Format", "Get", "New", "Remove", "Set", "Where", "Grant", "Update"].contains(&verb)
        && noun.starts_with(|c: char| c.is_ascii_uppercase())
        && noun.chars().all(|c| c.is_ascii_alphanumeric())
}

fn assert_is_known(document: &str, script: &str) -> usize {
    let (mut seen, cmdlets) = (0, cmdlets());
    // What stands in quotes is a value; a backtick or a pipe at the end of a line goes on in the next.
    let script: String = script.split(['\'', '"']).step_by(2).collect::<Vec<_>>().join("VALUE");
    for command in script.replace("`\n", " ").split(['\n', '|', '{', '}', ';', '=', '(']) {
        let mut words = command.split_whitespace();
        let Some(cmdlet) = words.find(|word| is_cmdlet(word)) else { continue };
        let known = cmdlets.iter().find(|(name, _)| name == cmdlet);
        let (_, parameters) = known.unwrap_or_else(|| panic!("{document}: {cmdlet} is not known: {command}"));
        for parameter in words.filter_map(|word| word.strip_prefix('-')) {
            assert!(parameters.iter().any(|known| known == parameter), "{document}: {cmdlet} has no -{parameter}");
        }
        seen += 1;
    }
    seen
}

#[test]
fn every_cmdlet_of_the_documents_is_known_with_its_parameters() {
    let mut seen = 0;
    for document in documents() {
        let page = text(&document);
        let blocks = blocks(&page);
        for block in blocks.iter().filter(|block| block.kind == "powershell") {
            seen += assert_is_known(&document, &block.text);
        }
        // The pages of the faults have each command in a block of its own, whatever it is typed into.
        let plain = blocks.iter().filter(|block| block.kind.is_empty()).flat_map(|block| block.text.lines());
        for line in plain.map(str::trim).filter(|line| line.split(' ').next().is_some_and(is_cmdlet)) {
            seen += assert_is_known(&document, line);
        }
        for span in spans(&page).iter().filter(|span| span.split(' ').next().is_some_and(is_cmdlet)) {
            seen += assert_is_known(&document, span);
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
#[should_panic(expected = "has no -SmtpAuthDisabled")]
fn a_parameter_that_does_not_exist_is_noticed() {
    assert_is_known("page", "Set-CASMailbox ann@contoso.com -SmtpAuthDisabled $false");
}
