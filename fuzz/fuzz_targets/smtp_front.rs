//! The SMTP machine that faces clients.
#![no_main]

use gatepost::{
    session::parting::told,
    wire::smtp::{SmtpFront, front::Keywords},
};
use gatepost_fuzz::front;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let keywords = || Keywords::new("gatepost.example", vec!["8BITMIME".into()]);
    front(|protection| SmtpFront::new(keywords(), protection, told()), data, says_more);
});

/// What follows AUTH in the same read waits, and is dropped if AUTH fails; what follows a DATA that is refused says whether
/// the client waited: there reads matter, and nowhere else.
fn says_more(input: &[u8]) -> bool {
    let words: [&[u8]; 3] = [b"AUTH", b"DATA", b"BDAT"];
    input.windows(4).any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}
