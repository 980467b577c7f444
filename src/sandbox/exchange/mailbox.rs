//! A mailbox in memory: folders, messages, flags, UIDs, and a bell that rings at every change.
//!
//! Sessions never hold a place in a folder; they keep the list of UIDs they have told their client about and
//! compare (see `imap/view.rs`). That makes several sessions on one folder, and expunges under their feet, simple.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::watch;

/// Mailboxes stop taking mail here; a sandbox must not eat the machine.
const QUOTA: usize = 1 << 30;

pub const INBOX: &str = "INBOX";
pub const SENT: &str = "Sent Items";

/// The folders of a new mailbox, with the use that Exchange marks them with in LIST.
const FOLDERS: &[(&str, &str)] = &[
    (INBOX, ""),
    ("Archive", "\\Archive"),
    ("Deleted Items", "\\Trash"),
    ("Drafts", "\\Drafts"),
    ("Junk Email", "\\Junk"),
    (SENT, "\\Sent"),
];

/// Exchange keeps these and forgets any other keyword.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    pub const SEEN: Flags = Flags(1);
    pub const ANSWERED: Flags = Flags(2);
    pub const FLAGGED: Flags = Flags(4);
    pub const DELETED: Flags = Flags(8);
    pub const DRAFT: Flags = Flags(16);
    const NAMES: [(&'static str, u8); 7] = [
        ("\\Seen", 1),
        ("\\Answered", 2),
        ("\\Flagged", 4),
        ("\\Deleted", 8),
        ("\\Draft", 16),
        ("$MDNSent", 32),
        ("$Forwarded", 64),
    ];

    pub fn has(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    pub fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    pub fn named(name: &str) -> Option<Flags> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, bit)| Flags(*bit))
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(_, bit)| self.0 & bit != 0).map(|(name, _)| name)
    }

    pub fn all() -> Flags {
        Flags(127)
    }
}

#[derive(Clone, Debug)]
pub struct Message {
    pub uid: u32,
    pub flags: Flags,
    pub received: Timestamp,
    pub bytes: Bytes,
}

#[derive(Clone, Debug)]
pub struct Folder {
    pub name: String,
    pub special_use: &'static str,
    pub validity: u32,
    pub next_uid: u32,
    /// The first UID that no session has been told about as \Recent.
    pub first_recent: u32,
    pub subscribed: bool,
    /// In order of UID.
    pub messages: Vec<Message>,
}

impl Folder {
    fn new(name: &str, special_use: &'static str, validity: u32) -> Self {
        let name = name.to_owned();
        Self { name, special_use, validity, next_uid: 1, first_recent: 1, subscribed: true, messages: Vec::new() }
    }

    pub fn message(&self, uid: u32) -> Option<&Message> {
        let at = self.messages.binary_search_by_key(&uid, |message| message.uid).ok()?;
        self.messages.get(at)
    }

    pub fn message_mut(&mut self, uid: u32) -> Option<&mut Message> {
        let at = self.messages.binary_search_by_key(&uid, |message| message.uid).ok()?;
        self.messages.get_mut(at)
    }

    /// Puts a message in; answers its UID.
    pub fn add(&mut self, flags: Flags, received: Timestamp, bytes: Bytes) -> u32 {
        let uid = self.next_uid;
        self.next_uid = self.next_uid.saturating_add(1);
        self.messages.push(Message { uid, flags, received, bytes });
        uid
    }
}

#[derive(Debug)]
pub struct Mailbox {
    pub address: String,
    store: Mutex<Store>,
    bell: watch::Sender<u64>,
}

#[derive(Debug)]
pub(super) struct Store {
    pub folders: Vec<Folder>,
    next_validity: u32,
}

/// Why a folder operation did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoSuchFolder,
    Exists,
    Reserved,
    Full,
}

impl Mailbox {
    pub fn new(address: &str) -> Self {
        let mut store = Store { folders: Vec::new(), next_validity: 14 };
        for (name, special_use) in FOLDERS {
            store.add_folder(name, special_use);
        }
        Self { address: address.to_owned(), store: Mutex::new(store), bell: watch::Sender::new(0) }
    }

    /// Rings at every change.
    pub fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// What a folder holds; empty where there is none of that name.
    pub fn messages(&self, folder: &str) -> Vec<Message> {
        self.read(|store| store.folder(folder).map(|folder| folder.messages.clone()).unwrap_or_default())
    }

    /// Puts a message into a folder and rings.
    pub fn add(&self, folder: &str, flags: Flags, bytes: Bytes) -> Result<u32, Refusal> {
        self.change(|store| store.append(folder, flags, Timestamp::now(), bytes).map(|(_, uid)| uid))
    }

    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.lock())
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let done = change(&mut self.lock());
        self.bell.send_modify(|rings| *rings = rings.wrapping_add(1));
        done
    }
}

