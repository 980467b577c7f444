//! What holds of any header block, sound or hostile.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::{ACCOUNT, forcing, orders, samples::COMPLETE, wire};
use crate::message::{Headers, Orders, Repair, block::Block, declare_utf8, headers::unstuffed, mend, repairs::Repairs};

const NAMES: [&str; 15] = [
    "From",
    "from ",
    "FROM",
    "Sender",
    "Reply-To",
    "To",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Subject",
    "",
    "X-\u{e9}",
    "No field",
];

/// One line or several, none of them empty, as the state machine of DATA lets them through.
fn line() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just(" ann@contoso.example".to_owned()),
        Just(" Scanner@contoso.example".to_owned()),
        Just(" Ann a@b.example <a@b.example>, Bob c@d.example".to_owned()),
        Just(" HP LaserJet".to_owned()),
        Just(String::new()),
        Just(format!(" {}", "word ".repeat(230))),
        "[ \t]?[a\"@<>(),:;\\\\.ü =?]{0,14}",
    ];
    let field = (0..NAMES.len(), value, prop_oneof![Just(""), Just("\r\n "), Just("\r\n\tx@y.example")])
        .prop_map(|(name, value, fold)| format!("{}:{value}{fold}", NAMES[name]));
    prop_oneof![8 => field, 1 => "[ \t.]?[a-z:@ü]{1,8}", 1 => Just("..dots: x".to_owned())]
}

fn block() -> impl Strategy<Value = String> {
    proptest::collection::vec(line(), 0..9)
        .prop_map(|lines| lines.iter().map(|line| format!("{line}\r\n")).collect::<String>() + "\r\n")
}

fn every_order() -> impl Strategy<Value = Orders<'static>> {
    (any::<bool>(), any::<bool>(), prop_oneof![Just(""), Just("ann@contoso.example"), Just(ACCOUNT)])
        .prop_map(|(repair, force, envelope)| Orders { repair, force, envelope, ..orders() })
}

/// Fields of this name, counted as plainly as it goes.
fn count(head: &[u8], name: &str) -> usize {
    let text = String::from_utf8_lossy(head).into_owned();
    let is_it = |line: &&str| {
        line.trim_start_matches('.').split_once(':').is_some_and(|(found, _)| found.trim().eq_ignore_ascii_case(name))
    };
    // A first line that begins with a space folds nothing, and may be read as a field.
    text.split("\r\n")
        .enumerate()
        .filter(|(n, line)| *n == 0 || !line.starts_with([' ', '\t']))
        .map(|(_, line)| line)
        .filter(is_it)
        .count()
}

