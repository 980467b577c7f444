//! This machine's part: the state directory, the key, room on the disk and in the queue, certificates and when they end.

use std::{
    collections::HashSet,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use jiff::Timestamp;

use super::{
    daemon::Running,
    look::Look,
    next::Who,
    owner, queue,
    report::{Check, Layer},
    scope::Scope,
    words::{Name, Said},
};
use crate::{
    account::Account,
    catalog::{
        Known,
        doctor::{CERTIFICATE_ENDED, DISK_NEARLY_FULL},
        own::{MAIL_LEFT_BEHIND, STORE_OF_ANOTHER_USER, STORE_UNAVAILABLE},
        token::{APP_CERTIFICATE_UNREADABLE, CLIENT_SECRET_EXPIRED},
    },
    config::Config,
    expiry::{Calendar, Ending, SOON_DAYS, Watched, What},
    net::{ServerTls, self_signed_certificate},
    oauth::{AppCredential, Resource},
    store::{self, Foreign, Store},
};

/// Less room than this is a fault: a few hundred messages of a copier.
const LEAST_ROOM: u64 = 100 * 1024 * 1024;

/// What there is of stored sign-ins.
pub(super) enum Kept {
    Open(Arc<Store>),
    NotMade,
    /// It is there, and cannot be read, or the daemon has another one; said once, and nothing is concluded from it.
    Failing,
    /// Those that count are in the store that the file named before, which the daemon has.
    Elsewhere,
}

impl Kept {
    /// Why nothing is told of sign-ins, where nothing is.
    pub const fn unread(&self) -> Said {
        if matches!(self, Self::Elsewhere) { Said::StoreBeforeCounts } else { Said::StoreFails }
    }

    pub fn store(&self) -> Option<&Arc<Store>> {
        if let Self::Open(store) = self { Some(store) } else { None }
    }
}

/// The store is opened only if it was made before, and by who runs this.
pub(super) async fn look(config: &Config, scope: &Scope, running: &Running) -> (Vec<Check>, Kept) {
    let database = PathBuf::from(config.store.url.strip_prefix("sqlite://").unwrap_or(&config.store.url));
    let directory = database.parent().unwrap_or(Path::new("/")).to_owned();
    let foreign = store::foreign(&config.store);
    let is_closed = foreign.as_ref().is_some_and(|foreign| foreign.is_closed);
    let mut checks = if is_closed { Vec::new() } else { vec![state_directory(scope, &directory)] };
    let (store, kept) = match &foreign {
        Some(foreign) => (of_another_user(scope, &database, foreign), Kept::Failing),
        None => opened(config, scope, &database).await,
    };
    checks.push(store);
    if !is_closed {
        checks.extend(left_behind(scope, &database, &kept).await);
        checks.extend(room(scope, &directory));
        checks.extend(queue::directory(scope, config, &database));
    }
    let kept = if running.is_on_another_store() { Kept::Elsewhere } else { kept };
    // Whether a key fits has its own row.
    let alone = |one| Watched { key: None, ..one };
    let watched = config.watched().into_iter().map(alone);
    let calendar = Calendar::new(match is_closed {
        true => watched.filter_map(Watched::as_another_user).collect(),
        false => watched.collect(),
    });
    let endings = calendar.endings(Timestamp::now());
    let over = called_over(scope, config, running);
    checks.extend(endings.iter().map(|one| ending(scope, config, one, &over)));
    checks.extend(keys(scope, config));
    (checks, kept)
}

async fn opened(config: &Config, scope: &Scope, database: &Path) -> (Check, Kept) {
    let look = Look::at(scope.lang, Layer::Files, Name::Store).target(database.display().to_string());
    match database.try_exists() {
        _ if store::is_missing(database) => return (look.skip(Said::MadeAtFirstStart), Kept::NotMade),
        Ok(_) => {}
        Err(error) => {
            let fault = STORE_UNAVAILABLE.fault().detail(format!("{}: {error}", database.display()));
            return (look.fault(&fault, &Who::default()), Kept::Failing);
        }
    }
    let opened = match Store::open(&config.store).await {
        // Its key proves nothing of the pages where the sign-ins are.
        Ok(opened) => match opened.sign_in_versions().await {
            // Whoever reads beside a program that holds it locked does so undisturbed.
            Ok(_) => opened.prove_by_lock().await.map(|()| opened),
            Err(error) => Err(error),
        },
        Err(error) => Err(error),
    };
    match opened {
        Ok(opened) => {
            let key = opened.key_source().to_string();
            (look.pass(Said::OpensWith { key }), Kept::Open(Arc::new(opened)))
        }
        Err(error) => {
            let fault = error.fault();
            (look.fault(&fault, &Who::default()), Kept::Failing)
        }
    }
}

/// Where the store is closed to this user.
pub(super) fn closed(config: &Config, scope: &Scope) -> Option<Check> {
    let foreign = store::foreign(&config.store).filter(|foreign| foreign.is_closed)?;
    Some(of_another_user(scope, &config.store.database()?, &foreign))
}

fn of_another_user(scope: &Scope, database: &Path, foreign: &Foreign) -> Check {
    let look = Look::at(scope.lang, Layer::Files, Name::Store).target(foreign.path.display().to_string());
    let owner = foreign.owner;
    let fault = STORE_OF_ANOTHER_USER.fault().detail(format!("it belongs to user {owner}"));
    let mut check = look.fail(Said::ForeignStore { owner }, &fault, &Who::default());
    if let Some(fault) = &mut check.fault {
        fault.commands = owner::command(Some(owner), database, scope).into_iter().collect();
    }
    check
}

/// What a daemon on this store neither sees nor delivers. While one is on the store before, it is no trouble yet.
async fn left_behind(scope: &Scope, database: &Path, kept: &Kept) -> Option<Check> {
    let has_sign_ins = match kept.store() {
        Some(store) => store.sign_in_versions().await.is_ok_and(|all| !all.is_empty()),
        // Nobody knows.
        None => true,
    };
    let store::LeftBehind { database, messages, sign_ins } = store::left_behind(database, has_sign_ins).await?;
    let path = database.display().to_string();
    let look = Look::at(scope.lang, Layer::Files, Name::StoreBefore).target(path.clone());
    let who = Who { left_store: Some(path), ..Who::default() };
    let said = Said::LeftBehind { messages, sign_ins };
    // A sign-in is made anew; a message is not.
    Some(match messages {
        0 => look.note(said, &MAIL_LEFT_BEHIND.fault(), &who),
        _ => look.fail(said, &MAIL_LEFT_BEHIND.fault(), &who),
    })
}

fn state_directory(scope: &Scope, directory: &Path) -> Check {
    let look = Look::at(scope.lang, Layer::Files, Name::StateDirectory).target(directory.display().to_string());
    if directory.try_exists().is_ok_and(|exists| !exists) {
        return look.skip(Said::MadeAtFirstStart);
    }
    match may_write(directory) {
        true => look.pass(Said::Writable),
        false => {
            let fault = STORE_UNAVAILABLE.fault().detail(format!("{} is not writable", directory.display()));
            look.fail(Said::NotWritable, &fault, &Who { path: Some(directory.display().to_string()), ..Who::default() })
        }
    }
}

#[cfg(unix)]
fn may_write(directory: &Path) -> bool {
    rustix::fs::access(directory, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn may_write(directory: &Path) -> bool {
    std::fs::metadata(directory).is_ok_and(|found| !found.permissions().readonly())
}

#[cfg(unix)]
fn room(scope: &Scope, directory: &Path) -> Option<Check> {
    let look = Look::at(scope.lang, Layer::Files, Name::DiskRoom).target(directory.display().to_string());
    let found = rustix::fs::statvfs(directory).ok()?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    Some(match free < LEAST_ROOM {
        true => look.fail(Said::Free { octets: free }, &DISK_NEARLY_FULL.fault(), &Who::default()),
        false => look.pass(Said::Free { octets: free }),
    })
}

#[cfg(not(unix))]
fn room(_: &Scope, _: &Path) -> Option<Check> {
    None
}

/// Apps whose secret the provider called expired when the daemon asked last, whatever day somebody wrote down.
fn called_over(scope: &Scope, config: &Config, running: &Running) -> HashSet<String> {
    let is_over = |account: &Arc<Account>| {
        let fault = running.fault_of(&account.address, Resource::Mail);
        fault.is_some_and(|(id, _)| id == CLIENT_SECRET_EXPIRED.id)
    };
    scope.accounts(config).into_iter().filter(is_over).map(|account| account.sign_in.app.name.clone()).collect()
}

/// `over`: see [`called_over`].
fn ending(scope: &Scope, config: &Config, ending: &Ending, over: &HashSet<String>) -> Check {
    let name = match ending.what {
        What::ClientSecret => Name::ClientSecret,
        What::AppCertificate => Name::AppCertificate,
        What::ListenerCertificate => Name::ListenerCertificate,
    };
    let look = Look::at(scope.lang, Layer::Files, name).target(ending.name.clone());
    let own = self_signed_certificate(config.state_directory()).display().to_string();
    if ending.name == own && !Path::new(&own).exists() {
        return look.skip(Said::MadeAtFirstStart);
    }
    let app = config.apps.get(&ending.name).filter(|_| ending.what == What::ClientSecret);
    let account = app.and_then(|app| config.accounts.iter().find(|one| one.sign_in.app.name == app.name));
    let who = Who {
        path: Some(ending.name.clone()),
        address: account.map(|account| account.address.clone()),
        ..app.map(|app| Who::of_app(app)).unwrap_or_default()
    };
    if let Some(trouble) = &ending.trouble {
        return look.fault(&CERTIFICATE_ENDED.fault().detail(trouble), &who);
    }
    match ending.days_left {
        None => look.skip(Said::EndUnknown { app: ending.name.clone() }),
        Some(days) if days >= 0 && ending.what == What::ClientSecret => match over.contains(&ending.name) {
            true => look.skip(Said::EndedByProvider),
            false => {
                let said = Said::EndsAsWritten { days, soon: days <= SOON_DAYS, is_asked: !scope.offline };
                if days <= SOON_DAYS { ahead(look, said, ending, &who) } else { look.pass(said) }
            }
        },
        // What the provider says of a secret counts more than what the configuration says of it.
        Some(days) if days < 0 && ending.what == What::ClientSecret && !scope.offline => {
            ahead(look, Said::EndedAsWritten { days: -days }, ending, &who)
        }
        Some(days) if days < 0 => {
            let fault = if ending.what == What::ClientSecret { CLIENT_SECRET_EXPIRED } else { CERTIFICATE_ENDED };
            look.fail(Said::Ended { days: -days }, &fault.fault(), &who)
        }
        Some(days) => look.pass(Said::EndsIn { days, soon: days <= SOON_DAYS }),
    }
}

/// What nobody met so far fails nothing, and is told with the cause and the step that the status has.
fn ahead(look: Look, said: Said, ending: &Ending, who: &Who) -> Check {
    let words = ending.words(look.lang, &Known::default());
    let mut check = look.note(said, &CLIENT_SECRET_EXPIRED.fault(), who);
    if let (Some(fault), Some(words)) = (check.fault.as_mut(), words) {
        fault.cause = words.cause;
    }
    check
}

/// Private keys that have to be readable.
fn keys(scope: &Scope, config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    for listener in &config.listeners {
        let Some((certificate, key)) = &listener.certificate else { continue };
        let target = key.display().to_string();
        if checks.iter().any(|check: &Check| check.target.as_deref() == Some(&target)) {
            continue;
        }
        let look = Look::at(scope.lang, Layer::Files, Name::ListenerKey).target(target);
        checks.push(match ServerTls::prove(certificate, key) {
            Ok(()) => look.pass(Said::Readable),
            Err(fault) => look.fault(&CERTIFICATE_ENDED.fault().detail(fault.to_string()), &Who::default()),
        });
    }
    for app in config.apps.values() {
        let AppCredential::Certificate { key, .. } = &app.credential else { continue };
        let look = Look::at(scope.lang, Layer::Files, Name::AppKey).target(key.display().to_string());
        checks.push(match File::open(key) {
            Ok(_) => look.pass(Said::Readable),
            Err(error) => {
                let fault = APP_CERTIFICATE_UNREADABLE.fault().detail(format!("{}: {error}", key.display()));
                look.fault(&fault, &Who::default())
            }
        });
    }
    checks
}
