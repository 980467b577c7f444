//! As much of Markdown as the documents use: links, anchors, blocks of code and code within a line.

use std::collections::BTreeSet;

/// Fenced or indented code.
#[derive(Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the fence; nothing for indented code.
    pub kind: String,
    pub text: String,
}

/// The page in code and the rest, line by line. Code in a list is indented further; that much is taken away.
fn parts(page: &str) -> (Vec<Block>, Vec<&str>) {
    let (mut blocks, mut rest, mut fence): (Vec<Block>, _, Option<usize>) = (Vec::new(), Vec::new(), None);
    let mut indented = false;
    let mut blank = true;
    for line in page.lines() {
        let margin = line.len() - line.trim_start().len();
        let opens = line.trim_start().strip_prefix("```");
        match (fence, opens) {
            (Some(_), Some(_)) => fence = None,
            (Some(margin), None) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line.get(margin..).unwrap_or(""));
                block.text.push('\n');
            }
            (None, Some(kind)) => {
                fence = Some(margin);
                blocks.push(Block { kind: kind.trim().to_owned(), text: String::new() });
            }
            // Code goes on over empty lines, and begins behind one.
            (None, None) if margin >= 4 && (indented || blank) => {
                if !indented {
                    blocks.push(Block { kind: String::new(), text: String::new() });
                }
                let block = blocks.last_mut().unwrap();
                block.text.push_str(&line[4..]);
                block.text.push('\n');
                indented = true;
            }
            (None, None) if line.is_empty() && indented => blocks.last_mut().unwrap().text.push('\n'),
            (None, None) => {
                indented = false;
                rest.push(line);
            }
        }
        blank = line.is_empty();
        indented &= fence.is_none();
    }
    (blocks, rest)
}

pub fn blocks(page: &str) -> Vec<Block> {
    parts(page).0
}

/// Code within lines: what stands between single backticks.
pub fn spans(page: &str) -> Vec<String> {
    let text = parts(page).1.join("\n");
    text.split('`').skip(1).step_by(2).filter(|span| !span.is_empty()).map(|span| span.replace('\n', " ")).collect()
}

/// Where its links and pictures lead.
pub fn links(page: &str) -> Vec<String> {
    let text = parts(page).1.join("\n");
    // What looks like a link in code is none.
    let prose: String = text.split('`').step_by(2).collect();
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.is_empty()).map(str::to_owned).collect()
}

/// Each as its line has it.
pub fn headings(page: &str) -> Vec<&str> {
    parts(page).1.into_iter().filter(|line| line.starts_with('#')).collect()
}

/// What its headings are called in a link: the rule that GitHub and mdBook share.
pub fn anchors(page: &str) -> BTreeSet<String> {
    let headings = headings(page).into_iter().filter_map(|line| line.trim_start_matches('#').strip_prefix(' '));
    let kept = |c: &char| c.is_alphanumeric() || ['-', '_', ' '].contains(c);
    headings.map(|heading| heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

#[test]
fn code_links_and_anchors_are_told_apart() {
    let page = "# Ports under 1024\n\nSee [a](b.md#c) and `[no](link)`.\n\n    gatepost run\n\n    gatepost status\n\n\
                1. In a list\n   with more of it:\n\n   ```sh\n   echo [x](y)\n   ```\n\n## `tls = \"off\"`, 日本語\n";
    assert_eq!(links(page), ["b.md#c"]);
    assert_eq!(spans(page), ["[no](link)", "tls = \"off\""]);
    assert_eq!(anchors(page), ["ports-under-1024", "tls--off-日本語"].map(str::to_owned).into());
    let blocks = blocks(page);
    assert_eq!(blocks.len(), 2, "{blocks:?}");
    assert_eq!(blocks[0].text.trim(), "gatepost run\n\ngatepost status");
    assert_eq!((blocks[1].kind.as_str(), blocks[1].text.as_str()), ("sh", "echo [x](y)\n"));
}
