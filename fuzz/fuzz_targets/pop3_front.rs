//! The POP3 machine that faces clients.
#![no_main]

use gatepost::wire::{Protection, pop3::Pop3Front};
use gatepost_fuzz::front;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((mode, data)) = data.split_first() else { return };
    let protection = [Protection::Plain, Protection::Offered, Protection::Required, Protection::Secured];
    let protection = protection[usize::from(mode % 4)];
    let told = front(|| Pop3Front::new(protection), data, |_| false);
    if protection == Protection::Required {
        assert!(!told.heard.iter().any(|word| word.starts_with("login") || word.starts_with("no")), "taken before TLS");
    }
});
