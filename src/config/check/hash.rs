//! Local passwords are argon2id hashes. A plain password in the file is refused, and never repeated in the problem.

use std::path::Path;

use super::Checker;
use crate::{
    account,
    base::Secret,
    config::{key::Key, raw::Hidden},
};

impl Checker<'_> {
    /// An argon2id hash under `password`, in any of its three forms.
    pub(super) fn hash(
        &mut self,
        table: &Key,
        plain: Option<&Hidden>,
        file: Option<&Path>,
        env: Option<&str>,
    ) -> Option<Secret> {
        let hash = self.secret(table, "password", plain, file, env)?;
        let Some(fault) = account::flaw(&hash) else { return Some(hash) };
        let name = ["password", "password-file", "password-env"];
        let given = [plain.is_some(), file.is_some(), env.is_some()];
        let name = name.into_iter().zip(given).find_map(|(name, given)| given.then_some(name)).unwrap_or("password");
        let key = table.field(name);
        self.error(&key, format!("`{key}` {fault}"), "make a hash with `gatepost password` and paste it here");
        None
    }
}
