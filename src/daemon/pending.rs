//! What a reload leaves to a restart: whether that would go well, and what it would leave behind in another store.
//!
//! Nobody is told to restart a daemon that could not start again: what is in the way is named, and looked for anew by the
//! doctor. Systemd hands a socket over again that it handed over at the start, and no other: its unit changes behind the daemon's end.

use std::{net::SocketAddr, path::Path};

use tracing::warn;

use super::Daemon;
use crate::{
    base::{
        Lang,
        invocation::{self, NextStart},
    },
    catalog::{
        Entry, Known, Place,
        doctor::SOCKET_NOT_HANDED_OVER,
        own::{MAIL_LEFT_BEHIND, QUEUE_FAILING, STORE_UNAVAILABLE},
    },
    config::{self, Change, Config, Surroundings},
    console::{Moved, token_beside},
    net::{self, Bind, ListenerTls, ServerTls},
    queue::Figures,
    spool,
    store::{self, Store},
};

/// What a restart finds of another store than that of this daemon.
pub(super) enum NextStore {
    TheSame,
    Another,
    /// It would fail there.
    Fails(&'static Entry),
}

/// Commands beside this daemon read the new configuration, and look for it where the new store is: so that they find it there
/// until the restart, its token lies there too, and which store was before.
pub(super) async fn announced(daemon: &Daemon, new: &Config) -> NextStore {
    let before = daemon.current().store.path().to_owned();
    let next = new.store.database().filter(|_| store::is_moved(&new.store, &before));
    let former = daemon.announced_at().clone();
    if former != next {
        former.into_iter().for_each(|former| withdraw(daemon, &former, &before));
    }
    let Some(next) = next else { return NextStore::TheSame };
    if let Err(error) = store::prove_vacant(&new.store).await {
        return NextStore::Fails(error.entry());
    }
    if spool::is_of_another(&next) {
        return NextStore::Fails(QUEUE_FAILING);
    }
    let token = daemon.console.as_ref().map_or(Ok(()), |console| console.access.also_at(&token_beside(&next)));
    *daemon.announced_at() = Some(next.clone());
    match token.and_then(|()| store::note_before(&next, &before)) {
        Ok(()) => NextStore::Another,
        // Nor could the next daemon write there.
        Err(_) => NextStore::Fails(STORE_UNAVAILABLE),
    }
}

/// What was put there for commands beside this daemon is no use there any more.
fn withdraw(daemon: &Daemon, former: &Path, before: &Path) {
    store::forget_before(former, before);
    if let Some(console) = &daemon.console {
        console.access.no_more_at(&token_beside(former));
    }
    *daemon.announced_at() = None;
}

/// What is told with a restart: which store it leaves, if any.
pub(super) fn known(daemon: &Daemon, next: &NextStore) -> Known {
    let is_left = matches!(next, NextStore::Another);
    let left_store = is_left.then(|| daemon.current().store.path().display().to_string());
    Known { left_store, ..Known::default() }
}

/// Where a reload refuses the configuration after all.
pub(super) fn withdrawn(daemon: &Daemon) {
    let (former, before) = (daemon.announced_at().clone(), daemon.current().store.path().to_owned());
    former.into_iter().for_each(|former| withdraw(daemon, &former, &before));
}

/// The file may name another store since it was read last, and whoever starts next finds that one alone.
pub(super) async fn announced_at_the_end(daemon: &Daemon, file: &Path) {
    if let Ok((new, _)) = config::load(file)
        && let NextStore::Another = announced(daemon, &new).await
    {
        warn_of_what_stays(daemon, &new);
    }
}

/// In words, with the fault that a restart would end with. From now on a restart is told as it goes well, if it does.
pub(super) fn left_to_a_restart(
    daemon: &Daemon,
    running: &Config,
    new: &Config,
    change: &Change,
    next: &NextStore,
) -> Option<String> {
    let in_the_way = match next {
        NextStore::Fails(entry) => Some(*entry),
        NextStore::TheSame | NextStore::Another => in_the_way(daemon, running, new),
    };
    let is_moved = !matches!(next, NextStore::TheSame);
    invocation::restarts(match in_the_way {
        Some(_) => NextStart::Fails,
        None if is_moved => NextStart::OnAnotherStore,
        None => NextStart::SeesTheEnd,
    });
    if is_moved {
        warn_of_what_stays(daemon, new);
    }
    if let Some(console) = &daemon.console {
        console.loaded.note_moved(is_moved.then(|| match goes_back(&daemon.current().store, new) {
            true => Moved::Back,
            false => Moved::On,
        }));
    }
    let fault = in_the_way.map(Entry::named);
    change.restart().map(|what| fault.map_or_else(|| what.clone(), |fault| format!("{what} ({fault})")))
}

/// To the one that this daemon's was named behind.
fn goes_back(store: &Store, new: &Config) -> bool {
    store.before().zip(new.store.database()).is_some_and(|(before, next)| store::is_one_file(&before, &next))
}

/// The first certificate, address or socket of the new configuration that a daemon which starts now would not have.
fn in_the_way(daemon: &Daemon, running: &Config, new: &Config) -> Option<&'static Entry> {
    let binds = |config: &'_ Config| config.listeners.iter().flat_map(|one| one.listen.clone()).collect::<Vec<Bind>>();
    let before = binds(running);
    let given_back: Vec<SocketAddr> =
        daemon.bound().iter().map(|bound| bound.address).chain(daemon.console_at()).collect();
    let refused = |place| net::refuses(place, &given_back).map(|refused| refused.entry());
    let of_listeners = binds(new).into_iter().filter(|bind| !before.contains(bind)).find_map(|bind| match bind {
        Bind::Address(address) => refused(Place::of_listener(address)),
        Bind::Systemd(_) => None,
    });
    // One that stays may want the same as one that is new.
    let all = binds(new);
    let sockets = all.iter().filter_map(|bind| match bind {
        Bind::Systemd(name) => Some(name.as_str()),
        Bind::Address(_) => None,
    });
    let of_sockets = (!daemon.handed_over.are_enough(sockets)).then_some(SOCKET_NOT_HANDED_OVER);
    let of_certificates = new.listeners.iter().filter(|one| one.tls != ListenerTls::Off).find_map(|one| {
        let (certificate, key) = one.certificate.as_ref()?;
        ServerTls::prove(certificate, key).err().map(|fault| fault.entry())
    });
    let console = new.console.listen.filter(|_| new.console.listen != running.console.listen);
    of_certificates.or(of_listeners).or(of_sockets).or_else(|| refused(Place::of_console(console?)))
}

