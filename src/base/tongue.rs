//! Sentences of English with holes, each with the same sentence in Japanese: for what is said in one place and read by
//! people, by programs and in the log, so that the English of it is what passes through the house.
//!
//! It refuses guesses: what fits no sentence stays as it is. What stands in a hole may be a sentence itself.

use super::with_id;

/// How deep a sentence stands in a sentence.
const DEEP: usize = 4;
/// Letters of its own that a sentence has where it is no accident that a text is one.
const ENOUGH: usize = 8;
/// The same where only a part of the text is one.
const PLENTY: usize = 16;
/// Joints that are tried from either end of a text.
const JOINTS: usize = 4;
/// Between two sentences, and between a thing and what is said of it.
const ENGLISH: [&str; 2] = ["; ", ": "];
const JAPANESE: [&str; 2] = ["。", ": "];
/// A hole with the words of somebody else, which stay.
const VERBATIM: &str = "reply";

/// What the system says, for whoever passes it on.
pub const OF_THE_SYSTEM: &str = include_str!("system.txt");

/// Of a file: a line of English, then the same in Japanese behind two blanks.
pub fn rows(file: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let mut english = None;
    let lines = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(move |line| match (line.strip_prefix("  "), english.take()) {
        (Some(japanese), Some(english)) => Some((english, japanese)),
        (Some(_), None) => None,
        (None, _) => {
            english = Some(line);
            None
        }
    })
}

/// Rows of files, to be found by their English, or the other way by their Japanese.
#[derive(Debug)]
pub struct Phrases {
    all: Vec<Phrase>,
    /// As they stand in what is read, and in what is told.
    joints: ([&'static str; 2], [&'static str; 2]),
}

#[derive(Debug)]
struct Phrase {
    /// What stands around the holes: one more than there are holes.
    around: Vec<&'static str>,
    holes: Vec<String>,
    /// The same in the other language, each hole with its name.
    told: String,
    /// Letters around its holes; one that is not of ASCII says as much as two.
    own: usize,
}

