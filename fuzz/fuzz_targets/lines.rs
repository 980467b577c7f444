//! The line splitter: the same lines wherever the input is cut, none longer than the cap, no byte lost.
#![no_main]

use gatepost::wire::lines::Lines;
use gatepost_fuzz::{cut, pieces};
use libfuzzer_sys::fuzz_target;

const CAP: usize = 64;

fn split(input: &[u8], size: usize) -> (Vec<Vec<u8>>, bool) {
    let mut lines = Lines::new(CAP);
    let mut found = Vec::new();
    for piece in cut(input, size) {
        lines.feed(piece);
        loop {
            match lines.cut() {
                Ok(Some(line)) => found.push(line.to_vec()),
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
    }
    let held: usize = found.iter().map(|line| line.len() + 1).sum();
    assert!(held + lines.pending().len() <= input.len(), "more came out than went in");
    (found, false)
}

fuzz_target!(|data: &[u8]| {
    let (size, input) = pieces(data);
    let whole = split(input, usize::MAX);
    assert_eq!(split(input, size), whole, "cut by {size}");
    for line in &whole.0 {
        assert!(line.len() <= CAP && !line.contains(&b'\n'), "{line:?}");
    }
});
