//! The test message: RFC 5322 with what every server wants, and nothing of anybody's.

use crate::spool::random_word;

/// CRLF lines, dot-stuffed, without the final dot. `None`: this machine has no clock or no random numbers.
pub(super) fn write(from: &str, to: &str) -> Option<Vec<u8>> {
    let date = jiff::fmt::rfc2822::to_string(&jiff::ZonedDateTime::now()).ok()?;
    let id = random_word()?;
    Some(
        format!(
            "Date: {date}\r\nFrom: <{from}>\r\nTo: <{to}>\r\nSubject: Test message from gatepost doctor\r\n\
             Message-ID: <{id}@gatepost.invalid>\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=us-ascii\r\n\r\n\
             This is a test message of `gatepost doctor --send`. It shows that {from} can send.\r\n"
        )
        .into_bytes(),
    )
}
