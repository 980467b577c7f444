//! The dialect of Python's configparser, as email-oauth2-proxy reads and writes it: no interpolation, `=` or `:`,
//! whole-line comments with `#` or `;`, values that go on in deeper indented lines, keys in any case.
//!
//! Written out here: the INI crates differ from it in just these points (comments behind values, values of one line,
//! backslashes, duplicate sections that are merged), and a multi-line key of a service account would be torn. What
//! Python refuses is refused with its line: a section or a key that is there twice, a line that is none of these.

use std::collections::{HashMap, HashSet};

/// A section whose keys count in every other.
const DEFAULTS: &str = "DEFAULT";
/// So many problems are told; the next ones come once these are mended.
const MOST_PROBLEMS: usize = 20;
/// More accounts and servers than anybody has; each account is held against each server.
const MOST_SECTIONS: usize = 10_000;

pub struct Ini {
    sections: Vec<Section>,
    index: HashMap<String, usize>,
    defaults: Section,
}

pub struct Section {
    pub name: String,
    /// 1-based.
    pub line: usize,
    pub entries: Vec<Entry>,
}

/// Values may be secrets: there is no `Debug`.
#[derive(Clone)]
pub struct Entry {
    pub key: String,
    pub value: String,
    /// 1-based.
    pub line: usize,
}

/// Line (1-based) and what is wrong there.
#[derive(Debug, PartialEq, Eq)]
pub struct Flaw {
    pub line: usize,
    pub text: String,
}

impl Section {
    fn new(name: &str, line: usize) -> Self {
        Self { name: name.to_owned(), line, entries: Vec::new() }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }
}

impl Ini {
    pub fn read(text: &str) -> Result<Self, Vec<Flaw>> {
        let mut reader = Reader::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (n, line) in text.split('\n').enumerate() {
            reader.line(n + 1, line.strip_suffix('\r').unwrap_or(line));
        }
        reader.end_value();
        if !reader.flaws.is_empty() {
            return Err(reader.flaws);
        }
        let mut sections = reader.sections;
        let defaults = sections.iter().position(|section| section.name == DEFAULTS).map(|at| sections.remove(at));
        let index = sections.iter().enumerate().map(|(n, section)| (section.name.clone(), n)).collect();
        Ok(Self { sections, index, defaults: defaults.unwrap_or_else(|| Section::new(DEFAULTS, 0)) })
    }

    /// Without the one for defaults.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.get(*self.index.get(name)?)
    }

    /// A key of a section that is there, from the defaults where the section has none.
    pub fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.section(section)?.entry(key).or_else(|| self.defaults.entry(key))
    }

    /// Sets or adds; the section is made where it is missing.
    pub fn set(&mut self, section: &str, entry: Entry) {
        let n = *self.index.entry(section.to_owned()).or_insert_with(|| {
            self.sections.push(Section::new(section, entry.line));
            self.sections.len() - 1
        });
        let Some(section) = self.sections.get_mut(n) else { return };
        section.entries.retain(|old| old.key != entry.key);
        section.entries.push(entry);
    }
}

