//! What a mail server's refusal of a sign-on means: its reply, and the challenge it sent before, where it did.
//!
//! Only replies that blame the token lead to a new one (`blames_token`); 5.7.139 never does: that is a policy, and
//! fetching tokens against a policy is hammering.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{Entry, sign_on::*};
use crate::base::{Fault, Protocol};

/// A refusal, understood.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub fault: Fault,
    /// A fresh token may help: ask the keeper for one, once.
    pub blames_token: bool,
}

/// `text` is the final reply as it came; `challenge` what the server sent as SASL error challenge (RFC 7628 3.2.2),
/// in base64 as on the wire, or decoded.
pub fn sign_on_refusal(protocol: Protocol, text: &str, challenge: Option<&str>) -> Refusal {
    let status = challenge.and_then(challenge_status);
    // The space ends the last word, so that `5.7.3 ` is never a part of `5.7.30`.
    let lower = format!("{} ", text.to_ascii_lowercase());
    let known = KNOWN.iter().find(|row| row.protocol.is_none_or(|only| only == protocol) && row.is_in(&lower));
    let challenged = matches!(status.as_deref(), Some("400" | "401" | "invalid_token"));
    let (entry, blames_token) = match known {
        Some(row) => (row.entry, row.entry.id == TOKEN_REFUSED.id),
        None if challenged => (TOKEN_REFUSED, true),
        None if is_temporary(protocol, &lower) => (UPSTREAM_UNAVAILABLE, false),
        None => (SIGN_ON_REFUSED, false),
    };
    let detail = match &status {
        Some(status) => format!("upstream said {text:?}, challenge status {status:?}"),
        None => format!("upstream said {text:?}"),
    };
    Refusal { fault: entry.fault().detail(detail), blames_token }
}

/// The answer to a command right after the sign-on, where it says that the sign-on was worth nothing
/// ("authenticated but not connected"). `None`: any other answer, which is no concern of the sign-on.
pub fn probe_refusal(text: &str) -> Option<Fault> {
    let lower = text.to_ascii_lowercase();
    let entry = if lower.contains("authenticated but not connected") {
        MAILBOX_NOT_CONNECTED
    } else if lower.contains("throttled") {
        THROTTLED
    } else if lower.contains("unavailable") {
        UPSTREAM_UNAVAILABLE
    } else {
        return None;
    };
    Some(entry.fault().detail(format!("upstream said {text:?} after the sign-on")))
}

struct Known {
    protocol: Option<Protocol>,
    /// All of these, lower case, stand in the reply.
    words: &'static [&'static str],
    entry: &'static Entry,
}

impl Known {
    fn is_in(&self, lower: &str) -> bool {
        self.words.iter().all(|word| lower.contains(word))
    }
}

const fn known(words: &'static [&'static str], entry: &'static Entry) -> Known {
    Known { protocol: None, words, entry }
}

const fn only(protocol: Protocol, words: &'static [&'static str], entry: &'static Entry) -> Known {
    Known { protocol: Some(protocol), words, entry }
}

/// First match counts: the particular before the general.
const KNOWN: &[Known] = &[
    known(&["5.7.139", "disabled for the tenant"], SMTP_AUTH_DISABLED_TENANT),
    known(&["5.7.139", "disabled for the mailbox"], SMTP_AUTH_DISABLED_MAILBOX),
    known(&["5.7.139", "security defaults"], SECURITY_DEFAULTS),
    known(&["5.7.139", "did not meet the criteria"], CRITERIA_NOT_MET),
    known(&["5.7.139", "sts service was unreachable"], FEDERATION_UNREACHABLE),
    known(&["5.7.139", "basic authentication is disabled"], BASIC_AUTH_RETIRED),
    known(&["5.7.139"], SIGN_ON_FORBIDDEN),
    known(&["5.7.30", "basic authentication"], BASIC_AUTH_RETIRED),
    known(&["5.7.57"], NOT_SIGNED_ON),
    known(&["authenticated but not connected"], MAILBOX_NOT_CONNECTED),
    known(&["concurrent connections limit"], CONNECTIONS_EXCEEDED),
    known(&["thread limit exceeded"], CONNECTIONS_EXCEEDED),
    known(&["too many simultaneous connections"], CONNECTIONS_EXCEEDED),
    only(Protocol::Smtp, &["432", "4.3.2"], CONNECTIONS_EXCEEDED),
    known(&["throttled"], THROTTLED),
    known(&["too many login attempts"], THROTTLED),
    known(&["rate limit"], THROTTLED),
    known(&["[limit]"], CONNECTIONS_EXCEEDED),
    known(&["server unavailable"], UPSTREAM_UNAVAILABLE),
    known(&["[unavailable]"], UPSTREAM_UNAVAILABLE),
    known(&["[sys/temp]"], UPSTREAM_UNAVAILABLE),
    known(&["not enabled for imap"], PROTOCOL_DISABLED),
    known(&["imap access is disabled"], PROTOCOL_DISABLED),
    known(&["not enabled for pop"], PROTOCOL_DISABLED),
    known(&["enable pop access"], PROTOCOL_DISABLED),
    known(&["web browser"], WEB_LOGIN_WANTED),
    known(&["[webalert"], WEB_LOGIN_WANTED),
    only(Protocol::Smtp, &["535", "5.7.3 "], TOKEN_REFUSED),
    only(Protocol::Imap, &["authenticate failed"], TOKEN_REFUSED),
    only(Protocol::Pop3, &["authentication failure"], TOKEN_REFUSED),
];

