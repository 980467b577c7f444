//! The line splitter: the same lines wherever the input is cut, none longer than the cap, no byte lost.
#![no_main]

use gatepost::wire::lines::Lines;
use gatepost_fuzz::pieces;
use libfuzzer_sys::fuzz_target;

const CAP: usize = 64;

fn split(input: &[u8], size: usize) -> (Vec<Vec<u8>>, bool) {
    let mut lines = Lines::new(CAP);
    let mut cut = Vec::new();
    for piece in input.chunks(size.min(input.len()).max(1)) {
        lines.feed(piece);
        loop {
            match lines.cut() {
                Ok(Some(line)) => cut.push(line.to_vec()),
                Ok(None) => break,
                Err(_) => return (cut, true),
            }
        }
    }
    let held: usize = cut.iter().map(|line| line.len() + 1).sum();
    assert!(held + lines.pending().len() <= input.len(), "more came out than went in");
    (cut, false)
}

fuzz_target!(|data: &[u8]| {
    let (size, input) = pieces(data);
    let (cut, too_long) = split(input, size);
    assert_eq!((&cut, too_long), (&split(input, usize::MAX).0, split(input, usize::MAX).1), "cut by {size}");
    for line in &cut {
        assert!(line.len() <= CAP && !line.contains(&b'\n'), "{line:?}");
    }
});
