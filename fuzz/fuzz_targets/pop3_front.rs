//! The POP3 machine that faces clients.
#![no_main]

use gatepost::wire::pop3::Pop3Front;
use gatepost_fuzz::front;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| front(Pop3Front::new, data, |_| false));
