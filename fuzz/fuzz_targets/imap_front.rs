//! The IMAP machine that faces clients.
#![no_main]

use gatepost::{session::parting::told, wire::imap::ImapFront};
use gatepost_fuzz::front;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let capabilities = || vec!["IMAP4REV1".into(), "IDLE".into()];
    front(|protection| ImapFront::new(&capabilities(), protection, told()), data, |_| false);
});
