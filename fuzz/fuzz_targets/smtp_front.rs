//! The SMTP machine that faces clients.
#![no_main]

use gatepost::wire::{
    Protection,
    smtp::{SmtpFront, front::Keywords},
};
use gatepost_fuzz::front;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else { return };
    let protection = [Protection::Plain, Protection::Offered, Protection::Required, Protection::Secured];
    let protection = protection[usize::from(mode % 4)];
    let told = front(
        || SmtpFront::new(Keywords::new("gatepost.example", vec!["8BITMIME".into()]), protection),
        data,
        names_auth,
    );
    if protection == Protection::Required {
        assert!(!told.heard.iter().any(|word| word.starts_with("login") || word.starts_with("no")), "taken before TLS");
    }
});

/// What follows AUTH in the same read waits, and is dropped if AUTH fails: the one place where reads matter.
fn names_auth(input: &[u8]) -> bool {
    input.windows(4).any(|word| word.eq_ignore_ascii_case(b"AUTH"))
}
