//! The unit with which systemd starts the daemon on a configuration: whether one names the file, where it keeps its state, and
//! how a command is run as it is. It refuses to guess: where systemd does not run, or no unit of the name is installed, a person
//! starts the daemon; and of a unit without a state directory nobody knows where its state is.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use crate::base::invocation;

const NAME: &str = "gatepost.service";
/// Where units are, the first one before the others (systemd.unit(5)).
const PLACES: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];
/// There where systemd runs the machine (sd_booted(3)).
const BOOTED: &str = "/run/systemd/system";
/// Of a unit, and of each file that is dropped in.
const MOST: u64 = 64 * 1024;
/// Of those.
const MOST_FILES: usize = 100;
/// Where systemd makes state directories (systemd.exec(5)).
const STATE: &str = "/var/lib";
/// What a unit lends to its process alone, the key of the store among it.
const LENT: [&str; 4] = ["LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted"];

/// What is printed of this configuration names what starts its daemon.
pub(super) fn note(file: &Path) {
    invocation::is_a_service(Unit::in_force().is_some_and(|unit| unit.starts(file)));
}

/// What is written of it: the unit itself, and behind it what is dropped in, in the order in which systemd reads that.
pub(super) struct Unit(String);

impl Unit {
    /// The one that systemd has on this machine.
    pub fn in_force() -> Option<Self> {
        Path::new(BOOTED).is_dir().then(|| Self::installed(&PLACES.map(Path::new)))?
    }

    fn installed(places: &[&Path]) -> Option<Self> {
        let mut text = places.iter().find_map(|place| read(&place.join(NAME)))?;
        let mut dropped: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        for place in places {
            let files = place.join(format!("{NAME}.d")).read_dir().into_iter().flatten().flatten();
            let files = files.filter(|file| file.path().extension().is_some_and(|end| end == "conf"));
            for file in files.take(MOST_FILES) {
                dropped.entry(file.file_name()).or_insert_with(|| file.path());
            }
        }
        dropped.values().filter_map(|file| read(file)).for_each(|more| text.extend(["\n", &more]));
        Some(Self::of(&text))
    }

    pub fn of(text: &str) -> Self {
        Self(text.replace("\\\n", " "))
    }

    /// Whether it starts the daemon on this file.
    pub fn starts(&self, file: &Path) -> bool {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        self.all("ExecStart").iter().any(|command| command.split_whitespace().any(|word| Path::new(word) == file))
    }

    /// Where it keeps its state.
    pub fn state(&self) -> Option<PathBuf> {
        let name = self.all("StateDirectory").first()?.split([' ', ':']).next()?;
        Some(Path::new(STATE).join(name))
    }

    /// What stands before a command that is to run as it does, as the guide of systemd has it for the unit of the packages.
    pub fn like_it(&self) -> String {
        let mut line = "sudo systemd-run --quiet --wait --collect --pty".to_owned();
        let is_dynamic = self.last("DynamicUser").is_some_and(|word| ["yes", "true", "on", "1"].contains(&word));
        let user = self.last("User").or(is_dynamic.then_some("gatepost"));
        let mut add =
            |key: &str, value: &str| line.extend([" -p ", &super::pasted::word_of(&format!("{key}={value}"))]);
        if is_dynamic {
            add("DynamicUser", "yes");
        }
        user.iter().for_each(|user| add("User", user));
        ["Group", "StateDirectory", "StateDirectoryMode", "UMask"].iter().for_each(|key| {
            self.last(key).iter().for_each(|value| add(key, value));
        });
        LENT.iter().for_each(|key| self.all(key).iter().for_each(|value| add(key, value)));
        line
    }

    /// The values of a setting. An empty one forgets those before it (systemd.syntax(7)).
    fn all(&self, key: &str) -> Vec<&str> {
        let lines = self.0.lines().filter_map(|line| line.trim().split_once('='));
        let values = lines.filter(|(name, _)| name.trim_end() == key).map(|(_, value)| value.trim());
        values.fold(Vec::new(), |mut all, value| {
            if value.is_empty() {
                all.clear()
            } else {
                all.push(value)
            }
            all
        })
    }

    fn last(&self, key: &str) -> Option<&str> {
        self.all(key).last().copied()
    }
}

fn read(file: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(file).ok()?.take(MOST).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACKAGED: &str = include_str!("../../systemd/gatepost.service");

    fn installed(places: &[&tempfile::TempDir]) -> Option<Unit> {
        Unit::installed(&places.iter().map(|place| place.path()).collect::<Vec<_>>())
    }

    #[test]
    fn a_configuration_that_the_unit_in_force_names_is_started_by_systemd_and_no_other() {
        let (own, packaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let is = |file: &str| installed(&[&own, &packaged]).is_some_and(|unit| unit.starts(Path::new(file)));
        assert!(!is("/etc/gatepost/gatepost.toml"), "nothing is installed");
        std::fs::write(packaged.path().join(NAME), PACKAGED).unwrap();
        assert!(is("/etc/gatepost/gatepost.toml") && !is("/home/ann/gatepost.toml"));
        let moved = "[Service]\nExecStart=/opt/gatepost run -c /srv/gatepost.toml\n# /etc/gatepost/gatepost.toml\n";
        std::fs::write(own.path().join(NAME), moved).unwrap();
        assert!(is("/srv/gatepost.toml") && !is("/etc/gatepost/gatepost.toml"));
        let dropped = own.path().join("gatepost.service.d");
        std::fs::create_dir(&dropped).unwrap();
        std::fs::write(dropped.join("a.conf"), "[Service]\nExecStart=\nExecStart=/opt/gatepost run \\\n -c /a.toml\n")
            .unwrap();
        assert!(is("/a.toml") && !is("/srv/gatepost.toml"), "what is dropped in counts");
    }

    #[test]
    fn a_command_runs_as_the_guide_of_systemd_has_it_with_what_the_unit_lends() {
        let unit = Unit::of(PACKAGED);
        assert_eq!(unit.state(), Some("/var/lib/gatepost".into()));
        let page = include_str!("../../docs/systemd.md").replace(" \\\n     ", "");
        assert!(page.contains(&format!("as-gatepost() {{ {} \"$@\"; }}", unit.like_it())), "{}", unit.like_it());
        let lends = PACKAGED.replace("# LoadCredential=", "LoadCredential=");
        let end = " -p UMask=0077 -p LoadCredential=client-secret:/etc/gatepost/client-secret";
        assert!(Unit::of(&lends).like_it().ends_with(end));
        let own = Unit::of("[Service]\nUser=svc\nStateDirectory=mail/gate other\n");
        assert_eq!(own.state(), Some("/var/lib/mail/gate".into()));
        let line = own.like_it();
        assert!(line.ends_with(" --pty -p User=svc -p 'StateDirectory=mail/gate other'"), "{line}");
        assert_eq!(Unit::of("[Service]\nUser=svc\n").state(), None);
    }
}
