//! The file as text with places: what was written where, so that every problem has a line and a column.
//!
//! Reading ends in three things: the document (for places), the typed form of all that is sound, and the problems
//! of all that is not. A syntax error ends it early, for what the parser guessed behind one is noise.

use std::ops::Range;

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    key::{Key, Part},
    problem::{Problem, Severity},
    raw, shape,
};
use crate::base::printable;

/// As the parser says it.
const TWICE: &str = "duplicate key";
/// Of a key, in octets.
const KEY_SHOWN: usize = 80;

pub struct Document<'t> {
    text: &'t str,
    root: DeTable<'t>,
}

impl<'t> Document<'t> {
    /// `Err` holds syntax errors; otherwise whatever is unsound was left out of the typed form and is in the list.
    pub fn read(text: &'t str) -> Result<(Self, raw::File, Vec<Problem>), Vec<Problem>> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let document = Self { text, root: root.get_ref().clone() };
        if !errors.is_empty() {
            return Err(errors.iter().map(|e| document.syntax(e)).collect());
        }
        let (typed, problems) = document.typed(root);
        Ok((document, typed, problems))
    }

    /// All that is sound, in spite of syntax errors: behind one it may not be what was meant.
    pub fn salvage(text: &'t str) -> (Self, raw::File) {
        let (root, _) = DeTable::parse_recoverable(text);
        let document = Self { text, root: root.get_ref().clone() };
        let (typed, _) = document.typed(root);
        (document, typed)
    }

    fn typed(&self, mut root: Spanned<DeTable<'t>>) -> (raw::File, Vec<Problem>) {
        let mut problems = shape::prune(self, root.get_mut());
        let typed = raw::File::deserialize(toml::de::Deserializer::from(root)).unwrap_or_else(|error| {
            problems.push(self.syntax(&error));
            raw::File::default()
        });
        (typed, problems)
    }

    /// Whether the file says anything at this place, sound or not.
    pub fn has(&self, key: &Key) -> bool {
        self.depth(key).1 == key.parts().len()
    }

    /// The indices of a list of tables, sound or not.
    pub fn items(&self, list: &str) -> std::ops::Range<usize> {
        let found = self.root.iter().find(|(key, _)| key.get_ref() == list);
        0..found.and_then(|(_, value)| value.get_ref().as_array()).map_or(0, |items| items.len())
    }

    /// A problem at this place, or at the nearest one above it that the file has.
    pub fn problem(&self, severity: Severity, key: &Key, text: String, hint: Option<String>) -> Problem {
        self.at(self.depth(key).0, severity, key.clone(), text, hint)
    }

    /// A problem at a span.
    pub fn at(&self, span: Range<usize>, severity: Severity, key: Key, text: String, hint: Option<String>) -> Problem {
        let (line, column) = self.place(span.start);
        Problem { severity, line, column, key, text, hint }
    }

    fn syntax(&self, error: &toml::de::Error) -> Problem {
        let span = error.span().unwrap_or(0..0);
        let hint = Some(
            "in TOML a line is `key = \"text\"`, `key = 5`, `key = [\"a\", \"b\"]`, or a heading: `[console]`"
                .to_owned(),
        );
        // The parser says of a key that is there twice where it is, and not which.
        let key = Some(error.message()).filter(|said| *said == TWICE).and_then(|_| self.text.get(span.clone()));
        let text = match key {
            Some(key) => format!("not valid TOML: the key `{}` is there twice", printable(key, KEY_SHOWN)),
            None => format!("not valid TOML: {}", error.message()),
        };
        let hint = if key.is_some() { Some("remove one of the two".to_owned()) } else { hint };
        self.at(span, Severity::Error, Key::default(), text, hint)
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// The span of the deepest part of `key` that is in the file, and how many parts that were.
    fn depth(&self, key: &Key) -> (Range<usize>, usize) {
        let mut span = 0..0;
        let mut here = Here::Table(&self.root);
        for (n, part) in key.parts().iter().enumerate() {
            let Some((found, next)) = here.step(part) else { return (span, n) };
            span = found;
            here = next;
        }
        (span, key.parts().len())
    }
}

enum Here<'a> {
    Table(&'a DeTable<'a>),
    List(&'a [Spanned<DeValue<'a>>]),
    Leaf,
}

impl<'a> Here<'a> {
    fn step(&self, part: &Part) -> Option<(Range<usize>, Here<'a>)> {
        match (self, part) {
            (Here::Table(table), Part::Field(name)) => {
                let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
                Some((key.span(), Here::of(value.get_ref())))
            }
            (Here::List(list), Part::Item(index)) => {
                let value = list.get(*index)?;
                Some((value.span(), Here::of(value.get_ref())))
            }
            _ => None,
        }
    }

    fn of(value: &'a DeValue<'a>) -> Self {
        match value {
            DeValue::Table(table) => Here::Table(table),
            DeValue::Array(list) => Here::List(list),
            _ => Here::Leaf,
        }
    }
}
