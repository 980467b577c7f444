//! What may become a part of a command that somebody pastes: values come from strangers too, and a shell must take each for
//! nothing but a word. It refuses to quote: what is odd is not shown at all.

/// Of a value. An address has no more (RFC 5321 4.5.3.1).
const MOST: usize = 320;

/// Whether a shell takes it for nothing but a word: whoever reads a command may paste it.
pub fn is_harmless(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+@:".contains(c);
    !value.is_empty() && value.len() <= MOST && !value.starts_with('-') && value.chars().all(plain)
}

/// The same for what has slashes in it: a file, a URL without a query.
pub fn is_harmless_path(value: &str) -> bool {
    !value.is_empty() && value.len() <= MOST && value.split('/').all(|part| part.is_empty() || is_harmless(part))
}
