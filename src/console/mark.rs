//! Whose console it is, told to commands on this machine that come with a token of another store: by a digest of the path of the
//! configuration, which says nothing to whoever does not know that, and the number of the process.
//!
//! So the daemon of a file is found where the file names another store since it was loaded.

use std::path::Path;

use crate::store;

/// Of the answer that refuses the token.
pub(super) const HEADER: &str = "gatepost-daemon";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    digest: String,
    pub process: u32,
}

impl Mark {
    /// Of the daemon that is this process.
    pub(super) fn of(file: &Path) -> Self {
        Self { digest: store::digest_of(file), process: std::process::id() }
    }

    pub(super) fn written(&self) -> String {
        format!("{} {}", self.digest, self.process)
    }

    pub(super) fn read(text: &str) -> Option<Self> {
        let (digest, process) = text.split_once(' ')?;
        Some(Self { digest: digest.to_owned(), process: process.parse().ok()? })
    }

    /// Whoever has the port could say so; a number of another program goes into no command.
    pub fn is_of(&self, file: &Path) -> bool {
        self.digest == store::digest_of(file) && is_a_gatepost(self.process)
    }
}

/// By the name of its program, which this one has, too.
#[cfg(target_os = "linux")]
fn is_a_gatepost(process: u32) -> bool {
    let name = |process: &str| std::fs::read_to_string(format!("/proc/{process}/comm")).ok();
    name(&process.to_string()).is_some_and(|found| Some(found) == name("self"))
}

#[cfg(not(target_os = "linux"))]
const fn is_a_gatepost(_: u32) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemon_of_a_file_is_known_by_what_it_says_of_itself_and_no_path_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gatepost.toml");
        std::fs::write(&file, "").unwrap();
        let told = Mark::of(&file).written();
        assert!(!told.contains("gatepost.toml"), "{told}");
        let mark = Mark::read(&told).unwrap();
        assert!(mark.is_of(&dir.path().join("./gatepost.toml")) && mark.process == std::process::id());
        assert!(!mark.is_of(&dir.path().join("other.toml")));
        for odd in ["", "x", "x y", " 7 "] {
            assert_eq!(Mark::read(odd), None, "{odd:?}");
        }
    }
}
