//! What the code of a reply of ours tells by itself: the kinds of fault that have it, or the one fault whose it is.
//!
//! It reads the tables of which replies are made. It refuses text behind the code: words and id of a whole reply tell more.

use super::{
    ALL, Entry,
    doctor::{CLIENT_OTHER_PROTOCOL, CLIENT_PLAIN_ON_TLS_PORT, CLIENT_TLS_ON_PLAIN_PORT, CLIENT_WITHOUT_STARTTLS},
    matching::is_code,
    own::{AUTHENTICATION_REQUIRED, BAD_CREDENTIALS, CONNECTION_CLOSED, CONNECTIONS_USED_UP, PROTOCOL_MISTAKE},
    replies::{coded, not_now, tls_expected},
};
use crate::{
    base::{Kind, Protocol},
    wire::{
        imap::{
            self,
            reply::{BAD, BYE, PRIVACY_REQUIRED, TOO_BIG},
        },
        pop3::{self, reply::ERR},
        smtp::{
            mistake,
            reply::{COME_AGAIN, OTHER_TONGUE, auth_code, mail_code},
        },
    },
};

/// A code with nothing behind it.
enum Code<'t> {
    /// Basic, enhanced, or both.
    Smtp(Vec<&'t str>),
    /// What stands in the brackets of IMAP or POP3.
    Bracketed(&'t str),
    /// A status of IMAP or POP3 that has none.
    Word(&'t str),
}

impl<'t> Code<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (last, ahead) = words.split_last()?;
        match last.strip_prefix('[').and_then(|last| last.strip_suffix(']')) {
            // Alone, behind the status, or behind tag and status.
            Some(word) if matches!(ahead, [] | ["-ERR" | "NO" | "BAD"] | [_, "NO" | "BAD"]) => {
                Some(Self::Bracketed(word))
            }
            None if words.len() <= 2 && words.iter().all(|word| is_code(word)) => Some(Self::Smtp(words)),
            None if matches!((ahead, *last), ([], "-ERR") | ([] | [_], "BAD" | "BYE")) => Some(Self::Word(last)),
            _ => None,
        }
    }

    fn is_basic_alone(&self) -> bool {
        matches!(self, Self::Smtp(words) if words.iter().all(|word| !word.contains('.')))
    }

    fn is_smtp(&self, (basic, enhanced): (u16, &str)) -> bool {
        let basic = basic.to_string();
        matches!(self, Self::Smtp(words) if words.iter().all(|word| *word == basic || *word == enhanced))
    }

    fn is_bracketed(&self, known: &str) -> bool {
        matches!(self, Self::Bracketed(word) if word.eq_ignore_ascii_case(known))
    }

    /// As a reply has it in front: `421 4.3.2`, `* BYE`, `-ERR [SYS/TEMP]`.
    fn begins(&self, known: &str) -> bool {
        match Code::read(known) {
            Some(Code::Smtp(known)) => {
                matches!(self, Self::Smtp(words) if words.iter().all(|word| known.contains(word)))
            }
            Some(Code::Bracketed(known)) => self.is_bracketed(known),
            Some(Code::Word(known)) => matches!(self, Self::Word(word) if *word == known),
            None => false,
        }
    }

    fn answers_a_login(&self, kind: Kind) -> bool {
        self.is_smtp(auth_code(kind))
            || self.is_bracketed(imap::reply::code(kind))
            || self.is_bracketed(pop3::reply::code(kind))
    }

    /// The mailbox is refused for good while its program is at work: it hears why at its next login.
    fn ends_a_session(&self, kind: Kind) -> bool {
        self.is_smtp(COME_AGAIN) && matches!(kind, Kind::SignInNeeded | Kind::IdentityRefused)
    }

    /// The faults that are told with it, beside those of its kinds.
    fn faults(&self) -> Vec<&'static Entry> {
        let login = self.answers_a_login(Kind::BadCredentials).then_some(BAD_CREDENTIALS);
        let mail = self.is_smtp(mail_code(Kind::BadCredentials)).then_some(AUTHENTICATION_REQUIRED);
        let others = coded::ALL.iter().filter(|one| self.is_smtp(one.code)).map(|one| one.entry);
        let of_graph = ALL.iter().filter(|entry| entry.graph_reply.is_some_and(|code| self.is_smtp(code)));
        let all = login.into_iter().chain(mail).chain(others).chain(of_graph).chain(self.of_the_dialogue());
        let mut seen = Vec::new();
        all.filter(|entry| !seen.contains(&entry.id) && (seen.push(entry.id), true).1).collect()
    }

    /// What a client hears of its own doing, and the last words to one that is not signed on.
    fn of_the_dialogue(&self) -> impl Iterator<Item = &'static Entry> {
        let is_any = |of: fn(Protocol) -> &'static str| Protocol::ALL.into_iter().any(|one| self.begins(of(one)));
        let (is_bye, is_err) = (self.begins(BYE), self.begins(ERR));
        let is_mistake = mistake::code::ALL.iter().any(|code| self.is_smtp(*code));
        let is_bad = self.begins(BAD) || self.is_bracketed(TOO_BIG);
        let is_other = self.is_smtp(OTHER_TONGUE) || is_bye || is_err;
        let told = [
            (CONNECTION_CLOSED, is_any(not_now) || is_err),
            (CONNECTIONS_USED_UP, is_any(not_now)),
            (CLIENT_PLAIN_ON_TLS_PORT, is_any(tls_expected)),
            (CLIENT_WITHOUT_STARTTLS, self.is_bracketed(PRIVACY_REQUIRED) || is_err),
            (PROTOCOL_MISTAKE, is_mistake || is_bad || is_bye || is_err),
            (CLIENT_TLS_ON_PLAIN_PORT, is_other),
            (CLIENT_OTHER_PROTOCOL, is_other),
        ];
        told.into_iter().filter(|(_, is_told)| *is_told).map(|(entry, _)| entry)
    }
}

