//! Our own replies without the id at their end: whoever reads one to somebody over the phone leaves the brackets out.
//!
//! A whole reply is one wherever it stands; of a part there must be enough that it is no accident.

use super::{ALL, Entry};

/// Of a part: it has so many words.
const WORDS: usize = 4;
/// Where a reply tells how to sign in.
const HOLE: &str = "{how}";

/// The faults whose reply this is, or is a part of.
pub(super) fn replied(text: &str) -> Vec<&'static Entry> {
    let said = plain(text);
    let whole: Vec<_> = ALL.iter().filter(|entry| parts(entry).all(|part| said.contains(&part))).collect();
    if !whole.is_empty() {
        return whole;
    }
    let words = without_code(text);
    if words.split(' ').count() < WORDS {
        return Vec::new();
    }
    ALL.iter().filter(|entry| parts(entry).any(|part| part.contains(&words))).collect()
}

/// What of it is always the same.
fn parts(entry: &'static Entry) -> impl Iterator<Item = String> {
    let trimmed = |part: &str| plain(part).trim_matches([' ', ':', ';', ',']).to_owned();
    entry.text.split(HOLE).map(trimmed).filter(|part| !part.is_empty())
}

/// In any case, however it was broken into lines.
fn plain(text: &str) -> String {
    text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Behind `535 5.7.0`, `A1 NO [CONTACTADMIN]`, `-ERR [SYS/PERM]`.
fn without_code(text: &str) -> String {
    let is_word = |word: &&str| word.chars().any(|c| c.is_ascii_lowercase());
    let words: Vec<&str> = text.split_whitespace().skip_while(|word| !is_word(word)).collect();
    plain(&words.join(" ")).trim_end_matches(['.', ',']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(text: &str) -> Vec<&'static str> {
        replied(text).into_iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn a_reply_of_ours_without_its_id_finds_it() {
        for entry in &ALL {
            let said = entry.text.replace(HOLE, "run: gatepost login ann@contoso.com");
            for text in [format!("535 5.7.0 {said}"), said.to_uppercase(), said.replacen(' ', "\r\n  ", 2)] {
                assert!(means(&text).contains(&entry.id), "{text}: {:?}", means(&text));
            }
        }
        let few = ALL.iter().filter(|entry| means(entry.text).len() > 1).count();
        assert_eq!(few, 0, "no reply is the words of two");
    }

    #[test]
    fn a_part_of_it_does_and_too_little_is_nothing() {
        assert_eq!(means("SMTP AUTH is disabled for your organization"), ["smtp-auth-disabled-tenant"]);
        assert_eq!(means("A1 NO [CONTACTADMIN] This account is not signed in"), ["sign-in-missing"]);
        assert_eq!(means("ask your administrator"), Vec::<&str>::new());
        assert_eq!(means(""), Vec::<&str>::new());
    }
}
