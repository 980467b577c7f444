//! What one session has told its client about the selected folder, and how the folder has moved on since.

use crate::sandbox::exchange::mailbox::{Flags, Folder, Store};

use super::syntax::Set;

pub struct View {
    /// UIDVALIDITY names the folder, whatever it is called meanwhile.
    pub validity: u32,
    pub read_only: bool,
    /// Messages from this UID on are \Recent in this session.
    pub recent_from: u32,
    known: Vec<Known>,
}

#[derive(Clone, Copy)]
struct Known {
    uid: u32,
    flags: Flags,
}

impl View {
    pub fn open(folder: &mut Folder, read_only: bool) -> Self {
        let recent_from = folder.first_recent;
        if !read_only {
            folder.first_recent = folder.next_uid;
        }
        let known = folder.messages.iter().map(|message| Known { uid: message.uid, flags: message.flags }).collect();
        Self { validity: folder.validity, read_only, recent_from, known }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn recent(&self) -> usize {
        self.known.iter().filter(|known| known.uid >= self.recent_from).count()
    }

    pub fn folder<'a>(&self, store: &'a Store) -> Option<&'a Folder> {
        store.folders.iter().find(|folder| folder.validity == self.validity)
    }

    pub fn folder_mut<'a>(&self, store: &'a mut Store) -> Option<&'a mut Folder> {
        store.folders.iter_mut().find(|folder| folder.validity == self.validity)
    }

    /// Sequence number and UID of the messages in a set, in order. `None` where a sequence number names nothing.
    pub fn resolve(&self, set: &Set, by_uid: bool) -> Option<Vec<(usize, u32)>> {
        let mut found = Vec::new();
        let last_uid = self.known.last().map_or(0, |known| known.uid);
        let last = if by_uid { last_uid } else { u32::try_from(self.known.len()).unwrap_or(u32::MAX) };
        for (from, to) in set.within(last) {
            let (start, end) = if by_uid {
                let before = |limit: u32| self.known.partition_point(|known| known.uid < limit);
                (before(from), self.known.partition_point(|known| known.uid <= to))
            } else {
                if to > last && last > 0 {
                    return None;
                }
                ((from as usize).saturating_sub(1), (to as usize).min(self.known.len()))
            };
            let range = self.known.get(start..end).unwrap_or_default();
            found.extend(range.iter().enumerate().map(|(n, known)| (start + n + 1, known.uid)));
        }
        Some(found)
    }

    pub fn number(&self, uid: u32) -> Option<usize> {
        self.known.binary_search_by_key(&uid, |known| known.uid).ok().map(|at| at + 1)
    }

    /// Remembers flags that the client has been told, or has set itself.
    pub fn told(&mut self, uid: u32, flags: Flags) {
        if let Ok(at) = self.known.binary_search_by_key(&uid, |known| known.uid)
            && let Some(known) = self.known.get_mut(at)
        {
            known.flags = flags;
        }
    }

    pub fn is_recent(&self, uid: u32) -> bool {
        uid >= self.recent_from
    }

    /// The untagged lines that bring the client up to date. Numbers do not change while FETCH, STORE or SEARCH is
    /// answered (RFC 3501 7.4.1): then `expunge` is false and vanished messages wait.
    pub fn sync(&mut self, store: &Store, expunge: bool) -> Vec<String> {
        let mut lines = Vec::new();
        let empty: &[_] = &[];
        let messages = self.folder(store).map_or(empty, |folder| folder.messages.as_slice());
        if expunge {
            let mut number = 0;
            self.known.retain(|known| {
                let there = messages.binary_search_by_key(&known.uid, |message| message.uid).is_ok();
                number += usize::from(there);
                if !there {
                    lines.push(format!("* {} EXPUNGE", number + 1));
                }
                there
            });
        }
        for (at, known) in self.known.iter_mut().enumerate() {
            let found = messages.binary_search_by_key(&known.uid, |message| message.uid).ok();
            let Some(message) = found.and_then(|found| messages.get(found)) else { continue };
            if message.flags != known.flags {
                known.flags = message.flags;
                let flags = flag_list(message.flags, known.uid >= self.recent_from);
                lines.push(format!("* {} FETCH (FLAGS {flags} UID {})", at + 1, known.uid));
            }
        }
        let newest = self.known.last().map_or(0, |known| known.uid);
        let new = messages.iter().filter(|message| message.uid > newest);
        let before = self.known.len();
        self.known.extend(new.map(|message| Known { uid: message.uid, flags: message.flags }));
        if self.known.len() > before {
            lines.push(format!("* {} EXISTS", self.known.len()));
            lines.push(format!("* {} RECENT", self.recent()));
        }
        lines
    }
}

/// `(\Seen \Recent)`
pub fn flag_list(flags: Flags, recent: bool) -> String {
    let names: Vec<&str> = flags.names().chain(recent.then_some("\\Recent")).collect();
    format!("({})", names.join(" "))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::sandbox::exchange::mailbox::{INBOX, Mailbox};

    fn mailbox(messages: u32) -> (Mailbox, View) {
        let mailbox = Mailbox::new("ann@contoso.example");
        for _ in 0..messages {
            mailbox.add(INBOX, Flags::default(), Bytes::from_static(b"x")).expect("added");
        }
        let view = mailbox.change(|store| View::open(store.folder_mut(INBOX).expect("inbox"), false));
        (mailbox, view)
    }

    #[test]
    fn expunges_are_told_with_the_numbers_of_their_moment() {
        let (mailbox, mut view) = mailbox(5);
        mailbox.change(|store| {
            let inbox = store.folder_mut(INBOX).expect("inbox");
            inbox.messages.retain(|message| ![2, 3, 5].contains(&message.uid));
        });
        mailbox.add(INBOX, Flags::SEEN, Bytes::new()).expect("added");
        let waiting = mailbox.read(|store| view.sync(store, false));
        assert_eq!(waiting, ["* 6 EXISTS", "* 6 RECENT"]);
        let lines = mailbox.read(|store| view.sync(store, true));
        assert_eq!(lines, ["* 2 EXPUNGE", "* 2 EXPUNGE", "* 3 EXPUNGE"]);
        assert!(mailbox.read(|store| view.sync(store, true)).is_empty());
    }

    #[test]
    fn sets_name_messages_by_number_or_uid() {
        let (mailbox, mut view) = mailbox(4);
        mailbox.change(|store| store.folder_mut(INBOX).expect("inbox").messages.remove(0));
        mailbox.read(|store| view.sync(store, true));
        let set = |text: &str| Set::parse(text).expect("set");
        assert_eq!(view.resolve(&set("1,3"), false), Some(vec![(1, 2), (3, 4)]));
        assert_eq!(view.resolve(&set("3:*"), true), Some(vec![(2, 3), (3, 4)]));
        assert_eq!(view.resolve(&set("9:*"), true), Some(vec![(3, 4)]));
        assert_eq!(view.resolve(&set("9"), true), Some(vec![]));
        assert_eq!(view.resolve(&set("9"), false), None);
    }
}
