//! Messages that do not fit one request: taken apart, uploaded, and put together by Graph; or refused where that would
//! break them.

use base64::{Engine, engine::general_purpose::STANDARD};
use gatepost::{outbound::Fate, sandbox::GraphMishap};

use super::stage::{READ_WRITE, SEND, Stage};
use crate::world::{ANN, BOB};

/// Octets that look like a file, the same each time.
fn file(octets: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(octets).collect()
}

fn in_base64(bytes: &[u8]) -> String {
    bytes.chunks(57).map(|line| STANDARD.encode(line) + "\r\n").collect()
}

/// Plain and HTML text, an image inside, a small and a large file.
pub fn message(large: usize) -> String {
    format!(
        "From: Ann <{ANN}>\r\nTo: \"Bob, of Sales\" <{BOB}>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\
         Message-ID: <1@contoso.example>\r\nReply-To: desk@contoso.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=out\r\n\r\n\
         --out\r\nContent-Type: multipart/related; boundary=rel\r\n\r\n\
         --rel\r\nContent-Type: multipart/alternative; boundary=alt\r\n\r\n\
         --alt\r\nContent-Type: text/plain\r\n\r\nhello\r\n\
         --alt\r\nContent-Type: text/html; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
         <p>Gr=FC=DFe</p>\r\n--alt--\r\n\
         --rel\r\nContent-Type: image/png\r\nContent-ID: <logo@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n{image}\
         --rel--\r\n\
         --out\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename=\"small =.csv\"\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n.d\r\n\r\n\
         --out\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''gro%C3%9F.pdf\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{large}--out--\r\n",
        image = in_base64(&file(5000, 1)),
        large = in_base64(&file(large, 2)),
    )
}

fn attachments(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let parsed = mailparse::parse_mail(bytes).unwrap();
    let part = |part: &mailparse::ParsedMail<'_>| {
        let name = part.get_content_disposition().params.get("filename").cloned().unwrap_or_default();
        (name, part.get_body_raw().unwrap())
    };
    parsed.subparts.iter().skip(1).map(part).collect()
}

#[tokio::test]
async fn a_large_message_arrives_with_identical_attachments_through_an_upload_session() {
    let stage = Stage::new().await;
    let reply = stage.reply(&message(8_000_001), &[BOB, "shared@contoso.example"]).await;
    assert!(reply.starts_with("250 2.0.0 "), "{reply}");
    let sent = stage.only_message();
    assert_eq!(sent.recipients, [BOB, "shared@contoso.example"]);
    let parsed = mailparse::parse_mail(&sent.bytes).unwrap();
    let text = &parsed.subparts[0];
    assert_eq!((text.ctype.mimetype.as_str(), text.get_body().unwrap().trim_end()), ("text/html", "<p>Grüße</p>"));
    let found = attachments(&sent.bytes);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[1], "small =.csv");
    assert_eq!(found.len(), 3, "the plain text is the HTML's: {names:?}");
    assert_eq!(found[0].1, file(5000, 1));
    assert_eq!(found[1].1, b"a=bc\r\n.d\r\n");
    assert!(found[2].1 == file(8_000_001, 2), "octet by octet");
    let head = String::from_utf8_lossy(&sent.bytes[..sent.bytes.len().min(2000)]).into_owned();
    for field in ["Message-ID: <1@contoso.example>", "Reply-To: <desk@contoso.example>"] {
        assert!(head.contains(field), "{head}");
    }
    assert!(!head.to_lowercase().contains("bcc"), "{head}");
    let asked = stage.asked();
    assert!(asked[0].ends_with("/me/messages with application/json"), "{asked:?}");
    let pieces: Vec<&str> = asked.iter().filter_map(|line| line.strip_prefix("/upload ")).collect();
    assert_eq!(pieces, ["bytes 0-3276799/8000001", "bytes 3276800-6553599/8000001", "bytes 6553600-8000000/8000001"]);
    assert!(asked.last().unwrap().contains("/send "), "{asked:?}");
    assert_eq!(stage.sandbox.drafts_left(), 0);
}

/// It decides on no recipient, so a list that is broken is no reason to refuse, and none to lose it.
#[tokio::test]
async fn where_answers_go_to_survives_a_name_that_nobody_put_in_quotes() {
    for written in
        ["Lee, Bob <desk@contoso.example>", "=?utf-8?q?Lee?=, <desk@contoso.example>", "<<desk@contoso.example"]
    {
        let stage = Stage::new().await;
        let text = message(4_000_000).replace("Reply-To: desk@contoso.example", &format!("Reply-To: {written}"));
        assert!(stage.reply(&text, &[BOB]).await.starts_with("250 "), "{written}");
        let sent = stage.only_message().bytes;
        let head = String::from_utf8_lossy(&sent[..sent.len().min(2000)]).into_owned();
        assert!(head.contains("Reply-To: <desk@contoso.example>\r\n"), "{written}: {head}");
    }
}

