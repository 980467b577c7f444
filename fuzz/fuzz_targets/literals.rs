//! The reader of IMAP commands: lines, quoted strings and literals in any mix.
#![no_main]

use gatepost::wire::{
    imap::command::{Gathered, Gatherer},
    lines::Lines,
};
use gatepost_fuzz::{cut, pieces};
use libfuzzer_sys::fuzz_target;

fn gather(input: &[u8], size: usize) -> Vec<String> {
    let mut lines = Lines::new(1024);
    let mut gatherer = Gatherer::default();
    let mut told = Vec::new();
    for piece in cut(input, size) {
        lines.feed(piece);
        loop {
            match gatherer.step(&mut lines) {
                Gathered::More => break,
                Gathered::Continue => told.push("+".into()),
                Gathered::Whole(command) => {
                    let mut arguments = command.arguments();
                    let (tag, verb) = (arguments.atom().to_vec(), arguments.atom().to_vec());
                    let mut strings = Vec::new();
                    while !arguments.is_done() && strings.len() < 100 {
                        let Some(string) = arguments.astring() else { break };
                        strings.push(string);
                    }
                    let texts: Vec<&[u8]> = command.texts().collect();
                    told.push(format!("{:?} {tag:?} {verb:?} {strings:?} {texts:?}", command.tag()));
                }
                Gathered::TooLong { tag, recoverable } => {
                    told.push(format!("too long {tag:?} {recoverable}"));
                    if !recoverable {
                        return told;
                    }
                }
            }
        }
    }
    told
}

fuzz_target!(|data: &[u8]| {
    let (size, input) = pieces(data);
    assert_eq!(gather(input, size), gather(input, usize::MAX), "cut by {size}");
});
