use std::time::{Duration, SystemTime};

use mailparse::{MailHeaderMap, parse_mail};

use super::*;
use crate::{
    base::Lang,
    queue::envelope::{read_mail, read_recipient},
};

const HEAD: &[u8] =
    b"From: <ann@contoso.example>\r\nTo: <bob@fabrikam.example>\r\nSubject: Scan 12\r\nMessage-ID: <1@copier>\r\n";

fn recipient(line: &str, reply: &str) -> QueuedRecipient {
    assert!(read_recipient(line).is_some());
    QueuedRecipient {
        line: line.into(),
        state: RecipientState::Failed,
        attempts: 1,
        reply: Some(reply.into()),
        fault: None,
        doubts: 0,
        is_reported: false,
    }
}

fn notice(mail: &str, recipients: Vec<QueuedRecipient>, head: &[u8]) -> String {
    notice_in(Lang::En, mail, recipients, head)
}

fn notice_in(lang: Lang, mail: &str, recipients: Vec<QueuedRecipient>, head: &[u8]) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let message = QueuedMessage {
        sequence: 1,
        id: "bcdfghjkmnpq".into(),
        account: "scanner@contoso.example".into(),
        client: "3F copier".into(),
        session: 7,
        accepted_at: at,
        octets: 100,
        mail: mail.into(),
        hold: None,
        bounce: 0,
        attempts: 1,
        is_under_way: false,
        waited: Duration::ZERO,
        next_at: at,
        recipients,
    };
    let failed: Vec<Failed> = message.recipients.iter().filter_map(Failed::of).collect();
    report::compose(&Facts {
        lang,
        host: "gate.contoso.example",
        mailbox: "scanner@contoso.example",
        message: &message,
        sender: &read_mail(mail).unwrap(),
        failed: &failed,
        head,
        now: at + Duration::from_secs(60),
        id: "rstvwxzBCDFG",
        boundary: "qqqqqqqqqqqq",
    })
}

#[test]
fn a_notice_reads_like_this() {
    let recipients = vec![recipient(
        "RCPT TO:<bob@fabrikam.example> NOTIFY=FAILURE ORCPT=rfc822;b+2Bob@fabrikam.example",
        "550 5.1.1 User unknown",
    )];
    let text = notice("MAIL FROM:<ann@contoso.example> ENVID=QQ314159", recipients, HEAD);
    let expected = "\
From: \"Gatepost mail delivery\" <scanner@contoso.example>
To: <ann@contoso.example>
Subject: Not delivered to bob@fabrikam.example: Scan 12
Date: Fri, 15 Jan 2027 08:01:00 +0000
Message-ID: <rstvwxzBCDFG@gate.contoso.example>
In-Reply-To: <1@copier>
References: <1@copier>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary=\"qqqqqqqqqqqq\"

This is a notice about a message that could not be delivered.
--qqqqqqqqqqqq
Content-Type: text/plain; charset=utf-8

Your message could not be delivered to this recipient:

<bob@fabrikam.example>
  Answer:  550 5.1.1 User unknown
  Meaning: There is no mailbox of this address.
  To do:   Check how the address is spelled, and send the message again.

Nothing more is tried for them. The message was:

  Subject:  Scan 12
  Accepted: Fri, 15 Jan 2027 08:00:00 +0000
  Queue id: bcdfghjkmnpq

--\x20
Gatepost on gate.contoso.example, for the mailbox scanner@contoso.example

--qqqqqqqqqqqq
Content-Type: message/delivery-status

Original-Envelope-Id: QQ314159
Reporting-MTA: dns; gate.contoso.example
Arrival-Date: Fri, 15 Jan 2027 08:00:00 +0000
X-Gatepost-Queue-ID: bcdfghjkmnpq

Original-Recipient: rfc822; b+ob@fabrikam.example
Final-Recipient: rfc822; bob@fabrikam.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown
Last-Attempt-Date: Fri, 15 Jan 2027 08:01:00 +0000

--qqqqqqqqqqqq
Content-Type: text/rfc822-headers

From: <ann@contoso.example>
To: <bob@fabrikam.example>
Subject: Scan 12
Message-ID: <1@copier>

--qqqqqqqqqqqq--
";
    assert_eq!(text.replace("\r\n", "\n"), expected);
    assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "CRLF alone ends a line");
}

