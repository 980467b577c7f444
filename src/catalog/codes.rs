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
