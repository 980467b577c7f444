//! How to run a command as whoever owns the store, where the user who ran it does not.
//!
//! A service with `DynamicUser=` has no user outside of its run, and its state lies where nobody else may enter: there
//! systemd has to start the command as it starts the service. Where no command is known to work, none is told.

use std::path::Path;

use super::scope::Scope;
use crate::catalog::is_harmless;

/// Which user ids systemd gives to services (systemd.exec(5), `DynamicUser=`).
const DYNAMIC: std::ops::RangeInclusive<u32> = 61_184..=65_519;
/// Where their state is; the name under /var/lib is a link into it.
const PRIVATE: &str = "/var/lib/private";
/// As docs/systemd.md has it.
const LIKE_THE_SERVICE: &str = "sudo systemd-run --quiet --wait --collect --pty -p DynamicUser=yes -p User=gatepost \
                                -p StateDirectory=gatepost -p StateDirectoryMode=0700 -p UMask=0077";
/// Found with nobody naming it.
const USUAL: &str = "/etc/gatepost/gatepost.toml";
/// Of the list of users.
const MOST: usize = 4 * 1024 * 1024;

/// `owner`: of the database, where it can be seen.
pub(super) fn command(owner: Option<u32>, database: &Path, scope: &Scope) -> Option<String> {
    let prefix = prefix_of(owner, database)?;
    let file = std::path::absolute(&scope.file).unwrap_or_else(|_| scope.file.clone()).display().to_string();
    let is_plain = file.split('/').all(|part| part.is_empty() || is_harmless(part));
    Some(match file.as_str() {
        USUAL => format!("{prefix} gatepost doctor"),
        _ if is_plain => format!("{prefix} gatepost doctor --config {file}"),
        _ => format!("{prefix} gatepost doctor --config FILE"),
    })
}

/// What stands before a command that is run as them.
pub fn prefix_of(owner: Option<u32>, database: &Path) -> Option<String> {
    let state = database.parent()?;
    let is_private = state.starts_with(PRIVATE) || std::fs::read_link(state).is_ok_and(is_private);
    let users = std::fs::read("/etc/passwd").unwrap_or_default();
    prefix(owner, is_private, &String::from_utf8_lossy(users.get(..MOST).unwrap_or(&users)))
}

/// A link of systemd is relative: `private/gatepost`.
fn is_private(target: std::path::PathBuf) -> bool {
    target.starts_with("private") || target.starts_with(PRIVATE)
}

fn prefix(owner: Option<u32>, is_private: bool, users: &str) -> Option<String> {
    if is_private || owner.is_some_and(|owner| DYNAMIC.contains(&owner)) {
        return Some(LIKE_THE_SERVICE.to_owned());
    }
    let owner = owner?;
    // What sudo does not know it refuses.
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(owner)).then_some(name)
    })?;
    match (owner, is_harmless(name)) {
        (0, _) => Some("sudo".to_owned()),
        (_, true) => Some(format!("sudo -u {name}")),
        (_, false) => Some(format!("sudo -u '#{owner}'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_told_only_where_it_works() {
        let users = "root:x:0:0::/root:/bin/sh\ngatepost:x:990:990::/:/usr/sbin/nologin\nodd;name:x:7:7::/:/\n";
        let told = |owner, is_private| prefix(owner, is_private, users);
        assert_eq!(told(Some(990), false).as_deref(), Some("sudo -u gatepost"));
        assert_eq!(told(Some(0), false).as_deref(), Some("sudo"));
        assert_eq!(told(Some(7), false).as_deref(), Some("sudo -u '#7'"));
        assert_eq!(told(Some(4242), false), None, "sudo knows no such user");
        assert_eq!(told(None, false), None);
        for (owner, is_private) in [(Some(61_184), false), (Some(65_519), false), (None, true), (Some(990), true)] {
            assert_eq!(told(owner, is_private).as_deref(), Some(LIKE_THE_SERVICE));
        }
        let page = include_str!("../../docs/systemd.md").replace(" \\\n     ", "");
        assert!(page.contains(LIKE_THE_SERVICE), "it is what the guide says");
    }
}