#[test]
fn a_notice_in_japanese_says_the_same_in_english_behind_it() {
    let recipients = vec![recipient("RCPT TO:<bob@fabrikam.example>", "550 5.1.1 User unknown")];
    let text = notice_in(Lang::Ja, "MAIL FROM:<ann@contoso.example>", recipients, HEAD);
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 78), "{text}");
    let mail = parse_mail(text.as_bytes()).unwrap();
    assert_eq!(
        mail.headers.get_first_value("Subject").unwrap(),
        "bob@fabrikam.example に配信できませんでした / Not delivered: Scan 12"
    );
    let [words, status, head] = &mail.subparts[..] else { panic!("{text}") };
    assert_eq!((words.ctype.mimetype.as_str(), words.ctype.charset.as_str()), ("text/plain", "utf-8"));
    assert_eq!(words.headers.get_first_value("Content-Transfer-Encoding").unwrap(), "quoted-printable");
    let expected = "\
次の宛先に、メッセージを配信できませんでした。

<bob@fabrikam.example>
  応答：550 5.1.1 User unknown
  意味：このアドレスのメールボックスは存在しません。
  次の手順：アドレスに誤りがないか確認し、もう一度送信してください。

これ以上の再試行は行いません。配信できなかったメッセージは次のとおりです。

  件名：Scan 12
  受け付け：Fri, 15 Jan 2027 08:00:00 +0000
  キュー ID：bcdfghjkmnpq

----------
[English]

Your message could not be delivered to this recipient:

<bob@fabrikam.example>
  Answer:  550 5.1.1 User unknown
  Meaning: There is no mailbox of this address.
  To do:   Check how the address is spelled, and send the message again.

Nothing more is tried for them. The message was:

  Subject:  Scan 12
  Accepted: Fri, 15 Jan 2027 08:00:00 +0000
  Queue id: bcdfghjkmnpq

--\x20
gate.contoso.example の Gatepost（メールボックス：scanner@contoso.example）
Gatepost on gate.contoso.example, for the mailbox scanner@contoso.example
";
    assert_eq!(words.get_body().unwrap().replace("\r\n", "\n"), expected);
    // What programs read is the same in every language.
    let english = notice(
        "MAIL FROM:<ann@contoso.example>",
        vec![recipient("RCPT TO:<bob@fabrikam.example>", "550 5.1.1 User unknown")],
        HEAD,
    );
    let english = parse_mail(english.as_bytes()).unwrap();
    for (one, other) in [(status, &english.subparts[1]), (head, &english.subparts[2])] {
        assert_eq!(one.raw_bytes, other.raw_bytes);
    }
}

#[test]
fn a_reader_finds_its_three_parts_whatever_stood_in_the_message() {
    let head = "Subject: Größe =?utf-8?B?44K544Kt44Oj44Oz?=\r\nX-Long: ".to_owned()
        + &"x".repeat(2000)
        + "\r\nMessage-ID: <a b>\r\n bad\r\n";
    let to = |name: &str| recipient(&format!("RCPT TO:<{name}@fabrikam.example>"), "552 5.2.2 voll \u{fc}ber");
    let text = notice("MAIL FROM:<ann@contoso.example>", vec![to("bob"), to("carol")], head.as_bytes());
    assert!(text.is_ascii());
    let mail = parse_mail(text.as_bytes()).unwrap();
    assert_eq!(mail.ctype.mimetype, "multipart/report");
    assert_eq!(mail.ctype.params["report-type"], "delivery-status");
    let kinds: Vec<_> = mail.subparts.iter().map(|part| part.ctype.mimetype.as_str()).collect();
    assert_eq!(kinds, ["text/plain", "message/delivery-status", "text/rfc822-headers"]);
    assert!(mail.headers.get_first_value("Subject").unwrap().starts_with("Not delivered to 2 recipients: Größe"));
    assert!(mail.headers.get_first_value("In-Reply-To").is_none(), "what is no message id forges no field");
    let words = mail.subparts[0].get_body().unwrap();
    assert!(
        words.contains("<bob@fabrikam.example>") && words.contains("mailbox is full") && words.contains("voll über")
    );
    let status = mail.subparts[1].get_body().unwrap();
    assert_eq!(status.matches("Action: failed\r\n").count(), 2);
    assert!(status.contains("Diagnostic-Code: smtp; 552 5.2.2 voll ?ber\r\n"));
    let given_back = String::from_utf8(mail.subparts[2].get_body_raw().unwrap()).unwrap();
    assert!(given_back.starts_with(&head), "{given_back}");
}

