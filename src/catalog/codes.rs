//! Codes and words of Entra ID, OAuth and Microsoft Graph: which fault each one is.
//!
//! Entra's documentation asks to react to `error` and `error_codes`; the number in the description is the fallback for
//! proxies and older endpoints that leave the array out.

use super::{ALL, Entry};

/// The fault of an AADSTS number, with Microsoft's name for the log.
pub fn entra_code(code: u32) -> Option<(&'static Entry, &'static str)> {
    ALL.iter().find_map(|entry| {
        let (_, name) = entry.aadsts.iter().find(|(known, _)| *known == code)?;
        Some((entry, *name))
    })
}

/// The first `AADSTSnnnn` of a description.
pub fn code_in(description: &str) -> Option<u32> {
    let (_, rest) = description.split_once("AADSTS")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}

/// Words that stand over more causes than one, and blame the app or us.
const VAGUE: [&str; 4] = ["invalid_client", "invalid_request", "unauthorized_client", "access_denied"];
/// Where Microsoft explains any number.
pub const MICROSOFTS_PAGE: &str = "https://login.microsoftonline.com/error?code=";

/// What a refusal means by its numbers of Entra, else by its words, the most particular first. `None`: nobody here knows.
pub fn refusal<'w>(numbers: &[u32], words: impl IntoIterator<Item = &'w str>) -> Option<&'static Entry> {
    let known = numbers.iter().copied().find_map(entra_code).map(|(entry, _)| entry);
    known.or_else(|| words.into_iter().find_map(|word| word_beside(word, !numbers.is_empty())))
}

/// The same of a word by itself. Beside a number that tells the cause, and that nobody here knows, a vague one is a guess.
pub fn word_beside(word: &str, has_unknown_number: bool) -> Option<&'static Entry> {
    oauth_word(word).filter(|_| !has_unknown_number || !VAGUE.contains(&word))
}

/// `None` for words that say nothing about the sign-in (`authorization_pending`, `slow_down`) or that nobody knows.
pub fn oauth_word(word: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.oauth.contains(&word))
}

/// Whether a refusal of Graph is about who may use it, or about this one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    Access,
    /// With the SMTP code and its enhanced form that tell it.
    Message(u16, &'static str),
}

/// What an error code of Graph means, spelled as it spells it in any case. `None` for those that nobody knows.
pub fn graph_code(code: &str) -> Option<(&'static Entry, About)> {
    let entry = ALL.iter().find(|entry| entry.graph.iter().any(|known| known.eq_ignore_ascii_case(code)))?;
    let about = entry.graph_reply.map_or(About::Access, |(code, enhanced)| About::Message(code, enhanced));
    Some((entry, about))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_found_in_a_description() {
        assert_eq!(code_in("AADSTS700082: The refresh token has expired. Trace ID: 1"), Some(700_082));
        assert_eq!(code_in("see AADSTS50196"), Some(50_196));
        assert_eq!(code_in("AADSTS: nothing"), None);
        assert_eq!(code_in("no code"), None);
    }

    #[test]
    fn a_number_that_nobody_knows_makes_no_cause_of_a_vague_word() {
        let id = |numbers: &[u32], word| refusal(numbers, [word]).map(|entry| entry.id);
        for word in VAGUE {
            assert_eq!((id(&[7_009_999], word), id(&[], word).is_some()), (None, true), "{word}");
        }
        assert_eq!(id(&[7_009_999], "invalid_grant"), Some("sign-in-expired"), "no refresh will do");
        assert_eq!(id(&[7_009_999, 7_000_222], "invalid_client"), Some("client-secret-expired"));
    }

    #[test]
    fn each_known_code_of_graph_has_its_words_and_others_have_none() {
        for (code, id) in [
            ("ErrorAccessDenied", "graph-access-denied"),
            ("errorsendasdenied", "send-as-denied"),
            ("MailboxNotEnabledForRESTAPI", "graph-mailbox-not-enabled"),
            ("ErrorQuotaExceeded", "graph-mailbox-full"),
        ] {
            assert_eq!(graph_code(code).map(|(entry, _)| entry.id), Some(id));
        }
        assert!(graph_code("ErrorNobodyKnows").is_none());
    }
}