/// A file that was changed while no daemon ran names another store than the daemon before had: known from now on.
pub(super) async fn recall(daemon: &Daemon, file: &Path) {
    let Some(state) = Surroundings::of_this_process(file).state_directory() else { return };
    let store = daemon.current().store.clone();
    let last = store::used_before(&state, file, store.path()).filter(|_| store.before().is_none());
    if last.is_some_and(|last| store::note_before(store.path(), &last).is_ok()) {
        warn_of_the_store_before(&store).await;
    }
    // Who finds no note is told nothing, and loses nothing.
    let _ = store::note_used(&state, file, store.path());
}

/// At a start: what this daemon neither sees nor delivers.
pub(super) async fn warn_of_the_store_before(store: &Store) {
    let Some(left) = store.left_behind().await else { return };
    let known = Known { left_store: Some(left.database.display().to_string()), ..Known::default() };
    let (id, text, owner) = (MAIL_LEFT_BEHIND.id, MAIL_LEFT_BEHIND.short(), MAIL_LEFT_BEHIND.owner.as_str());
    let next = MAIL_LEFT_BEHIND.told(Lang::En, &known).next;
    let (database, messages, sign_ins) = (left.database.display(), left.messages, left.sign_ins);
    warn!(
        id,
        text,
        owner,
        next,
        "what the store before holds is not here: {database} has messages ({messages}) and sign-ins ({sign_ins})"
    );
}

fn warn_of_what_stays(daemon: &Daemon, new: &Config) {
    let gate = daemon.current();
    let Figures { waiting, held, .. } = gate.queue.figures();
    let (id, text, messages) = (MAIL_LEFT_BEHIND.id, MAIL_LEFT_BEHIND.short(), waiting + held);
    let (database, queue) = (gate.store.path().display(), gate.spool.directory().display());
    let hint = format!(
        "to take all of it along: once this daemon has ended and before the next one starts, move {database} (with its -wal, \
         where it is there) and {queue}, and the key where no key-file of the configuration names another place, into \
         the folder of the new store, under the same names, where no store is yet{}",
        same_name(gate.store.path(), new)
    );
    warn!(
        id,
        text,
        hint,
        "a restart leaves sign-ins, learned passwords and the queue behind in the store {database} (messages: {messages})"
    );
}

/// The queue knows its store by the name of its file.
fn same_name(before: &Path, new: &Config) -> String {
    let name = before.file_name().unwrap_or_default().to_string_lossy();
    match new.store.url.ends_with(&format!("/{name}")) {
        true => String::new(),
        false => format!("; the new [store] url has to end in /{name} for that"),
    }
}
