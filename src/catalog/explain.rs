//! Which fault a pasted text means: a code, an id, a reply, a line of the log, an answer of Entra ID or Graph.
//!
//! What is surest speaks first: our own id, then numbers and words that belong to one fault, then what a server says.
//! Where somebody tried a way by hand, what stands behind that way goes before how far it led.
//! A bare code of several faults is all of them. It refuses guesses; at most it says what looks alike.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD as CHALLENGE};

pub use super::codes::MICROSOFTS_PAGE;
use super::{
    ALL, At, Entry, Pattern,
    caused::caused,
    codes::word_beside,
    entra_code,
    filled::{Filled, filled},
    find, graph_code,
    matching::{self, meant, stands_in},
    of_kinds,
    own::SENDER_NOT_TOLD,
    replied::replied,
    tried::{Tried, Way, alerted, tried},
    whose,
};
use crate::base::{Lang, Protocol};

/// Of a text. What is meant stands in the first lines of anything that people paste.
const READ_CAP: usize = 64 * 1024;
/// Shorter numbers are codes of SMTP.
const AADSTS_DIGITS: usize = 5;
/// No id is longer, and comparing with each takes the square of the length.
const LONGEST_ID: usize = 64;
/// Before a number of Entra ID, on its pages, in its answers and in addresses.
const MARKS: [&str; 4] = ["AADSTS", "ERROR CODE", "ERRORCODE", "ERROR?CODE"];
/// Exchange answers a sign-on with this code and either of them: a policy, or the token (microsoft.md 1.3).
const SIGN_ON_REFUSED: (&str, &str) = ("535", "5.7.139");
/// As `strsim::jaro_winkler` has it, of 1.
const ALIKE: f64 = 0.86;
/// Of one word of it.
const ALIKE_WORD: f64 = 0.92;
/// A line of the log with the fault that was in the way, which is not all that it tells.
const GIVEN_UP: &str = "a notice about a failed message cannot be delivered either";
/// Of a line of the log.
pub const LEVELS: [&str; 5] = ["INFO", "DEBUG", "TRACE", "WARN", "ERROR"];
/// Named at most.
const ALIKE_CAP: usize = 5;

/// A fault that the text means.
#[derive(Debug)]
pub struct Found {
    pub entry: &'static Entry,
    /// What in the text says so.
    pub by: By,
}

impl Found {
    pub fn by_id(entry: &'static Entry) -> Self {
        Self { entry, by: By::Id(entry.id) }
    }
}

/// What tells a fault, for example `AADSTS53003 (blocked by Conditional Access)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    Id(&'static str),
    /// With Microsoft's name of it.
    Number(u32, &'static str),
    Graph(String),
    /// With the number beside it that nobody here knows.
    OAuth(String, Option<u32>),
    Code(String),
    /// Gatepost's own, without its id.
    Reply,
    /// Likewise: why it happened.
    Cause,
    Server,
    Log,
}

impl By {
    pub fn text(&self, lang: Lang) -> String {
        match (self, lang) {
            (By::Id(id), Lang::En) => format!("the id {id}"),
            (By::Id(id), Lang::Ja) => format!("ID {id}"),
            (By::Number(number, name), Lang::En) => format!("AADSTS{number} ({name})"),
            (By::Number(number, _), Lang::Ja) => format!("AADSTS{number}"),
            (By::Graph(code), Lang::En) => format!("the code {code} of Microsoft Graph"),
            (By::Graph(code), Lang::Ja) => format!("Microsoft Graph のコード {code}"),
            (By::OAuth(word, Some(number)), Lang::En) => {
                format!("the OAuth error {word}; {MICROSOFTS_PAGE}{number} explains AADSTS{number} beside it")
            }
            (By::OAuth(word, Some(number)), Lang::Ja) => {
                format!("OAuth のエラー {word}。AADSTS{number} の説明は {MICROSOFTS_PAGE}{number} にあります")
            }
            (By::OAuth(word, None), Lang::En) => format!("the OAuth error {word}"),
            (By::OAuth(word, None), Lang::Ja) => format!("OAuth のエラー {word}"),
            (By::Code(code), Lang::En) => format!("the code {code}"),
            (By::Code(code), Lang::Ja) => format!("コード {code}"),
            (By::Reply, Lang::En) => "the words of a reply of Gatepost".to_owned(),
            (By::Reply, Lang::Ja) => "Gatepost の応答の文言".to_owned(),
            (By::Cause, Lang::En) => "the cause in the words of Gatepost".to_owned(),
            (By::Cause, Lang::Ja) => "Gatepost が示す原因の文言".to_owned(),
            (By::Server, Lang::En) => "the words of the server".to_owned(),
            (By::Server, Lang::Ja) => "サーバーの応答".to_owned(),
            (By::Log, Lang::En) => "the words of the log".to_owned(),
            (By::Log, Lang::Ja) => "ログの文言".to_owned(),
        }
    }
}

