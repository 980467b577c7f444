//! Text of a peer, made safe to show: in logs, and in replies to a client.

/// What steers a terminal, or turns round what stands behind it: controls, C1 too, and Unicode's bidi and line controls.
fn steers(c: char) -> bool {
    let is_bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || is_bidi || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A JSON text that says the same and is safe on a terminal: what steers one is escaped. JSON itself escapes C0 alone.
pub fn printable_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        // Between values there are none but line ends; inside of strings those are escaped already.
        match c {
            '\n' => out.push(c),
            c if steers(c) => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Escapes control bytes and cuts to `cap` characters, so that a peer can neither forge a log line nor flood it.
pub fn printable(text: &str, cap: usize) -> String {
    let mut out = String::with_capacity(text.len().min(cap));
    for (n, c) in text.chars().enumerate() {
        if n == cap {
            out.push('…');
            break;
        }
        if steers(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Octets that what is said of a fault may have: its id and the codes of each protocol have room beside it.
const SAID_CAP: usize = 440;
/// RFC 5321 4.5.3.1.5: 512 octets for a whole reply line, code and CRLF among them.
const LINE_CAP: usize = 512 - "250 \r\n".len();

/// One line of printable ASCII, for what a reply says of a fault: anything else becomes a space or `?`.
pub fn wire_text(text: &str) -> String {
    ascii(text, SAID_CAP)
}

/// The same of a whole line, enhanced code and id among it.
pub fn wire_line(line: &str) -> String {
    ascii(line, LINE_CAP)
}

fn ascii(text: &str, cap: usize) -> String {
    text.chars()
        .take(cap)
        .map(|c| match c {
            ' '..='~' => c,
            c if c.is_whitespace() || c.is_control() => ' ',
            _ => '?',
        })
        .collect()
}

/// Columns that a terminal needs: East Asian characters take two (UAX 11, wide and fullwidth).
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| 1 + usize::from(is_wide(c))).sum()
}

/// The first two words of a Latin sentence in a Japanese text: small letters side by side, which one name alone has.
/// Commands in backticks are none. For tests.
#[doc(hidden)]
pub fn latin_sentence(text: &str) -> Option<String> {
    let outside: Vec<&str> = text.split('`').step_by(2).collect();
    let outside = outside.join("|").replace("Outlook on the web", "OWA");
    let words: Vec<&str> = outside.split(' ').collect();
    let is_small = |word: &str| word.len() > 1 && word.bytes().all(|b| b.is_ascii_lowercase());
    let pair = words.windows(2).find(|pair| pair.iter().all(|word| is_small(word)));
    pair.map(|pair| pair.join(" "))
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_cannot_forge_a_log_line() {
        assert_eq!(printable("ok\r\nINFO forged\u{1b}[0m", 80), "ok\\r\\nINFO forged\\u{1b}[0m");
        assert_eq!(printable("abcdef", 3), "abc…");
        assert_eq!(printable("a\u{9b}2J \u{202e}gpj.exe\u{2066}", 80), "a\\u{9b}2J \\u{202e}gpj.exe\\u{2066}");
    }

    #[test]
    fn json_on_a_terminal_says_the_same_and_steers_nothing() {
        let value = serde_json::json!({ "subject": "\u{9b}31m \u{7f}\u{202e}x\u{2069}\u{85}\r\n\u{1b}[0m B\u{fc}ro" });
        let shown = printable_json(&format!("{value:#}"));
        assert!(!shown.chars().any(|c| c != '\n' && steers(c)), "{shown:?}");
        assert!(
            shown.contains("\\u009b31m \\u007f\\u202ex\\u2069\\u0085\\r\\n") && shown.contains("B\u{fc}ro"),
            "{shown}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    #[test]
    fn a_reply_stays_one_line_of_ascii() {
        assert_eq!(wire_text("a\r\n250 ok ü"), "a  250 ok ?");
        assert_eq!(wire_text(&"x".repeat(1000)).len(), SAID_CAP);
        assert_eq!(wire_line(&"x".repeat(1000)).len(), LINE_CAP);
    }
}
