//! Commands about messages: APPEND, FETCH, STORE, SEARCH, COPY, MOVE, EXPUNGE, each with its UID form
//! (RFC 3501 6.3.11, 6.4; UIDPLUS RFC 4315; MOVE RFC 6851).

use std::io;

use bytes::Bytes;
use jiff::{Timestamp, civil::Time, tz::Offset};

use super::{
    ARGUMENT, Cursor, Denial, Outcome, Session, UNKNOWN, WRONG_STATE, fetch,
    folders::refused,
    search::{self, Candidate},
    syntax::{Set, compressed},
    view::flag_list,
};
use crate::sandbox::exchange::mailbox::{Flags, Message, Refusal};

pub const VERBS: &[&str] = &["APPEND", "FETCH", "STORE", "SEARCH", "COPY", "MOVE", "EXPUNGE", "UID", "IDLE", "ENABLE"];

const TRY_CREATE: Denial = Denial::No("[TRYCREATE] The specified folder was not found.");
const NO_SUCH: Denial = Denial::Bad("The specified message set is invalid.");

impl Session {
    pub(super) async fn messages(&mut self, verb: &str, mut words: Cursor, by_uid: bool) -> io::Result<Outcome> {
        if verb == "APPEND" && !by_uid {
            return Ok(self.append(words));
        }
        if self.view.is_none() {
            return Ok(Err(if VERBS.contains(&verb) { WRONG_STATE } else { UNKNOWN }));
        }
        Ok(match verb {
            "FETCH" => match self.chosen(&mut words, by_uid) {
                Ok(chosen) => self.fetch(words, chosen, by_uid).await?,
                Err(no) => Err(no),
            },
            "SEARCH" => self.search(words, by_uid),
            "STORE" => self.chosen(&mut words, by_uid).and_then(|chosen| self.store(words, chosen, by_uid)),
            "COPY" | "MOVE" => {
                self.chosen(&mut words, by_uid).and_then(|chosen| self.copy(words, &chosen, verb == "MOVE"))
            }
            "EXPUNGE" => self.expunge(words, by_uid),
            _ => Err(UNKNOWN),
        })
    }

    /// The messages that a command's set names: numbers and UIDs.
    fn chosen(&self, words: &mut Cursor, by_uid: bool) -> Result<Vec<(usize, u32)>, Denial> {
        words.space()?;
        let set = words.set()?;
        let view = self.view.as_ref().ok_or(WRONG_STATE)?;
        view.resolve(&set, by_uid).ok_or(NO_SUCH)
    }

    async fn fetch(&mut self, mut words: Cursor, chosen: Vec<(usize, u32)>, by_uid: bool) -> io::Result<Outcome> {
        let items = words.space().and_then(|()| fetch::items(&mut words)).and_then(|items| words.end().map(|()| items));
        let mut items = match items {
            Ok(items) => items,
            Err(no) => return Ok(Err(no)),
        };
        if by_uid && !items.contains(&fetch::Item::Uid) {
            items.push(fetch::Item::Uid);
        }
        let Some(mailbox) = self.mailbox() else { return Ok(Err(WRONG_STATE)) };
        for (number, uid) in chosen {
            let Some(view) = self.view.as_mut() else { break };
            let marks = fetch::marks_seen(&items) && !view.read_only;
            let message = mailbox.read(|store| view.folder(store).and_then(|folder| folder.message(uid)).cloned());
            // A message that another session removed: nothing is said of it until EXPUNGE may be.
            let Some(mut message) = message else { continue };
            let changed = marks && !message.flags.has(Flags::SEEN);
            if changed {
                message.flags = fetch::seen(message.flags);
                mailbox.change(|store| {
                    if let Some(message) = view.folder_mut(store).and_then(|folder| folder.message_mut(uid)) {
                        message.flags = fetch::seen(message.flags);
                    }
                });
                view.told(uid, message.flags);
            }
            let answer = fetch::answer(number, &message, &items, view.is_recent(uid), changed);
            self.wire.put_reply(&answer).await?;
        }
        Ok(Ok("FETCH completed.".into()))
    }

