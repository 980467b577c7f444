//! Enhanced status codes (RFC 3463 2): what a reply says beyond its code.

use std::fmt;

/// Class, subject and detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enhanced(pub u16, pub u16, pub u16);

impl Enhanced {
    /// The first word of a text, if it is one.
    pub fn at_start(text: &str) -> Option<Self> {
        let mut parts = text.split(' ').next()?.split('.').map(number);
        let code = Self(parts.next()??, parts.next()??, parts.next()??);
        (parts.next().is_none() && [2, 4, 5].contains(&code.0)).then_some(code)
    }
}

/// One to three digits.
fn number(text: &str) -> Option<u16> {
    let is_one = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_one)
}

impl fmt::Display for Enhanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(class, subject, detail) = self;
        write!(f, "{class}.{subject}.{detail}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_three_numbers_of_a_class_that_there_is_and_a_word_of_its_own() {
        for (text, wanted) in [
            ("5.1.1 User unknown", Some("5.1.1")),
            ("4.7.0", Some("4.7.0")),
            ("5.7.708 x", Some("5.7.708")),
            ("2.0.0 Ok", Some("2.0.0")),
            ("3.0.0 x", None),
            ("5.1 x", None),
            ("5.1.1.1 x", None),
            ("5.1.1: x", None),
            ("5.1.1234 x", None),
            ("5..1 x", None),
            ("5.+1.1 x", None),
            (" 5.1.1 x", None),
            ("no", None),
            ("", None),
        ] {
            assert_eq!(Enhanced::at_start(text).map(|code| code.to_string()).as_deref(), wanted, "{text:?}");
        }
    }
}
