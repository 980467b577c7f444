//! A command beside a service of systemd that would use another state than that: with the same configuration, where the user
//! who typed it has a state directory of their own. It would do well and change nothing of the service, or find no daemon
//! where one runs.
//!
//! It refuses such a command, with the one that does what was meant. Where the configuration itself says where the store is,
//! nobody goes astray.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    outcome::{Failure, Outcome},
    pasted::{self, word_of},
};
use crate::{
    catalog::shell,
    config::{Config, DATABASE, Surroundings, USUAL, Unit},
};

/// Where the state of a `DynamicUser=` really is; its usual name is a link into it (systemd.exec(5)).
const PRIVATE: &str = "/var/lib/private";
/// What a unit lends to its process alone, the key of the store among it.
const LENT: [&str; 4] = ["LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted"];

/// What somebody has to know who goes astray.
#[derive(Debug)]
pub(super) struct Elsewhere {
    file: PathBuf,
    ours: PathBuf,
    of_the_service: PathBuf,
    /// What stands before a command that runs as that service.
    like: String,
    /// With which a command of ours begins there.
    call: String,
    typed: Vec<OsString>,
}

/// For a command that reads or changes what is stored.
pub(super) fn refuse(config: &Config, file: &Path) -> Outcome {
    find(config, file).map_or(Ok(()), |elsewhere| Err(elsewhere.failure()))
}

pub(super) fn find(config: &Config, file: &Path) -> Option<Elsewhere> {
    beside(&Unit::in_force()?, config, file)
}

fn beside(unit: &Unit, config: &Config, file: &Path) -> Option<Elsewhere> {
    let of_the_service = unit.state().filter(|_| unit.starts(file))?;
    let ours = Surroundings::of_this_process(file).state_directory()?;
    // Any other database stands in the configuration, which says the same to the service.
    let is_usual = config.store.url == format!("sqlite://{}", ours.join(DATABASE).display());
    (is_usual && usual(&ours) != usual(&of_the_service)).then(|| {
        let call = if file == Path::new(USUAL) { "gatepost".to_owned() } else { pasted::with_config(&absolute(file)) };
        let typed = std::env::args_os().skip(1).collect();
        Elsewhere { file: absolute(file), ours, of_the_service, like: like(unit), call, typed }
    })
}

/// As the guide of systemd has it for the unit of the packages.
fn like(unit: &Unit) -> String {
    let mut line = "sudo systemd-run --quiet --wait --collect --pty".to_owned();
    let is_dynamic = unit.is_dynamic();
    let user = unit.last("User").or(is_dynamic.then_some("gatepost"));
    let mut add = |key: &str, value: &str| line.extend([" -p ", &word_of(&format!("{key}={value}"))]);
    if is_dynamic {
        add("DynamicUser", "yes");
    }
    user.iter().for_each(|user| add("User", user));
    ["Group", "StateDirectory", "StateDirectoryMode", "UMask"].iter().for_each(|key| {
        unit.last(key).iter().for_each(|value| add(key, value));
    });
    LENT.iter().for_each(|key| unit.all(key).iter().for_each(|value| add(key, value)));
    line
}

fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.to_owned())
}

fn usual(folder: &Path) -> PathBuf {
    folder.strip_prefix(PRIVATE).map_or_else(|_| folder.to_owned(), |name| Path::new("/var/lib").join(name))
}

impl Elsewhere {
    pub fn failure(&self) -> Failure {
        let (file, of_the_service, ours) = (self.file.display(), self.of_the_service.display(), self.ours.display());
        let text = format!(
            "the service that systemd starts on {} keeps its state in {}, and this command would use {}: it would see and \
             change nothing of the service",
            file, of_the_service, ours
        );
        let command = format!("{} {}", self.like, pasted::as_typed(&self.call, &self.typed, |_| None));
        Failure::new(text, format!("run it as the service: `{command}`"))
    }

    /// Of a command that makes this file: the user of the service writes in its own folder alone.
    pub fn failure_making(&self, made: &Path) -> Failure {
        let Some(name) = made.file_name().filter(|_| absolute(made).parent() != Some(&*self.of_the_service)) else {
            return self.failure();
        };
        let there = shell(&self.of_the_service.join(name).to_string_lossy());
        let instead = |word: &str| (Path::new(word) == made).then(|| there.clone());
        let command = format!("{} {}", self.like, pasted::as_typed(&self.call, &self.typed, instead));
        let wanted = shell(&absolute(made).to_string_lossy());
        self.failure().hinted(format!(
            "run it as the service, which writes nowhere but in {}: `{command}`; then bring out what it made: `sudo install -m \
             600 {there} {wanted}` and `sudo rm {there}`",
            self.of_the_service.display()
        ))
    }

