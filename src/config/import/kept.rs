//! Passwords for mail programs that the replaced configuration has: an import for which nobody types one leaves them
//! alone, since devices know them already.

use std::collections::HashMap;

use crate::base::Secret;

/// One of the keys of an `[[account]]`, and its value.
#[derive(Clone)]
pub struct KeptPassword {
    pub key: &'static str,
    pub value: Secret,
}

#[derive(Default)]
pub struct KeptPasswords(HashMap<String, KeptPassword>);

impl KeptPasswords {
    /// A configuration that cannot be read has none.
    pub fn read(text: &str) -> Self {
        let table: toml::Table = text.parse().unwrap_or_default();
        let accounts = table.get("account").and_then(|accounts| accounts.as_array()).into_iter().flatten();
        let one = |account: &toml::Value| {
            let address = account.get("address")?.as_str()?.to_lowercase();
            let of = |key: &'static str| Some((key, account.get(key)?.as_str()?));
            let (key, value) = ["password", "password-file", "password-env"].into_iter().find_map(of)?;
            Some((address, KeptPassword { key, value: Secret::new(value) }))
        };
        Self(accounts.filter_map(one).collect())
    }

    pub fn of(&self, address: &str) -> Option<&KeptPassword> {
        self.0.get(&address.to_lowercase())
    }
}
