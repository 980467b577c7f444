//! The header block of a message that lies in the spool, as its reader would see it.

use std::io;

use tokio::io::AsyncReadExt;

use crate::spool::Spooled;

/// More of a header block is not given back.
const CAP: usize = 64 * 1024;

/// Whole lines, without the empty one behind them. Dots are no longer stuffed.
pub async fn read(body: &Spooled) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    body.read().await?.take(CAP as u64).read_to_end(&mut bytes).await?;
    Ok(cut(&bytes))
}

fn cut(bytes: &[u8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(bytes.len().min(8 * 1024));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        // The empty line, or one that the cap cut.
        if line == b"\r\n" || !line.ends_with(b"\r\n") {
            break;
        }
        head.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_the_empty_line_and_at_the_last_whole_one() {
        assert_eq!(cut(b"A: b\r\n c\r\n..D: e\r\n\r\nbody\r\n"), b"A: b\r\n c\r\n.D: e\r\n");
        assert_eq!(cut(b"A: b\r\nSubject: cut of"), b"A: b\r\n");
        assert_eq!(cut(b"\r\nbody\r\n"), b"");
        assert_eq!(cut(b""), b"");
    }
}
