//! Repairs as a reader sees them: the header block before, and after.

mod properties;
mod samples;

use jiff::Timestamp;

use super::{FIELDS_CAP, Headers, Mended, Orders, Repairs, declare_utf8, has_too_many_fields, mend};

const ACCOUNT: &str = "scanner@contoso.example";
/// What a message needs besides From.
const REST: &str = "Date: Sat, 28 Nov 2026 05:00:00 +0000\nMessage-ID: <1@printer>\n";

pub(super) fn orders() -> Orders<'static> {
    let now = Timestamp::from_second(1_795_842_000).unwrap();
    Orders { repair: true, force: false, account: ACCOUNT, envelope: ACCOUNT, now, unique: "unique" }
}

fn forcing() -> Orders<'static> {
    Orders { repair: false, force: true, ..orders() }
}

/// Lines of a reader become lines of the wire, with the empty line behind them.
fn wire(lines: &str) -> String {
    format!("{}\r\n", lines.replace('\n', "\r\n"))
}

fn after(mended: &Mended, before: &str) -> String {
    mended.head.clone().map_or_else(|| before.to_owned(), |head| String::from_utf8(head).unwrap())
}

/// `before` becomes `expected` by these repairs, and a second round changes nothing.
#[track_caller]
fn becomes(orders: &Orders<'_>, before: &str, expected: &str, repairs: &str) {
    let before = wire(before);
    let mended = mend(before.as_bytes(), orders);
    let head = after(&mended, &before);
    assert_eq!(head.replace("\r\n", "\n"), wire(expected).replace("\r\n", "\n"));
    assert_eq!(mended.repairs.to_string(), repairs);
    assert_eq!(head.matches('\n').count(), head.matches("\r\n").count(), "every line ends in CRLF");
    let again = mend(head.as_bytes(), orders);
    assert!(again.head.is_none() && again.repairs.is_empty(), "{again:?}");
}

/// One address field in a message that needs nothing else.
#[track_caller]
fn field(before: &str, expected: &str, repairs: &str) {
    let from = if before.starts_with("From:") { "" } else { "From: scanner@contoso.example\n" };
    becomes(&orders(), &format!("{from}{before}\n{REST}"), &format!("{from}{expected}\n{REST}"), repairs);
}

#[track_caller]
fn stays(field_as_it_is: &str) {
    field(field_as_it_is, field_as_it_is, "");
}

#[test]
fn fields_are_counted_and_the_lines_that_they_go_on_in_are_not() {
    let head = |field: &str, many: usize| format!("{}\r\n", field.repeat(many));
    assert!(!has_too_many_fields(head("a:\r\n", FIELDS_CAP - 1).as_bytes()));
    assert!(has_too_many_fields(head("a:\r\n", FIELDS_CAP + 1).as_bytes()));
    assert!(has_too_many_fields(head("a:\n", FIELDS_CAP + 1).as_bytes()), "bare LF, as devices write it");
    for folded in ["\r\n b", "\r\n\tb"] {
        assert!(!has_too_many_fields(format!("To: a{}\r\n\r\n", folded.repeat(2 * FIELDS_CAP)).as_bytes()));
    }
}

#[test]
fn what_a_printer_leaves_out_is_added_behind_what_it_said() {
    becomes(
        &orders(),
        "To: ann@contoso.example\nSubject: Scan\n",
        "To: ann@contoso.example\nSubject: Scan\nFrom: scanner@contoso.example\n\
         Date: Sat, 28 Nov 2026 05:00:00 -0000\nMessage-ID: <unique@contoso.example>\n",
        "date,message-id,from",
    );
    becomes(
        &orders(),
        "",
        "From: scanner@contoso.example\nDate: Sat, 28 Nov 2026 05:00:00 -0000\nMessage-ID: <unique@contoso.example>\n",
        "date,message-id,from",
    );
}

#[test]
fn nothing_is_done_without_orders() {
    let nothing = Orders { repair: false, ..orders() };
    let mended = mend(b"Subject: Scan\r\n\r\n", &nothing);
    assert!(mended.head.is_none() && mended.repairs.is_empty() && !mended.awaits_body);
}

