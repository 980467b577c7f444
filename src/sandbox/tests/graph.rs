//! Graph as the documentation and other relays know it, request by request.

use serde_json::{Value, json};

use super::*;
use crate::sandbox::{CONFIDENTIAL_CLIENT, CONFIDENTIAL_SECRET, GraphMishap, PUBLIC_CLIENT};

const SEND: &str = "https://graph.microsoft.com/Mail.Send";
const READ_WRITE: &str = "https://graph.microsoft.com/Mail.ReadWrite";
const MESSAGE: &str = "From: ann@contoso.example\r\nTo: bob@contoso.example\r\nBcc: shared@contoso.example,\r\n \
                       out@fabrikam.example\r\nSubject: x\r\n\r\nhello\r\n";

/// Status, and the code of the error or the whole body.
async fn ask(url: &str, method: &str, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> (u16, Value) {
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20)).build().expect("a client");
    let mut request = client.request(method.parse().expect("a method"), url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (status, body.pointer("/error/code").cloned().unwrap_or(body))
}

struct Graph {
    sandbox: Sandbox,
    token: String,
}

impl Graph {
    async fn with(scopes: &[&str]) -> Self {
        let sandbox = sandbox().await;
        let token = format!("Bearer {}", sandbox.issue_token_for(ANN, scopes, HOUR).expose());
        Self { sandbox, token }
    }

    async fn post(&self, path: &str, kind: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let headers = [("authorization", self.token.as_str()), ("content-type", kind)];
        ask(&format!("{}{path}", self.sandbox.graph_url()), "POST", &headers, body).await
    }

    async fn send(&self, message: &str) -> (u16, Value) {
        self.post("/me/sendMail", "text/plain", STANDARD.encode(message)).await
    }

    async fn json(&self, path: &str, body: Value) -> (u16, Value) {
        self.post(path, "application/json", body.to_string()).await
    }
}

#[tokio::test]
async fn a_mime_message_goes_to_all_that_its_header_names_without_its_bcc() {
    let graph = Graph::with(&[SEND]).await;
    assert_eq!(graph.send(MESSAGE).await, (202, Value::String(String::new())), "accepted, and nothing more is said");
    let sent = graph.sandbox.submissions().remove(0);
    assert_eq!(sent.recipients, [BOB, "out@fabrikam.example", SHARED]);
    let text = String::from_utf8_lossy(&sent.bytes).into_owned();
    assert!(text.contains("To: bob") && !text.to_lowercase().contains("bcc") && !text.contains("out@"), "{text}");
    for (mailbox, folder) in [(BOB, INBOX), (SHARED, INBOX), (ANN, SENT)] {
        assert_eq!(graph.sandbox.mailbox(mailbox).expect("there").messages(folder).len(), 1, "{mailbox}");
    }
}

#[tokio::test]
async fn only_a_token_of_graph_with_the_right_permission_is_taken() {
    let mut graph = Graph::with(&["https://graph.microsoft.com/User.Read"]).await;
    assert_eq!(graph.send(MESSAGE).await, (403, json!("ErrorAccessDenied")));
    for token in ["", "Bearer nonsense", &format!("Bearer {}", graph.sandbox.issue_token(ANN, HOUR).expose())] {
        graph.token = token.to_owned();
        assert_eq!(graph.send(MESSAGE).await, (401, json!("InvalidAuthenticationToken")), "{token:.20}");
    }
    let send_alone = Graph::with(&[SEND]).await;
    assert_eq!(send_alone.json("/me/messages", json!({})).await, (403, json!("ErrorAccessDenied")));
    let bobs = send_alone.post("/users/bob@contoso.example/sendMail", "text/plain", STANDARD.encode(MESSAGE)).await;
    assert_eq!(bobs, (403, json!("ErrorAccessDenied")));
}

#[tokio::test]
async fn what_graph_refuses_has_its_code() {
    let graph = Graph::with(&[SEND]).await;
    let from = |address: &str| MESSAGE.replace("From: ann@contoso.example", &format!("From: {address}"));
    assert_eq!(graph.send(&from(BOB)).await, (403, json!("ErrorSendAsDenied")));
    assert_eq!(graph.send(&from(SHARED)).await.0, 202, "ann may send as it");
    let undisclosed = MESSAGE.replace("To: bob@contoso.example", "To: undisclosed-recipients:;");
    assert_eq!(graph.send(&undisclosed).await, (400, json!("ErrorInvalidRecipients")));
    assert_eq!(graph.send("From: ann@contoso.example\r\n\r\nx").await, (400, json!("ErrorInvalidRecipients")));
    let bad = graph.post("/me/sendMail", "text/plain", "From: nobody\r\n").await;
    assert_eq!(bad, (400, json!("ErrorMimeContentInvalidBase64String")));
    let large = graph.post("/me/sendMail", "text/plain", "A".repeat(4 * 1024 * 1024 + 4)).await;
    assert_eq!(large.0, 413);
    assert_eq!(graph.post("/me/sendMail", "text/html", "x").await.0, 415);
}

