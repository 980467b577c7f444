//! The SMTP machine that signs on upstream.
#![no_main]

use gatepost::wire::smtp::SmtpBack;
use gatepost_fuzz::{back, credentials};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| back(|starttls| SmtpBack::new(credentials(), starttls, "gatepost.example"), data));
