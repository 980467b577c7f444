//! What may become a part of a command that somebody pastes: values come from strangers too, and a shell must take each for
//! nothing but a word. What is odd in a value of a stranger is not shown at all; what somebody typed here is quoted.

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

/// For a POSIX shell: an address or a path.
pub fn shell(value: &str) -> String {
    if is_harmless_path(value) {
        return value.to_owned();
    }
    let plain: String = value.chars().filter(|c| !c.is_control()).collect();
    format!("'{}'", plain.replace('\'', r"'\''"))
}
