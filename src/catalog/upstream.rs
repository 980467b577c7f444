//! What a mail server's refusal of a sign-on means: its reply, and the challenge it sent before, where it did.
//!
//! Only replies that blame the token lead to a new one (`blames_token`); 5.7.139 never does: that is a policy, and
//! fetching tokens against a policy is hammering.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{
    At, Entry, find,
    matching::{meant, stands_in},
    message::{MESSAGE_REFUSED, MESSAGE_REFUSED_FOR_NOW, RECIPIENT_REFUSED, RECIPIENT_REFUSED_FOR_NOW, SEND_AS_DENIED},
    session::SESSION_TOKEN_EXPIRED,
    sign_on::*,
};
use crate::{
    base::{Fault, Protocol},
    wire::smtp::Reply,
};

/// A refusal, understood.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub fault: Fault,
    /// A fresh token may help: ask the keeper for one, once.
    pub blames_token: bool,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// `text` is the final reply as it came; `challenge` what the server sent as SASL error challenge (RFC 7628 3.2.2),
/// in base64 as on the wire, or decoded. `early`: it came before the sign-on began, when nobody was named yet, so it
/// passes by itself whatever its words and code.
pub fn sign_on_refusal(protocol: Protocol, text: &str, challenge: Option<&str>, early: bool) -> Refusal {
    let status = challenge.and_then(challenge_status);
    let known = meant(At::SignOn, Some(protocol), text, |entry| !early || entry.kind.passes_by_itself());
    let challenged = matches!(status.as_deref(), Some("400" | "401" | "invalid_token"));
    let (entry, blames_token) = match known {
        Some(entry) => (entry, [TOKEN_REFUSED.id, SESSION_TOKEN_EXPIRED.id].contains(&entry.id)),
        None if challenged => (TOKEN_REFUSED, true),
        None if early || is_temporary(protocol, &text.to_ascii_lowercase()) => (UPSTREAM_UNAVAILABLE, false),
        None => (SIGN_ON_REFUSED, false),
    };
    let detail = match &status {
        Some(status) => format!("upstream said {text:?}, challenge status {status:?}"),
        None => format!("upstream said {text:?}"),
    };
    Refusal { fault: entry.fault().detail(detail), blames_token, retry_after: backoff_time(&text.to_ascii_lowercase()) }
}

/// `Suggested Backoff Time: 299961 milliseconds` (fact sheet microsoft.md, 1.4).
fn backoff_time(lower: &str) -> Option<Duration> {
    let (_, behind) = lower.split_once("suggested backoff time:")?;
    let (number, unit) = behind.trim_start().split_once(' ')?;
    unit.starts_with("millisecond").then(|| number.parse().ok().map(Duration::from_millis))?
}

/// A refusal of a message that concerns the mailbox or the whole tenant, and not the message: whatever comes next would hear
/// the same (fact sheet microsoft.md, 3.2). `None`: it is about the message, or says nothing that is known.
pub fn mailbox_refusal(text: &str) -> Option<Fault> {
    let entry = meant(At::Message, None, text, |entry| entry.stops_mailbox)?;
    Some(entry.fault().detail(format!("upstream said {text:?}")))
}

/// What a refusal of a message means, whatever it concerns. `None`: it says nothing that is known.
pub fn message_refusal(reply: &str) -> Option<&'static Entry> {
    meant(At::Message, Some(Protocol::Smtp), reply, |_| true)
}

/// What a refusal of a message means, for whoever looks at it: session, queue and doctor tell one answer under one id. Ours
/// is what it was made of, the mail server's what its words say. `at_recipient`: as [`unknown_refusal`] has it.
pub fn refusal_meaning(reply: &Reply, at_recipient: bool) -> &'static Entry {
    let text = reply.text();
    let ours = reply.fault().and_then(|fault| find(fault.id));
    ours.or_else(|| message_refusal(&text)).unwrap_or_else(|| unknown_refusal(&text, at_recipient))
}

/// What a refusal means that says nothing that is known. `at_recipient`: in answer to RCPT, and the message may go on without
/// that one; but not where it is about policy (RFC 3463 3.8), which is no matter of one recipient.
fn unknown_refusal(reply: &str, at_recipient: bool) -> &'static Entry {
    let is_policy = ["5.7.#", "5.7.##", "5.7.###"].iter().any(|code| stands_in(code, reply));
    match (reply.starts_with('4'), at_recipient && !is_policy) {
        (true, true) => RECIPIENT_REFUSED_FOR_NOW,
        (true, false) => MESSAGE_REFUSED_FOR_NOW,
        (false, true) => RECIPIENT_REFUSED,
        (false, false) => MESSAGE_REFUSED,
    }
}