#[tokio::test]
async fn the_largest_message_that_fits_one_request_goes_as_it_is_and_the_next_as_a_draft() {
    let stage = Stage::new().await;
    let head = format!("From: {ANN}\r\nTo: {BOB}\r\n\r\n");
    let filled = |octets: usize| format!("{head}{}", "x".repeat(octets - head.len() - 2) + "\r\n");
    let fits = filled(3_000_000);
    assert!(stage.reply(&fits, &[BOB]).await.starts_with("250 "));
    assert!(stage.only_message().bytes == fits.as_bytes());
    assert_eq!(stage.asked(), ["/v1.0/me/sendMail with text/plain"]);
    let reply = stage.reply(&filled(3_000_001), &[BOB]).await;
    assert!(
        reply.starts_with("552 5.3.4 ") && reply.ends_with("[gatepost graph-too-large]"),
        "all of it is text: {reply}"
    );
}

#[tokio::test]
async fn what_graph_finds_too_large_for_one_request_goes_as_a_draft_too() {
    let refused = GraphMishap::new(413, "BadRequest").on("sendMail");
    let stage = Stage::faulty(|faults| faults.graph.mishap = Some(refused)).await;
    assert!(stage.reply(&message(1000), &[BOB]).await.starts_with("250 "));
    assert_eq!(attachments(&stage.only_message().bytes)[2].1, file(1000, 2));
}

#[tokio::test]
async fn large_messages_that_are_signed_are_refused_and_small_ones_pass_byte_for_byte() {
    let signed = |large: usize| {
        let text = message(large);
        text.replacen("multipart/mixed; boundary=out", "multipart/signed; boundary=out", 1)
    };
    let with_dkim = |large: usize| format!("DKIM-Signature: v=1; d=contoso.example\r\n{}", message(large));
    let kinds: [&dyn Fn(usize) -> String; 2] = [&signed, &with_dkim];
    for kind in kinds {
        let stage = Stage::new().await;
        let reply = stage.reply(&kind(4_000_000), &[BOB]).await;
        assert!(reply.starts_with("552 5.3.4 ") && reply.ends_with("[gatepost graph-signed-too-large]"), "{reply}");
        assert!(stage.asked().is_empty(), "nothing was even begun: {:?}", stage.asked());
        assert!(stage.reply(&kind(1000), &[BOB]).await.starts_with("250 "));
        assert!(stage.only_message().bytes == kind(1000).as_bytes());
    }
}

#[tokio::test]
async fn without_the_right_to_make_drafts_it_is_said_which_one_is_missing() {
    let stage = Stage::with(&[SEND], "outbound = \"graph\"\n", None).await;
    let reply = stage.reply(&message(4_000_000), &[BOB]).await;
    assert!(reply.starts_with("552 5.3.4 ") && reply.ends_with("[gatepost graph-draft-denied]"), "{reply}");
    assert!(reply.contains("Mail.ReadWrite"), "{reply}");
}

#[tokio::test]
async fn a_draft_that_cannot_be_finished_is_thrown_away_and_nothing_was_sent() {
    for (on, status, code) in
        [("attachments", 507, "ErrorQuotaExceeded"), ("upload", 500, ""), ("send", 403, "ErrorSendAsDenied")]
    {
        let mishap = GraphMishap::new(status, code).on(on);
        let stage = Stage::faulty(|faults| faults.graph.mishap = Some(mishap)).await;
        match stage.send(&message(4_000_000), &[BOB]).await {
            Ok(report) => assert!(!report.is_doubtful() && report.verdicts[0].fate != Fate::Delivered, "{on}"),
            Err(fault) => assert_eq!((on, fault.id), ("upload", "graph-unreachable")),
        }
        assert_eq!((stage.sandbox.drafts_left(), stage.sandbox.submissions().len()), (0, 0), "{on}");
    }
}

#[tokio::test]
async fn only_behind_the_word_send_is_there_a_doubt() {
    let gateway = GraphMishap::new(504, "UnknownError").on("/send");
    let stage = Stage::with(&[SEND, READ_WRITE], "outbound = \"graph\"\n", None).await;
    stage.sandbox.faults().set(|faults| faults.graph.mishap = Some(gateway));
    let report = stage.send(&message(4_000_000), &[BOB]).await.unwrap();
    assert!(report.is_doubtful());
    assert_eq!(stage.sandbox.drafts_left(), 1, "it may be on its way, so it is left alone");
}
