//! Microsoft Graph, where messages leave by it: whether it takes the token, and knows the mailbox. It sends nothing.
//!
//! Who may send may not always read a profile, so a refusal of that says nothing against sending; the permission to send
//! stands in the token.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use super::{
    look::Look,
    next::Who,
    report::Check,
    token::{Got, Means},
    words::Said,
};
use crate::{
    account::Account,
    base::{Fault, printable},
    catalog::{
        About,
        graph::{
            GRAPH_ACCESS_DENIED, GRAPH_MAILBOX_UNKNOWN, GRAPH_THROTTLED, GRAPH_TOKEN_REFUSED, GRAPH_UNREACHABLE,
            GRAPH_UNREADABLE,
        },
        graph_code,
        token::GRAPH_URL_MISSING,
    },
    net::{Call, CallBody, HttpReply},
    outbound::graph::url_of_mailbox,
};

const WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn look(look: Look, means: &Means, account: &Account, got: &Got, who: &Who) -> Check {
    let Some(access) = &account.sign_in.app.graph else { return look.fault(&GRAPH_URL_MISSING.fault(), who) };
    let url = url_of_mailbox(account, access);
    let call = Call {
        method: Method::GET,
        url: &url,
        bearer: Some(&got.bearer.token),
        headers: &[],
        body: CallBody::Bytes(Bytes::new()),
        within: WITHIN,
    };
    match means.http.call(call).await {
        Err(fault) => look.fault(&GRAPH_UNREACHABLE.fault().detail(fault.to_string()), who),
        Ok(reply) => match judge(&reply) {
            Ok(said) => look.pass(said),
            Err(fault) => look.fault(&fault, who),
        },
    }
}

fn judge(reply: &HttpReply) -> Result<Said, Fault> {
    let body: Option<Value> = serde_json::from_slice(&reply.body).ok().filter(Value::is_object);
    // A pause is asked for without a word of JSON, too; that of a server in between names no time.
    let is_pause = |is_graphs: bool| match reply.status.as_u16() {
        429 => true,
        503 => is_graphs || reply.retry_after.is_some(),
        _ => false,
    };
    let Some(body) = body else {
        let kind = reply.content_type.as_deref().unwrap_or("no content type");
        let entry = if is_pause(false) { GRAPH_THROTTLED } else { GRAPH_UNREADABLE };
        return Err(entry.fault().detail(format!("HTTP {}, {kind}", reply.status.as_u16())));
    };
    if reply.status.is_success() {
        let name = ["mail", "userPrincipalName"].iter().find_map(|name| body.get(name)?.as_str());
        return Ok(Said::Plain(printable(name.unwrap_or("HTTP 200"), 200)));
    }
    let text = |name: &str| body.get("error").and_then(|error| error.get(name)?.as_str()).unwrap_or_default();
    let code = text("code");
    let detail = printable(&format!("HTTP {} {code}: {}", reply.status.as_u16(), text("message")), 400);
    let entry = match (reply.status.as_u16(), code) {
        // Of the directory, not of the mailbox: reading the profile was not granted, and sending needs it not.
        (403, "Authorization_RequestDenied") => return Ok(Said::ProfileHidden),
        (401, _) => GRAPH_TOKEN_REFUSED,
        // In a code of Exchange a mailbox is busy whatever status stands over it.
        (_, known) if let Some((entry, About::Access)) = graph_code(known) => entry,
        _ if is_pause(!code.is_empty()) => GRAPH_THROTTLED,
        (404, _) => GRAPH_MAILBOX_UNKNOWN,
        (403, _) => GRAPH_ACCESS_DENIED,
        _ => GRAPH_UNREADABLE,
    };
    Err(entry.fault().detail(detail))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn judged(status: u16, body: &str, retry_after: Option<Duration>) -> Result<Said, &'static str> {
        judge(&HttpReply {
            status: StatusCode::from_u16(status).unwrap(),
            content_type: None,
            retry_after,
            date: None,
            headers: HeaderMap::new(),
            body: body.to_owned().into(),
        })
        .map_err(|fault| fault.id)
    }

    /// It is no page of a hotel, although it says no word of the mailbox.
    #[test]
    fn a_graph_that_asks_for_a_pause_is_told_as_that() {
        let error = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        let pause = Some(Duration::from_secs(300));
        for (status, body, retry_after, id) in [
            (429, error("ApplicationThrottled"), None, "graph-throttled"),
            (429, error("OfAnotherVersion"), None, "graph-throttled"),
            (429, String::new(), None, "graph-throttled"),
            (503, error("OfAnotherVersion"), None, "graph-throttled"),
            (503, "{}".to_owned(), pause, "graph-throttled"),
            (503, "<html>".to_owned(), pause, "graph-throttled"),
            (500, error("ErrorServerBusy"), None, "graph-throttled"),
            (503, "<html>".to_owned(), None, "graph-unreadable"),
            (503, "{}".to_owned(), None, "graph-unreadable"),
        ] {
            assert_eq!(judged(status, &body, retry_after).unwrap_err(), id, "{status} {body}");
        }
    }

    #[test]
    fn a_profile_that_may_not_be_read_is_no_fault_and_everything_else_has_one() {
        let error = |code: &str| format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        assert!(judged(200, r#"{"mail":"ann@contoso.com"}"#, None).is_ok());
        assert!(judged(403, &error("Authorization_RequestDenied"), None).is_ok());
        for (status, code, id) in [
            (403, "ErrorAccessDenied", "graph-access-denied"),
            (401, "InvalidAuthenticationToken", "graph-token-refused"),
            (404, "Request_ResourceNotFound", "graph-mailbox-unknown"),
            (404, "MailboxNotEnabledForRESTAPI", "graph-mailbox-not-enabled"),
        ] {
            assert_eq!(judged(status, &error(code), None).unwrap_err(), id, "{code}");
        }
        assert_eq!(judged(200, "<html>", None).unwrap_err(), "graph-unreadable");
    }
}
