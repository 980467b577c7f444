//! `gatepost setup`: from nothing to a sent test message.
//!
//! It finds provider and tenant, shows how the app is registered, writes the configuration, signs in, lets the doctor
//! look, and sends. Each step finds out by itself whether it is done already, so that it is safe to run again, and says
//! what it waits for. Where no terminal is, it never asks: it names the flag.

mod apart;
pub mod args;
mod blocks;
mod certificate;
mod discover;
mod imap;
mod interview;
mod passwords;
mod place;
mod questions;
mod renewal;
mod script;
mod settings;
mod trial;
mod words;

use std::{
    io::{self, IsTerminal},
    path::Path,
    sync::Arc,
};

use toml::Table;

use self::{
    apart::{Apart, Ours},
    args::SetupArgs,
    blocks::{Blocks, Composed, NewAccount, NewPassword, compose, listeners_to_add, settings_to_add},
    interview::{Idle, Interview, Registered},
    passwords::{Passwords, whose},
    place::Place,
    questions::{AtTerminal, Person, Questions},
    renewal::{FirstSecret, Renewal, settle, with_its_step},
    settings::{Listen, Setting},
    trial::Trial,
    words::{Closing, Ended, Renewed, Say, Step, Trouble, Typed},
};
use super::{
    args::LoginArgs,
    config as configuration, doctor, language, login,
    outcome::{CONFIG_REFUSED, Failure, Outcome},
    pasted,
    state::{State, block_on},
    terminal,
};
use crate::{
    account::{self, Account, local_password},
    base::{Lang, Protocol, Secret, invocation},
    config::{self, Config, Problems},
    doctor::{Report, Scope, SendTo, refused_message},
    oauth::{AppCredential, sign_in},
};

pub fn run(named: Option<&Path>, args: &SetupArgs) -> Outcome {
    super::send::check_addresses(args.to.iter())?;
    let lang = language::current();
    let mut person = AtTerminal;
    let asks = io::stdin().is_terminal() && !args.password_stdin;
    let person: Option<&mut dyn Person> = if asks { Some(&mut person) } else { None };
    Setup::new(named, args, lang, Questions::new(lang, person)).and_then(Setup::run)
}

struct Setup<'a> {
    args: &'a SetupArgs,
    lang: Lang,
    questions: Questions<'a>,
    place: Place,
    /// What the file has now.
    existing: Table,
    base: Base,
    /// In this run.
    has_written: bool,
    /// Before this run, which arms no password then.
    was_signed_in: bool,
    /// See [`Interview::is_first_secret`].
    is_first_secret: bool,
}

/// The configuration that is there, with the tables of `--set`.
struct Base {
    config: Config,
    settings: Vec<Setting>,
    listeners: Vec<Listen>,
}

impl Base {
    fn of(place: &Place, existing: &Table, args: &SetupArgs, lang: Lang) -> Result<Self, Failure> {
        let told = |trouble: Trouble| trouble.failure(lang);
        // A file that is broken is mended first: nothing is built on it.
        if !place.text.trim().is_empty() {
            config::check_text(&place.text, &place.shown(), &place.around())?;
        }
        let mut wanted = args.set.iter().map(|one| Setting::parse(one)).collect::<Result<Vec<_>, _>>().map_err(told)?;
        let of_notices = Setting::of_notices(lang).filter(|_| place.text.trim().is_empty());
        wanted.extend(
            of_notices.filter(|ours| !wanted.iter().any(|one| (&one.table, &one.key) == (&ours.table, &ours.key))),
        );
        let mut lines = Vec::new();
        let settings = settings_to_add(existing, &wanted, &mut lines);
        let listeners =
            args.listen.iter().map(|one| Listen::parse(one)).collect::<Result<Vec<_>, _>>().map_err(told)?;
        let listeners = listeners_to_add(existing, &listeners, &mut lines);
        let config = with_tables(place, &settings, lang)?;
        let apart = |other: Option<&Path>| {
            let typed: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
            let ours = Ours { place, existing, settings: &settings, listeners: &listeners };
            Apart::of(&ours, other, &typed)
        };
        // A script is a script alone.
        if args.print_script.is_none() {
            place.meets_no_other_daemon(&config, apart).map_err(told)?;
            if !lines.is_empty() {
                return Err(told(Trouble::Otherwise { file: place.shown(), lines, proof: None }));
            }
            if let Some(say) = place.shares_its_store(&config, apart) {
                note(&say.text(lang));
            }
        }
        Ok(Self { config, settings, listeners })
    }
}