#[test]
fn a_missing_from_is_who_the_envelope_names_and_the_account_where_it_names_nobody() {
    for (envelope, from) in [
        ("reception@contoso.example", "reception@contoso.example"),
        ("", ACCOUNT),
        ("\"a b\"@contoso.example", ACCOUNT),
        ("b\u{fc}ro@contoso.example", ACCOUNT),
    ] {
        let orders = Orders { envelope, ..orders() };
        becomes(&orders, &format!("{REST}From:\n"), &format!("{REST}From: {from}\n"), "from");
        becomes(&orders, REST, &format!("{REST}From: {from}\n"), "from");
    }
}

#[test]
fn an_empty_field_is_filled_and_never_doubled() {
    becomes(
        &orders(),
        "from:  \nDATE:\n \nMessage-Id: \n",
        "from: scanner@contoso.example  \nDATE: Sat, 28 Nov 2026 05:00:00 -0000\n \n\
         Message-Id: <unique@contoso.example> \n",
        "date,message-id,from",
    );
}

#[test]
fn mime_version_is_added_where_mime_is_spoken_and_nowhere_else() {
    for field in ["Content-Type: text/plain", "content-transfer-encoding: base64", "Content-Disposition: attachment"] {
        let said = format!("From: {ACCOUNT}\n{REST}{field}\n");
        becomes(&orders(), &said, &format!("{said}MIME-Version: 1.0\n"), "mime-version");
    }
    let said = format!("From: {ACCOUNT}\n{REST}Mime-version: 1.0 (device)\nContent-Type: text/plain\n");
    becomes(&orders(), &said, &said, "");
}

#[test]
fn an_at_sign_in_a_display_name_is_quoted() {
    let name = "display-name";
    field(
        "From: scan@contoso.example <scan@contoso.example>",
        "From: \"scan@contoso.example\" <scan@contoso.example>",
        name,
    );
    field("From: Copier scan@3F <a@b.example> (3F)", "From: Copier \"scan@3F\" <a@b.example> (3F)", name);
    field("To: a@b.example<a@b.example>", "To: \"a@b.example\"<a@b.example>", name);
    field("Cc: x@y.z <x@y.z>,\n\tb@c.d\n <b@c.d>, e@f.g", "Cc: \"x@y.z\" <x@y.z>,\n\t\"b@c.d\"\n <b@c.d>, e@f.g", name);
    field("Reply-To: \"Ann\" a\\@b <x@y.z>", "Reply-To: \"Ann\" \"a\\\\@b\" <x@y.z>", name);
    field("To: =?utf-8?q?B=C3=BCro?= 3@5 <x@y.z>", "To: =?utf-8?q?B=C3=BCro?= \"3@5\" <x@y.z>", name);
    stays("To: =?utf-8?q?scan@3F?= <x@y.z>");
    stays("To: \"scan@3F\" <x@y.z>, \"a\\\"@\" <x@y.z>, x (a@b) <x@y.z>");
}

#[test]
fn a_comma_in_the_name_of_from_is_quoted() {
    let name = "display-name";
    field("From: Copier, 3F <ann@contoso.example>", "From: \"Copier, 3F\" <ann@contoso.example>", name);
    field(
        "From:Copier, 3F, left,< ann@contoso.example > (x)",
        "From:\"Copier, 3F, left,\"< ann@contoso.example > (x)",
        name,
    );
    field("From: B\u{fc}ro, 3F\n <ann@contoso.example>", "From: \"B\u{fc}ro, 3F\"\n <ann@contoso.example>", name);
    for other in [
        "Copier, =?utf-8?q?3F?= <ann@contoso.example>",
        "\"Copier\", 3F <ann@contoso.example>",
        "Copier, 3\\F <ann@contoso.example>",
        "Copier, (x) 3F <ann@contoso.example>",
        "Copier,\n 3F <ann@contoso.example>",
        "Copier, 3F <ann>",
        "Copier, 3F <>",
        ", Copier <ann@contoso.example>",
        "Copier <ann@contoso.example>,",
    ] {
        stays(&format!("From: {other}"));
    }
    stays("To: Copier, 3F <ann@contoso.example>");
    let two = format!("From: Copier, 3F <ann@contoso.example>\nFrom: x@y.z\n{REST}");
    becomes(&orders(), &two, &two, "");
    // Whose address stands among the words is one who writes.
    let three = format!("From: Copier, eve@x.example, 3F <ann@contoso.example>\n{REST}");
    becomes(&orders(), &three, &three, "");
}