/// `status` of the JSON challenge (RFC 7628 3.2.2; Google and Microsoft send HTTP numbers).
fn challenge_status(challenge: &str) -> Option<String> {
    let decoded = STANDARD.decode(challenge.trim()).ok();
    let json = decoded.as_deref().unwrap_or(challenge.as_bytes());
    let value: serde_json::Value = serde_json::from_slice(json.trim_ascii()).ok()?;
    match value.get("status")? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_temporary(protocol: Protocol, lower: &str) -> bool {
    match protocol {
        Protocol::Smtp => lower.starts_with('4'),
        Protocol::Imap => lower.starts_with("* bye"),
        Protocol::Pop3 => lower.contains("[in-use]") || lower.contains("[login-delay]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Kind;

    const GMAIL: &str =
        "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K";

    #[test]
    fn each_known_reply_is_recognised_and_only_a_few_blame_the_token() {
        use Protocol::{Imap, Pop3, Smtp};
        let tail = "[AM0PR02CA0134.eurprd02.prod.outlook.com 2026-01-01T00:00:00.000Z 08DD]";
        let disabled = "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the";
        let cases = [
            (Smtp, format!("{disabled} Tenant. Visit https://aka.ms/smtp_auth_disabled {tail}"), None, "smtp-auth-disabled-tenant", false),
            (Smtp, format!("{disabled} Mailbox. {tail}"), None, "smtp-auth-disabled-mailbox", false),
            (Smtp, "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.".into(), None, "security-defaults", false),
            (Smtp, "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated".into(), None, "sign-on-criteria-not-met", false),
            (Smtp, "535 5.7.139 something new".into(), Some(GMAIL), "sign-on-forbidden", false),
            (Smtp, format!("535 5.7.3 Authentication unsuccessful {tail}"), None, "token-refused", true),
            (Smtp, "432 4.3.2 Concurrent connections limit exceeded.".into(), None, "upstream-connections-exceeded", false),
            (Smtp, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded".into(), None, "upstream-connections-exceeded", false),
            (Smtp, "550 5.7.30 Basic authentication is not supported for Client Submission.".into(), None, "basic-auth-retired", false),
            (Smtp, "530 5.7.57 Client not authenticated to send mail.".into(), None, "upstream-not-signed-on", false),
            (Smtp, "535 5.7.8 Username and Password not accepted.".into(), Some(GMAIL), "token-refused", true),
            (Smtp, "454 4.7.0 Temporary authentication failure".into(), None, "upstream-unavailable", false),
            (Smtp, "504 5.7.4 Unrecognized authentication type".into(), None, "sign-on-refused", false),
            (Imap, "A1 NO AUTHENTICATE failed.".into(), None, "token-refused", true),
            (Imap, "A1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)".into(), Some(GMAIL), "token-refused", true),
            (Imap, "A1 NO denied".into(), Some(r#"{"status":"invalid_token","scope":"x"}"#), "token-refused", true),
            (Imap, "A1 NO [ALERT] Please log in via your web browser".into(), None, "web-login-wanted", false),
            (Imap, "A1 NO Server Unavailable. 15".into(), None, "upstream-unavailable", false),
            (Imap, "A1 BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds".into(), None, "upstream-throttled", false),
            (Imap, "A1 NO LOGIN failed.".into(), None, "sign-on-refused", false),
            (Pop3, "-ERR Authentication failure: unknown user name or bad password.".into(), None, "token-refused", true),
            (Pop3, "-ERR [SYS/TEMP] later".into(), None, "upstream-unavailable", false),
        ];
        for (protocol, text, challenge, id, blames) in cases {
            let refusal = sign_on_refusal(protocol, &text, challenge);
            assert_eq!((refusal.fault.id, refusal.blames_token), (id, blames), "{text}");
        }
    }

    #[test]
    fn the_probe_tells_a_dead_mailbox_from_a_busy_one_and_from_nothing() {
        let not_connected = probe_refusal("G2 BAD User is authenticated but not connected.").unwrap();
        assert_eq!((not_connected.id, not_connected.kind), ("mailbox-not-connected", Kind::IdentityRefused));
        assert_eq!(probe_refusal("G2 NO Server Unavailable. 15").unwrap().kind, Kind::Unavailable);
        assert!(probe_refusal("G2 OK NAMESPACE completed.").is_none());
        assert!(probe_refusal("G2 BAD Command Error. 12").is_none());
    }

    #[test]
    fn a_nonsense_challenge_is_no_challenge() {
        for challenge in ["", "%%%", "e30=", "bnVsbA==", "[1,2]"] {
            let refusal = sign_on_refusal(Protocol::Smtp, "535 5.7.8 no", Some(challenge));
            assert!(!refusal.blames_token, "{challenge}");
        }
    }
}
