//! Makes constants of the faults in the data files beside this, and refuses to build from data that is not right.
//!
//! What a reader of the data could get wrong is checked here, with file and id; what the words mean is for the tests.
#![allow(clippy::print_stdout)] // how a build script speaks to cargo

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    env,
    error::Error,
    fmt::Write,
    fs,
    path::Path,
};

use serde::Deserialize;

/// In the order of the docs.
const LAYERS: [&str; 7] = ["own", "token", "sign-on", "message", "session", "graph", "doctor"];
const KINDS: [&str; 7] =
    ["bad-credentials", "sign-in-needed", "unavailable", "identity-refused", "limited", "too-busy", "bug"];
const OWNERS: [&str; 7] = ["client", "user", "tenant-admin", "network-admin", "operator", "provider", "gatepost"];
const PLACES: [&str; 5] = ["sign-on", "message", "session", "log", "either"];
const PROTOCOLS: [&str; 3] = ["smtp", "imap", "pop3"];
/// The longest line that every client shows whole.
const TEXT_CAP: usize = 160;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    source: String,
    fault: Vec<Fault>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Fault {
    id: String,
    kind: String,
    owner: String,
    passes_by_itself: Option<bool>,
    #[serde(default)]
    stops_mailbox: bool,
    #[serde(default)]
    doctor_tells: bool,
    #[serde(default)]
    unheard: bool,
    #[serde(default)]
    no_trouble: bool,
    #[serde(default)]
    general: bool,
    source: Option<String>,
    text: String,
    #[serde(default)]
    aadsts: Vec<(u32, String)>,
    #[serde(default)]
    oauth: Vec<String>,
    #[serde(default)]
    graph: Vec<String>,
    graph_reply: Option<String>,
    #[serde(default)]
    replies: Vec<Pattern>,
    en: Said,
    ja: Said,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pattern {
    at: String,
    protocol: Option<String>,
    words: Vec<String>,
    #[serde(default)]
    general: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Said {
    cause: String,
    next: String,
    next_own: Option<String>,
    next_client: Option<String>,
    next_app_only: Option<String>,
    next_elsewhere: Option<String>,
    avoid: Option<String>,
}

/// A step that several faults have in common.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    en: String,
    ja: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("src/catalog/faults");
    println!("cargo:rerun-if-changed={}", folder.display());
    let listed = |file: &str, list: &str| -> Result<BTreeSet<String>, Box<dyn Error>> {
        let file = folder.with_file_name(file);
        println!("cargo:rerun-if-changed={}", file.display());
        Ok(strings_of(&fs::read_to_string(file)?, list))
    };
    let known = [listed("known.rs", "NAMES")?, listed("cases.rs", "CASES")?];
    let shared: BTreeMap<String, Shared> = toml::from_str(&fs::read_to_string(folder.join("shared.toml"))?)?;
    let (mut consts, mut statics, mut count) = (String::new(), String::new(), 0_usize);
    let mut taken = HashSet::new();
    for name in LAYERS {
        let file = format!("{name}.toml");
        let text = fs::read_to_string(folder.join(&file)).map_err(|error| format!("{file}: {error}"))?;
        let mut layer: Layer = toml::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
        writeln!(consts, "pub mod {} {{\n    use super::{{ALL, Entry}};", name.replace('-', "_"))?;
        for fault in &mut layer.fault {
            put_in(&mut fault.en, &shared, |step| &step.en);
            put_in(&mut fault.ja, &shared, |step| &step.ja);
        }
        for fault in &layer.fault {
            let wrong = |what: String| format!("{file}: {}: {what}", fault.id);
            flaws(fault, &known, &mut taken).map_or(Ok(()), |what| Err(wrong(what)))?;
            let constant = fault.id.to_uppercase().replace('-', "_");
            writeln!(consts, "    /// {}", fault.text)?;
            writeln!(consts, "    pub const {constant}: &Entry = &ALL[{count}];")?;
            statics.push_str(&entry(fault, name, &layer.source));
            count += 1;
        }
        consts.push_str("}\n");
    }
    let all =
        format!("/// Every fault, in the order of the docs.\npub static ALL: [Entry; {count}] = [\n{statics}];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("faults.rs"), consts + &all)?;
    Ok(())
}

/// What stands in a list of the source that reads the data.
fn strings_of(source: &str, list: &str) -> BTreeSet<String> {
    let list = source
        .split_once(&format!("const {list}"))
        .and_then(|(_, rest)| rest.split_once("];"))
        .map_or("", |(list, _)| list);
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The shared steps in the place of their names; one that there is not stays, and is found as a name that nobody fills in.
fn put_in(said: &mut Said, shared: &BTreeMap<String, Shared>, of: fn(&Shared) -> &String) {
    let Said { next, next_own, next_client, next_app_only, next_elsewhere, .. } = said;
    let of_some = [next_own, next_client, next_app_only, next_elsewhere].map(Option::as_mut);
    let texts = [Some(next)].into_iter().chain(of_some);
    for text in texts.flatten() {
        for (name, step) in shared {
            *text = text.replace(&format!("{{>{name}}}"), of(step));
        }
    }
}

/// What is wrong with the fault, if anything is. `taken`: what was seen before and may stand once.
fn flaws(fault: &Fault, known: &[BTreeSet<String>; 2], taken: &mut HashSet<String>) -> Option<String> {
    let spelled = |id: &str| id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let mut once = |what: &str, value: &str| {
        (!taken.insert(format!("{what} {}", value.to_lowercase()))).then(|| format!("{what} {value} stands twice"))
    };
    let one_of = |what: &str, value: &str, all: &[&str]| {
        (!all.contains(&value)).then(|| format!("{what} {value:?} is none of {all:?}"))
    };
    if fault.id.is_empty() || !spelled(&fault.id) {
        return Some("an id is lower case, digits and hyphens".to_owned());
    }
    let wire = fault.text.replace("{how}", "");
    if !wire.is_ascii() || wire.len() > TEXT_CAP || wire.contains(['\r', '\n', '{']) {
        return Some(format!("text is one line of ASCII of {TEXT_CAP} octets at most, and knows {{how}} alone"));
    }
    let mut found = vec![
        once("id", &fault.id),
        one_of("kind", &fault.kind, &KINDS),
        one_of("owner", &fault.owner, &OWNERS),
        words(&fault.en, &fault.ja, known),
    ];
    found.extend(fault.aadsts.iter().map(|(code, _)| once("AADSTS", &code.to_string())));
    found.extend(fault.oauth.iter().map(|word| once("OAuth word", word)));
    found.extend(fault.graph.iter().map(|code| once("Graph code", code)));
    for Pattern { at, protocol, words, .. } in &fault.replies {
        found.push(one_of("at", at, &PLACES));
        found.push(protocol.as_deref().and_then(|protocol| one_of("protocol", protocol, &PROTOCOLS)));
        found.push(once("reply", &format!("{at} {protocol:?} {words:?}")));
        let odd = words.is_empty() || words.iter().any(|word| word.is_empty() || *word != word.to_lowercase());
        found.push(odd.then(|| format!("words of a reply are lower case: {words:?}")));
    }
    found.into_iter().flatten().next()
}

/// Both languages say as much, with the same commands, and name nothing that cannot be filled in.
fn words(en: &Said, ja: &Said, [names, cases]: &[BTreeSet<String>; 2]) -> Option<String> {
    let marked = |text: &str| text.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
    let avoid = |said: &Said| said.avoid.clone().unwrap_or_default();
    let own = |said: &Said| said.next_own.clone().unwrap_or_default();
    let client = |said: &Said| said.next_client.clone().unwrap_or_default();
    let app_only = |said: &Said| said.next_app_only.clone().unwrap_or_default();
    let elsewhere = |said: &Said| said.next_elsewhere.clone().unwrap_or_default();
    for (what, en, ja) in [
        ("cause", en.cause.clone(), ja.cause.clone()),
        ("next", en.next.clone(), ja.next.clone()),
        ("next-own", own(en), own(ja)),
        ("next-client", client(en), client(ja)),
        ("next-app-only", app_only(en), app_only(ja)),
        ("next-elsewhere", elsewhere(en), elsewhere(ja)),
        ("avoid", avoid(en), avoid(ja)),
    ] {
        if en.is_empty() != ja.is_empty() || (["cause", "next"].contains(&what) && en.is_empty()) {
            return Some(format!("{what} is missing in one language"));
        }
        if [&en, &ja].iter().any(|text| text.matches('`').count() % 2 == 1) {
            return Some(format!("a backtick is left open in {what}"));
        }
        if marked(&en) != marked(&ja) {
            return Some(format!("{what} marks {:?} in English and {:?} in Japanese", marked(&en), marked(&ja)));
        }
        for name in [&en, &ja].iter().flat_map(|text| text.split('{').skip(1)).filter_map(|rest| rest.split_once('}')) {
            let is_name = name.0.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'>');
            if is_name && !names.contains(name.0) {
                return Some(format!("{what} wants {{{}}}, which nobody fills in", name.0));
            }
        }
        if cases_of(&en) != cases_of(&ja) {
            return Some(format!(
                "{what} is for {:?} in English and for {:?} in Japanese",
                cases_of(&en),
                cases_of(&ja)
            ));
        }
        if let Some(case) = cases_of(&en).into_iter().find(|case| !cases.contains(case.trim_start_matches("not "))) {
            return Some(format!("{what} has a clause for {case:?}, which is none of {cases:?}"));
        }
    }
    None
}

/// For which cases a text has clauses, in their order; of one that is left open, all of it.
fn cases_of(text: &str) -> Vec<&str> {
    let clauses = text.split('⟨').skip(1);
    clauses
        .map(|clause| {
            clause
                .split_once('⟩')
                .map_or(clause, |(clause, _)| clause.split_once("? ").map_or("of-another", |(case, _)| case))
        })
        .collect()
}

/// The fault as a row of the array.
fn entry(fault: &Fault, layer: &str, source: &str) -> String {
    let said = |said: &Said| {
        let Said { cause, next, next_own, next_client, next_app_only, next_elsewhere, avoid } = said;
        format!(
            "Said {{ cause: {cause:?}, next: {next:?}, next_own: {next_own:?}, next_client: {next_client:?}, \
             next_app_only: {next_app_only:?}, next_elsewhere: {next_elsewhere:?}, avoid: {avoid:?} }}"
        )
    };
    let temporary = ["unavailable", "limited", "too-busy"].contains(&fault.kind.as_str());
    let patterns: Vec<String> = fault.replies.iter().map(|row| pattern(row, fault.general)).collect();
    let reply = fault.graph_reply.as_ref().map(|reply| {
        let (code, enhanced) = reply.split_once(' ').unwrap_or((reply, ""));
        format!("({code}, {enhanced:?})")
    });
    format!(
        "    Entry {{ id: {:?}, kind: Kind::{}, owner: Owner::{}, passes_by_itself: {}, stops_mailbox: {}, doctor_tells: {}, \
         is_heard: {}, is_trouble: {}, layer: {:?}, \
         source: {:?}, text: {:?}, aadsts: &{:?}, oauth: &{:?}, graph: &{:?}, graph_reply: {}, replies: &[{}], en: {}, ja: {} }},\n",
        fault.id,
        camel(&fault.kind),
        camel(&fault.owner),
        fault.passes_by_itself.unwrap_or(temporary),
        fault.stops_mailbox,
        fault.doctor_tells,
        !fault.unheard,
        !fault.no_trouble,
        layer,
        fault.source.as_deref().unwrap_or(source),
        fault.text,
        fault.aadsts,
        fault.oauth,
        fault.graph,
        reply.map_or("None".to_owned(), |reply| format!("Some({reply})")),
        patterns.join(", "),
        said(&fault.en),
        said(&fault.ja),
    )
}

/// `general`: all rows of its fault are.
fn pattern(Pattern { at, protocol, words, general: alone }: &Pattern, general: bool) -> String {
    let protocol = protocol.as_ref().map_or("None".to_owned(), |name| format!("Some(Protocol::{})", camel(name)));
    format!(
        "Pattern {{ at: At::{}, protocol: {protocol}, words: &{words:?}, is_general: {} }}",
        camel(at),
        general || *alone
    )
}

/// `sign-in-needed` as the name of a variant.
fn camel(name: &str) -> String {
    let capital = |word: &str| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
    name.split('-').map(capital).collect()
}
