//! Puts a draft on disk: secrets into files of their own, tokens into the store, and the configuration last, once it
//! was checked. What fails on the way leaves nothing behind that was not there.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use super::ask::Made;
use crate::{
    base::Secret,
    cli::{
        outcome::{CONFIG_REFUSED, Failure, Outcome},
        state::{block_on, refuse_foreign_store},
        terminal,
    },
    config::{self, Config, Surroundings, import::Draft},
    oauth::sign_in::{Adopted, adopt},
    store::{Store, private_file},
};

/// What is on disk now.
pub struct Written {
    target: PathBuf,
    /// Where the configuration is that was there before.
    kept: Option<PathBuf>,
    files: Vec<PathBuf>,
    store: PathBuf,
    taken: Vec<String>,
    /// Signed in here before, which counts.
    already: Vec<String>,
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
    private_file::make_dir(folder).map_err(|error| unwritten(folder, &error))?;
    let mut files = SecretFiles::default();
    for file in draft.files(folder) {
        files.make(&file.path, file.content, force).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => Failure::new(
                format!("{} is there already", file.path.display()),
                "--force replaces it, --config FILE writes to another folder",
            ),
            _ => unwritten(&file.path, &error),
        })?;
    }
    let text = draft.toml(folder);
    let config = checked(&text, target)?;
    let mut written = block_on(tokens(draft, &config, target))?;
    written.kept = keep_old(target).map_err(|error| unwritten(target, &error))?;
    private_file::replace(target, text.as_bytes()).map_err(|error| unwritten(target, &error))?;
    written.files = files.keep();
    Ok(written)
}

/// What was there before is put back unless they are kept.
#[derive(Default)]
struct SecretFiles {
    new: Vec<PathBuf>,
    /// And where their old content is.
    replaced: Vec<(PathBuf, PathBuf)>,
    all: Vec<PathBuf>,
}

impl SecretFiles {
    fn make(&mut self, path: &Path, content: &Secret, force: bool) -> io::Result<()> {
        let content = zeroize::Zeroizing::new(format!("{}\n", content.expose()));
        self.all.push(path.to_owned());
        if !path.exists() {
            self.new.push(path.to_owned());
            return private_file::replace(path, content.as_bytes());
        }
        if !force {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let same = std::fs::read(path).map(zeroize::Zeroizing::new).is_ok_and(|old| *old == content.as_bytes());
        if same {
            return private_file::narrow(path).map(drop);
        }
        self.replaced.extend(keep_old(path)?.map(|kept| (path.to_owned(), kept)));
        private_file::replace(path, content.as_bytes())
    }

    fn keep(mut self) -> Vec<PathBuf> {
        self.new.clear();
        self.replaced.clear();
        std::mem::take(&mut self.all)
    }
}

impl Drop for SecretFiles {
    fn drop(&mut self) {
        // Whoever reads the failure sees what could not be undone in the folder.
        for path in &self.new {
            let _ = std::fs::remove_file(path);
        }
        for (path, kept) in &self.replaced {
            let _ = std::fs::rename(kept, path);
        }
    }
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
            terminal::note(&format!(
                "{problems}Nothing was written, since the check refuses it. Without --write it is shown: take it from there, mend it, \
                 and sign in with `gatepost login`."
            ));
            Err(Failure::silent(CONFIG_REFUSED))
        }
    }
}

async fn tokens(draft: &Draft, config: &Config, target: &Path) -> Result<Written, Failure> {
    let mut written = Written {
        target: target.to_owned(),
        kept: None,
        files: Vec::new(),
        store: PathBuf::new(),
        taken: Vec::new(),
        already: Vec::new(),
    };
    let mut taken = BTreeSet::new();
    refuse_foreign_store(&config.store.url)?;
    let store = Store::open(&config.store).await?;
    written.store = store.path().to_owned();
    for account in &draft.accounts {
        let Some(refresh) = &account.refresh else { continue };
        let Some(own) = config.accounts.iter().find(|own| own.address == account.address) else { continue };
        let key = own.sign_in.key();
        if taken.contains(&key) {
            written.taken.push(account.address.clone());
            continue;
        }
        match adopt(&store, &own.sign_in, refresh).await? {
            Adopted::Saved => {
                taken.insert(key);
                written.taken.push(account.address.clone());
            }
            Adopted::SignedInAlready => written.already.push(account.address.clone()),
        }
    }
    Ok(written)
}

/// Gives what is there a second name that is free; the first one is replaced next.
fn keep_old(target: &Path) -> io::Result<Option<PathBuf>> {
    if !target.exists() {
        return Ok(None);
    }
    let beside = |n: u32| {
        let mut name = target.as_os_str().to_owned();
        name.push(if n == 1 { ".old".to_owned() } else { format!(".old.{n}") });
        PathBuf::from(name)
    };
    let free = (1..1000).map(beside).find(|path| !path.exists());
    let free = free.ok_or_else(|| io::Error::other("there are a thousand old ones beside it"))?;
    std::fs::hard_link(target, &free)?;
    Ok(Some(free))
}

impl Written {
    /// Says what was done, what to do now, and the passwords that were made.
    pub fn tell(&self, draft: &Draft, made: &[Made]) -> Outcome {
        let mut said = format!("wrote {}\n", self.target.display());
        if let Some(kept) = &self.kept {
            said += &format!("  the one that was there is {}\n", kept.display());
        }
        for file in &self.files {
            said += &format!("wrote {}, which only you may read\n", file.display());
        }
        if !self.taken.is_empty() {
            said += &format!("took over, sealed in {}: {}\n", self.store.display(), self.taken.join(", "));
        }
        for address in &self.already {
            said += &format!("{address} is signed in here already, and that stays\n");
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
        said += &format!("  gatepost run{}\n", self.option());
        said += self.service();
        said.extend(draft.afterwards.map(|step| format!("  once mail flows: {step}\n")));
        terminal::print(&said).map_err(|e| Failure::new(format!("stdout: {e}"), "everything is written all the same"))
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
            false => format!(" --config {}", self.target.display()),
        }
    }
}