impl Phrases {
    /// The particular before the general: a sentence with more letters of its own is tried first.
    pub fn read(files: &[&'static str]) -> Self {
        let all = files.iter().flat_map(|file| rows(file));
        Self::of(all.map(|(english, japanese)| Phrase::new(english, japanese.to_owned())), (ENGLISH, JAPANESE))
    }

    /// To find the English of which something in Japanese was made.
    pub fn read_back(files: &[&'static str]) -> Self {
        let all = files.iter().flat_map(|file| rows(file));
        Self::of(all.map(|(english, japanese)| Phrase::new(japanese, named(english))), (JAPANESE, ENGLISH))
    }

    fn of(all: impl Iterator<Item = Phrase>, joints: ([&'static str; 2], [&'static str; 2])) -> Self {
        let mut all: Vec<Phrase> = all.collect();
        all.sort_by_key(|phrase| std::cmp::Reverse(phrase.around.iter().map(|part| part.len()).sum::<usize>()));
        Self { all, joints }
    }

    /// Whether the text is a sentence of the files, or two of which one is.
    pub fn knows(&self, text: &str) -> bool {
        let is_one = |text: &str, least| self.all.iter().any(|one| one.own >= least && one.found_in(text).is_some());
        let is_part = |joint: &&str| {
            // What is ours is at either end of what somebody pasted, however often that is joined.
            let mut places = text.match_indices(*joint).take(JOINTS).chain(text.rmatch_indices(*joint).take(JOINTS));
            places.any(|(at, _)| {
                text.split_at_checked(at).is_some_and(|(before, behind)| {
                    is_one(before, PLENTY) || is_one(behind.strip_prefix(*joint).unwrap_or_default(), PLENTY)
                })
            })
        };
        is_one(text, ENOUGH) || self.joints.0.iter().any(is_part)
    }

    /// The text in the other language, line by line; what is not known stays.
    pub fn told(&self, text: &str) -> String {
        let lines = text.split('\n').map(|line| {
            let sentence = line.trim_matches(' ');
            match self.with_id(sentence).or_else(|| self.line(sentence, DEEP)) {
                Some(told) => line.replacen(sentence, &told, 1),
                None => line.to_owned(),
            }
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The id of a fault stands behind its sentence, and is no part of what stands in the last hole of that.
    fn with_id(&self, text: &str) -> Option<String> {
        let (sentence, id) = text.strip_suffix(']')?.rsplit_once(" [")?;
        let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        Some(with_id(&self.line(sentence, DEEP).filter(|_| is_id)?, id))
    }

    fn line(&self, text: &str, deep: usize) -> Option<String> {
        let deep = deep.checked_sub(1)?;
        if text.is_empty() {
            return None;
        }
        let ([between, of_it], [joined, said]) = self.joints;
        self.whole(text, deep, false)
            .or_else(|| self.parted(text, between, joined, deep))
            .or_else(|| self.whole(text, deep, true))
            .or_else(|| self.parted(text, of_it, said, deep))
    }

    /// `is_loose`: also where a hole would hold more than one sentence.
    fn whole(&self, text: &str, deep: usize, is_loose: bool) -> Option<String> {
        self.all.iter().find_map(|phrase| {
            let found = phrase.found_in(text)?;
            let is_one = |(part, name): (&&str, &String)| {
                name == VERBATIM || joint(part, self.joints.0[0]).is_none() || self.whole(part, deep, false).is_some()
            };
            if !is_loose && !found.iter().zip(&phrase.holes).all(is_one) {
                return None;
            }
            let one = |(part, name): (&str, &String)| match name.as_str() {
                VERBATIM => part.to_owned(),
                _ => self.line(part, deep).unwrap_or_else(|| part.to_owned()),
            };
            let told: Vec<String> = found.into_iter().zip(&phrase.holes).map(one).collect();
            Some(phrase.filled(&told))
        })
    }

    /// Two sentences, or a thing and what is said of it.
    fn parted(&self, text: &str, by: &str, joined: &str, deep: usize) -> Option<String> {
        let (before, behind) = joint(text, by)?;
        let (first, second) = (self.line(before, deep), self.line(behind, deep));
        let is_known = first.is_some() || second.is_some();
        let word = |told: Option<String>, text: &str| told.unwrap_or_else(|| text.to_owned());
        is_known.then(|| format!("{}{joined}{}", word(first, before), word(second, behind)))
    }
}

/// What stands before and behind the first of these that is not within what somebody quotes.
fn joint<'t>(text: &'t str, by: &str) -> Option<(&'t str, &'t str)> {
    let is_outside = |before: &str| before.matches('"').count().is_multiple_of(2);
    let parts = text.match_indices(by).filter_map(|(at, _)| text.split_at_checked(at));
    let (before, behind) = parts.into_iter().find(|(before, _)| is_outside(before))?;
    Some((before, behind.strip_prefix(by)?))
}

/// With a name for each hole: its place, where it has none.
fn named(english: &str) -> String {
    let (mut out, mut rest, mut place) = (String::new(), english, 0);
    while let Some((before, behind)) = rest.split_once('{') {
        let Some((name, after)) = behind.split_once('}') else { break };
        let name = name.split(':').next().unwrap_or_default();
        out.push_str(before);
        out.push_str(&match name {
            "" => format!("{{{place}}}"),
            name => format!("{{{name}}}"),
        });
        (rest, place) = (after, place + 1);
    }
    out + rest
}

impl Phrase {
    fn new(read: &'static str, told: String) -> Self {
        let (mut around, mut holes) = (Vec::new(), Vec::new());
        let mut rest = read;
        while let Some((before, behind)) = rest.split_once('{') {
            let Some((name, after)) = behind.split_once('}') else { break };
            let name = name.split(':').next().unwrap_or_default();
            around.push(before);
            holes.push(if name.is_empty() { holes.len().to_string() } else { name.to_owned() });
            rest = after;
        }
        around.push(rest);
        let letters = around.iter().flat_map(|part| part.chars()).filter(|c| c.is_alphanumeric());
        let own = letters.map(|c| if c.is_ascii() { 1 } else { 2 }).sum();
        Self { around, holes, told, own }
    }

    /// What stands in the holes, if this is the sentence.
    fn found_in<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        let (first, others) = self.around.split_first()?;
        let Some((last, between)) = others.split_last() else { return (text == *first).then(Vec::new) };
        let mut rest = text.strip_prefix(first)?.strip_suffix(last)?;
        let mut found = Vec::new();
        for part in between {
            let (hole, behind) = rest.split_once(part)?;
            found.push(hole);
            rest = behind;
        }
        found.push(rest);
        found.iter().all(|hole| !hole.is_empty()).then_some(found)
    }

    fn filled(&self, told: &[String]) -> String {
        let pairs = self.holes.iter().zip(told);
        pairs.fold(self.told.clone(), |text, (name, told)| text.replacen(&format!("{{{name}}}"), told, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "# a remark\n`{key}` needs `{name}`\n  `{key}` には `{name}` が必要です\n\
                        cannot read {}: {error}\n  {0} を読み取れません（{error}）\n\
                        not found (os error 2)\n  見つかりません\ntry again\n  もう一度試してください\n`{key}` {why}\n  `{key}` {why}\n\
                        is off; so it is\n  はオフで、そのままです\nit said {reply}\n  応答: {reply}\n";

    #[test]
    fn a_sentence_is_found_by_its_words_and_what_is_in_its_holes_stays_or_is_a_sentence_itself() {
        let phrases = Phrases::read(&[ROWS]);
        for (en, ja) in [
            ("`app.x` needs `tenant`", "`app.x` には `tenant` が必要です"),
            ("cannot read /x: not found (os error 2)", "/x を読み取れません（見つかりません）"),
            ("cannot read /x: gone; try again", "/x を読み取れません（gone）。もう一度試してください"),
            ("/x: not found (os error 2)", "/x: 見つかりません"),
            ("`x` is off; so it is", "`x` はオフで、そのままです"),
            ("it said \"no; try again\"; try again", "応答: \"no; try again\"; try again"),
            ("cannot read /x: \"gone; try again\"", "/x を読み取れません（\"gone; try again\"）"),
            ("\"gone; try again\"", "\"gone; try again\""),
            ("it said no; try again", "応答: no; try again"),
            ("of another version", "of another version"),
            ("cannot read /x: gone [port-taken]", "/x を読み取れません（gone） [port-taken]"),
            ("  try again\nno\n", "  もう一度試してください\nno\n"),
        ] {
            assert_eq!(phrases.told(en), ja, "{en}");
        }
    }

    #[test]
    fn what_was_said_in_japanese_leads_back_to_its_english() {
        let (phrases, back) = (Phrases::read(&[ROWS]), Phrases::read_back(&[ROWS]));
        for english in [
            "`app.x` needs `tenant`",
            "cannot read /x: not found (os error 2)",
            "cannot read /x: gone; try again",
            "/x: not found (os error 2)",
            "it said no; try again",
        ] {
            assert_eq!(back.told(&phrases.told(english)), english);
        }
        for (text, is_known) in [
            ("cannot read /x: gone", true),
            ("/x: cannot read /x: gone", false),
            ("/x: no", false),
            ("/x を読み取れません（gone）", true),
            ("cannot write", false),
        ] {
            assert_eq!(phrases.knows(text) || back.knows(text), is_known, "{text}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_system_says_is_known_by_the_words_that_it_has() {
        let phrases = Phrases::read(&[OF_THE_SYSTEM]);
        let of_files = [1, 2, 5, 8, 11, 12, 13, 16, 17, 20, 21, 22, 23, 24, 27, 28, 30, 36, 39, 40, 116, 122];
        let of_connections = [32, 97, 98, 99, 100, 101, 103, 104, 107, 110, 111, 113];
        for code in of_files.into_iter().chain(of_connections) {
            let english = std::io::Error::from_raw_os_error(code).to_string();
            let told = phrases.told(&english);
            assert!(told != english && told.ends_with(&format!("(os error {code})")), "{english}: {told}");
        }
    }
}
