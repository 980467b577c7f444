//! The IMAP machine that signs on upstream.
#![no_main]

use gatepost::wire::imap::ImapBack;
use gatepost_fuzz::{back, credentials};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    back(|starttls| ImapBack::new(credentials(), starttls, None), data);
    let known = || Some(vec!["IMAP4REV1".to_owned(), "SASL-IR".to_owned(), "AUTH=XOAUTH2".to_owned()]);
    back(|starttls| ImapBack::new(credentials(), starttls, known()), data);
});