/// The faults to which the code belongs alone: what is listed beside kinds is none of these.
pub(super) fn faults(text: &str) -> Vec<&'static Entry> {
    let alone = Code::read(text).filter(|code| !code.is_basic_alone() && kinds(text).is_empty());
    alone.map(|code| code.faults()).unwrap_or_default()
}

/// Faults of ours that the code may mean besides its kinds.
pub fn faults_beside(text: &str) -> Vec<&'static Entry> {
    let listed = Code::read(text).filter(|code| code.is_basic_alone() || !kinds(text).is_empty());
    listed.map(|code| code.faults()).unwrap_or_default()
}

/// The kinds of fault whose replies begin with this code, where it tells no more. Empty: no reply of ours does.
pub fn kinds(text: &str) -> Vec<Kind> {
    let Some(code) = Code::read(text) else { return Vec::new() };
    let is_of = |kind: Kind| code.answers_a_login(kind) || code.is_smtp(mail_code(kind)) || code.ends_a_session(kind);
    let is_told = |kind: &Kind| *kind == Kind::BadCredentials && !code.is_basic_alone();
    Kind::ALL.into_iter().filter(|kind| is_of(*kind) && !is_told(kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_alone_is_of_its_kinds_and_words_behind_it_make_it_none() {
        for (text, kinds_of_it) in [
            ("535 5.7.0", &[Kind::SignInNeeded, Kind::IdentityRefused][..]),
            ("550 5.7.1", &[Kind::SignInNeeded, Kind::IdentityRefused]),
            ("421 4.7.0", &[Kind::SignInNeeded, Kind::IdentityRefused]),
            ("421 4.3.2", &[Kind::TooBusy]),
            ("451 4.3.2", &[Kind::Limited, Kind::TooBusy]),
            ("535", &[Kind::BadCredentials, Kind::SignInNeeded, Kind::IdentityRefused]),
            ("A1 NO [LIMIT]", &[Kind::TooBusy]),
            ("no [limit]", &[]),
            ("[limit]", &[Kind::TooBusy]),
            ("-ERR [SYS/TEMP]", &[Kind::Unavailable, Kind::Limited, Kind::TooBusy, Kind::Bug]),
            ("535 5.7.8", &[]),
            ("535 5.7.139", &[]),
            ("535 5.7.0 no", &[]),
            ("", &[]),
        ] {
            assert_eq!(kinds(text), kinds_of_it, "{text}");
        }
    }

    #[test]
    fn what_one_fault_alone_answers_names_it() {
        for (text, id) in [
            ("535 5.7.8", "bad-credentials"),
            ("-ERR [AUTH]", "bad-credentials"),
            ("a NO [AUTHENTICATIONFAILED]", "bad-credentials"),
            ("500 5.5.2", "protocol-mistake"),
            ("A1 BAD", "protocol-mistake"),
            ("554 5.7.0", "client-plain-on-tls-port"),
            ("452 4.3.1", "queue-full"),
            ("550 5.6.7", "smtputf8-missing"),
        ] {
            let ids: Vec<_> = faults(text).into_iter().map(|entry| entry.id).collect();
            assert_eq!(ids, [id], "{text}");
        }
        assert!(faults("535").is_empty() && faults("550").is_empty());
    }

    #[test]
    fn what_several_faults_answer_names_each_and_beside_kinds_they_are_listed() {
        let ids = |found: Vec<&Entry>| found.iter().map(|entry| entry.id).collect::<Vec<_>>().join(" ");
        for (text, all) in [
            ("530 5.7.0", "authentication-required client-without-starttls"),
            ("554 5.5.1", "protocol-mistake client-tls-on-plain-port client-other-protocol"),
            ("421 4.4.2", "connection-closed message-too-slow"),
        ] {
            assert_eq!((ids(faults(text)).as_str(), ids(faults_beside(text)).as_str()), (all, ""), "{text}");
        }
        for (text, all) in [
            ("550 5.7.1", "recipient-not-allowed sender-not-allowed send-as-denied"),
            ("421 4.7.0", "message-behind-refusal connection-closed"),
            ("421 4.3.2", "connection-closed connections-used-up"),
            ("-ERR [SYS/TEMP]", "connection-closed connections-used-up"),
        ] {
            assert_eq!((ids(faults(text)).as_str(), ids(faults_beside(text)).as_str()), ("", all), "{text}");
        }
        let goodbyes = ids(faults("* BYE"));
        assert!(goodbyes.contains("connections-used-up") && goodbyes.contains("protocol-mistake"), "{goodbyes}");
        assert!(faults("* BYE signing off").is_empty() && faults("A1 NO").is_empty());
    }
}
