//! Which file is the configuration: the first of the places that exists, or the one that was named.

use std::path::{Path, PathBuf};

use super::{Problems, Surroundings};

/// `named` is `--config` or `$GATEPOST_CONFIG`: then no other place counts.
pub fn locate(named: Option<&Path>, around: &Surroundings) -> Result<PathBuf, Problems> {
    // An empty variable is as good as none.
    if let Some(named) = named.filter(|named| !named.as_os_str().is_empty()) {
        return Ok(named.to_owned());
    }
    let places = places(around);
    if let Some(found) = places.iter().find(|place| place.is_file()) {
        return Ok(found.clone());
    }
    let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    Err(Problems::missing("gatepost.toml", format!("no configuration found; looked for {}", looked.join(", "))))
}

/// Where a new configuration belongs: the one that was named, a person's own, or that of the machine.
pub fn place_for_new(named: Option<&Path>, around: &Surroundings) -> PathBuf {
    if let Some(named) = named.filter(|named| !named.as_os_str().is_empty()) {
        return named.to_owned();
    }
    let mut places = places(around).into_iter().skip(1);
    let own = if places.len() > 1 && around.ordinary_user { places.next() } else { None };
    own.or_else(|| places.last()).unwrap_or_else(|| PathBuf::from("gatepost.toml"))
}

/// In the order in which they are tried.
pub fn places(around: &Surroundings) -> Vec<PathBuf> {
    let home = around.variable("HOME").map(|home| Path::new(home).join(".config"));
    let user = around.variable("XDG_CONFIG_HOME").map(PathBuf::from).or(home);
    let mut places = vec![PathBuf::from("gatepost.toml")];
    places.extend(user.map(|user| user.join("gatepost/gatepost.toml")));
    places.push(PathBuf::from("/etc/gatepost/gatepost.toml"));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_configuration_is_a_persons_own_or_the_machines() {
        let around = |ordinary_user, variables: &[(&str, &str)]| Surroundings {
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
            ordinary_user,
            base: PathBuf::new(),
            ..Surroundings::default()
        };
        let place = |around: &Surroundings| place_for_new(None, around).display().to_string();
        assert_eq!(place(&around(true, &[("HOME", "/home/ann")])), "/home/ann/.config/gatepost/gatepost.toml");
        assert_eq!(place(&around(true, &[("XDG_CONFIG_HOME", "/x")])), "/x/gatepost/gatepost.toml");
        assert_eq!(place(&around(true, &[])), "/etc/gatepost/gatepost.toml");
        assert_eq!(place(&around(false, &[("HOME", "/var/lib/x")])), "/etc/gatepost/gatepost.toml");
        assert_eq!(place_for_new(Some(Path::new("a.toml")), &around(true, &[])), Path::new("a.toml"));
    }
}
