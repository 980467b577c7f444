//! `gatepost config client`: a block for the configuration, and a sheet for the person at the device.
//!
//! The block goes to stdout, so that it can be appended to a file; sheet and password go to stderr. It writes no file.

use std::path::Path;

use super::{
    args::ClientArgs,
    config::{load, print},
    language,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::{
    account::{self, local_password},
    base::{Lang, Secret, printable},
    config::device::{self, Device, Wish},
};

/// Stands in for what only the reader knows.
const SOME_ACCOUNT: &str = "scanner@contoso.com";
const SOME_ADDRESS: &str = "192.168.10.21";

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
    let account = args.account.clone().or_else(|| only_account(named)).unwrap_or_else(|| SOME_ACCOUNT.to_owned());
    let made = login(device, name, args).map(Made::new).transpose()?;
    let from = match &made {
        None if args.from.is_empty() => vec![SOME_ADDRESS.to_owned()],
        _ => args.from.clone(),
    };
    let login = made.as_ref().map(|made| (made.login.as_str(), made.hash.expose()));
    let wish = Wish { name, account: &account, from: &from, login };
    let block = device::block(device, &wish);
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

/// Whose else could it be. A configuration that is not there or not sound is no obstacle here.
fn only_account(named: Option<&Path>) -> Option<String> {
    let (config, _) = load(named).ok()?;
    match config.accounts.as_slice() {
        [one] => Some(one.address.clone()),
        _ => None,
    }
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
