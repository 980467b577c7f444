//! Commands about folders: LIST, SELECT, CREATE and their kin (RFC 3501 6.3).

use std::collections::BTreeSet;

use super::{
    ARGUMENT, Cursor, Denial, Outcome, Session, UNKNOWN,
    syntax::folder_name,
    view::{View, flag_list},
};
use crate::sandbox::exchange::mailbox::{Flags, Folder, Refusal};

pub const VERBS: &[&str] = &[
    "SELECT",
    "EXAMINE",
    "CREATE",
    "DELETE",
    "RENAME",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "LIST",
    "LSUB",
    "STATUS",
    "NAMESPACE",
    "NOOP",
    "CHECK",
    "CLOSE",
    "UNSELECT",
];

const MISSING: Denial = Denial::No("The specified folder was not found.");

impl Session {
    pub(super) fn folders(&mut self, verb: &str, mut words: Cursor) -> Outcome {
        match verb {
            "SELECT" | "EXAMINE" => self.select(verb, words),
            "LIST" | "LSUB" => self.list(verb, words),
            "STATUS" => self.status(words),
            "NAMESPACE" => {
                words.end()?;
                self.wire.say("* NAMESPACE ((\"\" \"/\")) NIL NIL");
                Ok("NAMESPACE completed.".into())
            }
            "CREATE" | "DELETE" | "SUBSCRIBE" | "UNSUBSCRIBE" | "RENAME" => {
                words.space()?;
                let name = words.folder()?;
                let to = match verb {
                    "RENAME" => words.space().and_then(|()| words.folder())?,
                    _ => String::new(),
                };
                words.end()?;
                self.change_folder(verb, &name, &to)
            }
            "NOOP" => words.end().map(|()| "NOOP completed.".into()),
            "CHECK" => words.end().map(|()| "CHECK completed.".into()),
            "CLOSE" | "UNSELECT" => {
                words.end()?;
                self.leave(verb == "CLOSE")
            }
            _ => Err(UNKNOWN),
        }
    }

    fn change_folder(&mut self, verb: &str, name: &str, to: &str) -> Outcome {
        let mailbox = self.mailbox().ok_or(super::WRONG_STATE)?;
        let changed = mailbox.change(|store| match verb {
            "CREATE" => store.create(name),
            "DELETE" => store.delete(name),
            "RENAME" => store.rename(name, to),
            _ => {
                let folder = store.folder_mut(name).ok_or(Refusal::NoSuchFolder)?;
                folder.subscribed = verb == "SUBSCRIBE";
                Ok(())
            }
        });
        changed.map(|()| format!("{verb} completed.")).map_err(refused)
    }

    fn select(&mut self, verb: &str, mut words: Cursor) -> Outcome {
        // A failed SELECT leaves nothing selected (RFC 3501 6.3.1).
        self.view = None;
        words.space()?;
        let name = words.folder()?;
        words.end()?;
        let mailbox = self.mailbox().ok_or(super::WRONG_STATE)?;
        let read_only = verb == "EXAMINE";
        let opened = mailbox.change(|store| {
            let folder = store.folder_mut(&name)?;
            let unseen = folder.messages.iter().position(|message| !message.flags.has(Flags::SEEN));
            let (validity, next) = (folder.validity, folder.next_uid);
            Some((View::open(folder, read_only), unseen, validity, next))
        });
        let (view, unseen, validity, next) = opened.ok_or(MISSING)?;
        let flags = flag_list(Flags::all(), false);
        self.wire.say(format!("* {} EXISTS", view.len()));
        self.wire.say(format!("* {} RECENT", view.recent()));
        self.wire.say(format!("* FLAGS {flags}"));
        let permanent = if read_only { "()" } else { &flags };
        self.wire.say(format!("* OK [PERMANENTFLAGS {permanent}] Permanent flags"));
        if let Some(at) = unseen {
            self.wire.say(format!("* OK [UNSEEN {}] Is the first unseen message", at + 1));
        }
        self.wire.say(format!("* OK [UIDVALIDITY {validity}] UIDVALIDITY value"));
        self.wire.say(format!("* OK [UIDNEXT {next}] The next unique identifier value"));
        self.view = Some(view);
        Ok(format!("[{}] {verb} completed.", if read_only { "READ-ONLY" } else { "READ-WRITE" }))
    }

    /// CLOSE removes what is \Deleted without a word, UNSELECT leaves it.
    fn leave(&mut self, expunge: bool) -> Outcome {
        let mailbox = self.mailbox().ok_or(super::WRONG_STATE)?;
        let view = self.view.take().ok_or(super::WRONG_STATE)?;
        if expunge && !view.read_only {
            mailbox.change(|store| {
                if let Some(folder) = view.folder_mut(store) {
                    folder.messages.retain(|message| !message.flags.has(Flags::DELETED));
                }
            });
        }
        Ok(if expunge { "CLOSE completed." } else { "UNSELECT completed." }.into())
    }

