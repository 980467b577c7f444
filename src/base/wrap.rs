//! Lines that fit a terminal: broken at blanks, and in Japanese where a line may end.

use super::columns;

/// What no line begins with (JIS X 4051), and what none ends with.
const NEVER_FIRST: &str = "、。，．・：；？！）」』】〉》〕］｝ーぁぃぅぇぉっゃゅょァィゥェォッャュョ々>)],.;:!?";
const NEVER_LAST: &str = "（「『【〈《〔［｛([";

/// Lines of at most so many columns. What stands in backticks stays on one line, and so does a word.
pub fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in pieces(text).into_iter().filter(|word| !word.is_empty()) {
        let Some(last) = lines.last_mut() else { break };
        if !last.is_empty() && columns(last) + columns(word.trim_end()) > most {
            last.truncate(last.trim_end().len());
            lines.push(word.trim_start().to_owned());
        } else {
            last.push_str(word);
        }
    }
    lines
}

fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut from, mut is_quoted) = (Vec::new(), 0, false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        is_quoted ^= c == '`';
        let next = chars.peek().map(|(_, next)| *next);
        let is_end = c == ' ' || next.is_some_and(|next| may_part(c, next));
        if !is_quoted && is_end {
            let end = at + c.len_utf8();
            pieces.extend(text.get(from..end));
            from = end;
        }
    }
    pieces.extend(text.get(from..));
    pieces
}

/// Between two letters of which one is wide.
fn may_part(before: char, behind: char) -> bool {
    let is_wide = |c: char| columns(c.encode_utf8(&mut [0; 4])) == 2;
    (is_wide(before) || is_wide(behind) && before != '`')
        && !NEVER_FIRST.contains(behind)
        && !NEVER_LAST.contains(before)
        && behind != ' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_never_broken_and_nothing_is_lost() {
        let text = format!("Run `{}` now. {}", "x ".repeat(80), "word ".repeat(60));
        let lines = wrapped(&text, 100);
        assert!(lines.len() > 2 && lines.iter().any(|line| line.matches("x ").count() == 80));
        let all = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
        assert_eq!(all(&lines.concat()), all(&text));
    }

    #[test]
    fn a_japanese_line_is_no_wider_and_never_begins_with_a_stop() {
        let text = "管理者が、設定（`gatepost config check`）を確認します。".repeat(6);
        let lines = wrapped(&text, 40);
        assert!(lines.iter().all(|line| columns(line) <= 42), "{lines:#?}");
        assert!(lines.iter().all(|line| !line.starts_with(['、', '。', '）'])), "{lines:#?}");
        assert_eq!(lines.concat(), text);
    }
}