#[test]
fn a_from_that_cannot_be_read_is_forced_all_the_same() {
    let from = |before: &str| {
        let said = wire(&format!("From: {before}\nSubject: x\n"));
        Headers::read(&mend(said.as_bytes(), &forcing()).head.unwrap()).from
    };
    for before in [
        "\"3F copier <ann@contoso.example>",
        "Copier, 3F <ann@contoso.example>",
        "Copier: 3F <ann@contoso.example>",
        "(scan)",
        "<ann@contoso.example> Copier",
    ] {
        assert_eq!(from(before), [ACCOUNT], "{before}");
    }
}

/// Half a letter may look like an `@`, a backslash or the beginning of a comment.
#[test]
fn letters_in_raw_shift_jis_and_iso_2022_jp_are_not_taken_for_signs() {
    for name in [&b"\x90\x40\x83\x5c"[..], b"\x1b$B@>ED\x1b(B", b"\x1b$B@>ED\x1b(B (\x1b$B@>\x1b(B))"] {
        let field = [&b"From: "[..], name, b" <scanner@contoso.example>\r\n"].concat();
        let head = [&field, wire(REST).as_bytes()].concat();
        let mended = mend(&head, &orders());
        assert!(mended.head.is_none() && mended.repairs.is_empty(), "{mended:?}");
    }
}

#[test]
fn brackets_that_are_missing_are_put_around_the_address() {
    let brackets = "angle-brackets";
    field("From: Copier scan@contoso.example", "From: Copier <scan@contoso.example>", brackets);
    field("From: \"Copier, 3F\" scan@contoso.example", "From: \"Copier, 3F\" <scan@contoso.example>", brackets);
    field("To: Ann <ann@contoso.example", "To: Ann <ann@contoso.example>", brackets);
    field("To: Ann ann@contoso.example>, b@c.d", "To: Ann <ann@contoso.example>, b@c.d", brackets);
    field("To: x@y.z,\n Bob\n b@c.d", "To: x@y.z,\n Bob\n <b@c.d>", brackets);
    field("To: a@b.example a@b.example", "To: \"a@b.example\" <a@b.example>", "display-name,angle-brackets");
    stays("To: ann@contoso.example (Ann), <b@c.d>");
}

#[test]
fn a_from_with_a_name_alone_gets_an_address() {
    field("From: HP LaserJet", "From: HP LaserJet <scanner@contoso.example>", "from");
    field("From: root (Cron Daemon)", "From: root <scanner@contoso.example> (Cron Daemon)", "from");
    field("From: \"Copier\" <>", "From: \"Copier\" <scanner@contoso.example>", "from");
    stays("From: HP, LaserJet");
    stays("To: HP LaserJet");
    stays("Sender: root");
}

#[test]
fn a_list_that_cannot_be_read_for_sure_stays_as_it_is() {
    for list in [
        "team: a@b.c d@e.f;",
        "\"Ann a@b.c <a@b.c>",
        "(Ann a@b.c <a@b.c>",
        "a@b.c <a@b.c> more",
        "a@b.c <a@b.c <d@e.f>",
        "Ann < a b c",
        "Ann a@b..c",
    ] {
        stays(&format!("To: {list}"));
    }
}

#[test]
fn several_authors_without_a_sender_get_one() {
    let from = format!("From: Ann <ann@contoso.example>, bob@contoso.example\n{REST}");
    becomes(&orders(), &from, &format!("{from}Sender: scanner@contoso.example\n"), "sender");
    let sent = format!("{from}Sender: bob@contoso.example\n");
    becomes(&orders(), &sent, &sent, "");
}

#[test]
fn several_from_fields_are_left_for_the_upstream_to_judge() {
    for two in ["From: a@b.example\nFrom: c@d.example\n", "From:\nFrom: HP LaserJet\n"] {
        becomes(&orders(), &format!("{two}{REST}"), &format!("{two}{REST}"), "");
    }
}

