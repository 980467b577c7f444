//! What the code of a reply of ours tells by itself: the kinds of fault that have it, or the one fault whose it is.
//!
//! It reads the tables of which replies are made. It refuses text behind the code: words and id of a whole reply tell more.

use super::{
    Entry,
    matching::is_code,
    own::{AUTHENTICATION_REQUIRED, BAD_CREDENTIALS},
    replies::OF_ONE,
};
use crate::{
    base::Kind,
    wire::{
        imap, pop3,
        smtp::reply::{COME_AGAIN, auth_code, mail_code},
    },
};

/// A code with nothing behind it.
enum Code<'t> {
    /// Basic, enhanced, or both.
    Smtp(Vec<&'t str>),
    /// What stands in the brackets of IMAP or POP3.
    Bracketed(&'t str),
}

impl<'t> Code<'t> {
    fn read(text: &'t str) -> Option<Self> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (last, ahead) = words.split_last()?;
        match last.strip_prefix('[').and_then(|last| last.strip_suffix(']')) {
            // Alone, behind the status, or behind tag and status.
            Some(word) if matches!(ahead, [] | ["-ERR" | "NO"] | [_, "NO"]) => Some(Self::Bracketed(word)),
            None if words.len() <= 2 && words.iter().all(|word| is_code(word)) => Some(Self::Smtp(words)),
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

    fn answers_a_login(&self, kind: Kind) -> bool {
        self.is_smtp(auth_code(kind))
            || self.is_bracketed(imap::reply::code(kind))
            || self.is_bracketed(pop3::reply::code(kind))
    }

    /// The mailbox is refused for good while its program is at work: it hears why at its next login.
    fn ends_a_session(&self, kind: Kind) -> bool {
        self.is_smtp(COME_AGAIN) && matches!(kind, Kind::SignInNeeded | Kind::IdentityRefused)
    }
}

/// The faults to which the code belongs alone.
pub(super) fn faults(text: &str) -> Vec<&'static Entry> {
    let Some(code) = Code::read(text).filter(|code| !code.is_basic_alone()) else { return Vec::new() };
    let login = code.answers_a_login(Kind::BadCredentials).then_some(BAD_CREDENTIALS);
    let mail = code.is_smtp(mail_code(Kind::BadCredentials)).then_some(AUTHENTICATION_REQUIRED);
    let others = OF_ONE.iter().filter(|(_, own)| code.is_smtp(*own)).map(|(entry, _)| *entry);
    login.into_iter().chain(mail).chain(others).collect()
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
            ("530 5.7.0", "authentication-required"),
            ("452 4.3.1", "queue-full"),
            ("550 5.6.7", "smtputf8-missing"),
        ] {
            let ids: Vec<_> = faults(text).into_iter().map(|entry| entry.id).collect();
            assert_eq!(ids, [id], "{text}");
        }
        assert!(faults("535").is_empty() && faults("550").is_empty());
    }
}
