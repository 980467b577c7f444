//! Lines of the log that tell of nothing that failed.
//!
//! INFO alone is no health: a port scanner's garbage stands there as well, and a mistyped recipient. So only lines that are
//! known to be well are called so; it refuses to guess of any other.

use super::line::field;
use crate::catalog::explain::LEVELS;

/// How such a line begins, behind its level.
const WELL: &[&str] = &[
    "DSN parameters dropped",
    "a changed certificate was loaded",
    "a self-signed certificate was made",
    "accepted by Microsoft Graph",
    "bodies of messages that were never answered with 250, or are done, are removed",
    "closed",
    "configuration read again, nothing changed",
    "configuration taken over: ",
    "connected",
    "console, status and metrics on http",
    "deliveries from the queue are under way and may end",
    "delivery from the queue",
    "draining sessions",
    "dropped from the queue",
    "everything stored is sealed under another key",
    "its sign-in serves again; its queue is tried",
    "leaves the queue",
    "listening",
    "message accepted",
    "passwords read again",
    "queued",
    "session ended: Gatepost is shutting down",
    "session ended: idle for too long",
    "session ended: the client closed",
    "session ended: the upstream closed",
    "signed in through the console",
    "signed on",
    "stopping",
    "the body of this message may be there again: it is tried",
    "the notify command was run",
    "the queue's disk answers again; it goes on",
    "the way out is open again",
    "the webhook was told",
    "token fetched",
    "upstream closed between messages",
];

/// The event that is told to people when all is well again; its text begins with the name of the machine.
const GOOD_NEWS: &str = "sign-in-again-ok";

/// Fields that tell otherwise where they are not this.
const UNLESS: [(&str, &str); 3] = [("deferred", "0"), ("failed", "0"), ("ended_by_token", "false")];

/// Words of a message by which it is known without a level.
const SENTENCE: usize = 4;

/// As the doctor ends where nothing fails, in either language.
const ALL_WELL: [&str; 2] = ["All is well.", "すべて正常です。"];

/// Whether every line of it is known to tell of nothing that failed.
pub fn is_healthy(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    lines.peek().is_some() && lines.all(is_well)
}

/// The same of lines of the log as they stand there: nothing that they name is a fault.
pub fn is_logged_well(text: &str) -> bool {
    is_healthy(text) && text.lines().all(|line| line.trim().is_empty() || !parts(line).0.is_empty())
}

fn is_well(line: &str) -> bool {
    if ALL_WELL.contains(&line.trim()) {
        return true;
    }
    let is_so = |message: &str| WELL.iter().any(|known| begins(message, known));
    let (level, message) = match parts(line) {
        // Who copies a message alone has no level. A sentence is ours; a word or two may be anybody's.
        ("", _) if line.split_whitespace().count() >= SENTENCE => ("INFO", line.trim_start()),
        found => found,
    };
    matches!(level, "INFO" | "DEBUG" | "TRACE")
        && (is_so(message) || field(line, "event") == Some(GOOD_NEWS))
        && UNLESS.iter().all(|(name, well)| field(line, name).is_none_or(|value| value.trim_end_matches('}') == *well))
}

/// Whole words.
fn begins(message: &str, known: &str) -> bool {
    let behind = message.strip_prefix(known).map(|rest| rest.chars().next());
    behind.is_some_and(|next| known.ends_with(' ') || next.is_none_or(|c| !c.is_alphanumeric() && c != '-'))
}