/// Whether somebody has to see what is refused under this id; what nobody knows is trouble.
pub fn is_trouble(id: &str) -> bool {
    find(id).is_none_or(|entry| entry.is_trouble)
}

/// Whether Exchange refuses the sender in this reply: at MAIL (5.7.60), or at the end of the message (5.2.252, and
/// 5.2.0 before it).
pub fn denies_sender(reply: &str) -> bool {
    meant(At::Message, None, reply, |_| true).is_some_and(|entry| entry.id == SEND_AS_DENIED.id)
}

/// What another way out helps against: SMTP AUTH is switched off or forbidden (5.7.139), and nothing else is wrong.
pub fn is_smtp_switched_off(id: &str) -> bool {
    [
        SMTP_AUTH_DISABLED_TENANT,
        SMTP_AUTH_DISABLED_MAILBOX,
        SECURITY_DEFAULTS,
        SIGN_ON_CRITERIA_NOT_MET,
        FEDERATION_UNREACHABLE,
        FEDERATION_NOT_HTTPS,
        SIGN_ON_FORBIDDEN,
    ]
    .iter()
    .any(|entry| entry.id == id)
}

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
#[rustfmt::skip] // one reply a row
mod tests {
    use super::*;
    use crate::{
        base::{Sasl, Secret},
        wire::{Back, SignOn, Step, imap::ImapBack, pop3::Pop3Back, sasl::Credentials, smtp::SmtpBack},
    };

    const GMAIL: &str = r#"{"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}"#;

    /// What the machine of this protocol makes of an upstream that says these lines.
    fn heard(protocol: Protocol, lines: &[&str]) -> Refusal {
        fn refusal(protocol: Protocol, mut back: impl Back, lines: &[&str]) -> Refusal {
            let mut coming = lines.iter();
            loop {
                match back.step() {
                    Ok(Step::Write(_)) => {}
                    // Each line once what was said before it was answered.
                    Ok(Step::Read) if coming.len() > 0 => {
                        coming.next().into_iter().for_each(|line| back.feed(format!("{line}\r\n").as_bytes()));
                    }
                    Ok(Step::Event(SignOn::Refused { text, challenge, early })) => {
                        return sign_on_refusal(protocol, &text, challenge.as_deref(), early);
                    }
                    other => panic!("{protocol} after {lines:?}: {other:?}"),
                }
            }
        }
        let credentials = Credentials {
            mechanism: Sasl::Xoauth2, user: "ann@x".into(), token: Secret::new("t"), host: "h".into(), port: 1,
        };
        match protocol {
            Protocol::Smtp => refusal(protocol, SmtpBack::new(credentials, false, "gate"), lines),
            Protocol::Imap => refusal(protocol, ImapBack::new(credentials, false, None), lines),
            Protocol::Pop3 => refusal(protocol, Pop3Back::new(credentials, false), lines),
        }
    }

    /// The same for the answer to the token, behind a challenge where there is one.
    fn answered(protocol: Protocol, challenge: Option<&str>, line: &str) -> Refusal {
        let (before, plus): (&[&str], _) = match protocol {
            Protocol::Smtp => (&["220 hi", "250-x", "250 AUTH XOAUTH2", "334 "], "334"),
            Protocol::Imap => (&["* OK [CAPABILITY IMAP4rev1] hi", "+ "], "+"),
            Protocol::Pop3 => (&["+OK hi", "+ "], "+"),
        };
        let challenge = challenge.map(|json| format!("{plus} {}", STANDARD.encode(json)));
        let lines: Vec<_> = before.iter().copied().chain(challenge.as_deref()).chain([line]).collect();
        heard(protocol, &lines)
    }