#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    names: HashSet<String>,
    /// Of the section that is read.
    keys: HashSet<String>,
    /// The last key may go on in the next lines.
    open: bool,
    /// Of the last line that began something.
    indent: usize,
    flaws: Vec<Flaw>,
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) {
        let content = line.trim();
        let is_comment = content.starts_with(['#', ';']);
        if content.is_empty() || is_comment {
            // A comment inside a value is no part of it; an empty line is.
            if !is_comment && self.open {
                self.go_on("");
            }
            return;
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if self.open && indent > self.indent {
            return self.go_on(content);
        }
        self.indent = indent;
        self.end_value();
        match content.strip_prefix('[').and_then(|rest| rest.rsplit_once(']')) {
            Some((name, _)) if !name.is_empty() => self.section(number, name),
            _ => self.entry(number, content),
        }
    }

    fn section(&mut self, line: usize, name: &str) {
        self.keys.clear();
        if !self.names.insert(name.to_owned()) {
            let shown = crate::base::printable(name, 80);
            self.flaw(line, format!("the section [{shown}] is there twice"));
        }
        match self.sections.len() < MOST_SECTIONS {
            true => self.sections.push(Section::new(name, line)),
            false => self.flaw(line, format!("there are more than {MOST_SECTIONS} sections")),
        }
    }

    fn entry(&mut self, line: usize, content: &str) {
        let Some((key, value)) = content.split_once(['=', ':']).filter(|(key, _)| !key.trim().is_empty()) else {
            return self.flaw(line, "neither a [section] nor a `key = value`".to_owned());
        };
        let key = key.trim().to_lowercase();
        let twice = !self.keys.insert(key.clone());
        let Some(section) = self.sections.last_mut() else {
            return self.flaw(line, "there is no [section] above it".to_owned());
        };
        section.entries.push(Entry { key: key.clone(), value: value.trim().to_owned(), line });
        self.open = true;
        if twice {
            let shown = crate::base::printable(&key, 80);
            self.flaw(line, format!("`{shown}` is there twice in its section"));
        }
    }

    fn go_on(&mut self, content: &str) {
        if let Some(entry) = self.sections.last_mut().and_then(|section| section.entries.last_mut()) {
            entry.value.push('\n');
            entry.value.push_str(content);
        }
    }

    /// Empty lines behind a value are none of it.
    fn end_value(&mut self) {
        if std::mem::take(&mut self.open)
            && let Some(entry) = self.sections.last_mut().and_then(|section| section.entries.last_mut())
        {
            entry.value.truncate(entry.value.trim_end().len());
        }
    }

    fn flaw(&mut self, line: usize, text: String) {
        if self.flaws.len() < MOST_PROBLEMS {
            self.flaws.push(Flaw { line, text });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, section: &str, key: &str) -> Option<String> {
        let ini = Ini::read(text).unwrap_or_else(|flaws| panic!("{flaws:?}"));
        ini.entry(section, key).map(|entry| entry.value.clone())
    }

    fn flaws(text: &str) -> Vec<Flaw> {
        Ini::read(text).err().unwrap_or_default()
    }

    #[test]
    fn keys_have_any_case_and_either_sign_and_values_keep_theirs() {
        let text = "\u{feff}[a@b.c]\r\nClient_ID = x = y : Z\r\ntoken_url: https://e.c/t\r\nempty =\r\n";
        assert_eq!(value(text, "a@b.c", "client_id").as_deref(), Some("x = y : Z"));
        assert_eq!(value(text, "a@b.c", "token_url").as_deref(), Some("https://e.c/t"));
        assert_eq!(value(text, "a@b.c", "empty").as_deref(), Some(""));
        assert_eq!(value(text, "A@b.c", "client_id"), None, "names of sections have a case");
    }

    #[test]
    fn comments_are_whole_lines_and_nothing_is_unescaped() {
        let text = "[s]\n# no = 1\n  ; nor this\nkey = a # b ; %(c)s \"d\" \\n\n";
        assert_eq!(value(text, "s", "key").as_deref(), Some("a # b ; %(c)s \"d\" \\n"));
        assert_eq!(value(text, "s", "no"), None);
    }

    #[test]
    fn a_value_goes_on_in_deeper_lines_and_over_comments() {
        let text = "[s]\nkey = {\n\t\"a\": 1,\n# a remark\n\n   [not-a-section]\n}x = 2\n";
        assert_eq!(value(text, "s", "key").as_deref(), Some("{\n\"a\": 1,\n\n[not-a-section]"));
        assert_eq!(value(text, "s", "}x").as_deref(), Some("2"));
        assert_eq!(value("[s]\na = 1\n\n\n[t]\nb = 2\n", "s", "a").as_deref(), Some("1"));
    }

    #[test]
    fn defaults_count_in_every_section() {
        let text = "[DEFAULT]\nport = 1\n[s]\n[t]\nport = 2\n";
        assert_eq!(value(text, "s", "port").as_deref(), Some("1"));
        assert_eq!(value(text, "t", "port").as_deref(), Some("2"));
        assert_eq!(value(text, "u", "port"), None);
    }

    #[test]
    fn what_python_refuses_is_refused_with_its_line() {
        let found = flaws("key = 1\n[s]\na = 1\nA : 2\nnonsense\n[s]\n");
        let lines: Vec<_> = found.iter().map(|flaw| (flaw.line, flaw.text.as_str())).collect();
        assert_eq!(
            lines,
            [
                (1, "there is no [section] above it"),
                (4, "`a` is there twice in its section"),
                (5, "neither a [section] nor a `key = value`"),
                (6, "the section [s] is there twice"),
            ]
        );
        assert_eq!(flaws(&"x\n".repeat(1000)).len(), MOST_PROBLEMS);
        let many: String = (0..=MOST_SECTIONS).map(|n| format!("[{n}]\n")).collect();
        assert_eq!(flaws(&many).first().map(|flaw| flaw.line), Some(MOST_SECTIONS + 1));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[\\[\\]=:#; \ta-c\r\n\u{feff}é]{0,200}") {
            let _ = Ini::read(&text);
        }
    }
}
