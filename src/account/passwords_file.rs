//! The local passwords of a domain's mailboxes: a file with one `user:hash` a line, read again when it changes.
//!
//! A line that was taken out counts at the next login. A file that cannot be read, or holds a mistake, changes nothing:
//! it is told, and what was there before goes on. It never repeats what stands in a line behind the user.

use std::{
    collections::HashMap,
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::passwords::flaw;
use crate::{
    base::{Secret, is_mailbox, printable},
    catalog::doctor::CONFIGURATION_REFUSED,
    store::private_file,
};

/// A hundred thousand users and more.
const MOST_BYTES: u64 = 32 * 1024 * 1024;
/// Mistakes told at once; after these nobody reads on.
const MOST_MISTAKES: usize = 20;
/// File systems stamp in steps: a file that is younger may change once more without another stamp.
const FILE_CLOCK_TICK: Duration = Duration::from_millis(50);

/// What is wrong with a line, or with the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// From 1; 0: the file itself.
    pub line: usize,
    pub text: String,
    pub hint: &'static str,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{} ({})", self.text, self.hint),
            line => write!(f, "line {line}: {} ({})", self.text, self.hint),
        }
    }
}

/// Hashes by lower-case address.
type Users = HashMap<Box<str>, Secret>;

pub struct PasswordsFile {
    path: PathBuf,
    domain: String,
    state: Mutex<State>,
    /// Held by the one that reads it.
    reading: tokio::sync::Mutex<()>,
}

struct State {
    users: Arc<Users>,
    /// Of the content last read, good or bad.
    seen: Seen,
    told: Vec<Mistake>,
}

/// Tells one content from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Missing,
    /// Just written: the next look reads it again.
    Fresh,
    At {
        modified: SystemTime,
        length: u64,
        inode: u64,
    },
}

/// The path alone: a changed file is no other configuration.
impl fmt::Debug for PasswordsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordsFile({})", self.path.display())
    }
}

