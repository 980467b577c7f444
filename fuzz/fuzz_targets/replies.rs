//! What upstreams answer, in three protocols.
#![no_main]

use bytes::BytesMut;
use gatepost::wire::{imap, pop3, smtp::Replies};
use gatepost_fuzz::{cut, pieces, replies_are_lines};
use libfuzzer_sys::fuzz_target;

fn smtp(input: &[u8], size: usize) -> Vec<String> {
    let mut replies = Replies::new(BytesMut::new());
    let mut told = Vec::new();
    for piece in cut(input, size) {
        replies.feed(piece);
        loop {
            match replies.cut() {
                Ok(Some(reply)) => {
                    assert!((200..600).contains(&reply.code), "{}", reply.code);
                    replies_are_lines(&reply.to_wire());
                    told.push(format!("{reply:?}"));
                }
                Ok(None) => break,
                Err(violation) => {
                    told.push(violation.what.into_owned());
                    return told;
                }
            }
        }
    }
    told
}

fuzz_target!(|data: &[u8]| {
    let (size, input) = pieces(data);
    assert_eq!(smtp(input, size), smtp(input, usize::MAX), "cut by {size}");
    let _ = imap::reply::Status::parse(input);
    let _ = imap::reply::capability_words(input);
    let _ = imap::reply::capability_code(input);
    let _ = pop3::reply::Status::parse(input);
});