#[test]
fn long_lines_are_folded_where_they_have_white_space_and_as_rarely_as_it_goes() {
    let word = "x".repeat(600);
    field(
        &format!("Subject: {word} {word}  {word}\n\t{word}"),
        &format!("Subject: {word}\n {word}\n  {word}\n\t{word}"),
        "long-lines",
    );
    let words = "word ".repeat(300);
    let folded = mend(wire(&format!("From: {ACCOUNT}\n{REST}X-Words: {words}\n")).as_bytes(), &orders());
    let head = String::from_utf8(folded.head.unwrap()).unwrap();
    assert_eq!(head.replace("\r\n ", " "), wire(&format!("From: {ACCOUNT}\n{REST}X-Words: {words}\n")));
    assert_eq!(head.matches("\r\n ").count(), 1, "1509 octets take one fold");
    assert!(head.lines().all(|line| line.len() <= 998 && !line.trim().is_empty() || line.is_empty()), "{head}");
}

#[test]
fn a_line_that_cannot_be_brought_under_the_limit_stays_as_it_is() {
    let (long, fits) = ("x".repeat(1200), "x".repeat(998 - "X: ".len()));
    stays(&format!("X: {long}"));
    stays(&format!("X: some words {long} and more"));
    stays(&format!("X: {fits}"));
    stays(&format!("X:{}y", " ".repeat(1200)));
    stays(&format!("X: y{}", " ".repeat(1200)));
    stays(&format!("{long} {long}: x"));
    // No header field: it may be the body already.
    stays(&"no field ".repeat(200));
}

#[test]
fn what_is_added_stands_before_a_line_that_is_no_field() {
    becomes(
        &orders(),
        "From: scanner@contoso.example\nThe toner is low.\nDate: today\nMessage-ID: <1@x>\n",
        "From: scanner@contoso.example\nThe toner is low.\nDate: today\nMessage-ID: <1@x>\n",
        "",
    );
    becomes(
        &orders(),
        "From: scanner@contoso.example\nThe toner is low.\n",
        "From: scanner@contoso.example\nDate: Sat, 28 Nov 2026 05:00:00 -0000\nMessage-ID: <unique@contoso.example>\n\
         The toner is low.\n",
        "date,message-id",
    );
    // A folded line at the start never becomes part of a field of ours.
    becomes(&orders(), &format!(" folded\n{REST}"), &format!(" folded\n{REST}From: scanner@contoso.example\n"), "from");
}

#[test]
fn dots_of_the_way_are_read_and_put_back() {
    let mended =
        mend(format!("..X: y\r\n.From: a@b.example\r\n{}..Z: x\r\n", wire(REST).trim_end()).as_bytes(), &orders());
    assert!(mended.head.is_none(), "a From behind a dot is a From: {mended:?}");
    let mended = mend(b"..X: y\r\n.Date: x\r\n\r\n", &orders());
    let head = String::from_utf8(mended.head.unwrap()).unwrap();
    assert!(head.starts_with("..X: y\r\nDate: x\r\nFrom: ") && head.ends_with("\r\n\r\n"), "{head}");
    assert_eq!(mended.repairs.to_string(), "message-id,from");
}

#[test]
fn a_forced_from_keeps_its_display_name_and_answers_go_where_they_went() {
    for (before, from, reply_to) in [
        ("\"Front Desk\" <desk@fabrikam.example>", "\"Front Desk\" <scanner@contoso.example>", true),
        ("desk@fabrikam.example (Front Desk)", "scanner@contoso.example (Front Desk)", true),
        ("<desk@fabrikam.example>", "<scanner@contoso.example>", true),
        ("=?utf-8?q?B=C3=BCro?=\n <desk@fabrikam.example>", "=?utf-8?q?B=C3=BCro?=\n <scanner@contoso.example>", true),
        ("Ann <a@b.example>, Bob <b@c.example>", "Ann <scanner@contoso.example>", true),
        ("team: a@b.example;", "scanner@contoso.example", true),
        ("\"Ann <a@b.example>", "scanner@contoso.example", false),
        ("a@b.example <c", "\"a@b.example\" <scanner@contoso.example>", false),
        ("Ann <a>", "Ann <scanner@contoso.example>", false),
    ] {
        let reply_to = if reply_to { format!("Reply-To: {before}\n") } else { String::new() };
        becomes(
            &forcing(),
            &format!("From: {before}\nSubject: x\n"),
            &format!("From: {from}\nSubject: x\n{reply_to}"),
            "forced-from",
        );
    }
}

