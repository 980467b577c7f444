//! A file that is refused, for whoever helps: its keys, and the values that are no secret for certain.
//!
//! What is refused is often a secret under a misspelled key, or in the place of something else. So a value is shown only
//! if the schema knows its key, the key is none of a secret, and the value is of the kind that the key wants. Comments go.
//! A file that is no TOML is not shown at all: nobody knows where a value begins there.

use std::path::Path;

use serde_json::Value as Json;
use toml::{Table, Value};

use super::{read, shape};

const MASK: &str = "[hidden]";
/// Keys whose value is a secret, or may hold one: a URL with a password in it, arguments of a program.
const SECRET: &[&str] = &[
    "authorize-extra",
    "client-secret",
    "command",
    "http-proxy",
    "mail-proxy",
    "password",
    "service-account-key",
    "sign-in-password",
    "url",
    "webhook",
];
/// Where `key` is a secret; elsewhere it is a file.
const SEALS: &str = "store";

/// The file without secrets, and the values that were left out of it; `None`: it cannot be read, or is no TOML.
pub fn outline(file: &Path) -> Option<(String, Vec<String>)> {
    let table: Table = read(file).ok()?.parse().ok()?;
    let (mut hidden, schema) = (Vec::new(), shape::schema());
    let shown = table_of("", table, &schema, &mut hidden);
    // Short words stand everywhere, and none of them is a secret that holds.
    hidden.retain(|value| value.len() >= 4);
    Some((toml::to_string(&shown).ok()?, hidden))
}

fn table_of(name: &str, table: Table, schema: &Json, hidden: &mut Vec<String>) -> Table {
    let one = |(key, value): (String, Value)| {
        let is_secret = SECRET.contains(&key.as_str()) || (name == SEALS && key == "key");
        let known = shape::member(schema, &key).filter(|_| !is_secret).map(shape::without_null);
        let shown = shown(&key, value, known, hidden);
        (key, shown)
    };
    table.into_iter().map(one).collect()
}

/// `known`: what the schema wants here, if anything may be shown.
fn shown(key: &str, value: Value, known: Option<&Json>, hidden: &mut Vec<String>) -> Value {
    let wants = |kind: &str| known.is_some_and(|schema| shape::kind(schema) == kind);
    match value {
        Value::Table(table) => Value::Table(table_of(key, table, known.unwrap_or(&Json::Null), hidden)),
        Value::Array(list) => {
            let items = known.and_then(|schema| schema.get("items")).map(shape::without_null);
            list.into_iter().map(|item| shown(key, item, items, hidden)).collect::<Vec<_>>().into()
        }
        Value::String(text) if !wants("string") || !is_choice(&text, known) || has_login(&text) => {
            hidden.push(text);
            MASK.into()
        }
        Value::Integer(number) if !wants("integer") => {
            hidden.push(number.to_string());
            MASK.into()
        }
        Value::Float(number) => {
            hidden.push(number.to_string());
            MASK.into()
        }
        harmless => harmless,
    }
}

/// One of those that there are, where there are some to choose from.
fn is_choice(text: &str, known: Option<&Json>) -> bool {
    let choices = known.and_then(|schema| schema.get("enum")?.as_array());
    choices.is_none_or(|choices| choices.iter().any(|choice| choice.as_str() == Some(text)))
}

/// A URL with a user in it.
pub(super) fn has_login(text: &str) -> bool {
    text.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outlined(text: &str) -> Option<(String, Vec<String>)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        outline(file.path())
    }

    #[test]
    fn what_is_known_to_be_no_secret_is_shown_and_everything_else_is_not() {
        let text = "# hunter2-comment\n[store]\nkey = \"hunter2-key\"\nkey-file = \"/etc/key\"\n[app.contoso]\n\
                    client-id = \"c-1\"\nclient-secert = \"hunter2-misspelled\"\nclient-secret = \"hunter2-secret\"\n\
                    tenant = [\"hunter2-list\"]\ntoken-url = \"https://u:hunter2-url@x/\"\npkce = true\ngrant = \"device-code\"\n\
                    rotation = \"hunter2-choice\"\n\
                    [[account]]\naddress = \"ann@contoso.com\"\npassword = 20002222\n\
                    limits = { connections = \"hunter2-number\", messages-per-minute = 5 }\n[what]\never = \"hunter2-x\"\n";
        let (shown, hidden) = outlined(text).unwrap();
        for part in [
            "c-1",
            "device-code",
            "ann@contoso.com",
            "/etc/key",
            "client-secert = \"[hidden]\"",
            "messages-per-minute = 5",
        ] {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        assert!(!shown.contains("hunter2") && !shown.contains("20002222"), "{shown}");
        assert_eq!(hidden.iter().filter(|value| value.contains("hunter2")).count(), 8, "{hidden:?}");
        assert!(toml::from_str::<Table>(&shown).is_ok());
    }

    #[test]
    fn a_file_that_is_no_toml_is_not_shown() {
        assert!(outlined("client-secret = hunter2\n").is_none());
        assert!(outline(Path::new("/nonexistent")).is_none());
    }

    /// Every key that the program takes as a secret is one here.
    #[test]
    fn no_key_of_a_secret_is_forgotten() {
        let source = include_str!("raw.rs");
        let lines = source.lines().filter(|line| line.contains("Option<Hidden>"));
        let names: Vec<String> = lines
            .map(|line| line.trim().trim_start_matches("pub ").split(':').next().unwrap().replace('_', "-"))
            .collect();
        assert!(names.len() > 8, "{names:?}");
        for name in names.iter().filter(|name| *name != "key") {
            assert!(SECRET.contains(&name.as_str()), "{name}");
        }
    }
}
