//! The unit with which systemd starts the daemon on a configuration: whether one names the file, where it keeps its state, and of
//! what file a secret is that it lends to the service alone. It refuses to guess: where systemd does not run, or no unit of the
//! name is installed, a person starts the daemon; of a unit without a state directory nobody knows where its state is, nor
//! what a value means in which systemd itself puts something in (`%`).

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

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
/// What lends a file as it stands, and what lends one that `systemd-creds encrypt` made (systemd.exec(5)).
pub const PLAIN: &str = "LoadCredential";
pub const SEALED: &str = "LoadCredentialEncrypted";
/// The configuration of a daemon that is told none.
pub const USUAL: &str = "/etc/gatepost/gatepost.toml";

/// What is written of it: the unit itself, and behind it what is dropped in, in the order in which systemd reads that.
#[derive(Debug, Clone)]
pub struct Unit(String);

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
        self.all("ExecStart").into_iter().any(|command| configuration(command) == file)
    }

    /// Where it keeps its state.
    pub fn state(&self) -> Option<PathBuf> {
        let name = self.all("StateDirectory").first()?.split([' ', ':']).next().filter(|name| is_plain(name))?;
        Some(Path::new(STATE).join(name))
    }

    /// It does not run as root.
    pub fn has_own_user(&self) -> bool {
        self.is_dynamic() || self.last("User").is_some_and(|user| !["", "root", "0"].contains(&user))
    }

    pub fn is_dynamic(&self) -> bool {
        self.last("DynamicUser").is_some_and(|word| ["yes", "true", "on", "1"].contains(&word))
    }

    /// The setting by which systemd lends something to the service alone under this name, and the file of which it makes that.
    pub fn source(&self, lent: &str) -> Option<(&'static str, PathBuf)> {
        let of = |key: &'static str| {
            let mut all = self.all(key).into_iter().filter_map(|one| one.split_once(':'));
            all.rfind(|(name, _)| *name == lent).map(|(_, file)| (key, file))
        };
        let (key, file) = [PLAIN, SEALED].into_iter().find_map(of)?;
        (is_plain(file) && file.starts_with('/')).then(|| (key, file.into()))
    }

    /// The values of a setting. An empty one forgets those before it (systemd.syntax(7)).
    pub fn all(&self, key: &str) -> Vec<&str> {
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

    pub fn last(&self, key: &str) -> Option<&str> {
        self.all(key).last().copied()
    }
}

/// That the command names.
fn configuration(command: &str) -> PathBuf {
    let mut words = words(command).into_iter();
    while let Some(word) = words.next() {
        if ["-c", "--config"].contains(&word.as_str()) {
            return words.next().unwrap_or_default().into();
        }
        if let Some(file) = ["--config=", "-c=", "-c"].iter().find_map(|flag| word.strip_prefix(flag)) {
            return file.into();
        }
    }
    USUAL.into()
}

/// Without their quotes (systemd.syntax(7)).
fn words(command: &str) -> Vec<String> {
    let (mut words, mut quote) = (vec![String::new()], None);
    for c in command.chars() {
        match quote {
            Some(open) if open == c => quote = None,
            None if c == '"' || c == '\'' => quote = Some(c),
            None if c.is_ascii_whitespace() => words.push(String::new()),
            _ => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// It says what it means.
fn is_plain(value: &str) -> bool {
    !value.is_empty() && !value.contains(['%', '"', '\''])
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
    fn a_configuration_is_the_one_that_the_command_names_however_it_is_written() {
        let is = |command: &str, file: &str| Unit::of(&format!("ExecStart={command}\n")).starts(Path::new(file));
        for named in
            ["--config=/a.toml", "-c=/a.toml", "-c/a.toml", "--config /a.toml", "-c '/a.toml'", "\"--config=/a.toml\""]
        {
            let command = format!("/usr/bin/gatepost run {named} --log-format json");
            assert!(is(&command, "/a.toml") && !is(&command, USUAL), "{command}");
        }
        assert!(is("/usr/bin/gatepost run -c \"/a b.toml\"", "/a b.toml"));
        assert!(
            is("/usr/bin/gatepost run", USUAL) && !is("/usr/bin/gatepost run", "/a.toml"),
            "it finds the usual one"
        );
    }

    #[test]
    fn what_systemd_itself_fills_in_nobody_knows() {
        for odd in ["%N", "\"gate post\"", "'x'"] {
            assert_eq!(Unit::of(&format!("StateDirectory={odd}\n")).state(), None, "{odd}");
        }
        let own = Unit::of("[Service]\nUser=svc\nStateDirectory=mail/gate other\n");
        assert_eq!(own.state(), Some("/var/lib/mail/gate".into()));
        assert_eq!(Unit::of("[Service]\nUser=svc\n").state(), None);
        assert_eq!(Unit::of(PACKAGED).state(), Some("/var/lib/gatepost".into()));
    }

    #[test]
    fn of_what_file_a_secret_is_that_is_lent_the_unit_says() {
        let unit = Unit::of(
            "LoadCredential=a:/a\nLoadCredential=a:/b\nLoadCredential=c:%d/c\nLoadCredential=d\nLoadCredential=e:e\n\
             LoadCredentialEncrypted=f:/f.cred\n",
        );
        assert_eq!(unit.source("a"), Some((PLAIN, "/b".into())));
        assert_eq!(unit.source("f"), Some((SEALED, "/f.cred".into())));
        for unknown in ["b", "c", "d", "e"] {
            assert_eq!(unit.source(unknown), None, "{unknown}");
        }
    }
}
