//! DATA: where a message ends, and that what goes upstream can hold no second one.
#![no_main]

use gatepost::wire::smtp::Body;
use gatepost_fuzz::{cut, pieces};
use libfuzzer_sys::fuzz_target;

struct Passage {
    out: Vec<u8>,
    consumed: usize,
    ended: bool,
    flawed: bool,
}

fn pass(input: &[u8], size: usize) -> Passage {
    let mut body = Body::new();
    let (mut out, mut consumed, mut ended) = (Vec::new(), 0, false);
    for piece in cut(input, size) {
        let passed = body.pass(piece, &mut out);
        consumed += passed.consumed;
        if passed.ended {
            ended = true;
            break;
        }
        assert_eq!(passed.consumed, piece.len(), "bytes left over in mid-message");
    }
    Passage { out, consumed, ended, flawed: body.flaw().is_some() }
}

fuzz_target!(|data: &[u8]| {
    let (size, input) = pieces(data);
    let (cut, whole) = (pass(input, size), pass(input, usize::MAX));
    assert_eq!((&cut.out, cut.consumed, cut.ended), (&whole.out, whole.consumed, whole.ended), "cut by {size}");
    // The end is where RFC 5321 has it, and nowhere else.
    let first = if input.starts_with(b".\r\n") { Some(3) } else { find(input, b"\r\n.\r\n").map(|at| at + 5) };
    assert_eq!(whole.ended.then_some(whole.consumed), first);
    if whole.flawed {
        return;
    }
    let out = &whole.out;
    assert!(!out.starts_with(b".\r\n") && find(out, b"\r\n.\r\n").is_none(), "an end of data went upstream");
    for (at, byte) in out.iter().enumerate() {
        match byte {
            b'\n' => assert!(at > 0 && out[at - 1] == b'\r', "a bare LF went upstream"),
            b'\r' => assert!(out.get(at + 1).is_none_or(|next| *next == b'\n'), "a bare CR went upstream"),
            0 => panic!("a NUL went upstream"),
            _ => {}
        }
    }
    if whole.ended {
        assert!(out.is_empty() || out.ends_with(b"\r\n"), "the final dot would not stand on a line of its own");
    }
});

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len()).position(|window| window == needle)
}
