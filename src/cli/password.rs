//! `gatepost password`: a hash for the configuration, or a new chance for "first-use".

use super::{
    args::PasswordArgs,
    outcome::{Failure, Outcome},
    terminal,
};
use crate::{account, base::Secret};

/// `reset` arms first-use of an account; it is a parameter because it needs the store.
pub fn run(args: &PasswordArgs, reset: impl FnOnce(&str) -> Outcome) -> Outcome {
    if let Some(account) = &args.reset {
        return reset(account);
    }
    let odd = |c: char| c.is_control() || c.is_whitespace() || ":#".contains(c);
    if let Some(user) = args.user.as_ref().filter(|user| user.is_empty() || user.contains(odd)) {
        return Err(Failure::usage(
            format!("{user:?} is no user of a passwords-file"),
            "give an address, or its part before the @",
        ));
    }
    let password = if args.stdin { from_stdin()? } else { from_terminal()? };
    if password.is_empty() {
        return Err(Failure::new("the password is empty", "type at least one character"));
    }
    if password.expose().contains('\0') {
        return Err(Failure::new("the password holds a NUL byte", "no mail program can send one; choose another"));
    }
    let hash = account::hash(&password)
        .ok_or_else(|| Failure::new("no hash could be made: this machine gives no random numbers", "try again"))?;
    let user = args.user.as_deref().map(|user| format!("{user}:")).unwrap_or_default();
    terminal::print(&format!("{user}{}\n", hash.expose()))
        .map_err(|e| Failure::new(format!("stdout: {e}"), "try again"))
}

fn from_stdin() -> Result<Secret, Failure> {
    terminal::stdin_line()
        .map_err(|e| Failure::new(format!("the password could not be read: {e}"), "give one line on stdin"))
}

fn from_terminal() -> Result<Secret, Failure> {
    let ask = |prompt: &str| match terminal::ask_unseen(prompt) {
        Ok(Some(password)) => Ok(password),
        Ok(None) => Err(Failure::usage(
            "there is no terminal to ask on",
            "give the password on stdin: gatepost password --stdin",
        )),
        Err(e) => {
            Err(Failure::new(format!("the terminal: {e}"), "give the password on stdin: gatepost password --stdin"))
        }
    };
    let password = ask("Password: ")?;
    if !ask("Again: ")?.matches(&password) {
        return Err(Failure::new("the two passwords differ", "run the command again"));
    }
    Ok(password)
}
