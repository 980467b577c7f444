//! What an answer of Graph means: taken, wait, not with this token, not this message, or nobody knows.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use crate::{
    base::{Fault, printable, redacted},
    catalog::{
        About, Entry,
        graph::{GRAPH_REFUSES, GRAPH_THROTTLED, GRAPH_UNCLEAR, GRAPH_UNREADABLE},
        graph_code,
        replies::{Coded, coded},
    },
    net::HttpReply,
};

/// A pause beyond this is a mistake of the other side; the queue waits for as long.
const PAUSE_CAP: Duration = Duration::from_secs(24 * 3600);

/// Why a request did not end with what was asked for.
#[derive(Debug)]
pub enum Trouble {
    /// Who may use Graph, or the way to it. Nothing was done.
    Access(Fault),
    /// Graph wants a longer pause than there is time. Nothing was done.
    Throttled { after: Option<Duration>, detail: String, may_be_the_message: bool },
    /// It asked for a pause before, which lasts so long still. Nothing was asked.
    Quiet(Duration),
    /// All of the request was handed over, and no answer says what became of it.
    Unclear { after: Option<Duration>, detail: String },
    /// In one request.
    TooLarge,
    /// What was asked for is not there (any more).
    Gone { detail: String },
    /// This message alone.
    Message { of: Coded, detail: String },
}

/// One answer.
#[derive(Debug)]
pub enum Answer {
    Done(HttpReply),
    /// The token is not taken.
    TokenRefused(String),
    /// Nothing was done, and may be later.
    Wait {
        after: Option<Duration>,
        detail: String,
        /// Another message may meet nothing of it.
        may_be_the_message: bool,
    },
    No(Trouble),
}

pub fn read(reply: HttpReply) -> Answer {
    let status = reply.status;
    if status.is_success() {
        return Answer::Done(reply);
    }
    let said = Said::read(&reply);
    let detail = said.detail(status);
    let after = reply.retry_after.map(|after| after.min(PAUSE_CAP));
    match status.as_u16() {
        401 => Answer::TokenRefused(detail),
        413 => Answer::No(Trouble::TooLarge),
        429 => Answer::Wait { after, detail, may_be_the_message: false },
        // A conflict is one about what was asked (RFC 9110 15.5.10).
        status if said.passes() => Answer::Wait { after, detail, may_be_the_message: status == 409 },
        // Somebody else has the mailbox, or the item, just now (RFC 4918 11.3, RFC 8470 5.2).
        409 | 423 | 425 if said.code.is_some() && said.known().is_none() => {
            Answer::Wait { after, detail, may_be_the_message: true }
        }
        // That of a server in between names no code and no time, and the request may have been passed on.
        503 if said.code.is_some() || after.is_some() => Answer::Wait { after, detail, may_be_the_message: false },
        404 | 410 | 416 if said.code.is_some() && said.known().is_none() => Answer::No(Trouble::Gone { detail }),
        // Some server gave up waiting for another one, which may have done it.
        _ if said.is_unclear() => Answer::No(Trouble::Unclear { after, detail }),
        408 | 500.. if said.known().is_none() => Answer::No(Trouble::Unclear { after, detail }),
        _ => Answer::No(said.refusal(status, detail)),
    }
}

/// `{"error": {"code": ..., "message": ...}}`
#[derive(Default)]
struct Said {
    code: Option<String>,
    text: String,
    id: String,
}

