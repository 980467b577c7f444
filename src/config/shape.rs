//! Holds what was written against the schema: unknown keys, wrong types, words outside a choice. All of them.
//!
//! serde stops at the first of these, so it gets a copy from which everything unsound was taken out.

use schemars::generate::SchemaSettings;
use serde_json::Value;
use toml::de::{DeInteger, DeTable, DeValue};

use super::{
    document::Document,
    key::Key,
    problem::{Problem, Severity},
    raw,
};

/// The JSON schema of the configuration, for editors and for [`prune`].
pub fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true).into_generator();
    generator.root_schema_for::<raw::File>().to_value()
}

/// Takes everything out of `table` that the schema does not allow, and says what and where it was.
pub fn prune(document: &Document, table: &mut DeTable) -> Vec<Problem> {
    let mut walk = Walk { document, problems: Vec::new() };
    walk.table(&Key::default(), table, &schema());
    walk.problems
}

/// `word` among `choices`, allowing for typing errors.
pub fn nearest<'a>(word: &str, choices: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    choices
        .into_iter()
        .map(|choice| (strsim::damerau_levenshtein(&word.to_lowercase().replace('_', "-"), choice), choice))
        .filter(|(distance, choice)| *distance <= 1 + choice.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, choice)| choice)
}

struct Walk<'d, 't> {
    document: &'d Document<'t>,
    problems: Vec<Problem>,
}

impl Walk<'_, '_> {
    fn table(&mut self, at: &Key, table: &mut DeTable, schema: &Value) {
        let written = std::mem::take(table);
        *table = written
            .into_iter()
            .filter_map(|(name, mut value)| {
                let key = at.field(name.get_ref());
                let sound = match member(schema, name.get_ref()) {
                    Some(inner) => self.value(&key, value.get_mut(), inner),
                    None => self.unknown(&key, name.get_ref(), schema),
                };
                sound.then_some((name, value))
            })
            .collect();
    }

    fn unknown(&mut self, key: &Key, name: &str, schema: &Value) -> bool {
        let names = members(schema);
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", names.join(", ")),
        };
        let text = format!("`{}` is not a known key", crate::base::printable(&key.to_string(), 120));
        self.problems.push(self.document.problem(Severity::Error, key, text, Some(hint)));
        false
    }

    /// Whether the value may stay.
    fn value(&mut self, key: &Key, value: &mut DeValue, schema: &Value) -> bool {
        let schema = without_null(schema);
        let (text, hint) = match (kind(schema), value) {
            ("object", DeValue::Table(table)) => {
                self.table(key, table, schema);
                return true;
            }
            ("array", DeValue::Array(list)) => {
                let items = schema.get("items").unwrap_or(&Value::Null);
                let sound: Vec<bool> = list
                    .iter_mut()
                    .enumerate()
                    .map(|(n, item)| self.value(&key.item(n), item.get_mut(), items))
                    .collect();
                return sound.iter().all(|sound| *sound);
            }
            ("string", DeValue::String(word)) => match wrong_word(word, schema) {
                None => return true,
                Some((text, hint)) => (format!("`{key}`: {text}"), hint),
            },
            ("date", DeValue::Datetime(day)) if day.date.is_some() && day.time.is_none() => return true,
            ("integer", DeValue::Integer(number)) => match wrong_number(number, schema) {
                None => return true,
                Some((text, hint)) => (format!("`{key}`: {text}"), hint),
            },
            ("boolean", DeValue::Boolean(_)) => return true,
            (wanted, found) => {
                let text = format!("`{key}` needs {}, this is {}", article(wanted), article(found.type_str()));
                (text, example(wanted))
            }
        };
        self.problems.push(self.document.problem(Severity::Error, key, text, hint));
        false
    }
}

pub(super) fn member<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    let open = schema.get("additionalProperties").filter(|s| s.is_object());
    schema.get("properties").and_then(|p| p.get(name)).or(open)
}

fn members(schema: &Value) -> Vec<&str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// `Option<T>` becomes "T or null" in a schema; TOML has no null.
pub(super) fn without_null(schema: &Value) -> &Value {
    let choices = schema.get("anyOf").and_then(Value::as_array);
    choices.and_then(|c| c.iter().find(|s| s.get("type").and_then(Value::as_str) != Some("null"))).unwrap_or(schema)
}

pub(super) fn kind(schema: &Value) -> &str {
    if schema.get("format").and_then(Value::as_str) == Some("date") {
        return "date";
    }
    match schema.get("type") {
        Some(Value::String(one)) => one,
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).find(|t| *t != "null").unwrap_or("anything")
        }
        _ => "anything",
    }
}

fn wrong_word(word: &str, schema: &Value) -> Option<(String, Option<String>)> {
    let choices: Vec<&str> = schema.get("enum")?.as_array()?.iter().filter_map(Value::as_str).collect();
    if choices.contains(&word) {
        return None;
    }
    let hint = match nearest(word, choices.iter().copied()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("one of: {}", choices.join(", ")),
    };
    Some((format!("\"{}\" is not a choice here", crate::base::printable(word, 60)), Some(hint)))
}

/// The schema has the range of each number; what is unsound here never reaches the checks.
fn wrong_number(number: &DeInteger, schema: &Value) -> Option<(String, Option<String>)> {
    let bound = |name: &str| schema.get(name).and_then(Value::as_i64).map(i128::from);
    let least = bound("minimum").unwrap_or(0);
    let most = bound("maximum").unwrap_or(match schema.get("format").and_then(Value::as_str) {
        Some("uint16") => i128::from(u16::MAX),
        Some("uint32") => i128::from(u32::MAX),
        // TOML's own integers end here.
        _ => i128::from(i64::MAX),
    });
    let value = i128::from_str_radix(number.as_str(), number.radix()).ok();
    let wrong = !value.is_some_and(|value| (least..=most).contains(&value));
    wrong.then(|| (format!("{number} is out of range"), Some(format!("from {least} to {most}"))))
}

fn article(kind: &str) -> &'static str {
    match kind {
        "object" | "table" => "a table",
        "array" => "a list",
        "string" => "a string",
        "date" | "datetime" => "a date",
        "integer" => "a whole number",
        "float" => "a number with a fraction",
        "boolean" => "true or false",
        _ => "something else",
    }
}

fn example(kind: &str) -> Option<String> {
    let example = match kind {
        "array" => "write it in brackets: [\"...\"]",
        "string" => "write it in quotes: \"...\"",
        "date" => "write it without quotes: 2027-05-01",
        "boolean" => "write true or false, without quotes",
        "integer" => "write digits, without quotes",
        _ => return None,
    };
    Some(example.to_owned())
}
