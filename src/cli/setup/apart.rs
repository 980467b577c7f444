//! Another configuration on our store: the command that goes on with its file, and the one that lets both run, ours with a
//! store, a console and listeners of its own. Both are this very command as it was typed. What stands in our file already
//! no flag changes: those lines are named instead.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::Path,
};

use toml::{Table, Value};

use super::{
    place::{MOST_OF_A_CONFIGURATION, Place, text_of},
    settings::{Listen, Setting, TABLES},
    words::Line,
};
use crate::{
    cli::pasted,
    config::{self, Config},
    net::Bind,
};

/// Of the listeners and the console where nothing is written.
const USUAL: [(&str, u16); 3] = [("smtp", 1587), ("imap", 1993), ("pop3", 1995)];
const USUAL_CONSOLE: u16 = 8425;
/// Ports of one address.
const MOST_TRIED: usize = 64;
/// Flags of which each file has its own, and how their values begin.
const OF_ONE_FILE: [(&str, &str); 3] = [("--set", "store.url="), ("--set", "console.listen="), ("--listen", "")];

#[derive(Debug)]
pub struct Apart {
    /// On the other one's file. `None`: nobody knows that.
    pub go_on: Option<String>,
    /// What our file would have to have otherwise, before `both`.
    pub lines: Vec<Line>,
    pub both: String,
}

/// What our configuration has and is to have.
pub struct Ours<'a> {
    pub place: &'a Place,
    pub existing: &'a Table,
    pub settings: &'a [Setting],
    pub listeners: &'a [Listen],
}

impl Apart {
    /// `typed`: the words of this command.
    pub fn of(ours: &Ours, other: Option<&Path>, typed: &[String]) -> Self {
        let taken = Taken::by(other.and_then(config::salvage).as_ref());
        let (mut lines, mut flags) = (Vec::new(), Vec::new());
        let store = own_store(ours.place);
        match ours.existing.contains_key("store") {
            true => lines.push(Line::new("[store]", "url", store.into())),
            false => flags.extend(["--set".to_owned(), format!("store.url={store}")]),
        }
        ours.console(&taken, &mut lines, &mut flags);
        ours.listeners(&taken, &mut lines, &mut flags);
        let mut both = pasted::again(typed, &ours.place.path, &OF_ONE_FILE);
        flags.iter().for_each(|flag| both.extend([" ", &pasted::word_of(flag)]));
        Self { go_on: other.map(|file| on_its_own(typed, file)), lines, both }
    }
}

/// The same for the other one's file: where that daemon listens stands there, and so does whatever it has a table of.
fn on_its_own(typed: &[String], file: &Path) -> String {
    let table = text_of(file, MOST_OF_A_CONFIGURATION).ok().and_then(|text| text.parse::<Table>().ok());
    let there = TABLES.iter().filter(|name| table.as_ref().is_some_and(|table| table.contains_key(**name)));
    let settings: Vec<String> = there.map(|name| format!("{name}.")).collect();
    let settings = settings.iter().map(|begin| ("--set", begin.as_str()));
    pasted::again(typed, file, &OF_ONE_FILE.into_iter().chain(settings).collect::<Vec<_>>())
}