    #[test]
    fn each_known_reply_is_recognised_and_only_a_few_blame_the_token() {
        use Protocol::{Imap, Pop3, Smtp};
        let cases = [
            (Smtp, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information. [AM0PR02CA0134 2026-01-01T00:00:00.000Z 08DD]", None, "smtp-auth-disabled-tenant", false),
            (Smtp, "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox. [AM0PR02CA0134]", None, "smtp-auth-disabled-mailbox", false),
            (Smtp, "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy.", None, "security-defaults", false),
            (Smtp, "535 5.7.139 Authentication unsuccessful, the request did not meet the criteria to be authenticated", None, "sign-on-criteria-not-met", false),
            (Smtp, "535 5.7.139 something new", Some(GMAIL), "sign-on-forbidden", false),
            (Smtp, "535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.", None, "basic-auth-retired", false),
            (Smtp, "535 5.7.3 Authentication unsuccessful [AM0PR02CA0134.eurprd02.prod.outlook.com 2026-01-01T00:00:00.000Z 08DD]", None, "token-refused", true),
            (Smtp, "432 4.3.2 Concurrent connections limit exceeded.", None, "upstream-connections-exceeded", false),
            (Smtp, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", None, "upstream-connections-exceeded", false),
            (Smtp, "550 5.7.30 Basic authentication is not supported for Client Submission.", None, "basic-auth-retired", false),
            (Smtp, "530 5.7.57 Client not authenticated to send mail.", None, "upstream-not-signed-on", false),
            (Smtp, "535 5.7.8 Username and Password not accepted.", Some(GMAIL), "token-refused", true),
            (Smtp, "454 4.7.0 Temporary authentication failure", None, "upstream-unavailable", false),
            (Imap, "gpa NO AUTHENTICATE failed.", None, "token-refused", true),
            (Imap, "gpa NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)", Some(GMAIL), "token-refused", true),
            (Imap, "gpa NO denied", Some(r#"{"status":"invalid_token","scope":"x"}"#), "token-refused", true),
            (Imap, "gpa NO [ALERT] Please log in via your web browser", None, "web-login-wanted", false),
            (Imap, "gpa NO Server Unavailable. 15", None, "upstream-unavailable", false),
            (Imap, "Server Unavailable.", None, "upstream-unavailable", false),
            (Imap, "* BYE Connection is closed. 13", None, "upstream-unavailable", false),
            (Imap, "* BYE Too many simultaneous connections. (Failure)", None, "upstream-connections-exceeded", false),
            (Imap, "gpa BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds", None, "upstream-throttled", false),
            (Imap, "gpa NO LOGIN failed.", None, "sign-on-refused", false),
            (Pop3, "-ERR Authentication failure: unknown user name or bad password.", None, "token-refused", true),
            (Pop3, "-ERR [SYS/TEMP] later", None, "upstream-unavailable", false),
            (Pop3, "-ERR [IN-USE] mailbox is locked", None, "upstream-unavailable", false),
            (Pop3, "-ERR Protocol error. Connection is closed. 10", None, "upstream-unavailable", false),
            (Pop3, "-ERR no", None, "sign-on-refused", false),
        ];
        for (protocol, line, challenge, id, blames) in cases {
            let refusal = answered(protocol, challenge, line);
            assert_eq!((refusal.fault.id, refusal.blames_token), (id, blames), "{line}");
        }
    }

    #[test]
    fn the_replies_about_a_sender_are_known_and_others_are_not() {
        for (reply, denies) in [
            ("550 5.7.60 SMTP; Client does not have permissions to send as this sender [AM0PR02]", true),
            ("554 5.2.252 SendAsDenied; ann@x not allowed to send as info@x; STOREDRV.Submission.Exception:", true),
            ("554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed", true),
            ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException", false),
            ("550 5.7.1 Unable to relay", false),
            ("432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", false),
        ] {
            assert_eq!(denies_sender(reply), denies, "{reply}");
        }
    }

    #[test]
    fn a_refusal_of_the_mailbox_is_told_from_one_of_the_message() {
        for (text, id) in [
            ("530 5.7.57 Client not authenticated to send mail. [host]", Some("upstream-not-signed-on")),
            ("550 5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", Some("day-limit-reached")),
            ("554 5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; x", Some("day-limit-reached")),
            ("550 5.2.2 Submission quota exceeded", Some("day-limit-reached")),
            ("550 5.4.5 Daily user sending limit exceeded", Some("day-limit-reached")),
            ("552 5.2.2 over quota", None),
            ("550 5.4.316 Message expired, connection refused", None),
            ("550 5.7.606 Access denied, banned sending IP [192.0.2.1]", None),
            ("550 5.7.705 Access denied, tenant has exceeded threshold", Some("tenant-sending-blocked")),
            ("501 5.1.8 Access denied, bad outbound sender", Some("sending-blocked")),
            ("550 5.1.8 <r1@fabrikam.example>: Recipient address rejected: Domain not found", None),
            ("550 5.7.60 SMTP; Client does not have permissions to send as this sender", None),
            ("550 5.1.1 no such user", None),
            ("550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", None),
            ("550 5.7.570 something else", None),
        ] {
            assert_eq!(mailbox_refusal(text).map(|fault| fault.id), id, "{text}");
        }
    }

    /// As Exchange answers for an address that a tenant does not have: nobody's other message is in its way.
    #[test]
    fn access_that_is_denied_to_a_recipient_is_about_that_recipient_alone() {
        for said in ["550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "550 5.4.1 All recipient addresses rejected : Access denied"] {
            let entry = message_refusal(said).unwrap();
            assert_eq!((entry.id, entry.is_trouble, entry.stops_mailbox), ("recipient-unknown", false, false), "{said}");
        }
        for (said, id) in [("550 5.4.1 Relay Access Denied", Some("relay-denied")), ("550 5.4.1 no route to host", None)] {
            assert_eq!(message_refusal(said).map(|entry| entry.id), id, "{said}");
        }
    }

    #[test]
    fn what_is_refused_before_anybody_was_named_passes_by_itself() {
        use Protocol::{Imap, Pop3, Smtp};
        for (protocol, lines, id) in [
            (Smtp, &["554 5.3.2 no SMTP service here"][..], "upstream-unavailable"),
            (Smtp, &["535 5.7.3 Authentication unsuccessful"], "upstream-unavailable"),
            (Smtp, &["432 4.3.2 Concurrent connections limit exceeded."], "upstream-connections-exceeded"),
            (Smtp, &["220 hi", "502 5.5.1 not implemented"], "upstream-unavailable"),
            (Imap, &["* BYE busy"], "upstream-unavailable"),
            (Imap, &["* BYE AUTHENTICATE failed."], "upstream-unavailable"),
            (Imap, &["Server Unavailable."], "upstream-unavailable"),
            (Imap, &["* OK hi", "* BYE Connection is closed. 13"], "upstream-unavailable"),
            (Pop3, &["-ERR busy"], "upstream-unavailable"),
            (Pop3, &["-ERR Authentication failure: later"], "upstream-unavailable"),
        ] {
            let Refusal { fault, blames_token, .. } = heard(protocol, lines);
            assert_eq!((fault.id, fault.kind.passes_by_itself(), blames_token), (id, true, false), "{lines:?}");
        }
    }

    #[test]
    fn how_long_the_server_asks_to_be_left_alone_is_read() {
        let asked = |text: &str| sign_on_refusal(Protocol::Imap, text, None, false).retry_after;
        let words = "gpa BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds";
        assert_eq!(asked(words), Some(Duration::from_millis(299_961)));
        for odd in ["gpa BAD Request is throttled.", "BAD Suggested Backoff Time: soon", "Suggested Backoff Time: 9 days"] {
            assert_eq!(asked(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_mechanism_that_is_refused_is_for_the_administrator() {
        let refusal = heard(Protocol::Smtp, &["220 hi", "250-x", "250 AUTH XOAUTH2", "504 5.7.4 Unrecognized authentication type"]);
        assert_eq!(refusal.fault.id, "mechanism-refused");
        let refusal = heard(Protocol::Pop3, &["+OK hi", "-ERR Protocol error. Connection is closed. 10"]);
        assert_eq!(refusal.fault.id, "upstream-unavailable", "a line that was not understood is no mechanism refused");
    }

    #[test]
    fn a_nonsense_challenge_is_no_challenge() {
        for challenge in ["", "%%%", "e30=", "bnVsbA==", "[1,2]"] {
            let refusal = sign_on_refusal(Protocol::Smtp, "535 5.7.8 no", Some(challenge), false);
            assert!(!refusal.blames_token, "{challenge}");
        }
    }

    /// A queue and a session told two of it.
    #[test]
    fn a_code_by_which_exchange_slows_a_sender_is_one_fault_at_the_sign_on_and_behind_it() {
        let text = "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited";
        let at_sign_on = sign_on_refusal(Protocol::Smtp, text, None, false);
        assert_eq!(Some(at_sign_on.fault.id), message_refusal(text).map(|entry| entry.id));
        assert_eq!(sign_on_refusal(Protocol::Imap, "a NO rate limit", None, false).fault.id, UPSTREAM_THROTTLED.id);
    }
}