impl<'a> Setup<'a> {
    fn new(named: Option<&Path>, args: &'a SetupArgs, lang: Lang, questions: Questions<'a>) -> Result<Self, Failure> {
        let told = |trouble: Trouble| trouble.failure(lang);
        let mut place = Place::find(named, args.service_folder.as_deref()).map_err(told)?;
        // The app may get its rights before there is one.
        place.without_secrets = args.print_script.is_some();
        place.name_in_commands();
        // Of a script that is printed nothing is written anywhere.
        if named.is_none() && args.print_script.is_none() && place.is_new_for_the_service() {
            note(&Say::ForTheService { file: place.shown() }.text(lang));
        }
        let existing: Table = place.text.parse().unwrap_or_default();
        let given = args.client_secret_file.as_deref().filter(|_| args.print_script.is_none());
        let first = given.map(|given| FirstSecret::put(&place, &existing, given)).transpose().map_err(told)?.flatten();
        let base = Base::of(&place, &existing, args, lang).inspect_err(|_| first.iter().for_each(FirstSecret::undo))?;
        if let Some(first) = &first {
            first.tell(given, lang);
        }
        let is_first_secret = first.is_some();
        let (has_written, was_signed_in) = (false, false);
        Ok(Self { args, lang, questions, place, existing, base, is_first_secret, has_written, was_signed_in })
    }

    fn run(mut self) -> Outcome {
        let Setup { args, lang, .. } = self;
        let mut interview = Interview {
            args,
            lang,
            questions: &mut self.questions,
            config: &self.base.config,
            existing: &self.existing,
            settings: &self.base.settings,
            place: &self.place,
            is_first_secret: self.is_first_secret,
        };
        let address = interview.address()?;
        let again = format!("{} setup --address {}", invocation::gatepost(), pasted::shell(&address));
        invocation::without_daemon(again);
        let choice = interview.choice(&address)?;
        let others = interview.others(&address, &choice)?;
        if let Some(file) = &args.print_script {
            return interview.print_script(file, &choice, &address, &others);
        }
        let registered = interview.registered(&choice, &address, &others)?;
        let wanted: Vec<String> = std::iter::once(address.clone()).chain(others).collect();
        if let Some(renewal) = &registered.renewal {
            self.renewed(renewal, &address)?;
        }
        let made = registered.made.clone();
        let configured = self.configured(registered, &wanted);
        if let Some(made) = made {
            settle(&made, args.client_secret_file.as_deref(), configured.is_ok(), lang);
        }
        let (config, passwords) = configured?;
        self.place.tell_who_reads_it(self.has_written && passwords.is_chosen(), lang);
        if args.no_sign_in {
            self.close(&config, &wanted, &passwords, Ended::Ready)?;
            // Nobody signs in later who would have the daemon told.
            return match account_of(&config, &address).is_some_and(|one| one.sign_in.app.grant.is_unattended()) {
                true => trial::reload_running(&config, &wanted, self.has_written, lang),
                false => Ok(()),
            };
        }
        if self.place.is_of_the_service() {
            let account = account_of(&config, &address);
            let has_secret = account.is_some_and(|one| !matches!(one.sign_in.app.credential, AppCredential::None));
            let is_installed = config::Unit::in_force().is_some();
            note(&Say::OfTheService { address, is_installed, has_secret }.text(lang));
            return self.close(&config, &wanted, &passwords, Ended::Ready);
        }
        let account = account_of(&config, &address).ok_or_else(|| Trouble::Gone { address }.failure(lang))?;
        self.signed_in(&account)?;
        self.proved(&config, &wanted, &passwords)
    }

    /// The daemon has it, the doctor looks, and mail is tried.
    fn proved(&self, config: &Config, wanted: &[String], passwords: &Passwords) -> Outcome {
        let Setup { args, lang, .. } = *self;
        trial::reload_running(config, wanted, self.has_written || self.proves_anew(), lang)?;
        let accounts: Vec<Arc<Account>> = wanted.iter().filter_map(|address| account_of(config, address)).collect();
        let report = self.examined(config, &accounts, passwords)?;
        let tried = self.tried(config, &accounts, passwords, &report);
        let ended = match (report.ok, &tried) {
            (false, _) => Ended::Fails,
            (true, Err(_)) => Ended::Fails,
            (true, Ok(())) if !args.no_send && passwords.knows_all(wanted) => Ended::Proved,
            (true, Ok(())) => Ended::Ready,
        };
        self.close(config, wanted, passwords, ended)?;
        match report.ok {
            true => tried,
            // The doctor said it in full, and mail that flows does not unsay it.
            false => tried.and(Err(Trouble::NotWell.failure(lang))),
        }
    }