impl Ours<'_> {
    fn console(&self, taken: &Taken, lines: &mut Vec<Line>, flags: &mut Vec<String>) {
        let there = self.existing.get("console").and_then(Value::as_table);
        let asked = self.settings.iter().find(|one| one.table == "console" && one.key == "listen");
        let value = there.map_or_else(|| asked.map(|one| &one.value), |table| table.get("listen"));
        let now = match value.and_then(Value::as_str) {
            Some(written) => written.parse().ok(),
            None => Some(SocketAddr::from(([127, 0, 0, 1], USUAL_CONSOLE))),
        };
        let other = now.map(|now| elsewhere(now, taken));
        match (there, other) {
            (Some(_), Some(other)) if now != Some(other) => {
                lines.push(Line::new("[console]", "listen", other.to_string().into()));
            }
            (Some(_), _) => {}
            (None, Some(other)) if now == Some(other) && asked.is_none() => {}
            (None, Some(other)) => flags.extend(["--set".to_owned(), format!("console.listen={other}")]),
            (None, None) => flags.extend(["--set".to_owned(), "console.listen=off".to_owned()]),
        }
    }

    fn listeners(&self, taken: &Taken, lines: &mut Vec<Line>, flags: &mut Vec<String>) {
        let there = self.existing.get("listener").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for block in there.iter().filter_map(Value::as_table) {
            let protocol = block.get("protocol").and_then(Value::as_str).unwrap_or_default();
            let now = block.get("listen").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let other: Vec<Value> = now.iter().map(|one| moved(one, taken)).collect();
            if other != now {
                lines.push(Line::new(&format!("[[listener]] {protocol}"), "listen", other.into()));
            }
        }
        let usual = USUAL.map(|(protocol, port)| Listen { protocol, address: ([127, 0, 0, 1], port).into() });
        let is_usual = there.is_empty() && self.listeners.is_empty();
        let wanted = if is_usual { &usual } else { self.listeners };
        if is_usual && wanted.iter().all(|one| elsewhere(one.address, taken) == one.address) {
            return;
        }
        for Listen { protocol, address } in wanted {
            flags.extend(["--listen".to_owned(), format!("{protocol}={}", elsewhere(*address, taken))]);
        }
    }
}

fn moved(written: &Value, taken: &Taken) -> Value {
    let address = written.as_str().and_then(|written| written.parse::<SocketAddr>().ok());
    address.map_or_else(|| written.clone(), |address| elsewhere(address, taken).to_string().into())
}

/// The same address, at a port that the other one does not have.
fn elsewhere(address: SocketAddr, taken: &Taken) -> SocketAddr {
    let step = if address.port() == USUAL_CONSOLE { 1 } else { 1000 };
    let at = |port| SocketAddr::new(address.ip(), port);
    let free = (address.port()..).step_by(step).take(MOST_TRIED).map(at).find(|one| !taken.has(*one));
    free.unwrap_or(address)
}

/// Where ours cannot listen beside the other one.
enum Taken {
    /// What the other one's file has.
    Written(Vec<SocketAddr>),
    /// Nobody knows that file, and what it may have is no reason to leave a port that is free.
    InUse,
}

impl Taken {
    fn by(other: Option<&Config>) -> Self {
        other.map_or(Self::InUse, |config| Self::Written(addresses_of(config)))
    }

    fn has(&self, address: SocketAddr) -> bool {
        let meets = |other: &SocketAddr| {
            let (ours, theirs) = (address.ip(), other.ip());
            other.port() == address.port() && (ours == theirs || ours.is_unspecified() || theirs.is_unspecified())
        };
        match self {
            Self::Written(all) => all.iter().any(meets),
            Self::InUse => TcpListener::bind(address).is_err_and(|error| error.kind() == ErrorKind::AddrInUse),
        }
    }
}

/// A port that is zero is any, and nobody's.
fn addresses_of(config: &Config) -> Vec<SocketAddr> {
    let listeners = config.listeners.iter().flat_map(|listener| &listener.listen).filter_map(|bind| match bind {
        Bind::Address(address) => Some(*address),
        _ => None,
    });
    listeners.chain(config.console.listen).filter(|address| address.port() != 0).collect()
}

