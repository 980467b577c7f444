//! Which fault the words of a server mean.
//!
//! All words of a row stand in the reply, and the particular goes before the general. The order of the data does not count.

use super::{ALL, At, Entry, entry::Pattern};
use crate::base::Protocol;

/// The fault that the reply means where it is heard; `allowed` leaves out what cannot be meant.
pub(super) fn meant(
    at: At,
    protocol: Option<Protocol>,
    reply: &str,
    allowed: impl Fn(&Entry) -> bool,
) -> Option<&'static Entry> {
    told(at, protocol, reply, allowed).map(|(entry, _)| entry)
}

/// The same with the row that says so. Without a protocol, that of a row does not matter.
pub(super) fn told(
    at: At,
    protocol: Option<Protocol>,
    reply: &str,
    allowed: impl Fn(&Entry) -> bool,
) -> Option<(&'static Entry, &'static Pattern)> {
    let lower = reply.to_ascii_lowercase();
    let fits = |pattern: &&Pattern| {
        let of_protocol = pattern.protocol.is_none_or(|only| protocol.is_none_or(|protocol| only == protocol));
        pattern.at == at && of_protocol && pattern.words.iter().all(|word| stands_in(word, &lower))
    };
    let of = |general: bool| {
        let fits = |pattern: &&Pattern| pattern.is_general == general && fits(pattern);
        let mut entries = ALL.iter().filter(|entry| allowed(entry));
        entries.find_map(|entry| Some((entry, entry.replies.iter().find(fits)?)))
    };
    of(false).or_else(|| of(true))
}

/// Whether the word stands in the text. A number is never a part of a longer one: `5.7.3` is not in `5.7.30`.
pub(super) fn stands_in(word: &str, text: &str) -> bool {
    let (word, text) = (word.as_bytes(), text.as_bytes());
    let is_number = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_digit() || *byte == b'#');
    let is = |byte: &u8, wanted: &u8| byte == wanted || (*wanted == b'#' && byte.is_ascii_digit());
    // A page of log is searched for each row: what cannot begin a word is passed over fast.
    let begin = word.split(|byte| *byte == b'#').next().unwrap_or_default();
    let fits = |at: usize| {
        let Some(part) = text.get(at..at + word.len()) else { return false };
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        let [after, next] = [0, 1].map(|n| text.get(at + word.len() + n));
        let goes_on = is_number(after) || (after == Some(&b'.') && is_number(next));
        let begins_before = is_number(before) || before == Some(&b'.');
        part.iter().zip(word).all(|(byte, wanted)| is(byte, wanted))
            && !(is_number(word.first()) && begins_before)
            && !(is_number(word.last()) && goes_on)
    };
    !word.is_empty() && memchr::memmem::find_iter(text, begin).any(fits)
}

/// A code of SMTP, or a class of them: `535`, `5.7.139`, `4.7.5##`.
pub(super) fn is_code(word: &str) -> bool {
    word.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_a_part_of_a_longer_one() {
        for (word, text, stands) in [
            ("5.7.3", "535 5.7.3 authentication unsuccessful", true),
            ("5.7.3", "550 5.7.30 basic authentication", false),
            ("5.7.3", "ends with 5.7.3", true),
            ("5.7.3", "at 5.7.3.", true),
            ("5.7.3", "from 15.7.3.2", false),
            ("535", "1535 x", false),
            ("4.7.5##", "451 4.7.500 access denied", true),
            ("4.7.5##", "451 4.7.50 access denied", false),
            ("4.7.5##", "451 4.7.5000 access denied", false),
            ("throttled", "request is throttled.", true),
            ("", "anything", false),
        ] {
            assert_eq!(stands_in(word, text), stands, "{word} in {text}");
        }
    }
}