#[test]
fn what_is_forced_is_made_readable_first() {
    becomes(
        &forcing(),
        "From: Desk desk@x.example\nTo: Ann ann@x.example\n",
        "From: Desk <scanner@contoso.example>\nTo: Ann ann@x.example\nReply-To: Desk <desk@x.example>\n",
        "angle-brackets,forced-from",
    );
    becomes(&forcing(), "From: HP LaserJet\n", "From: HP LaserJet <scanner@contoso.example>\n", "from");
    becomes(&forcing(), "Subject: x\n", "Subject: x\nFrom: scanner@contoso.example\n", "from");
    becomes(&forcing(), "From: \n", "From: scanner@contoso.example \n", "from");
}

#[test]
fn a_from_that_is_the_accounts_already_is_not_touched() {
    for from in ["scanner@contoso.example", "\"Copier\" <Scanner@Contoso.example>", "(3F) scanner@contoso.example"] {
        let said = format!("From: {from}\nSubject: x\nSender: <scanner@contoso.example>\n");
        becomes(&forcing(), &said, &said, "");
    }
}

#[test]
fn a_reply_to_that_is_there_stays_and_a_sender_of_others_goes() {
    becomes(
        &forcing(),
        "Sender: root@fabrikam.example\nReply-To: desk@fabrikam.example\nFrom: a@b.example\nDKIM-Signature: v=1\n",
        "Reply-To: desk@fabrikam.example\nFrom: scanner@contoso.example\nDKIM-Signature: v=1\n",
        "forced-from",
    );
    becomes(
        &forcing(),
        "From: scanner@contoso.example\nSender: root@fabrikam.example,\n x@y.example\nSubject: x\n",
        "From: scanner@contoso.example\nSubject: x\n",
        "forced-from",
    );
}

#[test]
fn of_several_from_fields_one_is_left() {
    becomes(
        &forcing(),
        "From: Ann <a@b.example>\nSubject: x\nFrom: c@d.example\n",
        "From: Ann <scanner@contoso.example>\nSubject: x\nReply-To: Ann <a@b.example>,\n  c@d.example\n",
        "forced-from",
    );
}

#[test]
fn an_empty_reply_to_is_none() {
    for empty in ["Reply-To:", "Reply-To: ", "Reply-To:\n\t"] {
        becomes(
            &forcing(),
            &format!("From: Ann <a@b.example>\n{empty}\nSubject: x\n"),
            "From: Ann <scanner@contoso.example>\nReply-To: Ann <a@b.example>\nSubject: x\n",
            "forced-from",
        );
    }
    becomes(
        &forcing(),
        "From: Ann <a@b.example>\nReply-To:\nReply-To: c@d.example\n",
        "From: Ann <scanner@contoso.example>\nReply-To:\nReply-To: c@d.example\n",
        "forced-from",
    );
}

#[test]
fn text_without_a_header_or_an_empty_line_stays_text() {
    for (before, text) in [("", "toner is low\r\nreplace it\r\n"), ("Subject: x\r\n", "..toner is low\r\n")] {
        let mended = mend(format!("{before}{text}").as_bytes(), &orders());
        let whole = String::from_utf8(mended.head.unwrap()).unwrap();
        let (head, rest) = whole.split_once("\r\n\r\n").expect("an empty line between them");
        assert_eq!(rest, text);
        assert!(head.starts_with(before) && head.contains("From: scanner@contoso.example"), "{head}");
        let again = mend(whole.as_bytes(), &orders());
        assert!(again.head.is_none(), "{again:?}");
    }
    // Fields alone are a whole message (RFC 5322 3.5).
    let mended = mend(b"Subject: x\r\n", &orders());
    assert!(!String::from_utf8(mended.head.unwrap()).unwrap().contains("\r\n\r\n"));
    let forced = mend(b"toner is low\r\n", &forcing()).head.unwrap();
    assert!(forced.ends_with(b"\r\n\r\ntoner is low\r\n"), "{}", String::from_utf8_lossy(&forced));
}