    /// A secret was named: whether it is new to whoever has the old one, this run cannot tell.
    fn proves_anew(&self) -> bool {
        self.args.client_secret_file.is_some()
    }

    /// Puts a renewed secret in the place of the old one, behind a proof of it.
    fn renewed(&mut self, renewal: &Renewal, address: &str) -> Outcome {
        let lang = self.lang;
        if !self.args.yes {
            self.questions.agrees("--yes", &Say::AskRenew { file: renewal.file.display().to_string() })?;
        }
        if !self.args.no_sign_in {
            renewal.prove(&self.base.config, address, lang)?;
        }
        Place::renew_secret(&renewal.file, &renewal.secret).map_err(|trouble| trouble.failure(lang))?;
        renewal.tell(&self.base.config, &self.place.shown(), lang);
        self.base.config = with_tables(&self.place, &self.base.settings, lang)?;
        Ok(())
    }

    /// Writes what is not there yet.
    fn configured(&mut self, registered: Registered, wanted: &[String]) -> Result<(Config, Passwords), Failure> {
        let lang = self.lang;
        let told = |trouble: Trouble| trouble.failure(lang);
        note(&Step::Configuration { file: self.place.shown() }.text(lang));
        let missing: Vec<&String> =
            wanted.iter().filter(|address| account_of(&self.base.config, address).is_none()).collect();
        let passwords = self.passwords(&missing, wanted)?;
        let mut blocks = Blocks {
            settings: self.base.settings.iter().chain(&registered.more).cloned().collect(),
            listeners: self.base.listeners.clone(),
            ..Blocks::default()
        };
        let delegate = wanted.first().filter(|_| !registered.grant.is_app_only());
        for address in &missing {
            blocks.accounts.push(NewAccount {
                address: (*address).clone(),
                app: registered.app.clone(),
                sign_in_as: delegate.filter(|delegate| *delegate != *address).map(|_| registered.identity.clone()),
                password: match &passwords.known {
                    Some(password) if !self.args.first_use => NewPassword::Hash(hashed(password, lang)?),
                    _ => NewPassword::FirstUse,
                },
                outbound: registered.outbound.as_str(),
            });
        }
        if account_of(&self.base.config, wanted.first().map(String::as_str).unwrap_or_default()).is_some() {
            // They are for the first of them, and its block has them.
            blocks.settings.retain(|setting| setting.table != "account");
        }
        blocks.app = registered.new;
        if blocks.is_empty() {
            note(&Say::NothingToWrite { file: self.place.shown() }.text(lang));
            return Ok((self.base.config.clone(), passwords));
        }
        let text = blocks.text(lang, &self.place.text, &today());
        let composed = compose(&self.place.text, &text, &self.place.shown(), &self.place.around());
        let Composed { text: whole, config, warnings } = composed.map_err(|problems| {
            note(&format!("{text}\n{}{}", problems.told(lang), Say::NothingWritten.text(lang)));
            Failure::silent(CONFIG_REFUSED)
        })?;
        configuration::note_all(&warnings);
        note(&text);
        if !self.args.yes {
            self.questions.agrees("--yes", &Say::AskWrite { file: self.place.shown() })?;
        }
        self.place.write(&whole).map_err(told)?;
        self.has_written = true;
        note(&Say::Wrote { file: self.place.shown() }.text(lang));
        // At once: whatever happens next, it is known.
        if let Some(password) = passwords.known.as_ref().filter(|_| passwords.is_made) {
            let (users, password) = (passwords.of.join(", "), password.expose().to_owned());
            print(&Say::PasswordMade { users, password }.text(lang))?;
        }
        Ok((config, passwords))
    }