#[test]
fn a_delivery_status_is_7bit_whatever_its_sender_asked_for() {
    let rcpt = "RCPT TO:<bob@fabrikam.example> ORCPT=rfc822;b+C3+B6b@fabrikam.example";
    let reply = format!("550 5.7.1 {}", "no ".repeat(600));
    let text = notice("MAIL FROM:<ann@contoso.example> ENVID=Gr+C3+B6sse+3D1", vec![recipient(rcpt, &reply)], HEAD);
    let mail = parse_mail(text.as_bytes()).unwrap();
    let status = &mail.subparts[1];
    assert!(status.headers.get_first_value("Content-Transfer-Encoding").is_none(), "{text}");
    let status = String::from_utf8(status.get_body_raw().unwrap()).unwrap();
    assert!(status.is_ascii() && status.lines().all(|line| line.len() <= 998), "{status}");
    assert!(status.contains("Original-Envelope-Id: Gr+C3+B6sse+3D1\r\n"), "{status}");
    assert!(status.contains("Original-Recipient: rfc822; b+C3+B6b@fabrikam.example\r\n"), "{status}");
    let words = mail.subparts[0].get_body().unwrap();
    assert!(words.contains(reply.trim_end()), "people see all of it");
}

#[test]
fn a_line_of_the_message_that_begins_with_a_dot_cannot_end_the_notice() {
    let text =
        notice("MAIL FROM:<ann@contoso.example>", vec![recipient("RCPT TO:<b@x.example>", "550 no")], b".: x\r\n.\r\n");
    assert!(text.contains("\r\n..: x\r\n..\r\n") && !text.contains("\r\n.\r\n"));
}

fn for_the_postmaster(lang: Lang, inner: &str) -> String {
    let (before, behind) = onward::around(&Onward {
        lang,
        host: "gate.contoso.example",
        mailbox: "scanner@contoso.example",
        postmaster: "admin@contoso.example",
        sender: "ann@contoso.example",
        reply: "550 5.1.10 gel\u{f6}scht",
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        id: "rstvwxzBCDFG",
        boundary: "rrrrrrrrrrrr",
    });
    format!("{before}{inner}{behind}")
}

#[test]
fn what_the_postmaster_gets_says_whose_notice_it_is_and_holds_it() {
    let inner =
        notice("MAIL FROM:<ann@contoso.example>", vec![recipient("RCPT TO:<b@x.example>", "550 no")], b".: x\r\n");
    let text = for_the_postmaster(Lang::En, &inner);
    assert!(
        text.is_ascii() && !text.replace("\r\n", "").contains(['\r', '\n']) && !text.contains("\r\n.\r\n"),
        "{text}"
    );
    let mail = parse_mail(text.as_bytes()).unwrap();
    assert_eq!(mail.headers.get_all_values("To"), ["<admin@contoso.example>"]);
    assert_eq!(mail.headers.get_first_value("Subject").unwrap(), "Not delivered: a notice for ann@contoso.example");
    let words = mail.subparts[0].get_body().unwrap();
    assert!(words.starts_with("<ann@contoso.example> sent a message that could not be delivered"), "{words}");
    assert!(words.contains("550 5.1.10 gel\u{f6}scht") && words.contains("queue.postmaster"), "{words}");
    assert_eq!(mail.subparts[1].ctype.mimetype, "message/rfc822");
    let held = mail.subparts[1].get_body_raw().unwrap();
    let held = parse_mail(&held).unwrap();
    assert_eq!((held.ctype.mimetype.as_str(), held.subparts.len()), ("multipart/report", 3));
    assert_eq!(held.headers.get_first_value("To").unwrap(), "<ann@contoso.example>");
}

#[test]
fn what_the_postmaster_gets_in_japanese_says_the_same_in_english_behind_it() {
    let text = for_the_postmaster(Lang::Ja, "Subject: x\r\n\r\nx\r\n");
    assert!(text.is_ascii(), "{text}");
    let mail = parse_mail(text.as_bytes()).unwrap();
    let subject = mail.headers.get_first_value("Subject").unwrap();
    assert_eq!(subject, "ann@contoso.example 宛ての通知を配信できませんでした / Not delivered: a notice");
    let words = mail.subparts[0].get_body().unwrap();
    let (japanese, english) = words.split_once("[English]").unwrap();
    assert!(japanese.starts_with("<ann@contoso.example> が送信したメッセージを配信できず"), "{words}");
    for one in [japanese, english] {
        assert!(one.contains("550 5.1.10 gel\u{f6}scht") && one.contains("queue.postmaster"), "{words}");
    }
    assert_eq!(words.matches("\r\n-- \r\n").count(), 1, "{words}");
}