#[tokio::test]
async fn an_app_has_no_me_and_names_the_mailbox() {
    let mut graph = Graph::with(&[SEND]).await;
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CONFIDENTIAL_CLIENT),
        ("client_secret", CONFIDENTIAL_SECRET),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    let (_, answer) = ask(&graph.sandbox.token_url(), "POST", &kind, form).await;
    graph.token = format!("Bearer {}", answer["access_token"].as_str().expect("a token"));
    assert_eq!(graph.send(MESSAGE).await, (400, json!("BadRequest")));
    let of = |user: &str| format!("/users/{user}/sendMail");
    assert_eq!(graph.post(&of(ANN), "text/plain", STANDARD.encode(MESSAGE)).await.0, 202);
    let nobody = graph.post(&of("nobody@contoso.example"), "text/plain", STANDARD.encode(MESSAGE)).await;
    assert_eq!(nobody, (404, json!("ErrorInvalidUser")));
}

#[tokio::test]
async fn quoted_printable_with_bare_line_feeds_loses_its_soft_breaks() {
    let graph = Graph::with(&[SEND]).await;
    let text = "From: ann@contoso.example\nTo: bob@contoso.example\n\none=\ntwo\n";
    graph.send(text).await;
    graph.send(&text.replace('\n', "\r\n")).await;
    let sent: Vec<String> =
        graph.sandbox.submissions().iter().map(|one| String::from_utf8_lossy(&one.bytes).into_owned()).collect();
    assert!(sent[0].ends_with("one=3D\r\ntwo\r\n") && sent[1].ends_with("one=\r\ntwo\r\n"), "{sent:?}");
}

#[tokio::test]
async fn an_upload_session_takes_its_pieces_in_order_and_by_its_url_alone() {
    let graph = Graph::with(&[SEND, READ_WRITE]).await;
    let to = json!([{ "emailAddress": { "address": BOB } }]);
    let (status, draft) = graph.json("/me/messages", json!({ "subject": "x", "toRecipients": to })).await;
    assert_eq!(status, 201);
    let at = format!("/me/messages/{}", draft["id"].as_str().expect("an id"));
    let item = json!({ "AttachmentItem": { "attachmentType": "file", "name": "a.bin", "size": 327_690 } });
    let (status, session) = graph.json(&format!("{at}/attachments/createUploadSession"), item).await;
    assert_eq!(status, 201);
    let url = session["uploadUrl"].as_str().expect("a URL");
    let content: Vec<u8> = (0..327_690u32).map(|n| (n % 251) as u8).collect();
    let piece = async |range: &str, bytes: &[u8]| ask(url, "PUT", &[("content-range", range)], bytes.to_vec()).await;
    assert_eq!(piece("bytes 10-19/327690", &content[10..20]).await.0, 416, "from the start");
    assert_eq!(piece("bytes 0-99/327690", &content[..100]).await.0, 400, "no multiple of 320 KiB");
    let with_token = [("content-range", "bytes 0-327679/327690"), ("authorization", graph.token.as_str())];
    assert_eq!(ask(url, "PUT", &with_token, content[..327_680].to_vec()).await.0, 401);
    let (status, next) = piece("bytes 0-327679/327690", &content[..327_680]).await;
    assert_eq!((status, &next["nextExpectedRanges"][0]), (200, &json!("327680")));
    assert_eq!(piece("bytes 327680-327689/327690", &content[327_680..]).await.0, 201);
    assert_eq!(graph.post(&format!("{at}/send"), "application/json", "").await.0, 202);
    let sent = graph.sandbox.submissions().remove(0);
    let parsed = mailparse::parse_mail(&sent.bytes).expect("MIME");
    assert_eq!(parsed.subparts[1].get_body_raw().expect("content"), content);
    assert_eq!(graph.post(&format!("{at}/send"), "application/json", "").await.0, 404, "it is sent");
}

#[tokio::test]
async fn a_refresh_token_serves_graph_only_where_somebody_consented() {
    let sandbox = sandbox().await;
    let redeem = async |token: &str, scope: &str| {
        let fields = [("grant_type", "refresh_token"), ("client_id", PUBLIC_CLIENT), ("refresh_token", token)];
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .append_pair("scope", scope)
            .finish();
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        ask(&sandbox.token_url(), "POST", &kind, form).await
    };
    let mail_alone = sandbox.issue_refresh_token(ANN);
    let (status, refused) = redeem(mail_alone.expose(), SEND).await;
    assert_eq!((status, &refused["error_codes"][0]), (400, &json!(65001)));
    assert_eq!(redeem(mail_alone.expose(), "https://outlook.office.com/SMTP.Send").await.0, 200);
    let both = sandbox.issue_refresh_token_for(ANN, &["https://outlook.office.com/SMTP.Send", SEND]);
    for scope in [SEND, "https://graph.microsoft.com/.default", "https://outlook.office.com/SMTP.Send"] {
        assert_eq!(redeem(both.expose(), scope).await.0, 200, "{scope}");
    }
    assert_eq!(redeem(both.expose(), READ_WRITE).await.0, 400);
    assert_eq!(redeem(both.expose(), &format!("{SEND} https://outlook.office.com/SMTP.Send")).await.0, 400);
}

#[tokio::test]
async fn what_is_switched_on_befalls_the_requests_it_is_meant_for() {
    let graph = Graph::with(&[SEND, READ_WRITE]).await;
    let busy = GraphMishap::new(503, "ServiceUnavailable").on("sendMail").times(1);
    graph.sandbox.faults().set(|faults| faults.graph.mishap = Some(busy));
    assert_eq!(graph.json("/me/messages", json!({})).await.0, 201);
    assert_eq!(graph.send(MESSAGE).await, (503, json!("ServiceUnavailable")));
    assert_eq!(graph.send(MESSAGE).await.0, 202);
}