#[test]
fn a_text_with_paragraphs_and_without_a_header_is_closed_ahead_of_its_first_line() {
    for text in
        ["Disk full on srv1\n", "Disk full\non srv1: /var\n", "   *** ALERT ***\n   disk full\n", "\tdisk full\n"]
    {
        let mended = mend(wire(text).as_bytes(), &orders());
        let whole = String::from_utf8(mended.head.unwrap()).unwrap().replace("\r\n", "\n");
        let (head, rest) = whole.split_once("\n\n").expect("an empty line between them");
        assert_eq!(rest, format!("{text}\n"));
        assert!(head.contains("Date: ") && head.contains("Message-ID: "), "{head}");
        let again = mend(whole.replace('\n', "\r\n").as_bytes(), &orders());
        assert!(again.head.is_none(), "{again:?}");
    }
    // A line of an mbox above the fields: what comes behind it is header as before.
    let mbox = "From ann@contoso.example Sat Nov 28 05:00:00 2026\nSubject: x\n";
    let whole = String::from_utf8(mend(wire(mbox).as_bytes(), &orders()).head.unwrap()).unwrap();
    assert!(whole.ends_with(&wire(mbox)) && whole.matches("\r\n\r\n").count() == 1, "{whole}");
}

#[test]
fn a_from_larger_than_anybodys_is_left_to_be_refused() {
    let large = format!("From: {}\n", "a@b.example, ".repeat(1000));
    becomes(&forcing(), &large, &large, "");
    assert!(Headers::read(wire(&large).as_bytes()).is_from_too_large);
}

#[test]
fn text_that_nobody_declared_is_declared_with_what_is_missing() {
    let declared = |head: &str| {
        let mut repairs = Repairs::default();
        let head = String::from_utf8(declare_utf8(wire(head).as_bytes(), &mut repairs)).unwrap();
        (head.replace("\r\n", "\n"), repairs.to_string())
    };
    let all = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n";
    assert_eq!(declared("Subject: x\n"), (format!("Subject: x\n{all}\n"), "charset".into()));
    assert_eq!(
        declared("MIME-Version: 1.0\nContent-Transfer-Encoding: 7bit\n").0,
        "MIME-Version: 1.0\nContent-Transfer-Encoding: 8bit\nContent-Type: text/plain; charset=utf-8\n\n",
        "it is no 7bit"
    );
    let base64 = "MIME-Version: 1.0\nContent-Transfer-Encoding: base64\n";
    assert_eq!(declared(base64).0, format!("{base64}Content-Type: text/plain; charset=utf-8\n\n"));
    assert_eq!(declared("Content-Type: x\n"), ("Content-Type: x\n\n".into(), String::new()));
    let two = "Content-Type:\nContent-Type:\n";
    assert_eq!(declared(two), (format!("{two}\n"), String::new()));
}

#[test]
fn where_text_is_declared_a_field_that_is_there_and_empty_is_filled() {
    let before = format!("From: {ACCOUNT}\n{REST}MIME-Version:\nContent-Type: \nContent-Transfer-Encoding:\n \n");
    let declared = declare_utf8(wire(&before).as_bytes(), &mut Repairs::default());
    let expected = format!(
        "From: {ACCOUNT}\n{REST}MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8 \n\
         Content-Transfer-Encoding: 8bit\n \n"
    );
    assert_eq!(String::from_utf8(declared).unwrap(), wire(&expected));
}

#[test]
fn the_body_is_awaited_where_nobody_says_what_it_is() {
    let awaits = |head: &str, orders: &Orders<'_>| mend(wire(head).as_bytes(), orders).awaits_body;
    assert!(awaits("Subject: x\n", &orders()));
    assert!(awaits("Content-Type:\n", &orders()), "an empty one says nothing");
    assert!(!awaits("CONTENT-TYPE : text/plain\n", &orders()));
    assert!(!awaits("Subject: x\n", &forcing()), "to force is not to repair");
}
