//! The repair of header blocks: what is taken in, in whichever state, comes out as one block, and once is enough.
#![no_main]

use gatepost::{
    message::{Headers, Orders, Undeclared, mend},
    wire::smtp::Body,
};
use gatepost_fuzz::{cut, pieces};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

const ACCOUNT: &str = "scanner@contoso.example";

fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else { return };
    let orders = Orders {
        repair: mode & 1 == 0,
        force: mode & 2 == 2,
        account: ACCOUNT,
        envelope: if mode & 4 == 4 { "" } else { ACCOUNT },
        now: Timestamp::UNIX_EPOCH,
        unique: "unique",
    };
    drop(mend(data, &orders)); // anything at all
    text(data);
    let Some(head) = head(data) else { return };
    let first = mend(&head, &orders);
    let Some(new) = first.head else {
        assert!(first.repairs.is_empty(), "told of what was not done: {}", first.repairs);
        return;
    };
    assert!(!first.repairs.is_empty(), "changed and not told");
    let again = mend(&new, &orders);
    assert!(again.head.is_none(), "a second repair changes more");
    assert!(find(&new, b"\r\n\r\n").is_none_or(|at| at + 4 == new.len()), "the block ends in its middle");
    assert!(!new.starts_with(b".\r\n") && find(&new, b"\r\n.\r\n").is_none(), "an end of data went upstream");
    assert_eq!(new.iter().filter(|b| **b == b'\n').count(), new.windows(2).filter(|w| w == b"\r\n").count());
    let read = Headers::read(&new);
    if orders.force && !read.is_from_too_large {
        let from: Vec<_> = read.from.iter().filter(|from| !from.is_empty()).collect();
        assert!(from.len() == 1 && from[0].eq_ignore_ascii_case(ACCOUNT), "sends as {from:?}");
    }
});

/// A header block as DATA lets it through, its empty line included.
fn head(data: &[u8]) -> Option<Vec<u8>> {
    let (mut body, mut out) = (Body::new(), Vec::new());
    body.pass(data, &mut out);
    if body.flaw().is_some() {
        return None;
    }
    let end = if out.starts_with(b"\r\n") { 2 } else { find(&out, b"\r\n\r\n")? + 4 };
    out.truncate(end);
    Some(out)
}

/// The answer about a body is that of the whole, wherever it is cut.
fn text(data: &[u8]) {
    let (size, input) = pieces(data);
    let mut text = Undeclared::default();
    cut(input, size).for_each(|piece| text.feed(piece));
    assert_eq!(text.is_utf8(), std::str::from_utf8(input).is_ok() && !input.is_ascii());
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
