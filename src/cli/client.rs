//! `gatepost config client`: a block for the configuration, and a sheet for the person at the device.
//!
//! The block goes to stdout, so that it can be appended to a file; sheet and password go to stderr. It writes no file.

use std::path::Path;

use super::{
    args::ClientArgs,
    config::{found, load, print},
    language,
    outcome::{Failure, Outcome},
    pasted::word_of,
    terminal,
};
use crate::{
    account::{self, local_password},
    base::{Lang, Protocol, Secret, printable},
    config::{
        Config,
        device::{self, Beside, Device, Door, Wish},
    },
    net::{Bind, Listener, ListenerTls},
};

/// Stands in where there is no configuration yet: the check refuses it in one that has no such account.
const SOME_ACCOUNT: &str = "scanner@contoso.com";

/// Of the accounts of a configuration.
const MOST_NAMED: usize = 20;

/// A password that was just made, and its hash.
struct Made {
    login: String,
    password: Secret,
    hash: Secret,
}

pub fn run(named: Option<&Path>, args: &ClientArgs) -> Outcome {
    let lang = language::current();
    if args.preset == "list" {
        return print(&device::list(lang));
    }
    let device = device::find(&args.preset).map_err(|near| unknown(&args.preset, near))?;
    let name = args.name.as_deref().ok_or_else(|| {
        let hint = format!("for example: gatepost config client \"3F {0}\" --preset {0}", device.name);
        Failure::usage("a client needs a name", hint)
    })?;
    let config = load(named).ok().map(|(config, _)| config);
    let account = args.account.clone().map_or_else(|| only_account(config.as_ref()), Ok)?;
    let login = login(device, name, args);
    if login.is_none() && args.from.is_empty() {
        return Err(nobody_admits(name));
    }
    let made = login.map(Made::new).transpose()?;
    let login = made.as_ref().map(|made| (made.login.as_str(), made.hash.expose()));
    let beside = config.map_or(Beside::Nothing, |config| beside(named, &config, device.door(login.is_some())));
    let wish = Wish { name, account: &account, from: &args.from, login, beside };
    let block = device::block(device, &wish, lang);
    if let Some(problem) = device::mistakes(&block, &wish).into_iter().next() {
        return Err(Failure::usage(problem.text, problem.hint.unwrap_or_default()));
    }
    print(&block)?;
    terminal::note(&format!("\n{}{}", device::sheet(device, &wish, lang), password(made.as_ref(), lang)));
    Ok(())
}

fn unknown(preset: &str, near: Option<&str>) -> Failure {
    let hint = match near {
        Some(near) => format!("did you mean \"{near}\"? All of them: gatepost config client --preset list"),
        None => {
            let all: Vec<&str> = device::DEVICES.iter().map(|device| device.name).collect();
            format!("there are: {}", all.join(", "))
        }
    };
    Failure::usage(format!("there is no preset \"{}\"", printable(preset, 60)), hint)
}

/// Nothing is printed with an address that was made up: the block would admit whoever has that one.
fn nobody_admits(name: &str) -> Failure {
    let (text, typed) =
        (format!("\"{}\" is admitted by its address, and that is not named", printable(name, 60)), typed());
    let hint = format!(
        "`{typed} --from ADDRESS`: the address that its own network settings show, such as 192.168.10.21. To admit it by \
         user and password instead: `{typed} --login NAME`"
    );
    Failure::usage(text, hint)
}

/// This command, to be completed.
fn typed() -> String {
    let words = std::env::args_os().skip(1).map(|word| word_of(&word.to_string_lossy()));
    std::iter::once("gatepost".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// Whose else could it be. A configuration that is not there or not sound is no obstacle here.
fn only_account(config: Option<&Config>) -> Result<String, Failure> {
    match config.map(|config| config.accounts.as_slice()).unwrap_or_default() {
        [] => Ok(SOME_ACCOUNT.to_owned()),
        [one] => Ok(one.address.clone()),
        several => {
            let all: Vec<&str> = several.iter().take(MOST_NAMED).map(|account| account.address.as_str()).collect();
            let hint = format!("`{} --account ADDRESS`, one of: {}", typed(), all.join(", "));
            Err(Failure::usage("the configuration has several accounts: which one sends for it?", hint))
        }
    }
}

/// Whether its listeners are written, and one like this among them.
fn beside(named: Option<&Path>, config: &Config, door: Door) -> Beside {
    let written = found(named).ok().and_then(|file| std::fs::read_to_string(file).ok());
    let written: toml::Table = written.and_then(|text| text.parse().ok()).unwrap_or_default();
    if !written.contains_key("listener") {
        return Beside::UsualListeners;
    }
    let is_at = |bind: &Bind| matches!(bind, Bind::Address(at) if at.port() == door.port && !at.ip().is_loopback());
    let is_it = |listener: &Listener| {
        let tls = match listener.tls {
            ListenerTls::Off => "off",
            ListenerTls::Auto => "auto",
            ListenerTls::StartTls => "starttls",
            _ => "",
        };
        listener.protocol == Protocol::Smtp && tls == door.tls && listener.listen.iter().any(is_at)
    };
    if config.listeners.iter().any(is_it) { Beside::ThisListener } else { Beside::OtherListeners }
}

/// What it will type, if it logs in: what was asked for, or for a program its own name.
fn login(device: &Device, name: &str, args: &ClientArgs) -> Option<String> {
    let by_itself = || device.logs_in && args.from.is_empty();
    args.login.clone().or_else(|| by_itself().then(|| user_name(name).unwrap_or_else(|| device.name.to_owned())))
}

/// Letters and digits of a name, joined by hyphens; `None` if there are none of ASCII.
fn user_name(name: &str) -> Option<String> {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then(|| words.join("-"))
}

impl Made {
    fn new(login: String) -> Result<Self, Failure> {
        let none = || Failure::new("no password could be made: this machine gives no random numbers", "try again");
        let password = local_password::made().ok_or_else(none)?;
        let hash = account::hash(&password).ok_or_else(none)?;
        Ok(Self { login, password, hash })
    }
}

fn password(made: Option<&Made>, lang: Lang) -> String {
    let Some(Made { login, password, .. }) = made else { return String::new() };
    match lang {
        Lang::En => {
            format!("\nPassword of {login}: {}\nIt is shown this once; the block has its hash.\n", password.expose())
        }
        Lang::Ja => format!(
            "\n{login} のパスワード: {}\n表示はこの一度だけです。ブロックにはハッシュだけが入っています。\n",
            password.expose()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_name_is_what_a_device_can_type() {
        assert_eq!(user_name("Zabbix (main)"), Some("zabbix-main".into()));
        assert_eq!(user_name("3F copier"), Some("3f-copier".into()));
        assert_eq!(user_name("監視サーバー"), None);
    }
}
