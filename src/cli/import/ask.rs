//! Asks for the passwords that an import needs: on the terminal, unseen, account by account; or from stdin.
//!
//! A password that opens what is sealed is right, and becomes the account's. One that does not is told, and costs
//! nothing but the sign-in: the account comes without it. Whose password came from which line is told, and a password
//! that an account has already is only changed by one that is typed.

use crate::{
    account::{self, local_password},
    base::Secret,
    cli::{outcome::Failure, terminal},
    config::import::{Answer, DraftPassword, Found, FoundAccount, KeptPasswords, Opened, Wanted},
};

/// On a terminal; a script does not try again.
const TRIES: usize = 3;

/// An account, and the password that was made for it: shown once, when everything is written.
pub struct Made {
    pub address: String,
    pub password: Secret,
}

/// In the order of the accounts.
pub fn answers(found: &Found, from_stdin: bool, kept: &KeptPasswords) -> Result<(Vec<Answer>, Vec<Made>), Failure> {
    let wide = found.is_wide();
    let asks = found.accounts.iter().any(|account| account.wanted(wide) != Wanted::Nothing);
    let lines = match from_stdin && asks {
        true => Some(terminal::stdin_lines().map_err(|e| Failure::new(format!("stdin: {e}"), "give UTF-8 lines"))?),
        false => None,
    };
    let mut interview = Interview { lines: lines.map(Lines::new), last: None, wide, kept, made: Vec::new() };
    let answers = found.accounts.iter().map(|account| interview.of(account)).collect::<Result<_, _>>()?;
    Ok((answers, interview.made))
}

struct Interview<'a> {
    lines: Option<Lines>,
    /// Most people have one for all.
    last: Option<Secret>,
    wide: bool,
    kept: &'a KeptPasswords,
    made: Vec<Made>,
}

impl Interview<'_> {
    fn of(&mut self, account: &FoundAccount) -> Result<Answer, Failure> {
        match account.wanted(self.wide) {
            Wanted::Nothing => self.answer(account, account.unsealed(), None),
            Wanted::MailPassword => self.opened(account),
            Wanted::Unproved => {
                let typed = self.ask(&format!("{}: its password at the provider: ", account.address))?;
                self.tell_line(account, typed.as_ref(), "its password at the provider");
                self.answer(account, account.unsealed(), typed)
            }
            Wanted::Choice => {
                let otherwise = if self.kept.of(&account.address).is_some() { "keep the old one" } else { "make one" };
                let typed =
                    self.ask(&format!("{}: password for mail programs (Enter: {otherwise}): ", account.address))?;
                self.tell_line(account, typed.as_ref(), "its password for mail programs");
                self.answer(account, account.unsealed(), typed)
            }
        }
    }

    /// A slip (a line too few, or the wrong one) is seen by whose password it became.
    fn tell_line(&self, account: &FoundAccount, typed: Option<&Secret>, what: &str) {
        if let (Some(lines), Some(_)) = (&self.lines, typed) {
            terminal::tell(&format!("{}: {what} is {}", account.address, lines.told()));
        }
    }

    fn opened(&mut self, account: &FoundAccount) -> Result<Answer, Failure> {
        let address = &account.address;
        if let Some(last) = self.last.clone().filter(|_| self.lines.is_none())
            && let Ok(opened) = account.open(&last)
        {
            terminal::tell(&format!("{address}: opened with the same mail password{}", gain(account, &opened)));
            return self.answer(account, opened, Some(last));
        }
        let tries = if self.lines.is_some() { 1 } else { TRIES };
        for _ in 0..tries {
            let Some(typed) = self.ask(&format!("{address}: mail password (Enter: without its sign-in): "))? else {
                terminal::tell(&format!("{address}: no mail password, so what it sealed stays where it is"));
                break;
            };
            match account.open(&typed) {
                Ok(opened) => {
                    let line = self.lines.as_ref().map(|lines| format!(", by {}", lines.told())).unwrap_or_default();
                    terminal::tell(&format!("{address}: opened{}{line}", gain(account, &opened)));
                    self.last = Some(typed.clone());
                    return self.answer(account, opened, Some(typed));
                }
                Err(_) => {
                    let line = self.lines.as_ref().map(|lines| format!(" ({})", lines.told())).unwrap_or_default();
                    terminal::tell(&format!(
                        "{address}: this is not the mail password that its sign-in is sealed with{line}"
                    ));
                }
            }
        }
        self.answer(account, account.unsealed(), None)
    }

    fn answer(&mut self, account: &FoundAccount, opened: Opened, typed: Option<Secret>) -> Result<Answer, Failure> {
        let no_hash = || Failure::new("no hash could be made: this machine gives no random numbers", "try again");
        let kept = self.kept.of(&account.address);
        // One for the provider is not asked for here.
        let is_left = kept.is_some() && account.wanted(self.wide) != Wanted::Unproved && !account.is_whole_domain();
        let address = &account.address;
        match &typed {
            None if is_left => terminal::tell(&format!("{address}: keeps the password for mail programs that it has")),
            Some(_) if is_left => {
                terminal::tell(&format!(
                    "{address}: its password for mail programs is the one given now, not the old one"
                ));
            }
            _ => {}
        }
        let password = match (&typed, kept.filter(|_| is_left)) {
            // One password would open every mailbox.
            _ if account.is_whole_domain() => DraftPassword::Open,
            (Some(typed), _) => DraftPassword::Hash(account::hash(typed).ok_or_else(no_hash)?),
            // Devices know it.
            (None, Some(kept)) => DraftPassword::Kept(kept.clone()),
            // Whoever signs in for it arms its first use.
            (None, None) if account.is_attended() && !self.wide && opened.refresh.is_none() => DraftPassword::FirstUse,
            (None, None) => {
                let password = local_password::made().ok_or_else(no_hash)?;
                let hash = account::hash(&password).ok_or_else(no_hash)?;
                self.made.push(Made { address: account.address.clone(), password });
                DraftPassword::Hash(hash)
            }
        };
        Ok(Answer { opened, password, typed })
    }

    /// `None`: an empty line.
    fn ask(&mut self, prompt: &str) -> Result<Option<Secret>, Failure> {
        const HINT: &str = "give them on stdin: --password-stdin (an empty stdin takes no sign-in over)";
        let typed = match &mut self.lines {
            Some(lines) => lines.next(),
            None => terminal::ask_unseen(prompt)
                .map_err(|e| Failure::new(format!("the terminal: {e}"), HINT))?
                .ok_or_else(|| Failure::usage("there is no terminal to ask for passwords on", HINT))?,
        };
        Ok(Some(typed).filter(|typed| !typed.is_empty()))
    }
}

fn gain(account: &FoundAccount, opened: &Opened) -> &'static str {
    match opened.refresh {
        Some(_) => ", its sign-in is taken over",
        None if account.is_attended() => ", there is no sign-in to take over",
        None => "",
    }
}

/// One line serves all; of several each serves one account.
struct Lines {
    all: Vec<Secret>,
    next: usize,
}

impl Lines {
    fn new(all: Vec<Secret>) -> Self {
        Self { all, next: 0 }
    }

    /// The line that was given last.
    fn told(&self) -> String {
        match self.all.len() {
            1 => "the one line of stdin, which serves every account".to_owned(),
            _ => format!("line {} of stdin", self.next),
        }
    }

    fn next(&mut self) -> Secret {
        let line = match self.all.as_slice() {
            [one] => Some(one),
            several => several.get(self.next),
        };
        self.next += 1;
        line.cloned().unwrap_or_default()
    }
}