/// All that the text may mean, none of them twice. Empty: nobody knows.
pub fn read(text: &str) -> Vec<Found> {
    let text = &challenged(cut(text));
    let mut found = match (ids(text), tried(text)) {
        (ids, _) if !ids.is_empty() => ids,
        (_, Some(tried)) => of_a_way(&tried),
        (_, None) => surest(text),
    };
    if found.is_empty() {
        found.extend(in_a_row(text).map(Found::by_id));
    }
    let mut seen = Vec::new();
    found.retain(|one| !seen.contains(&one.entry.id) && (seen.push(one.entry.id), true).1);
    found
}

/// What the surest of all that is known of texts says.
fn surest(text: &str) -> Vec<Found> {
    let ways: [fn(&str) -> Vec<Found>; 8] = [causes, numbers, graph, own, oauth, codes, replies, log];
    ways.iter().map(|way| way(text)).find(|found| !found.is_empty()).unwrap_or_default()
}

/// What stands behind it, and else what the way itself says. A page in the place of a server may hold any words, and no number
/// of Entra ID.
fn of_a_way(tried: &Tried) -> Vec<Found> {
    let behind = &tried.behind;
    let (mut found, entries, by) = match tried.way {
        Way::Fails(entries) => (numbers(behind), entries, By::Server),
        Way::Open { .. } | Way::Silenced { .. } => (surest(behind), alerted(behind), By::Log),
    };
    // Whom it was spoken to the way says.
    if is_of_ours_or_theirs(&found) {
        let is_ours = tried.connected.as_ref().is_some_and(|line| line.split_whitespace().any(whose::may_be_ours));
        found = found.into_iter().skip(usize::from(!is_ours)).take(1).collect();
    }
    let of_it = || entries.iter().map(|entry| Found { entry, by: by.clone() }).collect();
    if found.is_empty() { of_it() } else { found }
}

/// How far somebody came who tried the way by hand; `None`: the text is of something else.
pub fn way(text: &str) -> Option<Way> {
    tried(cut(text)).map(|tried| tried.way)
}

/// A number of Entra ID in the text that the catalogue does not know.
pub fn unknown_number(text: &str) -> Option<u32> {
    numbers_in(cut(text)).into_iter().find(|number| entra_code(*number).is_none())
}

/// Ids that look like what was typed, the most alike first.
pub fn alike(text: &str) -> Vec<&'static str> {
    if text.len() > LONGEST_ID {
        return Vec::new();
    }
    let typed = text.trim().to_lowercase().replace([' ', '_'], "-");
    if typed.len() < 4 {
        return Vec::new();
    }
    let close = |entry: &'static Entry| (strsim::jaro_winkler(entry.id, &typed), entry.id);
    let mut close: Vec<_> = ALL.iter().map(close).filter(|(how, id)| *how >= ALIKE || id.contains(&typed)).collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0));
    let close: Vec<_> = close.into_iter().map(|(_, id)| id).take(ALIKE_CAP).collect();
    if close.is_empty() { by_words(&typed) } else { close }
}

