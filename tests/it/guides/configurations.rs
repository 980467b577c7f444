//! Configurations that a page shows: a whole one is taken as it stands, a part with the app and the account around it that the
//! reader has already. Pages of both languages show the same.

use std::{fs, os::unix::fs::PermissionsExt};

use gatepost::config::{self, Problem, Surroundings};

use super::{
    documents,
    markdown::{Block, blocks},
    pages_of, text,
};

/// Of "example", as in the guides.
pub(super) const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$jadUx9pbGg8NcLe2TEYegA$+2V6xq59ycMuOSHLUobYxgbX8AOlxkpF0DOSY02Q6z0";

/// What `[app.contoso]` has where a page shows a part of it, or none.
const APP: [(&str, &str); 3] = [("provider", "microsoft365"), ("tenant", "contoso.com"), ("client-id", "id")];

fn table(pairs: &[(&str, &str)]) -> toml::Table {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect()
}

/// The part with what the reader has around it.
pub(super) fn completed(part: &str) -> toml::Table {
    let mut whole: toml::Table = part.replace("$argon2id$...", HASH).parse().unwrap();
    let apps = whole.entry("app").or_insert_with(|| toml::Table::new().into()).as_table_mut().unwrap();
    if apps.is_empty() {
        apps.insert("contoso".to_owned(), table(&APP).into());
    } else if let Some(app) = apps.get_mut("contoso").and_then(toml::Value::as_table_mut) {
        for (key, value) in table(&APP) {
            app.entry(key).or_insert(value);
        }
    }
    let clients = whole.get("client").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    if !whole.contains_key("account") {
        let mailbox = clients.first().map_or("ann@contoso.com", |client| client["account"].as_str().unwrap());
        whole.insert("account".to_owned(), vec![table(&[("address", mailbox)])].into());
        if clients.is_empty() {
            // An account that nobody may use is a problem of its own.
            let mut client = table(&[("name", "a device"), ("account", mailbox)]);
            client.insert("from".to_owned(), vec!["192.168.9.1"].into());
            whole.insert("client".to_owned(), vec![client].into());
        }
    }
    whole
}

/// What only the reader's machine has: files and programs of his own.
fn is_about_a_file_that_is_only_there(problem: &Problem) -> bool {
    (problem.text.starts_with("cannot read /") || problem.text.contains("cannot be run"))
        && problem.text.contains("No such file")
}

fn tomls(document: &str) -> Vec<Block> {
    blocks(&text(document)).into_iter().filter(|block| block.kind == "toml").collect()
}

#[test]
fn every_configuration_of_the_documents_is_taken() {
    let home = tempfile::tempdir().unwrap();
    let users = home.path().join("whole-domain.users");
    fs::write(&users, format!("ann:{HASH}\n")).unwrap();
    fs::set_permissions(&users, PermissionsExt::from_mode(0o600)).unwrap();
    let variables = [
        ("HOME", "/home/ann"),
        ("GATEPOST_CLIENT_SECRET", "secret"),
        ("AZURE_CLIENT_ID", "id"),
        ("AZURE_TENANT_ID", "contoso.com"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/var/run/secrets/azure/tokens/azure-identity-token"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.into())).into();
    // The quick start is for a person at a desk.
    let around =
        Surroundings { variables, ordinary_user: true, base: home.path().to_owned(), ..Surroundings::default() };
    let mut seen = 0;
    for document in documents() {
        for block in tomls(&document) {
            let whole = toml::to_string(&completed(&block.text)).unwrap();
            let mut found = match config::check_text(&whole, "gatepost.toml", &around) {
                Ok((_, warnings)) => warnings,
                Err(problems) => problems,
            };
            found.problems.retain(|problem| !is_about_a_file_that_is_only_there(problem));
            assert!(found.problems.is_empty(), "{document}: {found}\n{whole}");
            seen += 1;
        }
    }
    assert!(seen > 70, "{seen}");
}

/// Remarks are in the language of the page; keys, values and commands are the same. The pages of devices show the block that the
/// preset prints in English alone.
#[test]
fn pages_of_both_languages_show_the_same_configurations_and_scripts() {
    for page in pages_of("docs").into_iter().filter(|page| !page.starts_with("devices/")) {
        let [english, japanese] = ["docs", "docs/ja"].map(|folder| format!("{folder}/{page}"));
        let parsed = |document: &str| -> Vec<toml::Table> {
            tomls(document).iter().map(|block| block.text.parse().unwrap()).collect()
        };
        assert_eq!(parsed(&english), parsed(&japanese), "{page}");
        let scripts = |document: &str| -> Vec<String> {
            let scripts = blocks(&text(document)).into_iter().filter(|block| block.kind == "powershell");
            scripts.map(|block| block.text).collect()
        };
        assert_eq!(scripts(&english), scripts(&japanese), "{page}");
    }
}
