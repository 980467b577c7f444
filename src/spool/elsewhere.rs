//! Bodies that lie where their rows are not: left in the folder of a store whose database was replaced, or in the folder of a
//! store before or behind this one.
//!
//! Nothing is taken from a folder but what was left alone there, which no row of that store names.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use super::{Spool, SpoolFault, beside, body_of};
use crate::store;

/// In the folder of a store that has no row for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftBodies {
    pub folder: PathBuf,
    pub messages: u64,
}

/// Those in the folder of this database: all of them, where it is not there itself. `None`: there are none.
pub fn left_beside(database: &Path) -> Option<LeftBodies> {
    let messages = names_left(database).len() as u64;
    (messages > 0).then(|| LeftBodies { folder: beside(database), messages })
}

/// Whether the body of this message is one of them.
pub fn is_left_beside(database: &Path, name: &str) -> bool {
    names_left(database).iter().any(|left| left == name)
}

fn names_left(database: &Path) -> Vec<String> {
    let is_gone = store::is_missing(database);
    let files = fs::read_dir(beside(database)).into_iter().flatten().flatten();
    let left = |file: fs::DirEntry| {
        let name = file.file_name();
        let (name, is_left) = body_of(name.to_str()?)?;
        (is_left || is_gone).then(|| name.to_owned())
    };
    files.filter_map(left).collect()
}

impl Spool {
    /// Takes up bodies of these names that were left in the folders of these databases. What lies there and was not taken, by its
    /// name.
    pub async fn take_from(
        &self,
        databases: impl FnOnce() -> Vec<PathBuf> + Send + 'static,
        named: HashSet<String>,
    ) -> Result<HashMap<String, PathBuf>, SpoolFault> {
        let own = self.directory().to_owned();
        self.work(move || {
            let mut elsewhere = HashMap::new();
            // Other places may be slow, or gone: they are looked at only where something lacks here.
            let is_here = |name: &String| own.join(format!("{name}{}", super::ENDING)).exists();
            if named.iter().all(is_here) {
                return Ok(elsewhere);
            }
            for folder in databases().iter().map(|database| beside(database)).filter(|folder| *folder != own) {
                for file in fs::read_dir(folder).into_iter().flatten().flatten() {
                    let found = file.file_name();
                    let Some((name, is_left)) = found.to_str().and_then(body_of) else { continue };
                    let wanted = own.join(format!("{name}{}", super::ENDING));
                    if !named.contains(name) || wanted.exists() {
                        continue;
                    }
                    // Between two file systems somebody has to.
                    if !(is_left && fs::rename(file.path(), &wanted).is_ok()) {
                        elsewhere.insert(name.to_owned(), file.path());
                    }
                }
            }
            Ok(elsewhere)
        })
        .await
    }
}