/// Level and message, of text or JSON. The level stands behind a time at most, and what journald puts before that.
pub(super) fn parts(line: &str) -> (&str, &str) {
    if let Some(level) = field(line, "level") {
        let message = line.split_once("\"message\":").map_or("", |(_, behind)| behind);
        return (level, message.trim_start_matches([' ', '"']).split('"').next().unwrap_or_default());
    }
    let level = line.split_whitespace().take(7).find(|word| LEVELS.contains(word)).unwrap_or_default();
    (level, line.split_once(level).filter(|_| !level.is_empty()).map_or("", |(_, behind)| behind.trim_start()))
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// Messages at INFO and below of which nobody can say that all is well.
    const NOT_WELL: &[&str] = &[
        "Microsoft Graph is no way for this message",
        "TLS handshake failed",
        "by hand",
        "client left",
        "client left before it was answered",
        "client left without a login: {fault}",
        "RCPT refused: the message has no connection any more",
        "connection closed before its greeting to make room for others",
        "connection closed: {error}",
        "it is not known whether the message was sent",
        "who was let in could not be saved",
        "message lost",
        "message refused by the rule",
        "not tried, its mailbox waits: {fault}",
        "recipient refused by the rule",
        "redirect to {}",
        "refresh token refused",
        "sender cannot be read",
        "sender refused by send-as",
        "stopped before it had started",
        "the sender is told that delivery failed",
        "the webhook is tried again: {why}",
        "token for a look",
        "{CLOSED}: {fault}",
        "{COMMAND_REFUSED}: {fault}",
        "{what}: {fault}",
        "{what}: {why}",
        "{fault}",
        "{fault}; it is stopping, and waited for up to {} s",
        "{}",
        "a system root certificate was skipped",
        "{} is the new one; the key before it opens nothing any more",
    ];

    /// The messages of calls of these macros, in all sources.
    pub fn messages(macros: &[&str]) -> Vec<String> {
        fn sources(folder: &Path, found: &mut String) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && !path.ends_with("tests") {
                    sources(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                    let code = fs::read_to_string(&path).unwrap();
                    found.push_str(code.split("\nmod tests {").next().unwrap());
                }
            }
        }
        let mut code = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut code);
        let calls = macros.iter().flat_map(|name| {
            let call = format!("{name}!(");
            let begins = |at: usize| !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            code.match_indices(&call).filter(|(at, _)| begins(*at)).map(|(at, _)| at + call.len()).collect::<Vec<_>>()
        });
        calls.filter_map(|at| last_text(&code[at..])).collect()
    }

    /// The first text of a call that is the value of no field.
    fn last_text(call: &str) -> Option<String> {
        let (mut depth, mut rest, mut before) = (1, call, ' ');
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                '"' => {
                    let end = rest.match_indices('"').find(|(at, _)| !rest[..*at].ends_with('\\')).unwrap().0;
                    let text = &rest[..end];
                    rest = &rest[end + 1..];
                    if depth == 1 && matches!(before, ' ' | ',' | '(') {
                        return Some(text.to_owned());
                    }
                }
                _ => {}
            }
            if depth == 0 {
                return None;
            }
            before = if c.is_whitespace() { before } else { c };
        }
        None
    }

    #[test]
    fn each_message_at_info_is_known_to_be_well_or_known_not_to_be() {
        let all = messages(&["info", "debug"]);
        assert!(["signed on", "queued"].iter().all(|known| all.iter().any(|message| message == known)), "{all:?}");
        for message in all {
            // What is written there stands in its place.
            let shown = message.replace("{}", "the client closed").replace("{change}", "x").replace("{at}", "x");
            let well = is_healthy(&format!("2026-11-29T02:05:11Z  INFO {shown} session=1"));
            assert_ne!(well, NOT_WELL.contains(&message.as_str()), "{message}: well or not?");
        }
    }

    #[test]
    fn no_line_that_tells_of_a_failure_is_called_well() {
        let all = messages(&["warn", "error"]);
        assert!(all.len() > 20, "{all:?}");
        let failures = [
            "message refused reply=\"550 5.4.1 no\"",
            "message refused-for-now reply=\"451 4.3.0 no\"",
            "message lost reply=\"client left in mid-message\"",
            "MAIL refused session=1",
            "RCPT refused session=1 id=\"x\"",
            "session ended: the upstream's connection broke: reset",
            "session ended: the upstream closed to_client=1 ended_by_token=true",
            "delivery from the queue delivered=0 deferred=1 failed=0",
            "leaves the queue delivered=1 failed=2",
        ];
        for message in NOT_WELL.iter().chain(&failures).copied().chain(all.iter().map(String::as_str)) {
            for line in [
                format!("2026-11-29T02:05:11Z  INFO {message}"),
                format!(r#"{{"timestamp":"x","level":"INFO","message":"{message}","session":1}}"#),
            ] {
                assert!(!is_healthy(&line), "{line}");
            }
        }
    }

    #[test]
    fn what_the_doctor_ends_with_where_nothing_fails_is_called_well() {
        let words = [include_str!("../../doctor/words/en.rs"), include_str!("../../doctor/words/ja.rs")];
        for (said, words) in ALL_WELL.into_iter().zip(words) {
            assert!(is_healthy(said) && words.contains(&format!("all_well: \"{said}\"")), "{said}");
        }
    }

    #[test]
    fn what_went_well_is_called_so_in_both_forms_and_only_where_all_of_it_did() {
        let well = "2026-11-29T02:05:11Z  INFO signed on session=1 protocol=smtp";
        for line in [
            well.to_owned(),
            format!("{well}\n\n{well}"),
            "2026-11-29T02:05:11Z  INFO delivery from the queue delivered=1 deferred=0 failed=0".to_owned(),
            r#"{"timestamp":"x","level":"INFO","message":"leaves the queue","delivered":1,"failed":0}"#.to_owned(),
            r#"x  INFO Gatepost on vm: the sign-in of ann@x.example works again. event="sign-in-again-ok""#.to_owned(),
            r#"{"level":"INFO","message":"Gatepost on vm: it works again.","event":"sign-in-again-ok"}"#.to_owned(),
            "session ended: the upstream closed".to_owned(),
        ] {
            assert!(is_healthy(&line), "{line}");
        }
        for line in
            ["", "signed on", "INFO signed on-line", "INFO x", "WARN signed on", &format!("{well}\nINFO client left")]
        {
            assert!(!is_healthy(line), "{line}");
        }
    }
}