    fn search(&mut self, mut words: Cursor, by_uid: bool) -> Outcome {
        words.space()?;
        let key = search::keys(&mut words)?;
        let mailbox = self.mailbox().ok_or(WRONG_STATE)?;
        let view = self.view.as_ref().ok_or(WRONG_STATE)?;
        // Copies are cheap: the octets are shared. The lock is not held while texts are searched.
        let messages: Vec<Message> =
            mailbox.read(|store| view.folder(store).map(|folder| folder.messages.clone()).unwrap_or_default());
        let last_uid = messages.last().map_or(0, |message| message.uid);
        let last_number = u32::try_from(view.len()).unwrap_or(u32::MAX);
        let fits = |message: &&Message| {
            let Some(number) = view.number(message.uid).and_then(|number| u32::try_from(number).ok()) else {
                return false;
            };
            let recent = view.is_recent(message.uid);
            key.fits(&Candidate { number, last_number, last_uid, recent, message })
        };
        let name = |message: &Message| match by_uid {
            true => message.uid.to_string(),
            false => view.number(message.uid).unwrap_or_default().to_string(),
        };
        let found: Vec<String> = messages.iter().filter(fits).map(name).collect();
        self.wire.say(format!("* SEARCH {}", found.join(" ")).trim_end());
        Ok("SEARCH completed.".into())
    }

    fn store(&mut self, mut words: Cursor, chosen: Vec<(usize, u32)>, by_uid: bool) -> Outcome {
        words.space()?;
        let item = words.keyword()?;
        words.space()?;
        let names = match words.peek() {
            Some(b'(') => words.list(Cursor::flag)?,
            _ => vec![words.flag()?],
        };
        words.end()?;
        // Keywords of the client's own are forgotten, as Exchange does.
        let flags = names.iter().filter_map(|name| Flags::named(name)).fold(Flags::default(), Flags::with);
        let (action, silent) = match item.strip_suffix(".SILENT") {
            Some(action) => (action, true),
            None => (item.as_str(), false),
        };
        let change: fn(Flags, Flags) -> Flags = match action {
            "FLAGS" => |_, new| new,
            "+FLAGS" => Flags::with,
            "-FLAGS" => Flags::without,
            _ => return Err(ARGUMENT),
        };
        let mailbox = self.mailbox().ok_or(WRONG_STATE)?;
        let view = self.view.as_mut().ok_or(WRONG_STATE)?;
        if view.read_only {
            return Err(Denial::No("The folder is read-only."));
        }
        let changed: Vec<(usize, u32, Flags)> = mailbox.change(|store| {
            let Some(folder) = view.folder_mut(store) else { return Vec::new() };
            let mut changed = Vec::new();
            for (number, uid) in chosen {
                if let Some(message) = folder.message_mut(uid) {
                    message.flags = change(message.flags, flags);
                    changed.push((number, uid, message.flags));
                }
            }
            changed
        });
        for (number, uid, flags) in changed {
            view.told(uid, flags);
            if !silent {
                let flags = flag_list(flags, view.is_recent(uid));
                let named = if by_uid { format!(" UID {uid}") } else { String::new() };
                self.wire.say(format!("* {number} FETCH (FLAGS {flags}{named})"));
            }
        }
        Ok("STORE completed.".into())
    }

