//! Header lines over 998 octets (RFC 5322 2.1.1), folded where they have white space already.
//!
//! A fold is CRLF before white space that is there; no octet is taken away or moved. A line that cannot be brought under
//! the limit that way stays as it is, and so does what is no header field.

use super::{
    block::{Block, Edits, without_line_end},
    mend::Orders,
    repairs::{Repair, Repairs},
};

/// Octets of a line without its CRLF.
const LIMIT: usize = 998;

pub(super) fn mend(block: &Block<'_>, orders: &Orders<'_>, edits: &mut Edits, repairs: &mut Repairs) {
    if !orders.repair {
        return;
    }
    for field in block.fields.iter().filter(|field| block.is_sound(field)) {
        let mut at = field.all.start;
        let all = block.bytes.get(field.all.clone()).unwrap_or_default();
        for line in all.split_inclusive(|byte| *byte == b'\n') {
            // Before the colon there is the name: it cannot be folded.
            let from = field.value.start.saturating_sub(at);
            for fold in folds(without_line_end(line), from) {
                edits.insert(at + fold, &b"\r\n"[..]);
                repairs.note(Repair::LongLines);
            }
            at += line.len();
        }
    }
}

/// Where a line is to be folded: before white space that stands between two words, at or behind `from`. None where the
/// line is short enough, or would still be too long.
fn folds(line: &[u8], from: usize) -> Vec<usize> {
    let mut folds = Vec::new();
    let (mut begin, mut last) = (0, None);
    let mut words = from;
    while line.len() - begin > LIMIT {
        // The next run of white space with a word on either side of it.
        let next = word_end(line, words).map(|end| (end, word_begin(line, end)));
        match next {
            Some((end, Some(word))) if end - begin <= LIMIT => {
                // Behind the colon itself there may be nothing yet: folding there is fine.
                last = (end > begin).then_some(end).or(last);
                words = word;
            }
            _ => {
                let Some(fold) = last.take() else { return Vec::new() };
                folds.push(fold);
                begin = fold;
                // From the word behind the fold on: its white space is where the line begins now.
                words = word_begin(line, fold).unwrap_or(line.len());
            }
        }
    }
    folds
}

/// Where the white space begins that ends the word at `from`.
fn word_end(line: &[u8], from: usize) -> Option<usize> {
    let rest = line.get(from..)?;
    rest.iter().position(|byte| matches!(byte, b' ' | b'\t')).map(|at| from + at)
}

/// Where the word begins that follows the white space at `from`.
fn word_begin(line: &[u8], from: usize) -> Option<usize> {
    let rest = line.get(from..)?;
    rest.iter().position(|byte| !matches!(byte, b' ' | b'\t')).map(|at| from + at)
}