    /// One for all accounts that are new; where all are there, the one that they have, if somebody tells it.
    fn passwords(&mut self, missing: &[&String], wanted: &[String]) -> Result<Passwords, Failure> {
        let lang = self.lang;
        let sends = !self.args.no_send && !self.args.no_sign_in && !self.place.is_of_the_service();
        if self.args.password_stdin && missing.is_empty() && !sends {
            return Err(Trouble::Idle { flag: "--password-stdin", why: Idle::HasPasswords }.failure(lang));
        }
        let typed = if self.args.password_stdin {
            let line = terminal::stdin_line().map_err(|e| Trouble::Terminal { why: e.to_string() }.failure(lang))?;
            if line.is_empty() || line.expose().contains('\0') {
                return Err(Trouble::NoPassword.failure(lang));
            }
            Some(line)
        } else if self.args.first_use || !self.questions.has_person() {
            None
        } else if missing.is_empty() {
            if self.args.no_send || self.args.no_sign_in {
                None
            } else {
                self.questions.secret("--password-stdin", &Say::AskOldPassword { user: wanted.join(", ") })?
            }
        } else {
            self.questions.secret("--password-stdin", &Say::AskPassword)?
        };
        if missing.is_empty() {
            let of = typed.as_ref().map(|typed| whose(typed, wanted, &self.base.config)).unwrap_or_default();
            return Ok(Passwords { known: typed, of, is_made: false, is_written: false });
        }
        let of = missing.iter().map(|address| (*address).clone()).collect();
        let is_made = typed.is_none() && !self.args.first_use;
        let known = match typed {
            None if is_made => Some(local_password::made().ok_or_else(|| Trouble::NoRandomness.failure(lang))?),
            typed => typed,
        };
        Ok(Passwords { known, of, is_made, is_written: !self.args.first_use })
    }

    /// Signs in, unless somebody is; an app that proves itself fetches a token.
    fn signed_in(&mut self, account: &Account) -> Outcome {
        let lang = self.lang;
        note(&Step::SignIn { address: account.address.clone() }.text(lang));
        let named = Some(self.place.path.as_path());
        if !account.sign_in.app.grant.is_unattended() {
            let is_done = block_on(async {
                let state = State::open(named).await?;
                Ok(sign_in::is_signed_in(&state.store, &account.sign_in).await?)
            })?;
            if is_done {
                note(&Say::SignedInAlready { address: account.sign_in.identity.clone() }.text(lang));
                self.was_signed_in = true;
                return Ok(());
            }
        }
        let args = LoginArgs { account: account.address.clone(), flow: self.args.flow, qr: false, json: false };
        login::run_in(lang, named, &args).map_err(|failure| {
            note(&Say::Stays.text(lang));
            with_its_step(failure, &account.sign_in.app, &account.address, None, lang)
        })
    }

    /// Lets the doctor look at everything that these accounts need. Those whose password is not known here send their
    /// message with it, past the listener.
    fn examined(&self, config: &Config, accounts: &[Arc<Account>], passwords: &Passwords) -> Result<Report, Failure> {
        note(&Step::Checks.text(self.lang));
        let to = self.args.to.clone().map_or(SendTo::Itself, SendTo::Address);
        let scope = Scope {
            accounts: accounts.to_vec(),
            send: (!self.args.no_send).then_some(to),
            anew: self.proves_anew(),
            starts_behind: true,
            sent_behind: if self.args.no_send { Vec::new() } else { passwords.known_of().to_vec() },
            ..Scope::all(&self.place.path, self.lang)
        };
        doctor::look(config, &scope)
    }

    /// Opens each mailbox and sends from each, to itself or `--to`; what the checks say of a message is taken from them.
    fn tried(&self, config: &Config, accounts: &[Arc<Account>], passwords: &Passwords, found: &Report) -> Outcome {
        let lang = self.lang;
        note(&Step::Message.text(lang));
        if self.args.no_send {
            note(&Say::NotSentAsAsked.text(lang));
            return Ok(());
        }
        let (by_listener, with_checks): (Vec<_>, Vec<_>) =
            accounts.iter().partition(|account| passwords.known_of().contains(&account.address));
        let mut failed = 0;
        for account in with_checks {
            let (address, is_sent) = (account.address.clone(), found.has_sent(account));
            failed += usize::from(!is_sent);
            note(&Say::WithTheChecks { address, is_sent }.text(lang));
        }
        if let Some(password) = passwords.known.as_ref().filter(|_| !by_listener.is_empty()) {
            let trial = Trial::begin(config, lang)?;
            if let Some(process) = trial.running {
                note(&Say::ThroughRunning { process }.text(lang));
            } else if trial.stands_in {
                note(&Say::StandsIn.text(lang));
            }
            let tried: Result<usize, Failure> =
                by_listener.into_iter().map(|account| self.one_tried(&trial, account, password, found)).sum();
            trial.end();
            failed += tried?;
        }
        match failed {
            0 => Ok(()),
            _ => Err(Trouble::TrialFailed.failure(lang)),
        }
    }