/// Ids with words of it, those with the most first; where there is none, faults whose cause has all of them.
fn by_words(typed: &str) -> Vec<&'static str> {
    let words: Vec<&str> = typed.split('-').filter(|word| word.len() >= 4).collect();
    let of_id = |entry: &'static Entry| {
        let has = |word: &&&str| entry.id.split('-').any(|part| strsim::jaro_winkler(part, word) >= ALIKE_WORD);
        (words.iter().filter(has).count(), entry.id)
    };
    let mut found: Vec<_> = ALL.iter().map(of_id).filter(|(how_many, _)| *how_many > 0).collect();
    found.sort_by_key(|(how_many, _)| std::cmp::Reverse(*how_many));
    if found.is_empty() && !words.is_empty() {
        let has_all = |entry: &&Entry| {
            let cause = entry.en.cause.to_lowercase();
            words.iter().all(|word| cause.contains(word))
        };
        found.extend(ALL.iter().filter(has_all).map(|entry| (0, entry.id)));
    }
    found.into_iter().map(|(_, id)| id).take(ALIKE_CAP).collect()
}

/// With what a server says of a refused token in plain: it comes as a challenge in base64 (SASL XOAUTH2, RFC 4954 4).
fn challenged(text: &str) -> Cow<'_, str> {
    let plain = |line: &str| {
        let word = ["334 ", "+ "].iter().find_map(|mark| line.strip_prefix(mark)).unwrap_or(line);
        let told = String::from_utf8(CHALLENGE.decode(word.trim().trim_end_matches('=')).ok()?).ok()?;
        told.trim_start().starts_with('{').then_some(told)
    };
    match text.lines().find_map(|line| plain(line.trim())) {
        Some(told) => format!("{text}\n{told}").into(),
        None => text.into(),
    }
}

fn cut(text: &str) -> &str {
    let end = (0..=READ_CAP.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    text.get(..end).unwrap_or_default()
}

fn tokens<'t>(text: &'t str, also: &'static str) -> impl Iterator<Item = &'t str> {
    text.split(move |c: char| !c.is_ascii_alphanumeric() && !also.contains(c)).filter(|token| !token.is_empty())
}

/// What the daemon that wrote a line of the log knew, by what it said to do about this fault. Of what is quoted in a field no
/// quote is left bare, and the message stands ahead of the fields: so the last one is ours.
pub fn filled_in(text: &str, entry: &Entry) -> Filled {
    let is_of_it = |line: &&str| is_of_the_log(line) && marked(line).is_some_and(|one| one.id == entry.id);
    let advice = cut(text).lines().filter(is_of_it).find_map(|line| {
        let (_, written) = at_advice(line)?;
        // Both forms of the log escape alike what stands in a step.
        serde_json::Deserializer::from_str(written).into_iter::<String>().next()?.ok()
    });
    advice.map(|step| filled(entry, &step)).unwrap_or_default()
}

/// By its form, which a server can write as well.
fn is_of_the_log(line: &str) -> bool {
    let ours = unquoted(line);
    let has_level = || ours.split_ascii_whitespace().any(|word| LEVELS.contains(&word));
    line.trim_end().ends_with('}') || protocol_of(&ours).is_none() && has_level()
}

/// A line without what it says to do, which tells nothing of what happened. A notice says it in its text.
pub fn without_advice(line: &str) -> &str {
    if line.contains(" event=\"") || line.contains("\"event\":") {
        return "";
    }
    at_advice(line).map_or(line, |(said, _)| said)
}

/// Ahead of it, and as it is written.
fn at_advice(line: &str) -> Option<(&str, &str)> {
    let is_json = line.trim_end().ends_with('}');
    line.rsplit_once(if is_json { "\"next\":" } else { " next=" }).filter(|(_, written)| written.starts_with('"'))
}

/// `[gatepost smtp-auth-disabled-tenant]`, the field `id` of a line of the log, and the id by itself where the text begins
/// with it. Anywhere else it may be a part of an address, or what a server quotes.
fn ids(text: &str) -> Vec<Found> {
    let marked: Vec<_> = text.lines().filter_map(marked).collect();
    let bare = || first_word(text).and_then(|word| id_of(word.trim_matches([':', ',', '.', '`', '"'])));
    let known = if marked.is_empty() { bare().into_iter().collect() } else { marked };
    let is_given_up = !known.is_empty() && text.contains(GIVEN_UP);
    let untold = is_given_up.then_some(Found { entry: SENDER_NOT_TOLD, by: By::Log });
    known.into_iter().map(Found::by_id).chain(untold).collect()
}

/// The one that stands by itself in a row of a table of ours, where nobody knows anything else of it.
fn in_a_row(text: &str) -> Option<&'static Entry> {
    let mut ids = text.split_whitespace().filter(|word| word.contains('-')).filter_map(find);
    ids.next().filter(|id| ids.all(|other| other.id == id.id))
}

