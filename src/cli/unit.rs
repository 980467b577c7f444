//! Whether systemd starts the daemon on a configuration: its unit names the file. It refuses to guess: where systemd does not
//! run, or no unit of the name is installed, a person starts it.

use std::{fs::File, io::Read, path::Path};

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
/// Of a unit.
const MOST: u64 = 64 * 1024;

/// What is printed of this configuration names what starts its daemon.
pub(super) fn note(file: &Path) {
    invocation::is_a_service(Path::new(BOOTED).is_dir() && is_started(file, &PLACES.map(Path::new)));
}

fn is_started(file: &Path, places: &[&Path]) -> bool {
    let read = |place: &&Path| {
        let mut unit = String::new();
        File::open(place.join(NAME)).ok()?.take(MOST).read_to_string(&mut unit).ok()?;
        Some(unit)
    };
    let Some(unit) = places.iter().find_map(read) else { return false };
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let mut starts = unit.lines().filter_map(|line| line.trim_start().strip_prefix("ExecStart="));
    starts.any(|command| command.split_whitespace().any(|word| Path::new(word) == file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_the_unit_in_force_names_is_started_by_systemd_and_no_other() {
        let (own, packaged) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let places = [own.path(), packaged.path()];
        let is = |file: &str| is_started(Path::new(file), &places);
        assert!(!is("/etc/gatepost/gatepost.toml"), "nothing is installed");
        std::fs::write(packaged.path().join(NAME), include_str!("../../systemd/gatepost.service")).unwrap();
        assert!(is("/etc/gatepost/gatepost.toml") && !is("/home/ann/gatepost.toml"));
        let moved = "[Service]\nExecStart=/opt/gatepost run -c /srv/gatepost.toml\n# /etc/gatepost/gatepost.toml\n";
        std::fs::write(own.path().join(NAME), moved).unwrap();
        assert!(is("/srv/gatepost.toml") && !is("/etc/gatepost/gatepost.toml"));
    }
}
