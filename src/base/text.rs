//! Text of a peer, made safe to show: in logs, and in replies to a client.

/// Escapes control bytes and cuts to `cap` characters, so that a peer can neither forge a log line nor flood it.
pub fn printable(text: &str, cap: usize) -> String {
    let mut out = String::with_capacity(text.len().min(cap));
    for (n, c) in text.chars().enumerate() {
        if n == cap {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// One line of printable ASCII for a protocol reply: anything else becomes a space or `?`, at most 400 octets
/// (RFC 5321 4.5.3.1.5 allows 512 for a whole reply line).
pub fn wire_text(text: &str) -> String {
    text.chars()
        .take(400)
        .map(|c| match c {
            ' '..='~' => c,
            c if c.is_whitespace() || c.is_control() => ' ',
            _ => '?',
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_forge_a_log_line() {
        assert_eq!(printable("ok\r\nINFO forged\u{1b}[0m", 80), "ok\\r\\nINFO forged\\u{1b}[0m");
        assert_eq!(printable("abcdef", 3), "abc…");
    }

    #[test]
    fn a_reply_stays_one_line_of_ascii() {
        assert_eq!(wire_text("a\r\n250 ok ü"), "a  250 ok ?");
        assert_eq!(wire_text(&"x".repeat(1000)).len(), 400);
    }
}
