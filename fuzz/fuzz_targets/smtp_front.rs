//! The SMTP machine that faces clients.
#![no_main]

use gatepost::wire::smtp::{SmtpFront, front::Keywords};
use gatepost_fuzz::front;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let keywords = || Keywords::new("gatepost.example", vec!["8BITMIME".into()]);
    front(|protection| SmtpFront::new(keywords(), protection), data, names_auth);
});

/// What follows AUTH in the same read waits, and is dropped if AUTH fails: the one place where reads matter.
fn names_auth(input: &[u8]) -> bool {
    input.windows(4).any(|word| word.eq_ignore_ascii_case(b"AUTH"))
}
