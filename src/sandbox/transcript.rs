//! What was said on every connection, line by line, so that one sees "password in, XOAUTH2 out" and tests can ask.
//!
//! Tokens are masked (their user and length stay visible); [`Line::exposed`] gives the real words on request.
//! Bounded: the oldest lines go first, message bodies are recorded by their size alone.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::base::{Secret, printable};

const LINES: usize = 20_000;
const LINE_LENGTH: usize = 20_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Speaker {
    Client,
    Server,
}

/// One recorded line.
#[derive(Clone, Debug)]
pub struct Line {
    /// Counts connections of the sandbox.
    pub connection: u64,
    /// `smtp`, `imap`, `pop3` or `http`.
    pub protocol: &'static str,
    pub speaker: Speaker,
    /// Said inside TLS.
    pub secured: bool,
    /// For people: secrets masked, control bytes escaped.
    pub text: String,
    full: Secret,
}

impl Line {
    /// The line with its secrets.
    pub fn exposed(&self) -> &str {
        self.full.expose()
    }
}

#[derive(Debug, Default)]
pub struct Transcript(Mutex<VecDeque<Line>>);

impl Transcript {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Line>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn lines(&self) -> Vec<Line> {
        self.lock().iter().cloned().collect()
    }

    /// The lines of one protocol, as `C: ...` and `S: ...`.
    pub fn dialogue(&self, protocol: &str) -> Vec<String> {
        let lines = self.lock();
        lines.iter().filter(|line| line.protocol == protocol).map(Line::to_string).collect()
    }

    pub fn clear(&self) {
        self.lock().clear();
    }

    pub(super) fn note(&self, connection: u64, protocol: &'static str, speaker: Speaker, secured: bool, said: &[u8]) {
        let full: String = String::from_utf8_lossy(said.get(..LINE_LENGTH).unwrap_or(said)).into_owned();
        let text = printable(&masked(&full, speaker), 1000);
        let mut lines = self.lock();
        if lines.len() >= LINES {
            lines.pop_front();
        }
        lines.push_back(Line { connection, protocol, speaker, secured, text, full: Secret::new(full) });
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let who = if self.speaker == Speaker::Client { "C" } else { "S" };
        write!(f, "{who}: {}", self.text)
    }
}

/// Hides what proves an identity: SASL strings, passwords.
fn masked(line: &str, speaker: Speaker) -> String {
    if speaker == Speaker::Server {
        return line.to_owned();
    }
    let words: Vec<&str> = line.split(' ').collect();
    let upper: Vec<String> = words.iter().take(3).map(|word| word.to_ascii_uppercase()).collect();
    let after = |n: usize, what: &str| {
        let kept = words.get(..n).unwrap_or(&words).join(" ");
        format!("{kept} [{what}]")
    };
    let verbs: Vec<&str> = upper.iter().map(String::as_str).collect();
    match verbs.as_slice() {
        [only] => bearer(only, words.first().copied().unwrap_or_default()),
        ["PASS", ..] => after(1, "password"),
        ["AUTH", _, _] => {
            let told = words.get(2).copied().and_then(described).unwrap_or_else(|| "credentials".into());
            after(2, &told)
        }
        [_, "LOGIN", _] => after(2, "credentials"),
        [_, "AUTHENTICATE", _] if words.len() > 3 => {
            let told = words.get(3).copied().and_then(described).unwrap_or_else(|| "credentials".into());
            after(3, &told)
        }
        _ => line.to_owned(),
    }
}

/// A line of one word: a SASL response, or a verb.
fn bearer(_upper: &str, word: &str) -> String {
    match described(word) {
        Some(told) => format!("[{told}]"),
        None => word.to_owned(),
    }
}

/// `user=ann@contoso.example auth=Bearer of 1800 characters` for an XOAUTH2 string, `None` for anything else.
fn described(word: &str) -> Option<String> {
    let decoded = String::from_utf8(STANDARD.decode(word.trim()).ok()?).ok()?;
    let mut fields = decoded.split('\u{1}');
    let user = fields.next()?.strip_prefix("user=").map(str::to_owned);
    let token = decoded.split('\u{1}').find_map(|field| field.strip_prefix("auth=Bearer "));
    match (user, token) {
        (Some(user), Some(token)) => {
            let head: String = token.chars().take(6).collect();
            Some(format!("user={user} auth=Bearer {head}... {} characters", token.len()))
        }
        (_, Some(token)) => Some(format!("auth=Bearer, {} characters", token.len())),
        // Anything else in base64 that is not a plain word may be a password.
        _ if decoded.contains('\0') => Some("credentials".into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_masked_and_its_user_stays() {
        let sasl = STANDARD.encode("user=ann@contoso.example\u{1}auth=Bearer eyJ0eXAiOi\u{1}\u{1}");
        for (line, start) in [
            (format!("AUTH XOAUTH2 {sasl}"), "AUTH XOAUTH2 ["),
            (format!("a1 AUTHENTICATE XOAUTH2 {sasl}"), "a1 AUTHENTICATE XOAUTH2 ["),
            (sasl.clone(), "["),
        ] {
            let transcript = Transcript::default();
            transcript.note(1, "smtp", Speaker::Client, true, line.as_bytes());
            let noted = transcript.lines().remove(0);
            assert_eq!(noted.text, format!("{start}user=ann@contoso.example auth=Bearer eyJ0eX... 10 characters]"));
            assert_eq!(noted.exposed(), line);
        }
    }

    #[test]
    fn passwords_never_show() {
        assert_eq!(masked("PASS a b", Speaker::Client), "PASS [password]");
        assert_eq!(masked("a LOGIN ann secret", Speaker::Client), "a LOGIN [credentials]");
        assert_eq!(masked("NOOP", Speaker::Client), "NOOP");
    }
}