    /// Of an import: the service is lent what it reads, and the configuration that it writes is put in its place.
    pub fn failure_importing(&self) -> Failure {
        let typed = || self.typed.iter().map(|word| word.to_string_lossy());
        let files: Vec<String> = typed()
            .skip(1)
            .map(|word| word.split_once('=').map_or(&*word, |(_, file)| file).to_owned())
            .filter(|word| Path::new(word).is_file())
            .collect();
        let lent = |word: &str| {
            let at = files.iter().position(|file| file == word)?;
            Some(format!("$CREDENTIALS_DIRECTORY/old{}", at + 1))
        };
        let mut line = self.like.clone();
        for (at, file) in files.iter().enumerate() {
            let file = absolute(Path::new(file));
            line.extend([" -p ", &word_of(&format!("LoadCredential=old{}:{}", at + 1, file.display()))]);
        }
        let made = shell(&self.of_the_service.join("gatepost.toml").to_string_lossy());
        let inside = pasted::as_typed(&format!("gatepost --config {made}"), &self.typed, lent);
        let file = shell(&self.file.to_string_lossy());
        self.failure().hinted(format!(
            "run it as the service: `{line} sh -c {}`; then `sudo install -m 644 {made} {file}` and `sudo systemctl restart \
             gatepost`",
            shell(&inside)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_with_the_configuration_of_the_service_and_another_state_is_told_both_folders_and_what_to_type() {
        let file = Path::new("/srv/mail/gatepost.toml");
        let unit = |state: &str| {
            Unit::of(&format!("[Service]\nExecStart=/usr/bin/gatepost run -c {}\n{state}", file.display()))
        };
        let around = Surroundings::of_this_process(file);
        let Some(ours) = around.state_directory() else { return };
        let checked = |text: &str| crate::config::check_text(text, "gatepost.toml", &around).unwrap().0;
        let (plain, with_store) = (checked(""), checked("[store]\nurl = \"sqlite:///var/lib/gatepost/gatepost.db\"\n"));
        let packaged = "DynamicUser=yes\nStateDirectory=gatepost\n";
        let told = beside(&unit(packaged), &plain, file).unwrap().failure();
        for part in [ours.display().to_string().as_str(), "/var/lib/gatepost", "/srv/mail/gatepost.toml"] {
            assert!(told.text().contains(part), "{part}: {}", told.text());
        }
        let line = "-p StateDirectory=gatepost gatepost --config /srv/mail/gatepost.toml";
        assert!(told.hint().unwrap().contains(line), "{:?}", told.hint());
        assert!(beside(&unit(packaged), &with_store, file).is_none(), "the configuration says where the store is");
        assert!(beside(&unit(packaged), &plain, Path::new("/srv/other.toml")).is_none(), "no unit reads it");
        assert!(beside(&unit(""), &plain, file).is_none(), "nobody knows where its state is");
        assert_eq!(usual(Path::new("/var/lib/private/gatepost")), Path::new("/var/lib/gatepost"));
    }

    const PACKAGED: &str = include_str!("../../systemd/gatepost.service");

    #[test]
    fn a_command_runs_as_the_guide_of_systemd_has_it_with_what_the_unit_lends() {
        let unit = Unit::of(PACKAGED);
        let page = include_str!("../../docs/systemd.md").replace(" \\\n     ", "");
        assert!(page.contains(&format!("as-gatepost() {{ {} \"$@\"; }}", like(&unit))), "{}", like(&unit));
        let lends = PACKAGED.replace("# LoadCredential=", "LoadCredential=");
        let end = " -p UMask=0077 -p LoadCredential=client-secret:/etc/gatepost/client-secret";
        assert!(like(&Unit::of(&lends)).ends_with(end));
        let own = Unit::of("[Service]\nUser=svc\nStateDirectory=mail/gate other\n");
        let line = like(&own);
        assert!(line.ends_with(" --pty -p User=svc -p 'StateDirectory=mail/gate other'"), "{line}");
    }

    fn typed(words: &[&str]) -> Elsewhere {
        Elsewhere {
            file: USUAL.into(),
            ours: "/home/ann/.local/state/gatepost".into(),
            of_the_service: "/var/lib/gatepost".into(),
            like: "sudo systemd-run".to_owned(),
            call: "gatepost".to_owned(),
            typed: words.iter().map(OsString::from).collect(),
        }
    }

    /// The user of the service has no folder but its own, and begins in `/`.
    #[test]
    fn a_command_that_makes_a_file_is_told_where_the_service_may_and_what_brings_it_out() {
        let here = std::env::current_dir().unwrap();
        let there = "/var/lib/gatepost/copy.db";
        for made in ["copy.db", "/var/backups/copy.db"] {
            let hint = typed(&["backup", made]).failure_making(Path::new(made)).hint().unwrap();
            assert!(hint.contains(&format!("`sudo systemd-run gatepost backup {there}`")), "{hint}");
            let out = format!("`sudo install -m 600 {there} {}` and `sudo rm {there}`", here.join(made).display());
            assert!(hint.contains(&out), "{hint}");
        }
        let rotates = typed(&["key", "rotate", "--new-key-file=new.key"]).failure_making(Path::new("new.key"));
        assert!(rotates.hint().unwrap().contains(" --new-key-file=/var/lib/gatepost/new.key`"), "{rotates}");
        let right = typed(&["backup", there]).failure_making(Path::new(there)).hint().unwrap();
        assert!(right.ends_with(&format!("`sudo systemd-run gatepost backup {there}`")), "{right}");
    }

    #[test]
    fn an_import_is_told_as_its_guide_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("old.config").display().to_string();
        std::fs::write(&old, "").unwrap();
        let hint = typed(&["import", "emailproxy", &old, "--write"]).failure_importing().hint().unwrap();
        let line = format!(
            "`sudo systemd-run -p LoadCredential=old1:{old} sh -c 'gatepost --config /var/lib/gatepost/gatepost.toml import \
             emailproxy $CREDENTIALS_DIRECTORY/old1 --write'`"
        );
        assert!(hint.contains(&line), "{hint}");
        assert!(
            hint.contains("`sudo install -m 644 /var/lib/gatepost/gatepost.toml /etc/gatepost/gatepost.toml`"),
            "{hint}"
        );
    }
}