impl Store {
    fn add_folder(&mut self, name: &str, special_use: &'static str) {
        self.folders.push(Folder::new(name, special_use, self.next_validity));
        self.next_validity += 1;
    }

    pub fn folder(&self, name: &str) -> Option<&Folder> {
        self.folders.iter().find(|folder| same_folder(&folder.name, name))
    }

    pub fn folder_mut(&mut self, name: &str) -> Option<&mut Folder> {
        self.folders.iter_mut().find(|folder| same_folder(&folder.name, name))
    }

    /// UIDVALIDITY and UID of the new message.
    pub fn append(&mut self, name: &str, flags: Flags, at: Timestamp, bytes: Bytes) -> Result<(u32, u32), Refusal> {
        let held: usize =
            self.folders.iter().flat_map(|folder| &folder.messages).map(|message| message.bytes.len()).sum();
        let folder = self.folder_mut(name).ok_or(Refusal::NoSuchFolder)?;
        if held + bytes.len() > QUOTA {
            return Err(Refusal::Full);
        }
        Ok((folder.validity, folder.add(flags, at, bytes)))
    }

    /// Makes a folder and, as RFC 3501 6.3.3 asks, those above it.
    pub fn create(&mut self, name: &str) -> Result<(), Refusal> {
        let name = name.trim_end_matches('/');
        if name.is_empty() || self.folders.len() > 10_000 {
            return Err(Refusal::Reserved);
        }
        if self.folder(name).is_some() {
            return Err(Refusal::Exists);
        }
        let ends = name.match_indices('/').map(|(at, _)| at).chain([name.len()]);
        for part in ends.filter_map(|end| name.get(..end)) {
            if self.folder(part).is_none() {
                self.add_folder(part, "");
            }
        }
        Ok(())
    }

    pub fn delete(&mut self, name: &str) -> Result<(), Refusal> {
        let folder = self.folder(name).ok_or(Refusal::NoSuchFolder)?;
        if FOLDERS.iter().any(|(reserved, _)| *reserved == folder.name) {
            return Err(Refusal::Reserved);
        }
        let (name, inner) = (folder.name.clone(), format!("{}/", folder.name));
        self.folders.retain(|folder| folder.name != name && !folder.name.starts_with(&inner));
        Ok(())
    }

    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Refusal> {
        let folder = self.folder(from).ok_or(Refusal::NoSuchFolder)?;
        if self.folder(to).is_some() {
            return Err(Refusal::Exists);
        }
        if FOLDERS.iter().any(|(reserved, _)| *reserved == folder.name) {
            return Err(Refusal::Reserved);
        }
        let (old, inner) = (folder.name.clone(), format!("{}/", folder.name));
        if let Some((parent, _)) = to.rsplit_once('/')
            && self.folder(parent).is_none()
        {
            self.create(parent)?;
        }
        for folder in &mut self.folders {
            if folder.name == old {
                folder.name = to.to_owned();
            } else if let Some(rest) = folder.name.strip_prefix(&inner) {
                folder.name = format!("{to}/{rest}");
            }
        }
        Ok(())
    }
}

/// INBOX in any case (RFC 3501 5.1); Exchange compares the others without case, too.
fn same_folder(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids_rise_and_are_never_given_twice() {
        let mailbox = Mailbox::new("ann@contoso.example");
        let add = || mailbox.add("inbox", Flags::default(), Bytes::from_static(b"x")).expect("added");
        assert_eq!((add(), add()), (1, 2));
        mailbox.change(|store| store.folder_mut(INBOX).map(|folder| folder.messages.clear()));
        assert_eq!(add(), 3);
    }

    #[test]
    fn a_folder_is_made_with_those_above_it_and_renamed_with_those_below() {
        let mailbox = Mailbox::new("ann@contoso.example");
        mailbox.change(|store| {
            store.create("a/b").expect("created");
            store.rename("a", "c").expect("renamed");
            assert!(store.folder("c/b").is_some() && store.folder("a").is_none());
            assert_eq!(store.create("c"), Err(Refusal::Exists));
            assert_eq!(store.delete("Drafts"), Err(Refusal::Reserved));
            store.delete("c").expect("deleted");
            assert!(store.folder("c/b").is_none());
        });
    }

    #[test]
    fn the_bell_rings_at_new_mail() {
        let mailbox = Mailbox::new("ann@contoso.example");
        let bell = mailbox.bell();
        mailbox.add(INBOX, Flags::SEEN, Bytes::new()).expect("added");
        assert!(bell.has_changed().expect("open"));
    }
}
