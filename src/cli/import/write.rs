//! Puts a draft on disk: secrets into files of their own, then, once it was checked, the configuration, and the tokens
//! into the store last. What fails on the way puts back what was there and takes away what was not.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use super::{ask::Made, files::Files};
use crate::{
    account::LocalPassword,
    cli::{
        elsewhere, language,
        outcome::{CONFIG_REFUSED, Failure, Outcome},
        state::{block_on, refuse_foreign_store},
        terminal,
    },
    config::{self, Config, Surroundings, import::Draft},
    oauth::sign_in::{Adopted, adopt, is_signed_in},
    store::Store,
};

/// What is on disk now.
pub struct Written {
    target: PathBuf,
    files: Files,
    store: PathBuf,
    taken: Vec<String>,
    /// Signed in here before, which counts.
    already: Vec<String>,
    /// And the provider wants to see the person, who signs in again.
    interrupted: Vec<String>,
    /// Signed in, and without a password for mail programs: no sign-in to come arms the first use.
    unarmed: Vec<String>,
}

pub fn refuse_existing(target: &Path, force: bool) -> Outcome {
    if target.exists() && !force {
        return Err(Failure::new(
            format!("{} is there already", target.display()),
            "--force replaces it (the old one is kept beside it), --config FILE writes to another place",
        ));
    }
    Ok(())
}

pub fn write(draft: &Draft, target: &Path, force: bool) -> Result<Written, Failure> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let unwritten = |path: &Path, error: &io::Error| {
        Failure::new(
            format!("{} cannot be written: {error}", path.display()),
            "write to another place with --config FILE, or as the user whom that folder belongs to",
        )
    };
    let mut files = Files::default();
    files.make_dir(folder).map_err(|error| unwritten(folder, &error))?;
    for file in draft.files(folder) {
        files.make(&file, force).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::new(
                format!("{} is there already", file.path.display()),
                "--force replaces it, --config FILE writes to another folder",
            ),
            _ => unwritten(&file.path, &error),
        })?;
    }
    let text = super::remarks_said(&draft.toml(folder));
    let config = checked(&text, target)?;
    let place = || files.put(target, text.as_bytes()).map_err(|error| unwritten(target, &error));
    let mut written = block_on(tokens(draft, &config, target, place))?;
    files.keep();
    written.files = files;
    Ok(written)
}

/// By the same check that the daemon makes.
fn checked(text: &str, target: &Path) -> Result<Config, Failure> {
    let around = Surroundings::of_this_process(target);
    match config::check_text(text, &target.display().to_string(), &around) {
        Ok((config, warnings)) => {
            crate::cli::config::note_all(&warnings);
            Ok(config)
        }
        Err(problems) => {
            terminal::tell(&format!(
                "{}Nothing was written, since the check refuses it. Without --write it is shown: take it from there, mend it, \
                 and sign in with `gatepost login`.",
                problems.told(language::current())
            ));
            Err(Failure::silent(CONFIG_REFUSED))
        }
    }
}

/// `place` puts the configuration there, once the store is open: a token whose account nobody configured is never left.
async fn tokens(
    draft: &Draft,
    config: &Config,
    target: &Path,
    place: impl FnOnce() -> Outcome,
) -> Result<Written, Failure> {
    if let Some(elsewhere) = elsewhere::find(config, target) {
        return Err(elsewhere.failure_importing());
    }
    refuse_foreign_store(&config.store)?;
    let store = Store::open(&config.store).await?;
    place()?;
    let mut written = Written {
        target: target.to_owned(),
        files: Files::default(),
        store: store.path().to_owned(),
        taken: Vec::new(),
        already: Vec::new(),
        interrupted: Vec::new(),
        unarmed: Vec::new(),
    };
    let mut taken = BTreeSet::new();
    for account in draft.accounts.iter().filter(|account| account.attended) {
        let Some(own) = config.accounts.iter().find(|own| own.address == account.address) else { continue };
        let key = own.sign_in.key();
        let address = account.address.clone();
        let Some(refresh) = &account.refresh else {
            // Nothing came for it; somebody may have signed in here all the same.
            if taken.contains(&key) || is_signed_in(&store, &own.sign_in).await? {
                let by_first_use = matches!(own.password, LocalPassword::FirstUse);
                if by_first_use && store.learned_password(&address).await?.is_none() {
                    written.unarmed.push(address.clone());
                }
                written.already.push(address);
            }
            continue;
        };
        if taken.contains(&key) {
            written.taken.push(address);
            continue;
        }
        match adopt(&store, &own.sign_in, refresh).await? {
            Adopted::Saved => {
                taken.insert(key);
                written.taken.push(address);
            }
            Adopted::SignedInAlready => written.already.push(address),
            Adopted::Interrupted => written.interrupted.push(address),
        }
    }
    Ok(written)
}

impl Written {
    /// Says what was done, what to do now, and the passwords that were made.
    pub fn tell(&self, draft: &Draft, made: &[Made]) -> Outcome {
        let mut said = self.files.told(&self.target);
        if !self.taken.is_empty() {
            said += &format!("took over, sealed in {}: {}\n", self.store.display(), self.taken.join(", "));
        }
        for address in &self.already {
            said += &format!("{address} is signed in here already, and that stays\n");
        }
        for address in &self.interrupted {
            said += &format!("{address} has a sign-in here that only waits for its person: it stays, log in again\n");
        }
        for Made { address, password } in made {
            said += &format!("password for mail programs ({address}): {}    (shown this once)\n", password.expose());
        }
        said += "next:\n";
        for step in &draft.next {
            said += &format!("  {step}\n");
        }
        let signed_in = |address: &String| self.taken.contains(address) || self.already.contains(address);
        for account in draft.accounts.iter().filter(|account| account.attended && !signed_in(&account.address)) {
            said += &match account.address.strip_prefix("*@") {
                Some(domain) => format!("  each mailbox of {domain} signs in by itself\n"),
                None => format!("  gatepost login {}{}\n", account.address, self.option()),
            };
        }
        for address in &self.unarmed {
            said += &format!("  gatepost password --reset {address}{}\n", self.option());
        }
        said += &format!("  gatepost run{}\n", self.option());
        said += self.service();
        said.extend(draft.afterwards.map(|step| format!("  once mail flows: {step}\n")));
        terminal::say(&said).map_err(|e| Failure::new(format!("stdout: {e}"), "everything is written all the same"))
    }

    /// Root's own store is not the one of a service, whose user is another.
    fn service(&self) -> &'static str {
        let here = Surroundings::of_this_process(&self.target);
        match here.ordinary_user || here.variable("STATE_DIRECTORY").is_some() {
            true => "",
            false => {
                "  a service has a store of its own: for one, run the import as its user (docs/coming-from-elsewhere.md)\n"
            }
        }
    }

    /// What commands need where another configuration would be found.
    fn option(&self) -> String {
        let here = Surroundings::of_this_process(Path::new("gatepost.toml"));
        let found = config::locate(None, &here).ok().and_then(|found| std::path::absolute(found).ok());
        match found.is_some_and(|found| found == self.target) {
            true => String::new(),
            false => format!(" --config {}", crate::cli::pasted::shell(&self.target.to_string_lossy())),
        }
    }
}
