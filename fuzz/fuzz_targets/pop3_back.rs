//! The POP3 machine that signs on upstream.
#![no_main]

use gatepost::wire::pop3::Pop3Back;
use gatepost_fuzz::{back, credentials};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| back(|starttls| Pop3Back::new(credentials(), starttls), data));