impl PasswordsFile {
    /// Reads it for the first time, with every mistake where there is one. `domain`: lower case, without the `*@`.
    pub fn open(path: PathBuf, domain: &str) -> Result<Self, Vec<Mistake>> {
        let seen = look(&path);
        let users = Arc::new(read(&path, domain)?);
        let state = Mutex::new(State { users, seen, told: Vec::new() });
        Ok(Self { path, domain: domain.to_owned(), state, reading: tokio::sync::Mutex::default() })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many users it has.
    pub fn users(&self) -> usize {
        self.state().users.len()
    }

    /// Whether there is a line for this address, as it was last read.
    pub fn has(&self, address: &str) -> bool {
        self.state().users.contains_key(address)
    }

    /// The hash of a user by lower-case address, of the file as it is now. Cancel safe.
    pub async fn hash(&self, address: &str) -> Option<Secret> {
        self.refresh().await;
        self.state().users.get(address).cloned()
    }

    /// Takes over a file that changed. A look costs microseconds. Cancel safe.
    pub async fn refresh(&self) {
        if self.is_current(look(&self.path)) {
            return;
        }
        let _reading = self.reading.lock().await;
        let now = look(&self.path);
        if self.is_current(now) {
            return;
        }
        let (path, domain) = (self.path.clone(), self.domain.clone());
        let content = tokio::task::spawn_blocking(move || read(&path, &domain)).await;
        let mut state = self.state();
        state.seen = now;
        let told = match content {
            Ok(Ok(users)) => {
                tracing::info!(file = %self.path.display(), users = users.len(), "passwords read again");
                state.users = Arc::new(users);
                Vec::new()
            }
            Ok(Err(mistakes)) => mistakes,
            Err(_) => vec![whole("it could not be read")],
        };
        if told != state.told && !told.is_empty() {
            let mistakes: Vec<String> = told.iter().map(ToString::to_string).collect();
            tracing::error!(
                file = %self.path.display(),
                fault = %CONFIGURATION_REFUSED.fault(),
                "the changed passwords-file is not taken over, the passwords before it stay: {}", mistakes.join("; ")
            );
        }
        state.told = told;
    }

    fn is_current(&self, now: Seen) -> bool {
        let seen = self.state().seen;
        seen == now && seen != Seen::Fresh
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(path: &Path) -> Seen {
    let Ok(found) = fs::metadata(path) else { return Seen::Missing };
    let Ok(modified) = found.modified() else { return Seen::Fresh };
    match SystemTime::now().duration_since(modified) {
        Ok(age) if age <= FILE_CLOCK_TICK => Seen::Fresh,
        // Also where it is of tomorrow, by another machine's clock.
        _ => Seen::At { modified, length: found.len(), inode: inode(&found) },
    }
}

#[cfg(unix)]
fn inode(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

fn whole(text: impl Into<String>) -> Mistake {
    Mistake { line: 0, text: text.into(), hint: "check the path and who may read the file" }
}

fn read(path: &Path, domain: &str) -> Result<Users, Vec<Mistake>> {
    let failed = |cause: io::Error| vec![whole(format!("cannot read {}: {cause}", path.display()))];
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    let open = private_file::open_file(path).map_err(failed)?;
    open.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(vec![whole(format!("{} is larger than {} MiB", path.display(), MOST_BYTES >> 20))]);
    }
    let text = str::from_utf8(&bytes).map_err(|_| vec![whole(format!("{} is not UTF-8 text", path.display()))])?;
    parse(text.strip_prefix('\u{feff}').unwrap_or(text), domain)
}

fn parse(text: &str, domain: &str) -> Result<Users, Vec<Mistake>> {
    let mut lines: HashMap<Box<str>, (usize, Secret)> = HashMap::new();
    let mut mistakes = Vec::new();
    for (line, written) in (1..).zip(text.lines()) {
        let written = written.trim();
        if written.is_empty() || written.starts_with('#') {
            continue;
        }
        let entry = entry(written, domain).and_then(|(user, hash)| match lines.get(&user) {
            Some((before, _)) => {
                Err((format!("{} stands in line {before} already", printable(&user, 80)), "keep one of the two lines"))
            }
            None => Ok((user, hash)),
        });
        match entry {
            Ok((user, hash)) => drop(lines.insert(user, (line, hash))),
            Err((text, hint)) => mistakes.push(Mistake { line, text, hint }),
        }
        if mistakes.len() == MOST_MISTAKES {
            mistakes.push(Mistake { line, text: "there may be more behind this".into(), hint: "mend these first" });
            break;
        }
    }
    match mistakes.is_empty() {
        true => Ok(lines.into_iter().map(|(user, (_, hash))| (user, hash)).collect()),
        false => Err(mistakes),
    }
}

type Wrong = (String, &'static str);

/// One line: an address of the domain, or its part before the `@`, and a hash.
fn entry(written: &str, domain: &str) -> Result<(Box<str>, Secret), Wrong> {
    const LINE: &str = "one user:hash a line; `gatepost password --user ann@contoso.com` prints one";
    let Some((user, hash)) = written.split_once(':') else {
        return Err(("there is no colon behind the user".to_owned(), LINE));
    };
    let (user, hash) = (user.trim().to_lowercase(), Secret::new(hash.trim()));
    let shown = printable(&user, 80);
    let address = match user.rsplit_once('@') {
        None => format!("{user}@{domain}"),
        Some((_, of)) if of == domain => user,
        Some(_) => return Err((format!("{shown} is no address of {domain}"), "each domain has a file of its own")),
    };
    if !is_mailbox(&address) {
        return Err((format!("\"{shown}\" is not a mail address"), LINE));
    }
    match flaw(&hash) {
        None => Ok((address.into(), hash)),
        Some(flaw) => Err((format!("what stands behind {shown} {flaw}"), LINE)),
    }
}

#[cfg(test)]
mod tests;