    /// How much of it fails. What the checks explained is not tried again.
    fn one_tried(&self, trial: &Trial, account: &Account, password: &Secret, found: &Report) -> Result<usize, Failure> {
        let (lang, address) = (self.lang, &account.address);
        let mut failed = 0;
        let mut refused = |say: Say, why: &Failure| {
            failed += 1;
            note(&say.text(lang));
            // The listener's own words name the fault; of a connection that failed the hint says more.
            let explained = refused_message(account, why.text(), lang);
            note(&explained.unwrap_or_else(|| language::said(&why.hint().unwrap_or_default(), lang)));
        };
        match (!found.keeps_from_reading(account)).then(|| trial.opens(address, password)).flatten() {
            None => {}
            Some(Ok(())) => note(&Say::Opened { address: address.clone() }.text(lang)),
            Some(Err(why)) => {
                refused(Say::NotOpened { address: address.clone(), why: why.text().to_owned() }, &why);
            }
        }
        if found.keeps_from_sending(account) {
            note(&Say::WithTheChecks { address: address.clone(), is_sent: false }.text(lang));
            return Ok(failed + 1);
        }
        let to = self.args.to.as_deref().unwrap_or(address);
        note(&Say::Sending { from: address.clone(), to: to.to_owned() }.text(lang));
        match trial.sends(address, to, password, lang) {
            Ok(reply) => print(&Say::Sent { from: address.clone(), to: to.to_owned(), reply }.text(lang))?,
            Err(why) => refused(Say::NotSent { address: address.clone(), why: why.text().to_owned() }, &why),
        }
        Ok(failed)
    }

    /// What to type into a mail program, and how it runs from now on.
    fn close(&self, config: &Config, wanted: &[String], passwords: &Passwords, ended: Ended) -> Outcome {
        let places = |protocol: Protocol| {
            let of = config.listeners.iter().filter(|listener| listener.protocol == protocol);
            of.filter_map(|listener| Some((super::send::place_of(listener)?.0, listener.tls))).next()
        };
        let first = wanted.first().and_then(|address| account_of(config, address));
        let is_unattended = first.is_some_and(|account| account.sign_in.app.grant.is_unattended());
        let closing = Closing {
            users: wanted,
            smtp: places(Protocol::Smtp),
            imap: places(Protocol::Imap),
            pop3: places(Protocol::Pop3),
            settled: &passwords.of,
            typed: match (&passwords.known, self.was_signed_in) {
                (Some(_), _) => Typed::Settled,
                (None, false) => Typed::ArmedBySignIn,
                (None, true) => Typed::ArmedByHand,
            },
            renewed: &|address| Some(Renewed::of(&account_of(config, address)?.password)),
            needs_sign_in: self.args.no_sign_in && !is_unattended,
            ended,
            is_of_the_service: self.place.is_of_the_service(),
            running: self.place.daemon(config),
        };
        print(&closing.text(self.lang))
    }
}

/// The configuration that is there, with these tables.
fn with_tables(place: &Place, settings: &[Setting], lang: Lang) -> Result<Config, Problems> {
    let tables = Blocks { settings: settings.to_vec(), ..Blocks::default() };
    let tables = if tables.is_empty() { String::new() } else { tables.text(lang, &place.text, &today()) };
    compose(&place.text, &tables, &place.shown(), &place.around()).map(|composed| composed.config)
}

fn account_of(config: &Config, address: &str) -> Option<Arc<Account>> {
    account::account_of(address, &config.accounts, &config.domains)
}

fn hashed(password: &Secret, lang: Lang) -> Result<Secret, Failure> {
    account::hash(password).ok_or_else(|| Trouble::NoRandomness.failure(lang))
}

fn today() -> String {
    jiff::ZonedDateTime::now().date().to_string()
}

fn note(text: &str) {
    terminal::tell(text);
}

fn print(text: &str) -> Outcome {
    terminal::print(text).map_err(|e| Failure::new(format!("stdout: {e}"), "write to another place"))
}
