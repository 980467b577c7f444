//! The POP3 machine that faces clients.
#![no_main]

use gatepost::{session::parting::told, wire::pop3::Pop3Front};
use gatepost_fuzz::front;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| front(|protection| Pop3Front::new(protection, told()), data, |_| false));
