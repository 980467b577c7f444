//! A string that cannot be printed by accident: passwords, tokens, client secrets.
//!
//! `Debug` shows a mask in every build, there is no `Display` and no `Serialize`, memory is wiped on drop.
//! `expose()` is the only way in; `tests/it/tidy.rs` holds the list of files that may call it.

use zeroize::Zeroizing;

/// A secret string. Compare two of them with [`Secret::matches`], never by exposing both.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The plain text, for the one place that needs it (the wire, a hash, a sealed file).
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Length in bytes; a length is not treated as secret.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Equality without an early exit on the first differing byte.
    pub fn matches(&self, other: &Secret) -> bool {
        let (a, b) = (self.0.as_bytes(), other.0.as_bytes());
        a.len() == b.len() && a.iter().zip(b).fold(0u8, |acc, (x, y)| acc | (x ^ y)) == 0
    }

    /// The same where there may be none.
    pub fn same(a: Option<&Secret>, b: Option<&Secret>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => a.matches(b),
            (a, b) => a.is_none() && b.is_none(),
        }
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_a_mask_in_every_build() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "[secret]");
    }

    #[test]
    fn equality_needs_the_same_length_and_bytes() {
        assert!(Secret::new("a").matches(&Secret::new("a")));
        assert!(!Secret::new("a").matches(&Secret::new("b")));
        assert!(!Secret::new("a").matches(&Secret::new("ab")));
    }
}