/// Japanese goes on without a blank.
fn first_word(text: &str) -> Option<&str> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '、' | '（')).find(|word| !word.is_empty())
}

fn id_of(word: &str) -> Option<&'static Entry> {
    find(&word.to_ascii_lowercase())
}

/// The id that a line gives itself. What others said stands in quotes there, and before our own word at the end of a reply,
/// whose last line that is.
fn marked(line: &str) -> Option<&'static Entry> {
    let is_followed = line.as_bytes().get(3) == Some(&b'-') && line.bytes().take(3).all(|byte| byte.is_ascii_digit());
    if is_followed {
        return None;
    }
    let ours = unquoted(line);
    field(line, &ours).or_else(|| in_brackets(&ours)).or_else(|| in_brackets(line))
}

/// With spaces in the place of what stands in quotes.
fn unquoted(line: &str) -> String {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let blank = |c: char| {
        let was_quoted = is_quoted;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        if was_quoted || is_quoted { " ".repeat(c.len_utf8()) } else { c.to_string() }
    };
    line.chars().map(blank).collect()
}

/// `id="..."`, and `fault="..."` of what people were told; in JSON, which no reply is, `"id":"..."`. `ours`: the line
/// without what is quoted.
fn field(line: &str, ours: &str) -> Option<&'static Entry> {
    ["id", "fault"].into_iter().find_map(|name| {
        let of_text = format!(" {ours}").find(&format!(" {name}=")).and_then(|at| line.get(at + name.len() + 1..));
        let of_json = || Some(line.split_once(&format!("\"{name}\":"))?.1).filter(|_| protocol_of(line).is_none());
        let value = of_text.or_else(of_json)?;
        id_of(value.trim_start_matches([' ', '"']).split(|c: char| c != '-' && !c.is_ascii_alphanumeric()).next()?)
    })
}

/// The last of them.
fn in_brackets(text: &str) -> Option<&'static Entry> {
    let behind = text.rsplit('[').filter_map(|behind| behind.split_once(']'));
    behind.map(|(word, _)| word.trim_start_matches("gatepost ")).find_map(id_of)
}

fn numbers_in(text: &str) -> Vec<u32> {
    let bare = text.trim();
    if bare.len() >= AADSTS_DIGITS && bare.bytes().all(|b| b.is_ascii_digit()) {
        return bare.parse::<u32>().into_iter().collect();
    }
    let upper = text.to_ascii_uppercase();
    let marked = |mark: &'static str| upper.match_indices(mark).map(|(at, mark)| at + mark.len());
    let mut places: Vec<usize> = MARKS.into_iter().flat_map(marked).collect();
    places.sort_unstable();
    let named = places.into_iter().filter_map(|at| number_at(upper.get(at..)?));
    let listed = text.split_once("error_codes").and_then(|(_, rest)| rest.split_once(']')).map_or("", |(list, _)| list);
    named.chain(tokens(listed, "").filter_map(|token| token.parse().ok())).collect()
}

/// Behind `AADSTS`, `Error code: `, `error?code=`.
fn number_at(behind: &str) -> Option<u32> {
    let digits = behind.trim_start_matches([' ', ':', '=', '#', '"']);
    let digits = digits.get(..digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len()))?;
    (digits.len() >= AADSTS_DIGITS).then(|| digits.parse().ok())?
}

fn numbers(text: &str) -> Vec<Found> {
    let known = numbers_in(text).into_iter().filter_map(|number| {
        let (entry, name) = entra_code(number)?;
        Some(Found { entry, by: By::Number(number, name) })
    });
    // As in an answer of Entra: the first one counts.
    known.take(1).collect()
}

fn graph(text: &str) -> Vec<Found> {
    let known = tokens(text, "_").filter_map(|token| graph_code(token).map(|(entry, _)| (entry, token)));
    known.map(|(entry, code)| Found { entry, by: By::Graph(code.to_owned()) }).take(1).collect()
}

