//! A command beside a service of systemd that would use another state than that: with the same configuration, where the user
//! who typed it has a state directory of their own. It would do well and change nothing of the service, or find no daemon
//! where one runs.
//!
//! It refuses such a command, with the one that does what was meant. Where the configuration itself says where the store is,
//! nobody goes astray.

use std::path::{Path, PathBuf};

use super::{
    outcome::{Failure, Outcome},
    pasted,
    unit::Unit,
};
use crate::config::{Config, DATABASE, Surroundings};

/// Found with nobody naming it.
const USUAL: &str = "/etc/gatepost/gatepost.toml";
/// Where the state of a `DynamicUser=` really is; its usual name is a link into it (systemd.exec(5)).
const PRIVATE: &str = "/var/lib/private";

/// What somebody has to know who goes astray.
#[derive(Debug)]
pub(super) struct Elsewhere {
    file: PathBuf,
    ours: PathBuf,
    of_the_service: PathBuf,
    /// As that service.
    command: String,
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
        let command = format!("{} {}", unit.like_it(), pasted::as_typed(&call));
        Elsewhere { file: absolute(file), ours, of_the_service, command }
    })
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
        Failure::new(text, format!("run it as the service: `{}`", self.command))
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
}
