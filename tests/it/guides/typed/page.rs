//! A page as a reader follows it: configurations to write, lines to type, and what it only shows, in its order.

use super::super::markdown::{Block, blocks, spans};

/// What a line begins with that somebody types.
const TOOLS: &[&str] = &[
    "gatepost",
    "sudo",
    "as-gatepost",
    "as-gatepost()",
    "aws",
    "cargo",
    "chmod",
    "curl",
    "docker",
    "echo",
    "install",
    "journalctl",
    "make",
    "openssl",
    "python3",
    "rm",
    "ssh",
];

#[derive(Debug, PartialEq, Eq)]
pub enum Part {
    Configuration(String),
    /// Lines of a shell, continued ones joined; a remark that stands alone is one of them.
    Typed(Vec<String>),
    /// Output, a file of another program, a drawing.
    Shown(String),
}

fn lines(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    joined.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn part(block: Block) -> Option<Part> {
    match block.kind.as_str() {
        "toml" => Some(Part::Configuration(block.text)),
        "" | "sh" => {
            let lines = lines(&block.text);
            let first = lines.iter().find(|line| !line.starts_with('#'))?.split(' ').next()?.to_owned();
            let is_script = block.text.starts_with("#!");
            Some(if TOOLS.contains(&first.as_str()) && !is_script {
                Part::Typed(lines)
            } else {
                Part::Shown(block.text)
            })
        }
        // PowerShell, JSON and YAML have tests of their own.
        _ => None,
    }
}

pub fn parts(page: &str) -> Vec<Part> {
    blocks(page).into_iter().filter_map(part).collect()
}

/// Every line that the page says to type, without remarks.
pub fn typed(page: &str) -> Vec<String> {
    let lines = parts(page).into_iter().flat_map(|part| if let Part::Typed(lines) = part { lines } else { Vec::new() });
    let bare = lines.map(|line| line.split(" #").next().unwrap_or_default().trim_end().to_owned());
    bare.filter(|line| !line.starts_with('#')).collect()
}

/// Calls of Gatepost within sentences.
pub fn spoken_of(page: &str) -> Vec<String> {
    spans(page).into_iter().filter(|span| super::super::commands::is_a_call(span)).collect()
}

#[test]
fn what_is_typed_is_told_from_what_is_shown() {
    let page = "# Page\n\n    gatepost run     # a remark\n\n```toml\n[app.x]\n```\n\n```sh\n#!/bin/sh\ncat\n```\n\n    550 no\n\n\
                ```\ncurl -v \\\n  there\n```\n";
    assert_eq!(
        parts(page),
        [
            Part::Typed(vec!["gatepost run     # a remark".to_owned()]),
            Part::Configuration("[app.x]\n".to_owned()),
            Part::Shown("#!/bin/sh\ncat\n".to_owned()),
            Part::Shown("550 no\n\n".to_owned()),
            Part::Typed(vec!["curl -v    there".to_owned()]),
        ]
    );
    assert_eq!(typed(page), ["gatepost run", "curl -v    there"]);
}
