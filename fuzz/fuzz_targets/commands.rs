//! One SMTP command of a client, and what of it goes upstream.
#![no_main]

use gatepost::{
    session::parting::told,
    wire::smtp::{Command, command::Carries},
};
use gatepost_fuzz::replies_are_lines;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|line: &[u8]| {
    let all = ["8BITMIME", "SMTPUTF8", "DSN", "SIZE 1000000"].map(str::to_owned);
    for carries in [Carries::from_keywords(&all), Carries::from_keywords(&[])] {
        let (wire, address) = match Command::parse(line) {
            Ok(Command::Mail(mail)) => (mail.to_wire(carries), mail.address),
            Ok(Command::Rcpt(rcpt)) => (rcpt.to_wire(carries), rcpt.address),
            Ok(_) => continue,
            Err(mistake) => {
                replies_are_lines(&mistake.reply(&told().mistake).to_wire());
                continue;
            }
        };
        replies_are_lines(wire.as_bytes());
        assert!(!wire.contains('\t'), "a control byte went upstream");
        assert_eq!(wire.matches("\r\n").count(), 1, "one command in, one command out");
        // What we send is what we would read ourselves.
        let again = match Command::parse(wire.trim_end().as_bytes()) {
            Ok(Command::Mail(mail)) => mail.address,
            Ok(Command::Rcpt(rcpt)) => rcpt.address,
            other => panic!("{wire:?} reads as {other:?}"),
        };
        assert_eq!(address, again);
    }
});