impl Said {
    fn read(reply: &HttpReply) -> Self {
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        let error = body.get("error");
        let text = |name: &str| error?.get(name)?.as_str().map(str::to_owned);
        let id = reply.headers.get("request-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
        Self { code: text("code"), text: text("message").unwrap_or_default(), id: id.to_owned() }
    }

    fn known(&self) -> Option<(&'static Entry, About)> {
        self.code.as_deref().and_then(graph_code)
    }

    /// The service or the mailbox is busy, in a code of Exchange, whatever status stands over it.
    fn passes(&self) -> bool {
        self.known().is_some_and(|(entry, _)| entry.id == GRAPH_THROTTLED.id)
    }

    /// Likewise, of what may have been done.
    fn is_unclear(&self) -> bool {
        self.known().is_some_and(|(entry, _)| entry.id == GRAPH_UNCLEAR.id)
    }

    fn detail(&self, status: StatusCode) -> String {
        let mut detail = format!("HTTP {}", status.as_u16());
        for (before, words) in
            [(" ", self.code.as_deref().unwrap_or_default()), (": ", &self.text), (" request-id ", &self.id)]
        {
            if !words.is_empty() {
                detail.push_str(before);
                detail.push_str(words);
            }
        }
        printable(&redacted(&detail, &[]), 800)
    }

    fn refusal(&self, status: StatusCode, detail: String) -> Trouble {
        let (entry, about) = match (self.known(), &self.code) {
            (Some(known), _) => known,
            // Nobody knows what is missing, so nobody is told to grant anything; the mail waits for whoever reads the log.
            (None, Some(_)) if status == StatusCode::FORBIDDEN => (GRAPH_REFUSES, About::Access),
            (None, Some(_)) => {
                (GRAPH_REFUSES, About::Message(coded::GRAPH_REFUSED.code.0, coded::GRAPH_REFUSED.code.1))
            }
            (None, None) => (GRAPH_UNREADABLE, About::Access),
        };
        match about {
            About::Access => Trouble::Access(entry.fault().detail(detail)),
            About::Message(code, enhanced) => Trouble::Message { of: Coded { entry, code: (code, enhanced) }, detail },
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str, retry_after: Option<u64>) -> Answer {
        read(HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: None,
            retry_after: retry_after.map(Duration::from_secs),
            date: None,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        })
    }

    fn refused(status: u16, code: &str) -> (&'static str, Option<u16>) {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"so\r\nINFO forged"}}}}"#);
        match answer(status, &body, None) {
            Answer::No(Trouble::Access(fault)) => (fault.id, None),
            Answer::No(Trouble::Message { of: Coded { entry, code }, detail }) => {
                assert!(!detail.contains('\n'), "{detail}");
                (entry.id, Some(code.0))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_refusal_has_its_fault_or_its_code() {
        for (status, code, expected) in [
            (403, "ErrorAccessDenied", ("graph-access-denied", None)),
            (403, "SomethingNew", ("graph-refuses", None)),
            (403, "ErrorSendAsDenied", ("send-as-denied", Some(550))),
            (404, "MailboxNotEnabledForRESTAPI", ("graph-mailbox-not-enabled", None)),
            (404, "ErrorInvalidUser", ("graph-mailbox-unknown", None)),
            (404, "ErrorNonExistentMailbox", ("graph-mailbox-unknown", None)),
            (403, "ErrorMessageSubmissionBlocked", ("sending-blocked", None)),
            (400, "ErrorExceededMessageLimit", ("day-limit-reached", None)),
            (400, "ErrorInvalidRecipients", ("graph-recipients-invalid", Some(553))),
            (400, "ErrorMimeContentInvalidBase64String", ("graph-message-unreadable", Some(554))),
            (400, "ErrorMessageSizeExceeded", ("graph-too-large", Some(552))),
            (507, "ErrorQuotaExceeded", ("graph-mailbox-full", Some(452))),
            (400, "ErrorNobodyKnows", ("graph-refuses", Some(554))),
        ] {
            assert_eq!(refused(status, code), expected, "{status} {code}");
        }
    }

    #[test]
    fn what_exchange_says_of_a_busy_mailbox_is_waited_for_whatever_its_status() {
        let said = |status, code: &str| answer(status, &format!(r#"{{"error":{{"code":"{code}"}}}}"#), None);
        for (status, code, of_the_message) in [
            (400, "ErrorServerBusy", false),
            (400, "ErrorMailboxStoreUnavailable", false),
            (500, "ErrorMailboxStoreUnavailable", false),
            (400, "errorMailboxFailover", false),
            // A conflict about one message that never ends must not hold up those behind it.
            (409, "ErrorIrresolvableConflict", true),
            (409, "NobodyKnowsThisConflict", true),
            (423, "ErrorMailboxMoveInProgress", false),
            (425, "TooEarly", true),
            (429, "ApplicationThrottled", false),
        ] {
            let Answer::Wait { may_be_the_message, .. } = said(status, code) else { panic!("{status} {code}") };
            assert_eq!(may_be_the_message, of_the_message, "{status} {code}");
        }
        // What is known to be for good stays so, and what nobody knows of a message, too.
        for (status, code) in [(409, "ErrorAccessDenied"), (423, "ErrorMessageSizeExceeded"), (400, "ErrorNobodyKnows")]
        {
            assert!(matches!(said(status, code), Answer::No(_)), "{status} {code}");
        }
    }

    #[test]
    fn a_page_that_is_not_graphs_is_nobodys_refusal() {
        for (status, body) in [(403, "<html>Hotel WiFi</html>"), (302, ""), (404, "{}"), (400, "")] {
            let Answer::No(Trouble::Access(fault)) = answer(status, body, None) else { panic!("{status}") };
            assert_eq!((fault.id, fault.kind.passes_by_itself()), ("graph-unreadable", true), "{status}");
        }
    }

    #[test]
    fn what_was_not_done_may_be_asked_again_and_what_may_have_been_done_may_not() {
        for status in [429, 503] {
            assert!(
                matches!(answer(status, "", Some(7)), Answer::Wait { after: Some(after), .. } if after.as_secs() == 7)
            );
        }
        for status in [500, 502, 504, 408] {
            assert!(
                matches!(answer(status, "", Some(9)), Answer::No(Trouble::Unclear { after: Some(_), .. })),
                "{status}"
            );
        }
        assert!(matches!(answer(503, "<html>busy</html>", None), Answer::No(Trouble::Unclear { .. })));
        for (status, code) in [(500, "ErrorInternalServerTransientError"), (504, "ErrorTimeoutExpired")] {
            let body = format!(r#"{{"error":{{"code":"{code}"}}}}"#);
            assert!(matches!(answer(status, &body, None), Answer::No(Trouble::Unclear { .. })), "{code}");
        }
        let Answer::Wait { after, .. } = answer(429, "", Some(u64::MAX)) else { panic!("wait") };
        assert_eq!(after, Some(PAUSE_CAP));
        assert!(matches!(answer(413, "", None), Answer::No(Trouble::TooLarge)));
        assert!(matches!(answer(401, "", None), Answer::TokenRefused(_)));
    }
}