fn own(text: &str) -> Vec<Found> {
    replied(text).into_iter().map(|entry| Found { entry, by: By::Reply }).collect()
}

fn causes(text: &str) -> Vec<Found> {
    caused(text).map(|entry| Found { entry, by: By::Cause }).into_iter().collect()
}

/// The most particular word of an answer stands last (`error_subtype`).
fn oauth(text: &str) -> Vec<Found> {
    let unknown = unknown_number(text);
    let known = tokens(text, "_").filter_map(|token| Some((word_beside(token, unknown.is_some())?, token)));
    let found = known.last().map(|(entry, word)| Found { entry, by: By::OAuth(word.to_owned(), unknown) });
    found.into_iter().collect()
}

/// `5.7.139`, `535 5.7.139` and `-ERR [AUTH]`, with no words: every fault that has this code, ours first.
fn codes(text: &str) -> Vec<Found> {
    let is_code = |token: &str| token.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let ours = of_kinds::faults(text).into_iter().map(|entry| Found { entry, by: By::Code(text.trim().to_owned()) });
    let all: Vec<&str> = text.split_whitespace().collect();
    if all.is_empty() || !all.iter().all(|token| is_code(token)) {
        return ours.collect();
    }
    let enhanced = all.iter().find(|token| token.contains('.')).or(all.first()).copied().unwrap_or_default();
    let has = |entry: &&Entry| {
        let mut words = entry.replies.iter().flat_map(|pattern| pattern.words);
        let is_meant = |word: &str| stands_in(word, enhanced) || (enhanced, word) == SIGN_ON_REFUSED;
        words.any(|word| matching::is_code(word) && is_meant(word))
    };
    ours.chain(ALL.iter().filter(has).map(|entry| Found { entry, by: By::Code(enhanced.to_owned()) })).collect()
}

/// What a server says, at whatever stage. A code tells more than a word, and the particular more than the general.
fn replies(text: &str) -> Vec<Found> {
    let protocol = protocol_of(text);
    let at = |at| matching::told(at, protocol, text, |_| true);
    let has_code = |pattern: &Pattern| pattern.words.iter().any(|word| matching::is_code(word));
    let mut found: Vec<_> = [At::SignOn, At::Message, At::Session].into_iter().filter_map(at).collect();
    if found.iter().any(|(_, pattern)| has_code(pattern)) {
        found.retain(|(_, pattern)| has_code(pattern));
    }
    if found.iter().any(|(_, pattern)| !pattern.is_general) {
        found.retain(|(_, pattern)| !pattern.is_general);
    }
    found.into_iter().map(|(entry, _)| Found { entry, by: By::Server }).collect()
}

/// By the form of a reply, alone or in a line of the log. `None`: words without a form may be of any.
pub fn protocol_of(text: &str) -> Option<Protocol> {
    let said = text.split_once("said \"").map_or(text, |(_, said)| said).trim_start();
    let mut words = said.split_ascii_whitespace();
    let (first, second) = (words.next()?, words.next().unwrap_or_default());
    let code = first.get(..3).is_some_and(|code| code.bytes().all(|b| b.is_ascii_digit()));
    let is_reply = code && first.get(3..).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'));
    match first {
        _ if is_reply => Some(Protocol::Smtp),
        "-ERR" | "+OK" => Some(Protocol::Pop3),
        _ if matches!(second, "NO" | "BAD" | "BYE") => Some(Protocol::Imap),
        _ => None,
    }
}

fn log(text: &str) -> Vec<Found> {
    let all = whose::all(text, meant(At::Log, None, text, |_| true));
    all.into_iter().map(|entry| Found { entry, by: By::Log }).collect()
}

/// Whether each of these is told of, rather than one of them.
pub fn are_all_told(found: &[Found]) -> bool {
    found.iter().any(|one| matches!(one.by, By::Id(_)))
}

/// Whether these are two of which the one is about us, and the other about the mail server.
pub fn is_of_ours_or_theirs(found: &[Found]) -> bool {
    let [ours, theirs] = found else { return false };
    whose::is_pair(ours.entry, theirs.entry)
}

#[cfg(test)]
mod tests;