    fn copy(&mut self, mut words: Cursor, chosen: &[(usize, u32)], moves: bool) -> Outcome {
        words.space()?;
        let target = words.folder()?;
        words.end()?;
        let mailbox = self.mailbox().ok_or(WRONG_STATE)?;
        let view = self.view.as_ref().ok_or(WRONG_STATE)?;
        if moves && view.read_only {
            return Err(Denial::No("The folder is read-only."));
        }
        let copied = mailbox.change(|store| {
            let messages: Vec<Message> = view
                .folder(store)
                .map(|folder| chosen.iter().filter_map(|(_, uid)| folder.message(*uid).cloned()).collect())
                .unwrap_or_default();
            let folder = store.folder_mut(&target).ok_or(TRY_CREATE)?;
            let validity = folder.validity;
            let (mut from, mut to) = (Vec::new(), Vec::new());
            for message in messages {
                from.push(message.uid);
                to.push(folder.add(message.flags, message.received, message.bytes));
            }
            if moves && let Some(source) = view.folder_mut(store) {
                source.messages.retain(|message| from.binary_search(&message.uid).is_err());
            }
            Ok((validity, compressed(&from), compressed(&to)))
        });
        let (validity, from, to) = copied?;
        // Exchange sends the code also for an empty set (seen by MailKit).
        let code = format!("[COPYUID {validity} {from} {to}]");
        if moves {
            // RFC 6851 4.3: before the expunges, which the sync that follows sends.
            self.wire.say(format!("* OK {code}"));
            return Ok("MOVE completed.".into());
        }
        Ok(format!("{code} COPY completed."))
    }

    fn expunge(&mut self, mut words: Cursor, by_uid: bool) -> Outcome {
        let set = match by_uid {
            true => words.space().and_then(|()| words.set())?,
            false => Set::parse("1:*")?,
        };
        words.end()?;
        let mailbox = self.mailbox().ok_or(WRONG_STATE)?;
        let view = self.view.as_ref().ok_or(WRONG_STATE)?;
        if view.read_only {
            return Err(Denial::No("The folder is read-only."));
        }
        let chosen = view.resolve(&set, true).unwrap_or_default();
        let chosen: Vec<u32> = chosen.into_iter().map(|(_, uid)| uid).collect();
        mailbox.change(|store| {
            if let Some(folder) = view.folder_mut(store) {
                let gone =
                    |message: &Message| message.flags.has(Flags::DELETED) && chosen.binary_search(&message.uid).is_ok();
                folder.messages.retain(|message| !gone(message));
            }
        });
        Ok("EXPUNGE completed.".into())
    }

    fn append(&mut self, mut words: Cursor) -> Outcome {
        words.space()?;
        let name = words.folder()?;
        words.space()?;
        let mut flags = Flags::default();
        if words.peek() == Some(b'(') {
            let names = words.list(Cursor::flag)?;
            flags = names.iter().filter_map(|name| Flags::named(name)).fold(flags, Flags::with);
            words.space()?;
        }
        let mut at = Timestamp::now();
        if words.peek() == Some(b'"') {
            at = moment(&words.astring()?).ok_or(ARGUMENT)?;
            words.space()?;
        }
        let bytes: Bytes = words.literal()?;
        words.end()?;
        let mailbox = self.mailbox().ok_or(WRONG_STATE)?;
        let added = mailbox.change(|store| store.append(&name, flags, at, bytes));
        let (validity, uid) = added.map_err(|refusal| match refusal {
            Refusal::NoSuchFolder => TRY_CREATE,
            other => refused(other),
        })?;
        Ok(format!("[APPENDUID {validity} {uid}] APPEND completed."))
    }
}

/// `17-Jul-1996 02:44:25 -0700`
fn moment(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let (date, time, zone) = (words.next()?, words.next()?, words.next()?);
    let date = search::day(date)?;
    let mut parts = time.splitn(3, ':').map(|part| part.parse::<i8>().ok());
    let time = Time::new(parts.next()??, parts.next()??, parts.next()??, 0).ok()?;
    let number: i32 = zone.parse().ok()?;
    let seconds = (number / 100 * 60 + number % 100) * 60;
    let offset = Offset::from_seconds(seconds).ok()?;
    offset.to_timestamp(date.to_datetime(time)).ok()
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn the_date_of_an_append_is_read_with_its_zone() {
        let at = moment(" 7-Jul-1996 02:44:25 -0730").expect("a date");
        assert_eq!(at.to_string(), "1996-07-07T10:14:25Z");
        assert!(moment("17-Foo-1996 02:44:25 -0700").is_none() && moment("17-Jul-1996 25:44:25 -0700").is_none());
    }
}