fn is_subsequence(part: &[u8], of: &[u8]) -> bool {
    let mut rest = of.iter();
    part.iter().all(|byte| rest.any(|other| other == byte))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(700))]

    #[test]
    fn a_block_that_needs_nothing_is_not_touched(
        n in 0..COMPLETE.len(),
        more in proptest::collection::vec("X-[A-Za-z0-9-]{1,9}:[ -~é]{0,60}(\r\n\t[ -~]{0,20}x)?\r\n", 0..6),
    ) {
        let head = format!("{}{}\r\n", COMPLETE[n].replace('\n', "\r\n"), more.concat());
        let mended = mend(head.as_bytes(), &orders());
        prop_assert!(mended.head.is_none() && mended.repairs.is_empty(), "{mended:?}");
    }

    #[test]
    fn a_second_repair_changes_nothing_more(head in block(), orders in every_order()) {
        let first = mend(head.as_bytes(), &orders);
        if let Some(once) = first.head {
            let again = mend(&once, &orders);
            prop_assert!(again.head.is_none() && again.repairs.is_empty(), "{:?}\n{again:?}", String::from_utf8_lossy(&once));
            prop_assert_eq!(again.awaits_body, first.awaits_body);
        } else {
            prop_assert!(first.repairs.is_empty());
        }
    }

    #[test]
    fn text_that_was_declared_needs_nothing_more(head in block()) {
        let first = mend(head.as_bytes(), &orders());
        let once = first.head.unwrap_or_else(|| head.into_bytes());
        if first.awaits_body {
            let declared = declare_utf8(&once, &mut Repairs::default());
            let again = mend(&declared, &orders());
            let shown = String::from_utf8_lossy(&declared).into_owned();
            prop_assert!(again.head.is_none() && again.repairs.is_empty() && !again.awaits_body, "{shown:?}\n{again:?}");
            prop_assert_eq!(declare_utf8(&declared, &mut Repairs::default()), declared);
        }
    }

    /// Repair takes nothing away and moves nothing.
    #[test]
    fn what_was_there_is_there_in_its_order(head in block()) {
        if let Some(new) = mend(head.as_bytes(), &orders()).head {
            prop_assert!(is_subsequence(&unstuffed(head.as_bytes()), &unstuffed(&new)), "{}", String::from_utf8_lossy(&new));
        }
    }

    #[test]
    fn fields_are_added_as_named_and_never_twice(head in block()) {
        let mended = mend(head.as_bytes(), &orders());
        let new = mended.head.as_deref().unwrap_or(head.as_bytes());
        let named = |repair: Repair| mended.repairs.iter().any(|done| done == repair);
        for (name, repair) in [
            ("From", Repair::From), ("Sender", Repair::Sender), ("Date", Repair::Date),
            ("Message-ID", Repair::MessageId), ("MIME-Version", Repair::MimeVersion),
        ] {
            let (before, after) = (count(head.as_bytes(), name), count(new, name));
            let expected = if named(repair) { before.max(1) } else { before };
            prop_assert_eq!(after, expected, "{}: {}", name, String::from_utf8_lossy(new));
        }
        for name in ["To", "Reply-To", "Subject", "Content-Type"] {
            prop_assert_eq!(count(new, name), count(head.as_bytes(), name));
        }
    }

    #[test]
    fn a_forced_from_is_one_and_the_accounts(head in block(), repair in any::<bool>()) {
        let mended = mend(head.as_bytes(), &Orders { repair, ..forcing() });
        let new = mended.head.as_deref().unwrap_or(head.as_bytes());
        let read = Headers::read(new);
        let from: Vec<String> = read.from.iter().filter(|from| !from.is_empty()).map(|from| from.to_lowercase()).collect();
        prop_assert_eq!(from, [ACCOUNT], "{}", String::from_utf8_lossy(new));
        prop_assert_eq!(count(new, "From"), 1);
        prop_assert!(read.sender.iter().all(|sender| sender.is_empty() || sender.eq_ignore_ascii_case(ACCOUNT)));
        prop_assert!(count(new, "Reply-To") <= count(head.as_bytes(), "Reply-To").max(1));
    }

    /// It ends where it ended, in lines, and no line of it can end the data. A text without a header gets one ahead of it.
    #[test]
    fn a_header_block_stays_one(head in block(), orders in every_order()) {
        let mut new = mend(head.as_bytes(), &orders).head.unwrap_or_else(|| head.clone().into_bytes());
        if orders.repair {
            new = declare_utf8(&new, &mut Repairs::default());
        }
        let text = String::from_utf8_lossy(&new).into_owned();
        prop_assert!(text.ends_with("\r\n\r\n") || text == "\r\n");
        let inside = text.strip_suffix("\r\n").unwrap();
        let is_text = Block::cut(&unstuffed(head.as_bytes())).is_text();
        let is_line = |line: &str| !line.is_empty() || is_text;
        prop_assert!(inside.split_terminator("\r\n").all(|line| is_line(line) && line != "." && !line.contains(['\r', '\n'])), "{text:?}");
    }

    #[test]
    fn any_bytes_at_all_are_taken(head in proptest::collection::vec(any::<u8>(), 0..200), orders in every_order()) {
        let mended = mend(&head, &orders);
        if let Some(new) = mended.head {
            prop_assert!(new.len() < head.len() * 3 + 1000);
        }
    }
}

#[test]
fn hostile_blocks_cost_no_more_than_their_size() {
    let size = 256 * 1024;
    let fill = |line: &str| line.repeat(size / line.len());
    for hostile in [
        fill("X: y\r\n"),
        fill(": y\r\n"),
        fill("From: a@b.example\r\n"),
        fill("Sender: a@b.example\r\n"),
        fill("no colon\r\n"),
        fill("\u{e9}\u{e9}:\u{e9}\r\n"),
        format!(" folded\r\n{}", fill("\tfolded\r\n")),
        format!("To: {}\r\n", fill("a@ ")),
        format!("To: {}\r\n", fill("a@b.example <a@b.example>, ")),
        format!("To: {}\r\n", fill("(")),
        format!("To: {}\r\n", fill("<")),
        format!("To: {}\r\n", fill("\"\\")),
        format!("To: {}\r\n", fill(",")),
        format!("From: {}\r\n", fill("a@b.example c ")),
        format!("Subject: {}\r\n", fill("word ")),
        format!("Subject: {}\r\n", fill(" ")),
        format!("Subject: {}\r\n", "x".repeat(size)),
        format!("{}: x\r\n", "x".repeat(size)),
        format!("Content-Type: {}\r\n", fill("\0")),
        "\r\n".into(),
        String::new(),
    ] {
        for orders in [orders(), forcing()] {
            let start = Instant::now();
            let mended = mend(format!("{hostile}\r\n").as_bytes(), &orders);
            let head = mended.head.unwrap_or_default();
            assert!(head.len() < 4 * size, "{} octets of {:.40}", head.len(), hostile);
            assert!(start.elapsed() < Duration::from_secs(5), "{:?} for {hostile:.40}", start.elapsed());
            drop(Headers::read(&head));
        }
    }
}

#[test]
fn cut_off_in_mid_line_a_block_still_gets_whole_lines() {
    for head in ["From: a@b.example", "From: a@b.example\r\n\tfolded", "Subject"] {
        let new = String::from_utf8(mend(head.as_bytes(), &orders()).head.unwrap()).unwrap();
        assert!(new.contains("\r\nDate: ") || new.starts_with("From: "), "{new}");
    }
    let whole = wire("From: a@b.example\n");
    assert!(mend(whole.as_bytes(), &orders()).head.is_some());
}