    fn list(&mut self, verb: &str, mut words: Cursor) -> Outcome {
        words.space()?;
        if verb == "LSUB" && self.rev2 {
            return Err(UNKNOWN);
        }
        // LIST-EXTENDED is not spoken here (hkdb/aerion #218).
        let reference = words.astring()?;
        words.space()?;
        let pattern = words.pattern()?;
        words.end()?;
        if pattern.len() + reference.len() > 1000 {
            return Err(ARGUMENT);
        }
        if pattern.is_empty() && verb == "LIST" {
            self.wire.say("* LIST (\\Noselect \\HasChildren) \"/\" \"\"");
            return Ok("LIST completed.".into());
        }
        let pattern = format!("{reference}{pattern}");
        let mailbox = self.mailbox().ok_or(super::WRONG_STATE)?;
        let lines = mailbox.read(|store| {
            let shown = store.folders.iter().filter(|folder| verb == "LIST" || folder.subscribed);
            let shown = shown.filter(|folder| matches(&pattern, &folder.name));
            let line = |folder: &Folder| {
                let inner = format!("{}/", folder.name);
                let parent = store.folders.iter().any(|other| other.name.starts_with(&inner));
                let children = if parent { "\\HasChildren" } else { "\\HasNoChildren" };
                let used =
                    if folder.special_use.is_empty() { String::new() } else { format!(" {}", folder.special_use) };
                format!("* {verb} ({children}{used}) \"/\" {}", folder_name(&folder.name))
            };
            shown.map(line).collect::<Vec<_>>()
        });
        lines.into_iter().for_each(|line| self.wire.say(line));
        Ok(format!("{verb} completed."))
    }

    fn status(&mut self, mut words: Cursor) -> Outcome {
        words.space()?;
        let name = words.folder()?;
        words.space()?;
        let items = words.list(Cursor::keyword)?;
        words.end()?;
        let mailbox = self.mailbox().ok_or(super::WRONG_STATE)?;
        let counted = mailbox.read(|store| {
            let folder = store.folder(&name).ok_or(MISSING)?;
            let count = |item: &String| {
                let unseen = || folder.messages.iter().filter(|message| !message.flags.has(Flags::SEEN)).count();
                let recent = || folder.messages.iter().filter(|message| message.uid >= folder.first_recent).count();
                let value = match item.as_str() {
                    "MESSAGES" => folder.messages.len(),
                    "RECENT" => recent(),
                    "UNSEEN" => unseen(),
                    "UIDNEXT" => folder.next_uid as usize,
                    "UIDVALIDITY" => folder.validity as usize,
                    _ => return Err(ARGUMENT),
                };
                Ok(format!("{item} {value}"))
            };
            let counts: Result<Vec<String>, Denial> = items.iter().map(count).collect();
            Ok(format!("* STATUS {} ({})", folder_name(&folder.name), counts?.join(" ")))
        })?;
        self.wire.say(counted);
        Ok("STATUS completed.".into())
    }
}

pub fn refused(refusal: Refusal) -> Denial {
    match refusal {
        Refusal::NoSuchFolder => MISSING,
        Refusal::Exists => Denial::No("The folder already exists."),
        Refusal::Reserved => Denial::No("Folder name is reserved"),
        Refusal::Full => Denial::No("[OVERQUOTA] The mailbox is full."),
    }
}

/// LIST's wildcards: `*` anything, `%` anything but the hierarchy's `/`. In time that the pattern cannot inflate.
fn matches(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    // Ends of the prefixes of the name that the pattern so far can stand for.
    let mut reached = BTreeSet::from([0]);
    for p in pattern.to_lowercase().chars() {
        let mut next = BTreeSet::new();
        for at in reached {
            let rest = name.get(at..).unwrap_or_default();
            match p {
                '*' | '%' => next.extend(at..=at + rest.iter().take_while(|c| p == '*' || **c != '/').count()),
                p if rest.first() == Some(&p) => next.extend([at + 1]),
                _ => {}
            }
        }
        reached = next;
    }
    reached.contains(&name.len())
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn wildcards_follow_the_hierarchy() {
        for (pattern, name, fits) in [
            ("*", "a/b", true),
            ("%", "a/b", false),
            ("%", "Sent Items", true),
            ("inbox", "INBOX", true),
            ("a/%", "a/b", true),
            ("a*c", "abbc", true),
            ("a*c", "abb", false),
            ("%/%", "a/b", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
        assert!(!matches(&"*a".repeat(400), &"a".repeat(300)));
    }
}
