//! What stood in the places that the data leave open when a daemon told a step: read back from its English words, so that the
//! same step is told in another language with all that the daemon knew.
//!
//! It refuses to guess: a value stands between words that only this step has, and a stand-in is none.

use super::{
    entry::{BRACKETS, Entry},
    known::{NAMES, stand_in},
    step::sentences,
};

/// Of a value: the whole line of `send-as` is one.
const VALUE_CAP: usize = 1000;
/// Letters beside a value that tell its place from others.
const LETTERS: usize = 4;
/// It is told with those around it.
const CLIENT: &str = "client";
/// What begins a command that names its configuration.
const NAMED: &str = "`gatepost --config ";

/// Each name of the step that has a value in what was `told`, the first one that it has.
pub(super) fn recalled(entry: &Entry, told: &str) -> Vec<(&'static str, String)> {
    let told = without_configuration(told);
    let mut all: Vec<(&'static str, String)> = Vec::new();
    let clauses = entry.en.steps().flat_map(|step| step.split(BRACKETS)).flat_map(sentences);
    for (name, value) in clauses.filter_map(|clause| values(clause, &told)).flatten() {
        if all.iter().all(|(known, _)| *known != name) {
            all.push((name, value));
        }
    }
    all
}

/// As the data have the commands.
fn without_configuration(told: &str) -> String {
    let mut parts = told.split(NAMED);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let quoted = part.strip_prefix('\'').and_then(|rest| rest.split_once("' "));
        text + "`gatepost " + quoted.or_else(|| part.split_once(' ')).map_or(part, |(_, rest)| rest)
    })
}

/// `None`: the clause was not told.
fn values(clause: &str, told: &str) -> Option<Vec<(&'static str, String)>> {
    let (words, names) = parts(clause);
    let letters = words.iter().flat_map(|one| one.chars()).filter(|c| c.is_alphabetic()).count();
    let (first, rest) = words.split_first().filter(|(first, _)| !first.is_empty())?;
    if names.is_empty() || letters < LETTERS {
        return None;
    }
    told.match_indices(first).find_map(|(at, _)| between(&names, rest, told.get(at + first.len()..)?))
}

/// What stands around the names of a clause, and these.
fn parts(clause: &str) -> (Vec<&str>, Vec<&'static str>) {
    let (mut words, mut names, mut from) = (Vec::new(), Vec::new(), 0);
    for (at, _) in clause.match_indices('{') {
        let behind = clause.get(at + 1..).unwrap_or_default();
        let name = behind.split_once('}').and_then(|(name, _)| NAMES.iter().find(|known| **known == name));
        let (Some(name), Some(ahead)) = (name, clause.get(from..at)) else { continue };
        words.push(ahead);
        names.push(*name);
        from = at + name.len() + 2;
    }
    words.push(clause.get(from..).unwrap_or_default().trim_end());
    (words, names)
}

/// The values of all names, where each stands ahead of its words.
fn between(names: &[&'static str], words: &[&str], told: &str) -> Option<Vec<(&'static str, String)>> {
    let mut rest = told;
    let mut found = Vec::new();
    for (name, words) in names.iter().zip(words) {
        let (value, behind) = rest.split_once(*words).filter(|_| !words.is_empty())?;
        // What ends a span or a sentence is in none, but for the name of a client.
        let is_torn = (value.contains('`') || value.contains(". ")) && *name != CLIENT;
        if value.is_empty() || value.len() > VALUE_CAP || is_torn {
            return None;
        }
        if value != stand_in(name) {
            found.push((*name, value.to_owned()));
        }
        rest = behind;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use crate::{
        base::Lang,
        catalog::{Known, all, doctor::CONFIGURATION_OF_ANOTHER_DAEMON},
    };

    #[test]
    fn whatever_a_daemon_told_in_english_is_told_in_japanese_with_all_that_stood_in_it() {
        let ann = || Some("ann@contoso.com".to_owned());
        let daemons = Known {
            address: ann(),
            mailbox: Some("info@contoso.com".into()),
            smtp_user: ann(),
            who_signs_on: ann(),
            sender: Some("boss@contoso.com".into()),
            client: Some("3F copier".into()),
            app: Some("contoso".into()),
            provider: Some("microsoft365".into()),
            is_app_only: Some(false),
            tenant: Some("contoso.com".into()),
            tenant_id: Some("t-1".into()),
            client_id: Some("c-1".into()),
            object_id: Some("o-1".into()),
            host: Some("smtp.office365.com".into()),
            port: Some(587),
            login: Some("https://login.microsoftonline.com".into()),
            graph_host: Some("graph.microsoft.com".into()),
            device_address: Some("192.0.2.7".into()),
            running_file: Some("/etc/other.toml".into()),
            permissions: vec!["SMTP.Send".into()],
            ..Known::default()
        };
        let mut lacking = Vec::new();
        // The doctor alone tells of another one's file, with a configuration.
        for entry in all().filter(|entry| entry.id != CONFIGURATION_OF_ANOTHER_DAEMON.id) {
            let told = entry.told(Lang::En, &daemons).next;
            let elsewhere = Known {
                // Fields of the line.
                address: ann(),
                sender: daemons.sender.clone(),
                is_app_only: daemons.is_app_only,
                provider: daemons.provider.clone(),
                client: daemons.client.clone(),
                who_signs_on: daemons.who_signs_on.clone(),
                mailbox: daemons.mailbox.clone(),
                protocol: daemons.protocol,
                recalled: entry.recalled(&told),
                ..Known::default()
            };
            let (here, there) = (entry.told(Lang::Ja, &daemons), entry.told(Lang::Ja, &elsewhere));
            if there.commands() != here.commands() {
                lacking.push(format!("{}: {:?}\n{:?}", entry.id, there.commands(), here.commands()));
            }
        }
        assert!(lacking.is_empty(), "{}", lacking.join("\n"));
    }

    #[test]
    fn a_stand_in_is_no_value_and_the_file_of_another_daemon_is_in_none() {
        let entry = crate::catalog::own::BAD_CREDENTIALS;
        let recalled = |next: &str| entry.recalled(next).into_iter().find(|(name, _)| *name == "address");
        let told = entry.told(Lang::En, &Known::default()).next;
        assert_eq!(recalled(&told), None);
        let named = told.replace("gatepost ", "gatepost --config '/a b.toml' ").replace("<address>", "ann@contoso.com");
        assert_eq!(recalled(&named), Some(("address", "ann@contoso.com".to_owned())));
        assert_eq!(recalled("password --reset eve@contoso.com"), None, "that is none of its words");
    }
}