/// Beside our file, where no other one has it.
fn own_store(place: &Place) -> String {
    let stem = place.path.file_stem().unwrap_or_default().to_string_lossy();
    let folder = place.folder().join("state");
    let names = std::iter::once(format!("{stem}.db")).chain((2_u32..).map(|n| format!("{stem}-{n}.db")));
    let free = names.map(|name| folder.join(name)).find(|file| !file.exists()).unwrap_or(folder);
    format!("sqlite://{}", free.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With listeners and a console where they are usually.
    const OTHER: &str = "[app.contoso]\nprovider = \"microsoft365\"\ntenant = \"contoso.com\"\nclient-id = \
                         \"11111111-2222-3333-4444-555555555555\"\n[[account]]\naddress = \"bob@contoso.com\"\napp = \"contoso\"\n";

    /// `other`: what stands in the file of the other one, where anybody knows that.
    fn apart(text: &str, other: Option<&str>, typed: &str) -> (tempfile::TempDir, Apart) {
        let dir = tempfile::tempdir().unwrap();
        let theirs = dir.path().join("other.toml");
        other.iter().for_each(|text| std::fs::write(&theirs, text).unwrap());
        let file = dir.path().join("gatepost.toml");
        std::fs::write(&file, text).unwrap();
        let place = Place::find(Some(&file), None).unwrap();
        let typed: Vec<String> = typed.split(' ').map(str::to_owned).collect();
        let existing: Table = text.parse().unwrap();
        let ours = Ours { place: &place, existing: &existing, settings: &[], listeners: &[] };
        let apart = Apart::of(&ours, other.map(|_| theirs.as_path()), &typed);
        (dir, apart)
    }

    #[test]
    fn what_the_file_does_not_have_is_in_the_command_with_all_three_protocols() {
        let (dir, apart) =
            apart("", Some(OTHER), "gatepost setup --address ann@contoso.com --listen smtp=127.0.0.1:1587");
        let folder = std::fs::canonicalize(dir.path()).unwrap().display().to_string();
        assert!(apart.lines.is_empty() && apart.go_on.is_some());
        assert_eq!(
            apart.both,
            format!(
                "gatepost --config {folder}/gatepost.toml setup --address ann@contoso.com --set \
                 store.url=sqlite://{folder}/state/gatepost.db --set console.listen=127.0.0.1:8426 --listen \
                 smtp=127.0.0.1:2587 --listen imap=127.0.0.1:2993 --listen pop3=127.0.0.1:2995"
            )
        );
    }

    #[test]
    fn what_the_file_has_already_is_a_line_to_change_and_no_flag() {
        let text = "[store]\nkey-file = \"/k\"\n[console]\nlisten = \"127.0.0.1:8425\"\n[[listener]]\nprotocol = \
                    \"smtp\"\nlisten = [\"192.168.10.2:1587\", \"127.0.0.1:4025\"]\n";
        let other = OTHER.to_owned() + "[[listener]]\nprotocol = \"smtp\"\nlisten = [\"0.0.0.0:1587\"]\n";
        let (_dir, apart) = apart(text, Some(&other), "gatepost -c x.toml setup");
        assert!(apart.both.ends_with("gatepost.toml setup"), "{}", apart.both);
        let lines: Vec<String> = apart.lines.iter().map(|line| format!("{} {}", line.block, line.text)).collect();
        assert!(lines[0].starts_with("[store] url = \"sqlite://"), "{lines:?}");
        assert_eq!(lines[1], "[console] listen = \"127.0.0.1:8426\"");
        assert_eq!(lines[2], "[[listener]] smtp listen = [\"192.168.10.2:2587\", \"127.0.0.1:4025\"]");
    }

    #[test]
    fn a_port_of_ours_that_is_free_stays_ours_where_nobody_knows_the_other_file_or_it_has_another_address() {
        let held = TcpListener::bind("127.41.23.1:0").unwrap();
        let taken = held.local_addr().unwrap();
        let free = TcpListener::bind("127.41.23.2:0").unwrap().local_addr().unwrap();
        let text = format!(
            "[console]\nlisten = \"{free}\"\n[[listener]]\nprotocol = \"smtp\"\nlisten = [\"{taken}\", \"{free}\"]\n"
        );
        let told = |other: Option<&str>| {
            let (_dir, apart) = apart(&text, other, "gatepost -c x.toml setup");
            apart.lines.iter().map(|line| format!("{} {}", line.block, line.text)).collect::<Vec<_>>()
        };
        let unknown = told(None);
        let [listener] = &unknown[..] else { panic!("{unknown:?}") };
        assert!(!listener.contains(&taken.to_string()) && listener.contains(&free.to_string()), "{listener}");
        let port = taken.port();
        let beside =
            OTHER.to_owned() + &format!("[[listener]]\nprotocol = \"smtp\"\nlisten = [\"127.0.0.1:{port}\"]\n");
        assert_eq!(told(Some(&beside)), Vec::<String>::new(), "it listens at another address");
    }
}
