//! `gatepost key rotate`: another key for what is stored, and the words for whoever has to put it in its place.
//!
//! It refuses to begin where it could not end: a key file whose directory takes no new file is told first.

use std::{io, path::Path};

use super::{
    args::KeyCommand,
    outcome::{Failure, Outcome},
    pasted::shell,
    state::{State, block_on},
    terminal,
};
use crate::store::{KeySource, Resealed, Store, fresh_key, make_key, private_file};

pub fn run(named: Option<&Path>, command: &KeyCommand) -> Outcome {
    let KeyCommand::Rotate { new_key_file } = command;
    block_on(async {
        let state = State::open_to_make(named, new_key_file.as_deref()).await?;
        let text = match (new_key_file, state.store.key_source().clone()) {
            (Some(file), source) => for_people(&state.store, &source, file).await?,
            (None, KeySource::File(key_file)) => in_place(&state.store, &key_file).await?,
            (None, source) => {
                let text = format!("{source} is not Gatepost's to write; nothing was changed");
                return Err(Failure::usage(text, TO_A_FILE));
            }
        };
        terminal::say(&text).map_err(|error| {
            Failure::new(
                format!("the key was changed, and stdout takes no word of it: {error}"),
                "it is in the key file; copy it to where the old one is kept",
            )
        })
    })
}

const TO_A_FILE: &str = "gatepost key rotate --new-key-file FILE writes the new key there, for you to put in its place";

async fn in_place(store: &Store, key_file: &Path) -> Result<String, Failure> {
    if let Some(other) = store.source_of_daemon() {
        let text = format!(
            "the daemon on this store had its key from another place when it last started ({other}), not from {}, and \
             would be locked out; nothing was changed",
            store.key_source()
        );
        return Err(Failure::new(text, format!("{TO_A_FILE}; or start the daemon with this key file first")));
    }
    if let Some(other) = store.others_on_key_file().first() {
        let text = format!(
            "{} is the key file of {} as well, which would be locked out; nothing was changed",
            key_file.display(),
            other.display()
        );
        return Err(Failure::new(text, TO_A_FILE));
    }
    let target = std::fs::canonicalize(key_file).unwrap_or_else(|_| key_file.to_owned());
    private_file::prove_replaceable(&target).map_err(|cause| {
        let text = format!("the key file {} cannot be replaced: {cause}; nothing was changed", key_file.display());
        Failure::new(text, TO_A_FILE)
    })?;
    let new = fresh_key().map_err(no_key)?;
    let done = store.reseal(&new).await?;
    let (is_ours, is_wiped) = store.put_in_place(&new).await.map_err(|error| {
        let text = format!(
            "everything is sealed under a new key, and the rotation did not come to its end: {}",
            error.named()
        );
        Failure::new(text, "the key file opens the store as it is; run gatepost key rotate again")
    })?;
    if !is_ours {
        return Ok("Another `gatepost key rotate` came in between; its key is in force.\n".to_owned());
    }
    let mut text = format!(
        "{} under a new key, in {}. A running daemon goes on by itself.\n\
         Copies of the database made before open with the key before, those made from now on with this one: back it up.\n",
        counted(done),
        key_file.display()
    );
    if !is_wiped {
        text.push_str(&format!(
            "warning: the log of {} could not be emptied, because another program reads it; values under the old key \
             may still stand in the file beside it (-wal) until the daemon empties it.\n",
            store.path().display()
        ));
    }
    Ok(text + &damage(done))
}

async fn for_people(store: &Store, source: &KeySource, file: &Path) -> Result<String, Failure> {
    if let KeySource::File(now) | KeySource::Credential(now) = source
        && std::fs::canonicalize(file).is_ok_and(|file| std::fs::canonicalize(now).is_ok_and(|now| now == file))
    {
        let text = format!("{} holds the key that is in force already; nothing was changed", file.display());
        return Err(Failure::usage(text, "name another file for the new key"));
    }
    // Taken from there, where the file is there: a rotation that was killed may have made it.
    let new = make_key(file)?;
    if store.is_known_key(&new).await? {
        let text = format!("{} holds the key that is in force already; nothing was changed", file.display());
        let hint = "name a file that is not there, for a new key; or, if this is the new key of a rotation before, put it in \
                    its place and restart the daemon";
        return Err(Failure::usage(text, hint));
    }
    let path = file.display();
    let done = store.reseal(&new).await.map_err(|error| {
        Failure::new(error.to_string(), format!("what is stored is as it was, and the key in {path} opens nothing yet"))
    })?;
    let other = store.others_on_key_file().into_iter().next();
    let step = match (source, &other) {
        (KeySource::Credential(_), _) => format!(
            "  systemd-creds encrypt --name=gatepost.key {path} /etc/gatepost/gatepost.key.cred    (as root; or the place \
             that LoadCredential= names)"
        ),
        (KeySource::Given(_), _) => {
            format!("  `store.key`, or the variable that `store.key-env` names, becomes the line in {path}")
        }
        (KeySource::File(key_file), Some(other)) => format!(
            "  key-file = \"{}\"    under [store] of the configuration: {} is the key file of {} as well",
            std::path::absolute(file).unwrap_or_else(|_| file.to_owned()).display(),
            key_file.display(),
            other.display()
        ),
        (KeySource::File(key_file), None) => {
            format!("  cp {path} {}    (it must stay readable for Gatepost's user alone)", key_file.display())
        }
    };
    let end = match other {
        None => {
            format!("then restart the daemon, keep a copy of the new key apart from the database, and delete {path}.")
        }
        Some(_) => "then restart the daemon, and keep a copy of the new key apart from the database.".to_owned(),
    };
    Ok(format!(
        "{} under the new key in {path}. A running daemon goes on by itself, and {source} opens the store \
         until the daemon has started with the new one.\nNow put the new key in its place:\n{step}\n{end}\n{}{}",
        counted(done),
        is_open(file),
        damage(done)
    ))
}

/// One that was there keeps its mode.
fn is_open(file: &Path) -> String {
    match private_file::is_open_to_all(file) {
        true => format!(
            "warning: {} can be read by every user of this machine: chmod 600 {}\n",
            file.display(),
            shell(&file.to_string_lossy())
        ),
        false => String::new(),
    }
}

fn no_key(error: io::Error) -> Failure {
    Failure::new(format!("no key can be made: {error}"), "nothing was changed; try again")
}

fn counted(done: Resealed) -> String {
    match done.values {
        1 => "All that is stored (1 value) is sealed".to_owned(),
        n => format!("All that is stored ({n} values) is sealed"),
    }
}

fn damage(done: Resealed) -> String {
    match done.damaged {
        0 => String::new(),
        n => format!(
            "warning: {n} more did not open before either and stay as they are; `gatepost status` names whose.\n"
        ),
    }
}
